package scoremodel_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

func gaussian(t testing.TB, s sde.Schedule, c scoremodel.Component) *scoremodel.Gaussian {
	t.Helper()
	g, err := scoremodel.NewGaussian(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// shapes are normal distributions in three dimensions, one of each shape.
var shapes = []struct {
	name string
	c    scoremodel.Component
}{
	{"isotropic", scoremodel.Component{Weight: 1, Mean: []float64{1, -0.5, 2}, Variance: 0.25}},
	{"diagonal", scoremodel.Component{Weight: 1, Mean: []float64{1, -0.5, 2}, Variances: []float64{0.04, 0.5, 2}}},
	{"full", scoremodel.Component{Weight: 1, Mean: []float64{1, -0.5, 2}, Covariance: mat.NewSymDense(3, []float64{
		0.8, 0.3, -0.2,
		0.3, 0.5, 0.1,
		-0.2, 0.1, 0.3,
	})}},
}

// covariance returns α²C + σ²I for the covariance C of a component.
func covariance(c scoremodel.Component, p sde.Point) *mat.SymDense {
	dim := len(c.Mean)
	m := mat.NewSymDense(dim, nil)
	switch {
	case c.Covariance != nil:
		m.CopySym(c.Covariance)
	case c.Variances != nil:
		for i, v := range c.Variances {
			m.SetSym(i, i, v)
		}
	default:
		for i := range dim {
			m.SetSym(i, i, c.Variance)
		}
	}
	m.ScaleSym(p.Alpha*p.Alpha, m)
	for i := range dim {
		m.SetSym(i, i, m.At(i, i)+p.Sigma*p.Sigma)
	}
	return m
}

// whiten returns (α²C + σ²I)⁻¹(x - αm) by a Cholesky factorization, and the logarithm of the density.
func whiten(t testing.TB, c scoremodel.Component, p sde.Point, x []float64) (z []float64, logDensity float64) {
	t.Helper()
	var chol mat.Cholesky
	if !chol.Factorize(covariance(c, p)) {
		t.Fatal("covariance is not positive definite")
	}
	diff := make([]float64, len(x))
	for i, v := range x {
		diff[i] = v - p.Alpha*c.Mean[i]
	}
	var solved mat.VecDense
	if err := chol.SolveVecTo(&solved, mat.NewVecDense(len(x), diff)); err != nil {
		t.Fatal(err)
	}
	quadratic := mat.Dot(&solved, mat.NewVecDense(len(x), diff))
	return solved.RawVector().Data, -(quadratic + chol.LogDet() + float64(len(x))*math.Log(2*math.Pi)) / 2
}

var times = []float64{1e-3, 0.01, 0.1, 0.5, 1}

func TestGaussianPredict(t *testing.T) {
	const rows, dim = 6, 3
	x := normals(1, rows*dim)
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		if g.Dim() != dim || g.Kind() != scoremodel.Epsilon {
			t.Errorf("%s: Dim() = %d, Kind() = %v, want 3, epsilon", shape.name, g.Dim(), g.Kind())
		}
		if diff := cmp.Diff(shape.c.Mean, g.Mean()); diff != "" {
			t.Errorf("%s: Mean() (-want +got):\n%s", shape.name, diff)
		}
		for _, at := range times {
			p := sde.VP{}.At(at)
			var want []float64
			for i := range rows {
				z, _ := whiten(t, shape.c, p, x[i*dim:(i+1)*dim])
				for _, v := range z {
					want = append(want, p.Sigma*v)
				}
			}
			if diff := cmp.Diff(want, predict(t, g, x, at), approx(1e-13, 1e-14)); diff != "" {
				t.Errorf("%s: Predict(x, %v) (-want +got):\n%s", shape.name, at, diff)
			}
		}
	}
}

func TestGaussianAxes(t *testing.T) {
	for _, shape := range shapes {
		variances, axes := gaussian(t, sde.VP{}, shape.c).Axes()
		if axes == nil {
			axes = []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}
		}
		// C = U diag(variances) Uᵀ
		u := mat.NewDense(3, 3, axes)
		var c mat.Dense
		c.Mul(u, mat.NewDiagDense(3, variances))
		c.Mul(&c, u.T())
		if want := covariance(shape.c, sde.Point{Alpha: 1}); !mat.EqualApprox(want, &c, 1e-15) {
			t.Errorf("%s: the axes make up the covariance\n%v\nwant\n%v", shape.name, mat.Formatted(&c), mat.Formatted(want))
		}
	}
}

