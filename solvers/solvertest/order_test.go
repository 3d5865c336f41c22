package solvertest_test

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

// ladder has the errors that a function of the step count gives on the usual steps.
func ladder(e func(n float64) float64) solvertest.Ladder {
	l := solvertest.Ladder{Steps: solvertest.Steps()}
	for _, n := range l.Steps {
		l.Errors = append(l.Errors, e(float64(n)))
	}
	return l
}

// power is an error that falls with the given order from c at 8 steps.
func power(c, order float64) func(n float64) float64 {
	return func(n float64) float64 { return c * math.Pow(n/8, -order) }
}

func TestSteps(t *testing.T) {
	want := []int{8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724}
	if diff := cmp.Diff(want, solvertest.Steps()); diff != "" {
		t.Errorf("Steps() (-want +got):\n%s", diff)
	}
}

func TestFit(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		ladder solvertest.Ladder
		order  float64
		ok     bool
		within float64
	}{
		{"order 1", ladder(power(0.1, 1)), 1, true, 1e-12},
		{"order 2.5", ladder(power(0.1, 2.5)), 2.5, true, 1e-12},
		{"divergence", ladder(power(1e-3, -1)), -1, true, 1e-12},
		{"no convergence", ladder(power(1e-3, 0)), 0, true, 1e-12},
		// The finest rungs count, those where h is the leading term.
		{"order 1 after order 3", ladder(func(n float64) float64 { return 0.1/n + 100/(n*n*n) }), 1, true, 0.05},
		// What is too large to be asymptotic or is rounding does not count.
		{"coarse rungs off the scale", ladder(func(n float64) float64 {
			if n < 60 {
				return 1e6
			}
			return 1 / (n * n)
		}), 2, true, 1e-12},
		{"fine rungs of rounding", ladder(func(n float64) float64 { return math.Max(power(1e-3, 5)(n), 1e-15) }), 5, true, 1e-12},
		{"infinite rungs", ladder(func(n float64) float64 {
			if n < 60 {
				return math.Inf(1)
			}
			return 1 / n
		}), 1, true, 1e-12},

		{"no rungs", solvertest.Ladder{}, 0, false, 0},
		{"four rungs", solvertest.Ladder{Steps: []int{8, 16, 32, 64}, Errors: []float64{0.1, 0.05, 0.025, 0.0125}}, 0, false, 0},
		{"four rungs above rounding", ladder(func(n float64) float64 {
			if n > 25 {
				return 1e-13
			}
			return 1 / n
		}), 0, false, 0},
		{"all too large", ladder(power(1, 0)), 0, false, 0},
		{"exact", ladder(power(0, 0)), 0, false, 0},
		{"NaN", ladder(func(float64) float64 { return nan }), 0, false, 0},
	} {
		order, ok := c.ladder.Fit()
		if ok != c.ok || !(math.Abs(order-c.order) <= c.within) {
			t.Errorf("%s: Fit() = %v, %t, want %v, %t", c.name, order, ok, c.order, c.ok)
		}
	}
}

func TestCertifies(t *testing.T) {
	one := func(at int, e float64) solvertest.Ladder { // an exact ladder with one rung that is not
		l := ladder(power(1e-14, 0))
		l.Errors[at] = e
		return l
	}
	for _, c := range []struct {
		name    string
		ladder  solvertest.Ladder
		claimed float64
		want    bool
	}{
		{"what it is", ladder(power(0.1, 2)), 2, true},
		{"less than it is", ladder(power(0.1, 2)), 1, true},
		{"more than it is", ladder(power(0.1, 1)), 2, false},
		{"hardly less", ladder(power(0.1, 1.71)), 2, true},
		{"too much less", ladder(power(0.1, 1.69)), 2, false},
		{"a stalled error", ladder(func(n float64) float64 { return 1e-4 + 1/(n*n) }), 2, false},
		{"growth", ladder(power(1e-3, -1)), 1, false},
		{"a blow-up on the finest grids", ladder(func(n float64) float64 {
			if n > 200 {
				return 0.34 * n
			}
			return 1 / (n * n)
		}), 2, false},
		{"NaN on the finest grids", ladder(func(n float64) float64 {
			if n > 200 {
				return math.NaN()
			}
			return 1 / (n * n)
		}), 2, false},
		{"NaN at the end", func() solvertest.Ladder {
			l := ladder(power(1e-14, 0))
			l.Errors[len(l.Errors)-1] = math.NaN()
			return l
		}(), 1, false},
		{"nothing but NaN", ladder(func(float64) float64 { return math.NaN() }), 1, false},
		{"exact", ladder(power(0, 0)), 5, true},
		{"rounding", ladder(power(1e-13, 0)), 5, true},
		{"rounding but for one rung", one(3, 1e-3), 1, false},
		{"exact on too few rungs", solvertest.Ladder{Steps: []int{8, 16}, Errors: []float64{0, 0}}, 1, false},
		{"nothing", solvertest.Ladder{}, 1, false},
		{"too large to tell", ladder(power(1e3, 1)), 1, false},
	} {
		if got := c.ladder.Certifies(c.claimed); got != c.want {
			order, ok := c.ladder.Fit()
			t.Errorf("%s: Certifies(%v) = %t, want %t; Fit() = %v, %t", c.name, c.claimed, got, c.want, order, ok)
		}
	}
}

