package study

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// claims are the equivalences that are proved. Identical tables agree to rounding, which
// is a thousand steps' worth of it; a table that converges to another does so at order 1.
var claims = []struct {
	a, b      string
	identical bool
	tolerance float64 // of an identity; for what converges, the least order
}{
	{"ddim", "eulerkappa", true, 1e-12},
	{"ddim", "dpm1", true, 1e-12},
	{"ddim", "expadams1", true, 1e-12},
	{"ddim", "expadams1:noise=true", true, 1e-12},
	{"ddim:eta=1", "ddpm", true, 1e-11},
	{"expadams2", "dpm++2m:variant=heun", true, 1e-11},
	{"deis:order=3,variant=logrho", "dpm3m", true, 1e-11},
	{"dpm++3m", "expadams3:ramp=true", true, 1e-11},
	{"lms", "deis:variant=rhoab", true, 1e-11},
	{"lms", "ipndmv", true, 1e-11},
	{"abkappa", "lms:starter=true", true, 1e-11},
	{"abkappa", "deis:starter=true,variant=rhoab", true, 1e-11},
	{"abkappa", "ipndmv:starter=true", true, 1e-11},
	{"abkappa:ramp=true", "lms", true, 1e-11},
	{"abkappa:order=1", "ddim", true, 1e-12},
	{"res2m", "dpm++2m:variant=heun", true, 1e-11},
	{"unipc:order=3,starter=true,variant=bh1", "unipc:order=3,starter=true", true, 1e-11},
	{"sasolver:tau=0", "unipc:order=3,variant=vary", true, 1e-11},
	{"sasolver:predictor=1,corrector=0", "ddim:eta=1", true, 1e-11},
	{"sdedpm++1", "ddpm", true, 1e-11},
	{"gddim", "ddpm", true, 1e-11},
	{"eulerancestral", "ddpm", true, 1e-11},
	{"eulerancestral:eta=0.5", "ddim:eta=0.5", true, 1e-11},
	{"seeds1", "sdedpm++1", true, 1e-11},
	{"ersde1:phi=sde", "sdedpm++1", true, 1e-11},
	{"dpm++sde:clock=exact", "seeds2", true, 1e-11},
	{"sdedpm++3m", "sasolver:predictor=3,corrector=0", true, 1e-11},
	{"sdedpm++2m:tau=0", "dpm++2m", true, 1e-11},
	{"sdedpm++3m:tau=0", "dpm++3m", true, 1e-11},
	{"sdedpm2m:tau=0", "dpm2m", true, 1e-11},
	{"dpm++sde:eta=0", "dpm++2s", true, 1e-11},
	{"seeds2:tau=0", "dpm++2s", true, 1e-11},
	{"seeds3:tau=0", "dpm++3s", true, 1e-11},
	{"expheunsde:tau=0", "expheun", true, 1e-11},
	{"stochasticheun:tau=0", "heun", true, 1e-12},
	{"sea:tau=0", "euler", true, 1e-12},
	{"sra2:tau=0", "sra1:tau=0", true, 1e-12},
	{"sra3:tau=0", "ssprk3", true, 1e-12},
	{"ersde3:phi=ode", "expadams3:nodes=kappa,ramp=true", true, 1e-11},
	{"cfgppddim", "ddim", true, 0}, // on models that are not guided
	{"cfgpp2m", "dpm++2m", true, 0},
	{"tcd:gamma=0", "ddim", true, 1e-12},
	{"euler", "ddim", false, 0.7},
	{"eulermaruyama", "ddpm", false, 0.7},
	// Near misses: methods that one might take for each other. They are not the same, and become it. The order is that of
	// single coefficients, which are of the size of a step: a wrong weight of the second difference moves each by that much.
	{"ddpmlarge", "ddpm", false, 0.7},
	{"sdedpm1", "sdedpm++1", false, 0.7},
	{"dpm++2m", "dpm++2m:variant=heun", false, 1.5},
	{"dpm2m", "dpm++2m", false, 0.7},
	{"dpm2", "dpm++2s", false, 0.7},
	{"unipc:variant=bh1", "unipc", false, 1.5},
	{"dpm++3m:halved=true", "dpm++3m", false, 0.5},
}

// convergenceSteps returns the ladder on which the order of a vanishing difference is measured. Some pairs
// are far apart on few steps.
func convergenceSteps(a string) []int {
	switch a {
	case "euler", "eulermaruyama", "sdedpm1":
		return []int{100, 200, 400, 800, 1600}
	}
	return []int{40, 80, 160, 320, 640}
}

