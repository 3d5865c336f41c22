package ode_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/ode"
)

// coupled is a nonlinear field in which every element depends on its neighbour and on
// the time, so that a state or a time which is wrong anywhere shows everywhere.
func coupled(dst, x []float64, t float64) error {
	for i := range dst {
		dst[i] = math.Sin(x[(i+1)%len(x)]+t) - x[i]/2
	}
	return nil
}

// start is an initial state for coupled.
var start = []float64{1, -0.5, 0.25}

// step makes one step from src, which must survive it, and returns the new state.
func step(t *testing.T, st ode.Stepper, src []float64, at ode.Span) []float64 {
	t.Helper()
	before, dst := slices.Clone(src), slices.Repeat([]float64{math.NaN()}, len(src))
	if err := st.Step(dst, src, at); err != nil {
		t.Fatalf("Step over %+v: %v", at, err)
	}
	if diff := cmp.Diff(before, src); diff != "" {
		t.Errorf("Step over %+v changed src (-before +after):\n%s", at, diff)
	}
	return dst
}

// localError returns the estimate of st's latest step, which has n elements.
func localError(t *testing.T, st ode.Stepper, n int) []float64 {
	t.Helper()
	e := slices.Repeat([]float64{math.NaN()}, n)
	if _, err := st.(ode.Estimator).LocalError(e); err != nil {
		t.Fatalf("LocalError: %v", err)
	}
	return e
}

// firstUnsolved returns the least p for which one step over [from, to] does not solve
// x' = (p+1)t^p. The times of the evaluations pass through clock.
func firstUnsolved(t *testing.T, tab ode.Tableau, from, to float64, clock func(float64) float64) int {
	t.Helper()
	for p := range 10 {
		power := func(t float64) float64 { return math.Pow(t, float64(p+1)) }
		f := func(dst, _ []float64, t float64) error {
			dst[0] = float64(p+1) * math.Pow(clock(t), float64(p))
			return nil
		}
		got := step(t, tab.Stepper(f, 1), []float64{power(from)}, ode.Span{From: from, To: to, N: 1})
		if !(math.Abs(got[0]-power(to)) < 1e-13) {
			return p
		}
	}
	return 10
}

// A method is also a quadrature rule, and whether a rule integrates t^p leaves no room for
// a tolerance. A step with any wrong node or with the field at any wrong time fails
// for some p below the order.
func TestMonomials(t *testing.T) {
	want := map[string]int{
		"euler": 1, "midpoint": 2, "heun": 2, "ralston3": 3, "bs3": 3, "rk4": 4, "rk38": 4,
		"ralston4": 4, "dp5": 5, "tsit5": 5, "dop853": 8,
		// Simpson's rule.
		"kutta3": 4, "ssprk3": 4,
		// Ralston's nodes and weights are those of Radau's rule of two points, so it
		// solves one power more than its order.
		"ralston": 3,
	}
	for _, tab := range ode.Tableaus() {
		for _, span := range [][2]float64{{0, 1}, {1, 0}, {-0.25, 1.25}, {1.5, 0.5}} {
			right := func(t float64) float64 { return t }
			if got := firstUnsolved(t, tab, span[0], span[1], right); got != want[tab.Name] {
				t.Errorf("%s over %v: the first unsolved power = %d, want %d", tab.Name, span, got, want[tab.Name])
			}
			// Negative control: the field at the end of the step throughout is
			// backward Euler on these problems, whatever the tableau.
			late := func(float64) float64 { return span[1] }
			if got := firstUnsolved(t, tab, span[0], span[1], late); got != 1 {
				t.Errorf("%s over %v, evaluated late: the first unsolved power = %d, want 1", tab.Name, span, got)
			}
		}
	}
}

