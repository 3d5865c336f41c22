package ode_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/ode"
)

// interpolant returns the weights b(θ) of tab's interpolant, as its Stepper has them: the field answers its k-th call
// with the k-th unit vector, so that a step of length 1 from zero to θ shows them. They are those of the stages, of f
// at the end and of the interpolant's own stages.
func interpolant(t *testing.T, tab ode.Tableau, theta float64) []float64 {
	t.Helper()
	n := len(extended(tab).C)
	call := 0
	st := tab.Stepper(func(dst, _ []float64, _ float64) error {
		clear(dst)
		dst[call] = 1
		call++
		return nil
	}, n).(ode.Interpolator)
	from, to, b := make([]float64, n), make([]float64, n), make([]float64, n)
	if err := st.Step(to, from, ode.Span{From: 0, To: 1}); err != nil {
		t.Fatal(err)
	}
	if err := st.Interpolate(b, from, to, theta); err != nil {
		t.Fatal(err)
	}
	return b
}

// extended returns tab with the stages that its interpolant uses: f at the end, unless that is the last stage, and its own.
func extended(tab ode.Tableau) ode.Tableau {
	tab = clone(tab)
	if !tab.FirstSameAsLast() {
		tab.C, tab.A = append(tab.C, 1), append(tab.A, tab.B)
	}
	tab.C, tab.A = append(tab.C, tab.Dense.C...), append(tab.A, tab.Dense.A...)
	return tab
}

// interpolantDefects returns what is wrong with tab's interpolant. With its coefficients divided by θ, and b(θ) too, it is a
// method whose step ends at θ, and must meet the conditions of all trees up to its order. As a polynomial of
// degree up to 7 it does so for all θ if it does for eight of them; θ = 0 is trivially one.
func interpolantDefects(t *testing.T, tab ode.Tableau) []string {
	t.Helper()
	var list []string
	report := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	above := 0
	for _, theta := range []float64{1. / 8, 1. / 4, 3. / 8, 1. / 2, 5. / 8, 3. / 4, 7. / 8, 15. / 16} {
		at, b := extended(tab), interpolant(t, tab, theta)
		scale := func(row []float64) []float64 {
			row = slices.Clone(row)
			for i := range row {
				row[i] /= theta
			}
			return row
		}
		at.C = scale(at.C)
		for i := range at.A {
			at.A[i] = scale(at.A[i])
		}
		violates := decimalConditions(at, report)("b", scale(b))
		for n := 1; n <= tab.DenseOrder(); n++ {
			for _, tr := range violates(n) {
				report("b(%v) does not meet the condition of order %d of the tree %v", theta, n, tr)
			}
		}
		if len(list) > 0 { // one is enough, and the trees are many
			return list
		}
		if theta == 1./2 {
			above = len(violates(tab.DenseOrder() + 1))
		}
	}
	if above == 0 {
		report("the interpolant has an order above %d", tab.DenseOrder())
	}
	return list
}

func TestInterpolantConditions(t *testing.T) {
	want := map[string]int{"euler": 1, "midpoint": 2, "heun": 2, "ralston": 2, "dp5": 4, "tsit5": 4, "dop853": 7}
	for _, tab := range ode.Tableaus() {
		if order, named := want[tab.Name]; named && tab.DenseOrder() != order || !named && tab.DenseOrder() != 3 {
			t.Errorf("%s: DenseOrder is %d, want %d, or 3 if that is 0", tab.Name, tab.DenseOrder(), order)
		}
		for _, d := range interpolantDefects(t, tab) {
			t.Errorf("%s: %s", tab.Name, d)
		}
	}
}

// The gate notices a digit.
func TestInterpolantGateRejects(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		for name, row := range map[string]func(d *ode.Dense) [][]float64{
			"A": func(d *ode.Dense) [][]float64 { return d.A }, "D": func(d *ode.Dense) [][]float64 { return d.D },
		} {
			for i := range row(&tab.Dense) {
				for j, v := range row(&tab.Dense)[i] {
					mutant := tab
					mutant.Dense.A, mutant.Dense.D = deep(tab.Dense.A), deep(tab.Dense.D)
					row(&mutant.Dense)[i][j] = v + 1e-8
					if len(interpolantDefects(t, mutant)) == 0 {
						t.Errorf("%s with Dense.%s[%d][%d] = %v + 1e-8 passes", tab.Name, name, i, j, v)
					}
				}
			}
		}
	}
	high := ode.DP5
	high.Dense.Order = 5
	low := ode.DOP853
	low.Dense.Order = 6
	for _, tab := range []ode.Tableau{high, low} {
		if len(interpolantDefects(t, tab)) == 0 {
			t.Errorf("%s passes with an interpolant of order %d", tab.Name, tab.Dense.Order)
		}
	}
}

