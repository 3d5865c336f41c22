package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// SASolver is the stochastic Adams method [xue2023sasolver, algorithm 1]: the Adams method for the
// reverse equation of stochasticity Tau, whose linear part and noise are exact. The predictor uses Predictor predictions; the
// corrector uses Corrector, of which one is the prediction at the end of the step, and the same noise. Corrector 0 is none.
//
// Mode "pec", the zero value, evaluates the model once, at the predicted state, and does not correct the last step; "pece" evaluates it
// again at the corrected one. The method begins with lower orders.
//
// The published code weighs the slope through two predictions with its limit for small steps, h/2 for hφ_2. Simple
// does so too; it changes neither the order nor steps that use more predictions.
//
// With Tau 0 it is an ODE method, otherwise of weak order 2 at most: one normal per step does not carry the iterated
// integrals of the path that more needs. Tau holds between the times Until and Since, and outside
// them the method takes the probability flow; Since 0 is the noise end. The zero value of Tau, Predictor and Corrector is DDIM;
// the catalogue has the setting of the authors' code, 3 and 4, with Tau 1.
//
// References:
//
//	[xue2023sasolver]
type SASolver struct {
	Predictor  int     `param:"predictor" about:"predictions that the predictor uses, 1 to 4"`
	Corrector  int     `param:"corrector" about:"predictions that the corrector uses, the new one included, 1 to 4; 0 for no corrector"`
	Mode       string  `param:"mode" values:"pec|pece" about:"evaluate at the predicted state, or at the corrected one too"`
	Tau        float64 `param:"tau" about:"stochasticity, from 0, the ODE; 1 is the reverse SDE"`
	Since      float64 `param:"since" about:"time from which on downwards tau holds; 0 is the noise end"`
	Until      float64 `param:"until" about:"time at which tau ceases to hold"`
	Noise      bool    `param:"noise" about:"predict noise instead of data"`
	Simple     bool    `param:"simple" about:"weigh the slope of two predictions as at small steps, as the published code does"`
	LowerFinal bool    `param:"lowerfinal" about:"lower the orders to the number of steps left"`
}

// Info implements Solver.
func (s SASolver) Info() Info {
	predictor := max(s.Predictor, 1)
	i := Info{Name: "sasolver", About: "SA-Solver, the stochastic Adams predictor-corrector", NFE: 1,
		Memory: max(predictor, s.Corrector) - 1, Kind: scoremodel.Data, Ref: "xue2023sasolver"}
	if s.Noise {
		i.Kind = scoremodel.Epsilon
	}
	if s.Mode == "pece" && s.Corrector > 0 {
		i.NFE = 2
	}
	// The first step, with one prediction, is of order 1, or 2 once corrected with two. A step
	// that ends in a wrong prediction spoils the corrector by one order less.
	order := min(predictor, 2)
	if s.Corrector > 0 {
		order = min(s.Corrector, predictor+1, 3)
	}
	if s.LowerFinal {
		order = min(order, 2)
	}
	if s.Tau == 0 {
		i.Order = order
		return i
	}
	i.Stochastic, i.WeakOrder = true, float64(min(order, 2))
	if s.Tau == 1 && s.Since == 0 && s.Until == 0 {
		i.StrongOrder = 1 // towards the reverse SDE, whose paths are known
	}
	return i
}

// Start implements Solver.
func (s SASolver) Start(p Problem, n int) (ode.Stepper, error) {
	if s.Predictor < 0 || s.Predictor > 4 {
		return nil, fmt.Errorf("%w: predictor is %d, want 1 to 4", ErrParameter, s.Predictor)
	}
	if s.Corrector < 0 || s.Corrector > 4 {
		return nil, fmt.Errorf("%w: corrector is %d, want 0 to 4", ErrParameter, s.Corrector)
	}
	if s.Mode != "" && s.Mode != "pec" && s.Mode != "pece" {
		return nil, fmt.Errorf("%w: mode is %q, want pec or pece", ErrParameter, s.Mode)
	}
	if err := checkTau(s.Tau); err != nil {
		return nil, err
	}
	since := cmp.Or(s.Since, math.Inf(1))
	if !(s.Until >= 0 && s.Until < since) {
		return nil, fmt.Errorf("%w: until is %v, want 0 or more, and less than since", ErrParameter, s.Until)
	}
	kind := s.Info().Kind
	r := exactAdams(Lambda, kind, p.Schedule)
	if s.Simple {
		r = withLine(r, slopeRule(halfOfZ))
	}
	st := &multistep{kind: kind, in: Lambda, predictor: formula{r, max(s.Predictor, 1)}, corrector: formula{r, s.Corrector},
		pece: s.Mode == "pece" && s.Corrector > 0, lowerFinal: s.LowerFinal}
	if s.Tau > 0 {
		st.tau = func(t float64) float64 {
			if t > since || t <= s.Until {
				return 0
			}
			return s.Tau
		}
	}
	return st.bind(p, n)
}
