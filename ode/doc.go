// Package ode advances dx/dt = f(x, t) step by step. It knows nothing of
// diffusion: it holds the module's only time loops, explicit Runge–Kutta methods, Adams methods, exponential
// time differencing, step-size control, dense output and events, and everything else is a [Stepper] that runs in them.
//
// A state is a []float64 of one or more rows, a batch that moves in step. Time may
// run either way; samplers run it down. The times of a fixed grid are used as they
// are, never accumulated, so the last state is exactly at the last time.
//
//	f := func(dst, x []float64, t float64) error {
//		dst[0] = -x[0]
//		return nil
//	}
//	x := []float64{1}
//	st := ode.RK4.Stepper(f, len(x))
//	stats, err := ode.Integrate(ctx, st, x, []float64{0, 0.5, 1}, nil) // x is now near 1/e
//
// # Error control
//
// Any [Estimator] runs under a [Control], which finds the lengths of the steps from the tolerances by a [Controller]: [I], [PI] or [PID]. The
// result tells why it ended, as a [Status] and as an error for errors.Is, and what it cost: [Stats].NFE is exactly the calls that f saw.
//
//	st := ode.DOP853.Stepper(f, len(x)).(ode.Estimator)
//	stats, err := ode.Control{Rel: 1e-9, Abs: 1e-12, MaxNFE: 10_000}.Adapt(ctx, st, x, 1, 0, nil)
//
// [Control.Solve] also shows the state at given times and finds events. Both come from the interpolant of the method, a polynomial over each
// accepted step, so they change no step and no bit of the result. The tableaus have Hermite's cubic; DP5 and Tsit5 have a quartic and DOP853 one of degree 7.
// [Control.Start] hands out the steps one at a time, for loops of one's own.
//
// Steps under error control serve all rows of a state, and the worst row decides; [Control.AdaptRows] gives each row steps of its own.
//
// # What a vector field may do
//
// It may return an error, which ends the integration. It must not modify its argument: a method of this package gives it a copy of the state, and one that modifies it at the
// first call of a trajectory is told so by [ErrMutated]. It may read what it was given later, at no use, but must not write there.
//
// # What a step may assume
//
// A Stepper owns its history, and [Span] tells it where the step lies in the
// trajectory. A step whose Span is Fresh begins anew. Any other step continues:
// src is the state that the latest accepted step wrote, and Span.From is that
// step's Span.To. A Span with Retry set repeats the latest step, from the same
// state, with another length. Whoever changes the state between steps must begin
// a new trajectory.
//
// # Methods
//
// A [Tableau] is a method of one step. [Adams] remembers earlier steps, whatever their lengths, and so costs one evaluation
// a step, or two with a correction and an estimate of its error. Where x' = L·x + f(x, t) with a
// number L, an [ExpTableau] or an Adams with a linear part takes the first term exactly, so that only f bounds the step.
//
//	st, err := ode.Adams{Order: 4, Mode: ode.PECE}.Stepper(f, len(x))
//
// # What this package does not do
//
// No implicit methods, no Jacobians: a score network has none that is affordable,
// and the stiffness of the probability flow lies in a linear part that is known and
// that package solvers integrates exactly.
package ode
