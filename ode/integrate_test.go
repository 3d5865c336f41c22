package ode_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
)

// stepFunc is a Stepper that is a function.
type stepFunc func(dst, src []float64, at ode.Span) error

func (f stepFunc) Step(dst, src []float64, at ode.Span) error { return f(dst, src, at) }

// count is the exact stepper of x' = 1. On integer times its states are integers.
var count = stepFunc(func(dst, src []float64, at ode.Span) error {
	for i, v := range src {
		dst[i] = v + at.H()
	}
	return nil
})

// spoiled is count with a step that leaves rubbish and an error in its place.
func spoiled(index int, err error) ode.Stepper {
	return stepFunc(func(dst, src []float64, at ode.Span) error {
		count(dst, src, at)
		if at.Index == index {
			for i := range dst {
				dst[i] = -77
			}
			return err
		}
		return nil
	})
}

// poisoned is count with a value written to one element by a step.
func poisoned(index, element int, v float64) ode.Stepper {
	return stepFunc(func(dst, src []float64, at ode.Span) error {
		count(dst, src, at)
		if at.Index == index {
			dst[element] = v
		}
		return nil
	})
}

func TestCheckGrid(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		grid []float64
		want string // "" for a good grid
	}{
		{[]float64{0, 1}, ""},
		{[]float64{1, 0}, ""},
		{[]float64{-2, -1.5, 0, 1e300}, ""},
		{[]float64{1, 0.5, -1e-300, -1}, ""},
		{[]float64{1, math.Nextafter(1, 2)}, ""},
		{nil, "ode: bad grid: it has 0 times, a step needs two"},
		{[]float64{1}, "ode: bad grid: it has 1 times, a step needs two"},
		{[]float64{1, 1}, "ode: bad grid: times 0 and 1 are 1 and 1, not strictly increasing"},
		{[]float64{0, 1, 1}, "ode: bad grid: times 1 and 2 are 1 and 1, not strictly increasing"},
		{[]float64{0, 1, 0.5}, "ode: bad grid: times 1 and 2 are 1 and 0.5, not strictly increasing"},
		{[]float64{1, 0, 0.5}, "ode: bad grid: times 1 and 2 are 0 and 0.5, not strictly decreasing"},
		{[]float64{1, 0, 0}, "ode: bad grid: times 1 and 2 are 0 and 0, not strictly decreasing"},
		{[]float64{0, math.Copysign(0, -1)}, "ode: bad grid: times 0 and 1 are 0 and -0, not strictly increasing"},
		{[]float64{nan, 1}, "ode: bad grid: time 0 is NaN"},
		{[]float64{0, 1, nan}, "ode: bad grid: time 2 is NaN"},
		{[]float64{0, 1, inf}, "ode: bad grid: time 2 is +Inf"},
		{[]float64{-inf, 0}, "ode: bad grid: time 0 is -Inf"},
	} {
		err := ode.CheckGrid(test.grid)
		if got := message(err); got != test.want || err != nil && !errors.Is(err, ode.ErrGrid) {
			t.Errorf("CheckGrid(%v) = %q, want %q", test.grid, got, test.want)
		}
		// Integrate refuses what CheckGrid refuses, before any step.
		x, steps := []float64{5}, 0
		stats, err := ode.Integrate(context.Background(), stepFunc(func(dst, src []float64, at ode.Span) error {
			steps++
			return count(dst, src, at)
		}), x, test.grid, nil)
		if got := message(err); got != test.want {
			t.Errorf("Integrate over %v = %q, want %q", test.grid, got, test.want)
		}
		if test.want != "" && (steps != 0 || x[0] != 5 || stats != ode.Stats{}) {
			t.Errorf("Integrate over %v made %d steps to %v, %+v, want none", test.grid, steps, x, stats)
		}
	}
}

// message returns err's text, "" for nil.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestStatusString(t *testing.T) {
	for _, test := range []struct {
		s    ode.Status
		want string
	}{
		{ode.NotRun, "not run"},
		{ode.Done, "done"},
		{ode.Stopped, "stopped"},
		{ode.Cancelled, "cancelled"},
		{ode.Failed, "failed"},
		{ode.NonFinite, "not finite"},
		{ode.StepTooSmall, "step too small"},
		{ode.TooManySteps, "too many steps"},
		{ode.TooManyEvaluations, "too many evaluations"},
		{ode.NonFiniteField, "vector field not finite"},
		{ode.EventReached, "event reached"},
		{ode.EventReached + 1, "Status(11)"},
		{-1, "Status(-1)"},
	} {
		if got := test.s.String(); got != test.want {
			t.Errorf("Status(%d).String() = %q, want %q", int(test.s), got, test.want)
		}
	}
}

