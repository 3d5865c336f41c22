package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers"
)

// written writes r to a new folder, and returns the folder and the names of its files.
func written(t *testing.T, r *study.Results) (dir string, names []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "new", "report")
	files, err := Write(dir, r)
	if err != nil {
		t.Fatalf("Write(%s) = %v", dir, err)
	}
	for _, f := range files {
		if filepath.Dir(f) != dir {
			t.Errorf("Write(%s) says it wrote %s", dir, f)
		}
		names = append(names, filepath.Base(f))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, found); diff != "" {
		t.Errorf("Write(%s): files told against found (-told +found):\n%s", dir, diff)
	}
	return dir, names
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWrite(t *testing.T) {
	r := fixture(t)
	dir, names := written(t, r)
	want := []string{"coefficients.png", "digits.png", "error-nfe.png", "index.html", "orders.png", "paths.png", "results.csv", "results.json", "tolerances.png"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("Write: files (-want +got):\n%s", diff)
	}

	// JSON: what comes back is what went in.
	var back study.Results
	if err := json.Unmarshal([]byte(read(t, dir, "results.json")), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*r, back, cmpopts.IgnoreFields(study.Results{}, "Tables", "Samples")); diff != "" {
		t.Errorf("results.json (-want +got):\n%s", diff)
	}

	// CSV: a line for each comparison.
	lines, err := csv.NewReader(strings.NewReader(read(t, dir, "results.csv"))).ReadAll() // refuses ragged lines
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(lines), 1+len(r.Comparisons); got != want {
		t.Errorf("results.csv has %d lines, want %d", got, want)
	}
	for _, line := range lines[1:] {
		if line[1] == "ddpm" && line[6] != "" || line[1] == "ddim" && line[6] == "" {
			t.Errorf("results.csv: rmse %q of %s, want it empty for stochastic solvers alone", line[6], line[1])
		}
	}

	for name, size := range map[string]image.Point{
		// Three columns of 390 points, or four of 300, at 96 dots per inch.
		"error-nfe.png": {1560, 860}, "orders.png": {1600, 1070}, "tolerances.png": {1560, 510}, "paths.png": {1040, 450}, "coefficients.png": {1560, 970}, "digits.png": {1440, 320},
	} {
		blank := 1 // the key may be
		switch name {
		case "orders.png":
			blank = 3 // panels are as long as the families
		case "paths.png":
			blank = 6 // one half is the key
		}
		checkPicture(t, filepath.Join(dir, name), size, blank)
	}
}

// checkPicture checks the size of a picture, loosely in height, and that of its 16 fields no more are blank than may be.
func checkPicture(t *testing.T, path string, size image.Point, mayBlank int) {
	t.Helper()
	m, err := png.Decode(strings.NewReader(read(t, path)))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	got := m.Bounds().Size()
	if math.Abs(float64(got.X-size.X)) > 0.05*float64(size.X) || math.Abs(float64(got.Y-size.Y)) > 0.1*float64(size.Y) {
		t.Errorf("%s is %v, want about %v", path, got, size)
	}
	blank := 0
	for i := range 4 {
		for j := range 4 {
			field := image.Rect(i*got.X/4, j*got.Y/4, (i+1)*got.X/4, (j+1)*got.Y/4)
			marks := 0
			for y := field.Min.Y; y < field.Max.Y; y += 2 {
				for x := field.Min.X; x < field.Max.X; x += 2 {
					if r, g, b, _ := m.At(x, y).RGBA(); r+g+b < 3*0xff00 {
						marks++
					}
				}
			}
			if marks < 25 {
				blank++
			}
		}
	}
	if blank > mayBlank {
		t.Errorf("%s: %d of 16 fields are blank, want at most %d", path, blank, mayBlank)
	}
}

