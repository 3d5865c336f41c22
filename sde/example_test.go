package sde_test

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// A Point holds what a sampler asks of a schedule; Time goes back from a λ.
func ExampleVP() {
	vp := sde.VP{}
	for _, t := range []float64{0.001, 0.5, 1} {
		p := vp.At(t)
		fmt.Printf("t=%v: alpha %.4f, sigma %.4f, lambda %+.4f, beta %.4f\n", t, p.Alpha, p.Sigma, p.Lambda(), p.G2())
	}
	fmt.Printf("signal and noise are equal at t=%.4f\n", vp.Time(0))
	// Output:
	// t=0.001: alpha 0.9999, sigma 0.0105, lambda +4.5577, beta 0.1199
	// t=0.5: alpha 0.2812, sigma 0.9597, lambda -1.2276, beta 10.0500
	// t=1: alpha 0.0066, sigma 1.0000, lambda -5.0250, beta 20.0000
	// signal and noise are equal at t=0.2590
}

// The table that Stable Diffusion is trained with, by its k-diffusion sigmas.
func ExampleNewDiscrete() {
	d, err := sde.NewDiscrete(sde.ScaledLinearBetas(1000, 0.00085, 0.012))
	if err != nil {
		fmt.Println(err)
		return
	}
	tmin, tmax := d.Domain()
	fmt.Printf("sigma from %.4f to %.4f\n", d.At(tmin).Kappa(), d.At(tmax).Kappa())
	// Output:
	// sigma from 0.0292 to 14.6146
}

// Two steps of the forward diffusion are one.
func ExampleTransition() {
	vp := sde.VP{}
	a, b, c := vp.At(0.1), vp.At(0.2), vp.At(0.3)
	s1, d1 := sde.Transition(a, b)
	s2, d2 := sde.Transition(b, c)
	s, d := sde.Transition(a, c)
	fmt.Printf("scale %.6f = %.6f, variance %.6f = %.6f\n", s2*s1, s, d2*d2+s2*s2*d1*d1, d*d)
	// Output:
	// scale 0.664979 = 0.664979, variance 0.557803 = 0.557803
}

// The path of a row is the same in any batch. A path without memory refuses to give a
// part of what it gave already.
func ExampleFresh() {
	noise := sde.Fresh{Seed: 7}
	batch, alone := make([]float64, 3), make([]float64, 1)
	w := noise.Path(0, 3, 1)
	w.Increment(batch, 1, 0.5)
	noise.Path(2, 1, 1).Increment(alone, 1, 0.5)
	fmt.Println("row 2 is the same alone:", batch[2] == alone[0])

	err := w.Increment(batch, 1, 0.75)
	fmt.Println(errors.Is(err, sde.ErrOverlap))
	// Output:
	// row 2 is the same alone: true
	// true
}

// Recorded normals repeat a run of another program. Here is Ornstein and Uhlenbeck's process, in
// two steps of 1/4.
func ExampleEulerMaruyama() {
	sys := sde.System{
		Drift: func(dst, x []float64, t float64) error {
			dst[0] = -2 * x[0]
			return nil
		},
		Diffusion: func(t float64) float64 { return 1 },
	}
	noise := sde.Replay{Draws: [][]float64{{1}, {-0.5}}}
	x := []float64{1}
	st := sde.EulerMaruyama(sys, noise.Path(0, 1, 1), 1)
	_, err := ode.Integrate(context.Background(), st, x, []float64{0, 0.25, 0.5}, func(at ode.Span, x []float64) error {
		fmt.Printf("x(%v) = %v\n", at.To, x[0])
		return nil
	})
	fmt.Println(err)
	// Output:
	// x(0.25) = 1
	// x(0.5) = 0.25
	// <nil>
}

// A method of strong order 1.5 on Ornstein and Uhlenbeck's process, with the same path on two grids: the results approach each other.
func ExampleTableau() {
	sys := sde.System{
		Drift: func(dst, x []float64, t float64) error {
			dst[0] = -2 * x[0]
			return nil
		},
		Diffusion: func(t float64) float64 { return 1 },
	}
	fine := make([]float64, 65)
	for i := range fine {
		fine[i] = float64(i) / 64
	}
	noise := sde.GridPath{Seed: 1, Grid: fine}
	end := func(steps int) float64 {
		var grid []float64
		for i := 0; i < len(fine); i += 64 / steps {
			grid = append(grid, fine[i])
		}
		st, err := sde.SRA1.Stepper(sys, noise.Path(0, 1, 1), 1)
		if err != nil {
			fmt.Println(err)
			return 0
		}
		x := []float64{1}
		if _, err := ode.Integrate(context.Background(), st, x, grid, nil); err != nil {
			fmt.Println(err)
		}
		return x[0]
	}
	fmt.Println(math.Abs(end(8)-end(64)) < 0.02, math.Abs(end(32)-end(64)) < 0.001)

	_, err := sde.SRA1.Stepper(sys, struct{ sde.Brownian }{noise.Path(0, 1, 1)}, 1) // a path that hides its Lévy areas
	fmt.Println(errors.Is(err, sde.ErrNeedsArea))
	// Output:
	// true true
	// true
}
