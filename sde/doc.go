// Package sde says what the noise of a diffusion is: the schedule of signal and
// noise, the transitions between two times, the Brownian motion that drives
// sampling, and methods for stochastic differential equations with additive noise.
//
// Conventions. Time t runs from tmin, near the data, to tmax, near pure noise;
// samplers run it down. The state at t is x = α(t)x₀ + σ(t)ε with ε a standard
// normal. From α and σ follow
//
//	λ = log(α/σ)           half the log signal-to-noise ratio; falls with t
//	κ = σ/α = exp(-λ)      the "sigma" of EDM and k-diffusion
//	f = α'/α               drift of dx = f x dt + g dW
//	g² = (σ²)' - 2fσ²      squared diffusion
//
// The schedules are VP, Cosine and Discrete, which preserve variance, SubVP, the
// variance-exploding VE and EDM, and the interpolants Flow and TrigFlow. At t = 0 all of them but
// VE have σ = 0, exactly. At t = 1 a Flow, and a Discrete after RescaledZeroSNR, have α = 0.
//
// A variance-preserving schedule has α² + σ² = 1, f = -β/2 and g² = β. The DDPM
// step n = 0..T-1 of a table of T betas is the time t = (n+1)/T. Beware that the
// DDIM paper writes α for what is α² here.
//
// Small numbers keep their relative precision at both ends: σ near the data, α near
// the noise, and the time found from a λ. Steps in λ are differences of two λ, whose error is that of
// λ itself.
//
//	vp := sde.VP{}                                 // β from 0.1 to 20, t from 1e-3 to 1
//	p := vp.At(0.5)                                // p.Alpha, p.Sigma, p.Lambda()
//	t := vp.Time(0)                                // where signal and noise are equal
//	w := sde.Fresh{Seed: 7}.Path(0, rows, dim)     // a Brownian path for each row
//
// # Noise
//
// A [Noise] is where Brownian paths come from. The kinds differ in what a path remembers:
//
//	Fresh     nothing: an increment is drawn for each interval that is asked for, which is all that a fixed grid needs
//	GridPath  the path between the times of a grid: runs on coarser grids of the same times see the same path
//	Tree      the path at all times of an interval: for adaptive steps, and for one path at any number of steps
//	Replay    normals that were recorded elsewhere
//
// An increment W comes with the space-time Lévy area H of its interval where a path is a [SpaceTime], as that of each of these is; [Chen] joins
// intervals. A Tree costs some ten times what Fresh does, more for rows of few elements.
//
// # Methods
//
// A [System] has additive noise, as diffusion models do. [EulerMaruyama] and the methods of [Tableaus] step it; a [Tableau] is a
// stochastic Runge–Kutta method written in W and H. What an evaluation of the drift buys:
//
//	                    evaluations  needs  weak order  strong order
//	EulerMaruyama       1            W      1           1
//	SEA                 1            W, H   1           1
//	StochasticMidpoint  2            W      1           1
//	StochasticHeun      2            W      2           1
//	SRA1, SRA2, ShARK   2            W, H   2           1.5
//	SRA3                3            W, H   2           1.5
//
// Steps are adapted to a tolerance with [Tableau.Estimator], a step against its two halves on the same path. Only the methods of weak
// order 2 are accepted, and only on a path that remembers: see [Tableau.Adaptive].
//
// A [DiagonalSystem], whose diffusion depends on the state, has the Euler–Maruyama method, of strong order 1/2, and Milstein's, of 1. No
// diffusion model needs them: they show what additive noise spares.
//
// This package does not know what a network predicts: see package scoremodel.
package sde
