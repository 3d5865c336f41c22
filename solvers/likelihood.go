package solvers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// A Divergence is how the divergence of the probability flow is found, the trace of its Jacobian J. The zero value is
// DivergenceExact.
type Divergence int

// The divergences.
const (
	// DivergenceExact asks the model, which must be a scoremodel.Differentiable. One evaluation.
	DivergenceExact Divergence = iota

	// DivergenceDifferences adds up central differences along the coordinates, for any smooth model, at 1 + 2·Dim
	// evaluations. Its error is that of truncation, which grows with the square of LikelihoodSettings.Difference, and the model's
	// rounding divided by it: below 1e-9 of log-likelihoods in double precision, 1e-4 in single. That rounding looks to the error control like
	// a rough field; tolerances below 1e-11 are not for it.
	DivergenceDifferences

	// DivergenceHutchinson averages vᵀJv over random probes v with E[vvᵀ] = 1, which is the trace in the mean
	// [hutchinson1990]. A product J·v is the model's own, one evaluation, or else a central difference, two and one more for all.
	// The probes of a row stay the same along its path [grathwohl2019]: the estimate of the integral is unbiased all the same, and what is
	// integrated stays smooth.
	DivergenceHutchinson
)

var divergenceNames = [...]string{"exact", "differences", "hutchinson"}

func (d Divergence) String() string { return nameOf(divergenceNames[:], int(d), "Divergence") }

// Divergences returns the names of the divergences, in the order of their values.
func Divergences() []string { return slices.Clone(divergenceNames[:]) }

// A Probe is the law of the elements of a probe. The zero value is ProbeRademacher.
type Probe int

// The probes.
const (
	// ProbeRademacher is 1 or -1 with equal chances. For a symmetric J, such as that of an exact score, vᵀJv then has the variance
	// 2Σ_{i≠j} J_ij², the least of all laws. It is exact where J is diagonal: data with independent coordinates do not test it.
	ProbeRademacher Probe = iota

	// ProbeGaussian is standard normal, with the variance 2Σ_ij J_ij².
	ProbeGaussian
)

var probeNames = [...]string{"rademacher", "gaussian"}

func (p Probe) String() string { return nameOf(probeNames[:], int(p), "Probe") }

// Probes returns the names of the probes, in the order of their values.
func Probes() []string { return slices.Clone(probeNames[:]) }

func nameOf(names []string, i int, what string) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("%s(%d)", what, i)
	}
	return names[i]
}

// LikelihoodSettings say how a likelihood is computed. nil and the zero value select the defaults. It is plain data.
type LikelihoodSettings struct {
	Divergence Divergence
	Probe      Probe  // of DivergenceHutchinson
	Probes     int    // number of probes of each row; 0 means 8. Only DivergenceHutchinson has any
	Seed       uint64 // of the probes: they depend on it, on the row's number and on their own

	// Difference is the length of differences, in units of √(σ√(α²+σ²)) for a direction whose elements are of size 1: the middle between the
	// finest scale that a smoothed density can have and that of the states. 0 means 6e-6, the cube root of the
	// precision of a float64; a network in single precision wants 5e-3.
	Difference float64

	// Tableau is the method; the zero value means ode.DOP853. It steps in time.
	Tableau ode.Tableau

	// Grid holds the times of a run with fixed steps, strictly decreasing as those of Sample; the run takes them from the last to the
	// first. nil means adaptive steps over the domain of the schedule.
	Grid []float64

	// Control adapts the steps, between the ends of Grid if there is one. nil without a Grid means Rel and Abs of 1e-8. The
	// integrals of the divergence are under control as the elements of the state are; Dim is set.
	Control *ode.Control

	// Marginal takes, for the density at the noise end, that of the model, which must have a method LogDensity as Gaussian and
	// Mixture do. The likelihood is then that of the model itself. Otherwise it is that of the sampler: the density of what the
	// flow makes of Prior.
	Marginal bool

	// BinWidth is the distance between neighbouring values of data that were whole numbers, for BitsPerDim. 0 means 1, a
	// plain density. Pixels of 256 values scaled to [-1, 1] have 2/256 or 2/255, according to how they were scaled.
	BinWidth float64

	// Workers share out the rows; 0 means 1. The model must be safe for concurrent use
	// if there are several. The result does not depend on their number.
	Workers int
}

