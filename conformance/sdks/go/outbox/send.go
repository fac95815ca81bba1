package outbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"flk.example/sdk"
	"flk.example/sdk/internal/strictjson"
)

// reply is an answer, or the zero value for none.
type reply struct {
	status     int
	body       []byte
	retryAfter float64 // seconds, 0 if not asked for
}

// post sends a submission once. Whatever goes wrong on the way is no answer.
func (o *Outbox) post(ctx context.Context, submission Submission) reply {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(submission.Body))
	if err != nil {
		return reply{}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Tenant-Id", submission.Tenant)
	client := *o.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return reply{}
	}
	defer response.Body.Close()
	said := reply{retryAfter: retryAfter(response.Header.Get("Retry-After"), time.Now())}
	if body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err == nil {
		said.status, said.body = response.StatusCode, body
	}
	return said
}

// retryAfter reads both forms of RFC 9110, section 10.2.3: seconds, or a date.
func retryAfter(field string, now time.Time) float64 {
	if seconds, err := strconv.ParseUint(field, 10, 63); err == nil || errors.Is(err, strconv.ErrRange) {
		return float64(seconds)
	}
	if at, err := http.ParseTime(field); err == nil && at.After(now) {
		return at.Sub(now).Seconds()
	}
	return 0
}

// meaning is what an answer means for a submission.
type meaning int

const (
	isNothing      meaning = iota // it says nothing about the record: send it again
	isAcknowledged                // its outcome is stored
	isRefused                     // no repetition changes the answer
)

// meaningOf trusts nothing but what an answer says of just this record: a portal or a proxy may answer with any status
// (OUT-6).
func meaningOf(body []byte, said reply) meaning {
	value, err := strictjson.Parse(said.body)
	if err != nil || value.Kind != strictjson.Object {
		return isNothing
	}
	switch said.status {
	case http.StatusOK, http.StatusAccepted:
		if own, same := statesOutcome(body, value); own && same {
			return isAcknowledged
		}
	case http.StatusConflict:
		if own, same := statesOutcome(body, value); own && !same {
			return isRefused
		}
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
		if has(value, "error", strictjson.String) && has(value, "requirement", strictjson.String) {
			return isRefused
		}
	}
	return isNothing
}

// statesOutcome reports whether the answer states an outcome (ORD-7) for the id of the record that was sent, and for its
// content.
func statesOutcome(body []byte, value strictjson.Value) (own, same bool) {
	record, err := flk.Parse(body)
	if err != nil {
		return false, false
	}
	digest, err := record.Digest()
	if err != nil {
		return false, false
	}
	for name, kind := range outcome {
		if !has(value, name, kind) {
			return false, false
		}
	}
	id, _ := value.Get("pcs_id")
	stated, _ := value.Get("digest")
	return id.Text == record.PCSID, stated.Text == digest
}

var outcome = map[string]strictjson.Kind{
	"pcs_id": strictjson.String, "digest": strictjson.String, "timestamp": strictjson.String, "region": strictjson.String,
	"accepted": strictjson.Bool, "escalated": strictjson.Bool, "reason": strictjson.String,
	"recomputed_D_hat": strictjson.Number, "recomputed_budget": strictjson.Number,
}

func has(value strictjson.Value, name string, kind strictjson.Kind) bool {
	member, there := value.Get(name)
	return there && member.Kind == kind
}
