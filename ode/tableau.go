package ode

import (
	"slices"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// A Tableau is an explicit Runge–Kutta method, its Butcher tableau. The zero value
// is not a method. The package's tableaus are constants: do not modify them.
//
// With k[i] = f(x + h·ΣA[i][j]k[j], t + C[i]h) the step is x + h·ΣB[i]k[i], and
// Embedded, if present, holds the weights of a second solution whose difference
// from the first estimates the error. The method of higher order is propagated.
type Tableau struct {
	Name          string
	Order         int
	EmbeddedOrder int         // order of the embedded solution, 0 if there is none
	C             []float64   // nodes; C[0] is 0
	A             [][]float64 // A[i] holds i coefficients
	B             []float64
	Embedded      []float64
	CoarseOrder   int       // order of the coarse solution, 0 if there is none
	Coarse        []float64 // weights of a third solution, which corrects the estimate: see PairEstimator
	Dense         Dense     // the interpolant within a step
}

// The tableaus. Each passes the order conditions of all rooted trees up to its
// order for both rows of weights, in rational arithmetic where the coefficients are rational.
//
// References:
//
//	[butcher2016]    J. C. Butcher. Numerical Methods for Ordinary Differential
//	                 Equations, 3rd edition. Wiley, 2016.
//	[ralston1962]    A. Ralston. Runge–Kutta methods with minimum error bounds.
//	                 Mathematics of Computation 16, 1962.
//	[kutta1901]      W. Kutta. Beitrag zur näherungsweisen Integration totaler
//	                 Differentialgleichungen. Zeitschrift für Mathematik und Physik 46, 1901.
//	[shu1988]        C.-W. Shu and S. Osher. Efficient implementation of essentially
//	                 non-oscillatory shock-capturing schemes. Journal of Computational Physics 77(2), 1988.
//	[bogacki1989]    P. Bogacki and L. F. Shampine. A 3(2) pair of Runge–Kutta
//	                 formulas. Applied Mathematics Letters 2(4), 1989.
//	[dormand1980]    J. R. Dormand and P. J. Prince. A family of embedded Runge–Kutta
//	                 formulae. Journal of Computational and Applied Mathematics 6(1), 1980.
var (
	Euler = Tableau{Name: "euler", Order: 1, C: []float64{0}, A: [][]float64{{}}, B: []float64{1}}

	// Midpoint is the method of Runge. Its embedded solution is Euler's.
	Midpoint = Tableau{Name: "midpoint", Order: 2, EmbeddedOrder: 1,
		C: []float64{0, 1. / 2}, A: [][]float64{{}, {1. / 2}},
		B: []float64{0, 1}, Embedded: []float64{1, 0}}

	// Heun is the trapezoidal method. Its embedded solution is Euler's.
	Heun = Tableau{Name: "heun", Order: 2, EmbeddedOrder: 1,
		C: []float64{0, 1}, A: [][]float64{{}, {1}},
		B: []float64{1. / 2, 1. / 2}, Embedded: []float64{1, 0}}

	// Ralston has the least error bound of second order [ralston1962].
	Ralston = Tableau{Name: "ralston", Order: 2, EmbeddedOrder: 1,
		C: []float64{0, 2. / 3}, A: [][]float64{{}, {2. / 3}},
		B: []float64{1. / 4, 3. / 4}, Embedded: []float64{1, 0}}

	// Ralston3 has the least error bound of third order [ralston1962].
	Ralston3 = Tableau{Name: "ralston3", Order: 3,
		C: []float64{0, 1. / 2, 3. / 4}, A: [][]float64{{}, {1. / 2}, {0, 3. / 4}},
		B: []float64{2. / 9, 1. / 3, 4. / 9}}

	// Kutta3 is the third-order method of [kutta1901], Simpson's rule.
	Kutta3 = Tableau{Name: "kutta3", Order: 3,
		C: []float64{0, 1. / 2, 1}, A: [][]float64{{}, {1. / 2}, {-1, 2}},
		B: []float64{1. / 6, 2. / 3, 1. / 6}}

	// SSPRK3 is a convex combination of Euler steps, so that it keeps what they keep [shu1988].
	SSPRK3 = Tableau{Name: "ssprk3", Order: 3,
		C: []float64{0, 1, 1. / 2}, A: [][]float64{{}, {1}, {1. / 4, 1. / 4}},
		B: []float64{1. / 6, 1. / 6, 2. / 3}}

	// RK4 is the method of Kutta.
	RK4 = Tableau{Name: "rk4", Order: 4,
		C: []float64{0, 1. / 2, 1. / 2, 1},
		A: [][]float64{{}, {1. / 2}, {0, 1. / 2}, {0, 0, 1}},
		B: []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6}}

	// RK38 is the 3/8 rule of [kutta1901].
	RK38 = Tableau{Name: "rk38", Order: 4,
		C: []float64{0, 1. / 3, 2. / 3, 1},
		A: [][]float64{{}, {1. / 3}, {-1. / 3, 1}, {1, -1, 1}},
		B: []float64{1. / 8, 3. / 8, 3. / 8, 1. / 8}}

	// Ralston4 has the least error bound of fourth order [ralston1962].
	Ralston4 = Tableau{Name: "ralston4", Order: 4,
		C: []float64{0, 2. / 5, (14 - 3*sqrt5) / 16, 1},
		A: [][]float64{
			{},
			{2. / 5},
			{(-2889 + 1428*sqrt5) / 1024, (3785 - 1620*sqrt5) / 1024},
			{(-3365 + 2094*sqrt5) / 6040, (-975 - 3046*sqrt5) / 2552, (467040 + 203968*sqrt5) / 240845},
		},
		B: []float64{(263 + 24*sqrt5) / 1812, (125 - 1000*sqrt5) / 3828, 1024 * (3346 + 1623*sqrt5) / 5924787, (30 - 4*sqrt5) / 123}}

	// BS3 is the 3(2) pair of [bogacki1989].
	BS3 = Tableau{Name: "bs3", Order: 3, EmbeddedOrder: 2,
		C:        []float64{0, 1. / 2, 3. / 4, 1},
		A:        [][]float64{{}, {1. / 2}, {0, 3. / 4}, {2. / 9, 1. / 3, 4. / 9}},
		B:        []float64{2. / 9, 1. / 3, 4. / 9, 0},
		Embedded: []float64{7. / 24, 1. / 4, 1. / 3, 1. / 8}}

	// DP5 is the 5(4) pair RK5(4)7M of [dormand1980], with the quartic of [shampine1986].
	DP5 = Tableau{Name: "dp5", Order: 5, EmbeddedOrder: 4,
		C: []float64{0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1},
		A: [][]float64{
			{},
			{1. / 5},
			{3. / 40, 9. / 40},
			{44. / 45, -56. / 15, 32. / 9},
			{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
			{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
			{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
		},
		B:        []float64{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0},
		Embedded: []float64{5179. / 57600, 0, 7571. / 16695, 393. / 640, -92097. / 339200, 187. / 2100, 1. / 40},
		Dense: Dense{Order: 4, D: [][]float64{{ // [shampine1986], as a term on top of Hermite's cubic [hairer1993, II.6]
			-12715105075. / 11282082432, 0, 87487479700. / 32700410799, -10690763975. / 1880347072,
			701980252875. / 199316789632, -1453857185. / 822651844, 69997945. / 29380423}}}}
)

// Tableaus returns every tableau of this package.
func Tableaus() []Tableau {
	return []Tableau{Euler, Midpoint, Heun, Ralston, Ralston3, Kutta3, SSPRK3, BS3, RK4, RK38, Ralston4, DP5, Tsit5, DOP853}
}

// sqrt5 is a constant, so that the compiler rounds an expression of it but once.
const sqrt5 = 2.236067977499789696409173668731276235440618359611525724

// Alpha returns the second-order method of two stages whose second stage lies at the
// fraction alpha of the step: 1/2 is Midpoint, 2/3 Ralston and 1 Heun. It panics unless alpha is positive.
func Alpha(alpha float64) Tableau {
	if !(alpha > 0) {
		panic("ode: Alpha of a number that is not positive")
	}
	return Tableau{Name: "alpha", Order: 2, EmbeddedOrder: 1,
		C: []float64{0, alpha}, A: [][]float64{{}, {alpha}},
		B: []float64{(2*alpha - 1) / (2 * alpha), 1 / (2 * alpha)}, Embedded: []float64{1, 0}}
}

// FirstSameAsLast reports whether the last stage is the end of the step itself, so
// that its evaluation is the first one of the next step.
func (tab Tableau) FirstSameAsLast() bool {
	s := len(tab.B) - 1
	return s > 0 && tab.C[s] == 1 && tab.B[s] == 0 && slices.Equal(tab.A[s], tab.B[:s])
}

// Evaluations returns the evaluations of f that a step on a fixed grid takes.
func (tab Tableau) Evaluations() int {
	if tab.FirstSameAsLast() {
		return len(tab.B) - 1
	}
	return len(tab.B)
}

// Stepper binds tab to f for states of n elements. The result is a Deriver, a Counter and an Interpolator, an
// Estimator if tab has an embedded solution, and a PairEstimator if it has a coarse one too.
//
// The last stage of a first-same-as-last method serves only the error estimate, so it
// is evaluated when LocalError asks for it; fixed grids do not pay for it.
func (tab Tableau) Stepper(f Func, n int) Stepper {
	s := len(tab.B)
	r := &rungeKutta{counted: counted{f: f}, tab: tab, fsal: tab.FirstSameAsLast(), end: s, x: make([]float64, n)}
	if r.fsal {
		r.end--
	}
	r.k = make([][]float64, r.end+1+len(tab.Dense.C))
	for i := range s {
		r.k[i] = make([]float64, n)
	}
	r.terms = make([]vec.Term, 0, len(r.k)+2)
	if tab.Embedded == nil {
		return r
	}
	e := &embedded{rungeKutta: r, weights: make([]float64, s)}
	for i, b := range tab.B {
		e.weights[i] = b - tab.Embedded[i]
	}
	if tab.Coarse == nil {
		return e
	}
	p := &paired{embedded: e, coarse: make([]float64, s)}
	for i, b := range tab.B {
		p.coarse[i] = b - tab.Coarse[i]
	}
	return p
}

type rungeKutta struct {
	counted
	tab   Tableau
	fsal  bool
	at    Span        // the latest step
	end   int         // k[end] is where f at the end of it goes
	ahead bool        // k[end] holds it
	dense bool        // the stages after it are known too
	k     [][]float64 // the stages, f at the end and the stages of the interpolant; what serves that alone is nil until it is used
	x     []float64   // the argument of a stage; of a first-same-as-last method, at last, the result
	terms []vec.Term
}

func (r *rungeKutta) Cost(at Span, interpolate bool) int {
	n := len(r.tab.B)
	if at.Retry || r.continues(at) {
		n--
	}
	if interpolate {
		n += len(r.k) - len(r.tab.B)
	}
	return n
}

// continues reports whether the first stage of the step over at is known from the latest step.
func (r *rungeKutta) continues(at Span) bool { return !at.Fresh() && r.ahead && at.From == r.at.To }

func (r *rungeKutta) Step(dst, src []float64, at Span) error {
	switch {
	case at.Retry:
		// k[0] depends on From and src alone.
	case r.continues(at):
		r.k[0], r.k[r.end] = r.k[r.end], r.k[0]
	default:
		if err := r.begin(r.k[0], src, at, r.x); err != nil {
			return err
		}
	}
	r.at, r.ahead, r.dense = at, false, false
	stages := len(r.tab.B)
	if r.fsal {
		stages--
	}
	for i := 1; i < stages; i++ {
		vec.Lin(r.x, r.combine(src, r.tab.A[i])...)
		if err := r.eval(r.k[i], r.x, at.Time(r.tab.C[i])); err != nil {
			return err
		}
	}
	vec.Lin(dst, r.combine(src, r.tab.B)...)
	if r.fsal {
		copy(r.x, dst)
	}
	return nil
}

// fieldIsFinite reports whether all stages of the latest step are finite.
func (r *rungeKutta) fieldIsFinite() bool { return finite(r.k[:len(r.tab.B)]...) }

// combine returns the terms of src + h·Σw[j]k[j].
func (r *rungeKutta) combine(src, w []float64) []vec.Term {
	h, ts := r.at.H(), append(r.terms[:0], vec.Term{C: 1, X: src})
	for j, c := range w {
		if c != 0 {
			ts = append(ts, vec.Term{C: h * c, X: r.k[j]})
		}
	}
	return ts
}

func (r *rungeKutta) Derivative(dst, x []float64, t float64) error { return r.eval(dst, x, t) }

func (r *rungeKutta) Power() float64 { return float64(r.tab.Order + 1) }

type embedded struct {
	*rungeKutta
	weights []float64 // B - Embedded
}

func (r *embedded) Power() float64 { return float64(r.tab.EmbeddedOrder + 1) }

func (r *embedded) LocalError(dst []float64) (float64, error) {
	if r.fsal {
		if err := r.reach(r.x); err != nil {
			return 0, err
		}
	}
	r.difference(dst, r.weights)
	return r.Power(), nil
}

// difference writes h·Σw[j]k[j] to dst.
func (r *rungeKutta) difference(dst, w []float64) {
	h, ts := r.at.H(), r.terms[:0]
	for j, c := range w {
		if c != 0 {
			ts = append(ts, vec.Term{C: h * c, X: r.k[j]})
		}
	}
	vec.Lin(dst, ts...)
}

// paired is embedded with a second estimate.
type paired struct {
	*embedded
	coarse []float64 // B - Coarse
}

// Power is that of e²/c: twice the power of e less that of c.
func (r *paired) Power() float64 { return 2*r.embedded.Power() - float64(r.tab.CoarseOrder+1) }

// LocalErrors implements PairEstimator.
func (r *paired) LocalErrors(fine, coarse []float64) (float64, error) {
	if _, err := r.LocalError(fine); err != nil {
		return 0, err
	}
	r.difference(coarse, r.coarse)
	return r.Power(), nil
}
