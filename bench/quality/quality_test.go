package quality

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/scoremodel"
)

// normals returns n rows of dim elements with the given means and standard deviation.
func normals(seed uint64, n, dim int, mean, deviation float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float64, n*dim)
	for i := range x {
		x[i] = mean + deviation*rng.NormFloat64()
	}
	return x
}

func TestFrechet(t *testing.T) {
	sym := func(n int, v ...float64) mat.Symmetric { return mat.NewSymDense(n, v) }
	// Of two by two matrices tr √M = √(tr M + 2√det M), and M = √C₁C₂√C₁ has trace and determinant of C₁C₂.
	c1, c2 := []float64{2, 0.5, 0.5, 1}, []float64{1, -0.3, -0.3, 3}
	trace := c1[0]*c2[0] + 2*c1[1]*c2[1] + c1[3]*c2[3]
	det := (c1[0]*c1[3] - c1[1]*c1[1]) * (c2[0]*c2[3] - c2[1]*c2[1])
	for _, c := range []struct {
		name   string
		m1, m2 []float64
		c1, c2 mat.Symmetric
		want   float64
	}{
		{"the same", []float64{1, 2}, []float64{1, 2}, sym(2, c1...), sym(2, c1...), 0},
		{"shift", []float64{1, 2}, []float64{4, -2}, sym(2, c1...), sym(2, c1...), 25},
		{"scales", []float64{0, 0}, []float64{0, 0}, sym(2, 4, 0, 0, 9), sym(2, 1, 0, 0, 25), 1 + 4},
		{"against a point", []float64{0, 3}, []float64{0, 0}, sym(2, c1...), sym(2, 0, 0, 0, 0), 9 + 3},
		{"do not commute", []float64{0, 0}, []float64{0, 1}, sym(2, c1...), sym(2, c2...), 1 + 3 + 4 - 2*math.Sqrt(trace+2*math.Sqrt(det))},
		{"one dimension", []float64{0}, []float64{1}, sym(1, 4), sym(1, 9), 1 + 1},
	} {
		got, err := Frechet(c.m1, c.c1, c.m2, c.c2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(1e-13, 1e-13)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		back, err := Frechet(c.m2, c.c2, c.m1, c.c1)
		if diff := cmp.Diff(got, back, cmpopts.EquateApprox(1e-12, 1e-12)); err != nil || diff != "" {
			t.Errorf("%s, turned round, error %v (-there +back):\n%s", c.name, err, diff)
		}
	}
}

// TestWasserstein2 compares with samples repeated to a common size, where the distance is between equal ranks.
func TestWasserstein2(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 5}, {4, 6}, {7, 3}, {10, 10}, {12, 35}} {
		a, b := normals(1, size[0], 1, 0, 1), normals(2, size[1], 1, 0.5, 2)
		slices.Sort(a)
		slices.Sort(b)
		want := 0.0
		for k := range size[0] * size[1] {
			d := a[k/size[1]] - b[k/size[0]]
			want += d * d / float64(size[0]*size[1])
		}
		if diff := cmp.Diff(want, wasserstein2(a, b), cmpopts.EquateApprox(1e-13, 0)); diff != "" {
			t.Errorf("sizes %v (-want +got):\n%s", size, diff)
		}
	}
}

// TestSlicedShift: of samples shifted by v the squared distance is |v|², whatever the directions, in any dimension.
func TestSlicedShift(t *testing.T) {
	for _, dim := range []int{1, 2, 5, 64} {
		x := normals(1, 50, dim, 0, 1)
		y, want := slices.Clone(x), 0.0
		for j := range dim {
			v := float64(j%3) - 0.7
			want += v * v
			for i := j; i < len(y); i += dim {
				y[i] += v
			}
		}
		p := newProjections(x, dim)
		if diff := cmp.Diff(want, p.between(p.project(y), -1, -1), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("dimension %d (-want +got):\n%s", dim, diff)
		}
	}
}

// kernelMean is the mean of the kernel of width h² between two normals with equal variances in every coordinate.
func kernelMean(h2 float64, dim int, shift, v1, v2 float64) float64 {
	w := h2 + v1 + v2
	return math.Pow(h2/w, float64(dim)/2) * math.Exp(-float64(dim)*shift*shift/(2*w))
}

