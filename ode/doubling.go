package ode

import "github.com/diffsolve/diffsolve/internal/vec"

// Doubling makes an Estimator of a one-step method for states of n elements, by step doubling: a step is two half steps of st, and its
// estimate of the error is their difference from one whole step, which vanishes with the given power of the length. For a method
// of order p that is p + 1, for a stochastic one of strong order p it is p + 1/2. The estimate is that of the whole step; the
// halves, which are more accurate, are propagated.
//
// Each of the three steps is the first of a trajectory to st: a method with a memory is not for doubling. It costs
// three times what st does.
//
// A stochastic method must see the same path in the whole step and in its halves; see sde.Tableau.Estimator.
//
// The result is a Counter if st is one.
func Doubling(st Stepper, power float64, n int) Estimator {
	d := &doubling{st: st, power: power, difference: make([]float64, n)}
	if c, ok := st.(Counter); ok {
		return &countedDoubling{d, c}
	}
	return d
}

type doubling struct {
	st         Stepper
	power      float64
	difference []float64 // of the latest step
}

func (d *doubling) Step(dst, src []float64, at Span) error {
	whole, first, second := inHalves(at)
	if err := d.st.Step(d.difference, src, whole); err != nil {
		return err
	}
	if err := d.st.Step(dst, src, first); err != nil {
		return err
	}
	if err := d.st.Step(dst, dst, second); err != nil {
		return err
	}
	vec.Lin(d.difference, vec.Term{C: 1, X: d.difference}, vec.Term{C: -1, X: dst})
	return nil
}

// inHalves returns a span and its halves, each as the first step of a trajectory.
func inHalves(at Span) (whole, first, second Span) {
	middle := at.Time(0.5)
	return Span{From: at.From, To: at.To}, Span{From: at.From, To: middle}, Span{From: middle, To: at.To}
}

// LocalError implements Estimator.
func (d *doubling) LocalError(dst []float64) (float64, error) {
	copy(dst, d.difference)
	return d.power, nil
}

// countedDoubling is a doubling of a Stepper that counts.
type countedDoubling struct {
	*doubling
	counter Counter
}

func (d *countedDoubling) NFE() int { return d.counter.NFE() }

func (d *countedDoubling) Cost(at Span, _ bool) int {
	whole, first, second := inHalves(at)
	return d.counter.Cost(whole, false) + d.counter.Cost(first, false) + d.counter.Cost(second, false)
}
