package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/bench/quality"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// Plan says what to compare. Its zero value compares nothing.
type Plan struct {
	Problems []*problem.Problem
	Solvers  []solvers.Solver
	Grids    []solvers.Grid
	NFE      []int  // budgets
	Rows     int    // samples per run
	Seed     uint64 // of the initial states and the noise

	// Quality, if not 0, is the number of samples whose law is compared with that of the real data, at least quality.MinRows. The first
	// Rows of them are those that have an RMSE.
	Quality int

	// Tolerances, relative and absolute alike, at which the adaptive of the solvers run under error control too.
	Tolerances []float64

	// Rules are the names of the step rules of these runs, see solvers.StepRule; none means the default alone.
	Rules []string

	// Inversion asks for the round trip, too, of the solvers that can be inverted, at three times the cost.
	Inversion bool
}

// Runs returns the number of runs of the plan.
func (p Plan) Runs() int {
	adaptive := 0
	for _, s := range p.Solvers {
		if controllable(s) {
			adaptive++
		}
	}
	return len(p.Problems) * (len(p.Solvers)*len(p.Grids)*len(p.NFE) + adaptive*len(p.Tolerances)*len(p.rules()))
}

func (p Plan) rules() []string {
	if len(p.Rules) == 0 {
		return solvers.StepRules()[:1]
	}
	return p.Rules
}

// controllable reports whether runs of s under error control have an error to measure: a stochastic solver has none.
func controllable(s solvers.Solver) bool { return s.Info().Adaptive && !s.Info().Stochastic }

// Compare runs the plan: every solver on every grid with as many steps as each budget of
// evaluations allows, from the same initial states. Runs whose budget does not allow a step are left out.
//
// The error of a deterministic solver is the root mean square, over elements, of the distance
// from the flow's end, of all samples and of the median one. Grids that are not for a problem's schedule are left out, with a warning. On normal data the errors of the law are exact, from the coefficient
// table, for every solver on a grid. On problems with real samples the Quality of the plan is measured, for every solver on a grid. Adaptive runs go over the
// schedule's domain, row by row. tick is called after each run; the warnings tell which references are too coarse.
func Compare(ctx context.Context, plan Plan, tick func(what string)) (out []Comparison, warnings []string, err error) {
	for _, p := range plan.Problems {
		x := solvers.Prior(p.Schedule, plan.Seed, plan.Rows, p.Dim)
		ref, err := NewReference(ctx, p, x)
		if err != nil {
			return out, warnings, err
		}
		var real *quality.Reference
		if plan.Quality > 0 && p.Real == nil {
			warnings = append(warnings, fmt.Sprintf("%s: there are no real samples with which the quality of others could be compared", p.Name))
		} else if plan.Quality > 0 {
			if real, err = quality.NewReference(p.Real, p.RealClasses, p.Dim); err != nil {
				return out, warnings, fmt.Errorf("%s: %w", p.Name, err)
			}
			x = solvers.Prior(p.Schedule, plan.Seed, max(plan.Rows, plan.Quality), p.Dim) // begins with the rows that it had
		}
		least := math.Inf(1)
		unsuited := map[solvers.Grid]bool{}
		for _, g := range plan.Grids {
			if _, err := g.Times(p.Schedule, 1); errors.Is(err, solvers.ErrUnsuited) {
				unsuited[g] = true
				warnings = append(warnings, fmt.Sprintf("%s: grid %s is left out: %v", p.Name, solvers.GridName(g), err))
			}
		}
		for _, s := range plan.Solvers {
			for _, rule := range plan.rules() {
				for _, tolerance := range plan.Tolerances {
					if !controllable(s) {
						break
					}
					c, err := compareAdaptive(ctx, p, s, rule, tolerance, x[:len(ref.X)], ref)
					tick(solvers.Name(s) + " on " + p.Name)
					switch {
					case errors.Is(err, solvers.ErrGrid), errors.Is(err, ode.ErrTooManySteps), errors.Is(err, ode.ErrStepTooSmall):
						warnings = append(warnings, fmt.Sprintf("%s: %s at the tolerance %g is left out: %v", p.Name, solvers.Name(s), tolerance, err))
					case err != nil:
						return out, warnings, fmt.Errorf("%s on %s at the tolerance %g: %w", solvers.Name(s), p.Name, tolerance, err)
					default:
						out, least = append(out, c), math.Min(least, *c.RMSE)
					}
				}
			}
			for _, g := range plan.Grids {
				if unsuited[g] {
					for range plan.NFE {
						tick(solvers.GridName(g))
					}
					continue
				}
				for _, budget := range plan.NFE {
					c, ok, err := compare(ctx, p, s, g, budget, plan, x, ref, real)
					if err != nil {
						return out, warnings, fmt.Errorf("%s on %s at %d evaluations: %w", solvers.Name(s), p.Name, budget, err)
					}
					if ok {
						out = append(out, c)
						if c.RMSE != nil {
							least = math.Min(least, *c.RMSE)
						}
					}
					tick(solvers.Name(s) + " on " + p.Name)
				}
			}
		}
		if !math.IsInf(least, 1) && !ref.Enough(least) {
			warnings = append(warnings, fmt.Sprintf("%s: the reference is known to %.1e, less than a hundred times better than the smallest error, %.1e", p.Name, ref.Error, least))
		}
	}
	return out, warnings, nil
}

