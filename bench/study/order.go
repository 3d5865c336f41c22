package study

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/floats"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// Orders measures the order of every solver on every problem, over the ladder of package
// solvertest on the given grid: as an ODE method if it is deterministic, and otherwise, where the
// data are normal, the order of its law and of its paths, exactly and without random numbers. In one dimension, where it is quick, the order of paths
// is measured on other data too if it is claimed to exceed 1: normal data show more than there is. The order of the law would take
// millions of paths there. tick is called after each measurement, once at a time.
func Orders(ctx context.Context, list []solvers.Solver, problems []*problem.Problem, g solvers.Grid, tick func(what string)) ([]Order, error) {
	var out []Order
	tick = oneAtATime(tick)
	for _, p := range problems {
		flow := sync.OnceValues(func() (solvertest.Flow, error) { return flowOf(ctx, p) })
		rows := make([][]Order, len(list))
		err := spread(len(list), func(i int, _ *atomic.Bool) (err error) {
			rows[i], err = ordersOn(ctx, list[i], p, g, flow)
			tick(solvers.Name(list[i]) + " on " + p.Name)
			return err
		})
		if out = append(out, slices.Concat(rows...)...); err != nil {
			return out, err
		}
	}
	return out, nil
}

// ordersOn measures the orders of one solver on one problem. flow is made when the first deterministic solver needs it.
func ordersOn(ctx context.Context, s solvers.Solver, p *problem.Problem, g solvers.Grid, flow func() (solvertest.Flow, error)) ([]Order, error) {
	i := s.Info()
	failed := func(err error) ([]Order, error) {
		return nil, fmt.Errorf("orders of %s on %s: %w", solvers.Name(s), p.Name, err)
	}
	var out []Order
	switch {
	case i.Order > 0:
		f, err := flow()
		if err != nil {
			return nil, err
		}
		l, err := solvertest.ODE(ctx, s, f, g, solvertest.Steps())
		if err != nil {
			return failed(err)
		}
		out = append(out, orderOf(s, p, "ode", float64(i.Order), l))
	case p.Gaussian != nil && (i.WeakOrder > 0 || i.StrongOrder > 0):
		weak, strong, err := overAxes(ctx, s, p, g)
		if err != nil {
			return failed(err)
		}
		if i.WeakOrder > 0 {
			out = append(out, orderOf(s, p, "weak", i.WeakOrder, weak))
		}
		if i.StrongOrder > 0 {
			out = append(out, orderOf(s, p, "strong", i.StrongOrder, strong))
		}
	case p.Dim == 1 && i.StrongOrder > 1:
		l, err := solvertest.Pathwise(ctx, s, p.Problem, g)
		if err != nil {
			return failed(err)
		}
		out = append(out, orderOf(s, p, "strong", i.StrongOrder, l))
	}
	return out, nil
}

// Paths compares stochastic solvers by the error of their paths on a problem, on the ladder of solvertest.Pathwise. tick is called after each solver, once at a time.
func Paths(ctx context.Context, list []solvers.Solver, p *problem.Problem, g solvers.Grid, tick func(what string)) ([]Comparison, error) {
	tick = oneAtATime(tick)
	rows := make([][]Comparison, len(list))
	err := spread(len(list), func(i int, _ *atomic.Bool) error {
		s := list[i]
		l, err := solvertest.Pathwise(ctx, s, p.Problem, g)
		if err != nil {
			return fmt.Errorf("paths of %s on %s: %w", solvers.Name(s), p.Name, err)
		}
		for k, steps := range l.Steps {
			nfe := s.Info().Evaluations(steps)
			rows[i] = append(rows[i], Comparison{Problem: p.Name, Solver: solvers.Name(s), Grid: solvers.GridName(g), NFE: nfe, Budget: nfe, Steps: steps,
				PathError: figure(l.Errors[k])})
		}
		tick("paths of " + solvers.Name(s))
		return nil
	})
	return slices.Concat(rows...), err
}

