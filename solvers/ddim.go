package solvers

import (
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// DDIM is the method of [song2021ddim], equations 12 and 16: from t to s
//
//	x_s = α_s x₀ + √(σ_s² - c²) ε + c z,  c² = η² σ_s² (1 - e^(-2h)),
//
// with ε the prediction, x₀ = (x_t - σ_t ε)/α_t what it says of the clean sample, z fresh
// noise and h = λ_s - λ_t. Eta 0, the zero value, is deterministic; Eta 1 is ancestral sampling.
//
// The paper writes α for what is α² here.
//
// References:
//
//	[song2021ddim]
type DDIM struct {
	Eta float64 `param:"eta" about:"share of noise, from 0, the ODE, to 1, ancestral sampling"`
}

// Info implements Solver.
func (s DDIM) Info() Info {
	i := Info{Name: "ddim", About: "DDIM, Euler's method on dy/dkappa = epsilon; with eta the share of ancestral noise",
		Order: 1, NFE: 1, Kind: scoremodel.Epsilon, Ref: "song2021ddim"}
	if s.Eta != 0 {
		i.Order, i.WeakOrder, i.Stochastic = 0, 1, true
	}
	if s.Eta == 1 {
		// Only then is the limit the reverse SDE of Anderson, whose paths are known.
		i.StrongOrder = 1
	}
	return i
}

// Start implements Solver.
func (s DDIM) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkEta(s.Eta); err != nil {
		return nil, err
	}
	st := &ddim{schedule: p.Schedule, eta: s.Eta, epsilon: make([]float64, n),
		model: scoremodel.As(p.Model, scoremodel.Epsilon, p.Schedule)}
	if s.Eta == 0 {
		return st, nil
	}
	var err error
	st.noise, err = newUnitNoise(p, n)
	return st, err
}

type ddim struct {
	schedule sde.Schedule
	model    scoremodel.Model
	eta      float64
	noise    *unitNoise // nil if eta is 0
	epsilon  []float64
}

func (s *ddim) Step(dst, src []float64, at ode.Span) error {
	if err := s.model.Predict(s.epsilon, src, at.From); err != nil {
		return err
	}
	t, u := s.schedule.At(at.From), s.schedule.At(at.To)
	h := sde.H(t, u)
	carry := vec.Term{C: u.Alpha / t.Alpha, X: src}
	// The factor of ε is √(σ_s² - c²) - α_s σ_t/α_t = σ_s(√(1-q) - e^h) with q = c²/σ_s²: both
	// tend to 1, so their distances from 1 are subtracted instead.
	if s.eta == 0 {
		vec.Lin(dst, carry, vec.Term{C: -u.Sigma * math.Expm1(h), X: s.epsilon})
		return nil
	}
	z, err := s.noise.draw(at)
	if err != nil {
		return err
	}
	q := -s.eta * s.eta * math.Expm1(-2*h)
	vec.Lin(dst, carry,
		vec.Term{C: -u.Sigma * (q/(1+math.Sqrt(1-q)) + math.Expm1(h)), X: s.epsilon},
		vec.Term{C: u.Sigma * math.Sqrt(q), X: z})
	return nil
}
