package scoremodel

import (
	"fmt"
	"math"
	"sync"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/sde"
)

// A Guided model strengthens a condition by comparing the prediction that knows it with one
// that does not, and can give both its result and the latter in one evaluation.
type Guided interface {
	Model

	// PredictBoth writes the guided prediction to dst and the unconditional one to
	// plain, both of the model's kind. The slices do not overlap; otherwise it is as Predict.
	PredictBoth(dst, plain, x []float64, t float64) error
}

// Both calls m's PredictBoth. If m is not Guided, both predictions are its own: nothing is
// guided. Views made by As, thresholds and a Counter pass PredictBoth on, as one evaluation.
func Both(m Model, dst, plain, x []float64, t float64) error {
	if g, ok := m.(Guided); ok {
		return g.PredictBoth(dst, plain, x, t)
	}
	if err := m.Predict(dst, x, t); err != nil {
		return err
	}
	copy(plain, dst)
	return nil
}

// CFG is classifier-free guidance [ho2022cfg, eq. 6]: with c the conditional prediction and u the
// unconditional one,
//
//	m = u + Scale·(c - u).
//
// Scale 1 is the condition alone and 0 no condition; [ho2022cfg] counts from there, its w is Scale - 1.
// The same samples result whatever In is, unless Rescale is set.
//
// Rescale is the φ of [lin2024flawed, eq. 15 and 16], from 0 to 1: the share to which m is scaled
// to the standard deviation of c over the elements of its row. The paper predicts velocities.
//
// References:
//
//	[ho2022cfg], [lin2024flawed]
type CFG struct {
	Scale   float64 // finite
	Rescale float64 // 0 to 1
	In      Kind    // the prediction that is combined, and the kind of the result
}

// Guide returns the guided model. conditional and unconditional may predict different kinds;
// a row has dim elements. If conditional is itself Guided, as networks are that predict with and without
// their condition in one batch, unconditional may be nil: both predictions then come from one PredictBoth.
// It returns an error if a parameter is out of range or a model is missing.
func (g CFG) Guide(conditional, unconditional Model, dim int, s sde.Schedule) (Guided, error) {
	if err := firstError(finite("Scale", g.Scale), within("Rescale", g.Rescale, 0, 1)); err != nil {
		return nil, fmt.Errorf("scoremodel: CFG: %w", err)
	}
	if g.Rescale > 0 && dim < 2 {
		return nil, fmt.Errorf("scoremodel: CFG: Rescale is %v and rows of %d elements have no deviation to keep", g.Rescale, dim)
	}
	out, err := newGuided("CFG", conditional, unconditional, dim, s, g.In, func(m, c, u []float64, _ float64) {
		blend(m, c, u, g.Scale)
		if g.Rescale == 0 {
			return
		}
		// A constant row has no deviation that could be scaled.
		if own := deviation(m); own > 0 {
			vec.Lin(m, vec.Term{C: 1 + g.Rescale*(deviation(c)/own-1), X: m})
		}
	})
	if err == nil && g.Rescale == 0 {
		return &linear{out.(*guided), g.Scale}, nil
	}
	return out, err
}

// CFGZero is CFG-Zero* [fan2025cfgzero], guidance for flow matching: u is first scaled to fit c,
//
//	m = s*u + Scale·(c - s*u),  s* = ⟨c, u⟩/⟨u, u⟩ of the row,
//
// and at times above After m is 0: the state rests in the first steps, when the
// unconditional flow is not yet to be trusted. The combined prediction is Flow, dx/dt.
//
// The paper counts steps to be skipped; a time does not depend on the grid.
//
// References:
//
//	[fan2025cfgzero]
type CFGZero struct {
	Scale float64 // finite
	After float64 // the time down to which m is 0, positive; 0 means that it never is
}

// Guide returns the guided model, of kind Flow. See CFG.Guide.
func (g CFGZero) Guide(conditional, unconditional Model, dim int, s sde.Schedule) (Guided, error) {
	if err := firstError(finite("Scale", g.Scale), within("After", g.After, 0, math.MaxFloat64)); err != nil {
		return nil, fmt.Errorf("scoremodel: CFGZero: %w", err)
	}
	return newGuided("CFGZero", conditional, unconditional, dim, s, Flow, func(m, c, u []float64, t float64) {
		if g.After > 0 && t > g.After {
			clear(m)
			return
		}
		fit := 0.0 // of u = 0, which any factor leaves alone
		if uu := dot(u, u); uu > 0 {
			fit = dot(c, u) / uu
		}
		vec.Lin(m, vec.Term{C: g.Scale, X: c}, vec.Term{C: (1 - g.Scale) * fit, X: u})
	})
}

// APG is adaptive projected guidance [sadat2025apg] in data prediction: the
// difference d = c - u, shortened to Norm, is parted into what is parallel to c, which oversaturates, and the rest,
//
//	m = c + (Scale-1)·(d⊥ + Parallel·d∥).
//
// With Parallel 1 and no Norm it is CFG. The paper's default is Parallel 0, the zero value.
//
// The paper's momentum, an average of d over the steps, is left out: it makes the prediction depend
// on which states were evaluated before, and a Model depends on (x, t) alone. A model with momentum would give
// other samples with more workers, after a rejected step, or in a method with stages.
//
// References:
//
//	[sadat2025apg]
type APG struct {
	Scale    float64 // finite
	Parallel float64 // the share of the parallel part that is kept, 0 to 1
	Norm     float64 // the greatest Euclidean norm of a row of d, positive; 0 means any
}

