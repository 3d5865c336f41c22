package sde

import (
	"errors"
	"fmt"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
)

// A Tableau is an explicit stochastic Runge–Kutta method for additive noise, dx = f(x, t) dt + g(t) dW, in terms of the
// increment W of the path over the step and of its space-time Lévy area H. It is plain data. The zero value is not
// a method. The package's tableaus are constants: do not modify them.
//
// With g[k] = g(t + Nodes[k]h), stage i, of which f is taken at t + C[i]h, and, as the stage after the last, the result are
//
//	x + h·ΣA[i][j]f[j] + ΣW[i][k]g[k]·W + ΣH[i][k]g[k]·H
//
// where A, B (the row of the result) and C are those of Drift: without noise the method is Drift, to the bit.
type Tableau struct {
	Name        string
	Ref         string      // where it is from, a key of the references below
	WeakOrder   float64     // of the law of the result
	StrongOrder float64     // of the result, given the path
	Drift       ode.Tableau // the method for g = 0
	Nodes       []float64   // where g is taken, as fractions of the step
	W, H        [][]float64 // a row for each stage and one for the result; a row may be nil, and so may H
}

// The tableaus. The claims are for nonlinear f; each passes the order conditions in rational arithmetic. With c, w and h the sums of
// the rows of A, W and H, and b the weights of the drift, they are
//
//	Σb = 1,  Σbc = 1/2,  Σbw = 1/2,  Σb(w² + h²/12) = 1/2,  Σbh = 1
//
// and that the noise of the result, for g linear in t, is ∫g dW = g₀W + (g₁ - g₀)(W/2 - H). Strong order 1.5 needs all of them. Weak
// order 2 needs neither the last nor the H in the integral, so that two evaluations and W alone have it. Both are 1 without any but the first.
//
// On normal data f is linear, and the condition with the squares is not seen: there StochasticMidpoint shows weak order 2, and the methods of
// strong order 1.5 show 2.
//
// References:
//
//	[kloeden1992]
//	[foster2024]   J. Foster, G. dos Reis and C. Strange. High order splitting methods for SDEs
//	               satisfying a commutativity condition. SIAM Journal on Numerical Analysis, 2024.
//	               https://arxiv.org/abs/2210.17543
//	[rossler2010]  A. Rößler. Runge–Kutta methods for the strong approximation of solutions of
//	               stochastic differential equations. SIAM Journal on Numerical Analysis 48(3), 2010.
var (
	// StochasticHeun is Heun's method with the noise of the step in its second stage: of weak order 2 for two
	// evaluations, without a Lévy area [kloeden1992, 15.1, for additive noise].
	StochasticHeun = Tableau{Name: "stochasticheun", Ref: "kloeden1992", WeakOrder: 2, StrongOrder: 1, Drift: ode.Heun,
		Nodes: []float64{0, 1},
		W:     [][]float64{{}, {1, 0}, {1. / 2, 1. / 2}}}

	// StochasticMidpoint is the midpoint rule with half of W, and g, at the midpoint. The variance of W/2 is half of what it
	// should be there: two evaluations for the orders of one.
	StochasticMidpoint = Tableau{Name: "stochasticmidpoint", Ref: "kloeden1992", WeakOrder: 1, StrongOrder: 1, Drift: ode.Midpoint,
		Nodes: []float64{0, 1. / 2},
		W:     [][]float64{{}, {1. / 2, 0}, {0, 1}}}

	// SEA is the shifted Euler method for additive noise: the one evaluation is at the mean of the path's noise over
	// the step [foster2024, eq. 5.8].
	SEA = Tableau{Name: "sea", Ref: "foster2024", WeakOrder: 1, StrongOrder: 1, Drift: ode.Euler,
		Nodes: []float64{0, 1},
		W:     [][]float64{{1. / 2, 0}, {1. / 2, 1. / 2}},
		H:     [][]float64{{1, 0}, {1, -1}}}

	// SRA1 is the method of two stages of [rossler2010].
	SRA1 = Tableau{Name: "sra1", Ref: "rossler2010", WeakOrder: 2, StrongOrder: 1.5,
		Drift: ode.Tableau{Name: "sra1", Order: 2, C: []float64{0, 3. / 4}, A: [][]float64{{}, {3. / 4}}, B: []float64{1. / 3, 2. / 3}},
		Nodes: []float64{0, 1},
		W:     [][]float64{{}, {0, 3. / 4}, {1. / 2, 1. / 2}},
		H:     [][]float64{{}, {0, 3. / 2}, {1, -1}}}

	// SRA2 is SRA1 with g taken at 1/3 and at 1, which integrates a g that bends [rossler2010].
	SRA2 = Tableau{Name: "sra2", Ref: "rossler2010", WeakOrder: 2, StrongOrder: 1.5,
		Drift: ode.Tableau{Name: "sra2", Order: 2, C: []float64{0, 3. / 4}, A: [][]float64{{}, {3. / 4}}, B: []float64{1. / 3, 2. / 3}},
		Nodes: []float64{1. / 3, 1},
		W:     [][]float64{{}, {3. / 4, 0}, {3. / 4, 1. / 4}},
		H:     [][]float64{{}, {3. / 2, 0}, {3. / 2, -3. / 2}}}

	// SRA3 has the drift of SSPRK3, of order 3 [rossler2010].
	SRA3 = Tableau{Name: "sra3", Ref: "rossler2010", WeakOrder: 2, StrongOrder: 1.5, Drift: ode.SSPRK3,
		Nodes: []float64{0, 1},
		W:     [][]float64{{}, {}, {1. / 4, 1. / 2}, {1. / 2, 1. / 2}},
		H:     [][]float64{{}, {}, {1. / 2, 1}, {1, -1}}}

	// ShARK is the shifted additive-noise Runge–Kutta method [foster2024, eq. 6.1].
	ShARK = Tableau{Name: "shark", Ref: "foster2024", WeakOrder: 2, StrongOrder: 1.5,
		Drift: ode.Tableau{Name: "shark", Order: 2, C: []float64{0, 5. / 6}, A: [][]float64{{}, {5. / 6}}, B: []float64{2. / 5, 3. / 5}},
		Nodes: []float64{0, 1},
		W:     [][]float64{{}, {5. / 6, 0}, {1. / 2, 1. / 2}},
		H:     [][]float64{{1, 0}, {1, 0}, {1, -1}}}
)

