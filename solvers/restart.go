package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// Restart goes back [xu2023restart, algorithm 1]: where a run of a method for the probability flow first reaches κ ≤ Low, noise is
// added up to κ = High and the interval is run again, Times times, in Steps steps of Inner that are even in
// κ^(1/7). A run that does not come down to Low, or only in a step to clean data, is a run of Inner.
//
// Noise contracts what errors there are, at the cost of new ones from the interval's own steps. Their number
// is fixed, so the error does not vanish as the grid is refined and no order is claimed.
//
// The zero value of Times, Steps, Low and High is once, 9, 0.1 and 2, for images in about 20 steps.
//
// References:
//
//	[xu2023restart], [karras2022edm]
type Restart struct {
	Inner Solver  // a method for the probability flow
	Times int     `param:"times" default:"1" about:"how often the interval is run again"`
	Steps int     `param:"steps" default:"9" about:"steps each time"`
	Low   float64 `param:"low" default:"0.1" about:"kappa at which to go back"`
	High  float64 `param:"high" default:"2" about:"kappa to go back to"`
}

// defaults returns s with the zero values filled in.
func (s Restart) defaults() Restart {
	s.Times = cmp.Or(s.Times, 1)
	s.Steps = cmp.Or(s.Steps, 9)
	s.Low = cmp.Or(s.Low, 0.1)
	s.High = cmp.Or(s.High, 2)
	return s
}

// Info implements Solver.
func (s Restart) Info() Info {
	s = s.defaults()
	var i Info
	if s.Inner != nil {
		i = s.Inner.Info()
	}
	again := s.Times * i.Evaluations(s.Steps)
	if i.StartNFE > 0 { // the run begins anew after the interval
		again += i.StartNFE
	}
	i.About = "steps of " + i.Name + " that go back and run an interval again, in a fixed number of steps"
	if i.Name == "heunkappa" {
		i.Name = "" // the paper's
	}
	i.Name, i.Ref = i.Name+"restart", "xu2023restart"
	i.StartNFE, i.StartSteps = i.StartNFE+again, 0
	i.Order, i.Stochastic, i.Approximate, i.Adaptive, i.Outside = 0, true, true, false, true
	return i
}

// Start implements Solver.
func (s Restart) Start(p Problem, n int) (ode.Stepper, error) {
	s = s.defaults()
	if err := checkInner(s.Inner); err != nil {
		return nil, err
	}
	switch {
	case s.Times < 0:
		return nil, fmt.Errorf("%w: times is %d, want at least 1", ErrParameter, s.Times)
	case s.Steps < 0:
		return nil, fmt.Errorf("%w: steps is %d, want at least 1", ErrParameter, s.Steps)
	case !(s.Low > 0):
		return nil, fmt.Errorf("%w: low is %v, want a positive number", ErrParameter, s.Low)
	}
	_, tmax := p.Schedule.Domain()
	if top := p.Schedule.At(tmax).Kappa(); !(s.High > s.Low && s.High <= top) {
		return nil, fmt.Errorf("%w: high is %v, want more than low, %v, and at most the schedule's %v", ErrParameter, s.High, s.Low, top)
	}
	noise, err := newUnitNoise(p, n)
	if err != nil {
		return nil, err
	}
	if err := renewed(noise.path); err != nil {
		return nil, err
	}
	st := &restart{Restart: s, schedule: p.Schedule, high: p.Schedule.At(p.Schedule.Time(-math.Log(s.High))),
		noise: noise, grid: make([]float64, s.Steps+1)}
	if st.inner, err = s.Inner.Start(p, n); err != nil {
		return nil, err
	}
	st.again, err = s.Inner.Start(p, n)
	return st, err
}

type restart struct {
	Restart
	schedule     sde.Schedule
	high         sde.Point
	inner, again ode.Stepper // along the run, and over the interval
	noise        *unitNoise
	grid         []float64 // the interval's
	done         bool
	taken        int // steps before the interval, after which the run begins anew
}

func (s *restart) Step(dst, src []float64, at ode.Span) error {
	if at.Fresh() {
		s.done, s.taken = false, 0
	}
	inner := at
	inner.Index -= s.taken
	if at.N > 0 {
		inner.N -= s.taken
	}
	if err := s.inner.Step(dst, src, inner); err != nil {
		return err
	}
	low := s.schedule.At(at.To)
	if s.done || low.Kappa() > s.Low {
		return nil
	}
	s.done, s.taken = true, at.Index+1
	s.spread(low)
	scale, std := sde.Transition(low, s.high)
	for k := range s.Times {
		// Where the path turns round its noise is new. The parts of the way back, one for each time, are disjoint.
		part := ode.Span{From: low.T, To: s.high.T}
		z, err := s.noise.draw(ode.Span{From: part.Time(float64(k) / float64(s.Times)), To: part.Time(float64(k+1) / float64(s.Times))})
		if err != nil {
			return err
		}
		vec.Lin(dst, vec.Term{C: scale, X: dst}, vec.Term{C: std, X: z})
		if err := ode.Walk(s.again, dst, s.grid); err != nil {
			return err
		}
	}
	return nil
}

// spread places the interval's times from high to low.
func (s *restart) spread(low sde.Point) {
	const rho = 7
	from, to := math.Pow(s.high.Kappa(), 1./rho), math.Pow(low.Kappa(), 1./rho)
	for i := range s.grid {
		w := float64(i) / float64(s.Steps)
		s.grid[i] = s.schedule.Time(-rho * math.Log(from*(1-w)+to*w))
	}
	s.grid[0], s.grid[s.Steps] = s.high.T, low.T
}
