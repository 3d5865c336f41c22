package solvers_test

import (
	"context"
	"fmt"
	"log"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

func ExampleSample() {
	vp := sde.VP{} // beta from 0.1 to 20
	// The model is exact here. A network is scoremodel.Func(scoremodel.Epsilon, network).
	model, err := scoremodel.NewMixture(vp,
		scoremodel.Component{Weight: 0.25, Mean: []float64{-2, 0}, Variance: 0.1},
		scoremodel.Component{Weight: 0.75, Mean: []float64{2, 1}, Variance: 0.1})
	if err != nil {
		log.Fatal(err)
	}
	problem := solvers.Problem{Schedule: vp, Model: model, Dim: 2}

	x := solvers.Prior(vp, 1, 4000, 2) // 4000 rows of noise from seed 1
	res, err := solvers.Sample(context.Background(), solvers.DPMSolverPP2M{}, problem, x,
		&solvers.Settings{Steps: 20, Workers: 2})
	if err != nil {
		log.Fatal(err)
	}

	left := 0
	for i := 0; i < len(x); i += 2 {
		if x[i] < 0 {
			left++
		}
	}
	fmt.Printf("%d evaluations, %.0f%% of the samples on the left\n", res.NFE, 100*float64(left)/4000)
	// Output: 20 evaluations, 25% of the samples on the left
}

// The reverse SDE to a tolerance: steps that are rejected find their Brownian path again, since the noise is a tree.
func ExampleSample_adaptiveSDE() {
	vp := sde.VP{}
	model, err := scoremodel.NewGaussian(vp, scoremodel.Component{Mean: []float64{2, 1}, Variance: 0.25})
	if err != nil {
		log.Fatal(err)
	}
	tmin, tmax := vp.Domain()
	problem := solvers.Problem{Schedule: vp, Model: model, Dim: 2, Noise: sde.Tree{Seed: 1, From: tmax, To: tmin}}
	sra1, err := solvers.ByName("sra1")
	if err != nil {
		log.Fatal(err)
	}
	x := solvers.Prior(vp, 2, 1000, 2)
	if _, err := solvers.Sample(context.Background(), sra1, problem, x,
		&solvers.Settings{Control: &ode.Control{Rel: 0.03, Abs: 0.03}, Workers: 2}); err != nil {
		log.Fatal(err)
	}
	var mean [2]float64
	for i, v := range x {
		mean[i%2] += v / 1000
	}
	fmt.Printf("mean %.1f\n", mean)
	// Output: mean [2.0 1.0]
}

// The coefficients of every evaluation and of the result prove, for every model at once, that DDIM
// is Euler's method in the variable kappa.
func ExampleTrace() {
	vp := sde.VP{}
	grid := []float64{1, 0.5, 0.1}
	ddim, err := solvers.Trace(solvers.DDIM{}, vp, grid)
	if err != nil {
		log.Fatal(err)
	}
	for i, e := range ddim.Evaluations {
		fmt.Printf("evaluation %d at t=%g of %.4f x %+.4f\n", i, e.Time, e.Input.State, e.Input.Outputs)
	}
	fmt.Printf("result %.4f x %+.4f\n", ddim.Result.State, ddim.Result.Outputs)

	euler, err := solvers.Trace(solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}, vp, grid)
	if err != nil {
		log.Fatal(err)
	}
	d, err := solvers.Distance(ddim, euler)
	fmt.Println("the same:", d < 1e-14, err)
	// Output:
	// evaluation 0 at t=1 of 1.0000 x []
	// evaluation 1 at t=0.5 of 42.7877 x [-41.8271]
	// result 144.0629 x [-140.8287 -2.9090]
	// the same: true <nil>
}

// Steps may be taken by hand, to look at the states between them or to change what comes after.
func ExampleSolver() {
	vp := sde.VP{}
	model, err := scoremodel.NewGaussian(vp, scoremodel.Component{Mean: []float64{3}, Variance: 0.01})
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{-1}
	stepper, err := solvers.DDIM{}.Start(solvers.Problem{Schedule: vp, Model: model, Dim: 1}, len(x))
	if err != nil {
		log.Fatal(err)
	}
	for span := range ode.Spans([]float64{1, 0.6, 0.3, 0.1, 0.001}) {
		if err := stepper.Step(x, x, span); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("t=%-6g x=%.3f\n", span.To, x[0])
	}
	// Output:
	// t=0.6    x=-0.521
	// t=0.3    x=1.096
	// t=0.1    x=2.506
	// t=0.001  x=2.962
}

func ExampleByName() {
	s, err := solvers.ByName("ddim:eta=0.5")
	fmt.Println(solvers.Name(s), s.Info().WeakOrder, err)

	_, err = solvers.ByName("expadam3")
	fmt.Println(err)
	// Output:
	// ddim:eta=0.5 1 <nil>
	// unknown solver "expadam3", did you mean "expadams3"?
}
