package sde_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// A method that asks for W and H takes two recorded draws, scaled to √|h| and √(|h|/12).
func TestReplayArea(t *testing.T) {
	noise := sde.Replay{Draws: [][]float64{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}, {13, 14, 15}}}
	path := noise.Path(1, 2, 1).(sde.SpaceTime)
	w, h := make([]float64, 2), make([]float64, 2)
	for _, want := range [][2][]float64{{{4, 6}, {10, 12}}, {{16, 18}, {22, 24}}} {
		if err := path.Area(w, h, 3, -1); err != nil {
			t.Fatal(err)
		}
		for i := range h {
			h[i] *= math.Sqrt(12)
		}
		if diff := cmp.Diff(want, [2][]float64{w, h}, cmpopts.EquateApprox(1e-15, 0)); diff != "" {
			t.Errorf("W and √12 H (-want +got):\n%s", diff)
		}
	}
	if err := path.Area(w, h, 3, -1); !errors.Is(err, sde.ErrNoMoreDraws) {
		t.Errorf("Area with one draw left = %v, want %v", err, sde.ErrNoMoreDraws)
	}
}
