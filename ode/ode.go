package ode

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// A Func is a vector field: it writes f(x, t) to dst. It must neither modify x nor
// keep either slice, and dst and x do not overlap.
type Func func(dst, x []float64, t float64) error

// A Span is one step's interval and its place in the trajectory. The zero value is
// an empty step at time 0.
type Span struct {
	From, To float64 // From > To when time runs down
	Index    int     // steps accepted before this one
	N        int     // steps in all, 0 when that is not known in advance
	Retry    bool    // the latest proposal was rejected: From and the state are as they were
}

// Fresh reports whether the step begins a trajectory: all history is to be forgotten.
func (s Span) Fresh() bool { return s.Index == 0 && !s.Retry }

// H returns the signed length of the span.
func (s Span) H() float64 { return s.To - s.From }

// Time returns the time at the fraction c of the span. At 0 and at 1 it is exactly
// From and To, which From + c·H() need not be: a method then evaluates the field at
// the grid's own times, so that tables keyed by time are met and no evaluation
// falls outside the span.
func (s Span) Time(c float64) float64 {
	switch c {
	case 0:
		return s.From
	case 1:
		return s.To
	}
	return s.From + c*s.H()
}

// A Stepper advances a state by one step of a method. It owns workspace and
// history, so it serves one trajectory at a time and is not safe for concurrent use.
type Stepper interface {
	// Step writes to dst the state at at.To, given the state src at at.From.
	//
	// dst may be src; otherwise they must not overlap and src is left as it was.
	// If Step returns an error the content of dst is not specified. Step does not
	// allocate. It panics if a length is not the one the Stepper was made for.
	Step(dst, src []float64, at Span) error
}

// An Estimator is a Stepper that can tell the local error of its steps.
type Estimator interface {
	Stepper

	// LocalError writes to dst an estimate of the error that the latest Step
	// committed, and returns the power of the step's length with which the
	// estimate vanishes; it may be half an integer for a stochastic method. It may evaluate the vector field once, at the end of the
	// step; the next step then starts from that evaluation.
	LocalError(dst []float64) (power float64, err error)
}

// A PairEstimator is an Estimator with two estimates of the error, a fine one e and a coarse one c of lower order. Control
// then takes, for each row and with root mean squares in units of the tolerance,
//
//	E = e² / √(e² + 0.01 c²)
//
// which is near e when the two agree, and much less where the coarse one says that e, itself of a low order, is far too
// pessimistic [hairer1993, II.10].
type PairEstimator interface {
	Estimator

	// LocalErrors writes the two estimates for the latest Step to fine and coarse, as LocalError does the one, and returns the power of the step's
	// length with which E vanishes where c dominates.
	LocalErrors(fine, coarse []float64) (power float64, err error)
}

// A Deriver is a Stepper that can evaluate the vector field it integrates, from
// which Control.Adapt finds the length of the first step.
type Deriver interface {
	// Derivative writes dx/dt at (x, t) to dst.
	Derivative(dst, x []float64, t float64) error

	// Power returns the power of a step's length with which the error that steps are judged by vanishes: what LocalError, or LocalErrors if
	// there is that, returns after a step, or else the order plus one.
	Power() float64
}

// A Counter is a Stepper that counts the evaluations of its vector field: exactly the calls that the user's function saw.
type Counter interface {
	// NFE returns the evaluations made since the Stepper was made, by all of its methods.
	NFE() int

	// Cost returns the most evaluations that Step over at will take, with LocalError after it if there is one and Interpolate if that is asked for.
	Cost(at Span, interpolate bool) int
}

// An Observer sees every accepted step and the state at its end, which it must
// neither modify nor keep. If it returns ErrStop the integration ends well; any other error
// ends it with that error.
type Observer func(at Span, x []float64) error

