// Command bench is the command of diffsolve, whose problems may be networks in ONNX files. From the root of the repository,
//
//	go run ./scoremodel/onnx/... sample --problem scoremodel/onnx/testdata/mnist28.json --rows 64 --png digits.png
//
// It needs ONNX Runtime, which the flag --onnxruntime names or package onnx finds. In a problem's JSON file the network is a model of kind onnx:
//
//	{"schedule": {"kind": "ddpm"},
//	 "model": {"kind": "onnx", "file": "eps.onnx", "prediction": "epsilon", "time": "index",
//	           "inputs": {"y": [0, 1, 2]}, "plain": {"y": 10}, "guidance": 3}}
//
// Its members; those in brackets may be left out:
//
//	file          the network, relative to the JSON file
//	prediction    what it predicts: epsilon, score, data, velocity or flow
//	time          what it is told: index, continuous, sigma, lambda or logsigma4; see scoremodel.Times
//	[time_steps]  the length of the table of an index, that of the schedule or else 1000
//	[between]     fraction, nearest or refused, for times between two steps of the table
//	[time_scale]  a factor of what is told
//	[inputs]      an object with the values of all other inputs, each a number or a list: rows take them in turn
//	[class]       the name of the input that is a class, a whole number: the flag --labels gives it other values, and
//	              compare --quality checks the samples against it
//	[plain]       values instead of those, for the prediction without the condition
//	[guidance]    the scale of classifier-free guidance, with plain; [rescale], from 0 to 1, goes with it
//	[clip]        the predicted clean sample is kept within ± this
//	[shapes]      an object with the shapes of a row, lists, of what the network leaves open
//	[sample], [told], [output]   names of the input for the sample, of that for the time, and of the output, if they are not found
//	[batch], [threads]           rows and threads of a call; see onnx.Options
package main

import (
	"flag"
	"os"

	"github.com/diffsolve/diffsolve/bench/command"
	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/scoremodel/onnx"
)

const libraryFlag = "onnxruntime"

func main() {
	var r runtime
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.StringVar(&r.library, libraryFlag, "", "ONNX Runtime's shared library; if not given, "+onnx.Variable+" or the usual places say where it is")
	os.Exit(command.Program{Kinds: []problem.Kind{r.kind()}, Flags: flags}.Main())
}
