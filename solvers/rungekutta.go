package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// A Variable is what a classical method steps in. The flow is the same; the error is not.
type Variable int

// The variables.
const (
	Time   Variable = iota // dx/dt, the probability flow as it is written
	Kappa                  // dy/dκ = ε with y = x/α and κ = σ/α: what EDM and k-diffusion step in
	Lambda                 // dx/dλ = (f/λ')x - σε with λ = log(α/σ)
)

// at returns the variable's value at a point.
func (v Variable) at(p sde.Point) float64 {
	switch v {
	case Kappa:
		return p.Kappa()
	case Lambda:
		return p.Lambda()
	}
	return p.T
}

// time inverts at, but for rounding.
func (v Variable) time(s sde.Schedule, u float64) float64 {
	switch v {
	case Kappa:
		return s.Time(-math.Log(u))
	case Lambda:
		return s.Time(u)
	}
	return u
}

// rate returns the variable's derivative in time.
func (v Variable) rate(p sde.Point) float64 {
	switch v {
	case Kappa:
		return -p.Kappa() * p.DLambda()
	case Lambda:
		return p.DLambda()
	}
	return 1
}

// RungeKutta applies an explicit Runge–Kutta method to the probability flow ODE
// [song2021score, eq. 13] in a variable of choice. Euler's method in κ is DDIM, and Heun's
// in κ is the deterministic sampler of [karras2022edm]. The zero value has no tableau.
//
// References:
//
//	[song2021score], [karras2022edm]
type RungeKutta struct {
	Tableau ode.Tableau
	In      Variable
}

// Info implements Solver.
func (s RungeKutta) Info() Info {
	return s.In.describe(Info{Name: s.Tableau.Name, About: "the Runge-Kutta method " + s.Tableau.Name,
		Order: s.Tableau.Order, NFE: s.Tableau.Evaluations(), Adaptive: s.Tableau.Embedded != nil})
}

// describe completes the i of a classical method by what it steps in.
func (v Variable) describe(i Info) Info {
	suffix, in := "", "time"
	i.Kind, i.Ref = scoremodel.Flow, "song2021score"
	switch v {
	case Kappa:
		suffix, in = "kappa", "kappa = sigma/alpha, on x/alpha"
		i.Kind, i.Ref = scoremodel.Epsilon, "karras2022edm"
	case Lambda:
		suffix, in = "lambda", "lambda"
		i.Kind = scoremodel.Epsilon
	}
	i.Name += suffix
	i.About += " on the probability flow in " + in
	return i
}

// Start implements Solver.
func (s RungeKutta) Start(p Problem, n int) (ode.Stepper, error) {
	if len(s.Tableau.B) == 0 {
		return nil, fmt.Errorf("%w: it has no tableau", ErrParameter)
	}
	return s.In.bind(p, n, func(f ode.Func) (ode.Stepper, error) { return s.Tableau.Stepper(f, n), nil })
}

// bind returns the stepper that method makes of the probability flow in v, for states of n elements.
func (v Variable) bind(p Problem, n int, method func(f ode.Func) (ode.Stepper, error)) (ode.Stepper, error) {
	flow := scoremodel.As(p.Model, scoremodel.Flow, p.Schedule)
	st := &substituted{in: v, schedule: p.Schedule, flow: flow,
		epsilon: scoremodel.As(p.Model, scoremodel.Epsilon, p.Schedule), x: make([]float64, n)}
	var f ode.Func
	switch v {
	case Time:
		return method(flow.Predict)
	case Kappa:
		f = st.inKappa
	case Lambda:
		f = st.inLambda
	default:
		return nil, fmt.Errorf("%w: the variable is %d, want Time, Kappa or Lambda", ErrParameter, v)
	}
	var err error
	if st.inner, err = method(f); err != nil {
		return nil, err
	}
	e, estimates := st.inner.(ode.Estimator)
	pair, paired := st.inner.(ode.PairEstimator)
	switch {
	case paired:
		return &substitutedPair{&substitutedEstimator{st, e}, pair}, nil
	case estimates:
		return &substitutedEstimator{st, e}, nil
	}
	return st, nil
}

// HeunAlpha is Heun's method generalized [karras2022edm, algorithm 3]: the second evaluation lies
// at the fraction Alpha of the step in κ. 1 is Heun's method, 1/2 the midpoint rule and 2/3 Ralston's method; the order is always 2.
//
// References:
//
//	[karras2022edm]
type HeunAlpha struct {
	Alpha float64 `param:"alpha" default:"1" about:"the second evaluation, a fraction of the step in (0, 1]"`
}

func (s HeunAlpha) alpha() float64 { return cmp.Or(s.Alpha, 1) }

// Info implements Solver.
func (s HeunAlpha) Info() Info {
	i := RungeKutta{Tableau: ode.Heun, In: Kappa}.Info()
	i.Name, i.About = "heunalpha", "Heun's method generalized by the place of the second evaluation, on the probability flow in kappa"
	return i
}

// Start implements Solver.
func (s HeunAlpha) Start(p Problem, n int) (ode.Stepper, error) {
	if err := fraction("alpha", s.alpha()); err != nil {
		return nil, err
	}
	return RungeKutta{Tableau: ode.Alpha(s.alpha()), In: Kappa}.Start(p, n)
}

