package solvers

import (
	"fmt"
	"math"
	"strings"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// Ancestral makes a stochastic sampler of a method for the probability flow, the way of k-diffusion: a step of
// Inner goes past its end, to less noise, and noise is added up to what the grid asks for. From κ to κ', with Eta the share,
//
//	κ_up² = η²κ'²(1 - κ'²/κ²),  κ_down² = κ'² - κ_up²:
//
// of a step from data and noise, that noise is DDIM's, and with Euler's method in κ the whole is DDIM with the same eta
// [song2021ddim, equation 16].
//
// Flow splits in the time u = κ/(1+κ) of rectified flow instead, where α = 1-u and σ = u: the inner step goes down to
// u_down = u'(1 + (u'/u - 1)η). For small steps its noise is that of stochasticity √η, that of the other η.
//
// Noise added to a law that is right leaves it right, so the weak order is that of Inner, or 1 if that keeps earlier predictions, which
// belong to a path without the noise. The paths are of order 1. Eta 0, as in the zero value, is Inner itself; the catalogue has
// Eta 1. An Inner that evaluates the model at the end of its step does so at the lower noise.
//
// References:
//
//	[song2021ddim], [karras2022edm]
type Ancestral struct {
	Inner Solver  // a method for the probability flow, neither EDICT nor BDIA
	Eta   float64 `param:"eta" about:"share of noise, from 0, the ODE, to 1, ancestral sampling"`
	Flow  bool    `param:"flow" about:"split the step in the time of rectified flow"`
}

// Info implements Solver.
func (s Ancestral) Info() Info {
	var i Info
	if s.Inner != nil {
		i = s.Inner.Info()
	}
	about := "ancestral sampling with steps of " + i.Name
	switch i.Name { // the names in use
	case "kdpm2":
		i.Name = "dpm2"
	default:
		i.Name = strings.TrimSuffix(i.Name, "kappa")
	}
	i.Name += "ancestral"
	i.About = about
	if s.Eta == 0 {
		return i
	}
	i.Outside = !s.inside()
	return i.withNoise(s.Eta, i.marginal())
}

// inside reports whether Inner is known to evaluate the model at times of the grid's step alone. The inner step is no more
// than twice as long in λ: κ_down ≥ κ'²/κ.
func (s Ancestral) inside() bool {
	const half = 1. / 2
	switch in := s.Inner.(type) {
	case KDPM2:
		return in.R <= half
	case DPMSolver:
		order, r1, _ := in.stages()
		return order == 1 || order == 2 && r1 <= half
	}
	if s.Inner == nil {
		return false
	}
	i := s.Inner.Info()
	return i.NFE == 1 && i.StartNFE == 0
}

// Start implements Solver.
func (s Ancestral) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkInner(s.Inner); err != nil {
		return nil, err
	}
	if err := checkEta(s.Eta); err != nil {
		return nil, err
	}
	if s.Eta == 0 {
		return s.Inner.Start(p, n)
	}
	noise, err := newUnitNoise(p, n)
	if err != nil {
		return nil, err
	}
	st := &ancestral{eta: s.Eta, flow: s.Flow, schedule: p.Schedule, down: &shortened{Schedule: p.Schedule}, noise: noise}
	p.Model = scoremodel.As(p.Model, s.Inner.Info().Kind, p.Schedule)
	p.Schedule = st.down
	st.inner, err = startBetween(s.Inner, p, n)
	return st, err
}

// startBetween starts a solver between whose steps a wrapper changes the state. One that carries a second state along, which the
// wrapper does not see, is refused.
func startBetween(s Solver, p Problem, n int) (ode.Stepper, error) {
	st, err := s.Start(p, n)
	if _, ok := st.(coupled); ok {
		return nil, fmt.Errorf("%w: %s steps two states together, and only one of them can be changed between its steps", ErrParameter, Name(s))
	}
	return st, err
}

// checkInner returns an error unless s is a method for the probability flow.
func checkInner(s Solver) error {
	switch {
	case s == nil:
		return fmt.Errorf("%w: there is no inner solver", ErrParameter)
	case s.Info().Stochastic:
		return fmt.Errorf("%w: the inner solver %s is stochastic, want one for the probability flow", ErrParameter, Name(s))
	}
	return nil
}

type ancestral struct {
	eta      float64
	flow     bool
	schedule sde.Schedule
	down     *shortened
	inner    ode.Stepper
	noise    *unitNoise
}

func (s *ancestral) Step(dst, src []float64, at ode.Span) error {
	z, err := s.noise.draw(at)
	if err != nil {
		return err
	}
	from, to := s.schedule.At(at.From), s.schedule.At(at.To)
	down, up := s.split(sde.H(from, to), to.Kappa())
	s.down.shorten(to, down)
	inner := at
	inner.To = s.down.end.T
	if err := s.inner.Step(dst, src, inner); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: to.Alpha / s.down.end.Alpha, X: dst}, vec.Term{C: to.Sigma * up, X: z})
	return nil
}

// split returns κ_down and κ_up in units of κ', where a step of length h in λ ends.
//
// In the time of flow u'/u - 1 = -(1-e^(-h))/(1+κ'). With d the product of that with -η, u_down = u'(1-d),
// and κ = u/(1-u) gives κ_down = κ'(1-d)/(1+κ'd).
func (s *ancestral) split(h, kappa float64) (down, up float64) {
	if s.flow {
		d := -s.eta * math.Expm1(-h) / (1 + kappa)
		down = (1 - d) / (1 + kappa*d)
		return down, math.Sqrt(d * (1 + kappa) / (1 + kappa*d) * (1 + down))
	}
	up = s.eta * math.Sqrt(-math.Expm1(-2*h))
	return math.Sqrt(1 - up*up), up
}

// shortened is a schedule on which a step ends at less noise than its grid asks for.
type shortened struct {
	sde.Schedule
	to, end sde.Point
}

// shorten lets the step to to end at the κ that is the given share of to's. That may lie below the domain, where
// schedules need not be defined; a model is not asked there unless the inner method does.
func (s *shortened) shorten(to sde.Point, share float64) {
	s.to, s.end = to, to
	tmin, _ := s.Schedule.Domain()
	if t := s.Schedule.Time(-math.Log(share * to.Kappa())); t >= tmin && t < to.T {
		s.end = s.Schedule.At(t)
	} else {
		s.end.T = math.Nextafter(to.T, math.Inf(-1))
	}
	s.end.Sigma = s.end.Alpha * share * to.Kappa()
}

// At implements sde.Schedule.
func (s *shortened) At(t float64) sde.Point {
	if t == s.end.T {
		return s.end
	}
	return s.Schedule.At(t)
}

// Time implements sde.Schedule. A stage at the grid's time, which is where those of an ancestral step with
// a geometric midpoint lie, is there exactly.
func (s *shortened) Time(lambda float64) float64 {
	if l := s.to.Lambda(); math.Abs(lambda-l) <= 1e-13*math.Max(1, math.Abs(l)) {
		return s.to.T
	}
	return s.Schedule.Time(lambda)
}
