package flk

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"sort"
)

// Regime says how a computation moves (SIG-4).
type Regime string

// The three regimes.
const (
	Sticky    Regime = "sticky"
	Mixed     Regime = "mixed"
	NonSticky Regime = "non_sticky"
)

func (r Regime) isOne() bool { return r == Sticky || r == Mixed || r == NonSticky }

// DefaultScales are the scales at which an agent counts cells.
var DefaultScales = []int{2, 4, 8, 16}

const minDistance = 1e-9 // scales closer than this have no slope

// Slope is the Theil-Sen estimate: the median of the slopes between all pairs of points (log2 scale, log2 count), of an even
// number the mean of the middle two (SIG-1). A record's D_hat is its Round9.
func Slope(scales []int, counts []int64) (float64, error) {
	if len(scales) != len(counts) {
		return 0, fmt.Errorf("%d scales have %d counts", len(scales), len(counts))
	}
	var slopes []float64
	for i := range scales {
		if scales[i] < 1 || counts[i] < 1 {
			return 0, fmt.Errorf("scales and counts are at least 1")
		}
		for j := 0; j < i; j++ {
			dx := math.Log2(float64(scales[i])) - math.Log2(float64(scales[j]))
			if math.Abs(dx) >= minDistance {
				slopes = append(slopes, (math.Log2(float64(counts[i]))-math.Log2(float64(counts[j])))/dx)
			}
		}
	}
	if len(slopes) == 0 {
		return 0, fmt.Errorf("a slope needs two different scales")
	}
	sort.Float64s(slopes)
	middle := len(slopes) / 2
	if len(slopes)%2 == 1 {
		return slopes[middle], nil
	}
	return (slopes[middle-1] + slopes[middle]) / 2, nil
}

// RegimeOf places a slope and a coherence, both as they are signed (SIG-4).
func RegimeOf(dHat, cohStar float64) Regime {
	dHat, cohStar = Round9(dHat), Round9(cohStar)
	switch {
	case cohStar >= 0.70 && dHat <= 1.5:
		return Sticky
	case dHat >= 2.6:
		return NonSticky
	}
	return Mixed
}

// BudgetOf is the share of verification effort that a record asks for, from its signals as they are signed (SIG-6). A record's
// budget is its Round9.
func BudgetOf(dHat, cohStar, r float64) float64 {
	dHat, cohStar, r = Round9(dHat), Round9(cohStar), Round9(r)
	spread := math.Max(0, dHat-2.2)
	// The conversions keep a compiler from fusing a product with its sum, which some machines round once instead of twice.
	cost := float64(0.10+float64(0.30*(1-r))) + float64(0.50*spread) + float64(0.20*cohStar)
	return math.Min(1, math.Max(0, cost))
}

// Compressibility is the zlib ratio of raw bytes at level 6, at most 1; 1 for no bytes (SIG-3). Go's writer of deflate is not
// zlib's own, so the ratio may differ by bytes from that of other agents; a verifier takes it as claimed.
func Compressibility(raw []byte) float64 {
	if len(raw) == 0 {
		return 1
	}
	var packed bytes.Buffer
	writer, _ := zlib.NewWriterLevel(&packed, 6) // the level is one there is
	writer.Write(raw)                            //nolint:errcheck // a buffer takes everything
	writer.Close()
	return math.Min(1, float64(packed.Len())/float64(len(raw)))
}

// CountCells counts, for each scale, the distinct cells of side 1/scale that hold a point (SIG-5). Points are rows of equal
// length.
func CountCells(points [][]float64, scales []int) (map[int]int64, error) {
	counts := map[int]int64{}
	for _, scale := range scales {
		cells := map[string]bool{}
		for _, point := range points {
			var cell []byte
			for _, x := range point {
				floor := math.Floor(x*float64(scale)) + 0 // -0 and 0 are one cell
				if math.IsNaN(floor) || math.IsInf(floor, 0) {
					return nil, fmt.Errorf("a coordinate must be finite, also %d times as large", scale)
				}
				cell = binary.BigEndian.AppendUint64(cell, math.Float64bits(floor))
			}
			cells[string(cell)] = true
		}
		counts[scale] = int64(len(cells))
	}
	return counts, nil
}