// Likelihood is the log-likelihood of a number of rows. It is plain data.
type Likelihood struct {
	Rows    []RowLikelihood
	Latents []float64 // rows × dim: where the flow carries each row, the noise of which it is made
	Elapsed time.Duration
}

// RowLikelihood is the log-likelihood of a row. The figures are NaN unless Status is ode.Done.
type RowLikelihood struct {
	ode.Stats
	Log           float64 // natural logarithm of the density
	BitsPerDim    float64 // see BitsPerDim
	StandardError float64 // of Log over the probes; 0 if there are none, NaN if one alone leaves it unknown. Few Gaussian probes give skewed estimates
	NFE           int     // states at which the model was evaluated, with derivatives or without
}

// ErrNoDerivative means that the divergence asks for derivatives of a model that has none. It wraps ErrProblem.
var ErrNoDerivative = fmt.Errorf("%w: %w", ErrProblem, scoremodel.ErrNoDerivative)

// LogLikelihood computes the log-likelihood of each row of x, p.Dim elements, along the probability flow f
// [song2021score, appendix D.2]: d log p/dt = -div f on a path of the flow, so with the path from x at tmin to x_T at the noise end
//
//	log p(x) = log p_T(x_T) + ∫ div f dt.
//
// The state and the integral, one for each probe, advance as one system, row by row. The density is the one at tmin, the last
// time of the grid: that of data to which the schedule's noise at tmin is added, and x is taken as a state at that
// time. It is not the density of the data at time 0, which need not have one.
//
// x is not changed. Whatever happens, the result has an entry for each row and says what was done. Errors before any model evaluation wrap
// ErrProblem, ErrNoDerivative, ErrGrid, ErrParameter, ErrNoEstimate or ode.ErrControl. Any other error is a *RunError,
// as that of Sample.
//
// References:
//
//	[song2021score], [grathwohl2019], [hutchinson1990]
func LogLikelihood(ctx context.Context, p Problem, x []float64, set *LikelihoodSettings) (Likelihood, error) {
	if set == nil {
		set = &LikelihoodSettings{}
	}
	l := &likelihood{problem: p, set: *set}
	if err := l.check(x); err != nil {
		return Likelihood{}, fmt.Errorf("solvers: likelihood: %w", err)
	}
	start := time.Now()
	rows := len(x) / p.Dim
	result := Likelihood{Rows: make([]RowLikelihood, rows), Latents: slices.Clone(x)}
	for i := range result.Rows {
		result.Rows[i] = RowLikelihood{Log: math.NaN(), BitsPerDim: math.NaN(), StandardError: math.NaN()}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := min(max(l.set.Workers, 1), rows)
	errs := make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			f := l.newFlow()
			for i := w * rows / workers; i < (w+1)*rows/workers && errs[w] == nil; i++ {
				result.Rows[i], errs[w] = l.row(ctx, f, result.Latents[i*p.Dim:(i+1)*p.Dim], i)
			}
			if errs[w] != nil {
				cancel()
			}
		})
	}
	group.Wait()
	result.Elapsed = time.Since(start)
	return result, cause(errs)
}

// BitsPerDim returns the code length -log₂ P of a row of dim elements, divided by dim, where log is the natural logarithm of its density and
// P that of the bin of the given width around it in every coordinate, as density times volume:
//
//	-log/(dim·log 2) - log₂ width.
//
// The width is LikelihoodSettings.BinWidth. For 2/256 the second term is 7, the offset of papers on pixels from -1 to 1.
func BitsPerDim(log float64, dim int, width float64) float64 {
	return -log/(float64(dim)*math.Ln2) - math.Log2(width)
}

// likelihood is a call of LogLikelihood.
type likelihood struct {
	problem Problem
	set     LikelihoodSettings
	grid    []float64                 // increasing, from data to noise
	flow    scoremodel.Model          // of kind Flow
	smooth  scoremodel.Differentiable // the same, nil if it knows no derivatives
	sums    int                       // integrals that are carried along, one without probes
	density interface {               // of the model, nil for the prior
		LogDensity(dst, x []float64, t float64)
	}
}

