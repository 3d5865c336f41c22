package sde_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// The problem of the ladders: 0.4 N(-1, 0.36) + 0.6 N(1, 0.36) with β from 0.1 to 8. Its score bends, and noise is not negligible
// anywhere, so that the double integrals and the second derivatives of the drift, which normal data hide, decide the order.
var ladderSchedule = sde.VP{BetaMin: 0.1, BetaMax: 8}

// twoHills is the reverse equation. The components are of one variance v, so the mean of the data, given x, is a tanh:
//
//	ε = σ(x - α tanh(αx/v + log(0.6/0.4)/2))/v.
func twoHills() sde.System {
	return sde.System{
		Drift: func(dst, x []float64, t float64) error {
			p := ladderSchedule.At(t)
			v := p.Alpha*p.Alpha*0.36 + p.Sigma*p.Sigma
			a, b, _ := p.Reverse(1)
			shift, steep := math.Log(0.6/0.4)/2, p.Alpha/v
			b *= p.Sigma / v
			for i, u := range x {
				dst[i] = a*u + b*(u-p.Alpha*math.Tanh(steep*u+shift))
			}
			return nil
		},
		Diffusion: func(t float64) float64 { return math.Sqrt(ladderSchedule.At(t).G2()) },
	}
}

// hillStarts returns n states from the exact law at t = 1.
func hillStarts(n int, seed uint64) []float64 {
	p := ladderSchedule.At(1)
	rng, x := rand.New(rand.NewPCG(seed, 1)), make([]float64, n)
	for i := range x {
		mean := p.Alpha
		if rng.Float64() < 0.4 {
			mean = -p.Alpha
		}
		x[i] = mean + math.Sqrt(p.Alpha*p.Alpha*0.36+p.Sigma*p.Sigma)*rng.NormFloat64()
	}
	return x
}

// The fast score is that of the mixture.
func TestTwoHills(t *testing.T) {
	x := []float64{-2, -0.7, 0, 0.1, 1.5}
	want, got := make([]float64, len(x)), make([]float64, len(x))
	for _, at := range []float64{1e-3, 0.2, 1} {
		if err := (target{{0.4, -1, 0.6}, {0.6, 1, 0.6}}).reverse(ladderSchedule).Drift(want, x, at); err != nil {
			t.Fatal(err)
		}
		if err := twoHills().Drift(got, x, at); err != nil {
			t.Fatal(err)
		}
		if !floats.EqualApprox(want, got, 1e-12) {
			t.Errorf("drift at %v = %v, want %v", at, got, want)
		}
	}
}

// A recording is what one path gives over the steps of a grid, so that methods share it.
type recording struct {
	w, h [][]float64
	next int
}

// record queries a path along a grid.
func record(t *testing.T, path sde.SpaceTime, grid []float64, n int) *recording {
	r := &recording{}
	for at := range ode.Spans(grid) {
		w, h := make([]float64, n), make([]float64, n)
		if err := path.Area(w, h, at.From, at.To); err != nil {
			t.Fatal(err)
		}
		r.w, r.h = append(r.w, w), append(r.h, h)
	}
	return r
}

func (r *recording) Increment(dst []float64, from, to float64) error {
	copy(dst, r.w[r.next])
	r.next++
	return nil
}

func (r *recording) Area(w, h []float64, from, to float64) error {
	copy(w, r.w[r.next])
	copy(h, r.h[r.next])
	r.next++
	return nil
}

// run carries the starts over the grid.
func run(t *testing.T, m method, path sde.Brownian, starts, grid []float64) []float64 {
	x := slices.Clone(starts)
	st, err := m(twoHills(), path, len(x))
	if err != nil {
		t.Fatal(err)
	}
	if err := ode.Walk(st, x, grid); err != nil {
		t.Fatal(err)
	}
	return x
}

// summed joins the H of a path's cells by adding them, which has the right law of each step, and is wrong: the H of a
// step has a part of the W inside of it.
type summed struct {
	sde.SpaceTime
	cells []float64
}

func (s summed) Area(w, h []float64, from, to float64) error {
	i, j := slices.Index(s.cells, from), slices.Index(s.cells, to)
	clear(w)
	clear(h)
	dw, dh := make([]float64, len(w)), make([]float64, len(w))
	for k := i; k < j; k++ {
		if err := s.SpaceTime.Area(dw, dh, s.cells[k], s.cells[k+1]); err != nil {
			return err
		}
		floats.Add(w, dw)
		floats.Add(h, dh)
	}
	return nil
}

