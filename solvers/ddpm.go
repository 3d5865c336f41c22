package solvers

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// DDPM is ancestral sampling [ho2020ddpm, algorithm 2]: from t to s, a draw from the
// forward process' posterior of x_s given x_t and the prediction for x₀,
//
//	x_s = (α_ts σ_s²/σ_t²) x_t + (α_s b/σ_t²) x₀ + √v z
//
// with α_ts = α_t/α_s and b = σ_t² - α_ts² σ_s², the variance that the forward process adds
// from s to t. The posterior's own variance, v = bσ_s²/σ_t², is the "fixed small" one and the zero value; Large
// takes v = b, the other bound of [ho2020ddpm, section 3.2]. With v = bσ_s²/σ_t² the method is DDIM with eta 1.
//
// LearnedRange lets a scoremodel.VarianceModel choose between the two for each element, by the logarithm
// [nichol2021, section 3.1]. Start returns an error if the model is not one.
//
// Grids need not have the training's steps. No noise is added where σ_s = 0.
//
// References:
//
//	[ho2020ddpm], [nichol2021]
type DDPM struct {
	Large        bool
	LearnedRange bool `param:"learnedrange" about:"let the model, which must predict it, choose the variance between small and large"`
}

// Info implements Solver.
func (s DDPM) Info() Info {
	i := Info{Name: "ddpm", About: "DDPM ancestral sampling with the posterior's variance (fixed small)",
		WeakOrder: 1, StrongOrder: 1, NFE: 1, Stochastic: true, Kind: scoremodel.Data, Ref: "ho2020ddpm"}
	if s.Large {
		i.Name, i.About = "ddpmlarge", "DDPM ancestral sampling with the forward process' variance (fixed large)"
	}
	if s.LearnedRange {
		i.About, i.Variance = "DDPM ancestral sampling with the model's variance (learned range)", true
	}
	return i
}

// Start implements Solver.
func (s DDPM) Start(p Problem, n int) (ode.Stepper, error) {
	noise, err := newUnitNoise(p, n)
	if err != nil {
		return nil, err
	}
	st := &ddpm{schedule: p.Schedule, large: s.Large, noise: noise, data: make([]float64, n),
		model: scoremodel.As(p.Model, scoremodel.Data, p.Schedule)}
	if !s.LearnedRange {
		return st, nil
	}
	if s.Large {
		return nil, fmt.Errorf("%w: the variance cannot be both large and learned", ErrParameter)
	}
	var ok bool
	if st.learned, ok = p.Model.(scoremodel.VarianceModel); !ok {
		return nil, fmt.Errorf("%w: the learned variance needs a model that predicts one", ErrProblem)
	}
	st.fraction = make([]float64, n)
	return st, nil
}

type ddpm struct {
	schedule sde.Schedule
	model    scoremodel.Model
	large    bool
	learned  scoremodel.VarianceModel // nil unless its variance is used
	noise    *unitNoise
	data     []float64
	fraction []float64 // of the logarithm of the variance, from small to large
}

func (s *ddpm) Step(dst, src []float64, at ode.Span) error {
	if err := s.predict(src, at.From); err != nil {
		return err
	}
	z, err := s.noise.draw(at)
	if err != nil {
		return err
	}
	t, u := s.schedule.At(at.From), s.schedule.At(at.To)
	if !(u.Alpha > 0) {
		return fmt.Errorf("solvers: alpha is %v at t=%v", u.Alpha, at.To)
	}
	ratio := t.Alpha / u.Alpha // α_ts
	_, std := sde.Transition(u, t)
	b := std * std
	v := b * (u.Sigma / t.Sigma) * (u.Sigma / t.Sigma)
	if s.large && u.Sigma > 0 {
		v = b
	}
	if s.learned != nil {
		// v = b·(σ_s/σ_t)^(2(1-f)).
		fall := math.Log(u.Sigma / t.Sigma)
		for i, f := range s.fraction {
			s.fraction[i] = (1 - f) * fall
		}
		vec.Exp(s.fraction, s.fraction)
		for i, c := range s.fraction {
			z[i] *= c
		}
		v = b
	}
	vec.Lin(dst,
		vec.Term{C: ratio * (u.Sigma / t.Sigma) * (u.Sigma / t.Sigma), X: src},
		vec.Term{C: u.Alpha * b / (t.Sigma * t.Sigma), X: s.data},
		vec.Term{C: math.Sqrt(v), X: z})
	return nil
}

// predict evaluates the model at the beginning of a step.
func (s *ddpm) predict(src []float64, t float64) error {
	if s.learned == nil {
		return s.model.Predict(s.data, src, t)
	}
	a, b := scoremodel.Coefficients(s.learned.Kind(), scoremodel.Data, s.schedule.At(t))
	if a-a != 0 || b-b != 0 {
		return fmt.Errorf("solvers: no data prediction follows from a %v prediction at t=%v", s.learned.Kind(), t)
	}
	if err := s.learned.PredictVariance(s.data, s.fraction, src, t); err != nil {
		return err
	}
	vec.Lin(s.data, vec.Term{C: a, X: src}, vec.Term{C: b, X: s.data})
	return nil
}
