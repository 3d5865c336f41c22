package scheduler

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A leap is a step of the classes that look ᾱ up by timesteps: from a level to another, which need not be where the next
// step begins.
type leap struct {
	timestep float64
	from, to sde.Point
}

// point returns the variance-preserving point of ᾱ.
func point(alphaBar float64) sde.Point {
	return sde.Point{Alpha: math.Sqrt(alphaBar), Sigma: math.Sqrt(1 - alphaBar)}
}

// leaps returns the steps of DDIM. They all go down by the same number of timesteps, whatever the spacing.
//
// Note: T//N timesteps lie between the levels of a step. Those of the spacing "linspace" and of "trailing" with N that does not divide T
// lie further apart, so that the next step begins at another level than this one ended at.
func (c *Config) leaps(t *table, timesteps []float64, steps int) ([]leap, error) {
	final, err := c.final(t)
	if err != nil {
		return nil, err
	}
	var out []leap
	for _, n := range timesteps {
		from, err := t.at(int(n))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBroken, err)
		}
		to := final
		if prev := int(n) - t.steps()/steps; prev >= 0 {
			to = t.alphaBar[prev]
		}
		out = append(out, leap{n, point(from), point(to)})
	}
	return out, nil
}

// final returns ᾱ at the end.
func (c *Config) final(t *table) (float64, error) {
	if c.flag("set_alpha_to_one") {
		return 1, nil
	}
	return t.at(0)
}

// untiled warns of steps that do not join.
func (r *Run) untiled(leaps []leap) {
	for i := range len(leaps) - 1 {
		if leaps[i].to != leaps[i+1].from {
			r.Warnings = append(r.Warnings, fmt.Sprintf("the steps do not join: each goes down by %d timesteps, and that from %v does not end at %v, where the next begins",
				r.config.whole("num_train_timesteps")/r.steps, leaps[i].timestep, leaps[i+1].timestep))
			return
		}
	}
}

// predictable returns an error if clean data or noise do not follow from the prediction at a level where the class needs them.
func (r *Run) predictable(at sde.Point) error {
	a, b := scoremodel.Coefficients(r.network.Kind(), scoremodel.Data, at)
	if c, d := scoremodel.Coefficients(r.network.Kind(), scoremodel.Epsilon, at); (a+b+c+d)-(a+b+c+d) != 0 {
		return fmt.Errorf("%w: it divides by zero, for prediction_type %q says nothing of the rest where alpha is %v and sigma %v",
			ErrBroken, r.config.text("prediction_type"), at.Alpha, at.Sigma)
	}
	return nil
}

func buildDDIM(r *Run) error {
	c := r.config
	t, err := newTable(c, 0)
	if err != nil {
		return err
	}
	r.Timesteps = c.spaced(r.steps, false)
	leaps, err := c.leaps(t, r.Timesteps, r.steps)
	if err != nil {
		return err
	}
	for _, l := range leaps {
		if err := r.predictable(l.from); err != nil {
			return err
		}
	}
	r.untiled(leaps)
	eta := r.argument("eta")
	if eta > 1 {
		return fmt.Errorf("%w: eta is %v, want 0 to 1", solvers.ErrParameter, eta)
	}
	clipped, _ := r.arguments["use_clipped_model_output"].(bool)
	if r.limit != nil && !clipped {
		r.Warnings = append(r.Warnings, "clean data is clipped, and the noise that goes with it is not: the class combines the two unless use_clipped_model_output is true")
	}
	r.walkDDIM(leaps, eta, clipped)
	return nil
}

func (r *Run) walkDDIM(leaps []leap, eta float64, clipped bool) {
	r.walk("ddim", len(leaps), eta > 0, func(p solvers.Problem, size int) (ode.Stepper, error) {
		st := &ddim{model: p.Model, limit: r.limit, leaps: leaps, eta: eta, clipped: clipped, data: make([]float64, size), noise: make([]float64, size)}
		var err error
		if eta > 0 {
			st.normals, err = newNormals(p, size)
		}
		return st, err
	})
}

// ddim combines clean data, perhaps clipped, with noise.
type ddim struct {
	model       scoremodel.Model // the network
	limit       func(x []float64)
	leaps       []leap
	eta         float64
	clipped     bool // the noise follows from the clipped data
	data, noise []float64
	normals     *normals
}

