package ode_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/diffsolve/diffsolve/ode"
)

// What a careless or hostile caller can pass. Nothing panics, nothing hangs, no NaN is returned as a state, and the field is never called outside
// of the interval; every case ends within the deadline with a Status and an error that tell why.
func TestAdversarial(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	broken := errors.New("broken model")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()

	relax := func(dst, x []float64, t float64) error {
		for i, v := range x {
			dst[i] = math.Cos(t) - v
		}
		return nil
	}
	when := func(bad func(t float64) bool, element int, v float64) ode.Func {
		return func(dst, x []float64, t float64) error {
			relax(dst, x, t)
			if bad(t) {
				dst[element] = v
			}
			return nil
		}
	}
	always := func(float64) bool { return true }
	later := func(t float64) bool { return t > 0.4 }
	var kept [][]float64
	write := func(int, float64, []float64) error { return nil }
	event := func(g func(t float64) float64) ode.Output {
		return ode.Output{Events: []ode.Event{{G: func(_ []float64, t float64) float64 { return g(t) }, Terminal: true}}}
	}

	const any = -1
	for _, test := range []struct {
		name   string
		ctx    context.Context // nil: not cancelled
		c      ode.Control
		x      []float64 // nil: three elements, 1
		t0, t1 float64
		f      ode.Func // nil: relax
		out    ode.Output
		status ode.Status
		is     error
		calls  int
	}{
		{name: "nothing is wrong", t1: 1, status: ode.Done, calls: any},
		{name: "down", t0: 1, status: ode.Done, calls: any},
		{name: "an empty state", x: []float64{}, t1: 1, status: ode.Done, calls: any},

		// The state at the start.
		{name: "NaN in the state", x: []float64{1, nan, 1}, t1: 1, status: ode.NonFinite, is: ode.ErrNonFinite},
		{name: "infinity in the state", x: []float64{1, 1, -inf}, t0: 1, status: ode.NonFinite, is: ode.ErrNonFinite},

		// The field.
		{name: "NaN at the start", t1: 1, f: when(always, 0, nan), status: ode.NonFiniteField, is: ode.ErrNonFiniteField, calls: 1},
		{name: "NaN at the start, First given", c: ode.Control{First: 0.1}, t1: 1, f: when(always, 0, nan), status: ode.NonFiniteField, is: ode.ErrNonFiniteField, calls: any},
		{name: "infinity at the start", t1: 1, f: when(always, 2, inf), status: ode.NonFiniteField, is: ode.ErrNonFiniteField, calls: 1},
		{name: "NaN later", t1: 1, f: when(later, 1, nan), status: ode.NonFiniteField, is: ode.ErrNonFiniteField, calls: any},
		{name: "NaN later with a least step", c: ode.Control{Min: 0.01, Rel: 1e-3, Abs: 1e-3}, t1: 1, f: when(later, 1, nan), status: ode.NonFiniteField, is: ode.ErrNonFiniteField, calls: any},
		{name: "infinity later", t0: 1, f: when(func(t float64) bool { return t < 0.5 }, 1, inf), status: ode.NonFiniteField, is: ode.ErrNonFiniteField, calls: any},
		{name: "NaN in one row", c: ode.Control{Dim: 1}, t1: 1, f: when(later, 2, nan), status: ode.NonFiniteField, is: ode.ErrNonFiniteField, calls: any},
		{name: "the state overflows", x: []float64{1e308}, c: ode.Control{First: 1}, t1: 1, f: func(dst, _ []float64, _ float64) error { dst[0] = 1.7e308; return nil },
			status: ode.NonFinite, is: ode.ErrNonFinite, calls: any},
		{name: "a pole", t1: 2, f: func(dst, x []float64, _ float64) error {
			for i, v := range x {
				dst[i] = v * v
			}
			return nil
		}, status: ode.StepTooSmall, is: ode.ErrStepTooSmall, calls: any},
		{name: "an error at once", t1: 1, f: func(_, _ []float64, _ float64) error { return broken }, status: ode.Failed, is: broken, calls: 1},
		{name: "an error later", t1: 1, f: func(dst, x []float64, t float64) error {
			if later(t) {
				return broken
			}
			return relax(dst, x, t)
		}, status: ode.Failed, is: broken, calls: any},
		// A field that modifies its argument is found at its first call, with First or without.
		{name: "the argument is modified", t1: 1, f: func(dst, x []float64, t float64) error { relax(dst, x, t); x[0]++; return nil },
			status: ode.Failed, is: ode.ErrMutated, calls: 1},
		{name: "the argument is modified, First given", c: ode.Control{First: 0.1}, t1: 1, f: func(dst, x []float64, t float64) error { relax(dst, x, t); clear(x); return nil },
			status: ode.Failed, is: ode.ErrMutated, calls: 1},
		// One that keeps its slices and reads them does no harm, but reads what later calls write.
		{name: "the slices are kept", t1: 1, f: func(dst, x []float64, t float64) error {
			kept = append(kept, dst, x)
			for _, k := range kept {
				_ = k[0]
			}
			return relax(dst, x, t)
		}, status: ode.Done, calls: any},
		{name: "dst is not written", t1: 1, f: func(_, _ []float64, _ float64) error { return nil }, status: ode.Done, calls: any},

		// The interval.
		{name: "no interval", t0: 0.3, t1: 0.3, status: ode.Done},
		{name: "no interval and First", c: ode.Control{First: 1, Min: 0.1}, t0: 0.3, t1: 0.3, status: ode.Done},
		{name: "an interval of one unit", t0: 1, t1: math.Nextafter(1, 2), status: ode.Done, calls: any},
		{name: "an interval of one unit, down", t0: 1, t1: math.Nextafter(1, 0), status: ode.Done, calls: any},
		{name: "the least interval", t1: 5e-324, status: ode.Done, calls: any},
		{name: "an interval that ends nowhere", t1: inf, status: ode.NotRun, is: ode.ErrControl},
		{name: "an interval from NaN", t0: nan, t1: 1, status: ode.NotRun, is: ode.ErrControl},

		// The control.
		{name: "NaN tolerance", c: ode.Control{Rel: nan}, t1: 1, status: ode.NotRun, is: ode.ErrControl},
		{name: "negative tolerance", c: ode.Control{Abs: -1}, t1: 1, status: ode.NotRun, is: ode.ErrControl},
		// A tolerance below the rounding is taken at its word: it costs steps, which MaxSteps bounds.
		{name: "relative tolerance of 1e-18", c: ode.Control{Rel: 1e-18, Abs: 1e-300, MaxSteps: 20}, t1: 1, status: ode.TooManySteps, is: ode.ErrTooManySteps, calls: any},
		{name: "negative First", c: ode.Control{First: -0.1}, t1: 1, status: ode.NotRun, is: ode.ErrControl},
		{name: "enormous First", c: ode.Control{First: 1e300}, t1: 1, status: ode.Done, calls: any},
		{name: "least First", c: ode.Control{First: 5e-324}, t0: 1, t1: 2, status: ode.StepTooSmall, is: ode.ErrStepTooSmall},
		{name: "Min above Max", c: ode.Control{Min: 0.2, Max: 0.1}, t1: 1, status: ode.NotRun, is: ode.ErrControl},
		{name: "Min above the interval", c: ode.Control{Min: 2}, t1: 1, status: ode.NotRun, is: ode.ErrControl},
		{name: "Max above the interval", c: ode.Control{Max: 7}, t1: 1, status: ode.Done, calls: any},
		{name: "a tolerance that Min forbids", c: ode.Control{Rel: 1e-14, Abs: 1e-14, Min: 0.4}, t1: 1, status: ode.StepTooSmall, is: ode.ErrStepTooSmall, calls: any},
		{name: "MaxSteps 0 is the default", c: ode.Control{MaxSteps: 0}, t1: 1, status: ode.Done, calls: any},
		{name: "MaxSteps 1", c: ode.Control{MaxSteps: 1}, t1: 1, status: ode.TooManySteps, is: ode.ErrTooManySteps, calls: any},
		{name: "MaxSteps 1 that is enough", c: ode.Control{MaxSteps: 1, First: 1, Rel: 1, Abs: 1}, t1: 1, status: ode.Done, calls: any},
		{name: "MaxNFE 1", c: ode.Control{MaxNFE: 1}, t1: 1, status: ode.TooManyEvaluations, is: ode.ErrTooManyEvaluations},
		{name: "MaxNFE 20", c: ode.Control{MaxNFE: 20, Rel: 1e-10, Abs: 1e-10}, t1: 1, status: ode.TooManyEvaluations, is: ode.ErrTooManyEvaluations, calls: any},
		{name: "gains of nothing", c: ode.Control{Controller: ode.Controller{Gains: [3]float64{1, -1}}}, t1: 1, status: ode.NotRun, is: ode.ErrControl},
		{name: "rows that do not fit", c: ode.Control{Dim: 2}, t1: 1, status: ode.NotRun, is: ode.ErrControl},

		// Times of output, events, and the caller's own functions.
		{name: "duplicate times", t1: 1, out: ode.Output{Times: []float64{0.5, 0.5}, Write: write}, status: ode.NotRun, is: ode.ErrTime},
		{name: "unsorted times", t1: 1, out: ode.Output{Times: []float64{0.5, 0.4}, Write: write}, status: ode.NotRun, is: ode.ErrTime},
		{name: "times that run the other way", t0: 1, out: ode.Output{Times: []float64{0.4, 0.5}, Write: write}, status: ode.NotRun, is: ode.ErrTime},
		{name: "a time beyond the end", t1: 1, out: ode.Output{Times: []float64{0.5, 1.5}, Write: write}, status: ode.NotRun, is: ode.ErrTime},
		{name: "a time that is NaN", t1: 1, out: ode.Output{Times: []float64{nan}, Write: write}, status: ode.NotRun, is: ode.ErrTime},
		{name: "output at the start of no interval", t0: 1, t1: 1, out: ode.Output{Times: []float64{1}, Write: write}, status: ode.Done},
		{name: "an event at the start", t1: 1, out: event(func(t float64) float64 { return t }), status: ode.Done, calls: any},
		{name: "an event at the end", t1: 1, out: event(func(t float64) float64 { return t - 1 }), status: ode.EventReached, calls: any},
		{name: "an event at the end, down", t0: 1, out: event(func(t float64) float64 { return t }), status: ode.EventReached, calls: any},
		{name: "an event of no function", t1: 1, out: ode.Output{Events: []ode.Event{{}}}, status: ode.NotRun, is: ode.ErrEvent},
		{name: "an event that is NaN", t1: 1, out: event(func(float64) float64 { return nan }), status: ode.Failed, is: ode.ErrEvent},
		{name: "an event that jumps", t1: 1, out: event(func(t float64) float64 { return math.Copysign(1, t-0.5) }), status: ode.EventReached, calls: any},
		{name: "an event that is infinite", t1: 1, out: event(func(t float64) float64 { return math.Copysign(inf, t-0.5) }), status: ode.EventReached, calls: any},
		{name: "an observer stops", t1: 1, out: ode.Output{Observe: func(ode.Span, []float64) error { return ode.ErrStop }}, status: ode.Stopped, calls: any},
		{name: "an observer fails", t1: 1, out: ode.Output{Observe: func(ode.Span, []float64) error { return broken }}, status: ode.Failed, is: broken, calls: any},
		{name: "cancelled", ctx: cancelled, t1: 1, status: ode.Cancelled, is: context.Canceled},
	} {
		for name, bind := range adversaries(t) {
			if name == "exponential abm2" && test.name == "the state overflows" {
				continue // and so does what is left of the field without its linear part
			}
			x, f, ctx := test.x, test.f, test.ctx
			if x == nil {
				x = []float64{1, 1, 1}
			}
			if f == nil {
				f = relax
			}
			if ctx == nil {
				ctx = context.Background()
			}
			kept = nil
			x, before := slices.Clone(x), slices.Clone(x)
			p := probe{f: f}
			var res ode.Result
			var err error
			ends(t, name+", "+test.name, func() {
				res, err = test.c.Solve(ctx, bind(p.field, len(x)), x, test.t0, test.t1, test.out)
			})
			if res.Status != test.status || !errors.Is(err, test.is) || (err == nil) != (test.is == nil) {
				t.Errorf("%s, %s: %v, %v, want %v, %v", name, test.name, res.Status, err, test.status, test.is)
			}
			if p.calls != res.NFE || test.calls != any && p.calls != test.calls {
				t.Errorf("%s, %s: %d calls, NFE %d, want %d (-1: any)", name, test.name, p.calls, res.NFE, test.calls)
			}
			if lo, hi := min(test.t0, test.t1), max(test.t0, test.t1); p.calls > 0 && !(lo <= p.first && p.last <= hi) {
				t.Errorf("%s, %s: evaluated from %v to %v", name, test.name, p.first, p.last)
			}
			for i, v := range x {
				if res.Steps == 0 && v != before[i] && before[i]-before[i] == 0 {
					t.Errorf("%s, %s: x[%d] was %v and is %v after no step", name, test.name, i, before[i], v)
				}
				if v-v != 0 && before[i]-before[i] == 0 {
					t.Errorf("%s, %s: x[%d] is %v", name, test.name, i, v)
				}
			}
		}
	}
}

