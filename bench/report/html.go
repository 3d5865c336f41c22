package report

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/diffsolve/diffsolve/bench/study"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"join": strings.Join,
}).Parse(pageText))

// A view is the results as they are shown.
type view struct {
	results      *study.Results
	contests     []*contest
	main         *figure // of the contest that the README shows
	paths        *figure // of the first contest of paths
	controlled   *figure
	orders       *figure
	steps        *figure
	coefficients *figure
	albums       []*album
}

func newView(r *study.Results) *view {
	v := &view{
		results: r, contests: contests(r.Comparisons), controlled: adaptiveFigure(r.Controlled),
		orders: orderFigure(r.Orders), steps: stepsFigure(r.Orders),
		coefficients: coefficientFigure(r.Tables), albums: albums(r.Samples),
	}
	if t := v.headline(); t != nil {
		v.main = t.figure()
	}
	if i := slices.IndexFunc(v.contests, func(t *contest) bool { return t.name == pathError }); i >= 0 {
		v.paths = v.contests[i].figure()
	}
	return v
}

// headline returns the contest that matters most: by the first metric there is, on the problem
// that has pictures or else on the last, for studies go from the simple to the real.
func (v *view) headline() *contest {
	var last *contest
	for _, t := range v.contests {
		if a := v.album(); a != nil && t.problem == a.problem {
			return t
		}
		if last == nil || t.problem != last.problem && t.name == last.name {
			last = t
		}
	}
	return last
}

// album returns the samples that the README shows, or nil.
func (v *view) album() *album {
	if len(v.albums) == 0 {
		return nil
	}
	return v.albums[0]
}

// pictured reports whether there are pictures of samples of the problem.
func (v *view) pictured(problem string) bool {
	return slices.ContainsFunc(v.albums, func(a *album) bool { return a.problem == problem })
}

// html writes the page.
func (v *view) html(w io.Writer) error { return page.Execute(w, v.page()) }

// pageData is what the template shows.
type pageData struct {
	Light, Dark       template.CSS
	Seconds           string
	Solvers, Problems []string
	Equivalences      summary
	EquivalenceTables []*table
	Orders            summary
	OrderTables       []*table
	OrderFigure       *pageFigure
	StepsFigure       *pageFigure
	OrderKinds        []string
	Leaders           []string
	Headline          string
	Contests          []pageContest
	Tolerances        string // how well they are kept
	Controlled        *pageFigure
	ControlledTables  []*table
	Coefficients      *pageFigure
	Albums            []pageAlbum
	Warnings          []string
}

type pageContest struct {
	ID, Title string
	Open      bool // the others are folded, and what is not of the first metric
	Figure    *pageFigure
	Table     *table
}

type pageFigure struct {
	Alt    string
	Least  int // pixels of a panel's width, so that as many stand side by side as in a PNG
	Groups []struct {
		Heading string
		Panels  []template.HTML
	}
}

type pageAlbum struct {
	Problem string
	Heads   []string
	Groups  []*pageGroup // all of few solvers, or a selection and each family; those after the first are folded
}

type pageGroup struct {
	Name    string
	Solvers int
	Open    bool
	Rows    []pageRow // first the reference, if there is one
}

type pageRow struct {
	Solver string
	Strips []*pageStrip // nil where there is none
}

type pageStrip struct {
	URI           template.URL
	Width, Height int
	Alt, Note     string
}

