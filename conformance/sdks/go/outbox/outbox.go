// Package outbox delivers records at least once: they are durable before they are sent and stay queued, through restarts and
// kills, until the service has stored their outcome or refused them for good (OUT-*).
//
//	box, err := outbox.Open("outbox", "https://flk.example")
//	id, err := box.Add("default", record)
//	summary, err := box.Deliver(ctx)
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"flk.example/sdk"
)

// Outbox is a directory of submissions for one service. Its methods may be called at once; one process at a time may have it
// open.
type Outbox struct {
	url    string
	client *http.Client
	sleep  func(context.Context, time.Duration) error
	chance func() float64

	round   sync.Mutex // held by the one round of deliveries
	mutex   sync.Mutex // guards all below
	journal *journal
	unlock  func() error
	next    uint64
	pending map[uint64]Submission
	letters map[uint64]DeadLetter
	sources map[string]bool
	damage  []Damage
}

// Submission is what is sent: the tenant it speaks for and the body, exactly as it is queued.
type Submission struct {
	ID     uint64 `json:"-"`
	Tenant string `json:"tenant"`
	Body   []byte `json:"body"`
}

// DeadLetter is a submission that the service refused for good, and the answer that says so (OUT-5).
type DeadLetter struct {
	Submission
	Status int
	Answer []byte
}

// Summary counts what became of a round's submissions.
type Summary struct{ Acknowledged, Dead, Postponed int }

// Option changes how an outbox sends.
type Option func(*Outbox)

// WithClient sends through that client instead of one with a timeout of 30 seconds. A redirect is an answer like any other.
func WithClient(client *http.Client) Option { return func(o *Outbox) { o.client = client } }

// WithSleep waits by that instead of a timer.
func WithSleep(sleep func(context.Context, time.Duration) error) Option {
	return func(o *Outbox) { o.sleep = sleep }
}

