package solvers_test

import (
	"testing"

	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// variants are settings that the catalogue's entries do not show.
var variants = []solvers.Solver{
	solvers.DDIM{Eta: 0.5},
	solvers.DDIM{Eta: 1},
	solvers.DPMSolverPP2M{Variant: "heun"},
	solvers.ExpAdams{Order: 1, Noise: true},
	solvers.ExpAdams{Order: 2, Noise: true},
	solvers.ExpAdams{Order: 3, Noise: true},
	solvers.ExpAdams{Order: 3, Ramp: true},
}

func TestConformance(t *testing.T) {
	names := map[string]bool{}
	for _, s := range solvers.Catalog() {
		if name := s.Info().Name; names[name] {
			t.Errorf("two solvers of the catalogue are called %q", name)
		} else {
			names[name] = true
		}
	}
	for _, s := range append(solvers.Catalog(), variants...) {
		t.Run(solvers.Name(s), func(t *testing.T) { solvertest.Run(t, s) })
	}
}
