package solvers_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

var heunKappa = solvers.RungeKutta{Tableau: ode.Heun, In: solvers.Kappa}

// wrapped are wrappers of other methods than the catalogue's, whose names the catalogue does not know.
var wrapped = []solvers.Solver{
	solvers.Ancestral{Inner: solvers.RungeKutta{Tableau: ode.RK4, In: solvers.Kappa}, Eta: 0.2},
	solvers.Ancestral{Inner: solvers.DPMSolver{Order: 3}, Eta: 0.3, Flow: true},
	solvers.Churn{Inner: solvers.DDIM{}, SChurn: 10},
	solvers.Churn{Inner: solvers.RungeKutta{Tableau: ode.RK4}, SChurn: 10, SNoise: 1},
	solvers.Churn{Inner: solvers.DPMSolverPP2M{}, SChurn: 5},
	solvers.Churn{Inner: solvers.ExpAdams{Order: 2}, SChurn: 10}, // as long as the steps, or longer
	solvers.Ancestral{Inner: solvers.UniPC{}, Eta: 1},            // whose corrector starts from the step before
	solvers.Churn{Inner: solvers.SASolver{Predictor: 2, Corrector: 2}, SChurn: 10},
	solvers.Restart{Inner: solvers.DDIM{}, Times: 2, Steps: 4, High: 1},
	solvers.PredictorCorrector{Predictor: solvers.DDIM{}, Corrections: 3},
}

// TestTwoStatesInOne: a solver that carries a second state along cannot have the first changed between its steps.
func TestTwoStatesInOne(t *testing.T) {
	p := twoClouds(t, sde.VP{})
	for _, inner := range reversible {
		for _, s := range []solvers.Solver{
			solvers.Ancestral{Inner: inner, Eta: 1},
			solvers.Churn{Inner: inner, SChurn: 10},
			solvers.PredictorCorrector{Predictor: inner},
			solvers.CFGPP{Of: inner},
			solvers.RePaint{Of: inner, Mask: []bool{true, false}, Known: []float64{1, 0}},
		} {
			if _, err := s.Start(p, 2); !errors.Is(err, solvers.ErrParameter) {
				t.Errorf("%s around %s: Start returns %v, want ErrParameter", s.Info().Name, solvers.Name(inner), err)
			}
		}
		for _, s := range []solvers.Solver{solvers.Ancestral{Inner: inner}, solvers.Churn{Inner: inner}, solvers.Restart{Inner: inner}} {
			if _, err := s.Start(p, 2); err != nil {
				t.Errorf("%s around %s: Start returns %v", s.Info().Name, solvers.Name(inner), err)
			}
		}
	}
}

func TestWrappedConformance(t *testing.T) {
	for _, s := range wrapped {
		t.Run(solvers.Name(s), func(t *testing.T) { solvertest.Run(t, s) })
	}
}

