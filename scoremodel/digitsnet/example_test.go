package digitsnet_test

import (
	"context"
	"fmt"
	"log"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/scoremodel/digitsnet"
	"github.com/diffsolve/diffsolve/solvers"
)

// Ten digits, one of each, with classifier-free guidance.
func Example() {
	net := digitsnet.New()
	model, err := net.Model(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if err != nil {
		log.Fatal(err)
	}
	// The model predicts with and without the label in one evaluation, so no second model is needed.
	guided, err := scoremodel.CFG{Scale: 2}.Guide(model, nil, digitsnet.Dim, net.Schedule())
	if err != nil {
		log.Fatal(err)
	}
	problem := solvers.Problem{Schedule: net.Schedule(), Model: guided, Dim: digitsnet.Dim}
	x := solvers.Prior(net.Schedule(), 4, 10, digitsnet.Dim)
	res, err := solvers.Sample(context.Background(), solvers.DPMSolverPP2M{}, problem, x, &solvers.Settings{Steps: 12})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d evaluations. The zero:\n", res.NFE)
	for row := range scoremodel.DigitSide {
		for _, v := range x[row*scoremodel.DigitSide:][:scoremodel.DigitSide] {
			fmt.Print([]string{" .", " o", " #"}[min(max(int(1.5*(v+1)), 0), 2)])
		}
		fmt.Println()
	}
	// Output:
	// 12 evaluations. The zero:
	//  . . . # # . . .
	//  . . # # o # . .
	//  . . # . . # o .
	//  . o o . . # o .
	//  . o # . . o # .
	//  . o # . . o # .
	//  . . # # o # . .
	//  . . o # # o . .
}
