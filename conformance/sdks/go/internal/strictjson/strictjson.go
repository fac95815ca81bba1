// Package strictjson reads JSON as RFC 8259 defines it and no more: UTF-8 alone, no lone surrogates, no repeated keys. Numbers
// keep their text, so that 42 and 42.0 stay apart.
package strictjson

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind says which of JSON's six types a value has.
type Kind int

// The types of RFC 8259, section 3.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is a JSON value.
type Value struct {
	Kind    Kind
	Bool    bool
	Text    string // of a String its characters, of a Number its literal
	Items   []Value
	Members []Member
}

// Member is a key of an object and its value, escapes resolved.
type Member struct {
	Key   string
	Value Value
}

// Get returns the member of that key.
func (v Value) Get(key string) (Value, bool) {
	for _, member := range v.Members {
		if member.Key == key {
			return member.Value, true
		}
	}
	return Value{}, false
}

// RepeatedKey is the error for well-formed JSON in which an object names a key twice.
type RepeatedKey struct{ Key string }

func (e *RepeatedKey) Error() string { return fmt.Sprintf("the key %q occurs more than once", e.Key) }

const maxDepth = 1000

// Parse reads exactly one value with nothing but white space around it. A repeated key is told only if nothing worse is wrong.
func Parse(text []byte) (Value, error) {
	if !utf8.Valid(text) {
		return Value{}, errors.New("the text is not UTF-8")
	}
	p := parser{text: text}
	value := p.value(0)
	p.space()
	if p.err == nil && p.at < len(text) {
		p.fail("something follows the value")
	}
	if p.err == nil && p.repeated != nil {
		return Value{}, p.repeated
	}
	return value, p.err
}

type parser struct {
	text     []byte
	at       int
	err      error
	repeated *RepeatedKey
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("at byte %d: %s", p.at, what)
		p.at = len(p.text) // so that whoever reads on stops
	}
}

// next is the byte to be read, 0 at the end: a zero byte begins nothing in JSON.
func (p *parser) next() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) space() {
	for c := p.next(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = p.next() {
		p.at++
	}
}

// take reads the byte c, if it is next.
func (p *parser) take(c byte) bool {
	if p.next() != c || p.at >= len(p.text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) value(depth int) Value {
	p.space()
	if depth > maxDepth {
		p.fail("values are nested too deeply")
		return Value{}
	}
	switch c := p.next(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return Value{Kind: String, Text: p.string()}
	case c == '-' || '0' <= c && c <= '9':
		return Value{Kind: Number, Text: p.number()}
	case p.word("true"):
		return Value{Kind: Bool, Bool: true}
	case p.word("false"):
		return Value{Kind: Bool}
	case p.word("null"):
		return Value{}
	}
	p.fail("no value begins here")
	return Value{}
}

func (p *parser) word(word string) bool {
	if end := p.at + len(word); end <= len(p.text) && string(p.text[p.at:end]) == word {
		p.at = end
		return true
	}
	return false
}

func (p *parser) array(depth int) Value {
	array := Value{Kind: Array}
	p.at++
	if p.space(); p.take(']') {
		return array
	}
	for p.err == nil {
		array.Items = append(array.Items, p.value(depth+1))
		if p.space(); p.take(']') {
			break
		}
		if !p.take(',') {
			p.fail("a list goes on with a comma or ends with a bracket")
		}
	}
	return array
}

func (p *parser) object(depth int) Value {
	object, seen := Value{Kind: Object}, map[string]bool{}
	p.at++
	if p.space(); p.take('}') {
		return object
	}
	for p.err == nil {
		if p.space(); p.next() != '"' {
			p.fail("a key is a text")
			break
		}
		key := p.string()
		if seen[key] && p.repeated == nil {
			p.repeated = &RepeatedKey{key}
		}
		seen[key] = true
		if p.space(); !p.take(':') {
			p.fail("a colon follows a key")
		}
		object.Members = append(object.Members, Member{key, p.value(depth + 1)})
		if p.space(); p.take('}') {
			break
		}
		if !p.take(',') {
			p.fail("an object goes on with a comma or ends with a brace")
		}
	}
	return object
}

func (p *parser) digits() {
	start := p.at
	for c := p.next(); '0' <= c && c <= '9'; c = p.next() {
		p.at++
	}
	if p.at == start {
		p.fail("a digit is missing")
	}
}

func (p *parser) number() string {
	start := p.at
	p.take('-')
	if !p.take('0') {
		p.digits()
	}
	if p.take('.') {
		p.digits()
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		p.digits()
	}
	return string(p.text[start:p.at])
}

func (p *parser) string() string {
	var text []byte
	p.at++
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			return string(text)
		case c == '\\':
			text = utf8.AppendRune(text, p.escaped())
		case c < 0x20:
			p.fail("a control character is not escaped")
		default:
			text = append(text, c)
		}
	}
	p.fail("a text does not end")
	return ""
}

func (p *parser) escaped() rune {
	c := p.next()
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		unit := p.unit()
		if !utf16.IsSurrogate(unit) {
			return unit
		}
		if p.take('\\') && p.take('u') {
			if whole := utf16.DecodeRune(unit, p.unit()); whole != utf8.RuneError {
				return whole
			}
		}
		p.fail("a surrogate stands alone")
		return 0
	}
	p.fail("there is no such escape")
	return 0
}

// unit reads the four hexadecimal digits of an escape.
func (p *parser) unit() rune {
	if p.at+4 > len(p.text) {
		p.fail("an escape has four digits")
		return 0
	}
	unit, err := strconv.ParseUint(string(p.text[p.at:p.at+4]), 16, 16)
	if err != nil {
		p.fail("an escape has four digits")
		return 0
	}
	p.at += 4
	return rune(unit)
}
