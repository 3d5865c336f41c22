package sde

import (
	"errors"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// A Brownian is a path of standard Brownian motion, one coordinate per element of a
// state. It serves one trajectory at a time and is not safe for concurrent use.
type Brownian interface {
	// Increment writes W(to) - W(from) to dst, normal with variance |to - from|.
	// Increments over disjoint intervals are independent. An implementation that
	// cannot answer truthfully, because it does not remember the path or has run out
	// of it, returns an error and not a wrong law. It does not allocate. It panics if dst
	// is not of the path's rows.
	Increment(dst []float64, from, to float64) error
}

// A SpaceTime is a Brownian that knows, besides W, the space-time Lévy area H of an interval: the average over it of the path
// minus its chord,
//
//	H = 1/h ∫ (W_v - W_s - (v-s)/h · W) dv,  W = W_u - W_s,  h = u - s,
//
// independent of W and normal with variance |h|/12 [foster2020]. Methods of strong order 1.5 and weak order 2 need it. An
// interval that is walked the other way has the same H and the opposite W.
//
//	[foster2020]  J. Foster. Numerical approximations for stochastic differential
//	              equations, chapter 4. Thesis, University of Oxford, 2020.
type SpaceTime interface {
	Brownian

	// Area writes W of [from, to] to w, the value that Increment gives, and H to h. The conditions are
	// Increment's; h and w do not overlap.
	Area(w, h []float64, from, to float64) error
}

// A Noise is where Brownian paths come from. It is an immutable description, safe for
// concurrent use; the state of a run lives in the paths.
type Noise interface {
	// Path returns the path of rows rows of dim elements, the first of which has the
	// number first in the whole batch. The path of a row depends on its number
	// alone, so that a batch may be split at will.
	Path(first, rows, dim int) Brownian
}

// ErrOverlap means that a path without memory was asked for an interval that
// overlaps the one before.
var ErrOverlap = errors.New("sde: overlapping Brownian increments need a path that remembers")

// Fresh draws independent increments: the right and fastest noise for a fixed grid.
// Draw number k of row i is a function of (Seed, i, k) alone, by a counter-based generator: the same on every machine,
// whatever the batch. The zero value is seed 0.
//
// A Fresh path does not remember: asked for [s, r] and then for [s, t], it returns
// ErrOverlap. A method with nested draws asks for [s, r] and [r, t] and adds.
type Fresh struct {
	Seed uint64
}

const badState = "sde: state does not have the path's rows"

// Path implements Noise. The path is a SpaceTime.
func (f Fresh) Path(first, rows, dim int) Brownian {
	return &freshPath{seed: f.Seed, first: first, rows: rows, dim: dim}
}

type freshPath struct {
	seed             uint64
	first, rows, dim int
	draw             uint64
	from, to         float64 // the latest interval
}

func (p *freshPath) Increment(dst []float64, from, to float64) error {
	if len(dst) != p.rows*p.dim {
		panic(badState)
	}
	if err := p.begin(from, to); err != nil {
		return err
	}
	vec.Normals(dst, p.dim, math.Sqrt(math.Abs(to-from)), p.seed, p.draw, p.first)
	return nil
}

// areaDraw marks the draws of H, so that W is the same with H and without.
const areaDraw = 1 << 63

func (p *freshPath) Area(w, h []float64, from, to float64) error {
	if len(h) != p.rows*p.dim {
		panic(badState)
	}
	if err := p.Increment(w, from, to); err != nil {
		return err
	}
	vec.Normals(h, p.dim, math.Sqrt(math.Abs(to-from)/12), p.seed, p.draw|areaDraw, p.first)
	return nil
}

// begin makes [from, to] the latest interval.
func (p *freshPath) begin(from, to float64) error {
	if overlap(p.from, p.to, from, to) {
		return fmt.Errorf("%w: [%v, %v] after [%v, %v]", ErrOverlap, from, to, p.from, p.to)
	}
	p.from, p.to = from, to
	p.draw++
	return nil
}

// overlap reports whether two intervals that run in the same direction share more
// than an end point. A path that turns round begins a new piece of noise, as
// churning and restarting samplers do on purpose.
func overlap(a, b, c, d float64) bool {
	if (b > a) != (d > c) || a == b || c == d {
		return false
	}
	return math.Max(math.Min(a, b), math.Min(c, d)) < math.Min(math.Max(a, b), math.Max(c, d))
}

// Normals writes standard normals to dst, rows of dim elements: draw number 0, which
// no path uses, of the rows from number first on. It is how a batch of initial states is made.
// It panics if dim does not divide len(dst).
func (f Fresh) Normals(dst []float64, first, dim int) {
	if dim <= 0 || len(dst)%dim != 0 {
		panic("sde: state is not a whole number of rows")
	}
	vec.Normals(dst, dim, 1, f.Seed, 0, first)
}

// Replay is noise that was recorded elsewhere: Draws[k] holds the standard normals of
// draw k, all rows of the batch in a row-major slice. Whatever the lengths of the intervals, draw
// k is Draws[k] scaled to the interval. A method that asks for W and H takes two draws, in this order. It is how a run of another
// toolkit is repeated to the digit.
type Replay struct {
	Draws [][]float64
}

// ErrNoMoreDraws means that a Replay has fewer draws than the solver makes.
var ErrNoMoreDraws = errors.New("sde: the recorded noise is used up")

// Path implements Noise. The path is a SpaceTime.
func (r Replay) Path(first, rows, dim int) Brownian {
	return &replayPath{draws: r.Draws, lo: first * dim, hi: (first + rows) * dim}
}

type replayPath struct {
	draws  [][]float64
	next   int
	lo, hi int
}

func (p *replayPath) Increment(dst []float64, from, to float64) error {
	return p.take(dst, math.Sqrt(math.Abs(to-from)))
}

func (p *replayPath) Area(w, h []float64, from, to float64) error {
	if err := p.Increment(w, from, to); err != nil {
		return err
	}
	return p.take(h, math.Sqrt(math.Abs(to-from)/12))
}

// take writes the next draw, scaled, to dst.
func (p *replayPath) take(dst []float64, scale float64) error {
	if len(dst) != p.hi-p.lo {
		panic(badState)
	}
	if p.next >= len(p.draws) {
		return fmt.Errorf("%w: %d draws recorded", ErrNoMoreDraws, len(p.draws))
	}
	z := p.draws[p.next]
	if p.hi > len(z) {
		return fmt.Errorf("sde: draw %d holds %d values, the rows need %d", p.next, len(z), p.hi)
	}
	p.next++
	for j, v := range z[p.lo:p.hi] {
		dst[j] = scale * v
	}
	return nil
}