// Errors of the loops, wrapped in a *StepError where a step is to blame.
var (
	ErrStop               = errors.New("ode: stop")
	ErrNonFinite          = errors.New("ode: state is not finite")
	ErrStepTooSmall       = errors.New("ode: step is too small")
	ErrTooManySteps       = errors.New("ode: too many steps")
	ErrTooManyEvaluations = errors.New("ode: the budget of evaluations is spent")
	ErrMutated            = errors.New("ode: the vector field modified its argument")
	ErrGrid               = errors.New("ode: bad grid")
)

// ErrNonFiniteField tells that the vector field was not finite where the state was. It is an ErrNonFinite too.
var ErrNonFiniteField error = nonFiniteField{}

type nonFiniteField struct{}

func (nonFiniteField) Error() string { return "ode: vector field is not finite" }

func (nonFiniteField) Is(target error) bool { return target == ErrNonFinite }

// Status tells how an integration ended.
type Status int

// The ways in which an integration ends.
const (
	NotRun             Status = iota // no step was tried: the input was refused
	Done                             // the end of the interval was reached
	Stopped                          // the observer returned ErrStop
	Cancelled                        // the context was cancelled
	Failed                           // the vector field, the noise or the observer returned an error
	NonFinite                        // a NaN or an infinity appeared in the state
	StepTooSmall                     // the tolerance asked for steps below Control.Min or the precision of the time
	TooManySteps                     // Control.MaxSteps proposals did not reach the end
	TooManyEvaluations               // the next proposal could take more than Control.MaxNFE
	NonFiniteField                   // the vector field returned a NaN or an infinity
	EventReached                     // a terminal event happened
)

var statusNames = [...]string{"not run", "done", "stopped", "cancelled", "failed", "not finite", "step too small", "too many steps",
	"too many evaluations", "vector field not finite", "event reached"}

func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("Status(%d)", int(s))
	}
	return statusNames[s]
}

// Stats counts the work of an integration.
type Stats struct {
	Status   Status
	Steps    int     // accepted steps
	Rejected int     // rejected proposals
	NFE      int     // calls of the vector field, if the stepper is a Counter; otherwise 0
	HMin     float64 // least and greatest length of an accepted step; 0 if there was none
	HMax     float64
}

func (s *Stats) accept(at Span) {
	h := math.Abs(at.H())
	if s.Steps == 0 || h < s.HMin {
		s.HMin = h
	}
	if h > s.HMax {
		s.HMax = h
	}
	s.Steps++
}

// A StepError reports the step at which an integration ended before its time.
type StepError struct {
	At      Span
	Element int // index of the offending element of the state, or -1
	Err     error
}

func (e *StepError) Error() string {
	where := ""
	if e.Element >= 0 {
		where = fmt.Sprintf(", element %d", e.Element)
	}
	return fmt.Sprintf("step %d from t=%.6g to t=%.6g%s: %v", e.At.Index, e.At.From, e.At.To, where, e.Err)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Spans ranges over the steps of a grid of times. Fewer than two times give none.
func Spans(grid []float64) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		n := len(grid) - 1
		for i := range n {
			if !yield(Span{From: grid[i], To: grid[i+1], Index: i, N: n}) {
				return
			}
		}
	}
}

// CheckGrid returns an error that wraps ErrGrid unless grid holds at least two
// finite times in strictly increasing or strictly decreasing order.
func CheckGrid(grid []float64) error {
	if len(grid) < 2 {
		return fmt.Errorf("%w: it has %d times, a step needs two", ErrGrid, len(grid))
	}
	down := grid[1] < grid[0]
	for i, t := range grid {
		if t-t != 0 {
			return fmt.Errorf("%w: time %d is %v", ErrGrid, i, t)
		}
		if i == 0 {
			continue
		}
		if was := grid[i-1]; down && !(t < was) || !down && !(t > was) {
			want := "increasing"
			if down {
				want = "decreasing"
			}
			return fmt.Errorf("%w: times %d and %d are %v and %v, not strictly %s", ErrGrid, i-1, i, was, t, want)
		}
	}
	return nil
}

