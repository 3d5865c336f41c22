package solvers

import (
	"cmp"
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// ERSDE is the extended reverse-time SDE solver of order 1 to 3 [cui2023ersde, algorithms 1 to 3], in data prediction. Its family of
// equations is given by a function φ of κ. With q = φ(κ_t)/φ(κ_s) a step is
//
//	x_t/α_t = q x_s/α_s + (1-q) D(κ_s) + ∫ (φ(κ_t)/φ(κ) - 1) D'(κ) dκ + √(κ_t² - q²κ_s²) z
//
// with the integral from κ_t to κ_s. Phi "default" is κ(e^(κ^0.3) + 10), the paper's choice; "sde" is κ², the reverse SDE; "ode" is κ,
// the probability flow, where the method draws no noise.
//
// D' is the derivative of the polynomial through the latest Order predictions, two or one until more are known. The paper takes for its
// value at κ_s the difference quotient of the latest two, which makes the third order second; Published does so too.
// The integrals are taken by Gauss–Legendre quadrature, where published code sums 100 or 200 values.
//
// The weak order is 2 at most: one normal per step does not carry the iterated integrals of the path that more
// needs. As an ODE method the third order is capped at 2 by its start.
//
// References:
//
//	[cui2023ersde]
type ERSDE struct {
	Order     int    // 1 to 3; 0 means 1
	Phi       string `param:"phi" values:"default|sde|ode" about:"the function phi, which sets the noise"`
	Published bool   `param:"published" about:"of order 3, take the derivative from the latest two predictions"`
}

// Info implements Solver.
func (s ERSDE) Info() Info {
	order := cmp.Or(s.Order, 1)
	i := Info{Name: fmt.Sprintf("ersde%d", order), About: fmt.Sprintf("the extended reverse-time SDE solver of order %d", order),
		Order: min(order, 2), NFE: 1, Memory: order - 1, Kind: scoremodel.Data, Ref: "cui2023ersde"}
	switch s.Phi {
	case "ode":
		return i
	case "sde":
		return i.withNoise(1, 2)
	}
	i.Order, i.WeakOrder, i.Stochastic = 0, float64(i.Order), true
	return i
}

// Start implements Solver.
func (s ERSDE) Start(p Problem, n int) (ode.Stepper, error) {
	order := cmp.Or(s.Order, 1)
	switch {
	case order < 1 || order > 3:
		return nil, fmt.Errorf("%w: the order is %d, want 1 to 3", ErrParameter, s.Order)
	case order != 3 && s.Published:
		return nil, fmt.Errorf("%w: published belongs to order 3, the order is %d", ErrParameter, order)
	}
	excess, ok := map[string]logExcess{"": gentle, "default": gentle, "sde": square, "ode": proportional}[s.Phi]
	if !ok {
		return nil, fmt.Errorf("%w: phi is %q, want default, sde or ode", ErrParameter, s.Phi)
	}
	st := &multistep{kind: scoremodel.Data, in: Kappa, predictor: formula{excess.rule(s.Published), order}, linear: excess.linear}
	if s.Phi != "ode" {
		st.tau = func(float64) float64 { return 1 } // it does not enter the linear part
	}
	return st.bind(p, n)
}

// logExcess gives φ by what it is more than κ: with φ(κ) = κψ(κ) it returns log ψ(κe^(-h)) - log ψ(κ), without
// cancellation for small h.
type logExcess func(kappa, h float64) float64

func proportional(_, _ float64) float64 { return 0 }
func square(_, h float64) float64       { return -h }

// gentle is that of ψ = e^a + 10, a = κ^0.3: ψ'/ψ = 1 + (e^(a'-a) - 1)/(1 + 10e^(-a)).
func gentle(kappa, h float64) float64 {
	a := math.Pow(kappa, 0.3)
	return math.Log1p(math.Expm1(a*math.Expm1(-0.3*h)) / (1 + 10*math.Exp(-a)))
}

// linear is the exact part of a step. With κ_s/κ_t = e^h, q²κ_s²/κ_t² = (ψ_t/ψ_s)².
func (f logExcess) linear(_ scoremodel.Kind, _ float64, from, to sde.Point) exponential {
	h := sde.H(from, to)
	g := f(from.Kappa(), h)
	return exponential{carry: to.Sigma / from.Sigma * math.Exp(g), gain: to.Alpha, z: g - h, h: h,
		noise: to.Sigma * math.Sqrt(-math.Expm1(2*g))}
}

// rule returns the weights of the predictions at nodes in κ, newest first. In Newton's form the derivative of the
// interpolating parabola is
//
//	D'(κ) = D[0,1] + (2(κ-κ₀) + κ₀ - κ₁) D[0,1,2].
func (f logExcess) rule(published bool) rule {
	const points = 16
	var x, gauss [points]float64
	quad.Legendre{}.FixedLocations(x[:], gauss[:], 0, 1)
	return func(w, nodes []float64, s segment) {
		clear(w)
		w[0] = -s.gain * math.Expm1(s.z)
		if len(nodes) == 1 {
			return
		}
		// The moments of φ(κ_t)/φ(κ) - 1 about κ_s, in λ: dκ = -κdλ.
		var m0, m1 float64
		kappaS := s.from.Kappa()
		for i, theta := range x {
			kappa := kappaS * math.Exp(-theta*s.h)
			rest := (1 - theta) * s.h
			r := gauss[i] * s.h * kappa * math.Expm1(f(kappa, rest)-rest)
			m0 += r
			m1 += r * kappaS * math.Expm1(-theta*s.h)
		}
		first := 1 / (nodes[0] - nodes[1]) // of D[0,1], and so on
		w[0] += s.gain * m0 * first
		w[1] -= s.gain * m0 * first
		if len(nodes) == 2 {
			return
		}
		c := 2 * m1
		if !published {
			c += (nodes[0] - nodes[1]) * m0
		}
		c *= s.gain / (nodes[0] - nodes[2])
		next := 1 / (nodes[1] - nodes[2])
		w[0] += c * first
		w[1] -= c * (first + next)
		w[2] += c * next
	}
}
