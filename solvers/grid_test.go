package solvers_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// schedules have different relations between t, λ and κ; that of the table has corners.
func schedules(t testing.TB) map[string]sde.Schedule {
	t.Helper()
	table, err := sde.NewDiscrete(sde.LinearBetas(1000, 1e-4, 0.02))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]sde.Schedule{"VP": sde.VP{}, "Cosine": sde.Cosine{}, "Discrete": table, "SubVP": sde.SubVP{}, "VE": sde.VE{},
		"EDM": sde.EDM{}, "Flow": sde.Flow{}, "TrigFlow": sde.TrigFlow{}}
}

// The variable in which each grid is uniform.
var uniform = []struct {
	grid solvers.Grid
	u    func(p sde.Point) float64
}{
	{solvers.QuadraticGrid{}, func(p sde.Point) float64 { return math.Sqrt(p.T) }},
	{solvers.TimeGrid{}, func(p sde.Point) float64 { return p.T }},
	{solvers.LambdaGrid{}, func(p sde.Point) float64 { return math.Log(p.Alpha / p.Sigma) }},
	{solvers.KarrasGrid{}, func(p sde.Point) float64 { return math.Pow(p.Sigma/p.Alpha, 1./7) }},
	{solvers.KarrasGrid{Rho: 7}, func(p sde.Point) float64 { return math.Pow(p.Sigma/p.Alpha, 1./7) }},
	{solvers.KarrasGrid{Rho: 2.5}, func(p sde.Point) float64 { return math.Pow(p.Sigma/p.Alpha, 1/2.5) }},
	{solvers.ExponentialGrid{}, func(p sde.Point) float64 { return math.Log(p.Sigma / p.Alpha) }},
	{solvers.PolyexponentialGrid{}, func(p sde.Point) float64 { return math.Log(p.Sigma / p.Alpha) }},
	{solvers.KLOptimalGrid{}, func(p sde.Point) float64 { return math.Atan(p.Sigma / p.Alpha) }},
	{solvers.SGMGrid{}, func(p sde.Point) float64 { return p.T }},
}

func TestGridsAreUniform(t *testing.T) {
	for name, s := range schedules(t) {
		for _, c := range uniform {
			const steps = 50
			grid, err := c.grid.Times(s, steps)
			if err != nil {
				t.Fatal(err)
			}
			first, last := c.u(s.At(grid[0])), c.u(s.At(grid[steps]))
			for i, at := range grid {
				want := first + (last-first)*float64(i)/steps
				if got := c.u(s.At(at)); !(math.Abs(got-want) <= 1e-12*math.Abs(last-first)) {
					t.Errorf("%s grid of %s: the variable at time %d is %v, want %v", solvers.GridName(c.grid), name, i, got, want)
				}
			}
		}
	}
}

// The ends are the domain's to the bit, and no two times coincide, for any number of steps.
func TestGridTimes(t *testing.T) {
	t.Parallel()
	stride := 17
	if testing.Short() {
		stride = 37
	}
	for name, s := range schedules(t) {
		tmin, tmax := s.Domain()
		for _, g := range solvers.Grids() {
			for steps := 1; steps <= 1000; steps += stride {
				grid, err := g.Times(s, steps)
				if isRule(g) || errors.Is(err, solvers.ErrUnsuited) {
					break // TestTableGrids
				}
				if err != nil {
					t.Fatalf("%s grid of %s, %d steps: %v", g.Name(), name, steps, err)
				}
				if len(grid) != steps+1 || grid[0] != tmax || grid[steps] != tmin {
					t.Errorf("%s grid of %s, %d steps: %d times from %v to %v, want %d from %v to %v", g.Name(), name, steps, len(grid), grid[0], grid[steps], steps+1, tmax, tmin)
				}
				for i, at := range grid[1:] {
					if !(at < grid[i]) {
						t.Errorf("%s grid of %s, %d steps: times %d and %d are %v and %v", g.Name(), name, steps, i, i+1, grid[i], at)
					}
				}
			}
		}
	}
}

// By the formula of [karras2022edm], equation 5.
func TestKarrasGrid(t *testing.T) {
	const steps, rho = 10, 7
	grid, err := solvers.KarrasGrid{}.Times(sde.VP{}, steps)
	if err != nil {
		t.Fatal(err)
	}
	s := sde.VP{}
	top, bottom := s.At(1).Kappa(), s.At(1e-3).Kappa()
	for i, at := range grid {
		want := math.Pow(math.Pow(top, 1./rho)+float64(i)/steps*(math.Pow(bottom, 1./rho)-math.Pow(top, 1./rho)), rho)
		if got := s.At(at).Kappa(); !(math.Abs(got-want) <= 1e-12*want) {
			t.Errorf("kappa at time %d is %v, want %v", i, got, want)
		}
	}
}

