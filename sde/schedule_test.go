package sde_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/sde"
)

// unit is the rounding of float64.
const unit = 1. / (1 << 53)

// A schedule is one under test with its definition in exact arithmetic. All of them are
// variance preserving, so α says everything.
type schedule struct {
	name string
	s    sde.Schedule

	// alpha returns α near the time t. It is one function for all t, except for
	// a Discrete, where it is the one of t's cell.
	alpha func(t float64) func(num) num

	// slack is how often the schedule rounds a time before it knows what t is next to: once
	// for a Discrete, which works with t·T.
	slack float64
}

// linear is α = exp(-B/2) with B = b0 t + (b1-b0)t²/2.
func linear(name string, v sde.VP, b0, b1 float64) schedule {
	return schedule{name: name, s: v, alpha: func(float64) func(num) num {
		return func(t num) num {
			b := exact(b0).mul(t).add(exact(b1).sub(exact(b0)).mul(t).mul(t).scale(-1))
			return b.scale(-1).neg().exp()
		}
	}}
}

// cosine is α = cos θ/cos θ₀ with θ = (t+s)/(1+s)·π/2, s = 0.008.
func cosine(name string, c sde.Cosine) schedule {
	shift := one.div(exact(125))
	theta := func(t num) num { return t.add(shift).div(one.add(shift)).mul(pi).scale(-1) }
	return schedule{name: name, s: c, alpha: func(float64) func(num) num {
		return func(t num) num { return theta(t).cos().div(theta(exact(0)).cos()) }
	}}
}

// discrete is α² = Π(1-β) at the times i/T, and log α linear between them.
func discrete(name string, betas []float64) schedule {
	d, err := sde.NewDiscrete(betas)
	if err != nil {
		panic(err)
	}
	n := float64(len(betas))
	product := products(betas)
	return schedule{name: name, s: d, slack: 1, alpha: func(near float64) func(num) num {
		i := cell(near, len(betas))
		lo, hi := product[i].log().scale(-1), product[i+1].log().scale(-1)
		return func(t num) num {
			w := t.mul(exact(n)).sub(exact(float64(i)))
			return lo.add(w.mul(hi.sub(lo))).exp()
		}
	}}
}

// products returns α² at the times i/T, i = 0..T.
func products(betas []float64) []num {
	p := []num{one}
	for _, b := range betas {
		p = append(p, p[len(p)-1].mul(one.sub(exact(b))))
	}
	return p
}

// cell returns the i for which t lies in (i/n, (i+1)/n], where the float64 next to k/n is
// taken for k/n.
func cell(t float64, n int) int {
	k := int(math.Round(t * float64(n)))
	if t <= float64(k)/float64(n) {
		return k - 1
	}
	return k
}

var schedules = []schedule{
	linear("VP", sde.VP{}, 0.1, 20),
	linear("VP, constant", sde.VP{BetaMin: 2, BetaMax: 2, TMax: 5}, 2, 2),
	linear("VP from 0", sde.VP{BetaMax: 8, TMin: 1e-5}, 0, 8),
	linear("VP, falling", sde.VP{BetaMin: 12, BetaMax: 0.5}, 12, 0.5),
	cosine("Cosine", sde.Cosine{}),
	cosine("Cosine, wide", sde.Cosine{TMin: 1e-6, TMax: 0.9999}),
	discrete("linear", sde.LinearBetas(1000, 1e-4, 0.02)),
	discrete("scaled linear", sde.ScaledLinearBetas(1000, 0.00085, 0.012)),
	discrete("squared cosine", sde.SquaredCosineBetas(1000)),
	discrete("four", []float64{0.1, 0.2, 0.5, 0.9}),
}

// times returns times of s's domain: both ends, what lies next to them, and between.
func (s schedule) times() []float64 {
	tmin, tmax := s.s.Domain()
	ts := []float64{tmin, math.Nextafter(tmin, tmax), 1.1 * tmin}
	for _, u := range []float64{0.001, 0.01, 0.1, 1. / 3, 0.5, 0.66, 0.9, 0.99, 0.999} {
		ts = append(ts, tmin+u*(tmax-tmin))
	}
	return append(ts, math.Nextafter(tmax, tmin), tmax)
}

