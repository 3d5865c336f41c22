// Package solvers samples from diffusion models: every method is a [Solver], and
// [Sample] runs it.
//
//	vp := sde.VP{}
//	p := solvers.Problem{Schedule: vp, Model: model, Dim: 64}
//	x := solvers.Prior(vp, 1, 16, 64)                    // 16 rows of noise from seed 1
//	res, err := solvers.Sample(ctx, solvers.DPMSolverPP2M{}, p, x, nil)
//
// A Solver is a small value, the formula of a paper and its parameters; Start binds it to
// a problem and returns the stepper that carries history and workspace. The zero value
// of each type is the paper's default. The catalogue, [Catalog], lists all of them; adding one is one value and
// one line there, and tests, certificates, benchmarks and the command line follow.
//
// # What exponential methods share
//
// With λ = log(α/σ) the probability flow has a linear part that can be integrated
// exactly, in two ways [lu2022dpm, lu2022dpmpp]. Over a step of length h in λ, with the
// prediction m a function of λ,
//
//	noise:  x_t = (α_t/α_s)x_s - σ_t ∫₀ʰ e^(h-u) ε(u) du
//	data:   x_t = (σ_t/σ_s)x_s + α_t ∫₀ʰ e^(u-h) x₀(u) du
//
// Both read carry·x + gain·|z|·∫e^(z(1-θ)) m dθ with z = h or -h, and the integral of a
// polynomial m is a combination of the functions φ₁, φ₂, … at z. A method is written once and serves both.
// Single-step methods are tableaus of such functions, see [ExpTableau].
//
// # What multistep methods share
//
// One engine takes every linear multistep step: exact linear part and noise, and a combination of the
// latest predictions for the integral. A method is a rule for the weights. The exact rule, Adams', integrates the polynomial through
// the predictions in λ, κ or t, on any grid; constant weights, halved derivatives and the like are rules too. A
// method of order q has q-1 predictions to wait for. Begun with lower orders, as
// most are published, its order is 2 whatever q (3 with a corrector): settings named starter, or the
// absence of ramp, begin with single steps that keep the order. [Adams] is the classical kind, of package ode, on the flow as it is.
//
// # Stochasticity
//
// One number says how much noise a sampler adds: tau, from 0, the probability flow, to 1, the
// reverse SDE; beyond 1 it goes on. Members of the family
//
//	dx = [f x + (1+τ²)/2 g²/σ ε] dt + τ g dW
//
// have the same marginals. The texts' other parameters are conversions of it: the eta of k-diffusion's SDE samplers
// and the squared lambda of gDDIM are τ²; the eta of DDIM and of ancestral samplers scales the
// noise of a step, η²σ_t²(1 - e^(-2h)) against σ_t²(1 - e^(-2τ²h)), and so agrees at 0 and at 1 and
// for small steps. See [TauOfEta] and its kin.
//
// Stochastic methods in time are tableaus of package sde, see [StochasticRungeKutta]. Those of strong order 1.5 ask the noise for the
// space-time Lévy area besides the increment of the path.
//
// # The end of a run
//
// A grid ends at the schedule's tmin, where a little noise is left, or goes on to a time where
// σ = 0, which is clean data. λ is infinite there. Whatever the method, the step to clean data is the
// model's prediction of it at the time before, one evaluation and no noise: the limit of every consistent method, without
// infinities. A method whose own formula reaches σ = 0 may say so, see [Finisher].
//
// # The start of a run
//
// The first time of a grid is where λ is finite, as a rule. A schedule may begin with pure noise instead, α = 0: sde.Flow
// with TMax 1, and tables with zero terminal SNR. There a noise prediction or a score says nothing of the data and is
// refused; with the other kinds the first step is one evaluation and x = σ_t/σ_s x + α_t x₀, the limit of every
// consistent method, and the solver begins after it. Methods that step in time, on the flow itself, take that step as any other.
//
// # Adaptive steps
//
// With Settings.Control the solver chooses its steps. For the probability flow that is a matter of an embedded method, such as dp5. For the
// reverse SDE a step that was rejected must find its Brownian path again, or the samples have another law: Problem.Noise is then an
// sde.Tree over the run's times, and the solver one of sra1, sra2, sra3, shark and stochasticheun, the methods of weak order 2. The tolerance bounds what a
// step misses of the path. On any other noise, and with any other stochastic solver, such runs are refused.
//
// # Inversion and editing
//
// [Invert] runs a method of the probability flow from data to noise, and [InvertPair] an exactly reversible one.
// [StartAt], [Strength] and [Renoise] start a run from a noised sample, [RePaint] fills in what of a sample is not known, and
// [CFGPP] guides. Guidance and thresholds that are properties of the prediction alone are in package scoremodel.
//
// # Error control
//
// Settings.Control puts a tolerance in the place of a grid, for solvers whose Info says Adaptive: classical and exponential Runge–Kutta
// methods with an embedded row, and Adams methods with a corrector. Each row of the state has steps of its own. Methods in λ and κ
// choose their steps in λ, see [Paced], those in time in t.
//
// The error at the end is within ten times the tolerance, as a rule within five: that is certified for all pairs from 1e-2 to 1e-8 on flows
// with a closed form. For [Adams], whose estimate is of the result itself, the errors of all steps add up. It does not hold for rows
// of one element, whose estimate may pass through zero, nor where a tolerance of 1e-2 can lead to another mode of the data.
//
// Control finds the number of steps, and where they must be short. Against a quadratic grid whose number of steps was found beforehand it takes,
// at equal error on the problem mixture2d, 0.5 to 1.2 times the evaluations at 1e-6, 0.7 to 1.4 times at 1e-4 and 1.2 to 2.3 times at 1e-2; on normal
// data, for which that grid is hard to beat, 0.4 to 2.2 times from 1e-6 to 1e-4, and up to 2.8 times at 1e-2. "bench compare --tolerances" measures it.
//
// The pairs of DPM-Solver's paper are [DPMSolver] under [DPMSolverControl] or [KDiffusionControl], and the ODE sampler of
// [song2021score] is ode.DP5 in time under [RK45Control]. [StepRule] finds them by name.
//
// # Likelihood
//
// [LogLikelihood] carries a sample to noise together with the integral of the flow's divergence, under error control, and so finds the
// density of what the flow makes of noise, in nats and in bits per dimension.
//
// # Methods that do not converge
//
// Some methods are made for models that were distilled, or approximate a law that no step count makes exact. Their Info says
// Approximate, and they claim no order; everything else that solvertest checks holds for them.
//
// # Reproducibility
//
// Noise is keyed by the row's number, rows never mix, and adaptive runs choose steps row
// by row. The result for a row is the same to the bit for any batch, split or number of workers, provided
// the model treats rows independently.
//
// # What is certified
//
// [Trace] computes a solver's coefficient table, from which equivalences of solvers are proved
// for every model at once, and exact errors on normal data, stochastic solvers included. Package
// solvertest checks the orders that [Info] claims. Those are of nonlinear scores; normal data may show more.
package solvers
