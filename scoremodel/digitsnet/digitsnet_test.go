package digitsnet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/internal/safetensors"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

func model(t testing.TB, n *Network, labels ...int) *Model {
	t.Helper()
	m, err := n.Model(labels...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func noise(rows int) []float64 {
	x := make([]float64, rows*Dim)
	sde.Fresh{Seed: 3}.Normals(x, 0, Dim)
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

// TestReference: the outputs of the trained network in PyTorch 1.13, model.eval() in float32 on torch.manual_seed(1) normals.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		X, T []float64
		Y    []int
		Eps  []float64 `json:"eps_cond"`
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	n := New()
	for i, step := range ref.T {
		want := ref.Eps[i*Dim:][:Dim]
		got := predict(t, model(t, n, ref.Y[i]), ref.X[i*Dim:][:Dim], (step+1)/1000)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 5e-6)); diff != "" {
			t.Errorf("row %d, step %v (-want +got):\n%s", i, step, diff)
		}
		// The label matters: 5e-6 is no tolerance that another row of the table would meet.
		other := predict(t, model(t, n, 5), ref.X[i*Dim:][:Dim], (step+1)/1000)
		if rms(other, want) < 1e-3 {
			t.Errorf("row %d, step %v: label 5 predicts the same as label %d", i, step, ref.Y[i])
		}
	}
}

func rms(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += (v - b[i]) * (v - b[i])
	}
	return math.Sqrt(s / float64(len(a)))
}

// double is the network of the package's documentation in float64, one row at a time, straight from the file.
func double(tensors map[string]safetensors.Tensor, x []float64, n float32, label int) []float64 {
	silu := func(v []float64) []float64 {
		out := make([]float64, len(v))
		for i, z := range v {
			out[i] = z / (1 + math.Exp(-z))
		}
		return out
	}
	add := func(a, b []float64) []float64 {
		out := make([]float64, len(a))
		for i := range a {
			out[i] = a[i] + b[i]
		}
		return out
	}
	dense := func(name string, x []float64) []float64 {
		w, b := tensors[name+".weight"], tensors[name+".bias"].Data
		out := make([]float64, w.Shape[0])
		for o := range out {
			if b != nil {
				out[o] = float64(b[o])
			}
			for i, v := range x {
				out[o] += float64(w.Data[o*len(x)+i]) * v
			}
		}
		return out
	}
	var cos, sin []float64
	for _, f := range tensors["freq"].Data {
		cos, sin = append(cos, math.Cos(float64(n*f))), append(sin, math.Sin(float64(n*f)))
	}
	y := make([]float64, embedding)
	for i := range y {
		y[i] = float64(tensors["y.weight"].Data[label*embedding+i])
	}
	e := silu(add(dense("t", append(cos, sin...)), y))
	h := dense("i", x)
	for k := range 3 {
		u := add(dense(fmt.Sprintf("w1.%d", k), h), dense(fmt.Sprintf("e.%d", k), e))
		h = add(h, dense(fmt.Sprintf("w2.%d", k), silu(u)))
	}
	return dense("o", silu(h))
}

// TestAgainstDouble: what single precision costs, at whole and fractional steps, for every label.
func TestAgainstDouble(t *testing.T) {
	tensors, err := safetensors.Read(weightsFile)
	if err != nil {
		t.Fatal(err)
	}
	n := New()
	images, _ := scoremodel.Digits()
	eps := noise(NoLabel + 1)
	for _, step := range []float64{0, 0.25, 7, 99.5, 500.125, 998.5, 999} {
		at := (step + 1) / 1000
		x := make([]float64, len(eps))
		sde.Perturb(x, images[:len(x)], eps, n.Schedule().At(at))
		for i := range x { // the network sees the state in single precision
			x[i] = float64(float32(x[i]))
		}
		got := predict(t, model(t, n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, NoLabel), x, at)
		for label := range NoLabel + 1 {
			row := x[label*Dim:][:Dim]
			if diff := cmp.Diff(double(tensors, row, float32(step), label), got[label*Dim:][:Dim], cmpopts.EquateApprox(0, 1e-5)); diff != "" {
				t.Errorf("step %v, label %d (-want +got):\n%s", step, label, diff)
			}
		}
	}
}

// TestLearned: the network has learned the digits. Its mean square error in ε is far below 1, that of no prediction, and lower with the label
// than with that of another digit.
func TestLearned(t *testing.T) {
	n := New()
	images, digits := scoremodel.Digits()
	right, wrong := make([]int, len(digits)), make([]int, len(digits))
	for i, d := range digits {
		right[i], wrong[i] = int(d), (int(d)+1)%10
	}
	eps := noise(len(digits))
	x := make([]float64, len(eps))
	sde.Perturb(x, images, eps, n.Schedule().At(0.3))
	loss := func(labels ...int) float64 {
		e := rms(predict(t, model(t, n, labels...), x, 0.3), eps)
		return e * e
	}
	none, r, w := loss(), loss(right...), loss(wrong...)
	if !(r < none && none < w && none < 0.15) {
		t.Errorf("mean square error %.4f with the label, %.4f without, %.4f with a wrong one; want them in this order, the second below 0.15", r, none, w)
	}
}

