package sde

import (
	"math"
	"math/big"
	"testing"
)

// The laws by which the tree divides a node, in exact arithmetic: from the projections of white noise whose kernels are W = 1 and
// H = 1/2 - τ over an interval, conditioned on those of the whole.
func TestCutLaw(t *testing.T) {
	for _, x := range []*big.Rat{rat(1, 2), rat(1, 3), rat(7, 8), rat(1, 1000), rat(999, 1000), rat(1, 1<<40)} {
		y := new(big.Rat).Sub(rat(1, 1), x)
		for _, part := range []struct {
			name     string
			from, to *big.Rat
			got      partLaw
		}{
			{"before", rat(0, 1), x, cutLaw(float(x), float(y))},
			{"after", x, rat(1, 1), cutLaw(float(y), float(x)).mirrored()},
		} {
			w, h := kernel{rat(1, 1), rat(0, 1)}, areaKernel(part.from, part.to)
			whole := areaKernel(rat(0, 1), rat(1, 1))
			// Means: covariances with the whole's W and H by their variances 1 and 1/12.
			ww, wh := w.times(w, part.from, part.to), new(big.Rat).Mul(rat(12, 1), w.times(whole, part.from, part.to))
			hw, hh := h.times(w, part.from, part.to), new(big.Rat).Mul(rat(12, 1), h.times(whole, part.from, part.to))
			// Residual covariances.
			residual := func(a, b kernel, aw, ah, bw, bh *big.Rat) *big.Rat {
				r := a.times(b, part.from, part.to)
				r.Sub(r, new(big.Rat).Mul(aw, bw))
				return r.Sub(r, new(big.Rat).Mul(rat(1, 12), new(big.Rat).Mul(ah, bh)))
			}
			l := part.got
			for _, test := range []struct {
				name string
				got  float64
				want *big.Rat
			}{
				{"mean of W from W", l.ww, ww},
				{"mean of W from H", l.wh, wh},
				{"mean of H from W", 0, hw},
				{"mean of H from H", l.hh, hh},
				{"variance of W", l.w1 * l.w1, residual(w, w, ww, wh, ww, wh)},
				{"covariance", l.w1 * l.h1, residual(w, h, ww, wh, hw, hh)},
				{"variance of H", l.h1*l.h1 + l.h2*l.h2, residual(h, h, hw, hh, hw, hh)},
			} {
				if want := float(test.want); !(math.Abs(test.got-want) <= 4e-15*math.Abs(want)) {
					t.Errorf("part %s %v: %s = %v, want %v", part.name, x, test.name, test.got, want)
				}
			}
		}
		// The two parts are drawn from the same X₁ and X₂, and add up to the whole by Chen's relation.
		a, b := cutLaw(float(x), float(y)), cutLaw(float(y), float(x)).mirrored()
		fx, fy := float(x), float(y)
		for name, sum := range map[string]float64{
			"W of W":  a.ww + b.ww - 1,
			"W of H":  a.wh + b.wh,
			"W of X1": a.w1 + b.w1,
			"H of W":  (fy*a.ww - fx*b.ww) / 2,
			"H of H":  fx*a.hh + fy*b.hh + (fy*a.wh-fx*b.wh)/2 - 1,
			"H of X1": fx*a.h1 + fy*b.h1 + (fy*a.w1-fx*b.w1)/2,
			"H of X2": fx*a.h2 + fy*b.h2,
		} {
			if !(math.Abs(sum) <= 4e-16) {
				t.Errorf("cut at %v: %s is off by %v", x, name, sum)
			}
		}
	}
}

// Halves are the cut at 1/2, whose law drawHalf writes with other normals.
func TestHalvesAreACut(t *testing.T) {
	p := Tree{From: 0, To: 4}.Path(0, 1, 1).(*treePath)
	for _, number := range []uint64{2, 3} {
		l := cutLaw(0.5, 0.5)
		if number == 3 {
			l = l.mirrored()
		}
		half, whole := newNode(1), node{[]float64{1}, []float64{0}}
		draw := func(w, h, length float64) (float64, float64) {
			whole.w[0], whole.h[0] = w, h
			p.drawHalf(half, whole, number, length)
			return half.w[0], half.h[0]
		}
		if w, h := draw(1, 0, 0); w != l.ww || h != 0 {
			t.Errorf("node %d given W = 1, H = 0: %v, %v", number, w, h)
		}
		if w, h := draw(0, 1, 0); w != l.wh || h != l.hh {
			t.Errorf("node %d given W = 0, H = 1: %v, %v, want %v, %v", number, w, h, l.wh, l.hh)
		}
	}
}

func rat(a, b int64) *big.Rat { return big.NewRat(a, b) }

func float(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

// kernel is the function a + bτ of time.
type kernel struct{ a, b *big.Rat }

// areaKernel is that of H over [from, to]: 1/2 - (τ-from)/(to-from).
func areaKernel(from, to *big.Rat) kernel {
	slope := new(big.Rat).Inv(new(big.Rat).Sub(from, to))
	a := new(big.Rat).Sub(rat(1, 2), new(big.Rat).Mul(slope, from))
	return kernel{a, slope}
}

// times is the integral of k·l over [from, to].
func (k kernel) times(l kernel, from, to *big.Rat) *big.Rat {
	at := func(t *big.Rat) *big.Rat { // the primitive
		mul := func(xs ...*big.Rat) *big.Rat {
			p := rat(1, 1)
			for _, x := range xs {
				p.Mul(p, x)
			}
			return p
		}
		cross := new(big.Rat).Add(mul(k.a, l.b), mul(k.b, l.a))
		sum := mul(k.a, l.a, t)
		sum.Add(sum, mul(cross, t, t, rat(1, 2)))
		return sum.Add(sum, mul(k.b, l.b, t, t, t, rat(1, 3)))
	}
	return new(big.Rat).Sub(at(to), at(from))
}
