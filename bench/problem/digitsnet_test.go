package problem_test

import (
	"errors"
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

// Labels given later are as those of the text, with its guidance; the problem that they were given to keeps its own.
func TestWithLabels(t *testing.T) {
	first := must(problem.Read("p", []byte(`{"model": {"kind": "digitsnet", "labels": [1], "guidance": 2}}`), ""))(t)
	predict := func(p *problem.Problem) []float64 {
		t.Helper()
		x := make([]float64, 3*digitsnet.Dim)
		sde.Fresh{Seed: 1}.Normals(x, 0, digitsnet.Dim)
		if err := scoremodel.Rows(p.Model, 1).Predict(x, x, 0.5); err != nil {
			t.Fatal(err)
		}
		return x
	}
	before := predict(first)
	second := must(first.WithLabels([]int{3, digitsnet.NoLabel}))(t)
	third := must(second.WithLabels([]int{4, 5}))(t)
	for _, c := range []struct {
		text string
		got  *problem.Problem
	}{
		{`{"model": {"kind": "digitsnet", "labels": [3, 10], "guidance": 2}}`, second},
		{`{"model": {"kind": "digitsnet", "labels": [4, 5], "guidance": 2}}`, third},
	} {
		want := must(problem.Read("p", []byte(c.text), ""))(t)
		if diff := cmp.Diff(predict(want), predict(c.got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		for i := range 3 {
			class, ok := want.Class(i)
			if k, yes := c.got.Class(i); k != class || yes != ok {
				t.Errorf("%s: row %d is of class %d, %t, want %d, %t", c.text, i, k, yes, class, ok)
			}
		}
		if c.got.Name != "p" || !c.got.Single || c.got.ImageSide != 8 || len(c.got.Real) == 0 {
			t.Errorf("%s: problem %s, Single %t, ImageSide %d, %d real values", c.text, c.got.Name, c.got.Single, c.got.ImageSide, len(c.got.Real))
		}
	}
	if diff := cmp.Diff(before, predict(first)); diff != "" {
		t.Errorf("the first problem changed (-before +after):\n%s", diff)
	}
	if p, err := first.WithLabels([]int{3, 11}); p != nil || !errors.Is(err, digitsnet.ErrLabel) {
		t.Errorf("label 11: %v, %v", p, err)
	}
	if p, err := first.WithLabels(nil); p != nil || err == nil {
		t.Errorf("no labels: %v, %v", p, err)
	}
	if p, err := must(problem.Builtin("gaussian"))(t).WithLabels([]int{1}); p != nil || !errors.Is(err, problem.ErrLabels) {
		t.Errorf("labels of a gaussian: %v, %v", p, err)
	}
}
