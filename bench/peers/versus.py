"""The peers' side of `bench versus`: other toolkits doing the same work, timed on request.

    python -m venv peers
    peers/bin/pip install torch==2.15.0 numpy==2.4.6 scipy==1.17.1 diffusers==0.42.1 torchsde==0.2.6 diffrax==0.7.2 packaging \
        huggingface_hub importlib_metadata regex requests safetensors pillow httpx
    peers/bin/pip install --no-deps k-diffusion==0.1.1.post1
    go run ./bench versus --python peers/bin/python

It reads one JSON object a line, {"work": name}, makes one round of that work with each peer that does it, and answers with one line,
{"work": name, "seconds": {peer: seconds per unit}}. The first request for a work sets it up and warms it up. A work is
"step/<solver>/<elements>", "normals/<elements>", "score/<data>" or "run/<what>"; the units are a step, a normal, a call and a run.

Everything is as fast as a user can make it: inference mode, subnormals flushed to zero, compiled where the toolkit compiles. All is
float64, but for what a toolkit insists on (UniPC of diffusers takes float32 only). With one thread the time is the process' CPU time, so that a busy machine does not count;
with more it is the wall's.
"""

import argparse
import gzip
import importlib.util
import json
import math
import os
import struct
import sys
import time
import types
import warnings
from unittest import mock

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--least", type=float, default=0.03, help="seconds that a round takes at least")
arguments = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(arguments.threads)
if arguments.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np  # noqa: E402
import torch  # noqa: E402

warnings.filterwarnings("ignore")
torch.set_num_threads(arguments.threads)
torch.set_flush_denormal(True)
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)

clock = time.process_time if arguments.threads == 1 else time.perf_counter
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


# ---- the problems: VP with beta from 0.1 to 20, time in [0.001, 1] ----

B0, B1 = 0.1, 20.0


def alpha_sigma(t):
    la = -0.25 * t * t * (B1 - B0) - 0.5 * t * B0
    return math.exp(la), math.sqrt(-math.expm1(2 * la))


def ring():
    """Eight normals of standard deviation 0.3 on a circle of radius 4."""
    a = 2 * math.pi * np.arange(8) / 8
    return 4 * np.stack([np.cos(a), np.sin(a)], 1), 0.3


def wide():
    return np.random.default_rng(0).standard_normal((1000, 64)), 0.1


def digits():
    raw = gzip.open(os.path.join(ROOT, "scoremodel", "data", "digits8.bin.gz")).read()
    n, h, w = struct.unpack("<3I", raw[4:16])
    return np.frombuffer(raw, np.uint8, n * h * w, 16).reshape(n, h * w) / 8.0 - 1, 0.05


class Mixture:
    """The exact noise prediction of equal isotropic normals, as two matrix products and a soft-max."""

    def __init__(self, means, std):
        self.m = torch.tensor(means)
        self.mt = self.m.T.contiguous()
        self.squares = (self.m**2).sum(1) / 2
        self.std = std

    def __call__(self, x, t):
        a, s = alpha_sigma(t)
        v = a * a * self.std**2 + s * s
        w = torch.softmax(torch.addmm(self.squares, x, self.mt, beta=-a * a / v, alpha=a / v), 1)
        return (x - a * (w @ self.m)) * (s / v)


