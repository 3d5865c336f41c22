package onnx_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/scoremodel/onnx"
)

// open opens a network of testdata. It skips the test where there is no ONNX Runtime, unless one is asked for.
func open(t testing.TB, name string, o onnx.Options) *onnx.Model {
	t.Helper()
	m, err := onnx.Open(filepath.Join("testdata", name), o)
	needRuntime(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// needRuntime skips the test if err is that there is no ONNX Runtime, unless one is asked for. Without cgo there is none to be had.
func needRuntime(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, onnx.ErrLibrary) {
		return
	}
	if os.Getenv(onnx.Variable) != "" && !strings.Contains(err.Error(), "without cgo") {
		t.Fatal(err)
	}
	t.Skipf("SKIPPED: %v", err)
}
