package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/diffsolve/diffsolve/bench/study"
)

// A summary is one sentence on a list of claims, and the claims that fail.
type summary struct {
	Text  string
	Fails []string
	Empty bool
}

// equivalenceSummary says whether all claims hold. What fails is put together by pair and grid.
func equivalenceSummary(list []study.Equivalence) summary {
	holds := func(i int) bool { return list[i].Holds }
	s := summarize(len(list), holds, "claim", "holds", "hold", "NOT met")
	last := ""
	for _, e := range list {
		if e.Holds {
			continue
		}
		what := fmt.Sprintf("%s and %s on grid %s, claim %q: largest difference ", e.A, e.B, e.Grid, e.Claim)
		value := fmt.Sprintf("%s at %d steps", compact(e.Difference), e.Steps)
		if what == last {
			s.Fails[len(s.Fails)-1] += ", " + value
		} else {
			s.Fails = append(s.Fails, what+value)
		}
		last = what
	}
	return s
}

// orderSummary says whether all orders are certified.
func orderSummary(list []study.Order) summary {
	certified := func(i int) bool { return list[i].Certified }
	s := summarize(len(list), certified, "order", "is certified", "are certified", "NOT certified")
	for _, o := range list {
		if o.Certified {
			continue
		}
		observed := slope(o.Observed)
		if o.Observed == nil {
			observed = "none"
		}
		s.Fails = append(s.Fails, fmt.Sprintf("%s on %s: %s order %s claimed, %s observed",
			o.Solver, o.Problem, o.Kind, trim(o.Claimed), observed))
	}
	return s
}

// summarize counts n claims.
func summarize(n int, holds func(int) bool, noun, one, many, not string) summary {
	fails := 0
	for i := range n {
		if !holds(i) {
			fails++
		}
	}
	switch {
	case n == 0:
		return summary{Text: "none in these results", Empty: true}
	case fails > 0:
		return summary{Text: fmt.Sprintf("%d of %d %ss %s", fails, n, noun, not)}
	case n == 1:
		return summary{Text: fmt.Sprintf("the one %s %s", noun, one)}
	default:
		return summary{Text: fmt.Sprintf("all %d %ss %s", n, noun, many)}
	}
}

// toleranceSummary says how many times its tolerance the median error of a run under error control is at most, or nothing without such runs.
func toleranceSummary(list []study.Comparison) string {
	worst, n := 0.0, 0
	for _, c := range list {
		if c.Tolerance != nil && c.Median != nil {
			worst, n = math.Max(worst, *c.Median / *c.Tolerance), n+1 // NaN stays NaN
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("the median errors of %d runs are at most %s times the tolerance", n, compact(worst))
}

// leaders names, for each budget, who has the least of a contest, and who prints the same.
func (t *contest) leaders() []string {
	var out []string
	for _, b := range t.budgets {
		v, ok := t.best(b)
		if !ok {
			continue
		}
		var names []string
		for _, r := range t.rows {
			if o, has := r.by[b]; has && o.leads(v) {
				names = append(names, r.solver)
			}
		}
		out = append(out, fmt.Sprintf("%d: %s (%s)", b, strings.Join(names, ", "), compact(v.value)))
	}
	return out
}