// The digits are of another program in another language: numerics.md, section 4.3.
func TestGaussianFlowMapDigits(t *testing.T) {
	g := gaussian(t, sde.VP{}, scoremodel.Component{Mean: []float64{1}, Variance: 0.25})
	x := []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9}
	want := []float64{0.146504703157753, 0.546577143180593, 0.896640528200578, 1.146685803214853, 1.396731078229128, 1.946830683260533}
	g.FlowMap(x, x, 1, 1e-3)
	if diff := cmp.Diff(want, x, approx(0, 1e-14)); diff != "" {
		t.Errorf("FlowMap from 1 to 1e-3 (-want +got):\n%s", diff)
	}
}

// A flow has an inverse and composes.
func TestGaussianFlowMapIsAFlow(t *testing.T) {
	x := normals(3, 12)
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		carry := func(x []float64, times ...float64) []float64 {
			x = slices.Clone(x)
			for i := 1; i < len(times); i++ {
				g.FlowMap(x, x, times[i-1], times[i])
			}
			return x
		}
		for _, c := range []struct {
			name       string
			way, other []float64
		}{
			{"there and back", []float64{1, 1e-3, 1}, []float64{1}},
			{"back and there", []float64{1e-3, 1, 1e-3}, []float64{1e-3}},
			{"standing still", []float64{0.3, 0.3}, []float64{0.3}},
			{"by a stop on the way", []float64{0.9, 0.37, 0.01}, []float64{0.9, 0.01}},
			{"by a detour", []float64{0.5, 1, 0.1}, []float64{0.5, 0.1}},
		} {
			if diff := cmp.Diff(carry(x, c.other...), carry(x, c.way...), approx(1e-13, 1e-13)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", shape.name, c.name, diff)
			}
		}
	}
}

// The flow carries the law at one time to the law at another: the mean to the mean, and a displacement by one
// standard deviation along an axis to another such.
func TestGaussianFlowMapCarriesTheLaw(t *testing.T) {
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		m0, v0 := g.Marginal(1)
		m1, v1 := g.Marginal(1e-3)
		_, axes := g.Axes()
		for j := range g.Dim() {
			x, want := slices.Clone(m0), slices.Clone(m1)
			for i := range x {
				axis := 0.0
				if axes != nil {
					axis = axes[i*g.Dim()+j]
				} else if i == j {
					axis = 1
				}
				x[i] += math.Sqrt(v0[j]) * axis
				want[i] += math.Sqrt(v1[j]) * axis
			}
			g.FlowMap(x, x, 1, 1e-3)
			if diff := cmp.Diff(want, x, approx(1e-14, 1e-14)); diff != "" {
				t.Errorf("%s, axis %d (-want +got):\n%s", shape.name, j, diff)
			}
		}
	}
}

func TestGaussianMarginal(t *testing.T) {
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		s2, _ := g.Axes()
		for _, at := range times {
			p := sde.VP{}.At(at)
			var wantMean, want []float64
			for j, v := range s2 {
				wantMean = append(wantMean, p.Alpha*shape.c.Mean[j])
				want = append(want, 1+p.Alpha*p.Alpha*(v-1)) // α² + σ² = 1
			}
			mean, variances := g.Marginal(at)
			if diff := cmp.Diff(wantMean, mean, approx(1e-15, 0)); diff != "" {
				t.Errorf("%s: mean at %v (-want +got):\n%s", shape.name, at, diff)
			}
			if diff := cmp.Diff(want, variances, approx(1e-14, 0)); diff != "" {
				t.Errorf("%s: variances at %v (-want +got):\n%s", shape.name, at, diff)
			}
		}
	}
}

