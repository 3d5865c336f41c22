package sde_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/sde"
)

// unit is the rounding of float64.
const unit = 1. / (1 << 53)

// A schedule is one under test with its definition in exact arithmetic.
type schedule struct {
	name string
	s    sde.Schedule

	// alpha returns α near the time t. It is one function for all t, except for
	// a Discrete, where it is the one of t's cell.
	alpha func(t float64) func(num) num

	// slack is how often the schedule rounds a time before it knows what t is next to: once
	// for a Discrete, which works with t·T.
	slack float64

	// sigma returns σ of t. It is nil for variance-preserving schedules, of which α says
	// everything.
	sigma func(num) num
}

// sigmaOf returns σ near the time t.
func (s schedule) sigmaOf(t float64) func(num) num {
	if s.sigma != nil {
		return s.sigma
	}
	alpha := s.alpha(t)
	return func(t num) num { a := alpha(t); return one.sub(a.mul(a)).sqrt() }
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

// subVP is linear's α with σ = 1 - α².
func subVP(name string, v sde.SubVP, b0, b1 float64) schedule {
	s := linear(name, sde.VP(v), b0, b1)
	alpha := s.alpha(0)
	s.s, s.sigma = v, func(t num) num { a := alpha(t); return one.sub(a.mul(a)) }
	return s
}

// ve is σ = lo (hi/lo)^t, edm is σ = t, both with α = 1.
func ve(name string, v sde.VE, lo, hi float64) schedule {
	rate := exact(hi).div(exact(lo)).log()
	return schedule{name: name, s: v, slack: 1, alpha: constant, sigma: func(t num) num { return exact(lo).mul(rate.mul(t).exp()) }}
}

func edm(name string, e sde.EDM) schedule {
	return schedule{name: name, s: e, alpha: constant, sigma: func(t num) num { return t }}
}

func constant(float64) func(num) num { return func(num) num { return one } }

// flow is α = 1 - t and σ = t.
func flow(name string, f sde.Flow) schedule {
	return schedule{name: name, s: f, slack: 1, alpha: func(float64) func(num) num { return one.sub }, sigma: func(t num) num { return t }}
}

// trigFlow is α = cos t.
func trigFlow(name string, f sde.TrigFlow) schedule {
	return schedule{name: name, s: f, slack: 1, alpha: func(float64) func(num) num { return num.cos }}
}

// rescaled is α_i' = α_1(α_i - α_T)/(α_1 - α_T) of discrete, log-linear between the times i/T and linear
// from the last but one to 0.
func rescaled(name string, betas []float64) schedule {
	d, err := sde.NewDiscrete(betas)
	if err != nil {
		panic(err)
	}
	n := len(betas)
	alpha := []num{one}
	for _, square := range products(betas)[1:] {
		alpha = append(alpha, square.sqrt())
	}
	first, last := alpha[1], alpha[n]
	for i := 1; i <= n; i++ {
		alpha[i] = first.mul(alpha[i].sub(last)).div(first.sub(last))
	}
	return schedule{name: name, s: shortened{d.RescaledZeroSNR()}, slack: 2, alpha: func(near float64) func(num) num {
		i := cell(near, n)
		at := func(t num) num { return t.mul(exact(float64(n))).sub(exact(float64(i))) }
		if i == n-1 {
			return func(t num) num { return alpha[i].mul(one.sub(at(t))) }
		}
		lo, hi := alpha[i].log(), alpha[i+1].log()
		return func(t num) num { return lo.add(at(t).mul(hi.sub(lo))).exp() }
	}}
}

// shortened ends before the time where λ is infinite.
type shortened struct{ *sde.Discrete }

func (s shortened) Domain() (tmin, tmax float64) {
	tmin, _ = s.Discrete.Domain()
	return tmin, 1 - 1e-6
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
	rescaled("scaled linear, zero SNR", sde.ScaledLinearBetas(1000, 0.00085, 0.012)),
	rescaled("linear, zero SNR", sde.LinearBetas(1000, 1e-4, 0.02)),
	rescaled("four, zero SNR", []float64{0.1, 0.2, 0.5, 0.9}),
	subVP("SubVP", sde.SubVP{}, 0.1, 20),
	subVP("SubVP from 0", sde.SubVP{BetaMax: 8, TMin: 1e-5}, 0, 8),
	ve("VE", sde.VE{}, 0.01, 50),
	ve("VE, faces", sde.VE{SigmaMax: 1348}, 0.01, 1348),
	edm("EDM", sde.EDM{}),
	edm("EDM, video", sde.EDM{SigmaMax: 700}),
	flow("Flow", sde.Flow{}),
	flow("Flow, wide", sde.Flow{TMin: 1e-9, TMax: 1 - 1e-9}),
	trigFlow("TrigFlow", sde.TrigFlow{}),
	trigFlow("TrigFlow, wide", sde.TrigFlow{TMin: 1e-9, TMax: math.Pi/2 - 1e-9}),
}

// times returns times of s's domain: both ends, what lies next to them, and between.
func (s schedule) times() []float64 {
	tmin, tmax := s.s.Domain()
	ts := []float64{tmin, math.Nextafter(tmin, tmax), math.Max(1.1*tmin, 1e-6*tmax)}
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
			alpha, sigma := s.alpha(at), s.sigmaOf(at)
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
				if want.f.Sign() == 0 {
					if q.got != 0 {
						t.Errorf("%s: At(%v).%s = %v, want 0", s.name, at, q.name, q.got)
					}
					continue
				}
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
// rounding of λ alone must cost, times a few. Where the domain begins at 0, and σ does not, t is compared with tmax.
func inverseError(s sde.Schedule, t float64) (e, tolerance float64) {
	p := s.At(t)
	lambda, size := p.Lambda(), t
	if tmin, tmax := s.Domain(); tmin == 0 {
		size = tmax
	}
	return math.Abs(s.Time(lambda)-t) / size, unit * (4 + 4*math.Max(1, math.Abs(lambda))/math.Abs(size*p.DLambda()))
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
			got := s.alpha(at)(exact(at)).div(s.sigmaOf(at)(exact(at))).log()
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
			// σ of a VE does not vanish at t = 0, so its time goes on below.
			_, below := s.s.(sde.VE)
			if !((at >= 0 || below) && at <= was) {
				t.Errorf("%s: Time(%v) = %v after %v", s.name, lambda, at, was)
			}
			was = at
		}
		// SubVP's σ goes with t², or t⁴ from a β of 0: there t is the fourth root of e^(-300).
		if !(was < 1e-30) {
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

// The identities of variance-preserving schedules, at every time of a fine grid.
func TestPointIdentities(t *testing.T) {
	for _, s := range schedules {
		if s.sigma != nil {
			continue
		}
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

// What the texts give as g² of the other schedules.
func TestDiffusionOfOtherSchedules(t *testing.T) {
	for _, at := range []float64{1e-3, 0.1, 0.5, 0.9, 0.999} {
		alpha := sde.VP{}.At(at).Alpha
		for _, test := range []struct {
			name      string
			got, want float64
		}{
			{"SubVP: β(1-α⁴)", sde.SubVP{}.At(at).G2(), (0.1 + 19.9*at) * (1 - math.Pow(alpha, 4))},
			{"VE: 2 log(σmax/σmin) σ²", sde.VE{}.At(at).G2(), 2 * math.Log(5000) * 1e-4 * math.Pow(5000, 2*at)},
			{"EDM: 2t", sde.EDM{}.At(at).G2(), 2 * at},
			{"Flow: 2t/(1-t)", sde.Flow{}.At(at).G2(), 2 * at / (1 - at)},
			{"TrigFlow: 2 tan t", sde.TrigFlow{}.At(at).G2(), 2 * math.Tan(at)},
		} {
			if !(math.Abs(test.got/test.want-1) <= 1e-12) {
				t.Errorf("%s at %v: %v, want %v", test.name, at, test.got, test.want)
			}
		}
	}
}

// At 0 a schedule holds clean data, exactly, unless it leaves noise there.
func TestClean(t *testing.T) {
	four := newDiscrete(t, []float64{0.1, 0.2, 0.3, 0.4})
	type scales struct{ Alpha, Sigma float64 }
	for _, test := range []struct {
		s    sde.Schedule
		want scales
	}{
		{sde.VP{}, scales{1, 0}}, {sde.SubVP{}, scales{1, 0}}, {sde.Cosine{}, scales{1, 0}}, {sde.EDM{}, scales{1, 0}},
		{sde.Flow{}, scales{1, 0}}, {sde.TrigFlow{}, scales{1, 0}}, {four, scales{1, 0}}, {four.RescaledZeroSNR(), scales{1, 0}},
		{sde.VE{}, scales{1, 0.01}}, {sde.VE{SigmaMin: 0.3}, scales{1, 0.3}},
	} {
		p := test.s.At(0)
		if got := (scales{p.Alpha, p.Sigma}); got != test.want {
			t.Errorf("%#v.At(0) = %+v, want %+v", test.s, got, test.want)
		}
	}
}

// At the other end nothing is left of the data.
func TestPureNoise(t *testing.T) {
	table := newDiscrete(t, tables["latent diffusion"])
	rescaled := table.RescaledZeroSNR()
	last := rescaled.At(0.999).Alpha
	for _, test := range []struct {
		name      string
		got, want sde.Point
	}{
		{"Flow", sde.Flow{TMax: 1}.At(1), sde.Point{T: 1, Sigma: 1, DAlpha: -1, DSigma: 1}},
		{"Discrete", rescaled.At(1), sde.Point{T: 1, Sigma: 1, DAlpha: -1000 * last}},
	} {
		if diff := cmp.Diff(test.want, test.got, cmpopts.EquateApprox(1e-14, 0)); diff != "" || test.got.Alpha != 0 {
			t.Errorf("%s at 1 (-want +got):\n%s", test.name, diff)
		}
		if got := test.got.Lambda(); !math.IsInf(got, -1) {
			t.Errorf("%s: lambda at 1 is %v", test.name, got)
		}
	}
	if got, want := rescaled.At(1e-3), table.At(1e-3); got != want {
		t.Errorf("the first point of the rescaled table is %+v, want %+v", got, want)
	}
	if again := rescaled.RescaledZeroSNR(); again != rescaled {
		t.Error("a table of zero terminal SNR is rescaled again")
	}
	for _, at := range []float64{0.999 + 1e-9, 0.9995, 1 - 1e-12, math.Nextafter(1, 0)} {
		if got := rescaled.Time(rescaled.At(at).Lambda()); !(math.Abs(got-at) <= 2e-15) {
			t.Errorf("Time inverts lambda at %v to %v", at, got)
		}
	}
	if got := rescaled.Time(math.Inf(-1)); got != 1 {
		t.Errorf("Time(-Inf) = %v, want 1", got)
	}
}

func TestOtherChecks(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		s    interface{ Check() error }
		want string // in the error; "" for none
	}{
		{sde.SubVP{}, ""},
		{sde.SubVP{BetaMin: 1}, "SubVP with beta from 1 to 0"},
		{sde.SubVP{TMin: 2}, "SubVP with time from 2 to 1"},
		{sde.SubVP{BetaMin: 3, BetaMax: 1, TMax: 1.6}, "SubVP with beta from 3 to 1 is negative"},
		{sde.SubVP{BetaMin: 0.1, BetaMax: 1e5}, "alpha underflows"},
		{sde.VE{}, ""},
		{sde.VE{SigmaMin: 0.3, SigmaMax: 1348}, ""},
		{sde.VE{SigmaMin: 60}, "VE with sigma from 60 to 50"},
		{sde.VE{SigmaMin: -1}, "VE with sigma from -1"},
		{sde.VE{SigmaMin: nan}, "VE with sigma from NaN"},
		{sde.VE{SigmaMax: inf}, "to +Inf"},
		{sde.VE{SigmaMin: 1e-200, SigmaMax: 1e200}, "their ratio"},
		{sde.EDM{}, ""},
		{sde.EDM{SigmaMin: 80}, "EDM with sigma from 80 to 80"},
		{sde.EDM{SigmaMax: nan}, "EDM with sigma from 0.002 to NaN"},
		{sde.Flow{}, ""},
		{sde.Flow{TMax: 1}, ""},
		{sde.Flow{TMax: 1.1}, "Flow with time from 0.001 to 1.1"},
		{sde.Flow{TMin: -1}, "Flow with time from -1"},
		{sde.Flow{TMin: nan}, "Flow with time from NaN"},
		{sde.Flow{TMin: 0.5, TMax: 0.5}, "Flow with time from 0.5 to 0.5"},
		{sde.TrigFlow{}, ""},
		{sde.TrigFlow{TMax: math.Pi / 2}, "TrigFlow with time from"},
		{sde.TrigFlow{TMin: -0.1}, "TrigFlow with time from -0.1"},
		{sde.TrigFlow{TMin: nan}, "TrigFlow with time from NaN"},
	} {
		err := test.s.Check()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%#v.Check() = %v, want %q", test.s, err, test.want)
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
		{sde.SubVP{}, domain{1e-3, 1}},
		{sde.VE{}, domain{0, 1}},
		{sde.EDM{}, domain{0.002, 80}},
		{sde.EDM{SigmaMin: 0.01, SigmaMax: 700}, domain{0.01, 700}},
		{sde.Flow{}, domain{1e-3, 0.999}},
		{sde.Flow{TMin: 0.01, TMax: 1}, domain{0.01, 1}},
		{sde.TrigFlow{}, domain{math.Atan(0.002 / 0.5), math.Atan(80 / 0.5)}},
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
