package sde_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/sde"
)

func TestTreeCheck(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, test := range []struct {
		tree sde.Tree
		ok   bool
	}{
		{sde.Tree{To: 1}, true},
		{sde.Tree{From: 1}, true},
		{sde.Tree{From: 80, To: 1e-3, Leaf: 1e-9}, true},
		{sde.Tree{To: 1, Leaf: 1}, true},
		{sde.Tree{From: 1, To: 2, Leaf: 1e-14}, true},
		{sde.Tree{}, false},
		{sde.Tree{From: 2, To: 2}, false},
		{sde.Tree{To: inf}, false},
		{sde.Tree{From: nan, To: 1}, false},
		{sde.Tree{From: -math.MaxFloat64, To: math.MaxFloat64}, false},
		{sde.Tree{To: 1, Leaf: 1.1}, false},
		{sde.Tree{To: 1, Leaf: -0.1}, false},
		{sde.Tree{To: 1, Leaf: nan}, false},
		{sde.Tree{To: 1, Leaf: inf}, false},
		{sde.Tree{From: 1, To: 2, Leaf: 1e-15}, false},
		{sde.Tree{To: 1, Leaf: 5e-324}, false},
		{sde.Tree{From: 1e9, To: 1e9 + 1e-3}, false}, // times are too coarse for the default
	} {
		err := test.tree.Check()
		if (err == nil) != test.ok || err != nil && !errors.Is(err, sde.ErrTree) {
			t.Errorf("Check of %+v = %v, want an error: %v", test.tree, err, !test.ok)
		}
		from, to := test.tree.From, test.tree.To
		got := test.tree.Path(0, 1, 1).Increment([]float64{0}, from, to)
		if (got == nil) != test.ok || got != nil && !errors.Is(got, sde.ErrTree) {
			t.Errorf("Increment of %+v = %v, want an error: %v", test.tree, got, !test.ok)
		}
	}
}

// The tree refuses what it cannot tell truly.
func TestTreeRefuses(t *testing.T) {
	path := sde.Tree{From: 1, To: 0, Leaf: 1. / 64}.Path(0, 1, 2).(sde.Lasting)
	if got := path.Leaf(); got != 1./64 {
		t.Errorf("Leaf() = %v, want %v", got, 1./64)
	}
	w, h := make([]float64, 2), make([]float64, 2)
	for _, test := range []struct {
		from, to float64
		want     error
	}{
		{0.3, 0.5, nil},
		{0.3, 0.3 + 1./64, nil},
		{0.3, 0.3 + 1./65, sde.ErrLeaf},
		{0.3 + 1./65, 0.3, sde.ErrLeaf},
		{0.5, 0.5 + 1./64, nil},         // a leaf
		{0.5, 0.5 + 1./65, sde.ErrLeaf}, // and a part of it
		{0.3, math.Nextafter(0.3, 1), sde.ErrLeaf},
		{0.3, 0.3, nil},
		{1, 0, nil},
		{-0.1, 0.5, sde.ErrOutside},
		{0.5, -0.1, sde.ErrOutside},
		{1, math.Nextafter(1, 2), sde.ErrOutside},
		{2, 2, sde.ErrOutside},
		{math.NaN(), 0.5, sde.ErrOutside},
		{0.5, math.Inf(-1), sde.ErrOutside},
	} {
		if err := path.Increment(w, test.from, test.to); !errors.Is(err, test.want) {
			t.Errorf("Increment(%v, %v) = %v, want %v", test.from, test.to, err, test.want)
		}
		if err := path.Area(w, h, test.from, test.to); !errors.Is(err, test.want) {
			t.Errorf("Area(%v, %v) = %v, want %v", test.from, test.to, err, test.want)
		}
	}
}

// Leaves themselves are answered for, whatever rounding does to the difference of their ends.
func TestTreeLeavesInTheirLength(t *testing.T) {
	const from, to, leaves = 1e-3, 0.7, 512
	path := sde.Tree{From: from, To: to, Leaf: (to - from) / leaves}.Path(0, 1, 1)
	edge := func(i int) float64 { return from + (to-from)*float64(i)/leaves }
	for i := range leaves - 1 {
		if err := path.Increment([]float64{0}, edge(i), edge(i+1)); err != nil {
			t.Fatalf("leaf %d: %v", i, err)
		}
	}
}