// Tableaus returns every tableau of this package.
func Tableaus() []Tableau {
	return []Tableau{StochasticHeun, StochasticMidpoint, SEA, SRA1, SRA2, SRA3, ShARK}
}

// Errors of methods that are bound to a path.
var (
	ErrNeedsArea = errors.New("sde: the method needs the space-time Lévy area, which the path does not know")
	ErrTableau   = errors.New("sde: not a tableau")
)

// NeedsArea reports whether the method needs H, and so a path that is a SpaceTime.
func (tab Tableau) NeedsArea() bool {
	for _, row := range tab.H {
		for _, v := range row {
			if v != 0 {
				return true
			}
		}
	}
	return false
}

// Check returns an error that wraps ErrTableau unless the lengths of tab fit together.
func (tab Tableau) Check() error {
	stages := len(tab.Drift.B)
	if stages == 0 || len(tab.Drift.A) != stages || len(tab.Drift.C) != stages {
		return fmt.Errorf("%w: its drift has %d weights, %d rows and %d nodes", ErrTableau, stages, len(tab.Drift.A), len(tab.Drift.C))
	}
	for i, row := range tab.Drift.A {
		if len(row) != i {
			return fmt.Errorf("%w: row %d of its drift holds %d coefficients, want %d", ErrTableau, i, len(row), i)
		}
	}
	for name, rows := range map[string][][]float64{"W": tab.W, "H": tab.H} {
		if len(rows) != stages+1 && !(name == "H" && rows == nil) {
			return fmt.Errorf("%w: %s has %d rows for %d stages, want one more", ErrTableau, name, len(rows), stages)
		}
		for i, row := range rows {
			if len(row) != 0 && len(row) != len(tab.Nodes) {
				return fmt.Errorf("%w: row %d of %s holds %d weights for %d nodes", ErrTableau, i, name, len(row), len(tab.Nodes))
			}
		}
	}
	return nil
}

