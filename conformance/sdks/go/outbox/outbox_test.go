package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"testing"
	"time"

	"flk.example/sdk"
)

func record(t *testing.T, epoch int64) *flk.Record {
	t.Helper()
	made, err := flk.Summarise([][]float64{{0.1}, {0.4}}, []byte("raw"), flk.Computation{ShardID: "s", Epoch: epoch})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// service answers each request by the next of its script, the last one again and again.
type service struct {
	script []func(http.ResponseWriter, *flk.Record)
	bodies [][]byte
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	body.ReadFrom(r.Body) //nolint:errcheck // a test
	s.bodies = append(s.bodies, body.Bytes())
	sent, _ := flk.Parse(body.Bytes())
	act := s.script[0]
	if len(s.script) > 1 {
		s.script = s.script[1:]
	}
	act(w, sent)
}

func says(status int, change func(map[string]any)) func(http.ResponseWriter, *flk.Record) {
	return func(w http.ResponseWriter, sent *flk.Record) {
		digest, _ := sent.Digest()
		body := map[string]any{"pcs_id": sent.PCSID, "digest": digest, "timestamp": "01947e6f22000000", "region": "eu", "accepted": true,
			"escalated": false, "reason": "ok", "recomputed_D_hat": 1.0, "recomputed_budget": 0.5,
			"error": "it says why", "requirement": "REC-1"}
		if change != nil {
			change(body)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body) //nolint:errcheck // a test
	}
}

func portal(w http.ResponseWriter, _ *flk.Record) { fmt.Fprint(w, "<html>Please log in</html>") }

func hangUp(w http.ResponseWriter, _ *flk.Record) {
	connection, _, _ := w.(http.Hijacker).Hijack()
	connection.Close()
}

func open(t *testing.T, dir, url string, pauses *[]time.Duration) *Outbox {
	t.Helper()
	box, err := Open(dir, url, func(o *Outbox) {
		o.chance = func() float64 { return 0.5 }
		o.sleep = func(ctx context.Context, pause time.Duration) error {
			*pauses = append(*pauses, pause)
			return ctx.Err()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestOnlyAnAnswerAboutTheRecordSettlesIt(t *testing.T) {
	other := func(m map[string]any) { m["digest"] = "0000" }
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *flk.Record)
		want   Summary
	}{
		"accepted":            {says(200, nil), Summary{Acknowledged: 1}},
		"escalated":           {says(202, nil), Summary{Acknowledged: 1}},
		"equivocation":        {says(409, other), Summary{Dead: 1}},
		"malformed":           {says(400, nil), Summary{Dead: 1}},
		"not authentic":       {says(401, nil), Summary{Dead: 1}},
		"too large":           {says(413, nil), Summary{Dead: 1}},
		"portal":              {portal, Summary{Postponed: 1}},
		"no answer":           {hangUp, Summary{Postponed: 1}},
		"overloaded":          {says(429, nil), Summary{Postponed: 1}},
		"unavailable":         {says(503, nil), Summary{Postponed: 1}},
		"wrong address":       {says(404, nil), Summary{Postponed: 1}},
		"redirect":            {says(302, nil), Summary{Postponed: 1}},
		"other content":       {says(200, other), Summary{Postponed: 1}},
		"own content refused": {says(409, nil), Summary{Postponed: 1}},
		"other id":            {says(200, func(m map[string]any) { m["pcs_id"] = "0" }), Summary{Postponed: 1}},
		"no reason":           {says(200, func(m map[string]any) { delete(m, "reason") }), Summary{Postponed: 1}},
		"no requirement":      {says(401, func(m map[string]any) { delete(m, "requirement") }), Summary{Postponed: 1}},
	} {
		server := &service{script: []func(http.ResponseWriter, *flk.Record){c.answer}}
		listening := httptest.NewServer(server)
		var pauses []time.Duration
		box := open(t, t.TempDir(), listening.URL, &pauses)
		if _, err := box.Add("default", record(t, 1)); err != nil {
			t.Fatal(err)
		}
		got, err := box.Deliver(context.Background())
		if err != nil || got != c.want || len(box.Pending()) != c.want.Postponed || len(box.DeadLetters()) != c.want.Dead {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if c.want.Postponed == 1 && (len(server.bodies) != maxAttempts || len(pauses) != maxAttempts-1) {
			t.Errorf("%s: %d attempts, %d pauses", name, len(server.bodies), len(pauses))
		}
		box.Close()
		listening.Close()
	}
}

func TestRetryAfterIsHonouredOnTopOfTheJitter(t *testing.T) {
	server := &service{script: []func(http.ResponseWriter, *flk.Record){says(429, nil), says(503, nil), says(200, nil)}}
	listening := httptest.NewServer(server)
	defer listening.Close()
	var pauses []time.Duration
	box := open(t, t.TempDir(), listening.URL, &pauses)
	defer box.Close()
	box.Add("default", record(t, 1)) //nolint:errcheck // seen below
	if got, _ := box.Deliver(context.Background()); got.Acknowledged != 1 || fmt.Sprint(pauses) != "[7.5s 8s]" {
		t.Errorf("%+v after pauses of %v", got, pauses)
	}
	if !bytes.Equal(server.bodies[0], server.bodies[2]) {
		t.Error("what is sent again is not what was sent")
	}
	if asked := Pause(1, 0, 1e9); asked != maxAsked {
		t.Errorf("a service may silence an agent for %v seconds", asked)
	}
}

func TestAJournalCutAnywhereKeepsWhatFits(t *testing.T) {
	dir := t.TempDir()
	var pauses []time.Duration
	box := open(t, dir, "http://unused", &pauses)
	var sizes []int64
	for epoch := int64(1); epoch <= 3; epoch++ {
		box.Add("default", record(t, epoch)) //nolint:errcheck // counted below
		info, _ := os.Stat(filepath.Join(dir, journalName))
		sizes = append(sizes, info.Size())
	}
	box.Close()
	whole, _ := os.ReadFile(filepath.Join(dir, journalName))
	for cut := 0; cut <= len(whole); cut += 41 {
		fits := 0
		for _, size := range sizes {
			if int64(cut) >= size {
				fits++
			}
		}
		again := t.TempDir()
		os.WriteFile(filepath.Join(again, journalName), whole[:cut], 0o600) //nolint:errcheck // a test
		box := open(t, again, "http://unused", &pauses)
		if len(box.Pending()) != fits || len(box.Damage()) != 0 {
			t.Fatalf("cut at %d: %d of %d are left, damage %v", cut, len(box.Pending()), fits, box.Damage())
		}
		box.Close()
	}
}

func TestDamageIsToldUntilItsCopyIsRemoved(t *testing.T) {
	dir := t.TempDir()
	var pauses []time.Duration
	box := open(t, dir, "http://unused", &pauses)
	for epoch := int64(1); epoch <= 3; epoch++ {
		box.Add("default", record(t, epoch)) //nolint:errcheck // counted below
	}
	box.Begin("a.csv") //nolint:errcheck // seen below
	box.Close()
	path := filepath.Join(dir, journalName)
	whole, _ := os.ReadFile(path)
	whole[len(whole)/2] ^= 1         // in the second submission
	os.WriteFile(path, whole, 0o600) //nolint:errcheck // a test
	for range [3]int{} {
		box = open(t, dir, "http://unused", &pauses)
		if len(box.Pending()) != 2 || len(box.Damage()) != 1 || fmt.Sprint(box.Unfinished()) != "[a.csv]" {
			t.Fatalf("%d left, damage %v, unfinished %v", len(box.Pending()), box.Damage(), box.Unfinished())
		}
		box.Close()
	}
	copies, _ := filepath.Glob(filepath.Join(dir, copyPattern))
	if len(copies) != 1 {
		t.Fatalf("%d copies", len(copies))
	}
	os.Remove(copies[0])
	box = open(t, dir, "http://unused", &pauses)
	defer box.Close()
	if len(box.Damage()) != 0 {
		t.Error("the damage is told after its copy was removed")
	}
}

func TestAnOutboxIsOpenOnceAndItsIdsAreNeverGivenAgain(t *testing.T) {
	server := &service{script: []func(http.ResponseWriter, *flk.Record){says(200, nil)}}
	listening := httptest.NewServer(server)
	defer listening.Close()
	dir, last := t.TempDir(), uint64(0)
	var pauses []time.Duration
	for epoch := int64(1); epoch <= 4; epoch++ {
		box := open(t, dir, listening.URL, &pauses)
		if _, err := Open(dir, listening.URL); err == nil {
			t.Fatal("two have it open")
		}
		id, err := box.Add("default", record(t, epoch))
		if err != nil || id <= last {
			t.Fatalf("id %d after %d: %v", id, last, err)
		}
		last = id
		if got, err := box.Deliver(context.Background()); err != nil || got.Acknowledged != 1 {
			t.Fatalf("%+v %v", got, err)
		}
		box.Close()
	}
}

func TestAContextEndsARoundAndNothingIsLost(t *testing.T) {
	server := &service{script: []func(http.ResponseWriter, *flk.Record){says(503, nil)}}
	listening := httptest.NewServer(server)
	defer listening.Close()
	box, err := Open(t.TempDir(), listening.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	box.Add("default", record(t, 1)) //nolint:errcheck // seen below
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := box.Deliver(ctx); err != context.DeadlineExceeded || len(box.Pending()) != 1 {
		t.Errorf("%v, %d pending", err, len(box.Pending()))
	}
}

// flipped gives each a copy of raw in which one bit differs, for all bits of those bytes.
func flipped(raw []byte, from, to int, each func(bit int, raw []byte)) {
	for bit := 8 * from; bit < 8*to; bit++ {
		damaged := append([]byte(nil), raw...)
		damaged[bit/8] ^= 1 << (bit % 8)
		each(bit, damaged)
	}
}

func TestEveryBitThatFlipsShowsAndACutIsOnlyTheLastEntry(t *testing.T) {
	written := []frame{
		{next, 1, []byte{}}, {begun, 1, []byte("a.csv")}, {queued, 1, []byte(`{"tenant":"a","body":"e30="}`)},
		{acknowledged, 1, []byte{}}, {queued, 2, []byte(`{"tenant":"b","body":"e30="}`)},
	}
	var whole []byte
	var ends []int
	for _, f := range written {
		whole = append(whole, f.bytes()...)
		ends = append(ends, len(whole))
	}
	flipped(whole, 0, len(whole), func(bit int, raw []byte) {
		hit := sort.SearchInts(ends, bit/8+1)
		others := append(append([]frame(nil), written[:hit]...), written[hit+1:]...)
		if frames, damage, _ := scan("", raw); len(damage) != 1 || !reflect.DeepEqual(frames, others) {
			t.Errorf("bit %d, of entry %d: %v, damage %v", bit, hit, frames, damage)
		}
	})
	for cut := range whole {
		fits := sort.SearchInts(ends, cut+1)
		if frames, damage, _ := scan("", whole[:cut]); len(damage) != 0 || len(frames) != fits {
			t.Errorf("cut at %d: %d of %d are left, damage %v", cut, len(frames), fits, damage)
		}
		if end := ends[fits]; fits < len(written)-1 && cut > end-len(written[fits].bytes()) {
			found := append(append([]byte(nil), whole[:cut]...), whole[end:]...) // what was written later shows that it is no cut
			if _, damage, _ := scan("", found); len(damage) != 1 {
				t.Errorf("%d bytes are gone at %d: damage %v", end-cut, cut, damage)
			}
		}
	}
}

// A block of a disk that was not written holds what stood there before: the rest of an entry as long as the one that is lost.
func TestTheHeadOfOneEntryAndThePayloadOfAnotherAreNone(t *testing.T) {
	one, other := frame{queued, 1, []byte("aaaa")}.bytes(), frame{queued, 2, []byte("bbbb")}.bytes()
	mixed := append(append([]byte(nil), one[:headBytes]...), other[headBytes:]...)
	if frames, damage, _ := scan("", append(mixed, other...)); len(frames) != 1 || len(damage) != 1 {
		t.Errorf("%v, damage %v", frames, damage)
	}
}

func TestALengthThatRottedIsNoCut(t *testing.T) {
	dir := t.TempDir()
	var pauses []time.Duration
	box := open(t, dir, "http://unused", &pauses)
	box.Add("default", record(t, 1)) //nolint:errcheck // counted below
	path := filepath.Join(dir, journalName)
	before, _ := os.ReadFile(path)
	box.Add("default", record(t, 2)) //nolint:errcheck // counted below
	box.Close()
	whole, _ := os.ReadFile(path)
	flipped(whole, len(before)+3, len(before)+4, func(bit int, raw []byte) {
		again := t.TempDir()
		os.WriteFile(filepath.Join(again, journalName), raw, 0o600) //nolint:errcheck // a test
		box := open(t, again, "http://unused", &pauses)
		defer box.Close()
		if len(box.Pending()) != 1 || len(box.Damage()) != 1 {
			t.Errorf("bit %d: %d left, damage %v", bit, len(box.Pending()), box.Damage())
		}
	})
}
