package solvers_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"runtime/debug"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// rotatedGaussian is N(m, C) in three dimensions with a full covariance: a diagonal one would not test probes.
func rotatedGaussian(t testing.TB, s sde.Schedule) *scoremodel.Gaussian {
	t.Helper()
	g, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{1, -0.5, 2}, Covariance: mat.NewSymDense(3, []float64{
		0.8, 0.3, -0.2, 0.3, 0.5, 0.1, -0.2, 0.1, 0.3})})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// rotatedMixture has two components in the plane along different axes.
func rotatedMixture(t testing.TB, s sde.Schedule) *scoremodel.Mixture {
	t.Helper()
	m, err := scoremodel.NewMixture(s,
		scoremodel.Component{Weight: 0.4, Mean: []float64{-1, 0.3}, Covariance: mat.NewSymDense(2, []float64{0.3, 0.15, 0.15, 0.2})},
		scoremodel.Component{Weight: 0.6, Mean: []float64{0.8, -0.2}, Covariance: mat.NewSymDense(2, []float64{0.2, -0.1, -0.1, 0.4})})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func bind(s sde.Schedule, m interface {
	scoremodel.Model
	Dim() int
}) solvers.Problem {
	return solvers.Problem{Schedule: s, Model: m, Dim: m.Dim()}
}

// states returns rows of spread-out states near the data.
func states(rows, dim int) []float64 {
	x := make([]float64, rows*dim)
	sde.Fresh{Seed: 7}.Normals(x, 0, dim)
	return x
}

func likelihood(t testing.TB, p solvers.Problem, x []float64, set *solvers.LikelihoodSettings) solvers.Likelihood {
	t.Helper()
	l, err := solvers.LogLikelihood(context.Background(), p, x, set)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func logs(l solvers.Likelihood) []float64 {
	var out []float64
	for _, r := range l.Rows {
		out = append(out, r.Log)
	}
	return out
}

// tight is a control for comparisons with closed forms. A run that needs more steps is wrong.
func tight(tolerance float64) *ode.Control {
	return &ode.Control{Rel: tolerance, Abs: tolerance, MaxSteps: 3000}
}

// schedules are those on which likelihoods are checked.
var likelihoodSchedules = map[string]sde.Schedule{
	"vp": sde.VP{}, "cosine": sde.Cosine{}, "subvp": sde.SubVP{}, "ve": sde.VE{}, "edm": sde.EDM{}, "flow": sde.Flow{TMax: 0.999},
}

// TestLikelihoodGaussian compares with the closed forms, from the exact marginal at the noise end and from the prior N(0, u²), u² = α_T² + σ_T².
// The flow is affine, x = αm + S(x_T - α_T m) with S = √(v/v_T) along the axes of the covariance, so what it makes of the
// prior is N(αm - α_T Sm, u²SSᵀ).
func TestLikelihoodGaussian(t *testing.T) {
	for name, s := range likelihoodSchedules {
		g := rotatedGaussian(t, s)
		tmin, tmax := s.Domain()
		x := states(6, 3)
		want, latent := make([]float64, 6), make([]float64, len(x))
		g.FlowMap(latent, x, tmin, tmax)
		_, v0 := g.Marginal(tmin)
		mT, vT := g.Marginal(tmax)
		at := s.At(tmax)
		u2 := at.Alpha*at.Alpha + at.Sigma*at.Sigma
		_, axes := g.Axes()
		var scaled, flow, covariance mat.Dense
		scaled.Apply(func(_, j int, v float64) float64 { return v * math.Sqrt(v0[j]/vT[j]) }, mat.NewDense(3, 3, axes))
		flow.Mul(&scaled, mat.NewDense(3, 3, axes).T())
		covariance.Mul(&flow, flow.T())
		mean, _ := g.Marginal(tmin)
		var moved mat.VecDense
		moved.MulVec(&flow, mat.NewVecDense(3, mT))
		shape := mat.NewSymDense(3, nil)
		for i := range mean {
			mean[i] -= moved.AtVec(i)
			for j := range mean {
				shape.SetSym(i, j, u2*(covariance.At(i, j)+covariance.At(j, i))/2)
			}
		}
		law, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: mean, Covariance: shape})
		if err != nil {
			t.Fatal(err)
		}
		law.LogLikelihood(want, x)
		set := &solvers.LikelihoodSettings{Control: tight(1e-12)}
		l := likelihood(t, bind(s, g), x, set)
		if d := farthest(logs(l), want); !(d < 1e-9) {
			t.Errorf("%s: from the prior, log-likelihoods are off by %.2g", name, d)
		}
		if d := farthest(l.Latents, latent); !(d < 1e-9*math.Sqrt(u2)) {
			t.Errorf("%s: latents are off by %.2g", name, d)
		}
		g.LogDensity(want, x, tmin)
		set.Marginal = true
		if d := farthest(logs(likelihood(t, bind(s, g), x, set)), want); !(d < 1e-9) {
			t.Errorf("%s: from the marginal, log-likelihoods are off by %.2g", name, d)
		}
		set.Divergence, set.Control = solvers.DivergenceDifferences, tight(1e-11)
		if d := farthest(logs(likelihood(t, bind(s, g), x, set)), want); !(d < 5e-9) {
			t.Errorf("%s: by differences, log-likelihoods are off by %.2g", name, d)
		}
	}
}

