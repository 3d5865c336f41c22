package sde_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/diffsolve/diffsolve/sde"
)

// An interval is a query of a path.
type interval struct{ from, to float64 }

// gram returns the exact covariance of the (W, H) of a list of intervals: the inner products of their kernels, of white noise,
// 1 and 1/2 - (v-from)/(to-from), with a sign if the interval runs down.
func gram(queries []interval) *mat.SymDense {
	kernel := func(k int, v float64) float64 {
		q := queries[k/2]
		if k%2 == 0 {
			return math.Copysign(1, q.to-q.from)
		}
		lo, hi := min(q.from, q.to), max(q.from, q.to)
		return 0.5 - (v-lo)/(hi-lo)
	}
	g := mat.NewSymDense(2*len(queries), nil)
	for i := range 2 * len(queries) {
		for j := range i + 1 {
			a, b := queries[i/2], queries[j/2]
			lo := max(min(a.from, a.to), min(b.from, b.to))
			hi := min(max(a.from, a.to), max(b.from, b.to))
			if lo < hi { // Simpson's rule is exact for a product of linear functions
				mid := (lo + hi) / 2
				g.SetSym(i, j, (hi-lo)/6*(kernel(i, lo)*kernel(j, lo)+4*kernel(i, mid)*kernel(j, mid)+kernel(i, hi)*kernel(j, hi)))
			}
		}
	}
	return g
}

// draws returns the (W, H) of the queries as the columns of a matrix with a line for each of n samples.
func draws(t *testing.T, noise sde.Noise, queries []interval, n int) *mat.Dense {
	t.Helper()
	const dim = 20
	z := mat.NewDense(n, 2*len(queries), nil)
	path := noise.Path(3, n/dim, dim)
	for k, q := range queries {
		w, h := area(t, path, n, q.from, q.to)
		z.SetCol(2*k, w)
		z.SetCol(2*k+1, h)
	}
	return z
}

// gramError returns what contradicts the exact law of the queries in n samples of them, or nil.
//
// The samples are turned to the axes of the exact covariance and scaled to variance 1. What has no variance, as the queries depend on each
// other, must vanish. The second moments of the others are compared one by one, and all together
// by a chi-square statistic, each at a level of 3e-7, that of 5 standard deviations. Seeds are fixed.
func gramError(t *testing.T, noise sde.Noise, queries []interval, n int) error {
	t.Helper()
	exact, z := gram(queries), draws(t, noise, queries, n)
	m, _ := exact.Dims()
	// In units of the standard deviations, so that short intervals count like long ones.
	unit := make([]float64, m)
	for i := range unit {
		unit[i] = 1 / math.Sqrt(exact.At(i, i))
	}
	for i := range m {
		for j := range i + 1 {
			exact.SetSym(i, j, exact.At(i, j)*unit[i]*unit[j])
		}
	}
	z.Apply(func(_, j int, v float64) float64 { return v * unit[j] }, z)

	var eigen mat.EigenSym
	if !eigen.Factorize(exact, true) {
		t.Fatal("the covariance has no eigenvalues")
	}
	var axes, y mat.Dense
	eigen.VectorsTo(&axes)
	y.Mul(z, &axes)
	var found []int
	for j, variance := range eigen.Values(nil) {
		if variance > 1e-9 {
			y.Apply(func(_, k int, v float64) float64 {
				if k == j {
					return v / math.Sqrt(variance)
				}
				return v
			}, &y)
			found = append(found, j)
			continue
		}
		for i := range n {
			if v := y.At(i, j); !(math.Abs(v) < 1e-7) {
				return fmt.Errorf("sample %d: %v in a direction that has no variance", i, v)
			}
		}
	}
	chi := 0.0
	for a, i := range found {
		for _, j := range found[:a+1] {
			moment := 0.0
			for k := range n {
				moment += y.At(k, i) * y.At(k, j) / float64(n)
			}
			want, variance := 0.0, 1/float64(n)
			if i == j {
				want, variance = 1, 2/float64(n)
			}
			sigmas := (moment - want) / math.Sqrt(variance)
			if !(math.Abs(sigmas) < 5) {
				return fmt.Errorf("second moment %d, %d is %.4f, %.1f standard errors from %v", i, j, moment, sigmas, want)
			}
			chi += sigmas * sigmas
		}
	}
	freedom := len(found) * (len(found) + 1) / 2
	if limit := (distuv.ChiSquared{K: float64(freedom)}).Quantile(1 - 3e-7); !(chi < limit) {
		return fmt.Errorf("chi-square of %d moments is %.1f, want below %.1f", freedom, chi, limit)
	}
	return nil
}

