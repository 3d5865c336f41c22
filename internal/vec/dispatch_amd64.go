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

func exp(dst, x []float64, floor float64) {
	switch n := len(x); {
	case n == 0:
	case active == avx512:
		expAVX512(&dst[0], &x[0], n, floor)
	case active == avx2:
		expAVX2(&dst[0], &x[0], n, floor)
	default:
		expTwin(dst, x, floor)
	}
}

func product(c, a, b []float64, bias *[TileRows]float64) {
	var start *float64
	if bias != nil {
		start = &bias[0]
	}
	switch n := len(b) / PanelRows; {
	case active == avx512 && n > 0:
		productAVX512(&c[0], &a[0], &b[0], n, start)
	case active == avx2 && n > 0:
		productAVX2(&c[0], &a[0], &b[0], n, start)
	default:
		productTwin(c, a, b, bias)
	}
}

func narrow(c, a, b []float64, bias *[TileRows]float64) {
	var start *float64
	if bias != nil {
		start = &bias[0]
	}
	switch n := len(b) / PanelRows; {
	case active == avx512 && n > 0:
		narrowAVX512(&c[0], &a[0], &b[0], n, start)
	case active == avx2 && n > 0:
		narrowAVX2(&c[0], &a[0], &b[0], n, start)
	default:
		productTwin(c, a, b, bias)
	}
}

func listed(c, a, b []float64, list []int32) {
	switch active {
	case avx512:
		listedAVX512(&c[0], &a[0], &b[0], &list[0], len(list))
	case avx2:
		listedAVX2(&c[0], &a[0], &b[0], &list[0], len(list))
	default:
		listedTwin(c, a, b, list)
	}
}

func nonzero(list []int32, p []float64) int {
	switch n := len(p) / PanelRows; {
	case active == avx512 && n > 0:
		return nonzeroAVX512(&list[0], &p[0], n)
	case active == avx2 && n > 0:
		return nonzeroAVX2(&list[0], &p[0], n)
	}
	return nonzeroTwin(list, p)
}

func logits(p, bias, gain []float64, alpha float64, half, top *[PanelRows]float64) {
	switch active {
	case avx512:
		logitsAVX512(&p[0], len(bias), &bias[0], &gain[0], alpha, &half[0], &top[0])
	case avx2:
		logitsAVX2(&p[0], len(bias), &bias[0], &gain[0], alpha, &half[0], &top[0])
	default:
		logitsTwin(p, bias, gain, alpha, half, top)
	}
}

func weights(p, gain []float64, top *[PanelRows]float64, floor float64, sum, gained *[PanelRows]float64) {
	switch active {
	case avx512:
		weightsAVX512(&p[0], len(gain), &top[0], &gain[0], floor, &sum[0], &gained[0])
	case avx2:
		weightsAVX2(&p[0], len(gain), &top[0], &gain[0], floor, &sum[0], &gained[0])
	default:
		weightsTwin(p, gain, top, floor, sum, gained)
	}
}

func normals(dst []float64, keys *[20]uint64, low, high, stepLow, stepHigh, draw uint64, scale float64) {
	switch active {
	case avx512:
		normalsAVX512(&dst[0], len(dst)/normalBlock, keys, low, high, stepLow, stepHigh, draw, scale)
	case avx2:
		normalsAVX2(&dst[0], len(dst)/normalBlock, keys, low, high, stepLow, stepHigh, draw, scale)
	default:
		normalsTwin(dst, keys, low, high, stepLow, stepHigh, draw, scale)
	}
}
