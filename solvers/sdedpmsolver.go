package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// SDEDPMSolver is the multistep DPM-Solver++, or with Noise the DPM-Solver, for the reverse equation of
// stochasticity Tau [lu2022dpmpp, section 5]: the linear part and the noise of a step are exact, and the prediction is the
// polynomial through the latest Order predictions, one until more are known. Data prediction and noise prediction are different
// methods, unlike for the ODE: their linear parts differ by noise that is not there yet.
//
// Of order 2, variant "midpoint" weighs the slope with half of what multiplies a constant and "heun" exactly.
// With noise the weak order is 2 at most: one normal per step does not carry the iterated integrals of the path that
// more needs. Tau 0, as in the zero value, is the ODE method, begun with lower orders; the catalogue has Tau 1.
//
// Parity repeats the third order of others: "kdiffusion" takes half of the second derivative, which costs accuracy and
// no weak order; "diffusers" does too and subtracts 1/2 where its formula needs +1/2, so that
// the noise of earlier steps is amplified and the method has no order.
//
// References:
//
//	[lu2022dpmpp]
type SDEDPMSolver struct {
	Order   int     // 1 to 3; 0 means 1
	Noise   bool    // predict noise instead of data
	Tau     float64 `param:"tau" about:"stochasticity, from 0, the ODE; 1 is the reverse SDE"`
	Variant string  `param:"variant" values:"midpoint|heun" about:"of order 2, how the slope is weighted"`
	Parity  string  `param:"parity" values:"none|kdiffusion|diffusers" about:"of order 3, whose second derivative to use"`
}

// Info implements Solver.
func (s SDEDPMSolver) Info() Info {
	order := cmp.Or(s.Order, 1)
	i := Info{Name: "sdedpm++", About: "SDE-DPM-Solver++", Order: min(order, 2), NFE: 1, Memory: order - 1,
		Kind: scoremodel.Data, Ref: "lu2022dpmpp"}
	if s.Noise {
		i.Name, i.About, i.Kind = "sdedpm", "SDE-DPM-Solver", scoremodel.Epsilon
	}
	i.Name = fmt.Sprintf("%s%d", i.Name, order)
	if order > 1 {
		i.Name += "m"
	}
	prediction := map[bool]string{false: "data", true: "noise"}[s.Noise]
	i.About = fmt.Sprintf("%s of order %d, multistep, in %s prediction", i.About, order, prediction)
	i = i.withNoise(s.Tau, 2)
	if s.Parity == "diffusers" {
		i.Order, i.WeakOrder, i.StrongOrder, i.Approximate = 0, 0, 0, true
	}
	return i
}

// Start implements Solver.
func (s SDEDPMSolver) Start(p Problem, n int) (ode.Stepper, error) {
	order := cmp.Or(s.Order, 1)
	switch {
	case order < 1 || order > 3:
		return nil, fmt.Errorf("%w: the order is %d, want 1 to 3", ErrParameter, s.Order)
	case order != 2 && s.Variant != "":
		return nil, fmt.Errorf("%w: variant belongs to order 2, the order is %d", ErrParameter, order)
	case order != 3 && s.Parity != "" && s.Parity != "none":
		return nil, fmt.Errorf("%w: parity belongs to order 3, the order is %d", ErrParameter, order)
	}
	if err := checkTau(s.Tau); err != nil {
		return nil, err
	}
	kind := s.Info().Kind
	st := &multistep{kind: kind, in: Lambda, predictor: formula{exactAdams(Lambda, kind, p.Schedule), order}}
	switch s.Variant {
	case "", "midpoint":
		if order == 2 {
			st.predictor.rule = slopeRule(halfOfConstant)
		}
	case "heun":
	default:
		return nil, fmt.Errorf("%w: variant is %q, want midpoint or heun", ErrParameter, s.Variant)
	}
	switch s.Parity {
	case "", "none":
	case "kdiffusion":
		st.predictor.rule = halvedRule(st.predictor.rule)
	case "diffusers":
		line := slopeRule(halfOfConstant)
		st.predictor.rule = withLine(withSecondDifference(st.predictor.rule,
			func(e exponential) float64 { return -e.phi(3) - e.gain }), line)
	default:
		return nil, fmt.Errorf("%w: parity is %q, want none, kdiffusion or diffusers", ErrParameter, s.Parity)
	}
	if s.Tau > 0 {
		st.tau = func(float64) float64 { return s.Tau }
	}
	return st.bind(p, n)
}
