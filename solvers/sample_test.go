package solvers_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// plane is a problem in two dimensions with a nonlinear score, and the model's own count of calls.
func plane(t testing.TB) (solvers.Problem, *scoremodel.Counter) {
	t.Helper()
	m, err := scoremodel.NewMixture(sde.VP{},
		scoremodel.Component{Weight: 0.5, Mean: []float64{-1, 0.5}, Variances: []float64{0.2, 0.1}},
		scoremodel.Component{Weight: 0.5, Mean: []float64{1, 0}, Variance: 0.15})
	if err != nil {
		t.Fatal(err)
	}
	counter := &scoremodel.Counter{Model: m}
	return solvers.Problem{Schedule: sde.VP{}, Model: counter, Dim: 2, Noise: sde.Fresh{Seed: 7}}, counter
}

// sample runs s on a copy of x and returns it.
func sample(t testing.TB, s solvers.Solver, p solvers.Problem, x []float64, set *solvers.Settings) ([]float64, solvers.Result) {
	t.Helper()
	out := slices.Clone(x)
	res, err := solvers.Sample(context.Background(), s, p, out, set)
	if err != nil {
		t.Fatal(err)
	}
	return out, res
}

// Bad input is refused before the model is called, by an error that can be tested, that
// names the solver and says what is wrong.
func TestSampleRefusesBadInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	// run is what a case may spoil.
	type run struct {
		solver  solvers.Solver
		problem solvers.Problem
		x       []float64
		set     solvers.Settings
	}
	grid := func(ts ...float64) func(*run) { return func(r *run) { r.set.Grid = ts } }
	state := func(x ...float64) func(*run) { return func(r *run) { r.x = x } }
	solver := func(s solvers.Solver) func(*run) { return func(r *run) { r.solver = s } }
	schedule := func(s sde.Schedule) func(*run) { return func(r *run) { r.problem.Schedule = s } }
	control := func(s solvers.Solver, c ode.Control) func(*run) {
		return func(r *run) { r.solver, r.set.Control = s, &c }
	}
	dp5 := solvers.RungeKutta{Tableau: ode.DP5}
	for _, c := range []struct {
		name  string
		spoil func(*run)
		want  error
		text  string // that the error's text must contain
	}{
		{"no schedule", schedule(nil), solvers.ErrProblem, "no schedule"},
		{"no model", func(r *run) { r.problem.Model = nil }, solvers.ErrProblem, "no model"},
		{"unknown kind", func(r *run) { r.problem.Model = scoremodel.Func(scoremodel.Flow+1, r.problem.Model.Predict) }, solvers.ErrProblem, "unknown kind"},
		{"Dim 0", func(r *run) { r.problem.Dim = 0 }, solvers.ErrProblem, "Dim is 0"},
		{"Dim -1", func(r *run) { r.problem.Dim = -1 }, solvers.ErrProblem, "Dim is -1"},
		{"Row -1", func(r *run) { r.problem.Row = -1 }, solvers.ErrProblem, "Row is -1"},
		{"the model's Dim differs", func(r *run) { r.problem.Model, r.problem.Dim = gaussian(t, solvers.Normal{Variance: 1}), 2 },
			solvers.ErrProblem, "model is for rows of 1 elements, Dim is 2"},
		{"nil state", state(), solvers.ErrProblem, "empty"},
		{"empty state", func(r *run) { r.x = []float64{} }, solvers.ErrProblem, "empty"},
		{"part of a row", state(1, 2, 3), solvers.ErrProblem, "3 elements is not a whole number of rows of 2"},
		{"NaN in the state", state(1, 2, 3, 4, nan, 6), solvers.ErrProblem, "NaN in row 2, element 0"},
		{"Inf in the state", state(1, 2, 3, inf), solvers.ErrProblem, "+Inf in row 1, element 1"},
		{"-Inf in the state", state(-inf, 2), solvers.ErrProblem, "-Inf in row 0, element 0"},

		{"beta negative", schedule(sde.VP{BetaMin: -1, BetaMax: 20}), solvers.ErrProblem, "beta from -1"},
		{"beta NaN", schedule(sde.VP{BetaMin: nan, BetaMax: 20}), solvers.ErrProblem, "beta from NaN"},
		{"times swapped", schedule(sde.VP{TMin: 0.5, TMax: 0.1}), solvers.ErrProblem, "time from 0.5 to 0.1"},
		{"alpha underflows", schedule(sde.VP{BetaMin: 0.1, BetaMax: 4000}), solvers.ErrProblem, "underflows"},
		{"no signal at the end", schedule(sde.Cosine{TMax: 1}), solvers.ErrProblem, "Cosine"},

		{"empty grid", func(r *run) { r.set.Grid = []float64{} }, solvers.ErrGrid, "0 times"}, // nil is the default grid
		{"one time", grid(1), solvers.ErrGrid, "1 times"},
		{"increasing grid", grid(0.1, 0.5, 1), solvers.ErrGrid, "increases from 0.1 to 0.5"},
		{"repeated time", grid(1, 0.5, 0.5, 0.1), solvers.ErrGrid, "times 1 and 2 are 0.5 and 0.5"},
		{"grid that turns", grid(1, 0.5, 0.6), solvers.ErrGrid, "times 1 and 2 are 0.5 and 0.6"},
		{"NaN in the grid", grid(1, nan, 0.1), solvers.ErrGrid, "time 1 is NaN"},
		{"-Inf in the grid", grid(1, 0.5, -inf), solvers.ErrGrid, "time 2 is -Inf"},
		{"grid from outside", grid(1.5, 0.5), solvers.ErrGrid, "first time: sde: time 1.5 is outside"},
		{"grid to outside", grid(1, 0.0005), solvers.ErrGrid, "last time: sde: time 0.0005 is outside"},
		{"negative steps", func(r *run) { r.set.Steps = -3 }, solvers.ErrGrid, "-3 steps"},
		{"negative workers", func(r *run) { r.set.Workers = -1 }, solvers.ErrParameter, "-1 workers"},

		{"noise needed", func(r *run) { r.solver, r.problem.Noise = solvers.DDPM{}, nil }, solvers.ErrNeedsNoise, "no noise"},
		{"noise needed for eta", func(r *run) { r.solver, r.problem.Noise = solvers.DDIM{Eta: 0.1}, nil }, solvers.ErrNeedsNoise, "no noise"},
		{"eta above 1", solver(solvers.DDIM{Eta: 1.5}), solvers.ErrParameter, "eta is 1.5"},
		{"eta below 0", solver(solvers.DDIM{Eta: -0.5}), solvers.ErrParameter, "eta is -0.5"},
		{"eta NaN", solver(solvers.DDIM{Eta: nan}), solvers.ErrParameter, "eta is NaN"},
		{"DPM-Solver of order 4", solver(solvers.DPMSolver{Order: 4}), solvers.ErrParameter, "order is 4"},
		{"DPM-Solver of order -1", solver(solvers.DPMSolver{Order: -1}), solvers.ErrParameter, "order is -1"},
		{"Adams of order 7", solver(solvers.ExpAdams{Order: 7}), solvers.ErrParameter, "order is 7"},
		{"Adams of order -1", solver(solvers.ExpAdams{Order: -1}), solvers.ErrParameter, "order is -1"},
		{"unknown variant", solver(solvers.DPMSolverPP2M{Variant: "heum"}), solvers.ErrParameter, `variant is "heum"`},
		{"no tableau", solver(solvers.RungeKutta{}), solvers.ErrParameter, "no tableau"},

		{"no estimate", control(solvers.DDIM{}, ode.Control{}), solvers.ErrNoEstimate, "ddim"},
		{"adaptive RK4", control(solvers.RungeKutta{Tableau: ode.RK4}, ode.Control{}), solvers.ErrNoEstimate, "rk4"},
		{"adaptive noise", control(adaptiveNoise{}, ode.Control{}), solvers.ErrParameter, "must be Adaptive"},
		{"negative tolerance", control(dp5, ode.Control{Rel: -1}), ode.ErrControl, "Rel is -1"},
		{"NaN tolerance", control(dp5, ode.Control{Abs: nan}), ode.ErrControl, "Abs is NaN"},
		{"safety 1", control(dp5, ode.Control{Safety: 1}), ode.ErrControl, "Safety is 1"},
		{"infinite step", control(dp5, ode.Control{Max: inf}), ode.ErrControl, "Max is +Inf"},
		{"negative MaxSteps", control(dp5, ode.Control{MaxSteps: -1}), ode.ErrControl, "MaxSteps is -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, counter := plane(t)
			r := run{solvers.DDIM{}, p, []float64{1, 2, 3, 4}, solvers.Settings{}}
			c.spoil(&r)
			before := slices.Clone(r.x)
			res, err := solvers.Sample(context.Background(), r.solver, r.problem, r.x, &r.set)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), solvers.Name(r.solver)) {
				t.Errorf("Sample returns the error %q, want %q with %q and the solver's name", err, c.want, c.text)
			}
			if diff := cmp.Diff(before, r.x, cmpopts.EquateNaNs()); diff != "" || counter.NFE() > 0 {
				t.Errorf("refused after %d calls of the model; the state (-before +after):\n%s", counter.NFE(), diff)
			}
			if diff := cmp.Diff(solvers.Result{}, res); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// adaptiveNoise claims to be stochastic and has an error estimate.
