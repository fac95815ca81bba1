package flk

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"
)

// SigningKey makes signatures.
type SigningKey interface {
	// Sign returns the signature of the message itself, not of a digest (SIGN-1).
	Sign(message []byte) []byte
}

// VerifyingKey tells whether a signature is its own.
type VerifyingKey interface {
	// Verifies reports whether signature is this key's signature of message.
	Verifies(message, signature []byte) bool
}

// NewSigningKey makes a key of an algorithm's name, hmac-sha256 or ed25519, and its secret: for Ed25519 the seed.
func NewSigningKey(algorithm string, secret []byte) (SigningKey, error) {
	switch algorithm {
	case "hmac-sha256":
		return NewHMACKey(secret), nil
	case "ed25519":
		return NewEd25519PrivateKey(secret)
	}
	return nil, fmt.Errorf("no algorithm is called %q; there are hmac-sha256 and ed25519", algorithm)
}

// NewVerifyingKey makes a key of an algorithm's name and its secret or, for Ed25519, its public key.
func NewVerifyingKey(algorithm string, key []byte) (VerifyingKey, error) {
	switch algorithm {
	case "hmac-sha256":
		return NewHMACKey(key), nil
	case "ed25519":
		return NewEd25519PublicKey(key)
	}
	return nil, fmt.Errorf("no algorithm is called %q; there are hmac-sha256 and ed25519", algorithm)
}

// HMACKey is a secret that an agent shares with the service: it signs and it verifies by HMAC-SHA256 (SIGN-2).
type HMACKey struct{ secret []byte }

// NewHMACKey keeps a copy of the secret, which may have any length; 32 random bytes are a good one.
func NewHMACKey(secret []byte) HMACKey { return HMACKey{append([]byte(nil), secret...)} }

// Sign returns the 32 bytes of the MAC.
func (k HMACKey) Sign(message []byte) []byte {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write(message)
	return mac.Sum(nil)
}

// Verifies compares in constant time (SIGN-5).
func (k HMACKey) Verifies(message, signature []byte) bool {
	return hmac.Equal(k.Sign(message), signature)
}

// Ed25519PrivateKey signs by pure Ed25519 of RFC 8032 (SIGN-3).
type Ed25519PrivateKey struct{ key ed25519.PrivateKey }

// NewEd25519PrivateKey makes a key of the 32-byte seed of RFC 8032.
func NewEd25519PrivateKey(seed []byte) (Ed25519PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return Ed25519PrivateKey{}, fmt.Errorf("a seed of Ed25519 has %d bytes, not %d", ed25519.SeedSize, len(seed))
	}
	return Ed25519PrivateKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// Sign returns the 64 bytes of the signature.
func (k Ed25519PrivateKey) Sign(message []byte) []byte { return ed25519.Sign(k.key, message) }

// Public returns the 32 bytes that verifiers need.
func (k Ed25519PrivateKey) Public() []byte { return append([]byte(nil), k.key[ed25519.SeedSize:]...) }

// Ed25519PublicKey verifies pure Ed25519 (SIGN-3); the zero value verifies nothing.
type Ed25519PublicKey struct{ key ed25519.PublicKey }

// NewEd25519PublicKey makes a key of its 32 bytes. Points of small order, under which one signature fits many messages, and
// points that RFC 8032 does not decode are refused.
func NewEd25519PublicKey(raw []byte) (Ed25519PublicKey, error) {
	if len(raw) != ed25519.PublicKeySize {
		return Ed25519PublicKey{}, fmt.Errorf("a public key of Ed25519 has %d bytes, not %d", ed25519.PublicKeySize, len(raw))
	}
	if isWeakPoint(raw) {
		return Ed25519PublicKey{}, fmt.Errorf("the public key is a point of small order or not a canonical one")
	}
	return Ed25519PublicKey{append(ed25519.PublicKey(nil), raw...)}, nil
}

// Verifies refuses, as RFC 8032 asks, an S that is not below the group's order.
func (k Ed25519PublicKey) Verifies(message, signature []byte) bool {
	if len(k.key) == 0 || len(signature) != ed25519.SignatureSize || isWeakPoint(signature[:32]) {
		return false
	}
	return ed25519.Verify(k.key, message, signature)
}

// smallOrder holds the y coordinates of the points of order 4, 1, 2, 8 and 8, little-endian in hexadecimal, the sign of x left
// out.
var smallOrder = map[string]bool{
	"0000000000000000000000000000000000000000000000000000000000000000": true,
	"0100000000000000000000000000000000000000000000000000000000000000": true,
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": true,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": true,
}

// isWeakPoint reports whether an encoded point has small order or a y that is not below 2^255 - 19.
func isWeakPoint(encoded []byte) bool {
	y := append([]byte(nil), encoded...)
	y[31] &= 0x7f
	beyond := y[0] >= 0xed && y[31] == 0x7f && bytes.Count(y[1:31], []byte{0xff}) == 30
	return beyond || smallOrder[hex.EncodeToString(y)]
}

// Sign returns the value of a record's sig: standard base64 of the signature over its canonical bytes.
func Sign(key SigningKey, record *Record, profile Profile) (string, error) {
	message, err := record.Canonical(profile)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(key.Sign(message)), nil
}

// SignWith fills in Sig, under profile [Judged], which covers all that is judged (C14N-9).
func (r *Record) SignWith(key SigningKey) (err error) {
	r.Sig, err = Sign(key, r, Judged)
	return err
}

// LiveKey is a key and the time in which it counts, from NotBefore on and until before NotAfter; a zero time sets no bound
// (SIGN-4).
type LiveKey struct {
	Key                 VerifyingKey
	NotBefore, NotAfter time.Time
}

func (k LiveKey) isLive(at time.Time) bool {
	return !at.Before(k.NotBefore) && (k.NotAfter.IsZero() || at.Before(k.NotAfter))
}

// Keyring holds each tenant's keys, several of them while they rotate, and the profiles it accepts: none stands for Fixed9 and
// Judged.
type Keyring struct {
	Keys     map[string][]LiveKey
	Profiles []Profile
}

// Authenticate returns nil if a key of the tenant itself (SIGN-7) that is live at the time of the record's log entry made the
// record's Sig, else a [*Refusal] of SIGN-6, which does not say what came close.
func (k *Keyring) Authenticate(tenant string, record *Record, at time.Time) error {
	refusal := refuseField("SIGN-6", "sig", "no live key of this tenant made this signature")
	signature, ok := decodeBase64(record.Sig)
	if !ok {
		return refusal
	}
	profiles := k.Profiles
	if len(profiles) == 0 {
		profiles = []Profile{Fixed9, Judged}
	}
	for _, profile := range profiles {
		message, err := record.Canonical(profile)
		if err != nil {
			continue // what has no canonical form was never signed
		}
		for _, live := range k.Keys[tenant] {
			if live.isLive(at) && live.Key.Verifies(message, signature) {
				return nil
			}
		}
	}
	return refusal
}

// decodeBase64 takes the one spelling of some bytes: padded, no line breaks, zeros in the unused bits (SIGN-6). Go's decoder
// skips line breaks even when strict, so the text is written again and compared.
func decodeBase64(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil && len(raw) > 0 && base64.StdEncoding.EncodeToString(raw) == text
}
