package ode

import (
	"math"
	"slices"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// A PhiTerm is the function Weight·φ_K(At·z), see Phi.
type PhiTerm struct {
	Weight float64
	K      int // 0 to MaxPhi
	At     float64
}

// An ExpTableau is an explicit exponential Runge–Kutta method for x' = L·x + f(x, t) with a constant number L [hochbruck2010, section 2.3]: a
// Butcher tableau whose coefficients are sums of φ functions of z = L·h. It is plain data. The zero value is not a method.
//
// Stage i lies at the fraction C[i] of the step and is e^(C[i]z)·x + h·ΣA[i][j]k[j]; the result is the stage after the last, at 1,
// and is not evaluated. What f is held constant is integrated exactly, so that steps are not bounded by L. The
// orders are those for small z.
//
// A linear part a(t)·x whose coefficient depends on time is constant in the variable ∫a dt: change to it, as package solvers does
// with λ, half the logarithm of the signal-to-noise ratio.
//
// References:
//
//	[hochbruck2010]  M. Hochbruck and A. Ostermann. Exponential integrators. Acta Numerica 19, 2010.
type ExpTableau struct {
	Name  string
	Order int
	C     []float64     // nodes; C[0] is 0
	A     [][][]PhiTerm // A[i] holds i coefficients; the last row, of the result, has the index len(C)
}

// Exponential time differencing, and the methods of Lawson. With L = 0 they are Euler's method, Heun's, Kutta3, RK4,
// Midpoint and RK4.
//
// References:
//
//	[cox2002]        S. M. Cox and P. C. Matthews. Exponential time differencing for
//	                 stiff systems. Journal of Computational Physics 176(2), 2002.
//	[hochbruck2005]  M. Hochbruck and A. Ostermann. Explicit exponential Runge–Kutta methods for
//	                 semilinear parabolic problems. SIAM Journal on Numerical Analysis 43(3), 2005.
//	[lawson1967]     J. D. Lawson. Generalized Runge–Kutta processes for stable systems with
//	                 large Lipschitz constants. SIAM Journal on Numerical Analysis 4(3), 1967.
var (
	// ETD1 is the exponential method of Euler [cox2002, section 2.1].
	ETD1 = ETD("etd1", 1, []float64{0})

	// ETD2 is ETD2RK [cox2002, eq. 22].
	ETD2 = ETD("etd2", 2, []float64{0, 1}, [][]PhiTerm{{{1, 2, 1}}})

	// ETD3 is ETD3RK [cox2002, eq. 23 to 25].
	ETD3 = ETD("etd3", 3, []float64{0, 1. / 2, 1},
		[][]PhiTerm{{{2, 1, 1}}},
		[][]PhiTerm{{{4, 2, 1}, {-8, 3, 1}}, {{4, 3, 1}, {-1, 2, 1}}})

	// ETD4 is ETD4RK [cox2002, eq. 26 to 29], whose last stage makes two half steps.
	ETD4 = ETD("etd4", 4, []float64{0, 1. / 2, 1. / 2, 1},
		[][]PhiTerm{{{1. / 2, 1, 1. / 2}}},
		[][]PhiTerm{nil, {{1, 1, 1. / 2}}},
		[][]PhiTerm{{{2, 2, 1}, {-4, 3, 1}}, {{2, 2, 1}, {-4, 3, 1}}, {{4, 3, 1}, {-1, 2, 1}}})

	// Lawson2 and Lawson4 are the midpoint rule and the method of Kutta with Lawson's integrating factor.
	Lawson2 = Lawson("lawson2", Midpoint)
	Lawson4 = Lawson("lawson4", RK4)
)

// ETDMidpoint returns the second-order method whose second stage lies at the fraction c of the step, with φ₁ for
// both weights [hochbruck2005, section 5.1]: of 1/2 the exponential midpoint rule. In noise prediction and λ the method of 1/2 is DPM-Solver-2.
func ETDMidpoint(c float64) ExpTableau {
	return ETD("etdmidpoint", 2, []float64{0, c}, [][]PhiTerm{{{1 / (2 * c), 1, 1}}})
}

// ETDHeun3 returns the third-order method whose stages lie at the fractions c and 2/3 of the step
// [hochbruck2005, section 5.2]: of 1/3 the exponential method of Heun of order 3. In
// noise prediction and λ the method of 1/3 is DPM-Solver-3.
func ETDHeun3(c float64) ExpTableau {
	const c3 = 2. / 3
	return ETD("etdheun3", 3, []float64{0, c, c3},
		[][]PhiTerm{{{c3 * c3 / c, 2, c3}}},
		[][]PhiTerm{nil, {{1 / c3, 2, 1}}})
}

// ExpTableaus returns every exponential tableau of this package, those with a parameter at the values of the DPM-Solvers.
func ExpTableaus() []ExpTableau {
	return []ExpTableau{ETD1, ETD2, ETDMidpoint(1. / 2), ETD3, ETDHeun3(1. / 3), ETD4, Lawson2, Lawson4}
}

// ETD returns the method whose coefficients of all stages but the first are given: later[i] is of the stage
// i+2 on, without the first column, and its last element of the result. The first column follows: a constant f
// is integrated exactly, Σ A[i][j] = c·φ₁(cz).
func ETD(name string, order int, c []float64, later ...[][]PhiTerm) ExpTableau {
	tab := ExpTableau{Name: name, Order: order, C: c, A: [][][]PhiTerm{nil}}
	ends := append(slices.Clone(c), 1)
	for i, end := range ends[1:] {
		row := make([][]PhiTerm, i+1)
		row[0] = []PhiTerm{{end, 1, end}}
		if i > 0 {
			copy(row[1:], later[i-1])
		}
		for _, sum := range row[1:] {
			for _, term := range sum {
				row[0] = append(row[0], PhiTerm{-term.Weight, term.K, term.At})
			}
		}
		tab.A = append(tab.A, row)
	}
	return tab
}

// Lawson returns the classical method tab on the equation of e^(-Lt)·x, which has no linear part
// [lawson1967]: a constant f is not integrated exactly. Its order is tab's.
func Lawson(name string, tab Tableau) ExpTableau {
	e := ExpTableau{Name: name, Order: tab.Order, C: tab.C}
	ends := append(slices.Clone(tab.C), 1)
	for i, weights := range append(slices.Clone(tab.A), tab.B) {
		row := make([][]PhiTerm, len(weights))
		for j, w := range weights {
			if w != 0 {
				row[j] = []PhiTerm{{w, 0, ends[i] - tab.C[j]}}
			}
		}
		e.A = append(e.A, row)
	}
	return e
}

// Evaluations returns the evaluations of f that a step takes.
func (tab ExpTableau) Evaluations() int { return len(tab.C) }

// Stepper binds tab to x' = linear·x + f(x, t) for states of n elements. The result is a Deriver, a Counter and an Interpolator. The interpolant is the
// solution for the quadratic f that has the values of f at both ends, and takes the state from the one end to the other. Without a linear part it is
// Hermite's cubic, and it is of order 3 as that is, or of the method's if that is less.
func (tab ExpTableau) Stepper(linear float64, f Func, n int) Stepper { return tab.bind(linear, f, n) }

func (tab ExpTableau) bind(linear float64, f Func, n int) *expRungeKutta {
	s := len(tab.C)
	r := &expRungeKutta{counted: counted{f: f}, tab: tab, linear: linear, a: NewExpCoefficients(tab.A), x: make([]float64, n),
		k: make([][]float64, s), terms: make([]vec.Term, 0, max(s+1, 4))}
	for i := range r.k {
		r.k[i] = make([]float64, n)
	}
	return r
}

type expRungeKutta struct {
	counted
	tab    ExpTableau
	linear float64
	a      *ExpCoefficients
	k      [][]float64 // the stages
	x      []float64   // the argument of a stage
	terms  []vec.Term
	at     Span      // the latest step
	end    []float64 // f at the end of it, nil until it is used
	ahead  bool      // end holds that
}

func (r *expRungeKutta) Cost(at Span, interpolate bool) int {
	n := len(r.k)
	if at.Retry || r.continues(at) {
		n--
	}
	if interpolate {
		n++
	}
	return n
}

// continues reports whether the first stage of the step over at is known from the latest step.
func (r *expRungeKutta) continues(at Span) bool { return !at.Fresh() && r.ahead && at.From == r.at.To }

func (r *expRungeKutta) Step(dst, src []float64, at Span) error {
	switch {
	case at.Retry:
		// k[0] depends on From and src alone.
	case r.continues(at):
		r.k[0], r.end = r.end, r.k[0]
	default:
		if err := r.begin(r.k[0], src, at, r.x); err != nil {
			return err
		}
	}
	r.at, r.ahead = at, false
	h := at.H()
	a := r.a.At(r.linear * h)
	for i := 1; i < len(r.k); i++ {
		c := r.tab.C[i]
		vec.Lin(r.x, r.combine(src, math.Exp(c*r.linear*h), h, a[i])...)
		if err := r.eval(r.k[i], r.x, at.Time(c)); err != nil {
			return err
		}
	}
	vec.Lin(dst, r.combine(src, math.Exp(r.linear*h), h, a[len(r.k)])...)
	return nil
}

// fieldIsFinite reports whether all stages of the latest step are finite.
func (r *expRungeKutta) fieldIsFinite() bool { return finite(r.k...) }

// combine returns the terms of carry·src + h·Σa[j]k[j].
func (r *expRungeKutta) combine(src []float64, carry, h float64, a []float64) []vec.Term {
	ts := append(r.terms[:0], vec.Term{C: carry, X: src})
	for j, c := range a {
		if c != 0 {
			ts = append(ts, vec.Term{C: h * c, X: r.k[j]})
		}
	}
	return ts
}

// Interpolate implements Interpolator. With f(s) = f₀ + s(f₁ - f₀) + q·s(s-1) at the fraction s of the step, and
//
//	ψ(θ) = ∫₀^θ e^(z(θ-s)) s(1-s) ds = θ²φ₂(θz) - 2θ³φ₃(θz),
//
// the solution is e^(θz)·from + h(θφ₁(θz)f₀ + θ²φ₂(θz)(f₁ - f₀) - q·ψ(θ)), where q is such that it is to at 1. ψ is positive for all z.
func (r *expRungeKutta) Interpolate(dst, from, to []float64, theta float64) error {
	if atEnd(dst, from, to, theta) {
		return nil
	}
	if !r.ahead {
		if r.end == nil {
			r.end = make([]float64, len(to))
		}
		if err := r.eval(r.end, to, r.at.To); err != nil {
			return err
		}
		r.ahead = true
	}
	h := r.at.H()
	// The weights of from, f₀ and f₁ without q, and ψ.
	weights := func(theta float64) (w [3]float64, psi float64) {
		z := theta * r.linear * h
		first, second := theta*Phi(1, z), theta*theta*Phi(2, z)
		return [3]float64{math.Exp(z), h * (first - second), h * second}, second - 2*theta*theta*theta*Phi(3, z)
	}
	whole, psiOne := weights(1)
	w, psi := weights(theta)
	share := psi / psiOne
	for i := range w {
		w[i] -= share * whole[i]
	}
	vec.Lin(dst, append(r.terms[:0], vec.Term{C: w[0], X: from}, vec.Term{C: share, X: to},
		vec.Term{C: w[1], X: r.k[0]}, vec.Term{C: w[2], X: r.end})...)
	return nil
}

// Power implements Deriver.
func (r *expRungeKutta) Power() float64 { return float64(r.tab.Order + 1) }

func (r *expRungeKutta) Derivative(dst, x []float64, t float64) error {
	return linearDerivative(dst, x, t, r.linear, r.eval)
}

// linearDerivative writes linear·x + f(x, t) to dst.
func linearDerivative(dst, x []float64, t, linear float64, f Func) error {
	if err := f(dst, x, t); err != nil || linear == 0 {
		return err
	}
	vec.Lin(dst, vec.Term{C: 1, X: dst}, vec.Term{C: linear, X: x})
	return nil
}

// ExpCoefficients evaluates the coefficients of an exponential tableau. They repeat few functions, each of which is
// evaluated once. It is made by NewExpCoefficients and is not safe for concurrent use.
type ExpCoefficients struct {
	a         [][]float64
	functions []PhiTerm // with weight 1
	values    []float64
	parts     []phiPart
}

// phiPart adds to a coefficient a multiple of a function's value.
type phiPart struct {
	to     *float64
	weight float64
	of     int
}

// NewExpCoefficients prepares the evaluation of the coefficients rows, of the shape of ExpTableau.A.
func NewExpCoefficients(rows [][][]PhiTerm) *ExpCoefficients {
	c := &ExpCoefficients{}
	for _, row := range rows {
		a := make([]float64, len(row))
		c.a = append(c.a, a)
		for j, sum := range row {
			for _, f := range sum {
				c.parts = append(c.parts, phiPart{to: &a[j], weight: f.Weight, of: c.function(f)})
			}
		}
	}
	c.values = make([]float64, len(c.functions))
	return c
}

// function returns the index of f, but for its weight, among the functions.
func (c *ExpCoefficients) function(f PhiTerm) int {
	f.Weight = 1
	i := slices.Index(c.functions, f)
	if i < 0 {
		i = len(c.functions)
		c.functions = append(c.functions, f)
	}
	return i
}

// At returns the coefficients at z. They are valid until the next call.
func (c *ExpCoefficients) At(z float64) [][]float64 {
	for i, f := range c.functions {
		c.values[i] = Phi(f.K, f.At*z)
	}
	for _, row := range c.a {
		clear(row)
	}
	for _, p := range c.parts {
		*p.to += p.weight * c.values[p.of]
	}
	return c.a
}