func compare(ctx context.Context, p *problem.Problem, s solvers.Solver, g solvers.Grid, budget int, plan Plan, x0 []float64, ref Reference, real *quality.Reference) (c Comparison, ok bool, err error) {
	i := s.Info()
	grid, err := gridFor(i, g, p.Schedule, budget)
	if err != nil || grid == nil {
		return c, false, err
	}
	steps := len(grid) - 1
	x, q := slices.Clone(x0), p.Problem
	q.Noise = sde.Fresh{Seed: plan.Seed}
	res, err := solvers.Sample(ctx, s, q, x, &solvers.Settings{Grid: grid, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return c, false, err
	}
	c = Comparison{Problem: p.Name, Solver: solvers.Name(s), Grid: solvers.GridName(g), NFE: res.NFE, Budget: budget, Steps: steps,
		Seconds: res.Elapsed.Seconds()}
	c.Nanoseconds = figure(float64(res.Elapsed.Nanoseconds()) / float64(len(x)*steps))
	if !i.Stochastic {
		c.measure(x[:len(ref.X)], p.Dim, ref)
		if plan.Inversion {
			if c.Inversion, err = roundTrip(ctx, s, p, grid, ref.X); err != nil {
				return c, false, err
			}
		}
	}
	if real != nil {
		if c.Quality, err = real.Measure(x[:plan.Quality*p.Dim], p.Class); err != nil {
			return c, false, err
		}
	}
	if p.Gaussian != nil {
		table, err := solvers.Trace(s, p.Schedule, grid)
		if errors.Is(err, solvers.ErrNotLinear) {
			return c, true, nil // such as a method whose steps depend on the state: its law has no closed form
		}
		if err != nil {
			return c, false, err
		}
		var w2, mean, variance float64
		for _, axis := range axes(p) {
			law := table.Affine(axis).Law(table.Marginal(grid[0], axis))
			exact := table.Marginal(grid[steps], axis)
			w2 = math.Hypot(w2, law.W2(exact))
			mean = math.Hypot(mean, law.Mean-exact.Mean)
			variance = math.Hypot(variance, law.Variance-exact.Variance)
		}
		c.W2, c.MeanError, c.VarianceError = figure(w2), figure(mean), figure(variance)
	}
	return c, true, nil
}

// compareAdaptive runs s under error control by a step rule, at a tolerance in the place of the published ones.
func compareAdaptive(ctx context.Context, p *problem.Problem, s solvers.Solver, rule string, tolerance float64, x0 []float64, ref Reference) (Comparison, error) {
	control, err := solvers.StepRule(rule)
	if err != nil {
		return Comparison{}, err
	}
	control.Rel, control.Abs = tolerance, tolerance
	steps := "adaptive"
	if rule != solvers.StepRules()[0] {
		steps += " " + rule
	}
	x, q := slices.Clone(x0), p.Problem
	counter := &scoremodel.Counter{Model: q.Model}
	q.Model = counter
	tmin, tmax := p.Schedule.Domain()
	res, err := solvers.Sample(ctx, s, q, x, &solvers.Settings{Grid: []float64{tmax, tmin}, Control: &control, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return Comparison{}, err
	}
	rows := len(x) / p.Dim
	c := Comparison{Problem: p.Name, Solver: solvers.Name(s), Grid: steps, NFE: (counter.NFE() + rows - 1) / rows, Steps: res.Steps,
		Seconds: res.Elapsed.Seconds(), Tolerance: &tolerance, Rejected: &res.Rejected}
	c.measure(x, p.Dim, ref)
	return c, nil
}

// measure fills in the errors of x, rows of dim elements, which are not below what is known of the reference.
func (c *Comparison) measure(x []float64, dim int, ref Reference) {
	rows := make([]float64, len(x)/dim)
	for i := range rows {
		rows[i] = rms(x[i*dim:(i+1)*dim], ref.X[i*dim:(i+1)*dim])
	}
	slices.Sort(rows)
	c.RMSE, c.Median = figure(max(rms(x, ref.X), ref.Error)), figure(max(rows[(len(rows)-1)/2], ref.Error))
	if c.RMSE != nil && ref.Error > 0 {
		c.ReferenceError = figure(ref.Error)
	}
}

// roundTrip returns the root-mean-square distance from the samples of what s makes of the noise to which it inverts them. Exactly reversible
// solvers go with their companion, and miss by rounding. It is nil where the run cannot be inverted, or leaves the finite numbers.
func roundTrip(ctx context.Context, s solvers.Solver, p *problem.Problem, grid, samples []float64) (*float64, error) {
	set := &solvers.Settings{Grid: grid, Workers: runtime.GOMAXPROCS(0)}
	pair := &solvers.Pair{X: slices.Clone(samples)}
	_, err := solvers.InvertPair(ctx, s, p.Problem, pair, set)
	if err == nil {
		_, err = solvers.SamplePair(ctx, s, p.Problem, pair, set)
	} else if errors.Is(err, solvers.ErrParameter) { // it has no companion
		if _, err = solvers.Invert(ctx, s, p.Problem, pair.X, set); err == nil {
			_, err = solvers.Sample(ctx, s, p.Problem, pair.X, set)
		}
	}
	switch {
	case errors.Is(err, solvers.ErrGrid), errors.Is(err, solvers.ErrParameter), errors.Is(err, ode.ErrNonFinite):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return figure(rms(pair.X, samples)), nil
}

// gridFor returns the longest grid that a budget of evaluations allows, or nil if it allows no step. The step to
// clean data takes one evaluation.
func gridFor(i solvers.Info, g solvers.Grid, s sde.Schedule, budget int) ([]float64, error) {
	one, err := g.Times(s, 1)
	if err != nil {
		return nil, err
	}
	steps := i.Steps(budget)
	if solvers.EndsClean(s, one) {
		steps = i.Steps(budget-1) + 1
	}
	if steps < 1 {
		return nil, nil
	}
	return g.Times(s, steps)
}

// figure returns v for a table, or nil if it is not a number.
func figure(v float64) *float64 {
	if v-v != 0 {
		return nil
	}
	return &v
}

// Pictures samples the problems, whose rows are pictures, with every solver at every budget
// from the same initial states; the first set of a problem is the flow, to within a grey level.
func Pictures(ctx context.Context, plan Plan, tick func(what string)) ([]Samples, error) {
	var out []Samples
	for _, p := range plan.Problems {
		x0 := solvers.Prior(p.Schedule, plan.Seed, plan.Rows, p.Dim)
		tmin, tmax := p.Schedule.Domain()
		exact := slices.Clone(x0)
		res, err := solvers.Sample(ctx, solvers.RungeKutta{Tableau: ode.DP5, In: solvers.Lambda}, p.Problem, exact,
			&solvers.Settings{Grid: []float64{tmax, tmin}, Control: &ode.Control{Rel: 1e-5, Abs: 1e-5}, Workers: runtime.GOMAXPROCS(0)})
		if err != nil {
			return out, err
		}
		out = append(out, Samples{Problem: p.Name, Solver: "converged", NFE: res.NFE, Side: p.ImageSide, X: exact})
		for _, g := range plan.Grids {
			for _, budget := range plan.NFE {
				for _, s := range plan.Solvers {
					grid, err := gridFor(s.Info(), g, p.Schedule, budget)
					if err != nil {
						return out, err
					}
					if grid == nil {
						continue
					}
					x, q := slices.Clone(x0), p.Problem
					q.Noise = sde.Fresh{Seed: plan.Seed}
					res, err := solvers.Sample(ctx, s, q, x, &solvers.Settings{Grid: grid})
					if err != nil {
						return out, err
					}
					out = append(out, Samples{Problem: p.Name, Solver: solvers.Name(s), Budget: budget, NFE: res.NFE, Side: p.ImageSide, X: x})
					tick(solvers.Name(s) + " pictures")
				}
			}
		}
	}
	return out, nil
}