// TestLikelihoodMixture compares with the density of the smoothed data at tmin.
func TestLikelihoodMixture(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	x := states(12, 2)
	want := make([]float64, 12)
	m.LogDensity(want, x, 1e-3)
	for _, test := range []struct {
		set  solvers.LikelihoodSettings
		most float64
	}{
		{solvers.LikelihoodSettings{Control: tight(1e-12)}, 1e-9},
		{solvers.LikelihoodSettings{Control: tight(1e-10), Tableau: ode.DP5}, 1e-7},
		{solvers.LikelihoodSettings{Control: tight(1e-11), Divergence: solvers.DivergenceDifferences}, 1e-9},
		{solvers.LikelihoodSettings{}, 1e-6},
	} {
		test.set.Marginal = true
		if d := farthest(logs(likelihood(t, bind(s, m), x, &test.set)), want); !(d < test.most) {
			t.Errorf("%+v: log-likelihoods are off by %.2g, want at most %.2g", test.set, d, test.most)
		}
	}
	// At time 0 the density is another: what is computed is that of the smoothed data.
	clean := make([]float64, 12)
	m.LogDensity(clean, x, 0)
	if d := farthest(clean, want); !(d > 1e-5) {
		t.Errorf("the densities at 0 and at tmin differ by %.2g: the test cannot tell them apart", d)
	}
}

// TestLikelihoodSinglePrecision: the advised Difference serves a network in single precision, the default one drowns in its rounding.
func TestLikelihoodSinglePrecision(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	network := scoremodel.Float32(scoremodel.Epsilon, func(dst, x []float32, at float32) error {
		wide, out := make([]float64, len(x)), make([]float64, len(x))
		for i, v := range x {
			wide[i] = float64(v)
		}
		err := m.Predict(out, wide, float64(at))
		for i, v := range out {
			dst[i] = float32(v)
		}
		return err
	})
	grid, err := solvers.LambdaGrid{}.Times(s, 60)
	if err != nil {
		t.Fatal(err)
	}
	x := states(6, 2)
	set := solvers.LikelihoodSettings{Grid: grid, Tableau: ode.RK4}
	want := logs(likelihood(t, bind(s, m), x, &set))
	set.Divergence = solvers.DivergenceDifferences
	p := solvers.Problem{Schedule: s, Model: network, Dim: 2}
	poor := farthest(logs(likelihood(t, p, x, &set)), want)
	set.Difference = 5e-3
	if d := farthest(logs(likelihood(t, p, x, &set)), want); !(d < 1e-4 && d < poor/30) {
		t.Errorf("in single precision log-likelihoods are off by %.2g, with the default Difference by %.2g", d, poor)
	}
}

