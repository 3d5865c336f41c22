"""Goldens: what the schedulers of diffusers and the samplers of k-diffusion do on models that are known exactly.

    python -m venv v
    v/bin/pip install torch==2.15.0 numpy==2.4.6 scipy==1.17.1 diffusers==0.42.1 packaging huggingface_hub \
        importlib_metadata regex requests safetensors pillow httpx
    v/bin/pip install --no-deps k-diffusion==0.1.1.post1
    v/bin/python bench/peers/goldens.py            # from the root of the repository; all files
    v/bin/python bench/peers/goldens.py DDIM LMS   # those of some classes

It writes bench/scheduler/testdata/<class>.json, solvers/testdata/kdiffusion.json and solvers/testdata/adaptive.json. The Go tests
read those files and need no Python.

A case is a scheduler config, a number of steps and a problem; the initial state, the noise that was handed
out, in order, and what came back. States and noise are decimals of three digits, so that they are exact in the
file. The models are the built-in problems of bench/problem: their schedule is VP with beta from 0.1 to 20, and
the model is asked for timestep n at the time (n+1)/1000, as a network trained on 1000 steps would be.

Both toolkits compute tables and steps in float32. For the cases of precision "float64" the names torch.float32
and np.float32 of the scheduler's module are redirected to the float64 types, which changes no formula; those of
precision "float32" run the module as it is.
"""

import contextlib
import gzip
import inspect
import json
import math
import os
import struct
import sys
import types
import warnings
from unittest import mock

import numpy as np
import torch

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)

import diffusers  # noqa: E402
import scipy  # noqa: E402
import scipy.integrate  # noqa: E402

diffusers.utils.logging.set_verbosity_error()

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
COMMAND = "python bench/peers/goldens.py"


# ---- schedules of the problems: (log alpha, sigma) at a time, and the time of kappa = sigma/alpha ----

class VP:
    b0, b1 = 0.1, 20.0

    def at(self, t):
        la = -0.25 * t * t * (self.b1 - self.b0) - 0.5 * t * self.b0
        return math.exp(la), math.sqrt(-math.expm1(2 * la))

    def time(self, kappa):
        b = math.log1p(kappa * kappa)
        return 2 * b / (self.b0 + math.sqrt(self.b0**2 + 2 * (self.b1 - self.b0) * b))


class Flow:
    def at(self, t):
        return 1 - t, t


class VE:
    def at(self, t):
        return 1.0, t


# ---- models: the clean sample expected at x = alpha x0 + sigma eps, and the noise ----

class Mixture:
    def __init__(self, weights, means, covariances):
        self.w, self.m, self.c = np.array(weights, float), np.array(means, float), np.array(covariances, float)
        self.dim = self.m.shape[1]

    def eps(self, x, a, s):
        """sigma sum_k r_k C_k^-1 (x - alpha m_k)"""
        logs, dirs = [], []
        for w, m, c in zip(self.w, self.m, self.c):
            cov = a * a * c + s * s * np.eye(self.dim)
            d = x - a * m
            sol = np.linalg.solve(cov, d.T).T
            logs.append(math.log(w) - 0.5 * (d * sol).sum(1) - 0.5 * np.linalg.slogdet(cov)[1])
            dirs.append(sol)
        r = np.exp(np.array(logs) - np.max(logs, axis=0))
        r /= r.sum(0)
        return s * np.einsum("kn,knd->nd", r, np.array(dirs))

    def data(self, x, a, s):
        if a < 1e-3:  # x0 as the posterior mean, for there is no division by alpha in it
            logs, means = [], []
            for w, m, c in zip(self.w, self.m, self.c):
                cov = a * a * c + s * s * np.eye(self.dim)
                d = x - a * m
                sol = np.linalg.solve(cov, d.T).T
                logs.append(math.log(w) - 0.5 * (d * sol).sum(1) - 0.5 * np.linalg.slogdet(cov)[1])
                means.append(m + a * sol @ c)
            r = np.exp(np.array(logs) - np.max(logs, axis=0))
            r /= r.sum(0)
            return np.einsum("kn,knd->nd", r, np.array(means))
        return (x - s * self.eps(x, a, s)) / a


