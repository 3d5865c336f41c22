package scheduler_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/diffsolve/diffsolve/bench/scheduler"
	"github.com/diffsolve/diffsolve/sde"
	"github.com/diffsolve/diffsolve/solvers"
)

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		text, want string
		unknown    bool
	}{
		{text: ``, want: "c.json: the file is empty"},
		{text: `{"_class_name": "DDIMScheduler",}`, want: "c.json: line 1, column 33"},
		{text: `[]`, want: "c.json: a"},
		{text: `{}`, want: "c.json: _class_name: missing"},
		{text: `{"_class_name": 3}`, want: "c.json: _class_name: 3: want a string"},
		{text: `{"_class_name": "DDIMSheduler"}`, want: `unknown _class_name "DDIMSheduler", did you mean "DDIMScheduler"?`, unknown: true},
		{text: `{"_class_name": "LCMScheduler"}`, want: "c.json: _class_name: LCMScheduler is a scheduler, but it is not available"},
		{text: `{"_class_name": "DDIMScheduler", "beta_strat": 0.1}`, want: `c.json: beta_strat: unknown field "beta_strat", did you mean "beta_start"?`, unknown: true},
		{text: `{"_class_name": "DDIMScheduler", "beta_start": "0.1"}`, want: `c.json: beta_start: "0.1": want a number between 0 and 1`},
		{text: `{"_class_name": "DDIMScheduler", "beta_start": 1.5}`, want: "c.json: beta_start: 1.5: want a number between 0 and 1"},
		{text: `{"_class_name": "DDIMScheduler", "beta_start": NaN}`, want: "NaN is not a JSON number"},
		{text: `{"_class_name": "DDIMScheduler", "num_train_timesteps": 10.5}`, want: "c.json: num_train_timesteps: 10.5: want a whole number"},
		{text: `{"_class_name": "DDIMScheduler", "num_train_timesteps": 0}`, want: "num_train_timesteps: 0: want a whole number from 2"},
		{text: `{"_class_name": "DDIMScheduler", "clip_sample": 1}`, want: "c.json: clip_sample: 1: want true or false"},
		{text: `{"_class_name": "DDIMScheduler", "clip_sample": null}`, want: "c.json: clip_sample: null: want true or false"},
		{text: `{"_class_name": "DDIMScheduler", "clip_sample": true, "clip_sample": true}`, want: "given twice"},
		{text: `{"_class_name": "DDIMScheduler", "timestep_spacing": "traling"}`, want: `did you mean "trailing"?`, unknown: true},
		{text: `{"_class_name": "DDIMScheduler", "beta_schedule": "exp"}`, want: `c.json: beta_schedule: "exp" is not implemented by DDIMScheduler`},
		{text: `{"_class_name": "DDIMScheduler", "prediction_type": "flow_prediction"}`, want: `c.json: prediction_type: "flow_prediction" is not available with DDIMScheduler`},
		{text: `{"_class_name": "EulerAncestralDiscreteScheduler", "prediction_type": "sample"}`, want: "want one of epsilon, v_prediction"},
		{text: `{"_class_name": "DDIMScheduler", "trained_betas": [0.1, 0.2]}`, want: "c.json: trained_betas: length 2, but num_train_timesteps is 1000"},
		{text: `{"_class_name": "DDIMScheduler", "trained_betas": [0.1, -0.2]}`, want: "c.json: trained_betas[1]: -0.2: want a number between 0 and 1"},
		{text: `{"_class_name": "DDPMScheduler", "variance_type": "learned_range"}`, want: "needs a network that predicts its variance"},
		{text: `{"_class_name": "DDPMScheduler", "variance_type": "fixed_large_log"}`, want: "the square root of the logarithm"},
		{text: `{"_class_name": "UniPCMultistepScheduler", "solver_order": 9}`, want: "c.json: solver_order: 9: want a whole number from 1 to 3"},
		{text: `{"_class_name": "UniPCMultistepScheduler", "disable_corrector": [0, 0.5]}`, want: "c.json: disable_corrector[1]: 0.5: want a whole number"},
		{text: `{"_class_name": "UniPCMultistepScheduler", "solver_p": {}}`, want: "c.json: solver_p: an object: only null"},
		{text: `{"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true}`, want: "c.json: use_flow_sigmas: true is not available"},
		{text: `{"_class_name": "UniPCMultistepScheduler", "use_karras_sigmas": true, "use_beta_sigmas": true}`, want: "c.json: use_beta_sigmas: use_karras_sigmas is true too"},
		{text: `{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver"}`, want: `c.json: final_sigmas_type: "zero" is not supported with algorithm_type "dpmsolver"`},
		{text: `{"_class_name": "DPMSolverSinglestepScheduler", "algorithm_type": "sde-dpmsolver"}`, want: `"sde-dpmsolver" is not implemented by DPMSolverSinglestepScheduler`},
		{text: `{"_class_name": "DPMSolverMultistepScheduler", "variance_type": "fixed_small"}`, want: "variance_type"},
	} {
		_, err := scheduler.Read("c.json", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Read(%s) = %v, want one line with %q", c.text, err, c.want)
		}
		if errors.Is(err, solvers.ErrUnknown) != c.unknown {
			t.Errorf("Read(%s) = %v, wraps ErrUnknown: %v, want %v", c.text, err, !c.unknown, c.unknown)
		}
	}
}