// TestLikelihoodPureNoise begins, with a model that predicts data, at a noise end where α is 0 and the prior is exact.
func TestLikelihoodPureNoise(t *testing.T) {
	s := sde.Flow{TMax: 1}
	g, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{1}, Variance: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	data := scoremodel.Func(scoremodel.Data, func(dst, x []float64, at float64) error {
		p := s.At(at)
		for i, v := range x {
			dst[i] = 1 + p.Alpha*0.25/(p.Alpha*p.Alpha*0.25+p.Sigma*p.Sigma)*(v-p.Alpha)
		}
		return nil
	})
	tmin, _ := s.Domain()
	x, want := []float64{0.2, 1, 2.3}, make([]float64, 3)
	g.LogDensity(want, x, tmin)
	set := &solvers.LikelihoodSettings{Divergence: solvers.DivergenceDifferences, Control: tight(1e-10)}
	if d := farthest(logs(likelihood(t, solvers.Problem{Schedule: s, Model: data, Dim: 1}, x, set)), want); !(d < 1e-8) {
		t.Errorf("log-likelihoods are off by %.2g", d)
	}
	if _, err := solvers.LogLikelihood(context.Background(), bind(s, g), x, nil); !errors.Is(err, solvers.ErrProblem) {
		t.Errorf("a noise prediction where alpha is 0: error %v, want %v", err, solvers.ErrProblem)
	}
}

// TestLikelihoodIntegrates: the density of what the flow makes of the prior, which has no closed form here, integrates to 1.
func TestLikelihoodIntegrates(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand likelihoods")
	}
	s := sde.VP{}
	m := rotatedMixture(t, s)
	// The trapezoidal rule converges faster than any power of the step for a smooth density that ends inside the square.
	const half, step = 4.5, 0.3
	var x []float64
	for a := -half; a < half+step/2; a += step {
		for b := -half; b < half+step/2; b += step {
			x = append(x, a, b)
		}
	}
	l := likelihood(t, bind(s, m), x, &solvers.LikelihoodSettings{Control: tight(1e-7), Workers: 2})
	sum := 0.0
	for _, r := range l.Rows {
		sum += math.Exp(r.Log) * step * step
	}
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("the density integrates to 1 %+.2g", sum-1)
	}
}

// TestLikelihoodOrder: the error falls with the tolerance, and on fixed grids with the order of the method.
func TestLikelihoodOrder(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	x := states(8, 2)
	want := make([]float64, 8)
	m.LogDensity(want, x, 1e-3)
	last := math.Inf(1)
	for _, tolerance := range []float64{1e-3, 1e-5, 1e-7, 1e-9, 1e-11} {
		d := farthest(logs(likelihood(t, bind(s, m), x, &solvers.LikelihoodSettings{Control: tight(tolerance), Tableau: ode.DP5, Marginal: true})), want)
		if !(d < 300*tolerance && d < last/10) {
			t.Errorf("at tolerance %.0e the error is %.2g, after %.2g", tolerance, d, last)
		}
		last = d
	}
	for _, tab := range []ode.Tableau{ode.Euler, ode.Heun, ode.RK4} {
		var errs []float64
		var steps []int
		for n := 32; n <= 512; n *= 2 {
			grid, err := solvers.LambdaGrid{}.Times(s, n)
			if err != nil {
				t.Fatal(err)
			}
			l := likelihood(t, bind(s, m), x, &solvers.LikelihoodSettings{Grid: grid, Tableau: tab, Marginal: true})
			steps, errs = append(steps, n), append(errs, farthest(logs(l), want))
			if l.Rows[0].NFE != n*tab.Evaluations() || l.Rows[0].Steps != n {
				t.Errorf("%s: %d evaluations in %d steps, want %d in %d", tab.Name, l.Rows[0].NFE, l.Rows[0].Steps, n*tab.Evaluations(), n)
			}
		}
		slope := math.Log2(errs[0]/errs[4]) / 4
		if math.Abs(slope-float64(tab.Order)) > 0.5 {
			t.Errorf("%s: the log-likelihood converges at order %.2f (errors %.2g at %v steps)", tab.Name, slope, errs, steps)
		}
	}
}

