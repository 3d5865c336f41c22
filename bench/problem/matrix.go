package problem

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"codeberg.org/sbinet/npyio/npy"
	"gonum.org/v1/gonum/mat"
)

// ReadMatrix reads a matrix of finite numbers, row-major, from a file whose extension says what it is:
//
//	.npy  NumPy's format: a one- or two-dimensional array of float32 or float64 in C order. One dimension
//	      is a single column.
//	.csv  comma-separated values, a row per line and no line of headings. Blank lines and lines that begin
//	      with # are skipped.
//
// Its errors are one line that begins with path and names the place of the fault.
func ReadMatrix(path string) (data []float64, rows, cols int, err error) {
	if err := checkExtension(path); err != nil {
		return nil, 0, 0, err
	}
	file, err := readFile(path)
	if err != nil {
		return nil, 0, 0, err
	}
	return parseMatrix(path, file)
}

// ReadTensor3 reads finite numbers from a three-dimensional .npy array of float32 or float64 in C order,
// draws × rows × dim: one slice of rows rows of dim numbers, row-major, per draw, as sde.Replay takes
// them. Its errors are as those of ReadMatrix.
func ReadTensor3(path string) (data [][]float64, rows, dim int, err error) {
	if extension(path) != ".npy" {
		return nil, 0, 0, fmt.Errorf("%s: want a file that ends in .npy", path)
	}
	file, err := readFile(path)
	if err != nil {
		return nil, 0, 0, err
	}
	return parseTensor3(path, file)
}

// WriteMatrix writes a row-major matrix to a file that ReadMatrix reads to the same bits: a float64 array if
// path ends in .npy, text if in .csv. Until all is written the file has a temporary name in the same folder, so
// that nobody finds half a file. Numbers that are not finite, which ReadMatrix refuses, are written as they are.
// It panics if the matrix is empty or len(data) is not rows·cols.
func WriteMatrix(path string, data []float64, rows, cols int) error {
	if rows <= 0 || cols <= 0 || len(data) != rows*cols {
		panic("problem: the data are not rows × cols")
	}
	if err := checkExtension(path); err != nil {
		return err
	}
	return writeFile(path, func(w io.Writer) error {
		if extension(path) == ".npy" {
			return npy.Write(w, mat.NewDense(rows, cols, data))
		}
		return writeCSV(w, data, cols)
	})
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

func checkExtension(path string) error {
	if e := extension(path); e != ".npy" && e != ".csv" {
		return fmt.Errorf("%s: want a file that ends in .npy or .csv", path)
	}
	return nil
}

// readFile is os.ReadFile with errors that begin with the path.
func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	return data, nameFirst(path, err)
}

