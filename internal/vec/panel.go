package vec

import "math"

// PanelRows is the number of rows of a state that a panel holds. A panel is a piece of a state turned round: element after element, each
// for all its rows side by side, n × PanelRows. What is computed for one row then never touches another, and sums over
// elements or components need no rearrangement.
const PanelRows = 16

// TileRows is the number of rows of a packed matrix that are multiplied at once; the rows of a product are a multiple of it.
const TileRows = 8

// ToPanel writes up to PanelRows rows of x, of dim elements each, to panel, dim × PanelRows, and zeros for rows that are not there.
func ToPanel(panel, x []float64, dim int) {
	rows := len(x) / dim
	panel = panel[:dim*PanelRows]
	if rows < PanelRows {
		clear(panel)
	}
	if dim == 2 && rows == PanelRows { // points of the plane are worth a loop of their own
		x, first, second := x[:2*PanelRows], panel[:PanelRows], panel[PanelRows:2*PanelRows]
		for r := range first {
			first[r], second[r] = x[2*r], x[2*r+1]
		}
		return
	}
	for r := range rows {
		for j, v := range x[r*dim : (r+1)*dim] {
			panel[j*PanelRows+r] = v
		}
	}
}

// FromPanel writes the first rows of panel, dim × PanelRows, to x, as many as there are in it.
func FromPanel(x, panel []float64, dim int) {
	rows := len(x) / dim
	panel = panel[:dim*PanelRows]
	if dim == 2 && rows == PanelRows {
		x, first, second := x[:2*PanelRows], panel[:PanelRows], panel[PanelRows:2*PanelRows]
		for r := range first {
			x[2*r], x[2*r+1] = first[r], second[r]
		}
		return
	}
	for r := range rows {
		row := x[r*dim : (r+1)*dim]
		for j := range row {
			row[j] = panel[j*PanelRows+r]
		}
	}
}

// A Packed is a matrix made ready to be multiplied with panels. It is immutable and safe for concurrent use.
type Packed struct {
	rows, inner int
	tiles       []float64 // of TileRows rows each, inner × TileRows; the last one is filled up with zeros
}

// Pack returns the matrix a, row-major of rows × inner elements.
func Pack(a []float64, rows, inner int) *Packed {
	if len(a) != rows*inner {
		panic(badLength)
	}
	p := &Packed{rows, inner, make([]float64, (rows+TileRows-1)/TileRows*TileRows*inner)}
	for i := range rows {
		tile := p.tiles[i/TileRows*TileRows*inner:]
		for k := range inner {
			tile[k*TileRows+i%TileRows] = a[i*inner+k]
		}
	}
	return p
}

// PaddedRows returns the rows of a result: those of the matrix, filled up to whole tiles.
func (p *Packed) PaddedRows() int { return len(p.tiles) / p.inner }

// innerBlock terms of a product are added before the next tile is taken up, so that the panel's part stays in the first cache.
const innerBlock = 128

// Times writes the product of the matrix and the panel b, inner × PanelRows, to c, PaddedRows × PanelRows, whose rows past those of the
// matrix mean nothing. Each element is a chain of fused
// multiply-adds in the order of inner, from 0.
func (p *Packed) Times(c, b []float64) {
	c, b = c[:p.PaddedRows()*PanelRows], b[:p.inner*PanelRows]
	var zero [TileRows]float64
	for lo := 0; lo < p.inner; lo += innerBlock {
		n := min(innerBlock, p.inner-lo)
		bias := &zero
		if lo > 0 {
			bias = nil
		}
		if p.rows <= narrowRows {
			narrow(c[:narrowRows*PanelRows], p.tiles[lo*TileRows:][:n*TileRows], b[lo*PanelRows:][:n*PanelRows], bias)
			continue
		}
		for t := 0; t*TileRows < p.PaddedRows(); t++ {
			tile := p.tiles[(t*p.inner+lo)*TileRows:][:n*TileRows]
			product(c[t*TileRows*PanelRows:][:TileRows*PanelRows], tile, b[lo*PanelRows:][:n*PanelRows], bias)
		}
	}
}

// narrowRows is the number of rows of a matrix for which half a tile is enough.
const narrowRows = TileRows / 2

// Short reports whether Times takes less time than it takes to look for zeros.
func (p *Packed) Short() bool { return p.rows <= narrowRows && p.inner <= innerBlock }

