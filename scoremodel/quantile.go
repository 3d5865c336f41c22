package scoremodel

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/sde"
)

// QuantileMap writes to dst where the probability flow of a one-dimensional mixture carries
// the values x from time from to time to: x_to = F_to⁻¹(F_from(x_from)), with F_t the
// distribution function at t. A flow on the line cannot cross itself, so it keeps
// quantiles; this is the exact solution that a nonlinear score allows. dst may be x.
//
// Upper tails are mapped by 1-F, so that both keep their relative precision. It returns an error if
// the mixture has more than one dimension, or a value so far out that its tail underflows.
// It panics if the lengths differ.
func (m *Mixture) QuantileMap(dst, x []float64, from, to float64) error {
	if m.dim != 1 {
		return fmt.Errorf("scoremodel: the quantile map is for one dimension, the mixture has %d", m.dim)
	}
	if len(dst) != len(x) {
		panic("scoremodel: slice length mismatch")
	}
	p, q := m.schedule.At(from), m.schedule.At(to)
	for i, v := range x {
		lower, upper, _ := m.tails(v, p)
		y, err := m.quantile(lower, upper, q)
		if err != nil {
			return fmt.Errorf("scoremodel: value %d, %v: %w", i, v, err)
		}
		dst[i] = y
	}
	return nil
}

// tails returns F(x), 1-F(x) and the density of a one-dimensional mixture at p.
func (m *Mixture) tails(x float64, p sde.Point) (lower, upper, density float64) {
	for k, n := range m.parts {
		w := math.Exp(m.logWeights[k])
		s := math.Sqrt(p.Alpha*p.Alpha*n.variances[0] + p.Sigma*p.Sigma)
		z := (x - p.Alpha*n.mean[0]) / s
		lower += w * math.Erfc(-z/math.Sqrt2) / 2
		upper += w * math.Erfc(z/math.Sqrt2) / 2
		density += w * math.Exp(-z*z/2) / (s * math.Sqrt(2*math.Pi))
	}
	return lower, upper, density
}

// quantile solves F(y) = lower, or 1-F(y) = upper if that is the smaller, by Newton's method
// kept inside a bracket.
func (m *Mixture) quantile(lower, upper float64, p sde.Point) (float64, error) {
	const least = 0x1p-1022 // below it a float64 loses digits
	if !(math.Min(lower, upper) >= least) {
		return 0, fmt.Errorf("its tail probability %v is too small", math.Min(lower, upper))
	}
	// excess is positive above the root. It compares logarithms, since that of a normal tail is nearly a
	// parabola: on the tail itself a Newton step far from the root gains no more than a factor of e.
	excess := func(y float64) (f, slope float64) {
		l, u, d := m.tails(y, p)
		if lower < upper {
			return math.Log(l / lower), d / l
		}
		return math.Log(upper / u), d / u
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, n := range m.parts {
		s := math.Sqrt(p.Alpha*p.Alpha*n.variances[0] + p.Sigma*p.Sigma)
		lo, hi = math.Min(lo, p.Alpha*n.mean[0]-39*s), math.Max(hi, p.Alpha*n.mean[0]+39*s)
	}
	y := (lo + hi) / 2
	for range 200 {
		f, slope := excess(y)
		if f == 0 {
			return y, nil
		}
		if f > 0 {
			hi = y
		} else {
			lo = y
		}
		next := y - f/slope
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		if next == y || math.Abs(next-y) <= 1e-16*math.Abs(y) {
			return next, nil
		}
		y = next
	}
	return y, nil
}
