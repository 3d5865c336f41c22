package scoremodel_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

const (
	// unit is the unit round-off, the relative error of rounding a number to float64.
	unit = 0x1p-53

	// conversionUnits bounds the error of a conversion in units of reach: rounding the two inputs
	// costs 1, the determinant and a numerator 2 each, a quotient 1, scaling to or from a score 2, and the
	// sum of two products 2.
	conversionUnits = 10
)

var kinds = []scoremodel.Kind{scoremodel.Epsilon, scoremodel.Score, scoremodel.Data, scoremodel.Velocity, scoremodel.Flow}

// straight is the schedule of flow matching, x = (1-t)x₀ + tε. Unlike those of package sde it
// goes all the way: no noise is left at t = 0, no signal at t = 1.
type straight struct{}

func (straight) At(t float64) sde.Point {
	return sde.Point{T: t, Alpha: 1 - t, Sigma: t, DAlpha: -1, DSigma: 1}
}
func (straight) Time(lambda float64) float64  { return 1 / (1 + math.Exp(lambda)) }
func (straight) Domain() (tmin, tmax float64) { return 0, 1 }

func ddpm(t testing.TB) *sde.Discrete {
	t.Helper()
	d, err := sde.NewDiscrete(sde.LinearBetas(1000, 1e-4, 0.02))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// normals returns n standard normals.
func normals(seed uint64, n int) []float64 {
	z := make([]float64, n)
	sde.Fresh{Seed: seed}.Normals(z, 0, 1)
	return z
}

// approx accepts a difference of relative times the smaller number, or absolute if that is more.
func approx(relative, absolute float64) cmp.Option {
	return cmpopts.EquateApprox(relative, absolute)
}

// bits is for comparisons in which every bit counts, the sign of zero included.
func bits(x []float64) []uint64 {
	b := make([]uint64, len(x))
	for i, v := range x {
		b[i] = math.Float64bits(v)
	}
	return b
}

// predict returns what m predicts, or ends the test.
func predict(t testing.TB, m scoremodel.Model, x []float64, at float64) []float64 {
	t.Helper()
	dst := slices.Repeat([]float64{math.NaN()}, len(x)) // must be overwritten, not added to
	if err := m.Predict(dst, x, at); err != nil {
		t.Fatalf("Predict(%v, %v): %v", x, at, err)
	}
	return dst
}

// constant returns a model that predicts the values, over and over, whatever the state.
func constant(k scoremodel.Kind, values ...float64) scoremodel.Model {
	return scoremodel.Func(k, func(dst, x []float64, t float64) error {
		for i := range dst {
			dst[i] = values[i%len(values)]
		}
		return nil
	})
}

// allocations returns the allocations of a call of f that follows others. The garbage collector
// empties pools, so it rests meanwhile. Under the race detector a sync.Pool drops items on
// purpose, so there the test is skipped.
func allocations(t *testing.T, f func()) float64 {
	t.Helper()
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector empties pools")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	return testing.AllocsPerRun(100, f)
}

// sum returns a·b + c·d + ... exactly.
func sum(factors ...float64) *big.Rat {
	total := new(big.Rat)
	for i := 0; i < len(factors); i += 2 {
		total.Add(total, new(big.Rat).Mul(rational(factors[i]), rational(factors[i+1])))
	}
	return total
}

func rational(v float64) *big.Rat { return new(big.Rat).SetFloat64(v) }

func rounded(r *big.Rat) float64 {
	v, _ := r.Float64()
	return v
}

// definition returns the exact value of a prediction, given what x is made of.
func definition(k scoremodel.Kind, p sde.Point, x0, eps float64) *big.Rat {
	switch k {
	case scoremodel.Epsilon:
		return rational(eps)
	case scoremodel.Score:
		return new(big.Rat).Quo(rational(-eps), rational(p.Sigma))
	case scoremodel.Data:
		return rational(x0)
	case scoremodel.Velocity:
		return sum(p.Alpha, eps, -p.Sigma, x0)
	case scoremodel.Flow:
		return sum(p.DAlpha, x0, p.DSigma, eps)
	}
	panic(k)
}

// parts returns the coefficients of x₀ and ε in a prediction.
func parts(k scoremodel.Kind, p sde.Point) (data, noise float64) {
	switch k {
	case scoremodel.Epsilon:
		return 0, 1
	case scoremodel.Score:
		return 0, -1 / p.Sigma
	case scoremodel.Data:
		return 1, 0
	case scoremodel.Velocity:
		return -p.Sigma, p.Alpha
	case scoremodel.Flow:
		return p.DAlpha, p.DSigma
	}
	panic(k)
}

// magnitude returns the size of a prediction: its parts, none of which cancels.
func magnitude(k scoremodel.Kind, p sde.Point, x0, eps float64) float64 {
	data, noise := parts(k, p)
	return math.Abs(data*x0) + math.Abs(noise*eps)
}

// reach returns the size of what a conversion adds up. An error of one unit in x, in m or in the
// schedule moves the result by as much times unit: no algorithm can do better.
func reach(from, to scoremodel.Kind, p sde.Point, x, m float64) float64 {
	fd, fn := parts(from, p)
	td, tn := parts(to, p)
	det := math.Abs(p.Alpha*fn - p.Sigma*fd)
	a := (math.Abs(td*fn) + math.Abs(tn*fd)) / det
	b := (math.Abs(p.Alpha*tn) + math.Abs(p.Sigma*td)) / det
	return math.Abs(a*x) + math.Abs(b*m)
}

// A conversion is one prediction seen as another, of a state made of x0 and eps.
type conversion struct {
	schedule sde.Schedule
	t        float64
	from, to scoremodel.Kind
	x0, eps  float64
}

func (c conversion) String() string {
	return fmt.Sprintf("%v as %v under %T at t=%v of x0=%v, eps=%v", c.from, c.to, c.schedule, c.t, c.x0, c.eps)
}

// run returns the conversion, what it should be, its error against the exact definition,
// and its reach.
func (c conversion) run(t testing.TB) (got, want, err, r float64) {
	t.Helper()
	p := c.schedule.At(c.t)
	x, m := rounded(sum(p.Alpha, c.x0, p.Sigma, c.eps)), rounded(definition(c.from, p, c.x0, c.eps))
	exact := definition(c.to, p, c.x0, c.eps)
	got = predict(t, scoremodel.As(constant(c.from, m), c.to, c.schedule), []float64{x}, c.t)[0]
	if got-got != 0 {
		t.Fatalf("%v = %v, want %v", c, got, rounded(exact))
	}
	return got, rounded(exact), math.Abs(rounded(new(big.Rat).Sub(rational(got), exact))), reach(c.from, c.to, p, x, m)
}

// samples are pairs of x₀ and ε of all relative sizes, and of the same size with either sign.
var samples = [][2]float64{{0.3, -0.7}, {0.3, 0.7}, {-1.1, 0.9}, {0, 1}, {1, 0}, {1, 1}, {1, -1}, {1e-6, 1}, {1, 1e-6}, {1e8, -2}, {3, -1e8}}

func TestConversions(t *testing.T) {
	worst := 0.0
	for _, s := range []sde.Schedule{sde.VP{}, sde.Cosine{}, ddpm(t), straight{}} {
		tmin, tmax := s.Domain()
		for _, at := range []float64{max(tmin, 1e-9), 0.0105, 0.1, 0.5, 0.75, 0.9, min(tmax, 1-1e-9)} {
			for _, from := range kinds {
				for _, to := range kinds {
					for _, v := range samples {
						c := conversion{s, at, from, to, v[0], v[1]}
						got, want, err, reach := c.run(t)
						if !(err <= conversionUnits*unit*reach) {
							t.Errorf("%v = %v, want %v: the error is %.3g units of what is added up, want at most %v",
								c, got, want, err/unit/reach, conversionUnits)
						}
						if reach > 0 {
							worst = max(worst, err/unit/reach)
						}
					}
				}
			}
		}
	}
	t.Logf("largest error: %.2f units", worst)
}

// Near the data the state is the sample, so that everything follows from whatever knows the
// noise; near pure noise it is the other way round. Those conversions must not lose a digit of the result
// itself, however near the end.
func TestConversionsAtTheEnds(t *testing.T) {
	const e, s, d, v, f = scoremodel.Epsilon, scoremodel.Score, scoremodel.Data, scoremodel.Velocity, scoremodel.Flow
	type pairs map[scoremodel.Kind][]scoremodel.Kind // from, to
	nearData := pairs{e: kinds, s: kinds, d: {d}, v: kinds, f: kinds}
	nearNoise := pairs{e: {e, s}, s: {e, s}, d: kinds, v: kinds, f: kinds}
	worst := 0.0
	for _, c := range []struct {
		schedule sde.Schedule
		t        float64
		pairs    pairs
	}{
		{sde.VP{}, 1e-3, nearData},
		{sde.VP{}, 1e-12, nearData},
		{sde.VP{}, 1, nearNoise},
		{sde.VP{}, 6, nearNoise}, // alpha is 3e-79
		{sde.Cosine{}, 1e-3, nearData},
		{sde.Cosine{}, 1e-12, nearData},
		{sde.Cosine{}, 0.9946, nearNoise},
		{sde.Cosine{}, 1 - 1e-12, nearNoise},
		{ddpm(t), 1e-3, nearData},
		{ddpm(t), 1, nearNoise},
		{straight{}, 1e-12, nearData},
		{straight{}, 1 - 1e-12, nearNoise},
	} {
		for from, tos := range c.pairs {
			for _, to := range tos {
				for _, v := range [][2]float64{{0.3, -0.7}, {0.8, 0.6}, {-1.9, -1.1}, {1, -1}} {
					conv := conversion{c.schedule, c.t, from, to, v[0], v[1]}
					got, want, err, reach := conv.run(t)
					size := magnitude(to, c.schedule.At(c.t), v[0], v[1])
					if reach > 8*size {
						t.Errorf("%v adds up %.3g times its result: the table is wrong", conv, reach/size)
					}
					if !(err <= 2*conversionUnits*unit*size) {
						t.Errorf("%v = %v, want %v: the relative error is %.3g, want at most %.3g", conv, got, want, err/size, 2*conversionUnits*unit)
					}
					worst = max(worst, err/size)
				}
			}
		}
	}
	t.Logf("largest relative error: %.2g", worst)
}

// There and back is the identity, as exactly as the way there allows.
func TestConversionsRoundTrip(t *testing.T) {
	for _, s := range []sde.Schedule{sde.VP{}, sde.Cosine{}, ddpm(t), straight{}} {
		for _, at := range []float64{1e-3, 0.1, 0.5, 0.9, 0.99} {
			for _, from := range kinds {
				for _, to := range kinds {
					for i, x := range normals(1, 10) {
						checkRoundTrip(t, s, at, from, to, x, normals(2, 10)[i])
					}
				}
			}
		}
	}
}

func checkRoundTrip(t *testing.T, s sde.Schedule, at float64, from, to scoremodel.Kind, x, m float64) {
	t.Helper()
	there := predict(t, scoremodel.As(constant(from, m), to, s), []float64{x}, at)[0]
	back := predict(t, scoremodel.As(constant(to, there), from, s), []float64{x}, at)[0]
	// An error on the way there comes back through the second conversion.
	p := s.At(at)
	out, home := reach(from, to, p, x, m), reach(to, from, p, x, there)
	through := out * home / math.Max(math.Abs(there), math.SmallestNonzeroFloat64)
	if bound := conversionUnits * unit * (home + through); !(math.Abs(back-m) <= bound) && through-through == 0 {
		t.Errorf("%v to %v and back under %T at t=%v, x=%v: got %v, want %v within %.3g", from, to, s, at, x, back, m, bound)
	}
}

func FuzzConversions(f *testing.F) {
	f.Add(uint8(0), uint8(2), 1e-3, 0.5, -0.25)
	f.Add(uint8(1), uint8(4), 1.0, 3e7, 1e-9)
	f.Add(uint8(3), uint8(0), 0.31, -1.0, 1.0)
	f.Add(uint8(2), uint8(3), 0.9946, 0.0, 1e90)
	f.Add(uint8(4), uint8(3), 0.0625, 1e-90, -1e-90)
	f.Fuzz(func(t *testing.T, from, to uint8, at, x0, eps float64) {
		for _, v := range []float64{x0, eps} {
			// The laws are relative, so they end where numbers overflow or lose digits.
			if size := math.Abs(v); !(size == 0 || size > 1e-100 && size < 1e100) {
				t.Skip()
			}
		}
		for _, s := range []sde.Schedule{sde.VP{}, sde.Cosine{}} {
			if sde.CheckTime(s, at) != nil {
				continue
			}
			c := conversion{s, at, kinds[from%5], kinds[to%5], x0, eps}
			if got, want, err, reach := c.run(t); !(err <= conversionUnits*unit*reach) {
				t.Errorf("%v = %v, want %v", c, got, want)
			}
			checkRoundTrip(t, s, at, c.from, c.to, x0, eps)
		}
	})
}

// The five rows ε = a·x + b·m, from which all else follows, in the form in which papers give them.
func TestCoefficients(t *testing.T) {
	for _, s := range []sde.Schedule{sde.VP{}, sde.Cosine{}, straight{}} {
		for _, at := range []float64{0.1, 0.4, 0.9} {
			p := s.At(at)
			norm := p.Alpha*p.Alpha + p.Sigma*p.Sigma
			for _, c := range []struct {
				from scoremodel.Kind
				a, b float64
			}{
				{scoremodel.Epsilon, 0, 1},
				{scoremodel.Score, 0, -p.Sigma},
				{scoremodel.Data, 1 / p.Sigma, -p.Alpha / p.Sigma},
				{scoremodel.Velocity, p.Sigma / norm, p.Alpha / norm},
				{scoremodel.Flow, -p.F() / (p.DSigma - p.F()*p.Sigma), 1 / (p.DSigma - p.F()*p.Sigma)},
			} {
				a, b := scoremodel.Coefficients(c.from, scoremodel.Epsilon, p)
				if diff := cmp.Diff([2]float64{c.a, c.b}, [2]float64{a, b}, approx(20*unit, 0)); diff != "" {
					t.Errorf("Coefficients(%v, epsilon, %T at %v) (-want +got):\n%s", c.from, s, at, diff)
				}
			}
		}
	}
}

func TestConversionsThatDoNotExist(t *testing.T) {
	const e, s, d, v, f = scoremodel.Epsilon, scoremodel.Score, scoremodel.Data, scoremodel.Velocity, scoremodel.Flow
	type pair struct{ from, to scoremodel.Kind }
	for _, c := range []struct {
		name     string
		schedule sde.Schedule
		t        float64
		missing  []pair
	}{
		// The state is the noise: what knows only the noise knows nothing of the sample. ε and the score are one.
		{"no signal", straight{}, 1, []pair{{e, d}, {e, v}, {e, f}, {s, d}, {s, v}, {s, f}}},
		// The state is the sample: what knows only the sample knows nothing of the noise, and the
		// score, -ε/σ, is nowhere. A model that knows it nevertheless says that ε = -σ·score is 0.
		{"no noise", straight{}, 0, []pair{{d, e}, {d, v}, {d, f}, {e, s}, {d, s}, {v, s}, {f, s}}},
		// Moreover σ grows like √t from here, so that the drift is infinite.
		{"no noise, infinite drift", sde.VP{}, 0, []pair{{d, e}, {d, v}, {e, s}, {d, s}, {v, s},
			{e, f}, {s, f}, {d, f}, {v, f}, {f, e}, {f, s}, {f, d}, {f, v}}},
	} {
		for _, from := range kinds {
			for _, to := range kinds {
				p := c.schedule.At(c.t)
				x0, eps, m := 0.3, -0.7, 0.0
				if from == s && p.Sigma == 0 {
					eps, m = 0, 5
				} else if from != f || p.DSigma-p.DSigma == 0 {
					m = rounded(definition(from, p, x0, eps))
				}
				calls := 0
				view := scoremodel.As(scoremodel.Func(from, func(dst, x []float64, t float64) error {
					calls++
					dst[0] = m
					return nil
				}), to, c.schedule)
				dst := []float64{42}
				err := view.Predict(dst, []float64{p.Alpha*x0 + p.Sigma*eps}, c.t)
				if slices.Contains(c.missing, pair{from, to}) {
					if err == nil || calls != 0 || dst[0] != 42 {
						t.Errorf("%s: %v as %v: error %v, %d calls of the model, wrote %v; want an error before all else", c.name, from, to, err, calls, dst[0])
					} else if msg := err.Error(); !strings.Contains(msg, from.String()) || !strings.Contains(msg, to.String()) {
						t.Errorf("%s: %v as %v: error %q does not name the kinds", c.name, from, to, msg)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v as %v: %v", c.name, from, to, err)
					continue
				}
				want := m
				if from != to {
					want = rounded(definition(to, p, x0, eps))
				}
				if !(math.Abs(dst[0]-want) <= 4*unit) {
					t.Errorf("%s: %v as %v = %v, want %v", c.name, from, to, dst[0], want)
				}
			}
		}
	}
}

func TestAs(t *testing.T) {
	for _, from := range kinds {
		m := &scoremodel.Counter{Model: constant(from, 1)}
		for _, to := range kinds {
			view := scoremodel.As(m, to, sde.VP{})
			if got := view.Kind(); got != to {
				t.Errorf("As(%v model, %v).Kind() = %v", from, to, got)
			}
			if same := view == scoremodel.Model(m); same != (from == to) {
				t.Errorf("As(%v model, %v) is the model itself: %v, want %v", from, to, same, from == to)
			}
		}
	}
}

func TestAsCallsTheModelOnce(t *testing.T) {
	m := &scoremodel.Counter{Model: scoremodel.Func(scoremodel.Data, func(dst, x []float64, at float64) error {
		if at != 0.25 {
			t.Errorf("the model is called at t=%v, want 0.25", at)
		}
		for i, v := range x {
			dst[i] = v / 2
		}
		return nil
	})}
	x := []float64{1, -2, 3, 0.5}
	p := sde.VP{}.At(0.25)
	var want []float64
	for _, v := range x {
		want = append(want, (v-p.Alpha*v/2)/p.Sigma)
	}
	got := predict(t, scoremodel.As(m, scoremodel.Epsilon, sde.VP{}), x, 0.25)
	if diff := cmp.Diff(want, got, approx(20*unit, 0)); diff != "" {
		t.Errorf("epsilon of x0 = x/2 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{1, -2, 3, 0.5}, x); diff != "" {
		t.Errorf("the state was modified (-want +got):\n%s", diff)
	}
	if m.NFE() != 1 {
		t.Errorf("NFE = %d, want 1", m.NFE())
	}
}

var errNetwork = errors.New("the network is down")

func failing(k scoremodel.Kind) scoremodel.Model {
	return scoremodel.Func(k, func(dst, x []float64, t float64) error { return errNetwork })
}

func TestErrorsPassThrough(t *testing.T) {
	for _, c := range []struct {
		name string
		m    scoremodel.Model
	}{
		{"Func", failing(scoremodel.Data)},
		{"As", scoremodel.As(failing(scoremodel.Data), scoremodel.Flow, sde.VP{})},
		{"Counter", &scoremodel.Counter{Model: failing(scoremodel.Data)}},
		{"Float32", scoremodel.Float32(scoremodel.Data, func(dst, x []float32, t float32) error { return errNetwork })},
	} {
		if err := c.m.Predict(make([]float64, 2), make([]float64, 2), 0.5); !errors.Is(err, errNetwork) {
			t.Errorf("%s: error %v, want one that is %v", c.name, err, errNetwork)
		}
	}
}

func TestAsDoesNotAllocate(t *testing.T) {
	x, dst := normals(1, 64), make([]float64, 64)
	for _, to := range kinds {
		m := scoremodel.As(constant(scoremodel.Data, 1), to, sde.VP{})
		if n := allocations(t, func() { m.Predict(dst, x, 0.5) }); n != 0 {
			t.Errorf("data as %v: %v allocations", to, n)
		}
	}
}

// A model seen as Flow is the probability flow. RK4 then converges to the exact flow with order 4,
// and its errors are those that another program found: numerics.md, section 4.3.
func TestFlowOfGaussianHasOrderFour(t *testing.T) {
	g := gaussian(t, sde.VP{}, scoremodel.Component{Mean: []float64{1}, Variance: 0.25})
	x := []float64{-1.7, -0.9, -0.2, 0.3, 0.8, 1.9}
	exact := make([]float64, len(x))
	g.FlowMap(exact, x, 1, 1e-3)
	published := map[int]float64{16: 4.501e-5, 64: 1.364e-7}
	var logN, logErr []float64
	for n := 16; n <= 256; n *= 2 {
		err := flowError(t, g, ode.RK4, x, exact, n)
		if want, ok := published[n]; ok && math.Abs(err-want) > 6e-4*want {
			t.Errorf("%d steps: error %.4g, want %.4g", n, err, want)
		}
		logN, logErr = append(logN, math.Log(float64(n))), append(logErr, math.Log(err))
	}
	for i := 1; i < len(logN); i++ {
		if order := (logErr[i-1] - logErr[i]) / math.Ln2; !(order > 3.7 && order < 4.5) {
			t.Errorf("from %.0f steps to twice as many the order is %.2f, want 4", math.Exp(logN[i-1]), order)
		}
	}
}

// flowError integrates the probability flow of m from t = 1 to 1e-3 with n equal steps and returns
// the largest error.
func flowError(t *testing.T, m scoremodel.Model, tab ode.Tableau, x, exact []float64, n int) float64 {
	t.Helper()
	grid := make([]float64, n+1)
	for i := range grid {
		w := float64(i) / float64(n)
		grid[i] = (1 - w) + 1e-3*w
	}
	y := slices.Clone(x)
	flow := scoremodel.As(m, scoremodel.Flow, sde.VP{})
	if _, err := ode.Integrate(context.Background(), tab.Stepper(flow.Predict, len(y)), y, grid, nil); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i, v := range y {
		worst = max(worst, math.Abs(v-exact[i]))
	}
	return worst
}

func TestKindText(t *testing.T) {
	for k, name := range map[scoremodel.Kind]string{
		scoremodel.Epsilon:  "epsilon",
		scoremodel.Score:    "score",
		scoremodel.Data:     "data",
		scoremodel.Velocity: "velocity",
		scoremodel.Flow:     "flow",
	} {
		text, err := k.MarshalText()
		if string(text) != name || err != nil || k.String() != name {
			t.Errorf("%d: MarshalText() = %q, %v and String() = %q, want %q", int(k), text, err, k.String(), name)
		}
		back := scoremodel.Kind(-1)
		if err := back.UnmarshalText([]byte(name)); back != k || err != nil {
			t.Errorf("UnmarshalText(%q) = %v, %v, want %v", name, back, err, k)
		}
	}
	for _, name := range []string{"", "Epsilon", "epsilon ", "noise", "Kind(0)"} {
		k := scoremodel.Data
		if err := k.UnmarshalText([]byte(name)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) || !strings.Contains(err.Error(), "velocity") {
			t.Errorf("UnmarshalText(%q): error %v, want one that says what it got and what it wants", name, err)
		}
		if k != scoremodel.Data {
			t.Errorf("UnmarshalText(%q) failed and yet wrote %v", name, k)
		}
	}
	for k, want := range map[scoremodel.Kind]string{5: "Kind(5)", 99: "Kind(99)", -1: "Kind(-1)"} {
		if got := k.String(); got != want {
			t.Errorf("Kind(%d).String() = %q, want %q", int(k), got, want)
		}
	}
}

func TestUnknownKindPanics(t *testing.T) {
	for _, pair := range [][2]scoremodel.Kind{{99, 0}, {0, 99}, {99, scoremodel.Score}, {scoremodel.Score, 99}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Coefficients(%v, %v) did not panic", pair[0], pair[1])
				}
			}()
			scoremodel.Coefficients(pair[0], pair[1], sde.VP{}.At(0.5))
		}()
	}
}

