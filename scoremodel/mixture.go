package scoremodel

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/sde"
)

// Mixture is the exact noise predictor of data drawn from a mixture of normals. At
// time t component k has mean αm_k and, along its axes, variances v = α²s² + σ². With
// the responsibilities r_k(x), the soft-max of its log densities,
//
//	ε = σ Σ_k r_k C_k⁻¹ (x - αm_k).
//
// Components whose responsibility is below e⁻⁴⁵ of the largest, 3e-20, are left out.
// Use NewMixture or NewDataset. A Mixture is immutable and safe for concurrent use; after the
// first calls Predict does not allocate.
type Mixture struct {
	schedule   sde.Schedule
	dim        int
	logWeights []float64
	parts      []normal
	round      *round // set when every component is isotropic
	workspaces sync.Pool
}

// round holds the components of an all-isotropic mixture as matrices, so that a batch
// costs two matrix products. Everything is relative to the center, the mean of the
// means: the squared distances are then differences of smaller numbers.
type round struct {
	center    []float64
	means     []float64   // K × dim, less the center
	forward   *vec.Packed // the same, for the products with a state
	back      *vec.Packed // dim × K, for the sums over components
	squares   []float64   // |mean - center|² of each
	variances []float64
}

// negligible is the logarithm below which a responsibility counts as zero. What is
// left out of a sum of K terms is at most K·3e-20 of its largest.
const negligible = -45

// NewMixture returns the model of data drawn from the components, whose weights must
// add up to 1 within 1e-9.
func NewMixture(s sde.Schedule, components ...Component) (*Mixture, error) {
	if len(components) == 0 {
		return nil, errors.New("scoremodel: Mixture: no components")
	}
	m := &Mixture{schedule: s, dim: len(components[0].Mean)}
	total, isotropic := 0.0, true
	for k, c := range components {
		n, err := newNormal(c, m.dim)
		if err != nil {
			return nil, fmt.Errorf("scoremodel: Mixture: component %d: %w", k, err)
		}
		if !(c.Weight > 0) {
			return nil, fmt.Errorf("scoremodel: Mixture: component %d: weight is %v, want a positive number", k, c.Weight)
		}
		total += c.Weight
		m.parts = append(m.parts, n)
		m.logWeights = append(m.logWeights, math.Log(c.Weight))
		isotropic = isotropic && len(n.variances) == 1 && n.axes == nil
	}
	if !(math.Abs(total-1) <= 1e-9) {
		return nil, fmt.Errorf("scoremodel: Mixture: the weights add up to %v, want 1", total)
	}
	if isotropic {
		means, variances := make([]float64, 0, len(m.parts)*m.dim), make([]float64, 0, len(m.parts))
		for _, n := range m.parts {
			means, variances = append(means, n.mean...), append(variances, n.variances[0])
		}
		m.round = newRound(means, variances, m.dim)
	}
	return m, nil
}

func newRound(means, variances []float64, dim int) *round {
	k := len(variances)
	r := &round{center: make([]float64, dim), means: make([]float64, k*dim), squares: make([]float64, k), variances: variances}
	for i, v := range means {
		r.center[i%dim] += v / float64(k)
	}
	turned := make([]float64, k*dim)
	for i, v := range means {
		d := v - r.center[i%dim]
		r.means[i] = d
		turned[i%dim*k+i/dim] = d
		r.squares[i/dim] += d * d
	}
	r.forward, r.back = vec.Pack(r.means, k, dim), vec.Pack(turned, dim, k)
	return r
}

// Kind implements Model.
func (*Mixture) Kind() Kind { return Epsilon }

// Dim returns the number of elements of a row.
func (m *Mixture) Dim() int { return m.dim }

// lanes holds one number for each row of a panel.
type lanes = [vec.PanelRows]float64

