package sde_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/sde"
)

// A functional is a φ whose expectation E[φ(x)] a weak order is measured by.
type functional struct {
	name string
	of   func(x float64) float64
	// on N(mean, variance)
	exact func(mean, variance float64) float64
}

var functionals = []functional{
	{"x", func(x float64) float64 { return x }, func(m, v float64) float64 { return m }},
	{"x²", func(x float64) float64 { return x * x }, func(m, v float64) float64 { return m*m + v }},
	{"x⁴", func(x float64) float64 { return x * x * x * x }, func(m, v float64) float64 { return m*m*m*m + 6*m*m*v + 3*v*v }},
	{"cos 2x", func(x float64) float64 { return math.Cos(2 * x) }, func(m, v float64) float64 { return math.Cos(2*m) * math.Exp(-2*v) }},
}

// A tally is the number, the sum and the sum of the squares of what was added.
type tally struct{ n, sum, squares float64 }

func (a *tally) add(v float64) { a.merge(tally{1, v, v * v}) }

func (a *tally) merge(b tally) { a.n, a.sum, a.squares = a.n+b.n, a.sum+b.sum, a.squares+b.squares }

// mean returns the mean and the half-width of its interval of 95 %.
func (a tally) mean() (mean, half float64) {
	mean = a.sum / a.n
	return mean, 1.96 * math.Sqrt((a.squares/a.n-mean*mean)/a.n)
}

// weakOrder fits the order of the means of differences, which are given by rung and by chunk of paths, with an interval that resampling the chunks
// gives. A rung whose mean is not known to 20 % is dropped and never fitted; ok is false if fewer than five are left.
func weakOrder(ladder []int, differences [][]tally) (order, low, high float64, ok bool) {
	var x []float64
	var kept [][]tally
	for r, n := range ladder {
		var all tally
		for _, c := range differences[r] {
			all.merge(c)
		}
		if mean, half := all.mean(); half < 0.2*math.Abs(mean) {
			x, kept = append(x, math.Log(float64(n))), append(kept, differences[r])
		}
	}
	if len(x) < 5 {
		return 0, 0, 0, false
	}
	chunks := len(differences[0])
	slope := func(pick func(int) int) float64 {
		y := make([]float64, len(x))
		for r, list := range kept {
			var all tally
			for c := range chunks {
				all.merge(list[pick(c)])
			}
			mean, _ := all.mean()
			y[r] = math.Log(math.Abs(mean))
		}
		_, s := stat.LinearRegression(x, y, nil, false)
		return -s
	}
	order = slope(func(c int) int { return c })
	low, high = resampled(chunks, slope)
	return order, low, high, true
}

// TestLongWeakOrders measures weak orders on a nonlinear problem by coupled differences E[φ(X_h) - φ(X_ref)] on common paths, and checks the
// reference against closed forms. A method has an order if all expectations that can be fitted show it, the second and the fourth moment among them, and
// not more if one shows no more: that of normal data would not, see TestTableauErrors.
func TestLongWeakOrders(t *testing.T) {
	if !*long {
		t.Skip("takes seconds; run with -long")
	}
	t.Parallel()
	const chunk, chunks, cells = 4000, 20, 192
	ladder := []int{6, 8, 12, 16, 24, 32}
	fine := uniform(1, 1e-3, cells)
	tests := []struct {
		name   string
		method method
		order  float64
	}{
		{"Euler-Maruyama", eulerMaruyama, 1},
		{"stochasticheun", sde.StochasticHeun.Stepper, 2},
		{"stochasticmidpoint", sde.StochasticMidpoint.Stepper, 1},
		{"sra1", sde.SRA1.Stepper, 2},
		{"shark", sde.ShARK.Stepper, 2},
		{"sra1 without H", withoutArea(sde.SRA1.Stepper), 1},
	}
	differences := make([][][][]tally, len(tests)) // by functional, rung and chunk
	for i := range differences {
		differences[i] = make([][][]tally, len(functionals))
		for k := range functionals {
			differences[i][k] = make([][]tally, len(ladder))
			for r := range ladder {
				differences[i][k][r] = make([]tally, chunks)
			}
		}
	}
	reference := make([]tally, len(functionals))
	for c := range chunks {
		path := sde.GridPath{Seed: 21, Grid: fine}.Path(c, 1, chunk).(sde.SpaceTime)
		starts := hillStarts(chunk, uint64(100+c))
		want := run(t, sde.SRA3.Stepper, path, starts, fine)
		for k, f := range functionals {
			for _, x := range want {
				reference[k].add(f.of(x))
			}
		}
		for r, n := range ladder {
			grid := every(fine, cells/n)
			steps := record(t, path, grid, chunk)
			for i, test := range tests {
				again := *steps
				for j, x := range run(t, test.method, &again, starts, grid) {
					for k, f := range functionals {
						differences[i][k][r][c].add(f.of(x) - f.of(want[j]))
					}
				}
			}
		}
	}
	p := ladderSchedule.At(1e-3)
	for k, f := range functionals {
		v := p.Alpha*p.Alpha*0.36 + p.Sigma*p.Sigma
		exact := 0.4*f.exact(-p.Alpha, v) + 0.6*f.exact(p.Alpha, v)
		if got, half := reference[k].mean(); !(math.Abs(got-exact) < 2*half) {
			t.Errorf("E[%s] of the reference is %.4f within %.4f, want %.4f", f.name, got, half, exact)
		}
	}
	for i, test := range tests {
		fitted, noMore := map[string]bool{}, false
		for k, f := range functionals {
			order, low, high, ok := weakOrder(ladder, differences[i][k])
			if !ok {
				continue
			}
			fitted[f.name] = true
			t.Logf("%s: weak order of E[%s] %.2f in [%.2f, %.2f]", test.name, f.name, order, low, high)
			if test.order == 2 && !(low > 1.5) {
				t.Errorf("%s: weak order of E[%s] %.2f in [%.2f, %.2f], want 2", test.name, f.name, order, low, high)
			}
			noMore = noMore || low > 0.6 && high < 1.5
		}
		if !fitted["x²"] || !fitted["x⁴"] && test.order == 2 {
			t.Errorf("%s: only %v allow a fit", test.name, fitted)
		}
		if test.order == 1 && !noMore {
			t.Errorf("%s: no expectation shows weak order 1", test.name)
		}
	}
}