// Two stochastic solvers are the same for every model and every path if their tables are.
func TestStochasticEquivalences(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"ddpm", "ddim:eta=1", true},
		{"ddpm", "sdedpm++1", true},
		{"ddpm", "gddim", true},
		{"ddpm", "eulerancestral", true},
		{"ddpm", "ersde1:phi=sde", true},
		{"ddpm", "seeds1", true},
		{"eulerancestral:eta=0.5", "ddim:eta=0.5", true},
		{"gddim:lambda=0.5", "sdedpm++1:tau=0.5", true},
		{"gddim:lambda=1.4", "seeds1:tau=1.4", true},
		{"expheunsde", "seeds2:r=1,variant=phi2", true},
		{"dpm++sde:clock=exact", "seeds2", true},
		{"dpm++sde:clock=exact,r=0.7", "seeds2:r=0.7", true},
		{"sdedpm++2m:variant=heun", "sasolver:predictor=2,corrector=0", true},
		{"sdedpm++3m", "sasolver:predictor=3,corrector=0", true},
		{"sdedpm1:tau=0.7", "sasolver:predictor=1,corrector=0,noise=true,tau=0.7", true},
		{"sdedpm2m:tau=0.7,variant=heun", "sasolver:predictor=2,corrector=0,noise=true,tau=0.7", true},

		// Without noise each family is a method for the flow.
		{"gddim:lambda=0", "ddim", true},
		{"sdedpm++1:tau=0", "ddim", true},
		{"sdedpm1:tau=0", "ddim", true},
		{"sdedpm++2m:tau=0", "dpm++2m", true},
		{"sdedpm++2m:tau=0,variant=heun", "dpm++2m:variant=heun", true},
		{"sdedpm2m:tau=0", "dpm2m", true},
		{"sdedpm++3m:tau=0", "dpm++3m", true},
		{"sdedpm++3m:tau=0,parity=kdiffusion", "dpm++3m:halved=true", true},
		{"dpm++sde:eta=0", "dpm++2s", true},
		{"seeds1:tau=0", "ddim", true},
		{"seeds2:tau=0", "dpm++2s", true},
		{"seeds2:tau=0,variant=phi2", "dpm++2s:taylor=true", true},
		{"seeds3:tau=0", "dpm++3s", true},
		{"expheunsde:tau=0", "expheun", true},
		{"stochasticheun:tau=0", "heun", true},
		{"sea:tau=0", "euler", true},
		{"sra2:tau=0", "sra1:tau=0", true},
		{"sra3:tau=0", "ssprk3", true},
		{"ersde1:phi=ode", "ddim", true},
		{"ersde2:phi=ode", "expadams2:nodes=kappa", true},
		{"ersde3:phi=ode", "expadams3:nodes=kappa,ramp=true", true},
		{"eulerancestral:eta=0", "eulerkappa", true},
		{"dpm2ancestral:eta=0", "kdpm2", true},
		{"dpm++2sancestral:eta=0", "dpm++2s", true},
		{"edmchurn:churn=0", "heunkappa", true},

		// Near misses.
		{"sdedpm1", "sdedpm++1", false}, // the linear parts differ by noise
		{"sdedpm2m", "sdedpm++2m", false},
		{"eulerancestral:eta=0.5", "sdedpm++1:tau=0.5", false}, // one eta is not the other
		{"eulerancestral:flow=true", "eulerancestral", false},
		{"ddpmlarge", "ddpm", false},
		{"dpm++sde", "dpm++sde:clock=exact", false},
		{"dpm++sde:independent=true", "dpm++sde", false},
		{"dpm2ancestral", "dpm++2sancestral", false},
		{"sdedpm++2m", "sdedpm++2m:variant=heun", false},
		{"sdedpm++3m", "sdedpm++3m:parity=kdiffusion", false},
		{"sdedpm++3m:parity=diffusers", "sdedpm++3m:parity=kdiffusion", false},
		{"ersde1", "ersde1:phi=sde", false},
		{"ersde3", "ersde3:published=true", false},
		{"reversediffusion", "eulermaruyama", false},
		{"sra2", "sra1", false}, // where the diffusion is taken
	} {
		for _, g := range []solvers.Grid{solvers.QuadraticGrid{}, solvers.LambdaGrid{}, alternating} {
			times, err := g.Times(sde.VP{}, 7)
			if err != nil {
				t.Fatal(err)
			}
			d := between(t, named(t, c.a), named(t, c.b), times)
			if c.same && !(d <= 1e-11) || !c.same && !(d > 1e-4) {
				t.Errorf("%s and %s differ by %.2g on %s, same is %t", c.a, c.b, d, g.Name(), c.same)
			}
		}
	}
}

// In a single step DDIM with any eta is the member of the family that TauOfEta names.
func TestTauOfEtaIsDDIM(t *testing.T) {
	vp := sde.VP{}
	for _, grid := range [][]float64{{0.5, 0.49}, {0.5, 0.1}, {1, 0.001}} {
		h := sde.H(vp.At(grid[0]), vp.At(grid[1]))
		for _, eta := range []float64{0.01, 0.3, 0.99, 1} {
			tau := solvers.TauOfEta(eta, h)
			if d := between(t, solvers.DDIM{Eta: eta}, solvers.SDEDPMSolver{Order: 1, Tau: tau}, grid); !(d <= 1e-11) {
				t.Errorf("on %v DDIM with eta %v differs by %.2g from the member of tau %v", grid, eta, d, tau)
			}
		}
	}
}

