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

// estimators returns the tableaus that can be used with error control.
func estimators() []ode.Tableau {
	return slices.DeleteFunc(ode.Tableaus(), func(tab ode.Tableau) bool { return tab.Embedded == nil })
}

// estimator binds an embedded tableau to f.
func estimator(tab ode.Tableau, f ode.Func, n int) ode.Estimator {
	return tab.Stepper(f, n).(ode.Estimator)
}

// A probe is a field that watches how it is used.
type probe struct {
	f           ode.Func
	calls       int
	first, last float64 // least and greatest time
}

// budget is the number of calls after which an integration is taken to hang. The
// longest one here makes some ten thousand.
const budget = 200_000

func (p *probe) field(dst, x []float64, t float64) error {
	if p.calls++; p.calls > budget {
		panic("the integration does not end")
	}
	if p.calls == 1 {
		p.first, p.last = t, t
	}
	p.first, p.last = min(p.first, t), max(p.last, t) // the builtins let a NaN through
	return p.f(dst, x, t)
}

// A record is an observer's account of a trajectory.
type record struct {
	spans []ode.Span
	x     []float64 // the latest state
}

func (r *record) observe(at ode.Span, x []float64) error {
	r.spans = append(r.spans, at)
	r.x = slices.Clone(x)
	return nil
}

// check reports what is wrong with the record of a trajectory from t0 to t1 whose
// integration returned stats and left x.
func (r *record) check(t *testing.T, what string, t0, t1 float64, stats ode.Stats, x []float64) {
	t.Helper()
	if len(r.spans) != stats.Steps {
		t.Errorf("%s: %d steps observed, want %d: the accepted ones", what, len(r.spans), stats.Steps)
	}
	now, hmin, hmax := t0, math.Inf(1), 0.0
	for i, at := range r.spans {
		if at.From != now || at.Index != i || at.N != 0 || at.To == at.From || (at.To > at.From) != (t1 > now) {
			t.Errorf("%s: observed step %d = %+v, want one from %v towards %v", what, i, at, now, t1)
		}
		now = at.To
		h := math.Abs(at.H())
		// The step after one that was rejected does not grow, but for the sliver that a last one swallows.
		if i > 0 && r.spans[i-1].Retry {
			if was := math.Abs(r.spans[i-1].H()); h > was*(1+1e-9) && (at.To != t1 || h > 1.01*was) {
				t.Errorf("%s: step %d has length %v after one that was rejected down to %v", what, i, h, was)
			}
		}
		hmin, hmax = min(hmin, h), max(hmax, h)
	}
	if stats.Status == ode.Done && now != t1 {
		t.Errorf("%s: the last time is %v, want exactly %v", what, now, t1)
	}
	if len(r.spans) == 0 {
		return
	}
	if stats.HMin != hmin || stats.HMax != hmax {
		t.Errorf("%s: HMin, HMax = %v, %v, want %v, %v", what, stats.HMin, stats.HMax, hmin, hmax)
	}
	if diff := cmp.Diff(r.x, x); diff != "" {
		t.Errorf("%s: x (-last observed +got):\n%s", what, diff)
	}
}

// decay is x' = 50(1 - x), whose solution falls to 1 in a short while and then stays: at
// first the accuracy bounds the steps, later the stability of the method. It falls
// in the direction from t0 to t1, either way.
func decay(t0, t1 float64) problem {
	rate := math.Copysign(50, t0-t1)
	return problem{
		name: fmt.Sprintf("decay from %v to %v", t0, t1),
		f: func(dst, x []float64, t float64) error {
			dst[0] = rate * (x[0] - 1)
			return nil
		},
		exact: func(t float64) []float64 { return []float64{1 + math.Exp(rate*(t-t0))} },
		t0:    t0, t1: t1,
	}
}

// The error that is made follows the tolerance that is asked for. Steps whose estimate
// h^order is the tolerance, with a solution of that order, give a slope of 1.
// Propagating the lower row would give 1/2 for Heun, 2/3 for BS3.
func TestAdaptAccuracy(t *testing.T) {
	for _, p := range []problem{problems[0], problems[0].backward(), decay(0, 2), decay(2, 0)} {
		for _, test := range []struct {
			tab         ode.Tableau
			first, last int // powers of 1/10
		}{{ode.Heun, 4, 7}, {ode.BS3, 6, 10}, {ode.DP5, 6, 12}} {
			var tols, errs []float64
			for k := test.first; k <= test.last; k++ {
				tol := math.Pow(10, -float64(k))
				x := p.exact(p.t0)
				worst := 0.0
				stats, err := ode.Control{Rel: tol, Abs: tol}.Adapt(context.Background(), estimator(test.tab, p.f, len(x)), x, p.t0, p.t1,
					func(at ode.Span, x []float64) error {
						worst = max(worst, distance(x, p.exact(at.To)))
						return nil
					})
				if err != nil {
					t.Fatalf("%s, %s, tolerance %.0e: %v", p.name, test.tab.Name, tol, err)
				}
				if !(worst <= 10*tol) {
					t.Errorf("%s, %s, tolerance %.0e: error %.2g, want at most 10 times as much", p.name, test.tab.Name, tol, worst)
				}
				// On a smooth solution the next step is easy to foresee.
				if most := 2 + stats.Steps/20; stats.Rejected > most {
					t.Errorf("%s, %s, tolerance %.0e: %d of %d steps rejected, want at most %d",
						p.name, test.tab.Name, tol, stats.Rejected, stats.Steps+stats.Rejected, most)
				}
				tols, errs = append(tols, tol), append(errs, worst)
			}
			if got := slope(tols, errs); !(math.Abs(got-1) <= 0.3) {
				t.Errorf("%s, %s: errors fall as tolerance^%.2f, want ^1: %.2g", p.name, test.tab.Name, got, errs)
			}
		}
	}
}

