package solvers_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// isRule reports whether g is a rule for the indices of a table.
func isRule(g solvers.Grid) bool {
	switch g.(type) {
	case solvers.LeadingGrid, solvers.LinspaceGrid, solvers.TrailingGrid, solvers.SimpleGrid:
		return true
	}
	return false
}

// latent is the table of Stable Diffusion.
func latent(t testing.TB) *sde.Discrete {
	t.Helper()
	d, err := sde.NewDiscrete(sde.ScaledLinearBetas(1000, 0.00085, 0.012))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// indices returns the table indices of all but the last of the times, which must be those of
// the table to the bit.
func indices(t *testing.T, grid []float64, size int) []int {
	t.Helper()
	var out []int
	for _, at := range grid[:len(grid)-1] {
		n := int(at*float64(size)+0.5) - 1
		if at != float64(n+1)/float64(size) {
			t.Errorf("time %v is not of a table of %d", at, size)
		}
		out = append(out, n)
	}
	return out
}

// down returns from, from-by, …, n numbers.
func down(from, by, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = from - i*by
	}
	return out
}

// The lists that the users of diffusers see, for 1000 training steps.
func TestKnownTimesteps(t *testing.T) {
	clean := solvers.Zero{Clean: true}
	leading := func(offset int, points string) solvers.Grid {
		return solvers.LeadingGrid{Zero: clean, Offset: offset, Points: points}
	}
	for _, c := range []struct {
		grid  solvers.Grid
		steps int
		want  []int
	}{
		{leading(0, "n"), 1, []int{0}},
		{leading(0, "n"), 2, []int{500, 0}},
		{leading(0, "n"), 10, down(900, 100, 10)},
		{leading(1, "n"), 10, down(901, 100, 10)},
		{leading(0, "n"), 15, down(924, 66, 15)},
		{leading(1, "n"), 20, down(951, 50, 20)},
		{leading(1, "n"), 25, down(961, 40, 25)},
		{leading(1, "n"), 30, down(958, 33, 30)},
		{leading(1, "n"), 50, down(981, 20, 50)},
		{leading(0, "n"), 61, down(960, 16, 61)},
		{leading(0, "n"), 999, down(998, 1, 999)},
		{leading(0, "n"), 1000, down(999, 1, 1000)},
		{leading(0, ""), 1, []int{500}},
		{leading(0, ""), 15, down(930, 62, 15)},
		{leading(0, ""), 50, down(950, 19, 50)},
		{leading(0, ""), 999, down(999, 1, 999)},
		{solvers.LinspaceGrid{Zero: clean}, 1, []int{999}},
		{solvers.LinspaceGrid{Zero: clean}, 2, []int{999, 500}}, // 499.5 to even
		{solvers.LinspaceGrid{Zero: clean}, 10, []int{999, 899, 799, 699, 599, 500, 400, 300, 200, 100}},
		{solvers.LinspaceGrid{Zero: clean}, 20, []int{999, 949, 899, 849, 799, 749, 699, 649, 599, 549, 500, 450, 400, 350, 300, 250, 200, 150, 100, 50}},
		{solvers.LinspaceGrid{Zero: clean}, 999, down(999, 1, 999)},
		{solvers.LinspaceGrid{Zero: clean, Points: "n"}, 1, []int{0}},
		{solvers.LinspaceGrid{Zero: clean, Points: "n"}, 2, []int{999, 0}},
		{solvers.LinspaceGrid{Zero: clean, Points: "n"}, 10, down(999, 111, 10)},
		{solvers.LinspaceGrid{Zero: clean, Points: "n"}, 1000, down(999, 1, 1000)},
		{solvers.TrailingGrid{Zero: clean}, 1, []int{999}},
		{solvers.TrailingGrid{Zero: clean}, 2, []int{999, 499}},
		{solvers.TrailingGrid{Zero: clean}, 10, down(999, 100, 10)},
		{solvers.TrailingGrid{Zero: clean}, 15, []int{999, 932, 866, 799, 732, 666, 599, 532, 466, 399, 332, 266, 199, 132, 66}},
		{solvers.TrailingGrid{Zero: clean}, 50, down(999, 20, 50)},
		{solvers.TrailingGrid{Zero: clean}, 1000, down(999, 1, 1000)},
		{solvers.SimpleGrid{Zero: clean}, 10, down(999, 100, 10)},
		{solvers.SimpleGrid{Zero: clean}, 3, []int{999, 666, 333}},
		{solvers.SimpleGrid{Zero: clean}, 1000, down(999, 1, 1000)},
	} {
		grid, err := c.grid.Times(latent(t), c.steps)
		if err != nil {
			t.Errorf("%s, %d steps: %v", solvers.GridName(c.grid), c.steps, err)
			continue
		}
		if diff := cmp.Diff(c.want, indices(t, grid, 1000)); diff != "" || grid[c.steps] != 0 {
			t.Errorf("%s, %d steps: (-want +got):\n%s", solvers.GridName(c.grid), c.steps, diff)
		}
	}
}

