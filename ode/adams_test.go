package ode_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
)

// adamsMethods returns every Adams method of this package that keeps its order, by name.
func adamsMethods() map[string]ode.Adams {
	all := map[string]ode.Adams{}
	for order := 1; order <= 4; order++ {
		all[fmt.Sprintf("ab%d", order)] = ode.Adams{Order: order}
		all[fmt.Sprintf("abm%d", order)] = ode.Adams{Order: order, Mode: ode.PECE}
		all[fmt.Sprintf("abm%d pec", order)] = ode.Adams{Order: order, Mode: ode.PEC}
	}
	return all
}

// adams binds a method that is known to be good.
func adams(t testing.TB, a ode.Adams, f ode.Func, n int) ode.Stepper {
	t.Helper()
	st, err := a.Stepper(f, n)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	return st
}

// A pattern is the lengths of steps that a grid repeats.
type pattern []float64

var (
	even  = pattern{1}
	jolty = pattern{1, 2.5, 0.6, 1.8} // the ratio of neighbours is up to 4
)

// grid returns the times of n steps from t0 to t1, in the pattern.
func (p pattern) grid(t0, t1 float64, n int) []float64 {
	grid, sum := make([]float64, n+1), 0.0
	for i := range n {
		sum += p[i%len(p)]
		grid[i+1] = sum
	}
	for i := range grid {
		grid[i] = t0 + (t1-t0)*grid[i]/sum
	}
	grid[n] = t1
	return grid
}

// greatestError returns the greatest error of st over the grid from t0 to t1, in any element at any time.
func (p problem) greatestError(t *testing.T, st ode.Stepper, grid []float64) float64 {
	t.Helper()
	x, worst := p.exact(p.t0), 0.0
	_, err := ode.Integrate(context.Background(), st, x, grid, func(at ode.Span, x []float64) error {
		worst = math.Max(worst, distance(x, p.exact(at.To)))
		return nil
	})
	if err != nil {
		t.Fatalf("%s in %d steps: %v", p.name, len(grid)-1, err)
	}
	return worst
}

// A probed step is what a step adds to a state, as a combination of evaluations.
type probed struct {
	at      ode.Span
	times   []float64 // of all evaluations up to and with the step
	weights []float64
}

// weigh runs a method on states whose elements are the coordinates of a basis: the k-th evaluation returns the k-th vector, whatever
// it is asked. What comes out are the coefficients. Each step begins at 0, where no sum rounds them.
func weigh(t *testing.T, a ode.Adams, grid []float64) []probed {
	t.Helper()
	n := a.Evaluations(len(grid) - 1)
	var times []float64
	st := adams(t, a, func(dst, _ []float64, t float64) error {
		clear(dst)
		dst[len(times)] = 1
		times = append(times, t)
		return nil
	}, n)
	var steps []probed
	for at := range ode.Spans(grid) {
		weights := step(t, st, make([]float64, n), at)
		steps = append(steps, probed{at, slices.Clone(times), weights[:len(times)]})
	}
	return steps
}

// unsolved returns the least power p for which the weights of a step do not integrate t^p. The sums are exact; an integral is
// right if it is within 1e-14 of the sum of the terms' absolute values.
func (s probed) unsolved() int {
	exact := func(v float64) *big.Rat { return new(big.Rat).SetFloat64(v) }
	power := func(v *big.Rat, p int) *big.Rat {
		out := big.NewRat(1, 1)
		for range p {
			out.Mul(out, v)
		}
		return out
	}
	h := new(big.Rat).Sub(exact(s.at.To), exact(s.at.From))
	for p := range 10 {
		sum, size := new(big.Rat), new(big.Rat)
		for k, w := range s.weights {
			theta := new(big.Rat).Sub(exact(s.times[k]), exact(s.at.From))
			term := new(big.Rat).Mul(exact(w), power(theta.Quo(theta, h), p))
			sum.Add(sum, term)
			size.Add(size, term.Abs(new(big.Rat).Set(term)))
		}
		want := new(big.Rat).Mul(h, big.NewRat(1, int64(p+1)))
		off := new(big.Rat).Sub(sum, want)
		if off.Abs(off).Cmp(size.Mul(size, exact(1e-14))) > 0 {
			return p
		}
	}
	return 10
}