// Without Deriver a stepper has no field to look at, so a hundredth of the interval is tried.
func TestAdaptFirstStepWithoutDerivative(t *testing.T) {
	type onlyEstimator struct{ ode.Estimator }
	var r record
	x := slices.Clone(start)
	st := onlyEstimator{estimator(ode.DP5, coupled, len(x))}
	stats, err := ode.Control{Rel: 1e-3, Abs: 1e-3}.Adapt(context.Background(), st, x, 3, 1, r.observe)
	if err != nil {
		t.Fatal(err)
	}
	r.check(t, "a stepper that is no Deriver", 3, 1, stats, x)
	if got := r.spans[0].To; got != 3-0.02 {
		t.Errorf("the first step ends at %v, want %v", got, 3-0.02)
	}
}

// The field may not exist beyond the ends of the interval, and a schedule's does not.
func TestAdaptStaysInside(t *testing.T) {
	still := func(dst, _ []float64, _ float64) error { clear(dst); return nil }
	slow := func(dst, x []float64, t float64) error { // for which the trial step of the start is enormous
		for i := range dst {
			dst[i] = 1e-4 * math.Cos(t)
		}
		return nil
	}
	for _, c := range []ode.Control{
		{},
		{First: 1e9},
		{Max: 1e9},
		{First: 1e9, Max: 1e9},
		{First: 0.7, Max: 0.17},
		{First: 1e-3, Max: 1e-2, Rel: 1e-2},
	} {
		for _, span := range [][2]float64{
			{0, 1}, {1, 0}, {1, 1e-3}, {-3, 2}, {0.1, 0.7}, {0.7, 0.1},
			{1e9, 1e9 + 1}, {0.3, 0.3 + 1e-9}, {1, math.Nextafter(1, 2)}, {1, math.Nextafter(1, 0)}, {0, 5e-324}, {5e-324, 0},
		} {
			for name, f := range map[string]ode.Func{"coupled": coupled, "still": still, "slow": slow} {
				t0, t1 := span[0], span[1]
				what := fmt.Sprintf("%+v over %v, %s", c, span, name)
				p := probe{f: f}
				var r record
				x := []float64{1e3, -0.5, 0.25}
				stats, err := c.Adapt(context.Background(), estimator(ode.DP5, p.field, len(x)), x, t0, t1, r.observe)
				if err != nil || stats.Status != ode.Done {
					t.Errorf("%s = %v, %v, want %v", what, stats.Status, err, ode.Done)
				}
				if lo, hi := min(t0, t1), max(t0, t1); !(p.first >= lo && p.last <= hi) {
					t.Errorf("%s: evaluated from %v to %v, want within [%v, %v]", what, p.first, p.last, lo, hi)
				}
				r.check(t, what, t0, t1, stats, x)
				if c.Max > 0 && stats.HMax > 1.01*c.Max {
					t.Errorf("%s: a step of %v, want at most %v", what, stats.HMax, c.Max)
				}
			}
		}
	}
}

// Max binds the first step, given or found, as it does the others. The last one may
// swallow a sliver of a hundredth, which would otherwise cost a step of its own.
func TestAdaptMax(t *testing.T) {
	still := func(dst, _ []float64, _ float64) error { clear(dst); return nil }
	for _, test := range []struct {
		first, to, longest float64
		steps              int
	}{
		{0.125, 2.125, 0.25, 9},
		{0.25, 2, 0.25, 8},
		{7, 2, 0.25, 8},
		{7, 2 + 1./512, 0.25 + 1./512, 8},
		{7, 2 + 1./256, 0.25, 9},
	} {
		what := fmt.Sprintf("First %v, Max 0.25 over [0, %v]", test.first, test.to)
		var r record
		x := []float64{1}
		stats, err := ode.Control{First: test.first, Max: 0.25}.Adapt(context.Background(), estimator(ode.Heun, still, 1), x, 0, test.to, r.observe)
		if err != nil {
			t.Fatal(err)
		}
		r.check(t, what, 0, test.to, stats, x)
		if stats.HMax != test.longest || stats.Steps != test.steps {
			t.Errorf("%s of a field that is zero: %d steps up to %v, want %d, %v", what, stats.Steps, stats.HMax, test.steps, test.longest)
		}
	}
}