func deep(rows [][]float64) [][]float64 {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i] = slices.Clone(rows[i])
	}
	return rows
}

// At the ends the interpolant is the state bit for bit, and its slope is the field's.
func TestInterpolateEnds(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		for _, at := range []ode.Span{{From: 1, To: 1.5}, {From: 2, To: 1.4}} {
			calls := 0
			st := tab.Stepper(func(dst, x []float64, t float64) error { calls++; return coupled(dst, x, t) }, 3).(ode.Interpolator)
			to, y, f := make([]float64, 3), make([]float64, 3), make([]float64, 3)
			if err := st.Step(to, start, at); err != nil {
				t.Fatal(err)
			}
			if err := st.Interpolate(y, start, to, 1); err != nil || calls != tab.Evaluations() {
				t.Errorf("%s: %v, %d evaluations by a step and for its end, want %d", tab.Name, err, calls, tab.Evaluations())
			}
			for _, end := range []struct {
				theta, inside float64
				x             []float64
			}{{0, 1. / (1 << 20), start}, {1, 1 - 1./(1<<20), to}} {
				if err := st.Interpolate(y, start, to, end.theta); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(end.x, y); diff != "" {
					t.Errorf("%s at %v (-state +interpolant):\n%s", tab.Name, end.theta, diff)
				}
				if end.theta == 0 && calls != tab.Evaluations() {
					t.Errorf("%s: %d evaluations by a step and for its start, want %d", tab.Name, calls, tab.Evaluations())
				}
				if err := st.Interpolate(y, start, to, end.inside); err != nil {
					t.Fatal(err)
				}
				if err := coupled(f, end.x, at.Time(end.theta)); err != nil {
					t.Fatal(err)
				}
				for i := range y {
					slope := (y[i] - end.x[i]) / ((end.inside - end.theta) * at.H())
					if !(math.Abs(slope-f[i]) < 1e-5*(1+math.Abs(f[i]))) {
						t.Errorf("%s: slope of element %d near %v is %v, want %v", tab.Name, i, end.theta, slope, f[i])
					}
				}
			}
		}
	}
}

// Between the steps the error falls with the power min(order of the method, order of the interpolant plus 1).
func TestInterpolateObservedOrder(t *testing.T) {
	for _, p := range problems {
		for _, p := range []problem{p, p.backward()} {
			for _, tab := range ode.Tableaus() {
				steps := []float64{16, 32, 64, 128, 256, 512}
				switch {
				case tab.Order >= 8:
					steps = []float64{8, 10, 12, 14, 16}
				case tab.Order >= 5:
					steps = []float64{4, 8, 16, 32, 64, 128}
				}
				if tab.Order >= 8 && strings.HasPrefix(p.name, "rational") {
					continue // its slopes are still rising where rounding ends the ladder, as in TestObservedOrder8
				}
				l := ladder{steps: steps}
				for _, n := range steps {
					l.errors = append(l.errors, p.solveInside(t, tab, int(n)))
				}
				want := min(tab.Order, tab.DenseOrder()+1)
				if got := l.order(); !(got >= float64(want)-0.3) {
					t.Errorf("%s, %s: observed order %.2f inside of the steps, want %d; errors %.3g", p.name, tab.Name, got, want, l.errors)
				}
			}
		}
	}
}

// solveInside is solve with the greatest error at seven times inside of each step.
func (p problem) solveInside(t *testing.T, tab ode.Tableau, n int) float64 {
	t.Helper()
	grid := make([]float64, n+1)
	for i := range grid {
		grid[i] = p.t0 + (p.t1-p.t0)*float64(i)/float64(n)
	}
	x := p.exact(p.t0)
	st := tab.Stepper(p.f, len(x)).(ode.Interpolator)
	from, y, worst := slices.Clone(x), make([]float64, len(x)), 0.0
	_, err := ode.Integrate(context.Background(), st, x, grid, func(at ode.Span, x []float64) error {
		for i := 1; i < 8; i++ {
			theta := float64(i) / 8
			if err := st.Interpolate(y, from, x, theta); err != nil {
				return err
			}
			worst = math.Max(worst, distance(y, p.exact(at.From+theta*at.H())))
		}
		copy(from, x)
		return nil
	})
	if err != nil {
		t.Fatalf("%s of %s in %d steps: %v", p.name, tab.Name, n, err)
	}
	return worst
}