func (v *view) page() pageData {
	r := v.results
	d := pageData{
		Light: template.CSS(light.css()), Dark: template.CSS(dark.css()),
		Equivalences: equivalenceSummary(r.Equivalences), Orders: orderSummary(r.Orders),
		OrderTables: orderTables(r.Orders), OrderFigure: v.orders.page(), StepsFigure: v.steps.page(),
		Coefficients: v.coefficients.page(), Warnings: r.Warnings,
	}
	if r.Seconds > 0 {
		d.Seconds = compact(r.Seconds)
	}
	solver, problem := collector(&d.Solvers), collector(&d.Problems)
	for _, o := range r.Orders {
		solver(o.Solver)
		problem(o.Problem)
	}
	for _, c := range r.Comparisons {
		solver(c.Solver)
		problem(c.Problem)
	}
	for _, t := range []*table{identities(r.Equivalences), convergences(r.Equivalences)} {
		if t != nil {
			d.EquivalenceTables = append(d.EquivalenceTables, t)
		}
	}
	kind := collector(&d.OrderKinds)
	for _, o := range r.Orders {
		if what, ok := kinds[o.Kind]; ok {
			kind(o.Kind + ": " + what)
		}
	}
	if t := v.headline(); t != nil {
		d.Headline, d.Leaders = t.name+" on "+t.problem, t.leaders()
	}
	for i, t := range v.contests {
		d.Contests = append(d.Contests, pageContest{
			ID: fmt.Sprintf("error-%d", i+1), Title: t.title(), Open: i == 0 || v.pictured(t.problem) && v.contests[i-1].problem != t.problem || t.name == pathError, Figure: t.figure().page(), Table: t.table(),
		})
	}
	d.Controlled, d.Tolerances = v.controlled.page(), toleranceSummary(r.Controlled)
	d.ControlledTables = append(controlled(r.Controlled), needed(r.Controlled, neededErrors)...)
	for _, a := range v.albums {
		d.Albums = append(d.Albums, a.page())
	}
	return d
}

// collector returns what adds to a list the strings that are not in it.
func collector(list *[]string) func(string) {
	return func(s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
}

func (f *figure) page() *pageFigure {
	if f == nil {
		return nil
	}
	const room = 1260 - 32 // that the page has
	out := &pageFigure{Alt: f.alt, Least: room/max(f.columns, 3) - 60}
	for _, g := range f.groups {
		var panels []template.HTML
		for _, p := range g.panels {
			panels = append(panels, f.svg(g, p))
		}
		out.Groups = append(out.Groups, struct {
			Heading string
			Panels  []template.HTML
		}{g.heading, panels})
	}
	return out
}

func (a *album) page() pageAlbum {
	out := pageAlbum{Problem: a.problem, Heads: []string{"samples"}}
	budgets := a.budgets
	if len(budgets) == 0 {
		budgets = []int{0} // a column for the reference alone
	} else {
		out.Heads = nil
		for _, b := range budgets {
			out.Heads = append(out.Heads, fmt.Sprintf("budget %d", b))
		}
	}
	rows := func(l line) pageRow {
		row := pageRow{Solver: l.name}
		for _, b := range budgets {
			var strip *pageStrip
			if s, ok := l.of(b); ok {
				strip = pageStripOf(s)
			}
			row.Strips = append(row.Strips, strip)
		}
		return row
	}
	begin := func(name string) *pageGroup {
		g := &pageGroup{Name: name, Open: len(out.Groups) == 0}
		if a.reference != nil {
			g.Rows = append(g.Rows, rows(a.lines()[0]))
		}
		out.Groups = append(out.Groups, g)
		return g
	}
	few := len(a.solvers) <= handful
	if selection := a.selection(); few || selection != a {
		g := begin("A selection")
		if few {
			g.Name = "All"
		}
		for _, l := range selection.solverLines() {
			g.Rows, g.Solvers = append(g.Rows, rows(l)), g.Solvers+1
		}
	}
	if few {
		return out
	}
	var g *pageGroup
	family := -1
	for _, l := range a.solverLines() {
		if i := familyOf(l.name); i != family {
			family, g = i, begin(families[i].title)
		}
		g.Rows, g.Solvers = append(g.Rows, rows(l)), g.Solvers+1
	}
	return out
}

// pageStripOf prepares pictures to be shown at a whole multiple of their size, so that pixels
// stay square.
func pageStripOf(s study.Samples) *pageStrip {
	b, size := strip(s)
	zoom := max(1, 32/s.Side)
	p := &pageStrip{
		URI:   template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b)),
		Width: size.X * zoom, Height: size.Y * zoom,
		Alt: fmt.Sprintf("%d samples by %s, %d evaluations", count(s), s.Solver, s.NFE),
	}
	if s.Budget > 0 && s.NFE != s.Budget {
		p.Note = fmt.Sprintf("%d made", s.NFE)
	}
	return p
}