// workspace is what one call of Predict needs for a panel of rows. The prefix of every panel is element after element, or component
// after component, of all its rows.
type workspace struct {
	x       []float64 // dim × rows; of a round mixture less α times the center
	weights []float64 // K × rows: logits, later responsibilities times sum and gain
	list    []int32   // room for the components whose weights are not all zero
	sum     lanes     // of the responsibilities' numerators
	gained  lanes     // and of those times gain
	top     lanes     // the largest logit
	gain    []float64 // K: 1/v of an isotropic component, or else 1
	bias    []float64 // K: the part of the logit that does not depend on x
	turned  []float64 // K × dim × rows of a general mixture: x - αm_k along the axes of k
	out     []float64 // dim × rows
	spare   []float64 // dim × rows
	row     []float64 // 4 × dim, for the derivatives
}

func (m *Mixture) workspace() *workspace {
	if w, ok := m.workspaces.Get().(*workspace); ok {
		return w
	}
	k, room := len(m.logWeights), padded(m.dim)*vec.PanelRows
	w := &workspace{x: make([]float64, room), weights: make([]float64, padded(k)*vec.PanelRows), list: make([]int32, k),
		gain: make([]float64, k), bias: make([]float64, k), out: make([]float64, room), spare: make([]float64, room), row: make([]float64, 4*m.dim)}
	for j := range w.gain {
		w.gain[j] = 1
	}
	if m.round == nil {
		w.turned = make([]float64, k*room)
	}
	return w
}

// padded returns the rows of a product of a packed matrix of n rows.
func padded(n int) int { return (n + vec.TileRows - 1) / vec.TileRows * vec.TileRows }

// Predict implements Model.
func (m *Mixture) Predict(dst, x []float64, t float64) error { return m.predict(dst, x, t, nil) }

// predict writes the prediction to dst, and shows the workspace of each panel of rows, dst[lo:hi], to after, unless that is nil.
func (m *Mixture) predict(dst, x []float64, t float64, after func(lo, hi int, w *workspace, p sde.Point)) error {
	if len(dst) != len(x) || len(x)%m.dim != 0 {
		panic("scoremodel: state is not a whole number of rows")
	}
	p := m.schedule.At(t)
	w := m.workspace()
	defer m.workspaces.Put(w)
	m.prepare(w, p)
	for lo := 0; lo < len(x); lo += vec.PanelRows * m.dim {
		hi := min(lo+vec.PanelRows*m.dim, len(x))
		m.soften(w, x[lo:hi], p)
		if m.round != nil {
			m.gatherRound(dst[lo:hi], w, p)
		} else {
			m.gather(dst[lo:hi], w, p)
		}
		if after != nil {
			after(lo, hi, w, p)
		}
	}
	return nil
}

// prepare computes what does not depend on x.
func (m *Mixture) prepare(w *workspace, p sde.Point) {
	r := m.round
	if r == nil {
		for k, logWeight := range m.logWeights {
			w.bias[k] = logWeight - m.parts[k].logDet(p.Alpha, p.Sigma, m.dim)/2
		}
		return
	}
	logV := 0.0
	for k, logWeight := range m.logWeights {
		v := p.Alpha*p.Alpha*r.variances[k] + p.Sigma*p.Sigma
		if k == 0 || r.variances[k] != r.variances[k-1] { // of a data set all are the same
			logV = math.Log(v)
		}
		w.gain[k] = 1 / v
		w.bias[k] = logWeight - float64(m.dim)/2*logV - p.Alpha*p.Alpha*r.squares[k]/(2*v)
	}
}

