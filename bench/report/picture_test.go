package report

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/quality"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers"
)

func TestFamilyOf(t *testing.T) {
	want := map[string]string{
		"euler": "Runge–Kutta in time t", "dp5": "Runge–Kutta in time t", "rk4kappa": "Runge–Kutta in κ = σ/α", "heunlambda": "Runge–Kutta in λ = log(α/σ)",
		"ddim": "Exponential, single-step", "ddim:eta=0.5": "Stochastic", "dpm2": "Exponential, single-step", "dpm++3s": "Exponential, single-step",
		"heunalpha:alpha=0.7": "Runge–Kutta in κ = σ/α", "lawson4": "Exponential, single-step", "unipc": "Multistep", "bdia": "Multistep", "sra1": "Stochastic", "lcm": "Stochastic",
		"dpm++2m": "Multistep", "dpm++2m:variant=heun": "Multistep", "expadams3": "Multistep", "abkappa": "Multistep", "abm:order=3": "Multistep",
		"ddpm": "Stochastic", "eulermaruyama": "Stochastic", "tomorrows": "Other", "": "Other",
	}
	got := map[string]string{}
	for name := range want {
		got[name] = families[familyOf(name)].title
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("familyOf (-want +got):\n%s", diff)
	}
}

// luminance and contrast are those of WCAG 2.
func luminance(c color.RGBA) float64 {
	linear := func(v uint8) float64 {
		u := float64(v) / 255
		if u <= 0.04045 {
			return u / 12.92
		}
		return math.Pow((u+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

func contrast(a, b color.RGBA) float64 {
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}

// Text in any hue must reach the contrast of WCAG AA, 4.5, on paper and on the veil.
func TestContrast(t *testing.T) {
	for name, th := range map[string]*theme{"light": light, "dark": dark} {
		hues := []hue{ink, muted, alarm, fine}
		for p := range hue(orders + 1) {
			hues = append(hues, order0+p)
		}
		for _, h := range hues {
			for _, ground := range []hue{paper, veil} {
				if got := contrast(th[h], th[ground]); got < 4.5 {
					t.Errorf("%s: contrast(%s, %s) = %.2f, want at least 4.5", name, h.name(), ground.name(), got)
				}
			}
		}
	}
}

// An SVG is put into hues by its colours, so no two hues may share one.
func TestLightHuesDiffer(t *testing.T) {
	seen := map[string]hue{}
	for h := range hues {
		c := code(light[h])
		if other, ok := seen[c]; ok || c == "#000000" {
			t.Errorf("hue %s has the colour %s, as has %s", h.name(), c, other.name())
		}
		seen[c] = h
	}
}

// Scales must be read by their lightness alone.
func TestScalesAreMonotone(t *testing.T) {
	for _, first := range []hue{heat, shift} {
		for i := hue(1); i < levels; i++ {
			if a, b := luminance(light[first+i-1]), luminance(light[first+i]); !(a > b) {
				t.Errorf("light %s is not darker than the one before", (first + i).name())
			}
			if a, b := luminance(dark[first+i-1]), luminance(dark[first+i]); !(a < b) {
				t.Errorf("dark %s is not lighter than the one before", (first + i).name())
			}
		}
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		want        []float64
		gap, lo, hi float64
		spread      []float64
	}{
		{nil, 1, 0, 10, nil},
		{[]float64{1, 5}, 1, 0, 10, []float64{1, 5}},
		{[]float64{5, 5}, 2, 0, 10, []float64{4, 6}},
		{[]float64{5, 5, 6}, 2, 0, 10, []float64{10.0 / 3, 16.0 / 3, 22.0 / 3}},
		{[]float64{0, 0}, 2, 0, 10, []float64{0, 2}},
		{[]float64{10, 10, 10}, 2, 0, 10, []float64{6, 8, 10}},
		{[]float64{1, 1, 1}, 2, 0, 3, []float64{0, 2, 4}}, // no room: apart all the same
	} {
		got := spread(test.want, test.gap, test.lo, test.hi)
		if diff := cmp.Diff(test.spread, got, cmpopts.EquateApprox(0, 1e-12), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("spread(%v, %v, %v, %v) (-want +got):\n%s", test.want, test.gap, test.lo, test.hi, diff)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		want := make([]float64, rng.IntN(12))
		for i := range want {
			want[i] = 200 * rng.Float64()
		}
		slices.Sort(want)
		got := spread(want, 11, 0, 200)
		for i, y := range got {
			if y < 0 || y > 200+1e-9 || i > 0 && y-got[i-1] < 11-1e-9 {
				t.Fatalf("spread(%v, 11, 0, 200) = %v", want, got)
			}
		}
	}
}

func TestMerged(t *testing.T) {
	a, b := []point{{5, 0.2}, {10, 0.1}}, []point{{5, 0.2 + 1e-16}, {10, 0.1}}
	got := merged([]curve{
		{name: "ddim", order: 1, points: a}, {name: "dpm2", order: 2, points: a}, {name: "dpm1", order: 1, points: b},
		{name: "short", order: 1, points: a[:1]}, {name: "bad", order: 1, alarm: true, points: a},
	})
	var names []string
	for _, c := range got {
		names = append(names, c.name)
	}
	if diff := cmp.Diff([]string{"ddim = dpm1", "dpm2", "short", "bad"}, names); diff != "" {
		t.Errorf("merged: names (-want +got):\n%s", diff)
	}
}

// No solver is below the envelope, and every point of it is some solver's.
func TestEnvelope(t *testing.T) {
	for _, c := range contests(fixture(t).Comparisons) {
		best := c.envelope()
		var all []point
		for _, r := range c.rows {
			all = append(all, r.points(c.least)...)
		}
		for i, p := range best {
			if i > 0 && !(p.x > best[i-1].x && p.y < best[i-1].y) {
				t.Errorf("%s: envelope %v is not decreasing", c.title(), best)
			}
			if !slices.Contains(all, p) {
				t.Errorf("%s: %v of the envelope is no solver's", c.title(), p)
			}
		}
		for _, p := range all {
			if !slices.ContainsFunc(best, func(q point) bool { return q.x <= p.x && q.y <= p.y }) {
				t.Errorf("%s: %v is below the envelope %v", c.title(), p, best)
			}
		}
	}
}

// The picture of the difference must show what the proof says.
func TestDifferencesAreDistance(t *testing.T) {
	for _, pair := range [][2]string{{"ddim", "eulerkappa"}, {"ddim", "euler"}, {"dpm2", "dpm++2s"}, {"ddpm", "ddpmlarge"}, {"dpm3", "dpm3"}} {
		a, b := trace(t, pair[0], 6), trace(t, pair[1], 6)
		want, err := solvers.Distance(a, b)
		if err != nil {
			t.Logf("Distance(%s, %s): %v", pair[0], pair[1], err)
			continue
		}
		if _, _, got := differences(a, b).largest(); got != want {
			t.Errorf("largest of differences(%s, %s) = %v, want Distance, %v", pair[0], pair[1], got, want)
		}
	}
}

func TestMagnitudes(t *testing.T) {
	c := &solvers.Coefficients{
		Evaluations: []solvers.Evaluation{{Input: solvers.Row{State: 1}}, {Input: solvers.Row{State: -2, Outputs: []float64{-3}, Noises: []float64{4}}}},
		Result:      solvers.Row{State: 5, Outputs: []float64{6, 0}, Noises: []float64{7}},
		Draws:       make([]solvers.Draw, 1),
	}
	nan := math.NaN()
	want := matrix{
		rows: []string{"input 1", "input 2", "result"}, columns: []string{"x", "ε1", "ε2", "z1"},
		at: [][]float64{{1, nan, nan, nan}, {2, 3, nan, 4}, {5, 6, 0, 7}},
	}
	if diff := cmp.Diff(want, magnitudes(c), cmp.AllowUnexported(matrix{}), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("magnitudes (-want +got):\n%s", diff)
	}
}

func TestScale(t *testing.T) {
	s := scale{heat, 1e-4, 1}
	for _, test := range []struct {
		v    float64
		want hue
		ok   bool
	}{{1, heat + levels - 1, true}, {1e-4, heat, true}, {1e-9, heat, true}, {math.Inf(1), heat + levels - 1, true}, {0, 0, false}, {math.NaN(), 0, false}} {
		if got, ok := s.hue(test.v); got != test.want || ok != test.ok {
			t.Errorf("hue(%v) = %v, %v, want %v, %v", test.v, got, ok, test.want, test.ok)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		lo, hi float64
		want   []string
	}{
		{3, 90, []string{"5", "10", "20", "50"}},
		{1e-3, 20, []string{"10^−3", "10^−2", "10^−1", "1", "10^1"}},
		{2e-17, 1, []string{"10^−15", "10^−12", "10^−9", "10^−6", "10^−3", "1"}},
		{0.11, 0.6, []string{"0.2", "0.5"}},
	} {
		var got []string
		for _, tick := range decades(test.lo, test.hi) {
			if tick.Label != "" {
				got = append(got, tick.Label)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("decades(%v, %v) (-want +got):\n%s", test.lo, test.hi, diff)
		}
	}
}

func TestAlbums(t *testing.T) {
	r := fixture(t)
	got := albums(r.Samples)
	if len(got) != 1 {
		t.Fatalf("albums: %d, want 1", len(got))
	}
	a := got[0]
	if a.reference == nil || a.reference.Solver != "dp5kappa" {
		t.Errorf("albums: reference %+v, want that of dp5kappa", a.reference)
	}
	if diff := cmp.Diff([]int{5, 10, 20}, a.budgets); diff != "" {
		t.Errorf("albums: budgets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"heunkappa", "ddim", "dpm3"}, a.solvers); diff != "" {
		t.Errorf("albums: solvers (-want +got):\n%s", diff)
	}
}

func TestPicture(t *testing.T) {
	s := study.Samples{Side: 2, X: []float64{9, 9, 9, 9, -1, 0, 1, math.NaN()}}
	m := picture(s, 1)
	for i, want := range []uint8{255, 128, 0, 255} {
		if got := m.RGBAAt(i%2, i/2).R; math.Abs(float64(got)-float64(want)) > 1 {
			t.Errorf("pixel %d of value %v is %d, want %d", i, s.X[4+i], got, want)
		}
	}
}

// Of a family those have a name that are the best of it within some budget, and landmarks; of a handful all.
func TestNamed(t *testing.T) {
	row := func(solver string, values ...float64) contestant {
		c := contestant{solver, map[int]outcome{}}
		for i, v := range values {
			c.by[i] = outcome{value: v}
		}
		return c
	}
	c := contest{budgets: []int{0, 1}, rows: []contestant{
		row("rk4", 0.5, 0.5), row("midpoint", 0.2, 0.4), row("kutta3", 0.3, 0.1), row("ssprk3", 0.3, 0.2), // rk4 is a landmark
		row("expadams2", 0.3, 0.2), row("expadams3", 0.30001, math.NaN()), row("expadams4", 0.4, 0.3), // the second prints the same as the first
		row("shark", 0.2, 0.1), row("sea", 0.4, 0.3), // a handful
	}}
	for _, name := range []string{"bs3", "heun", "ralston", "ralston3", "ralston4", "rk38", "tsit5"} {
		c.rows = append(c.rows, row(name, 0.9, 0.9))
	}
	for _, name := range []string{"lms", "deis", "plms", "ipndm", "res2m", "res3m", "dpm2m", "dpm3m"} {
		c.rows = append(c.rows, row(name, 0.9, 0.9))
	}
	want := map[string]bool{"rk4": true, "midpoint": true, "kutta3": true, "ssprk3": false, "expadams2": true, "expadams3": true, "expadams4": false, "shark": true, "sea": true}
	named, got := c.named(), map[string]bool{}
	for name := range want {
		got[name] = named[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("named (-want +got):\n%s", diff)
	}
}

// Every landmark is in the catalogue.
func TestLandmarks(t *testing.T) {
	for _, name := range landmarks {
		if _, err := solvers.ByName(name); err != nil {
			t.Error(err)
		}
	}
}

// TestEstimatesAreNotDrawn: measures of quality have tables and no pictures.
func TestEstimatesAreNotDrawn(t *testing.T) {
	m := &quality.Measures{Frechet: quality.Estimate{Value: 0.5, SE: 0.1}, SlicedW2: quality.Estimate{Value: -0.5, SE: 1}, MMD2: quality.Estimate{Value: 1}}
	rmse := 0.25
	list := contests([]study.Comparison{{Problem: "net", Solver: "ddim", Grid: "quadratic", Budget: 5, NFE: 5, RMSE: &rmse, Quality: m}})
	if len(list) != 4 {
		t.Fatalf("%d contests, want those of the RMSE and of three measures", len(list))
	}
	for i, c := range list {
		if drawn := c.figure() != nil; drawn != (i == 0) || len(c.table().Groups) == 0 {
			t.Errorf("%s: it is drawn: %t, and its table has %d groups", c.name, drawn, len(c.table().Groups))
		}
	}
}

// Of a crowd a picture shows the landmarks, and of a few all.
func TestSelection(t *testing.T) {
	a := &album{solvers: []string{"midpoint", "ddim", "dpm++2m"}}
	if got := a.selection(); got != a {
		t.Errorf("of few solvers the selection is %v", got.solvers)
	}
	for range crowd {
		a.solvers = append(a.solvers, "midpoint")
	}
	if diff := cmp.Diff([]string{"ddim", "dpm++2m"}, a.selection().solvers); diff != "" {
		t.Errorf("selection of a crowd (-want +got):\n%s", diff)
	}
	a.solvers = slices.Repeat([]string{"midpoint"}, crowd+1)
	if got := a.selection(); got != a {
		t.Errorf("of a crowd without landmarks the selection is %v", got.solvers)
	}
}

// A page shows few solvers together, more by family, and of a crowd a selection first. Each group begins with the reference.
func TestAlbumOnThePage(t *testing.T) {
	var list []study.Samples
	add := func(budget int, names ...string) {
		for _, name := range names {
			list = append(list, study.Samples{Problem: "p", Solver: name, Budget: budget, NFE: 5, Side: 2, X: make([]float64, 4)})
		}
	}
	type shown struct {
		Name          string
		Solvers, Rows int
		Open          bool
	}
	groups := func() (out []shown) {
		for _, g := range albums(list)[0].page().Groups {
			out = append(out, shown{g.Name, g.Solvers, len(g.Rows), g.Open})
		}
		return out
	}
	add(0, "converged")
	add(5, "ddim", "dpm2", "dpm++2m", "unipc")
	if diff := cmp.Diff([]shown{{"All", 4, 5, true}}, groups()); diff != "" {
		t.Errorf("few solvers (-want +got):\n%s", diff)
	}
	add(5, "dpm3", "res2s", "res3s", "expheun", "etdrk2", "etdrk3", "etdrk4")
	want := []shown{{"Exponential, single-step", 9, 10, true}, {"Multistep", 2, 3, false}}
	if diff := cmp.Diff(want, groups()); diff != "" {
		t.Errorf("more solvers (-want +got):\n%s", diff)
	}
	add(5, "abm", "expadams2", "expadams3", "expadams4", "expadams5", "expadams6", "lms", "plms", "pndm", "ipndm")
	want = []shown{{"A selection", 5, 6, true}, {"Exponential, single-step", 9, 10, false}, {"Multistep", 12, 13, false}}
	if diff := cmp.Diff(want, groups()); diff != "" {
		t.Errorf("a crowd (-want +got):\n%s", diff)
	}
}

func TestByHue(t *testing.T) {
	var got [][]float64
	for _, list := range byHue([]float64{1, 1.5, 2, 4, 5, 8}) {
		got = append(got, list)
	}
	if diff := cmp.Diff([][]float64{{1}, {1.5, 2}, {4}, {5, 8}}, got); diff != "" {
		t.Errorf("byHue (-want +got):\n%s", diff)
	}
}

// Pictures are stored in few colours, which are near those that were drawn.
func TestEncoded(t *testing.T) {
	drawn := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		c := color.RGBA{uint8(i), uint8(i / 16), uint8(i / 64), 255}
		if i < 64*32 {
			c = color.RGBA{255, 255, 255, 255}
		}
		drawn.SetRGBA(i%64, i/64, c)
	}
	b, err := encoded(drawn)
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := got.(*image.Paletted); !ok || len(p.Palette) != 256 {
		t.Errorf("the picture is a %T, want one of 256 colours", got)
	}
	far := 0
	for i := range 64 * 64 {
		want, c := drawn.RGBAAt(i%64, i/64), color.RGBAModel.Convert(got.At(i%64, i/64)).(color.RGBA)
		if white := (color.RGBA{255, 255, 255, 255}); want == white && c != white {
			t.Fatalf("white is stored as %v", c)
		}
		for _, d := range [...]int{int(want.R) - int(c.R), int(want.G) - int(c.G), int(want.B) - int(c.B)} {
			far = max(far, d, -d)
		}
	}
	if far > 64 {
		t.Errorf("a channel is off by %d", far)
	}
}

// TestInversionError: a reversible solver, which is left with rounding, is in the table and neither in the picture nor
// the bound of its range.
func TestInversionError(t *testing.T) {
	value := func(v float64) *float64 { return &v }
	list := contests([]study.Comparison{
		{Problem: "gaussian", Solver: "ddim", Grid: "quadratic", Budget: 5, NFE: 5, Inversion: value(0.25)},
		{Problem: "gaussian", Solver: "ddim", Grid: "quadratic", Budget: 10, NFE: 10, Inversion: value(0.125)},
		{Problem: "gaussian", Solver: "bdia", Grid: "quadratic", Budget: 10, NFE: 10, Inversion: value(1e-16)},
	})
	if len(list) != 1 || list[0].name != "inversion error" || len(list[0].rows) != 2 {
		t.Fatalf("contests = %+v, want one of the inversion error with two solvers", list)
	}
	want := []point{{5, 0.25}, {10, 0.125}}
	if got := list[0].envelope(); !slices.Equal(got, want) || list[0].figure() == nil {
		t.Errorf("the picture's envelope is %v, want %v", got, want)
	}
	if least, ok := list[0].best(10); !ok || least.value != 1e-16 {
		t.Errorf("the table's best is %v, want 1e-16", least.value)
	}
}

// TestColours draws two images of four pixels in three colours.
func TestColours(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.png")
	x := []float64{
		1, -1, -1, 2, -1, 1, -1, 2, -1, -1, 1, 2, // red, green, blue, white
		-3, 0, math.NaN(), -1, -3, 0, 0, -1, -3, 0, 1, -1, // black, grey, half green and blue, black
	}
	if err := DrawSamples(path, "", x, 12, 2); err != nil {
		t.Fatal(err)
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
	const gap, side = 6, 64
	if want := image.Rect(0, 0, 3*gap+2*side, 2*gap+side); m.Bounds() != want {
		t.Fatalf("bounds %v, want %v", m.Bounds(), want)
	}
	for i, want := range []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255},
		{0, 0, 0, 255}, {127, 127, 127, 255}, {0, 127, 255, 255}, {0, 0, 0, 255}} {
		at := image.Pt(gap+i/4*(side+gap)+i%2*side/2+side/4, gap+i%4/2*side/2+side/4)
		if got := color.NRGBAModel.Convert(m.At(at.X, at.Y)); got != want {
			t.Errorf("pixel %d at %v is %v, want %v", i, at, got, want)
		}
	}
}
