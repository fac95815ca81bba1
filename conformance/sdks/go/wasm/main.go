//go:build js && wasm

// Command wasm gives the SDK to JavaScript, all but outboxes. flk.js starts it and makes an API of what it gives.
package main

import (
	"errors"
	"fmt"
	"syscall/js"
	"time"

	"flk.example/sdk"
)

type function func(given []js.Value) (any, error)

var functions = map[string]function{
	"fixed9": func(g []js.Value) (any, error) { return flk.FormatFixed9(g[0].Float()) },
	"round9": func(g []js.Value) (any, error) { return flk.Round9(g[0].Float()), nil },
	"pcsId": func(g []js.Value) (any, error) {
		return flk.ID(g[0].String(), int64(g[1].Float()), g[2].String()), nil
	},
	"canonicalBytes": func(g []js.Value) (any, error) {
		canonical, err := judged(g[0]).Canonical(flk.Profile(g[1].String()))
		return toBytes(canonical), err
	},
	"contentDigest": func(g []js.Value) (any, error) { return judged(g[0]).Digest() },
	"parse": func(g []js.Value) (any, error) {
		record, err := flk.Parse(bytesOf(g[0]))
		if err != nil {
			return nil, err
		}
		return fromRecord(record), nil
	},
	"encode": func(g []js.Value) (any, error) {
		body, err := whole(g[0]).Encode()
		return toBytes(body), err
	},
	"judge": func(g []js.Value) (any, error) {
		outcome, err := flk.Judge(judged(g[0]))
		return map[string]any{
			"accepted": outcome.Accepted, "escalated": outcome.Escalated, "reason": outcome.Reason,
			"recomputed_D_hat": outcome.RecomputedDHat, "recomputed_budget": outcome.RecomputedBudget,
		}, err
	},
	"slope": func(g []js.Value) (any, error) { return flk.Slope(ints[int](g[0]), ints[int64](g[1])) },
	"regime": func(g []js.Value) (any, error) {
		return string(flk.RegimeOf(g[0].Float(), g[1].Float())), nil
	},
	"budget": func(g []js.Value) (any, error) {
		return flk.BudgetOf(g[0].Float(), g[1].Float(), g[2].Float()), nil
	},
	"coherence": func(g []js.Value) (any, error) {
		share, direction, err := flk.Coherence(list(g[0], floats), g[1].Int(), uint32(g[2].Float()))
		return map[string]any{"coh_star": share, "v_star": array(direction)}, err
	},
	"compressibility": func(g []js.Value) (any, error) { return flk.Compressibility(bytesOf(g[0])), nil },
	"countCells": func(g []js.Value) (any, error) {
		counts, err := flk.CountCells(list(g[0], floats), ints[int](g[1]))
		return fromCounts(counts), err
	},
	"summarise": func(g []js.Value) (any, error) {
		record, err := flk.Summarise(list(g[0], floats), bytesOf(g[1]), flk.Computation{
			ShardID: g[2].Get("shard_id").String(),
			Epoch:   int64(g[2].Get("epoch").Float()),
			Seed:    uint32(g[2].Get("seed").Float()),
			SentAt:  moment(g[2].Get("sent_at")),
		})
		if err != nil {
			return nil, err
		}
		return fromRecord(record), nil
	},
	"chunks": func(g []js.Value) (any, error) {
		var leaves []any
		for _, leaf := range flk.Chunks(bytesOf(g[0])) {
			leaves = append(leaves, toBytes(leaf))
		}
		return leaves, nil
	},
	"merkleRoot": func(g []js.Value) (any, error) { return flk.MerkleRoot(list(g[0], bytesOf)).String(), nil },
	"legacyRoot": func(g []js.Value) (any, error) { return flk.LegacyRoot(list(g[0], bytesOf)), nil },
	"inclusionProof": func(g []js.Value) (any, error) {
		proof, err := flk.InclusionProof(list(g[0], bytesOf), g[1].Int())
		return fromHashes(proof), err
	},
	"consistencyProof": func(g []js.Value) (any, error) {
		proof, err := flk.ConsistencyProof(list(g[0], bytesOf), g[1].Int())
		return fromHashes(proof), err
	},
	"verifyInclusion": func(g []js.Value) (any, error) {
		return flk.VerifyInclusion(bytesOf(g[0]), g[1].Int(), g[2].Int(), list(g[3], hash), hash(g[4])), nil
	},
	"verifyConsistency": func(g []js.Value) (any, error) {
		return flk.VerifyConsistency(g[0].Int(), g[1].Int(), hash(g[2]), hash(g[3]), list(g[4], hash)), nil
	},
	"signingKey": func(g []js.Value) (any, error) {
		key, err := flk.NewSigningKey(g[0].String(), bytesOf(g[1]))
		return keep(key), err
	},
	"verifyingKey": func(g []js.Value) (any, error) {
		key, err := flk.NewVerifyingKey(g[0].String(), bytesOf(g[1]))
		return keep(key), err
	},
	"keyring": func(g []js.Value) (any, error) { return keep(keyring(g[0], g[1])), nil },
	"release": func(g []js.Value) (any, error) { delete(kept, g[0].Int()); return nil, nil },
	"sign": func(g []js.Value) (any, error) {
		return flk.Sign(kept[g[0].Int()].(flk.SigningKey), judged(g[1]), flk.Profile(g[2].String()))
	},
	"authenticate": func(g []js.Value) (any, error) {
		record := judged(g[2])
		record.Sig = g[2].Get("sig").String()
		return nil, kept[g[0].Int()].(*flk.Keyring).Authenticate(g[1].String(), record, moment(g[3]))
	},
}

