package sde_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// What is not sound is refused beforehand.
func TestEstimatorRefuses(t *testing.T) {
	sys, tree := mixture.reverse(sde.VP{}), sde.Tree{From: 1e-3, To: 1}
	euler := sde.Tableau{Name: "eulermaruyama", WeakOrder: 1, StrongOrder: 1, Drift: ode.Euler, Nodes: []float64{0}, W: [][]float64{{}, {1}}}
	for _, test := range []struct {
		name  string
		tab   sde.Tableau
		noise sde.Noise
		want  error
	}{
		{"SRA1", sde.SRA1, tree, nil},
		{"SRA2", sde.SRA2, tree, nil},
		{"SRA3", sde.SRA3, tree, nil},
		{"ShARK", sde.ShARK, tree, nil},
		{"Heun", sde.StochasticHeun, tree, nil},
		{"Euler-Maruyama", euler, tree, sde.ErrNotAdaptive},
		{"SEA", sde.SEA, tree, sde.ErrNotAdaptive},
		{"midpoint", sde.StochasticMidpoint, tree, sde.ErrNotAdaptive},
		{"nothing", sde.Tableau{WeakOrder: 2}, tree, sde.ErrTableau},
		{"Fresh", sde.SRA1, sde.Fresh{}, sde.ErrForgets},
		{"Replay", sde.StochasticHeun, sde.Replay{}, sde.ErrForgets},
		{"GridPath", sde.SRA1, sde.GridPath{Grid: []float64{0, 1}}, sde.ErrForgets},
	} {
		_, err := test.tab.Estimator(sys, test.noise.Path(0, 1, 1), 1)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: Estimator returns %v, want %v", test.name, err, test.want)
		}
	}
}

// Without diffusion the adaptive method is the doubled method for ordinary equations, to the bit and to the number of steps.
func TestEstimatorWithoutDiffusion(t *testing.T) {
	flow := mixture.flow(sde.VP{})
	control := ode.Control{Rel: 1e-4, Abs: 1e-4, Max: 0.3, First: 0.01}
	for _, tab := range []sde.Tableau{sde.StochasticHeun, sde.SRA1, sde.SRA2, sde.SRA3, sde.ShARK} {
		sys := sde.System{Drift: flow, Diffusion: func(float64) float64 { return 0 }}
		st, err := tab.Estimator(sys, sde.Tree{Seed: 3, From: 1, To: 1e-3}.Path(0, 2, 3), len(starts))
		if err != nil {
			t.Fatal(err)
		}
		want, got := slices.Clone(starts), slices.Clone(starts)
		wantStats, err := control.Adapt(context.Background(), ode.Doubling(tab.Drift.Stepper(flow, len(want)), tab.StrongOrder+0.5, len(want)), want, 1, 1e-3, nil)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := control.Adapt(context.Background(), st, got, 1, 1e-3, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got) + cmp.Diff(wantStats, stats); diff != "" {
			t.Errorf("%s without diffusion (-doubled %s +got):\n%s", tab.Name, tab.Drift.Name, diff)
		}
	}
}

// The estimate vanishes with the power that it claims: in the mean square over paths of a nonlinear equation.
func TestEstimatorPower(t *testing.T) {
	const n = 2000
	for _, tab := range []sde.Tableau{sde.StochasticHeun, sde.SRA1, sde.SRA3, sde.ShARK} {
		path := sde.Tree{Seed: 5, To: 1}.Path(0, 1, n)
		st, err := tab.Estimator(mixture.reverse(sde.VP{}), path, n)
		if err != nil {
			t.Fatal(err)
		}
		x, dst, e := slices.Repeat([]float64{0.4}, n), make([]float64, n), make([]float64, n)
		var logs []float64
		var power float64
		for _, h := range []float64{0.04, 0.02, 0.01, 0.005} {
			if err := st.Step(dst, x, ode.Span{From: 0.5, To: 0.5 - h}); err != nil {
				t.Fatal(err)
			}
			if power, err = st.LocalError(e); err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, v := range e {
				sum += v * v / n
			}
			logs = append(logs, math.Log2(sum)/2)
		}
		slope := (logs[0] - logs[len(logs)-1]) / float64(len(logs)-1)
		if power != tab.StrongOrder+0.5 || !(slope > power-0.15) {
			t.Errorf("%s: the estimate vanishes with the power %.2f, LocalError says %v", tab.Name, slope, power)
		}
	}
}

// A step below the leaf ends the run with an error that says so: as the path's own, or if Min is set as that of the control.
func TestEstimatorBelowLeaf(t *testing.T) {
	path := sde.Tree{From: 1e-3, To: 1, Leaf: 1e-3}.Path(0, 1, 1).(sde.Lasting)
	for _, test := range []struct {
		min    float64
		want   error
		status ode.Status
	}{{0, sde.ErrLeaf, ode.Failed}, {4 * path.Leaf(), ode.ErrStepTooSmall, ode.StepTooSmall}} {
		st, err := sde.SRA1.Estimator(mixture.reverse(sde.VP{}), path, 1)
		if err != nil {
			t.Fatal(err)
		}
		x := []float64{0.5}
		stats, err := ode.Control{Rel: 1e-7, Abs: 1e-7, Min: test.min}.Adapt(context.Background(), st, x, 1, 1e-3, nil)
		if !errors.Is(err, test.want) || stats.Status != test.status {
			t.Errorf("Min %g: %v, %v, want %v, %v", test.min, stats.Status, err, test.status, test.want)
		}
	}
}
