package scoremodel

// A VarianceModel is a Model that was trained to tell, too, how much noise an ancestral step is to add
// [nichol2021, section 3.1].
//
// Views of the model, such as those of As, do not pass it on: a solver that can use the variance asks
// the model itself.
//
// References:
//
//	[nichol2021]
type VarianceModel interface {
	Model

	// PredictVariance does what Predict does, and writes to fraction, for each element of x, where the logarithm of the step's
	// variance lies between its bounds: at 0 it is the variance of the forward process' posterior, "fixed small", and at 1 that of the
	// forward process itself, "fixed large". A network trained as in the paper predicts an o from -1 to 1; the fraction is (o+1)/2. Values beyond
	// 0 and 1 are extrapolated. fraction does not overlap dst and x.
	PredictVariance(dst, fraction, x []float64, t float64) error
}
