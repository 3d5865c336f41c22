package solvers

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// multistep is the engine of every linear multistep method. Each of them takes the linear part and the
// noise of a step exactly, see exponential, and replaces the integral of the prediction by a
// combination of the latest predictions:
//
//	x_t = carry·x_s + Σ w_j m_j + noise·z
//
// A method is a choice of the weights, a rule. With a corrector the step is taken again when
// the prediction at its end is known, from the same state and with the same noise: by default at the
// beginning of the next step, with the prediction at the uncorrected state, which costs no
// evaluation (the mode PEC); or at once, with one more evaluation (PECE).
type multistep struct {
	kind       scoremodel.Kind
	in         Variable // of the history's nodes
	predictor  formula
	corrector  formula // without nodes if there is none
	skip       int     // number of first steps that are not corrected, in mode PEC
	pece       bool
	lowerFinal bool                    // reduce the order to the number of steps that are left
	tau        func(t float64) float64 // of the step that begins at t; nil is 0
	linear     linearPart
	start      starter

	schedule sde.Schedule
	model    scoremodel.Model
	past     history
	latest   segment   // the step before, if it is to be corrected
	left     int       // steps to the end, that one included, if the order depends on it
	base     []float64 // the corrected state at the beginning of the step, in mode PEC
	trial    []float64 // the predicted state at its end, and in mode PECE
	ahead    []float64 // the prediction there
	noise    *unitNoise
	weights  []float64
	nodes    []float64
	terms    []vec.Term
}

// formula is a rule for a number of predictions. As long as fewer are known it is used for those.
type formula struct {
	rule  rule
	nodes int
}

// rule writes to w the weights of the predictions at the nodes, newest first, in a step. A corrector's first node is
// the end of the step, a predictor's the beginning.
type rule func(w, nodes []float64, s segment)

// segment is a step between two points.
type segment struct {
	exponential
	from, to sde.Point
	tau      float64
}

// linearPart returns what of a step is exact. nil is newExponential.
type linearPart func(kind scoremodel.Kind, tau float64, from, to sde.Point) exponential

// bind returns s, ready to run on p.
func (s *multistep) bind(p Problem, n int) (*multistep, error) {
	s.schedule, s.model = p.Schedule, scoremodel.As(p.Model, s.kind, p.Schedule)
	size := max(s.predictor.nodes, s.corrector.nodes)
	s.past = newHistory(size, n)
	s.weights, s.nodes, s.terms = make([]float64, size), make([]float64, size), make([]vec.Term, 0, size+2)
	switch {
	case s.pece:
		s.trial, s.ahead = make([]float64, n), make([]float64, n)
	case s.corrector.nodes > 0:
		s.base, s.trial = make([]float64, n), make([]float64, n)
	}
	s.start.bind(n)
	if s.linear == nil {
		s.linear = newExponential
	}
	if s.tau == nil {
		return s, nil
	}
	var err error
	s.noise, err = newUnitNoise(p, n)
	return s, err
}

func (s *multistep) Step(dst, src []float64, at ode.Span) error {
	from := s.schedule.At(at.From)
	if !at.Retry {
		if err := s.arrive(src, from, at); err != nil {
			return err
		}
	}
	if s.base != nil {
		src = s.base
	}
	tau := 0.0
	if s.tau != nil {
		tau = s.tau(at.From)
		if _, err := s.noise.draw(at); err != nil {
			return err
		}
	}
	step := segment{from: from, to: s.schedule.At(at.To), tau: tau}
	step.exponential = s.linear(s.kind, tau, step.from, step.to)
	if s.past.known <= s.start.steps && step.to.Sigma > 0 {
		s.latest = segment{}
		return s.begin(dst, src, step, at)
	}
	s.latest = step
	s.left = len(s.past.nodes)
	if s.lowerFinal && at.N > 0 {
		s.left = at.N - at.Index
	}
	known := s.past.nodes[:min(s.predictor.nodes, s.past.known, s.left)]
	if !s.pece {
		s.advance(dst, src, step, s.predictor.rule, known)
		if s.base != nil {
			copy(s.trial, dst)
		}
		return nil
	}
	s.advance(s.trial, src, step, s.predictor.rule, known)
	if err := s.model.Predict(s.ahead, s.trial, at.To); err != nil {
		return err
	}
	s.nodes[0] = s.in.at(step.to)
	nodes := s.nodes[:min(s.corrector.nodes, s.past.known+1, s.left+1)]
	copy(nodes[1:], s.past.nodes)
	s.advance(dst, src, step, s.corrector.rule, nodes)
	return nil
}

// arrive evaluates the model at the beginning of a step and corrects the state there.
func (s *multistep) arrive(src []float64, from sde.Point, at ode.Span) error {
	if at.Fresh() {
		s.past.known, s.latest = 0, segment{}
	}
	if err := s.model.Predict(s.past.push(s.in.at(from)), src, at.From); err != nil {
		return err
	}
	if s.base == nil {
		return nil
	}
	if s.latest.h == 0 || at.Index <= s.skip { // nothing to correct
		copy(s.base, src)
		return nil
	}
	s.advance(s.base, s.base, s.latest, s.corrector.rule, s.past.nodes[:min(s.corrector.nodes, s.past.known, s.left+1)])
	// What a wrapper such as Ancestral or CFGPP has added to the predicted state belongs to the corrected one too.
	vec.Lin(s.trial, vec.Term{C: 1, X: src}, vec.Term{C: -1, X: s.trial})
	vec.Lin(s.base, vec.Term{C: 1, X: s.base}, vec.Term{C: 1, X: s.trial})
	return nil
}

