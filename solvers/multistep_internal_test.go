package solvers

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// moments returns how far the weights of a rule with the given number of nodes are from integrating the powers 0 to
// nodes-1 of the variable, relative to the terms of the sum. The earlier steps are at random lengths, from a third to
// three times the step; a corrector's newest node is the end of the step.
//
// The reference integrates in λ over many short panels.
func moments(t *testing.T, r rule, in Variable, kind scoremodel.Kind, tau float64, nodes int, corrector bool, rng *rand.Rand) float64 {
	t.Helper()
	vp := sde.VP{}
	at := func(lambda float64) sde.Point { return vp.At(vp.Time(lambda)) }
	h := 0.05 + 2.95*rng.Float64()
	l := -1 + 2*rng.Float64() // λ at the beginning
	s := segment{from: at(l), to: at(l + h), tau: tau}
	s.exponential = newExponential(kind, tau, s.from, s.to)
	var points []sde.Point
	if corrector {
		points = append(points, s.to)
	}
	points = append(points, s.from)
	for len(points) < nodes {
		l -= h * math.Pow(3, 2*rng.Float64()-1) / 2
		points = append(points, at(l))
	}
	u := make([]float64, nodes)
	for j, p := range points[:nodes] {
		u[j] = in.at(p)
	}
	w := make([]float64, nodes)
	r(w, u, s)
	worst := 0.0
	start, length := in.at(s.from), in.at(s.to)-in.at(s.from)
	for power := range nodes {
		want := 0.0
		const panels = 40
		for i := range panels {
			want += quad.Fixed(func(theta float64) float64 {
				v := (in.at(at(s.from.Lambda()+theta*s.h)) - start) / length
				return s.gain * math.Abs(s.z) * math.Exp(s.z*(1-theta)) * math.Pow(v, float64(power))
			}, float64(i)/panels, float64(i+1)/panels, 8, nil, 0)
		}
		got, size := 0.0, math.Abs(want)
		for j, c := range w {
			term := c * math.Pow((u[j]-start)/length, float64(power))
			got += term
			size = math.Max(size, math.Abs(term))
		}
		worst = math.Max(worst, math.Abs(got-want)/size)
	}
	return worst
}

func TestExactAdamsWeights(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, in := range []Variable{Time, Kappa, Lambda} {
		for _, kind := range []scoremodel.Kind{scoremodel.Epsilon, scoremodel.Data} {
			for _, tau := range []float64{0, 0.6, 1} {
				r := exactAdams(in, kind, sde.VP{})
				for nodes := 1; nodes <= 7; nodes++ {
					for range 5 {
						corrector := nodes > 1 && rng.IntN(2) == 0
						if d := moments(t, r, in, kind, tau, nodes, corrector, rng); !(d < 1e-11) {
							t.Errorf("variable %d, %v, tau %v, %d nodes, corrector %t: the weights miss the integrals of powers by %.2g", in, kind, tau, nodes, corrector, d)
						}
					}
				}
			}
		}
	}
}

// TestPublishedWeights lets the rules that other toolkits ship fail the test of the exact ones, or pass it if they are right.
func TestPublishedWeights(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rule  rule
		in    Variable
		nodes int
		right bool
	}{
		{"iPNDM_v of order 2", publishedIPNDMV, Kappa, 2, true},
		{"iPNDM_v of order 3", publishedIPNDMV, Kappa, 3, false},
		{"iPNDM_v of order 4", publishedIPNDMV, Kappa, 4, false},
		{"constant weights of order 1", constantRule, Kappa, 1, true},
		{"constant weights of order 2", constantRule, Kappa, 2, false},
		{"halved second derivative", halvedRule(exactAdams(Lambda, scoremodel.Epsilon, sde.VP{})), Lambda, 3, false},
		{"midpoint slope", slopeRule(halfOfConstant), Lambda, 2, false},
		{"heun slope", slopeRule(func(e exponential) float64 { return e.phi(2) }), Lambda, 2, true},
	} {
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 20 {
			d := moments(t, tc.rule, tc.in, scoremodel.Epsilon, 0, tc.nodes, false, rng)
			if right := d < 1e-11; right != tc.right && (tc.right || d < 1e-4) {
				t.Errorf("%s, case %d: the weights miss the integrals of powers by %.2g; being right is %t", tc.name, i, d, tc.right)
			}
		}
	}
}

// TestConstantWeights holds the constants, and the published ones of iPNDM_v, against those of equal steps.
func TestConstantWeights(t *testing.T) {
	vp := sde.VP{}
	at := func(kappa float64) sde.Point { return vp.At(vp.Time(-math.Log(kappa))) }
	s := segment{from: at(2), to: at(1.9)}
	exact := exactAdams(Kappa, scoremodel.Epsilon, vp)
	for nodes := 1; nodes <= 4; nodes++ {
		u := make([]float64, nodes)
		for j := range u {
			u[j] = s.from.Kappa() + float64(j)*0.1
		}
		want, got := make([]float64, nodes), make([]float64, nodes)
		exact(want, u, s)
		constantRule(got, u, s)
		for j := range got {
			if !(math.Abs(got[j]-want[j]) < 1e-12) {
				t.Errorf("%d nodes: weights %v, want %v", nodes, got, want)
				break
			}
		}
	}
	w := make([]float64, 4)
	publishedIPNDMV(w, []float64{2, 2.1, 2.2, 2.3}, s)
	got := make([]string, 4)
	for j := range w {
		got[j] = fmt.Sprintf("%.3f", w[j]/s.toKappa())
	}
	// solved by hand from the published expressions: (57, -65, 43, -11)/24
	if want := []string{"2.375", "-2.708", "1.792", "-0.458"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("published weights of order 4 on equal steps: %v, want %v", got, want)
	}
}
