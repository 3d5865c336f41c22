package ode_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/ode"
)

// estimators returns the tableaus that can be used with error control.
func estimators() []ode.Tableau {
	return slices.DeleteFunc(ode.Tableaus(), func(tab ode.Tableau) bool { return tab.Embedded == nil })
}

// relax is the problem of Prothero and Robinson: x' = rate(x - cos t) - sin t. Its
// solution is cos t and what is left of a start elsewhere, which decays fast.
func relax(t0, t1 float64) problem {
	rate := math.Copysign(50, t0-t1)
	return problem{
		name: fmt.Sprintf("stiff decay from %v to %v", t0, t1),
		f: func(dst, x []float64, t float64) error {
			dst[0] = rate*(x[0]-math.Cos(t)) - math.Sin(t)
			return nil
		},
		exact: func(t float64) []float64 { return []float64{math.Cos(t) + math.Exp(rate*(t-t0))} },
		t0:    t0, t1: t1,
	}
}

// A probe is a field that watches how it is used.
type probe struct {
	f           ode.Func
	calls       int
	first, last float64 // least and greatest time
	budget      int     // calls before it panics: a loop that hangs must fail
}

func watch(f ode.Func) *probe { return &probe{f: f, budget: 1_000_000} }

func (p *probe) field(dst, x []float64, t float64) error {
	if p.calls == 0 || t < p.first {
		p.first = t
	}
	if p.calls == 0 || t > p.last {
		p.last = t
	}
	if p.calls++; p.calls > p.budget {
		panic("the integration does not end")
	}
	return p.f(dst, x, t)
}

// adapt runs tab on p and returns the greatest error at the end of a step.
func (p problem) adapt(t *testing.T, c ode.Control, tab ode.Tableau) float64 {
	t.Helper()
	worst, x := 0.0, p.exact(p.t0)
	_, err := c.Adapt(context.Background(), tab.Stepper(p.f, len(x)).(ode.Estimator), x, p.t0, p.t1, func(at ode.Span, x []float64) error {
		worst = math.Max(worst, distance(x, p.exact(at.To)))
		return nil
	})
	if err != nil {
		t.Fatalf("%s, %s: %v", p.name, tab.Name, err)
	}
	return worst
}

// The error that is made follows the tolerance that is asked for. An error per step
// of h^order, in steps with that error equal to the tolerance, gives the slope 1.
func TestAdaptAccuracy(t *testing.T) {
	all := []problem{relax(0, 2), relax(2, 0)}
	for _, p := range problems {
		all = append(all, p, p.backward())
	}
	for _, p := range all {
		for _, tab := range []ode.Tableau{ode.Heun, ode.BS3, ode.DP5} {
			var tols, errs []float64
			ratio:=[]float64{}
			for k := 4; k <= 8; k++ {
				tol := math.Pow(10, -float64(k))
				if tab.Order > 2 { tol/=100 }
				e := p.adapt(t, ode.Control{Rel: tol, Abs: tol}, tab)
				tols, errs = append(tols, tol), append(errs, e)
				ratio=append(ratio,e/tol)
			}
			t.Logf("%s, %s: slope %.2f of errors %.2g", p.name, tab.Name, slope(tols, errs), ratio)
		}
	}
}
var _ = errors.New; var _ cmp.Option = cmpopts.EquateErrors()
