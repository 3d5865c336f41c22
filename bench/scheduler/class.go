package scheduler

import "slices"

// Fields of a config that a class reads, and the values that it takes where they are missing.

// common are the fields of the classes that have a table of betas, with the defaults of most of them.
var common = map[string]any{
	"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "trained_betas": nil,
	"prediction_type": "epsilon", "timestep_spacing": "linspace", "steps_offset": 0,
}

// flags of classes with alternative grids of sigmas.
var sigmaGrids = map[string]any{"use_karras_sigmas": false, "use_exponential_sigmas": false, "use_beta_sigmas": false}

var thresholding = map[string]any{"thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0}

var clipping = map[string]any{"clip_sample": true, "clip_sample_range": 1.0}

// flow are the fields by which a class also serves flow models. They are known; their use is not available.
var flow = map[string]any{"use_flow_sigmas": false, "flow_shift": 1.0, "use_dynamic_shifting": false, "time_shift_type": "exponential"}

var edm = map[string]any{"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "sigma_schedule": "karras", "num_train_timesteps": 1000,
	"prediction_type": "epsilon", "rho": 7.0, "final_sigmas_type": "zero"}

type fields = map[string]any

func join(parts ...fields) fields {
	all := fields{}
	for _, part := range parts {
		for k, v := range part {
			all[k] = v
		}
	}
	return all
}

// A class is a scheduler class: the fields of its config with their defaults, the arguments of its step, and how a
// run of it is built.
type class struct {
	fields      fields
	predictions []string // the prediction types that it serves
	arguments   fields   // of step, with their defaults
	build       func(r *Run) error
}

var (
	all3   = []string{"epsilon", "sample", "v_prediction"}
	noData = []string{"epsilon", "v_prediction"}
	churn  = fields{"s_churn": 0.0, "s_tmin": 0.0, "s_tmax": maxNumber, "s_noise": 1.0}
)

// classes holds what is known of each class, by name.
var classes = map[string]class{
	"DDIMScheduler": {
		join(common, clipping, thresholding, fields{"timestep_spacing": "leading", "set_alpha_to_one": true, "rescale_betas_zero_snr": false}),
		all3, fields{"eta": 0.0, "use_clipped_model_output": false}, buildDDIM},
	"DDPMScheduler": {
		join(common, clipping, thresholding, fields{"timestep_spacing": "leading", "variance_type": "fixed_small", "rescale_betas_zero_snr": false}),
		all3, nil, buildDDPM},
	"DDIMInverseScheduler": {
		join(common, clipping, fields{"timestep_spacing": "leading", "set_alpha_to_one": true, "rescale_betas_zero_snr": false}),
		all3, nil, buildDDIMInverse},
	"PNDMScheduler": {
		join(common, fields{"timestep_spacing": "leading", "skip_prk_steps": false, "set_alpha_to_one": false}),
		noData, nil, buildPNDM},
	"IPNDMScheduler": {fields{"num_train_timesteps": 1000, "trained_betas": nil}, nil, nil, buildIPNDM},
	"EulerDiscreteScheduler": {
		join(common, sigmaGrids, fields{"interpolation_type": "linear", "sigma_min": nil, "sigma_max": nil, "timestep_type": "discrete",
			"rescale_betas_zero_snr": false, "final_sigmas_type": "zero"}),
		all3, churn, buildEuler},
	"EulerAncestralDiscreteScheduler": {join(common, fields{"rescale_betas_zero_snr": false}), noData, nil, buildEulerAncestral},
	"HeunDiscreteScheduler": {
		join(common, sigmaGrids, clipping, fields{"beta_start": 0.00085, "beta_end": 0.012, "clip_sample": false}), all3, nil, buildHeun},
	"KDPM2DiscreteScheduler":          {join(common, sigmaGrids, fields{"beta_start": 0.00085, "beta_end": 0.012}), noData, nil, buildKDPM2},
	"KDPM2AncestralDiscreteScheduler": {join(common, sigmaGrids, fields{"beta_start": 0.00085, "beta_end": 0.012}), noData, nil, buildKDPM2Ancestral},
	"LMSDiscreteScheduler":            {join(common, sigmaGrids), all3, fields{"order": 4}, buildLMS},
	"DPMSolverMultistepScheduler": {
		join(common, sigmaGrids, thresholding, flow, fields{"solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint",
			"lower_order_final": true, "euler_at_final": false, "use_lu_lambdas": false, "final_sigmas_type": "zero", "lambda_min_clipped": nil,
			"variance_type": nil, "rescale_betas_zero_snr": false}),
		all3, nil, buildDPMSolverMultistep},
	"DPMSolverSinglestepScheduler": {
		join(without(common, "timestep_spacing", "steps_offset"), sigmaGrids, thresholding, flow, fields{"solver_order": 2, "algorithm_type": "dpmsolver++",
			"solver_type": "midpoint", "lower_order_final": false, "final_sigmas_type": "zero", "lambda_min_clipped": nil, "variance_type": nil}),
		all3, nil, buildDPMSolverSinglestep},
	"UniPCMultistepScheduler": {
		join(common, sigmaGrids, thresholding, flow, fields{"solver_order": 2, "predict_x0": true, "solver_type": "bh2", "lower_order_final": true,
			"disable_corrector": nil, "solver_p": nil, "final_sigmas_type": "zero", "rescale_betas_zero_snr": false, "sigma_min": nil,
			"sigma_max": nil, "shift_terminal": nil}),
		all3, nil, buildUniPC},
	"DEISMultistepScheduler": {
		join(common, sigmaGrids, thresholding, flow, fields{"solver_order": 2, "algorithm_type": "deis", "solver_type": "logrho", "lower_order_final": true}),
		all3, nil, buildDEIS},
	"SASolverScheduler": {
		join(common, sigmaGrids, thresholding, fields{"use_flow_sigmas": false, "flow_shift": 1.0, "predictor_order": 2, "corrector_order": 2, "tau_func": nil,
			"algorithm_type": "data_prediction", "lower_order_final": true, "lambda_min_clipped": nil, "variance_type": nil}),
		all3, nil, buildSASolver},
	"EDMEulerScheduler": {edm, noData, churn, buildEDMEuler},
	"EDMDPMSolverMultistepScheduler": {
		join(edm, thresholding, fields{"solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lower_order_final": true, "euler_at_final": false}),
		noData, nil, buildEDMDPMSolverMultistep},
	"FlowMatchEulerDiscreteScheduler": {
		fields{"num_train_timesteps": 1000, "shift": 1.0, "use_dynamic_shifting": false, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256,
			"max_image_seq_len": 4096, "invert_sigmas": false, "shift_terminal": nil, "use_karras_sigmas": false, "use_exponential_sigmas": false,
			"use_beta_sigmas": false, "time_shift_type": "exponential", "stochastic_sampling": false},
		nil, fields{"mu": 0.0}, buildFlowMatchEuler},
	"FlowMatchHeunDiscreteScheduler": {fields{"num_train_timesteps": 1000, "shift": 1.0}, nil, nil, buildFlowMatchHeun},
}

// later are classes that exist and are not available.
var later = []string{
	"CMStochasticIterativeScheduler", "CogVideoXDDIMScheduler", "CogVideoXDPMScheduler", "CosineDPMSolverMultistepScheduler", "DDIMParallelScheduler",
	"DDPMParallelScheduler", "DDPMWuerstchenScheduler", "DPMSolverMultistepInverseScheduler", "DPMSolverSDEScheduler", "FlowMatchLCMScheduler",
	"KarrasVeScheduler", "LCMScheduler", "LTXEulerAncestralRFScheduler", "RePaintScheduler", "SCMScheduler", "ScoreSdeVeScheduler", "ScoreSdeVpScheduler",
	"TCDScheduler", "UnCLIPScheduler", "VQDiffusionScheduler",
}

// foreign are fields of those.
var foreign = []string{"noise_sampler_seed", "original_inference_steps", "timestep_scaling", "snr_shift_scale", "set_alpha_to_zero", "s_noise", "snr",
	"sampling_eps", "correct_steps", "scale_factors", "upscale_mode", "skip_type"}

func without(f fields, keys ...string) fields {
	f = join(f)
	for _, k := range keys {
		delete(f, k)
	}
	return f
}

// known reports whether some class reads the field.
func known(field string) bool {
	if slices.Contains(foreign, field) {
		return true
	}
	for _, c := range classes {
		if _, ok := c.fields[field]; ok {
			return true
		}
	}
	return false
}
