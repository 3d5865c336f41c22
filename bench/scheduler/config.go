package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Config is a scheduler's config: its class and the fields that the class reads, defaults filled in. It is
// immutable and safe for concurrent use.
type Config struct {
	Class string

	// Warnings tell what is ignored, replaced or inconsistent.
	Warnings []string

	values fields
	given  map[string]bool
}

// Load reads a scheduler_config.json.
func Load(path string) (*Config, error) {
	t, err := problem.LoadTree(path)
	if err != nil {
		return nil, err
	}
	return read(t)
}

// Read reads the text of a config. name stands for it in errors, which are one line that begins with name and the
// field. They wrap solvers.ErrUnknown for an unknown class, field or value.
//
// As diffusers does it, keys that begin with an underscore, other than _class_name, are dropped, those listed in _use_default_values
// count as missing, missing fields take the class' default, and fields that only other classes read are set
// aside; they are listed in Warnings. A field that no class reads is an error.
func Read(name string, text []byte) (*Config, error) {
	t, err := problem.ParseTree(name, text)
	if err != nil {
		return nil, err
	}
	return read(t)
}

func read(t problem.Tree) (*Config, error) {
	name := t.Field("_class_name")
	if className := ""; name.Given() {
		className = name.Text()
		if slices.Contains(later, className) {
			name.Complain(fmt.Errorf("%s is a scheduler, but it is not available, want one of %s", className, strings.Join(slices.Sorted(maps.Keys(classes)), ", ")))
		}
	}
	c := &Config{Class: name.Choice(slices.Sorted(maps.Keys(classes))...), given: map[string]bool{}}
	if err := t.Err(); err != nil {
		return nil, err
	}
	spec := classes[c.Class]
	c.values = maps.Clone(spec.fields)
	var defaulted []string
	if d := t.Field("_use_default_values"); d.Given() {
		defaulted = d.Texts()
	}
	for _, key := range t.Keys() {
		_, mine := spec.fields[key]
		switch {
		case strings.HasPrefix(key, "_"):
		case slices.Contains(defaulted, key):
		case mine:
			c.given[key] = true
			c.values[key] = value(t.Field(key), key, spec.fields[key])
		case (key == "sigma_min" || key == "sigma_max") && spec.fields["use_karras_sigmas"] != nil:
			// Set aside, and yet found by the class when it makes its grid.
			c.values[key] = value(t.Field(key), key, nil)
			c.warn("%s is not a field of %s, but its karras, exponential and beta sigmas heed it", key, c.Class)
		case known(key):
			c.warn("%s is ignored: %s does not read it", key, c.Class)
		default:
			t.Field(key).Complain(solvers.Unknown("field", key, slices.Sorted(maps.Keys(spec.fields))))
		}
	}
	if err := t.Err(); err != nil {
		return nil, err
	}
	c.judge(t)
	return c, t.Err()
}

func (c *Config) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// Choices of the fields that are one of several words, of any class. A class may serve fewer of them.
var choices = map[string][]string{
	"beta_schedule":      {"linear", "scaled_linear", "squaredcos_cap_v2", "exp", "sigmoid", "laplace"},
	"prediction_type":    {"epsilon", "sample", "v_prediction", "flow_prediction"},
	"timestep_spacing":   {"leading", "linspace", "trailing"},
	"final_sigmas_type":  {"zero", "sigma_min"},
	"interpolation_type": {"linear", "log_linear"},
	"timestep_type":      {"discrete", "continuous"},
	"sigma_schedule":     {"karras", "exponential"},
	"time_shift_type":    {"exponential", "linear"},
	"variance_type":      {"fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"},
	"solver_type":        {"midpoint", "heun", "bh1", "bh2", "logrho"},
	"algorithm_type":     {"dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis", "data_prediction", "noise_prediction"},
}

const (
	maxTrainSteps = 1_000_000
	maxNumber     = 1e100
)

