// Command bench compares solvers: it proves equivalences on coefficients, certifies orders
// against closed forms, measures error against the number of model evaluations, and samples.
//
// Run without arguments it does the study and writes a report; bench help lists the rest.
package main

import (
	"os"

	"github.com/diffsolve/diffsolve/bench/command"
)

func main() { os.Exit(command.Program{}.Main()) }
