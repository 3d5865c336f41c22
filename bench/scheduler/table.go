package scheduler

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

// table is what a class trains on: ᾱ = α² after each timestep, and κ = √((1-ᾱ)/ᾱ), which it calls sigma.
type table struct {
	alphaBar, sigmas, logSigmas []float64
}

// newTable returns the table of the config's betas. floor is what the class puts for ᾱ = 0 at the end of a table that is
// rescaled to zero signal.
func newTable(c *Config, floor float64) (*table, error) {
	betas := c.betas()
	t := &table{alphaBar: make([]float64, len(betas))}
	product := 1.0
	for i, b := range betas {
		product *= 1 - b
		t.alphaBar[i] = product
	}
	if c.flag("rescale_betas_zero_snr") {
		t.rescale(floor)
	}
	for i, a := range t.alphaBar {
		s := math.Sqrt((1 - a) / a)
		last := i == len(betas)-1 && c.flag("rescale_betas_zero_snr") // where the floor is, which may be above its neighbour
		if !(s > 0) || i > 0 && s <= t.sigmas[i-1] && !last {
			return nil, fmt.Errorf("%w: the betas leave sigma %v at timestep %d, want positive and growing", solvers.ErrParameter, s, i)
		}
		t.sigmas = append(t.sigmas, s)
		t.logSigmas = append(t.logSigmas, math.Log(s))
	}
	return t, nil
}

func (c *Config) betas() []float64 {
	if betas, ok := c.values["trained_betas"].([]float64); ok {
		return betas
	}
	n, b0, b1 := c.whole("num_train_timesteps"), c.number("beta_start"), c.number("beta_end")
	switch c.text("beta_schedule") {
	case "scaled_linear":
		return sde.ScaledLinearBetas(n, b0, b1)
	case "squaredcos_cap_v2":
		return sde.SquaredCosineBetas(n)
	case "exp":
		return betasFor(n, func(t float64) float64 { return math.Exp(-12 * t) })
	case "laplace":
		// What is divided is √(snr/(1+snr)), which is α and not ᾱ.
		return betasFor(n, func(t float64) float64 {
			l := -0.5 * math.Copysign(1, 0.5-t) * math.Log(1-2*math.Abs(0.5-t)+1e-6)
			return math.Sqrt(math.Exp(l) / (1 + math.Exp(l)))
		})
	case "sigmoid":
		betas := sde.LinearBetas(n, -6, 6)
		for i, x := range betas {
			betas[i] = b0 + (b1-b0)/(1+math.Exp(-x))
		}
		return betas
	}
	return sde.LinearBetas(n, b0, b1)
}

// betasFor returns the n betas, capped at 0.999, of a function for ᾱ.
func betasFor(n int, alphaBar func(t float64) float64) []float64 {
	betas := make([]float64, n)
	for i := range betas {
		betas[i] = min(1-alphaBar(float64(i+1)/float64(n))/alphaBar(float64(i)/float64(n)), 0.999)
	}
	return betas
}

// rescale shifts and scales √ᾱ so that it ends at 0 and begins where it did. ᾱ comes from betas again, as products.
func (t *table) rescale(floor float64) {
	first, last := math.Sqrt(t.alphaBar[0]), math.Sqrt(t.alphaBar[len(t.alphaBar)-1])
	scaled := make([]float64, len(t.alphaBar))
	for i, a := range t.alphaBar {
		r := (math.Sqrt(a) - last) * (first / (first - last))
		scaled[i] = r * r
	}
	product := 1.0
	for i := range scaled {
		beta := 1 - scaled[i]
		if i > 0 {
			beta = 1 - scaled[i]/scaled[i-1]
		}
		product *= 1 - beta
		t.alphaBar[i] = product
	}
	t.alphaBar[len(scaled)-1] = floor
}

// steps returns T.
func (t *table) steps() int { return len(t.alphaBar) }

// at returns ᾱ at a whole timestep, or an error if the table has none there.
func (t *table) at(n int) (float64, error) {
	if n < 0 || n >= t.steps() {
		return 0, fmt.Errorf("timestep %d is not one of the table's, 0 to %d", n, t.steps()-1)
	}
	return t.alphaBar[n], nil
}

// interpolate returns sigma at timesteps, linear between the table's and constant beyond its ends.
func (t *table) interpolate(timesteps []float64) []float64 {
	out := make([]float64, len(timesteps))
	for i, n := range timesteps {
		low := math.Floor(n)
		switch last := t.steps() - 1; {
		case n <= 0:
			out[i] = t.sigmas[0]
		case n >= float64(last):
			out[i] = t.sigmas[last]
		default:
			k := int(low)
			out[i] = t.sigmas[k] + (t.sigmas[k+1]-t.sigmas[k])*(n-low)
		}
	}
	return out
}

