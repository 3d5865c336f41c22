package solvers

import (
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// unitNoise draws the standard normals that a sampler adds once per step, as the
// increment of the Brownian path over the step by its standard deviation.
type unitNoise struct {
	path sde.Brownian
	z    []float64
}

func newUnitNoise(p Problem, n int) (*unitNoise, error) {
	path, err := p.path(n)
	if err != nil {
		return nil, err
	}
	return &unitNoise{path, make([]float64, n)}, nil
}

// draw returns the noise of a step. It is valid until the next draw.
func (u *unitNoise) draw(at ode.Span) ([]float64, error) {
	return u.z, standard(u.path, u.z, at.From, at.To)
}

// standard writes to z the path's increment over an interval by its standard deviation.
func standard(path sde.Brownian, z []float64, from, to float64) error {
	if err := path.Increment(z, from, to); err != nil {
		return err
	}
	vec.Lin(z, vec.Term{C: 1 / math.Sqrt(math.Abs(to-from)), X: z})
	return nil
}
