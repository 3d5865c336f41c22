package sde_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/sde"
)

// increment returns the next increment of w, of n elements.
func increment(t *testing.T, w sde.Brownian, n int, from, to float64) []float64 {
	t.Helper()
	dst := slices.Repeat([]float64{math.NaN()}, n)
	if err := w.Increment(dst, from, to); err != nil {
		t.Fatalf("Increment(%v, %v): %v", from, to, err)
	}
	return dst
}

// A row's path depends on its number alone: not on the batch, not on who simulates it.
func TestFreshRows(t *testing.T) {
	const rows, dim = 5, 3
	intervals := [][2]float64{{1, 0.6}, {0.6, 0.5}, {0.5, 0.1}}
	noise := sde.Fresh{Seed: 7}
	batch := noise.Path(0, rows, dim)
	var alone []sde.Brownian
	for i := range rows {
		alone = append(alone, noise.Path(i, 1, dim))
	}
	tail := noise.Path(2, rows-2, dim)
	for _, at := range intervals {
		all := increment(t, batch, rows*dim, at[0], at[1])
		for i, w := range alone {
			if diff := cmp.Diff(all[i*dim:(i+1)*dim], increment(t, w, dim, at[0], at[1])); diff != "" {
				t.Errorf("row %d over %v (-in the batch +alone):\n%s", i, at, diff)
			}
		}
		if diff := cmp.Diff(all[2*dim:], increment(t, tail, (rows-2)*dim, at[0], at[1])); diff != "" {
			t.Errorf("rows from 2 over %v (-in the batch +in a part of it):\n%s", at, diff)
		}
	}

	all := make([]float64, rows*dim)
	noise.Normals(all, 0, dim)
	for i := range rows {
		got := make([]float64, dim)
		noise.Normals(got, i, dim)
		if diff := cmp.Diff(all[i*dim:(i+1)*dim], got); diff != "" {
			t.Errorf("Normals of row %d (-in the batch +alone):\n%s", i, diff)
		}
	}
}

// The same description gives the same path again, and every path begins anew.
func TestFreshIsDeterministic(t *testing.T) {
	noise := sde.Fresh{Seed: 42}
	first, second := noise.Path(3, 2, 4), noise.Path(3, 2, 4)
	for k := range 5 {
		from, to := float64(k), float64(k+1)
		if diff := cmp.Diff(increment(t, first, 8, from, to), increment(t, second, 8, from, to)); diff != "" {
			t.Errorf("draw %d of two equal paths:\n%s", k, diff)
		}
	}
}

// Every one of seed, row and draw makes other numbers, neighbours and numbers with many
// zero bits included. Among 8000 vectors of two normals a coincidence has a chance of 1e-11.
func TestFreshDependsOnAll(t *testing.T) {
	seen := map[[2]float64]string{}
	keep := func(z []float64, format string, args ...any) {
		key, name := [2]float64(z), fmt.Sprintf(format, args...)
		if other, ok := seen[key]; ok {
			t.Errorf("%s repeats %s: %v", name, other, key)
		}
		seen[key] = name
	}
	z := make([]float64, 2)
	for _, seed := range []uint64{0, 1, 2, 3, 1 << 32, 1 << 63, 0x9e3779b97f4a7c15, math.MaxUint64} {
		for _, row := range []int{0, 1, 2, 3, 7, 255, 256, 65536, 1 << 30, math.MaxInt} {
			w := sde.Fresh{Seed: seed}.Path(row, 1, 2)
			sde.Fresh{Seed: seed}.Normals(z, row, 2)
			keep(z, "seed %d, row %d, Normals", seed, row)
			for k := range 100 {
				keep(increment(t, w, 2, float64(k), float64(k+1)), "seed %d, row %d, draw %d", seed, row, k)
			}
		}
	}
}

// An increment is a standard normal times the root of the interval's length, whichever
// way the interval runs.
func TestFreshScale(t *testing.T) {
	noise := sde.Fresh{Seed: 3}
	z := increment(t, noise.Path(0, 2, 2), 4, 0, 1)
	for _, at := range [][2]float64{{1, 0}, {0.25, 0}, {0, 0.25}, {7, 3}, {-1, 15}, {0.5, 0.5}} {
		root := math.Sqrt(math.Abs(at[1] - at[0]))
		want := make([]float64, len(z))
		for i := range want {
			want[i] = root * z[i]
		}
		if diff := cmp.Diff(want, increment(t, noise.Path(0, 2, 2), 4, at[0], at[1])); diff != "" {
			t.Errorf("Increment over %v (-root of the length times the normals +got):\n%s", at, diff)
		}
	}
}

