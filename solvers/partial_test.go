package solvers_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

func TestStartAt(t *testing.T) {
	grid := []float64{1, 0.7, 0.4, 0.1}
	for _, test := range []struct {
		t    float64
		want []float64
	}{
		{1, []float64{1, 0.7, 0.4, 0.1}},
		{0.8, []float64{0.8, 0.7, 0.4, 0.1}},
		{0.4, []float64{0.4, 0.1}},
		{0.2, []float64{0.2, 0.1}},
	} {
		got, err := solvers.StartAt(grid, test.t)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("StartAt(%v, %v) (-want +got):\n%s", grid, test.t, diff)
		}
	}
	for _, at := range []float64{1.1, 0.1, 0, math.NaN()} {
		if _, err := solvers.StartAt(grid, at); !errors.Is(err, solvers.ErrGrid) {
			t.Errorf("StartAt(%v, %v): error %v, want one of the grid", grid, at, err)
		}
	}
	if _, err := solvers.StartAt(nil, 0.5); !errors.Is(err, solvers.ErrGrid) {
		t.Errorf("StartAt(nil, 0.5): error %v, want one of the grid", err)
	}
	// The rest must not share memory with the grid.
	rest, err := solvers.StartAt(grid, 1)
	if err != nil {
		t.Fatal(err)
	}
	if rest[1] = -1; grid[1] != 0.7 {
		t.Error("the rest is the grid itself")
	}
}

func TestStrength(t *testing.T) {
	for _, test := range []struct {
		steps int
		share float64
		want  int
	}{
		{50, 1, 50}, {50, 0.75, 37}, {50, 0.8, 40}, {100, 0.29, 29}, {100, 0.57, 57}, {20, 0.999, 19}, {20, 0.01, 1}, {1, 1, 1},
	} {
		grid, err := solvers.QuadraticGrid{}.Times(sde.VP{}, test.steps)
		if err != nil {
			t.Fatal(err)
		}
		got, err := solvers.Strength(grid, test.share)
		if err != nil {
			t.Fatal(err)
		}
		if want := grid[test.steps-test.want:]; !slices.Equal(want, got) {
			t.Errorf("Strength(%d steps, %v) has %d steps, want the last %d", test.steps, test.share, len(got)-1, test.want)
		}
	}
	for _, share := range []float64{0, -1, 1.01, math.NaN()} {
		if _, err := solvers.Strength([]float64{1, 0.1}, share); !errors.Is(err, solvers.ErrParameter) {
			t.Errorf("Strength(%v): error %v, want one of a parameter", share, err)
		}
	}
	if _, err := solvers.Strength([]float64{1}, 1); !errors.Is(err, solvers.ErrGrid) {
		t.Errorf("Strength of a grid without steps: error %v", err)
	}
}

// TestRenoise checks the law, and that samples are then at home: sampled again from there, data that the model knows come out with
// the model's law.
func TestRenoise(t *testing.T) {
	vp := sde.VP{}
	const rows = 4000
	data := scoremodel.Component{Mean: []float64{0.7}, Variance: 0.25}
	m, err := scoremodel.NewGaussian(vp, data)
	if err != nil {
		t.Fatal(err)
	}
	p := solvers.Problem{Schedule: vp, Model: m, Dim: 1}
	x := make([]float64, rows)
	sde.Fresh{Seed: 5}.Normals(x, 0, 1)
	for i := range x {
		x[i] = 0.7 + 0.5*x[i]
	}
	grid, err := solvers.QuadraticGrid{}.Times(vp, 40)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := solvers.StartAt(grid, 0.35)
	if err != nil {
		t.Fatal(err)
	}
	whole := slices.Clone(x)
	if err := solvers.Renoise(p, whole, rest[0], 9); err != nil {
		t.Fatal(err)
	}
	mean, variance := m.Marginal(0.35)
	const standardErrors = 4
	gotMean, gotVariance := stat.MeanVariance(whole, nil)
	if d := math.Abs(gotMean - mean[0]); d > standardErrors*math.Sqrt(variance[0]/rows) {
		t.Errorf("mean %v after Renoise, want %v", gotMean, mean[0])
	}
	if d := math.Abs(gotVariance - variance[0]); d > standardErrors*variance[0]*math.Sqrt(2./rows) {
		t.Errorf("variance %v after Renoise, want %v", gotVariance, variance[0])
	}
	// A row's noise does not depend on the batch.
	part := slices.Clone(x[10:20])
	q := p
	q.Row = 10
	if err := solvers.Renoise(q, part, rest[0], 9); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(part, whole[10:20]) {
		t.Error("rows 10 to 19 alone get other noise than in the batch")
	}
	if _, err := solvers.Sample(context.Background(), solvers.DPMSolverPP2M{}, p, whole, &solvers.Settings{Grid: rest}); err != nil {
		t.Fatal(err)
	}
	gotMean, gotDeviation := stat.MeanStdDev(whole, nil)
	if diff := cmp.Diff([]float64{0.7, 0.5}, []float64{gotMean, gotDeviation}, cmpopts.EquateApprox(0, 0.03)); diff != "" {
		t.Errorf("mean and deviation of what is made from noised data (-want +got):\n%s", diff)
	}
	for _, at := range []float64{0, 2, math.NaN()} {
		if err := solvers.Renoise(p, part, at, 1); !errors.Is(err, solvers.ErrProblem) {
			t.Errorf("Renoise at %v: error %v, want one of the problem", at, err)
		}
	}
}

// Image to image: noised half way, a sample keeps what survives there.
func ExampleStartAt() {
	vp := sde.VP{}
	model, err := scoremodel.NewMixture(vp,
		scoremodel.Component{Weight: 0.5, Mean: []float64{-1}, Variance: 0.01},
		scoremodel.Component{Weight: 0.5, Mean: []float64{1}, Variance: 0.01})
	if err != nil {
		log.Fatal(err)
	}
	grid, err := solvers.QuadraticGrid{}.Times(vp, 20)
	if err != nil {
		log.Fatal(err)
	}
	p := solvers.Problem{Schedule: vp, Model: model, Dim: 1}
	for _, t := range []float64{0.05, 1} {
		x := []float64{0.6, 0.6, 0.6, 0.6} // between the two
		rest, err := solvers.StartAt(grid, t)
		if err != nil {
			log.Fatal(err)
		}
		if err := solvers.Renoise(p, x, rest[0], 4); err != nil {
			log.Fatal(err)
		}
		if _, err := solvers.Sample(context.Background(), solvers.DPMSolverPP2M{}, p, x, &solvers.Settings{Grid: rest}); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("from t=%v: %.1f\n", t, x)
	}
	// Output:
	// from t=0.05: [0.7 0.8 0.7 0.7]
	// from t=1: [-1.0 0.9 -1.0 -1.0]
}
