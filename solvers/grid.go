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

// ErrUnsuited means that a grid is not for the schedule, whatever the number of steps. It wraps ErrGrid.
var ErrUnsuited = fmt.Errorf("%w: it is not for this schedule", ErrGrid)

// A Grid places the times of a run. It is a small value, safe for concurrent use.
type Grid interface {
	// Name is the grid's key, such as "lambda".
	Name() string

	// About says how the times lie, in one line.
	About() string

	// Times returns steps+1 times, strictly decreasing, from the noise end of the
	// schedule's domain to the data end, or on to clean data, all exact. (Rules for tables may begin below the
	// noise end.) It returns an error if steps is less than 1, if a parameter is out of range, if the schedule
	// lacks what the grid needs, or if the precision of the time cannot separate the points.
	Times(s sde.Schedule, steps int) ([]float64, error)
}

// Grids returns the grids in their default settings.
func Grids() []Grid {
	return []Grid{QuadraticGrid{}, TimeGrid{}, LambdaGrid{}, KarrasGrid{},
		ExponentialGrid{}, PolyexponentialGrid{}, BetaGrid{}, KLOptimalGrid{}, LaplaceGrid{}, SGMGrid{},
		LinearQuadraticGrid{}, FlowShiftGrid{}, AYSGrid{},
		LeadingGrid{}, LinspaceGrid{}, TrailingGrid{}, SimpleGrid{}, RoughGrid{}}
}

// Zero is the end policy of a grid: to the schedule's tmin, or on to clean data. Schedules that do not
// reach clean data, such as sde.VE, are refused the second.
type Zero struct {
	Clean bool `param:"clean" about:"let the last step go to time 0, where no noise is left"`
}

// spread places the points evenly in the variable u, of which time is a function. If the grid ends on clean
// data, its last step is the one from tmin to time 0.
func (z Zero) spread(s sde.Schedule, steps int, u func(sde.Point) float64, time func(float64) float64) ([]float64, error) {
	var from, to float64
	return z.place(s, steps, func(tmin, tmax float64) error {
		from, to = u(s.At(tmax)), u(s.At(tmin))
		return checkRange(from, to, tmax, tmin)
	}, func(w float64) float64 { return time(from*(1-w) + to*w) })
}

// checkRange returns an error unless the variable of a grid is finite at the ends of the domain.
func checkRange(from, to, tmax, tmin float64) error {
	if d := to - from; d-d != 0 {
		return fmt.Errorf("%w: its variable goes from %v at time %v to %v at time %v, want finite numbers", ErrUnsuited, from, tmax, to, tmin)
	}
	return nil
}

// place places the points at the times of the fractions w = 0, …, 1 of the way from tmax to tmin, evenly
// spaced. If the grid ends on clean data, its last step is the one from tmin to time 0. begin, if not nil, looks at
// the domain first.
func (z Zero) place(s sde.Schedule, steps int, begin func(tmin, tmax float64) error, time func(w float64) float64) ([]float64, error) {
	if err := z.check(s, steps); err != nil {
		return nil, err
	}
	tmin, tmax := s.Domain()
	if begin != nil {
		if err := begin(tmin, tmax); err != nil {
			return nil, err
		}
	}
	grid := make([]float64, steps+1)
	even := steps // steps that are even in w
	if z.Clean {
		even--
	}
	for i := range even + 1 {
		grid[i] = time(float64(i) / math.Max(float64(even), 1))
	}
	if even > 0 {
		grid[even] = tmin
	}
	grid[0] = tmax
	return grid, CheckGrid(s, grid)
}

// end returns the last time of the grid.
func (z Zero) end(s sde.Schedule) float64 {
	if z.Clean {
		return 0
	}
	tmin, _ := s.Domain()
	return tmin
}

// check refuses what no grid can serve.
func (z Zero) check(s sde.Schedule, steps int) error {
	if steps < 1 {
		return fmt.Errorf("%w: %d steps, want at least 1", ErrGrid, steps)
	}
	if err := checkSchedule(s); err != nil {
		return err
	}
	if z.Clean && s.At(0).Sigma != 0 {
		return fmt.Errorf("%w: it would end at time 0, where sigma is %v and the data are not clean", ErrUnsuited, s.At(0).Sigma)
	}
	return nil
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
