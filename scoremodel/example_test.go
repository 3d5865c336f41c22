package scoremodel_test

import (
	"context"
	"fmt"
	"log"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// A network that predicts the clean sample, here always 2, seen as one that predicts the noise.
func ExampleAs() {
	net := scoremodel.Func(scoremodel.Data, func(dst, x []float64, t float64) error {
		for i := range dst {
			dst[i] = 2
		}
		return nil
	})
	eps := scoremodel.As(net, scoremodel.Epsilon, sde.VP{})

	p := sde.VP{}.At(0.3)
	x := []float64{p.Alpha*2 + p.Sigma*0.5, p.Alpha*2 - p.Sigma*1.25}
	dst := make([]float64, len(x))
	if err := eps.Predict(dst, x, 0.3); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v: %.4f\n", eps.Kind(), dst)
	// Output: epsilon: [0.5000 -1.2500]
}

// Any method of package ode samples from a model seen as Flow. A Counter tells what it costs.
func ExampleCounter() {
	data := scoremodel.Component{Mean: []float64{1}, Variance: 0.25}
	exact, err := scoremodel.NewGaussian(sde.VP{}, data)
	if err != nil {
		log.Fatal(err)
	}
	net := &scoremodel.Counter{Model: exact}
	flow := scoremodel.As(net, scoremodel.Flow, sde.VP{})

	x := []float64{-1.7, 0.3, 1.9}
	grid := []float64{1, 0.75, 0.5, 0.25, 0.1, 0.01, 1e-3}
	st := ode.RK4.Stepper(flow.Predict, len(x))
	if _, err := ode.Integrate(context.Background(), st, x, grid, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f after %d evaluations\n", x, net.NFE())
	// Output: [0.15 1.15 1.95] after 24 evaluations
}

// Where the probability flow of normal data carries noise, in closed form.
func ExampleGaussian_FlowMap() {
	g, err := scoremodel.NewGaussian(sde.VP{}, scoremodel.Component{Mean: []float64{1}, Variance: 0.25})
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{-1.7, 0.3, 1.9}
	g.FlowMap(x, x, 1, 1e-3)
	fmt.Printf("%.6f\n", x)
	// Output: [0.146505 1.146686 1.946831]
}

// The exact solution of a nonlinear probability flow.
func ExampleMixture_QuantileMap() {
	m, err := scoremodel.NewMixture(sde.VP{},
		scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2}, Variance: 0.35 * 0.35},
		scoremodel.Component{Weight: 0.7, Mean: []float64{0.8}, Variance: 0.5 * 0.5},
	)
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{-1.7, 0.3, 1.9}
	if err := m.QuantileMap(x, x, 1, 1e-3); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.6f\n", x)
	// Output: [-1.565636 0.741462 1.668862]
}

// A digit under noise, and what the ideal denoiser makes of it.
func ExampleNewDataset() {
	images, _ := scoremodel.Digits()
	m, err := scoremodel.NewDataset(sde.VP{}, images, 64, 0.1)
	if err != nil {
		log.Fatal(err)
	}
	denoiser := scoremodel.As(m, scoremodel.Data, sde.VP{})

	x, clean := make([]float64, 64), make([]float64, 64)
	sde.Fresh{Seed: 1}.Normals(x, 0, 64)
	sde.Perturb(x, images[:64], x, sde.VP{}.At(0.2))
	if err := denoiser.Predict(clean, x, 0.2); err != nil {
		log.Fatal(err)
	}
	draw := func(pixels []float64) (s string) {
		for _, v := range pixels {
			shade := min(max(int(2*(v+1)), 0), 3)
			s += ".-+#"[shade : shade+1]
		}
		return s
	}
	for i := 0; i < 64; i += scoremodel.DigitSide {
		fmt.Println(draw(x[i:i+8]), draw(clean[i:i+8]))
	}
	// Output:
	// ..---.-- ..-#+...
	// ..##-+.. ..##+#..
	// .#+--+#. ..#..+-.
	// -+-.+#.. .-+..--.
	// --+-..+. .-+..--.
	// -.#..#.- ..+..+-.
	// ..+-#+.. ..#-+#..
	// ..+-+... ..-#+...
}

// A network in single precision.
func ExampleFloat32() {
	net := scoremodel.Float32(scoremodel.Epsilon, func(dst, x []float32, t float32) error {
		for i, v := range x {
			dst[i] = v / 3
		}
		return nil
	})
	dst := make([]float64, 1)
	if err := net.Predict(dst, []float64{1}, 0.5); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dst[0], float32(dst[0]))
	// Output: 0.3333333432674408 0.33333334
}

// A kind reads and writes its name, so it can be a flag or a field of a configuration.
func ExampleKind_UnmarshalText() {
	var k scoremodel.Kind
	if err := k.UnmarshalText([]byte("velocity")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(k, k == scoremodel.Velocity)
	// Output: velocity true
}
