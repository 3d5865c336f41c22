package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/diffsolve/diffsolve/bench/quality"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers"
)

// A metric is a figure of merit of a comparison, smaller being better, with its standard error if it is an estimate.
type metric struct {
	name  string
	of    func(study.Comparison) (value, se *float64)
	least float64 // what is drawn: values below are rounding, and would flatten the rest of the picture
}

var metrics = [...]metric{
	{"median error", func(c study.Comparison) (value, se *float64) { return c.Median, nil }, 0},
	{"RMSE", func(c study.Comparison) (value, se *float64) { return c.RMSE, nil }, 0},
	{"W₂", func(c study.Comparison) (value, se *float64) { return c.W2, nil }, 0},
	{pathError, func(c study.Comparison) (value, se *float64) { return c.PathError, nil }, 0},
	{"inversion error", func(c study.Comparison) (value, se *float64) { return c.Inversion, nil }, 1e-10}, // of reversible solvers there is none
	{"Fréchet distance²", measured(func(m *quality.Measures) *quality.Estimate { return &m.Frechet }), 0},
	{"sliced W₂²", measured(func(m *quality.Measures) *quality.Estimate { return &m.SlicedW2 }), 0},
	{"MMD²", measured(func(m *quality.Measures) *quality.Estimate { return &m.MMD2 }), 0},
	{"share of split votes", measured(func(m *quality.Measures) *quality.Estimate { return m.SplitVote }), 0},
	{"share of wrong classes", measured(func(m *quality.Measures) *quality.Estimate { return m.WrongClass }), 0},
}

const pathError = "error of the path"

func measured(of func(*quality.Measures) *quality.Estimate) func(study.Comparison) (value, se *float64) {
	return func(c study.Comparison) (value, se *float64) {
		if c.Quality == nil {
			return nil, nil
		}
		e := of(c.Quality)
		if e == nil {
			return nil, nil
		}
		return &e.Value, &e.SE
	}
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
	se    *float64
}

// text is how a table prints the value.
func (o outcome) text() string {
	switch {
	case o.floor:
		return "≤" + compact(o.value)
	case o.se != nil:
		return compact(o.value) + "±" + strconv.FormatFloat(*o.se, 'g', 2, 64)
	}
	return compact(o.value)
}

// leads reports whether the outcome is the least, as it prints, or an estimate that is above it by no more than the least's standard error.
func (o outcome) leads(least outcome) bool {
	return compact(o.value) == compact(least.value) || least.se != nil && o.value-least.value <= *least.se
}

// contests groups the comparisons, in the order in which problems, grids and solvers first
// appear. A solver without any value of a metric is not part of its contest, and runs under error control are not part of any:
// they have no budget.
func contests(list []study.Comparison) []*contest {
	list = slices.DeleteFunc(slices.Clone(list), func(c study.Comparison) bool { return c.Tolerance != nil })
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
	v, se := t.of(c)
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
	t.rows[i].by[budget] = outcome{c.NFE, *v, (v == c.RMSE || v == c.Median) && c.ReferenceError != nil && *v <= *c.ReferenceError, se}
}

// best returns the outcome of the smallest value within a budget; ok is false if no solver has a number there.
func (t *contest) best(budget int) (least outcome, ok bool) {
	least.value = math.Inf(1)
	for _, r := range t.rows {
		// NaN is not less than anything, so it never wins.
		if o, has := r.by[budget]; has && o.value < least.value {
			least, ok = o, true
		}
	}
	return least, ok
}

// points returns the outcomes of a contestant that a logarithmic axis can show and that are not below least, by evaluations made. Estimates are not
// among them: the axis shows neither those below 0 nor how well they are known.
func (r contestant) points(least float64) []point {
	var out []point
	for _, o := range r.by {
		if p := (point{float64(o.nfe), o.value}); o.se == nil && p.drawable() && p.y >= least {
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
		all = append(all, r.points(t.least)...)
	}
	return envelopeOf(all)
}

// envelopeOf returns the points that none betters further left, and sorts all.
func envelopeOf(all []point) []point {
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
func (t *contest) title() string {
	first, n := utf8.DecodeRuneInString(t.name)
	return string(unicode.ToUpper(first)) + t.name[n:] + " on " + t.problem + ", grid " + t.grid
}

// handful is the number of curves that are named, all of them, in one panel.
const handful = 10

// named returns the solvers whose curves have a name and a colour: all of a handful, the landmarks, and who is the best of a family within some budget.
func (t *contest) named() map[string]bool {
	named := map[string]bool{}
	var members [len(families)][]string
	for _, r := range t.rows {
		i := familyOf(r.solver)
		members[i] = append(members[i], r.solver)
	}
	for _, list := range members {
		for _, name := range list {
			named[name] = len(list) <= handful
		}
	}
	for _, b := range t.budgets {
		var least [len(families)]outcome
		for _, r := range t.rows {
			i := familyOf(r.solver)
			if o, ok := r.by[b]; ok && o.value > 0 && (least[i].value == 0 || o.value < least[i].value) {
				least[i] = o
			}
		}
		for _, r := range t.rows {
			if o, ok := r.by[b]; ok && o.value > 0 && compact(o.value) == compact(least[familyOf(r.solver)].value) {
				named[r.solver] = true
			}
		}
	}
	for _, s := range landmarks {
		named[s] = true
	}
	return named
}

// beyond is how many times the best error of the fewest evaluations a chart shows: a solver that flies off must not flatten all others.
const beyond = 100

// orderOf returns the order that a solver claims in the contest.
func (t *contest) orderOf(solver string) float64 {
	if s, err := solvers.ByName(solver); err == nil && t.name == pathError {
		return s.Info().StrongOrder
	}
	return orderOf(solver)
}

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
	named := t.named()
	var members [len(families)][]curve
	for _, r := range t.rows {
		points := r.points(t.least)
		if len(points) == 0 {
			continue
		}
		for _, p := range points {
			box.add(p)
		}
		i := familyOf(r.solver)
		members[i] = append(members[i], curve{name: r.solver, order: t.orderOf(r.solver), faint: !named[r.solver], points: points})
	}
	box.ymax = math.Min(box.ymax, beyond*best[0].y)
	var charts []*chart
	g := group{}
	k := key{orders: ordersOf(members[:]...), veil: true}
	for i, curves := range members {
		if len(curves) == 0 {
			continue
		}
		ch := &chart{
			title: families[i].title, xlabel: "model evaluations", ylabel: t.name, bounds: box.padded(),
			best: best, curves: merged(curves), labels: true,
		}
		k.faint = k.faint || slices.ContainsFunc(curves, func(u curve) bool { return u.faint })
		charts = append(charts, ch)
		g.panels = append(g.panels, panel{t.title() + ": " + families[i].title, ch.draw})
	}
	align(charts)
	f.columns, k.shared = min(f.columns, len(charts)+1), len(charts) > 1
	g.panels = append(g.panels, panel{"key to the colours", k.draw})
	f.groups = []group{g}
	return f
}
