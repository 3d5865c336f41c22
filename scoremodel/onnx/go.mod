module github.com/diffsolve/diffsolve/scoremodel/onnx

go 1.26.0

require (
	github.com/diffsolve/diffsolve v0.0.0
	github.com/yalue/onnxruntime_go v1.27.0
)

require (
	golang.org/x/exp v0.0.0-20261113113407-e3970619a1a4 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
)

replace github.com/diffsolve/diffsolve => ../..