// withoutArea returns m on paths that say that H is 0.
func withoutArea(m method) method {
	return func(sys sde.System, w sde.Brownian, n int) (ode.Stepper, error) {
		return m(sys, altered{w.(sde.SpaceTime), func(float64) float64 { return 1 }, func(float64) float64 { return 0 }}, n)
	}
}

// every returns each k-th time of a grid.
func every(grid []float64, k int) []float64 {
	var out []float64
	for i := 0; i < len(grid); i += k {
		out = append(out, grid[i])
	}
	return out
}

// resampled returns the interval of 99 % of a statistic of n samples, which it computes of the samples that pick gives: of n samples drawn with
// replacement, 200 times.
func resampled(n int, statistic func(pick func(int) int) float64) (low, high float64) {
	rng := rand.New(rand.NewPCG(13, 14))
	values, chosen := make([]float64, 200), make([]int, n)
	for k := range values {
		for j := range chosen {
			chosen[j] = rng.IntN(n)
		}
		values[k] = statistic(func(j int) int { return chosen[j] })
	}
	slices.Sort(values)
	return stat.Quantile(0.005, stat.Empirical, values, nil), stat.Quantile(0.995, stat.Empirical, values, nil)
}

// TestLongStrongOrders measures the strong orders on a nonlinear problem, against one reference on the same paths: the
// limit is the same for all. The interval of the slope, by resampling paths, must keep out the neighbouring order.
func TestLongStrongOrders(t *testing.T) {
	if !*long {
		t.Skip("takes seconds; run with -long")
	}
	t.Parallel()
	const paths, cells = 1000, 8192
	ladder := []int{16, 32, 64, 128, 256, 512}
	fine := uniform(1, 1e-3, cells)
	path := sde.GridPath{Seed: 11, Grid: fine}.Path(0, 1, paths).(sde.SpaceTime)
	starts := hillStarts(paths, 12)
	want := run(t, sde.SRA3.Stepper, path, starts, fine)

	tests := []struct {
		name   string
		method method
		summed bool
		order  float64
	}{
		{"Euler-Maruyama", eulerMaruyama, false, 1},
		{"stochasticheun", sde.StochasticHeun.Stepper, false, 1},
		{"stochasticmidpoint", sde.StochasticMidpoint.Stepper, false, 1},
		{"sea", sde.SEA.Stepper, false, 1},
		{"sra1", sde.SRA1.Stepper, false, 1.5},
		{"sra2", sde.SRA2.Stepper, false, 1.5},
		{"sra3", sde.SRA3.Stepper, false, 1.5},
		{"shark", sde.ShARK.Stepper, false, 1.5},
		{"sra1 without H", withoutArea(sde.SRA1.Stepper), false, 1},
		{"sra1 with H summed", sde.SRA1.Stepper, true, 1},
	}
	squares := make([][][]float64, len(tests)) // by rung and path
	for _, n := range ladder {
		grid := every(fine, cells/n)
		chen, sums := record(t, path, grid, paths), record(t, summed{path, fine}, grid, paths)
		for i, test := range tests {
			r := *chen
			if test.summed {
				r = *sums
			}
			e := run(t, test.method, &r, starts, grid)
			floats.Sub(e, want)
			floats.Mul(e, e)
			squares[i] = append(squares[i], e)
		}
	}
	var x []float64
	for _, n := range ladder {
		x = append(x, math.Log(float64(n)))
	}
	for i, test := range tests {
		y := make([]float64, len(ladder))
		slope := func(pick func(int) int) float64 {
			for k, list := range squares[i] {
				total := 0.0
				for j := range list {
					total += list[pick(j)]
				}
				y[k] = math.Log(total/paths) / 2
			}
			_, s := stat.LinearRegression(x, y, nil, false)
			return -s
		}
		order := slope(func(j int) int { return j })
		local := make([]float64, len(y)-1)
		for k := range local {
			local[k] = (y[k] - y[k+1]) / math.Ln2
		}
		low, high := resampled(paths, slope)
		t.Logf("%s: strong order %.2f in [%.2f, %.2f], local %.2f", test.name, order, low, high, local)
		if test.order == 1 && !(high < 1.3 && low > 0.8) || test.order == 1.5 && !(low > 1.3 && high < 2) {
			t.Errorf("%s: strong order %.2f in [%.2f, %.2f], want %v; local orders %.2f", test.name, order, low, high, test.order, local)
		}
	}
}
