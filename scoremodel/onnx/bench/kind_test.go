package main

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/scoremodel/digitsnet"
	"github.com/diffsolve/diffsolve/scoremodel/onnx"
	"github.com/diffsolve/diffsolve/solvers"
)

// document reads a problem with a network, whose file is in testdata.
func document(t *testing.T, model string) (*problem.Problem, error) {
	t.Helper()
	return problem.Reader{Kinds: []problem.Kind{new(runtime).kind()}}.Read("p.json", []byte(`{"schedule": {"kind": "ddpm"}, "model": {"kind": "onnx", `+model+`}}`), "../testdata")
}

// needRuntime skips the test if err is that there is no ONNX Runtime, unless one is asked for. Without cgo there is none to be had.
func needRuntime(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, onnx.ErrLibrary) {
		return
	}
	if os.Getenv(onnx.Variable) != "" && !strings.Contains(err.Error(), "without cgo") {
		t.Fatal(err)
	}
	t.Skipf("SKIPPED: %v", err)
}

// TestDocument samples from a network that a JSON text describes, and from the same network in Go.
func TestDocument(t *testing.T) {
	const digits8 = `"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index", `
	s := digitsnet.New().Schedule()
	labelled, err := digitsnet.New().Model(3, 1, 4)
	if err != nil {
		t.Fatal(err)
	}
	free, err := digitsnet.New().Model()
	if err != nil {
		t.Fatal(err)
	}
	guided, err := scoremodel.CFG{Scale: 3, Rescale: 0.5}.Guide(labelled, nil, digitsnet.Dim, s)
	if err != nil {
		t.Fatal(err)
	}
	clipped, err := scoremodel.StaticThreshold{Limit: 0.9}.Apply(labelled, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		model string
		want  scoremodel.Model
	}{
		{digits8 + `"inputs": {"y": 10}`, free},
		{digits8 + `"inputs": {"y": [3, 1, 4]}, "batch": 2, "threads": 1, "sample": "x", "told": "t", "output": "eps"`, labelled},
		{digits8 + `"inputs": {"y": [3, 1, 4]}, "plain": {"y": 10}, "guidance": 3, "rescale": 0.5`, guided},
		{digits8 + `"inputs": {"y": [3, 1, 4]}, "clip": 0.9`, clipped},
	} {
		p, err := document(t, test.model)
		needRuntime(t, err)
		if err != nil {
			t.Errorf("%s: %v", test.model, err)
			continue
		}
		x := solvers.Prior(s, 1, 5, 64)
		want := slices.Clone(x)
		if _, err := solvers.Sample(context.Background(), solvers.DPMSolverPP2M{}, p.Problem, x, &solvers.Settings{Steps: 12, Workers: 2}); err != nil {
			t.Fatal(err)
		}
		native := solvers.Problem{Schedule: s, Model: test.want, Dim: digitsnet.Dim}
		if _, err := solvers.Sample(context.Background(), solvers.DPMSolverPP2M{}, native, want, &solvers.Settings{Steps: 12}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, x, cmpopts.EquateApprox(5e-5, 5e-5)); diff != "" {
			t.Errorf("%s (-Go +ONNX Runtime):\n%s", test.model, diff)
		}
		if p.ImageSide != 0 || p.Dim != 64 {
			t.Errorf("%s: dimension %d, side %d; rows of 64 numbers are no image by their shape", test.model, p.Dim, p.ImageSide)
		}
	}
	for _, file := range []string{"mnist28.json", "mnist28_plain.json"} {
		p, err := problem.Reader{Kinds: []problem.Kind{new(runtime).kind()}}.Load(filepath.Join("../testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if p.ImageSide != 28 || p.Dim != 784 {
			t.Errorf("%s: dimension %d, side %d", file, p.Dim, p.ImageSide)
		}
	}
}

func TestDocumentErrors(t *testing.T) {
	const net = `"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index", "inputs": {"y": 10}`
	for _, test := range []struct {
		model, want string
		runtime     bool // only with ONNX Runtime
	}{
		{`"prediction": "epsilon"`, "p.json: model.file: missing", false},
		{`"file": "a.onnx"`, "p.json: model.prediction: missing", false},
		{`"file": "a.onnx", "prediction": "noise", "time": "index"`, `p.json: model.prediction: scoremodel: unknown prediction "noise"`, false},
		{`"file": "a.onnx", "prediction": "epsilon", "time": "steps"`, `p.json: model.time: scoremodel: unknown quantity of time "steps"`, false},
		{`"file": "none.onnx", "prediction": "epsilon", "time": "index"`, "none.onnx: the network cannot be used: stat", false},
		{net + `, "time_steps": 500`, "p.json: model.time: scoremodel: Times: the network's table has 500 steps and the schedule's 1000", false},
		{`"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "lambda", "time_steps": 10`, "p.json: model.time: scoremodel: Times: lambda has no table", false},
		{net + `, "between": "half"`, `p.json: model.between: scoremodel: unknown choice`, false},
		{net + `, "time_scale": -1`, "p.json: model.time_scale: -1: want a positive number", false},
		{net + `, "guidance": 2`, "p.json: model.plain: missing, want an object", false},
		{net + `, "plain": {"y": 1}`, "p.json: model.plain: not allowed without guidance", false},
		{net + `, "rescale": 1`, "p.json: model.rescale: not allowed without guidance", false},
		{net + `, "guidance": 2, "plain": {"z": 1}`, `"z" takes no values`, true},
		{net + `, "guidance": 2, "rescale": 2, "plain": {"y": 1}`, "p.json: model.rescale: 2: want a number from 0 to 1", false},
		{net + `, "clip": 0`, "p.json: model.clip: 0: want a positive number", false},
		{net + `, "shapes": {"x": 64}`, "p.json: model.shapes.x: 64: want a list of whole numbers", false},
		{net + `, "shapes": {"x": [65]}`, "the shape given for x", true},
		{net + `, "batch": 0`, "p.json: model.batch: 0: want a whole number from 1", false},
		{net + `, "class": "z"`, `p.json: model.class: "z": want the name of one of the inputs`, false},
		{`"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index", "class": "y"`, `p.json: model.class: "y": want the name of one of the inputs`, false},
		{`"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index", "inputs": {"y": 1.5}, "class": "y"`, `p.json: model.inputs.y: 1.5: want a whole number`, false},
		{`"file": "conditions.onnx", "prediction": "epsilon", "time": "index", "inputs": {"words": [1, 2], "label": 1, "strength": 1}, "class": "words", "shapes": {"words": [1, 2]}`,
			"class is words, want an input that is one number", true},
		{net + `, "guidance": -1, "plain": {"y": 1}`, "p.json: model.guidance: -1: want a number not below 0", false},
		{net + `, "labels": 0`, `p.json: model: unknown field "labels"`, false},
		{`"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index", "inputs": {"y": ["a"]}`, `p.json: model.inputs.y[0]: "a": want a number`, false},
		{`"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index", "inputs": {"y": "a"}`, `p.json: model.inputs.y: "a": want a number or a list of numbers`, false},
		{`"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index"`, "input y int64[N] has no value", true},
	} {
		_, err := document(t, test.model)
		if test.runtime && errors.Is(err, onnx.ErrLibrary) && (os.Getenv(onnx.Variable) == "" || strings.Contains(err.Error(), "without cgo")) {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line that says %q", test.model, err, test.want)
		}
	}
}

// TestClass gives a network other classes, and finds what it says of the rows'.
func TestClass(t *testing.T) {
	const digits8 = `"file": "eps_digits8.onnx", "prediction": "epsilon", "time": "index", "plain": {"y": 10}, "guidance": 2, "clip": 1, `
	read := func(model string) *problem.Problem {
		t.Helper()
		p, err := document(t, digits8+model)
		needRuntime(t, err)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	predict := func(p *problem.Problem) []float64 {
		t.Helper()
		x := solvers.Prior(p.Schedule, 1, 3, 64)
		if err := scoremodel.Rows(p.Model, 1).Predict(x, x, 0.5); err != nil {
			t.Fatal(err)
		}
		return x
	}
	first := read(`"inputs": {"y": 1}, "class": "y"`)
	second, err := first.WithLabels([]int{3, 10})
	if err != nil {
		t.Fatal(err)
	}
	third, err := second.WithLabels([]int{4})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want *problem.Problem
	}{
		{"as read", first, read(`"inputs": {"y": 1}`)},
		{"other labels", second, read(`"inputs": {"y": [3, 10]}`)},
		{"other ones again", third, read(`"inputs": {"y": 4}`)},
	} {
		if !slices.Equal(predict(c.want), predict(c.got)) {
			t.Errorf("%s: the predictions are not those of a text with these labels", c.name)
		}
	}
	type row struct {
		Class int
		Told  bool
	}
	var rows []row
	for i := range 3 {
		class, told := second.Class(i)
		rows = append(rows, row{class, told})
	}
	if diff := cmp.Diff([]row{{3, true}, {10, false}, {3, true}}, rows); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
	if _, err := read(`"inputs": {"y": 1}`).WithLabels([]int{2}); err == nil || !strings.Contains(err.Error(), `The member "class" of the model names it`) {
		t.Errorf("labels of a network whose class is not named: %v", err)
	}
}

// TestLibraryFlag finds that the flag is heard, and named where there is no library.
func TestLibraryFlag(t *testing.T) {
	r := &runtime{library: "none/libonnxruntime.so"}
	_, err := problem.Reader{Kinds: []problem.Kind{r.kind()}}.Load(filepath.Join("../testdata", "mnist28.json"))
	if !errors.Is(err, onnx.ErrLibrary) {
		t.Fatalf("error %v, want that there is no library", err)
	}
	if strings.Contains(err.Error(), "without cgo") {
		t.Skip("SKIPPED: built without cgo, there is no library to load")
	}
	for _, want := range []string{"none/libonnxruntime.so", onnx.Variable, "--" + libraryFlag} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %s", err, want)
		}
	}
}

