package command

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/diffsolve/diffsolve/bench/study"
	"github.com/diffsolve/diffsolve/solvers"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the README")

const readme = "../../README.md"

// TestREADME checks that the README's example is the tested one and that its table of
// solvers is the catalogue's; with -update it makes them so.
func TestREADME(t *testing.T) {
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	want = replace(t, want, "example", "```go\n"+exampleBody(t, "../../solvers/example_test.go", "ExampleSample")+"```\n")
	want = replace(t, want, "catalogue", solverTable())
	want = replace(t, want, "equivalences", claimTable())
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("the README is not up to date, run go test ./bench/command -run README -update (-want +got):\n%s", diff)
	}
}

// TestREADMECommands: every command has its line, and every line is a command with the flags that it has.
func TestREADMECommands(t *testing.T) {
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot(&console{out: io.Discard, err: io.Discard})
	named := map[string]bool{"study": strings.Contains(string(data), "| `go run ./bench` | the study, as `study` does")}
	for _, m := range regexp.MustCompile("(?m)^\\| `go run ./bench ([^`]*)`").FindAllStringSubmatch(string(data), -1) {
		args := strings.Fields(m[1])
		cmd, flags, err := root.Find(args)
		if err != nil || cmd == root {
			t.Errorf("the README's command %q does not exist (%v)", m[1], err)
			continue
		}
		if err := cmd.ParseFlags(flags); err != nil {
			t.Errorf("the README's command %q: %v", m[1], err)
		}
		named[cmd.Name()] = true
	}
	for _, cmd := range root.Commands() {
		if !named[cmd.Name()] {
			t.Errorf("the README has no line for the command %s", cmd.Name())
		}
	}
}

// replace puts text between the markers of a part.
func replace(t *testing.T, page, part, text string) string {
	t.Helper()
	begin, end := "<!-- "+part+":begin -->\n", "<!-- "+part+":end -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the README has no part %q between markers", part)
	}
	return before + begin + text + end + after
}

// exampleBody returns the statements of a function, without indentation and without the
// comment that holds its output.
func exampleBody(t *testing.T, file, function string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			continue
		}
		body := string(source[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset])
		var out strings.Builder
		for line := range strings.Lines(strings.Trim(body, "\n")) {
			out.WriteString(strings.TrimPrefix(strings.TrimRight(line, "\n"), "\t") + "\n")
		}
		return strings.TrimRight(out.String(), "\n") + "\n"
	}
	t.Fatalf("%s has no function %s", file, function)
	return ""
}

// claimTable is the README's list of equivalences: what each solver is identical to, and what it only approaches.
func claimTable() string {
	var b strings.Builder
	b.WriteString("| a solver | is the same as | is not, but approaches |\n|---|---|---|\n")
	var names []string
	same, near := map[string][]string{}, map[string][]string{}
	for _, c := range study.ClaimList() {
		if same[c.A] == nil && near[c.A] == nil {
			names = append(names, c.A)
		}
		if c.Identical {
			same[c.A] = append(same[c.A], "`"+c.B+"`")
		} else {
			near[c.A] = append(near[c.A], "`"+c.B+"`")
		}
	}
	for _, name := range names {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.Join(same[name], " "), strings.Join(near[name], " "))
	}
	return b.String()
}

// otherVariables returns the variable that a classical method steps in, and the method in the others.
func otherVariables(s solvers.Solver) (solvers.Variable, []solvers.Solver) {
	switch s := s.(type) {
	case solvers.RungeKutta:
		kappa, lambda := s, s
		kappa.In, lambda.In = solvers.Kappa, solvers.Lambda
		return s.In, []solvers.Solver{kappa, lambda}
	case solvers.Adams:
		kappa, lambda := s, s
		kappa.In, lambda.In = solvers.Kappa, solvers.Lambda
		return s.In, []solvers.Solver{kappa, lambda}
	}
	return solvers.Time, nil
}

// solverTable is the README's table of solvers. A classical method has one line for all variables.
func solverTable() string {
	var b strings.Builder
	b.WriteString("| solver | order | NFE | prediction | what it is | parameters | reference |\n|---|---|---|---|---|---|---|\n")
	for _, s := range solvers.Catalog() {
		i := s.Info()
		name := "`" + i.Name + "`"
		if in, others := otherVariables(s); in != solvers.Time {
			continue
		} else if others != nil {
			for _, other := range others {
				name += " `" + other.Info().Name + "`"
			}
			i.About += ", in kappa and in lambda"
		}
		order := fmt.Sprint(i.Order)
		switch {
		case i.Approximate:
			order = "none"
		case i.Stochastic:
			order = fmt.Sprintf("%g weak", i.WeakOrder)
			if i.StrongOrder > 0 {
				order += fmt.Sprintf(", %g strong", i.StrongOrder)
			}
		}
		nfe := fmt.Sprint(i.NFE)
		if i.StartNFE > 0 {
			nfe += fmt.Sprintf(" (+%d at the start)", i.StartNFE)
		}
		var parameters []string
		for _, p := range solvers.Parameters(s) {
			parameters = append(parameters, "`"+p.Name+"="+p.Default+"`")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %v | %s | %s | %s |\n", name, order, nfe, i.Kind, i.About, strings.Join(parameters, " "), i.Ref)
	}
	return b.String()
}
