package scheduler

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/solvers"
)

// The classes of this file hold the state x/α and step in κ, which they call sigma.

// smallestAlphaBar stands for 0 at the end of a table that is rescaled to zero signal.
const smallestAlphaBar = 1.0 / (1 << 24)

// sigmaLevels returns the levels of these classes, without the end, their timesteps and the table.
func (r *Run) sigmaLevels() (sigmas, timesteps []float64, t *table, err error) {
	c := r.config
	if t, err = newTable(c, smallestAlphaBar); err != nil {
		return nil, nil, nil, err
	}
	timesteps = c.spaced(r.steps, true)
	sigmas = t.interpolate(timesteps)
	if c.text("interpolation_type") == "log_linear" {
		// Note: N+1 levels of the whole table for N timesteps, which are those of the spacing.
		last := len(t.sigmas) - 1
		sigmas = exponential(t.sigmas[last], t.sigmas[0], r.steps+1)
	}
	if grid := c.grid(sigmas[0], sigmas[len(sigmas)-1], r.steps); grid != nil {
		sigmas, timesteps = grid, mapped(grid, t.timestep)
		if c.flag("use_karras_sigmas") && (c.Class == "KDPM2DiscreteScheduler" || c.Class == "KDPM2AncestralDiscreteScheduler") {
			timesteps = mapped(timesteps, math.RoundToEven)
		}
	}
	r.scaleBy(sigmas)
	return sigmas, timesteps, t, nil
}

// scaleBy sets what standard normals are multiplied by to give the initial state.
func (r *Run) scaleBy(sigmas []float64) {
	r.InitNoiseSigma = sigmas[0]
	if r.config.text("timestep_spacing") == "leading" {
		r.InitNoiseSigma = math.Hypot(sigmas[0], 1)
	}
}

// twice lists all entries but the first twice.
func twice(x []float64) []float64 {
	out := x[:1:1]
	for _, v := range x[1:] {
		out = append(out, v, v)
	}
	return out
}

func buildEuler(r *Run) error {
	c := r.config
	if c.text("timestep_type") == "continuous" {
		return fmt.Errorf(`%w: timestep_type "continuous" is not available`, solvers.ErrParameter)
	}
	sigmas, timesteps, t, err := r.sigmaLevels()
	if err != nil {
		return err
	}
	last := 0.0
	if c.text("final_sigmas_type") == "sigma_min" {
		last = t.sigmas[0]
	}
	r.Sigmas, r.Timesteps = append(sigmas[:len(sigmas):len(sigmas)], last), timesteps
	if c.text("interpolation_type") == "log_linear" && len(sigmas) > len(timesteps) {
		sigmas = sigmas[:len(timesteps)+1] // it never gets to the last
		r.Warnings = append(r.Warnings, "interpolation_type log_linear makes one level too many: the run ends at the last but one, which is not the end that final_sigmas_type says")
	} else {
		sigmas = r.Sigmas
	}
	if err := r.climb(ve, sigmas, timesteps, t); err != nil {
		return err
	}
	r.Solver = solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}
	if r.argument("s_churn") > 0 {
		return r.churn(sigmas, timesteps, nil)
	}
	return nil
}

// churn replaces the solver by Euler's method with churn. For the EDM classes, move makes of the clean data expected of the state before, at
// sigma, what the network's output says of another state at hat.
func (r *Run) churn(sigmas, timesteps []float64, move func(dst, state, before, data []float64, sigma, hat float64)) error {
	r.Warnings = append(r.Warnings, "s_churn: the class evaluates the network before it adds the noise, and steps from the level after it")
	r.walk("churn", len(timesteps), true, func(p solvers.Problem, size int) (ode.Stepper, error) {
		z, err := newNormals(p, size)
		return &churned{r, p.Model, sigmas, timesteps, move, make([]float64, size), make([]float64, size), z}, err
	})
	return nil
}

// churned is Euler's method in κ with noise added to the state and to κ before a step, after the evaluation.
type churned struct {
	run               *Run
	model             scoremodel.Model // the network
	sigmas, timesteps []float64
	move              func(dst, state, before, data []float64, sigma, hat float64)
	out, data         []float64
	normals           *normals
}

