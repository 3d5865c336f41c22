package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// BDIA is bi-directional integration approximation on DDIM [zhang2024bdia]: with D(r) the DDIM
// step from the present time, where the state is z, to a time r, both with the same prediction,
//
//	z_next = D(next) + γ(z_before - D(before)).
//
// The bracket is the error that DDIM committed on the step before, found afterwards. The equation can be solved
// for z_before, and so the method is exactly invertible: upwards the factor is 1/γ. It takes one evaluation per step. The first step is
// DDIM's. The paper's program also counts γ the other way, as 1 - γ.
//
// For γ = 1 it is the leapfrog method, up to the scale α: of order 2 on smooth grids, and of order 1 where steps vary abruptly.
// It damps nothing, so errors of alternating sign persist. For γ < 1 it is of order 1, with an error (1-γ)/(1+γ) times DDIM's; N steps
// upwards multiply errors of alternating sign by γ^(-N): rounding, in a round trip, and in the inversion of a sample the error of
// the first step too, so that the noise it comes from is not approached with more steps.
//
// References:
//
//	[zhang2024bdia]
type BDIA struct {
	Gamma float64 `param:"gamma" default:"1" about:"share of the step before's error that is mended, above 0, up to 1"`
}

// Info implements Solver.
func (BDIA) Info() Info {
	return Info{Name: "bdia", About: "BDIA-DDIM, exactly invertible; leapfrog if gamma is 1",
		Order: 1, NFE: 1, Memory: 1, Kind: scoremodel.Epsilon, Ref: "zhang2024bdia"}
}

// Start implements Solver.
func (s BDIA) Start(p Problem, n int) (ode.Stepper, error) {
	s.Gamma = cmp.Or(s.Gamma, 1)
	if !(s.Gamma > 0 && s.Gamma <= 1) {
		return nil, fmt.Errorf("%w: gamma is %v, want above 0, up to 1", ErrParameter, s.Gamma)
	}
	return &bdia{schedule: p.Schedule, model: scoremodel.As(p.Model, scoremodel.Epsilon, p.Schedule), gamma: s.Gamma,
		earlier: newCompanion(n), epsilon: make([]float64, n)}, nil
}

type bdia struct {
	schedule sde.Schedule
	model    scoremodel.Model
	gamma    float64
	earlier  *companion // the state before the present one
	phase    bdiaPhase
	from     float64   // start of the latest step
	before   sde.Point // start of the one before
	epsilon  []float64
}

type bdiaPhase int

const (
	first     bdiaPhase = iota // nothing lies before
	retracing                  // the state before is the one to go to
	later
)

func (s *bdia) pair() *companion { return s.earlier }

func (s *bdia) Step(dst, src []float64, at ode.Span) error {
	known := s.earlier.begin(at)
	if !at.Retry {
		switch {
		case !known:
			s.phase = first
		case at.Fresh():
			s.phase = retracing
		default:
			s.phase, s.before = later, s.schedule.At(s.from)
		}
		s.from = at.From
	}
	copy(s.earlier.next, src)
	if s.phase == retracing {
		copy(dst, s.earlier.now)
		return nil
	}
	if !at.Retry {
		if err := s.model.Predict(s.epsilon, src, at.From); err != nil {
			return err
		}
	}
	from := s.schedule.At(at.From)
	step := ddimStep(from, s.schedule.At(at.To))
	if s.phase == first {
		vec.Lin(dst, vec.Term{C: step.carry, X: src}, vec.Term{C: step.gain, X: s.epsilon})
		return nil
	}
	gamma := s.gamma
	if at.To > at.From {
		gamma = 1 / gamma
	}
	back := ddimStep(from, s.before)
	vec.Lin(dst,
		vec.Term{C: step.carry - gamma*back.carry, X: src},
		vec.Term{C: step.gain - gamma*back.gain, X: s.epsilon},
		vec.Term{C: gamma, X: s.earlier.now})
	return nil
}