func TestCounter(t *testing.T) {
	fail := false
	c := &scoremodel.Counter{Model: scoremodel.Func(scoremodel.Velocity, func(dst, x []float64, t float64) error {
		if fail {
			return errNetwork
		}
		copy(dst, x)
		return nil
	})}
	if c.Kind() != scoremodel.Velocity {
		t.Errorf("Kind() = %v, want that of the model, velocity", c.Kind())
	}
	if c.NFE() != 0 {
		t.Errorf("NFE() = %d before any call", c.NFE())
	}
	if got := predict(t, c, []float64{3, 4}, 1); !cmp.Equal([]float64{3, 4}, got) {
		t.Errorf("Predict = %v, want what the model says, [3 4]", got)
	}
	fail = true
	if err := c.Predict(make([]float64, 2), make([]float64, 2), 1); err != errNetwork {
		t.Errorf("error %v, want %v", err, errNetwork)
	}
	if c.NFE() != 2 {
		t.Errorf("NFE() = %d after a call that succeeded and one that failed, want 2", c.NFE())
	}
}

func TestCounterCountsConcurrentCalls(t *testing.T) {
	c := &scoremodel.Counter{Model: constant(scoremodel.Epsilon, 0)}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c.Predict(make([]float64, 1), make([]float64, 1), 1)
			}
		})
	}
	wg.Wait()
	if c.NFE() != 800 {
		t.Errorf("NFE() = %d, want 800", c.NFE())
	}
}

