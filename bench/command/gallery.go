package command

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers"
)

// gallery is what the flags of gallery say.
type gallery struct {
	problem, solvers, references, grid string
	labels                             []int
	picture                            string
	asJSON, quiet                      bool
	plan                               study.GalleryPlan
}

func newGallery(c *console) *cobra.Command {
	var f gallery
	cmd := &cobra.Command{
		Use:   "gallery",
		Short: "images from the same noise by several solvers and budgets, as one picture",
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.run(cmd, c) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.problem, "problem", "digits", "problem whose samples are images, a built-in name or a JSON file")
	labelsFlag(cmd, &f.labels)
	flags.StringVar(&f.solvers, "solvers", "ddim,dpm++2m,unipc", "solvers, separated by commas")
	flags.IntSliceVar(&f.plan.NFE, "nfe", []int{5, 10, 20}, "budgets of evaluations")
	flags.StringVar(&f.references, "references", "expadams3,ddpm", "solvers with many evaluations, to compare with")
	flags.IntVar(&f.plan.ReferenceNFE, "reference-nfe", 1000, "their budget of evaluations")
	flags.StringVar(&f.grid, "grid", "quadratic", "grid")
	flags.IntVar(&f.plan.Rows, "rows", 64, "images of each")
	flags.Uint64Var(&f.plan.Seed, "seed", 1, "seed of the initial states and the noise")
	flags.IntVar(&f.plan.Workers, "workers", runtime.GOMAXPROCS(0), "workers that share the rows; the samples do not depend on their number")
	flags.StringVar(&f.picture, "png", "gallery.png", "file for the picture")
	flags.BoolVar(&f.asJSON, "json", false, "print the figures as one JSON document")
	flags.BoolVar(&f.quiet, "quiet", false, "no progress bar")
	return cmd
}

func (f *gallery) run(cmd *cobra.Command, c *console) (err error) {
	plan := &f.plan
	if err := errors.Join(positive("rows", plan.Rows), positive("workers", plan.Workers), positive("reference-nfe", plan.ReferenceNFE)); err != nil {
		return err
	}
	if err := allPositive("nfe", plan.NFE); err != nil {
		return err
	}
	if err := errors.Join(atMost("nfe", slices.Max(plan.NFE), mostSteps), atMost("reference-nfe", plan.ReferenceNFE, mostSteps)); err != nil {
		return err
	}
	if plan.Solvers, err = solverList("solvers", f.solvers); err != nil {
		return err
	}
	if f.references != "" {
		if plan.References, err = solverList("references", f.references); err != nil {
			return err
		}
	}
	if plan.Grid, err = solvers.GridByName(f.grid); err != nil {
		return flagError("grid", err)
	}
	if f.picture == "" {
		return usagef("--png: no file is named")
	}
	if err := checkPicture(f.picture); err != nil {
		return err
	}
	if plan.Problem, err = c.problem(f.problem, f.labels); err != nil {
		return err
	}
	switch side := plan.Problem.ImageSide; {
	case side == 0:
		return usagef("--problem: %s: its samples are no images", plan.Problem.Name)
	case side*side != plan.Problem.Dim:
		return usagef("--problem: %s: its samples are no grey images; sample --png draws those in colour", plan.Problem.Name)
	}
	most := mostValues / plan.Problem.Dim / ((len(plan.Solvers) + 1) * (len(plan.NFE) + 1))
	if err := atMost("rows", plan.Rows, most); err != nil {
		return err
	}
	progress, finish := c.progress(f.quiet)
	exhibits, runErr := study.Gallery(cmd.Context(), *plan, progress)
	finish()
	if len(exhibits) > 0 {
		if err := report.DrawGallery(f.picture, plan.Problem.ImageSide, exhibits); err != nil {
			return errors.Join(runErr, fmt.Errorf("--png: %w", err))
		}
	}
	if f.asJSON {
		return errors.Join(runErr, c.json(exhibits))
	}
	if err := report.Gallery(c.out, exhibits, c.style()); err != nil || runErr != nil {
		return errors.Join(runErr, err)
	}
	_, err = fmt.Fprintf(c.out, "wrote %s\n", f.picture)
	return err
}
