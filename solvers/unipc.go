package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// UniPC is the unified predictor-corrector [zhao2023unipc, section 3]: the predictor UniP of Order
// predictions and the corrector UniC, which knows the one at the end of the step too. The corrected
// state has order Order+1 and costs no evaluation: the prediction at the predicted state serves the
// corrector and the next step. The last step is not corrected, as published. The zero value is of order 2 (the result: 3) in data prediction, with the
// paper's second choice of B(h), the default of its code.
//
// The published start, with lower orders, caps the order of the result at 3, because the first state is corrected
// with a prediction at a state of order 1. It shows late in runs from pure noise, whose first steps hardly matter.
//
// The paper's weights solve a Vandermonde system R(h)ρ = φ(h)/B(h), and the step is multiplied by B: where the
// system is solved B cancels and what remains are Adams weights. It is not solved but answered by ρ = 1/2 for
// the predictor with two predictions and the corrector with one earlier: there the slope's weight is
// that of B/2, with B = h or z ("bh1") or B = e^z - 1 ("bh2"). Variant "vary" solves it always. So the
// variants differ for Order 2 and in the first steps.
//
// References:
//
//	[zhao2023unipc]
type UniPC struct {
	Order       int    `param:"order" default:"2" about:"predictions that the predictor uses, 1 to 4; the result has one order more"`
	Variant     string `param:"variant" default:"bh2" values:"bh1|bh2|vary" about:"the function B(h)"`
	Noise       bool   `param:"noise" about:"predict noise instead of data"`
	Uncorrected bool   `param:"uncorrected" about:"leave the corrector out: UniP"`
	Starter     bool   `param:"starter" about:"begin with single steps that keep the order, not with lower orders"`
	LowerFinal  bool   `param:"lowerfinal" about:"lower the order to the number of steps left"`
	Skip        int    `param:"skip" about:"number of first steps that are not corrected"`
}

func (s UniPC) starter() starter {
	if !s.Starter {
		return starter{}
	}
	order := cmp.Or(s.Order, 2)
	return starterOf(order-1, order)
}

// Info implements Solver.
func (s UniPC) Info() Info {
	order := cmp.Or(s.Order, 2)
	i := Info{Name: "unipc", About: "UniPC, a predictor-corrector without extra evaluations", NFE: 1, Memory: order, Kind: scoremodel.Data, Ref: "zhao2023unipc"}
	if s.Noise {
		i.Kind = scoremodel.Epsilon
	}
	i = i.started(s.starter())
	i.Order = order + 1
	if s.Uncorrected {
		i.Memory, i.Order = order-1, order
	}
	if !s.Starter {
		i.Order = min(i.Order, s.cap())
	}
	return i.lowered(s.LowerFinal)
}

// cap returns the order to which a start with one prediction limits the run: the first step is of order 1,
// and corrected, with the prediction at the state of order 1, of order 2; a single step has one order more.
func (s UniPC) cap() int {
	if s.Uncorrected || s.Skip > 0 {
		return 2
	}
	return 3
}

// Start implements Solver.
func (s UniPC) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkOrder(s.Order, 4); err != nil {
		return nil, err
	}
	if s.Skip < 0 {
		return nil, fmt.Errorf("%w: skip is %d, want 0 or more", ErrParameter, s.Skip)
	}
	kind, order := s.Info().Kind, cmp.Or(s.Order, 2)
	exact := exactAdams(Lambda, kind, p.Schedule)
	var line rule
	switch s.Variant {
	case "bh1":
		line = slopeRule(halfOfZ)
	case "", "bh2":
		line = slopeRule(halfOfConstant)
	case "vary":
		line = exact
	default:
		return nil, fmt.Errorf("%w: variant is %q, want bh1, bh2 or vary", ErrParameter, s.Variant)
	}
	r := withLine(exact, line)
	st := &multistep{kind: kind, in: Lambda, predictor: formula{r, order}, lowerFinal: s.LowerFinal, start: s.starter(), skip: s.Skip}
	if !s.Uncorrected {
		st.corrector = formula{r, order + 1}
	}
	return st.bind(p, n)
}