type adaptiveNoise struct{}

func (adaptiveNoise) Info() solvers.Info {
	return solvers.Info{Name: "adaptivenoise", NFE: 1, Stochastic: true, Adaptive: true}
}

func (adaptiveNoise) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	return solvers.RungeKutta{Tableau: ode.DP5}.Start(p, n)
}

func TestDefaults(t *testing.T) {
	p, _ := plane(t)
	x := solvers.Prior(p.Schedule, 1, 3, 2)
	want, res := sample(t, solvers.DDIM{}, p, x, &solvers.Settings{Grid: times(t, solvers.QuadraticGrid{}, 20), Workers: 1})
	if res.Steps != 20 || res.NFE != 20 || res.Status != ode.Done {
		t.Errorf("20 steps of ddim: result %+v, want 20 steps and evaluations, done", res)
	}
	for _, c := range []struct {
		name string
		set  *solvers.Settings
	}{
		{"nil", nil},
		{"zero", &solvers.Settings{}},
		{"Steps 20", &solvers.Settings{Steps: 20}},
		{"a grid and other Steps", &solvers.Settings{Grid: times(t, solvers.QuadraticGrid{}, 20), Steps: 3}},
		{"more workers than rows", &solvers.Settings{Workers: 50}},
	} {
		if got, _ := sample(t, solvers.DDIM{}, p, x, c.set); !slices.Equal(got, want) {
			t.Errorf("with %s settings the samples are %v, want those of 20 steps on the quadratic grid, %v", c.name, got, want)
		}
	}
	got, res := sample(t, solvers.DDIM{}, p, x, &solvers.Settings{Steps: 7})
	want, _ = sample(t, solvers.DDIM{}, p, x, &solvers.Settings{Grid: times(t, solvers.QuadraticGrid{}, 7)})
	if !slices.Equal(got, want) || res.Steps != 7 {
		t.Errorf("with 7 steps the samples are %v after %d steps, want %v", got, res.Steps, want)
	}
}

