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
// exponentials of whole arrays come through here.
func Exp(dst, x []float64) {
	if len(dst) != len(x) {
		panic(badLength)
	}
	large := false
	for _, v := range x {
		large = large || v > expCeiling
	}
	if large { // rare, and the kernels do not know it
		expTwin(dst, x, ExpFloor)
		return
	}
	exp(dst, x, ExpFloor)
}

// expCeiling is the largest exponent that the kernels know.
const expCeiling = 709

func expTwin(dst, x []float64, floor float64) {
	for i, v := range x {
		if v > expCeiling {
			dst[i] = math.Inf(1)
			continue
		}
		dst[i] = exponential(v, floor)
	}
}

// exponential reduces x to n·ln 2 + r with |r| ≤ ln(2)/2, by fused multiply-adds with ln 2 in two parts, of which the
// first is as long as a number can be. exp(r) is 1 + r + r²p(r) with the polynomial of degree 9 that interpolates (exp(r) - 1 - r)/r² at ten Chebyshev points
// of the interval, computed with 60 digits: rounded to doubles it is off by at most 1.6e-17.
//
// n is found by adding 1.5·2⁵², where numbers are whole, and its low bits then move on to be those of the exponent. x is at most expCeiling.
func exponential(x, floor float64) float64 {
	const (
		shift   = 0x1.8p52
		ln2Rest = 2.3190468138462996e-17 // ln 2 less its double
	)
	if x < floor {
		return 0
	}
	k := math.FMA(x, math.Log2E, shift)
	n := k - shift
	r := math.FMA(-n, math.Ln2, x)
	r = math.FMA(-n, ln2Rest, r)
	p := 2.5100375924709717e-08
	p = math.FMA(p, r, 2.762007599981065e-07)
	p = math.FMA(p, r, 2.7557268480116333e-06)
	p = math.FMA(p, r, 2.4801521322116825e-05)
	p = math.FMA(p, r, 0.0001984126986304067)
	p = math.FMA(p, r, 0.0013888888917196881)
	p = math.FMA(p, r, 0.008333333333330065)
	p = math.FMA(p, r, 0.041666666666624164)
	p = math.FMA(p, r, 0.16666666666666669)
	p = math.FMA(p, r, 0.5000000000000001)
	p = math.FMA(p, r*r, r) + 1
	p = math.Float64frombits(math.Float64bits(p) + math.Float64bits(k)<<52)
	return p + (x - x) // NaN for NaN, whose bits were changed
}
