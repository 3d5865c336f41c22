package solvers

import (
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// DPMSolverPP2M is the second-order multistep DPM-Solver++ [lu2022dpmpp, algorithm 2]: the
// prediction over a step is extrapolated linearly from its start and the one before. The
// first step is of order 1.
//
// Variant "midpoint", the zero value, is the paper's: the slope enters with half the weight of
// the constant part, the extrapolated value at the middle of the step. "heun" integrates the line exactly and is then
// the exponential Adams method of order 2.
//
// References:
//
//	[lu2022dpmpp]
type DPMSolverPP2M struct {
	Variant    string `param:"variant" values:"midpoint|heun" about:"how the slope is weighted"`
	LowerFinal bool   `param:"lowerfinal" about:"take the last step with order 1"`
}

// Info implements Solver.
func (DPMSolverPP2M) Info() Info {
	return Info{Name: "dpm++2m", About: "DPM-Solver++ of order 2, multistep, in data prediction",
		Order: 2, NFE: 1, Memory: 1, Kind: scoremodel.Data, Ref: "lu2022dpmpp"}
}

// Start implements Solver.
func (s DPMSolverPP2M) Start(p Problem, n int) (ode.Stepper, error) {
	return start2M(p, n, scoremodel.Data, s.Variant, s.LowerFinal)
}
