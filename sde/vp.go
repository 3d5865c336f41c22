package sde

import (
	"cmp"
	"fmt"
	"math"
)

// VP is the variance-preserving diffusion with β linear in t: β(t) = BetaMin + t(BetaMax - BetaMin).
// The zero value is the schedule of [song2021score]: β from 0.1 to 20, t from 1e-3 to 1.
// A VP is safe for concurrent use.
//
// References:
//
//	[song2021score]  Y. Song et al. Score-Based Generative Modeling through Stochastic
//	                 Differential Equations. ICLR 2021. https://arxiv.org/abs/2011.13456
type VP struct {
	BetaMin, BetaMax float64 // both 0 means 0.1 and 20
	TMin, TMax       float64 // 0 means 1e-3 and 1
}

// Check returns an error if the parameters do not describe a diffusion.
func (v VP) Check() error { return v.check("VP") }

// check is Check in the name of a schedule with the same signal scale.
func (v VP) check(name string) error {
	b0, b1 := v.betas()
	tmin, tmax := v.Domain()
	switch {
	case !(b0 >= 0 && b1 > 0) || math.IsInf(b0, 1) || math.IsInf(b1, 1):
		return fmt.Errorf("sde: %s with beta from %v to %v: want 0 <= BetaMin and 0 < BetaMax, finite", name, b0, b1)
	case !(tmin > 0 && tmin < tmax) || math.IsInf(tmax, 1):
		return fmt.Errorf("sde: %s with time from %v to %v: want 0 < TMin < TMax, finite", name, tmin, tmax)
	case !(b0+tmax*(b1-b0) >= 0):
		return fmt.Errorf("sde: %s with beta from %v to %v is negative at TMax %v", name, b0, b1, tmax)
	}
	if p := v.At(tmax); !(p.Alpha >= smallestNormal) {
		return fmt.Errorf("sde: %s with beta from %v to %v: alpha underflows at TMax %v", name, b0, b1, tmax)
	}
	return nil
}

// smallestNormal is the least positive float64 of full precision; an alpha below it has
// lost digits, and its lambda with them.
const smallestNormal = 0x1p-1022

func (v VP) betas() (b0, b1 float64) {
	if v.BetaMin == 0 && v.BetaMax == 0 {
		return 0.1, 20
	}
	return v.BetaMin, v.BetaMax
}

// At implements Schedule.
func (v VP) At(t float64) Point {
	logAlpha, rate := v.logAlpha(t)
	return vpPoint(t, logAlpha, rate)
}

// logAlpha returns log α and its time derivative.
func (v VP) logAlpha(t float64) (l, rate float64) {
	b0, b1 := v.betas()
	return -0.25*t*t*(b1-b0) - 0.5*t*b0, -0.5 * (b0 + t*(b1-b0))
}

// Time implements Schedule.
func (v VP) Time(lambda float64) float64 { return v.timeOf(vpLogAlpha(lambda)) }

// timeOf inverts logAlpha. With B = ∫β = b0 t + (b1-b0)t²/2 = -2 log α the root of the
// quadratic is taken in the form that does not cancel, t = 2B/(b0 + √(b0² + 2(b1-b0)B)).
func (v VP) timeOf(logAlpha float64) float64 {
	b0, b1 := v.betas()
	b := -2 * logAlpha
	return 2 * b / (b0 + math.Sqrt(b0*b0+2*(b1-b0)*b))
}

// Domain implements Schedule.
func (v VP) Domain() (tmin, tmax float64) {
	return cmp.Or(v.TMin, 1e-3), cmp.Or(v.TMax, 1)
}

// Cosine is the variance-preserving diffusion with α(t) = cos(θ)/cos(θ₀),
// θ = (t+s)/(1+s)·π/2, s = 0.008 [nichol2021, eq. 17]. α vanishes at t = 1, so the domain ends
// before it. The zero value is t from 1e-3 to 0.9946, the end that [lu2022dpm, appendix D.4]
// chose, where λ is -4.78. A Cosine is safe for concurrent use.
//
// References:
//
//	[nichol2021]  A. Nichol and P. Dhariwal. Improved Denoising Diffusion Probabilistic
//	              Models. ICML 2021. https://arxiv.org/abs/2102.09672
//	[lu2022dpm]   C. Lu et al. DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic
//	              Model Sampling in Around 10 Steps. NeurIPS 2022. https://arxiv.org/abs/2206.00927
type Cosine struct {
	TMin, TMax float64 // 0 means 1e-3 and 0.9946
}

const (
	cosineShift = 0.008
	cosineRate  = math.Pi / 2 / (1 + cosineShift) // dθ/dt
	cosineZero  = cosineShift * cosineRate        // θ₀
)

// Check returns an error if the times do not lie in (0, 1).
func (c Cosine) Check() error {
	if tmin, tmax := c.Domain(); !(0 < tmin && tmin < tmax && tmax < 1) {
		return fmt.Errorf("sde: Cosine with time from %v to %v: want 0 < TMin < TMax < 1", tmin, tmax)
	}
	return nil
}

// At implements Schedule.
//
// α = sin(π/2 - θ)/cos(θ₀) with π/2 - θ = (1-t)·rate is precise near t = 1, and
// σ² = (cos²θ₀ - cos²θ)/cos²θ₀ = sin(θ-θ₀) sin(θ+θ₀)/cos²θ₀ is precise near t = 0.
func (c Cosine) At(t float64) Point {
	b := t * cosineRate // θ - θ₀
	cos0 := math.Cos(cosineZero)
	alpha := math.Sin((1-t)*cosineRate) / cos0
	sigma := math.Sqrt(math.Sin(b)*math.Sin(b+2*cosineZero)) / cos0
	d := -cosineRate * math.Sin(b+cosineZero) / cos0
	return Point{T: t, Alpha: alpha, Sigma: sigma, DAlpha: d, DSigma: -alpha * d / sigma}
}

// Time implements Schedule. From cosθ = α cosθ₀ and α² = 1/(1+κ²),
//
//	tan²θ = (1+κ²)(1+tan²θ₀) - 1 = tan²θ₀ + κ²(1+tan²θ₀),
//
// so tanθ - tanθ₀ = κ²(1+tan²θ₀)/(tanθ + tanθ₀) without cancellation, and the arc
// tangent of the difference follows from the addition theorem.
func (c Cosine) Time(lambda float64) float64 {
	tan0 := math.Tan(cosineZero)
	k := math.Exp(-2*lambda) * (1 + tan0*tan0)
	tan := math.Sqrt(tan0*tan0 + k)
	if k > 1 { // the noise end: 1 - t is what must be precise
		return 1 - math.Atan(1/tan)/cosineRate
	}
	return math.Atan(k/(tan+tan0)/(1+tan*tan0)) / cosineRate
}

// Domain implements Schedule.
func (c Cosine) Domain() (tmin, tmax float64) {
	return cmp.Or(c.TMin, 1e-3), cmp.Or(c.TMax, 0.9946)
}
