package ode_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
)

// The named controllers.
var controllers = []struct {
	name string
	ode.Controller
}{{"zero", ode.Controller{}}, {"I", ode.I}, {"PI", ode.PI}, {"PID", ode.PID}, {"H211PI", ode.H211PI}, {"H312PID", ode.H312PID}}

// With an ideal error h^q and the tolerance 1 every length follows from the gains: the filter, written
// out once more here, with the limiter and the rule of acceptance of the controller.
func TestControllerLengths(t *testing.T) {
	for _, c := range controllers {
		for _, q := range []float64{2, 5} {
			for _, first := range []float64{0.5, 0.97, 1.05, 1.3, 4, 40, -3} {
				domain := math.Inf(1)
				if first < 0 { // beyond 2 all is NaN, after which there is much to grow
					first, domain = -first, 2
				}
				st := &ideal{order: int(q), domain: domain}
				_, err := ode.Control{First: first, Abs: 1, Controller: c.Controller, MaxSteps: 12}.Adapt(context.Background(), st, []float64{0}, 0, 1e4, nil)
				if !errors.Is(err, ode.ErrTooManySteps) {
					t.Fatal(err)
				}
				gains := c.Gains
				if gains == [3]float64{} {
					gains = [3]float64{0.7, -0.4}
				}
				want, past, afterReject := []float64{first}, [2]float64{1, 1}, false
				for len(want) < 12 {
					h := want[len(want)-1]
					e := math.Pow(h, q)
					if h > domain {
						want, afterReject = append(want, 0.2*h), true
						continue
					}
					rho := math.Pow(e, -gains[0]/q) * math.Pow(past[0], -gains[1]/q) * math.Pow(past[1], -gains[2]/q)
					accept := e <= 1
					if c.Smooth {
						accept = 1+math.Atan(math.Pow(e, -1/q)-1) >= 0.81
						if !accept {
							rho = math.Pow(e, -1/q)
						}
						rho = 1 + math.Atan(rho-1)
					} else {
						if !accept {
							rho = math.Pow(e, -1/q)
						}
						rho = min(max(0.9*rho, 0.2), 5)
						if accept && afterReject {
							rho = min(rho, 1)
						}
					}
					want = append(want, h*rho)
					if accept {
						past = [2]float64{max(e, 1e-4), past[0]}
					}
					afterReject = !accept
				}
				if diff := cmp.Diff(want, st.lengths, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
					t.Errorf("%s, power %g, First %g: lengths (-want +got):\n%s", c.name, q, first, diff)
				}
			}
		}
	}
}

// The published gains, and that PI is the default.
func TestControllerGains(t *testing.T) {
	want := map[string]ode.Controller{
		"zero": {}, "I": {Gains: [3]float64{1, 0, 0}}, "PI": {Gains: [3]float64{0.7, -0.4, 0}},
		"PID": {[3]float64{0.58, -0.21, 0.1}, true}, "H211PI": {[3]float64{1. / 6, 1. / 6, 0}, true},
		"H312PID": {[3]float64{1. / 18, 1. / 9, 1. / 18}, true},
	}
	for _, c := range controllers {
		if diff := cmp.Diff(want[c.name], c.Controller); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	run := func(c ode.Controller) ([]float64, []ode.Span) {
		var r record
		x := slices.Clone(start)
		if _, err := (ode.Control{Controller: c}).Adapt(context.Background(), estimator(ode.DP5, coupled, 3), x, 3, 0, r.observe); err != nil {
			t.Fatal(err)
		}
		return x, r.spans
	}
	zeroX, zeroSpans := run(ode.Controller{})
	x, spans := run(ode.PI)
	if diff := cmp.Diff(zeroX, x) + cmp.Diff(zeroSpans, spans); diff != "" {
		t.Errorf("PI differs from the zero value (-zero +PI):\n%s", diff)
	}
}

// Every controller holds the tolerance, on smooth problems and where stability bounds the steps.
func TestControllerAccuracy(t *testing.T) {
	for _, p := range []problem{problems[0], problems[2].backward(), decay(0, 2)} {
		for _, c := range controllers {
			for _, tab := range []ode.Tableau{ode.BS3, ode.DP5, ode.DOP853} {
				const tol = 1e-7
				most := 10 * tol
				if c.Smooth { // 0.81^(-8) of the tolerance is accepted at order 8
					most *= 3
				}
				x, worst := p.exact(p.t0), 0.0
				stats, err := ode.Control{Rel: tol, Abs: tol, Controller: c.Controller}.Adapt(context.Background(), estimator(tab, p.f, len(x)), x, p.t0, p.t1,
					func(at ode.Span, x []float64) error {
						worst = max(worst, distance(x, p.exact(at.To)))
						return nil
					})
				if err != nil || !(worst <= most) || stats.Rejected > 2+stats.Steps/5 {
					t.Errorf("%s, %s, %s: error %.2g, %+v, %v, want at most %g and few rejections", p.name, tab.Name, c.name, worst, stats, err, most)
				}
			}
		}
	}
}

// NFE is what the field saw: at fixed and adaptive steps, of every tableau, proposals that were rejected and
// evaluations for the first step included. A second run by the same stepper starts from nothing.
func TestNFE(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		p := probe{f: problems[1].f}
		st := tab.Stepper(p.field, 1)
		for range 2 {
			p.calls = 0
			stats, err := ode.Integrate(context.Background(), st, []float64{1}, []float64{0, 0.25, 0.75, 1, 2}, nil)
			if err != nil || stats.NFE != p.calls || stats.NFE == 0 {
				t.Errorf("Integrate with %s: NFE %d, %v, want %d", tab.Name, stats.NFE, err, p.calls)
			}
			e, ok := st.(ode.Estimator)
			if !ok {
				continue
			}
			for _, first := range []float64{0, 2} {
				p.calls = 0
				stats, err := ode.Control{Rel: 1e-5, First: first}.Adapt(context.Background(), e, []float64{1}, 0, 2, nil)
				if err != nil || stats.NFE != p.calls || first > 0 && stats.Rejected == 0 {
					t.Errorf("Adapt with %s, First %g: %+v, %v, want NFE %d and steps rejected", tab.Name, first, stats, err, p.calls)
				}
			}
		}
	}
}

