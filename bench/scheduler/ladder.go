package scheduler

import (
	"math"

	"github.com/diffsolve/diffsolve/sde"
)

// A space is how the state of a class is scaled.
type space int

const (
	vp   space = iota // α² + σ² = 1
	ve                // α = 1
	line              // α + σ = 1: flow matching
)

// point returns the point of κ = σ/α.
func (s space) point(kappa float64) sde.Point {
	switch s {
	case ve:
		return sde.Point{Alpha: 1, Sigma: kappa}
	case line:
		return sde.Point{Alpha: 1 / (1 + kappa), Sigma: kappa / (1 + kappa)}
	}
	alpha := 1 / math.Sqrt(kappa*kappa+1)
	return sde.Point{Alpha: alpha, Sigma: kappa * alpha}
}

// A ladder is the schedule of a run: level i of N, the first being 0, is at the time N-i, the number of
// steps left. Between levels λ is linear in time, and in a last step to clean data it grows by w/(1-w) over the fraction w of
// the step. Derivatives are not known.
type ladder struct {
	levels []sde.Point
	space  space
}

// newLadder returns the ladder of the given sigmas.
func newLadder(s space, sigmas []float64) *ladder {
	l := &ladder{space: s}
	for _, sigma := range sigmas {
		l.levels = append(l.levels, s.point(sigma))
	}
	return l
}

func (l *ladder) steps() int { return len(l.levels) - 1 }

// grid returns the times of the levels.
func (l *ladder) grid() []float64 {
	g := make([]float64, len(l.levels))
	for i := range g {
		g[i] = float64(l.steps() - i)
	}
	return g
}

// level returns the level at a time, and whether there is one.
func (l *ladder) level(t float64) (int, bool) {
	i := l.steps() - int(math.Round(t))
	return min(max(i, 0), l.steps()), t == math.Round(t)
}

// At implements sde.Schedule.
func (l *ladder) At(t float64) sde.Point {
	i, ok := l.level(t)
	if ok {
		p := l.levels[i]
		p.T = t
		return p
	}
	i = min(max(l.steps()-int(math.Ceil(t)), 0), l.steps()-1)
	w := float64(l.steps()-i) - t
	a, b := l.levels[i].Lambda(), l.levels[i+1].Lambda()
	lambda := a + w*(b-a)
	if math.IsInf(b, 1) {
		lambda = a + w/(1-w)
	}
	p := l.space.point(math.Exp(-lambda))
	p.T = t
	return p
}

// Time implements sde.Schedule. What it returns is not the time of a level, if only by rounding: a stage that
// happens to fall on one is asked for the timestep of its λ, not for that of the level.
func (l *ladder) Time(lambda float64) float64 {
	i := 0
	for i < l.steps()-1 && l.levels[i+1].Lambda() < lambda {
		i++
	}
	a, b := l.levels[i].Lambda(), l.levels[i+1].Lambda()
	w := (lambda - a) / (b - a)
	if math.IsInf(b, 1) {
		w = (lambda - a) / (1 + lambda - a)
	}
	t := float64(l.steps()-i) - w
	if _, ok := l.level(t); ok {
		t *= 1 - 0x1p-50
	}
	return t
}

// Domain implements sde.Schedule. It leaves clean data out.
func (l *ladder) Domain() (tmin, tmax float64) {
	if l.levels[l.steps()].Sigma == 0 {
		tmin = 1
	}
	return tmin, float64(l.steps())
}
