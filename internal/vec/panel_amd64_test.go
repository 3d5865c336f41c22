//go:build !noasm

package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The kernels of panels and of exp give the bits of their twins, with ordinary numbers and with special ones.
func TestPanelKernelsEqualTwins(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 16, 63, 64, 65, 200} {
			for _, odd := range []bool{false, true} {
				a, b := state(rng, n*TileRows, odd), state(rng, n*PanelRows, odd)
				var bias [TileRows]float64
				copy(bias[:], state(rng, TileRows, odd))
				for _, start := range []*[TileRows]float64{&bias, nil} {
					want := state(rng, TileRows*PanelRows, false)
					got := append([]float64(nil), want...)
					productTwin(want, a, b, start)
					product(got, a, b, start)
					compare(t, fmt.Sprintf("product of %d", n), want, got)
					want = state(rng, narrowRows*PanelRows, false)
					got = append([]float64(nil), want...)
					productTwin(want, a, b, start)
					narrow(got, a, b, start)
					compare(t, fmt.Sprintf("narrow product of %d", n), want, got)
				}
				var list []int32
				for k := range n {
					if rng.IntN(3) > 0 {
						list = append(list, int32(k))
					} else {
						clear(b[k*PanelRows:][:PanelRows])
					}
				}
				room := make([]int32, n)
				if got := room[:nonzero(room, b)]; !odd && fmt.Sprint(got) != fmt.Sprint(list) {
					t.Errorf("nonzero = %v, want %v", got, list)
				}
				if twin := make([]int32, n); nonzeroTwin(twin, b) != nonzero(room, b) {
					t.Errorf("nonzero and its twin differ on %v", b)
				}
				if len(list) > 0 {
					want := state(rng, TileRows*PanelRows, false)
					got := append([]float64(nil), want...)
					listedTwin(want, a, b, list)
					listed(got, a, b, list)
					compare(t, fmt.Sprintf("listed product of %d of %d", len(list), n), want, got)
				}
				var half, top, wantTop, sum, wantSum, gained, wantGained [PanelRows]float64
				copy(half[:], state(rng, PanelRows, odd))
				offset, gain := state(rng, n, odd), state(rng, n, odd)
				want := state(rng, n*PanelRows, odd)
				got := append([]float64(nil), want...)
				logitsTwin(want, offset, gain, 0.7, &half, &wantTop)
				logits(got, offset, gain, 0.7, &half, &top)
				compare(t, "logits", want, got)
				compare(t, "top", wantTop[:], top[:])
				for _, floor := range []float64{ExpFloor, -2} {
					want, got := append([]float64(nil), want...), append([]float64(nil), got...)
					weightsTwin(want, gain, &wantTop, floor, &wantSum, &wantGained)
					weights(got, gain, &top, floor, &sum, &gained)
					compare(t, "weights", want, got)
					compare(t, "sums", wantSum[:], sum[:])
					compare(t, "sums with gain", wantGained[:], gained[:])
				}
			}
		}
		for _, n := range lengths() {
			x := state(rng, n, true)
			for i := range x {
				x[i] *= 100
				if x[i] > expCeiling {
					x[i] = -x[i]
				}
			}
			want, got := make([]float64, n), state(rng, n, false)
			guard := append([]float64(nil), got[n:cap(got)]...)
			expTwin(want, x, ExpFloor)
			exp(got, x, ExpFloor)
			compare(t, "exp", want, got)
			compare(t, "past the end of exp", guard, got[n:cap(got)])
		}
	})
}

// A packed product is the product, and leaving zeros out changes no bit.
func TestPackedProduct(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		for _, rows := range []int{1, 2, 8, 13} {
			for _, inner := range []int{1, 2, 64, 128, 129, 300} {
				a, x := state(rng, rows*inner, false), state(rng, PanelRows*inner, false)
				for i := range x {
					if rng.IntN(2) == 0 || i%inner%3 == 0 {
						x[i] = 0
					}
				}
				b := make([]float64, inner*PanelRows)
				ToPanel(b, x, inner)
				p := Pack(a, rows, inner)
				got, sparse := make([]float64, p.PaddedRows()*PanelRows), make([]float64, p.PaddedRows()*PanelRows)
				p.Times(got, b)
				list := Nonzero(make([]int32, inner), b)
				if inner > 2 && len(list) > inner*2/3+1 {
					t.Fatalf("%d of %d terms listed, a third are zero", len(list), inner)
				}
				p.TimesListed(sparse, b, list)
				compare(t, "TimesListed", got, sparse)
				for i := range rows {
					for s := range PanelRows {
						want := 0.0
						for k := range inner {
							want = math.FMA(a[i*inner+k], x[s*inner+k], want)
						}
						if !sameBits(want, got[i*PanelRows+s]) {
							t.Fatalf("%d × %d: element %d of row %d = %v, want %v", rows, inner, i, s, got[i*PanelRows+s], want)
						}
					}
				}
			}
		}
	})
}

