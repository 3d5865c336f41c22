package ode_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/diffsolve/diffsolve/ode"
)

// The mistakes that integrators are made with, each applied to a method or a loop that is right without it. The checks that the
// tests of this package rest on must pass the one and reject the other; a check that passes both is none.
func TestMutants(t *testing.T) {
	var tenths []float64
	for i := range 11 {
		tenths = append(tenths, 0.1*float64(i))
	}
	type change = func(*ode.Tableau)
	nothing := func(*ode.Tableau) {}
	gate := func(tab ode.Tableau, mutate change) func() []string {
		return func() []string {
			tab := clone(tab)
			mutate(&tab)
			return defects(tab)
		}
	}
	now := func(t, _ float64) float64 { return t }
	late := func(t, h float64) float64 { return t + h }
	atEnd := func(t, h float64) float64 { return h * (math.Floor(t/h+1e-9) + 1) }                     // of its step, if t is not the end itself
	slopes := func(tab ode.Tableau, mutate change, when func(t, h float64) float64) func() []string { // when: what the field takes for the time
		return func() (list []string) {
			tab := clone(tab)
			mutate(&tab)
			for _, p := range problems {
				l := climb(rungs(tab.Order), func(n int) float64 {
					warped, h := p, (p.t1-p.t0)/float64(n)
					warped.f = func(dst, x []float64, t float64) error { return p.f(dst, x, p.t0+when(t-p.t0, h)) }
					return warped.solve(t, tab, n)
				})
				if got := l.order(); !(got >= float64(tab.Order)-0.3) {
					list = append(list, fmt.Sprintf("%s: order %.2f of %d", p.name, got, tab.Order))
				}
			}
			return list
		}
	}
	swap := func(tab *ode.Tableau) { tab.B, tab.Embedded = tab.Embedded, tab.B }
	for _, test := range []struct {
		name          string
		right, mutant func() []string // what a check finds
	}{
		{"b and b-hat exchanged, bs3", gate(ode.BS3, nothing), gate(ode.BS3, swap)},
		{"b and b-hat exchanged, dp5", gate(ode.DP5, nothing), gate(ode.DP5, swap)},
		{"b and b-hat exchanged, tsit5", gate(ode.Tsit5, nothing), gate(ode.Tsit5, swap)},
		{"b and b-hat exchanged, dop853", gate(ode.DOP853, nothing), gate(ode.DOP853, swap)},
		{"a node off, by the gate", gate(ode.DP5, nothing), gate(ode.DP5, func(tab *ode.Tableau) { tab.C[3] += 1e-9 })},
		{"a node off, by the slopes", slopes(ode.RK4, nothing, now), slopes(ode.RK4, func(tab *ode.Tableau) { tab.C[1] = 0.4 }, now)},
		{"every f at the end of the step", slopes(ode.BS3, nothing, now), slopes(ode.BS3, nothing, atEnd)},
		{"every f a step late", slopes(ode.DP5, nothing, now), slopes(ode.DP5, nothing, late)},
		{"f at the end reused after a rejection",
			func() []string { return traces(&manual{f: coupled, tab: ode.DP5}) },
			func() []string { return traces(&manual{f: coupled, tab: ode.DP5, reuse: true}) }},
		{"the last step overshoots",
			func() []string { return wayward([]float64{0, 0.375, 0.75, 1}, loop{h: 0.375, clip: true}.walk) },
			func() []string { return wayward([]float64{0, 0.375, 0.75, 1}, loop{h: 0.375}.walk) }},
		{"time accumulated",
			func() []string { return wayward(tenths, loop{h: 0.1, clip: true}.walk) },
			func() []string { return wayward(tenths, loop{h: 0.1, clip: true, accumulate: true}.walk) }},
		{"time accumulated, and Integrate",
			func() []string {
				return wayward(tenths, func(st ode.Stepper, see ode.Observer) {
					ode.Integrate(context.Background(), st, []float64{1}, tenths, see)
				})
			},
			func() []string { return wayward(tenths, loop{h: 0.1, accumulate: true}.walk) }},
	} {
		if list := test.right(); len(list) > 0 {
			t.Errorf("%s: what is right is rejected: %q", test.name, list)
		}
		if list := test.mutant(); len(list) == 0 {
			t.Errorf("%s: the mutant passes", test.name)
		}
	}
}

