package solvers

import "github.com/diffsolve/diffsolve/ode"

// The step rules that papers and toolkits publish, as values of ode.Control. All choose the steps of a row alone, where the originals
// choose those of a whole batch, and stretch the last step by up to a hundredth, where the originals take a short one more.
// The defaults of ode.Control are better: these are for repeating what others did.

var stepRules = []struct {
	name    string
	control func() ode.Control
}{
	{"default", func() ode.Control { return ode.Control{} }},
	{"dpmsolver", DPMSolverControl},
	{"kdiffusion", KDiffusionControl},
	{"rk45", RK45Control},
}

// StepRules returns the names that StepRule knows. The first is "default".
func StepRules() []string {
	var names []string
	for _, r := range stepRules {
		names = append(names, r.name)
	}
	return names
}

// StepRule returns a control by name, with its published tolerances: "default" for that of package ode, "dpmsolver", "kdiffusion" and "rk45" for those below.
//
// Errors: ErrUnknown.
func StepRule(name string) (ode.Control, error) {
	for _, r := range stepRules {
		if r.name == name {
			return r.control(), nil
		}
	}
	return ode.Control{}, Unknown("step rule", name, StepRules())
}

// DPMSolverControl is the step rule of DPM-Solver-12 and DPM-Solver-23, which are DPMSolver of orders 2 and 3 [lu2022dpm, appendix on
// the adaptive step size]: h is multiplied by 0.9·E^(-1/q) after every proposal, with the tolerances 0.0078, a unit of colour of
// a picture in [-1, 1], and 0.05, from a first step of 0.05 in λ. One thing differs: a step does not grow right after a rejection.
//
// References:
//
//	[lu2022dpm]
func DPMSolverControl() ode.Control {
	return ode.Control{Rel: 0.05, Abs: 0.0078, First: 0.05, Safety: 0.9, Controller: ode.I, Norm: ode.Greater,
		MinFactor: 1e-3, MaxFactor: 1e3}
}

// KDiffusionControl is the step rule of sample_dpm_adaptive of k-diffusion with its defaults, for DPMSolver of orders 2 and 3: that of
// DPMSolverControl with the factor E^(-1/q) under the limiter 1 + arctan(ρ-1), and an error above the tolerance accepted while the factor is at
// least 0.81. The gains of its options pcoeff, icoeff and dcoeff are p+i+d, -(p+2d) and d.
//
// References:
//
//	[lu2022dpm]
func KDiffusionControl() ode.Control {
	return ode.Control{Rel: 0.05, Abs: 0.0078, First: 0.05, Safety: 0.9, Controller: ode.Controller{Gains: [3]float64{1}, Smooth: true},
		Norm: ode.Greater}
}

// RK45Control is the step rule of the ODE sampler of [song2021score], solve_ivp of SciPy with RK45: for RungeKutta with the tableau
// ode.DP5 in Time. The tolerances are 1e-5. The steps are SciPy's, the first too.
//
// References:
//
//	[song2021score]
func RK45Control() ode.Control {
	return ode.Control{Rel: 1e-5, Abs: 1e-5, Safety: 0.9, Controller: ode.I, MinFactor: 0.2, MaxFactor: 10}
}
