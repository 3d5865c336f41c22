package sde

import (
	"cmp"
	"fmt"
	"math"
)

// VE is the variance-exploding diffusion α = 1, σ(t) = SigmaMin(SigmaMax/SigmaMin)^t for t from 0 to
// 1. Noise of SigmaMin is left at t = 0: no time is clean data. The zero value is that of
// [song2021score], appendix C, for CIFAR-10: σ from 0.01 to 50. A VE is safe for concurrent use.
//
// References:
//
//	[song2021score]
type VE struct {
	SigmaMin, SigmaMax float64 // 0 means 0.01 and 50
}

func (v VE) sigmas() (lo, hi float64) { return cmp.Or(v.SigmaMin, 0.01), cmp.Or(v.SigmaMax, 50) }

// Check returns an error unless 0 < SigmaMin < SigmaMax.
func (v VE) Check() error {
	lo, hi := v.sigmas()
	return checkSigmas("VE", lo, hi)
}

func checkSigmas(name string, lo, hi float64) error {
	if !(lo > 0 && lo < hi) || math.IsInf(hi/lo, 1) {
		return fmt.Errorf("sde: %s with sigma from %v to %v: want 0 < SigmaMin < SigmaMax, finite with their ratio", name, lo, hi)
	}
	return nil
}

// At implements Schedule. σ is counted from the nearer end, so that both are exact.
func (v VE) At(t float64) Point {
	lo, hi := v.sigmas()
	rate := math.Log(hi / lo)
	sigma := lo * math.Exp(t*rate)
	if t > 0.5 {
		sigma = hi * math.Exp((t-1)*rate)
	}
	return Point{T: t, Alpha: 1, Sigma: sigma, DSigma: rate * sigma}
}

// Time implements Schedule.
func (v VE) Time(lambda float64) float64 {
	lo, hi := v.sigmas()
	return (-lambda - math.Log(lo)) / math.Log(hi/lo)
}

// Domain implements Schedule.
func (v VE) Domain() (tmin, tmax float64) { return 0, 1 }

// EDM is the diffusion of [karras2022edm], α = 1 and σ(t) = t: time is the noise scale. The zero
// value is theirs, σ from 0.002 to 80; σ = 0 at t = 0. An EDM is safe for concurrent use.
//
// References:
//
//	[karras2022edm]  T. Karras et al. Elucidating the Design Space of Diffusion-Based
//	                 Generative Models. NeurIPS 2022. https://arxiv.org/abs/2206.00364
type EDM struct {
	SigmaMin, SigmaMax float64 // 0 means 0.002 and 80
}

// Check returns an error unless 0 < SigmaMin < SigmaMax.
func (e EDM) Check() error {
	lo, hi := e.Domain()
	return checkSigmas("EDM", lo, hi)
}

// At implements Schedule.
func (EDM) At(t float64) Point { return Point{T: t, Alpha: 1, Sigma: t, DSigma: 1} }

// Time implements Schedule.
func (EDM) Time(lambda float64) float64 { return math.Exp(-lambda) }

// Domain implements Schedule.
func (e EDM) Domain() (tmin, tmax float64) {
	return cmp.Or(e.SigmaMin, 0.002), cmp.Or(e.SigmaMax, 80)
}
