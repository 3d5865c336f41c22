package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// GradientEstimation follows the gradient of the distance to the data, estimated from the latest two
// predictions [permenter2024, section 5]: Euler's step in κ with
//
//	ε_0 + (Gamma - 1)(ε_0 - ε_1)
//
// for ε, and ε_0 in the first step. The zero value has the paper's Gamma 2. It is of order 1 but for Gamma 1.5, with which it is
// the Adams method of order 2 on equal steps and so of order 2 where they change smoothly; Gamma 1 is DDIM.
//
// References:
//
//	[permenter2024]
type GradientEstimation struct {
	Gamma float64 `param:"gamma" default:"2" about:"weight of the latest prediction, more than 0"`
}

// Info implements Solver.
func (s GradientEstimation) Info() Info {
	i := Info{Name: "gradientestimation", About: "Euler's method in kappa with an extrapolated prediction", Order: 1, NFE: 1, Memory: 1,
		Kind: scoremodel.Epsilon, Ref: "permenter2024"}
	if s.Gamma == 1.5 {
		i.Order = 2
	}
	return i
}

// Start implements Solver.
func (s GradientEstimation) Start(p Problem, n int) (ode.Stepper, error) {
	gamma := cmp.Or(s.Gamma, 2)
	if !(gamma > 0) || math.IsInf(gamma, 1) {
		return nil, fmt.Errorf("%w: gamma is %v, want a positive number", ErrParameter, s.Gamma)
	}
	return (&multistep{kind: scoremodel.Epsilon, in: Kappa, predictor: formula{func(w, _ []float64, s segment) {
		w[0] = s.toKappa()
		if len(w) == 2 {
			w[0], w[1] = gamma*w[0], -(gamma-1)*w[0]
		}
	}, 2}}).bind(p, n)
}
