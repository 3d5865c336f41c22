package command

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/solvers"
)

// entry is a line of list --json.
type entry struct {
	Name        string      `json:"name"`
	About       string      `json:"about"`
	Order       int         `json:"order"`
	WeakOrder   float64     `json:"weak_order"`
	StrongOrder float64     `json:"strong_order"`
	NFE         int         `json:"nfe"`
	StartNFE    int         `json:"start_nfe"`
	StartSteps  int         `json:"start_steps"`
	Memory      int         `json:"memory"`
	Stochastic  bool        `json:"stochastic"`
	Adaptive    bool        `json:"adaptive"`
	Approximate bool        `json:"approximate"`
	Prediction  string      `json:"prediction"`
	Reference   string      `json:"reference"`
	Parameters  []parameter `json:"parameters"`
}

type parameter struct {
	Name    string   `json:"name"`
	Default string   `json:"default"`
	About   string   `json:"about"`
	Values  []string `json:"values,omitempty"`
}

func newList(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "the catalogue: solvers with their orders and parameters, grids and problems",
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return c.json(catalogue())
			}
			return c.list()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the solvers as one JSON document")
	return cmd
}

func catalogue() []entry {
	var out []entry
	for _, s := range solvers.Catalog() {
		i := s.Info()
		e := entry{Name: i.Name, About: i.About, Order: i.Order, WeakOrder: i.WeakOrder, StrongOrder: i.StrongOrder,
			NFE: i.NFE, StartNFE: i.StartNFE, StartSteps: i.StartSteps, Memory: i.Memory, Stochastic: i.Stochastic, Adaptive: i.Adaptive, Approximate: i.Approximate,
			Prediction: i.Kind.String(), Reference: i.Ref, Parameters: []parameter{}}
		for _, p := range solvers.Parameters(s) {
			e.Parameters = append(e.Parameters, parameter(p))
		}
		out = append(out, e)
	}
	return out
}

func (c *console) list() error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "solver\torder\tNFE\tparameters\tabout")
	for _, e := range catalogue() {
		order := fmt.Sprint(e.Order)
		switch {
		case e.Approximate:
			order = "none"
		case e.Stochastic:
			order = fmt.Sprintf("%g weak", e.WeakOrder)
		}
		parameters := ""
		for i, p := range e.Parameters {
			if i > 0 {
				parameters += " "
			}
			parameters += p.Name + "=" + p.Default
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", e.Name, order, e.NFE, parameters, e.About)
	}
	fmt.Fprintln(w, "\ngrid\t\t\t\tabout")
	for _, g := range solvers.Grids() {
		parameters := ""
		for i, p := range solvers.Parameters(g) {
			if i > 0 {
				parameters += " "
			}
			parameters += p.Name + "=" + p.Default
		}
		fmt.Fprintf(w, "%s\t\t\t%s\t%s\n", g.Name(), parameters, g.About())
	}
	fmt.Fprintln(w, "\nproblem\t\t\t\tabout")
	for _, p := range problem.List() {
		fmt.Fprintf(w, "%s\t\t\t\t%s\n", p.Name, p.About)
	}
	return w.Flush()
}