func (s *churned) Step(dst, src []float64, at ode.Span) error {
	i := index(at, len(s.timesteps))
	sigma, next := s.sigmas[i], s.sigmas[i+1]
	level := ve.point(sigma)
	vec.Lin(s.data, vec.Term{C: 1 / math.Hypot(1, sigma), X: src})
	if err := s.model.Predict(s.out, s.data, s.timesteps[i]); err != nil {
		return err
	}
	gamma := 0.0
	if s.run.argument("s_tmin") <= sigma && sigma <= s.run.argument("s_tmax") {
		gamma = math.Min(s.run.argument("s_churn")/float64(len(s.sigmas)-1), math.Sqrt2-1)
	}
	hat := sigma * (1 + gamma)
	copy(s.data, src)
	if gamma > 0 {
		z, err := s.normals.draw(at)
		if err != nil {
			return err
		}
		vec.Lin(s.data, vec.Term{C: 1, X: src}, vec.Term{C: s.run.argument("s_noise") * math.Sqrt(hat*hat-sigma*sigma), X: z})
	}
	if s.move != nil { // while src is there
		s.move(s.out, s.data, src, s.out, sigma, hat)
	}
	copy(dst, s.data)
	kind := s.model.Kind()
	switch {
	case s.move != nil:
		copy(s.data, s.out)
	case kind == scoremodel.Epsilon:
		vec.Lin(s.data, vec.Term{C: 1, X: dst}, vec.Term{C: -hat, X: s.out})
	default: // by the level without the noise
		convert(s.data, dst, s.out, kind, scoremodel.Data, level)
	}
	// x + (x - D)/κ̂·(κ' - κ̂)
	w := next / hat
	vec.Lin(dst, vec.Term{C: w, X: dst}, vec.Term{C: 1 - w, X: s.data})
	return nil
}

func buildEulerAncestral(r *Run) error {
	sigmas, timesteps, t, err := r.sigmaLevels()
	if err != nil {
		return err
	}
	r.Sigmas, r.Timesteps = append(sigmas, 0), timesteps
	r.Solver = solvers.Ancestral{Inner: solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}, Eta: 1}
	return r.climb(ve, r.Sigmas, timesteps, t)
}

func buildHeun(r *Run) error {
	sigmas, timesteps, t, err := r.sigmaLevels()
	if err != nil {
		return err
	}
	r.Sigmas, r.Timesteps = append(twice(sigmas), 0), twice(timesteps)
	r.Solver = solvers.RungeKutta{Tableau: ode.Heun, In: solvers.Kappa}
	return r.climb(ve, append(sigmas, 0), timesteps, t)
}

func buildLMS(r *Run) error {
	sigmas, timesteps, t, err := r.sigmaLevels()
	if err != nil {
		return err
	}
	r.Sigmas, r.Timesteps = append(sigmas, 0), timesteps
	order, _ := r.arguments["order"].(int)
	r.Solver = solvers.LMS{Order: order}
	return r.climb(ve, r.Sigmas, timesteps, t)
}

func buildKDPM2(r *Run) error {
	sigmas, timesteps, t, err := r.sigmaLevels()
	if err != nil {
		return err
	}
	r.Timesteps = timesteps[:1:1]
	for i := range timesteps[1:] {
		middle := math.Sqrt(sigmas[i] * sigmas[i+1])
		r.Timesteps = append(r.Timesteps, t.timestep(middle), timesteps[i+1])
	}
	r.Sigmas = append(twice(append(sigmas, 0)), 0)
	r.Solver = solvers.KDPM2{}
	return r.climb(ve, append(sigmas, 0), timesteps, t)
}

func buildKDPM2Ancestral(r *Run) error {
	sigmas, timesteps, t, err := r.sigmaLevels()
	if err != nil {
		return err
	}
	r.Timesteps = timesteps[:1:1]
	for i := range timesteps[1:] {
		// Without noise a step goes to κ'²/κ; the geometric mean of κ and that is κ', whose timestep the class finds by log κ.
		r.Timesteps = append(r.Timesteps, t.timestep(sigmas[i+1]), timesteps[i+1])
	}
	r.Sigmas = append(twice(append(sigmas, 0)), 0)
	r.Solver = staged{solvers.Ancestral{Inner: solvers.KDPM2{}, Eta: 1}}
	return r.climb(ve, append(sigmas, 0), timesteps, t)
}

// staged is a solver of two evaluations a step. The second is moved off the level on which it may lie: the class finds the
// timesteps of its stages by log κ, which is not how it found those of the levels.
type staged struct{ solvers.Solver }

// Start implements solvers.Solver.
func (s staged) Start(p solvers.Problem, size int) (ode.Stepper, error) {
	p.Model = &stagedModel{Model: p.Model}
	return s.Solver.Start(p, size)
}

type stagedModel struct {
	scoremodel.Model
	stage bool
}

func (m *stagedModel) Predict(dst, x []float64, t float64) error {
	if m.stage {
		t *= 1 - 0x1p-50
	}
	m.stage = !m.stage
	return m.Model.Predict(dst, x, t)
}
