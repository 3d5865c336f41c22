package ode

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// An Output says what of an integration is looked at. Nothing of it changes the steps: they have the same bits with any Output, up to
// a terminal event. The zero value is no output. An Output has no state: it is as safe for concurrent use as its functions.
type Output struct {
	// Times, in strict order from t0 towards t1, both allowed, at which Write sees the state: on the interpolant, or at the end of a step
	// exactly. Write gets the number of the time, and must neither modify nor keep x.
	Times []float64
	Write func(i int, t float64, x []float64) error

	// Observe, if not nil, sees every accepted step, after Write has seen the times in it. A terminal event ends the last.
	Observe Observer

	Events []Event
}

// A Result is what an integration came to.
type Result struct {
	Stats
	T      float64      // the time of the state that is returned
	Events []Occurrence // in the order of the integration
}

// over returns the output at work on an integration of st from t0 to t1, of a state of n elements.
//
// Errors: ErrTime, ErrEvent and ErrNoInterpolant if it does not fit.
func (o Output) over(st Stepper, n int, t0, t1 float64) (*showing, error) {
	if len(o.Times) > 0 && o.Write == nil {
		return nil, fmt.Errorf("%w: there are %d times and no Write", ErrTime, len(o.Times))
	}
	inside, down := false, t1 < t0
	for i, t := range o.Times {
		if !(min(t0, t1) <= t && t <= max(t0, t1)) {
			return nil, fmt.Errorf("%w: time %d is %v, want it from %v to %v", ErrTime, i, t, t0, t1)
		}
		if i > 0 && (t == o.Times[i-1] || (t < o.Times[i-1]) != down) {
			return nil, fmt.Errorf("%w: times %d and %d are %v and %v, not in strict order from %v to %v", ErrTime, i-1, i, o.Times[i-1], t, t0, t1)
		}
		inside = inside || t != t0 && t != t1
	}
	for i, e := range o.Events {
		if err := e.check(i); err != nil {
			return nil, err
		}
		inside = true
	}
	s := &showing{Output: o, t0: t0, t1: t1}
	if !inside {
		return s, nil
	}
	var ok bool
	if s.inside, ok = st.(Interpolator); !ok {
		return nil, ErrNoInterpolant
	}
	s.y = make([]float64, n)
	return s, nil
}

// Adapt advances x, in place, from t0 to t1 with steps of st whose lengths c chooses, and shows each accepted step
// to observe, which may be nil. t0 == t1 is no work and no error. When it returns
// early, x is the last good state.
//
// The vector field is never evaluated outside [t0, t1]. A NaN in an estimate
// rejects the step; it cannot pass for a small error.
//
// Errors: ErrControl before any step; otherwise a *StepError that wraps ErrNonFinite, ErrStepTooSmall,
// ErrTooManySteps, ErrTooManyEvaluations, ErrMutated, the context's error, or what st or observe returned.
func (c Control) Adapt(ctx context.Context, st Estimator, x []float64, t0, t1 float64, observe Observer) (Stats, error) {
	res, err := c.Solve(ctx, st, x, t0, t1, Output{Observe: observe})
	return res.Stats, err
}

// Solve is Adapt with output at given times and events. x becomes the state at Result.T: t1, or the time of a terminal event, at which the Status
// is EventReached, or the end of the last accepted step.
//
// Errors: those of Adapt; ErrTime, ErrEvent and ErrNoInterpolant before any evaluation; a *StepError that wraps ErrEvent if an event's function is NaN, or
// what Write returned. If Write or Observe returns ErrStop the integration ends well.
func (c Control) Solve(ctx context.Context, st Estimator, x []float64, t0, t1 float64, out Output) (res Result, err error) {
	in, err := c.Start(st, x, t0, t1)
	res = Result{Stats: in.Stats(), T: t0}
	if err != nil {
		return res, err
	}
	show, err := out.over(st, len(x), t0, t1)
	if err != nil {
		return res, err
	}
	in.dense = show.inside != nil
	defer func() {
		copy(x, in.State())
		res.Stats, res.T = in.Stats(), in.Span().To
	}()
	if err := show.start(in.now); err != nil {
		return res, in.halt(err)
	}
	for in.Next(ctx) {
		end, err := show.step(&res, in.last, in.was, in.now)
		if end != nil {
			in.interrupt(end.T, end.X)
		}
		if err != nil {
			return res, in.halt(err)
		}
	}
	return res, in.Err()
}