// The first step that is found from the field, by the rule of Hairer, Nørsett and Wanner
// worked out by hand.
func TestAdaptFirstStep(t *testing.T) {
	for _, test := range []struct {
		name     string
		f        func(x float64) float64
		x        float64
		abs, rel float64
		want     float64
	}{
		// |x| = |f| = 1 gives a trial of 0.01. There f has changed by 1.01² - 1 = 0.0201, so the second derivative is
		// near 2.01. The rule sets 2.01h⁵ to 0.01 of the tolerance 2e-6.
		{"x' = x²", func(x float64) float64 { return x * x }, 1, 1e-6, 1e-6, math.Pow(0.01*2e-6/2.01, 0.2)},
		// The derivative bounds the step where the second one is less.
		{"x' = 1", func(x float64) float64 { return 1 }, 1, 1e-6, 1e-6, math.Pow(0.01*2e-6, 0.2)},
		// A hundred times the trial, for a small x, at a tolerance that would allow more.
		{"a hundred trials", func(x float64) float64 { return 1 }, 1e-3, 1, 1, 1e-3},
		// Nothing is known: the least first step.
		{"x' = 0 from 0", func(x float64) float64 { return 0 }, 0, 1e-6, 1e-6, 1e-6},
		{"x' = 0", func(x float64) float64 { return 0 }, 1, 1e-6, 1e-6, 1e-6},
	} {
		var r record
		f := func(dst, x []float64, _ float64) error { dst[0] = test.f(x[0]); return nil }
		_, err := ode.Control{Rel: test.rel, Abs: test.abs}.Adapt(context.Background(), estimator(ode.DP5, f, 1), []float64{test.x}, 0, 0.25, r.observe)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.spans[0].H(); !(math.Abs(got/test.want-1) < 1e-10) {
			t.Errorf("%s: first step %v, want %v", test.name, got, test.want)
		}
	}
}

// An ideal is an Estimator whose steps have an error of exactly length^order, NaN beyond
// a length of its domain. It keeps the lengths that it was asked for.
type ideal struct {
	order   int
	domain  float64
	lengths []float64
}

func (s *ideal) Step(dst, src []float64, at ode.Span) error {
	copy(dst, src)
	s.lengths = append(s.lengths, at.H())
	return nil
}

func (s *ideal) LocalError(dst []float64) (float64, error) {
	h := s.lengths[len(s.lengths)-1]
	dst[0] = math.Pow(h, float64(s.order))
	if h > s.domain {
		dst[0] = math.NaN()
	}
	return float64(s.order), nil
}

// With an ideal error and the tolerance 1 the lengths of a proportional-integral
// controller follow from its exponents alone, whatever the order: after h, and h' before
// it, comes 0.9 h^(1-0.7) h'^0.4. Written as powers of 0.9, after a and b comes 1 + 0.3a + 0.4b.
func TestAdaptController(t *testing.T) {
	power := func(a float64) float64 { return math.Pow(0.9, a) }
	for _, test := range []struct {
		name   string
		order  int
		domain float64
		want   []float64 // from First on
	}{
		{"good", 2, 9, []float64{power(1), power(1.3), power(1.79), power(2.057)}},
		{"good", 5, 9, []float64{power(1), power(1.3), power(1.79), power(2.057)}},
		// A rejected length aims at 0.9, without memory, ...
		{"twice too long", 2, 9, []float64{2, power(1), power(1.3), power(1.79), power(2.057)}},
		{"twice too long", 3, 9, []float64{2, power(1), power(1.3), power(1.79), power(2.057)}},
		{"twice too long", 5, 9, []float64{2, power(1), power(1.3), power(1.79), power(2.057)}},
		// ... but falls to no less than a fifth.
		{"eight times too long", 4, 9, []float64{8, 1.6, power(1), power(1.3)}},
		// Not a number is rejected likewise. The next length must not grow, the one after it may.
		{"beyond the domain", 2, 0.5, []float64{1, 0.2, 0.2, 0.9 * math.Pow(0.2, 1-0.7+0.4)}},
		// A length grows no more than fivefold; and errors below 1e-4, here 0.01², count as such in h'.
		{"far too short", 2, 9, []float64{1e-3, 5e-3, 25e-3, 0.9 * math.Pow(25e-3, 1-0.7) * math.Pow(0.01, 0.4)}},
	} {
		st := &ideal{order: test.order, domain: test.domain}
		c := ode.Control{First: test.want[0], Abs: 1, MaxSteps: len(test.want)}
		_, err := c.Adapt(context.Background(), st, []float64{0}, 0, 1000, nil)
		if !errors.Is(err, ode.ErrTooManySteps) {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, st.lengths, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%s, order %d: lengths (-want +got):\n%s", test.name, test.order, diff)
		}
	}
}

// An estimate of exactly zero gives no quotient: the step grows by its greatest factor, 5.
func TestAdaptWithoutError(t *testing.T) {
	still := func(dst, _ []float64, _ float64) error { clear(dst); return nil }
	for _, tab := range estimators() {
		var r record
		x := []float64{3, -1}
		stats, err := ode.Control{First: 1. / 1024}.Adapt(context.Background(), estimator(tab, still, 2), x, 0, 1, r.observe)
		if err != nil || stats.Rejected != 0 {
			t.Errorf("%s = %+v, %v, want no error, nothing rejected", tab.Name, stats, err)
		}
		r.check(t, tab.Name, 0, 1, stats, x)
		// 1 + 5 + 25 + 125 + 625 = 781 parts of 1024, and the rest.
		var got []float64
		for _, at := range r.spans {
			got = append(got, 1024*at.H())
		}
		if diff := cmp.Diff([]float64{1, 5, 25, 125, 625, 243}, got); diff != "" {
			t.Errorf("%s: lengths in 1/1024 (-want +got):\n%s", tab.Name, diff)
		}
	}
}

