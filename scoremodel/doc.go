// Package scoremodel says what a network predicts, converts between the predictions
// in use, and holds models that are exact.
//
// A [Model] predicts one of five things about x = αx₀ + σε: the noise ε, the score,
// the clean sample, the velocity v, or the drift of the probability flow. [As] is the adapter: it
// views a model of one kind as a model of another under a schedule. A model viewed as
// [Flow] is the right-hand side of the probability flow ODE, so any method of package
// ode samples from it.
//
//	net := scoremodel.Func(scoremodel.Epsilon, func(dst, x []float64, t float64) error {
//		return myNetwork(dst, x, t)
//	})
//	flow := scoremodel.As(net, scoremodel.Flow, sde.VP{})
//
// [Gaussian], [Mixture] and the ideal denoiser of a data set, [NewDataset], predict exactly.
// They are what solvers are measured against, since their flows have closed forms or
// can be computed to any precision.
//
// [CFG], [CFGZero] and [APG] guide a conditional model by an unconditional one, and [StaticThreshold]
// and [DynamicThreshold] limit the clean sample that a model predicts. They work row by row, and the results are Models.
//
// Models that know their Jacobian are [Differentiable]: the exact ones, and views and guidance of them. Likelihoods are made of its trace.
//
// States are float64; a single-precision network comes in through [Float32]. [Times] tells a network the time in the quantity that it
// was trained on, such as the index of a DDPM step.
//
// Package digitsnet, below this one, is a small network that was trained on real data.
//
// This package neither steps nor samples.
package scoremodel