func TestStepErrorMessage(t *testing.T) {
	for _, test := range []struct {
		err  ode.StepError
		want string
	}{
		{ode.StepError{At: ode.Span{From: 1, To: 0.25, Index: 3}, Element: -1, Err: errors.New("no")}, "step 3 from t=1 to t=0.25: no"},
		{ode.StepError{At: ode.Span{From: 1, To: 0.25}, Element: 0, Err: ode.ErrNonFinite}, "step 0 from t=1 to t=0.25, element 0: ode: state is not finite"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%#v.Error() = %q, want %q", test.err, got, test.want)
		}
		if !errors.Is(&test.err, test.err.Err) {
			t.Errorf("%#v does not unwrap", test.err)
		}
	}
}

// A fault is a StepError that can be compared field by field.
type fault struct {
	At      ode.Span
	Element int
	Err     error
}

// faultOf returns the content of err, and fails the test if it is no *StepError.
func faultOf(t *testing.T, err error) *fault {
	t.Helper()
	if err == nil {
		return nil
	}
	var e *ode.StepError
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *StepError", err)
	}
	return &fault{e.At, e.Element, e.Err}
}

// However an integration ends, x is the state at the end of the last good step, and
// the error names the step that was not.
func TestIntegrateEnds(t *testing.T) {
	broken := errors.New("broken model")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	always := context.Background()
	none := func(ode.Span) error { return nil }

	grid := []float64{0, 1, 3, 6, 10}
	spans := slices.Collect(ode.Spans(grid))
	for _, test := range []struct {
		name    string
		ctx     context.Context
		st      ode.Stepper
		observe func(at ode.Span) error
		status  ode.Status
		steps   int // good ones, all of which the observer sees
		fault   *fault
	}{
		{"to the end", always, count, none, ode.Done, 4, nil},

		// The loop alternates between two buffers: an even and an odd number of good steps.
		{"error in step 0", always, spoiled(0, broken), none, ode.Failed, 0, &fault{spans[0], -1, broken}},
		{"error in step 1", always, spoiled(1, broken), none, ode.Failed, 1, &fault{spans[1], -1, broken}},
		{"error in step 2", always, spoiled(2, broken), none, ode.Failed, 2, &fault{spans[2], -1, broken}},
		{"error in the last step", always, spoiled(3, broken), none, ode.Failed, 3, &fault{spans[3], -1, broken}},

		{"NaN in step 0", always, poisoned(0, 0, math.NaN()), none, ode.NonFinite, 0, &fault{spans[0], 0, ode.ErrNonFinite}},
		{"NaN in step 1", always, poisoned(1, 2, math.NaN()), none, ode.NonFinite, 1, &fault{spans[1], 2, ode.ErrNonFinite}},
		{"-Inf in step 2", always, poisoned(2, 1, math.Inf(-1)), none, ode.NonFinite, 2, &fault{spans[2], 1, ode.ErrNonFinite}},
		{"+Inf in the last step", always, poisoned(3, 2, math.Inf(1)), none, ode.NonFinite, 3, &fault{spans[3], 2, ode.ErrNonFinite}},

		// A step may know more than the loop.
		{"the step finds a NaN", always, spoiled(1, ode.ErrNonFinite), none, ode.NonFinite, 1, &fault{spans[1], -1, ode.ErrNonFinite}},
		{"the step is cancelled", always, spoiled(2, context.Canceled), none, ode.Cancelled, 2, &fault{spans[2], -1, context.Canceled}},
		{"the step's deadline", always, spoiled(2, context.DeadlineExceeded), none, ode.Cancelled, 2, &fault{spans[2], -1, context.DeadlineExceeded}},

		// The step that the observer does not like is good all the same.
		{"the observer stops", always, count, failFrom(1, ode.ErrStop), ode.Stopped, 2, nil},
		{"the observer stops at the end", always, count, failFrom(3, ode.ErrStop), ode.Stopped, 4, nil},
		{"the observer fails", always, count, failFrom(2, broken), ode.Failed, 3, &fault{spans[2], -1, broken}},
		{"the observer is cancelled", always, count, failFrom(0, context.Canceled), ode.Cancelled, 1, &fault{spans[0], -1, context.Canceled}},

		{"cancelled before", cancelled, count, none, ode.Cancelled, 0, &fault{spans[0], -1, context.Canceled}},
		{"expired before", expired, count, none, ode.Cancelled, 0, &fault{spans[0], -1, context.DeadlineExceeded}},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := []float64{1, 1, 1} // at time 0, so that count makes it 1 + t
			seen := 0
			stats, err := ode.Integrate(test.ctx, test.st, x, grid, func(at ode.Span, x []float64) error {
				if at != spans[seen] {
					t.Errorf("observed step %d = %+v, want %+v", seen, at, spans[seen])
				}
				if diff := cmp.Diff(slices.Repeat([]float64{1 + at.To}, 3), x); diff != "" {
					t.Errorf("observed state of step %d (-want +got):\n%s", seen, diff)
				}
				seen++
				return test.observe(at)
			})
			if stats.Status != test.status || stats.Steps != test.steps || seen != test.steps {
				t.Errorf("Integrate = %v, %d steps, %d observed, want %v, %d, %d",
					stats.Status, stats.Steps, seen, test.status, test.steps, test.steps)
			}
			if diff := cmp.Diff(test.fault, faultOf(t, err), cmpopts.EquateErrors()); diff != "" {
				t.Errorf("StepError (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(slices.Repeat([]float64{1 + grid[test.steps]}, 3), x); diff != "" {
				t.Errorf("last good state (-want +got):\n%s", diff)
			}
		})
	}
}

