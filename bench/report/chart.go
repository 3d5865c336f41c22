package report

import (
	"iter"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A point of a chart with logarithmic axes.
type point struct{ x, y float64 }

// drawable reports whether p has logarithms.
func (p point) drawable() bool {
	return p.x > 0 && p.y > 0 && !math.IsInf(p.x, 0) && !math.IsInf(p.y, 0) // and so neither is NaN
}

// bounds are the range of a chart. Charts to be compared share theirs.
type bounds struct{ xmin, xmax, ymin, ymax float64 }

func newBounds() *bounds {
	return &bounds{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
}

func (b *bounds) add(p point) {
	b.xmin, b.xmax = math.Min(b.xmin, p.x), math.Max(b.xmax, p.x)
	b.ymin, b.ymax = math.Min(b.ymin, p.y), math.Max(b.ymax, p.y)
}

// padded returns room around b, so that no marker sits on an axis and there is room for ticks.
func (b *bounds) padded() bounds {
	pad := func(lo, hi, least float64) (float64, float64) {
		by := math.Max(math.Pow(hi/lo, 0.04)*least, math.Sqrt(4*lo/hi))
		return lo / by, hi * by
	}
	var out bounds
	out.xmin, out.xmax = pad(b.xmin, b.xmax, 1.02)
	out.ymin, out.ymax = pad(b.ymin, b.ymax, 1.1)
	return out
}

// A curve is one line of a chart.
type curve struct {
	name   string
	order  float64 // gives the colour and the marker
	alarm  bool    // the line is drawn to be noticed, and named
	faint  bool    // the line is drawn as a backdrop to the others, without colour and name
	points []point
}

// merged joins curves that lie on one another into one that bears all their names.
func merged(curves []curve) []curve {
	const same = 1e-9
	var out []curve
next:
	for _, c := range curves {
		for i, o := range out {
			if c.order == o.order && c.alarm == o.alarm && c.faint == o.faint && slices.EqualFunc(c.points, o.points, func(p, q point) bool {
				return p.x == q.x && math.Abs(p.y-q.y) <= same*q.y
			}) {
				out[i].name += " = " + c.name
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

// ordersOf returns the distinct claimed orders of the curves that are not faint, ascending.
func ordersOf(lists ...[]curve) []float64 {
	var out []float64
	for _, list := range lists {
		for _, c := range list {
			if c.order > 0 && !c.faint {
				out = append(out, c.order)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A chart is an error against work on logarithmic axes, where an order is a slope.
type chart struct {
	title, xlabel, ylabel string
	bounds
	best   []point // under it nothing lies: a backdrop
	equal  bool    // both axes are of one kind: the line y = x is drawn in place of slopes
	curves []curve
	labels bool      // name every curve that is not faint at its end, not only the alarming ones
	margin vg.Length // for the names. Charts to be compared share theirs
}

// room returns the margin that the names need.
func (ch *chart) room() vg.Length {
	room := vg.Length(10)
	for _, u := range ch.curves {
		if ch.named(u) {
			room = max(room, light.text(nameSize, ink).Width(u.name)+18)
		}
	}
	return room
}

// named reports whether the name of u is written.
func (ch *chart) named(u curve) bool { return u.alarm || ch.labels && !u.faint }

const nameSize = 10.5 // of the names of curves

// align gives charts to be compared the same margin.
func align(charts []*chart) {
	room := vg.Length(0)
	for _, ch := range charts {
		room = max(room, ch.room())
	}
	for _, ch := range charts {
		ch.margin = room
	}
}

func (ch *chart) draw(c draw.Canvas, th *theme) {
	c = th.heading(c, ch.title)
	p := th.axes(ch.xlabel, ch.ylabel)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = ch.xmin, ch.xmax, ch.ymin, ch.ymax
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(ladder), plot.TickerFunc(decades)
	if ch.equal {
		p.X.Tick.Marker = plot.TickerFunc(decades)
	}

	c = draw.Crop(c, 0, -ch.margin, 0, 0)
	p.Add(
		plotter(func(c draw.Canvas, p *plot.Plot) { ch.drawBest(c, p, th) }),
		plotter(func(c draw.Canvas, p *plot.Plot) { th.grid(c, p) }),
		plotter(func(c draw.Canvas, p *plot.Plot) {
			if ch.equal {
				ch.drawEqual(c, p, th)
			} else {
				ch.drawSlopes(c, p, th)
			}
		}),
		plotter(func(c draw.Canvas, p *plot.Plot) { ch.drawCurves(c, p, th) }),
	)
	p.Draw(c)
}

// plotter is a plot.Plotter.
type plotter func(draw.Canvas, *plot.Plot)

func (f plotter) Plot(c draw.Canvas, p *plot.Plot) { f(c, p) }

// drawBest shades what lies under the best of all solvers.
func (ch *chart) drawBest(c draw.Canvas, p *plot.Plot, th *theme) {
	if len(ch.best) == 0 {
		return
	}
	line := ch.path(c, p, ch.best)
	// The best with few evaluations stays attainable with more.
	line = append(line, vg.Point{X: c.Max.X, Y: line[len(line)-1].Y})
	under := append(slices.Clone(line), vg.Point{X: c.Max.X, Y: c.Min.Y}, vg.Point{X: line[0].X, Y: c.Min.Y})
	c.FillPolygon(th[veil], c.ClipPolygonXY(under))
}

// path returns the points on the canvas.
func (ch *chart) path(c draw.Canvas, p *plot.Plot, points []point) []vg.Point {
	tx, ty := p.Transforms(&c)
	out := make([]vg.Point, len(points))
	for i, q := range points {
		out[i] = vg.Point{X: tx(q.x), Y: ty(q.y)}
	}
	return out
}

// dashes tell apart curves of one order.
var dashes = [...][]vg.Length{nil, {4, 2.5}, {1.2, 2}, {6, 2, 1.2, 2}}

// drawCurves draws the curves and, at their ends, their names.
func (ch *chart) drawCurves(c draw.Canvas, p *plot.Plot, th *theme) {
	type name struct {
		curve
		end vg.Point
	}
	var names []name
	used := map[float64]int{}
	for _, u := range ch.curves {
		if u.faint {
			c.StrokeLines(draw.LineStyle{Color: th[dim], Width: 0.7}, c.ClipLinesXY(ch.path(c, p, u.points))...)
		}
	}
	for _, u := range ch.curves {
		if u.faint {
			continue
		}
		style := draw.LineStyle{Color: th[ofOrder(u.order)], Width: 1.5}
		if ch.labels {
			style.Dashes = dashes[used[u.order]%len(dashes)]
			used[u.order]++
		} else {
			style.Width = 0.9
		}
		if u.alarm {
			style.Width, style.Dashes = 2.2, dashes[1]
		}
		line := ch.path(c, p, u.points)
		c.StrokeLines(style, c.ClipLinesXY(line)...)
		radius := vg.Length(2.6)
		if !ch.labels {
			radius = 1.7
		}
		for _, q := range line {
			c.DrawGlyph(draw.GlyphStyle{Color: th[ofOrder(u.order)], Radius: radius, Shape: marker(u.order)}, q)
		}
		if ch.named(u) {
			names = append(names, name{u, line[len(line)-1]})
		}
	}
	slices.SortStableFunc(names, func(a, b name) int { return int(math.Copysign(1, float64(a.end.Y-b.end.Y))) })
	want := make([]float64, len(names))
	for i, n := range names {
		want[i] = float64(n.end.Y)
	}
	for i, y := range spread(want, 12, float64(c.Min.Y)+5, float64(c.Max.Y)-5) {
		n, h := names[i], ofOrder(names[i].order)
		if n.alarm {
			h = alarm
		}
		at := vg.Point{X: c.Max.X + 12, Y: vg.Length(y)}
		c.StrokeLine2(draw.LineStyle{Color: th[h], Width: 0.5}, n.end.X+3, n.end.Y, at.X-2, at.Y)
		c.FillText(th.text(nameSize, h), at, n.name)
	}
}

// spread moves labels apart along a line, as little as can be: the result keeps the order of
// want, which ascends, with neighbours at least gap apart, between lo and hi if there is room.
func spread(want []float64, gap, lo, hi float64) []float64 {
	// With z_i = y_i - i·gap the constraint is that z ascends, and the least squares
	// solution of that is found by pooling neighbours that do not.
	type pool struct {
		mean float64
		n    int
	}
	var pools []pool
	for i, y := range want {
		q := pool{y - float64(i)*gap, 1}
		for len(pools) > 0 && pools[len(pools)-1].mean >= q.mean {
			last := pools[len(pools)-1]
			pools = pools[:len(pools)-1]
			q = pool{(last.mean*float64(last.n) + q.mean*float64(q.n)) / float64(last.n+q.n), last.n + q.n}
		}
		pools = append(pools, q)
	}
	top := math.Max(lo, hi-float64(len(want)-1)*gap)
	out := make([]float64, 0, len(want))
	for _, q := range pools {
		for range q.n {
			out = append(out, math.Min(math.Max(q.mean, lo), top)+float64(len(out))*gap)
		}
	}
	return out
}

// drawEqual draws the line y = x.
func (ch *chart) drawEqual(c draw.Canvas, p *plot.Plot, th *theme) {
	lo, hi := max(ch.xmin, ch.ymin), min(ch.xmax, ch.ymax)
	style := draw.LineStyle{Color: th[muted], Width: 1, Dashes: dashes[1]}
	c.StrokeLines(style, ch.path(c, p, []point{{lo, lo}, {hi, hi}}))
	text := th.text(10, muted)
	text.XAlign = draw.XRight
	at, name := vg.Point{X: c.Max.X - 8, Y: c.Min.Y + 12}, ch.ylabel+" = "+ch.xlabel
	c.FillText(text, at, name)
	at.X -= text.Width(name) + 6
	c.StrokeLine2(style, at.X-26, at.Y, at.X, at.Y)
}

// drawSlopes draws a triangle for each claimed order, nested, in the emptier of two corners.
func (ch *chart) drawSlopes(c draw.Canvas, p *plot.Plot, th *theme) {
	list := ordersOf(ch.curves)
	if len(list) == 0 {
		return
	}
	steepest := list[len(list)-1]
	size := c.Size()
	perX := size.X / vg.Length(math.Log10(ch.xmax/ch.xmin)) // of a decade
	perY := size.Y / vg.Length(math.Log10(ch.ymax/ch.ymin))
	// As wide as fits: neither more than a third of the width nor of the height.
	wide := min(size.X/3/perX, size.Y/3/(perY*vg.Length(steepest)))
	dx, dy := wide*perX, wide*perY

	const text, pad = 12, 8
	box := vg.Point{X: dx + 14, Y: dy*vg.Length(steepest) + text + 4}
	corners := [...]vg.Point{
		{X: c.Min.X + pad, Y: c.Min.Y + pad},
		{X: c.Max.X - box.X - pad, Y: c.Max.Y - box.Y - pad},
	}
	at, least := corners[0], math.MaxInt
	for _, corner := range corners {
		r := vg.Rectangle{Min: corner, Max: corner.Add(box)}
		if n := ch.crossings(c, p, r); n < least {
			at, least = corner, n
		}
	}

	apex := vg.Point{X: at.X, Y: at.Y + box.Y - text}
	corner := vg.Point{X: apex.X + dx, Y: apex.Y}
	c.StrokeLines(draw.LineStyle{Color: th[muted], Width: 0.7},
		[]vg.Point{apex, corner, {X: corner.X, Y: apex.Y - dy*vg.Length(steepest)}})
	for _, q := range slices.Backward(list) {
		foot := vg.Point{X: apex.X + dx, Y: apex.Y - dy*vg.Length(q)}
		style := draw.LineStyle{Color: th[ofOrder(q)], Width: 0.9}
		c.StrokeLines(style, []vg.Point{apex, foot})
	}
	var want []float64
	for _, q := range slices.Backward(list) {
		want = append(want, float64(apex.Y-dy*vg.Length(q)))
	}
	for i, y := range spread(want, 10, math.Inf(-1), math.Inf(1)) {
		q := list[len(list)-1-i]
		c.FillText(th.text(10, ofOrder(q)), vg.Point{X: apex.X + dx + 4, Y: vg.Length(y)}, trim(q))
	}
	c.FillText(th.text(10, muted), vg.Point{X: apex.X, Y: apex.Y + 7}, "slope")
}

// crossings counts how often the curves are seen in r.
func (ch *chart) crossings(c draw.Canvas, p *plot.Plot, r vg.Rectangle) int {
	const samples = 16
	n := 0
	for _, u := range ch.curves {
		line := ch.path(c, p, u.points)
		for i := 1; i < len(line); i++ {
			for k := range samples {
				q := line[i-1].Add(line[i].Sub(line[i-1]).Scale(vg.Length(k) / samples))
				if q.X >= r.Min.X && q.X <= r.Max.X && q.Y >= r.Min.Y && q.Y <= r.Max.Y {
					n++
				}
			}
		}
	}
	return n
}

// ladder marks 1, 2 and 5 times powers of ten. Over more than three of them, where there is no room, it names the powers alone.
func ladder(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		for _, m := range [...]float64{1, 2, 5} {
			if v := m * math.Pow(10, e); v >= lo && v <= hi {
				tick := plot.Tick{Value: v, Label: trim(v)}
				if m > 1 && hi > 1000*lo {
					tick.Label = ""
				}
				ticks = append(ticks, tick)
			}
		}
	}
	return ticks
}

// decades marks powers of ten, all of them if there are not too many, and labels some.
func decades(lo, hi float64) []plot.Tick {
	first, last := math.Ceil(math.Log10(lo)-1e-9), math.Floor(math.Log10(hi)+1e-9)
	if last-first < 1 {
		return ladder(lo, hi) // less than two powers of ten are no scale
	}
	every := math.Ceil((last - first + 1) / 8)
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		t := plot.Tick{Value: math.Pow(10, e)}
		if math.Mod(e, every) == 0 {
			t.Label = power(int(e))
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// trim writes a number without needless digits.
func trim(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// byHue yields the orders, which ascend, by their hue.
func byHue(orders []float64) iter.Seq2[hue, []float64] {
	return func(yield func(hue, []float64) bool) {
		for i := 0; i < len(orders); {
			n := i + 1
			for n < len(orders) && ofOrder(orders[n]) == ofOrder(orders[i]) {
				n++
			}
			if !yield(ofOrder(orders[i]), orders[i:n]) {
				return
			}
			i = n
		}
	}
}

// A key explains what is drawn in the other panels.
type key struct {
	orders []float64
	faint  bool // the charts have faint curves
	veil   bool // the charts have the backdrop of the best of all
	shared bool // the charts have the same axes
}

func (k key) draw(c draw.Canvas, th *theme) {
	c = th.heading(c, "Key")
	y := c.Max.Y - 14
	for h, list := range byHue(k.orders) {
		q := list[0]
		c.StrokeLine2(draw.LineStyle{Color: th[h], Width: 1.5}, c.Min.X+8, y, c.Min.X+40, y)
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: th[h], Radius: 3, Shape: marker(q)}, vg.Point{X: c.Min.X + 24, Y: y})
		c.FillText(th.text(11, h), vg.Point{X: c.Min.X + 50, Y: y}, "claimed order "+several(list))
		y -= 20
	}
	if k.faint {
		c.StrokeLine2(draw.LineStyle{Color: th[dim], Width: 0.7}, c.Min.X+8, y, c.Min.X+40, y)
		c.FillText(th.text(11, ink), vg.Point{X: c.Min.X + 50, Y: y}, "the others, which the table names")
		y -= 20
	}
	if k.veil {
		c.SetColor(th[veil])
		c.Fill(vg.Rectangle{Min: vg.Point{X: c.Min.X + 8, Y: y - 6}, Max: vg.Point{X: c.Min.X + 40, Y: y + 6}}.Path())
		c.FillText(th.text(11, ink), vg.Point{X: c.Min.X + 50, Y: y}, "below the best of all solvers here")
		y -= 20
	}
	c.FillText(th.text(11, muted), vg.Point{X: c.Min.X + 8, Y: y}, "Both axes are logarithmic: order p is slope p.")
	if k.shared {
		c.FillText(th.text(11, muted), vg.Point{X: c.Min.X + 8, Y: y - 18}, "All panels share their axes.")
	}
}