// TestClosedForms: over many draws the estimates of the distance between two normals scatter around its closed form, without bias, by as much as their
// standard errors say.
func TestClosedForms(t *testing.T) {
	if testing.Short() {
		t.Skip("many draws")
	}
	const dim, n, m, draws = 3, 120, 200, 25
	for _, c := range []struct{ shift, deviation float64 }{{0, 1}, {0.5, 1}, {0.2, 1.6}} {
		deviations := map[string][]float64{}
		errs := map[string]float64{}
		for draw := range uint64(draws) {
			r, err := NewReference(normals(2*draw, m, dim, 0, 1), nil, dim)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Measure(normals(2*draw+1, n, dim, c.shift, c.deviation), nil)
			if err != nil {
				t.Fatal(err)
			}
			v, h2 := c.deviation*c.deviation, r.kernel.h2
			// Along a direction both laws are normal, of means 0 and s·Σu; over orthonormal bases Σu squared is 1 on average, times dim.
			w2 := dim * (c.shift*c.shift + (c.deviation-1)*(c.deviation-1))
			mmd := kernelMean(h2, dim, 0, v, v) + kernelMean(h2, dim, 0, 1, 1) - 2*kernelMean(h2, dim, c.shift, v, 1)
			for name, e := range map[string]struct {
				got  Estimate
				want float64
			}{"Fréchet": {got.Frechet, w2}, "sliced W₂": {got.SlicedW2, w2}, "MMD": {got.MMD2, mmd}} {
				deviations[name] = append(deviations[name], e.got.Value-e.want)
				errs[name] += e.got.SE / draws
				if !(math.Abs(e.got.Value-e.want) < 5*e.got.SE) {
					t.Errorf("shift %v, deviation %v, draw %d: %s %+v, want %v within 5 standard errors", c.shift, c.deviation, draw, name, e.got, e.want)
				}
			}
		}
		for name, d := range deviations {
			mean, square := 0.0, 0.0
			for _, v := range d {
				mean += v / draws
				square += v * v / draws
			}
			scatter := math.Sqrt(square)
			if math.Abs(mean) > 4*scatter/math.Sqrt(draws) {
				t.Errorf("shift %v, deviation %v: %s is off by %.2g on average, and scatters by %.2g", c.shift, c.deviation, name, mean, scatter)
			}
			// Where the laws are equal the error is of second order, and the jackknife overstates it.
			most := 1.6
			if c.shift == 0 {
				most = 3
			}
			if ratio := errs[name] / scatter; !(ratio > 0.6 && ratio < most) {
				t.Errorf("shift %v, deviation %v: %s has standard errors of %.2g and scatters by %.2g", c.shift, c.deviation, name, errs[name], scatter)
			}
		}
	}
}

// TestMMDByDefinition compares the statistic, and its standard error, with sums over pairs and with the jackknife done by leaving rows out.
func TestMMDByDefinition(t *testing.T) {
	const dim, n, m = 2, 41, 43
	x, y := normals(1, n, dim, 0.3, 1), normals(2, m, dim, 0, 1)
	k, err := newKernel(y, dim)
	if err != nil {
		t.Fatal(err)
	}
	at := func(a, b []float64) float64 {
		d := (a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1])
		return math.Exp(-d / (2 * k.h2))
	}
	pairs := func(a []float64) float64 {
		sum, rows := 0.0, len(a)/dim
		for i := range rows {
			for j := range rows {
				if i != j {
					sum += at(a[i*dim:], a[j*dim:])
				}
			}
		}
		return sum / float64(rows*(rows-1))
	}
	statistic := func(x, y []float64) float64 {
		sum := 0.0
		for i := 0; i < len(x); i += dim {
			for j := 0; j < len(y); j += dim {
				sum += at(x[i:], y[j:])
			}
		}
		return pairs(x) + pairs(y) - 2*sum/float64(len(x)/dim*(len(y)/dim))
	}
	left := func(a []float64, i int) []float64 { return slices.Delete(slices.Clone(a), i*dim, (i+1)*dim) }
	variance := 0.0
	for _, side := range []struct {
		rows int
		of   func(i int) float64
	}{{n, func(i int) float64 { return statistic(left(x, i), y) }}, {m, func(i int) float64 { return statistic(x, left(y, i)) }}} {
		var values []float64
		mean := 0.0
		for i := range side.rows {
			values = append(values, side.of(i))
			mean += values[i] / float64(side.rows)
		}
		for _, v := range values {
			variance += (v - mean) * (v - mean) * float64(side.rows-1) / float64(side.rows)
		}
	}
	want := Estimate{statistic(x, y), math.Sqrt(variance)}
	got := k.mmd(distances(x, x, dim), distances(x, y, dim))
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-11, 0)); diff != "" {
		t.Errorf("mmd (-want +got):\n%s", diff)
	}
}

