package solvers_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// pairs returns the exponential tableaus with an embedded row.
func pairs() (out []solvers.ExpTableau) {
	for _, tab := range expTableaus {
		if tab.Embedded != nil {
			out = append(out, tab)
		}
	}
	for _, s := range []interface{ Tableau() solvers.ExpTableau }{
		solvers.DPMSolver{Order: 2}, solvers.DPMSolver{Order: 2, R1: 0.3, Taylor: true},
		solvers.DPMSolver{Order: 3}, solvers.DPMSolver{Order: 3, R1: 0.5, Taylor: true}, solvers.DPMSolver{Order: 3, R1: 0.45, R2: 0.8},
		solvers.RES{C2: 0.7}, solvers.RES{Order: 3}, solvers.RES{Order: 3, C2: 0.3, C3: 0.8}, solvers.RES{Order: 3, C3: 0.8, Cubed: true},
	} {
		tab := s.Tableau()
		i := s.(solvers.Solver).Info()
		tab.Name, tab.Order = solvers.Name(s.(solvers.Solver)), i.Order
		out = append(out, tab)
	}
	return out
}

// low returns the method of the embedded row, a method in its own right: the prediction at the end of the step, if the row has
// it, is a stage with the row of the result.
func low(tab solvers.ExpTableau) solvers.ExpTableau {
	stages := len(tab.Nodes)
	out := solvers.ExpTableau{Name: tab.Name, Order: tab.EmbeddedOrder, Nodes: tab.Nodes, A: slices.Clone(tab.A)}
	if len(tab.Embedded) > stages {
		out.Nodes = append(slices.Clone(tab.Nodes), 1)
	} else {
		out.A = out.A[:stages]
	}
	out.A = append(out.A, tab.Embedded)
	return out
}

// The embedded row has its order, which is less than that of the propagated one, by the conditions at z = 0 and as a
// method on the mixture. And it has no more, whatever the prediction does: even one that depends on λ alone shows an error, so
// that the quadrature of the row must not be of a higher order. ([zoto2023] call that robust.)
func TestEmbeddedRows(t *testing.T) {
	t.Parallel()
	for _, tab := range pairs() {
		if tab.EmbeddedOrder < 1 || tab.EmbeddedOrder >= tab.Order {
			t.Errorf("%s: the embedded order is %d, the order %d", tab.Name, tab.EmbeddedOrder, tab.Order)
		}
		l := low(tab)
		conditionsAtZero(t, l)
		_, b := rowsAt(l, 0)
		moment := 0.0
		for i, c := range l.Nodes {
			moment += b[i] * math.Pow(c, float64(l.Order))
		}
		if off := math.Abs(moment - 1/float64(l.Order+1)); !(off > 2e-4) {
			t.Errorf("%s: the quadrature of the embedded row, of order %d, integrates the next power to %.2g", tab.Name, l.Order, off)
		}
		for _, noise := range []bool{false, true} {
			ladder, err := solvertest.ODE(context.Background(), solvers.ExpRK{Tableau: l, Noise: noise}, solvertest.LateFlow(), solvers.LambdaGrid{}, solvertest.Steps())
			if err != nil {
				t.Fatal(err)
			}
			if order, _ := ladder.Fit(); !ladder.Certifies(float64(l.Order)) || order > float64(l.Order)+0.7 {
				t.Errorf("%s, noise %t: the embedded row shows the order %.2f, claimed %d", tab.Name, noise, order, l.Order)
			}
		}
	}
}

// The estimate is the difference of the two results as states, in either prediction, and vanishes with the power that LocalError
// returns.
func TestExponentialLocalError(t *testing.T) {
	t.Parallel()
	f := solvertest.LateFlow()
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: 1}
	const from = 0.2
	start := f.Schedule.At(from).Lambda()
	for _, tab := range pairs() {
		for _, noise := range []bool{false, true} {
			var lengths, sizes []float64
			for _, h := range []float64{0.16, 0.08, 0.04, 0.02, 0.01} {
				at := ode.Span{From: from, To: f.Schedule.Time(start + h)}
				step := func(tab solvers.ExpTableau) ([]float64, ode.Stepper) {
					st, err := (solvers.ExpRK{Tableau: tab, Noise: noise}).Start(p, len(f.Start))
					if err != nil {
						t.Fatal(err)
					}
					x := slices.Clone(f.Start)
					if err := st.Step(x, x, at); err != nil {
						t.Fatal(err)
					}
					return x, st
				}
				high, st := step(tab)
				want, _ := step(low(tab))
				for i, v := range high {
					want[i] = v - want[i]
				}
				got := make([]float64, len(want))
				power, err := st.(ode.Estimator).LocalError(got)
				if err != nil || power != float64(tab.EmbeddedOrder+1) {
					t.Errorf("%s: LocalError returns the power %v, %v, want %d", tab.Name, power, err, tab.EmbeddedOrder+1)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 2e-15)); diff != "" {
					t.Errorf("%s, noise %t: LocalError (-want +got):\n%s", tab.Name, noise, diff)
				}
				size := 0.0
				for _, v := range got {
					size = math.Hypot(size, v)
				}
				if size > 1e-14 {
					lengths, sizes = append(lengths, math.Log(h)), append(sizes, math.Log(size))
				}
			}
			if _, slope := stat.LinearRegression(lengths, sizes, nil, false); math.Abs(slope-float64(tab.EmbeddedOrder+1)) > 0.3 {
				t.Errorf("%s, noise %t: the estimate vanishes with the power %.2f of the step, want %d", tab.Name, noise, slope, tab.EmbeddedOrder+1)
			}
		}
	}
}

