package solvers

import (
	"fmt"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// StochasticRungeKutta applies a stochastic Runge–Kutta method for additive noise to the reverse SDE of
// stochasticity Tau, in time. With Tau 0 it is the method for the probability flow that lies under it; the catalogue has Tau 1. The zero value has no tableau.
//
// Those of weak order 2 take adaptive steps too, each made of two half steps and compared with a whole one, on noise that remembers.
//
// Methods that need the space-time Lévy area need noise that knows it, as Fresh does: otherwise Start returns sde.ErrNeedsArea.
//
// References:
//
//	[song2021score], [kloeden1992], [rossler2010], [foster2024]
type StochasticRungeKutta struct {
	Tableau sde.Tableau
	Tau     float64 `param:"tau" about:"stochasticity, from 0, the ODE; 1 is the reverse SDE"`
}

// Info implements Solver.
func (s StochasticRungeKutta) Info() Info {
	i := RungeKutta{Tableau: s.Tableau.Drift}.Info()
	i.Name, i.About, i.Ref = s.Tableau.Name, "the stochastic Runge-Kutta method "+s.Tableau.Name+" on the reverse SDE in time", s.Tableau.Ref
	if s.Tau == 0 {
		i.Adaptive = true // by doubling
		return i
	}
	i.Order, i.WeakOrder, i.NFE = 0, s.Tableau.WeakOrder, len(s.Tableau.Drift.B)
	i.Stochastic, i.Adaptive, i.Kind = true, s.Tableau.Adaptive(), scoremodel.Epsilon
	if s.Tau == 1 { // the process whose paths are compared
		i.StrongOrder = s.Tableau.StrongOrder
	}
	return i
}

// Start implements Solver.
func (s StochasticRungeKutta) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkTau(s.Tau); err != nil {
		return nil, err
	}
	if err := s.Tableau.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParameter, err)
	}
	if s.Tau == 0 {
		return RungeKutta{Tableau: s.Tableau.Drift}.Start(p, n)
	}
	path, err := p.path(n)
	if err != nil {
		return nil, err
	}
	return s.Tableau.Stepper(reverse(p, s.Tau), path, n)
}

// StartAdaptive implements Adaptive. The noise must remember, as an sde.Tree does; with Tau 0 there is none.
func (s StochasticRungeKutta) StartAdaptive(p Problem, n int) (ode.Estimator, error) {
	if s.Tau == 0 {
		st, err := s.Start(p, n)
		if err != nil {
			return nil, err
		}
		if e, ok := st.(ode.Estimator); ok {
			return e, nil
		}
		return ode.Doubling(st, float64(s.Tableau.Drift.Order+1), n), nil
	}
	if err := checkTau(s.Tau); err != nil {
		return nil, err
	}
	path, err := p.path(n)
	if err != nil {
		return nil, err
	}
	st, err := s.Tableau.Estimator(reverse(p, s.Tau), path, n)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParameter, err)
	}
	return st, nil
}

// reverse returns the reverse SDE of stochasticity tau.
func reverse(p Problem, tau float64) sde.System {
	epsilon := scoremodel.As(p.Model, scoremodel.Epsilon, p.Schedule)
	return sde.System{
		Drift: func(dst, x []float64, t float64) error {
			if err := epsilon.Predict(dst, x, t); err != nil {
				return err
			}
			a, b, _ := p.Schedule.At(t).Reverse(tau)
			vec.Lin(dst, vec.Term{C: a, X: x}, vec.Term{C: b, X: dst})
			return nil
		},
		Diffusion: func(t float64) float64 {
			_, _, c := p.Schedule.At(t).Reverse(tau)
			return c
		},
	}
}
