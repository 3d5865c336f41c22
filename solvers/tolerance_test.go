package solvers_test

import (
	"math"
	"slices"
	"testing"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// adaptive returns every solver of the catalogue and of the variants that can adapt its steps.
func adaptive() (out []solvers.Solver) {
	for _, s := range append(solvers.Catalog(), append(variants,
		solvers.ExpRK{Tableau: solvers.Krogstad43, Noise: true}, solvers.ExpRK{Tableau: solvers.Lawson5, Noise: true})...) {
		if s.Info().Adaptive {
			out = append(out, s)
		}
	}
	return out
}

// toleranceProblem is one or more rows of several elements, and where the flow takes them. One element alone would now and then
// meet a step at which its estimate passes through zero.
type toleranceProblem struct {
	name    string
	problem solvers.Problem
	x, want []float64
}

func (p toleranceProblem) run(t *testing.T, s solvers.Solver, tolerance float64) (rms float64, res solvers.Result) {
	t.Helper()
	x, res := sample(t, s, p.problem, p.x, &solvers.Settings{Control: &ode.Control{Rel: tolerance, Abs: tolerance}})
	vec.Lin(x, vec.Term{C: 1, X: x}, vec.Term{C: -1, X: p.want})
	norms := make([]float64, len(x)/p.problem.Dim)
	vec.RowNorms(norms, x)
	slices.Sort(norms)
	return norms[len(norms)/2] / math.Sqrt(float64(p.problem.Dim)), res
}

// independent are the six starts of the closed forms as the elements of one row.
func independent(t *testing.T) []toleranceProblem {
	t.Helper()
	start := []float64{-1.7, -.9, -.2, .3, .8, 1.9}
	g, m := gaussian(t, solvers.Normal{Mean: 1, Variance: 0.25}), mixture(t)
	var out []toleranceProblem
	for _, c := range []struct {
		name  string
		model scoremodel.Model
		exact func(dst, x []float64, from, to float64) error
	}{
		{"N(1, 0.25)", g, func(dst, x []float64, from, to float64) error { g.FlowMap(dst, x, from, to); return nil }},
		{"mixture", m, m.QuantileMap},
	} {
		want := make([]float64, len(start))
		if err := c.exact(want, start, 1, 1e-3); err != nil {
			t.Fatal(err)
		}
		model := scoremodel.Func(c.model.Kind(), c.model.Predict) // without its dimension
		out = append(out, toleranceProblem{c.name, solvers.Problem{Schedule: sde.VP{}, Model: model, Dim: len(start)}, start, want})
	}
	return out
}

// pixels is digits of the mixture around samples of the digits, whose flow is computed with DOP853 at 1e-11. A row that passes near the
// border between two digits enlarges whatever happens to it, hundredfold, so it takes the median of several to speak of the method.
func pixels(t *testing.T, samples, rows int) toleranceProblem {
	t.Helper()
	images, _ := scoremodel.Digits()
	m, err := scoremodel.NewDataset(sde.VP{}, images[:samples*64], 64, 0.15)
	if err != nil {
		t.Fatal(err)
	}
	p := toleranceProblem{name: "digits", problem: solvers.Problem{Schedule: sde.VP{}, Model: m, Dim: 64}, x: solvers.Prior(sde.VP{}, 4, rows, 64)}
	p.want, _ = sample(t, named(t, "dop853"), p.problem, p.x, &solvers.Settings{Control: &ode.Control{Rel: 1e-11, Abs: 1e-11}})
	return p
}

// within is the certificate: the error is at most ten times the tolerance.
const within = 10

// bound returns the certificate of a solver that took the given steps, in tolerances. A pair propagates its higher row and estimates the
// error of the lower one, which leaves a margin. Milne's estimate is of the error of the result itself, and there is none: the errors
// of all steps add up, and the flow enlarges those in κ by a factor of a few.
//
// Classical pairs of high order see too little of the digits' flow from the few long steps that they take at loose tolerances, where
// one mode is chosen: dp5lambda, in 13 steps, has been seen at 12 tolerances in the median of three rows and at 21 in one.
func (p toleranceProblem) bound(s solvers.Solver, steps int) float64 {
	switch s := s.(type) {
	case solvers.Adams:
		return 6 * float64(steps)
	case solvers.RungeKutta:
		if p.name == "digits" && s.Tableau.Order >= 5 {
			return 2 * within
		}
	}
	return within
}

// certify checks every adaptive solver on p down to the given tolerance. What costs more than the
// given number of evaluations, judged by the order, is left out.
func certify(t *testing.T, p toleranceProblem, exponents []float64, evaluations float64) {
	t.Helper()
	for _, s := range adaptive() {
		i := s.Info()
		for _, e := range exponents {
			tolerance := math.Pow(10, -e)
			// Steps are as the power 1/q of the tolerance, and a handful at 1.
			power := float64(i.Order)
			if 5*float64(i.NFE)*math.Pow(tolerance, -1/power) > evaluations {
				continue
			}
			rms, res := p.run(t, s, tolerance)
			if !(rms <= p.bound(s, res.Steps)*tolerance) {
				t.Errorf("%s on %s: tolerance %.0e, error %.2g, %.0f times it, in %d steps, %d rejected", solvers.Name(s), p.name, tolerance, rms, rms/tolerance, res.Steps, res.Rejected)
			}
			// The control is of no use either if it asks for far too much. Classical methods of order 5 and 8 do: their estimate is that of a
			// lower order.
			if i.Order <= 4 && !(rms >= tolerance/300) {
				t.Errorf("%s on %s: tolerance %.0e, error %.2g", solvers.Name(s), p.name, tolerance, rms)
			}
		}
	}
}

// Tolerance in, error within ten times of it out, for every pair; and what bound says for the others.
func TestToleranceIn(t *testing.T) {
	t.Parallel()
	for _, p := range independent(t) {
		certify(t, p, []float64{2, 3, 4, 5, 6, 7, 8}, 12_000)
	}
	certify(t, pixels(t, 10, 1), []float64{2, 3, 4}, 1000)
}

func TestLongToleranceIn(t *testing.T) {
	if !*long {
		t.Skip("takes seconds; run with -long")
	}
	t.Parallel()
	for _, p := range independent(t) {
		certify(t, p, []float64{7, 8}, 200_000)
	}
	certify(t, pixels(t, 1797, 3), []float64{2, 4, 6, 8}, 2500)
}

// spoiled is a solver whose estimate, or state, is not what it should be.
type spoiled struct {
	solvers.ExpRK
	spoil func(e []float64)
}

func (s spoiled) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	st, err := s.ExpRK.Start(p, n)
	if err != nil {
		return nil, err
	}
	return &spoiledStepper{st.(solvers.Paced), s.spoil}, nil
}