// value reads a field. The type is that of the default; null is the default where that is null.
func value(t problem.Tree, key string, standard any) any {
	anyNumber := func(float64) bool { return true }
	if t.Null() && standard == nil {
		return nil
	}
	switch standard.(type) {
	case bool:
		return t.Bool()
	case string:
		return t.Choice(choices[key]...)
	case int:
		lo, hi := 1, maxTrainSteps
		switch key {
		case "steps_offset", "predictor_order", "corrector_order":
			lo = 0
		case "num_train_timesteps":
			lo = 2
		}
		if strings.HasSuffix(key, "order") {
			hi = 4
		}
		if key == "solver_order" {
			hi = 3
		}
		return t.Whole(lo, hi)
	case float64:
		switch key {
		case "beta_start", "beta_end":
			return t.Number("a number between 0 and 1", inside)
		case "dynamic_thresholding_ratio":
			return t.Number("a number from 0 to 1", func(v float64) bool { return v >= 0 && v <= 1 })
		case "base_shift", "max_shift":
			return t.Number("a number", anyNumber)
		}
		return t.Number("a positive number", positive)
	}
	switch key { // the fields that are null by default
	case "trained_betas":
		return t.Numbers("a number between 0 and 1", inside)
	case "disable_corrector":
		return t.Wholes(0, maxTrainSteps)
	case "lambda_min_clipped":
		if t.MinusInfinity() {
			return nil
		}
		return t.Number("a number or null", anyNumber)
	case "sigma_min", "sigma_max":
		return t.Number("a positive number or null", positive)
	case "shift_terminal":
		return t.Number("a number between 0 and 1, or null", inside)
	case "variance_type":
		return t.Choice(choices[key]...)
	}
	t.Complain(fmt.Errorf("%v: only null can be given in a file that is read here", t)) // an object: solver_p, tau_func
	return nil
}

func inside(v float64) bool   { return v > 0 && v < 1 }
func positive(v float64) bool { return v > 0 }

func (c *Config) flag(key string) bool      { b, _ := c.values[key].(bool); return b }
func (c *Config) text(key string) string    { s, _ := c.values[key].(string); return s }
func (c *Config) whole(key string) int      { n, _ := c.values[key].(int); return n }
func (c *Config) number(key string) float64 { v, _ := c.values[key].(float64); return v }

// has reports whether a field whose default is null has a value.
func (c *Config) has(key string) bool { return c.values[key] != nil }

// judge finds fields that contradict each other or that the class cannot serve, replaces what the class replaces
// silently, and lists what has no effect.
func (c *Config) judge(t problem.Tree) {
	spec := classes[c.Class]
	refuse := func(key, format string, args ...any) {
		t.Field(key).Complain(fmt.Errorf(format, args...))
	}
	if p := c.text("prediction_type"); p != "" && !slices.Contains(spec.predictions, p) {
		refuse("prediction_type", "%q is not available with %s, want one of %s", p, c.Class, strings.Join(spec.predictions, ", "))
	}
	c.judgeBetas(refuse)
	c.replace(refuse)
	var grids []string
	for _, key := range []string{"use_karras_sigmas", "use_lu_lambdas", "use_exponential_sigmas", "use_beta_sigmas"} {
		if c.flag(key) {
			grids = append(grids, key)
		}
	}
	if len(grids) > 1 {
		if slices.Contains(grids, "use_lu_lambdas") && len(grids) == 2 {
			c.warn("%s is ignored, for %s comes first", grids[1], grids[0])
		} else {
			refuse(grids[1], "%s is true too, want one of them", grids[0])
		}
	}
	for _, key := range []string{"use_flow_sigmas", "use_dynamic_shifting", "invert_sigmas"} {
		if c.flag(key) && !(key == "use_dynamic_shifting" && c.Class == "FlowMatchEulerDiscreteScheduler") {
			refuse(key, "true is not available")
		}
	}
	if c.Class == "UniPCMultistepScheduler" && c.has("shift_terminal") {
		refuse("shift_terminal", "%s takes it only with use_flow_sigmas, which is not available", c.Class)
	}
	switch v := c.text("variance_type"); {
	case v == "learned" || v == "learned_range":
		refuse("variance_type", "%q needs a network that predicts its variance, which the problem's model does not", v)
	case v == "fixed_large_log":
		refuse("variance_type", `%q: the class takes the square root of the logarithm of a number below 1, want "fixed_large"`, v)
	case v != "" && c.Class != "DDPMScheduler":
		refuse("variance_type", `%q is not one of %s, want null`, v, c.Class)
	}
	if c.given["steps_offset"] && c.text("timestep_spacing") != "leading" && c.whole("steps_offset") != 0 {
		c.warn("steps_offset is ignored: timestep_spacing is %q, and only \"leading\" heeds it", c.text("timestep_spacing"))
	}
	if len(grids) > 0 && c.given["timestep_spacing"] && tableGrids(c.Class) {
		c.warn("timestep_spacing is ignored: %s makes the grid from the whole table", grids[0])
	}
	if c.flag("thresholding") {
		if c.flag("clip_sample") {
			c.warn("clip_sample is ignored, for thresholding comes first")
		}
		if c.number("sample_max_value") <= 1 {
			c.warn("thresholding clips to ±%v always: sample_max_value is %v, and the threshold is between 1 and it", c.number("sample_max_value"), c.number("sample_max_value"))
		}
	}
	for key := range c.given {
		if strings.HasPrefix(key, "flow_shift") || key == "time_shift_type" && c.Class != "FlowMatchEulerDiscreteScheduler" {
			c.warn("%s is ignored: the flow sigmas that it shapes are not in use", key)
		}
	}
	slices.Sort(c.Warnings)
}

