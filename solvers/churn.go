package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// Churn adds noise before each step of a method for the probability flow [karras2022edm, algorithm 2]: with γ the
// lesser of SChurn/N and √2-1, N the number of steps, κ becomes κ̂ = κ(1+γ) and the step is taken from there. The model is evaluated after the
// noise is added. With Heun's method in κ it is the sampler of EDM.
//
// Adding noise is exact, so the law of the result is as accurate as Inner. With SNoise other than 1
// it is not: the variance is wrong by a share of the noise, which does not vanish with the step.
//
// The model is evaluated at more noise than the step begins with, though never beyond the schedule's domain. Where the
// number of steps is not known in advance it counts as one. An Inner that keeps earlier predictions is churned half of the way back to
// where the step before started at most, so that its predictions lie apart. The zero value of SChurn adds no noise. The catalogue has the
// paper's values for ImageNet-64, but for SNoise, 1.003 there.
//
// References:
//
//	[karras2022edm]
type Churn struct {
	Inner  Solver  // a method for the probability flow, neither EDICT nor BDIA
	SChurn float64 `param:"churn" about:"amount of noise over the whole run, 0 or more"`
	SMin   float64 `param:"smin" about:"least kappa at which noise is added"`
	SMax   float64 `param:"smax" about:"greatest kappa at which noise is added; 0 is no limit"`
	SNoise float64 `param:"snoise" default:"1" about:"factor of the noise's standard deviation; 0 means 1"`
}

// Info implements Solver.
func (s Churn) Info() Info {
	var i Info
	if s.Inner != nil {
		i = s.Inner.Info()
	}
	i.About = "steps of " + i.Name + " after noise is added"
	if i.Name == "heunkappa" {
		i.Name = "edm"
	}
	i.Name += "churn"
	i.Ref = "karras2022edm"
	if s.SChurn == 0 {
		return i
	}
	i = i.withNoise(s.SChurn, i.marginal())
	i.Outside, i.StrongOrder = true, 0
	if s.SNoise != 0 && s.SNoise != 1 {
		i.WeakOrder, i.Approximate = 0, true
	}
	return i
}

// Start implements Solver.
func (s Churn) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkInner(s.Inner); err != nil {
		return nil, err
	}
	for _, c := range []struct {
		name  string
		value float64
	}{{"churn", s.SChurn}, {"smin", s.SMin}, {"smax", s.SMax}, {"snoise", s.SNoise}} {
		if !(c.value >= 0) || math.IsInf(c.value, 1) {
			return nil, fmt.Errorf("%w: %s is %v, want 0 or more, and finite", ErrParameter, c.name, c.value)
		}
	}
	if s.SChurn == 0 {
		return s.Inner.Start(p, n)
	}
	inner, err := startBetween(s.Inner, p, n)
	if err != nil {
		return nil, err
	}
	_, tmax := p.Schedule.Domain()
	if _, ok := inner.(Finisher); !ok {
		inner = &finishing{inner, newPredicting(p, n)}
	}
	st := &churn{Churn: s, inner: inner, schedule: p.Schedule, tmax: tmax,
		apart: s.Inner.Info().Memory > 0, x: make([]float64, n)}
	st.SMax = cmp.Or(st.SMax, math.Inf(1))
	st.SNoise = cmp.Or(st.SNoise, 1)
	st.noise, err = newUnitNoise(p, n)
	return st, err
}

type churn struct {
	Churn
	inner    ode.Stepper
	schedule sde.Schedule
	tmax     float64
	apart    bool    // keep the starts of the steps apart, since the inner method interpolates between them
	start    float64 // λ where the latest step started
	noise    *unitNoise
	x        []float64 // the state with the noise
}

// ReachesClean implements Finisher: the noise comes before the last step too, as in [karras2022edm].
func (s *churn) ReachesClean() {}

func (s *churn) Step(dst, src []float64, at ode.Span) error {
	from := s.schedule.At(at.From)
	gamma := 0.
	if k := from.Kappa(); s.SMin <= k && k <= s.SMax {
		gamma = math.Min(s.SChurn/float64(max(at.N, 1)), math.Sqrt2-1)
	}
	lambda := from.Lambda() - math.Log1p(gamma)
	if s.apart && at.Index > 0 {
		lambda = math.Max(lambda, (s.start+from.Lambda())/2)
	}
	up := math.Min(s.schedule.Time(lambda), s.tmax)
	if !(gamma > 0 && up > at.From) {
		s.start = from.Lambda()
		return s.inner.Step(dst, src, at)
	}
	s.start = s.schedule.At(up).Lambda()
	// The noise of the step, whatever its place in the step, is what the path does over it.
	z, err := s.noise.draw(at)
	if err != nil {
		return err
	}
	scale, std := sde.Transition(from, s.schedule.At(up))
	vec.Lin(s.x, vec.Term{C: scale, X: src}, vec.Term{C: s.SNoise * std, X: z})
	at.From = up
	return s.inner.Step(dst, s.x, at)
}
