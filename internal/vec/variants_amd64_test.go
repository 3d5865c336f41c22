//go:build !noasm

package vec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// atEachLevel runs f with each instruction set of this machine in turn.
func atEachLevel(t *testing.T, f func(t *testing.T)) {
	defer func() { active = best }()
	for active = plain; active <= best; active++ {
		t.Run(active.String(), f)
	}
	for l := best + 1; l <= avx512; l++ {
		t.Logf("SKIPPED: this machine has no %v", l)
	}
}

// special are the values on which implementations may part.
var special = []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1),
	math.MaxFloat64, math.SmallestNonzeroFloat64, 0x1p-1022, 1e-160, 1e160, math.Nextafter(1, 2)}

// state returns n values, most of them ordinary. Values beyond the end are there to be left alone.
func state(rng *rand.Rand, n int, odd bool) []float64 {
	x := make([]float64, n, n+20)
	for i := range x[:cap(x)] {
		x[:cap(x)][i] = rng.NormFloat64()
		if odd && rng.IntN(8) == 0 {
			x[:cap(x)][i] = special[rng.IntN(len(special))]
		}
	}
	return x
}

// sameBits reports whether two numbers are the same, zeros with their signs; any two NaN are.
func sameBits(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// lengths are those around the borders of vectors and blocks.
func lengths() []int {
	var out []int
	for n := 1; n <= 70; n++ {
		out = append(out, n)
	}
	return append(out, 127, 128, 129, 511, 512, 513, 1025)
}

// Every instruction set gives the bits of the Go twin, and touches nothing past the end.
func TestKernelsEqualTwins(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, n := range lengths() {
			for _, odd := range []bool{false, true} {
				for k := 1; k <= maxTerms; k++ {
					terms := make([]Term, k)
					for i := range terms {
						terms[i] = Term{state(rng, 1, odd)[0], state(rng, n, odd)}
					}
					want, got := make([]float64, n), state(rng, n, false)
					guard := append([]float64(nil), got[n:cap(got)]...)
					linTwin(want, terms)
					lin(got, terms)
					compare(t, fmt.Sprintf("lin of %d terms, %d elements", k, n), want, got)
					compare(t, "past the end", guard, got[n:cap(got)])
				}
				e, x, y := state(rng, n, odd), state(rng, n, odd), state(rng, n, odd)
				if want, got := finiteTwin(x), finite(x); want != got {
					t.Errorf("finite(%v) = %v, want %v", x, got, want)
				}
				compare(t, fmt.Sprintf("squares of %d", n), []float64{squaresTwin(x)}, []float64{squares(x)})
				for _, abs := range []float64{1e-3, 0} {
					compare(t, fmt.Sprintf("errors of %d", n), []float64{errorSquaresTwin(e, x, y, abs, 0.1)}, []float64{errorSquares(e, x, y, abs, 0.1)})
				}
			}
		}
	})
}

func compare(t *testing.T, what string, want, got []float64) {
	t.Helper()
	for i := range want {
		if !sameBits(want[i], got[i]) {
			t.Fatalf("%s: element %d = %x, want %x", what, i, got[i], want[i])
		}
	}
}

// One value that is not finite is found wherever it stands.
func TestFiniteFindsEach(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		for _, n := range lengths() {
			x := make([]float64, n)
			for i := range x {
				for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					x[i] = bad
					if got := FirstNonFinite(x); got != i {
						t.Fatalf("FirstNonFinite of %v at %d of %d = %d", bad, i, n, got)
					}
				}
				x[i] = math.MaxFloat64
			}
		}
	})
}

