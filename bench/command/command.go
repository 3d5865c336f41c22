// Package command is the command line of diffsolve: the study, the list of solvers, coefficient tables, certificates,
// equivalences, comparisons, samples and galleries of them, likelihoods, and times against other toolkits. It is a package, so that programs which add kinds of models to it, as
// those in modules of their own do, share it whole.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/diffsolve/diffsolve/bench/problem"
	"github.com/diffsolve/diffsolve/bench/report"
	"github.com/diffsolve/diffsolve/solvers"
)

// A Program is the command line, with what a program adds to it. The zero value adds nothing.
type Program struct {
	Kinds []problem.Kind // of models of problems in JSON files, besides those of package problem
	Flags *flag.FlagSet  // that all commands have besides their own; may be nil
}

// Main executes the process' command line and returns its exit status: 0 done, 1 the run failed, 2 the call was wrong. An
// interrupt stops the run cleanly.
func (p Program) Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return p.run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1 // the run failed
	exitUsage  = 2 // the call was wrong
)

// usageError is an error of the call, as opposed to one of the run.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// flagError says which flag an error is about.
func flagError(flag string, err error) error { return usagef("--%s: %w", flag, err) }

// run executes a command line and returns the exit status. An error becomes one line.
func (p Program) run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(&console{stdout, stderr, problem.Reader{Kinds: p.Kinds}})
	if p.Flags != nil {
		root.PersistentFlags().AddGoFlagSet(p.Flags)
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	var wrong usageError
	if errors.As(err, &wrong) || refused(err) {
		fmt.Fprintf(stderr, "bench: %s\n", line)
		return exitUsage
	}
	if errors.Is(err, context.Canceled) {
		line = "interrupted (" + line + ")"
	}
	fmt.Fprintf(stderr, "bench: %s\n", line)
	return exitFailed
}

// refused reports whether a library refused its input, which came from the command line.
func refused(err error) bool {
	for _, bad := range []error{solvers.ErrGrid, solvers.ErrParameter, solvers.ErrProblem, solvers.ErrUnknown, solvers.ErrNoEstimate, solvers.ErrNeedsNoise} {
		if errors.Is(err, bad) {
			return true
		}
	}
	return false
}

// console is where a command talks to, and what it reads problems with.
type console struct {
	out, err io.Writer
	problems problem.Reader
}

// style is how tables look on the console.
func (c *console) style() report.Style { return report.Style{Bold: isTerminal(c.out)} }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// json writes one document, with null for what is not finite.
func (c *console) json(v any) error { return report.JSON(c.out, v) }

func newRoot(c *console) *cobra.Command {
	root := newStudy(c)
	root.Use = "bench"
	root.Short = "compare solvers of diffusion models; without a command, do the study"
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	commands := []*cobra.Command{newStudy(c), newList(c), newTrace(c), newOrder(c), newEquiv(c), newCompare(c), newSample(c), newGallery(c), newVersus(c), newLikelihood(c)}
	root.AddCommand(commands...)
	var names []string
	for _, command := range commands {
		command.Args = noArguments
		names = append(names, command.Name())
	}
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{solvers.Unknown("command", args[0], names)}
		}
		return nil
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes flags only, not %q", cmd.Name(), args[0])
	}
	return nil
}
