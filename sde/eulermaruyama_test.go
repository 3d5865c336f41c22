package sde_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// One step is x + h f(x, t) + g(t) ΔW, all at the time where the step begins. The numbers are
// sums of powers of two, so the arithmetic is exact.
func TestEulerMaruyamaStep(t *testing.T) {
	sys := sde.System{
		Drift: func(dst, x []float64, t float64) error {
			for i, v := range x {
				dst[i] = t * v * v
			}
			return nil
		},
		Diffusion: func(t float64) float64 { return 2 * t },
	}
	for _, test := range []struct {
		at      ode.Span
		x, z    []float64
		want    []float64
		because string
	}{
		{ode.Span{From: 1, To: 1.25}, []float64{2, -1}, []float64{1, -4}, []float64{2 + 0.25*4 + 2*0.5, -1 + 0.25 - 2*2}, "up: dW = z/2"},
		{ode.Span{From: 1, To: 0.75}, []float64{2, -1}, []float64{1, -4}, []float64{2 - 0.25*4 + 2*0.5, -1 - 0.25 - 2*2}, "down: h changes sign, dW does not"},
		{ode.Span{From: 0.5, To: 4.5}, []float64{2, -1}, []float64{1, 0}, []float64{2 + 4*0.5*4 + 1*2, -1 + 4*0.5}, "f and g at the beginning"},
		{ode.Span{From: 0.5, To: 0.5}, []float64{2, -1}, []float64{1, 1}, []float64{2, -1}, "no time"},
	} {
		w := &listener{Brownian: sde.Replay{Draws: [][]float64{test.z, test.z}}.Path(0, 1, 2)}
		st := sde.EulerMaruyama(sys, w, 2)
		src, dst := slices.Clone(test.x), []float64{math.NaN(), math.NaN()}
		if err := st.Step(dst, src, test.at); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, dst); diff != "" {
			t.Errorf("%s: step over %+v (-want +got):\n%s", test.because, test.at, diff)
		}
		if diff := cmp.Diff(test.x, src); diff != "" {
			t.Errorf("%s: src (-before +after):\n%s", test.because, diff)
		}
		if err := st.Step(src, src, test.at); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, src); diff != "" {
			t.Errorf("%s: step in place (-want +got):\n%s", test.because, diff)
		}
		// A path that remembers must hear of the interval as it is.
		if want := [2]float64{test.at.From, test.at.To}; w.latest != want {
			t.Errorf("%s: increment over %v, want %v", test.because, w.latest, want)
		}
	}
}

// A listener is a path that remembers the latest interval.
type listener struct {
	sde.Brownian
	latest [2]float64
}

func (w *listener) Increment(dst []float64, from, to float64) error {
	w.latest = [2]float64{from, to}
	return w.Brownian.Increment(dst, from, to)
}

// Without diffusion the method is Euler's, to the bit.
func TestEulerMaruyamaWithoutDiffusion(t *testing.T) {
	grid := []float64{1, 0.9, 0.65, 0.3, 0.05, 1e-3}
	flow := mixture.flow(sde.VP{})
	want, got := slices.Clone(starts), slices.Clone(starts)
	if _, err := ode.Integrate(context.Background(), ode.Euler.Stepper(flow, len(want)), want, grid, nil); err != nil {
		t.Fatal(err)
	}
	sys := sde.System{Drift: flow, Diffusion: func(float64) float64 { return 0 }}
	st := sde.EulerMaruyama(sys, sde.Fresh{Seed: 5}.Path(0, 2, 3), len(got))
	if _, err := ode.Integrate(context.Background(), st, got, grid, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Euler–Maruyama without diffusion (-Euler +got):\n%s", diff)
	}
}

// A batch may be split by rows at will.
func TestEulerMaruyamaRows(t *testing.T) {
	const rows, dim = 6, 2
	noise := sde.Fresh{Seed: 8}
	run := func(first, rows int) []float64 {
		x := make([]float64, rows*dim)
		noise.Normals(x, first, dim)
		st := sde.EulerMaruyama(mixture.reverse(sde.VP{}), noise.Path(first, rows, dim), len(x))
		if _, err := ode.Integrate(context.Background(), st, x, uniform(1, 1e-3, 20), nil); err != nil {
			t.Fatal(err)
		}
		return x
	}
	all := run(0, rows)
	for _, split := range [][2]int{{0, 2}, {2, 1}, {3, 3}} {
		if diff := cmp.Diff(all[split[0]*dim:(split[0]+split[1])*dim], run(split[0], split[1])); diff != "" {
			t.Errorf("%d rows from %d (-in the batch +alone):\n%s", split[1], split[0], diff)
		}
	}
}

