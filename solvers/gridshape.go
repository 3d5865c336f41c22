package solvers

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/diffsolve/diffsolve/sde"
)

// QuadraticGrid is uniform in √t: steps shrink towards the data. It is the default for
// sampling, on which solvers of several kinds are near their best at small budgets.
type QuadraticGrid struct{ Zero }

// Name implements Grid.
func (QuadraticGrid) Name() string { return "quadratic" }

// About implements Grid.
func (QuadraticGrid) About() string { return "uniform in the square root of time" }

// Times implements Grid.
func (g QuadraticGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.spread(s, steps, func(p sde.Point) float64 { return math.Sqrt(p.T) }, func(u float64) float64 { return u * u })
}

// TimeGrid is uniform in time.
type TimeGrid struct{ Zero }

// Name implements Grid.
func (TimeGrid) Name() string { return "time" }

// About implements Grid.
func (TimeGrid) About() string { return "uniform in time" }

// Times implements Grid.
func (g TimeGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.spread(s, steps, func(p sde.Point) float64 { return p.T }, func(u float64) float64 { return u })
}

// LambdaGrid is uniform in λ, half the log signal-to-noise ratio. Other toolkits call it logSNR,
// lu, and exponential.
type LambdaGrid struct{ Zero }

// Name implements Grid.
func (LambdaGrid) Name() string { return "lambda" }

// About implements Grid.
func (LambdaGrid) About() string { return "uniform in lambda, half the log signal-to-noise ratio" }

// Times implements Grid.
func (g LambdaGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.spread(s, steps, sde.Point.Lambda, s.Time)
}

// KarrasGrid is uniform in κ^(1/Rho) [karras2022edm, eq. 5].
//
// References:
//
//	[karras2022edm]
type KarrasGrid struct {
	Zero
	Rho float64 `param:"rho" default:"7" about:"how far steps shrink towards the data"`
}

// Name implements Grid.
func (KarrasGrid) Name() string { return "karras" }

// About implements Grid.
func (KarrasGrid) About() string { return "uniform in kappa^(1/rho)" }

// Times implements Grid.
func (g KarrasGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	rho, err := positiveOr("rho", g.Rho, 7)
	if err != nil {
		return nil, err
	}
	return g.spread(s, steps,
		func(p sde.Point) float64 { return math.Pow(p.Kappa(), 1/rho) },
		func(u float64) float64 { return s.Time(-rho * math.Log(u)) })
}

// positiveOr returns the parameter v, or otherwise if it is 0, after a check that it is positive.
func positiveOr(name string, v, otherwise float64) (float64, error) {
	if v == 0 {
		return otherwise, nil
	}
	if !(v > 0) || math.IsInf(v, 1) {
		return 0, fmt.Errorf("%w: %s is %v, want a positive number", ErrParameter, name, v)
	}
	return v, nil
}

// ExponentialGrid is k-diffusion's name for LambdaGrid: uniform in log κ = -λ.
type ExponentialGrid struct{ LambdaGrid }

// Name implements Grid.
func (ExponentialGrid) Name() string { return "exponential" }

// About implements Grid.
func (ExponentialGrid) About() string { return "uniform in log kappa, the same as lambda" }

// PolyexponentialGrid is uniform in (log κ/κmin)^(1/Rho): with Rho 1 it is LambdaGrid, with more the steps
// in λ shrink towards the data. The rule is k-diffusion's.
type PolyexponentialGrid struct {
	Zero
	Rho float64 `param:"rho" default:"1" about:"how far steps in lambda shrink towards the data"`
}

// Name implements Grid.
func (PolyexponentialGrid) Name() string { return "polyexponential" }

// About implements Grid.
func (PolyexponentialGrid) About() string { return "uniform in (log kappa/kappa_min)^(1/rho)" }

// Times implements Grid.
func (g PolyexponentialGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	rho, err := positiveOr("rho", g.Rho, 1)
	if err != nil {
		return nil, err
	}
	tmin, _ := s.Domain()
	end := s.At(tmin).Lambda()
	return g.spread(s, steps,
		func(p sde.Point) float64 { return math.Pow(end-p.Lambda(), 1/rho) },
		func(u float64) float64 { return s.Time(end - math.Pow(u, rho)) })
}

// BetaGrid places the points at quantiles of a Beta(A, B) distribution over the range of a variable
// [lee2024beta]: with both below 1 they crowd at both ends. In is "kappa", the zero value, as
// diffusers has it, "lambda", or "time", as the paper and ComfyUI have it. B > A moves points towards the data.
//
// References:
//
//	[lee2024beta]  H. Lee et al. Beta Sampling is All You Need: Efficient Image Generation Strategy for
//	               Diffusion Models using Stepwise Spectral Analysis. 2024. https://arxiv.org/abs/2407.12173
type BetaGrid struct {
	Zero
	A  float64 `param:"a" default:"0.6" about:"exponent of the distribution at the data end"`
	B  float64 `param:"b" default:"0.6" about:"exponent of the distribution at the noise end"`
	In string  `param:"in" values:"kappa|lambda|time" about:"the variable that has the distribution"`
}

// Name implements Grid.
func (BetaGrid) Name() string { return "beta" }

