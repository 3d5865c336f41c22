package report

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/bench/quality"
	"github.com/diffsolve/diffsolve/bench/study"
)

func ExampleOrders() {
	two, slow := 1.98, 0.52
	Orders(os.Stdout, []study.Order{
		{Solver: "heun", Problem: "gaussian", Kind: "ode", Claimed: 2, Observed: &two, Certified: true},
		{Solver: "heun", Problem: "mixture1d", Kind: "ode", Claimed: 2, Observed: &two, Certified: true},
		{Solver: "ddim", Problem: "gaussian", Kind: "ode", Claimed: 1, Observed: &slow, Certified: false},
	}, Style{})
	// Output:
	// Orders: 1 of 3 orders NOT certified
	//
	// ode order
	// solver  claimed  on gaussian  on mixture1d  certified
	// heun          2         1.98          1.98  yes
	// ddim          1         0.52             -  NO
}

func ExampleComparisons() {
	value := func(v float64) *float64 { return &v }
	Comparisons(os.Stdout, []study.Comparison{
		{Problem: "gaussian", Solver: "ddim", Grid: "quadratic", Budget: 5, NFE: 5, RMSE: value(0.128), W2: value(0.138)},
		{Problem: "gaussian", Solver: "ddim", Grid: "quadratic", Budget: 10, NFE: 10, RMSE: value(0.0691), W2: value(0.0741)},
		{Problem: "gaussian", Solver: "dp5", Grid: "quadratic", Budget: 10, NFE: 6, RMSE: value(1.5e-4), W2: value(1.6e-4)},
		{Problem: "gaussian", Solver: "ddpm", Grid: "quadratic", Budget: 5, NFE: 5, W2: value(0.196)},
	}, Style{})
	// Output:
	// RMSE on gaussian, grid quadratic, by budget of model evaluations
	// solver      5         10
	// dp5         -   1.50e-04*
	// ddim    0.128*    0.0691
	//
	// W₂ on gaussian, grid quadratic, by budget of model evaluations
	// solver      5         10
	// dp5         -   1.60e-04*
	// ddim    0.138*    0.0741
	// ddpm    0.196          -
}

func ExampleEquivalences() {
	order := 0.97
	Equivalences(os.Stdout, []study.Equivalence{
		{A: "ddim", B: "eulerkappa", Grid: "quadratic", Steps: 10, Difference: 8.5e-16, Claim: "identical", Holds: true},
		{A: "ddim", B: "eulerkappa", Grid: "lambda", Steps: 10, Difference: 3.7e-16, Claim: "identical", Holds: true},
		{A: "ddim", B: "euler", Grid: "lambda", Steps: 10, Difference: 0.65, Claim: "converges", Observed: &order, Holds: true},
		{A: "ddim", B: "euler", Grid: "lambda", Steps: 250, Difference: 0.03, Claim: "converges", Observed: &order, Holds: true},
	}, Style{})
	// Output:
	// Equivalences: all 4 claims hold
	//
	// Claimed identical
	// a     b           grids              steps  largest difference  holds
	// ddim  eulerkappa  quadratic, lambda  10               8.50e-16  yes
	//
	// Claimed to converge
	// a     b      grid    steps           difference  observed order  holds
	// ddim  euler  lambda  10 to 250  0.650 to 0.0300            0.97  yes
}

// An error that is no larger than the reference's own is marked, and is the best like any other.
func ExampleComparisons_floor() {
	floor, worse := 1.1e-6, 2e-5
	Comparisons(os.Stdout, []study.Comparison{
		{Problem: "net", Solver: "ddim", Grid: "lambda", NFE: 999, Budget: 999, RMSE: &worse, ReferenceError: &floor},
		{Problem: "net", Solver: "unipc", Grid: "lambda", NFE: 999, Budget: 999, RMSE: &floor, ReferenceError: &floor},
	}, Style{})
	// Output:
	// RMSE on net, grid lambda, by budget of model evaluations
	// solver        999
	// ddim     2.00e-05
	// unipc   ≤1.10e-06*
}

