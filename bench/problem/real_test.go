package problem_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/problem"
)

// idx returns a file of bytes with the given dimensions.
func idx(values []byte, extents ...uint32) []byte {
	file := []byte{0, 0, 8, byte(len(extents))}
	for _, n := range extents {
		file = binary.BigEndian.AppendUint32(file, n)
	}
	return append(file, values...)
}

func gzipped(t testing.TB, file []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadReal(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, file []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	images := idx([]byte{0, 255, 51, 204, 102, 153}, 3, 1, 2) // v/127.5 - 1: -1, 1, -0.6, 0.6, -0.2, 0.2
	plain, zipped := write("images-idx3-ubyte", images), write("images.gz", gzipped(t, images))
	classes := write("labels.gz", gzipped(t, idx([]byte{7, 0, 255}, 3)))
	rows, column := write("rows.csv", []byte("-1,3\n0.5,2\n7,8\n")), write("column.csv", []byte("-1\n0\n3\n"))
	five := write("five.csv", []byte("1\n2\n3\n4\n5\n"))
	type real struct {
		Values []float64
		Labels []int
		Dim    int
	}
	for _, c := range []struct {
		samples, classes string
		kept             []int
		want             real
	}{
		{plain, "", []int{0, 1, 2}, real{[]float64{-1, 1, 51/127.5 - 1, 204/127.5 - 1, 102/127.5 - 1, 153/127.5 - 1}, nil, 2}},
		{zipped, classes, []int{0, 1, 2}, real{[]float64{-1, 1, 51/127.5 - 1, 204/127.5 - 1, 102/127.5 - 1, 153/127.5 - 1}, []int{7, 0, 255}, 2}},
		{zipped, column, []int{0, 1}, real{[]float64{-1, 1, 51/127.5 - 1, 204/127.5 - 1}, []int{-1, 0}, 2}},
		{rows, classes, []int{0}, real{[]float64{-1, 3}, []int{7}, 2}},
		{five, five, []int{1, 4}, real{[]float64{2, 5}, []int{2, 5}, 1}},
	} {
		var got real
		var err error
		if got.Values, got.Labels, got.Dim, err = problem.ReadReal(c.samples, c.classes, func(int) []int { return c.kept }); err != nil {
			t.Errorf("%s, %s: %v", c.samples, c.classes, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-15)); diff != "" {
			t.Errorf("%s, %s, %d (-want +got):\n%s", c.samples, c.classes, c.kept, diff)
		}
	}

	cut := gzipped(t, images)
	for _, c := range []struct{ samples, classes, want string }{
		{filepath.Join(dir, "none"), "", "no such file"},
		{write("empty", nil), "", "not an IDX file of bytes"},
		{write("text", []byte("seven")), "", "want one, gzipped or not, or a file that ends in .npy or .csv"},
		{write("floats", []byte{0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0}), "", "not an IDX file of bytes"},
		{write("scalar", []byte{0, 0, 8, 0}), "", "not an IDX file of bytes"},
		{write("deep", idx(nil, 0, 0, 0, 0, 0, 0, 0, 0, 0)), "", "not an IDX file of bytes"},
		{write("short", images[:9]), "", "the dimensions"},
		{write("few", images[:len(images)-1]), "", "of dimensions [3 1 2], but there are fewer than 6 values"},
		{write("many", idx([]byte{1, 2, 3}, 2, 1)), "", "but there are more than 2 values"},
		{write("absurd", idx(nil, 1<<31, 1<<31, 1<<31)), "", "want at most"},
		{write("none of them", idx(nil, 0, 28, 28)), "", "no samples"},
		{write("of nothing", idx(nil, 3, 0)), "", "no samples"},
		{write("cut", cut[:len(cut)-9]), "", "EOF"},
		{write("zip of nothing", cut[:5]), "", "EOF"},
		{plain, plain, "3 x 2 values, want one class for each of the 3 samples"},
		{plain, write("two", idx([]byte{1, 2}, 2)), "2 x 1 values, want one class for each of the 3 samples"},
		{plain, write("half.csv", []byte("1\n0.5\n2\n")), "class 1 is 0.5, want a whole number"},
		{write("nan.csv", []byte("1\nNaN\n2\n")), "", "NaN"},
	} {
		_, _, _, err := problem.ReadReal(c.samples, c.classes, func(n int) []int { return []int{0, 1, 2}[:n] })
		about := c.samples
		if c.classes != "" {
			about = c.classes
		}
		if err == nil || !strings.HasPrefix(err.Error(), about+": ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, %s: error %v, want one line about %s that says %q", c.samples, c.classes, err, about, c.want)
		}
	}
}

// FuzzParseIDX demands that no file makes the reader panic, and that what is read is all of a table.
func FuzzParseIDX(f *testing.F) {
	f.Add(idx([]byte{1, 2, 3, 4, 5, 6}, 3, 1, 2))
	f.Add(gzipped(f, idx([]byte{1, 2, 3}, 3)))
	f.Add(idx(nil, 1<<31, 1<<31, 1<<31))
	f.Add(idx(nil, 1<<29, 2))
	f.Add(idx(nil, 0, 1<<31))
	f.Fuzz(func(t *testing.T, file []byte) {
		values, rows, cols, err := problem.ParseIDX(file)
		if err != nil {
			if values != nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %d values and %v", file, len(values), err)
			}
			return
		}
		if rows < 0 || cols < 0 || rows*cols != len(values) {
			t.Errorf("%q: %d x %d of %d values", file, rows, cols, len(values))
		}
	})
}
