package solvers_test

import (
	"context"
	"slices"
	"testing"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// What a run allocates does not depend on its number of steps.
func TestSampleAllocatesByTheRun(t *testing.T) {
	// A model that needs no workspace: under the race detector a pool loses what is put into it.
	model := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error { copy(dst, x); return nil })
	p := solvers.Problem{Schedule: sde.VP{}, Model: model, Dim: 2, Noise: sde.Fresh{Seed: 7}}
	count := func(name string, steps int) float64 {
		grid, err := solvers.QuadraticGrid{}.Times(p.Schedule, steps)
		if err != nil {
			t.Fatal(err)
		}
		s, x0 := named(t, name), solvers.Prior(p.Schedule, 1, 32, 2)
		x := slices.Clone(x0)
		return testing.AllocsPerRun(5, func() {
			copy(x, x0)
			if _, err := solvers.Sample(context.Background(), s, p, x, &solvers.Settings{Grid: grid}); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, name := range []string{"ddim", "ddpm", "dpm++2m", "unipc", "heun", "dp5kappa", "eulermaruyama", "sra1", "restart"} {
		few, many := count(name, 10), count(name, 200)
		if few > 150 || many > few+2 {
			t.Errorf("%s allocates %v times in 10 steps and %v times in 200, want as many, and few", name, few, many)
		}
	}
}