// The other methods count too: what the field sees is NFE, and no step costs more than was foretold. Under error control, with its rejected
// proposals, Cost is exact.
func TestNFEOfMethods(t *testing.T) {
	f := problems[1].f
	methods := map[string]func(f ode.Func) ode.Stepper{
		"lawson4": func(f ode.Func) ode.Stepper { return ode.Lawson("lawson4", ode.RK4).Stepper(-1, f, 1) },
	}
	for order := 1; order <= 4; order++ {
		for _, mode := range []ode.AdamsMode{ode.Bashforth, ode.PEC, ode.PECE} {
			for _, ramp := range []bool{false, true} {
				for _, linear := range []float64{0, -0.5} {
					a := ode.Adams{Order: order, Mode: mode, Ramp: ramp, Linear: linear}
					methods[fmt.Sprintf("%+v", a)] = func(f ode.Func) ode.Stepper {
						st, err := a.Stepper(f, 1)
						if err != nil {
							t.Fatal(err)
						}
						return st
					}
				}
			}
		}
	}
	for name, bind := range methods {
		p := probe{f: f}
		st := bind(p.field)
		for range 2 {
			before := p.calls
			x := []float64{1}
			for at := range ode.Spans([]float64{0, 0.25, 0.75, 1, 1.5, 1.75, 2}) {
				was, most := p.calls, st.(ode.Counter).Cost(at, false)
				if err := st.Step(x, x, at); err != nil {
					t.Fatal(err)
				}
				if spent := p.calls - was; spent > most {
					t.Errorf("%s: step %d takes %d evaluations, and %d were foretold", name, at.Index, spent, most)
				}
			}
			stats, err := ode.Integrate(context.Background(), st, []float64{1}, []float64{0, 0.5, 1, 1.25, 2}, nil)
			if err != nil || p.calls != st.(ode.Counter).NFE() || stats.NFE >= p.calls-before {
				t.Errorf("%s: NFE %d, %v, %d calls", name, st.(ode.Counter).NFE(), err, p.calls)
			}
		}
		e, ok := st.(ode.Estimator)
		if !ok {
			continue
		}
		told := &foretold{Estimator: e}
		for range 2 {
			if _, err := (ode.Control{Rel: 1e-5, First: 2}).Adapt(context.Background(), told, []float64{1}, 0, 2, nil); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(told.cost, told.spent); diff != "" || p.calls != e.(ode.Counter).NFE() {
			t.Errorf("%s: %d calls, NFE %d, evaluations of the proposals (-Cost +NFE):\n%s", name, p.calls, e.(ode.Counter).NFE(), diff)
		}
	}
}

// Cost foretells every proposal exactly, first, following and repeated ones.
func TestCost(t *testing.T) {
	for _, tab := range estimators() {
		st := &foretold{Estimator: estimator(tab, problems[1].f, 1)}
		for range 2 {
			stats, err := ode.Control{Rel: 1e-5, First: 2}.Adapt(context.Background(), st, []float64{1}, 0, 2, nil)
			if err != nil || stats.Rejected == 0 || stats.Steps < 2 {
				t.Fatalf("%s: %+v, %v, want steps rejected and accepted", tab.Name, stats, err)
			}
		}
		if diff := cmp.Diff(st.cost, st.spent); diff != "" {
			t.Errorf("%s: evaluations of the proposals (-Cost +NFE):\n%s", tab.Name, diff)
		}
	}
}

// A foretold notes what its proposals should cost and what they do.
type foretold struct {
	ode.Estimator
	cost, spent []int
	before      int
}

func (s *foretold) Step(dst, src []float64, at ode.Span) error {
	s.cost, s.before = append(s.cost, s.Estimator.(ode.Counter).Cost(at, false)), s.Estimator.(ode.Counter).NFE()
	return s.Estimator.Step(dst, src, at)
}

func (s *foretold) LocalError(dst []float64) (float64, error) {
	power, err := s.Estimator.LocalError(dst)
	s.spent = append(s.spent, s.Estimator.(ode.Counter).NFE()-s.before)
	return power, err
}

// The budget is never exceeded, and one that suffices is enough.
func TestMaxNFE(t *testing.T) {
	for _, tab := range estimators() {
		run := func(most int) (ode.Stats, int, error) {
			p := probe{f: problems[1].f}
			stats, err := ode.Control{Rel: 1e-3, First: 2, MaxNFE: most}.Adapt(context.Background(), estimator(tab, p.field, 1), []float64{1}, 0, 2, nil)
			return stats, p.calls, err
		}
		free, enough, err := run(0)
		if err != nil || free.Rejected == 0 {
			t.Fatalf("%s: %+v, %v, want steps rejected", tab.Name, free, err)
		}
		for most := 1; most <= enough; most++ {
			stats, calls, err := run(most)
			if calls > most || stats.NFE != calls {
				t.Errorf("%s, MaxNFE %d: %d calls, NFE %d", tab.Name, most, calls, stats.NFE)
			}
			// The last proposal that fits is made: one of these methods costs at most as many calls as it has stages.
			if most < enough && calls+len(tab.B) < most {
				t.Errorf("%s, MaxNFE %d: stopped after %d calls", tab.Name, most, calls)
			}
			status, want := ode.TooManyEvaluations, ode.ErrTooManyEvaluations
			if most == enough {
				status, want = ode.Done, nil
			}
			if stats.Status != status || !errors.Is(err, want) {
				t.Errorf("%s, MaxNFE %d of %d = %v, %v, want %v", tab.Name, most, enough, stats.Status, err, status)
			}
		}
	}
	// The evaluations that find the first step are within the budget too.
	p := probe{f: problems[1].f}
	for most := 1; most < 12; most++ {
		p.calls = 0
		stats, err := ode.Control{MaxNFE: most}.Adapt(context.Background(), estimator(ode.Heun, p.field, 1), []float64{1}, 0, 2, nil)
		if p.calls > most || !errors.Is(err, ode.ErrTooManyEvaluations) {
			t.Errorf("MaxNFE %d: %d calls, %+v, %v", most, p.calls, stats, err)
		}
	}
	_, err := ode.Control{MaxNFE: 9}.Adapt(context.Background(), &ideal{order: 1}, []float64{1}, 0, 2, nil)
	if !errors.Is(err, ode.ErrControl) {
		t.Errorf("MaxNFE for a stepper that does not count: %v, want %v", err, ode.ErrControl)
	}
}

// Min binds every step but the last; a step rejected at Min ends the run and the error says why.
func TestMin(t *testing.T) {
	for _, down := range []bool{false, true} {
		p := problems[1]
		if down {
			p = p.backward()
		}
		var r record
		x := p.exact(p.t0)
		stats, err := ode.Control{Rel: 1e-4, Min: 0.07}.Adapt(context.Background(), estimator(ode.DOP853, p.f, 1), x, p.t0, p.t1, r.observe)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range r.spans {
			if math.Abs(at.H()) < 0.07*(1-1e-12) && i < len(r.spans)-1 {
				t.Errorf("%s: step %d has length %v, want at least Min", p.name, i, at.H())
			}
		}
		if stats.Steps < 4 {
			t.Errorf("%s: %d steps show nothing", p.name, stats.Steps)
		}
		x = p.exact(p.t0)
		stats, err = ode.Control{Rel: 1e-9, Abs: 1e-9, Min: 0.25}.Adapt(context.Background(), estimator(ode.BS3, p.f, 1), x, p.t0, p.t1, nil)
		want := "ode: step is too small: below Min, 0.25, at which the error is "
		if stats.Status != ode.StepTooSmall || !errors.Is(err, ode.ErrStepTooSmall) || !strings.Contains(message(err), want) {
			t.Errorf("%s with Min 0.25 = %+v, %v, want %q", p.name, stats, err, want)
		}
	}
}

// A step that is accepted at Min is followed by one of Min, though the controller asks for less; the first step, found or
// given by a stepper without field, is no shorter either.
func TestMinHolds(t *testing.T) {
	for _, first := range []float64{0, 1} {
		st := &ideal{order: 2, domain: math.Inf(1)}
		_, err := ode.Control{First: first, Min: 1, Max: 1.5, Abs: 1}.Adapt(context.Background(), st, []float64{0}, 0, 4, nil)
		if diff := cmp.Diff([]float64{1, 1, 1, 1}, st.lengths); diff != "" || err != nil {
			t.Errorf("First %v: %v, lengths (-want +got):\n%s", first, err, diff)
		}
	}
	var r record
	_, err := ode.Control{Min: 0.01, Rel: 1e-3, Abs: 1e-3}.Adapt(context.Background(), estimator(ode.DP5, func(dst, _ []float64, _ float64) error { clear(dst); return nil }, 1), []float64{0}, 0, 1, r.observe)
	if err != nil || r.spans[0].H() != 0.01 { // the rule gives 1e-6
		t.Errorf("the first step found is %v, %v, want Min", r.spans[0].H(), err)
	}
}

// Bounds of the factor between two lengths.
func TestFactors(t *testing.T) {
	still := func(dst, _ []float64, _ float64) error { clear(dst); return nil }
	var r record
	_, err := ode.Control{First: 1. / 64, MaxFactor: 1.25}.Adapt(context.Background(), estimator(ode.Heun, still, 1), []float64{1}, 0, 1, r.observe)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range r.spans[1 : len(r.spans)-1] {
		if got := at.H() / r.spans[i].H(); !(math.Abs(got-1.25) < 1e-9) {
			t.Errorf("step %d grows by %v, want 1.25", i+1, got)
		}
	}
	st := &ideal{order: 1, domain: math.Inf(1)}
	ode.Control{First: 64, Abs: 1, MinFactor: 0.5, MaxSteps: 6}.Adapt(context.Background(), st, []float64{0}, 0, 1000, nil)
	if diff := cmp.Diff([]float64{64, 32, 16, 8, 4, 2}, st.lengths); diff != "" {
		t.Errorf("MinFactor 0.5: lengths (-want +got):\n%s", diff)
	}
}

// What the new fields refuse, before any evaluation.
func TestControlRefusesFields(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		c    ode.Control
		want string
	}{
		{ode.Control{Min: -1}, "Min is -1, want a finite number not below 0"},
		{ode.Control{Min: nan}, "Min is NaN, want a finite number not below 0"},
		{ode.Control{Min: 0.5, Max: 0.25}, "Min is 0.5, want at most Max, 0.25"},
		{ode.Control{Min: 3}, "Min is 3, want at most the interval, 2"},
		{ode.Control{Min: 0.5, First: 0.25}, "First is 0.25, want at least Min, 0.5"},
		{ode.Control{MaxNFE: -1}, "MaxNFE is -1, want at least 0"},
		{ode.Control{MinFactor: 1}, "MinFactor is 1, want less than 1"},
		{ode.Control{MaxFactor: 0.5}, "MaxFactor is 0.5, want at least 1"},
		{ode.Control{MaxFactor: nan}, "MaxFactor is NaN, want a finite number not below 0"},
		{ode.Control{Controller: ode.Controller{Gains: [3]float64{0.5, -0.5}}}, "the Controller's gains are [0.5 -0.5 0], want a finite sum above 0"},
		{ode.Control{Controller: ode.Controller{Gains: [3]float64{nan}}}, "the Controller's gains are [NaN 0 0], want a finite sum above 0"},
	} {
		p := probe{f: coupled}
		stats, err := test.c.Adapt(context.Background(), estimator(ode.DP5, p.field, 3), slices.Clone(start), 2, 0, nil)
		if got, want := message(err), "ode: bad control: "+test.want; got != want || !errors.Is(err, ode.ErrControl) || p.calls != 0 || stats != (ode.Stats{}) {
			t.Errorf("%s = %q after %d calls, %+v, want %q", fmt.Sprint(test.c), got, p.calls, stats, want)
		}
	}
}

