package flk

import (
	"fmt"
	"math"
)

const (
	directions = 100
	bins       = 20
	minExtent  = 1e-9 // a projection narrower than this is one point
)

// Coherence is the largest share of points that falls into one of 20 bins of a projection, over 100 directions drawn from the
// seed, and the first direction that attains it (SIG-2). Points are rows of the given dimension; a record carries the Round9
// of both.
func Coherence(points [][]float64, dimensions int, seed uint32) (float64, []float64, error) {
	best, direction := 0, make([]float64, dimensions)
	if len(points) == 0 {
		return 0, direction, nil
	}
	stream := newNormals(seed)
	for i := 0; i < directions; i++ {
		unit := stream.direction(dimensions)
		fullest, err := fullestBin(points, unit)
		if err != nil {
			return 0, nil, err
		}
		if fullest > best {
			best, direction = fullest, unit
		}
	}
	return float64(best) / float64(len(points)), direction, nil
}

// fullestBin is the most points in one of the equal bins between the least and the greatest projection, the last bin closed.
func fullestBin(points [][]float64, unit []float64) (int, error) {
	projections := make([]float64, len(points))
	low, high := math.Inf(1), math.Inf(-1)
	for i, point := range points {
		if len(point) != len(unit) {
			return 0, fmt.Errorf("a point has %d coordinates, not %d", len(point), len(unit))
		}
		for axis, x := range point {
			projections[i] += float64(x * unit[axis]) // rounded before it is added, on every machine
		}
		low, high = math.Min(low, projections[i]), math.Max(high, projections[i])
	}
	extent := high - low
	if math.IsNaN(extent) || math.IsInf(extent, 0) {
		return 0, fmt.Errorf("coordinates must be finite, and small enough to add up")
	}
	if extent < minExtent {
		return len(points), nil
	}
	var counts [bins]int
	fullest := 0
	for _, projection := range projections {
		bin := 0
		for bin+1 < bins && projection >= float64(float64(bin+1)*(extent/bins))+low {
			bin++
		}
		counts[bin]++
		if counts[bin] > fullest {
			fullest = counts[bin]
		}
	}
	return fullest, nil
}

// normals draws standard normals by Marsaglia's polar method from the MT19937 of Matsumoto and Nishimura, as NumPy's
// RandomState does.
type normals struct {
	state [mtSize]uint32
	at    int
	spare *float64 // the second of a pair
}

const mtSize, mtShift = 624, 397

func newNormals(seed uint32) *normals {
	n := &normals{at: mtSize}
	n.state[0] = seed
	for i := 1; i < mtSize; i++ {
		n.state[i] = 1812433253*(n.state[i-1]^n.state[i-1]>>30) + uint32(i)
	}
	return n
}

func (n *normals) word() uint32 {
	if n.at == mtSize {
		for i := range n.state {
			mixed := n.state[i]&0x80000000 | n.state[(i+1)%mtSize]&0x7fffffff
			n.state[i] = n.state[(i+mtShift)%mtSize] ^ mixed>>1 ^ (mixed&1)*0x9908b0df
		}
		n.at = 0
	}
	word := n.state[n.at]
	n.at++
	word ^= word >> 11
	word ^= word << 7 & 0x9d2c5680
	word ^= word << 15 & 0xefc60000
	return word ^ word>>18
}

// uniform is in [0, 1), of 53 random bits.
func (n *normals) uniform() float64 {
	high, low := n.word()>>5, n.word()>>6
	return (float64(high)*(1<<26) + float64(low)) / (1 << 53)
}

func (n *normals) next() float64 {
	if n.spare != nil {
		spare := *n.spare
		n.spare = nil
		return spare
	}
	for {
		x, y := 2*n.uniform()-1, 2*n.uniform()-1
		square := float64(x*x) + float64(y*y)
		if square >= 1 || square == 0 {
			continue
		}
		factor := math.Sqrt(-2 * math.Log(square) / square)
		spare := factor * x
		n.spare = &spare
		return factor * y
	}
}

// direction is a row of normals of length 1.
func (n *normals) direction(dimensions int) []float64 {
	unit := make([]float64, dimensions)
	square := 0.0
	for i := range unit {
		unit[i] = n.next()
		square += float64(unit[i] * unit[i])
	}
	for i := range unit {
		unit[i] /= math.Sqrt(square)
	}
	return unit
}
