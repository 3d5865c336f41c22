package solvers

import (
	"fmt"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// DPMSolver is the single-step DPM-Solver of order 1, 2 or 3 [lu2022dpm, algorithms 1 and
// 2 and equation 3.7], or with Data its counterpart in data prediction, DPM-Solver++ S
// [lu2022dpmpp, appendix A]. The zero value is of order 1.
//
// The stages lie at the fractions 1/2 (order 2) and 1/3, 2/3 (order 3) of the step in λ:
// they are not nodes of the grid. With the last stage anywhere but at 2/3 the third-order formula is of
// order 2, whatever the first.
//
// References:
//
//	[lu2022dpm], [lu2022dpmpp]
type DPMSolver struct {
	Order int  // 1 to 3; 0 means 1
	Data  bool // predict data instead of noise
}

// Info implements Solver.
func (s DPMSolver) Info() Info {
	order := max(s.Order, 1)
	if s.Data {
		return Info{Name: fmt.Sprintf("dpm++%ds", order), About: fmt.Sprintf("DPM-Solver++ of order %d, single-step, in data prediction", order),
			Order: order, NFE: order, Kind: scoremodel.Data, Ref: "lu2022dpmpp"}
	}
	return Info{Name: fmt.Sprintf("dpm%d", order), About: fmt.Sprintf("DPM-Solver-%d, single-step, in noise prediction", order),
		Order: order, NFE: order, Kind: scoremodel.Epsilon, Ref: "lu2022dpm"}
}

// Start implements Solver.
func (s DPMSolver) Start(p Problem, n int) (ode.Stepper, error) {
	if s.Order < 0 || s.Order > 3 {
		return nil, fmt.Errorf("%w: the order is %d, want 1 to 3", ErrParameter, s.Order)
	}
	kind := s.Info().Kind
	st := &dpmSolver{schedule: p.Schedule, model: scoremodel.As(p.Model, kind, p.Schedule), kind: kind,
		m: make([]float64, n), mid: make([]float64, n), x: make([]float64, n)}
	switch s.Order {
	case 2:
		return &dpmSolver2{st}, nil
	case 3:
		return &dpmSolver3{st}, nil
	}
	return st, nil
}

type dpmSolver struct {
	schedule sde.Schedule
	model    scoremodel.Model
	kind     scoremodel.Kind
	m, mid   []float64 // predictions at the start of the step and at the latest stage
	x        []float64 // state at a stage
}

// Step is the first-order method: the prediction is constant over the step.
func (s *dpmSolver) Step(dst, src []float64, at ode.Span) error {
	_, e, err := s.begin(src, at)
	if err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: e.carry, X: src}, vec.Term{C: e.phi(1), X: s.m})
	return nil
}

// begin evaluates the model at the start of the step, unless a rejected proposal has done so.
func (s *dpmSolver) begin(src []float64, at ode.Span) (from sde.Point, e exponential, err error) {
	if !at.Retry {
		if err := s.model.Predict(s.m, src, at.From); err != nil {
			return from, e, err
		}
	}
	from = s.schedule.At(at.From)
	return from, newExponential(s.kind, 0, from, s.schedule.At(at.To)), nil
}

// stage returns the point at the fraction r of the step, and the part of the step before it.
func (s *dpmSolver) stage(from sde.Point, e exponential, r float64) (sde.Point, exponential) {
	p := s.schedule.At(s.schedule.Time(from.Lambda() + r*e.h))
	return p, newExponential(s.kind, 0, from, p)
}

type dpmSolver2 struct{ *dpmSolver }

func (s *dpmSolver2) Step(dst, src []float64, at ode.Span) error {
	from, e, err := s.begin(src, at)
	if err != nil {
		return err
	}
	const r = 1. / 2
	p, half := s.stage(from, e, r)
	vec.Lin(s.x, vec.Term{C: half.carry, X: src}, vec.Term{C: half.phi(1), X: s.m})
	if err := s.model.Predict(s.mid, s.x, p.T); err != nil {
		return err
	}
	// carry·x + φ₁·(m + (m_r - m)/2r), in which m drops out for r = 1/2.
	vec.Lin(dst, vec.Term{C: e.carry, X: src}, vec.Term{C: e.phi(1), X: s.mid})
	return nil
}

type dpmSolver3 struct{ *dpmSolver }

func (s *dpmSolver3) Step(dst, src []float64, at ode.Span) error {
	from, e, err := s.begin(src, at)
	if err != nil {
		return err
	}
	const r1, r2 = 1. / 3, 2. / 3
	p, third := s.stage(from, e, r1)
	vec.Lin(s.x, vec.Term{C: third.carry, X: src}, vec.Term{C: third.phi(1), X: s.m})
	if err := s.model.Predict(s.mid, s.x, p.T); err != nil {
		return err
	}
	// At the second stage the prediction is linear through m and m₁; its slope over the
	// part of the step is (m₁ - m)·r2/r1.
	p, part := s.stage(from, e, r2)
	slope := part.phi(2) * r2 / r1
	vec.Lin(s.x, vec.Term{C: part.carry, X: src}, vec.Term{C: part.phi(1) - slope, X: s.m}, vec.Term{C: slope, X: s.mid})
	if err := s.model.Predict(s.mid, s.x, p.T); err != nil {
		return err
	}
	slope = e.phi(2) / r2
	vec.Lin(dst, vec.Term{C: e.carry, X: src}, vec.Term{C: e.phi(1) - slope, X: s.m}, vec.Term{C: slope, X: s.mid})
	return nil
}
