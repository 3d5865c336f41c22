package solvers

import (
	"errors"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// A Problem is what there is to sample from. It is safe for concurrent use if its
// parts are.
type Problem struct {
	Schedule sde.Schedule
	Model    scoremodel.Model
	Dim      int       // elements of one sample; a state holds one or more rows of them
	Noise    sde.Noise // for stochastic solvers
	Row      int       // number of the state's first row in the whole batch; it keys the noise, and what a RowModel knows of its rows
}

// Errors of Start, Sample, Trace and ByName, to be tested with errors.Is.
var (
	ErrProblem        = errors.New("bad problem")
	ErrParameter      = errors.New("bad parameter")
	ErrNeedsNoise     = errors.New("the solver is stochastic and the problem has no noise")
	ErrNoEstimate     = errors.New("the solver does not estimate its error, so its steps cannot be adapted")
	ErrUnknown        = errors.New("unknown name")
	ErrNotLinear      = errors.New("the solver is not linear in the state, the model's outputs and the noise")
	ErrVarianceUnused = errors.New("the model predicts a variance, which the solver does not use")
	ErrNotSame        = errors.New("the solvers do not evaluate the model at the same times")
)

// path returns the Brownian path of a state of n elements.
func (p Problem) path(n int) (sde.Brownian, error) {
	if p.Noise == nil {
		return nil, ErrNeedsNoise
	}
	if c, ok := p.Noise.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProblem, err)
		}
	}
	return p.Noise.Path(p.Row, n/p.Dim, p.Dim), nil
}

// check finds what is wrong with the problem and the state, before any work.
func (p Problem) check(x []float64) error {
	switch {
	case p.Schedule == nil:
		return fmt.Errorf("%w: it has no schedule", ErrProblem)
	case p.Model == nil:
		return fmt.Errorf("%w: it has no model", ErrProblem)
	case p.Dim <= 0:
		return fmt.Errorf("%w: Dim is %d, want at least 1", ErrProblem, p.Dim)
	case p.Row < 0:
		return fmt.Errorf("%w: Row is %d, want at least 0", ErrProblem, p.Row)
	case len(x) == 0:
		return fmt.Errorf("%w: the state is empty", ErrProblem)
	case len(x)%p.Dim != 0:
		return fmt.Errorf("%w: a state of %d elements is not a whole number of rows of %d", ErrProblem, len(x), p.Dim)
	}
	if k := p.Model.Kind(); k < scoremodel.Epsilon || k > scoremodel.Flow {
		return fmt.Errorf("%w: the model's prediction is of an unknown kind, %v", ErrProblem, k)
	}
	if m, ok := p.Model.(interface{ Dim() int }); ok && m.Dim() != p.Dim {
		return fmt.Errorf("%w: the model is for rows of %d elements, Dim is %d", ErrProblem, m.Dim(), p.Dim)
	}
	if i := vec.FirstNonFinite(x); i >= 0 {
		return fmt.Errorf("%w: the state is %v in row %d, element %d", ErrProblem, x[i], i/p.Dim, i%p.Dim)
	}
	return checkSchedule(p.Schedule)
}

func checkSchedule(s sde.Schedule) error {
	if c, ok := s.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrProblem, err)
		}
	}
	return nil
}

// Info is what is known of a Solver before it runs. It is plain data.
//
// An order is claimed for smooth models on smooth grids, and on grids whose steps vary by
// a bounded ratio unless said otherwise. 0 means that no order of that sense is claimed.
type Info struct {
	Name        string          // key in the catalogue, such as "dpm++2m"
	About       string          // one line
	Order       int             // global order as a method for the probability flow
	WeakOrder   float64         // order of the law of the result, for the reverse SDE
	StrongOrder float64         // order of the path of the result, given the Brownian path
	NFE         int             // model evaluations per step
	StartNFE    int             // and those that beginning a trajectory adds, in equal parts to
	StartSteps  int             // the first steps, of which there are this many; 0 means one
	Memory      int             // earlier predictions that a step uses
	Stochastic  bool            // needs Problem.Noise
	Outside     bool            // evaluates the model at times outside of the step too, as its paper does
	Variance    bool            // uses what a scoremodel.VarianceModel predicts
	Adaptive    bool            // its steps can be adapted: it is Adaptive, or its Stepper an ode.Estimator
	Approximate bool            // samples do not tend to the model's law with more steps, and no order is claimed
	Kind        scoremodel.Kind // the prediction it works in
	Ref         string          // key in references.bib
}

