// Command flk-deliver delivers what the conformance kit gives it: flk conform delivery -- flk-deliver
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"flk.example/sdk"
	"flk.example/sdk/outbox"
	"flk.example/sdk/subject"
)

func deliver(q subject.Input) (any, error) {
	key, err := flk.NewSigningKey(q.Key.Algorithm, q.Key.Secret)
	if err != nil {
		return nil, err
	}
	clock := func(_ context.Context, pause time.Duration) error {
		response, err := http.Get(fmt.Sprintf("%s?seconds=%.9f", q.Clock, pause.Seconds()))
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	client := &http.Client{Timeout: time.Duration(q.Timeout * float64(time.Second))}
	box, err := outbox.Open(q.Outbox, q.URL, outbox.WithClient(client), outbox.WithSleep(clock))
	if err != nil {
		return nil, err
	}
	defer box.Close()
	for _, body := range q.Records {
		record, err := flk.Parse(body)
		if err != nil {
			return nil, err
		}
		if record.Sig, err = flk.Sign(key, record, q.Profile); err != nil {
			return nil, err
		}
		if _, err := box.Add(q.Tenant, record); err != nil {
			return nil, err
		}
	}
	round, err := box.Deliver(context.Background())
	return map[string]int{
		"acknowledged": round.Acknowledged, "dead": round.Dead, "postponed": round.Postponed,
		"letters": len(box.DeadLetters()), "damage": len(box.Damage()),
	}, err
}

func main() {
	hello := subject.Hello{Protocol: 1, Name: "flk-sdk", Version: flk.Version, Language: "Go"}
	operations := map[string]subject.Operation{"deliver": deliver}
	if err := subject.Serve(os.Stdin, os.Stdout, hello, operations); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