// On any grid the weights integrate every polynomial below the order and none of it. This and that no root but 1 of the
// characteristic polynomial, z^k - z^(k-1), is other than 0, is the order.
func TestAdamsConditions(t *testing.T) {
	for name, a := range adamsMethods() {
		for _, p := range []pattern{even, jolty, {1, 3, 9, 27}, {27, 9, 3, 1}} {
			for _, ends := range [][2]float64{{0, 1}, {1, 0.25}} {
				for _, s := range weigh(t, a, p.grid(ends[0], ends[1], 8)) {
					want := a.Order
					if s.at.Index < a.Order-1 {
						continue // the start
					}
					if got := s.unsolved(); got != want {
						t.Errorf("%s, steps %v from %v to %v, step %d: the first power that is not integrated is %d, want %d",
							name, p, ends[0], ends[1], s.at.Index, got, want)
					}
					// Negative controls: a node that is off, and the weights of equal steps.
					wrong := s
					wrong.times = slices.Clone(s.times)
					last := len(wrong.times) - 1 // the newest evaluation
					wrong.times[last] += 1e-9
					if got := wrong.unsolved(); a.Order > 1 && got != 1 {
						t.Errorf("%s, steps %v, step %d: a node off by 1e-9 integrates the powers below %d", name, p, s.at.Index, got)
					}
				}
			}
		}
		if a.Order < 3 || a.Mode == ode.PECE {
			continue // order 2 of PECE knows no earlier times; it is the trapezoidal rule
		}
		uniform, rough := weigh(t, a, even.grid(0, 1, 8)), weigh(t, a, jolty.grid(0, 1, 8))
		for i := a.Order - 1; i < 8; i++ {
			wrong := rough[i]
			wrong.weights = slices.Clone(uniform[i].weights)
			for k := range wrong.weights {
				wrong.weights[k] *= wrong.at.H() / uniform[i].at.H()
			}
			if got := wrong.unsolved(); got != 1 {
				t.Errorf("%s: the weights of equal steps on unequal ones integrate the powers below %d, want 1", name, got)
			}
		}
	}
}

// The coefficients on equal steps, from [hairer1993, tables III.1.1 and III.1.2].
func TestAdamsCoefficients(t *testing.T) {
	bashforth := [][]float64{{1}, {-1. / 2, 3. / 2}, {5. / 12, -16. / 12, 23. / 12}, {-9. / 24, 37. / 24, -59. / 24, 55. / 24}}
	moulton := [][]float64{{1}, {1. / 2, 1. / 2}, {-1. / 12, 8. / 12, 5. / 12}, {1. / 24, -5. / 24, 19. / 24, 9. / 24}}
	for order := 1; order <= 4; order++ {
		for _, test := range []struct {
			a    ode.Adams
			want []float64
		}{{ode.Adams{Order: order}, bashforth[order-1]}, {ode.Adams{Order: order, Mode: ode.PEC}, moulton[order-1]}} {
			steps := weigh(t, test.a, even.grid(0, 8, 8))
			w := steps[7].weights
			if diff := cmp.Diff(test.want, w[len(w)-len(test.want):], cmpopts.EquateApprox(0, 1e-13)); diff != "" {
				t.Errorf("%+v: the weights of the latest evaluations (-want +got):\n%s", test.a, diff)
			}
			for _, older := range w[:len(w)-len(test.want)] {
				if math.Abs(older) > 1e-13 {
					t.Errorf("%+v: an older evaluation has the weight %v", test.a, older)
				}
			}
		}
	}
}

func TestAdamsObservedOrder(t *testing.T) {
	for _, p := range problems {
		for _, p := range []problem{p, p.backward()} {
			for _, steps := range []pattern{even, jolty} {
				climbed := func(a ode.Adams) ladder {
					return climb(32, func(n int) float64 {
						return p.greatestError(t, adams(t, a, p.f, len(p.exact(p.t0))), steps.grid(p.t0, p.t1, n))
					})
				}
				for name, a := range adamsMethods() {
					if l := climbed(a); !(l.order() >= float64(a.Order)-0.3) {
						t.Errorf("%s, steps %v, %s: observed order %.2f, want %d; errors %.3g", p.name, steps, name, l.order(), a.Order, l.errors)
					}
					a.Ramp = true
					if l := climbed(a); !(l.order() >= float64(a.ObservedOrder())-0.3) {
						t.Errorf("%s, steps %v, %s with a ramp: observed order %.2f, want %d; errors %.3g", p.name, steps, name, l.order(), a.ObservedOrder(), l.errors)
					}
				}
			}
		}
	}
}

