package solvers

import (
	"fmt"
	"math"
)

// The stochasticity of the catalogue is tau (package documentation). These are the
// parameters of other texts for the same thing.
//
// References:
//
//	[karras2022edm], [zhang2023gddim]

// TauOfEta returns the tau whose step from λ to λ+h adds as much noise as DDIM with the given
// eta: σ²(1-e^(-2τ²h)) = η²σ²(1-e^(-2h)). It depends on h; for small h, and at eta 0 and 1, tau is eta.
func TauOfEta(eta, h float64) float64 {
	e2 := eta * eta
	rest := math.Log1p(e2 * math.Expm1(-2*h))
	if rest < -0.5 { // 1 - η² + η²e^(-2h) is small, and what is left of 1 must not be rounded
		rest = math.Log((1-eta)*(1+eta) + e2*math.Exp(-2*h))
	}
	return math.Sqrt(-rest / (2 * h))
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

// checkTau returns an error unless tau is a stochasticity.
func checkTau(tau float64) error {
	if !(tau >= 0) || math.IsInf(tau, 1) {
		return fmt.Errorf("%w: tau is %v, want 0 or more, and finite", ErrParameter, tau)
	}
	return nil
}

// checkEta returns an error unless eta is a share of ancestral noise.
func checkEta(eta float64) error {
	if !(eta >= 0 && eta <= 1) {
		return fmt.Errorf("%w: eta is %v, want 0 to 1", ErrParameter, eta)
	}
	return nil
}

// withNoise returns what i, of a method for the probability flow, becomes with stochasticity tau: its
// order is then one of the law, of at most weak. Paths are known for tau 1 alone, the reverse SDE of Anderson.
func (i Info) withNoise(tau, weak float64) Info {
	if tau == 0 {
		return i
	}
	i.Order, i.WeakOrder, i.Stochastic, i.Adaptive = 0, min(float64(i.Order), weak), true, false
	if tau == 1 {
		i.StrongOrder = 1
	}
	return i
}

// marginal returns the weak order of steps of i between which noise is added by the forward process. That leaves a law that is right as it
// is, and so the order is the steps' own; but earlier predictions belong to the path without the noise.
func (i Info) marginal() float64 {
	if i.Memory > 0 {
		return 1
	}
	return float64(i.Order)
}
