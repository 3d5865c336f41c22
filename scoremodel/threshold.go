package scoremodel

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/diffsolve/diffsolve/sde"
)

// StaticThreshold keeps every element of the predicted clean sample within ±Limit, as is done for pixels.
type StaticThreshold struct {
	Limit float64 // positive; 0 means 1
}

// Apply returns m with its prediction limited: turned into one of data, clipped, and turned back.
// What needs no clipping keeps every bit. The view is as safe for concurrent use as m.
func (c StaticThreshold) Apply(m Model, s sde.Schedule) (Model, error) {
	if c.Limit == 0 {
		c.Limit = 1
	}
	if err := firstError(within("Limit", c.Limit, 0, math.MaxFloat64), present(m, s)); err != nil {
		return nil, fmt.Errorf("scoremodel: StaticThreshold: %w", err)
	}
	t := newThreshold(m, s, func([]float64) (limit, divisor float64) { return c.Limit, 1 })
	return t, nil
}

// DynamicThreshold clips each row of the predicted clean sample to its own range and scales it into the
// unit one [saharia2022imagen, section 2.3]: with q the Percentile of the row's absolute values, interpolated linearly,
// and s = q held between 1 and Max, x₀ becomes clip(x₀, ±s)/s.
//
// Max 0 sets no bound, as in the paper. At Max 1, which is the default of a toolkit in wide use, s is always 1
// and the threshold is StaticThreshold{1}.
//
// References:
//
//	[saharia2022imagen]
type DynamicThreshold struct {
	Percentile float64 // above 0, up to 1; 0 means 0.995
	Max        float64 // at least 1; 0 means no bound
}

// Apply returns m with its prediction, in rows of dim elements, thresholded as by StaticThreshold.Apply.
func (d DynamicThreshold) Apply(m Model, dim int, s sde.Schedule) (Model, error) {
	if d.Percentile == 0 {
		d.Percentile = 0.995
	}
	if d.Max == 0 {
		d.Max = math.MaxFloat64
	}
	err := firstError(within("Percentile", d.Percentile, 0, 1), within("Max", d.Max, 1, math.MaxFloat64), present(m, s))
	if err == nil && dim < 1 {
		err = fmt.Errorf("rows have %d elements, want at least 1", dim)
	}
	if err != nil {
		return nil, fmt.Errorf("scoremodel: DynamicThreshold: %w", err)
	}
	t := newThreshold(m, s, func(data []float64) (limit, divisor float64) {
		limit = math.Min(math.Max(magnitude(data, d.Percentile), 1), d.Max)
		return limit, limit
	})
	t.dim = dim
	return t, nil
}

func present(m Model, s sde.Schedule) error {
	switch {
	case m == nil:
		return fmt.Errorf("the model is missing")
	case s == nil:
		return fmt.Errorf("the schedule is missing")
	}
	return nil
}

// magnitude replaces x by its sorted absolute values and returns their quantile p, by linear interpolation
// between the order statistics at p(n-1). A NaN among them gives NaN.
func magnitude(x []float64, p float64) float64 {
	for i, v := range x {
		x[i] = math.Abs(v)
	}
	slices.Sort(x) // NaNs first
	if math.IsNaN(x[0]) {
		return x[0]
	}
	at := p * float64(len(x)-1)
	i := min(int(at), len(x)-1)
	j := min(i+1, len(x)-1)
	return x[i] + (at-float64(i))*(x[j]-x[i])
}

// threshold clips the data prediction of a model. dim is 0 if the range does not depend on the row.
type threshold struct {
	m       Model
	s       sde.Schedule
	dim     int
	extent  func(row []float64) (limit, divisor float64) // may use row as workspace
	buffers sync.Pool                                    // of *[]float64
}

func newThreshold(m Model, s sde.Schedule, extent func([]float64) (limit, divisor float64)) *threshold {
	return &threshold{m: m, s: s, extent: extent}
}

func (c *threshold) Kind() Kind { return c.m.Kind() }

func (c *threshold) Predict(dst, x []float64, t float64) error {
	if err := c.m.Predict(dst, x, t); err != nil {
		return err
	}
	return c.clip(dst, x, t)
}

func (c *threshold) PredictBoth(dst, plain, x []float64, t float64) error {
	if err := Both(c.m, dst, plain, x, t); err != nil {
		return err
	}
	if err := c.clip(dst, x, t); err != nil {
		return err
	}
	return c.clip(plain, x, t)
}

// clip changes the predictions m at x in place.
func (c *threshold) clip(m, x []float64, t float64) error {
	dim := c.dim
	if dim == 0 {
		dim = len(x)
	}
	if len(x)%dim != 0 {
		return fmt.Errorf("scoremodel: a state of %d elements is not a whole number of rows of %d", len(x), dim)
	}
	p := c.s.At(t)
	a, b := Coefficients(c.m.Kind(), Data, p)
	back, share := Coefficients(Data, c.m.Kind(), p)
	if a-a != 0 || b-b != 0 || back-back != 0 || share-share != 0 {
		return fmt.Errorf("scoremodel: a %v prediction cannot be thresholded at t=%v, where it is not tied to the data", c.m.Kind(), t)
	}
	buf := borrow(&c.buffers, dim)
	defer c.buffers.Put(buf)
	data := (*buf)[:dim]
	for lo := 0; lo < len(x); lo += dim {
		for i := range data {
			data[i] = a*x[lo+i] + b*m[lo+i]
		}
		limit, divisor := c.extent(data)
		for i := range data {
			was := a*x[lo+i] + b*m[lo+i]
			// A NaN passes unchanged: whoever looks for it is to find it.
			if now := math.Max(math.Min(was, limit), -limit) / divisor; now != was && !math.IsNaN(now) {
				m[lo+i] = back*x[lo+i] + share*now
			}
		}
	}
	return nil
}
