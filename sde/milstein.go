package sde

import (
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
)

// A DiagonalSystem is the Itô equation dx_i = Drift_i(x, t) dt + Diffusion_i(x_i, t) dW_i, whose diffusion depends on the
// state: element i of it on element i alone. Diffusion models have additive noise, a System, for which the methods here
// are one and the same. Their steppers are ode.Counters of the drift.
type DiagonalSystem struct {
	Drift      ode.Func
	Diffusion  ode.Func // writes g_i(x_i, t)
	Derivative ode.Func // writes ∂g_i/∂x_i; nil if it is not known
}

// EulerMaruyama returns the Euler–Maruyama method for states of n elements of sys, driven by w: strong order 1/2 and weak order 1
// [kloeden1992, 10.2].
func (sys DiagonalSystem) EulerMaruyama(w Brownian, n int) ode.Stepper {
	return sys.stepper(w, n, false)
}

// Milstein returns the Milstein method for states of n elements of sys, driven by w: strong and weak order 1 [kloeden1992, 10.3 and
// 11.1]. It adds to a step of Euler and Maruyama
//
//	∫∫ g' g dW dW = g' g (W² - h)/2,
//
// where, if the Derivative is not known, g' g is (g(x̄) - g(x))/√h with x̄ = x + f h + g√h.
//
// References:
//
//	[kloeden1992]
func (sys DiagonalSystem) Milstein(w Brownian, n int) ode.Stepper {
	return sys.stepper(w, n, true)
}

func (sys DiagonalSystem) stepper(w Brownian, n int, corrected bool) ode.Stepper {
	return &milstein{sys: sys, path: w, corrected: corrected,
		f: make([]float64, n), g: make([]float64, n), w: make([]float64, n), x: make([]float64, n), slope: make([]float64, n)}
}

type milstein struct {
	sys       DiagonalSystem
	path      Brownian
	corrected bool // or else the method is that of Euler and Maruyama
	f, g, w   []float64
	x, slope  []float64 // x̄, and g' g
	nfe       int
}

// NFE and Cost implement ode.Counter.
func (s *milstein) NFE() int { return s.nfe }

func (s *milstein) Cost(ode.Span, bool) int { return 1 }

func (s *milstein) Step(dst, src []float64, at ode.Span) error {
	s.nfe++
	if err := ode.FirstStage(s.sys.Drift, s.f, src, at, s.x); err != nil {
		return err
	}
	if err := s.sys.Diffusion(s.g, src, at.From); err != nil {
		return err
	}
	if s.corrected {
		if err := s.slopes(src, at); err != nil {
			return err
		}
	}
	if err := s.path.Increment(s.w, at.From, at.To); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: 1, X: src}, vec.Term{C: at.H(), X: s.f})
	for i, w := range s.w {
		dst[i] += s.g[i] * w
		if s.corrected {
			dst[i] += s.slope[i] * (w*w - math.Abs(at.H())) / 2
		}
	}
	return nil
}

// slopes writes g' g at the start of the step.
func (s *milstein) slopes(src []float64, at ode.Span) error {
	if s.sys.Derivative != nil {
		if err := s.sys.Derivative(s.slope, src, at.From); err != nil {
			return err
		}
		for i, g := range s.g {
			s.slope[i] *= g
		}
		return nil
	}
	root := math.Sqrt(math.Abs(at.H()))
	if root == 0 {
		clear(s.slope) // W is 0
		return nil
	}
	vec.Lin(s.x, vec.Term{C: 1, X: src}, vec.Term{C: at.H(), X: s.f}, vec.Term{C: root, X: s.g})
	if err := s.sys.Diffusion(s.slope, s.x, at.From); err != nil {
		return err
	}
	for i, g := range s.g {
		s.slope[i] = (s.slope[i] - g) / root
	}
	return nil
}
