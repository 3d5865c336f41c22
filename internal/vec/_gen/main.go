// Command _gen writes the amd64 kernels of package vec, in the directory above:
//
//	go run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg vec
//
// Every kernel is written for AVX2 with FMA and for AVX-512, and prescribes the order of its fused
// multiply-adds, so that both give the bits of the Go twin.
package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	for _, l := range []level{{"AVX2", 32}, {"AVX512", 64}} {
		for terms := 1; terms <= maxTerms; terms++ {
			l.lin(terms)
		}
		l.finite()
		l.rowSquares()
		l.rowErrors()
		l.exp()
		l.product("product")
		l.product("narrow")
		l.product("listed")
		l.nonzero()
		l.logits()
		l.weights()
		l.normals()
	}
	Generate()
}

// A level is an instruction set with vectors of width bytes.
type level struct {
	name  string
	width int
}

// lanes returns the number of float64 in a vector.
func (l level) lanes() int { return l.width / 8 }

// wide reports whether there are masks and 32 registers.
func (l level) wide() bool { return l.width == 64 }

// vector returns a new vector register.
func (l level) vector() VecVirtual {
	if l.wide() {
		return ZMM()
	}
	return YMM()
}

// zero returns a new vector register of zeros.
func (l level) zero() VecVirtual {
	v := l.vector()
	if l.wide() {
		VPXORQ(v, v, v)
	} else {
		VXORPD(v, v, v)
	}
	return v
}

// and writes a AND b to d.
func (l level) and(a, b, d Op) {
	if l.wide() {
		VPANDQ(a, b, d)
	} else {
		VANDPD(a, b, d)
	}
}

// or writes a OR b to d.
func (l level) or(a, b, d Op) {
	if l.wide() {
		VPORQ(a, b, d)
	} else {
		VORPD(a, b, d)
	}
}

var constants = map[uint64]Mem{}

// word returns a constant of 64 bits in memory. The bits, and not F64: avo stores an integral F64 as an integer.
func word(bits uint64) Mem {
	m, ok := constants[bits]
	if !ok {
		m = ConstData(fmt.Sprintf("word%016x", bits), U64(bits))
		constants[bits] = m
	}
	return m
}

func number(v float64) Mem { return word(math.Float64bits(v)) }

// fill returns a new vector with the constant in every lane.
func (l level) fill(m Mem) VecVirtual {
	v := l.vector()
	VBROADCASTSD(m, v)
	return v
}

// tails holds, for AVX2, a table of eight words: four of ones and four of zeros. The vector that begins n words before
// its middle is the mask of n elements.
func tails() Mem {
	m := GLOBL("tails", RODATA|NOPTR)
	for i := range 8 {
		bits := uint64(0)
		if i < 4 {
			bits = math.MaxUint64
		}
		DATA(i*8, U64(bits))
	}
	return m
}

var tailTable Mem

// A mask selects the first elements of a vector.
type mask struct {
	k Register   // AVX-512
	v VecVirtual // AVX2
}

// mask returns the mask of the first n elements; n is a register, at least 0 and less than the lanes.
func (l level) mask(n Register) mask {
	if l.wide() {
		one, k := GP64(), K()
		// (1 << n) - 1
		bits := GP64()
		MOVQ(U32(1), one)
		SHLXQ(n, one, bits)
		DECQ(bits)
		KMOVW(bits.(GPVirtual).As32(), k)
		return mask{k: k}
	}
	if tailTable.Base == nil {
		tailTable = tails()
	}
	at, base, v := GP64(), GP64(), YMM()
	LEAQ(tailTable.Offset(32), base)
	MOVQ(n, at)
	NEGQ(at)
	VMOVDQU(Mem{Base: base, Index: at, Scale: 8}, v)
	return mask{v: v}
}

// load reads the masked elements of m into a new vector, with zeros elsewhere.
func (l level) load(by mask, m Mem) VecVirtual {
	v := l.vector()
	if l.wide() {
		VMOVUPD_Z(m, by.k, v)
	} else {
		VMASKMOVPD(m, by.v, v)
	}
	return v
}

// store writes the masked elements of v to m.
func (l level) store(by mask, v VecVirtual, m Mem) {
	if l.wide() {
		VMOVUPD(v, by.k, m)
	} else {
		VMASKMOVPD(v, by.v, m)
	}
}
