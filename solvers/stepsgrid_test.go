package solvers_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// stepsGrid has steps in λ of which every second is Ratio times the first: they do not become
// smooth as they shrink, and a multistep method whose weights are right only on equal steps shows itself. With
// Middle the grid covers κ from 8 to 1/4, where the flow bends most, so that the start of a run
// weighs as much as the rest; from pure noise it hardly matters.
type stepsGrid struct {
	Ratio  float64
	Middle bool
}

func (g stepsGrid) Name() string  { return fmt.Sprintf("ratio%gmiddle%t", g.Ratio, g.Middle) }
func (g stepsGrid) About() string { return "steps in lambda of two lengths in turn" }

func (g stepsGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	tmin, tmax := s.Domain()
	if g.Middle {
		tmax, tmin = s.Time(-math.Log(8)), s.Time(math.Log(4))
	}
	from, to := s.At(tmax).Lambda(), s.At(tmin).Lambda()
	length := func(i int) float64 { return float64((i+1)/2) + float64(i/2)*g.Ratio } // of the first i steps
	grid := make([]float64, steps+1)
	for i := range grid {
		w := length(i) / length(steps)
		grid[i] = s.Time(from*(1-w) + to*w)
	}
	grid[0], grid[steps] = tmax, tmin
	return grid, solvers.CheckGrid(s, grid)
}

// The grids on which orders are measured.
var (
	alternating       = solvers.RoughGrid{}
	middle            = stepsGrid{Ratio: 1, Middle: true}
	alternatingMiddle = stepsGrid{Ratio: 2, Middle: true}
)

func TestStepsGrid(t *testing.T) {
	vp := sde.VP{}
	for _, g := range []stepsGrid{middle, alternatingMiddle} {
		grid, err := g.Times(vp, 9)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			got := sde.H(vp.At(grid[i+1]), vp.At(grid[i+2])) / sde.H(vp.At(grid[i]), vp.At(grid[i+1]))
			want := g.Ratio
			if i%2 == 1 {
				want = 1 / want
			}
			if !(math.Abs(got/want-1) < 1e-9) {
				t.Errorf("%s: step %d is %v times the one before in lambda, want %v", g.Name(), i+1, got, want)
			}
		}
	}
}