// TestRowsAreAlone: a row has the same bits in any batch, at any place of memory, and beside a row of NaN.
func TestRowsAreAlone(t *testing.T) {
	n := New()
	const rows = 2*maxRows + 9
	m := model(t, n, 3, NoLabel, 0, 9, 1)
	x := noise(rows)
	x[5*Dim+3] = 0 // gonum skips factors of zero
	whole := predict(t, m, x, 0.4)
	for _, sizes := range [][]int{{1}, {2, 1}, {maxRows}, {maxRows + 1, 3}, {100}} {
		for lo, i := 0, 0; lo < rows; i++ {
			hi := min(lo+sizes[i%len(sizes)], rows)
			shifted := append(make([]float64, i%3), x[lo*Dim:hi*Dim]...)[i%3:]
			if got := predict(t, m.Rows(lo), shifted, 0.4); !slices.Equal(got, whole[lo*Dim:hi*Dim]) {
				t.Fatalf("rows %d to %d alone differ from the batch", lo, hi)
			}
			lo = hi
		}
	}
	for i := range Dim {
		x[7*Dim+i] = math.NaN()
	}
	got := predict(t, m, x, 0.4)
	if !slices.Equal(got[:7*Dim], whole[:7*Dim]) || !slices.Equal(got[8*Dim:], whole[8*Dim:]) || !math.IsNaN(got[7*Dim]) {
		t.Error("a row of NaN is not NaN, or changes others")
	}
}

// TestLabels: labels are repeated by the row's number in the whole batch.
func TestLabels(t *testing.T) {
	n := New()
	x := slices.Repeat(noise(1), 6)
	want := predict(t, model(t, n, 4, 7, 4, 7, 4, 7), x, 0.5)
	if got := predict(t, model(t, n, 4, 7), x, 0.5); !slices.Equal(got, want) {
		t.Error("two labels are not those of six rows in turn")
	}
	if slices.Equal(want[:Dim], want[Dim:2*Dim]) {
		t.Error("labels 4 and 7 predict the same")
	}
	m := model(t, n, 4, 7)
	if got := predict(t, scoremodel.Rows(m, 3), x[:2*Dim], 0.5); !slices.Equal(got, want[3*Dim:5*Dim]) {
		t.Error("rows 3 and 4 do not have the labels 7 and 4")
	}
	if m.Label(0) != 4 || m.Label(5) != 7 {
		t.Errorf("Label(0), Label(5) = %d, %d, want 4, 7", m.Label(0), m.Label(5))
	}
	if got := predict(t, model(t, n), x, 0.5); !slices.Equal(got, predict(t, model(t, n, NoLabel), x, 0.5)) {
		t.Error("no labels are not NoLabel")
	}
	mine := []int{1, 2}
	m = model(t, n, mine...)
	mine[0] = 99
	if m.Label(0) != 1 {
		t.Error("the model keeps the caller's slice")
	}
}

// TestGuidance: in one evaluation guidance gives the bits that two models give in two.
func TestGuidance(t *testing.T) {
	n := New()
	x := noise(maxRows + 5)
	labelled, plain := model(t, n, 0, 1, 2), model(t, n)
	for _, guide := range []interface {
		Guide(c, u scoremodel.Model, dim int, s sde.Schedule) (scoremodel.Guided, error)
	}{
		scoremodel.CFG{Scale: 2.5}, scoremodel.CFG{Scale: 3, Rescale: 0.7, In: scoremodel.Velocity},
		scoremodel.CFGZero{Scale: 2}, scoremodel.APG{Scale: 4, Norm: 2},
	} {
		two, err := guide.Guide(labelled, plain, Dim, n.Schedule())
		if err != nil {
			t.Fatal(err)
		}
		one, err := guide.Guide(labelled, nil, Dim, n.Schedule())
		if err != nil {
			t.Fatal(err)
		}
		for _, first := range []int{0, 1} {
			var want, got [2][]float64
			for i := range want {
				want[i], got[i] = make([]float64, len(x)), make([]float64, len(x))
			}
			if err := errors.Join(scoremodel.Both(scoremodel.Rows(two, first), want[0], want[1], x, 0.7),
				scoremodel.Both(scoremodel.Rows(one, first), got[0], got[1], x, 0.7)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%+v from row %d: one evaluation (+) is not as two (-):\n%s", guide, first, diff)
			}
		}
	}
	if _, err := (scoremodel.CFG{}).Guide(scoremodel.As(scoremodel.Func(0, nil), 0, n.Schedule()), nil, Dim, n.Schedule()); err == nil {
		t.Error("a model that does not predict both is guided by nothing")
	}
}

