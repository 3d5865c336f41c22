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

// ReverseDiffusion is the predictor of [song2021score, appendix E]: the forward process from the step's end s to its beginning t,
// x_t = a x_s + √b z, is reversed as the SDE is,
//
//	x_s = (2-a) x_t + b ∇log p + √b z,
//
// with a = α_t/α_s and b = σ_t² - a²σ_s². For variance preserving diffusion b = 1 - a² is the training's β, and for variance exploding
// diffusion a = 1.
//
// References:
//
//	[song2021score]
type ReverseDiffusion struct{}

// Info implements Solver.
func (ReverseDiffusion) Info() Info {
	return Info{Name: "reversediffusion", About: "the reverse diffusion predictor, the forward process' steps reversed",
		WeakOrder: 1, StrongOrder: 1, NFE: 1, Stochastic: true, Kind: scoremodel.Score, Ref: "song2021score"}
}

// Start implements Solver.
func (ReverseDiffusion) Start(p Problem, n int) (ode.Stepper, error) {
	noise, err := newUnitNoise(p, n)
	if err != nil {
		return nil, err
	}
	return &reverseDiffusion{schedule: p.Schedule, noise: noise, score: make([]float64, n),
		model: scoremodel.As(p.Model, scoremodel.Score, p.Schedule)}, nil
}

type reverseDiffusion struct {
	schedule sde.Schedule
	model    scoremodel.Model
	noise    *unitNoise
	score    []float64
}

func (s *reverseDiffusion) Step(dst, src []float64, at ode.Span) error {
	if err := s.model.Predict(s.score, src, at.From); err != nil {
		return err
	}
	z, err := s.noise.draw(at)
	if err != nil {
		return err
	}
	scale, std := sde.Transition(s.schedule.At(at.To), s.schedule.At(at.From))
	vec.Lin(dst, vec.Term{C: 2 - scale, X: src}, vec.Term{C: std * std, X: s.score}, vec.Term{C: std, X: z})
	return nil
}

// PredictorCorrector follows each step of a predictor with Corrections steps of Langevin dynamics at the time where it ends
// [song2021score, algorithms 4 and 5],
//
//	x ← x + e ∇log p + √(2e) z,
//
// which do not change the law of a state that has the right one, but for the error of the step length e. By default
// e = 2(r‖z‖/‖∇log p‖)² with r = SNR, for each row of the state by its own norms; the paper averages the norms over the batch, which makes
// a row's result depend on its neighbours. With Annealed e = 2(rσ)². The paper's factor of 2, the α of its time step, is between
// 0.98 and 1, and is 1 here for every schedule.
//
// e does not vanish as the grid is refined, and neither does the error of the law, about e/2 of the variance: no
// order is claimed. The zero value has one correction, SNR 0.16 and the reverse diffusion predictor.
//
// References:
//
//	[song2021score]
type PredictorCorrector struct {
	Predictor   Solver  // nil is ReverseDiffusion
	Annealed    bool    // step lengths by σ instead of norms
	SNR         float64 `param:"snr" default:"0.16" about:"ratio of the correction to its noise, which sets the step length"`
	Corrections int     `param:"corrections" default:"1" about:"steps of Langevin dynamics after each step"`
}

// defaults returns s with the zero values filled in.
func (s PredictorCorrector) defaults() PredictorCorrector {
	if s.Predictor == nil {
		s.Predictor = ReverseDiffusion{}
	}
	s.SNR = cmp.Or(s.SNR, 0.16)
	s.Corrections = cmp.Or(s.Corrections, 1)
	return s
}

// Info implements Solver.
func (s PredictorCorrector) Info() Info {
	s = s.defaults()
	i := s.Predictor.Info()
	name, by := "langevin", "normalised"
	if s.Annealed {
		name, by = "annealedlangevin", "annealed"
	}
	i.About = "steps of " + i.Name + " corrected by " + by + " Langevin dynamics, whose own error stays"
	if i.Name == "reversediffusion" {
		i.Name = "" // the paper's
	}
	i.Name, i.Ref = i.Name+name, "song2021score"
	i.Order, i.WeakOrder, i.StrongOrder = 0, 0, 0
	i.Stochastic, i.Approximate, i.Adaptive = true, true, false
	i.NFE += s.Corrections
	return i
}

// Start implements Solver.
func (s PredictorCorrector) Start(p Problem, n int) (ode.Stepper, error) {
	s = s.defaults()
	switch {
	case !(s.SNR > 0) || math.IsInf(s.SNR, 1):
		return nil, fmt.Errorf("%w: snr is %v, want a positive number", ErrParameter, s.SNR)
	case s.Corrections < 0:
		return nil, fmt.Errorf("%w: corrections is %d, want at least 1", ErrParameter, s.Corrections)
	}
	path, err := p.path(n)
	if err != nil {
		return nil, err
	}
	if err := renewed(path); err != nil {
		return nil, err
	}
	st := &predictorCorrector{PredictorCorrector: s, schedule: p.Schedule, dim: p.Dim, score: make([]float64, n),
		model: scoremodel.As(p.Model, scoremodel.Score, p.Schedule), noise: &unitNoise{path, make([]float64, n)}}
	for i := range st.norms {
		st.norms[i] = make([]float64, n/p.Dim)
	}
	p.Noise = samePath{path} // two from one seed would repeat each other
	st.predictor, err = startBetween(s.Predictor, p, n)
	return st, err
}

type predictorCorrector struct {
	PredictorCorrector
	schedule  sde.Schedule
	dim       int
	predictor ode.Stepper
	model     scoremodel.Model
	noise     *unitNoise
	score     []float64
	norms     [2][]float64 // of the rows of the score and of the noise
}

func (s *predictorCorrector) Step(dst, src []float64, at ode.Span) error {
	if err := s.predictor.Step(dst, src, at); err != nil {
		return err
	}
	sigma := s.schedule.At(at.To).Sigma
	back := ode.Span{From: at.To, To: at.From}
	for k := range s.Corrections {
		if err := s.model.Predict(s.score, dst, at.To); err != nil {
			return err
		}
		// Where the path turns round its noise is new. The parts of the way back, one for each correction, are disjoint.
		z, err := s.noise.draw(ode.Span{From: back.Time(float64(k) / float64(s.Corrections)), To: back.Time(float64(k+1) / float64(s.Corrections))})
		if err != nil {
			return err
		}
		vec.RowNorms(s.norms[0], s.score)
		vec.RowNorms(s.norms[1], z)
		for row := range s.norms[0] {
			lo, hi := row*s.dim, (row+1)*s.dim
			ratio := sigma
			if !s.Annealed {
				if s.norms[0][row] == 0 {
					continue // the score has no scale to go by
				}
				ratio = s.norms[1][row] / s.norms[0][row]
			}
			e := 2 * (s.SNR * ratio) * (s.SNR * ratio)
			vec.Lin(dst[lo:hi], vec.Term{C: 1, X: dst[lo:hi]}, vec.Term{C: e, X: s.score[lo:hi]}, vec.Term{C: math.Sqrt(2 * e), X: z[lo:hi]})
		}
	}
	return nil
}
