package onnx

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// A network is an open file. Models share it.
type network struct {
	file       string
	ports      []port // all inputs, in the network's order
	sample     port
	time       port
	conditions []port
	output     port
	batch      int // rows of every call; 0 if a call takes as many as there are

	gate    sync.RWMutex // held for reading by calls
	closed  bool
	session *session

	lock sync.Mutex
	idle map[int][]*workspace // by the number of rows
}

// A workspace is the memory of a call.
type workspace struct {
	rows                 int
	sample, time, output tensor
	conditions           []tensor
	call                 *call
}

// Names under which networks are exported, for inputs that their shapes do not tell apart.
var (
	sampleNames = []string{"x", "sample", "x_t", "xt", "latent", "latents", "input", "inputs", "image", "noisy"}
	timeNames   = []string{"t", "timestep", "timesteps", "time", "sigma", "sigmas", "noise_level", "c_noise", "noise"}
)

// newNetwork finds out which of the ports is which.
func newNetwork(file string, inputs, outputs []port, o Options) (*network, error) {
	n := &network{file: file, ports: inputs, idle: map[int][]*workspace{}}
	for name := range o.Inputs {
		if _, ok := find(inputs, name); !ok {
			return nil, fmt.Errorf("%w: there is no input %q, the network has %s", ErrInput, name, list(inputs))
		}
	}
	for name := range o.Shapes {
		if _, ok := find(slices.Concat(inputs, outputs), name); !ok {
			return nil, fmt.Errorf("%w: a shape is given for %q, the network has inputs %s and outputs %s", ErrInput, name, list(inputs), list(outputs))
		}
	}
	free := slices.DeleteFunc(slices.Clone(inputs), func(p port) bool { _, given := o.Inputs[p.name]; return given })
	var err error
	n.sample, err = choose("sample", "Sample", o.Sample, free, sampleNames, func(p port) bool {
		return p.typ.isFloat() && len(p.dims) >= 2 && count(p.dims[1:]) != 1
	})
	if err != nil {
		return nil, err
	}
	if !n.sample.typ.isFloat() || len(n.sample.dims) < 2 {
		return nil, fmt.Errorf("%w: the sample is %v, want floats of at least two dimensions, the first of which is the batch", ErrNetwork, n.sample)
	}
	free = slices.DeleteFunc(free, func(p port) bool { return p.name == n.sample.name })
	n.time, err = choose("time", "Time", o.Time, free, timeNames, func(p port) bool {
		return len(p.dims) == 0 || count(p.dims[1:]) == 1
	})
	if err != nil {
		return nil, err
	}
	if o.Output == "" {
		outputs = outputs[:min(1, len(outputs))]
	}
	n.output, err = choose("prediction", "Output", o.Output, outputs, nil, func(port) bool { return true })
	if err != nil {
		return nil, err
	}
	if err := n.size(o); err != nil {
		return nil, err
	}
	for _, p := range inputs {
		if p.name == n.sample.name || p.name == n.time.name {
			continue
		}
		if _, ok := o.Inputs[p.name]; !ok {
			return nil, fmt.Errorf("%w: input %v has no value, want one in Inputs", ErrInput, p)
		}
		if p, err = n.resolve(p, o.Shapes[p.name], len(o.Inputs[p.name])); err != nil {
			return nil, err
		}
		n.conditions = append(n.conditions, p)
	}
	return n, nil
}

// choose returns the port of the given name, or else the one that has one of the usual names, or else the only one that fits.
func choose(what, option, name string, ports []port, usual []string, fits func(port) bool) (port, error) {
	if name != "" {
		p, ok := find(ports, name)
		if !ok {
			return p, fmt.Errorf("%w: %s is %q, the choice is %s", ErrInput, option, name, list(ports))
		}
		return p, nil
	}
	var fitting []port
	for _, p := range ports {
		if fits(p) {
			fitting = append(fitting, p)
		}
	}
	for _, name := range usual {
		if p, ok := find(fitting, name); ok {
			return p, nil
		}
	}
	if len(fitting) != 1 {
		return port{}, fmt.Errorf("%w: which is the %s? Name it in %s, the choice is %s", ErrInput, what, option, list(ports))
	}
	return fitting[0], nil
}

