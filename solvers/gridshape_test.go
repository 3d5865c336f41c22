package solvers_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/mathext"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// mustTimes returns the times of a grid that must exist.
func mustTimes(t testing.TB, g solvers.Grid, s sde.Schedule, steps int) []float64 {
	t.Helper()
	grid, err := g.Times(s, steps)
	if err != nil {
		t.Fatalf("%s, %d steps: %v", solvers.GridName(g), steps, err)
	}
	return grid
}

// Every level κ by the formula of the toolkit that the grid is known from.
func TestGridFormulas(t *testing.T) {
	const steps, lo, hi = 12, 0.002, 80.
	s := sde.EDM{SigmaMin: lo, SigmaMax: hi} // κ is the time
	for _, c := range []struct {
		grid solvers.Grid
		want func(r float64) float64 // κ after the fraction r of the steps
	}{
		{solvers.ExponentialGrid{}, func(r float64) float64 { return hi * math.Pow(lo/hi, r) }},
		{solvers.PolyexponentialGrid{Rho: 2}, func(r float64) float64 {
			return math.Exp(math.Pow(1-r, 2)*(math.Log(hi)-math.Log(lo)) + math.Log(lo))
		}},
		{solvers.KLOptimalGrid{}, func(r float64) float64 { return math.Tan(r*math.Atan(lo) + (1-r)*math.Atan(hi)) }},
	} {
		for i, got := range mustTimes(t, c.grid, s, steps) {
			if want := c.want(float64(i) / steps); !(math.Abs(got/want-1) <= 1e-11) {
				t.Errorf("%s: kappa %d is %v, want %v", solvers.GridName(c.grid), i, got, want)
			}
		}
	}
}

// A Beta(1/2, 1/2) quantile is sin²(πp/2), a Beta(2, 1) quantile √p and a Beta(1, 2) quantile 1 - √(1-p); for other
// exponents the distribution function is inverted.
func TestBetaGrid(t *testing.T) {
	const steps = 20
	for _, s := range []sde.Schedule{sde.EDM{}, sde.VP{}, sde.Flow{}} {
		tmin, tmax := s.Domain()
		for _, in := range []struct {
			name string
			u    func(p sde.Point) float64
		}{
			{"kappa", sde.Point.Kappa}, {"lambda", sde.Point.Lambda}, {"time", func(p sde.Point) float64 { return p.T }},
		} {
			lo, hi := in.u(s.At(tmin)), in.u(s.At(tmax))
			for _, law := range []struct {
				a, b     float64
				quantile func(p float64) float64
			}{
				{0.5, 0.5, func(p float64) float64 { return math.Pow(math.Sin(math.Pi*p/2), 2) }},
				{2, 1, math.Sqrt},
				{1, 2, func(p float64) float64 { return 1 - math.Sqrt(1-p) }},
				{1, 1, func(p float64) float64 { return p }},
			} {
				grid := mustTimes(t, solvers.BetaGrid{A: law.a, B: law.b, In: in.name}, s, steps)
				for i, at := range grid {
					want := lo + (hi-lo)*law.quantile(1-float64(i)/steps)
					if got := in.u(s.At(at)); !(math.Abs(got-want) <= 1e-10*math.Abs(hi-lo)) {
						t.Errorf("%T: beta(%v, %v) in %s: time %d is at %v, want %v", s, law.a, law.b, in.name, i, got, want)
					}
				}
			}
			grid := mustTimes(t, solvers.BetaGrid{In: in.name}, s, steps)
			for i, at := range grid {
				if got, want := mathext.RegIncBeta(0.6, 0.6, math.Min(math.Max((in.u(s.At(at))-lo)/(hi-lo), 0), 1)), 1-float64(i)/steps; !(math.Abs(got-want) <= 1e-9) {
					t.Errorf("%T: beta in %s: time %d has the probability %v, want %v", s, in.name, i, got, want)
				}
			}
		}
	}
}

