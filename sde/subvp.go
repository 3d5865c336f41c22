package sde

import "math"

// SubVP is the diffusion with the signal scale of VP and less noise, σ = 1 - α²: the
// sub-variance-preserving SDE of [song2021score], section 3.4, with g² = β(1 - α⁴). Its fields and
// their defaults are those of VP. A SubVP is safe for concurrent use.
//
// References:
//
//	[song2021score]
type SubVP struct {
	BetaMin, BetaMax float64 // both 0 means 0.1 and 20
	TMin, TMax       float64 // 0 means 1e-3 and 1
}

// Check returns an error if the parameters do not describe a diffusion.
func (v SubVP) Check() error { return VP(v).check("SubVP") }

// At implements Schedule.
func (v SubVP) At(t float64) Point {
	l, rate := VP(v).logAlpha(t)
	alpha := math.Exp(l)
	d := rate * alpha
	return Point{T: t, Alpha: alpha, Sigma: -math.Expm1(2 * l), DAlpha: d, DSigma: -2 * alpha * d}
}

// Time implements Schedule. κ = 1/α - α = 2 sinh(-log α). Where that overflows, e^(2λ) is 0
// beside 1, and log α = λ.
func (v SubVP) Time(lambda float64) float64 {
	l := lambda
	if lambda > -700 {
		l = -math.Asinh(math.Exp(-lambda) / 2)
	}
	return VP(v).timeOf(l)
}

// Domain implements Schedule.
func (v SubVP) Domain() (tmin, tmax float64) { return VP(v).Domain() }
