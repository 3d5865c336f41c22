package sde_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// Two steps by hand of a method whose weights are sums of powers of two, so that the arithmetic is exact: f = t·x and g = 2t, from 1 to
// 1/2 and from 1 to 3/2.
func TestTableauStep(t *testing.T) {
	tab := sde.Tableau{
		Drift: ode.Tableau{C: []float64{0, 0.5}, A: [][]float64{{}, {0.5}}, B: []float64{0.25, 0.75}},
		Nodes: []float64{0, 1},
		W:     [][]float64{{}, {0.5, 0.25}, {1, 0.5}},
		H:     [][]float64{{2, 0}, nil, {0, -1}},
	}
	sys := sde.System{
		Drift: func(dst, x []float64, t float64) error {
			for i, v := range x {
				dst[i] = t * v
			}
			return nil
		},
		Diffusion: func(t float64) float64 { return 2 * t },
	}
	const x, w, h = 3, 0.5, 0.125
	for _, to := range []float64{0.5, 1.5} {
		dt, g0, g1 := to-1, 2., 2*to
		f0 := 1 * (x + 2*g0*h)
		f1 := (1 + dt/2) * (x + dt*0.5*f0 + (0.5*g0+0.25*g1)*w)
		want := []float64{x + dt*(0.25*f0+0.75*f1) + (g0+0.5*g1)*w - g1*h}
		st, err := tab.Stepper(sys, still{w, h}, 1)
		if err != nil {
			t.Fatal(err)
		}
		src, dst := []float64{x}, []float64{math.NaN()}
		if err := st.Step(dst, src, ode.Span{From: 1, To: to}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, dst); diff != "" {
			t.Errorf("from 1 to %v (-want +got):\n%s", to, diff)
		}
		if src[0] != x {
			t.Errorf("from 1 to %v: src is %v after the step", to, src[0])
		}
		if err := st.Step(src, src, ode.Span{From: 1, To: to}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, src); diff != "" {
			t.Errorf("from 1 to %v in place (-want +got):\n%s", to, diff)
		}
	}
}

// Without diffusion each method is the one for ordinary equations that it names, to the bit.
func TestTableauWithoutDiffusion(t *testing.T) {
	grid := []float64{1, 0.9, 0.65, 0.3, 0.05, 1e-3}
	flow := mixture.flow(sde.VP{})
	for _, tab := range sde.Tableaus() {
		want, got := slices.Clone(starts), slices.Clone(starts)
		if _, err := ode.Integrate(context.Background(), tab.Drift.Stepper(flow, len(want)), want, grid, nil); err != nil {
			t.Fatal(err)
		}
		sys := sde.System{Drift: flow, Diffusion: func(float64) float64 { return 0 }}
		st, err := tab.Stepper(sys, sde.Fresh{Seed: 5}.Path(0, 2, 3), len(got))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ode.Integrate(context.Background(), st, got, grid, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s without diffusion (-%s +got):\n%s", tab.Name, tab.Drift.Name, diff)
		}
	}
}

// plain hides what a path knows besides W.
type plain struct{ sde.Brownian }

func TestTableauRefuses(t *testing.T) {
	sys, w := mixture.reverse(sde.VP{}), sde.Fresh{}.Path(0, 1, 1)
	for _, tab := range sde.Tableaus() {
		_, err := tab.Stepper(sys, plain{w}, 1)
		if needs := tab.NeedsArea(); errors.Is(err, sde.ErrNeedsArea) != needs || !needs && err != nil {
			t.Errorf("%s, which needs the Lévy area: %t, on a path without it: %v", tab.Name, needs, err)
		}
	}
	for name, change := range map[string]func(tab *sde.Tableau){
		"nothing":                func(tab *sde.Tableau) { *tab = sde.Tableau{} },
		"no row of the result":   func(tab *sde.Tableau) { tab.W = tab.W[:2] },
		"no noise":               func(tab *sde.Tableau) { tab.W = nil },
		"H without a row":        func(tab *sde.Tableau) { tab.H = tab.H[:2] },
		"more nodes":             func(tab *sde.Tableau) { tab.Nodes = []float64{0, 0.5, 1} },
		"an implicit stage":      func(tab *sde.Tableau) { tab.Drift.A = [][]float64{{0.5}, {1}} },
		"a stage without a time": func(tab *sde.Tableau) { tab.Drift.C = []float64{0} },
		"fewer weights":          func(tab *sde.Tableau) { tab.Drift.B = []float64{1} },
	} {
		tab := sde.SRA1
		change(&tab)
		if _, err := tab.Stepper(sys, w, 1); !errors.Is(err, sde.ErrTableau) {
			t.Errorf("with %s: Stepper returns %v, want ErrTableau", name, err)
		}
	}
}

