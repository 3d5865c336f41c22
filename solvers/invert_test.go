package solvers_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// abrupt is a grid whose steps in λ alternate between one and two thirds of a pair's length.
type abrupt struct{}

func (abrupt) Name() string  { return "abrupt" }
func (abrupt) About() string { return "steps in lambda alternate 2:1" }

func (abrupt) Times(s sde.Schedule, steps int) ([]float64, error) {
	grid, err := solvers.LambdaGrid{}.Times(s, steps)
	if err != nil {
		return nil, err
	}
	for i := 1; i < steps; i += 2 {
		grid[i] = s.Time(s.At(grid[i-1]).Lambda()*2/3 + s.At(grid[i+1]).Lambda()/3)
	}
	return grid, nil
}

func TestAbrupt(t *testing.T) {
	vp := sde.VP{}
	grid, err := abrupt{}.Times(vp, 5)
	if err != nil {
		t.Fatal(err)
	}
	var h []float64
	for i := range 5 {
		h = append(h, sde.H(vp.At(grid[i]), vp.At(grid[i+1])))
	}
	unit := h[4] // no partner
	want := []float64{unit * 2 / 3, unit * 4 / 3, unit * 2 / 3, unit * 4 / 3, unit}
	if diff := cmp.Diff(want, h, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("steps in lambda (-want +got):\n%s", diff)
	}
}

// inversion returns the largest error of the noise to which s inverts the exact samples of a
// flow, or of the samples made from it again, there and back.
func inversion(t *testing.T, s solvers.Solver, f solvertest.Flow, g solvers.Grid, steps []int, back bool) (l solvertest.Ladder) {
	t.Helper()
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: f.Dim}
	for _, n := range steps {
		grid, err := g.Times(f.Schedule, n)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]float64, len(f.Start))
		if err := f.Exact(data, f.Start, grid[0], grid[n]); err != nil {
			t.Fatal(err)
		}
		x, set := slices.Clone(data), &solvers.Settings{Grid: grid}
		if _, err := solvers.Invert(context.Background(), s, p, x, set); err != nil {
			t.Fatal(err)
		}
		want := f.Start
		if back {
			want = data
			if _, err := solvers.Sample(context.Background(), s, p, x, set); err != nil {
				t.Fatal(err)
			}
		}
		l.Steps, l.Errors = append(l.Steps, n), append(l.Errors, farthest(x, want))
	}
	return l
}

func farthest(x, y []float64) float64 {
	d := 0.0
	for i := range x {
		d = max(d, math.Abs(x[i]-y[i]))
	}
	return d
}

// diverging are solvers whose inversion does not converge, see TestInversionGrows.
var diverging = []string{"edict", "edict:p=0.8", "bdia:gamma=0.5"}

// TestInvertOrders inverts with every solver of the probability flow: upwards a method has the order
// that it has downwards.
func TestInvertOrders(t *testing.T) {
	t.Parallel()
	for _, s := range entries() {
		i := s.Info()
		if i.Order == 0 || slices.Contains(diverging, solvers.Name(s)) {
			continue
		}
		// A lower order in the last step gives the error a second term; on the Gaussian its sign is the other one, and
		// the sum passes through 0 where the slope is measured.
		if strings.Contains(solvers.Name(s), "lowerfinal") {
			continue
		}
		for _, f := range []solvertest.Flow{solvertest.GaussianFlow(), solvertest.MixtureFlow()} {
			l := inversion(t, s, f, solvers.LambdaGrid{}, solvertest.Steps(), false)
			if !l.Certifies(float64(i.Order)) {
				t.Errorf("%s inverts the %s flow with errors %.2g at %v steps, not of order %d", solvers.Name(s), f.Name, l.Errors, l.Steps, i.Order)
			}
		}
	}
}

// TestInversionGrows shows what the comments on EDICT and BDIA warn of: with many steps a sample is not inverted to its noise.
func TestInversionGrows(t *testing.T) {
	for _, name := range diverging {
		s, err := solvers.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		l := inversion(t, s, solvertest.MixtureFlow(), solvers.LambdaGrid{}, []int{64, 256}, false)
		if !(l.Errors[1] > 100 && l.Errors[1] > l.Errors[0]) {
			t.Errorf("%s: inversion misses by %.2g at %v steps, want growth", name, l.Errors, l.Steps)
		}
	}
}

// TestRoundTrip measures the order of what inversion and sampling together miss. A step of order p down commits
// an error C·h^(p+1), and the same step up C·(-h)^(p+1). The two add up for odd p, so that with DDIM fifty steps do not bring a
// sample back, and cancel for even p, which leaves one order more. Two-sided: neither is better than it is.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		s     solvers.Solver
		order float64
	}{{solvers.DDIM{}, 1}, {solvers.DPMSolverPP2M{}, 3}} {
		for _, g := range []solvers.Grid{solvers.LambdaGrid{}, abrupt{}} {
			l := inversion(t, test.s, solvertest.MixtureFlow(), g, solvertest.Steps(), true)
			if order, ok := l.Fit(); !ok || math.Round(order) != test.order {
				t.Errorf("%s on %s: the round trip is of order %.2f (errors %.2g), want %v", solvers.Name(test.s), g.Name(), order, l.Errors, test.order)
			}
		}
	}
}

