package problem

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// ReadReal reads samples of real data, of n those that kept names. Of images of bytes, as in MNIST's IDX files, gzipped or
// not, each is a row of pixels v/127.5 - 1, from -1 to 1; a .npy or .csv file is a matrix of one sample per row, as it is.
//
// classes is the file of the samples' classes, in the order of the samples: bytes in IDX, or whole numbers in a matrix of one column. If it is empty
// the classes are nil.
//
// Its errors are one line that begins with the file.
func ReadReal(samples, classes string, kept func(n int) []int) (real []float64, labels []int, dim int, err error) {
	t, err := readTable(samples)
	if err != nil {
		return nil, nil, 0, err
	}
	if t.rows == 0 || t.cols == 0 {
		return nil, nil, 0, fmt.Errorf("%s: no samples", samples)
	}
	var c table
	if classes != "" {
		if c, err = readTable(classes); err != nil {
			return nil, nil, 0, err
		}
		if c.cols != 1 || c.rows != t.rows {
			return nil, nil, 0, fmt.Errorf("%s: %d x %d values, want one class for each of the %d samples", classes, c.rows, c.cols, t.rows)
		}
	}
	for _, row := range kept(t.rows) {
		for col := range t.cols {
			v := t.at(row, col)
			if t.bytes != nil {
				v = v/127.5 - 1
			}
			real = append(real, v)
		}
		if classes == "" {
			continue
		}
		v := c.at(row, 0)
		if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
			return nil, nil, 0, fmt.Errorf("%s: class %d is %v, want a whole number", classes, row, v)
		}
		labels = append(labels, int(v))
	}
	return real, labels, t.cols, nil
}

// A table is a file of numbers, row-major: of bytes or else of floats.
type table struct {
	bytes      []byte
	floats     []float64
	rows, cols int
}

func (t table) at(row, col int) float64 {
	if t.bytes != nil {
		return float64(t.bytes[row*t.cols+col])
	}
	return t.floats[row*t.cols+col]
}

func readTable(path string) (table, error) {
	if e := extension(path); e == ".npy" || e == ".csv" {
		values, rows, cols, err := ReadMatrix(path)
		return table{floats: values, rows: rows, cols: cols}, err
	}
	file, err := readFile(path)
	if err != nil {
		return table{}, err
	}
	t, err := parseIDX(file)
	return t, nameFirst(path, err)
}

// parseIDX reads the IDX format of bytes, gzipped or not: two zeros, 8 for the type, the number of dimensions, then each of them as four bytes, the most significant
// first, and the values, the last dimension running fastest. The first dimension is that of rows.
//
//	http://yann.lecun.com/exdb/mnist, "The IDX file format"
func parseIDX(file []byte) (table, error) {
	r := io.Reader(bytes.NewReader(file))
	if bytes.HasPrefix(file, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return table{}, err
		}
		r = z
	}
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || !bytes.HasPrefix(head[:], []byte{0, 0, 8}) || head[3] == 0 || head[3] > 8 {
		return table{}, errors.New("not an IDX file of bytes; want one, gzipped or not, or a file that ends in .npy or .csv")
	}
	extents := make([]uint32, head[3])
	if err := binary.Read(r, binary.BigEndian, extents); err != nil {
		return table{}, fmt.Errorf("IDX: the dimensions: %w", err)
	}
	const most = 1 << 30
	size := uint64(1)
	for _, n := range extents {
		if size *= uint64(n); size > most {
			return table{}, fmt.Errorf("IDX: of dimensions %v, want at most %d values", extents, most)
		}
	}
	// Read as it comes: a header may promise more than there is.
	values, err := io.ReadAll(io.LimitReader(r, int64(size)+1))
	if err != nil {
		return table{}, fmt.Errorf("IDX: %w", err)
	}
	if n := uint64(len(values)); n != size {
		there := "fewer"
		if n > size {
			there = "more"
		}
		return table{}, fmt.Errorf("IDX: of dimensions %v, but there are %s than %d values", extents, there, size)
	}
	t := table{bytes: values, rows: int(extents[0])}
	if size > 0 {
		t.cols = int(size) / t.rows
	}
	return t, nil
}
