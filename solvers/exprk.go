package solvers

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// An ExpTableau is an explicit exponential Runge–Kutta method [hochbruck2010]: a Butcher
// tableau whose coefficients are functions of z. The zero value is not a method.
//
// In the scaled equation u' = Lu + m, with z = Lh, stage i lies at the fraction c of the step and is
// u_i = e^(cz)·u + h·Σ a[i][j]·m_j; the result is the stage after the last, at c = 1, and is not evaluated.
// Here L is 1 in noise prediction, -1 in data prediction, and h the step in λ, so z is h or -h; with
// stochasticity τ it is -(1+τ²)h in data prediction, see exponential.
type ExpTableau struct {
	Name  string
	About string
	Order int
	Ref   string // key in references.bib

	// Nodes are the fractions of the stages, of which the first is 0.
	Nodes []float64

	// Weights writes a[i][j] for j < i, where i runs from 1 to len(Nodes), the result. What
	// it does not write is 0. It does not allocate.
	Weights func(z float64, a [][]float64)
}

// ExpRK applies an exponential Runge–Kutta method to the probability flow in λ, in data prediction unless
// Noise is set. The zero value has no tableau.
//
// References:
//
//	[hochbruck2010]
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
	if s.Tableau.Weights == nil {
		return nil, fmt.Errorf("%w: it has no tableau", ErrParameter)
	}
	return s.Tableau.start(p, s.Info().Kind, 0, n)
}

func (tab ExpTableau) info(kind scoremodel.Kind) Info {
	return Info{Name: tab.Name, About: tab.About, Order: tab.Order, NFE: len(tab.Nodes), Kind: kind, Ref: tab.Ref}
}

// start binds the method to p in the given prediction and with the given stochasticity, for states of n elements. With
// noise the nodes must not decrease: the path is drawn from stage to stage.
func (tab ExpTableau) start(p Problem, kind scoremodel.Kind, tau float64, n int) (ode.Stepper, error) {
	stages := len(tab.Nodes)
	s := &expRK{tableau: tab, schedule: p.Schedule, model: scoremodel.As(p.Model, kind, p.Schedule), kind: kind, tau: tau,
		a: make([][]float64, stages+1), m: make([][]float64, stages), x: make([]float64, n), terms: make([]vec.Term, 0, stages+2)}
	for i := range s.a {
		s.a[i] = make([]float64, i)
	}
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
	tableau  ExpTableau
	schedule sde.Schedule
	model    scoremodel.Model
	kind     scoremodel.Kind
	tau      float64
	noise    *nestedNoise // nil if tau is 0
	a        [][]float64  // the coefficients of the step
	m        [][]float64  // the predictions at the stages; the first survives a rejected proposal
	x        []float64    // the state at a stage
	terms    []vec.Term
}

func (s *expRK) Step(dst, src []float64, at ode.Span) error {
	if !at.Retry {
		if err := s.model.Predict(s.m[0], src, at.From); err != nil {
			return err
		}
	}
	from, to := s.schedule.At(at.From), s.schedule.At(at.To)
	step := newExponential(s.kind, s.tau, from, to)
	s.tableau.Weights(step.z, s.a)
	if s.noise != nil {
		clear(s.noise.sum)
	}
	part, p, node := step, from, 0.
	for i := 1; i < len(s.m); i++ {
		if c := s.tableau.Nodes[i]; c != node {
			next := within(s.schedule, from, to, c)
			if err := s.grow(p, next); err != nil {
				return err
			}
			node, p = c, next
			part = newExponential(s.kind, s.tau, from, p)
		}
		s.advance(s.x, src, part, step.z, s.a[i])
		if err := s.model.Predict(s.m[i], s.x, p.T); err != nil {
			return err
		}
	}
	if node < 1 {
		if err := s.grow(p, to); err != nil {
			return err
		}
	}
	s.advance(dst, src, step, step.z, s.a[len(s.m)])
	return nil
}

// grow extends the noise from one stage to the next.
func (s *expRK) grow(from, to sde.Point) error {
	if s.noise == nil {
		return nil
	}
	return s.noise.grow(newExponential(s.kind, s.tau, from, to), from, to)
}

// advance writes to dst the state at the end of part, which begins at src, in a step with the given z.
func (s *expRK) advance(dst, src []float64, part exponential, z float64, a []float64) {
	terms := append(s.terms[:0], vec.Term{C: part.carry, X: src})
	for j, c := range a {
		if c != 0 {
			terms = append(terms, vec.Term{C: part.gain * math.Abs(z) * c, X: s.m[j]})
		}
	}
	if s.noise != nil {
		terms = append(terms, vec.Term{C: 1, X: s.noise.sum})
	}
	vec.Lin(dst, terms...)
}

// within returns the point at the fraction c of a step in λ. At the end it is exact, and rounding does
// not carry it out of the step.
func within(s sde.Schedule, from, to sde.Point, c float64) sde.Point {
	if c == 1 {
		return to
	}
	t := s.Time(from.Lambda() + c*sde.H(from, to))
	return s.At(math.Min(math.Max(t, to.T), from.T))
}

// etd returns the method whose coefficients of all stages but the first are what later writes. Those of the
// first follow: a constant prediction is integrated exactly, Σ a[i][j] = c·φ₁(cz).
func etd(tab ExpTableau, later func(z float64, a [][]float64)) ExpTableau {
	tab.Weights = func(z float64, a [][]float64) {
		if later != nil {
			later(z, a)
		}
		for i := 1; i < len(a); i++ {
			c := 1.
			if i < len(tab.Nodes) {
				c = tab.Nodes[i]
			}
			a[i][0] = c * phi(1, c*z)
			for _, v := range a[i][1:] {
				a[i][0] -= v
			}
		}
	}
	return tab
}

// Lawson returns the classical method tab on the equation without its linear part, e^(-λL)u
// [lawson1967]: a constant prediction is not integrated exactly. Its order is tab's.
func Lawson(name string, tab ode.Tableau) ExpTableau {
	return ExpTableau{Name: name, About: "the Runge-Kutta method " + tab.Name + " with Lawson's integrating factor in lambda",
		Order: tab.Order, Ref: "lawson1967", Nodes: tab.C,
		Weights: func(z float64, a [][]float64) {
			for i := 1; i < len(a); i++ {
				c, row := 1., tab.B
				if i < len(tab.C) {
					c, row = tab.C[i], tab.A[i]
				}
				for j, v := range row {
					a[i][j] = v * math.Exp((c-tab.C[j])*z)
				}
			}
		}}
}