// nameFirst turns "open p: no such file" into "path: no such file".
func nameFirst(path string, err error) error {
	if err == nil {
		return nil
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// writeFile writes a file under a temporary name and renames it when it is complete.
func writeFile(path string, write func(w io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return nameFirst(path, err)
	}
	defer func() {
		if err != nil {
			f.Close() // a second Close does no harm
			os.Remove(f.Name())
			err = nameFirst(path, err)
		}
	}()
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil { // a temporary file is its owner's alone
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// parseMatrix reads the contents of a file that ReadMatrix takes.
func parseMatrix(path string, file []byte) (data []float64, rows, cols int, err error) {
	if extension(path) == ".csv" {
		data, cols, err = parseCSV(file)
	} else {
		var shape []int
		data, shape, err = parseNPY(file)
		switch {
		case err != nil:
		case len(shape) == 1:
			cols = 1
		case len(shape) == 2:
			cols = shape[1]
		default:
			err = fmt.Errorf("the array has %d dimensions, want 1 or 2", len(shape))
		}
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	return data, len(data) / cols, cols, nil
}

// parseTensor3 reads the contents of a file that ReadTensor3 takes.
func parseTensor3(path string, file []byte) (data [][]float64, rows, dim int, err error) {
	flat, shape, err := parseNPY(file)
	if err == nil && len(shape) != 3 {
		err = fmt.Errorf("the array has %d dimensions, want 3: draws, rows, elements of a row", len(shape))
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	size := shape[1] * shape[2]
	for lo := 0; lo < len(flat); lo += size {
		data = append(data, flat[lo:lo+size:lo+size])
	}
	return data, shape[1], shape[2], nil
}

// parseNPY returns the values of a .npy file and its shape, in which no length is 0.
func parseNPY(file []byte) (values []float64, shape []int, err error) {
	body := bytes.NewReader(file)
	r, err := npyHeader(file, body)
	if err != nil {
		return nil, nil, err
	}
	shape = r.Header.Descr.Shape
	dtype := strings.Trim(r.Header.Descr.Type, "'")
	width := map[string]int{"<f4": 4, ">f4": 4, "<f8": 8, ">f8": 8}[dtype]
	switch {
	case width == 0:
		return nil, nil, fmt.Errorf("the data type is %q, want float32 or float64", abbreviate(dtype))
	case r.Header.Descr.Fortran:
		return nil, nil, errors.New("the array is in Fortran order, want C order: numpy.ascontiguousarray makes it so")
	}
	count := 1
	for _, n := range shape {
		switch {
		case n < 0:
			return nil, nil, fmt.Errorf("the shape is %v", shape)
		case n == 0:
			return nil, nil, fmt.Errorf("the array is empty: its shape is %v", shape)
		case count > len(file)/n: // more than a byte each; a product that may overflow is not formed
			return nil, nil, fmt.Errorf("%d bytes of values are too few for shape %v", body.Len(), shape)
		}
		count *= n
	}
	// npyio allocates what the header says and takes missing values for 0, so all of them must be there.
	if have, want := body.Len(), count*width; have != want {
		return nil, nil, fmt.Errorf("%d bytes of values, want %d for shape %v of %s", have, want, shape, dtype)
	}
	if width == 8 {
		err = r.Read(&values)
	} else {
		var narrow []float32
		err = r.Read(&narrow)
		values = make([]float64, len(narrow))
		for i, v := range narrow {
			values[i] = float64(v)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, fmt.Errorf("element %v: %v: want a finite number", position(i, shape), v)
		}
	}
	return values, shape, nil
}

// npyHeader reads the header of a .npy file from r. On a corrupt one, npyio may slice out of range or allocate
// the 4 GB that version 2 has room for.
func npyHeader(file []byte, r io.Reader) (_ *npy.Reader, err error) {
	if !bytes.HasPrefix(file, npy.Magic[:]) {
		return nil, errors.New("not a .npy file")
	}
	const prefix = 12 // magic, version, and the length of the header: 2 bytes in version 1, 4 in version 2
	if len(file) < prefix {
		return nil, errors.New("truncated in the header")
	}
	length := int(binary.LittleEndian.Uint16(file[8:]))
	switch file[6] {
	case 1:
		length -= 2 // which are in the prefix
	case 2:
		length = int(binary.LittleEndian.Uint32(file[8:]))
	default:
		return nil, fmt.Errorf("version %d of the format, want 1 or 2", file[6])
	}
	if length > len(file)-prefix {
		return nil, errors.New("truncated in the header")
	}
	corrupt := errors.New("the header is corrupt")
	defer func() {
		if recover() != nil {
			err = corrupt
		}
	}()
	reader, err := npy.NewReader(r)
	if err != nil {
		return nil, corrupt // the error may quote the header, line breaks included
	}
	return reader, nil
}

// position returns the indices of element i of an array.
func position(i int, shape []int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d] = i % shape[d]
		i /= shape[d]
	}
	return at
}

// parseCSV returns the values of a .csv file.
func parseCSV(file []byte) (values []float64, cols int, err error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff")))) // the mark that Excel writes
	r.Comment = '#'
	r.TrimLeadingSpace = true
	r.ReuseRecord = true
	r.FieldsPerRecord = -1 // see below
	for {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			return nil, 0, fmt.Errorf("line %d: %w", syntax.Line, syntax.Err)
		}
		if err != nil {
			return nil, 0, err
		}
		line, _ := r.FieldPos(0)
		if cols == 0 {
			cols = len(record)
		}
		if len(record) != cols {
			return nil, 0, fmt.Errorf("line %d: %d columns, want %d as before", line, len(record), cols)
		}
		for i, field := range record {
			v, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, 0, fmt.Errorf("line %d, column %d: %q: want a finite number", line, i+1, abbreviate(field))
			}
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil, 0, errors.New("no rows")
	}
	return values, cols, nil
}

// writeCSV writes each number with the fewest digits that identify it.
func writeCSV(w io.Writer, values []float64, cols int) error {
	var line []byte
	for i, v := range values {
		line = strconv.AppendFloat(line, v, 'g', -1, 64)
		if (i+1)%cols != 0 {
			line = append(line, ',')
			continue
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		line = line[:0]
	}
	return nil
}
