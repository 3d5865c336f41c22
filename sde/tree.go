package sde

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// Errors of a Tree.
var (
	ErrTree    = errors.New("sde: bad Brownian tree")
	ErrOutside = errors.New("sde: the time is outside of the Brownian tree's interval")
	ErrLeaf    = errors.New("sde: the step is shorter than a leaf of the Brownian tree")
)

// Tree is Brownian motion on an interval, known at every time of it: the path for adaptive steps, where a step that was rejected
// must find the path again that it saw. Queries may be repeated, overlap, and come in any order and either direction; the answer is a function of
// the tree, the row and the interval alone.
//
// The interval is halved until the parts, the leaves, are no longer than Leaf. A node of the tree holds (W, H) of its part, drawn given (W, H) of
// the part that it halves [jelincic2024]. Within a leaf the same law, from the same draws for every time in it, goes on to the
// time that is asked for. So two times in one leaf would make increments that are no longer independent: an
// interval shorter than a leaf is refused with ErrLeaf, and Leaf should be well below the shortest step.
//
// Nodes are numbered from the root whatever Leaf is, so it does not change the path at the ends of the longer parts. A query draws about two normals
// for each halving between the interval and a leaf, for each element and each end of the interval that is
// not an end of the query before: it costs some ten times what Fresh does, more for rows of few elements. The zero value has no interval
// and answers every query with an error.
//
// References:
//
//	[foster2020]
//	[li2020]  X. Li, T.-K. L. Wong, R. T. Q. Chen and D. Duvenaud. Scalable gradients for stochastic
//	          differential equations, section 4. AISTATS 2020.
//	[jelincic2024]  A. Jelinčič, J. Foster and P. Kidger. Single-seed generation of Brownian paths and
//	          integrals for adaptive and high order SDE solvers. arXiv:2405.06464.
type Tree struct {
	Seed     uint64
	From, To float64 // the interval, in either order
	Leaf     float64 // greatest length of a leaf; 0 means 2^-20 of the interval, about a millionth
}

// defaultDepth is the number of halvings if Leaf is 0.
const defaultDepth = 20

// leastLeaf is the length of the shortest leaf in units of the precision of the interval's times. Below it
// the ends of the leaves would not tell times apart.
const leastLeaf = 16

// Check returns an error that wraps ErrTree if the interval is empty or not finite, or if Leaf is negative, longer than the
// interval or too short for the precision of the times.
func (t Tree) Check() error {
	length := math.Abs(t.To - t.From)
	if !(length > 0) || math.IsInf(length, 1) {
		return fmt.Errorf("%w: the interval is [%v, %v], want two different finite times", ErrTree, t.From, t.To)
	}
	if !(t.Leaf >= 0 && t.Leaf <= length) {
		return fmt.Errorf("%w: Leaf is %v in an interval of length %v", ErrTree, t.Leaf, length)
	}
	end := math.Max(math.Abs(t.From), math.Abs(t.To))
	if ulp := math.Nextafter(end, math.Inf(1)) - end; t.leaf() < leastLeaf*ulp {
		return fmt.Errorf("%w: a leaf of length %v is too short for the precision of the time %v", ErrTree, t.leaf(), end)
	}
	return nil
}

// depth returns the number of halvings.
func (t Tree) depth() int {
	if t.Leaf == 0 {
		return defaultDepth
	}
	depth := 0
	for length := math.Abs(t.To - t.From); length > t.Leaf; length /= 2 {
		depth++
	}
	return depth
}

// leaf returns the length of the leaves.
func (t Tree) leaf() float64 { return math.Ldexp(math.Abs(t.To-t.From), -t.depth()) }

// A Lasting path remembers: it answers for every interval of its time, whatever it was asked before, and tells the truth or an error. It is
// what adaptive steps need. A GridPath, which knows the times of its grid alone, is not Lasting.
type Lasting interface {
	SpaceTime

	// Leaf returns the length of an interval below which the path does not answer.
	Leaf() float64
}

// Remembers reports whether a path gives the same increment whenever an interval is asked for, as that of a GridPath and a Lasting one do. Such a path
// is not for a method that returns to the same times with new noise.
func Remembers(w Brownian) bool {
	switch w.(type) {
	case *gridPath, Lasting:
		return true
	}
	return false
}

