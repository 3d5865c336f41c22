package solvers

import (
	"fmt"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
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
	Variant string `param:"variant" values:"midpoint|heun" about:"how the slope is weighted"`
}

// Info implements Solver.
func (DPMSolverPP2M) Info() Info {
	return Info{Name: "dpm++2m", About: "DPM-Solver++ of order 2, multistep, in data prediction",
		Order: 2, NFE: 1, Memory: 1, Kind: scoremodel.Data, Ref: "lu2022dpmpp"}
}

// Start implements Solver.
func (s DPMSolverPP2M) Start(p Problem, n int) (ode.Stepper, error) {
	if s.Variant != "" && s.Variant != "midpoint" && s.Variant != "heun" {
		return nil, fmt.Errorf("%w: variant is %q, want midpoint or heun", ErrParameter, s.Variant)
	}
	return &dpmSolverPP2M{schedule: p.Schedule, model: scoremodel.As(p.Model, scoremodel.Data, p.Schedule),
		heun: s.Variant == "heun", past: newHistory(2, n)}, nil
}

type dpmSolverPP2M struct {
	schedule sde.Schedule
	model    scoremodel.Model
	heun     bool
	past     history
}

func (s *dpmSolverPP2M) Step(dst, src []float64, at ode.Span) error {
	from := s.schedule.At(at.From)
	if at.Fresh() {
		s.past.known = 0
	}
	if !at.Retry {
		if err := s.model.Predict(s.past.push(from.Lambda()), src, at.From); err != nil {
			return err
		}
	}
	e := newExponential(scoremodel.Data, 0, from, s.schedule.At(at.To))
	carry, now := vec.Term{C: e.carry, X: src}, s.past.predictions[0]
	if s.past.known == 1 {
		vec.Lin(dst, carry, vec.Term{C: e.phi(1), X: now})
		return nil
	}
	slope := e.phi(1) / 2
	if s.heun {
		slope = e.phi(2)
	}
	slope *= e.h / (s.past.lambdas[0] - s.past.lambdas[1]) // 1/r₀
	vec.Lin(dst, carry,
		vec.Term{C: e.phi(1) + slope, X: now},
		vec.Term{C: -slope, X: s.past.predictions[1]})
	return nil
}
