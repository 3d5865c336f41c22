// Package vec holds the loops over whole states that every step is made of:
// fused linear combinations, norms by rows, a search for values that are not
// finite, and the exponential of an array.
//
// The slice that is written is named dst and comes first; a scalar comes before
// what it scales. A state is row-major, rows × dim, in one slice.
//
// The value of an element never depends on its position in the slice or on the
// length of the slice, so a state may be split by rows at will and keeps its
// bits. Every loop is elementwise and reads an element before it writes it, so
// dst may be one of the operands; partial overlap is not allowed.
//
// This package knows nothing of schedules, models or methods. Faster kernels
// replace these loops here, behind the same names.
package vec
