// Package digitsnet holds a small real network: it predicts the noise in handwritten digits of 8×8 pixels, with or without being told
// which digit, and was trained for this project on scoremodel.Digits. Its weights are embedded.
//
//	net := digitsnet.New()
//	model, err := net.Model(0, 1, 2, 3, 4, 5, 6, 7, 8, 9) // row i is to be the digit i mod 10
//	guided, err := scoremodel.CFG{Scale: 2}.Guide(model, nil, digitsnet.Dim, net.Schedule())
//
// It is a residual network of dense layers, 143,040 parameters in single precision. With silu(v) = v/(1+e⁻ᵛ), the state x and the step n of DDPM's
// linear table, whole or fractional, 0 to 999,
//
//	f_i = 10000^(-i/16), i = 0..15,  c = [cos(n f), sin(n f)]
//	e   = silu(W_t c + b_t + Y[label])          Y has a row for each digit, and an eleventh for none
//	h   = W_i x + b_i
//	h   = h + W2_k silu(W1_k h + b1_k + E_k e) + b2_k,  k = 0..2
//	ε   = W_o silu(h) + b_o.
//
// Unlike the exact models of package scoremodel, the network is wrong: its mean square error in ε on digits that it has not seen is 0.119. What
// solvers are compared on is how well they follow its flow. Between the steps of the table log α is linear in time, so that the flow has a kink at each of
// them: in long steps methods of high order gain less than their order, and only from about 500 steps on, when few kinks fall into a step, does the error come down to single
// precision's, some 5e-7.
//
// The forward pass runs on gonum's BLAS. A row's prediction has the same bits in any batch, on one machine.
package digitsnet