// Without noise the transition is the flow.
func TestGaussianReverseWithoutNoise(t *testing.T) {
	x := normals(4, 12)
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		want, got := make([]float64, len(x)), make([]float64, len(x))
		g.FlowMap(want, x, 0.9, 0.05)
		variances := g.Reverse(got, x, 0.9, 0.05, 0)
		if diff := cmp.Diff(want, got, approx(4*unit, 0)); diff != "" {
			t.Errorf("%s: mean (-want +got):\n%s", shape.name, diff)
		}
		if diff := cmp.Diff(make([]float64, 3), variances); diff != "" {
			t.Errorf("%s: variances (-want +got):\n%s", shape.name, diff)
		}
	}
}

// The reverse equation of Anderson has a transition without powers: numerics.md, section 4.2.
func TestGaussianReverseOfAnderson(t *testing.T) {
	const s2 = 0.25
	mean := []float64{1, -0.5, 2}
	g := gaussian(t, sde.VP{}, scoremodel.Component{Mean: mean, Variance: s2})
	x := normals(5, 9)
	for _, c := range [][2]float64{{1, 1e-3}, {1, 0.5}, {0.5, 0.499}, {0.02, 1e-3}} {
		p, q := sde.VP{}.At(c[0]), sde.VP{}.At(c[1])
		vp, vq := p.Alpha*p.Alpha*s2+p.Sigma*p.Sigma, q.Alpha*q.Alpha*s2+q.Sigma*q.Sigma
		ratio := p.Alpha / q.Alpha
		want := make([]float64, len(x))
		for i, v := range x {
			want[i] = q.Alpha*mean[i%3] + ratio*vq/vp*(v-p.Alpha*mean[i%3])
		}
		got := make([]float64, len(x))
		variances := g.Reverse(got, x, c[0], c[1], 1)
		if diff := cmp.Diff(want, got, approx(1e-14, 1e-14)); diff != "" {
			t.Errorf("mean from %v to %v (-want +got):\n%s", c[0], c[1], diff)
		}
		// 1 - ratio² is a difference of nearly equal numbers for a short step.
		wantVar := vq * (1 - ratio) * (1 + ratio) / vp
		if diff := cmp.Diff([]float64{wantVar, wantVar, wantVar}, variances, approx(1e-14, 1e-15)); diff != "" {
			t.Errorf("variances from %v to %v (-want +got):\n%s", c[0], c[1], diff)
		}
	}
}

// taus are stochasticities from none to more than that of Anderson. The variance of the small one is a
// difference of nearly equal numbers.
var taus = []float64{0, 1e-4, 0.3, 1, 1.7}

// transition returns the factor along each axis by which Reverse moves the deviation from the mean, and its variances.
func transition(g *scoremodel.Gaussian, from, to, tau float64) (gains, variances []float64) {
	base, _ := g.Marginal(from)
	target, _ := g.Marginal(to)
	_, axes := g.Axes()
	for j := range g.Dim() {
		axis := make([]float64, g.Dim())
		axis[j] = 1
		if axes != nil {
			for i := range axis {
				axis[i] = axes[i*g.Dim()+j]
			}
		}
		x := slices.Clone(base)
		for i, a := range axis {
			x[i] += a
		}
		variances = g.Reverse(x, x, from, to, tau)
		gain := 0.0
		for i, a := range axis {
			gain += (x[i] - target[i]) * a
		}
		gains = append(gains, gain)
	}
	return gains, variances
}

// Two transitions make one: the factors multiply, and the first variance passes through the second factor.
func TestGaussianReverseComposes(t *testing.T) {
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		for _, tau := range taus {
			for _, c := range [][3]float64{{1, 0.5, 1e-3}, {1, 0.99, 0.98}, {0.1, 0.01, 1e-3}} {
				gain1, var1 := transition(g, c[0], c[1], tau)
				gain2, var2 := transition(g, c[1], c[2], tau)
				gain, variance := transition(g, c[0], c[2], tau)
				for j := range gain {
					gain1[j] *= gain2[j]
					var1[j] = gain2[j]*gain2[j]*var1[j] + var2[j]
				}
				if diff := cmp.Diff(gain, gain1, approx(0, 1e-14)); diff != "" {
					t.Errorf("%s, tau=%v, %v: factors (-one step +two):\n%s", shape.name, tau, c, diff)
				}
				if diff := cmp.Diff(variance, var1, approx(1e-13, 0)); diff != "" {
					t.Errorf("%s, tau=%v, %v: variances (-one step +two):\n%s", shape.name, tau, c, diff)
				}
			}
		}
	}
}

