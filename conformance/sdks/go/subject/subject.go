// Package subject converses with the conformance kit (conformance/PROTOCOL.md), for this SDK or any other in Go.
package subject

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"flk.example/sdk"
)

// Hello says who answers, and what.
type Hello struct {
	Protocol   int               `json:"protocol"`
	Name       string            `json:"name"`
	Version    string            `json:"version"`
	Language   string            `json:"language"`
	Operations []string          `json:"operations"`
	Declined   map[string]string `json:"declined,omitempty"`
}

// Operation answers a question. A [*flk.Refusal] says which requirement the input breaks; another error is a failure of the
// subject.
type Operation func(Input) (any, error)

// Serve answers the kit line by line, up to its bye or the end of the input.
func Serve(in io.Reader, out io.Writer, hello Hello, operations map[string]Operation) error {
	for name := range operations {
		hello.Operations = append(hello.Operations, name)
	}
	lines, replies := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var message struct {
			Run        *int
			Operation  string
			Input, Bye json.RawMessage
		}
		if err := lines.Decode(&message); err != nil {
			return err
		}
		reply := map[string]any{"hello": hello}
		switch {
		case message.Bye != nil:
			return replies.Encode(map[string]any{"bye": message.Bye})
		case message.Run != nil:
			reply = answer(operations[message.Operation], message.Input)
			reply["seq"] = *message.Run
		}
		if err := replies.Encode(reply); err != nil {
			return err
		}
	}
}

func answer(operation Operation, question json.RawMessage) (reply map[string]any) {
	defer func() {
		if failure := recover(); failure != nil {
			reply = map[string]any{"crash": fmt.Sprint(failure)}
		}
	}()
	if operation == nil {
		return map[string]any{"skip": "there is no such operation"}
	}
	var input Input
	if err := json.Unmarshal(question, &input); err != nil {
		return map[string]any{"crash": err.Error()}
	}
	value, err := operation(input)
	var refusal *flk.Refusal
	switch {
	case errors.As(err, &refusal):
		return map[string]any{"error": refusal.Requirement, "field": refusal.Field}
	case err != nil:
		return map[string]any{"crash": err.Error()}
	}
	return map[string]any{"value": value}
}

// Input has the members of all operations' inputs.
type Input struct {
	Attempt    int
	At         float64
	Body       string
	BodyBase64 []byte `json:"body_base64"`
	Chance     float64
	Clock      string
	CohStar    float64 `json:"coh_star"`
	Counts     []int64
	DHat       float64 `json:"D_hat"`
	Dimensions int
	Epoch      int64
	First      int
	FirstRoot  flk.Hash `json:"first_root"`
	Index      int
	Key        Key
	Keys       map[string][]Key
	Leaf       []byte
	Leaves     [][]byte
	MerkleRoot string `json:"merkle_root"`
	Outbox     string
	Points     [][]float64
	Profile    flk.Profile
	Profiles   []flk.Profile
	Proof      []flk.Hash
	R          float64
	Raw        []byte
	Record     Record
	Records    []json.RawMessage
	RetryAfter float64 `json:"retry_after"`
	Root       flk.Hash
	Scales     []int
	Second     int
	Seconds    float64
	SecondRoot flk.Hash `json:"second_root"`
	Seed       uint32
	ShardID    string `json:"shard_id"`
	Sig        string
	Size       int
	Tenant     string
	Timeout    float64
	URL        string
	X          Real
}

// Key is a secret that signs, or a key that checks and the seconds since 1970 between which it counts.
type Key struct {
	Algorithm string
	Secret    []byte
	Key       []byte
	NotBefore float64  `json:"not_before"`
	NotAfter  *float64 `json:"not_after"`
}

// Keyring holds the live keys of each tenant; one that the SDK refuses verifies nothing.
func (in Input) Keyring() *flk.Keyring {
	ring := &flk.Keyring{Keys: map[string][]flk.LiveKey{}, Profiles: in.Profiles}
	for tenant, keys := range in.Keys {
		for _, k := range keys {
			key, err := flk.NewVerifyingKey(k.Algorithm, k.Key)
			if err != nil {
				continue
			}
			live := flk.LiveKey{Key: key, NotBefore: Moment(k.NotBefore)}
			if k.NotAfter != nil {
				live.NotAfter = Moment(*k.NotAfter)
			}
			ring.Keys[tenant] = append(ring.Keys[tenant], live)
		}
	}
	return ring
}

// Moment is a time given in seconds since 1970: whole eighths, which milliseconds hold.
func Moment(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }

// Real is a number, or the word for one that JSON cannot write.
type Real float64

// UnmarshalJSON reads either.
func (r *Real) UnmarshalJSON(text []byte) error {
	x, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	*r = Real(x)
	return err
}

// Record holds signed fields that need not be valid.
type Record struct{ flk.Record }

// UnmarshalJSON reads the record and then what it cannot hold: words for reals, and texts given in UTF-16 because UTF-8 cannot
// carry them, which reach the SDK as bytes that are not UTF-8.
func (r *Record) UnmarshalJSON(text []byte) error {
	var misfit *json.UnmarshalTypeError
	if err := json.Unmarshal(text, &r.Record); err != nil && !errors.As(err, &misfit) {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for name, field := range map[string]*float64{"D_hat": &r.DHat, "budget": &r.Budget, "coh_star": &r.CohStar, "r": &r.R} {
		if err := json.Unmarshal(members[name], (*Real)(field)); err != nil {
			return err
		}
	}
	for name, field := range map[string]*string{"merkle_root": &r.MerkleRoot, "pcs_id": &r.PCSID, "shard_id": &r.ShardID} {
		var units []uint16
		if json.Unmarshal(members[name], &units) != nil {
			continue // a text, which is there already
		}
		if *field = string(utf16.Decode(units)); strings.ContainsRune(*field, utf8.RuneError) {
			*field = "\xff"
		}
	}
	return nil
}
