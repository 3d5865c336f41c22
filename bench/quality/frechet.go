package quality

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Features is the number of principal components on which the Fréchet distance is taken, or all if the data have fewer dimensions.
//
// The FID takes it on the features of a classifier of photographs, which digits are none of. On all pixels, it would be a sum over many
// that hardly vary, whose covariances a thousand samples do not settle; sixteen components hold 85 % of the variance of the digits.
const Features = 16

// features are the leading principal components of data.
type features struct {
	mean []float64
	axes *mat.Dense // dim × components
	real []moments  // of the data, without each group, and last without none
	dim  int
}

// moments are those of a normal.
type moments struct {
	mean []float64
	cov  *mat.SymDense
}

func newFeatures(real []float64, dim int) (*features, error) {
	var pc stat.PC
	x := mat.NewDense(len(real)/dim, dim, real)
	if !pc.PrincipalComponents(x, nil) {
		return nil, errors.New("the principal components of the data do not converge")
	}
	var all mat.Dense
	pc.VectorsTo(&all)
	rows, cols := all.Dims()
	f := &features{mean: make([]float64, dim), dim: dim, axes: mat.DenseCopyOf(all.Slice(0, rows, 0, min(Features, cols)))}
	for i := 0; i < len(real); i += dim {
		for j := range dim {
			f.mean[j] += real[i+j] / float64(len(real)/dim)
		}
	}
	f.real = f.moments(real)
	return f, nil
}

// moments returns those of the features of x without each group, and last without none.
func (f *features) moments(x []float64) []moments {
	n := len(x) / f.dim
	centered := make([]float64, len(x))
	for i, v := range x {
		centered[i] = v - f.mean[i%f.dim]
	}
	var z mat.Dense
	z.Mul(mat.NewDense(n, f.dim, centered), f.axes)
	_, k := z.Dims()
	var out []moments
	for g := range groups + 1 {
		var kept []float64
		for i := range n {
			if groupOf(i, n) != g {
				kept = append(kept, z.RawRowView(i)...)
			}
		}
		part := mat.NewDense(len(kept)/k, k, kept)
		m := moments{mean: make([]float64, k), cov: new(mat.SymDense)}
		stat.CovarianceMatrix(m.cov, part, nil)
		for j := range k {
			m.mean[j] = stat.Mean(mat.Col(nil, j, part), nil)
		}
		out = append(out, m)
	}
	return out
}

// frechet estimates the squared distance of x from the data.
func (f *features) frechet(x []float64) (Estimate, error) {
	own := f.moments(x)
	of := func(m []moments, without int) moments {
		if without < 0 {
			return m[groups]
		}
		return m[without]
	}
	var failed error
	e := jackknife(func(gx, gy int) float64 {
		a, b := of(own, gx), of(f.real, gy)
		d, err := Frechet(a.mean, a.cov, b.mean, b.cov)
		if err != nil {
			failed = err
		}
		return d
	})
	return e, failed
}

// Frechet returns the squared Fréchet distance, which is the squared Wasserstein distance W₂, of two normals [dowson1982]:
//
//	|m₁ - m₂|² + tr(C₁ + C₂ - 2 (√C₁ C₂ √C₁)^½).
//
// It returns an error if an eigenvalue problem does not converge. It panics if the sizes do not fit.
//
//	[dowson1982]  D. Dowson and B. Landau. The Fréchet Distance between Multivariate Normal Distributions. J. Multivariate Analysis 12, 1982.
func Frechet(m1 []float64, c1 mat.Symmetric, m2 []float64, c2 mat.Symmetric) (float64, error) {
	n := len(m1)
	if len(m2) != n || c1.SymmetricDim() != n || c2.SymmetricDim() != n {
		panic("quality: sizes of means and covariances do not fit")
	}
	d := mat.Trace(c1) + mat.Trace(c2)
	for i, m := range m1 {
		d += (m - m2[i]) * (m - m2[i])
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(c1, true) {
		return 0, errors.New("the eigenvalues of a covariance do not converge")
	}
	var v, scaled, root, product mat.Dense
	eigen.VectorsTo(&v)
	values := eigen.Values(nil)
	scaled.Apply(func(_, j int, a float64) float64 { return a * math.Sqrt(max(values[j], 0)) }, &v)
	root.Mul(&scaled, v.T())
	product.Product(&root, c2, &root)
	middle := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			middle.SetSym(i, j, (product.At(i, j)+product.At(j, i))/2)
		}
	}
	if !eigen.Factorize(middle, true) { // with vectors: see problem.Read
		return 0, errors.New("the eigenvalues of a product of covariances do not converge")
	}
	for _, l := range eigen.Values(values) {
		d -= 2 * math.Sqrt(max(l, 0))
	}
	return d, nil
}
