package scoremodel_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// humps is the nonlinear problem of numerics.md, section 4.3.
var humps = []scoremodel.Component{
	{Weight: 0.3, Mean: []float64{-1.2}, Variance: 0.35 * 0.35},
	{Weight: 0.7, Mean: []float64{0.8}, Variance: 0.5 * 0.5},
}

func quantiles(t *testing.T, m *scoremodel.Mixture, x []float64, from, to float64) []float64 {
	t.Helper()
	dst := make([]float64, len(x))
	if err := m.QuantileMap(dst, x, from, to); err != nil {
		t.Fatalf("QuantileMap(%v, %v, %v): %v", x, from, to, err)
	}
	return dst
}

// tails returns the probabilities of less and of more than x.
func tails(cs []scoremodel.Component, p sde.Point, x float64) (lower, upper float64) {
	for _, c := range cs {
		z := (x - p.Alpha*c.Mean[0]) / math.Sqrt(2*(p.Alpha*p.Alpha*c.Variance+p.Sigma*p.Sigma))
		lower += c.Weight * math.Erfc(-z) / 2
		upper += c.Weight * math.Erfc(z) / 2
	}
	return lower, upper
}

// The digits are of another program in another language.
func TestQuantileMapDigits(t *testing.T) {
	m := mixture(t, sde.VP{}, humps...)
	x := []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9}
	want := []float64{-1.565636447799369, -1.100124161745097, 0.326251386967891, 0.741462437369681, 1.057614935931222, 1.668862169821592}
	if diff := cmp.Diff(want, quantiles(t, m, x, 1, 1e-3), approx(0, 1e-14)); diff != "" {
		t.Errorf("QuantileMap from 1 to 1e-3 (-want +got):\n%s", diff)
	}
	if err := m.QuantileMap(x, x, 1, 1e-3); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, x, approx(0, 1e-14)); diff != "" {
		t.Errorf("in place (-want +got):\n%s", diff)
	}
}

// The map is the probability flow: methods that know only the score arrive at it, with the errors that
// another program found for them (numerics.md, section 4.3).
func TestQuantileMapIsTheFlow(t *testing.T) {
	m := mixture(t, sde.VP{}, humps...)
	x := []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9}
	exact := quantiles(t, m, x, 1, 1e-3)
	for _, c := range []struct {
		tab  ode.Tableau
		n    int
		want float64
	}{
		{ode.Euler, 16, 1.283e-2},
		{ode.Euler, 64, 2.222e-3},
		{ode.RK4, 16, 9.007e-5},
		{ode.RK4, 64, 2.589e-7},
		{ode.DP5, 16, 1.440e-6},
		{ode.DP5, 64, 2.540e-10},
	} {
		if err := flowError(t, m, c.tab, x, exact, c.n); math.Abs(err-c.want) > 6e-4*c.want {
			t.Errorf("%s, %d steps: error %.4g, want %.4g", c.tab.Name, c.n, err, c.want)
		}
	}
	if err := flowError(t, m, ode.DP5, x, exact, 256); err > 2e-13 {
		t.Errorf("%s, 256 steps: error %.3g, want at most 2e-13", ode.DP5.Name, err)
	}
}