// No interval is no work.
func TestAdaptEmptyInterval(t *testing.T) {
	for _, c := range []ode.Control{{}, {First: 1}, {Max: 1}} {
		p := probe{f: coupled}
		x := slices.Clone(start)
		stats, err := c.Adapt(context.Background(), estimator(ode.DP5, p.field, len(x)), x, 0.3, 0.3, nil)
		if want := (ode.Stats{Status: ode.Done}); err != nil || stats != want || p.calls != 0 {
			t.Errorf("%+v from 0.3 to 0.3 = %+v, %v after %d evaluations, want %+v, none", c, stats, err, p.calls, want)
		}
		if diff := cmp.Diff(start, x); diff != "" {
			t.Errorf("%+v from 0.3 to 0.3 changed x (-before +after):\n%s", c, diff)
		}
	}
}

func TestAdaptEmptyState(t *testing.T) {
	for _, c := range []ode.Control{{}, {Dim: 3}} {
		stats, err := c.Adapt(context.Background(), estimator(ode.DP5, coupled, 0), nil, 1, 0, nil)
		if err != nil || stats.Status != ode.Done || stats.Rejected != 0 {
			t.Errorf("%+v of an empty state = %+v, %v, want %v", c, stats, err, ode.Done)
		}
	}
}

// A Control that makes no sense is refused before the model is called for the first time.
func TestAdaptRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	type interval struct{ from, to float64 }
	usual := interval{0, 1}
	for _, test := range []struct {
		c    ode.Control
		over interval
		want string
	}{
		{ode.Control{Rel: -1e-3}, usual, "Rel is -0.001, want a finite number not below 0"},
		{ode.Control{Rel: nan}, usual, "Rel is NaN, want a finite number not below 0"},
		{ode.Control{Rel: inf}, usual, "Rel is +Inf, want a finite number not below 0"},
		{ode.Control{Abs: -1}, usual, "Abs is -1, want a finite number not below 0"},
		{ode.Control{Abs: nan}, usual, "Abs is NaN, want a finite number not below 0"},
		{ode.Control{First: -0.1}, usual, "First is -0.1, want a finite number not below 0"},
		{ode.Control{First: nan}, usual, "First is NaN, want a finite number not below 0"},
		{ode.Control{First: inf}, usual, "First is +Inf, want a finite number not below 0"},
		{ode.Control{Max: -1}, usual, "Max is -1, want a finite number not below 0"},
		{ode.Control{Max: nan}, usual, "Max is NaN, want a finite number not below 0"},
		{ode.Control{Safety: -0.5}, usual, "Safety is -0.5, want a finite number not below 0"},
		{ode.Control{Safety: nan}, usual, "Safety is NaN, want a finite number not below 0"},
		{ode.Control{Safety: 1}, usual, "Safety is 1, want less than 1"},
		{ode.Control{MaxSteps: -1}, usual, "MaxSteps is -1, want at least 0"},
		{ode.Control{Norm: 2}, usual, "the Norm is 2, want Sum or Greater"},
		{ode.Control{Dim: -3}, usual, "Dim is -3, want at least 0"},
		{ode.Control{Dim: 2}, usual, "a state of 3 elements has no whole number of rows of 2"},
		{ode.Control{Dim: 4}, usual, "a state of 3 elements has no whole number of rows of 4"},
		{ode.Control{}, interval{nan, 1}, "the interval has length NaN"},
		{ode.Control{}, interval{0, nan}, "the interval has length NaN"},
		{ode.Control{}, interval{0, inf}, "the interval has length +Inf"},
		{ode.Control{}, interval{-inf, -inf}, "the interval has length NaN"},
		{ode.Control{}, interval{-1e308, 1e308}, "the interval has length +Inf"},
	} {
		p := probe{f: coupled}
		x := slices.Clone(start)
		stats, err := test.c.Adapt(context.Background(), estimator(ode.DP5, p.field, len(x)), x, test.over.from, test.over.to, nil)
		if got, want := message(err), "ode: bad control: "+test.want; got != want || !errors.Is(err, ode.ErrControl) {
			t.Errorf("%+v over %v = %q, want %q", test.c, test.over, got, want)
		}
		if (stats != ode.Stats{}) || p.calls != 0 {
			t.Errorf("%+v over %v = %+v after %d evaluations, want nothing done", test.c, test.over, stats, p.calls)
		}
	}
}

func TestAdaptBadStart(t *testing.T) {
	for element, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		p := probe{f: coupled}
		x := slices.Clone(start)
		x[element] = v
		stats, err := ode.Control{}.Adapt(context.Background(), estimator(ode.DP5, p.field, len(x)), x, 1, 0, nil)
		want := &fault{ode.Span{From: 1, To: 0}, element, ode.ErrNonFinite}
		if diff := cmp.Diff(want, faultOf(t, err), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("start with %v: StepError (-want +got):\n%s", v, diff)
		}
		if want := (ode.Stats{Status: ode.NonFinite}); stats != want || p.calls != 0 {
			t.Errorf("start with %v = %+v after %d evaluations, want %+v, none", v, stats, p.calls, want)
		}
	}
}