// TimesListed is Times for the listed terms, which are those whose elements of b are not all zero, in ascending order: it gives the bits of Times,
// sooner.
func (p *Packed) TimesListed(c, b []float64, list []int32) {
	c, b = c[:p.PaddedRows()*PanelRows], b[:p.inner*PanelRows]
	clear(c)
	for len(list) > 0 {
		n := min(innerBlock, len(list))
		for t := 0; t*TileRows < p.PaddedRows(); t++ {
			listed(c[t*TileRows*PanelRows:][:TileRows*PanelRows], p.tiles[t*p.inner*TileRows:][:p.inner*TileRows], b, list[:n])
		}
		list = list[n:]
	}
}

// Nonzero writes the numbers of the rows of the panel p, n × PanelRows, that are not all zero to list, which has room for n, and returns those.
func Nonzero(list []int32, p []float64) []int32 {
	if len(p)/PanelRows > len(list) {
		panic(badLength)
	}
	return list[:nonzero(list, p)]
}

// Logits writes bias[k] + gain[k]·(alpha·p[k] - half) to the rows of the panel p, by two fused multiply-adds, and
// the largest of each column, or -Inf, to top; a NaN is not larger than anything.
func Logits(p, bias, gain []float64, alpha float64, half, top *[PanelRows]float64) {
	n := len(bias)
	if len(gain) != n || len(p) < n*PanelRows {
		panic(badLength)
	}
	if n > 0 {
		logits(p[:n*PanelRows], bias, gain, alpha, half, top)
	}
}

// Weights turns the logits p into the numerators of a soft-max: w = exp(p[k] - top), or 0 where the difference is below
// floor, which is at least ExpFloor. The sums of w over k go to sum. gain[k]·w goes to p, and the sums of that to gained.
func Weights(p, gain []float64, top *[PanelRows]float64, floor float64, sum, gained *[PanelRows]float64) {
	n := len(gain)
	if len(p) < n*PanelRows {
		panic(badLength)
	}
	if n > 0 {
		weights(p[:n*PanelRows], gain, top, floor, sum, gained)
	}
}

// The twins.

func productTwin(c, a, b []float64, bias *[TileRows]float64) {
	for r := range len(c) / PanelRows {
		sums := c[r*PanelRows:][:PanelRows]
		if bias != nil {
			for s := range sums {
				sums[s] = bias[r]
			}
		}
		for k := range len(b) / PanelRows {
			f := a[k*TileRows+r]
			for s, v := range b[k*PanelRows:][:PanelRows] {
				sums[s] = math.FMA(f, v, sums[s])
			}
		}
	}
}

func listedTwin(c, a, b []float64, list []int32) {
	for r := range TileRows {
		sums := c[r*PanelRows:][:PanelRows]
		for _, k := range list {
			f := a[int(k)*TileRows+r]
			for s, v := range b[int(k)*PanelRows:][:PanelRows] {
				sums[s] = math.FMA(f, v, sums[s])
			}
		}
	}
}

func nonzeroTwin(list []int32, p []float64) int {
	found := 0
	for k := range len(p) / PanelRows {
		any := uint64(0)
		for _, v := range p[k*PanelRows:][:PanelRows] {
			any |= math.Float64bits(v)
		}
		if any != 0 {
			list[found] = int32(k)
			found++
		}
	}
	return found
}

func logitsTwin(p, bias, gain []float64, alpha float64, half, top *[PanelRows]float64) {
	for s := range top {
		top[s] = math.Inf(-1)
	}
	for k := range bias {
		row := p[k*PanelRows:][:PanelRows]
		for s, v := range row {
			row[s] = math.FMA(gain[k], math.FMA(alpha, v, -half[s]), bias[k])
			if row[s] > top[s] {
				top[s] = row[s]
			}
		}
	}
}

func weightsTwin(p, gain []float64, top *[PanelRows]float64, floor float64, sum, gained *[PanelRows]float64) {
	*sum, *gained = [PanelRows]float64{}, [PanelRows]float64{}
	for k := range gain {
		row := p[k*PanelRows:][:PanelRows]
		for s, v := range row {
			w := exponential(v-top[s], floor)
			sum[s] += w
			w *= gain[k]
			gained[s] += w
			row[s] = w
		}
	}
}
