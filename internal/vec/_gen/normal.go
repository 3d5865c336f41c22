package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// groups of counters are under way at once, to hide the latency of the multiplications.
const groups = 2

// xor writes a XOR b to d.
func (l level) xor(a, b, d Op) {
	if l.wide() {
		VPXORQ(a, b, d)
	} else {
		VPXOR(a, b, d)
	}
}

// normals writes the kernel of counter-based normals; see the twin for the method.
//
// A 64-bit lane holds one counter: the words of Philox are 32 bits long, and the products need 64.
func (l level) normals() {
	TEXT("normals"+l.name, NOSPLIT, "func(dst *float64, blocks int, keys *[20]uint64, low, high, stepLow, stepHigh, draw uint64, scale float64)")
	Doc("normals" + l.name + " writes blocks of normalBlock normals to dst: two for each counter (low + i·stepLow, high + i·stepHigh, draw).")
	Pragma("noescape")
	dst, blocks, keys := Load(Param("dst"), GP64()), Load(Param("blocks"), GP64()), Load(Param("keys"), GP64())
	// A block is of as many counters for every level, so a narrow one takes two turns.
	turns := normalBlock / (2 * groups * l.lanes())
	if turns == 2 {
		SHLQ(Imm(1), blocks)
	}
	draw := l.parameter("draw")
	numbers := order("lanes", 0, 1, 2, 3, 4, 5, 6, 7)
	// The counters of the first group, and how far it is to the next.
	start := func(name string) (at, stride VecVirtual) {
		at, step := l.parameter(name), l.parameter("step"+map[string]string{"low": "Low", "high": "High"}[name])
		product := l.vector()
		VPMULUDQ(numbers, step, product)
		VPADDQ(product, at, at)
		stride = l.vector()
		VPMULUDQ(spreadBits(uint64(l.lanes())), step, stride)
		return at, stride
	}
	low, strideLow := start("low")
	high, strideHigh := start("high")
	half := spreadBits(0xffffffff)
	Label("block")
	DECQ(blocks)
	JL(LabelRef("done"))
	words := make([][4]VecVirtual, groups)
	for g := range words {
		w := &words[g]
		for j := range w {
			w[j] = l.vector()
		}
		l.and(half, low, w[0])
		l.and(half, high, w[1])
		l.and(half, draw, w[2])
		VPSRLQ(Imm(32), draw, w[3])
		VPADDQ(strideLow, low, low)
		VPADDQ(strideHigh, high, high)
	}
	for round := range 10 {
		for g := range words {
			w := words[g]
			first, second, highFirst, highSecond := l.vector(), l.vector(), l.vector(), l.vector()
			VPMULUDQ(spreadBits(0xD2511F53), w[0], first)
			VPMULUDQ(spreadBits(0xCD9E8D57), w[2], second)
			VPSRLQ(Imm(32), second, highSecond)
			VPSRLQ(Imm(32), first, highFirst)
			k0, k1 := Mem{Base: keys, Disp: 16 * round}, Mem{Base: keys, Disp: 16*round + 8}
			if l.wide() { // three operands at once
				VPTERNLOGQ_BCST(Imm(xorOfThree), k0, w[1], highSecond)
				VPTERNLOGQ_BCST(Imm(xorOfThree), k1, w[3], highFirst)
			} else {
				l.xor(w[1], highSecond, highSecond)
				l.xor(w[3], highFirst, highFirst)
				l.xor(l.fill(k0), highSecond, highSecond)
				l.xor(l.fill(k1), highFirst, highFirst)
			}
			// A multiplication looks at the lower halves alone; at the end the upper ones are cleared.
			words[g] = [4]VecVirtual{highSecond, second, highFirst, first}
		}
	}
	scale := l.parameter("scale")
	for g, w := range words {
		u, v := l.vector(), l.vector()
		VPSLLQ(Imm(32), w[0], u)
		l.and(half, w[1], w[1])
		l.or(w[1], u, u)
		VPSLLQ(Imm(32), w[2], v)
		l.and(half, w[3], w[3])
		l.or(w[3], v, v)
		sine, cosine := l.boxMuller(u, v)
		VMULPD(scale, sine, sine)
		VMULPD(scale, cosine, cosine)
		first, second := l.interleave(sine, cosine)
		VMOVUPD(first, Mem{Base: dst, Disp: 2 * g * l.width})
		VMOVUPD(second, Mem{Base: dst, Disp: (2*g + 1) * l.width})
	}
	ADDQ(U32(uint32(2*groups*l.width)), dst)
	JMP(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}

// normalBlock is the number of normals of a block: what AVX-512 makes in one turn.
const normalBlock = 2 * groups * 8

// xorOfThree is the truth table of a XOR b XOR c.
const xorOfThree = 0x96

// interleave returns the elements of a and b in turn.
func (l level) interleave(a, b VecVirtual) (first, second VecVirtual) {
	first, second = l.vector(), l.vector()
	low, high := l.vector(), l.vector()
	VUNPCKLPD(b, a, low)
	VUNPCKHPD(b, a, high)
	if l.wide() { // pairs 0 2 4 6 and 1 3 5 7
		VMOVDQU64(order("pairsFirst", 0, 1, 8, 9, 2, 3, 10, 11), first)
		VMOVDQU64(order("pairsSecond", 4, 5, 12, 13, 6, 7, 14, 15), second)
		VPERMI2PD(high, low, first)
		VPERMI2PD(high, low, second)
		return first, second
	}
	VPERM2F128(Imm(0x20), high, low, first)
	VPERM2F128(Imm(0x31), high, low, second)
	return first, second
}

var orders = map[string]Mem{}

// order returns eight indices in memory.
func order(name string, indices ...uint64) Mem {
	m, ok := orders[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i, v := range indices {
			DATA(i*8, U64(v))
		}
		orders[name] = m
	}
	return m
}

// horner adds up a polynomial in x, the highest power first, by fused multiply-adds.
func (l level) horner(x VecVirtual, coefficients ...float64) VecVirtual {
	p := l.vector()
	VMOVUPD(spread(coefficients[0]), p)
	for _, c := range coefficients[1:] {
		VFMADD213PD(spread(c), x, p)
	}
	return p
}

// boxMuller returns two normals from 64 random bits each for the radius and the angle.
func (l level) boxMuller(u, v VecVirtual) (sine, cosine VecVirtual) {
	// x in (0, 1]
	x, t := l.vector(), l.vector()
	VPSRLQ(Imm(12), u, x)
	l.or(spread(1), x, x)
	VMOVUPD(spread(2), t)
	VSUBPD(x, t, x)
	// x = 2ᵏ(1 + f), √½ ≤ 1 + f < √2
	k, f := l.vector(), l.vector()
	VPADDQ(spreadBits(oneBits-rootBits), x, t)
	VPSRLQ(Imm(52), t, k)
	l.or(spreadBits(0x4330000000000000), k, k)
	VSUBPD(spread(0x1p52+1023), k, k)
	l.and(spreadBits(0x000fffffffffffff), t, f)
	VPADDQ(spreadBits(rootBits), f, f)
	VSUBPD(spread(1), f, f)
	// log x
	s, z, square, log := l.vector(), l.vector(), l.vector(), l.vector()
	VADDPD(spread(2), f, s)
	VDIVPD(s, f, s)
	VMULPD(s, s, z)
	p := l.horner(z, logSeries...)
	VMULPD(z, p, p)
	VMULPD(f, f, square)
	VMULPD(spread(0.5), square, square)
	VADDPD(square, p, p)
	VMULPD(s, p, p)
	VSUBPD(p, square, square)
	VSUBPD(square, f, log)
	VFMADD231PD(spread(math.Ln2), k, log)
	radius := log
	VMULPD(spread(-2), log, radius)
	VSQRTPD(radius, radius)
	// The angle is a quadrant and a rest within an eighth of a turn.
	quadrant, y, y2 := l.vector(), l.vector(), l.vector()
	VPADDQ(spreadBits(0x2000000000000000), v, y)
	VPSRLQ(Imm(62), y, quadrant)
	VPSLLQ(Imm(2), y, y)
	VPSRLQ(Imm(12), y, y)
	l.or(spreadBits(0x4330000000000000), y, y)
	VSUBPD(spread(0x1p52+0x1p51), y, y)
	VMULPD(spread(2*math.Pi*0x1p-54), y, y)
	VMULPD(y, y, y2)
	sin := l.horner(y2, sinSeries...)
	VMULPD(y2, sin, sin)
	VFMADD213PD(y, y, sin)
	cos := l.horner(y2, cosSeries...)
	sine, cosine = l.vector(), l.vector()
	if l.wide() {
		odd := K()
		VPTESTMQ(spreadBits(1), quadrant, odd)
		VBLENDMPD(cos, sin, odd, sine)
		VBLENDMPD(sin, cos, odd, cosine)
	} else {
		odd := l.vector()
		VPSLLQ(Imm(63), quadrant, odd)
		VBLENDVPD(odd, cos, sin, sine)
		VBLENDVPD(odd, sin, cos, cosine)
	}
	VMULPD(radius, sine, sine)
	VMULPD(radius, cosine, cosine)
	// The sine is negative in quadrants 2 and 3, the cosine in 1 and 2.
	sign := l.vector()
	VPADDQ(spreadBits(1), quadrant, sign)
	VPSRLQ(Imm(1), sign, sign)
	VPSLLQ(Imm(63), sign, sign)
	l.xor(sign, cosine, cosine)
	VPSRLQ(Imm(1), quadrant, quadrant)
	VPSLLQ(Imm(63), quadrant, quadrant)
	l.xor(quadrant, sine, sine)
	return sine, cosine
}

// The constants of the twin, which says where they come from.
const (
	oneBits  = 0x3ff0000000000000
	rootBits = 0x3fe6a09e00000000
)

var (
	logSeries = []float64{1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
		2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01}
	sinSeries = []float64{1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6, -1.98412698295895385996e-4,
		8.33333333332211858878e-3, -1.66666666666666307295e-1}
	cosSeries = []float64{-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7, 2.48015872888517045348e-5,
		-1.38888888888730564116e-3, 4.16666666666665929218e-2, -0.5, 1}
)