// reverse is the reverse-time equation of m.
func (m target) reverse(s sde.Schedule) sde.System {
	return sde.System{
		Drift: func(dst, x []float64, t float64) error {
			p := s.At(t)
			a, b, _ := p.Reverse(1)
			for i, v := range x {
				dst[i] = a*v + b*m.epsilon(v, p)
			}
			return nil
		},
		Diffusion: func(t float64) float64 { _, _, c := s.At(t).Reverse(1); return c },
	}
}

// The figures are those of another implementation, which gave nine digits. A wrong
// coefficient, the wrong end of the step or h for √h changes the first of them.
func TestEulerMaruyamaErrors(t *testing.T) {
	for _, test := range []struct {
		n    int
		want moments
	}{
		{32, moments{Strong: 0.0714293587, Mean: 0.0183187977, Variance: 0.0137890932}},
		{128, moments{Strong: 0.0184015473, Mean: 0.00462820035, Variance: 0.00294257426}},
	} {
		diff := cmp.Diff(test.want, errorsOf(t, eulerMaruyama, test.n), cmpopts.EquateApprox(5e-9, 0), cmpopts.IgnoreUnexported(moments{}))
		if diff != "" {
			t.Errorf("errors of %d steps (-want +got):\n%s", test.n, diff)
		}
	}

	// Strong order 1, as the noise is additive, and weak order 1.
	coarse, fine := errorsOf(t, eulerMaruyama, 256), errorsOf(t, eulerMaruyama, 512)
	for _, test := range []struct {
		name         string
		coarse, fine float64
		want         string
	}{
		{"strong", coarse.Strong, fine.Strong, "0.995"},
		{"weak, mean", coarse.Mean, fine.Mean, "0.998"},
		{"weak, variance", coarse.Variance, fine.Variance, "1.02"},
	} {
		if got := fmt.Sprintf("%.*f", len(test.want)-2, math.Log2(test.coarse/test.fine)); got != test.want {
			t.Errorf("order from 256 to 512 steps, %s = %s, want %s", test.name, got, test.want)
		}
	}
}

// The law that the recursion foretells is the one that the method samples with Fresh noise: the
// two are parts of one thing, noise of the variance that the method expects.
func TestEulerMaruyamaSamples(t *testing.T) {
	const rows, n = 20_000, 32
	vp := sde.VP{}
	noise, x := sde.Fresh{Seed: 2}, make([]float64, rows)
	noise.Normals(x, 0, 1)
	begin := vp.At(1)
	for i, z := range x {
		x[i] = begin.Alpha + math.Sqrt(begin.Alpha*begin.Alpha/4+begin.Sigma*begin.Sigma)*z
	}
	st := sde.EulerMaruyama(gaussian.reverse(vp), noise.Path(0, rows, 1), rows)
	if _, err := ode.Integrate(context.Background(), st, x, uniform(1, 1e-3, n), nil); err != nil {
		t.Fatal(err)
	}
	law := errorsOf(t, eulerMaruyama, n)
	for i, v := range x {
		x[i] = (v - law.mean) / math.Sqrt(law.variance)
	}
	for name, sigmas := range map[string]float64{
		"mean":     stat.Mean(x, nil) * math.Sqrt(rows),
		"variance": (stat.MomentAbout(2, x, 0, nil) - 1) * math.Sqrt(rows/2),
	} {
		if !(math.Abs(sigmas) <= 4) {
			t.Errorf("%s of %d samples is %.1f standard deviations from the recursion's", name, rows, sigmas)
		}
	}
	if got := distanceToNormal(x); !(got <= notNormal) {
		t.Errorf("samples, standardised: Kolmogorov's statistic = %.2f, want at most %v", got, notNormal)
	}
}

// What drift and noise return comes back as it is.
func TestEulerMaruyamaReturnsErrors(t *testing.T) {
	broken := errors.New("broken model")
	sys := mixture.reverse(sde.VP{})
	w := sde.Fresh{}.Path(0, 1, 1)
	failing := sys
	failing.Drift = func([]float64, []float64, float64) error { return broken }
	if err := sde.EulerMaruyama(failing, w, 1).Step([]float64{0}, []float64{0}, ode.Span{From: 1, To: 0.5}); err != broken {
		t.Errorf("Step with a broken drift = %v, want %v", err, broken)
	}

	silent := sde.EulerMaruyama(sys, sde.Replay{}.Path(0, 1, 1), 1)
	if err := silent.Step([]float64{0}, []float64{0}, ode.Span{From: 1, To: 0.5}); !errors.Is(err, sde.ErrNoMoreDraws) {
		t.Errorf("Step without recorded noise = %v, want %v", err, sde.ErrNoMoreDraws)
	}

	// A shorter step from the same state would need the path that was already used.
	st := sde.EulerMaruyama(sys, w, 1)
	if err := st.Step([]float64{0}, []float64{0}, ode.Span{From: 1, To: 0.5}); err != nil {
		t.Fatal(err)
	}
	if err := st.Step([]float64{0}, []float64{0}, ode.Span{From: 1, To: 0.7, Retry: true}); !errors.Is(err, sde.ErrOverlap) {
		t.Errorf("Step repeated = %v, want %v", err, sde.ErrOverlap)
	}
}