// A model that fails ends the run where it was: x is the end of the last whole step.
func TestModelError(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		solver solvers.Solver
		fail   int // the call that fails
		step   int
		time   func(at ode.Span) float64 // of that call
	}{
		{solvers.DDIM{}, 0, 0, func(at ode.Span) float64 { return at.From }},
		{solvers.DDIM{}, 4, 4, func(at ode.Span) float64 { return at.From }},
		{solvers.DPMSolverPP2M{}, 9, 9, func(at ode.Span) float64 { return at.From }},
		{solvers.RungeKutta{Tableau: ode.Heun}, 6, 3, func(at ode.Span) float64 { return at.From }},
		{solvers.RungeKutta{Tableau: ode.Heun}, 7, 3, func(at ode.Span) float64 { return at.To }},
		{solvers.EulerMaruyama{}, 5, 5, func(at ode.Span) float64 { return at.From }},
	} {
		p, counter := plane(t)
		exact := p.Model
		p.Model = scoremodel.Func(exact.Kind(), func(dst, x []float64, u float64) error {
			if counter.NFE() == c.fail {
				return boom
			}
			return exact.Predict(dst, x, u)
		})
		x := solvers.Prior(p.Schedule, 1, 3, 2)
		want := slices.Clone(x)
		if c.step > 0 {
			good, _ := plane(t)
			want, _ = sample(t, c.solver, good, x, &solvers.Settings{Grid: rough[:c.step+1]})
		}
		res, err := solvers.Sample(context.Background(), c.solver, p, x, &solvers.Settings{Grid: rough})
		at := ode.Span{From: rough[c.step], To: rough[c.step+1]}
		wantErr := &solvers.RunError{Solver: solvers.Name(c.solver), Step: c.step, Time: c.time(at), Row: -1, Err: boom}
		var got *solvers.RunError
		if !errors.Is(err, boom) || !errors.As(err, &got) || *got != *wantErr {
			t.Errorf("%s failing at call %d: error %#v, want %#v", solvers.Name(c.solver), c.fail, err, wantErr)
		}
		if !slices.Equal(x, want) {
			t.Errorf("%s failing at call %d: state %v, want that after %d steps, %v", solvers.Name(c.solver), c.fail, x, c.step, want)
		}
		if res.Status != ode.Failed || res.Steps != c.step || res.NFE != c.fail+1 {
			t.Errorf("%s failing at call %d: result %+v, want %d steps and %d evaluations, failed", solvers.Name(c.solver), c.fail, res, c.step, c.fail+1)
		}
	}
}

// The text of the error is what a user sees first.
func TestRunErrorText(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		err  *solvers.RunError
		want string
	}{
		{&solvers.RunError{Solver: "ddim:eta=0.5", Step: 3, Time: 0.25, Row: 17, Err: boom}, "ddim:eta=0.5: step 3, t=0.25, row 17: boom"},
		{&solvers.RunError{Solver: "rk4", Step: 0, Time: 1, Row: -1, Err: boom}, "rk4: step 0, t=1: boom"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("Error() = %q, want %q", got, c.want)
		}
	}
}

// far marks the bad row of a batch: with predictions of zero the others, normal at the start, grow
// to 152 times that.
func far(row []float64) bool { return row[0] > 1e4 }

