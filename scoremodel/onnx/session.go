//go:build cgo

package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
)

// loaded is the library of the process. ONNX Runtime is loaded and set up once, and stays.
var loaded struct {
	sync.Mutex
	path string

	// The memory of calls, of which ONNX Runtime knows the addresses: it is kept until they are closed, even if whoever opened
	// the network forgets it.
	calls map[*call]bool
}

// load loads the library, unless it is.
func load(path string) error {
	given := path != ""
	if !given {
		path = Library()
	}
	// A name without a folder is looked up by the system.
	if filepath.Base(path) != path {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: %w; %s", ErrLibrary, err, wanted)
		}
	}
	loaded.Lock()
	defer loaded.Unlock()
	if ort.IsInitialized() {
		if given && loaded.path != path {
			return fmt.Errorf("%w: %s is asked for, and this process has loaded %s", ErrLibrary, path, loaded.path)
		}
		return nil
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("%w: %s: %w; %s", ErrLibrary, path, err, wanted)
	}
	loaded.path = path
	return nil
}

// Version returns the version of the library that is loaded, such as 1.28.2, and the empty string if none is.
func Version() string {
	loaded.Lock()
	defer loaded.Unlock()
	if !ort.IsInitialized() {
		return ""
	}
	return ort.GetVersion()
}

// A session is a network that is ready to run.
type session struct{ s *ort.DynamicAdvancedSession }

// openSession reads a network, and the ports that it has.
func openSession(file string, o Options) (s *session, inputs, outputs []port, err error) {
	if err := load(o.Library); err != nil {
		return nil, nil, nil, err
	}
	damaged := func(err error) error { return fmt.Errorf("%w: %w", ErrNetwork, err) }
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, nil, nil, damaged(err)
	}
	defer options.Destroy()
	// The file is read twice: what tells the ports is a session of its own, for which nothing need be optimized.
	if err := errors.Join(options.SetLogSeverityLevel(ort.LoggingLevelFatal), options.SetIntraOpNumThreads(max(o.Threads, 1)), options.SetInterOpNumThreads(1),
		options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll)); err != nil {
		return nil, nil, nil, damaged(err)
	}
	in, out, err := ort.GetInputOutputInfoWithOptions(file, options)
	if err != nil {
		return nil, nil, nil, damaged(err)
	}
	if err := options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll); err != nil {
		return nil, nil, nil, damaged(err)
	}
	opened, err := ort.NewDynamicAdvancedSession(file, nil, nil, options)
	if err != nil {
		return nil, nil, nil, damaged(err)
	}
	return &session{opened}, portsOf(in), portsOf(out), nil
}

func portsOf(infos []ort.InputOutputInfo) []port {
	var ports []port
	for _, info := range infos {
		p := port{name: info.Name, dims: info.Dimensions, about: "of another type"}
		if info.OrtValueType == ort.ONNXTypeTensor {
			p.typ, p.about = elementOf(info.DataType)
		}
		ports = append(ports, p)
	}
	return ports
}

func elementOf(t ort.TensorElementDataType) (element, string) {
	switch t {
	case ort.TensorElementDataTypeFloat:
		return float32Element, "float32"
	case ort.TensorElementDataTypeDouble:
		return float64Element, "float64"
	case ort.TensorElementDataTypeInt32:
		return int32Element, "int32"
	case ort.TensorElementDataTypeInt64:
		return int64Element, "int64"
	case ort.TensorElementDataTypeFloat16:
		return unsupported, "float16"
	case ort.TensorElementDataTypeBFloat16:
		return unsupported, "bfloat16"
	case ort.TensorElementDataTypeBool:
		return unsupported, "bool"
	}
	return unsupported, t.String()
}

func (s *session) close() error { return s.s.Destroy() }

// A binding is a call in the making: tensors that are bound to the ports of a network. The first error is kept.
type binding struct {
	session *session
	io      *ort.IoBinding
	values  []ort.Value
	renew   []func(*call) error // of scalars, before each call
	pins    runtime.Pinner      // ONNX Runtime keeps the addresses
	err     error
}

func (b *binding) add(p port, rows int) tensor { return b.bind(p, rows, (*ort.IoBinding).BindInput) }

func (b *binding) addOutput(p port, rows int) tensor {
	return b.bind(p, rows, (*ort.IoBinding).BindOutput)
}

func (b *binding) bind(p port, rows int, bind func(*ort.IoBinding, string, ort.Value) error) tensor {
	if b.io == nil && b.err == nil {
		b.io, b.err = b.session.s.CreateIoBinding()
	}
	shape, n := p.shape, p.size
	if p.byRow {
		shape, n = slices.Concat([]int64{int64(rows)}, p.shape), rows*p.size
	}
	memory := newTensor(p.typ, n)
	if b.err != nil {
		return memory
	}
	switch e := memory.(type) {
	case elements[float32]:
		b.err = tie(b, p.name, shape, e, bind)
	case elements[float64]:
		b.err = tie(b, p.name, shape, e, bind)
	case elements[int32]:
		b.err = tie(b, p.name, shape, e, bind)
	case elements[int64]:
		b.err = tie(b, p.name, shape, e, bind)
	}
	return memory
}

// tie makes e the memory of the port of the given name.
func tie[T number](b *binding, name string, shape []int64, e elements[T], bind func(*ort.IoBinding, string, ort.Value) error) error {
	if len(shape) == 0 {
		// The binding has no scalars whose memory is ours, so there is a new one for each call. It keeps its memory until the next.
		i := len(b.values)
		b.values = append(b.values, nil)
		b.renew = append(b.renew, func(c *call) error {
			v, err := ort.NewScalar(e[0])
			if err != nil {
				return err
			}
			if err := bind(c.io, name, v); err != nil {
				return errors.Join(err, v.Destroy())
			}
			if old := c.values[i]; old != nil {
				old.Destroy() // returns nil
			}
			c.values[i] = v
			return nil
		})
		return nil
	}
	b.pins.Pin(unsafe.SliceData(e))
	v, err := ort.NewTensor(ort.NewShape(shape...), []T(e))
	if err != nil {
		return err
	}
	b.values = append(b.values, v)
	return bind(b.io, name, v)
}

// call returns the finished call.
func (b *binding) call() (*call, error) {
	c := &call{*b}
	if c.err != nil {
		c.close()
		return nil, c.err
	}
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.calls == nil {
		loaded.calls = map[*call]bool{}
	}
	loaded.calls[c] = true
	return c, nil
}

// A call is one that can be run again and again.
type call struct{ binding }

func (c *call) run() error {
	for _, renew := range c.renew {
		if err := renew(c); err != nil {
			return err
		}
	}
	return c.session.s.RunWithBinding(c.io)
}

func (c *call) close() {
	if c.io != nil {
		c.io.Destroy() // has no error to return
	}
	for _, v := range c.values {
		if v != nil {
			v.Destroy() // returns nil
		}
	}
	c.pins.Unpin()
	loaded.Lock()
	defer loaded.Unlock()
	delete(loaded.calls, c)
}
