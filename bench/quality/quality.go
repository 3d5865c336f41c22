// Package quality compares the law of samples with that of real data, by samples of both.
//
//	real, err := quality.NewReference(images, classes, dim)
//	m, err := real.Measure(x, class)
//
// The RMSE of a solver says how far its samples are from where the model's flow leads. That says nothing about what the samples look
// like: of two solvers that are as far off, one may blur and the other not, and a network's own flow does not lead to the data
// exactly. The measures here say how far a solver's samples are, as a law, from the data:
//
//   - the squared Fréchet distance of the normals that have the samples' and the data's mean and covariance, on the leading principal
//     components of the data. It sees blur and lost variety, and nothing beyond second moments;
//   - the squared sliced Wasserstein distance W₂, the mean of the squared distance along many directions: it sees each direction's whole law;
//   - the squared maximum mean discrepancy for a Gaussian kernel: it is zero for equal laws alone;
//   - the share of samples whose nearest real neighbours are of different classes, and of those that the neighbours take for another
//     class than the one that was asked for.
//
// All are smaller for better samples. The first three are corrected for the bias of finite samples, so that they may come out slightly negative where
// the laws are equal: a value is to be read with its standard error, in which the finite number of samples and that of real data both have their part.
//
// The same samples measured against the same data give the same bits.
package quality

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Errors, to be tested with errors.Is.
var (
	ErrTooFew    = errors.New("too few samples")
	ErrNonFinite = errors.New("a sample is not finite")
)

// MinRows is the least number of samples, and of real ones, that are measured.
const MinRows = 2 * groups

// MaxReal is the number of real samples that a Reference keeps.
const MaxReal = 2000

// Kept returns which of n real samples a Reference keeps, ascending: all up to MaxReal, or so many at random, always the same for one n.
//
// Evenly spaced ones would not do, since data sets have periods: every thirtieth of MNIST's training images are 2000 whose squared MMD from a random 1000 of them is
// 0.004, seven standard errors.
func Kept(n int) []int {
	kept := rand.New(rand.NewPCG(2000, 0)).Perm(n)[:min(n, MaxReal)]
	slices.Sort(kept)
	return kept
}

// An Estimate is a measured value and its standard error. It is plain data.
type Estimate struct {
	Value float64 `json:"value"`
	SE    float64 `json:"standard_error"`
}

// Measures is what Measure finds. It is plain data.
type Measures struct {
	Rows     int `json:"rows"`      // samples
	RealRows int `json:"real_rows"` // real ones

	Frechet  Estimate `json:"frechet2"`   // squared distance, in squared units of the data, as the FID is
	SlicedW2 Estimate `json:"sliced_w22"` // squared, in the same unit
	MMD2     Estimate `json:"mmd2"`       // squared, between 0 and 2 up to its error

	SplitVote  *Estimate `json:"split_vote"`  // share, 0 to 1, of samples whose Neighbours nearest are not of one class; nil if the data have no classes
	WrongClass *Estimate `json:"wrong_class"` // share, 0 to 1, of samples that their nearest take for another class than the one asked for; nil if none was asked for
}

// A Reference is real samples, made ready to be compared with. Use NewReference. It is immutable and safe for concurrent use.
type Reference struct {
	dim      int
	real     []float64
	classes  []int
	features *features
	slices   *projections
	kernel   *kernel
}

// NewReference returns the reference of real, rows of dim elements, and their classes, nil if they have none. Of more than MaxReal rows
// it keeps those that Kept names. Its errors wrap ErrTooFew or ErrNonFinite.
func NewReference(real []float64, classes []int, dim int) (*Reference, error) {
	if err := check(real, dim); err != nil {
		return nil, fmt.Errorf("quality: real data: %w", err)
	}
	n := len(real) / dim
	if classes != nil && len(classes) != n {
		return nil, fmt.Errorf("quality: %d classes for %d samples", len(classes), n)
	}
	r := &Reference{dim: dim, real: real, classes: classes}
	if n > MaxReal {
		r.real, r.classes = make([]float64, 0, MaxReal*dim), nil
		for _, k := range Kept(n) {
			r.real = append(r.real, real[k*dim:(k+1)*dim]...)
			if classes != nil {
				r.classes = append(r.classes, classes[k])
			}
		}
	}
	r.real, r.classes = slices.Clone(r.real), slices.Clone(r.classes)
	var err error
	if r.features, err = newFeatures(r.real, dim); err != nil {
		return nil, fmt.Errorf("quality: %w", err)
	}
	r.slices = newProjections(r.real, dim)
	r.kernel, err = newKernel(r.real, dim)
	if err != nil {
		return nil, fmt.Errorf("quality: %w", err)
	}
	return r, nil
}

// Measure compares x, rows of as many elements as the real data's, with the data. class says which class row i was asked to be of, if any;
// it may be nil. Its errors wrap ErrTooFew or ErrNonFinite.
func (r *Reference) Measure(x []float64, class func(i int) (class int, ok bool)) (*Measures, error) {
	if err := check(x, r.dim); err != nil {
		return nil, fmt.Errorf("quality: %w", err)
	}
	m := &Measures{Rows: len(x) / r.dim, RealRows: len(r.real) / r.dim}
	var err error
	if m.Frechet, err = r.features.frechet(x); err != nil {
		return nil, fmt.Errorf("quality: %w", err)
	}
	m.SlicedW2 = r.slices.distance(x)
	between := distances(x, r.real, r.dim)
	m.MMD2 = r.kernel.mmd(distances(x, x, r.dim), between)
	if r.classes != nil {
		m.SplitVote, m.WrongClass = votes(between, r.classes, class)
	}
	return m, nil
}

func check(x []float64, dim int) error {
	if dim < 1 || len(x)%dim != 0 {
		return fmt.Errorf("%d values are not a whole number of rows of %d", len(x), dim)
	}
	if n := len(x) / dim; n < MinRows {
		return fmt.Errorf("%w: %d, want at least %d", ErrTooFew, n, MinRows)
	}
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("%w: row %d, element %d is %v", ErrNonFinite, i/dim, i%dim, v)
		}
	}
	return nil
}

// groups is the number of parts of which the jackknife leaves out one at a time.
const groups = 20

// groupOf returns the group of row i of n. Groups are runs of rows: neighbours in a data set may be alike, and the classes that rows are asked
// for often repeat with a period that could be that of interleaved groups.
func groupOf(i, n int) int { return i * groups / n }

// jackknife returns the estimate of a statistic of two samples, which theta computes without group gx of the one and gy of the other; -1
// leaves out none. The value is corrected for the bias in 1/n of either sample, and the variances of the two add up [efron1982, chapters 2 to 4].
//
//	[efron1982]  B. Efron. The Jackknife, the Bootstrap and Other Resampling Plans. SIAM 1982.
func jackknife(theta func(gx, gy int) float64) Estimate {
	whole := theta(-1, -1)
	value, variance := whole, 0.0
	for side := range 2 {
		var without [groups]float64
		mean := 0.0
		for g := range without {
			if side == 0 {
				without[g] = theta(g, -1)
			} else {
				without[g] = theta(-1, g)
			}
			mean += without[g] / groups
		}
		value += (groups - 1) * (whole - mean)
		for _, v := range without {
			variance += (v - mean) * (v - mean) * (groups - 1) / groups
		}
	}
	return Estimate{value, math.Sqrt(variance)}
}
