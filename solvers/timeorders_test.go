package solvers_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// shortFlow is a one-dimensional mixture from t = 0.6 down to 0.1. Nearer the data a step that is even in t is
// as long in λ as all steps before it, and no affordable number of them is asymptotic.
func shortFlow(t *testing.T) solvertest.Flow {
	t.Helper()
	s := sde.VP{TMin: 0.1, TMax: 0.6}
	m, err := scoremodel.NewMixture(s,
		scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2}, Variance: 0.35 * 0.35},
		scoremodel.Component{Weight: 0.7, Mean: []float64{0.8}, Variance: 0.5 * 0.5})
	if err != nil {
		t.Fatal(err)
	}
	return solvertest.Flow{Name: "mixture1d", Schedule: s, Model: m, Dim: 1, Start: []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9}, Exact: m.QuantileMap, Floor: 2e-14}
}

// equalSteps are methods whose weights are those of equal steps: on others they are of order 1, and published
// iPNDM_v does not converge.
var equalSteps = regexp.MustCompile(`^(plms|pndm|ipndm|ipndm:order=[34]|bdia|gradientestimation:gamma=1.5|ipndmv:published=true)$`)

// TestOrdersInTime measures the claimed orders on grids that are even in t, and on those whose steps in t alternate
// 1:2, on the nonlinear problem.
func TestOrdersInTime(t *testing.T) {
	t.Parallel()
	// All even, so that the last step of the rough grid is always a long one; for order 8 there are rungs in between.
	steps := []int{6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024}
	f := shortFlow(t)
	for _, s := range entries() {
		name, claimed := solvers.Name(s), float64(s.Info().Order)
		// With a lower order at the end, that one step of the rough grid is an error of its own.
		if claimed == 0 || strings.Contains(name, "lowerfinal") {
			continue
		}
		for _, g := range []solvers.Grid{solvers.TimeGrid{}, solvers.RoughGrid{In: "time"}} {
			l, err := solvertest.ODE(context.Background(), s, f, g, steps)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got, ok := l.Fit()
			if g.Name() == "rough" && equalSteps.MatchString(name) {
				if ok && got > 1.3 {
					t.Errorf("%s, grid %s in time: observed order %.2f, want 1 at most on steps that are not equal", name, g.Name(), got)
				}
				continue
			}
			if !l.Certifies(claimed) {
				t.Errorf("%s, grid %s in time: observed order %.2f (%t), want %v; errors %.2g", name, g.Name(), got, ok, claimed, l.Errors)
			}
		}
	}
}
