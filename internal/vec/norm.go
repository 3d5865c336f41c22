package vec

import "math"

// FirstNonFinite returns the index of the first element of x that is NaN or
// infinite, or -1.
func FirstNonFinite(x []float64) int {
	for i, v := range x {
		// v-v is 0 for finite v and NaN otherwise.
		if v-v != 0 {
			return i
		}
	}
	return -1
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
		s := 0.0
		for i := lo; i < lo+dim; i++ {
			r := e[i] / (abs + rel*math.Max(math.Abs(x[i]), math.Abs(y[i])))
			s += r * r
		}
		if s != s {
			return math.NaN()
		}
		if s > worst {
			worst = s
		}
	}
	return math.Sqrt(worst / float64(dim))
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
		s := 0.0
		for _, v := range x[r*dim : (r+1)*dim] {
			s += v * v
		}
		dst[r] = math.Sqrt(s)
	}
}
