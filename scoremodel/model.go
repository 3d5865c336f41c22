package scoremodel

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/sde"
)

// A Kind is what a Model predicts at (x, t), where x = αx₀ + σε. The zero value is Epsilon.
type Kind int

// The kinds of prediction.
const (
	Epsilon  Kind = iota // the noise ε
	Score                // ∇log p(x), which is -ε/σ
	Data                 // the clean sample x₀
	Velocity             // v = αε - σx₀
	Flow                 // α'x₀ + σ'ε, the drift dx/dt of the probability flow
)

var kindNames = [...]string{"epsilon", "score", "data", "velocity", "flow"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// MarshalText writes the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name, such as "epsilon".
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("scoremodel: unknown prediction %q, want one of %q", text, kindNames)
}

// A Model is a denoiser. Every row of x is at the same time t.
type Model interface {
	// Predict writes the prediction at (x, t) to dst. x is row-major, one or more rows. It must neither modify x
	// nor keep either slice; dst and x do not overlap. The prediction for a row
	// must not depend on the other rows. Unless documented otherwise it is safe for
	// concurrent use.
	Predict(dst, x []float64, t float64) error

	// Kind reports what Predict predicts. It does not change.
	Kind() Kind
}

// Func returns a Model of kind k that calls f. It is as safe for concurrent use as f is.
func Func(k Kind, f func(dst, x []float64, t float64) error) Model { return function{f, k} }

type function struct {
	f func(dst, x []float64, t float64) error
	k Kind
}

func (m function) Predict(dst, x []float64, t float64) error { return m.f(dst, x, t) }
func (m function) Kind() Kind                                { return m.k }

// shares returns p and q such that a prediction of kind k other than Score is p·x₀ + q·ε:
// the rows from which every conversion follows.
func shares(k Kind, at sde.Point) (p, q float64) {
	switch k {
	case Epsilon:
		return 0, 1
	case Data:
		return 1, 0
	case Velocity:
		return -at.Sigma, at.Alpha
	case Flow:
		return at.DAlpha, at.DSigma
	}
	panic("scoremodel: unknown kind " + k.String())
}

// Coefficients returns a and b such that a prediction m of kind from at the point p,
// together with the state x, becomes the prediction a·x + b·m of kind to. They are not finite where the conversion
// does not exist, such as from Epsilon to Data at α = 0. It panics if one of two different kinds is unknown.
//
// x = αx₀ + σε and m = p x₀ + q ε are solved for the wanted combination of x₀ and ε. The
// determinant αq - σp is a sum of terms of one sign for every kind, so that dividing by it loses no digits.
func Coefficients(from, to Kind, p sde.Point) (a, b float64) {
	switch { // the score is the noise in another unit: that conversion exists even where the state holds no sample
	case from == to:
		return 0, 1
	case from == Score:
		a, b = Coefficients(Epsilon, to, p)
		return a, -p.Sigma * b
	case to == Score:
		a, b = Coefficients(from, Epsilon, p)
		return -a / p.Sigma, -b / p.Sigma
	}
	fx, fe := shares(from, p)
	tx, te := shares(to, p)
	det := p.Alpha*fe - p.Sigma*fx
	return (tx*fe - te*fx) / det, (p.Alpha*te - p.Sigma*tx) / det
}

// As returns a view of m that predicts kind k under schedule s. It is m itself if m
// predicts k already, and as safe for concurrent use as m.
//
// Predict of the view returns an error where the conversion does not exist.
func As(m Model, k Kind, s sde.Schedule) Model {
	if m.Kind() == k {
		return m
	}
	return view{m, k, s}
}

type view struct {
	m Model
	k Kind
	s sde.Schedule
}

func (v view) Kind() Kind { return v.k }

func (v view) Predict(dst, x []float64, t float64) error {
	a, b, err := v.coefficients(t)
	if err != nil {
		return err
	}
	if err := v.m.Predict(dst, x, t); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: a, X: x}, vec.Term{C: b, X: dst})
	return nil
}

func (v view) PredictBoth(dst, plain, x []float64, t float64) error {
	a, b, err := v.coefficients(t)
	if err != nil {
		return err
	}
	if err := Both(v.m, dst, plain, x, t); err != nil {
		return err
	}
	vec.Lin(dst, vec.Term{C: a, X: x}, vec.Term{C: b, X: dst})
	vec.Lin(plain, vec.Term{C: a, X: x}, vec.Term{C: b, X: plain})
	return nil
}

// coefficients returns those of the conversion at time t, or an error if it does not exist.
func (v view) coefficients(t float64) (a, b float64, err error) {
	a, b = Coefficients(v.m.Kind(), v.k, v.s.At(t))
	if a-a != 0 || b-b != 0 {
		err = fmt.Errorf("scoremodel: no %v prediction follows from a %v prediction at t=%v", v.k, v.m.Kind(), t)
	}
	return a, b, err
}

// A Counter counts the evaluations of a Model. It is as safe for concurrent use as
// the Model. The zero value has no Model.
type Counter struct {
	Model
	n atomic.Int64
}

// Predict implements Model.
func (c *Counter) Predict(dst, x []float64, t float64) error {
	c.n.Add(1)
	return c.Model.Predict(dst, x, t)
}

// PredictBoth implements Guided. It is one evaluation.
func (c *Counter) PredictBoth(dst, plain, x []float64, t float64) error {
	c.n.Add(1)
	return Both(c.Model, dst, plain, x, t)
}

// NFE returns the number of evaluations so far, failed ones included.
func (c *Counter) NFE() int { return int(c.n.Load()) }

// Float32 adapts a single-precision network of kind k. It is as safe for concurrent
// use as predict, and does not allocate once it has seen the largest batch.
func Float32(k Kind, predict func(dst, x []float32, t float32) error) Model {
	return &single{k: k, predict: predict}
}

type single struct {
	k       Kind
	predict func(dst, x []float32, t float32) error
	buffers sync.Pool // of *[]float32
}

func (m *single) Kind() Kind { return m.k }

func (m *single) Predict(dst, x []float64, t float64) error {
	n := len(x)
	buf, _ := m.buffers.Get().(*[]float32)
	if buf == nil || len(*buf) < 2*n {
		b := make([]float32, 2*n)
		buf = &b
	}
	defer m.buffers.Put(buf)
	in, out := (*buf)[:n], (*buf)[n:2*n]
	vec.Convert(in, x)
	if err := m.predict(out, in, float32(t)); err != nil {
		return err
	}
	vec.Convert(dst, out)
	return nil
}
