package scoremodel

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// multiply adds a·b to dst, for row-major a of rows × inner, b of inner × cols.
//
// gonum's Dgemm hands a large product to new goroutines, which allocates, and which
// would compete with the workers that already share out the rows. Products of up to 64 × 192 it
// computes where it stands, so the work goes to it in such tiles. With neither factor
// transposed it adds multiples of the rows of b in the order of inner, whatever the tile, and skips
// factors that are exactly zero: the bits of a row depend on that row alone.
func multiply(dst, a, b []float64, rows, inner, cols int) {
	const tileRows, tileCols = 64, 192
	var impl gonum.Implementation
	for i := 0; i < rows; i += tileRows {
		m := min(tileRows, rows-i)
		for j := 0; j < cols; j += tileCols {
			n := min(tileCols, cols-j)
			impl.Dgemm(blas.NoTrans, blas.NoTrans, m, n, inner, 1, a[i*inner:], inner, b[j:], cols, 1, dst[i*cols+j:], cols)
		}
	}
}