// A field that is not finite somewhere ends the integration just before, with the last
// good state, and in bounded time: SciPy's hangs on the first of these.
func TestAdaptNonFiniteField(t *testing.T) {
	relaxing := func(dst, x []float64, t float64) error { // its rows do not touch each other
		for i, v := range x {
			dst[i] = math.Cos(t) - v
		}
		return nil
	}
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		name     string
		from, to float64
		bad      func(t float64) bool
		element  int // that is bad
		value    float64
		edge     float64 // where the good times end
		blamed   int     // element in the error: -1 if the derivative at the start is to blame
	}{
		{"at the start", 0, 1, func(t float64) bool { return true }, 0, nan, 0, -1},
		{"infinite at the start", 1, 0, func(t float64) bool { return true }, 2, inf, 1, -1},
		{"at the start alone", 1, 0, func(t float64) bool { return t == 1 }, 1, nan, 1, -1},
		{"after the start", 0, 1, func(t float64) bool { return t > 0 }, 1, nan, 0, 1},
		{"infinite after the start", 0, 1, func(t float64) bool { return t > 0 }, 1, inf, 0, 1},
		{"after the start, down", 1, 0, func(t float64) bool { return t < 1 }, 2, -inf, 1, 2},
		{"later", 0, 1, func(t float64) bool { return t > 0.3 }, 0, nan, 0.3, 0},
		{"later, down", 1, 0, func(t float64) bool { return t < 0.3 }, 2, nan, 0.3, 2},
		{"infinite later", -2, -1, func(t float64) bool { return t > -1.5 }, 1, inf, -1.5, 1},
		{"at the end alone", 0, 1, func(t float64) bool { return t == 1 }, 1, nan, 1, 1},
		{"at the end alone, down", 1, 1e-3, func(t float64) bool { return t == 1e-3 }, 1, inf, 1e-3, 1},
	} {
		for _, tab := range estimators() {
			what := tab.Name + ", not finite " + test.name
			p := probe{f: func(dst, x []float64, t float64) error {
				relaxing(dst, x, t)
				if test.bad(t) {
					dst[test.element] = test.value
				}
				return nil
			}}
			r := record{x: slices.Clone(start)}
			x := slices.Clone(start)
			stats, err := ode.Control{Dim: 1}.Adapt(context.Background(), estimator(tab, p.field, len(x)), x, test.from, test.to, r.observe)

			// Only methods with a stage there notice the end alone.
			if test.edge == test.to && tab.C[len(tab.C)-1] != 1 {
				if err != nil || stats.Status != ode.Done {
					t.Errorf("%s = %v, %v, want %v: it has no stage there", what, stats.Status, err, ode.Done)
				}
				continue
			}
			if stats.Status != ode.NonFiniteField || !errors.Is(err, ode.ErrNonFiniteField) || !errors.Is(err, ode.ErrNonFinite) {
				t.Errorf("%s = %v, %v, want %v, %v", what, stats.Status, err, ode.NonFiniteField, ode.ErrNonFiniteField)
				continue
			}
			r.check(t, what, test.from, test.to, stats, x)
			if diff := cmp.Diff(r.x, x); diff != "" {
				t.Errorf("%s: x (-last good state +got):\n%s", what, diff)
			}
			got := faultOf(t, err)
			end := test.from
			if n := len(r.spans); n > 0 {
				end = r.spans[n-1].To
			}
			if got.Element != test.blamed || got.At.From != end || (got.At.To > end) != (test.to > test.from) {
				t.Errorf("%s: element %d over %+v to blame, want %d, from %v towards %v", what, got.Element, got.At, test.blamed, end, test.to)
			}
			// A step without a stage at its end may pass the edge unawares.
			near := 1e-12
			if tab.C[len(tab.C)-1] != 1 {
				near = stats.HMax
			}
			if !(math.Abs(end-test.edge) <= near) {
				t.Errorf("%s: ended at %v, want within %v of %v", what, end, near, test.edge)
			}
		}
	}
}

// A state that overflows is no state, though an infinite state has an infinite
// tolerance, next to which every estimate is small.
func TestAdaptOverflow(t *testing.T) {
	rise := func(dst, _ []float64, _ float64) error { dst[0] = 1e308; return nil }
	for _, tab := range estimators() {
		p := probe{f: rise}
		x := []float64{1e308}
		stats, err := ode.Control{First: 2}.Adapt(context.Background(), estimator(tab, p.field, 1), x, 0, 2, nil)
		if stats.Status != ode.NonFinite || !errors.Is(err, ode.ErrNonFinite) || math.IsInf(x[0], 0) {
			t.Errorf("%s of a state that overflows = %v, %v, x = %v, want %v and a finite x", tab.Name, stats.Status, err, x, ode.NonFinite)
		}
	}
}

