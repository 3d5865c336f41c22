package report

import "github.com/diffsolve/diffsolve/solvers"

// families are the panels over which solvers are spread, so that each holds a handful of lines.
var families = [...]struct{ title string }{
	inTime:      {"Runge–Kutta in time t"},
	inKappa:     {"Runge–Kutta in κ = σ/α"},
	inLambda:    {"Runge–Kutta in λ = log(α/σ)"},
	exponential: {"Exponential, single-step"},
	multistep:   {"Multistep"},
	stochastic:  {"Stochastic"},
	other:       {"Other"}, // what the catalogue does not know
}

const (
	inTime = iota
	inKappa
	inLambda
	exponential
	multistep
	stochastic
	other
)

// familyOf returns the index in families of the solver with the given name. It is told by what the solver says of itself, so that
// a new one needs no line here.
func familyOf(name string) int {
	s, err := solvers.ByName(name)
	if err != nil {
		return other
	}
	switch i := s.Info(); {
	case i.Stochastic:
		return stochastic
	case i.Memory > 0:
		return multistep
	}
	switch s := s.(type) {
	case solvers.RungeKutta:
		return map[solvers.Variable]int{solvers.Time: inTime, solvers.Kappa: inKappa, solvers.Lambda: inLambda}[s.In]
	case solvers.HeunAlpha:
		return inKappa
	}
	return exponential
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