func find(ports []port, name string) (port, bool) {
	i := slices.IndexFunc(ports, func(p port) bool { return p.name == name })
	if i < 0 {
		return port{}, false
	}
	return ports[i], true
}

func list(ports []port) string {
	if len(ports) == 0 {
		return "none"
	}
	var names []string
	for _, p := range ports {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

// size finds the batch and the shapes of sample, time and prediction.
func (n *network) size(o Options) (err error) {
	fixed := n.sample.dims[0]
	n.batch = o.Batch
	if fixed != unknown {
		if o.Batch != 0 && int64(o.Batch) != fixed {
			return fmt.Errorf("%w: Batch is %d, and the network takes %d rows at once: %v", ErrInput, o.Batch, fixed, n.sample)
		}
		n.batch = int(fixed)
	}
	if n.sample, err = n.resolve(n.sample, o.Shapes[n.sample.name], 0); err != nil {
		return err
	}
	if n.time, err = n.resolve(n.time, o.Shapes[n.time.name], 1); err != nil {
		return err
	}
	if n.time.size != 1 {
		return fmt.Errorf("%w: the time is %v, want one number for each row or one for all", ErrNetwork, n.time)
	}
	open := o.Shapes[n.output.name]
	if open == nil && len(n.output.dims) == len(n.sample.dims) && count(n.output.dims[1:]) == 0 {
		for i, d := range n.output.dims[1:] { // what is open is as in the sample
			if d == unknown {
				d = n.sample.shape[i]
			}
			open = append(open, int(d))
		}
	}
	if n.output, err = n.resolve(n.output, open, n.sample.size); err != nil {
		return err
	}
	switch {
	case !n.output.typ.isFloat() || !n.output.byRow:
		return fmt.Errorf("%w: the prediction is %v and the sample %v, want floats for each row of the batch", ErrNetwork, n.output, n.sample)
	case n.output.size == 2*n.sample.size:
		return fmt.Errorf("%w: the prediction %v has two numbers for each of the sample, perhaps a variance too; want a network without it", ErrNetwork, n.output)
	case n.output.size != n.sample.size:
		return fmt.Errorf("%w: the prediction %v has %d elements in a row, and the sample %d", ErrNetwork, n.output, n.output.size, n.sample.size)
	}
	return nil
}

// resolve fills in what the network leaves open of p, from the shape that the options give, or else from the number of elements, if
// there is only one dimension to find.
func (n *network) resolve(p port, shape []int, elements int) (port, error) {
	if p.typ == unsupported {
		return p, fmt.Errorf("%w: %v is of %v, want float32, float64, int32 or int64", ErrNetwork, p, p.typ)
	}
	p.byRow = len(p.dims) > 0 && p.dims[0] == n.sample.dims[0]
	p.shape = slices.Clone(p.dims)
	if p.byRow {
		p.shape = p.shape[1:]
	}
	if shape != nil {
		if len(shape) != len(p.shape) {
			return p, fmt.Errorf("%w: the shape given for %v is %v, want %d dimensions, without the batch", ErrInput, p, shape, len(p.shape))
		}
		for i, d := range shape {
			if d < 1 || p.shape[i] != unknown && p.shape[i] != int64(d) {
				return p, fmt.Errorf("%w: the shape given for %v is %v", ErrInput, p, shape)
			}
			p.shape[i] = int64(d)
		}
	}
	open := slices.Index(p.shape, unknown)
	if open >= 0 && elements > 0 {
		p.shape[open] = 1
		if rest := count(p.shape); rest > 0 && elements%rest == 0 {
			p.shape[open] = int64(elements / rest)
		} else {
			p.shape[open] = unknown
		}
	}
	if p.size = count(p.shape); p.size == 0 {
		return p, fmt.Errorf("%w: the network leaves the shape of a row of %v open, want one in Shapes", ErrInput, p)
	}
	return p, nil
}

// values checks and completes the values of the conditions: those given, and else those that the base has.
func (n *network) values(base [][]float64, given map[string][]float64) ([][]float64, error) {
	out := make([][]float64, len(n.conditions))
	copy(out, base)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(n.conditions, func(p port) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: %q takes no values, the conditions are %s", ErrInput, name, list(n.conditions))
		}
		p, v := n.conditions[i], given[name]
		if len(v) == 0 || len(v)%p.size != 0 || !p.byRow && len(v) != p.size {
			rows := "a number of rows of"
			if !p.byRow {
				rows = "just"
			}
			return nil, fmt.Errorf("%w: input %v has %d values, want %s %d", ErrInput, p, len(v), rows, p.size)
		}
		for _, v := range v {
			if err := p.typ.holds(v); err != nil {
				return nil, fmt.Errorf("%w: input %v: %w", ErrInput, p, err)
			}
		}
		out[i] = slices.Clone(v)
	}
	return out, nil
}

// A part of an evaluation is the rows of a state with the conditions of a model.
type part struct {
	m   *Model
	dst []float64
}

// predict evaluates the rows of x at the time that the network is told, once for each of the parts, in as few calls as the batch allows.
func (n *network) predict(parts []part, x []float64, time float64) error {
	n.gate.RLock()
	defer n.gate.RUnlock()
	if n.closed {
		return fmt.Errorf("onnx: %s: %w", n.file, ErrClosed)
	}
	dim := n.sample.size
	if len(x) == 0 || len(x)%dim != 0 {
		return fmt.Errorf("onnx: %s: a state of %d elements is not a whole number of rows of %d", n.file, len(x), dim)
	}
	rows := len(x) / dim
	total := rows * len(parts)
	size := n.batch
	if size == 0 {
		size = total
	}
	if !n.time.typ.isFloat() {
		time = math.Round(time)
	}
	for lo := 0; lo < total; lo += size {
		if err := n.run(parts, x, time, lo, min(lo+size, total), size); err != nil {
			return err
		}
	}
	return nil
}

// run evaluates the rows from lo to hi, counted through the parts, in a call of size rows. What is missing to that repeats the last row.
func (n *network) run(parts []part, x []float64, time float64, lo, hi, size int) error {
	w, err := n.borrow(size)
	if err != nil {
		return err
	}
	dim := n.sample.size
	rows := len(x) / dim
	for k := range hi - lo {
		row := (lo + k) % rows
		w.sample.put(k*dim, x[row*dim:(row+1)*dim])
	}
	w.sample.repeat((hi-lo-1)*dim, dim)
	w.time.fill(time)
	for i, p := range n.conditions {
		if !p.byRow {
			w.conditions[i].put(0, parts[0].m.values[i])
			continue
		}
		for k := range hi - lo {
			m := parts[(lo+k)/rows].m
			at := (m.first + (lo+k)%rows) * p.size % len(m.values[i])
			w.conditions[i].put(k*p.size, m.values[i][at:at+p.size])
		}
		w.conditions[i].repeat((hi-lo-1)*p.size, p.size)
	}
	if err := w.call.run(); err != nil {
		w.call.close()
		hint := ""
		if n.batch == 0 {
			hint = " (the option batch makes all calls one size)"
		}
		return fmt.Errorf("onnx: %s: a call with %d rows%s: %w", n.file, size, hint, err)
	}
	for k := range hi - lo {
		row := (lo + k) % rows
		w.output.get(parts[(lo+k)/rows].dst[row*dim:(row+1)*dim], k*dim)
	}
	n.lock.Lock()
	n.idle[size] = append(n.idle[size], w)
	n.lock.Unlock()
	return nil
}

// borrow returns a workspace of the given number of rows.
func (n *network) borrow(rows int) (*workspace, error) {
	n.lock.Lock()
	if idle := n.idle[rows]; len(idle) > 0 {
		w := idle[len(idle)-1]
		n.idle[rows] = idle[:len(idle)-1]
		n.lock.Unlock()
		return w, nil
	}
	n.lock.Unlock()
	w := &workspace{rows: rows}
	b := binding{session: n.session}
	w.sample = b.add(n.sample, rows)
	w.time = b.add(n.time, rows)
	for _, p := range n.conditions {
		w.conditions = append(w.conditions, b.add(p, rows))
	}
	w.output = b.addOutput(n.output, rows)
	var err error
	if w.call, err = b.call(); err != nil {
		return nil, fmt.Errorf("onnx: %s: memory for %d rows: %w", n.file, rows, err)
	}
	return w, nil
}

// close frees the session and the workspaces. Calls that run are waited for.
func (n *network) close() error {
	n.gate.Lock()
	defer n.gate.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	for _, idle := range n.idle {
		for _, w := range idle {
			w.call.close()
		}
	}
	n.idle = nil
	return n.session.close()
}
