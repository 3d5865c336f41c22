package sde_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// each is the function that applies f to every element.
func each(f func(x float64) float64) ode.Func {
	return func(dst, x []float64, _ float64) error {
		for i, v := range x {
			dst[i] = f(v)
		}
		return nil
	}
}

// diagonals are the methods for diffusion that depends on the state, with their orders.
var diagonals = []struct {
	name         string
	bind         func(sys sde.DiagonalSystem, w sde.Brownian, n int) ode.Stepper
	strong, weak float64
}{
	{"Euler-Maruyama", sde.DiagonalSystem.EulerMaruyama, 0.5, 1},
	{"Milstein", sde.DiagonalSystem.Milstein, 1, 1},
	{"Milstein without derivative", func(sys sde.DiagonalSystem, w sde.Brownian, n int) ode.Stepper {
		sys.Derivative = nil
		return sys.Milstein(w, n)
	}, 1, 1},
}

// The orders on geometric Brownian motion dx = μx dt + σx dW, exact and without a random number. A step multiplies x by a factor R(W) and the
// exact solution by E(W) = exp((μ - σ²/2)h + σW), independently from step to step, so that over N steps from 1
//
//	E[(x - y)²] = E[R²]ᴺ - 2E[RE]ᴺ + E[E²]ᴺ,  E[x] - E[y] = E[R]ᴺ - exp(μT),
//
// and each mean over W is a Gauss–Hermite quadrature, of a factor that is probed.
func TestMilsteinOnGeometricMotion(t *testing.T) {
	const mu, sigma, end = 0.5, 0.8, 1.
	sys := sde.DiagonalSystem{
		Drift:      each(func(x float64) float64 { return mu * x }),
		Diffusion:  each(func(x float64) float64 { return sigma * x }),
		Derivative: each(func(float64) float64 { return sigma }),
	}
	nodes, weights := make([]float64, 40), make([]float64, 40)
	quad.Hermite{}.FixedLocations(nodes, weights, math.Inf(-1), math.Inf(1))
	for _, m := range diagonals {
		errorsOf := func(n int) (strong, weak float64) {
			h := end / float64(n)
			var rr, re, ee, r float64
			for i, z := range nodes { // of the weight exp(-z²): W = z√(2h)
				w, p := z*math.Sqrt(2*h), weights[i]/math.Sqrt(math.Pi)
				x := []float64{1}
				if err := m.bind(sys, still{w: w}, 1).Step(x, x, ode.Span{To: h}); err != nil {
					t.Fatal(err)
				}
				e := math.Exp((mu-sigma*sigma/2)*h + sigma*w)
				rr, re, ee, r = rr+p*x[0]*x[0], re+p*x[0]*e, ee+p*e*e, r+p*x[0]
			}
			steps := float64(n)
			return math.Sqrt(math.Pow(rr, steps) - 2*math.Pow(re, steps) + math.Pow(ee, steps)), math.Abs(math.Pow(r, steps) - math.Exp(mu*end))
		}
		s0, w0 := errorsOf(128)
		s1, w1 := errorsOf(256)
		if got := math.Log2(s0 / s1); !(math.Abs(got-m.strong) < 0.03) {
			t.Errorf("%s: strong order %.3f, want %v", m.name, got, m.strong)
		}
		if got := math.Log2(w0 / w1); !(math.Abs(got-m.weak) < 0.03) {
			t.Errorf("%s: weak order %.3f, want %v", m.name, got, m.weak)
		}
	}
}

// The strong orders where g bends: dx = x/2 dt + √(1+x²) dW, whose solution is sinh(arsinh x₀ + W). Time runs down: in a
// reverse equation nothing changes but the sign of the drift.
func TestMilsteinOnCurvedDiffusion(t *testing.T) {
	const paths = 2000
	sys := sde.DiagonalSystem{
		Drift:      each(func(x float64) float64 { return -x / 2 }),
		Diffusion:  each(func(x float64) float64 { return math.Sqrt(1 + x*x) }),
		Derivative: each(func(x float64) float64 { return x / math.Sqrt(1+x*x) }),
	}
	noise := sde.GridPath{Seed: 4, Grid: uniform(1, 0, 512)}
	whole := make([]float64, paths)
	if err := noise.Path(0, 1, paths).Increment(whole, 1, 0); err != nil {
		t.Fatal(err)
	}
	for _, m := range diagonals {
		var logN, logE []float64
		for n := 16; n <= 512; n *= 2 {
			st, x := m.bind(sys, noise.Path(0, 1, paths), paths), slices.Repeat([]float64{0.3}, paths)
			if err := ode.Walk(st, x, uniform(1, 0, n)); err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for i, w := range whole {
				d := x[i] - math.Sinh(math.Asinh(0.3)+w)
				sum += d * d
			}
			logN, logE = append(logN, math.Log(float64(n))), append(logE, math.Log(sum/paths)/2)
		}
		_, slope := stat.LinearRegression(logN, logE, nil, false)
		if !(math.Abs(-slope-m.strong) < 0.1) {
			t.Errorf("%s: strong order %.3f, want %v", m.name, -slope, m.strong)
		}
	}
}

