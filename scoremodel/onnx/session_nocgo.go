//go:build !cgo

package onnx

import "fmt"

// Without cgo there are no sessions; the types stand in for those of session.go.
type (
	session struct{}
	call    struct{}
	binding struct{ session *session }
)

// Version returns the version of the library that is loaded: none.
func Version() string { return "" }

func openSession(string, Options) (*session, []port, []port, error) {
	return nil, nil, nil, fmt.Errorf("%w: the program was built without cgo; build it with CGO_ENABLED=1 and a C compiler", ErrLibrary)
}

func (*session) close() error { return nil }

func (*call) run() error { return ErrLibrary }
func (*call) close()     {}

func (*binding) add(port, int) tensor       { return nil }
func (*binding) addOutput(port, int) tensor { return nil }
func (*binding) call() (*call, error)       { return nil, ErrLibrary }