// substituted runs a stepper of another variable u on a trajectory in time.
type substituted struct {
	in            Variable
	schedule      sde.Schedule
	epsilon, flow scoremodel.Model
	inner         ode.Stepper
	x             []float64 // y·α, the argument of an evaluation in κ
	ends          []float64 // y at both ends, for the interpolant in κ; nil until it is used
	at            ode.Span  // the latest step
	from, to      sde.Point // its ends
	uFrom, uTo    float64   // its ends in u
	derivatives   int       // evaluations by Derivative
}

func (s *substituted) Step(dst, src []float64, at ode.Span) error {
	s.at, s.from, s.to = at, s.schedule.At(at.From), s.schedule.At(at.To)
	s.uFrom, s.uTo = s.in.at(s.from), s.in.at(s.to)
	inner := at
	inner.From, inner.To = s.uFrom, s.uTo
	if s.in == Lambda {
		return s.inner.Step(dst, src, inner)
	}
	vec.Lin(dst, vec.Term{C: 1 / s.from.Alpha, X: src})
	if err := s.inner.Step(dst, dst, inner); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: s.to.Alpha, X: dst})
	return nil
}

// point inverts Variable.at. At the ends of the step it is exact.
func (s *substituted) point(u float64) sde.Point {
	switch u {
	case s.uFrom:
		return s.from
	case s.uTo:
		return s.to
	}
	lambda := u
	if s.in == Kappa {
		lambda = -math.Log(u)
	}
	return inside(s.schedule, lambda, s.from, s.to)
}

func (s *substituted) inKappa(dst, y []float64, kappa float64) error {
	p := s.point(kappa)
	vec.Lin(s.x, vec.Term{C: p.Alpha, X: y})
	return s.epsilon.Predict(dst, s.x, p.T)
}

func (s *substituted) inLambda(dst, x []float64, lambda float64) error {
	p := s.point(lambda)
	if err := s.epsilon.Predict(dst, x, p.T); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: p.F() / p.DLambda(), X: x}, vec.Term{C: -p.Sigma, X: dst})
	return nil
}

func (s *substituted) Derivative(dst, x []float64, t float64) error {
	s.derivatives++
	return s.flow.Predict(dst, x, t)
}

// Power implements ode.Deriver, as every Stepper of package ode but Doubling's does.
func (s *substituted) Power() float64 { return s.inner.(ode.Deriver).Power() }

// NFE and Cost implement ode.Counter, as every Stepper of package ode does.
func (s *substituted) NFE() int { return s.inner.(ode.Counter).NFE() + s.derivatives }

func (s *substituted) Cost(at ode.Span, interpolate bool) int {
	at.From, at.To = s.in.at(s.schedule.At(at.From)), s.in.at(s.schedule.At(at.To))
	return s.inner.(ode.Counter).Cost(at, interpolate)
}

// Interpolate implements ode.Interpolator by the interpolant in u.
func (s *substituted) Interpolate(dst, from, to []float64, theta float64) error {
	switch theta {
	case 0:
		copy(dst, from)
		return nil
	case 1:
		copy(dst, to)
		return nil
	}
	p, inner := s.schedule.At(s.at.Time(theta)), s.inner.(ode.Interpolator)
	fraction := (s.in.at(p) - s.uFrom) / (s.uTo - s.uFrom)
	if s.in == Lambda {
		return inner.Interpolate(dst, from, to, fraction)
	}
	if s.ends == nil {
		s.ends = make([]float64, 2*len(dst))
	}
	yFrom, yTo := s.ends[:len(dst)], s.ends[len(dst):]
	vec.Lin(yFrom, vec.Term{C: 1 / s.from.Alpha, X: from})
	vec.Lin(yTo, vec.Term{C: 1 / s.to.Alpha, X: to})
	if err := inner.Interpolate(dst, yFrom, yTo, fraction); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: p.Alpha, X: dst})
	return nil
}

type substitutedEstimator struct {
	*substituted
	estimator ode.Estimator
}

// Pace implements Paced. In κ too: its steps would have to shrink by a factor of thousands from the noise to the data, which
// is what a controller does worst.
func (s *substitutedEstimator) Pace() Variable { return Lambda }

// LocalError implements ode.Estimator. A step that is short in time is short in u, so
// the estimate vanishes with the same power of either.
func (s *substitutedEstimator) LocalError(dst []float64) (float64, error) {
	power, err := s.estimator.LocalError(dst)
	if err == nil && s.in == Kappa {
		vec.Lin(dst, vec.Term{C: s.to.Alpha, X: dst})
	}
	return power, err
}

type substitutedPair struct {
	*substitutedEstimator
	pair ode.PairEstimator
}

// LocalErrors implements ode.PairEstimator.
func (s *substitutedPair) LocalErrors(fine, coarse []float64) (float64, error) {
	power, err := s.pair.LocalErrors(fine, coarse)
	if err == nil && s.in == Kappa {
		vec.Lin(fine, vec.Term{C: s.to.Alpha, X: fine})
		vec.Lin(coarse, vec.Term{C: s.to.Alpha, X: coarse})
	}
	return power, err
}
