package solvers

import (
	"fmt"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// ExpAdams is the exponential Adams–Bashforth method in λ [hochbruck2010]: the
// prediction over a step is the polynomial through the latest Order predictions, and its integral is exact
// on any grid. In noise prediction it is DEIS with log ρ as the variable
// [zhang2023deis], in data prediction the multistep DPM-Solver++ without its shortcuts. The zero value is order 1 in data prediction.
//
// A method of order q needs q-1 earlier predictions. Started with lower and lower orders, as is
// commonly done and as Ramp asks for, its first step commits an error of order 2, which caps the
// observed order of the run at 2. Without Ramp the first q-2 steps are single steps of order q-1 or more, whose
// extra evaluations keep the order.
//
// References:
//
//	[hochbruck2010], [zhang2023deis]
type ExpAdams struct {
	Order int    // 1 to 6; 0 means 1
	Noise bool   `param:"noise" about:"predict noise instead of data"`
	Ramp  bool   `param:"ramp" about:"begin with lower orders, as published; caps the order at 2"`
	Nodes string `param:"nodes" values:"lambda|kappa|t" about:"the variable of the polynomial"`
}

// Info implements Solver.
func (s ExpAdams) Info() Info {
	order := max(s.Order, 1)
	i := Info{Name: fmt.Sprintf("expadams%d", order), About: fmt.Sprintf("the exponential Adams method of order %d in lambda", order),
		Order: order, NFE: 1, Memory: order - 1, Kind: scoremodel.Data, Ref: "hochbruck2010"}
	if s.Noise {
		i.Kind, i.Ref = scoremodel.Epsilon, "zhang2023deis"
	}
	i = i.adams(order, !s.Ramp)
	// Note: order 6 shows its slope only where little is left above rounding: 5.70 is observed on normal
	// data over 45 to 362 steps, whatever the start. What is certified is claimed.
	i.Order = min(i.Order, 5)
	return i
}

// adams completes the i of an Adams method of the given order by what its start is: single steps
// that keep the order, or lower orders.
func (i Info) adams(order int, starter bool) Info {
	if starter {
		i.Order = order
		return i.started(adamsStarter(order))
	}
	i.Order = min(order, 2)
	return i
}

// adamsStarter returns the starter of an Adams method of the given order q. Every starting step may
// commit an error of order q, as there is a fixed number of them. Of the lower orders only q-1 is that good.
func adamsStarter(order int) starter { return starterOf(order-2, order-1) }

// variables are the names of the variables in which predictions are interpolated.
var variables = map[string]Variable{"": Lambda, "lambda": Lambda, "kappa": Kappa, "t": Time}

// Start implements Solver.
func (s ExpAdams) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkOrder(s.Order, 6); err != nil {
		return nil, err
	}
	in, ok := variables[s.Nodes]
	if !ok {
		return nil, fmt.Errorf("%w: nodes is %q, want lambda, kappa or t", ErrParameter, s.Nodes)
	}
	st := adams(p, s.Info().Kind, in, max(s.Order, 1), !s.Ramp)
	return st.bind(p, n)
}

// adams returns the Adams method of the given order, yet to be bound.
func adams(p Problem, kind scoremodel.Kind, in Variable, order int, starter bool) *multistep {
	st := &multistep{kind: kind, in: in, predictor: formula{exactAdams(in, kind, p.Schedule), order}}
	if starter {
		st.start = adamsStarter(order)
	}
	return st
}