func TestVotes(t *testing.T) {
	real := []float64{0, 0.1, 0.2, 10, 10.1, 10.2, 20, 20.1, 30, 40, 40.2, 40.3}
	classes := []int{1, 1, 1, 2, 2, 1, 3, 4, 5, 6, 7, 7}
	x := []float64{0.1, 10, 20, 30, 40}
	asked := []int{1, 1, 3, -1, 6}
	split, wrong := votes(distances(x, real, 1), classes, func(i int) (int, bool) { return asked[i], asked[i] >= 0 })
	// All of 1; 2, 2 and 1; 3, 4 and 1, of which the nearest counts; 5 with others, but not asked; 6, 7 and 7.
	if diff := cmp.Diff(Estimate{0.8, math.Sqrt(0.8 * 0.2 / 5)}, *split, cmpopts.EquateApprox(1e-15, 0)); diff != "" {
		t.Errorf("split votes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Estimate{0.5, 0.25}, *wrong, cmpopts.EquateApprox(1e-15, 0)); diff != "" {
		t.Errorf("wrong classes (-want +got):\n%s", diff)
	}
	if _, wrong := votes(distances(x, real, 1), classes, nil); wrong != nil {
		t.Errorf("without classes asked for, %+v are wrong", *wrong)
	}
}

// TestOnDigits measures a random half of the real digits against the others, and then what it must find worse: blurred, noisy, shifted and wrongly labelled digits, and
// ones of few kinds.
func TestOnDigits(t *testing.T) {
	images, labels := scoremodel.Digits()
	const dim = scoremodel.DigitSide * scoremodel.DigitSide
	var halves [2][]float64
	var classes [2][]int
	// Every second would not do: the digits are in the order of their writers, who would be in both halves alike, more than by chance.
	for k, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(labels)) {
		halves[k%2] = append(halves[k%2], images[i*dim:(i+1)*dim]...)
		classes[k%2] = append(classes[k%2], int(labels[i]))
	}
	r, err := NewReference(halves[0], classes[0], dim)
	if err != nil {
		t.Fatal(err)
	}
	measure := func(x []float64, shift int) *Measures {
		t.Helper()
		m, err := r.Measure(x, func(i int) (int, bool) { return (classes[1][i%len(classes[1])] + shift) % 10, true })
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	share, all := 0.0, 0.0
	for i := range dim {
		for k := i; k < len(images); k += dim {
			d := images[k] - r.features.mean[i]
			all += d * d / float64(len(labels))
		}
	}
	for j := range Features {
		share += r.features.real[groups].cov.At(j, j)
	}
	if share /= all; !(share > 0.82 && share < 0.88) {
		t.Errorf("%d components hold %.3f of the variance, documented as 0.85", Features, share)
	}

	real := measure(halves[1], 0)
	t.Logf("real digits: %s", show(real))
	for name, e := range map[string]Estimate{"Fréchet": real.Frechet, "sliced W₂": real.SlicedW2, "MMD": real.MMD2} {
		if !(math.Abs(e.Value) < 4*e.SE) {
			t.Errorf("real digits have %s %+v, want 0 within 4 standard errors", name, e)
		}
	}
	if real.SplitVote.Value > 0.15 || real.WrongClass.Value > 0.03 {
		t.Errorf("real digits: split votes %+v, wrong classes %+v", *real.SplitVote, *real.WrongClass)
	}
	changed := func(f func(v, mean float64, i int) float64) []float64 {
		x := slices.Clone(halves[1])
		for i, v := range x {
			x[i] = f(v, r.features.mean[i%dim], i)
		}
		return x
	}
	noise := normals(5, len(halves[1])/dim, dim, 0, 0.3)
	for name, x := range map[string][]float64{
		"faint":   changed(func(v, mean float64, _ int) float64 { return mean + 0.8*(v-mean) }),
		"shifted": changed(func(v, _ float64, _ int) float64 { return v + 0.1 }),
		"noisy":   changed(func(v, _ float64, i int) float64 { return v + noise[i] }),
		"few":     slices.Repeat(halves[1][:60*dim], 10),
	} {
		m := measure(x, 0)
		t.Logf("%s: %s", name, show(m))
		if !(m.SlicedW2.Value > real.SlicedW2.Value+3*real.SlicedW2.SE && m.MMD2.Value > real.MMD2.Value+3*real.MMD2.SE) {
			t.Errorf("%s digits are not found worse: %s, real ones %s", name, show(m), show(real))
		}
		if name != "noisy" && !(m.Frechet.Value > real.Frechet.Value+3*real.Frechet.SE) { // noise hardly shows in the leading components
			t.Errorf("%s digits are not found worse: %s, real ones %s", name, show(m), show(real))
		}
	}
	if m := measure(halves[1], 1); m.WrongClass.Value < 0.9 {
		t.Errorf("of digits asked to be the next one, %+v are wrong", *m.WrongClass)
	}
}

func show(m *Measures) string {
	return fmt.Sprintf("Fréchet %.4g±%.2g, sliced %.4g±%.2g, MMD %.3g±%.2g, split %.3g, wrong %.3g", m.Frechet.Value, m.Frechet.SE,
		m.SlicedW2.Value, m.SlicedW2.SE, m.MMD2.Value, m.MMD2.SE, m.SplitVote.Value, m.WrongClass.Value)
}

func TestRefuses(t *testing.T) {
	good := normals(1, 50, 2, 0, 1)
	bad := func(v float64) []float64 {
		x := slices.Clone(good)
		x[7] = v
		return x
	}
	r, err := NewReference(good, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		x    []float64
		want error // or any
	}{
		{"few", good[:2*(MinRows-1)], ErrTooFew},
		{"none", nil, ErrTooFew},
		{"NaN", bad(math.NaN()), ErrNonFinite},
		{"infinite", bad(math.Inf(-1)), ErrNonFinite},
		{"odd", good[:99], nil},
	} {
		if m, err := r.Measure(c.x, nil); m != nil || err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: Measure = %v, %v, want an error %v", c.name, m, err, c.want)
		}
		if r, err := NewReference(c.x, nil, 2); r != nil || err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: NewReference = %v, %v, want an error %v", c.name, r, err, c.want)
		}
	}
	if _, err := NewReference(good, []int{1}, 2); err == nil {
		t.Error("one class for fifty samples is no error")
	}
	if _, err := NewReference(make([]float64, 100), nil, 2); err == nil {
		t.Error("fifty equal samples are no error")
	}
	if _, err := NewReference(good, nil, 0); err == nil {
		t.Error("no dimensions are no error")
	}
}

