package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/diffsolve/diffsolve/solvers"
)

// A matrix is a rectangle of numbers to be shown as colours: the coefficients of a table, or
// how far those of two are apart. NaN is where there is no coefficient.
type matrix struct {
	rows, columns []string
	at            [][]float64
}

// magnitudes returns the absolute coefficients of a table: a row for the input of each
// evaluation and one for the result, over the state, the outputs and the draws.
func magnitudes(t *solvers.Coefficients) matrix {
	return tabulate(t, t, func(a, _, _ float64) float64 { return math.Abs(a) })
}

// differences returns by how much the coefficients of two tables differ, relative to the
// largest of their row, so that the largest is solvers.Distance. The tables must have the same shape.
func differences(s, t *solvers.Coefficients) matrix {
	return tabulate(s, t, func(a, b, largest float64) float64 {
		if a == b {
			return 0 // in a row of zeros too
		}
		return math.Abs(a-b) / largest
	})
}

// tabulate applies f to corresponding coefficients and the largest of their row.
func tabulate(s, t *solvers.Coefficients, f func(a, b, largest float64) float64) matrix {
	m := matrix{columns: []string{"x"}}
	line := func(name string, a, b solvers.Row) {
		largest := math.Max(a.Largest(), b.Largest())
		cells := []float64{f(a.State, b.State, largest)}
		add := func(a, b []float64, n int) {
			for i := range n {
				v, hasV := nth(a, i)
				w, hasW := nth(b, i)
				if hasV || hasW {
					cells = append(cells, f(v, w, largest))
				} else {
					cells = append(cells, math.NaN())
				}
			}
		}
		add(a.Outputs, b.Outputs, len(s.Evaluations))
		add(a.Noises, b.Noises, len(s.Draws))
		m.rows, m.at = append(m.rows, name), append(m.at, cells)
	}
	for i, e := range s.Evaluations {
		m.columns = append(m.columns, fmt.Sprintf("ε%d", i+1))
		line(fmt.Sprintf("input %d", i+1), e.Input, t.Evaluations[i].Input)
	}
	line("result", s.Result, t.Result)
	for i := range s.Draws {
		m.columns = append(m.columns, fmt.Sprintf("z%d", i+1))
	}
	return m
}

// nth returns the i-th element, or 0 and false if there is none.
func nth(list []float64, i int) (v float64, ok bool) {
	if i < len(list) {
		return list[i], true
	}
	return 0, false
}

// largest returns where the largest number is, and the number.
func (m matrix) largest() (row, column int, v float64) {
	v = math.Inf(-1)
	for i, line := range m.at {
		for j, w := range line {
			if w > v {
				row, column, v = i, j, w
			}
		}
	}
	return row, column, v
}

// A scale gives numbers colours by their logarithm. Zero has no colour.
type scale struct {
	first  hue
	lo, hi float64
}

// hue returns the colour of v; ok is false for those without: zero, NaN.
func (s scale) hue(v float64) (h hue, ok bool) {
	if !(v > 0) {
		return 0, false
	}
	u := math.Log(v/s.lo) / math.Log(s.hi/s.lo)
	return s.first + hue(math.Round(math.Min(math.Max(u, 0), 1)*(levels-1))), true
}

// magnitudeScale spans the coefficients of all the matrices.
func magnitudeScale(list ...matrix) scale {
	s := scale{heat, math.Inf(1), 0}
	for _, m := range list {
		for _, line := range m.at {
			for _, v := range line {
				if v > 0 && !math.IsInf(v, 1) {
					s.lo, s.hi = math.Min(s.lo, v), math.Max(s.hi, v)
				}
			}
		}
	}
	if s.hi == 0 {
		return scale{heat, 0.1, 1}
	}
	s.lo = math.Max(s.lo, s.hi*1e-8) // so that rounding errors do not stretch the scale
	if s.lo == s.hi {
		s.lo /= 10
	}
	return s
}

// differenceScale spans from rounding to a difference as large as the coefficients.
var differenceScale = scale{shift, 1e-17, 1}

// A heatMap shows a matrix in colours, with the scale beside it.
type heatMap struct {
	title string
	matrix
	scale
	ring bool // mark the largest
}

func (h heatMap) draw(c draw.Canvas, th *theme) {
	c = th.heading(c, h.title)
	bar := draw.Crop(c, c.Size().X-42, 0, 0, 0)
	c = draw.Crop(c, 0, -56, 0, 0)
	p := th.axes("", "")
	p.X.Min, p.X.Max = -0.5, float64(len(h.columns))-0.5
	p.Y.Min, p.Y.Max = -0.5, float64(len(h.rows))-0.5
	p.Y.Scale = plot.InvertedScale{Normalizer: plot.LinearScale{}}
	p.X.Tick.Marker, p.Y.Tick.Marker = named(h.columns, 11), named(h.rows, 16)
	for _, a := range [...]*plot.Axis{&p.X, &p.Y} {
		a.Width, a.Tick.Length = 0, 0
	}
	p.Add(plotter(func(c draw.Canvas, p *plot.Plot) { h.drawCells(c, p, th) }))
	p.Draw(c)
	cells := p.DataCanvas(c)
	bar.Min.Y, bar.Max.Y = cells.Min.Y, cells.Max.Y
	h.drawScale(bar, th)
}

