package scheduler_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/bench/scheduler"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// golden is a file of testdata: what a class returns (see bench/peers/goldens.py).
type golden struct {
	Source, Command string
	Cases           []goldenCase
}

type goldenCase struct {
	Config            json.RawMessage
	Steps             int
	Problem           string
	Precision         string
	Args              map[string]any
	Timesteps, Sigmas []float64
	X                 []float64
	Noise             [][]float64
	Result            []float64 // nil if it is not finite
	Error             string    // of the class
}

func (c goldenCase) String() string {
	var config map[string]any
	if err := json.Unmarshal(c.Config, &config); err != nil {
		return err.Error()
	}
	delete(config, "_class_name")
	text, err := json.Marshal(config)
	if err != nil {
		return err.Error()
	}
	name := fmt.Sprintf("%s,%d,%s,%s", c.Problem, c.Steps, c.Precision, text)
	if len(c.Args) > 0 {
		name += fmt.Sprint(",", c.Args)
	}
	return name
}

// problems returns the problems of the goldens under a schedule.
func problems(t *testing.T, s sde.Schedule) map[string]solvers.Problem {
	t.Helper()
	component := func(weight, x, y, xx, xy, yy float64) scoremodel.Component {
		return scoremodel.Component{Weight: weight, Mean: []float64{x, y}, Covariance: mat.NewSymDense(2, []float64{xx, xy, xy, yy})}
	}
	mixture, err := scoremodel.NewMixture(s,
		component(0.30, -1.5, 0.2, 0.12, 0.05, 0.06),
		component(0.25, 1.2, 1.0, 0.10, -0.06, 0.10),
		component(0.20, 0.3, -1.4, 0.20, 0.00, 0.05),
		component(0.15, 1.9, -0.8, 0.05, 0.02, 0.09),
		component(0.10, -0.4, 1.8, 0.08, 0.04, 0.08))
	if err != nil {
		t.Fatal(err)
	}
	gaussian, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{0.7}, Variance: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	images, _ := scoremodel.Digits()
	const pixels = scoremodel.DigitSide * scoremodel.DigitSide
	ten, err := scoremodel.NewDataset(s, images[:10*pixels], pixels, 0.15)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]solvers.Problem{
		"gaussian":  {Schedule: s, Model: gaussian, Dim: 1},
		"mixture2d": {Schedule: s, Model: mixture, Dim: 2},
		"digits10":  {Schedule: s, Model: ten, Dim: pixels},
	}
}

// TestGoldens runs every recorded case of every class. Tables agree to 1e-6 and samples to 1e-9 of the largest, or, where the
// class computed in float32, to 1e-4.
func TestGoldens(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	diffusion, flow := problems(t, sde.VP{}), problems(t, sde.Flow{})
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(text, &g); err != nil {
				t.Fatal(err)
			}
			set := diffusion
			if strings.HasPrefix(name, "flow") {
				set = flow
			}
			if len(g.Cases) == 0 || g.Source == "" || g.Command == "" {
				t.Fatal("an empty golden")
			}
			for _, c := range g.Cases {
				t.Run(c.String(), func(t *testing.T) { c.check(t, set[c.Problem]) })
			}
		})
	}
}

func (c goldenCase) check(t *testing.T, p solvers.Problem) {
	got, r, err := c.run(t, p)
	if c.Error != "" || c.Result == nil {
		if err == nil {
			t.Errorf("it returned %v, but the class does not: %q", got, c.Error)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	tolerance, table := 1e-9, 1e-6
	if c.Precision == "float32" {
		tolerance, table = 1e-4, 1e-4
	}
	if diff := cmp.Diff(c.Timesteps, r.Timesteps, cmpopts.EquateApprox(table, table)); diff != "" {
		t.Errorf("timesteps (-class +run):\n%s", diff)
	}
	if c.Sigmas != nil && r.Sigmas != nil {
		if diff := cmp.Diff(c.Sigmas, r.Sigmas, cmpopts.EquateApprox(table, 1e-9)); diff != "" {
			t.Errorf("sigmas (-class +run):\n%s", diff)
		}
	}
	largest, worst := 0.0, 0.0
	for i, v := range c.Result {
		largest = math.Max(largest, math.Abs(v))
		worst = math.Max(worst, math.Abs(v-got[i]))
	}
	if !(worst <= tolerance*math.Max(largest, 1)) {
		t.Errorf("the sample differs by %.2g (largest value %.2g): got %v, want %v", worst, largest, got[:min(4, len(got))], c.Result[:min(4, len(got))])
	}
}

// run loads the case's config and samples with it.
func (c goldenCase) run(t *testing.T, p solvers.Problem) ([]float64, *scheduler.Run, error) {
	t.Helper()
	config, err := scheduler.Read("config", c.Config)
	if err != nil {
		return nil, nil, err
	}
	args := map[string]string{}
	for k, v := range c.Args {
		args[k] = fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			args[k] = strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	p.Noise = sde.Replay{Draws: c.Noise}
	r, err := config.Run(p, c.Steps, args)
	if err != nil {
		return nil, nil, err
	}
	x := append([]float64(nil), c.X...)
	_, err = solvers.Sample(t.Context(), r.Solver, r.Problem, x, &solvers.Settings{Grid: r.Grid})
	return x, r, err
}