// A prediction that is not finite, in one row of many, is an error that names the row of
// the state, however the rows are shared out; and no NaN reaches any row.
func TestNonFinitePrediction(t *testing.T) {
	const rows, bad = 23, 13
	const from = 0.55 // rough[4]
	exact, _ := plane(t)
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, workers := range []int{1, 2, 7} {
			for _, c := range []struct {
				solver solvers.Solver
				step   int
			}{
				{solvers.DDIM{}, 4}, {solvers.DPMSolverPP2M{}, 4}, {solvers.DDPM{}, 4},
				{solvers.RungeKutta{Tableau: ode.RK4}, 3}, // at the end of that step
			} {
				s, step := c.solver, c.step
				// The row is known by its place: nothing pushes it back from there.
				p := exact
				p.Model = scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, u float64) error {
					clear(dst)
					for lo := 0; lo < len(x); lo += 2 {
						if far(x[lo:lo+2]) && u <= from {
							dst[lo+1] = value
						}
					}
					return nil
				})
				x := solvers.Prior(p.Schedule, 1, rows, 2)
				x[2*bad] = 1e6
				alone := p
				alone.Row = bad
				want, _ := sample(t, s, alone, x[2*bad:2*bad+2], &solvers.Settings{Grid: rough[:step+1]})
				res, err := solvers.Sample(context.Background(), s, p, x, &solvers.Settings{Grid: rough, Workers: workers})
				var got *solvers.RunError
				if !errors.Is(err, ode.ErrNonFinite) || !errors.As(err, &got) || got.Row != bad || got.Step != step || got.Time != from {
					t.Errorf("%s, %d workers, %v: error %v, want ErrNonFinite at step %d, t=%v, row %d", solvers.Name(s), workers, value, err, step, from, bad)
					continue
				}
				if text := fmt.Sprint(value); !strings.Contains(err.Error(), text) {
					t.Errorf("%s: the error %q does not say %s", solvers.Name(s), err, text)
				}
				if res.Status != ode.NonFinite {
					t.Errorf("%s, %d workers: status %v, want %v", solvers.Name(s), workers, res.Status, ode.NonFinite)
				}
				if workers == 1 && res.Steps != step {
					t.Errorf("%s: %d steps, want %d", solvers.Name(s), res.Steps, step)
				}
				if got := x[2*bad : 2*bad+2]; !slices.Equal(got, want) {
					t.Errorf("%s, %d workers: row %d is %v, want the last good state %v", solvers.Name(s), workers, bad, got, want)
				}
				for i, v := range x {
					if v-v != 0 {
						t.Errorf("%s, %d workers: row %d holds %v", solvers.Name(s), workers, i/2, v)
					}
				}
			}
		}
	}
}

// When one worker fails the others stop at their next step, not at the end of a long run.
func TestFailureStopsTheOthers(t *testing.T) {
	boom := errors.New("boom")
	p, _ := plane(t)
	p.Model = scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, u float64) error {
		clear(dst)
		if far(x) {
			return boom
		}
		return nil
	})
	const steps = 1000
	seen := 0
	_, err := solvers.Sample(context.Background(), solvers.DDIM{}, p, []float64{0, 0, 1e6, 0}, &solvers.Settings{
		Steps: steps, Workers: 2,
		Observe: func(solvers.Observation) error {
			seen++
			time.Sleep(time.Millisecond) // the run of the good row would take a second
			return nil
		}})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	if seen == steps {
		t.Errorf("the other worker took all %d steps", seen)
	}
}

// The state may overflow although every prediction is finite.
func TestNonFiniteState(t *testing.T) {
	p, _ := plane(t)
	p.Model = scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, u float64) error {
		clear(dst)
		dst[5] = -math.MaxFloat64
		return nil
	})
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	_, err := solvers.Sample(context.Background(), solvers.DDIM{}, p, x, &solvers.Settings{Grid: []float64{1, 0.01}})
	var got *solvers.RunError
	if !errors.Is(err, ode.ErrNonFinite) || !errors.As(err, &got) || got.Row != 2 || got.Step != 0 || got.Time != 0.01 {
		t.Errorf("error %v, want ErrNonFinite at the end of step 0, t=0.01, row 2", err)
	}
	if want := []float64{1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(x, want) {
		t.Errorf("state %v, want the last good one, %v", x, want)
	}
}

func TestCancel(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancelLate()
	for _, c := range []struct {
		ctx  context.Context
		want error
	}{{cancelled, context.Canceled}, {late, context.DeadlineExceeded}} {
		for _, set := range []*solvers.Settings{{}, {Workers: 3}, {Control: &ode.Control{First: 0.01}}} {
			p, counter := plane(t)
			x := solvers.Prior(p.Schedule, 1, 5, 2)
			before := slices.Clone(x)
			res, err := solvers.Sample(c.ctx, solvers.RungeKutta{Tableau: ode.DP5}, p, x, set)
			var got *solvers.RunError
			if !errors.Is(err, c.want) || !errors.As(err, &got) || got.Step != 0 || got.Time != 1 || got.Row != -1 {
				t.Errorf("%+v: error %v, want %v at step 0, t=1", set, err, c.want)
			}
			if res.Status != ode.Cancelled || res.Steps != 0 || counter.NFE() != 0 || !slices.Equal(x, before) {
				t.Errorf("%+v: result %+v after %d calls, state changed: %t", set, res, counter.NFE(), !slices.Equal(x, before))
			}
		}
	}
}

