package scheduler

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A network is the problem's model as a class asks it: for a timestep, at the variance-preserving state, with
// a prediction of the configured type for an answer.
//
// The type of prediction comes from the model under the problem's own schedule, so that a timestep that is not
// quite the level's does to it what it does to a network.
type network struct {
	model   scoremodel.Model // of the configured prediction type
	problem sde.Schedule
	time    func(timestep float64) (t, scale float64) // the problem's time, and what the state is multiplied by
	buffers *sync.Pool                                // of *[]float64
}

// kindOf returns what the prediction type predicts.
func kindOf(predictionType string) scoremodel.Kind {
	switch predictionType {
	case "sample":
		return scoremodel.Data
	case "v_prediction":
		return scoremodel.Velocity
	}
	return scoremodel.Epsilon
}

// Kind implements scoremodel.Model.
func (n *network) Kind() scoremodel.Kind { return n.model.Kind() }

// Predict implements scoremodel.Model, with the timestep in the place of the time.
func (n *network) Predict(dst, x []float64, timestep float64) error {
	t, scale := n.time(timestep)
	if err := n.check(timestep, t); err != nil {
		return err
	}
	if scale == 1 {
		return n.model.Predict(dst, x, t)
	}
	buf := borrow(n.buffers, len(x))
	defer n.buffers.Put(buf)
	vec.Lin(*buf, vec.Term{C: scale, X: x})
	return n.model.Predict(dst, *buf, t)
}

// Rows implements scoremodel.RowModel.
func (n *network) Rows(first int) scoremodel.Model {
	bound := *n
	bound.model = scoremodel.Rows(n.model, first)
	return &bound
}

// check returns an error if the time of a timestep is beyond the problem's noise end, or below 0. Between 0 and the problem's
// first time schedules are defined, and some classes ask there.
func (n *network) check(timestep, t float64) error {
	tmin, tmax := n.problem.Domain()
	if _, ok := n.problem.(sde.Flow); ok {
		tmax = 1
	}
	if t > 0 && t <= tmax*(1+1e-12) {
		return nil
	}
	return fmt.Errorf("%w: the class asks for timestep %.6g, which is time %.6g of a problem whose times are from %v to %v",
		solvers.ErrProblem, timestep, t, tmin, tmax)
}

// convert writes to dst, which may be out, what the output of kind k at the variance-preserving point of p says of the wanted kind. x is
// the state at p.
func convert(dst, x, out []float64, k, want scoremodel.Kind, p sde.Point) {
	norm := math.Hypot(p.Alpha, p.Sigma)
	p.Alpha, p.Sigma = p.Alpha/norm, p.Sigma/norm
	a, b := scoremodel.Coefficients(k, want, p)
	vec.Lin(dst, vec.Term{C: a / norm, X: x}, vec.Term{C: b, X: out})
}

// A view is a network on the levels of a ladder: fed the class' state, it predicts noise or, where the class
// clips it or the output gives it without a division by α, clean data.
type view struct {
	*network
	schedule sde.Schedule
	timestep func(t float64, at sde.Point) float64
	limit    func(x []float64) // clips clean data, or nil
}

// Kind implements scoremodel.Model.
func (v *view) Kind() scoremodel.Kind {
	if v.limit == nil && v.network.Kind() == scoremodel.Epsilon {
		return scoremodel.Epsilon
	}
	return scoremodel.Data
}

// Predict implements scoremodel.Model.
func (v *view) Predict(dst, x []float64, t float64) error {
	at := v.schedule.At(t)
	buf := borrow(v.buffers, len(x))
	defer v.buffers.Put(buf)
	vec.Lin(*buf, vec.Term{C: 1 / math.Hypot(at.Alpha, at.Sigma), X: x})
	if err := v.network.Predict(dst, *buf, v.timestep(t, at)); err != nil {
		return err
	}
	convert(dst, x, dst, v.network.Kind(), v.Kind(), at)
	if v.limit != nil {
		v.limit(dst)
	}
	return nil
}

// Rows implements scoremodel.RowModel.
func (v *view) Rows(first int) scoremodel.Model {
	bound := *v
	bound.network = v.network.Rows(first).(*network)
	return &bound
}

// borrow returns a slice of n elements from a pool of *[]float64, for the caller to put back.
func borrow(pool *sync.Pool, n int) *[]float64 {
	buf := pool.Get().(*[]float64)
	*buf = slices.Grow((*buf)[:0], n)[:n]
	return buf
}

// limiter returns what the config does to clean data: dynamic thresholding of rows of dim elements, clipping, or nothing.
func (c *Config) limiter(dim int) func(x []float64) {
	switch {
	case c.flag("thresholding"):
		ratio, top := c.number("dynamic_thresholding_ratio"), c.number("sample_max_value")
		return func(x []float64) {
			for row := range slices.Chunk(x, dim) {
				s := math.Min(math.Max(quantile(row, ratio), 1), top)
				for i, v := range row {
					row[i] = math.Min(math.Max(v, -s), s) / s
				}
			}
		}
	case c.flag("clip_sample"):
		r := c.number("clip_sample_range")
		return func(x []float64) {
			for i, v := range x {
				x[i] = math.Min(math.Max(v, -r), r)
			}
		}
	}
	return nil
}

// quantile returns the quantile of absolute values, linear between the order statistics.
func quantile(x []float64, p float64) float64 {
	sorted := mapped(x, math.Abs)
	slices.Sort(sorted)
	at := p * float64(len(x)-1)
	i := min(int(at), max(len(x)-2, 0))
	if len(x) == 1 {
		return sorted[0]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