// The error norm of a step of DOP853, as scipy.integrate.DOP853 has it: version 1.17.1,
//
//	s = DOP853(f, t0, exact(t0), t0+10*sign(h), rtol=rel, atol=abs, first_step=abs(h))
//	y1, f1 = rk_step(f, t0, s.y, s.f, h, s.A, s.B, s.C, s.K)
//	s._estimate_error_norm(s.K, h, abs + maximum(abs(s.y), abs(y1))*rel)
//
// on its rational problem.
func TestDOP853Error(t *testing.T) {
	p := problems[2]
	for _, test := range []struct{ t0, h, rel, abs, want float64 }{
		{1, 0.5, 1e-6, 1e-8, 1.479280394657534e-06},
		{1, 2, 1e-3, 1e-6, 1.5546839879723626e-05},
		{3, -1, 1e-9, 1e-12, 0.043259259266474635},
		{2, 2.5, 1e-7, 1e-14, 0.06838276350952131},
	} {
		in, err := ode.Control{First: math.Abs(test.h), Rel: test.rel, Abs: test.abs}.Start(
			estimator(ode.DOP853, p.f, 2), p.exact(test.t0), test.t0, test.t0+10*test.h)
		if err != nil || !in.Next(context.Background()) {
			t.Fatal(err)
		}
		// The stages cancel to their last digits in the smaller ones.
		if got := in.LocalError(); in.Span().H() != test.h || !(math.Abs(got/test.want-1) < 1e-6) {
			t.Errorf("from %g over %g: error %v, want %v", test.t0, in.Span().H(), got, test.want)
		}
	}
}

