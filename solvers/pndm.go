package solvers

import (
	"cmp"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
)

// constantRule combines the predictions with the weights of the Adams–Bashforth method on equal steps, whatever
// the steps are, and takes a step of order 1 with the result.
//
// The error of a step is of order 3 where the steps change smoothly and of order 2 where they do not, so
// the method is of order 2 on smooth grids and 1 on others, for two and more predictions.
func constantRule(w, _ []float64, s segment) {
	row := [...][]float64{
		{1},
		{3. / 2, -1. / 2},
		{23. / 12, -16. / 12, 5. / 12},
		{55. / 24, -59. / 24, 37. / 24, -9. / 24},
	}[len(w)-1]
	for j := range w {
		w[j] = s.toKappa() * row[j]
	}
}

// toKappa returns what multiplies a constant noise prediction, in the form that holds up to κ = 0.
func (s segment) toKappa() float64 { return s.to.Alpha * (s.to.Kappa() - s.from.Kappa()) }

// constantAdams returns the multistep of the rule, to which a start may be added.
func constantAdams(order int) *multistep {
	return &multistep{kind: scoremodel.Epsilon, in: Kappa, predictor: formula{constantRule, order}}
}

// IPNDM is the improved PNDM [zhang2023deis, appendix]: the weights of the Adams method on
// equal steps, applied to any grid, beginning with lower orders. The order is 2 at most, on
// smooth grids, and 1 on grids whose steps alternate. The zero value is of order 4.
//
// References:
//
//	[zhang2023deis], [liu2022pndm]
type IPNDM struct {
	Order int `param:"order" default:"4" about:"number of predictions, 1 to 4"`
}

// Info implements Solver.
func (s IPNDM) Info() Info {
	order := cmp.Or(s.Order, 4)
	return Info{Name: "ipndm", About: "iPNDM, constant Adams weights in noise prediction; of order 1 on rough grids", Order: min(order, 2), NFE: 1,
		Memory: order - 1, Kind: scoremodel.Epsilon, Ref: "zhang2023deis"}
}

// Start implements Solver.
func (s IPNDM) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkOrder(s.Order, 4); err != nil {
		return nil, err
	}
	st, err := constantAdams(cmp.Or(s.Order, 4)).bind(p, n)
	return finisher{st}, err
}

// PLMS is the pseudo linear multistep sampler, PNDM's formula for all steps but the first
// [liu2022pndm, section 3]: constant Adams weights of order 4. It begins as Stable
// Diffusion's does, with the pseudo improved Euler step, one evaluation more, and then orders 2 and 3.
//
// References:
//
//	[liu2022pndm]
type PLMS struct{}

func (PLMS) starter() starter { return starter{steps: 1, tableau: ode.Heun} }

// Info implements Solver.
func (s PLMS) Info() Info {
	return Info{Name: "plms", About: "PLMS, constant Adams weights after an improved Euler step; of order 1 on rough grids", Order: 2, NFE: 1,
		Memory: 3, Kind: scoremodel.Epsilon, Ref: "liu2022pndm"}.started(s.starter())
}

// Start implements Solver.
func (s PLMS) Start(p Problem, n int) (ode.Stepper, error) {
	m := constantAdams(4)
	m.start = s.starter()
	st, err := m.bind(p, n)
	return finisher{st}, err
}

// PNDM is the pseudo numerical method of [liu2022pndm, section 3]: three pseudo Runge–Kutta steps
// of four evaluations, whose stages lie at the middle of the step in time, and then constant Adams weights of order 4.
//
// The weights are those of equal steps: the order is 2 on grids that are smooth, whatever the order
// of the parts, and 1 on others.
//
// References:
//
//	[liu2022pndm]
type PNDM struct{}

func (PNDM) starter() starter { return starter{steps: 3, tableau: ode.RK4, inTime: true} }

// Info implements Solver.
func (s PNDM) Info() Info {
	return Info{Name: "pndm", About: "PNDM, constant Adams weights after three Runge-Kutta steps; of order 1 on rough grids", Order: 2, NFE: 1,
		Memory: 3, Kind: scoremodel.Epsilon, Ref: "liu2022pndm"}.started(s.starter())
}