// The orders of the law, measured from both sides.
func TestWeakOrders(t *testing.T) {
	t.Parallel()
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	steps := []int{45, 64, 91, 128, 181, 256}
	for _, c := range []struct {
		solver string
		grid   solvers.Grid
		lo, hi float64
	}{
		{"eulerancestral", middle, 0.9, 1.1},
		{"eulerancestral:eta=0.5", alternatingMiddle, 0.9, 1.1},
		{"eulerancestral:flow=true", alternatingMiddle, 0.9, 1.1},
		{"dpm2ancestral", alternatingMiddle, 1.9, 2.15}, // of its inner method
		{"dpm++2sancestral", alternatingMiddle, 1.9, 2.15},
		{"dpm++2sancestral:flow=true", alternatingMiddle, 1.9, 2.15},
		{"sdedpm++1", alternatingMiddle, 0.9, 1.1},
		{"sdedpm1", alternatingMiddle, 0.9, 1.15},
		{"sdedpm++2m", middle, 1.9, 2.3},
		{"sdedpm++2m", alternatingMiddle, 1.7, 2.2},
		{"sdedpm++2m:variant=heun", alternatingMiddle, 1.8, 2.2},
		{"sdedpm++3m", middle, 1.9, 2.7},
		{"sdedpm++3m", alternatingMiddle, 1.8, 2.3},
		{"sdedpm++3m:parity=kdiffusion", alternatingMiddle, 1.8, 2.3},
		{"sdedpm2m", middle, 1.8, 2.3},
		{"dpm++sde", alternatingMiddle, 1.9, 2.3},
		{"dpm++sde:clock=exact", alternatingMiddle, 1.9, 2.15},
		{"dpm++sde:independent=true", alternatingMiddle, 0.85, 1.1},
		{"seeds2", alternatingMiddle, 1.9, 2.1},
		{"seeds2:variant=phi2", alternatingMiddle, 1.9, 2.1},
		{"seeds3", alternatingMiddle, 1.8, 2.2},
		{"expheunsde", alternatingMiddle, 1.9, 2.1},
		{"ersde1", alternatingMiddle, 0.9, 1.1},
		{"ersde2", alternatingMiddle, 1.8, 2.2},
		{"ersde3:phi=sde", alternatingMiddle, 1.7, 2.3},
		{"reversediffusion", alternatingMiddle, 0.9, 1.1},
		{"eulermaruyama", alternatingMiddle, 0.9, 1.1},
		{"sea", alternatingMiddle, 0.9, 1.1},
		{"stochasticheun", alternatingMiddle, 1.9, 2.1},
		{"stochasticheun:tau=0.5", alternatingMiddle, 1.9, 2.1},
		{"sra1", alternatingMiddle, 1.9, 2.1},
		{"sra1:tau=1.5", alternatingMiddle, 1.9, 2.1},
		{"sra2", alternatingMiddle, 1.9, 2.1},
		{"sra3", alternatingMiddle, 1.9, 2.2},
		{"shark", alternatingMiddle, 1.9, 2.1},
	} {
		l, err := solvertest.Weak(context.Background(), named(t, c.solver), sde.VP{}, data, c.grid, steps)
		if err != nil {
			t.Fatal(err)
		}
		if order, ok := l.Fit(); !ok || !(order >= c.lo && order <= c.hi) {
			t.Errorf("%s on %s: weak order %.2f, want %v to %v: %.2g", c.solver, c.grid.Name(), order, c.lo, c.hi, l.Errors)
		}
	}
}

