package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// kinds says what the error of each kind of order is of.
var kinds = map[string]string{
	"ode":    "error of the solution of the probability flow",
	"weak":   "error of the law of the samples",
	"strong": "error of the path",
}

// A certificate is the orders of one kind that a solver was observed to have, on one problem after another.
type certificate struct {
	solver   string
	claimed  float64
	observed []study.Order
}

// A certificates panel is a line for each solver of a family, with how far the observed orders are from the claimed one.
type certificates struct {
	title    string
	problems []string  // give the markers
	lo, hi   float64   // of the differences
	names    vg.Length // the room that they take
	list     []certificate
}

// deviation returns the observed less the claimed order; ok is false if there is none.
func deviation(o study.Order) (d float64, ok bool) {
	if o.Observed == nil {
		return 0, false
	}
	d = *o.Observed - o.Claimed
	return d, d-d == 0
}

// orderFigure draws the observed less the claimed orders, a panel for each kind and family. It is nil if there is nothing to draw.
func orderFigure(list []study.Order) *figure {
	lo, hi := -0.6, 1.1
	var names, problems []string
	kind, problem := collector(&names), collector(&problems)
	for _, o := range list {
		kind(o.Kind)
		problem(o.Problem)
		if d, ok := deviation(o); ok {
			lo, hi = math.Min(lo, d-0.1), math.Max(hi, d+0.1)
		}
	}
	lo, hi = math.Max(lo, -2), math.Min(hi, 3) // what is beyond is drawn at the edge
	var panels []*certificates
	for _, name := range names {
		var byFamily [len(families)][]certificate
		for _, o := range list {
			if o.Kind != name {
				continue
			}
			members := &byFamily[familyOf(o.Solver)]
			i := slices.IndexFunc(*members, func(c certificate) bool { return c.solver == o.Solver && c.claimed == o.Claimed })
			if i < 0 {
				i = len(*members)
				*members = append(*members, certificate{solver: o.Solver, claimed: o.Claimed})
			}
			(*members)[i].observed = append((*members)[i].observed, o)
		}
		for i, members := range byFamily {
			if len(members) == 0 {
				continue
			}
			slices.SortStableFunc(members, func(a, b certificate) int { return cmp.Compare(a.claimed, b.claimed) })
			title := families[i].title
			if name != "ode" {
				title += ", " + name + " order"
			}
			panels = append(panels, &certificates{title, problems, lo, hi, 0, members})
		}
	}
	if len(panels) == 0 {
		return nil
	}
	f := &figure{
		title:   "Observed less claimed order",
		alt:     "how far the observed order of every solver is from the one that it claims",
		columns: 4, width: 300,
	}
	var orders []float64
	room := vg.Length(0) // for the names
	for _, p := range panels {
		for _, c := range p.list {
			room = max(room, light.text(nameSize, ink).Width(c.solver)+light.text(nameSize, ink).Width(claim(c.claimed))+18)
			if c.claimed > 0 {
				orders = append(orders, c.claimed)
			}
		}
	}
	slices.Sort(orders)
	uncertified := slices.ContainsFunc(list, func(o study.Order) bool { return !o.Certified })
	guide := certificateKey{problems, slices.Compact(orders), uncertified}
	// A key where there is room: after the first three.
	var all []panel
	for _, p := range panels {
		all = append(all, panel{p.title + ": observed less claimed order", p.draw})
	}
	at := min(len(all), f.columns-1)
	all = slices.Insert(all, at, panel{"key to markers and colours", guide.draw})
	heights := make([]vg.Length, len(panels), len(all))
	for i, p := range panels {
		p.names = room
		heights[i] = p.height()
	}
	heights = slices.Insert(heights, at, guide.height())
	for i := 0; i < len(all); i += f.columns {
		end := min(i+f.columns, len(all))
		f.groups = append(f.groups, group{height: slices.Max(heights[i:end]), panels: all[i:end]})
	}
	return f
}

const (
	lineHeight   = 12.5 // of a solver
	panelMargins = 60   // above and below the lines
	keyHeight    = 17   // of an entry of the key
)

func (p *certificates) height() vg.Length { return panelMargins + lineHeight*vg.Length(len(p.list)) }

