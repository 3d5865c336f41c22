package onnx

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/diffsolve/diffsolve/scoremodel"
)

// Errors of Open and of models, to be tested with errors.Is.
var (
	ErrLibrary = errors.New("ONNX Runtime cannot be used") // it is missing, too old, or the program was built without cgo
	ErrNetwork = errors.New("the network cannot be used")  // the file is missing or damaged, or the network is no denoiser
	ErrInput   = errors.New("bad input of the network")    // an option does not fit the network
	ErrClosed  = errors.New("the network is closed")
)

// Options say how a network is to be used. The zero value is right for a network of two inputs that predicts noise.
type Options struct {
	Kind scoremodel.Kind // what the network predicts

	// Names of the network's input for the sample, of that for the time, and of its output. An empty one is found by its shape and by the names in use; the
	// output is then the first.
	Sample, Time, Output string

	// Inputs holds the values of all other inputs by name: class labels, embeddings. If the network takes values for each row, they are those of one
	// or more rows, and the rows of the batch take them in turn: one for all, or one for each.
	Inputs map[string][]float64

	// Shapes gives the shape of a row, without the batch, of inputs and outputs of which the network leaves it open.
	Shapes map[string][]int

	// Batch is the number of rows of a call. State of more rows is split, and one of fewer filled up by repeating a row. 0 means
	// that a call takes all rows that there are. A network that takes a fixed number of rows sets it.
	Batch int

	// Threads of a call; 0 means 1. Workers of a run call the network at the same time, each with as many.
	Threads int

	// Library is the path of ONNX Runtime's shared library. Empty means what Library finds.
	// A process has one: later networks must not ask for another.
	Library string
}

// A Model is a network with values for its conditions. The time of Predict is what the network is told; see scoremodel.Times for
// models under a schedule. It is a scoremodel.RowModel.
//
// It is safe for concurrent use: workers share the network, and each call has memory of its own, which is kept for the next. A call
// of a size that was seen before allocates nothing in Go. The zero value is not useful.
type Model struct {
	net    *network
	kind   scoremodel.Kind
	values [][]float64 // of the conditions
	first  int         // row of the batch
}

// Open reads the network in an ONNX file. Its errors wrap ErrLibrary, ErrNetwork or ErrInput, and name the file.
func Open(file string, o Options) (*Model, error) {
	m, err := open(file, o)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", file, err)
	}
	return m, nil
}

func open(file string, o Options) (*Model, error) {
	switch {
	case o.Kind < scoremodel.Epsilon || o.Kind > scoremodel.Flow:
		return nil, fmt.Errorf("%w: unknown kind of prediction %v", ErrInput, o.Kind)
	case o.Batch < 0:
		return nil, fmt.Errorf("%w: Batch is %d, want at least 0", ErrInput, o.Batch)
	case o.Threads < 0:
		return nil, fmt.Errorf("%w: Threads is %d, want at least 0", ErrInput, o.Threads)
	}
	if info, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNetwork, err)
	} else if info.IsDir() {
		return nil, fmt.Errorf("%w: it is a folder", ErrNetwork)
	}
	s, inputs, outputs, err := openSession(file, o)
	if err != nil {
		return nil, err
	}
	m, err := newModel(file, inputs, outputs, o)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	m.net.session = s
	return m, nil
}

func newModel(file string, inputs, outputs []port, o Options) (*Model, error) {
	net, err := newNetwork(file, inputs, outputs, o)
	if err != nil {
		return nil, err
	}
	values, err := net.values(nil, o.Inputs)
	return &Model{net: net, kind: o.Kind, values: values}, err
}

// Kind implements scoremodel.Model.
func (m *Model) Kind() scoremodel.Kind { return m.kind }

// Dim returns the number of elements of a sample.
func (m *Model) Dim() int { return m.net.sample.size }

// Shape returns the shape of a sample, such as 1, 28, 28.
func (m *Model) Shape() []int {
	var shape []int
	for _, d := range m.net.sample.shape {
		shape = append(shape, int(d))
	}
	return shape
}

// String describes the network: the file, its inputs and its output.
func (m *Model) String() string {
	return fmt.Sprintf("%s: %s -> %v", m.net.file, list(m.net.ports), m.net.output)
}

// Predict implements scoremodel.Model. t is what the network is told; it is rounded if the network's time is an integer.
// It returns an error if x is not a whole number of rows, if ONNX Runtime refuses the batch, or after Close.
func (m *Model) Predict(dst, x []float64, t float64) error {
	parts := [1]part{{m, dst}}
	return m.net.predict(parts[:], x, t)
}

// Rows implements scoremodel.RowModel: rows take the values of the conditions by their number in the batch.
func (m *Model) Rows(first int) scoremodel.Model { return m.bound(first) }

func (m *Model) bound(first int) *Model {
	rows := *m
	rows.first = first
	return &rows
}

// With returns a model of the same network that has other values for the given inputs, as in Options.Inputs. Its errors wrap ErrInput.
func (m *Model) With(inputs map[string][]float64) (*Model, error) {
	other := *m
	var err error
	if other.values, err = m.net.values(m.values, inputs); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", m.net.file, err)
	}
	return &other, nil
}

// Close frees the network, for all models that share it; what is not closed stays in memory. It waits for predictions that run; later ones return ErrClosed. Closing twice
// does nothing.
func (m *Model) Close() error { return m.net.close() }

// Pair returns a model that predicts what m predicts, and as the plain prediction what plain does: both in one batch of twice the rows.
// The guides of scoremodel take it for both of their models, as in
//
//	pair, err := net.Pair(plain)
//	...
//	guided, err := scoremodel.CFG{Scale: 3}.Guide(pair, nil, net.Dim(), schedule)
//
// plain is what With returns. An error that wraps ErrInput says that the two are not of one network, or differ in an input
// that the network takes once for all rows.
func (m *Model) Pair(plain *Model) (scoremodel.Guided, error) {
	if plain == nil || plain.net != m.net {
		return nil, fmt.Errorf("onnx: %s: %w: a pair is of models of one network", m.net.file, ErrInput)
	}
	for i, p := range m.net.conditions {
		if !p.byRow && !slices.Equal(m.values[i], plain.values[i]) {
			return nil, fmt.Errorf("onnx: %s: %w: the network takes input %v once for all rows, and the two have other values for it", m.net.file, ErrInput, p)
		}
	}
	return &pair{m, plain}, nil
}

// A pair is two models of one network, evaluated as one batch.
type pair struct {
	*Model
	plain *Model
}

// PredictBoth implements scoremodel.Guided.
func (p *pair) PredictBoth(dst, plain, x []float64, t float64) error {
	parts := [2]part{{p.Model, dst}, {p.plain, plain}}
	return p.net.predict(parts[:], x, t)
}

// Rows implements scoremodel.RowModel.
func (p *pair) Rows(first int) scoremodel.Model {
	return &pair{p.Model.bound(first), p.plain.bound(first)}
}
