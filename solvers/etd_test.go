package solvers_test

import (
	"errors"
	"math"
	"testing"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// timeDifferencing is exponential time differencing as package ode has it, which knows nothing of diffusion, on the probability
// flow in λ. With u = x/σ the flow is du/dλ = u - ε, and with u = x/α it is du/dλ = -u + x₀.
type timeDifferencing struct {
	data   bool
	linear float64 // 0 means that of the flow
	method func(linear float64, f ode.Func, n int) (ode.Stepper, error)
}

func (timeDifferencing) Info() solvers.Info { return solvers.Info{Name: "etd", NFE: 1} }

func (s timeDifferencing) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	st := &differencing{schedule: p.Schedule, data: s.data, x: make([]float64, n)}
	kind, linear := scoremodel.Epsilon, 1.0
	if s.data {
		kind, linear = scoremodel.Data, -1
	}
	if s.linear != 0 {
		linear = s.linear
	}
	model := scoremodel.As(p.Model, kind, p.Schedule)
	var err error
	st.inner, err = s.method(linear, func(dst, u []float64, lambda float64) error {
		at := st.point(lambda)
		vec.Lin(st.x, vec.Term{C: st.scale(at), X: u})
		if err := model.Predict(dst, st.x, at.T); err != nil || s.data {
			return err
		}
		vec.Lin(dst, vec.Term{C: -1, X: dst})
		return nil
	}, n)
	return st, err
}

type differencing struct {
	schedule sde.Schedule
	data     bool
	inner    ode.Stepper
	from, to sde.Point
	x        []float64
}

func (s *differencing) scale(p sde.Point) float64 {
	if s.data {
		return p.Alpha
	}
	return p.Sigma
}

func (s *differencing) point(lambda float64) sde.Point {
	switch lambda {
	case s.from.Lambda():
		return s.from
	case s.to.Lambda():
		return s.to
	}
	return s.schedule.At(s.schedule.Time(lambda))
}

func (s *differencing) Step(dst, src []float64, at ode.Span) error {
	s.from, s.to = s.schedule.At(at.From), s.schedule.At(at.To)
	u := make([]float64, len(src))
	vec.Lin(u, vec.Term{C: 1 / s.scale(s.from), X: src})
	at.From, at.To = s.from.Lambda(), s.to.Lambda()
	if err := s.inner.Step(u, u, at); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: s.scale(s.to), X: u})
	return nil
}

func tableau(tab ode.ExpTableau) func(float64, ode.Func, int) (ode.Stepper, error) {
	return func(linear float64, f ode.Func, n int) (ode.Stepper, error) { return tab.Stepper(linear, f, n), nil }
}

func rampedAdams(order int) func(float64, ode.Func, int) (ode.Stepper, error) {
	return func(linear float64, f ode.Func, n int) (ode.Stepper, error) {
		return ode.Adams{Order: order, Ramp: true, Linear: linear}.Stepper(f, n)
	}
}