// Two estimates are combined row by row, and the worst row counts. The power is that of the combination.
func TestPairEstimator(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		fine, coarse []float64 // two rows of two
		want         float64
	}{
		{[]float64{0, 0, 0, 0}, []float64{0, 0, 0, 0}, 0},
		{[]float64{0, 0, 0, 0}, []float64{1, 0, 0, 0}, 0},
		{[]float64{0.5, 0.5, 0, 0}, []float64{0, 0, 9, 9}, 0.5},
		{[]float64{0, 0, 0.3, 0.3}, []float64{0, 0, 4, 4}, 0.09 / 0.5},
		{[]float64{0.2, 0.2, 0.3, 0.3}, []float64{0, 0, 4, 4}, 0.2},
		{[]float64{3e-150, 3e-150, 0, 0}, []float64{4e-149, 4e-149, 0, 0}, 9e-150 / 5},
	} {
		st := &twin{test.fine, test.coarse}
		in, err := ode.Control{Abs: 1, Rel: 1e-300, First: 0.5, Dim: 2}.Start(st, make([]float64, 4), 0, 2)
		if err != nil || !in.Next(context.Background()) {
			t.Fatal(err, in.Err())
		}
		if got := in.LocalError(); !(math.Abs(got-test.want) <= 1e-14*test.want) {
			t.Errorf("rows %v and %v: error %v, want %v", test.fine, test.coarse, got, test.want)
		}
	}
	inf := math.Inf(1)
	for _, bad := range []*twin{{[]float64{0, 0, 1, 1}, []float64{0, 0, inf, 0}}, {[]float64{1, 0, 0, 0}, []float64{1e200, 0, 0, 0}}, {[]float64{nan, 0, 0, 0}, make([]float64, 4)}, {[]float64{0, 0, 0, nan}, make([]float64, 4)}, {[]float64{0, 0, 1, 1}, []float64{0, 0, nan, 0}}} {
		stats, err := ode.Control{Abs: 1, First: 0.5, Dim: 2}.Adapt(context.Background(), bad, make([]float64, 4), 0, 2, nil)
		if stats.Steps != 0 || err == nil {
			t.Errorf("rows %v and %v: %+v, %v, want no step", bad.fine, bad.coarse, stats, err)
		}
	}
	st := estimator(ode.DOP853, coupled, 3).(ode.PairEstimator)
	if err := st.Step(make([]float64, 3), start, ode.Span{From: 1, To: 0.5}); err != nil {
		t.Fatal(err)
	}
	if power, err := st.LocalErrors(make([]float64, 3), make([]float64, 3)); power != 8 || err != nil {
		t.Errorf("dop853: power %g, %v, want 8, as in SciPy's error_exponent -1/8", power, err)
	}
}

// A twin has two estimates, always the same.
type twin struct{ fine, coarse []float64 }

func (s *twin) Step(dst, src []float64, at ode.Span) error { copy(dst, src); return nil }

func (s *twin) LocalError(dst []float64) (float64, error) { panic("LocalErrors is to be used") }

func (s *twin) LocalErrors(fine, coarse []float64) (float64, error) {
	copy(fine, s.fine)
	copy(coarse, s.coarse)
	return 8, nil
}