// The first step is found with care if the trial for it meets an infinity.
func TestAdaptInfiniteTrial(t *testing.T) {
	p := probe{f: func(dst, x []float64, t float64) error {
		dst[0] = -1
		if t == 0 { // not where any step ends but the trial
			dst[0] = math.Inf(1)
		}
		return nil
	}}
	// The trial step has the length 0.01 |x|/|f|: it ends at 0, and no stage of Ralston's does.
	x := []float64{100}
	stats, err := ode.Control{Rel: 1e-6, Abs: 1e-20}.Adapt(context.Background(), estimator(ode.Ralston, p.field, 1), x, 1, -1, nil)
	if err != nil || stats.Status != ode.Done || stats.Steps < 1 {
		t.Errorf("with a trial step into an infinity, Adapt = %+v, %v, want %v", stats, err, ode.Done)
	}
}

// The solution of x' = x² from 1 has a pole at t = 1, before which the steps become too
// small. Wrong would be to pass it, to return what is not finite, or to
// propose the same step again and again, which for a step of a few units in the last
// place of the time is not as absurd as it sounds.
func TestAdaptPole(t *testing.T) {
	for _, tab := range estimators() {
		for _, sign := range []float64{1, -1} {
			for _, safety := range []float64{0, 0.99} {
				what := fmt.Sprintf("%s, pole at %v, Safety %v", tab.Name, sign, safety)
				p := probe{f: func(dst, x []float64, _ float64) error { dst[0] = sign * x[0] * x[0]; return nil }}
				var r record
				x := []float64{1}
				stats, err := ode.Control{Safety: safety, MaxSteps: budget}.Adapt(
					context.Background(), estimator(tab, p.field, 1), x, 0, 2*sign, r.observe)
				if stats.Status != ode.StepTooSmall || !errors.Is(err, ode.ErrStepTooSmall) {
					t.Errorf("%s = %+v, %v, want %v", what, stats, err, ode.StepTooSmall)
				}
				r.check(t, what, 0, 2*sign, stats, x)
				if end := r.spans[len(r.spans)-1].To * sign; math.IsInf(x[0], 0) || !(x[0] > 1e6) || !(math.Abs(end-1) < 1e-4) {
					t.Errorf("%s: ended at %v with x = %v, want a large number just before 1", what, end, x[0])
				}
			}
		}
	}
}

// A tolerance below the precision of the time, for a field that jumps.
func TestAdaptStepTooSmall(t *testing.T) {
	p := probe{f: func(dst, x []float64, t float64) error {
		dst[0] = 1
		if t > 0.5 {
			dst[0] = 1e12
		}
		return nil
	}}
	var r record
	x := []float64{0}
	stats, err := ode.Control{}.Adapt(context.Background(), estimator(ode.Heun, p.field, 1), x, 0, 1, r.observe)
	if stats.Status != ode.StepTooSmall || !errors.Is(err, ode.ErrStepTooSmall) {
		t.Fatalf("Adapt = %v, %v, want %v", stats.Status, err, ode.StepTooSmall)
	}
	r.check(t, "a jump", 0, 1, stats, x)
	if got := faultOf(t, err); got.At.From != r.spans[len(r.spans)-1].To || got.Element != -1 {
		t.Errorf("StepError = %+v, want the step from %v", got, r.spans[len(r.spans)-1].To)
	}
}

// MaxSteps counts proposals, and as many as it allows are made.
func TestAdaptMaxSteps(t *testing.T) {
	p := problems[1]
	run := func(most int) (ode.Stats, error, record, []float64) {
		var r record
		x := p.exact(p.t0)
		stats, err := ode.Control{Rel: 1e-3, Abs: 1e-12, First: 1, MaxSteps: most}.Adapt(
			context.Background(), estimator(ode.DP5, p.f, 1), x, p.t0, p.t1, r.observe)
		return stats, err, r, x
	}
	stats, err, _, _ := run(0)
	if err != nil || stats.Rejected == 0 || stats.Steps < 4 {
		t.Fatalf("without a limit: %+v, %v, want some steps rejected", stats, err)
	}
	enough := stats.Steps + stats.Rejected
	for most := 1; most <= enough; most++ {
		stats, err, r, x := run(most)
		what := fmt.Sprintf("MaxSteps %d", most)
		r.check(t, what, p.t0, p.t1, stats, x)
		if got := stats.Steps + stats.Rejected; got != most {
			t.Errorf("%s: %d proposals", what, got)
		}
		if most == enough {
			if err != nil || stats.Status != ode.Done {
				t.Errorf("%s = %v, %v, want %v", what, stats.Status, err, ode.Done)
			}
			continue
		}
		if stats.Status != ode.TooManySteps || !errors.Is(err, ode.ErrTooManySteps) {
			t.Errorf("%s = %v, %v, want %v", what, stats.Status, err, ode.ErrTooManySteps)
		}
		if got := faultOf(t, err).At; got.Index != stats.Steps || !(got.To > got.From) {
			t.Errorf("%s: the error blames %+v, want step %d, forward in time", what, got, stats.Steps)
		}
	}
}

