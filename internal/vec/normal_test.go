package vec

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Philox against the known answers of its authors (Random123 1.14, kat_vectors, philox4x32 10).
func TestPhilox(t *testing.T) {
	for _, test := range []struct {
		counter [4]uint32
		key     uint64
		want    [4]uint32
	}{
		{[4]uint32{}, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, math.MaxUint64, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		keys := roundKeys(test.key)
		if got := philox(test.counter, &keys); got != test.want {
			t.Errorf("philox(%08x, %016x) = %08x, want %08x", test.counter, test.key, got, test.want)
		}
	}
}

// The polynomials against the standard library: the radius and the angle to a few units in the last place.
func TestBoxMuller(t *testing.T) {
	worst := 0.0
	for i := range uint64(100_000) {
		u, v := i*0x9e3779b97f4a7c15, (i+7)*0xd1b54a32d192ed03
		if i < 64 {
			u, v = math.MaxUint64<<i, 1<<i
		}
		x := 2 - (1 + float64(u>>12)*0x1p-52)
		angle := 2 * math.Pi * math.Mod(float64((v+1<<61)>>10)*0x1p-54-0.125, 1)
		radius := math.Sqrt(-2 * math.Log(x))
		sine, cosine := boxMuller(u, v)
		worst = max(worst, math.Abs(sine-radius*math.Sin(angle)), math.Abs(cosine-radius*math.Cos(angle)))
	}
	// math.Sin of an angle up to 2π, itself rounded: 4e-16 times a radius up to 8.5.
	if !(worst < 8e-15) {
		t.Errorf("boxMuller differs from the formula by %.2g", worst)
	}
}

// A normal depends on its row's number, its place in the row and the draw, and on nothing else.
func TestNormalsAreKeyed(t *testing.T) {
	const rows, dim = 70, 75
	long := make([]float64, rows*dim)
	Normals(long, dim, 2, 11, 5, 100)
	for _, d := range []int{1, 2, 3, 4, 31, 32, 33, 64, 65, 75} {
		for _, lo := range []int{0, 1, 15, 16, 69} {
			part := make([]float64, (rows-lo)*d)
			Normals(part, d, 2, 11, 5, 100+lo)
			for i := range rows - lo {
				if diff := cmp.Diff(long[(lo+i)*dim:][:d], part[i*d:][:d]); diff != "" {
					t.Fatalf("%d elements of row %d, begun at row %d (-long +short):\n%s", d, lo+i, lo, diff)
				}
			}
		}
	}
	// Across the border of the counter's word, where numbers are long enough to have one.
	const edge = math.MaxInt >> 31
	border := make([]float64, 4)
	Normals(border, 2, 1, 3, 4, edge)
	for i := range 2 {
		one := make([]float64, 2)
		Normals(one, 2, 1, 3, 4, edge+i)
		if diff := cmp.Diff(one, border[2*i:][:2]); diff != "" {
			t.Errorf("row %d (-alone +with its neighbour):\n%s", edge+i, diff)
		}
	}
	seen := map[float64]string{}
	for _, c := range []struct {
		seed, draw uint64
		first      int
	}{{0, 0, 0}, {1, 0, 0}, {1 << 32, 0, 0}, {0, 1, 0}, {0, 1 << 32, 0}, {0, 1 << 63, 0}, {0, 0, 1}, {0, 0, edge + 2}, {0, 0, 300 * (edge + 1)}} {
		z := make([]float64, 64)
		Normals(z, 64, 1, c.seed, c.draw, c.first)
		for _, v := range z {
			if was, ok := seen[v]; ok {
				t.Errorf("%+v repeats a normal of %s", c, was)
			}
			seen[v] = fmt.Sprintf("%+v", c)
		}
	}
}

// The law: moments within five standard errors, and Kolmogorov and Smirnov's distance, over elements, over rows and over draws.
func TestNormalsLaw(t *testing.T) {
	const n = 200_000
	along := map[string]func(x []float64){
		"elements": func(x []float64) { Normals(x, n, 1, 1, 2, 3) },
		"rows":     func(x []float64) { Normals(x, 1, 1, 1, 2, 3) },
		"draws": func(x []float64) {
			for i := range x {
				Normals(x[i:i+1], 1, 1, 1, uint64(i), 3)
			}
		},
		"seeds": func(x []float64) {
			for i := range x {
				Normals(x[i:i+1], 1, 1, uint64(i), 2, 3)
			}
		},
	}
	for name, fill := range along {
		x := make([]float64, n)
		fill(x)
		lag := 0.0
		for i := range n - 1 {
			lag += x[i] * x[i+1] / n
		}
		root := math.Sqrt(n)
		for _, m := range []struct {
			what           string
			got, want, std float64
		}{
			{"mean", stat.Mean(x, nil), 0, 1 / root},
			{"variance", stat.Variance(x, nil), 1, math.Sqrt2 / root},
			{"skewness", stat.Skew(x, nil), 0, math.Sqrt(6) / root},
			{"excess kurtosis", stat.ExKurtosis(x, nil), 0, math.Sqrt(24) / root},
			{"correlation of neighbours", lag, 0, 1 / root},
		} {
			if !(math.Abs(m.got-m.want) < 5*m.std) {
				t.Errorf("along %s the %s is %v, want %v within %v", name, m.what, m.got, m.want, 5*m.std)
			}
		}
		slices.Sort(x)
		distance := 0.0
		for i, v := range x {
			p := distuv.UnitNormal.CDF(v)
			distance = max(distance, p-float64(i)/n, float64(i+1)/n-p)
		}
		// The distance exceeds 2.2/√n with probability 2·exp(-2·2.2²) = 1e-4.
		if !(distance < 2.2/root) {
			t.Errorf("along %s the distance of Kolmogorov and Smirnov is %v, want below %v", name, distance, 2.2/root)
		}
	}
}

func BenchmarkNormals(b *testing.B) {
	for _, dim := range []int{1, 2, 3, 64, 65536} {
		b.Run(fmt.Sprintf("dim=%d", dim), func(b *testing.B) {
			x := make([]float64, 65536/dim*dim)
			for b.Loop() {
				Normals(x, dim, 1, 1, 1, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/normal")
		})
	}
}