// Equal probability lies between neighbours, by the Laplace law of log κ.
func TestLaplaceGrid(t *testing.T) {
	const steps = 30
	cdf := func(x, mu, beta float64) float64 {
		if x < mu {
			return math.Exp((x-mu)/beta) / 2
		}
		return 1 - math.Exp(-(x-mu)/beta)/2
	}
	for name, s := range schedules(t) {
		for _, g := range []solvers.LaplaceGrid{{}, {Mu: 1.5, Beta: 2}, {Mu: -1, Beta: 0.9}} {
			beta := g.Beta
			if beta == 0 {
				beta = 0.5
			}
			grid := mustTimes(t, g, s, steps)
			at := func(i int) float64 { return cdf(-s.At(grid[i]).Lambda(), g.Mu, beta) }
			total := at(0) - at(steps)
			for i := range steps {
				if got := at(i) - at(i+1); !(math.Abs(got-total/steps) <= 1e-11) {
					t.Errorf("%s: %s: probability %v in step %d, want %v", name, solvers.GridName(g), got, i, total/steps)
				}
			}
		}
	}
}

// The polynomial as Mochi's and ComfyUI's code has it, with its coefficients of i², i and 1.
func TestLinearQuadraticGrid(t *testing.T) {
	published := func(n, l int, threshold float64) []float64 {
		steps, linear, quadratic := float64(n), float64(l), float64(n-l)
		excess := linear - threshold*steps
		c2 := excess / (linear * quadratic * quadratic)
		c1 := threshold/linear - 2*excess/(quadratic*quadratic)
		c0 := c2 * linear * linear
		var out []float64
		for i := range l {
			out = append(out, 1-threshold*float64(i)/linear)
		}
		for i := l; i < n; i++ {
			out = append(out, 1-(c2*float64(i*i)+c1*float64(i)+c0))
		}
		return append(out, 0)
	}
	s := sde.Flow{TMax: 1}
	clean := solvers.Zero{Clean: true}
	for _, c := range []struct {
		grid   solvers.LinearQuadraticGrid
		n, l   int
		thresh float64
	}{
		{solvers.LinearQuadraticGrid{Zero: clean}, 2, 1, 0.025},
		{solvers.LinearQuadraticGrid{Zero: clean}, 5, 2, 0.025},
		{solvers.LinearQuadraticGrid{Zero: clean}, 64, 32, 0.025},
		{solvers.LinearQuadraticGrid{Zero: clean, Threshold: 0.1, Linear: 7}, 10, 7, 0.1},
	} {
		if diff := cmp.Diff(published(c.n, c.l, c.thresh), mustTimes(t, c.grid, s, c.n), cmpopts.EquateApprox(1e-13, 1e-14)); diff != "" {
			t.Errorf("%+v, %d steps (-want +got):\n%s", c.grid, c.n, diff)
		}
	}
	if diff := cmp.Diff([]float64{1, 0}, mustTimes(t, solvers.LinearQuadraticGrid{Zero: clean}, s, 1)); diff != "" {
		t.Errorf("one step (-want +got):\n%s", diff)
	}
	if got := mustTimes(t, solvers.LinearQuadraticGrid{}, sde.Flow{TMin: 0.01, TMax: 1}, 4); got[4] != 0.01 || !(math.Abs(got[2]-(1-0.99*0.025)) <= 1e-15) {
		t.Errorf("without clean: %v", got)
	}
}

