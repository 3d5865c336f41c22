package solvers

import (
	"context"
	"errors"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// A Paced is an ode.Estimator whose steps are best chosen in a variable other than time. A run with error control
// then goes over that variable: the lengths that an ode.Control holds and that Stats reports are
// lengths in it, and the spans that the stepper and the observer see are in time, as ever.
//
// An exponential method is at its best where the prediction is smooth in λ, and steps that are even in λ are
// not in time: under VP a step of 0.3 in λ is 0.03 of the time near the noise and 0.0006 near the data. A length that was right for
// one step is then a good guess for the next.
type Paced interface {
	ode.Estimator
	ode.Counter

	// Pace returns the variable.
	Pace() Variable
}

// pace is a run over a variable u, of a stepper that steps in time.
type pace struct {
	Paced
	in       Variable
	schedule sde.Schedule
	t0, t1   float64 // the ends of the run
	u0, u1   float64 // and their values in u
}

// adapt carries one row from t0 to t1 with error control, in the variable of the stepper.
func (r *run) adapt(ctx context.Context, st ode.Estimator, x []float64, t0, t1 float64, observe ode.Observer) (ode.Stats, error) {
	c, s := r.settings.Control, r.problem.Schedule
	paced, ok := st.(Paced)
	if !ok || paced.Pace() == Time {
		return c.Adapt(ctx, st, x, t0, t1, observe)
	}
	p := &pace{paced, paced.Pace(), s, t0, t1, paced.Pace().at(s.At(t0)), paced.Pace().at(s.At(t1))}
	var inner ode.Estimator = p
	if d, ok := st.(ode.Deriver); ok {
		deriver := &pacedDeriver{p, d}
		inner = deriver
		if pair, ok := st.(ode.PairEstimator); ok {
			inner = &pacedPair{deriver, pair}
		}
	}
	watch := observe
	if observe != nil {
		watch = func(at ode.Span, x []float64) error { return observe(p.span(at), x) }
	}
	stats, err := c.Adapt(ctx, inner, x, p.u0, p.u1, watch)
	var step *ode.StepError
	if errors.As(err, &step) {
		err = &ode.StepError{At: p.span(step.At), Element: step.Element, Err: step.Err}
	}
	return stats, err
}

// span returns a step's interval in time.
func (p *pace) span(at ode.Span) ode.Span {
	at.From, at.To = p.time(at.From), p.time(at.To)
	return at
}

// time returns the time at u. At the ends of the run it is exact, and rounding does not carry it beyond them.
func (p *pace) time(u float64) float64 {
	switch u {
	case p.u0:
		return p.t0
	case p.u1:
		return p.t1
	}
	return math.Min(math.Max(p.in.time(p.schedule, u), math.Min(p.t0, p.t1)), math.Max(p.t0, p.t1))
}

// Step refuses a step that is none in time. Its error would be 0, and nothing would be gained.
func (p *pace) Step(dst, src []float64, at ode.Span) error {
	span := p.span(at)
	if span.From == span.To {
		return ode.ErrStepTooSmall
	}
	return p.Paced.Step(dst, src, span)
}

// Cost implements ode.Counter.
func (p *pace) Cost(at ode.Span, interpolate bool) int { return p.Paced.Cost(p.span(at), interpolate) }

// pacedDeriver is the pace of a stepper that knows the vector field.
type pacedDeriver struct {
	*pace
	deriver ode.Deriver
}

// Derivative implements ode.Deriver: dx/du = dx/dt / (du/dt).
func (p *pacedDeriver) Derivative(dst, x []float64, u float64) error {
	t := p.time(u)
	if err := p.deriver.Derivative(dst, x, t); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: 1 / p.in.rate(p.schedule.At(t)), X: dst})
	return nil
}

// Power implements ode.Deriver.
func (p *pacedDeriver) Power() float64 { return p.deriver.Power() }

// pacedPair is the pace of a stepper with two estimates too.
type pacedPair struct {
	*pacedDeriver
	pair ode.PairEstimator
}

// LocalErrors implements ode.PairEstimator.
func (p *pacedPair) LocalErrors(fine, coarse []float64) (float64, error) {
	return p.pair.LocalErrors(fine, coarse)
}
