package solvers

import (
	"math"

	"github.com/diffsolve/diffsolve/ode"
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
func (e exponential) phi(k int) float64 { return e.gain * e.length() * ode.Phi(k, e.z) }

// length returns |z| with the sign of h, which is negative when time runs up.
func (e exponential) length() float64 { return math.Copysign(e.z, e.h) }

// adamsWeights writes to w the weights, gain included, with which the predictions at the
// nodes enter the step: w_j = gain·|z|·∫₀¹ e^(z(1-θ)) l_j(θ) dθ with l_j the Lagrange
// polynomials over the nodes, in units of the step (0 is its start, 1 its end). There are
// at most ode.MaxPhi nodes.
//
// The integrals of the powers of θ are positive and computed to the last digits, so that small h costs no precision.
func (e exponential) adamsWeights(w, nodes []float64) {
	var integrals [ode.MaxPhi]float64
	moments := integrals[:len(nodes)]
	ode.PhiMoments(moments, e.z)
	for k := range moments {
		moments[k] *= e.gain * e.length()
	}
	ode.LagrangeWeights(w, nodes, moments)
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
