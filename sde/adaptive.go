package sde

import (
	"errors"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
)

// Errors of methods whose steps are to be adapted.
var (
	ErrForgets     = errors.New("sde: adaptive steps need a path that remembers every time, such as that of a Tree")
	ErrNotAdaptive = errors.New("sde: the method is not for adaptive steps, want one of weak order 2")
)

// Growth is a good bound for the growth of an adaptive step of a stochastic method from one to the next, ode.Control.MaxFactor: the
// error of a step is random, and a lucky one says little of the next.
const Growth = 1.4

// Adaptive reports whether the method may take adaptive steps: whether it has weak order 2.
//
// A control looks at the path ahead before it chooses a step, so that the path of an accepted step is no longer Brownian motion's. The
// limit of a method may then be another one: Euler–Maruyama has a wrong one for general noise [foster2023]. The
// methods of weak order 2 have the structure of Heun's method, whose limit does not depend on the steps, if those that were
// rejected find their path again.
//
// References:
//
//	[foster2023]  J. Foster and A. Jelinčič. On the convergence of adaptive approximations for
//	              stochastic differential equations. arXiv:2311.14201.
func (tab Tableau) Adaptive() bool { return tab.WeakOrder >= 2 }

// Estimator binds the method to sys, driven by w, for states of n elements whose steps are adapted. A step is two half steps, and its
// estimate is their difference from one whole step on the same path: it vanishes with the power of the strong order and a half. See
// ode.Doubling; and Growth for ode.Control.MaxFactor.
//
// A step whose halves are shorter than the path's leaf returns ErrLeaf; let ode.Control.Min be four leaves to be warned of it by
// ode.ErrStepTooSmall.
//
// Errors: ErrNotAdaptive; ErrForgets if w is not Lasting; ErrTableau.
func (tab Tableau) Estimator(sys System, w Brownian, n int) (ode.Estimator, error) {
	if err := tab.Check(); err != nil {
		return nil, err
	}
	if !tab.Adaptive() {
		return nil, fmt.Errorf("%w: %s has weak order %v", ErrNotAdaptive, tab.Name, tab.WeakOrder)
	}
	if _, ok := w.(Lasting); !ok {
		return nil, fmt.Errorf("%w: not a %T", ErrForgets, w)
	}
	st, err := tab.Stepper(sys, w, n)
	if err != nil {
		return nil, err
	}
	return ode.Doubling(st, tab.StrongOrder+0.5, n), nil
}