func TestWriteErrors(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(file, "report")
		files, err := Write(dir, &study.Results{})
		if err == nil || files != nil || !strings.Contains(err.Error(), file) {
			t.Errorf("Write(%s) = %v, %v, want no files and an error that names %s", dir, files, err, file)
		}
	})
	t.Run("file", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "index.html")
		if err := os.Mkdir(path, 0o777); err != nil { // a folder cannot be replaced by a file
			t.Fatal(err)
		}
		files, err := Write(dir, &study.Results{})
		if err == nil || !strings.Contains(err.Error(), path) || len(files) != 2 {
			t.Errorf("Write(%s) = %v, %v, want two files and an error that names %s", dir, files, err, path)
		}
		if rest, _ := filepath.Glob(filepath.Join(dir, ".*")); rest != nil {
			t.Errorf("Write(%s) left %v", dir, rest)
		}
	})
}

// A reader must never see half a file: one that cannot be written leaves the old one.
func TestReplaceKeepsOld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := replace(path, func(w io.Writer) error { io.WriteString(w, "ne"); return broken })
	if !errors.Is(err, broken) {
		t.Errorf("replace(%s) = %v, want %v", path, err, broken)
	}
	if got := read(t, path); got != "old" {
		t.Errorf("after a write that failed %s holds %q, want %q", path, got, "old")
	}
}

// checkPage checks what every page must satisfy, and returns its text without tags and styles.
func checkPage(t *testing.T, html string) string {
	t.Helper()

	// It is whole in itself.
	bare := regexp.MustCompile(`xmlns="http://www.w3.org/2000/svg"|"data:image/png;base64,[^"]*"`).ReplaceAllString(html, "")
	for _, s := range regexp.MustCompile(`[a-z]*:?//[^"' )]*`).FindAllString(bare, -1) {
		t.Errorf("the page refers to %s", s)
	}
	for _, s := range regexp.MustCompile(`\b(src|href)="[^"]{0,60}`).FindAllString(html, -1) {
		_, target, _ := strings.Cut(s, `"`)
		if !strings.HasPrefix(target, "#") && !strings.HasPrefix(target, "data:image/png;base64,") && target != "results.json" && target != "results.csv" {
			t.Errorf("the page refers to %s", s)
		}
	}
	for _, s := range []string{"<script", "<link", "@import", "url(", "ZgotmplZ", "<no value>", "%!"} {
		if strings.Contains(html, s) {
			t.Errorf("the page contains %q", s)
		}
	}

	// Elements are closed in order, links lead somewhere, and pictures have a text.
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict, d.Entity = false, xml.HTMLEntity
	empty := []string{"meta", "img", "br"}
	var open []string
	var text strings.Builder
	ids, links := map[string]int{}, []string{}
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			attr := map[string]string{}
			for _, a := range e.Attr {
				attr[a.Name.Local] = a.Value
			}
			if id, ok := attr["id"]; ok {
				ids[id]++
			}
			if to, ok := strings.CutPrefix(attr["href"], "#"); ok {
				links = append(links, to)
			}
			switch {
			case name == "img" && attr["alt"] == "", name == "svg" && attr["aria-label"] == "", name == "th" && attr["scope"] == "":
				t.Errorf("a %s has no text or scope: %v", name, e.Attr)
			}
			if !slices.Contains(empty, name) {
				open = append(open, name)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				if !slices.Contains(empty, e.Name.Local) {
					t.Fatalf("</%s> closes %v", e.Name.Local, open)
				}
				continue
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if !slices.Contains(open, "style") {
				text.Write(e)
			}
		}
	}
	if len(open) > 0 {
		t.Errorf("the page leaves open %v", open)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the page has %d elements %q", n, id)
		}
	}
	for _, to := range links {
		if ids[to] == 0 {
			t.Errorf("a link leads to #%s, which is not there", to)
		}
	}

	// The pictures are strict XML, in hues and with numbers that are numbers.
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(html, -1) {
		if err := xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("an SVG is not well-formed: %v\n%.300s", err, svg)
		}
		if bad := regexp.MustCompile(`#[0-9A-Fa-f]{6}|NaN|Inf`).FindString(svg); bad != "" {
			t.Errorf("an SVG contains %s", bad)
		}
	}
	return text.String()
}

