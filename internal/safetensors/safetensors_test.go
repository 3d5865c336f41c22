package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// file returns a file with the given header and values.
func file(header string, values ...float32) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func TestRead(t *testing.T) {
	// The order of the header is not that of the data, a scalar has no extents, and an empty tensor takes no room.
	got, err := Read(file(`{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,2],"data_offsets":[4,20]},
		"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"none":{"dtype":"F32","shape":[0,7],"data_offsets":[4,4]}}  `, 1.5, 2, 3, 4, -5e-45))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Tensor{
		"a":    {Shape: []int{}, Data: []float32{1.5}},
		"b":    {Shape: []int{2, 2}, Data: []float32{2, 3, 4, -5e-45}},
		"none": {Shape: []int{0, 7}, Data: []float32{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	tensor := func(kind, shape, offsets string) string {
		return fmt.Sprintf(`"x":{"dtype":%q,"shape":%s,"data_offsets":%s}`, kind, shape, offsets)
	}
	sizes := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	fine := file("{"+tensor("F32", "[2]", "[0,8]")+"}", 1, 2)
	for _, c := range []struct {
		name string
		file []byte
		want string // in the error
	}{
		{"empty", nil, "too few"},
		{"truncated length", fine[:7], "too few"},
		{"truncated header", fine[:20], "header of"},
		{"truncated data", fine[:len(fine)-1], "within the 7 bytes"},
		{"trailing data", append(fine[:len(fine):len(fine)], 0), "1 bytes follow"},
		{"absurd header", sizes(math.MaxUint64), "header of"},
		{"header above the limit", append(sizes(maxHeader+1), make([]byte, 16)...), "header of"},
		{"no JSON", file("tensors"), "no JSON object"},
		{"a list", file("[]"), "no JSON object"},
		{"unfinished", file("{" + tensor("F32", "[0]", "[0,0]")), "EOF"},
		{"two objects", file("{}{}"), "after the JSON object"},
		{"half precision", file("{"+tensor("F16", "[4]", "[0,8]")+"}", 1, 2), `"F16"`},
		{"no type", file(`{"x":{"shape":[2],"data_offsets":[0,8]}}`, 1, 2), `type ""`},
		{"no offsets", file(`{"x":{"dtype":"F32","shape":[2]}}`, 1, 2), "0 offsets"},
		{"three offsets", file("{"+tensor("F32", "[2]", "[0,8,8]")+"}", 1, 2), "3 offsets"},
		{"not a number", file("{"+tensor("F32", `["2"]`, "[0,8]")+"}", 1, 2), "cannot unmarshal"},
		{"shape too small", file("{"+tensor("F32", "[1]", "[0,8]")+"}", 1, 2), "has 8 bytes"},
		{"shape too large", file("{"+tensor("F32", "[3]", "[0,8]")+"}", 1, 2), "has 8 bytes"},
		{"bytes of no whole element", append(file("{"+tensor("F32", "[1]", "[0,5]")+"}", 1), 0), "has 5 bytes"},
		{"shape that overflows", file("{"+tensor("F32", "[4294967296,4294967296,2]", "[0,8]")+"}", 1, 2), "has 8 bytes"},
		{"negative extents", file("{"+tensor("F32", "[-1,-2]", "[0,8]")+"}", 1, 2), "has 8 bytes"},
		{"negative offset", file("{"+tensor("F32", "[2]", "[-8,0]")+"}", 1, 2), "begin at 0"},
		{"turned offsets", file("{"+tensor("F32", "[2]", "[0,-8]")+"}", 1, 2), "begin at 0"},
		{"offset beyond the end", file("{"+tensor("F32", "[4]", "[0,16]")+"}", 1, 2), "within the 8 bytes"},
		{"absurd offset", file("{"+tensor("F32", "[2]", "[0,9223372036854775807]")+"}", 1, 2), "within the 8 bytes"},
		{"a gap", file("{"+tensor("F32", "[1]", "[4,8]")+"}", 1, 2), "begin at 0"},
		{"overlap", file("{"+tensor("F32", "[2]", "[0,8]")+`,"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 1, 2, 3), "begin at 8"},
		{"twice", file("{"+tensor("F32", "[1]", "[0,4]")+","+tensor("F32", "[1]", "[4,8]")+"}", 1, 2), "twice"},
		{"metadata that is no text", file(`{"__metadata__":{"n":1}}`), "__metadata__"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(c.file)
			if got != nil || !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Read = %v, %v, want ErrFormat with %q", got, err, c.want)
			}
		})
	}
}

// FuzzRead: no panic, tensors that fill the data and no more memory than the file calls for.
func FuzzRead(f *testing.F) {
	f.Add(file(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 1, 2))
	f.Add(file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}`, 1, 2))
	f.Add(file(`{"__metadata__":{"a":"b"}}`))
	f.Add(file(`{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Read(b)
		if err != nil {
			if got != nil || !errors.Is(err, ErrFormat) {
				t.Fatalf("Read = %v, %v", got, err)
			}
			return
		}
		total := 0
		for name, x := range got {
			n := 1
			for _, extent := range x.Shape {
				n *= extent
			}
			if n != len(x.Data) {
				t.Errorf("tensor %q of shape %v has %d elements", name, x.Shape, len(x.Data))
			}
			total += 4 * len(x.Data)
		}
		if header := binary.LittleEndian.Uint64(b); uint64(total)+header+8 != uint64(len(b)) {
			t.Errorf("%d bytes of tensors and %d of header in a file of %d", total, header, len(b))
		}
	})
}