// What an observer says after step 3 ends the run there, with the state at the end of that step.
func TestObserverEndsRun(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name   string
		answer func(cancel func()) error
		want   error
		step   int // of the error
		status ode.Status
	}{
		{"cancels", func(cancel func()) error { cancel(); return nil }, context.Canceled, 4, ode.Cancelled},
		{"fails", func(func()) error { return boom }, boom, 3, ode.Failed},
		{"stops", func(func()) error { return ode.ErrStop }, nil, 0, ode.Stopped},
		{"stops with a reason", func(func()) error { return fmt.Errorf("enough: %w", ode.ErrStop) }, nil, 0, ode.Stopped},
	} {
		for _, s := range []solvers.Solver{solvers.DDIM{}, solvers.ExpAdams{Order: 3}, solvers.DDIM{Eta: 1}} {
			p, _ := plane(t)
			x := solvers.Prior(p.Schedule, 1, 5, 2)
			want, _ := sample(t, s, p, x, &solvers.Settings{Grid: rough[:5]})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			res, err := solvers.Sample(ctx, s, p, x, &solvers.Settings{Grid: rough, Observe: func(o solvers.Observation) error {
				if o.Index == 3 {
					return c.answer(cancel)
				}
				return nil
			}})
			var got *solvers.RunError
			if c.want == nil && err != nil || c.want != nil &&
				(!errors.Is(err, c.want) || !errors.As(err, &got) || got.Step != c.step || got.Time != rough[c.step] || got.Row != -1) {
				t.Errorf("the observer %s: error %v, want %v at step %d", c.name, err, c.want, c.step)
			}
			if res.Status != c.status || res.Steps != 4 {
				t.Errorf("the observer %s: result %+v, want 4 steps, %v", c.name, res, c.status)
			}
			if !slices.Equal(x, want) {
				t.Errorf("the observer %s: state %v, want that after step 3, %v", c.name, x, want)
			}
		}
	}
}

// Under Control the rows run one after the other. Stopping one leaves those that wait where they are.
func TestObserverStopsAdaptiveRun(t *testing.T) {
	p, _ := plane(t)
	x := solvers.Prior(p.Schedule, 1, 4, 2)
	start := slices.Clone(x)
	done, _ := sample(t, solvers.RungeKutta{Tableau: ode.DP5}, p, x[:2], &solvers.Settings{Control: &ode.Control{}})
	var stopped []float64
	res, err := solvers.Sample(context.Background(), solvers.RungeKutta{Tableau: ode.DP5}, p, x, &solvers.Settings{
		Control: &ode.Control{},
		Observe: func(o solvers.Observation) error {
			if o.Row == 1 && o.Index == 2 {
				stopped = slices.Clone(o.X)
				return ode.ErrStop
			}
			return nil
		}})
	if err != nil || res.Status != ode.Stopped || res.Steps != 3 {
		t.Errorf("result %+v, %v, want 3 steps, stopped", res, err)
	}
	want := slices.Concat(done, stopped, start[4:])
	if !slices.Equal(x, want) {
		t.Errorf("state %v, want the first row done, the second stopped, the others at the start: %v", x, want)
	}
}

func TestReplayUsedUp(t *testing.T) {
	p, _ := plane(t)
	draws := make([][]float64, 3)
	for k := range draws {
		draws[k] = solvers.Prior(p.Schedule, uint64(10+k), 2, 2)
	}
	p.Noise = sde.Replay{Draws: draws}
	x := solvers.Prior(p.Schedule, 1, 2, 2)
	want, _ := sample(t, solvers.DDPM{}, p, x, &solvers.Settings{Grid: rough[:4]})
	res, err := solvers.Sample(context.Background(), solvers.DDPM{}, p, x, &solvers.Settings{Grid: rough})
	var got *solvers.RunError
	if !errors.Is(err, sde.ErrNoMoreDraws) || !errors.As(err, &got) || got.Step != 3 || got.Time != rough[3] {
		t.Errorf("error %v, want sde.ErrNoMoreDraws at step 3", err)
	}
	if res.Status != ode.Failed || res.Steps != 3 || !slices.Equal(x, want) {
		t.Errorf("result %+v, state %v, want 3 steps, failed, %v", res, x, want)
	}
}

// embedded are solvers with error control.
func embedded(t testing.TB) []solvers.Solver {
	var out []solvers.Solver
	for _, name := range []string{"heun", "midpoint", "dp5", "heunkappa", "dp5kappa", "heunlambda", "dp5lambda"} {
		out = append(out, named(t, name))
	}
	return out
}