// What drift and noise return comes back as it is, from every stage.
func TestTableauReturnsErrors(t *testing.T) {
	broken := errors.New("broken model")
	for _, tab := range sde.Tableaus() {
		for fail := range len(tab.Drift.B) {
			calls := 0
			sys := sde.System{
				Drift: func(dst, x []float64, t float64) error {
					if calls++; calls > fail {
						return broken
					}
					copy(dst, x)
					return nil
				},
				Diffusion: func(float64) float64 { return 1 },
			}
			st, err := tab.Stepper(sys, sde.Fresh{}.Path(0, 1, 1), 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Step([]float64{0}, []float64{0}, ode.Span{To: 1}); err != broken {
				t.Errorf("%s whose drift fails in stage %d = %v, want %v", tab.Name, fail, err, broken)
			}
		}
		st, err := tab.Stepper(mixture.reverse(sde.VP{}), sde.Replay{Draws: [][]float64{{1}}}.Path(0, 1, 1), 1)
		if err != nil {
			t.Fatal(err)
		}
		err = st.Step([]float64{0}, []float64{0}, ode.Span{From: 1, To: 0.5})
		if runs := !tab.NeedsArea(); runs != (err == nil) || !runs && !errors.Is(err, sde.ErrNoMoreDraws) {
			t.Errorf("%s with one recorded draw = %v", tab.Name, err)
		}
	}
}

func TestTableauDoesNotAllocate(t *testing.T) {
	const n = 64
	for _, tab := range sde.Tableaus() {
		st, err := tab.Stepper(sde.System{
			Drift:     func(dst, x []float64, _ float64) error { copy(dst, x); return nil },
			Diffusion: func(float64) float64 { return 1 },
		}, sde.Fresh{}.Path(0, n, 1), n)
		if err != nil {
			t.Fatal(err)
		}
		x, i := make([]float64, n), 0
		got := testing.AllocsPerRun(50, func() {
			if err := st.Step(x, x, ode.Span{From: float64(-i), To: float64(-i - 1), Index: i}); err != nil {
				t.Fatal(err)
			}
			i++
		})
		if got != 0 {
			t.Errorf("a step of %s allocates %v times", tab.Name, got)
		}
	}
}

func TestTableauPanicsOnLength(t *testing.T) {
	sys := sde.System{
		Drift:     func(dst, _ []float64, _ float64) error { clear(dst); return nil },
		Diffusion: func(float64) float64 { return 1 },
	}
	for _, tab := range sde.Tableaus() {
		for _, test := range []struct{ dst, src, path int }{{2, 3, 3}, {3, 2, 3}, {2, 2, 3}, {4, 4, 3}, {3, 3, 2}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s made for 3 elements: Step of %d to %d with a path of %d did not panic", tab.Name, test.src, test.dst, test.path)
					}
				}()
				st, err := tab.Stepper(sys, sde.Fresh{}.Path(0, 1, test.path), 3)
				if err != nil {
					t.Fatal(err)
				}
				st.Step(make([]float64, test.dst), make([]float64, test.src), ode.Span{To: 1})
			}()
		}
	}
}

// The errors on normal data, exact and without a random number, and their local orders from 256 to 512 steps. The figures are those of
// another implementation, which gave nine digits.
func TestTableauErrors(t *testing.T) {
	for _, test := range []struct {
		tab    sde.Tableau
		of32   moments
		of128  moments
		orders moments
	}{
		{sde.StochasticHeun, moments{Strong: .0289340112, Mean: .00146411431, Variance: .00204046969},
			moments{Strong: .00750730867, Mean: 9.64710786e-5, Variance: 1.22285189e-4}, moments{Strong: .999, Mean: 1.995, Variance: 2.01}},
		// On a nonlinear score the variance converges with order 1.
		{sde.StochasticMidpoint, moments{Strong: .0285625098, Mean: 3.41134711e-4, Variance: .0022621471},
			moments{Strong: .00749043188, Mean: 2.2003034e-5, Variance: 1.28195737e-4}, moments{Strong: .998, Mean: 1.997, Variance: 2.01}},
		{sde.SEA, moments{Strong: .078281294, Mean: .0183187977, Variance: .0644015599},
			moments{Strong: .0196255191, Mean: .00462820035, Variance: .0167166338}, moments{Strong: .999, Mean: .998, Variance: .995}},
		{sde.SRA1, moments{Strong: .00789742162, Mean: 9.291783e-4, Variance: .0020508935},
			moments{Strong: 6.85095266e-4, Mean: 5.95910148e-5, Variance: 1.29004727e-4}, moments{Strong: 1.97, Mean: 1.997, Variance: 1.99}},
		{sde.SRA2, moments{Strong: .00687135203, Mean: 9.291783e-4, Variance: 8.78248621e-4},
			moments{Strong: 5.35700902e-4, Mean: 5.95910148e-5, Variance: 6.77151281e-5}, moments{Strong: 1.99, Mean: 1.997, Variance: 1.98}},
		{sde.SRA3, moments{Strong: .00801148421, Mean: 1.55117075e-4, Variance: .00386936483},
			moments{Strong: 6.93779272e-4, Mean: 2.35674141e-6, Variance: 2.31950765e-4}, moments{Strong: 1.97, Mean: 3.00, Variance: 2.01}},
		{sde.ShARK, moments{Strong: .0076956862, Mean: .0011137371, Variance: .00238760594},
			moments{Strong: 6.89799798e-4, Mean: 7.19643108e-5, Variance: 1.39636266e-4}, moments{Strong: 1.97, Mean: 1.996, Variance: 2.01}},
	} {
		only := cmpopts.IgnoreUnexported(moments{})
		for n, want := range map[int]moments{32: test.of32, 128: test.of128} {
			if diff := cmp.Diff(want, errorsOf(t, test.tab.Stepper, n), only, cmpopts.EquateApprox(8e-9, 0)); diff != "" {
				t.Errorf("%s, errors of %d steps (-want +got):\n%s", test.tab.Name, n, diff)
			}
		}
		if diff := cmp.Diff(test.orders, ordersOf(t, test.tab.Stepper, 256), only, cmpopts.EquateApprox(0, 0.0055)); diff != "" {
			t.Errorf("%s, orders from 256 to 512 steps (-want +got):\n%s", test.tab.Name, diff)
		}
	}
}
