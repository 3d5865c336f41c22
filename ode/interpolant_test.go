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

// A method makes a Stepper of the package for x' = f.
type method struct {
	order int // of a run
	dense int // of the interpolant: inside of the steps the order of a run is one more, or order
	bind  func(t testing.TB, f ode.Func, n int) ode.Stepper

	linear bool // takes a linear part of f exactly
}

// methods returns every method of the package, those with a linear part at -2.
func methods() map[string]method {
	all := map[string]method{}
	for _, tab := range ode.Tableaus() {
		all[tab.Name] = method{tab.Order, tab.DenseOrder(), func(_ testing.TB, f ode.Func, n int) ode.Stepper { return tab.Stepper(f, n) }, false}
	}
	const linear = -2
	for _, tab := range ode.ExpTableaus() {
		all[tab.Name] = method{tab.Order, min(tab.Order, 3),
			func(_ testing.TB, f ode.Func, n int) ode.Stepper { return tab.Stepper(linear, split(f, linear), n) }, true}
	}
	for name, a := range adamsMethods() {
		all[name] = method{a.Order, a.Order, func(t testing.TB, f ode.Func, n int) ode.Stepper { return adams(t, a, f, n) }, false}
		e := a
		e.Linear = linear
		all[name+" exponential"] = method{a.Order, a.Order, func(t testing.TB, f ode.Func, n int) ode.Stepper { return adams(t, e, split(f, linear), n) }, true}
	}
	return all
}

// The interpolants of the Adams and the exponential methods are as good as their steps, up to order 4, on any steps. Those of the
// tableaus are in TestInterpolantOrder.
func TestInterpolantOrderOfAdamsAndExponential(t *testing.T) {
	tableaus := map[string]bool{}
	for _, tab := range ode.Tableaus() {
		tableaus[tab.Name] = true
	}
	for _, p := range []problem{problems[1], problems[2].backward()} {
		for _, steps := range []pattern{even, jolty} {
			for name, m := range methods() {
				if tableaus[name] {
					continue
				}
				l := climb(16, func(n int) float64 { return p.inside(t, m.bind(t, p.f, len(p.exact(p.t0))), steps.grid(p.t0, p.t1, n)) })
				if want := min(m.order, m.dense+1); !(l.order() >= float64(want)-0.3) {
					t.Errorf("%s, steps %v, %s: observed order %.2f inside of the steps, want %d; errors %.3g", p.name, steps, name, l.order(), want, l.errors)
				}
			}
		}
	}
}

