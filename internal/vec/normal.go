package vec

import (
	"math"
	"math/bits"
)

// Normals writes scale·z to dst, rows of dim elements: z[j] of the row with number first + i is a standard normal that is a
// function of (seed, draw, number, j) alone. Rows may be split at will, and a longer row begins like a shorter one. It
// panics if dim does not divide len(dst).
//
// It is counter-based: a block of Philox4x32-10 [salmon2011] with the pair j/2, the row and the draw for a counter
// and the seed for a key gives 128 random bits, and the method of Box and Muller turns them into two normals [box1958], of which
// none is larger than 8.5. The tails beyond have a probability of 2e-17.
//
// References:
//
//	[salmon2011]  J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw. Parallel random numbers: as easy as 1, 2, 3. SC 2011.
//	[box1958]     G. E. P. Box and M. E. Muller. A note on the generation of random normal deviates. Annals of Mathematical Statistics 29(2), 1958.
func Normals(dst []float64, dim int, scale float64, seed, draw uint64, first int) {
	if dim <= 0 || len(dst)%dim != 0 {
		panic(badLength)
	}
	rows := len(dst) / dim
	for i := 0; i < rows; {
		// The word of a counter that holds the row is 32 bits long; the rest of the number goes into the key.
		row := uint64(first + i)
		keys := roundKeys(seed + row>>32*0x9e3779b97f4a7c15)
		n := rows - i
		if most := 1<<32 - row&(1<<32-1); uint64(n) > most {
			n = int(most)
		}
		generator{keys, draw, scale}.rows(dst[i*dim:(i+n)*dim], dim, row&(1<<32-1))
		i += n
	}
}

// normalBlock is the number of normals that the kernels make at once.
const normalBlock = 32

type generator struct {
	keys  [20]uint64 // two for each round
	draw  uint64
	scale float64
}

// rows fills rows of dim elements, the first of which has the given number.
func (g generator) rows(dst []float64, dim int, first uint64) {
	if dim >= normalBlock/2 {
		for ; len(dst) > 0; dst, first = dst[dim:], first+1 {
			g.row(dst[:dim], first)
		}
		return
	}
	if dim == 2 { // rows of one pair each follow each other
		whole := len(dst) / normalBlock
		g.fill(dst, whole, 0, first, 0, 1)
		dst, first = dst[whole*normalBlock:], first+uint64(whole*normalBlock/2)
	}
	// A block is of one pair each of many rows.
	var spare [normalBlock]float64
	for len(dst) > 0 {
		n := min(normalBlock/2, len(dst)/dim)
		for j := 0; j < dim; j += 2 {
			g.fill(spare[:], 1, uint64(j/2), first, 0, 1)
			for i := range n {
				dst[i*dim+j] = spare[2*i]
			}
			if j+1 < dim {
				for i := range n {
					dst[i*dim+j+1] = spare[2*i+1]
				}
			}
		}
		dst, first = dst[n*dim:], first+uint64(n)
	}
}

// row fills the row with the given number.
func (g *generator) row(dst []float64, number uint64) {
	whole := len(dst) / normalBlock
	g.fill(dst, whole, 0, number, 1, 0)
	if rest := dst[whole*normalBlock:]; len(rest) > 0 {
		var spare [normalBlock]float64
		g.fill(spare[:], 1, uint64(whole*normalBlock/2), number, 1, 0)
		copy(rest, spare[:])
	}
}

// fill writes blocks of normals to dst, two for each counter (low + i·stepLow, high + i·stepHigh, draw).
func (g *generator) fill(dst []float64, blocks int, low, high, stepLow, stepHigh uint64) {
	if blocks > 0 {
		normals(dst[:blocks*normalBlock], &g.keys, low, high, stepLow, stepHigh, g.draw, g.scale)
	}
}

