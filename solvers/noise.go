package solvers

import (
	"fmt"
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

// renewed refuses a path that remembers, for a solver that returns to the same times with new noise.
func renewed(path sde.Brownian) error {
	if sde.Remembers(path) {
		return fmt.Errorf("%w: the solver returns to the same times with new noise, and the problem's noise remembers the old; want sde.Fresh", ErrParameter)
	}
	return nil
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

// nestedNoise is the noise of a step that is taken in parts, so that a stage inside the step sees
// the beginning of the path that its end sees.
type nestedNoise struct {
	*unitNoise
	sum []float64 // of the step so far
}

func newNestedNoise(p Problem, n int) (*nestedNoise, error) {
	unit, err := newUnitNoise(p, n)
	if err != nil {
		return nil, err
	}
	return &nestedNoise{unit, make([]float64, n)}, nil
}

// grow carries the sum over the part from one point to the next, and adds what the path does there.
func (s *nestedNoise) grow(part exponential, from, to sde.Point) error {
	z, err := s.draw(ode.Span{From: from.T, To: to.T})
	if err != nil {
		return err
	}
	vec.Lin(s.sum, vec.Term{C: part.carry, X: s.sum}, vec.Term{C: part.noise, X: z})
	return nil
}
