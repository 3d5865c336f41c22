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

// adams are the weights of Adams–Bashforth methods with equal steps, newest first.
var adams = [5][]float64{1: {1}, 2: {3. / 2, -1. / 2}, 3: {23. / 12, -16. / 12, 5. / 12}, 4: {55. / 24, -59. / 24, 37. / 24, -9. / 24}}

// A transfer is one evaluation of PNDM, and the step of DDIM that follows it with a combination of outputs.
type transfer struct {
	timestep float64
	from, to sde.Point
	again    bool // from the state that was kept
	keep     bool // keep the state
	push     bool // the output becomes part of the history
	weights  []float64
	sum      float64 // weight of the output in the running sum of a Runge–Kutta step
	total    bool    // the running sum, then begun anew, takes the place of the combination
}

func buildPNDM(r *Run) error {
	c := r.config
	t, err := newTable(c, 0)
	if err != nil {
		return err
	}
	final, err := c.final(t)
	if err != nil {
		return err
	}
	levels := c.spaced(r.steps, false)
	at := func(n int) (sde.Point, error) {
		if n < 0 {
			return point(final), nil
		}
		a, err := t.at(n)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrBroken, err)
		}
		return point(a), err
	}
	var plan []transfer
	add := func(timestep, from, to int, tr transfer) error {
		var err error
		tr.timestep = float64(timestep)
		if _, err = t.at(timestep); err != nil {
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
		if tr.from, err = at(from); err != nil {
			return err
		}
		if tr.to, err = at(to); err != nil {
			return err
		}
		plan = append(plan, tr)
		r.Timesteps = append(r.Timesteps, tr.timestep)
		return nil
	}
	ratio := t.steps() / r.steps
	if c.flag("skip_prk_steps") {
		err = r.plms(levels, ratio, add)
	} else {
		err = r.prk(levels, ratio, add)
	}
	if err != nil {
		return err
	}
	if r.network.Kind() == scoremodel.Velocity {
		r.Warnings = append(r.Warnings, "prediction_type v_prediction: the class combines outputs of several timesteps and converts the combination at one of them")
	}
	r.walk("pndm", len(plan), false, func(p solvers.Problem, size int) (ode.Stepper, error) {
		st := &pndm{model: p.Model, plan: plan, kept: make([]float64, size), sum: make([]float64, size), use: make([]float64, size)}
		for i := range st.past {
			st.past[i] = make([]float64, size)
		}
		return st, nil
	})
	return nil
}

// plms plans the linear multistep method. Its first step is taken twice, the second time with the mean of the
// outputs at both of its ends.
func (r *Run) plms(levels []float64, ratio int, add func(timestep, from, to int, tr transfer) error) error {
	for i, level := range levels {
		n := int(level)
		if i == 1 {
			if err := add(n, n+ratio, n, transfer{again: true, weights: []float64{0.5, 0.5}}); err != nil {
				return err
			}
		}
		if err := add(n, n, n-ratio, transfer{push: true, keep: i == 0, weights: adams[min(i+1, 4)]}); err != nil {
			return err
		}
	}
	return nil
}

// prk plans three Runge–Kutta steps of four evaluations, and then the multistep method.
func (r *Run) prk(levels []float64, ratio int, add func(timestep, from, to int, tr transfer) error) error {
	if len(levels) < 4 {
		return fmt.Errorf("%w: it cannot begin with Runge-Kutta steps in fewer than 4 steps, want skip_prk_steps", ErrBroken)
	}
	half := ratio / 2
	for i := range 3 {
		// The stages lie at the step's timestep, and at those of the next that the class puts half a step above it.
		base, next := int(levels[i]), int(levels[i+1])
		for k, timestep := range []int{base, next + half, next + half, next} {
			down := 0
			if k%2 == 0 {
				down = half
			}
			tr := transfer{again: k > 0, keep: k == 0, push: k == 0, sum: [...]float64{1. / 6, 1. / 3, 1. / 3, 1. / 6}[k], total: k == 3, weights: adams[1]}
			if err := add(timestep, base, timestep-down, tr); err != nil {
				return err
			}
		}
	}
	for _, level := range levels[3:] {
		n := int(level)
		if err := add(n, n, n-ratio, transfer{push: true, weights: adams[4]}); err != nil {
			return err
		}
	}
	return nil
}

