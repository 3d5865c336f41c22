package onnx

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Variable is the environment variable that says where ONNX Runtime's shared library is.
const Variable = "ONNXRUNTIME_SHARED_LIBRARY_PATH"

// wanted says which library is wanted and how to get it.
const wanted = "want the shared library of ONNX Runtime 1.24 or later: " +
	"npm install onnxruntime-node, or npm install sherpa-onnx-linux-x64, which is smaller, or pip install onnxruntime, or the distribution's package if it is new enough, or a release from github.com/microsoft/onnxruntime; " +
	"then set " + Variable + " to the file"

// Library returns the path of ONNX Runtime's shared library: what the environment variable Variable says, or else the newest of the first place that has
// one: the folder of the program, the node_modules of the working directory and the folders above it, and the system's folders for libraries. If
// there is none, it is the bare name, which the system looks up in its own way.
func Library() string {
	if path := os.Getenv(Variable); path != "" {
		return path
	}
	for _, pattern := range places() {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return libraryName()
}

func libraryName() string {
	switch runtime.GOOS {
	case "windows":
		return "onnxruntime.dll"
	case "darwin":
		return "libonnxruntime.dylib"
	}
	return "libonnxruntime.so"
}

// places returns patterns of paths, in the order in which they are tried.
func places() []string {
	name := libraryName()
	// Debian's name is libonnxruntime.so.1.24, a release's libonnxruntime.1.24.0.dylib.
	versioned := strings.Replace(name, ".so", ".so*", 1)
	versioned = strings.Replace(versioned, ".dylib", "*.dylib", 1)
	var out []string
	if program, err := os.Executable(); err == nil {
		out = append(out, filepath.Join(filepath.Dir(program), versioned))
	}
	// What the npm packages call this system: sherpa-onnx-win-x64, onnxruntime-node/bin/napi-v6/win32/x64.
	sherpa, node := runtime.GOOS, runtime.GOOS
	if runtime.GOOS == "windows" {
		sherpa, node = "win", "win32"
	}
	machine := strings.Replace(runtime.GOARCH, "amd64", "x64", 1)
	if dir, err := os.Getwd(); err == nil {
		for {
			modules := filepath.Join(dir, "node_modules")
			out = append(out,
				filepath.Join(modules, "sherpa-onnx-"+sherpa+"-"+machine, versioned),
				filepath.Join(modules, "onnxruntime-node", "bin", "napi-v*", node, machine, versioned))
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	switch runtime.GOOS {
	case "windows": // System32 has one of Windows' own, which is too old
	case "darwin":
		out = append(out, "/opt/homebrew/lib/"+versioned, "/usr/local/lib/"+versioned)
	default:
		for _, dir := range []string{"/usr/local/lib", "/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib"} {
			out = append(out, filepath.Join(dir, versioned))
		}
	}
	return out
}
