package scheduler

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// The classes of this file do not count timesteps of a table: their networks are conditioned on the noise level itself. So the problem's
// model is asked where the problem has that level.

// byNoise makes the network ask the problem where κ is that of the timestep. Its answer is of kind k.
func (r *Run) byNoise(kappa func(timestep float64) float64, k scoremodel.Kind) {
	s := r.problem.Schedule
	r.network.model = scoremodel.As(r.problem.Model, k, s)
	r.network.time = func(timestep float64) (t, scale float64) {
		t = s.Time(-math.Log(kappa(timestep)))
		p := s.At(t)
		return t, math.Hypot(p.Alpha, p.Sigma)
	}
}

// edmLevels returns the levels of the EDM classes and sets what follows from them.
func (r *Run) edmLevels(end func(last float64) float64) error {
	c := r.config
	first, last := c.number("sigma_max"), c.number("sigma_min")
	if first <= last {
		return fmt.Errorf("%w: sigma_max is %v and sigma_min %v, want sigma_min below sigma_max", solvers.ErrParameter, first, last)
	}
	sigmas := karras(first, last, c.number("rho"), r.steps)
	if c.text("sigma_schedule") == "exponential" {
		// Note: the class makes this grid from the data's end, so that one step alone is from sigma_min.
		sigmas = reversed(exponential(last, first, r.steps))
	}
	r.Timesteps = mapped(sigmas, func(s float64) float64 { return math.Log(s) / 4 })
	r.Sigmas = append(sigmas, 0)
	if c.text("final_sigmas_type") == "sigma_min" {
		r.Sigmas[r.steps] = end(sigmas[r.steps-1])
	}
	r.InitNoiseSigma = math.Hypot(first, 1)
	r.byNoise(func(timestep float64) float64 { return math.Exp(4 * timestep) }, scoremodel.Data)
	return r.climb(ve, r.Sigmas, r.Timesteps, nil)
}

func buildEDMEuler(r *Run) error {
	if err := r.edmLevels(func(last float64) float64 { return last }); err != nil {
		return err
	}
	r.Solver = still{solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}}
	if r.argument("s_churn") == 0 {
		return nil
	}
	// The network's output F at a level is the clean data less a share of the state, and it is added to that of another state and level.
	d2 := math.Pow(r.config.number("sigma_data"), 2)
	share := func(sigma float64) (skip, out float64) {
		return d2 / (sigma*sigma + d2), sigma * math.Sqrt(d2/(sigma*sigma+d2))
	}
	sigmas := r.Sigmas
	return r.churn(sigmas, r.Timesteps, func(dst, state, before, data []float64, sigma, hat float64) {
		skip, out := share(sigma)
		skipHat, outHat := share(hat)
		w := outHat / out
		vec.Lin(dst, vec.Term{C: skipHat, X: state}, vec.Term{C: w, X: data}, vec.Term{C: -w * skip, X: before})
	})
}

func buildEDMDPMSolverMultistep(r *Run) error {
	c := r.config
	if err := r.edmLevels(func(float64) float64 { return c.number("sigma_min") }); err != nil {
		return err
	}
	return r.multistep()
}

// dynamicSigmas returns the n levels of a class that shifts them by mu, which grows with the resolution.
func (r *Run) dynamicSigmas(mu float64) ([]float64, error) {
	if !(mu > 0) {
		return nil, fmt.Errorf("%w: use_dynamic_shifting needs the argument mu, a positive number", solvers.ErrParameter)
	}
	total := float64(r.config.whole("num_train_timesteps"))
	weight := math.Exp(mu)
	if r.config.text("time_shift_type") == "linear" {
		weight = mu
	}
	return mapped(ramp(total, 1, r.steps), func(n float64) float64 { return weight / (weight + (total/n - 1)) }), nil
}

// flowSigmas returns the n levels of a flow matching class before other grids take their place.
//
// Note: the class shifts the whole table and takes the range of its grid from that; then it shifts the grid. So the low
// end is shifted twice.
func (r *Run) flowSigmas(shift float64) []float64 {
	total := float64(r.config.whole("num_train_timesteps"))
	shifted := func(s float64) float64 { return shift * s / (1 + (shift-1)*s) }
	if shift != 1 {
		r.Warnings = append(r.Warnings, "shift: the class applies it twice to the low end of its sigmas")
	}
	return mapped(mapped(ramp(shifted(1)*total, shifted(1/total)*total, r.steps), func(n float64) float64 { return n / total }), shifted)
}

// flowMatch sets what is common to the flow matching classes. sigmas are without the end, 0.
func (r *Run) flowMatch(sigmas []float64) error {
	for i, s := range sigmas {
		if !(s > 0 && s <= 1) || i > 0 && s >= sigmas[i-1] {
			return fmt.Errorf("%w: sigma is %v at level %d, want decreasing from at most 1 to above 0", ErrBroken, s, i)
		}
	}
	total := float64(r.config.whole("num_train_timesteps"))
	r.Timesteps = mapped(sigmas, func(s float64) float64 { return s * total })
	if _, straight := r.problem.Schedule.(sde.Flow); !straight {
		r.Warnings = append(r.Warnings, "the problem is not one of flow matching: its model is asked where the signal-to-noise ratio is the same")
	}
	r.Problem.Schedule = sde.Flow{TMin: min(sigmas[len(sigmas)-1], 0.5), TMax: 1}
	r.Problem.Model = &straight{r.problem.Model, r.problem.Schedule, r.network.buffers}
	r.Grid = append(slices.Clone(sigmas), 0)
	schedule := r.problem.Schedule
	r.network.time = func(timestep float64) (t, scale float64) { return timeOfFlow(schedule, timestep/total), 1 }
	return nil
}

