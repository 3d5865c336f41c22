package solvers

import (
	"cmp"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// LMS is the linear multistep method of k-diffusion, which is Adams–Bashforth on dy/dκ = ε with
// y = x/α: the prediction is the polynomial in κ through the latest Order predictions
// [karras2022edm, eq. 1] [hairer1993, section III.5]. The integral is exact on any grid. It is DEIS with κ
// for the variable, rhoAB [zhang2023deis]. The zero value is of order 4.
//
// As published it begins with orders 1, 2, 3, of which the first caps the observed order at 2.
//
// References:
//
//	[karras2022edm], [hairer1993], [zhang2023deis]
type LMS struct {
	Order   int  `param:"order" default:"4" about:"1 to 4"`
	Starter bool `param:"starter" about:"begin with single steps that keep the order"`
}

// Info implements Solver.
func (s LMS) Info() Info {
	order := cmp.Or(s.Order, 4)
	return Info{Name: "lms", About: "the Adams method in kappa", NFE: 1, Memory: order - 1,
		Kind: scoremodel.Epsilon, Ref: "karras2022edm"}.adams(order, s.Starter)
}

// Start implements Solver.
func (s LMS) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkOrder(s.Order, 4); err != nil {
		return nil, err
	}
	st, err := adams(p, scoremodel.Epsilon, Kappa, cmp.Or(s.Order, 4), s.Starter).bind(p, n)
	return finisher{st}, err
}