// distanceToNormal returns Kolmogorov's statistic √n·sup|F_n - Φ| of a sample. For a sample
// that is normal it exceeds c with probability 2exp(-2c²).
func distanceToNormal(sample []float64) float64 {
	x := slices.Sorted(slices.Values(sample))
	n, d := float64(len(x)), 0.0
	for i, v := range x {
		phi := math.Erfc(-v/math.Sqrt2) / 2
		d = max(d, phi-float64(i)/n, float64(i+1)/n-phi)
	}
	return math.Sqrt(n) * d
}

// notNormal is the statistic that one sample in 30,000 exceeds. The seeds are fixed, so a
// test that passes once passes always.
const notNormal = 2.35

func TestDistanceToNormal(t *testing.T) {
	// Negative controls: what must not pass for standard normals.
	const n = 100_000
	z := make([]float64, n)
	sde.Fresh{Seed: 1}.Normals(z, 0, n)
	for _, test := range []struct {
		name   string
		mutate func(float64) float64
	}{
		{"standard deviation of 1.05", func(v float64) float64 { return 1.05 * v }},
		{"mean of 0.03", func(v float64) float64 { return v + 0.03 }},
		{"absolute values", math.Abs},
		{"tails cut at 2", func(v float64) float64 { return math.Max(-2, math.Min(2, v)) }},
	} {
		x := make([]float64, n)
		for i, v := range z {
			x[i] = test.mutate(v)
		}
		if got := distanceToNormal(x); !(got > notNormal) {
			t.Errorf("normals with %s: Kolmogorov's statistic = %.2f, want more than %v", test.name, got, notNormal)
		}
	}
}

// The samples of the statistical tests, 100,000 normals each: what varies is in the name.
func samples(t *testing.T) map[string][]float64 {
	const n = 100_000
	all := map[string][]float64{}

	z := make([]float64, n)
	sde.Fresh{Seed: 1}.Normals(z, 0, n)
	all["elements of a row"] = z

	z = make([]float64, n)
	sde.Fresh{Seed: 1}.Normals(z, 0, 1)
	all["rows"] = z

	z = nil
	for w := (sde.Fresh{Seed: 1}).Path(0, 1, 1); len(z) < n; {
		k := float64(len(z))
		z = append(z, increment(t, w, 1, k, k+1)...)
	}
	all["draws"] = z

	z = make([]float64, n)
	for seed := range z {
		sde.Fresh{Seed: uint64(seed)}.Normals(z[seed:seed+1], 0, 1)
	}
	all["seeds"] = z

	z = nil
	for w := (sde.Fresh{Seed: 9}).Path(100, 10, 10); len(z) < n; {
		k := float64(len(z))
		z = append(z, increment(t, w, 100, k, k+1)...)
	}
	all["all of them"] = z
	return all
}

// Whatever the numbers run over, they are normal and independent of their neighbours, and
// so are their squares: a generator seeded badly shows in one of these.
func TestFreshIsNormal(t *testing.T) {
	for name, z := range samples(t) {
		n := float64(len(z))
		squares := make([]float64, len(z))
		for i, v := range z {
			squares[i] = v * v
		}
		// In standard deviations of the estimates: the moments of z have the variances 1, 2, 15, 96.
		for _, test := range []struct {
			name       string
			got, scale float64
		}{
			{"mean", stat.Mean(z, nil), 1},
			{"variance - 1", stat.MomentAbout(2, z, 0, nil) - 1, math.Sqrt(2)},
			{"third moment", stat.MomentAbout(3, z, 0, nil), math.Sqrt(15)},
			{"fourth moment - 3", stat.MomentAbout(4, z, 0, nil) - 3, math.Sqrt(96)},
			{"correlation with the next", stat.Correlation(z[:len(z)-1], z[1:], nil), 1},
			{"correlation with the one after", stat.Correlation(z[:len(z)-2], z[2:], nil), 1},
			{"correlation of squares", stat.Correlation(squares[:len(z)-1], squares[1:], nil), 1},
		} {
			if sigmas := math.Abs(test.got) * math.Sqrt(n) / test.scale; !(sigmas <= 5) {
				t.Errorf("normals over %s: %s = %.5f, %.1f standard deviations from 0", name, test.name, test.got, sigmas)
			}
		}
		if got := distanceToNormal(z); !(got <= notNormal) {
			t.Errorf("normals over %s: Kolmogorov's statistic = %.2f, want at most %v", name, got, notNormal)
		}
	}
}

