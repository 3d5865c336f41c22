package sde_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// area returns (W, H) of [from, to].
func area(t *testing.T, p sde.Brownian, n int, from, to float64) (w, h []float64) {
	t.Helper()
	w, h = slices.Repeat([]float64{math.NaN()}, n), slices.Repeat([]float64{math.NaN()}, n)
	if err := p.(sde.SpaceTime).Area(w, h, from, to); err != nil {
		t.Fatalf("Area(%v, %v): %v", from, to, err)
	}
	return w, h
}

// An integral of the path over an interval is that over its parts, whatever the signs of their lengths.
func TestChen(t *testing.T) {
	// W_v = v³ has polynomial integrals: W and H of [r, u] in closed form.
	exact := func(r, u float64) (w, h []float64) {
		dw := u*u*u - r*r*r
		integral := (u*u*u*u-r*r*r*r)/4 - r*r*r*(u-r)
		if u == r {
			return []float64{0}, []float64{0}
		}
		return []float64{dw}, []float64{integral/(u-r) - dw/2}
	}
	for _, test := range []struct{ r, s, u float64 }{
		{0, 0.25, 1}, {1, 0.25, 0}, {-0.5, 0.125, 2}, {0, 1, 0.25}, {1, 0, 0.5}, {0.5, 0.5, 1}, {0.5, 1, 1}, {0.5, 2, 0.5},
	} {
		w1, h1 := exact(test.r, test.s)
		w2, h2 := exact(test.s, test.u)
		wantW, wantH := exact(test.r, test.u)
		w, h := []float64{math.NaN()}, []float64{math.NaN()}
		sde.Chen(w, h, test.s-test.r, w1, h1, test.u-test.s, w2, h2)
		near := cmpopts.EquateApprox(1e-14, 1e-14)
		if diff := cmp.Diff([][]float64{wantW, wantH}, [][]float64{w, h}, near); diff != "" {
			t.Errorf("Chen over %v (-want +got):\n%s", test, diff)
		}
		// In place, into either part.
		a, b := slices.Clone(w1), slices.Clone(h1)
		sde.Chen(a, b, test.s-test.r, a, b, test.u-test.s, w2, h2)
		sde.Chen(w2, h2, test.s-test.r, w1, h1, test.u-test.s, w2, h2)
		if diff := cmp.Diff([][]float64{w, h, w, h}, [][]float64{a, b, w2, h2}); diff != "" {
			t.Errorf("Chen over %v in place (-apart +in place):\n%s", test, diff)
		}
	}
}

// A walk along the grid is Fresh's.
func TestGridPathIsFresh(t *testing.T) {
	const rows, dim = 3, 4
	for _, grid := range [][]float64{{0, 0.1, 0.5, 2}, {1, 0.7, 0.2, -1}} {
		fresh, path := sde.Fresh{Seed: 4}.Path(2, rows, dim), sde.GridPath{Seed: 4, Grid: grid}.Path(2, rows, dim)
		plain := sde.GridPath{Seed: 4, Grid: grid}.Path(2, rows, dim)
		for k := range len(grid) - 1 {
			wantW, wantH := area(t, fresh, rows*dim, grid[k], grid[k+1])
			w, h := area(t, path, rows*dim, grid[k], grid[k+1])
			dw := increment(t, plain, rows*dim, grid[k], grid[k+1])
			if diff := cmp.Diff([][]float64{wantW, wantH, wantW}, [][]float64{w, h, dw}); diff != "" {
				t.Errorf("cell %d of %v (-Fresh +GridPath):\n%s", k, grid, diff)
			}
		}
	}
}

// Errors come at once, and only for what is not on the grid.
func TestGridPathErrors(t *testing.T) {
	w, h := make([]float64, 2), make([]float64, 2)
	path := sde.GridPath{Grid: []float64{1, 0.5, 0.1}}.Path(0, 1, 2).(sde.SpaceTime)
	for _, at := range [][2]float64{{1, 0.4}, {0.4, 1}, {2, 1}, {0, 0.1}, {math.NaN(), 0.5}, {0.5, math.Inf(1)}, {math.Nextafter(0.5, 1), 0.1}} {
		if err := path.Increment(w, at[0], at[1]); !errors.Is(err, sde.ErrOffGrid) {
			t.Errorf("Increment(%v) = %v, want %v", at, err, sde.ErrOffGrid)
		}
		if err := path.Area(w, h, at[0], at[1]); !errors.Is(err, sde.ErrOffGrid) {
			t.Errorf("Area(%v) = %v, want %v", at, err, sde.ErrOffGrid)
		}
	}
	if w, h := area(t, path, 2, 0.5, 0.5); cmp.Diff([][]float64{{0, 0}, {0, 0}}, [][]float64{w, h}) != "" {
		t.Errorf("an empty interval has W = %v and H = %v, want 0", w, h)
	}
	for _, grid := range [][]float64{nil, {1}, {0, 0}, {0, 1, 0.5}, {0, math.NaN()}} {
		noise := sde.GridPath{Grid: grid}
		if err := noise.Check(); !errors.Is(err, ode.ErrGrid) {
			t.Errorf("Check of the grid %v = %v, want %v", grid, err, ode.ErrGrid)
		}
		if err := noise.Path(0, 1, 2).Increment(w, 0, 1); !errors.Is(err, ode.ErrGrid) {
			t.Errorf("a path on the grid %v = %v, want %v", grid, err, ode.ErrGrid)
		}
	}
}

// What serves a state also serves its rows one by one, in any order, as often as wanted, without allocation.
func TestGridPathInPlace(t *testing.T) {
	const rows, dim = 4, 5
	noise := sde.GridPath{Seed: 9, Grid: []float64{0, 0.25, 0.75, 1}}
	path := noise.Path(0, rows, dim).(sde.SpaceTime)
	w, h := area(t, path, rows*dim, 1, 0.25)
	for range 3 {
		area(t, path, rows*dim, 0, 1)
		if again, ha := area(t, path, rows*dim, 1, 0.25); cmp.Diff(w, again)+cmp.Diff(h, ha) != "" {
			t.Error("the same interval again has another W or H")
		}
	}
	back, hb := area(t, path, rows*dim, 0.25, 1)
	for i := range back {
		if back[i] != -w[i] || hb[i] != h[i] {
			t.Fatalf("walked the other way (W, H) = (%v, %v), want (%v, %v)", back[i], hb[i], -w[i], h[i])
		}
	}
	if got := increment(t, path, rows*dim, 1, 0.25); cmp.Diff(w, got) != "" {
		t.Error("Increment and Area give another W")
	}
	for i := range rows {
		alone, ha := area(t, noise.Path(i, 1, dim), dim, 1, 0.25)
		if diff := cmp.Diff([][]float64{w[i*dim:][:dim], h[i*dim:][:dim]}, [][]float64{alone, ha}); diff != "" {
			t.Errorf("row %d (-in the batch +alone):\n%s", i, diff)
		}
	}
	if got := testing.AllocsPerRun(10, func() {
		if err := path.Area(w, h, 1, 0); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("Area allocates %v times", got)
	}
}
