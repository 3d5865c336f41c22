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
// For a model in single precision, whose rounding would drive small tolerances to tiny steps, it is UniPC of order 3 in 1000 steps of equal length in λ, and
// the error the distance from the same in 500. The distance, 6e-7 on digitsnet, then has as much of rounding as of the method.
func NewReference(ctx context.Context, p *problem.Problem, x []float64) (Reference, error) {
	tmin, tmax := p.Schedule.Domain()
	if p.Flow != nil {
		y := make([]float64, len(x))
		err := p.Flow(y, x, tmax, tmin)
		return Reference{X: y}, err
	}
	var runs [2][]float64
	var nfe int
	for i := range runs {
		var s solvers.Solver = solvers.RungeKutta{Tableau: ode.DP5, In: solvers.Lambda}
		tolerance := [2]float64{1e-8, 1e-10}[i]
		set := &solvers.Settings{Grid: []float64{tmax, tmin}, Control: &ode.Control{Rel: tolerance, Abs: tolerance}, Workers: runtime.GOMAXPROCS(0)}
		if p.Single {
			grid, err := solvers.LambdaGrid{}.Times(p.Schedule, [2]int{500, 1000}[i])
			if err != nil {
				return Reference{}, fmt.Errorf("reference of %s: %w", p.Name, err)
			}
			s, set.Grid, set.Control = solvers.UniPC{Order: 3}, grid, nil
		}
		y := slices.Clone(x)
		res, err := solvers.Sample(ctx, s, p.Problem, y, set)
		if err != nil {
			return Reference{}, fmt.Errorf("reference of %s: %w", p.Name, err)
		}
		runs[i], nfe = y, res.NFE
	}
	return Reference{runs[1], rms(runs[0], runs[1]), nfe}, nil
}
