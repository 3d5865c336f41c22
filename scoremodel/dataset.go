package scoremodel

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the digits
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/diffsolve/diffsolve/sde"
)

// NewDataset returns the ideal denoiser of a data set: the exact noise predictor of the
// mixture of equal normals of standard deviation bandwidth around the samples, rows of
// dim elements.
//
// A bandwidth of 0 is the empirical distribution itself: its flow ends on the samples, so it is
// not a smooth map and solvers' orders cannot show on it. One evaluation is two matrix
// products and a soft-max over all samples.
func NewDataset(s sde.Schedule, samples []float64, dim int, bandwidth float64) (*Mixture, error) {
	switch {
	case dim <= 0 || len(samples) == 0 || len(samples)%dim != 0:
		return nil, fmt.Errorf("scoremodel: Dataset: %d values are not one or more samples of %d elements", len(samples), dim)
	case !(bandwidth >= 0) || math.IsInf(bandwidth, 1):
		return nil, fmt.Errorf("scoremodel: Dataset: bandwidth is %v, want a finite number not below 0", bandwidth)
	}
	for i, v := range samples {
		if v-v != 0 {
			return nil, fmt.Errorf("scoremodel: Dataset: sample %d, element %d is %v", i/dim, i%dim, v)
		}
	}
	k := len(samples) / dim
	m := &Mixture{schedule: s, dim: dim, parts: make([]normal, k), logWeights: make([]float64, k)}
	variances := make([]float64, k)
	own := slices.Clone(samples)
	for i := range k {
		variances[i] = bandwidth * bandwidth
		m.parts[i] = normal{mean: own[i*dim : (i+1)*dim], variances: variances[i : i+1]}
		m.logWeights[i] = -math.Log(float64(k))
	}
	m.round = newRound(own, variances, dim)
	return m, nil
}

//go:embed data/digits8.bin.gz
var digitsFile []byte

// DigitSide is the height and width of a digit of Digits.
const DigitSide = 8

// Digits returns 1,797 handwritten digits, rows of DigitSide² pixels scaled to [-1, 1],
// and their labels 0 to 9. They are the test part of the Optical Recognition of Handwritten Digits
// data set, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository 1998, CC BY 4.0.
func Digits() (images []float64, labels []byte) {
	images, labels, err := readDigits(digitsFile)
	if err != nil {
		panic("scoremodel: the embedded digits are damaged: " + err.Error())
	}
	return images, labels
}

func readDigits(file []byte) (images []float64, labels []byte, err error) {
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, nil, err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, nil, err
	}
	const header = 16 // "DGT8", then three 32-bit numbers
	if len(raw) < header || string(raw[:4]) != "DGT8" {
		return nil, nil, fmt.Errorf("no DGT8 header")
	}
	n := int(binary.LittleEndian.Uint32(raw[4:]))
	pixels := int(binary.LittleEndian.Uint32(raw[8:])) * int(binary.LittleEndian.Uint32(raw[12:]))
	if pixels != DigitSide*DigitSide || len(raw) != header+n*(pixels+1) {
		return nil, nil, fmt.Errorf("%d bytes for %d images of %d pixels", len(raw), n, pixels)
	}
	images = make([]float64, n*pixels)
	for i, b := range raw[header:][:n*pixels] {
		images[i] = float64(b)/8 - 1
	}
	return images, raw[header+n*pixels:], nil
}
