package study

import (
	"context"
	"slices"
	"time"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// Progress is told how far long work has come. It may be called from one goroutine at a time only.
type Progress func(done, total int, what string)

// Run is the main job: the equivalences, the certified orders, and the error on real
// digits and on a network trained on them against the number of evaluations, of every solver of the catalogue; how far the law of the network's samples, by three
// solvers, is from the digits; on normal data the round trip of inversion too, on a mixture the error of paths, and
// on digits what tolerances cost and give. It takes well under
// a minute on two cores. What is finished when ctx ends is returned with the error.
func Run(ctx context.Context, progress Progress) (*Results, error) {
	start := time.Now()
	r := &Results{}
	defer func() { r.Seconds = time.Since(start).Seconds() }()

	var exact []*problem.Problem
	for _, name := range []string{"gaussian", "mixture1d"} {
		p, err := problem.Builtin(name)
		if err != nil {
			return r, err
		}
		exact = append(exact, p)
	}
	digits, err := problem.Builtin("digits")
	if err != nil {
		return r, err
	}
	network, err := problem.Builtin("digitsnet")
	if err != nil {
		return r, err
	}
	all := solvers.Catalog()
	var deterministic []solvers.Solver
	for _, s := range all {
		if !s.Info().Stochastic {
			deterministic = append(deterministic, s)
		}
	}
	sampling := []solvers.Grid{solvers.QuadraticGrid{}}
	onGaussian := Plan{Problems: exact[:1], Solvers: all, Grids: sampling, NFE: budgets, Rows: 16, Seed: 1, Inversion: true}
	onDigits := Plan{Problems: []*problem.Problem{digits}, Solvers: deterministic, Grids: sampling, NFE: budgets, Rows: 16, Seed: 1}
	drawn := []solvers.Solver{solvers.DDIM{}, solvers.DPMSolverPP2M{}, solvers.UniPC{}}
	inLaw := Plan{Problems: []*problem.Problem{network}, Solvers: drawn, Grids: sampling, NFE: []int{5, 10, 20, 50}, Rows: 10, Seed: 1, Quality: 500}
	onNetwork := inLaw // the others, without that
	onNetwork.Quality, onNetwork.Solvers = 0, slices.DeleteFunc(slices.Clone(deterministic), func(s solvers.Solver) bool { return slices.Contains(drawn, s) })
	controlled := Plan{Problems: onDigits.Problems, Grids: sampling, NFE: []int{10, 20, 30, 50, 100}, Rows: 4, Seed: 1,
		Tolerances: []float64{1e-2, 1e-3, 1e-4, 1e-5}}
	if controlled.Solvers, err = byName(controlledSolvers); err != nil {
		return r, err
	}
	onPaths, err := byName(pathSolvers)
	if err != nil {
		return r, err
	}
	pictures := Plan{Problems: []*problem.Problem{digits}, Solvers: all, Grids: sampling, NFE: []int{5, 10, 20}, Rows: 10, Seed: 2}
	ofNetwork := Plan{Problems: []*problem.Problem{network}, Solvers: drawn, Grids: sampling, NFE: []int{5, 10, 20}, Rows: 10, Seed: 2}
	compared, pictured := []Plan{onDigits, inLaw, onNetwork, onGaussian}, []Plan{pictures, ofNetwork}

	total := len(claims)*len(equivalenceGrids) + len(all)*len(exact) + len(onPaths)
	for _, plan := range slices.Concat(compared, []Plan{controlled}, pictured) {
		total += plan.Runs()
	}
	done := 0
	tick := func(what string) {
		done++
		progress(min(done, total), total, what)
	}
	var schedule sde.Schedule = sde.VP{}
	if r.Equivalences, err = Equivalences(ctx, schedule, equivalenceGrids, []int{5, 10, 50, 1000}, tick); err != nil {
		return r, err
	}
	if r.Orders, err = Orders(ctx, all, exact, solvers.LambdaGrid{}, tick); err != nil {
		return r, err
	}
	for _, plan := range compared {
		rows, warnings, err := Compare(ctx, plan, tick)
		r.Comparisons, r.Warnings = append(r.Comparisons, rows...), append(r.Warnings, warnings...)
		if err != nil {
			return r, err
		}
	}
	paths, err := Paths(ctx, onPaths, exact[1], solvers.LambdaGrid{}, tick)
	r.Comparisons = append(r.Comparisons, paths...)
	if err != nil {
		return r, err
	}
	var warnings []string
	r.Controlled, warnings, err = Compare(ctx, controlled, tick)
	r.Warnings = append(r.Warnings, warnings...)
	if err != nil {
		return r, err
	}
	for _, plan := range pictured {
		samples, err := Pictures(ctx, plan, tick)
		r.Samples = append(r.Samples, samples...)
		if err != nil {
			return r, err
		}
	}
	r.Tables, err = tables(schedule)
	return r, err
}

// equivalenceGrids are grids of different kinds: an equivalence holds on all or on none.
var equivalenceGrids = []solvers.Grid{solvers.QuadraticGrid{}, solvers.TimeGrid{}, solvers.LambdaGrid{}, solvers.KarrasGrid{}}

// budgets are the evaluations at which errors are compared.
var budgets = []int{5, 8, 10, 15, 20, 30, 50, 100}

// controlledSolvers run under error control: a classical method in time of order 3, 5 and 8, and exponential pairs of order 2 to 5.
var controlledSolvers = []string{"bs3", "dp5", "dop853", "dpm++2s", "res3s", "dpm++3s", "krogstad43", "lawson5"}

// pathSolvers are compared by the error of their paths: those of diffusion models, and stochastic Runge-Kutta methods.
var pathSolvers = []string{"eulermaruyama", "ddpm", "sdedpm++2m", "stochasticheun", "sea", "sra1", "sra3", "shark"}

// byName returns solvers of the catalogue.
func byName(names []string) ([]solvers.Solver, error) {
	var out []solvers.Solver
	for _, name := range names {
		s, err := solvers.ByName(name)
		if err != nil {
			return out, err
		}
		out = append(out, s)
	}
	return out, nil
}

// tables returns the tables that the report draws: two that agree and one that does not.
func tables(s sde.Schedule) ([]*solvers.Coefficients, error) {
	grid, err := solvers.QuadraticGrid{}.Times(s, 10)
	if err != nil {
		return nil, err
	}
	var out []*solvers.Coefficients
	for _, name := range []string{"ddim", "eulerkappa", "euler"} {
		solver, err := solvers.ByName(name)
		if err != nil {
			return nil, err
		}
		c, err := solvers.Trace(solver, s, grid)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
