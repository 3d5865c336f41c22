package scoremodel

import (
	"errors"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/sde"
)

// A Differentiable model knows the Jacobian J = ∂m/∂x of its prediction, row by row: the likelihood of the
// probability flow asks for its trace.
//
// Gaussian and Mixture are Differentiable. Views made by As, a Counter and guidance by CFG without Rescale pass the
// derivatives of what they wrap on; use Derivatives to learn whether there are any.
type Differentiable interface {
	Model

	// PredictDivergence does what Predict does, and writes the trace of the Jacobian of each row to
	// div, one number per row. The slices do not overlap.
	PredictDivergence(dst, div, x []float64, t float64) error

	// PredictTangent does what Predict does, and writes J·v of each row to tangent; v has the shape of x. The slices
	// do not overlap.
	PredictTangent(dst, tangent, x, v []float64, t float64) error
}

// ErrNoDerivative means that a wrapped model does not know its derivatives.
var ErrNoDerivative = errors.New("scoremodel: the model does not know its derivatives")

// Derivatives returns m as a Differentiable. ok is false if m, or a model that it wraps, is none.
func Derivatives(m Model) (d Differentiable, ok bool) {
	if d, ok = m.(Differentiable); !ok {
		return nil, false
	}
	if w, wraps := m.(interface{ differentiable() bool }); wraps && !w.differentiable() {
		return nil, false
	}
	return d, true
}

// derivatives returns those of a wrapped model, or an error if it has none.
func derivatives(m Model) (Differentiable, error) {
	if d, ok := Derivatives(m); ok {
		return d, nil
	}
	return nil, ErrNoDerivative
}

func differentiable(m Model) bool { _, ok := Derivatives(m); return ok }

func (v view) differentiable() bool { return differentiable(v.m) }

// PredictDivergence implements Differentiable: with m = a·x + b·own the trace is a·dim + b·trace.
func (v view) PredictDivergence(dst, div, x []float64, t float64) error {
	d, err := derivatives(v.m)
	if err != nil {
		return err
	}
	a, b, err := v.coefficients(t)
	if err != nil {
		return err
	}
	if err := d.PredictDivergence(dst, div, x, t); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: a, X: x}, vec.Term{C: b, X: dst})
	dim := float64(len(x) / len(div))
	for i := range div {
		div[i] = a*dim + b*div[i]
	}
	return nil
}

// PredictTangent implements Differentiable.
func (v view) PredictTangent(dst, tangent, x, direction []float64, t float64) error {
	d, err := derivatives(v.m)
	if err != nil {
		return err
	}
	a, b, err := v.coefficients(t)
	if err != nil {
		return err
	}
	if err := d.PredictTangent(dst, tangent, x, direction, t); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: a, X: x}, vec.Term{C: b, X: dst})
	vec.Lin(tangent, vec.Term{C: a, X: direction}, vec.Term{C: b, X: tangent})
	return nil
}

func (c *Counter) differentiable() bool { return differentiable(c.Model) }

// PredictDivergence implements Differentiable. It is one evaluation.
func (c *Counter) PredictDivergence(dst, div, x []float64, t float64) error {
	d, err := derivatives(c.Model)
	if err != nil {
		return err
	}
	c.n.Add(1)
	return d.PredictDivergence(dst, div, x, t)
}

// PredictTangent implements Differentiable. It is one evaluation.
func (c *Counter) PredictTangent(dst, tangent, x, v []float64, t float64) error {
	d, err := derivatives(c.Model)
	if err != nil {
		return err
	}
	c.n.Add(1)
	return d.PredictTangent(dst, tangent, x, v, t)
}

// linear is guidance u + scale·(c - u), whose derivatives are those of its parts, combined alike.
type linear struct {
	*guided
	scale float64
}

// differentiable is false of guidance whose parts come from one evaluation: that gives no derivatives.
func (g *linear) differentiable() bool {
	return g.u != nil && differentiable(g.c) && differentiable(g.u)
}

// Rows implements RowModel.
func (g *linear) Rows(first int) Model { return &linear{g.guided.Rows(first).(*guided), g.scale} }

func (g *linear) PredictDivergence(dst, div, x []float64, t float64) error {
	n, rows := len(x), len(div)
	buf := borrow(&g.buffers, n+rows)
	defer g.buffers.Put(buf)
	plain, other := (*buf)[:n], (*buf)[n:n+rows]
	return g.both(dst, plain, div, other, func(d Differentiable, m, derivative []float64) error {
		return d.PredictDivergence(m, derivative, x, t)
	})
}

func (g *linear) PredictTangent(dst, tangent, x, v []float64, t float64) error {
	n := len(x)
	buf := borrow(&g.buffers, 2*n)
	defer g.buffers.Put(buf)
	plain, other := (*buf)[:n], (*buf)[n:2*n]
	return g.both(dst, plain, tangent, other, func(d Differentiable, m, derivative []float64) error {
		return d.PredictTangent(m, derivative, x, v, t)
	})
}

