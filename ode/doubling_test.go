package ode_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/ode"
)

// A step is two half steps, to the bit, and its estimate what they differ from a whole step by.
func TestDoublingStep(t *testing.T) {
	const n = 3
	for _, at := range []ode.Span{{From: 0.25, To: 1}, {From: 1, To: -0.5, Index: 4}, {From: 0.3, To: 0.7, Index: 2, Retry: true}} {
		st := ode.RK4.Stepper(coupled, n)
		middle := at.From + at.H()/2
		want := step(t, st, step(t, st, start, ode.Span{From: at.From, To: middle}), ode.Span{From: middle, To: at.To})
		whole := step(t, st, start, ode.Span{From: at.From, To: at.To})

		d := ode.Doubling(ode.RK4.Stepper(coupled, n), 5, n)
		got := step(t, d, start, at)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("over %+v (-two halves +got):\n%s", at, diff)
		}
		for i := range whole {
			whole[i] -= want[i]
		}
		if diff := cmp.Diff(whole, localError(t, d, n)); diff != "" {
			t.Errorf("the estimate over %+v (-whole minus halves +got):\n%s", at, diff)
		}
		x := slices.Clone(start)
		if err := d.Step(x, x, at); err != nil || cmp.Diff(want, x) != "" {
			t.Errorf("in place over %+v: %v, %v, want %v", at, x, err, want)
		}
	}
}

// The three steps are each the first of a trajectory, so that no memory of another one is used.
func TestDoublingForgets(t *testing.T) {
	var seen []ode.Span
	d := ode.Doubling(spy(func(dst, src []float64, at ode.Span) error {
		seen = append(seen, at)
		copy(dst, src)
		return nil
	}), 2, 1)
	step(t, d, []float64{1}, ode.Span{From: 1, To: 0.5, Index: 7, N: 9, Retry: true})
	if diff := cmp.Diff([]ode.Span{{From: 1, To: 0.5}, {From: 1, To: 0.75}, {From: 0.75, To: 0.5}}, seen); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

type spy func(dst, src []float64, at ode.Span) error

func (s spy) Step(dst, src []float64, at ode.Span) error { return s(dst, src, at) }

// The estimate of a method of order p vanishes with the power p+1.
func TestDoublingPower(t *testing.T) {
	for _, tab := range []ode.Tableau{ode.Euler, ode.Heun, ode.RK4} {
		d := ode.Doubling(tab.Stepper(coupled, 3), float64(tab.Order+1), 3)
		e := make([]float64, 2)
		for i, h := range []float64{0.02, 0.01} {
			step(t, d, start, ode.Span{From: 0.5, To: 0.5 + h})
			for _, v := range localError(t, d, 3) {
				e[i] = max(e[i], math.Abs(v))
			}
		}
		power, err := d.LocalError(make([]float64, 3))
		if got := math.Log2(e[0] / e[1]); err != nil || power != float64(tab.Order+1) || !(math.Abs(got-power) < 0.1) {
			t.Errorf("%s: the estimate vanishes with the power %.2f, LocalError says %v, %v", tab.Name, got, power, err)
		}
	}
}

// With error control it is as good as the tolerance, on a closed form.
func TestDoublingAdapts(t *testing.T) {
	p := decay(0, 3)
	last := math.Inf(1)
	for _, tol := range []float64{1e-4, 1e-6, 1e-8} {
		x := p.exact(0)
		stats, err := ode.Control{Rel: tol, Abs: tol}.Adapt(context.Background(), ode.Doubling(ode.RK4.Stepper(p.f, len(x)), 5, len(x)), x, 0, 3, nil)
		got := distance(x, p.exact(3))
		if err != nil || !(got <= tol) || !(got < last/10) {
			t.Errorf("tolerance %g: error %g after %+v, %v", tol, got, stats, err)
		}
		last = got
	}
}

func TestDoublingReturnsErrors(t *testing.T) {
	boom := errors.New("boom")
	for fail := range 3 {
		calls := 0
		f := func(dst, x []float64, at float64) error {
			if calls++; calls > fail {
				return boom
			}
			return coupled(dst, x, at)
		}
		d := ode.Doubling(ode.Euler.Stepper(f, 3), 2, 3)
		if err := d.Step(make([]float64, 3), start, ode.Span{To: 1}); !errors.Is(err, boom) {
			t.Errorf("evaluation %d fails and Step returns %v", fail, err)
		}
	}
}

func TestDoublingDoesNotAllocate(t *testing.T) {
	d, x, e := ode.Doubling(ode.Heun.Stepper(coupled, 3), 3, 3), slices.Clone(start), make([]float64, 3)
	if got := testing.AllocsPerRun(100, func() {
		if d.Step(x, x, ode.Span{To: 0.1}) != nil {
			t.Fatal("no step")
		}
		if _, err := d.LocalError(e); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("a step allocates %v times", got)
	}
}

// No step is shorter than half of Min, wherever the end of the interval falls.
func TestMinAtTheEnd(t *testing.T) {
	const least = 0.01
	for _, end := range []float64{0.0101, 0.0102, 0.015, 0.019, 0.0202, 0.0203, 0.021, 0.05, 0.0555, 0.0606, 1} {
		shortest := math.Inf(1)
		st := estimator(ode.BS3, coupled, 3)
		_, err := ode.Control{Rel: 1e-2, Abs: 1e-2, First: least, Min: least, Max: least}.Adapt(context.Background(), st, slices.Clone(start), 0, end,
			func(at ode.Span, _ []float64) error {
				shortest = min(shortest, at.H())
				return nil
			})
		if err != nil || !(shortest >= least/2) {
			t.Errorf("to %v: the shortest step is %v, %v, want at least %v", end, shortest, err, least/2)
		}
	}
}

// A tolerance that needs steps shorter than Min is an error at once, wherever the time and however it rounds the step.
func TestMinIsNotTriedForEver(t *testing.T) {
	for _, start := range []float64{0, 0.1, 1, 3, 1000} {
		st := estimator(ode.BS3, coupled, 3)
		stats, err := ode.Control{Rel: 1e-12, Abs: 1e-12, Min: 0.02}.Adapt(context.Background(), st, []float64{1, -0.5, 0.25}, start, start-1, nil)
		if !errors.Is(err, ode.ErrStepTooSmall) || stats.Rejected > 5 {
			t.Errorf("from %v: %+v, %v, want ErrStepTooSmall", start, stats, err)
		}
	}
}