// In λ the methods of Cox and Matthews, Hochbruck and Ostermann are those that the field knows by other names. The
// coefficients are the same, so the samples are, for every model.
func TestExponentialTimeDifferencing(t *testing.T) {
	for _, test := range []struct {
		name   string
		method func(float64, ode.Func, int) (ode.Stepper, error)
		data   bool
		same   []string
	}{
		{"etd1", tableau(ode.ETD1), false, []string{"ddim", "eulerkappa", "dpm1"}},
		{"etd1 in data", tableau(ode.ETD1), true, []string{"ddim", "dpm1", "expadams1"}},
		{"etd2", tableau(ode.ETD2), false, []string{"dpm2:r1=1,taylor=true", "expheun:noise=true"}},
		{"etd2 in data", tableau(ode.ETD2), true, []string{"dpm++2s:r1=1,taylor=true", "etdrk2"}},
		{"midpoint", tableau(ode.ETDMidpoint(1. / 2)), false, []string{"dpm2", "kdpm2"}},
		{"midpoint in data", tableau(ode.ETDMidpoint(1. / 2)), true, []string{"dpm++2s"}},
		{"another midpoint", tableau(ode.ETDMidpoint(0.7)), false, []string{"dpm2:r1=0.7"}},
		{"heun3", tableau(ode.ETDHeun3(1. / 3)), false, []string{"dpm3"}},
		{"heun3 in data", tableau(ode.ETDHeun3(1. / 3)), true, []string{"dpm++3s"}},
		{"another heun3", tableau(ode.ETDHeun3(1. / 2)), false, []string{"dpm3:r1=0.5"}},
		{"etd3 in data", tableau(ode.ETD3), true, []string{"etdrk3"}},
		{"etd4 in data", tableau(ode.ETD4), true, []string{"etdrk4"}},
		{"lawson4 in data", tableau(ode.Lawson4), true, []string{"lawson4"}},
		{"etd with memory 2", rampedAdams(2), false, []string{"expadams2:noise=true,ramp=true", "deis:order=2,variant=logrho"}},
		{"etd with memory 3", rampedAdams(3), false, []string{"dpm3m"}},
		{"etd with memory 3 in data", rampedAdams(3), true, []string{"dpm++3m", "expadams3:ramp=true"}},
		{"etd with memory 4", rampedAdams(4), false, []string{"deis:variant=logrho"}},
	} {
		for _, schedule := range []sde.Schedule{sde.VP{}, sde.Cosine{}} {
			for _, g := range []solvers.Grid{solvers.LambdaGrid{}, solvers.RoughGrid{}, solvers.QuadraticGrid{}} {
				grid, err := g.Times(schedule, 12)
				if err != nil {
					t.Fatal(err)
				}
				trace := func(s solvers.Solver) *solvers.Coefficients {
					c, err := solvers.Trace(s, schedule, grid)
					if err != nil {
						t.Fatalf("%s: %v", test.name, err)
					}
					return c
				}
				method := trace(timeDifferencing{data: test.data, method: test.method})
				for _, name := range test.same {
					s, err := solvers.ByName(name)
					if err != nil {
						t.Fatal(err)
					}
					if d, err := solvers.Distance(method, trace(s)); err != nil || !(d <= 1e-12) {
						t.Errorf("%s and %s on %s differ by %.3g, %v", test.name, name, g.Name(), d, err)
					}
				}
			}
		}
	}
}

// Negative controls: what is nearly the same is not.
func TestExponentialTimeDifferencingRejects(t *testing.T) {
	grid, err := solvers.LambdaGrid{}.Times(sde.VP{}, 12)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		method timeDifferencing
		other  string
	}{
		{"ETD3RK", timeDifferencing{method: tableau(ode.ETD3)}, "dpm3"},
		{"the midpoint in place of Taylor's", timeDifferencing{method: tableau(ode.ETDMidpoint(1. / 2))}, "dpm2:taylor=true"},
		{"a stage off", timeDifferencing{method: tableau(ode.ETDHeun3(1./3 + 1e-6))}, "dpm3"},
		{"a linear part that is off", timeDifferencing{method: tableau(ode.ETD1), linear: 1 + 1e-9}, "ddim"},
		{"Lawson's", timeDifferencing{method: tableau(ode.Lawson2)}, "dpm2"},
	} {
		a, err := solvers.Trace(test.method, sde.VP{}, grid)
		if err != nil {
			t.Fatal(err)
		}
		other, err := solvers.ByName(test.other)
		if err != nil {
			t.Fatal(err)
		}
		b, err := solvers.Trace(other, sde.VP{}, grid)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := solvers.Distance(a, b); !errors.Is(err, solvers.ErrNotSame) && !(math.Abs(d) > 1e-11) {
			t.Errorf("%s passes for %s: distance %.3g, %v", test.name, test.other, d, err)
		}
	}
}
