// Package scheduler reproduces diffusers' scheduler classes from their scheduler_config.json: the class, its tables of
// timesteps and sigmas, and its steps, with what is unusual in them, on any problem.
//
//	c, err := scheduler.Load("scheduler_config.json")
//	r, err := c.Run(p, 20, nil)
//	res, err := solvers.Sample(ctx, r.Solver, r.Problem, x, &solvers.Settings{Grid: r.Grid})
//
// # How
//
// A class is a list of levels, a timestep for each, and a method. Package solvers knows the methods, so a run is
// posed to it as a problem: the schedule has the levels of the table, at the times "steps left", and
// the model is a view of the problem's model as the class sees its network: fed the variance-preserving
// state, asked for the timestep, which may be rounded and so not quite the level's, answering in the
// config's prediction type, and converted, clipped and thresholded as the class does it. Most classes are then a
// solver of the catalogue, in the variant that the class computes. Those whose steps are not steps from one
// level to the next, or do not use one consistent prediction, have a stepper of their own here.
//
// A timestep n = 0..T-1 is the time (n+1)/T of the problem, as for sde.Discrete. The flow matching and the EDM classes condition their
// networks otherwise: their levels are those of the problem's schedule where the signal-to-noise ratio is the same.
//
// # What it does not do
//
// Classes compute their tables in float32, here they are float64; a table entry may so differ by 1e-6. Where a
// class divides by zero and returns NaN, a run is refused, with the reason. Custom timesteps and sigmas, img2img and
// networks that predict a variance are not served.
//
// The files of testdata hold what the classes themselves return; bench/peers/goldens.py writes them.
package scheduler
