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
			Columns: []column{{"solver", false}, {"tolerance", true}, {"steps", true}, {"rejected", true}, {"NFE", true}, {"RMSE", true}, {"median", true}, {"median/tolerance", true}}}
		for _, c := range list {
			if c.Problem != problem || c.Tolerance == nil || c.RMSE == nil || c.Median == nil {
				continue
			}
			t.Groups[0].Rows = append(t.Groups[0].Rows, texts(controlledName(c), strconv.FormatFloat(*c.Tolerance, 'g', -1, 64), strconv.Itoa(c.Steps),
				strconv.Itoa(*c.Rejected), strconv.Itoa(c.NFE), compact(*c.RMSE), compact(*c.Median), compact(*c.Median / *c.Tolerance)))
		}
		out = append(out, t)
	}
	return out
}

// needed returns a table of the evaluations needed for the errors for each problem.
func needed(list []study.Comparison, errors []float64) (out []*table) {
	needs := study.Needs(list, errors)
	for _, problem := range problemsOf(list) {
		t := &table{Title: "NFE needed for a median error on " + problem, Groups: []rows{{}}, Columns: []column{{"solver", false}, {"steps", false}}}
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

// DrawAdaptive writes a PNG of the runs under error control, a line of panels for each problem: what a tolerance gives, what
// it costs, and the same solvers on each grid. The error names the file.
func DrawAdaptive(file string, list []study.Comparison) error {
	f := adaptiveFigure(list)
	if f == nil {
		return fmt.Errorf("report: %s: no run under error control to draw", file)
	}
	if err := replace(file, drawn(f, (*figure).png)); err != nil {
		return fmt.Errorf("report: %s: %w", file, err)
	}
	return nil
}

// adaptiveFigure draws the runs under error control and those on grids beside them. It is nil if there is nothing to draw.
func adaptiveFigure(list []study.Comparison) *figure {
	f := &figure{
		title:   "Error control",
		alt:     "error against tolerance, and against model evaluations with and without error control, on logarithmic axes",
		columns: 3, width: 390, height: 320,
	}
	for _, problem := range problemsOf(list) {
		var grids []string
		grid := collector(&grids)
		grid("adaptive")
		byGrid, byTolerance := map[string][]curve{}, []curve(nil)
		box, tolerances := newBounds(), newBounds()
		var all []point
		for _, c := range list {
			if c.Problem != problem || c.Median == nil {
				continue
			}
			p := point{float64(c.NFE), *c.Median}
			if !p.drawable() {
				continue
			}
			grid(c.Grid)
			byGrid[c.Grid] = extended(byGrid[c.Grid], c.Solver, c.Solver, p)
			all = append(all, p)
			box.add(p)
			if c.Tolerance != nil {
				q := point{*c.Tolerance, p.y}
				byTolerance = extended(byTolerance, c.Solver, controlledName(c), q)
				tolerances.add(q)
				tolerances.add(point{q.x, q.x}) // the line y = x
			}
		}
		least := envelopeOf(all)
		if len(least) == 0 || len(byTolerance) == 0 {
			continue
		}
		box.ymax = math.Min(box.ymax, beyond*least[0].y)
		charts := []*chart{{title: "What a tolerance gives", xlabel: "tolerance", ylabel: "median error", bounds: tolerances.padded(), curves: merged(byTolerance), labels: true, equal: true}}
		slices.SortStableFunc(grids, func(a, b string) int {
			return cmp.Compare(btoi(strings.HasPrefix(b, "adaptive")), btoi(strings.HasPrefix(a, "adaptive")))
		})
		for _, name := range grids {
			if len(byGrid[name]) == 0 {
				continue
			}
			title := "The same solvers on the grid " + name
			if rule, ok := strings.CutPrefix(name, "adaptive"); ok {
				title = "What it costs" + rule
			}
			charts = append(charts, &chart{title: title, xlabel: "model evaluations", ylabel: "median error", bounds: box.padded(), best: least, curves: merged(byGrid[name]), labels: true})
		}
		align(charts)
		g := group{heading: problem}
		for _, ch := range charts {
			g.panels = append(g.panels, panel{problem + ", " + ch.title, ch.draw})
		}
		f.groups = append(f.groups, g)
	}
	if len(f.groups) == 0 {
		return nil
	}
	return f
}

// controlledName names a solver and, if it is not the default, the rule by which its steps are chosen.
func controlledName(c study.Comparison) string {
	if _, rule, ok := strings.Cut(c.Grid, " "); ok {
		return c.Solver + " by " + rule
	}
	return c.Solver
}

// extended adds a point to the curve of a solver, by the given name, which is begun if there is none. Points ascend.
func extended(curves []curve, solver, name string, p point) []curve {
	i := slices.IndexFunc(curves, func(u curve) bool { return u.name == name })
	if i < 0 {
		i = len(curves)
		curves = append(curves, curve{name: name, order: orderOf(solver)})
	}
	at, _ := slices.BinarySearchFunc(curves[i].points, p, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	curves[i].points = slices.Insert(curves[i].points, at, p)
	return curves
}
