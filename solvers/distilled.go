package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// The methods of this file sample from models that were distilled to predict the end of the flow. Their
// steps, with D the model's data prediction, are all
//
//	x_s = c_x x_t + c_D D + c_z z:
//
// a clean sample is made and, but for the last time, noised again. They run with any model, and then do not converge:
// with more steps the law of the result does not tend to the data's. So no order is claimed.

// reach are the coefficients of such a step.
type reach struct{ state, data, noise float64 }

// distilled is the stepper of all of them.
type distilled struct {
	schedule sde.Schedule
	model    scoremodel.Model
	noise    *unitNoise // nil for a deterministic method
	data     []float64
	reach    func(from, to sde.Point) reach
}

func newDistilled(p Problem, n int, stochastic bool, f func(from, to sde.Point) reach) (*distilled, error) {
	st := &distilled{schedule: p.Schedule, model: scoremodel.As(p.Model, scoremodel.Data, p.Schedule), data: make([]float64, n), reach: f}
	var err error
	if stochastic {
		st.noise, err = newUnitNoise(p, n)
	}
	return st, err
}

func (s *distilled) Step(dst, src []float64, at ode.Span) error {
	if err := s.model.Predict(s.data, src, at.From); err != nil {
		return err
	}
	r := s.reach(s.schedule.At(at.From), s.schedule.At(at.To))
	state, data := vec.Term{C: r.state, X: src}, vec.Term{C: r.data, X: s.data}
	if s.noise == nil || r.noise == 0 {
		vec.Lin(dst, state, data)
		return nil
	}
	z, err := s.noise.draw(at)
	if err != nil {
		return err
	}
	vec.Lin(dst, state, data, vec.Term{C: r.noise, X: z})
	return nil
}

// ReachesClean implements Finisher: at σ = 0 the formulas add no noise.
func (s *distilled) ReachesClean() {}

// LCM is the multistep sampler of latent consistency models [luo2023lcm, algorithm 3]:
//
//	x_s = α_s (c_skip x_t + c_out D) + σ_s z,
//	c_skip = q²/(u²+q²), c_out = u/√(u²+q²), q = 1/2, u = Scaling·n,
//
// with n the index of t among the Train times (n+1)/Train of the training, counted from 0; D is the data prediction. It is
// meant for schedules whose times are those, such as sde.Discrete, or end at 1.
//
// References:
//
//	[luo2023lcm]
type LCM struct {
	Scaling float64 `param:"scaling" default:"10" about:"factor of the time's index in the boundary condition, positive"`
	Train   int     `param:"train" default:"1000" about:"times of the training, at least 1"`
}

// Info implements Solver.
func (LCM) Info() Info {
	return Info{Name: "lcm", About: "latent consistency sampling, for distilled models",
		NFE: 1, Stochastic: true, Approximate: true, Kind: scoremodel.Data, Ref: "luo2023lcm"}
}

// Start implements Solver.
func (s LCM) Start(p Problem, n int) (ode.Stepper, error) {
	s.Scaling = cmp.Or(s.Scaling, 10)
	s.Train = cmp.Or(s.Train, 1000)
	switch {
	case !(s.Scaling > 0) || math.IsInf(s.Scaling, 1):
		return nil, fmt.Errorf("%w: scaling is %v, want a positive number", ErrParameter, s.Scaling)
	case s.Train < 1:
		return nil, fmt.Errorf("%w: train is %d, want at least 1", ErrParameter, s.Train)
	}
	return newDistilled(p, n, true, func(from, to sde.Point) reach {
		u := s.Scaling * math.Max(from.T*float64(s.Train)-1, 0)
		const q = 0.5
		skip, out := q*q/(u*u+q*q), u/math.Hypot(u, q)
		return reach{to.Alpha * skip, to.Alpha * out, to.Sigma}
	})
}

// TCD is the sampler of trajectory consistency distillation [zheng2024tcd], strategic stochastic
// sampling: from t to s by DDIM to the earlier time r = (1-Gamma)s, and from there by diffusion to s,
//
//	x_r = α_r D + σ_r ε,  x_s = (α_s/α_r) x_r + √(σ_s² - (α_s/α_r)²σ_r²) z.
//
// Gamma 0, the zero value, is DDIM and has its order; Gamma 1 goes to the first time of the schedule, as consistency sampling
// does. The catalogue's 0.3 is the usual setting. r does not go below the first time.
//
// The published program works with indices and rounds r down to one.
//
// References:
//
//	[zheng2024tcd]
type TCD struct {
	Gamma float64 `param:"gamma" about:"stochasticity, from 0, DDIM, to 1"`
}

