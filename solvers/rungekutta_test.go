package solvers_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

var variables = []solvers.Variable{solvers.Time, solvers.Kappa, solvers.Lambda}

// The embedded solution of Heun's method is Euler's, so the estimate is what the two steps
// differ by: as states, whatever the variable.
func TestLocalErrorIsOfTheState(t *testing.T) {
	p, _ := plane(t)
	x := solvers.Prior(p.Schedule, 1, 4, 2)
	at := ode.Span{From: 0.6, To: 0.45}
	for _, in := range variables {
		var results [2][]float64
		var estimate []float64
		for i, tab := range []ode.Tableau{ode.Heun, ode.Euler} {
			st, err := solvers.RungeKutta{Tableau: tab, In: in}.Start(p, len(x))
			if err != nil {
				t.Fatal(err)
			}
			results[i] = make([]float64, len(x))
			if err := st.Step(results[i], x, at); err != nil {
				t.Fatal(err)
			}
			e, ok := st.(ode.Estimator)
			if !ok {
				continue
			}
			estimate = make([]float64, len(x))
			if order, err := e.LocalError(estimate); order != 2 || err != nil {
				t.Errorf("heun in variable %d: LocalError says power %g, %v, want 2", in, order, err)
			}
		}
		want := make([]float64, len(x))
		for i := range want {
			want[i] = results[0][i] - results[1][i]
		}
		if diff := cmp.Diff(want, estimate, cmpopts.EquateApprox(1e-12, 1e-14)); diff != "" {
			t.Errorf("heun in variable %d: LocalError (-want +got):\n%s", in, diff)
		}
	}
}

// Both estimates of DOP853 reach the state in every variable: each is what the steps with two of its rows differ by.
func TestLocalErrorsAreOfTheState(t *testing.T) {
	p, _ := plane(t)
	x := solvers.Prior(p.Schedule, 1, 4, 2)
	at := ode.Span{From: 0.6, To: 0.3}
	for _, in := range variables {
		start := func(weights []float64) (ode.Stepper, []float64) {
			tab := ode.DOP853
			tab.B = weights
			st, err := solvers.RungeKutta{Tableau: tab, In: in}.Start(p, len(x))
			if err != nil {
				t.Fatal(err)
			}
			y := make([]float64, len(x))
			if err := st.Step(y, x, at); err != nil {
				t.Fatal(err)
			}
			return st, y
		}
		st, y := start(ode.DOP853.B)
		_, embedded := start(ode.DOP853.Embedded)
		_, third := start(ode.DOP853.Coarse)
		fine, coarse := make([]float64, len(x)), make([]float64, len(x))
		if power, err := st.(ode.PairEstimator).LocalErrors(fine, coarse); power != 8 || err != nil {
			t.Errorf("dop853 in variable %d: power %g, %v, want 8", in, power, err)
		}
		for i := range y {
			embedded[i], third[i] = y[i]-embedded[i], y[i]-third[i]
		}
		if diff := cmp.Diff(embedded, fine, cmpopts.EquateApprox(1e-9, 1e-14)) + cmp.Diff(third, coarse, cmpopts.EquateApprox(1e-9, 1e-14)); diff != "" {
			t.Errorf("dop853 in variable %d: LocalErrors (-want +got):\n%s", in, diff)
		}
	}
}

// The interpolant is one of the state in every variable: exact at both ends, and near the solution from a finer run inside. What it
// costs is counted, and with it the budget holds.
func TestInterpolateIsOfTheState(t *testing.T) {
	p, counter := plane(t)
	x := solvers.Prior(p.Schedule, 1, 4, 2)
	for _, in := range variables {
		for _, tab := range []ode.Tableau{ode.DP5, ode.DOP853} {
			start := func() ode.Estimator {
				st, err := solvers.RungeKutta{Tableau: tab, In: in}.Start(p, len(x))
				if err != nil {
					t.Fatal(err)
				}
				return st.(ode.Estimator)
			}
			c := ode.Control{Rel: 1e-8, Abs: 1e-8, Dim: 2}
			want, plain := slices.Clone(x), slices.Clone(x)
			if _, err := (ode.Control{Rel: 1e-11, Abs: 1e-11, Dim: 2}).Adapt(t.Context(), start(), want, 0.9, 0.4321, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Adapt(t.Context(), start(), plain, 0.9, 0.1, nil); err != nil {
				t.Fatal(err)
			}
			got, y, before := []float64(nil), slices.Clone(x), counter.NFE()
			res, err := c.Solve(t.Context(), start(), y, 0.9, 0.1, ode.Output{Times: []float64{0.4321},
				Write: func(_ int, _ float64, x []float64) error { got = slices.Clone(x); return nil }})
			if err != nil || res.NFE != counter.NFE()-before {
				t.Errorf("%s in variable %d: %+v, %v, want NFE %d", tab.Name, in, res, err, counter.NFE()-before)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
				t.Errorf("%s in variable %d, inside of a step (-want +got):\n%s", tab.Name, in, diff)
			}
			if diff := cmp.Diff(plain, y); diff != "" {
				t.Errorf("%s in variable %d: the end (-without output +with):\n%s", tab.Name, in, diff)
			}
			before = counter.NFE()
			c.MaxNFE = res.NFE - 5
			if res, err := c.Solve(t.Context(), start(), slices.Clone(x), 0.9, 0.1, ode.Output{}); !errors.Is(err, ode.ErrTooManyEvaluations) || counter.NFE()-before > c.MaxNFE {
				t.Errorf("%s in variable %d, MaxNFE %d: %+v after %d, %v", tab.Name, in, c.MaxNFE, res, counter.NFE()-before, err)
			}
		}
	}
}

// clumsy is a schedule whose inverse is off.
type clumsy struct {
	sde.VP
	by float64
}

func (c clumsy) Time(lambda float64) float64 { return c.VP.Time(lambda) + c.by }

// However badly the schedule inverts λ, and rounding does so a little, no evaluation falls
// outside its step, and those at the ends are exactly there.
func TestStagesStayInsideTheStep(t *testing.T) {
	for _, by := range []float64{0.05, -0.05} {
		for _, in := range variables {
			for _, tab := range ode.Tableaus() {
				var seen []float64
				p := solvers.Problem{Schedule: clumsy{by: by}, Dim: 1, Model: scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error {
					seen = append(seen, t)
					dst[0] = x[0]
					return nil
				})}
				st, err := solvers.RungeKutta{Tableau: tab, In: in}.Start(p, 1)
				if err != nil {
					t.Fatal(err)
				}
				for at := range ode.Spans(rough) {
					seen = nil
					if err := st.Step([]float64{0}, []float64{1}, at); err != nil {
						t.Fatal(err)
					}
					for i, c := range tab.C[:len(seen)] {
						if seen[i] > at.From || seen[i] < at.To || c == 0 && seen[i] != at.From || c == 1 && seen[i] != at.To {
							t.Errorf("%s in variable %d, off by %v: stage %d of the step from %v to %v is at %v", tab.Name, in, by, i, at.From, at.To, seen[i])
						}
					}
				}
			}
		}
	}
}
