/* The judgement of a valid, authentic record (JDG-*), and the signals that it recomputes (SIG-*). */

enum reason { REASON_OK, REASON_D_HAT, REASON_REGIME, REASON_BUDGET };

/* What a judgement goes by (POL-8); tolerances in billionths. */
struct rules {
    int64_t tolerance_D_hat, tolerance_budget;
    double sticky_coh_min, sticky_D_max, non_sticky_D_min, base, alpha, beta, gamma, D0;
};

struct outcome {
    enum reason reason;
    double recomputed_D_hat, recomputed_budget;
};

/* The median of the slopes of log2(count) on log2(scale) of all pairs (SIG-1). */
static double d_hat(const struct record *record)
{
    double x[MAX_SCALES], y[MAX_SCALES], slopes[MAX_SCALES * (MAX_SCALES - 1) / 2];
    size_t count = 0, middle;
    for (size_t i = 0; i < record->count; i++) {
        x[i] = log2((double)record->scales[i]);
        y[i] = log2((double)record->N_j[i]);
    }
    for (size_t i = 0; i < record->count; i++)
        for (size_t j = i + 1; j < record->count; j++) {
            double slope = (y[j] - y[i]) / (x[j] - x[i]);
            size_t place = count++;
            for (; place && slopes[place - 1] > slope; place--)
                slopes[place] = slopes[place - 1];
            slopes[place] = slope;
        }
    middle = count / 2;
    return count % 2 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2;
}

/* How the computation moves, by its signals as they are signed (SIG-4). */
static const char *regime(const struct rules *rules, double D_hat, double coh_star)
{
    if (coh_star >= rules->sticky_coh_min && D_hat <= rules->sticky_D_max)
        return "sticky";
    return D_hat >= rules->non_sticky_D_min ? "non_sticky" : "mixed";
}

/* The share of verification effort a record asks for, by its signals as they are signed (SIG-6). */
static double budget(const struct rules *rules, double D_hat, double coh_star, double r)
{
    double beyond = D_hat - rules->D0, spread = beyond > 0.0 ? beyond : 0.0;
    double cost = rules->base + rules->alpha * (1 - r) + rules->beta * spread + rules->gamma * coh_star;
    cost = cost > 0.0 ? cost : 0.0;
    return cost < 1.0 ? cost : 1.0;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* Recompute what can be recomputed, and compare in billionths; the first deviation is the reason (JDG-1 to JDG-4). */
static bool judge(const struct rules *rules, const struct record *record, struct outcome *outcome)
{
    double D_hat = round9(record->nano_D_hat), coh_star = round9(record->nano_coh_star), r = round9(record->nano_r);
    const char *moves = regime(rules, D_hat, coh_star);
    int64_t slope, cost;
    if (!nano(d_hat(record), &slope) || !nano(budget(rules, D_hat, coh_star, r), &cost))
        return false;
    if (distance(record->nano_D_hat, slope) > rules->tolerance_D_hat)
        outcome->reason = REASON_D_HAT;
    else if (!equals(record->regime, moves, strlen(moves)))
        outcome->reason = REASON_REGIME;
    else if (distance(record->nano_budget, cost) > rules->tolerance_budget)
        outcome->reason = REASON_BUDGET;
    else
        outcome->reason = REASON_OK;
    outcome->recomputed_D_hat = round9(slope);
    outcome->recomputed_budget = round9(cost);
    return true;
}