// both asks the conditional and the unconditional model, and combines predictions and derivatives.
func (g *linear) both(dst, plain, derivative, other []float64, predict func(d Differentiable, m, derivative []float64) error) error {
	c, err := derivatives(g.c)
	if err != nil {
		return err
	}
	if g.u == nil {
		return ErrNoDerivative
	}
	u, err := derivatives(g.u)
	if err != nil {
		return err
	}
	if err := predict(c, dst, derivative); err != nil {
		return err
	}
	if err := predict(u, plain, other); err != nil {
		return err
	}
	blend(dst, dst, plain, g.scale)
	blend(derivative, derivative, other, g.scale)
	return nil
}

// PredictDivergence implements Differentiable: the trace is Σσ/v, the same everywhere.
func (g *Gaussian) PredictDivergence(dst, div, x []float64, t float64) error {
	if err := g.Predict(dst, x, t); err != nil {
		return err
	}
	p, trace := g.schedule.At(t), 0.0
	for j := range g.Dim() {
		trace += p.Sigma / (p.Alpha*p.Alpha*g.normal.variance(j) + p.Sigma*p.Sigma)
	}
	for i := range div {
		div[i] = trace
	}
	return nil
}

// PredictTangent implements Differentiable.
func (g *Gaussian) PredictTangent(dst, tangent, x, v []float64, t float64) error {
	if err := g.Predict(dst, x, t); err != nil {
		return err
	}
	p := g.schedule.At(t)
	g.apply(tangent, v, 0, 0, func(j int) float64 {
		return p.Sigma / (p.Alpha*p.Alpha*g.normal.variance(j) + p.Sigma*p.Sigma)
	})
	return nil
}

// PredictDivergence implements Differentiable. With u_k = C_k⁻¹(x - αm_k), so that the prediction is σū, ū = Σr_k u_k,
// the gradient of a responsibility is r_k(ū - u_k), and
//
//	J = σ Σ_k r_k [C_k⁻¹ - (u_k-ū)(u_k-ū)ᵀ].
//
// The deviations from the mean are formed first: near data, |u|² is larger than what is left of it by far.
func (m *Mixture) PredictDivergence(dst, div, x []float64, t float64) error {
	return m.predict(dst, x, t, func(lo, hi int, w *workspace, p sde.Point) {
		for i := range (hi - lo) / m.dim {
			sum := 0.0
			for k := range m.parts {
				share, d := m.deviation(w, dst[lo+i*m.dim:][:m.dim], i, k, p)
				if share == 0 {
					continue
				}
				for j, c := range d {
					sum += share * (1/(p.Alpha*p.Alpha*m.parts[k].variance(j)+p.Sigma*p.Sigma) - c*c)
				}
			}
			div[lo/m.dim+i] = p.Sigma * sum
		}
	})
}

// PredictTangent implements Differentiable, see PredictDivergence.
func (m *Mixture) PredictTangent(dst, tangent, x, v []float64, t float64) error {
	return m.predict(dst, x, t, func(lo, hi int, w *workspace, p sde.Point) {
		dim := m.dim
		clear(tangent[lo:hi])
		for i := range (hi - lo) / dim {
			at := lo + i*dim
			for k := range m.parts {
				share, d := m.deviation(w, dst[at:at+dim], i, k, p)
				if share == 0 {
					continue
				}
				part := &m.parts[k]
				y := w.row[2*dim : 3*dim]
				part.center(y, w.row[3*dim:], v[at:at+dim], 0) // v along the axes
				along := dot(d, y)
				for j := range y {
					y[j] = p.Sigma * share * (y[j]/(p.Alpha*p.Alpha*part.variance(j)+p.Sigma*p.Sigma) - along*d[j])
				}
				part.turn(tangent[at:at+dim], y)
			}
		}
	})
}

// deviation returns the responsibility of component k for row i of the panel in w, and u_k - ū along the axes of k. The
// gathering of the prediction has left what it found multiplied by other things.
func (m *Mixture) deviation(w *workspace, prediction []float64, i, k int, p sde.Point) (share float64, d []float64) {
	share = w.responsibility(i, k)
	if share == 0 {
		return 0, nil
	}
	dim := m.dim
	d, mean := w.row[:dim], w.row[dim:2*dim]
	if r := m.round; r != nil {
		for j := range d {
			d[j] = w.gain[k]*(w.x[j*vec.PanelRows+i]-p.Alpha*r.means[k*dim+j]) - prediction[j]/p.Sigma
		}
		return share, d
	}
	m.parts[k].center(mean, w.row[3*dim:], prediction, 0)
	z := w.turned[k*len(w.x):]
	for j := range d {
		d[j] = (z[j*vec.PanelRows+i]/share - mean[j]) / p.Sigma
	}
	return share, d
}