// The published pair on the method of Krogstad sees nothing of a prediction that depends on λ alone, and Krogstad43 does.
func TestBlindPair(t *testing.T) {
	published := solvers.Krogstad
	published.EmbeddedOrder = 3
	last := published.A[4]
	published.Embedded = [][]solvers.Phi{last[0], last[1], last[2], nil, last[3]}
	p := solvers.Problem{Schedule: sde.VP{}, Dim: 1, Model: scoremodel.Func(scoremodel.Data, func(dst, x []float64, at float64) error {
		dst[0] = math.Sin(3 * sde.VP{}.At(at).Lambda())
		return nil
	})}
	for _, test := range []struct {
		tab   solvers.ExpTableau
		blind bool
	}{{published, true}, {solvers.Krogstad43, false}} {
		st, err := (solvers.ExpRK{Tableau: test.tab}).Start(p, 1)
		if err != nil {
			t.Fatal(err)
		}
		e := []float64{0}
		if err := st.Step([]float64{0}, []float64{1}, ode.Span{From: 0.5, To: 0.3}); err != nil {
			t.Fatal(err)
		}
		if _, err := st.(ode.Estimator).LocalError(e); err != nil {
			t.Fatal(err)
		}
		if blind := math.Abs(e[0]) < 1e-12; blind != test.blind {
			t.Errorf("%s with %d embedded coefficients: the estimate is %v", test.tab.Name, len(test.tab.Embedded), e[0])
		}
	}
}

// A prediction at the end of an accepted step is the first of the next step, and is not asked for again. On a fixed grid it is not
// asked for at all, and every evaluation is counted.
func TestEndOfStepIsReused(t *testing.T) {
	s := solvers.ExpRK{Tableau: solvers.Lawson5}
	p, counter := plane(t)
	x := solvers.Prior(p.Schedule, 1, 1, 2)
	_, res := sample(t, s, p, slices.Clone(x), &solvers.Settings{Control: &ode.Control{Rel: 1e-5, Abs: 1e-5, First: 1}})
	if want := 1 + 6*(res.Steps+res.Rejected); res.NFE != want || counter.NFE() != want || res.Rejected == 0 {
		t.Errorf("%d steps and %d rejected take %d evaluations, %d of the model, want %d and some rejected", res.Steps, res.Rejected, res.NFE, counter.NFE(), want)
	}
	st, err := s.Start(p, 2)
	if err != nil {
		t.Fatal(err)
	}
	before := counter.NFE()
	stats, err := (ode.Control{Rel: 1e-5, Abs: 1e-5, MaxNFE: 40}).Adapt(t.Context(), st.(ode.Estimator), slices.Clone(x), 1, 1e-3, nil)
	if used := counter.NFE() - before; !errors.Is(err, ode.ErrTooManyEvaluations) || stats.NFE != used || used > 40 || used < 34 {
		t.Errorf("a budget of 40 evaluations ends with %v after %d, %d of the model", err, stats.NFE, used)
	}
	st, err = s.Start(p, 2)
	if err != nil {
		t.Fatal(err)
	}
	before = counter.NFE()
	for at := range ode.Spans([]float64{1, 0.5, 0.2}) {
		cost := st.(ode.Counter).Cost(at, false)
		if err := st.Step(x, x, at); err != nil {
			t.Fatal(err)
		}
		if cost != 7 {
			t.Errorf("step %d may cost %d evaluations, want 7", at.Index, cost)
		}
	}
	if used := counter.NFE() - before; used != 12 || st.(ode.Counter).NFE() != used {
		t.Errorf("two steps of a fixed grid take %d evaluations and count %d, want 12", used, st.(ode.Counter).NFE())
	}
}

