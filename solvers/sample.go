package solvers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// Settings of a run. nil and the zero value select the defaults. It is plain data.
type Settings struct {
	// Grid holds the times of the run, strictly decreasing, from noise to data. nil
	// means the QuadraticGrid of Steps steps.
	Grid []float64

	// Steps of the default grid; 0 means 20. Grid overrides it.
	Steps int

	// Control, if not nil, adapts the steps between the ends of the grid. Every row
	// is then integrated on its own, so that its steps do not depend on its neighbours; Dim is set. Its lengths are in the variable in
	// which the solver is Paced, λ for exponential methods, and in time if it is not.
	//
	// A stochastic solver needs noise that remembers: an sde.Tree whose interval holds the grid's. MaxFactor is then
	// sde.Growth if it is 0, and Min at least four leaves of the tree.
	Control *ode.Control

	// Workers share out the rows; 0 means 1. The model must be safe for concurrent use
	// if there are several. The result does not depend on their number.
	Workers int

	// Observe, if not nil, sees every accepted step of every worker, one at a time.
	// If it returns ode.ErrStop that worker's rows stop where they are.
	Observe func(Observation) error
}

// An Observation is the state after an accepted step. X must be neither modified nor kept.
type Observation struct {
	ode.Span
	Row int       // number of the first row of X within the state of the run
	X   []float64 // whole rows
}

// Result of a run. Of runs whose rows went different ways, it is the row or worker that took the most evaluations.
type Result struct {
	ode.Stats
	NFE      int           // model evaluations per sample
	Elapsed  time.Duration // of the whole run
	Warnings []error       // what is not fatal but should be known
}

// A RunError tells where a run ended before its time.
type RunError struct {
	Solver string
	Step   int     // steps done before
	Time   float64 // of the evaluation, or else of the step's start
	Row    int     // within the state of the run, or -1 if no single row is to blame
	Err    error
}

func (e *RunError) Error() string {
	row := ""
	if e.Row >= 0 {
		row = fmt.Sprintf(", row %d", e.Row)
	}
	return fmt.Sprintf("%s: step %d, t=%.6g%s: %v", e.Solver, e.Step, e.Time, row, e.Err)
}

// Unwrap returns the cause.
func (e *RunError) Unwrap() error { return e.Err }

// Sample carries x, rows of p.Dim elements, in place from the first time of the grid to
// the last with s. set may be nil.
//
// Whatever happens, x holds for each row the last good state, and the Result says what was done. Errors before any
// model evaluation, with x untouched, wrap ErrProblem, ErrGrid, ErrParameter, ErrNeedsNoise, ErrNoEstimate or
// ode.ErrControl. Any other error is a *RunError; it wraps what the model, the noise or the observer
// returned, ode.ErrNonFinite, ode.ErrStepTooSmall, ode.ErrTooManySteps, ode.ErrTooManyEvaluations or the context's error. When a
// worker fails the others stop at their next step.
func Sample(ctx context.Context, s Solver, p Problem, x []float64, set *Settings) (Result, error) {
	return newRun(s, p, set).sample(ctx, x)
}

// Invert carries x, rows of p.Dim clean samples, in place from the last time of the grid to the first with s, which must be
// deterministic: to the noise from which Sample with the same settings makes them, up to the errors of
// both runs. With DDIM this is DDIM inversion [song2021ddim, section 4.3], with DPMSolverPP2M that of DPM-Solver++. The samples
// are taken as states at the last time; a grid that ends on clean data is refused, because the flow has no start there.
//
// The two runs evaluate the model at different states, and so do not undo each other: the round trip has an error of the method's order, or
// of one more if that is even. EDICT and BDIA undo their steps, see InvertPair. The result and the errors are those of Sample.
//
// References:
//
//	[song2021ddim]
func Invert(ctx context.Context, s Solver, p Problem, x []float64, set *Settings) (Result, error) {
	r := newRun(s, p, set)
	r.up = true
	return r.sample(ctx, x)
}

func newRun(s Solver, p Problem, set *Settings) *run {
	if set == nil {
		set = &Settings{}
	}
	return &run{solver: s, problem: p, settings: *set}
}