func TestGridErrors(t *testing.T) {
	for _, g := range solvers.Grids() {
		for _, steps := range []int{0, -1} {
			if grid, err := g.Times(sde.VP{}, steps); !errors.Is(err, solvers.ErrGrid) || !strings.Contains(err.Error(), fmt.Sprint(steps)) {
				t.Errorf("%s grid of %d steps: %v, %v, want ErrGrid", g.Name(), steps, grid, err)
			}
		}
		if grid, err := g.Times(sde.VP{BetaMin: -1, BetaMax: 20}, 10); !errors.Is(err, solvers.ErrProblem) {
			t.Errorf("%s grid of a bad schedule: %v, %v, want ErrProblem", g.Name(), grid, err)
		}
		// Between these times there is no room for 1000 others.
		narrow := sde.VP{TMin: 0.5, TMax: math.Nextafter(0.5, 1)}
		if grid, err := g.Times(narrow, 1000); !errors.Is(err, solvers.ErrGrid) {
			t.Errorf("%s grid without room: %v, %v, want ErrGrid", g.Name(), grid, err)
		}
		if g.Name() == "" || g.About() == "" {
			t.Errorf("%T has the name %q and is about %q", g, g.Name(), g.About())
		}
	}
	for _, rho := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if grid, err := (solvers.KarrasGrid{Rho: rho}).Times(sde.VP{}, 10); !errors.Is(err, solvers.ErrParameter) || !strings.Contains(err.Error(), fmt.Sprint(rho)) {
			t.Errorf("karras grid with rho %v: %v, %v, want ErrParameter", rho, grid, err)
		}
	}
}

func TestCheckGrid(t *testing.T) {
	below := math.Nextafter(1e-3, 0)
	for _, c := range []struct {
		grid []float64
		ok   bool
	}{
		{[]float64{1, 1e-3}, true},
		{[]float64{0.6, 0.5, 0.4}, true},
		{[]float64{0.5, math.Nextafter(0.5, 0)}, true},
		{nil, false},
		{[]float64{0.5}, false},
		{[]float64{0.4, 0.5}, false},
		{[]float64{0.5, 0.5}, false},
		{[]float64{0.5, 0.4, 0.4}, false},
		{[]float64{0.5, 0.3, 0.4}, false},
		{[]float64{1, below}, false},
		{[]float64{math.Nextafter(1, 2), 0.5}, false},
		{[]float64{math.Inf(1), 0.5}, false},
		{[]float64{0.5, math.Inf(-1)}, false},
		{[]float64{math.NaN(), 0.5}, false},
		{[]float64{0.5, math.NaN()}, false},
		{[]float64{0.5, math.NaN(), 0.4}, false},
		{[]float64{math.NaN(), math.NaN()}, false},
	} {
		err := solvers.CheckGrid(sde.VP{}, c.grid)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, solvers.ErrGrid) {
			t.Errorf("CheckGrid(VP, %v) = %v, want it to accept: %t", c.grid, err, c.ok)
		}
	}
	// A fault of order is the grid's own, known to package ode too.
	if err := solvers.CheckGrid(sde.VP{}, []float64{0.5, 0.5}); !errors.Is(err, ode.ErrGrid) {
		t.Errorf("CheckGrid of a repeated time = %v, want it to wrap ode.ErrGrid", err)
	}
}

// Eight bytes are a time; with order set they are put in order, so that some grids are good.
func FuzzCheckGrid(f *testing.F) {
	add := func(order bool, grid ...float64) {
		var raw []byte
		for _, t := range grid {
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(t))
		}
		f.Add(raw, order)
	}
	add(false)
	add(false, 1)
	add(false, 1, 0.5, 1e-3)
	add(false, 1e-3, 0.5, 1)
	add(false, 1, 0.5, 0.5)
	add(false, 1, math.NaN(), 0.5)
	add(true, 0.3, 0.9, math.Inf(1))
	add(true, 0.3, 0.9, 0.2, 0.01)
	add(false, 0.5, 1e-4)
	f.Fuzz(func(t *testing.T, raw []byte, order bool) {
		var grid []float64
		for ; len(raw) >= 8; raw = raw[8:] {
			grid = append(grid, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
		}
		if order {
			slices.Sort(grid)
			slices.Reverse(grid)
		}
		want := len(grid) >= 2
		for i, at := range grid {
			want = want && at >= 1e-3 && at <= 1 && (i == 0 || at < grid[i-1])
		}
		err := solvers.CheckGrid(sde.VP{}, grid)
		if (err == nil) != want {
			t.Errorf("CheckGrid(VP, %v) = %v, want it to accept: %t", grid, err, want)
		}
		if err != nil && !errors.Is(err, solvers.ErrGrid) {
			t.Errorf("CheckGrid(VP, %v) = %v, want it to wrap ErrGrid", grid, err)
		}
	})
}
