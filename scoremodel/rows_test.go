package scoremodel_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// numbered predicts, for rows of two elements, the number of the row times a factor, and counts its evaluations.
type numbered struct {
	first  int
	factor float64
	calls  *int
}

func (m numbered) Kind() scoremodel.Kind { return scoremodel.Epsilon }

func (m numbered) Predict(dst, _ []float64, _ float64) error {
	*m.calls++
	for i := range dst {
		dst[i] = m.factor * float64(m.first+i/2)
	}
	return nil
}

func (m numbered) From(first int) scoremodel.Model { m.first = first; return m }

// together is numbered, and can be evaluated with others of its type.
type together struct{ numbered }

func (m together) Pair(other scoremodel.Model) (scoremodel.Guided, bool) {
	o, ok := other.(together)
	return pair{m.numbered, o.numbered}, ok
}

func (m together) From(first int) scoremodel.Model { m.first = first; return m }

type pair struct{ numbered, other numbered }

func (p pair) Kind() scoremodel.Kind                     { return scoremodel.Epsilon }
func (p pair) Predict(dst, x []float64, t float64) error { return p.numbered.Predict(dst, x, t) }
func (p pair) From(first int) scoremodel.Model {
	p.numbered.first, p.other.first = first, first
	return p
}
func (p pair) PredictBoth(dst, plain, x []float64, t float64) error {
	if err := p.other.Predict(plain, x, t); err != nil {
		return err
	}
	*p.numbered.calls-- // one for both
	return p.numbered.Predict(dst, x, t)
}

// TestFromThroughWrappers asks for rows in the middle of a batch through every wrapper, and for the whole batch.
func TestFromThroughWrappers(t *testing.T) {
	vp := sde.VP{}
	calls := 0
	net := numbered{factor: 1, calls: &calls}
	one, two := together{numbered{factor: 1, calls: &calls}}, together{numbered{factor: 3, calls: &calls}}
	limit := func(m scoremodel.Model) scoremodel.Model {
		limited, err := scoremodel.StaticThreshold{Limit: 2}.Apply(m, vp)
		if err != nil {
			t.Fatal(err)
		}
		return limited
	}
	timed := func(m scoremodel.Model) scoremodel.Model {
		told, err := scoremodel.Times{Kind: scoremodel.TimeLambda}.Apply(m, vp)
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	for _, test := range []struct {
		name  string
		m     scoremodel.Model
		calls int
	}{
		{"itself", net, 1},
		{"view", scoremodel.As(net, scoremodel.Data, vp), 1},
		{"counter", &scoremodel.Counter{Model: net}, 1},
		{"threshold", limit(net), 1},
		{"guided", mustGuide(t, scoremodel.CFG{Scale: 3}, net, numbered{factor: 3, calls: &calls}, 2), 2},
		{"pair", mustGuide(t, scoremodel.CFG{Scale: 3}, one, two, 2), 1},
		{"not a pair", mustGuide(t, scoremodel.CFG{Scale: 3}, one, net, 2), 2},
		{"timed", timed(net), 1},
		{"timed pair", mustGuide(t, scoremodel.APG{Scale: 3}, timed(one), timed(two), 2), 1},
		{"pair of other times", mustGuide(t, scoremodel.CFG{Scale: 3}, timed(one), scoremodel.Model(two), 2), 2},
		{"all", limit(&scoremodel.Counter{Model: scoremodel.As(mustGuide(t, scoremodel.APG{Scale: 3}, one, two, 2), scoremodel.Velocity, vp)}), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := normals(1, 10)
			calls = 0
			whole := predict(t, test.m, x, 0.4)
			if calls != test.calls {
				t.Errorf("a prediction takes %d evaluations, want %d", calls, test.calls)
			}
			parts := predict(t, scoremodel.From(test.m, 0), x[:4], 0.4)
			parts = append(parts, predict(t, scoremodel.From(scoremodel.From(test.m, 1), 2), x[4:], 0.4)...)
			if diff := cmp.Diff(whole, parts); diff != "" {
				t.Errorf("in parts (-whole +parts):\n%s", diff)
			}
			if slices.Equal(whole[4:], predict(t, test.m, x[4:], 0.4)) {
				t.Error("the rows do not tell")
			}
			both, plain := make([]float64, 6), make([]float64, 6)
			if err := scoremodel.Both(scoremodel.From(test.m, 2), both, plain, x[4:], 0.4); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(whole[4:], both) {
				t.Errorf("Both of the last rows = %v, want %v", both, whole[4:])
			}
		})
	}
	c := &scoremodel.Counter{Model: net}
	predict(t, scoremodel.From(c, 3), normals(1, 4), 0.4)
	if c.NFE() != 1 {
		t.Errorf("the Counter counts %d evaluations of its rows, want 1", c.NFE())
	}
}