// A shorter leaf, and an interval given the other way round, leave the path where it was at the ends of the longer leaves.
func TestTreeLeaf(t *testing.T) {
	const n = 6
	coarse := sde.Tree{Seed: 3, To: 2, Leaf: 0.25}.Path(0, 2, 3)
	for _, other := range []sde.Tree{{Seed: 3, To: 2}, {Seed: 3, From: 2, Leaf: 1e-3}, {Seed: 3, To: 2, Leaf: 0.249}} {
		path := other.Path(0, 2, 3)
		for _, q := range []interval{{0, 0.25}, {0.75, 0.5}, {0.25, 2}, {0, 2}, {1.75, 0.25}} {
			wantW, wantH := area(t, coarse, n, q.from, q.to)
			w, h := area(t, path, n, q.from, q.to)
			if diff := cmp.Diff([][]float64{wantW, wantH}, [][]float64{w, h}); diff != "" {
				t.Errorf("%+v over %v (-coarse +fine):\n%s", other, q, diff)
			}
		}
	}
}

// Trees of neighbouring seeds, a tree and the independent draws of its seed, and the initial states of that seed, are independent: a
// draw that they had in common would be found in both.
func TestTreeSharesNoDraws(t *testing.T) {
	const n = 2
	seen := map[float64]string{}
	keep := func(name string, scale float64, z ...float64) {
		for _, v := range z {
			key := math.Round(math.Abs(v/scale) * 1e12)
			if other, ok := seen[key]; ok {
				t.Errorf("%s repeats %s: %v", name, other, v)
			}
			seen[key] = name
		}
	}
	for seed := range uint64(3) {
		fresh := sde.Fresh{Seed: seed}
		z := make([]float64, n)
		fresh.Normals(z, 0, n)
		keep("Normals", 1, z...)
		walk := fresh.Path(0, 1, n)
		for k := range 100 {
			w, h := area(t, walk, n, float64(k), float64(k+1))
			keep("Fresh W", 1, w...)
			keep("Fresh H", math.Sqrt(1./12), h...)
		}
		w, h := area(t, sde.Tree{Seed: seed, To: 1}.Path(0, 1, n), n, 0, 1)
		keep("Tree W", 1, w...)
		keep("Tree H", math.Sqrt(1./12), h...)
	}
}

func TestTreeDoesNotAllocate(t *testing.T) {
	const rows, dim = 4, 16
	path := sde.Tree{Seed: 3, To: 1}.Path(0, rows, dim).(sde.SpaceTime)
	w, h, now := make([]float64, rows*dim), make([]float64, rows*dim), 0.0
	if got := testing.AllocsPerRun(100, func() {
		if err := path.Area(w, h, now, now+0.009); err != nil {
			t.Fatal(err)
		}
		if err := path.Increment(w, now, now+0.004); err != nil {
			t.Fatal(err)
		}
		now += 0.009
	}); got != 0 {
		t.Errorf("a query allocates %v times", got)
	}
}

// The time of an increment with H, per normal of its law: a walk of 50 steps for 64 rows of 64 elements.
func BenchmarkPath(b *testing.B) {
	const rows, dim, steps = 64, 64, 50
	grid := make([]float64, steps+1)
	for k := range grid {
		grid[k] = 1 - float64(k)/steps*0.999
	}
	for _, bench := range []struct {
		name  string
		noise sde.Noise
	}{
		{"Fresh", sde.Fresh{}},
		{"GridPath", sde.GridPath{Grid: grid}},
		{"Tree", sde.Tree{From: 0, To: 1}},
		{"Tree,leaf=1e-4", sde.Tree{From: 0, To: 1, Leaf: 1e-4}},
	} {
		b.Run("noise="+bench.name, func(b *testing.B) {
			w, h := make([]float64, rows*dim), make([]float64, rows*dim)
			b.ReportAllocs()
			path := bench.noise.Path(0, rows, dim).(sde.SpaceTime)
			for b.Loop() {
				for k := range steps {
					if err := path.Area(w, h, grid[k], grid[k+1]); err != nil {
						b.Fatal(err)
					}
				}
				if bench.name == "Fresh" {
					path = bench.noise.Path(0, rows, dim).(sde.SpaceTime)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*steps*2*rows*dim), "ns/normal")
		})
	}
}
