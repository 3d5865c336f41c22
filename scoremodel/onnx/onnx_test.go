package onnx_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/scoremodel/digitsnet"
	"github.com/diffsolve/diffsolve/scoremodel/onnx"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

func normals(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

func predict(t testing.TB, m scoremodel.Model, x []float64, at float64) []float64 {
	t.Helper()
	dst := make([]float64, len(x))
	if err := m.Predict(dst, x, at); err != nil {
		t.Fatal(err)
	}
	return dst
}

// TestReference compares with what PyTorch 1.13 computed when the networks were exported: single precision, summed in another order.
func TestReference(t *testing.T) {
	for _, test := range []struct {
		file, reference string
		labels          bool
		want            string
	}{
		{"eps_mnist28.onnx", "testdata/reference_mnist28.json", false, "eps_uncond"},
		{"eps_mnist28_cond.onnx", "testdata/reference_mnist28.json", true, "eps_cond"},
		{"eps_digits8.onnx", "../digitsnet/testdata/reference.json", true, "eps_cond"},
	} {
		t.Run(test.file, func(t *testing.T) {
			text, err := os.ReadFile(test.reference)
			if err != nil {
				t.Fatal(err)
			}
			var ref map[string][]float64
			if err := json.Unmarshal(text, &ref); err != nil {
				t.Fatal(err)
			}
			var o onnx.Options
			if test.labels {
				o.Inputs = map[string][]float64{"y": ref["y"]}
			}
			net := open(t, test.file, o)
			dim := net.Dim()
			for i, n := range ref["t"] {
				x, want := ref["x"][i*dim:(i+1)*dim], ref[test.want][i*dim:(i+1)*dim]
				got := predict(t, net.Rows(i), x, n)
				for j := range got {
					// 5e-6 of the largest, which is near 12
					if diff := math.Abs(got[j] - want[j]); !(diff <= 5e-6*math.Max(1, math.Abs(want[j]))) {
						t.Fatalf("row %d, element %d: %v, want %v, a difference of %.1e", i, j, got[j], want[j], diff)
					}
				}
			}
		})
	}
}

// TestSameAsGo samples from one network by two routes: through ONNX Runtime, and through digitsnet's forward pass in Go. The labels differ
// by row, and guidance takes one doubled batch on either.
func TestSameAsGo(t *testing.T) {
	labels := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	net := open(t, "eps_digits8.onnx", onnx.Options{Inputs: map[string][]float64{"y": labels}})
	plain, err := net.With(map[string][]float64{"y": {10}})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := net.Pair(plain)
	if err != nil {
		t.Fatal(err)
	}
	goNet := digitsnet.New()
	goModel, err := goNet.Model(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if err != nil {
		t.Fatal(err)
	}
	s := goNet.Schedule()
	guide := func(m scoremodel.Model) scoremodel.Model {
		g, err := scoremodel.CFG{Scale: 2}.Guide(m, nil, digitsnet.Dim, s)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	told := func(m scoremodel.Model) scoremodel.Model {
		v, err := scoremodel.Times{}.Apply(m, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const rows = 20
	x0 := solvers.Prior(s, 1, rows, digitsnet.Dim)
	for _, test := range []struct {
		name         string
		solver       solvers.Solver
		here, native scoremodel.Model
	}{
		{"ddim", solvers.DDIM{}, told(net), goModel},
		{"dpm++2m guided", solvers.DPMSolverPP2M{}, guide(told(pair)), guide(goModel)},
		{"unipc guided", solvers.UniPC{}, guide(told(pair)), guide(goModel)},
		{"ddpm", solvers.DDPM{}, told(net), goModel},
	} {
		t.Run(test.name, func(t *testing.T) {
			sample := func(m scoremodel.Model, workers int) []float64 {
				t.Helper()
				counter := &scoremodel.Counter{Model: m}
				x := slices.Clone(x0)
				p := solvers.Problem{Schedule: s, Model: counter, Dim: digitsnet.Dim, Noise: sde.Fresh{Seed: 2}}
				res, err := solvers.Sample(context.Background(), test.solver, p, x, &solvers.Settings{Steps: 15, Workers: workers})
				if err != nil {
					t.Fatal(err)
				}
				if res.NFE != 15 || counter.NFE() != 15*workers {
					t.Errorf("NFE %d, and %d calls of %d workers, want 15 for each", res.NFE, counter.NFE(), workers)
				}
				return x
			}
			want, got := sample(test.native, 1), sample(test.here, 1)
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(2e-5, 2e-5)); diff != "" {
				t.Errorf("ONNX Runtime and Go differ (-Go +ONNX Runtime):\n%s", diff)
			}
			if shared := sample(test.here, 3); !slices.Equal(got, shared) {
				t.Error("three workers give other samples than one")
			}
		})
	}
}

// TestBatches finds that the bits of a row depend neither on the rows around it nor on their number.
func TestBatches(t *testing.T) {
	for _, file := range []string{"eps_mnist28_cond.onnx", "eps_digits8.onnx"} {
		const rows = 17
		labels := make([]float64, rows)
		for i := range labels {
			labels[i] = float64(i % 11)
		}
		o := onnx.Options{Inputs: map[string][]float64{"y": labels}}
		net := open(t, file, o)
		dim := net.Dim()
		x := normals(1, rows*dim)
		want := predict(t, net, x, 321.25)
		for _, size := range []int{1, 2, 3, 5, 8, 16} {
			var got []float64
			for lo := 0; lo < rows; lo += size {
				got = append(got, predict(t, net.Rows(lo), x[lo*dim:min(lo+size, rows)*dim], 321.25)...)
			}
			if !slices.Equal(want, got) {
				t.Errorf("%s: batches of %d rows give other bits", file, size)
			}
		}
		o.Batch = 4
		if got := predict(t, open(t, file, o), x, 321.25); !slices.Equal(want, got) {
			t.Errorf("%s: calls of 4 rows give other bits", file)
		}
	}
}

// TestConcurrentUse asks one network from many sides at once.
func TestConcurrentUse(t *testing.T) {
	net := open(t, "eps_digits8.onnx", onnx.Options{Inputs: map[string][]float64{"y": {10}}})
	x := normals(1, 3*64)
	want := predict(t, net, x, 100)
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			m, err := net.With(map[string][]float64{"y": {float64(w), 10, 10}})
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				dst := make([]float64, len(x))
				if err := m.Predict(dst, x, 100); err != nil {
					t.Error(err)
				}
				if !slices.Equal(dst[64:], want[64:]) || slices.Equal(dst[:64], want[:64]) {
					t.Error("callers disturb each other")
					return
				}
			}
		})
	}
	group.Wait()
}

