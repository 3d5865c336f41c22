package problem_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// scaled is a kind of models that predict the state times a factor.
var scaled = problem.Kind{Name: "scaled", Fields: []string{"factor", "side", "file"},
	Read: func(t problem.Tree, s sde.Schedule, dir string) (problem.Network, error) {
		factor := t.Field("factor").Number("a number", func(float64) bool { return true })
		side := t.Field("side").Whole(1, 9)
		if file := t.Field("file"); file.Given() {
			return problem.Network{}, fmt.Errorf("no such model as %s", file.Path(dir, "a path"))
		}
		m := scoremodel.Func(scoremodel.Velocity, func(dst, x []float64, _ float64) error {
			for i, v := range x {
				dst[i] = factor * v
			}
			return nil
		})
		return problem.Network{Model: m, Dim: side * side, ImageSide: side}, nil
	}}

func TestReaderKinds(t *testing.T) {
	r := problem.Reader{Kinds: []problem.Kind{scaled}}
	read := func(model string) (*problem.Problem, error) {
		return r.Read("p", []byte(`{"schedule": {"kind": "vplinear"}, "model": `+model+`}`), "folder")
	}
	p, err := read(`{"kind": "scaled", "factor": 2, "side": 3}`)
	if err != nil {
		t.Fatal(err)
	}
	if p.Dim != 9 || p.ImageSide != 3 || p.Model.Kind() != scoremodel.Velocity || p.About != "scaled, dimension 9, vplinear schedule" {
		t.Errorf("problem %+v", p)
	}
	dst := make([]float64, 1)
	if err := p.Model.Predict(dst, []float64{3}, 0.5); err != nil || dst[0] != 6 {
		t.Errorf("Predict = %v, %v, want 6", dst, err)
	}
	if _, err := read(`{"kind": "gaussian", "mean": [1], "variance": 1}`); err != nil {
		t.Errorf("a kind of the package: %v", err)
	}
	for _, test := range []struct{ model, want string }{
		{`{"kind": "scaled", "factor": "x", "side": 3}`, `p: model.factor: "x": want a number`},
		{`{"kind": "scaled", "side": 3}`, `p: model.factor: missing, want a number`},
		{`{"kind": "scaled", "factor": 2, "side": 3, "mean": [1]}`, `p: model: unknown field "mean"`},
		{`{"kind": "scaled", "factor": 2, "side": 3, "file": "a"}`, "p: model: no such model as " + filepath.Join("folder", "a")},
		{`{"kind": "scaled", "factor": 2, "side": 3, "file": ""}`, `p: model.file: "": want a path`},
		{`{"kind": "scalde", "factor": 2}`, `did you mean "scaled"`},
	} {
		if _, err := read(test.model); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.model, err, test.want)
		}
	}
	// A kind that another command has.
	_, err = problem.Read("p.json", []byte(`{"schedule": {"kind": "vplinear"}, "model": {"kind": "onnx", "file": "a.onnx"}}`), "")
	const want = `p.json: model.kind: unknown name: "onnx": this command runs no ONNX networks, the one that does is: go run ./scoremodel/onnx/...`
	if err == nil || err.Error() != want || !errors.Is(err, solvers.ErrUnknown) {
		t.Errorf("kind onnx: error %v, want %s", err, want)
	}
}
