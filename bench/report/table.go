package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/diffsolve/diffsolve/bench/study"
)

// A look is how a cell stands out.
type look int

const (
	plain look = iota
	best       // the least of its column
	good       // a claim that holds
	bad        // one that does not
)

// A cell is one entry of a table.
type cell struct {
	Text string
	Look look
}

// A table is what the page and the terminal both show, each in its own way.
type table struct {
	Title   string
	Columns []column
	Groups  []rows
}

// texts returns plain cells.
func texts(list ...string) []cell {
	var cells []cell
	for _, s := range list {
		cells = append(cells, cell{Text: s})
	}
	return cells
}

// A column has a heading. Numbers are set right, and text left.
type column struct {
	Head   string
	Number bool
}

// rows belong together, under a name if they have one.
type rows struct {
	Name string
	Rows [][]cell
}

// compact writes a number in three digits, with an exponent only where there is no room.
func compact(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+")
	case v == 0:
		return "0"
	case a >= 0.0009995 && a < 999.5:
		return strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(a)+1e-4))), 64)
	default:
		return strconv.FormatFloat(v, 'e', 2, 64)
	}
}

// slope writes an observed order.
func slope(p *float64) string {
	switch {
	case p == nil:
		return "-"
	case math.IsNaN(*p) || math.IsInf(*p, 0):
		return compact(*p)
	}
	return strconv.FormatFloat(*p, 'f', 2, 64)
}

// verdictOf says whether a claim holds.
func verdictOf(holds bool) cell {
	if holds {
		return cell{"yes", good}
	}
	return cell{"NO", bad}
}

// identities has a line for each pair of solvers that are claimed to be identical, with their
// worst difference over all grids and steps. It is nil if there is none.
func identities(list []study.Equivalence) *table {
	type pair struct{ a, b string }
	var pairs []pair
	members := map[pair][]study.Equivalence{}
	for _, e := range list {
		if e.Claim == "converges" {
			continue
		}
		k := pair{e.A, e.B}
		if members[k] == nil {
			pairs = append(pairs, k)
		}
		members[k] = append(members[k], e)
	}
	if pairs == nil {
		return nil
	}
	t := &table{Title: "Claimed identical", Columns: []column{
		{"a", false}, {"b", false}, {"grids", false}, {"steps", false}, {"largest difference", true}, {"holds", false},
	}}
	g := rows{}
	for _, k := range pairs {
		worst, holds := 0.0, true
		var grids []string
		var steps []int
		for _, e := range members[k] {
			if !(e.Difference <= worst) && !math.IsNaN(worst) { // NaN is worse than any number
				worst = e.Difference
			}
			holds = holds && e.Holds
			grids, steps = append(grids, e.Grid), append(steps, e.Steps)
		}
		g.Rows = append(g.Rows, append(texts(k.a, k.b, several(grids), several(steps), compact(worst)), verdictOf(holds)))
	}
	t.Groups = []rows{g}
	return t
}

// convergences has a line for each pair and grid claimed to converge, with how the difference
// falls over the steps.
func convergences(list []study.Equivalence) *table {
	type key struct{ a, b, grid string }
	var keys []key
	members := map[key][]study.Equivalence{}
	for _, e := range list {
		if e.Claim != "converges" {
			continue
		}
		k := key{e.A, e.B, e.Grid}
		if members[k] == nil {
			keys = append(keys, k)
		}
		members[k] = append(members[k], e)
	}
	if keys == nil {
		return nil
	}
	slices.SortStableFunc(keys, func(x, y key) int { // the grids of a pair together
		at := func(k key) int {
			return slices.IndexFunc(list, func(e study.Equivalence) bool { return e.A == k.a && e.B == k.b })
		}
		return at(x) - at(y)
	})
	t := &table{Title: "Claimed to converge", Columns: []column{
		{"a", false}, {"b", false}, {"grid", false}, {"steps", false}, {"difference", true}, {"observed order", true},
		{"holds", false},
	}}
	g := rows{}
	for _, k := range keys {
		m := slices.Clone(members[k])
		slices.SortStableFunc(m, func(a, b study.Equivalence) int { return a.Steps - b.Steps })
		var order *float64
		holds := true
		for _, e := range m {
			if e.Observed != nil {
				order = e.Observed // of the most steps
			}
			holds = holds && e.Holds
		}
		first, last := m[0], m[len(m)-1]
		steps, difference := strconv.Itoa(first.Steps), compact(first.Difference)
		if len(m) > 1 {
			steps += " to " + strconv.Itoa(last.Steps)
			difference += " to " + compact(last.Difference)
		}
		g.Rows = append(g.Rows, append(texts(k.a, k.b, k.grid, steps, difference, slope(order)), verdictOf(holds)))
	}
	t.Groups = []rows{g}
	return t
}

