//go:build !amd64 || noasm

package vec

// Where there are no kernels their Go twins do the work.

func lin(dst []float64, terms []Term) { linTwin(dst, terms) }

func finite(x []float64) bool { return finiteTwin(x) }

func squares(x []float64) float64 { return squaresTwin(x) }

func errorSquares(e, x, y []float64, abs, rel float64) float64 {
	return errorSquaresTwin(e, x, y, abs, rel)
}

func exp(dst, x []float64, floor float64) { expTwin(dst, x, floor) }

func product(c, a, b []float64, bias *[TileRows]float64) { productTwin(c, a, b, bias) }

func narrow(c, a, b []float64, bias *[TileRows]float64) { productTwin(c, a, b, bias) }

func listed(c, a, b []float64, list []int32) { listedTwin(c, a, b, list) }

func nonzero(list []int32, p []float64) int { return nonzeroTwin(list, p) }

func logits(p, bias, gain []float64, alpha float64, half, top *[PanelRows]float64) {
	logitsTwin(p, bias, gain, alpha, half, top)
}

func weights(p, gain []float64, top *[PanelRows]float64, floor float64, sum, gained *[PanelRows]float64) {
	weightsTwin(p, gain, top, floor, sum, gained)
}

func normals(dst []float64, keys *[20]uint64, low, high, stepLow, stepHigh, draw uint64, scale float64) {
	normalsTwin(dst, keys, low, high, stepLow, stepHigh, draw, scale)
}
