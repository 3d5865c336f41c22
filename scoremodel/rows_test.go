package scoremodel

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/sde"
)

// numbered predicts for each row of one element its number in the batch, and nothing without the condition.
type numbered struct{ first int }

func (numbered) Kind() Kind             { return Epsilon }
func (n numbered) Rows(first int) Model { return numbered{first} }

func (n numbered) Predict(dst, x []float64, _ float64) error {
	for i := range x {
		dst[i] = float64(n.first + i)
	}
	return nil
}

func (n numbered) PredictBoth(dst, plain, x []float64, t float64) error {
	clear(plain)
	return n.Predict(dst, x, t)
}

// TestRows: every view passes the row's number on, and goes on doing what it does.
func TestRows(t *testing.T) {
	s := sde.VP{}
	at := s.At(0.5)
	must := func(m Model, err error) Model {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	guide := func(g CFG, c, u Model) Model {
		t.Helper()
		m, err := g.Guide(c, u, 1, s)
		return must(m, err)
	}
	plain := Func(Epsilon, func(dst, x []float64, _ float64) error { clear(dst); return nil })
	rounding := cmpopts.EquateApprox(1e-14, 0)
	counter := &Counter{Model: numbered{}}
	score := 1 / at.Sigma
	clipped := func(eps float64) float64 { return min(eps, (0+at.Alpha*1e-3)/at.Sigma) } // of x₀ = -σε/α held above -1e-3, at x = 0
	for _, c := range []struct {
		name string
		m    Model
		want []float64 // of two rows from number 5
	}{
		{"the model", numbered{}, []float64{5, 6}},
		{"no RowModel", plain, []float64{0, 0}},
		{"As", As(numbered{}, Score, s), []float64{-5 * score, -6 * score}},
		{"Times", must(Times{Kind: TimeContinuous}.Apply(numbered{}, s)), []float64{5, 6}},
		{"StaticThreshold", must(StaticThreshold{Limit: 1e-3}.Apply(numbered{}, s)), []float64{clipped(5), clipped(6)}},
		{"CFG of two models", guide(CFG{Scale: 3}, numbered{}, plain), []float64{15, 18}},
		{"CFG of one", guide(CFG{Scale: 3}, numbered{}, nil), []float64{15, 18}},
		{"CFG of a view", guide(CFG{Scale: 3, In: Score}, As(numbered{}, Score, s), nil), []float64{-15 * score, -18 * score}},
		{"Counter", counter, []float64{5, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Rows(Rows(c.m, 3), 5)
			got, x := make([]float64, 2), make([]float64, 2)
			if err := m.Predict(got, x, 0.5); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, rounding); diff != "" {
				t.Errorf("Predict (-want +got):\n%s", diff)
			}
			if _, ok := m.(Guided); !ok {
				return
			}
			both, plain := make([]float64, 2), make([]float64, 2)
			if err := Both(m, both, plain, x, 0.5); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, both, rounding); diff != "" {
				t.Errorf("PredictBoth (-want +got):\n%s", diff)
			}
			for _, v := range plain {
				if v != 0 {
					t.Errorf("the plain prediction is %v, want 0", v)
				}
			}
		})
	}
	if counter.NFE() != 2 {
		t.Errorf("the counter counts %d evaluations, want 2", counter.NFE())
	}
}

// Guidance keeps its derivatives when it is bound, and has none where its two parts come from one evaluation.
func TestRowsAndDerivatives(t *testing.T) {
	s := sde.VP{}
	g, err := NewGaussian(s, Component{Mean: []float64{1}, Variance: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	two, err := CFG{Scale: 2}.Guide(g, g, 1, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := Derivatives(Rows(two, 3)); !ok {
		t.Error("bound guidance of two differentiable models has no derivatives")
	}
	one, err := CFG{Scale: 2}.Guide(two, nil, 1, s)
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := Derivatives(one); ok {
		t.Errorf("guidance of one evaluation has derivatives, %v", d)
	}
	if err := one.(Differentiable).PredictDivergence(make([]float64, 1), make([]float64, 1), make([]float64, 1), 0.5); !errors.Is(err, ErrNoDerivative) {
		t.Errorf("PredictDivergence: %v, want %v", err, ErrNoDerivative)
	}
}
