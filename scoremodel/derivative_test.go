package scoremodel_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// rotated is a mixture in three dimensions whose components have full covariances along different axes.
func rotated(t testing.TB, s sde.Schedule) *scoremodel.Mixture {
	t.Helper()
	m, err := scoremodel.NewMixture(s,
		scoremodel.Component{Weight: 0.5, Mean: []float64{1, -0.5, 2}, Covariance: shapes[2].c.Covariance},
		scoremodel.Component{Weight: 0.3, Mean: []float64{0, 0.5, 1}, Covariance: mat.NewSymDense(3, []float64{
			0.2, -0.1, 0.05, -0.1, 0.4, 0.15, 0.05, 0.15, 0.3})},
		scoremodel.Component{Weight: 0.2, Mean: []float64{-1, 0, 0}, Variances: []float64{0.3, 0.1, 0.6}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// smooth are the models that know their derivatives, and views of them.
func smooth(t testing.TB) map[string]scoremodel.Model {
	t.Helper()
	vp := sde.VP{}
	models := map[string]scoremodel.Model{"mixture": rotated(t, vp)}
	for _, s := range shapes {
		models["gaussian "+s.name] = gaussian(t, vp, s.c)
	}
	samples := make([]float64, 20*3)
	sde.Fresh{Seed: 5}.Normals(samples, 0, 3)
	dataset, err := scoremodel.NewDataset(vp, samples, 3, 0.3)
	if err != nil {
		t.Fatal(err)
	}
	models["dataset"] = dataset
	uneven, err := scoremodel.NewMixture(vp,
		scoremodel.Component{Weight: 0.5, Mean: []float64{1, -0.5, 2}, Variance: 0.2},
		scoremodel.Component{Weight: 0.5, Mean: []float64{0, 0.5, 1}, Variance: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	models["isotropic mixture"] = uneven
	for k := scoremodel.Epsilon; k <= scoremodel.Flow; k++ {
		models["mixture as "+k.String()] = scoremodel.As(models["mixture"], k, vp)
	}
	guided, err := scoremodel.CFG{Scale: 2.5, In: scoremodel.Velocity}.Guide(models["mixture"], models["gaussian full"], 3, vp)
	if err != nil {
		t.Fatal(err)
	}
	models["guided"] = scoremodel.As(&scoremodel.Counter{Model: guided}, scoremodel.Flow, vp)
	return models
}

// TestDerivatives compares traces and products with the Jacobian by differences of Predict, at a step at which
// these are good to some 1e-9. (Near t = 1 the rounding of conversions, divided by α and by the step, hides the Jacobian.)
func TestDerivatives(t *testing.T) {
	const dim, rows = 3, 70 // more rows than a block holds
	for name, m := range smooth(t) {
		d, ok := scoremodel.Derivatives(m)
		if !ok {
			t.Errorf("%s knows no derivatives", name)
			continue
		}
		r := rand.New(rand.NewPCG(1, 2))
		for _, time := range []float64{1e-3, 0.1, 0.4, 0.7} {
			x, v := make([]float64, rows*dim), make([]float64, rows*dim)
			for i := range x {
				x[i], v[i] = 1.5*r.NormFloat64(), r.NormFloat64()
			}
			predict := func(x []float64) []float64 {
				out := make([]float64, len(x))
				if err := m.Predict(out, x, time); err != nil {
					t.Fatal(err)
				}
				return out
			}
			// derivative is ∂m/∂x·v of every row.
			derivative := func(v []float64) []float64 {
				const h = 1e-5
				up, down := slices.Clone(x), slices.Clone(x)
				for i := range x {
					up[i], down[i] = x[i]+h*v[i], x[i]-h*v[i]
				}
				up, down = predict(up), predict(down)
				for i := range up {
					up[i] = (up[i] - down[i]) / (2 * h)
				}
				return up
			}
			trace := make([]float64, rows)
			for j := range dim {
				e := make([]float64, rows*dim)
				for i := range rows {
					e[i*dim+j] = 1
				}
				for i, g := 0, derivative(e); i < rows; i++ {
					trace[i] += g[i*dim+j]
				}
			}
			dst, div, tangent := make([]float64, rows*dim), make([]float64, rows), make([]float64, rows*dim)
			if err := d.PredictDivergence(dst, div, x, time); err != nil {
				t.Fatal(err)
			}
			far(t, name+": prediction with the divergence", time, dst, predict(x), 0)
			far(t, name+": divergence", time, div, trace, 1e-7)
			clear(dst)
			if err := d.PredictTangent(dst, tangent, x, v, time); err != nil {
				t.Fatal(err)
			}
			far(t, name+": prediction with the tangent", time, dst, predict(x), 0)
			far(t, name+": tangent", time, tangent, derivative(v), 1e-7)
		}
	}
}

// far complains if got and want differ by more than the tolerance, relative to the largest of want.
func far(t *testing.T, what string, time float64, got, want []float64, tolerance float64) {
	t.Helper()
	largest, worst := 0.0, 0.0
	for i := range want {
		largest, worst = max(largest, math.Abs(want[i])), max(worst, math.Abs(got[i]-want[i]))
	}
	if !(worst <= tolerance*largest) {
		t.Errorf("%s at t=%v is off by %.2g of %.2g", what, time, worst, largest)
	}
}

// TestDerivativesRowsApart: the derivatives of a row do not depend on its neighbours, to the bit.
func TestDerivativesRowsApart(t *testing.T) {
	const dim, rows = 3, 70
	x, v := make([]float64, rows*dim), make([]float64, rows*dim)
	sde.Fresh{Seed: 1}.Normals(x, 0, dim)
	sde.Fresh{Seed: 2}.Normals(v, 0, dim)
	for name, m := range smooth(t) {
		d, _ := scoremodel.Derivatives(m)
		dst, div, tangent := make([]float64, rows*dim), make([]float64, rows), make([]float64, rows*dim)
		one, oneDiv := make([]float64, dim), make([]float64, 1)
		if err := errors.Join(d.PredictDivergence(dst, div, x, 0.2), d.PredictTangent(dst, tangent, x, v, 0.2)); err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			row := x[i*dim : (i+1)*dim]
			oneTangent := make([]float64, dim)
			if err := errors.Join(d.PredictDivergence(one, oneDiv, row, 0.2), d.PredictTangent(one, oneTangent, row, v[i*dim:(i+1)*dim], 0.2)); err != nil {
				t.Fatal(err)
			}
			if oneDiv[0] != div[i] || !slices.Equal(oneTangent, tangent[i*dim:(i+1)*dim]) {
				t.Errorf("%s: the derivatives of row %d alone differ from those in a batch", name, i)
				break
			}
		}
	}
}

func TestNoDerivatives(t *testing.T) {
	vp := sde.VP{}
	net := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, _ float64) error { copy(dst, x); return nil })
	exact := gaussian(t, vp, shapes[0].c)
	guided, err := scoremodel.CFG{Scale: 2}.Guide(exact, net, 3, vp)
	if err != nil {
		t.Fatal(err)
	}
	rescaled, err := scoremodel.CFG{Scale: 2, Rescale: 0.5}.Guide(exact, exact, 3, vp)
	if err != nil {
		t.Fatal(err)
	}
	clipped, err := scoremodel.StaticThreshold{}.Apply(exact, vp)
	if err != nil {
		t.Fatal(err)
	}
	x, div := make([]float64, 3), make([]float64, 1)
	for name, m := range map[string]scoremodel.Model{"network": net, "view": scoremodel.As(net, scoremodel.Flow, vp),
		"counter": &scoremodel.Counter{Model: net}, "guided": guided, "rescaled": rescaled, "threshold": clipped} {
		if _, ok := scoremodel.Derivatives(m); ok {
			t.Errorf("Derivatives of a %s says that there are some", name)
		}
		if d, ok := m.(scoremodel.Differentiable); ok {
			if err := d.PredictDivergence(make([]float64, 3), div, x, 0.5); !errors.Is(err, scoremodel.ErrNoDerivative) {
				t.Errorf("%s: PredictDivergence returns %v", name, err)
			}
			if err := d.PredictTangent(make([]float64, 3), make([]float64, 3), x, x, 0.5); !errors.Is(err, scoremodel.ErrNoDerivative) {
				t.Errorf("%s: PredictTangent returns %v", name, err)
			}
		}
	}
}

func TestDerivativesAllocate(t *testing.T) {
	const dim, rows = 3, 4
	x, v := make([]float64, rows*dim), make([]float64, rows*dim)
	dst, div, tangent := make([]float64, rows*dim), make([]float64, rows), make([]float64, rows*dim)
	for name, m := range smooth(t) {
		d, _ := scoremodel.Derivatives(m)
		if n := allocations(t, func() {
			if err := errors.Join(d.PredictDivergence(dst, div, x, 0.2), d.PredictTangent(dst, tangent, x, v, 0.2)); err != nil {
				t.Fatal(err)
			}
		}); n >= 1 {
			t.Errorf("%s: the derivatives allocate %v times", name, n)
		}
	}
}
