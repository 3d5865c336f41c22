package solvers

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/integrate/quad"
)

// Normal is a normal law in one direction. It is plain data.
type Normal struct {
	Mean, Variance float64
}

// W2 returns the Wasserstein-2 distance to another normal law: √((Δmean)² + (Δstd)²).
func (a Normal) W2(b Normal) float64 {
	return math.Hypot(a.Mean-b.Mean, math.Sqrt(a.Variance)-math.Sqrt(b.Variance))
}

// KL returns the Kullback–Leibler divergence of a from the reference b, in nats: +Inf if one of
// them, but not the other, is concentrated on a point.
func (a Normal) KL(b Normal) float64 {
	if a == b {
		return 0
	}
	if a.Variance == 0 || b.Variance == 0 {
		return math.Inf(1)
	}
	r := a.Variance / b.Variance
	d := a.Mean - b.Mean
	return (r-1-math.Log(r))/2 + d*d/(2*b.Variance)
}

// An Affine is a random variable Const + State·x_T + Σ Noises[j]·z_j with x_T the initial
// state and z_j independent standard normals: what a state becomes on normal data, where the
// model is affine.
type Affine struct {
	Const, State float64
	Noises       []float64
}

// Law returns the law of a when x_T has the law start.
func (a Affine) Law(start Normal) Normal {
	return Normal{a.Const + a.State*start.Mean, Covariance(a, a, start)}
}

// Covariance returns the covariance of a and b when x_T has the law start.
func Covariance(a, b Affine, start Normal) float64 {
	n := min(len(a.Noises), len(b.Noises))
	return a.State*b.State*start.Variance + floats.Dot(a.Noises[:n], b.Noises[:n])
}

// prediction returns slope and offset of the exact noise predictor ε = slope·x + offset
// of the data at time t: ε = σ(x - αm)/v, v = α²s² + σ².
func (c *Coefficients) prediction(t float64, data Normal) (slope, offset float64) {
	p := c.schedule.At(t)
	slope = p.Sigma / (p.Alpha*p.Alpha*data.Variance + p.Sigma*p.Sigma)
	return slope, -slope * p.Alpha * data.Mean
}

// Marginal returns the exact law of the state at time t: normal with mean αm and variance α²s² + σ².
func (c *Coefficients) Marginal(t float64, data Normal) Normal {
	p := c.schedule.At(t)
	return Normal{p.Alpha * data.Mean, p.Alpha*p.Alpha*data.Variance + p.Sigma*p.Sigma}
}

// Affine returns the result of the run on data with the given law.
//
// The outputs are eliminated from the last to the first: what multiplies output k in the
// result, directly and through later inputs, is known once those are, so each entry of
// the table is used once.
func (c *Coefficients) Affine(data Normal) Affine {
	out := Affine{State: c.Result.State, Noises: make([]float64, len(c.Draws))}
	copy(out.Noises, c.Result.Noises)
	weights := make([]float64, len(c.Evaluations))
	copy(weights, c.Result.Outputs)
	for k := len(weights) - 1; k >= 0; k-- {
		e := c.Evaluations[k]
		slope, offset := c.prediction(e.Time, data)
		out.Const += weights[k] * offset
		w := weights[k] * slope
		out.State += w * e.Input.State
		floats.AddScaled(weights[:len(e.Input.Outputs)], w, e.Input.Outputs)
		floats.AddScaled(out.Noises[:len(e.Input.Noises)], w, e.Input.Noises)
	}
	return out
}

