package solvers_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// kdiffusionCase is a run of a sampler of k-diffusion, recorded by bench/peers/goldens.py.
type kdiffusionCase struct {
	Sampler string
	Args    struct {
		Eta        *float64
		SChurn     float64 `json:"s_churn"`
		Order      int
		R          float64
		SolverType string `json:"solver_type"`
	}
	Problem, Grid     string
	Sigmas, X, Result []float64
	Noise             [][]float64
}

// solver returns the solver of the catalogue that the sampler is.
func (c kdiffusionCase) solver() (solvers.Solver, error) {
	eta := 1.0
	if c.Args.Eta != nil {
		eta = *c.Args.Eta
	}
	euler, heun := solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa}, solvers.RungeKutta{Tableau: ode.Heun, In: solvers.Kappa}
	churned := func(inner solvers.Solver) solvers.Solver {
		if c.Args.SChurn == 0 {
			return inner
		}
		return solvers.Churn{Inner: inner, SChurn: c.Args.SChurn}
	}
	switch c.Sampler {
	case "sample_euler":
		return churned(euler), nil
	case "sample_heun":
		return churned(heun), nil
	case "sample_dpm_2":
		return churned(solvers.KDPM2{}), nil
	case "sample_lms":
		return solvers.LMS{Order: c.Args.Order}, nil
	case "sample_euler_ancestral":
		return solvers.Ancestral{Inner: euler, Eta: eta}, nil
	case "sample_dpm_2_ancestral":
		return solvers.Ancestral{Inner: solvers.KDPM2{}, Eta: eta}, nil
	case "sample_dpmpp_2s_ancestral":
		return solvers.Ancestral{Inner: solvers.DPMSolver{Order: 2, Data: true}, Eta: eta}, nil
	case "sample_dpmpp_2m":
		return solvers.DPMSolverPP2M{}, nil
	case "sample_dpmpp_2m_sde":
		return solvers.SDEDPMSolver{Order: 2, Tau: solvers.TauOfSDEEta(eta), Variant: c.Args.SolverType}, nil
	case "sample_dpmpp_3m_sde":
		return solvers.SDEDPMSolver{Order: 3, Tau: solvers.TauOfSDEEta(eta), Parity: "kdiffusion"}, nil
	case "sample_dpmpp_sde":
		// The recorded normals of a step and of its stage are independent.
		return solvers.DPMSolverPPSDE{Eta: eta, R: c.Args.R, Independent: true}, nil
	}
	return nil, fmt.Errorf("no solver is known for %s", c.Sampler)
}

func kdiffusionProblem(t *testing.T, name string, s sde.Schedule) solvers.Problem {
	t.Helper()
	component := func(weight, x, y, xx, xy, yy float64) scoremodel.Component {
		return scoremodel.Component{Weight: weight, Mean: []float64{x, y}, Covariance: mat.NewSymDense(2, []float64{xx, xy, xy, yy})}
	}
	switch name {
	case "gaussian":
		m, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{0.7}, Variance: 0.25})
		if err != nil {
			t.Fatal(err)
		}
		return solvers.Problem{Schedule: s, Model: m, Dim: 1}
	case "mixture2d":
		m, err := scoremodel.NewMixture(s,
			component(0.30, -1.5, 0.2, 0.12, 0.05, 0.06),
			component(0.25, 1.2, 1.0, 0.10, -0.06, 0.10),
			component(0.20, 0.3, -1.4, 0.20, 0.00, 0.05),
			component(0.15, 1.9, -0.8, 0.05, 0.02, 0.09),
			component(0.10, -0.4, 1.8, 0.08, 0.04, 0.08))
		if err != nil {
			t.Fatal(err)
		}
		return solvers.Problem{Schedule: s, Model: m, Dim: 2}
	}
	t.Fatalf("unknown problem %s", name)
	panic("unreachable")
}

// TestKDiffusion repeats recorded runs of k-diffusion, with their noise, to 1e-9.
func TestKDiffusion(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "kdiffusion.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Source, Command string
		Cases           []kdiffusionCase
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) == 0 || golden.Source == "" || golden.Command == "" {
		t.Fatal("an empty golden")
	}
	for _, c := range golden.Cases {
		args, err := json.Marshal(c.Args)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%s,%s,%s,%d,%s", c.Sampler, c.Problem, c.Grid, len(c.Sigmas)-1, args), func(t *testing.T) {
			s, err := c.solver()
			if err != nil {
				t.Fatal(err)
			}
			last := len(c.Sigmas) - 1
			lowest := c.Sigmas[last]
			if lowest == 0 {
				lowest = c.Sigmas[last-1]
			}
			// Churn goes above the first sigma.
			p := kdiffusionProblem(t, c.Problem, sde.EDM{SigmaMin: lowest, SigmaMax: 2 * c.Sigmas[0]})
			p.Noise = sde.Replay{Draws: c.Noise}
			x := append([]float64(nil), c.X...)
			if _, err := solvers.Sample(t.Context(), s, p, x, &solvers.Settings{Grid: c.Sigmas}); err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i, v := range c.Result {
				worst = math.Max(worst, math.Abs(x[i]-v))
			}
			if !(worst <= 1e-9) {
				t.Errorf("%s differs by %.2g: got %v, want %v", solvers.Name(s), worst, x, c.Result)
			}
		})
	}
}