// roundKeys returns the keys of the ten rounds: both halves of the key grow by a constant each.
func roundKeys(key uint64) (keys [20]uint64) {
	k0, k1 := uint32(key), uint32(key>>32)
	for r := 0; r < len(keys); r += 2 {
		keys[r], keys[r+1] = uint64(k0), uint64(k1)
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return keys
}

// philox is the bijection of [salmon2011], Philox4x32 with ten rounds.
func philox(w [4]uint32, keys *[20]uint64) [4]uint32 {
	for r := 0; r < len(keys); r += 2 {
		h0, l0 := bits.Mul32(0xD2511F53, w[0])
		h1, l1 := bits.Mul32(0xCD9E8D57, w[2])
		w = [4]uint32{h1 ^ w[1] ^ uint32(keys[r]), l1, h0 ^ w[3] ^ uint32(keys[r+1]), l0}
	}
	return w
}

func normalsTwin(dst []float64, keys *[20]uint64, low, high, stepLow, stepHigh, draw uint64, scale float64) {
	for i := 0; i < len(dst); i += 2 {
		w := philox([4]uint32{uint32(low), uint32(high), uint32(draw), uint32(draw >> 32)}, keys)
		sine, cosine := boxMuller(uint64(w[0])<<32|uint64(w[1]), uint64(w[2])<<32|uint64(w[3]))
		dst[i], dst[i+1] = scale*sine, scale*cosine
		low += stepLow
		high += stepHigh
	}
}

// boxMuller returns √(-2 log x)·sin and ·cos of an angle, for x in (0, 1] from the upper 52 bits of u, and an angle from all but two
// of the upper 54 bits of v: a quadrant, and a rest within an eighth of a turn either way.
//
// The logarithm is that of fdlibm, e_log.c: with x = 2ᵏ(1 + f) and s = f/(2 + f), log(1 + f) = f - (f²/2 - s(f²/2 + R(s²))). The
// polynomials of sine and cosine are those of Cephes, sin.c; all are within 1 unit in the last place of their range.
func boxMuller(u, v uint64) (sine, cosine float64) {
	const root = 0x3fe6a09e00000000 // √½, the upper half of its bits
	x := 2 - math.Float64frombits(u>>12|0x3ff0000000000000)
	t := math.Float64bits(x) + 0x3ff0000000000000 - root
	k := float64(int64(t>>52) - 1023)
	f := math.Float64frombits(t&0x000fffffffffffff+root) - 1
	s := f / (2 + f)
	z := s * s
	r := 1.479819860511658591e-01
	r = math.FMA(r, z, 1.531383769920937332e-01)
	r = math.FMA(r, z, 1.818357216161805012e-01)
	r = math.FMA(r, z, 2.222219843214978396e-01)
	r = math.FMA(r, z, 2.857142874366239149e-01)
	r = math.FMA(r, z, 3.999999999940941908e-01)
	r = math.FMA(r, z, 6.666666666666735130e-01)
	// The conversions keep a compiler that may fuse products and sums from doing so.
	half := float64(float64(f*f) * 0.5)
	log := f - (half - float64(s*(float64(r*z)+half)))
	log = math.FMA(k, math.Ln2, log)
	radius := math.Sqrt(-2 * log)

	y := v + 0x2000000000000000
	quadrant := y >> 62
	a := (math.Float64frombits(y<<2>>12|0x4330000000000000) - (0x1p52 + 0x1p51)) * (2 * math.Pi * 0x1p-54)
	a2 := a * a
	sin := 1.58962301576546568060e-10
	sin = math.FMA(sin, a2, -2.50507477628578072866e-8)
	sin = math.FMA(sin, a2, 2.75573136213857245213e-6)
	sin = math.FMA(sin, a2, -1.98412698295895385996e-4)
	sin = math.FMA(sin, a2, 8.33333333332211858878e-3)
	sin = math.FMA(sin, a2, -1.66666666666666307295e-1)
	sin = math.FMA(float64(sin*a2), a, a)
	cos := -1.13585365213876817300e-11
	cos = math.FMA(cos, a2, 2.08757008419747316778e-9)
	cos = math.FMA(cos, a2, -2.75573141792967388112e-7)
	cos = math.FMA(cos, a2, 2.48015872888517045348e-5)
	cos = math.FMA(cos, a2, -1.38888888888730564116e-3)
	cos = math.FMA(cos, a2, 4.16666666666665929218e-2)
	cos = math.FMA(cos, a2, -0.5)
	cos = math.FMA(cos, a2, 1)
	if quadrant&1 == 1 {
		sin, cos = cos, sin
	}
	sine, cosine = radius*sin, radius*cos
	if quadrant >= 2 {
		sine = -sine
	}
	if quadrant == 1 || quadrant == 2 {
		cosine = -cosine
	}
	return sine, cosine
}
