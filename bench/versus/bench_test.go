package versus

import (
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