func TestPage(t *testing.T) {
	r := fixture(t)
	dir, _ := written(t, r)
	html := read(t, dir, "index.html")
	text := checkPage(t, html)
	for _, want := range []string{
		fmt.Sprintf("%d solvers for diffusion models", len(solvers.Catalog())),
		fmt.Sprintf("all %d claims hold", len(r.Equivalences)),
		fmt.Sprintf("all %d orders are certified", len(r.Orders)),
		"gaussian, mixture1d, digits", "Least RMSE on digits", "The study took 12.5 s", "go run ./bench",
		"ddim and eulerkappa: the same coefficients", "ddim and euler: not the same",
		"claimed order 1.5", // of paths the strong order
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, not := range []string{"NOT", "FAIL"} {
		if strings.Contains(text, not) {
			t.Errorf("the page says %q although every claim holds", not)
		}
	}
	// RMSE and W₂ on gaussian, RMSE on digits: each a picture of five families and a key, and W₂ one of the
	// stochastic. Orders, and error against steps: a panel for each family and a key. Two comparisons of coefficients. What a tolerance gives and
	// costs, and the grid beside it. The error of paths and a key.
	if got, want := strings.Count(html, "<svg"), 6+7+6+7+7+6+3+2; got != want {
		t.Errorf("the page has %d pictures, want %d", got, want)
	}
	// Three solvers with the reference at their head.
	if got, want := strings.Count(html, "<img"), 3+9; got != want {
		t.Errorf("the page has %d strips of samples, want %d", got, want)
	}
	// Folded: eight tables, error against steps, and what is on gaussian. The samples are open.
	if all, open := strings.Count(html, "<details"), strings.Count(html, "<details open"); all != 8+1+2+1 || open != 1 {
		t.Errorf("the page folds %d parts of which %d are unfolded, want 12 and 1", all, open)
	}
}

func TestPageTellsFailures(t *testing.T) {
	r := fixture(t)
	r.Equivalences[1].Holds = false
	r.Orders[2].Certified = false
	r.Warnings = []string{"beware of the dog"}
	dir, _ := written(t, r)
	text := checkPage(t, read(t, dir, "index.html"))
	for _, want := range []string{
		fmt.Sprintf("1 of %d claims NOT met", len(r.Equivalences)),
		fmt.Sprintf("1 of %d orders NOT certified", len(r.Orders)),
		`ddim and eulerkappa on grid quadratic, claim "identical": largest difference 5.00e-16 at 50 steps`,
		"midpoint on gaussian: ode order 2 claimed, 2.00 observed",
		"beware of the dog", "NO",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, not := range []string{"claims hold", "are certified"} {
		if strings.Contains(text, not) {
			t.Errorf("the page says %q although not all do", not)
		}
	}
	// In the picture the name of the solver and its mark stand out, and the key says why.
	got := alarms(read(t, dir, "index.html"))
	for _, want := range []string{"a claim that does not hold", "midpoint"} {
		if !slices.Contains(got, want) {
			t.Errorf("no picture shows %q in the colour of alarm", want)
		}
	}
	var all strings.Builder
	if err := newView(fixture(t)).html(&all); err != nil {
		t.Fatal(err)
	}
	if len(alarms(all.String())) > 0 {
		t.Error("a picture raises an alarm although every claim holds")
	}
}

// alarms returns the texts of the pictures that are in the colour of alarm.
func alarms(html string) (texts []string) {
	for _, m := range regexp.MustCompile(`<text[^>]*var\(--alarm\)[^>]*>([^<]*)`).FindAllStringSubmatch(html, -1) {
		texts = append(texts, m[1])
	}
	return texts
}

// Names come from the user's files and flags.
func TestPageEscapes(t *testing.T) {
	const evil = `<b>&"x'</svg>`
	r := fixture(t)
	e := 0.5
	r.Comparisons = append(r.Comparisons, study.Comparison{Problem: evil, Solver: evil, Grid: evil, NFE: 5, Budget: 5, RMSE: &e})
	r.Orders = append(r.Orders, study.Order{Solver: evil, Problem: evil, Kind: evil, Claimed: 1, Steps: []int{1, 2}, Errors: []float64{1, 2}})
	r.Equivalences = append(r.Equivalences, study.Equivalence{A: evil, B: evil, Grid: evil, Claim: evil})
	r.Warnings = append(r.Warnings, evil)
	r.Tables[1].Solver = evil
	r.Samples[1].Solver, r.Samples[0].Problem = evil, evil
	dir, _ := written(t, r)
	html := read(t, dir, "index.html")
	checkPage(t, html)
	if strings.Contains(html, "<b>&") {
		t.Errorf("the page contains %q as it is", evil)
	}
}

func TestWriteRagged(t *testing.T) {
	dir, names := written(t, ragged(t))
	text := checkPage(t, read(t, dir, "index.html"))
	for _, want := range []string{"2 of 3 claims NOT met", "3 of 4 orders NOT certified", "NaN", "beware", "ddim and heun cannot be compared", "strange"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".png") {
			if _, err := png.Decode(strings.NewReader(read(t, dir, name))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	var back map[string]any
	if err := json.Unmarshal([]byte(read(t, dir, "results.json")), &back); err != nil {
		t.Fatal(err)
	}
	if v, ok := back["seconds"]; !ok || v != nil {
		t.Errorf("results.json: seconds = %v, want null for NaN", v)
	}
	if _, err := csv.NewReader(strings.NewReader(read(t, dir, "results.csv"))).ReadAll(); err != nil {
		t.Error(err)
	}
}

func TestWriteEmpty(t *testing.T) {
	dir, names := written(t, &study.Results{})
	if diff := cmp.Diff([]string{"index.html", "results.csv", "results.json"}, names); diff != "" {
		t.Errorf("Write of empty results: files (-want +got):\n%s", diff)
	}
	text := checkPage(t, read(t, dir, "index.html"))
	for _, not := range []string{"all", "hold", "certified", "best of all"} {
		if regexp.MustCompile(`\b` + not + `\b`).MatchString(text) {
			t.Errorf("the page of empty results says %q", not)
		}
	}
	want := `{
  "seconds": 0,
  "equivalences": [],
  "orders": [],
  "comparisons": [],
  "controlled": [],
  "warnings": []
}
`
	if diff := cmp.Diff(want, read(t, dir, "results.json")); diff != "" {
		t.Errorf("results.json of empty results (-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	e, nan := 0.5, math.NaN()
	for _, test := range []struct {
		in   any
		want string
	}{
		{math.Inf(1), "null"},
		{[]float64{1, nan, 3}, "[1,null,3]"},
		{[]float64(nil), "[]"},
		{study.Equivalence{A: "a<b", Difference: nan, Observed: &nan}, `{"a":"a<b","b":"","grid":"","steps":0,"max_coefficient_difference":null,"claim":"","observed_order":null,"holds":false}`},
		{[]study.Order{{Observed: &e, Steps: []int{1}}}, `[{"solver":"","problem":"","kind":"","claimed":0,"observed":0.5,"steps":[1],"errors":[],"certified":false}]`},
	} {
		var b, got bytes.Buffer
		if err := JSON(&b, test.in); err != nil {
			t.Errorf("JSON(%v) = %v", test.in, err)
			continue
		}
		if err := json.Compact(&got, b.Bytes()); err != nil {
			t.Errorf("JSON(%v) writes %s: %v", test.in, b.String(), err)
		}
		if got := got.String(); got != test.want && got != test.want+"\n" {
			t.Errorf("JSON(%v) writes %s, want %s", test.in, got, test.want)
		}
	}
}

// The columns of the CSV are the fields of the JSON that are no objects, so that programs find the same in both.
func TestCSVHeader(t *testing.T) {
	var want []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[study.Comparison]()) {
		if name := f.Tag.Get("json"); name != "quality" {
			want = append(want, name)
		}
	}
	got := slices.Clone(csvHeader)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns of the CSV against fields of study.Comparison (-fields +columns):\n%s", diff)
	}
}