import (
	_ "embed" // for the weights
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/diffsolve/diffsolve/internal/safetensors"
	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

const (
	// Dim is the number of elements of a row, the pixels of a digit scaled to [-1, 1].
	Dim = scoremodel.DigitSide * scoremodel.DigitSide

	// NoLabel is the label of a row that may be any digit.
	NoLabel = 10
)

const (
	frequencies = 16  // of the embedding of time
	embedding   = 64  // elements of e
	width       = 128 // elements of h
	steps       = 1000
)

// ErrLabel is wrapped by the error of Model about a label that is none.
var ErrLabel = errors.New("no label of a digit")

// weightsFile is in single precision, 574 kB. In half precision, 288 kB, ε would move by 0.6e-3 to 1.8e-3 root mean square, depending on the time:
// no golden value of the trained network could be checked closer than that.
//
//go:embed data/eps_digits8.safetensors
var weightsFile []byte

// A Network is the weights, made ready. Use New. It is immutable and safe for concurrent use.
type Network struct {
	frequencies []float32
	time        layer
	labels      []float32 // NoLabel+1 rows of embedding elements
	in, out     layer
	blocks      [3]struct{ first, condition, second layer }
	schedule    *sde.Discrete
	workspaces  sync.Pool // of *workspace
}

// New returns the network. It reads the weights, which takes about a millisecond.
func New() *Network {
	n, err := read(weightsFile)
	if err != nil {
		panic("digitsnet: the embedded weights are damaged: " + err.Error())
	}
	return n
}

// Schedule returns the table under which the network was trained: a thousand betas from 1e-4 to 0.02.
func (n *Network) Schedule() *sde.Discrete { return n.schedule }

// read returns the network of a file of weights.
func read(file []byte) (*Network, error) {
	tensors, err := safetensors.Read(file)
	if err != nil {
		return nil, err
	}
	n := &Network{}
	r := reader{tensors: tensors}
	n.frequencies = r.values("freq", frequencies)
	n.time = r.layer("t", 2*frequencies, embedding, true)
	n.labels = r.values("y.weight", NoLabel+1, embedding)
	n.in = r.layer("i", Dim, width, true)
	for k := range n.blocks {
		b := &n.blocks[k]
		b.first = r.layer(fmt.Sprintf("w1.%d", k), width, width, true)
		b.condition = r.layer(fmt.Sprintf("e.%d", k), embedding, width, false)
		b.second = r.layer(fmt.Sprintf("w2.%d", k), width, width, true)
	}
	n.out = r.layer("o", width, Dim, true)
	if r.err != nil {
		return nil, r.err
	}
	if len(tensors) > 0 {
		return nil, fmt.Errorf("%d tensors that the network does not have", len(tensors))
	}
	n.schedule, err = sde.NewDiscrete(sde.LinearBetas(steps, 1e-4, 0.02))
	return n, err
}

// reader takes tensors out of a file, and keeps the first error.
type reader struct {
	tensors map[string]safetensors.Tensor
	err     error
}

func (r *reader) values(name string, shape ...int) []float32 {
	t, ok := r.tensors[name]
	switch {
	case r.err != nil:
	case !ok:
		r.err = fmt.Errorf("tensor %q is missing", name)
	case !slices.Equal(t.Shape, shape):
		r.err = fmt.Errorf("tensor %q has shape %v, want %v", name, t.Shape, shape)
	}
	for i, v := range t.Data {
		if v-v != 0 && r.err == nil {
			r.err = fmt.Errorf("tensor %q: element %d is %v", name, i, v)
		}
	}
	delete(r.tensors, name)
	return t.Data
}

// layer reads a dense layer, whose weights are stored as out × in.
func (r *reader) layer(name string, in, out int, bias bool) layer {
	l := layer{in: in, out: out, weights: make([]float32, in*out), bias: make([]float32, out)}
	w := r.values(name+".weight", out, in)
	if bias {
		l.bias = r.values(name+".bias", out)
	}
	if r.err != nil {
		return layer{}
	}
	for o := range out {
		for i := range in {
			l.weights[i*out+o] = w[o*in+i]
		}
	}
	return l
}

// layer is a dense layer: xW + b.
type layer struct {
	in, out int
	weights []float32 // in × out
	bias    []float32
}

// apply writes the outputs for up to maxRows rows of x to dst.
func (l *layer) apply(w *workspace, dst, x []float32) {
	for row := range slices.Chunk(dst, l.out) {
		copy(row, l.bias)
	}
	l.add(w, dst, x)
}

// add adds the product of up to maxRows rows of x and the weights to dst. It sums runs of 32 inputs on their own, which halves the rounding
// error of a sum over all of them.
//
// With neither factor transposed gonum's Sgemm adds multiples of the rows of the weights in their order, so that the bits of a row
// depend on that row alone. With the weights transposed, as they are stored, it takes dot products instead, whose order of summation
// depends on where in memory the operands begin. Products of this size it computes where it stands, without new goroutines.
func (l *layer) add(w *workspace, dst, x []float32) {
	const run = 32
	var impl gonum.Implementation
	sum := w.sum[:len(dst)]
	for k := 0; k < l.in; k += run {
		impl.Sgemm(blas.NoTrans, blas.NoTrans, len(dst)/l.out, l.out, run, 1, x[k:], l.in, l.weights[k*l.out:], l.out, 0, sum, l.out)
		for i, v := range sum {
			dst[i] += v
		}
	}
}

// maxRows go through the layers together.
const maxRows = 64

// workspace holds what one evaluation needs.
type workspace struct {
	features, time [embedding]float32
	condition      [NoLabel + 1][3 * width]float32 // of each label, what each block adds
	ready          [NoLabel + 1]bool
	x, y           [maxRows * Dim]float32
	start, h       [maxRows * width]float32
	u, v, sum      [maxRows * width]float32
	exponents      [width]float64
}

// silu writes x/(1+e⁻ˣ) to dst, rows of up to width elements. dst may be x.
func (w *workspace) silu(dst, x []float32) {
	for lo := 0; lo < len(x); lo += width {
		row := x[lo:min(lo+width, len(x))]
		e := w.exponents[:len(row)]
		for i, v := range row {
			e[i] = -float64(v)
		}
		vec.Exp(e, e)
		for i, v := range row {
			dst[lo+i] = float32(float64(v) / (1 + e[i]))
		}
	}
}

// embed makes the workspace ready for step n.
func (w *workspace) embed(net *Network, n float32) {
	w.ready = [NoLabel + 1]bool{}
	for i, f := range net.frequencies {
		angle := float64(n * f) // rounded to single precision, as it was in training
		w.features[i], w.features[frequencies+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
	}
	net.time.apply(w, w.time[:], w.features[:2*frequencies])
}

// conditionOf returns what the blocks add for a label.
func (w *workspace) conditionOf(net *Network, label int) []float32 {
	c := w.condition[label][:]
	if w.ready[label] {
		return c
	}
	e := w.features[:] // whose use has ended
	for i, v := range net.labels[label*embedding:][:embedding] {
		e[i] = w.time[i] + v
	}
	w.silu(e, e)
	for k := range net.blocks {
		net.blocks[k].condition.apply(w, c[k*width:][:width], e)
	}
	w.ready[label] = true
	return c
}

// rest writes to w.y the predictions for rows with the given labels, whose input layer is in w.start.
func (w *workspace) rest(net *Network, rows int, label func(row int) int) []float32 {
	h, u, v := w.h[:rows*width], w.u[:rows*width], w.v[:rows*width]
	copy(h, w.start[:])
	for k := range net.blocks {
		b := &net.blocks[k]
		for i := range rows {
			c := w.conditionOf(net, label(i))[k*width:][:width]
			for j, bias := range b.first.bias {
				u[i*width+j] = bias + c[j]
			}
		}
		b.first.add(w, u, h)
		w.silu(u, u)
		b.second.apply(w, v, u)
		for i := range h {
			h[i] += v[i]
		}
	}
	w.silu(u, h)
	y := w.y[:rows*Dim]
	net.out.apply(w, y, u)
	return y
}

// A Model is the network told which digits it is to see. It predicts scoremodel.Epsilon. Use Network.Model. A Model is
// immutable and safe for concurrent use, and does not allocate once each of the concurrent users has called it.
type Model struct {
	net    *Network
	labels []int
	first  int
}

var (
	_ scoremodel.Guided   = (*Model)(nil)
	_ scoremodel.RowModel = (*Model)(nil)
)

// Model returns the network for rows with the given labels, 0 to 9 or NoLabel, which are repeated as often as
// there are rows: row i of the batch has label i modulo their number. Without labels no row has one. It returns an error that wraps
// ErrLabel if a label is none.
func (n *Network) Model(labels ...int) (*Model, error) {
	for i, l := range labels {
		if l < 0 || l > NoLabel {
			return nil, fmt.Errorf("digitsnet: %w: label %d is %d, want 0 to 9, or %d for none", ErrLabel, i, l, NoLabel)
		}
	}
	if len(labels) == 0 {
		labels = []int{NoLabel}
	}
	return &Model{net: n, labels: slices.Clone(labels)}, nil
}

// Kind implements scoremodel.Model.
func (*Model) Kind() scoremodel.Kind { return scoremodel.Epsilon }

// Dim returns the number of elements of a row.
func (*Model) Dim() int { return Dim }

// Rows implements scoremodel.RowModel.
func (m *Model) Rows(first int) scoremodel.Model {
	return &Model{net: m.net, labels: m.labels, first: first}
}

// Label returns the label of row i of the whole batch.
func (m *Model) Label(i int) int { return m.labels[i%len(m.labels)] }

// Predict implements scoremodel.Model. It returns an error if x is not a whole number of rows, and one that wraps scoremodel.ErrTime at a
// time outside of the schedule's domain. It panics if the lengths differ.
func (m *Model) Predict(dst, x []float64, t float64) error { return m.predict(dst, nil, x, t) }

// PredictBoth implements scoremodel.Guided: plain is the prediction without labels. Both share the input layer and the embedding
// of the time.
func (m *Model) PredictBoth(dst, plain, x []float64, t float64) error {
	if len(plain) != len(x) {
		panic("digitsnet: slice length mismatch")
	}
	return m.predict(dst, plain, x, t)
}

// predict writes the prediction without labels to plain, unless it is nil.
func (m *Model) predict(dst, plain, x []float64, t float64) error {
	if len(dst) != len(x) {
		panic("digitsnet: slice length mismatch")
	}
	if len(x)%Dim != 0 {
		return fmt.Errorf("digitsnet: a state of %d elements is not a whole number of rows of %d", len(x), Dim)
	}
	n, err := scoremodel.Times{Steps: steps}.At(m.net.schedule, t)
	if err != nil {
		return err
	}
	w, _ := m.net.workspaces.Get().(*workspace)
	if w == nil {
		w = new(workspace)
	}
	defer m.net.workspaces.Put(w)
	w.embed(m.net, float32(n))
	for lo := 0; lo < len(x); lo += maxRows * Dim {
		hi := min(lo+maxRows*Dim, len(x))
		rows, first := (hi-lo)/Dim, m.first+lo/Dim
		in := w.x[:hi-lo]
		vec.Convert(in, x[lo:hi])
		m.net.in.apply(w, w.start[:rows*width], in)
		vec.Convert(dst[lo:hi], w.rest(m.net, rows, func(row int) int { return m.Label(first + row) }))
		if plain != nil {
			vec.Convert(plain[lo:hi], w.rest(m.net, rows, func(int) int { return NoLabel }))
		}
	}
	return nil
}
