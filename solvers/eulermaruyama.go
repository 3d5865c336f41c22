package solvers

import (
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// EulerMaruyama applies the Euler–Maruyama method to the reverse SDE of Anderson in time,
// dx = [f x - g² ∇log p] dt + g dW [song2021score, eq. 6].
//
// References:
//
//	[song2021score]
type EulerMaruyama struct{}

// Info implements Solver.
func (EulerMaruyama) Info() Info {
	return Info{Name: "eulermaruyama", About: "the Euler-Maruyama method on the reverse SDE in time",
		WeakOrder: 1, StrongOrder: 1, NFE: 1, Stochastic: true, Kind: scoremodel.Epsilon, Ref: "song2021score"}
}

// Start implements Solver.
func (EulerMaruyama) Start(p Problem, n int) (ode.Stepper, error) {
	path, err := p.path(n)
	if err != nil {
		return nil, err
	}
	return sde.EulerMaruyama(reverse(p, 1), path, n), nil
}
