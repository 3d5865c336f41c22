package solvers_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

func byName(t *testing.T, name string) solvers.Solver {
	t.Helper()
	s, err := solvers.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func table(t *testing.T, name string, times []float64) *solvers.Coefficients {
	t.Helper()
	c, err := solvers.Trace(byName(t, name), sde.VP{}, times)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kappaGrid is uniform in κ, from 8 to 1/4.
type kappaGrid struct{}

func (kappaGrid) Name() string  { return "kappa" }
func (kappaGrid) About() string { return "uniform in kappa" }

func (kappaGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	grid := make([]float64, steps+1)
	for i := range grid {
		w := float64(i) / float64(steps)
		grid[i] = s.Time(-math.Log(8*(1-w) + 0.25*w))
	}
	return grid, solvers.CheckGrid(s, grid)
}

// TestMultistepEquivalences proves, on the coefficients and so for every model, which methods of
// different papers are the same; and that near misses are not.
func TestMultistepEquivalences(t *testing.T) {
	const same, deterministic, stochastic = 1e-15, 1e-12, 1e-11
	everywhere := []solvers.Grid{solvers.QuadraticGrid{}, alternating, middle}
	equalSteps := []solvers.Grid{kappaGrid{}}
	for _, tc := range []struct {
		a, b      string
		grids     []solvers.Grid
		tolerance float64 // within it the tables are the same; 0 if they must differ
	}{
		{"lms:order=1", "ddim", everywhere, deterministic},
		{"ipndm:order=1", "ddim", everywhere, deterministic},
		{"ipndmv:order=1", "ddim", everywhere, deterministic},
		{"deis:order=1", "ddim", everywhere, deterministic},
		{"deis:order=1,variant=rhoab", "ddim", everywhere, deterministic},
		{"deis:order=1,variant=logrho", "ddim", everywhere, deterministic},
		{"gradientestimation:gamma=1", "ddim", everywhere, deterministic},
		{"unipc:order=1,uncorrected=true", "ddim", everywhere, deterministic},
		{"unipc:order=1,uncorrected=true,noise=true", "ddim", everywhere, deterministic},
		{"sasolver:predictor=1,corrector=0,tau=0", "ddim", everywhere, deterministic},
		{"sasolver:predictor=1,corrector=0,tau=1", "ddim:eta=1", everywhere, stochastic},
		{"gradientestimation", "ddim", everywhere, 0},
		{"unipc:order=1", "ddim", everywhere, 0},
		{"sasolver:predictor=1,corrector=0,tau=1,noise=true", "ddim:eta=1", everywhere, 0},

		{"deis:order=2,variant=logrho", "dpm2m:variant=heun", everywhere, deterministic},
		{"deis:order=2,variant=logrho", "expadams2:noise=true", everywhere, deterministic},
		{"deis:order=3,variant=logrho", "dpm3m", everywhere, deterministic},
		{"deis:order=3,variant=logrho", "expadams3:noise=true,ramp=true", everywhere, deterministic},
		{"deis:order=4,variant=logrho", "expadams4:noise=true,ramp=true", everywhere, deterministic},
		{"deis:order=3,variant=logrho,starter=true", "expadams3:noise=true", everywhere, deterministic},
		{"deis:order=2,variant=logrho", "dpm2m", everywhere, 0},
		{"deis:order=3,variant=logrho", "dpm3m:halved=true", everywhere, 0},
		{"dpm++3m", "expadams3:ramp=true", everywhere, deterministic},
		{"dpm++3m", "dpm++3m:halved=true", everywhere, 0},

		{"lms", "deis:variant=rhoab", everywhere, deterministic},
		{"lms:order=3,starter=true", "deis:order=3,variant=rhoab,starter=true", everywhere, deterministic},
		{"lms", "ipndmv", everywhere, deterministic},
		{"lms:order=2", "ipndmv:order=2,published=true", everywhere, deterministic},
		{"lms", "ipndm", equalSteps, deterministic},
		{"lms:order=3", "ipndmv:order=3,published=true", equalSteps, deterministic},
		{"lms", "ipndmv:published=true", equalSteps, 0},
		{"lms", "ipndm", everywhere, 0},
		{"lms:order=3", "ipndmv:order=3,published=true", everywhere, 0},
		{"deis", "deis:variant=rhoab", everywhere, 0},
		{"deis", "deis:variant=logrho", everywhere, 0},
		{"deis", "expadams4:nodes=t,noise=true,ramp=true", everywhere, deterministic},
		{"gradientestimation:gamma=1.5", "ipndm:order=2", everywhere, deterministic},

		{"res2m", "dpm++2m:variant=heun", everywhere, deterministic},
		{"res2m", "expadams2", everywhere, deterministic},
		{"res2m", "dpm++2m", everywhere, 0},
		{"res3m", "expadams3:ramp=true", everywhere, deterministic},

		{"unipc:order=3,starter=true,variant=bh1", "unipc:order=3,starter=true,variant=vary", everywhere, deterministic},
		{"unipc:order=3,starter=true,variant=bh2", "unipc:order=3,starter=true,variant=vary", everywhere, deterministic},
		{"unipc:order=4,starter=true,variant=bh1,noise=true", "unipc:order=4,starter=true,variant=vary,noise=true", everywhere, deterministic},
		{"unipc:variant=bh1", "unipc:variant=bh2", everywhere, 0},
		{"unipc:variant=bh1", "unipc:variant=vary", everywhere, 0},
		{"unipc:variant=bh2", "unipc:variant=vary", everywhere, 0},
		{"unipc:order=3,variant=bh1", "unipc:order=3,variant=bh2", everywhere, 0}, // in the first steps
		{"unipc:uncorrected=true", "dpm++2m", everywhere, deterministic},
		{"unipc:uncorrected=true,noise=true", "dpm2m", everywhere, deterministic},
		{"unipc:uncorrected=true,variant=vary", "dpm++2m:variant=heun", everywhere, deterministic},

		{"sasolver:tau=0,predictor=2,corrector=0", "expadams2", everywhere, same},
		{"sasolver:tau=0,predictor=4,corrector=0", "expadams4:ramp=true", everywhere, same},
		{"sasolver:tau=0,predictor=4,corrector=0,noise=true", "deis:variant=logrho", everywhere, same},
		{"sasolver:tau=0", "unipc:order=3,variant=vary", everywhere, same},
		{"sasolver:tau=0,predictor=2,corrector=3,simple=true", "unipc:variant=bh1", everywhere, deterministic},
		{"sasolver:tau=0,predictor=2,corrector=3,simple=true,noise=true", "unipc:variant=bh1,noise=true", everywhere, deterministic},
		{"sasolver:predictor=3,corrector=0,simple=true", "sasolver:predictor=3,corrector=0", everywhere, 0}, // in the second step
		{"sasolver:tau=0,predictor=2,corrector=3,noise=true", "unipc:order=2,variant=vary,noise=true", everywhere, deterministic},
	} {
		for _, g := range tc.grids {
			times, err := g.Times(sde.VP{}, 12)
			if err != nil {
				t.Fatal(err)
			}
			d, err := solvers.Distance(table(t, tc.a, times), table(t, tc.b, times))
			if err != nil {
				t.Errorf("%s and %s on %s: %v", tc.a, tc.b, g.Name(), err)
			} else if tc.tolerance == 0 && !(d > 1e-5) || tc.tolerance > 0 && !(d <= tc.tolerance) {
				t.Errorf("the tables of %s and %s on %s differ by %.2g, want at most %.0e (0: more than 1e-5)", tc.a, tc.b, g.Name(), d, tc.tolerance)
			}
		}
	}
}

// lastStep returns the weights of the evaluations in the last step of a table: what the result adds to the carried state at
// the last evaluation.
func lastStep(c *solvers.Coefficients) []float64 {
	last := c.Evaluations[len(c.Evaluations)-1]
	vp := sde.VP{}
	carry := vp.At(c.Grid[len(c.Grid)-1]).Alpha / vp.At(last.Time).Alpha
	w := append([]float64{}, c.Result.Outputs...)
	for j, v := range last.Input.Outputs {
		w[j] -= carry * v
	}
	return w
}

// TestPNDMTail compares a step of PNDM after its start with that of PLMS after its own: the same weights of the
// latest four predictions, and those only.
func TestPNDMTail(t *testing.T) {
	times, err := solvers.QuadraticGrid{}.Times(sde.VP{}, 9)
	if err != nil {
		t.Fatal(err)
	}
	for steps := 7; steps <= 9; steps++ { // PNDM's fourth ordinary step is its seventh
		a, b := lastStep(table(t, "pndm", times[:steps+1])), lastStep(table(t, "plms", times[:steps+1]))
		for back := range len(b) {
			x, y := a[len(a)-1-back], b[len(b)-1-back]
			if math.Abs(x-y) > 1e-12 || (y != 0) != (back < 4) && math.Abs(y) > 1e-12 {
				t.Errorf("step %d: the weight of the prediction %d steps back is %v in PNDM and %v in PLMS", steps, back, x, y)
			}
		}
	}
}

// TestMultistepOrders measures orders where they are hard to keep: on the middle of the flow, where the start counts, with
// steps that alternate. Both bounds matter: a method that is known to lose its order must be seen to.
func TestMultistepOrders(t *testing.T) {
	var even []int // so that the last step is always of the same kind
	for _, n := range solvertest.Steps()[2:12] {
		even = append(even, n+n%2)
	}
	for _, tc := range []struct {
		name     string
		grid     solvers.Grid
		low, top float64
	}{
		{"unipc", alternatingMiddle, 2.8, 3.2},
		{"unipc:variant=bh1", alternatingMiddle, 2.8, 3.2},
		{"unipc:order=3", alternating, 3.7, 4.3}, // from noise the start hardly matters
		{"unipc:order=3,noise=true", middle, 2.8, 3.4},
		{"unipc:order=3,noise=true,starter=true", middle, 3.8, 4.3},
		{"sasolver:tau=0", alternating, 3.7, 4.3},
		{"sasolver:tau=0,predictor=2,corrector=3", alternatingMiddle, 2.8, 3.2},
		{"dpm++3m", alternatingMiddle, 1.8, 2.3},
		{"dpm++3m:starter=true", alternatingMiddle, 2.8, 3.3},
		{"dpm++3m:starter=true,halved=true", alternatingMiddle, 1.8, 2.2},
		{"dpm3m:starter=true", alternatingMiddle, 2.8, 3.3},
		{"dpm3m:starter=true,halved=true", alternatingMiddle, 1.8, 2.2},
		{"lms", middle, 1.8, 2.5},
		{"lms:starter=true", alternatingMiddle, 3.8, 4.2},
		{"deis", middle, 1.8, 2.3},
		{"deis:starter=true", alternatingMiddle, 3.8, 4.2},
		{"deis:order=3,starter=true", alternatingMiddle, 2.8, 3.2},
		{"deis:variant=logrho,starter=true", alternatingMiddle, 3.8, 4.2},
		{"ipndmv:starter=true", alternatingMiddle, 3.8, 4.2},
		{"ipndmv:order=3,starter=true", alternatingMiddle, 2.8, 3.2},
		{"ipndmv:order=3,starter=true,published=true", alternatingMiddle, 1.7, 2.2},
		{"ipndm", middle, 1.8, 2.2},
		{"ipndm", alternatingMiddle, 0.8, 1.2},
		{"plms", alternatingMiddle, 0.8, 1.2},
		{"pndm", alternatingMiddle, 0.8, 1.2},
		{"gradientestimation", middle, 0.8, 1.2},
		{"expadams4", alternatingMiddle, 3.8, 4.4},
		{"expadams4:nodes=t", alternatingMiddle, 3.8, 4.4},
		{"expadams5", alternatingMiddle, 4.8, 5.6},
		{"expadams6", alternatingMiddle, 5.7, 6.5},
	} {
		l, err := solvertest.ODE(context.Background(), byName(t, tc.name), solvertest.MixtureFlow(), tc.grid, even)
		if err != nil {
			t.Fatal(err)
		}
		if order, ok := l.Fit(); !ok || !(order >= tc.low && order <= tc.top) {
			t.Errorf("%s on %s: observed order %.2f, want %v to %v (errors %.2g)", tc.name, tc.grid.Name(), order, tc.low, tc.top, l.Errors)
		}
	}
}

// TestPublishedIPNDMVDiverges: with wrong weights whose sum is not 1 the error does not shrink on alternating steps.
func TestPublishedIPNDMVDiverges(t *testing.T) {
	l, err := solvertest.ODE(context.Background(), byName(t, "ipndmv:published=true"), solvertest.MixtureFlow(), alternating, []int{80, 160, 320, 640})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range l.Errors {
		if !(e > 0.1) {
			t.Errorf("error %.2g with %d steps, want more than 0.1", e, l.Steps[i])
		}
	}
}

// TestSANoise: predictor and corrector take the same normal, so the noise in the result is that of the
// linear part alone, whatever predicts and corrects. In noise prediction the table shows it, as its outputs are noise predictions.
func TestSANoise(t *testing.T) {
	times, err := solvers.QuadraticGrid{}.Times(sde.VP{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	want := table(t, "sasolver:predictor=1,corrector=0,noise=true", times).Result
	for _, name := range []string{"sasolver:noise=true", "sasolver:mode=pece,noise=true", "sasolver:predictor=2,corrector=2,noise=true"} {
		got := table(t, name, times).Result
		for j := range want.Noises {
			if !(math.Abs(got.Noises[j]-want.Noises[j]) <= 1e-14) {
				t.Errorf("%s: draw %d enters with %v, want %v", name, j, got.Noises[j], want.Noises[j])
			}
		}
	}
}

// TestKappaReachesClean: the methods in κ take the step to clean data by their own weights. A constant prediction
// goes through exactly, x_0 = x_T/α_T - κ_T·ε, and the last step uses more than one prediction.
func TestKappaReachesClean(t *testing.T) {
	vp := sde.VP{}
	times, err := solvers.KarrasGrid{Zero: solvers.Zero{Clean: true}}.Times(vp, 7)
	if err != nil {
		t.Fatal(err)
	}
	from := vp.At(times[0])
	for _, name := range []string{"lms", "deis:variant=rhoab", "ipndm", "ipndmv", "plms", "lms:starter=true"} {
		c := table(t, name, times)
		sum := 0.0
		for _, w := range c.Result.Outputs {
			sum += w
		}
		if !(math.Abs(sum/from.Kappa()+1) < 1e-12 && math.Abs(c.Result.State*from.Alpha-1) < 1e-12) {
			t.Errorf("%s: the predictions enter with %v in all and the state with %v, want %v and %v", name, sum, c.Result.State, -from.Kappa(), 1/from.Alpha)
		}
		if w := lastStep(c); !(math.Abs(w[len(w)-2]) > 1e-6) {
			t.Errorf("%s: the last step uses only the latest prediction", name)
		}
	}
}

func TestInfoSteps(t *testing.T) {
	// Parameters that Start refuses may make steps of no evaluations.
	for _, s := range []solvers.Solver{
		solvers.PredictorCorrector{Corrections: -1},
		solvers.Restart{Inner: solvers.DDIM{}, Times: -1, Steps: 1},
		solvers.RungeKutta{},
		solvers.ExpRK{},
	} {
		if got := s.Info().Steps(10); got != 0 {
			t.Errorf("%+v: Steps(10) = %d, want 0", s, got)
		}
	}
	for _, s := range append(solvers.Catalog(), variants...) {
		i := s.Info()
		for n := 1; n <= 20; n++ {
			if got := i.Steps(i.Evaluations(n)); got != n {
				t.Errorf("%s: Steps(Evaluations(%d)) = %d", solvers.Name(s), n, got)
			}
			if got := i.Steps(i.Evaluations(n) - 1); got != n-1 {
				t.Errorf("%s: Steps(Evaluations(%d)-1) = %d, want %d", solvers.Name(s), n, got, n-1)
			}
		}
	}
}

func TestMultistepParameters(t *testing.T) {
	nan := math.NaN()
	p := solvers.Problem{Schedule: sde.VP{}, Dim: 1, Noise: sde.Fresh{}}
	for _, s := range []solvers.Solver{
		solvers.ExpAdams{Order: 7}, solvers.ExpAdams{Order: -1}, solvers.ExpAdams{Nodes: "mu"},
		solvers.LMS{Order: 5}, solvers.DEIS{Order: 5}, solvers.DEIS{Variant: "x"}, solvers.IPNDM{Order: 5}, solvers.IPNDMV{Order: -1},
		solvers.GradientEstimation{Gamma: -1}, solvers.GradientEstimation{Gamma: nan}, solvers.GradientEstimation{Gamma: math.Inf(1)},
		solvers.DPMSolver2M{Variant: "x"}, solvers.DPMSolverPP2M{Variant: "x"}, solvers.RESMultistep{Order: 1}, solvers.RESMultistep{Order: 4},
		solvers.UniPC{Order: 5}, solvers.UniPC{Variant: "bh3"},
		solvers.SASolver{Predictor: 5}, solvers.SASolver{Corrector: 5}, solvers.SASolver{Predictor: -1}, solvers.SASolver{Mode: "x"},
		solvers.SASolver{Tau: -1}, solvers.SASolver{Tau: nan}, solvers.SASolver{Tau: 1, Until: -1}, solvers.SASolver{Tau: 1, Since: 0.2, Until: 0.8}, solvers.SASolver{Tau: 1, Since: nan},
	} {
		if _, err := s.Start(p, 1); !errors.Is(err, solvers.ErrParameter) {
			t.Errorf("%+v: Start returns %v, want ErrParameter", s, err)
		}
	}
}

// TestLowerFinal: the last step uses one prediction and the one before it two.
func TestLowerFinal(t *testing.T) {
	times, err := solvers.QuadraticGrid{}.Times(sde.VP{}, 7)
	if err != nil {
		t.Fatal(err)
	}
	for name, full := range map[string]int{"dpm3m": 3, "deis": 4} {
		for lower, want := range map[string]int{"": full, ":lowerfinal=true": 1} {
			used := 0
			for _, w := range lastStep(table(t, name+lower, times)) {
				if math.Abs(w) > 1e-10 {
					used++
				}
			}
			if used != want {
				t.Errorf("%s%s: the last step uses %d predictions, want %d", name, lower, used, want)
			}
		}
	}
	// dpm2m with the last step of order 1 is dpm3m with the last two of lower order, if there are three steps: 1, 2, 1.
	d, err := solvers.Distance(table(t, "dpm3m:lowerfinal=true", times[:4]), table(t, "dpm2m:variant=heun,lowerfinal=true", times[:4]))
	if err != nil || !(d <= 1e-12) {
		t.Errorf("three steps of dpm3m and dpm2m, with lower orders at the end: distance %.2g, %v", d, err)
	}
}

// TestPECE holds a single step of predictor order 1 and corrector order 2 in noise prediction against its closed form: a line through
// both predictions, x_t = (α_t/α_s)x - σ_t[(e^h - 1)ε_s + (e^h - 1 - h)/h (ε_t - ε_s)], with ε_t at DDIM's state.
func TestPECE(t *testing.T) {
	vp := sde.VP{}
	times := []float64{0.7, 0.4}
	c := table(t, "sasolver:predictor=1,corrector=2,tau=0,noise=true,mode=pece", times)
	from, to := vp.At(times[0]), vp.At(times[1])
	h := sde.H(from, to)
	slope := -to.Sigma * (math.Exp(h) - 1 - h) / h
	want := []float64{to.Alpha / from.Alpha, -to.Sigma*math.Expm1(h) - slope, slope, -to.Sigma * math.Expm1(h)}
	got := []float64{c.Result.State, c.Result.Outputs[0], c.Result.Outputs[1], c.Evaluations[1].Input.Outputs[0]}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-13, 0)); diff != "" {
		t.Errorf("coefficients of one step, state, first and second prediction, and first in the predicted state (-want +got):\n%s", diff)
	}
}
