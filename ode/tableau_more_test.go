package ode_test

import (
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
)

// decimal names the tableaus whose coefficients are published as decimals or hold square roots. Their
// conditions are checked in 200 bits of precision on the coefficients as they are, rounded to float64.
var decimal = map[string]bool{"ralston4": true, "tsit5": true, "dop853": true}

// decimalConditions is rationalConditions for coefficients that are no fractions. A sum agrees if
// it is within 1e-14 of what it should be per unit of the terms' absolute values.
func decimalConditions(tab ode.Tableau, report func(string, ...any)) func(name string, w []float64) func(n int) []tree {
	a := make([][]wide, len(tab.A))
	for i := range a {
		a[i] = widen(tab.A[i])
		sum := newWide(0)
		for _, v := range a[i] {
			sum.add(v)
		}
		if !sum.agrees(newWide(tab.C[i]).value) {
			report("C[%d] = %v, but A[%d] sums to %v", i, tab.C[i], i, sum.value)
		}
	}
	known := map[string][]wide{} // the stage weights of trees
	var weights func(t tree) []wide
	weights = func(t tree) []wide {
		key := t.String()
		if known[key] == nil {
			phi := make([]wide, len(a))
			for i := range phi {
				phi[i] = newWide(1)
			}
			for _, sub := range t {
				below := weights(sub)
				for i := range phi {
					phi[i].multiply(inner(a[i], below))
				}
			}
			known[key] = phi
		}
		return known[key]
	}
	return func(_ string, w []float64) func(int) []tree {
		b := widen(w)
		return func(n int) (bad []tree) {
			for _, t := range trees(n) {
				want := new(big.Float).SetPrec(200).Quo(big.NewFloat(1), new(big.Float).SetPrec(200).SetInt64(t.density()))
				if !inner(b, weights(t)).agrees(want) {
					bad = append(bad, t)
				}
			}
			return bad
		}
	}
}

// wide is a sum in 200 bits of precision, and the sum of its terms' absolute values.
type wide struct{ value, size *big.Float }

func newWide(v float64) wide {
	x := new(big.Float).SetPrec(200).SetFloat64(v)
	return wide{x, new(big.Float).Abs(x)}
}

func widen(v []float64) []wide {
	out := make([]wide, len(v))
	for i, x := range v {
		out[i] = newWide(x)
	}
	return out
}

func (w wide) add(v wide) {
	w.value.Add(w.value, v.value)
	w.size.Add(w.size, v.size)
}

func (w wide) multiply(v wide) {
	w.value.Mul(w.value, v.value)
	w.size.Mul(w.size, v.size)
}

func (w wide) agrees(want *big.Float) bool {
	off := new(big.Float).Sub(w.value, want)
	bound := new(big.Float).Mul(w.size, big.NewFloat(1e-14))
	return off.Abs(off).Cmp(bound) <= 0
}

func inner(a, b []wide) wide {
	sum := newWide(0)
	for i := range a {
		if a[i].size.Sign() == 0 {
			continue
		}
		p := newWide(1)
		p.multiply(a[i])
		p.multiply(b[i])
		sum.add(p)
	}
	return sum
}

// The two gates agree where both apply.
func TestDecimalGate(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		if decimal[tab.Name] {
			continue
		}
		violates := decimalConditions(tab, func(format string, args ...any) { t.Errorf(tab.Name+": "+format, args...) })
		for name, row := range map[string]struct {
			w     []float64
			order int
		}{"B": {tab.B, tab.Order}, "Embedded": {tab.Embedded, tab.EmbeddedOrder}} {
			if row.w == nil {
				continue
			}
			bad := violates(name, row.w)
			for n := 1; n <= row.order+1; n++ {
				want := len(rationalConditions(tab, t.Errorf)(name, row.w)(n))
				if got := len(bad(n)); got != want {
					t.Errorf("%s, %s: %d conditions of order %d are violated in floating point, %d in rational arithmetic", tab.Name, name, got, n, want)
				}
			}
		}
	}
}

// Of order 8 there are 200 conditions and of order 5 there are 17. DOP853 meets them, and its rows are of no higher order.
func TestDOP853Conditions(t *testing.T) {
	violates := decimalConditions(ode.DOP853, func(format string, args ...any) { t.Errorf(format, args...) })
	for _, test := range []struct {
		name       string
		w          []float64
		order      int
		conditions int
	}{{"B", ode.DOP853.B, 8, 200}, {"Embedded", ode.DOP853.Embedded, 5, 17}} {
		bad := violates(test.name, test.w)
		met := 0
		for n := 1; n <= test.order; n++ {
			met += len(trees(n)) - len(bad(n))
		}
		if met != test.conditions {
			t.Errorf("%s meets %d conditions up to order %d, want %d", test.name, met, test.order, test.conditions)
		}
		if len(bad(test.order+1)) == 0 {
			t.Errorf("%s meets all conditions of order %d", test.name, test.order+1)
		}
	}
}

// Mistakes with these constants that others have shipped.
func TestDecimalGateRejects(t *testing.T) {
	tsit := clone(ode.Tsit5)
	tsit.B, tsit.Embedded = tsit.Embedded, tsit.B
	if len(defects(tsit)) == 0 {
		t.Error("tsit5 with the lower row propagated passes")
	}
	sign := clone(ode.Tsit5)
	sign.Embedded[6] = -sign.Embedded[6]
	if len(defects(sign)) == 0 {
		t.Error("tsit5 with the sign of the last embedded weight lost passes")
	}
	low := clone(ode.DOP853)
	low.Order = 7
	if len(defects(low)) == 0 {
		t.Error("dop853 passes as a method of order 7")
	}
}

// Alpha passes through the named methods of two stages, and is of second order for every alpha.
func TestAlpha(t *testing.T) {
	for alpha, want := range map[float64]ode.Tableau{0.5: ode.Midpoint, 2. / 3: ode.Ralston, 1: ode.Heun} {
		got := ode.Alpha(alpha)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-15, 1e-15), cmpopts.IgnoreFields(ode.Tableau{}, "Name")); diff != "" {
			t.Errorf("Alpha(%v) (-%s +got):\n%s", alpha, want.Name, diff)
		}
	}
	for _, alpha := range []float64{1. / 16, 1. / 4, 3. / 8, 1. / 2, 3. / 4, 1, 4} {
		if list := defects(ode.Alpha(alpha)); len(list) > 0 {
			t.Errorf("Alpha(%v): %q", alpha, list)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Alpha(0) does not panic")
		}
	}()
	ode.Alpha(0)
}

// Order 8 spans the digits of a float64 in few steps, so its ladder is narrow. The rational
// problem is left out: on it the slopes are still rising, from 7.2 to 7.8, where rounding ends the ladder.
func TestObservedOrder8(t *testing.T) {
	for _, p := range problems[:2] {
		for _, p := range []problem{p, p.backward()} {
			l := ladder{steps: []float64{8, 10, 12, 14, 16}}
			for _, n := range l.steps {
				l.errors = append(l.errors, p.solve(t, ode.DOP853, int(n)))
			}
			if got := l.order(); !(got >= 7.7) {
				t.Errorf("%s: observed order %.2f, want 8; errors %.3g", p.name, got, l.errors)
			}
		}
	}
}
