package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/bench/versus"
)

func TestVersus(t *testing.T) {
	var b bytes.Buffer
	list := []versus.Result{{Work: "normals/8", Group: versus.Noise, Unit: "normal", Peer: "torch", Threads: 2, Ours: 2e-9, Theirs: 0.016, Ratio: 0.125, Least: 0.11, Most: 1.5}}
	if err := Versus(&b, list, Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"normals/8", "torch", "0.125", "0.110", "1.50", "2.00 ns", "16.0 ms", "normal"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestSizes(t *testing.T) {
	list := []versus.Size{
		{Kind: "rows", Value: 64, Seconds: 1e-4, Factor: 1, Cost: 1}, {Kind: "rows", Value: 128, Seconds: 2e-4, Factor: 2, Cost: 2},
		{Kind: "steps", Value: 5, Seconds: 0.5, Factor: 1, Cost: 1}, {Kind: "steps", Value: 640, Seconds: 60, Factor: 128, Cost: 120},
	}
	var b bytes.Buffer
	if err := Sizes(&b, list, Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rows", "200 us", "60.0 s", "128", "120"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	file := filepath.Join(t.TempDir(), "sizes.png")
	if err := DrawSizes(file, list); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Errorf("no picture: %v", err)
	}
	if err := DrawSizes(file, nil); err == nil {
		t.Error("no sizes make a picture")
	}
}
