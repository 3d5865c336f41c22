package versus

import (
	"fmt"
	"strings"
	"testing"
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

// BenchmarkScale is how the cost of a run grows, see Scale.
func BenchmarkScale(b *testing.B) {
	for _, kind := range kinds {
		for _, value := range kind.values {
			s := scale{rows: 1024, dim: 16, components: 64, steps: 20}
			*kind.of(&s) = value
			b.Run(fmt.Sprintf("%s=%d", kind.name, value), func(b *testing.B) {
				once, err := s.start()
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := once(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*value), "ns/"+kind.name)
			})
		}
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
