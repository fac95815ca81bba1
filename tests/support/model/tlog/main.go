// What golang.org/x/mod/sumdb makes of a log that somebody else wrote: its notes, its proofs, and its tiles.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Asked is a question about a log: a note and the key that should have signed it; a seed of Go's own key; a tree in a directory,
// a leaf of it and its proof, and the root of an earlier tree and the proof that it grew.
type Asked struct {
	Key, Note, Secret, Text, Dir string
	Size, Index, First           int64
	Root, Leaf, FirstRoot        []byte
	Proof, Growth                [][]byte
}

// Answered is what Go says: the text of the note if the key has signed it, a note of its own, whether it accepts both proofs, and
// those that it makes of the tiles itself.
type Answered struct {
	Text, Note, Error string
	Proof, Growth     [][]byte
}

type tiles struct{ dir string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, one := range wanted {
		content, err := os.ReadFile(filepath.Join(t.dir, strings.Replace(one.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		data = append(data, content)
	}
	return data, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func hash(raw []byte) (found tlog.Hash) {
	copy(found[:], raw)
	return found
}

func hashes(raw [][]byte) (found []tlog.Hash) {
	for _, one := range raw {
		found = append(found, hash(one))
	}
	return found
}

func bytes(of []tlog.Hash) (found [][]byte) {
	for _, one := range of {
		found = append(found, append([]byte(nil), one[:]...))
	}
	return found
}

func notes(asked Asked, answer *Answered) error {
	verifier, err := note.NewVerifier(asked.Key)
	if err != nil {
		return err
	}
	opened, err := note.Open([]byte(asked.Note), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	answer.Text = opened.Text
	signer, err := note.NewSigner(asked.Secret)
	if err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: asked.Text}, signer)
	answer.Note = string(signed)
	return err
}

func proofs(asked Asked, answer *Answered) error {
	tree := tlog.Tree{N: asked.Size, Hash: hash(asked.Root)}
	reader := tlog.TileHashReader(tree, tiles{asked.Dir})
	record, err := tlog.ProveRecord(asked.Size, asked.Index, reader)
	if err != nil {
		return err
	}
	growth, err := tlog.ProveTree(asked.Size, asked.First, reader)
	if err != nil {
		return err
	}
	answer.Proof, answer.Growth = bytes(record), bytes(growth)
	if err := tlog.CheckRecord(hashes(asked.Proof), asked.Size, tree.Hash, asked.Index, tlog.RecordHash(asked.Leaf)); err != nil {
		return err
	}
	return tlog.CheckTree(hashes(asked.Growth), asked.Size, tree.Hash, asked.First, hash(asked.FirstRoot))
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked Asked
		var answer Answered
		err := json.Unmarshal(in.Bytes(), &asked)
		if err == nil && asked.Note != "" {
			err = notes(asked, &answer)
		} else if err == nil {
			err = proofs(asked, &answer)
		}
		if err != nil {
			answer.Error = err.Error()
		}
		out.Encode(answer)
	}
}
