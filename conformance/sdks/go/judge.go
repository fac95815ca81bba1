package flk

// Outcome is what a node concludes from a valid, authentic record.
type Outcome struct {
	Accepted         bool    `json:"accepted"`
	Escalated        bool    `json:"escalated"`
	Reason           string  `json:"reason"`
	RecomputedDHat   float64 `json:"recomputed_D_hat"`
	RecomputedBudget float64 `json:"recomputed_budget"`
}

// Tolerances in billionths; a difference equal to one is within it (JDG-1).
const (
	toleranceDHat   = 150_000_000
	toleranceBudget = 10_000_000
)

// Judge recomputes what can be recomputed of a valid record. The first deviation is the reason: a wrong slope rejects (JDG-2),
// a wrong regime (JDG-3) or budget (JDG-4) accepts and escalates. An agent that judges its record before sending it learns
// what a node will say.
func Judge(record *Record) (Outcome, error) {
	counts := make([]int64, len(record.Scales))
	for i, scale := range record.Scales {
		counts[i] = record.Counts[scale]
	}
	slope, err := Slope(record.Scales, counts)
	if err != nil {
		return Outcome{}, err
	}
	budget := BudgetOf(record.DHat, record.CohStar, record.R)
	reason := "ok"
	switch {
	case apart(record.DHat, slope) > toleranceDHat:
		reason = "D_hat_out_of_tolerance"
	case record.Regime != RegimeOf(record.DHat, record.CohStar):
		reason = "regime_mismatch"
	case apart(record.Budget, budget) > toleranceBudget:
		reason = "budget_deviation"
	}
	return Outcome{
		Accepted:         reason != "D_hat_out_of_tolerance",
		Escalated:        reason != "ok",
		Reason:           reason,
		RecomputedDHat:   Round9(slope),
		RecomputedBudget: Round9(budget),
	}, nil
}

func apart(a, b float64) int64 {
	if difference := nano(a) - nano(b); difference > 0 {
		return difference
	}
	return nano(b) - nano(a)
}