// Stepper binds the method to sys, driven by w, for states of n elements. The result is an ode.Counter. Errors: ErrTableau, and ErrNeedsArea if the method needs
// H and w is not a SpaceTime.
func (tab Tableau) Stepper(sys System, w Brownian, n int) (ode.Stepper, error) {
	if err := tab.Check(); err != nil {
		return nil, err
	}
	stages := len(tab.Drift.B)
	s := &additive{tab: tab, sys: sys, path: w, f: make([][]float64, stages), g: make([]float64, len(tab.Nodes)),
		x: make([]float64, n), w: make([]float64, n), terms: make([]vec.Term, 0, stages+3)}
	for i := range s.f {
		s.f[i] = make([]float64, n)
	}
	if tab.NeedsArea() {
		var ok bool
		if s.area, ok = w.(SpaceTime); !ok {
			return nil, fmt.Errorf("%w: %s on a %T", ErrNeedsArea, tab.Name, w)
		}
		s.h = make([]float64, n)
	}
	return s, nil
}

type additive struct {
	tab   Tableau
	sys   System
	path  Brownian
	area  SpaceTime   // path, if the method needs H
	f     [][]float64 // at the stages
	g     []float64   // at the nodes
	x     []float64   // the state at a stage
	w, h  []float64
	terms []vec.Term
	nfe   int
}

// NFE and Cost implement ode.Counter.
func (s *additive) NFE() int { return s.nfe }

func (s *additive) Cost(ode.Span, bool) int { return len(s.f) }

func (s *additive) Step(dst, src []float64, at ode.Span) error {
	if err := s.draw(at); err != nil {
		return err
	}
	for k, node := range s.tab.Nodes {
		s.g[k] = s.sys.Diffusion(at.Time(node))
	}
	drift := s.tab.Drift
	for i := range s.f {
		s.nfe++
		terms := s.combine(src, drift.A[i], i, at.H())
		if i == 0 && len(terms) == 1 {
			if err := ode.FirstStage(s.sys.Drift, s.f[0], src, at, s.x); err != nil {
				return err
			}
			continue
		}
		vec.Lin(s.x, terms...)
		if err := s.sys.Drift(s.f[i], s.x, at.Time(drift.C[i])); err != nil {
			return err
		}
	}
	vec.Lin(dst, s.combine(src, drift.B, len(s.f), at.H())...)
	return nil
}

func (s *additive) draw(at ode.Span) error {
	if s.area == nil {
		return s.path.Increment(s.w, at.From, at.To)
	}
	return s.area.Area(s.w, s.h, at.From, at.To)
}

// combine returns the terms of stage i, whose weights of the drift are a.
func (s *additive) combine(src, a []float64, i int, h float64) []vec.Term {
	terms := append(s.terms[:0], vec.Term{C: 1, X: src})
	for j, c := range a {
		if c != 0 {
			terms = append(terms, vec.Term{C: h * c, X: s.f[j]})
		}
	}
	if c := s.weigh(s.tab.W, i); c != 0 {
		terms = append(terms, vec.Term{C: c, X: s.w})
	}
	if c := s.weigh(s.tab.H, i); c != 0 {
		terms = append(terms, vec.Term{C: c, X: s.h})
	}
	return terms
}

// weigh returns Σ rows[i][k]·g[k].
func (s *additive) weigh(rows [][]float64, i int) float64 {
	sum := 0.0
	if i < len(rows) {
		for k, v := range rows[i] {
			sum += v * s.g[k]
		}
	}
	return sum
}
