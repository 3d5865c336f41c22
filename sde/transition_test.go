package sde_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/sde"
)

// pairs returns the pairs of times s < t of a schedule's list.
func (s schedule) pairs() [][2]float64 {
	ts := s.times()
	var ps [][2]float64
	for i, from := range ts {
		for _, to := range ts[i+1:] {
			ps = append(ps, [2]float64{from, to})
		}
	}
	return ps
}

// The forward kernel against its definition, scale = α_t/α_s and std² = σ_t² - scale²σ_s², in exact
// arithmetic: in float64 this difference has no digits left for neighbouring times.
func TestTransition(t *testing.T) {
	for _, s := range schedules {
		for _, pair := range s.pairs() {
			from, to := s.s.At(pair[0]), s.s.At(pair[1])
			alphaFrom, alphaTo := s.alpha(pair[0])(exact(pair[0])), s.alpha(pair[1])(exact(pair[1]))
			sigmaFrom, sigmaTo := s.sigmaOf(pair[0])(exact(pair[0])), s.sigmaOf(pair[1])(exact(pair[1]))
			ratio := alphaTo.div(alphaFrom)
			variance := sigmaTo.mul(sigmaTo).sub(ratio.mul(ratio).mul(sigmaFrom).mul(sigmaFrom))
			scale, std := sde.Transition(from, to)

			// What the rounding of a λ is, next to H: the documented limit. The rounding of the times adds |tλ'|.
			h := -sde.H(from, to)
			lost := math.Abs(from.Lambda()) + math.Abs(to.Lambda()) + math.Abs(from.T*from.DLambda()) + math.Abs(to.T*to.DLambda())
			tolerance := unit * (4 + 4*lost)
			if e := exact(scale).div(ratio).sub(one).float64(); !(math.Abs(e) <= tolerance) {
				t.Errorf("%s: scale of Transition(%v, %v) = %v, want %v: relative error %.2g, want at most %.2g",
					s.name, pair[0], pair[1], scale, ratio.float64(), e, tolerance)
			}
			if lost*unit > 0.1*h {
				continue // neighbours whose λ do not differ
			}
			// σ_to² is a factor, and as precise as the rounding of its time allows.
			tolerance = unit * (8 + 4*lost/math.Expm1(2*h) + 2*math.Abs(to.T*to.DSigma/to.Sigma))
			if e := exact(std).mul(exact(std)).div(variance).sub(one).float64(); !(math.Abs(e) <= tolerance) {
				t.Errorf("%s: std² of Transition(%v, %v) = %v, want %v: relative error %.2g, want at most %.2g",
					s.name, pair[0], pair[1], std*std, variance.float64(), e, tolerance)
			}
		}
	}
}

// Two transitions make one: scales multiply, and the variance of the first is scaled by the second.
func TestTransitionComposes(t *testing.T) {
	for _, s := range schedules {
		tmin, tmax := s.s.Domain()
		at := func(u float64) sde.Point { return s.s.At(tmin + u*(tmax-tmin)) }
		for _, u := range [][3]float64{{0, 0.5, 1}, {0, 0.1, 0.2}, {0.3, 0.31, 0.9}, {0.2, 0.6, 0.61}} {
			a, b, c := at(u[0]), at(u[1]), at(u[2])
			scaleAB, stdAB := sde.Transition(a, b)
			scaleBC, stdBC := sde.Transition(b, c)
			scaleAC, stdAC := sde.Transition(a, c)
			if got := scaleAB * scaleBC; !(math.Abs(got/scaleAC-1) <= 1e-14) {
				t.Errorf("%s: scales over %v, %v, %v = %v, in one %v", s.name, a.T, b.T, c.T, got, scaleAC)
			}
			got, want := stdBC*stdBC+scaleBC*scaleBC*stdAB*stdAB, stdAC*stdAC
			if !(math.Abs(got/want-1) <= 1e-13) {
				t.Errorf("%s: variances over %v, %v, %v = %v, in one %v", s.name, a.T, b.T, c.T, got, want)
			}
		}
	}
}

func TestTransitionLimits(t *testing.T) {
	data := sde.Point{Alpha: 1} // without noise
	p, q := sde.VP{}.At(0.3), sde.VP{}.At(0.7)
	// Points whose λ are exact, 0 and log(1 - 2⁻³⁰), so that std² = 1 - (1-2⁻³⁰)² = 2⁻²⁹ - 2⁻⁶⁰ has all its digits.
	short := 1 - math.Ldexp(1, -30)
	for _, test := range []struct {
		name       string
		from, to   sde.Point
		scale, std float64
	}{
		{"from the data", data, p, p.Alpha, p.Sigma},
		{"no time", p, p, 1, 0},
		{"next to no time", sde.Point{Alpha: 1, Sigma: 1}, sde.Point{Alpha: short, Sigma: 1}, short, math.Sqrt(math.Ldexp(1, -29) - math.Ldexp(1, -60))},
		{"backward", q, p, p.Alpha / q.Alpha, math.NaN()},
	} {
		scale, std := sde.Transition(test.from, test.to)
		if scale != test.scale || !cmp.Equal(test.std, std, cmpopts.EquateApprox(4*unit, 0), cmpopts.EquateNaNs()) {
			t.Errorf("%s: Transition = %v, %v, want %v, %v", test.name, scale, std, test.scale, test.std)
		}
	}
}

