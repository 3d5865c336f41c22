package ode_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
)

// split returns what is left of f without a linear part.
func split(f ode.Func, linear float64) ode.Func {
	return func(dst, x []float64, t float64) error {
		if err := f(dst, x, t); err != nil {
			return err
		}
		for i, v := range x {
			dst[i] -= linear * v
		}
		return nil
	}
}

// The coefficients at z are those of the papers, written out there in exponentials, which lose digits but not these.
func TestExpCoefficients(t *testing.T) {
	for _, z := range []float64{-3, -0.7, 0.4, 2} {
		e, half := math.Exp(z), math.Exp(z/2)
		z3 := z * z * z
		for _, test := range []struct {
			tab  ode.ExpTableau
			want [][]float64
		}{
			{ode.ETD1, [][]float64{nil, {(e - 1) / z}}},
			{ode.ETD2, [][]float64{nil, {(e - 1) / z}, {(e-1)/z - (e-1-z)/(z*z), (e - 1 - z) / (z * z)}}},
			{ode.ETD3, [][]float64{nil, {(half - 1) / z}, {-(e - 1) / z, 2 * (e - 1) / z},
				{(-4 - z + e*(4-3*z+z*z)) / z3, 4 * (2 + z + e*(-2+z)) / z3, (-4 - 3*z - z*z + e*(4-z)) / z3}}},
			{ode.ETD4, [][]float64{nil, {(half - 1) / z}, {0, (half - 1) / z}, {(half - 1) * (half - 1) / z, 0, 2 * (half - 1) / z},
				{(-4 - z + e*(4-3*z+z*z)) / z3, 2 * (2 + z + e*(-2+z)) / z3, 2 * (2 + z + e*(-2+z)) / z3, (-4 - 3*z - z*z + e*(4-z)) / z3}}},
			{ode.ETDHeun3(1. / 3), [][]float64{nil, {math.Expm1(z/3) / z}, {math.Expm1(2*z/3)/z - 3*(math.Expm1(2*z/3)-2*z/3)/(z*z), 3 * (math.Expm1(2*z/3) - 2*z/3) / (z * z)},
				{(e-1)/z - 1.5*(e-1-z)/(z*z), 0, 1.5 * (e - 1 - z) / (z * z)}}},
			{ode.Lawson2, [][]float64{nil, {half / 2}, {0, half}}},
		} {
			got := ode.NewExpCoefficients(test.tab.A).At(z)
			if diff := cmp.Diff(test.want, got, cmpopts.EquateApprox(1e-12, 1e-12), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s at %v (-want +got):\n%s", test.tab.Name, z, diff)
			}
		}
	}
}

// Without a linear part the methods are classical.
func TestExpTableauWithoutLinearPart(t *testing.T) {
	for _, test := range []struct {
		tab  ode.ExpTableau
		want ode.Tableau
	}{
		{ode.ETD1, ode.Euler}, {ode.ETD2, ode.Heun}, {ode.ETDMidpoint(1. / 2), ode.Midpoint}, {ode.ETDMidpoint(2. / 3), ode.Ralston},
		{ode.ETD3, ode.Kutta3}, {ode.ETD4, ode.RK4}, {ode.Lawson2, ode.Midpoint}, {ode.Lawson4, ode.RK4},
	} {
		var want [][]float64
		want = append(append(want, test.want.A...), test.want.B)
		got := ode.NewExpCoefficients(test.tab.A).At(0)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-15, 1e-16), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-%s +got):\n%s", test.tab.Name, test.want.Name, diff)
		}
		if diff := cmp.Diff(test.want.C, test.tab.C); diff != "" {
			t.Errorf("the nodes of %s (-%s +got):\n%s", test.tab.Name, test.want.Name, diff)
		}
	}
	// Heun's method of order 3 is not among the tableaus; the gate knows it.
	coefficients := ode.NewExpCoefficients(ode.ETDHeun3(1. / 3).A).At(0)
	heun3 := ode.Tableau{Name: "heun3", Order: 3, C: []float64{0, 1. / 3, 2. / 3}, A: coefficients[:3], B: coefficients[3]}
	for i := range heun3.B { // 3/4 - 2 of another rounding
		heun3.B[i] = math.Round(heun3.B[i]*1e12) / 1e12
	}
	for i, row := range heun3.A {
		for j, v := range row {
			heun3.A[i][j] = math.Round(3*v) / 3
		}
	}
	for _, d := range defects(heun3) {
		t.Errorf("etdheun3 without a linear part: %s", d)
	}
}

// steppers binds every method for x' = linear·x + f, exponential Adams methods among them.
func exponentialSteppers(t *testing.T, linear float64, f ode.Func, n int) map[string]struct {
	ode.Stepper
	order int
	exact bool // integrates a constant f exactly
} {
	all := map[string]struct {
		ode.Stepper
		order int
		exact bool
	}{}
	for _, tab := range ode.ExpTableaus() {
		s := all[tab.Name]
		s.Stepper, s.order, s.exact = tab.Stepper(linear, f, n), tab.Order, tab.Name[0] == 'e'
		all[tab.Name] = s
	}
	for name, a := range adamsMethods() {
		a.Linear = linear
		s := all[name]
		s.Stepper, s.order, s.exact = adams(t, a, f, n), a.Order, a.Order < 3 // those begin with Lawson steps
		all[name] = s
	}
	return all
}

