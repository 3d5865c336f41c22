package solvers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// CFGPP is CFG++ [chung2025cfgpp, algorithm 2]: the step goes to the guided clean sample, but noise is added
// back as the unconditional prediction has it. For DDIM
//
//	x_s = α_s x₀(guided) + σ_s ε(unconditional).
//
// That is DDIM's step with the unconditional model, plus α_s(x₀(guided) - x₀(unconditional)), with both predictions at the
// start of the step. Written so it is a wrapper around any solver Of: the paper's multistep DPM-Solver++ is the
// same sum, whose history holds unconditional predictions.
//
// The two predictions come from one evaluation of a [scoremodel.Guided] model, so the number of evaluations is that of Of;
// the scale is the model's and in the paper lies between 0 and 1. For a model that is not guided the sum is
// zero, and the solver is Of to the bit; its orders are those.
//
// Note: guidance does not shrink with the step. A run of twice as many steps is guided about twice as
// strongly, so with guidance there is no limit for many steps. The paper's scales belong to its step counts.
//
// Of must evaluate the model at the start of each of its steps, which cannot be adapted, and be neither EDICT nor BDIA. nil means DDIM.
//
// References:
//
//	[chung2025cfgpp]
type CFGPP struct {
	Of Solver
}

func (s CFGPP) of() Solver {
	if s.Of == nil {
		return DDIM{}
	}
	return s.Of
}

// Info implements Solver. The name is "cfgpp" and that of Of, without "dpm++".
func (s CFGPP) Info() Info {
	i := s.of().Info()
	i.About = "CFG++ guidance around " + i.Name
	i.Name = "cfgpp" + strings.TrimPrefix(i.Name, "dpm++")
	i.Adaptive, i.Ref = false, "chung2025cfgpp"
	return i
}

// Start implements Solver.
func (s CFGPP) Start(p Problem, n int) (ode.Stepper, error) {
	st := &cfgpp{schedule: p.Schedule, model: p.Model, gap: make([]float64, n), unused: make([]float64, n)}
	p.Model = (*unconditional)(st)
	var err error
	st.inner, err = startBetween(s.of(), p, n)
	return st, err
}

type cfgpp struct {
	inner    ode.Stepper
	schedule sde.Schedule
	model    scoremodel.Model
	at       ode.Span
	seen     bool      // whether the latest step, its retries included, evaluated the model at its start
	gap      []float64 // the guided prediction there less the unconditional
	unused   []float64 // the guided prediction elsewhere
}

var errNoStart = errors.New("solvers: CFG++ is around a method that does not evaluate the model where its steps start")

func (s *cfgpp) Step(dst, src []float64, at ode.Span) error {
	if !at.Retry {
		s.seen = false
	}
	s.at = at
	if err := s.inner.Step(dst, src, at); err != nil {
		return err
	}
	if !s.seen {
		return fmt.Errorf("%w: step %d", errNoStart, at.Index)
	}
	// The state's share of the data prediction is the same for both.
	_, b := scoremodel.Coefficients(s.model.Kind(), scoremodel.Data, s.schedule.At(at.From))
	vec.Lin(dst, vec.Term{C: 1, X: dst}, vec.Term{C: s.schedule.At(at.To).Alpha * b, X: s.gap})
	return nil
}

// unconditional is the model that the inner solver sees.
type unconditional cfgpp

func (u *unconditional) Kind() scoremodel.Kind { return u.model.Kind() }

func (u *unconditional) Predict(dst, x []float64, t float64) error {
	if t != u.at.From || u.seen {
		return scoremodel.Both(u.model, u.unused, dst, x, t)
	}
	if err := scoremodel.Both(u.model, u.gap, dst, x, t); err != nil {
		return err
	}
	vec.Lin(u.gap, vec.Term{C: 1, X: u.gap}, vec.Term{C: -1, X: dst})
	u.seen = true
	return nil
}
