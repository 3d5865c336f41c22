package study_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

func ignore(string) {}

func builtin(t *testing.T, names ...string) []*problem.Problem {
	t.Helper()
	var list []*problem.Problem
	for _, name := range names {
		p, err := problem.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// boastful claims an order that DDIM does not have.
type boastful struct{ solvers.DDIM }

func (s boastful) Info() solvers.Info {
	i := s.DDIM.Info()
	i.Order = 2
	return i
}

func TestOrders(t *testing.T) {
	list := []solvers.Solver{solvers.RungeKutta{Tableau: ode.Heun}, boastful{}, solvers.DDIM{Eta: 1},
		solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: 1}}
	// mixture2d has no closed form: its flow is a converged reference.
	got, err := study.Orders(context.Background(), list, builtin(t, "gaussian", "mixture1d", "mixture2d"), solvers.LambdaGrid{}, ignore)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range got {
		honest := o.Solver != "ddim"
		if o.Certified != honest {
			t.Errorf("%s order %g of %s on %s: certified is %t, want %t (observed %v)", o.Kind, o.Claimed, o.Solver, o.Problem, o.Certified, honest, *o.Observed)
		}
	}
	// Two deterministic solvers on three problems; the weak and the strong order of two on normal data, and in one dimension the strong order of the one
	// that claims more than 1.
	if want := 2*3 + 2*2 + 1; len(got) != want {
		t.Errorf("Orders returns %d certificates, want %d", len(got), want)
	}
}

func TestEquivalences(t *testing.T) {
	steps := []int{5, 10}
	got, err := study.Equivalences(context.Background(), sde.Cosine{}, []solvers.Grid{solvers.LambdaGrid{}}, steps, ignore)
	if err != nil {
		t.Fatal(err)
	}
	if want := study.Claims() * len(steps); len(got) != want {
		t.Errorf("Equivalences returns %d lines, want %d", len(got), want)
	}
	for _, e := range got {
		// What converges must be different here: otherwise the table cannot tell one thing from another.
		if !e.Holds || e.Claim == "converges" && e.Difference < 1e-3 {
			t.Errorf("%s and %s with %d steps: %+v", e.A, e.B, e.Steps, e)
		}
	}
}

// TestCompareGaussian checks the exact distances against those of the conformance suite, and
// the error from sampled states against its exact mean square.
func TestCompareGaussian(t *testing.T) {
	s := solvers.DPMSolverPP2M{}
	grid := solvers.LambdaGrid{}
	plan := study.Plan{Problems: builtin(t, "gaussian"), Solvers: []solvers.Solver{s}, Grids: []solvers.Grid{grid},
		NFE: []int{16, 32}, Rows: 20000, Seed: 1}
	got, warnings, err := study.Compare(context.Background(), plan, ignore)
	if err != nil || warnings != nil || len(got) != 2 {
		t.Fatalf("Compare returns %d rows, warnings %q, error %v", len(got), warnings, err)
	}
	w2, err := solvertest.Weak(context.Background(), s, sde.VP{}, solvers.Normal{Mean: 0.7, Variance: 0.25}, grid, plan.NFE)
	if err != nil {
		t.Fatal(err)
	}
	rms, err := solvertest.ODE(context.Background(), s, solvertest.GaussianFlow(), grid, plan.NFE)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range got {
		if math.Abs(*c.W2-w2.Errors[i]) > 1e-12 {
			t.Errorf("w2 at %d steps = %v, want %v", c.Steps, *c.W2, w2.Errors[i])
		}
		// 20,000 states from N(0, 1), which is the marginal to 1e-2 (the mean is αm = 0.0046): the relative
		// sampling error of a mean square is √(2/20000) = 1 %.
		if math.Abs(*c.RMSE/rms.Errors[i]-1) > 0.04 {
			t.Errorf("rmse at %d steps = %v, want about %v", c.Steps, *c.RMSE, rms.Errors[i])
		}
	}
}

// The evaluations for an error lie on the line through the logarithms of two runs, and are told apart from bounds and from
// errors that no run reaches.
func TestNeeds(t *testing.T) {
	c := func(solver, grid string, nfe int, median float64) study.Comparison {
		stray := 1.0 // one sample that ends elsewhere decides the RMSE
		return study.Comparison{Problem: "p", Solver: solver, Grid: grid, NFE: nfe, RMSE: &stray, Median: &median}
	}
	list := []study.Comparison{
		c("a", "g", 100, 1e-4), c("a", "g", 10, 1e-2), // of order 2; not in order
		c("a", "adaptive", 20, 1e-3), c("a", "adaptive", 40, 1e-5),
		c("b", "g", 10, 0.1), c("b", "g", 20, math.NaN()), c("b", "g", 40, 0.2), // NaN and what gets worse
		{Problem: "p", Solver: "stochastic", Grid: "g", NFE: 10},
	}
	got := study.Needs(list, []float64{1e-2, 1e-3, 1e-6})
	at := func(n float64) study.Evaluations { return study.Evaluations{Count: n} }
	want := []study.Need{
		{Problem: "p", Solver: "a", Grid: "g", NFE: []study.Evaluations{{Count: 10, Bound: true}, at(10 * math.Sqrt(10)), {}}},
		{Problem: "p", Solver: "a", Grid: "adaptive", NFE: []study.Evaluations{{Count: 20, Bound: true}, {Count: 20, Bound: true}, {}}},
		{Problem: "p", Solver: "b", Grid: "g", NFE: []study.Evaluations{{}, {}, {}}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("Needs (-want +got):\n%s", diff)
	}
}

// Under error control the mean of the evaluations is reported; what cannot start is left out with a warning.
func TestCompareTolerances(t *testing.T) {
	list := []solvers.Solver{solvers.DDIM{}, solvers.DPMSolver{Order: 3}}
	plan := study.Plan{Problems: builtin(t, "mixture1d"), Solvers: list, Grids: []solvers.Grid{solvers.LambdaGrid{}}, NFE: []int{12}, Rows: 6, Seed: 1,
		Tolerances: []float64{1e-2, 1e-4, 1e-300}}
	ticks := 0
	rows, warnings, err := study.Compare(context.Background(), plan, func(string) { ticks++ })
	if err != nil {
		t.Fatal(err)
	}
	if ticks != plan.Runs() || plan.Runs() != 2+3 {
		t.Errorf("%d ticks for %d runs, want 5", ticks, plan.Runs())
	}
	if len(rows) != 4 || len(warnings) != 1 {
		t.Errorf("Compare returns %d rows and the warnings %q, want 4 and one of a tolerance that is too small", len(rows), warnings)
	}
	for _, c := range rows {
		if c.Tolerance != nil && !(*c.RMSE <= 10**c.Tolerance && c.NFE > c.Steps && c.NFE <= 3*c.Steps+2**c.Rejected) {
			t.Errorf("at the tolerance %g: %+v, RMSE %.2g", *c.Tolerance, c, *c.RMSE)
		}
	}
}

// TestCompareInversion: the round trip of a reversible solver misses by rounding, that of DDIM by an error of the first
// order, and a stochastic solver has none.
func TestCompareInversion(t *testing.T) {
	list := []solvers.Solver{solvers.DDIM{}, solvers.BDIA{}, solvers.DDIM{Eta: 1}}
	plan := study.Plan{Problems: builtin(t, "mixture1d"), Solvers: list, Grids: []solvers.Grid{solvers.LambdaGrid{}},
		NFE: []int{80, 160}, Rows: 8, Seed: 1, Inversion: true}
	got, _, err := study.Compare(context.Background(), plan, ignore)
	if err != nil || len(got) != 6 {
		t.Fatalf("Compare returns %d rows, error %v", len(got), err)
	}
	if ratio := *got[0].Inversion / *got[1].Inversion; math.Abs(ratio-2) > 0.2 {
		t.Errorf("twice the steps divide DDIM's round trip by %.2f, want 2", ratio)
	}
	for i, c := range got[2:] {
		if c.Solver == "bdia" && !(*c.Inversion < 1e-12) || i >= 2 && c.Inversion != nil {
			t.Errorf("the round trip of %s misses by %v", c.Solver, c.Inversion)
		}
	}
	// The round trip is that of the exact samples.
	p := plan.Problems[0]
	x := solvers.Prior(p.Schedule, 1, 8, 1)
	if err := p.Flow(x, x, 1, 1e-3); err != nil {
		t.Fatal(err)
	}
	grid, err := solvers.LambdaGrid{}.Times(p.Schedule, 80)
	if err != nil {
		t.Fatal(err)
	}
	y, set, sum := slices.Clone(x), &solvers.Settings{Grid: grid}, 0.0
	if _, err := solvers.Invert(context.Background(), list[0], p.Problem, y, set); err != nil {
		t.Fatal(err)
	}
	if _, err := solvers.Sample(context.Background(), list[0], p.Problem, y, set); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		sum += (x[i] - y[i]) * (x[i] - y[i]) / 8
	}
	if want := math.Sqrt(sum); math.Abs(*got[0].Inversion-want) > 1e-12 {
		t.Errorf("inversion error %v, want %v", *got[0].Inversion, want)
	}
	plan.Inversion = false
	if got, _, err = study.Compare(context.Background(), plan, ignore); err != nil || got[0].Inversion != nil {
		t.Errorf("Compare measures the round trip though it was not asked to (error %v)", err)
	}
}

// One sample that goes astray decides the RMSE, and not the median.
func TestMedian(t *testing.T) {
	const rows = 101
	p := builtin(t, "mixture1d")[0]
	x := solvers.Prior(p.Schedule, 1, rows, 1)
	ref, err := study.NewReference(context.Background(), p, x)
	if err != nil {
		t.Fatal(err)
	}
	plan := study.Plan{Problems: []*problem.Problem{p}, Solvers: []solvers.Solver{solvers.DDIM{}}, Grids: []solvers.Grid{solvers.QuadraticGrid{}},
		NFE: []int{10}, Rows: rows, Seed: 1}
	got, _, err := study.Compare(context.Background(), plan, ignore)
	if err != nil {
		t.Fatal(err)
	}
	grid, err := solvers.QuadraticGrid{}.Times(p.Schedule, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := solvers.Sample(context.Background(), solvers.DDIM{}, p.Problem, x, &solvers.Settings{Grid: grid}); err != nil {
		t.Fatal(err)
	}
	below := 0
	for i := range x {
		if math.Abs(x[i]-ref.X[i]) < *got[0].Median {
			below++
		}
	}
	if below != rows/2 {
		t.Errorf("%d of %d samples have errors below the median %g, want %d", below, rows, *got[0].Median, rows/2)
	}
}

// The errors of paths fall with the strong order, and those of order 1.5 are the smaller.
func TestPaths(t *testing.T) {
	list := []solvers.Solver{solvers.EulerMaruyama{}, solvers.StochasticRungeKutta{Tableau: sde.SRA1}}
	got, err := study.Paths(context.Background(), list, builtin(t, "mixture1d")[0], solvers.LambdaGrid{}, ignore)
	if err != nil {
		t.Fatal(err)
	}
	if len(got)%2 != 0 || len(got) == 0 {
		t.Fatalf("Paths returns %d comparisons of two solvers", len(got))
	}
	n := len(got) / 2
	for i, c := range got {
		if c.NFE != c.Steps*list[i/n].Info().NFE || c.PathError == nil || c.RMSE != nil {
			t.Fatalf("comparison %+v", c)
		}
	}
	ratio := func(c []study.Comparison) float64 { return *c[0].PathError / *c[n-1].PathError }
	first, high := ratio(got[:n]), ratio(got[n:])
	if times := float64(got[n-1].Steps) / float64(got[0].Steps); !(first > times/2 && high > math.Pow(times, 1.5)) || !(*got[2*n-1].PathError < *got[n-1].PathError/5) {
		t.Errorf("over a factor of %v in steps the errors fall by %.1f and %.1f", times, first, high)
	}
}

func TestReference(t *testing.T) {
	// Where the flow is known, hiding it must lead to the same place.
	p := builtin(t, "mixture1d")[0]
	x := solvers.Prior(p.Schedule, 3, 20, 1)
	exact, err := study.NewReference(context.Background(), p, x)
	if err != nil {
		t.Fatal(err)
	}
	hidden := *p
	hidden.Flow = nil
	ref, err := study.NewReference(context.Background(), &hidden, x)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i := range x {
		worst = math.Max(worst, math.Abs(ref.X[i]-exact.X[i]))
	}
	if worst > 1e-8 || ref.Error <= 0 || ref.NFE == 0 || exact.Error != 0 {
		t.Errorf("NewReference without a closed form is %.1e away, says error %.1e after %d evaluations", worst, ref.Error, ref.NFE)
	}
	if ref.Enough(ref.Error*10) || !ref.Enough(ref.Error*1000) {
		t.Error("Enough does not ask for a factor of a hundred")
	}
}

// Single precision sets a floor: a converged solver comes to it, and no error is reported below.
func TestSinglePrecisionFloor(t *testing.T) {
	p := builtin(t, "digitsnet")[0]
	x := solvers.Prior(p.Schedule, 1, 2, p.Dim)
	ref, err := study.NewReference(context.Background(), p, x)
	if err != nil {
		t.Fatal(err)
	}
	if !(ref.Error > 1e-8 && ref.Error < 5e-6) {
		t.Errorf("the reference is known to %.1e, want about 6e-7", ref.Error)
	}
	plan := study.Plan{Problems: []*problem.Problem{p}, Solvers: []solvers.Solver{solvers.DDIM{}, solvers.UniPC{}},
		Grids: []solvers.Grid{solvers.LambdaGrid{}}, NFE: []int{20, 2000}, Rows: 2, Seed: 1}
	rows, warnings, err := study.Compare(context.Background(), plan, ignore)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rows {
		if c.ReferenceError == nil || *c.ReferenceError != ref.Error || *c.RMSE < ref.Error {
			t.Fatalf("%s with %d evaluations: rmse %v with reference error %v, want that of the reference, %v, and no less", c.Solver, c.NFE, *c.RMSE, c.ReferenceError, ref.Error)
		}
		if converged := c.Solver == "unipc" && c.NFE == 2000; converged != (*c.RMSE == ref.Error) {
			t.Errorf("%s with %d evaluations: rmse %.2e, the floor is %.2e", c.Solver, c.NFE, *c.RMSE, ref.Error)
		}
	}
	if len(warnings) != 1 {
		t.Errorf("warnings %q, want one of the reference", warnings)
	}
}

// The quality of a run is that of its samples: better with more steps, and without any bearing on the RMSE of the first rows.
func TestQuality(t *testing.T) {
	plan := study.Plan{Problems: builtin(t, "digitsnet", "gaussian"), Solvers: []solvers.Solver{solvers.DDIM{}},
		Grids: []solvers.Grid{solvers.QuadraticGrid{}}, NFE: []int{2, 20}, Rows: 2, Seed: 1}
	plain, _, err := study.Compare(context.Background(), plan, ignore)
	if err != nil {
		t.Fatal(err)
	}
	plan.Quality = 200
	rows, warnings, err := study.Compare(context.Background(), plan, ignore)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 || len(plain) != 4 {
		t.Fatalf("%d and %d comparisons, want 4", len(rows), len(plain))
	}
	for i, c := range rows {
		if *c.RMSE != *plain[i].RMSE || plain[i].Quality != nil {
			t.Errorf("%s, %d evaluations: rmse %v and quality %v without, rmse %v with", c.Problem, c.NFE, *plain[i].RMSE, plain[i].Quality, *c.RMSE)
		}
	}
	few, many := rows[0].Quality, rows[1].Quality
	if few.Rows != 200 || few.RealRows != 1797 || few.WrongClass == nil || few.SplitVote == nil {
		t.Fatalf("quality %+v", few)
	}
	if !(few.Frechet.Value > 3*many.Frechet.Value && few.SlicedW2.Value > 3*many.SlicedW2.Value && few.MMD2.Value > 3*many.MMD2.Value) {
		t.Errorf("DDIM with 2 evaluations has %+v, with 20 %+v", *few, *many)
	}
	if many.WrongClass.Value > 0.15 {
		t.Errorf("of the digits asked for %+v are others", *many.WrongClass)
	}
	if rows[2].Quality != nil || len(warnings) != 1 {
		t.Errorf("gaussian, without real samples: quality %v, warnings %q", rows[2].Quality, warnings)
	}
}

func TestPictures(t *testing.T) {
	plan := study.Plan{Problems: builtin(t, "digits"), Solvers: []solvers.Solver{solvers.DDIM{}, solvers.DPMSolver{Order: 3}},
		Grids: []solvers.Grid{solvers.QuadraticGrid{}}, NFE: []int{2, 6}, Rows: 2, Seed: 1}
	got, err := study.Pictures(context.Background(), plan, ignore)
	if err != nil {
		t.Fatal(err)
	}
	// The converged flow, DDIM at both budgets, the third-order solver only where the budget allows a step.
	if len(got) != 1+2+1 {
		t.Fatalf("Pictures returns %d sets, want 4", len(got))
	}
	for _, s := range got {
		if s.Side != 8 || len(s.X) != 2*64 || s.NFE > s.Budget && s.Budget > 0 {
			t.Errorf("set of %s: side %d, %d values, %d evaluations of %d", s.Solver, s.Side, len(s.X), s.NFE, s.Budget)
		}
	}
	// The flow is known to well within a grey level.
	p := plan.Problems[0]
	ref, err := study.NewReference(context.Background(), p, solvers.Prior(p.Schedule, plan.Seed, plan.Rows, p.Dim))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got[0].X {
		if d := math.Abs(v - ref.X[i]); !(d < 0.25*2/255) {
			t.Fatalf("pixel %d of the flow is off by %v", i, d)
		}
	}
}

func TestGallery(t *testing.T) {
	plan := study.GalleryPlan{Problem: builtin(t, "digits")[0], Solvers: []solvers.Solver{solvers.DDIM{}, solvers.DPMSolver{Order: 3}, solvers.DDPM{}},
		NFE: []int{2, 30}, References: []solvers.Solver{solvers.DDPM{}, solvers.DPMSolverPP2M{}}, ReferenceNFE: 150,
		Grid: solvers.QuadraticGrid{}, Rows: 3, Seed: 1, Workers: 2}
	last, total := 0, 0
	got, err := study.Gallery(context.Background(), plan, func(done, of int, _ string) {
		if done < last || done > of {
			t.Errorf("progress goes from %d to %d of %d", last, done, of)
		}
		last, total = done, of
	})
	if err != nil {
		t.Fatal(err)
	}
	// Two references of 150, 2 + 30 of DDIM and DDPM, and 30 of the third-order solver, which makes no step of 2.
	if want := 2*150 + 2*32 + 30; total != want || last < total-1 {
		t.Errorf("progress ends at %d of %d, want about %d", last, total, want)
	}
	type line struct {
		Solver    string
		NFE       int
		Reference bool
		Measured  bool
	}
	var lines []line
	rmse := map[string]float64{}
	for _, e := range got {
		lines = append(lines, line{e.Solver, e.NFE, e.Reference, e.RMSE != nil})
		if len(e.X) != 3*64 || e.Problem != "digits" || e.Seconds <= 0 {
			t.Errorf("exhibit of %s: %d values of %s in %v s", e.Solver, len(e.X), e.Problem, e.Seconds)
		}
		if e.RMSE != nil {
			rmse[fmt.Sprint(e.Solver, e.NFE)] = *e.RMSE
		}
	}
	want := []line{{"ddpm", 150, true, false}, {"dpm++2m", 150, true, false}, {"ddim", 2, false, true}, {"ddim", 30, false, true},
		{"dpm3", 30, false, true}, {"ddpm", 2, false, false}, {"ddpm", 30, false, false}}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("Gallery (-want +got):\n%s", diff)
	}
	// From the same noise the flow leads to the same samples, the nearer the more evaluations and the higher the order.
	if !(rmse["dpm330"] < rmse["ddim30"]/3 && rmse["ddim30"] < rmse["ddim2"]) || !(rmse["dpm330"] < 0.05) {
		t.Errorf("distances from the reference: %v", rmse)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	r, err := study.Run(ctx, func(done, total int, _ string) {
		if seen++; seen == 3 {
			cancel()
		}
		if done < 1 || done > total {
			t.Errorf("progress %d of %d", done, total)
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run returns %v, want %v", err, context.Canceled)
	}
	if len(r.Equivalences) == 0 {
		t.Error("an interrupted study loses what was finished")
	}
}
