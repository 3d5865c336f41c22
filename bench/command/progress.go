package command

import (
	"github.com/schollz/progressbar/v3"

	"github.com/diffsolve/diffsolve/bench/study"
)

// progress returns a bar on standard error, or silence where that is no terminal or quiet is wished for.
// finish removes the bar.
func (c *console) progress(quiet bool) (report study.Progress, finish func()) {
	if quiet || !isTerminal(c.err) {
		return func(int, int, string) {}, func() {}
	}
	bar := progressbar.NewOptions(1,
		progressbar.OptionSetWriter(c.err),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionShowIts(), // steps per second
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30))
	return func(done, total int, what string) {
		bar.ChangeMax(total)
		bar.Describe(what)
		bar.Set(done) // drawing is best effort
	}, func() { bar.Clear() }
}

// ticker counts work that is known in advance.
func ticker(p study.Progress, total int) func(what string) {
	done := 0
	return func(what string) {
		done++
		p(min(done, total), total, what)
	}
}
