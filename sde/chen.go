package sde

import "github.com/diffsolve/diffsolve/internal/vec"

// Chen joins two intervals that follow each other: from (W, H) of [r, s] in w1 and h1 and of [s, u] in w2 and h2 it writes that of
// [r, u] to w and h, which may be one pair of the others. The lengths are x = s - r and y = u - s,
//
//	W = W₁ + W₂
//	(x+y) H = x H₁ + y H₂ + (y W₁ - x W₂)/2,
//
// since ∫ (W_v - W_r) dv over an interval of length h is h(W/2 + H) [foster2020, chapter 4]. The relation holds for signed lengths, so it also takes
// an interval off again: walk it back, with -W, H and -length. Of an empty interval, x + y = 0, it gives W₁ + W₂ and 0. It panics if the lengths of
// the slices differ.
//
// It is the only way to coarsen a path: the H of a long interval is not the sum of the H of its parts.
func Chen(w, h []float64, x float64, w1, h1 []float64, y float64, w2, h2 []float64) {
	if length := x + y; length != 0 {
		vec.Lin(h,
			vec.Term{C: x / length, X: h1},
			vec.Term{C: y / length, X: h2},
			vec.Term{C: y / (2 * length), X: w1},
			vec.Term{C: -x / (2 * length), X: w2})
	} else {
		clear(h)
	}
	vec.Lin(w, vec.Term{C: 1, X: w1}, vec.Term{C: 1, X: w2})
}