// A model may be a table keyed by time, so the ends of a step are evaluated at the
// grid's own times, not at times that agree with them to rounding.
func TestEvaluationTimes(t *testing.T) {
	for _, at := range []ode.Span{{From: 0.7, To: 0.1, N: 1}, {From: -0.3, To: 0.1, N: 1}} {
		if at.From+at.H() == at.To {
			t.Fatalf("the span %+v cannot tell From + H from To", at)
		}
		for _, tab := range ode.Tableaus() {
			var got []float64
			st := tab.Stepper(func(dst, x []float64, t float64) error {
				got = append(got, t)
				return coupled(dst, x, t)
			}, len(start))

			step(t, st, start, at)
			times := make([]float64, tab.Evaluations())
			for i, c := range tab.C[:len(times)] {
				switch c {
				case 0:
					times[i] = at.From
				case 1:
					times[i] = at.To
				default:
					times[i] = at.From + c*(at.To-at.From)
				}
			}
			if diff := cmp.Diff(times, got); diff != "" {
				t.Errorf("%s evaluates at (-want +got):\n%s", tab.Name, diff)
			}
			if len(got) != tab.Evaluations() {
				t.Errorf("%s.Evaluations() = %d, want %d", tab.Name, tab.Evaluations(), len(got))
			}

			if tab.Embedded == nil {
				continue
			}
			// The stage that only the estimate needs is evaluated once, at the end.
			got, times = nil, nil
			if tab.FirstSameAsLast() {
				times = []float64{at.To}
			}
			localError(t, st, len(start))
			localError(t, st, len(start))
			if diff := cmp.Diff(times, got); diff != "" {
				t.Errorf("LocalError of %s, called twice, evaluates at (-want +got):\n%s", tab.Name, diff)
			}
		}
	}
}

func TestStepInPlace(t *testing.T) {
	at := ode.Span{From: 0.2, To: 0.9, N: 1}
	for _, tab := range ode.Tableaus() {
		st := tab.Stepper(coupled, len(start))
		want := step(t, st, start, at)
		got := slices.Clone(start)
		if err := st.Step(got, got, at); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s with dst = src (-apart +in place):\n%s", tab.Name, diff)
		}
		if tab.Embedded != nil {
			step(t, st, start, at)
			want := localError(t, st, len(start))
			x := slices.Clone(start)
			if err := st.Step(x, x, at); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, localError(t, st, len(start))); diff != "" {
				t.Errorf("LocalError of %s after dst = src (-apart +in place):\n%s", tab.Name, diff)
			}
		}
	}
}

// The value of an element does not depend on the batch that it is part of.
func TestStepOfBatch(t *testing.T) {
	scalar := func(dst, x []float64, t float64) error {
		for i, v := range x {
			dst[i] = math.Sin(v+t) - v/2
		}
		return nil
	}
	at := ode.Span{From: 0.9, To: 0.2, N: 1}
	batch := make([]float64, 37)
	for i := range batch {
		batch[i] = float64(i)/7 - 2
	}
	for _, tab := range ode.Tableaus() {
		got := step(t, tab.Stepper(scalar, len(batch)), batch, at)
		for i := range batch {
			want := step(t, tab.Stepper(scalar, 1), batch[i:i+1], at)
			if got[i] != want[0] {
				t.Errorf("%s, element %d of a batch = %v, alone %v", tab.Name, i, got[i], want[0])
			}
		}
	}
}

// A trajectory with rejected proposals is, to the bit, the one without.
func TestRetryLeavesNoTrace(t *testing.T) {
	spans := []ode.Span{
		{From: 1, To: 0.8},
		{From: 0.8, To: 0.5, Index: 1},
		{From: 0.5, To: 0.4, Index: 2},
	}
	for _, tab := range ode.Tableaus() {
		clean, retried := tab.Stepper(coupled, len(start)), tab.Stepper(coupled, len(start))
		x := slices.Clone(start)
		for _, at := range spans {
			want := step(t, clean, x, at)

			for i, h := range []float64{2, 0.7} { // proposals to be rejected
				step(t, retried, x, ode.Span{From: at.From, To: at.From - h, Index: at.Index, Retry: i > 0})
				if tab.Embedded != nil {
					localError(t, retried, len(x))
				}
			}
			again := at
			again.Retry = true
			got := step(t, retried, x, again)

			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s over %+v after two rejected proposals (-clean +got):\n%s", tab.Name, at, diff)
			}
			if tab.Embedded != nil {
				want, got := localError(t, clean, len(x)), localError(t, retried, len(x))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("LocalError of %s over %+v after two rejected proposals (-clean +got):\n%s", tab.Name, at, diff)
				}
			}
			x = want
		}
	}
}

