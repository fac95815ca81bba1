package flk

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"unicode/utf8"

	"flk.example/sdk/internal/strictjson"
)

const (
	maxInteger = 1<<53 - 1 // the largest integer that every JSON reader keeps
	maxText    = 128       // characters
)

var (
	merkleRootForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	shardIDForm    = regexp.MustCompile(`^[ !#-\[\]-{}~]{1,128}$`)
	vrfProofForm   = regexp.MustCompile(`^[A-Za-z0-9+/]{106}[AEIMQUYcgkosw048]=$`) // the one base64 text of 80 bytes
	sentAtForm     = regexp.MustCompile(
		`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$`)
)

// Parse returns the valid record that body holds: one JSON object in UTF-8 that breaks no rule (REC-*, ID-*). Its signature is
// not looked at. Every error is a [*Refusal].
func Parse(body []byte) (*Record, error) {
	value, err := strictjson.Parse(body)
	var repeated *strictjson.RepeatedKey
	switch {
	case errors.As(err, &repeated):
		return nil, refuseField("REC-2", repeated.Key, "%v", err)
	case err != nil:
		return nil, refuse("REC-1", "the body is not one JSON object in UTF-8: %v", err)
	case value.Kind != strictjson.Object:
		return nil, refuse("REC-1", "the body is not a JSON object")
	}
	record := new(Record)
	if err := fieldsOf(value).read(value, record, ""); err != nil {
		return nil, err
	}
	fault, _ := value.Get("ft")
	if err := faultFields.read(fault, &record.FT, "ft"); err != nil {
		return nil, err
	}
	if record.PCSID != ID(record.MerkleRoot, record.Epoch, record.ShardID) {
		return nil, refuseField("ID-1", "pcs_id", "pcs_id is not SHA-256 of merkle_root|epoch|shard_id")
	}
	return record, nil
}

// field is a member of an object: the requirement that a bad value breaks, and how a good one is taken over.
type field[T any] struct {
	name, requirement string
	take              func(strictjson.Value, *T) bool
}

type fields[T any] []field[T]

var recordFields = fields[Record]{
	{"pcs_id", "ID-1", func(v strictjson.Value, r *Record) bool { return text(v, &r.PCSID) }},
	{"schema", "REC-4", func(v strictjson.Value, r *Record) bool { return text(v, &r.Schema) && r.Schema == Schema }},
	{"version", "REC-4", func(v strictjson.Value, r *Record) bool { return shortText(v, &r.Version) && r.Version != "" }},
	{"shard_id", "ID-3", func(v strictjson.Value, r *Record) bool { return matching(v, shardIDForm, &r.ShardID) }},
	{"epoch", "ID-4", func(v strictjson.Value, r *Record) bool { return integer(v, 0, maxInteger, &r.Epoch) }},
	{"attempt", "REC-8", func(v strictjson.Value, r *Record) bool { return integer(v, 1, math.MaxInt32, &r.Attempt) }},
	{"sent_at", "REC-8", func(v strictjson.Value, r *Record) bool { return matching(v, sentAtForm, &r.SentAt) }},
	{"seed", "REC-8", func(v strictjson.Value, r *Record) bool { return integer(v, math.MinInt64, math.MaxInt64, &r.Seed) }},
	{"scales", "REC-7", takeScales},
	{"N_j", "REC-7", takeCounts},
	{"coh_star", "REC-5", func(v strictjson.Value, r *Record) bool { return number(v, 0, 1.05, &r.CohStar) }},
	{"v_star", "REC-8", takeDirection},
	{"D_hat", "REC-5", func(v strictjson.Value, r *Record) bool { return number(v, 0, 3.5, &r.DHat) }},
	{"r", "REC-5", func(v strictjson.Value, r *Record) bool { return number(v, 0, 1, &r.R) }},
	{"regime", "REC-6", func(v strictjson.Value, r *Record) bool { return text(v, (*string)(&r.Regime)) && r.Regime.isOne() }},
	{"budget", "REC-5", func(v strictjson.Value, r *Record) bool { return number(v, 0, 1, &r.Budget) }},
	{"merkle_root", "ID-2", func(v strictjson.Value, r *Record) bool { return matching(v, merkleRootForm, &r.MerkleRoot) }},
	{"sig", "REC-9", func(v strictjson.Value, r *Record) bool { return shortText(v, &r.Sig) }},
	{"ft", "REC-8", func(v strictjson.Value, _ *Record) bool { return v.Kind == strictjson.Object }},
}

var proofField = field[Record]{"vrf_proof", "REC-11", func(v strictjson.Value, r *Record) bool {
	return matching(v, vrfProofForm, &r.VRFProof)
}}

