package solvers

import (
	"fmt"
	"slices"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// A Phi is the function Weight·φ_K(At·z).
type Phi struct {
	Weight float64
	K      int // 0 to 8
	At     float64
}

// An ExpTableau is an explicit exponential Runge–Kutta method [hochbruck2010]: a Butcher
// tableau whose coefficients are sums of φ functions of z. It is plain data. The zero value is not a method.
//
// In the scaled equation u' = Lu + m, with z = Lh, stage i lies at the fraction c of the step and is
// u_i = e^(cz)·u + h·Σ A[i][j]·m_j; the result is the stage after the last, at c = 1, and is not evaluated.
// Here L is 1 in noise prediction, -1 in data prediction, and h the step in λ, so z is h or -h; with
// stochasticity τ it is -(1+τ²)h in data prediction, see exponential.
//
// Embedded, if present, is the row of a second result whose difference from the first estimates the error. The
// result of higher order is propagated. A row with one coefficient more than there are stages uses the prediction at the end
// of the step too, which is the first one of the next step: it costs an evaluation only where a step is rejected.
type ExpTableau struct {
	Name          string
	About         string
	Order         int
	EmbeddedOrder int       // order of the second result, 0 if there is none
	Ref           string    // key in references.bib
	Nodes         []float64 // the fractions of the stages, of which the first is 0
	A             [][][]Phi // A[i] holds i coefficients; the last row, of the result, has the index len(Nodes)
	Embedded      [][]Phi   // the coefficients of the second result
}

// ExpRK applies an exponential Runge–Kutta method to the probability flow in λ, in data prediction unless
// Noise is set. It is adaptive if the tableau has an embedded row. The zero value has no tableau.
//
// References:
//
//	[hochbruck2010], [lawson1967]
type ExpRK struct {
	Tableau ExpTableau
	Noise   bool `param:"noise" about:"predict noise instead of data"`
}

// Info implements Solver.
func (s ExpRK) Info() Info {
	i := s.Tableau.info(scoremodel.Data)
	if s.Noise {
		i.Kind = scoremodel.Epsilon
	}
	return i
}

// Start implements Solver.
func (s ExpRK) Start(p Problem, n int) (ode.Stepper, error) {
	if err := s.Tableau.check(); err != nil {
		return nil, err
	}
	return s.Tableau.start(p, s.Info().Kind, 0, n)
}

// check finds what keeps a user's tableau from being a method at all.
func (tab ExpTableau) check() error {
	if len(tab.Nodes) == 0 || tab.Nodes[0] != 0 || len(tab.A) != len(tab.Nodes)+1 {
		return fmt.Errorf("%w: a tableau of the nodes %v and %d rows, want nodes from 0 on and a row more", ErrParameter, tab.Nodes, len(tab.A))
	}
	for i, c := range tab.Nodes[1:] {
		if err := fraction(fmt.Sprintf("node %d", i+1), c); err != nil {
			return err
		}
	}
	if n := len(tab.Embedded); n != 0 && n != len(tab.Nodes) && n != len(tab.Nodes)+1 {
		return fmt.Errorf("%w: the embedded row of the tableau holds %d coefficients, want %d or one more", ErrParameter, n, len(tab.Nodes))
	}
	for i, row := range append(slices.Clone(tab.A), tab.Embedded) {
		if len(row) != i && i < len(tab.A) {
			return fmt.Errorf("%w: row %d of the tableau holds %d coefficients, want %d", ErrParameter, i, len(row), i)
		}
		for _, sum := range row {
			for _, f := range sum {
				if f.K < 0 || f.K > ode.MaxPhi {
					return fmt.Errorf("%w: row %d of the tableau has phi_%d, want 0 to %d", ErrParameter, i, f.K, ode.MaxPhi)
				}
			}
		}
	}
	return nil
}

func (tab ExpTableau) info(kind scoremodel.Kind) Info {
	return Info{Name: tab.Name, About: tab.About, Order: tab.Order, NFE: len(tab.Nodes), Adaptive: tab.Embedded != nil,
		Kind: kind, Ref: tab.Ref}
}

// start binds the method to p in the given prediction and with the given stochasticity, for states of n elements. With
// noise the nodes must not decrease: the path is drawn from stage to stage. Without noise the result is an ode.Estimator
// if the tableau has an embedded row.
func (tab ExpTableau) start(p Problem, kind scoremodel.Kind, tau float64, n int) (ode.Stepper, error) {
	stages := len(tab.Nodes)
	rows := tab.A
	if tab.Embedded != nil {
		rows = append(slices.Clone(rows), minus(tab.A[stages], tab.Embedded))
	}
	s := &expRK{nodes: tab.Nodes, coefficients: ode.NewExpCoefficients(phis[ode.PhiTerm](rows)), schedule: p.Schedule, model: scoremodel.As(p.Model, kind, p.Schedule), kind: kind, tau: tau,
		m: make([][]float64, stages), x: make([]float64, n), terms: make([]vec.Term, 0, stages+2)}
	for i := range s.m {
		s.m[i] = make([]float64, n)
	}
	if tau != 0 {
		var err error
		s.noise, err = newNestedNoise(p, n)
		return s, err
	}
	if tab.Embedded == nil {
		return s, nil
	}
	if len(tab.Embedded) > stages {
		s.end = make([]float64, n)
	}
	return &embeddedExpRK{expRK: s, power: float64(tab.EmbeddedOrder + 1)}, nil
}

// minus returns the coefficients a - b. What is the same in both leaves nothing, not even rounding.
func minus(a, b [][]Phi) [][]Phi {
	out := make([][]Phi, max(len(a), len(b)))
	add := func(row [][]Phi, sign float64) {
		for j, sum := range row {
			for _, f := range sum {
				i := slices.IndexFunc(out[j], func(g Phi) bool { return g.K == f.K && g.At == f.At })
				if i < 0 {
					i = len(out[j])
					out[j] = append(out[j], Phi{0, f.K, f.At})
				}
				out[j][i].Weight += sign * f.Weight
			}
		}
	}
	add(a, 1)
	add(b, -1)
	for j, sum := range out {
		out[j] = slices.DeleteFunc(sum, func(f Phi) bool { return f.Weight == 0 })
	}
	return out
}

type expRK struct {
	nodes        []float64
	schedule     sde.Schedule
	model        scoremodel.Model
	kind         scoremodel.Kind
	tau          float64
	noise        *nestedNoise // nil if tau is 0
	coefficients *ode.ExpCoefficients
	a            [][]float64 // the coefficients of the step: of the stages, of the result and of its error, if that is estimated
	m            [][]float64 // the predictions at the stages; the first survives a rejected proposal
	x            []float64   // the state at a stage; at last the result, if the prediction there is needed
	terms        []vec.Term
	nfe          int

	// For the estimate of the error.
	at    ode.Span  // the latest step
	scale float64   // what multiplies the coefficients of it
	end   []float64 // the prediction at its end, nil if that is not needed
	ahead bool      // whether end is known
}

// predict evaluates the model: every evaluation comes through here.
func (s *expRK) predict(dst, x []float64, t float64) error {
	s.nfe++
	return s.model.Predict(dst, x, t)
}

// NFE implements ode.Counter.
func (s *expRK) NFE() int { return s.nfe }

// Cost implements ode.Counter. There is no interpolant.
func (s *expRK) Cost(at ode.Span, _ bool) int {
	cost := len(s.m)
	if at.Retry || s.continues(at) {
		cost--
	}
	if s.end != nil {
		cost++
	}
	return cost
}

// continues reports whether the first prediction of the step over at is known from the latest step.
func (s *expRK) continues(at ode.Span) bool { return s.ahead && !at.Fresh() && at.From == s.at.To }

func (s *expRK) Step(dst, src []float64, at ode.Span) error {
	switch {
	case at.Retry:
		// m[0] depends on From and src alone.
	case s.continues(at):
		s.m[0], s.end = s.end, s.m[0]
	default:
		if err := s.predict(s.m[0], src, at.From); err != nil {
			return err
		}
	}
	s.at, s.ahead = at, false
	from, to := s.schedule.At(at.From), s.schedule.At(at.To)
	step := newExponential(s.kind, s.tau, from, to)
	s.a = s.coefficients.At(step.z)
	length := step.length() // h, or (1+τ²)h in data prediction
	s.scale = step.gain * length
	if s.noise != nil {
		clear(s.noise.sum)
	}
	part, p, node := step, from, 0.
	for i := 1; i < len(s.m); i++ {
		if c := s.nodes[i]; c != node {
			next := to
			if c != 1 {
				next = inside(s.schedule, from.Lambda()+c*step.h, from, to)
			}
			if err := s.grow(p, next); err != nil {
				return err
			}
			node, p = c, next
			part = newExponential(s.kind, s.tau, from, p)
		}
		s.advance(s.x, src, part, length, s.a[i])
		if err := s.predict(s.m[i], s.x, p.T); err != nil {
			return err
		}
	}
	if node < 1 {
		if err := s.grow(p, to); err != nil {
			return err
		}
	}
	s.advance(dst, src, step, length, s.a[len(s.m)])
	if s.end != nil {
		copy(s.x, dst)
	}
	return nil
}

// embeddedExpRK is a method whose tableau has an embedded row.
type embeddedExpRK struct {
	*expRK
	power float64
}

// Pace implements Paced.
func (s *embeddedExpRK) Pace() Variable { return Lambda }

// LocalError implements ode.Estimator. Both results carry the state alike, so that it leaves their difference.
func (s *embeddedExpRK) LocalError(dst []float64) (float64, error) {
	if s.end != nil && !s.ahead {
		if err := s.predict(s.end, s.x, s.at.To); err != nil {
			return 0, err
		}
		s.ahead = true
	}
	terms := s.terms[:0]
	for j, c := range s.a[len(s.m)+1] {
		if c == 0 {
			continue
		}
		m := s.end
		if j < len(s.m) {
			m = s.m[j]
		}
		terms = append(terms, vec.Term{C: s.scale * c, X: m})
	}
	vec.Lin(dst, terms...)
	return s.power, nil
}

// grow extends the noise from one stage to the next.
func (s *expRK) grow(from, to sde.Point) error {
	if s.noise == nil {
		return nil
	}
	return s.noise.grow(newExponential(s.kind, s.tau, from, to), from, to)
}

// advance writes to dst the state at the end of part, which begins at src, in a step of the given length.
func (s *expRK) advance(dst, src []float64, part exponential, length float64, a []float64) {
	terms := append(s.terms[:0], vec.Term{C: part.carry, X: src})
	for j, c := range a {
		if c != 0 {
			terms = append(terms, vec.Term{C: part.gain * length * c, X: s.m[j]})
		}
	}
	if s.noise != nil {
		terms = append(terms, vec.Term{C: 1, X: s.noise.sum})
	}
	vec.Lin(dst, terms...)
}

// etd returns the method whose coefficients of all stages but the first are given, see ode.ETD.
func etd(tab ExpTableau, later ...[][]Phi) ExpTableau {
	tab.A = phis[Phi](ode.ETD(tab.Name, tab.Order, tab.Nodes, phis[ode.PhiTerm](later)...).A)
	return tab
}

// described returns a method of package ode, by its name here.
func described(tab ode.ExpTableau, name, about, ref string) ExpTableau {
	return ExpTableau{Name: name, About: about, Order: tab.Order, Ref: ref, Nodes: tab.C, A: phis[Phi](tab.A)}
}

// phis converts the coefficients of a tableau to or from those of package ode, which are the same.
func phis[To, From Phi | ode.PhiTerm](rows [][][]From) [][][]To {
	out := make([][][]To, len(rows))
	for i, row := range rows {
		out[i] = make([][]To, len(row))
		for j, sum := range row {
			for _, f := range sum {
				out[i][j] = append(out[i][j], To(f))
			}
		}
	}
	return out
}

// embed adds to tab the embedded row of the given order, of which all columns but the first are given. The first follows: a
// constant prediction is integrated exactly, and the row sums to φ₁(z).
func (tab ExpTableau) embed(order int, later ...[]Phi) ExpTableau {
	first := []Phi{{1, 1, 1}}
	for _, sum := range later {
		for _, f := range sum {
			first = append(first, Phi{-f.Weight, f.K, f.At})
		}
	}
	tab.EmbeddedOrder, tab.Embedded = order, append([][]Phi{first}, later...)
	return tab
}

// Lawson returns the classical method tab on the equation without its linear part, e^(-λL)u
// [lawson1967]: a constant prediction is not integrated exactly. Its orders are tab's.
func Lawson(name string, tab ode.Tableau) ExpTableau {
	e := described(ode.Lawson(name, tab), name, "the Runge-Kutta method "+tab.Name+" with Lawson's integrating factor in lambda", "lawson1967")
	e.EmbeddedOrder = tab.EmbeddedOrder
	if tab.Embedded != nil {
		e.Embedded = make([][]Phi, len(tab.Embedded))
		for j, w := range tab.Embedded {
			if w != 0 {
				e.Embedded[j] = []Phi{{w, 0, 1 - tab.C[j]}}
			}
		}
	}
	if tab.FirstSameAsLast() { // the last stage is the result
		stages := tab.Evaluations()
		e.Nodes, e.A = e.Nodes[:stages], e.A[:stages+1]
	}
	return e
}
