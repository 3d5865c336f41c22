package vec

import "math"

// sumLanes is the number of partial sums of a row: element i goes to number i modulo sumLanes, and at the end
// they are added in halves. So the sum does not depend on the kernel, and a vector's worth of them is under way at once.
const sumLanes = 16

// addLanes returns the sum of the partial sums.
func addLanes(s *[sumLanes]float64) float64 {
	for half := sumLanes / 2; half > 0; half /= 2 {
		for j := range half {
			s[j] += s[j+half]
		}
	}
	return s[0]
}

// FirstNonFinite returns the index of the first element of x that is NaN or
// infinite, or -1.
func FirstNonFinite(x []float64) int {
	if finite(x) {
		return -1
	}
	for i, v := range x {
		// v-v is 0 for finite v and NaN otherwise.
		if v-v != 0 {
			return i
		}
	}
	return -1
}

func finiteTwin(x []float64) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// MaxRowRMS returns the largest, over the rows of dim elements, of the root mean
// square of e[i] / (abs + rel·max(|x[i]|, |y[i]|)): the error e of a step from x
// to y in units of the tolerance. The maximum, unlike a mean over the rows, does
// not let many easy rows hide one bad row.
//
// A NaN anywhere gives NaN, never a number: the caller's test must be written so
// that NaN rejects. It panics if the lengths differ or dim does not divide them.
func MaxRowRMS(e, x, y []float64, dim int, abs, rel float64) float64 {
	if len(x) != len(e) || len(y) != len(e) || dim <= 0 || len(e)%dim != 0 {
		panic(badLength)
	}
	worst := 0.0
	for lo := 0; lo < len(e); lo += dim {
		hi := lo + dim
		s := errorSquares(e[lo:hi], x[lo:hi], y[lo:hi], abs, rel)
		if s != s {
			return math.NaN()
		}
		if s > worst {
			worst = s
		}
	}
	return math.Sqrt(worst / float64(dim))
}

// errorSquaresTwin returns the sum of the squares of e/(abs + rel·max(|x|, |y|)).
func errorSquaresTwin(e, x, y []float64, abs, rel float64) float64 {
	var s [sumLanes]float64
	for i, v := range e {
		q := v / math.FMA(rel, math.Max(math.Abs(x[i]), math.Abs(y[i])), abs)
		s[i%sumLanes] = math.FMA(q, q, s[i%sumLanes])
	}
	return addLanes(&s)
}

// RowNorms writes to dst the Euclidean norm of each row of x; dim is len(x)/len(dst).
// Rows that would overflow when squared give +Inf. It panics if len(dst) does
// not divide len(x).
func RowNorms(dst, x []float64) {
	if len(dst) == 0 || len(x)%len(dst) != 0 {
		panic(badLength)
	}
	dim := len(x) / len(dst)
	for r := range dst {
		dst[r] = math.Sqrt(Squares(x[r*dim : (r+1)*dim]))
	}
}

// Squares returns the sum of the squares of x.
func Squares(x []float64) float64 {
	if len(x) < sumLanes { // the call of a kernel would take longer
		return squaresTwin(x)
	}
	return squares(x)
}

func squaresTwin(x []float64) float64 {
	var s [sumLanes]float64
	for i, v := range x {
		s[i%sumLanes] = math.FMA(v, v, s[i%sumLanes])
	}
	return addLanes(&s)
}
