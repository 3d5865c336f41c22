//go:build !amd64 || noasm

package vec

// Where there are no kernels their Go twins do the work.

func lin(dst []float64, terms []Term) { linTwin(dst, terms) }
func finite(x []float64) bool         { return finiteTwin(x) }
func squares(x []float64) float64     { return squaresTwin(x) }
func errorSquares(e, x, y []float64, abs, rel float64) float64 {
	return errorSquaresTwin(e, x, y, abs, rel)
}
