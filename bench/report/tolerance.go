package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/diffsolve/diffsolve/bench/study"
)

// Adaptive prints the runs under error control: for each problem a table of what each tolerance cost and gave, and one
// of the evaluations that every solver, under control and on grids, needs for the given errors. "<n" says that n are more
// than enough, and "-" that no run reached the error. Without such runs it prints nothing.
func Adaptive(w io.Writer, list []study.Comparison, errors []float64, style Style) error {
	p := newPrinter(w, style)
	p.begun = true // the other tables are above
	for _, t := range append(controlled(list), needed(list, errors)...) {
		p.table(t)
	}
	return p.w.Flush()
}

// neededErrors are the errors for which the report says what they need.
var neededErrors = []float64{1e-1, 1e-2, 1e-3, 1e-4}

// problemsOf returns the problems with runs under error control, in order.
func problemsOf(list []study.Comparison) (out []string) {
	for _, c := range list {
		if c.Tolerance != nil && !slices.Contains(out, c.Problem) {
			out = append(out, c.Problem)
		}
	}
	return out
}

// controlled returns a table of the runs under error control for each problem.
func controlled(list []study.Comparison) (out []*table) {
	for _, problem := range problemsOf(list) {
		t := &table{Title: "Error control on " + problem, Groups: []rows{{}},
			Columns: []column{{"solver", false}, {"tolerance", true}, {"steps", true}, {"rejected", true}, {"NFE", true}, {"RMSE", true}, {"RMSE/tolerance", true}}}
		for _, c := range list {
			if c.Problem != problem || c.Tolerance == nil || c.RMSE == nil {
				continue
			}
			name := c.Solver
			if _, rule, ok := strings.Cut(c.Grid, " "); ok {
				name += " by " + rule
			}
			t.Groups[0].Rows = append(t.Groups[0].Rows, texts(name, strconv.FormatFloat(*c.Tolerance, 'g', -1, 64), strconv.Itoa(c.Steps),
				strconv.Itoa(*c.Rejected), strconv.Itoa(c.NFE), compact(*c.RMSE), compact(*c.RMSE / *c.Tolerance)))
		}
		out = append(out, t)
	}
	return out
}

// needed returns a table of the evaluations needed for the errors for each problem.
func needed(list []study.Comparison, errors []float64) (out []*table) {
	needs := study.Needs(list, errors)
	for _, problem := range problemsOf(list) {
		t := &table{Title: "NFE needed for an RMSE on " + problem, Groups: []rows{{}}, Columns: []column{{"solver", false}, {"steps", false}}}
		least := make([]float64, len(errors))
		for j, e := range errors {
			t.Columns = append(t.Columns, column{strconv.FormatFloat(e, 'g', -1, 64), true})
			least[j] = math.Inf(1)
			for _, n := range needs {
				if n.Problem == problem && n.NFE[j].Count > 0 {
					least[j] = min(least[j], n.NFE[j].Count)
				}
			}
		}
		for _, n := range needs {
			if n.Problem != problem {
				continue
			}
			cells := texts(n.Solver, n.Grid)
			for j, e := range n.NFE {
				c := cell{Text: "-"}
				switch {
				case e.Bound:
					c.Text = fmt.Sprintf("<%.0f", e.Count)
				case e.Count > 0:
					c.Text = fmt.Sprintf("%.0f", e.Count)
				}
				if e.Count > 0 && e.Count == least[j] {
					c.Look = best
				}
				cells = append(cells, c)
			}
			t.Groups[0].Rows = append(t.Groups[0].Rows, cells)
		}
		out = append(out, t)
	}
	return out
}

// DrawAdaptive writes a picture of error against evaluations, PNG, for each problem with runs under error control: a panel of those runs
// and one for each grid, on the same axes and over the best of all.
func DrawAdaptive(file string, list []study.Comparison) error {
	f := adaptiveFigure(list)
	if f == nil {
		return fmt.Errorf("report: no run under error control to draw")
	}
	b, err := f.png()
	if err == nil {
		err = replace(file, func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("report: %s: %w", file, err)
	}
	return nil
}

func adaptiveFigure(list []study.Comparison) *figure {
	f := &figure{title: "RMSE against model evaluations", columns: 2, width: 520, height: 400,
		alt: "error against model evaluations, of runs under error control and on grids, on logarithmic axes"}
	for _, problem := range problemsOf(list) {
		g := group{heading: problem}
		byGrid := map[string][]curve{}
		var grids []string
		box := newBounds()
		var all []point
		for _, c := range list {
			if c.Problem != problem || c.RMSE == nil {
				continue
			}
			p := point{float64(c.NFE), *c.RMSE}
			if !p.drawable() {
				continue
			}
			if _, ok := byGrid[c.Grid]; !ok {
				grids = append(grids, c.Grid)
			}
			curves := byGrid[c.Grid]
			i := slices.IndexFunc(curves, func(u curve) bool { return u.name == c.Solver })
			if i < 0 {
				i = len(curves)
				curves = append(curves, curve{name: c.Solver, order: orderOf(c.Solver)})
			}
			curves[i].points = append(curves[i].points, p)
			byGrid[c.Grid] = curves
			all = append(all, p)
		}
		least := envelopeOf(all)
		for _, p := range all {
			box.add(p)
		}
		if len(least) == 0 {
			continue
		}
		const beyond = 1e4 // as in a contest
		box.ymax = math.Min(box.ymax, beyond*least[0].y)
		slices.SortStableFunc(grids, func(a, b string) int {
			return cmp.Compare(btoi(strings.HasPrefix(b, "adaptive")), btoi(strings.HasPrefix(a, "adaptive")))
		})
		var charts []*chart
		for _, grid := range grids {
			title := "on the grid " + grid
			if rule, ok := strings.CutPrefix(grid, "adaptive"); ok {
				title = "under error control" + rule
			}
			for _, u := range byGrid[grid] {
				slices.SortFunc(u.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
			}
			ch := &chart{title: title, xlabel: "model evaluations", ylabel: "RMSE", bounds: box.padded(), best: least, curves: merged(byGrid[grid]), labels: true}
			charts = append(charts, ch)
			g.panels = append(g.panels, panel{problem + " " + title, ch.draw})
		}
		align(charts)
		f.groups = append(f.groups, g)
	}
	if len(f.groups) == 0 {
		return nil
	}
	return f
}