var (
	// A walk, for paths that forget.
	walk = []interval{{1, 0.9}, {0.9, 0.625}, {0.625, 0.5}, {0.5, 0.1}, {0.1, 0.09}}

	// Whatever may be asked of times that are multiples of 1/16 between 0 and 1: nested, overlapping, adjacent, repeated, both ways.
	nested = []interval{
		{0, 1}, {1, 0.5}, {0.25, 0.75}, {0, 0.0625}, {0.0625, 0.4375}, {0.9375, 0.25}, {0.25, 0.25 + 1./16}, {0.4375, 0.5625}, {0.875, 1}, {0.0625, 0.4375},
	}

	// And of any times: the lengths of 1e-5 beside those of 1.
	anywhere = []interval{
		{0, 1}, {0.3, 0.7}, {0.7, 0.31}, {0.1, 0.100_01}, {0.1, 0.55}, {0.499_99, 0.500_01}, {0.999, 1}, {0.123, 0.124}, {0.123, 0.3}, {0, 0.25}, {1. / 3, 2. / 3},
	}

	sixteenths = func() []float64 {
		grid := make([]float64, 17)
		for k := range grid {
			grid[k] = float64(k) / 16
		}
		return grid
	}()

	// Cells of lengths between 0.001 and 0.2 in front of the queries of nested.
	uneven = slices.Compact(slices.Sorted(slices.Values(append([]float64{0.001, 0.3, 0.301, 0.55, 0.61, 0.97}, sixteenths...))))
)

