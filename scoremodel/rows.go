package scoremodel

import "reflect"

// A RowModel is a Model that tells the rows of a batch apart, such as a network that is given a class for each of them. As a
// Model it takes the first row of what it is given for row 0 of the batch.
type RowModel interface {
	Model

	// From returns the model whose first row is row first of the batch. Whoever hands over rows from the middle of a batch asks
	// for it, as solvers.Sample does for each of its workers. It shares what is costly with the receiver.
	From(first int) Model
}

// From returns m for rows that begin with row first of the batch: m itself if it is no RowModel. Views made by As and Times,
// guided models, thresholds and a Counter are what they are made of in this.
func From(m Model, first int) Model {
	if r, ok := m.(RowModel); ok && first != 0 {
		return r.From(first)
	}
	return m
}

// A Pairable model can predict together with another one, in one evaluation: a network that is given a batch of which one half has
// the condition and the other has none. The guides look for it.
type Pairable interface {
	Model

	// Pair returns a model of which PredictBoth gives the receiver's prediction and, as the plain one, that of other.
	// ok is false if the two cannot be evaluated together.
	Pair(other Model) (pair Guided, ok bool)
}

// From implements RowModel.
func (v view) From(first int) Model { return view{From(v.m, first), v.k, v.s} }

// From implements RowModel.
func (v timed) From(first int) Model { return timed{From(v.m, first), v.times, v.s} }

// Pair implements Pairable, for networks that are told the time in the same way.
func (v timed) Pair(other Model) (Guided, bool) {
	o, ok := other.(timed)
	m, pairable := v.m.(Pairable)
	if !ok || !pairable || o.times != v.times || !reflect.DeepEqual(o.s, v.s) {
		return nil, false
	}
	pair, ok := m.Pair(o.m)
	return timed{pair, v.times, v.s}, ok
}

// From implements RowModel. The evaluations of what it returns count too.
func (c *Counter) From(first int) Model { return countedRows{From(c.Model, first), c} }

// countedRows are rows of the model of a Counter.
type countedRows struct {
	Model
	c *Counter
}

func (r countedRows) Predict(dst, x []float64, t float64) error {
	r.c.n.Add(1)
	return r.Model.Predict(dst, x, t)
}

func (r countedRows) PredictBoth(dst, plain, x []float64, t float64) error {
	r.c.n.Add(1)
	return Both(r.Model, dst, plain, x, t)
}

func (r countedRows) From(first int) Model { return countedRows{From(r.Model, first), r.c} }

// From implements RowModel.
func (g *guided) From(first int) Model {
	rows := &guided{c: From(g.c, first), dim: g.dim, kind: g.kind, combine: g.combine}
	if g.u != nil {
		rows.u = From(g.u, first)
	}
	return rows
}

// From implements RowModel.
func (c *threshold) From(first int) Model {
	return &threshold{m: From(c.m, first), s: c.s, dim: c.dim, extent: c.extent}
}