// About implements Grid.
func (BetaGrid) About() string {
	return "quantiles of a Beta(a, b) distribution over kappa, lambda or time"
}

// Times implements Grid.
func (g BetaGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	a, err := positiveOr("a", g.A, 0.6)
	if err != nil {
		return nil, err
	}
	b, err := positiveOr("b", g.B, 0.6)
	if err != nil {
		return nil, err
	}
	var lo, width float64 // of the variable: its value at the data end, and what it gains to the noise end
	var u func(sde.Point) float64
	var time func(float64) float64
	in := g.In
	if in == "" {
		in = "kappa"
	}
	switch in {
	case "kappa":
		u, time = sde.Point.Kappa, func(u float64) float64 { return s.Time(-math.Log(u)) }
	case "lambda":
		u, time = sde.Point.Lambda, s.Time
	case "time":
		u, time = func(p sde.Point) float64 { return p.T }, func(u float64) float64 { return u }
	default:
		return nil, fmt.Errorf("%w: in is %q, want kappa, lambda or time", ErrParameter, g.In)
	}
	return g.place(s, steps, func(tmin, tmax float64) error {
		lo = u(s.At(tmin))
		width = u(s.At(tmax)) - lo
		if math.IsInf(width, 0) {
			return fmt.Errorf("%w: %s is infinite at time %v", ErrUnsuited, in, tmax)
		}
		return nil
	}, func(w float64) float64 { return time(lo + width*mathext.InvRegIncBeta(a, b, 1-w)) })
}

// KLOptimalGrid is uniform in arctan κ, the optimum of the Kullback-Leibler bound of [sabour2024ays] for normal
// data of standard deviation 1.
//
// References:
//
//	[sabour2024ays]  A. Sabour, S. Fidler and K. Kreis. Align Your Steps: Optimizing Sampling
//	                 Schedules in Diffusion Models. ICML 2024. https://arxiv.org/abs/2404.14507
type KLOptimalGrid struct{ Zero }

// Name implements Grid.
func (KLOptimalGrid) Name() string { return "kloptimal" }

// About implements Grid.
func (KLOptimalGrid) About() string { return "uniform in arctan kappa, optimal for normal data" }

// Times implements Grid.
func (g KLOptimalGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.spread(s, steps,
		func(p sde.Point) float64 { return math.Atan2(p.Sigma, p.Alpha) },
		func(u float64) float64 { return s.Time(-math.Log(math.Tan(u))) })
}

// LaplaceGrid is uniform in the distribution function of log κ under a Laplace law of location Mu and scale
// Beta [hang2024laplace]: most points lie near κ = e^Mu. The law is truncated to the schedule's range, where other
// toolkits clamp, which repeats the ends.
//
// References:
//
//	[hang2024laplace]  T. Hang et al. Improved Noise Schedule for Diffusion Training. 2024.
//	                   https://arxiv.org/abs/2407.03297
type LaplaceGrid struct {
	Zero
	Mu   float64 `param:"mu" about:"location of the law of log kappa"`
	Beta float64 `param:"beta" default:"0.5" about:"scale of the law of log kappa"`
}

// Name implements Grid.
func (LaplaceGrid) Name() string { return "laplace" }

// About implements Grid.
func (LaplaceGrid) About() string { return "quantiles of a Laplace law of log kappa" }

// Times implements Grid.
func (g LaplaceGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	beta, err := positiveOr("beta", g.Beta, 0.5)
	if err != nil {
		return nil, err
	}
	if math.IsNaN(g.Mu) || math.IsInf(g.Mu, 0) {
		return nil, fmt.Errorf("%w: mu is %v, want a finite number", ErrParameter, g.Mu)
	}
	// u is F - 1/2 for the distribution function F of z = (log κ - Mu)/Beta.
	return g.spread(s, steps,
		func(p sde.Point) float64 {
			z := (-p.Lambda() - g.Mu) / beta
			return math.Copysign(-math.Expm1(-math.Abs(z))/2, z)
		},
		func(u float64) float64 {
			z := math.Copysign(-math.Log1p(-2*math.Abs(u)), u)
			return s.Time(-(g.Mu + beta*z))
		})
}

// SGMGrid is TimeGrid with clean data in the place of its last time: the steps, one to clean data among
// them, are uniform up to tmin. It is the sgm_uniform of ComfyUI; without clean it is TimeGrid. (ComfyUI's
// normal is TimeGrid with clean.)
type SGMGrid struct{ Zero }

// Name implements Grid.
func (SGMGrid) Name() string { return "sgm" }

// About implements Grid.
func (SGMGrid) About() string {
	return "uniform in time, where clean data take the place of the last time"
}

// Times implements Grid.
func (g SGMGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.instead(s, steps, TimeGrid{}.Times)
}

// instead returns the times of a grid that ends at tmin, with the last replaced if the end is clean.
func (z Zero) instead(s sde.Schedule, steps int, times func(sde.Schedule, int) ([]float64, error)) ([]float64, error) {
	if err := z.check(s, steps); err != nil {
		return nil, err
	}
	grid, err := times(s, steps)
	if err != nil {
		return nil, err
	}
	grid[steps] = z.end(s)
	return grid, CheckGrid(s, grid)
}
