// Command flk-bench answers questions of the conformance kit by how often it could, one after another, in so many seconds.
package main

import (
	"fmt"
	"os"
	"time"

	"flk.example/sdk"
	"flk.example/sdk/subject"
)

const batch = 16 // between looks at the clock

// timed repeats an operation; its last value shows that it was done.
func timed(seconds float64, operation func() (any, error)) (any, error) {
	start, count := time.Now(), 0
	for {
		var value any
		var err error
		for i := 0; i < batch; i++ {
			if value, err = operation(); err != nil {
				return nil, err
			}
		}
		count += batch
		if spent := time.Since(start).Seconds(); spent >= seconds {
			return map[string]any{"count": count, "seconds": spent, "value": value}, nil
		}
	}
}

func sign(q subject.Input) (any, error) {
	key, err := flk.NewSigningKey(q.Key.Algorithm, q.Key.Secret)
	if err != nil {
		return nil, err
	}
	return timed(q.Seconds, func() (any, error) { return flk.Sign(key, &q.Record.Record, q.Profile) })
}

func authenticate(q subject.Input) (any, error) {
	keyring, at := q.Keyring(), subject.Moment(q.At)
	q.Record.Sig = q.Sig
	return timed(q.Seconds, func() (any, error) { return true, keyring.Authenticate(q.Tenant, &q.Record.Record, at) })
}

func main() {
	hello := subject.Hello{Protocol: 1, Name: "flk-sdk", Version: flk.Version, Language: "Go"}
	operations := map[string]subject.Operation{"sign": sign, "authenticate": authenticate}
	if err := subject.Serve(os.Stdin, os.Stdout, hello, operations); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
