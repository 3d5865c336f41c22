package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// sumLanes is the number of partial sums of a sum over a row: element i goes to number i modulo sumLanes.
const sumLanes = 16

// finite writes the kernel that looks for values that are not finite. A product with zero is zero, or else NaN,
// which stays in the sum.
func (l level) finite() {
	TEXT("finite"+l.name, NOSPLIT, "func(x *float64, n int) bool")
	Doc("finite" + l.name + " reports whether none of n elements is NaN or infinite.")
	Pragma("noescape")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	zero := l.zero()
	sums := []VecVirtual{l.zero(), l.zero(), l.zero(), l.zero()}
	i, end := GP64(), GP64()
	XORQ(i, i)
	for _, vectors := range []int{len(sums), 1} {
		label := fmt.Sprintf("block%d", vectors)
		per := vectors * l.lanes()
		MOVQ(n, end)
		SUBQ(U32(uint32(per)), end)
		JL(LabelRef(label + "end"))
		Label(label)
		CMPQ(i, end)
		JG(LabelRef(label + "end"))
		for j := range vectors {
			VFMADD231PD(Mem{Base: x, Index: i, Scale: 8, Disp: j * l.width}, zero, sums[j])
		}
		ADDQ(U32(uint32(per)), i)
		JMP(LabelRef(label))
		Label(label + "end")
	}
	rest := GP64()
	MOVQ(n, rest)
	SUBQ(i, rest)
	JZ(LabelRef("whole"))
	VFMADD231PD(l.load(l.mask(rest), Mem{Base: x, Index: i, Scale: 8}), zero, sums[0])
	Label("whole")
	VADDPD(sums[1], sums[0], sums[0])
	VADDPD(sums[3], sums[2], sums[2])
	VADDPD(sums[2], sums[0], sums[0])
	total := l.addLanes(sums[:1])
	ok := GP8()
	VUCOMISD(total, total) // a number is not unordered with itself
	SETPC(ok)
	Store(ok, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// addLanes returns the sum of all lanes of some vectors: lane j is added to lane j + half, for half of what there is until
// one lane is left. It uses the vectors up.
func (l level) addLanes(vs []VecVirtual) Register {
	for n := len(vs); n > 1; n /= 2 {
		for j := range n / 2 {
			VADDPD(vs[j+n/2], vs[j], vs[j])
		}
	}
	v := vs[0]
	if l.wide() {
		high := YMM()
		VEXTRACTF64X4(Imm(1), v, high)
		VADDPD(high, v.AsY(), v.AsY())
	}
	high := XMM()
	VEXTRACTF128(Imm(1), v.AsY(), high)
	VADDPD(high, v.AsX(), v.AsX())
	VPERMILPD(Imm(1), v.AsX(), high)
	VADDSD(high, v.AsX(), v.AsX())
	return v.AsX()
}

// A place is where a vector's worth of a row is read from: at index i, all lanes or, with a mask, the first few.
type place struct {
	level
	i    Register
	disp int
	by   *mask
}

// read returns the elements of the row at base in a new vector, with zeros past the end.
func (p place) read(base Register) VecVirtual {
	m := Mem{Base: base, Index: p.i, Scale: 8, Disp: p.disp}
	if p.by != nil {
		return p.load(*p.by, m)
	}
	v := p.vector()
	VMOVUPD(m, v)
	return v
}

// clean puts zeros into the lanes of v past the end.
func (p place) clean(v VecVirtual) {
	switch {
	case p.by == nil:
	case p.wide():
		VMOVUPD_Z(v, p.by.k, v)
	default:
		VANDPD(v, p.by.v, v)
	}
}

// overRow calls body for each vector of a row of n elements, with the partial sum that it goes to.
func (l level) overRow(n Register, partial []VecVirtual, body func(at place, sum VecVirtual)) {
	i, rest := GP64(), GP64()
	XORQ(i, i)
	MOVQ(n, rest)
	Label("whole")
	CMPQ(rest, Imm(sumLanes))
	JL(LabelRef("rest"))
	for j, sum := range partial {
		body(place{level: l, i: i, disp: j * l.width}, sum)
	}
	ADDQ(Imm(sumLanes), i)
	SUBQ(Imm(sumLanes), rest)
	JMP(LabelRef("whole"))
	Label("rest")
	last := len(partial) - 1
	for j := range last {
		CMPQ(rest, Imm(uint64(l.lanes())))
		JL(LabelRef(fmt.Sprintf("tail%d", j)))
		body(place{level: l, i: i}, partial[j])
		ADDQ(Imm(uint64(l.lanes())), i)
		SUBQ(Imm(uint64(l.lanes())), rest)
	}
	for j := last; j >= 0; j-- {
		Label(fmt.Sprintf("tail%d", j))
		TESTQ(rest, rest)
		JZ(LabelRef("added"))
		by := l.mask(rest)
		body(place{level: l, i: i, by: &by}, partial[j])
		if j > 0 {
			JMP(LabelRef("added"))
		}
	}
	Label("added")
}

// partials returns the partial sums of a row, zero.
func (l level) partials() []VecVirtual {
	out := make([]VecVirtual, sumLanes/l.lanes())
	for j := range out {
		out[j] = l.zero()
	}
	return out
}

// rowSquares writes the kernel of the sum of squares of a row.
func (l level) rowSquares() {
	TEXT("squares"+l.name, NOSPLIT, "func(x *float64, n int) float64")
	Doc("squares" + l.name + " returns the sum of the squares of n elements.")
	Pragma("noescape")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	partial := l.partials()
	l.overRow(n, partial, func(at place, sum VecVirtual) {
		v := at.read(x)
		VFMADD231PD(v, v, sum)
	})
	Store(l.addLanes(partial), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// rowErrors writes the kernel of the sum of the squares of e/(abs + rel·max(|x|, |y|)) over a row.
//
// The maximum of two vectors is the second operand where one is NaN. Taken in both orders and joined bit by bit it is
// the maximum where both are numbers and NaN elsewhere.
func (l level) rowErrors() {
	TEXT("errors"+l.name, NOSPLIT, "func(e, x, y *float64, n int, abs, rel float64) float64")
	Doc("errors" + l.name + " returns the sum of the squares of e/(abs + rel·max(|x|, |y|)) over n elements.")
	Pragma("noescape")
	e, x, y := Load(Param("e"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	n := Load(Param("n"), GP64())
	abs, rel := l.parameter("abs"), l.parameter("rel")
	positive := l.fill(word(1<<63 - 1))
	partial := l.partials()
	l.overRow(n, partial, func(at place, sum VecVirtual) {
		ax, ay, top := at.read(x), at.read(y), l.vector()
		l.and(ax, positive, ax)
		l.and(ay, positive, ay)
		VMAXPD(ax, ay, top)
		VMAXPD(ay, ax, ax)
		l.or(top, ax, top)
		VFMADD213PD(abs, rel, top) // rel·top + abs
		q := at.read(e)
		VDIVPD(top, q, q)
		at.clean(q) // of 0/abs, if abs is 0
		VFMADD231PD(q, q, sum)
	})
	Store(l.addLanes(partial), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// parameter returns a new vector with the parameter in every lane.
func (l level) parameter(name string) VecVirtual {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return l.fill(p.Addr)
}