// The same positions in the streams of two rows, draws or seeds are independent.
func TestFreshStreamsAreIndependent(t *testing.T) {
	const n = 100_000
	stream := func(seed uint64, row, draw int) []float64 {
		w := sde.Fresh{Seed: seed}.Path(row, 1, n)
		for k := range draw {
			increment(t, w, n, float64(k), float64(k+1))
		}
		return increment(t, w, n, -2, -1)
	}
	for _, test := range []struct {
		name string
		a, b []float64
	}{
		{"neighbouring rows", stream(1, 0, 0), stream(1, 1, 0)},
		{"rows that differ in a high bit", stream(1, 0, 0), stream(1, 1<<30, 0)},
		{"draws", stream(1, 0, 0), stream(1, 0, 1)},
		{"a draw of one row and the next draw of the next", stream(1, 5, 1), stream(1, 6, 2)},
		{"neighbouring seeds", stream(0, 0, 0), stream(1, 0, 0)},
		{"seed and row exchanged", stream(3, 5, 0), stream(5, 3, 0)},
	} {
		var squareA, squareB []float64
		for i := range test.a {
			squareA, squareB = append(squareA, test.a[i]*test.a[i]), append(squareB, test.b[i]*test.b[i])
		}
		for name, r := range map[string]float64{
			"values":  stat.Correlation(test.a, test.b, nil),
			"squares": stat.Correlation(squareA, squareB, nil),
		} {
			if sigmas := math.Abs(r) * math.Sqrt(n); !(sigmas <= 5) {
				t.Errorf("%s: correlation of %s = %.5f, %.1f standard deviations from 0", test.name, name, r, sigmas)
			}
		}
	}
}

// A path without memory must not give nested increments, which it would make independent.
func TestFreshOverlap(t *testing.T) {
	for _, test := range []struct {
		name      string
		intervals [][2]float64 // the last one is in question
		overlaps  bool
	}{
		{"first", [][2]float64{{1, 0.5}}, false},
		{"first, from 0", [][2]float64{{0, 0.5}}, false},
		{"adjacent, down", [][2]float64{{1, 0.5}, {0.5, 0.2}}, false},
		{"adjacent, up", [][2]float64{{0, 0.5}, {0.5, 1}}, false},
		{"apart", [][2]float64{{1, 0.5}, {0.4, 0.3}}, false},
		{"a jump back", [][2]float64{{0.5, 0.4}, {1, 0.9}}, false},
		{"the same again", [][2]float64{{1, 0.5}, {1, 0.5}}, true},
		{"a retry, shorter", [][2]float64{{1, 0.5}, {1, 0.7}}, true},
		{"a retry, longer", [][2]float64{{1, 0.7}, {1, 0.5}}, true},
		{"a retry, longer, up", [][2]float64{{0, 0.3}, {0, 0.5}}, true},
		{"nested", [][2]float64{{1, 0}, {0.7, 0.3}}, true},
		{"overlapping", [][2]float64{{1, 0.5}, {0.7, 0.2}}, true},
		{"overlapping by a little", [][2]float64{{1, 0.5}, {math.Nextafter(0.5, 1), 0.2}}, true},
		{"turned round", [][2]float64{{1, 0.5}, {0.5, 1}}, false}, // as churning does
		{"turned round, further", [][2]float64{{0.5, 0.4}, {0.4, 0.9}}, false},
		{"turned twice", [][2]float64{{1, 0.5}, {0.5, 0.8}, {0.8, 0.3}}, false},
		{"empty within", [][2]float64{{1, 0.5}, {0.7, 0.7}}, false},
	} {
		w := sde.Fresh{Seed: 1}.Path(0, 1, 2)
		last := len(test.intervals) - 1
		for _, at := range test.intervals[:last] {
			increment(t, w, 2, at[0], at[1])
		}
		at := test.intervals[last]
		err := w.Increment(make([]float64, 2), at[0], at[1])
		if errors.Is(err, sde.ErrOverlap) != test.overlaps || !test.overlaps && err != nil {
			t.Errorf("%s: Increment over %v after %v = %v, want ErrOverlap: %v", test.name, at, test.intervals[:last], err, test.overlaps)
		}
	}
}

// An increment that was refused is not part of the path.
func TestFreshRefusalLeavesNoTrace(t *testing.T) {
	w, clean := sde.Fresh{Seed: 1}.Path(0, 1, 2), sde.Fresh{Seed: 1}.Path(0, 1, 2)
	increment(t, w, 2, 1, 0.5)
	increment(t, clean, 2, 1, 0.5)
	if err := w.Increment(make([]float64, 2), 1, 0.2); err == nil {
		t.Fatal("an overlapping increment was given")
	}
	if diff := cmp.Diff(increment(t, clean, 2, 0.5, 0.2), increment(t, w, 2, 0.5, 0.2)); diff != "" {
		t.Errorf("the next increment (-clean +after a refusal):\n%s", diff)
	}
}