// Interpolation is free of traces and of garbage: the steps have the same bits with it and without, what it costs is in NFE, and
// f at the end of a step is evaluated once, here or for the next step.
func TestInterpolateLeavesNoTrace(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		calls := 0
		f := func(dst, x []float64, at float64) error { calls++; return coupled(dst, x, at) }
		grid := []float64{0, 0.25, 0.5, 1, 1.125}
		want := slices.Clone(start)
		if _, err := ode.Integrate(context.Background(), tab.Stepper(coupled, 3), want, grid, nil); err != nil {
			t.Fatal(err)
		}
		st := tab.Stepper(f, 3).(ode.Interpolator)
		x, from, y := slices.Clone(start), slices.Clone(start), make([]float64, 3)
		stats, err := ode.Integrate(context.Background(), st, x, grid, func(_ ode.Span, x []float64) error {
			for range 3 {
				if err := st.Interpolate(y, from, x, 0.3); err != nil {
					return err
				}
			}
			copy(from, x)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, x); diff != "" {
			t.Errorf("%s with interpolation (-without +with):\n%s", tab.Name, diff)
		}
		n := len(extended(tab).C) - 1
		if want := 4*n + 1; calls != want || stats.NFE != want {
			t.Errorf("%s with interpolation: %d calls, NFE %d, want %d", tab.Name, calls, stats.NFE, want)
		}
		if a := testing.AllocsPerRun(10, func() { st.Interpolate(y, from, x, 0.7) }); a != 0 {
			t.Errorf("%s: Interpolate allocates %v times", tab.Name, a)
		}
	}
}

// An error inside of an interpolation is returned, and the next one tries again.
func TestInterpolateFails(t *testing.T) {
	fails := false
	f := func(dst, x []float64, at float64) error {
		if fails {
			return context.Canceled
		}
		return coupled(dst, x, at)
	}
	st := ode.DOP853.Stepper(f, 3).(ode.Interpolator)
	to, y := make([]float64, 3), make([]float64, 3)
	if err := st.Step(to, start, ode.Span{From: 1, To: 0}); err != nil {
		t.Fatal(err)
	}
	fails = true
	if err := st.Interpolate(y, start, to, 0.5); err != context.Canceled {
		t.Errorf("Interpolate = %v, want the field's error", err)
	}
	fails = false
	if err := st.Interpolate(y, start, to, 0.5); err != nil {
		t.Errorf("Interpolate after an error = %v", err)
	}
}

// The order conditions leave an interpolant free. These are the values of scipy.integrate, version 1.17.1, on the rational problem, from
//
//	s = RK45(f, 1, exact(1), 20, rtol=1e3, atol=1e3, first_step=h); s.step(); s.dense_output()(1 + theta*h)
//
// with h = 1, and likewise with DOP853 and h = 2. One step is so long that they have but few digits of the solution, and show the method.
func TestInterpolantsOfSciPy(t *testing.T) {
	for _, test := range []struct {
		tab  ode.Tableau
		h    float64
		want map[float64][]float64 // by theta
	}{
		{ode.DP5, 1, map[float64][]float64{0.25: {0.11111288090570247, 0.0987667895159379}, 0.5: {0.13043820437355094, 0.11342428715887658},
			0.8: {0.15254488987913276, 0.12927612670737515}, 1: {0.16666848637662476, 0.13889174980875746}}},
		{ode.DOP853, 2, map[float64][]float64{0.25: {0.13043478235482273, 0.11342155141572487}, 0.5: {0.16666664352925084, 0.1388889003864458},
			0.8: {0.20634932580942306, 0.16376925581436497}, 1: {0.230769259237387, 0.17751480851621157}}},
	} {
		p := problems[2]
		from, to, y := p.exact(1), make([]float64, 2), make([]float64, 2)
		st := test.tab.Stepper(p.f, 2).(ode.Interpolator)
		if err := st.Step(to, from, ode.Span{From: 1, To: 1 + test.h}); err != nil {
			t.Fatal(err)
		}
		for theta, want := range test.want {
			if err := st.Interpolate(y, from, to, theta); err != nil {
				t.Fatal(err)
			}
			if got := distance(want, y); !(got < 1e-14) {
				t.Errorf("%s at %v: %v, want %v", test.tab.Name, theta, y, want)
			}
		}
	}
}
