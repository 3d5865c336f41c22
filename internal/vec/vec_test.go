package vec_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// terms returns k random terms of length n.
func terms(k, n int) []vec.Term {
	rng := rand.New(rand.NewPCG(uint64(k), uint64(n)))
	ts := make([]vec.Term, k)
	for i := range ts {
		ts[i] = vec.Term{C: rng.NormFloat64(), X: make([]float64, n)}
		for j := range ts[i].X {
			ts[i].X[j] = rng.NormFloat64()
		}
	}
	return ts
}

// exactSum adds the terms of element i with 200 bits.
func exactSum(ts []vec.Term, i int) float64 {
	sum := new(big.Float).SetPrec(200)
	for _, t := range ts {
		p := new(big.Float).SetPrec(200).Mul(big.NewFloat(t.C), big.NewFloat(t.X[i]))
		sum.Add(sum, p)
	}
	v, _ := sum.Float64()
	return v
}

func TestLin(t *testing.T) {
	const n = 37
	for k := range 14 {
		t.Run(fmt.Sprintf("terms=%d", k), func(t *testing.T) {
			ts := terms(k, n)
			want, got := make([]float64, n), make([]float64, n)
			for i := range want {
				want[i] = exactSum(ts, i)
				got[i] = math.NaN() // must be overwritten, not added to
			}
			vec.Lin(got, ts...)
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-14)); diff != "" {
				t.Errorf("Lin of %d terms (-want +got):\n%s", k, diff)
			}
			for alias := range k {
				ts := terms(k, n)
				dst := ts[alias].X
				vec.Lin(dst, ts...)
				if diff := cmp.Diff(got, dst); diff != "" {
					t.Errorf("with dst = term %d (-want +got):\n%s", alias, diff)
				}
			}
			for lo := range n {
				part := terms(k, n)
				for j := range part {
					part[j].X = part[j].X[lo:]
				}
				dst := make([]float64, n-lo)
				vec.Lin(dst, part...)
				if diff := cmp.Diff(got[lo:], dst); diff != "" {
					t.Fatalf("from element %d the bits change (-want +got):\n%s", lo, diff)
				}
			}
		})
	}
}

func TestLinPanicsOnLength(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Lin with a short term did not panic")
		}
	}()
	vec.Lin(make([]float64, 3), vec.Term{C: 1, X: make([]float64, 2)})
}

func TestLinDoesNotAllocate(t *testing.T) {
	ts := terms(8, 64)
	dst := make([]float64, 64)
	if n := testing.AllocsPerRun(100, func() { vec.Lin(dst, ts[0], ts[1], ts[2]) }); n != 0 {
		t.Errorf("Lin allocates %v times", n)
	}
}

func TestFirstNonFinite(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		x    []float64
		want int
	}{
		{nil, -1},
		{[]float64{0, math.MaxFloat64, -math.SmallestNonzeroFloat64}, -1},
		{[]float64{nan}, 0},
		{[]float64{1, inf, nan}, 1},
		{[]float64{1, 2, -inf}, 2},
	} {
		if got := vec.FirstNonFinite(c.x); got != c.want {
			t.Errorf("FirstNonFinite(%v) = %d, want %d", c.x, got, c.want)
		}
	}
}

func TestMaxRowRMS(t *testing.T) {
	e := []float64{1, 1, 3, 4}
	x := []float64{0, 0, 0, 0}
	y := []float64{2, -2, 0, 0}
	// First row 1/(1+2) twice; second row sqrt((9+16)/2).
	if got, want := vec.MaxRowRMS(e, x, y, 2, 1, 1), math.Sqrt(12.5); math.Abs(got-want) > 1e-15 {
		t.Errorf("MaxRowRMS = %v, want %v", got, want)
	}
	if got, want := vec.MaxRowRMS(e[:2], x[:2], y[:2], 2, 1, 1), 1.0/3; math.Abs(got-want) > 1e-15 {
		t.Errorf("MaxRowRMS = %v, want %v", got, want)
	}
	for i := range e {
		bad := []float64{1, 1, 3, 4}
		bad[i] = math.NaN()
		if got := vec.MaxRowRMS(bad, x, y, 2, 1, 1); !math.IsNaN(got) {
			t.Errorf("with NaN at %d MaxRowRMS = %v, want NaN", i, got)
		}
		if got := vec.MaxRowRMS(e, bad, y, 2, 1, 1); !math.IsNaN(got) {
			t.Errorf("with NaN in the state at %d MaxRowRMS = %v, want NaN", i, got)
		}
	}
}

func TestRowNorms(t *testing.T) {
	got := make([]float64, 2)
	vec.RowNorms(got, []float64{3, 4, 0, 5, 12, 0})
	if diff := cmp.Diff([]float64{5, 13}, got); diff != "" {
		t.Errorf("RowNorms (-want +got):\n%s", diff)
	}
}

func TestExp(t *testing.T) {
	x := []float64{0, 1, -1, 1e-300, -1e-17, 0.34657359027997264, -0.3466, 708.9, -299.99, 1e-8}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		x = append(x, -299*rng.Float64(), 3*rng.NormFloat64(), 708*rng.Float64())
	}
	got := make([]float64, len(x))
	vec.Exp(got, x)
	worst := 0.0
	for i, v := range x {
		want := math.Exp(v)
		ulp := math.Nextafter(want, math.Inf(1)) - want
		worst = max(worst, math.Abs(got[i]-want)/ulp)
	}
	t.Logf("largest difference from math.Exp: %.2f ulp", worst)
	if worst > 2 {
		t.Errorf("Exp differs from math.Exp by %.2f units in the last place, want at most 2", worst)
	}
	for _, c := range []struct{ x, want float64 }{
		{0, 1}, {-300.1, 0}, {math.Inf(-1), 0}, {math.Inf(1), math.Inf(1)}, {800, math.Inf(1)}, {math.NaN(), math.NaN()},
	} {
		y := []float64{c.x}
		vec.Exp(y, y)
		if diff := cmp.Diff(c.want, y[0], cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("Exp(%v) (-want +got):\n%s", c.x, diff)
		}
	}
}

func TestConvert(t *testing.T) {
	f := make([]float32, 2)
	vec.Convert(f, []float64{0.1, 1e300})
	if want := []float32{0.1, float32(math.Inf(1))}; !cmp.Equal(want, f) {
		t.Errorf("Convert = %v, want %v", f, want)
	}
}

func BenchmarkLin(b *testing.B) {
	for _, k := range []int{2, 3, 4, 5, 8} {
		b.Run(fmt.Sprintf("terms=%d", k), func(b *testing.B) {
			ts := terms(k, 16384)
			dst := make([]float64, 16384)
			for b.Loop() {
				vec.Lin(dst, ts...)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16384, "ns/elem")
		})
	}
}

func BenchmarkExp(b *testing.B) {
	x, dst := terms(1, 16384)[0].X, make([]float64, 16384)
	for b.Loop() {
		vec.Exp(dst, x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16384, "ns/elem")
}
