package sde_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// An altered is a path whose W and H are changed over an interval of length dt.
type altered struct {
	sde.SpaceTime
	w, h func(dt float64) float64 // factors
}

func (a altered) Increment(dst []float64, from, to float64) error {
	err := a.SpaceTime.Increment(dst, from, to)
	vec.Lin(dst, vec.Term{C: a.w(math.Abs(to - from)), X: dst})
	return err
}

func (a altered) Area(w, h []float64, from, to float64) error {
	err := a.SpaceTime.Area(w, h, from, to)
	vec.Lin(w, vec.Term{C: a.w(math.Abs(to - from)), X: w})
	vec.Lin(h, vec.Term{C: a.h(math.Abs(to - from)), X: h})
	return err
}

// family is the reverse equation dx = [f x + share g²/σ ε] dt + tau·g dW on m. It keeps the marginals if share is (1 + tau²)/2.
func (m target) family(s sde.Schedule, tau, share float64) sde.System {
	return sde.System{
		Drift: func(dst, x []float64, t float64) error {
			p := s.At(t)
			for i, v := range x {
				dst[i] = p.F()*v + share*p.G2()/p.Sigma*m.epsilon(v, p)
			}
			return nil
		},
		Diffusion: func(t float64) float64 { return tau * math.Sqrt(s.At(t).G2()) },
	}
}

// Each mistake in a method or in its use must be found, by the check that is there for it; the list is of all that find it. The checks are
// the order conditions, and on normal data the orders of the path, of the mean and of the variance, exact; normal data do not hide what is
// changed here, except where that is the point. The mean does not see the weight of the score, which is 0 at the mean. What finds nothing shows the
// sound method.
func TestMutants(t *testing.T) {
	constant := func(c float64) func(float64) float64 { return func(float64) float64 { return c } }
	path := func(m method, w, h func(dt float64) float64) method {
		return func(sys sde.System, b sde.Brownian, n int) (ode.Stepper, error) {
			return m(sys, altered{b.(sde.SpaceTime), w, h}, n)
		}
	}
	onPath := func(tab sde.Tableau, w, h func(dt float64) float64) method { return path(tab.Stepper, w, h) }
	result := func(tab sde.Tableau, w, h []float64) sde.Tableau { // with other noise in the result
		tab.W, tab.H = slices.Clone(tab.W), slices.Clone(tab.H)
		tab.W[len(tab.W)-1] = w
		if h != nil {
			tab.H[len(tab.H)-1] = h
		}
		return tab
	}
	at := func(tab sde.Tableau, nodes ...float64) sde.Tableau {
		tab.Nodes = nodes
		return tab
	}
	one := constant(1)
	sound := gaussian.family(sde.VP{}, 1, 1)
	type mutant struct {
		name   string
		tab    sde.Tableau // whose conditions are checked, and whose orders are claimed
		method method      // nil: of tab
		sys    sde.System
		tau    float64
		want   string
	}
	mutants := []mutant{
		{"H is 0", sde.SRA1, onPath(sde.SRA1, one, constant(0)), sound, 1, "path"},
		{"-H", sde.SRA1, onPath(sde.SRA1, one, constant(-1)), sound, 1, "path"},
		{"3H", sde.SRA1, onPath(sde.SRA1, one, constant(3)), sound, 1, "path"},
		{"H is 0", sde.SRA3, onPath(sde.SRA3, one, constant(0)), sound, 1, "path"},
		{"-H", sde.SRA3, onPath(sde.SRA3, one, constant(-1)), sound, 1, "path"},
		{"H is 0", sde.ShARK, onPath(sde.ShARK, one, constant(0)), sound, 1, "path"},
		{"-H", sde.ShARK, onPath(sde.ShARK, one, constant(-1)), sound, 1, "path"},
		{"3H", sde.ShARK, onPath(sde.ShARK, one, constant(3)), sound, 1, "path"},
		{"without (g1-g0)", result(sde.SRA1, []float64{1, 0}, []float64{0, 0}), nil, sound, 1, "conditions path variance"},
		{"without (g1-g0)", result(sde.ShARK, []float64{1, 0}, []float64{0, 0}), nil, sound, 1, "conditions path variance"},
		{"without (g1-g0)", result(sde.StochasticHeun, []float64{1, 0}, nil), nil, sound, 1, "conditions variance"},
		{"without H in (g1-g0)", result(sde.SRA1, []float64{.5, .5}, []float64{0, 0}), nil, sound, 1, "conditions path"},
		{"g at the wrong end", at(sde.SRA1, 1, 0), nil, sound, 1, "conditions path"},
		{"g at the wrong end", result(sde.StochasticHeun, []float64{0, 1}, nil), nil, sound, 1, "conditions variance"},
		{"g at the start only", at(sde.ShARK, 0, 0), nil, sound, 1, "conditions path variance"},
		{"h for √h", sde.SRA1, onPath(sde.SRA1, math.Sqrt, math.Sqrt), sound, 1, "path variance"},
		{"h for √h", sde.StochasticHeun, onPath(sde.StochasticHeun, math.Sqrt, one), sound, 1, "path variance"},
		{"h for √h", sde.Tableau{WeakOrder: 1, StrongOrder: 1}, path(eulerMaruyama, math.Sqrt, one), sound, 1, "path variance"},
		{"the sign of the score", sde.SRA1, nil, gaussian.family(sde.VP{}, 1, -1), 1, "path variance"},
		{"the drift of the flow", sde.SRA1, nil, gaussian.family(sde.VP{}, 1, 0.5), 1, "path variance"},
		{"(1+tau)/2", sde.SRA1, nil, gaussian.family(sde.VP{}, 0.5, 0.75), 0.5, "variance"},
		{"(1+tau)/2", sde.StochasticHeun, nil, gaussian.family(sde.VP{}, 0.5, 0.75), 0.5, "variance"},
		{"(1+tau)/2 where tau is 1", sde.SRA1, nil, gaussian.family(sde.VP{}, 1, 1), 1, ""}, // blind
		{"tau 1/2", sde.SRA1, nil, gaussian.family(sde.VP{}, 0.5, 0.625), 0.5, ""},
		{"Euler-Maruyama", sde.Tableau{WeakOrder: 1, StrongOrder: 1}, eulerMaruyama, sound, 1, ""},
	}
	for _, tab := range sde.Tableaus() {
		mutants = append(mutants, mutant{"sound", tab, nil, sound, 1, ""})
	}
	for _, tab := range []string{"sra2", "sra3"} {
		r := printed[tab].flipped().tableau()
		r.WeakOrder, r.StrongOrder = 2, 1.5
		mutants = append(mutants, mutant{"the sign of beta2 in " + tab, r, nil, sound, 1, "conditions path variance"})
	}
	for _, m := range mutants {
		bound := m.method
		if bound == nil {
			bound = m.tab.Stepper
		}
		var found []string
		if len(m.tab.Drift.B) > 0 {
			if weak, strong := orders(violations(m.tab)); weak < m.tab.WeakOrder || strong < m.tab.StrongOrder {
				found = append(found, "conditions")
			}
		}
		coarse, fine := errorsOn(t, bound, m.sys, 256), errorsOn(t, bound, m.sys, 512)
		for _, q := range []struct {
			name         string
			coarse, fine float64
			claimed      float64
		}{
			{"path", coarse.Strong, fine.Strong, m.tab.StrongOrder},
			{"mean", coarse.Mean, fine.Mean, m.tab.WeakOrder},
			{"variance", coarse.Variance, fine.Variance, m.tab.WeakOrder},
		} {
			if q.name == "path" && m.tau != 1 {
				continue // the path is another process'
			}
			if order := math.Log2(q.coarse / q.fine); !(order >= q.claimed-0.3) {
				found = append(found, q.name)
			}
		}
		if got := strings.Join(found, " "); got != m.want {
			t.Errorf("%s with %s: found by %q, want %q", m.tab.Name, m.name, got, m.want)
		}
	}
}