// The last evaluation of a first-same-as-last method is the first of the next step,
// but only of a step that continues from there.
func TestFirstSameAsLastReuse(t *testing.T) {
	elsewhere := []float64{-3, 0.125, 2}
	first := ode.Span{From: 1, To: 0.8}
	for _, tab := range []ode.Tableau{ode.BS3, ode.DP5} {
		saved := tab.Evaluations() - 1
		for _, test := range []struct {
			name     string
			estimate bool // the first step's error was asked for
			at       ode.Span
			src      []float64 // nil: the end of the first step
			want     int       // evaluations
		}{
			{"continuing", true, ode.Span{From: 0.8, To: 0.5, Index: 1}, nil, saved},
			{"continuing without an estimate", false, ode.Span{From: 0.8, To: 0.5, Index: 1}, nil, saved + 1},
			{"a new trajectory at the same time", true, ode.Span{From: 0.8, To: 0.5}, elsewhere, saved + 1},
			{"a new trajectory at another time", true, ode.Span{From: 1, To: 0.8}, elsewhere, saved + 1},
			{"a jump in time", true, ode.Span{From: 0.7, To: 0.5, Index: 1}, nil, saved + 1},
		} {
			evaluations := 0
			st := tab.Stepper(func(dst, x []float64, t float64) error {
				evaluations++
				return coupled(dst, x, t)
			}, len(start))
			src := step(t, st, start, first)
			if test.estimate {
				localError(t, st, len(start))
			}
			if test.src != nil {
				src = test.src
			}
			evaluations = 0
			got := step(t, st, src, test.at)
			if evaluations != test.want {
				t.Errorf("%s, %s: %d evaluations, want %d", tab.Name, test.name, evaluations, test.want)
			}
			// A stepper that was just made cannot remember anything.
			want := step(t, tab.Stepper(coupled, len(start)), src, test.at)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s (-new stepper +got):\n%s", tab.Name, test.name, diff)
			}
		}
	}
}

// The estimate is the step minus the step with the embedded weights, sign included.
func TestLocalErrorIsDifference(t *testing.T) {
	at := ode.Span{From: 0.9, To: 0.6, N: 1}
	for _, tab := range ode.Tableaus() {
		st := tab.Stepper(coupled, len(start))
		est, ok := st.(ode.Estimator)
		if ok != (tab.Embedded != nil) {
			t.Errorf("%s has embedded weights: %v; its stepper is an Estimator: %v", tab.Name, tab.Embedded != nil, ok)
		}
		if !ok {
			continue
		}
		lower := tab
		lower.B, lower.Embedded = tab.Embedded, nil
		high, low := step(t, st, start, at), step(t, lower.Stepper(coupled, len(start)), start, at)
		e := make([]float64, len(start))
		power, err := est.LocalError(e)
		if err != nil || power != float64(tab.EmbeddedOrder+1) {
			t.Errorf("LocalError of %s = %g, %v, want %d", tab.Name, power, err, tab.EmbeddedOrder+1)
		}
		for i := range e {
			// Three roundings of numbers near 1.
			if want := high[i] - low[i]; !(math.Abs(e[i]-want) < 1e-15) || want == 0 {
				t.Errorf("LocalError of %s, element %d = %v, want %v", tab.Name, i, e[i], want)
			}
		}
	}
}

// The estimate vanishes with the power of the step's length that LocalError returns:
// the exponent of a controller is its inverse.
func TestLocalErrorOrder(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		if tab.Embedded == nil {
			continue
		}
		for _, sign := range []float64{1, -1} {
			var hs, es []float64
			order := 0.0
			for k := range 6 {
				h := math.Ldexp(0.5, -k)
				st := tab.Stepper(coupled, len(start))
				step(t, st, start, ode.Span{From: 0.4, To: 0.4 + sign*h, N: 1})
				e := make([]float64, len(start))
				order, _ = st.(ode.Estimator).LocalError(e)
				hs, es = append(hs, h), append(es, norm(e))
			}
			within := 0.15
			if order > 5 {
				// The next term of the estimate is not small before the rounding is met.
				hs, es, within = hs[3:], es[3:], 0.2
			}
			if got := slope(hs, es); !(math.Abs(got-order) < within) {
				t.Errorf("%s with the sign %v of h: the estimate falls as h^%.3f, want h^%g: %v", tab.Name, sign, got, order, es)
			}
		}
	}
}

func TestDerivative(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		got, want := make([]float64, len(start)), make([]float64, len(start))
		if err := tab.Stepper(coupled, len(start)).(ode.Deriver).Derivative(got, start, 0.3); err != nil {
			t.Fatal(err)
		}
		coupled(want, start, 0.3)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Derivative of %s (-want +got):\n%s", tab.Name, diff)
		}
	}
}