// With the sign of diffusers the third-order method does not converge where the steps vary.
func TestSignOfDiffusers(t *testing.T) {
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	errorsOf := func(parity string) []float64 {
		l, err := solvertest.Weak(context.Background(), solvers.SDEDPMSolver{Order: 3, Tau: 1, Parity: parity}, sde.VP{}, data, alternatingMiddle, []int{64, 256})
		if err != nil {
			t.Fatal(err)
		}
		return l.Errors
	}
	if e := errorsOf("diffusers"); !(e[1] > 0.1 && e[1] > e[0]) {
		t.Errorf("with the sign of diffusers the errors are %.2g", e)
	}
	if e := errorsOf("kdiffusion"); !(e[1] < 1e-3 && e[1] < e[0]/10) {
		t.Errorf("with the right sign the errors are %.2g", e)
	}
}

// The third order of ER-SDE as an ODE method takes the derivative of the parabola. From pure noise the start of a run hardly matters.
func TestERSDEThirdOrder(t *testing.T) {
	for solver, want := range map[string]float64{"ersde3:phi=ode": 3, "ersde3:phi=ode,published=true": 2} {
		l, err := solvertest.ODE(context.Background(), named(t, solver), solvertest.MixtureFlow(), alternating, []int{91, 128, 181, 256, 362, 512})
		if err != nil {
			t.Fatal(err)
		}
		if order, ok := l.Fit(); !ok || !(math.Abs(order-want) < 0.25) {
			t.Errorf("%s has order %.2f, want %v: %.2g", solver, order, want, l.Errors)
		}
	}
}

// A step of an ancestral sampler against the formulas, under VP in κ and under rectified flow in its time.
func TestAncestralStep(t *testing.T) {
	vp, flow := sde.VP{}, sde.Flow{}
	const from, to, eta = 0.6, 0.45, 0.7
	euler := solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}

	s, e := vp.At(from), vp.At(to)
	up := eta * e.Kappa() * math.Sqrt(s.Kappa()*s.Kappa()-e.Kappa()*e.Kappa()) / s.Kappa()
	down := math.Sqrt(e.Kappa()*e.Kappa() - up*up)
	want := solvers.Row{State: e.Alpha / s.Alpha, Outputs: []float64{e.Alpha * (down - s.Kappa())}, Noises: []float64{e.Alpha * up}}
	checkStep(t, solvers.Ancestral{Inner: euler, Eta: eta}, vp, []float64{from, to}, want)

	// x = (u_d/u)x + (1-u_d/u)x₀ with x₀ = (x - uε)/(1-u), then scaled to 1-u' and noised up to u'.
	ud := to * (1 + (to/from-1)*eta)
	scale := (1 - to) / (1 - ud)
	want = solvers.Row{State: scale * (ud/from + (1-ud/from)/(1-from)), Outputs: []float64{-scale * (1 - ud/from) * from / (1 - from)},
		Noises: []float64{math.Sqrt(to*to - ud*ud*scale*scale)}}
	checkStep(t, solvers.Ancestral{Inner: euler, Eta: eta, Flow: true}, flow, []float64{from, to}, want)
}

func checkStep(t *testing.T, s solvers.Solver, schedule sde.Schedule, grid []float64, want solvers.Row) {
	t.Helper()
	c, err := solvers.Trace(s, schedule, grid)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.Result, cmpopts.EquateApprox(0, 1e-13)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", solvers.Name(s), diff)
	}
}

// The samplers under rectified flow have the law that they have under VP.
func TestStochasticUnderFlow(t *testing.T) {
	t.Parallel()
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	for _, c := range []struct {
		solver string
		order  float64
	}{
		{"eulerancestral:flow=true", 1}, {"dpm2ancestral:flow=true", 2}, {"dpm++2sancestral:flow=true", 2}, {"eulerancestral", 1},
		{"edmchurn:churn=4", 2}, {"sdedpm++2m", 2}, {"dpm++sde", 2}, {"seeds3", 2}, {"ersde2", 2},
	} {
		l, err := solvertest.Weak(context.Background(), named(t, c.solver), sde.Flow{}, data, solvers.LambdaGrid{}, []int{91, 128, 181, 256, 362, 512})
		if err != nil {
			t.Fatal(err)
		}
		if !l.Certifies(c.order) {
			t.Errorf("%s is not of weak order %v under flow: %.2g", c.solver, c.order, l.Errors)
		}
	}
}