// Guide returns the guided model, of kind Data. See CFG.Guide.
func (g APG) Guide(conditional, unconditional Model, dim int, s sde.Schedule) (Guided, error) {
	if err := firstError(finite("Scale", g.Scale), within("Parallel", g.Parallel, 0, 1), within("Norm", g.Norm, 0, math.MaxFloat64)); err != nil {
		return nil, fmt.Errorf("scoremodel: APG: %w", err)
	}
	return newGuided("APG", conditional, unconditional, dim, s, Data, func(m, c, u []float64, _ float64) {
		vec.Lin(m, vec.Term{C: 1, X: c}, vec.Term{C: -1, X: u})
		shorten := 1.0
		if norm := math.Sqrt(dot(m, m)); g.Norm > 0 && norm > g.Norm {
			shorten = g.Norm / norm
		}
		along := 0.0
		if cc := dot(c, c); cc > 0 {
			along = dot(m, c) / cc // d∥ = along·c
		}
		w := (g.Scale - 1) * shorten
		vec.Lin(m, vec.Term{C: w, X: m}, vec.Term{C: 1 - w*(1-g.Parallel)*along, X: c})
	})
}

// guided combines two predictions of one kind, row by row. Without u, c is Guided and gives both.
type guided struct {
	c, u    Model
	dim     int
	kind    Kind
	combine func(m, c, u []float64, t float64) // writes to m, which overlaps neither
	buffers sync.Pool                          // of *[]float64
}

func newGuided(name string, c, u Model, dim int, s sde.Schedule, k Kind, combine func(m, c, u []float64, t float64)) (Guided, error) {
	_, both := c.(Guided)
	switch {
	case c == nil || u == nil && !both:
		return nil, fmt.Errorf("scoremodel: %s: a model is missing", name)
	case s == nil:
		return nil, fmt.Errorf("scoremodel: %s: the schedule is missing", name)
	case dim < 1:
		return nil, fmt.Errorf("scoremodel: %s: rows have %d elements, want at least 1", name, dim)
	case k < 0 || int(k) >= len(kindNames):
		return nil, fmt.Errorf("scoremodel: %s: unknown kind %v", name, k)
	}
	g := &guided{c: As(c, k, s), dim: dim, kind: k, combine: combine}
	if u != nil {
		g.u = As(u, k, s)
	}
	return g, nil
}

func (g *guided) Kind() Kind { return g.kind }

// Dim returns the number of elements of a row.
func (g *guided) Dim() int { return g.dim }

func (g *guided) Predict(dst, x []float64, t float64) error {
	plain := borrow(&g.buffers, len(x))
	defer g.buffers.Put(plain)
	return g.PredictBoth(dst, (*plain)[:len(x)], x, t)
}

func (g *guided) PredictBoth(dst, plain, x []float64, t float64) error {
	if len(x)%g.dim != 0 {
		return fmt.Errorf("scoremodel: a state of %d elements is not a whole number of rows of %d", len(x), g.dim)
	}
	buf := borrow(&g.buffers, len(x))
	defer g.buffers.Put(buf)
	c := (*buf)[:len(x)]
	if err := g.predict(c, plain, x, t); err != nil {
		return err
	}
	for lo := 0; lo < len(x); lo += g.dim {
		hi := lo + g.dim
		g.combine(dst[lo:hi], c[lo:hi], plain[lo:hi], t)
	}
	return nil
}

// predict writes both predictions.
func (g *guided) predict(c, u, x []float64, t float64) error {
	if g.u == nil {
		return Both(g.c, c, u, x, t)
	}
	if err := g.c.Predict(c, x, t); err != nil {
		return err
	}
	return g.u.Predict(u, x, t)
}

// borrow returns a buffer of at least n elements from the pool, which holds *[]float64.
func borrow(pool *sync.Pool, n int) *[]float64 {
	buf, _ := pool.Get().(*[]float64)
	if buf == nil || len(*buf) < n {
		b := make([]float64, n)
		buf = &b
	}
	return buf
}

// blend writes u + w(c-u) to m. Of equal predictions it is they, to the bit, whatever w.
func blend(m, c, u []float64, w float64) {
	for i := range m {
		m[i] = u[i] + w*(c[i]-u[i])
	}
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// deviation returns the standard deviation of the elements of x; n or n-1 does not matter in a ratio.
func deviation(x []float64) float64 {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	s := 0.0
	for _, v := range x {
		s += (v - mean) * (v - mean)
	}
	return math.Sqrt(s / float64(len(x)))
}

func within(name string, v, lo, hi float64) error {
	switch {
	case v >= lo && v <= hi:
		return nil
	case hi == math.MaxFloat64:
		return fmt.Errorf("%s is %v, want a finite number, at least %v", name, v, lo)
	}
	return fmt.Errorf("%s is %v, want %v to %v", name, v, lo, hi)
}

func finite(name string, v float64) error {
	if v-v != 0 {
		return fmt.Errorf("%s is %v, want a finite number", name, v)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
