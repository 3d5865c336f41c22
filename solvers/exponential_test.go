package solvers_test

import (
	"math"
	"testing"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// If the prediction is 1 + 0.3λ, whatever the state, the two integrals of the package
// documentation are elementary:
//
//	data:   x_t = (σ_t/σ_s)x_s + σ_t [e^λ (0.7 + 0.3λ)] from s to t
//	noise:  x_t = (α_t/α_s)x_s + α_t [e^-λ (1.3 + 0.3λ)] from s to t
//
// A method that integrates a straight line with exact weights from its first step on makes no error,
// on any grid. The others make one far above rounding.
func TestStraightPrediction(t *testing.T) {
	const x0 = 0.8
	vp := sde.VP{}
	line := func(lambda float64) float64 { return 1 + 0.3*lambda }
	s, u := vp.At(rough[0]), vp.At(rough[len(rough)-1])
	data := func(l float64) float64 { return math.Exp(l) * (0.7 + 0.3*l) }
	noise := func(l float64) float64 { return math.Exp(-l) * (1.3 + 0.3*l) }
	want := map[scoremodel.Kind]float64{
		scoremodel.Data:    u.Sigma/s.Sigma*x0 + u.Sigma*(data(u.Lambda())-data(s.Lambda())),
		scoremodel.Epsilon: u.Alpha/s.Alpha*x0 + u.Alpha*(noise(u.Lambda())-noise(s.Lambda())),
	}
	for _, c := range []struct {
		solver string
		exact  bool
	}{
		{"expadams3", true},
		{"expadams3:noise=true", true},
		{"dpm3", true},
		{"dpm++3s", true},
		{"expadams3:ramp=true", false}, // its first step is of order 1
		{"dpm++2m:variant=heun", false},
		{"expadams2:noise=true", false},
		{"dpm2", false}, // the prediction in the middle, for that of the mean weighted with an exponential
		{"dpm++2s", false},
	} {
		solver := named(t, c.solver)
		kind := solver.Info().Kind
		p := solvers.Problem{Schedule: vp, Dim: 1, Model: scoremodel.Func(kind, func(dst, _ []float64, t float64) error {
			dst[0] = line(vp.At(t).Lambda())
			return nil
		})}
		x, _ := sample(t, solver, p, []float64{x0}, &solvers.Settings{Grid: rough})
		off := math.Abs(x[0]-want[kind]) / math.Abs(want[kind])
		if c.exact && !(off < 1e-13) || !c.exact && !(off > 1e-7) {
			t.Errorf("%s is off by %.2g, relative to %v; exact is to be %t", c.solver, off, want[kind], c.exact)
		}
	}
}
