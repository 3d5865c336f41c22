package ode_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/ode"
)

// A tree is a rooted tree: the subtrees that hang from its root. The error of a
// Runge–Kutta step is a sum over these trees, and a method has order p exactly if
// the terms of all trees with up to p nodes vanish.
type tree []tree

// nodes returns the number of nodes, which is the order of the tree's condition.
func (t tree) nodes() int {
	n := 1
	for _, sub := range t {
		n += sub.nodes()
	}
	return n
}

// density returns γ, the product over all nodes of the size of the subtree at the node.
func (t tree) density() int64 {
	d := int64(t.nodes())
	for _, sub := range t {
		d *= sub.density()
	}
	return d
}

// String writes each node as a pair of brackets around what hangs from it.
func (t tree) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for _, sub := range t {
		b.WriteString(sub.String())
	}
	b.WriteByte(']')
	return b.String()
}

// trees returns all rooted trees of n nodes. What hangs from a root is a multiset of
// smaller trees, and each multiset is met once if its members are taken in a fixed order.
func trees(n int) []tree {
	var smaller, all []tree
	for k := 1; k < n; k++ {
		smaller = append(smaller, trees(k)...)
	}
	var grow func(t tree, first, rest int)
	grow = func(t tree, first, rest int) {
		if rest == 0 {
			all = append(all, slices.Clone(t))
		}
		for i := first; i < len(smaller); i++ {
			if left := rest - smaller[i].nodes(); left >= 0 {
				grow(append(t, smaller[i]), i, left)
			}
		}
	}
	grow(nil, 0, n-1)
	return all
}

// A gate over too few trees would let wrong methods pass.
func TestTrees(t *testing.T) {
	// The number of rooted trees: sequence A000081 of the OEIS.
	sum := 0
	for i, want := range []int{1, 1, 2, 4, 9, 20, 48, 115} {
		all := trees(i + 1)
		seen := map[string]bool{}
		for _, tr := range all {
			seen[tr.String()] = true
		}
		if len(all) != want || len(seen) != want {
			t.Errorf("trees(%d) = %d trees, %d of them distinct, want %d", i+1, len(all), len(seen), want)
		}
		sum += len(all)
	}
	if sum != 200 {
		t.Errorf("%d trees of up to 8 nodes, want 200", sum)
	}
	// The densities of the trees of four nodes are in every textbook.
	got := map[string]int64{}
	for _, tr := range trees(4) {
		got[tr.String()] = tr.density()
	}
	want := map[string]int64{"[[][][]]": 4, "[[][[]]]": 8, "[[[][]]]": 12, "[[[[]]]]": 24}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("densities of trees(4) (-want +got):\n%s", diff)
	}
}

// maxDenominator bounds what passes for a coefficient that somebody published. The
// largest denominator of the package is 339200, in the embedded row of DP5.
const maxDenominator = 1e7

// rational returns the fraction of least denominator that rounds to v, and whether
// its denominator is below maxDenominator.
//
// It tries the convergents of v's continued fraction. If p/q rounds to v, it lies within
// 2⁻⁵³|v| of it, so for q ≤ 1e7 and |v| below 40 closer than 1/(2q²), and by a theorem of
// Legendre it is a convergent.
func rational(v float64) (*big.Rat, bool) {
	rest := new(big.Rat).SetFloat64(v)
	if rest == nil { // v is not finite
		return new(big.Rat), false
	}
	p0, q0, p1, q1 := big.NewInt(0), big.NewInt(1), big.NewInt(1), big.NewInt(0)
	for {
		a := new(big.Int).Div(rest.Num(), rest.Denom()) // the floor, as denominators are positive
		p0, p1 = p1, new(big.Int).Add(new(big.Int).Mul(a, p1), p0)
		q0, q1 = q1, new(big.Int).Add(new(big.Int).Mul(a, q1), q0)
		r := new(big.Rat).SetFrac(p1, q1)
		if f, _ := r.Float64(); f == v {
			return r, q1.Cmp(big.NewInt(maxDenominator)) <= 0
		}
		rest = new(big.Rat).Inv(rest.Sub(rest, new(big.Rat).SetInt(a)))
	}
}