// timestep returns the timestep of sigma: the inverse of the table, linear in log sigma between its entries and
// constant beyond its ends. It is not the inverse of interpolate.
func (t *table) timestep(sigma float64) float64 {
	l := math.Log(math.Max(sigma, 1e-10))
	i, found := slices.BinarySearch(t.logSigmas, l)
	if !found {
		i--
	}
	i = min(max(i, 0), t.steps()-2)
	low, high := t.logSigmas[i], t.logSigmas[i+1]
	w := math.Min(math.Max((low-l)/(low-high), 0), 1)
	return (1-w)*float64(i) + w*float64(i+1)
}

// ---- timesteps, in the order of sampling ----

// ramp returns n values from a to b.
func ramp(a, b float64, n int) []float64 {
	out := make([]float64, n)
	step := (b - a) / float64(max(n-1, 1))
	for i := range out {
		out[i] = a + float64(i)*step
	}
	if n > 1 {
		out[n-1] = b
	}
	return out
}

func mapped(x []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}

func reversed(x []float64) []float64 {
	out := slices.Clone(x)
	slices.Reverse(out)
	return out
}

// spaced returns the n timesteps of the classes that have as many levels as steps. fractions keeps those of "linspace", which are otherwise
// rounded.
func (c *Config) spaced(n int, fractions bool) []float64 {
	total := c.whole("num_train_timesteps")
	switch c.text("timestep_spacing") {
	case "linspace":
		steps := ramp(0, float64(total-1), n)
		if !fractions {
			steps = mapped(steps, math.RoundToEven)
		}
		return reversed(steps)
	case "leading":
		return c.leading(n, total/n)
	}
	return trailing(total, total, n)
}

// spacedWithEnd returns the n timesteps of the classes that make n+1 and drop the last, 0. The first of them is
// below top.
func (c *Config) spacedWithEnd(n, top int) []float64 {
	switch c.text("timestep_spacing") {
	case "linspace", "":
		return reversed(mapped(ramp(0, float64(top-1), n+1), math.RoundToEven))[:n]
	case "leading":
		steps := c.leading(n+1, top/(n+1))
		return steps[:n]
	}
	return trailing(top, c.whole("num_train_timesteps"), n)
}

func (c *Config) leading(n, ratio int) []float64 {
	steps := make([]float64, n)
	for i := range steps {
		steps[i] = float64((n-1-i)*ratio + c.whole("steps_offset"))
	}
	return steps
}

// trailing counts down from top in steps of total/n, rounds, and subtracts 1. The count is that of floating-point
// numbers above 0, which for some n are n+1: then the last timestep is -1.
func trailing(top, total, n int) []float64 {
	ratio := float64(total) / float64(n)
	count := int(math.Ceil(float64(top) / ratio))
	step := float64(top) - ratio - float64(top)
	steps := make([]float64, count)
	for i := range steps {
		steps[i] = math.RoundToEven(float64(top)+float64(i)*step) - 1
	}
	return steps
}

// ---- sigmas ----

// grid returns the n sigmas between the first and the last of a range, in the form that the config's flags choose, or
// nil if they choose none.
func (c *Config) grid(first, last float64, n int) []float64 {
	// Note: the classes look sigma_min and sigma_max up in the config even if they are not among their own fields.
	if c.Class != "LMSDiscreteScheduler" || !c.flag("use_karras_sigmas") {
		if c.has("sigma_max") {
			first = c.number("sigma_max")
		}
		if c.has("sigma_min") {
			last = c.number("sigma_min")
		}
	}
	switch {
	case c.flag("use_karras_sigmas"):
		return karras(first, last, 7, n)
	case c.flag("use_exponential_sigmas"):
		return exponential(first, last, n)
	case c.flag("use_beta_sigmas"):
		d := distuv.Beta{Alpha: 0.6, Beta: 0.6}
		return mapped(ramp(0, 1, n), func(u float64) float64 { return last + d.Quantile(1-u)*(first-last) })
	}
	return nil
}

func karras(first, last, rho float64, n int) []float64 {
	a, b := math.Pow(first, 1/rho), math.Pow(last, 1/rho)
	return mapped(ramp(0, 1, n), func(u float64) float64 { return math.Pow(a+u*(b-a), rho) })
}

func exponential(first, last float64, n int) []float64 {
	return mapped(ramp(math.Log(first), math.Log(last), n), math.Exp)
}
