package problem

// For the tests of what a file may hold, without a file.
var (
	ParseMatrix  = parseMatrix
	ParseTensor3 = parseTensor3
)
