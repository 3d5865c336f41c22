package ode

import (
	"slices"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// counted is the vector field of a stepper: every call of it comes through here.
type counted struct {
	f   Func
	nfe int
}

func (c *counted) eval(dst, x []float64, t float64) error {
	c.nfe++
	return c.f(dst, x, t)
}

// finite reports whether all values of the field are finite.
func finite(values ...[]float64) bool {
	for _, v := range values {
		if vec.FirstNonFinite(v) >= 0 {
			return false
		}
	}
	return true
}

// NFE implements Counter.
func (c *counted) NFE() int { return c.nfe }

func (c *counted) begin(dst, src []float64, at Span, scratch []float64) error {
	return FirstStage(c.eval, dst, src, at, scratch)
}

// FirstStage is for Steppers: it writes f at the state src, from which the step over at starts, to dst. The first call of a trajectory gets a
// copy, in scratch, so that a field that modifies its argument is found before harm is done; the other steps need not pay for that.
//
// Errors: ErrMutated, and what f returned.
func FirstStage(f Func, dst, src []float64, at Span, scratch []float64) error {
	if !at.Fresh() {
		return f(dst, src, at.From)
	}
	vec.Lin(scratch, vec.Term{C: 1, X: src})
	if err := f(dst, scratch, at.From); err != nil {
		return err
	}
	if !slices.Equal(scratch, src) && vec.FirstNonFinite(src) < 0 { // a NaN does not equal itself
		return ErrMutated
	}
	return nil
}