// Start implements Solver.
func (s PNDM) Start(p Problem, n int) (ode.Stepper, error) {
	m := constantAdams(4)
	m.start = s.starter()
	return m.bind(p, n)
}

// IPNDMV is iPNDM with weights for variable steps, in κ: Adams–Bashforth as in LMS [zhou2024fast]. The zero value is of order 4
// and its weights are the right ones.
//
// The weights of the published code are wrong for order 3 on unequal steps and for order 4 on any:
// their sum is 1 on equal steps only, and on grids whose steps alternate the method
// does not converge. Published takes them, for parity.
//
// References:
//
//	[zhou2024fast], [zhang2023deis]
type IPNDMV struct {
	Order     int  `param:"order" default:"4" about:"1 to 4"`
	Starter   bool `param:"starter" about:"begin with single steps that keep the order"`
	Published bool `param:"published" about:"use the published weights, wrong for orders 3 and 4"`
}

// Info implements Solver.
func (s IPNDMV) Info() Info {
	order := cmp.Or(s.Order, 4)
	i := Info{Name: "ipndmv", About: "iPNDM for variable steps, the Adams method in kappa", NFE: 1, Memory: order - 1,
		Kind: scoremodel.Epsilon, Ref: "zhou2024fast"}.adams(order, s.Starter)
	if s.Published && order == 4 {
		i.Order = 1
	}
	if s.Published && order == 3 {
		i.Order = min(i.Order, 2)
	}
	return i
}

// Start implements Solver.
func (s IPNDMV) Start(p Problem, n int) (ode.Stepper, error) {
	if err := checkOrder(s.Order, 4); err != nil {
		return nil, err
	}
	m := adams(p, scoremodel.Epsilon, Kappa, cmp.Or(s.Order, 4), s.Starter)
	if s.Published {
		m.predictor.rule = publishedIPNDMV
	}
	st, err := m.bind(p, n)
	return finisher{st}, err
}

// publishedIPNDMV is the rule of iPNDM_v in diff-sampler and ComfyUI, errors included.
//
// In Newton's form, with h the step, h_1, h_2, h_3 those before and d_k the k-th divided differences scaled to
// be combinations with the newest prediction's weight 1, the step is m_0 + (h/2h_1)(m_0-m_1) + p·q
// with p the third term and q the fourth. Right are
//
//	p = (1 - h/3(h+h_1))/2 · P,  P = h(h+h_1)/h_1(h_1+h_2)
//	q = [(1 - h/3(h+h_1))/2 - (1 - h/2(h+h_1)) h/6(h+h_1+h_2)] · Q,  Q = h(h+h_1)(h+h_1+h_2)/h_1(h_1+h_2)(h_1+h_2+h_3).
//
// Published is P inside the parenthesis of p, a plus for the minus of q, and h_1/h_2 for h_2/h_3 in the oldest weight.
func publishedIPNDMV(w, nodes []float64, s segment) {
	h := s.to.Kappa() - s.from.Kappa()
	var before [3]float64
	for j := range len(nodes) - 1 {
		before[j] = nodes[j] - nodes[j+1]
	}
	h1, h2, h3 := before[0], before[1], before[2]
	clear(w)
	w[0] = 1
	if len(w) >= 2 {
		w[0] += h / (2 * h1)
		w[1] -= h / (2 * h1)
	}
	if len(w) >= 3 {
		p := (1 - h/(3*(h+h1))*h*(h+h1)/(h1*(h1+h2))) / 2
		w[0] += p
		w[1] -= (1 + h1/h2) * p
		w[2] += h1 / h2 * p
	}
	if len(w) == 4 {
		q := ((1-h/(3*(h+h1)))/2 + (1-h/(2*(h+h1)))*h/(6*(h+h1+h2))) *
			h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
		r := h1 * (h1 + h2) / (h2 * (h2 + h3))
		w[0] += q
		w[1] -= (1 + h1/h2 + r) * q
		w[2] += (h1/h2 + r*(1+h2/h3)) * q
		w[3] -= r * h1 / h2 * q
	}
	for j := range w {
		w[j] *= s.toKappa()
	}
}
