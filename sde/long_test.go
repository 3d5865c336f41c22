package sde_test

import "flag"

// long runs the tests that take seconds each; they are named Long and something.
var long = flag.Bool("long", false, "run the long ladders too")
