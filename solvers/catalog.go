package solvers

import (
	"slices"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// Catalog returns every solver of this package, in the paper's settings.
func Catalog() []Solver { return slices.Clone(catalog) }

// classical returns every tableau of package ode in every variable.
func classical() []Solver {
	var out []Solver
	for _, in := range []Variable{Time, Kappa, Lambda} {
		for _, tab := range ode.Tableaus() {
			out = append(out, RungeKutta{Tableau: tab, In: in})
		}
	}
	return out
}

var catalog = append(classical(), []Solver{
	HeunAlpha{},
	DDIM{},
	DPMSolver{Order: 1},
	DPMSolver{Order: 2},
	DPMSolver{Order: 3},
	DPMSolver{Order: 2, Data: true},
	DPMSolver{Order: 3, Data: true},
	KDPM2{},
	RES{Order: 2},
	RES{Order: 3},
	ExpRK{Tableau: ExpHeun},
	ExpRK{Tableau: ETDRK2},
	ExpRK{Tableau: ETDRK3},
	ExpRK{Tableau: ETDRK4},
	ExpRK{Tableau: Krogstad},
	ExpRK{Tableau: Krogstad43},
	ExpRK{Tableau: StrehmelWeiner},
	ExpRK{Tableau: HochbruckOstermann5},
	ExpRK{Tableau: Lawson2},
	ExpRK{Tableau: Lawson4},
	ExpRK{Tableau: Lawson5},
	DPMSolverPP2M{},
	ExpAdams{Order: 1},
	ExpAdams{Order: 2},
	ExpAdams{Order: 3},
	ExpAdams{Order: 4},
	ExpAdams{Order: 5},
	ExpAdams{Order: 6},
	LMS{},
	Adams{},
	Adams{In: Kappa},
	Adams{In: Lambda},
	Adams{Corrected: true},
	Adams{In: Kappa, Corrected: true},
	Adams{In: Lambda, Corrected: true},
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
	StochasticRungeKutta{Tableau: sde.StochasticHeun, Tau: 1},
	StochasticRungeKutta{Tableau: sde.SEA, Tau: 1},
	StochasticRungeKutta{Tableau: sde.SRA1, Tau: 1},
	StochasticRungeKutta{Tableau: sde.SRA2, Tau: 1},
	StochasticRungeKutta{Tableau: sde.SRA3, Tau: 1},
	StochasticRungeKutta{Tableau: sde.ShARK, Tau: 1},
	ReverseDiffusion{},
	PredictorCorrector{},
	PredictorCorrector{Annealed: true},
	GDDIM{Lambda: 1},
	Ancestral{Inner: RungeKutta{Tableau: ode.Euler, In: Kappa}, Eta: 1},
	Ancestral{Inner: KDPM2{}, Eta: 1},
	Ancestral{Inner: DPMSolver{Order: 2, Data: true}, Eta: 1},
	Churn{Inner: RungeKutta{Tableau: ode.Heun, In: Kappa}, SChurn: 40, SMin: 0.05, SMax: 50},
	Restart{Inner: RungeKutta{Tableau: ode.Heun, In: Kappa}},
	SDEDPMSolver{Order: 1, Tau: 1},
	SDEDPMSolver{Order: 2, Tau: 1},
	SDEDPMSolver{Order: 3, Tau: 1},
	SDEDPMSolver{Order: 1, Noise: true, Tau: 1},
	SDEDPMSolver{Order: 2, Noise: true, Tau: 1},
	DPMSolverPPSDE{Eta: 1},
	SEEDS{Stages: 1, Tau: 1},
	SEEDS{Stages: 2, Tau: 1},
	SEEDS{Stages: 3, Tau: 1},
	ExpHeunSDE{Tau: 1},
	ERSDE{Order: 1},
	ERSDE{Order: 2},
	ERSDE{Order: 3},
	CFGPP{Of: DDIM{}},
	CFGPP{Of: DPMSolverPP2M{}},
	EDICT{},
	BDIA{},
	LCM{},
	TCD{Gamma: 0.3},
	Consistency{},
	TrigFlow{},
}...)