func (h heatMap) drawCells(c draw.Canvas, p *plot.Plot, th *theme) {
	tx, ty := p.Transforms(&c)
	const gap = 0.03 // of a cell
	cell := func(row, column int, inset float64) vg.Rectangle {
		i, j := float64(row), float64(column)
		return vg.Rectangle{
			Min: vg.Point{X: tx(j - 0.5 + inset), Y: ty(i + 0.5 - inset)},
			Max: vg.Point{X: tx(j + 0.5 - inset), Y: ty(i - 0.5 + inset)},
		}
	}
	for i, line := range h.at {
		for j, v := range line {
			switch hue, ok := h.hue(v); {
			case ok:
				c.SetColor(th[hue])
				c.Fill(cell(i, j, gap).Path())
			case v == 0:
				c.SetLineStyle(draw.LineStyle{Color: th[rule], Width: 0.7})
				c.Stroke(cell(i, j, 2*gap).Path())
			}
		}
	}
	if row, column, v := h.largest(); h.ring && v > 0 {
		// Two rings, so that one is seen on any colour.
		c.SetLineStyle(draw.LineStyle{Color: th[paper], Width: 1.6})
		c.Stroke(cell(row, column, 0.08).Path())
		c.SetLineStyle(draw.LineStyle{Color: th[ink], Width: 1.6})
		c.Stroke(cell(row, column, 0.01).Path())
	}
}

// drawScale draws the colours of the scale with the powers of ten that they stand for.
func (h heatMap) drawScale(c draw.Canvas, th *theme) {
	const wide = 10
	y := func(v float64) vg.Length { return c.Y(math.Log(v/h.lo) / math.Log(h.hi/h.lo)) }
	for k := range levels {
		c.SetColor(th[h.first+hue(k)])
		r := vg.Rectangle{
			Min: vg.Point{X: c.Min.X, Y: c.Y(float64(k) / levels)},
			Max: vg.Point{X: c.Min.X + wide, Y: c.Max.Y}, // the next level covers what is above: so there are no seams
		}
		c.Fill(r.Path())
	}
	for _, t := range decades(h.lo, h.hi) {
		if t.Label != "" {
			c.StrokeLine2(draw.LineStyle{Color: th[muted], Width: 0.7}, c.Min.X+wide, y(t.Value), c.Min.X+wide+3, y(t.Value))
			c.FillText(th.text(10.5, ink), vg.Point{X: c.Min.X + wide + 5, Y: y(t.Value)}, t.Label)
		}
	}
}

// named marks places with names, thinned out to at most the given number but always with the last.
func named(names []string, most int) plot.ConstantTicks {
	every := max(1, (len(names)+most-1)/most)
	var ticks plot.ConstantTicks
	for i, s := range names {
		last := i == len(names)-1
		if last || i%every == 0 && (i+every/2 < len(names)-1 || every == 1) {
			ticks = append(ticks, plot.Tick{Value: float64(i), Label: s})
		}
	}
	return ticks
}

// coefficientFigure shows the first table beside each of the others and their difference. Tables too
// large to be seen are left out; it is nil if none is left.
func coefficientFigure(tables []*solvers.Coefficients) *figure {
	var list []*solvers.Coefficients
	var all []matrix
	for _, t := range tables {
		if t != nil && len(t.Evaluations)+len(t.Draws) <= 100 {
			list, all = append(list, t), append(all, magnitudes(t))
		}
	}
	if len(list) == 0 {
		return nil
	}
	f := &figure{
		alt:     "coefficient tables of solvers as colours, and how far they are apart",
		columns: 3, width: 390, height: 330,
	}
	sc := magnitudeScale(all...)
	show := func(i int) panel {
		name := list[i].Solver
		return panel{"coefficients of " + name, heatMap{title: "|coefficients| of " + name, matrix: all[i], scale: sc}.draw}
	}
	if len(list) == 1 {
		f.groups = []group{{panels: []panel{show(0)}}}
	}
	for i := 1; i < len(list); i++ {
		g := group{heading: verdict(list[0], list[i]), panels: []panel{show(0), show(i)}}
		if _, err := solvers.Distance(list[0], list[i]); err == nil {
			g.panels = append(g.panels, panel{"difference of " + list[0].Solver + " and " + list[i].Solver, heatMap{
				title:  "|" + list[0].Solver + " − " + list[i].Solver + "| / largest of the row",
				matrix: differences(list[0], list[i]), scale: differenceScale, ring: true,
			}.draw})
		}
		f.groups = append(f.groups, g)
	}
	return f
}

// verdict says how far the tables of two solvers are apart.
func verdict(a, b *solvers.Coefficients) string {
	const rounding = 1e-12
	pair := a.Solver + " and " + b.Solver
	switch d, err := solvers.Distance(a, b); {
	case err != nil:
		return pair + " cannot be compared: " + err.Error()
	case d <= rounding:
		return pair + ": the same coefficients, to " + compact(d)
	default:
		return pair + ": not the same, coefficients differ by up to " + compact(d) + " of the largest in the row"
	}
}