// fieldsOf are the fields that a record must have: the nineteen, and with them its proof, if it is of a version that may have one
// (REC-3).
func fieldsOf(record strictjson.Value) fields[Record] {
	version, _ := record.Get("version")
	if _, proven := record.Get("vrf_proof"); proven && version.Kind == strictjson.String && version.Text == DrawnVersion {
		return append(recordFields[:len(recordFields):len(recordFields)], proofField)
	}
	return recordFields
}

var faultFields = fields[Fault]{
	{"outbox_seq", "REC-8", func(v strictjson.Value, f *Fault) bool { return integer(v, 0, maxInteger, &f.OutboxSeq) }},
	{"degraded", "REC-8", func(v strictjson.Value, f *Fault) bool {
		f.Degraded = v.Bool
		return v.Kind == strictjson.Bool
	}},
	{"fallbacks", "REC-8", takeFallbacks},
	{"clock_skew_ms", "REC-8", func(v strictjson.Value, f *Fault) bool {
		return integer(v, math.MinInt64, math.MaxInt64, &f.ClockSkewMS)
	}},
}

// read takes over the members of an object: each of the fields once, and no other (REC-3). A bad value is reported at the
// record's own field: `at`, or if that is empty the one that has it.
func (known fields[T]) read(object strictjson.Value, to *T, at string) error {
	for _, member := range object.Members {
		if !known.has(member.Key) {
			return refuseField("REC-3", member.Key, "the field %q is unknown", member.Key)
		}
	}
	for _, f := range known {
		value, there := object.Get(f.name)
		if !there {
			return refuseField("REC-3", f.name, "the field %q is missing", f.name)
		}
		if !f.take(value, to) {
			reported := f.name
			if at != "" {
				reported = at
			}
			return refuseField(f.requirement, reported, "the value of %s is not allowed", f.name)
		}
	}
	return nil
}

func (known fields[T]) has(name string) bool {
	for _, f := range known {
		if f.name == name {
			return true
		}
	}
	return false
}

func text(v strictjson.Value, to *string) bool {
	*to = v.Text
	return v.Kind == strictjson.String
}

// shortText counts characters, not bytes.
func shortText(v strictjson.Value, to *string) bool {
	return text(v, to) && utf8.RuneCountInString(v.Text) <= maxText
}

func matching(v strictjson.Value, form *regexp.Regexp, to *string) bool {
	return text(v, to) && form.MatchString(v.Text)
}

// integer takes a number written without fraction or exponent: ParseInt takes no other literal of JSON.
func integer(v strictjson.Value, least, most int64, to *int64) bool {
	n, err := strconv.ParseInt(v.Text, 10, 64)
	*to = n
	return v.Kind == strictjson.Number && err == nil && least <= n && n <= most
}

// number takes one that is finite as a double.
func number(v strictjson.Value, least, most float64, to *float64) bool {
	x, err := strconv.ParseFloat(v.Text, 64)
	*to = x
	return v.Kind == strictjson.Number && err == nil && least <= x && x <= most
}

func takeScales(v strictjson.Value, r *Record) bool {
	seen := map[int64]bool{}
	for _, item := range v.Items {
		var scale int64
		if !integer(item, 1, 1024, &scale) || seen[scale] {
			return false
		}
		seen[scale] = true
		r.Scales = append(r.Scales, int(scale))
	}
	return v.Kind == strictjson.Array && 2 <= len(v.Items) && len(v.Items) <= 32
}

// takeCounts follows takeScales: there is one count for each scale, under the scale in decimal, and no other key.
func takeCounts(v strictjson.Value, r *Record) bool {
	r.Counts = map[int]int64{}
	for _, scale := range r.Scales {
		var count int64
		value, there := v.Get(strconv.Itoa(scale))
		if !there || !integer(value, 1, maxInteger, &count) {
			return false
		}
		r.Counts[scale] = count
	}
	return len(v.Members) == len(r.Scales)
}

func takeDirection(v strictjson.Value, r *Record) bool {
	for _, item := range v.Items {
		var x float64
		if !number(item, -math.MaxFloat64, math.MaxFloat64, &x) {
			return false
		}
		r.VStar = append(r.VStar, x)
	}
	return 1 <= len(v.Items) && len(v.Items) <= 16
}

func takeFallbacks(v strictjson.Value, f *Fault) bool {
	f.Fallbacks = []string{}
	for _, item := range v.Items {
		var name string
		if !shortText(item, &name) {
			return false
		}
		f.Fallbacks = append(f.Fallbacks, name)
	}
	return v.Kind == strictjson.Array && len(v.Items) <= 16
}
