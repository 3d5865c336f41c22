package onnx_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/scoremodel/onnx"
)

func TestLibrary(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the names are those of linux/amd64")
	}
	t.Setenv(onnx.Variable, "/somewhere/lib.so")
	if got := onnx.Library(); got != "/somewhere/lib.so" {
		t.Errorf("with the variable set: %s", got)
	}
	t.Setenv(onnx.Variable, "")
	root := t.TempDir()
	folder := func(path ...string) string {
		dir := filepath.Join(append([]string{root}, path...)...)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Chdir(folder("project", "sub"))
	for _, place := range [][]string{
		{"node_modules", "onnxruntime-node", "bin", "napi-v6", "linux", "x64", "libonnxruntime.so.1"},
		{"project", "node_modules", "sherpa-onnx-linux-x64", "libonnxruntime.so"},
	} {
		file := filepath.Join(folder(place[:len(place)-1]...), place[len(place)-1])
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := onnx.Library(); got != file {
			t.Errorf("Library() = %s, want %s", got, file)
		}
	}
}

// TestOldLibrary loads what says of itself that it is another version, in a process of its own: one process has one library.
func TestOldLibrary(t *testing.T) {
	if library := os.Getenv("DIFFSOLVE_OLD_LIBRARY"); library != "" {
		for range 2 { // a failure leaves nothing behind
			_, err := onnx.Open("testdata/scalar.onnx", onnx.Options{Library: library})
			if !errors.Is(err, onnx.ErrLibrary) || !strings.Contains(err.Error(), library) || !strings.Contains(err.Error(), "want the shared library of ONNX Runtime 1.24 or later") {
				t.Errorf("error %v", err)
			}
		}
		return
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil || runtime.GOOS == "windows" {
		t.Skip("SKIPPED: no C compiler to make a library of another version")
	}
	if _, err := onnx.Open("testdata/scalar.onnx", onnx.Options{Library: "none/lib"}); strings.Contains(err.Error(), "without cgo") {
		t.Skip("SKIPPED: built without cgo, there is no library to load")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"old":   `static const void *get(unsigned v) { return 0; } static const char *version(void) { return "1.10.0"; } static struct { const void *(*get)(unsigned); const char *(*version)(void); } base = {get, version}; void *OrtGetApiBase(void) { return &base; }`,
		"other": `int nothing(void) { return 0; }`,
	} {
		source, library := filepath.Join(dir, name+".c"), filepath.Join(dir, name+".so")
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		again := exec.Command(os.Args[0], "-test.run", "^TestOldLibrary$")
		again.Env = append(os.Environ(), "DIFFSOLVE_OLD_LIBRARY="+library)
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%s library: %v:\n%s", name, err, out)
		}
	}
}
