package vec

import "golang.org/x/exp/constraints"

// Convert writes x to dst in dst's precision. It is the edge between float64
// states and single-precision networks. It panics if the lengths differ.
func Convert[D, S constraints.Float](dst []D, x []S) {
	if len(dst) != len(x) {
		panic(badLength)
	}
	for i, v := range x {
		dst[i] = D(v)
	}
}
