// Command flk-send turns data into signed records and delivers them through an outbox.
//
// Each line of its input is a JSON object of points, raw (base64), shard_id, epoch and seed. The key is read from the
// environment: FLK_SECRET, in base64. It prints how many submissions were acknowledged, dead and postponed, and ends with 0 if
// none is left.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"flk.example/sdk"
	"flk.example/sdk/outbox"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the service")
	tenant := flag.String("tenant", "default", "whose records they are")
	algorithm := flag.String("algorithm", "hmac-sha256", "of the key: hmac-sha256 or ed25519")
	dir := flag.String("outbox", "outbox", "the directory of the outbox")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	summary, err := send(ctx, *url, *tenant, *algorithm, *dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "flk-send:", err)
		os.Exit(2)
	}
	fmt.Printf("acknowledged %d, dead %d, postponed %d\n", summary.Acknowledged, summary.Dead, summary.Postponed)
	if summary.Dead+summary.Postponed > 0 {
		os.Exit(1)
	}
}

func send(ctx context.Context, url, tenant, algorithm, dir string) (outbox.Summary, error) {
	secret, err := base64.StdEncoding.DecodeString(os.Getenv("FLK_SECRET"))
	if err != nil {
		return outbox.Summary{}, fmt.Errorf("FLK_SECRET is not base64: %w", err)
	}
	key, err := flk.NewSigningKey(algorithm, secret)
	if err != nil {
		return outbox.Summary{}, err
	}
	box, err := outbox.Open(dir, url)
	if err != nil {
		return outbox.Summary{}, err
	}
	defer box.Close()
	for _, damage := range box.Damage() {
		fmt.Fprintf(os.Stderr, "flk-send: %d bytes from %d of %s are corrupt\n", damage.Length, damage.Offset, damage.File)
	}
	if err := queue(box, tenant, key, json.NewDecoder(os.Stdin)); err != nil {
		return outbox.Summary{}, err
	}
	return box.Deliver(ctx)
}

func queue(box *outbox.Outbox, tenant string, key flk.SigningKey, lines *json.Decoder) error {
	for {
		var data struct {
			Points [][]float64
			Raw    []byte
			Shard  string `json:"shard_id"`
			Epoch  int64
			Seed   uint32
		}
		if err := lines.Decode(&data); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		about := flk.Computation{ShardID: data.Shard, Epoch: data.Epoch, Seed: data.Seed, SentAt: time.Now()}
		record, err := flk.Summarise(data.Points, data.Raw, about)
		if err != nil {
			return err
		}
		if err := record.SignWith(key); err != nil {
			return err
		}
		if _, err := box.Add(tenant, record); err != nil {
			return err
		}
	}
}