// With additive noise all of them are the Euler–Maruyama method, but for rounding.
func TestMilsteinWithAdditiveNoise(t *testing.T) {
	additive := mixture.reverse(sde.VP{})
	sys := sde.DiagonalSystem{
		Drift: additive.Drift,
		Diffusion: func(dst, _ []float64, t float64) error {
			for i := range dst {
				dst[i] = additive.Diffusion(t)
			}
			return nil
		},
		Derivative: func(dst, _ []float64, _ float64) error { clear(dst); return nil },
	}
	want := slices.Clone(starts)
	if err := ode.Walk(sde.EulerMaruyama(additive, sde.Fresh{Seed: 2}.Path(0, 2, 3), 6), want, uniform(1, 0.1, 20)); err != nil {
		t.Fatal(err)
	}
	for _, m := range diagonals {
		st, x := m.bind(sys, sde.Fresh{Seed: 2}.Path(0, 2, 3), 6), slices.Clone(starts)
		if err := ode.Walk(st, x, uniform(1, 0.1, 20)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, x, cmpopts.EquateApprox(0, 1e-13)); diff != "" {
			t.Errorf("%s with additive noise (-Euler-Maruyama +got):\n%s", m.name, diff)
		}
	}
}

func TestMilsteinContract(t *testing.T) {
	broken := errors.New("broken")
	fails := func([]float64, []float64, float64) error { return broken }
	sound := sde.DiagonalSystem{Drift: each(math.Sin), Diffusion: each(math.Cos), Derivative: each(math.Sin)}
	for _, m := range diagonals {
		for name, change := range map[string]func(sys *sde.DiagonalSystem){
			"drift":     func(sys *sde.DiagonalSystem) { sys.Drift = fails },
			"diffusion": func(sys *sde.DiagonalSystem) { sys.Diffusion = fails },
		} {
			sys := sound
			change(&sys)
			if err := m.bind(sys, sde.Fresh{}.Path(0, 1, 1), 1).Step([]float64{0}, []float64{0}, ode.Span{To: 1}); err != broken {
				t.Errorf("%s with a broken %s = %v, want %v", m.name, name, err, broken)
			}
		}
		if err := m.bind(sound, sde.Replay{}.Path(0, 1, 1), 1).Step([]float64{0}, []float64{0}, ode.Span{To: 1}); !errors.Is(err, sde.ErrNoMoreDraws) {
			t.Errorf("%s without noise = %v, want ErrNoMoreDraws", m.name, err)
		}
		st, x, i := m.bind(sound, sde.Fresh{}.Path(0, 8, 1), 8), make([]float64, 8), 0
		src, dst := []float64{1, 2, 3, 4, 5, 6, 7, 8}, make([]float64, 8)
		if err := m.bind(sound, still{w: 0.5}, 8).Step(dst, src, ode.Span{To: 1}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]float64{1, 2, 3, 4, 5, 6, 7, 8}, src); diff != "" {
			t.Errorf("%s: src (-before +after):\n%s", m.name, diff)
		}
		if err := m.bind(sound, still{w: 0.5}, 8).Step(src, src, ode.Span{To: 1}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dst, src); diff != "" {
			t.Errorf("%s (-out of place +in place):\n%s", m.name, diff)
		}
		if err := m.bind(sound, sde.Fresh{}.Path(0, 8, 1), 8).Step(src, dst, ode.Span{From: 1, To: 1}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dst, src); diff != "" {
			t.Errorf("%s over no time (-before +after):\n%s", m.name, diff)
		}
		allocs := testing.AllocsPerRun(50, func() {
			if err := st.Step(x, x, ode.Span{From: float64(i), To: float64(i + 1), Index: i}); err != nil {
				t.Fatal(err)
			}
			i++
		})
		if allocs != 0 {
			t.Errorf("a step of %s allocates %v times", m.name, allocs)
		}
	}
	sys := sound
	sys.Derivative = fails
	if err := sys.Milstein(sde.Fresh{}.Path(0, 1, 1), 1).Step([]float64{0}, []float64{0}, ode.Span{To: 1}); err != broken {
		t.Errorf("Milstein with a broken derivative = %v, want %v", err, broken)
	}
}
