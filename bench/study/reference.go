package study

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Reference is where the probability flow carries states from the noise end to the
// data end, and how well that is known. It is plain data.
type Reference struct {
	X     []float64
	Error float64 // root mean square; 0 for a closed form
	NFE   int     // evaluations per row; 0 for a closed form
}

// Enough tells whether the reference is good for measuring an error: at least a hundred times better.
func (r Reference) Enough(err float64) bool { return r.Error <= err/100 }

// NewReference carries the rows of x through the flow of p: in closed form, or by the
// method of Dormand and Prince in λ, row by row, at tolerance 1e-10. The error is then the distance from
// the same at 1e-8, which is some hundred times that of the better one.
//
// For a model in single precision the tolerances are 1e-8 and 1e-7: rounding would drive smaller ones to tiny steps. The distance, some 1e-6, then has as
// much of rounding as of the method.
func NewReference(ctx context.Context, p *problem.Problem, x []float64) (Reference, error) {
	tmin, tmax := p.Schedule.Domain()
	if p.Flow != nil {
		y := make([]float64, len(x))
		err := p.Flow(y, x, tmax, tmin)
		return Reference{X: y}, err
	}
	var runs [2][]float64
	var nfe int
	tolerances := [2]float64{1e-8, 1e-10}
	if p.Single {
		tolerances = [2]float64{1e-7, 1e-8}
	}
	for i, tolerance := range tolerances {
		y := slices.Clone(x)
		res, err := solvers.Sample(ctx, solvers.RungeKutta{Tableau: ode.DP5, In: solvers.Lambda}, p.Problem, y, &solvers.Settings{
			Grid: []float64{tmax, tmin}, Control: &ode.Control{Rel: tolerance, Abs: tolerance}, Workers: runtime.GOMAXPROCS(0)})
		if err != nil {
			return Reference{}, fmt.Errorf("reference of %s: %w", p.Name, err)
		}
		runs[i], nfe = y, res.NFE
	}
	return Reference{runs[1], rms(runs[0], runs[1]), nfe}, nil
}