// TestHutchinson checks that the estimate is unbiased and its standard error right, for both laws and both ways to a product.
func TestHutchinson(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty thousand probes")
	}
	s := sde.VP{}
	m := rotatedMixture(t, s)
	network := scoremodel.Func(scoremodel.Epsilon, m.Predict)
	x := []float64{0.7, -0.9}
	exact := make([]float64, 1)
	m.LogDensity(exact, x, 1e-3)
	_, tmax := s.Domain()
	grid, err := solvers.LambdaGrid{}.Times(s, 30) // good to a hundredth of the standard errors below
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		probe    solvers.Probe
		model    scoremodel.Model
		probes   int
		t        float64 // Student's, of probes-1 degrees of freedom, 95 %
		coverage float64 // of that interval
	}{
		{solvers.ProbeRademacher, m, 32, 2.0395, 0.95},
		// v'Jv of a normal v is as skewed as χ²₁ where one axis dominates, of which the interval of 32 values holds the mean in 91 % of cases.
		{solvers.ProbeGaussian, m, 32, 2.0395, 0.91},
		{solvers.ProbeRademacher, network, 8, 2.3646, 0.95},
	} {
		// Copies of one row have probes of their own.
		const rows = 250
		p := solvers.Problem{Schedule: s, Model: test.model, Dim: 2}
		l := likelihood(t, p, slices.Repeat(x, rows), &solvers.LikelihoodSettings{Divergence: solvers.DivergenceHutchinson, Probe: test.probe,
			Probes: test.probes, Seed: 3, Grid: grid, Tableau: ode.RK4, Workers: 2})
		values, variance, within := logs(l), 0.0, 0.0
		for i, r := range l.Rows {
			// The exact marginal by hand: a network has none.
			z, end := l.Latents[2*i:2*i+2], make([]float64, 1)
			m.LogDensity(end, z, tmax)
			values[i] += end[0] - solvers.LogPrior(s.At(tmax), z)
			variance += r.StandardError * r.StandardError / rows
			if math.Abs(values[i]-exact[0]) < test.t*r.StandardError {
				within += 1. / rows
			}
		}
		mean, std := stat.MeanStdDev(values, nil)
		if e := std / math.Sqrt(rows); math.Abs(mean-exact[0]) > 5*e || e > 0.03 || e < 0.003 {
			t.Errorf("%v: the mean over %d estimates is off by %.2g, with a standard error of %.2g", test.probe, rows*test.probes, mean-exact[0], e)
		}
		// A sample variance of 250 values of moderate kurtosis is good to some 10 %.
		if ratio := variance / (std * std); math.Abs(ratio-1) > 0.3 {
			t.Errorf("%v: the reported variance is %.2f times that of the estimates", test.probe, ratio)
		}
		// The share of 250 has a standard deviation of 1.4 to 1.8 %.
		if math.Abs(within-test.coverage) > 0.04 {
			t.Errorf("%v: %.1f %% of the intervals hold the likelihood, want about %v %%", test.probe, 100*within, 100*test.coverage)
		}
	}
}

// TestRademacherDiagonal shows the blind spot of Rademacher probes: one of them is exact on a diagonal covariance.
func TestRademacherDiagonal(t *testing.T) {
	s := sde.VP{}
	g, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{1, -0.5, 2}, Variances: []float64{0.04, 0.5, 2}})
	if err != nil {
		t.Fatal(err)
	}
	x := states(4, 3)
	for _, test := range []struct {
		g     *scoremodel.Gaussian
		probe solvers.Probe
		exact bool
	}{{g, solvers.ProbeRademacher, true}, {g, solvers.ProbeGaussian, false}, {rotatedGaussian(t, s), solvers.ProbeRademacher, false}} {
		want := make([]float64, 4)
		test.g.LogDensity(want, x, 1e-3)
		l := likelihood(t, bind(s, test.g), x, &solvers.LikelihoodSettings{Divergence: solvers.DivergenceHutchinson, Probe: test.probe,
			Probes: 1, Marginal: true, Control: tight(1e-10)})
		if d := farthest(logs(l), want); (d < 1e-7) != test.exact || !test.exact && d < 1e-2 {
			t.Errorf("one %v probe is off by %.2g, exact is %t", test.probe, d, test.exact)
		}
		if !math.IsNaN(l.Rows[0].StandardError) {
			t.Errorf("one probe has the standard error %v", l.Rows[0].StandardError)
		}
	}
}