// Path implements Noise. The path is Lasting. It keeps (W, H) of two branches of the tree, for all rows.
func (t Tree) Path(first, rows, dim int) Brownian {
	n := rows * dim
	p := &treePath{seed: t.Seed, first: first, dim: dim, n: n, err: t.Check()}
	if p.err != nil {
		return p
	}
	p.lo, p.hi, p.depth = math.Min(t.From, t.To), math.Max(t.From, t.To), t.depth()
	p.before, p.sibling, p.area, p.normals = newNode(n), newNode(n), make([]float64, n), newNode(n)
	p.early, p.late = newBranch(p.depth, n), newBranch(p.depth, n)
	p.draw(0, math.Sqrt(p.hi-p.lo), math.Sqrt((p.hi-p.lo)/12))
	copy(p.early.nodes[0].w, p.normals.w)
	copy(p.early.nodes[0].h, p.normals.h)
	p.early.numbers[0] = 1
	return p
}

type treePath struct {
	seed            uint64
	first, dim, n   int   // row, elements of a row and of the state
	err             error // of the tree
	lo, hi          float64
	depth           int
	early, late     *branch   // of the two ends of the latest query
	before, sibling node      // the part of a query before its split, and what joins it
	area            []float64 // H if it is not asked for
	normals         node      // of a draw
}

// node is (W, H) of one part of the tree's interval, of all rows.
type node struct{ w, h []float64 }

func newNode(n int) node { return node{make([]float64, n), make([]float64, n)} }

// branch holds the nodes from the root down towards a leaf. It is a memory of what was drawn and changes no value.
type branch struct {
	leaf    uint64
	numbers []uint64 // of the node at each level, 0 where none is known: 1 is the root, 2k and 2k+1 are the halves of k
	nodes   []node
}

func newBranch(depth, n int) *branch {
	b := &branch{numbers: make([]uint64, depth+1), nodes: make([]node, depth+1)}
	for k := range b.nodes {
		b.nodes[k] = newNode(n)
	}
	return b
}

// Leaf implements Lasting.
func (p *treePath) Leaf() float64 { return p.width(p.depth) }

// width is the length of the nodes at a level.
func (p *treePath) width(level int) float64 { return math.Ldexp(p.hi-p.lo, -level) }

// edge is the time at which leaf i starts and the one before ends.
func (p *treePath) edge(i uint64) float64 {
	if i == 1<<p.depth {
		return p.hi
	}
	return p.lo + (p.hi-p.lo)*math.Ldexp(float64(i), -p.depth)
}

// locate returns the leaf that holds a time, which may be the leaf's start but not its end.
func (p *treePath) locate(t float64) uint64 {
	last := uint64(1)<<p.depth - 1
	i := min(uint64(math.Ldexp((t-p.lo)/(p.hi-p.lo), p.depth)), last)
	for i > 0 && t < p.edge(i) { // rounding, by one leaf at most
		i--
	}
	for i < last && t >= p.edge(i+1) {
		i++
	}
	return i
}

func (p *treePath) Increment(dst []float64, from, to float64) error {
	if len(dst) != p.n {
		panic(badState)
	}
	return p.query(dst, p.area, from, to)
}

func (p *treePath) Area(w, h []float64, from, to float64) error {
	if len(w) != p.n || len(h) != p.n {
		panic(badState)
	}
	return p.query(w, h, from, to)
}

// query checks the interval and answers for it.
func (p *treePath) query(w, h []float64, from, to float64) error {
	if p.err != nil {
		return p.err
	}
	for _, t := range [...]float64{from, to} {
		if !(p.lo <= t && t <= p.hi) {
			return fmt.Errorf("%w: %v is not in [%v, %v]", ErrOutside, t, p.lo, p.hi)
		}
	}
	if from == to {
		clear(w)
		clear(h)
		return nil
	}
	s, u := math.Min(from, to), math.Max(from, to)
	if !p.find(w, h, s, u) {
		return fmt.Errorf("%w: [%v, %v] has length %.3g, a leaf %.3g", ErrLeaf, from, to, u-s, p.Leaf())
	}
	if to < from { // the same path, walked the other way
		vec.Lin(w, vec.Term{C: -1, X: w})
	}
	return nil
}

