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

func TestThresholdByHand(t *testing.T) {
	static := func(limit float64) func(scoremodel.Model) (scoremodel.Model, error) {
		return func(m scoremodel.Model) (scoremodel.Model, error) {
			return scoremodel.StaticThreshold{Limit: limit}.Apply(m, sde.VP{})
		}
	}
	dynamic := func(d scoremodel.DynamicThreshold) func(scoremodel.Model) (scoremodel.Model, error) {
		return func(m scoremodel.Model) (scoremodel.Model, error) { return d.Apply(m, 5, sde.VP{}) }
	}
	data := []float64{3, -2, 0.5, -1, 4, 0.2, -0.1, 0.9, 0.3, -0.4}
	for _, test := range []struct {
		name  string
		apply func(scoremodel.Model) (scoremodel.Model, error)
		want  []float64
	}{
		{"static", static(0), []float64{1, -1, 0.5, -1, 1, 0.2, -0.1, 0.9, 0.3, -0.4}},
		{"static 2.5", static(2.5), []float64{2.5, -2, 0.5, -1, 2.5, 0.2, -0.1, 0.9, 0.3, -0.4}},
		// Sorted magnitudes are 0.5, 1, 2, 3, 4, so that p = 0.75 is 3 and p = 0.6 lies at 2.4. The second row is within the unit range and stays.
		{"dynamic 0.75", dynamic(scoremodel.DynamicThreshold{Percentile: 0.75}), []float64{1, -2. / 3, 0.5 / 3, -1. / 3, 1, 0.2, -0.1, 0.9, 0.3, -0.4}},
		{"dynamic 0.6", dynamic(scoremodel.DynamicThreshold{Percentile: 0.6}), []float64{1, -2 / 2.4, 0.5 / 2.4, -1 / 2.4, 1, 0.2, -0.1, 0.9, 0.3, -0.4}},
		// The default percentile of five values lies at 3 + 0.98·(4-3).
		{"dynamic", dynamic(scoremodel.DynamicThreshold{}), []float64{3 / 3.98, -2 / 3.98, 0.5 / 3.98, -1 / 3.98, 1, 0.2, -0.1, 0.9, 0.3, -0.4}},
		{"dynamic up to 2", dynamic(scoremodel.DynamicThreshold{Max: 2}), []float64{1, -1, 0.25, -0.5, 1, 0.2, -0.1, 0.9, 0.3, -0.4}},
		{"dynamic up to 1 is static", dynamic(scoremodel.DynamicThreshold{Max: 1}), []float64{1, -1, 0.5, -1, 1, 0.2, -0.1, 0.9, 0.3, -0.4}},
		{"dynamic, the largest", dynamic(scoremodel.DynamicThreshold{Percentile: 1}), []float64{0.75, -0.5, 0.125, -0.25, 1, 0.2, -0.1, 0.9, 0.3, -0.4}},
	} {
		for _, k := range kinds {
			net := scoremodel.As(constant(scoremodel.Data, data...), k, sde.VP{})
			m, err := test.apply(net)
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind() != k {
				t.Errorf("%s: Kind() = %v, want %v", test.name, m.Kind(), k)
			}
			x := normals(2, len(data))
			got := predict(t, scoremodel.As(m, scoremodel.Data, sde.VP{}), x, 0.4)
			if diff := cmp.Diff(test.want, got, approx(1e-13, 1e-13)); diff != "" {
				t.Errorf("%s of a %v prediction (-want +got):\n%s", test.name, k, diff)
			}
			// What is within range is the network's output to the bit.
			if want, got := bits(predict(t, net, x, 0.4)[5:]), bits(predict(t, m, x, 0.4)[5:]); !slices.Equal(want, got) {
				t.Errorf("%s of a %v prediction changes a row that needs no clipping", test.name, k)
			}
		}
	}
}

// TestThresholdNaN lets a NaN through, for the run to find.
func TestThresholdNaN(t *testing.T) {
	net := constant(scoremodel.Data, math.NaN(), 5, 3, 5)
	static, err := scoremodel.StaticThreshold{}.Apply(net, sde.VP{})
	if err != nil {
		t.Fatal(err)
	}
	dynamic, err := scoremodel.DynamicThreshold{Percentile: 0.5}.Apply(net, 2, sde.VP{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []scoremodel.Model{static, dynamic} {
		got := predict(t, m, make([]float64, 4), 0.4)
		if !math.IsNaN(got[0]) || math.IsNaN(got[2]) || math.IsNaN(got[3]) {
			t.Errorf("Predict = %v, want a NaN in the first row alone", got)
		}
	}
}

func TestThresholdBadInput(t *testing.T) {
	net := constant(scoremodel.Epsilon, 1)
	for _, test := range []struct {
		apply func() (scoremodel.Model, error)
		want  string
	}{
		{func() (scoremodel.Model, error) { return scoremodel.StaticThreshold{Limit: -1}.Apply(net, sde.VP{}) }, "Limit is -1"},
		{func() (scoremodel.Model, error) { return scoremodel.StaticThreshold{}.Apply(nil, sde.VP{}) }, "the model is missing"},
		{func() (scoremodel.Model, error) { return scoremodel.StaticThreshold{}.Apply(net, nil) }, "the schedule is missing"},
		{func() (scoremodel.Model, error) {
			return scoremodel.DynamicThreshold{Percentile: 1.5}.Apply(net, 1, sde.VP{})
		}, "Percentile is 1.5, want 0 to 1"},
		{func() (scoremodel.Model, error) { return scoremodel.DynamicThreshold{Max: 0.5}.Apply(net, 1, sde.VP{}) }, "Max is 0.5, want a finite number, at least 1"},
		{func() (scoremodel.Model, error) { return scoremodel.DynamicThreshold{}.Apply(net, 0, sde.VP{}) }, "rows have 0 elements"},
	} {
		if _, err := test.apply(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one that says %q", err, test.want)
		}
	}
	m, err := scoremodel.StaticThreshold{}.Apply(net, straight{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Predict(make([]float64, 1), make([]float64, 1), 1); err == nil {
		t.Error("a noise prediction is thresholded where no signal is left")
	}
}

// Each row is clipped to its own range and scaled into the unit one.
func ExampleDynamicThreshold() {
	net := scoremodel.Func(scoremodel.Data, func(dst, x []float64, t float64) error {
		copy(dst, []float64{4, -2, 0.5, 0.25})
		return nil
	})
	m, err := scoremodel.DynamicThreshold{Percentile: 0.5}.Apply(net, 2, sde.VP{})
	if err != nil {
		log.Fatal(err)
	}
	dst := make([]float64, 4)
	if err := m.Predict(dst, make([]float64, 4), 0.5); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", dst)
	// Output: [1.000 -0.667 0.500 0.250]
}