// Evaluations returns the number of model evaluations of a run of the given number of steps, at least 1.
func (i Info) Evaluations(steps int) int {
	start := max(i.StartSteps, 1)
	return steps*i.NFE + i.StartNFE/start*min(steps, start)
}

// Steps returns the largest number of steps that a budget of nfe evaluations allows, perhaps 0. It is 0 for the Info of
// parameters that Start refuses, if they make a step of no evaluations.
func (i Info) Steps(nfe int) int {
	start := max(i.StartSteps, 1)
	first := i.NFE + i.StartNFE/start
	if i.NFE < 1 || first < 1 {
		return 0
	}
	return max(0, min(nfe/first, start), (nfe-i.StartNFE)/i.NFE)
}

// A Solver is a sampling method with its parameters: a small value that holds no state of a
// run, so it may be copied, compared by its fields and used concurrently.
//
// Fields that may be set from text carry the tag `param:"name"`; see Parse.
type Solver interface {
	// Info describes the solver. The result depends on the parameters only.
	Info() Info

	// Start binds the solver to p and allocates the workspace for states of n
	// elements, a whole number of rows. It returns an error, before any evaluation, if a parameter is
	// out of range or if p lacks something that the solver needs.
	Start(p Problem, n int) (ode.Stepper, error)
}

// An Adaptive solver takes other steps when they are adapted than on a grid: those from which it learns their error.
type Adaptive interface {
	Solver

	// StartAdaptive is Start for a run with Settings.Control.
	StartAdaptive(p Problem, n int) (ode.Estimator, error)
}

// startAdaptive starts s for adaptive steps.
func startAdaptive(s Solver, p Problem, n int) (ode.Estimator, error) {
	if a, ok := s.(Adaptive); ok {
		return a.StartAdaptive(p, n)
	}
	st, err := s.Start(p, n)
	if err != nil {
		return nil, err
	}
	e, ok := st.(ode.Estimator)
	switch stochastic := s.Info().Stochastic; {
	case !ok && stochastic:
		return nil, fmt.Errorf("%w; of the stochastic ones sra1, sra2, sra3, shark and stochasticheun do", ErrNoEstimate)
	case !ok:
		return nil, ErrNoEstimate
	case stochastic:
		return nil, fmt.Errorf("%w: a stochastic solver with adaptive steps must be Adaptive, to revisit the path of the steps that were rejected", ErrParameter)
	}
	return e, nil
}

// lasting returns the length of the shortest interval of the noise, which must remember and know the times from one to another.
func (p Problem) lasting(from, to float64) (float64, error) {
	path, err := p.path(p.Dim)
	if err != nil {
		return 0, err
	}
	l, ok := path.(sde.Lasting)
	if !ok {
		return 0, fmt.Errorf("%w: %w: not of %T; set Problem.Noise to an sde.Tree from %v to %v", ErrParameter, sde.ErrForgets, p.Noise, from, to)
	}
	if err := l.Increment(make([]float64, p.Dim), from, to); err != nil {
		return 0, fmt.Errorf("%w: the noise does not know the run's times: %w", ErrParameter, err)
	}
	return l.Leaf(), nil
}

// A Finisher is a Stepper whose formula holds for a step to clean data, where σ = 0 and λ
// is infinite. Other steppers are not asked for such a step.
type Finisher interface {
	ode.Stepper
	ReachesClean()
}