// Estimates come with their standard errors, and all that the best one's error does not tell from it are marked.
func ExampleComparisons_quality() {
	measured := func(solver string, value, se float64) study.Comparison {
		return study.Comparison{Problem: "net", Solver: solver, Grid: "lambda", NFE: 9, Budget: 9, Quality: &quality.Measures{
			Frechet: quality.Estimate{Value: value, SE: se}, SlicedW2: quality.Estimate{Value: 1, SE: 0}, MMD2: quality.Estimate{Value: -0.002, SE: 0.001}}}
	}
	Comparisons(os.Stdout, []study.Comparison{measured("ddim", 0.34, 0.06), measured("unipc", 0.1, 0.05), measured("dpm3", 0.14, 0.01), measured("dpm2", 9, 20)}, Style{})
	// Output:
	// Fréchet distance² on net, grid lambda, by budget of model evaluations
	// solver           9
	// ddim    0.340±0.06
	// dpm3    0.140±0.01*
	// dpm2       9.00±20
	// unipc   0.100±0.05*
	//
	// Sliced W₂² on net, grid lambda, by budget of model evaluations
	// solver       9
	// ddim    1.00±0*
	// dpm3    1.00±0*
	// dpm2    1.00±0*
	// unipc   1.00±0*
	//
	// MMD² on net, grid lambda, by budget of model evaluations
	// solver               9
	// ddim    -0.00200±0.001*
	// dpm3    -0.00200±0.001*
	// dpm2    -0.00200±0.001*
	// unipc   -0.00200±0.001*
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// What a study found is said last.
func TestTextEndsWithSummary(t *testing.T) {
	var b strings.Builder
	r := fixture(t)
	if err := Text(&b, r, Style{}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\nSummary\n")
	want := fmt.Sprintf(`Equivalences: all %d claims hold
Orders: all %d orders are certified
Error control: the median errors of 6 runs are at most 0.250 times the tolerance
Least RMSE on digits, by budget: `, len(r.Equivalences), len(r.Orders))
	if !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 4 {
		t.Errorf("Text ends with\n%s\nwant it to begin\n%s", got, want)
	}
}

// Whatever the style, columns end, or begin, at the same place.
func TestTextAligned(t *testing.T) {
	for name, r := range map[string]*study.Results{"fixture": fixture(t), "ragged": ragged(t), "empty": {}} {
		for _, style := range []Style{{}, {Bold: true}} {
			var b bytes.Buffer
			if err := Text(&b, r, style); err != nil {
				t.Errorf("Text(%s, %+v) = %v", name, style, err)
			}
			out := b.String()
			if !style.Bold && strings.Contains(out, "\x1b") {
				t.Errorf("Text(%s, %+v) prints escape codes", name, style)
			}
			for line := range strings.Lines(out) {
				if line != strings.TrimRight(line, " \n")+"\n" {
					t.Errorf("Text(%s, %+v) ends %q with blanks", name, style, line)
				}
			}
			for _, table := range strings.Split(escape.ReplaceAllString(out, ""), "\n\n") {
				checkAligned(t, table)
			}
		}
	}
}

// checkAligned checks a table of numbers: where the heading of a column ends, so does every entry.
func checkAligned(t *testing.T, table string) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(table, "\n"), "\n")
	if len(lines) < 3 || !strings.Contains(lines[0], "by budget") {
		return
	}
	ends := func(line string) (at []int) {
		line = strings.ReplaceAll(line, "*", " ")
		for _, span := range regexp.MustCompile(`\S+`).FindAllStringIndex(line, -1) {
			at = append(at, utf8.RuneCountInString(line[:span[1]]))
		}
		return at[1:] // the first is text
	}
	want := ends(lines[1])
	for _, line := range lines[2:] {
		if diff := cmp.Diff(want, ends(line)); diff != "" {
			t.Errorf("columns of %q under %q (-want +got):\n%s", line, lines[1], diff)
		}
	}
}

// The mark of the best must be at the least of its column, and nowhere else.
func TestComparisonsMarkTheLeast(t *testing.T) {
	r := fixture(t)
	for _, style := range []Style{{}, {Bold: true}} {
		var b bytes.Buffer
		if err := Comparisons(&b, r.Comparisons, style); err != nil {
			t.Fatal(err)
		}
		for _, table := range strings.Split(b.String(), "\n\n") {
			lines := strings.Split(strings.TrimSpace(table), "\n")
			columns := len(strings.Fields(lines[1]))
			for j := 1; j < columns; j++ {
				least, marked := math.Inf(1), []float64{}
				for _, line := range lines[2:] {
					word := strings.Fields(line)[j]
					mark := strings.HasSuffix(word, "*") || strings.Contains(word, "\x1b")
					word = strings.TrimSuffix(escape.ReplaceAllString(word, ""), "*")
					if word == "-" {
						continue
					}
					v, err := strconv.ParseFloat(word, 64)
					if err != nil {
						t.Fatal(err)
					}
					least = math.Min(least, v)
					if mark {
						marked = append(marked, v)
					}
				}
				if len(marked) == 0 {
					t.Errorf("%s, column %d: nothing is marked", lines[0], j)
				}
				for _, v := range marked {
					if v != least {
						t.Errorf("%s, column %d: %v is marked, the least is %v", lines[0], j, v, least)
					}
				}
			}
		}
	}
}

