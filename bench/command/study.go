package command

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/bench/study"
)

func newStudy(c *console) *cobra.Command {
	var out string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "study",
		Short: "the main job: equivalences, certified orders, error against evaluations; writes a report",
		RunE: func(cmd *cobra.Command, _ []string) error {
			progress, finish := c.progress(quiet)
			results, runErr := study.Run(cmd.Context(), progress)
			finish()
			if runErr != nil {
				results.Warnings = append(results.Warnings, "the study did not finish: "+runErr.Error())
			}
			// What is finished is reported even after an interruption.
			files, err := report.Write(out, results)
			if err != nil {
				return errors.Join(runErr, err)
			}
			if asJSON {
				return errors.Join(runErr, c.json(results))
			}
			if err := report.Text(c.out, results, c.style()); err != nil {
				return errors.Join(runErr, err)
			}
			fmt.Fprintf(c.out, "\n%.1f s. The report is %s", results.Seconds, filepath.Join(out, "index.html"))
			fmt.Fprintf(c.out, " (%d files).\n", len(files))
			return runErr
		},
	}
	cmd.Flags().StringVar(&out, "out", "report", "folder of the report")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the results as one JSON document")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress bar")
	return cmd
}
