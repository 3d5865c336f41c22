package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/bench/versus"
)

func newVersus(c *console) *cobra.Command {
	var python, only, picture string
	var scale bool
	var set versus.Settings
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "versus",
		Short: "time against other toolkits on the same work, as ratios",
		Long: "Times this toolkit and others on the same work, in rounds that alternate, and prints the ratios: ours by theirs, so that less is faster.\n\n" +
			"The other side is Python: " + versus.Install,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(positive("rounds", set.Rounds), positive("threads", set.Threads)); err != nil {
				return err
			}
			if picture != "" && !scale {
				return usagef("--png: it goes with --scale")
			}
			if scale {
				return c.scale(cmd, set.Rounds, picture, asJSON, quiet)
			}
			for _, w := range versus.Works() {
				if strings.Contains(w.Name, only) {
					set.Works = append(set.Works, w)
				}
			}
			if len(set.Works) == 0 {
				var names []string
				for _, w := range versus.Works() {
					names = append(names, w.Name)
				}
				return usagef("--only: no work has %q in its name; there are %s", only, strings.Join(names, ", "))
			}
			peers, err := versus.Start(cmd.Context(), python, ".", set.Threads)
			if err != nil {
				return usageError{err}
			}
			progress, finish := c.progress(quiet)
			results, warnings, runErr := versus.Compare(cmd.Context(), peers, set, ticker(progress, len(set.Works)))
			finish()
			if runErr == nil {
				runErr = peers.Close()
			}
			if asJSON {
				err = c.json(results)
			} else {
				err = report.Versus(c.out, results, c.style())
			}
			for _, w := range warnings {
				fmt.Fprintf(c.err, "bench: warning: %s\n", w)
			}
			return errors.Join(runErr, err)
		},
	}
	cmd.Flags().StringVar(&python, "python", defaultPython(), "interpreter of the environment with the peers; DIFFSOLVE_PEERS is the default")
	cmd.Flags().StringVar(&only, "only", "", "works whose names contain this")
	cmd.Flags().IntVar(&set.Rounds, "rounds", 7, "rounds of each side, in turn")
	cmd.Flags().IntVar(&set.Threads, "threads", 1, "threads of each side")
	cmd.Flags().BoolVar(&scale, "scale", false, "in place of the comparison: how the time of a run grows with rows, dimension, components and steps")
	cmd.Flags().StringVar(&picture, "png", "", "picture of it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the results as one JSON document")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress bar")
	return cmd
}

// scale prints, and draws, how the time of a run grows.
func (c *console) scale(cmd *cobra.Command, rounds int, picture string, asJSON, quiet bool) error {
	progress, finish := c.progress(quiet)
	sizes, err := versus.Scale(cmd.Context(), rounds, ticker(progress, versus.Sizes()))
	finish()
	if err != nil {
		return err
	}
	if picture != "" {
		if err := report.DrawSizes(picture, sizes); err != nil {
			return err
		}
	}
	if asJSON {
		return c.json(sizes)
	}
	return report.Sizes(c.out, sizes, c.style())
}

func defaultPython() string {
	if p := os.Getenv("DIFFSOLVE_PEERS"); p != "" {
		return p
	}
	return "python3"
}