// The cause may come wrapped in what a model or an observer has to say about it.
func TestIntegrateWrappedErrors(t *testing.T) {
	broken := errors.New("broken model")
	for _, test := range []struct {
		cause  error
		status ode.Status
		want   error // nil: the integration ends well
	}{
		{broken, ode.Failed, broken},
		{ode.ErrNonFinite, ode.NonFinite, ode.ErrNonFinite},
		{context.Canceled, ode.Cancelled, context.Canceled},
		{context.DeadlineExceeded, ode.Cancelled, context.DeadlineExceeded},
		{ode.ErrStop, ode.Stopped, nil},
	} {
		said := fmt.Errorf("row 2: %w", test.cause)
		observe := func(ode.Span, []float64) error { return said }
		stats, err := ode.Integrate(context.Background(), count, []float64{0}, []float64{0, 1, 2}, observe)
		if stats.Status != test.status || !errors.Is(err, test.want) {
			t.Errorf("with an observer that returns %q, Integrate = %v, %v, want %v, %v", said, stats.Status, err, test.status, test.want)
		}
		if test.want == nil {
			continue // only an observer stops
		}
		stats, err = ode.Integrate(context.Background(), spoiled(1, said), []float64{0}, []float64{0, 1, 2}, nil)
		if stats.Status != test.status || !errors.Is(err, test.want) {
			t.Errorf("with a step that returns %q, Integrate = %v, %v, want %v, %v", said, stats.Status, err, test.status, test.want)
		}
	}
}

// failFrom returns an observer that returns err from the step of that index on.
func failFrom(index int, err error) func(ode.Span) error {
	return func(at ode.Span) error {
		if at.Index >= index {
			return err
		}
		return nil
	}
}

// A context that is cancelled during a step ends the integration before the next one:
// the step itself is good.
func TestIntegrateCancelledInTheMiddle(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	x := []float64{0}
	stats, err := ode.Integrate(ctx, stepFunc(func(dst, src []float64, at ode.Span) error {
		if at.Index == 2 {
			cancel()
		}
		return count(dst, src, at)
	}), x, []float64{0, 1, 2, 3, 4, 5}, nil)
	if !errors.Is(err, context.Canceled) || faultOf(t, err).At.Index != 3 {
		t.Errorf("error = %v, want %v in step 3", err, context.Canceled)
	}
	want := ode.Stats{Status: ode.Cancelled, Steps: 3, HMin: 1, HMax: 1}
	if diff := cmp.Diff(want, stats); diff != "" || x[0] != 3 {
		t.Errorf("x = %v, want 3; Stats (-want +got):\n%s", x, diff)
	}
}

// A state that is not finite at the start is refused before any step.
func TestIntegrateBadStart(t *testing.T) {
	for element, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		x := []float64{1, 2, 3}
		x[element] = v
		stats, err := ode.Integrate(context.Background(), stepFunc(func(_, _ []float64, _ ode.Span) error {
			t.Error("a step was tried")
			return nil
		}), x, []float64{1, 0.5, 0}, nil)
		want := &fault{ode.Span{From: 1, To: 0.5, N: 2}, element, ode.ErrNonFinite}
		if diff := cmp.Diff(want, faultOf(t, err), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("start with %v in element %d: StepError (-want +got):\n%s", v, element, diff)
		}
		if want := (ode.Stats{Status: ode.NonFinite}); stats != want {
			t.Errorf("start with %v: Stats = %+v, want %+v", v, stats, want)
		}
	}
}

// An empty batch is integrated like any other, without a state to look at.
func TestIntegrateEmptyState(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		seen := 0
		stats, err := ode.Integrate(context.Background(), tab.Stepper(coupled, 0), nil, []float64{1, 0.5, 0}, func(_ ode.Span, x []float64) error {
			seen++
			return nil
		})
		want := ode.Stats{Status: ode.Done, Steps: 2, NFE: 2 * tab.Evaluations(), HMin: 0.5, HMax: 0.5}
		if err != nil || stats != want || seen != 2 {
			t.Errorf("%s of an empty state = %+v, %v and %d steps seen, want %+v", tab.Name, stats, err, seen, want)
		}
	}
}

