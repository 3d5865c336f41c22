package solvers

import "math"

// The stochasticity of the catalogue is tau (package documentation). These are the
// parameters of other texts for the same thing.
//
// References:
//
//	[karras2022edm], [zhang2023gddim]

// TauOfEta returns the tau whose step from λ to λ+h adds as much noise as DDIM with the given
// eta: σ²(1-e^(-2τ²h)) = η²σ²(1-e^(-2h)). It depends on h; for small h, and at eta 0 and 1, tau is eta.
func TauOfEta(eta, h float64) float64 {
	return math.Sqrt(-math.Log1p(eta*eta*math.Expm1(-2*h)) / (2 * h))
}

// EtaOfTau is the inverse of TauOfEta.
func EtaOfTau(tau, h float64) float64 {
	return math.Sqrt(math.Expm1(-2*tau*tau*h) / math.Expm1(-2*h))
}

// TauOfSDEEta returns the tau of the eta of k-diffusion's SDE samplers, its square root.
func TauOfSDEEta(eta float64) float64 { return math.Sqrt(eta) }

// TauOfGDDIM returns the tau of gDDIM's lambda [zhang2023gddim], which is lambda itself: its square scales the
// score's share of the drift.
func TauOfGDDIM(lambda float64) float64 { return lambda }

// ChurnOfTau returns the gamma of EDM's churn [karras2022edm, algorithm 2] that adds, before a
// step from κ to κ' < κ, the noise that stochasticity tau adds over it: the variance of κ̂² - κ² is
// τ²(κ² - κ'²) to leading order.
func ChurnOfTau(tau, kappa, to float64) float64 {
	r := to / kappa
	return math.Sqrt(1+tau*tau*(1-r*r)) - 1
}
