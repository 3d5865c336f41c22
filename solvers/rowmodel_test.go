package solvers_test

import (
	"context"
	"slices"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// conditioned is the exact model of N(row, 0.25): each row has its own mean.
type conditioned struct {
	s     sde.Schedule
	first int
}

func (m conditioned) Kind() scoremodel.Kind { return scoremodel.Epsilon }

func (m conditioned) Predict(dst, x []float64, t float64) error {
	p := m.s.At(t)
	for i := range dst {
		mean := float64(m.first + i)
		dst[i] = p.Sigma * (x[i] - p.Alpha*mean) / (p.Alpha*p.Alpha*0.25 + p.Sigma*p.Sigma)
	}
	return nil
}

func (m conditioned) From(first int) scoremodel.Model { m.first = first; return m }

// TestRowModel samples with a model that is given another condition for each row: whoever runs a row, it keeps its own.
func TestRowModel(t *testing.T) {
	vp := sde.VP{}
	const rows = 11
	x0 := solvers.Prior(vp, 1, rows, 1)
	p := solvers.Problem{Schedule: vp, Model: scoremodel.As(conditioned{s: vp}, scoremodel.Data, vp), Dim: 1}
	for _, test := range []struct {
		name   string
		solver solvers.Solver
		set    solvers.Settings
	}{
		{"fixed grid", solvers.DPMSolverPP2M{}, solvers.Settings{Steps: 30}},
		{"adaptive", solvers.RungeKutta{Tableau: ode.DP5}, solvers.Settings{Control: &ode.Control{Rel: 1e-6, Abs: 1e-6}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := func(p solvers.Problem, x []float64, workers int) {
				t.Helper()
				test.set.Workers = workers
				if _, err := solvers.Sample(context.Background(), test.solver, p, x, &test.set); err != nil {
					t.Fatal(err)
				}
			}
			whole := slices.Clone(x0)
			run(p, whole, 1)
			for i, v := range whole {
				if v < float64(i)-2.5 || v > float64(i)+2.5 { // five standard deviations
					t.Errorf("row %d is at %v, far from its mean", i, v)
				}
			}
			shared := slices.Clone(x0)
			run(p, shared, 4)
			if !slices.Equal(whole, shared) {
				t.Errorf("four workers give %v, want %v", shared, whole)
			}
			late := p
			late.Row = 5
			rest := slices.Clone(x0[5:])
			run(late, rest, 2)
			if !slices.Equal(whole[5:], rest) {
				t.Errorf("the rows from 5 on alone give %v, want %v", rest, whole[5:])
			}
		})
	}
}
