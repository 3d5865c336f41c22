package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/diffsolve/diffsolve/bench/study"
)

// Write writes the page, the data and the pictures of r to the folder dir, which it makes if need
// be. A picture for which r has no data is not written, and an older one stays. It returns the
// paths of what it wrote, also if it then fails.
//
// Each file is written under a temporary name and renamed, so that no reader sees half of one. An
// error names the file.
func Write(dir string, r *study.Results) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	v := newView(r)
	type output struct {
		name  string
		write func(io.Writer) error
	}
	outputs := []output{
		{"results.json", func(w io.Writer) error { return JSON(w, r) }},
		{"results.csv", func(w io.Writer) error { return CSV(w, r.Comparisons) }},
		{"error-nfe.png", drawn(v.main, (*figure).png)},
		{"orders.png", drawn(v.orders, (*figure).png)},
		{"paths.png", drawn(v.paths, (*figure).png)},
		{"tolerances.png", drawn(v.controlled, (*figure).png)},
		{"coefficients.png", drawn(v.coefficients, (*figure).png)},
		{"index.html", v.html},
	}
	for _, a := range v.albums {
		outputs = append(outputs, output{fileName(a.problem) + ".png", drawn(a, (*album).png)})
	}
	for _, o := range outputs {
		if o.write == nil {
			continue
		}
		path := filepath.Join(dir, o.name)
		if err := replace(path, o.write); err != nil {
			return files, fmt.Errorf("report: %s: %w", path, err)
		}
		files = append(files, path)
	}
	return files, nil
}

// fileName returns name with an underscore for each character that is no letter, digit or hyphen.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, name)
}

// drawn returns what writes the picture of v, or nil if there is no v.
func drawn[T any](v *T, png func(*T) ([]byte, error)) func(io.Writer) error {
	if v == nil {
		return nil
	}
	return func(w io.Writer) error {
		b, err := png(v)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	}
}

// replace writes a file under a temporary name in the same folder, and renames it.
func replace(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name()) // nothing can be done if this fails too
		}
	}()
	err = write(f)
	if e := f.Chmod(0o644); err == nil { // CreateTemp's files are for their owner alone
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
