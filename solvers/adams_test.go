package solvers_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/solvers"
	"github.com/diffsolve/diffsolve/solvers/solvertest"
)

// The corrected methods choose their steps by their error, in every variable. A tolerance bounds the error of a step whose power in its length is 5, of a
// method of order 4: errors fall with its power 4/5.
func TestAdamsAdaptive(t *testing.T) {
	f := solvertest.LateFlow()
	tmin, tmax := f.Schedule.Domain()
	want := make([]float64, len(f.Start))
	if err := f.Exact(want, f.Start, tmax, tmin); err != nil {
		t.Fatal(err)
	}
	for _, in := range variables {
		var logTol, logErr []float64
		for tol := 1e-4; tol > 1e-9; tol /= 10 {
			x := slices.Clone(f.Start)
			p := solvers.Problem{Schedule: f.Schedule, Model: f.Model, Dim: f.Dim}
			res, err := solvers.Sample(context.Background(), solvers.Adams{In: in, Corrected: true}, p, x,
				&solvers.Settings{Control: &ode.Control{Rel: tol, Abs: tol}})
			if err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i := range x {
				worst = math.Max(worst, math.Abs(x[i]-want[i]))
			}
			logTol, logErr = append(logTol, math.Log(tol)), append(logErr, math.Log(worst))
			if bound := 10 * math.Pow(tol, 0.8); !(worst <= bound) {
				t.Errorf("variable %d, tolerance %.0e: error %.2g after %d evaluations, want at most %.2g", in, tol, worst, res.NFE, bound)
			}
		}
		if _, power := stat.LinearRegression(logTol, logErr, nil, false); !(power > 0.6 && power < 1.2) {
			t.Errorf("variable %d: errors fall with the power %.2f of the tolerance, want 0.8", in, power)
		}
	}
}

func TestAdamsParameters(t *testing.T) {
	p, _ := plane(t)
	for _, s := range []solvers.Adams{{Order: 5}, {Order: -1}, {In: 3}, {In: -1, Corrected: true}} {
		if _, err := s.Start(p, 2); !errors.Is(err, solvers.ErrParameter) {
			t.Errorf("%+v: Start returns %v, want %v", s, err, solvers.ErrParameter)
		}
		s.Info() // must not panic
	}
}
