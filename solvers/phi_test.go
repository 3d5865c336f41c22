package solvers

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// A weight set is right if it integrates every polynomial that its nodes determine; the
// nodes are those of a run, 0 and then earlier ones at uneven distances.
func TestAdamsWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= ode.MaxPhi; n++ {
		for range 20 {
			nodes, weights := make([]float64, n), make([]float64, n)
			for j := 1; j < n; j++ {
				nodes[j] = nodes[j-1] - 0.3 - 2*rng.Float64()
			}
			h := math.Exp2(8*rng.Float64() - 6) // 1/64 to 4
			for _, z := range []float64{h, -h} {
				e := exponential{carry: 1, gain: -0.7, h: h, z: z}
				e.adamsWeights(weights, nodes)
				for p := range n {
					// 30 points integrate e^z times a polynomial to the last digit for |z| ≤ 4.
					want := e.gain * h * quad.Fixed(func(theta float64) float64 {
						return math.Pow(theta, float64(p)) * math.Exp(z*(1-theta))
					}, 0, 1, 30, nil, 0)
					// The terms alternate in sign, so the rounding is that of their sizes.
					got, size := 0.0, 0.0
					for j, w := range weights {
						got += w * math.Pow(nodes[j], float64(p))
						size += math.Abs(w * math.Pow(nodes[j], float64(p)))
					}
					if !(math.Abs(got-want) <= 1e-14*(size+math.Abs(want))) {
						t.Errorf("%d nodes %.3f, z=%.3g: the weights integrate θ^%d to %v, want %v", n, nodes, z, p, got, want)
					}
				}
			}
		}
	}
}

// If the model always predicts the same clean sample D, the flow runs on the straight line
// of that pair: x_t = α_t D + σ_t (x_s - α_s D)/σ_s. With the same noise E it is x_t = σ_t E + α_t (x_s - σ_s E)/α_s.
// An exponential step of any order must follow it, since its weights add up to that of a constant.
func TestConstantPrediction(t *testing.T) {
	schedule := sde.VP{}
	for _, c := range []struct{ from, to float64 }{
		{1, 0.9}, {1, 0.5}, {1, 1e-3}, {0.5, 0.3}, {0.1, 1e-3}, {0.01, 0.005},
	} {
		s, u := schedule.At(c.from), schedule.At(c.to)
		for _, k := range []struct {
			kind        scoremodel.Kind
			carry, gain float64
		}{
			{scoremodel.Data, u.Sigma / s.Sigma, u.Alpha - s.Alpha*u.Sigma/s.Sigma},
			{scoremodel.Epsilon, u.Alpha / s.Alpha, u.Sigma - s.Sigma*u.Alpha/s.Alpha},
		} {
			e := newExponential(k.kind, 0, s, u)
			if !near(e.carry, k.carry) {
				t.Errorf("from %v to %v the %v step carries %v, want %v", c.from, c.to, k.kind, e.carry, k.carry)
			}
			for n := 1; n <= 4; n++ {
				weights := make([]float64, n)
				e.adamsWeights(weights, []float64{0, -0.4, -1.7, -2}[:n])
				sum := 0.0
				for _, w := range weights {
					sum += w
				}
				if !near(sum, k.gain) {
					t.Errorf("from %v to %v the %d weights of the %v step add up to %v, want %v", c.from, c.to, n, k.kind, sum, k.gain)
				}
				if !near(sum, e.phi(1)) {
					t.Errorf("from %v to %v the %d weights of the %v step add up to %v, want that of φ₁, %v", c.from, c.to, n, k.kind, sum, e.phi(1))
				}
			}
		}
	}
}

// near allows for the cancellation in the closed forms above and between weights of both signs.
func near(got, want float64) bool { return math.Abs(got-want) <= 1e-12*math.Abs(want) }
