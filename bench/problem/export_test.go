package problem

// For the tests of what a file may hold, without a file.
var (
	ParseMatrix  = parseMatrix
	ParseTensor3 = parseTensor3
	ParseIDX     = func(file []byte) (values []byte, rows, cols int, err error) {
		t, err := parseIDX(file)
		return t.bytes, t.rows, t.cols, err
	}
)
