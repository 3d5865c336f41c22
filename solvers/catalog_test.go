package solvers_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// variants are settings that the catalogue's entries do not show.
var variants = []solvers.Solver{
	solvers.DDIM{Eta: 0.5},
	solvers.DDIM{Eta: 1},
	solvers.HeunAlpha{Alpha: 0.6},
	solvers.KDPM2{R: 0.3},
	solvers.DPMSolver{Order: 2, R1: 0.7},
	solvers.DPMSolver{Order: 2, Data: true, R1: 1, Taylor: true},
	solvers.DPMSolver{Order: 3, R1: 0.5},
	solvers.DPMSolver{Order: 3, R1: 0.45, R2: 0.8},
	solvers.DPMSolver{Order: 3, R1: 0.5, Taylor: true},
	solvers.DPMSolver{Order: 3, Data: true, R2: 0.8, Taylor: true},
	solvers.RES{Order: 2, C2: 0.8, Noise: true},
	solvers.RES{Order: 3, C2: 0.3, C3: 0.8},
	solvers.RES{Order: 3, C3: 0.8, Cubed: true},
	solvers.ExpRK{Tableau: solvers.ETDRK3, Noise: true},
	solvers.ExpRK{Tableau: solvers.ETDRK4, Noise: true},
	solvers.ExpRK{Tableau: solvers.Krogstad, Noise: true},
	solvers.ExpRK{Tableau: solvers.StrehmelWeiner, Noise: true},
	solvers.ExpRK{Tableau: solvers.HochbruckOstermann5, Noise: true},
	solvers.ExpRK{Tableau: solvers.Lawson4, Noise: true},
	solvers.DPMSolverPP2M{Variant: "heun"},
	solvers.ExpAdams{Order: 1, Noise: true},
	solvers.ExpAdams{Order: 2, Noise: true},
	solvers.ExpAdams{Order: 3, Noise: true},
	solvers.ExpAdams{Order: 3, Ramp: true},
	solvers.ExpAdams{Order: 4, Noise: true},
	solvers.ExpAdams{Order: 4, Nodes: "t"},
	solvers.ExpAdams{Order: 4, Nodes: "kappa"},
	solvers.ExpAdams{Order: 6, Noise: true},
	solvers.Adams{Order: 1},
	solvers.Adams{Order: 2, In: solvers.Lambda},
	solvers.Adams{Order: 3, In: solvers.Kappa},
	solvers.Adams{In: solvers.Kappa, Ramp: true},
	solvers.Adams{Order: 1, In: solvers.Kappa, Corrected: true},
	solvers.Adams{Order: 2, In: solvers.Lambda, Corrected: true},
	solvers.Adams{Order: 3, Corrected: true},
	solvers.Adams{In: solvers.Kappa, Corrected: true, Ramp: true},
	solvers.LMS{Order: 3, Starter: true},
	solvers.LMS{Starter: true},
	solvers.DEIS{Starter: true},
	solvers.DEIS{Variant: "rhoab", Order: 2},
	solvers.DEIS{Variant: "logrho", Order: 3, Starter: true},
	solvers.DEIS{Variant: "logrho", Order: 3, LowerFinal: true},
	solvers.IPNDM{Order: 1},
	solvers.IPNDM{Order: 3},
	solvers.IPNDMV{Starter: true},
	solvers.IPNDMV{Order: 3, Published: true},
	solvers.IPNDMV{Published: true},
	solvers.GradientEstimation{Gamma: 1.5},
	solvers.DPMSolver2M{Variant: "heun"},
	solvers.DPMSolver3M{Starter: true},
	solvers.DPMSolver3M{Data: true, Starter: true},
	solvers.DPMSolver3M{Data: true, Halved: true},
	solvers.UniPC{Order: 1},
	solvers.UniPC{Variant: "bh1", Noise: true},
	solvers.UniPC{Variant: "vary", LowerFinal: true},
	solvers.UniPC{Order: 3, Starter: true},
	solvers.UniPC{Order: 4, Starter: true},
	solvers.UniPC{Order: 3, Uncorrected: true},
	solvers.SASolver{},
	solvers.SASolver{Predictor: 2, Corrector: 3},
	solvers.SASolver{Predictor: 3, Corrector: 4, Mode: "pece"},
	solvers.SASolver{Predictor: 3, Corrector: 4, Mode: "pece", Tau: 1},
	solvers.SASolver{Predictor: 2, Corrector: 1, Tau: 0.5, Noise: true},
	solvers.SASolver{Predictor: 3, Tau: 1},
	solvers.SASolver{Predictor: 2, Corrector: 2, Tau: 1, Simple: true},
	solvers.SASolver{Predictor: 3, Corrector: 3, Tau: 1.2, Since: 0.8, Until: 0.2, LowerFinal: true},
	solvers.StochasticRungeKutta{Tableau: sde.StochasticHeun},
	solvers.StochasticRungeKutta{Tableau: sde.SRA1, Tau: 0.5},
	solvers.StochasticRungeKutta{Tableau: sde.SRA3},
	solvers.StochasticRungeKutta{Tableau: sde.ShARK, Tau: 1.5},
	solvers.GDDIM{},
	solvers.GDDIM{Lambda: 0.5},
	solvers.Ancestral{Inner: solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}, Eta: 0.5},
	solvers.Ancestral{Inner: solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}, Eta: 1, Flow: true},
	solvers.Ancestral{Inner: solvers.KDPM2{}},
	solvers.Ancestral{Inner: solvers.KDPM2{}, Eta: 0.5},
	solvers.Ancestral{Inner: solvers.KDPM2{}, Eta: 1, Flow: true},
	solvers.Ancestral{Inner: solvers.DPMSolver{Order: 2, Data: true}, Eta: 0.5, Flow: true},
	solvers.Ancestral{Inner: solvers.DPMSolver{Order: 2, Data: true}},
	solvers.Churn{Inner: solvers.RungeKutta{Tableau: ode.Heun, In: solvers.Kappa}},
	solvers.Churn{Inner: solvers.RungeKutta{Tableau: ode.Heun, In: solvers.Kappa}, SChurn: 10, SNoise: 1.003},
	solvers.PredictorCorrector{Annealed: true, SNR: 0.1, Corrections: 2},
	solvers.SDEDPMSolver{Order: 1},
	solvers.SDEDPMSolver{Order: 2},
	solvers.SDEDPMSolver{Order: 3},
	solvers.SDEDPMSolver{Order: 2, Noise: true},
	solvers.SDEDPMSolver{Order: 1, Tau: 0.5},
	solvers.SDEDPMSolver{Order: 2, Tau: 0.5},
	solvers.SDEDPMSolver{Order: 2, Tau: 1, Variant: "heun"},
	solvers.SDEDPMSolver{Order: 2, Tau: 1.2, Noise: true, Variant: "heun"},
	solvers.SDEDPMSolver{Order: 3, Tau: 0.7},
	solvers.SDEDPMSolver{Order: 3, Tau: 1, Parity: "kdiffusion"},
	solvers.SDEDPMSolver{Order: 3, Tau: 1, Parity: "diffusers"},
	solvers.DPMSolverPPSDE{},
	solvers.DPMSolverPPSDE{Eta: 0.5},
	solvers.DPMSolverPPSDE{Eta: 0.5, Clock: "exact", R: 0.7},
	solvers.DPMSolverPPSDE{Eta: 1, Independent: true},
	solvers.SEEDS{Stages: 2},
	solvers.SEEDS{Stages: 2, Tau: 0.5, R: 1},
	solvers.SEEDS{Stages: 2, Tau: 1, Variant: "phi2", R: 0.7},
	solvers.SEEDS{Stages: 3},
	solvers.SEEDS{Stages: 3, Tau: 0.5},
	solvers.ExpHeunSDE{},
	solvers.ERSDE{Order: 1, Phi: "ode"},
	solvers.ERSDE{Order: 2, Phi: "ode"},
	solvers.ERSDE{Order: 2, Phi: "sde"},
	solvers.ERSDE{Order: 3, Phi: "ode"},
	solvers.ERSDE{Order: 3, Phi: "sde"},
	solvers.ERSDE{Order: 3, Phi: "ode", Published: true},
	solvers.ERSDE{Order: 3, Published: true},
	solvers.EDICT{P: 0.8},
	solvers.BDIA{Gamma: 0.5},
	solvers.TCD{},
	solvers.TCD{Gamma: 1},
}

