package ode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// Control chooses step lengths so that the estimated local error of each step stays
// within Abs + Rel·|x|. The zero value selects the defaults. A Control is a value
// without state and is safe for concurrent use.
//
// The error of a step is the root mean square over a row of error/tolerance, and the
// largest over the rows, so one step serves all rows: the steps of a row then depend
// on its neighbours. Integrate rows one by one where that matters, as package solvers does.
//
// References:
//
//	[hairer1993]  E. Hairer, S. P. Nørsett and G. Wanner. Solving Ordinary Differential
//	              Equations I, section II.4. Springer, 1993.
//	[hairer1996]  E. Hairer and G. Wanner. Solving Ordinary Differential
//	              Equations II, section IV.2. Springer, 1996.
type Control struct {
	Rel, Abs float64 // tolerances; 0 means 1e-6 and 1e-8
	First    float64 // length of the first step; 0 means that it is found from the vector field
	Max      float64 // greatest length of a step, by a hundredth more for the last; 0 means the interval
	Safety   float64 // aims below the tolerance, in (0, 1); 0 means 0.9
	MaxSteps int     // proposals, accepted or not; 0 means 100,000
	Dim      int     // elements of a row; 0 means that the state is one row
}

// ErrControl is wrapped by the errors of a Control that makes no sense.
var ErrControl = errors.New("ode: bad control")

// Bounds of the change of length from one step to the next.
const (
	minFactor = 0.2
	maxFactor = 5
)

// Check returns an error that wraps ErrControl if a field is out of range.
func (c Control) Check() error {
	for _, f := range []struct {
		name string
		v    float64
	}{{"Rel", c.Rel}, {"Abs", c.Abs}, {"First", c.First}, {"Max", c.Max}, {"Safety", c.Safety}} {
		if !(f.v >= 0) || math.IsInf(f.v, 1) {
			return fmt.Errorf("%w: %s is %v, want a finite number not below 0", ErrControl, f.name, f.v)
		}
	}
	if c.Safety >= 1 {
		return fmt.Errorf("%w: Safety is %v, want less than 1", ErrControl, c.Safety)
	}
	if c.MaxSteps < 0 {
		return fmt.Errorf("%w: MaxSteps is %d, want at least 0", ErrControl, c.MaxSteps)
	}
	if c.Dim < 0 {
		return fmt.Errorf("%w: Dim is %d, want at least 0", ErrControl, c.Dim)
	}
	return nil
}

// settings returns c with its defaults filled in for a state of n elements.
func (c Control) settings(n int, span float64) (Control, error) {
	if err := c.Check(); err != nil {
		return c, err
	}
	if c.Dim > 0 && n%c.Dim != 0 {
		return c, fmt.Errorf("%w: a state of %d elements has no whole number of rows of %d", ErrControl, n, c.Dim)
	}
	if span-span != 0 {
		return c, fmt.Errorf("%w: the interval has length %v", ErrControl, span)
	}
	c.Rel, c.Abs = cmp.Or(c.Rel, 1e-6), cmp.Or(c.Abs, 1e-8)
	c.Max, c.Safety = cmp.Or(c.Max, math.Abs(span)), cmp.Or(c.Safety, 0.9)
	c.MaxSteps, c.Dim = cmp.Or(c.MaxSteps, 100_000), cmp.Or(c.Dim, max(n, 1))
	return c, nil
}

