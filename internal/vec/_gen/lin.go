package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// maxTerms is the number of terms that are fused in one pass.
const maxTerms = 8

// The layout of a Term: the factor, then the slice, whose first word is its address.
const (
	termSize  = 32
	termSlice = 8
)

// lin writes the kernel of a linear combination: dst[i] = c₀x₀[i], then fused multiply-adds of the other terms in
// their order. Four vectors are under way at once, to hide the latency of the additions.
func (l level) lin(terms int) {
	TEXT(fmt.Sprintf("lin%d%s", terms, l.name), NOSPLIT, "func(dst *float64, term *float64, n int)")
	Doc(fmt.Sprintf("lin%d%s writes the sum of %d terms, of n elements, to dst; term is the first one's factor.", terms, l.name, terms))
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	list := Load(Param("term"), GP64())
	n := Load(Param("n"), GP64())
	xs, cs := make([]Register, terms), make([]VecVirtual, terms)
	for k := range terms {
		xs[k], cs[k] = GP64(), l.vector()
		MOVQ(Mem{Base: list, Disp: k*termSize + termSlice}, xs[k])
		VBROADCASTSD(Mem{Base: list, Disp: k * termSize}, cs[k])
	}
	i, end := GP64(), GP64()
	XORQ(i, i)
	block := func(label string, vectors int) {
		per := vectors * l.lanes()
		MOVQ(n, end)
		SUBQ(U32(uint32(per)), end)
		JL(LabelRef(label + "end"))
		Label(label)
		CMPQ(i, end)
		JG(LabelRef(label + "end"))
		sums := make([]VecVirtual, vectors)
		for k := range terms {
			for j := range sums {
				m := Mem{Base: xs[k], Index: i, Scale: 8, Disp: j * l.width}
				if k == 0 {
					sums[j] = l.vector()
					VMULPD(m, cs[k], sums[j])
				} else {
					VFMADD231PD(m, cs[k], sums[j])
				}
			}
		}
		for j, s := range sums {
			VMOVUPD(s, Mem{Base: dst, Index: i, Scale: 8, Disp: j * l.width})
		}
		ADDQ(U32(uint32(per)), i)
		JMP(LabelRef(label))
		Label(label + "end")
	}
	block("four", 4)
	block("one", 1)
	rest := GP64()
	MOVQ(n, rest)
	SUBQ(i, rest)
	JZ(LabelRef("done"))
	by := l.mask(rest)
	sum := l.vector()
	for k := range terms {
		x := l.load(by, Mem{Base: xs[k], Index: i, Scale: 8})
		if k == 0 {
			VMULPD(x, cs[k], sum)
		} else {
			VFMADD231PD(x, cs[k], sum)
		}
	}
	l.store(by, sum, Mem{Base: dst, Index: i, Scale: 8})
	Label("done")
	VZEROUPPER()
	RET()
}