// redrawing is a flow whose derivatives jitter from call to call, as those of probes that are drawn anew would.
type redrawing struct {
	*scoremodel.Mixture
	draws uint64
}

func (r *redrawing) PredictDivergence(dst, div, x []float64, t float64) error {
	if err := r.Mixture.PredictDivergence(dst, div, x, t); err != nil {
		return err
	}
	r.draws++
	z := make([]float64, 1)
	sde.Fresh{Seed: r.draws}.Normals(z, 0, 1)
	div[0] += 0.3 * z[0]
	return nil
}

// TestProbesStay shows why the probes of a row are drawn once: with a right-hand side that is random anew at every
// evaluation, no step is short enough for the error estimate.
func TestProbesStay(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	x := []float64{0.7, -0.9}
	set := &solvers.LikelihoodSettings{Divergence: solvers.DivergenceHutchinson, Probes: 1, Control: &ode.Control{Rel: 1e-8, Abs: 1e-8, MaxSteps: 2000}}
	if l := likelihood(t, bind(s, m), x, set); l.Rows[0].Steps+l.Rows[0].Rejected > 300 {
		t.Errorf("a fixed probe takes %d steps and %d rejections", l.Rows[0].Steps, l.Rows[0].Rejected)
	}
	set = &solvers.LikelihoodSettings{Control: set.Control}
	l, err := solvers.LogLikelihood(context.Background(), bind(s, &redrawing{Mixture: m}), x, set)
	if !errors.Is(err, ode.ErrTooManySteps) && !errors.Is(err, ode.ErrStepTooSmall) {
		t.Errorf("a divergence that jitters ends with %v after %d steps and %d rejections", err, l.Rows[0].Steps, l.Rows[0].Rejected)
	}
	if r := l.Rows[0]; !math.IsNaN(r.Log) || !math.IsNaN(r.BitsPerDim) || r.Status == ode.Done {
		t.Errorf("a row that failed has the result %+v", r)
	}
}

// TestLikelihoodDigits: 64 dimensions, where the density of a mixture of 1,797 normals is the witness.
func TestLikelihoodDigits(t *testing.T) {
	if testing.Short() {
		t.Skip("1,797 normals in 64 dimensions")
	}
	s := sde.VP{}
	images, _ := scoremodel.Digits()
	m, err := scoremodel.NewDataset(s, images, 64, 0.15)
	if err != nil {
		t.Fatal(err)
	}
	x := slices.Clone(images[:64])
	noise := make([]float64, len(x))
	sde.Fresh{Seed: 1}.Normals(noise, 0, 64)
	for i := range x {
		x[i] += 0.15 * noise[i]
	}
	want := make([]float64, 1)
	m.LogDensity(want, x, 1e-3)
	l := likelihood(t, bind(s, m), x, &solvers.LikelihoodSettings{Marginal: true, Control: tight(1e-6), BinWidth: 1. / 8})
	if d := farthest(logs(l), want); !(d < 1e-3) {
		t.Errorf("log-likelihoods are off by %.2g of %.4g", d, want)
	}
	for i, r := range l.Rows {
		if bits := -want[i]/(64*math.Ln2) + 3; math.Abs(r.BitsPerDim-bits) > 1e-4 {
			t.Errorf("row %d has %v bits per dimension, want %v", i, r.BitsPerDim, bits)
		}
	}
	h := likelihood(t, bind(s, m), x, &solvers.LikelihoodSettings{Marginal: true, Control: tight(1e-3),
		Divergence: solvers.DivergenceHutchinson, Probes: 4})
	if d := math.Abs(h.Rows[0].Log - want[0]); !(d < 5*h.Rows[0].StandardError) || !(h.Rows[0].StandardError < 10) {
		t.Errorf("Hutchinson's estimate is off by %.2g and says %.2g", d, h.Rows[0].StandardError)
	}
}