// The error is within a factor of 50 of the tolerance, either way, over five decades: looser
// and the control would be of no use, tighter and it would waste evaluations.
func TestErrorFollowsTolerance(t *testing.T) {
	t.Parallel()
	const factor = 50
	start := []float64{-1.7, -.9, -.2, .3, .8, 1.9}
	g, m := gaussian(t, solvers.Normal{Mean: 1, Variance: 0.25}), mixture(t)
	for _, problem := range []struct {
		name  string
		model scoremodel.Model
		exact func(dst, x []float64, from, to float64) error
	}{
		{"N(1, 0.25)", g, func(dst, x []float64, from, to float64) error { g.FlowMap(dst, x, from, to); return nil }},
		{"mixture", m, m.QuantileMap},
	} {
		want := make([]float64, len(start))
		if err := problem.exact(want, start, 1, 1e-3); err != nil {
			t.Fatal(err)
		}
		for _, s := range embedded(t) {
			for _, tolerance := range []float64{1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8} {
				if tolerance < 1e-6 && testing.Short() { // a second-order method takes 38,000 evaluations
					continue
				}
				p := solvers.Problem{Schedule: sde.VP{}, Model: problem.model, Dim: 1}
				x, _ := sample(t, s, p, start, &solvers.Settings{Control: &ode.Control{Rel: tolerance, Abs: tolerance}})
				worst := 0.0
				for i := range x {
					worst = math.Max(worst, math.Abs(x[i]-want[i]))
				}
				if !(worst <= factor*tolerance && worst >= tolerance/factor) {
					t.Errorf("%s on %s with tolerance %.0e: error %.2g", solvers.Name(s), problem.name, tolerance, worst)
				}
			}
		}
	}
}

// The steps of a row do not depend on its neighbours, so neither do its bits; and what each
// row costs is counted for it alone.
func TestAdaptiveRowsAreAlone(t *testing.T) {
	const rows = 7
	for _, s := range append(embedded(t), named(t, "abm"), named(t, "abmkappa"), named(t, "abmlambda")) {
		p, counter := plane(t)
		set := solvers.Settings{Control: &ode.Control{Rel: 1e-5, Abs: 1e-5, Dim: 99}} // Dim is set by Sample
		x := solvers.Prior(p.Schedule, 1, rows, 2)
		var want []float64
		total, most := 0, 0
		for i := range rows {
			before := counter.NFE()
			alone, res := sample(t, s, p, x[2*i:2*i+2], &set)
			if used := counter.NFE() - before; res.NFE != used {
				t.Errorf("%s: row %d: NFE %d after %d calls of the model", solvers.Name(s), i, res.NFE, used)
			}
			want = append(want, alone...)
			total, most = total+res.NFE, max(most, res.NFE)
		}
		if most*rows == total {
			t.Errorf("%s: every row takes %d evaluations, so the test says nothing about rows that differ", solvers.Name(s), most)
		}
		for _, workers := range []int{1, 2, 3, rows} {
			set.Workers = workers
			before := counter.NFE()
			got, res := sample(t, s, p, x, &set)
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d workers: samples %v, want those of the rows alone, %v", solvers.Name(s), workers, got, want)
			}
			if used := counter.NFE() - before; res.NFE != most || used != total {
				t.Errorf("%s, %d workers: NFE %d and %d calls, want %d and %d", solvers.Name(s), workers, res.NFE, used, most, total)
			}
		}
	}
}

// Adaptive runs name the row that gave out, whether the model failed it or the control.
func TestAdaptiveErrorsNameTheRow(t *testing.T) {
	const rows, bad = 6, 4
	for _, c := range []struct {
		name    string
		control ode.Control
		predict func(dst, x []float64) // for the bad row
		want    error
		status  ode.Status
	}{
		{"NaN", ode.Control{}, func(dst, x []float64) { dst[1] = math.NaN() }, ode.ErrNonFinite, ode.NonFinite},
		{"a stiff field", ode.Control{MaxSteps: 60}, func(dst, x []float64) { dst[1] = 1e4 * x[1] }, ode.ErrTooManySteps, ode.TooManySteps},
		// The sine of a huge number is as good as random, and no step is small enough for that.
		{"a jumping field", ode.Control{Rel: 1e-30, Abs: 1e-30, First: 0.1}, func(dst, x []float64) { dst[1] = math.Sin(1e200 * x[1]) }, ode.ErrStepTooSmall, ode.StepTooSmall},
	} {
		for _, workers := range []int{1, 2, rows} {
			p, _ := plane(t)
			p.Model = scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, u float64) error {
				clear(dst)
				if far(x) {
					c.predict(dst, x)
				}
				return nil
			})
			x := solvers.Prior(p.Schedule, 1, rows, 2)
			x[2*bad] = 1e6
			res, err := solvers.Sample(context.Background(), solvers.RungeKutta{Tableau: ode.DP5, In: solvers.Kappa}, p, x,
				&solvers.Settings{Control: &c.control, Workers: workers})
			var got *solvers.RunError
			if !errors.Is(err, c.want) || !errors.As(err, &got) || got.Row != bad {
				t.Errorf("%s, %d workers: error %v, want %v in row %d", c.name, workers, err, c.want, bad)
			}
			if res.Status != c.status {
				t.Errorf("%s, %d workers: status %v, want %v", c.name, workers, res.Status, c.status)
			}
			for i, v := range x {
				if v-v != 0 {
					t.Errorf("%s, %d workers: row %d holds %v", c.name, workers, i/2, v)
				}
			}
		}
	}
}

