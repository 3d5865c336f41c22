package sde

import (
	"cmp"
	"fmt"
	"math"
)

// Flow is the straight path from data to noise, α = 1 - t and σ = t: rectified flow
// [liu2023rectified] and flow matching with the optimal-transport path [lipman2023flow]. Its velocity
// is ε - x₀, which package scoremodel calls a prediction of kind Flow.
//
// The zero value is t from 1e-3 to 0.999, where λ is ±6.9. TMax may be 1, where α = 0: there the state is
// pure noise, λ is infinite, and neither a noise prediction nor a score says anything of the data. A Flow
// is safe for concurrent use.
//
// References:
//
//	[liu2023rectified]  X. Liu, C. Gong and Q. Liu. Flow Straight and Fast: Learning to
//	                    Generate and Transfer Data with Rectified Flow. ICLR 2023. https://arxiv.org/abs/2209.03003
//	[lipman2023flow]    Y. Lipman et al. Flow Matching for Generative Modeling. ICLR 2023.
//	                    https://arxiv.org/abs/2210.02747
type Flow struct {
	TMin, TMax float64 // 0 means 1e-3 and 0.999
}

// Check returns an error unless 0 < TMin < TMax <= 1.
func (f Flow) Check() error {
	if tmin, tmax := f.Domain(); !(0 < tmin && tmin < tmax && tmax <= 1) {
		return fmt.Errorf("sde: Flow with time from %v to %v: want 0 < TMin < TMax <= 1", tmin, tmax)
	}
	return nil
}

// At implements Schedule.
func (Flow) At(t float64) Point { return Point{T: t, Alpha: 1 - t, Sigma: t, DAlpha: -1, DSigma: 1} }

// Time implements Schedule. κ = t/(1-t).
func (Flow) Time(lambda float64) float64 { return 1 / (1 + math.Exp(lambda)) }

// Domain implements Schedule.
func (f Flow) Domain() (tmin, tmax float64) { return cmp.Or(f.TMin, 1e-3), cmp.Or(f.TMax, 0.999) }

// TrigFlow is the circular path α = cos t, σ = sin t of [lu2025scm], for data scaled to
// standard deviation 1. It preserves variance, and t is the angle arctan κ.
//
// The zero value has the paper's range, κ from 0.002/0.5 to 80/0.5: t from 0.004 to 1.5645. A TrigFlow is
// safe for concurrent use.
//
// References:
//
//	[lu2025scm]  C. Lu and Y. Song. Simplifying, Stabilizing and Scaling Continuous-Time
//	             Consistency Models. ICLR 2025. https://arxiv.org/abs/2410.11081
type TrigFlow struct {
	TMin, TMax float64 // 0 means arctan 0.004 and arctan 160
}

// Check returns an error unless 0 < TMin < TMax < π/2.
func (f TrigFlow) Check() error {
	if tmin, tmax := f.Domain(); !(0 < tmin && tmin < tmax && tmax < math.Pi/2) {
		return fmt.Errorf("sde: TrigFlow with time from %v to %v: want 0 < TMin < TMax < π/2", tmin, tmax)
	}
	return nil
}

// At implements Schedule.
func (TrigFlow) At(t float64) Point {
	sin, cos := math.Sincos(t)
	return Point{T: t, Alpha: cos, Sigma: sin, DAlpha: -sin, DSigma: cos}
}

// Time implements Schedule.
func (TrigFlow) Time(lambda float64) float64 { return math.Atan(math.Exp(-lambda)) }

// Domain implements Schedule.
func (f TrigFlow) Domain() (tmin, tmax float64) {
	return cmp.Or(f.TMin, math.Atan(0.004)), cmp.Or(f.TMax, math.Atan(160))
}