// TestLargeReference: many real samples are thinned out at random, with their classes, and always in the same way.
func TestLargeReference(t *testing.T) {
	const n = 3 * MaxReal
	real, classes := make([]float64, n), make([]int, n)
	for i := range real {
		real[i], classes[i] = float64(i), i
	}
	r, err := NewReference(real, classes, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Kept(n), r.classes); diff != "" || len(r.classes) != MaxReal || len(r.real) != MaxReal {
		t.Fatalf("%d samples and %d classes are kept (-Kept +got):\n%s", len(r.real), len(r.classes), diff)
	}
	residues := [3]int{}
	for i, c := range r.classes {
		if r.real[i] != float64(c) || i > 0 && c <= r.classes[i-1] || c < 0 || c >= n {
			t.Fatalf("sample %d is %v, of class %d", i, r.real[i], c)
		}
		residues[c%3]++
	}
	for k, count := range residues { // binomial, of deviation 17 with what is left out
		if math.Abs(float64(count)-MaxReal/3.) > 90 {
			t.Errorf("%d samples are %d modulo 3: they have a period", count, k)
		}
	}
	if first := r.classes[MaxReal/2]; math.Abs(float64(first)-n/2) > 0.05*n {
		t.Errorf("half of the samples are of the first %d of %d", first, n)
	}
	if diff := cmp.Diff([]int{0, 1, 2}, Kept(3)); diff != "" {
		t.Errorf("Kept(3) (-want +got):\n%s", diff)
	}
}
