package solvers

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// GDDIM is the first-order gDDIM for scalar diffusions [zhang2023gddim, proposition 6]: from s to t
//
//	x_t = Ψ x_s + (Ψ̂ - Ψ) σ_s ε + σ_t √(1 - e^(-2λ²h)) z,  Ψ = α_t/α_s,  Ψ̂ = (σ_t/σ_s) e^(-λ²h),
//
// with Lambda the λ. It is exact where the data is a point and the member of stochasticity Lambda, see TauOfGDDIM, of
// the first-order SDE-DPM-Solver++. Lambda 0, the zero value, is DDIM; the catalogue has 1.
//
// References:
//
//	[zhang2023gddim]
type GDDIM struct {
	Lambda float64 `param:"lambda" about:"stochasticity, the same as tau, from 0, DDIM; 1 is the reverse SDE"`
}

// Info implements Solver.
func (s GDDIM) Info() Info {
	return Info{Name: "gddim", About: "gDDIM of order 1 for scalar diffusions", Order: 1, NFE: 1,
		Kind: scoremodel.Epsilon, Ref: "zhang2023gddim"}.withNoise(TauOfGDDIM(s.Lambda), 1)
}

// Start implements Solver.
func (s GDDIM) Start(p Problem, n int) (ode.Stepper, error) {
	if !(s.Lambda >= 0) || math.IsInf(s.Lambda, 1) {
		return nil, fmt.Errorf("%w: lambda is %v, want 0 or more, and finite", ErrParameter, s.Lambda)
	}
	st := &gddim{schedule: p.Schedule, tau: TauOfGDDIM(s.Lambda), epsilon: make([]float64, n),
		model: scoremodel.As(p.Model, scoremodel.Epsilon, p.Schedule)}
	if s.Lambda == 0 {
		return st, nil
	}
	var err error
	st.noise, err = newUnitNoise(p, n)
	return st, err
}

type gddim struct {
	schedule sde.Schedule
	model    scoremodel.Model
	tau      float64
	noise    *unitNoise // nil if tau is 0
	epsilon  []float64
}

func (s *gddim) Step(dst, src []float64, at ode.Span) error {
	if !at.Retry {
		if err := s.model.Predict(s.epsilon, src, at.From); err != nil {
			return err
		}
	}
	from, to := s.schedule.At(at.From), s.schedule.At(at.To)
	h, psi := sde.H(from, to), to.Alpha/from.Alpha
	// Ψ̂/Ψ = e^(-(1+λ²)h).
	terms := [3]vec.Term{{C: psi, X: src}, {C: psi * from.Sigma * math.Expm1(-(1+s.tau*s.tau)*h), X: s.epsilon}}
	if s.noise == nil {
		vec.Lin(dst, terms[:2]...)
		return nil
	}
	z, err := s.noise.draw(at)
	if err != nil {
		return err
	}
	terms[2] = vec.Term{C: to.Sigma * math.Sqrt(-math.Expm1(-2*s.tau*s.tau*h)), X: z}
	vec.Lin(dst, terms[:]...)
	return nil
}
