package solvers

import (
	"context"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
)

// A Pair is the whole state of an exactly reversible solver, EDICT or BDIA: rows of samples and the companion
// that a run carries along. It is plain data.
type Pair struct {
	X []float64
	Y []float64 // nil before the first run
}

// SamplePair is as Sample on the pair's X, for exactly reversible solvers, and leaves the companion in its Y.
// With a Y it continues from both: after InvertPair with the same settings it returns, up to rounding, what InvertPair began with.
//
// Adaptive steps are refused. After an error Y is nil, and X is what Sample would leave.
func SamplePair(ctx context.Context, s Solver, p Problem, pair *Pair, set *Settings) (Result, error) {
	return samplePair(ctx, s, p, pair, set, false)
}

// InvertPair is as Invert on the pair's X, for exactly reversible solvers, and leaves the companion in its Y. With
// a Y it continues from both: after SamplePair with the same settings it returns, up to rounding, what SamplePair began with.
func InvertPair(ctx context.Context, s Solver, p Problem, pair *Pair, set *Settings) (Result, error) {
	return samplePair(ctx, s, p, pair, set, true)
}

func samplePair(ctx context.Context, s Solver, p Problem, pair *Pair, set *Settings, up bool) (Result, error) {
	r := newRun(s, p, set)
	r.up, r.paired, r.given, r.companion = up, true, pair.Y, make([]float64, len(pair.X))
	if r.given != nil && len(r.given) != len(pair.X) {
		return Result{}, fmt.Errorf("solvers: %s: %w: the companion has %d elements, the state %d", r.name(), ErrProblem, len(r.given), len(pair.X))
	}
	res, err := r.sample(ctx, pair.X)
	if pair.Y = r.companion; err != nil {
		pair.Y = nil
	}
	return res, err
}

// coupled is a stepper whose state has a companion. A run that starts from both, against the direction in
// which they were reached, retraces it.
type coupled interface {
	ode.Stepper
	pair() *companion
}

// companion is the second state of a coupled method.
type companion struct {
	now, next []float64 // at the start and at the end of the latest step
	given     bool      // whether the coming run begins with now
}

func newCompanion(n int) *companion {
	return &companion{now: make([]float64, n), next: make([]float64, n)}
}

// begin makes now the companion at the start of the step. It reports whether there is one.
func (c *companion) begin(at ode.Span) (known bool) {
	switch {
	case at.Fresh():
		known, c.given = c.given, false
		return known
	case !at.Retry:
		c.now, c.next = c.next, c.now
	}
	return true
}

// give lets the coming run begin with the companion y.
func (c *companion) give(y []float64) {
	copy(c.now, y)
	c.given = true
}