func (s *ddim) Step(dst, src []float64, at ode.Span) error {
	l := s.leaps[index(at, len(s.leaps))]
	if err := s.model.Predict(s.noise, src, l.timestep); err != nil {
		return err
	}
	convert(s.data, src, s.noise, s.model.Kind(), scoremodel.Data, l.from)
	convert(s.noise, src, s.noise, s.model.Kind(), scoremodel.Epsilon, l.from)
	if s.limit != nil {
		s.limit(s.data)
		if s.clipped {
			vec.Lin(s.noise, vec.Term{C: 1 / l.from.Sigma, X: src}, vec.Term{C: -l.from.Alpha / l.from.Sigma, X: s.data})
		}
	}
	// The variance σ_s²/σ_t²·(1 - α_t²/α_s²) of the ancestral step, times η².
	std := s.eta * math.Sqrt(math.Pow(l.to.Sigma/l.from.Sigma, 2)*(1-math.Pow(l.from.Alpha/l.to.Alpha, 2)))
	if s.eta == 0 {
		std = 0
	}
	terms := [3]vec.Term{{C: l.to.Alpha, X: s.data}, {C: math.Sqrt(l.to.Sigma*l.to.Sigma - std*std), X: s.noise}}
	if s.normals == nil {
		vec.Lin(dst, terms[:2]...)
		return nil
	}
	z, err := s.normals.draw(at)
	if err != nil {
		return err
	}
	terms[2] = vec.Term{C: std, X: z}
	vec.Lin(dst, terms[:]...)
	return nil
}

func buildDDIMInverse(r *Run) error {
	c := r.config
	if c.text("timestep_spacing") == "linspace" {
		return fmt.Errorf(`%w: timestep_spacing "linspace" is not one of the class, want leading or trailing`, solvers.ErrParameter)
	}
	t, err := newTable(c, 0)
	if err != nil {
		return err
	}
	r.Timesteps = reversed(c.spaced(r.steps, false))
	start, err := c.final(t)
	if err != nil {
		return err
	}
	var leaps []leap
	for _, n := range r.Timesteps {
		to, err := t.at(int(n))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
		from := start
		if before := int(n) - t.steps()/r.steps; before >= 0 {
			from = t.alphaBar[before]
		}
		l := leap{n, point(from), point(to)}
		if err := r.predictable(l.from); err != nil {
			return err
		}
		leaps = append(leaps, l)
	}
	r.untiled(leaps)
	r.walkDDIM(leaps, 0, false)
	return nil
}

func buildDDPM(r *Run) error {
	c := r.config
	t, err := newTable(c, 0)
	if err != nil {
		return err
	}
	r.Timesteps = c.spaced(r.steps, false)
	var leaps []leap
	for i, n := range r.Timesteps {
		from, err := t.at(int(n))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
		to := 1.0
		if i+1 < len(r.Timesteps) {
			if to, err = t.at(int(r.Timesteps[i+1])); err != nil {
				return fmt.Errorf("%w: %w", ErrBroken, err)
			}
		}
		l := leap{n, point(from), point(to)}
		if from == 0 && r.network.Kind() == scoremodel.Epsilon {
			return r.predictable(l.from)
		}
		leaps = append(leaps, l)
	}
	variance := c.text("variance_type")
	r.walk("ddpm", len(leaps), true, func(p solvers.Problem, size int) (ode.Stepper, error) {
		z, err := newNormals(p, size)
		return &ddpm{p.Model, r.limit, leaps, variance, make([]float64, size), z}, err
	})
	return nil
}

// ddpm is ancestral sampling. Noise is added in every step but that from timestep 0; in a last step from another
// the posterior's variance is 1e-20 and the forward one is that of the whole step.
type ddpm struct {
	model    scoremodel.Model // the network
	limit    func(x []float64)
	leaps    []leap
	variance string
	data     []float64
	normals  *normals
}

func (s *ddpm) Step(dst, src []float64, at ode.Span) error {
	l := s.leaps[index(at, len(s.leaps))]
	if err := s.model.Predict(s.data, src, l.timestep); err != nil {
		return err
	}
	convert(s.data, src, s.data, s.model.Kind(), scoremodel.Data, l.from)
	if s.limit != nil {
		s.limit(s.data)
	}
	ratio := l.from.Alpha / l.to.Alpha
	b := 1 - ratio*ratio
	t2, u2 := l.from.Sigma*l.from.Sigma, l.to.Sigma*l.to.Sigma
	terms := [3]vec.Term{{C: l.to.Alpha * b / t2, X: s.data}, {C: ratio * u2 / t2, X: src}}
	if l.timestep == 0 {
		vec.Lin(dst, terms[:2]...)
		return nil
	}
	z, err := s.normals.draw(at)
	if err != nil {
		return err
	}
	v := math.Max(u2/t2*b, 1e-20)
	if s.variance == "fixed_large" {
		v = b
	}
	terms[2] = vec.Term{C: math.Sqrt(v), X: z}
	vec.Lin(dst, terms[:]...)
	return nil
}
