package solvers

import (
	"errors"
	"fmt"
	"math"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/sde"
)

// ErrGrid is wrapped by the errors of grids of times that cannot be used.
var ErrGrid = errors.New("bad grid")

// A Grid places the times of a run. It is a small value, safe for concurrent use.
type Grid interface {
	// Name is the grid's key, such as "lambda".
	Name() string

	// About says how the times lie, in one line.
	About() string

	// Times returns steps+1 times, strictly decreasing, from the noise end of the
	// schedule's domain to the data end, or on to clean data, all exact. It returns an error if steps is less
	// than 1, if a parameter is out of range, or if the precision of the time cannot separate the points.
	Times(s sde.Schedule, steps int) ([]float64, error)
}

// Grids returns the grids in their default settings.
func Grids() []Grid { return []Grid{QuadraticGrid{}, TimeGrid{}, LambdaGrid{}, KarrasGrid{}} }

// Zero is the end policy of a grid: to the schedule's tmin, or on to clean data.
type Zero struct {
	Clean bool `param:"clean" about:"let the last step go to time 0, where no noise is left"`
}

// QuadraticGrid is uniform in √t: steps shrink towards the data. It is the default for
// sampling, on which solvers of several kinds are near their best at small budgets.
type QuadraticGrid struct{ Zero }

// Name implements Grid.
func (QuadraticGrid) Name() string { return "quadratic" }

// About implements Grid.
func (QuadraticGrid) About() string { return "uniform in the square root of time" }

// Times implements Grid.
func (g QuadraticGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.spread(s, steps, func(p sde.Point) float64 { return math.Sqrt(p.T) }, func(u float64) float64 { return u * u })
}

// TimeGrid is uniform in time.
type TimeGrid struct{ Zero }

// Name implements Grid.
func (TimeGrid) Name() string { return "time" }

// About implements Grid.
func (TimeGrid) About() string { return "uniform in time" }

// Times implements Grid.
func (g TimeGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.spread(s, steps, func(p sde.Point) float64 { return p.T }, func(u float64) float64 { return u })
}

// LambdaGrid is uniform in λ, half the log signal-to-noise ratio.
type LambdaGrid struct{ Zero }

// Name implements Grid.
func (LambdaGrid) Name() string { return "lambda" }

// About implements Grid.
func (LambdaGrid) About() string { return "uniform in lambda, half the log signal-to-noise ratio" }

// Times implements Grid.
func (g LambdaGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	return g.spread(s, steps, sde.Point.Lambda, s.Time)
}

// KarrasGrid is uniform in κ^(1/Rho) [karras2022edm, eq. 5].
//
// References:
//
//	[karras2022edm]
type KarrasGrid struct {
	Zero
	Rho float64 `param:"rho" default:"7" about:"how far steps shrink towards the data"`
}

// Name implements Grid.
func (KarrasGrid) Name() string { return "karras" }

// About implements Grid.
func (KarrasGrid) About() string { return "uniform in kappa^(1/rho)" }

// Times implements Grid.
func (g KarrasGrid) Times(s sde.Schedule, steps int) ([]float64, error) {
	rho := g.Rho
	if rho == 0 {
		rho = 7
	}
	if !(rho > 0) || math.IsInf(rho, 1) {
		return nil, fmt.Errorf("%w: rho is %v, want a positive number", ErrParameter, g.Rho)
	}
	return g.spread(s, steps,
		func(p sde.Point) float64 { return math.Pow(p.Kappa(), 1/rho) },
		func(u float64) float64 { return s.Time(-rho * math.Log(u)) })
}

// spread places the points evenly in the variable u, of which time is a function. If the grid ends on clean
// data, its last step is the one from tmin to time 0.
func (z Zero) spread(s sde.Schedule, steps int, u func(sde.Point) float64, time func(float64) float64) ([]float64, error) {
	if steps < 1 {
		return nil, fmt.Errorf("%w: %d steps, want at least 1", ErrGrid, steps)
	}
	if err := checkSchedule(s); err != nil {
		return nil, err
	}
	tmin, tmax := s.Domain()
	grid := make([]float64, steps+1)
	even := steps // steps that are even in u
	if z.Clean {
		even--
	}
	from, to := u(s.At(tmax)), u(s.At(tmin))
	for i := range even + 1 {
		w := float64(i) / math.Max(float64(even), 1)
		grid[i] = time(from*(1-w) + to*w)
	}
	if even > 0 {
		grid[even] = tmin
	}
	grid[0] = tmax
	return grid, CheckGrid(s, grid)
}

// CheckGrid returns an error that wraps ErrGrid unless grid holds at least two times, strictly
// decreasing, in the domain of s. The last may lie below the domain if it is clean data, σ = 0.
func CheckGrid(s sde.Schedule, grid []float64) error {
	if err := ode.CheckGrid(grid); err != nil {
		return fmt.Errorf("%w: %w", ErrGrid, err)
	}
	if grid[1] > grid[0] {
		return fmt.Errorf("%w: it increases from %v to %v; samplers run from noise to data, so the times must decrease", ErrGrid, grid[0], grid[1])
	}
	last := grid[len(grid)-1]
	if EndsClean(s, grid) {
		last = grid[len(grid)-2]
	}
	for i, t := range []float64{grid[0], last} {
		if err := sde.CheckTime(s, t); err != nil {
			return fmt.Errorf("%w: the %s time: %w", ErrGrid, [...]string{"first", "last"}[i], err)
		}
	}
	return nil
}

// EndsClean reports whether the grid ends below the domain at a time where nothing is left of the
// noise. Its last step takes one evaluation, whatever the solver (but see Finisher).
func EndsClean(s sde.Schedule, grid []float64) bool {
	tmin, _ := s.Domain()
	last := grid[len(grid)-1]
	return last >= 0 && last < tmin && s.At(last).Sigma == 0
}
