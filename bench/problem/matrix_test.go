package problem_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/bench/problem"
)

// npyFile returns a version 1 file as numpy.save writes it: the header padded to a multiple of 64 bytes.
func npyFile(dtype, order, shape string, values any) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", dtype, order, shape)
	const before = 10 // magic, version, length
	padding := 63 - (before+len(header))%64
	header += strings.Repeat(" ", padding) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	b = append(b, header...)
	var byteOrder binary.AppendByteOrder = binary.LittleEndian
	if strings.HasPrefix(dtype, ">") {
		byteOrder = binary.BigEndian
	}
	switch values := values.(type) {
	case []float64:
		for _, v := range values {
			b = byteOrder.AppendUint64(b, math.Float64bits(v))
		}
	case []float32:
		for _, v := range values {
			b = byteOrder.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

// version2 turns a version 1 file into one of version 2, whose header has a length of four bytes.
func version2(file []byte) []byte {
	return append([]byte("\x93NUMPY\x02\x00"), append([]byte{file[8], file[9], 0, 0}, file[10:]...)...)
}

// awkward are numbers whose bits are easily lost.
var awkward = []float64{0, math.Copysign(0, -1), 1.0 / 3, math.Pi, 5e-324, -0x1p-1022, math.MaxFloat64, 1e22, 123456789.123456789, 0.1, -1e-7, 1 << 53}

// bits compares what == does not: the sign of zero.
func bits(values []float64) []uint64 {
	var b []uint64
	for _, v := range values {
		b = append(b, math.Float64bits(v))
	}
	return b
}

func TestWriteMatrix(t *testing.T) {
	for _, name := range []string{"x.npy", "x.csv", "X.NPY", "a b.c.csv"} {
		for _, shape := range [][2]int{{12, 1}, {1, 12}, {3, 4}} {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			for range 2 { // the second time over the first
				if err := problem.WriteMatrix(path, awkward, shape[0], shape[1]); err != nil {
					t.Fatal(err)
				}
			}
			got, rows, cols, err := problem.ReadMatrix(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(shape, [2]int{rows, cols}); diff != "" {
				t.Errorf("%s: shape (-want +got):\n%s", name, diff)
			}
			if diff := cmp.Diff(bits(awkward), bits(got)); diff != "" {
				t.Errorf("%s: bits (-want +got):\n%s", name, diff)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("WriteMatrix(%q) left %v, %v, want one file", name, entries, err)
			}
		}
	}
}

func TestWriteMatrixErrors(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder.npy")
	if err := os.MkdirAll(filepath.Join(folder, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, want string }{ // of the error, the beginning
		{"x.txt", "x.txt: want a file that ends in .npy or .csv"},
		{"x", "x: want a file that ends in .npy or .csv"},
		{"none/x.npy", "none/x.npy: no such file or directory"},
		{"folder.npy", "folder.npy: "},
	}
	for _, test := range tests {
		err := problem.WriteMatrix(filepath.Join(dir, test.name), []float64{1}, 1, 1)
		if want := filepath.Join(dir, test.want); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("WriteMatrix(%q) = %v, want %s", test.name, err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("failures left %v, %v, want the folder only", entries, err)
	}
}

func TestWriteMatrixPanics(t *testing.T) {
	for _, shape := range [][2]int{{2, 3}, {0, 0}, {-1, -4}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("WriteMatrix of 4 numbers as %v did not panic", shape)
				}
			}()
			problem.WriteMatrix(filepath.Join(t.TempDir(), "x.npy"), make([]float64, 4), shape[0], shape[1])
		}()
	}
}

// A matrix is what ReadMatrix returns.
type matrix struct {
	Data       []float64
	Rows, Cols int
}

func TestReadMatrix(t *testing.T) {
	six := []float64{1, 2, 3, 4, 5, 6.5}
	sixNarrow := []float32{1, 2, 3, 4, 5, 6.5}
	tests := []struct {
		about, name string
		file        []byte
		want        matrix
	}{
		{"float64", "x.npy", npyFile("<f8", "False", "(2, 3)", six), matrix{six, 2, 3}},
		{"big endian", "x.npy", npyFile(">f8", "False", "(2, 3)", six), matrix{six, 2, 3}},
		{"float32", "x.npy", npyFile("<f4", "False", "(3, 2)", sixNarrow), matrix{six, 3, 2}},
		{"float32, big endian", "x.npy", npyFile(">f4", "False", "(3, 2)", sixNarrow), matrix{six, 3, 2}},
		{"float32 is not rounded", "x.npy", npyFile("<f4", "False", "(2,)", []float32{0.1, 1e-45}), matrix{[]float64{float64(float32(0.1)), 0x1p-149}, 2, 1}},
		{"one dimension", "x.npy", npyFile("<f8", "False", "(6,)", six), matrix{six, 6, 1}},
		{"version 2", "x.npy", version2(npyFile("<f8", "False", "(2, 3)", six)), matrix{six, 2, 3}},
		{"csv", "x.csv", []byte("1,2,3\n4,5,6.5\n"), matrix{six, 2, 3}},
		{"csv without a last line break", "x.csv", []byte("1,2,3\n4,5,6.5"), matrix{six, 2, 3}},
		{"csv from Excel", "x.csv", []byte("\ufeff1,2,3\r\n4,5,6.5\r\n"), matrix{six, 2, 3}},
		{"csv with spaces, quotes and comments", "x.csv", []byte("# six\n\n 1, \"2\",3\n4 ,5e0,+6.5\n\n"), matrix{six, 2, 3}},
		{"csv of one column", "x.csv", []byte("1\n2\n"), matrix{[]float64{1, 2}, 2, 1}},
		{"csv in hexadecimal", "x.csv", []byte("0x1p-3,-0"), matrix{[]float64{0.125, math.Copysign(0, -1)}, 1, 2}},
	}
	for _, test := range tests {
		path := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(path, test.file, 0o644); err != nil {
			t.Fatal(err)
		}
		data, rows, cols, err := problem.ReadMatrix(path)
		if err != nil {
			t.Errorf("%s: %v", test.about, err)
			continue
		}
		if diff := cmp.Diff(test.want, matrix{data, rows, cols}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.about, diff)
		}
	}
}

func TestReadMatrixErrors(t *testing.T) {
	one := []float64{1}
	good := npyFile("<f8", "False", "(1, 1)", one)
	header := len(good) - 8
	edit := func(from, to string) []byte { return bytes.Replace(good, []byte(from), []byte(to), 1) }
	tests := []struct {
		name string
		file []byte
		want string // after the name
	}{
		{"x.npy", nil, "not a .npy file"},
		{"x.npy", []byte("1,2\n3,4\n"), "not a .npy file"},
		{"x.npy", []byte("PK\x03\x04 is what .npz files begin with"), "not a .npy file"},
		{"x.npy", good[:7], "truncated in the header"},
		{"x.npy", good[:11], "truncated in the header"},
		{"x.npy", good[:40], "truncated in the header"},
		{"x.npy", good[:header], "0 bytes of values, want 8 for shape [1 1] of <f8"},
		{"x.npy", good[:header+7], "7 bytes of values, want 8 for shape [1 1] of <f8"},
		{"x.npy", append(good[:len(good):len(good)], 0), "9 bytes of values, want 8 for shape [1 1] of <f8"},
		{"x.npy", edit("\x01\x00", "\x03\x00"), "version 3 of the format, want 1 or 2"},
		{"x.npy", edit("\x01\x00v\x00", "\x02\x00\xff\xff\xff\xff"), "truncated in the header"},
		{"x.npy", edit("\n", " "), "the header is corrupt"},
		{"x.npy", edit("{'descr'", "{'dtype'"), "the header is corrupt"},
		{"x.npy", edit("False", "Maybe"), "the header is corrupt"},
		{"x.npy", edit("}", " "), "the header is corrupt"},
		{"x.npy", edit("(1, 1)", "(1, x)"), "the header is corrupt"},
		{"x.npy", edit("(1, 1)", "(-1,1)"), "the shape is [-1 1]"},
		{"x.npy", npyFile("<f8", "False", "(0, 3)", nil), "the array is empty: its shape is [0 3]"},
		{"x.npy", npyFile("<f8", "False", "()", one), "the array has 0 dimensions, want 1 or 2"},
		{"x.npy", npyFile("<f8", "False", "(1, 1, 1)", one), "the array has 3 dimensions, want 1 or 2"},
		{"x.npy", npyFile("<f8", "False", "(1000000000, 1000000000)", one), "8 bytes of values are too few for shape [1000000000 1000000000]"},
		{"x.npy", npyFile("<f8", "False", "(4294967296, 4294967296)", nil), "0 bytes of values are too few for shape [4294967296 4294967296]"},
		{"x.npy", npyFile("<f8", "True", "(1, 1)", one), "the array is in Fortran order, want C order: numpy.ascontiguousarray makes it so"},
		{"x.npy", npyFile("<i8", "False", "(1, 1)", one), `the data type is "<i8", want float32 or float64`},
		{"x.npy", npyFile("<f2", "False", "(1, 1)", one), `the data type is "<f2", want float32 or float64`},
		{"x.npy", npyFile("|O", "False", "(1, 1)", one), `the data type is "|O", want float32 or float64`},
		{"x.npy", npyFile("<f8", "False", "(2, 3)", []float64{1, 2, 3, 4, math.NaN(), 6}), "element [1 1]: NaN: want a finite number"},
		{"x.npy", npyFile("<f4", "False", "(2,)", []float32{1, float32(math.Inf(-1))}), "element [1]: -Inf: want a finite number"},

		{"x.csv", nil, "no rows"},
		{"x.csv", []byte("# nothing\n\n"), "no rows"},
		{"x.csv", []byte("x,y\n1,2\n"), `line 1, column 1: "x": want a finite number`},
		{"x.csv", []byte("1,2\n\n3\n"), "line 3: 1 columns, want 2 as before"},
		{"x.csv", []byte("1,2\n3,4,5\n"), "line 2: 3 columns, want 2 as before"},
		{"x.csv", []byte("1,2,\n"), `line 1, column 3: "": want a finite number`},
		{"x.csv", []byte("1 2\n"), `line 1, column 1: "1 2": want a finite number`},
		{"x.csv", []byte("1,nan\n"), `line 1, column 2: "nan": want a finite number`},
		{"x.csv", []byte("1\n-inf\n"), `line 2, column 1: "-inf": want a finite number`},
		{"x.csv", []byte("1e999\n"), `line 1, column 1: "1e999": want a finite number`},
		{"x.csv", []byte("1,\"2\n3"), `line 2: extraneous or missing " in quoted-field`},
		{"x.csv", []byte("1,2\"\n"), `line 1: bare " in non-quoted-field`},
		{"x.csv", []byte("1,\"2\n3\"\n"), `line 1, column 2: "2\n3": want a finite number`},
		{"x.csv", good, `line 1, column 1: "\x93NUMPY\x01\x00v\x00{'descr': '<f8'": want a finite number`},
	}
	for _, test := range tests {
		want := test.name + ": " + test.want
		if _, _, _, err := problem.ParseMatrix(test.name, test.file); err == nil || err.Error() != want {
			t.Errorf("ParseMatrix(%q, %.120q) =\n\t%v, want\n\t%s", test.name, test.file, err, want)
		}
	}

	dir := t.TempDir()
	for name, want := range map[string]string{
		"none.npy": "none.npy: no such file or directory",
		"none.txt": "none.txt: want a file that ends in .npy or .csv",
		"none":     "none: want a file that ends in .npy or .csv",
	} {
		_, _, _, err := problem.ReadMatrix(filepath.Join(dir, name))
		if want := filepath.Join(dir, want); err == nil || err.Error() != want {
			t.Errorf("ReadMatrix(%q) = %v, want %s", name, err, want)
		}
	}
	if _, _, _, err := problem.ReadMatrix(filepath.Join(dir, "none.npy")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ReadMatrix of no file = %v, want an error that is os.ErrNotExist", err)
	}
}

func TestReadTensor3(t *testing.T) {
	// A tensor is what ReadTensor3 returns.
	type tensor struct {
		Data      [][]float64
		Rows, Dim int
	}
	path := filepath.Join(t.TempDir(), "noise.npy")
	want := tensor{[][]float64{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}}, 3, 2}
	for _, file := range [][]byte{
		npyFile("<f8", "False", "(2, 3, 2)", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
		npyFile("<f4", "False", "(2, 3, 2)", []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
	} {
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		data, rows, dim, err := problem.ReadTensor3(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, tensor{data, rows, dim}); diff != "" {
			t.Errorf("ReadTensor3 (-want +got):\n%s", diff)
		}
	}

	tests := []struct {
		file []byte
		want string
	}{
		{npyFile("<f8", "False", "(1, 1)", []float64{1}), "x.npy: the array has 2 dimensions, want 3: draws, rows, elements of a row"},
		{npyFile("<f8", "False", "(1, 1, 2)", []float64{1, math.NaN()}), "x.npy: element [0 0 1]: NaN: want a finite number"},
		{npyFile("<f8", "False", "(2, 1, 2)", []float64{1, 2}), "x.npy: 16 bytes of values, want 32 for shape [2 1 2] of <f8"},
	}
	for _, test := range tests {
		if _, _, _, err := problem.ParseTensor3("x.npy", test.file); err == nil || err.Error() != test.want {
			t.Errorf("ParseTensor3(%q) = %v, want %s", test.file, err, test.want)
		}
	}
	if _, _, _, err := problem.ReadTensor3("x.csv"); err == nil || err.Error() != "x.csv: want a file that ends in .npy" {
		t.Errorf("ReadTensor3(x.csv) = %v, want x.csv: want a file that ends in .npy", err)
	}
}

// FuzzReadMatrix demands that no file makes a reader panic or allocate more than its size warrants, and that
// what is read is a matrix of finite numbers.
func FuzzReadMatrix(f *testing.F) {
	six := []float64{1, 2, 3, 4, 5, 6.5}
	f.Add(npyFile("<f8", "False", "(2, 3)", six), false)
	f.Add(npyFile(">f8", "False", "(1, 2, 3)", six), false)
	f.Add(npyFile("<f4", "False", "(2, 1)", []float32{1, 2}), false)
	f.Add(version2(npyFile("<f8", "True", "(6,)", six)), false)
	f.Add(npyFile("<f8", "False", "(99999999999, 99999999999)", six), false)
	f.Add([]byte("1,2\n3,4\n"), true)
	f.Add([]byte("# c\n\"1\",-2e-3\r\n\n0x1p3, inf\n"), true)
	f.Fuzz(func(t *testing.T, file []byte, text bool) {
		name := "x.npy"
		if text {
			name = "x.csv"
		}
		check := func(data []float64, rows, cols int, err error) {
			if err != nil {
				if message := err.Error(); !strings.HasPrefix(message, name+": ") || strings.ContainsAny(message, "\r\n") {
					t.Errorf("%q: %q, want one line", file, message)
				}
				return
			}
			if rows <= 0 || cols <= 0 || len(data) != rows*cols || len(data) > len(file) {
				t.Errorf("%q: %d × %d of %d values", file, rows, cols, len(data))
			}
			for _, v := range data {
				if v-v != 0 {
					t.Errorf("%q: a value is %v", file, v)
				}
			}
		}
		check(problem.ParseMatrix(name, file))
		if !text {
			data, rows, dim, err := problem.ParseTensor3(name, file)
			check(flatten(data), len(data)*rows, dim, err)
		}
	})
}

func flatten(rows [][]float64) []float64 {
	var flat []float64
	for _, row := range rows {
		flat = append(flat, row...)
	}
	return flat
}
