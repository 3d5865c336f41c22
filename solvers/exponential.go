package solvers

import (
	"math"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// exponential is a step as exponential methods see it (package documentation): the
// exact solution over it is
//
//	carry·x + gain·|z|·∫₀¹ e^(z(1-θ)) m(θ) dθ + noise·n
//
// with m the prediction of noise or of data along the solution, and n a standard normal.
type exponential struct {
	carry, gain float64
	z           float64
	h           float64 // λ_t - λ_s
	noise       float64
}

// newExponential returns the step between two points in the given prediction, Epsilon or
// Data, of the reverse-time equation with stochasticity tau: 0 is the probability flow and 1 the
// reverse SDE. All members of the family have the same marginals.
//
// With H = (1+τ²)h, in data prediction
//
//	x_t = (σ_t/σ_s)e^(-τ²h) x_s + α_t ∫₀ᴴ e^(u-H) x₀ du + σ_t √(1 - e^(-2τ²h)) n,
//
// and in noise prediction, where the linear part is that of the drift alone,
//
//	x_t = (α_t/α_s) x_s - (1+τ²)σ_t ∫₀ʰ e^(h-u) ε du + τσ_t √(e^(2h) - 1) n.
func newExponential(kind scoremodel.Kind, tau float64, from, to sde.Point) exponential {
	h, t2 := sde.H(from, to), tau*tau
	if kind == scoremodel.Data {
		return exponential{carry: to.Sigma / from.Sigma * math.Exp(-t2*h), gain: to.Alpha, z: -(1 + t2) * h, h: h,
			noise: to.Sigma * math.Sqrt(-math.Expm1(-2*t2*h))}
	}
	return exponential{carry: to.Alpha / from.Alpha, gain: -(1 + t2) * to.Sigma, z: h, h: h,
		noise: tau * to.Sigma * math.Sqrt(math.Expm1(2*h))}
}

// phi returns gain·|z|·φ_k(z): the weight of the derivative of order k-1 of m in θ at the
// start of the step. It is what multiplies a constant prediction for k = 1. Towards more noise, where h
// is negative, the integral runs backwards and takes the sign of h.
func (e exponential) phi(k int) float64 { return e.gain * e.length() * phi(k, e.z) }

// length returns |z| with the sign of h, which is negative when time runs up.
func (e exponential) length() float64 { return math.Copysign(e.z, e.h) }

// maxPhi is the largest k of phi.
const maxPhi = 8

// phi returns φ_k(z) for k from 0 to maxPhi: φ₀ = e^z, φ_(k+1)(z) = (φ_k(z) - 1/k!)/z, φ_k(0) = 1/k!.
// The relative error is a few units in the last place.
//
// The recurrence loses digits for small z, where its two terms nearly agree: the rounding
// of 1/j! reaches φ_k divided by z^(k-j). That is no more than φ_k's own rounding once
// |z| ≥ k. Below, the series Σ zⁱ/(i+k)! is summed: at |z| < k ≤ 8 forty terms leave nothing,
// 8⁴¹·8!/49! is 1e-21, and terms of alternating sign cancel by a factor of 8 at most.
func phi(k int, z float64) float64 {
	if k == 0 {
		return math.Exp(z)
	}
	if math.Abs(z) < float64(k) {
		sum := 0.0
		for i := 40; i >= 0; i-- {
			sum = 1 + sum*z/float64(i+k+1)
		}
		return sum / factorial(k)
	}
	p := math.Expm1(z) / z
	for j := 1; j < k; j++ {
		p = (p - 1/factorial(j)) / z
	}
	return p
}

func factorial(k int) float64 {
	f := 1.0
	for i := 2; i <= k; i++ {
		f *= float64(i)
	}
	return f
}

// adamsWeights writes to w the weights, gain included, with which the predictions at the
// nodes enter the step: w_j = gain·|z|·∫₀¹ e^(z(1-θ)) l_j(θ) dθ with l_j the Lagrange
// polynomials over the nodes, in units of the step (0 is its start, 1 its end). There are
// at most maxPhi nodes.
//
// The integrals of the powers of θ are k!·φ_(k+1)(z): all positive and
// computed to the last digits, so that small h costs no precision.
func (e exponential) adamsWeights(w, nodes []float64) {
	var integrals [maxPhi]float64
	for k := range nodes {
		integrals[k] = factorial(k) * e.phi(k+1)
	}
	interpolatory(w, nodes, integrals[:len(nodes)])
}

// interpolatory writes to w the integrals of the Lagrange polynomials over the nodes, given
// the integrals of the powers 0, 1, … of the variable.
func interpolatory(w, nodes, powers []float64) {
	for j, at := range nodes {
		var c [maxPhi]float64 // coefficients of Π(θ - node)/(at - node)
		c[0] = 1
		degree := 0
		for i, node := range nodes {
			if i == j {
				continue
			}
			degree++
			for k := degree; k >= 0; k-- {
				below := 0.0
				if k > 0 {
					below = c[k-1]
				}
				c[k] = (below - node*c[k]) / (at - node)
			}
		}
		w[j] = 0
		for k := range degree + 1 {
			w[j] += c[k] * powers[k]
		}
	}
}

// inside returns the point at λ of a step, in either direction of time. Rounding does not carry it out of the step.
func inside(s sde.Schedule, lambda float64, from, to sde.Point) sde.Point {
	return s.At(math.Min(math.Max(s.Time(lambda), math.Min(from.T, to.T)), math.Max(from.T, to.T)))
}

// history keeps the latest predictions of a multistep method, newest first, and where they
// were made: the nodes, in the variable of the method's polynomial, which is λ unless said otherwise.
type history struct {
	predictions [][]float64
	nodes       []float64
	known       int
}

func newHistory(size, n int) history {
	h := history{predictions: make([][]float64, size), nodes: make([]float64, size)}
	for i := range h.predictions {
		h.predictions[i] = make([]float64, n)
	}
	return h
}

// push makes room for a prediction at the given node and returns where to write it.
func (h *history) push(node float64) []float64 {
	last := len(h.predictions) - 1
	oldest := h.predictions[last]
	copy(h.predictions[1:], h.predictions[:last])
	copy(h.nodes[1:], h.nodes[:last])
	h.predictions[0], h.nodes[0] = oldest, node
	h.known = min(h.known+1, len(h.predictions))
	return oldest
}
