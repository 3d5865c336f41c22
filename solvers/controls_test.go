package solvers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// adaptiveCase is a run of an adaptive sampler of another toolkit, recorded by bench/peers/goldens.py.
type adaptiveCase struct {
	Sampler, Problem        string
	Order                   int
	RTol, ATol              float64
	From, To                float64
	X                       []float64
	Accepted, Rejected, NFE int
	Cut                     int       // rejected steps that ended at the end of the run
	Result, Shipped         []float64 // of k-diffusion, without and with the 1e-8 that it adds to every error
}

func adaptiveCases(t *testing.T) []adaptiveCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "adaptive.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Source, Command string
		Cases           []adaptiveCase
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) == 0 || golden.Source == "" || golden.Command == "" {
		t.Fatal("an empty golden")
	}
	return golden.Cases
}

// digits10 is the mixture around the first ten digits.
func digits10(t *testing.T, s sde.Schedule) solvers.Problem {
	t.Helper()
	images, _ := scoremodel.Digits()
	m, err := scoremodel.NewDataset(s, images[:10*64], 64, 0.15)
	if err != nil {
		t.Fatal(err)
	}
	return solvers.Problem{Schedule: s, Model: m, Dim: 64}
}

// run repeats a case under its step rule, changed by mutate.
func (c adaptiveCase) run(t *testing.T, mutate func(*ode.Control)) (solvers.Result, []float64) {
	t.Helper()
	var s solvers.Solver = solvers.DPMSolver{Order: c.Order}
	control, schedule := solvers.KDiffusionControl(), sde.Schedule(sde.EDM{SigmaMin: c.To, SigmaMax: c.From})
	if c.Sampler == "RK45" {
		s, control, schedule = solvers.RungeKutta{Tableau: ode.DP5}, solvers.RK45Control(), sde.VP{}
	}
	control.Rel, control.Abs = c.RTol, c.ATol
	mutate(&control)
	var p solvers.Problem
	if c.Problem == "digits10" {
		p = digits10(t, schedule)
	} else {
		p = kdiffusionProblem(t, c.Problem, schedule)
	}
	x := slices.Clone(c.X)
	res, err := solvers.Sample(t.Context(), s, p, x, &solvers.Settings{Grid: []float64{c.From, c.To}, Control: &control})
	if err != nil {
		t.Fatal(err)
	}
	return res, x
}

// Adaptive runs of k-diffusion and of SciPy are repeated step by step: as many steps accepted and rejected, the evaluations that
// follow, and the same result. A case with a rejected last step is left out: k-diffusion shortens it from the length that
// it was cut from and may be rejected for the same step again.
func TestPeersAdaptive(t *testing.T) {
	whole := 0
	for _, c := range adaptiveCases(t) {
		if c.Cut > 0 {
			continue
		}
		whole++
		t.Run(fmt.Sprintf("%s,%s,%d,%g", c.Sampler, c.Problem, c.Order, c.RTol), func(t *testing.T) {
			res, x := c.run(t, func(*ode.Control) {})
			if res.Steps != c.Accepted || res.Rejected != c.Rejected {
				t.Errorf("%d steps and %d rejected, want %d and %d", res.Steps, res.Rejected, c.Accepted, c.Rejected)
			}
			// k-diffusion evaluates the model at the start of a rejected step again. Of the two evaluations for the length of the
			// first step, SciPy starts with one.
			nfe := c.NFE - c.Rejected
			if c.Sampler == "RK45" {
				nfe = c.NFE + 1
			}
			if res.NFE != nfe {
				t.Errorf("%d evaluations, want %d", res.NFE, nfe)
			}
			if worst := largestDifference(x, c.Result); !(worst <= 1e-9) {
				t.Errorf("the result differs by %.2g", worst)
			}
			// The guard of k-diffusion moves its steps, and so its errors, by much less than the tolerance.
			if worst := largestDifference(c.Shipped, c.Result[:len(c.Shipped)]); !(worst <= 0.05*c.RTol) {
				t.Errorf("as shipped the result differs by %.2g", worst)
			}
		})
	}
	if whole < 25 {
		t.Errorf("%d cases without a rejected last step, want at least 25", whole)
	}
}

func largestDifference(a, b []float64) float64 {
	worst := 0.0
	for i, v := range b {
		worst = math.Max(worst, math.Abs(a[i]-v))
	}
	return worst
}

// Every part of a step rule shows in the steps: without it most runs take others.
func TestPeersAdaptiveMutants(t *testing.T) {
	for name, mutate := range map[string]func(*ode.Control){
		"the norm Sum":          func(c *ode.Control) { c.Norm = ode.Sum },
		"no limiter":            func(c *ode.Control) { c.Controller.Smooth = false },
		"proportional-integral": func(c *ode.Control) { c.Controller.Gains = [3]float64{0.7, -0.4} },
	} {
		same, all := 0, 0
		for _, c := range adaptiveCases(t) {
			if c.Cut > 0 || c.Sampler == "RK45" {
				continue
			}
			_, x := c.run(t, mutate)
			if all++; largestDifference(x, c.Result) <= 1e-9 {
				same++
			}
		}
		if same > 0 {
			t.Errorf("%s: %d of %d runs of k-diffusion come out the same", name, same, all)
		}
	}
}

// The step rules have names, the first of which is that of package ode.
func TestStepRule(t *testing.T) {
	want := map[string]ode.Control{"default": {}, "dpmsolver": solvers.DPMSolverControl(), "kdiffusion": solvers.KDiffusionControl(), "rk45": solvers.RK45Control()}
	for i, name := range solvers.StepRules() {
		got, err := solvers.StepRule(name)
		if err != nil || got != want[name] || got.Check() != nil || (i == 0) != (got == ode.Control{}) {
			t.Errorf("StepRule(%q) = %+v, %v, want %+v", name, got, err, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("StepRules leaves out %v", want)
	}
	if _, err := solvers.StepRule("pid"); !errors.Is(err, solvers.ErrUnknown) {
		t.Errorf("StepRule(pid): error %v, want %v", err, solvers.ErrUnknown)
	}
}
