package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// TestMain tells benchstat, when benchmarks run, which of their figures are deterministic:
// those it compares from a single run.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		fmt.Println("Unit rmse better=lower assume=exact")
		fmt.Println("Unit nfe/op better=lower assume=exact")
	}
	os.Exit(m.Run())
}

// BenchmarkSample runs every solver at equal numbers of evaluations. ns/elem is the time per
// element and evaluation; rmse is the error of a deterministic solver against the flow.
func BenchmarkSample(b *testing.B) {
	const rows = 64
	for _, name := range []string{"mixture2d", "digits", "digitsnet"} {
		p, err := problem.Builtin(name)
		if err != nil {
			b.Fatal(err)
		}
		x0 := solvers.Prior(p.Schedule, 1, rows, p.Dim)
		ref, err := study.NewReference(context.Background(), p, x0)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range solvers.Catalog() {
			for _, nfe := range []int{10, 50} {
				steps := s.Info().Steps(nfe)
				if steps < 1 {
					continue // one step alone takes more evaluations
				}
				grid, err := solvers.QuadraticGrid{}.Times(p.Schedule, steps)
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("problem=%s/dim=%d/rows=%d/solver=%s/nfe=%d", name, p.Dim, rows, s.Info().Name, nfe), func(b *testing.B) {
					q := p.Problem
					q.Noise = sde.Fresh{Seed: 1}
					x := make([]float64, len(x0))
					var res solvers.Result
					b.ReportAllocs()
					for b.Loop() {
						copy(x, x0)
						var err error
						if res, err = solvers.Sample(context.Background(), s, q, x, &solvers.Settings{Grid: grid}); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(res.NFE), "nfe/op")
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*res.NFE*len(x)), "ns/elem")
					if !s.Info().Stochastic {
						b.ReportMetric(floats.Distance(x, ref.X, 2)/math.Sqrt(float64(len(x))), "rmse")
					}
				})
			}
		}
	}
}

// BenchmarkStep measures what a solver itself costs: steps with a model that only copies.
// ns/elem is the time per element and step.
func BenchmarkStep(b *testing.B) {
	copies := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, _ float64) error {
		copy(dst, x)
		return nil
	})
	for _, elements := range []int{3072, 196608} {
		for _, s := range solvers.Catalog() {
			b.Run(fmt.Sprintf("elements=%d/solver=%s", elements, s.Info().Name), func(b *testing.B) {
				p := solvers.Problem{Schedule: sde.VP{}, Model: copies, Dim: 3072, Noise: sde.Fresh{Seed: 1}}
				st, err := s.Start(p, elements)
				if err != nil {
					b.Fatal(err)
				}
				x0 := solvers.Prior(p.Schedule, 1, elements/p.Dim, p.Dim)
				x := slices.Clone(x0)
				grid, err := solvers.QuadraticGrid{}.Times(p.Schedule, 20)
				if err != nil {
					b.Fatal(err)
				}
				spans := slices.Collect(ode.Spans(grid))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if err := st.Step(x, x, spans[i]); err != nil {
						b.Fatal(err)
					}
					if i++; i == len(spans) {
						i = 0
						copy(x, x0)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*elements), "ns/elem")
			})
		}
	}
}