// Whatever the noise, the law at one time goes to the law at the other.
func TestGaussianReverseKeepsTheLaw(t *testing.T) {
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		for _, tau := range taus {
			for _, c := range [][2]float64{{1, 1e-3}, {0.5, 0.4}, {0.01, 1e-3}} {
				mean, v0 := g.Marginal(c[0])
				wantMean, want := g.Marginal(c[1])
				g.Reverse(mean, mean, c[0], c[1], tau)
				if diff := cmp.Diff(wantMean, mean, approx(1e-14, 0)); diff != "" {
					t.Errorf("%s, tau=%v, %v: mean (-want +got):\n%s", shape.name, tau, c, diff)
				}
				gains, variances := transition(g, c[0], c[1], tau)
				for j, gain := range gains {
					variances[j] += gain * gain * v0[j]
				}
				if diff := cmp.Diff(want, variances, approx(1e-13, 0)); diff != "" {
					t.Errorf("%s, tau=%v, %v: variances (-want +got):\n%s", shape.name, tau, c, diff)
				}
			}
		}
	}
}

// The transition solves the equation of sde.Point.Reverse: over a short step the mean moves by the
// drift and the variance is that of the noise.
func TestGaussianReverseSolvesTheReverseEquation(t *testing.T) {
	g := gaussian(t, sde.VP{}, scoremodel.Component{Mean: []float64{1}, Variance: 0.25})
	const at, h = 0.4, 1e-5
	x := []float64{-0.6}
	for _, tau := range taus {
		a, b, c := sde.VP{}.At(at).Reverse(tau)
		drift := a*x[0] + b*predict(t, g, x, at)[0]
		// Steps to either side cancel the second-order term; the next is of size h².
		down, up := []float64{0}, []float64{0}
		variance := g.Reverse(down, x, at, at-h, tau)[0]
		g.Reverse(up, x, at, at+h, tau)
		if got := (up[0] - down[0]) / (2 * h); math.Abs(got-drift) > 1e-7 {
			t.Errorf("tau=%v: the mean moves at rate %v, want %v", tau, got, drift)
		}
		if got := variance / h; math.Abs(got-c*c) > 20*h*c*c {
			t.Errorf("tau=%v: the variance grows at rate %v, want %v", tau, got, c*c)
		}
	}
}

func TestGaussianLogDensity(t *testing.T) {
	const rows, dim = 5, 3
	x := normals(6, rows*dim)
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		check := func(name string, p sde.Point, got []float64) {
			t.Helper()
			want := make([]float64, rows)
			for i := range want {
				_, want[i] = whiten(t, shape.c, p, x[i*dim:(i+1)*dim])
			}
			if diff := cmp.Diff(want, got, approx(1e-13, 1e-13)); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", shape.name, name, diff)
			}
		}
		got := make([]float64, rows)
		g.LogLikelihood(got, x)
		check("LogLikelihood", sde.Point{Alpha: 1}, got)
		for _, at := range times {
			g.LogDensity(got, x, at)
			check("LogDensity", sde.VP{}.At(at), got)
		}
	}
}

// Along its axes a normal density is a product of densities in one dimension, as gonum has them.
func TestGaussianLogLikelihoodIsAProduct(t *testing.T) {
	x := normals(6, 15)
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		variances, axes := g.Axes()
		if axes == nil {
			axes = []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}
		}
		want := make([]float64, 5)
		for i := range want {
			for j, v := range variances {
				along := 0.0
				for k := range 3 {
					along += axes[k*3+j] * (x[i*3+k] - shape.c.Mean[k])
				}
				want[i] += distuv.Normal{Sigma: math.Sqrt(v)}.LogProb(along)
			}
		}
		got := make([]float64, 5)
		g.LogLikelihood(got, x)
		if diff := cmp.Diff(want, got, approx(1e-13, 1e-13)); diff != "" {
			t.Errorf("%s: LogLikelihood (-want +got):\n%s", shape.name, diff)
		}
	}
}