// The covariances of any (W, H) that a path gives are exact.
func TestPathLaw(t *testing.T) {
	down := slices.Clone(uneven)
	slices.Reverse(down)
	for _, test := range []struct {
		name    string
		noise   sde.Noise
		queries []interval
	}{
		{"Fresh", sde.Fresh{Seed: 1}, walk},
		{"GridPath", sde.GridPath{Seed: 2, Grid: sixteenths}, nested},
		{"GridPath uneven", sde.GridPath{Seed: 3, Grid: uneven}, nested},
		{"GridPath down", sde.GridPath{Seed: 4, Grid: down}, nested},
		{"Tree at the ends of nodes", sde.Tree{Seed: 5, To: 1, Leaf: 1. / 16}, nested},
		{"Tree of deeper nodes", sde.Tree{Seed: 6, To: 1}, nested},
		{"Tree in leaves", sde.Tree{Seed: 7, From: 1, To: -0.1}, anywhere},
		{"Tree in shorter leaves", sde.Tree{Seed: 8, From: -3, To: 2, Leaf: 1e-9}, anywhere},
		{"Tree in long leaves", sde.Tree{Seed: 9, To: 1, Leaf: 0.125}, []interval{{0, 0.3}, {0.3, 0.6}, {0.2, 0.45}, {0.45, 1}, {1, 0.2}}},
	} {
		if err := gramError(t, test.noise, test.queries, 10_000); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// A wrong path is a GridPath that is told apart by what it does to W and H.
type wrongPath struct {
	sde.GridPath
	// join makes (W, H) of two adjacent intervals of lengths x and y; nil is Chen's relation.
	join func(x, w1, h1, y, w2, h2 float64) float64
	area float64 // factor of H of a cell
}

func (p wrongPath) Path(first, rows, dim int) sde.Brownian {
	n := rows * dim
	return &wrongWalk{p, p.GridPath.Path(first, rows, dim).(sde.SpaceTime), make([]float64, n), make([]float64, n)}
}

type wrongWalk struct {
	wrongPath
	cells sde.SpaceTime
	w, h  []float64
}

func (p *wrongWalk) Increment(dst []float64, from, to float64) error {
	return p.Area(dst, p.h, from, to)
}

func (p *wrongWalk) Area(w, h []float64, from, to float64) error {
	lo, hi := min(from, to), max(from, to)
	clear(w)
	clear(h)
	for k, start := range p.Grid[:len(p.Grid)-1] {
		if start < lo || start >= hi {
			continue
		}
		if err := p.cells.Area(p.w, p.h, start, p.Grid[k+1]); err != nil {
			return err
		}
		for j := range w {
			h[j] = p.join(start-lo, w[j], h[j], p.Grid[k+1]-start, p.w[j], p.area*p.h[j])
			w[j] += p.w[j]
		}
	}
	if to < from {
		for j := range w {
			w[j] = -w[j]
		}
	}
	return nil
}

func chen(x, w1, h1, y, w2, h2 float64) float64 {
	return (x*h1 + y*h2 + (y*w1-x*w2)/2) / (x + y)
}

// The check of the law rejects what is wrong: the mistakes that libraries make.
func TestPathLawRejects(t *testing.T) {
	grid := sde.GridPath{Seed: 2, Grid: sixteenths}
	for _, test := range []struct {
		name    string
		noise   sde.Noise
		queries []interval
		right   bool
	}{
		{"nothing wrong", wrongPath{grid, chen, 1}, nested, true},
		{"H of variance h/6", wrongPath{grid, chen, math.Sqrt2}, nested, false},
		{"H of variance h/6, a walk", wrongPath{sde.GridPath{Seed: 2, Grid: []float64{0, 0.1, 0.5, 1}}, chen, math.Sqrt2}, []interval{{0, 0.1}, {0.1, 0.5}}, false},
		{"signs of W in Chen's relation", wrongPath{grid, func(x, w1, h1, y, w2, h2 float64) float64 {
			return (x*h1 + y*h2 - (y*w1-x*w2)/2) / (x + y)
		}, 1}, nested, false},
		{"H a sum, as an independent Brownian motion by the root of 12 would have it", wrongPath{grid, func(_, _, h1, _, _, h2 float64) float64 {
			return h1 + h2
		}, 1}, nested, false},
		{"H the mean of the parts", wrongPath{grid, func(x, _, h1, y, _, h2 float64) float64 { return (x*h1 + y*h2) / (x + y) }, 1}, nested, false},
		{"two times in one leaf", sde.Tree{Seed: 7, To: 1, Leaf: 0.25}, []interval{{0, 0.3}, {0, 0.45}}, false},
		{"one time in each leaf", sde.Tree{Seed: 7, To: 1, Leaf: 0.25}, []interval{{0, 0.3}, {0, 0.55}}, true},
		{"a path that forgets", forgetful{}, nested, false},
		{"a bridge of W alone", bridge{0, 0.25, 1. / 4}, halves, false},
		{"a bridge that shares its normal with the wrong sign", bridge{1.5, 0.25, -1. / 16}, halves, false},
		{"the right bridge", bridge{1.5, 0.25, 1. / 16}, halves, true},
	} {
		if err := gramError(t, test.noise, test.queries, 10_000); (err == nil) != test.right {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// forgetful gives every query new draws.
type forgetful struct{}

func (forgetful) Path(first, rows, dim int) sde.Brownian { return &forgetfulWalk{first, rows, dim, 0} }

type forgetfulWalk struct{ first, rows, dim, draw int }

func (p *forgetfulWalk) Increment(dst []float64, from, to float64) error {
	return p.Area(dst, make([]float64, len(dst)), from, to)
}

func (p *forgetfulWalk) Area(w, h []float64, from, to float64) error {
	p.draw++
	return sde.Fresh{Seed: uint64(p.draw)}.Path(p.first, p.rows, p.dim).(sde.SpaceTime).Area(w, h, from, to)
}

// bridge halves [0, 1] by (W, H) of the halves = (W/2 ± wh H ± Z, hh H - Z/2 ± N), Z of variance |z|; a negative z turns the sign of Z in H.
type bridge struct{ wh, hh, z float64 }

var halves = []interval{{0, 1}, {0, 0.5}, {0.5, 1}}

func (b bridge) Path(first, rows, dim int) sde.Brownian { return &bridged{b, first, rows, dim} }

type bridged struct {
	bridge
	first, rows, dim int
}

func (p *bridged) Increment(dst []float64, from, to float64) error {
	return p.Area(dst, make([]float64, len(dst)), from, to)
}

func (p *bridged) Area(w, h []float64, from, to float64) error {
	path := sde.Fresh{Seed: 12}.Path(p.first, p.rows, p.dim).(sde.SpaceTime)
	if err := path.Area(w, h, 0, 1); err != nil || to-from == 1 {
		return err
	}
	z, n := make([]float64, len(w)), make([]float64, len(w))
	if err := path.Area(z, n, 2, 3); err != nil { // n has variance 1/12 and is halved
		return err
	}
	sign := 1.0
	if from > 0 {
		sign = -1
	}
	for j := range w {
		zj := math.Sqrt(math.Abs(p.z)) * z[j]
		w[j] = w[j]/2 + sign*(p.wh*h[j]+zj)
		h[j] = p.hh*h[j] - math.Copysign(zj, zj*p.z)/2 + sign*n[j]/2
	}
	return nil
}

// remembering are the paths that answer for nested intervals, on times that a GridPath has too.
var remembering = map[string]sde.Noise{
	"GridPath":      sde.GridPath{Seed: 2, Grid: uneven},
	"Tree":          sde.Tree{Seed: 3, To: 1},
	"Tree, shallow": sde.Tree{Seed: 3, To: 1, Leaf: 0.1},
	"Tree, deep":    sde.Tree{Seed: 3, From: 2, To: -1, Leaf: 1e-12},
}

// queriesOf are intervals for a remembering noise: all of those between a few times.
func queriesOf(noise sde.Noise) []interval {
	times := []float64{0, 0.125, 0.3, 0.301, 0.625, 0.97, 1}
	if tree, ok := noise.(sde.Tree); ok {
		times = []float64{0, 0.1, 0.2 + 1e-3, 1. / 3, 0.5, 0.701, 0.9, 1}
		if tree.Leaf < 0.01 {
			times = append(times, 0.3333, 0.5+1e-5, 0.5+3e-5)
		}
	}
	var all []interval
	for _, from := range times {
		for _, to := range times {
			all = append(all, interval{from, to})
		}
	}
	return all
}

// Parts make the whole, to rounding: in the units of a standard deviation of the interval and of the path.
func TestPathIsAdditive(t *testing.T) {
	const n = 30
	for name, noise := range remembering {
		path := noise.Path(0, 3, 10)
		worst := 0.0
		for _, q := range queriesOf(noise) {
			for _, p := range queriesOf(noise) {
				if p.from != q.to || p.to == q.from {
					continue
				}
				w1, h1 := area(t, path, n, q.from, q.to)
				w2, h2 := area(t, path, n, p.from, p.to)
				w, h := area(t, path, n, q.from, p.to)
				x, y := q.to-q.from, p.to-p.from
				sde.Chen(w1, h1, x, w1, h1, y, w2, h2)
				for j := range w {
					// Taking a long interval off another one leaves the rounding of the long one.
					scale := (math.Abs(x) + math.Abs(y)) / math.Abs(x+y)
					worst = max(worst, math.Abs(w1[j]-w[j]), math.Abs(h1[j]-h[j])/scale)
				}
			}
		}
		if !(worst <= 1e-13) {
			t.Errorf("%s: parts differ from the whole by %v", name, worst)
		}
	}
}

// The same bits whatever was asked before, however often, by however many, row by row or all at once; the way back has -W and H.
func TestPathIsAFunction(t *testing.T) {
	const rows, dim = 5, 3
	type answer struct{ W, H []float64 }
	ask := func(path sde.Brownian, n int, q interval) (answer, error) {
		a := answer{make([]float64, n), make([]float64, n)}
		return a, path.(sde.SpaceTime).Area(a.W, a.H, q.from, q.to)
	}
	for name, noise := range remembering {
		queries := queriesOf(noise)
		want := map[interval]answer{}
		for _, q := range queries { // each from a path of its own
			a, err := ask(noise.Path(2, rows, dim), rows*dim, q)
			if err != nil {
				t.Fatal(err)
			}
			want[q] = a
		}
		var group sync.WaitGroup
		for row := range rows {
			group.Go(func() {
				order := rand.New(rand.NewPCG(uint64(row), 0))
				path, alone := noise.Path(2, rows, dim), noise.Path(2+row, 1, dim)
				dw := make([]float64, rows*dim)
				for _, k := range append(order.Perm(len(queries)), order.Perm(len(queries))...) {
					q := queries[k]
					all, err := ask(path, rows*dim, q)
					one, errOne := ask(alone, dim, q)
					if err := errors.Join(err, errOne, path.Increment(dw, q.from, q.to)); err != nil {
						t.Error(err)
						return
					}
					part := answer{want[q].W[row*dim:][:dim], want[q].H[row*dim:][:dim]}
					for _, test := range []struct {
						name      string
						want, got any
					}{
						{"-first +later", want[q], all}, {"-in the batch +alone", part, one}, {"-Area +Increment", all.W, dw},
					} {
						if diff := cmp.Diff(test.want, test.got); diff != "" {
							t.Errorf("%s: %v of row %d (%s):\n%s", name, q, row, test.name, diff)
							return
						}
					}
				}
			})
		}
		group.Wait()
		for q, a := range want {
			back := want[interval{q.to, q.from}]
			for j := range a.W {
				if a.W[j] != -back.W[j] || a.H[j] != back.H[j] {
					t.Fatalf("%s: %v has (%v, %v), the way back (%v, %v)", name, q, a.W[j], a.H[j], back.W[j], back.H[j])
				}
			}
		}
	}
}

// Between two times that are known, the path at a random third is of the exact conditional law: Kolmogorov's test of every one,
// at a level of 1e-4 for all of them together.
func TestTreeConditionalLaw(t *testing.T) {
	const n, trials = 2000, 60
	limit := math.Sqrt(math.Log(2*2*trials/1e-4) / 2)
	worst := func(noise sde.Noise) float64 {
		path, times := noise.Path(0, n/20, 20), rand.New(rand.NewPCG(1, 2))
		worst := 0.0
		for range trials {
			r := []float64{times.Float64(), times.Float64(), times.Float64()}
			slices.Sort(r)
			w, h := area(t, path, n, r[0], r[2])
			w1, h1 := area(t, path, n, r[0], r[1])
			x, y := (r[1]-r[0])/(r[2]-r[0]), (r[2]-r[1])/(r[2]-r[0])
			// The conditional law of (W₁, H₁) for an interval of length 1: covariance matrix (a, b; b, c).
			a, b, c := x*y*(x*x*x+y*y*y), -x*x*x*y/2, x/12*(1-x*x*x)
			root := math.Sqrt(r[2] - r[0])
			for j := range w {
				dw := (w1[j] - x*w[j] - 6*x*y*h[j]) / root
				dh := (h1[j] - x*x*h[j]) / root
				w1[j], h1[j] = dw/math.Sqrt(a), (dh-b/a*dw)/math.Sqrt(c-b*b/a)
			}
			worst = max(worst, distanceToNormal(w1), distanceToNormal(h1))
		}
		return worst
	}
	if got := worst(sde.Tree{Seed: 21, To: 1}); !(got <= limit) {
		t.Errorf("Kolmogorov's statistic = %.2f, want at most %.2f", got, limit)
	}
	if got := worst(forgetful{}); !(got > limit) {
		t.Errorf("Kolmogorov's statistic of a path that forgets = %.2f, want more than %.2f", got, limit)
	}
}
