package report

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// trace returns the coefficient table of a solver of the catalogue.
func trace(t *testing.T, name string, steps int) *solvers.Coefficients {
	t.Helper()
	s, err := solvers.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	grid, err := solvers.QuadraticGrid{}.Times(sde.VP{}, steps)
	if err != nil {
		t.Fatal(err)
	}
	c, err := solvers.Trace(s, sde.VP{}, grid)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fixture is a study of the whole catalogue in which every error is a formula: c·n^-p with the
// claimed order p and a constant c of the solver's own. All claims hold.
func fixture(t *testing.T) *study.Results {
	t.Helper()
	r := &study.Results{Seconds: 12.5, Warnings: []string{}}
	for i, other := range []string{"eulerkappa", "dpm1", "expadams1"} {
		for _, grid := range []string{"quadratic", "lambda"} {
			for _, steps := range []int{10, 50} {
				r.Equivalences = append(r.Equivalences, study.Equivalence{
					A: "ddim", B: other, Grid: grid, Steps: steps, Difference: float64(i+1) * float64(steps) * 1e-17, Claim: "identical", Holds: true,
				})
			}
		}
	}
	for _, grid := range []string{"quadratic", "lambda"} {
		for _, steps := range []int{10, 50, 250} {
			order := 0.98
			r.Equivalences = append(r.Equivalences, study.Equivalence{
				A: "ddim", B: "euler", Grid: grid, Steps: steps, Difference: 5 / float64(steps), Claim: "converges", Observed: &order, Holds: true,
			})
		}
	}
	for _, solver := range []string{"dp5", "etdrk3"} {
		for k, nfe := range []int{20, 60, 180} {
			tolerance, rejected := math.Pow(10, -float64(k+1)), k
			on, under, median := 1/float64(nfe*nfe), 0.5*tolerance, 0.25*tolerance
			r.Controlled = append(r.Controlled,
				study.Comparison{Problem: "digits", Solver: solver, Grid: "quadratic", NFE: nfe, Budget: nfe, Steps: nfe / 3, RMSE: &on, Median: &on},
				study.Comparison{Problem: "digits", Solver: solver, Grid: "adaptive", NFE: nfe + 5, Steps: nfe / 3, RMSE: &under, Median: &median, Tolerance: &tolerance, Rejected: &rejected})
		}
	}
	for i, s := range solvers.Catalog() {
		info := s.Info()
		c, p, kind := 1+float64(i)/10, float64(info.Order), "ode"
		if info.Stochastic {
			p, kind = info.WeakOrder, "weak"
		}
		// The first order solvers that are one and the same have one and the same error.
		if info.Name == "dpm1" || info.Name == "expadams1" {
			c = 2.5
		}
		for _, problem := range []string{"gaussian", "mixture1d"} {
			if info.Stochastic && problem != "gaussian" {
				continue
			}
			o := study.Order{Solver: info.Name, Problem: problem, Kind: kind, Claimed: p, Observed: &p, Certified: true}
			for n := 10; n <= 320; n *= 2 {
				o.Steps, o.Errors = append(o.Steps, n), append(o.Errors, c*math.Pow(float64(n), -p))
			}
			r.Orders = append(r.Orders, o)
		}
		for _, problem := range []string{"gaussian", "digits"} {
			if info.Stochastic && problem != "gaussian" {
				continue
			}
			for _, budget := range []int{5, 10, 20, 40} {
				n := info.Steps(budget)
				if n == 0 {
					continue
				}
				e, ns := c*math.Pow(float64(n), -p), 3.5
				k := study.Comparison{
					Problem: problem, Solver: info.Name, Grid: "quadratic", NFE: info.Evaluations(n), Budget: budget, Steps: n, Seconds: 0.25, Nanoseconds: &ns,
				}
				if !info.Stochastic {
					k.RMSE = &e
				}
				if problem == "gaussian" {
					mean, variance := e/3, e/7
					k.W2, k.MeanError, k.VarianceError = &e, &mean, &variance
				}
				r.Comparisons = append(r.Comparisons, k)
			}
		}
	}
	for _, name := range []string{"eulermaruyama", "sra1"} {
		for _, nfe := range []int{20, 40, 80} {
			e := 1 / float64(nfe)
			r.Comparisons = append(r.Comparisons, study.Comparison{Problem: "mixture1d", Solver: name, Grid: "lambda", NFE: nfe, Budget: nfe, Steps: nfe, PathError: &e})
		}
	}
	for _, name := range []string{"ddim", "eulerkappa", "euler"} {
		r.Tables = append(r.Tables, trace(t, name, 10))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	pictures := func() []float64 {
		x := make([]float64, 8*64)
		for i := range x {
			x[i] = 2.4*rng.Float64() - 1.2
		}
		return x
	}
	r.Samples = append(r.Samples, study.Samples{Problem: "digits", Solver: "dp5kappa", NFE: 600, Side: 8, X: pictures()})
	for _, name := range []string{"ddim", "dpm3", "heunkappa"} {
		for _, budget := range []int{20, 5, 10} {
			r.Samples = append(r.Samples, study.Samples{Problem: "digits", Solver: name, Budget: budget, NFE: budget - budget%3, Side: 8, X: pictures()})
		}
	}
	return r
}

// ragged is a study in which whatever can be missing or strange is.
func ragged(t *testing.T) *study.Results {
	t.Helper()
	nan, inf, zero, one := math.NaN(), math.Inf(1), 0.0, 1.0
	return &study.Results{
		Seconds: nan,
		Equivalences: []study.Equivalence{
			{A: "ddim", B: "rk4", Grid: "time", Steps: 5, Difference: nan, Claim: "identical"},
			{A: "ddim", B: "rk4", Grid: "time", Steps: 10, Difference: 1e-16, Claim: "identical", Holds: true},
			{A: "ddim", B: "heun", Grid: "time", Steps: 10, Difference: inf, Claim: "converges", Observed: &nan},
		},
		Orders: []study.Order{
			{Solver: "ddim", Problem: "gaussian", Kind: "ode", Claimed: 1, Steps: []int{1, 2, 3}, Errors: []float64{nan, 0}},
			{Solver: "mine", Problem: "gaussian", Kind: "ode", Claimed: nan, Observed: &inf, Steps: []int{10}, Errors: []float64{0.5}},
			{Solver: "mine", Problem: "elsewhere", Kind: "strong", Claimed: 1.5, Observed: &one, Steps: []int{0, 10}, Errors: []float64{1, inf}},
			{Solver: "nothing", Problem: "gaussian", Kind: "pathwise", Claimed: 9, Certified: true},
		},
		Comparisons: []study.Comparison{
			{Problem: "p", Solver: "nan", Grid: "g", NFE: 5, Budget: 5, RMSE: &nan},
			{Problem: "p", Solver: "zero", Grid: "g", NFE: 5, Budget: 5, RMSE: &zero},
			{Problem: "p", Solver: "inf", Grid: "g", NFE: 10, Budget: 10, RMSE: &inf},
			{Problem: "p", Solver: "one", Grid: "g", NFE: 10, Budget: 10, RMSE: &one},
			{Problem: "p", Solver: "null", Grid: "g", NFE: 10, Budget: 10, Seconds: inf},
			{Problem: "p", Solver: "one", Grid: "other", RMSE: &one},
			{Problem: "q", Solver: "one", Grid: "g", NFE: 10, Budget: 10, W2: &nan},
		},
		Warnings: []string{"beware"},
		Tables:   []*solvers.Coefficients{nil, trace(t, "ddim", 3), trace(t, "heun", 3), trace(t, "ddpm", 3), {Solver: "empty"}},
		Samples: []study.Samples{
			{Problem: "p", Solver: "short", Budget: 5, Side: 8, X: make([]float64, 63)},
			{Problem: "p", Solver: "flat", Budget: 5, X: make([]float64, 63)},
			{Problem: "p", Solver: "strange", Budget: 5, Side: 2, X: []float64{nan, inf, -inf, 0, 1}},
			{Problem: "p", Solver: "large", Budget: 7, Side: 40, X: make([]float64, 40*40*20)},
		},
	}
}