func TestExponentialObservedOrder(t *testing.T) {
	for _, p := range problems {
		for _, p := range []problem{p, p.backward()} {
			for _, steps := range []pattern{even, jolty} {
				for _, linear := range []float64{-2, 1.5} {
					ladders, orders := map[string]*ladder{}, map[string]int{}
					for k := range 6 {
						n := 32 << k
						for name, s := range exponentialSteppers(t, linear, split(p.f, linear), len(p.exact(p.t0))) {
							if ladders[name] == nil {
								ladders[name] = &ladder{}
							}
							l := ladders[name]
							l.steps, l.errors = append(l.steps, float64(n)), append(l.errors, p.greatestError(t, s, steps.grid(p.t0, p.t1, n)))
							orders[name] = s.order
						}
					}
					for name, l := range ladders {
						if got := l.order(); !(got >= float64(orders[name])-0.3) {
							t.Errorf("%s, steps %v, linear part %v, %s: observed order %.2f, want %d; errors %.3g",
								p.name, steps, linear, name, got, orders[name], l.errors)
						}
					}
				}
			}
		}
	}
}

// However stiff the linear part is, it is exact, and so is a constant beside it: that is what the methods are for.
func TestExponentialConstant(t *testing.T) {
	constant := func(dst, _ []float64, _ float64) error {
		dst[0] = 3
		return nil
	}
	for _, linear := range []float64{-1000, -1, -1e-9, 0, 2} {
		exact := func(s float64) float64 { // from 1
			if linear == 0 {
				return 1 + 3*s
			}
			return math.Exp(linear*s) + 3*math.Expm1(linear*s)/linear
		}
		for name, s := range exponentialSteppers(t, linear, constant, 1) {
			if !s.exact {
				continue
			}
			x := []float64{1}
			for at := range ode.Spans(jolty.grid(0, 1, 5)) {
				x = step(t, s, x, at)
				if want := exact(at.To); !(math.Abs(x[0]-want) <= 1e-14*math.Abs(want)) {
					t.Errorf("%s, linear part %v: x(%v) = %v, want %v", name, linear, at.To, x[0], want)
				}
			}
		}
	}
}

// The exponential Adams weights integrate polynomials up to the order: with f = t^p the particular solution is known, and after the
// start the step follows it on any grid.
func TestExponentialAdamsPolynomials(t *testing.T) {
	const linear = -1.3
	for name, a := range adamsMethods() {
		a.Linear = linear
		for p := range a.Order + 1 {
			// x = Σ c_i t^i with x' = L x + t^p: c_p = -1/L, c_i = (i+1)c_(i+1)/L.
			exact := func(t float64) float64 {
				c, sum := -1/linear, 0.0
				for i := p; i >= 0; i-- {
					sum += c * math.Pow(t, float64(i))
					c *= float64(i) / linear
				}
				return sum
			}
			st := adams(t, a, func(dst, _ []float64, t float64) error {
				dst[0] = math.Pow(t, float64(p))
				return nil
			}, 1)
			worst := 0.0
			for at := range ode.Spans(jolty.grid(0.2, 2, 10)) {
				x := step(t, st, []float64{exact(at.From)}, at)
				if at.Index >= a.Order-1 {
					worst = math.Max(worst, math.Abs(x[0]-exact(at.To)))
				}
			}
			if solved := worst <= 1e-14; solved != (p < a.Order) {
				t.Errorf("%s, linear part %v: t^%d is off by %.3g", name, linear, p, worst)
			}
		}
	}
}

func TestExponentialStepsInPlaceAndWithoutAllocation(t *testing.T) {
	for name, s := range exponentialSteppers(t, -1, coupled, len(start)) {
		at := ode.Span{From: 0.1, To: 0.3}
		want := step(t, s, start, at)
		got := append([]float64(nil), start...)
		if err := s.Step(got, got, at); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s in place (-out of place +in place):\n%s", name, diff)
		}
		at.Retry = true
		again := step(t, s, start, at)
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("%s retried (-want +got):\n%s", name, diff)
		}
		d := make([]float64, len(start))
		if err := s.Stepper.(ode.Deriver).Derivative(d, start, 0.1); err != nil {
			t.Fatal(err)
		}
		wantD := make([]float64, len(start))
		coupled(wantD, start, 0.1)
		for i := range wantD {
			wantD[i] -= start[i]
		}
		if diff := cmp.Diff(wantD, d, cmpopts.EquateApprox(0, 1e-15)); diff != "" {
			t.Errorf("Derivative of %s (-want +got):\n%s", name, diff)
		}
	}
	for _, tab := range ode.ExpTableaus() {
		calls := 0
		st := tab.Stepper(-1, func(dst, x []float64, t float64) error {
			calls++
			return coupled(dst, x, t)
		}, len(start))
		x := append([]float64(nil), start...)
		if n := testing.AllocsPerRun(20, func() {
			if err := st.Step(x, x, ode.Span{From: 0, To: 0.1}); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("a step of %s allocates %v times", tab.Name, n)
		}
		if want := 21 * tab.Evaluations(); calls != want { // one run to warm up
			t.Errorf("%s: 21 steps take %d evaluations, want %d", tab.Name, calls, want)
		}
		calls = 0
		if err := st.Step(x, x, ode.Span{From: 0.1, To: 0.2, Index: 1, Retry: true}); err != nil || calls != tab.Evaluations()-1 {
			t.Errorf("%s: a retry takes %d evaluations, %v, want one less than %d", tab.Name, calls, err, tab.Evaluations())
		}
		boom := fmt.Errorf("boom")
		for fail := range tab.Evaluations() {
			calls := 0
			st := tab.Stepper(-1, func(dst, x []float64, t float64) error {
				if calls++; calls > fail {
					return boom
				}
				return coupled(dst, x, t)
			}, len(start))
			if err := st.Step(x, x, ode.Span{From: 0, To: 0.1}); err != boom {
				t.Errorf("%s: f fails at evaluation %d and Step returns %v", tab.Name, fail, err)
			}
		}
	}
}
