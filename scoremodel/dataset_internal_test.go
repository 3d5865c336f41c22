package scoremodel

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// This test is internal since Digits reads the embedded file and no other.

// pack compresses the content of a file of digits.
func pack(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// header returns the start of a file of n images.
func header(n, height, width uint32) []byte {
	b := []byte("DGT8")
	for _, v := range []uint32{n, height, width} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func TestReadDigits(t *testing.T) {
	raw := slices.Concat(header(2, 8, 8), bytes.Repeat([]byte{0}, 64), bytes.Repeat([]byte{16}, 63), []byte{4}, []byte{7, 3})
	images, labels, err := readDigits(pack(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	want := append(append(slices.Repeat([]float64{-1}, 64), slices.Repeat([]float64{1}, 63)...), -0.5)
	if diff := cmp.Diff(want, images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]byte{7, 3}, labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestReadDigitsRefuses(t *testing.T) {
	body := make([]byte, 2*65)
	for _, c := range []struct {
		name string
		file []byte
		want string // in the error
	}{
		{"nothing", nil, "EOF"},
		{"no gzip", []byte("DGT8 and so on, not compressed"), "gzip"},
		{"nothing compressed", pack(t, nil), "no DGT8 header"},
		{"short header", pack(t, header(2, 8, 8)[:15]), "no DGT8 header"},
		{"another format", pack(t, append([]byte("DGT9"), make([]byte, 12+65)...)), "no DGT8 header"},
		{"no images where two are announced", pack(t, header(2, 8, 8)), "16 bytes for 2 images"},
		{"a byte missing", pack(t, append(header(2, 8, 8), body[1:]...)), "145 bytes for 2 images"},
		{"a byte too many", pack(t, append(append(header(2, 8, 8), body...), 0)), "147 bytes for 2 images"},
		{"another size", pack(t, append(header(2, 8, 4), body[:2*33]...)), "images of 32 pixels"},
		{"a size that overflows", pack(t, append(header(2, 1<<31, 1<<31), body...)), "pixels"},
		{"a number that overflows", pack(t, append(header(1<<32-1, 8, 8), body...)), "146 bytes for 4294967295 images"},
	} {
		images, labels, err := readDigits(c.file)
		if err == nil || images != nil || labels != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: readDigits = %d pixels, %d labels, error %v; want an error with %q", c.name, len(images), len(labels), err, c.want)
		}
	}
}

// A damaged file is refused or, where the damage is to no purpose such as gzip's time stamp, harmless.
func TestReadDigitsOfDamagedFile(t *testing.T) {
	images, labels, err := readDigits(digitsFile)
	if err != nil {
		t.Fatal(err)
	}
	const step = 499 // a prime, to meet all kinds of places
	for n := 0; n < len(digitsFile); n += step {
		if _, _, err := readDigits(digitsFile[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were read without an error", n, len(digitsFile))
		}
	}
	for i := 0; i < len(digitsFile); i += step {
		damaged := slices.Clone(digitsFile)
		damaged[i] ^= 0x10
		if got, gotLabels, err := readDigits(damaged); err == nil && !(slices.Equal(images, got) && slices.Equal(labels, gotLabels)) {
			t.Errorf("with byte %d changed other digits were read without an error", i)
		}
	}
}

func FuzzReadDigits(f *testing.F) {
	valid := append(header(1, 8, 8), make([]byte, 65)...)
	f.Add(pack(f, valid), false)
	f.Add(valid, true)
	f.Add(header(0, 8, 8), true)
	f.Add(header(1<<31, 1<<31, 1<<31), true)
	f.Add(digitsFile[:1000], false)
	f.Fuzz(func(t *testing.T, file []byte, compress bool) {
		raw := file
		if compress { // or else the checksum keeps the fuzzer out
			file = pack(t, raw)
		}
		images, labels, err := readDigits(file)
		if err != nil {
			return
		}
		if !compress {
			z, err := gzip.NewReader(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(labels); len(images) != 64*n || len(raw) != 16+65*n {
			t.Errorf("%d bytes became %d pixels and %d labels", len(raw), len(images), n)
		}
		for i, v := range images {
			if want := (float64(raw[16+i]) - 8) / 8; v != want {
				t.Fatalf("pixel %d is %v, want %v", i, v, want)
			}
		}
	})
}