// A manual is a first-same-as-last method, written out once more. With reuse it starts a step
// from the latest f at the end even if that step was rejected.
type manual struct {
	f     ode.Func
	tab   ode.Tableau
	reuse bool
	k     [][]float64
	h     float64
}

func (m *manual) Step(dst, src []float64, at ode.Span) error {
	s := len(m.tab.B)
	switch {
	case m.k == nil || at.Fresh():
		m.k = make([][]float64, s)
		for i := range m.k {
			m.k[i] = make([]float64, len(src))
		}
		m.f(m.k[0], src, at.From)
	case m.reuse || !at.Retry:
		copy(m.k[0], m.k[s-1])
	}
	m.h = at.H()
	x := make([]float64, len(src))
	for i := 1; i < s; i++ {
		copy(x, src)
		for j, a := range m.tab.A[i] {
			for e := range x {
				x[e] += m.h * a * m.k[j][e]
			}
		}
		m.f(m.k[i], x, at.Time(m.tab.C[i]))
	}
	copy(dst, x) // the last stage is the end
	return nil
}

func (m *manual) LocalError(dst []float64) (float64, error) {
	clear(dst)
	for j := range m.k {
		for e := range dst {
			dst[e] += m.h * (m.tab.B[j] - m.tab.Embedded[j]) * m.k[j][e]
		}
	}
	return float64(m.tab.EmbeddedOrder + 1), nil
}

// traces reports whether the steps that were rejected left a trace: the accepted ones alone give another end.
func traces(st ode.Estimator) (list []string) {
	var r record
	x := slices.Clone(start)
	stats, err := ode.Control{Rel: 1e-4, First: 2}.Adapt(context.Background(), st, x, 3, 0, r.observe)
	if err != nil || stats.Rejected == 0 {
		return []string{fmt.Sprintf("%+v, %v, want steps rejected", stats, err)}
	}
	grid := []float64{3}
	for _, at := range r.spans {
		grid = append(grid, at.To)
	}
	want := slices.Clone(start)
	if _, err := ode.Integrate(context.Background(), ode.DP5.Stepper(coupled, 3), want, grid, nil); err != nil {
		return []string{err.Error()}
	}
	if d := distance(want, x); !(d < 1e-12) {
		list = append(list, fmt.Sprintf("the end differs by %.2g from that of the accepted steps", d))
	}
	return list
}

// wayward reports where a walk from 0 to 1 with steps at the times of grid leaves them, or evaluates the field outside of [0, 1].
func wayward(grid []float64, run func(st ode.Stepper, see ode.Observer)) (list []string) {
	p := probe{f: problems[0].f}
	times := []float64{0}
	run(ode.RK4.Stepper(p.field, 1), func(at ode.Span, _ []float64) error {
		times = append(times, at.To)
		return nil
	})
	if !slices.Equal(times, grid) {
		list = append(list, fmt.Sprintf("the times are %v, want %v", times, grid))
	}
	if p.first < 0 || p.last > 1 {
		list = append(list, fmt.Sprintf("evaluated from %v to %v", p.first, p.last))
	}
	return list
}

// A loop goes from 0 to 1 with steps of length h. Its times are multiples of h, or with accumulate sums of it; with clip the last step
// ends at 1.
type loop struct {
	h                float64
	clip, accumulate bool
}

func (l loop) walk(st ode.Stepper, see ode.Observer) {
	x := []float64{1}
	now := 0.0
	for i := 0; now < 1; i++ {
		next := float64(i+1) * l.h
		if l.accumulate {
			next = now + l.h
		}
		if l.clip && next > 1 {
			next = 1
		}
		at := ode.Span{From: now, To: next, Index: i}
		if st.Step(x, x, at) != nil || see(at, x) != nil {
			return
		}
		now = next
	}
}
