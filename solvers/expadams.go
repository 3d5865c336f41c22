package solvers

import (
	"fmt"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// ExpAdams is the exponential Adams–Bashforth method in λ [hochbruck2010]: the
// prediction over a step is the polynomial through the latest Order predictions, and its integral is exact
// on any grid. In noise prediction it is DEIS with log ρ as the variable
// [zhang2023deis], in data prediction the multistep DPM-Solver++ without its shortcuts. The zero value is order 1 in data prediction.
//
// A method of order q needs q-1 earlier predictions. Started with lower and lower orders, as is
// commonly done and as Ramp asks for, its first step commits an error of order 2, which caps the
// observed order of the run at 2. Without Ramp the first step of order 3 is a two-stage
// exponential Runge–Kutta step, whose one extra evaluation keeps the order.
//
// References:
//
//	[hochbruck2010], [zhang2023deis]
type ExpAdams struct {
	Order int  // 1 to 3; 0 means 1
	Noise bool `param:"noise" about:"predict noise instead of data"`
	Ramp  bool `param:"ramp" about:"begin with lower orders, as published; caps order 3 at 2"`
}

// Info implements Solver.
func (s ExpAdams) Info() Info {
	order := max(s.Order, 1)
	i := Info{Name: fmt.Sprintf("expadams%d", order), About: fmt.Sprintf("the exponential Adams method of order %d in lambda", order),
		Order: order, NFE: 1, Memory: order - 1, Kind: scoremodel.Data, Ref: "hochbruck2010"}
	if s.Noise {
		i.Kind, i.Ref = scoremodel.Epsilon, "zhang2023deis"
	}
	switch {
	case order == 3 && s.Ramp:
		i.Order = 2
	case order == 3:
		i.StartNFE = 1
	}
	return i
}

// Start implements Solver.
func (s ExpAdams) Start(p Problem, n int) (ode.Stepper, error) {
	if s.Order < 0 || s.Order > 3 {
		return nil, fmt.Errorf("%w: the order is %d, want 1 to 3", ErrParameter, s.Order)
	}
	i, order := s.Info(), max(s.Order, 1)
	st := &expAdams{schedule: p.Schedule, model: scoremodel.As(p.Model, i.Kind, p.Schedule), kind: i.Kind,
		past: newHistory(order, n), terms: make([]vec.Term, 0, order+1)}
	if i.StartNFE > 0 {
		st.x, st.mid = make([]float64, n), make([]float64, n)
	}
	return st, nil
}

type expAdams struct {
	schedule sde.Schedule
	model    scoremodel.Model
	kind     scoremodel.Kind
	past     history
	x, mid   []float64 // state and prediction of the starting step's stage; nil if there is none
	terms    []vec.Term
}

func (s *expAdams) Step(dst, src []float64, at ode.Span) error {
	from := s.schedule.At(at.From)
	if at.Fresh() {
		s.past.known = 0
	}
	if !at.Retry {
		if err := s.model.Predict(s.past.push(from.Lambda()), src, at.From); err != nil {
			return err
		}
	}
	e := newExponential(s.kind, 0, from, s.schedule.At(at.To))
	if s.past.known == 1 && s.x != nil {
		return s.start(dst, src, from, e)
	}
	var nodes, weights [maxPhi]float64
	for j, l := range s.past.lambdas[:s.past.known] {
		nodes[j] = (l - s.past.lambdas[0]) / e.h
	}
	e.adamsWeights(weights[:s.past.known], nodes[:s.past.known])
	terms := append(s.terms[:0], vec.Term{C: e.carry, X: src})
	for j, m := range s.past.predictions[:s.past.known] {
		terms = append(terms, vec.Term{C: weights[j], X: m})
	}
	vec.Lin(dst, terms...)
	return nil
}

// start is the exponential midpoint step with exact weights: a line through the predictions at
// the start and the middle of the step, the latter reached by a first-order step.
func (s *expAdams) start(dst, src []float64, from sde.Point, e exponential) error {
	p := s.schedule.At(s.schedule.Time(from.Lambda() + e.h/2))
	half := newExponential(s.kind, 0, from, p)
	now := s.past.predictions[0]
	vec.Lin(s.x, vec.Term{C: half.carry, X: src}, vec.Term{C: half.phi(1), X: now})
	if err := s.model.Predict(s.mid, s.x, p.T); err != nil {
		return err
	}
	slope := 2 * e.phi(2)
	vec.Lin(dst, vec.Term{C: e.carry, X: src}, vec.Term{C: e.phi(1) - slope, X: now}, vec.Term{C: slope, X: s.mid})
	return nil
}
