package study

import (
	"context"
	"fmt"
	"slices"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A GalleryPlan says which samples of one problem are to be looked at side by side. All runs start from the same noise.
type GalleryPlan struct {
	Problem      *problem.Problem
	Solvers      []solvers.Solver // each with every budget
	NFE          []int            // the budgets of evaluations
	References   []solvers.Solver // each with a budget of ReferenceNFE
	ReferenceNFE int
	Grid         solvers.Grid
	Rows         int
	Seed         uint64
	Workers      int // at least 1
}

// An Exhibit is the samples of one run of a gallery.
type Exhibit struct {
	Problem   string   `json:"problem"`
	Solver    string   `json:"solver"`
	NFE       int      `json:"nfe"` // the evaluations that were made, at most the budget
	Budget    int      `json:"budget"`
	Reference bool     `json:"reference"`
	Seconds   float64  `json:"seconds"` // of the run, all rows
	RMSE      *float64 `json:"rmse"`    // from the samples of the first deterministic reference; null for what is stochastic, or if there is none

	X []float64 `json:"-"`
}

// A job is a run of a gallery.
type job struct {
	solver    solvers.Solver
	budget    int
	reference bool
}

// Gallery makes the runs of the plan, the references first. A solver of which one step exceeds a budget is left out there. Runs that
// were finished are returned with the error of the next.
func Gallery(ctx context.Context, plan GalleryPlan, progress Progress) ([]Exhibit, error) {
	var jobs []job
	total := 0
	add := func(s solvers.Solver, budget int, reference bool) {
		if steps := s.Info().Steps(budget); steps > 0 {
			jobs = append(jobs, job{s, budget, reference})
			total += s.Info().Evaluations(steps)
		}
	}
	for _, s := range plan.References {
		add(s, plan.ReferenceNFE, true)
	}
	for _, s := range plan.Solvers {
		for _, budget := range plan.NFE {
			add(s, budget, false)
		}
	}
	p := plan.Problem
	noise := solvers.Prior(p.Schedule, plan.Seed, plan.Rows, p.Dim)
	workers := min(plan.Workers, plan.Rows)
	var exhibits []Exhibit
	var converged []float64
	done := 0.0
	for _, j := range jobs {
		info := j.solver.Info()
		steps := info.Steps(j.budget)
		times, err := plan.Grid.Times(p.Schedule, steps)
		if err != nil {
			return exhibits, err
		}
		q := p.Problem
		q.Noise = sde.Fresh{Seed: plan.Seed}
		x := slices.Clone(noise)
		name := solvers.Name(j.solver)
		share := float64(info.Evaluations(steps)) / float64(steps*workers)
		res, err := solvers.Sample(ctx, j.solver, q, x, &solvers.Settings{Grid: times, Workers: workers, Observe: func(solvers.Observation) error {
			done += share
			progress(min(int(done), total), total, fmt.Sprintf("%s, %d evaluations", name, j.budget))
			return nil
		}})
		if err != nil {
			return exhibits, err
		}
		e := Exhibit{Problem: p.Name, Solver: name, NFE: res.NFE, Budget: j.budget, Reference: j.reference, Seconds: res.Elapsed.Seconds(), X: x}
		switch {
		case info.Stochastic:
		case converged != nil:
			rmse := rms(x, converged)
			e.RMSE = &rmse
		case j.reference:
			converged = x
		}
		exhibits = append(exhibits, e)
	}
	return exhibits, nil
}