// TestForms works small networks out by hand: see testdata/make.py.
func TestForms(t *testing.T) {
	for _, test := range []struct {
		name, file string
		o          onnx.Options
		x          []float64
		t          float64
		want       []float64
		shape      []int
	}{
		{"fixed batch, filled up, whole time", "fixed4.onnx", onnx.Options{}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, 499.6,
			[]float64{1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5}, []int{1, 2, 2}},
		{"fixed batch, split", "fixed4.onnx", onnx.Options{Batch: 4}, slices.Repeat([]float64{1, 2, 3, 4}, 6), 1000,
			slices.Repeat([]float64{2, 3, 4, 5}, 6), []int{1, 2, 2}},
		{"double, scalar time", "scalar.onnx", onnx.Options{}, []float64{1, 2, 1e-12}, 0.1, []float64{0.1, 0.2, 1e-13}, []int{3}},
		{"open shape", "open.onnx", onnx.Options{Shapes: map[string][]int{"x": {2, 1, 2}}}, []float64{1, 2, 3, 4}, 0.5, []float64{1.5, 2.5, 3.5, 4.5}, []int{2, 1, 2}},
		{"conditions by row", "conditions.onnx", onnx.Options{Shapes: map[string][]int{"words": {2, 2}}, Inputs: map[string][]float64{
			"label": {1, 2}, "words": {1, 1, 1, 1, 2, 2, 2, 2}, "strength": {3}}},
			[]float64{0.5, 0, 0, 0, 0.5, 0}, 7, []float64{35.5, 35, 40, 40, 35.5, 35}, []int{2}}, // 1+4+30, 2+8+30, and the first again
		{"condition of one row", "conditions.onnx", onnx.Options{Inputs: map[string][]float64{
			"label": {1}, "words": {1, 1, 1, 1, 1, 1}, "strength": {0}}}, []float64{0, 0, 1, 1}, 7, []float64{7, 7, 8, 8}, []int{2}},
		{"names", "two.onnx", onnx.Options{Sample: "b", Inputs: map[string][]float64{"a": {1, 10}}}, []float64{1, 2, 3, 4}, 7, []float64{3, 14, 7, 18}, []int{2}},
		{"the other name", "two.onnx", onnx.Options{Inputs: map[string][]float64{"b": {1, 10}}}, []float64{1, 2, 3, 4}, 7, []float64{3, 22, 5, 24}, []int{2}},
		{"first output", "variance.onnx", onnx.Options{}, []float64{1, 2}, 7, []float64{1, 2}, []int{2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			net := open(t, test.file, test.o)
			for range 2 { // the second time with the memory of the first
				if diff := cmp.Diff(test.want, predict(t, net, test.x, test.t), cmpopts.EquateApprox(1e-7, 0)); diff != "" {
					t.Errorf("Predict (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(test.shape, net.Shape()); diff != "" {
				t.Errorf("Shape (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPair compares the doubled batch with two calls, whole and from the middle, and where the network takes three rows at once.
func TestPair(t *testing.T) {
	for _, batch := range []int{0, 3} {
		net := open(t, "eps_digits8.onnx", onnx.Options{Batch: batch, Inputs: map[string][]float64{"y": {3, 1, 4, 1, 5}}})
		plain, err := net.With(map[string][]float64{"y": {10}})
		if err != nil {
			t.Fatal(err)
		}
		pair, err := net.Pair(plain)
		if err != nil {
			t.Fatal(err)
		}
		x := normals(1, 5*64)
		both, none := make([]float64, len(x)), make([]float64, len(x))
		if err := pair.PredictBoth(both, none, x, 50); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(both, predict(t, net, x, 50)) || !slices.Equal(none, predict(t, plain, x, 50)) || slices.Equal(both, none) {
			t.Errorf("batch %d: PredictBoth is not what two calls give", batch)
		}
		late := make([]float64, 2*64)
		if err := scoremodel.Both(scoremodel.Rows(pair, 3), late, none[:128], x[3*64:], 50); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(late, both[3*64:]) {
			t.Errorf("batch %d: the last rows alone are not those of the whole", batch)
		}
	}
	one := open(t, "conditions.onnx", onnx.Options{Inputs: map[string][]float64{"label": {1}, "words": {1, 1}, "strength": {1}}})
	two, err := one.With(map[string][]float64{"strength": {0}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one.Pair(two); !errors.Is(err, onnx.ErrInput) || !strings.Contains(err.Error(), "strength") {
		t.Errorf("models that differ in an input of the whole batch pair: %v", err)
	}
	if _, err := one.Pair(open(t, "nan.onnx", onnx.Options{})); !errors.Is(err, onnx.ErrInput) {
		t.Errorf("models of two networks pair: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	damaged := filepath.Join(t.TempDir(), "damaged.onnx")
	text, err := os.ReadFile("testdata/eps_digits8.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	inputs := func(name string, values ...float64) map[string][]float64 { return map[string][]float64{name: values} }
	for _, test := range []struct {
		name, file string
		o          onnx.Options
		want       error
		text       string
	}{
		{"no file", "testdata/none.onnx", onnx.Options{}, onnx.ErrNetwork, "no such file"},
		{"a folder", "testdata", onnx.Options{}, onnx.ErrNetwork, "it is a folder"},
		{"damaged", damaged, onnx.Options{}, onnx.ErrNetwork, "rotobuf"},
		{"no network", "testdata/make.py", onnx.Options{}, onnx.ErrNetwork, "rotobuf"},
		{"no label", "testdata/eps_digits8.onnx", onnx.Options{}, onnx.ErrInput, "input y int64[N] has no value, want one in Inputs"},
		{"unknown input", "testdata/eps_digits8.onnx", onnx.Options{Inputs: inputs("z", 1)}, onnx.ErrInput, `there is no input "z", the network has x float32[N 64], t float32[N], y int64[N]`},
		{"empty input", "testdata/eps_digits8.onnx", onnx.Options{Inputs: inputs("y")}, onnx.ErrInput, "input y int64[N] has 0 values, want a number of rows of 1"},
		{"label that is none", "testdata/eps_digits8.onnx", onnx.Options{Inputs: inputs("y", 1.5)}, onnx.ErrInput, "input y int64[N]: 1.5 is no int64"},
		{"label NaN", "testdata/eps_digits8.onnx", onnx.Options{Inputs: inputs("y", math.NaN())}, onnx.ErrInput, "NaN is no int64"},
		{"wrong sample", "testdata/eps_digits8.onnx", onnx.Options{Sample: "image", Inputs: inputs("y", 1)}, onnx.ErrInput, `Sample is "image", the choice is x float32[N 64], t float32[N]`},
		{"wrong time", "testdata/eps_digits8.onnx", onnx.Options{Time: "timestep", Inputs: inputs("y", 1)}, onnx.ErrInput, `Time is "timestep", the choice is t float32[N]`},
		{"wrong output", "testdata/eps_digits8.onnx", onnx.Options{Output: "out", Inputs: inputs("y", 1)}, onnx.ErrInput, `Output is "out", the choice is eps float32[N 64]`},
		{"which sample", "testdata/two.onnx", onnx.Options{}, onnx.ErrInput, "which is the sample? Name it in Sample, the choice is a float32[N 2], b float32[N 2], t float32[N]"},
		{"two rows of what is one", "testdata/conditions.onnx", onnx.Options{Inputs: map[string][]float64{"label": {1}, "words": {1, 1}, "strength": {1, 2}}}, onnx.ErrInput, "has 2 values, want just 1"},
		{"shape open", "testdata/open.onnx", onnx.Options{}, onnx.ErrInput, "leaves the shape of a row of x float32[N N N N] open, want one in Shapes"},
		{"shape of too few", "testdata/open.onnx", onnx.Options{Shapes: map[string][]int{"x": {4}}}, onnx.ErrInput, "want 3 dimensions"},
		{"shape of another", "testdata/eps_digits8.onnx", onnx.Options{Inputs: inputs("y", 1), Shapes: map[string][]int{"x": {63}}}, onnx.ErrInput, "the shape given for x float32[N 64] is [63]"},
		{"shape of nothing", "testdata/eps_digits8.onnx", onnx.Options{Inputs: inputs("y", 1), Shapes: map[string][]int{"w": {63}}}, onnx.ErrInput, `a shape is given for "w"`},
		{"variance", "testdata/variance.onnx", onnx.Options{Output: "both"}, onnx.ErrNetwork, "perhaps a variance too"},
		{"narrow", "testdata/narrow.onnx", onnx.Options{}, onnx.ErrNetwork, "has 1 elements in a row, and the sample 3"},
		{"fixed inside", "testdata/fixedinside.onnx", onnx.Options{}, onnx.ErrNetwork, "the prediction is eps float32[2 2] and the sample x float32[N 2]"},
		{"half precision", "testdata/half.onnx", onnx.Options{Sample: "x"}, onnx.ErrNetwork, "x float16[N 2]"},
		{"no batch", "testdata/row.onnx", onnx.Options{Sample: "x"}, onnx.ErrNetwork, "at least two dimensions"},
		{"two times", "testdata/clock.onnx", onnx.Options{Time: "t"}, onnx.ErrNetwork, "want one number for each row"},
		{"fixed batch", "testdata/fixed4.onnx", onnx.Options{Batch: 8}, onnx.ErrInput, "Batch is 8, and the network takes 4 rows at once"},
		{"negative batch", "testdata/fixed4.onnx", onnx.Options{Batch: -1}, onnx.ErrInput, "Batch is -1"},
		{"negative threads", "testdata/fixed4.onnx", onnx.Options{Threads: -1}, onnx.ErrInput, "Threads is -1"},
		{"kind", "testdata/fixed4.onnx", onnx.Options{Kind: 17}, onnx.ErrInput, "unknown kind"},
		{"another library", "testdata/fixed4.onnx", onnx.Options{Library: "testdata/fixed4.onnx"}, onnx.ErrLibrary, "testdata/fixed4.onnx"},
		{"no library", "testdata/fixed4.onnx", onnx.Options{Library: "testdata/libnone.so"}, onnx.ErrLibrary, "npm install"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := onnx.Open(test.file, test.o)
			if !errors.Is(test.want, onnx.ErrLibrary) {
				needRuntime(t, err)
			} else if err != nil && strings.Contains(err.Error(), "without cgo") {
				t.Skip("SKIPPED: built without cgo, there is no library to look for")
			}
			if err == nil {
				t.Fatalf("Open succeeds: %v", errors.Join(m.Close()))
			}
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) || !strings.HasPrefix(err.Error(), "onnx: "+test.file) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line about %s that wraps %q and says %q", err, test.file, test.want, test.text)
			}
		})
	}
}

func TestPredictErrors(t *testing.T) {
	net := open(t, "stubborn.onnx", onnx.Options{})
	x := normals(1, 6)
	predict(t, net, x[:4], 1)
	if err := net.Predict(make([]float64, 2), x[:2], 1); err == nil || !strings.Contains(err.Error(), "a call with 1 rows (the option batch makes all calls one size): ") {
		t.Errorf("a batch that the network refuses: error %v", err)
	}
	predict(t, net, x[:4], 1) // goes on
	for _, n := range []int{0, 3} {
		if err := net.Predict(make([]float64, n), make([]float64, n), 1); err == nil || !strings.Contains(err.Error(), "not a whole number of rows") {
			t.Errorf("a state of %d elements: error %v", n, err)
		}
	}
	if _, err := net.With(map[string][]float64{"y": {1}}); !errors.Is(err, onnx.ErrInput) || !strings.Contains(err.Error(), `"y" takes no values, the conditions are none`) {
		t.Errorf("With an unknown input: error %v", err)
	}
	// What is not finite is found by the run.
	s := sde.VP{}
	p := solvers.Problem{Schedule: s, Model: open(t, "nan.onnx", onnx.Options{}), Dim: 2}
	_, err := solvers.Sample(context.Background(), solvers.DDIM{}, p, x, nil)
	var run *solvers.RunError
	if !errors.As(err, &run) || !errors.Is(err, ode.ErrNonFinite) || run.Row != 0 {
		t.Errorf("a network of NaN: error %v", err)
	}
	for range 2 {
		if err := net.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if err := net.Predict(make([]float64, 2), x[:2], 1); !errors.Is(err, onnx.ErrClosed) {
		t.Errorf("after Close: error %v, want ErrClosed", err)
	}
}

// TestPredictDoesNotAllocate counts what a call that has its memory allocates in Go. A scalar time is renewed for each call.
func TestPredictDoesNotAllocate(t *testing.T) {
	for _, test := range []struct {
		file string
		o    onnx.Options
		most float64
	}{
		{"eps_digits8.onnx", onnx.Options{Inputs: map[string][]float64{"y": {1, 2}}}, 0},
		{"fixed4.onnx", onnx.Options{}, 0},
		{"scalar.onnx", onnx.Options{}, 8},
	} {
		net := open(t, test.file, test.o)
		x := normals(1, 3*net.Dim())
		dst := make([]float64, len(x))
		call := func() {
			if err := net.Predict(dst, x, 10); err != nil {
				t.Fatal(err)
			}
		}
		call()
		if n := testing.AllocsPerRun(50, call); n > test.most {
			t.Errorf("%s: a prediction allocates %v times, want at most %v", test.file, n, test.most)
		}
	}
}

// BenchmarkPredict times a call, and what comes back per second.
func BenchmarkPredict(b *testing.B) {
	for _, file := range []string{"eps_digits8.onnx", "eps_mnist28_cond.onnx"} {
		for _, rows := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("net=%s/rows=%d", strings.TrimSuffix(file, ".onnx"), rows), func(b *testing.B) {
				net := open(b, file, onnx.Options{Inputs: map[string][]float64{"y": {3}}})
				x := normals(1, rows*net.Dim())
				dst := make([]float64, len(x))
				b.ReportAllocs()
				for b.Loop() {
					if err := net.Predict(dst, x, 500); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rows), "us/row")
			})
		}
	}
}

// TestForgotten uses a network that is never closed, whose memory ONNX Runtime still knows.
func TestForgotten(t *testing.T) {
	for range 3 {
		net, err := onnx.Open("testdata/scalar.onnx", onnx.Options{})
		needRuntime(t, err)
		if err != nil {
			t.Fatal(err)
		}
		predict(t, net, []float64{1, 2, 3}, 1)
	}
	for range 3 {
		runtime.GC()
	}
}