func TestFlowShiftGrid(t *testing.T) {
	clean := solvers.Zero{Clean: true}
	s := sde.Flow{TMin: 1e-3, TMax: 1}
	const n = 7
	uniform := func(i int) float64 { return 1 - (1-1e-3)*float64(i)/(n-1) }
	// FlowMatchEulerDiscreteScheduler: linspace(1, 1/1000, N), shifted, and 0.
	want := func(f func(u float64) float64) []float64 {
		var out []float64
		for i := range n {
			out = append(out, f(uniform(i)))
		}
		return append(out, 0)
	}
	static := func(u float64) float64 { return 3 * u / (1 + 2*u) }
	mu := 0.5 + (1.15-0.5)*(1024.-256)/(4096-256)
	exponential := func(u float64) float64 { return math.Exp(mu) / (math.Exp(mu) + (1/u - 1)) }
	linear := func(u float64) float64 { return 1.15 / (1.15 + (1/u - 1)) }
	stretched := func(u float64) float64 {
		return 1 - (1-static(u))*(1-0.1)/(1-static(1e-3))
	}
	for _, c := range []struct {
		grid solvers.FlowShiftGrid
		want []float64
	}{
		{solvers.FlowShiftGrid{Zero: clean}, want(static)},
		{solvers.FlowShiftGrid{Zero: clean, Shift: 1}, want(func(u float64) float64 { return u })},
		{solvers.FlowShiftGrid{Zero: clean, Tokens: 1024}, want(exponential)},
		{solvers.FlowShiftGrid{Zero: clean, Tokens: 4096, Form: "linear"}, want(linear)},
		{solvers.FlowShiftGrid{Zero: clean, Terminal: 0.1}, want(stretched)},
	} {
		if diff := cmp.Diff(c.want, mustTimes(t, c.grid, s, n), cmpopts.EquateApprox(1e-13, 1e-15)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.grid, diff)
		}
	}
	// The dynamic shift at the lengths that define it.
	for tokens, mu := range map[int]float64{256: 0.5, 4096: 1.15} {
		a := mustTimes(t, solvers.FlowShiftGrid{Tokens: tokens}, s, 9)
		b := mustTimes(t, solvers.FlowShiftGrid{Shift: math.Exp(mu)}, s, 9)
		if diff := cmp.Diff(a, b, cmpopts.EquateApprox(1e-14, 0)); diff != "" {
			t.Errorf("%d tokens (-tokens +shift):\n%s", tokens, diff)
		}
	}
	// Within the domain κ of the uniform times is multiplied by the shift, and the ends are the domain's.
	narrow := sde.Flow{TMin: 0.01, TMax: 0.99}
	grid := mustTimes(t, solvers.FlowShiftGrid{}, narrow, n)
	back := func(t float64) float64 { k := t / (1 - t) / 3; return k / (1 + k) }
	for i, at := range grid {
		if want := back(0.99) + (back(0.01)-back(0.99))*float64(i)/n; !(math.Abs(back(at)-want) <= 1e-14) {
			t.Errorf("time %d, shifted back, is %v, want %v", i, back(at), want)
		}
	}
	if grid[0] != 0.99 || grid[n] != 0.01 {
		t.Errorf("the ends are %v and %v", grid[0], grid[n])
	}
	// A shift below 1 would leave the domain.
	if got := mustTimes(t, solvers.FlowShiftGrid{Zero: clean, Shift: 0.5}, s, n); !(math.Abs(got[n-1]-1e-3) <= 1e-15) || !(got[n-1] >= 1e-3) {
		t.Errorf("with shift 0.5 the last step leaves from %v, want 0.001", got[n-1])
	}
	// A single step has nothing to stretch; elsewhere it divides zero by zero.
	if diff := cmp.Diff([]float64{1, 0}, mustTimes(t, solvers.FlowShiftGrid{Zero: clean, Terminal: 0.1}, s, 1)); diff != "" {
		t.Errorf("one step with a terminal (-want +got):\n%s", diff)
	}
}

func TestAYSGrid(t *testing.T) {
	table := latent(t)
	video := sde.EDM{SigmaMin: 0.002, SigmaMax: 700}
	clean := solvers.Zero{Clean: true}
	sd15 := []float64{14.615, 6.475, 3.861, 2.697, 1.886, 1.396, .963, .652, .399, .152}
	for _, c := range []struct {
		grid solvers.AYSGrid
		s    sde.Schedule
		want []float64
	}{
		{solvers.AYSGrid{Zero: clean}, table, sd15},
		{solvers.AYSGrid{}, table, sd15},
		{solvers.AYSGrid{Zero: clean, Model: "sdxl"}, table, []float64{14.615, 6.315, 3.771, 2.181, 1.342, .862, .555, .380, .234, .113}},
		{solvers.AYSGrid{Zero: clean, Model: "svd"}, video, []float64{700, 54.5, 15.886, 7.977, 4.248, 1.789, .981, .403, .173, .034}},
	} {
		grid := mustTimes(t, c.grid, c.s, 10)
		var kappas []float64
		for _, at := range grid[:10] {
			kappas = append(kappas, c.s.At(at).Kappa())
		}
		// The first is the schedule's own, of which the table has five digits.
		if diff := cmp.Diff(c.want[1:], kappas[1:], cmpopts.EquateApprox(1e-12, 0)); diff != "" || !(math.Abs(kappas[0]/c.want[0]-1) <= 1e-4) {
			t.Errorf("%+v (-want +got):\n%s", c.grid, diff)
		}
		tmin, _ := c.s.Domain()
		if end := map[bool]float64{true: 0, false: tmin}[c.grid.Clean]; grid[10] != end {
			t.Errorf("%+v ends at %v, want %v", c.grid, grid[10], end)
		}
	}
	// The table of timesteps that was published with the levels of Stable Diffusion, to a step or two.
	for i, n := range []float64{999, 850, 736, 645, 545, 455, 343, 233, 124, 24} {
		if got := mustTimes(t, solvers.AYSGrid{}, table, 10)[i]*1000 - 1; !(math.Abs(got-n) <= 2) {
			t.Errorf("index %d is %v, want %v", i, got, n)
		}
	}
	// With 20 steps every other level is the table's, and those between are geometric means.
	grid := mustTimes(t, solvers.AYSGrid{Zero: clean}, table, 20)
	for i, want := range sd15[1:] {
		at := 2 * (i + 1)
		if got := table.At(grid[at]).Kappa(); !(math.Abs(got/want-1) <= 1e-12) {
			t.Errorf("level %d of 20 is %v, want %v", at, got, want)
		}
		next := 0.029
		if i+2 < len(sd15) {
			next = sd15[i+2]
		}
		if got, want := table.At(grid[at+1]).Kappa(), math.Sqrt(want*next); !(math.Abs(got/want-1) <= 1e-12) {
			t.Errorf("level %d of 20 is %v, want %v", at+1, got, want)
		}
	}
}