func TestRational(t *testing.T) {
	for _, test := range []struct {
		v    float64
		want string
		ok   bool
	}{
		{0, "0", true},
		{1, "1", true},
		{-355. / 33, "-355/33", true},
		{19372. / 6561, "19372/6561", true},
		{-92097. / 339200, "-92097/339200", true},
		{math.Pi, "245850922/78256779", false},
		{math.NaN(), "0", false},
	} {
		got, ok := rational(test.v)
		if got.RatString() != test.want || ok != test.ok {
			t.Errorf("rational(%v) = %v, %v, want %v, %v", test.v, got.RatString(), ok, test.want, test.ok)
		}
	}
}

// rationals recovers the coefficients v, and reports those that it cannot.
func rationals(what string, v []float64, report func(string, ...any)) []*big.Rat {
	rs := make([]*big.Rat, len(v))
	for i, x := range v {
		r, ok := rational(x)
		if !ok {
			report("%s[%d] = %v is no fraction of small denominator", what, i, x)
		}
		rs[i] = r
	}
	return rs
}

// stageWeights returns Φ of a tree at each stage: the product over the subtrees s of
// Σ a[i][j]Φ(s)[j].
func stageWeights(t tree, a [][]*big.Rat) []*big.Rat {
	phi := make([]*big.Rat, len(a))
	for i := range phi {
		phi[i] = big.NewRat(1, 1)
	}
	for _, sub := range t {
		below := stageWeights(sub, a)
		for i := range phi {
			phi[i].Mul(phi[i], dot(a[i], below))
		}
	}
	return phi
}

func dot(a, b []*big.Rat) *big.Rat {
	sum := new(big.Rat)
	for i := range a {
		sum.Add(sum, new(big.Rat).Mul(a[i], b[i]))
	}
	return sum
}

// violated returns the trees of n nodes whose order condition Σ b[i]Φ[i] = 1/γ the
// weights b do not meet. The arithmetic is exact.
func violated(n int, a [][]*big.Rat, b []*big.Rat) []tree {
	var bad []tree
	for _, t := range trees(n) {
		if dot(b, stageWeights(t, a)).Cmp(big.NewRat(1, t.density())) != 0 {
			bad = append(bad, t)
		}
	}
	return bad
}

// rationalConditions recovers the rational coefficients of tab and reports nodes that are not
// the row sums. Of a row of weights it tells the trees of n nodes whose condition the row violates.
func rationalConditions(tab ode.Tableau, report func(string, ...any)) func(name string, w []float64) func(n int) []tree {
	c := rationals("C", tab.C, report)
	a := make([][]*big.Rat, len(c))
	for i := range a {
		a[i] = rationals(fmt.Sprintf("A[%d]", i), tab.A[i], report)
	}
	// The conditions of the trees speak of the row sums and never of C: this ties C to them.
	for i := range c {
		sum := new(big.Rat)
		for _, v := range a[i] {
			sum.Add(sum, v)
		}
		if sum.Cmp(c[i]) != 0 {
			report("C[%d] = %v, but A[%d] sums to %v", i, c[i].RatString(), i, sum.RatString())
		}
	}
	return func(name string, w []float64) func(int) []tree {
		b := rationals(name, w, report)
		return func(n int) []tree { return violated(n, a, b) }
	}
}