// The errors of two of the mutants, from the source of the other figures, to the digits that it gives.
func TestMutantErrors(t *testing.T) {
	without := withoutArea(sde.SRA1.Stepper)
	flipped := printed["sra2"].flipped().tableau().Stepper
	for _, test := range []struct {
		name      string
		got, want float64
		digits    int
	}{
		{"SRA1 without H, 32 steps, strong", errorsOf(t, without, 32).Strong, .0290, 4},
		{"SRA1 without H, 128 steps, strong", errorsOf(t, without, 128).Strong, .00751, 5},
		{"SRA1 without H, order", ordersOf(t, without, 256).Strong, 1.0, 1},
		{"SRA2 with the other sign of β2, 32 steps, strong", errorsOf(t, flipped, 32).Strong, .147, 3},
		{"SRA2 with the other sign of β2, 128 steps, strong", errorsOf(t, flipped, 128).Strong, .035, 3},
		{"SRA2 with the other sign of β2, order", ordersOf(t, flipped, 256).Strong, 1.0, 1},
		{"SRA2 with the other sign of β2, 32 steps, variance", errorsOf(t, flipped, 32).Variance, .068, 3},
		{"SRA2 with the other sign of β2, 128 steps, variance", errorsOf(t, flipped, 128).Variance, .019, 3},
		{"SRA2 with the other sign of β2, order of the variance", ordersOf(t, flipped, 256).Variance, .99, 2},
	} {
		if got, want := fmt.Sprintf("%.*f", test.digits, test.got), fmt.Sprintf("%.*f", test.digits, test.want); got != want {
			t.Errorf("%s = %s, want %s", test.name, got, want)
		}
	}
}

// A problem may be blind. On dx = (b/√(1+t) - x/(2(1+t))) dt + ab/√(1+t) dW, which is often taken for additive noise, the double
// integrals of the solution x₀/√(1+t) + b(t + aW)/√(1+t) cancel: a method whose H is 0 shows order 2 on it, as the sound one does. So it proves nothing of H.
func TestBlindProblem(t *testing.T) {
	const a, b, paths = 2, 1, 2000
	sys := sde.System{
		Drift: func(dst, x []float64, t float64) error {
			for i, v := range x {
				dst[i] = b/math.Sqrt(1+t) - v/(2*(1+t))
			}
			return nil
		},
		Diffusion: func(t float64) float64 { return a * b / math.Sqrt(1+t) },
	}
	path := sde.GridPath{Seed: 3, Grid: uniform(0, 1, 128)}.Path(0, 1, paths)
	w := make([]float64, paths)
	if err := path.Increment(w, 0, 1); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]method{"sra1": sde.SRA1.Stepper, "sra1 without H": withoutArea(sde.SRA1.Stepper)} {
		errorOf := func(n int) float64 {
			st, err := m(sys, path, paths)
			if err != nil {
				t.Fatal(err)
			}
			x, sum := slices.Repeat([]float64{1}, paths), 0.0
			if err := ode.Walk(st, x, uniform(0, 1, n)); err != nil {
				t.Fatal(err)
			}
			for i, v := range x {
				d := v - (1+b*(1+a*w[i]))/math.Sqrt2
				sum += d * d
			}
			return math.Sqrt(sum / paths)
		}
		if order := math.Log2(errorOf(32) / errorOf(64)); !(math.Abs(order-2) < 0.1) {
			t.Errorf("%s: strong order %.2f, want 2", name, order)
		}
	}
}
