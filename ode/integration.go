package ode

import (
	"context"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// An Integration is a trajectory on its way under error control, for loops of one's own:
//
//	in, err := control.Start(st, x, t0, t1)
//	...
//	for in.Next(ctx) {
//		... in.Span(), in.State()
//	}
//	err = in.Err()
//
// It comes from Control.Start; the zero value is of no use. It is not safe for concurrent use.
type Integration struct {
	c       Control
	st      Estimator
	counter Counter // st, or nil if it does not count
	before  int     // what it had counted at the start

	at          Span // the latest step, or the proposal to blame
	t0, t1      float64
	now, was, e []float64 // the state, the one before the latest step and the estimate

	low, lowNext, scaled []float64 // for Greater: the embedded results at the state and of the proposal, and the measured error

	h     float64 // the next length, 0 before the first
	past  [2]float64
	grow  float64 // the greatest factor: 1 after a rejection
	fault fault   // of the latest proposal, if it was not finite
	stats Stats
	err   error
}

// A fault is what was not finite in a proposal.
type fault struct {
	element int // of the state, or -1 if all was finite
}

// Start begins an integration from x at t0 to t1 with steps of st whose lengths c chooses. It keeps a copy of x, and evaluates nothing.
// The Integration is never nil; if there is an error, it tells the Status and makes no steps.
//
// Errors: ErrControl; a *StepError that wraps ErrNonFinite if x is not finite.
func (c Control) Start(st Estimator, x []float64, t0, t1 float64) (*Integration, error) {
	in := &Integration{st: st, t0: t0, t1: t1, at: Span{From: t0, To: t0}, past: [2]float64{1, 1}, fault: fault{-1}}
	in.counter, _ = st.(Counter)
	if in.c, in.err = c.settings(len(x), t1-t0); in.err != nil {
		return in, in.err
	}
	if c.MaxNFE > 0 && in.counter == nil {
		in.err = fmt.Errorf("%w: MaxNFE is %d, and the stepper does not count its evaluations", ErrControl, c.MaxNFE)
		return in, in.err
	}
	in.now = append(make([]float64, 0, len(x)), x...)
	if i := vec.FirstNonFinite(x); i >= 0 {
		in.at.To = t1
		in.end(NonFinite, i, ErrNonFinite)
		return in, in.err
	}
	in.was, in.e = make([]float64, len(x)), make([]float64, len(x))
	if in.c.Norm == Greater {
		in.low, in.lowNext, in.scaled = append(make([]float64, 0, len(x)), x...), make([]float64, len(x)), make([]float64, len(x))
	}
	in.h, in.grow = c.First, in.c.MaxFactor
	if in.counter != nil {
		in.before = in.counter.NFE()
	}
	return in, nil
}

// Span returns the latest accepted step. Before the first it is empty, at t0.
func (in *Integration) Span() Span { return in.at }

// State returns the state at the end of the latest accepted step. It is valid until the next call of Next, and must not be modified.
func (in *Integration) State() []float64 { return in.now }

// Stats returns what was done so far. Its Status is NotRun until the integration has ended.
func (in *Integration) Stats() Stats {
	s := in.stats
	if in.counter != nil && in.was != nil {
		s.NFE = in.counter.NFE() - in.before
	}
	return s
}

// Err returns the error that ended the integration, or nil.
func (in *Integration) Err() error { return in.err }

// end ends the integration. element is what is to blame of the state, or -1.
func (in *Integration) end(s Status, element int, err error) bool {
	in.stats.Status = s
	if err != nil {
		in.err = &StepError{in.at, element, err}
	}
	return false
}

// Next advances to the end of the next step that is accepted, over as many proposals as that takes. It returns false if there is none:
// the end is reached, or Err tells what went wrong; State is then the last good one.
func (in *Integration) Next(ctx context.Context) bool {
	if in.err != nil || in.stats.Status != NotRun {
		return false
	}
	last := in.at
	if last.To == in.t1 {
		return in.end(Done, -1, nil)
	}
	in.at = Span{From: last.To, To: in.t1, Index: in.stats.Steps}
	accepted := false
	if accepted = in.first(ctx); accepted {
		for accepted = false; !accepted && in.err == nil; {
			accepted = in.propose(ctx)
		}
	}
	return accepted
}

// first finds the length of the first step, unless there is one.
func (in *Integration) first(ctx context.Context) bool {
	if in.h != 0 {
		return true
	}
	if err := ctx.Err(); err != nil { // before the evaluations of firstStep
		return in.end(Cancelled, -1, err)
	}
	d, ok := in.st.(Deriver)
	if !ok {
		in.h = math.Abs(in.t1-in.t0) / 100
	} else {
		if in.c.MaxNFE == 1 { // firstStep takes two
			return in.end(TooManyEvaluations, -1, ErrTooManyEvaluations)
		}
		h, err := in.c.firstStep(d, in.now, in.t0, in.t1)
		if err != nil {
			return in.end(statusOf(err), -1, err)
		}
		in.h = h
	}
	if in.h < in.c.Min {
		in.h = in.c.Min
	}
	return true
}

// propose makes one step over in.at, whose From is set, and reports whether it was accepted.
func (in *Integration) propose(ctx context.Context) bool {
	c := in.c
	if err := ctx.Err(); err != nil {
		return in.end(Cancelled, -1, err)
	}
	if in.stats.Steps+in.stats.Rejected >= c.MaxSteps {
		return in.end(TooManySteps, -1, ErrTooManySteps)
	}
	if !(in.h <= c.Max) { // not min: a NaN must not slip through
		in.h = c.Max
	}
	if rest := math.Abs(in.t1 - in.at.From); rest <= 1.01*in.h { // no sliver is left for a last step
		in.at.To = in.t1
	} else {
		in.at.To = in.at.From + math.Copysign(in.h, in.t1-in.t0)
	}
	if math.Abs(in.at.H()) < 4*precision(in.at.From) && in.at.To != in.t1 {
		return in.tooSmall("the precision of the time")
	}
	if c.MaxNFE > 0 && in.counter.NFE()-in.before+in.counter.Cost(in.at) > c.MaxNFE {
		return in.end(TooManyEvaluations, -1, ErrTooManyEvaluations)
	}
	next := in.was
	if err := in.st.Step(next, in.now, in.at); err != nil {
		return in.end(statusOf(err), -1, err)
	}
	q, err := in.st.LocalError(in.e)
	if err != nil {
		return in.end(statusOf(err), -1, err)
	}
	r := in.measure(next)
	infinite := vec.FirstNonFinite(next)
	if infinite >= 0 { // and so is the tolerance, next to which any error is small
		r = math.NaN()
	}
	h, v := math.Abs(in.at.H()), c.judge(r, q, in.past)
	if !v.accept {
		in.stats.Rejected++
		in.at.Retry = true
		in.grow = 1
		in.fault = fault{max(infinite, vec.FirstNonFinite(in.e))}
		if h <= c.Min {
			return in.tooSmall(fmt.Sprintf("Min, %g: one of %g has an error of %.3g tolerances", c.Min, h, r))
		}
		// Of in.h too: h alone, rounded to the precision of the time, may come out as it was for ever.
		in.h = math.Max(math.Min(in.h, h)*v.factor, c.Min)
		return false
	}
	in.now, in.was = next, in.now
	in.low, in.lowNext = in.lowNext, in.low
	in.stats.accept(in.at)
	if v.factor > in.grow && !c.Controller.Smooth {
		v.factor = in.grow
	}
	in.h = math.Max(h*v.factor, c.Min)
	in.past = [2]float64{math.Max(r, 1e-4), in.past[0]}
	in.grow, in.fault = c.MaxFactor, fault{-1}
	return true
}

// tooSmall ends an integration whose next step would be shorter than what.
func (in *Integration) tooSmall(what string) bool {
	if in.fault.element >= 0 {
		return in.end(NonFinite, in.fault.element, ErrNonFinite)
	}
	return in.end(StepTooSmall, -1, fmt.Errorf("%w: below %s", ErrStepTooSmall, what))
}

// precision returns the distance from t to its neighbour away from zero.
func precision(t float64) float64 { return math.Nextafter(math.Abs(t), math.Inf(1)) - math.Abs(t) }