// A proposal of a first-same-as-last method costs one evaluation less than it has
// stages, rejected or not; the very first costs one more, and two find its length.
func TestAdaptEvaluations(t *testing.T) {
	for _, test := range []struct {
		tab         ode.Tableau
		perProposal int
		perReject   int // less for a proposal that follows a rejected one
		once        int
	}{
		{ode.DP5, 6, 0, 1},
		{ode.BS3, 3, 0, 1},
		{ode.Heun, 2, 1, 0}, // a retry knows the first stage
		{ode.Midpoint, 2, 1, 0},
	} {
		for _, first := range []float64{0, 1} {
			p := probe{f: problems[1].f}
			x := []float64{1}
			stats, err := ode.Control{Rel: 1e-3, First: first}.Adapt(context.Background(), estimator(test.tab, p.field, 1), x, 0, 2, nil)
			if err != nil {
				t.Fatal(err)
			}
			if first != 0 && stats.Rejected == 0 {
				t.Errorf("%s: no step rejected, so nothing is shown", test.tab.Name)
			}
			want := test.perProposal*(stats.Steps+stats.Rejected) - test.perReject*stats.Rejected + test.once
			if first == 0 {
				want += 2
			}
			if p.calls != want {
				t.Errorf("%s, First %v: %d evaluations for %d accepted and %d rejected steps, want %d",
					test.tab.Name, first, p.calls, stats.Steps, stats.Rejected, want)
			}
		}
	}
}

// A proposal that is rejected leaves no trace: the steps that were accepted, made one by
// one by a new stepper, give the same bits.
func TestAdaptEqualsItsAcceptedSteps(t *testing.T) {
	for _, tab := range estimators() {
		var r record
		x := slices.Clone(start)
		stats, err := ode.Control{Rel: 1e-4, First: 2}.Adapt(context.Background(), estimator(tab, coupled, len(x)), x, 3, 0, r.observe)
		if err != nil || stats.Rejected == 0 {
			t.Fatalf("%s = %+v, %v, want steps rejected", tab.Name, stats, err)
		}
		grid := []float64{3}
		for _, at := range r.spans {
			grid = append(grid, at.To)
		}
		want := slices.Clone(start)
		if _, err := ode.Integrate(context.Background(), tab.Stepper(coupled, len(want)), want, grid, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, x); diff != "" {
			t.Errorf("%s (-Integrate over the accepted times +Adapt):\n%s", tab.Name, diff)
		}
	}
}

// However it ends, Adapt leaves the last good state.
func TestAdaptEnds(t *testing.T) {
	broken := errors.New("broken model")
	for _, tab := range estimators() {
		// The field fails at any evaluation: at the start, in the trial, in a stage, in an estimate.
		for fails := range 40 {
			calls := 0
			var r record
			r.x = slices.Clone(start)
			x := slices.Clone(start)
			f := func(dst, x []float64, t float64) error {
				if calls == fails {
					return broken
				}
				calls++
				return coupled(dst, x, t)
			}
			what := fmt.Sprintf("%s whose evaluation %d fails", tab.Name, fails)
			stats, err := ode.Control{}.Adapt(context.Background(), estimator(tab, f, len(x)), x, 3, 2, r.observe)
			if stats.Status != ode.Failed || !errors.Is(err, broken) {
				t.Errorf("%s = %v, %v, want %v, %v", what, stats.Status, err, ode.Failed, broken)
			}
			r.check(t, what, 3, 2, stats, x)
			if diff := cmp.Diff(r.x, x); diff != "" {
				t.Errorf("%s: x (-last good state +got):\n%s", what, diff)
			}
			if got := faultOf(t, err).At; got.Index != stats.Steps || !(2 <= got.To && got.To < got.From) {
				t.Errorf("%s: the error blames %+v, want step %d, down in time", what, got, stats.Steps)
			}
		}
	}
}

func TestAdaptObserver(t *testing.T) {
	broken := errors.New("disk full")
	for _, test := range []struct {
		returned error
		status   ode.Status
		want     error // nil: the integration ends well
	}{
		{ode.ErrStop, ode.Stopped, nil},
		{fmt.Errorf("good enough: %w", ode.ErrStop), ode.Stopped, nil},
		{broken, ode.Failed, broken},
		{context.Canceled, ode.Cancelled, context.Canceled},
	} {
		var r record
		x := slices.Clone(start)
		stats, err := ode.Control{First: 1e-3}.Adapt(context.Background(), estimator(ode.DP5, coupled, len(x)), x, 1, 0, func(at ode.Span, x []float64) error {
			r.observe(at, x)
			if at.Index == 2 {
				return test.returned
			}
			return nil
		})
		if stats.Status != test.status || stats.Steps != 3 || !errors.Is(err, test.want) {
			t.Errorf("an observer that returns %v: %v after %d steps, %v, want %v after 3, %v", test.returned, stats.Status, stats.Steps, err, test.status, test.want)
		}
		r.check(t, fmt.Sprintf("an observer that returns %v", test.returned), 1, 0, stats, x)
		if test.want != nil {
			if got := faultOf(t, err).At; got != r.spans[2] {
				t.Errorf("an observer that returns %v: the error blames %+v, want %+v", test.returned, got, r.spans[2])
			}
		}
	}
}

