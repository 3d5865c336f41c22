package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A panel holds panelRows rows of a state side by side, element after element; a tile is what tileRows rows of a packed matrix give on it.
const (
	panelRows  = 16
	tileRows   = 8
	narrowRows = 4
)

// product writes the kernel of the product of a packed matrix with a panel: for row r of the tile and column s of the
// panel, c[r][s] starts as bias[r], or as it is, and a[0][r]·b[0][s], a[1][r]·b[1][s], ... are added in this order by fused multiply-adds.
//
// The kernel listed takes the terms whose numbers are in a list only.
//
// The kernel narrow computes the upper half of the tile alone.
//
// The tile is cut so that the sums stay in registers: 8 × 16 with 32 of 8 lanes, 4 × 8 with 16 of 4.
func (l level) product(kind string) {
	listed, tile := kind == "listed", tileRows
	if listed {
		TEXT("listed"+l.name, NOSPLIT, "func(c, a, b *float64, list *int32, n int)")
		Doc("listed" + l.name + " adds the product of the n listed rows of a, 8 wide, transposed, and of b, 16 wide, to c, 8 × 16.")
	} else {
		if kind == "narrow" {
			tile = narrowRows
		}
		TEXT(kind+l.name, NOSPLIT, "func(c, a, b *float64, n int, bias *float64)")
		Doc(fmt.Sprintf("%s%s adds the product of the first %d columns of a, n × 8, transposed, and b, n × 16, to bias in c, %d × 16; without bias to c itself.",
			kind, l.name, tile, tile))
	}
	Pragma("noescape")
	rows, columns := tile, panelRows
	if !l.wide() {
		rows, columns = 4, 8
	}
	vectors := columns / l.lanes()
	for r0 := 0; r0 < tile; r0 += rows {
		for c0 := 0; c0 < panelRows; c0 += columns {
			c, a, b := Load(Param("c"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
			n := Load(Param("n"), GP64())
			suffix := string(rune('a'+r0)) + string(rune('a'+c0))
			sums := make([][]VecVirtual, rows)
			for r := range sums {
				sums[r] = make([]VecVirtual, vectors)
				for v := range sums[r] {
					sums[r][v] = l.vector()
				}
			}
			place := func(r, v int) Mem {
				return Mem{Base: c, Disp: 8*((r0+r)*panelRows+c0) + v*l.width}
			}
			var list, ka, kb Register
			if listed {
				list, ka, kb = Load(Param("list"), GP64()), GP64(), GP64()
			} else {
				bias := Load(Param("bias"), GP64())
				TESTQ(bias, bias)
				JZ(LabelRef("resume" + suffix))
				for r := range sums {
					VBROADCASTSD(Mem{Base: bias, Disp: 8 * (r0 + r)}, sums[r][0])
					for _, s := range sums[r][1:] {
						VMOVAPD(sums[r][0], s)
					}
				}
				JMP(LabelRef("begin" + suffix))
				Label("resume" + suffix)
			}
			for r := range sums {
				for v, s := range sums[r] {
					VMOVUPD(place(r, v), s)
				}
			}
			Label("begin" + suffix)
			bs := make([]VecVirtual, vectors)
			for v := range bs {
				bs[v] = l.vector()
			}
			factors := []VecVirtual{l.vector(), l.vector()}
			step := func(u int) {
				fromA, fromB := Mem{Base: a, Disp: 8 * u * tileRows}, Mem{Base: b, Disp: 8 * u * panelRows}
				if listed {
					MOVLQSX(Mem{Base: list, Disp: 4 * u}, ka)
					SHLQ(Imm(6), ka) // 8 numbers
					LEAQ(Mem{Base: b, Index: ka, Scale: 2}, kb)
					fromA, fromB = Mem{Base: a, Index: ka, Scale: 1}, Mem{Base: kb}
				}
				for v := range bs {
					VMOVUPD(fromB.Offset(8*c0+v*l.width), bs[v])
				}
				for r := range sums {
					f := factors[r%2]
					VBROADCASTSD(fromA.Offset(8*(r0+r)), f)
					for v := range bs {
						VFMADD231PD(bs[v], f, sums[r][v])
					}
				}
			}
			loop := func(name string, unroll int) {
				Label(name + suffix)
				CMPQ(n, Imm(uint64(unroll)))
				JL(LabelRef(name + "end" + suffix))
				for u := range unroll {
					step(u)
				}
				if listed {
					ADDQ(Imm(uint64(4*unroll)), list)
				} else {
					ADDQ(U32(uint32(8*unroll*tileRows)), a)
					ADDQ(U32(uint32(8*unroll*panelRows)), b)
				}
				SUBQ(Imm(uint64(unroll)), n)
				JMP(LabelRef(name + suffix))
				Label(name + "end" + suffix)
			}
			loop("four", 4)
			loop("one", 1)
			for r := range sums {
				for v, s := range sums[r] {
					VMOVUPD(s, place(r, v))
				}
			}
		}
	}
	VZEROUPPER()
	RET()
}

// logits writes the kernel that turns products into logits, p[k][s] ← bias[k] + gain[k]·(alpha·p[k][s] - half[s]), and
// finds the largest of each column. A NaN is not larger than anything.
func (l level) logits() {
	TEXT("logits"+l.name, NOSPLIT, "func(p *float64, n int, bias, gain *float64, alpha float64, half, top *float64)")
	Doc("logits" + l.name + " writes bias + gain·(alpha·p - half) to p, n × 16, and the largest of each column to top.")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	bias, gain := Load(Param("bias"), GP64()), Load(Param("gain"), GP64())
	half, top := Load(Param("half"), GP64()), Load(Param("top"), GP64())
	alpha := l.parameter("alpha")
	vectors := panelRows / l.lanes()
	halves, tops := make([]VecVirtual, vectors), make([]VecVirtual, vectors)
	for v := range tops {
		halves[v], tops[v] = l.vector(), l.fill(number(-infinity))
		VMOVUPD(Mem{Base: half, Disp: v * l.width}, halves[v])
	}
	Label("loop")
	DECQ(n)
	JL(LabelRef("done"))
	b, g := l.fill(Mem{Base: bias}), l.fill(Mem{Base: gain})
	for v := range tops {
		x := l.vector()
		VMOVUPD(Mem{Base: p, Disp: v * l.width}, x)
		VFMSUB213PD(halves[v], alpha, x) // alpha·x - half
		VFMADD213PD(b, g, x)             // gain·x + bias
		VMOVUPD(x, Mem{Base: p, Disp: v * l.width})
		VMAXPD(tops[v], x, tops[v]) // the top where x is NaN
	}
	ADDQ(Imm(8), bias)
	ADDQ(Imm(8), gain)
	ADDQ(U32(8*panelRows), p)
	JMP(LabelRef("loop"))
	Label("done")
	for v := range tops {
		VMOVUPD(tops[v], Mem{Base: top, Disp: v * l.width})
	}
	VZEROUPPER()
	RET()
}

// weights writes the kernel of the soft-max's numerators: w = exp(p[k][s] - top[s]), or 0 where the difference is below floor.
// Their sums over k go to sum, gain[k]·w to p and its sums to gained.
func (l level) weights() {
	TEXT("weights"+l.name, NOSPLIT, "func(p *float64, n int, top, gain *float64, floor float64, sum, gained *float64)")
	Doc("weights" + l.name + " writes gain·exp(p - top), or 0 where p - top is below floor, to p, n × 16, and the sums of the columns, without and with gain.")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	top, gain := Load(Param("top"), GP64()), Load(Param("gain"), GP64())
	sum, gained := Load(Param("sum"), GP64()), Load(Param("gained"), GP64())
	floor := l.parameter("floor")
	e := l.exponential()
	vectors := panelRows / l.lanes()
	if l.wide() {
		tops, sums, gains := make([]VecVirtual, vectors), make([]VecVirtual, vectors), make([]VecVirtual, vectors)
		for v := range tops {
			tops[v], sums[v], gains[v] = l.vector(), l.zero(), l.zero()
			VMOVUPD(Mem{Base: top, Disp: v * l.width}, tops[v])
		}
		Label("loop")
		DECQ(n)
		JL(LabelRef("done"))
		g := l.fill(Mem{Base: gain})
		xs := make([]VecVirtual, vectors)
		for v := range xs {
			xs[v] = l.vector()
			VMOVUPD(Mem{Base: p, Disp: v * l.width}, xs[v])
			VSUBPD(tops[v], xs[v], xs[v])
		}
		for v, w := range e.of(xs, floor) {
			VADDPD(w, sums[v], sums[v])
			VMULPD(g, w, w)
			VADDPD(w, gains[v], gains[v])
			VMOVUPD(w, Mem{Base: p, Disp: v * l.width})
		}
		ADDQ(Imm(8), gain)
		ADDQ(U32(8*panelRows), p)
		JMP(LabelRef("loop"))
		Label("done")
		for v := range sums {
			VMOVUPD(sums[v], Mem{Base: sum, Disp: v * l.width})
			VMOVUPD(gains[v], Mem{Base: gained, Disp: v * l.width})
		}
		VZEROUPPER()
		RET()
		return
	}
	// Two vectors at a time: there are no registers for four.
	for half := 0; half < vectors; half += 2 {
		suffix := string(rune('a' + half))
		at, k, gs := GP64(), GP64(), GP64()
		MOVQ(p, at)
		MOVQ(n, k)
		MOVQ(gain, gs)
		sums, gains := []VecVirtual{l.zero(), l.zero()}, []VecVirtual{l.zero(), l.zero()}
		Label("loop" + suffix)
		DECQ(k)
		JL(LabelRef("done" + suffix))
		xs := make([]VecVirtual, 2)
		for v := range xs {
			xs[v] = l.vector()
			VMOVUPD(Mem{Base: at, Disp: (half + v) * l.width}, xs[v])
			VSUBPD(Mem{Base: top, Disp: (half + v) * l.width}, xs[v], xs[v])
		}
		ws := e.of(xs, floor)
		g := l.fill(Mem{Base: gs})
		for v, w := range ws {
			VADDPD(w, sums[v], sums[v])
			VMULPD(g, w, w)
			VADDPD(w, gains[v], gains[v])
			VMOVUPD(w, Mem{Base: at, Disp: (half + v) * l.width})
		}
		ADDQ(Imm(8), gs)
		ADDQ(U32(8*panelRows), at)
		JMP(LabelRef("loop" + suffix))
		Label("done" + suffix)
		for v := range sums {
			VMOVUPD(sums[v], Mem{Base: sum, Disp: (half + v) * l.width})
			VMOVUPD(gains[v], Mem{Base: gained, Disp: (half + v) * l.width})
		}
	}
	VZEROUPPER()
	RET()
}

// nonzero writes the kernel that lists the rows of a panel that are not all zeros of positive sign.
func (l level) nonzero() {
	TEXT("nonzero"+l.name, NOSPLIT, "func(list *int32, p *float64, n int) int")
	Doc("nonzero" + l.name + " lists the rows of p, n × 16, that have a bit set, and returns their number. list has room for n.")
	Pragma("noescape")
	list, p, n := Load(Param("list"), GP64()), Load(Param("p"), GP64()), Load(Param("n"), GP64())
	k, found, bit := GP64(), GP64(), GP64()
	XORQ(k, k)
	XORQ(found, found)
	XORQ(bit, bit)
	Label("loop")
	CMPQ(k, n)
	JGE(LabelRef("done"))
	MOVL(k.As32(), Mem{Base: list, Index: found, Scale: 4})
	any := l.vector()
	VMOVUPD(Mem{Base: p}, any)
	for v := 1; v < panelRows/l.lanes(); v++ {
		l.or(Mem{Base: p, Disp: v * l.width}, any, any)
	}
	if l.wide() {
		mask := K()
		VPTESTMQ(any, any, mask)
		KORTESTB(mask, mask)
	} else {
		VPTEST(any, any)
	}
	SETNE(bit.As8())
	ADDQ(bit, found)
	INCQ(k)
	ADDQ(U32(8*panelRows), p)
	JMP(LabelRef("loop"))
	Label("done")
	Store(found, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
