// Package solvertest checks that a Solver keeps the contract of package solvers and has the
// orders that it claims.
//
//	func TestMySolver(t *testing.T) { solvertest.Run(t, MySolver{}) }
//
// Its ladders, errors over a range of step counts, are what the command line's certificates are made of.
package solvertest
