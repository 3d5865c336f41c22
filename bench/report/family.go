package report

import (
	"regexp"
	"strings"

	"github.com/diffsolve/diffsolve/solvers"
)

// families are the panels over which solvers are spread, so that each holds a handful of
// lines. A solver belongs to the first family whose pattern matches its name without parameters.
var families = [...]struct {
	title   string
	pattern *regexp.Regexp
}{
	{"Runge–Kutta in time t", regexp.MustCompile(`^(euler|midpoint|heun|ralston\d?|kutta3|ssprk3|bs3|rk4|rk38|dp5|tsit5|dop853)$`)},
	{"Runge–Kutta in κ = σ/α", regexp.MustCompile(`^(euler|midpoint|heun|ralston\d?|kutta3|ssprk3|bs3|rk4|rk38|dp5|tsit5|dop853)kappa$|^heunalpha$`)},
	{"Runge–Kutta in λ = log(α/σ)", regexp.MustCompile(`^(euler|midpoint|heun|ralston\d?|kutta3|ssprk3|bs3|rk4|rk38|dp5|tsit5|dop853)lambda$`)},
	{"Exponential, single-step", regexp.MustCompile(`^(ddim|cfgppddim|edict|tcd|dpm\d+|dpm\+\+\d+s|kdpm2|res\d+s|expheun|etdrk\d|krogstad(43)?|strehmelweiner|hochbruckostermann5|lawson\d)$`)},
	{"Multistep", regexp.MustCompile(`^(dpm\d+m|dpm\+\+\d+m|cfgpp\d+m|bdia|expadams\d+|res\dm|unipc|abm?(kappa|lambda)?|lms|deis|plms|i?pndm|ipndmv|gradientestimation)$`)},
	{"Stochastic", nil}, // told by what the catalogue says, not by the name
	{"Other", nil},
}

const (
	stochastic = len(families) - 2
	other      = len(families) - 1
)

// familyOf returns the index in families of the solver with the given name.
func familyOf(name string) int {
	if s, err := solvers.ByName(name); err == nil && s.Info().Stochastic {
		return stochastic
	}
	plain, _, _ := strings.Cut(name, ":")
	for i, f := range families {
		if f.pattern != nil && f.pattern.MatchString(plain) {
			return i
		}
	}
	return other
}

// orderOf returns the order that a solver claims, as a method for the probability flow or
// else for the law of its result; 0 if the catalogue does not know the name.
func orderOf(name string) float64 {
	s, err := solvers.ByName(name)
	if err != nil {
		return 0
	}
	i := s.Info()
	if i.Order > 0 {
		return float64(i.Order)
	}
	return i.WeakOrder
}
