package solvers

import "github.com/diffsolve/diffsolve/ode"

// The exponential Runge–Kutta methods with coefficients that are fixed but for z. Below, φ_k stands for φ_k(z) and half_k
// for φ_k(z/2). Their coefficients of the first stage are what is left of c·φ₁(cz), see etd.
//
// All have their order for small steps, where the linear part is not stiff. That is the case here: L is ±1.
//
// References:
//
//	[cox2002], [krogstad2005], [hochbruck2005], [lawson1967], [hochbruck2010]
var (
	// ETDRK2 is the second-order method of [cox2002, eq. 22].
	ETDRK2 = expHeun("etdrk2", "the exponential Runge-Kutta method of order 2 of Cox and Matthews", "cox2002")

	// ExpHeun is Heun's method with the exponential weight φ₂ of the slope: ETDRK2 by its later name.
	ExpHeun = expHeun("expheun", "the exponential method of Heun, the line through the start and the Euler step", "hochbruck2010")

	// ETDRK3 is the third-order method of [cox2002, eq. 23 to 25], exponential Kutta.
	ETDRK3 = etd(ExpTableau{Name: "etdrk3", About: "the exponential Runge-Kutta method of order 3 of Cox and Matthews",
		Order: 3, Ref: "cox2002", Nodes: []float64{0, 1. / 2, 1}},
		func(z float64, a [][]float64) {
			a[2][1] = 2 * phi(1, z)
			a[3][1] = 4*phi(2, z) - 8*phi(3, z)
			a[3][2] = 4*phi(3, z) - phi(2, z)
		})

	// ETDRK4 is the fourth-order method of [cox2002, eq. 26 to 29], whose last stage makes two half steps.
	ETDRK4 = etd(ExpTableau{Name: "etdrk4", About: "the exponential Runge-Kutta method of order 4 of Cox and Matthews",
		Order: 4, Ref: "cox2002", Nodes: []float64{0, 1. / 2, 1. / 2, 1}},
		func(z float64, a [][]float64) {
			half1 := phi(1, z/2)
			a[2][1] = half1 / 2
			a[3][2] = half1
			kuttaWeights(z, a[4])
		})

	// Krogstad has the weights of ETDRK4 and stages of higher stiff order [krogstad2005, eq. 51].
	Krogstad = etd(ExpTableau{Name: "krogstad", About: "the exponential Runge-Kutta method of order 4 of Krogstad",
		Order: 4, Ref: "krogstad2005", Nodes: []float64{0, 1. / 2, 1. / 2, 1}},
		func(z float64, a [][]float64) {
			a[2][1] = phi(2, z/2)
			a[3][2] = 2 * phi(2, z)
			kuttaWeights(z, a[4])
		})

	// StrehmelWeiner is the fourth-order method of Strehmel and Weiner as in [hochbruck2005, section 5].
	StrehmelWeiner = etd(ExpTableau{Name: "strehmelweiner", About: "the exponential Runge-Kutta method of order 4 of Strehmel and Weiner",
		Order: 4, Ref: "hochbruck2005", Nodes: []float64{0, 1. / 2, 1. / 2, 1}},
		func(z float64, a [][]float64) {
			a[2][1] = phi(2, z/2) / 2
			a[3][1] = -2 * phi(2, z)
			a[3][2] = 4 * phi(2, z)
			a[4][2] = 4*phi(2, z) - 8*phi(3, z)
			a[4][3] = 4*phi(3, z) - phi(2, z)
		})

	// HochbruckOstermann5 is the five-stage method of order 4 for stiff equations [hochbruck2005, section 5].
	HochbruckOstermann5 = etd(ExpTableau{Name: "hochbruckostermann5", About: "the five-stage exponential Runge-Kutta method of Hochbruck and Ostermann, of order 4 when stiff too",
		Order: 4, Ref: "hochbruck2005", Nodes: []float64{0, 1. / 2, 1. / 2, 1, 1. / 2}},
		func(z float64, a [][]float64) {
			half2 := phi(2, z/2)
			a[2][1] = half2
			a[3][1], a[3][2] = phi(2, z), phi(2, z)
			both := half2/2 - phi(3, z) + phi(2, z)/4 - phi(3, z/2)/2
			a[4][1], a[4][2], a[4][3] = both, both, half2/4-both
			a[5][3] = 4*phi(3, z) - phi(2, z)
			a[5][4] = 4*phi(2, z) - 8*phi(3, z)
		})

	// Lawson2 and Lawson4 are the midpoint rule and the method of Kutta with Lawson's integrating factor.
	Lawson2 = Lawson("lawson2", ode.Midpoint)
	Lawson4 = Lawson("lawson4", ode.RK4)
)

func expHeun(name, about, ref string) ExpTableau {
	tab := res2(1)
	tab.Name, tab.About, tab.Ref = name, about, ref
	return tab
}

// kuttaWeights integrates the parabola through the prediction at the start, the mean of those at the two stages in
// the middle, and that at the end.
func kuttaWeights(z float64, b []float64) {
	b[1] = 2*phi(2, z) - 4*phi(3, z)
	b[2] = b[1]
	b[3] = 4*phi(3, z) - phi(2, z)
}
