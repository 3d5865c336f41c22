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
	means     []float64 // K × dim, less the center
	meansT    []float64 // dim × K
	squares   []float64 // |mean - center|² of each
	variances []float64
}

const (
	// negligible is the logarithm below which a responsibility counts as zero. What is
	// left out of a sum of K terms is at most K·3e-20 of its largest.
	negligible = -45

	// blockRows rows are taken through the whole computation at once.
	blockRows = 64
)

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
	r := &round{center: make([]float64, dim), means: make([]float64, k*dim), meansT: make([]float64, k*dim),
		squares: make([]float64, k), variances: variances}
	for i, v := range means {
		r.center[i%dim] += v / float64(k)
	}
	for i, v := range means {
		d := v - r.center[i%dim]
		r.means[i] = d
		r.meansT[i%dim*k+i/dim] = d
		r.squares[i/dim] += d * d
	}
	return r
}

// Kind implements Model.
func (*Mixture) Kind() Kind { return Epsilon }

// Dim returns the number of elements of a row.
func (m *Mixture) Dim() int { return m.dim }

// workspace is what one call of Predict needs for a block of rows.
type workspace struct {
	x      []float64 // rows × dim, centered
	logits []float64 // rows × K, later weights
	gain   []float64 // K: 1/v of an isotropic component
	bias   []float64 // K: the part of the logit that does not depend on x
	turned []float64 // K × rows × dim of a general mixture: x - αm_k along the axes of k
	spare  []float64 // rows × dim
	row    []float64 // 4 × dim, for the derivatives
}

func (m *Mixture) workspace() *workspace {
	if w, ok := m.workspaces.Get().(*workspace); ok {
		return w
	}
	k := len(m.logWeights)
	w := &workspace{x: make([]float64, blockRows*m.dim), logits: make([]float64, blockRows*k),
		gain: make([]float64, k), bias: make([]float64, k), spare: make([]float64, blockRows*m.dim), row: make([]float64, 4*m.dim)}
	if m.round == nil {
		w.turned = make([]float64, k*blockRows*m.dim)
	}
	return w
}

// Predict implements Model.
func (m *Mixture) Predict(dst, x []float64, t float64) error { return m.predict(dst, x, t, nil) }

// predict writes the prediction to dst, and shows the workspace of each block of rows, dst[lo:hi], to after, unless that is nil.
func (m *Mixture) predict(dst, x []float64, t float64, after func(lo, hi int, w *workspace, p sde.Point)) error {
	if len(dst) != len(x) || len(x)%m.dim != 0 {
		panic("scoremodel: state is not a whole number of rows")
	}
	p := m.schedule.At(t)
	w := m.workspace()
	defer m.workspaces.Put(w)
	m.prepare(w, p)
	for lo := 0; lo < len(x); lo += blockRows * m.dim {
		hi := min(lo+blockRows*m.dim, len(x))
		m.logits(w, x[lo:hi], p)
		m.softmax(w, (hi-lo)/m.dim)
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
	for k, logWeight := range m.logWeights {
		if r := m.round; r != nil {
			v := p.Alpha*p.Alpha*r.variances[k] + p.Sigma*p.Sigma
			w.gain[k] = 1 / v
			w.bias[k] = logWeight - float64(m.dim)/2*math.Log(v) - p.Alpha*p.Alpha*r.squares[k]/(2*v)
		} else {
			w.bias[k] = logWeight - m.parts[k].logDet(p.Alpha, p.Sigma, m.dim)/2
		}
	}
}

// logits writes the logarithm of weight times density, up to the constant -dim/2·log 2π,
// of each row and component.
func (m *Mixture) logits(w *workspace, x []float64, p sde.Point) {
	rows, k := len(x)/m.dim, len(m.logWeights)
	out := w.logits[:rows*k]
	if m.round == nil {
		for j := range m.parts {
			z := w.turned[j*blockRows*m.dim:][:len(x)]
			m.parts[j].center(z, w.spare[:len(x)], x, p.Alpha)
			for i := range rows {
				out[i*k+j] = w.bias[j] - m.parts[j].quadratic(z[i*m.dim:(i+1)*m.dim], p)/2
			}
		}
		return
	}
	// -|x-αm|²/2v = (αx·m - |x|²/2)/v - α²|m|²/2v, and the last term is in the bias.
	clear(out)
	for i := range x {
		w.x[i] = x[i] - p.Alpha*m.round.center[i%m.dim]
	}
	multiply(out, w.x[:len(x)], m.round.meansT, rows, m.dim, k)
	for i := range rows {
		half := 0.0
		for _, d := range w.x[i*m.dim : (i+1)*m.dim] {
			half += d * d
		}
		half /= 2
		row := out[i*k : (i+1)*k]
		for j, dot := range row {
			row[j] = w.bias[j] + w.gain[j]*(p.Alpha*dot-half)
		}
	}
}

// softmax turns each row of logits into weights that add up to 1.
func (m *Mixture) softmax(w *workspace, rows int) {
	k := len(m.logWeights)
	for i := range rows {
		row := w.logits[i*k : (i+1)*k]
		top := math.Inf(-1)
		for _, v := range row {
			if v > top {
				top = v
			}
		}
		for j, v := range row {
			if row[j] = v - top; row[j] < negligible {
				row[j] = 2 * vec.ExpFloor // becomes exactly 0
			}
		}
		vec.Exp(row, row)
		sum := 0.0
		for _, v := range row {
			sum += v
		}
		for j := range row {
			row[j] /= sum
		}
	}
}

// gatherRound adds up the components: ε = σ(x·Σr/v - αΣ(r/v)m).
func (m *Mixture) gatherRound(dst []float64, w *workspace, p sde.Point) {
	rows, k := len(dst)/m.dim, len(m.logWeights)
	clear(dst)
	weights := w.logits[:rows*k]
	sum := w.spare[:rows]
	for i := range rows {
		sum[i] = 0
		row := weights[i*k : (i+1)*k]
		for j, r := range row {
			row[j] = r * w.gain[j]
			sum[i] += row[j]
		}
	}
	multiply(dst, weights, m.round.means, rows, k, m.dim)
	for i := range dst {
		dst[i] = p.Sigma * (w.x[i]*sum[i/m.dim] - p.Alpha*dst[i])
	}
}

// gather adds up the components along their own axes.
func (m *Mixture) gather(dst []float64, w *workspace, p sde.Point) {
	k := len(m.logWeights)
	clear(dst)
	for j := range m.parts {
		part := &m.parts[j]
		z := w.turned[j*blockRows*m.dim:][:len(dst)]
		for i := range z {
			v := p.Alpha*p.Alpha*part.variance(i%m.dim) + p.Sigma*p.Sigma
			z[i] *= p.Sigma * w.logits[i/m.dim*k+j] / v
		}
		part.turn(dst, z)
	}
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
	k := len(m.logWeights)
	for lo := 0; lo < len(dst); lo += blockRows {
		hi := min(lo+blockRows, len(dst))
		m.logits(w, x[lo*m.dim:hi*m.dim], p)
		for i := lo; i < hi; i++ {
			dst[i] = logSumExp(w.logits[(i-lo)*k:(i-lo+1)*k]) - float64(m.dim)/2*math.Log(2*math.Pi)
		}
	}
}

func logSumExp(x []float64) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}