// Churn adds its noise before the evaluation, and steps from there.
func TestChurnStep(t *testing.T) {
	vp := sde.VP{}
	const from, to = 0.6, 0.45
	s, e := vp.At(from), vp.At(to)
	for _, c := range []struct {
		solver solvers.Churn
		gamma  float64
	}{
		{solvers.Churn{SChurn: 0.3}, 0.3},
		{solvers.Churn{SChurn: 40}, math.Sqrt2 - 1},
		{solvers.Churn{SChurn: 0.3, SNoise: 1.1}, 0.3},
		{solvers.Churn{SChurn: 0.3, SMin: s.Kappa() * 1.01}, 0},
		{solvers.Churn{SChurn: 0.3, SMax: s.Kappa() * 0.99}, 0},
	} {
		c.solver.Inner = solvers.DDIM{}
		table, err := solvers.Trace(c.solver, vp, []float64{from, to})
		if err != nil {
			t.Fatal(err)
		}
		hat := s.Kappa() * (1 + c.gamma)
		at := vp.At(vp.Time(-math.Log(hat)))
		want := &solvers.Coefficients{Evaluations: []solvers.Evaluation{{Time: at.T, Input: solvers.Row{State: at.Alpha / s.Alpha}}},
			Result: solvers.Row{State: e.Alpha / s.Alpha, Outputs: []float64{e.Alpha * (e.Kappa() - hat)}}}
		if c.gamma > 0 {
			snoise := c.solver.SNoise
			if snoise == 0 {
				snoise = 1
			}
			noise := snoise * math.Sqrt(hat*hat-s.Kappa()*s.Kappa())
			want.Evaluations[0].Input.Noises = []float64{at.Alpha * noise}
			want.Result.Noises = []float64{e.Alpha * noise}
		}
		got := &solvers.Coefficients{Evaluations: table.Evaluations, Result: table.Result}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 1e-13), cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(solvers.Coefficients{})); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.solver, diff)
		}
	}
}

// At the noise end there is nothing above, and churn does not leave the schedule's domain.
func TestChurnStaysInDomain(t *testing.T) {
	table := trace(t, solvers.Churn{Inner: solvers.DDIM{}, SChurn: 100}, rough)
	for _, e := range table.Evaluations {
		if e.Time > rough[0] {
			t.Errorf("the model is evaluated at %v", e.Time)
		}
	}
}

// A run goes back once it has come down to Low: Times times, each of Steps steps even in κ^(1/7).
func TestRestartGoesBack(t *testing.T) {
	vp := sde.VP{}
	table := trace(t, solvers.Restart{Inner: solvers.DDIM{}, Times: 2, Steps: 3, Low: 0.3, High: 1.5}, rough)
	below := slices.IndexFunc(rough, func(u float64) bool { return vp.At(u).Kappa() <= 0.3 })
	low, high := vp.At(rough[below]).Kappa(), 1.5
	var segment []float64
	for i := range 3 {
		w := float64(i) / 3
		segment = append(segment, vp.Time(-7*math.Log(math.Pow(high, 1./7)*(1-w)+math.Pow(low, 1./7)*w)))
	}
	want := slices.Concat(rough[:below], segment, segment, rough[below:len(rough)-1])
	var got []float64
	for _, e := range table.Evaluations {
		got = append(got, e.Time)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("times of the evaluations (-want +got):\n%s", diff)
	}
	if len(table.Draws) != 2 {
		t.Errorf("%d draws, want 2: %v", len(table.Draws), table.Draws)
	}
}

