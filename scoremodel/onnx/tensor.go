package onnx

import (
	"fmt"
	"math"
	"strings"
)

// An element is a type of elements of tensors.
type element int

// The types that networks may have at their ends.
const (
	unsupported element = iota
	float32Element
	float64Element
	int32Element
	int64Element
)

func (e element) String() string {
	return [...]string{"an unsupported type", "float32", "float64", "int32", "int64"}[e]
}

func (e element) isFloat() bool { return e == float32Element || e == float64Element }

// holds returns an error if v has no exact or nearest value of the type.
func (e element) holds(v float64) error {
	most := math.MaxFloat64
	switch e {
	case float32Element:
		most = math.MaxFloat32
	case int32Element:
		most = math.MaxInt32
	case int64Element:
		most = 1 << 53
	}
	if !(math.Abs(v) <= most) || !e.isFloat() && v != math.Trunc(v) {
		return fmt.Errorf("%v is no %v", v, e)
	}
	return nil
}

// unknown is the size of a dimension that the network leaves open.
const unknown = -1

// A port is an input or an output of a network.
type port struct {
	name  string
	typ   element
	about string // the type in the network's words
	dims  []int64

	// Of ports in use:
	byRow bool    // it has values for each row of the batch
	shape []int64 // of what it has for a row, or of all that it has
	size  int     // the number of elements of shape
}

// String describes the port, with N for what the network leaves open.
func (p port) String() string {
	var dims []string
	for _, d := range p.dims {
		if d == unknown {
			dims = append(dims, "N")
		} else {
			dims = append(dims, fmt.Sprint(d))
		}
	}
	return fmt.Sprintf("%s %s[%s]", p.name, p.about, strings.Join(dims, " "))
}

// count returns the number of elements of dims, and 0 if that is open.
func count(dims []int64) int {
	n := int64(1)
	for _, d := range dims {
		if d == unknown {
			return 0
		}
		n *= d
	}
	return int(n)
}

// A tensor is the memory of an input or output. Its elements are converted as they come and go.
type tensor interface {
	put(at int, values []float64)
	fill(v float64)
	repeat(at, n int) // copies the n elements at at over what follows, to the end
	get(dst []float64, at int)
}

type number interface {
	~float32 | ~float64 | ~int32 | ~int64
}

type elements[T number] []T

func newTensor(e element, n int) tensor {
	switch e {
	case float32Element:
		return make(elements[float32], n)
	case float64Element:
		return make(elements[float64], n)
	case int32Element:
		return make(elements[int32], n)
	case int64Element:
		return make(elements[int64], n)
	}
	panic("onnx: a tensor of " + e.String())
}

func (e elements[T]) put(at int, values []float64) {
	e = e[at : at+len(values)]
	for i, v := range values {
		e[i] = T(v)
	}
}

func (e elements[T]) fill(v float64) {
	for i := range e {
		e[i] = T(v)
	}
}

func (e elements[T]) repeat(at, n int) {
	for to := at + n; to < len(e); to += n {
		copy(e[to:], e[at:at+n])
	}
}

func (e elements[T]) get(dst []float64, at int) {
	for i, v := range e[at : at+len(dst)] {
		dst[i] = float64(v)
	}
}
