//go:build !unix

package versus

var processTime func() float64
