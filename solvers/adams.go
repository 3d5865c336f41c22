package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
)

// Adams applies an Adams method to the probability flow ODE in a variable of choice: Bashforth's, of one evaluation a step, or with
// Corrected that of Moulton behind it in the mode PECE, of two, which estimates its error [hairer1993, section III.1]. The
// weights are exact on any grid. The zero value is Bashforth's method of order 4 in time.
//
// In κ it is LMS with a starter, and with Ramp LMS as published. In λ the linear part of the flow is interpolated too: ExpAdams does better.
//
// References:
//
//	[hairer1993], [song2021score], [karras2022edm]
type Adams struct {
	In        Variable
	Corrected bool
	Order     int  `param:"order" default:"4" about:"1 to 4"`
	Ramp      bool `param:"ramp" about:"begin with lower orders instead of Runge-Kutta steps; caps the order at 2, or 3 with a corrector"`
}

// method returns s without its variable.
func (s Adams) method() ode.Adams {
	a := ode.Adams{Order: cmp.Or(s.Order, 4), Ramp: s.Ramp}
	if s.Corrected {
		a.Mode = ode.PECE
	}
	return a
}

// Info implements Solver.
func (s Adams) Info() Info {
	a := s.method()
	i := Info{Name: "ab", About: "the method of Adams and Bashforth", NFE: 1, Order: a.ObservedOrder(), Memory: a.Order - 1}
	if s.Corrected {
		i.Name, i.About, i.NFE, i.Adaptive = "abm", "the method of Adams, Bashforth and Moulton", 2, true
	}
	if !s.Ramp {
		i.StartSteps = max(a.Order-2, 0)
		i.StartNFE = a.Evaluations(i.StartSteps) - i.NFE*i.StartSteps
	}
	return s.In.describe(i)
}

// Start implements Solver.
func (s Adams) Start(p Problem, n int) (ode.Stepper, error) {
	return s.In.bind(p, n, func(f ode.Func) (ode.Stepper, error) {
		st, err := s.method().Stepper(f, n)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrParameter, err)
		}
		return st, nil
	})
}
