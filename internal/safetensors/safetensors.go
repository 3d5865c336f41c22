// Package safetensors reads weights from the safetensors format: the length of a header, eight little-endian
// bytes; the header, a JSON object that gives name, type, shape and place of each tensor; and the tensors, row-major, one after the other.
//
// Only single precision, "F32", is read. Files of any content are safe to read: what is allocated is bounded by the length of the file.
//
// References:
//
//	https://huggingface.co/docs/safetensors, "Format"
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ErrFormat is wrapped by the errors of Read.
var ErrFormat = errors.New("not a safetensors file of float32")

// A Tensor is a row-major array. Its zero value is a scalar without a value.
type Tensor struct {
	Shape []int
	Data  []float32 // as many as the product of the shape
}

// maxHeader is the format's own limit.
const maxHeader = 100_000_000

// Read returns the tensors of a file by name. It returns an error that wraps ErrFormat unless the tensors are all F32 and fill the
// file after its header without gap and overlap. The Tensors do not refer to file.
func Read(file []byte) (map[string]Tensor, error) {
	header, data, err := split(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	entries, err := decode(header)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrFormat, err)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return slices.Compare(a.Offsets, b.Offsets)
	})
	tensors, at := map[string]Tensor{}, 0
	for _, e := range entries {
		begin, end := e.Offsets[0], e.Offsets[1]
		if begin != at || end < begin || end > len(data) {
			return nil, fmt.Errorf("%w: tensor %q is at [%d, %d), want it to begin at %d and to end within the %d bytes of data", ErrFormat, e.name, begin, end, at, len(data))
		}
		n, err := elements(e.Shape, (end-begin)/4)
		if err != nil || 4*n != end-begin {
			return nil, fmt.Errorf("%w: tensor %q of shape %v has %d bytes", ErrFormat, e.name, e.Shape, end-begin)
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[begin+4*i:]))
		}
		tensors[e.name] = Tensor{Shape: e.Shape, Data: values}
		at = end
	}
	if at != len(data) {
		return nil, fmt.Errorf("%w: %d bytes follow the tensors", ErrFormat, len(data)-at)
	}
	return tensors, nil
}

// split returns the header and what follows it.
func split(file []byte) (header, data []byte, err error) {
	const size = 8
	if len(file) < size {
		return nil, nil, fmt.Errorf("%d bytes, too few for the length of the header", len(file))
	}
	n, rest := binary.LittleEndian.Uint64(file), file[size:]
	if n > maxHeader || n > uint64(len(rest)) {
		return nil, nil, fmt.Errorf("a header of %d bytes, of %d that are there and %d that the format allows", n, len(rest), maxHeader)
	}
	return rest[:n], rest[n:], nil
}

// An entry is what the header says of a tensor.
type entry struct {
	name    string
	Type    string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"` // begin and end, in bytes of the data
}

// decode reads the members of the header one by one, so that none is given twice: a decoder into a map would keep the last.
func decode(header []byte) ([]entry, error) {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("no JSON object: %v, %v", t, err)
	}
	var entries []entry
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // as the keys of an object are
		if seen[name] {
			return nil, fmt.Errorf("tensor %q is there twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			var text map[string]string
			if err := d.Decode(&text); err != nil {
				return nil, fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		e := entry{name: name}
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if e.Type != "F32" {
			return nil, fmt.Errorf("tensor %q is of type %q, want F32", name, e.Type)
		}
		if len(e.Offsets) != 2 {
			return nil, fmt.Errorf("tensor %q has %d offsets, want 2", name, len(e.Offsets))
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, err
	}
	if t, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%v, %v after the JSON object", t, err)
	}
	return entries, nil
}

// elements returns the product of a shape, or an error if it is more than most.
func elements(shape []int, most int) (int, error) {
	if slices.ContainsFunc(shape, func(n int) bool { return n < 0 }) {
		return 0, errors.New("a negative extent")
	}
	if slices.Contains(shape, 0) {
		return 0, nil
	}
	product := 1
	for _, n := range shape {
		if n > most/product { // product·n > most, without overflow
			return 0, errors.New("too many elements")
		}
		product *= n
	}
	return product, nil
}