func TestGaussianInPlace(t *testing.T) {
	x := normals(7, 12)
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		for _, c := range []struct {
			name string
			f    func(dst, x []float64)
		}{
			{"Predict", func(dst, x []float64) { g.Predict(dst, x, 0.3) }},
			{"FlowMap", func(dst, x []float64) { g.FlowMap(dst, x, 1, 0.1) }},
			{"Reverse", func(dst, x []float64) { g.Reverse(dst, x, 1, 0.1, 1) }},
		} {
			want, got := make([]float64, len(x)), slices.Clone(x)
			c.f(want, x)
			c.f(got, got)
			if diff := cmp.Diff(bits(want), bits(got)); diff != "" {
				t.Errorf("%s: %s in place (-want +got):\n%s", shape.name, c.name, diff)
			}
		}
	}
}

func TestGaussianRowsAreIndependent(t *testing.T) {
	for _, shape := range shapes {
		checkRows(t, shape.name, gaussian(t, sde.VP{}, shape.c), 150, 3)
	}
}

func TestGaussianIsSafeForConcurrentUse(t *testing.T) {
	for _, shape := range shapes {
		checkConcurrent(t, shape.name, gaussian(t, sde.VP{}, shape.c), 3)
	}
}

func TestGaussianDoesNotAllocate(t *testing.T) {
	x, dst := normals(8, 30), make([]float64, 30)
	for _, shape := range shapes {
		g := gaussian(t, sde.VP{}, shape.c)
		if n := allocations(t, func() { g.Predict(dst, x, 0.5) }); n != 0 {
			t.Errorf("%s: %v allocations", shape.name, n)
		}
	}
}

// What a constructor was given may be used for other things afterwards.
func TestGaussianKeepsNothingOfItsArguments(t *testing.T) {
	for _, give := range []func() scoremodel.Component{
		func() scoremodel.Component { return scoremodel.Component{Mean: []float64{1, 2}, Variance: 0.5} },
		func() scoremodel.Component {
			return scoremodel.Component{Mean: []float64{1, 2}, Variances: []float64{0.5, 2}}
		},
		func() scoremodel.Component {
			return scoremodel.Component{Mean: []float64{1, 2}, Covariance: mat.NewSymDense(2, []float64{1, 0.5, 0.5, 2})}
		},
	} {
		c := give()
		g := gaussian(t, sde.VP{}, c)
		want := predict(t, g, []float64{0.3, 0.4}, 0.5)
		c.Mean[0] = 77
		if c.Variances != nil {
			c.Variances[0] = 77
		}
		if c.Covariance != nil {
			c.Covariance.(*mat.SymDense).SetSym(0, 0, 77)
		}
		g.Mean()[1] = 88
		if _, axes := g.Axes(); axes != nil {
			axes[0] = 88
		}
		if diff := cmp.Diff(want, predict(t, g, []float64{0.3, 0.4}, 0.5)); diff != "" {
			t.Errorf("%+v: the prediction changed with what is the caller's (-want +got):\n%s", give(), diff)
		}
	}
}

