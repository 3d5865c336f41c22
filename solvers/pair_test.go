package solvers_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

var reversible = []solvers.Solver{solvers.EDICT{}, solvers.BDIA{}, solvers.BDIA{Gamma: 0.9}}

// handwritten returns the ideal denoiser of handwritten digits and some of the digits.
func handwritten(t testing.TB, rows int) (solvers.Problem, []float64) {
	t.Helper()
	images, _ := scoremodel.Digits()
	m, err := scoremodel.NewDataset(sde.VP{}, images[:100*64], 64, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	return solvers.Problem{Schedule: sde.VP{}, Model: m, Dim: 64}, slices.Clone(images[:rows*64])
}

// TestReversible takes samples to noise and back, and noise to samples and back: exactly, but for
// rounding, although the samples are a long way from being right. DDIM's inversion is not exact.
func TestReversible(t *testing.T) {
	const exact = 1e-10
	mixture := solvertest.MixtureFlow()
	digit, images := handwritten(t, 5)
	for _, test := range []struct {
		name string
		p    solvers.Problem
		x    []float64
	}{
		{"mixture", solvers.Problem{Schedule: mixture.Schedule, Model: mixture.Model, Dim: 1}, []float64{-1.4, -0.9, 0.1, 0.7, 2}},
		{"digits", digit, images},
	} {
		for _, g := range []solvers.Grid{solvers.QuadraticGrid{}, abrupt{}} {
			grid, err := g.Times(sde.VP{}, 50)
			if err != nil {
				t.Fatal(err)
			}
			set := &solvers.Settings{Grid: grid, Workers: 2}
			type way func(context.Context, solvers.Solver, solvers.Problem, *solvers.Pair, *solvers.Settings) (solvers.Result, error)
			for _, s := range reversible {
				for _, ways := range [][2]way{{solvers.InvertPair, solvers.SamplePair}, {solvers.SamplePair, solvers.InvertPair}} {
					pair := &solvers.Pair{X: slices.Clone(test.x)}
					for _, way := range ways {
						if _, err := way(context.Background(), s, test.p, pair, set); err != nil {
							t.Fatal(err)
						}
					}
					if d := farthest(pair.X, test.x); !(d <= exact) {
						t.Errorf("%s of %s on %s: back again, a state is off by %.2g", solvers.Name(s), test.name, g.Name(), d)
					}
				}
			}
			x := slices.Clone(test.x)
			if _, err := solvers.Invert(context.Background(), solvers.DDIM{}, test.p, x, set); err != nil {
				t.Fatal(err)
			}
			if _, err := solvers.Sample(context.Background(), solvers.DDIM{}, test.p, x, set); err != nil {
				t.Fatal(err)
			}
			if d := farthest(x, test.x); d < 1e-4 {
				t.Errorf("DDIM inversion of %s on %s comes back to %.2g, so that the test proves nothing", test.name, g.Name(), d)
			}
		}
	}
}

// TestPairIsSample compares a run on a pair with the run that hides the companion.
func TestPairIsSample(t *testing.T) {
	f := solvertest.MixtureFlow()
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: 1}
	for _, s := range reversible {
		x := slices.Clone(f.Start)
		if _, err := solvers.Sample(context.Background(), s, p, x, nil); err != nil {
			t.Fatal(err)
		}
		pair := &solvers.Pair{X: slices.Clone(f.Start)}
		if _, err := solvers.SamplePair(context.Background(), s, p, pair, nil); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x, pair.X) {
			t.Errorf("%s: SamplePair gives %v, Sample %v", solvers.Name(s), pair.X, x)
		}
	}
}