func TestWarnings(t *testing.T) {
	p := problems(t, sde.VP{})["gaussian"]
	for _, c := range []struct {
		name, text string
		steps      int
		want       []string // parts, one of each warning in order
	}{
		{"a plain config", `{"_class_name": "DDIMScheduler", "_diffusers_version": "0.1", "clip_sample": false}`, 10, nil},
		{"null is the default", `{"_class_name": "DPMSolverMultistepScheduler", "trained_betas": null, "variance_type": null, "lambda_min_clipped": "-Infinity"}`, 10, nil},
		{"fields of other classes", `{"_class_name": "LMSDiscreteScheduler", "skip_prk_steps": true, "set_alpha_to_one": false, "snr_shift_scale": 3}`, 10,
			[]string{"set_alpha_to_one is ignored", "skip_prk_steps is ignored", "snr_shift_scale is ignored"}},
		{"defaults that count as missing", `{"_class_name": "LMSDiscreteScheduler", "timestep_spacing": "leading", "steps_offset": 1, "_use_default_values": ["timestep_spacing"]}`, 10,
			[]string{"steps_offset is ignored: timestep_spacing is \"linspace\""}},
		{"silent replacements", `{"_class_name": "DPMSolverMultistepScheduler", "solver_type": "bh2"}`, 10, []string{`solver_type is "bh2", which DPMSolverMultistepScheduler replaces by "midpoint"`}},
		{"two silent replacements", `{"_class_name": "DEISMultistepScheduler", "solver_type": "midpoint", "algorithm_type": "dpmsolver++"}`, 10,
			[]string{`replaces by "deis"`, `replaces by "logrho"`}},
		{"unused betas", `{"_class_name": "LMSDiscreteScheduler", "beta_schedule": "squaredcos_cap_v2", "beta_start": 0.1}`, 10, []string{"beta_start is ignored", "the betas are not the problem's: at timestep 500"}},
		{"a hidden field", `{"_class_name": "HeunDiscreteScheduler", "use_karras_sigmas": true, "sigma_min": 0.1}`, 10, []string{"sigma_min is not a field", "the betas are not the problem's"}},
		{"a threshold that clips", `{"_class_name": "DDIMScheduler", "thresholding": true, "clip_sample": true}`, 10,
			[]string{"clip_sample is ignored", "thresholding clips to ±1 always", "clean data is clipped"}},
		{"steps with gaps", `{"_class_name": "DDIMScheduler", "clip_sample": false, "timestep_spacing": "linspace"}`, 10, []string{"the steps do not join: each goes down by 100"}},
		{"a rewritten config", `{"_class_name": "DPMSolverSinglestepScheduler", "final_sigmas_type": "sigma_min"}`, 5, []string{"the number of steps, 5, is not a multiple", "one evaluation"}},
		{"a spacing without effect", `{"_class_name": "DEISMultistepScheduler", "use_karras_sigmas": true, "timestep_spacing": "trailing"}`, 5,
			[]string{"timestep_spacing is ignored", "made whole numbers", "repeats the last sigma"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := scheduler.Read("c.json", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			r, err := config.Run(p, c.steps, nil)
			if err != nil {
				t.Fatal(err)
			}
			contains := cmp.Comparer(func(a, b string) bool { return strings.Contains(a, b) || strings.Contains(b, a) })
			if diff := cmp.Diff(c.want, r.Warnings, contains, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	p := problems(t, sde.VP{})["gaussian"]
	for _, c := range []struct {
		text  string
		steps int
		args  map[string]string
		is    error
		want  string
	}{
		{`{"_class_name": "DDIMScheduler"}`, 0, nil, solvers.ErrParameter, "0 steps, want 1 to 1000"},
		{`{"_class_name": "DDIMScheduler"}`, 1001, nil, solvers.ErrParameter, "1001 steps"},
		{`{"_class_name": "DDIMScheduler"}`, 10, map[string]string{"etta": "1"}, solvers.ErrUnknown, `did you mean "eta"?`},
		{`{"_class_name": "DDIMScheduler"}`, 10, map[string]string{"eta": "x"}, solvers.ErrParameter, `eta is "x", want a number`},
		{`{"_class_name": "DDIMScheduler"}`, 10, map[string]string{"eta": "-1"}, solvers.ErrParameter, `eta is "-1"`},
		{`{"_class_name": "DDIMScheduler"}`, 10, map[string]string{"eta": "NaN"}, solvers.ErrParameter, `eta is "NaN"`},
		{`{"_class_name": "DDIMScheduler"}`, 10, map[string]string{"eta": "1.5"}, solvers.ErrParameter, "eta is 1.5, want 0 to 1"},
		{`{"_class_name": "DDIMScheduler"}`, 10, map[string]string{"use_clipped_model_output": "2"}, solvers.ErrParameter, "want true or false"},
		{`{"_class_name": "LMSDiscreteScheduler"}`, 10, map[string]string{"order": "5"}, solvers.ErrParameter, `order is "5", want 1 to 4`},
		{`{"_class_name": "PNDMScheduler"}`, 10, map[string]string{"eta": "1"}, solvers.ErrParameter, "takes no arguments"},
		{`{"_class_name": "PNDMScheduler"}`, 3, nil, scheduler.ErrBroken, "fewer than 4 steps"},
		{`{"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"}`, 61, nil, scheduler.ErrBroken, "timestep -1 is not one of the table's"},
		{`{"_class_name": "DDIMScheduler", "steps_offset": 1}`, 1000, nil, scheduler.ErrBroken, "timestep 1000 is not one of the table's"},
		{`{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}`, 10, nil, scheduler.ErrBroken, `prediction_type "epsilon"`},
		{`{"_class_name": "DDIMInverseScheduler", "prediction_type": "sample"}`, 10, nil, scheduler.ErrBroken, `prediction_type "sample"`},
		{`{"_class_name": "UniPCMultistepScheduler", "solver_type": "bh1"}`, 10, nil, scheduler.ErrBroken, `solver_type "bh1"`},
		{`{"_class_name": "UniPCMultistepScheduler", "disable_corrector": [2]}`, 10, nil, solvers.ErrParameter, "only the first steps"},
		{`{"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": true, "sigma_max": 400}`, 20, nil, scheduler.ErrBroken, "the first two timesteps are both"},
		{`{"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"}`, 20, nil, solvers.ErrParameter, "continuous"},
		{`{"_class_name": "EDMEulerScheduler", "sigma_max": 200}`, 20, nil, solvers.ErrProblem, "times are from 0.001 to 1"},
		{`{"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true}`, 20, nil, solvers.ErrParameter, "needs the argument mu"},
		{`{"_class_name": "FlowMatchEulerDiscreteScheduler"}`, 20, map[string]string{"mu": "1"}, solvers.ErrParameter, "mu is for use_dynamic_shifting"},
		{`{"_class_name": "FlowMatchEulerDiscreteScheduler"}`, 20, nil, solvers.ErrProblem, "times are from 0.001 to 1"},
	} {
		config, err := scheduler.Read("c.json", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.Run(p, c.steps, c.args); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, %d steps, %v: %v, want %v and %q", c.text, c.steps, c.args, err, c.is, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scheduler_config.json")
	if _, err := scheduler.Load(path); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Load of no file: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"_class_name": "PNDMScheduler"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := scheduler.Load(path)
	if err != nil || c.Class != "PNDMScheduler" {
		t.Errorf("Load = %+v, %v", c, err)
	}
}

// TestFewSteps runs every class, as it comes, with one to five steps: a finite result or a refusal.
func TestFewSteps(t *testing.T) {
	diffusion, flow := problems(t, sde.VP{})["mixture2d"], problems(t, sde.Flow{})["mixture2d"]
	for _, class := range scheduler.ClassNames() {
		config, err := scheduler.Read("c.json", []byte(`{"_class_name": "`+class+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		p := diffusion
		if strings.HasPrefix(class, "Flow") {
			p = flow
		}
		p.Noise = sde.Fresh{Seed: 3}
		for steps := 1; steps <= 5; steps++ {
			r, err := config.Run(p, steps, nil)
			if errors.Is(err, scheduler.ErrBroken) {
				continue
			}
			if err != nil {
				t.Errorf("%s, %d steps: %v", class, steps, err)
				continue
			}
			x := []float64{0.3, -0.2, 1.1, 0.4}
			y := append([]float64(nil), x...)
			if _, err := solvers.Sample(t.Context(), r.Solver, r.Problem, x, &solvers.Settings{Grid: r.Grid}); err != nil {
				t.Errorf("%s, %d steps: %v", class, steps, err)
			}
			// The rows do not know of each other.
			if _, err := solvers.Sample(t.Context(), r.Solver, r.Problem, y, &solvers.Settings{Grid: r.Grid, Workers: 2}); err != nil {
				t.Errorf("%s, %d steps, 2 workers: %v", class, steps, err)
			}
			if diff := cmp.Diff(x, y); diff != "" {
				t.Errorf("%s, %d steps, by 2 workers (-1 +2):\n%s", class, steps, diff)
			}
		}
	}
}

// TestSmallTables runs every class, spacing and grid on tables of a few timesteps, with all numbers of steps: a finite result or an error.
func TestSmallTables(t *testing.T) {
	diffusion, flow := problems(t, sde.VP{})["gaussian"], problems(t, sde.Flow{})["gaussian"]
	for _, class := range scheduler.ClassNames() {
		p := diffusion
		if strings.HasPrefix(class, "Flow") {
			p = flow
		}
		p.Noise = sde.Fresh{Seed: 3}
		var variants []string
		for key := range scheduler.Fields(class) {
			switch key {
			case "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "rescale_betas_zero_snr", "skip_prk_steps", "thresholding", "euler_at_final", "stochastic_sampling":
				variants = append(variants, `"`+key+`": true`)
			case "timestep_spacing":
				variants = append(variants, `"timestep_spacing": "trailing"`, `"timestep_spacing": "leading", "steps_offset": 1`, `"timestep_spacing": "linspace"`)
			case "solver_order":
				variants = append(variants, `"solver_order": 1`, `"solver_order": 3`)
			case "final_sigmas_type":
				variants = append(variants, `"final_sigmas_type": "sigma_min"`)
			case "lower_order_final":
				variants = append(variants, `"lower_order_final": false`)
			case "prediction_type":
				variants = append(variants, `"prediction_type": "v_prediction"`)
			}
		}
		for _, variant := range append(variants, `"_": 0`) {
			for _, size := range []string{"2", "3", "7"} {
				text := `{"_class_name": "` + class + `", "num_train_timesteps": ` + size + `, ` + variant + `}`
				config, err := scheduler.Read("c.json", []byte(text))
				if err != nil {
					t.Errorf("%s: %v", text, err)
					continue
				}
				for steps := 1; steps <= 7; steps++ {
					r, err := config.Run(p, steps, nil)
					if err != nil {
						continue
					}
					x := []float64{0.3}
					if _, err := solvers.Sample(t.Context(), r.Solver, r.Problem, x, &solvers.Settings{Grid: r.Grid}); err != nil {
						t.Errorf("%s, %d steps: %v", text, steps, err)
					}
				}
			}
		}
	}
}
