package flk

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Profile says what a signature covers and how reals are written.
type Profile string

const (
	// Fixed9 covers the eight signed fields, reals with nine fractional digits (C14N-1 to C14N-5).
	Fixed9 Profile = "fixed9"
	// Judged covers, besides, the counts, the regime and the scales: all that is judged, and a proof with its seed (C14N-9). Sign
	// with it.
	Judged Profile = "judged"
	// Shortest is the form of older signers: accept it only where they still sign (C14N-6).
	Shortest Profile = "shortest"
)

const digits = 9 // of a canonical real

// FormatFixed9 writes x with exactly nine fractional digits: the decimal nearest to the exact value of x, of two equally near
// the one whose last digit is even, and zero without a sign (C14N-2, C14N-3). NaN and the infinities are refused (C14N-4).
func FormatFixed9(x float64) (string, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "", refuse("C14N-4", "%v has no canonical form; signals are finite", x)
	}
	text := strconv.FormatFloat(x, 'f', digits, 64) // of the exact binary value, ties to even
	if text == "-0.000000000" {
		return text[1:], nil
	}
	return text, nil
}

// Round9 is the double nearest to what FormatFixed9 writes. NaN and the infinities stay what they are.
func Round9(x float64) float64 {
	text, err := FormatFixed9(x)
	if err != nil {
		return x
	}
	rounded, _ := strconv.ParseFloat(text, 64) // the text of a finite number: it has no error to give
	return rounded
}

// nano is Round9(x) in billionths, for numbers below nine billion: tolerances compare these integers (JDG-1).
func nano(x float64) int64 {
	text, err := FormatFixed9(x)
	if err != nil {
		return math.MaxInt64
	}
	billionths, _ := strconv.ParseInt(strings.Replace(text, ".", "", 1), 10, 64)
	return billionths
}

// formatShortest writes Round9(x) as the shortest decimal that reads back, in Python's notation: 1.0, 1e-05 (C14N-6).
func formatShortest(x float64) (string, error) {
	if _, err := FormatFixed9(x); err != nil {
		return "", err
	}
	rounded := Round9(x)
	text := strconv.FormatFloat(rounded, 'e', -1, 64)
	exponent, _ := strconv.Atoi(text[strings.IndexByte(text, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return text, nil
	}
	text = strconv.FormatFloat(rounded, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text, nil
}

// Canonical returns the bytes that are signed (C14N-*). The record need not be valid, but it must have a canonical form:
// finite reals, texts in UTF-8 and, under Judged, a count for each scale.
func (r *Record) Canonical(profile Profile) ([]byte, error) {
	format := FormatFixed9
	switch profile {
	case Fixed9, Judged:
	case Shortest:
		format = formatShortest
	default:
		return nil, fmt.Errorf("no profile is called %q; there are fixed9, judged and shortest", profile)
	}
	w := canonicalWriter{format: format}
	w.real(`{"D_hat":`, r.DHat)
	w.real(`,"budget":`, r.Budget)
	w.real(`,"coh_star":`, r.CohStar)
	w.integer(`,"epoch":`, r.Epoch)
	w.text(`,"merkle_root":`, r.MerkleRoot)
	w.text(`,"pcs_id":`, r.PCSID)
	w.real(`,"r":`, r.R)
	w.text(`,"shard_id":`, r.ShardID)
	w.bytes = append(w.bytes, '}')
	if profile == Judged {
		w.judged(r)
	}
	return w.bytes, w.err
}

// canonicalWriter writes member by member; its first error stands.
type canonicalWriter struct {
	format func(float64) (string, error)
	bytes  []byte
	err    error
}

func (w *canonicalWriter) real(before string, x float64) {
	text, err := w.format(x)
	w.fail(err)
	w.bytes = append(append(w.bytes, before...), text...)
}

func (w *canonicalWriter) integer(before string, n int64) {
	w.bytes = strconv.AppendInt(append(w.bytes, before...), n, 10)
}

func (w *canonicalWriter) text(before, text string) {
	if !utf8.ValidString(text) {
		w.fail(refuse("C14N-5", "a text is not UTF-8"))
	}
	w.bytes = appendQuoted(append(w.bytes, before...), text)
}

// judged appends what judgement reads besides the eight fields, the counts in the order of the scales (C14N-9).
func (w *canonicalWriter) judged(r *Record) {
	w.bytes = append(w.bytes, "\n{\"N_j\":{"...)
	for i, scale := range r.Scales {
		count, there := r.Counts[scale]
		if !there {
			w.fail(refuse("C14N-9", "N_j has no count for scale %d", scale))
		}
		w.bytes = append(w.bytes, separator(i)...)
		w.bytes = append(strconv.AppendInt(append(w.bytes, '"'), int64(scale), 10), '"')
		w.integer(":", count)
	}
	w.text(`},"regime":`, string(r.Regime))
	w.bytes = append(w.bytes, `,"scales":[`...)
	for i, scale := range r.Scales {
		w.integer(separator(i), int64(scale))
	}
	w.bytes = append(w.bytes, ']')
	if r.VRFProof != "" {
		w.integer(`,"seed":`, r.Seed)
		w.text(`,"vrf_proof":`, r.VRFProof)
	}
	w.bytes = append(w.bytes, '}')
}

func (w *canonicalWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// appendQuoted appends a JSON text as RFC 8785 section 3.2.2.2 asks: raw UTF-8 but for quote, backslash and control characters
// (C14N-5).
func appendQuoted(to []byte, text string) []byte {
	const short = "btn\vfr" // the letters of 0x08 to 0x0d; 0x0b has none
	to = append(to, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c >= 0x08 && c <= 0x0d && c != 0x0b:
			to = append(to, '\\', short[c-0x08])
		case c < 0x20:
			to = append(to, fmt.Sprintf(`\u%04x`, c)...)
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}
