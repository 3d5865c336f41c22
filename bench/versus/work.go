package versus

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Work is something that both sides can do. Its name is the contract with the other side.
type Work struct {
	Name, Group string
	Unit        string // what the seconds are for

	units float64 // per call of once
	start func(threads int) (once func(context.Context) error, err error)
}

// The groups of Works.
const (
	Steps    = "steps without a model"
	Noise    = "normals"
	Scores   = "scores"
	EndToEnd = "whole runs"
)

// Works returns everything that can be compared.
func Works() []Work {
	var out []Work
	// The shapes are those of pictures and latents: 3 × 32 × 32, 4 × 64 × 64, and batches of them and of 4 × 128 × 128.
	for _, shape := range []struct{ rows, dim int }{{1, 3072}, {1, 16384}, {16, 3072}, {64, 3072}, {16, 65536}} {
		for _, name := range []string{"ddim", "ddpm", "dpm++2m", "dpm++3m", "sdedpm++2m", "unipc", "eulerkappa", "deis"} {
			out = append(out, stepWork(name, shape.rows, shape.dim))
		}
	}
	out = append(out, normalWork(65536), scoreWork("wide"), scoreWork("digits"))
	for _, data := range []string{"ring", "digits"} {
		out = append(out, runWork(data, "ddim50", "ddim", solvers.TimeGrid{}, 50), runWork(data, "ddpm1000", "ddpm", solvers.TimeGrid{}, 1000))
	}
	for _, tolerance := range []string{"1e-4", "1e-6"} {
		out = append(out, adaptiveWork("rk45-"+tolerance, ode.DP5, tolerance), adaptiveWork("dop853-"+tolerance, ode.DOP853, tolerance))
	}
	return append(out, runWork("ring", "reversesde1000", "eulermaruyama", solvers.TimeGrid{}, 1000),
		runWork("ring", "sdedpm++2mtree50", "sdedpm++2m", solvers.TimeGrid{}, 50))
}

// schedule is that of the works: VP with beta from 0.1 to 20 on [0.001, 1].
var schedule = sde.VP{}

// stepCount is the number of steps of a run without a model.
const stepCount = 20

// stored is a model whose prediction is known beforehand.
type stored struct {
	epsilon []float64
	dim     int
}

func (stored) Kind() scoremodel.Kind { return scoremodel.Epsilon }

func (s stored) Predict(dst, _ []float64, _ float64) error {
	copy(dst, s.epsilon)
	return nil
}

// RowWise implements scoremodel.RowWise.
func (stored) RowWise() bool { return true }

// Rows implements scoremodel.RowModel: every row has its own prediction.
func (s stored) Rows(first int) scoremodel.Model { return stored{s.epsilon[first*s.dim:], s.dim} }

func stepWork(name string, rows, dim int) Work {
	return Work{Name: fmt.Sprintf("step/%s/%d", name, rows*dim), Group: Steps, Unit: "step", units: stepCount,
		start: func(threads int) (func(context.Context) error, error) {
			s, err := solvers.ByName(name)
			if err != nil {
				return nil, err
			}
			p := solvers.Problem{Schedule: schedule, Model: stored{normals(rows * dim), dim}, Dim: dim, Noise: sde.Fresh{Seed: 1}}
			return sampling(s, p, solvers.TimeGrid{}, stepCount, rows, threads)
		}}
}

// sampling returns a run from the same start again and again.
func sampling(s solvers.Solver, p solvers.Problem, g solvers.Grid, steps, rows, threads int) (func(context.Context) error, error) {
	grid, err := g.Times(p.Schedule, steps)
	if err != nil {
		return nil, err
	}
	x0 := solvers.Prior(p.Schedule, 1, rows, p.Dim)
	x := make([]float64, len(x0))
	return func(ctx context.Context) error {
		copy(x, x0)
		_, err := solvers.Sample(ctx, s, p, x, &solvers.Settings{Grid: grid, Workers: threads})
		return err
	}, nil
}

