package scoremodel

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/diffsolve/diffsolve/sde"
)

// Gaussian is the exact noise predictor of normal data, with the closed forms of its
// diffusion. At time t the state is normal with mean αm and, along each principal
// axis of the data's covariance, variance v(t) = α²s² + σ²: everything happens axis
// by axis. Use NewGaussian. A Gaussian is immutable and safe for concurrent use.
type Gaussian struct {
	schedule sde.Schedule
	normal   normal
	scratch  sync.Pool // of *[]float64
}

// NewGaussian returns the model of data drawn from c, whose weight is ignored.
func NewGaussian(s sde.Schedule, c Component) (*Gaussian, error) {
	n, err := newNormal(c, len(c.Mean))
	if err != nil {
		return nil, fmt.Errorf("scoremodel: Gaussian: %w", err)
	}
	return &Gaussian{schedule: s, normal: n}, nil
}

// Kind implements Model.
func (*Gaussian) Kind() Kind { return Epsilon }

// Dim returns the number of elements of a row.
func (g *Gaussian) Dim() int { return len(g.normal.mean) }

// Mean returns the mean of the data.
func (g *Gaussian) Mean() []float64 { return slices.Clone(g.normal.mean) }

// Axes returns the variances of the data along its principal axes and the axes, as
// the columns of a row-major matrix; nil if they are the coordinates.
func (g *Gaussian) Axes() (variances, axes []float64) {
	variances = make([]float64, g.Dim())
	for j := range variances {
		variances[j] = g.normal.variance(j)
	}
	return variances, slices.Clone(g.normal.axes)
}

// Predict implements Model: ε = σ(x - αm)/v along each axis.
func (g *Gaussian) Predict(dst, x []float64, t float64) error {
	p := g.schedule.At(t)
	g.apply(dst, x, p.Alpha, 0, func(j int) float64 {
		return p.Sigma / (p.Alpha*p.Alpha*g.normal.variance(j) + p.Sigma*p.Sigma)
	})
	return nil
}

// apply writes to·m + gain·(x - from·m) to dst, gain acting along each axis. dst may be x.
func (g *Gaussian) apply(dst, x []float64, from, to float64, gain func(axis int) float64) {
	dim := g.Dim()
	if len(dst) != len(x) || len(x)%dim != 0 {
		panic("scoremodel: state is not a whole number of rows")
	}
	n := &g.normal
	if n.axes == nil && len(n.variances) == 1 { // the common case needs no second buffer
		c := gain(0)
		for lo := 0; lo < len(x); lo += dim {
			for j, m := range n.mean {
				dst[lo+j] = to*m + c*(x[lo+j]-from*m)
			}
		}
		return
	}
	buf, _ := g.scratch.Get().(*[]float64)
	if buf == nil || len(*buf) < 2*len(x)+dim {
		b := make([]float64, 2*len(x)+dim)
		buf = &b
	}
	defer g.scratch.Put(buf)
	z, rest, gains := (*buf)[:len(x)], (*buf)[len(x):2*len(x)], (*buf)[2*len(x):][:dim]
	for j := range gains {
		gains[j] = gain(j)
	}
	n.center(z, rest, x, from)
	for lo := 0; lo < len(x); lo += dim {
		for j, c := range gains {
			z[lo+j] *= c
			dst[lo+j] = to * n.mean[j]
		}
	}
	n.turn(dst, z)
}

// FlowMap writes to dst where the probability flow carries the rows of x from time
// from to time to, exactly: (x - αm)/√v is constant along each axis. dst may be x.
// It panics if x is not a whole number of rows.
func (g *Gaussian) FlowMap(dst, x []float64, from, to float64) {
	p, q := g.schedule.At(from), g.schedule.At(to)
	g.apply(dst, x, p.Alpha, q.Alpha, func(j int) float64 {
		s2 := g.normal.variance(j)
		return math.Sqrt((q.Alpha*q.Alpha*s2 + q.Sigma*q.Sigma) / (p.Alpha*p.Alpha*s2 + p.Sigma*p.Sigma))
	})
}

// Reverse is the exact transition of the reverse-time equation of stochasticity tau
// (see sde.Point.Reverse) from time from down to time to: given x at from, the state at to is normal.
// Reverse writes its mean to dst, which may be x, and returns its variances along the axes.
//
// With ρ = v/α², the mean is α_to m + √(v_to/v_from) (ρ_to/ρ_from)^(τ²/2) (x - α_from m) and
// the variance v_to (1 - (ρ_to/ρ_from)^τ²).
func (g *Gaussian) Reverse(dst, x []float64, from, to, tau float64) (variances []float64) {
	p, q := g.schedule.At(from), g.schedule.At(to)
	v := func(at sde.Point, j int) float64 {
		return at.Alpha*at.Alpha*g.normal.variance(j) + at.Sigma*at.Sigma
	}
	logRatio := func(j int) float64 { // log ρ_to/ρ_from
		return math.Log(v(q, j)/v(p, j)) - 2*math.Log(q.Alpha/p.Alpha)
	}
	g.apply(dst, x, p.Alpha, q.Alpha, func(j int) float64 {
		return math.Sqrt(v(q, j)/v(p, j)) * math.Exp(tau*tau/2*logRatio(j))
	})
	variances = make([]float64, g.Dim())
	for j := range variances {
		variances[j] = -v(q, j) * math.Expm1(tau*tau*logRatio(j))
	}
	return variances
}

// Marginal returns the law of the state at time t along the axes: mean αm, in
// coordinates, and variances along the axes.
func (g *Gaussian) Marginal(t float64) (mean, variances []float64) {
	p := g.schedule.At(t)
	mean, variances = make([]float64, g.Dim()), make([]float64, g.Dim())
	for j, m := range g.normal.mean {
		mean[j] = p.Alpha * m
		variances[j] = p.Alpha*p.Alpha*g.normal.variance(j) + p.Sigma*p.Sigma
	}
	return mean, variances
}

// LogLikelihood writes to dst the natural logarithm of the density of the data at
// each row of x. It panics if the lengths do not fit.
func (g *Gaussian) LogLikelihood(dst, x []float64) { g.logDensity(dst, x, sde.Point{Alpha: 1}) }

// LogDensity writes to dst the natural logarithm of the density at time t at each row
// of x. It panics if the lengths do not fit.
func (g *Gaussian) LogDensity(dst, x []float64, t float64) { g.logDensity(dst, x, g.schedule.At(t)) }

func (g *Gaussian) logDensity(dst, x []float64, p sde.Point) {
	dim := g.Dim()
	if len(x) != len(dst)*dim {
		panic("scoremodel: state does not have a row for each result")
	}
	z := make([]float64, len(x))
	g.normal.center(z, make([]float64, len(x)), x, p.Alpha)
	constant := float64(dim)*math.Log(2*math.Pi) + g.normal.logDet(p.Alpha, p.Sigma, dim)
	for i := range dst {
		dst[i] = -(constant + g.normal.quadratic(z[i*dim:(i+1)*dim], p)) / 2
	}
}

// quadratic returns Σz²/v for the coordinates z along the axes.
func (n *normal) quadratic(z []float64, p sde.Point) float64 {
	s := 0.0
	for j, c := range z {
		s += c * c / (p.Alpha*p.Alpha*n.variance(j) + p.Sigma*p.Sigma)
	}
	return s
}
