package scheduler

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Run is a config, ready to sample from a problem: pass Solver, Problem and Grid to solvers.Sample. The
// initial state is the one that the class gets, scaled by its InitNoiseSigma, and the final state is what it returns.
type Run struct {
	Solver  solvers.Solver
	Problem solvers.Problem // Noise is for the caller to set
	Grid    []float64       // steps, or evaluations, left

	// Timesteps and Sigmas are the lists of the class. Classes of two evaluations a step list most entries twice; Sigmas is nil if the class has none.
	Timesteps, Sigmas []float64

	// Times are those at which the problem's model is asked, one for each of Timesteps.
	Times []float64

	// InitNoiseSigma scales standard normals to the initial state.
	InitNoiseSigma float64

	// Warnings are those of the config, and what is to be said of the run.
	Warnings []string

	config    *Config
	steps     int
	arguments fields
	network   *network
	limit     func(x []float64)
	deaf      bool // the first evaluation is not made
	problem   solvers.Problem
}

// ErrBroken means that the class itself fails on what it is asked to do: it divides by zero, or leaves its table.
var ErrBroken = errors.New("the class breaks")

// Run prepares a run of the given number of steps, as the class counts them, on a problem. arguments are those of the class' step by
// name, such as "eta": "0.5"; nil is none.
func (c *Config) Run(p solvers.Problem, steps int, arguments map[string]string) (*Run, error) {
	spec := classes[c.Class]
	if most := c.whole("num_train_timesteps"); steps < 1 || steps > most {
		return nil, fmt.Errorf("%s: %w: %d steps, want 1 to %d", c.Class, solvers.ErrParameter, steps, most)
	}
	r := &Run{config: c, steps: steps, problem: p, InitNoiseSigma: 1, Warnings: slices.Clone(c.Warnings)}
	var err error
	if r.arguments, err = parse(spec.arguments, arguments); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Class, err)
	}
	kind := kindOf(c.text("prediction_type"))
	r.limit = c.limiter(p.Dim)
	r.network = &network{model: scoremodel.As(p.Model, kind, p.Schedule), problem: p.Schedule,
		time: func(n float64) (t, scale float64) {
			return (n + 1) / float64(c.whole("num_train_timesteps")), 1
		},
		buffers: &sync.Pool{New: func() any { return new([]float64) }}}
	if err := spec.build(r); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Class, err)
	}
	for i, n := range r.Timesteps {
		t, _ := r.network.time(n)
		if err := r.network.check(n, t); err != nil && !(i == 0 && r.deaf) {
			return nil, fmt.Errorf("%s: %w", c.Class, err)
		}
		r.Times = append(r.Times, t)
	}
	if _, ok := spec.fields["beta_schedule"]; ok {
		if err := r.compare(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Class, err)
		}
	}
	r.Problem.Dim, r.Problem.Noise = p.Dim, p.Noise
	return r, nil
}

// compare warns if the table and the problem's schedule are not those of the same network: the class feeds the model states and
// takes its predictions for those of other levels of noise.
func (r *Run) compare() error {
	t, err := newTable(r.config, smallestAlphaBar)
	if err != nil {
		return err
	}
	n := t.steps() / 2
	time, _ := r.network.time(float64(n))
	p := r.problem.Schedule.At(time)
	switch lambda := -t.logSigmas[n]; {
	case !(math.Abs(math.Hypot(p.Alpha, p.Sigma)-1) < 1e-6):
		r.Warnings = append(r.Warnings, fmt.Sprintf("the class feeds the model states of alpha² + sigma² = 1, the problem has alpha %.4g and sigma %.4g at time %.4g", p.Alpha, p.Sigma, time))
	case !(math.Abs(lambda-p.Lambda()) < 0.1):
		r.Warnings = append(r.Warnings, fmt.Sprintf("the betas are not the problem's: at timestep %d sigma/alpha is %.4g, the problem's at time %.4g is %.4g", n, t.sigmas[n], time, p.Kappa()))
	}
	return nil
}

// parse reads arguments given as text.
func parse(known fields, given map[string]string) (fields, error) {
	out := join(known)
	for _, key := range slices.Sorted(maps.Keys(given)) {
		text := given[key]
		standard, ok := known[key]
		if !ok {
			if len(known) == 0 {
				return nil, fmt.Errorf("%w: its step takes no arguments, %q is given", solvers.ErrParameter, key)
			}
			return nil, solvers.Unknown("argument", key, slices.Sorted(maps.Keys(known)))
		}
		var err error
		want := ""
		switch standard.(type) {
		case float64:
			want = "a number not below 0"
			var v float64
			if v, err = strconv.ParseFloat(text, 64); err == nil && !(v >= 0 && v <= maxNumber) {
				err = strconv.ErrRange
			}
			out[key] = v
		case int:
			want = "1 to 4"
			var v int
			if v, err = strconv.Atoi(text); err == nil && (v < 1 || v > 4) {
				err = strconv.ErrRange
			}
			out[key] = v
		case bool:
			want = "true or false"
			out[key], err = strconv.ParseBool(text)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s is %q, want %s", solvers.ErrParameter, key, text, want)
		}
	}
	return out, nil
}

func (r *Run) argument(key string) float64 { v, _ := r.arguments[key].(float64); return v }

