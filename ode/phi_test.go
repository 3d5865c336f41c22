package ode_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
)

// exactPhi sums the series Σ zⁱ/(i+k)! with 200 bits. At |z| = 30 its terms reach 1e12, its
// sum is no less than 9e-14, and the 150th term is 1e-41: a hundred bits are left.
func exactPhi(k int, z float64) float64 {
	number := func() *big.Float { return new(big.Float).SetPrec(200) }
	sum, term := number(), number().SetInt64(1)
	for i := 1; i <= k; i++ {
		term.Quo(term, number().SetInt64(int64(i)))
	}
	for i := k + 1; i < k+150; i++ {
		sum.Add(sum, term)
		term.Mul(term, number().SetFloat64(z))
		term.Quo(term, number().SetInt64(int64(i)))
	}
	v, _ := sum.Float64()
	return v
}

func TestPhi(t *testing.T) {
	// The bound is that of the doc comment, "a few units in the last place", in units of 2⁻⁵².
	const bound = 4
	points := []float64{0, 1e-300, 1, 2, 3, 4, 5, 6, 7, 8}
	n := 400
	if testing.Short() {
		n = 50
	}
	for i := range n {
		points = append(points, 1e-8*math.Pow(3e9, float64(i)/float64(n-1)))
	}
	worst := 0.0
	for k := range ode.MaxPhi + 1 {
		for _, size := range points {
			for _, z := range []float64{size, -size} {
				got, want := ode.Phi(k, z), exactPhi(k, z)
				ulps := math.Abs(got-want) / want * 0x1p52
				worst = max(worst, ulps)
				if !(ulps <= bound) {
					t.Errorf("Phi(%d, %v) = %v, want %v: off by %.1f units", k, z, got, want, ulps)
				}
			}
		}
	}
	t.Logf("largest relative error: %.1f units of 2⁻⁵²", worst)
}