// A panel of fewer rows has zeros for the others.
func TestToPanel(t *testing.T) {
	panel := make([]float64, 2*PanelRows)
	for i := range panel {
		panel[i] = math.NaN()
	}
	ToPanel(panel, []float64{1, 2, 3, 4, 5, 6}, 2)
	want := make([]float64, 2*PanelRows)
	copy(want, []float64{1, 3, 5})
	copy(want[PanelRows:], []float64{2, 4, 6})
	compare(t, "ToPanel", want, panel)
	for _, dim := range []int{1, 2, 3} {
		for _, rows := range []int{1, 7, PanelRows} {
			x := state(rand.New(rand.NewPCG(5, 6)), rows*dim, false)
			panel, back := make([]float64, dim*PanelRows), make([]float64, rows*dim)
			ToPanel(panel, x, dim)
			FromPanel(back, panel, dim)
			compare(t, fmt.Sprintf("%d rows of %d there and back", rows, dim), x, back)
			if panel[(dim-1)*PanelRows+rows-1] != x[rows*dim-1] {
				t.Errorf("ToPanel of %d rows of %d puts the last element elsewhere", rows, dim)
			}
		}
	}
}

func BenchmarkPanelLevels(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	defer func() { active = best }()
	const components, dim = 1797, 64
	a, x := state(rng, components*dim, false), state(rng, PanelRows*dim, false)
	forward, back := Pack(a, components, dim), Pack(a, dim, components)
	panel, p, out := make([]float64, dim*PanelRows), make([]float64, forward.PaddedRows()*PanelRows), make([]float64, dim*PanelRows)
	gain, bias := make([]float64, components), state(rng, components, false)
	for i := range gain {
		gain[i] = 1
	}
	list := make([]int32, forward.PaddedRows())
	var half, top, sum, gained [PanelRows]float64
	for active = plain; active <= best; active++ {
		report := func(b *testing.B, what float64, unit string) {
			b.ReportMetric(what*float64(b.N)/float64(b.Elapsed().Nanoseconds()), unit)
		}
		ToPanel(panel, x, dim)
		b.Run("times/level="+active.String(), func(b *testing.B) {
			for b.Loop() {
				forward.Times(p, panel)
			}
			report(b, 2*components*dim*PanelRows, "GFLOP/s")
		})
		b.Run("logits/level="+active.String(), func(b *testing.B) {
			for b.Loop() {
				Logits(p, bias, gain, 0.1, &half, &top)
			}
			report(b, components*PanelRows, "elem/ns")
		})
		b.Run("weights/level="+active.String(), func(b *testing.B) {
			for b.Loop() {
				Weights(p, gain, &top, ExpFloor, &sum, &gained)
			}
			report(b, components*PanelRows, "elem/ns")
		})
		forward.Times(p, panel)
		b.Run("back/level="+active.String(), func(b *testing.B) {
			for b.Loop() {
				back.Times(out, p)
			}
			report(b, 2*components*dim*PanelRows, "GFLOP/s")
		})
		b.Run("backlisted/level="+active.String(), func(b *testing.B) {
			for b.Loop() {
				back.TimesListed(out, p, Nonzero(list, p[:components*PanelRows]))
			}
			report(b, 2*components*dim*PanelRows, "GFLOP/s")
		})
	}
}

// The kernels of normals give the bits of their twin.
func TestNormalKernelsEqualTwin(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 12))
		for range 200 {
			keys := roundKeys(rng.Uint64())
			low, high, draw := rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64)
			stepLow, stepHigh := uint64(rng.IntN(2)), uint64(rng.IntN(2))
			want, got := make([]float64, 3*normalBlock), make([]float64, 3*normalBlock)
			normalsTwin(want, &keys, low, high, stepLow, stepHigh, draw, 0.3)
			normals(got, &keys, low, high, stepLow, stepHigh, draw, 0.3)
			compare(t, fmt.Sprintf("normals of (%d, %d, %d)", low, high, draw), want, got)
		}
	})
}
