package command

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// split cuts a list at its commas. A part such as "variant=bh1" belongs to the name before it:
// "unipc:order=3,variant=bh1,ddim" lists two solvers.
func split(list string) []string {
	var out []string
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		name, _, setting := strings.Cut(part, "=")
		if n := len(out); setting && !strings.Contains(name, ":") && n > 0 {
			out[n-1] += "," + part
		} else if part != "" {
			out = append(out, part)
		}
	}
	return out
}

// solverList reads a --solvers flag. "all" is the catalogue.
func solverList(flag, list string) ([]solvers.Solver, error) {
	if list == "all" {
		return solvers.Catalog(), nil
	}
	var out []solvers.Solver
	for _, name := range split(list) {
		s, err := solvers.ByName(name)
		if err != nil {
			return nil, flagError(flag, err)
		}
		out = append(out, s)
	}
	if out == nil {
		return nil, usagef("--%s: no solver is named", flag)
	}
	return out, nil
}

// gridList reads a --grids flag. "all" is every grid.
func gridList(flag, list string) ([]solvers.Grid, error) {
	if list == "all" {
		return solvers.Grids(), nil
	}
	var out []solvers.Grid
	for _, name := range split(list) {
		if isFile(name) {
			return nil, usagef("--%s: %s: a file of times has a fixed number of steps; use it with sample or trace", flag, name)
		}
		g, err := solvers.GridByName(name)
		if err != nil {
			return nil, flagError(flag, err)
		}
		out = append(out, g)
	}
	if out == nil {
		return nil, usagef("--%s: no grid is named", flag)
	}
	return out, nil
}

// problemList reads a --problems flag.
func (c *console) problemList(flag, list string) ([]*problem.Problem, error) {
	var out []*problem.Problem
	for _, name := range split(list) {
		p, err := c.problems.Find(name)
		if err != nil {
			return nil, flagError(flag, err)
		}
		out = append(out, p)
	}
	if out == nil {
		return nil, usagef("--%s: no problem is named", flag)
	}
	return out, nil
}

// labelsFlag adds --labels, which problem takes.
func labelsFlag(cmd *cobra.Command, labels *[]int) {
	cmd.Flags().IntSliceVar(labels, "labels", nil, "classes that a network is told, instead of the problem's: rows have them in turn")
}

// problem reads a --problem flag and a --labels flag, nil if that is not given.
func (c *console) problem(text string, labels []int) (*problem.Problem, error) {
	p, err := c.problems.Find(text)
	if err != nil {
		return nil, flagError("problem", err)
	}
	if labels == nil {
		return p, nil
	}
	if p, err = p.WithLabels(labels); err != nil {
		return nil, flagError("labels", err)
	}
	return p, nil
}

func isFile(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".npy" || ext == ".csv"
}

// times returns the times of a run: of a named grid with the given number of steps, or of
// a file, which has its own.
func times(grid string, s sde.Schedule, steps int, stepsGiven bool) ([]float64, error) {
	if !isFile(grid) {
		g, err := solvers.GridByName(grid)
		if err != nil {
			return nil, flagError("grid", err)
		}
		t, err := g.Times(s, steps)
		if err != nil {
			return nil, flagError("grid "+grid+" --steps", err)
		}
		return t, nil
	}
	t, rows, cols, err := problem.ReadMatrix(grid)
	if err != nil {
		return nil, flagError("grid", err)
	}
	if rows != 1 && cols != 1 {
		return nil, usagef("--grid: %s: %d x %d values, want one row or one column of times", grid, rows, cols)
	}
	if err := solvers.CheckGrid(s, t); err != nil {
		return nil, usagef("--grid: %s: %w", grid, err)
	}
	if stepsGiven && steps != len(t)-1 {
		return nil, usagef("--steps: %d, but %s holds the times of %d steps", steps, grid, len(t)-1)
	}
	return t, nil
}

// positive checks a flag that counts something.
func positive(flag string, n int) error {
	if n < 1 {
		return usagef("--%s: %d, want at least 1", flag, n)
	}
	return nil
}

// What a run of the command may ask for, lest a slip of the finger take all memory.
const (
	mostTraced  = 5000    // steps of a coefficient table, which has a number for each pair of steps
	mostSteps   = 1000000 // steps, or evaluations, of a run
	mostValues  = 1 << 28 // numbers in the states of a run
	mostQuality = 4000    // samples whose distances from one another are held
)

// atMost checks a flag that counts something that costs memory.
func atMost(flag string, n, most int) error {
	if n > most {
		return usagef("--%s: %d, want at most %d", flag, n, most)
	}
	return nil
}

func allPositive(flag string, list []int) error {
	if len(list) == 0 {
		return usagef("--%s: no number is given", flag)
	}
	for _, n := range list {
		if err := positive(flag, n); err != nil {
			return err
		}
	}
	return nil
}
