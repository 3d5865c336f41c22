package sde

import (
	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
)

// A System is the stochastic differential equation dx = Drift(x, t) dt + Diffusion(t) dW
// with additive noise: the diffusion does not depend on x, so Itô and Stratonovich agree.
type System struct {
	Drift     ode.Func
	Diffusion func(t float64) float64
}

// EulerMaruyama returns the Euler–Maruyama method for states of n elements of sys,
// driven by w: strong and weak order 1, since the noise is additive [kloeden1992, 10.2]. The result is an ode.Counter.
//
// References:
//
//	[kloeden1992]  P. E. Kloeden and E. Platen. Numerical Solution of Stochastic
//	               Differential Equations. Springer, 1992.
func EulerMaruyama(sys System, w Brownian, n int) ode.Stepper {
	return &eulerMaruyama{sys: sys, w: w, drift: make([]float64, n), dw: make([]float64, n)}
}

type eulerMaruyama struct {
	sys       System
	w         Brownian
	drift, dw []float64
	nfe       int
}

// NFE and Cost implement ode.Counter.
func (s *eulerMaruyama) NFE() int { return s.nfe }

func (s *eulerMaruyama) Cost(ode.Span, bool) int { return 1 }

func (s *eulerMaruyama) Step(dst, src []float64, at ode.Span) error {
	s.nfe++
	if err := ode.FirstStage(s.sys.Drift, s.drift, src, at, s.dw); err != nil {
		return err
	}
	if err := s.w.Increment(s.dw, at.From, at.To); err != nil {
		return err
	}
	vec.Lin(dst,
		vec.Term{C: 1, X: src},
		vec.Term{C: at.H(), X: s.drift},
		vec.Term{C: s.sys.Diffusion(at.From), X: s.dw})
	return nil
}