// soften finds the numerators of the responsibilities of up to vec.PanelRows rows, the soft-max of the logarithm of weight times
// density, and their sums.
func (m *Mixture) soften(w *workspace, x []float64, p sde.Point) {
	vec.ToPanel(w.x, x, m.dim)
	if r := m.round; r != nil {
		// -|x-αm|²/2v = (αx·m - |x|²/2)/v - α²|m|²/2v, and the last term is in the bias.
		var half lanes
		for j, c := range r.center {
			row, shift := (*lanes)(w.x[j*vec.PanelRows:]), p.Alpha*c
			for i := range row {
				row[i] -= shift
				half[i] += row[i] * row[i]
			}
		}
		for i := range half {
			half[i] /= 2
		}
		r.forward.Times(w.weights, w.x)
		vec.Logits(w.weights, w.bias, w.gain, p.Alpha, &half, &w.top)
	} else {
		for i := range w.top {
			w.top[i] = math.Inf(-1)
		}
		for j := range m.parts {
			z := w.turned[j*len(w.x):][:len(w.x)]
			m.parts[j].centerPanel(z, w.spare, w.x, p.Alpha)
			quadratic := m.parts[j].quadraticPanel(z, p)
			for i, q := range quadratic {
				v := w.bias[j] - q/2
				w.weights[j*vec.PanelRows+i] = v
				if v > w.top[i] {
					w.top[i] = v
				}
			}
		}
	}
	vec.Weights(w.weights, w.gain, &w.top, negligible, &w.sum, &w.gained)
}

// listed returns the components that have a weight for a row of the panel.
func (m *Mixture) listed(w *workspace) []int32 {
	k := len(m.logWeights)
	return vec.Nonzero(w.list[:k], w.weights[:k*vec.PanelRows])
}

// gatherRound adds up the components: ε = σ(x·Σr/v - αΣ(r/v)m).
func (m *Mixture) gatherRound(dst []float64, w *workspace, p sde.Point) {
	if m.round.back.Short() {
		m.round.back.Times(w.out, w.weights)
	} else {
		m.round.back.TimesListed(w.out, w.weights, m.listed(w))
	}
	var own, others lanes
	for i, sum := range w.sum {
		scale := p.Sigma / sum
		own[i], others[i] = scale*w.gained[i], scale*p.Alpha
	}
	for j := range m.dim {
		x, out := (*lanes)(w.x[j*vec.PanelRows:]), (*lanes)(w.out[j*vec.PanelRows:])
		for i := range out {
			out[i] = own[i]*x[i] - others[i]*out[i]
		}
	}
	vec.FromPanel(dst, w.out, m.dim)
}

// gather adds up the components along their own axes.
func (m *Mixture) gather(dst []float64, w *workspace, p sde.Point) {
	clear(w.out)
	for _, k := range m.listed(w) {
		part := &m.parts[k]
		z := w.turned[int(k)*len(w.x):][:len(w.x)]
		var share lanes
		for i, v := range w.weights[int(k)*vec.PanelRows:][:vec.PanelRows] {
			share[i] = p.Sigma * v / w.sum[i]
		}
		for j := range m.dim {
			v := 1 / (p.Alpha*p.Alpha*part.variance(j) + p.Sigma*p.Sigma)
			row := z[j*vec.PanelRows:][:vec.PanelRows]
			for i := range row {
				row[i] *= share[i] * v
			}
		}
		part.turnPanel(w.out, w.spare, z)
	}
	vec.FromPanel(dst, w.out, m.dim)
}

// responsibility returns that of component k for row i of the panel.
func (w *workspace) responsibility(i, k int) float64 {
	return w.weights[k*vec.PanelRows+i] / (w.gain[k] * w.sum[i])
}

// LogDensity writes to dst the natural logarithm of the density at time t at each row
// of x. It panics if the lengths do not fit.
func (m *Mixture) LogDensity(dst, x []float64, t float64) {
	if len(x) != len(dst)*m.dim {
		panic("scoremodel: state does not have a row for each result")
	}
	p := m.schedule.At(t)
	w := m.workspace()
	defer m.workspaces.Put(w)
	m.prepare(w, p)
	for lo := 0; lo < len(dst); lo += vec.PanelRows {
		hi := min(lo+vec.PanelRows, len(dst))
		m.soften(w, x[lo*m.dim:hi*m.dim], p)
		for i := range hi - lo {
			dst[lo+i] = w.top[i] + math.Log(w.sum[i]) - float64(m.dim)/2*math.Log(2*math.Pi)
		}
	}
}