// Info implements Solver.
func (s TCD) Info() Info {
	i := Info{Name: "tcd", About: "trajectory consistency sampling, for distilled models", NFE: 1, Kind: scoremodel.Data, Ref: "zheng2024tcd"}
	if s.Gamma == 0 {
		i.Order = 1
	} else {
		i.Stochastic, i.Approximate = true, true
	}
	return i
}

// Start implements Solver.
func (s TCD) Start(p Problem, n int) (ode.Stepper, error) {
	if !(s.Gamma >= 0 && s.Gamma <= 1) {
		return nil, fmt.Errorf("%w: gamma is %v, want 0 to 1", ErrParameter, s.Gamma)
	}
	tmin, _ := p.Schedule.Domain()
	return newDistilled(p, n, s.Gamma > 0, func(from, to sde.Point) reach {
		// Of clean data nothing is earlier.
		if to.Sigma == 0 {
			return reach{data: to.Alpha}
		}
		r := to
		if s.Gamma > 0 {
			r = p.Schedule.At(math.Min(math.Max((1-s.Gamma)*to.T, tmin), to.T))
		}
		scale, std := sde.Transition(r, to)
		// α_r D + σ_r (x - α_t D)/σ_t, in which the factor of D is α_r(1 - e^(λ_t-λ_r)).
		return reach{scale * r.Sigma / from.Sigma, -to.Alpha * math.Expm1(-sde.H(from, r)), std}
	})
}

// Consistency is multistep consistency sampling [song2023consistency, algorithm 1 and appendix C]: on X = x/α and
// κ = σ/α,
//
//	X_s = f + √(κ_s² - κ_min²) z,  f = c_skip X + c_out F,
//	c_skip = d²/((κ-κ_min)² + d²), c_out = d(κ-κ_min)/√(κ²+d²),
//
// with d the data's deviation. F is the raw network of EDM's preconditioning, which any model has: its data prediction is
// D = d²/(κ²+d²) X + κd/√(κ²+d²) F. So c_out F = (1 - κ_min/κ)(D - d²/(κ²+d²) X). At κ_min, f is X, as consistency demands.
//
// References:
//
//	[song2023consistency], [karras2022edm]
type Consistency struct {
	Deviation float64 `param:"sigmadata" default:"0.5" about:"the data's standard deviation, positive"`
	KappaMin  float64 `param:"sigmamin" about:"kappa where the model is the identity, positive; 0 is that of the schedule's first time"`
}

// Info implements Solver.
func (Consistency) Info() Info {
	return Info{Name: "consistency", About: "multistep consistency sampling, for distilled models",
		NFE: 1, Stochastic: true, Approximate: true, Kind: scoremodel.Data, Ref: "song2023consistency"}
}

// Start implements Solver.
func (s Consistency) Start(p Problem, n int) (ode.Stepper, error) {
	s.Deviation = cmp.Or(s.Deviation, 0.5)
	if s.KappaMin == 0 {
		tmin, _ := p.Schedule.Domain()
		s.KappaMin = p.Schedule.At(tmin).Kappa()
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"sigmadata", s.Deviation}, {"sigmamin", s.KappaMin}} {
		if !(v.value > 0) || math.IsInf(v.value, 1) {
			return nil, fmt.Errorf("%w: %s is %v, want a positive number", ErrParameter, v.name, v.value)
		}
	}
	return newDistilled(p, n, true, func(from, to sde.Point) reach {
		k, d2 := from.Kappa(), s.Deviation*s.Deviation
		above := math.Max(k-s.KappaMin, 0)
		part := above / k
		skip := d2/(above*above+d2) - part*d2/(k*k+d2)
		kt := to.Kappa()
		return reach{to.Alpha / from.Alpha * skip, to.Alpha * part,
			to.Alpha * math.Sqrt(math.Max((kt-s.KappaMin)*(kt+s.KappaMin), 0))}
	})
}

// TrigFlow is multistep sampling from continuous-time consistency models [lu2025scm]. There x_t is
// cos(t)x₀ + sin(t)dz, with d the data's deviation, the clean sample is cos(t)x_t - sin(t)dF, with F the raw network, and it is noised
// again to s. In terms of any model's data prediction and any schedule that is
//
//	x_s = α_s D + σ_s z;
//
// d cancels. It is Consistency for κ_min = 0.
//
// References:
//
//	[lu2025scm]
type TrigFlow struct{}

// Info implements Solver.
func (TrigFlow) Info() Info {
	return Info{Name: "trigflow", About: "multistep sampling from continuous-time consistency models",
		NFE: 1, Stochastic: true, Approximate: true, Kind: scoremodel.Data, Ref: "lu2025scm"}
}

// Start implements Solver.
func (TrigFlow) Start(p Problem, n int) (ode.Stepper, error) {
	return newDistilled(p, n, true, func(_, to sde.Point) reach { return reach{data: to.Alpha, noise: to.Sigma} })
}
