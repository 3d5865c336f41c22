package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// DPMSolver is the single-step DPM-Solver of order 1, 2 or 3 [lu2022dpm, algorithms 1 and
// 2 and equation 3.7], or with Data its counterpart in data prediction, DPM-Solver++ S
// [lu2022dpmpp, appendix A]. The zero value is of order 1.
//
// The stages lie at the fractions R1 and R2 of the step in λ: they are not nodes of the grid. Unless R2 = 2/3 the
// third-order formula is of order 2, whatever R1 is and in either form: its last stage is accurate to h² only, which two
// weights can make up for in one place.
//
// With error control these are the pairs DPM-Solver-12 and DPM-Solver-23 [lu2022dpm, appendix on the adaptive step size]: the embedded method of
// order 2 is DDIM, and that of order 3 DPM-Solver-2 on its first two stages. DPMSolverControl is the paper's step rule.
//
// Taylor puts the exact integral of a polynomial where the papers' formula simplifies: of order 2, φ₂/r₁ for φ₁/2r₁; of order
// 3, the parabola through all three predictions for a line.
//
// References:
//
//	[lu2022dpm], [lu2022dpmpp]
type DPMSolver struct {
	Order  int     // 1 to 3; 0 means 1
	Data   bool    // predict data instead of noise
	R1     float64 `param:"r1" about:"the second stage, a fraction of the step in (0, 1]; 0 is the paper's 1/2 of order 2 and 1/3 of order 3"`
	R2     float64 `param:"r2" about:"of order 3, the third stage, beyond r1; 0 is the paper's 2/3, without which the order is 2"`
	Taylor bool    `param:"taylor" about:"integrate the polynomial through all predictions exactly"`
}

// stages returns the parameters with the defaults filled in.
func (s DPMSolver) stages() (order int, r1, r2 float64) {
	order = cmp.Or(s.Order, 1)
	if order == 3 {
		return order, cmp.Or(s.R1, 1./3), cmp.Or(s.R2, 2./3)
	}
	return order, cmp.Or(s.R1, 1./2), 0
}

// Info implements Solver.
func (s DPMSolver) Info() Info {
	order, _, r2 := s.stages()
	i := Info{Name: fmt.Sprintf("dpm%d", order), About: fmt.Sprintf("DPM-Solver-%d, single-step, in noise prediction", order),
		Order: order, NFE: order, Adaptive: order > 1,
		Kind: scoremodel.Epsilon, Ref: "lu2022dpm"}
	if s.Data {
		i.Name, i.About = fmt.Sprintf("dpm++%ds", order), fmt.Sprintf("DPM-Solver++ of order %d, single-step, in data prediction", order)
		i.Kind, i.Ref = scoremodel.Data, "lu2022dpmpp"
	}
	// As written out, 2/3 has ten digits or more.
	if order == 3 && math.Abs(r2-2./3) > 1e-9 {
		i.Order = 2
	}
	return i
}

// Start implements Solver.
func (s DPMSolver) Start(p Problem, n int) (ode.Stepper, error) {
	order, r1, r2 := s.stages()
	switch {
	case order < 1 || order > 3:
		return nil, fmt.Errorf("%w: the order is %d, want 1 to 3", ErrParameter, s.Order)
	case order < 2 && (s.R1 != 0 || s.Taylor):
		return nil, fmt.Errorf("%w: r1 and taylor belong to orders 2 and 3, the order is 1", ErrParameter)
	case order < 3 && s.R2 != 0:
		return nil, fmt.Errorf("%w: r2 belongs to order 3, the order is %d", ErrParameter, order)
	}
	if err := fraction("r1", r1); err != nil {
		return nil, err
	}
	if order == 3 && !(r2 > r1 && r2 <= 1) {
		return nil, fmt.Errorf("%w: r2 is %v, want more than r1, which is %v, and at most 1", ErrParameter, r2, r1)
	}
	return s.Tableau().start(p, s.Info().Kind, 0, n)
}

// Tableau returns the method as an exponential Runge–Kutta method. It means nothing where Start refuses the parameters.
func (s DPMSolver) Tableau() ExpTableau {
	order, r1, r2 := s.stages()
	switch {
	case order == 1:
		return etd(ExpTableau{Nodes: []float64{0}})
	case order == 2 && s.Taylor:
		return res2(r1)
	case order == 2:
		return etd(ExpTableau{Nodes: []float64{0, r1}}, [][]Phi{{{1 / (2 * r1), 1, 1}}}).embed(1, nil)
	}
	low := []Phi{{1 / (2 * r1), 1, 1}}
	// At the second stage the prediction is linear through m and m₁, at the end through m and m₂.
	stage, end := [][]Phi{{{r2 * r2 / r1, 2, r2}}}, [][]Phi{nil, {{1 / r2, 2, 1}}}
	if s.Taylor {
		// The parabola through all three, by its divided differences.
		d1, d2 := r1*(r2-r1), r2*(r2-r1)
		end = [][]Phi{{{r2 / d1, 2, 1}, {-2 / d1, 3, 1}}, {{-r1 / d2, 2, 1}, {2 / d2, 3, 1}}}
		low = []Phi{{1 / r1, 2, 1}}
	}
	tab := etd(ExpTableau{Nodes: []float64{0, r1, r2}}, stage, end)
	if s.Info().Order == 2 { // a second row of order 2 would say nothing
		return tab.embed(1, nil, nil)
	}
	return tab.embed(2, low, nil)
}

// KDPM2 is the DPM2 of k-diffusion: the midpoint rule in κ with the geometric mean, R the exponent of the
// step's end, in place of the midpoint. A geometric mean in κ is an arithmetic one in λ, Euler's method in κ is exact
// integration of the linear part with a frozen prediction, and so this is DPM-Solver-2.
//
// References:
//
//	[karras2022edm], [lu2022dpm]
type KDPM2 struct {
	R float64 `param:"r" default:"0.5" about:"the stage, the exponent of the end in the geometric mean, in (0, 1]"`
}

func (s KDPM2) solver() DPMSolver { return DPMSolver{Order: 2, R1: cmp.Or(s.R, 0.5)} }

// Info implements Solver.
func (s KDPM2) Info() Info {
	i := s.solver().Info()
	i.Name, i.About = "kdpm2", "DPM2 of k-diffusion, the midpoint rule in kappa with a geometric midpoint"
	return i
}

// Start implements Solver.
func (s KDPM2) Start(p Problem, n int) (ode.Stepper, error) {
	if err := fraction("r", cmp.Or(s.R, 0.5)); err != nil {
		return nil, err
	}
	return s.solver().Start(p, n)
}