func (p *certificates) draw(c draw.Canvas, th *theme) {
	c = th.heading(c, p.title)
	bottom := c.Max.Y - lineHeight*vg.Length(len(p.list)) - 4
	left, right := c.Min.X+p.names, c.Max.X-6
	x := func(d float64) vg.Length {
		return left + (right-left)*vg.Length((math.Min(math.Max(d, p.lo), p.hi)-p.lo)/(p.hi-p.lo))
	}
	// What is not certified lies in the grey.
	c.SetColor(th[veil])
	c.Fill(vg.Rectangle{Min: vg.Point{X: left, Y: bottom}, Max: vg.Point{X: x(-solvertest.Slack), Y: c.Max.Y}}.Path())
	for d := math.Ceil(p.lo); d <= p.hi; d++ {
		style := draw.LineStyle{Color: th[rule], Width: 0.7}
		label := trim(d)
		switch {
		case d == 0:
			style = draw.LineStyle{Color: th[muted], Width: 1}
			label = "claimed"
		case d > 0:
			label = "+" + label
		}
		c.StrokeLine2(style, x(d), bottom, x(d), c.Max.Y)
		text := th.text(10.5, ink)
		text.XAlign = draw.XCenter
		c.FillText(text, vg.Point{X: x(d), Y: bottom - 9}, label)
	}
	for i, l := range p.list {
		y := c.Max.Y - lineHeight*(vg.Length(i)+0.5) - 2
		h := ofOrder(l.claimed)
		failed := slices.ContainsFunc(l.observed, func(o study.Order) bool { return !o.Certified })
		if failed {
			h = alarm
		}
		c.StrokeLine2(draw.LineStyle{Color: th[rule], Width: 0.4}, left, y, right, y)
		c.FillText(th.text(nameSize, h), vg.Point{X: c.Min.X + 2, Y: y}, l.solver)
		order := th.text(nameSize, muted)
		order.XAlign = draw.XRight
		c.FillText(order, vg.Point{X: left - 6, Y: y}, claim(l.claimed))
		for _, o := range slices.Backward(l.observed) {
			h := ofOrder(l.claimed)
			if !o.Certified {
				h = alarm
			}
			if d, ok := deviation(o); ok {
				c.DrawGlyphNoClip(draw.GlyphStyle{Color: th[h], Radius: 2.6, Shape: problemMarker(slices.Index(p.problems, o.Problem))}, vg.Point{X: x(d), Y: y})
				continue
			}
			note := "none observed"
			if o.Certified {
				note = "exact on " + o.Problem
			}
			c.FillText(th.text(nameSize, h), vg.Point{X: x(0) + 6, Y: y}, note)
		}
	}
}

// claim writes a claimed order.
func claim(order float64) string {
	if order-order != 0 {
		return "?"
	}
	return trim(order)
}

// problemMarker returns the marker of the i-th problem: the last ones, which tell more, are solid.
func problemMarker(i int) draw.GlyphDrawer {
	return [...]draw.GlyphDrawer{draw.RingGlyph{}, draw.CircleGlyph{}, draw.PyramidGlyph{}, draw.BoxGlyph{}}[i%4]
}

// A certificateKey explains panels of certificates.
type certificateKey struct {
	problems []string
	orders   []float64
	alarm    bool // there are claims that do not hold
}

func (k certificateKey) height() vg.Length {
	return 44 + keyHeight*vg.Length(len(k.problems)+len(k.orders)+3) // at most
}

func (k certificateKey) draw(c draw.Canvas, th *theme) {
	c = th.heading(c, "Key")
	y := c.Max.Y - 12
	next := func(h hue, s string) {
		c.FillText(th.text(11, h), vg.Point{X: c.Min.X + 28, Y: y}, s)
		y -= keyHeight
	}
	for i, name := range k.problems {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: th[ink], Radius: 3, Shape: problemMarker(i)}, vg.Point{X: c.Min.X + 14, Y: y})
		next(ink, "observed on "+name)
	}
	swatch := func(h hue) {
		c.SetColor(th[h])
		c.Fill(vg.Rectangle{Min: vg.Point{X: c.Min.X + 8, Y: y - 4}, Max: vg.Point{X: c.Min.X + 20, Y: y + 4}}.Path())
	}
	for h, list := range byHue(k.orders) {
		swatch(h)
		next(h, "claimed order "+several(list)+", beside the name")
	}
	swatch(veil)
	next(ink, fmt.Sprintf("not certified: %s below the claim, or more", trim(solvertest.Slack)))
	if k.alarm {
		swatch(alarm)
		next(alarm, "a claim that does not hold")
	}
}

// stepsFigure draws the error against the steps, a panel for each kind of order and family, each on the problem that most solvers of the kind share
// and among those the last, for studies go from the simple to the real. It is nil if there is nothing to draw.
func stepsFigure(list []study.Order) *figure {
	var names []string
	kind := collector(&names)
	for _, o := range list {
		kind(o.Kind)
	}
	f := &figure{
		alt:     "error against steps, by family of solvers, coloured by the order that they claim, on logarithmic axes",
		columns: 3, width: 390, height: 300,
	}
	g := group{}
	var charts []*chart
	var all [][]curve
	for _, name := range names {
		problem := ""
		counts := map[string]int{}
		for _, o := range list {
			if o.Kind == name {
				counts[o.Problem]++
			}
		}
		for _, o := range list {
			if o.Kind == name && counts[o.Problem] >= counts[problem] {
				problem = o.Problem
			}
		}
		var members [len(families)][]curve
		box := newBounds()
		for _, o := range list {
			if o.Kind != name || o.Problem != problem {
				continue
			}
			u := curve{name: o.Solver, order: o.Claimed, alarm: !o.Certified}
			for i := range min(len(o.Steps), len(o.Errors)) {
				if p := (point{float64(o.Steps[i]), o.Errors[i]}); p.drawable() {
					u.points = append(u.points, p)
					box.add(p)
				}
			}
			if len(u.points) > 0 {
				i := familyOf(o.Solver)
				members[i] = append(members[i], u)
			}
		}
		for i, curves := range members {
			if len(curves) == 0 {
				continue
			}
			ch := &chart{
				title: families[i].title, xlabel: "steps", ylabel: name + " error on " + problem,
				bounds: box.padded(), curves: merged(curves),
			}
			charts, all = append(charts, ch), append(all, curves)
			g.panels = append(g.panels, panel{name + " error against steps on " + problem + ": " + ch.title, ch.draw})
		}
	}
	if len(charts) == 0 {
		return nil
	}
	align(charts)
	g.panels = append(g.panels, panel{"key to the colours", key{orders: ordersOf(all...)}.draw})
	f.groups = []group{g}
	return f
}