// Stages returns, on data with the given law, the input of every evaluation and, at
// last, the result. Means and covariances of all of them follow with Law and Covariance.
func (c *Coefficients) Stages(data Normal) []Affine {
	stages := make([]Affine, 0, len(c.Evaluations)+1)
	outputs := make([]Affine, 0, len(c.Evaluations))
	combine := func(r Row) Affine {
		a := Affine{State: r.State, Noises: make([]float64, len(c.Draws))}
		copy(a.Noises, r.Noises)
		for k, w := range r.Outputs {
			o := outputs[k]
			a.Const += w * o.Const
			a.State += w * o.State
			floats.AddScaled(a.Noises[:len(o.Noises)], w, o.Noises)
		}
		return a
	}
	for _, e := range c.Evaluations {
		in := combine(e.Input)
		stages = append(stages, in)
		slope, offset := c.prediction(e.Time, data)
		o := Affine{slope*in.Const + offset, slope * in.State, make([]float64, len(e.Input.Noises))}
		floats.AddScaled(o.Noises, slope, in.Noises[:len(o.Noises)])
		outputs = append(outputs, o)
	}
	return append(stages, combine(c.Result))
}

// Moments returns the exact laws of the stages of Stages, on data with the given law and
// from the exact marginal at the grid's first time. The last one is the law of
// the samples: for a stochastic solver too, without one random number.
func (c *Coefficients) Moments(data Normal) []Normal {
	start := c.Marginal(c.Grid[0], data)
	var laws []Normal
	for _, a := range c.Stages(data) {
		laws = append(laws, a.Law(start))
	}
	return laws
}

// StrongError returns the root mean square, over initial states and Brownian paths, of the
// difference between the result of the run and the exact solution of the reverse SDE
// (stochasticity 1) driven by the same path, on data with the given law and from the exact marginal.
//
// The exact solution is Φx_T + d + ∫ψ dW with ψ(t) = Φ(t)g(t), Φ(t) the factor by which
// a disturbance at t reaches the end. Both are linear in the path, so the error is
//
//	E² = E[(S-Φ)x_T + C-d]² + ∫ψ² + Σ_j (n_j² - 2 n_j/s_j ∫_j ψk)
//
// with n_j the run's noise coefficients and s_j the standard deviation of what is drawn, ∫k dW: W itself with k = 1, or the Lévy
// area H with k = 1/2 - θ, θ the fraction of the interval. ∫ψ² is the known variance of the transition,
// and each ∫_j ψk is smooth and taken by Gauss–Legendre quadrature. The terms nearly cancel: errors below about 1e-7 are rounding.
func (c *Coefficients) StrongError(data Normal) float64 {
	first, last := c.Grid[0], c.Grid[len(c.Grid)-1]
	// From t to the end, with ρ = v/α²: mean factor √(v_0/v_t · ρ_0/ρ_t) = (α_t/α_0)·(v_0/v_t), and
	// variance v_0(1 - ρ_0/ρ_t).
	end := c.Marginal(last, data).Variance
	alphaEnd := c.schedule.At(last).Alpha
	factor := func(t float64) float64 {
		return c.schedule.At(t).Alpha / alphaEnd * end / c.Marginal(t, data).Variance
	}
	start := c.Marginal(first, data)
	run := c.Affine(data)
	phi := factor(first)
	shift := c.Marginal(last, data).Mean - phi*start.Mean
	variance := end * (1 - end/(alphaEnd*alphaEnd)/(start.Variance/math.Pow(c.schedule.At(first).Alpha, 2)))
	d := run.State - phi
	square := d*d*start.Variance + math.Pow(d*start.Mean+run.Const-shift, 2) + variance
	for j, draw := range c.Draws {
		n := run.Noises[j]
		// The direction of time does not matter: dW has the sign of the step on both sides.
		psi := quad.Fixed(func(t float64) float64 {
			k := 1.0
			if draw.Area {
				k = 0.5 - (t-draw.From)/(draw.To-draw.From)
			}
			return factor(t) * math.Sqrt(c.schedule.At(t).G2()) * k
		}, math.Min(draw.From, draw.To), math.Max(draw.From, draw.To), 14, nil, 0)
		square += n*n - 2*n/draw.deviation()*psi
	}
	return math.Sqrt(math.Max(square, 0))
}
