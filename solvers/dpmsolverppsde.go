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

// DPMSolverPPSDE is the single-step DPM-Solver++ SDE of k-diffusion: the second-order single-step DPM-Solver++
// [lu2022dpmpp, algorithm 1] between κ and the κ_down of ancestral sampling, see Ancestral, with the noise added at the end of the step and at
// its stage, which lies at the fraction R of the step in λ.
//
// The noise of the whole step continues that of the stage: the path over [s, t] is that over [s, r] and then that over
// [r, t], in proportion to the square roots of their lengths. Clock says in what the lengths are measured: "kappa", as in
// k-diffusion, or "exact", e^(2η²λ), in which Brownian motion is the exact noise for constant tau = eta. With the exact clock, Eta 1
// and R 1/2 the method is SEEDS-2. The weak order is 2 with either; with Independent noise, as diffusers' single-step solver draws
// it, it is 1.
//
// Eta is DDIM's. Eta 0, as in the zero value, is DPM-Solver++ 2S; the catalogue has Eta 1.
//
// References:
//
//	[lu2022dpmpp], [song2021ddim]
type DPMSolverPPSDE struct {
	Eta         float64 `param:"eta" about:"share of noise, from 0, the ODE, to 1, ancestral sampling"`
	R           float64 `param:"r" default:"0.5" about:"where the stage lies, a fraction of the step in (0, 1)"`
	Clock       string  `param:"clock" values:"kappa|exact" about:"in what the parts of the path are measured"`
	Independent bool    `param:"independent" about:"draw the stage's noise on its own, as diffusers does; the weak order is then 1"`
}

// Info implements Solver.
func (s DPMSolverPPSDE) Info() Info {
	i := Info{Name: "dpm++sde", About: "DPM-Solver++ SDE, single-step, in data prediction",
		Order: 2, NFE: 2, Kind: scoremodel.Data, Ref: "lu2022dpmpp"}
	if !s.Independent {
		return i.withNoise(s.Eta, 2)
	}
	i = i.withNoise(s.Eta, 1)
	i.StrongOrder = 0
	return i
}

// Start implements Solver.
func (s DPMSolverPPSDE) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkEta(s.Eta); err != nil {
		return nil, err
	}
	if r := cmp.Or(s.R, 0.5); !(r > 0 && r < 1) {
		return nil, fmt.Errorf("%w: r is %v, want more than 0 and less than 1", ErrParameter, s.R)
	}
	if s.Clock != "" && s.Clock != "kappa" && s.Clock != "exact" {
		return nil, fmt.Errorf("%w: clock is %q, want kappa or exact", ErrParameter, s.Clock)
	}
	st := &dpmSolverPPSDE{DPMSolverPPSDE: s, schedule: p.Schedule, model: scoremodel.As(p.Model, scoremodel.Data, p.Schedule),
		m: make([]float64, n), mid: make([]float64, n), x: make([]float64, n)}
	st.R = cmp.Or(s.R, 0.5)
	if s.Eta == 0 {
		return st, nil
	}
	var err error
	if st.noise, err = newUnitNoise(p, n); err == nil {
		st.first = make([]float64, n)
	}
	return st, err
}

type dpmSolverPPSDE struct {
	DPMSolverPPSDE
	schedule sde.Schedule
	model    scoremodel.Model
	noise    *unitNoise // nil if eta is 0
	m, mid   []float64  // the predictions at the beginning and at the stage
	x        []float64  // the state at the stage
	first    []float64  // the normals of the path up to the stage
}

func (s *dpmSolverPPSDE) Step(dst, src []float64, at ode.Span) error {
	if !at.Retry {
		if err := s.model.Predict(s.m, src, at.From); err != nil {
			return err
		}
	}
	from, to := s.schedule.At(at.From), s.schedule.At(at.To)
	r := inside(s.schedule, from.Lambda()+s.R*sde.H(from, to), from, to)
	part, whole := ancestralStep(s.Eta, from, r), ancestralStep(s.Eta, from, to)
	stage := append(make([]vec.Term, 0, 3), vec.Term{C: part.carry, X: src}, vec.Term{C: part.phi(1), X: s.m})
	if s.noise != nil {
		z, err := s.noise.draw(ode.Span{From: at.From, To: r.T})
		if err != nil {
			return err
		}
		copy(s.first, z)
		stage = append(stage, vec.Term{C: part.noise, X: s.first})
	}
	vec.Lin(s.x, stage...)
	if err := s.model.Predict(s.mid, s.x, r.T); err != nil {
		return err
	}
	slope := whole.phi(1) / (2 * s.R)
	end := append(make([]vec.Term, 0, 5), vec.Term{C: whole.carry, X: src},
		vec.Term{C: whole.phi(1) - slope, X: s.m}, vec.Term{C: slope, X: s.mid})
	if s.noise != nil {
		z, err := s.noise.draw(ode.Span{From: r.T, To: at.To})
		if err != nil {
			return err
		}
		share := s.share(from, r, to)
		end = append(end, vec.Term{C: whole.noise * math.Sqrt(share), X: s.first}, vec.Term{C: whole.noise * math.Sqrt(1-share), X: z})
	}
	vec.Lin(dst, end...)
	return nil
}

// share returns the part of the path's length over the step that lies before the stage.
func (s *dpmSolverPPSDE) share(from, r, to sde.Point) float64 {
	part, whole := sde.H(from, r), sde.H(from, to)
	switch {
	case s.Independent:
		return 0
	case s.Clock == "exact":
		e := 2 * s.Eta * s.Eta
		return math.Expm1(e*part) / math.Expm1(e*whole)
	}
	return math.Expm1(-part) / math.Expm1(-whole)
}

// ancestralStep is the first-order step in data prediction to the κ_down of ancestral sampling with the given eta,
// and its noise. It is that of the family of tau which adds as much noise: κ_down/κ = e^(-(1+τ²)h) with e^(-2τ²h) = 1 - η²(1-e^(-2h)).
func ancestralStep(eta float64, from, to sde.Point) exponential {
	return newExponential(scoremodel.Data, TauOfEta(eta, sde.H(from, to)), from, to)
}