// Every quantity of a Point is as precise as can be, at both ends of the domain too: its
// relative error is a few units for the arithmetic and for the exponent log α, whose rounding exp
// magnifies by |log α|. A time that is rounded costs |t q'/q|.
func TestPointPrecision(t *testing.T) {
	for _, s := range schedules {
		for _, at := range s.times() {
			p := s.s.At(at)
			alpha := s.alpha(at)
			sigma := func(t num) num { a := alpha(t); return one.sub(a.mul(a)).sqrt() }
			dAlpha := func(t num) num { return derivative(alpha, t) }
			dSigma := func(t num) num { return derivative(sigma, t) }
			f := func(t num) num { return dAlpha(t).div(alpha(t)) }
			exponent := math.Abs(alpha(exact(at)).log().float64())
			for _, q := range []struct {
				name  string
				got   float64
				exact func(num) num
			}{
				{"Alpha", p.Alpha, alpha},
				{"Sigma", p.Sigma, sigma},
				{"DAlpha", p.DAlpha, dAlpha},
				{"DSigma", p.DSigma, dSigma},
				{"Kappa()", p.Kappa(), func(t num) num { return sigma(t).div(alpha(t)) }},
				{"F()", p.F(), f},
				{"DLambda()", p.DLambda(), func(t num) num { return f(t).sub(dSigma(t).div(sigma(t))) }},
				// g² = (σ²)' - 2fσ².
				{"G2()", p.G2(), func(t num) num { sg := sigma(t); return sg.mul(dSigma(t).sub(f(t).mul(sg))).scale(1) }},
			} {
				want := q.exact(exact(at))
				condition := math.Abs(derivative(q.exact, exact(at)).div(want).float64() * at)
				tolerance := unit * (8 + 3*exponent + s.slack*condition)
				if e := exact(q.got).sub(want).div(want).float64(); !(math.Abs(e) <= tolerance) {
					t.Errorf("%s: At(%v).%s = %v, want %v: relative error %.2g, want at most %.2g",
						s.name, at, q.name, q.got, want.float64(), e, tolerance)
				}
			}

			// λ passes through zero, so its error is absolute near there.
			want := alpha(exact(at)).div(sigma(exact(at))).log()
			tolerance := unit * (4 + 2*math.Abs(p.Lambda()) + s.slack*math.Abs(at*p.DLambda()))
			if e := exact(p.Lambda()).sub(want).float64(); !(math.Abs(e) <= tolerance) {
				t.Errorf("%s: At(%v).Lambda() = %v, want %v: error %.2g, want at most %.2g", s.name, at, p.Lambda(), want.float64(), e, tolerance)
			}
			if p.T != at {
				t.Errorf("%s: At(%v).T = %v", s.name, at, p.T)
			}
		}
	}
}

// inverseError returns by how much Time(λ(t)) differs from t, relative to t, and what the
// rounding of λ alone must cost, times a few.
func inverseError(s sde.Schedule, t float64) (e, tolerance float64) {
	p := s.At(t)
	lambda := p.Lambda()
	return math.Abs(s.Time(lambda)-t) / t, unit * (4 + 4*math.Max(1, math.Abs(lambda))/math.Abs(t*p.DLambda()))
}

// Grids in λ are made with Time, so the times at their ends must be those of the domain.
func TestTimeInvertsLambda(t *testing.T) {
	for _, s := range schedules {
		worst := 0.0
		tmin, tmax := s.s.Domain()
		ts := s.times()
		for i := range 1000 {
			ts = append(ts, tmin+(tmax-tmin)*float64(i)/999)
		}
		for _, at := range ts {
			e, tolerance := inverseError(s.s, at)
			if !(e <= tolerance) {
				t.Errorf("%s: Time(At(%v).Lambda()) = %v: relative error %.2g, want at most %.2g",
					s.name, at, s.s.Time(s.s.At(at).Lambda()), e, tolerance)
			}
			worst = math.Max(worst, e)
		}
		// As the package documentation has it, at both ends too.
		if !(worst <= 2e-14) {
			t.Errorf("%s: Time(At(t).Lambda()) has a relative error of %.2g, want at most 2e-14", s.name, worst)
		}
	}
}

// Time is λ's inverse at λ's own values, not only where it came from a t.
func TestTimePrecision(t *testing.T) {
	for _, s := range schedules {
		tmin, tmax := s.s.Domain()
		from, to := s.s.At(tmin).Lambda(), s.s.At(tmax).Lambda()
		for i := range 50 {
			lambda := from + (to-from)*(0.01+0.98*float64(i)/49)
			at := s.s.Time(lambda)
			alpha := s.alpha(at)(exact(at))
			got := alpha.div(one.sub(alpha.mul(alpha)).sqrt()).log()
			// The rounding of t moves λ by |tλ'|.
			tolerance := unit * (4*math.Max(1, math.Abs(lambda)) + 4*math.Abs(at*s.s.At(at).DLambda()))
			if e := got.sub(exact(lambda)).float64(); !(math.Abs(e) <= tolerance) {
				t.Errorf("%s: Time(%v) = %v, where lambda is %v: error %.2g, want at most %.2g", s.name, lambda, at, got.float64(), e, tolerance)
			}
		}
	}
}