// TestLikelihoodSplit: a row's result does not depend on its neighbours or the number of workers, to the bit, whatever the divergence.
func TestLikelihoodSplit(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	x := states(7, 2)
	for _, model := range []scoremodel.Model{m, scoremodel.Func(scoremodel.Score, scoremodel.As(m, scoremodel.Score, s).Predict)} {
		for d := range solvers.Divergences() {
			set := solvers.LikelihoodSettings{Divergence: solvers.Divergence(d), Control: tight(1e-5), Seed: 2}
			p := solvers.Problem{Schedule: s, Model: model, Dim: 2}
			if _, ok := scoremodel.Derivatives(model); !ok && set.Divergence == solvers.DivergenceExact {
				continue
			}
			want := likelihood(t, p, x, &set)
			set.Workers = 3
			got := likelihood(t, p, x, &set)
			for i, w := range want.Rows {
				p.Row = i
				one := likelihood(t, p, x[2*i:2*i+2], &set)
				for _, r := range []solvers.RowLikelihood{got.Rows[i], one.Rows[0]} {
					if r != w {
						t.Errorf("%v: row %d is %+v, alone or with more workers %+v", set.Divergence, i, w, r)
					}
				}
			}
			p.Row = 0
			if !slices.Equal(got.Latents, want.Latents) {
				t.Errorf("%v: the latents depend on the workers", set.Divergence)
			}
		}
	}
}

// TestLikelihoodNFE counts the states that the model is shown.
func TestLikelihoodNFE(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	seen := 0
	network := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error { seen += len(x) / 2; return m.Predict(dst, x, t) })
	grid := []float64{1, 0.5, 0.1, 1e-3}
	for _, test := range []struct {
		model      scoremodel.Model
		divergence solvers.Divergence
		probes     int
		want       int // per evaluation of the flow
	}{
		{m, solvers.DivergenceExact, 0, 1},
		{network, solvers.DivergenceDifferences, 0, 5},
		{network, solvers.DivergenceHutchinson, 50, 101}, // more than a block
		{m, solvers.DivergenceHutchinson, 70, 70},
	} {
		seen = 0
		l := likelihood(t, solvers.Problem{Schedule: s, Model: test.model, Dim: 2}, []float64{1, 2},
			&solvers.LikelihoodSettings{Divergence: test.divergence, Probes: test.probes, Grid: grid, Tableau: ode.RK4})
		if l.Rows[0].NFE != 12*test.want || seen > 0 && seen != l.Rows[0].NFE {
			t.Errorf("%v with %d probes: NFE is %d, %d were seen, want %d", test.divergence, test.probes, l.Rows[0].NFE, seen, 12*test.want)
		}
	}
}

// TestLikelihoodAllocates: more steps, no more allocations.
func TestLikelihoodAllocates(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("under the race detector a sync.Pool, which holds the model's workspace, drops items on purpose")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which empties pools
	s := sde.VP{}
	m := rotatedMixture(t, s)
	network := scoremodel.Func(scoremodel.Epsilon, m.Predict)
	for _, set := range []solvers.LikelihoodSettings{{}, {Divergence: solvers.DivergenceDifferences}, {Divergence: solvers.DivergenceHutchinson}} {
		for _, model := range []scoremodel.Model{m, network} {
			if _, ok := scoremodel.Derivatives(model); !ok && set.Divergence == solvers.DivergenceExact {
				continue
			}
			count := func(steps int) float64 {
				set.Grid, _ = solvers.TimeGrid{}.Times(s, steps)
				p := solvers.Problem{Schedule: s, Model: model, Dim: 2}
				x := []float64{0.5, 0.1}
				return testing.AllocsPerRun(5, func() {
					if _, err := solvers.LogLikelihood(context.Background(), p, x, &set); err != nil {
						t.Fatal(err)
					}
				})
			}
			if few, many := count(10), count(400); many > few+5 {
				t.Errorf("%v: %v allocations in 10 steps, %v in 400", set.Divergence, few, many)
			}
		}
	}
}