def digits(count):
    raw = gzip.decompress(open(os.path.join(ROOT, "scoremodel", "data", "digits8.bin.gz"), "rb").read())
    assert raw[:4] == b"DGT8"
    n, h, w = struct.unpack("<3I", raw[4:16])
    px = np.frombuffer(raw[16:16 + n * h * w], np.uint8).reshape(n, h * w).astype(float)
    return px[:count] / 8 - 1


PROBLEMS = {
    "gaussian": Mixture([1], [[0.7]], [[[0.25]]]),
    "mixture2d": Mixture(
        [0.30, 0.25, 0.20, 0.15, 0.10],
        [[-1.5, 0.2], [1.2, 1.0], [0.3, -1.4], [1.9, -0.8], [-0.4, 1.8]],
        [[[0.12, 0.05], [0.05, 0.06]], [[0.10, -0.06], [-0.06, 0.10]], [[0.20, 0], [0, 0.05]],
         [[0.05, 0.02], [0.02, 0.09]], [[0.08, 0.04], [0.04, 0.08]]]),
    "digits10": Mixture([0.1] * 10, digits(10), [0.15**2 * np.eye(64)] * 10),  # the first ten
}
ROWS = {"gaussian": 3, "mixture2d": 3, "digits10": 1}


def rounded(rng, rows, dim):
    return np.round(rng.standard_normal((rows, dim)), 3)


# ---- diffusers ----

