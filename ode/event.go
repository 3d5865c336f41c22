package ode

import (
	"errors"
	"fmt"
	"math"
)

// An Event is a change of sign of a function of the state and the time, on the way of an integration. It is looked for between the ends of
// each accepted step, and located on the interpolant: a function that changes its sign twice within a step
// goes unnoticed, unless Points or Control.Max let it be seen in between.
//
// A function that is zero at the start has no sign yet and takes the first that it gets, so that an
// integration may go on from where an event ended another. One that is zero at the end of a step has changed.
//
// The zero value has no function and is refused. An Event has no state of its own: it is as safe for concurrent use as its function.
type Event struct {
	G         func(x []float64, t float64) float64 // must neither modify nor keep x
	Direction int                                  // 1 if G is to rise in the direction of the integration, -1 if it is to fall, 0 for either
	Terminal  bool                                 // ends the integration
	Points    int                                  // equally spaced places inside of each step where the sign is looked at too
}

// An Occurrence is an event that happened.
type Occurrence struct {
	Event int       // its number in Output.Events
	T     float64   // a time at which the sign has changed, less than about 1e-15 steps before
	X     []float64 // the state then
}

// ErrEvent is wrapped by the errors of an Event that makes no sense.
var ErrEvent = errors.New("ode: bad event")

// check returns an error that wraps ErrEvent if the event cannot be watched.
func (e Event) check(i int) error {
	if e.G == nil {
		return fmt.Errorf("%w: event %d has no function", ErrEvent, i)
	}
	if e.Direction < -1 || e.Direction > 1 {
		return fmt.Errorf("%w: event %d has direction %d, want -1, 0 or 1", ErrEvent, i, e.Direction)
	}
	if e.Points < 0 {
		return fmt.Errorf("%w: event %d has %d points, want at least 0", ErrEvent, i, e.Points)
	}
	return nil
}

// happens reports whether G, from was to now, changed its sign in the event's direction.
func (e Event) happens(was, now float64) bool {
	return was < 0 && now >= 0 && e.Direction >= 0 || was > 0 && now <= 0 && e.Direction <= 0
}

// changeOfSign returns where g, which is ga at a and gb at b, changes its sign, by the method of Brent [brent1973, chapter 4].
// Of the last bracket it returns the end on the side of b, at which g has the sign of gb or is zero. ga is not zero.
//
//	[brent1973]  R. P. Brent. Algorithms for Minimization without Derivatives.
//	             Prentice-Hall, 1973.
func changeOfSign(g func(float64) (float64, error), a, b, ga, gb float64) (float64, error) {
	if gb == 0 {
		return b, nil
	}
	after := gb > 0
	c, gc := a, ga // the bracket is from b, the best so far, to c
	step, before := b-a, b-a
	for range 200 {
		if (gb > 0) == (gc > 0) {
			c, gc = a, ga
			step, before = b-a, b-a
		}
		if math.Abs(gc) < math.Abs(gb) {
			a, b, c = b, c, b
			ga, gb, gc = gb, gc, gb
		}
		const epsilon = 0x1p-52
		tolerance, middle := epsilon*math.Abs(b), (c-b)/2
		if gb == 0 || math.Abs(middle) <= tolerance {
			break
		}
		if math.Abs(before) < tolerance || math.Abs(ga) <= math.Abs(gb) {
			step, before = middle, middle
		} else {
			var p, q float64 // the secant, or the inverse parabola if there are three points
			s := gb / ga
			if a == c {
				p, q = 2*middle*s, 1-s
			} else {
				u, v := ga/gc, gb/gc
				p, q = s*(2*middle*u*(u-v)-(b-a)*(v-1)), (u-1)*(v-1)*(s-1)
			}
			if p > 0 {
				q = -q
			}
			p = math.Abs(p)
			if 2*p < 3*middle*q-math.Abs(tolerance*q) && p < math.Abs(before*q/2) {
				step, before = p/q, step
			} else {
				step, before = middle, middle
			}
		}
		a, ga = b, gb
		if math.Abs(step) > tolerance {
			b += step
		} else {
			b += math.Copysign(tolerance, middle)
		}
		var err error
		if gb, err = g(b); err != nil {
			return 0, err
		}
	}
	if gb == 0 || (gb > 0) == after {
		return b, nil
	}
	return c, nil
}
