package solvers_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// correlated is normal data of two elements, deviations 1 and 0.8 with correlation 0.75.
func correlated(t testing.TB) solvers.Problem {
	t.Helper()
	m, err := scoremodel.NewGaussian(sde.VP{}, scoremodel.Component{Mean: []float64{0.5, -0.2}, Covariance: mat.NewSymDense(2, []float64{1, 0.6, 0.6, 0.64})})
	if err != nil {
		t.Fatal(err)
	}
	return solvers.Problem{Schedule: sde.VP{}, Model: m, Dim: 2, Noise: sde.Fresh{Seed: 11}}
}

// TestRePaintConditions compares the unknown element's law with that of normal data given the known element:
// mean -0.2 + 0.6·(2-0.5) = 0.7 and variance 0.64 - 0.6² = 0.28. Resampling is what brings it there: with each step taken once, the
// element hardly learns what is known.
func TestRePaintConditions(t *testing.T) {
	t.Parallel()
	const rows = 800
	mean, deviation := 0.7, math.Sqrt(0.28)
	standardError := deviation / math.Sqrt(rows)
	for _, test := range []struct {
		s     solvers.RePaint
		steps int
		right bool
	}{
		{solvers.RePaint{Resample: 1}, 200, false},
		{solvers.RePaint{Resample: 30}, 200, true},
		{solvers.RePaint{Of: solvers.DDIM{}, Resample: 60}, 100, true},
		{solvers.RePaint{Of: solvers.DPMSolverPP2M{}, Resample: 60, Jump: 10}, 10, true},
	} {
		if testing.Short() && test.s.Of != nil {
			continue
		}
		p := correlated(t)
		test.s.Mask, test.s.Known = []bool{true, false}, []float64{2, math.NaN()}
		x := solvers.Prior(p.Schedule, 1, rows, 2)
		if _, err := solvers.Sample(context.Background(), test.s, p, x, &solvers.Settings{Steps: test.steps}); err != nil {
			t.Fatal(err)
		}
		var unknown []float64
		for i := 1; i < len(x); i += 2 {
			unknown = append(unknown, x[i])
		}
		m, d := stat.MeanStdDev(unknown, nil)
		right := math.Abs(m-mean) < 4*standardError && math.Abs(d-deviation) < 4*standardError/math.Sqrt2
		if right != test.right || !right && math.Abs(m-mean) < 0.2 {
			t.Errorf("%s, resample %d, jump %d: mean %.3f and deviation %.3f; that they are %v and %.3f is %t, want %t",
				test.s.Info().Name, test.s.Resample, test.s.Jump, m, d, mean, deviation, right, test.right)
		}
	}
}

// TestRePaintKnown ends on clean data with the known elements as they are, row by row, and on the first time with
// them at its level of noise.
func TestRePaintKnown(t *testing.T) {
	p := correlated(t)
	known := []float64{2, 0, -1, 0, 0.3, 0}
	s := solvers.RePaint{Mask: []bool{true, false}, Known: known, Resample: 2}
	x := solvers.Prior(p.Schedule, 1, 3, 2)
	grid, err := solvers.QuadraticGrid{Zero: solvers.Zero{Clean: true}}.Times(p.Schedule, 8)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := solvers.Sample(context.Background(), s, p, x, &solvers.Settings{Grid: grid, Workers: 2}); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(x); i += 2 {
		if x[i] != known[i] || x[i+1] == 0 {
			t.Errorf("row %d is %v, want %v known and the rest not 0", i/2, x[i:i+2], known[i])
		}
	}
	// A row finds its known sample by its number in the batch.
	p.Row = 2
	last := solvers.Prior(p.Schedule, 1, 3, 2)[4:]
	if _, err := solvers.Sample(context.Background(), s, p, last, &solvers.Settings{Grid: grid}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(last, x[4:]) {
		t.Errorf("row 2 alone is %v, in the batch %v", last, x[4:])
	}
}

// TestRePaintConformance runs the suite, around solvers with and without noise of their own.
func TestRePaintConformance(t *testing.T) {
	for _, of := range []solvers.Solver{nil, solvers.DDIM{}, solvers.DPMSolverPP2M{}, solvers.ExpAdams{Order: 3}} {
		s := solvers.RePaint{Of: of, Mask: []bool{false, true}, Known: []float64{0, 0.4}, Resample: 3, Jump: 2}
		t.Run(s.Info().Name, func(t *testing.T) { solvertest.Run(t, s) })
	}
}

func TestRePaintBadInput(t *testing.T) {
	p := correlated(t)
	mask, known := []bool{true, false}, []float64{1, 0}
	for _, test := range []struct {
		name string
		s    solvers.RePaint
		want error
	}{
		{"resample", solvers.RePaint{Mask: mask, Known: known, Resample: -1}, solvers.ErrParameter},
		{"jump", solvers.RePaint{Mask: mask, Known: known, Jump: -1}, solvers.ErrParameter},
		{"no mask", solvers.RePaint{Known: known}, solvers.ErrParameter},
		{"mask of another length", solvers.RePaint{Mask: []bool{true}, Known: known}, solvers.ErrParameter},
		{"nothing known", solvers.RePaint{Mask: mask}, solvers.ErrParameter},
		{"too few rows known", solvers.RePaint{Mask: mask, Known: make([]float64, 4)}, solvers.ErrParameter},
		{"part of a row known", solvers.RePaint{Mask: mask, Known: make([]float64, 7)}, solvers.ErrParameter},
		{"not finite", solvers.RePaint{Mask: mask, Known: []float64{math.Inf(1), 0}}, solvers.ErrParameter},
		{"the solver's own", solvers.RePaint{Of: solvers.DDIM{Eta: 2}, Mask: mask, Known: known}, solvers.ErrParameter},
	} {
		if _, err := test.s.Start(p, 6); !errors.Is(err, test.want) {
			t.Errorf("%s: Start returns %v, want %v", test.name, err, test.want)
		}
	}
	p.Noise = nil
	s := solvers.RePaint{Of: solvers.DDIM{}, Mask: mask, Known: known}
	if _, err := s.Start(p, 6); !errors.Is(err, solvers.ErrNeedsNoise) {
		t.Errorf("without noise Start returns %v", err)
	}
}

// The second of two correlated elements is sampled given that the first is 2.
func ExampleRePaint() {
	vp := sde.VP{}
	model, err := scoremodel.NewGaussian(vp, scoremodel.Component{Mean: []float64{0, 0},
		Covariance: mat.NewSymDense(2, []float64{1, 0.9, 0.9, 1})})
	if err != nil {
		log.Fatal(err)
	}
	p := solvers.Problem{Schedule: vp, Model: model, Dim: 2, Noise: sde.Fresh{Seed: 1}}
	grid, err := solvers.QuadraticGrid{Zero: solvers.Zero{Clean: true}}.Times(vp, 25)
	if err != nil {
		log.Fatal(err)
	}
	s := solvers.RePaint{Mask: []bool{true, false}, Known: []float64{2, 0}, Resample: 20}
	x := solvers.Prior(vp, 1, 1000, 2)
	if _, err := solvers.Sample(context.Background(), s, p, x, &solvers.Settings{Grid: grid}); err != nil {
		log.Fatal(err)
	}
	mean := 0.0
	for i := 1; i < len(x); i += 2 {
		mean += x[i] / 1000
	}
	fmt.Printf("mean %.1f, of the exact law 1.8\n", mean)
	// Output: mean 1.8, of the exact law 1.8
}
