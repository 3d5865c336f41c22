package command

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/solvers"
)

// traceDocument is the document of trace --json. All rows have all columns.
type traceDocument struct {
	Solver      string     `json:"solver"`
	Grid        []float64  `json:"grid"`
	Evaluations []traceRow `json:"evaluations"`
	Result      traceRow   `json:"result"`
	Draws       []drawn    `json:"draws"` // the intervals of Brownian motion behind the noises
}

type traceRow struct {
	Time    float64   `json:"time"`
	State   float64   `json:"state"`
	Outputs []float64 `json:"outputs"`
	Noises  []float64 `json:"noises"`
}

type drawn struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Area bool    `json:"area,omitempty"` // the noise is of the interval's space-time Lévy area
}

func newTrace(c *console) *cobra.Command {
	var solver, grid, problemName string
	var steps int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "a solver's coefficient table: every state as a combination of the start, the model's outputs and the noise",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := solvers.ByName(solver)
			if err != nil {
				return flagError("solver", err)
			}
			if err := atMost("steps", steps, mostTraced); err != nil {
				return err
			}
			p, err := c.problems.Find(problemName)
			if err != nil {
				return flagError("problem", err)
			}
			t, err := times(grid, p.Schedule, steps, cmd.Flags().Changed("steps"))
			if err != nil {
				return err
			}
			table, err := solvers.Trace(s, p.Schedule, t)
			if errors.Is(err, solvers.ErrParameter) {
				return flagError("solver", err)
			}
			if err != nil {
				return err
			}
			document := documentOf(table)
			if asJSON {
				return c.json(document)
			}
			return c.table(document)
		},
	}
	cmd.Flags().StringVar(&solver, "solver", "ddim", "solver, with parameters after a colon")
	cmd.Flags().IntVar(&steps, "steps", 5, "number of steps")
	cmd.Flags().StringVar(&grid, "grid", "quadratic", "grid, or a file of times (.npy, .csv)")
	cmd.Flags().StringVar(&problemName, "problem", "gaussian", "problem whose schedule is used")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the table as one JSON document")
	return cmd
}

func documentOf(t *solvers.Coefficients) traceDocument {
	row := func(time float64, r solvers.Row) traceRow {
		out := traceRow{time, r.State, make([]float64, len(t.Evaluations)), make([]float64, len(t.Draws))}
		copy(out.Outputs, r.Outputs)
		copy(out.Noises, r.Noises)
		return out
	}
	d := traceDocument{Solver: t.Solver, Grid: t.Grid, Evaluations: []traceRow{}, Draws: []drawn{}}
	for _, e := range t.Evaluations {
		d.Evaluations = append(d.Evaluations, row(e.Time, e.Input))
	}
	for _, r := range t.Draws {
		d.Draws = append(d.Draws, drawn(r))
	}
	d.Result = row(t.Grid[len(t.Grid)-1], t.Result)
	return d
}

func (c *console) table(d traceDocument) error {
	fmt.Fprintf(c.out, "%s: each line is the input of an evaluation, the last the result, as a combination of\nthe initial state x, the outputs e as noise predictions, and standard normals z, or h where they are of Lévy areas.\n\n", d.Solver)
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "t\tx\t")
	for k := range d.Evaluations {
		fmt.Fprintf(w, "e%d\t", k)
	}
	for k, r := range d.Draws {
		name := "z"
		if r.Area {
			name = "h"
		}
		fmt.Fprintf(w, "%s%d\t", name, k)
	}
	fmt.Fprintln(w)
	line := func(r traceRow, outputs, noises int) {
		fmt.Fprintf(w, "%.5g\t%.6g\t", r.Time, r.State)
		for k, v := range r.Outputs {
			fmt.Fprint(w, coefficient(v, k < outputs))
		}
		for k, v := range r.Noises {
			fmt.Fprint(w, coefficient(v, k < noises))
		}
		fmt.Fprintln(w)
	}
	for k, e := range d.Evaluations {
		line(e, k, len(e.Noises))
	}
	line(d.Result, len(d.Evaluations), len(d.Draws))
	return w.Flush()
}

// coefficient prints a cell, empty where nothing can stand yet.
func coefficient(v float64, possible bool) string {
	if !possible || v == 0 {
		return "\t"
	}
	return fmt.Sprintf("%.6g\t", v)
}