func normalWork(elements int) Work {
	return Work{Name: fmt.Sprintf("normals/%d", elements), Group: Noise, Unit: "normal", units: float64(elements),
		start: func(int) (func(context.Context) error, error) {
			path, x, t := sde.Fresh{Seed: 1}.Path(0, 1, elements), make([]float64, elements), 0.0
			return func(context.Context) error {
				t++
				return path.Increment(x, t-1, t)
			}, nil
		}}
}

func scoreWork(data string) Work {
	return Work{Name: "score/" + data, Group: Scores, Unit: "call", units: 1,
		start: func(int) (func(context.Context) error, error) {
			const rows, t = 256, 0.2
			m, means, dim, err := dataModel(data)
			if err != nil {
				return nil, err
			}
			x, dst := normals(rows*dim), make([]float64, rows*dim)
			for i := range x {
				x[i] = 0.8*means[i] + 0.6*x[i]
			}
			return func(context.Context) error { return m.Predict(dst, x, t) }, nil
		}}
}

func runWork(data, what, solver string, g solvers.Grid, steps int) Work {
	return Work{Name: "run/" + data + "/" + what, Group: EndToEnd, Unit: "run", units: 1,
		start: func(threads int) (func(context.Context) error, error) {
			s, err := solvers.ByName(solver)
			if err != nil {
				return nil, err
			}
			p, rows, err := dataProblem(data)
			if err != nil {
				return nil, err
			}
			if what == "sdedpm++2mtree50" {
				p.Noise = sde.Tree{Seed: 1, From: 1e-3, To: 1, Leaf: 1e-5}
			}
			return sampling(s, p, g, steps, rows, threads)
		}}
}

// adaptiveWork integrates the probability flow with one sequence of steps for the whole batch and one norm over it, as the other side does.
func adaptiveWork(what string, tab ode.Tableau, tolerance string) Work {
	return Work{Name: "run/ring/" + what, Group: EndToEnd, Unit: "run", units: 1,
		start: func(int) (func(context.Context) error, error) {
			var tol float64
			if _, err := fmt.Sscan(tolerance, &tol); err != nil {
				return nil, err
			}
			p, rows, err := dataProblem("ring")
			if err != nil {
				return nil, err
			}
			flow := scoremodel.As(p.Model, scoremodel.Flow, p.Schedule)
			x0 := solvers.Prior(p.Schedule, 1, rows, p.Dim)
			x := make([]float64, len(x0))
			return func(ctx context.Context) error {
				copy(x, x0)
				st := tab.Stepper(flow.Predict, len(x)).(ode.Estimator)
				_, err := ode.Control{Rel: tol, Abs: tol}.Adapt(ctx, st, x, 1, 1e-3, nil)
				return err
			}, nil
		}}
}

// dataProblem returns a problem and the number of rows of a run on it.
func dataProblem(data string) (p solvers.Problem, rows int, err error) {
	m, _, dim, err := dataModel(data)
	rows = 256
	if data == "ring" {
		rows = 4096
	}
	return solvers.Problem{Schedule: schedule, Model: m, Dim: dim, Noise: sde.Fresh{Seed: 1}}, rows, err
}

// dataModel returns the exact model of data that the other side knows by the same name.
func dataModel(data string) (m *scoremodel.Mixture, means []float64, dim int, err error) {
	std := 0.1
	switch data {
	case "ring": // eight normals on a circle of radius 4
		std, dim = 0.3, 2
		for k := range 8 {
			sin, cos := math.Sincos(2 * math.Pi * float64(k) / 8)
			means = append(means, 4*cos, 4*sin)
		}
	case "wide":
		dim, means = 64, normals(1000*64)
	case "digits":
		std, dim = 0.05, scoremodel.DigitSide*scoremodel.DigitSide
		means, _ = scoremodel.Digits()
	}
	m, err = scoremodel.NewDataset(schedule, means, dim, std)
	return m, means, dim, err
}

func normals(n int) []float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}
