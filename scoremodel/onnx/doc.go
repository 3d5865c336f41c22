// Package onnx samples from networks in ONNX files, through ONNX Runtime.
//
// [Open] reads a network, and [Model] is it as a scoremodel.Model. The time that it is given is what the network was trained to be told;
// scoremodel.Times turns the time of a schedule into that:
//
//	net, err := onnx.Open("eps.onnx", onnx.Options{Inputs: map[string][]float64{"y": {7}}})
//	...
//	defer net.Close()
//	model, err := scoremodel.Times{}.Apply(net, schedule) // told the index n = 1000t - 1
//	...
//	problem := solvers.Problem{Schedule: schedule, Model: model, Dim: net.Dim()}
//
// Inputs of the network besides the sample and the time are conditions. Each has values, one for each row of the batch or one for all;
// [Model.With] returns the same network with other values, and [Model.Pair] evaluates the two as one doubled batch, for classifier-free guidance:
//
//	plain, err := net.With(map[string][]float64{"y": {10}}) // no class
//	...
//	pair, err := net.Pair(plain)
//	...
//	told, err := scoremodel.Times{}.Apply(pair, schedule)
//	...
//	guided, err := scoremodel.CFG{Scale: 3}.Guide(told, nil, net.Dim(), schedule)
//
// The command in the folder bench is that of diffsolve with problems that have networks: it samples, compares solvers and draws without a line of Go.
//
// # The library
//
// ONNX Runtime is a shared library, which is loaded when the first network is opened: version 1.24 or later. It is looked for in Options.Library,
// in the environment variable ONNXRUNTIME_SHARED_LIBRARY_PATH, and in the usual places, see [Library]. It comes
// with the npm packages onnxruntime-node and sherpa-onnx-linux-x64, with the Python package onnxruntime, with some
// distributions, and from the releases of ONNX Runtime.
//
// The package calls it through cgo. Built without cgo the package has the same names, and Open returns ErrLibrary.
//
// # Bits
//
// Networks compute in single precision; states are float64, and converted on the way. The bits of a row's prediction do not depend on the rows that it is evaluated
// with if the kernels of ONNX Runtime have this property, which it does not promise. The tests of this package find it for their networks at every batch size that they try.
// Where a network's kernels depend on the size of the batch, Options.Batch makes all calls the same size; the results
// then depend neither on workers nor on the split. Another version of ONNX Runtime, another processor or Options.Threads may give other bits.
package onnx
