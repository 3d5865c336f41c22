package sde_test

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// fraction returns the fraction with the least denominator that rounds to v. Of those of the tableaus none exceeds 12, so a
// coefficient whose fraction has a long denominator is a typing mistake, and shows as a condition that fails.
func fraction(v float64) *big.Rat {
	for q := int64(1); q <= 1000; q++ {
		p := math.Round(v * float64(q))
		if r := big.NewRat(int64(p), q); func() bool { f, _ := r.Float64(); return f == v }() {
			return r
		}
	}
	return new(big.Rat).SetFloat64(v)
}

// sum returns Σ of the products of what the lists hold at each index.
func sum(lists ...[]*big.Rat) *big.Rat {
	total := new(big.Rat)
	for i := range lists[0] {
		product := big.NewRat(1, 1)
		for _, l := range lists {
			product.Mul(product, l[i])
		}
		total.Add(total, product)
	}
	return total
}

func fractions(vs []float64) []*big.Rat {
	rs := []*big.Rat{}
	for _, v := range vs {
		rs = append(rs, fraction(v))
	}
	return rs
}

// rowSums returns the sums of the first n rows; rows that are not there are zero.
func rowSums(rows [][]float64, n int) []*big.Rat {
	sums := make([]*big.Rat, n)
	for i := range sums {
		sums[i] = new(big.Rat)
		if i < len(rows) {
			sums[i] = sum(fractions(rows[i]))
		}
	}
	return sums
}

// violations returns the names of the order conditions that tab fails, in their order. A stage is at
// x + ch·f + g(wW + hH) to leading order, and the result, of the weights b, is to have Σbf agree with
// the Taylor expansion of the solution in the terms
//
//	f: b    f'f h: bc    f'g: bw for W and bh for H, since ∫(W_v - W)dv = h(W/2 + H)    f''g²: bww, in the mean
//
// and its noise, of which the sums over the nodes are taken plain and weighted with the nodes, with ∫g dW = g₀W + g'h(W/2 - H): W, H, gW, gH.
func violations(tab sde.Tableau) (failed []string) {
	n := len(tab.Drift.B)
	b, c := fractions(tab.Drift.B), rowSums(tab.Drift.A, n)
	w, h := rowSums(tab.W, n), rowSums(tab.H, n)
	nodes := fractions(tab.Nodes)
	last := func(rows [][]float64) []*big.Rat {
		if rows == nil {
			return fractions(make([]float64, len(nodes)))
		}
		return fractions(rows[n])
	}
	squares := sum(b, w, w)
	squares.Add(squares, new(big.Rat).Mul(sum(b, h, h), big.NewRat(1, 12)))
	for _, condition := range []struct {
		name string
		got  *big.Rat
		want *big.Rat
	}{
		{"b", sum(b), big.NewRat(1, 1)},
		{"bc", sum(b, c), big.NewRat(1, 2)},
		{"bw", sum(b, w), big.NewRat(1, 2)},
		{"bh", sum(b, h), big.NewRat(1, 1)},
		{"bww", squares, big.NewRat(1, 2)},
		{"W", sum(last(tab.W)), big.NewRat(1, 1)},
		{"H", sum(last(tab.H)), new(big.Rat)},
		{"gW", sum(last(tab.W), nodes), big.NewRat(1, 2)},
		{"gH", sum(last(tab.H), nodes), big.NewRat(-1, 1)},
	} {
		if condition.got.Cmp(condition.want) != 0 {
			failed = append(failed, condition.name)
		}
	}
	for i, want := range c {
		if fraction(tab.Drift.C[i]).Cmp(want) != 0 {
			failed = append(failed, "c") // f is taken at another time than the stage's
		}
	}
	return failed
}

// orders returns the weak and the strong order that follow from the conditions that fail.
func orders(failed []string) (weak, strong float64) {
	any := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(failed, n) })
	}
	switch {
	case any("b", "W", "H"):
		return 0, 0
	case any("bc", "bw", "bww", "gW", "c"):
		return 1, 1
	case any("bh", "gH"):
		return 2, 1
	}
	return 2, 1.5
}