// The error of any evaluation ends the step and comes back as it is.
func TestStepReturnsFieldError(t *testing.T) {
	broken := errors.New("broken model")
	for _, tab := range ode.Tableaus() {
		stages := len(tab.B)
		for fails := range stages {
			evaluations := 0
			st := tab.Stepper(func(dst, x []float64, t float64) error {
				evaluations++
				if evaluations > fails {
					return broken
				}
				return coupled(dst, x, t)
			}, len(start))
			src := slices.Clone(start)
			err := st.Step(make([]float64, len(start)), src, ode.Span{From: 0, To: 1, N: 1})
			if est, ok := st.(ode.Estimator); ok && err == nil { // the last stage, which waits for LocalError
				_, err = est.LocalError(make([]float64, len(start)))
			}
			if err != broken || evaluations != fails+1 {
				t.Errorf("%s whose evaluation %d fails = %v after %d, want %v", tab.Name, fails, err, evaluations, broken)
			}
			if diff := cmp.Diff(start, src); diff != "" {
				t.Errorf("%s whose evaluation %d fails changed src (-before +after):\n%s", tab.Name, fails, diff)
			}
		}
	}
}

func TestStepPanicsOnLength(t *testing.T) {
	constant := func(dst, _ []float64, _ float64) error {
		for i := range dst {
			dst[i] = 1
		}
		return nil
	}
	for _, tab := range ode.Tableaus() {
		for _, test := range []struct{ dst, src int }{{2, 3}, {3, 2}, {4, 3}, {3, 4}, {2, 2}, {4, 4}, {0, 0}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s made for 3 elements: Step of %d to %d did not panic", tab.Name, test.src, test.dst)
					}
				}()
				tab.Stepper(constant, 3).Step(make([]float64, test.dst), make([]float64, test.src), ode.Span{To: 1})
			}()
		}
	}
}

func TestStepDoesNotAllocate(t *testing.T) {
	const n = 64
	decay := func(dst, x []float64, t float64) error {
		for i, v := range x {
			dst[i] = -v
		}
		return nil
	}
	for _, tab := range ode.Tableaus() {
		st := tab.Stepper(decay, n)
		est, estimates := st.(ode.Estimator)
		x, e, i := make([]float64, n), make([]float64, n), 0
		got := testing.AllocsPerRun(100, func() {
			at := ode.Span{From: float64(i), To: float64(i + 1), Index: i, Retry: i%3 == 2}
			if err := st.Step(x, x, at); err != nil {
				t.Fatal(err)
			}
			if estimates {
				if _, err := est.LocalError(e); err != nil {
					t.Fatal(err)
				}
			}
			i++
		})
		if got != 0 {
			t.Errorf("a step of %s allocates %v times", tab.Name, got)
		}
	}
}

// Spans says where a step lies; these are its three facts.
func TestSpan(t *testing.T) {
	for _, test := range []struct {
		at    ode.Span
		fresh bool
		h     float64
	}{
		{ode.Span{}, true, 0},
		{ode.Span{From: 1, To: 0.25, N: 3}, true, -0.75},
		{ode.Span{From: 0.25, To: 1, Index: 1}, false, 0.75},
		{ode.Span{From: 1, To: 0.5, Retry: true}, false, -0.5}, // history begins at a first step, also a repeated one
	} {
		if got := test.at.Fresh(); got != test.fresh {
			t.Errorf("%+v.Fresh() = %v, want %v", test.at, got, test.fresh)
		}
		if got := test.at.H(); got != test.h {
			t.Errorf("%+v.H() = %v, want %v", test.at, got, test.h)
		}
	}
}

func TestSpanTime(t *testing.T) {
	at := ode.Span{From: 0.7, To: 0.1}
	if at.From+at.H() == at.To {
		t.Fatalf("the span %+v cannot tell From + H from To", at)
	}
	for _, test := range []struct{ c, want float64 }{{0, 0.7}, {1, 0.1}, {0.5, 0.4}, {0.25, 0.55}} {
		// The ends are exact, the times between them are rounded once or twice.
		tolerance := 0.0
		if test.c != 0 && test.c != 1 {
			tolerance = 2e-16
		}
		if got := at.Time(test.c); !(math.Abs(got-test.want) <= tolerance) {
			t.Errorf("%+v.Time(%v) = %v, want %v", at, test.c, got, test.want)
		}
	}
}

func TestSpans(t *testing.T) {
	for _, test := range []struct {
		grid []float64
		want []ode.Span
	}{
		{nil, nil},
		{[]float64{1}, nil},
		{[]float64{1, 0.5, 0.1}, []ode.Span{{From: 1, To: 0.5, Index: 0, N: 2}, {From: 0.5, To: 0.1, Index: 1, N: 2}}},
	} {
		if diff := cmp.Diff(test.want, slices.Collect(ode.Spans(test.grid))); diff != "" {
			t.Errorf("Spans(%v) (-want +got):\n%s", test.grid, diff)
		}
	}
	for at := range ode.Spans([]float64{0, 1, 2, 3}) {
		if at.Index == 1 {
			break // an iterator that goes on after this panics
		}
	}
}