// entries returns the catalogue and the variants of its entries. Short tests do without the variants.
func entries() []solvers.Solver {
	if testing.Short() {
		return solvers.Catalog()
	}
	return append(solvers.Catalog(), variants...)
}

func TestConformance(t *testing.T) {
	names := map[string]bool{}
	for _, s := range solvers.Catalog() {
		if name := s.Info().Name; names[name] {
			t.Errorf("two solvers of the catalogue are called %q", name)
		} else {
			names[name] = true
		}
	}
	for _, s := range entries() {
		t.Run(solvers.Name(s), func(t *testing.T) { solvertest.Run(t, s) })
	}
}

// twoClouds is a mixture in the plane under a schedule.
func twoClouds(t testing.TB, s sde.Schedule) solvers.Problem {
	t.Helper()
	m, err := scoremodel.NewMixture(s,
		scoremodel.Component{Weight: 0.5, Mean: []float64{-1, 0.5}, Variance: 0.2},
		scoremodel.Component{Weight: 0.5, Mean: []float64{1, 0}, Variance: 0.15})
	if err != nil {
		t.Fatal(err)
	}
	return solvers.Problem{Schedule: s, Model: m, Dim: 2, Noise: sde.Fresh{Seed: 3}}
}

// TestCleanEnd lets every solver run to σ = 0, with few steps too: no infinity or NaN appears, and
// a single step is the model's prediction.
func TestCleanEnd(t *testing.T) {
	t.Parallel()
	vp := sde.VP{}
	p := twoClouds(t, vp)
	for _, s := range append(solvers.Catalog(), variants...) {
		st, err := s.Start(p, 6)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []solvers.Grid{solvers.LambdaGrid{Zero: solvers.Zero{Clean: true}}, solvers.KarrasGrid{Zero: solvers.Zero{Clean: true}}} {
			for steps := 1; steps <= 5; steps++ {
				grid, err := g.Times(vp, steps)
				if err != nil {
					t.Fatal(err)
				}
				x := solvers.Prior(vp, 1, 3, 2)
				want := make([]float64, len(x))
				if err := scoremodel.As(p.Model, scoremodel.Data, vp).Predict(want, x, grid[0]); err != nil {
					t.Fatal(err)
				}
				if _, err := solvers.Sample(context.Background(), s, p, x, &solvers.Settings{Grid: grid}); err != nil {
					t.Errorf("%s, %d steps on %s: %v", solvers.Name(s), steps, solvers.GridName(g), err)
				}
				if _, own := st.(solvers.Finisher); steps == 1 && !own {
					if diff := cmp.Diff(want, x, cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
						t.Errorf("%s: one step to clean data (-want +got):\n%s", solvers.Name(s), diff)
					}
				}
			}
		}
	}
}