// FuzzKernels feeds the bits of any numbers to every kernel.
func FuzzKernels(f *testing.F) {
	f.Add(uint8(3), make([]byte, 100))
	f.Fuzz(func(t *testing.T, count uint8, data []byte) {
		k := 1 + int(count)%maxTerms
		var values []float64
		for len(data) >= 8 {
			values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(data)))
			data = data[8:]
		}
		n := len(values) / (k + 3)
		if n < 2 {
			return
		}
		terms := make([]Term, k)
		for i := range terms {
			terms[i] = Term{values[i], values[(i+1)*n : (i+2)*n]}
		}
		e, x, y := values[:n], values[n:2*n], values[k*n:(k+1)*n]
		want := make([]float64, n)
		linTwin(want, terms)
		defer func() { active = best }()
		for active = plain; active <= best; active++ {
			got := make([]float64, n)
			lin(got, terms)
			compare(t, active.String()+" lin", want, got)
			compare(t, active.String()+" squares", []float64{squaresTwin(x)}, []float64{squares(x)})
			compare(t, active.String()+" errors", []float64{errorSquaresTwin(e, x, y, 1e-9, 1e-3)}, []float64{errorSquares(e, x, y, 1e-9, 1e-3)})
			if want, got := finiteTwin(x), finite(x); want != got {
				t.Fatalf("%v: finite(%v) = %v", active, x, got)
			}
			small := make([]float64, n)
			for i, v := range x {
				small[i] = math.Min(v, expCeiling)
			}
			wantExp, gotExp := make([]float64, n), make([]float64, n)
			expTwin(wantExp, small, ExpFloor)
			exp(gotExp, small, ExpFloor)
			compare(t, active.String()+" exp", wantExp, gotExp)
			fuzzPanel(t, values)
		}
	})
}

// fuzzPanel feeds values to the kernels of panels, as often as it takes to fill one.
func fuzzPanel(t *testing.T, values []float64) {
	const n = 3
	next := 0
	draw := func(out []float64) []float64 {
		for i := range out {
			out[i] = values[next%len(values)]
			next++
		}
		return out
	}
	var half, top, wantTop, sum, wantSum, gained, wantGained [PanelRows]float64
	draw(half[:])
	bias, gain, p := draw(make([]float64, n)), draw(make([]float64, n)), draw(make([]float64, n*PanelRows))
	want, got := append([]float64(nil), p...), append([]float64(nil), p...)
	logitsTwin(want, bias, gain, 0.3, &half, &wantTop)
	logits(got, bias, gain, 0.3, &half, &top)
	compare(t, active.String()+" logits", want, got)
	compare(t, active.String()+" top", wantTop[:], top[:])
	weightsTwin(want, gain, &wantTop, -45, &wantSum, &wantGained)
	weights(got, gain, &top, -45, &sum, &gained)
	compare(t, active.String()+" weights", want, got)
	compare(t, active.String()+" sum", wantSum[:], sum[:])
	compare(t, active.String()+" gained", wantGained[:], gained[:])
	a, c := draw(make([]float64, n*TileRows)), draw(make([]float64, TileRows*PanelRows))
	wantC, gotC := append([]float64(nil), c...), append([]float64(nil), c...)
	productTwin(wantC, a, p, nil)
	product(gotC, a, p, nil)
	compare(t, active.String()+" product", wantC, gotC)
}

func BenchmarkLevels(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	defer func() { active = best }()
	for _, n := range []int{16, 3072, 16384, 196608, 1048576} {
		dst, x := make([]float64, n), state(rng, n, false)
		terms := []Term{{1.1, state(rng, n, false)}, {0.2, state(rng, n, false)}, {0.3, state(rng, n, false)}, {0.4, state(rng, n, false)}}
		for active = plain; active <= best; active++ {
			for _, k := range []int{2, 4} {
				b.Run(fmt.Sprintf("lin/terms=%d/n=%d/level=%v", k, n, active), func(b *testing.B) {
					for b.Loop() {
						lin(dst, terms[:k])
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
				})
			}
			b.Run(fmt.Sprintf("finite/n=%d/level=%v", n, active), func(b *testing.B) {
				for b.Loop() {
					finite(x)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
			})
			b.Run(fmt.Sprintf("errors/n=%d/level=%v", n, active), func(b *testing.B) {
				for b.Loop() {
					errorSquares(dst, x, x, 1e-3, 1e-3)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
			})
		}
	}
}
