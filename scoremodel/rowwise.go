package scoremodel

// A RowWise model may say that it predicts few rows at as little cost per row as many: exact models do, and a network does not. solvers.Sample
// then takes blocks of rows that stay in the processor's cache through all steps, one block after another.
type RowWise interface {
	Model

	// RowWise reports whether it is so.
	RowWise() bool
}

// IsRowWise reports whether m is RowWise and says so. Views made by As, Times, thresholds and guidance, and a Counter, say what the models
// that they wrap say.
func IsRowWise(m Model) bool {
	r, ok := m.(RowWise)
	return ok && r.RowWise()
}

// RowWise implements the interface of this name.
func (*Gaussian) RowWise() bool { return true }

// RowWise implements the interface of this name.
func (*Mixture) RowWise() bool { return true }

func (v view) RowWise() bool { return IsRowWise(v.m) }

func (v timed) RowWise() bool { return IsRowWise(v.m) }

func (c *threshold) RowWise() bool { return IsRowWise(c.m) }

func (g *guided) RowWise() bool { return IsRowWise(g.c) && (g.u == nil || IsRowWise(g.u)) }

// RowWise implements the interface of this name, for the model that is counted.
func (c *Counter) RowWise() bool { return IsRowWise(c.Model) }

func (c counted) RowWise() bool { return IsRowWise(c.Model) }
