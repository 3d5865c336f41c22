package solvertest

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Ladder is the error of a solver over increasing numbers of steps. It is plain data.
type Ladder struct {
	Steps  []int
	Errors []float64
	Floor  float64 // errors below are rounding; 0 means the constant of that name
}

// What a fit uses, and what it demands.
const (
	Floor    = 2e-12 // errors below are rounding, unless the problem is known to be more exact
	Ceiling  = 0.2   // errors above are not yet in the asymptotic range
	Slack    = 0.3   // an order p is certified by a slope of at least p - Slack
	minRungs = 5     // fewer do not make a fit
	maxRungs = 7     // the finest ones are used: a factor of 8 in the steps
)

// Steps is the ladder of step counts on which orders are measured, a factor of √2 apart.
func Steps() []int {
	var steps []int
	for i := range 14 {
		steps = append(steps, int(math.Round(8*math.Exp2(float64(i)/2))))
	}
	return steps
}

// Fit returns the order that the ladder shows: minus the slope of the least-squares line
// through the logarithms of the errors, over the finest rungs between the floor and Ceiling. ok is
// false if there are fewer than five of them. What is coarser than an error above Ceiling, or a NaN, is left
// out, so that an error that grows on the finest grids allows no fit. An error that passes through zero on its way
// bends the line, so of the lines through the five, six and seven finest rungs the steepest counts: what has stalled is flat in all. That leans
// to the solver's side, which is why an order is claimed on three problems at once, and why tableaus are proved by their order conditions.
func (l Ladder) Fit() (order float64, ok bool) {
	var x, y []float64
	floor := cmp.Or(l.Floor, Floor)
	for i := len(l.Errors) - 1; i >= 0 && len(x) < maxRungs && l.Errors[i] <= Ceiling; i-- {
		if e := l.Errors[i]; e >= floor {
			x, y = append(x, math.Log(float64(l.Steps[i]))), append(y, math.Log(e))
		}
	}
	if len(x) < minRungs {
		return 0, false
	}
	order = math.Inf(-1)
	for n := minRungs; n <= len(x); n++ {
		_, slope := stat.LinearRegression(x[:n], y[:n], nil, false)
		order = math.Max(order, -slope)
	}
	return order, true
}

// Certifies reports whether the ladder shows at least the claimed order. An error that stays below Floor on every
// rung certifies any order: the solver is exact on the problem.
func (l Ladder) Certifies(claimed float64) bool {
	exact := len(l.Errors) >= minRungs
	for _, e := range l.Errors {
		exact = exact && e < Floor // false for NaN
	}
	if exact {
		return true
	}
	order, ok := l.Fit()
	return ok && order >= claimed-Slack
}

// Flow is a problem whose probability flow is known.
type Flow struct {
	Name     string
	Schedule sde.Schedule
	Model    scoremodel.Model
	Dim      int
	Start    []float64 // states at the noise end, rows × Dim
	Exact    func(dst, x []float64, from, to float64) error
	Floor    float64 // of the errors, where rounding is less than the constant Floor
}

// The data of the Gaussian problem.
var gaussianData = solvers.Normal{Mean: 0.7, Variance: 0.25}

// GaussianFlow is N(0.7, 0.25) under VP. On normal data a sampler is an affine map of its
// start, so the root mean square of its error at the two states one standard deviation either side of the
// mean is exactly that over the whole marginal: e(μ±s) = e₀ ± e₁s.
func GaussianFlow() Flow {
	s := sde.VP{}
	g, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{gaussianData.Mean}, Variance: gaussianData.Variance})
	if err != nil {
		panic(err) // the data are constants
	}
	_, tmax := s.Domain()
	mean, variance := g.Marginal(tmax)
	std := math.Sqrt(variance[0])
	return Flow{"gaussian", s, g, 1, []float64{mean[0] - std, mean[0] + std},
		func(dst, x []float64, from, to float64) error { g.FlowMap(dst, x, from, to); return nil }, 2e-14}
}

// MixtureFlow is 0.3 N(-1.2, 0.35²) + 0.7 N(0.8, 0.5²) under VP, whose flow is the quantile
// map. Its score is not linear in the state, which shows errors that normal data hide.
func MixtureFlow() Flow { return mixtureFlow("mixture1d", sde.VP{}) }

// LateFlow is MixtureFlow begun at t = 0.3, where the score already bends. From t = 1 the first
// steps lie in almost pure noise, so that a start of low order leaves no trace in a thousand steps.
func LateFlow() Flow { return mixtureFlow("mixture1d from t=0.3", sde.VP{TMax: 0.3}) }

func mixtureFlow(name string, s sde.Schedule) Flow {
	m, err := scoremodel.NewMixture(s,
		scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2}, Variance: 0.35 * 0.35},
		scoremodel.Component{Weight: 0.7, Mean: []float64{0.8}, Variance: 0.5 * 0.5})
	if err != nil {
		panic(err) // the data are constants
	}
	return Flow{name, s, m, 1, []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9}, m.QuantileMap, 2e-14}
}

