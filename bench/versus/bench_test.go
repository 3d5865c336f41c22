package versus

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/solvers"
)

// BenchmarkWork times our side of every work; its figures go to benchstat. Versus has the other side.
func BenchmarkWork(b *testing.B) {
	for _, w := range Works() {
		b.Run("work="+strings.ReplaceAll(w.Name, "/", "-"), func(b *testing.B) {
			once, err := w.start(1)
			if err != nil {
				b.Fatal(err)
			}
			if err := once(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := once(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/w.units, "ns/"+w.Unit)
		})
	}
}

// BenchmarkScale shows how the cost of a run grows: with rows, dimension, components and steps, in ns per product of all four. DDIM on the
// exact score of random normals.
func BenchmarkScale(b *testing.B) {
	base := scale{rows: 1024, dim: 16, components: 64, steps: 20}
	run := func(name string, s scale) {
		b.Run(name, func(b *testing.B) {
			once, err := s.start()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := once(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.rows*s.dim*s.components*s.steps), "ns/unit")
		})
	}
	for _, f := range []int{1, 4, 16, 64} {
		s := base
		s.rows = 64 * f
		run(fmt.Sprintf("rows=%d", s.rows), s)
	}
	for _, f := range []int{1, 4, 16, 64} {
		s := base
		s.dim = 4 * f
		run(fmt.Sprintf("dim=%d", s.dim), s)
	}
	for _, f := range []int{1, 4, 16, 64} {
		s := base
		s.components = 8 * f
		run(fmt.Sprintf("components=%d", s.components), s)
	}
	for _, f := range []int{1, 4, 16} {
		s := base
		s.steps = 10 * f
		run(fmt.Sprintf("steps=%d", s.steps), s)
	}
}

// BenchmarkWorkers shows what a second worker is worth, from short runs to long ones.
func BenchmarkWorkers(b *testing.B) {
	for _, rows := range []int{64, 256, 1024, 4096, 16384} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("rows=%d/workers=%d", rows, workers), func(b *testing.B) {
				once, err := scale{rows: rows, dim: 2, components: 8, steps: 50, workers: workers}.start()
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := once(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// A scale is the size of a run.
type scale struct{ rows, dim, components, steps, workers int }

func (s scale) start() (func(context.Context) error, error) {
	m, err := scoremodel.NewDataset(schedule, normals(s.components*s.dim), s.dim, 0.3)
	if err != nil {
		return nil, err
	}
	p := solvers.Problem{Schedule: schedule, Model: m, Dim: s.dim}
	return sampling(solvers.DDIM{}, p, solvers.TimeGrid{}, s.steps, s.rows, max(s.workers, 1))
}
