package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// EDICT couples two copies x and y of the state so that each step of DDIM can be undone exactly [wallace2023edict]:
// from t to s, with a·x + b·ε the step of DDIM,
//
//	x' = a x + b ε(y, t)       x_s = p x' + (1-p) y'
//	y' = a y + b ε(x', t)      y_s = p y' + (1-p) x_s
//
// Every line can be solved for the one quantity that it changes, and a step upwards, with s noisier than
// t, does so; see InvertPair. The copies start out equal.
//
// ε(x', t) belongs to the state at s and to the time t: the method is of order 1, and with few steps a
// poor one; below some 40 over a whole schedule the copies drift apart. Upwards their difference is multiplied by
// 1/P² per step, 1400 over 50 steps of the default: that much rounding a round trip costs, and with many more steps the noise that a
// sample is inverted to has an error that grows without bound. What is exact is the way back.
//
// The paper's program exchanges the copies after every step, which its equations do not.
//
// References:
//
//	[wallace2023edict]
type EDICT struct {
	P float64 `param:"p" default:"0.93" about:"how far the copies stay apart, above 0, up to 1"`
}

// Info implements Solver.
func (EDICT) Info() Info {
	return Info{Name: "edict", About: "EDICT, DDIM on two coupled states, exactly invertible",
		Order: 1, NFE: 2, Memory: 1, Kind: scoremodel.Epsilon, Ref: "wallace2023edict"}
}

// Start implements Solver.
func (s EDICT) Start(p Problem, n int) (ode.Stepper, error) {
	s.P = cmp.Or(s.P, 0.93)
	if !(s.P > 0 && s.P <= 1) {
		return nil, fmt.Errorf("%w: p is %v, want above 0, up to 1", ErrParameter, s.P)
	}
	return &edict{schedule: p.Schedule, model: scoremodel.As(p.Model, scoremodel.Epsilon, p.Schedule), p: s.P,
		copies: newCompanion(n), x: make([]float64, n), epsilon: make([]float64, n)}, nil
}

type edict struct {
	schedule sde.Schedule
	model    scoremodel.Model
	p        float64
	copies   *companion // y
	x        []float64  // x'
	epsilon  []float64
}

func (s *edict) pair() *companion { return s.copies }

func (s *edict) Step(dst, src []float64, at ode.Span) error {
	if !s.copies.begin(at) {
		copy(s.copies.now, src)
	}
	y, next := s.copies.now, s.copies.next
	p, q := s.p, 1-s.p
	if at.To > at.From {
		step := ddimStep(s.schedule.At(at.To), s.schedule.At(at.From)) // the one to be undone
		vec.Lin(next, vec.Term{C: 1 / p, X: y}, vec.Term{C: -q / p, X: src})
		vec.Lin(s.x, vec.Term{C: 1 / p, X: src}, vec.Term{C: -q / p, X: next})
		if err := s.model.Predict(s.epsilon, s.x, at.To); err != nil {
			return err
		}
		vec.Lin(next, vec.Term{C: 1 / step.carry, X: next}, vec.Term{C: -step.gain / step.carry, X: s.epsilon})
		if err := s.model.Predict(s.epsilon, next, at.To); err != nil {
			return err
		}
		vec.Lin(dst, vec.Term{C: 1 / step.carry, X: s.x}, vec.Term{C: -step.gain / step.carry, X: s.epsilon})
		return nil
	}
	step := ddimStep(s.schedule.At(at.From), s.schedule.At(at.To))
	if err := s.model.Predict(s.epsilon, y, at.From); err != nil {
		return err
	}
	vec.Lin(s.x, vec.Term{C: step.carry, X: src}, vec.Term{C: step.gain, X: s.epsilon})
	if err := s.model.Predict(s.epsilon, s.x, at.From); err != nil {
		return err
	}
	vec.Lin(next, vec.Term{C: step.carry, X: y}, vec.Term{C: step.gain, X: s.epsilon})
	vec.Lin(dst, vec.Term{C: p, X: s.x}, vec.Term{C: q, X: next})
	vec.Lin(next, vec.Term{C: p, X: next}, vec.Term{C: q, X: dst})
	return nil
}

// linearStep is carry·x + gain·ε.
type linearStep struct{ carry, gain float64 }

// ddimStep is DDIM's step, to less noise or to more.
func ddimStep(from, to sde.Point) linearStep {
	return linearStep{to.Alpha / from.Alpha, -to.Sigma * math.Expm1(sde.H(from, to))}
}