// adversaries returns the methods that the list of TestAdversarial is tried on, one of each kind.
func adversaries(t *testing.T) map[string]func(f ode.Func, n int) ode.Estimator {
	all := map[string]func(f ode.Func, n int) ode.Estimator{}
	for _, tab := range []ode.Tableau{ode.Heun, ode.DP5, ode.DOP853} {
		all[tab.Name] = func(f ode.Func, n int) ode.Estimator { return estimator(tab, f, n) }
	}
	for name, a := range map[string]ode.Adams{"abm4": {Order: 4, Mode: ode.PECE}, "abm3 pec": {Order: 3, Mode: ode.PEC, Ramp: true}} {
		all[name] = func(f ode.Func, n int) ode.Estimator { return adams(t, a, f, n).(ode.Estimator) }
	}
	all["exponential abm2"] = func(f ode.Func, n int) ode.Estimator {
		rest := make([]float64, n)
		return adams(t, ode.Adams{Order: 2, Mode: ode.PECE, Linear: -1}, func(dst, x []float64, t float64) error {
			err := f(rest, x, t)
			for i, v := range x {
				dst[i] = rest[i] + v
			}
			return err
		}, n).(ode.Estimator)
	}
	return all
}

// ends fails the test if run panics or does not return in time.
func ends(t *testing.T, what string, run func()) {
	t.Helper()
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		run()
	}()
	select {
	case p := <-done:
		if p != nil {
			t.Errorf("%s panics: %v", what, p)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not end", what)
	}
}

