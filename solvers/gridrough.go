package solvers

import (
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/sde"
)

// RoughGrid has steps of two lengths in turn, every second Ratio times as long as the one before. It does not become
// smooth as it is refined, so a multistep method whose weights are right only for equal steps shows
// itself: it is for certificates, not for sampling. In is the variable of the lengths, "lambda", the zero value, or "time".
type RoughGrid struct {
	Zero
	Ratio float64 `param:"ratio" default:"2" about:"length of every second step over that of the first"`
	In    string  `param:"in" values:"lambda|time" about:"the variable of the lengths"`
}

// Name implements Grid.
func (RoughGrid) Name() string { return "rough" }

// About implements Grid.
func (RoughGrid) About() string { return "steps of lengths 1 and ratio in turn, for certificates" }

// Times implements Grid.
func (g RoughGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	ratio, err := positiveOr("ratio", g.Ratio, 2)
	if err != nil {
		return nil, err
	}
	u, time := sde.Point.Lambda, s.Time
	switch g.In {
	case "", "lambda":
	case "time":
		u = func(p sde.Point) float64 { return p.T }
		time = func(u float64) float64 { return u }
	default:
		return nil, fmt.Errorf("%w: in is %q, want lambda or time", ErrParameter, g.In)
	}
	length := func(i int) float64 { return float64((i+1)/2) + float64(i/2)*ratio } // of the first i steps
	even := steps
	if g.Clean {
		even--
	}
	var from, to float64
	return g.place(s, steps, func(tmin, tmax float64) error {
		from, to = u(s.At(tmax)), u(s.At(tmin))
		return checkRange(from, to, tmax, tmin)
	}, func(w float64) float64 {
		v := length(int(math.Round(w*float64(even)))) / math.Max(length(even), 1)
		return time(from*(1-v) + to*v)
	})
}
