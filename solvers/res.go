package solvers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// RES is the single-step method of the refined exponential solver [zhang2023res], of
// order 2 or 3 when stiff too: the two- and three-stage families of [hochbruck2005, section 5] on the probability flow.
// The zero value is of order 2 in data prediction with a stage in the middle.
//
// Both orders hold for all nodes. The third-order family has
//
//	γ = (3c₃² - 2c₃)/(c₂(2 - 3c₂)),
//
// which is infinite at c₂ = 2/3 and leaves no weight at c₂ = c₃. Some toolkits have c₃³ for c₃²,
// which is of order 2 unless c₃ = 1: Cubed repeats that. At c₃ = 2/3 γ is 0 and the method is DPM-Solver-3.
//
// References:
//
//	[zhang2023res], [hochbruck2005]
type RES struct {
	Order int     // 2 or 3; 0 means 2
	C2    float64 `param:"c2" default:"0.5" about:"the second stage, a fraction in (0, 1]"`
	C3    float64 `param:"c3" default:"1" about:"of order 3, the third stage, a fraction in (0, 1]"`
	Cubed bool    `param:"cubed" about:"of order 3, the third power of c3 in gamma as in some toolkits; order 2 unless c3 is 1"`
	Noise bool    `param:"noise" about:"predict noise instead of data"`
}

// nodes returns the parameters with the defaults filled in.
func (s RES) nodes() (order int, c2, c3 float64) {
	return cmp.Or(s.Order, 2), cmp.Or(s.C2, 0.5), cmp.Or(s.C3, 1)
}

// Info implements Solver.
func (s RES) Info() Info {
	i := s.Tableau().info(scoremodel.Data)
	if s.Noise {
		i.Kind = scoremodel.Epsilon
	}
	return i
}

// Start implements Solver.
func (s RES) Start(p Problem, n int) (ode.Stepper, error) {
	order, c2, c3 := s.nodes()
	if order != 2 && order != 3 {
		return nil, fmt.Errorf("%w: the order is %d, want 2 or 3", ErrParameter, s.Order)
	}
	if err := fraction("c2", c2); err != nil {
		return nil, err
	}
	if order == 2 {
		if s.C3 != 0 || s.Cubed {
			return nil, fmt.Errorf("%w: c3 and cubed belong to order 3", ErrParameter)
		}
		return s.Tableau().start(p, s.Info().Kind, 0, n)
	}
	if err := fraction("c3", c3); err != nil {
		return nil, err
	}
	if tab := s.Tableau(); c2 == c3 || math.Abs(c2-2./3) < 1e-6 {
		return nil, fmt.Errorf("%w: c2 is %v and c3 is %v, want c2 neither c3 nor 2/3, where %s has no weights", ErrParameter, c2, c3, tab.Name)
	}
	return s.Tableau().start(p, s.Info().Kind, 0, n)
}

// Tableau returns the method as an exponential Runge–Kutta method. It means nothing where Start refuses the parameters.
func (s RES) Tableau() ExpTableau {
	order, c2, c3 := s.nodes()
	if order == 3 {
		square := c3 * c3
		if s.Cubed {
			square *= c3
		}
		tab := res3(c2, c3, (3*square-2*c3)/(c2*(2-3*c2)))
		if s.Cubed && c3 != 1 { // a second row of order 2 would say nothing
			tab = tab.embed(1, nil, nil)
			tab.Order = 2
		}
		return tab
	}
	return res2(c2)
}

// res2 puts a line through the predictions at the start and at c₂. The embedded method is DDIM.
func res2(c2 float64) ExpTableau {
	return etd(ExpTableau{Name: "res2s", About: "the refined exponential solver of order 2, single-step", Order: 2, Ref: "zhang2023res",
		Nodes: []float64{0, c2}},
		[][]Phi{{{1 / c2, 2, 1}}}).
		embed(1, nil)
}

// res3 is the family of [hochbruck2005, section 5]: the weights are φ₂ shared as γ to 1, and the third stage is such that the errors of
// the stages cancel in them. The embedded method is res2.
func res3(c2, c3, gamma float64) ExpTableau {
	return etd(ExpTableau{Name: "res3s", About: "the refined exponential solver of order 3, single-step", Order: 3, Ref: "zhang2023res",
		Nodes: []float64{0, c2, c3}},
		[][]Phi{{{gamma * c2, 2, c2}, {c3 * c3 / c2, 2, c3}}},
		[][]Phi{{{gamma / (gamma*c2 + c3), 2, 1}}, {{1 / (gamma*c2 + c3), 2, 1}}}).
		embed(2, []Phi{{1 / c2, 2, 1}}, nil)
}

// fraction returns an error unless v is in (0, 1].
func fraction(name string, v float64) error {
	if !(v > 0 && v <= 1) {
		return fmt.Errorf("%w: %s is %v, want more than 0 and at most 1", ErrParameter, name, v)
	}
	return nil
}