// inside returns the greatest error at seven times inside of each step, which Solve writes.
func (p problem) inside(t *testing.T, st ode.Stepper, grid []float64) float64 {
	t.Helper()
	var times []float64
	for at := range ode.Spans(grid) {
		for i := 1; i < 8; i++ {
			times = append(times, at.Time(float64(i)/8))
		}
	}
	worst := 0.0
	x := p.exact(p.t0)
	_, err := ode.Solve(context.Background(), st, x, grid, ode.Output{Times: times, Write: func(_ int, at float64, x []float64) error {
		worst = math.Max(worst, distance(x, p.exact(at)))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return worst
}

// Inside of a step an Adams method integrates the polynomials that it integrates over the step, with a linear part too.
func TestAdamsInterpolantIsExact(t *testing.T) {
	for _, linear := range []float64{0, -3, 2} {
		for name, a := range adamsMethods() {
			for k := range a.Order {
				a.Ramp, a.Linear = true, linear
				st := adams(t, a, func(dst, _ []float64, t float64) error { dst[0] = math.Pow(t, float64(k)); return nil }, 1).(ode.Interpolator)
				exact := func(t float64) float64 { // of x' = linear·x + tᵏ from 0 at 0
					m := make([]float64, k+1)
					ode.PhiMoments(m, linear*t)
					return m[k] * math.Pow(t, float64(k+1))
				}
				x, from, y := []float64{0}, []float64{0}, []float64{0}
				for at := range ode.Spans([]float64{0, 0.25, 0.75, 0.875, 1.5, 2}) {
					x[0] = exact(at.From) // the first steps are of lower orders
					copy(from, x)
					if err := st.Step(x, x, at); err != nil {
						t.Fatal(err)
					}
					if at.Index < a.Order-1 {
						continue
					}
					for _, theta := range []float64{0.1, 0.5, 0.99} {
						if err := st.Interpolate(y, from, x, theta); err != nil {
							t.Fatal(err)
						}
						if want := exact(at.Time(theta)); !(math.Abs(y[0]-want) < 1e-13*math.Max(1, math.Abs(want))) {
							t.Errorf("%s with the linear part %v: the integral of t^%d to %v is %v, want %v", name, linear, k, at.Time(theta), y[0], want)
						}
					}
				}
			}
		}
	}
}

// The exponential interpolant is exact where f is a quadratic in time and the step is, however stiff or unstable the linear part.
func TestExponentialInterpolantIsExact(t *testing.T) {
	for _, linear := range []float64{-1e4, -50, -1, 0, 1e-3, 3, 50} {
		st := ode.ETD3.Stepper(linear, func(dst, _ []float64, t float64) error { dst[0] = t * t; return nil }, 1).(ode.Interpolator)
		exact := func(t float64) float64 { return 2*math.Exp(linear*t) + 2*t*t*t*ode.Phi(3, linear*t) }
		from, to, y := []float64{2}, []float64{0}, []float64{0}
		if err := st.Step(to, from, ode.Span{From: 0, To: 0.75}); err != nil {
			t.Fatal(err)
		}
		for _, theta := range []float64{0.001, 0.3, 0.75, 0.999} {
			if err := st.Interpolate(y, from, to, theta); err != nil {
				t.Fatal(err)
			}
			if want := exact(0.75 * theta); !(math.Abs(y[0]-want) <= 1e-11*math.Abs(want)) {
				t.Errorf("linear part %v, at %v: %v, want %v", linear, theta, y[0], want)
			}
		}
	}
}

// Without a linear part it is Hermite's cubic.
func TestExponentialInterpolantIsHermite(t *testing.T) {
	at := ode.Span{From: 0.9, To: 0.6}
	classical, exponential := ode.RK4.Stepper(coupled, 3).(ode.Interpolator), ode.Lawson4.Stepper(0, coupled, 3).(ode.Interpolator)
	want, got := make([]float64, 3), make([]float64, 3)
	to := step(t, classical, start, at)
	step(t, exponential, start, at)
	for _, theta := range []float64{0.125, 0.5, 0.9} {
		if err := errors.Join(classical.Interpolate(want, start, to, theta), exponential.Interpolate(got, start, to, theta)); err != nil {
			t.Fatal(err)
		}
		if d := distance(want, got); !(d < 1e-15) {
			t.Errorf("at %v: %v, Hermite's is %v", theta, got, want)
		}
	}
}

// Solve on a grid makes the steps of Integrate to the bit, is exact at the ends, good in between, and NFE is what the field saw.
func TestSolveOnGrid(t *testing.T) {
	p := problems[2]
	grid := jolty.grid(p.t0, p.t1, 40)
	for name, m := range methods() {
		want, worst := p.exact(p.t0), 0.0
		if _, err := ode.Integrate(context.Background(), m.bind(t, p.f, 2), want, grid, func(at ode.Span, x []float64) error {
			worst = max(worst, distance(x, p.exact(at.To)))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var states [][]float64
		var seen record
		q := probe{f: p.f}
		x, out := p.exact(p.t0), every(97, p.t0, p.t1, &states)
		out.Observe = seen.observe
		res, err := ode.Solve(context.Background(), m.bind(t, q.field, 2), x, grid, out)
		if err != nil || res.Status != ode.Done || res.T != p.t1 || len(states) != 98 || len(seen.spans) != 40 {
			t.Fatalf("%s: %+v, %v, %d states and %d steps, want 98 and 40", name, res, err, len(states), len(seen.spans))
		}
		if diff := cmp.Diff(want, x) + cmp.Diff(x, states[97]) + cmp.Diff(p.exact(p.t0), states[0]); diff != "" {
			t.Errorf("%s (-Integrate +Solve):\n%s", name, diff)
		}
		if res.NFE != q.calls || q.first < p.t0 || q.last > p.t1 {
			t.Errorf("%s: NFE %d of %d calls, evaluated from %v to %v", name, res.NFE, q.calls, q.first, q.last)
		}
		for i, y := range states {
			if got, bound := distance(y, p.exact(out.Times[i])), 2*worst+1e-5; !(got < bound) {
				t.Errorf("%s: error %.2g at t=%v, want it below %.2g", name, got, out.Times[i], bound)
				break
			}
		}
	}
}

// A terminal event ends a walk over a grid inside of a step, with the state there, in either direction.
func TestSolveOnGridEvents(t *testing.T) {
	for _, grid := range [][]float64{even.grid(0, 3, 60), even.grid(3, 0, 60)} {
		for name, m := range methods() {
			if m.order < 3 {
				continue
			}
			f := func(dst, x []float64, at float64) error { dst[0] = math.Cos(at); return nil }
			x, times := []float64{math.Sin(grid[0])}, 0
			var last ode.Span
			res, err := ode.Solve(context.Background(), m.bind(t, f, 1), x, grid, ode.Output{
				Times:   []float64{grid[0], 1.5},
				Write:   func(int, float64, []float64) error { times++; return nil },
				Observe: func(at ode.Span, _ []float64) error { last = at; return nil },
				Events: []ode.Event{
					{G: func(_ []float64, at float64) float64 { return at - 1.25 }},
					{G: func(x []float64, at float64) float64 { return x[0] - 0.5 }, Direction: -1, Terminal: true},
				}})
			want, seen := 5*math.Pi/6, 2 // falls there forward, after 1.25 and 1.5
			if grid[0] == 3 {
				want, seen = math.Pi/6, 2
			}
			if err != nil || res.Status != ode.EventReached || len(res.Events) != seen || times != 2 {
				t.Fatalf("%s from %v: %+v, %v, %d times", name, grid[0], res, err, times)
			}
			if d := math.Abs(res.T - want); !(d < 1e-4) || math.Abs(x[0]-0.5) > 1e-12 || res.Events[1].T != res.T || last.To != res.T {
				t.Errorf("%s from %v: the event is at %v in the state %v, want %v, 0.5; the last step ends at %v", name, grid[0], res.T, x[0], want, last.To)
			}
		}
	}
}

// What does not fit a grid is refused before any evaluation, and what fails on the way says where.
func TestSolveOnGridErrors(t *testing.T) {
	failure := errors.New("full")
	write := func(int, float64, []float64) error { return nil }
	nan := func([]float64, float64) float64 { return math.NaN() }
	for _, test := range []struct {
		name   string
		out    ode.Output
		grid   []float64
		status ode.Status
		is     error
		calls  bool
	}{
		{"nothing is wrong", ode.Output{Times: []float64{0.5}, Write: write}, []float64{1, 0}, ode.Done, nil, true},
		{"a bad grid", ode.Output{}, []float64{1, 1}, ode.NotRun, ode.ErrGrid, false},
		{"a time outside", ode.Output{Times: []float64{2}, Write: write}, []float64{1, 0}, ode.NotRun, ode.ErrTime, false},
		{"times the wrong way", ode.Output{Times: []float64{0.2, 0.5}, Write: write}, []float64{1, 0}, ode.NotRun, ode.ErrTime, false},
		{"no Write", ode.Output{Times: []float64{0.5}}, []float64{1, 0}, ode.NotRun, ode.ErrTime, false},
		{"an event without a function", ode.Output{Events: []ode.Event{{}}}, []float64{1, 0}, ode.NotRun, ode.ErrEvent, false},
		{"an event that is NaN", ode.Output{Events: []ode.Event{{G: nan}}}, []float64{1, 0}, ode.Failed, ode.ErrEvent, false},
		{"Write fails", ode.Output{Times: []float64{0.5}, Write: func(int, float64, []float64) error { return failure }}, []float64{1, 0}, ode.Failed, failure, true},
		{"Write fails at the start", ode.Output{Times: []float64{1}, Write: func(int, float64, []float64) error { return failure }}, []float64{1, 0}, ode.Failed, failure, false},
		{"Write stops", ode.Output{Times: []float64{0.5}, Write: func(int, float64, []float64) error { return ode.ErrStop }}, []float64{1, 0}, ode.Stopped, nil, true},
	} {
		p := probe{f: coupled}
		x := slices.Clone(start)
		res, err := ode.Solve(context.Background(), ode.BS3.Stepper(p.field, 3), x, test.grid, test.out)
		if res.Status != test.status || !errors.Is(err, test.is) || (err == nil) != (test.is == nil) || (p.calls > 0) != test.calls || res.NFE != p.calls {
			t.Errorf("%s: %+v, %v after %d calls, want %v, %v", test.name, res, err, p.calls, test.status, test.is)
		}
	}
	var blind blindStepper
	if _, err := ode.Solve(context.Background(), blind, []float64{1}, []float64{1, 0}, ode.Output{Times: []float64{0.5}, Write: write}); !errors.Is(err, ode.ErrNoInterpolant) {
		t.Errorf("a time inside of a step of a stepper without an interpolant: %v, want %v", err, ode.ErrNoInterpolant)
	}
	if _, err := ode.Solve(context.Background(), blind, []float64{1}, []float64{1, 0}, ode.Output{Times: []float64{1, 0}, Write: write}); err != nil {
		t.Errorf("the ends need no interpolant: %v", err)
	}
}

// A blindStepper knows nothing but how to stay.
type blindStepper struct{}

func (blindStepper) Step(dst, src []float64, _ ode.Span) error { copy(dst, src); return nil }

// Under error control Adams methods are written inside of their steps too, within a budget of evaluations, and events are found.
func TestAdamsSolve(t *testing.T) {
	p := problems[2]
	for name, a := range adamsMethods() {
		if a.Mode == ode.Bashforth {
			continue
		}
		for _, ramp := range []bool{false, true} {
			a.Ramp = ramp
			if a.Order == 3 {
				a.Start = ode.Heun // whose interpolant costs an evaluation
			}
			run := func(most int) (ode.Result, int, float64, error) {
				worst, q := 0.0, probe{f: p.f}
				var out ode.Output
				for i := range 101 {
					out.Times = append(out.Times, 1+0.04*float64(i))
				}
				out.Write = func(_ int, at float64, x []float64) error {
					worst = max(worst, distance(x, p.exact(at)))
					return nil
				}
				out.Events = []ode.Event{{G: func(x []float64, _ float64) float64 { return x[0] - 0.2 }, Points: 1}} // at 2.5; looked at inside of every step
				c := ode.Control{Rel: 1e-6, Abs: 1e-6, MaxNFE: most}
				res, err := c.Solve(context.Background(), adams(t, a, q.field, 2).(ode.Estimator), p.exact(1), 1, 5, out)
				return res, q.calls, worst, err
			}
			res, enough, worst, err := run(0)
			bound := math.Pow(1e-6, float64(a.Order)/float64(a.Order+1))
			if err != nil || len(res.Events) != 1 || !(math.Abs(res.Events[0].T-2.5) < 20*bound) { // x₀ rises by 0.064 there
				t.Fatalf("%s, Ramp %v: %+v, %v, want one event, at 2.5", name, ramp, res, err)
			}
			if !(worst < bound) {
				t.Errorf("%s, Ramp %v: error %.2g at the times, want it below %.2g", name, ramp, worst, bound)
			}
			for most := 1; most <= min(enough, 60); most++ {
				if res, calls, _, err := run(most); calls > most || res.NFE != calls || most < enough && !errors.Is(err, ode.ErrTooManyEvaluations) {
					t.Errorf("%s, Ramp %v, MaxNFE %d of %d: %d calls, %+v, %v", name, ramp, most, enough, calls, res.Stats, err)
				}
			}
		}
	}
}

// A field that modifies its argument is found at its first call by every method, and costs the later steps nothing: these hand out
// the state itself.
func TestFirstCallGetsACopy(t *testing.T) {
	for name, m := range methods() {
		calls := 0
		st := m.bind(t, func(dst, x []float64, _ float64) error { calls++; dst[0] = x[0]; x[0] = 7; return nil }, 1)
		x := []float64{1}
		stats, err := ode.Integrate(context.Background(), st, x, []float64{1, 0.5, 0}, nil)
		if !errors.Is(err, ode.ErrMutated) || stats.Status != ode.Failed || x[0] != 1 || calls != 1 {
			t.Errorf("%s: %+v, %v, x = %v after %d calls, want %v after one", name, stats, err, x, calls, ode.ErrMutated)
		}
	}
	for name, m := range methods() {
		src, next := slices.Clone(start), make([]float64, 3)
		var now ode.Span
		st := m.bind(t, func(dst, x []float64, at float64) error {
			if at == now.From && (&x[0] == &src[0]) == now.Fresh() {
				t.Errorf("%s, step %d: the field gets the state itself: %v", name, now.Index, !now.Fresh())
			}
			return coupled(dst, x, at)
		}, 3)
		for at := range ode.Spans([]float64{1, 0.875, 0.75, 0.625, 0.5, 0.375}) {
			now = at
			if err := st.Step(next, src, at); err != nil {
				t.Fatal(err)
			}
			src, next = next, src
		}
	}
}
