/* What happens to requests between two control events, in C. Functions, arguments and rounding are those of `jitted.py`, which says
 * more; before this stands what `native.py` makes of `columns.py`: the constants, and `State`, the record `columns.STATE`. */

static double greater(double a, double b) { return b > a ? b : a; }
static double lesser(double a, double b) { return b < a ? b : a; }

void exponentials(double *drawn, int64_t count)
{
    for (int64_t i = 0; i < count; i++) drawn[i] = -log1p(-drawn[i]);
}

void interpolate(double *moments, int64_t count, const double *known, const double *values, int64_t corners)
{
    int64_t place = 0;
    double slope = 0;
    for (int64_t i = 0; i < count; i++) {
        double moment = moments[i];
        if (i == 0 || known[place + 1] <= moment) {
            while (place + 2 < corners && known[place + 1] <= moment) place++;
            slope = (values[place + 1] - values[place]) / (known[place + 1] - known[place]);
        }
        moments[i] = slope * (moment - known[place]) + values[place];
    }
}

void deal(const double *at, const double *agent, const double *request, const double *service, const double *answer,
          const uint8_t *kept, int64_t count, double name, const int64_t *homes, int64_t agents, const double *turns,
          const double *delays, int64_t regions, int64_t width, const double *jitters, double *rows, int64_t room, int64_t *sizes)
{
    int64_t place[regions];
    for (int64_t region = 0; region < regions; region++) place[region] = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!kept[i]) continue;
        int64_t region = homes[(int64_t)(agent[i] * (double)agents)];
        double sent = at[i];
        while (turns[region * (width + 1) + place[region] + 1] <= sent) place[region]++;
        double *row = rows + region * COLUMNS * room + sizes[region]++;
        row[ARRIVED * room] = sent + (delays[region * width + place[region]] + jitters[region] * request[i]);
        row[SENT * room] = sent;
        row[SERVICE * room] = service[i];
        row[ANSWER * room] = answer[i];
        row[NAME * room] = name + (double)i;
    }
}

void gather(const int64_t *order, int64_t count, const double *source, int64_t width, double *target, int64_t room)
{
    for (int64_t column = 0; column < COLUMNS; column++)
        for (int64_t i = 0; i < count; i++) target[column * room + i] = source[column * width + order[i]];
}

static int64_t latency_bin(double seconds)
{
    union { double number; int64_t bits; } latency = {.number = greater(seconds, LEAST)};
    int64_t steps = (latency.bits - LEAST_BITS) >> (52 - OCTAVE_BITS);
    return steps < BINS ? steps : BINS - 1;
}

static int64_t begin(State *state, double until, const double *arrived, const double *synchronisations, int64_t drawn)
{
    if (state->held || state->first == state->known) return WAITING;
    double start = greater(state->disk_free, arrived[state->first]);
    if (start > until) return WAITING;
    if (state->draws == drawn) return STARVED;
    int64_t behind = state->first + 1;
    while (behind < state->known && arrived[behind] <= start) behind++;
    state->batch = behind;
    state->since = start;
    state->left = state->fsync * (1 + synchronisations[state->draws]) / 2;
    state->draws++;
    return BEGUN;
}

static void settle(State *state, double over, double end, const double *rows, int64_t room, const double *turns,
                   const double *delays, double jitter, double *claims, int64_t limit, int64_t *latencies, int64_t *answers,
                   int64_t *claimed, double *done, int64_t kept)
{
    const double *arrived = rows + ARRIVED * room, *left = rows + SENT * room, *services = rows + SERVICE * room;
    const double *jitters = rows + ANSWER * room, *names = rows + NAME * room;
    double free = state->store_free, last = state->last_claim, slowest = state->slowest, total = state->total;
    int64_t turn = state->turn, slot = state->logged % limit, answered = 0, undurable = 0, unordered = 0, unclaimed = 0;
    if (!state->segment) {
        state->segment_logged = over;
        state->segment_claimed = greater(over, free) + state->service * services[state->first];
    }
    for (int64_t i = state->first; i < state->batch; i++) {
        double came = arrived[i], sent = left[i];
        double claim = greater(over, free) + state->service * services[i];
        while (turns[turn + 1] <= claim) turn++;
        double back = claim + (delays[turn] + jitter * jitters[i]);
        if (claims[slot] > came) state->full = lesser(state->full, came);
        claims[slot] = claim;
        slot = slot + 1 < limit ? slot + 1 : 0;
        undurable += over < came;
        unordered += claim < last;
        unclaimed += (claim < over) + (back < claim);
        free = last = claim;
        if (claim <= end) claimed[(int64_t)claim]++;
        double seconds = back - sent;
        if (back <= end) {
            answered++;
            total += seconds;
            slowest = greater(slowest, seconds);
            latencies[latency_bin(seconds)]++;
            answers[(int64_t)back]++;
        } else {
            state->pending = lesser(state->pending, sent);
        }
        if (kept) {
            done[DONE_NAME * kept + i] = names[i];
            done[DONE_SENT * kept + i] = sent;
            done[DONE_LOGGED * kept + i] = over;
            done[DONE_CLAIMED * kept + i] = claim;
            done[DONE_OVER * kept + i] = back;
        }
    }
    state->store_free = free;
    state->last_claim = last;
    state->turn = turn;
    state->slowest = slowest;
    state->total = total;
    state->answered += answered;
    state->undurable += undurable;
    state->unordered += unordered;
    state->unclaimed += unclaimed;
    state->segment += state->batch - state->first;
    state->logged += state->batch - state->first;
    state->disk_free = over;
    state->first = state->batch;
}

int64_t advance(State *state, double until, double end, const double *rows, int64_t room, const double *synchronisations,
                int64_t drawn, const double *turns, const double *delays, double jitter, double *claims, int64_t limit,
                int64_t *latencies, int64_t *answers, int64_t *claimed, double *done, int64_t kept)
{
    for (;;) {
        if (state->batch == state->first) {
            int64_t begun = begin(state, until, rows + ARRIVED * room, synchronisations, drawn);
            if (begun != BEGUN) return begun;
        }
        if (state->pace == 0) return WAITING;
        double over = state->since + state->left / state->pace;
        if (over > until) return WAITING;
        settle(state, over, end, rows, room, turns, delays, jitter, claims, limit, latencies, answers, claimed, done, kept);
    }
}
