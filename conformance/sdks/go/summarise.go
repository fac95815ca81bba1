package flk

import "time"

// Computation says what a record is about, beside the data themselves.
type Computation struct {
	ShardID string
	Epoch   int64
	Seed    uint32 // of the directions of the coherence; draw it at random
	SentAt  time.Time
}

// Summarise makes the unsigned record of points, one to a row, and of the raw bytes they were read from. Cells have side
// 1/scale, so coordinates are in units of the data's extent: map each axis to [0, 1] first. The error says which rule no valid
// record can keep.
func Summarise(points [][]float64, raw []byte, about Computation) (*Record, error) {
	dimensions := 0
	if len(points) > 0 {
		dimensions = len(points[0])
	}
	counts, err := CountCells(points, DefaultScales)
	if err != nil {
		return nil, err
	}
	record := &Record{
		Schema:     Schema,
		Version:    Version,
		ShardID:    about.ShardID,
		Epoch:      about.Epoch,
		Attempt:    1,
		SentAt:     about.SentAt.UTC().Format("2006-01-02T15:04:05.999999999Z"),
		Seed:       int64(about.Seed),
		Scales:     append([]int(nil), DefaultScales...),
		Counts:     counts,
		R:          Round9(Compressibility(raw)),
		MerkleRoot: MerkleRoot(Chunks(raw)).String(),
		FT:         Fault{Fallbacks: []string{}},
	}
	ordered := make([]int64, len(record.Scales))
	for i, scale := range record.Scales {
		ordered[i] = counts[scale]
	}
	slope, err := Slope(record.Scales, ordered)
	if err != nil {
		return nil, err
	}
	coherence, direction, err := Coherence(points, dimensions, about.Seed)
	if err != nil {
		return nil, err
	}
	for _, x := range direction {
		record.VStar = append(record.VStar, Round9(x))
	}
	record.DHat, record.CohStar = Round9(slope), Round9(coherence)
	record.Regime = RegimeOf(record.DHat, record.CohStar)
	record.Budget = Round9(BudgetOf(record.DHat, record.CohStar, record.R))
	record.PCSID = ID(record.MerkleRoot, record.Epoch, record.ShardID)
	if _, err := record.Encode(); err != nil { // valid, or refused by name
		return nil, err
	}
	return record, nil
}
