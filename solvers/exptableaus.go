package solvers

import (
	"slices"

	"github.com/diffsolve/diffsolve/ode"
)

// The exponential Runge–Kutta methods whose coefficients depend on z alone. {w, k, c} is w·φ_k(cz); the
// rows are those of the stages from the third on and of the result, without the first column, see etd.
//
// All have their order for small steps, where the linear part is not stiff. That is the case here: L is ±1.
//
// Those of order 4 have no embedded row. With the nodes 0, 1/2 and 1 any row of order 3 integrates as Simpson's rule
// does, and so misses no error of a prediction that depends on λ alone: the published pairs [whalen2015], which put the prediction at the
// end of the step in the last stage's place, are off by a factor of hundreds in data prediction. [zoto2023] call a pair without that fault
// robust. Krogstad43 is one.
//
// References:
//
//	[cox2002], [krogstad2005], [hochbruck2005], [lawson1967], [hochbruck2010], [whalen2015], [zoto2023]
var (
	// ETDRK2 is the second-order method of [cox2002, eq. 22].
	ETDRK2 = expHeun("etdrk2", "the exponential Runge-Kutta method of order 2 of Cox and Matthews", "cox2002")

	// ExpHeun is Heun's method with the exponential weight φ₂ of the slope: ETDRK2 by its later name.
	ExpHeun = expHeun("expheun", "the exponential method of Heun, the line through the start and the Euler step", "hochbruck2010")

	// ETDRK3 is the third-order method of [cox2002, eq. 23 to 25], exponential Kutta.
	ETDRK3 = described(ode.ETD3, "etdrk3", "the exponential Runge-Kutta method of order 3 of Cox and Matthews", "cox2002").
		embed(2, []Phi{{2, 2, 1}}, nil)

	// ETDRK4 is the fourth-order method of [cox2002, eq. 26 to 29], whose last stage makes two half steps.
	ETDRK4 = described(ode.ETD4, "etdrk4", "the exponential Runge-Kutta method of order 4 of Cox and Matthews", "cox2002")

	// Krogstad has the weights of ETDRK4 and stages of higher stiff order [krogstad2005, eq. 51].
	Krogstad = etd(ExpTableau{Name: "krogstad", About: "the exponential Runge-Kutta method of order 4 of Krogstad",
		Order: 4, Ref: "krogstad2005", Nodes: []float64{0, 1. / 2, 1. / 2, 1}},
		[][]Phi{{{1, 2, 1. / 2}}},
		[][]Phi{nil, {{2, 2, 1}}},
		parabola)

	// Krogstad43 is the method of Krogstad with a fifth stage at 3/4 for the error, on the parabola through the others. The
	// embedded row is the parabola through the predictions at 0, 1/2 and 3/4, whose quadrature is that of ode.BS3. Both rows are
	// of stiff order 3, and the pair is robust.
	Krogstad43 = etd(ExpTableau{Name: "krogstad43", About: "the method of Krogstad with a stage for the error, a robust 4(3) pair",
		Order: 4, Ref: "krogstad2005", Nodes: []float64{0, 1. / 2, 1. / 2, 1, 3. / 4}},
		[][]Phi{{{1, 2, 1. / 2}}},
		[][]Phi{nil, {{2, 2, 1}}},
		[][]Phi{
			{{9. / 8, 2, 3. / 4}, {-27. / 16, 3, 3. / 4}},
			{{9. / 8, 2, 3. / 4}, {-27. / 16, 3, 3. / 4}},
			{{27. / 16, 3, 3. / 4}, {-9. / 16, 2, 3. / 4}},
		},
		append(slices.Clone(parabola), nil)).
		embed(3, []Phi{{3, 2, 1}, {-8, 3, 1}}, []Phi{{3, 2, 1}, {-8, 3, 1}}, nil, []Phi{{32. / 3, 3, 1}, {-8. / 3, 2, 1}})

	// StrehmelWeiner is the fourth-order method of Strehmel and Weiner as in [hochbruck2005, section 5].
	StrehmelWeiner = etd(ExpTableau{Name: "strehmelweiner", About: "the exponential Runge-Kutta method of order 4 of Strehmel and Weiner",
		Order: 4, Ref: "hochbruck2005", Nodes: []float64{0, 1. / 2, 1. / 2, 1}},
		[][]Phi{{{1. / 2, 2, 1. / 2}}},
		[][]Phi{{{-2, 2, 1}}, {{4, 2, 1}}},
		[][]Phi{nil, {{4, 2, 1}, {-8, 3, 1}}, {{4, 3, 1}, {-1, 2, 1}}})

	// HochbruckOstermann5 is the five-stage method of order 4 for stiff equations [hochbruck2005, section 5].
	HochbruckOstermann5 = etd(ExpTableau{Name: "hochbruckostermann5", About: "the five-stage exponential Runge-Kutta method of Hochbruck and Ostermann, of order 4 when stiff too",
		Order: 4, Ref: "hochbruck2005", Nodes: []float64{0, 1. / 2, 1. / 2, 1, 1. / 2}},
		[][]Phi{{{1, 2, 1. / 2}}},
		[][]Phi{{{1, 2, 1}}, {{1, 2, 1}}},
		[][]Phi{
			{{1. / 2, 2, 1. / 2}, {-1, 3, 1}, {1. / 4, 2, 1}, {-1. / 2, 3, 1. / 2}},
			{{1. / 2, 2, 1. / 2}, {-1, 3, 1}, {1. / 4, 2, 1}, {-1. / 2, 3, 1. / 2}},
			{{-1. / 4, 2, 1. / 2}, {1, 3, 1}, {-1. / 4, 2, 1}, {1. / 2, 3, 1. / 2}},
		},
		[][]Phi{nil, nil, {{4, 3, 1}, {-1, 2, 1}}, {{4, 2, 1}, {-8, 3, 1}}})

	// Lawson2 and Lawson4 are the midpoint rule and the method of Kutta with Lawson's integrating factor.
	Lawson2 = Lawson("lawson2", ode.Midpoint)
	Lawson4 = Lawson("lawson4", ode.RK4)

	// Lawson5 is the 5(4) pair of Dormand and Prince with Lawson's integrating factor.
	Lawson5 = Lawson("lawson5", ode.DP5)
)

// parabola is the integral of the parabola through the prediction at the start, the mean of those at the two stages
// in the middle, and that at the end.
var parabola = [][]Phi{{{2, 2, 1}, {-4, 3, 1}}, {{2, 2, 1}, {-4, 3, 1}}, {{4, 3, 1}, {-1, 2, 1}}}

func expHeun(name, about, ref string) ExpTableau {
	tab := res2(1)
	tab.Name, tab.About, tab.Ref = name, about, ref
	return tab
}
