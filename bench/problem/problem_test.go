package problem_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/solvers"
)

func TestBuiltin(t *testing.T) {
	type facts struct {
		Name           string
		Dim            int
		Gaussian, Flow bool
		ImageSide      int
		Real, Classes  int
		Single         bool
	}
	want := []facts{
		{"gaussian", 1, true, true, 0, 0, 0, false},
		{"mixture1d", 1, false, true, 0, 0, 0, false},
		{"mixture2d", 2, false, false, 0, 0, 0, false},
		{"digits", 64, false, false, 8, 1797 * 64, 1797, false},
		{"digitsnet", 64, false, false, 8, 1797 * 64, 1797, true},
	}
	var got []facts
	for _, name := range problem.Names() {
		p := must(problem.Builtin(name))(t)
		got = append(got, facts{p.Name, p.Dim, p.Gaussian != nil, p.Flow != nil, p.ImageSide, len(p.Real), len(p.RealClasses), p.Single})
		if p.About == "" {
			t.Errorf("Builtin(%q) says nothing about itself", name)
		}
		for _, eps := range predictions(t, p.Model, p.Dim) {
			for _, v := range eps {
				if v-v != 0 {
					t.Errorf("Builtin(%q) predicts %v", name, v)
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("built-in problems (-want +got):\n%s", diff)
	}
	var listed []string
	for _, l := range problem.List() {
		listed = append(listed, l.Name)
	}
	if diff := cmp.Diff(problem.Names(), listed); diff != "" {
		t.Errorf("names of List (-want +got):\n%s", diff)
	}
}

// A text that says what a built-in problem is gives the same model.
func TestBuiltinAsText(t *testing.T) {
	texts := map[string]string{
		"gaussian":  `{"kind": "gaussian", "mean": [0.7], "variance": 0.25}`,
		"mixture1d": `{"kind": "mixture", "weights": [0.3, 0.7], "means": [[-1.2], [0.8]], "variances": [0.1225, 0.25]}`,
		"digits":    `{"kind": "digits"}`,
		"digitsnet": `{"kind": "digitsnet", "labels": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}`,
	}
	for name, text := range texts {
		text = withModel(text)
		if name == "digitsnet" { // whose schedule is its own
			text = `{"model": ` + texts[name] + `}`
		}
		want, got := must(problem.Builtin(name))(t), must(problem.Read(name, []byte(text), ""))(t)
		if diff := cmp.Diff(predictions(t, want.Model, want.Dim), predictions(t, got.Model, got.Dim), cmpopts.EquateApprox(1e-14, 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The exact flow is a flow, there and back and by any way, and its velocity is the model's.
func TestFlow(t *testing.T) {
	const (
		tmin, tmid, tmax = 1e-3, 0.4, 1.0
		h                = 1e-4 // of the central difference
	)
	noise := []float64{-2.5, -1, -0.1, 0.3, 1.7, 3}
	for _, name := range []string{"gaussian", "mixture1d"} {
		p := must(problem.Builtin(name))(t)
		carry := func(x []float64, from, to float64) []float64 {
			y := make([]float64, len(x))
			if err := p.Flow(y, x, from, to); err != nil {
				t.Fatal(err)
			}
			return y
		}
		direct := carry(noise, tmax, tmin)
		middle := carry(noise, tmax, tmid)
		if diff := cmp.Diff(direct, carry(middle, tmid, tmin), cmpopts.EquateApprox(1e-12, 1e-14)); diff != "" {
			t.Errorf("%s: in one step and in two (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(noise, carry(direct, tmin, tmax), cmpopts.EquateApprox(1e-12, 1e-14)); diff != "" {
			t.Errorf("%s: there and back (-want +got):\n%s", name, diff)
		}

		velocity := make([]float64, len(noise))
		if err := scoremodel.As(p.Model, scoremodel.Flow, p.Schedule).Predict(velocity, middle, tmid); err != nil {
			t.Fatal(err)
		}
		slope := carry(noise, tmax, tmid+h)
		for i, v := range carry(noise, tmax, tmid-h) {
			slope[i] = (slope[i] - v) / (2 * h)
		}
		if diff := cmp.Diff(velocity, slope, cmpopts.EquateApprox(1e-5, 1e-6)); diff != "" {
			t.Errorf("%s: velocity (-want +got):\n%s", name, diff)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"mine.json", "plain", "gaussian"} {
		if err := os.WriteFile(name, []byte(withModel(`{"kind": "gaussian", "mean": [1, 2, 3], "variance": 1}`)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		text string
		name string
		dim  int
	}{
		{"mixture2d", "mixture2d", 2},
		{"gaussian", "gaussian", 1}, // a built-in name comes before a file
		{"./gaussian", "gaussian", 3},
		{"mine.json", "mine", 3},
		{"plain", "plain", 3},
		{filepath.Join(dir, "mine.json"), "mine", 3},
	}
	for _, test := range tests {
		p, err := problem.Find(test.text)
		if err != nil {
			t.Errorf("Find(%q): %v", test.text, err)
		} else if p.Name != test.name || p.Dim != test.dim {
			t.Errorf("Find(%q) has name %q and dimension %d, want %q and %d", test.text, p.Name, p.Dim, test.name, test.dim)
		}
	}

	for text, want := range map[string]string{
		"none.json":  "none.json: no such file or directory",
		"no/such":    "no/such: no such file or directory",
		"mixture2":   `unknown problem "mixture2", did you mean "mixture`, // 1d or 2d: both are as near
		"mixtur1d":   `unknown problem "mixtur1d", did you mean "mixture1d"? (a problem may also be a .json file)`,
		"swissroll2": `unknown problem "swissroll2", want one of ` + strings.Join(problem.Names(), ", ") + ` (a problem may also be a .json file)`,
		"":           `unknown problem "", want one of ` + strings.Join(problem.Names(), ", ") + ` (a problem may also be a .json file)`,
	} {
		_, err := problem.Find(text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Find(%q) = %v, want %s", text, err, want)
			continue
		}
		if unknown := strings.HasPrefix(want, "unknown"); errors.Is(err, solvers.ErrUnknown) != unknown {
			t.Errorf("Find(%q) = %v: errors.Is(err, ErrUnknown) = %v, want %v", text, err, !unknown, unknown)
		}
	}
}