// Beyond the domain Time goes on, and neither turns round nor fails: not even where exp(-2λ) overflows.
func TestTimeBeyondDomain(t *testing.T) {
	for _, s := range schedules {
		if s.name == "VP, falling" {
			continue // whose β is negative beyond
		}
		was := math.Inf(1)
		for lambda := -500.; lambda <= 300; lambda += 0.25 {
			at := s.s.Time(lambda)
			if !(at >= 0 && at <= was) {
				t.Errorf("%s: Time(%v) = %v after %v", s.name, lambda, at, was)
			}
			was = at
		}
		if !(was < 1e-100) {
			t.Errorf("%s: Time(300) = %v, want next to nothing", s.name, was)
		}
	}
	if got := (sde.Cosine{}).Time(-500); got != 1 {
		t.Errorf("Cosine: Time(-500) = %v, want 1, where alpha is 0", got)
	}
}

// FuzzTimeInvertsLambda takes a schedule of the list, or for other numbers the VP with those
// betas, at the fraction u of its domain.
func FuzzTimeInvertsLambda(f *testing.F) {
	for i := range len(schedules) + 1 {
		for _, u := range []float64{0, 1e-9, 0.3, 0.999, 1} {
			f.Add(uint8(i), u, 1e-3, 15.)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, u, betaMin, betaMax float64) {
		var s sde.Schedule
		if int(which) < len(schedules) {
			s = schedules[which].s
		} else {
			v := sde.VP{BetaMin: betaMin, BetaMax: betaMax}
			if v.Check() != nil || betaMax < 1e-100 { // whose square underflows: no diffusion to speak of
				return
			}
			s = v
		}
		if !(u >= 0 && u <= 1) {
			return
		}
		tmin, tmax := s.Domain()
		at := math.Min(tmin+u*(tmax-tmin), tmax)
		if e, tolerance := inverseError(s, at); !(e <= tolerance) {
			t.Errorf("%#v: Time(At(%v).Lambda()) = %v: relative error %.2g, want at most %.2g", s, at, s.Time(s.At(at).Lambda()), e, tolerance)
		}
	})
}

// The identities by which everything else is derived, at every time of a fine grid.
func TestPointIdentities(t *testing.T) {
	for _, s := range schedules {
		tmin, tmax := s.s.Domain()
		for i := range 500 {
			at := tmin + (tmax-tmin)*float64(i)/499
			p := s.s.At(math.Min(at, tmax))
			for _, test := range []struct {
				name      string
				got, want float64
			}{
				{"Alpha² + Sigma²", p.Alpha*p.Alpha + p.Sigma*p.Sigma, 1},
				{"Alpha·DAlpha/(-Sigma·DSigma)", p.Alpha * p.DAlpha / (-p.Sigma * p.DSigma), 1},
				{"Kappa()·exp(Lambda())", p.Kappa() * math.Exp(p.Lambda()), 1},
				{"F()·Alpha/DAlpha", p.F() * p.Alpha / p.DAlpha, 1},
				{"G2()/(-2 F())", p.G2() / (-2 * p.F()), 1}, // both are β
			} {
				if !(math.Abs(test.got-test.want) <= 1e-15*(1+math.Abs(p.Lambda()))) {
					t.Errorf("%s at %v: %s = %v, want %v", s.name, p.T, test.name, test.got, test.want)
				}
			}
		}
	}
}

// g² is β, the parameter: this is how a VP is recognised in other texts.
func TestVPBeta(t *testing.T) {
	for _, v := range []sde.VP{{}, {BetaMin: 2, BetaMax: 2}, {BetaMin: 0.5, BetaMax: 7}} {
		b0, b1 := v.BetaMin, v.BetaMax
		if v == (sde.VP{}) {
			b0, b1 = 0.1, 20
		}
		for i := range 1000 {
			at := 1e-3 + 0.999*float64(i)/999
			beta := b0 + at*(b1-b0)
			p := v.At(at)
			if got := p.G2(); !(math.Abs(got/beta-1) <= 1e-15) {
				t.Errorf("%+v.At(%v).G2() = %v, want %v", v, at, got, beta)
			}
			if got := p.F(); !(math.Abs(got/(-beta/2)-1) <= 1e-15) {
				t.Errorf("%+v.At(%v).F() = %v, want %v", v, at, got, -beta/2)
			}
		}
	}
}

