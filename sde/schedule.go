package sde

import (
	"fmt"
	"math"
)

// A Schedule is the perturbation kernel x(t) = α(t)x(0) + σ(t)ε of a diffusion.
// Implementations are immutable and safe for concurrent use.
type Schedule interface {
	// At evaluates the schedule at time t of the domain.
	At(t float64) Point

	// Time returns the t at which Point.Lambda equals lambda. Outside the range
	// of the domain it extrapolates or returns a time that is not in the domain.
	Time(lambda float64) float64

	// Domain returns the first and last usable time: near data, near noise.
	Domain() (tmin, tmax float64)
}

// A Point is a Schedule evaluated at one time. Its zero value is not a point of any schedule.
type Point struct {
	T              float64
	Alpha, Sigma   float64 // signal and noise scale
	DAlpha, DSigma float64 // their time derivatives
}

// Lambda returns half the log signal-to-noise ratio, log(α/σ).
func (p Point) Lambda() float64 { return math.Log(p.Alpha / p.Sigma) }

// DLambda returns the time derivative of Lambda, which is negative.
func (p Point) DLambda() float64 { return p.DAlpha/p.Alpha - p.DSigma/p.Sigma }

// Kappa returns σ/α.
func (p Point) Kappa() float64 { return p.Sigma / p.Alpha }

// F returns the drift coefficient f = α'/α.
func (p Point) F() float64 { return p.DAlpha / p.Alpha }

// G2 returns the squared diffusion coefficient g² = 2σσ' - 2fσ², which is -2σ²λ'.
func (p Point) G2() float64 { return -2 * p.Sigma * p.Sigma * p.DLambda() }

// Reverse returns the coefficients of the reverse-time equation
//
//	dx = (a·x + b·ε) dt + c dW
//
// whose marginals are those of the forward diffusion when ε is the exact noise
// prediction, for the stochasticity tau: 0 is the probability flow ODE and 1 the
// reverse SDE of Anderson; c = tau·g.
//
// From dx = [f x - (1+τ²)/2 g² ∇log p] dt + τ g dW with ∇log p = -ε/σ: [song2021score],
// equations 6 and 13.
func (p Point) Reverse(tau float64) (a, b, c float64) {
	g2 := p.G2()
	return p.F(), (1 + tau*tau) / 2 * g2 / p.Sigma, tau * math.Sqrt(g2)
}

// H returns λ(to) - λ(from): positive when sampling, from noise to data. Both
// logarithms are taken whole, so the error of h is that of λ, some 1e-16·|λ|.
func H(from, to Point) float64 { return to.Lambda() - from.Lambda() }

// Transition returns the forward kernel from one point to a noisier one:
// x(to) given x(from) is normal with mean scale·x(from) and standard deviation std
// in every coordinate. std is NaN if to is less noisy than from.
//
// std² = σ_to² - (α_to/α_from)²σ_from² = σ_to²(1 - e^{2(λ_to - λ_from)}).
func Transition(from, to Point) (scale, std float64) {
	return to.Alpha / from.Alpha, to.Sigma * math.Sqrt(-math.Expm1(2*H(from, to)))
}

// Perturb writes αx₀ + σε at p to dst: a sample at time p.T. It panics if the lengths
// differ. dst may be x0 or eps.
func Perturb(dst, x0, eps []float64, p Point) {
	if len(x0) != len(dst) || len(eps) != len(dst) {
		panic("sde: slice length mismatch")
	}
	for i := range dst {
		dst[i] = p.Alpha*x0[i] + p.Sigma*eps[i]
	}
}

// CheckTime returns an error unless t lies in the domain of s.
func CheckTime(s Schedule, t float64) error {
	tmin, tmax := s.Domain()
	if !(t >= tmin && t <= tmax) {
		return fmt.Errorf("sde: time %v is outside the schedule's domain [%v, %v]", t, tmin, tmax)
	}
	return nil
}

// vpPoint returns the variance-preserving point with log α = logAlpha ≤ 0 and
// d(log α)/dt = rate.
//
// σ² = 1 - α² = -expm1(2 log α) keeps its digits where α is near 1, and σ' = -αα'/σ.
func vpPoint(t, logAlpha, rate float64) Point {
	alpha, sigma := math.Exp(logAlpha), math.Sqrt(-math.Expm1(2*logAlpha))
	d := rate * alpha
	return Point{T: t, Alpha: alpha, Sigma: sigma, DAlpha: d, DSigma: -alpha * d / sigma}
}

// vpLogAlpha returns log α of the variance-preserving point with the given λ:
// α² = 1/(1+e^{-2λ}), so log α = -log(1+e^{-2λ})/2, written so that neither sign of λ
// overflows or rounds to 0.
func vpLogAlpha(lambda float64) float64 {
	if lambda < 0 {
		return lambda - math.Log1p(math.Exp(2*lambda))/2
	}
	return -math.Log1p(math.Exp(-2*lambda)) / 2
}
