package solvers

import (
	"fmt"

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
type ExpTableau struct {
	Name  string
	About string
	Order int
	Ref   string    // key in references.bib
	Nodes []float64 // the fractions of the stages, of which the first is 0
	A     [][][]Phi // A[i] holds i coefficients; the last row, of the result, has the index len(Nodes)
}

// ExpRK applies an exponential Runge–Kutta method to the probability flow in λ, in data prediction unless
// Noise is set. The zero value has no tableau.
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
	for i, row := range tab.A {
		if len(row) != i {
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
	return Info{Name: tab.Name, About: tab.About, Order: tab.Order, NFE: len(tab.Nodes), Kind: kind, Ref: tab.Ref}
}

// start binds the method to p in the given prediction and with the given stochasticity, for states of n elements. With
// noise the nodes must not decrease: the path is drawn from stage to stage.
func (tab ExpTableau) start(p Problem, kind scoremodel.Kind, tau float64, n int) (ode.Stepper, error) {
	stages := len(tab.Nodes)
	s := &expRK{nodes: tab.Nodes, coefficients: ode.NewExpCoefficients(phis[ode.PhiTerm](tab.A)), schedule: p.Schedule, model: scoremodel.As(p.Model, kind, p.Schedule), kind: kind, tau: tau,
		m: make([][]float64, stages), x: make([]float64, n), terms: make([]vec.Term, 0, stages+2)}
	for i := range s.m {
		s.m[i] = make([]float64, n)
	}
	if tau == 0 {
		return s, nil
	}
	var err error
	s.noise, err = newNestedNoise(p, n)
	return s, err
}

type expRK struct {
	nodes        []float64
	schedule     sde.Schedule
	model        scoremodel.Model
	kind         scoremodel.Kind
	tau          float64
	noise        *nestedNoise // nil if tau is 0
	coefficients *ode.ExpCoefficients
	m            [][]float64 // the predictions at the stages; the first survives a rejected proposal
	x            []float64   // the state at a stage
	terms        []vec.Term
}

func (s *expRK) Step(dst, src []float64, at ode.Span) error {
	if !at.Retry {
		if err := s.model.Predict(s.m[0], src, at.From); err != nil {
			return err
		}
	}
	from, to := s.schedule.At(at.From), s.schedule.At(at.To)
	step := newExponential(s.kind, s.tau, from, to)
	a := s.coefficients.At(step.z)
	length := step.length() // h, or (1+τ²)h in data prediction
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
		s.advance(s.x, src, part, length, a[i])
		if err := s.model.Predict(s.m[i], s.x, p.T); err != nil {
			return err
		}
	}
	if node < 1 {
		if err := s.grow(p, to); err != nil {
			return err
		}
	}
	s.advance(dst, src, step, length, a[len(s.m)])
	return nil
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

// Lawson returns the classical method tab on the equation without its linear part, e^(-λL)u
// [lawson1967]: a constant prediction is not integrated exactly. Its order is tab's.
func Lawson(name string, tab ode.Tableau) ExpTableau {
	return described(ode.Lawson(name, tab), name, "the Runge-Kutta method "+tab.Name+" with Lawson's integrating factor in lambda", "lawson1967")
}
