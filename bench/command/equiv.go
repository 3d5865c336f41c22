package command

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

func newEquiv(c *console) *cobra.Command {
	var grids, problemName string
	var steps []int
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "equiv",
		Short: "equivalences of solvers, proved on coefficients, so for every model at once",
		RunE: func(cmd *cobra.Command, _ []string) error {
			gs, err := gridList("grid", grids)
			if err != nil {
				return err
			}
			if err := allPositive("steps", steps); err != nil {
				return err
			}
			if err := atMost("steps", slices.Max(steps), mostTraced); err != nil {
				return err
			}
			p, err := c.problems.Find(problemName)
			if err != nil {
				return flagError("problem", err)
			}
			if gs, err = c.suited(gs, p.Schedule, steps[0]); err != nil {
				return err
			}
			progress, finish := c.progress(quiet)
			found, runErr := study.Equivalences(cmd.Context(), p.Schedule, gs, steps, ticker(progress, len(gs)*study.Claims()))
			finish()
			if runErr != nil && len(found) == 0 {
				return runErr
			}
			// Finished proofs are printed even if the next one failed.
			if asJSON {
				err = c.json(found)
			} else {
				err = report.Equivalences(c.out, found, c.style())
			}
			if err := errors.Join(runErr, err); err != nil {
				return err
			}
			for _, e := range found {
				if !e.Holds {
					return fmt.Errorf("%s and %s on %s with %d steps: the claim %q does not hold", e.A, e.B, e.Grid, e.Steps, e.Claim)
				}
			}
			return nil
		},
	}
	cmd.Flags().IntSliceVar(&steps, "steps", []int{10, 50}, "numbers of steps")
	cmd.Flags().StringVar(&grids, "grid", "quadratic,time,lambda,karras", "grids, separated by commas, or all")
	cmd.Flags().StringVar(&problemName, "problem", "gaussian", "problem whose schedule is used")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the table as one JSON document")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress bar")
	return cmd
}

// suited returns the grids that the schedule allows, and says which it leaves out. It is an error if none is left.
func (c *console) suited(grids []solvers.Grid, s sde.Schedule, steps int) ([]solvers.Grid, error) {
	var out []solvers.Grid
	var last error
	for _, g := range grids {
		if _, err := g.Times(s, steps); errors.Is(err, solvers.ErrUnsuited) {
			last = fmt.Errorf("%s: %w", solvers.GridName(g), err)
			continue
		}
		out = append(out, g)
	}
	if out == nil {
		return nil, flagError("grid", last)
	}
	if last != nil {
		fmt.Fprintf(c.err, "bench: warning: %d grids are not for this schedule and left out, such as %v\n", len(grids)-len(out), last)
	}
	return out, nil
}
