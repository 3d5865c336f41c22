package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// DPMSolverPP2M is the second-order multistep DPM-Solver++ [lu2022dpmpp, algorithm 2]: the
// prediction over a step is extrapolated linearly from its start and the one before. The
// first step is of order 1.
//
// Variant "midpoint", the zero value, is the paper's: the slope enters with half the weight of
// the constant part, the extrapolated value at the middle of the step. "heun" integrates the line exactly and is then
// the exponential Adams method of order 2.
//
// References:
//
//	[lu2022dpmpp]
type DPMSolverPP2M struct {
	Variant    string `param:"variant" values:"midpoint|heun" about:"how the slope is weighted"`
	LowerFinal bool   `param:"lowerfinal" about:"take the last step with order 1"`
}

// Info implements Solver.
func (DPMSolverPP2M) Info() Info {
	return Info{Name: "dpm++2m", About: "DPM-Solver++ of order 2, multistep, in data prediction",
		Order: 2, NFE: 1, Memory: 1, Kind: scoremodel.Data, Ref: "lu2022dpmpp"}
}

// Start implements Solver.
func (s DPMSolverPP2M) Start(p Problem, n int) (ode.Stepper, error) {
	return start2M(p, n, scoremodel.Data, s.Variant, s.LowerFinal)
}

// DPMSolver2M is the second-order multistep DPM-Solver, in noise prediction: the algorithm of
// [lu2022dpmpp, algorithm 2] applied to the expansion of [lu2022dpm]. The first step is of order 1.
// The variants are those of DPMSolverPP2M.
//
// References:
//
//	[lu2022dpm], [lu2022dpmpp]
type DPMSolver2M struct {
	Variant    string `param:"variant" values:"midpoint|heun" about:"how the slope is weighted"`
	LowerFinal bool   `param:"lowerfinal" about:"take the last step with order 1"`
}

// Info implements Solver.
func (DPMSolver2M) Info() Info {
	return Info{Name: "dpm2m", About: "DPM-Solver of order 2, multistep, in noise prediction",
		Order: 2, NFE: 1, Memory: 1, Kind: scoremodel.Epsilon, Ref: "lu2022dpm"}
}

// Start implements Solver.
func (s DPMSolver2M) Start(p Problem, n int) (ode.Stepper, error) {
	return start2M(p, n, scoremodel.Epsilon, s.Variant, s.LowerFinal)
}

// start2M is for both: the prediction is what differs.
func start2M(p Problem, n int, kind scoremodel.Kind, variant string, lowerFinal bool) (ode.Stepper, error) {
	slope := halfOfConstant
	switch variant {
	case "", "midpoint":
	case "heun":
		slope = func(e exponential) float64 { return e.phi(2) }
	default:
		return nil, fmt.Errorf("%w: variant is %q, want midpoint or heun", ErrParameter, variant)
	}
	return (&multistep{kind: kind, in: Lambda, lowerFinal: lowerFinal, predictor: formula{slopeRule(slope), 2}}).bind(p, n)
}

// DPMSolver3M is the third-order multistep DPM-Solver, in noise prediction or, with Data, in data prediction
// [lu2022dpmpp, section 4]: the prediction is expanded in λ about the beginning of the step, with the derivatives of
// the parabola through the latest three predictions. With exact integrals, as here, that is the
// exponential Adams method of order 3. The zero value begins with orders 1 and 2, as published, which caps the observed order at 2.
//
// The published code takes the second divided difference for the second derivative, which is
// twice that. Halved repeats it, for parity; the order is then 2 whatever the start.
//
// References:
//
//	[lu2022dpm], [lu2022dpmpp]
type DPMSolver3M struct {
	Data       bool // predict data instead of noise
	Halved     bool `param:"halved" about:"use half of the second derivative, as the published code does; caps the order at 2"`
	Starter    bool `param:"starter" about:"begin with a single step that keeps the order"`
	LowerFinal bool `param:"lowerfinal" about:"take the last steps with orders 2 and 1"`
}

// Info implements Solver.
func (s DPMSolver3M) Info() Info {
	i := Info{Name: "dpm3m", About: "DPM-Solver of order 3, multistep, in noise prediction",
		NFE: 1, Memory: 2, Kind: scoremodel.Epsilon, Ref: "lu2022dpm"}
	if s.Data {
		i.Name, i.About, i.Kind, i.Ref = "dpm++3m", "DPM-Solver++ of order 3, multistep, in data prediction", scoremodel.Data, "lu2022dpmpp"
	}
	i = i.adams(3, s.Starter).lowered(s.LowerFinal)
	if s.Halved {
		i.Order = 2
	}
	return i
}

// Start implements Solver.
func (s DPMSolver3M) Start(p Problem, n int) (ode.Stepper, error) {
	st := adams(p, s.Info().Kind, Lambda, 3, s.Starter)
	st.lowerFinal = s.LowerFinal
	if s.Halved {
		st.predictor.rule = halvedRule(st.predictor.rule)
	}
	return st.bind(p, n)
}

// halvedRule takes from the exact rule half of the second derivative's term. That is D h²φ_3 with D the
// divided difference Σ m_j / Π_(k≠j)(λ_j - λ_k), half of the second derivative.
func halvedRule(exact rule) rule {
	return withSecondDifference(exact, func(e exponential) float64 { return -e.phi(3) })
}

// withSecondDifference adds to a rule for three predictions their second divided difference in units of the
// step, with the given weight.
func withSecondDifference(r rule, weight func(e exponential) float64) rule {
	return func(w, nodes []float64, s segment) {
		r(w, nodes, s)
		if len(nodes) < 3 {
			return
		}
		for j, at := range nodes {
			d := s.h * s.h * weight(s.exponential)
			for k, node := range nodes {
				if k != j {
					d /= at - node
				}
			}
			w[j] += d
		}
	}
}

// RESMultistep is the multistep exponential integrator of RES [zhang2023res], in data
// prediction: the second, and third, prediction of a refined exponential solver are the earlier ones. The weights
// integrate the polynomial exactly, so it is the exponential Adams method, begun
// with lower orders.
//
// The zero value is of order 2 and then DPM-Solver++ 2M in its Heun variant.
//
// References:
//
//	[zhang2023res], [hochbruck2010]
type RESMultistep struct {
	Order int // 2 or 3; 0 means 2
}

// Info implements Solver.
func (s RESMultistep) Info() Info {
	order := cmp.Or(s.Order, 2)
	return Info{Name: fmt.Sprintf("res%dm", order), About: fmt.Sprintf("the multistep refined exponential solver of order %d, begun with lower orders", order),
		NFE: 1, Memory: order - 1, Kind: scoremodel.Data, Ref: "zhang2023res"}.adams(order, false)
}

// Start implements Solver.
func (s RESMultistep) Start(p Problem, n int) (ode.Stepper, error) {
	order := cmp.Or(s.Order, 2)
	if order != 2 && order != 3 {
		return nil, fmt.Errorf("%w: order is %d, want 2 or 3", ErrParameter, s.Order)
	}
	return adams(p, scoremodel.Data, Lambda, order, false).bind(p, n)
}
