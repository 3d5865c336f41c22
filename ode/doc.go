// Package ode advances dx/dt = f(x, t) step by step. It knows nothing of
// diffusion. A method is a [Stepper]: explicit Runge–Kutta methods, Adams methods and exponential time differencing are here, others elsewhere.
// The loops that run them, the module's only time loops, are here too, with step-size control, output inside of steps and events:
//
//	                     steps on a grid   steps under error control
//	every step seen      Integrate         Control.Adapt, Control.AdaptRows
//	times and events     Solve             Control.Solve
//	a loop of one's own  Spans             Control.Start
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
// Steps under error control serve all rows of a state, and the worst row decides; [Control.AdaptRows] gives each row steps of its own.
//
// # Inside of steps
//
// [Solve] and [Control.Solve] show the state at the times of an [Output] and find its events. Both come from the method's interpolant over each
// accepted step, so they change no step and no bit of the result. The tableaus have Hermite's cubic, but DP5 and Tsit5 a quartic and DOP853 a polynomial of
// degree 7; an exponential method has a cubic that knows its linear part; an Adams method has the polynomial that it integrates, at no cost.
//
// # What a vector field may do
//
// It may return an error, which ends the integration. It must not modify its argument, nor keep a slice to write there later. The methods
// of this package give the first call of a trajectory a copy of the state, and one that modifies it ends the integration with [ErrMutated],
// before harm is done; later calls may get the state itself. [FirstStage] does the same for other Steppers.
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