// AdaptRows is Adapt for every row of x, of c.Dim elements, on its own, so that no row depends on its neighbours: each comes out as if it were alone, bit for bit. st is
// made for the elements of one row, and takes the rows one after the other. observe may be nil.
//
// It returns the Stats of the rows that were begun. The first error ends it and names the row; an observer's ErrStop ends that row alone.
func (c Control) AdaptRows(ctx context.Context, st Estimator, x []float64, t0, t1 float64, observe func(row int, at Span, x []float64) error) ([]Stats, error) {
	whole, err := c.settings(len(x), t1-t0)
	if err != nil {
		return nil, err
	}
	var all []Stats
	for lo := 0; lo < len(x); lo += whole.Dim {
		row := len(all)
		var watch Observer
		if observe != nil {
			watch = func(at Span, x []float64) error { return observe(row, at, x) }
		}
		stats, err := c.Adapt(ctx, st, x[lo:lo+whole.Dim], t0, t1, watch)
		all = append(all, stats)
		if err != nil {
			return all, fmt.Errorf("row %d: %w", row, err)
		}
	}
	return all, nil
}

// A showing is an Output at work.
type showing struct {
	Output
	t0, t1 float64
	inside Interpolator // nil if nothing is to be seen inside of steps
	y      []float64    // a state there
	g      []float64    // of the events, at the end of the latest step
	next   int          // the next of Times
	found  []Occurrence
}

// start shows x, the state at t0.
func (s *showing) start(x []float64) error {
	for i, e := range s.Events {
		g, err := s.value(i, e, x, s.t0)
		if err != nil {
			return err
		}
		s.g = append(s.g, g)
	}
	if len(s.Times) > 0 && s.Times[0] == s.t0 {
		s.next++
		return s.Write(0, s.t0, x)
	}
	return nil
}

// step shows the latest step, over at from the state was to now: the events up to the first terminal one, the times up to there, and the step itself. It
// returns the terminal event, if there is one.
func (s *showing) step(res *Result, at Span, was, now []float64) (*Occurrence, error) {
	if err := s.find(at, was, now); err != nil {
		return nil, err
	}
	seen := at // but for a terminal event
	var last *Occurrence
	for i, o := range s.found {
		if res.Events = append(res.Events, o); s.Events[o.Event].Terminal {
			last, seen.To = &s.found[i], o.T
			break
		}
	}
	down := s.t1 < s.t0
	for ; s.next < len(s.Times); s.next++ {
		t := s.Times[s.next]
		if t > seen.To && !down || t < seen.To && down {
			break
		}
		x := now
		if t != at.To {
			if err := s.inside.Interpolate(s.y, was, now, at.fraction(t)); err != nil {
				return nil, err
			}
			x = s.y
		}
		if err := s.Write(s.next, t, x); err != nil {
			s.next++
			return nil, err
		}
	}
	if s.Observe == nil {
		return last, nil
	}
	if last != nil {
		now = last.X
	}
	return last, s.Observe(seen, now)
}

// find collects the events of a step, in order of time.
func (s *showing) find(at Span, was, now []float64) error {
	s.found = s.found[:0]
	for i, e := range s.Events {
		inside := func(theta float64) (float64, error) {
			if err := s.inside.Interpolate(s.y, was, now, theta); err != nil {
				return 0, err
			}
			return s.value(i, e, s.y, at.Time(theta))
		}
		lo := 0.0
		for k := range e.Points + 1 {
			hi := float64(k+1) / float64(e.Points+1)
			before := s.g[i]
			after, err := inside(hi)
			if err != nil {
				return err
			}
			s.g[i] = after
			if e.happens(before, after) {
				theta, err := changeOfSign(inside, lo, hi, before, after)
				if err != nil {
					return err
				}
				x := make([]float64, len(s.y))
				if err := s.inside.Interpolate(x, was, now, theta); err != nil {
					return err
				}
				s.found = append(s.found, Occurrence{i, at.Time(theta), x})
			}
			lo = hi
		}
	}
	slices.SortStableFunc(s.found, func(a, b Occurrence) int {
		if at.To < at.From {
			return cmp.Compare(b.T, a.T)
		}
		return cmp.Compare(a.T, b.T)
	})
	return nil
}

// value returns event i's function at (x, t).
func (s *showing) value(i int, e Event, x []float64, t float64) (float64, error) {
	g := e.G(x, t)
	if g != g {
		return 0, fmt.Errorf("%w: event %d is NaN at t=%.6g", ErrEvent, i, t)
	}
	return g, nil
}
