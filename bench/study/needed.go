package study

import (
	"cmp"
	"math"
	"slices"
)

// A Need is how many evaluations a solver needs for given errors on a problem. It is plain data.
type Need struct {
	Problem, Solver string
	Grid            string // or "adaptive", with the step rule if that is not the default
	NFE             []Evaluations
}

// Evaluations is a number of them. The zero value means that no run reached the error.
type Evaluations struct {
	Count float64
	Bound bool // the cheapest run is better than the error: fewer would do
}

// Needs returns the evaluations that each solver needs for each of the errors, those of the median sample, on each grid and under error control: the
// first crossing of its runs in the order of their evaluations, on the line through the logarithms of the two runs beside it. It is in the order in which
// problems, solvers and grids first appear; solvers without an error are left out.
func Needs(list []Comparison, errors []float64) []Need {
	type run struct{ nfe, median float64 }
	var needs []Need
	var runs [][]run
	for _, c := range list {
		if c.Median == nil || !(*c.Median > 0) {
			continue
		}
		i := slices.IndexFunc(needs, func(n Need) bool { return n.Problem == c.Problem && n.Solver == c.Solver && n.Grid == c.Grid })
		if i < 0 {
			i = len(needs)
			needs, runs = append(needs, Need{Problem: c.Problem, Solver: c.Solver, Grid: c.Grid}), append(runs, nil)
		}
		runs[i] = append(runs[i], run{float64(c.NFE), *c.Median})
	}
	for i, list := range runs {
		slices.SortFunc(list, func(a, b run) int { return cmp.Or(cmp.Compare(a.nfe, b.nfe), cmp.Compare(b.median, a.median)) })
		for _, e := range errors {
			var n Evaluations
			for j, r := range list {
				if r.median > e {
					continue
				}
				if j == 0 {
					n = Evaluations{r.nfe, true}
					break
				}
				was := list[j-1]
				share := math.Log(was.median/e) / math.Log(was.median/r.median)
				n = Evaluations{was.nfe * math.Pow(r.nfe/was.nfe, share), false}
				break
			}
			needs[i].NFE = append(needs[i].NFE, n)
		}
	}
	return needs
}
