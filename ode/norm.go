package ode

import (
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
)

// A Norm says what the error of a step is measured against, element by element. The root mean square of the quotients over
// a row, and the largest over the rows, is then the error in units of the tolerance.
type Norm int

// The norms, for a step from x to y with the embedded results x̂ and ŷ.
const (
	Sum     Norm = iota // Abs + Rel·max(|x|, |y|), as in [hairer1993]
	Greater             // max(Abs, Rel·max(|x̂|, |ŷ|)), which DPM-Solver is published with; at the start x̂ is x
)

var normNames = [...]string{"sum", "greater"}

func (n Norm) String() string {
	if n < Sum || n > Greater {
		return "unknown norm"
	}
	return normNames[n]
}

// measure returns the largest error of the rows from lo to hi of the latest proposal, from in.now to next, in units of the tolerance, by
// the estimate e. A NaN gives NaN.
func (in *Integration) measure(e, next []float64, lo, hi int) float64 {
	c := in.c
	if c.Norm == Sum {
		return vec.MaxRowRMS(e[lo:hi], in.now[lo:hi], next[lo:hi], c.Dim, c.Abs, c.Rel)
	}
	for i := lo; i < hi; i++ {
		in.lowNext[i] = next[i] - in.e[i]
		in.scaled[i] = e[i] / math.Max(c.Abs, c.Rel*math.Max(math.Abs(in.lowNext[i]), math.Abs(in.low[i])))
	}
	s := in.scaled[lo:hi]
	return vec.MaxRowRMS(s, s, s, c.Dim, 1, 0)
}