// begin starts s for a run over grid. If the run ends on clean data and the solver's
// formula does not reach it, the last step is the model's prediction of it. If it starts from pure noise, the
// first step is.
func begin(s Solver, p Problem, n int, grid []float64) (ode.Stepper, error) {
	noise, err := startsFromNoise(p, grid)
	if err != nil {
		return nil, err
	}
	st, err := s.Start(p, n)
	if err != nil {
		return nil, err
	}
	_, finisher := st.(Finisher)
	finish, leave := EndsClean(p.Schedule, grid) && !finisher, noise && s.Info().Kind != scoremodel.Flow
	if !finish && !leave {
		return st, nil
	}
	ends := newPredicting(p, n)
	if finish {
		st = &finishing{st, ends}
	}
	if leave {
		st = &leaving{st, ends}
	}
	return st, nil
}

// startsFromNoise reports whether the grid starts where α = 0, and refuses a model that says nothing of the data
// there.
func startsFromNoise(p Problem, grid []float64) (bool, error) {
	if p.Schedule.At(grid[0]).Alpha != 0 {
		return false, nil
	}
	if k := p.Model.Kind(); k == scoremodel.Epsilon || k == scoremodel.Score {
		return true, fmt.Errorf("%w: alpha is 0 at time %v, where no data prediction follows from the model's %v prediction; want data, velocity or flow, or a grid that starts later",
			ErrProblem, grid[0], k)
	}
	return true, nil
}

// predicting takes steps x_t = (σ_t/σ_s)(x_s - α_s x₀) + α_t x₀ with the model's prediction x₀: exact if it does not
// change, and the limit of every consistent method for steps to σ_t = 0 or from α_s = 0.
type predicting struct {
	schedule sde.Schedule
	model    scoremodel.Model // of the data
	x        []float64        // the prediction
}

func newPredicting(p Problem, n int) predicting {
	return predicting{schedule: p.Schedule, model: scoremodel.As(p.Model, scoremodel.Data, p.Schedule), x: make([]float64, n)}
}

func (p *predicting) step(dst, src []float64, at ode.Span) error {
	from, to := p.schedule.At(at.From), p.schedule.At(at.To)
	if err := p.model.Predict(p.x, src, at.From); err != nil {
		return err
	}
	if to.Sigma == 0 {
		vec.Lin(dst, vec.Term{C: to.Alpha, X: p.x})
		return nil
	}
	carry := to.Sigma / from.Sigma
	vec.Lin(dst, vec.Term{C: carry, X: src}, vec.Term{C: to.Alpha - carry*from.Alpha, X: p.x})
	return nil
}

// finishing takes the step to clean data in a solver's stead.
type finishing struct {
	ode.Stepper
	predicting
}

func (f *finishing) Step(dst, src []float64, at ode.Span) error {
	if f.schedule.At(at.To).Sigma != 0 {
		return f.Stepper.Step(dst, src, at)
	}
	return f.step(dst, src, at)
}

// leaving takes the step from pure noise in a solver's stead, for which the run begins after it.
type leaving struct {
	ode.Stepper
	predicting
}

func (l *leaving) Step(dst, src []float64, at ode.Span) error {
	if at.Index == 0 {
		return l.step(dst, src, at)
	}
	at.Index--
	at.N = max(at.N-1, 0)
	return l.Stepper.Step(dst, src, at)
}

// Prior returns rows rows of dim elements of what a sampler starts from: normal with
// mean 0 and variance α² + σ² at the noise end, the marginal of data with mean 0 and variance 1; it is 1 for
// every variance-preserving schedule. Row i depends on seed and i alone.
func Prior(s sde.Schedule, seed uint64, rows, dim int) []float64 {
	x := make([]float64, rows*dim)
	sde.Fresh{Seed: seed}.Normals(x, 0, dim)
	_, tmax := s.Domain()
	p := s.At(tmax)
	// Not for variance-preserving schedules, where rounding would only blur the normals.
	if std := math.Hypot(p.Alpha, p.Sigma); math.Abs(std-1) > 1e-12 {
		vec.Lin(x, vec.Term{C: std, X: x})
	}
	return x
}
