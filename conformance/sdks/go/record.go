package flk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

const (
	// Schema is what a record's schema field must say (REC-4).
	Schema = "fractal-lba-kakeya"
	// Version is what this edition of the SDK writes as version.
	Version = "0.1"
	// DrawnVersion is the version of records that may carry the proof of their seed (VRF-4).
	DrawnVersion = "0.2"
)

// Record is a Proof-of-Computation Summary with all its nineteen fields, and the one that records of DrawnVersion may have. Built by hand it is unchecked; [Parse] returns valid
// ones.
type Record struct {
	PCSID      string        `json:"pcs_id"`      // SHA-256 of root, epoch and shard: see ID
	Schema     string        `json:"schema"`      // always Schema
	Version    string        `json:"version"`     // which agent wrote it
	ShardID    string        `json:"shard_id"`    // 1 to 128 printable ASCII characters without bar, quote and backslash
	Epoch      int64         `json:"epoch"`       // 0 to 2^53 - 1
	Attempt    int64         `json:"attempt"`     // 1 to 2^31 - 1
	SentAt     string        `json:"sent_at"`     // RFC 3339
	Seed       int64         `json:"seed"`        // of the directions of CohStar
	Scales     []int         `json:"scales"`      // 2 to 32 distinct ones from 1 to 1024
	Counts     map[int]int64 `json:"N_j"`         // occupied cells at each scale
	CohStar    float64       `json:"coh_star"`    // coherence, 0 to 1.05
	VStar      []float64     `json:"v_star"`      // the direction that has it
	DHat       float64       `json:"D_hat"`       // slope, 0 to 3.5
	R          float64       `json:"r"`           // compressibility, 0 to 1
	Regime     Regime        `json:"regime"`      // follows from DHat and CohStar
	Budget     float64       `json:"budget"`      // follows from DHat, CohStar and R
	MerkleRoot string        `json:"merkle_root"` // of the raw data, 64 hexadecimal digits
	Sig        string        `json:"sig"`         // see SignWith
	FT         Fault         `json:"ft"`          // how the agent fared

	// VRFProof is the base64 of the proof that a key drew Seed; empty: the record has none. Its form is checked (REC-11) and it
	// is signed (C14N-9); what it shows is not looked at here, for which RFC 9381 is needed.
	VRFProof string `json:"vrf_proof,omitempty"`
}

// Fault says how the agent fared: its place in the outbox, whether it worked degraded and by which fallbacks, its clock's
// skew.
type Fault struct {
	OutboxSeq   int64    `json:"outbox_seq"`
	Degraded    bool     `json:"degraded"`
	Fallbacks   []string `json:"fallbacks"`
	ClockSkewMS int64    `json:"clock_skew_ms"`
}

// ID is the id of a computation: the SHA-256 of root, epoch and shard with bars between, in hexadecimal (ID-1).
func ID(merkleRoot string, epoch int64, shardID string) string {
	return hexSHA256([]byte(fmt.Sprintf("%s|%d|%s", merkleRoot, epoch, shardID)))
}

// Encode is the record as the JSON body of a submission. It refuses a record that [Parse] would refuse.
func (r *Record) Encode() ([]byte, error) {
	record := *r
	if record.FT.Fallbacks == nil {
		record.FT.Fallbacks = []string{} // a list, not null
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return nil, err
	}
	written := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	if _, err := Parse(written); err != nil {
		return nil, err
	}
	return written, nil
}

// Digest is the SHA-256 of all that is signed or judged, in hexadecimal: what tells another content under one id from the same
// one delivered again (DUP-3).
func (r *Record) Digest() (string, error) {
	judged, err := r.Canonical(Judged)
	if err != nil {
		return "", err
	}
	return hexSHA256(judged), nil
}

func hexSHA256(message []byte) string {
	sum := sha256.Sum256(message)
	return hex.EncodeToString(sum[:])
}
