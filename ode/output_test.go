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

// every returns an Output at n+1 equally spaced times, which collects the states in the slice that is pointed to.
func every(n int, t0, t1 float64, states *[][]float64) ode.Output {
	var out ode.Output
	for i := range n + 1 {
		out.Times = append(out.Times, t0+(t1-t0)*float64(i)/float64(n))
	}
	out.Write = func(i int, t float64, x []float64) error {
		if i != len(*states) || t != out.Times[i] {
			return fmt.Errorf("time %d is %v after %d", i, t, len(*states))
		}
		*states = append(*states, slices.Clone(x))
		return nil
	}
	return out
}

// Output changes no step, is complete and exact at both ends, and inside as good as the steps.
func TestSolveTimes(t *testing.T) {
	for _, p := range problems {
		for _, p := range []problem{p, p.backward()} {
			for _, tab := range estimators() {
				// Max, as the estimate of a single element may pass through zero, and a step be far too long for the interpolant then.
				c := ode.Control{Rel: 1e-7, Abs: 1e-7, Max: math.Abs(p.t1-p.t0) / 10}
				if tab.Order < 3 {
					c.Rel, c.Abs = 1e-5, 1e-5
				}
				var r record
				want := p.exact(p.t0)
				worst := 0.0
				plain, err := c.Adapt(context.Background(), estimator(tab, p.f, len(want)), want, p.t0, p.t1, func(at ode.Span, x []float64) error {
					worst = max(worst, distance(x, p.exact(at.To)))
					return r.observe(at, x)
				})
				if err != nil {
					t.Fatal(err)
				}
				var states [][]float64
				var seen record
				out := every(200, p.t0, p.t1, &states)
				out.Observe = seen.observe
				x := p.exact(p.t0)
				q := probe{f: p.f}
				res, err := c.Solve(context.Background(), estimator(tab, q.field, len(x)), x, p.t0, p.t1, out)
				if err != nil || res.Status != ode.Done || res.T != p.t1 || len(states) != 201 {
					t.Fatalf("%s, %s: %+v, %v, %d states, want 201", p.name, tab.Name, res, err, len(states))
				}
				if diff := cmp.Diff(want, x) + cmp.Diff(r.spans, seen.spans); diff != "" {
					t.Errorf("%s, %s: steps (-without output +with):\n%s", p.name, tab.Name, diff)
				}
				if res.NFE != q.calls || res.Steps != plain.Steps || res.Rejected != plain.Rejected {
					t.Errorf("%s, %s: %+v with output, %d calls, want the steps of %+v", p.name, tab.Name, res.Stats, q.calls, plain)
				}
				if lo, hi := min(p.t0, p.t1), max(p.t0, p.t1); q.first < lo || q.last > hi {
					t.Errorf("%s, %s: evaluated from %v to %v", p.name, tab.Name, q.first, q.last)
				}
				if diff := cmp.Diff(p.exact(p.t0), states[0]) + cmp.Diff(x, states[200]); diff != "" {
					t.Errorf("%s, %s: states at the ends (-want +got):\n%s", p.name, tab.Name, diff)
				}
				for i, y := range states {
					if got := distance(y, p.exact(out.Times[i])); !(got <= 10*c.Rel+2*worst) {
						t.Errorf("%s, %s: error %.2g at t=%v, want it near %.2g, the worst of the steps", p.name, tab.Name, got, out.Times[i], worst)
						break
					}
				}
			}
		}
	}
}

// The budget of evaluations holds for what output costs too.
func TestSolveMaxNFE(t *testing.T) {
	for _, tab := range estimators() {
		run := func(most int) (ode.Result, int, error) {
			var states [][]float64
			p := probe{f: problems[1].f}
			res, err := ode.Control{Rel: 1e-3, First: 0.5, MaxNFE: most}.Solve(context.Background(), estimator(tab, p.field, 1), []float64{1}, 0, 2, every(50, 0, 2, &states))
			return res, p.calls, err
		}
		_, enough, err := run(0)
		if err != nil {
			t.Fatal(err)
		}
		for most := 1; most <= enough; most++ {
			if res, calls, err := run(most); calls > most || res.NFE != calls || most < enough && !errors.Is(err, ode.ErrTooManyEvaluations) {
				t.Errorf("%s, MaxNFE %d of %d: %d calls, %+v, %v", tab.Name, most, enough, calls, res, err)
			}
		}
	}
}