// What keeps Restart from having an order is the fixed number of its own steps: grown with the run's, it has that of Inner.
func TestRestartRefined(t *testing.T) {
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	weak := func(steps int) solvertest.Ladder {
		all := solvertest.Ladder{}
		for _, n := range []int{32, 45, 64, 91, 128} {
			s := solvers.Restart{Inner: heunKappa, Steps: steps}
			if steps == 0 {
				s.Steps = n / 4
			}
			l, err := solvertest.Weak(context.Background(), s, sde.VP{}, data, solvers.LambdaGrid{}, []int{n})
			if err != nil {
				t.Fatal(err)
			}
			all.Steps, all.Errors = append(all.Steps, n), append(all.Errors, l.Errors...)
		}
		return all
	}
	if l := weak(0); !l.Certifies(2) {
		t.Errorf("with steps in proportion the weak errors are %.2g at %v steps, not of order 2", l.Errors, l.Steps)
	}
	if l := weak(9); l.Certifies(1) {
		t.Errorf("with 9 steps the weak errors are %.2g at %v steps", l.Errors, l.Steps)
	}
}

// A correction of annealed Langevin dynamics against its formula; of n, each starts from the one before.
func TestAnnealedLangevinStep(t *testing.T) {
	const snr = 0.2
	grid := []float64{0.6, 0.45}
	p := sde.VP{}.At(grid[1])
	table := trace(t, solvers.PredictorCorrector{Annealed: true, SNR: snr, Corrections: 2}, grid)
	e := 2 * snr * snr * p.Sigma * p.Sigma
	want := table.Evaluations[2].Input
	want.Outputs = append(slices.Clone(want.Outputs), -e/p.Sigma)
	want.Noises = append(slices.Clone(want.Noises), math.Sqrt(2*e))
	if diff := cmp.Diff(want, table.Result, cmpopts.EquateApprox(0, 1e-14)); diff != "" {
		t.Errorf("second correction (-want +got):\n%s", diff)
	}
	// The first begins where the predictor alone ends.
	predictor := trace(t, solvers.ReverseDiffusion{}, grid)
	if diff := cmp.Diff(predictor.Result, table.Evaluations[1].Input, cmpopts.EquateApprox(0, 1e-14)); diff != "" {
		t.Errorf("input of the first correction (-want +got):\n%s", diff)
	}
	for k, noises := range [][]float64{table.Evaluations[1].Input.Noises, table.Evaluations[2].Input.Noises, table.Result.Noises} {
		if len(noises) != k+1 {
			t.Errorf("before correction %d there are the noises %v, want %d", k, noises, k+1)
		}
	}
}

// Langevin dynamics goes by each row's own norms, and is not linear.
func TestLangevinStep(t *testing.T) {
	vp := sde.VP{}
	grid := []float64{0.6, 0.45}
	score := scoremodel.Func(scoremodel.Score, func(dst, x []float64, _ float64) error {
		for i, v := range x {
			dst[i] = -2 * v
		}
		return nil
	})
	draws := [][]float64{{0.3, -1, 0.5, 2}, {1, 0.5, -0.25, 0.75}}
	start := []float64{1, -0.5, 2, 0.25}
	s := solvers.PredictorCorrector{SNR: 0.2}
	got, _ := sample(t, s, solvers.Problem{Schedule: vp, Model: score, Dim: 2, Noise: sde.Replay{Draws: draws}}, start, &solvers.Settings{Grid: grid})
	want, _ := sample(t, solvers.ReverseDiffusion{}, solvers.Problem{Schedule: vp, Model: score, Dim: 2, Noise: sde.Replay{Draws: draws}}, start, &solvers.Settings{Grid: grid})
	for row := range 2 {
		x, z := want[2*row:2*row+2], draws[1][2*row:2*row+2]
		ratio := 0.2 * math.Hypot(z[0], z[1]) / (2 * math.Hypot(x[0], x[1]))
		e := 2 * ratio * ratio
		for i := range x {
			x[i] += -2*e*x[i] + math.Sqrt(2*e)*z[i]
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-13, 0)); diff != "" {
		t.Errorf("a correction (-want +got):\n%s", diff)
	}
	if _, err := solvers.Trace(s, vp, grid); !errors.Is(err, solvers.ErrNotLinear) {
		t.Errorf("Trace returns %v, want %v", err, solvers.ErrNotLinear)
	}
}

