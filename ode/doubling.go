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
func Doubling(st Stepper, power float64, n int) Estimator {
	return &doubling{st: st, power: power, difference: make([]float64, n)}
}

type doubling struct {
	st         Stepper
	power      float64
	difference []float64 // of the latest step
}

func (d *doubling) Step(dst, src []float64, at Span) error {
	middle := at.Time(0.5)
	if err := d.st.Step(d.difference, src, Span{From: at.From, To: at.To}); err != nil {
		return err
	}
	if err := d.st.Step(dst, src, Span{From: at.From, To: middle}); err != nil {
		return err
	}
	if err := d.st.Step(dst, dst, Span{From: middle, To: at.To}); err != nil {
		return err
	}
	vec.Lin(d.difference, vec.Term{C: 1, X: d.difference}, vec.Term{C: -1, X: dst})
	return nil
}

// LocalError implements Estimator.
func (d *doubling) LocalError(dst []float64) (float64, error) {
	copy(dst, d.difference)
	return d.power, nil
}
