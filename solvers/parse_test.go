package solvers_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/ode"
	"github.com/diffsolve/diffsolve/solvers"
)

func TestByName(t *testing.T) {
	for _, c := range []struct {
		text string
		want solvers.Solver
	}{
		{"ddim", solvers.DDIM{}},
		{"ddim:eta=0.5", solvers.DDIM{Eta: 0.5}},
		{"ddim:eta=1e-3", solvers.DDIM{Eta: 1e-3}},
		{"ddim:eta=0", solvers.DDIM{}},
		{"ddim:eta=7", solvers.DDIM{Eta: 7}}, // that it is out of range is for Start to say
		{"ddpm", solvers.DDPM{}},
		{"ddpmlarge", solvers.DDPM{Large: true}},
		{"eulermaruyama", solvers.EulerMaruyama{}},
		{"euler", solvers.RungeKutta{Tableau: ode.Euler}},
		{"heunkappa", solvers.RungeKutta{Tableau: ode.Heun, In: solvers.Kappa}},
		{"dp5lambda", solvers.RungeKutta{Tableau: ode.DP5, In: solvers.Lambda}},
		{"dpm3", solvers.DPMSolver{Order: 3}},
		{"dpm++2s", solvers.DPMSolver{Order: 2, Data: true}},
		{"dpm++2m", solvers.DPMSolverPP2M{}},
		{"dpm++2m:variant=heun", solvers.DPMSolverPP2M{Variant: "heun"}},
		{"dpm++2m:variant=midpoint", solvers.DPMSolverPP2M{Variant: "midpoint"}},
		{"expadams3", solvers.ExpAdams{Order: 3}},
		{"expadams3:noise=true,ramp=true", solvers.ExpAdams{Order: 3, Noise: true, Ramp: true}},
		{"expadams3:ramp=1,noise=false", solvers.ExpAdams{Order: 3, Ramp: true}},
	} {
		got, err := solvers.ByName(c.text)
		if err != nil {
			t.Errorf("ByName(%q): %v", c.text, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("ByName(%q) (-want +got):\n%s", c.text, diff)
		}
	}
}

// Name is the inverse of ByName, over everything that this package can do.
func TestNameRoundTrip(t *testing.T) {
	for _, want := range append(solvers.Catalog(), variants...) {
		name := solvers.Name(want)
		got, err := solvers.ByName(name)
		if err != nil {
			t.Errorf("ByName(Name(%#v)): %v", want, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ByName(%q) is another solver (-want +got):\n%s", name, diff)
		}
	}
	for _, s := range solvers.Catalog() { // whose names have no parameters
		if got, want := solvers.Name(s), s.Info().Name; got != want {
			t.Errorf("Name = %q, want %q", got, want)
		}
	}
	for text, s := range map[string]solvers.Solver{
		"ddim:eta=0.5":                   solvers.DDIM{Eta: 0.5},
		"dpm++2m:variant=heun":           solvers.DPMSolverPP2M{Variant: "heun"},
		"expadams3:noise=true,ramp=true": solvers.ExpAdams{Order: 3, Noise: true, Ramp: true},
		"expadams1":                      solvers.ExpAdams{}, // order 0 means 1
		"mine":                           custom{info: solvers.Info{Name: "mine"}},
		"ddim":                           impostor{}, // of another type: it has no parameters of DDIM's
	} {
		if got := solvers.Name(s); got != text {
			t.Errorf("Name(%#v) = %q, want %q", s, got, text)
		}
	}
}

// impostor has the name of another solver and a parameter that is called like that one's.
type impostor struct {
	custom
	Eta string `param:"eta"`
}

func (impostor) Info() solvers.Info { return solvers.Info{Name: "ddim"} }

func TestByNameErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
		say  string
	}{
		{"ddimm", solvers.ErrUnknown, `unknown solver "ddimm", did you mean "ddim"?`},
		{"ddmi", solvers.ErrUnknown, `unknown solver "ddmi", did you mean "ddim"?`},
		{"dppm", solvers.ErrUnknown, `did you mean "ddpm"?`},
		{"dpm4", solvers.ErrUnknown, `did you mean "dpm1"?`},
		{"hein:eta=1", solvers.ErrUnknown, `unknown solver "hein", did you mean "heun"?`},
		{"quadrature", solvers.ErrUnknown, `unknown solver "quadrature", want one of euler, `}, // like no other name
		{"", solvers.ErrUnknown, `unknown solver ""`},
		{"a name that is like no other", solvers.ErrUnknown, `unknown solver "a name that is like no other", want one of euler, `},
		{":", solvers.ErrUnknown, `unknown solver ""`},
		{"ddim:etta=1", solvers.ErrUnknown, `unknown parameter "etta", did you mean "eta"?`},
		{"ddim:xyzzy=1", solvers.ErrUnknown, `unknown parameter "xyzzy", want one of eta`},
		{"ddim:", solvers.ErrParameter, `solver ddim: bad parameter: "", want name=value`},
		{"ddim:eta", solvers.ErrParameter, `"eta", want name=value`},
		{"ddim:eta=0.5,", solvers.ErrParameter, `"", want name=value`},
		{"ddim:eta=", solvers.ErrParameter, `eta is "", want a number`},
		{"ddim:eta=half", solvers.ErrParameter, `eta is "half", want a number`},
		{"ddim:eta=NaN", solvers.ErrParameter, `eta is "NaN", want a number`},
		{"ddim:eta=-Inf", solvers.ErrParameter, `eta is "-Inf", want a number`},
		{"ddim:eta=1e999", solvers.ErrParameter, `eta is "1e999", want a number`},
		{"eulermaruyama:eta=1", solvers.ErrParameter, `it has no parameters, "eta=1" is given`},
		{"rk4:in=kappa", solvers.ErrParameter, `it has no parameters`},
		{"dpm++2m:variant=heum", solvers.ErrUnknown, `unknown value of variant "heum", did you mean "heun"?`},
		{"dpm++2m:variant=", solvers.ErrUnknown, `unknown value of variant "", want one of midpoint, heun`},
		{"expadams2:noise=maybe", solvers.ErrParameter, `noise is "maybe", want true or false`},
	} {
		got, err := solvers.ByName(c.text)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("ByName(%q) = %v, %q, want %q saying %q", c.text, got, err, c.want, c.say)
		}
		if got != nil {
			t.Errorf("ByName(%q) returns %v along with the error", c.text, got)
		}
	}
}

