package scoremodel

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/sde"
)

// A Component is a normal distribution and its weight in a mixture. Exactly one of
// Variance, Variances and Covariance gives its shape. It is plain data.
type Component struct {
	Weight     float64       // its share, positive; a Gaussian ignores it
	Mean       []float64     // of length dim
	Variance   float64       // the same in every direction
	Variances  []float64     // one per coordinate
	Covariance mat.Symmetric // dim × dim, positive definite
}

// normal is a Component made ready: its principal axes and the variances along them.
type normal struct {
	mean      []float64
	variances []float64   // one per axis, or a single one for all
	axes      []float64   // dim × dim, one axis per column; nil when the axes are the coordinates
	axesT     []float64   // its transpose
	in, out   *vec.Packed // the transpose and the axes, for panels
}

func newNormal(c Component, dim int) (normal, error) {
	n := normal{mean: slices.Clone(c.Mean)}
	if len(c.Mean) != dim || dim == 0 {
		return n, fmt.Errorf("the mean has %d elements, want %d, at least 1", len(c.Mean), dim)
	}
	for i, m := range c.Mean {
		if m-m != 0 {
			return n, fmt.Errorf("mean[%d] is %v", i, m)
		}
	}
	given := 0
	if c.Variance != 0 {
		given++
		n.variances = []float64{c.Variance}
	}
	if c.Variances != nil {
		given++
		if n.variances = slices.Clone(c.Variances); len(n.variances) != dim {
			return n, fmt.Errorf("%d variances, want %d", len(n.variances), dim)
		}
	}
	if c.Covariance != nil {
		given++
		if err := n.diagonalize(c.Covariance, dim); err != nil {
			return n, err
		}
	}
	if given != 1 {
		return n, errors.New("want exactly one of a variance, variances or a covariance, not zero")
	}
	for i, v := range n.variances {
		if !(v > 0) || math.IsInf(v, 1) {
			return n, fmt.Errorf("variance[%d] is %v, want a positive number", i, v)
		}
	}
	return n, nil
}

func (n *normal) diagonalize(c mat.Symmetric, dim int) error {
	if c.SymmetricDim() != dim {
		return fmt.Errorf("the covariance is %d × %d, want %d × %d", c.SymmetricDim(), c.SymmetricDim(), dim, dim)
	}
	for i := range dim {
		for j := range dim {
			if v := c.At(i, j); v-v != 0 {
				return fmt.Errorf("covariance[%d][%d] is %v", i, j, v)
			}
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(c, true) {
		return errors.New("the eigenvalues of the covariance do not converge")
	}
	n.variances = eigen.Values(nil)
	if least := n.variances[0]; !(least > 0) {
		return fmt.Errorf("the covariance is not positive definite: its least eigenvalue is %v", least)
	}
	var v mat.Dense
	eigen.VectorsTo(&v)
	n.axes, n.axesT = make([]float64, dim*dim), make([]float64, dim*dim)
	for i := range dim {
		for j := range dim {
			n.axes[i*dim+j] = v.At(i, j)
			n.axesT[j*dim+i] = v.At(i, j)
		}
	}
	n.in, n.out = vec.Pack(n.axesT, dim, dim), vec.Pack(n.axes, dim, dim)
	return nil
}

// variance returns the variance along axis j.
func (n *normal) variance(j int) float64 {
	if len(n.variances) == 1 {
		return n.variances[0]
	}
	return n.variances[j]
}

// logDet returns the sum over the axes of log(α²s² + σ²).
func (n *normal) logDet(alpha, sigma float64, dim int) float64 {
	if len(n.variances) == 1 {
		return float64(dim) * math.Log(alpha*alpha*n.variances[0]+sigma*sigma)
	}
	s := 0.0
	for _, v := range n.variances {
		s += math.Log(alpha*alpha*v + sigma*sigma)
	}
	return s
}

// center writes the coordinates of x - αm along the axes to z, for a number of rows;
// scratch is of the same length and is used only if the axes are turned.
func (n *normal) center(z, scratch, x []float64, alpha float64) {
	to, dim := z, len(n.mean)
	if n.axes != nil {
		to = scratch
	}
	for lo := 0; lo < len(x); lo += dim {
		for j, m := range n.mean {
			to[lo+j] = x[lo+j] - alpha*m
		}
	}
	if n.axes != nil {
		clear(z)
		multiply(z, scratch, n.axes, len(x)/dim, dim, dim)
	}
}

// turn adds to dst the vectors whose coordinates along the axes are z.
func (n *normal) turn(dst, z []float64) {
	if n.axes == nil {
		for i, v := range z {
			dst[i] += v
		}
		return
	}
	dim := len(n.mean)
	multiply(dst, z, n.axesT, len(z)/dim, dim, dim)
}

// centerPanel is center for the panel x of rows; z has room for a product.
func (n *normal) centerPanel(z, scratch, x []float64, alpha float64) {
	to := z
	if n.in != nil {
		to = scratch
	}
	for j, m := range n.mean {
		shift := alpha * m
		from, row := x[j*vec.PanelRows:][:vec.PanelRows], to[j*vec.PanelRows:][:vec.PanelRows]
		for i, v := range from {
			row[i] = v - shift
		}
	}
	if n.in != nil {
		n.in.Times(z, scratch)
	}
}

// quadraticPanel returns, for each row of the panel z, the sum over the axes of z²/v.
func (n *normal) quadraticPanel(z []float64, p sde.Point) (sum lanes) {
	for j := range n.mean {
		v := 1 / (p.Alpha*p.Alpha*n.variance(j) + p.Sigma*p.Sigma)
		for i, c := range z[j*vec.PanelRows:][:vec.PanelRows] {
			sum[i] += c * c * v
		}
	}
	return sum
}

// turnPanel is turn for the panel z.
func (n *normal) turnPanel(dst, scratch, z []float64) {
	if n.out != nil {
		n.out.Times(scratch, z)
		z = scratch
	}
	for i, v := range z[:len(n.mean)*vec.PanelRows] {
		dst[i] += v
	}
}
