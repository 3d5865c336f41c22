package scoremodel

// A RowModel is a Model that knows more of a row than its state, such as a class or a prompt, by the row's number.
//
// Used as it is, it takes the first row of x for row 0. solvers.Sample binds it to the rows of each worker by Rows, so
// that samples do not depend on how the rows are shared out.
type RowModel interface {
	Model

	// Rows returns the model for a state whose first row is number first, not negative, of the whole batch. It is as safe
	// for concurrent use as the model.
	Rows(first int) Model
}

// Rows binds m to a state whose first row is number first of the whole batch. It is m itself if m is no RowModel. Views made by As, Times,
// thresholds and guidance, and a Counter, pass it on.
func Rows(m Model, first int) Model {
	if r, ok := m.(RowModel); ok {
		return r.Rows(first)
	}
	return m
}

func (v view) Rows(first int) Model { return view{Rows(v.m, first), v.k, v.s} }

func (v timed) Rows(first int) Model { return timed{Rows(v.m, first), v.times, v.s} }

func (c *threshold) Rows(first int) Model {
	return &threshold{m: Rows(c.m, first), s: c.s, dim: c.dim, extent: c.extent}
}

func (g *guided) Rows(first int) Model {
	bound := &guided{c: Rows(g.c, first), dim: g.dim, kind: g.kind, combine: g.combine}
	if g.u != nil {
		bound.u = Rows(g.u, first)
	}
	return bound
}

// Rows returns the Counter's model bound to the rows. The Counter goes on counting.
func (c *Counter) Rows(first int) Model { return counted{Rows(c.Model, first), c} }

// counted is a model whose evaluations a Counter counts.
type counted struct {
	Model
	by *Counter
}

func (c counted) Predict(dst, x []float64, t float64) error {
	c.by.n.Add(1)
	return c.Model.Predict(dst, x, t)
}

func (c counted) PredictBoth(dst, plain, x []float64, t float64) error {
	c.by.n.Add(1)
	return Both(c.Model, dst, plain, x, t)
}

func (c counted) Rows(first int) Model { return counted{Rows(c.Model, first), c.by} }
