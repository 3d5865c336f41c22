package solvers

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/sde"
)

// AYSGrid is the table of ten steps in κ that [sabour2024ays] optimized for a network: Model "sd15", the
// zero value, is Stable Diffusion 1.5, "sdxl" is SDXL, and "svd" Stable Video Diffusion. Other numbers of steps
// interpolate log κ linearly in the number of the step, as the authors do.
//
// The ends are those of the schedule, which must have the range of κ of the table, 14.615 to 0.029 or 700 to 0.002,
// within 2%. With clean, time 0 takes the place of the last level.
//
// References:
//
//	[sabour2024ays]
type AYSGrid struct {
	Zero
	Model string `param:"model" values:"sd15|sdxl|svd" about:"the network that the table is for"`
}

var aysTables = map[string][]float64{
	"sd15": {14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029},
	"sdxl": {14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029},
	"svd":  {700, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002},
}

// Name implements Grid.
func (AYSGrid) Name() string { return "ays" }

// About implements Grid.
func (AYSGrid) About() string { return "Align Your Steps, optimized for a network" }

// Times implements Grid.
func (g AYSGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	name := g.Model
	if name == "" {
		name = "sd15"
	}
	levels, ok := aysTables[name]
	if !ok {
		return nil, fmt.Errorf("%w: model is %q, want sd15, sdxl or svd", ErrParameter, g.Model)
	}
	return g.instead(s, steps, func(s sde.Schedule, steps int) ([]float64, error) {
		return Zero{}.place(s, steps, func(tmin, tmax float64) error {
			const within = 0.02
			first, last := levels[0], levels[len(levels)-1]
			kmax, kmin := s.At(tmax).Kappa(), s.At(tmin).Kappa()
			if !(math.Abs(kmax/first-1) <= within && math.Abs(kmin/last-1) <= within) {
				return fmt.Errorf("%w: the table of %s is for kappa from %v to %v, the schedule's runs from %.5g to %.5g",
					ErrUnsuited, name, first, last, kmax, kmin)
			}
			return nil
		}, func(w float64) float64 { return s.Time(-interpolateLog(levels, w)) })
	})
}

// interpolateLog returns the logarithm of levels at the fraction w of the way through, linear between them.
func interpolateLog(levels []float64, w float64) float64 {
	at := w * float64(len(levels)-1)
	i := min(int(at), len(levels)-2)
	r := at - float64(i)
	return math.Log(levels[i])*(1-r) + math.Log(levels[i+1])*r
}