// Lengths are in λ and times in t: First and Max bound the steps in λ, and the observer sees times that tile the run, down
// and up.
func TestPacedRuns(t *testing.T) {
	for _, name := range []string{"dpm3", "krogstad43", "lawson5", "heunkappa", "dp5lambda"} {
		for _, up := range []bool{false, true} {
			p, _ := plane(t)
			x := solvers.Prior(p.Schedule, 1, 1, 2)
			lambda := func(t float64) float64 { return p.Schedule.At(t).Lambda() }
			grid := []float64{0.9, 0.004}
			var seen []ode.Span
			set := &solvers.Settings{Grid: grid, Control: &ode.Control{Rel: 1e-2, Abs: 1e-2, First: 0.01, Max: 0.4},
				Observe: func(o solvers.Observation) error { seen = append(seen, o.Span); return nil }}
			run := solvers.Sample
			if up {
				run, grid = solvers.Invert, []float64{0.004, 0.9}
			}
			res, err := run(t.Context(), named(t, name), p, x, set)
			if err != nil {
				t.Fatalf("%s, up %t: %v", name, up, err)
			}
			from, longest := grid[0], 0.0
			for i, at := range seen {
				if at.From != from || at.Index != i || (at.H() > 0) != up {
					t.Errorf("%s, up %t: step %d is %+v, want it from %v", name, up, i, at, from)
				}
				from = at.To
				longest = math.Max(longest, math.Abs(lambda(at.To)-lambda(at.From)))
			}
			if from != grid[1] {
				t.Errorf("%s, up %t: the run ends at %v, want %v", name, up, from, grid[1])
			}
			if first := math.Abs(lambda(seen[0].To) - lambda(seen[0].From)); math.Abs(first-0.01) > 1e-9 {
				t.Errorf("%s, up %t: the first step is %v long in lambda, want 0.01", name, up, first)
			}
			if !(longest <= 0.4*1.011 && longest > 0.3) || math.Abs(res.HMax-longest) > 1e-9 {
				t.Errorf("%s, up %t: the longest step in lambda is %v, and %v by the statistics, want 0.4 at most", name, up, longest, res.HMax)
			}
		}
	}
}

// There and back under control is there again, to the tolerance.
func TestAdaptiveRoundTrip(t *testing.T) {
	for _, name := range []string{"krogstad43", "etdrk3", "dp5kappa"} {
		p, _ := plane(t)
		want := solvers.Prior(p.Schedule, 1, 3, 2)
		x := slices.Clone(want)
		set := &solvers.Settings{Control: &ode.Control{Rel: 1e-9, Abs: 1e-9}}
		for _, run := range []func(context.Context, solvers.Solver, solvers.Problem, []float64, *solvers.Settings) (solvers.Result, error){solvers.Sample, solvers.Invert} {
			if _, err := run(t.Context(), named(t, name), p, x, set); err != nil {
				t.Fatal(err)
			}
		}
		if worst := largestDifference(x, want); !(worst < 1e-6) {
			t.Errorf("%s: the round trip is off by %.2g", name, worst)
		}
	}
}

// An error under control names the time, not the variable of the control.
func TestPacedErrorsAreInTime(t *testing.T) {
	p, _ := plane(t)
	failure := errors.New("no")
	p.Model = scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, at float64) error {
		if at < 0.3 {
			return failure
		}
		copy(dst, x)
		return nil
	})
	set := &solvers.Settings{Control: &ode.Control{Rel: 1e-3, Abs: 1e-3}}
	_, err := solvers.Sample(t.Context(), named(t, "etdrk3"), p, []float64{1, 2}, set)
	var run *solvers.RunError
	if !errors.Is(err, failure) || !errors.As(err, &run) || !(run.Time < 0.3 && run.Time > 0) || run.Row != -1 {
		t.Errorf("Sample returns %v, want the failure at a time below 0.3", err)
	}
	set.Control.MaxSteps = 5
	p, _ = plane(t)
	_, err = solvers.Sample(t.Context(), named(t, "etdrk3"), p, []float64{1, 2}, set)
	if !errors.Is(err, ode.ErrTooManySteps) || !errors.As(err, &run) || !(run.Time < 1 && run.Time > 1e-3) {
		t.Errorf("Sample returns %v, want too many steps at a time of the schedule", err)
	}
}

// pairSpy counts what a run asks of a stepper.
type pairSpy struct {
	solvers.Paced
	pair               ode.PairEstimator
	deriver            ode.Deriver
	pairs, derivatives int
}

func (s *pairSpy) LocalErrors(fine, coarse []float64) (float64, error) {
	s.pairs++
	return s.pair.LocalErrors(fine, coarse)
}

