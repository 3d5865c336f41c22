package solvers

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/diffsolve/diffsolve/sde"
)

// StartAt returns the rest of a decreasing grid from time t on, t being its first time. Together with Renoise it is
// SDEdit, image to image [meng2022sdedit, algorithm 1]:
//
//	rest, err := solvers.StartAt(grid, 0.6)
//	err = solvers.Renoise(p, x, rest[0], seed)
//	res, err := solvers.Sample(ctx, s, p, x, &solvers.Settings{Grid: rest})
//
// The later the start, the closer the result to what it is made from. It returns an error that wraps ErrGrid if t lies outside the
// grid or at its end.
//
// References:
//
//	[meng2022sdedit]
func StartAt(grid []float64, t float64) ([]float64, error) {
	if len(grid) < 2 || !(t <= grid[0] && t > grid[len(grid)-1]) {
		return nil, fmt.Errorf("%w: a run cannot start at %v on the grid %v", ErrGrid, t, ends(grid))
	}
	next := sort.Search(len(grid), func(i int) bool { return grid[i] < t })
	return append([]float64{t}, grid[next:]...), nil
}

// Strength returns the last steps of a grid, the share of them that is asked for, rounded down but at least one. That
// share, above 0 and up to 1, is what image-to-image programs call strength: 1 is a run from the start of the grid.
func Strength(grid []float64, share float64) ([]float64, error) {
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("%w: the strength is %v, want above 0, up to 1", ErrParameter, share)
	}
	n := len(grid) - 1
	if n < 1 {
		return nil, fmt.Errorf("%w: it has no step", ErrGrid)
	}
	// Shares such as 0.29 of 100 are whole numbers of steps that rounding puts just below.
	steps := max(1, int(math.Floor(float64(n)*share*(1+1e-14))))
	return slices.Clone(grid[n-steps:]), nil
}

func ends(grid []float64) []float64 {
	if len(grid) <= 2 {
		return grid
	}
	return []float64{grid[0], grid[len(grid)-1]}
}

// Renoise turns x, rows of clean samples, into states at time t, in place: αx + σε. The noise of a row depends on
// seed and its number, counted from p.Row, alone; it is that of Prior. It returns an error that wraps
// ErrProblem if p does not fit x or t is not a time of the schedule.
func Renoise(p Problem, x []float64, t float64, seed uint64) error {
	if err := p.check(x); err != nil {
		return fmt.Errorf("solvers: Renoise: %w", err)
	}
	if err := sde.CheckTime(p.Schedule, t); err != nil {
		return fmt.Errorf("solvers: Renoise: %w: %w", ErrProblem, err)
	}
	eps := make([]float64, len(x))
	sde.Fresh{Seed: seed}.Normals(eps, p.Row, p.Dim)
	sde.Perturb(x, x, eps, p.Schedule.At(t))
	return nil
}