func tableGrids(class string) bool {
	return slices.Contains([]string{"DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "DEISMultistepScheduler", "SASolverScheduler"}, class)
}

func (c *Config) judgeBetas(refuse func(key, format string, args ...any)) {
	if _, ok := c.values["beta_schedule"]; !ok {
		if c.has("trained_betas") {
			refuse("trained_betas", "not available with %s", c.Class)
		}
		return
	}
	special := map[string]string{"exp": "HeunDiscreteScheduler", "sigmoid": "DDPMScheduler", "laplace": "DDPMScheduler"}
	s := c.text("beta_schedule")
	if only, ok := special[s]; ok && only != c.Class {
		refuse("beta_schedule", "%q is not implemented by %s, want linear, scaled_linear or squaredcos_cap_v2", s, c.Class)
	}
	if betas, ok := c.values["trained_betas"].([]float64); ok {
		for _, key := range []string{"beta_schedule", "beta_start", "beta_end"} {
			if c.given[key] {
				c.warn("%s is ignored: trained_betas is given", key)
			}
		}
		if n := c.whole("num_train_timesteps"); n != len(betas) {
			refuse("trained_betas", "length %d, but num_train_timesteps is %d", len(betas), n)
		}
		return
	}
	if s == "squaredcos_cap_v2" || s == "exp" || s == "laplace" {
		for _, key := range []string{"beta_start", "beta_end"} {
			if c.given[key] {
				c.warn("%s is ignored: beta_schedule is %q", key, s)
			}
		}
	}
}

// replace makes the replacements of values of other classes that a class makes without a word.
func (c *Config) replace(refuse func(key, format string, args ...any)) {
	put := func(key, by string, of ...string) {
		if old := c.text(key); slices.Contains(of, old) {
			c.values[key] = by
			c.warn("%s is %q, which %s replaces by %q", key, old, c.Class, by)
		}
	}
	want := func(key string, of ...string) {
		if v := c.text(key); !slices.Contains(of, v) {
			refuse(key, "%q is not implemented by %s, want one of %s", v, c.Class, strings.Join(of, ", "))
		}
	}
	algorithms := []string{"dpmsolver++", "sde-dpmsolver++"}
	switch c.Class {
	case "DPMSolverMultistepScheduler":
		algorithms = append(algorithms, "dpmsolver", "sde-dpmsolver")
		fallthrough
	case "EDMDPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler":
		if c.Class == "DPMSolverSinglestepScheduler" {
			algorithms = append(algorithms, "dpmsolver")
		}
		written := c.text("algorithm_type")
		put("algorithm_type", "dpmsolver++", "deis")
		put("solver_type", "midpoint", "logrho", "bh1", "bh2")
		want("algorithm_type", algorithms...)
		// The class checks what the file says, not what it is replaced by.
		if !strings.HasSuffix(written, "++") && c.text("final_sigmas_type") == "zero" {
			refuse("final_sigmas_type", `"zero" is not supported with algorithm_type %q, want "sigma_min"`, written)
		}
	case "DEISMultistepScheduler":
		put("algorithm_type", "deis", "dpmsolver", "dpmsolver++")
		put("solver_type", "logrho", "midpoint", "heun", "bh1", "bh2")
		want("algorithm_type", "deis")
	case "UniPCMultistepScheduler":
		put("solver_type", "bh2", "midpoint", "heun", "logrho")
	case "SASolverScheduler":
		want("algorithm_type", "data_prediction", "noise_prediction")
	}
}
