// Package problem holds the problems on which solvers are compared: a schedule, a model
// that is exact or a trained network, and, where there is one, the exact solution.
//
// Problems are built in, or read from JSON with [Read]. A [Reader] takes kinds of models that a program adds.
package problem

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/scoremodel"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Problem is what to sample from, and what is known of the answer. It is immutable and safe for concurrent use.
type Problem struct {
	solvers.Problem
	Name, About string

	// Gaussian is the model if the data are normal: then errors are exact for
	// stochastic solvers too. Otherwise nil.
	Gaussian *scoremodel.Gaussian

	// Flow writes to dst where the probability flow carries the rows of x between two
	// times, exactly. It is nil if there is no closed form.
	Flow func(dst, x []float64, from, to float64) error

	// ImageSide is the side of the square pictures, values from -1 to 1, that rows are; 0 if they are none. They are grey, of ImageSide² pixels, or of
	// three times as many: red, then green, then blue.
	ImageSide int

	// Single reports that the model computes in single precision: from some accuracy on, what is seen is its rounding.
	Single bool

	// Real is samples of the data for which the model was made or trained, rows of Dim elements, and RealClasses the class of
	// each, if there are classes. They are nil where the data are not known by samples.
	Real        []float64
	RealClasses []int

	// Class returns the class that the model is told for row i of a batch; ok is false if it is told none for this row. It is nil if the
	// model is told no classes at all.
	Class func(i int) (class int, ok bool)

	relabel func(labels []int) (Network, error) // nil if the model is told no classes
}

// ErrLabels is wrapped by the error of WithLabels about a model that is told no classes.
var ErrLabels = errors.New("its model is told no classes")

// WithLabels returns the problem whose model is told other classes: row i of a batch is to be of class labels[i], modulo their number. It
// returns an error that wraps ErrLabels if the model is told none, and one if there are no labels or the model does not know one of them.
func (p *Problem) WithLabels(labels []int) (*Problem, error) {
	switch {
	case p.relabel == nil:
		return nil, fmt.Errorf("%s: %w", p.Name, ErrLabels)
	case len(labels) == 0:
		return nil, fmt.Errorf("%s: no label is given", p.Name)
	}
	n, err := p.relabel(labels)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	q := *p
	q.told(n)
	return &q, nil
}

// told makes n the model.
func (p *Problem) told(n Network) {
	p.Model, p.ImageSide, p.Single, p.Class, p.relabel = n.Model, n.ImageSide, n.Single, n.Class, n.Relabel
}

// New returns the problem of a model under a schedule, with the exact solution where
// the model has one.
func New(name, about string, s sde.Schedule, m interface {
	scoremodel.Model
	Dim() int
}) *Problem {
	p := &Problem{Name: name, About: about, Problem: solvers.Problem{Schedule: s, Model: m, Dim: m.Dim()}}
	switch m := m.(type) {
	case network:
		p.told(m.Network)
	case dataset:
		p = New(name, about, s, m.Mixture)
		p.Real = m.samples
	case *scoremodel.Gaussian:
		p.Gaussian = m
		p.Flow = func(dst, x []float64, from, to float64) error { m.FlowMap(dst, x, from, to); return nil }
	case *scoremodel.Mixture:
		if m.Dim() == 1 {
			p.Flow = m.QuantileMap
		}
	}
	return p
}

// builtin lists the built-in problems. Making one may take time, so it is done on request.
var builtin = []struct {
	name, about string
	make        func(name, about string) (*Problem, error)
}{
	{"gaussian", "N(0.7, 0.25) in one dimension, VP with beta from 0.1 to 20", gaussian},
	{"mixture1d", "0.3 N(-1.2, 0.35²) + 0.7 N(0.8, 0.5²), the same VP", mixture1d},
	{"mixture2d", "five correlated normals in the plane, the same VP", mixture2d},
	{"digits", "the ideal denoiser of 1,797 handwritten digits of 8x8 pixels, bandwidth 0.15, the same VP", digits},
	{"digitsnet", "a network trained on those digits, told the digit (row modulo 10), in float32, DDPM's linear betas", builtinDigitsNet},
}

// A Listing names a built-in problem.
type Listing struct{ Name, About string }

// List returns the built-in problems.
func List() []Listing {
	var list []Listing
	for _, b := range builtin {
		list = append(list, Listing{b.name, b.about})
	}
	return list
}

// Names returns the names of the built-in problems.
func Names() []string {
	var names []string
	for _, b := range builtin {
		names = append(names, b.name)
	}
	return names
}

// Builtin returns the built-in problem with the given name. The error of an unknown
// name wraps solvers.ErrUnknown.
func Builtin(name string) (*Problem, error) {
	for _, b := range builtin {
		if b.name == name {
			p, err := b.make(b.name, b.about)
			if err != nil {
				return nil, fmt.Errorf("problem %s: %w", name, err)
			}
			return p, nil
		}
	}
	return nil, solvers.Unknown("problem", name, Names())
}

func gaussian(name, about string) (*Problem, error) {
	s := sde.VP{}
	m, err := scoremodel.NewGaussian(s, scoremodel.Component{Mean: []float64{0.7}, Variance: 0.25})
	if err != nil {
		return nil, err
	}
	return New(name, about, s, m), nil
}

func mixture1d(name, about string) (*Problem, error) {
	s := sde.VP{}
	m, err := scoremodel.NewMixture(s,
		scoremodel.Component{Weight: 0.3, Mean: []float64{-1.2}, Variance: 0.35 * 0.35},
		scoremodel.Component{Weight: 0.7, Mean: []float64{0.8}, Variance: 0.5 * 0.5})
	if err != nil {
		return nil, err
	}
	return New(name, about, s, m), nil
}

// mixture2d has components of different weight, shape and direction, so that no symmetry
// hides an error.
func mixture2d(name, about string) (*Problem, error) {
	s := sde.VP{}
	component := func(weight, x, y, xx, xy, yy float64) scoremodel.Component {
		return scoremodel.Component{Weight: weight, Mean: []float64{x, y}, Covariance: mat.NewSymDense(2, []float64{xx, xy, xy, yy})}
	}
	m, err := scoremodel.NewMixture(s,
		component(0.30, -1.5, 0.2, 0.12, 0.05, 0.06),
		component(0.25, 1.2, 1.0, 0.10, -0.06, 0.10),
		component(0.20, 0.3, -1.4, 0.20, 0.00, 0.05),
		component(0.15, 1.9, -0.8, 0.05, 0.02, 0.09),
		component(0.10, -0.4, 1.8, 0.08, 0.04, 0.08))
	if err != nil {
		return nil, err
	}
	return New(name, about, s, m), nil
}

func digits(name, about string) (*Problem, error) {
	s := sde.VP{}
	images, _ := scoremodel.Digits()
	m, err := scoremodel.NewDataset(s, images, scoremodel.DigitSide*scoremodel.DigitSide, 0.15)
	if err != nil {
		return nil, err
	}
	p := New(name, about, s, m)
	p.addDigits()
	return p, nil
}

// addDigits tells that rows are pictures of digits.
func (p *Problem) addDigits() {
	images, labels := scoremodel.Digits()
	p.ImageSide, p.Real = scoremodel.DigitSide, images
	p.RealClasses = make([]int, len(labels))
	for i, l := range labels {
		p.RealClasses[i] = int(l)
	}
}