// Every row is seen at the end of every step exactly once, in order, from the first time
// of the grid to the last; never two at a time, and the last state seen is the result.
func TestObservationsTileTheRun(t *testing.T) {
	t.Parallel()
	const rows = 7
	for _, c := range []struct {
		solver  string
		control *ode.Control
	}{
		{"dpm++2m", nil}, {"ddpm", nil}, {"dp5", nil}, {"dp5", &ode.Control{}}, {"heunkappa", &ode.Control{Rel: 1e-3, Abs: 1e-3}},
	} {
		for _, workers := range []int{1, 3} {
			p, _ := plane(t)
			x := solvers.Prior(p.Schedule, 1, rows, 2)
			seen := make([][]ode.Span, rows)
			last := make([]float64, len(x))
			busy := false // unguarded on purpose: the race detector watches it
			_, err := solvers.Sample(context.Background(), named(t, c.solver), p, x, &solvers.Settings{
				Grid: rough, Control: c.control, Workers: workers,
				Observe: func(o solvers.Observation) error {
					if busy {
						t.Error("two observations at a time")
					}
					busy = true
					time.Sleep(10 * time.Microsecond) // in which another worker would come in
					for i := range len(o.X) / 2 {
						seen[o.Row+i] = append(seen[o.Row+i], o.Span)
					}
					copy(last[2*o.Row:], o.X)
					busy = false
					return nil
				}})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(last, x) {
				t.Errorf("%s, %d workers: the last states seen are %v, the result is %v", c.solver, workers, last, x)
			}
			for row, spans := range seen {
				if c.control == nil {
					if diff := cmp.Diff(slices.Collect(ode.Spans(rough)), spans); diff != "" {
						t.Errorf("%s, %d workers, row %d: spans (-want +got):\n%s", c.solver, workers, row, diff)
					}
					continue
				}
				from := rough[0]
				for i, at := range spans {
					if at.From != from || at.Index != i || !(at.To < at.From) {
						t.Errorf("%s, %d workers, row %d: span %d is %+v after t=%v", c.solver, workers, row, i, at, from)
					}
					from = at.To
				}
				if from != rough[len(rough)-1] {
					t.Errorf("%s, %d workers, row %d: the last span ends at %v, want %v", c.solver, workers, row, from, rough[len(rough)-1])
				}
			}
		}
	}
}

// On a fixed grid NFE is what one worker spends, and the workers spend the same.
func TestFixedGridCounts(t *testing.T) {
	for _, s := range append(solvers.Catalog(), variants...) {
		for _, workers := range []int{1, 3} {
			p, counter := plane(t)
			x := solvers.Prior(p.Schedule, 1, 5, 2)
			_, res := sample(t, s, p, x, &solvers.Settings{Grid: rough, Workers: workers})
			want := s.Info().Evaluations(len(rough) - 1)
			if res.NFE != want || counter.NFE() != workers*want {
				t.Errorf("%s, %d workers: NFE %d and %d calls of the model, want %d and %d", solvers.Name(s), workers, res.NFE, counter.NFE(), want, workers*want)
			}
			stats := ode.Stats{Status: ode.Done, Steps: len(rough) - 1, NFE: want, HMin: 0.029, HMax: 0.17}
			if diff := cmp.Diff(stats, res.Stats, cmpopts.EquateApprox(1e-14, 0)); diff != "" {
				t.Errorf("%s, %d workers: stats (-want +got):\n%s", solvers.Name(s), workers, diff)
			}
		}
	}
}

func TestEvaluationsAndSteps(t *testing.T) {
	for _, c := range []struct {
		info       solvers.Info
		budget     int
		steps, nfe int // the most steps, and what they take
	}{
		{solvers.Info{NFE: 1}, 20, 20, 20},
		{solvers.Info{NFE: 2}, 21, 10, 20},
		{solvers.Info{NFE: 1, StartNFE: 1}, 20, 19, 20},
		{solvers.Info{NFE: 6}, 5, 0, 0},
		{solvers.Info{NFE: 4, StartNFE: 3}, 6, 0, 0},
		{solvers.Info{NFE: 4, StartNFE: 3}, 2, 0, 0},
		{solvers.Info{NFE: 1, StartNFE: 9, StartSteps: 3}, 20, 11, 20},
		{solvers.Info{NFE: 1, StartNFE: 9, StartSteps: 3}, 11, 2, 8},
		{solvers.Info{NFE: 1, StartNFE: 9, StartSteps: 3}, 3, 0, 0},
	} {
		steps := c.info.Steps(c.budget)
		if steps != c.steps || c.info.Evaluations(steps) != c.nfe {
			t.Errorf("%+v: Steps(%d) = %d, of %d evaluations, want %d of %d", c.info, c.budget, steps, c.info.Evaluations(steps), c.steps, c.nfe)
		}
	}
}

