package quality

import (
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// projections are the data along directions in space, sorted.
//
// The directions are the vectors of random orthonormal bases, 64 in all or, in less than 64 dimensions, as many whole bases as are
// needed for that. Over a whole basis the squared components of a vector add up to its squared length, so that the distance of a shift does not
// depend on which bases they are.
type projections struct {
	dim        int
	directions *mat.Dense // dim × directions
	real       [][]ranked
}

// ranked is a value and the group of its row.
type ranked struct {
	value float64
	group int
}

const directions = 64

func newProjections(real []float64, dim int) *projections {
	rng := rand.New(rand.NewPCG(8, 64)) // any: the directions only have to be the same always
	columns := min(dim, directions)
	bases := (directions + dim - 1) / dim
	p := &projections{dim: dim, directions: mat.NewDense(dim, bases*columns, nil)}
	for b := range bases {
		normals := mat.NewDense(dim, columns, nil)
		normals.Apply(func(int, int, float64) float64 { return rng.NormFloat64() }, normals)
		var qr mat.QR
		qr.Factorize(normals)
		var q mat.Dense
		qr.QTo(&q)
		p.directions.Slice(0, dim, b*columns, (b+1)*columns).(*mat.Dense).Copy(q.Slice(0, dim, 0, columns))
	}
	p.real = p.project(real)
	return p
}

// project returns the rows of x along each direction, sorted.
func (p *projections) project(x []float64) [][]ranked {
	n := len(x) / p.dim
	var z mat.Dense
	z.Mul(mat.NewDense(n, p.dim, x), p.directions)
	_, k := z.Dims()
	out := make([][]ranked, k)
	for j := range out {
		out[j] = make([]ranked, n)
		for i := range n {
			out[j][i] = ranked{z.At(i, j), groupOf(i, n)}
		}
		slices.SortFunc(out[j], func(a, b ranked) int {
			switch {
			case a.value < b.value:
				return -1
			case a.value > b.value:
				return 1
			}
			return 0
		})
	}
	return out
}

// distance estimates the squared sliced Wasserstein distance of x from the data: the mean of W₂² over the directions, times the dimension,
// so that a shift by v has |v|², as W₂² itself. Without the factor it would be |v|²/dim.
func (p *projections) distance(x []float64) Estimate {
	own := p.project(x)
	return jackknife(func(gx, gy int) float64 { return p.between(own, gx, gy) })
}

// between returns the squared distance without a group of the samples, sorted along each direction, and one of the data.
func (p *projections) between(own [][]ranked, gx, gy int) float64 {
	sum := 0.0
	var a, b []float64
	for j := range own {
		a, b = without(a[:0], own[j], gx), without(b[:0], p.real[j], gy)
		sum += wasserstein2(a, b)
	}
	return sum * float64(p.dim) / float64(len(own))
}

// without appends the values of all groups but one to dst.
func without(dst []float64, from []ranked, group int) []float64 {
	for _, r := range from {
		if r.group != group {
			dst = append(dst, r.value)
		}
	}
	return dst
}

// wasserstein2 returns W₂² of two sorted samples on the line: ∫(F⁻¹(u) - G⁻¹(u))² du, whose integrand is constant between the multiples
// of 1/len(a) and 1/len(b).
func wasserstein2(a, b []float64) float64 {
	n, m := len(a), len(b)
	sum, i, j, u := 0.0, 0, 0, 0 // u counts in units of 1/(nm)
	for i < n && j < m {
		next := min((i+1)*m, (j+1)*n)
		d := a[i] - b[j]
		sum += d * d * float64(next-u)
		u = next
		if u == (i+1)*m {
			i++
		}
		if u == (j+1)*n {
			j++
		}
	}
	return sum / float64(n) / float64(m)
}