type spoiledStepper struct {
	solvers.Paced
	spoil func(e []float64)
}

func (s *spoiledStepper) LocalError(e []float64) (float64, error) {
	power, err := s.Paced.LocalError(e)
	s.spoil(e)
	return power, err
}

// What the certificate must refuse: the embedded row propagated, as some toolkits had it, and an error that is not measured in units of the
// tolerance.
func TestToleranceMutants(t *testing.T) {
	t.Parallel()
	swapped := func(tab solvers.ExpTableau) solvers.ExpTableau {
		last := len(tab.Nodes)
		tab.A = slices.Clone(tab.A)
		tab.A[last], tab.Embedded = tab.Embedded, tab.A[last]
		return tab
	}
	for _, tab := range []solvers.ExpTableau{solvers.ETDRK3, solvers.RES{Order: 3}.Tableau(), solvers.Krogstad43} {
		for _, p := range independent(t) {
			for name, s := range map[string]solvers.Solver{
				"the embedded row propagated": solvers.ExpRK{Tableau: swapped(tab)},
				"a norm without tolerance":    spoiled{solvers.ExpRK{Tableau: tab}, func(e []float64) { vec.Lin(e, vec.Term{C: 1e-5, X: e}) }},
			} {
				worst := 0.0
				for _, tolerance := range []float64{1e-4, 1e-6, 1e-8} {
					rms, _ := p.run(t, s, tolerance)
					worst = math.Max(worst, rms/tolerance)
				}
				if worst <= within {
					t.Errorf("%s on %s, %s: the error is within %.2g tolerances", tab.Name, p.name, name, worst)
				}
			}
		}
	}
}

// Steps that are chosen in time fit a method in λ badly: more than twice as many are rejected.
func TestPaceMatters(t *testing.T) {
	var rejected [2]int
	for _, p := range independent(t) {
		for _, name := range []string{"res3s", "krogstad43", "dp5lambda"} {
			s := named(t, name)
			for _, tolerance := range []float64{1e-3, 1e-4, 1e-5, 1e-6} {
				for i, s := range []solvers.Solver{s, unpaced{s}} {
					_, res := p.run(t, s, tolerance)
					rejected[i] += res.Rejected
				}
			}
		}
	}
	if 2*rejected[0] >= rejected[1] {
		t.Errorf("%d steps are rejected if chosen in lambda, %d if in time", rejected[0], rejected[1])
	}
}

// unpaced is a solver whose steps are chosen in time.
type unpaced struct{ solvers.Solver }

func (s unpaced) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	st, err := s.Solver.Start(p, n)
	if err != nil {
		return nil, err
	}
	return struct{ ode.Estimator }{st.(ode.Estimator)}, nil
}
