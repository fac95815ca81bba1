//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"flk.example/sdk"
)

var (
	toText     = js.Global().Get("String")
	bigInt     = js.Global().Get("BigInt")
	uint8Array = js.Global().Get("Uint8Array")
	surrogate  = js.Global().Get("RegExp").New(`\p{Surrogate}`, "u")
)

// judged has the fields that are signed and, if they are there, those that are judged.
func judged(v js.Value) *flk.Record {
	record := &flk.Record{
		DHat:       v.Get("D_hat").Float(),
		Budget:     v.Get("budget").Float(),
		CohStar:    v.Get("coh_star").Float(),
		Epoch:      int64(v.Get("epoch").Float()),
		MerkleRoot: text(v.Get("merkle_root")),
		PCSID:      text(v.Get("pcs_id")),
		R:          v.Get("r").Float(),
		ShardID:    text(v.Get("shard_id")),
	}
	if scales := v.Get("scales"); !scales.IsUndefined() {
		record.Scales = ints[int](scales)
		record.Regime = flk.Regime(v.Get("regime").String())
		record.Counts = map[int]int64{}
		counts := v.Get("N_j")
		for _, scale := range record.Scales {
			if count := counts.Get(strconv.Itoa(scale)); !count.IsUndefined() {
				record.Counts[scale] = int64(count.Float())
			}
		}
	}
	return record
}

// whole has all nineteen fields.
func whole(v js.Value) *flk.Record {
	record, fault := judged(v), v.Get("ft")
	record.Schema = text(v.Get("schema"))
	record.Version = text(v.Get("version"))
	record.Attempt = int64(v.Get("attempt").Float())
	record.SentAt = text(v.Get("sent_at"))
	record.Seed = int64Of(v.Get("seed"))
	record.VStar = floats(v.Get("v_star"))
	record.Sig = text(v.Get("sig"))
	record.FT = flk.Fault{
		OutboxSeq:   int64(fault.Get("outbox_seq").Float()),
		Degraded:    fault.Get("degraded").Bool(),
		Fallbacks:   list(fault.Get("fallbacks"), text),
		ClockSkewMS: int64Of(fault.Get("clock_skew_ms")),
	}
	return record
}

// fromRecord is the record as JavaScript has it: a member for each field, integers of 64 bits as BigInt.
func fromRecord(r *flk.Record) any {
	return map[string]any{
		"pcs_id": r.PCSID, "schema": r.Schema, "version": r.Version, "shard_id": r.ShardID, "epoch": r.Epoch,
		"attempt": r.Attempt, "sent_at": r.SentAt, "seed": fromInt64(r.Seed), "scales": array(r.Scales),
		"N_j": fromCounts(r.Counts), "coh_star": r.CohStar, "v_star": array(r.VStar), "D_hat": r.DHat, "r": r.R,
		"regime": string(r.Regime), "budget": r.Budget, "merkle_root": r.MerkleRoot, "sig": r.Sig,
		"ft": map[string]any{
			"outbox_seq": r.FT.OutboxSeq, "degraded": r.FT.Degraded, "fallbacks": array(r.FT.Fallbacks),
			"clock_skew_ms": fromInt64(r.FT.ClockSkewMS),
		},
	}
}

func fromCounts(counts map[int]int64) any {
	object := map[string]any{}
	for scale, count := range counts {
		object[strconv.Itoa(scale)] = count
	}
	return object
}

// text is no UTF-8, which the SDK refuses, if the value holds half a character: UTF-8 could not carry it.
func text(v js.Value) string {
	if surrogate.Call("test", v).Bool() {
		return "\xff"
	}
	return v.String()
}

func int64Of(v js.Value) int64 {
	n, err := strconv.ParseInt(toText.Invoke(v).String(), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func fromInt64(n int64) any { return bigInt.Invoke(strconv.FormatInt(n, 10)) }

func bytesOf(v js.Value) []byte {
	raw := make([]byte, v.Length())
	js.CopyBytesToGo(raw, v)
	return raw
}

func toBytes(raw []byte) any {
	v := uint8Array.New(len(raw))
	js.CopyBytesToJS(v, raw)
	return v
}

func hash(v js.Value) (found flk.Hash) {
	if err := found.UnmarshalText([]byte(v.String())); err != nil {
		panic(err)
	}
	return found
}

func fromHashes(hashes []flk.Hash) any {
	texts := make([]any, len(hashes))
	for i, one := range hashes {
		texts[i] = one.String()
	}
	return texts
}

func list[T any](v js.Value, item func(js.Value) T) []T {
	items := make([]T, v.Length())
	for i := range items {
		items[i] = item(v.Index(i))
	}
	return items
}

func array[T any](items []T) []any {
	values := make([]any, len(items))
	for i, item := range items {
		values[i] = item
	}
	return values
}

func ints[T int | int64](v js.Value) []T {
	return list(v, func(item js.Value) T { return T(item.Float()) })
}

func floats(v js.Value) []float64 { return list(v, js.Value.Float) }