// check refuses bad input, and fills in the defaults.
func (l *likelihood) check(x []float64) error {
	p, set := l.problem, &l.set
	if err := p.check(x); err != nil {
		return err
	}
	switch {
	case set.Divergence < DivergenceExact || set.Divergence > DivergenceHutchinson:
		return fmt.Errorf("%w: unknown %v", ErrParameter, set.Divergence)
	case set.Probe < ProbeRademacher || set.Probe > ProbeGaussian:
		return fmt.Errorf("%w: unknown %v", ErrParameter, set.Probe)
	case set.Probes < 0:
		return fmt.Errorf("%w: %d probes, want at least 1", ErrParameter, set.Probes)
	case set.Probes > 0 && set.Divergence != DivergenceHutchinson:
		return fmt.Errorf("%w: %d probes, the divergence %v has none", ErrParameter, set.Probes, set.Divergence)
	case !(set.Difference >= 0 && set.Difference < 1):
		return fmt.Errorf("%w: Difference is %v, want 0 to 1", ErrParameter, set.Difference)
	case !(set.BinWidth >= 0) || math.IsInf(set.BinWidth, 1):
		return fmt.Errorf("%w: BinWidth is %v, want a finite number, at least 0", ErrParameter, set.BinWidth)
	case set.Workers < 0:
		return fmt.Errorf("%w: %d workers, want at least 0", ErrParameter, set.Workers)
	}
	l.sums = 1
	if set.Divergence == DivergenceHutchinson {
		set.Probes = cmp.Or(set.Probes, 8)
		l.sums = set.Probes
	}
	set.Difference, set.BinWidth = cmp.Or(set.Difference, 6e-6), cmp.Or(set.BinWidth, 1)
	if err := l.checkSteps(); err != nil {
		return err
	}
	if _, err := startsFromNoise(p, []float64{l.grid[len(l.grid)-1]}); err != nil {
		return err
	}
	l.flow = scoremodel.As(p.Model, scoremodel.Flow, p.Schedule)
	l.smooth, _ = scoremodel.Derivatives(l.flow)
	if set.Divergence == DivergenceExact && l.smooth == nil {
		return fmt.Errorf("%w; want differences or hutchinson", ErrNoDerivative)
	}
	if set.Marginal {
		var ok bool
		if l.density, ok = p.Model.(interface {
			LogDensity(dst, x []float64, t float64)
		}); !ok {
			return fmt.Errorf("%w: the model has no density to begin with at the noise end, only the prior is left", ErrProblem)
		}
	}
	return nil
}

// checkSteps fills in grid, control and tableau.
func (l *likelihood) checkSteps() error {
	p, set := l.problem, &l.set
	if set.Grid == nil {
		tmin, tmax := p.Schedule.Domain()
		set.Grid = []float64{tmax, tmin}
		if set.Control == nil {
			set.Control = &ode.Control{Rel: 1e-8, Abs: 1e-8}
		}
	}
	if err := CheckGrid(p.Schedule, set.Grid); err != nil {
		return err
	}
	if EndsClean(p.Schedule, set.Grid) {
		return fmt.Errorf("%w: it ends on clean data, from which no flow leads back; end it in the schedule's domain", ErrGrid)
	}
	l.grid = slices.Clone(set.Grid)
	slices.Reverse(l.grid)
	if len(set.Tableau.B) == 0 {
		set.Tableau = ode.DOP853
	}
	if set.Control == nil {
		return nil
	}
	if set.Tableau.Embedded == nil {
		return fmt.Errorf("%s: %w", set.Tableau.Name, ErrNoEstimate)
	}
	c := *set.Control
	c.Dim = 0 // the state and the integrals of a row are one
	set.Control = &c
	return c.Check()
}