// defects returns what is wrong with a tableau; nothing, if it is the method that
// it claims to be. A measured slope cannot do this: a coefficient that is off by 1e-9, or
// the lower row propagated in place of the higher, shows the right slope for a long way.
func defects(tab ode.Tableau) []string {
	var list []string
	report := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }

	s := len(tab.B)
	if s == 0 || len(tab.C) != s || len(tab.A) != s {
		report("%d nodes, %d stages, %d weights", len(tab.C), len(tab.A), s)
		return list
	}
	for i, row := range tab.A {
		if len(row) != i {
			report("A[%d] holds %d coefficients", i, len(row))
			return list
		}
	}
	if (tab.Embedded == nil) != (tab.EmbeddedOrder == 0) || tab.Embedded != nil && len(tab.Embedded) != s {
		report("%d embedded weights of order %d", len(tab.Embedded), tab.EmbeddedOrder)
		return list
	}

	conditions := rationalConditions
	if decimal[tab.Name] {
		conditions = decimalConditions
	}
	// A last stage that serves the error alone is worth its evaluation as the next step's first.
	if last := s - 1; last > 0 && tab.B[last] == 0 && !tab.FirstSameAsLast() {
		report("A[%d] is not B, and B[%d] is 0", last, last)
	}
	before := len(list)
	violates := conditions(tab, report)
	if len(list) > before { // the conditions take the nodes for granted
		return list
	}
	before = len(list)
	row := func(name string, w []float64, order int) {
		if len(list) > before { // one bad row is enough, and the trees are many
			return
		}
		bad := violates(name, w)
		for n := 1; n <= order; n++ {
			for _, t := range bad(n) {
				report("%s does not meet the condition of order %d of the tree %v", name, n, t)
			}
		}
		if len(bad(order+1)) == 0 {
			report("%s has an order above %d", name, order)
		}
	}
	row("B", tab.B, tab.Order)
	if tab.Embedded != nil {
		row("Embedded", tab.Embedded, tab.EmbeddedOrder)
		if tab.EmbeddedOrder >= tab.Order {
			report("the row that is propagated has order %d, the embedded one %d", tab.Order, tab.EmbeddedOrder)
		}
		if slices.Equal(tab.B, tab.Embedded) {
			report("B and Embedded are the same")
		}
		// A constant field has no error. 1e-15 is the rounding of the rows.
		sum, size := 0.0, 0.0
		for i, b := range tab.B {
			sum, size = sum+(b-tab.Embedded[i]), size+math.Abs(b)+math.Abs(tab.Embedded[i])
		}
		if !(math.Abs(sum) <= 1e-15*size) {
			report("the weights of the error add up to %v", sum)
		}
	}
	if (tab.Coarse == nil) != (tab.CoarseOrder == 0) || tab.Coarse != nil && len(tab.Coarse) != s {
		report("%d coarse weights of order %d", len(tab.Coarse), tab.CoarseOrder)
		return list
	}
	if tab.Coarse != nil {
		row("Coarse", tab.Coarse, tab.CoarseOrder)
		if tab.CoarseOrder >= tab.EmbeddedOrder {
			report("the embedded row has order %d, the coarse one %d", tab.EmbeddedOrder, tab.CoarseOrder)
		}
	}
	return list
}

func TestTableauConditions(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		for _, d := range defects(tab) {
			t.Errorf("%s: %s", tab.Name, d)
		}
	}
}

// What the tableaus claim, from the papers: the gate takes each at its word.
func TestTableauClaims(t *testing.T) {
	type claims struct {
		Name                 string
		Order, EmbeddedOrder int
		FirstSameAsLast      bool
		Evaluations          int
	}
	want := []claims{
		{"euler", 1, 0, false, 1},
		{"midpoint", 2, 1, false, 2},
		{"heun", 2, 1, false, 2},
		{"ralston", 2, 1, false, 2},
		{"ralston3", 3, 0, false, 3},
		{"kutta3", 3, 0, false, 3},
		{"ssprk3", 3, 0, false, 3},
		{"bs3", 3, 2, true, 3},
		{"rk4", 4, 0, false, 4},
		{"rk38", 4, 0, false, 4},
		{"ralston4", 4, 0, false, 4},
		{"dp5", 5, 4, true, 6},
		{"tsit5", 5, 4, true, 6},
		{"dop853", 8, 5, false, 12},
	}
	var got []claims
	for _, tab := range ode.Tableaus() {
		got = append(got, claims{tab.Name, tab.Order, tab.EmbeddedOrder, tab.FirstSameAsLast(), tab.Evaluations()})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Tableaus() (-want +got):\n%s", diff)
	}
}

