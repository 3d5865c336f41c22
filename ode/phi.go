package ode

import "math"

// MaxPhi is the largest k of Phi, and the most nodes of LagrangeWeights.
const MaxPhi = 8

// Phi returns φ_k(z) for k from 0 to MaxPhi: φ₀ = e^z, φ_(k+1)(z) = (φ_k(z) - 1/k!)/z, φ_k(0) = 1/k!, of which exponential
// methods are made [hochbruck2010]. The relative error is a few units in the last place.
//
// The recurrence loses digits for small z, where its two terms nearly agree: the rounding
// of 1/j! reaches φ_k divided by z^(k-j). That is no more than φ_k's own rounding once
// |z| ≥ k. Below, the series Σ zⁱ/(i+k)! is summed: at |z| < k ≤ 8 forty terms leave nothing,
// 8⁴¹·8!/49! is 1e-21, and terms of alternating sign cancel by a factor of 8 at most.
//
// References:
//
//	[hochbruck2010]  M. Hochbruck and A. Ostermann. Exponential integrators. Acta Numerica 19, 2010.
func Phi(k int, z float64) float64 {
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

// PhiMoments writes to m the integrals of the powers 0, 1, … of θ against e^(z(1-θ)) over [0, 1], the moments of a step of an
// exponential method: k!·φ_(k+1)(z), all positive and computed to the last digits, so that a small z costs no
// precision. At z = 0 they are 1/(k+1). There are at most MaxPhi.
func PhiMoments(m []float64, z float64) {
	for k := range m {
		if z == 0 {
			m[k] = 1 / float64(k+1)
			continue
		}
		m[k] = factorial(k) * Phi(k+1, z)
	}
}

// LagrangeWeights writes to w the integrals of the Lagrange polynomials over the nodes, given the integrals of as many powers
// 0, 1, … of the variable: the weights with which values at the nodes, which must be distinct, give the integral of the polynomial through
// them. There are at most MaxPhi nodes.
func LagrangeWeights(w, nodes, powers []float64) {
	for j, at := range nodes {
		var c [MaxPhi]float64 // coefficients of Π(θ - node)/(at - node)
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

// nodePolynomial returns the integral of Π(θ - node), given those of the powers, one more than there are nodes.
func nodePolynomial(nodes, powers []float64) float64 {
	var c [MaxPhi + 1]float64
	c[0] = 1
	for i, node := range nodes {
		for k := i + 1; k > 0; k-- {
			c[k] = c[k-1] - node*c[k]
		}
		c[0] *= -node
	}
	sum := 0.0
	for k, p := range powers[:len(nodes)+1] {
		sum += c[k] * p
	}
	return sum
}