// Solvers that print the same as the best share its mark; NaN and what is missing never have it.
func TestContestMarks(t *testing.T) {
	value := func(v float64) *float64 { return &v }
	var list []study.Comparison
	for solver, v := range map[string]*float64{"euler": value(0.25), "midpoint": value(0.25 + 1e-15), "heun": value(0.26), "rk4": value(math.NaN()), "dp5": nil} {
		list = append(list, study.Comparison{Problem: "p", Grid: "g", Solver: solver, Budget: 5, NFE: 5, RMSE: v})
	}
	got := map[string]look{}
	for _, g := range contests(list)[0].table().Groups {
		for _, row := range g.Rows {
			got[row[0].Text] = row[1].Look
		}
	}
	want := map[string]look{"euler": best, "midpoint": best, "heun": plain, "rk4": plain}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

// A line that stands for many cases holds only if all of them do, and shows the worst.
func TestEquivalenceTables(t *testing.T) {
	nan := math.NaN()
	cases := func(claim string, differences []float64, holds ...bool) (list []study.Equivalence) {
		for i, d := range differences {
			list = append(list, study.Equivalence{A: "a", B: "b", Grid: "g", Steps: 10 * (i + 1), Claim: claim, Difference: d, Holds: holds[i]})
		}
		return list
	}
	for _, test := range []struct {
		claim       string
		differences []float64
		holds       []bool
		difference  string
		last        cell
	}{
		{"identical", []float64{1e-16, 3e-16, 2e-16}, []bool{true, true, true}, "3.00e-16", cell{"yes", good}},
		{"identical", []float64{1e-16, 0.5, 2e-16}, []bool{true, false, true}, "0.500", cell{"NO", bad}},
		{"identical", []float64{1e-16, nan, 2e-16}, []bool{true, false, true}, "NaN", cell{"NO", bad}},
		{"converges", []float64{0.2, 0.1, 0.05}, []bool{true, true, true}, "0.200 to 0.0500", cell{"yes", good}},
		{"converges", []float64{0.2, 0.3, 0.05}, []bool{true, false, true}, "0.200 to 0.0500", cell{"NO", bad}},
	} {
		list := cases(test.claim, test.differences, test.holds...)
		table := identities(list)
		if test.claim == "converges" {
			table = convergences(list)
		}
		row := table.Groups[0].Rows[0]
		if got := row[4].Text; got != test.difference {
			t.Errorf("%s %v: difference %s, want %s", test.claim, test.differences, got, test.difference)
		}
		if got := row[len(row)-1]; got != test.last {
			t.Errorf("%s, cases hold %v: line says %v, want %v", test.claim, test.holds, got, test.last)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestTextErrors(t *testing.T) {
	if err := Text(brokenWriter{}, fixture(t), Style{}); !errors.Is(err, errBroken) {
		t.Errorf("Text to a broken writer = %v, want %v", err, errBroken)
	}
}

func TestCompact(t *testing.T) {
	for _, test := range []struct {
		v    float64
		want string
	}{
		{0.106, "0.106"}, {0.1, "0.100"}, {0.0999999, "0.100"}, {1, "1.00"}, {9.999, "10.0"}, {12.34, "12.3"}, {123.4, "123"}, {1234, "1.23e+03"},
		{999.7, "1.00e+03"}, {0.00123, "0.00123"}, {0.000123, "1.23e-04"}, {0.001, "0.00100"}, {2.5e-16, "2.50e-16"}, {0, "0"}, {-0.5, "-0.500"},
		{math.NaN(), "NaN"}, {math.Inf(1), "Inf"}, {math.Inf(-1), "-Inf"},
	} {
		if got := compact(test.v); got != test.want {
			t.Errorf("compact(%v) = %s, want %s", test.v, got, test.want)
		}
	}
}