func TestQuantileMapComposes(t *testing.T) {
	m := mixture(t, sde.VP{}, humps...)
	x := []float64{-12, -2.5, -1.2, -0.4, 0, 0.3, 0.8, 1.9, 3, 15}
	for _, c := range []struct {
		name       string
		way, other []float64
	}{
		{"there and back", []float64{1, 1e-3, 1}, []float64{1}},
		{"back and there", []float64{1e-3, 1, 1e-3}, []float64{1e-3}},
		{"by a stop on the way", []float64{0.9, 0.37, 0.01}, []float64{0.9, 0.01}},
		{"standing still", []float64{0.2, 0.2}, []float64{0.2}},
	} {
		carry := func(times []float64) []float64 {
			y := x
			for i := 1; i < len(times); i++ {
				y = quantiles(t, m, y, times[i-1], times[i])
			}
			return y
		}
		if diff := cmp.Diff(carry(c.other), carry(c.way), approx(1e-13, 1e-14)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestQuantileMapIsMonotone(t *testing.T) {
	x := make([]float64, 1601)
	for i := range x {
		x[i] = float64(i-800) / 50 // from -16 to 16
	}
	for _, c := range [][2]float64{{1, 1e-3}, {1e-3, 1}, {0.5, 0.1}} {
		y := quantiles(t, mixture(t, sde.VP{}, humps...), x, c[0], c[1])
		for i := 1; i < len(y); i++ {
			if !(y[i-1] < y[i]) {
				t.Errorf("from %v to %v: %v and %v go to %v and %v", c[0], c[1], x[i-1], x[i], y[i-1], y[i])
			}
		}
	}
}

// One component has a linear flow, out to where its tails are 1e-300.
func TestQuantileMapOfOneIsGaussian(t *testing.T) {
	c := scoremodel.Component{Weight: 1, Mean: []float64{1}, Variance: 0.25}
	m, g := mixture(t, sde.VP{}, c), gaussian(t, sde.VP{}, c)
	for _, way := range [][2]float64{{1, 1e-3}, {1e-3, 1}, {0.3, 0.2}} {
		mean, variance := g.Marginal(way[0])
		var x []float64
		for z := -37.0; z <= 37; z += 0.5 {
			x = append(x, mean[0]+z*math.Sqrt(variance[0]))
		}
		want := make([]float64, len(x))
		g.FlowMap(want, x, way[0], way[1])
		if diff := cmp.Diff(want, quantiles(t, m, x, way[0], way[1]), approx(1e-14, 1e-14)); diff != "" {
			t.Errorf("from %v to %v (-want +got):\n%s", way[0], way[1], diff)
		}
	}
}

// A value keeps the probability of its tail, to the last digits that the value itself carries.
func TestQuantileMapKeepsTails(t *testing.T) {
	for _, c := range []struct {
		name string
		cs   []scoremodel.Component
		x    []float64 // at t = 1, where the law is nearly standard normal
	}{
		{"humps", humps, []float64{-37, -30.2, -12, -1, 0, 0.1, 5, 30.2, 37}}, // 30.2 has 1e-200
		// Between the humps the density underflows, and the distribution function is flat.
		{"chasm", []scoremodel.Component{
			{Weight: 0.3, Mean: []float64{-20}, Variance: 0.01},
			{Weight: 0.7, Mean: []float64{20}, Variance: 0.01},
		}, []float64{-10, -0.6, -0.5244005127080407, -0.5, 0, 0.4, 3, 20}},
		{"crumb", []scoremodel.Component{
			{Weight: 1 - 0x1p-40, Mean: []float64{0}, Variance: 1e-4},
			{Weight: 0x1p-40, Mean: []float64{30}, Variance: 4},
		}, []float64{-35, -8, -6, 0, 6, 6.9, 7, 7.1, 9, 30}},
	} {
		m := mixture(t, sde.VP{}, c.cs...)
		p, q := sde.VP{}.At(1), sde.VP{}.At(1e-3)
		for i, y := range quantiles(t, m, c.x, 1, 1e-3) {
			lower, upper := tails(c.cs, p, c.x[i])
			gotLower, gotUpper := tails(c.cs, q, y)
			if upper < lower {
				lower, gotLower = upper, gotUpper
			}
			// A unit of round-off in y is |y|/s units in z = (y - αm)/s, and one in z is z² in the tail. No z
			// is above 38, where tails underflow, and no s is below σ.
			if bound := 4 * unit * (38*38 + 38*math.Abs(y)/q.Sigma); !(math.Abs(gotLower/lower-1) <= bound) {
				t.Errorf("%s: %v goes to %v: the tail %v becomes %v, want equal within %.2g", c.name, c.x[i], y, lower, gotLower, bound)
			}
		}
	}
}

func TestQuantileMapRefuses(t *testing.T) {
	line, plane := mixture(t, sde.VP{}, humps...), mixture(t, sde.VP{}, ring(3)...)
	for _, c := range []struct {
		name string
		m    *scoremodel.Mixture
		x    []float64
		want string // in the error
	}{
		{"two dimensions", plane, []float64{0, 0}, "the mixture has 2"},
		{"lower tail underflows", line, []float64{0, -40}, "value 1, -40: "},
		{"upper tail underflows", line, []float64{40}, "value 0, 40: "},
		{"tail of 2e-310 has lost digits", line, []float64{-37.6}, "value 0, -37.6: "},
		{"NaN", line, []float64{0, 1, math.NaN()}, "value 2, NaN: "},
		{"infinity", line, []float64{math.Inf(1)}, "value 0, +Inf: "},
	} {
		err := c.m.QuantileMap(make([]float64, len(c.x)), c.x, 1, 1e-3)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	checkPanics(t, map[string]func(){
		"short dst": func() { line.QuantileMap(make([]float64, 1), make([]float64, 2), 1, 0.5) },
		"long dst":  func() { line.QuantileMap(make([]float64, 3), make([]float64, 2), 1, 0.5) },
	})
}

// The distribution function needs variances and means only, however they were given.
func TestQuantileMapOfAnyShape(t *testing.T) {
	x := []float64{-2, -0.5, 0, 0.7, 4}
	want := quantiles(t, mixture(t, sde.VP{}, humps...), x, 1, 0.05)
	var diagonal, full []scoremodel.Component
	for _, c := range humps {
		diagonal = append(diagonal, scoremodel.Component{Weight: c.Weight, Mean: c.Mean, Variances: []float64{c.Variance}})
		full = append(full, scoremodel.Component{Weight: c.Weight, Mean: c.Mean, Covariance: covariance(c, sde.Point{Alpha: 1})})
	}
	for name, cs := range map[string][]scoremodel.Component{"diagonal": diagonal, "full": full} {
		if diff := cmp.Diff(want, quantiles(t, mixture(t, sde.VP{}, cs...), x, 1, 0.05), approx(1e-14, 0)); diff != "" {
			t.Errorf("%s (-isotropic +%s):\n%s", name, name, diff)
		}
	}
}