// TestEDICTByHand takes a step of the paper's equations.
func TestEDICTByHand(t *testing.T) {
	vp := sde.VP{}
	const p, x, from, to = 0.93, 1.3, 0.7, 0.5
	eps := func(x, at float64) float64 { return 0.4*x + at }
	model := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, at float64) error {
		for i := range x {
			dst[i] = eps(x[i], at)
		}
		return nil
	})
	u, v := vp.At(from), vp.At(to)
	a := v.Alpha / u.Alpha
	b := v.Sigma - v.Alpha*u.Sigma/u.Alpha
	xi := a*x + b*eps(x, from)
	yi := a*x + b*eps(xi, from)
	xt := p*xi + (1-p)*yi
	yt := p*yi + (1-p)*xt
	pair := &solvers.Pair{X: []float64{x}}
	if _, err := solvers.SamplePair(context.Background(), solvers.EDICT{}, solvers.Problem{Schedule: vp, Model: model, Dim: 1}, pair,
		&solvers.Settings{Grid: []float64{from, to}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(solvers.Pair{X: []float64{xt}, Y: []float64{yt}}, *pair, cmpopts.EquateApprox(1e-14, 0)); diff != "" {
		t.Errorf("the pair after a step (-want +got):\n%s", diff)
	}
}

// TestReversibleOrders pins the orders on smooth and on abrupt grids from both sides.
func TestReversibleOrders(t *testing.T) {
	for _, test := range []struct {
		s     solvers.Solver
		g     solvers.Grid
		order float64
	}{
		{solvers.BDIA{}, solvers.LambdaGrid{}, 2},
		{solvers.BDIA{}, solvers.QuadraticGrid{}, 2},
		{solvers.BDIA{}, abrupt{}, 1},
		{solvers.BDIA{Gamma: 0.5}, solvers.LambdaGrid{}, 1},
		{solvers.BDIA{Gamma: 0.5}, abrupt{}, 1},
		{solvers.EDICT{}, abrupt{}, 1},
	} {
		for _, f := range []solvertest.Flow{solvertest.GaussianFlow(), solvertest.MixtureFlow()} {
			l, err := solvertest.ODE(context.Background(), test.s, f, test.g, solvertest.Steps())
			if err != nil {
				t.Fatal(err)
			}
			if order, ok := l.Fit(); !ok || order < test.order-0.3 || order > test.order+0.3 {
				t.Errorf("%s on %s, %s: order %.2f (errors %.2g), want %v", solvers.Name(test.s), test.g.Name(), f.Name, order, l.Errors, test.order)
			}
		}
	}
}

// TestBDIAByHand writes the table down for two steps: DDIM's, then the one that mends it.
func TestBDIAByHand(t *testing.T) {
	vp := sde.VP{}
	const gamma = 0.6
	grid := []float64{0.8, 0.6, 0.3}
	ddim := func(from, to float64) (a, b float64) {
		u, v := vp.At(from), vp.At(to)
		return v.Alpha / u.Alpha, v.Sigma - v.Alpha/u.Alpha*u.Sigma
	}
	a1, b1 := ddim(grid[0], grid[1])
	down, b2 := ddim(grid[1], grid[2])
	back, b0 := ddim(grid[1], grid[0])
	want := solvers.Row{
		State:   (down-gamma*back)*a1 + gamma,
		Outputs: []float64{(down - gamma*back) * b1, b2 - gamma*b0},
		Noises:  []float64{},
	}
	got := trace(t, solvers.BDIA{Gamma: gamma}, grid).Result
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-14)); diff != "" {
		t.Errorf("coefficients of the result (-want +got):\n%s", diff)
	}
}

func TestPairBadInput(t *testing.T) {
	f := solvertest.GaussianFlow()
	p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: 1}
	grid := []float64{1, 0.1}
	for _, test := range []struct {
		name string
		s    solvers.Solver
		y    []float64
		set  solvers.Settings
		want error
	}{
		{"a method that cannot be undone", solvers.DDIM{}, nil, solvers.Settings{Grid: grid}, solvers.ErrParameter},
		{"a companion of another length", solvers.EDICT{}, []float64{1, 2}, solvers.Settings{Grid: grid}, solvers.ErrProblem},
		{"clean data", solvers.BDIA{}, nil, solvers.Settings{Grid: []float64{1, 0.1, 0}}, solvers.ErrGrid},
		{"adaptive steps", solvers.BDIA{}, nil, solvers.Settings{Grid: grid, Control: &ode.Control{}}, solvers.ErrParameter},
		{"gamma", solvers.BDIA{Gamma: 1.5}, nil, solvers.Settings{Grid: grid}, solvers.ErrParameter},
	} {
		pair := &solvers.Pair{X: []float64{1}, Y: test.y}
		if _, err := solvers.SamplePair(context.Background(), test.s, p, pair, &test.set); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
	boom := errors.New("boom")
	p.Model = scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, at float64) error {
		if at < 0.5 {
			return boom
		}
		return f.Model.Predict(dst, x, at)
	})
	pair := &solvers.Pair{X: []float64{1}}
	if _, err := solvers.SamplePair(context.Background(), solvers.EDICT{}, p, pair, nil); !errors.Is(err, boom) || pair.Y != nil {
		t.Errorf("the model fails: error %v and companion %v, want none", err, pair.Y)
	}
}

// A pair goes to noise and comes back.
func ExampleInvertPair() {
	vp := sde.VP{}
	model, err := scoremodel.NewGaussian(vp, scoremodel.Component{Mean: []float64{1}, Variance: 0.25})
	if err != nil {
		log.Fatal(err)
	}
	pair := &solvers.Pair{X: []float64{0.5, 1, 2}}
	p := solvers.Problem{Schedule: vp, Model: model, Dim: 1}
	set := &solvers.Settings{Steps: 10}
	if _, err := solvers.InvertPair(context.Background(), solvers.BDIA{}, p, pair, set); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("noise   %.2f\n", pair.X)
	if _, err := solvers.SamplePair(context.Background(), solvers.BDIA{}, p, pair, set); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("samples %.12f\n", pair.X)
	// Output:
	// noise   [-0.98 0.01 1.97]
	// samples [0.500000000000 1.000000000000 2.000000000000]
}
