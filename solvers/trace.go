package solvers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
)

// Coefficients is the coefficient table of a solver on a grid. Every explicit sampler is a
// linear combination of its initial state, the model's outputs and the noise; the table holds
// the coefficients, of the input of each evaluation and of the result. Two
// solvers with the same table give the same samples for every model.
type Coefficients struct {
	Solver      string
	Grid        []float64
	Evaluations []Evaluation
	Result      Row
	Draws       []Draw // what the noise columns are

	schedule sde.Schedule
}

// An Evaluation is one call of the model: when, and at what state.
type Evaluation struct {
	Time  float64
	Input Row
}

// A Row is a linear combination: of the initial state, of the model's outputs so far, as
// noise predictions and in the order of the evaluations, and of the standard normal draws
// so far. Columns that are not there are zero.
type Row struct {
	State   float64
	Outputs []float64
	Noises  []float64
}

// Largest returns the largest absolute value of the row.
func (r Row) Largest() float64 {
	top := math.Abs(r.State)
	for _, list := range [...][]float64{r.Outputs, r.Noises} {
		for _, v := range list {
			top = max(top, math.Abs(v))
		}
	}
	return top
}

// A Draw is the elementary interval of Brownian motion behind one noise column: the
// standard normal (W(To) - W(From))/√|To - From| or, of the interval's space-time Lévy area H, H/√(|To - From|/12). The intervals of
// a run that does not turn round are disjoint.
type Draw struct {
	From, To float64
	Area     bool // it is H and not W
}

// deviation returns the standard deviation of what d is drawn for.
func (d Draw) deviation() float64 {
	h := math.Abs(d.To - d.From)
	if d.Area {
		h /= 12
	}
	return math.Sqrt(h)
}

