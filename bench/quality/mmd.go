package quality

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// kernel is the Gaussian kernel exp(-|x-y|²/(2h²)) with, for h, the median of the distances between the data, and its sums over them.
type kernel struct {
	h2   float64   // h²
	sums []float64 // for each real row, over the others
}

func newKernel(real []float64, dim int) (*kernel, error) {
	d := distances(real, real, dim)
	n, _ := d.Dims()
	var some []float64
	stride := max(n/500, 1) // a median of 10⁵ distances is as good as that of all
	for i := 0; i < n; i += stride {
		for j := 0; j < i; j += stride {
			some = append(some, d.At(i, j))
		}
	}
	slices.Sort(some)
	k := &kernel{h2: some[len(some)/2]}
	if !(k.h2 > 0) {
		return nil, errors.New("half of the data are one and the same")
	}
	k.sums = k.rows(d, true)
	return k, nil
}

// rows returns the sums over the rows of the kernel at the squared distances d, without the diagonal if those are of a sample from itself.
func (k *kernel) rows(d *mat.Dense, same bool) []float64 {
	n, m := d.Dims()
	sums := make([]float64, n)
	for i := range n {
		for j, v := range d.RawRowView(i)[:m] {
			if !same || i != j {
				sums[i] += math.Exp(-v / (2 * k.h2))
			}
		}
	}
	return sums
}

// mmd estimates the squared maximum mean discrepancy from the squared distances within the samples and between them and the data: the unbiased
// statistic [gretton2012, lemma 6], with the mean of the kernel over pairs of different samples, of different data, and of both,
//
//	MMD² = K_xx + K_yy - 2 K_xy.
//
// Its standard error is that of the jackknife which leaves out one row. Where the laws are equal that is larger than the deviation, as
// the statistic's terms of first order are then zero.
//
//	[gretton2012]  A. Gretton et al. A Kernel Two-Sample Test. J. Machine Learning Research 13, 2012.
func (k *kernel) mmd(within, between *mat.Dense) Estimate {
	own, cross := k.rows(within, true), k.rows(between, false)
	back := k.rows(mat.DenseCopyOf(between.T()), false)
	value := pairs(own) + pairs(k.sums) - 2*floats.Sum(cross)/float64(len(own)*len(k.sums))
	variance := leaveOneOut(own, cross, len(k.sums)) + leaveOneOut(k.sums, back, len(own))
	return Estimate{value, math.Sqrt(variance)}
}

// pairs returns the mean over pairs of different rows, whose sums over the others are given.
func pairs(sums []float64) float64 {
	n := float64(len(sums))
	return floats.Sum(sums) / (n * (n - 1))
}

// leaveOneOut returns the jackknife's variance of MMD² from one of the samples: own is each row's sum over the others of it, and cross that over
// the m rows of the other sample.
func leaveOneOut(own, cross []float64, m int) float64 {
	n := float64(len(own))
	total, across := floats.Sum(own), floats.Sum(cross)
	values := make([]float64, len(own))
	for i := range values {
		values[i] = (total-2*own[i])/((n-1)*(n-2)) - 2*(across-cross[i])/((n-1)*float64(m))
	}
	mean := floats.Sum(values) / n
	variance := 0.0
	for _, v := range values {
		variance += (v - mean) * (v - mean) * (n - 1) / n
	}
	return variance
}

// distances returns the squared distances of the rows of x and y. They are computed as they are defined: the sum of squares minus products would lose
// the digits of small ones.
func distances(x, y []float64, dim int) *mat.Dense {
	n, m := len(x)/dim, len(y)/dim
	d := mat.NewDense(n, m, nil)
	for i := range n {
		row, a := d.RawRowView(i), x[i*dim:(i+1)*dim]
		for j := range row {
			b := y[j*dim:][:dim]
			sum := 0.0
			for k, v := range a {
				sum += (v - b[k]) * (v - b[k])
			}
			row[j] = sum
		}
	}
	return d
}