// Clean data follow the times of one step less, except where a grid says that they replace the last.
func TestCleanEnds(t *testing.T) {
	const steps = 9
	for name, s := range schedules(t) {
		for _, g := range solvers.Grids() {
			clean, err := withClean(t, g).Times(s, steps)
			if isRule(g) || errors.Is(err, solvers.ErrUnsuited) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			var want []float64
			switch g.(type) {
			case solvers.SGMGrid:
				want = mustTimes(t, g, s, steps)[:steps]
			case solvers.LinearQuadraticGrid, solvers.FlowShiftGrid: // they have tests of their own
				continue
			default:
				want = mustTimes(t, g, s, steps-1)
			}
			if diff := cmp.Diff(append(want, 0), clean); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", g.Name(), name, diff)
			}
		}
	}
}

func TestGridParameters(t *testing.T) {
	nan := math.NaN()
	clean := solvers.Zero{Clean: true}
	for _, c := range []struct {
		grid solvers.Grid
		s    sde.Schedule
		is   error
		want string
	}{
		{solvers.PolyexponentialGrid{Rho: -1}, sde.VP{}, solvers.ErrParameter, "rho is -1"},
		{solvers.BetaGrid{A: nan}, sde.VP{}, solvers.ErrParameter, "a is NaN"},
		{solvers.BetaGrid{B: -0.5}, sde.VP{}, solvers.ErrParameter, "b is -0.5"},
		{solvers.BetaGrid{In: "sigma"}, sde.VP{}, solvers.ErrParameter, `in is "sigma"`},
		{solvers.LaplaceGrid{Beta: -1}, sde.VP{}, solvers.ErrParameter, "beta is -1"},
		{solvers.LaplaceGrid{Mu: nan}, sde.VP{}, solvers.ErrParameter, "mu is NaN"},
		{solvers.LinearQuadraticGrid{Threshold: 1}, sde.VP{}, solvers.ErrParameter, "threshold is 1"},
		{solvers.LinearQuadraticGrid{Linear: 5}, sde.VP{}, solvers.ErrParameter, "linear is 5 of 5"},
		{solvers.LinearQuadraticGrid{Threshold: 0.9}, sde.VP{}, solvers.ErrGrid, ""},
		{solvers.FlowShiftGrid{Shift: -1}, sde.Flow{}, solvers.ErrParameter, "shift is -1"},
		{solvers.FlowShiftGrid{Tokens: -1}, sde.Flow{}, solvers.ErrParameter, "tokens is -1"},
		{solvers.FlowShiftGrid{Tokens: 9, Shift: 2}, sde.Flow{}, solvers.ErrParameter, "both given"},
		{solvers.FlowShiftGrid{Form: "sqrt"}, sde.Flow{}, solvers.ErrParameter, `form is "sqrt"`},
		{solvers.FlowShiftGrid{Terminal: 0.1}, sde.Flow{}, solvers.ErrParameter, "terminal is 0.1"},
		{solvers.FlowShiftGrid{Zero: clean, Terminal: 1}, sde.Flow{}, solvers.ErrParameter, "terminal is 1"},
		{solvers.FlowShiftGrid{}, sde.EDM{}, solvers.ErrUnsuited, "run to 80"},
		{solvers.AYSGrid{Model: "flux"}, sde.VP{}, solvers.ErrParameter, `model is "flux"`},
		{solvers.AYSGrid{}, sde.VP{}, solvers.ErrUnsuited, "14.615 to 0.029"},
		{solvers.TimeGrid{Zero: clean}, sde.VE{}, solvers.ErrUnsuited, "sigma is 0.01"},
		{solvers.SGMGrid{Zero: clean}, sde.VE{}, solvers.ErrUnsuited, "sigma is 0.01"},
		{solvers.LambdaGrid{}, sde.Flow{TMax: 1}, solvers.ErrUnsuited, "-Inf at time 1"},
		{solvers.KarrasGrid{}, sde.Flow{TMax: 1}, solvers.ErrUnsuited, "+Inf at time 1"},
		{solvers.BetaGrid{}, sde.Flow{TMax: 1}, solvers.ErrUnsuited, "kappa is infinite at time 1"},
		{solvers.LambdaGrid{}, latent(t).RescaledZeroSNR(), solvers.ErrUnsuited, "-Inf at time 1"},
	} {
		grid, err := c.grid.Times(c.s, 5)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v.Times(%T, 5) = %v, %v, want %q", c.grid, c.s, grid, err, c.want)
		}
	}
}