// The same for a fixed grid: it is refused or walked, and the field's faults end it.
func TestAdversarialGrid(t *testing.T) {
	nan := math.NaN()
	broken := errors.New("broken model")
	for _, test := range []struct {
		name   string
		grid   []float64
		x      float64
		f      func(dst, x []float64, t float64) error
		status ode.Status
		is     error
	}{
		{"nothing is wrong", []float64{0, 0.5, 1}, 1, nil, ode.Done, nil},
		{"no step: a grid has two different times", []float64{1, 1}, 1, nil, ode.NotRun, ode.ErrGrid},
		{"a time twice", []float64{0, 0.5, 0.5, 1}, 1, nil, ode.NotRun, ode.ErrGrid},
		{"unsorted", []float64{0, 0.5, 0.4, 1}, 1, nil, ode.NotRun, ode.ErrGrid},
		{"NaN", []float64{0, nan, 1}, 1, nil, ode.NotRun, ode.ErrGrid},
		{"NaN state", []float64{0, 1}, nan, nil, ode.NonFinite, ode.ErrNonFinite},
		{"NaN field", []float64{0, 1}, 1, func(dst, _ []float64, _ float64) error { dst[0] = nan; return nil }, ode.NonFiniteField, ode.ErrNonFiniteField},
		{"overflow", []float64{0, 1}, 1e308, func(dst, _ []float64, _ float64) error { dst[0] = 1.7e308; return nil }, ode.NonFinite, ode.ErrNonFinite},
		{"an error", []float64{0, 1}, 1, func(_, _ []float64, _ float64) error { return broken }, ode.Failed, broken},
		{"the argument is modified", []float64{0, 1}, 1, func(dst, x []float64, _ float64) error { dst[0] = x[0]; x[0] = 7; return nil }, ode.Failed, ode.ErrMutated},
	} {
		for name, m := range methods() {
			if m.linear && test.name == "overflow" {
				continue // what is left of the field without its linear part overflows too
			}
			f := ode.Func(test.f)
			if test.f == nil {
				f = func(dst, x []float64, _ float64) error { dst[0] = -x[0]; return nil }
			}
			x := []float64{test.x}
			var stats ode.Stats
			var err error
			ends(t, test.name, func() { stats, err = ode.Integrate(context.Background(), m.bind(t, f, 1), x, test.grid, nil) })
			if stats.Status != test.status || !errors.Is(err, test.is) || (err == nil) != (test.is == nil) || stats.Steps == 0 && x[0] != test.x && test.x == test.x {
				t.Errorf("%s, %s: %+v, %v, x = %v, want %v, %v", name, test.name, stats, err, x, test.status, test.is)
			}
		}
	}
}
