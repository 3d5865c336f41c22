package solvers

import (
	"fmt"

	"github.com/diffsolve/diffsolve/sde"
)

// The grids of this file are rules for the indices n = 0..T-1 of a schedule that is a table of T
// steps, which are the times (n+1)/T. They are computed in whole numbers: in floating point the rule of trailing, for
// one, gives an index too many, -1, for 62 of the first thousand numbers of steps. N indices are followed by the end: the
// index 0, or clean data. Where the last of them is 0 itself, only clean data can follow.

// tabulated is a schedule of a network that was trained at the times 1/T, 2/T, …, 1.
type tabulated interface{ Steps() int }

// table returns the times of index(i), i = 0..steps-1, and the end. index is given T.
func (z Zero) table(s sde.Schedule, steps int, index func(i, size int) int) ([]float64, error) {
	if err := z.check(s, steps); err != nil {
		return nil, err
	}
	table, ok := s.(tabulated)
	if !ok {
		return nil, fmt.Errorf("%w: it is for tables of a number of steps, such as sde.Discrete", ErrUnsuited)
	}
	size := table.Steps()
	if steps > size {
		return nil, fmt.Errorf("%w: %d steps of a table of %d", ErrGrid, steps, size)
	}
	grid := make([]float64, steps+1)
	last := size
	for i := range steps {
		n := index(i, size)
		switch {
		case n >= size:
			return nil, fmt.Errorf("%w: index %d of a table of %d", ErrGrid, n, size)
		case n >= last:
			return nil, fmt.Errorf("%w: %d steps of a table of %d: index %d is repeated", ErrGrid, steps, size, n)
		}
		grid[i], last = float64(n+1)/float64(size), n
	}
	if last == 0 && !z.Clean {
		return nil, fmt.Errorf("%w: the index 0 is reached before the end, want a grid that ends on clean data", ErrGrid)
	}
	grid[steps] = z.end(s)
	return grid, CheckGrid(s, grid)
}

// evenly returns num/den rounded to the nearest whole number, halves to even ones. Neither is negative.
func evenly(num, den int) int {
	q, r := num/den, num%den
	if 2*r > den || 2*r == den && q%2 == 1 {
		q++
	}
	return q
}

// LeadingGrid is the rule leading of diffusers: multiples of a whole number of indices, plus Offset. The
// first index may lie well below T-1.
//
// Points "n+1", the zero value, is the rule of the classes of DPM-Solver, DEIS and UniPC: of N+1 multiples of ⌊T/(N+1)⌋
// the last, 0, is the end. "n" is that of DDIM, DDPM, PNDM and Euler: N multiples of ⌊T/N⌋, of which the last is Offset. Networks
// trained with an offset of 1 (Stable Diffusion 1) were published with "n".
type LeadingGrid struct {
	Zero
	Offset int    `param:"offset" about:"what is added to each index"`
	Points string `param:"points" values:"n+1|n" about:"how many multiples the rule makes for n steps"`
}

// Name implements Grid.
func (LeadingGrid) Name() string { return "leading" }

// About implements Grid.
func (LeadingGrid) About() string { return "multiples of a whole number of table indices" }

// Times implements Grid.
func (g LeadingGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	if g.Offset < 0 {
		return nil, fmt.Errorf("%w: offset is %d, want at least 0", ErrParameter, g.Offset)
	}
	extra, err := pointsParameter(g.Points)
	if err != nil {
		return nil, err
	}
	return g.table(s, steps, func(i, size int) int {
		return (steps-1-i+extra)*(size/(steps+extra)) + g.Offset
	})
}

// pointsParameter returns how many points more than steps there are.
func pointsParameter(points string) (int, error) {
	switch points {
	case "", "n+1":
		return 1, nil
	case "n":
		return 0, nil
	}
	return 0, fmt.Errorf("%w: points is %q, want n+1 or n", ErrParameter, points)
}

// LinspaceGrid is the rule linspace of diffusers: indices evenly spaced over the table, rounded.
//
// Points "n+1", the zero value, is the rule of the classes of DPM-Solver, DEIS and UniPC: N+1 indices from T-1 to 0, the end.
// "n" is that of DDIM, DDPM and PNDM: N indices from T-1 to 0; a single one is 0. (Euler and LMS do not round: that is
// TimeGrid, with clean.)
type LinspaceGrid struct {
	Zero
	Points string `param:"points" values:"n+1|n" about:"how many indices the rule spreads for n steps"`
}

// Name implements Grid.
func (LinspaceGrid) Name() string { return "linspace" }

// About implements Grid.
func (LinspaceGrid) About() string { return "table indices evenly spaced, rounded" }

// Times implements Grid.
func (g LinspaceGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	extra, err := pointsParameter(g.Points)
	if err != nil {
		return nil, err
	}
	return g.table(s, steps, func(i, size int) int {
		intervals := steps - 1 + extra
		return evenly((intervals-i)*(size-1), max(intervals, 1))
	})
}

// TrailingGrid is the rule trailing of diffusers: T, T - T/N, T - 2T/N, …, rounded, less 1. It begins at the last
// index of the table, as [lin2024flawed] recommends.
//
// References:
//
//	[lin2024flawed]
type TrailingGrid struct{ Zero }

// Name implements Grid.
func (TrailingGrid) Name() string { return "trailing" }

// About implements Grid.
func (TrailingGrid) About() string { return "table indices evenly spaced down from the last, rounded" }

// Times implements Grid.
func (g TrailingGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.table(s, steps, func(i, size int) int { return evenly((steps-i)*size, steps) - 1 })
}

// SimpleGrid is ComfyUI's simple: as trailing, but rounded up.
type SimpleGrid struct{ Zero }

// Name implements Grid.
func (SimpleGrid) Name() string { return "simple" }

// About implements Grid.
func (SimpleGrid) About() string { return "table indices evenly spaced down from the last, rounded up" }

// Times implements Grid.
func (g SimpleGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.table(s, steps, func(i, size int) int { return size - 1 - i*size/steps })
}