// kept holds the keys that JavaScript knows by their numbers.
var kept, last = map[int]any{}, 0

func keep(key any) int {
	last++
	kept[last] = key
	return last
}

// keyring is made of [tenant, live keys] pairs, a live key having `key` and, if it has bounds, `notBefore` and `notAfter`.
func keyring(tenants, profiles js.Value) *flk.Keyring {
	ring := &flk.Keyring{Keys: map[string][]flk.LiveKey{}}
	for _, profile := range list(profiles, js.Value.String) {
		ring.Profiles = append(ring.Profiles, flk.Profile(profile))
	}
	for i := 0; i < tenants.Length(); i++ {
		tenant, keys := tenants.Index(i).Index(0).String(), tenants.Index(i).Index(1)
		ring.Keys[tenant] = list(keys, func(live js.Value) flk.LiveKey {
			return flk.LiveKey{
				Key:       kept[live.Get("key").Int()].(flk.VerifyingKey),
				NotBefore: moment(live.Get("notBefore")),
				NotAfter:  moment(live.Get("notAfter")),
			}
		})
	}
	return ring
}

// moment is the time of a Date; the zero time for undefined, which sets no bound.
func moment(date js.Value) time.Time {
	if date.IsUndefined() {
		return time.Time{}
	}
	return time.UnixMilli(int64(date.Call("getTime").Float()))
}

// callable is a function as JavaScript calls it: it returns its value, or an Error for flk.js to throw.
func callable(f function) js.Func {
	return js.FuncOf(func(_ js.Value, given []js.Value) (result any) {
		defer func() {
			if failure := recover(); failure != nil { // of a value of another type than the function takes
				result = js.Global().Get("TypeError").New(fmt.Sprint(failure))
			}
		}()
		value, err := f(given)
		if err == nil {
			return value
		}
		var refusal *flk.Refusal
		if !errors.As(err, &refusal) {
			return js.Global().Get("RangeError").New(err.Error())
		}
		thrown := js.Global().Get("Error").New(refusal.Detail)
		thrown.Set("requirement", refusal.Requirement)
		if refusal.Field != nil {
			thrown.Set("field", *refusal.Field)
		}
		return thrown
	})
}

func main() {
	exports := js.Global().Get("Object").New()
	for name, f := range functions {
		exports.Set(name, callable(f))
	}
	js.Global().Call("flkStarted", exports)
	select {} // as long as the page
}