// climb poses the run as one over the levels of sigmas, the last of which is the end, with a timestep for each of the others.
func (r *Run) climb(s space, sigmas, timesteps []float64, t *table) error {
	// Levels that differ by rounding are the same.
	sigmas = slices.Clone(sigmas)
	for i := 1; i < len(sigmas); i++ {
		if math.Abs(sigmas[i]-sigmas[i-1]) <= 1e-12*sigmas[i] {
			sigmas[i] = sigmas[i-1]
		}
	}
	l := newLadder(s, sigmas)
	for i, p := range l.levels {
		last := i == l.steps()
		if !(p.Sigma > 0 || last && p.Sigma == 0) || !(p.Alpha > 0) {
			return fmt.Errorf("%w: sigma is %v at level %d of %d", ErrBroken, sigmas[i], i, l.steps())
		}
		if i > 0 && sigmas[i] > sigmas[i-1] {
			return fmt.Errorf("%w: sigma grows from %v to %v at level %d of %d", ErrBroken, sigmas[i-1], sigmas[i], i, l.steps())
		}
	}
	if len(timesteps) > 1 && timesteps[0] == timesteps[1] {
		return fmt.Errorf("%w: the first two timesteps are both %v; it takes the second for the first, and leaves its table at the end", ErrBroken, timesteps[0])
	}
	r.Problem.Model = &view{r.network, l, func(at float64, p sde.Point) float64 {
		if i, ok := l.level(at); ok && i < len(timesteps) {
			return timesteps[i]
		}
		return t.timestep(p.Kappa())
	}, r.limit}
	r.Problem.Schedule, r.Grid = l, l.grid()
	return nil
}

// walk poses the run as n steps of a stepper that has levels of its own.
func (r *Run) walk(name string, n int, stochastic bool, start func(p solvers.Problem, size int) (ode.Stepper, error)) {
	r.Problem.Schedule, r.Problem.Model = clock(n), r.network
	r.Grid = ramp(float64(n), 0, n+1)
	r.Solver = method{solvers.Info{Name: name, About: "as " + r.config.Class + " does it", NFE: 1, Stochastic: stochastic}, start}
}

// method is a solver that is a function.
type method struct {
	info  solvers.Info
	start func(p solvers.Problem, size int) (ode.Stepper, error)
}

// Info implements solvers.Solver.
func (m method) Info() solvers.Info { return m.info }

// Start implements solvers.Solver.
func (m method) Start(p solvers.Problem, size int) (ode.Stepper, error) { return m.start(p, size) }

// clock is the schedule of a run whose stepper does not ask for one: times from its value to 0.
type clock int

// At implements sde.Schedule.
func (clock) At(t float64) sde.Point { p := vp.point(math.Exp(t / 1e6)); p.T = t; return p }

// Time implements sde.Schedule.
func (clock) Time(lambda float64) float64 { return -lambda * 1e6 }

// Domain implements sde.Schedule.
func (c clock) Domain() (tmin, tmax float64) { return 0, float64(c) }

// index returns the number of the step of a walk.
func index(at ode.Span, n int) int { return min(max(n-int(math.Round(at.From)), 0), n-1) }

// normals draws standard normals.
type normals struct {
	path sde.Brownian
	z    []float64
}

func newNormals(p solvers.Problem, size int) (*normals, error) {
	if p.Noise == nil {
		return nil, solvers.ErrNeedsNoise
	}
	return &normals{p.Noise.Path(p.Row, size/p.Dim, p.Dim), make([]float64, size)}, nil
}

func (n *normals) draw(at ode.Span) ([]float64, error) {
	if err := n.path.Increment(n.z, at.From, at.To); err != nil {
		return nil, err
	}
	vec.Lin(n.z, vec.Term{C: 1 / math.Sqrt(math.Abs(at.To-at.From)), X: n.z})
	return n.z, nil
}

// ending is a solver whose last step is that of another.
type ending struct {
	solvers.Solver
	last solvers.Solver
}

// Start implements solvers.Solver.
func (e ending) Start(p solvers.Problem, size int) (ode.Stepper, error) {
	main, err := e.Solver.Start(p, size)
	if err != nil {
		return nil, err
	}
	last, err := e.last.Start(p, size)
	return &endingStepper{main, last}, err
}

type endingStepper struct {
	ode.Stepper
	last ode.Stepper
}

func (e *endingStepper) Step(dst, src []float64, at ode.Span) error {
	if at.N > 0 && at.Index == at.N-1 {
		at.Index, at.N = 0, 1
		return e.last.Step(dst, src, at)
	}
	return e.Stepper.Step(dst, src, at)
}

// still is a solver that stays where the next level is the same.
type still struct{ solvers.Solver }

// Start implements solvers.Solver.
func (s still) Start(p solvers.Problem, size int) (ode.Stepper, error) {
	st, err := s.Solver.Start(p, size)
	return &stillStepper{st, p.Schedule}, err
}

type stillStepper struct {
	ode.Stepper
	schedule sde.Schedule
}

func (s *stillStepper) Step(dst, src []float64, at ode.Span) error {
	if s.schedule.At(at.From).Sigma == s.schedule.At(at.To).Sigma {
		copy(dst, src)
		return nil
	}
	return s.Stepper.Step(dst, src, at)
}
