//go:build !noasm

package vec

import "golang.org/x/sys/cpu"

// level is the instruction set of the kernels that run.
type level int

const (
	plain  level = iota // the Go twins
	avx2                // with FMA
	avx512              // F, DQ, VL and BW
)

var levelNames = [...]string{"plain", "avx2", "avx512"}

func (l level) String() string { return levelNames[l] }

// best is the best level of this machine. Only tests change active.
var (
	best   = detect()
	active = best
)

func detect() level {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA || !cpu.X86.HasBMI2:
		return plain
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW:
		return avx512
	}
	return avx2
}

// The kernels are called by name, not through a table of functions: what goes through a table escapes to the heap.

func lin(dst []float64, terms []Term) {
	d, c, n := &dst[0], &terms[0].C, len(dst)
	switch active {
	case avx512:
		switch len(terms) {
		case 1:
			lin1AVX512(d, c, n)
		case 2:
			lin2AVX512(d, c, n)
		case 3:
			lin3AVX512(d, c, n)
		case 4:
			lin4AVX512(d, c, n)
		case 5:
			lin5AVX512(d, c, n)
		case 6:
			lin6AVX512(d, c, n)
		case 7:
			lin7AVX512(d, c, n)
		case 8:
			lin8AVX512(d, c, n)
		}
	case avx2:
		switch len(terms) {
		case 1:
			lin1AVX2(d, c, n)
		case 2:
			lin2AVX2(d, c, n)
		case 3:
			lin3AVX2(d, c, n)
		case 4:
			lin4AVX2(d, c, n)
		case 5:
			lin5AVX2(d, c, n)
		case 6:
			lin6AVX2(d, c, n)
		case 7:
			lin7AVX2(d, c, n)
		case 8:
			lin8AVX2(d, c, n)
		}
	default:
		linTwin(dst, terms)
	}
}

func finite(x []float64) bool {
	if len(x) == 0 {
		return true
	}
	switch active {
	case avx512:
		return finiteAVX512(&x[0], len(x))
	case avx2:
		return finiteAVX2(&x[0], len(x))
	}
	return finiteTwin(x)
}

func squares(x []float64) float64 {
	switch active {
	case avx512:
		return squaresAVX512(&x[0], len(x))
	case avx2:
		return squaresAVX2(&x[0], len(x))
	}
	return squaresTwin(x)
}

func errorSquares(e, x, y []float64, abs, rel float64) float64 {
	switch active {
	case avx512:
		return errorsAVX512(&e[0], &x[0], &y[0], len(e), abs, rel)
	case avx2:
		return errorsAVX2(&e[0], &x[0], &y[0], len(e), abs, rel)
	}
	return errorSquaresTwin(e, x, y, abs, rel)
}
