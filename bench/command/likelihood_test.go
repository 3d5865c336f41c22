package command

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/bench/problem"
)

// likelihoodGot is what a program reads of likelihood --json.
type likelihoodGot struct {
	Probe         *string  `json:"probe"`
	Rows          int      `json:"rows"`
	LogLikelihood *float64 `json:"log_likelihood"`
	BitsPerDim    *float64 `json:"bits_per_dim"`
	StandardError *float64 `json:"standard_error"`
	SamplingError *float64 `json:"sampling_error"`
	Results       []struct {
		Row           int      `json:"row"`
		LogLikelihood float64  `json:"log_likelihood"`
		StandardError *float64 `json:"standard_error"`
		BitsPerDim    float64  `json:"bits_per_dim"`
		NFE           int      `json:"nfe"`
		Status        string   `json:"status"`
		Exact         *float64 `json:"exact"`
		Difference    *float64 `json:"difference"`
	} `json:"results"`
}

// TestLikelihoodCommand checks log-likelihoods against a normal density, and the figures against each other.
func TestLikelihoodCommand(t *testing.T) {
	dir := t.TempDir()
	x, out := filepath.Join(dir, "x.csv"), filepath.Join(dir, "z.npy")
	if err := os.WriteFile(x, []byte("0.7\n-0.3\n2.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// The marginal at tmin = 0.001 of N(0.7, 0.25), α² = exp(-(0.1t + 19.9t²/2)).
	a2 := math.Exp(-(0.1e-3 + 19.9e-6/2))
	mean, variance := 0.7*math.Sqrt(a2), 0.25*a2+1-a2
	var exact likelihoodGot
	document(t, &exact, "likelihood", "--problem", "gaussian", "--x", x, "--prior", "marginal", "--bin-width", "0.5", "--out", out, "--json")
	sum := 0.0
	for i, v := range []float64{0.7, -0.3, 2.2} {
		want := -math.Log(2*math.Pi*variance)/2 - (v-mean)*(v-mean)/(2*variance)
		r := exact.Results[i]
		if math.Abs(r.LogLikelihood-want) > 1e-8 || math.Abs(*r.Exact-want) > 1e-12 || *r.Difference != r.LogLikelihood-*r.Exact {
			t.Errorf("row %d: %+v, want log-likelihood %v", i, r, want)
		}
		if bits := -want/math.Ln2 + 1; math.Abs(r.BitsPerDim-bits) > 1e-8 || r.Row != i || r.Status != "done" || *r.StandardError != 0 {
			t.Errorf("row %d: %+v, want %v bits per dimension", i, r, bits)
		}
		sum += want / 3
	}
	if exact.Probe != nil || math.Abs(*exact.LogLikelihood-sum) > 1e-8 || *exact.StandardError != 0 || !(*exact.SamplingError > 0.1) {
		t.Errorf("summary %+v, want mean %v", exact, sum)
	}
	if z, rows, cols, err := problem.ReadMatrix(out); err != nil || rows != 3 || cols != 1 || math.Abs(z[0]) > 0.01 {
		t.Errorf("the noise is %v, error %v, want three numbers, the first near 0", z, err)
	}
	// Each row's probes are its own, whatever the workers and the blocks that come of them.
	var one, two likelihoodGot
	args := []string{"likelihood", "--rows", "5", "--divergence", "hutchinson", "--probe", "gaussian", "--probes", "3", "--rel", "1e-4", "--abs", "1e-4", "--json"}
	document(t, &one, append(args, "--workers", "1")...)
	document(t, &two, append(args, "--workers", "3")...)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("the result depends on the workers (-1 +3):\n%s", diff)
	}
	for _, r := range one.Results {
		if d := math.Abs(*r.Difference); d > 20**r.StandardError || d < 1e-6 {
			t.Errorf("an estimate differs by %.2g and says %.2g", d, *r.StandardError)
		}
	}
	// A single probe does not know its error: null.
	document(t, &one, "likelihood", "--rows", "1", "--divergence", "hutchinson", "--probes", "1", "--solver", "rk4", "--steps", "20", "--json")
	if r := one.Results[0]; r.StandardError != nil || r.NFE != 80 {
		t.Errorf("one probe: %+v, want no standard error and 80 evaluations", r)
	}
	status, text, _ := call(t, "likelihood", "--rows", "2", "--divergence", "hutchinson")
	for _, want := range []string{"8 rademacher probes", "smoothed to t=0.001", "over the probes", "difference"} {
		if status != exitDone || !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

func TestLikelihoodInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs strings.Builder
	if status := (Program{}).run(ctx, []string{"likelihood", "--rows", "2"}, &out, &errs); status != exitFailed || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("an interrupted run ends with %d and says %q", status, errs.String())
	}
}