// equalSteps takes the weights of the Adams–Bashforth method of order 4 on equal steps, whatever the steps.
type equalSteps struct {
	f     ode.Func
	start ode.Stepper
	past  [][]float64
}

func (s *equalSteps) Step(dst, src []float64, at ode.Span) error {
	now := make([]float64, len(src))
	if err := s.f(now, src, at.From); err != nil {
		return err
	}
	if s.past = append([][]float64{now}, s.past...); len(s.past) < 4 {
		return s.start.Step(dst, src, at)
	}
	for i := range dst {
		dst[i] = src[i] + at.H()/24*(55*s.past[0][i]-59*s.past[1][i]+37*s.past[2][i]-9*s.past[3][i])
	}
	return nil
}

// Negative controls: what the ladders must tell from the method. All are run on the nonlinear problem.
func TestAdamsObservedOrderRejects(t *testing.T) {
	p := problems[1].backward() // forward, x'' is 0 at the start, and a step of Euler's is of order 2
	euler := ode.Euler
	euler.Order = 3 // a lie, which Check believes
	for _, test := range []struct {
		name        string
		steps       pattern
		stepper     func(n int) ode.Stepper
		least, most float64
	}{
		{"weights of equal steps on equal steps", even,
			func(int) ode.Stepper { return &equalSteps{f: p.f, start: ode.RK4.Stepper(p.f, 1)} }, 3.7, 5},
		{"weights of equal steps on others", jolty,
			func(int) ode.Stepper { return &equalSteps{f: p.f, start: ode.RK4.Stepper(p.f, 1)} }, 0.7, 1.4},
		{"a start of Euler steps", even,
			func(int) ode.Stepper { return adams(t, ode.Adams{Order: 4, Start: euler}, p.f, 1) }, 1.7, 2.4},
		{"a start of Euler steps, corrected", even,
			func(int) ode.Stepper { return adams(t, ode.Adams{Order: 4, Mode: ode.PECE, Start: euler}, p.f, 1) }, 1.7, 2.4},
		{"a ramp", even,
			func(int) ode.Stepper { return adams(t, ode.Adams{Order: 4, Ramp: true}, p.f, 1) }, 1.7, 2.4},
		{"a step late", even, func(n int) ode.Stepper {
			h := (p.t1 - p.t0) / float64(n)
			return adams(t, ode.Adams{Order: 4}, func(dst, x []float64, t float64) error { return p.f(dst, x, t+h) }, 1)
		}, 0.7, 1.3},
	} {
		l := climb(32, func(n int) float64 { return p.greatestError(t, test.stepper(n), test.steps.grid(p.t0, p.t1, n)) })
		if got := l.order(); !(got > test.least && got < test.most) {
			t.Errorf("%s: observed order %.2f, want %v to %v; errors %.3g", test.name, got, test.least, test.most, l.errors)
		}
	}
}

// Where f is a power of t as high as the order, Milne's device is no estimate: the divided difference is a constant,
// and the error is what it says, on every grid.
func TestAdamsLocalErrorIsExact(t *testing.T) {
	for _, mode := range []ode.AdamsMode{ode.PECE, ode.PEC} {
		for order := 1; order <= 4; order++ {
			for _, p := range []pattern{even, jolty, {1, 3, 9, 27}} {
				a := ode.Adams{Order: order, Mode: mode}
				st := adams(t, a, func(dst, _ []float64, t float64) error {
					dst[0] = float64(order+1) * math.Pow(t, float64(order))
					return nil
				}, 1)
				x := []float64{0}
				for at := range ode.Spans(p.grid(0, 1, 8)) {
					next := step(t, st, x, at)
					want := next[0] - x[0] - (math.Pow(at.To, float64(order+1)) - math.Pow(at.From, float64(order+1)))
					got := localError(t, st, 1)[0]
					if at.Index >= max(order-1, 1) && !(math.Abs(got-want) <= 1e-13 && math.Abs(want) > 1e-9) {
						t.Errorf("%+v, steps %v, step %d: LocalError = %v, want %v", a, p, at.Index, got, want)
					}
					x = next
				}
			}
		}
	}
}

