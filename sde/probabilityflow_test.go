package sde_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// A target is a mixture of one-dimensional normals, whose exact noise prediction is known.
type target []struct{ weight, mean, deviation float64 }

// epsilon returns the noise prediction at x: -σ times the score of Σ w N(αm, α²s² + σ²).
func (m target) epsilon(x float64, p sde.Point) float64 {
	var total, sum float64
	for _, c := range m {
		v := p.Alpha*p.Alpha*c.deviation*c.deviation + p.Sigma*p.Sigma
		d := x - p.Alpha*c.mean
		density := c.weight / math.Sqrt(v) * math.Exp(-d*d/(2*v))
		total += density
		sum += density * d / v
	}
	return p.Sigma * sum / total
}

// flow is the probability flow ODE of m.
func (m target) flow(s sde.Schedule) ode.Func {
	return func(dst, x []float64, t float64) error {
		p := s.At(t)
		a, b, _ := p.Reverse(0)
		for i, v := range x {
			dst[i] = a*v + b*m.epsilon(v, p)
		}
		return nil
	}
}

// uniform returns n+1 equally spaced times.
func uniform(from, to float64, n int) []float64 {
	grid := make([]float64, n+1)
	for i := range grid {
		grid[i] = from + (to-from)*float64(i)/float64(n)
	}
	grid[n] = to
	return grid
}

var (
	gaussian = target{{1, 1, 0.5}}
	mixture  = target{{0.3, -1.2, 0.35}, {0.7, 0.8, 0.5}}

	// Where the trajectories start at t = 1, and where they end at t = 1e-3: the quantile maps
	// to 15 digits, computed in high precision by another program.
	starts       = []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9}
	gaussianEnds = []float64{0.146504703157753, 0.546577143180593, 0.896640528200578, 1.146685803214853, 1.396731078229128, 1.946830683260533}
	mixtureEnds  = []float64{-1.565636447799369, -1.100124161745097, 0.326251386967891, 0.741462437369681, 1.057614935931222, 1.668862169821592}
)

// For one Gaussian (x - αm)/√v is constant along the flow: the ends above follow from
// the schedule, to the last digit given.
func TestGaussianEnds(t *testing.T) {
	from, to := sde.VP{}.At(1), sde.VP{}.At(1e-3)
	v := func(p sde.Point) float64 { return p.Alpha*p.Alpha*0.25 + p.Sigma*p.Sigma }
	for i, x := range starts {
		got := to.Alpha + math.Sqrt(v(to)/v(from))*(x-from.Alpha)
		if !(math.Abs(got-gaussianEnds[i]) <= 2e-15) {
			t.Errorf("end of the flow from %v = %.15f, want %.15f", x, got, gaussianEnds[i])
		}
	}
}

// The errors of the probability flow at 16 and 64 uniform steps, which another
// implementation gave in long double. A slope can be right with a wrong constant; these
// digits cannot. As many are compared as are given: near 1e-11 float64's own error counts.
func TestProbabilityFlowErrors(t *testing.T) {
	for _, test := range []struct {
		tab               ode.Tableau
		gaussian, mixture [2]string
	}{
		{ode.Euler, [2]string{"3.632e-02", "1.054e-02"}, [2]string{"1.283e-02", "2.222e-03"}},
		{ode.Heun, [2]string{"1.243e-02", "8.618e-04"}, [2]string{"8.209e-03", "5.740e-04"}},
		{ode.Midpoint, [2]string{"4.012e-03", "2.135e-04"}, [2]string{"3.462e-03", "1.890e-04"}},
		{ode.BS3, [2]string{"8.927e-05", "1.312e-06"}, [2]string{"1.482e-04", "1.449e-06"}},
		{ode.RK4, [2]string{"4.501e-05", "1.364e-07"}, [2]string{"9.007e-05", "2.589e-07"}},
		{ode.DP5, [2]string{"2.797e-07", "6.2e-11"}, [2]string{"1.440e-06", "2.5e-10"}},
	} {
		for _, problem := range []struct {
			name string
			m    target
			ends []float64
			want [2]string
		}{{"Gaussian", gaussian, gaussianEnds, test.gaussian}, {"mixture", mixture, mixtureEnds, test.mixture}} {
			for i, n := range []int{16, 64} {
				x := slices.Clone(starts)
				st := test.tab.Stepper(problem.m.flow(sde.VP{}), len(x))
				if _, err := ode.Integrate(context.Background(), st, x, uniform(1, 1e-3, n), nil); err != nil {
					t.Fatal(err)
				}
				worst := 0.0
				for j, v := range x {
					worst = math.Max(worst, math.Abs(v-problem.ends[j]))
				}
				want := problem.want[i]
				digits := strings.Index(want, "e") - len("1.")
				if got := fmt.Sprintf("%.*e", digits, worst); got != want {
					t.Errorf("%s, %s: error of %d steps = %s, want %s", test.tab.Name, problem.name, n, got, want)
				}
			}
		}
	}
}

// Error control reaches the same ends on its own steps.
func TestProbabilityFlowAdaptive(t *testing.T) {
	for _, problem := range []struct {
		name string
		m    target
		ends []float64
	}{{"Gaussian", gaussian, gaussianEnds}, {"mixture", mixture, mixtureEnds}} {
		x := slices.Clone(starts)
		st := ode.DP5.Stepper(problem.m.flow(sde.VP{}), len(x)).(ode.Estimator)
		if _, err := (ode.Control{Rel: 1e-10, Abs: 1e-10, Dim: 1}).Adapt(context.Background(), st, x, 1, 1e-3, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(problem.ends, x, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Errorf("%s: ends at tolerance 1e-10 (-want +got):\n%s", problem.name, diff)
		}
	}
}