func TestFunc(t *testing.T) {
	m := scoremodel.Func(scoremodel.Data, func(dst, x []float64, t float64) error {
		for i, v := range x {
			dst[i] = t * v
		}
		return nil
	})
	if m.Kind() != scoremodel.Data {
		t.Errorf("Kind() = %v, want data", m.Kind())
	}
	if got, want := predict(t, m, []float64{1, 2}, 3), []float64{3, 6}; !cmp.Equal(want, got) {
		t.Errorf("Predict = %v, want %v", got, want)
	}
}

// The state, the time and the prediction each go through single precision once, and
// nothing else happens to them.
func TestFloat32(t *testing.T) {
	x := []float64{0.1, 1 + 0x1p-30, -math.Pi, 1e300, -1e300, 1e-60, 16777217, 0}
	want := []float64{0x1.99999ap-4, 1, -0x1.921fb6p1, math.Inf(1), math.Inf(-1), 0, 16777216, 0}
	m := scoremodel.Float32(scoremodel.Velocity, func(dst, x []float32, at float32) error {
		if len(dst) != len(x) {
			t.Errorf("the network is given %d values and room for %d", len(x), len(dst))
		}
		if at != 0x1.99999ap-4 {
			t.Errorf("the network is called at t=%v, want 0.1 in single precision", at)
		}
		copy(dst, x)
		return nil
	})
	if m.Kind() != scoremodel.Velocity {
		t.Errorf("Kind() = %v, want velocity", m.Kind())
	}
	before := slices.Clone(x)
	if diff := cmp.Diff(want, predict(t, m, x, 0.1)); diff != "" {
		t.Errorf("the identity in single precision (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, x); diff != "" {
		t.Errorf("the state was modified (-want +got):\n%s", diff)
	}
}

// A prediction of a small batch after a large one uses the front of its buffers: nothing may be left over.
func TestFloat32OfBatchesOfAnySize(t *testing.T) {
	m := scoremodel.Float32(scoremodel.Epsilon, func(dst, x []float32, at float32) error {
		for i, v := range x {
			dst[i] = 2 * v
		}
		return nil
	})
	for _, n := range []int{7, 3, 12, 0, 12, 1} {
		x, want := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], want[i] = float64(n+i), float64(2*(n+i))
		}
		if diff := cmp.Diff(want, predict(t, m, x, 1)); diff != "" {
			t.Errorf("%d values (-want +got):\n%s", n, diff)
		}
	}
}

func TestFloat32DoesNotAllocate(t *testing.T) {
	m := scoremodel.Float32(scoremodel.Epsilon, func(dst, x []float32, at float32) error { return nil })
	x, dst := normals(1, 1000), make([]float64, 1000)
	m.Predict(dst, x, 1)
	n := 1000
	if got := allocations(t, func() {
		m.Predict(dst[:n], x[:n], 1)
		n = 1001 - n // 1000 and 1 by turns
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestFloat32IsSafeForConcurrentUse(t *testing.T) {
	m := scoremodel.Float32(scoremodel.Epsilon, func(dst, x []float32, at float32) error {
		for i, v := range x {
			dst[i] = v + at
		}
		return nil
	})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			x, dst := make([]float64, 10+g), make([]float64, 10+g)
			for i := range x {
				x[i] = float64(g)
			}
			for at := range 100 {
				if err := m.Predict(dst, x, float64(at)); err != nil {
					t.Error(err)
				}
				if want := slices.Repeat([]float64{float64(g + at)}, 10+g); !slices.Equal(want, dst) {
					t.Errorf("goroutine %d: got %v, want %v", g, dst, want)
					return
				}
			}
		})
	}
	wg.Wait()
}