func TestH(t *testing.T) {
	p, q := sde.Point{Alpha: 0.5, Sigma: 0.25}, sde.Point{Alpha: 0.75, Sigma: 0.0625}
	for _, test := range []struct {
		name     string
		from, to sde.Point
		want     float64
	}{
		{"towards the data", p, q, math.Log(12) - math.Log(2)},
		{"towards the noise", q, p, math.Log(2) - math.Log(12)},
		{"nowhere", p, p, 0},
	} {
		if got := sde.H(test.from, test.to); got != test.want {
			t.Errorf("H %s = %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPerturb(t *testing.T) {
	p := sde.Point{Alpha: 0.5, Sigma: 0.25}
	x0, eps := []float64{1, -2, 0}, []float64{4, 8, -16}
	want := []float64{1.5, 1, -4}
	got := make([]float64, 3)
	sde.Perturb(got, x0, eps, p)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Perturb (-want +got):\n%s", diff)
	}
	for name, alias := range map[string]func() (dst, x0, eps []float64){
		"x0":   func() (dst, a, b []float64) { a = slices.Clone(x0); return a, a, eps },
		"eps":  func() (dst, a, b []float64) { b = slices.Clone(eps); return b, x0, b },
		"none": func() (dst, a, b []float64) { return make([]float64, 3), x0, eps },
	} {
		dst, a, b := alias()
		sde.Perturb(dst, a, b, p)
		if diff := cmp.Diff(want, dst); diff != "" {
			t.Errorf("Perturb with dst = %s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff([]float64{1, -2, 0}, x0) + cmp.Diff([]float64{4, 8, -16}, eps); diff != "" {
		t.Errorf("Perturb changed its arguments (-want +got):\n%s", diff)
	}
	for _, n := range [][3]int{{2, 3, 3}, {3, 2, 3}, {3, 3, 2}, {3, 4, 3}, {3, 3, 4}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Perturb of lengths %v did not panic", n)
				}
			}()
			sde.Perturb(make([]float64, n[0]), make([]float64, n[1]), make([]float64, n[2]), p)
		}()
	}
}

// The coefficients of the reverse equation for VP, where f = -β/2 and g² = β, written out.
func TestReverse(t *testing.T) {
	type coefficients struct{ A, B, C float64 }
	for _, at := range []float64{1e-3, 0.2, 0.5, 1} {
		p := sde.VP{}.At(at)
		beta := 0.1 + 19.9*at
		for _, test := range []struct {
			tau  float64
			want coefficients
		}{
			{0, coefficients{-beta / 2, beta / p.Sigma / 2, 0}}, // the probability flow
			{0.5, coefficients{-beta / 2, beta / p.Sigma * 0.625, math.Sqrt(beta) / 2}},
			{1, coefficients{-beta / 2, beta / p.Sigma, math.Sqrt(beta)}}, // Anderson's
		} {
			var got coefficients
			got.A, got.B, got.C = p.Reverse(test.tau)
			for _, q := range [][2]float64{{got.A, test.want.A}, {got.B, test.want.B}, {got.C, test.want.C}} {
				if !(math.Abs(q[0]-q[1]) <= 2e-15*math.Abs(q[1])) {
					t.Errorf("At(%v).Reverse(%v) = %+v, want %+v", at, test.tau, got, test.want)
				}
			}
		}
	}
}

// For every tau the reverse equation has the marginals of the forward one. On data
// N(m, s²), where ε = σ(x - αm)/v and v = α²s² + σ², mean and variance of the reverse
// equation obey
//
//	m' = a m       v' = 2(a + bσ/v)v - c²
//
// in the direction of t, and these must be the derivatives of αm and of α²s² + σ².
func TestReverseKeepsMarginals(t *testing.T) {
	for _, s := range schedules {
		for _, at := range s.times() {
			p := s.s.At(at)
			for _, data := range []float64{0.5, 2} {
				v := p.Alpha*p.Alpha*data*data + p.Sigma*p.Sigma
				want := 2*p.Alpha*p.DAlpha*data*data + 2*p.Sigma*p.DSigma
				for _, tau := range []float64{0, 0.3, 0.5, 1} {
					a, b, c := p.Reverse(tau)
					got := 2*(a*v+b*p.Sigma) - c*c
					if size := 2*math.Abs(a*v) + 2*math.Abs(b*p.Sigma) + c*c; !(math.Abs(got-want) <= 1e-14*size) {
						t.Errorf("%s at %v, tau %v: v' = %v, want %v", s.name, at, tau, got, want)
					}
					// For variance-preserving schedules both are β(1-v), with terms that large.
					if beta := p.G2(); s.sigma == nil && !(math.Abs(want-beta*(1-v)) <= 1e-14*beta*(1+v)) {
						t.Errorf("%s at %v: v' = %v, want beta(1-v) = %v", s.name, at, want, beta*(1-v))
					}
					if got, want := a*p.Alpha, p.DAlpha; !(math.Abs(got-want) <= 1e-15*math.Abs(want)) {
						t.Errorf("%s at %v, tau %v: m' = %v m, want %v m", s.name, at, tau, got, want)
					}
				}
			}
		}
	}
}
