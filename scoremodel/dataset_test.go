package scoremodel_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

func dataset(t testing.TB, s sde.Schedule, samples []float64, dim int, bandwidth float64) *scoremodel.Mixture {
	t.Helper()
	m, err := scoremodel.NewDataset(s, samples, dim, bandwidth)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// naiveDataset returns ε at one row from the differences x - αm, sample by sample.
func naiveDataset(samples []float64, bandwidth float64, p sde.Point, x []float64) []float64 {
	v := p.Alpha*p.Alpha*bandwidth*bandwidth + p.Sigma*p.Sigma
	var logs []float64
	for m := range slices.Chunk(samples, len(x)) {
		square := 0.0
		for i := range x {
			square += (x[i] - p.Alpha*m[i]) * (x[i] - p.Alpha*m[i])
		}
		logs = append(logs, -square/(2*v))
	}
	top, total := slices.Max(logs), 0.0
	eps := make([]float64, len(x))
	k := 0
	for m := range slices.Chunk(samples, len(x)) {
		w := math.Exp(logs[k] - top)
		for i := range x {
			eps[i] += w * p.Sigma / v * (x[i] - p.Alpha*m[i])
		}
		total += w
		k++
	}
	for i := range eps {
		eps[i] /= total
	}
	return eps
}

func TestDatasetPredict(t *testing.T) {
	const k, dim, rows = 200, 5, 20
	samples := normals(1, k*dim)
	for _, bandwidth := range []float64{0, 0.3} {
		m := dataset(t, sde.VP{}, samples, dim, bandwidth)
		if m.Dim() != dim {
			t.Errorf("Dim() = %d, want %d", m.Dim(), dim)
		}
		for _, at := range times {
			p := sde.VP{}.At(at)
			x := normals(2, rows*dim)
			sde.Perturb(x, samples[:rows*dim], x, p)
			var want []float64
			for row := range slices.Chunk(x, dim) {
				want = append(want, naiveDataset(samples, bandwidth, p, row)...)
			}
			if worst := rowErrors(want, predict(t, m, x, at), dim); !(worst <= 1e-12) {
				t.Errorf("bandwidth %v: Predict(x, %v) differs by %.3g from the plain sum, want at most 1e-12", bandwidth, at, worst)
			}
		}
	}
}

// Around a single sample the noise is what is left of the state.
func TestDatasetOfOneSample(t *testing.T) {
	sample := []float64{0.5, -2, 1}
	m := dataset(t, sde.VP{}, sample, 3, 0)
	for _, at := range times {
		x, eps := make([]float64, 3), []float64{0.3, 1, -0.8}
		p := sde.VP{}.At(at)
		sde.Perturb(x, sample, eps, p)
		if diff := cmp.Diff(eps, predict(t, m, x, at), approx(0, 4*unit*2/p.Sigma)); diff != "" {
			t.Errorf("Predict at %v (-want +got):\n%s", at, diff)
		}
	}
}

// With no bandwidth, and a little noise, the clean sample is the sample that the state was made of.
func TestDatasetDenoisesToItsSamples(t *testing.T) {
	images, _ := scoremodel.Digits()
	data := scoremodel.As(dataset(t, sde.VP{}, images, 64, 0), scoremodel.Data, sde.VP{})
	clean := images[100*64 : 110*64]
	x := normals(3, len(clean))
	sde.Perturb(x, clean, x, sde.VP{}.At(0.02))
	if diff := cmp.Diff(clean, predict(t, data, x, 0.02), approx(0, 1e-14)); diff != "" {
		t.Errorf("denoised (-want +got):\n%s", diff)
	}
}

func TestDatasetOfDigits(t *testing.T) {
	images, _ := scoremodel.Digits()
	worst := 0.0
	for _, bandwidth := range []float64{0, 0.1} {
		m := dataset(t, sde.VP{}, images, 64, bandwidth)
		for _, at := range []float64{1, 0.5, 0.1, 0.001} {
			p := sde.VP{}.At(at)
			noise := normals(4, 64)
			var x, want []float64
			for _, k := range []int{0, 7, 911, 1796} {
				row := make([]float64, 64)
				sde.Perturb(row, images[k*64:(k+1)*64], noise, p)
				x = append(x, row...)
			}
			// Halfway between two digits the soft-max has to decide between nearly equals.
			row := make([]float64, 64)
			for j := range row {
				row[j] = p.Alpha * (images[5*64+j] + images[1201*64+j]) / 2
			}
			x = append(x, row...)
			for row := range slices.Chunk(x, 64) {
				want = append(want, naiveDataset(images, bandwidth, p, row)...)
			}
			got := rowErrors(want, predict(t, m, x, at), 64)
			worst = max(worst, got)
			if !(got <= 1e-12) {
				t.Errorf("bandwidth %v: Predict(x, %v) differs by %.3g from the plain sum, want at most 1e-12", bandwidth, at, got)
			}
		}
	}
	t.Logf("largest difference: %.2g", worst)
}

// A data set is a mixture of equal components.
func TestDatasetIsAMixture(t *testing.T) {
	const k, dim = 20, 3
	samples := normals(5, k*dim)
	var cs []scoremodel.Component
	for m := range slices.Chunk(samples, dim) {
		cs = append(cs, scoremodel.Component{Weight: 1. / k, Mean: m, Variance: 0.25})
	}
	m, d := mixture(t, sde.VP{}, cs...), dataset(t, sde.VP{}, samples, dim, 0.5)
	x := normals(6, 10*dim)
	want, got := make([]float64, 10), make([]float64, 10)
	for _, at := range times {
		if worst := rowErrors(predict(t, m, x, at), predict(t, d, x, at), dim); !(worst <= tolerance) {
			t.Errorf("Predict(x, %v) differs by %.3g, want at most %v", at, worst, tolerance)
		}
		m.LogDensity(want, x, at)
		d.LogDensity(got, x, at)
		if diff := cmp.Diff(want, got, approx(1e-14, 0)); diff != "" {
			t.Errorf("LogDensity(x, %v) (-mixture +dataset):\n%s", at, diff)
		}
	}
}

// The matrix products go in tiles of 64 by 192; 200 samples of 70 elements cross both edges.
func TestDatasetRowsAreIndependent(t *testing.T) {
	m := dataset(t, sde.VP{}, normals(7, 200*70), 70, 0.1)
	checkRows(t, "dataset", m, 150, 70)
	checkConcurrent(t, "dataset", m, 70)
}

func TestDatasetDoesNotAllocate(t *testing.T) {
	m := dataset(t, sde.VP{}, normals(8, 300*200), 200, 0.1)
	x, dst := normals(9, 3*200), make([]float64, 3*200)
	if n := allocations(t, func() { m.Predict(dst, x, 0.5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDatasetKeepsNothingOfItsArguments(t *testing.T) {
	samples, x := normals(10, 12), []float64{1, 2, 3}
	m := dataset(t, sde.VP{}, samples, 1, 0.1)
	want, wantMap := predict(t, m, x, 0.2), quantiles(t, m, x, 1, 0.2)
	clear(samples)
	if diff := cmp.Diff(want, predict(t, m, x, 0.2)); diff != "" {
		t.Errorf("the prediction changed with the caller's samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantMap, quantiles(t, m, x, 1, 0.2)); diff != "" {
		t.Errorf("the quantile map changed with the caller's samples (-want +got):\n%s", diff)
	}
}

func TestNewDatasetRefuses(t *testing.T) {
	for _, c := range []struct {
		name      string
		samples   []float64
		dim       int
		bandwidth float64
		want      string // in the error
	}{
		{"no samples", nil, 2, 0.1, "0 values"},
		{"part of a sample", make([]float64, 5), 2, 0.1, "5 values are not one or more samples of 2"},
		{"no dimension", make([]float64, 4), 0, 0.1, "samples of 0 elements"},
		{"negative dimension", make([]float64, 4), -2, 0.1, "samples of -2 elements"},
		{"bandwidth negative", make([]float64, 4), 2, -0.1, "bandwidth is -0.1"},
		{"bandwidth NaN", make([]float64, 4), 2, math.NaN(), "bandwidth is NaN"},
		{"bandwidth infinite", make([]float64, 4), 2, math.Inf(1), "bandwidth is +Inf"},
		{"sample NaN", []float64{0, 1, 2, math.NaN()}, 2, 0.1, "sample 1, element 1 is NaN"},
		{"sample infinite", []float64{0, 1, math.Inf(-1), 3}, 2, 0.1, "sample 1, element 0 is -Inf"},
	} {
		m, err := scoremodel.NewDataset(sde.VP{}, c.samples, c.dim, c.bandwidth)
		if err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: NewDataset = %v, error %v; want an error with %q", c.name, m, err, c.want)
		}
	}
}

func TestDigits(t *testing.T) {
	images, labels := scoremodel.Digits()
	if len(images) != 1797*64 || len(labels) != 1797 {
		t.Fatalf("%d pixels and %d labels, want 115008 and 1797", len(images), len(labels))
	}
	var counts [10]int
	for i, l := range labels {
		if l > 9 {
			t.Fatalf("label %d is %d", i, l)
		}
		counts[l]++
	}
	// The class distribution that the data set's description gives.
	if want := [10]int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}; counts != want {
		t.Errorf("digits of each class: %v, want %v", counts, want)
	}
	for i, v := range images {
		if !(v >= -1 && v <= 1) || 8*v != math.Trunc(8*v) {
			t.Fatalf("image %d, pixel %d is %v, want a multiple of 1/8 in [-1, 1]", i/64, i%64, v)
		}
	}
	// The first image as scikit-learn's manual prints it: a zero, row by row.
	first := []float64{
		0, 0, 5, 13, 9, 1, 0, 0,
		0, 0, 13, 15, 10, 15, 5, 0,
		0, 3, 15, 2, 0, 11, 8, 0,
		0, 4, 12, 0, 0, 8, 8, 0,
		0, 5, 8, 0, 0, 9, 8, 0,
		0, 4, 11, 0, 1, 12, 7, 0,
		0, 2, 14, 5, 10, 12, 0, 0,
		0, 0, 6, 13, 10, 0, 0, 0,
	}
	for i := range first {
		first[i] = first[i]/8 - 1
	}
	if diff := cmp.Diff(first, images[:64]); diff != "" || labels[0] != 0 {
		t.Errorf("the first digit is a %d (-want +got):\n%s", labels[0], diff)
	}
}

// Each call gives a copy, so that no caller can spoil the digits of another.
func TestDigitsAreTheCallers(t *testing.T) {
	images, labels := scoremodel.Digits()
	wantImages, wantLabels := slices.Clone(images), slices.Clone(labels)
	clear(images)
	clear(labels)
	again, labelsAgain := scoremodel.Digits()
	if !slices.Equal(wantImages, again) || !slices.Equal(wantLabels, labelsAgain) {
		t.Error("the digits changed after a caller wrote to them")
	}
}