// halfEven is numpy's round of num/den, not negative. For the small numbers of a table the quotient in floating point is exact
// where it is a half, and does not come near one where it is not.
func halfEven(num, den int) int { return int(math.RoundToEven(float64(num) / float64(den))) }

// linspace is numpy's, reversed and rounded.
func linspace(last, points int) []int {
	out := []int{0}
	if points > 1 {
		out = nil
		for i := range points {
			out = append(out, halfEven(last*i, points-1))
		}
	}
	slices.Reverse(out)
	return out
}

// trailing is round(arange(T, 0, -T/N)) - 1 without rounding of the step, where arange has N entries.
func trailing(size, steps int) (out []int) {
	for at := size * steps; at > 0; at -= size { // in units of 1/N
		out = append(out, halfEven(at, steps)-1)
	}
	return out
}

// Every rule for every number of steps, as its text reads, with both ends.
func TestTableGrids(t *testing.T) {
	t.Parallel()
	for _, size := range []int{50, 1000} {
		table, err := sde.NewDiscrete(sde.LinearBetas(size, 1e-4, 0.02))
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range []struct {
			name    string
			grid    func(z solvers.Zero) solvers.Grid
			indices func(steps int) []int
		}{
			{"leading n+1", func(z solvers.Zero) solvers.Grid { return solvers.LeadingGrid{Zero: z} },
				func(n int) []int { return down(n*(size/(n+1)), size/(n+1), n) }},
			{"leading n", func(z solvers.Zero) solvers.Grid { return solvers.LeadingGrid{Zero: z, Points: "n", Offset: 1} },
				func(n int) []int { return down((n-1)*(size/n)+1, size/n, n) }},
			{"linspace n+1", func(z solvers.Zero) solvers.Grid { return solvers.LinspaceGrid{Zero: z} },
				func(n int) []int { return linspace(size-1, n+1)[:n] }},
			{"linspace n", func(z solvers.Zero) solvers.Grid { return solvers.LinspaceGrid{Zero: z, Points: "n"} },
				func(n int) []int { return linspace(size-1, n) }},
			{"trailing", func(z solvers.Zero) solvers.Grid { return solvers.TrailingGrid{Zero: z} },
				func(n int) []int { return trailing(size, n) }},
		} {
			for steps := 1; steps <= size+1; steps++ {
				want := rule.indices(steps)
				good := len(want) == steps && want[0] < size && want[steps-1] >= 0
				for i := range steps - 1 {
					good = good && want[i] > want[i+1]
				}
				for _, clean := range []bool{true, false} {
					grid, err := rule.grid(solvers.Zero{Clean: clean}).Times(table, steps)
					if ok := good && (clean || want[steps-1] > 0); !ok {
						if !errors.Is(err, solvers.ErrGrid) || errors.Is(err, solvers.ErrUnsuited) {
							t.Errorf("%s, %d of %d steps, clean %t: %v, want ErrGrid", rule.name, steps, size, clean, err)
						}
						continue
					}
					if err != nil {
						t.Errorf("%s, %d of %d steps, clean %t: %v", rule.name, steps, size, clean, err)
						continue
					}
					end := 1 / float64(size)
					if clean {
						end = 0
					}
					if !slices.Equal(indices(t, grid, size), want) || grid[steps] != end {
						t.Errorf("%s, %d of %d steps: %v, want the indices %v and %v", rule.name, steps, size, grid, want, end)
					}
				}
			}
		}
	}
}

func TestTableGridErrors(t *testing.T) {
	table := latent(t)
	clean := solvers.Zero{Clean: true}
	for _, c := range []struct {
		grid  solvers.Grid
		s     sde.Schedule
		steps int
		is    error
		want  string
	}{
		{solvers.TrailingGrid{}, sde.VP{}, 10, solvers.ErrUnsuited, "tables"},
		{solvers.TrailingGrid{}, table, 1001, solvers.ErrGrid, "1001 steps of a table of 1000"},
		{solvers.TrailingGrid{}, table, 0, solvers.ErrGrid, "0 steps"},
		{solvers.LeadingGrid{Zero: clean, Points: "n", Offset: 1}, table, 1000, solvers.ErrGrid, "index 1000 of a table of 1000"},
		{solvers.LeadingGrid{Zero: clean}, table, 1000, solvers.ErrGrid, "index 0 is repeated"},
		{solvers.LinspaceGrid{Points: "n"}, table, 10, solvers.ErrGrid, "clean"},
		{solvers.LeadingGrid{Offset: -1}, table, 10, solvers.ErrParameter, "offset is -1"},
		{solvers.LeadingGrid{Points: "m"}, table, 10, solvers.ErrParameter, `points is "m"`},
		{solvers.LinspaceGrid{Points: "m"}, table, 10, solvers.ErrParameter, `points is "m"`},
	} {
		grid, err := c.grid.Times(c.s, c.steps)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v.Times(%T, %d) = %v, %v, want %q", c.grid, c.s, c.steps, grid, err, c.want)
		}
	}
}
