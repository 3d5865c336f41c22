package scoremodel_test

import (
	"fmt"
	"log"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// guide is what CFG, CFGZero and APG have in common.
type guide interface {
	Guide(conditional, unconditional scoremodel.Model, dim int, s sde.Schedule) (scoremodel.Guided, error)
}

// mustGuide returns the guided model, or ends the test.
func mustGuide(t testing.TB, g guide, c, u scoremodel.Model, dim int) scoremodel.Guided {
	t.Helper()
	m, err := g.Guide(c, u, dim, sde.VP{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGuidanceByHand works the papers' formulas out on two rows that need different factors.
func TestGuidanceByHand(t *testing.T) {
	for _, test := range []struct {
		name       string
		g          guide
		kind       scoremodel.Kind
		c, u, want []float64
	}{
		{"no condition", scoremodel.CFG{}, scoremodel.Epsilon, []float64{1, 2, 5, 5}, []float64{3, 1, 0, 2}, []float64{3, 1, 0, 2}},
		{"condition alone", scoremodel.CFG{Scale: 1}, scoremodel.Epsilon, []float64{1, 2, 5, 5}, []float64{3, 1, 0, 2}, []float64{1, 2, 5, 5}},
		{"cfg", scoremodel.CFG{Scale: 3}, scoremodel.Epsilon, []float64{1, 2, 5, 5}, []float64{3, 1, 0, 2}, []float64{-3, 4, 15, 11}},
		// m is (-1, 5) and (6, 14), of deviation 3 and 4; those of c are 1 and 2.
		{"rescale", scoremodel.CFG{Scale: 2, Rescale: 1, In: scoremodel.Velocity}, scoremodel.Velocity,
			[]float64{1, 3, 2, 6}, []float64{3, 1, -2, -2}, []float64{-1. / 3, 5. / 3, 3, 7}},
		{"half a rescale", scoremodel.CFG{Scale: 2, Rescale: 0.5, In: scoremodel.Velocity}, scoremodel.Velocity,
			[]float64{1, 3, 2, 6}, []float64{3, 1, -2, -2}, []float64{-2. / 3, 10. / 3, 4.5, 10.5}},
		{"rescale of a constant row", scoremodel.CFG{Scale: 2, Rescale: 1}, scoremodel.Epsilon,
			[]float64{1, 2, 4, 4}, []float64{0, 2, 2, 2}, []float64{2, 2, 6, 6}},
		// s* is 2 in the first row, and any number in the second, where u is 0.
		{"cfg-zero*", scoremodel.CFGZero{Scale: 3}, scoremodel.Flow, []float64{2, 2, 1, 2}, []float64{1, 0, 0, 0}, []float64{2, 6, 3, 6}},
		{"cfg-zero* before its time", scoremodel.CFGZero{Scale: 3, After: 0.4}, scoremodel.Flow, []float64{2, 2, 1, 2}, []float64{1, 0, 0, 0}, []float64{0, 0, 0, 0}},
		{"cfg-zero* at its time", scoremodel.CFGZero{Scale: 3, After: 0.5}, scoremodel.Flow, []float64{2, 2, 1, 2}, []float64{1, 0, 0, 0}, []float64{2, 6, 3, 6}},
		// d is (2, 2), of which (2, 0) is along c, and (0, 3), all across it.
		{"apg", scoremodel.APG{Scale: 3}, scoremodel.Data, []float64{1, 0, 2, 0}, []float64{-1, -2, 2, -3}, []float64{1, 4, 2, 6}},
		{"apg keeps half", scoremodel.APG{Scale: 3, Parallel: 0.5}, scoremodel.Data, []float64{1, 0, 2, 0}, []float64{-1, -2, 2, -3}, []float64{3, 4, 2, 6}},
		// d is shortened to (1, 1) and (0, √2).
		{"apg with a norm", scoremodel.APG{Scale: 3, Norm: math.Sqrt2}, scoremodel.Data, []float64{1, 0, 2, 0}, []float64{-1, -2, 2, -3}, []float64{1, 2, 2, 2 * math.Sqrt2}},
		{"apg without a direction", scoremodel.APG{Scale: 3}, scoremodel.Data, []float64{0, 0, 2, 0}, []float64{-1, -2, 2, -3}, []float64{2, 4, 2, 6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := mustGuide(t, test.g, constant(test.kind, test.c...), constant(test.kind, test.u...), 2)
			if m.Kind() != test.kind {
				t.Errorf("Kind() = %v, want %v", m.Kind(), test.kind)
			}
			x := normals(1, 4)
			if diff := cmp.Diff(test.want, predict(t, m, x, 0.5), approx(1e-15, 1e-15)); diff != "" {
				t.Errorf("Predict (-want +got):\n%s", diff)
			}
			both, plain := make([]float64, 4), make([]float64, 4)
			if err := m.PredictBoth(both, plain, x, 0.5); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(both, predict(t, m, x, 0.5)) || !slices.Equal(plain, test.u) {
				t.Errorf("PredictBoth = %v, %v, want what Predict gives and %v", both, plain, test.u)
			}
		})
	}
}

// conditionals returns a conditional and an unconditional model of two-element rows.
func conditionals(t testing.TB) (c, u scoremodel.Model) {
	t.Helper()
	one := scoremodel.Component{Weight: 0.5, Mean: []float64{-1, 0.5}, Variance: 0.2}
	two := scoremodel.Component{Weight: 0.5, Mean: []float64{1, 0}, Variance: 0.15}
	gaussian, err := scoremodel.NewGaussian(sde.VP{}, one)
	if err != nil {
		t.Fatal(err)
	}
	mixture, err := scoremodel.NewMixture(sde.VP{}, one, two)
	if err != nil {
		t.Fatal(err)
	}
	return gaussian, mixture
}

// TestGuidanceKinds combines predictions of every pair of kinds in every kind. Classifier-free guidance is an affine combination, so that all agree, and
// so do those of APG that project nothing away and CFG.
func TestGuidanceKinds(t *testing.T) {
	c, u := conditionals(t)
	x := normals(3, 10)
	for _, at := range []float64{0.05, 0.5, 1} {
		want := predict(t, mustGuide(t, scoremodel.CFG{Scale: 4}, c, u, 2), x, at)
		check := func(name string, m scoremodel.Model) {
			t.Helper()
			got := predict(t, scoremodel.As(m, scoremodel.Epsilon, sde.VP{}), x, at)
			if diff := cmp.Diff(want, got, approx(1e-11, 1e-11)); diff != "" {
				t.Errorf("%s at t=%v (-want +got):\n%s", name, at, diff)
			}
		}
		for i, in := range kinds {
			cc := scoremodel.As(c, kinds[(i+1)%len(kinds)], sde.VP{})
			uu := scoremodel.As(u, kinds[(i+2)%len(kinds)], sde.VP{})
			check(in.String(), mustGuide(t, scoremodel.CFG{Scale: 4, In: in}, cc, uu, 2))
		}
		check("apg", mustGuide(t, scoremodel.APG{Scale: 4, Parallel: 1}, c, u, 2))
		rescaled := mustGuide(t, scoremodel.CFG{Scale: 4, Rescale: 1}, c, u, 2)
		if cmp.Equal(want, predict(t, rescaled, x, at), approx(1e-3, 1e-3)) {
			t.Errorf("rescaling changes nothing at t=%v", at)
		}
	}
}

// TestGuidanceRows splits a batch: no row may depend on another.
func TestGuidanceRows(t *testing.T) {
	c, u := conditionals(t)
	x := normals(4, 14)
	for _, g := range []guide{scoremodel.CFG{Scale: 4, Rescale: 0.7}, scoremodel.CFGZero{Scale: 4}, scoremodel.APG{Scale: 4, Norm: 0.5}} {
		m := mustGuide(t, g, c, u, 2)
		dynamic, err := scoremodel.DynamicThreshold{Percentile: 0.6}.Apply(m, 2, sde.VP{})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []scoremodel.Model{m, dynamic} {
			whole := predict(t, m, x, 0.6)
			parts := append(predict(t, m, x[:4], 0.6), predict(t, m, x[4:], 0.6)...)
			if !slices.Equal(whole, parts) {
				t.Errorf("%T %+v: the rows depend on the batch: %v and %v", m, g, whole, parts)
			}
		}
	}
}

// TestBothThroughViews takes both predictions from behind the wrappers of this package.
func TestBothThroughViews(t *testing.T) {
	c, u := conditionals(t)
	g := mustGuide(t, scoremodel.CFG{Scale: 4}, c, u, 2)
	counter := &scoremodel.Counter{Model: g}
	limited, err := scoremodel.StaticThreshold{Limit: 1e6}.Apply(scoremodel.As(counter, scoremodel.Data, sde.VP{}), sde.VP{})
	if err != nil {
		t.Fatal(err)
	}
	x := normals(5, 6)
	got, plain := make([]float64, 6), make([]float64, 6)
	if err := scoremodel.Both(limited, got, plain, x, 0.3); err != nil {
		t.Fatal(err)
	}
	want := [][]float64{predict(t, scoremodel.As(g, scoremodel.Data, sde.VP{}), x, 0.3), predict(t, scoremodel.As(u, scoremodel.Data, sde.VP{}), x, 0.3)}
	if diff := cmp.Diff(want, [][]float64{got, plain}, approx(1e-14, 1e-14)); diff != "" {
		t.Errorf("Both through three wrappers (-want +got):\n%s", diff)
	}
	if counter.NFE() != 1 {
		t.Errorf("both predictions count as %d evaluations, want 1", counter.NFE())
	}
	// A model that is not guided is its own other.
	if err := scoremodel.Both(u, got, plain, x, 0.3); err != nil || !slices.Equal(got, plain) {
		t.Errorf("Both of a plain model = %v, %v, %v, want the same twice", got, plain, err)
	}
}

func TestGuidanceBadInput(t *testing.T) {
	c, u := conditionals(t)
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		g    guide
		c, u scoremodel.Model
		dim  int
		s    sde.Schedule
		want string
	}{
		{scoremodel.CFG{Scale: nan}, c, u, 2, sde.VP{}, "Scale is NaN"},
		{scoremodel.CFG{Scale: inf}, c, u, 2, sde.VP{}, "Scale is +Inf"},
		{scoremodel.CFG{Rescale: 1.1}, c, u, 2, sde.VP{}, "Rescale is 1.1, want 0 to 1"},
		{scoremodel.CFG{Rescale: nan}, c, u, 2, sde.VP{}, "Rescale is NaN"},
		{scoremodel.CFG{Rescale: 0.5}, c, u, 1, sde.VP{}, "no deviation"},
		{scoremodel.CFG{In: 7}, c, u, 2, sde.VP{}, "unknown kind"},
		{scoremodel.CFG{}, nil, u, 2, sde.VP{}, "a model is missing"},
		{scoremodel.CFG{}, c, nil, 2, sde.VP{}, "a model is missing"},
		{scoremodel.CFG{}, c, u, 2, nil, "the schedule is missing"},
		{scoremodel.CFG{}, c, u, 0, sde.VP{}, "rows have 0 elements"},
		{scoremodel.CFGZero{Scale: nan}, c, u, 2, sde.VP{}, "Scale is NaN"},
		{scoremodel.CFGZero{After: -1}, c, u, 2, sde.VP{}, "After is -1"},
		{scoremodel.APG{Scale: inf}, c, u, 2, sde.VP{}, "Scale is +Inf"},
		{scoremodel.APG{Parallel: -0.1}, c, u, 2, sde.VP{}, "Parallel is -0.1"},
		{scoremodel.APG{Norm: inf}, c, u, 2, sde.VP{}, "Norm is +Inf"},
	} {
		if _, err := test.g.Guide(test.c, test.u, test.dim, test.s); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v.Guide: error %v, want one that says %q", test.g, err, test.want)
		}
	}
	m := mustGuide(t, scoremodel.CFG{Scale: 2}, c, u, 2)
	if err := m.Predict(make([]float64, 3), make([]float64, 3), 0.5); err == nil {
		t.Error("a state of 3 elements is accepted for rows of 2")
	}
}

func TestGuidanceDoesNotAllocate(t *testing.T) {
	c, u := constant(scoremodel.Epsilon, 1, 2), constant(scoremodel.Data, 3, 1)
	x, dst := normals(6, 8), make([]float64, 8)
	for _, g := range []guide{scoremodel.CFG{Scale: 4, Rescale: 0.7}, scoremodel.CFGZero{Scale: 4}, scoremodel.APG{Scale: 4}} {
		m, err := scoremodel.DynamicThreshold{}.Apply(mustGuide(t, g, c, u, 2), 2, sde.VP{})
		if err != nil {
			t.Fatal(err)
		}
		if n := allocations(t, func() { _ = m.Predict(dst, x, 0.5) }); n != 0 {
			t.Errorf("%+v: a prediction allocates %v times", g, n)
		}
	}
}

// Guidance strengthens a condition: here the component at -1 of two.
func ExampleCFG() {
	vp := sde.VP{}
	left := scoremodel.Component{Weight: 0.5, Mean: []float64{-1}, Variance: 0.1}
	right := scoremodel.Component{Weight: 0.5, Mean: []float64{1}, Variance: 0.1}
	conditional, err := scoremodel.NewGaussian(vp, left)
	if err != nil {
		log.Fatal(err)
	}
	unconditional, err := scoremodel.NewMixture(vp, left, right)
	if err != nil {
		log.Fatal(err)
	}
	for _, scale := range []float64{0, 1, 3} {
		guided, err := scoremodel.CFG{Scale: scale, In: scoremodel.Data}.Guide(conditional, unconditional, 1, vp)
		if err != nil {
			log.Fatal(err)
		}
		clean := make([]float64, 1)
		if err := guided.Predict(clean, []float64{0}, 0.5); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("scale %v: %.2f\n", scale, clean[0])
	}
	// Output:
	// scale 0: 0.00
	// scale 1: -0.99
	// scale 3: -2.97
}