// On normal data the two states of GaussianFlow stand for the whole law: e(μ±s) = e₀ ± e₁s, so
// their mean square is E e², which the coefficient table gives too.
func TestGaussianFlowIsTheWholeLaw(t *testing.T) {
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	steps := []int{8, 32}
	for _, s := range []solvers.Solver{solvers.DDIM{}, solvers.DPMSolverPP2M{}} {
		got, err := solvertest.ODE(context.Background(), s, solvertest.GaussianFlow(), solvers.LambdaGrid{}, steps)
		if err != nil {
			t.Fatal(err)
		}
		want := solvertest.Ladder{Steps: steps, Floor: solvertest.GaussianFlow().Floor}
		for _, n := range steps {
			grid, err := solvers.LambdaGrid{}.Times(sde.VP{}, n)
			if err != nil {
				t.Fatal(err)
			}
			c, err := solvers.Trace(s, sde.VP{}, grid)
			if err != nil {
				t.Fatal(err)
			}
			// The exact flow keeps (x - mean)/std.
			start, end := c.Marginal(grid[0], data), c.Marginal(grid[n], data)
			slope := math.Sqrt(end.Variance / start.Variance)
			a := c.Affine(data)
			e := solvers.Affine{Const: a.Const - (end.Mean - slope*start.Mean), State: a.State - slope}
			law := e.Law(start)
			want.Errors = append(want.Errors, math.Sqrt(law.Mean*law.Mean+law.Variance))
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-10, 0)); diff != "" {
			t.Errorf("%s: ODE on GaussianFlow (-want +got):\n%s", solvers.Name(s), diff)
		}
	}
}

// A ladder that cannot be climbed says why.
func TestLadderErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	data := solvers.Normal{Mean: 0.7, Variance: 0.25}
	for _, c := range []struct {
		name  string
		climb func() (solvertest.Ladder, error)
		want  error
	}{
		{"no steps", func() (solvertest.Ladder, error) {
			return solvertest.ODE(ctx, solvers.DDIM{}, solvertest.MixtureFlow(), solvers.LambdaGrid{}, []int{8, 0})
		}, solvers.ErrGrid},
		{"no steps, traced", func() (solvertest.Ladder, error) {
			return solvertest.Weak(ctx, solvers.DDPM{}, sde.VP{}, data, solvers.LambdaGrid{}, []int{8, 0})
		}, solvers.ErrGrid},
		{"noise needed", func() (solvertest.Ladder, error) {
			return solvertest.ODE(ctx, solvers.DDPM{}, solvertest.GaussianFlow(), solvers.LambdaGrid{}, []int{8})
		}, solvers.ErrNeedsNoise},
		{"bad parameter", func() (solvertest.Ladder, error) {
			return solvertest.Strong(ctx, solvers.DDIM{Eta: 2}, sde.VP{}, data, solvers.LambdaGrid{}, []int{8})
		}, solvers.ErrParameter},
		{"cancelled", func() (solvertest.Ladder, error) {
			cancel()
			return solvertest.Strong(ctx, solvers.DDPM{}, sde.VP{}, data, solvers.LambdaGrid{}, []int{8})
		}, context.Canceled},
		{"cancelled run", func() (solvertest.Ladder, error) {
			return solvertest.ODE(ctx, solvers.DDIM{}, solvertest.GaussianFlow(), solvers.LambdaGrid{}, []int{8})
		}, context.Canceled},
	} {
		if _, err := c.climb(); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
}

// On common paths a method of strong order 1.5 is told from one of order 1, on a score that bends. Normal data show 2 for the former.
func TestPathwise(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	f := solvertest.MixtureFlow()
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: f.Dim}
	for _, c := range []struct {
		tab    sde.Tableau
		lo, hi float64
	}{{sde.SRA1, 1.35, 1.95}, {sde.StochasticHeun, 0.8, 1.25}} {
		l, err := solvertest.Pathwise(t.Context(), solvers.StochasticRungeKutta{Tableau: c.tab, Tau: 1}, p, solvers.TimeGrid{})
		if err != nil {
			t.Fatal(err)
		}
		if order, ok := l.Fit(); !ok || !(order > c.lo && order < c.hi) {
			t.Errorf("%s: strong order %.2f, %t, want %v to %v: %.2g", c.tab.Name, order, ok, c.lo, c.hi, l.Errors)
		}
	}
	// What asks for noise between the times of the grid is told so.
	if _, err := solvertest.Pathwise(t.Context(), solvers.SEEDS{Stages: 2, Tau: 1}, p, solvers.TimeGrid{}); !errors.Is(err, sde.ErrOffGrid) {
		t.Errorf("a method with stages inside of the step: %v, want ErrOffGrid", err)
	}
}
