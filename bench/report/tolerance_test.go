package report

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/bench/study"
)

// The tables of runs under error control, to the letter.
func TestAdaptive(t *testing.T) {
	r := fixture(t)
	var b strings.Builder
	if err := Adaptive(&b, r.Controlled, []float64{1e-1, 1e-3, 1e-9}, Style{}); err != nil {
		t.Fatal(err)
	}
	// dp5 on the grid has errors n⁻², so 10⁻³ takes √1000 = 32 evaluations. Under control it takes 65·(185/65)^log₁₀(2.5) = 99.
	want := `
Error control on digits
solver  tolerance  steps  rejected  NFE      RMSE    median  median/tolerance
dp5           0.1      6         0   25    0.0500    0.0250             0.250
dp5          0.01     20         1   65   0.00500   0.00250             0.250
dp5         0.001     60         2  185  5.00e-04  2.50e-04             0.250
etdrk3        0.1      6         0   25    0.0500    0.0250             0.250
etdrk3       0.01     20         1   65   0.00500   0.00250             0.250
etdrk3      0.001     60         2  185  5.00e-04  2.50e-04             0.250

NFE needed for a median error on digits
solver  steps      0.1   0.001   1e-09
dp5     quadratic  <20*     32*      -
dp5     adaptive   <25      99       -
etdrk3  quadratic  <20*     32*      -
etdrk3  adaptive   <25      99       -
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Adaptive (-want +got):\n%s", diff)
	}
	b.Reset()
	if err := Adaptive(&b, r.Comparisons, []float64{1e-1}, Style{}); err != nil || b.Len() > 0 {
		t.Errorf("without runs under control: %v, %q", err, b.String())
	}
}

// Runs under control are part of no contest, and of the page and the CSV.
func TestControlledRunsOnThePage(t *testing.T) {
	r := fixture(t)
	if n := len(contests(r.Controlled)); n != 2 {
		t.Errorf("%d contests of runs on one grid and under control, want 2, of the median error and the RMSE", n)
	}
	var b bytes.Buffer
	if err := newView(r).html(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<h2 id="control">Error control</h2>`, "digits, What it costs", "digits, The same solvers on the grid quadratic", "median error = tolerance", "the median errors of 6 runs are at most 0.250 times the tolerance", "NFE needed for a median error on digits"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	r.Controlled = nil
	b.Reset()
	if err := newView(r).html(&b); err != nil || strings.Contains(b.String(), `id="control"`) {
		t.Errorf("a page without runs under control has the section (%v)", err)
	}
	b.Reset()
	if err := CSV(&b, fixture(t).Controlled[:2]); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"tolerance", "rejected"}, {"", ""}, {"0.1", "0"}} {
		if got := lines[i][len(lines[i])-2:]; !slices.Equal(got, want) {
			t.Errorf("line %d of the CSV ends with %q, want %q", i, got, want)
		}
	}
}

func TestDrawAdaptive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.png")
	if err := DrawAdaptive(file, []study.Comparison{}); err == nil {
		t.Error("a picture of nothing is no error")
	}
	if err := DrawAdaptive(file, fixture(t).Controlled); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) {
		t.Errorf("the picture: %v", err)
	}
}
