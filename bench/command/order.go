package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers"
)

func newOrder(c *console) *cobra.Command {
	var list, problems, grid string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "order",
		Short: "certificates: observed against claimed orders",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ss, err := solverList("solvers", list)
			if err != nil {
				return err
			}
			ps, err := c.problemList("problem", problems)
			if err != nil {
				return err
			}
			g, err := solvers.GridByName(grid)
			if err != nil {
				return flagError("grid", err)
			}
			progress, finish := c.progress(quiet)
			orders, runErr := study.Orders(cmd.Context(), ss, ps, g, ticker(progress, len(ss)*len(ps)))
			finish()
			if runErr != nil && len(orders) == 0 {
				return runErr
			}
			// Finished certificates are printed even if the next one failed.
			if asJSON {
				err = c.json(orders)
			} else {
				err = report.Orders(c.out, orders, c.style())
			}
			if err := errors.Join(runErr, err); err != nil {
				return err
			}
			for _, o := range orders {
				if !o.Certified {
					return fmt.Errorf("%s does not have its claimed %s order %g on %s", o.Solver, o.Kind, o.Claimed, o.Problem)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&list, "solvers", "all", "solvers, separated by commas, or all")
	cmd.Flags().StringVar(&problems, "problem", "gaussian,mixture1d", "problems, built-in names or JSON files")
	cmd.Flags().StringVar(&grid, "grid", "lambda", "grid; rough is the hard one: steps of two lengths in turn")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the certificates as one JSON document")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress bar")
	return cmd
}
