package flk_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"flk.example/sdk"
)

func example(t testing.TB) *flk.Record {
	t.Helper()
	record, err := flk.Summarise([][]float64{{0.1, 0.2}, {0.4, 0.8}}, []byte("raw data"), flk.Computation{
		ShardID: "s1", Epoch: 1, Seed: 7, SentAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// roundedExactly is C14N-2 by exact arithmetic: the nearest billionth, ties to even.
func roundedExactly(x float64) string {
	scaled := new(big.Rat).Mul(new(big.Rat).SetFloat64(x), big.NewRat(1_000_000_000, 1))
	doubled := new(big.Rat).Add(scaled, scaled)
	floor := new(big.Int).Div(scaled.Num(), scaled.Denom()) // Euclidean: towards minus infinity for a positive divisor
	half := new(big.Rat).Sub(doubled, new(big.Rat).SetInt(new(big.Int).Lsh(floor, 1)))
	if c := half.Cmp(big.NewRat(1, 1)); c > 0 || c == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	return new(big.Rat).SetFrac(floor, big.NewInt(1_000_000_000)).FloatString(9)
}

func TestRealsAreTheNearestDecimalTiesToEven(t *testing.T) {
	check := func(x float64) bool {
		text, err := flk.FormatFixed9(x)
		return err == nil && text == roundedExactly(x)
	}
	ties := func(n int16, k uint8) bool { // odd multiples of 2^-10 to 2^-13 end in a digit 5 beyond the ninth
		return check(float64(n) / float64(int64(1)<<(10+k%4)))
	}
	anyBits := func(bits uint64) bool {
		x := math.Float64frombits(bits)
		return math.IsNaN(x) || math.IsInf(x, 0) || check(x)
	}
	near := func(n int32, ulps int8) bool { // the doubles beside half a billionth
		x := (float64(n) + 0.5) / 1e9
		for ; ulps > 0; ulps-- {
			x = math.Nextafter(x, 4)
		}
		return check(x)
	}
	for name, claim := range map[string]any{"ties": ties, "any": anyBits, "near": near} {
		if err := quick.Check(claim, &quick.Config{MaxCount: 3000}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatHasNoCanonicalFormIsRefusedByName(t *testing.T) {
	broken := map[string]func(*flk.Record){
		"C14N-4": func(r *flk.Record) { r.R = math.NaN() },
		"C14N-5": func(r *flk.Record) { r.ShardID = "\xff" },
		"C14N-9": func(r *flk.Record) { delete(r.Counts, 2) },
	}
	for requirement, breakIt := range broken {
		record := example(t)
		breakIt(record)
		var refusal *flk.Refusal
		if _, err := record.Canonical(flk.Judged); !errors.As(err, &refusal) || refusal.Requirement != requirement {
			t.Errorf("%s: got %v", requirement, err)
		}
	}
}

func TestEncodedRecordsAreReadBack(t *testing.T) {
	record := example(t)
	body, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := flk.Parse(body)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(record) {
		t.Errorf("%v\n%v\n%v", err, again, record)
	}
}

func TestAProofIsReadAndSignedInItsVersionAlone(t *testing.T) {
	record := example(t)
	record.Version, record.VRFProof = flk.DrawnVersion, strings.Repeat("A", 107)+"="
	body, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := flk.Parse(body)
	if err != nil || read.VRFProof != record.VRFProof {
		t.Fatalf("%v, %v", read, err)
	}
	digest, _ := record.Digest()
	for name, change := range map[string]func(*flk.Record){
		"seed":  func(r *flk.Record) { r.Seed++ },
		"proof": func(r *flk.Record) { r.VRFProof = "B" + r.VRFProof[1:] },
		"none":  func(r *flk.Record) { r.VRFProof = "" },
	} {
		other := *record
		change(&other)
		if another, _ := other.Digest(); another == digest {
			t.Errorf("%s is not covered", name)
		}
	}
	for _, change := range []func(*flk.Record){
		func(r *flk.Record) { r.Version = flk.Version },
		func(r *flk.Record) { r.VRFProof = r.VRFProof[:106] + "B=" },
	} {
		other := *record
		change(&other)
		if _, err := other.Encode(); err == nil {
			t.Errorf("%s with %s is taken", other.Version, other.VRFProof)
		}
	}
}

func TestNoBitOfABodyChangesItsContentUnseen(t *testing.T) {
	record, key := example(t), flk.NewHMACKey([]byte("secret"))
	if err := record.SignWith(key); err != nil {
		t.Fatal(err)
	}
	body, _ := record.Encode()
	digest, _ := record.Digest()
	ring := flk.Keyring{Keys: map[string][]flk.LiveKey{"default": {{Key: key}}}, Profiles: []flk.Profile{flk.Judged}}
	for at := 0; at < 8*len(body); at++ {
		flipped := append([]byte(nil), body...)
		flipped[at/8] ^= 1 << (at % 8)
		other, err := flk.Parse(flipped)
		if err != nil || ring.Authenticate("default", other, time.Now()) != nil {
			continue
		}
		if got, _ := other.Digest(); got != digest {
			t.Errorf("bit %d: another content under the signature", at)
		}
	}
}

func TestAKeyCountsInItsWindowAndForItsTenant(t *testing.T) {
	record, old := example(t), flk.NewHMACKey([]byte("old"))
	start, end := time.Unix(100, 0), time.Unix(200, 0)
	ring := flk.Keyring{Keys: map[string][]flk.LiveKey{"a": {
		{Key: flk.NewHMACKey([]byte("another"))}, {Key: old, NotBefore: start, NotAfter: end}}}}
	if err := record.SignWith(old); err != nil {
		t.Fatal(err)
	}
	for at, counts := range map[time.Time]bool{
		start: true, end.Add(-1): true, start.Add(-1): false, end: false,
	} {
		if got := ring.Authenticate("a", record, at) == nil; got != counts {
			t.Errorf("at %v: %v", at, got)
		}
	}
	if ring.Authenticate("b", record, start) == nil {
		t.Error("another tenant's key counts")
	}
	sig := record.Sig
	for _, respelt := range []string{"", strings.TrimSuffix(sig, "="), sig + "\n", "\n" + sig, sig + "===="} {
		spelt := *record
		spelt.Sig = respelt
		if ring.Authenticate("a", &spelt, start) == nil {
			t.Errorf("%q counts", respelt)
		}
	}
}

func TestKeysOfSmallOrderAreRefused(t *testing.T) {
	for _, y := range [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...), bytes.Repeat([]byte{0xff}, 32)} {
		if _, err := flk.NewEd25519PublicKey(y); err == nil {
			t.Errorf("%x is taken for a key", y)
		}
	}
	key, _ := flk.NewEd25519PrivateKey(bytes.Repeat([]byte{7}, 32))
	public, err := flk.NewEd25519PublicKey(key.Public())
	if err != nil || !public.Verifies([]byte("m"), key.Sign([]byte("m"))) || public.Verifies([]byte("n"), key.Sign([]byte("m"))) {
		t.Error("an honest key does not tell its signatures from others")
	}
}

func TestEveryLeafAndEveryBeginningHasItsProofAndNoOther(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for n := 1; n <= 70; n++ {
		var leaves [][]byte
		for i := 0; i < n; i++ {
			leaves = append(leaves, []byte{byte(i), byte(i >> 8)})
		}
		root := flk.MerkleRoot(leaves)
		index, first := random.Intn(n), 1+random.Intn(n)
		proof, err := flk.InclusionProof(leaves, index)
		if err != nil || !flk.VerifyInclusion(leaves[index], index, n, proof, root) {
			t.Fatalf("leaf %d of %d: %v", index, n, err)
		}
		if flk.VerifyInclusion([]byte("other"), index, n, proof, root) || flk.VerifyInclusion(leaves[index], index+1, n, proof, root) {
			t.Errorf("leaf %d of %d: a false claim is proved", index, n)
		}
		growth, err := flk.ConsistencyProof(leaves, first)
		before := flk.MerkleRoot(leaves[:first])
		if err != nil || !flk.VerifyConsistency(first, n, before, root, growth) {
			t.Fatalf("%d of %d: %v", first, n, err)
		}
		if before != root && flk.VerifyConsistency(first, n, root, before, growth) {
			t.Errorf("%d of %d: a false claim is proved", first, n)
		}
	}
}

func TestAnHonestRecordIsAccepted(t *testing.T) {
	outcome, err := flk.Judge(example(t))
	if err != nil || !outcome.Accepted || outcome.Escalated || outcome.Reason != "ok" {
		t.Errorf("%+v %v", outcome, err)
	}
}

func TestArbitraryBytesAreRefusedAndNeverPanic(t *testing.T) {
	body, _ := example(t).Encode()
	random := rand.New(rand.NewSource(2))
	for i := 0; i < 3000; i++ {
		spoilt := append([]byte(nil), body...)
		for n := random.Intn(4); n >= 0; n-- {
			spoilt[random.Intn(len(spoilt))] = byte(random.Intn(256))
		}
		var refusal *flk.Refusal
		if _, err := flk.Parse(spoilt[:random.Intn(len(spoilt)+1)]); err != nil && !errors.As(err, &refusal) {
			t.Fatalf("%v is no refusal", err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	record, key := example(b), flk.NewHMACKey([]byte("secret"))
	for i := 0; i < b.N; i++ {
		if _, err := flk.Sign(key, record, flk.Judged); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleSummarise() {
	points, raw := [][]float64{{0.1, 0.2}, {0.4, 0.8}}, []byte("raw data")
	record, err := flk.Summarise(points, raw, flk.Computation{ShardID: "s1", Epoch: 1, Seed: 7, SentAt: time.Unix(0, 0)})
	fmt.Println(record.Regime, record.Budget, err)
	// Output: mixed 0.2 <nil>
}