// The times are the grid's own. Sums of step lengths drift away from them: the
// end of this grid is not what a hundred steps of 0.01 add up to.
func TestIntegrateUsesGridTimes(t *testing.T) {
	grid := make([]float64, 101)
	for i := range grid {
		grid[i] = float64(100-i) / 100
	}
	sum := 1.0
	for range 100 {
		sum -= 0.01
	}
	if sum == 0 {
		t.Fatal("the grid cannot tell accumulated times")
	}
	var spans, observed []ode.Span
	_, err := ode.Integrate(context.Background(), stepFunc(func(dst, src []float64, at ode.Span) error {
		spans = append(spans, at)
		return count(dst, src, at)
	}), []float64{0}, grid, func(at ode.Span, _ []float64) error {
		observed = append(observed, at)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Collect(ode.Spans(grid))
	if diff := cmp.Diff(want, spans); diff != "" {
		t.Errorf("spans of the steps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, observed); diff != "" {
		t.Errorf("spans of the observer (-want +got):\n%s", diff)
	}
}

// Stats of a rough grid run down, worked out by hand.
func TestIntegrateStats(t *testing.T) {
	x := []float64{8}
	stats, err := ode.Integrate(context.Background(), count, x, []float64{8, 7, 3, 2.5, 0}, nil)
	want := ode.Stats{Status: ode.Done, Steps: 4, HMin: 0.5, HMax: 4}
	if diff := cmp.Diff(want, stats); err != nil || diff != "" || x[0] != 0 {
		t.Errorf("x = %v, want 0; error %v; Stats (-want +got):\n%s", x, err, diff)
	}
}

// A field's error reaches the caller through the step and the loop.
func TestIntegrateFieldError(t *testing.T) {
	broken := errors.New("broken model")
	for _, tab := range ode.Tableaus() {
		x := slices.Clone(start)
		var last []float64
		stats, err := ode.Integrate(context.Background(), tab.Stepper(func(dst, x []float64, t float64) error {
			if t > 2 {
				return broken
			}
			return coupled(dst, x, t)
		}, len(x)), x, []float64{0, 1, 2, 3, 4}, func(_ ode.Span, x []float64) error {
			last = slices.Clone(x)
			return nil
		})
		if !errors.Is(err, broken) || stats.Status != ode.Failed {
			t.Errorf("%s = %v, %v, want %v, %v", tab.Name, stats.Status, err, ode.Failed, broken)
		}
		if diff := cmp.Diff(last, x); diff != "" {
			t.Errorf("%s: x after an error (-last good state +got):\n%s", tab.Name, diff)
		}
	}
}

// One stepper serves many trajectories, one after the other.
func TestStepperStartsAnew(t *testing.T) {
	grid := []float64{1, 0.7, 0.2, 0.1}
	for _, tab := range ode.Tableaus() {
		used := tab.Stepper(coupled, len(start))
		if _, err := ode.Integrate(context.Background(), used, []float64{9, -9, 4}, grid, nil); err != nil {
			t.Fatal(err)
		}
		want, got := slices.Clone(start), slices.Clone(start)
		if _, err := ode.Integrate(context.Background(), tab.Stepper(coupled, len(start)), want, grid, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ode.Integrate(context.Background(), used, got, grid, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, second trajectory (-new stepper +used stepper):\n%s", tab.Name, diff)
		}
	}
}

// Walk takes the steps that Integrate takes, in place, and stops at the first error.
func TestWalk(t *testing.T) {
	grid := []float64{3, 2, 0, -4}
	boom := errors.New("boom")
	for _, c := range []struct {
		name   string
		fail   int
		grid   []float64
		want   []float64
		err    error
		visits int
	}{
		{"to the end", -1, grid, []float64{-6, -5}, nil, 3},
		{"to an error", 1, grid, []float64{-77, -77}, boom, 2},
		{"nowhere", -1, grid[:1], []float64{1, 2}, nil, 0},
	} {
		inner := spoiled(c.fail, boom)
		var spans []ode.Span
		x := []float64{1, 2}
		err := ode.Walk(stepFunc(func(dst, src []float64, at ode.Span) error {
			spans = append(spans, at)
			return inner.Step(dst, src, at)
		}), x, c.grid)
		if err != c.err {
			t.Errorf("%s: Walk returns %v, want %v", c.name, err, c.err)
		}
		if diff := cmp.Diff(c.want, x); diff != "" {
			t.Errorf("%s: state (-want +got):\n%s", c.name, diff)
		}
		want := slices.Collect(ode.Spans(c.grid))[:c.visits]
		if diff := cmp.Diff(want, spans, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: spans (-want +got):\n%s", c.name, diff)
		}
	}
}