// Equivalences compares the coefficient tables of the pairs of solvers that are claimed to
// be the same method, or to become it as the steps shrink, on every grid at every number of steps. A
// table holds for every model at once, so an equality here is a proof up to rounding. tick is called after each pair
// and grid, once at a time; what is finished is returned with an error.
func Equivalences(ctx context.Context, s sde.Schedule, grids []solvers.Grid, steps []int, tick func(what string)) ([]Equivalence, error) {
	// The grids share nothing. Not more than the processors at once: each holds tables of a thousand steps.
	tick = oneAtATime(tick)
	rows := make([][]Equivalence, len(grids))
	err := spread(len(grids), func(i int, stop *atomic.Bool) (err error) {
		rows[i], err = equivalencesOn(ctx, stop, s, grids[i], steps, tick)
		return err
	})
	return slices.Concat(rows...), err
}

// equivalencesOn checks the claims on one grid, from the fewest steps to the most: tables of one number of steps are kept
// for all pairs that need them, and no longer, since one of a thousand steps takes ten megabytes. It stops early, without an error of its own, once stop is set.
func equivalencesOn(ctx context.Context, stop *atomic.Bool, s sde.Schedule, g solvers.Grid, steps []int, tick func(what string)) ([]Equivalence, error) {
	counts := make([][]int, len(claims)) // the numbers of steps that a claim needs, ascending
	var all []int
	for i, c := range claims {
		counts[i] = slices.Clone(steps)
		if !c.identical {
			counts[i] = append(counts[i], convergenceSteps(c.a)...)
		}
		slices.Sort(counts[i])
		all = append(all, counts[i]...)
	}
	slices.Sort(all)
	differences := make([]map[int]float64, len(claims))
	rows := make([][]Equivalence, len(claims))
	var failed error
measure:
	for _, n := range slices.Compact(all) {
		tables := map[string]*solvers.Coefficients{}
		for i, c := range claims {
			if !slices.Contains(counts[i], n) {
				continue
			}
			if failed = ctx.Err(); failed != nil || stop.Load() {
				break measure
			}
			d, err := distance(tables, c.a, c.b, s, g, n)
			if err != nil {
				failed = err
				break measure
			}
			if differences[i] == nil {
				differences[i] = map[int]float64{}
			}
			differences[i][n] = d
			if n == counts[i][len(counts[i])-1] {
				rows[i] = verdicts(i, solvers.GridName(g), steps, differences[i])
				tick(c.a + " and " + c.b + " on " + g.Name())
			}
		}
	}
	return slices.Concat(rows...), failed
}

// verdicts says of a claim, at each number of steps, whether it holds.
func verdicts(claim int, grid string, steps []int, differences map[int]float64) []Equivalence {
	c := claims[claim]
	var observed *float64
	if !c.identical {
		var l solvertest.Ladder
		for _, n := range convergenceSteps(c.a) {
			l.Steps, l.Errors = append(l.Steps, n), append(l.Errors, differences[n])
		}
		if order, ok := l.Fit(); ok {
			observed = &order
		}
	}
	var out []Equivalence
	for _, n := range steps {
		d := differences[n]
		e := Equivalence{A: c.a, B: c.b, Grid: grid, Steps: n, Difference: d, Claim: "identical", Holds: d <= c.tolerance}
		if !c.identical {
			e.Claim, e.Observed = "converges", observed
			e.Holds = observed != nil && *observed >= c.tolerance
		}
		out = append(out, e)
	}
	return out
}

// distance compares two tables, which are kept for the next pair.
func distance(tables map[string]*solvers.Coefficients, a, b string, s sde.Schedule, g solvers.Grid, steps int) (float64, error) {
	var pair [2]*solvers.Coefficients
	for i, name := range []string{a, b} {
		if tables[name] == nil {
			solver, err := solvers.ByName(name)
			if err != nil {
				return 0, err
			}
			grid, err := g.Times(s, steps)
			if err != nil {
				return 0, err
			}
			if tables[name], err = solvers.Trace(solver, s, grid); err != nil {
				return 0, err
			}
		}
		pair[i] = tables[name]
	}
	return solvers.Distance(pair[0], pair[1])
}

// Claims returns the number of equivalences that Equivalences checks on each grid.
func Claims() int { return len(claims) }

// A Claim is a pair of solvers that Equivalences compares.
type Claim struct {
	A, B      string
	Identical bool // otherwise one converges to the other
}

// ClaimList returns what Equivalences checks.
func ClaimList() []Claim {
	var out []Claim
	for _, c := range claims {
		out = append(out, Claim{c.a, c.b, c.identical})
	}
	return out
}
