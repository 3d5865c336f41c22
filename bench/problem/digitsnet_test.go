package problem_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/scoremodel/digitsnet"
	"github.com/diffsolve/diffsolve/sde"
)

// The labels and the guidance of a text reach the network, under its own schedule and under one that is near.
func TestDigitsNet(t *testing.T) {
	n := digitsnet.New()
	labelled, err := n.Model(3, digitsnet.NoLabel, 8)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 4*digitsnet.Dim)
	sde.Fresh{Seed: 1}.Normals(x, 0, digitsnet.Dim)
	for _, c := range []struct {
		text     string
		guidance float64
	}{
		{`{"model": {"kind": "digitsnet", "labels": [3, 10, 8], "guidance": 2.5}}`, 2.5},
		{`{"model": {"kind": "digitsnet", "labels": [3, 10, 8], "guidance": 0}}`, 0},
		{`{"model": {"kind": "digitsnet", "labels": [3, 10, 8]}, "schedule": {"kind": "ddpm"}}`, 1},
		{`{"model": {"kind": "digitsnet", "labels": [3, 10, 8], "guidance": 2}, "schedule": {"kind": "vplinear"}}`, 2},
	} {
		p := must(problem.Read("p", []byte(c.text), ""))(t)
		want, got := make([]float64, len(x)), make([]float64, len(x))
		guided, err := scoremodel.CFG{Scale: c.guidance}.Guide(labelled, nil, digitsnet.Dim, n.Schedule())
		if err != nil {
			t.Fatal(err)
		}
		if err := scoremodel.Rows(guided, 1).Predict(want, x, 0.5); err != nil {
			t.Fatal(err)
		}
		if err := scoremodel.Rows(p.Model, 1).Predict(got, x, 0.5); err != nil {
			t.Fatal(err)
		}
		for i := range want { // CFG of scale 1 rounds, the model alone does not
			if d := want[i] - got[i]; d > 1e-15 || d < -1e-15 {
				t.Fatalf("%s: element %d is %v, want %v", c.text, i, got[i], want[i])
			}
		}
		type asked struct {
			Class int
			OK    bool
		}
		var classes []asked
		for i := range 4 {
			class, ok := p.Class(i)
			classes = append(classes, asked{class, ok})
		}
		if diff := cmp.Diff([]asked{{3, true}, {10, false}, {8, true}, {3, true}}, classes); diff != "" {
			t.Errorf("%s: classes (-want +got):\n%s", c.text, diff)
		}
		if !p.Single || p.ImageSide != 8 || len(p.Real) != 64*len(p.RealClasses) || len(p.Real) == 0 {
			t.Errorf("%s: Single %v, ImageSide %d, %d real values, %d classes", c.text, p.Single, p.ImageSide, len(p.Real), len(p.RealClasses))
		}
	}
}
