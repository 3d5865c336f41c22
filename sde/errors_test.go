package sde_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// A method binds a scheme to a system and a path.
type method func(sys sde.System, w sde.Brownian, n int) (ode.Stepper, error)

func eulerMaruyama(sys sde.System, w sde.Brownian, n int) (ode.Stepper, error) {
	return sde.EulerMaruyama(sys, w, n), nil
}

// A still is a Brownian path whose W and whose H are the same numbers over every interval.
type still struct{ w, h float64 }

func (s still) Increment(dst []float64, from, to float64) error {
	for i := range dst {
		dst[i] = s.w
	}
	return nil
}

func (s still) Area(w, h []float64, from, to float64) error {
	for i := range w {
		w[i], h[i] = s.w, s.h
	}
	return nil
}

// An affine is one step of a method on a linear equation in one dimension:
// x' = R x + c + p W + q H.
type affine struct{ R, c, p, q float64 }

// probe finds the step of a method over at.
func probe(t *testing.T, m method, sys sde.System, at ode.Span) affine {
	t.Helper()
	step := func(x float64, path still) float64 {
		st, err := m(sys, path, 1)
		if err != nil {
			t.Fatal(err)
		}
		dst := []float64{math.NaN()}
		if err := st.Step(dst, []float64{x}, at); err != nil {
			t.Fatal(err)
		}
		return dst[0]
	}
	c := step(0, still{})
	return affine{step(1, still{}) - c, c, step(0, still{w: 1}) - c, step(0, still{h: 1}) - c}
}

// moments are the errors of a method at the end of a run, and the law of what it returns.
type moments struct {
	Strong         float64 // root mean square of numerical - exact solution, on the same path
	Mean, Variance float64 // errors of the law
	mean, variance float64 // the law
}

// errorsOf works out the errors of a method on the reverse equation of gaussian, over n uniform
// steps from the exact law at t = 1 to t = 1e-3.
func errorsOf(t *testing.T, m method, n int) moments {
	t.Helper()
	return errorsOn(t, m, gaussian.reverse(sde.VP{}), n)
}

// errorsOn is errorsOf for a method that is given another system, by mistake.
//
// For Gaussian data every step is affine, and so is the exact solution over it: x' = Φx + d + ξ
// with Φ = (α_t v_r)/(α_r v_t) from t down to r, d = α_r m - Φ α_t m, and ξ = ∫Φg dW of the variance
// V = v_r(1 - (α_t/α_r)²)/v_t, driven by the same path. With τ the fraction of the step W is ∫dW and H is ∫(1/2 - τ)dW, of the
// variances h and h/12, independent. So the moments of the numerical
// solution x, of the exact one y, and of e = x - y follow by recursion, without a random number.
func errorsOn(t *testing.T, m method, sys sde.System, n int) moments {
	t.Helper()
	vp, mean, s2 := sde.VP{}, gaussian[0].mean, gaussian[0].deviation*gaussian[0].deviation
	v := func(p sde.Point) float64 { return p.Alpha*p.Alpha*s2 + p.Sigma*p.Sigma }
	transfer := func(from, to sde.Point) float64 { return from.Alpha * v(to) / (to.Alpha * v(from)) }

	begin, end := vp.At(1), vp.At(1e-3)
	x := moments{mean: begin.Alpha * mean, variance: v(begin)}
	y := x
	var meanE, varE, cov float64 // cov is that of e and y
	for at := range ode.Spans(uniform(1, 1e-3, n)) {
		st := probe(t, m, sys, at)
		from, to, h := vp.At(at.From), vp.At(at.To), -at.H()
		phi := transfer(from, to)
		d := to.Alpha*mean - phi*from.Alpha*mean
		V := v(to) * (1 - math.Pow(from.Alpha/to.Alpha, 2)) / v(from)
		against := func(kernel func(tau float64) float64) float64 { // covariance of ξ and ∫kernel dW
			return quad.Fixed(func(u float64) float64 {
				p := vp.At(u)
				return transfer(p, to) * math.Sqrt(p.G2()) * kernel((u-at.From)/at.H())
			}, at.To, at.From, 14, quad.Legendre{}, 0)
		}
		covW := against(func(float64) float64 { return 1 })
		covH := against(func(tau float64) float64 { return 0.5 - tau })
		noise, shared := st.p*st.p*h+st.q*st.q*h/12, st.p*covW+st.q*covH

		D := st.R - phi
		meanE = st.R*meanE + D*y.mean + st.c - d
		varE = st.R*st.R*varE + 2*st.R*D*cov + D*D*y.variance + noise + V - 2*shared
		cov = st.R*phi*cov + D*phi*y.variance + shared - V
		x.mean, x.variance = st.R*x.mean+st.c, st.R*st.R*x.variance+noise
		y.mean, y.variance = phi*y.mean+d, phi*phi*y.variance+V
	}
	// The exact solution must have arrived at the law of the data, or the recursion is wrong.
	if e := math.Abs(y.mean-end.Alpha*mean) + math.Abs(y.variance-v(end)); !(e <= 1e-14) {
		t.Errorf("the exact solution ends with N(%v, %v), want N(%v, %v)", y.mean, y.variance, end.Alpha*mean, v(end))
	}
	x.Strong = math.Sqrt(varE + meanE*meanE)
	x.Mean, x.Variance = math.Abs(x.mean-end.Alpha*mean), math.Abs(x.variance-v(end))
	return x
}

// ordersOf returns the local orders of the errors from n to 2n steps.
func ordersOf(t *testing.T, m method, n int) moments {
	t.Helper()
	coarse, fine := errorsOf(t, m, n), errorsOf(t, m, 2*n)
	return moments{Strong: math.Log2(coarse.Strong / fine.Strong), Mean: math.Log2(coarse.Mean / fine.Mean),
		Variance: math.Log2(coarse.Variance / fine.Variance)}
}