// advance writes to dst the state after the step, by the predictions at the nodes: those of the history,
// or ahead and then those of the history if the nodes begin at ahead's.
func (s *multistep) advance(dst, src []float64, step segment, r rule, nodes []float64) {
	w := s.weights[:len(nodes)]
	r(w, nodes, step)
	terms := append(s.terms[:0], vec.Term{C: step.carry, X: src})
	if s.ahead != nil && &nodes[0] == &s.nodes[0] {
		terms = append(terms, vec.Term{C: w[0], X: s.ahead})
		w = w[1:]
	}
	for j, c := range w {
		terms = append(terms, vec.Term{C: c, X: s.past.predictions[j]})
	}
	if s.noise != nil {
		terms = append(terms, vec.Term{C: step.noise, X: s.noise.z})
	}
	vec.Lin(dst, terms...)
}

// exactAdams is the Adams rule: the prediction is the polynomial through the nodes, in the given variable,
// and its integral is exact. Whatever the kind of prediction and the stochasticity, the
// weights of any constant add up to that of the first-order step.
//
// Polynomials in λ are integrated by the functions φ. In noise prediction the
// integral is one in κ, x_t = (α_t/α_s)x_s + (1+τ²)α_t ∫ε dκ + noise, so that of a polynomial in κ
// is that of its powers. Other integrals are taken by Gauss–Legendre quadrature in λ, in which
// t and κ are smooth functions: with 16 nodes it leaves nothing for steps of h ≤ 3.
func exactAdams(in Variable, kind scoremodel.Kind, schedule sde.Schedule) rule {
	switch {
	case in == Lambda:
		return func(w, nodes []float64, s segment) {
			var theta [ode.MaxPhi]float64
			start := s.from.Lambda()
			for j, l := range nodes {
				theta[j] = (l - start) / s.h
			}
			s.adamsWeights(w, theta[:len(nodes)])
		}
	case in == Kappa && kind == scoremodel.Epsilon:
		return func(w, nodes []float64, s segment) {
			var theta, powers [ode.MaxPhi]float64
			start := s.from.Kappa()
			step := s.to.Kappa() - start
			for j, k := range nodes {
				theta[j] = (k - start) / step
				powers[j] = (1 + s.tau*s.tau) * s.to.Alpha * step / float64(j+1)
			}
			ode.LagrangeWeights(w, theta[:len(nodes)], powers[:len(nodes)])
		}
	}
	const points = 16
	var x, gauss [points]float64
	quad.Legendre{}.FixedLocations(x[:], gauss[:], 0, 1)
	return func(w, nodes []float64, s segment) {
		clear(w)
		start := s.from.Lambda()
		for i, theta := range x {
			u := math.Exp(-(start + theta*s.h))
			if in == Time {
				u = schedule.Time(start + theta*s.h)
			}
			c := gauss[i] * s.gain * s.length() * math.Exp(s.z*(1-theta))
			for j, at := range nodes {
				l := 1.0
				for k, node := range nodes {
					if k != j {
						l *= (u - node) / (at - node)
					}
				}
				w[j] += c * l
			}
		}
	}
}

// slopeRule is the two-node rule of the given weight of the slope: that of the line's
// difference over one step.
func slopeRule(slope func(e exponential) float64) rule {
	return func(w, nodes []float64, s segment) {
		w[0] = s.phi(1)
		if len(nodes) == 1 {
			return
		}
		// The line passes through both nodes; its difference over a step is (m₀ - m₁)h/(u₀ - u₁).
		d := slope(s.exponential) * s.h / (nodes[0] - nodes[1])
		if nodes[0] != s.from.Lambda() { // a corrector's: the constant is the older prediction
			w[0], w[1] = d, s.phi(1)-d
			return
		}
		w[0], w[1] = w[0]+d, -d
	}
}

// The slope's weights that stand in for the exact φ_2, to which they are equal to first order in h: half of
// what multiplies a constant, and half of the limit of that for small steps.
func halfOfConstant(e exponential) float64 { return e.phi(1) / 2 }
func halfOfZ(e exponential) float64        { return e.gain * e.length() / 2 }

// withLine is the first rule with the second in its place for one or two predictions.
func withLine(r, line rule) rule {
	return func(w, nodes []float64, s segment) {
		if len(nodes) <= 2 {
			line(w, nodes, s)
			return
		}
		r(w, nodes, s)
	}
}