// find writes (W, H) of [s, u] to w and h, unless the interval is shorter than a leaf.
//
// Down to the node whose middle splits the interval, the branches to both ends are one. From there the interval is made of the nodes
// between the branches and of a part of a leaf at either end. They are joined by Chen's relation from the ends to
// the split: no long interval is taken off another, so that short ones keep their relative precision.
func (p *treePath) find(w, h []float64, s, u float64) bool {
	i, k := p.locate(s), p.locate(u) // the leaves in which the interval starts and ends
	startsLeaf, endsLeaf := s == p.edge(i), u == p.hi
	if u == p.edge(k) {
		k, endsLeaf = k-1, true
	}
	if u-s < p.Leaf() && !(startsLeaf && endsLeaf) {
		return false
	}
	// The highest levels at which the ends are ends of nodes.
	top, bottom := p.depth, p.depth
	if startsLeaf {
		top -= min(p.depth, bits.TrailingZeros64(i))
	}
	if endsLeaf {
		bottom -= min(p.depth, bits.TrailingZeros64(k+1))
	}
	if bits.Len64(i^p.early.leaf)+bits.Len64(k^p.late.leaf) > bits.Len64(i^p.late.leaf)+bits.Len64(k^p.early.leaf) {
		p.early, p.late = p.late, p.early // a walk goes on from where it was
	}
	split := p.depth - bits.Len64(i^k)
	switch {
	case startsLeaf && endsLeaf && max(top, bottom) <= split: // a whole node
		p.descend(p.early, p.late, i, split)
		copy(w, p.early.nodes[split].w)
		copy(h, p.early.nodes[split].h)
		return true
	case split == p.depth: // a part of one leaf, as long as a leaf by rounding
		return false
	}
	top, bottom = max(top, split+1), max(bottom, split+1)
	p.descend(p.early, p.late, i, top)
	p.descend(p.late, p.early, k, bottom)

	x := p.partOfLeaf(p.before, p.early, top, s, startsLeaf, true)
	for level := top; level > split+1; level-- {
		if p.early.numbers[level]%2 == 0 {
			y := p.width(level)
			p.findSibling(p.early, level)
			Chen(p.before.w, p.before.h, x, p.before.w, p.before.h, y, p.sibling.w, p.sibling.h)
			x += y
		}
	}
	after := node{w, h}
	y := p.partOfLeaf(after, p.late, bottom, u, endsLeaf, false)
	for level := bottom; level > split+1; level-- {
		if p.late.numbers[level]%2 == 1 {
			z := p.width(level)
			p.findSibling(p.late, level)
			Chen(w, h, z, p.sibling.w, p.sibling.h, y, w, h)
			y += z
		}
	}
	Chen(w, h, x, p.before.w, p.before.h, y, w, h)
	return true
}

// descend makes b hold the nodes down to a level above a leaf, or the leaf itself. Those that other holds are copied.
func (p *treePath) descend(b, other *branch, leaf uint64, level int) {
	b.leaf = leaf
	for k := range level + 1 {
		number := uint64(1)<<k | leaf>>(p.depth-k)
		switch number {
		case b.numbers[k]:
			continue
		case other.numbers[k]:
			copy(b.nodes[k].w, other.nodes[k].w)
			copy(b.nodes[k].h, other.nodes[k].h)
		default:
			p.drawHalf(b.nodes[k], b.nodes[k-1], number, p.width(k-1))
		}
		b.numbers[k] = number
	}
}

// treeDraw marks the draws of a tree, so that it shares none with Fresh of the same seed. Draws treeDraw + 2k and the next belong to
// node k, which they halve, or cut at a time within it if it is a leaf. Number 0 stands for the root's own W and H.
const treeDraw = 1 << 62

// draw draws two normals for each element for a node, of the standard deviations sz and sn.
func (p *treePath) draw(number uint64, sz, sn float64) {
	vec.Normals(p.normals.w, p.dim, sz, p.seed, treeDraw+2*number, p.first)
	vec.Normals(p.normals.h, p.dim, sn, p.seed, treeDraw+2*number+1, p.first)
}

