package quality

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Neighbours is the number of nearest real samples that vote on the class of a sample.
const Neighbours = 3

// votes returns the share of samples whose nearest real ones are not of one class, and of those asked for a class that the
// majority of them, or else the nearest, do not have. between holds squared distances. The standard error of a share p is √(p(1-p)/n).
func votes(between *mat.Dense, classes []int, class func(i int) (int, bool)) (split, wrong *Estimate) {
	n, _ := between.Dims()
	divided, asked, missed := 0, 0, 0
	for i := range n {
		near := nearest(between.RawRowView(i))
		vote := [Neighbours]int{}
		for k, j := range near {
			vote[k] = classes[j]
		}
		if vote[0] != vote[1] || vote[0] != vote[2] {
			divided++
		}
		winner := vote[0]
		if vote[1] == vote[2] {
			winner = vote[1]
		}
		if class == nil {
			continue
		}
		if c, ok := class(i); ok {
			asked++
			if c != winner {
				missed++
			}
		}
	}
	split = share(divided, n)
	if asked > 0 {
		wrong = share(missed, asked)
	}
	return split, wrong
}

func share(part, n int) *Estimate {
	p := float64(part) / float64(n)
	return &Estimate{p, math.Sqrt(p * (1 - p) / float64(n))}
}

// nearest returns the places of the least values, the least first.
func nearest(d []float64) (at [Neighbours]int) {
	least := [Neighbours]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
	for j, v := range d {
		for k := range least {
			if v < least[k] {
				copy(least[k+1:], least[k:])
				copy(at[k+1:], at[k:])
				least[k], at[k] = v, j
				break
			}
		}
	}
	return at
}