// several lists distinct things in the order of their first appearance.
func several[T comparable](list []T) string {
	var seen []T
	var words []string
	for _, v := range list {
		if !slices.Contains(seen, v) {
			seen, words = append(seen, v), append(words, fmt.Sprint(v))
		}
	}
	return strings.Join(words, ", ")
}

// orderTables has a table for each kind of order: a line for each solver with a claim, and the
// order observed on each problem.
func orderTables(list []study.Order) []*table {
	var names []string
	for _, o := range list {
		if !slices.Contains(names, o.Kind) {
			names = append(names, o.Kind)
		}
	}
	var out []*table
	for _, kind := range names {
		type line struct{ solver, claimed string } // text, since NaN is not found again
		var problems []string
		var lines []line
		found := map[line]map[string]study.Order{}
		for _, o := range list {
			if o.Kind != kind {
				continue
			}
			if !slices.Contains(problems, o.Problem) {
				problems = append(problems, o.Problem)
			}
			k := line{o.Solver, trim(o.Claimed)}
			if found[k] == nil {
				lines, found[k] = append(lines, k), map[string]study.Order{}
			}
			found[k][o.Problem] = o
		}
		t := &table{Title: kind + " order", Columns: []column{{"solver", false}, {"claimed", true}}}
		for _, p := range problems {
			t.Columns = append(t.Columns, column{"on " + p, true})
		}
		t.Columns = append(t.Columns, column{"certified", false})
		var groups [len(families)]rows
		for _, k := range lines {
			row := []cell{{k.solver, plain}, {k.claimed, plain}}
			certified := true
			for _, p := range problems {
				o, ok := found[k][p]
				switch {
				case !ok:
					row = append(row, cell{"-", plain})
				case o.Certified:
					row = append(row, cell{slope(o.Observed), plain})
				default:
					certified = false
					row = append(row, cell{slope(o.Observed), bad})
				}
			}
			i := familyOf(k.solver)
			groups[i].Rows = append(groups[i].Rows, append(row, verdictOf(certified)))
		}
		t.gather(groups)
		out = append(out, t)
	}
	return out
}

// gather takes the families that have rows.
func (t *table) gather(groups [len(families)]rows) {
	for i, g := range groups {
		if len(g.Rows) > 0 {
			g.Name = families[i].title
			t.Groups = append(t.Groups, g)
		}
	}
}

// table lists the contest: solvers by budgets, the best of each budget marked. So are those
// that print the same as the best, for the difference cannot be seen, and estimates above it by no more than its standard error.
func (t *contest) table() *table {
	out := &table{
		Title:   t.title() + ", by budget of model evaluations",
		Columns: []column{{"solver", false}},
	}
	least := map[int]outcome{}
	for _, b := range t.budgets {
		out.Columns = append(out.Columns, column{strconv.Itoa(b), true})
		if v, ok := t.best(b); ok {
			least[b] = v
		}
	}
	var groups [len(families)]rows
	for _, r := range t.rows {
		row := []cell{{r.solver, plain}}
		for _, b := range t.budgets {
			c := cell{"-", plain}
			if o, ok := r.by[b]; ok {
				c.Text = o.text()
				if v, ok := least[b]; ok && o.leads(v) {
					c.Look = best
				}
			}
			row = append(row, c)
		}
		i := familyOf(r.solver)
		groups[i].Rows = append(groups[i].Rows, row)
	}
	out.gather(groups)
	return out
}

// Best, Good and Bad are for the template.
func (c cell) Best() bool { return c.Look == best }
func (c cell) Good() bool { return c.Look == good }
func (c cell) Bad() bool  { return c.Look == bad }
