package sde_test

import (
	"math"
	"math/big"
	"testing"
)

// A num is a real number with some 80 good digits. It is what the precision of float64
// is measured against: the elementary functions below are sums of their series, and
// share nothing with package math.
type num struct{ f *big.Float }

// bits is the precision of a num. About 32 of them are lost in exp; a derivative,
// which is a central difference over 2⁻⁸⁰, keeps 160.
const bits = 320

func exact(v float64) num { return num{big.NewFloat(v).SetPrec(bits)} }

func decimal(digits string) num {
	f, _, err := big.ParseFloat(digits, 10, bits, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	return num{f}
}

func (x num) add(y num) num { return num{new(big.Float).Add(x.f, y.f)} }
func (x num) sub(y num) num { return num{new(big.Float).Sub(x.f, y.f)} }
func (x num) mul(y num) num { return num{new(big.Float).Mul(x.f, y.f)} }
func (x num) div(y num) num { return num{new(big.Float).Quo(x.f, y.f)} }
func (x num) neg() num      { return num{new(big.Float).Neg(x.f)} }
func (x num) sqrt() num     { return num{new(big.Float).Sqrt(x.f)} }

// scale returns x·2ᵏ.
func (x num) scale(k int) num { return num{new(big.Float).SetMantExp(x.f, k)} }

// beside reports whether x is too small to change y.
func (x num) beside(y num) bool {
	return x.f.Sign() == 0 || x.f.MantExp(nil) < y.f.MantExp(nil)-bits-1
}

func (x num) float64() float64 { v, _ := x.f.Float64(); return v }

// one is 1 and pi is π to 100 digits.
var (
	one = exact(1)
	pi  = decimal("3.141592653589793238462643383279502884197169399375105820974944592307816406286208998628034825342117068")
)

// exp returns eˣ: its series at x/2³², squared 32 times.
func (x num) exp() num {
	x = x.scale(-32)
	sum, term := one, one
	for k := 1.0; !term.beside(sum); k++ {
		term = term.mul(x).div(exact(k))
		sum = sum.add(term)
	}
	for range 32 {
		sum = sum.mul(sum)
	}
	return sum
}

// log returns the logarithm of x by Halley's iteration, which triples the number of
// good digits each time, from those of math.Log.
func (x num) log() num {
	y := exact(math.Log(x.float64()))
	for range 3 {
		e := y.exp()
		y = y.add(x.sub(e).div(x.add(e)).scale(1))
	}
	return y
}

// cos returns the cosine of x by its series. |x| should be small.
func (x num) cos() num {
	square := x.mul(x)
	sum, term := one, one
	for k := 2.0; !term.beside(sum); k += 2 {
		term = term.neg().mul(square).div(exact(k * (k - 1)))
		sum = sum.add(term)
	}
	return sum
}

// derivative returns f'(t).
func derivative(f func(num) num, t num) num {
	h := one.scale(-80)
	return f(t.add(h)).sub(f(t.sub(h))).div(h.scale(1))
}

// A reference that is wrong proves nothing: these values are in the tables.
func TestReference(t *testing.T) {
	third := one.div(exact(3))
	fifth := one.exp().mul(one.exp()).mul(one.exp()).mul(one.exp()).mul(one.exp())
	for _, test := range []struct {
		name      string
		got, want num
		good      int // bits
	}{
		{"e", one.exp(), decimal("2.718281828459045235360287471352662497757247093699959574966967627724076630353547594571382178525166427"), 284},
		{"1/e⁵", exact(-5).exp(), one.div(fifth), 284},
		{"log 2", exact(2).log(), decimal("0.6931471805599453094172321214581765680755001343602552541206800094933936219696947156058633269964186875"), 284},
		{"log of exp(-30)", exact(-30).exp().log(), exact(-30), 284},
		{"cos(π/3)", pi.mul(third).cos(), one.scale(-1), 310},
		{"cos(π/6)", pi.mul(third).scale(-1).cos(), exact(3).sqrt().scale(-1), 310},
		{"(t³)' at 1/3", derivative(func(t num) num { return t.mul(t).mul(t) }, third), third, 157},
	} {
		if e := test.got.div(test.want).sub(one); !e.scale(test.good).beside(one.scale(bits)) {
			t.Errorf("%s = %.80g, want %.80g", test.name, test.got.f, test.want.f)
		}
	}
}
