package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/diffsolve/diffsolve/bench/study"
)

// A metric is a figure of merit of a comparison, smaller being better.
type metric struct {
	name string
	of   func(study.Comparison) *float64
}

var metrics = [...]metric{
	{"RMSE", func(c study.Comparison) *float64 { return c.RMSE }},
	{"W₂", func(c study.Comparison) *float64 { return c.W2 }},
}

// A contest is the comparison of solvers by one metric, on one problem and one kind of grid.
type contest struct {
	metric
	problem, grid string
	budgets       []int // ascending
	rows          []contestant
}

// A contestant is a solver with its results by budget.
type contestant struct {
	solver string
	by     map[int]outcome
}

// An outcome is what a solver made of a budget.
type outcome struct {
	nfe   int
	value float64
	floor bool // the value is that of the reference's own error, and the outcome is no worse
}

// text is how a table prints the value.
func (o outcome) text() string {
	if o.floor {
		return "≤" + compact(o.value)
	}
	return compact(o.value)
}

// contests groups the comparisons, in the order in which problems, grids and solvers first
// appear. A solver without any value of a metric is not part of its contest.
func contests(list []study.Comparison) []*contest {
	type key struct{ problem, grid string }
	var keys []key
	for _, c := range list {
		if k := (key{c.Problem, c.Grid}); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	var out []*contest
	for _, k := range keys {
		for _, m := range metrics {
			t := &contest{metric: m, problem: k.problem, grid: k.grid}
			for _, c := range list {
				if c.Problem == k.problem && c.Grid == k.grid {
					t.add(c)
				}
			}
			if len(t.rows) > 0 {
				slices.Sort(t.budgets)
				out = append(out, t)
			}
		}
	}
	return out
}

func (t *contest) add(c study.Comparison) {
	v := t.of(c)
	if v == nil {
		return
	}
	i := slices.IndexFunc(t.rows, func(r contestant) bool { return r.solver == c.Solver })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, contestant{c.Solver, map[int]outcome{}})
	}
	budget := cmp.Or(c.Budget, c.NFE)
	if !slices.Contains(t.budgets, budget) {
		t.budgets = append(t.budgets, budget)
	}
	t.rows[i].by[budget] = outcome{c.NFE, *v, v == c.RMSE && c.ReferenceError != nil && *v <= *c.ReferenceError}
}

// best returns the smallest value within a budget; ok is false if no solver has a number there.
func (t *contest) best(budget int) (least float64, ok bool) {
	least = math.Inf(1)
	for _, r := range t.rows {
		// NaN is not less than anything, so it never wins.
		if o, has := r.by[budget]; has && o.value < least {
			least, ok = o.value, true
		}
	}
	return least, ok
}

// points returns the outcomes of a contestant that a logarithmic axis can show, by evaluations made.
func (r contestant) points() []point {
	var out []point
	for _, o := range r.by {
		if p := (point{float64(o.nfe), o.value}); p.drawable() {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	return out
}

// envelope returns the outcomes that no solver betters with as many evaluations.
func (t *contest) envelope() []point {
	var all []point
	for _, r := range t.rows {
		all = append(all, r.points()...)
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	var out []point
	for _, p := range all {
		if len(out) == 0 || p.y < out[len(out)-1].y {
			out = append(out, p)
		}
	}
	return out
}

// title names the contest.
func (t *contest) title() string { return t.name + " on " + t.problem + ", grid " + t.grid }

// figure draws the contest, a panel for each family.
func (t *contest) figure() *figure {
	f := &figure{
		title:   t.title(),
		alt:     t.name + " against model evaluations on " + t.problem + ", by family of solvers, on logarithmic axes",
		columns: 3, width: 390, height: 300,
	}
	best := t.envelope()
	if len(best) == 0 {
		return nil
	}
	box := newBounds()
	var members [len(families)][]curve
	for _, r := range t.rows {
		points := r.points()
		if len(points) == 0 {
			continue
		}
		for _, p := range points {
			box.add(p)
		}
		i := familyOf(r.solver)
		members[i] = append(members[i], curve{name: r.solver, order: orderOf(r.solver), points: points})
	}
	// A solver that flies off must not flatten all others.
	const beyond = 1e4
	box.ymax = math.Min(box.ymax, beyond*best[0].y)
	var charts []*chart
	g := group{}
	for i, curves := range members {
		if len(curves) == 0 {
			continue
		}
		ch := &chart{
			title: families[i].title, xlabel: "model evaluations", ylabel: t.name, bounds: box.padded(),
			best: best, curves: merged(curves), labels: true,
		}
		charts = append(charts, ch)
		g.panels = append(g.panels, panel{t.title() + ": " + families[i].title, ch.draw})
	}
	align(charts)
	k := key{orders: ordersOf(members[:]...), veil: true, shared: true}
	g.panels = append(g.panels, panel{"key to the colours", k.draw})
	f.groups = []group{g}
	return f
}
