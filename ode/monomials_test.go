package ode_test

import (
	"math"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
)

// firstUnsolvedOnGrid returns the least p for which a step from the given one on, over the grid, does not solve x' = (p+1)t^p. The
// times of the evaluations pass through clock. Every step begins on the solution.
func firstUnsolvedOnGrid(t *testing.T, bind func(ode.Func) ode.Stepper, grid []float64, from int, clock func(float64) float64) int {
	t.Helper()
	for p := range 10 {
		power := func(t float64) float64 { return math.Pow(t, float64(p+1)) }
		st := bind(func(dst, _ []float64, t float64) error {
			dst[0] = float64(p+1) * math.Pow(clock(t), float64(p))
			return nil
		})
		for at := range ode.Spans(grid) {
			got := step(t, st, []float64{power(at.From)}, at)
			if at.Index >= from && !(math.Abs(got[0]-power(at.To)) < 1e-13) {
				return p
			}
		}
	}
	return 10
}

// The methods beside the tableaus of TestMonomials: Adams methods after their start, and exponential methods without a linear part.
func TestMonomialsOfOtherMethods(t *testing.T) {
	right := func(t float64) float64 { return t }
	late := func(t float64) float64 { return t + 0.125 }
	check := func(name string, want, from int, bind func(ode.Func) ode.Stepper) {
		for _, grid := range [][]float64{even.grid(0, 2, 10), jolty.grid(0, 2, 10), jolty.grid(1.5, -0.5, 10)} {
			if got := firstUnsolvedOnGrid(t, bind, grid, from, right); got != want {
				t.Errorf("%s over %.3g: the first unsolved power = %d, want %d", name, grid, got, want)
			}
			if got := firstUnsolvedOnGrid(t, bind, grid, from, late); got != 1 {
				t.Errorf("%s over %.3g, evaluated late: the first unsolved power = %d, want 1", name, grid, got)
			}
		}
	}
	for name, a := range adamsMethods() {
		check(name, a.Order, a.Order-1, func(f ode.Func) ode.Stepper { return adams(t, a, f, 1) })
	}
	simpson := map[string]bool{"etd3": true} // which solves one power more
	for _, tab := range ode.ExpTableaus() {
		want := tab.Order
		if simpson[tab.Name] {
			want++
		}
		check(tab.Name, want, 0, func(f ode.Func) ode.Stepper { return tab.Stepper(0, f, 1) })
	}
}