class NumpyMixture:
    def __init__(self, means, std):
        self.m, self.std = means, std
        self.squares = (means**2).sum(1) / 2

    def __call__(self, x, t):
        a, s = alpha_sigma(t)
        v = a * a * self.std**2 + s * s
        z = (a / v) * (x @ self.m.T) - (a * a / v) * self.squares
        z -= z.max(1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(1, keepdims=True)
        return (x - a * (z @ self.m)) * (s / v)


# ---- (a) steps without a model ----

def scheduler(solver):
    import diffusers

    diffusers.utils.logging.set_verbosity_error()
    common = dict(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02)
    return {
        "ddim": lambda: diffusers.DDIMScheduler(clip_sample=False, **common),
        "ddpm": lambda: diffusers.DDPMScheduler(clip_sample=False, **common),
        "dpm++2m": lambda: diffusers.DPMSolverMultistepScheduler(**common),
        "dpm++3m": lambda: diffusers.DPMSolverMultistepScheduler(solver_order=3, **common),
        "sdedpm++2m": lambda: diffusers.DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++", **common),
        "unipc": lambda: diffusers.UniPCMultistepScheduler(**common),
        "eulerkappa": lambda: diffusers.EulerDiscreteScheduler(**common),
        "deis": lambda: diffusers.DEISMultistepScheduler(solver_order=3, **common),
    }[solver]


STEPS = 20


def step_work(solver, elements):
    make = scheduler(solver)
    x0, e = torch.randn(elements, 1, 1, 1), torch.randn(elements, 1, 1, 1)
    start0, e0 = (x0.float(), e.float()) if solver == "unipc" else (x0, e)

    def diffusers_round():
        # UniPC mixes the default type with the sample's, and needs it to be float32.
        torch.set_default_dtype(torch.float32 if solver == "unipc" else torch.float64)
        s = make()
        s.set_timesteps(STEPS)
        if solver == "eulerkappa":
            s.scale_model_input(x0, s.timesteps[0])
        x = start0
        start = clock()
        for t in s.timesteps:
            x = s.step(e0, t, x, return_dict=False)[0]
        elapsed = clock() - start
        torch.set_default_dtype(torch.float64)
        return elapsed / STEPS

    peers = {"diffusers": diffusers_round}
    name = {"dpm++2m": "sample_dpmpp_2m", "eulerkappa": "sample_euler", "sdedpm++2m": "sample_dpmpp_2m_sde"}.get(solver)
    if name:
        kd = k_diffusion()
        sigmas = torch.linspace(10, 0.1, STEPS + 1)

        def k_diffusion_round():
            options = {"noise_sampler": lambda a, b: torch.randn_like(x0)} if solver == "sdedpm++2m" else {}
            start = clock()
            getattr(kd, name)(lambda x, s, **k: e, x0, sigmas, disable=True, **options)
            return (clock() - start) / STEPS

        peers["k-diffusion"] = k_diffusion_round
    return peers


def k_diffusion():
    if "k_diffusion" not in sys.modules:
        for name in ("torchdiffeq", "tqdm", "PIL", "torchvision", "torchvision.transforms"):
            try:
                importlib.import_module(name)
            except ImportError:
                sys.modules[name] = mock.MagicMock()
        sys.modules["tqdm.auto"] = types.SimpleNamespace(trange=lambda n, **k: range(n), tqdm=lambda x, **k: x)
        package = types.ModuleType("k_diffusion")  # without its __init__, which imports everything
        package.__path__ = importlib.util.find_spec("k_diffusion").submodule_search_locations
        sys.modules["k_diffusion"] = package
    import k_diffusion.sampling

    return k_diffusion.sampling


# ---- (b) normals ----

def normal_work(elements):
    out = torch.empty(elements)
    rng = np.random.Generator(np.random.SFC64(1))
    buffer = np.empty(elements)

    def timed(f):
        def one():
            start = clock()
            f()
            return (clock() - start) / elements
        return one

    return {"torch": timed(lambda: out.normal_()), "numpy": timed(lambda: rng.standard_normal(out=buffer))}


# ---- (c) scores ----

def score_work(data):
    means, std = {"wide": wide, "digits": digits}[data]()
    x = np.random.default_rng(1).standard_normal((256, means.shape[1]))
    x = 0.8 * means[:256] + 0.6 * x
    t = 0.2  # alpha and sigma are about 0.8 and 0.6
    model, plain, xt = Mixture(means, std), NumpyMixture(means, std), torch.tensor(x)

    def timed(f):
        def one():
            start = clock()
            f()
            return clock() - start
        return one

    return {"torch": timed(lambda: model(xt, t)), "numpy": timed(lambda: plain(x, t))}


# ---- (d) whole runs ----

def run_work(what):
    data, method = what.split("/")
    means, std = {"ring": ring, "digits": digits}[data]()
    rows = {"ring": 4096, "digits": 256}[data]
    model = Mixture(means, std)
    x0 = torch.randn(rows, means.shape[1])

    def timed(f):
        def one():
            start = clock()
            f()
            return clock() - start
        return one

    if method in ("ddim50", "ddpm1000"):
        import diffusers

        kind = {"ddim50": diffusers.DDIMScheduler, "ddpm1000": diffusers.DDPMScheduler}[method]
        steps = int(method[4:])

        def diffusers_run():
            s = kind(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, clip_sample=False)
            s.set_timesteps(steps)
            x = x0
            for t in s.timesteps:
                x = s.step(model(x, (float(t) + 1) / 1000), t, x, return_dict=False)[0]

        return {"diffusers": timed(diffusers_run)}

    if method in ("rk45-1e-4", "rk45-1e-6", "dop853-1e-4", "dop853-1e-6"):
        import scipy.integrate

        plain, y0, tolerance = NumpyMixture(means, std), x0.numpy().ravel(), float(method.split("-", 1)[1])

        def field(t, y):
            x = y.reshape(rows, -1)
            _, s = alpha_sigma(t)
            beta = B0 + t * (B1 - B0)
            return (-beta / 2 * (x - plain(x, t) / s)).ravel()

        scheme = "RK45" if method.startswith("rk45") else "DOP853"
        peers = {"scipy": timed(lambda: scipy.integrate.solve_ivp(field, (1, 1e-3), y0, method=scheme, rtol=tolerance, atol=tolerance))}
        if scheme == "RK45":
            peers["diffrax"] = timed(diffrax_ode(means, std, x0.numpy(), tolerance))
        return peers

    if method == "reversesde1000":
        import torchsde

        class Reverse(torch.nn.Module):
            noise_type, sde_type = "diagonal", "ito"

            def f(self, s, y):  # s = 1 - t
                t = 1 - float(s)
                _, sigma = alpha_sigma(t)
                beta = B0 + t * (B1 - B0)
                return beta / 2 * y - beta * model(y, t) / sigma

            def g(self, s, y):
                t = 1 - float(s)
                return torch.full_like(y, math.sqrt(B0 + t * (B1 - B0)))

        ts, system = torch.tensor([0, 0.999]), Reverse()
        return {"torchsde": timed(lambda: torchsde.sdeint(system, x0, ts, dt=0.999 / 1000, method="euler"))}

    if method == "sdedpm++2mtree50":
        kd = k_diffusion()
        sigmas = torch.tensor([s / a for a, s in (alpha_sigma(t) for t in np.linspace(1, 1e-3, 51))])

        def denoiser(x, sigma, **options):
            k = float(sigma[0])
            b = math.log1p(k * k)
            t = 2 * b / (B0 + math.sqrt(B0 * B0 + 2 * (B1 - B0) * b))
            a, _ = alpha_sigma(t)
            return x - k * model(a * x, t)

        return {"k-diffusion": timed(lambda: kd.sample_dpmpp_2m_sde(denoiser, x0 * sigmas[0], sigmas, disable=True))}
    raise KeyError(what)


def diffrax_ode(means, std, x0, tolerance):
    import jax

    jax.config.update("jax_enable_x64", True)
    import diffrax
    import jax.numpy as jnp

    m = jnp.asarray(means)
    squares = (m**2).sum(1) / 2

    def field(t, x, _):
        la = -0.25 * t * t * (B1 - B0) - 0.5 * t * B0
        a, s2 = jnp.exp(la), -jnp.expm1(2 * la)
        v = a * a * std**2 + s2
        w = jax.nn.softmax((a / v) * (x @ m.T) - (a * a / v) * squares, axis=1)
        beta = B0 + t * (B1 - B0)
        return -beta / 2 * (x - (x - a * (w @ m)) / v)

    @jax.jit
    def solve(x):
        return diffrax.diffeqsolve(diffrax.ODETerm(field), diffrax.Dopri5(), 1.0, 1e-3, None, x,
                                   stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance)).ys

    x = jnp.asarray(x0)
    return lambda: solve(x).block_until_ready()


def work(name):
    kind, rest = name.split("/", 1)
    if kind == "step":
        solver, elements = rest.split("/")
        return step_work(solver, int(elements))
    return {"normals": lambda r: normal_work(int(r)), "score": score_work, "run": run_work}[kind](rest)


known = {}
answers, sys.stdout = sys.stdout, sys.stderr  # what a toolkit prints must not come between
for line in sys.stdin:
    name = json.loads(line)["work"]
    try:
        if name not in known:
            known[name] = work(name)
            for one in known[name].values():
                one()
        seconds = {}
        for peer, one in known[name].items():
            times, began = [one()], time.perf_counter()
            while time.perf_counter() - began < arguments.least:
                times.append(one())
            seconds[peer] = sorted(times)[len(times) // 2]
        answer = {"work": name, "seconds": seconds}
    except Exception as e:  # the other side goes on without this work
        answer = {"work": name, "error": f"{type(e).__name__}: {e}"}
    print(json.dumps(answer), file=answers, flush=True)
