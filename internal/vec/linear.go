package vec

import "math"

const badLength = "vec: slice length mismatch"

// A Term is one summand C·X of a linear combination. Kernels rely on the order of the fields.
type Term struct {
	C float64
	X []float64
}

// maxTerms is the number of terms that the kernels fuse.
const maxTerms = 8

// Lin writes the sum of the terms to dst: the first product is rounded, and each further term is added by a fused
// multiply-add, in the order given. No terms give zero. It panics if a length differs from len(dst).
//
// Up to eight terms are fused in one pass over memory, which is what the time of
// a solver's step is made of: each operand is read once and dst is written once.
func Lin(dst []float64, terms ...Term) {
	for _, t := range terms {
		if len(t.X) != len(dst) {
			panic(badLength)
		}
	}
	switch n := len(terms); {
	case len(dst) == 0:
	case n == 0:
		clear(dst)
	case n <= maxTerms:
		lin(dst, terms)
	default:
		linTwin(dst, terms)
	}
}

// linBlock elements are summed at a time, where they stay in the first cache.
const linBlock = 128

// linTwin is the combination of any number of terms. dst may be one of the operands, so a block's sum is written when its last term is added.
func linTwin(dst []float64, terms []Term) {
	var sums [linBlock]float64
	for lo := 0; lo < len(dst); lo += linBlock {
		hi := min(lo+linBlock, len(dst))
		sum := sums[:hi-lo]
		for k, t := range terms {
			c, x := t.C, t.X[lo:hi]
			if k == 0 {
				for i := range sum {
					sum[i] = c * x[i]
				}
				continue
			}
			for i := range sum {
				sum[i] = math.FMA(c, x[i], sum[i])
			}
		}
		copy(dst[lo:hi], sum)
	}
}