// The error of a step from an exact history is what the estimate tells, but for a part that vanishes with the step.
func TestAdamsLocalErrorOrder(t *testing.T) {
	p := problems[1]
	for order, longest := range map[int]float64{2: 0.025, 3: 0.025, 4: 0.1} { // the errors of order 4 are soon rounding
		l := ladder{}
		var power float64
		for k := range 5 {
			h := longest / math.Exp2(float64(k))
			st := adams(t, ode.Adams{Order: order, Mode: ode.PECE, Start: ode.DOP853}, p.f, 1)
			if _, ok := st.(ode.Estimator); !ok {
				t.Fatalf("%T is no Estimator", st)
			}
			grid := jolty.grid(1, 1+8*h, 8)
			for at := range ode.Spans(grid) {
				x := step(t, st, p.exact(at.From), at) // what Adams would never do: the state is brought back to the solution
				e := make([]float64, 1)
				var err error
				if power, err = st.(ode.Estimator).LocalError(e); err != nil {
					t.Fatal(err)
				}
				if at.Index == 7 {
					want := x[0] - p.exact(at.To)[0]
					l.steps, l.errors = append(l.steps, 1/h), append(l.errors, math.Abs(e[0]/want-1))
					if k == 4 && math.Abs(e[0]/want-1) > 0.05 {
						t.Errorf("order %d: the estimate is %v, the error %v", order, e[0], want)
					}
				}
			}
		}
		if power != float64(order+1) {
			t.Errorf("order %d: LocalError says power %v, want %d", order, power, order+1)
		}
		if got := l.order(); !(got > 0.7) {
			t.Errorf("order %d: the relative error of the estimate vanishes with order %.2f, want 1; %.3g", order, got, l.errors)
		}
	}
}

func TestAdamsEvaluations(t *testing.T) {
	methods := adamsMethods()
	for name, a := range adamsMethods() {
		a.Ramp = true
		methods[name+" ramp"] = a
		a.Ramp, a.Linear = false, -1
		methods[name+" linear"] = a
	}
	for name, a := range methods {
		for n := 1; n <= 6; n++ {
			calls := 0
			st := adams(t, a, func(dst, x []float64, t float64) error {
				calls++
				return coupled(dst, x, t)
			}, len(start))
			if _, err := ode.Integrate(context.Background(), st, slices.Clone(start), even.grid(0, 1, n), nil); err != nil {
				t.Fatal(err)
			}
			if want := a.Evaluations(n); calls != want {
				t.Errorf("%s: %d steps take %d evaluations, want %d", name, n, calls, want)
			}
		}
	}
	// Once and for all in figures.
	for _, test := range []struct {
		a    ode.Adams
		want int
	}{
		{ode.Adams{Order: 1}, 10}, {ode.Adams{Order: 2}, 10}, {ode.Adams{Order: 4}, 10 + 2*3},
		{ode.Adams{Order: 4, Mode: ode.PECE}, 20 + 2}, {ode.Adams{Order: 4, Mode: ode.PEC}, 10 + 2*2 + 1}, {ode.Adams{Order: 4, Mode: ode.PEC, Ramp: true}, 11},
	} {
		if got := test.a.Evaluations(10); got != test.want {
			t.Errorf("%+v.Evaluations(10) = %d, want %d", test.a, got, test.want)
		}
	}
}

// The first step of order 2 is Heun's, and the estimate while the corrector has one node more is that of an embedded method.
func TestAdamsBeginsWithHeun(t *testing.T) {
	at := ode.Span{From: 0.2, To: 0.5}
	heun := ode.Heun.Stepper(coupled, len(start))
	for _, mode := range []ode.AdamsMode{ode.PECE, ode.PEC} {
		st := adams(t, ode.Adams{Order: 2, Mode: mode}, coupled, len(start))
		if diff := cmp.Diff(step(t, heun, start, at), step(t, st, start, at), cmpopts.EquateApprox(0, 1e-15)); diff != "" {
			t.Errorf("mode %d: the first step (-heun +got):\n%s", mode, diff)
		}
		want, got := make([]float64, len(start)), make([]float64, len(start))
		wantPower, _ := heun.(ode.Estimator).LocalError(want)
		power, _ := st.(ode.Estimator).LocalError(got)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-15)); diff != "" || power != wantPower {
			t.Errorf("mode %d: LocalError of power %v, want %v (-heun +got):\n%s", mode, power, wantPower, diff)
		}
	}
}

