package ode

import (
	"errors"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// ErrMethod is wrapped by the errors of an Adams whose fields make no sense.
var ErrMethod = errors.New("ode: bad method")

// AdamsMode says whether and how the step of an Adams method is corrected.
type AdamsMode int

// The modes. P stands for a prediction, C for a correction and E for an evaluation of f.
const (
	Bashforth AdamsMode = iota // PE, explicit: one evaluation a step
	PECE                       // Moulton's formula too, and the history is evaluated at corrected states: two evaluations a step
	PEC                        // Moulton's formula too, and the history is that of predicted states: one evaluation a step
)

const maxAdamsOrder = 4

// Adams is a linear multistep method on any grid [hairer1993, section III.5]: f along a step is the polynomial through its
// latest values, and its integral is exact whatever the steps were. Bashforth's formula, the predictor, uses the values at the latest Order
// times; Moulton's, the corrector, that at the end of the step in place of the oldest. Of order 1 the predictor is Euler's method.
//
// A method of order q needs q-1 earlier values. The first q-2 steps are Runge–Kutta steps of order q-1 or more, and the step after
// them is of order q-1: as there is a fixed number of such steps, the order of a run is q. With Ramp a run begins with
// the orders 1, 2, …, as many programs do; the first step of order 1 then commits an error of the second power of its
// length, which caps the order of a run at 2, or that of its correction of the third, which caps it at 3. See ObservedOrder.
//
// With Linear the equation is x' = Linear·x + f(x, t), of which the first part is taken exactly: the exponential Adams method
// [cox2002, section 2.1] [hochbruck2010, section 2.5], ETD with memory.
//
// A Fresh step forgets the history, and a Retry leaves no trace in it. The zero value is not a method. An Adams is a value and safe for concurrent use.
//
// References:
//
//	[hairer1993]     E. Hairer, S. P. Nørsett and G. Wanner. Solving Ordinary Differential
//	                 Equations I, sections III.1 and III.5. Springer, 1993.
//	[milne1926]      W. E. Milne. Numerical integration of ordinary differential equations.
//	                 The American Mathematical Monthly 33(9), 1926.
//	[cox2002]        S. M. Cox and P. C. Matthews. Exponential time differencing for
//	                 stiff systems. Journal of Computational Physics 176(2), 2002.
//	[hochbruck2010]  M. Hochbruck and A. Ostermann. Exponential integrators. Acta Numerica 19, 2010.
type Adams struct {
	Order  int // 1 to 4
	Mode   AdamsMode
	Ramp   bool    // begin with lower orders instead of Runge–Kutta steps
	Start  Tableau // of the first steps; the zero value is RK4, and BS3 for a method with a corrector, whose estimate it serves
	Linear float64 // the coefficient of the linear part; 0 means that there is none
}

// Check returns an error that wraps ErrMethod if a field is out of range, or if the starting method would cost the order.
func (a Adams) Check() error {
	switch {
	case a.Order < 1 || a.Order > maxAdamsOrder:
		return fmt.Errorf("%w: the order of an Adams method is %d, want 1 to %d", ErrMethod, a.Order, maxAdamsOrder)
	case a.Mode < Bashforth || a.Mode > PEC:
		return fmt.Errorf("%w: the mode of an Adams method is %d, want Bashforth, PECE or PEC", ErrMethod, a.Mode)
	case a.Linear-a.Linear != 0:
		return fmt.Errorf("%w: the linear part of an Adams method is %v", ErrMethod, a.Linear)
	case a.startSteps() > 0 && a.start().Order < a.Order-1:
		return fmt.Errorf("%w: %s is of order %d, an Adams method of order %d needs a start of order %d at least",
			ErrMethod, a.Start.Name, a.Start.Order, a.Order, a.Order-1)
	}
	return nil
}

// ObservedOrder returns the order of a run, which is Order unless Ramp costs some of it.
func (a Adams) ObservedOrder() int {
	switch {
	case !a.Ramp:
		return a.Order
	case a.Mode == Bashforth:
		return min(a.Order, 2)
	}
	return min(a.Order, 3)
}

// startSteps returns how many steps are Runge–Kutta steps.
func (a Adams) startSteps() int {
	if a.Ramp {
		return 0
	}
	return max(a.Order-2, 0)
}

func (a Adams) start() Tableau {
	switch {
	case len(a.Start.B) > 0:
		return a.Start
	case a.Mode == Bashforth:
		return RK4
	}
	return BS3
}

// Evaluations returns the evaluations of f in the given number of steps on a fixed grid.
func (a Adams) Evaluations(steps int) int {
	first := min(steps, a.startSteps())
	starting := 0
	if first > 0 {
		starting = first * a.start().Evaluations()
		if a.Linear != 0 {
			starting = first * len(a.start().B)
		}
	}
	switch rest := steps - first; {
	case a.Mode == PECE:
		return starting + 2*rest
	case a.Mode == PEC && rest > 0:
		return starting + rest + 1
	default:
		return starting + rest
	}
}

// Stepper binds a to f for states of n elements. The result is a Deriver, a Counter and an Interpolator. With a corrector it is an Estimator, unless
// the starting method has no embedded solution; none of those with a linear part has one, so that they need Ramp.
//
// The interpolant is the polynomial of the step integrated to inside of it: it costs no evaluation, and vanishes with the power of a step's length
// with which the step's error does. Starting steps have Hermite's, which is as good as they are. With the predictor alone its slope jumps from step to step.
//
// The estimate is Milne's device [milne1926]. The errors of the predictor and of the corrector are the integrals P and C of the
// polynomials that vanish at their nodes, times the same divided difference of f; their results differ by (P - C) times that, and
// -C/(P - C) of the difference, the correction minus the prediction, is the error of the correction. On equal steps and of order 4 it is 19/270. While the predictor has
// fewer nodes than the corrector, the difference is the predictor's error. The estimate is that of the result itself, not of a
// lower order, so with error control the errors of a run fall with the power q/(q+1) of the tolerance.
//
// Errors: ErrMethod.
func (a Adams) Stepper(f Func, n int) (Stepper, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	s := &adams{Adams: a, counted: counted{f: f}, starts: a.startSteps(), past: make([][]float64, a.Order), terms: make([]vec.Term, 0, a.Order+2)}
	for i := range s.past {
		s.past[i] = make([]float64, n)
	}
	estimates := a.Mode != Bashforth
	s.trial = make([]float64, n)
	if a.Mode != Bashforth {
		s.ahead = make([]float64, n)
	}
	if s.starts > 0 {
		if tab := a.start(); a.Linear != 0 {
			s.starter = Lawson(tab.Name, tab).bind(a.Linear, f, n)
		} else {
			s.starter = tab.Stepper(f, n).(starter)
		}
		_, ok := s.starter.(Estimator)
		estimates = estimates && ok
	}
	if estimates {
		return &adamsEstimator{s}, nil
	}
	return s, nil
}

// A starter is a stepper whose evaluations at the ends of a step can be had.
type starter interface {
	Interpolator
	Counter
	fieldIsFinite() bool
	first() []float64         // f at the beginning of the latest step
	last(t float64) []float64 // f at the end of it if that is at t and known, or nil
}

func (r *rungeKutta) first() []float64 { return r.k[0] }

func (r *rungeKutta) last(t float64) []float64 {
	if !r.ahead || r.at.To != t {
		return nil
	}
	return r.k[r.end]
}

func (r *expRungeKutta) first() []float64 { return r.k[0] }

func (r *expRungeKutta) last(t float64) []float64 {
	if !r.ahead || r.at.To != t {
		return nil
	}
	return r.end
}

type adams struct {
	Adams
	counted         // the evaluations, but for the starter's
	starter starter // nil if there are no starting steps
	starts  int

	past     [][]float64            // the latest values of f, newest first
	times    [maxAdamsOrder]float64 // and where they were taken
	known    int
	trial    []float64 // the predicted state, or where a trajectory begins
	ahead    []float64 // f there
	arrived  bool      // in mode PEC: ahead becomes the newest value
	starting bool      // the latest step was the starter's
	terms    []vec.Term

	// Of the latest step, in units of it: 0 is its beginning and 1 its end.
	h                    float64
	nodes                [maxAdamsOrder + 1]float64 // 1 and the times
	moments              [maxAdamsOrder + 1]float64
	predictor, corrector [maxAdamsOrder]float64 // weights
	predicted, corrected int                    // numbers of nodes
	inner                [maxAdamsOrder]float64 // weights of the interpolant
}

func (a *adams) Step(dst, src []float64, at Span) error {
	if at.Fresh() {
		a.known, a.arrived = 0, false
	}
	if !at.Retry {
		a.starting = a.known < a.starts
	}
	if a.starting {
		if err := a.starter.Step(dst, src, at); err != nil {
			return err
		}
		if !at.Retry {
			copy(a.push(at.From), a.starter.first())
		}
		return nil
	}
	if !at.Retry {
		if err := a.arrive(src, at); err != nil {
			return err
		}
	}
	a.weigh(at)
	carry := 1.0
	if a.Linear != 0 {
		carry = math.Exp(a.Linear * a.h)
	}
	terms := append(a.terms[:0], vec.Term{C: carry, X: src})
	for j, w := range a.predictor[:a.predicted] {
		terms = append(terms, vec.Term{C: a.h * w, X: a.past[j]})
	}
	if a.Mode == Bashforth {
		vec.Lin(dst, terms...)
		return nil
	}
	vec.Lin(a.trial, terms...)
	if err := a.eval(a.ahead, a.trial, at.To); err != nil {
		return err
	}
	a.arrived = a.Mode == PEC
	terms = append(terms[:1], vec.Term{C: a.h * a.corrector[0], X: a.ahead})
	for j, w := range a.corrector[1:a.corrected] {
		terms = append(terms, vec.Term{C: a.h * w, X: a.past[j]})
	}
	vec.Lin(dst, terms...)
	return nil
}

// fieldIsFinite reports whether all values of f that the latest step used are finite.
func (a *adams) fieldIsFinite() bool {
	if a.starting {
		return a.starter.fieldIsFinite()
	}
	return finite(a.ahead) && finite(a.past[:a.known]...)
}

// arrive adds f at the beginning of a step to the history.
func (a *adams) arrive(src []float64, at Span) error {
	value := a.push(at.From)
	if a.arrived {
		a.past[0], a.ahead = a.ahead, a.past[0]
		return nil
	}
	if a.starter != nil && a.known > 1 {
		if last := a.starter.last(at.From); last != nil {
			copy(value, last)
			return nil
		}
	}
	return a.begin(value, src, at, a.trial)
}

// push makes room for a value of f at the time t and returns where to write it.
func (a *adams) push(t float64) []float64 {
	last := len(a.past) - 1
	oldest := a.past[last]
	copy(a.past[1:], a.past[:last])
	copy(a.times[1:], a.times[:last])
	a.past[0], a.times[0] = oldest, t
	a.known = min(a.known+1, len(a.past))
	return oldest
}

// weigh computes the weights of the step.
func (a *adams) weigh(at Span) {
	a.h = at.H()
	a.predicted = min(a.Order, a.known)
	a.corrected = min(a.Order, a.known+1)
	a.nodes[0] = 1
	for j, t := range a.times[:a.predicted] {
		a.nodes[j+1] = (t - at.From) / a.h
	}
	PhiMoments(a.moments[:a.Order+1], a.Linear*a.h)
	LagrangeWeights(a.predictor[:], a.nodes[1:a.predicted+1], a.moments[:])
	if a.Mode != Bashforth {
		LagrangeWeights(a.corrector[:], a.nodes[:a.corrected], a.moments[:])
	}
}

// Interpolate implements Interpolator.
func (a *adams) Interpolate(dst, from, to []float64, theta float64) error {
	if a.starting {
		return a.starter.Interpolate(dst, from, to, theta)
	}
	if atEnd(dst, from, to, theta) {
		return nil
	}
	var moments [maxAdamsOrder]float64 // of [0, θ]
	PhiMoments(moments[:a.Order], theta*a.Linear*a.h)
	power := theta
	for k := range moments {
		moments[k] *= power
		power *= theta
	}
	carry := 1.0
	if a.Linear != 0 {
		carry = math.Exp(theta * a.Linear * a.h)
	}
	terms := append(a.terms[:0], vec.Term{C: carry, X: from})
	weights := a.inner[:a.predicted]
	if a.Mode == Bashforth {
		LagrangeWeights(weights, a.nodes[1:a.predicted+1], moments[:])
	} else {
		weights = a.inner[:a.corrected]
		LagrangeWeights(weights, a.nodes[:a.corrected], moments[:])
		terms = append(terms, vec.Term{C: a.h * weights[0], X: a.ahead})
		weights = weights[1:]
	}
	for j, w := range weights {
		terms = append(terms, vec.Term{C: a.h * w, X: a.past[j]})
	}
	vec.Lin(dst, terms...)
	return nil
}

// Power implements Deriver.
func (a *adams) Power() float64 { return float64(a.Order + 1) }

func (a *adams) Derivative(dst, x []float64, t float64) error {
	return linearDerivative(dst, x, t, a.Linear, a.eval)
}

// NFE and Cost implement Counter.
func (a *adams) NFE() int {
	if a.starter == nil {
		return a.nfe
	}
	return a.nfe + a.starter.NFE()
}

func (a *adams) Cost(at Span, interpolate bool) int {
	known := a.known
	if at.Fresh() {
		known = 0
	}
	if at.Retry && a.starting || !at.Retry && known < a.starts {
		return a.starter.Cost(at, interpolate)
	}
	n := 0
	if a.Mode != Bashforth {
		n++
	}
	switch {
	case at.Retry, a.arrived && !at.Fresh():
	case a.starter != nil && known > 0 && a.starter.last(at.From) != nil:
	default:
		n++
	}
	return n
}

type adamsEstimator struct{ *adams }

// LocalError implements Estimator.
func (a *adamsEstimator) LocalError(dst []float64) (float64, error) {
	if a.starting {
		return a.starter.(Estimator).LocalError(dst)
	}
	scale := a.h
	if a.corrected == a.predicted {
		p := nodePolynomial(a.nodes[1:a.predicted+1], a.moments[:])
		c := nodePolynomial(a.nodes[:a.corrected], a.moments[:])
		scale *= -c / (p - c)
	}
	terms := append(a.terms[:0], vec.Term{C: scale * a.corrector[0], X: a.ahead})
	for j, w := range a.predictor[:a.predicted] {
		moulton := 0.0
		if j+1 < a.corrected {
			moulton = a.corrector[j+1]
		}
		terms = append(terms, vec.Term{C: scale * (moulton - w), X: a.past[j]})
	}
	vec.Lin(dst, terms...)
	return float64(a.predicted + 1), nil
}
