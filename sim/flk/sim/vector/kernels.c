/* What happens to requests between two control events, in C. Functions, arguments and rounding are those of `jitted.py`, which says
 * more; before this stands what `native.py` makes of `columns.py`: the constants, and `Lane`, the record `STATE`. */

static double greater(double a, double b) { return b > a ? b : a; }
static double lesser(double a, double b) { return b < a ? b : a; }

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
          const double *delays, int64_t lanes, int64_t width, const double *jitters, double *rows, int64_t room, int64_t *sizes)
{
    int64_t place[lanes];
    for (int64_t lane = 0; lane < lanes; lane++) place[lane] = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!kept[i]) continue;
        int64_t lane = homes[(int64_t)(agent[i] * (double)agents)];
        double sent = at[i];
        while (turns[lane * (width + 1) + place[lane] + 1] <= sent) place[lane]++;
        double *row = rows + lane * COLUMNS * room + sizes[lane]++;
        row[ARRIVED * room] = sent + (delays[lane * width + place[lane]] + jitters[lane] * request[i]);
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

static int64_t begin(Lane *lane, double until, const double *arrived, const double *synchronisations, int64_t drawn)
{
    if (lane->held || lane->first == lane->known) return WAITING;
    double start = greater(lane->disk_free, arrived[lane->first]);
    if (start > until) return WAITING;
    if (lane->draws == drawn) return STARVED;
    int64_t behind = lane->first + 1;
    while (behind < lane->known && arrived[behind] <= start) behind++;
    lane->batch = behind;
    lane->since = start;
    lane->left = lane->fsync * (1 + synchronisations[lane->draws]) / 2;
    lane->draws++;
    return BEGUN;
}

static void settle(Lane *lane, double over, double end, const double *rows, int64_t room, const double *turns,
                   const double *delays, double jitter, double *claims, int64_t limit, int64_t *latencies, int64_t *answers,
                   int64_t *claimed, double *done, int64_t kept)
{
    const double *arrived = rows + ARRIVED * room, *left = rows + SENT * room, *services = rows + SERVICE * room;
    const double *jitters = rows + ANSWER * room, *names = rows + NAME * room;
    double free = lane->store_free, last = lane->last_claim, slowest = lane->slowest, total = lane->total;
    int64_t turn = lane->turn, slot = lane->logged % limit, answered = 0, undurable = 0, unordered = 0, unclaimed = 0;
    if (!lane->segment) {
        lane->segment_logged = over;
        lane->segment_claimed = greater(over, free) + lane->service * services[lane->first];
    }
    for (int64_t i = lane->first; i < lane->batch; i++) {
        double came = arrived[i], sent = left[i];
        double claim = greater(over, free) + lane->service * services[i];
        while (turns[turn + 1] <= claim) turn++;
        double back = claim + (delays[turn] + jitter * jitters[i]);
        if (claims[slot] > came) lane->full = lesser(lane->full, came);
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
            lane->pending = lesser(lane->pending, sent);
        }
        if (kept) {
            done[DONE_NAME * kept + i] = names[i];
            done[DONE_SENT * kept + i] = sent;
            done[DONE_LOGGED * kept + i] = over;
            done[DONE_CLAIMED * kept + i] = claim;
            done[DONE_OVER * kept + i] = back;
        }
    }
    lane->store_free = free;
    lane->last_claim = last;
    lane->turn = turn;
    lane->slowest = slowest;
    lane->total = total;
    lane->answered += answered;
    lane->undurable += undurable;
    lane->unordered += unordered;
    lane->unclaimed += unclaimed;
    lane->segment += lane->batch - lane->first;
    lane->logged += lane->batch - lane->first;
    lane->disk_free = over;
    lane->first = lane->batch;
}

int64_t advance(Lane *lane, double until, double end, const double *rows, int64_t room, const double *synchronisations,
                int64_t drawn, const double *turns, const double *delays, double jitter, double *claims, int64_t limit,
                int64_t *latencies, int64_t *answers, int64_t *claimed, double *done, int64_t kept)
{
    for (;;) {
        if (lane->batch == lane->first) {
            int64_t begun = begin(lane, until, rows + ARRIVED * room, synchronisations, drawn);
            if (begun != BEGUN) return begun;
        }
        if (lane->pace == 0) return WAITING;
        double over = lane->since + lane->left / lane->pace;
        if (over > until) return WAITING;
        settle(lane, over, end, rows, room, turns, delays, jitter, claims, limit, latencies, answers, claimed, done, kept);
    }
}
