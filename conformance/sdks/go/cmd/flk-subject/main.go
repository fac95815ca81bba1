// Command flk-subject answers the questions of the conformance kit: flk conform sdk -- flk-subject
package main

import (
	"fmt"
	"os"
	"strings"

	"flk.example/sdk"
	"flk.example/sdk/outbox"
	"flk.example/sdk/subject"
)

type in = subject.Input

var operations = map[string]subject.Operation{
	"fixed9":            func(q in) (any, error) { return flk.FormatFixed9(float64(q.X)) },
	"canonical":         func(q in) (any, error) { c, err := q.Record.Canonical(q.Profile); return string(c), err },
	"pcs_id":            func(q in) (any, error) { return flk.ID(q.MerkleRoot, q.Epoch, q.ShardID), nil },
	"validate":          func(q in) (any, error) { _, err := flk.Parse(append(q.BodyBase64, q.Body...)); return true, err },
	"content_digest":    func(q in) (any, error) { return q.Record.Digest() },
	"judge":             func(q in) (any, error) { return flk.Judge(&q.Record.Record) },
	"regime":            func(q in) (any, error) { return flk.RegimeOf(q.DHat, q.CohStar), nil },
	"budget":            func(q in) (any, error) { return flk.Round9(flk.BudgetOf(q.DHat, q.CohStar, q.R)), nil },
	"d_hat":             func(q in) (any, error) { slope, err := flk.Slope(q.Scales, q.Counts); return flk.Round9(slope), err },
	"count_cells":       func(q in) (any, error) { return flk.CountCells(q.Points, q.Scales) },
	"compressibility":   func(q in) (any, error) { return flk.Round9(flk.Compressibility(q.Raw)), nil },
	"merkle_root":       func(q in) (any, error) { return flk.MerkleRoot(q.Leaves), nil },
	"data_root":         func(q in) (any, error) { return flk.MerkleRoot(flk.Chunks(q.Raw)), nil },
	"legacy_root":       func(q in) (any, error) { return flk.LegacyRoot(q.Leaves), nil },
	"inclusion_proof":   func(q in) (any, error) { return flk.InclusionProof(q.Leaves, q.Index) },
	"consistency_proof": func(q in) (any, error) { return flk.ConsistencyProof(q.Leaves, q.First) },
	"verify_inclusion": func(q in) (any, error) {
		return flk.VerifyInclusion(q.Leaf, q.Index, q.Size, q.Proof, q.Root), nil
	},
	"verify_consistency": func(q in) (any, error) {
		return flk.VerifyConsistency(q.First, q.Second, q.FirstRoot, q.SecondRoot, q.Proof), nil
	},
	"pause": func(q in) (any, error) { return outbox.Pause(q.Attempt, q.Chance, q.RetryAfter), nil },
	"coherence": func(q in) (any, error) {
		share, direction, err := flk.Coherence(q.Points, q.Dimensions, q.Seed)
		for i, x := range direction {
			direction[i] = flk.Round9(x)
		}
		return map[string]any{"coh_star": flk.Round9(share), "v_star": direction}, err
	},
	"sign": func(q in) (any, error) {
		key, err := flk.NewSigningKey(q.Key.Algorithm, q.Key.Secret)
		if err != nil {
			return nil, err
		}
		return flk.Sign(key, &q.Record.Record, q.Profile)
	},
	"authenticate": func(q in) (any, error) {
		q.Record.Sig = q.Sig
		return true, q.Keyring().Authenticate(q.Tenant, &q.Record.Record, subject.Moment(q.At))
	},
}

const policies = "policies policy policy_mistakes earlier_policy_digest sign_policy authenticate_policy judging_policy policy_share"

func main() {
	hello := subject.Hello{Protocol: 1, Name: "flk-sdk", Version: flk.Version, Language: "Go", Declined: map[string]string{
		"zlib": "Go's standard library writes deflate of its own",
	}}
	for _, name := range []string{"hlc_tick", "hlc_observe", "join", "frame", "scan", "verify_segment", "ring_owner", "node"} {
		hello.Declined[name] = "a matter of nodes, not of agents and verifiers"
	}
	for _, name := range []string{"vrf_prove", "vrf_verify", "vrf_seed"} {
		hello.Declined[name] = "Go's standard library has no arithmetic of curves: proofs are read and signed, not made or checked"
	}
	for _, name := range []string{"tlog", "note_signature", "checkpoint", "tiles"} {
		hello.Declined[name] = "the logs of auditors are not read here; golang.org/x/mod/sumdb does it"
	}
	for _, name := range strings.Fields(policies) {
		hello.Declined[name] = "records are judged by the default policy alone here"
	}
	if err := subject.Serve(os.Stdin, os.Stdout, hello, operations); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