func TestLikelihoodBadInput(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	calls := 0
	network := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error { calls++; return m.Predict(dst, x, t) })
	p := solvers.Problem{Schedule: s, Model: network, Dim: 2}
	x := []float64{0, 1}
	differences := solvers.DivergenceDifferences
	type settings = solvers.LikelihoodSettings
	for _, test := range []struct {
		p    solvers.Problem
		x    []float64
		set  settings
		want error
	}{
		{p, x, settings{}, solvers.ErrNoDerivative},
		{p, x, settings{}, solvers.ErrProblem},
		{p, x, settings{}, scoremodel.ErrNoDerivative},
		{p, nil, settings{Divergence: differences}, solvers.ErrProblem},
		{p, []float64{1, 2, 3}, settings{Divergence: differences}, solvers.ErrProblem},
		{p, []float64{1, math.NaN()}, settings{Divergence: differences}, solvers.ErrProblem},
		{p, x, settings{Divergence: differences, Marginal: true}, solvers.ErrProblem},
		{p, x, settings{Divergence: differences, Probes: 3}, solvers.ErrParameter},
		{p, x, settings{Divergence: 3}, solvers.ErrParameter},
		{p, x, settings{Divergence: -1}, solvers.ErrParameter},
		{p, x, settings{Divergence: solvers.DivergenceHutchinson, Probes: -1}, solvers.ErrParameter},
		{p, x, settings{Divergence: solvers.DivergenceHutchinson, Probe: 2}, solvers.ErrParameter},
		{p, x, settings{Divergence: differences, Difference: math.NaN()}, solvers.ErrParameter},
		{p, x, settings{Divergence: differences, BinWidth: -1}, solvers.ErrParameter},
		{p, x, settings{Divergence: differences, BinWidth: math.Inf(1)}, solvers.ErrParameter},
		{p, x, settings{Divergence: differences, Workers: -1}, solvers.ErrParameter},
		{p, x, settings{Divergence: differences, Tableau: ode.RK4}, solvers.ErrNoEstimate},
		{p, x, settings{Divergence: differences, Control: &ode.Control{Rel: -1}}, ode.ErrControl},
		{p, x, settings{Divergence: differences, Grid: []float64{0.1, 1}}, solvers.ErrGrid},
		{p, x, settings{Divergence: differences, Grid: []float64{1, 0.1, 0}}, solvers.ErrGrid},
	} {
		l, err := solvers.LogLikelihood(context.Background(), test.p, test.x, &test.set)
		if !errors.Is(err, test.want) || calls > 0 || l.Rows != nil {
			t.Errorf("LogLikelihood with %+v: error %v after %d calls, want %v before any", test.set, err, calls, test.want)
		}
	}
}

// TestLikelihoodFails: what a model returns is found and named, and the rows before it keep their results.
func TestLikelihoodFails(t *testing.T) {
	s := sde.VP{}
	m := rotatedMixture(t, s)
	broken := errors.New("broken")
	for _, test := range []struct {
		fail func(dst []float64) error
		want error
	}{
		{func([]float64) error { return broken }, broken},
		{func(dst []float64) error { dst[0] = math.NaN(); return nil }, ode.ErrNonFinite},
	} {
		calls := 0
		p := solvers.Problem{Schedule: s, Dim: 2, Model: scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error {
			if err := m.Predict(dst, x, t); err != nil || x[0] < 50 {
				return err
			}
			calls++
			return test.fail(dst)
		})}
		l, err := solvers.LogLikelihood(context.Background(), p, []float64{1, 0, 100, 1, 0, 1}, &solvers.LikelihoodSettings{Divergence: solvers.DivergenceDifferences})
		var at *solvers.RunError
		if !errors.Is(err, test.want) || !errors.As(err, &at) || at.Row != 1 || at.Time != 1e-3 {
			t.Fatalf("error %v, want %v in row 1 at t=0.001", err, test.want)
		}
		if l.Rows[0].Status != ode.Done || l.Rows[1].Status == ode.Done || l.Rows[2].Status != ode.NotRun || !math.IsNaN(l.Rows[2].Log) {
			t.Errorf("the rows' results are %+v", l.Rows)
		}
	}
	// When a worker fails, the others stop: the second waits in its first row for the failure of the first.
	failed := make(chan struct{})
	p := solvers.Problem{Schedule: s, Dim: 2, Model: scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error {
		if x[0] > 50 {
			close(failed)
			return broken
		}
		<-failed
		return m.Predict(dst, x, t)
	})}
	x := slices.Repeat([]float64{1, 0}, 2000)
	x[0] = 100
	l, err := solvers.LogLikelihood(context.Background(), p, x, &solvers.LikelihoodSettings{Divergence: solvers.DivergenceDifferences, Workers: 2})
	if !errors.Is(err, broken) || l.Rows[1999].Status == ode.Done {
		t.Errorf("after the failure of a worker, %v, the other goes on to the end: %v", err, l.Rows[1999].Status)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l, err = solvers.LogLikelihood(ctx, bind(s, m), []float64{1, 0}, nil)
	if !errors.Is(err, context.Canceled) || l.Rows[0].Status != ode.Cancelled {
		t.Errorf("cancelled before the start: %v, %+v", err, l.Rows)
	}
}

