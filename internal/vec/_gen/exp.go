package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

var infinity = math.Inf(1)

// exponential holds the constants of exp, as operands in memory; see the twin for the method. There are more of them than registers.
type exponential struct {
	level
	log2e, shift, ln2, rest, one Op
	series                       []Op // from the highest power down
}

var spreads = map[uint64]Mem{}

// spread returns a constant in memory, eight times.
func spread(v float64) Mem { return spreadBits(math.Float64bits(v)) }

func spreadBits(v uint64) Mem {
	m, ok := spreads[v]
	if !ok {
		m = GLOBL(fmt.Sprintf("eight%016x", v), RODATA|NOPTR)
		for i := range 8 {
			DATA(i*8, U64(v))
		}
		spreads[v] = m
	}
	return m
}

// The constants of the twin.
const (
	shift   = 0x1.8p52
	ln2Rest = 2.3190468138462996e-17 // ln 2 less its double
)

var expSeries = []float64{2.5100375924709717e-08, 2.762007599981065e-07, 2.7557268480116333e-06, 2.4801521322116825e-05, 0.0001984126986304067,
	0.0013888888917196881, 0.008333333333330065, 0.041666666666624164, 0.16666666666666669, 0.5000000000000001}

func (l level) exponential() exponential {
	e := exponential{level: l, log2e: spread(math.Log2E), shift: spread(shift), ln2: spread(math.Ln2), rest: spread(ln2Rest), one: spread(1)}
	for _, c := range expSeries {
		e.series = append(e.series, spread(c))
	}
	return e
}

// of returns exp of the vectors, 0 where x is below floor and NaN where it is NaN. x must not be above 709. It uses xs up.
func (e exponential) of(xs []VecVirtual, floor VecVirtual) []VecVirtual {
	n := len(xs)
	k, r, q := make([]VecVirtual, n), make([]VecVirtual, n), make([]VecVirtual, n)
	for v, x := range xs {
		k[v], r[v], q[v] = e.vector(), e.vector(), e.vector()
		VMOVUPD(e.shift, k[v])
		VFMADD231PD(e.log2e, x, k[v]) // shift + n, n = round(x/ln 2)
		VSUBPD(e.shift, k[v], q[v])   // n
		VMOVAPD(x, r[v])
		VFNMADD231PD(e.ln2, q[v], r[v])
		VFNMADD231PD(e.rest, q[v], r[v]) // x - n·ln 2
	}
	for v := range xs {
		VMOVUPD(e.series[0], q[v])
	}
	for _, c := range e.series[1:] {
		for v := range xs {
			VFMADD213PD(c, r[v], q[v])
		}
	}
	for v, x := range xs {
		square := e.vector()
		VMULPD(r[v], r[v], square)
		VFMADD213PD(r[v], square, q[v]) // r + r²·series = exp(r) - 1
		VADDPD(e.one, q[v], q[v])
		VPSLLQ(Imm(52), k[v], k[v])
		VPADDQ(k[v], q[v], q[v]) // times 2ⁿ
		// x - x is 0, or NaN where the bits may have lost it.
		VSUBPD(x, x, square)
		VADDPD(square, q[v], q[v])
		// Nothing where x < floor, which is false for NaN.
		if e.wide() {
			keep := K()
			VCMPPD(Imm(notLess), floor, x, keep)
			VMOVUPD_Z(q[v], keep, q[v])
		} else {
			VCMPPD(Imm(notLess), floor, x, x)
			VANDPD(x, q[v], q[v])
		}
	}
	return q
}

// notLess is the predicate "not less than, or unordered" that is quiet.
const notLess = 0x15

// exp writes the kernel of the exponential of an array.
func (l level) exp() {
	TEXT("exp"+l.name, NOSPLIT, "func(dst, x *float64, n int, floor float64)")
	Doc("exp" + l.name + " writes exp(x), or 0 where x is below floor, to dst; no x is above 709.")
	Pragma("noescape")
	dst, x, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	floor := l.parameter("floor")
	e := l.exponential()
	Label("two")
	CMPQ(n, Imm(uint64(2*l.lanes())))
	JL(LabelRef("rest"))
	xs := []VecVirtual{l.vector(), l.vector()}
	for v := range xs {
		VMOVUPD(Mem{Base: x, Disp: v * l.width}, xs[v])
	}
	for v, y := range e.of(xs, floor) {
		VMOVUPD(y, Mem{Base: dst, Disp: v * l.width})
	}
	ADDQ(U32(uint32(2*l.width)), x)
	ADDQ(U32(uint32(2*l.width)), dst)
	SUBQ(Imm(uint64(2*l.lanes())), n)
	JMP(LabelRef("two"))
	Label("rest")
	CMPQ(n, Imm(uint64(l.lanes())))
	JL(LabelRef("tail"))
	one := []VecVirtual{l.vector()}
	VMOVUPD(Mem{Base: x}, one[0])
	VMOVUPD(e.of(one, floor)[0], Mem{Base: dst})
	ADDQ(U32(uint32(l.width)), x)
	ADDQ(U32(uint32(l.width)), dst)
	SUBQ(Imm(uint64(l.lanes())), n)
	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	by := l.mask(n)
	last := []VecVirtual{l.load(by, Mem{Base: x})}
	l.store(by, e.of(last, floor)[0], Mem{Base: dst})
	Label("done")
	VZEROUPPER()
	RET()
}