func TestGridByName(t *testing.T) {
	for text, want := range map[string]solvers.Grid{
		"quadratic":    solvers.QuadraticGrid{},
		"time":         solvers.TimeGrid{},
		"lambda":       solvers.LambdaGrid{},
		"karras":       solvers.KarrasGrid{},
		"karras:rho=5": solvers.KarrasGrid{Rho: 5},
	} {
		got, err := solvers.GridByName(text)
		if err != nil || got != want {
			t.Errorf("GridByName(%q) = %v, %v, want %v", text, got, err, want)
		}
		if name := solvers.GridName(want); name != text {
			t.Errorf("GridName(%v) = %q, want %q", want, name, text)
		}
	}
	for _, c := range []struct {
		text string
		want error
		say  string
	}{
		{"lamda", solvers.ErrUnknown, `unknown grid "lamda", did you mean "lambda"?`},
		{"logarithmic", solvers.ErrUnknown, `unknown grid "logarithmic", want one of quadratic, time, lambda, karras`},
		{"karras:rho=NaN", solvers.ErrParameter, `grid karras: bad parameter: rho is "NaN"`},
		{"time:rho=7", solvers.ErrUnknown, `unknown parameter "rho", want one of clean`},
	} {
		if got, err := solvers.GridByName(c.text); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("GridByName(%q) = %v, %q, want %q saying %q", c.text, got, err, c.want, c.say)
		}
	}
}

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		v    any
		want []solvers.Parameter // without About
	}{
		{solvers.DDIM{}, []solvers.Parameter{{Name: "eta", Default: "0"}}},
		{solvers.DPMSolverPP2M{}, []solvers.Parameter{{Name: "variant", Default: "midpoint", Values: []string{"midpoint", "heun"}}, {Name: "lowerfinal", Default: "false"}}},
		{solvers.ExpAdams{Order: 3}, []solvers.Parameter{{Name: "noise", Default: "false"}, {Name: "ramp", Default: "false"},
			{Name: "nodes", Default: "lambda", Values: []string{"lambda", "kappa", "t"}}}},
		{solvers.KarrasGrid{}, []solvers.Parameter{{Name: "clean", Default: "false"}, {Name: "rho", Default: "7"}}},
		{solvers.EulerMaruyama{}, nil},
		{solvers.TimeGrid{}, []solvers.Parameter{{Name: "clean", Default: "false"}}},
		{math.Pi, nil},
	} {
		got := solvers.Parameters(c.v)
		for i := range got {
			if got[i].About == "" {
				t.Errorf("parameter %s of %T says nothing about itself", got[i].Name, c.v)
			}
			got[i].About = ""
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Parameters(%#v) (-want +got):\n%s", c.v, diff)
		}
	}
}

// No text makes ByName panic, and what it accepts it can name.
func FuzzByName(f *testing.F) {
	for _, s := range append(solvers.Catalog(), variants...) {
		f.Add(solvers.Name(s))
	}
	for _, text := range []string{"", ":", "=", ",", "ddim:", "ddim:eta", "ddim:eta=", "ddim:eta=-0", "ddim:eta=1e-400", "ddim:eta=0x1p-3", "expadams3:noise=T,ramp=F,noise=0", "ddim:=1", "ddim:eta=1,eta=2", "é:é=é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := solvers.ByName(text)
		if err != nil {
			if !errors.Is(err, solvers.ErrUnknown) && !errors.Is(err, solvers.ErrParameter) {
				t.Errorf("ByName(%q) = %v, want ErrUnknown or ErrParameter", text, err)
			}
			return
		}
		again, err := solvers.ByName(solvers.Name(s))
		if err != nil || !cmp.Equal(s, again) {
			t.Errorf("ByName(%q) = %#v, whose name %q gives %#v, %v", text, s, solvers.Name(s), again, err)
		}
	})
}