// growing is a schedule under which the variance grows: σ = 3t, α = 1.
type growing struct{}

func (growing) At(t float64) sde.Point {
	return sde.Point{T: t, Alpha: 1, Sigma: 3 * t, DSigma: 3}
}
func (growing) Time(lambda float64) float64  { return math.Exp(-lambda) / 3 }
func (growing) Domain() (tmin, tmax float64) { return 0.01, 1 }

func TestPrior(t *testing.T) {
	all := solvers.Prior(sde.VP{}, 5, 100, 3)
	if len(all) != 300 {
		t.Fatalf("Prior of 100 rows of 3 has %d elements", len(all))
	}
	normals := make([]float64, 300)
	sde.Fresh{Seed: 5}.Normals(normals, 0, 3)
	if !slices.Equal(all, normals) {
		t.Error("Prior of a variance-preserving schedule is not the standard normals of the seed, to the bit")
	}
	if first := solvers.Prior(sde.VP{}, 5, 4, 3); !slices.Equal(first, all[:12]) {
		t.Errorf("the first 4 of 100 rows are %v, 4 rows alone are %v", all[:12], first)
	}
	if other := solvers.Prior(sde.VP{}, 6, 100, 3); slices.Equal(other, all) {
		t.Error("two seeds give the same rows")
	}
	// The marginal of data with variance 1 at the end of growing has variance 1 + 9.
	want := slices.Clone(normals)
	for i := range want {
		want[i] *= math.Sqrt(10)
	}
	if diff := cmp.Diff(want, solvers.Prior(growing{}, 5, 100, 3), cmpopts.EquateApprox(1e-15, 0)); diff != "" {
		t.Errorf("Prior with variance 10 (-want +got):\n%s", diff)
	}
}

// The noise of a row is keyed by its number in the whole batch, so that shards of a batch are run
// anywhere.
func TestRowKeysTheNoise(t *testing.T) {
	for _, s := range stochastic() {
		p, _ := plane(t)
		x := solvers.Prior(p.Schedule, 1, 6, 2)
		want, _ := sample(t, s, p, x, &solvers.Settings{Grid: rough})
		p.Row = 4
		got, _ := sample(t, s, p, x[8:], &solvers.Settings{Grid: rough})
		if !slices.Equal(got, want[8:]) {
			t.Errorf("%s: rows 4 and 5 alone are %v, in the batch %v", solvers.Name(s), got, want[8:])
		}
		p.Row = 0
		if got, _ = sample(t, s, p, x[8:], &solvers.Settings{Grid: rough}); slices.Equal(got, want[8:]) {
			t.Errorf("%s: rows 4 and 5 do not depend on their number", solvers.Name(s))
		}
	}
}

// attracted is the exact model of normal data around the number of the row, modulo 3.
type attracted struct {
	s     sde.Schedule
	first int
}

func (attracted) Kind() scoremodel.Kind             { return scoremodel.Epsilon }
func (m attracted) Rows(first int) scoremodel.Model { return attracted{m.s, first} }

func (m attracted) Predict(dst, x []float64, t float64) error {
	p := m.s.At(t)
	for i := range x {
		mean := float64((m.first + i/2) % 3)
		dst[i] = p.Sigma * (x[i] - p.Alpha*mean) / (0.01*p.Alpha*p.Alpha + p.Sigma*p.Sigma)
	}
	return nil
}

// A model that knows its rows by number is bound to them: by each worker, by adaptive runs for row after row, and with Problem.Row.
func TestRowModelIsBound(t *testing.T) {
	s := sde.VP{}
	p := solvers.Problem{Schedule: s, Model: attracted{s: s}, Dim: 2}
	x := solvers.Prior(s, 3, 7, 2)
	rk := solvers.RungeKutta{Tableau: ode.DP5, In: solvers.Lambda}
	for _, c := range []struct {
		name   string
		solver solvers.Solver
		set    solvers.Settings
	}{
		{"fixed grid", solvers.DPMSolverPP2M{}, solvers.Settings{Grid: rough}},
		{"adaptive", rk, solvers.Settings{Grid: []float64{1, 1e-3}, Control: &ode.Control{Rel: 1e-4, Abs: 1e-4}}},
	} {
		want, _ := sample(t, c.solver, p, x, &c.set)
		for i, v := range want {
			if mean := float64(i / 2 % 3); math.Abs(v-mean) > 0.5 {
				t.Errorf("%s: row %d is %v, want values near %v", c.name, i/2, v, mean)
			}
		}
		for _, workers := range []int{2, 3, 7} {
			set := c.set
			set.Workers = workers
			if got, _ := sample(t, c.solver, p, x, &set); !slices.Equal(got, want) {
				t.Errorf("%s: %d workers give other samples than one", c.name, workers)
			}
		}
		q := p
		q.Row = 5
		if got, _ := sample(t, c.solver, q, x[10:], &c.set); !slices.Equal(got, want[10:]) {
			t.Errorf("%s: rows 5 and 6 alone are %v, in the batch %v", c.name, got, want[10:])
		}
	}
}