// learned predicts data 0 and the same fraction everywhere.
type learned struct {
	scoremodel.Model
	fraction float64
}

func (m learned) PredictVariance(dst, fraction, x []float64, t float64) error {
	for i := range fraction {
		fraction[i] = m.fraction
	}
	return m.Predict(dst, x, t)
}

// The fraction of the learned range goes from the small variance to the large, by the logarithm.
func TestLearnedRange(t *testing.T) {
	vp := sde.VP{}
	half := scoremodel.Func(scoremodel.Velocity, func(dst, x []float64, _ float64) error {
		for i, v := range x {
			dst[i] = v / 2
		}
		return nil
	})
	run := func(s solvers.Solver, m scoremodel.Model) []float64 {
		out, res := sample(t, s, solvers.Problem{Schedule: vp, Model: m, Dim: 2, Noise: sde.Fresh{Seed: 4}}, []float64{1, 2, 3, 4}, &solvers.Settings{Grid: rough})
		if res.Warnings != nil {
			t.Errorf("%s warns: %v", solvers.Name(s), res.Warnings)
		}
		if res.NFE != len(rough)-1 {
			t.Errorf("%s: NFE is %d, want %d", solvers.Name(s), res.NFE, len(rough)-1)
		}
		return out
	}
	for fraction, want := range map[float64]solvers.Solver{0: solvers.DDPM{}, 1: solvers.DDPM{Large: true}} {
		got := run(solvers.DDPM{LearnedRange: true}, learned{half, fraction})
		if diff := cmp.Diff(run(want, half), got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("fraction %v (-%s +learned):\n%s", fraction, solvers.Name(want), diff)
		}
	}
	// In the middle the standard deviation is the geometric mean.
	zero := scoremodel.Func(scoremodel.Data, func(dst, _ []float64, _ float64) error { clear(dst); return nil })
	one := func(s solvers.Solver, m scoremodel.Model) float64 {
		p := solvers.Problem{Schedule: vp, Model: m, Dim: 1, Noise: sde.Replay{Draws: [][]float64{{1}}}}
		out, _ := sample(t, s, p, []float64{0}, &solvers.Settings{Grid: []float64{0.5, 0.2}})
		return out[0]
	}
	want := math.Sqrt(one(solvers.DDPM{}, zero) * one(solvers.DDPM{Large: true}, zero))
	if got := one(solvers.DDPM{LearnedRange: true}, learned{zero, 0.5}); math.Abs(got/want-1) > 1e-14 {
		t.Errorf("noise of fraction 0.5 is %v, want %v", got, want)
	}
}

// A variance that nobody uses is told; one that is not there is an error.
func TestVarianceUnused(t *testing.T) {
	m := gaussian(t, solvers.Normal{Mean: 0, Variance: 1})
	p := solvers.Problem{Schedule: sde.VP{}, Model: learned{m, 0.5}, Dim: 1, Noise: sde.Fresh{}}
	for _, s := range []solvers.Solver{solvers.DDIM{}, solvers.DDPM{}} {
		_, res := sample(t, s, p, []float64{1}, nil)
		if len(res.Warnings) != 1 || !errors.Is(res.Warnings[0], solvers.ErrVarianceUnused) {
			t.Errorf("%s: warnings %v, want %v", solvers.Name(s), res.Warnings, solvers.ErrVarianceUnused)
		}
	}
	p.Model = m
	if _, err := (solvers.DDPM{LearnedRange: true}).Start(p, 1); !errors.Is(err, solvers.ErrProblem) {
		t.Errorf("without a variance Start returns %v, want %v", err, solvers.ErrProblem)
	}
}

