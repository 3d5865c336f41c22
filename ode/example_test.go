package ode_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"

	"github.com/diffsolve/diffsolve/ode"
)

// The error of a method of order 4 falls by about 16 when the steps are halved.
func ExampleIntegrate() {
	decay := func(dst, x []float64, t float64) error {
		dst[0] = -x[0]
		return nil
	}
	for _, grid := range [][]float64{{0, 1}, {0, 0.5, 1}, {0, 0.25, 0.5, 0.75, 1}} {
		x := []float64{1}
		stats, err := ode.Integrate(context.Background(), ode.RK4.Stepper(decay, 1), x, grid, nil)
		fmt.Printf("%v, %d steps: error %.6f, %v\n", stats.Status, stats.Steps, x[0]-math.Exp(-1), err)
	}
	// Output:
	// done, 1 steps: error 0.007121, <nil>
	// done, 2 steps: error 0.000291, <nil>
	// done, 4 steps: error 0.000015, <nil>
}

// An observer sees every step, and may end the integration when it has seen enough.
func ExampleIntegrate_observer() {
	grow := func(dst, x []float64, t float64) error {
		dst[0] = x[0]
		return nil
	}
	x := []float64{1}
	stats, err := ode.Integrate(context.Background(), ode.Midpoint.Stepper(grow, 1), x, []float64{0, 1, 2, 3, 4}, func(at ode.Span, x []float64) error {
		fmt.Printf("step %d of %d: x(%v) = %v\n", at.Index, at.N, at.To, x[0])
		if x[0] > 10 {
			return ode.ErrStop
		}
		return nil
	})
	fmt.Println(stats.Status, err, x)
	// Output:
	// step 0 of 4: x(1) = 2.5
	// step 1 of 4: x(2) = 6.25
	// step 2 of 4: x(3) = 15.625
	// stopped <nil> [15.625]
}

// A failure names the step and the element, and leaves the last good state.
func ExampleStepError() {
	broken := func(dst, x []float64, t float64) error {
		dst[0], dst[1] = 1, math.Log(0.5-t)
		return nil
	}
	x := []float64{0, 0}
	_, err := ode.Integrate(context.Background(), ode.Euler.Stepper(broken, 2), x, []float64{0, 0.25, 0.5, 0.75, 1}, nil)
	var e *ode.StepError
	if errors.As(err, &e) {
		fmt.Printf("step %d, element %d, not finite: %v\n", e.At.Index, e.Element, errors.Is(err, ode.ErrNonFinite))
	}
	fmt.Printf("%.4f\n", x)
	// Output:
	// step 2, element 1, not finite: true
	// [0.5000 -0.5199]
}

// Error control puts the short steps where the solution turns. Time runs down here.
func ExampleControl_Adapt() {
	turn := func(dst, x []float64, t float64) error {
		dst[0] = 1 / (1 + 1e4*t*t)
		return nil
	}
	x := []float64{math.Atan(100) / 100}
	st := ode.DP5.Stepper(turn, 1).(ode.Estimator)
	stats, err := ode.Control{Rel: 1e-8, Abs: 1e-10}.Adapt(context.Background(), st, x, 1, -1, nil)
	exact := -math.Atan(100) / 100
	fmt.Printf("%v, error below 1e-9: %v, longest over shortest step above 20: %v, %v\n",
		stats.Status, math.Abs(x[0]-exact) < 1e-9, stats.HMax/stats.HMin > 20, err)
	// Output:
	// done, error below 1e-9: true, longest over shortest step above 20: true, <nil>
}

// A ball that falls from a height of 5 with g = 10 hits the ground after a second, at a speed of 10.
func ExampleControl_Solve() {
	fall := func(dst, x []float64, _ float64) error {
		dst[0], dst[1] = x[1], -10
		return nil
	}
	x := []float64{5, 0}
	st := ode.Tsit5.Stepper(fall, 2).(ode.Estimator)
	res, err := ode.Control{}.Solve(context.Background(), st, x, 0, 9, ode.Output{
		Times: []float64{0, 0.5, 1.5},
		Write: func(_ int, t float64, x []float64) error {
			fmt.Printf("at %.1f height %.2f\n", t, x[0])
			return nil
		},
		Events: []ode.Event{{G: func(x []float64, _ float64) float64 { return x[0] }, Direction: -1, Terminal: true}},
	})
	fmt.Printf("%v at %.6f, speed %.6f, %v\n", res.Status, res.T, -x[1], err)
	// Output:
	// at 0.0 height 5.00
	// at 0.5 height 3.75
	// event reached at 1.000000, speed 10.000000, <nil>
}

