package command

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/bench/quality"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/bench/versus"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// call runs a command line.
func call(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = (Program{}).run(context.Background(), args, &out, &err)
	return status, out.String(), err.String()
}

// document runs a command line that prints a JSON document and nothing else.
func document(t *testing.T, to any, args ...string) {
	t.Helper()
	status, out, errs := call(t, args...)
	if status != exitDone {
		t.Fatalf("bench %q = %d, want %d; it says %q", args, status, exitDone, errs)
	}
	d := json.NewDecoder(strings.NewReader(out))
	if err := d.Decode(to); err != nil {
		t.Fatalf("bench %q: %v", args, err)
	}
	if d.More() {
		t.Errorf("bench %q prints more than one document", args)
	}
}

func TestWrongCalls(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("bad.json", `{"schedule": {"kind": "vplinear"}, "model": {"kind": "gaussian", "mean": [0], "variance": -1}}`)
	rising := write("rising.csv", "0.1\n0.5\n1\n")
	outside := write("outside.csv", "1\n0.5\n0.0001\n")
	square := write("square.csv", "1,0.5\n0.5,0.1\n")
	narrow := write("narrow.csv", "1,2\n3,4\n")
	unclassed := write("unclassed.json", `{"_class_name": "DDIMSheduler"}`)
	ddim := write("ddim.json", `{"_class_name": "DDIMScheduler", "clip_sample": false}`)

	for _, c := range []struct {
		args []string
		want string // part of the one line on standard error
	}{
		{[]string{"foo"}, `unknown command "foo"`},
		{[]string{"smaple"}, `did you mean "sample"?`},
		{[]string{"study", "bar"}, `study takes flags only, not "bar"`},
		{[]string{"sample", "--nope"}, `unknown flag: --nope`},
		{[]string{"trace", "--steps", "x"}, `"x" for "--steps"`},
		{[]string{"trace", "--steps", "0"}, "--steps: bad grid: 0 steps, want at least 1"},
		{[]string{"trace", "--steps", "-3"}, "-3 steps"},
		{[]string{"trace", "--solver", "ddimm"}, `--solver: unknown solver "ddimm", did you mean "ddim"?`},
		{[]string{"trace", "--solver", "ddim:eta"}, `"eta", want name=value`},
		{[]string{"trace", "--solver", "ddim:theta=1"}, `unknown parameter "theta"`},
		{[]string{"trace", "--solver", "ddim:eta=1.5"}, "--solver: solvers: trace of ddim:eta=1.5: bad parameter: eta is 1.5, want 0 to 1"},
		{[]string{"trace", "--grid", "lamda"}, `did you mean "lambda"?`},
		{[]string{"trace", "--grid", "karras:rho=-1"}, "rho is -1"},
		{[]string{"trace", "--grid", filepath.Join(dir, "none.csv")}, "none.csv"},
		{[]string{"trace", "--grid", rising}, "must decrease"},
		{[]string{"trace", "--grid", outside}, "outside the schedule's domain"},
		{[]string{"trace", "--grid", square}, "want one row or one column"},
		{[]string{"trace", "--grid", write("two.csv", "1\n0.1\n"), "--steps", "5"}, "--steps: 5, but"},
		{[]string{"order", "--solvers", ""}, "--solvers: no solver is named"},
		{[]string{"order", "--solvers", "ddim,zzzzzzz"}, `unknown solver "zzzzzzz", want one of euler`},
		{[]string{"order", "--problem", "nosuch"}, `--problem: unknown problem "nosuch"`},
		{[]string{"equiv", "--steps", "5,0"}, "--steps: 0, want at least 1"},
		{[]string{"equiv", "--grid", square}, "fixed number of steps"},
		{[]string{"compare", "--nfe", "0"}, "--nfe: 0, want at least 1"},
		{[]string{"compare", "--rows", "0"}, "--rows: 0, want at least 1"},
		{[]string{"compare", "--quality=39"}, "--quality: 39, want at least 40"},
		{[]string{"compare", "--quality=-1"}, "--quality: -1, want at least 40"},
		{[]string{"compare", "--quality=4001"}, "--quality: 4001, want at most 4000"},
		{[]string{"compare", "--problems", bad}, "model.variance"},
		{[]string{"compare", "--real", "x.csv"}, "--real: it goes with --quality"},
		{[]string{"compare", "--quality", "--real-classes", "x.csv"}, "--real-classes: it goes with --real"},
		{[]string{"compare", "--quality", "--real", "none.csv"}, "--real: none.csv: no such file"},
		{[]string{"compare", "--quality", "--problems", "gaussian,mixture2d", "--real", rising}, "rising.csv: samples of 1 values, problem mixture2d has dimension 2"},
		{[]string{"sample", "--labels", "1"}, "--labels: digits: its model is told no classes"},
		{[]string{"sample", "--labels", ""}, `"--labels" flag`},
		{[]string{"sample", "--problem", "digitsnet", "--labels", "3,11"}, "--labels: digitsnet: digitsnet: no label of a digit: label 1 is 11"},
		{[]string{"gallery", "--problem", "digitsnet", "--labels", "-1"}, "--labels: digitsnet: digitsnet: no label of a digit: label 0 is -1"},
		{[]string{"gallery", "--png", ""}, "--png: no file is named"},
		{[]string{"gallery", "--problem", "gaussian"}, "--problem: gaussian: its samples are no images"},
		{[]string{"gallery", "--nfe", ""}, "--nfe"},
		{[]string{"gallery", "--nfe", "5,0"}, "--nfe: 0, want at least 1"},
		{[]string{"gallery", "--rows", "0"}, "--rows: 0, want at least 1"},
		{[]string{"gallery", "--reference-nfe", "0"}, "--reference-nfe: 0, want at least 1"},
		{[]string{"gallery", "--references", "dddim"}, "--references: unknown solver"},
		{[]string{"gallery", "--solvers", ""}, "--solvers: no solver is named"},
		{[]string{"gallery", "--grid", "lamda"}, `did you mean "lambda"?`},
		{[]string{"gallery", "--png", "g.jpg"}, "--png: g.jpg: want a file that ends in .png"},
		{[]string{"gallery", "--rows", "1000000000"}, "--rows: 1000000000, want at most"},
		{[]string{"compare", "--tolerances", "0"}, "--tolerances: 0, want more than 0 and at most 1"},
		{[]string{"compare", "--tolerances", "1e-3,NaN"}, "--tolerances: NaN, want more than 0"},
		{[]string{"compare", "--tolerances", "1e-3", "--errors", "-1"}, "--errors: -1, want more than 0"},
		{[]string{"compare", "--tolerances", "1e-3", "--solvers", "ddim,unipc"}, "none of the solvers estimates its error"},
		{[]string{"compare", "--tolerances", "1e-3", "--rules", "kdiffusoin"}, `--rules: unknown step rule "kdiffusoin", did you mean "kdiffusion"?`},
		{[]string{"compare", "--rules", "rk45"}, "--rules: it goes with --tolerances"},
		{[]string{"compare", "--tolerances", "1e-3", "--solvers", "sra1"}, "none of the solvers estimates its error on the probability flow"},
		{[]string{"compare", "--tolerances", "1e-3", "--png", "x.jpg"}, "--png: x.jpg: want a file that ends in .png"},
		{[]string{"compare", "--png", "x.png"}, "--png: it goes with --tolerances"},
		{[]string{"sample", "--solver", "dpm3", "--rtol", "-1"}, "--rtol: -1, want more than 0"},
		{[]string{"sample", "--solver", "dpm3", "--atol", "0"}, "--atol: 0, want more than 0"},
		{[]string{"sample", "--solver", "dpm3", "--atol", "0.1", "--steps", "5"}, "--steps: the tolerance decides on the steps"},
		{[]string{"sample", "--solver", "ddim", "--rtol", "0.1"}, "--rtol: ddim does not estimate its error"},
		{[]string{"sample", "--problem", bad}, "model.variance"},
		{[]string{"sample", "--problem", filepath.Join(dir, "none.json")}, "none.json"},
		{[]string{"sample", "--scheduler", filepath.Join(dir, "none.json")}, "--scheduler: "},
		{[]string{"sample", "--scheduler", ""}, "--scheduler: "},
		{[]string{"sample", "--scheduler", unclassed}, `unclassed.json: _class_name: unknown _class_name "DDIMSheduler", did you mean "DDIMScheduler"?`},
		{[]string{"sample", "--scheduler", ddim, "--solver", "ddim"}, "--solver: the scheduler's config says it"},
		{[]string{"sample", "--scheduler", ddim, "--grid", "time"}, "--grid: the scheduler's config says it"},
		{[]string{"sample", "--scheduler", ddim, "--steps", "0"}, "--steps: 0, want at least 1"},
		{[]string{"sample", "--scheduler", ddim, "--steps", "1001"}, "1001 steps, want 1 to 1000"},
		{[]string{"sample", "--scheduler", ddim, "--scheduler-arg", "eta"}, `--scheduler-arg: "eta", want name=value`},
		{[]string{"sample", "--scheduler", ddim, "--scheduler-arg", "eta=2"}, "eta is 2, want 0 to 1"},
		{[]string{"sample", "--scheduler", ddim, "--scheduler-arg", "eta=1", "--scheduler-arg", "eta=0"}, "each name once"},
		{[]string{"sample", "--scheduler-arg", "eta=1"}, "--scheduler-arg: it goes with --scheduler"},
		{[]string{"sample", "--out", "x.txt"}, "--out: x.txt: want a file that ends in .npy or .csv"},
		{[]string{"sample", "--png", "x.jpg"}, "--png: x.jpg: want a file that ends in .png"},
		{[]string{"sample", "--steps", "1000000000"}, "--steps: 1000000000, want at most 1000000"},
		{[]string{"sample", "--rows", "1000000000000"}, "--rows: 1000000000000, want at most"},
		{[]string{"trace", "--steps", "1000000000"}, "--steps: 1000000000, want at most 5000"},
		{[]string{"equiv", "--steps", "10,1000000"}, "--steps: 1000000, want at most 5000"},
		{[]string{"compare", "--nfe", "5,1000000"}, "--nfe: 1000000, want at most 5000"},
		{[]string{"compare", "--rows", "1000000000000"}, "--rows: 1000000000000, want at most"},
		{[]string{"sample", "--rows", "0"}, "--rows: 0, want at least 1"},
		{[]string{"likelihood", "--rows", "0"}, "--rows: 0, want at least 1"},
		{[]string{"likelihood", "--rows", "1000000000000"}, "--rows: 1000000000000, want at most"},
		{[]string{"likelihood", "--workers", "0"}, "--workers: 0, want at least 1"},
		{[]string{"likelihood", "--problem", "nosuch"}, `--problem: unknown problem "nosuch"`},
		{[]string{"likelihood", "--divergence", "hutchinsen"}, `--divergence: unknown divergence "hutchinsen", did you mean "hutchinson"?`},
		{[]string{"likelihood", "--divergence", "hutchinson", "--probe", "rade"}, `--probe: unknown probe "rade"`},
		{[]string{"likelihood", "--divergence", "hutchinson", "--probes", "0"}, "--probes: 0, want at least 1"},
		{[]string{"likelihood", "--probes", "3"}, "--probes: it goes with --divergence hutchinson"},
		{[]string{"likelihood", "--solver", "dop854"}, `--solver: unknown solver "dop854", did you mean "dop853"?`},
		{[]string{"likelihood", "--solver", "rk4"}, "--solver: solvers: likelihood: rk4: the solver does not estimate its error"},
		{[]string{"likelihood", "--rel", "0"}, "--rel: 0, want a positive number"},
		{[]string{"likelihood", "--abs", "NaN"}, "--abs: NaN, want a positive number"},
		{[]string{"likelihood", "--bin-width", "-1"}, "--bin-width: -1, want a positive number"},
		{[]string{"likelihood", "--prior", "flat"}, `--prior: unknown prior "flat"`},
		{[]string{"likelihood", "--steps", "0"}, "--steps: 0, want at least 1"},
		{[]string{"likelihood", "--grid", "lambda"}, "--grid: lambda needs --steps"},
		{[]string{"likelihood", "--steps", "5", "--grid", "lambda:clean=true", "--solver", "rk4"}, "ends on clean data"},
		{[]string{"likelihood", "--out", "x.txt"}, "--out: x.txt: want a file that ends in .npy or .csv"},
		{[]string{"likelihood", "--x", filepath.Join(dir, "none.npy")}, "--x:"},
		{[]string{"likelihood", "--problem", "gaussian", "--x", narrow}, "rows of 2 values, problem gaussian has dimension 1"},
		{[]string{"likelihood", "--x", narrow, "--rows", "5"}, "--rows: 5, but"},
		{[]string{"sample", "--workers", "-1"}, "--workers: -1, want at least 1"},
		{[]string{"sample", "--x", filepath.Join(dir, "none.npy")}, "--x:"},
		{[]string{"sample", "--problem", "gaussian", "--x", narrow}, "rows of 2 values, problem gaussian has dimension 1"},
		{[]string{"sample", "--problem", "mixture2d", "--x", narrow, "--rows", "5"}, "--rows: 5, but"},
		{[]string{"sample", "--noise", filepath.Join(dir, "none.npy")}, "--noise:"},
		{[]string{"sample", "--problem", write("cube.json",
			`{"schedule": {"kind": "vplinear"}, "model": {"kind": "gaussian", "mean": [0, 0, 0], "variance": 1}}`), "--png", "x.png"}, "--png: samples of dimension 3"},
		{[]string{"versus", "--rounds", "0"}, "--rounds: 0"},
		{[]string{"versus", "--png", "x.png"}, "--png: it goes with --scale"},
		{[]string{"versus", "--only", "nothing-of-this-name"}, "there are step/ddim/3072"},
		{[]string{"versus", "--python", "no-such-interpreter"}, "no " + versus.Script},
	} {
		status, out, errs := call(t, c.args...)
		if status != exitUsage || out != "" {
			t.Errorf("bench %q = %d and prints %q, want %d and nothing", c.args, status, out, exitUsage)
		}
		if !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "bench: ") {
			t.Errorf("bench %q says %q, want one line with %q", c.args, errs, c.want)
		}
	}
}

