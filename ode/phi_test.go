package ode_test

import (
	"math"
	"math/big"
	"math/rand/v2"
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

// Against integrals of the powers, whatever they are, the weights reproduce them: the sum is taken exactly.
func TestLagrangeWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	exact := func(v float64) *big.Rat { return new(big.Rat).SetFloat64(v) }
	for n := 1; n <= ode.MaxPhi; n++ {
		for range 20 {
			nodes, powers, w := make([]float64, n), make([]float64, n), make([]float64, n)
			for j := range nodes {
				nodes[j], powers[j] = 1-float64(j)-0.6*rng.Float64(), 1/float64(j+1)
			}
			ode.LagrangeWeights(w, nodes, powers)
			for p := range n {
				sum, size := new(big.Rat), new(big.Rat)
				for j, node := range nodes {
					term := exact(w[j])
					for range p {
						term.Mul(term, exact(node))
					}
					sum.Add(sum, term)
					size.Add(size, new(big.Rat).Abs(term))
				}
				off := sum.Sub(sum, exact(powers[p]))
				if off.Abs(off).Cmp(size.Mul(size, exact(1e-14))) > 0 {
					got, _ := off.Float64()
					t.Errorf("nodes %.3g: the weights miss the power %d by %.3g", nodes, p, got)
				}
			}
		}
	}
}

func TestPhiMoments(t *testing.T) {
	for _, z := range []float64{-2, -1e-9, 0, 1e-9, 3} {
		m := make([]float64, ode.MaxPhi)
		ode.PhiMoments(m, z)
		for k, got := range m {
			want := exactPhi(k+1, z)
			for i := 2; i <= k; i++ {
				want *= float64(i)
			}
			if !(math.Abs(got-want) <= 1e-14*want) {
				t.Errorf("PhiMoments at %v: the moment of power %d is %v, want %v", z, k, got, want)
			}
		}
	}
}