func TestBitsPerDim(t *testing.T) {
	// A uniform density on [-1, 1]^d has 256 equal bins of 2/256: 8 bits.
	if got := solvers.BitsPerDim(-3*math.Ln2, 3, 2./256); math.Abs(got-8) > 1e-12 {
		t.Errorf("BitsPerDim of the uniform density = %v, want 8", got)
	}
}

// The log-likelihood of two points under what the flow makes of noise, with its estimate from four probes.
func ExampleLogLikelihood() {
	vp := sde.VP{}
	model, err := scoremodel.NewMixture(vp,
		scoremodel.Component{Weight: 0.25, Mean: []float64{-2, 0}, Variance: 0.1},
		scoremodel.Component{Weight: 0.75, Mean: []float64{2, 1}, Variance: 0.1})
	if err != nil {
		log.Fatal(err)
	}
	p := solvers.Problem{Schedule: vp, Model: model, Dim: 2}
	x := []float64{2, 1, -1.7, 0.3}
	exact, err := solvers.LogLikelihood(context.Background(), p, x, nil)
	if err != nil {
		log.Fatal(err)
	}
	estimate, err := solvers.LogLikelihood(context.Background(), p, x, &solvers.LikelihoodSettings{
		Divergence: solvers.DivergenceHutchinson, Probe: solvers.ProbeRademacher, Probes: 4})
	if err != nil {
		log.Fatal(err)
	}
	for i, r := range estimate.Rows {
		fmt.Printf("%.3f, estimated %.1f ± %.1f\n", exact.Rows[i].Log, r.Log, r.StandardError)
	}
	// Output:
	// 0.174, estimated 0.2 ± 0.1
	// -1.818, estimated -1.8 ± 0.5
}

// A row of a model that knows its rows by number has the likelihood that it has alone, whatever the batch: the probes are states of the same row.
func TestLikelihoodOfRowModel(t *testing.T) {
	s := sde.VP{}
	p := solvers.Problem{Schedule: s, Model: attracted{s: s}, Dim: 2}
	x := []float64{0.1, -0.05, 0.9, 1.1, 2.05, 1.9}
	for _, set := range []solvers.LikelihoodSettings{
		{Divergence: solvers.DivergenceDifferences},
		{Divergence: solvers.DivergenceHutchinson, Probes: 4, Seed: 1},
	} {
		got, err := solvers.LogLikelihood(context.Background(), p, slices.Clone(x), &set)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			mean := float64(i)
			g, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{mean, mean}, Variance: 0.01})
			if err != nil {
				t.Fatal(err)
			}
			q := solvers.Problem{Schedule: s, Model: scoremodel.Func(scoremodel.Epsilon, g.Predict), Dim: 2, Row: i}
			want, err := solvers.LogLikelihood(context.Background(), q, slices.Clone(x[2*i:2*i+2]), &set)
			if err != nil {
				t.Fatal(err)
			}
			if d := got.Rows[i].Log - want.Rows[0].Log; !(math.Abs(d) < 1e-5) {
				t.Errorf("%v: row %d has log-likelihood %v, the normal around its mean %v", set.Divergence, i, got.Rows[i].Log, want.Rows[0].Log)
			}
		}
	}
}