func TestEulerMaruyamaPanicsOnLength(t *testing.T) {
	sys := sde.System{
		Drift:     func(dst, _ []float64, _ float64) error { clear(dst); return nil },
		Diffusion: func(float64) float64 { return 1 },
	}
	for _, test := range []struct{ dst, src, path int }{{2, 3, 3}, {3, 2, 3}, {2, 2, 3}, {4, 4, 3}, {3, 3, 2}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("made for 3 elements: Step of %d to %d with a path of %d did not panic", test.src, test.dst, test.path)
				}
			}()
			st := sde.EulerMaruyama(sys, sde.Fresh{}.Path(0, 1, test.path), 3)
			st.Step(make([]float64, test.dst), make([]float64, test.src), ode.Span{To: 1})
		}()
	}
}

func TestEulerMaruyamaDoesNotAllocate(t *testing.T) {
	const n = 64
	st := sde.EulerMaruyama(sde.System{
		Drift:     func(dst, x []float64, _ float64) error { copy(dst, x); return nil },
		Diffusion: func(float64) float64 { return 1 },
	}, sde.Fresh{}.Path(0, n, 1), n)
	x, i := make([]float64, n), 0
	got := testing.AllocsPerRun(100, func() {
		if err := st.Step(x, x, ode.Span{From: float64(-i), To: float64(-i - 1), Index: i}); err != nil {
			t.Fatal(err)
		}
		i++
	})
	if got != 0 {
		t.Errorf("a step allocates %v times", got)
	}
}

// everyStepper binds every method of the package to a drift, for states of two elements.
func everyStepper(t *testing.T, drift ode.Func) map[string]ode.Stepper {
	t.Helper()
	additive := sde.System{Drift: drift, Diffusion: func(float64) float64 { return 1 }}
	diagonal := sde.DiagonalSystem{Drift: drift, Diffusion: func(dst, x []float64, _ float64) error { copy(dst, x); return nil }}
	path := func() sde.Brownian { return sde.Fresh{}.Path(0, 1, 2) }
	steppers := map[string]ode.Stepper{"Euler-Maruyama": sde.EulerMaruyama(additive, path(), 2),
		"diagonal Euler-Maruyama": diagonal.EulerMaruyama(path(), 2), "Milstein": diagonal.Milstein(path(), 2)}
	for _, tab := range sde.Tableaus() {
		st, err := tab.Stepper(additive, path(), 2)
		if err != nil {
			t.Fatal(err)
		}
		steppers[tab.Name] = st
	}
	return steppers
}

// A drift that modifies its argument is found at its first call, unless that is no part of the state.
func TestDriftModifiesItsArgument(t *testing.T) {
	drift := func(dst, x []float64, _ float64) error { copy(dst, x); clear(x); return nil }
	for name, st := range everyStepper(t, drift) {
		src, dst := []float64{1, 2}, make([]float64, 2)
		err := st.Step(dst, src, ode.Span{From: 1, To: 0.5})
		shifted := name == "sea" || name == "shark" // whose first stage has noise
		if errors.Is(err, ode.ErrMutated) == shifted || shifted && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff([]float64{1, 2}, src); diff != "" {
			t.Errorf("%s: the state (-before +after):\n%s", name, diff)
		}
	}
}

// Stats.NFE is what the drift saw, for every method.
func TestNFE(t *testing.T) {
	calls := 0
	drift := func(dst, x []float64, _ float64) error { calls++; copy(dst, x); return nil }
	for name, st := range everyStepper(t, drift) {
		calls = 0
		stats, err := ode.Integrate(t.Context(), st, []float64{1, 2}, []float64{1, 0.75, 0.5, 0}, nil)
		if err != nil || calls == 0 || stats.NFE != calls || st.(ode.Counter).Cost(ode.Span{From: 1}, false) != calls/3 {
			t.Errorf("%s: NFE %d of %d calls, %v; a step is said to cost %d", name, stats.NFE, calls, err, st.(ode.Counter).Cost(ode.Span{From: 1}, false))
		}
	}
}
