package ode

import (
	"context"
	"errors"
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
	pair    PairEstimator // st, or nil if it has one estimate
	counter Counter       // st, or nil if it does not count
	before  int           // what it had counted at the start
	inside  Interpolator  // st, or nil if it has no interpolant
	dense   bool          // every step is interpolated

	at        Span // the proposal, or the latest step if there was none after it
	last      Span // the latest accepted step
	t0, t1    float64
	now, was  []float64 // the state, and the one before the latest step
	whole     bool      // was is still that, and st has not gone on
	e, coarse []float64 // the estimates
	low       []float64 // for Norm Greater: the embedded result at the state,
	lowNext   []float64 // that of the proposal
	scaled    []float64 // and the error in units of the tolerance
	r         float64   // error of the latest accepted step in tolerances
	h         float64   // the next length, 0 before the first
	past      [2]float64
	grow      float64 // the greatest factor: 1 after a rejection
	culprit   int     // element that was not finite in the latest proposal, or -1
	stats     Stats
	err       error
}

// Start begins an integration from x at t0 to t1 with steps of st whose lengths c chooses. It keeps a copy of x, and evaluates nothing.
// The Integration is never nil; if there is an error, it tells the Status and makes no steps.
//
// Errors: ErrControl; a *StepError that wraps ErrNonFinite if x is not finite.
func (c Control) Start(st Estimator, x []float64, t0, t1 float64) (*Integration, error) {
	in := &Integration{st: st, t0: t0, t1: t1, at: Span{From: t0, To: t1}, last: Span{From: t0, To: t0}, past: [2]float64{1, 1}, culprit: -1}
	in.counter, _ = st.(Counter)
	in.pair, _ = st.(PairEstimator)
	in.inside, _ = st.(Interpolator)
	if in.c, in.err = c.settings(len(x), t1-t0); in.err != nil {
		return in, in.err
	}
	if c.MaxNFE > 0 && in.counter == nil {
		in.err = fmt.Errorf("%w: MaxNFE is %d, and the stepper does not count its evaluations", ErrControl, c.MaxNFE)
		return in, in.err
	}
	in.now = append(make([]float64, 0, len(x)), x...)
	if i := vec.FirstNonFinite(x); i >= 0 {
		in.end(NonFinite, i, ErrNonFinite)
		return in, in.err
	}
	in.was, in.e = make([]float64, len(x)), make([]float64, len(x))
	if in.c.Norm == Greater {
		in.low, in.lowNext, in.scaled = append(make([]float64, 0, len(x)), x...), make([]float64, len(x)), make([]float64, len(x))
	}
	if in.pair != nil {
		in.coarse = make([]float64, len(x))
	}
	in.h, in.grow = c.First, in.c.MaxFactor
	if in.counter != nil {
		in.before = in.counter.NFE()
	}
	return in, nil
}

// Span returns the latest accepted step. Before the first it is empty, at t0.
func (in *Integration) Span() Span { return in.last }

// State returns the state at the end of the latest accepted step. It is valid until the next call of Next, and must not be modified.
func (in *Integration) State() []float64 { return in.now }

// Interpolate writes to dst the state at time t within the latest accepted step. It evaluates the vector field as the Interpolator does.
//
// Errors: ErrNoInterpolant; ErrTime if t is outside of the step, there was none yet, or another was tried since; what the vector field returned.
func (in *Integration) Interpolate(dst []float64, t float64) error {
	if in.inside == nil {
		return ErrNoInterpolant
	}
	if !in.whole {
		return fmt.Errorf("%w: no step is just accepted", ErrTime)
	}
	if lo, hi := min(in.last.From, in.last.To), max(in.last.From, in.last.To); !(lo <= t && t <= hi) {
		return fmt.Errorf("%w: %v is outside of the latest step, from %v to %v", ErrTime, t, in.last.From, in.last.To)
	}
	return in.inside.Interpolate(dst, in.was, in.now, in.last.fraction(t))
}

// LocalError returns the estimated error of the latest accepted step in units of the tolerance. Before the first it is 0.
func (in *Integration) LocalError() float64 { return in.r }

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

// halt ends the integration by the wish of who looks on: well if that is ErrStop.
func (in *Integration) halt(err error) error {
	in.at = in.last
	if errors.Is(err, ErrStop) {
		in.stats.Status = Stopped
		return nil
	}
	in.end(statusOf(err), -1, err)
	return in.err
}

// interrupt ends the integration inside of its latest step, at the time t with the state x.
func (in *Integration) interrupt(t float64, x []float64) {
	in.last.To, in.whole = t, false
	copy(in.now, x)
	in.stats.Status = EventReached
}