func TestVPCheck(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		v    sde.VP
		want string // in the error; "" for none
	}{
		{sde.VP{}, ""},
		{sde.VP{BetaMin: 0.1, BetaMax: 20, TMin: 1e-5, TMax: 1}, ""},
		{sde.VP{BetaMax: 1}, ""},
		{sde.VP{BetaMin: 3, BetaMax: 3}, ""},
		{sde.VP{BetaMin: 3, BetaMax: 1, TMax: 1.5}, ""}, // beta is 0 at the end
		{sde.VP{BetaMin: 3, BetaMax: 1, TMax: 1.6}, "negative at TMax"},
		{sde.VP{BetaMin: 1}, "beta from 1 to 0"},
		{sde.VP{BetaMin: -0.1, BetaMax: 20}, "beta from -0.1 to 20"},
		{sde.VP{BetaMin: 0.1, BetaMax: -20}, "beta from 0.1 to -20"},
		{sde.VP{BetaMin: nan, BetaMax: 20}, "beta from NaN to 20"},
		{sde.VP{BetaMin: 0.1, BetaMax: nan}, "beta from 0.1 to NaN"},
		{sde.VP{BetaMin: inf, BetaMax: 20}, "beta from +Inf to 20: want"},
		{sde.VP{BetaMin: 0.1, BetaMax: inf}, "beta from 0.1 to +Inf: want"},
		{sde.VP{TMin: -1e-3}, "time from -0.001 to 1"},
		{sde.VP{TMin: 1}, "time from 1 to 1"},
		{sde.VP{TMin: 0.5, TMax: 0.4}, "time from 0.5 to 0.4"},
		{sde.VP{TMin: nan}, "time from NaN to 1"},
		{sde.VP{TMax: nan}, "time from 0.001 to NaN"},
		{sde.VP{TMax: inf}, "time from 0.001 to +Inf"},
		// log α = -B/2, and the least normal float64 is exp(-708.4).
		{sde.VP{BetaMin: 1416, BetaMax: 1416}, ""},
		{sde.VP{BetaMin: 1417, BetaMax: 1417}, "alpha underflows"},
		{sde.VP{BetaMin: 0.1, BetaMax: 1e5}, "alpha underflows"},
	} {
		err := test.v.Check()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v.Check() = %v, want %q", test.v, err, test.want)
		}
	}
}

func TestCosineCheck(t *testing.T) {
	for _, test := range []struct {
		c    sde.Cosine
		want bool
	}{
		{sde.Cosine{}, true},
		{sde.Cosine{TMin: 1e-6, TMax: 0.9999}, true},
		{sde.Cosine{TMax: 1}, false}, // alpha is 0
		{sde.Cosine{TMin: -1}, false},
		{sde.Cosine{TMin: 0.7, TMax: 0.6}, false},
		{sde.Cosine{TMin: 0.7, TMax: 0.7}, false},
		{sde.Cosine{TMin: math.NaN()}, false},
		{sde.Cosine{TMax: math.NaN()}, false},
	} {
		if err := test.c.Check(); (err == nil) != test.want {
			t.Errorf("%+v.Check() = %v, want an error: %v", test.c, err, !test.want)
		}
	}
}

func TestDomain(t *testing.T) {
	type domain struct{ TMin, TMax float64 }
	four, err := sde.NewDiscrete([]float64{0.1, 0.2, 0.3, 0.4})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		s    sde.Schedule
		want domain
	}{
		{sde.VP{}, domain{1e-3, 1}},
		{sde.VP{TMin: 0.1}, domain{0.1, 1}},
		{sde.VP{TMax: 3}, domain{1e-3, 3}},
		{sde.Cosine{}, domain{1e-3, 0.9946}},
		{sde.Cosine{TMin: 0.01, TMax: 0.5}, domain{0.01, 0.5}},
		{four, domain{0.25, 1}},
	} {
		var got domain
		got.TMin, got.TMax = test.s.Domain()
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%#v.Domain() (-want +got):\n%s", test.s, diff)
		}
	}
}

func TestCheckTime(t *testing.T) {
	for _, test := range []struct {
		t    float64
		want bool
	}{
		{1e-3, true}, {0.5, true}, {1, true},
		{0, false}, {math.Nextafter(1e-3, 0), false}, {math.Nextafter(1, 2), false}, {-1, false},
		{math.NaN(), false}, {math.Inf(1), false}, {math.Inf(-1), false},
	} {
		if err := sde.CheckTime(sde.VP{}, test.t); (err == nil) != test.want {
			t.Errorf("CheckTime(VP{}, %v) = %v, want an error: %v", test.t, err, !test.want)
		}
	}
}
