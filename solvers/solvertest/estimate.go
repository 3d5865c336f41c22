package solvertest

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/solvers"
)

// checkEstimate halves a step of a solver that estimates its error, and demands that the estimate vanishes with the power that
// LocalError returns: at least, as with the order. A controller that is told more takes steps that are too long.
func checkEstimate(s solvers.Solver) []string {
	if i := s.Info(); !i.Adaptive || i.Stochastic { // one estimate of a stochastic method is as random as its path
		return nil
	}
	f := LateFlow()
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: f.Dim}
	const from = 0.2
	start := f.Schedule.At(from).Lambda()
	var lengths, sizes []float64
	power := 0.0
	for h := 0.01; h < 1; h *= math.Sqrt2 {
		st, err := s.Start(p, len(f.Start))
		if err != nil {
			return []string{err.Error()}
		}
		e, ok := st.(ode.Estimator)
		if !ok {
			return nil // found by another check
		}
		x := slices.Clone(f.Start)
		if err := st.Step(x, x, ode.Span{From: from, To: f.Schedule.Time(start + h)}); err != nil {
			return []string{err.Error()}
		}
		if power, err = e.LocalError(x); err != nil {
			return []string{err.Error()}
		}
		size := 0.0
		for _, v := range x {
			size = math.Hypot(size, v)
		}
		if size > 1e-13 && len(lengths) < maxRungs { // above rounding, as short as can be
			lengths, sizes = append(lengths, math.Log(h)), append(sizes, math.Log(size))
		}
	}
	if len(lengths) < minRungs {
		return []string{fmt.Sprintf("the estimate is above rounding for %d lengths of a step, want %d", len(lengths), minRungs)}
	}
	// The steepest of the lines through the five, six and seven shortest, as in Fit.
	slope := math.Inf(-1)
	for n := minRungs; n <= len(lengths); n++ {
		_, b := stat.LinearRegression(lengths[:n], sizes[:n], nil, false)
		slope = math.Max(slope, b)
	}
	if !(slope >= power-Slack) {
		return []string{fmt.Sprintf("the estimate vanishes with the power %.2f of the step, LocalError says %v", slope, power)}
	}
	return nil
}