func TestAdaptCancelled(t *testing.T) {
	// Before the start: the state is as it was.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	x := slices.Clone(start)
	stats, err := ode.Control{}.Adapt(ctx, estimator(ode.DP5, coupled, len(x)), x, 3, 2, nil)
	if want := (ode.Stats{Status: ode.Cancelled}); stats != want {
		t.Errorf("cancelled before: %+v, want %+v", stats, want)
	}
	want := &fault{ode.Span{From: 3, To: 2}, -1, context.Canceled}
	if diff := cmp.Diff(want, faultOf(t, err), cmpopts.EquateErrors()); diff != "" {
		t.Errorf("cancelled before: StepError (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(start, x); diff != "" {
		t.Errorf("cancelled before: x (-start +got):\n%s", diff)
	}

	// In the middle of a step, which is completed.
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	var r record
	stats, err = ode.Control{}.Adapt(ctx, estimator(ode.DP5, func(dst, x []float64, t float64) error {
		if t < 0.5 {
			cancel()
		}
		return coupled(dst, x, t)
	}, len(x)), x, 1, 0, r.observe)
	if stats.Status != ode.Cancelled || stats.Steps == 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in the middle: %+v, %v, want %v", stats, err, ode.Cancelled)
	}
	r.check(t, "cancelled in the middle", 1, 0, stats, x)
}

// A row with a large error decides, however many easy rows are in the batch. In a mean over
// the whole state they would hide it.
func TestAdaptRows(t *testing.T) {
	const rows, dim, bad = 64, 2, 37
	// The first element of a row tells whether it moves: the others rest at zero.
	f := func(dst, x []float64, t float64) error {
		for i := 0; i < len(x); i += dim {
			dst[i], dst[i+1] = 0, 0
			if x[i] != 0 {
				dst[i], dst[i+1] = x[i]*math.Cos(t), x[i]*x[i+1]-x[i+1]
			}
		}
		return nil
	}
	run := func(c ode.Control, x []float64) ode.Stats {
		t.Helper()
		stats, err := c.Adapt(context.Background(), estimator(ode.DP5, f, len(x)), x, 0, 3, nil)
		if err != nil {
			t.Fatal(err)
		}
		return stats
	}
	alone := []float64{1, 0.5}
	want := run(ode.Control{Dim: dim}, alone)

	batch := make([]float64, rows*dim)
	batch[bad*dim], batch[bad*dim+1] = 1, 0.5
	got := run(ode.Control{Dim: dim}, batch)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Stats of a row among %d that rest (-alone +in the batch):\n%s", rows-1, diff)
	}
	if diff := cmp.Diff(alone, batch[bad*dim:(bad+1)*dim]); diff != "" {
		t.Errorf("a row among %d that rest (-alone +in the batch):\n%s", rows-1, diff)
	}

	// Negative control: as one row of 128 elements its error counts an eighth.
	clear(batch)
	batch[bad*dim], batch[bad*dim+1] = 1, 0.5
	if got := run(ode.Control{}, batch); got.Steps >= want.Steps {
		t.Errorf("one row of %d elements: %d steps, want fewer than %d", len(batch), got.Steps, want.Steps)
	}
}

// Check tells beforehand what Adapt refuses, except for what depends on the state
// and the interval.
func TestControlCheck(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		c    ode.Control
		want bool
	}{
		{ode.Control{}, true},
		{ode.Control{Rel: 1e-3, Abs: 1e-3, First: 1, Max: 2, Safety: 0.5, MaxSteps: 1, Dim: 7}, true},
		{ode.Control{Rel: nan}, false},
		{ode.Control{Abs: -1}, false},
		{ode.Control{First: math.Inf(1)}, false},
		{ode.Control{Max: -1}, false},
		{ode.Control{Safety: 1}, false},
		{ode.Control{MaxSteps: -1}, false},
		{ode.Control{Norm: -1}, false},
		{ode.Control{Norm: ode.Greater}, true},
		{ode.Control{Dim: -1}, false},
	} {
		if err := test.c.Check(); (err == nil) != test.want || err != nil && !errors.Is(err, ode.ErrControl) {
			t.Errorf("%+v.Check() = %v, want an error: %v", test.c, err, !test.want)
		}
	}
}

// The zero Control means what its fields say.
func TestControlDefaults(t *testing.T) {
	run := func(c ode.Control) ([]float64, ode.Stats) {
		x := slices.Clone(start)
		stats, err := c.Adapt(context.Background(), estimator(ode.BS3, coupled, len(x)), x, 0, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		return x, stats
	}
	x, stats := run(ode.Control{})
	wantX, wantStats := run(ode.Control{Rel: 1e-6, Abs: 1e-8, Max: 2, Safety: 0.9, MaxSteps: 100_000, Dim: len(start)})
	if diff := cmp.Diff(wantX, x) + cmp.Diff(wantStats, stats); diff != "" {
		t.Errorf("zero Control (-documented defaults +got):\n%s", diff)
	}
	for _, c := range []ode.Control{{Rel: 1e-5}, {Abs: 1e-5}, {Safety: 0.5}, {First: 0.1}, {Max: 0.01}, {Dim: 1}} {
		if x, _ := run(c); cmp.Equal(wantX, x) {
			t.Errorf("%+v gives the steps of the defaults", c)
		}
	}

	// The default of MaxSteps is never reached above.
	st := &ideal{order: 1, domain: 1}
	stats, err := ode.Control{Max: 1e-6}.Adapt(context.Background(), st, []float64{0}, 0, 1, nil)
	if !errors.Is(err, ode.ErrTooManySteps) || stats.Steps+stats.Rejected != 100_000 {
		t.Errorf("Adapt of a million steps = %+v, %v, want %v after 100000", stats, err, ode.ErrTooManySteps)
	}
}
