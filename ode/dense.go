package ode

import (
	"errors"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// An Interpolator is a Stepper that can tell the state inside of its latest step.
type Interpolator interface {
	Stepper

	// Interpolate writes to dst the state at the fraction theta in [0, 1] of the latest Step, which led from the state from to the
	// state to. At 0 and at 1 that is exactly from and to. dst must overlap neither.
	//
	// It may evaluate the vector field at the end of the step, from which the next step then starts, and a few
	// times inside of it, but once per step only. It does not allocate after its first use.
	Interpolate(dst, from, to []float64, theta float64) error
}

// Errors of an output inside of steps.
var (
	ErrNoInterpolant = errors.New("ode: the stepper has no interpolant")
	ErrTime          = errors.New("ode: bad time of output")
)

// A Dense is a method's interpolant. With Δ = to - from, and f₀ and f₁ at the ends of the step, the state at the fraction θ is
//
//	from + θ(Δ + (1-θ)(hf₀ - Δ + θ(2Δ - hf₀ - hf₁ + (1-θ)hQ)))
//	Q = q₀ + θ(q₁ + (1-θ)(q₂ + θq₃)),  qⱼ = ΣD[j][i]k[i]
//
// which meets value and slope at both ends whatever Q is [hairer1993, II.6]. The zero value has Q = 0: it is the cubic of Hermite, of order 3, or that of the
// method if that is less. With one row of D the interpolant is a quartic, with four it has degree 7.
//
// The k are the stages of the step, then f₁ unless the last stage is that, then stages of the interpolant's own.
type Dense struct {
	Order int         // 0 means Hermite's
	C     []float64   // nodes of its own stages
	A     [][]float64 // A[i] holds the weights of all k before the stage
	D     [][]float64 // up to four rows, each with a weight for every k
}

// DenseOrder returns the order of the interpolant: with a solution of at least that order at the ends, the error inside of a step vanishes with
// one power of its length more.
func (tab Tableau) DenseOrder() int {
	if tab.Dense.Order > 0 {
		return tab.Dense.Order
	}
	return min(tab.Order, 3)
}

// reach evaluates f at the end of the latest step, which is the state to, unless that is done.
func (r *rungeKutta) reach(to []float64) error {
	if r.ahead {
		return nil
	}
	if r.k[r.end] == nil {
		r.k[r.end] = make([]float64, len(to))
	}
	if err := r.eval(r.k[r.end], to, r.at.To); err != nil {
		return err
	}
	r.ahead = true
	return nil
}

// fill evaluates the interpolant's own stages, unless that is done.
func (r *rungeKutta) fill(from []float64) error {
	if r.dense {
		return nil
	}
	for i, c := range r.tab.Dense.C {
		k := r.end + 1 + i
		if r.k[k] == nil {
			r.k[k] = make([]float64, len(from))
		}
		vec.Lin(r.x, r.combine(from, r.tab.Dense.A[i])...)
		if err := r.eval(r.k[k], r.x, r.at.Time(c)); err != nil {
			return err
		}
	}
	r.dense = true
	return nil
}

// atEnd reports whether theta is an end of a step, and if so writes the state there to dst, as every Interpolator does.
func atEnd(dst, from, to []float64, theta float64) bool {
	switch theta {
	case 0:
		copy(dst, from)
	case 1:
		copy(dst, to)
	default:
		return false
	}
	return true
}

// Interpolate implements Interpolator.
func (r *rungeKutta) Interpolate(dst, from, to []float64, theta float64) error {
	if atEnd(dst, from, to, theta) {
		return nil
	}
	if err := r.reach(to); err != nil {
		return err
	}
	if err := r.fill(from); err != nil {
		return err
	}
	rest := 1 - theta
	rise := theta * theta * (3 - 2*theta) // the weight of to in Hermite's cubic
	ts := append(r.terms[:0], vec.Term{C: rest * rest * (1 + 2*theta), X: from}, vec.Term{C: rise, X: to})
	h, bend := r.at.H(), theta*rest
	for i, k := range r.k {
		w := bend * bend * r.tab.Dense.weight(i, theta)
		switch i {
		case 0:
			w += bend * rest
		case r.end:
			w -= bend * theta
		}
		if w != 0 {
			ts = append(ts, vec.Term{C: h * w, X: k})
		}
	}
	vec.Lin(dst, ts...)
	return nil
}

// weight returns the weight of k[i] in Q.
func (d Dense) weight(i int, theta float64) float64 {
	q := 0.0
	for j := len(d.D) - 1; j >= 0; j-- {
		switch {
		case j == len(d.D)-1:
		case j%2 == 0:
			q *= theta
		default:
			q *= 1 - theta
		}
		q += d.D[j][i]
	}
	return q
}

// fraction returns where in the span the time t lies: 0 at From, 1 at To.
func (s Span) fraction(t float64) float64 { return (t - s.From) / s.H() }