// Integrate advances x, in place, over the times of grid with st and shows each step
// to observe, which may be nil. When it returns early, x is the last good state:
// the end of step Stats.Steps-1.
//
// Errors: ErrGrid before any step; otherwise a *StepError that wraps ErrNonFinite,
// the context's error, or what st or observe returned.
func Integrate(ctx context.Context, st Stepper, x, grid []float64, observe Observer) (Stats, error) {
	res, err := Solve(ctx, st, x, grid, Output{Observe: observe})
	return res.Stats, err
}

// Solve is Integrate with output at given times and events, as Control.Solve is Adapt with them. x becomes the state at Result.T: the last time of
// grid, or the time of a terminal event, at which the Status is EventReached, or the end of the last good step.
//
// Errors: those of Integrate; ErrTime, ErrEvent and ErrNoInterpolant before any step; a *StepError that wraps ErrEvent if an event's function is NaN, or
// what Write returned.
func Solve(ctx context.Context, st Stepper, x, grid []float64, out Output) (res Result, err error) {
	if err := CheckGrid(grid); err != nil {
		return res, err
	}
	res.T = grid[0]
	show, err := out.over(st, len(x), grid[0], grid[len(grid)-1])
	if err != nil {
		return res, err
	}
	end := func(s Status, at Span, element int, err error) (Result, error) {
		res.Status = s
		return res, &StepError{at, element, err}
	}
	start := Span{From: grid[0], To: grid[1], N: len(grid) - 1}
	if i := vec.FirstNonFinite(x); i >= 0 {
		return end(NonFinite, start, i, ErrNonFinite)
	}
	now, next := x, make([]float64, len(x))
	defer func() { settle(x, now) }()
	if counter, ok := st.(Counter); ok {
		before := counter.NFE()
		defer func() { res.NFE = counter.NFE() - before }()
	}
	if err := show.start(now); err != nil {
		res.Stats, err = res.halt(start, err)
		return res, err
	}
	for at := range Spans(grid) {
		if err := ctx.Err(); err != nil {
			return end(Cancelled, at, -1, err)
		}
		if err := st.Step(next, now, at); err != nil {
			return end(statusOf(err), at, -1, err)
		}
		if i := vec.FirstNonFinite(next); i >= 0 {
			err := nonFinite(st)
			return end(statusOf(err), at, i, err)
		}
		now, next = next, now
		res.accept(at)
		res.T = at.To
		last, err := show.step(&res, at, next, now)
		if last != nil {
			res.T, res.Status = last.T, EventReached
			copy(now, last.X)
		}
		if err != nil {
			res.Stats, err = res.halt(at, err)
			return res, err
		}
		if last != nil {
			return res, nil
		}
	}
	res.Status = Done
	return res, nil
}

// Walk advances x, in place, over the times of grid with st. It is Integrate without checks, observer and
// allocation, for a Step that is itself made of steps. It returns the error of the step that failed; x is then what that step left.
func Walk(st Stepper, x, grid []float64) error {
	for at := range Spans(grid) {
		if err := st.Step(x, x, at); err != nil {
			return err
		}
	}
	return nil
}

// nonFinite returns the error of a step of st to a state that is not finite.
func nonFinite(st Stepper) error {
	if s, ok := st.(interface{ fieldIsFinite() bool }); ok && !s.fieldIsFinite() {
		return ErrNonFiniteField
	}
	return ErrNonFinite
}

// statusOf classifies an error that a step returned.
func statusOf(err error) Status {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Cancelled
	case errors.Is(err, ErrNonFiniteField):
		return NonFiniteField
	case errors.Is(err, ErrNonFinite):
		return NonFinite
	}
	return Failed
}

// halt ends an integration by the observer's wish.
func (s Stats) halt(at Span, err error) (Stats, error) {
	if errors.Is(err, ErrStop) {
		s.Status = Stopped
		return s, nil
	}
	s.Status = statusOf(err)
	return s, &StepError{at, -1, err}
}

// settle brings the state home. The loops alternate between two buffers, so that a
// failed step leaves the state it started from whole and no step copies anything.
func settle(x, now []float64) {
	if len(x) > 0 && &x[0] != &now[0] {
		copy(x, now)
	}
}