func TestConcurrentUse(t *testing.T) {
	n := New()
	m := model(t, n, 0, 1, 2)
	x := noise(40)
	times := []float64{0.001, 0.3, 0.5, 1}
	var want [4][]float64
	for i, at := range times {
		want[i] = predict(t, m, x, at)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				for i, at := range times {
					dst := make([]float64, len(x))
					if err := m.Predict(dst, x, at); err != nil || !slices.Equal(dst, want[i]) {
						t.Errorf("at %v: other bits than alone, error %v", at, err)
					}
				}
			}
		})
	}
	group.Wait()
}

func TestRefuses(t *testing.T) {
	n := New()
	for _, labels := range [][]int{{-1}, {11}, {0, 1, 200}} {
		if m, err := n.Model(labels...); m != nil || !errors.Is(err, ErrLabel) {
			t.Errorf("Model(%v) = %v, %v, want an error that wraps ErrLabel", labels, m, err)
		}
	}
	m := model(t, n)
	x, dst := make([]float64, Dim), make([]float64, Dim)
	for _, at := range []float64{0, 0.0005, 1.001, -1, math.NaN(), math.Inf(1)} {
		if err := m.Predict(dst, x, at); !errors.Is(err, scoremodel.ErrTime) {
			t.Errorf("Predict at %v: %v, want an error that wraps ErrTime", at, err)
		}
	}
	if err := m.Predict(dst[:63], x[:63], 0.5); err == nil || !strings.Contains(err.Error(), "rows of 64") {
		t.Errorf("Predict of 63 elements: %v", err)
	}
	for name, f := range map[string]func(){
		"Predict":     func() { _ = m.Predict(dst[:1], x, 0.5) },
		"PredictBoth": func() { _ = m.PredictBoth(dst, dst[:1], x, 0.5) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of different lengths does not panic", name)
				}
			}()
			f()
		}()
	}
}

// damaged returns the weights with one change to their header or data.
func damaged(t *testing.T, change func(header string, data []byte) (string, []byte)) []byte {
	t.Helper()
	size := binary.LittleEndian.Uint64(weightsFile)
	header, data := change(string(weightsFile[8:8+size]), slices.Clone(weightsFile[8+size:]))
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), []byte(header), data)
}

func TestReadRefuses(t *testing.T) {
	rename := func(from, to string) func(string, []byte) (string, []byte) {
		return func(header string, data []byte) (string, []byte) { return strings.Replace(header, from, to, 1), data }
	}
	for _, c := range []struct {
		name   string
		change func(string, []byte) (string, []byte)
		want   string
	}{
		{"missing", rename(`"w1.2.bias"`, `"w1.3.bias"`), `"w1.2.bias" is missing`},
		{"transposed", rename(`[64,32]`, `[32,64]`), `shape [32 64], want [64 32]`},
		{"half", rename("F32", "F16"), `type "F16"`},
		{"NaN", func(h string, d []byte) (string, []byte) {
			binary.LittleEndian.PutUint32(d[len(d)-4:], math.Float32bits(float32(math.NaN())))
			return h, d
		}, `"w2.2.bias": element 127 is NaN`},
		{"one more", func(h string, d []byte) (string, []byte) {
			end := len(d)
			h = strings.TrimSuffix(strings.TrimRight(h, " "), "}")
			return fmt.Sprintf(`%s,"more":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}}`, h, end, end+4), append(d, 0, 0, 0, 0)
		}, "1 tensors that the network does not have"},
		{"cut off", func(h string, d []byte) (string, []byte) { return h, d[:len(d)-1] }, "within"},
	} {
		if n, err := read(damaged(t, c.change)); n != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: read gives error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestAllocations(t *testing.T) {
	n := New()
	m := model(t, n, 1, 2, 3)
	x := noise(maxRows + 3)
	dst, plain := make([]float64, len(x)), make([]float64, len(x))
	for name, f := range map[string]func() error{
		"Predict":     func() error { return m.Predict(dst, x, 0.5) },
		"PredictBoth": func() error { return m.PredictBoth(dst, plain, x, 0.5) },
	} {
		if got := testing.AllocsPerRun(20, func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		}); got >= 1 {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	n := New()
	for _, rows := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			m := model(b, n)
			x := noise(rows)
			dst := make([]float64, len(x))
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Predict(dst, x, 0.5); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}
