package flk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Hash is a node of a tree. As text it has 64 lowercase hexadecimal digits.
type Hash [sha256.Size]byte

// String is the text of the hash, as a record carries its root.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is String for writers of JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a hash has %d hexadecimal digits, not %d", hex.EncodedLen(len(h)), len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

const chunkBytes = 64

// Chunks cuts raw bytes into the leaves of their tree, 64 bytes each, the last one shorter if need be (MRK-4).
func Chunks(raw []byte) [][]byte {
	var leaves [][]byte
	for ; len(raw) > chunkBytes; raw = raw[chunkBytes:] {
		leaves = append(leaves, raw[:chunkBytes])
	}
	if len(raw) > 0 {
		leaves = append(leaves, raw)
	}
	return leaves
}

func leafHash(leaf []byte) Hash { return sha256.Sum256(append([]byte{0}, leaf...)) }

func nodeHash(left, right Hash) Hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// MerkleRoot is the root of the tree of RFC 6962 over the leaves, SHA-256 of nothing if there are none (MRK-1). A record
// carries the root over the [Chunks] of its raw data, in hexadecimal.
func MerkleRoot(leaves [][]byte) Hash {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leafHash(leaves[0])
	default:
		left := leftSize(n)
		return nodeHash(MerkleRoot(leaves[:left]), MerkleRoot(leaves[left:]))
	}
}

// leftSize is the largest power of two below n > 1.
func leftSize(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

// InclusionProof lists the siblings from leaf index, counted from 0, up to the root (MRK-2; RFC 6962, section 2.1.1).
func InclusionProof(leaves [][]byte, index int) ([]Hash, error) {
	if index < 0 || index >= len(leaves) {
		return nil, refuse("MRK-2", "there is no leaf %d in a tree of %d", index, len(leaves))
	}
	proof := []Hash{}
	for len(leaves) > 1 { // from the root down: the last to be found is the first of the proof
		left := leftSize(len(leaves))
		if index < left {
			proof = append(proof, MerkleRoot(leaves[left:]))
			leaves = leaves[:left]
		} else {
			proof = append(proof, MerkleRoot(leaves[:left]))
			leaves, index = leaves[left:], index-left
		}
	}
	for i, j := 0, len(proof)-1; i < j; i, j = i+1, j-1 {
		proof[i], proof[j] = proof[j], proof[i]
	}
	return proof, nil
}

// VerifyInclusion reports whether the proof shows that leaf is number index of the size leaves under root (MRK-2; RFC 9162,
// section 2.1.3.2).
func VerifyInclusion(leaf []byte, index, size int, proof []Hash, root Hash) bool {
	if index < 0 || index >= size {
		return false
	}
	node, last, hash := index, size-1, leafHash(leaf)
	for _, sibling := range proof {
		if last == 0 {
			return false
		}
		if node&1 == 1 || node == last {
			hash = nodeHash(sibling, hash)
			for node != 0 && node&1 == 0 { // it rose without a sibling
				node, last = node>>1, last>>1
			}
		} else {
			hash = nodeHash(hash, sibling)
		}
		node, last = node>>1, last>>1
	}
	return last == 0 && hash == root
}

// ConsistencyProof lists the nodes from which the root of the first leaves and that of all follow (MRK-3; RFC 6962, section
// 2.1.2).
func ConsistencyProof(leaves [][]byte, first int) ([]Hash, error) {
	if first < 1 || first > len(leaves) {
		return nil, refuse("MRK-3", "a tree of %d leaves has no earlier state of %d", len(leaves), first)
	}
	return subproof(leaves, first, true), nil
}

// subproof is SUBPROOF of RFC 6962; the verifier has the root of these leaves as long as isKnown.
func subproof(leaves [][]byte, first int, isKnown bool) []Hash {
	if first == len(leaves) {
		if isKnown {
			return []Hash{}
		}
		return []Hash{MerkleRoot(leaves)}
	}
	left := leftSize(len(leaves))
	if first <= left {
		return append(subproof(leaves[:left], first, isKnown), MerkleRoot(leaves[left:]))
	}
	return append(subproof(leaves[left:], first-left, false), MerkleRoot(leaves[:left]))
}

// VerifyConsistency reports whether the proof shows that the tree of first leaves is how that of second began (MRK-3; RFC
// 9162, section 2.1.4.2).
func VerifyConsistency(first, second int, firstRoot, secondRoot Hash, proof []Hash) bool {
	if first < 1 || first > second {
		return false
	}
	if first == second {
		return len(proof) == 0 && firstRoot == secondRoot
	}
	if first&(first-1) == 0 { // a complete tree is a node of the later one
		proof = append([]Hash{firstRoot}, proof...)
	}
	if len(proof) == 0 {
		return false
	}
	node, last := first-1, second-1
	for node&1 == 1 {
		node, last = node>>1, last>>1
	}
	earlier, later := proof[0], proof[0]
	for _, sibling := range proof[1:] {
		if last == 0 {
			return false
		}
		if node&1 == 1 || node == last {
			earlier, later = nodeHash(sibling, earlier), nodeHash(sibling, later)
			for node != 0 && node&1 == 0 {
				node, last = node>>1, last>>1
			}
		} else {
			later = nodeHash(later, sibling)
		}
		node, last = node>>1, last>>1
	}
	return last == 0 && earlier == firstRoot && later == secondRoot
}

// LegacyRoot is the root of the older tree, in hexadecimal. It exists to check the records that carry one (MRK-5): it tells
// leaves from nodes by nothing and pairs an odd node with itself, so different lists share a root. New records never use it.
func LegacyRoot(leaves [][]byte) string {
	if len(leaves) == 0 {
		return string(bytes.Repeat([]byte{'0'}, 2*sha256.Size))
	}
	var level []string
	for _, leaf := range leaves {
		level = append(level, hexSHA256(leaf))
	}
	for len(level) > 1 {
		if len(level)%2 == 1 {
			level = append(level, level[len(level)-1])
		}
		var above []string
		for i := 0; i < len(level); i += 2 {
			above = append(above, hexSHA256([]byte(level[i]+level[i+1])))
		}
		level = above
	}
	return level[0]
}