func TestStochasticParameters(t *testing.T) {
	nan := math.NaN()
	p := solvers.Problem{Schedule: sde.VP{}, Model: gaussian(t, solvers.Normal{Variance: 1}), Dim: 1, Noise: sde.Fresh{}}
	for _, c := range []struct {
		solver solvers.Solver
		says   string
	}{
		{solvers.Ancestral{}, "no inner solver"},
		{solvers.Ancestral{Inner: solvers.DDPM{}}, "ddpm is stochastic"},
		{solvers.Ancestral{Inner: solvers.DDIM{}, Eta: -0.1}, "eta is -0.1"},
		{solvers.Ancestral{Inner: solvers.DDIM{}, Eta: 1.1}, "eta is 1.1"},
		{solvers.Ancestral{Inner: solvers.DDIM{}, Eta: nan}, "eta is NaN"},
		{solvers.Churn{}, "no inner solver"},
		{solvers.Churn{Inner: solvers.DDIM{}, SChurn: -1}, "churn is -1"},
		{solvers.Churn{Inner: solvers.DDIM{}, SChurn: 1, SNoise: nan}, "snoise is NaN"},
		{solvers.Churn{Inner: solvers.DDIM{}, SMin: -1}, "smin is -1"},
		{solvers.Churn{Inner: solvers.DDIM{}, SMax: math.Inf(1)}, "smax is +Inf"},
		{solvers.Restart{}, "no inner solver"},
		{solvers.Restart{Inner: heunKappa, Times: -1}, "times is -1"},
		{solvers.Restart{Inner: heunKappa, Steps: -1}, "steps is -1"},
		{solvers.Restart{Inner: heunKappa, Low: -1}, "low is -1"},
		{solvers.Restart{Inner: heunKappa, High: 0.05}, "high is 0.05"},
		{solvers.Restart{Inner: heunKappa, High: 1e6}, "high is 1e+06"},
		{solvers.PredictorCorrector{SNR: -1}, "snr is -1"},
		{solvers.PredictorCorrector{Corrections: -1}, "corrections is -1"},
		{solvers.GDDIM{Lambda: -1}, "lambda is -1"},
		{solvers.SDEDPMSolver{Order: 4}, "order is 4"},
		{solvers.SDEDPMSolver{Order: 1, Tau: nan}, "tau is NaN"},
		{solvers.SDEDPMSolver{Order: 1, Variant: "heun"}, "variant belongs to order 2"},
		{solvers.SDEDPMSolver{Order: 2, Variant: "euler"}, `variant is "euler"`},
		{solvers.SDEDPMSolver{Order: 2, Parity: "diffusers"}, "parity belongs to order 3"},
		{solvers.SDEDPMSolver{Order: 3, Parity: "edm"}, `parity is "edm"`},
		{solvers.DPMSolverPPSDE{Eta: 2}, "eta is 2"},
		{solvers.DPMSolverPPSDE{R: 1}, "r is 1"},
		{solvers.DPMSolverPPSDE{Clock: "t"}, `clock is "t"`},
		{solvers.SEEDS{Stages: 4}, "stages is 4"},
		{solvers.SEEDS{Stages: 2, R: 1.1}, "r is 1.1"},
		{solvers.SEEDS{Stages: 3, R: 0.5}, "r and variant belong to two stages"},
		{solvers.SEEDS{Stages: 2, Variant: "phi3"}, `variant is "phi3"`},
		{solvers.SEEDS{Stages: 2, Tau: -1}, "tau is -1"},
		{solvers.ExpHeunSDE{Tau: math.Inf(1)}, "tau is +Inf"},
		{solvers.ERSDE{Order: 4}, "order is 4"},
		{solvers.ERSDE{Phi: "x"}, `phi is "x"`},
		{solvers.ERSDE{Order: 2, Published: true}, "published belongs to order 3"},
		{solvers.DDPM{Large: true, LearnedRange: true}, "both large and learned"},
	} {
		_, err := c.solver.Start(p, 1)
		if !errors.Is(err, solvers.ErrParameter) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%+v: Start returns %v, want %v that says %q", c.solver, err, solvers.ErrParameter, c.says)
		}
	}
}
