package ode

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// Control chooses step lengths so that the estimated local error of each step stays
// within Abs + Rel·|x|. The zero value selects the defaults. A Control is a value
// without state and is safe for concurrent use.
//
// The error of a step is the root mean square over a row of error/tolerance, and the
// largest over the rows, so one step serves all rows: the steps of a row then depend
// on its neighbours. AdaptRows gives each row steps of its own.
//
// The last step ends where the interval does, so it may be shorter than Min, and longer than Max by a hundredth. A step that is
// rejected at the length Min ends the integration; one that is accepted is followed by one of at least Min. A First below Min is refused.
//
// References:
//
//	[hairer1993]  E. Hairer, S. P. Nørsett and G. Wanner. Solving Ordinary Differential
//	              Equations I, section II.4. Springer, 1993.
//	[hairer1996]  E. Hairer and G. Wanner. Solving Ordinary Differential
//	              Equations II, section IV.2. Springer, 1996.
type Control struct {
	Rel, Abs float64 // tolerances; 0 means 1e-6 and 1e-8
	First    float64 // length of the first step; 0 means that it is found from the vector field
	Min, Max float64 // least and greatest length of a step; 0 means the precision of the time, and the interval
	Safety   float64 // aims below the tolerance, in (0, 1); 0 means 0.9
	MaxSteps int     // proposals, accepted or not; 0 means 100,000
	MaxNFE   int     // evaluations of the vector field, never exceeded; 0 means no bound. The stepper must be a Counter
	Dim      int     // elements of a row; 0 means that the state is one row

	// Controller finds the next length from the errors; the zero value is PI.
	Controller Controller

	// Norm says what the errors are measured against; the zero value is Sum.
	Norm Norm

	// Bounds of the change of length from one step to the next, MinFactor in [0, 1) and MaxFactor at least 1; 0 means
	// 0.2 and 5. A stochastic method wants its steps to grow slowly: 1.125 to 1.4.
	MinFactor, MaxFactor float64
}

// ErrControl is wrapped by the errors of a Control that makes no sense.
var ErrControl = errors.New("ode: bad control")

// Check returns an error that wraps ErrControl if a field is out of range.
func (c Control) Check() error {
	for _, f := range []struct {
		name string
		v    float64
	}{{"Rel", c.Rel}, {"Abs", c.Abs}, {"First", c.First}, {"Min", c.Min}, {"Max", c.Max}, {"Safety", c.Safety},
		{"MinFactor", c.MinFactor}, {"MaxFactor", c.MaxFactor}} {
		if !(f.v >= 0) || math.IsInf(f.v, 1) {
			return fmt.Errorf("%w: %s is %v, want a finite number not below 0", ErrControl, f.name, f.v)
		}
	}
	if c.Safety >= 1 {
		return fmt.Errorf("%w: Safety is %v, want less than 1", ErrControl, c.Safety)
	}
	if c.Norm < Sum || c.Norm > Greater {
		return fmt.Errorf("%w: the Norm is %d, want Sum or Greater", ErrControl, int(c.Norm))
	}
	if c.MinFactor >= 1 {
		return fmt.Errorf("%w: MinFactor is %v, want less than 1", ErrControl, c.MinFactor)
	}
	if c.MaxFactor > 0 && c.MaxFactor < 1 {
		return fmt.Errorf("%w: MaxFactor is %v, want at least 1", ErrControl, c.MaxFactor)
	}
	if c.Max > 0 && c.Min > c.Max {
		return fmt.Errorf("%w: Min is %v, want at most Max, %v", ErrControl, c.Min, c.Max)
	}
	if c.First > 0 && c.First < c.Min {
		return fmt.Errorf("%w: First is %v, want at least Min, %v", ErrControl, c.First, c.Min)
	}
	if c.MaxNFE < 0 {
		return fmt.Errorf("%w: MaxNFE is %d, want at least 0", ErrControl, c.MaxNFE)
	}
	if c.MaxSteps < 0 {
		return fmt.Errorf("%w: MaxSteps is %d, want at least 0", ErrControl, c.MaxSteps)
	}
	if c.Dim < 0 {
		return fmt.Errorf("%w: Dim is %d, want at least 0", ErrControl, c.Dim)
	}
	return c.Controller.check()
}