type pndm struct {
	model     scoremodel.Model // the network
	plan      []transfer
	past      [4][]float64 // outputs, newest first
	kept, sum []float64
	use       []float64
}

func (s *pndm) Step(dst, src []float64, at ode.Span) error {
	tr := s.plan[index(at, len(s.plan))]
	out := s.use
	if tr.push {
		last := s.past[3]
		copy(s.past[1:], s.past[:3])
		s.past[0], out = last, last
	}
	if err := s.model.Predict(out, src, tr.timestep); err != nil {
		return err
	}
	if tr.keep {
		copy(s.kept, src)
	}
	if tr.sum > 0 {
		vec.Lin(s.sum, vec.Term{C: 1, X: s.sum}, vec.Term{C: tr.sum, X: out})
	}
	switch {
	case tr.total:
		copy(s.use, s.sum)
		clear(s.sum)
	case tr.push:
		var terms [4]vec.Term
		for k, c := range tr.weights {
			terms[k] = vec.Term{C: c, X: s.past[k]}
		}
		vec.Lin(s.use, terms[:len(tr.weights)]...)
	case len(tr.weights) == 2: // the mean of this output and the latest of the history
		vec.Lin(s.use, vec.Term{C: tr.weights[0], X: s.use}, vec.Term{C: tr.weights[1], X: s.past[0]})
	}
	x := src
	if tr.again {
		x = s.kept
	}
	convert(s.use, x, s.use, s.model.Kind(), scoremodel.Epsilon, tr.from)
	ratio := tr.to.Alpha / tr.from.Alpha
	vec.Lin(dst, vec.Term{C: ratio, X: x}, vec.Term{C: tr.to.Sigma - ratio*tr.from.Sigma, X: s.use})
	return nil
}

// buildIPNDM has the levels σ = sin²(πu/2), u from 1 to 0, of a variance-preserving diffusion. The first has no signal: the noise
// is the state there, and the first step leaves nothing of the data but what the noise multiplies.
func buildIPNDM(r *Run) error {
	n := r.steps
	var levels []sde.Point
	for i := range n + 1 {
		s := math.Pow(math.Sin(float64(n-i)/float64(n)*math.Pi/2), 2)
		levels = append(levels, sde.Point{Alpha: math.Sqrt(1 - s*s), Sigma: s})
	}
	levels[0], levels[n] = sde.Point{Sigma: 1}, sde.Point{Alpha: 1}
	for _, p := range levels[:n] {
		r.Timesteps = append(r.Timesteps, math.Atan2(p.Sigma, p.Alpha)/math.Pi*2)
	}
	r.byNoise(func(timestep float64) float64 { return math.Tan(timestep * math.Pi / 2) }, scoremodel.Data)
	r.deaf = true
	r.Warnings = append(r.Warnings, "the first level has no signal: the class' network is not heard in the first step")
	r.walk("ipndm", n, false, func(p solvers.Problem, size int) (ode.Stepper, error) {
		st := &ipndm{model: p.Model, levels: levels, timesteps: r.Timesteps, use: make([]float64, size)}
		for i := range st.past {
			st.past[i] = make([]float64, size)
		}
		return st, nil
	})
	return nil
}

type ipndm struct {
	model     scoremodel.Model // clean data
	levels    []sde.Point
	timesteps []float64
	past      [4][]float64
	use       []float64
}

func (s *ipndm) Step(dst, src []float64, at ode.Span) error {
	i := index(at, len(s.timesteps))
	from, to := s.levels[i], s.levels[i+1]
	last := s.past[3]
	copy(s.past[1:], s.past[:3])
	s.past[0] = last
	if i == 0 {
		copy(last, src)
	} else {
		if err := s.model.Predict(last, src, s.timesteps[i]); err != nil {
			return err
		}
		convert(last, src, last, scoremodel.Data, scoremodel.Epsilon, from)
	}
	var terms [4]vec.Term
	w := adams[min(i+1, 4)]
	for k, c := range w {
		terms[k] = vec.Term{C: c, X: s.past[k]}
	}
	vec.Lin(s.use, terms[:len(w)]...)
	if i == 0 {
		vec.Lin(dst, vec.Term{C: to.Sigma, X: s.use})
		return nil
	}
	ratio := to.Alpha / from.Alpha
	vec.Lin(dst, vec.Term{C: ratio, X: src}, vec.Term{C: to.Sigma - ratio*from.Sigma, X: s.use})
	return nil
}
