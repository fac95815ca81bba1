package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sort"
)

// The journal is one file of frames, little-endian:
//
//	frame = length:u32 kind:u8 id:u64 crc32c:u32 payload crc32c:u32
//
// The length is the payload's. The first checksum covers what is before it, the second the same and the payload, but not the first:
// a CRC of anything that is followed by its own CRC is one number, so it would tie no payload to its head. Damage to any byte shows,
// and a frame that a crash cut short, whose head is sound, differs from one whose length was damaged. The former is the file's end
// and is cut off; damage is kept as a copy beside the journal, and told.

type kind byte

const (
	queued       kind = 'Q' // the payload is the submission
	acknowledged kind = 'A'
	dead         kind = 'D' // the payload is the answer
	begun        kind = 'B' // the payload is a source's name
	ended        kind = 'E' // likewise
	next         kind = 'N' // the id is the next to be given: written when the journal is rewritten
)

type frame struct {
	kind    kind
	id      uint64
	payload []byte
}

const (
	sumBytes   = 4
	fieldBytes = 13 // of a head, before its checksum
	headBytes  = fieldBytes + sumBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (f frame) bytes() []byte {
	raw := make([]byte, 0, headBytes+len(f.payload)+sumBytes)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(f.payload)))
	raw = append(raw, byte(f.kind))
	raw = binary.LittleEndian.AppendUint64(raw, f.id)
	raw = binary.LittleEndian.AppendUint32(raw, sum(raw, nil))
	return binary.LittleEndian.AppendUint32(append(raw, f.payload...), sum(raw[:fieldBytes], f.payload))
}

func sum(fields, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(fields, castagnoli), castagnoli, payload)
}

func isSum(raw []byte, sum uint32) bool {
	return binary.LittleEndian.Uint32(raw) == sum
}

// sizeOf returns how many bytes the frame has that raw begins with, or 0 if its head is not sound.
func sizeOf(raw []byte) int64 {
	if len(raw) < headBytes || !isSum(raw[fieldBytes:], sum(raw[:fieldBytes], nil)) {
		return 0
	}
	return headBytes + int64(binary.LittleEndian.Uint32(raw)) + sumBytes
}

// parseFrame returns the sound frame that raw begins with and its size, or 0.
func parseFrame(raw []byte) (frame, int) {
	size := sizeOf(raw)
	if size == 0 || size > int64(len(raw)) {
		return frame{}, 0
	}
	payload := raw[headBytes : size-sumBytes]
	if !isSum(raw[size-sumBytes:], sum(raw[:fieldBytes], payload)) {
		return frame{}, 0
	}
	return frame{kind(raw[4]), binary.LittleEndian.Uint64(raw[5:]), payload}, int(size)
}

// Damage is a range of a file that holds no sound frame.
type Damage struct {
	File           string
	Offset, Length int
}

// scan returns all sound frames, the damaged ranges between them, and where the last one ends.
func scan(file string, raw []byte) (frames []frame, damage []Damage, end int) {
	for at := 0; at < len(raw); {
		f, size := parseFrame(raw[at:])
		if size == 0 {
			at++
			continue
		}
		if at > end {
			damage = append(damage, Damage{file, end, at - end})
		}
		frames = append(frames, f)
		at += size
		end = at
	}
	if tail := raw[end:]; len(tail) > 0 && !isTorn(tail) {
		damage = append(damage, Damage{file, end, len(tail)})
	}
	return frames, damage, end
}

// isTorn reports whether a tail without a sound frame may be one that a crash cut short: it is shorter than its sound head says,
// or than a head, or nothing but space that was never written.
func isTorn(tail []byte) bool {
	if len(bytes.Trim(tail, "\x00")) == 0 || len(tail) < headBytes {
		return true
	}
	return sizeOf(tail) > int64(len(tail))
}

// journal is the open file. After a failed write or synchronisation it takes no more: what the kernel then holds is unknown.
type journal struct {
	file *os.File
	err  error
}

const (
	journalName = "outbox.journal"
	copyPattern = "outbox.damaged-*"
)

// openJournal reads the journal, repairs it if it must, and opens it for appending. What is damaged stays beside it as a copy,
// and is told each time until somebody removes the copy (OUT-7).
func openJournal(dir string) (*journal, []frame, []Damage, error) {
	path := filepath.Join(dir, journalName)
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil, err
	}
	frames, damage, end := scan(path, raw)
	if len(damage) > 0 {
		if err := keepCopy(dir, raw); err != nil {
			return nil, nil, nil, err
		}
	}
	if kept := live(frames); len(damage) > 0 || end < len(raw) || len(kept) < len(frames) || len(raw) == 0 {
		if err := rewrite(path, kept); err != nil {
			return nil, nil, nil, err
		}
		frames = kept
	}
	damage, err = damageOfCopies(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	return &journal{file: file}, frames, damage, err
}

// append makes frames durable, with one synchronisation for all of them.
func (j *journal) append(frames ...frame) error {
	if j.err != nil {
		return j.err
	}
	var raw []byte
	for _, f := range frames {
		raw = append(raw, f.bytes()...)
	}
	if _, j.err = j.file.Write(raw); j.err == nil {
		j.err = j.file.Sync()
	}
	return j.err
}

// live leaves out what is settled and need not be remembered: acknowledged submissions, and sources that were queued to their
// end.
func live(frames []frame) []frame {
	settled, unfinished, following := map[uint64]bool{}, map[string]uint64{}, uint64(1)
	for _, f := range frames {
		switch f.kind {
		case acknowledged:
			settled[f.id] = true
		case begun:
			unfinished[string(f.payload)] = f.id
		case ended:
			delete(unfinished, string(f.payload))
		}
		if f.kind == next && f.id > following {
			following = f.id
		} else if f.kind != next && f.id >= following {
			following = f.id + 1
		}
	}
	kept, named := []frame{{kind: next, id: following}}, map[uint64]bool{}
	for _, f := range frames {
		id, open := unfinished[string(f.payload)]
		switch {
		case f.kind == begun && open && id == f.id, f.kind == queued && !settled[f.id] && !named[f.id], f.kind == dead:
			kept = append(kept, f)
			named[f.id] = named[f.id] || f.kind == queued
		}
	}
	return kept
}

// rewrite replaces the journal in one step: a crash leaves the old one or the new one.
func rewrite(path string, frames []frame) error {
	var raw []byte
	for _, f := range frames {
		raw = append(raw, f.bytes()...)
	}
	if err := writeDurably(path+".new", raw); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// keepCopy is named after its content, so that a crash between copy and repair leads to one copy.
func keepCopy(dir string, raw []byte) error {
	name := fmt.Sprintf("outbox.damaged-%08x", crc32.Checksum(raw, castagnoli))
	if err := writeDurably(filepath.Join(dir, name), raw); err != nil {
		return err
	}
	return syncDirectory(dir)
}

func damageOfCopies(dir string) ([]Damage, error) {
	copies, err := filepath.Glob(filepath.Join(dir, copyPattern))
	if err != nil {
		return nil, err
	}
	sort.Strings(copies)
	var all []Damage
	for _, path := range copies {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		_, damage, _ := scan(path, raw)
		all = append(all, damage...)
	}
	return all, nil
}

func writeDurably(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	return firstError(err, file.Sync(), file.Close())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
