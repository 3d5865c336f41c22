package scheduler

import (
	"fmt"
	"math"
	"strings"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

func buildDPMSolverSinglestep(r *Run) error {
	c := r.config
	sigmas, timesteps, t, err := r.lambdaLevels()
	if err != nil {
		return err
	}
	r.Sigmas, r.Timesteps = append(sigmas, r.end(t)), timesteps
	order, n := c.whole("solver_order"), len(timesteps)
	lower := c.flag("lower_order_final")
	for _, replaced := range []struct {
		when bool
		why  string
	}{
		{n%order != 0, fmt.Sprintf("the number of steps, %d, is not a multiple of solver_order", n)},
		{c.text("final_sigmas_type") == "zero", `final_sigmas_type is "zero"`},
	} {
		if !lower && replaced.when {
			r.Warnings = append(r.Warnings, "lower_order_final is false, and the class makes it true, for "+replaced.why)
			lower = true
		}
	}
	r.Warnings = append(r.Warnings, "each of the timesteps is one evaluation; solver_order of them make a step of that order, whose stages lie where the grid has its levels")
	orders := singlestepOrders(n, order, lower)
	if c.text("final_sigmas_type") == "zero" {
		orders[n-1] = 1
	}
	if err := r.climb(vp, r.Sigmas, timesteps, t); err != nil {
		return err
	}
	base := 0
	bases := make([]int, n)
	for i, o := range orders {
		if o == 1 {
			base = i
		}
		bases[i] = base
		for k := base + 1; k <= i+1 && o > 1; k++ {
			if r.Sigmas[k] == r.Sigmas[base] || k <= i && r.Sigmas[k] == r.Sigmas[k-1] {
				return fmt.Errorf("%w: levels %d and %d are the same, and its step of order %d divides by their distance", ErrBroken, k-1, k, o)
			}
		}
	}
	return r.stepped(func(i int) (int, int) { return orders[i], bases[i] }, true)
}

// singlestepOrders returns the order of each evaluation: 1, 2, 3, 1, 2, 3 and so on, an end of lower order.
func singlestepOrders(n, order int, lower bool) []int {
	var orders []int
	rest := n
	if lower && order > 1 && n%order == 0 {
		rest = n - order // the last group is one of order-1, and one of 1
	}
	for i := range rest {
		orders = append(orders, i%order+1)
	}
	for i := range n - rest {
		orders = append(orders, min(i, order-2)+1)
	}
	if n > rest {
		orders[n-1] = 1
	}
	return orders
}

// stepped makes the run one of DPM-Solver steps of the orders, and for single steps from the levels, that plan says for
// each.
func (r *Run) stepped(plan func(i int) (order, base int), single bool) error {
	c := r.config
	l := r.Problem.Schedule.(*ladder)
	algorithm := c.text("algorithm_type")
	f := formula{data: strings.HasSuffix(algorithm, "++"), sde: strings.HasPrefix(algorithm, "sde"), heun: c.text("solver_type") == "heun"}
	kind := scoremodel.Epsilon
	if f.data {
		kind = scoremodel.Data
	}
	info := solvers.Info{Name: "dpmsolver", About: "as " + c.Class + " does it", NFE: 1, Stochastic: f.sde, Kind: kind}
	r.Solver = method{info, func(p solvers.Problem, size int) (ode.Stepper, error) {
		st := &dpmStepper{formula: f, levels: l, plan: plan, single: single, model: scoremodel.As(p.Model, kind, p.Schedule), base: make([]float64, size)}
		for i := range st.past {
			st.past[i] = make([]float64, size)
		}
		var err error
		if f.sde {
			st.normals, err = newNormals(p, size)
		}
		return st, err
	}}
	if f.sde && c.whole("solver_order") == 3 {
		r.Warnings = append(r.Warnings, "solver_order 3 of "+algorithm+" has a wrong sign in the weight of the second derivative")
	}
	return nil
}

// formula is a step of the DPM-Solver family as the classes write it. See solvers.DPMSolver for the deterministic ones.
type formula struct{ data, sde, heun bool }

// weights of a step: of the state, of the prediction, of the first derivative in λ over the step as the classes weight it at
// order 2 and at order 3, of the second derivative, and of the noise.
type weights struct{ carry, first, slope, exactSlope, curve, noise float64 }

func (f formula) weights(from, to sde.Point) weights {
	h := sde.H(from, to)
	var w weights
	switch {
	case f.data && !f.sde:
		e := math.Expm1(-h)
		w = weights{carry: to.Sigma / from.Sigma, first: -to.Alpha * e, exactSlope: to.Alpha * (e/h + 1), curve: -to.Alpha * ((e+h)/(h*h) - 0.5)}
	case !f.data && !f.sde:
		e := math.Expm1(h)
		w = weights{carry: to.Alpha / from.Alpha, first: -to.Sigma * e, exactSlope: -to.Sigma * (e/h - 1), curve: -to.Sigma * ((e-h)/(h*h) - 0.5)}
	case f.data:
		e := -math.Expm1(-2 * h)
		// Note: the exact weight of the second derivative, in these units, is (e-2h)/(2h)² + 1/2, twice of which is half of what is needed.
		w = weights{carry: to.Sigma / from.Sigma * math.Exp(-h), first: to.Alpha * e, exactSlope: to.Alpha * (1 - e/(2*h)),
			curve: to.Alpha * ((e-2*h)/(4*h*h) - 0.5), noise: to.Sigma * math.Sqrt(e)}
	default:
		e := math.Expm1(h)
		w = weights{carry: to.Alpha / from.Alpha, first: -2 * to.Sigma * e, exactSlope: -2 * to.Sigma * (e/h - 1), noise: to.Sigma * math.Sqrt(math.Expm1(2*h))}
	}
	w.slope = w.first / 2
	if f.heun {
		w.slope = w.exactSlope
	}
	return w
}

type dpmStepper struct {
	formula
	levels  *ladder
	plan    func(i int) (order, base int)
	single  bool
	model   scoremodel.Model
	past    [3][]float64 // predictions, newest first
	base    []float64    // the state from which a single step goes
	normals *normals
}

// ReachesClean implements solvers.Finisher: the last step is of order 1.
func (*dpmStepper) ReachesClean() {}

func (s *dpmStepper) Step(dst, src []float64, at ode.Span) error {
	i := at.Index
	order, from := s.plan(i)
	s.past[0], s.past[1], s.past[2] = s.past[2], s.past[0], s.past[1]
	if err := s.model.Predict(s.past[0], src, at.From); err != nil {
		return err
	}
	start := src
	if s.single {
		if order == 1 {
			copy(s.base, src)
		}
		start = s.base
	}
	level := func(i int) sde.Point { return s.levels.levels[i] }
	w := s.weights(level(from), level(i+1))
	h := sde.H(level(from), level(i+1))
	var m [3]float64 // weights of the predictions
	// The predictions lie at θ = (λ - λ_from)/h.
	theta := func(k int) float64 { return sde.H(level(from), level(i-k)) / h }
	switch {
	case order == 1:
		m[0] = w.first
	case order == 2 && s.single: // the constant is the older prediction
		d := w.slope / theta(0)
		m[0], m[1] = d, w.first-d
	case order == 2:
		d := -w.slope / theta(1)
		m[0], m[1] = w.first+d, -d
	case s.single:
		// D1_1 = (m0 - m2)/r0 alone, or the derivatives of the quadratic through all three.
		r0, r1 := theta(0), theta(1)
		if !s.heun {
			m[0], m[2] = w.exactSlope/r0, w.first-w.exactSlope/r0
			break
		}
		a := -w.exactSlope*r1/(r0-r1) + 2*w.curve/(r0-r1) // of (m0-m2)/r0
		b := w.exactSlope*r0/(r0-r1) - 2*w.curve/(r0-r1)  // of (m1-m2)/r1
		m[0], m[1], m[2] = a/r0, b/r1, w.first-a/r0-b/r1
	default:
		r0, r1 := -theta(1), theta(1)-theta(2)
		a := w.exactSlope*(1+r0/(r0+r1)) + w.curve/(r0+r1) // of (m0-m1)/r0
		b := -w.exactSlope*r0/(r0+r1) - w.curve/(r0+r1)    // of (m1-m2)/r1
		m[0], m[1], m[2] = w.first+a/r0, b/r1-a/r0, -b/r1
	}
	terms := [5]vec.Term{{C: w.carry, X: start}}
	n := 1
	for k := range order {
		terms[n] = vec.Term{C: m[k], X: s.past[k]}
		n++
	}
	if s.normals != nil {
		z, err := s.normals.draw(at)
		if err != nil {
			return err
		}
		terms[n] = vec.Term{C: w.noise, X: z}
		n++
	}
	vec.Lin(dst, terms[:n]...)
	return nil
}