// Steps, and states written inside of them, allocate nothing.
func TestSolveAllocates(t *testing.T) {
	for _, tab := range estimators() {
		allocs := func(n int, to float64) float64 {
			st := estimator(tab, coupled, 3)
			var out ode.Output
			for i := range n {
				out.Times = append(out.Times, to*float64(i)/float64(n))
			}
			out.Write = func(int, float64, []float64) error { return nil }
			x := make([]float64, 3)
			return testing.AllocsPerRun(5, func() {
				copy(x, start)
				if _, err := (ode.Control{Max: 0.01}).Solve(context.Background(), st, x, 0, to, out); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := allocs(3, 0.1), allocs(300, 1); few != many {
			t.Errorf("%s: %v allocations with few steps and times, %v with many", tab.Name, few, many)
		}
	}
}

// A time at the end of a step gets the step's state, without an evaluation.
func TestSolveTimesAtSteps(t *testing.T) {
	var r record
	x := slices.Clone(start)
	if _, err := (ode.Control{}).Adapt(context.Background(), estimator(ode.Heun, coupled, 3), x, 1, 0, func(at ode.Span, x []float64) error {
		return r.observe(at, x)
	}); err != nil {
		t.Fatal(err)
	}
	times := []float64{r.spans[0].To, r.spans[2].To, 0}
	calls, plain := 0, 0
	f := func(dst, x []float64, t float64) error { calls++; return coupled(dst, x, t) }
	ode.Control{}.Adapt(context.Background(), estimator(ode.Heun, f, 3), slices.Clone(start), 1, 0, nil)
	plain, calls = calls, 0
	got := map[float64][]float64{}
	_, err := ode.Control{}.Solve(context.Background(), estimator(ode.Heun, f, 3), slices.Clone(start), 1, 0, ode.Output{
		Times: times, Write: func(_ int, t float64, x []float64) error { got[t] = slices.Clone(x); return nil }})
	if err != nil || calls != plain || len(got) != 3 {
		t.Errorf("%d calls, %v, %d states, want %d and 3", calls, err, len(got), plain)
	}
	if diff := cmp.Diff(x, got[0]); diff != "" {
		t.Errorf("the state at the end (-want +got):\n%s", diff)
	}
}

func TestSolveRefuses(t *testing.T) {
	nan := math.NaN()
	write := func(int, float64, []float64) error { return nil }
	g := func(x []float64, t float64) float64 { return x[0] }
	for _, test := range []struct {
		out  ode.Output
		is   error
		want string
	}{
		{ode.Output{Times: []float64{0.5}}, ode.ErrTime, "ode: bad time of output: there are 1 times and no Write"},
		{ode.Output{Times: []float64{0.5, 0.5}, Write: write}, ode.ErrTime, "ode: bad time of output: times 0 and 1 are 0.5 and 0.5, not in strict order from 1 to 0"},
		{ode.Output{Times: []float64{0.5, 0.6}, Write: write}, ode.ErrTime, "ode: bad time of output: times 0 and 1 are 0.5 and 0.6, not in strict order from 1 to 0"},
		{ode.Output{Times: []float64{1.5}, Write: write}, ode.ErrTime, "ode: bad time of output: time 0 is 1.5, want it from 1 to 0"},
		{ode.Output{Times: []float64{nan}, Write: write}, ode.ErrTime, "ode: bad time of output: time 0 is NaN, want it from 1 to 0"},
		{ode.Output{Events: []ode.Event{{}}}, ode.ErrEvent, "ode: bad event: event 0 has no function"},
		{ode.Output{Events: []ode.Event{{G: g, Points: -1}}}, ode.ErrEvent, "ode: bad event: event 0 has -1 points, want at least 0"},
		{ode.Output{Events: []ode.Event{{G: g}, {G: g, Direction: 2}}}, ode.ErrEvent, "ode: bad event: event 1 has direction 2, want -1, 0 or 1"},
	} {
		p := probe{f: coupled}
		res, err := ode.Control{}.Solve(context.Background(), estimator(ode.DP5, p.field, 3), slices.Clone(start), 1, 0, test.out)
		if got := message(err); got != test.want || !errors.Is(err, test.is) || p.calls != 0 || res.Stats != (ode.Stats{}) || res.T != 1 {
			t.Errorf("%+v = %q, %+v after %d calls, want %q", test.out, got, res, p.calls, test.want)
		}
	}
	// At the ends no interpolant is needed.
	seen := 0
	if _, err := (ode.Control{Abs: 1}).Solve(context.Background(), &ideal{order: 1, domain: 9}, []float64{1}, 0, 1, ode.Output{
		Times: []float64{0, 1}, Write: func(int, float64, []float64) error { seen++; return nil }}); err != nil || seen != 2 {
		t.Errorf("output at the ends of a stepper without interpolant: %v, %d states", err, seen)
	}
	for _, out := range []ode.Output{{Times: []float64{0.5}, Write: write}, {Events: []ode.Event{{G: g}}}} {
		if _, err := (ode.Control{}).Solve(context.Background(), &ideal{order: 1}, []float64{1}, 0, 1, out); !errors.Is(err, ode.ErrNoInterpolant) {
			t.Errorf("output inside of the steps of a stepper without interpolant: %v, want %v", err, ode.ErrNoInterpolant)
		}
	}
}

// pendulum is x” = -x: (cos t, -sin t) from (1, 0).
func pendulum(dst, x []float64, _ float64) error {
	dst[0], dst[1] = x[1], -x[0]
	return nil
}

// The zeros of the cosine are at the odd multiples of pi/2. Both ways in time, of both directions, for every tableau.
func TestSolveEvents(t *testing.T) {
	position := func(x []float64, _ float64) float64 { return x[0] }
	var all []float64
	for k := range 6 {
		all = append(all, (float64(k)+0.5)*math.Pi)
	}
	for _, tab := range estimators() {
		c, near := ode.Control{Rel: 1e-9, Abs: 1e-9}, 3e-7
		if tab.Order < 3 {
			c, near = ode.Control{Rel: 1e-5, Abs: 1e-5, Max: 0.1}, 3e-3
		}
		for _, sign := range []float64{1, -1} {
			for direction, want := range map[int][]float64{0: all, -1: {all[0], all[2], all[4]}, 1: {all[1], all[3], all[5]}} {
				x := []float64{1, 0}
				res, err := c.Solve(context.Background(), estimator(tab, pendulum, 2), x, 0, sign*18, ode.Output{
					Events: []ode.Event{{G: position, Direction: direction}}})
				if err != nil || res.Status != ode.Done || res.T != sign*18 {
					t.Fatalf("%s: %+v, %v", tab.Name, res, err)
				}
				var got []float64
				for _, o := range res.Events {
					got = append(got, sign*o.T)
					if !(math.Abs(o.X[0]) < 1e-14) {
						t.Errorf("%s: x[0] is %v at the event, want 0", tab.Name, o.X[0])
					}
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, near)); diff != "" {
					t.Errorf("%s, direction %d, towards %v (-want +got):\n%s", tab.Name, direction, sign, diff)
				}
			}
		}
	}
}

// A terminal event ends the integration at the event, with the interpolant there as the state. Going on from it does not meet it again.
func TestSolveTerminalEvent(t *testing.T) {
	for _, tab := range estimators() {
		for _, sign := range []float64{1, -1} {
			c := ode.Control{Rel: 1e-6, Abs: 1e-6}
			level := ode.Event{G: func(x []float64, _ float64) float64 { return x[0] - 0.3 }, Terminal: true}
			x, t0 := []float64{1, 0}, 0.0
			var times []float64
			for range 4 {
				var r record
				var last float64
				out := ode.Output{Events: []ode.Event{level}, Observe: r.observe}
				for i := range 100 {
					out.Times = append(out.Times, t0+sign*0.1*float64(i))
				}
				out.Write = func(_ int, t float64, _ []float64) error { last = t; return nil }
				res, err := c.Solve(context.Background(), estimator(tab, pendulum, 2), x, t0, t0+sign*10, out)
				if err != nil || res.Status != ode.EventReached || len(res.Events) != 1 {
					t.Fatalf("%s: %+v, %v, want %v", tab.Name, res, err, ode.EventReached)
				}
				if end := r.spans[len(r.spans)-1].To; end != res.T || res.Events[0].T != res.T {
					t.Errorf("%s: ended at %v, the last step at %v, the event at %v, want the same", tab.Name, res.T, end, res.Events[0].T)
				}
				if diff := cmp.Diff(x, res.Events[0].X) + cmp.Diff(x, r.x); diff != "" {
					t.Errorf("%s: the state (-returned +of the event and observed):\n%s", tab.Name, diff)
				}
				if rest := sign * (res.T - last); !(rest >= 0 && rest < 0.1+1e-9) {
					t.Errorf("%s: the last time written is %v before the event at %v", tab.Name, last, res.T)
				}
				t0 = res.T
				times = append(times, sign*t0)
			}
			a := math.Acos(0.3)
			if diff := cmp.Diff([]float64{a, 2*math.Pi - a, 2*math.Pi + a, 4*math.Pi - a}, times, cmpopts.EquateApprox(0, 2e-2)); diff != "" {
				t.Errorf("%s, towards %v: events (-want +got):\n%s", tab.Name, sign, diff)
			}
		}
	}
}

// Several events in one step come in the order of time; those after a terminal one do not happen.
func TestSolveEventsInOneStep(t *testing.T) {
	still := func(dst, _ []float64, _ float64) error { dst[0] = 0; return nil }
	at := func(t1 float64, terminal bool) ode.Event {
		return ode.Event{G: func(_ []float64, t float64) float64 { return math.Abs(t) - t1 }, Terminal: terminal}
	}
	for _, test := range []struct {
		events []ode.Event
		want   []int // numbers of the events
		status ode.Status
		end    float64
	}{
		{[]ode.Event{at(0.75, false), at(0.25, false), at(0.5, false)}, []int{1, 2, 0}, ode.Done, 1},
		{[]ode.Event{at(0.75, false), at(0.25, false), at(0.5, true)}, []int{1, 2}, ode.EventReached, 0.5},
		{[]ode.Event{at(0.75, true), at(0.25, true), at(0.5, true)}, []int{1}, ode.EventReached, 0.25},
		{[]ode.Event{at(0.5, false), at(0.5, true), at(0.5, false)}, []int{0, 1}, ode.EventReached, 0.5},
		// At the start nothing changes; at the end it does.
		{[]ode.Event{at(0, true), at(1, true)}, []int{1}, ode.EventReached, 1},
		{[]ode.Event{at(-1, true), at(2, true)}, nil, ode.Done, 1},
	} {
		for _, sign := range []float64{1, -1} {
			res, err := ode.Control{First: 1}.Solve(context.Background(), estimator(ode.DP5, still, 1), []float64{0}, 0, sign, ode.Output{Events: test.events})
			var got []int
			for _, o := range res.Events {
				got = append(got, o.Event)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil || res.Status != test.status || !(math.Abs(sign*res.T-test.end) < 1e-15) || res.Steps != 1 {
				t.Errorf("towards %v: %+v, %v, want %v at %v; events (-want +got):\n%s", sign, res, err, test.status, test.end, diff)
			}
		}
	}
}

// A function that comes back within a step is seen at the points inside of it.
func TestSolveEventPoints(t *testing.T) {
	still := func(dst, _ []float64, _ float64) error { dst[0] = 0; return nil }
	twice := func(_ []float64, t float64) float64 { return (math.Abs(t) - 0.33) * (math.Abs(t) - 0.38) }
	for _, sign := range []float64{1, -1} {
		for _, test := range []struct {
			points, direction int
			want              []float64
		}{
			{0, 0, nil}, {1, 0, nil}, {6, 0, nil}, {19, 0, []float64{0.33, 0.38}}, {19, -1, []float64{0.33}}, {19, 1, []float64{0.38}},
		} {
			res, err := ode.Control{First: 1}.Solve(context.Background(), estimator(ode.DOP853, still, 1), []float64{0}, 0, sign, ode.Output{
				Events: []ode.Event{{G: twice, Points: test.points, Direction: test.direction}}})
			var got []float64
			for _, o := range res.Events {
				got = append(got, sign*o.T)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateApprox(0, 1e-15)); diff != "" || err != nil || res.Steps != 1 {
				t.Errorf("towards %v, %d points, direction %d: %+v, %v, events (-want +got):\n%s", sign, test.points, test.direction, res.Stats, err, diff)
			}
		}
	}
}

// A step that is rejected has no events: the field jumps, so that proposals beyond the jump show a state that never is.
func TestSolveNoEventInRejectedStep(t *testing.T) {
	f := func(dst, x []float64, t float64) error {
		dst[0] = -x[0]
		if x[0] < 0.2 { // far beyond what a good step reaches
			dst[0] = -1e3
		}
		return nil
	}
	rejected := false
	res, err := ode.Control{Rel: 1e-3, Abs: 1e-3, First: 3}.Solve(context.Background(), estimator(ode.BS3, f, 1), []float64{1}, 0, 1.5, ode.Output{
		Events: []ode.Event{{G: func(x []float64, t float64) float64 { return x[0] - 0.21 }, Terminal: true}},
		Observe: func(at ode.Span, _ []float64) error {
			rejected = rejected || at.Retry
			return nil
		}})
	if err != nil || res.Status != ode.Done || len(res.Events) != 0 || !rejected {
		t.Errorf("%+v, %v, rejected: %v, want no event", res, err, rejected)
	}
}

// What the functions return ends the run.
func TestSolveEnds(t *testing.T) {
	broken := errors.New("disk full")
	write := func(err error) ode.Output {
		return ode.Output{Times: []float64{0.25, 0.5}, Write: func(i int, _ float64, _ []float64) error {
			if i == 1 {
				return err
			}
			return nil
		}}
	}
	for _, test := range []struct {
		name   string
		out    ode.Output
		status ode.Status
		want   error
	}{
		{"Write stops", write(ode.ErrStop), ode.Stopped, nil},
		{"Write fails", write(broken), ode.Failed, broken},
		{"an event is NaN at the start", ode.Output{Events: []ode.Event{{G: func([]float64, float64) float64 { return math.NaN() }}}}, ode.Failed, ode.ErrEvent},
		{"an event is NaN later", ode.Output{Events: []ode.Event{{G: func(_ []float64, t float64) float64 { return math.Sqrt(0.5 - t) }}}}, ode.Failed, ode.ErrEvent},
		{"an event is NaN in a step", ode.Output{Events: []ode.Event{{G: func(_ []float64, t float64) float64 {
			if t > 0.1 && t < 0.9 {
				return math.NaN()
			}
			return t - 0.5
		}}}}, ode.Failed, ode.ErrEvent},
	} {
		x := []float64{1}
		res, err := ode.Control{First: 1}.Solve(context.Background(), estimator(ode.DP5, problems[0].f, 1), x, 0, 1, test.out)
		if res.Status != test.status || !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v, want %v, %v", test.name, res, err, test.status, test.want)
		}
	}
}

// By hand, an integration makes the steps of Adapt, and its states can be told inside of each.
func TestIntegration(t *testing.T) {
	p := problems[2]
	c := ode.Control{Rel: 1e-6, Abs: 1e-6, First: 3}
	for _, tab := range estimators() {
		var r record
		want := p.exact(p.t0)
		stats, err := c.Adapt(context.Background(), estimator(tab, p.f, 2), want, p.t0, p.t1, r.observe)
		if err != nil {
			t.Fatal(err)
		}
		x := p.exact(p.t0)
		in, err := c.Start(estimator(tab, p.f, 2), x, p.t0, p.t1)
		if err != nil {
			t.Fatal(err)
		}
		if got := in.Span(); got != (ode.Span{From: p.t0, To: p.t0}) || in.Stats() != (ode.Stats{}) {
			t.Errorf("%s: at the start %+v, %+v", tab.Name, got, in.Stats())
		}
		y := make([]float64, 2)
		if err := in.Interpolate(y, p.t0); !errors.Is(err, ode.ErrTime) {
			t.Errorf("%s: Interpolate before the first step = %v, want %v", tab.Name, err, ode.ErrTime)
		}
		var spans []ode.Span
		for in.Next(context.Background()) {
			at := in.Span()
			spans = append(spans, at)
			if !(in.LocalError() <= 1) {
				t.Errorf("%s: an accepted step has error %v", tab.Name, in.LocalError())
			}
			if err := in.Interpolate(y, at.Time(0.5)); err != nil || !(distance(y, p.exact(at.Time(0.5))) < 1e-4) {
				t.Errorf("%s: %v in the middle of %+v, %v, want %v", tab.Name, y, at, err, p.exact(at.Time(0.5)))
			}
			for _, outside := range []float64{at.From - 0.1, at.To + 0.1, math.NaN()} {
				if err := in.Interpolate(y, outside); !errors.Is(err, ode.ErrTime) {
					t.Errorf("%s: Interpolate at %v = %v, want %v", tab.Name, outside, err, ode.ErrTime)
				}
			}
		}
		if in.Err() != nil || in.Next(context.Background()) || in.Stats().Status != ode.Done || in.Stats().Steps != stats.Steps {
			t.Errorf("%s: %v, %+v at the end, want %+v", tab.Name, in.Err(), in.Stats(), stats)
		}
		if diff := cmp.Diff(r.spans, spans) + cmp.Diff(want, in.State()) + cmp.Diff(p.exact(p.t0), x); diff != "" {
			t.Errorf("%s: by hand (-Adapt +Next), and x, which is not touched:\n%s", tab.Name, diff)
		}
	}
	// When a proposal has failed there is no latest step to tell of.
	in, err := ode.Control{}.Start(estimator(ode.DP5, func(dst, x []float64, _ float64) error { dst[0] = x[0] * x[0]; return nil }, 1), []float64{1}, 0, 2)
	for err == nil && in.Next(context.Background()) {
	}
	if at := in.Span(); err != nil || !errors.Is(in.Err(), ode.ErrStepTooSmall) || !errors.Is(in.Interpolate(make([]float64, 1), at.To), ode.ErrTime) {
		t.Errorf("at a pole: %v, and Interpolate does not fail", in.Err())
	}
	in, err = c.Start(&ideal{order: 1, domain: 9}, []float64{1}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if in.Next(context.Background()); !errors.Is(in.Interpolate(make([]float64, 1), 0), ode.ErrNoInterpolant) {
		t.Error("a stepper without interpolant interpolates")
	}
}

// A row comes out of AdaptRows as it does alone, whatever its neighbours are, and of the shared steps it does not.
func TestAdaptRowsAlone(t *testing.T) {
	f := func(dst, x []float64, t float64) error {
		dst[0], dst[1] = x[1], -x[0]*x[0]*x[0]*(1+math.Sin(t))
		return nil
	}
	batch := []float64{1, 0, 20, 3, -0.1, 0.2}
	c := ode.Control{Dim: 2}
	for _, tab := range estimators() {
		x := slices.Clone(batch)
		seen := make([]int, 3)
		stats, err := c.AdaptRows(context.Background(), estimator(tab, f, 2), x, 1, 0, func(row int, at ode.Span, x []float64) error {
			if at.Index != seen[row] || len(x) != 2 {
				t.Errorf("%s: row %d sees step %d after %d steps", tab.Name, row, at.Index, seen[row])
			}
			seen[row]++
			return nil
		})
		if err != nil || len(stats) != 3 {
			t.Fatal(err)
		}
		for row := range 3 {
			alone := slices.Clone(batch[2*row:][:2])
			want, err := c.Adapt(context.Background(), estimator(tab, f, 2), alone, 1, 0, nil)
			if err != nil || stats[row] != want || seen[row] != want.Steps {
				t.Errorf("%s: row %d = %+v, %d steps seen, want %+v as alone", tab.Name, row, stats[row], seen[row], want)
			}
			if diff := cmp.Diff(alone, x[2*row:][:2]); diff != "" {
				t.Errorf("%s: row %d (-alone +in the batch):\n%s", tab.Name, row, diff)
			}
		}
	}
	x := slices.Clone(batch)
	x[3] = math.NaN()
	stats, err := c.AdaptRows(context.Background(), estimator(ode.DP5, f, 2), x, 1, 0, nil)
	if len(stats) != 2 || stats[0].Status != ode.Done || stats[1].Status != ode.NonFinite || !errors.Is(err, ode.ErrNonFinite) {
		t.Errorf("a bad second row: %+v, %v", stats, err)
	}
	if _, err := (ode.Control{Dim: 4}).AdaptRows(context.Background(), estimator(ode.DP5, f, 2), x, 1, 0, nil); !errors.Is(err, ode.ErrControl) {
		t.Errorf("6 elements in rows of 4: %v", err)
	}
}