func TestSide(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  int
	}{{[]int{28, 28}, 28}, {[]int{1, 28, 28}, 28}, {[]int{3, 8, 8}, 8}, {[]int{2, 8, 8}, 0}, {[]int{8, 8, 3}, 0}, {[]int{3, 8, 9}, 0}, {[]int{1, 3, 8, 8}, 0}, {[]int{64}, 0}, {nil, 0}} {
		if got := side(c.shape); got != c.want {
			t.Errorf("side(%v) = %d, want %d", c.shape, got, c.want)
		}
	}
}

// TestConventions samples from networks that are exact for data from N(0, 1/4), told the time in each of the quantities in use. Their flow multiplies a state
// by the ratio of the standard deviations at its ends, √(α²/4 + σ²).
func TestConventions(t *testing.T) {
	solver, err := solvers.ByName("dpm++3s")
	if err != nil {
		t.Fatal(err)
	}
	const steps = 200
	for _, text := range []string{
		`{"schedule": {"kind": "edm"}, "model": {"kind": "onnx", "file": "told_sigma.onnx", "prediction": "data", "time": "sigma"}}`,
		`{"schedule": {"kind": "edm"}, "model": {"kind": "onnx", "file": "told_logsigma4.onnx", "prediction": "data", "time": "logsigma4"}}`,
		`{"schedule": {"kind": "vplinear"}, "model": {"kind": "onnx", "file": "told_lambda.onnx", "prediction": "epsilon", "time": "lambda"}}`,
		`{"schedule": {"kind": "flow"}, "model": {"kind": "onnx", "file": "told_thousandths.onnx", "prediction": "flow", "time": "continuous", "time_scale": 1000}}`,
	} {
		p, err := problem.Reader{Kinds: []problem.Kind{new(runtime).kind()}}.Read("p.json", []byte(text), "../testdata")
		needRuntime(t, err)
		if err != nil {
			t.Fatal(err)
		}
		grid, err := solvers.LambdaGrid{}.Times(p.Schedule, steps)
		if err != nil {
			t.Fatal(err)
		}
		x := []float64{1, 2, -3, 0.5}
		deviation := func(at float64) float64 {
			s := p.Schedule.At(at)
			return math.Hypot(s.Alpha/2, s.Sigma)
		}
		var want []float64
		for _, v := range x {
			want = append(want, v*deviation(grid[steps])/deviation(grid[0]))
		}
		if _, err := solvers.Sample(context.Background(), solver, p.Problem, x, &solvers.Settings{Grid: grid}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, x, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