// starter takes the first steps of a trajectory in single steps, so that a multistep method does not begin
// with lower orders. Its stages are first-order steps with combined predictions,
//
//	x_i = carry_i·x + φ_1i·Σ_j (a_ij/c_i) m_j
//
// for a Butcher tableau. Where the stages lie makes the method: at the fractions c_i of
// the step in κ (noise prediction) or 1/κ (data prediction), the variables in which the flow is dy/dv = m, it is the classical
// method in that variable, with its order. Placed in t it is PNDM's.
//
// The zero value has no steps.
type starter struct {
	steps   int
	tableau ode.Tableau // without stages: the midpoint step, see halfway
	inTime  bool        // stages lie at fractions of the time

	stages [][]float64 // the second prediction and so on
	x      []float64
	terms  []vec.Term
}

// starterOf returns the starter of a method that needs the first steps to have the given order.
func starterOf(steps, order int) starter {
	switch {
	case steps <= 0 || order <= 1:
		return starter{}
	case order == 2:
		return starter{steps: steps}
	case order <= 4:
		return starter{steps: steps, tableau: ode.RK4}
	}
	return starter{steps: steps, tableau: ode.DP5}
}

// evaluations returns how many the start adds to those of ordinary steps.
func (s *starter) evaluations() int {
	if s.steps == 0 {
		return 0
	}
	if len(s.tableau.B) == 0 {
		return s.steps
	}
	return s.steps * (s.tableau.Evaluations() - 1)
}

func (s *starter) bind(n int) {
	if s.steps == 0 {
		return
	}
	s.x = make([]float64, n)
	s.stages = make([][]float64, s.evaluations()/s.steps)
	for i := range s.stages {
		s.stages[i] = make([]float64, n)
	}
	s.terms = make([]vec.Term, 0, len(s.stages)+2)
}

// begin takes a starting step, from the newest prediction of the history.
func (s *multistep) begin(dst, src []float64, step segment, at ode.Span) error {
	st := &s.start
	if len(st.tableau.B) == 0 {
		return s.halfway(dst, src, step, at)
	}
	for i := range st.stages {
		c := st.tableau.C[i+1]
		part := segment{from: step.from, to: s.stagePoint(step, at, c)}
		part.exponential = newExponential(s.kind, 0, part.from, part.to)
		s.combine(st.x, src, part, st.tableau.A[i+1], c)
		if err := s.model.Predict(st.stages[i], st.x, part.to.T); err != nil {
			return err
		}
	}
	s.combine(dst, src, step, st.tableau.B[:len(st.stages)+1], 1)
	return nil
}

// combine takes a first-order step with the combination Σ a_j m_j / sum of the predictions.
func (s *multistep) combine(dst, src []float64, part segment, a []float64, sum float64) {
	terms := append(s.start.terms[:0], vec.Term{C: part.carry, X: src})
	scale := part.phi(1) / sum
	for j, c := range a {
		m := s.past.predictions[0]
		if j > 0 {
			m = s.start.stages[j-1]
		}
		terms = append(terms, vec.Term{C: scale * c, X: m})
	}
	vec.Lin(dst, terms...)
}

// stagePoint returns where the stage at the fraction c of a starting step lies.
func (s *multistep) stagePoint(step segment, at ode.Span, c float64) sde.Point {
	switch {
	case c == 1:
		return step.to
	case s.start.inTime:
		return s.schedule.At(at.Time(c))
	}
	// κ or 1/κ grows by the fraction c of its growth over the step, a factor of e^-z: λ by |log(1 + c(e^-z - 1))|.
	grown := math.Abs(math.Log1p(c * math.Expm1(-step.z)))
	return inside(s.schedule, step.from.Lambda()+math.Copysign(grown, step.h), step.from, step.to)
}

// halfway is a starting step of order 2: a first-order step to the middle in λ, and then the
// method's own rule for the predictions there and at the beginning.
func (s *multistep) halfway(dst, src []float64, step segment, at ode.Span) error {
	st := &s.start
	middle := inside(s.schedule, step.from.Lambda()+step.h/2, step.from, step.to)
	half := newExponential(s.kind, 0, step.from, middle)
	now := s.past.predictions[0]
	vec.Lin(st.x, vec.Term{C: half.carry, X: src}, vec.Term{C: half.phi(1), X: now})
	if err := s.model.Predict(st.stages[0], st.x, middle.T); err != nil {
		return err
	}
	nodes, w := s.nodes[:2], s.weights[:2]
	nodes[0], nodes[1] = s.in.at(middle), s.past.nodes[0]
	s.predictor.rule(w, nodes, step)
	vec.Lin(dst, vec.Term{C: step.carry, X: src}, vec.Term{C: w[0], X: st.stages[0]}, vec.Term{C: w[1], X: now})
	return nil
}

// started adds to i what a starter costs.
func (i Info) started(s starter) Info {
	i.StartNFE, i.StartSteps = s.evaluations(), s.steps
	return i
}

// finisher is a multistep whose rule holds up to κ = 0.
type finisher struct{ *multistep }

// ReachesClean implements Finisher.
func (finisher) ReachesClean() {}

// checkOrder returns an error unless the order is in the range from 0, which stands for the default, to highest.
func checkOrder(order, highest int) error {
	if order < 0 || order > highest {
		return fmt.Errorf("%w: order is %d, want 1 to %d", ErrParameter, order, highest)
	}
	return nil
}