// settings returns c with its defaults filled in for a state of n elements.
func (c Control) settings(n int, span float64) (Control, error) {
	if err := c.Check(); err != nil {
		return c, err
	}
	if c.Dim > 0 && n%c.Dim != 0 {
		return c, fmt.Errorf("%w: a state of %d elements has no whole number of rows of %d", ErrControl, n, c.Dim)
	}
	if span-span != 0 {
		return c, fmt.Errorf("%w: the interval has length %v", ErrControl, span)
	}
	if span != 0 && c.Min > math.Abs(span) {
		return c, fmt.Errorf("%w: Min is %v, want at most the interval, %v", ErrControl, c.Min, math.Abs(span))
	}
	c.Rel, c.Abs = cmp.Or(c.Rel, 1e-6), cmp.Or(c.Abs, 1e-8)
	c.Max, c.Safety = cmp.Or(c.Max, math.Abs(span)), cmp.Or(c.Safety, 0.9)
	c.MaxSteps, c.Dim = cmp.Or(c.MaxSteps, 100_000), cmp.Or(c.Dim, max(n, 1))
	c.MinFactor, c.MaxFactor = cmp.Or(c.MinFactor, 0.2), cmp.Or(c.MaxFactor, 5)
	if c.Controller.Gains == [3]float64{} {
		c.Controller.Gains = PI.Gains
	}
	return c, nil
}

// firstStep is the starting step of [hairer1993, II.4]: with the power q of the length with which errors vanish, the length h at which h^q times the
// derivative, or its change over a trial step if that is more, is a hundredth of the tolerance. The trial is kept inside [t0, t1].
func (c Control) firstStep(d Deriver, x []float64, t0, t1 float64) (float64, error) {
	f0, f1, y := make([]float64, len(x)), make([]float64, len(x)), slices.Clone(x)
	if err := d.Derivative(f0, y, t0); err != nil {
		return 0, err
	}
	if !slices.Equal(x, y) {
		return 0, ErrMutated
	}
	if i := vec.FirstNonFinite(f0); i >= 0 {
		return 0, fmt.Errorf("%w: at the start, element %d", ErrNonFiniteField, i)
	}
	span := math.Abs(t1 - t0)
	d0 := vec.MaxRowRMS(x, x, x, c.Dim, c.Abs, c.Rel)
	d1 := vec.MaxRowRMS(f0, x, x, c.Dim, c.Abs, c.Rel)
	h0 := 1e-6
	if d0 > 1e-5 && d1 > 1e-5 && d0 <= math.MaxFloat64 && d1 <= math.MaxFloat64 {
		h0 = 0.01 * d0 / d1
	}
	h0 = math.Min(h0, math.Min(span, c.Max))
	at := Span{From: t0, To: t0 + math.Copysign(h0, t1-t0)}
	if h0 == span {
		at.To = t1
	}
	vec.Lin(y, vec.Term{C: 1, X: x}, vec.Term{C: at.H(), X: f0})
	if err := d.Derivative(f1, y, at.To); err != nil {
		return 0, err
	}
	vec.Lin(f1, vec.Term{C: 1, X: f1}, vec.Term{C: -1, X: f0})
	d2 := vec.MaxRowRMS(f1, x, x, c.Dim, c.Abs, c.Rel) / h0
	if !(d2 <= math.MaxFloat64) { // the trial step left the domain of f: start carefully
		return h0 / 100, nil
	}
	h1 := math.Max(1e-6, 1e-3*h0)
	if worst := math.Max(d1, d2); worst > 1e-15 {
		h1 = math.Pow(0.01/worst, 1/d.Power())
	}
	return math.Min(math.Min(100*h0, h1), span), nil
}
