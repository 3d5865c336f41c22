package solvers_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/diffsolve/diffsolve/solvers"
)

var (
	entryRE    = regexp.MustCompile(`(?ms)^@(\w+)\{([^,\s]+),\n(.*?)^\}`)
	fieldRE    = regexp.MustCompile(`(?m)^\s+(\w+)\s*=\s*\{(.*)\},$`)
	keyRE      = regexp.MustCompile(`^[a-z]+((?:19|20)\d\d)[a-z]*$`)
	accentRE   = regexp.MustCompile(`\{\\"(\w)\}`)
	citationRE = regexp.MustCompile(`\[([^\[\]]*)\]`)
)

// bibliography returns the entries of references.bib, by key, as their fields.
func bibliography(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile("references.bib")
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]map[string]string{}
	for _, m := range entryRE.FindAllStringSubmatch(string(text), -1) {
		kind, key := m[1], m[2]
		if entries[key] != nil {
			t.Errorf("references.bib has two entries %q", key)
		}
		entries[key] = map[string]string{"": kind}
		for _, f := range fieldRE.FindAllStringSubmatch(m[3], -1) {
			entries[key][f[1]] = f[2]
		}
	}
	// What the expression above does not understand must not pass unseen.
	if got, want := len(entries), strings.Count("\n"+string(text), "\n@"); got != want {
		t.Fatalf("read %d of %d entries of references.bib", got, want)
	}
	return entries
}

// A source is what the comments of a file cite, "[lu2022dpm, lu2022dpmpp]" and "[karras2022edm,
// eq. 5]" alike, and what they list under "References:", where a reader looks.
type source struct {
	file   string
	cited  []string
	listed string
}

// sources returns the files of this package and of scoremodel, without tests.
func sources(t *testing.T) (out []source) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	models, err := filepath.Glob(filepath.Join("..", "scoremodel", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, models...)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		s := source{file: file}
		for _, group := range parsed.Comments {
			text := group.Text()
			for _, m := range citationRE.FindAllStringSubmatch(text, -1) {
				for part := range strings.SplitSeq(m[1], ",") {
					if key := strings.TrimSpace(part); keyRE.MatchString(key) {
						s.cited = append(s.cited, key)
					}
				}
			}
			if _, list, ok := strings.Cut(text, "References:\n"); ok {
				s.listed += list
			}
		}
		out = append(out, s)
	}
	return out
}

func TestReferences(t *testing.T) {
	entries, used := bibliography(t), map[string]bool{}
	for _, s := range sources(t) {
		for _, key := range s.cited {
			used[key] = true
			if entries[key] == nil {
				t.Errorf("%s cites [%s], which is not in references.bib", s.file, key)
			}
			if s.file != "doc.go" && !strings.Contains(s.listed, "["+key+"]") {
				t.Errorf("%s cites [%s] and does not list it under References", s.file, key)
			}
		}
	}
	if len(used) < 8 {
		t.Errorf("the comments cite %v only: are they read?", used)
	}
	for _, s := range append(solvers.Catalog(), variants...) {
		ref := s.Info().Ref
		used[ref] = true
		if entries[ref] == nil {
			t.Errorf("the reference %q of %s is not in references.bib", ref, solvers.Name(s))
		}
	}
	for key, e := range entries {
		if !used[key] {
			t.Errorf("nothing cites %s", key)
		}
		m := keyRE.FindStringSubmatch(key)
		if m == nil || m[1] != e["year"] {
			t.Errorf("%s is of the year %s, which its key should end in", key, e["year"])
		}
		surname, _, _ := strings.Cut(accentRE.ReplaceAllString(e["author"], "$1"), ",")
		if !strings.HasPrefix(key, strings.ToLower(surname)) {
			t.Errorf("%s is by %s, whose name its key should begin with", key, surname)
		}
		venue := map[string]string{"inproceedings": "booktitle", "article": "journal", "misc": "eprint"}[e[""]]
		for _, field := range []string{"title", venue} {
			if e[field] == "" {
				t.Errorf("%s, of the kind %q, has no field %q", key, e[""], field)
			}
		}
		if e["eprint"] == "" && e["doi"] == "" {
			t.Errorf("%s has neither an eprint nor a doi, so nobody can look it up", key)
		}
		if id := e["eprint"]; id != "" && !regexp.MustCompile(`^\d{4}\.\d{5}$`).MatchString(id) {
			t.Errorf("%s has the arXiv number %q", key, id)
		}
	}
}