// Next advances to the end of the next step that is accepted, over as many proposals as that takes. It returns false if there is none:
// the end is reached, or Err tells what went wrong; State is then the last good one.
func (in *Integration) Next(ctx context.Context) bool {
	if in.err != nil || in.stats.Status != NotRun {
		return false
	}
	if in.last.To == in.t1 {
		return in.end(Done, -1, nil)
	}
	in.at = Span{From: in.last.To, To: in.t1, Index: in.stats.Steps}
	if !in.first(ctx) {
		return false
	}
	for in.err == nil {
		if in.propose(ctx) {
			return true
		}
	}
	return false
}

// first finds the length of the first step, unless there is one, and reports whether the integration goes on.
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
	switch rest := math.Abs(in.t1 - in.at.From); {
	case rest <= 1.01*in.h: // no sliver is left for a last step
		in.at.To = in.t1
	case rest < in.h+c.Min: // the last two are each longer than half of Min
		in.at.To = in.at.From + math.Copysign(rest/2, in.t1-in.t0)
	default:
		in.at.To = in.at.From + math.Copysign(in.h, in.t1-in.t0)
	}
	if math.Abs(in.at.H()) < 4*precision(in.at.From) && in.at.To != in.t1 {
		return in.tooSmall("the precision of the time")
	}
	if c.MaxNFE > 0 && in.counter.NFE()-in.before+in.counter.Cost(in.at, in.dense) > c.MaxNFE {
		return in.end(TooManyEvaluations, -1, ErrTooManyEvaluations)
	}
	next := in.was
	in.whole = false
	if err := in.st.Step(next, in.now, in.at); err != nil {
		return in.end(statusOf(err), -1, err)
	}
	r, q, err := in.estimate(next)
	if err != nil {
		return in.end(statusOf(err), -1, err)
	}
	infinite := vec.FirstNonFinite(next)
	if infinite >= 0 { // and so is the tolerance, next to which any error is small
		r = math.NaN()
	}
	h, v := math.Abs(in.at.H()), c.judge(r, q, in.past)
	if !v.accept {
		in.stats.Rejected++
		in.at.Retry = true
		in.grow = 1
		in.culprit = max(infinite, vec.FirstNonFinite(in.e))
		// Of in.h too: h alone, rounded to the precision of the time, may come out as it was for ever, or just above Min.
		h = math.Min(in.h, h)
		if h <= c.Min {
			return in.tooSmall(fmt.Sprintf("Min, %g, at which the error is %.3g tolerances", c.Min, r))
		}
		in.h = math.Max(h*v.factor, c.Min)
		return false
	}
	in.now, in.was, in.whole = next, in.now, true
	in.r, in.last = r, in.at
	in.low, in.lowNext = in.lowNext, in.low
	in.stats.accept(in.at)
	if v.factor > in.grow && !c.Controller.Smooth {
		v.factor = in.grow
	}
	in.h = math.Max(h*v.factor, c.Min)
	in.past = [2]float64{math.Max(r, 1e-4), in.past[0]}
	in.grow, in.culprit = c.MaxFactor, -1
	return true
}

// estimate returns the error of the step to next in units of the tolerance, and the power of the step's length with which it vanishes.
func (in *Integration) estimate(next []float64) (r, power float64, err error) {
	c := in.c
	if in.pair == nil {
		power, err = in.st.LocalError(in.e)
		return in.measure(in.e, next, 0, len(next)), power, err
	}
	power, err = in.pair.LocalErrors(in.e, in.coarse)
	for lo := 0; lo < len(next) && r == r; lo += c.Dim {
		hi := lo + c.Dim
		fine := in.measure(in.e, next, lo, hi)
		coarse := in.measure(in.coarse, next, lo, hi)
		e := fine
		switch {
		case !(coarse <= math.MaxFloat64): // next to an infinity any error is small
			e = math.NaN()
		case fine > 0: // as is the root then
			e = fine * (fine / math.Hypot(fine, 0.1*coarse))
		}
		if !(e <= r) { // so that NaN stays
			r = e
		}
	}
	return r, power, err
}

// tooSmall ends an integration whose next step would be shorter than what.
func (in *Integration) tooSmall(what string) bool {
	if in.culprit >= 0 {
		err := nonFinite(in.st)
		return in.end(statusOf(err), in.culprit, err)
	}
	return in.end(StepTooSmall, -1, fmt.Errorf("%w: below %s", ErrStepTooSmall, what))
}

// precision returns the distance from t to its neighbour away from zero.
func precision(t float64) float64 { return math.Nextafter(math.Abs(t), math.Inf(1)) - math.Abs(t) }