// timeOfFlow returns the time at which a schedule has the signal-to-noise ratio of the state (1-u)x₀ + uε.
func timeOfFlow(s sde.Schedule, u float64) float64 {
	if _, ok := s.(sde.Flow); ok {
		return u
	}
	return s.Time(math.Log((1 - u) / u))
}

// straight is a model as flow matching asks it: for the velocity ε - x₀ at the state (1-u)x₀ + uε.
type straight struct {
	model    scoremodel.Model
	schedule sde.Schedule
	buffers  *sync.Pool // of *[]float64
}

// Kind implements scoremodel.Model.
func (*straight) Kind() scoremodel.Kind { return scoremodel.Flow }

// Predict implements scoremodel.Model.
func (s *straight) Predict(dst, x []float64, u float64) error {
	if u < 1 || s.model.Kind() == scoremodel.Data {
		if err := s.data(dst, x, u); err != nil {
			return err
		}
	} else if err := s.limit(dst, x); err != nil {
		return err
	}
	// (x - x₀)/u
	vec.Lin(dst, vec.Term{C: 1 / u, X: x}, vec.Term{C: -1 / u, X: dst})
	return nil
}

// Rows implements scoremodel.RowModel.
func (s *straight) Rows(first int) scoremodel.Model {
	return &straight{scoremodel.Rows(s.model, first), s.schedule, s.buffers}
}

// data writes the clean data expected at u.
func (s *straight) data(dst, x []float64, u float64) error {
	t := timeOfFlow(s.schedule, u)
	p := s.schedule.At(t)
	buf := borrow(s.buffers, len(x))
	defer s.buffers.Put(buf)
	state := *buf
	vec.Lin(state, vec.Term{C: p.Alpha + p.Sigma, X: x})
	if err := s.model.Predict(dst, state, t); err != nil {
		return err
	}
	a, b := scoremodel.Coefficients(s.model.Kind(), scoremodel.Data, p)
	vec.Lin(dst, vec.Term{C: a, X: state}, vec.Term{C: b, X: dst})
	return nil
}

// limit writes the clean data expected at u = 1, where it does not follow from other predictions: the limit of
// the polynomial in u through four values before.
func (s *straight) limit(dst, x []float64) error {
	const step = 1e-4
	buf := borrow(s.buffers, len(x))
	defer s.buffers.Put(buf)
	clear(dst)
	for k, c := range [...]float64{4, -6, 4, -1} {
		if err := s.data(*buf, x, 1-float64(k+1)*step); err != nil {
			return err
		}
		vec.Lin(dst, vec.Term{C: 1, X: dst}, vec.Term{C: c, X: *buf})
	}
	return nil
}

func buildFlowMatchEuler(r *Run) error {
	c := r.config
	var sigmas []float64
	switch mu := r.argument("mu"); {
	case c.flag("use_dynamic_shifting"):
		var err error
		if sigmas, err = r.dynamicSigmas(mu); err != nil {
			return err
		}
		if c.given["shift"] && c.number("shift") != 1 {
			r.Warnings = append(r.Warnings, "shift is ignored: use_dynamic_shifting is true")
		}
	case mu != 0:
		return fmt.Errorf("%w: mu is for use_dynamic_shifting, which is false", solvers.ErrParameter)
	default:
		sigmas = r.flowSigmas(c.number("shift"))
	}
	if c.has("shift_terminal") {
		if r.steps == 1 && sigmas[0] == 1 {
			return fmt.Errorf("%w: shift_terminal divides zero by zero in a run of one step", ErrBroken)
		}
		scale := (1 - sigmas[len(sigmas)-1]) / (1 - c.number("shift_terminal"))
		sigmas = mapped(sigmas, func(s float64) float64 { return 1 - (1-s)/scale })
	}
	if grid := c.grid(sigmas[0], sigmas[len(sigmas)-1], r.steps); grid != nil {
		sigmas = grid
	}
	r.Sigmas = append(slices.Clone(sigmas), 0)
	if err := r.flowMatch(sigmas); err != nil {
		return err
	}
	r.Solver = solvers.RungeKutta{Tableau: ode.Euler}
	if !c.flag("stochastic_sampling") {
		return nil
	}
	r.Solver = method{solvers.Info{Name: "renoise", About: "as " + c.Class + " does it", NFE: 1, Stochastic: true, Kind: scoremodel.Flow}, func(p solvers.Problem, size int) (ode.Stepper, error) {
		z, err := newNormals(p, size)
		return &renoising{p.Model, make([]float64, size), z}, err
	}}
	return nil
}

// renoising steps by the clean data that the model expects, with new noise.
type renoising struct {
	model   scoremodel.Model
	data    []float64
	normals *normals
}

// ReachesClean implements solvers.Finisher.
func (*renoising) ReachesClean() {}

func (s *renoising) Step(dst, src []float64, at ode.Span) error {
	if err := s.model.Predict(s.data, src, at.From); err != nil {
		return err
	}
	z, err := s.normals.draw(at)
	if err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: 1 - at.To, X: src}, vec.Term{C: -(1 - at.To) * at.From, X: s.data}, vec.Term{C: at.To, X: z})
	return nil
}

func buildFlowMatchHeun(r *Run) error {
	sigmas := r.flowSigmas(r.config.number("shift"))
	if err := r.flowMatch(sigmas); err != nil {
		return err
	}
	r.Sigmas, r.Timesteps = append(twice(sigmas), 0), twice(r.Timesteps)
	r.Solver = solvers.RungeKutta{Tableau: ode.Heun}
	return nil
}