class Redirect:
    """A module seen with its float32 being float64."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, "float64" if name == "float32" else name)


@contextlib.contextmanager
def precision(cls, which, noise):
    module = sys.modules[cls.__module__]
    saved = {k: module.__dict__[k] for k in ("torch", "np", "randn_tensor") if k in module.__dict__}
    if which == "float64":
        for k in ("torch", "np"):
            if k in saved:
                module.__dict__[k] = Redirect(saved[k])
    else:
        torch.set_default_dtype(torch.float32)
    if "randn_tensor" in saved:
        module.__dict__["randn_tensor"] = noise
    try:
        yield
    finally:
        module.__dict__.update(saved)
        torch.set_default_dtype(torch.float64)


EDM = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")
FLOW = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler")


def predict(name, sched, model, x, fed, t):
    """What the network would return. fed is the state as the scheduler feeds it, t its timestep."""
    config, t = sched.config, float(t)
    if name in EDM:
        sigma = math.exp(4 * t)
        p = VP().time(sigma)
        a, s = VP().at(p)
        data = model.data(a * x, a, s)
        sd = config.sigma_data
        out = sd * sigma / math.sqrt(sigma**2 + sd**2)
        if config.prediction_type == "v_prediction":
            out = -out
        return (data - sd**2 / (sigma**2 + sd**2) * x) / out
    if name in FLOW:
        u = t / config.num_train_timesteps
        a, s = Flow().at(u)
        data = model.data(fed, a, s)
        return (fed - a * data) / s - data if s else -data
    if name == "IPNDMScheduler":
        a, s = math.cos(t * math.pi / 2), math.sin(t * math.pi / 2)
        data = model.data(fed, a, s)
        return a * (fed - a * data) / s - s * data
    a, s = VP().at((t + 1) / config.num_train_timesteps)
    eps = model.eps(fed, a, s)
    if config.prediction_type == "sample":
        return (fed - s * eps) / a
    if config.prediction_type == "v_prediction":
        return a * eps - s * (fed - s * eps) / a
    return eps


def run(name, config, steps, problem, args=None, which="float64", seed=1):
    cls = getattr(diffusers.schedulers, name)
    model, rows = PROBLEMS[problem], ROWS[problem]
    rng = np.random.default_rng(seed)
    start, noise = rounded(rng, rows, model.dim), []
    dtype = torch.float64 if which == "float64" else torch.float32

    def draw(shape, generator=None, device=None, dtype=None):
        z = rounded(rng, rows, model.dim)
        noise.append(z)
        return torch.tensor(z, dtype=dtype).reshape(shape)

    case = {"config": {"_class_name": name, **config}, "steps": steps, "problem": problem, "precision": which}
    if args:
        case["args"] = args
    try:
        with precision(cls, which, draw), torch.no_grad():
            sched = cls.from_config({"_class_name": name, **config})
            step_args = dict(args or {})
            sched.set_timesteps(steps, **({"mu": step_args.pop("mu")} if "mu" in step_args else {}))
            shape = (rows, 1, model.dim)  # rows, channels and one more, as thresholding wants it
            x = torch.tensor(start, dtype=dtype).reshape(shape) * float(sched.init_noise_sigma if name not in FLOW else 1)
            # The initial state is written as the scheduler gets it.
            case["timesteps"] = [float(t) for t in sched.timesteps]
            if hasattr(sched, "sigmas"):
                case["sigmas"] = [float("%.12g" % float(s)) for s in sched.sigmas]
            case["x"] = x.double().numpy().ravel().tolist()
            for i, t in enumerate(sched.timesteps):
                if hasattr(sched, "scale_model_input"):
                    fed = sched.scale_model_input(x, t)
                else:
                    fed = x
                flat = [v.double().numpy().reshape(rows, model.dim) for v in (x, fed)]
                out = predict(name, sched, model, *flat, t)
                x = sched.step(torch.tensor(out, dtype=dtype).reshape(shape), t, x, **step_args).prev_sample
        case["noise"] = [z.ravel().tolist() for z in noise]
        if not noise:
            del case["noise"]
        result = x.double().numpy().ravel()
        case["result"] = result.tolist() if np.isfinite(result).all() else None
    except Exception as e:  # a case that the class refuses or breaks on is a golden too
        case = {k: case[k] for k in ("config", "steps", "problem", "precision", "args") if k in case}
        case["error"] = "%s: %s" % (type(e).__name__, str(e).strip().split("\n")[0][:200])
    return case


SPACINGS = ("leading", "linspace", "trailing")
PREDICTIONS = ("epsilon", "sample", "v_prediction")


def sweep(name, base, steps=(5, 10, 20, 50), variants=(), problem="mixture2d", spacings=SPACINGS, predictions=PREDICTIONS,
          args=None, clip=None):
    """The cases of a class: the base config at each number of steps, and each variant."""
    cases = []

    def add(config, n, p=problem, a=args, which="float64"):
        cases.append(run(name, {**(clip or {}), **base, **config}, n, p, a, which))

    for n in steps:
        add({}, n)
    for s in spacings:
        add({"timestep_spacing": s}, 7)
        add({"timestep_spacing": s, "steps_offset": 1} if s == "leading" else {"timestep_spacing": s}, 10)
    for p in predictions:
        add({"prediction_type": p}, 10, "gaussian")
        if p != "epsilon":
            add({"prediction_type": p}, 5)
    add({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}, 10)
    add({"beta_schedule": "squaredcos_cap_v2"}, 10)
    add({}, 10, "digits10")
    add({}, 10, which="float32")
    for v in variants:
        v = dict(v)
        n, a, p, w = v.pop("N", 10), v.pop("ARGS", args), v.pop("PROBLEM", problem), v.pop("WHICH", "float64")
        add(v, n, p, a, w)
    return cases


def sigma_grids(ends=True, lu=False):
    grids = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"] + (["use_lu_lambdas"] if lu else [])
    out = []
    for g in grids:
        for n in (5, 10, 20):
            out.append({g: True, "N": n})
        if ends:
            out.append({g: True, "final_sigmas_type": "sigma_min"})
    if ends:
        out.append({"final_sigmas_type": "sigma_min"})
        out.append({"final_sigmas_type": "sigma_min", "N": 20})
    return out


def dpm_variants(single=False):
    out = []
    for alg in ("dpmsolver++", "dpmsolver", "sde-dpmsolver++") + (() if single else ("sde-dpmsolver",)):
        end = {} if "++" in alg else {"final_sigmas_type": "sigma_min"}
        for order in (1, 2, 3):
            for kind in ("midpoint", "heun") if order == 2 or single and order == 3 else ("midpoint",):
                for n in (5, 20) if alg.startswith("sde") else (5, 10, 20):
                    out.append({"algorithm_type": alg, "solver_order": order, "solver_type": kind, "N": n, **end})
    return out


def repeated(orders=({"solver_order": 1}, {"solver_order": 2}, {"solver_order": 3})):
    """As many steps as timesteps: rounding repeats a level."""
    return [{"num_train_timesteps": 7, "N": 7, "PROBLEM": "gaussian", **o} for o in orders]


NO_CLIP = {"clip_sample": False}

CLASSES = {
    "DDIM": lambda: sweep("DDIMScheduler", {}, clip=NO_CLIP, variants=[
        {"set_alpha_to_one": False}, {"set_alpha_to_one": False, "steps_offset": 1, "N": 50}, {"clip_sample": True},
        {"clip_sample": True, "prediction_type": "v_prediction"}, {"clip_sample": True, "clip_sample_range": 1.5},
        {"thresholding": True, "sample_max_value": 3.0, "PROBLEM": "digits10"},
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"},
        {"ARGS": {"eta": 0.5}}, {"ARGS": {"eta": 1.0}}, {"ARGS": {"eta": 1.0}, "N": 50}, {"clip_sample": True, "ARGS": {"eta": 0.7}},
        {"clip_sample": True, "ARGS": {"use_clipped_model_output": True}}, {"timestep_spacing": "linspace", "N": 15},
        {"timestep_spacing": "trailing", "N": 15, "set_alpha_to_one": False}, {"num_train_timesteps": 500}]),
    "DDPM": lambda: sweep("DDPMScheduler", {}, clip=NO_CLIP, variants=[
        {"variance_type": v} for v in ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log")] + [
        {"clip_sample": True}, {"beta_schedule": "sigmoid"}, {"thresholding": True, "sample_max_value": 3.0, "PROBLEM": "digits10"},
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}]),
    "DDIMInverse": lambda: sweep("DDIMInverseScheduler", {}, clip=NO_CLIP, spacings=("leading", "trailing"), predictions=("epsilon", "v_prediction"),
        variants=[{"set_alpha_to_one": False}, {"set_alpha_to_one": False, "prediction_type": "sample"}, {"prediction_type": "sample"}]),
    "PNDM": lambda: sweep("PNDMScheduler", {}, predictions=("epsilon", "v_prediction"), variants=[
        {"skip_prk_steps": True, "N": n} for n in (5, 10, 20, 50)] + [
        {"skip_prk_steps": True, "timestep_spacing": s, "N": n} for s in SPACINGS for n in (7, 10)] + [
        {"skip_prk_steps": True, "set_alpha_to_one": True}, {"set_alpha_to_one": True}, {"skip_prk_steps": True, "prediction_type": "v_prediction"},
        {"skip_prk_steps": True, "steps_offset": 1, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "N": 20}]),
    "IPNDM": lambda: [run("IPNDMScheduler", {}, n, p) for n in (5, 10, 20, 50) for p in ("gaussian", "mixture2d")] +
        [run("IPNDMScheduler", {}, 10, "digits10")],
    "EulerDiscrete": lambda: sweep("EulerDiscreteScheduler", {}, variants=sigma_grids() + [
        {"interpolation_type": "log_linear"}, {"sigma_min": 0.1, "sigma_max": 50.0, "use_karras_sigmas": True},
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"},
        {"ARGS": {"s_churn": 4.0}}, {"ARGS": {"s_churn": 4.0, "s_tmin": 0.1, "s_tmax": 20.0, "s_noise": 1.01}, "N": 20},
        {"sigma_max": 200.0, "use_karras_sigmas": True}]),
    "EulerAncestral": lambda: sweep("EulerAncestralDiscreteScheduler", {}, predictions=("epsilon", "v_prediction"), variants=[
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}]),
    "Heun": lambda: sweep("HeunDiscreteScheduler", {"beta_start": 0.0001, "beta_end": 0.02}, variants=sigma_grids(ends=False) + [
        {"clip_sample": True}, {"beta_schedule": "exp"}, {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 50.0}]),
    "KDPM2": lambda: sweep("KDPM2DiscreteScheduler", {"beta_start": 0.0001, "beta_end": 0.02}, predictions=("epsilon", "v_prediction"),
        variants=sigma_grids(ends=False)),
    "KDPM2Ancestral": lambda: sweep("KDPM2AncestralDiscreteScheduler", {"beta_start": 0.0001, "beta_end": 0.02}, steps=(5, 10, 20),
        predictions=("epsilon", "v_prediction"), variants=sigma_grids(ends=False)),
    "LMS": lambda: sweep("LMSDiscreteScheduler", {}, variants=sigma_grids(ends=False) + [{"ARGS": {"order": k}} for k in (1, 2, 3)] + [
        {g: True, "sigma_min": 0.1, "sigma_max": 50.0} for g in ("use_karras_sigmas", "use_exponential_sigmas")]),
    "DPMSolverMultistep": lambda: sweep("DPMSolverMultistepScheduler", {}, variants=repeated() + dpm_variants() + sigma_grids(lu=True) + [
        {"euler_at_final": True, "final_sigmas_type": "sigma_min", "N": 20}, {"lower_order_final": False, "final_sigmas_type": "sigma_min"},
        {"lambda_min_clipped": -5.1, "beta_schedule": "squaredcos_cap_v2"}, {"thresholding": True, "sample_max_value": 3.0, "PROBLEM": "digits10"},
        {"use_lu_lambdas": True, "solver_order": 3, "final_sigmas_type": "sigma_min", "N": 20, "WHICH": "float32"},
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"},
        {"solver_type": "bh2"}, {"algorithm_type": "deis"}, {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 50.0},
        {"timestep_spacing": "linspace", "skip_prk_steps": True, "_use_default_values": ["timestep_spacing"]},
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "prediction_type": "v_prediction"},
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "prediction_type": "sample"}]),
    "DPMSolverSinglestep": lambda: sweep("DPMSolverSinglestepScheduler", {}, spacings=(), variants=repeated() + dpm_variants(single=True) + sigma_grids() + [
        {"lower_order_final": True, "solver_order": 3, "N": n} for n in (5, 6, 7)] + [
        {"lower_order_final": False, "solver_order": 3, "N": 9, "final_sigmas_type": "sigma_min"}]),
    "UniPC": lambda: sweep("UniPCMultistepScheduler", {}, variants=repeated() + [
        {"solver_order": k, "solver_type": b, "N": n, **({"final_sigmas_type": "sigma_min"} if b == "bh1" else {})}
        for k in (1, 2, 3) for b in ("bh1", "bh2") for n in (5, 10, 20)] + sigma_grids() + [
        {"solver_type": "bh1"}, {"predict_x0": False, "final_sigmas_type": "sigma_min"}, {"predict_x0": False, "solver_order": 3, "final_sigmas_type": "sigma_min"},
        {"disable_corrector": [0, 1, 2]}, {"lower_order_final": False, "final_sigmas_type": "sigma_min"}, {"solver_type": "midpoint"},
        {"predict_x0": False, "final_sigmas_type": "sigma_min", "prediction_type": "v_prediction"},
        {"thresholding": True, "sample_max_value": 3.0, "PROBLEM": "digits10"},
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}]),
    "DEIS": lambda: sweep("DEISMultistepScheduler", {}, variants=repeated() + [{"solver_order": k, "N": n} for k in (1, 2, 3) for n in (5, 10, 20)] +
        sigma_grids(ends=False) + [{"lower_order_final": False}, {"solver_type": "midpoint"}, {"algorithm_type": "dpmsolver++"}]),
    "SASolver": lambda: sweep("SASolverScheduler", {}, steps=(5, 10, 20), variants=repeated(
        [{"predictor_order": 1, "corrector_order": 1}, {}]) + [
        {"predictor_order": p, "corrector_order": c} for p, c in ((1, 1), (2, 2), (3, 3), (3, 4), (2, 0))] + sigma_grids(ends=False)),
    "EDMEuler": lambda: [run("EDMEulerScheduler", c, n, p) for n in (5, 10, 20, 50) for p in ("gaussian", "mixture2d")
                         for c in ({}, {"sigma_schedule": "exponential", "sigma_min": 0.02})] +
        [run("EDMEulerScheduler", c, 10, "mixture2d") for c in ({"final_sigmas_type": "sigma_min", "sigma_min": 0.02}, {"prediction_type": "v_prediction"}, {"rho": 3.0}, {"sigma_data": 1.0})] +
        [run("EDMEulerScheduler", {}, 10, "mixture2d", {"s_churn": 4.0}), run("EDMEulerScheduler", {}, 10, "mixture2d", which="float32")],
    "EDMDPMSolverMultistep": lambda: [run("EDMDPMSolverMultistepScheduler", {"solver_order": k, "solver_type": s, "algorithm_type": a}, n, "mixture2d")
                                      for k in (1, 2, 3) for s in ("midpoint", "heun") for a in ("dpmsolver++", "sde-dpmsolver++") for n in (5, 20)] +
        [run("EDMDPMSolverMultistepScheduler", c, n, "gaussian") for n in (10, 50) for c in (
            {}, {"sigma_schedule": "exponential"}, {"sigma_min": 0.02, "sigma_max": 40.0}, {"final_sigmas_type": "sigma_min"}, {"euler_at_final": True})],
    "FlowMatchEuler": lambda: [run("FlowMatchEulerDiscreteScheduler", c, n, p) for n in (5, 10, 20, 50) for p in ("gaussian", "mixture2d")
                               for c in ({}, {"shift": 3.0})] +
        [run("FlowMatchEulerDiscreteScheduler", c, 10, "mixture2d") for c in (
            {"use_karras_sigmas": True}, {"use_exponential_sigmas": True}, {"use_beta_sigmas": True}, {"shift_terminal": 0.1},
            {"stochastic_sampling": True}, {"num_train_timesteps": 500})] + [run("FlowMatchEulerDiscreteScheduler", {}, 10, "digits10")] + [
            run("FlowMatchEulerDiscreteScheduler", {"use_dynamic_shifting": True, "time_shift_type": k, "shift": 3.0}, n, "mixture2d", {"mu": 0.8})
            for k in ("exponential", "linear") for n in (5, 10)],
    "FlowMatchHeun": lambda: [run("FlowMatchHeunDiscreteScheduler", c, n, p) for n in (5, 10, 20, 50) for p in ("gaussian", "mixture2d")
                              for c in ({}, {"shift": 3.0})] + [run("FlowMatchHeunDiscreteScheduler", {}, 10, "digits10")],
}


# ---- what the classes read, and their tables ----

NAMES = ("DDIMScheduler", "DDPMScheduler", "DDIMInverseScheduler", "PNDMScheduler", "IPNDMScheduler", "EulerDiscreteScheduler",
         "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler",
         "LMSDiscreteScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "UniPCMultistepScheduler",
         "DEISMultistepScheduler", "SASolverScheduler", *EDM, *FLOW)


def signatures():
    """The fields of each class and their defaults; null for negative infinity and for the empty list too."""
    out = []
    for name in NAMES:
        parameters = inspect.signature(getattr(diffusers.schedulers, name).__init__).parameters
        fields = {k: p.default for k, p in parameters.items() if k not in ("self", "kwargs")}
        fields = {k: None if v == -math.inf or v == [] else v for k, v in fields.items()}
        out.append({"class": name, "fields": fields})
    return out


def tables():
    """Sums over the timesteps and sigmas of each class: their number, their sum and the sum weighted by the index."""
    out = []
    for name in NAMES:
        cls = getattr(diffusers.schedulers, name)
        spacings = SPACINGS if "timestep_spacing" in inspect.signature(cls.__init__).parameters else (None,)
        grids = [None] + [g for g in ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")
                          if g in inspect.signature(cls.__init__).parameters]
        for spacing in spacings:
            for grid in grids if spacing in (None, "linspace") else [None]:
                for n in (1, 2, 10, 15, 20, 25, 30, 50, 61, 999, 1000):
                    config = {"_class_name": name}
                    if spacing:
                        config["timestep_spacing"] = spacing
                    if grid:
                        config[grid] = True
                    row = {"config": config, "steps": n}
                    try:
                        with precision(cls, "float64", None):
                            sched = cls.from_config(config)
                            sched.set_timesteps(n)
                        row["timesteps"] = sums(sched.timesteps)
                        if hasattr(sched, "sigmas"):
                            row["sigmas"] = sums(sched.sigmas)
                        row["least"] = float(sched.timesteps.min())
                    except Exception as e:
                        row["error"] = type(e).__name__
                    out.append(row)
    return out


def sums(x):
    x = x.double().numpy()
    return [float("%.12g" % v) for v in (len(x), x.sum(), (x * np.arange(len(x))).sum())]


# ---- k-diffusion ----

def load_k_diffusion():
    import importlib.util
    names = ("torchdiffeq", "torchsde", "torchvision", "torchvision.transforms", "tqdm", "tqdm.auto", "PIL", "requests", "safetensors")
    for name in names:
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = mock.MagicMock()
    sys.modules["tqdm.auto"] = types.SimpleNamespace(trange=lambda n, **k: range(n), tqdm=lambda x, **k: x)
    folder = importlib.util.find_spec("k_diffusion").submodule_search_locations[0]
    package = types.ModuleType("k_diffusion")  # without its __init__, which imports everything
    package.__path__ = [folder]
    sys.modules["k_diffusion"] = package
    import k_diffusion.sampling
    return k_diffusion.sampling


def k_cases():
    kd = load_k_diffusion()
    grids = {"karras": kd.get_sigmas_karras, "exponential": kd.get_sigmas_exponential, "polyexponential": kd.get_sigmas_polyexponential}
    cases = []
    samplers = [("sample_euler", {}), ("sample_euler", {"s_churn": 4.0}), ("sample_heun", {}), ("sample_heun", {"s_churn": 4.0}), ("sample_dpm_2", {}),
                ("sample_dpm_2", {"s_churn": 4.0}), ("sample_lms", {}), ("sample_lms", {"order": 3}), ("sample_euler_ancestral", {}), ("sample_euler_ancestral", {"eta": 0.5}),
                ("sample_dpm_2_ancestral", {}), ("sample_dpm_2_ancestral", {"eta": 0.5}), ("sample_dpmpp_2s_ancestral", {"eta": 0.0}), ("sample_dpmpp_2s_ancestral", {"eta": 1.0}),
                ("sample_dpmpp_2m", {}), ("sample_dpmpp_2m_sde", {}), ("sample_dpmpp_2m_sde", {"solver_type": "heun", "eta": 0.5}),
                ("sample_dpmpp_2m_sde", {"eta": 0.0}), ("sample_dpmpp_3m_sde", {}), ("sample_dpmpp_3m_sde", {"eta": 0.5}), ("sample_dpmpp_3m_sde", {"eta": 0.0}),
                ("sample_dpmpp_sde", {}), ("sample_dpmpp_sde", {"eta": 0.0}), ("sample_dpmpp_sde", {"eta": 0.5, "r": 0.4})]
    for sampler, args in samplers:
        for problem, grid, n, zero in (("gaussian", "karras", 10, True), ("mixture2d", "karras", 5, True), ("mixture2d", "karras", 10, False),
                                       ("mixture2d", "exponential", 20, True), ("mixture2d", "polyexponential", 7, True)):
            model, rows = PROBLEMS[problem], ROWS[problem]
            rng, noise, intervals = np.random.default_rng(2), [], []
            smin, smax = (0.05, 20.0)
            sigmas = grids[grid](n, smin, smax) if zero else grids[grid](n + 1, smin, smax)[:-1]
            sigmas = sigmas.double()
            x0 = np.round(rounded(rng, rows, model.dim) * smax, 3)

            def denoise(x, sigma, **_):
                return torch.tensor(model.data(x.numpy(), 1.0, float(sigma[0])))

            def draw(*interval):
                z = rounded(rng, rows, model.dim)
                noise.append(z)
                if interval:
                    intervals.append([float(v) for v in interval])
                return torch.tensor(z)

            call = dict(args)
            if "ancestral" in sampler or sampler in ("sample_dpmpp_sde", "sample_dpmpp_2m_sde", "sample_dpmpp_3m_sde"):
                call["noise_sampler"] = draw
            with torch.no_grad(), mock.patch.object(kd.torch, "randn_like", lambda x: draw()):
                out = getattr(kd, sampler)(denoise, torch.tensor(x0), sigmas, disable=True, **call)
            case = {"sampler": sampler, "args": args, "problem": problem, "grid": grid, "sigmas": sigmas.tolist(), "x": x0.ravel().tolist()}
            if noise:
                case["noise"] = [z.ravel().tolist() for z in noise]
            case["result"] = out.numpy().ravel().tolist()
            cases.append(case)
    return cases


# ---- adaptive steps, of k-diffusion and of SciPy ----

def adaptive_cases():
    """One row each, as both choose the steps of a whole batch at once.

    k-diffusion adds 1e-8 to every error, lest it divide by zero, which moves the steps after very small errors. "result" is
    without that and "shipped" with it; no count differs. "cut" counts the rejected steps that ended at the end of the run: k-diffusion
    shortens them from the length that they were cut from.
    """
    kd, cases = load_k_diffusion(), []
    smin, smax = 0.02, 20.0
    controller = kd.PIDStepSizeController
    for problem in ("gaussian", "mixture2d", "digits10"):
        for order in (2, 3):
            for rtol, atol in ((0.05, 0.0078), (1e-3, 1e-3), (1e-4, 1e-5)):
                model, rng = PROBLEMS[problem], np.random.default_rng(3)
                x0 = np.round(rounded(rng, 1, model.dim) * smax, 3)

                def denoise(x, sigma, **_):
                    return torch.tensor(model.data(x.numpy(), 1.0, float(sigma[0])))

                def sample(eps):
                    def with_eps(*args):
                        return controller(*args, eps=eps)

                    with torch.no_grad(), mock.patch.object(kd, "tqdm", mock.MagicMock()), mock.patch.object(kd, "PIDStepSizeController", with_eps):
                        return kd.sample_dpm_adaptive(denoise, torch.tensor(x0), smin, smax, order=order, rtol=rtol, atol=atol, return_info=True,
                                                      callback=watch)

                state = {}

                def watch(i):  # before the proposal it was at state["t"], with state["h"] to go
                    cut = i["n_reject"] > state["rejected"] and state["t"] + state["h"] > -math.log(smin)
                    state.update(t=float(i["t"]), h=float(i["h"]), rejected=i["n_reject"], cut=state["cut"] + cut)

                def begin():
                    state.update(t=-math.log(smax), h=0.05, rejected=0, cut=0)

                begin()
                shipped, info_shipped = sample(1e-8)
                begin()
                out, info = sample(0.0)
                assert info == info_shipped, (problem, order, rtol)
                cases.append({"sampler": "sample_dpm_adaptive", "problem": problem, "order": order, "rtol": rtol, "atol": atol, "from": smax, "to": smin,
                              "x": x0.ravel().tolist(), "accepted": info["n_accept"], "rejected": info["n_reject"], "cut": state["cut"], "nfe": info["nfe"],
                              "result": out.numpy().ravel().tolist(), "shipped": shipped.numpy().ravel().tolist()})
    vp = VP()
    for problem in ("gaussian", "mixture2d", "digits10"):
        for tolerance in (1e-3, 1e-5, 1e-7):
            model, rng = PROBLEMS[problem], np.random.default_rng(3)

            def flow(t, x):
                a, s = vp.at(t)
                beta = vp.b0 + (vp.b1 - vp.b0) * t
                return beta / 2 * (model.eps(x[None], a, s)[0] / s - x)

            x0 = rounded(rng, 1, model.dim)[0]
            first = scipy.integrate.RK45(flow, 1.0, x0, 1e-3, rtol=tolerance, atol=tolerance).h_abs
            out = scipy.integrate.solve_ivp(flow, (1.0, 1e-3), x0, method="RK45", rtol=tolerance, atol=tolerance)
            accepted = len(out.t) - 1
            cases.append({"sampler": "RK45", "problem": problem, "rtol": tolerance, "atol": tolerance, "from": 1.0, "to": 1e-3, "x": x0.tolist(),
                          "first": first, "accepted": accepted, "rejected": (out.nfev - 2) // 6 - accepted, "nfe": out.nfev, "result": out.y[:, -1].tolist()})
    return cases


# ---- files ----

def write(path, source, cases):
    versions = {"torch": torch.__version__.split("+")[0], "numpy": np.__version__, "scipy": scipy.__version__}
    path = os.path.join(ROOT, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        head = {"source": source, "versions": versions, "command": COMMAND,
                "precision": "float64: float32 of the scheduler's module redirected to float64; float32: as shipped"}
        f.write(json.dumps(head)[:-1] + ',\n"cases": [\n')
        f.write(",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases) + "\n]}\n")
    errors = [c["error"] for c in cases if "error" in c] + ["not finite" for c in cases if c.get("result", 0) is None]
    print("%-60s %3d cases, %4d kB %s" % (os.path.relpath(path, ROOT), len(cases), os.path.getsize(path) // 1000, errors or ""))


def main():
    wanted = sys.argv[1:] or list(CLASSES) + ["signatures", "tables", "kdiffusion", "adaptive"]
    for name in wanted:
        if name in ("signatures", "tables"):
            make = signatures if name == "signatures" else tables
            write("bench/scheduler/testdata/%s/diffusers.json" % name, "diffusers " + diffusers.__version__, make())
            continue
        if name == "adaptive":
            write("solvers/testdata/adaptive.json", "k-diffusion 0.1.1.post1, scipy " + scipy.__version__, adaptive_cases())
        elif name == "kdiffusion":
            write("solvers/testdata/kdiffusion.json", "k-diffusion 0.1.1.post1", k_cases())
        else:
            write("bench/scheduler/testdata/%s.json" % name.lower(), "diffusers " + diffusers.__version__, CLASSES[name]())


if __name__ == "__main__":
    main()
