package vec

const badLength = "vec: slice length mismatch"

// A Term is one summand C·X of a linear combination.
type Term struct {
	C float64
	X []float64
}

// Lin writes the sum of the terms to dst, adding them in the order given.
// No terms give zero. It panics if a length differs from len(dst).
//
// Up to eight terms are fused in one pass over memory, which is what the time of
// a solver's step is made of: each operand is read once and dst is written once.
func Lin(dst []float64, terms ...Term) {
	for _, t := range terms {
		if len(t.X) != len(dst) {
			panic(badLength)
		}
	}
	n := len(dst)
	switch len(terms) {
	case 0:
		clear(dst)
	case 1:
		a, x := terms[0].C, terms[0].X[:n]
		for i := range dst {
			dst[i] = a * x[i]
		}
	case 2:
		a, x := terms[0].C, terms[0].X[:n]
		b, y := terms[1].C, terms[1].X[:n]
		for i := range dst {
			dst[i] = a*x[i] + b*y[i]
		}
	case 3:
		a, x := terms[0].C, terms[0].X[:n]
		b, y := terms[1].C, terms[1].X[:n]
		c, z := terms[2].C, terms[2].X[:n]
		for i := range dst {
			dst[i] = a*x[i] + b*y[i] + c*z[i]
		}
	case 4:
		a, x := terms[0].C, terms[0].X[:n]
		b, y := terms[1].C, terms[1].X[:n]
		c, z := terms[2].C, terms[2].X[:n]
		d, u := terms[3].C, terms[3].X[:n]
		for i := range dst {
			dst[i] = a*x[i] + b*y[i] + c*z[i] + d*u[i]
		}
	case 5:
		lin5(dst, terms)
	case 6:
		lin6(dst, terms)
	case 7:
		lin7(dst, terms)
	case 8:
		lin8(dst, terms)
	default:
		for i := range dst {
			s := terms[0].C * terms[0].X[i]
			for _, t := range terms[1:] {
				s += t.C * t.X[i]
			}
			dst[i] = s
		}
	}
}

// The longer combinations stand apart so that Lin stays small enough for the
// compiler to keep the short ones in registers.

func lin5(dst []float64, terms []Term) {
	n := len(dst)
	a, x := terms[0].C, terms[0].X[:n]
	b, y := terms[1].C, terms[1].X[:n]
	c, z := terms[2].C, terms[2].X[:n]
	d, u := terms[3].C, terms[3].X[:n]
	e, v := terms[4].C, terms[4].X[:n]
	for i := range dst {
		dst[i] = a*x[i] + b*y[i] + c*z[i] + d*u[i] + e*v[i]
	}
}

func lin6(dst []float64, terms []Term) {
	n := len(dst)
	a, x := terms[0].C, terms[0].X[:n]
	b, y := terms[1].C, terms[1].X[:n]
	c, z := terms[2].C, terms[2].X[:n]
	d, u := terms[3].C, terms[3].X[:n]
	e, v := terms[4].C, terms[4].X[:n]
	f, w := terms[5].C, terms[5].X[:n]
	for i := range dst {
		dst[i] = a*x[i] + b*y[i] + c*z[i] + d*u[i] + e*v[i] + f*w[i]
	}
}

func lin7(dst []float64, terms []Term) {
	n := len(dst)
	a, x := terms[0].C, terms[0].X[:n]
	b, y := terms[1].C, terms[1].X[:n]
	c, z := terms[2].C, terms[2].X[:n]
	d, u := terms[3].C, terms[3].X[:n]
	e, v := terms[4].C, terms[4].X[:n]
	f, w := terms[5].C, terms[5].X[:n]
	g, p := terms[6].C, terms[6].X[:n]
	for i := range dst {
		dst[i] = a*x[i] + b*y[i] + c*z[i] + d*u[i] + e*v[i] + f*w[i] + g*p[i]
	}
}

func lin8(dst []float64, terms []Term) {
	n := len(dst)
	a, x := terms[0].C, terms[0].X[:n]
	b, y := terms[1].C, terms[1].X[:n]
	c, z := terms[2].C, terms[2].X[:n]
	d, u := terms[3].C, terms[3].X[:n]
	e, v := terms[4].C, terms[4].X[:n]
	f, w := terms[5].C, terms[5].X[:n]
	g, p := terms[6].C, terms[6].X[:n]
	h, q := terms[7].C, terms[7].X[:n]
	for i := range dst {
		dst[i] = a*x[i] + b*y[i] + c*z[i] + d*u[i] + e*v[i] + f*w[i] + g*p[i] + h*q[i]
	}
}