// A fixed grid is as it is; the state in between is asked for, and comes from the interpolant.
func ExampleSolve() {
	grow := func(dst, x []float64, _ float64) error {
		dst[0] = x[0]
		return nil
	}
	x := []float64{1}
	grid := []float64{0, 0.1, 0.2, 0.4, 0.7, 1}
	res, err := ode.Solve(context.Background(), ode.Tsit5.Stepper(grow, 1), x, grid, ode.Output{
		Times: []float64{0.25, 0.5, 0.75},
		Write: func(_ int, t float64, x []float64) error {
			fmt.Printf("at %.2f %.6f, e^t is %.6f\n", t, x[0], math.Exp(t))
			return nil
		},
		Events: []ode.Event{{G: func(x []float64, _ float64) float64 { return x[0] - 2 }}},
	})
	fmt.Printf("2 at %.6f, log 2 is %.6f, %v\n", res.Events[0].T, math.Ln2, err)
	// Output:
	// at 0.25 1.284025, e^t is 1.284025
	// at 0.50 1.648721, e^t is 1.648721
	// at 0.75 2.117000, e^t is 2.117000
	// 2 at 0.693147, log 2 is 0.693147, <nil>
}

// A loop of one's own sees every step and its error, and may stop when it likes.
func ExampleIntegration() {
	grow := func(dst, x []float64, _ float64) error {
		dst[0] = x[0]
		return nil
	}
	in, err := ode.Control{Rel: 1e-6, Abs: 1e-6}.Start(ode.DP5.Stepper(grow, 1).(ode.Estimator), []float64{1}, 0, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	for in.Next(context.Background()) && in.State()[0] < 20 {
	}
	fmt.Println(in.State()[0] > 20, in.Span().To < 4, in.LocalError() <= 1, in.Err())
	// Output:
	// true true true <nil>
}

// Any explicit Runge–Kutta method is a value: this is Kutta's third-order rule.
func ExampleTableau_Stepper() {
	kutta := ode.Tableau{
		Name: "kutta3", Order: 3,
		C: []float64{0, 1. / 2, 1},
		A: [][]float64{{}, {1. / 2}, {-1, 2}},
		B: []float64{1. / 6, 2. / 3, 1. / 6},
	}
	square := func(dst, x []float64, t float64) error {
		dst[0] = 3 * t * t
		return nil
	}
	x := []float64{0}
	st := kutta.Stepper(square, 1)
	if err := st.Step(x, x, ode.Span{From: 0, To: 2, N: 1}); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%.12f\n", x[0])
	// Output:
	// 8.000000000000
}

func ExampleSpans() {
	for at := range ode.Spans([]float64{1, 0.5, 0.25}) {
		fmt.Println(at.Index, at.N, at.From, at.To, at.H(), at.Fresh())
	}
	// Output:
	// 0 2 1 0.5 -0.5 true
	// 1 2 0.5 0.25 -0.25 false
}

// One evaluation a step, after two Runge–Kutta steps of four, on steps of any lengths.
func ExampleAdams_Stepper() {
	calls := 0
	f := func(dst, x []float64, t float64) error {
		calls++
		dst[0] = -x[0]
		return nil
	}
	st, err := ode.Adams{Order: 4}.Stepper(f, 1)
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{1}
	grid := []float64{0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}
	if _, err := ode.Integrate(context.Background(), st, x, grid, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("x(1) = %.4f after %d evaluations\n", x[0], calls)
	// Output: x(1) = 0.3679 after 18 evaluations
}

// However stiff the linear part is, it does not bound the step: x' = -1000(x - cos t) - sin t from x(0) = 1 is cos t.
func ExampleExpTableau_Stepper() {
	f := func(dst, x []float64, t float64) error {
		dst[0] = 1000*math.Cos(t) - math.Sin(t)
		return nil
	}
	x := []float64{1}
	if _, err := ode.Integrate(context.Background(), ode.ETD2.Stepper(-1000, f, 1), x, []float64{0, 0.25, 0.5, 0.75, 1}, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("x(1) = %.3f, cos 1 = %.3f\n", x[0], math.Cos(1))
	// Output: x(1) = 0.540, cos 1 = 0.540
}
