package solvers_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// TestCFGPPWithoutGuidance compares bits: a model that is not guided must leave the solver inside as it is.
func TestCFGPPWithoutGuidance(t *testing.T) {
	for _, of := range []solvers.Solver{
		solvers.DDIM{}, solvers.DDIM{Eta: 0.5}, solvers.DPMSolverPP2M{}, solvers.DPMSolver{Order: 3}, solvers.RungeKutta{Tableau: ode.Euler, In: solvers.Kappa},
	} {
		if d := between(t, solvers.CFGPP{Of: of}, of, rough); d != 0 {
			t.Errorf("CFG++ around %s differs from it by %v on a plain model", solvers.Name(of), d)
		}
	}
}

// TestCFGPPConformance runs the suite around a stochastic solver and one with stages, which the catalogue does not.
func TestCFGPPConformance(t *testing.T) {
	for _, of := range []solvers.Solver{solvers.DDIM{Eta: 1}, solvers.DPMSolver{Order: 3}, solvers.RungeKutta{Tableau: ode.Heun}} {
		s := solvers.CFGPP{Of: of}
		t.Run(s.Info().Name, func(t *testing.T) { solvertest.Run(t, s) })
	}
}

// pairModel is guided, with predictions of noise that are affine in the state.
type pairModel struct{}

func (pairModel) Kind() scoremodel.Kind { return scoremodel.Epsilon }

func (m pairModel) Predict(dst, x []float64, t float64) error {
	return m.PredictBoth(dst, make([]float64, len(x)), x, t)
}

func (pairModel) PredictBoth(dst, plain, x []float64, t float64) error {
	for i, v := range x {
		dst[i], plain[i] = 0.5*v+t, 0.3*v-0.2*t
	}
	return nil
}

// TestCFGPPFormulas walks three steps of the paper's formulas, written down as they are printed.
func TestCFGPPFormulas(t *testing.T) {
	vp := sde.VP{}
	grid := []float64{0.9, 0.6, 0.4, 0.1}
	predictions := func(x, at float64) (p sde.Point, x0Guided, x0Plain, epsPlain float64) {
		var guided, plain [1]float64
		if err := (pairModel{}).PredictBoth(guided[:], plain[:], []float64{x}, at); err != nil {
			t.Fatal(err)
		}
		p = vp.At(at)
		return p, (x - p.Sigma*guided[0]) / p.Alpha, (x - p.Sigma*plain[0]) / p.Alpha, plain[0]
	}
	ddim, twoM := 1.3, 1.3
	var before, lambda float64
	for i := range len(grid) - 1 {
		to := vp.At(grid[i+1])
		_, guided, _, eps := predictions(ddim, grid[i])
		ddim = to.Alpha*guided + to.Sigma*eps

		from, guided, plain, _ := predictions(twoM, grid[i])
		h := to.Lambda() - from.Lambda()
		line := plain
		if i > 0 {
			line += (plain - before) * h / (2 * (from.Lambda() - lambda))
		}
		twoM = to.Sigma/from.Sigma*twoM + to.Alpha*(guided-math.Exp(-h)*plain+(1-math.Exp(-h))*(line-plain))
		before, lambda = plain, from.Lambda()
	}
	for _, test := range []struct {
		s    solvers.Solver
		want float64
	}{{solvers.CFGPP{}, ddim}, {solvers.CFGPP{Of: solvers.DPMSolverPP2M{}}, twoM}} {
		x := []float64{1.3}
		res, err := solvers.Sample(context.Background(), test.s, solvers.Problem{Schedule: vp, Model: pairModel{}, Dim: 1}, x, &solvers.Settings{Grid: grid})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]float64{test.want}, x, cmpopts.EquateApprox(1e-13, 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", solvers.Name(test.s), diff)
		}
		if res.NFE != 3 {
			t.Errorf("%s: 3 steps take %d evaluations, want 3", solvers.Name(test.s), res.NFE)
		}
	}
}

// TestCFGPPCleanEnd ends on the guided clean sample.
func TestCFGPPCleanEnd(t *testing.T) {
	x, want := []float64{1.3}, []float64{1.3}
	if err := scoremodel.As(pairModel{}, scoremodel.Data, sde.VP{}).Predict(want, x, 0.5); err != nil {
		t.Fatal(err)
	}
	p := solvers.Problem{Schedule: sde.VP{}, Model: pairModel{}, Dim: 1}
	if _, err := solvers.Sample(context.Background(), solvers.CFGPP{}, p, x, &solvers.Settings{Grid: []float64{0.5, 0}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(want, x) {
		t.Errorf("one step to clean data gives %v, want the guided prediction %v", x, want)
	}
}

// ending is a method that evaluates the model at the end of its step alone.
type ending struct{ solvers.DDIM }

func (ending) Start(p solvers.Problem, n int) (ode.Stepper, error) {
	return endStepper{p.Model}, nil
}

type endStepper struct{ m scoremodel.Model }

func (s endStepper) Step(dst, src []float64, at ode.Span) error {
	return s.m.Predict(dst, slices.Clone(src), at.To)
}

func TestCFGPPNeedsTheStart(t *testing.T) {
	p := solvers.Problem{Schedule: sde.VP{}, Model: pairModel{}, Dim: 1}
	_, err := solvers.Sample(context.Background(), solvers.CFGPP{Of: ending{}}, p, []float64{1}, nil)
	if err == nil || !strings.Contains(err.Error(), "where its steps start") {
		t.Errorf("around a method that never looks at the start of a step, Sample returns %v", err)
	}
}

// CFG++ needs the guided and the unconditional prediction, and takes them from a guided model.
func ExampleCFGPP() {
	vp := sde.VP{}
	left := scoremodel.Component{Weight: 0.5, Mean: []float64{-1}, Variance: 0.1}
	right := scoremodel.Component{Weight: 0.5, Mean: []float64{1}, Variance: 0.1}
	conditional, err := scoremodel.NewGaussian(vp, left)
	if err != nil {
		log.Fatal(err)
	}
	unconditional, err := scoremodel.NewMixture(vp, left, right)
	if err != nil {
		log.Fatal(err)
	}
	guided, err := scoremodel.CFG{Scale: 0.6}.Guide(conditional, unconditional, 1, vp)
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{0.4, -0.4, 1.5}
	p := solvers.Problem{Schedule: vp, Model: guided, Dim: 1}
	if _, err := solvers.Sample(context.Background(), solvers.CFGPP{Of: solvers.DPMSolverPP2M{}}, p, x, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f\n", x)
	// Output: [-1.18 -1.33 -1.04]
}
