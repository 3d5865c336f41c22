package arch

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/diffsolve/diffsolve"

// order lists the packages of the module from left to right. A package imports only
// packages to its left.
var order = []string{
	"internal/vec",
	"internal/safetensors",
	"ode",
	"sde",
	"scoremodel",
	"scoremodel/digitsnet",
	"solvers",
	"solvers/solvertest",
	"bench/problem",
	"bench/scheduler",
	"bench/quality",
	"bench/study",
	"bench/versus",
	"bench/report",
	"bench/command",
	"bench",
	"scoremodel/onnx",
	"scoremodel/onnx/bench",
}

// nested lists the packages of modules of their own: they bring dependencies that the module itself does not have, and so
// come last in the order, and only they import each other.
var nested = []string{"scoremodel/onnx", "scoremodel/onnx/bench"}

// core lists the modules that packages outside bench may use. golang.org/x/sys tells which instructions the processor has.
var core = []string{"gonum.org/v1/gonum", "github.com/google/go-cmp", "golang.org/x/exp", "golang.org/x/sys"}

func TestImports(t *testing.T) {
	rank := map[string]int{}
	for i, p := range order {
		rank[p] = i + 1
	}
	for _, p := range order {
		pkg, err := build.ImportDir(filepath.Join("..", "..", p), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range pkg.Imports {
			if local, ok := strings.CutPrefix(path, module+"/"); ok {
				if !(0 < rank[local] && rank[local] < rank[p]) {
					t.Errorf("%s imports %s, which is not to its left", p, local)
				}
				if slices.Contains(nested, local) && !slices.Contains(nested, p) {
					t.Errorf("%s imports %s, which is of a module of its own", p, local)
				}
			} else if external := strings.Contains(path, "."); external && !strings.HasPrefix(p, "bench") && !slices.Contains(nested, p) && !isCore(path) {
				t.Errorf("%s imports %s, which is not one of the core's dependencies %v", p, path, core)
			}
		}
	}
}

func isCore(path string) bool {
	return slices.ContainsFunc(core, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
}

// TestEveryPackageHasAPlace finds packages that the order does not know.
func TestEveryPackageHasAPlace(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if name := d.Name(); name == "testdata" || strings.HasPrefix(name, ".") && path != root || strings.HasPrefix(name, "_") {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(path, 0)
		if err != nil || len(pkg.GoFiles) == 0 {
			return nil // no Go package here
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if p := filepath.ToSlash(rel); p != "internal/arch" && !slices.Contains(order, p) {
			t.Errorf("package %s has no place in the import order", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneTimeLoop finds loops over the steps of a trajectory outside package ode: nothing
// but ode, and code that tests steppers, ranges over ode.Spans.
func TestOneTimeLoop(t *testing.T) {
	for _, p := range order {
		if p == "ode" || p == "solvers/solvertest" {
			continue
		}
		pkg, err := build.ImportDir(filepath.Join("..", "..", p), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range pkg.GoFiles {
			text, err := os.ReadFile(filepath.Join("..", "..", p, file))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "ode.Spans(") {
				t.Errorf("%s/%s ranges over ode.Spans: time loops belong to package ode", p, file)
			}
		}
	}
}