// A last stage that is not quite the end of the step must be evaluated as any other.
func TestFirstSameAsLast(t *testing.T) {
	tableau := func(c float64, a, b []float64) ode.Tableau {
		return ode.Tableau{C: []float64{0, 1. / 2, c}, A: [][]float64{{}, {1. / 2}, a}, B: b}
	}
	for _, test := range []struct {
		tab  ode.Tableau
		want bool
	}{
		{tableau(1, []float64{1. / 4, 3. / 4}, []float64{1. / 4, 3. / 4, 0}), true},
		{tableau(1, []float64{1. / 2, 1. / 2}, []float64{1. / 4, 3. / 4, 0}), false},
		{tableau(1, []float64{1. / 4, 3. / 4}, []float64{1. / 4, 3. / 4, 1. / 8}), false},
		{tableau(3./4, []float64{1. / 4, 3. / 4}, []float64{1. / 4, 3. / 4, 0}), false},
		{ode.Tableau{C: []float64{0}, A: [][]float64{{}}, B: []float64{1}}, false},
	} {
		if got := test.tab.FirstSameAsLast(); got != test.want {
			t.Errorf("%+v.FirstSameAsLast() = %v, want %v", test.tab, got, test.want)
		}
	}
}

// clone returns a copy of tab whose coefficients may be changed.
func clone(tab ode.Tableau) ode.Tableau {
	tab.C, tab.B, tab.Embedded, tab.Coarse = slices.Clone(tab.C), slices.Clone(tab.B), slices.Clone(tab.Embedded), slices.Clone(tab.Coarse)
	tab.A = slices.Clone(tab.A)
	for i := range tab.A {
		tab.A[i] = slices.Clone(tab.A[i])
	}
	return tab
}

// Negative controls: the mistakes that tableaus have been published and shipped with
// must not pass the gate.
func TestTableauGateRejects(t *testing.T) {
	for _, test := range []struct {
		name   string
		from   ode.Tableau
		mutate func(*ode.Tableau)
		want   string // in one of the defects
	}{
		{"the lower row propagated", ode.DP5,
			func(tab *ode.Tableau) { tab.B, tab.Embedded = tab.Embedded, tab.B }, "B does not meet the condition of order 5"},
		{"rows and orders swapped", ode.DP5, func(tab *ode.Tableau) {
			tab.B, tab.Embedded = tab.Embedded, tab.B
			tab.Order, tab.EmbeddedOrder = tab.EmbeddedOrder, tab.Order
		}, "the row that is propagated has order 4"},
		{"a sign lost in A", ode.DP5, func(tab *ode.Tableau) { tab.A[4][3] *= -1 }, "but A[4] sums to"},
		{"a misprint in A", ode.DP5, func(tab *ode.Tableau) { tab.A[4][2] = 64448. / 6562 }, "but A[4] sums to"},
		// The row sums are as they were, so that only the trees can tell.
		{"two of A exchanged", ode.RK4, func(tab *ode.Tableau) { tab.A[2] = []float64{1. / 2, 0} }, "B does not meet the condition of order 3"},
		{"two of B exchanged", ode.BS3, func(tab *ode.Tableau) { tab.B[0], tab.B[1] = tab.B[1], tab.B[0] }, "B does not meet the condition of order 2"},
		// No tree sees C.
		{"a node off", ode.RK4, func(tab *ode.Tableau) { tab.C[1] = 1. / 3 }, "C[1] = 1/3, but"},
		{"C[0] off", ode.Euler, func(tab *ode.Tableau) { tab.C[0] = 1 }, "C[0] = 1, but"},
		{"order overstated", ode.BS3, func(tab *ode.Tableau) { tab.Order = 4 }, "B does not meet the condition of order 4"},
		{"order understated", ode.RK4, func(tab *ode.Tableau) { tab.Order = 3 }, "B has an order above 3"},
		{"embedded order overstated", ode.BS3, func(tab *ode.Tableau) { tab.EmbeddedOrder = 3 }, "Embedded does not meet the condition of order 3"},
		{"embedded order understated", ode.DP5, func(tab *ode.Tableau) { tab.EmbeddedOrder = 3 }, "Embedded has an order above 3"},
		{"an estimate of zero", ode.Heun, func(tab *ode.Tableau) { tab.Embedded = tab.B }, "B and Embedded are the same"},
		{"embedded row without order", ode.Heun, func(tab *ode.Tableau) { tab.EmbeddedOrder = 0 }, "2 embedded weights of order 0"},
		{"an error of a constant", ode.DP5, func(tab *ode.Tableau) { tab.Embedded[6] = 1. / 41 }, "the weights of the error add up to"},
		{"a last row that is not B", ode.BS3, func(tab *ode.Tableau) { tab.A[3] = []float64{2. / 9, 4. / 9, 1. / 3} }, "A[3] is not B"},
		{"a last node that is not the end", ode.BS3, func(tab *ode.Tableau) { tab.C[3] = 7. / 8 }, "A[3] is not B"},
		{"a stage too few", ode.Heun, func(tab *ode.Tableau) { tab.A = tab.A[:1] }, "2 nodes, 1 stages, 2 weights"},
		{"a coefficient too many", ode.Heun, func(tab *ode.Tableau) { tab.A[1] = []float64{1, 0} }, "A[1] holds 2 coefficients"},
	} {
		tab := clone(test.from)
		test.mutate(&tab)
		list := defects(tab)
		if !slices.ContainsFunc(list, func(d string) bool { return strings.Contains(d, test.want) }) {
			t.Errorf("%s, %s: defects = %q, want one of %q", test.from.Name, test.name, list, test.want)
		}
	}
}

