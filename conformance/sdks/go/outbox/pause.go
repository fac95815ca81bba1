package outbox

import "math"

const (
	maxAttempts = 5       // to a round (OUT-2)
	baseDelay   = 1.0     // seconds
	maxDelay    = 60.0    // seconds
	maxAsked    = 3600.0  // seconds that count of a Retry-After (OUT-4)
	timeout     = 30.0    // seconds for one request
	maxAnswer   = 1 << 20 // bytes of an answer that are read
)

// Pause is how many seconds to wait after a failed attempt, the first being 1: full jitter under a ceiling that doubles
// (OUT-3), on top of what the service asked for (OUT-4). chance is drawn evenly from [0, 1).
func Pause(attempt int, chance, retryAfter float64) float64 {
	ceiling := math.Min(maxDelay, math.Ldexp(baseDelay, attempt-1))
	return math.Max(0, math.Min(retryAfter, maxAsked)) + float64(chance*ceiling)
}
