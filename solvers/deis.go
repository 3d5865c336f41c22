package solvers

import (
	"cmp"
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// DEIS is the diffusion exponential integrator sampler [zhang2023deis, algorithm 1 and equation
// 15]: the noise prediction is a polynomial through the latest Order predictions, in the time t
// ("tab", the zero value), in ρ = κ ("rhoab") or in log ρ = -λ ("logrho"). The paper's weights are integrals that it takes
// numerically; here they are exact. The paper counts the polynomial's degree: its tAB-3, the
// zero value, is Order 4 here.
//
// As published it begins with lower orders, which caps the observed order at 2.
//
// References:
//
//	[zhang2023deis]
type DEIS struct {
	Variant    string `param:"variant" values:"tab|rhoab|logrho" about:"the variable of the polynomial: t, kappa or log kappa"`
	Order      int    `param:"order" default:"4" about:"1 to 4, one more than the degree by which the paper calls it"`
	Starter    bool   `param:"starter" about:"begin with single steps that keep the order"`
	LowerFinal bool   `param:"lowerfinal" about:"lower the order to the number of steps left"`
}

// Info implements Solver.
func (s DEIS) Info() Info {
	order := cmp.Or(s.Order, 4)
	i := Info{Name: "deis", About: "DEIS, Adams methods in noise prediction with exact weights", NFE: 1, Memory: order - 1,
		Kind: scoremodel.Epsilon, Ref: "zhang2023deis"}.adams(order, s.Starter)
	return i.lowered(s.LowerFinal)
}

// lowered returns i with what is left of the order when the last step is of order 1.
func (i Info) lowered(yes bool) Info {
	if yes {
		i.Order = min(i.Order, 2)
	}
	return i
}

// Start implements Solver.
func (s DEIS) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkOrder(s.Order, 4); err != nil {
		return nil, err
	}
	in, ok := map[string]Variable{"": Time, "tab": Time, "rhoab": Kappa, "logrho": Lambda}[s.Variant]
	if !ok {
		return nil, fmt.Errorf("%w: variant is %q, want tab, rhoab or logrho", ErrParameter, s.Variant)
	}
	st := adams(p, scoremodel.Epsilon, in, cmp.Or(s.Order, 4), s.Starter)
	st.lowerFinal = s.LowerFinal
	bound, err := st.bind(p, n)
	if in == Kappa {
		return finisher{bound}, err
	}
	return bound, err
}
