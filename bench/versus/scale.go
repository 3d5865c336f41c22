package versus

import (
	"context"
	"fmt"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Size is how long a run of one size takes by how long the smallest of its kind does. It is plain data.
type Size struct {
	Kind    string  `json:"kind"` // what grows: rows, dimension, components or steps
	Value   int     `json:"value"`
	Seconds float64 `json:"seconds"`
	Factor  float64 `json:"factor"` // of the value, by the smallest of the kind
	Cost    float64 `json:"cost"`   // of the time, by that of the smallest
}

// Scale times runs of DDIM on the exact score of random normals that grow in one way at a time, one worker, the median of the rounds. tick is called after each size.
func Scale(ctx context.Context, rounds int, tick func(what string)) (out []Size, err error) {
	clock := newClock(1)
	for _, kind := range kinds {
		first := len(out)
		for _, value := range kind.values {
			s := scale{rows: 1024, dim: 16, components: 64, steps: 20}
			*kind.of(&s) = value
			once, err := s.start()
			if err != nil {
				return out, err
			}
			var times []float64
			for range rounds + 1 {
				seconds, err := round(ctx, clock, once, 1)
				if err != nil {
					return out, err
				}
				times = append(times, seconds)
			}
			size := Size{Kind: kind.name, Value: value, Seconds: median(times[1:])} // the first round sets up
			out = append(out, size)
			out[len(out)-1].Factor = float64(value) / float64(out[first].Value)
			out[len(out)-1].Cost = size.Seconds / out[first].Seconds
			tick(fmt.Sprintf("%s %d", kind.name, value))
		}
	}
	return out, nil
}

// Sizes returns the number of sizes that Scale times.
func Sizes() int {
	n := 0
	for _, kind := range kinds {
		n += len(kind.values)
	}
	return n
}

var kinds = []struct {
	name   string
	values []int
	of     func(*scale) *int
}{
	{"rows", []int{64, 128, 256, 512, 1024, 2048, 4096, 8192}, func(s *scale) *int { return &s.rows }},
	{"dimension", []int{4, 8, 16, 32, 64, 128, 256, 512}, func(s *scale) *int { return &s.dim }},
	{"components", []int{8, 16, 32, 64, 128, 256, 512, 1024}, func(s *scale) *int { return &s.components }},
	{"steps", []int{5, 10, 20, 40, 80, 160, 320, 640}, func(s *scale) *int { return &s.steps }},
}

// A scale is the size of a run.
type scale struct{ rows, dim, components, steps, workers int }

// start returns a run of that size.
func (s scale) start() (func(context.Context) error, error) {
	m, err := scoremodel.NewDataset(schedule, normals(s.components*s.dim), s.dim, 0.3)
	if err != nil {
		return nil, err
	}
	p := solvers.Problem{Schedule: schedule, Model: m, Dim: s.dim}
	return sampling(solvers.DDIM{}, p, solvers.TimeGrid{}, s.steps, s.rows, max(s.workers, 1))
}