// lateContext is cancelled when it has been asked a few times, by whichever goroutines.
type lateContext struct {
	context.Context
	left atomic.Int64
}

func (c *lateContext) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestFailedRuns(t *testing.T) {
	// A missing folder is found before the run.
	dir := t.TempDir()
	status, _, errs := call(t, "sample", "--problem", "gaussian", "--out", filepath.Join(dir, "no", "x.npy"))
	if status != exitFailed || !strings.Contains(errs, "x.npy") {
		t.Errorf("sample to a missing folder = %d, %q, want %d and the file's name", status, errs, exitFailed)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, text bytes.Buffer
	if status := (Program{}).run(ctx, []string{"sample", "--problem", "gaussian"}, &out, &text); status != exitFailed || !strings.Contains(text.String(), "interrupted") {
		t.Errorf("an interrupted sample = %d, %q, want %d and the word interrupted", status, text.String(), exitFailed)
	}
	// Interrupted certificates and proofs print what they have. As many solvers as there are processors run at once: when all together have asked as
	// often as that many take, one at least is done, and of one more than twice as many not all.
	procs := runtime.GOMAXPROCS(0)
	many := strings.Repeat("ddpm,", 2*procs) + "ddpm"
	for _, c := range []struct {
		args []string
		left int
		want string
	}{
		{[]string{"order", "--solvers", many, "--problem", "gaussian"}, procs * (len(solvertest.Steps()) + 1), "ddpm"},
		{[]string{"equiv", "--grid", "lambda", "--steps", "5"}, 8, "ddim"},
	} {
		out.Reset()
		late := &lateContext{Context: context.Background()}
		late.left.Store(int64(c.left))
		if status := (Program{}).run(late, c.args, &out, &text); status != exitFailed || !strings.Contains(out.String(), c.want) {
			t.Errorf("an interrupted %s = %d and prints %q, want %d and what was finished", c.args[0], status, out.String(), exitFailed)
		}
	}
	// An interrupted study writes what it has, and says so.
	folder := filepath.Join(dir, "report")
	if status := (Program{}).run(ctx, []string{"--out", folder}, &out, &text); status != exitFailed {
		t.Errorf("an interrupted study = %d, want %d", status, exitFailed)
	}
	page, err := os.ReadFile(filepath.Join(folder, "index.html"))
	if err != nil || !bytes.Contains(page, []byte("did not finish")) {
		t.Errorf("an interrupted study leaves a page without a word of it: %v", err)
	}
}

func TestList(t *testing.T) {
	var got []map[string]any
	document(t, &got, "list", "--json")
	if len(got) != len(solvers.Catalog()) {
		t.Errorf("list has %d solvers, want %d", len(got), len(solvers.Catalog()))
	}
	for _, e := range got {
		for _, key := range []string{"name", "order", "weak_order", "strong_order", "nfe", "memory", "stochastic", "adaptive", "prediction", "reference", "parameters"} {
			if e[key] == nil {
				t.Errorf("%v: the field %q is missing", e["name"], key)
			}
		}
	}
	_, out, _ := call(t, "list")
	for _, want := range []string{"dpm++2m", "variant=midpoint", "karras", "mixture2d"} {
		if !strings.Contains(out, want) {
			t.Errorf("list does not mention %q", want)
		}
	}
}

// TestTrace compares the printed table with DDIM's formula: over two steps the coefficients
// are ratios of alpha and differences of kappa.
func TestTrace(t *testing.T) {
	var got traceDocument
	document(t, &got, "trace", "--solver", "ddim", "--steps", "2", "--grid", "time", "--json")
	p, err := problem.Builtin("gaussian")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{1, 0.5005, 0.001}, got.Grid, cmpopts.EquateApprox(1e-14, 0)); diff != "" {
		t.Errorf("grid (-want +got):\n%s", diff)
	}
	a, b, c := p.Schedule.At(1), p.Schedule.At(got.Grid[1]), p.Schedule.At(0.001)
	want := traceDocument{Solver: "ddim", Grid: got.Grid, Draws: []drawn{},
		Evaluations: []traceRow{
			{Time: 1, State: 1, Outputs: []float64{0, 0}, Noises: []float64{}},
			{Time: b.T, State: b.Alpha / a.Alpha, Outputs: []float64{b.Alpha * (b.Kappa() - a.Kappa()), 0}, Noises: []float64{}},
		},
		Result: traceRow{Time: 0.001, State: c.Alpha / a.Alpha,
			Outputs: []float64{c.Alpha * (b.Kappa() - a.Kappa()), c.Alpha * (c.Kappa() - b.Kappa())}, Noises: []float64{}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
	var noisy traceDocument
	document(t, &noisy, "trace", "--solver", "ddpm", "--steps", "3", "--json")
	for _, r := range append(noisy.Evaluations, noisy.Result) {
		if len(r.Outputs) != 3 || len(r.Noises) != 3 {
			t.Errorf("a row has %d outputs and %d noises, want 3 and 3", len(r.Outputs), len(r.Noises))
		}
	}
	if _, out, _ := call(t, "trace", "--solver", "ddim:eta=1", "--steps", "2"); !strings.Contains(out, "z1") {
		t.Errorf("the table of a stochastic solver has no column z1:\n%s", out)
	}
	// Lévy areas are marked, in the document and in the table.
	var areas traceDocument
	document(t, &areas, "trace", "--solver", "sra1", "--steps", "1", "--grid", "time", "--json")
	if diff := cmp.Diff([]drawn{{From: 1, To: 0.001}, {From: 1, To: 0.001, Area: true}}, areas.Draws); diff != "" {
		t.Errorf("draws of W and H (-want +got):\n%s", diff)
	}
	if _, out, _ := call(t, "trace", "--solver", "sra1", "--steps", "1"); !strings.Contains(out, "z0") || !strings.Contains(out, "h1") {
		t.Errorf("the table of a solver with Lévy areas has no columns z0 and h1:\n%s", out)
	}
}

func TestOrderCommand(t *testing.T) {
	var got []study.Order
	document(t, &got, "order", "--solvers", "dpm3,ddim:eta=1", "--problem", "gaussian,mixture1d", "--json")
	var kinds []string
	for _, o := range got {
		kinds = append(kinds, o.Solver+" "+o.Problem+" "+o.Kind)
		if !o.Certified || o.Observed == nil || *o.Observed < o.Claimed-0.3 || len(o.Steps) < 5 || len(o.Steps) != len(o.Errors) {
			t.Errorf("certificate %+v", o)
		}
	}
	want := []string{"dpm3 gaussian ode", "ddim:eta=1 gaussian weak", "ddim:eta=1 gaussian strong", "dpm3 mixture1d ode"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("certificates (-want +got):\n%s", diff)
	}
}

func TestEquivCommand(t *testing.T) {
	var got []study.Equivalence
	document(t, &got, "equiv", "--steps", "5,10", "--grid", "lambda,karras:rho=5", "--json")
	if want := 2 * 2 * study.Claims(); len(got) != want {
		t.Errorf("%d lines, want %d", len(got), want)
	}
	for _, e := range got {
		if !e.Holds || e.Claim == "identical" && e.Difference > 1e-11 || e.Claim == "converges" && e.Observed == nil {
			t.Errorf("equivalence %+v", e)
		}
	}
}

func TestCompareCommand(t *testing.T) {
	var got []study.Comparison
	document(t, &got, "compare", "--problems", "gaussian,mixture1d", "--solvers", "ddim,dpm3,ddpm", "--grids", "lambda", "--nfe", "2,10", "--rows", "8", "--json")
	var seen []string
	for _, c := range got {
		seen = append(seen, c.Problem+" "+c.Solver)
		if c.NFE > c.Budget || c.NFE < 1 {
			t.Errorf("%s takes %d evaluations of %d", c.Solver, c.NFE, c.Budget)
		}
		if exact := c.Problem == "gaussian"; exact != (c.W2 != nil) {
			t.Errorf("%s on %s: w2 is there: %t, want %t", c.Solver, c.Problem, c.W2 != nil, exact)
		}
		if stochastic := c.Solver == "ddpm"; stochastic == (c.RMSE != nil) {
			t.Errorf("%s: rmse is there: %t", c.Solver, c.RMSE != nil)
		}
	}
	// Third-order DPM-Solver takes three evaluations a step: with a budget of two it does not run.
	want := []string{"gaussian ddim", "gaussian ddim", "gaussian dpm3", "gaussian ddpm", "gaussian ddpm",
		"mixture1d ddim", "mixture1d ddim", "mixture1d dpm3", "mixture1d ddpm", "mixture1d ddpm"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// The flag of quality may stand without a number.
func TestCompareQuality(t *testing.T) {
	for flag, rows := range map[string]int{"--quality": 1000, "--quality=50": 50} {
		var got []study.Comparison
		document(t, &got, "compare", "--problems", "digitsnet", "--solvers", "ddim", "--nfe", "2", "--rows", "1", flag, "--json")
		if len(got) != 1 || got[0].Quality == nil || got[0].Quality.Rows != rows || got[0].RMSE == nil {
			t.Errorf("%s: %+v, want the quality of %d samples and an RMSE", flag, got, rows)
		}
	}
}

// Real samples that a flag names take the place of the problem's: those of the problem itself give the same figures, and others do not.
func TestCompareReal(t *testing.T) {
	dir := t.TempDir()
	images, labels := scoremodel.Digits()
	real, classes, some := filepath.Join(dir, "x.npy"), filepath.Join(dir, "y.csv"), filepath.Join(dir, "few.csv")
	values := make([]float64, len(labels))
	for i, l := range labels {
		values[i] = float64(l)
	}
	for path, data := range map[string][]float64{real: images, classes: values, some: images[:60*64]} {
		cols := 64
		if path == classes {
			cols = 1
		}
		if err := problem.WriteMatrix(path, data, len(data)/cols, cols); err != nil {
			t.Fatal(err)
		}
	}
	compare := func(extra ...string) *quality.Measures {
		var got []study.Comparison
		document(t, &got, append([]string{"compare", "--problems", "digitsnet", "--solvers", "ddim", "--nfe", "2", "--rows", "1", "--quality=50", "--json"}, extra...)...)
		if len(got) != 1 || got[0].Quality == nil {
			t.Fatalf("%q: %+v, want one row with its quality", extra, got)
		}
		return got[0].Quality
	}
	if diff := cmp.Diff(compare(), compare("--real", real, "--real-classes", classes)); diff != "" {
		t.Errorf("the problem's own samples in a file (-own +file):\n%s", diff)
	}
	if m := compare("--real", some); m.RealRows != 60 || m.SplitVote != nil || m.WrongClass != nil {
		t.Errorf("sixty samples without classes: %+v", m)
	}
}

// A program's own flags are those of each of its commands.
func TestProgramFlags(t *testing.T) {
	for _, args := range [][]string{{"list", "--extra", "7"}, {"--extra=7", "list"}} {
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		extra := flags.Int("extra", 0, "")
		var out, errs bytes.Buffer
		if status := (Program{Flags: flags}).run(context.Background(), args, &out, &errs); status != exitDone || *extra != 7 {
			t.Errorf("%q = %d, the flag is %d, %q", args, status, *extra, errs.String())
		}
	}
	if status, _, errs := call(t, "list", "--extra", "7"); status != exitUsage || !strings.Contains(errs, "extra") {
		t.Errorf("a flag of another program: %d, %q", status, errs)
	}
}

// Samples of the network do not depend on the workers, and a JSON problem tells it other digits.
func TestSampleNetwork(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sevens.json")
	if err := os.WriteFile(path, []byte(`{"model": {"kind": "digitsnet", "labels": [7], "guidance": 2}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	sample := func(problem, workers string) sampleDocument {
		var d sampleDocument
		document(t, &d, "sample", "--problem", problem, "--steps", "5", "--rows", "13", "--workers", workers, "--json")
		return d
	}
	for _, p := range []string{"digitsnet", path} {
		if diff := cmp.Diff(sample(p, "1").Samples, sample(p, "3").Samples); diff != "" {
			t.Errorf("%s: the samples depend on the workers (-1 +3):\n%s", p, diff)
		}
	}
	if cmp.Equal(sample("digitsnet", "1").Samples, sample(path, "1").Samples) {
		t.Error("sevens with guidance are the samples of other digits without")
	}
	// The flag is as the member of the text.
	var flagged, told sampleDocument
	document(t, &flagged, "sample", "--problem", "digitsnet", "--labels", "3,1,4", "--steps", "5", "--rows", "7", "--json")
	path = filepath.Join(t.TempDir(), "told.json")
	if err := os.WriteFile(path, []byte(`{"model": {"kind": "digitsnet", "labels": [3, 1, 4]}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	document(t, &told, "sample", "--problem", path, "--steps", "5", "--rows", "7", "--json")
	if diff := cmp.Diff(told.Samples, flagged.Samples); diff != "" {
		t.Errorf("--labels (-JSON +flag):\n%s", diff)
	}
}

func TestSampleCommand(t *testing.T) {
	dir := t.TempDir()
	sample := func(extra ...string) sampleDocument {
		var d sampleDocument
		document(t, &d, append([]string{"sample", "--problem", "mixture2d", "--solver", "ddpm", "--steps", "7", "--rows", "9", "--json"}, extra...)...)
		return d
	}
	one, three, other := sample("--workers", "1"), sample("--workers", "3"), sample("--seed", "2")
	if diff := cmp.Diff(one.Samples, three.Samples); diff != "" {
		t.Errorf("the samples depend on the workers (-1 +3):\n%s", diff)
	}
	if cmp.Equal(one.Samples, other.Samples) {
		t.Error("the samples do not depend on the seed")
	}
	if one.NFE != 7 || one.Rows != 9 || one.Dim != 2 || len(one.Grid) != 8 || len(one.Samples) != 9 || one.Warnings == nil {
		t.Errorf("document %+v", one)
	}

	// On a tree the noise is one path at any number of steps, so that more of them change little.
	last := func(steps string, args ...string) float64 {
		var d sampleDocument
		document(t, &d, append([]string{"sample", "--problem", "mixture2d", "--solver", "sra1", "--rows", "1", "--steps", steps, "--json"}, args...)...)
		return d.Samples[0][0]
	}
	if coarse, fine := last("50", "--noise", "tree"), last("200", "--noise", "tree"); !(math.Abs(coarse-fine) < 0.05) {
		t.Errorf("on a tree 50 steps lead to %v and 200 to %v", coarse, fine)
	}
	if coarse, fine := last("50"), last("200"); math.Abs(coarse-fine) < 0.05 {
		t.Errorf("with fresh noise 50 steps lead to %v and 200 to %v, and the test of the tree says nothing", coarse, fine)
	}

	// Through files: the states that --seed makes, the noise that it draws, and back.
	p, err := problem.Builtin("mixture2d")
	if err != nil {
		t.Fatal(err)
	}
	x := filepath.Join(dir, "x.npy")
	if err := problem.WriteMatrix(x, solvers.Prior(p.Schedule, 1, 9, 2), 9, 2); err != nil {
		t.Fatal(err)
	}
	grid := filepath.Join(dir, "grid.csv")
	if err := problem.WriteMatrix(grid, one.Grid, len(one.Grid), 1); err != nil {
		t.Fatal(err)
	}
	out, picture := filepath.Join(dir, "out.npy"), filepath.Join(dir, "out.png")
	var d sampleDocument
	document(t, &d, "sample", "--problem", "mixture2d", "--solver", "ddpm", "--x", x, "--grid", grid, "--out", out, "--png", picture, "--json")
	if d.Samples != nil {
		t.Error("with --out the document repeats the samples")
	}
	got, rows, cols, err := problem.ReadMatrix(out)
	if err != nil || rows != 9 || cols != 2 {
		t.Fatalf("ReadMatrix(%s) = %d x %d, %v", out, rows, cols, err)
	}
	var want []float64
	for _, row := range one.Samples {
		want = append(want, row...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples through files (-want +got):\n%s", diff)
	}
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Errorf("the picture: %v", err)
	}
	for _, name := range []string{"gaussian", "digits"} {
		if status, _, errs := call(t, "sample", "--problem", name, "--rows", "30", "--steps", "5", "--png", filepath.Join(dir, name+".png")); status != exitDone {
			t.Errorf("a picture of %s = %d, %q", name, status, errs)
		}
	}
}

// tensor writes a .npy file of draws x rows x dim float64 numbers, all 0.5.
func tensor(t *testing.T, path string, draws, rows, dim int) {
	t.Helper()
	header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d, %d), }", draws, rows, dim)
	header += strings.Repeat(" ", 127-10-len(header)) + "\n"
	data := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), 0)
	data = append(data, header...)
	for range draws * rows * dim {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(0.5))
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSampleScheduler samples by a config: on a grid whose steps join, DDIM is the catalogue's on the same levels.
func TestSampleScheduler(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// The problem's schedule is that of the config, which ends at the table's first entry.
	file := write("p.json", `{"schedule": {"kind": "ddpm"}, "model": {"kind": "gaussian", "mean": [0.5, -1], "variance": 0.3}}`)
	config := write("c.json", `{"_class_name": "DDIMScheduler", "clip_sample": false, "set_alpha_to_one": false, "skip_prk_steps": true, "timestep_spacing": "trailing"}`)
	x := write("x.csv", "1,0.5\n-0.5,0.1\n")
	var got, want sampleDocument
	document(t, &got, "sample", "--problem", file, "--scheduler", config, "--steps", "5", "--x", x, "--json")
	grid := write("grid.csv", "1\n0.8\n0.6\n0.4\n0.2\n0.001\n")
	document(t, &want, "sample", "--problem", file, "--solver", "ddim", "--grid", grid, "--x", x, "--json")
	if diff := cmp.Diff(want.Samples, got.Samples, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("samples (-ddim +config):\n%s", diff)
	}
	want = sampleDocument{Solver: "DDIMScheduler", Grid: []float64{1, 0.8, 0.6, 0.4, 0.2}, NFE: 5, Steps: 5, Rows: 2, Dim: 2,
		Warnings: []string{"skip_prk_steps is ignored: DDIMScheduler does not read it"}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(sampleDocument{}, "Samples", "Seconds")); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	// With noise, recorded in the order in which it is drawn.
	noise := filepath.Join(dir, "z.npy")
	tensor(t, noise, 4, 2, 2)
	document(t, &got, "sample", "--problem", file, "--scheduler", config, "--scheduler-arg", "eta=1", "--steps", "5", "--x", x, "--json")
	if status, _, errs := call(t, "sample", "--problem", file, "--scheduler", config, "--scheduler-arg", "eta=1", "--steps", "5", "--x", x, "--noise", noise); status != exitFailed ||
		!strings.Contains(errs, "the recorded noise is used up") {
		t.Errorf("four draws for five steps: %d, %q", status, errs)
	}
	if status, _, errs := call(t, "sample", "--problem", file, "--scheduler", config, "--steps", "5", "--x", x, "--noise", noise); status != exitUsage ||
		!strings.Contains(errs, "--noise: DDIMScheduler draws no noise") {
		t.Errorf("noise for a run without: %d, %q", status, errs)
	}
}

func TestGallery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.png")
	args := []string{"gallery", "--rows", "5", "--nfe", "6,3", "--solvers", "ddim,dpm3", "--references", "dpm++2m,ddpm", "--reference-nfe", "20", "--png", path}
	var got []study.Exhibit
	document(t, &got, append(args, "--json")...)
	if len(got) != 6 || got[0].Solver != "dpm++2m" || !got[0].Reference || got[2].NFE != 6 || got[3].NFE != 3 || got[2].RMSE == nil {
		t.Errorf("gallery --json = %+v", got)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	// Three sheets across and two down, each of three columns and two rows of images of 32 pixels.
	if size := m.Bounds().Size(); size.X < 3*96 || size.Y < 2*64 || size.X > 1000 || size.Y > 400 {
		t.Errorf("the picture has %v pixels", size)
	}
	status, out, _ := call(t, args...)
	if status != exitDone || !strings.Contains(out, "wrote "+path) || strings.Count(out, "\n") != 1+1+6+1 {
		t.Errorf("gallery = %d and prints\n%s", status, out)
	}
	// No reference, and so no distance.
	got = nil
	document(t, &got, append(args, "--references", "", "--json")...)
	if len(got) != 4 || got[0].RMSE != nil {
		t.Errorf("gallery without references = %+v", got)
	}
}

// Under error control the errors come down with the tolerance; the rows on grids are as they are without, and the text has the two
// tables more.
func TestCompareTolerances(t *testing.T) {
	args := []string{"compare", "--problems", "mixture1d", "--solvers", "ddim,sra1,etdrk3", "--nfe", "5,10,20,50", "--rows", "8"}
	var plain, got []study.Comparison
	document(t, &plain, append(args, "--json")...)
	args = append(args, "--tolerances", "1e-2,1e-5")
	document(t, &got, append(args, "--json")...)
	var grids, controlled []study.Comparison
	for _, c := range got {
		if c.Tolerance == nil {
			grids = append(grids, c)
		} else {
			controlled = append(controlled, c)
		}
	}
	if diff := cmp.Diff(plain, grids, cmpopts.IgnoreFields(study.Comparison{}, "Seconds", "Nanoseconds")); diff != "" {
		t.Errorf("rows on grids (-without tolerances +with):\n%s", diff)
	}
	if len(controlled) != 2 {
		t.Fatalf("%d rows under control, want 2: %+v", len(controlled), controlled)
	}
	for i, tolerance := range []float64{1e-2, 1e-5} {
		c := controlled[i]
		if c.Solver != "etdrk3" || c.Grid != "adaptive" || *c.Tolerance != tolerance || c.Rejected == nil || !(*c.RMSE <= 10*tolerance) || c.NFE > 3*(c.Steps+*c.Rejected) {
			t.Errorf("at the tolerance %g: %+v", tolerance, c)
		}
	}
	file := filepath.Join(t.TempDir(), "needed.png")
	status, out, errs := call(t, append(args, "--png", file, "--errors", "1e-3")...)
	if status != 0 || !strings.Contains(out, "Error control on mixture1d") || !strings.Contains(out, "NFE needed for a median error on mixture1d") ||
		!strings.Contains(out, "etdrk3  adaptive") || !strings.Contains(out, "ddim    quadratic") {
		t.Errorf("compare prints %d %q %q", status, out, errs)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), "\x89PNG") {
		t.Errorf("the picture: %v", err)
	}
}

// The published step rules beside the default: other runs of the same solver, told apart in both tables.
func TestCompareRules(t *testing.T) {
	args := []string{"compare", "--problems", "mixture2d", "--solvers", "dpm3", "--nfe", "30", "--rows", "4", "--tolerances", "1e-2,1e-3", "--rules", "default,dpmsolver,kdiffusion"}
	var got []study.Comparison
	document(t, &got, append(args, "--json")...)
	runs := map[string][]int{}
	for _, c := range got {
		runs[c.Grid] = append(runs[c.Grid], c.NFE)
		if c.Tolerance != nil && !(*c.RMSE < 30**c.Tolerance) {
			t.Errorf("%s: error %.2g at the tolerance %g", c.Grid, *c.RMSE, *c.Tolerance)
		}
	}
	if a, b, c := runs["adaptive"], runs["adaptive dpmsolver"], runs["adaptive kdiffusion"]; len(a) != 2 || len(b) != 2 || len(c) != 2 || slices.Equal(a, b) || slices.Equal(b, c) {
		t.Errorf("evaluations %v, want two of each rule, and not the same", runs)
	}
	if status, out, _ := call(t, args...); status != 0 || !strings.Contains(out, "dpm3 by kdiffusion") || !strings.Contains(out, "adaptive dpmsolver") {
		t.Errorf("compare prints %d %q", status, out)
	}
}

// A tolerance in place of steps: the samples are those of many steps, to the tolerance.
func TestSampleTolerance(t *testing.T) {
	var fine, got sampleDocument
	document(t, &fine, "sample", "--problem", "mixture2d", "--solver", "krogstad43", "--steps", "2000", "--grid", "lambda", "--rows", "5", "--json")
	document(t, &got, "sample", "--problem", "mixture2d", "--solver", "krogstad43", "--rtol", "1e-5", "--rows", "5", "--json")
	if diff := cmp.Diff(fine.Samples, got.Samples, cmpopts.EquateApprox(0, 1e-4)); diff != "" {
		t.Errorf("samples (-2000 steps +tolerance):\n%s", diff)
	}
	if got.NFE != 5*got.Steps+4*got.Rejected || got.Steps > 60 {
		t.Errorf("%d steps, %d rejected, %d evaluations", got.Steps, got.Rejected, got.NFE)
	}
	if status, out, _ := call(t, "sample", "--problem", "mixture2d", "--solver", "krogstad43", "--atol", "1e-3", "--rows", "2"); status != 0 || !strings.Contains(out, "under error control") {
		t.Errorf("sample prints %d %q", status, out)
	}
}

// TestJSONProblem samples from a document and compares with the problem it describes.
func TestJSONProblem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.json")
	if err := os.WriteFile(path, []byte(`{"schedule": {"kind": "vplinear"}, "model": {"kind": "gaussian", "mean": [0.7], "variance": 0.25}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	var mine, builtin []study.Comparison
	document(t, &mine, "compare", "--problems", path, "--solvers", "dpm2", "--nfe", "10", "--json")
	document(t, &builtin, "compare", "--problems", "gaussian", "--solvers", "dpm2", "--nfe", "10", "--json")
	if len(mine) != 1 || mine[0].Problem != "mine" || math.Abs(*mine[0].RMSE / *builtin[0].RMSE - 1) > 1e-12 {
		t.Errorf("compare on a JSON problem = %+v, want the error of the built-in one, %+v", mine, builtin)
	}
}