// What the estimate of a starting step has evaluated at its end is not evaluated again.
func TestAdamsReusesTheEstimate(t *testing.T) {
	for _, test := range []struct {
		mode ode.AdamsMode
		want []int // evaluations in each step and its estimate
	}{
		// BS3: three stages, and the fourth for the estimate; it is the first of the next step.
		{ode.PECE, []int{4, 3, 1, 2, 2}},
		{ode.PEC, []int{4, 3, 1, 1, 1}},
	} {
		calls := 0
		st := adams(t, ode.Adams{Order: 4, Mode: test.mode}, func(dst, x []float64, t float64) error {
			calls++
			return coupled(dst, x, t)
		}, len(start))
		x := slices.Clone(start)
		var got []int
		for at := range ode.Spans(jolty.grid(0, 1, 5)) {
			calls = 0
			x = step(t, st, x, at)
			localError(t, st, len(x))
			got = append(got, calls)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("mode %d: evaluations (-want +got):\n%s", test.mode, diff)
		}
	}
}

// Rejected proposals, steps in place and an earlier trajectory leave no trace.
func TestAdamsHistory(t *testing.T) {
	grid := jolty.grid(0.2, 1.4, 9)
	for name, a := range adamsMethods() {
		for _, linear := range []float64{0, -1.5} {
			a.Linear = linear
			run := func(st ode.Stepper, disturb bool) []float64 {
				x := slices.Clone(start)
				for at := range ode.Spans(grid) {
					if disturb {
						for _, reach := range []float64{3, 0.3} {
							far := at
							far.To = at.From + reach*at.H()
							step(t, st, x, far)
							if _, ok := st.(ode.Estimator); ok {
								localError(t, st, len(x))
							}
							at.Retry = true
						}
					}
					if err := st.Step(x, x, at); err != nil {
						t.Fatal(err)
					}
				}
				return x
			}
			st := adams(t, a, coupled, len(start))
			want := run(st, false)
			for what, got := range map[string][]float64{
				"restarted":          run(st, false),
				"retried":            run(adams(t, a, coupled, len(start)), true),
				"restarted, retried": run(st, true),
			} {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, linear part %v, %s (-want +got):\n%s", name, linear, what, diff)
				}
			}
		}
	}
}

func TestAdamsDoesNotAllocate(t *testing.T) {
	const n = 64
	decay := func(dst, x []float64, t float64) error {
		for i, v := range x {
			dst[i] = -v
		}
		return nil
	}
	for name, a := range adamsMethods() {
		for _, linear := range []float64{0, -1} {
			a.Linear = linear
			st := adams(t, a, decay, n)
			est, estimates := st.(ode.Estimator)
			x, e, i := make([]float64, n), make([]float64, n), 0
			got := testing.AllocsPerRun(100, func() {
				at := ode.Span{From: 0.01 * float64(i%20), To: 0.01 * float64(i%20+1), Index: i % 20, Retry: i%3 == 2}
				if err := st.Step(x, x, at); err != nil {
					t.Fatal(err)
				}
				if estimates {
					if _, err := est.LocalError(e); err != nil {
						t.Fatal(err)
					}
				}
				i++
			})
			if got != 0 {
				t.Errorf("a step of %s with the linear part %v allocates %v times", name, linear, got)
			}
		}
	}
}