// name is found only when an error needs it: it takes longer than a step.
func (r *run) name() string {
	if r.label != "" {
		return r.label
	}
	return Name(r.solver)
}

func (r *run) sample(ctx context.Context, x []float64) (Result, error) {
	if err := r.check(x); err != nil {
		return Result{}, fmt.Errorf("solvers: %s: %w", r.name(), err)
	}
	start := time.Now()
	p := r.problem
	rows := len(x) / p.Dim
	workers := min(max(r.settings.Workers, 1), rows)
	blocks := r.blocks(rows, workers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results, errs := make([]Result, blocks), make([]error, blocks)
	var group sync.WaitGroup
	var next atomic.Int64 // the block that is free
	work := func() {
		for b := int(next.Add(1)) - 1; b < blocks; b = int(next.Add(1)) - 1 {
			lo, hi := b*rows/blocks, (b+1)*rows/blocks
			if results[b], errs[b] = r.rows(ctx, x[lo*p.Dim:hi*p.Dim], lo); errs[b] != nil {
				cancel()
			}
		}
	}
	for range workers - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	most := 0
	for w := range results {
		if results[w].NFE > results[most].NFE {
			most = w
		}
	}
	result, err := results[most], cause(errs)
	if at := (*RunError)(nil); err != nil && !errors.As(err, &at) {
		return Result{}, err // refused by the start
	}
	if err != nil {
		for w := range errs {
			if errs[w] == err {
				result.Status = results[w].Status
			}
		}
	}
	if _, ok := p.Model.(scoremodel.VarianceModel); ok && !r.solver.Info().Variance {
		result.Warnings = append(result.Warnings, ErrVarianceUnused)
	}
	result.Elapsed = time.Since(start)
	return result, err
}

// blockElements is the number of elements of the blocks of a row-wise model: a solver's ten or so arrays of 64 kB then fit into the
// second cache of a core, and the next step finds what the last one left.
const blockElements = 8192

// blocks returns into how many blocks of rows the workers cut the state. A model that is not row-wise gets as many rows at a time as
// there are for a worker. So does an observer, who would see every step many times.
func (r *run) blocks(rows, workers int) int {
	set := &r.settings
	if set.Control != nil || set.Observe != nil || r.paired || !scoremodel.IsRowWise(r.problem.Model) {
		return workers
	}
	elements := rows * r.problem.Dim
	return min(rows, max(workers, (elements+blockElements-1)/blockElements))
}

// cause returns the error that stopped the run: the first that is not the cancellation
// by which one worker's failure stops the others.
func cause(errs []error) error {
	var first error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// run is a call of Sample or of one of its kin.
type run struct {
	label    string // in errors; if empty the solver's name
	solver   Solver
	problem  Problem
	settings Settings
	up       bool    // from data to noise
	leaf     float64 // of the noise, if it bounds adaptive steps
	observer sync.Mutex

	// For runs on a Pair.
	paired    bool
	given     []float64 // companion to begin with, nil if there is none
	companion []float64 // and that at the end
}

// check refuses bad input, and fills in the grid.
func (r *run) check(x []float64) error {
	p, set := r.problem, &r.settings
	if err := p.check(x); err != nil {
		return err
	}
	switch {
	case set.Steps < 0:
		return fmt.Errorf("%w: %d steps, want at least 1", ErrGrid, set.Steps)
	case set.Workers < 0:
		return fmt.Errorf("%w: %d workers, want at least 0", ErrParameter, set.Workers)
	}
	if set.Grid == nil {
		steps := cmp.Or(set.Steps, 20)
		grid, err := QuadraticGrid{}.Times(p.Schedule, steps)
		if err != nil {
			return err
		}
		set.Grid = grid
	}
	if err := CheckGrid(p.Schedule, set.Grid); err != nil {
		return err
	}
	noise, err := startsFromNoise(p, set.Grid)
	if err != nil {
		return err
	}
	if noise && (r.up || r.paired) {
		return fmt.Errorf("%w: it starts from pure noise, where alpha is 0 and lambda infinite; a run to noise ends where alpha is not 0", ErrGrid)
	}
	if err := r.checkDirection(); err != nil {
		return err
	}
	if set.Control == nil && !r.paired && r.blocks(len(x)/p.Dim, min(max(set.Workers, 1), len(x)/p.Dim)) == 1 {
		return nil // the only start comes before any evaluation
	}
	// A dry start finds what the solver itself refuses.
	var st ode.Stepper
	if set.Control == nil || r.paired {
		st, err = r.solver.Start(p, p.Dim)
	} else {
		st, err = startAdaptive(r.solver, p, p.Dim)
	}
	if err != nil {
		return err
	}
	if r.paired {
		if _, ok := st.(coupled); !ok {
			return fmt.Errorf("%w: the solver is not exactly reversible, want edict or bdia", ErrParameter)
		}
		if set.Control != nil {
			return fmt.Errorf("%w: an exactly reversible run retraces its grid, and adaptive steps leave none", ErrParameter)
		}
	}
	if set.Control != nil {
		if EndsClean(p.Schedule, set.Grid) {
			return fmt.Errorf("%w: adaptive steps end within the schedule's domain, not on clean data", ErrGrid)
		}
		if noise && r.solver.Info().Kind != scoremodel.Flow {
			return fmt.Errorf("%w: adaptive steps start where alpha is not 0, unless the solver steps in time", ErrGrid)
		}
		c := *set.Control
		c.Dim = p.Dim
		if r.solver.Info().Stochastic {
			leaf, err := p.lasting(set.Grid[0], set.Grid[len(set.Grid)-1])
			if err != nil {
				return err
			}
			if least := 4 * leaf; c.Min < least {
				c.Min, r.leaf = least, leaf
			}
			c.MaxFactor = cmp.Or(c.MaxFactor, sde.Growth)
		}
		set.Control = &c
		if err := c.Check(); err != nil {
			return err
		}
	}
	return nil
}

// checkDirection turns the grid round for a run to noise, if that is possible.
func (r *run) checkDirection() error {
	set := &r.settings
	if (r.up || r.paired) && EndsClean(r.problem.Schedule, set.Grid) {
		return fmt.Errorf("%w: it ends on clean data, from which no flow leads back; end it in the schedule's domain", ErrGrid)
	}
	if !r.up {
		return nil
	}
	if r.solver.Info().Stochastic {
		return fmt.Errorf("%w: the solver is stochastic, only the probability flow can be inverted", ErrParameter)
	}
	set.Grid = slices.Clone(set.Grid)
	slices.Reverse(set.Grid)
	return nil
}

// rows runs the rows x, the first of which has the number first in the state.
func (r *run) rows(ctx context.Context, x []float64, first int) (Result, error) {
	set, dim := &r.settings, r.problem.Dim
	at, n := first, len(x) // the rows that move in step
	if set.Control != nil {
		n = dim
	}
	p := r.problem
	p.Row += first
	model := &guard{Model: scoremodel.Rows(p.Model, p.Row), dim: dim}
	p.Model = model
	if v, ok := model.Model.(scoremodel.VarianceModel); ok {
		p.Model = &varianceGuard{model, v}
	}
	var st ode.Stepper
	var err error
	if set.Control == nil {
		st, err = begin(r.solver, p, n, set.Grid)
	} else {
		st, err = startAdaptive(r.solver, p, n)
	}
	if err != nil {
		return Result{}, fmt.Errorf("solvers: %s: %w", r.name(), err)
	}
	var observe ode.Observer
	if set.Observe != nil {
		observe = func(span ode.Span, x []float64) error {
			r.observer.Lock()
			defer r.observer.Unlock()
			return set.Observe(Observation{span, at, x})
		}
	}
	if r.paired {
		c := st.(coupled).pair()
		if r.given != nil {
			c.give(r.given[first*dim:][:n])
		}
		defer func() { copy(r.companion[first*dim:], c.next) }()
	}
	if set.Control == nil {
		stats, err := ode.Integrate(ctx, st, x, set.Grid, observe)
		stats.NFE = model.calls // of the model, which not every stepper counts
		return Result{Stats: stats, NFE: model.calls}, r.locate(err, at)
	}
	var most Result
	t0, t1 := set.Grid[0], set.Grid[len(set.Grid)-1]
	for lo := 0; lo < len(x); lo += dim {
		at, model.calls = first+lo/dim, 0
		model.Model = scoremodel.Rows(r.problem.Model, r.problem.Row+at) // the stepper is begun once for all rows, which take turns
		if lo > 0 && r.solver.Info().Stochastic {                        // the path is of one row
			p.Row++
			if st, err = startAdaptive(r.solver, p, dim); err != nil {
				return most, fmt.Errorf("solvers: %s: %w", r.name(), err)
			}
		}
		stats, err := r.adapt(ctx, st.(ode.Estimator), x[lo:lo+dim], t0, t1, observe)
		stats.NFE = model.calls
		if model.calls >= most.NFE || err != nil {
			most = Result{Stats: stats, NFE: model.calls}
		}
		if err != nil {
			return most, r.locate(err, at)
		}
		if stats.Status == ode.Stopped { // the rows that wait stop at the start
			return Result{Stats: stats, NFE: model.calls}, nil
		}
	}
	return most, nil
}

// locate turns the error of an integration into one that names the row. first is the
// number of the first row that was integrated.
func (r *run) locate(err error, first int) error {
	if err == nil {
		return nil
	}
	out := &RunError{Solver: r.name(), Row: -1, Err: err}
	var step *ode.StepError
	if errors.As(err, &step) {
		out.Step, out.Time, out.Err = step.At.Index, step.At.From, step.Err
		if step.Element >= 0 {
			out.Time, out.Row = step.At.To, first+step.Element/r.problem.Dim
		}
	}
	if errors.Is(err, ode.ErrStepTooSmall) || errors.Is(err, ode.ErrTooManySteps) || errors.Is(err, ode.ErrTooManyEvaluations) {
		out.Row = first // only adaptive runs end so, and each is of one row
		if r.leaf > 0 && errors.Is(err, ode.ErrStepTooSmall) {
			out.Err = fmt.Errorf("%w, four leaves: %w, %.3g", out.Err, sde.ErrLeaf, r.leaf)
		}
	}
	var bad *predictionError
	if errors.As(err, &bad) {
		out.Time, out.Err = bad.time, bad.err
		if bad.row >= 0 {
			out.Row = first + bad.row
		}
	}
	return out
}

// guard counts the evaluations of one worker and refuses predictions that are not finite.
type guard struct {
	scoremodel.Model
	dim   int
	calls int
}

func (g *guard) Predict(dst, x []float64, t float64) error {
	g.calls++
	return g.check(g.Model.Predict(dst, x, t), dst, t)
}

// check adds the place to the error of an evaluation, and finds what is not finite in the prediction.
func (g *guard) check(err error, prediction []float64, t float64) error {
	if err != nil {
		return &predictionError{t, -1, err}
	}
	return g.finite(prediction, t)
}

// PredictBoth implements scoremodel.Guided.
func (g *guard) PredictBoth(dst, plain, x []float64, t float64) error {
	g.calls++
	if err := g.check(scoremodel.Both(g.Model, dst, plain, x, t), dst, t); err != nil {
		return err
	}
	return g.finite(plain, t)
}

func (g *guard) finite(m []float64, t float64) error {
	if i := vec.FirstNonFinite(m); i >= 0 {
		return &predictionError{t, i / g.dim, fmt.Errorf("%w: the model predicts %v", ode.ErrNonFinite, m[i])}
	}
	return nil
}

// varianceGuard is the guard of a model that predicts a variance too.
type varianceGuard struct {
	*guard
	model scoremodel.VarianceModel
}

func (g *varianceGuard) PredictVariance(dst, fraction, x []float64, t float64) error {
	g.calls++
	err := g.check(g.model.PredictVariance(dst, fraction, x, t), dst, t)
	if err != nil {
		return err
	}
	return g.finite(fraction, t)
}

// predictionError is how the place of a bad evaluation travels through a stepper.
type predictionError struct {
	time float64
	row  int // within the rows of the evaluation, or -1
	err  error
}

func (e *predictionError) Error() string { return fmt.Sprintf("t=%g: %v", e.time, e.err) }
func (e *predictionError) Unwrap() error { return e.err }
