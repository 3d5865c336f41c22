package sde_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/sde"
)

// W is the same whether H is asked for or not; H is independent of it, with variance |h|/12.
func TestFreshArea(t *testing.T) {
	const rows, dim = 3, 20_000
	const from, to = 0.7, 0.3
	plain := make([]float64, rows*dim)
	if err := (sde.Fresh{Seed: 5}).Path(2, rows, dim).Increment(plain, from, to); err != nil {
		t.Fatal(err)
	}
	path := sde.Fresh{Seed: 5}.Path(2, rows, dim).(sde.SpaceTime)
	w, h := make([]float64, rows*dim), make([]float64, rows*dim)
	if err := path.Area(w, h, from, to); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain, w); diff != "" {
		t.Errorf("W (-Increment +Area):\n%s", diff)
	}
	var hh, wh float64
	for i := range h {
		hh += h[i] * h[i] / (rows * dim)
		wh += h[i] * w[i] / (rows * dim)
	}
	// Five standard errors of 60,000 draws.
	if want, within := 0.4/12, 5*0.4/12*math.Sqrt(2./(rows*dim)); !(math.Abs(hh-want) < within) {
		t.Errorf("variance of H = %v, want %v within %v", hh, want, within)
	}
	if within := 5 * 0.4 / math.Sqrt(12*rows*dim); !(math.Abs(wh) < within) {
		t.Errorf("covariance of W and H = %v, want 0 within %v", wh, within)
	}
	if err := path.Area(w, h, 0.5, 0.2); !errors.Is(err, sde.ErrOverlap) {
		t.Errorf("Area of an overlapping interval = %v, want %v", err, sde.ErrOverlap)
	}
}