// Open reads the outbox in a directory, which it makes if there is none, and repairs what a crash left. Look at
// [Outbox.Damage] and [Outbox.Unfinished] afterwards: they say what may be lost.
func Open(dir, url string, options ...Option) (*Outbox, error) {
	o := &Outbox{
		url:     strings.TrimSuffix(url, "/") + "/v1/pcs/submit",
		client:  &http.Client{Timeout: timeout * time.Second},
		sleep:   sleep,
		chance:  rand.New(rand.NewSource(time.Now().UnixNano() ^ int64(os.Getpid())<<32)).Float64,
		next:    1,
		pending: map[uint64]Submission{},
		letters: map[uint64]DeadLetter{},
		sources: map[string]bool{},
	}
	for _, option := range options {
		option(o)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := syncDirectory(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, err
	}
	var err error
	if o.unlock, err = lock(dir); err != nil {
		return nil, fmt.Errorf("the outbox %s is in use: %w", dir, err)
	}
	var frames []frame
	if o.journal, frames, o.damage, err = openJournal(dir); err != nil {
		return nil, firstError(err, o.unlock())
	}
	for _, f := range frames {
		if err := o.take(f); err != nil {
			return nil, firstError(err, o.Close())
		}
	}
	return o, nil
}

type answer struct {
	Status int    `json:"status"`
	Body   []byte `json:"body"`
}

// take brings the state up to a frame.
func (o *Outbox) take(f frame) error {
	switch f.kind {
	case queued:
		var submission Submission
		if err := json.Unmarshal(f.payload, &submission); err != nil {
			return fmt.Errorf("the journal holds a submission that this version cannot read: %w", err)
		}
		submission.ID = f.id
		if _, settled := o.letters[f.id]; !settled {
			o.pending[f.id] = submission
		}
	case acknowledged:
		delete(o.pending, f.id)
	case dead:
		var last answer
		if err := json.Unmarshal(f.payload, &last); err != nil {
			return fmt.Errorf("the journal holds an answer that this version cannot read: %w", err)
		}
		if submission, waiting := o.pending[f.id]; waiting { // once, however often it was written
			o.letters[f.id] = DeadLetter{submission, last.Status, last.Body}
			delete(o.pending, f.id)
		}
	case begun:
		o.sources[string(f.payload)] = true
	case ended:
		delete(o.sources, string(f.payload))
	case next:
		if f.id > o.next {
			o.next = f.id
		}
		return nil
	}
	if f.id >= o.next {
		o.next = f.id + 1
	}
	return nil
}

// record makes a frame durable, then true.
func (o *Outbox) record(f frame) error {
	if err := o.journal.append(f); err != nil {
		return fmt.Errorf("the outbox cannot be written: %w", err)
	}
	return o.take(f)
}

var tenantForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Add makes a signed record durable, exactly as it will be sent (OUT-1), and returns its id in the outbox.
func (o *Outbox) Add(tenant string, record *flk.Record) (uint64, error) {
	if !tenantForm.MatchString(tenant) {
		return 0, fmt.Errorf("a tenant is called by 1 to 64 letters, digits, dots, dashes and underscores, not %q", tenant)
	}
	body, err := record.Encode()
	if err != nil {
		return 0, err
	}
	payload, err := json.Marshal(Submission{Tenant: tenant, Body: body})
	if err != nil {
		return 0, err
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	id := o.next
	return id, o.record(frame{queued, id, payload})
}

// Begin notes that records of a source are added from here on. Until [Outbox.End] it is listed by [Outbox.Unfinished] (OUT-7).
func (o *Outbox) Begin(source string) error { return o.mark(begun, source) }

// End notes that all records of a source were added.
func (o *Outbox) End(source string) error { return o.mark(ended, source) }

func (o *Outbox) mark(k kind, source string) error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.record(frame{k, o.next, []byte(source)})
}

// Unfinished lists the sources that were begun and not ended: send them again, for what is stored already is a duplicate.
func (o *Outbox) Unfinished() []string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	var names []string
	for name := range o.sources {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Damage lists the corrupt ranges of the journal, each time it is opened, until the copy that holds them is removed (OUT-7).
// What was queued there is lost unless it is given again.
func (o *Outbox) Damage() []Damage { return append([]Damage(nil), o.damage...) }

// Pending lists what still waits, oldest first.
func (o *Outbox) Pending() []Submission {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	var waiting []Submission
	for _, submission := range o.pending {
		waiting = append(waiting, submission)
	}
	sort.Slice(waiting, func(i, j int) bool { return waiting[i].ID < waiting[j].ID })
	return waiting
}

// DeadLetters lists what was refused for good, oldest first.
func (o *Outbox) DeadLetters() []DeadLetter {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	var letters []DeadLetter
	for _, letter := range o.letters {
		letters = append(letters, letter)
	}
	sort.Slice(letters, func(i, j int) bool { return letters[i].ID < letters[j].ID })
	return letters
}

// Deliver makes one round: it sends each waiting submission until the service says what became of it, at most five times, with
// pauses. What is still unsettled is postponed to the next round. It returns early if the context ends or the outbox cannot be
// written.
func (o *Outbox) Deliver(ctx context.Context) (Summary, error) {
	o.round.Lock()
	defer o.round.Unlock()
	var summary Summary
	for _, submission := range o.Pending() {
		said, err := o.deliver(ctx, submission)
		if err != nil {
			return summary, err
		}
		switch said {
		case isAcknowledged:
			summary.Acknowledged++
		case isRefused:
			summary.Dead++
		default:
			summary.Postponed++
		}
	}
	return summary, nil
}

func (o *Outbox) deliver(ctx context.Context, submission Submission) (meaning, error) {
	for attempt := 1; ; attempt++ {
		reply := o.post(ctx, submission)
		if err := ctx.Err(); err != nil {
			return isNothing, err // the answer may be one that was cut short
		}
		said := meaningOf(submission.Body, reply)
		if said != isNothing {
			return said, o.settle(submission, said, reply)
		}
		if attempt == maxAttempts {
			return isNothing, nil
		}
		seconds := Pause(attempt, o.chance(), reply.retryAfter)
		if err := o.sleep(ctx, time.Duration(seconds*float64(time.Second))); err != nil {
			return isNothing, err
		}
	}
}

// settle makes durable how a submission ended (OUT-2, OUT-5).
func (o *Outbox) settle(submission Submission, said meaning, last reply) error {
	f := frame{acknowledged, submission.ID, nil}
	if said == isRefused {
		payload, err := json.Marshal(answer{last.status, last.body})
		if err != nil {
			return err
		}
		f = frame{dead, submission.ID, payload}
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.record(f)
}

// Close lets another process open the outbox. It waits for the round that is under way: end its context first.
func (o *Outbox) Close() error {
	o.round.Lock()
	defer o.round.Unlock()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.journal.err == nil {
		o.journal.err = errors.New("the outbox is closed")
	}
	return firstError(o.journal.file.Close(), o.unlock())
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
