package versus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Script is the peers' side, from the root of the repository.
const Script = "bench/peers/versus.py"

// Install says how to get the peers.
const Install = `make a virtual environment and name its interpreter with --python or DIFFSOLVE_PEERS:
  python -m venv peers
  peers/bin/pip install torch numpy scipy diffusers torchsde diffrax packaging
  peers/bin/pip install --no-deps k-diffusion
(` + Script + ` lists the versions that it was written for)`

// Peers is the Python process of the other side. It serves one comparison at a time.
type Peers struct {
	command *exec.Cmd
	in      io.WriteCloser
	lines   chan []byte
	stderr  *tail
}

// answer is a line of the other side.
type answer struct {
	Work    string             `json:"work"`
	Seconds map[string]float64 `json:"seconds"`
	Error   string             `json:"error"`
}

// Start starts the other side with the interpreter python in the repository at root. The errors wrap ErrPeer and say what to do.
func Start(ctx context.Context, python, root string, threads int) (*Peers, error) {
	script := filepath.Join(root, filepath.FromSlash(Script))
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("%w: no %s; run from the root of the repository", ErrPeer, Script)
	}
	command := exec.CommandContext(ctx, python, script, "--threads", fmt.Sprint(threads), "--least", fmt.Sprint(least))
	p := &Peers{command: command, lines: make(chan []byte), stderr: &tail{}}
	command.Stderr = p.stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w; %s", ErrPeer, err, Install)
	}
	p.in = in
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			select {
			case p.lines <- bytes.Clone(scanner.Bytes()):
			case <-ctx.Done():
				return
			}
		}
	}()
	return p, nil
}

// round asks for one round of a work.
func (p *Peers) round(ctx context.Context, work string) (a answer, err error) {
	request, err := json.Marshal(map[string]string{"work": work})
	if err != nil {
		return a, err
	}
	if _, err := p.in.Write(append(request, '\n')); err != nil {
		return a, p.died()
	}
	select {
	case <-ctx.Done():
		return a, ctx.Err()
	case line, ok := <-p.lines:
		if !ok {
			return a, p.died()
		}
		if err := json.Unmarshal(line, &a); err != nil || a.Work != work {
			return a, fmt.Errorf("%w: an answer that was not asked for: %.80q", ErrPeer, line)
		}
		for name, seconds := range a.Seconds {
			if !(seconds > 0) {
				return a, fmt.Errorf("%w: %s says that %s took %v seconds", ErrPeer, name, work, seconds)
			}
		}
		return a, nil
	}
}

// died tells why the process ended: a module that is missing, mostly.
func (p *Peers) died() error {
	p.command.Wait() // so that all of stderr is there
	why := p.stderr.last()
	if strings.Contains(why, "ModuleNotFoundError") || strings.Contains(why, "ImportError") {
		why += "; " + Install
	}
	return fmt.Errorf("%w: %s", ErrPeer, why)
}

// Close ends the process.
func (p *Peers) Close() error {
	p.in.Close()
	for range p.lines { // let it end
	}
	if err := p.command.Wait(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%w: %w", ErrPeer, err)
	}
	return nil
}

// tail keeps the end of what is written.
type tail struct{ end []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.end = append(t.end, p...)
	if most := 4096; len(t.end) > most {
		t.end = t.end[len(t.end)-most:]
	}
	return len(p), nil
}

// last returns the last line that says something.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.end)), "\n")
	if line := strings.TrimSpace(lines[len(lines)-1]); line != "" {
		return line
	}
	return "the process ended without a word"
}