// ODE returns the root-mean-square errors of s, without noise, on the flow.
func ODE(ctx context.Context, s solvers.Solver, f Flow, g solvers.Grid, steps []int) (Ladder, error) {
	l := Ladder{Floor: f.Floor}
	want := make([]float64, len(f.Start))
	x := make([]float64, len(f.Start))
	for _, n := range steps {
		grid, err := g.Times(f.Schedule, n)
		if err != nil {
			return l, err
		}
		if err := f.Exact(want, f.Start, grid[0], grid[n]); err != nil {
			return l, err
		}
		copy(x, f.Start)
		p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: f.Dim}
		if _, err := solvers.Sample(ctx, s, p, x, &solvers.Settings{Grid: grid}); err != nil {
			return l, err
		}
		sum := 0.0
		for i := range x {
			sum += (x[i] - want[i]) * (x[i] - want[i])
		}
		l.Steps, l.Errors = append(l.Steps, n), append(l.Errors, math.Sqrt(sum/float64(len(x))))
	}
	return l, nil
}

// Weak returns the Wasserstein-2 distances of the law of the samples of s from the exact law, on data with the given law:
// exact, from the coefficient table.
func Weak(ctx context.Context, s solvers.Solver, sched sde.Schedule, data solvers.Normal, g solvers.Grid, steps []int) (Ladder, error) {
	l, err := traced(ctx, s, sched, g, steps, weakError(data))
	return l[0], err
}

// Strong returns the root-mean-square errors of s against the exact path of the reverse
// SDE, on data with the given law: exact, from the coefficient table.
func Strong(ctx context.Context, s solvers.Solver, sched sde.Schedule, data solvers.Normal, g solvers.Grid, steps []int) (Ladder, error) {
	l, err := traced(ctx, s, sched, g, steps, strongError(data))
	return l[0], err
}

// WeakAndStrong returns what Weak and Strong return, from one set of coefficient tables, whose making is the cost.
func WeakAndStrong(ctx context.Context, s solvers.Solver, sched sde.Schedule, data solvers.Normal, g solvers.Grid, steps []int) (weak, strong Ladder, err error) {
	l, err := traced(ctx, s, sched, g, steps, weakError(data), strongError(data))
	return l[0], l[1], err
}

func weakError(data solvers.Normal) func(*solvers.Coefficients) float64 {
	return func(c *solvers.Coefficients) float64 {
		law := c.Affine(data).Law(c.Marginal(c.Grid[0], data))
		return law.W2(c.Marginal(c.Grid[len(c.Grid)-1], data))
	}
}

func strongError(data solvers.Normal) func(*solvers.Coefficients) float64 {
	return func(c *solvers.Coefficients) float64 { return c.StrongError(data) }
}

// Pathwise returns the root-mean-square errors of s on Brownian paths that all runs share, on any problem: against s itself with sixteen times as
// many steps as the ladder's finest rung. It tells the order and not that the limit is right, which Strong does. Strong orders above 1 need it: they rest
// on the second derivative of the drift, which is zero on normal data. The solver may ask for noise between the times of the grid only.
func Pathwise(ctx context.Context, s solvers.Solver, p solvers.Problem, g solvers.Grid) (Ladder, error) {
	const rows, cells = 400, 16 * 96
	var l Ladder
	fine, err := g.Times(p.Schedule, cells)
	if err != nil {
		return l, err
	}
	p.Noise, p.Row = sde.GridPath{Seed: 1, Grid: fine}, 0
	run := func(steps int) ([]float64, error) {
		grid := make([]float64, steps+1)
		for i := range grid {
			grid[i] = fine[i*cells/steps]
		}
		x := solvers.Prior(p.Schedule, 2, rows, p.Dim)
		_, err := solvers.Sample(ctx, s, p, x, &solvers.Settings{Grid: grid})
		return x, err
	}
	want, err := run(cells)
	if err != nil {
		return l, err
	}
	for _, steps := range []int{16, 24, 32, 48, 64, 96} {
		x, err := run(steps)
		if err != nil {
			return l, err
		}
		l.Steps, l.Errors = append(l.Steps, steps), append(l.Errors, floats.Distance(x, want, 2)/math.Sqrt(float64(len(x))))
	}
	return l, nil
}

// traced returns one ladder for each of the errors, all measured on the same coefficient tables.
func traced(ctx context.Context, s solvers.Solver, sched sde.Schedule, g solvers.Grid, steps []int,
	errors ...func(*solvers.Coefficients) float64) ([]Ladder, error) {
	l := make([]Ladder, len(errors))
	for _, n := range steps {
		if err := ctx.Err(); err != nil {
			return l, err
		}
		grid, err := g.Times(sched, n)
		if err != nil {
			return l, err
		}
		c, err := solvers.Trace(s, sched, grid)
		if err != nil {
			return l, err
		}
		for i, e := range errors {
			l[i].Steps, l[i].Errors = append(l[i].Steps, n), append(l[i].Errors, e(c))
		}
	}
	return l, nil
}

// describe says what a ladder that fails looks like.
func (l Ladder) describe(what string, claimed float64) string {
	order, ok := l.Fit()
	if !ok {
		return fmt.Sprintf("%s: order %v is claimed and the errors %.2g at %v steps allow no fit", what, claimed, l.Errors, l.Steps)
	}
	return fmt.Sprintf("%s: observed order %.2f, claimed %v (errors %.2g at %v steps)", what, order, claimed, l.Errors, l.Steps)
}
