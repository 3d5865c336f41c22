package ode_test

import (
	"context"
	"math"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
)

// A problem is an initial value problem with a solution in closed form.
type problem struct {
	name   string
	f      ode.Func
	exact  func(t float64) []float64
	t0, t1 float64
}

// backward returns the problem that starts from the solution at t1.
func (p problem) backward() problem {
	p.name += " backward"
	p.t0, p.t1 = p.t1, p.t0
	return p
}

// Problems on which no term of an error expansion vanishes: f depends on t and, the
// second and third, on x nonlinearly. An autonomous linear one would be blind to every
// node and to most of the trees.
var problems = []problem{
	{
		name: "x' = x cos t",
		f: func(dst, x []float64, t float64) error {
			dst[0] = x[0] * math.Cos(t)
			return nil
		},
		exact: func(t float64) []float64 { return []float64{math.Exp(math.Sin(t))} },
		t1:    2,
	},
	{
		// Bernoulli's equation: z = 1/x satisfies z' = t - z.
		name: "x' = x - t x²",
		f: func(dst, x []float64, t float64) error {
			dst[0] = x[0] - t*x[0]*x[0]
			return nil
		},
		exact: func(t float64) []float64 { return []float64{1 / (t - 1 + 2*math.Exp(-t))} },
		t1:    2,
	},
	{
		// The rational problem of SciPy's test suite, two coupled equations.
		name: "rational",
		f: func(dst, x []float64, t float64) error {
			dst[0] = x[1] / t
			dst[1] = x[1] * (x[0] + 2*x[1] - 1) / (t * (x[0] - 1))
			return nil
		},
		exact: func(t float64) []float64 { return []float64{t / (t + 10), 10 * t / ((t + 10) * (t + 10))} },
		t0:    1,
		t1:    5,
	},
}

// solve returns the greatest error over the n equal steps of tab from t0 to t1, in
// any element at any time: at a single time the leading term may pass through zero.
func (p problem) solve(t *testing.T, tab ode.Tableau, n int) float64 {
	t.Helper()
	grid := make([]float64, n+1)
	for i := range grid {
		grid[i] = p.t0 + (p.t1-p.t0)*float64(i)/float64(n)
	}
	x := p.exact(p.t0)
	worst := 0.0
	_, err := ode.Integrate(context.Background(), tab.Stepper(p.f, len(x)), x, grid, func(at ode.Span, x []float64) error {
		worst = math.Max(worst, distance(x, p.exact(at.To)))
		return nil
	})
	if err != nil {
		t.Fatalf("%s of %s in %d steps: %v", p.name, tab.Name, n, err)
	}
	return worst
}

// A ladder is a list of step counts that double, and the errors found with them.
type ladder struct{ steps, errors []float64 }

// climb finds the errors with six step counts, the least of which is first.
func climb(first int, solve func(n int) float64) ladder {
	var l ladder
	for k := range 6 {
		n := first << k
		l.steps, l.errors = append(l.steps, float64(n)), append(l.errors, solve(n))
	}
	return l
}

// order returns the observed order: the slope of error against step length.
func (l ladder) order() float64 { return -slope(l.steps, l.errors) }

// rungs returns the least step count of a ladder for a method of the given order, so
// that its errors lie between 1e-1 and the rounding, 1e-14.
func rungs(order int) int {
	if order >= 5 {
		return 4
	}
	return 16
}

// The slope is bounded from below alone, where a method that loses its order falls: an
// order-5 pair shows up to 6 on problems as smooth as these. From above the order is
// bounded by the exact conditions in TestTableauConditions.
func TestObservedOrder(t *testing.T) {
	for _, p := range problems {
		for _, p := range []problem{p, p.backward()} {
			for _, tab := range ode.Tableaus() {
				if tab.Order > 5 {
					continue // too few doublings fit between 1e-1 and the rounding: TestObservedOrder8
				}
				l := climb(rungs(tab.Order), func(n int) float64 { return p.solve(t, tab, n) })
				if got := l.order(); !(got >= float64(tab.Order)-0.3) {
					t.Errorf("%s, %s: observed order %.2f, want %d; errors %.3g", p.name, tab.Name, got, tab.Order, l.errors)
				}
			}
		}
	}
}

// Negative controls: a method that takes all its stages at the start of the step, or each
// a step too late, has order 1. An autonomous problem would not notice.
func TestObservedOrderSeesTime(t *testing.T) {
	for _, p := range problems {
		for _, tab := range ode.Tableaus() {
			if tab.Order == 1 {
				continue
			}
			early := clone(tab)
			clear(early.C)
			l := climb(rungs(tab.Order), func(n int) float64 { return p.solve(t, early, n) })
			if got := l.order(); !(got > 0.7 && got < 1.3) {
				t.Errorf("%s, %s with all nodes at 0: observed order %.2f, want 1; errors %.3g", p.name, tab.Name, got, l.errors)
			}

			l = climb(rungs(tab.Order), func(n int) float64 {
				late, h := p, (p.t1-p.t0)/float64(n)
				late.f = func(dst, x []float64, t float64) error { return p.f(dst, x, t+h) }
				return late.solve(t, tab, n)
			})
			if got := l.order(); !(got > 0.7 && got < 1.3) {
				t.Errorf("%s, %s a step late: observed order %.2f, want 1; errors %.3g", p.name, tab.Name, got, l.errors)
			}
		}
	}
}

// distance returns the greatest absolute difference between elements of x and y.
func distance(x, y []float64) float64 {
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	return norm(d)
}

// norm returns the greatest absolute value in x; NaN if there is one.
func norm(x []float64) float64 {
	most := 0.0
	for _, v := range x {
		most = math.Max(most, math.Abs(v))
	}
	return most
}

// slope returns the slope of the least-squares line through the points
// (log x, log y): the p of y = C·x^p.
func slope(xs, ys []float64) float64 {
	n := float64(len(xs))
	var sx, sy, sxx, sxy float64
	for i := range xs {
		x, y := math.Log(xs[i]), math.Log(ys[i])
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