// drawHalf draws one half of a node of length h, by the law of the halves given the whole [jelincic2024]:
//
//	W₁ = W/2 + 3H/2 + Z    H₁ = H/4 - Z/2 + N    Z normal with variance h/16
//	W₂ = W/2 - 3H/2 - Z    H₂ = H/4 - Z/2 - N    N normal with variance h/48
func (p *treePath) drawHalf(half, whole node, number uint64, length float64) {
	sign := 1.0
	if number%2 == 1 {
		sign = -1
	}
	p.draw(number/2, math.Sqrt(length)/4, math.Sqrt(length/48))
	vec.Lin(half.w, vec.Term{C: 0.5, X: whole.w}, vec.Term{C: 1.5 * sign, X: whole.h}, vec.Term{C: sign, X: p.normals.w})
	vec.Lin(half.h, vec.Term{C: 0.25, X: whole.h}, vec.Term{C: -0.5, X: p.normals.w}, vec.Term{C: sign, X: p.normals.h})
}

// findSibling finds the other half of the node above a branch's node: Chen's relation for two halves, solved for it.
func (p *treePath) findSibling(b *branch, level int) {
	half, whole := b.nodes[level], b.nodes[level-1]
	sign := 0.5
	if b.numbers[level]%2 == 1 {
		sign = -0.5
	}
	vec.Lin(p.sibling.w, vec.Term{C: 1, X: whole.w}, vec.Term{C: -1, X: half.w})
	vec.Lin(p.sibling.h, vec.Term{C: 2, X: whole.h}, vec.Term{C: -1, X: half.h},
		vec.Term{C: -sign, X: half.w}, vec.Term{C: sign, X: p.sibling.w})
}

// partOfLeaf writes to dst what lies after time t, or before it, of a branch's node at a level, and returns its length. It is the whole node if t
// is at its edge, and otherwise a part of a leaf.
func (p *treePath) partOfLeaf(dst node, b *branch, level int, t float64, atEdge, after bool) float64 {
	whole, length := b.nodes[level], p.width(level)
	if atEdge {
		copy(dst.w, whole.w)
		copy(dst.h, whole.h)
		return length
	}
	start, end := p.edge(b.leaf), p.edge(b.leaf+1)
	x, y := (t-start)/(end-start), (end-t)/(end-start)
	l := cutLaw(x, y)
	if after {
		x, l = y, cutLaw(y, x).mirrored()
	}
	p.draw(b.numbers[level], math.Sqrt(length), math.Sqrt(length))
	vec.Lin(dst.w, vec.Term{C: l.ww, X: whole.w}, vec.Term{C: l.wh, X: whole.h}, vec.Term{C: l.w1, X: p.normals.w})
	vec.Lin(dst.h, vec.Term{C: l.hh, X: whole.h}, vec.Term{C: l.h1, X: p.normals.w}, vec.Term{C: l.h2, X: p.normals.h})
	return x * length
}

// partLaw is the law of (W, H) of the first or last part of an interval of length 1 given that of the whole. With standard normals X₁ and X₂
//
//	W of the part = ww W + wh H + w1 X₁
//	H of the part =        hh H + h1 X₁ + h2 X₂.
type partLaw struct{ ww, wh, w1, hh, h1, h2 float64 }

// cutLaw is the law of the part before x = 1 - y [jelincic2024]: with d² = x³ + y³
//
//	W₁ = xW + 6xy H + 2(a+b) X₁       a = x^(7/2) y^(1/2) / 2d
//	xH₁ = x³H - a X₁ + c X₂           b = x^(1/2) y^(7/2) / 2d
//	yH₂ = y³H - b X₁ - c X₂           c = √3 x^(3/2) y^(3/2) / 6d
//
// and W₂ = W - W₁. Here nothing is divided by x or y, which may be small.
func cutLaw(x, y float64) partLaw {
	root, d := math.Sqrt(x*y), math.Sqrt(x*x*x+y*y*y)
	return partLaw{
		ww: x, wh: 6 * x * y, w1: root * d,
		hh: x * x, h1: -x * x * root / (2 * d), h2: math.Sqrt(3) * y * root / (6 * d),
	}
}

// mirrored turns the law of the part before 1-x, of length x, for the path walked the other way, with -W and H, into that of the part after.
func (l partLaw) mirrored() partLaw {
	l.wh, l.w1, l.h2 = -l.wh, -l.w1, -l.h2
	return l
}
