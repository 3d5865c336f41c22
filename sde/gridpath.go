package sde

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/diffsolve/diffsolve/internal/vec"
	"github.com/diffsolve/diffsolve/ode"
)

// ErrOffGrid means that a GridPath was asked for a time that is not on its grid.
var ErrOffGrid = errors.New("sde: the time is not on the path's grid")

// GridPath is Brownian motion on a grid of times. A query from one of them to another, in either direction, is the cells between
// them joined by Chen's relation, so runs on coarser grids made of the same times see one path: what a study of strong order
// needs. Queries may be repeated, overlap and come in any order.
//
// Cell k of row i is a function of (Seed, i, k) alone, drawn when it is asked for. Nothing is stored, so a query costs
// the draws of its cells. Walked once along its grid, cell by cell, the path is that of Fresh with the same seed, bit for bit.
//
// The zero value has no grid and answers every query with an error.
type GridPath struct {
	Seed uint64
	Grid []float64 // strictly increasing or decreasing; read, never written
}

// Check returns an error that wraps ode.ErrGrid if the grid is not one.
func (g GridPath) Check() error { return ode.CheckGrid(g.Grid) }

// Path implements Noise. The path is a SpaceTime.
func (g GridPath) Path(first, rows, dim int) Brownian {
	p := &gridPath{seed: g.Seed, grid: g.Grid, first: first, rows: rows, dim: dim, err: g.Check()}
	if p.err == nil && g.Grid[1] < g.Grid[0] {
		p.order = -1
	} else {
		p.order = 1
	}
	p.w, p.h = make([]float64, rows*dim), make([]float64, rows*dim)
	return p
}

type gridPath struct {
	seed             uint64
	grid             []float64
	order            int // of the grid: 1 up, -1 down
	first, rows, dim int
	err              error     // of the grid
	w, h             []float64 // of a cell
}

func (p *gridPath) Increment(dst []float64, from, to float64) error {
	return p.join(dst, nil, from, to)
}

func (p *gridPath) Area(w, h []float64, from, to float64) error {
	if len(h) != p.rows*p.dim {
		panic(badState)
	}
	return p.join(w, h, from, to)
}

// join writes (W, H) of [from, to] to w and h, which is nil if H is not asked for.
func (p *gridPath) join(w, h []float64, from, to float64) error {
	if len(w) != p.rows*p.dim {
		panic(badState)
	}
	if p.err != nil {
		return p.err
	}
	a, err := p.index(from)
	if err != nil {
		return err
	}
	b, err := p.index(to)
	if err != nil {
		return err
	}
	if h == nil {
		p.sum(w, min(a, b), max(a, b))
	} else {
		p.chain(w, h, min(a, b), max(a, b))
	}
	if b < a { // the same path, walked the other way
		vec.Lin(w, vec.Term{C: -1, X: w})
	}
	return nil
}

func (p *gridPath) index(t float64) (int, error) {
	i, ok := slices.BinarySearchFunc(p.grid, t, func(a, b float64) int { return p.order * cmp.Compare(a, b) })
	if !ok {
		return 0, fmt.Errorf("%w: %v", ErrOffGrid, t)
	}
	return i, nil
}

// sum writes W over the cells from a up to b to w.
func (p *gridPath) sum(w []float64, a, b int) {
	if a == b {
		clear(w)
		return
	}
	p.cell(w, nil, a)
	for k := a + 1; k < b; k++ {
		p.cell(p.w, nil, k)
		vec.Lin(w, vec.Term{C: 1, X: w}, vec.Term{C: 1, X: p.w})
	}
}

// chain writes (W, H) over the cells from a up to b to w and h. W has the bits of sum.
func (p *gridPath) chain(w, h []float64, a, b int) {
	if a == b {
		clear(w)
		clear(h)
		return
	}
	p.cell(w, h, a)
	for k := a + 1; k < b; k++ {
		p.cell(p.w, p.h, k)
		Chen(w, h, p.grid[k]-p.grid[a], w, h, p.grid[k+1]-p.grid[k], p.w, p.h)
	}
}

// cell draws cell k. The draws are those of Fresh, whose number 0 is the initial state.
func (p *gridPath) cell(w, h []float64, k int) {
	length, draw := math.Abs(p.grid[k+1]-p.grid[k]), uint64(k)+1
	vec.Normals(w, p.dim, math.Sqrt(length), p.seed, draw, p.first)
	if h != nil {
		vec.Normals(h, p.dim, math.Sqrt(length/12), p.seed, draw|areaDraw, p.first)
	}
}
