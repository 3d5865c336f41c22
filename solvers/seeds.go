package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// SEEDS are the exponential Runge–Kutta methods of [gonzalez2023seeds] for the reverse equation of stochasticity
// Tau, in data prediction: of Stages 1, 2 or 3, each the single-step DPM-Solver++ with (1+τ²)h for h in the weights. A stage carries the
// noise of the path up to it, which the end of the step carries on:
//
//	n_b = e^(-τ²(λ_b - λ_a)) n_a + √(1 - e^(-2τ²(λ_b - λ_a))) z,  x_b = … + σ_b n_b.
//
// That is exact. In the clock q = e^(2τ²λ) the noise of [s, t] is σ_t e^(-τ²λ_t)(W(q_t) - W(q_s)).
//
// With two stages the second lies at the fraction R of the step and the slope is weighted
// with half of what multiplies a constant, "phi1", or exactly, "phi2". With three they lie at 1/3 and 2/3.
//
// With one stage the method is SDE-DPM-Solver++ 1. The weak order of two and three stages is 2: one normal per
// stage does not carry the iterated integrals of the path that more needs. Tau 0, as in the zero value, is the ODE method; the
// catalogue has Tau 1.
//
// References:
//
//	[gonzalez2023seeds], [lu2022dpmpp]
type SEEDS struct {
	Stages  int     // 1 to 3; 0 means 1
	Tau     float64 `param:"tau" about:"stochasticity, from 0, the ODE; 1 is the reverse SDE"`
	R       float64 `param:"r" about:"of two stages, where the second lies, a fraction of the step in (0, 1]; 0 is 1/2"`
	Variant string  `param:"variant" values:"phi1|phi2" about:"of two stages, how the slope is weighted"`
}

// Info implements Solver.
func (s SEEDS) Info() Info {
	i := s.ode().Info()
	i.Name, i.About = fmt.Sprintf("seeds%d", i.NFE), fmt.Sprintf("SEEDS-%d, stochastic exponential Runge-Kutta, in data prediction", i.NFE)
	i.Ref = "gonzalez2023seeds"
	return i.withNoise(s.Tau, 2)
}

// ode returns the method without noise.
func (s SEEDS) ode() DPMSolver {
	return DPMSolver{Order: cmp.Or(s.Stages, 1), Data: true, R1: s.R, Taylor: s.Variant == "phi2"}
}

// Start implements Solver.
func (s SEEDS) Start(p Problem, n int) (ode.Stepper, error) {
	stages := cmp.Or(s.Stages, 1)
	switch {
	case stages < 1 || stages > 3:
		return nil, fmt.Errorf("%w: the number of stages is %d, want 1 to 3", ErrParameter, s.Stages)
	case stages != 2 && (s.R != 0 || s.Variant != ""):
		return nil, fmt.Errorf("%w: r and variant belong to two stages, there are %d", ErrParameter, stages)
	case s.Variant != "" && s.Variant != "phi1" && s.Variant != "phi2":
		return nil, fmt.Errorf("%w: variant is %q, want phi1 or phi2", ErrParameter, s.Variant)
	}
	if stages == 2 {
		if err := fraction("r", cmp.Or(s.R, 0.5)); err != nil {
			return nil, err
		}
	}
	if err := checkTau(s.Tau); err != nil {
		return nil, err
	}
	return s.ode().Tableau().start(p, scoremodel.Data, s.Tau, n)
}

// ExpHeunSDE is Heun's exponential method for the reverse equation of stochasticity Tau, in data prediction: SEEDS of two
// stages, the second at the end of the step, with exact weights. Tau 0, as in the zero value, is the ODE method; the catalogue
// has Tau 1.
//
// References:
//
//	[gonzalez2023seeds], [hochbruck2010]
type ExpHeunSDE struct {
	Tau float64 `param:"tau" about:"stochasticity, from 0, the ODE; 1 is the reverse SDE"`
}

func (s ExpHeunSDE) seeds() SEEDS { return SEEDS{Stages: 2, Tau: s.Tau, R: 1, Variant: "phi2"} }

// Info implements Solver.
func (s ExpHeunSDE) Info() Info {
	i := s.seeds().Info()
	i.Name, i.About = "expheunsde", "Heun's exponential method in lambda for the reverse SDE, in data prediction"
	return i
}

// Start implements Solver.
func (s ExpHeunSDE) Start(p Problem, n int) (ode.Stepper, error) { return s.seeds().Start(p, n) }