// withClean returns g with the end on clean data.
func withClean(t testing.TB, g solvers.Grid) solvers.Grid {
	t.Helper()
	out, err := solvers.GridByName(g.Name() + ":clean=true")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every grid on every schedule that it is for, with few steps and both ends, under solvers of several kinds: the
// result is finite, and one step to clean data is the model's prediction.
func TestGridsRun(t *testing.T) {
	t.Parallel()
	all := schedules(t)
	all["latent"], all["video"] = latent(t), sde.EDM{SigmaMax: 700}
	for _, g := range solvers.Grids() {
		runs := 0
		for name, s := range all {
			p := twoClouds(t, s)
			for _, g := range []solvers.Grid{g, withClean(t, g)} {
				for steps := 1; steps <= 5; steps++ {
					grid, err := g.Times(s, steps)
					if errors.Is(err, solvers.ErrUnsuited) {
						continue
					}
					if err != nil {
						t.Fatalf("%s of %s, %d steps: %v", solvers.GridName(g), name, steps, err)
					}
					for _, solver := range []string{"ddim", "ddim:eta=1", "heunkappa", "dpm++2m", "dpm3", "expadams3:noise=true", "ddpm"} {
						v, err := solvers.ByName(solver)
						if err != nil {
							t.Fatal(err)
						}
						x := solvers.Prior(s, 1, 3, 2)
						want := make([]float64, len(x))
						if err := scoremodel.As(p.Model, scoremodel.Data, s).Predict(want, x, grid[0]); err != nil {
							t.Fatal(err)
						}
						if _, err := solvers.Sample(context.Background(), v, p, x, &solvers.Settings{Grid: grid}); err != nil {
							t.Errorf("%s on %s of %s, %d steps: %v", solver, solvers.GridName(g), name, steps, err)
						}
						runs++
						if steps == 1 && solvers.EndsClean(s, grid) {
							if diff := cmp.Diff(want, x, cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
								t.Errorf("%s on %s of %s: one step to clean data (-want +got):\n%s", solver, solvers.GridName(g), name, diff)
							}
						}
					}
				}
			}
		}
		if g.Name() != "ays" && runs == 0 {
			t.Errorf("%s is for no schedule", g.Name())
		}
	}
}

// TestRoughGrid checks the ratio of neighbouring steps in the grid's own variable.
func TestRoughGrid(t *testing.T) {
	vp := sde.VP{}
	for _, g := range []solvers.RoughGrid{{}, {Ratio: 3, In: "time"}, {Zero: solvers.Zero{Clean: true}, In: "lambda"}} {
		grid, err := g.Times(vp, 10)
		if err != nil {
			t.Fatal(err)
		}
		length := func(i int) float64 {
			if g.In == "time" {
				return grid[i] - grid[i+1]
			}
			return sde.H(vp.At(grid[i]), vp.At(grid[i+1]))
		}
		ratio := 2.0
		if g.Ratio != 0 {
			ratio = g.Ratio
		}
		for i := range 8 {
			want := ratio
			if i%2 == 1 {
				want = 1 / ratio
			}
			if got := length(i+1) / length(i); math.Abs(got/want-1) > 1e-9 {
				t.Errorf("%s: step %d is %v times the one before, want %v", solvers.GridName(g), i+1, got, want)
			}
		}
	}
	if _, err := (solvers.RoughGrid{Ratio: -1}).Times(vp, 3); !errors.Is(err, solvers.ErrParameter) {
		t.Errorf("a negative ratio is accepted: %v", err)
	}
}