func TestOrderConditions(t *testing.T) {
	want := map[string]string{
		"stochasticheun":     "bh gH",
		"stochasticmidpoint": "bh bww gH",
		"sea":                "bc bww",
		"sra1":               "", "sra2": "", "sra3": "", "shark": "",
	}
	got := map[string]string{}
	for _, tab := range sde.Tableaus() {
		failed := violations(tab)
		got[tab.Name] = strings.Join(failed, " ")
		if weak, strong := orders(failed); weak != tab.WeakOrder || strong != tab.StrongOrder {
			t.Errorf("%s claims weak order %v and strong order %v; the conditions give %v and %v", tab.Name, tab.WeakOrder, tab.StrongOrder, weak, strong)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions that fail (-want +got):\n%s", diff)
	}
}

// A rossler is a method in the form of the paper, in W and I = ∫(W_v - W)dv = h(W/2 + H):
//
//	stage i:  x + h ΣA0[i][j]f[j] + ΣB0[i][j]g(t + C1[j]h)·I/h
//	result:   x + h Σα[i]f[i] + Σ(β1[i]W + β2[i]I/h)g(t + C1[i]h)
type rossler struct {
	Alpha, Beta1, Beta2, C1 []float64
	A0, B0                  [][]float64
}

// The tables as printed [rossler2010]. Without columns that nothing uses.
var printed = map[string]rossler{
	"sra1": {[]float64{1. / 3, 2. / 3}, []float64{1, 0}, []float64{-1, 1}, []float64{1, 0},
		[][]float64{{}, {3. / 4}}, [][]float64{{}, {3. / 2, 0}}},
	"sra2": {[]float64{1. / 3, 2. / 3}, []float64{0, 1}, []float64{3. / 2, -3. / 2}, []float64{1. / 3, 1},
		[][]float64{{}, {3. / 4}}, [][]float64{{}, {3. / 2, 0}}},
	"sra3": {[]float64{1. / 6, 1. / 6, 2. / 3}, []float64{1, 0, 0}, []float64{-1, 1, 0}, []float64{1, 0, 0},
		[][]float64{{}, {1}, {1. / 4, 1. / 4}}, [][]float64{{}, {}, {1, 1. / 2, 0}}},
}

// tableau returns r in W and H: I/h = W/2 + H.
func (r rossler) tableau() sde.Tableau {
	tab := sde.Tableau{Drift: ode.Tableau{A: r.A0, B: r.Alpha}, Nodes: r.C1}
	for _, row := range r.A0 {
		c := 0.0
		for _, a := range row {
			c += a
		}
		tab.Drift.C = append(tab.Drift.C, c)
	}
	for _, row := range r.B0 {
		w, h := []float64{}, []float64{}
		for _, v := range row {
			w, h = append(w, v/2), append(h, v)
		}
		tab.W, tab.H = append(tab.W, w), append(tab.H, h)
	}
	last := make([]float64, len(r.Beta1))
	for i := range last {
		last[i] = r.Beta1[i] + r.Beta2[i]/2
	}
	tab.W, tab.H = append(tab.W, last), append(tab.H, r.Beta2)
	return tab
}

// violations returns which of the paper's own conditions of order 1.5 fail.
func (r rossler) violations() (failed []string) {
	n := len(r.Alpha)
	alpha, beta1, beta2, c1 := fractions(r.Alpha), fractions(r.Beta1), fractions(r.Beta2), fractions(r.C1)
	a0, b0 := rowSums(r.A0, n), rowSums(r.B0, n)
	for _, condition := range []struct {
		name      string
		got, want *big.Rat
	}{
		{"α·e", sum(alpha), big.NewRat(1, 1)},
		{"β1·e", sum(beta1), big.NewRat(1, 1)},
		{"β2·e", sum(beta2), new(big.Rat)},
		{"α·B0e", sum(alpha, b0), big.NewRat(1, 1)},
		{"α·A0e", sum(alpha, a0), big.NewRat(1, 2)},
		{"α·(B0e)²", sum(alpha, b0, b0), big.NewRat(3, 2)},
		{"β1·c1", sum(beta1, c1), big.NewRat(1, 1)},
		{"β2·c1", sum(beta2, c1), big.NewRat(-1, 1)},
	} {
		if condition.got.Cmp(condition.want) != 0 {
			failed = append(failed, condition.name)
		}
	}
	return failed
}

// flipped returns r with the sign of β2 changed.
func (r rossler) flipped() rossler {
	r.Beta2 = slices.Clone(r.Beta2)
	for i := range r.Beta2 {
		r.Beta2[i] *= -1
	}
	return r
}

// The printed tables satisfy the paper's conditions and are this package's methods: the same result for every state, path and g, of which
// nodes that nothing uses and their order are no part. With the sign of β2 that torchsde gives SRA2 and SRA3 (torchsde/_core/methods/tableaus/sra2.py and sra3.py, commit eb3a00e) both
// forms of the conditions refuse them.
func TestRossler(t *testing.T) {
	for _, tab := range []sde.Tableau{sde.SRA1, sde.SRA2, sde.SRA3} {
		r := printed[tab.Name]
		if failed := r.violations(); failed != nil {
			t.Errorf("%s as printed fails %v", tab.Name, failed)
		}
		if failed := violations(r.tableau()); failed != nil {
			t.Errorf("%s as printed, in W and H, fails %v", tab.Name, failed)
		}
		sys := mixture.reverse(sde.VP{})
		var results [2][]float64
		for i, m := range []method{r.tableau().Stepper, tab.Stepper} {
			st, err := m(sys, sde.Fresh{Seed: 3}.Path(0, 2, 3), 6)
			if err != nil {
				t.Fatal(err)
			}
			results[i] = slices.Clone(starts)
			if err := ode.Walk(st, results[i], uniform(1, 0.1, 10)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(results[0], results[1], cmpopts.EquateApprox(1e-13, 1e-14)); diff != "" {
			t.Errorf("%s (-as printed +got):\n%s", tab.Name, diff)
		}

		flipped := r.flipped()
		if diff := cmp.Diff([]string{"β2·c1"}, flipped.violations()); diff != "" {
			t.Errorf("%s with the other sign of β2 fails (-want +got):\n%s", tab.Name, diff)
		}
		if diff := cmp.Diff([]string{"gW", "gH"}, violations(flipped.tableau())); diff != "" {
			t.Errorf("%s with the other sign of β2, in W and H, fails (-want +got):\n%s", tab.Name, diff)
		}
	}
}

// A gate must close: each coefficient of each method, changed by 1/7, is found.
func TestOrderConditionsSeeEveryCoefficient(t *testing.T) {
	clone := func(rows [][]float64) [][]float64 {
		out := slices.Clone(rows)
		for i := range out {
			out[i] = slices.Clone(out[i])
		}
		return out
	}
	changed := 0
	for _, tab := range []sde.Tableau{sde.SRA1, sde.SRA2, sde.SRA3, sde.ShARK} {
		tab.W, tab.H, tab.Drift.A = clone(tab.W), clone(tab.H), clone(tab.Drift.A)
		tab.Drift.B, tab.Drift.C, tab.Nodes = slices.Clone(tab.Drift.B), slices.Clone(tab.Drift.C), slices.Clone(tab.Nodes)
		var coefficients []*float64
		for _, list := range slices.Concat([][]float64{tab.Drift.B, tab.Drift.C[1:], tab.Nodes}, tab.Drift.A, tab.W, tab.H) {
			for i := range list {
				coefficients = append(coefficients, &list[i])
			}
		}
		for i, c := range coefficients {
			was := *c
			*c += 1. / 7
			if violations(tab) == nil {
				t.Errorf("%s: coefficient %d changed from %v to %v passes", tab.Name, i, was, *c)
			}
			*c = was
			changed++
		}
	}
	if changed < 40 {
		t.Errorf("only %d coefficients were changed", changed)
	}
}
