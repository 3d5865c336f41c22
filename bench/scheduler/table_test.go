package scheduler_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/scheduler"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

func readGolden(t *testing.T, to any, path ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatal(err)
	}
}

// TestSignatures compares the fields of every class, and their defaults, with those of its constructor.
func TestSignatures(t *testing.T) {
	var g struct {
		Cases []struct {
			Class  string
			Fields map[string]any
		}
	}
	readGolden(t, &g, "signatures", "diffusers.json")
	var names []string
	for _, c := range g.Cases {
		names = append(names, c.Class)
		got := map[string]any{}
		for k, v := range scheduler.Fields(c.Class) {
			if n, ok := v.(int); ok {
				v = float64(n)
			}
			got[k] = v
		}
		if diff := cmp.Diff(c.Fields, got); diff != "" {
			t.Errorf("%s (-class +here):\n%s", c.Class, diff)
		}
	}
	if diff := cmp.Diff(names, scheduler.ClassNames(), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("classes (-golden +here):\n%s", diff)
	}
}

// TestTables compares sums over the timesteps and sigmas of every class, spacing and grid, for numbers of steps
// that make the edges of the spacing rules.
func TestTables(t *testing.T) {
	var g struct {
		Cases []struct {
			Config            json.RawMessage
			Steps             int
			Timesteps, Sigmas []float64
			Least             float64
			Error             string
		}
	}
	readGolden(t, &g, "tables", "diffusers.json")
	// A model that is asked nothing.
	diffusion, flow := problems(t, sde.VP{})["gaussian"], problems(t, sde.Flow{})["gaussian"]
	sums := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		s := []float64{float64(len(x)), 0, 0}
		for i, v := range x {
			s[1] += v
			s[2] += v * float64(i)
		}
		return s
	}
	compared := 0
	for _, c := range g.Cases {
		t.Run(fmt.Sprintf("%d,%s", c.Steps, c.Config), func(t *testing.T) {
			config, err := scheduler.Read("config", c.Config)
			if err != nil {
				t.Fatal(err)
			}
			p := diffusion
			if config.Class == "FlowMatchEulerDiscreteScheduler" || config.Class == "FlowMatchHeunDiscreteScheduler" {
				p = flow
			}
			r, err := config.Run(p, c.Steps, nil)
			switch {
			case c.Error != "":
				if err == nil {
					t.Errorf("the class fails with %s, here it does not", c.Error)
				}
				return
			case errors.Is(err, scheduler.ErrBroken), errors.Is(err, solvers.ErrProblem) && (c.Least < 0 || config.Class == "IPNDMScheduler"):
				return // the table is there, and a run with it fails: for IPNDM on a problem that has not as much noise
			case err != nil:
				t.Fatal(err)
			}
			compared++
			if diff := cmp.Diff(c.Timesteps, sums(r.Timesteps), cmpopts.EquateApprox(1e-9, 1e-6)); diff != "" {
				t.Errorf("timesteps (-class +run):\n%s", diff)
			}
			if diff := cmp.Diff(c.Sigmas, sums(r.Sigmas), cmpopts.EquateApprox(1e-9, 1e-6)); diff != "" && r.Sigmas != nil {
				t.Errorf("sigmas (-class +run):\n%s", diff)
			}
		})
	}
	if 4*compared < 3*len(g.Cases) {
		t.Errorf("%d of %d tables were compared, want most", compared, len(g.Cases))
	}
}