func orderOf(s solvers.Solver, p *problem.Problem, kind string, claimed float64, l solvertest.Ladder) Order {
	o := Order{Solver: solvers.Name(s), Problem: p.Name, Kind: kind, Claimed: claimed,
		Steps: l.Steps, Errors: l.Errors, Certified: l.Certifies(claimed)}
	if fit, ok := l.Fit(); ok {
		o.Observed = &fit
	}
	return o
}

// axes returns the laws of normal data along its principal axes: mean and variance.
func axes(p *problem.Problem) []solvers.Normal {
	variances, vectors := p.Gaussian.Axes()
	mean := p.Gaussian.Mean()
	out := make([]solvers.Normal, len(mean))
	for j := range out {
		m := mean[j]
		if vectors != nil {
			m = 0
			for i, v := range mean {
				m += v * vectors[i*len(mean)+j]
			}
		}
		out[j] = solvers.Normal{Mean: m, Variance: variances[j]}
	}
	return out
}

// overAxes returns the weak and the strong errors on normal data. Along its axes they are independent: squares add.
func overAxes(ctx context.Context, s solvers.Solver, p *problem.Problem, g solvers.Grid) (weak, strong solvertest.Ladder, err error) {
	for _, axis := range axes(p) {
		w, t, err := solvertest.WeakAndStrong(ctx, s, p.Schedule, axis, g, solvertest.Steps())
		if err != nil {
			return weak, strong, err
		}
		weak, strong = added(weak, w), added(strong, t)
	}
	return weak, strong, nil
}

// added adds the squares of the errors of two ladders on the same steps, or returns the second if the first is empty.
func added(total, l solvertest.Ladder) solvertest.Ladder {
	for i, e := range total.Errors {
		l.Errors[i] = math.Hypot(l.Errors[i], e)
	}
	return l
}

// closedFormFloor is where rounding begins for problems with a closed form, states of size 1 and at most
// a thousand steps.
const closedFormFloor = 2e-14

// flowOf returns the problem as a flow with start states on which errors are measured.
// On normal data they are the two states one standard deviation either side of the mean along
// each axis: the root mean square over them is that over the whole marginal, up to the factor of the number of axes.
// Without a closed form a converged reference takes its place.
func flowOf(ctx context.Context, p *problem.Problem) (solvertest.Flow, error) {
	_, tmax := p.Schedule.Domain()
	f := solvertest.Flow{Name: p.Name, Schedule: p.Schedule, Model: p.Model, Dim: p.Dim, Exact: p.Flow}
	switch {
	case p.Gaussian != nil:
		mean, variances := p.Gaussian.Marginal(tmax)
		_, vectors := p.Gaussian.Axes()
		for j, v := range variances {
			for _, sign := range [...]float64{-1, 1} {
				row := append([]float64(nil), mean...)
				if vectors == nil {
					row[j] += sign * math.Sqrt(v)
				} else {
					for i := range row {
						row[i] += sign * math.Sqrt(v) * vectors[i*p.Dim+j]
					}
				}
				f.Start = append(f.Start, row...)
			}
		}
	case p.Dim == 1:
		for _, z := range []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9} {
			f.Start = append(f.Start, z)
		}
	default:
		f.Start = solvers.Prior(p.Schedule, 1, 4, p.Dim)
	}
	if f.Exact != nil {
		f.Floor = closedFormFloor
	} else {
		ref, err := NewReference(ctx, p, f.Start)
		if err != nil {
			return f, err
		}
		f.Exact = func(dst, _ []float64, _, _ float64) error { copy(dst, ref.X); return nil }
	}
	return f, nil
}

// rms returns the root mean square of the elements of x - y.
func rms(x, y []float64) float64 {
	return floats.Distance(x, y, 2) / math.Sqrt(float64(len(x)))
}
