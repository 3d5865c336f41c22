package vec

import "math"

// ExpFloor is the least exponent that Exp takes at its word; below it the result
// is exactly zero. exp(-300) is 5e-131: next to a largest weight of 1 it is
// nothing, and its products stay far from the subnormal numbers, which cost a
// hundred times a normal multiplication.
const ExpFloor = -300

// Exp writes exp(x[i]) to dst, within 2 units in the last place, with 0 below
// ExpFloor and +Inf above 709. NaN stays NaN.
//
// Note: math.Exp is within 1 unit, but on amd64 it has been seen to fall from
// 6 ns to more than a microsecond for long stretches on a busy machine. All
// exponentials of whole arrays come through here, so there is one place to mend.
func Exp(dst, x []float64) {
	if len(dst) != len(x) {
		panic(badLength)
	}
	for i, v := range x {
		dst[i] = exp(v)
	}
}

// exp reduces x to n·ln 2 + r with |r| ≤ ln(2)/2, the first product split in two
// so that r keeps its digits [cody1980, chapter 6], and sums the Taylor series of
// exp(r) to r¹³: the remainder r¹⁴/14! is below 5e-18.
//
//	[cody1980]  W. J. Cody and W. Waite. Software Manual for the Elementary
//	            Functions. Prentice-Hall, 1980.
func exp(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01 // the upper 33 bits of ln 2, so that n·ln2Hi is exact
		ln2Lo = 1.90821492927058770002e-10
	)
	switch {
	case !(x <= 709): // includes NaN
		if x > 709 {
			return math.Inf(1)
		}
		return x
	case x < ExpFloor:
		return 0
	}
	n := math.Floor(x*math.Log2E + 0.5)
	r := (x - n*ln2Hi) - n*ln2Lo
	p := 1.0 / 6227020800
	p = p*r + 1.0/479001600
	p = p*r + 1.0/39916800
	p = p*r + 1.0/3628800
	p = p*r + 1.0/362880
	p = p*r + 1.0/40320
	p = p*r + 1.0/5040
	p = p*r + 1.0/720
	p = p*r + 1.0/120
	p = p*r + 1.0/24
	p = p*r + 1.0/6
	p = p*r + 0.5
	p = r + r*r*p // exp(r) - 1
	// 2ⁿ by its exponent bits: n is within ±1023 here.
	return (1 + p) * math.Float64frombits(uint64(int64(n)+1023)<<52)
}
