// Package report shows what a study found: as a page, as pictures, as data for programs and as
// tables for a terminal.
//
//	files, err := report.Write("report", results)
//
// writes
//
//	index.html        everything, in one file that needs no other
//	results.json      study.Results
//	results.csv       a line for each study.Comparison
//	error-nfe.png     error against model evaluations
//	paths.png         error of the paths of stochastic solvers
//	orders.png        observed less claimed orders
//	tolerances.png    what runs under error control give and cost
//	coefficients.png  coefficient tables and how far they are apart
//	digits.png        samples of the problem digits, and so on for each problem that is drawn; of many solvers, those that others are measured by
//
// [Text], [Equivalences], [Orders] and [Comparisons] print the tables of the page; [JSON] and [CSV]
// write the data; [DrawSamples] draws what one run gave.
//
// The package computes no results. What it says is taken from the data, and "all" is said only of
// all. What is missing is left out, and what is not a number is shown as such and is never the best.
//
// Functions are safe for concurrent use, if not with the same files.
package report