// row integrates the row x, in place, which has the number i in the call.
func (l *likelihood) row(ctx context.Context, f *augmented, x []float64, i int) (RowLikelihood, error) {
	out := RowLikelihood{Log: math.NaN(), BitsPerDim: math.NaN(), StandardError: math.NaN()}
	dim := len(x)
	f.bind(l.problem.Row + i)
	if err := f.draw(l.problem.Row + i); err != nil {
		return out, err
	}
	f.nfe = 0
	state := make([]float64, dim+l.sums)
	copy(state, x)
	st := l.set.Tableau.Stepper(f.derivative, len(state))
	var err error
	if c := l.set.Control; c != nil {
		out.Stats, err = c.Adapt(ctx, st.(ode.Estimator), state, l.grid[0], l.grid[len(l.grid)-1], nil)
	} else {
		out.Stats, err = ode.Integrate(ctx, st, state, l.grid, nil)
	}
	out.NFE = f.nfe
	copy(x, state)
	if err != nil {
		return out, l.locate(err, i)
	}
	mean, deviation := meanAndError(state[dim:])
	if l.set.Divergence != DivergenceHutchinson {
		deviation = 0
	}
	out.Log = l.terminal(x) + mean
	out.StandardError = deviation
	out.BitsPerDim = BitsPerDim(out.Log, dim, l.set.BinWidth)
	return out, nil
}

// locate names the row of an error, whatever the element of the augmented state.
func (l *likelihood) locate(err error, row int) error {
	err = (&run{label: "likelihood", problem: l.problem}).locate(err, row)
	var at *RunError
	if errors.As(err, &at) {
		at.Row = row
	}
	return err
}

// terminal returns the logarithm of the density at the noise end.
func (l *likelihood) terminal(x []float64) float64 {
	t := l.grid[len(l.grid)-1]
	if l.density != nil {
		var out [1]float64
		l.density.LogDensity(out[:], x, t)
		return out[0]
	}
	return LogPrior(l.problem.Schedule.At(t), x)
}

// LogPrior returns the logarithm of the density of Prior at the state x of one row: normal with mean 0 and variance α² + σ².
func LogPrior(p sde.Point, x []float64) float64 {
	v, s := p.Alpha*p.Alpha+p.Sigma*p.Sigma, 0.0
	for _, c := range x {
		s += c * c
	}
	return -(float64(len(x))*math.Log(2*math.Pi*v) + s/v) / 2
}

