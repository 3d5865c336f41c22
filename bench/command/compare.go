package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/bench/quality"
	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers"
)

func newCompare(c *console) *cobra.Command {
	var problems, list, grids, rules, picture, real, classes string
	var needed []float64
	var plan study.Plan
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "error or distance against the number of evaluations",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if plan.Problems, err = c.problemList("problems", problems); err != nil {
				return err
			}
			if plan.Solvers, err = solverList("solvers", list); err != nil {
				return err
			}
			if plan.Grids, err = gridList("grids", grids); err != nil {
				return err
			}
			if err := allPositive("nfe", plan.NFE); err != nil {
				return err
			}
			if err := positive("rows", plan.Rows); err != nil {
				return err
			}
			if plan.Quality != 0 && plan.Quality < quality.MinRows {
				return usagef("--quality: %d, want at least %d", plan.Quality, quality.MinRows)
			}
			if err := readReal(&plan, real, classes); err != nil {
				return err
			}
			plan.Rules = strings.Split(rules, ",")
			for _, name := range plan.Rules {
				if _, err := solvers.StepRule(name); err != nil {
					return flagError("rules", err)
				}
			}
			if plan.Tolerances == nil && cmd.Flags().Changed("rules") {
				return usagef("--rules: it goes with --tolerances")
			}
			if err := checkControlled(plan, needed, picture); err != nil {
				return err
			}
			for _, p := range plan.Problems {
				most := mostSteps
				if p.Gaussian != nil {
					most = mostTraced
				}
				if err := errors.Join(atMost("nfe", slices.Max(plan.NFE), most), atMost("rows", plan.Rows, mostValues/p.Dim), atMost("quality", plan.Quality, mostQuality)); err != nil {
					return err
				}
			}
			progress, finish := c.progress(quiet)
			rows, warnings, runErr := study.Compare(cmd.Context(), plan, ticker(progress, plan.Runs()))
			finish()
			// Finished runs are printed even if the next one failed.
			if asJSON {
				err = c.json(rows)
			} else {
				err = errors.Join(report.Comparisons(c.out, rows, c.style()), report.Adaptive(c.out, rows, needed, c.style()))
			}
			if picture != "" && runErr == nil {
				err = errors.Join(err, report.DrawAdaptive(picture, rows))
			}
			for _, w := range warnings {
				fmt.Fprintf(c.err, "bench: warning: %s\n", w)
			}
			if runErr != nil {
				return runErr
			}
			return err
		},
	}
	cmd.Flags().StringVar(&problems, "problems", "gaussian", "problems, built-in names or JSON files, separated by commas")
	cmd.Flags().StringVar(&list, "solvers", "all", "solvers, separated by commas, or all")
	cmd.Flags().StringVar(&grids, "grids", "quadratic", "grids, separated by commas, or all")
	cmd.Flags().IntSliceVar(&plan.NFE, "nfe", []int{5, 10, 20, 50}, "budgets of evaluations")
	cmd.Flags().Float64SliceVar(&plan.Tolerances, "tolerances", nil, "run the adaptive of the solvers of the probability flow under error control too, at these tolerances, relative and absolute")
	cmd.Flags().StringVar(&rules, "rules", "default", "with --tolerances, step rules, separated by commas: "+strings.Join(solvers.StepRules(), ", ")+"; the last three as published, but for the tolerances")
	cmd.Flags().Float64SliceVar(&needed, "errors", []float64{1e-2, 1e-4, 1e-6}, "with --tolerances, errors for which the evaluations needed are printed")
	cmd.Flags().StringVar(&picture, "png", "", "with --tolerances, file for a picture of error against evaluations")
	cmd.Flags().IntVar(&plan.Rows, "rows", 64, "samples per run")
	cmd.Flags().IntVar(&plan.Quality, "quality", 0, "samples whose law is compared with real ones, at least 40; 0 for none, 1000 if no number is given")
	cmd.Flags().Lookup("quality").NoOptDefVal = "1000"
	cmd.Flags().StringVar(&real, "real", "", "with --quality, file of real samples instead of the problem's: images in IDX, as MNIST's (.gz too), or rows of numbers (.npy, .csv)")
	cmd.Flags().StringVar(&classes, "real-classes", "", "with --real, file of their classes, in IDX or one a row")
	cmd.Flags().Uint64Var(&plan.Seed, "seed", 1, "seed of the initial states and the noise")
	cmd.Flags().BoolVar(&plan.Inversion, "inversion", false, "measure, too, what is left of a sample after inversion to noise and sampling from it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the rows as one JSON document")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress bar")
	return cmd
}

// readReal gives the problems the real samples that the flags name.
func readReal(plan *study.Plan, real, classes string) error {
	switch {
	case real == "" && classes == "":
		return nil
	case real == "":
		return usagef("--real-classes: it goes with --real")
	case plan.Quality == 0:
		return usagef("--real: it goes with --quality")
	}
	samples, labels, dim, err := problem.ReadReal(real, classes, quality.Kept)
	if err != nil {
		return flagError("real", err)
	}
	for i, p := range plan.Problems {
		if p.Dim != dim {
			return usagef("--real: %s: samples of %d values, problem %s has dimension %d", real, dim, p.Name, p.Dim)
		}
		q := *p
		q.Real, q.RealClasses = samples, labels
		plan.Problems[i] = &q
	}
	return nil
}

// checkControlled checks the flags that have to do with error control.
func checkControlled(plan study.Plan, needed []float64, picture string) error {
	for flag, list := range map[string][]float64{"tolerances": plan.Tolerances, "errors": needed} {
		for _, v := range list {
			if !(v > 0 && v <= 1) {
				return usagef("--%s: %v, want more than 0 and at most 1", flag, v)
			}
		}
	}
	if plan.Tolerances == nil {
		if picture != "" {
			return usagef("--png: it goes with --tolerances")
		}
		return nil
	}
	if !slices.ContainsFunc(plan.Solvers, func(s solvers.Solver) bool { return s.Info().Adaptive && !s.Info().Stochastic }) {
		return usagef("--tolerances: none of the solvers estimates its error on the probability flow; bench list --json says which do")
	}
	return checkPicture(picture)
}