func TestAdamsCheck(t *testing.T) {
	for _, test := range []struct {
		name      string
		a         ode.Adams
		estimates bool
		ok        bool
	}{
		{"zero", ode.Adams{}, false, false},
		{"order below", ode.Adams{Order: -1}, false, false},
		{"order above", ode.Adams{Order: 5}, false, false},
		{"mode", ode.Adams{Order: 2, Mode: 3}, false, false},
		{"linear part", ode.Adams{Order: 2, Linear: math.Inf(1)}, false, false},
		{"start", ode.Adams{Order: 4, Start: ode.Heun}, false, false},
		{"start of order 3", ode.Adams{Order: 3, Start: ode.Heun}, false, true},
		{"explicit", ode.Adams{Order: 4}, false, true},
		{"corrected", ode.Adams{Order: 4, Mode: ode.PECE}, true, true},
		{"start without estimate", ode.Adams{Order: 4, Mode: ode.PECE, Start: ode.RK4}, false, true},
		{"linear part with a start", ode.Adams{Order: 4, Mode: ode.PEC, Linear: 1}, false, true},
		{"linear part with a ramp", ode.Adams{Order: 4, Mode: ode.PEC, Linear: 1, Ramp: true}, true, true},
	} {
		st, err := test.a.Stepper(coupled, 3)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, ode.ErrMethod) {
			t.Errorf("%s: Stepper returns %v, want an error: %t", test.name, err, !test.ok)
		}
		if _, estimates := st.(ode.Estimator); estimates != test.estimates {
			t.Errorf("%s: the stepper is an Estimator: %t, want %t", test.name, estimates, test.estimates)
		}
	}
}

// Steps may also be chosen by the error. A step of order q whose error is of the size of the tolerance has a length of its power
// 1/(q+1), and the result is of order q: the errors fall with the power q/(q+1). Pairs of Runge–Kutta methods, which
// estimate the error of the lower order, come to 1.
func TestAdamsAdapt(t *testing.T) {
	for _, p := range problems {
		for _, p := range []problem{p, p.backward()} {
			for _, mode := range []ode.AdamsMode{ode.PECE, ode.PEC} {
				for order := 2; order <= 4; order++ {
					power := float64(order) / float64(order+1)
					var tolerances, errs []float64
					for tol := 1e-5; tol > 1e-10; tol /= 10 {
						x := p.exact(p.t0)
						st := adams(t, ode.Adams{Order: order, Mode: mode}, p.f, len(x)).(ode.Estimator)
						e := 0.0 // in any step: at a single time it may pass through zero
						_, err := ode.Control{Rel: tol, Abs: tol}.Adapt(context.Background(), st, x, p.t0, p.t1, func(at ode.Span, x []float64) error {
							e = math.Max(e, distance(x, p.exact(at.To)))
							return nil
						})
						if err != nil {
							t.Fatalf("%s, order %d, tolerance %g: %v", p.name, order, tol, err)
						}
						tolerances, errs = append(tolerances, tol), append(errs, e)
						if !(e < 10*math.Pow(tol, power)) {
							t.Errorf("%s, order %d, mode %d: an error of %.3g at the tolerance %.3g", p.name, order, mode, e, tol)
						}
					}
					if got := slope(tolerances, errs); !(got > power-0.2 && got < 1.2) {
						t.Errorf("%s, order %d, mode %d: errors %.3g fall with the power %.2f of the tolerance, want %.2f", p.name, order, mode, errs, got, power)
					}
				}
			}
		}
	}
}

// The first error of the field ends the run, whichever evaluation it is.
func TestAdamsReturnsFieldError(t *testing.T) {
	boom := errors.New("boom")
	for name, a := range adamsMethods() {
		for _, linear := range []float64{0, -1} {
			a.Linear = linear
			for fail := range a.Evaluations(5) {
				calls := 0
				st := adams(t, a, func(dst, x []float64, t float64) error {
					if calls++; calls > fail {
						return boom
					}
					return coupled(dst, x, t)
				}, len(start))
				stats, err := ode.Integrate(context.Background(), st, slices.Clone(start), even.grid(0, 1, 5), nil)
				if !errors.Is(err, boom) || stats.Status != ode.Failed || calls != fail+1 {
					t.Errorf("%s, linear part %v: f fails at evaluation %d of %d and Integrate returns %v, %v", name, linear, fail, calls, stats.Status, err)
				}
			}
		}
	}
}

func TestAdamsEmptyState(t *testing.T) {
	nothing := func(dst, x []float64, t float64) error { return nil }
	for name, a := range adamsMethods() {
		if stats, err := ode.Integrate(context.Background(), adams(t, a, nothing, 0), nil, even.grid(0, 1, 5), nil); err != nil || stats.Steps != 5 {
			t.Errorf("%s: %d steps of an empty state, %v", name, stats.Steps, err)
		}
	}
}