// Adapt advances x, in place, from t0 to t1 with steps of st chosen by c, a
// proportional-integral controller [hairer1996], and shows each accepted step
// to observe, which may be nil. t0 == t1 is no work and no error. When it returns
// early, x is the last good state.
//
// The vector field is never evaluated outside [t0, t1]. A NaN in an estimate
// rejects the step; it cannot pass for a small error.
//
// Errors: ErrControl before any step; otherwise a *StepError that wraps ErrNonFinite, ErrStepTooSmall,
// ErrTooManySteps, the context's error, or what st or observe returned.
func (c Control) Adapt(ctx context.Context, st Estimator, x []float64, t0, t1 float64, observe Observer) (Stats, error) {
	var stats Stats
	span := t1 - t0
	c, err := c.settings(len(x), span)
	if err != nil {
		return stats, err
	}
	if i := vec.FirstNonFinite(x); i >= 0 {
		stats.Status = NonFinite
		return stats, &StepError{Span{From: t0, To: t1}, i, ErrNonFinite}
	}
	now, next, e := x, make([]float64, len(x)), make([]float64, len(x))
	defer func() { settle(x, now) }()

	at := Span{From: t0, To: t1}
	if err := ctx.Err(); err != nil { // before the evaluations of firstStep
		stats.Status = Cancelled
		return stats, &StepError{at, -1, err}
	}
	h := c.First
	if d, ok := st.(Deriver); ok && h == 0 && span != 0 {
		if h, err = c.firstStep(d, x, t0, t1); err != nil {
			stats.Status = statusOf(err)
			return stats, &StepError{at, -1, err}
		}
	} else if h == 0 {
		h = math.Abs(span) / 100
	}
	previous := 1.0            // error of the last accepted step
	culprit := -1              // element that was not finite in the latest proposal
	grow := float64(maxFactor) // 1 after a rejection: the step must not grow at once
	for at.From != t1 {
		if err := ctx.Err(); err != nil {
			stats.Status = Cancelled
			return stats, &StepError{at, -1, err}
		}
		if stats.Steps+stats.Rejected >= c.MaxSteps {
			stats.Status = TooManySteps
			return stats, &StepError{at, -1, ErrTooManySteps}
		}
		// Not min: a NaN must not slip through.
		if !(h <= c.Max) {
			h = c.Max
		}
		rest := math.Abs(t1 - at.From)
		if rest <= 1.01*h { // no sliver is left for a last step
			at.To = t1
		} else {
			at.To = at.From + math.Copysign(h, span)
		}
		if least := 4 * (math.Nextafter(math.Abs(at.From), math.Inf(1)) - math.Abs(at.From)); math.Abs(at.H()) < least && at.To != t1 {
			if culprit >= 0 {
				stats.Status = NonFinite
				return stats, &StepError{at, culprit, ErrNonFinite}
			}
			stats.Status = StepTooSmall
			return stats, &StepError{at, -1, ErrStepTooSmall}
		}
		if err := st.Step(next, now, at); err != nil {
			stats.Status = statusOf(err)
			return stats, &StepError{at, -1, err}
		}
		q, err := st.LocalError(e)
		if err != nil {
			stats.Status = statusOf(err)
			return stats, &StepError{at, -1, err}
		}
		r := vec.MaxRowRMS(e, now, next, c.Dim, c.Abs, c.Rel)
		infinite := vec.FirstNonFinite(next)
		if infinite >= 0 { // and so is the tolerance, next to which any error is small
			r = math.NaN()
		}
		if !(r <= 1) { // so that NaN rejects
			stats.Rejected++
			at.Retry = true
			grow = 1
			culprit = max(infinite, vec.FirstNonFinite(e))
			factor := c.Safety * math.Pow(r, -1/q)
			if !(factor >= minFactor) {
				factor = minFactor
			}
			// Of h too: at.H() alone, rounded to the precision of the time, may come out as it was for ever.
			h = math.Min(h, math.Abs(at.H())) * factor
			continue
		}
		now, next = next, now
		stats.accept(at)
		if observe != nil {
			if err := observe(at, now); err != nil {
				return stats.halt(at, err)
			}
		}
		factor := float64(maxFactor)
		if r > 0 {
			factor = c.Safety * math.Pow(r, -0.7/q) * math.Pow(previous, 0.4/q)
		}
		h = math.Abs(at.H()) * math.Min(grow, math.Max(minFactor, factor))
		previous, culprit, grow = math.Max(r, 1e-4), -1, maxFactor
		at = Span{From: at.To, To: t1, Index: at.Index + 1}
	}
	stats.Status = Done
	return stats, nil
}

// firstStep is the starting step of [hairer1993, II.4]: the length at which an
// Euler step would commit about a hundredth of the tolerance, judged from the
// derivative and from how much it changes over a trial step. The trial is kept inside [t0, t1].
func (c Control) firstStep(d Deriver, x []float64, t0, t1 float64) (float64, error) {
	f0, f1, y := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	if err := d.Derivative(f0, x, t0); err != nil {
		return 0, err
	}
	if i := vec.FirstNonFinite(f0); i >= 0 {
		return 0, fmt.Errorf("%w: the derivative at the start, element %d", ErrNonFinite, i)
	}
	span := math.Abs(t1 - t0)
	d0 := vec.MaxRowRMS(x, x, x, c.Dim, c.Abs, c.Rel)
	d1 := vec.MaxRowRMS(f0, x, x, c.Dim, c.Abs, c.Rel)
	h0 := 1e-6
	if d0 > 1e-5 && d1 > 1e-5 && d0 <= math.MaxFloat64 && d1 <= math.MaxFloat64 {
		h0 = 0.01 * d0 / d1
	}
	h0 = math.Min(h0, math.Min(span, c.Max))
	at := Span{From: t0, To: t0 + math.Copysign(h0, t1-t0)}
	if h0 == span {
		at.To = t1
	}
	vec.Lin(y, vec.Term{C: 1, X: x}, vec.Term{C: at.H(), X: f0})
	if err := d.Derivative(f1, y, at.To); err != nil {
		return 0, err
	}
	vec.Lin(f1, vec.Term{C: 1, X: f1}, vec.Term{C: -1, X: f0})
	d2 := vec.MaxRowRMS(f1, x, x, c.Dim, c.Abs, c.Rel) / h0
	if !(d2 <= math.MaxFloat64) { // the trial step left the domain of f: start carefully
		return h0 / 100, nil
	}
	h1 := math.Max(1e-6, 1e-3*h0)
	if worst := math.Max(d1, d2); worst > 1e-15 {
		h1 = math.Sqrt(0.01 / worst)
	}
	return math.Min(math.Min(100*h0, h1), span), nil
}