// Initial states are of the same law as the path and independent of it.
func TestNormals(t *testing.T) {
	noise := sde.Fresh{Seed: 11}
	z := slices.Repeat([]float64{math.NaN()}, 6)
	noise.Normals(z, 4, 3)
	again := make([]float64, 6)
	noise.Normals(again, 4, 3)
	if diff := cmp.Diff(z, again); diff != "" {
		t.Errorf("Normals twice:\n%s", diff)
	}
	noise.Normals(nil, 0, 3) // no rows are no work
	for _, test := range []struct{ n, dim int }{{5, 3}, {2, 3}, {3, 0}, {3, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Normals of %d elements in rows of %d did not panic", test.n, test.dim)
				}
			}()
			noise.Normals(make([]float64, test.n), 0, test.dim)
		}()
	}
}

func TestReplay(t *testing.T) {
	// Two draws of three rows of two.
	noise := sde.Replay{Draws: [][]float64{
		{1, 2, 3, 4, 5, 6},
		{-1, -2, -3, -4, -5, -6},
	}}
	w, part, second := noise.Path(0, 3, 2), noise.Path(1, 2, 2), noise.Path(1, 1, 2)
	for _, test := range []struct {
		w        sde.Brownian
		from, to float64
		want     []float64
	}{
		{w, 1, 0.75, []float64{0.5, 1, 1.5, 2, 2.5, 3}},
		{w, 0, 4, []float64{-2, -4, -6, -8, -10, -12}},
		{part, 0, 1, []float64{3, 4, 5, 6}},
		{part, 0, 1, []float64{-3, -4, -5, -6}}, // draws are given in order, whatever the interval
		{second, 0, 1, []float64{3, 4}},
	} {
		if diff := cmp.Diff(test.want, increment(t, test.w, len(test.want), test.from, test.to)); diff != "" {
			t.Errorf("Increment(%v, %v) (-want +got):\n%s", test.from, test.to, diff)
		}
	}
	if err := w.Increment(make([]float64, 6), 0, 1); !errors.Is(err, sde.ErrNoMoreDraws) {
		t.Errorf("the third of two draws: %v, want %v", err, sde.ErrNoMoreDraws)
	}
	if got := increment(t, noise.Path(0, 1, 2), 2, 0, 1); got[0] != 1 {
		t.Errorf("a new path begins with %v, want the first draw", got)
	}
	if err := (sde.Replay{}).Path(0, 1, 2).Increment(make([]float64, 2), 0, 1); !errors.Is(err, sde.ErrNoMoreDraws) {
		t.Errorf("Replay of nothing: %v, want %v", err, sde.ErrNoMoreDraws)
	}
}

// A recording of fewer rows than the batch has is an error, not a panic or a batch that
// is partly without noise.
func TestReplayTooShort(t *testing.T) {
	noise := sde.Replay{Draws: [][]float64{{1, 2, 3, 4}, {5, 6, 7}}}
	w := noise.Path(0, 2, 2)
	increment(t, w, 4, 0, 1)
	if err := w.Increment(make([]float64, 4), 1, 2); err == nil {
		t.Error("a draw of 3 values for 2 rows of 2 gives no error")
	}
	if err := noise.Path(2, 1, 2).Increment(make([]float64, 2), 0, 1); err == nil {
		t.Error("a draw of 2 rows gives no error for row 2")
	}
}

// A state of other rows than the path's is the programmer's mistake.
func TestIncrementPanicsOnLength(t *testing.T) {
	for name, noise := range map[string]sde.Noise{
		"Fresh":    sde.Fresh{},
		"Replay":   sde.Replay{Draws: [][]float64{{1, 2, 3, 4, 5, 6}}},
		"GridPath": sde.GridPath{Grid: []float64{0, 1}},
		"Tree":     sde.Tree{To: 1},
	} {
		for _, n := range []int{0, 3, 5, 8} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: Increment of %d elements for 2 rows of 2 did not panic", name, n)
					}
				}()
				noise.Path(0, 2, 2).Increment(make([]float64, n), 0, 1)
			}()
		}
	}
}

func TestIncrementDoesNotAllocate(t *testing.T) {
	const rows, dim = 4, 16
	draws := make([][]float64, 200)
	for k := range draws {
		draws[k] = make([]float64, rows*dim)
	}
	for name, noise := range map[string]sde.Noise{"Fresh": sde.Fresh{}, "Replay": sde.Replay{Draws: draws}} {
		w, dst, now := noise.Path(0, rows, dim), make([]float64, rows*dim), 0.0
		got := testing.AllocsPerRun(100, func() {
			if err := w.Increment(dst, now, now+1); err != nil {
				t.Fatal(err)
			}
			now++
		})
		if got != 0 {
			t.Errorf("%s: Increment allocates %v times", name, got)
		}
	}
}