// Trace computes the coefficient table of s on grid by running it: on a state whose
// elements are the coordinates of a basis, the initial state and every output of the model being one
// basis vector each. So it works for any Solver, the user's own too.
//
// A method may ask for the Brownian increment over [s, r] and then over [s, t]. They
// come from one path: a dry run records the end points, and each interval between neighbouring
// points has a basis vector of its own, and another for its Lévy area if a method asks for that of an interval
// around it. Lévy areas of longer intervals follow by Chen's relation.
//
// The run is repeated with the basis vectors scaled at random. ErrNotLinear means that the
// coefficients then differ, as they do for a method that clips, normalizes or chooses its steps.
func Trace(s Solver, schedule sde.Schedule, grid []float64) (*Coefficients, error) {
	fail := func(err error) (*Coefficients, error) {
		return nil, fmt.Errorf("solvers: trace of %s: %w", Name(s), err)
	}
	if err := checkSchedule(schedule); err != nil {
		return fail(err)
	}
	if err := CheckGrid(schedule, grid); err != nil {
		return fail(err)
	}
	tr := &tracer{solver: s, schedule: schedule, grid: grid}
	if err := tr.survey(); err != nil {
		return fail(err)
	}
	ones := make([]float64, tr.columns())
	scales := make([]float64, tr.columns())
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range scales {
		ones[i] = 1
		// Far from 1, so that a threshold that spares the unit vectors is met.
		scales[i] = math.Exp2(10 * (rng.Float64() - 0.5))
		if rng.IntN(2) == 0 {
			scales[i] = -scales[i]
		}
	}
	table := &Coefficients{Solver: Name(s), Grid: slices.Clone(grid), Draws: tr.draws, schedule: schedule}
	err := tr.run(ones, func(k int, t float64, r Row) error {
		r.Outputs, r.Noises = slices.Clone(r.Outputs), slices.Clone(r.Noises)
		if k == tr.evaluations {
			table.Result = r
		} else {
			table.Evaluations = append(table.Evaluations, Evaluation{t, r})
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	err = tr.run(scales, func(k int, t float64, r Row) error {
		// Rounding is of the order of 1e-16 times the number of steps; a nonlinearity is not.
		const tolerance = 1e-9
		want := table.Result
		if k < tr.evaluations {
			e := table.Evaluations[k]
			if want = e.Input; !sameTime(e.Time, t) {
				return ErrNotLinear
			}
		}
		if !(want.distance(r) <= tolerance) {
			return ErrNotLinear
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return table, nil
}

// tracer runs a solver on the basis: column 0 is the initial state, then come the
// evaluations, then the elementary draws.
type tracer struct {
	solver      Solver
	schedule    sde.Schedule
	grid        []float64
	evaluations int
	draws       []Draw
	pieces      [][]piece // what each request for an increment is made of, in order
	requests    []request
}

// request is an increment that the solver asked for. A path that turns round begins
// a new epoch of independent noise, as sde.Fresh does.
type request struct {
	from, to float64
	epoch    int
	area     bool // and its Lévy area
}

// piece is an elementary interval, by its draws. area is -1 if the Lévy area is not asked for.
type piece struct{ w, area int }

func (tr *tracer) columns() int { return 1 + tr.evaluations + len(tr.draws) }

// survey counts the evaluations, and cuts the increments that the solver asks for into
// elementary intervals.
func (tr *tracer) survey() error {
	zero := scoremodel.Func(scoremodel.Epsilon, func(dst, _ []float64, _ float64) error {
		tr.evaluations++
		clear(dst)
		return nil
	})
	err := tr.walk(zero, recorder{tr}, []float64{0})
	if errors.Is(err, ode.ErrNonFinite) { // 0/0: a linear map of zeros is zero
		return fmt.Errorf("%w: on zeros, %w", ErrNotLinear, err)
	}
	if err != nil {
		return err
	}
	points := map[int][]float64{}
	for _, r := range tr.requests {
		points[r.epoch] = append(points[r.epoch], r.from, r.to)
	}
	for epoch, list := range points {
		slices.Sort(list)
		points[epoch] = slices.Compact(list)
	}
	known := map[request]int{}
	find := func(d Draw, epoch int) int { // its number, given at first sight
		key := request{d.From, d.To, epoch, d.Area}
		if _, ok := known[key]; !ok {
			known[key] = len(tr.draws)
			tr.draws = append(tr.draws, d)
		}
		return known[key]
	}
	for _, r := range tr.requests {
		list := points[r.epoch]
		lo, _ := slices.BinarySearch(list, math.Min(r.from, r.to))
		hi, _ := slices.BinarySearch(list, math.Max(r.from, r.to))
		var pieces []piece
		for i := lo; i < hi; i++ {
			d := Draw{From: list[i], To: list[i+1]}
			if r.from > r.to {
				d.From, d.To = d.To, d.From
			}
			p := piece{find(d, r.epoch), -1}
			if r.area {
				d.Area = true
				p.area = find(d, r.epoch)
			}
			pieces = append(pieces, p)
		}
		tr.pieces = append(tr.pieces, pieces)
	}
	return nil
}

// walk runs the solver over the grid.
func (tr *tracer) walk(m scoremodel.Model, noise sde.Noise, x []float64) error {
	p := Problem{Schedule: tr.schedule, Model: m, Dim: len(x), Noise: noise}
	st, err := begin(tr.solver, p, len(x), tr.grid)
	if err != nil {
		return err
	}
	_, err = ode.Integrate(context.Background(), st, x, tr.grid, nil)
	return err
}

// run takes the coefficients with the basis vectors scaled by scales, and shows them to visit: the input of evaluation k
// at time t, and at last, as that of an evaluation too many, the result. The row is overwritten afterwards.
func (tr *tracer) run(scales []float64, visit func(k int, t float64, r Row) error) error {
	noise := &basisNoise{tracer: tr, scales: scales}
	row, k := make([]float64, tr.columns()), 0
	show := func(x []float64, t float64) error {
		n := 1 + tr.evaluations
		outputs, noises := row[1:1+k], row[n:n+noise.seen]
		for i := range outputs {
			outputs[i] = x[1+i] / scales[1+i]
		}
		for i := range noises {
			noises[i] = x[n+i] / scales[n+i]
		}
		return visit(k, t, Row{x[0] / scales[0], outputs, noises})
	}
	model := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error {
		if k == tr.evaluations {
			return ErrNotLinear // the number of evaluations depends on the state
		}
		if err := show(x, t); err != nil {
			return err
		}
		clear(dst)
		k++
		dst[k] = scales[k]
		return nil
	})
	x := make([]float64, tr.columns())
	x[0] = scales[0]
	if err := tr.walk(model, noise, x); err != nil {
		return err
	}
	if k < tr.evaluations || noise.next < len(tr.requests) {
		return ErrNotLinear // on zeros it did more
	}
	return show(x, tr.grid[len(tr.grid)-1])
}

// recorder is the noise of the survey.
type recorder struct{ tr *tracer }

func (r recorder) Path(int, int, int) sde.Brownian { return r }

func (r recorder) Increment(dst []float64, from, to float64) error {
	r.record(from, to, false)
	clear(dst)
	return nil
}

func (r recorder) Area(w, h []float64, from, to float64) error {
	r.record(from, to, true)
	clear(w)
	clear(h)
	return nil
}

func (r recorder) record(from, to float64, area bool) {
	epoch := 0
	if n := len(r.tr.requests); n > 0 {
		last := r.tr.requests[n-1]
		epoch = last.epoch
		if (last.to > last.from) != (to > from) {
			epoch++
		}
	}
	r.tr.requests = append(r.tr.requests, request{from, to, epoch, area})
}

// basisNoise answers each request with the basis vectors of its pieces.
type basisNoise struct {
	*tracer
	scales []float64
	next   int // request
	seen   int // draws handed out so far
}

func (b *basisNoise) Path(int, int, int) sde.Brownian { return b }

func (b *basisNoise) Increment(dst []float64, from, to float64) error {
	pieces, err := b.take(from, to, false)
	if err != nil {
		return err
	}
	clear(dst)
	for _, p := range pieces {
		b.unit(dst, p.w)
	}
	return nil
}

// Area joins the pieces. Over an interval of length Δ the integral of W_v - W_from is Δ(W/2 + H), so with x_i the length of piece i and
// y_i what lies beyond it, where its W stays,
//
//	Δ(W/2 + H) = Σ x_i(W_i/2 + H_i) + y_i W_i,
//
// which for two pieces is sde.Chen.
func (b *basisNoise) Area(w, h []float64, from, to float64) error {
	pieces, err := b.take(from, to, true)
	if err != nil {
		return err
	}
	clear(w)
	clear(h)
	whole := math.Abs(to - from)
	for _, p := range pieces {
		d := b.draws[p.w]
		x, y := math.Abs(d.To-d.From), math.Abs(to-d.To)
		column := b.unit(w, p.w)
		h[column] = ((x/2+y)/whole - 0.5) * w[column]
		column = b.unit(h, p.area)
		h[column] *= x / whole
	}
	return nil
}

// take returns the pieces of the next request, which must be the one given.
func (b *basisNoise) take(from, to float64, area bool) ([]piece, error) {
	if b.next == len(b.requests) {
		return nil, ErrNotLinear
	}
	if r := b.requests[b.next]; r.from != from || r.to != to || r.area != area {
		return nil, ErrNotLinear // the noise that is asked for depends on the state
	}
	b.next++
	return b.pieces[b.next-1], nil
}

// unit sets the column of a draw to the draw's own value, and returns it.
func (b *basisNoise) unit(dst []float64, draw int) (column int) {
	column = 1 + b.evaluations + draw
	dst[column] = b.draws[draw].deviation() * b.scales[column]
	b.seen = max(b.seen, draw+1)
	return column
}

// Distance returns the largest difference between corresponding coefficients of two
// tables, each relative to the largest coefficient of its row. It returns ErrNotSame unless both evaluate the
// model equally often and at the same times, within 1e-12 of them, and draw the same noise over
// the same intervals.
func Distance(a, b *Coefficients) (float64, error) {
	if len(a.Evaluations) != len(b.Evaluations) {
		return 0, fmt.Errorf("%w: %d and %d evaluations", ErrNotSame, len(a.Evaluations), len(b.Evaluations))
	}
	if len(a.Draws) != len(b.Draws) {
		return 0, fmt.Errorf("%w: %d and %d noise draws", ErrNotSame, len(a.Draws), len(b.Draws))
	}
	for i, d := range a.Draws {
		e := b.Draws[i]
		if !sameTime(d.From, e.From) || !sameTime(d.To, e.To) || d.Area != e.Area {
			return 0, fmt.Errorf("%w: draw %d is over [%v, %v] and [%v, %v]", ErrNotSame, i, d.From, d.To, e.From, e.To)
		}
	}
	worst := a.Result.distance(b.Result)
	for i, e := range a.Evaluations {
		f := b.Evaluations[i]
		if !sameTime(e.Time, f.Time) {
			return 0, fmt.Errorf("%w: evaluation %d is at %v and %v", ErrNotSame, i, e.Time, f.Time)
		}
		worst = max(worst, e.Input.distance(f.Input))
	}
	return worst, nil
}

// sameTime reports whether two times are the same but for rounding.
func sameTime(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Abs(a) }

// distance returns the largest difference, relative to the largest coefficient of either row.
func (r Row) distance(s Row) float64 {
	d := math.Abs(r.State - s.State)
	for _, pair := range [...][2][]float64{{r.Outputs, s.Outputs}, {r.Noises, s.Noises}} {
		short, long := pair[0], pair[1]
		if len(short) > len(long) {
			short, long = long, short
		}
		for i, v := range short {
			d = max(d, math.Abs(v-long[i]))
		}
		for _, v := range long[len(short):] { // columns that are not there are zero
			d = max(d, math.Abs(v))
		}
	}
	if d == 0 {
		return 0
	}
	return d / max(r.Largest(), s.Largest())
}