// meanAndError returns the mean of x and its standard error, NaN for a single value.
func meanAndError(x []float64) (mean, err float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	s := 0.0
	for _, v := range x {
		s += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(s / (n - 1) / n)
}

// augmented is the flow of a row together with its divergence, or with one estimate of it for each probe.
type augmented struct {
	*likelihood
	flow   scoremodel.Model // of the likelihood, bound to the row that is integrated
	nfe    int
	probes []float64 // Probes × Dim, of the row that is integrated

	// For a block of directions: states, and what the model makes of them.
	states, values, tangents []float64
}

// blockRows is the greatest number of states that are handed to the model at once.
const blockRows = 64

func (l *likelihood) newFlow() *augmented {
	f := &augmented{likelihood: l}
	directions, dim := 2*l.problem.Dim, l.problem.Dim
	if l.set.Divergence == DivergenceHutchinson {
		f.probes = make([]float64, l.set.Probes*dim)
		directions = 2 * l.set.Probes
	}
	if l.set.Divergence != DivergenceExact {
		n := min(directions, blockRows) * dim
		f.states, f.values, f.tangents = make([]float64, n), make([]float64, n), make([]float64, n)
	}
	return f
}

// bind makes f.flow that of a row. A RowModel is asked for one state at a time, for all states are of the one row.
func (f *augmented) bind(row int) {
	f.flow = f.likelihood.flow
	if _, ok := f.problem.Model.(scoremodel.RowModel); ok {
		f.flow = oneRow{scoremodel.Rows(f.flow, row), f.problem.Dim}
	}
}

// oneRow is a model for states of the one row to which it is bound.
type oneRow struct {
	scoremodel.Model
	dim int
}

func (o oneRow) Predict(dst, x []float64, t float64) error {
	for lo := 0; lo < len(x); lo += o.dim {
		if err := o.Model.Predict(dst[lo:lo+o.dim], x[lo:lo+o.dim], t); err != nil {
			return err
		}
	}
	return nil
}

// probeSeed keeps the probes apart from the normals of the same seed that made the rows.
const probeSeed = 0x6c62272e07bb0142

// draw makes the probes of a row.
func (f *augmented) draw(row int) error {
	if f.probes == nil {
		return nil
	}
	dim := f.problem.Dim
	path := sde.Fresh{Seed: f.set.Seed ^ probeSeed}.Path(row, 1, dim)
	for k := range f.set.Probes {
		v := f.probes[k*dim : (k+1)*dim]
		if err := path.Increment(v, float64(k), float64(k+1)); err != nil {
			return err
		}
		if f.set.Probe == ProbeRademacher {
			for j := range v {
				v[j] = math.Copysign(1, v[j])
			}
		}
	}
	return nil
}

// derivative is the right-hand side of the augmented system, an ode.Func.
func (f *augmented) derivative(dst, state []float64, t float64) error {
	dim := f.problem.Dim
	flow, sums, x := dst[:dim], dst[dim:], state[:dim]
	var err error
	switch {
	case f.set.Divergence == DivergenceExact:
		f.nfe++
		err = f.smooth.PredictDivergence(flow, sums, x, t)
	case f.set.Divergence == DivergenceHutchinson && f.smooth != nil:
		err = f.products(flow, sums, x, t)
	default:
		f.nfe++
		if err = f.flow.Predict(flow, x, t); err == nil {
			err = f.differences(sums, x, t)
		}
	}
	if err != nil {
		return &predictionError{t, -1, err}
	}
	if i := vec.FirstNonFinite(dst); i >= 0 {
		return &predictionError{t, 0, fmt.Errorf("%w: the flow or its divergence is %v", ode.ErrNonFinite, dst[i])}
	}
	return nil
}

// products writes the flow and, for each probe, vᵀJv, from products J·v.
func (f *augmented) products(flow, sums, x []float64, t float64) error {
	dim := len(x)
	most := len(f.states) / dim
	for lo := 0; lo < len(sums); lo += most {
		hi := min(lo+most, len(sums))
		n := (hi - lo) * dim
		for i := 0; i < n; i += dim {
			copy(f.states[i:], x)
		}
		v := f.probes[lo*dim : hi*dim]
		f.nfe += hi - lo
		if err := f.smooth.PredictTangent(f.values[:n], f.tangents[:n], f.states[:n], v, t); err != nil {
			return err
		}
		for k := lo; k < hi; k++ {
			sums[k] = 0
			for j, c := range v[(k-lo)*dim:][:dim] {
				sums[k] += c * f.tangents[(k-lo)*dim+j]
			}
		}
	}
	copy(flow, f.values[:dim])
	return nil
}

// differences writes the sum over the coordinates, or for each probe vᵀJv, from central differences.
func (f *augmented) differences(sums, x []float64, t float64) error {
	dim := len(x)
	directions := dim
	if f.probes != nil {
		directions = len(sums)
	}
	p := f.problem.Schedule.At(t)
	h := f.set.Difference * math.Sqrt(p.Sigma*math.Hypot(p.Alpha, p.Sigma))
	most := len(f.states) / dim / 2
	clear(sums)
	for lo := 0; lo < directions; lo += most {
		hi := min(lo+most, directions)
		n := 2 * (hi - lo) * dim
		for k := lo; k < hi; k++ {
			up, down := f.states[2*(k-lo)*dim:][:dim], f.states[(2*(k-lo)+1)*dim:][:dim]
			copy(up, x)
			copy(down, x)
			if f.probes == nil {
				up[k], down[k] = x[k]+h, x[k]-h
				continue
			}
			for j, v := range f.probes[k*dim:][:dim] {
				up[j], down[j] = x[j]+h*v, x[j]-h*v
			}
		}
		f.nfe += 2 * (hi - lo)
		if err := f.flow.Predict(f.values[:n], f.states[:n], t); err != nil {
			return err
		}
		for k := lo; k < hi; k++ {
			up, down := f.values[2*(k-lo)*dim:][:dim], f.values[(2*(k-lo)+1)*dim:][:dim]
			if f.probes == nil {
				// Of the states as they were rounded, lest a short step lose its digits.
				sums[0] += (up[k] - down[k]) / (f.states[2*(k-lo)*dim+k] - f.states[(2*(k-lo)+1)*dim+k])
				continue
			}
			for j, v := range f.probes[k*dim:][:dim] {
				sums[k] += v * (up[j] - down[j]) / (2 * h)
			}
		}
	}
	return nil
}