// TestInvertAdapts inverts with error control, and with several workers.
func TestInvertAdapts(t *testing.T) {
	f := solvertest.MixtureFlow()
	grid := []float64{1, 1e-3}
	data := make([]float64, len(f.Start))
	if err := f.Exact(data, f.Start, grid[0], grid[1]); err != nil {
		t.Fatal(err)
	}
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: 1}
	set := &solvers.Settings{Grid: grid, Control: &ode.Control{Rel: 1e-9, Abs: 1e-9}, Workers: 3}
	if _, err := solvers.Invert(context.Background(), solvers.RungeKutta{Tableau: ode.DP5}, p, data, set); err != nil {
		t.Fatal(err)
	}
	if d := farthest(data, f.Start); d > 1e-6 {
		t.Errorf("adaptive inversion at a tolerance of 1e-9 misses by %.2g", d)
	}
	if !slices.Equal(grid, []float64{1, 1e-3}) {
		t.Errorf("Invert changes the caller's grid to %v", grid)
	}
}

// TestRoundTripAdapts goes from data to noise and back under error control: within 1e-8 in three, two and 64 dimensions.
func TestRoundTripAdapts(t *testing.T) {
	vp := sde.VP{}
	images, _ := scoremodel.Digits()
	digits, err := scoremodel.NewDataset(vp, images, 64, 0.15)
	if err != nil {
		t.Fatal(err)
	}
	image := make([]float64, 64)
	sde.Fresh{Seed: 1}.Normals(image, 0, 64)
	for i := range image {
		image[i] = images[i] + 0.15*image[i]
	}
	gaussian := rotatedGaussian(t, vp)
	for _, test := range []struct {
		name      string
		p         solvers.Problem
		x         []float64
		tolerance float64
	}{
		{"gaussian", bind(vp, gaussian), states(5, 3), 1e-11},
		{"mixture", bind(vp, rotatedMixture(t, vp)), states(5, 2), 1e-11},
		{"digits", bind(vp, digits), image, 1e-10},
	} {
		for _, s := range []solvers.RungeKutta{{Tableau: ode.DOP853}, {Tableau: ode.DP5, In: solvers.Lambda}} {
			if test.name == "digits" && testing.Short() {
				continue
			}
			x := slices.Clone(test.x)
			set := &solvers.Settings{Grid: []float64{1, 1e-3}, Control: tight(test.tolerance)}
			set.Control.MaxSteps = 0
			res, err := solvers.Invert(context.Background(), s, test.p, x, set)
			if err != nil {
				t.Fatal(err)
			}
			if test.name == "gaussian" {
				latent := slices.Clone(test.x)
				gaussian.FlowMap(latent, latent, 1e-3, 1)
				if d := farthest(x, latent); !(d < 1e-8) {
					t.Errorf("%s: the noise is off by %.2g", solvers.Name(s), d)
				}
			}
			if _, err := solvers.Sample(context.Background(), s, test.p, x, set); err != nil {
				t.Fatal(err)
			}
			if d := farthest(x, test.x); !(d < 1e-8) {
				t.Errorf("%s on %s: the round trip misses by %.2g after %d evaluations up", solvers.Name(s), test.name, d, res.NFE)
			}
		}
	}
}

func TestInvertBadInput(t *testing.T) {
	f := solvertest.GaussianFlow()
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: 1, Noise: sde.Fresh{}}
	for _, test := range []struct {
		s    solvers.Solver
		grid []float64
		want error
	}{
		{solvers.DDPM{}, []float64{1, 0.1}, solvers.ErrParameter},
		{solvers.LCM{}, []float64{1, 0.1}, solvers.ErrParameter},
		{solvers.DDIM{}, []float64{1, 0.1, 0}, solvers.ErrGrid},
		{solvers.DDIM{}, []float64{0.1, 1}, solvers.ErrGrid},
		{solvers.EDICT{P: 2}, []float64{1, 0.1}, solvers.ErrParameter},
	} {
		x := []float64{1}
		if _, err := solvers.Invert(context.Background(), test.s, p, x, &solvers.Settings{Grid: test.grid}); !errors.Is(err, test.want) {
			t.Errorf("Invert with %s on %v: error %v, want %v", solvers.Name(test.s), test.grid, err, test.want)
		}
		if x[0] != 1 {
			t.Errorf("Invert with %s on %v refuses and changes the state", solvers.Name(test.s), test.grid)
		}
	}
}

// Inversion finds the noise from which a sample comes.
func ExampleInvert() {
	vp := sde.VP{}
	model, err := scoremodel.NewGaussian(vp, scoremodel.Component{Mean: []float64{1}, Variance: 0.25})
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{0.5, 1, 2}
	p := solvers.Problem{Schedule: vp, Model: model, Dim: 1}
	set := &solvers.Settings{Steps: 100}
	if _, err := solvers.Invert(context.Background(), solvers.DPMSolverPP2M{}, p, x, set); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("noise   %.2f\n", x)
	if _, err := solvers.Sample(context.Background(), solvers.DPMSolverPP2M{}, p, x, set); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("samples %.2f\n", x)
	// Output:
	// noise   [-0.99 0.01 2.01]
	// samples [0.50 1.00 2.00]
}