func (s *pairSpy) Derivative(dst, x []float64, t float64) error {
	s.derivatives++
	return s.deriver.Derivative(dst, x, t)
}

func (s *pairSpy) Power() float64 { return s.deriver.Power() }

type spied struct {
	solvers.Solver
	spy *pairSpy
}

func (s spied) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	st, err := s.Solver.Start(p, n)
	if err != nil {
		return nil, err
	}
	s.spy.Paced, s.spy.pair, s.spy.deriver = st.(solvers.Paced), st.(ode.PairEstimator), st.(ode.Deriver)
	return s.spy, nil
}

// What a stepper can do it can do in a run over another variable too.
func TestPaceKeepsAbilities(t *testing.T) {
	p, _ := plane(t)
	spy := &pairSpy{}
	_, res := sample(t, spied{named(t, "dop853lambda"), spy}, p, []float64{0.5, -1}, &solvers.Settings{Control: &ode.Control{Rel: 1e-6, Abs: 1e-6, MaxNFE: 2000}})
	if spy.pairs != res.Steps+res.Rejected || spy.derivatives != 2 {
		t.Errorf("%d steps and %d rejected ask for %d pairs of estimates and %d derivatives, want one each and 2", res.Steps, res.Rejected, spy.pairs, spy.derivatives)
	}
}

// The first step of a run in λ is that of the flow in λ, dx/dλ = dx/dt / (dλ/dt).
func TestPacedFirstStep(t *testing.T) {
	p, _ := plane(t)
	start := []float64{0.5, -1}
	flow := scoremodel.As(p.Model, scoremodel.Flow, p.Schedule)
	inLambda := ode.DP5.Stepper(func(dst, x []float64, lambda float64) error {
		at := p.Schedule.Time(lambda)
		if err := flow.Predict(dst, x, at); err != nil {
			return err
		}
		for i := range dst {
			dst[i] /= p.Schedule.At(at).DLambda()
		}
		return nil
	}, 2).(ode.Estimator)
	control := ode.Control{Rel: 1e-6, Abs: 1e-6}
	lambda := func(t float64) float64 { return p.Schedule.At(t).Lambda() }
	want, got := 0.0, 0.0
	_, err := control.Adapt(t.Context(), inLambda, slices.Clone(start), lambda(1), lambda(1e-3), func(at ode.Span, _ []float64) error {
		want = at.H()
		return ode.ErrStop
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = solvers.Sample(t.Context(), named(t, "dp5lambda"), p, slices.Clone(start), &solvers.Settings{Grid: []float64{1, 1e-3}, Control: &control,
		Observe: func(o solvers.Observation) error {
			got = lambda(o.To) - lambda(o.From)
			return ode.ErrStop
		}})
	if err != nil || !(math.Abs(got/want-1) < 1e-9) {
		t.Errorf("the first step is %v in lambda, %v, want %v", got, err, want)
	}
}

// Methods in time are paced in time, and all others in λ.
func TestPaces(t *testing.T) {
	p, _ := plane(t)
	for _, s := range adaptive() {
		st, err := s.Start(p, 2)
		if err != nil {
			t.Fatal(err)
		}
		want, got := solvers.Lambda, solvers.Time
		switch s := s.(type) {
		case solvers.RungeKutta:
			want = min(s.In, 1) * solvers.Lambda
		case solvers.Adams:
			want = min(s.In, 1) * solvers.Lambda
		case solvers.StochasticRungeKutta:
			want = solvers.Time
		}
		if paced, ok := st.(solvers.Paced); ok {
			got = paced.Pace()
		}
		if got != want {
			t.Errorf("%s is paced in the variable %d, want %d", solvers.Name(s), got, want)
		}
	}
}

// A trajectory that begins where and when the latest step ended does not take its prediction.
func TestFreshForgetsTheEnd(t *testing.T) {
	p, _ := plane(t)
	s := solvers.ExpRK{Tableau: solvers.Lawson5}
	var results [2][]float64
	for i := range results {
		st, err := s.Start(p, 2)
		if err != nil {
			t.Fatal(err)
		}
		if x := []float64{0.3, 1}; i == 0 {
			if err := st.Step(x, x, ode.Span{From: 0.6, To: 0.5}); err != nil {
				t.Fatal(err)
			}
			if _, err := st.(ode.Estimator).LocalError(x); err != nil {
				t.Fatal(err)
			}
		}
		results[i] = []float64{-1, 0.5}
		if err := st.Step(results[i], results[i], ode.Span{From: 0.5, To: 0.4}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(results[0], results[1]) {
		t.Errorf("a fresh step gives %v after another trajectory, and %v alone", results[0], results[1])
	}
}