// Whatever the pair, its lower row must not be propagated.
func TestTableauGateRejectsLowerRow(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		if tab.Embedded == nil {
			continue
		}
		mutant := clone(tab)
		mutant.B, mutant.Embedded = mutant.Embedded, mutant.B
		want := fmt.Sprintf("B does not meet the condition of order %d", tab.EmbeddedOrder+1)
		if list := defects(mutant); !slices.ContainsFunc(list, func(d string) bool { return strings.Contains(d, want) }) {
			t.Errorf("%s with the lower row propagated: defects = %q, want one of %q", tab.Name, list, want)
		}
	}
}

// One digit wrong in the ninth place keeps every measured slope; no coefficient of
// any tableau may be off by so much.
func TestTableauGateRejectsTypingErrors(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		mutant := clone(tab)
		for name, row := range map[string][]float64{"C": mutant.C, "B": mutant.B, "Embedded": mutant.Embedded, "Coarse": mutant.Coarse} {
			rejectsEach(t, mutant, name, row)
		}
		for i, row := range mutant.A {
			rejectsEach(t, mutant, fmt.Sprintf("A[%d]", i), row)
		}
	}
}

// Two coefficients of a row off by the same, one up and one down: the row sums are as they were, so that only the trees can tell.
func TestTableauGateRejectsHiddenTypingErrors(t *testing.T) {
	for _, tab := range ode.Tableaus() {
		if tab.Name != "dop853" {
			rejectsPairs(t, tab, 1e-9)
		}
	}
}

// The coefficients of DOP853 are large and cancel: what is off by 1e-9 between two early stages is lost in their own rounding.
func TestLongTableauGateRejectsHiddenTypingErrors(t *testing.T) {
	if !*long {
		t.Skip("needs -long")
	}
	rejectsPairs(t, ode.DOP853, 1e-8)
}

// rejectsPairs moves neighbours in the rows of A apart.
func rejectsPairs(t *testing.T, tab ode.Tableau, by float64) {
	t.Helper()
	mutant := clone(tab)
	for i, row := range mutant.A {
		for j := range max(len(row)-1, 0) {
			was := [2]float64{row[j], row[j+1]}
			row[j], row[j+1] = was[0]+by, was[1]-by
			if len(defects(mutant)) == 0 {
				t.Errorf("%s with A[%d][%d] + %g and A[%d][%d] - %g passes", tab.Name, i, j, by, i, j+1, by)
			}
			row[j], row[j+1] = was[0], was[1]
		}
	}
}

// rejectsEach moves each coefficient of row, which is a row of tab, by 1e-9.
func rejectsEach(t *testing.T, tab ode.Tableau, name string, row []float64) {
	t.Helper()
	for i, v := range row {
		row[i] = v + 1e-9
		if len(defects(tab)) == 0 {
			t.Errorf("%s with %s[%d] = %v + 1e-9 passes", tab.Name, name, i, v)
		}
		row[i] = v
	}
}