// badComponents are the ways in which a component of two dimensions can be wrong.
var badComponents = []struct {
	name string
	c    scoremodel.Component
	want string // in the error
}{
	{"no mean", scoremodel.Component{Variance: 1}, "mean has 0 elements"},
	{"mean NaN", scoremodel.Component{Mean: []float64{0, math.NaN()}, Variance: 1}, "mean[1] is NaN"},
	{"mean infinite", scoremodel.Component{Mean: []float64{math.Inf(-1), 0}, Variance: 1}, "mean[0] is -Inf"},
	{"no shape", scoremodel.Component{Mean: []float64{0, 1}}, "exactly one"},
	{"two shapes", scoremodel.Component{Mean: []float64{0, 1}, Variance: 1, Variances: []float64{1, 1}}, "exactly one"},
	{"two other shapes", scoremodel.Component{Mean: []float64{0, 1}, Variance: 1, Covariance: mat.NewSymDense(2, []float64{1, 0, 0, 1})}, "exactly one"},
	{"variance negative", scoremodel.Component{Mean: []float64{0, 1}, Variance: -1}, "is -1"},
	{"variance NaN", scoremodel.Component{Mean: []float64{0, 1}, Variance: math.NaN()}, "is NaN"},
	{"variance infinite", scoremodel.Component{Mean: []float64{0, 1}, Variance: math.Inf(1)}, "is +Inf"},
	{"one variance for two", scoremodel.Component{Mean: []float64{0, 1}, Variances: []float64{1}}, "1 variances, want 2"},
	{"no variances", scoremodel.Component{Mean: []float64{0, 1}, Variances: []float64{}}, "0 variances, want 2"},
	{"a variance zero", scoremodel.Component{Mean: []float64{0, 1}, Variances: []float64{1, 0}}, "variance[1] is 0"},
	{"a variance negative", scoremodel.Component{Mean: []float64{0, 1}, Variances: []float64{-2, 1}}, "variance[0] is -2"},
	{"a variance NaN", scoremodel.Component{Mean: []float64{0, 1}, Variances: []float64{1, math.NaN()}}, "variance[1] is NaN"},
	{"covariance of the wrong size", scoremodel.Component{Mean: []float64{0, 1}, Covariance: mat.NewSymDense(3, nil)}, "3 × 3, want 2 × 2"},
	{"covariance NaN", scoremodel.Component{Mean: []float64{0, 1}, Covariance: mat.NewSymDense(2, []float64{1, math.NaN(), math.NaN(), 1})}, "covariance[0][1] is NaN"},
	{"covariance infinite", scoremodel.Component{Mean: []float64{0, 1}, Covariance: mat.NewSymDense(2, []float64{1, 0, 0, math.Inf(1)})}, "covariance[1][1] is +Inf"},
	{"covariance indefinite", scoremodel.Component{Mean: []float64{0, 1}, Covariance: mat.NewSymDense(2, []float64{1, 2, 2, 1})}, "not positive definite"},
	{"covariance zero", scoremodel.Component{Mean: []float64{0, 1}, Covariance: mat.NewSymDense(2, nil)}, "not positive definite"},
}

func TestNewGaussianRefuses(t *testing.T) {
	for _, c := range badComponents {
		g, err := scoremodel.NewGaussian(sde.VP{}, c.c)
		if err == nil || g != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: NewGaussian = %v, error %v; want an error with %q", c.name, g, err, c.want)
		}
	}
}

func TestGaussianPanicsOnLengths(t *testing.T) {
	g := gaussian(t, sde.VP{}, shapes[0].c)
	x := func(n int) []float64 { return make([]float64, n) }
	checkPanics(t, map[string]func(){
		"Predict of a short dst":     func() { g.Predict(x(3), x(6), 1) },
		"Predict of a part of a row": func() { g.Predict(x(4), x(4), 1) },
		"FlowMap of a short dst":     func() { g.FlowMap(x(3), x(6), 1, 0.5) },
		"Reverse of a part of a row": func() { g.Reverse(x(4), x(4), 1, 0.5, 1) },
		"LogLikelihood":              func() { g.LogLikelihood(x(2), x(4)) },
		"LogDensity":                 func() { g.LogDensity(x(1), x(6), 1) },
	})
}

func checkPanics(t *testing.T, calls map[string]func()) {
	t.Helper()
	for name, call := range calls {
		func() {
			defer func() {
				t.Helper()
				if v, ok := recover().(string); !ok || !strings.HasPrefix(v, "scoremodel: ") {
					t.Errorf("%s: recovered %v, want a panic that names the package", name, v)
				}
			}()
			call()
		}()
	}
}
