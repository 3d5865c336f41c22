package scoremodel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

func mixture(t testing.TB, s sde.Schedule, cs ...scoremodel.Component) *scoremodel.Mixture {
	t.Helper()
	m, err := scoremodel.NewMixture(s, cs...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// naiveMixture returns ε and the logarithm of the density by dense linear algebra, component by
// component, with no short cut.
func naiveMixture(t testing.TB, cs []scoremodel.Component, p sde.Point, x []float64) (eps []float64, logDensity float64) {
	t.Helper()
	logs, terms := make([]float64, len(cs)), make([][]float64, len(cs))
	top := math.Inf(-1)
	for k, c := range cs {
		z, l := whiten(t, c, p, x)
		logs[k], terms[k] = math.Log(c.Weight)+l, z
		top = max(top, logs[k])
	}
	total := 0.0
	for _, l := range logs {
		total += math.Exp(l - top)
	}
	eps = make([]float64, len(x))
	for k, l := range logs {
		for i, z := range terms[k] {
			eps[i] += p.Sigma * math.Exp(l-top) / total * z
		}
	}
	return eps, top + math.Log(total)
}

// tolerance is for predictions, relative to the row. In these tests the exponents of the soft-max are
// below 100, so that a weight is known to 100 units of round-off, some 1e-14.
const tolerance = 5e-14

// mixtures in three dimensions, with components of one shape and of all.
var mixtures = []struct {
	name string
	cs   []scoremodel.Component
}{
	{"isotropic", []scoremodel.Component{
		{Weight: 0.2, Mean: []float64{1, -0.5, 2}, Variance: 0.25},
		{Weight: 0.5, Mean: []float64{-1, 0.3, 0}, Variance: 0.09},
		{Weight: 0.3, Mean: []float64{0.2, 1.5, -1}, Variance: 0.5},
	}},
	{"diagonal", []scoremodel.Component{
		{Weight: 0.2, Mean: []float64{1, -0.5, 2}, Variances: []float64{0.04, 0.5, 2}},
		{Weight: 0.8, Mean: []float64{-1, 0.3, 0}, Variances: []float64{0.3, 0.1, 0.2}},
	}},
	{"full", []scoremodel.Component{
		{Weight: 0.6, Mean: []float64{1, -0.5, 2}, Covariance: mat.NewSymDense(3, []float64{0.8, 0.3, -0.2, 0.3, 0.5, 0.1, -0.2, 0.1, 0.3})},
		{Weight: 0.4, Mean: []float64{-1, 0.3, 0}, Covariance: mat.NewSymDense(3, []float64{0.2, -0.1, 0, -0.1, 0.3, 0.2, 0, 0.2, 0.6})},
	}},
	{"of all shapes", []scoremodel.Component{
		{Weight: 0.2, Mean: []float64{1, -0.5, 2}, Variance: 0.25},
		{Weight: 0.5, Mean: []float64{-1, 0.3, 0}, Variances: []float64{0.3, 0.1, 0.2}},
		{Weight: 0.3, Mean: []float64{0.2, 1.5, -1}, Covariance: mat.NewSymDense(3, []float64{0.8, 0.3, -0.2, 0.3, 0.5, 0.1, -0.2, 0.1, 0.3})},
	}},
}

// rowErrors compares two states row by row and returns the largest difference relative to the size of its row.
func rowErrors(want, got []float64, dim int) float64 {
	worst := 0.0
	for lo := 0; lo < len(want); lo += dim {
		size, diff := 0.0, 0.0
		for i := lo; i < lo+dim; i++ {
			size, diff = math.Max(size, math.Abs(want[i])), math.Max(diff, math.Abs(got[i]-want[i]))
		}
		worst = math.Max(worst, diff/size) // NaN stays
	}
	return worst
}

func TestMixturePredict(t *testing.T) {
	const rows, dim = 20, 3
	x := normals(1, rows*dim)
	for _, c := range mixtures {
		m := mixture(t, sde.VP{}, c.cs...)
		if m.Dim() != dim || m.Kind() != scoremodel.Epsilon {
			t.Errorf("%s: Dim() = %d, Kind() = %v, want 3, epsilon", c.name, m.Dim(), m.Kind())
		}
		for _, at := range times {
			var want, wantLog []float64
			for i := range rows {
				eps, l := naiveMixture(t, c.cs, sde.VP{}.At(at), x[i*dim:(i+1)*dim])
				want, wantLog = append(want, eps...), append(wantLog, l)
			}
			if worst := rowErrors(want, predict(t, m, x, at), dim); !(worst <= tolerance) {
				t.Errorf("%s: Predict(x, %v) differs by %.3g from the plain sum, want at most %v", c.name, at, worst, tolerance)
			}
			got := make([]float64, rows)
			m.LogDensity(got, x, at)
			if diff := cmp.Diff(wantLog, got, approx(1e-13, 1e-13)); diff != "" {
				t.Errorf("%s: LogDensity(x, %v) (-want +got):\n%s", c.name, at, diff)
			}
		}
	}
}

// A ball is an ellipsoid: the three ways to write it take three ways through the code.
func TestMixtureShapesAgree(t *testing.T) {
	const rows, dim = 100, 3
	x := normals(2, rows*dim)
	var diagonal, full []scoremodel.Component
	balls := mixtures[0].cs
	for _, c := range balls {
		diagonal = append(diagonal, scoremodel.Component{Weight: c.Weight, Mean: c.Mean, Variances: slices.Repeat([]float64{c.Variance}, dim)})
		full = append(full, scoremodel.Component{Weight: c.Weight, Mean: c.Mean, Covariance: covariance(c, sde.Point{Alpha: 1})})
	}
	for _, at := range times {
		want := predict(t, mixture(t, sde.VP{}, balls...), x, at)
		for name, cs := range map[string][]scoremodel.Component{"diagonal": diagonal, "full": full} {
			if worst := rowErrors(want, predict(t, mixture(t, sde.VP{}, cs...), x, at), dim); !(worst <= tolerance) {
				t.Errorf("t=%v: written as %s it differs by %.3g, want at most %v", at, name, worst, tolerance)
			}
		}
	}
}

// The prediction is -σ times the gradient of the logarithm of the density.
func TestMixtureScoreIsTheGradient(t *testing.T) {
	const rows, dim = 8, 3
	x := normals(3, rows*dim)
	for _, c := range mixtures {
		m := mixture(t, sde.VP{}, c.cs...)
		for _, at := range []float64{1e-3, 0.1, 1} {
			eps := predict(t, m, x, at)
			const h = 1e-3 // fourth order, so the error is some h⁴/30 of a fifth derivative
			density := func(j int, by float64) []float64 {
				y := slices.Clone(x)
				for i := j; i < len(y); i += dim {
					y[i] += by
				}
				l := make([]float64, rows)
				m.LogDensity(l, y, at)
				return l
			}
			want := make([]float64, len(x))
			for j := range dim {
				l2, l1, r1, r2 := density(j, -2*h), density(j, -h), density(j, h), density(j, 2*h)
				for i := range rows {
					gradient := (8*(r1[i]-l1[i]) - (r2[i] - l2[i])) / (12 * h)
					want[i*dim+j] = -sde.VP{}.At(at).Sigma * gradient
				}
			}
			if worst := rowErrors(want, eps, dim); !(worst <= 3e-9) {
				t.Errorf("%s: at %v Predict differs by %.3g from -sigma times the gradient, want at most 3e-9", c.name, at, worst)
			}
		}
	}
}

func TestMixtureOfOneIsGaussian(t *testing.T) {
	x := normals(4, 30)
	for _, shape := range shapes {
		m, g := mixture(t, sde.VP{}, shape.c), gaussian(t, sde.VP{}, shape.c)
		for _, at := range times {
			if worst := rowErrors(predict(t, g, x, at), predict(t, m, x, at), 3); !(worst <= 1e-14) {
				t.Errorf("%s: at %v Predict differs by %.3g, want at most 1e-14", shape.name, at, worst)
			}
			want, got := make([]float64, 10), make([]float64, 10)
			g.LogDensity(want, x, at)
			m.LogDensity(got, x, at)
			if diff := cmp.Diff(want, got, approx(1e-13, 1e-13)); diff != "" {
				t.Errorf("%s: LogDensity(x, %v) (-gaussian +mixture):\n%s", shape.name, at, diff)
			}
		}
	}
}

// Out there every component is improbable by e^-10¹⁰ and more; their ratios are not. The component that is widest
// in the direction of x is all that is left.
func TestMixtureFarTails(t *testing.T) {
	directions := [][]float64{{1, 0, 0}, {0, -1, 0}, {0.6, 0.48, -0.64}}
	for _, c := range mixtures {
		m := mixture(t, sde.VP{}, c.cs...)
		for _, at := range times {
			for _, distance := range []float64{10, 1e3, 1e4, 1e6} {
				for _, d := range directions {
					x := []float64{distance * d[0], distance * d[1], distance * d[2]}
					want, wantLog := naiveMixture(t, c.cs, sde.VP{}.At(at), x)
					if worst := rowErrors(want, predict(t, m, x, at), 3); !(worst <= 1e-14) {
						t.Errorf("%s: Predict(%v, %v) differs by %.3g from the plain sum, want at most 1e-14", c.name, x, at, worst)
					}
					got := []float64{0}
					m.LogDensity(got, x, at)
					if diff := cmp.Diff([]float64{wantLog}, got, approx(1e-12, 0)); diff != "" {
						t.Errorf("%s: LogDensity(%v, %v) (-want +got):\n%s", c.name, x, at, diff)
					}
				}
			}
		}
	}
}

// Where no signal is left the state is the noise, however the components are shaped.
func TestMixtureWithoutSignal(t *testing.T) {
	x := normals(5, 30)
	for _, c := range mixtures {
		got := predict(t, mixture(t, straight{}, c.cs...), x, 1)
		if worst := rowErrors(x, got, 3); !(worst < 1e-14) {
			t.Errorf("%s: Predict at alpha = 0 differs from the state by %.2g of a row's size", c.name, worst)
		}
	}
}

// And where no noise is left the prediction vanishes with it.
func TestMixtureWithoutNoise(t *testing.T) {
	x := normals(6, 30)
	for _, c := range mixtures {
		if got := predict(t, mixture(t, straight{}, c.cs...), x, 0); slices.ContainsFunc(got, func(v float64) bool { return v != 0 }) {
			t.Errorf("%s: Predict at sigma = 0 is %v, want zeros", c.name, got)
		}
	}
}

// checkRows evaluates a batch whole, in pieces and in another order: each row must keep its bits.
func checkRows(t *testing.T, name string, m scoremodel.Model, rows, dim int) {
	t.Helper()
	x := normals(7, rows*dim)
	for _, at := range []float64{1e-3, 0.3, 1} {
		want := predict(t, m, x, at)
		for _, size := range []int{1, 7, 63, 64, 65, 128} {
			var got []float64
			for piece := range slices.Chunk(x, size*dim) {
				got = append(got, predict(t, m, piece, at)...)
			}
			if !slices.Equal(bits(want), bits(got)) {
				t.Errorf("%s: t=%v: %d rows in pieces of %d differ from the whole", name, at, rows, size)
			}
		}
		order := rand.New(rand.NewPCG(1, 2)).Perm(rows)
		shuffled := make([]float64, len(x))
		for i, j := range order {
			copy(shuffled[i*dim:(i+1)*dim], x[j*dim:])
		}
		for i, got := range slices.Collect(slices.Chunk(predict(t, m, shuffled, at), dim)) {
			if j := order[i]; !slices.Equal(bits(want[j*dim:(j+1)*dim]), bits(got)) {
				t.Errorf("%s: t=%v: row %d differs when it comes as number %d", name, at, j, i)
				break
			}
		}
	}
}

// checkConcurrent has several goroutines predict batches of their own at times of their own.
func checkConcurrent(t *testing.T, name string, m scoremodel.Model, dim int) {
	t.Helper()
	var wg sync.WaitGroup
	for g := range 6 {
		x, at := normals(uint64(g), (20+30*g)*dim), 0.1*float64(g+1)
		want := bits(predict(t, m, x, at))
		wg.Go(func() {
			dst := make([]float64, len(x))
			for range 5 {
				if err := m.Predict(dst, x, at); err != nil || !slices.Equal(want, bits(dst)) {
					t.Errorf("%s: goroutine %d differs from a lone call; error %v", name, g, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestMixtureRowsAreIndependent(t *testing.T) {
	for _, c := range mixtures {
		checkRows(t, c.name, mixture(t, sde.VP{}, c.cs...), 150, 3)
	}
}

// Rows are taken in blocks of 64; the density of a row does not depend on its block.
func TestMixtureLogDensityOfManyRows(t *testing.T) {
	const rows, dim = 150, 3
	x := normals(7, rows*dim)
	for _, c := range mixtures {
		m := mixture(t, sde.VP{}, c.cs...)
		whole, alone := make([]float64, rows), make([]float64, rows)
		m.LogDensity(whole, x, 0.3)
		for i := range rows {
			m.LogDensity(alone[i:i+1], x[i*dim:(i+1)*dim], 0.3)
		}
		if !slices.Equal(bits(alone), bits(whole)) {
			t.Errorf("%s: %d rows have other densities together than alone", c.name, rows)
		}
	}
}

func TestMixtureIsSafeForConcurrentUse(t *testing.T) {
	for _, c := range mixtures {
		checkConcurrent(t, c.name, mixture(t, sde.VP{}, c.cs...), 3)
	}
}

func TestMixtureDoesNotAllocate(t *testing.T) {
	x, dst := normals(8, 450), make([]float64, 450)
	for _, c := range mixtures {
		m := mixture(t, sde.VP{}, c.cs...)
		if n := allocations(t, func() { m.Predict(dst, x, 0.5) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func TestMixtureKeepsNothingOfItsArguments(t *testing.T) {
	give := func() []scoremodel.Component {
		return []scoremodel.Component{
			{Weight: 0.5, Mean: []float64{1, 2}, Variances: []float64{0.5, 2}},
			{Weight: 0.5, Mean: []float64{-1, 0}, Variances: []float64{1, 1}},
		}
	}
	cs := give()
	m := mixture(t, sde.VP{}, cs...)
	want := predict(t, m, []float64{0.3, 0.4}, 0.5)
	for _, c := range cs {
		c.Mean[0], c.Variances[1] = 77, 77
	}
	if diff := cmp.Diff(want, predict(t, m, []float64{0.3, 0.4}, 0.5)); diff != "" {
		t.Errorf("the prediction changed with what is the caller's (-want +got):\n%s", diff)
	}
}

func TestNewMixtureRefuses(t *testing.T) {
	good := scoremodel.Component{Weight: 0.5, Mean: []float64{0, 1}, Variance: 1}
	weighing := func(w float64) scoremodel.Component {
		return scoremodel.Component{Weight: w, Mean: []float64{1, 0}, Variance: 1}
	}
	cases := []struct {
		name string
		cs   []scoremodel.Component
		want string // in the error
	}{
		{"no components", nil, "no components"},
		{"weights above 1", []scoremodel.Component{good, weighing(0.6)}, "add up to 1.1"},
		{"weights below 1", []scoremodel.Component{good}, "add up to 0.5"},
		{"weights a little off", []scoremodel.Component{good, weighing(0.5 + 2e-9)}, "want 1"},
		{"weight zero", []scoremodel.Component{weighing(1), weighing(0)}, "component 1: weight is 0"},
		{"weight negative", []scoremodel.Component{weighing(1.5), weighing(-0.5)}, "component 1: weight is -0.5"},
		{"weight NaN", []scoremodel.Component{weighing(math.NaN()), good}, "component 0: weight is NaN"},
		{"weight infinite", []scoremodel.Component{weighing(math.Inf(1))}, "add up to +Inf"},
		{"other dimension", []scoremodel.Component{good, {Weight: 0.5, Mean: []float64{1}, Variance: 1}}, "component 1: the mean has 1 elements, want 2"},
		{"no dimension", []scoremodel.Component{{Weight: 1, Variance: 1}}, "component 0: the mean has 0 elements"},
	}
	for _, bad := range badComponents {
		bad.c.Weight = 0.5
		cases = append(cases, struct {
			name string
			cs   []scoremodel.Component
			want string
		}{bad.name, []scoremodel.Component{good, bad.c}, "component 1: "})
	}
	for _, c := range cases {
		m, err := scoremodel.NewMixture(sde.VP{}, c.cs...)
		if err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: NewMixture = %v, error %v; want an error with %q", c.name, m, err, c.want)
		}
	}
	if _, err := scoremodel.NewMixture(sde.VP{}, good, weighing(0.5+5e-10)); err != nil {
		t.Errorf("weights that add up to 1 within 1e-9 are refused: %v", err)
	}
}

func TestMixturePanicsOnLengths(t *testing.T) {
	m := mixture(t, sde.VP{}, mixtures[0].cs...)
	x := func(n int) []float64 { return make([]float64, n) }
	checkPanics(t, map[string]func(){
		"Predict of a short dst":     func() { m.Predict(x(3), x(6), 1) },
		"Predict of a part of a row": func() { m.Predict(x(4), x(4), 1) },
		"LogDensity":                 func() { m.LogDensity(x(1), x(6), 1) },
	})
}

// ring returns k equal balls on a circle.
func ring(k int) []scoremodel.Component {
	var cs []scoremodel.Component
	for i := range k {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(k))
		cs = append(cs, scoremodel.Component{Weight: 1 / float64(k), Mean: []float64{cos, sin}, Variance: 0.01})
	}
	return cs
}

func BenchmarkPredict(b *testing.B) {
	images, _ := scoremodel.Digits()
	digits, err := scoremodel.NewDataset(sde.VP{}, images, 64, 0.1)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		m    scoremodel.Model
		dim  int
	}{
		{"gaussian/dim=64", gaussian(b, sde.VP{}, scoremodel.Component{Mean: make([]float64, 64), Variance: 0.25}), 64},
		{"mixture/K=8/dim=2", mixture(b, sde.VP{}, ring(8)...), 2},
		{"digits/K=1797/dim=64", digits, 64},
	} {
		for _, rows := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("model=%s/rows=%d", c.name, rows), func(b *testing.B) {
				x, dst := normals(9, rows*c.dim), make([]float64, rows*c.dim)
				b.ReportAllocs()
				for b.Loop() {
					if err := c.m.Predict(dst, x, 0.5); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
			})
		}
	}
}

// BenchmarkMixture times the score of mixtures of the sizes that studies use. ns/pair is the time per row and component.
func BenchmarkMixture(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	images, _ := scoremodel.Digits()
	for _, c := range []struct {
		name         string
		k, dim, rows int
		t            float64
		samples      []float64
	}{
		{"ring", 8, 2, 4096, 0.5, nil},
		{"wide", 1000, 64, 256, 0.5, nil},
		{"digits", 1797, 64, 256, 0.5, images},
		{"digitsnoisy", 1797, 64, 256, 0.9, images},
		{"digitslate", 1797, 64, 256, 0.05, images},
	} {
		samples := c.samples
		if samples == nil {
			samples = make([]float64, c.k*c.dim)
			for i := range samples {
				samples[i] = rng.NormFloat64()
			}
		}
		m, err := scoremodel.NewDataset(sde.VP{}, samples, c.dim, 0.1)
		if err != nil {
			b.Fatal(err)
		}
		p := sde.VP{}.At(c.t)
		x, dst := make([]float64, c.rows*c.dim), make([]float64, c.rows*c.dim)
		for i := range x {
			x[i] = p.Alpha*samples[i%len(samples)] + p.Sigma*rng.NormFloat64()
		}
		b.Run("data="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Predict(dst, x, c.t); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.rows*c.k), "ns/pair")
		})
	}
}
