package solvers

import (
	"slices"

	"github.com/diffsolve/diffsolve/ode"
)

// Catalog returns every solver of this package, in the paper's settings.
func Catalog() []Solver { return slices.Clone(catalog) }

var catalog = []Solver{
	RungeKutta{Tableau: ode.Euler},
	RungeKutta{Tableau: ode.Midpoint},
	RungeKutta{Tableau: ode.Heun},
	RungeKutta{Tableau: ode.RK4},
	RungeKutta{Tableau: ode.DP5},
	RungeKutta{Tableau: ode.Euler, In: Kappa},
	RungeKutta{Tableau: ode.Midpoint, In: Kappa},
	RungeKutta{Tableau: ode.Heun, In: Kappa},
	RungeKutta{Tableau: ode.RK4, In: Kappa},
	RungeKutta{Tableau: ode.DP5, In: Kappa},
	RungeKutta{Tableau: ode.Euler, In: Lambda},
	RungeKutta{Tableau: ode.Midpoint, In: Lambda},
	RungeKutta{Tableau: ode.Heun, In: Lambda},
	RungeKutta{Tableau: ode.RK4, In: Lambda},
	RungeKutta{Tableau: ode.DP5, In: Lambda},
	DDIM{},
	DPMSolver{Order: 1},
	DPMSolver{Order: 2},
	DPMSolver{Order: 3},
	DPMSolver{Order: 2, Data: true},
	DPMSolver{Order: 3, Data: true},
	DPMSolverPP2M{},
	ExpAdams{Order: 1},
	ExpAdams{Order: 2},
	ExpAdams{Order: 3},
	ExpAdams{Order: 4},
	ExpAdams{Order: 5},
	ExpAdams{Order: 6},
	LMS{},
	PLMS{},
	PNDM{},
	IPNDM{},
	IPNDMV{},
	DEIS{},
	GradientEstimation{},
	DPMSolver2M{},
	DPMSolver3M{},
	DPMSolver3M{Data: true},
	RESMultistep{Order: 2},
	RESMultistep{Order: 3},
	UniPC{},
	SASolver{Predictor: 3, Corrector: 4, Tau: 1},
	DDPM{},
	DDPM{Large: true},
	EulerMaruyama{},
}
