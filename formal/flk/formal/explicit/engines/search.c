/* The breadth-first search itself. What stands above this line was printed from a protocol: `successors`, `canonical`, `looks`.
 *
 * States seen are kept whole in a table of open addressing, so nothing is ever mistaken for something seen. Threads insert without
 * locks. A slot is WORDS words long; its first is 0 when empty, BUSY while a thread fills it, and the state's first word with the
 * top bit set from then on. States leave that bit clear. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MARK ((uint64_t)1 << 63)
#define BUSY ((uint64_t)1)
#define BATCH 256       /* successors whose slots are fetched from memory at the same time */
#define HUGE ((size_t)1 << 21)
#define MOST_THREADS 64

typedef struct {
    uint64_t *slots;
    unsigned bits;      /* the table has 2^bits slots */
    size_t bytes;
    void *mapped;
    size_t used;
} table;

typedef struct {
    int64_t *states;
    size_t count, room; /* in states */
} list;

typedef struct {
    int threads;
    table seen;
    list fresh[MOST_THREADS];
} search;

typedef struct {
    int64_t transitions;
    int64_t faulty;             /* whether there is a fault */
    int64_t fault[WORDS];       /* the least state that has one */
} outcome;

typedef struct {
    search *of;
    list *fresh;
    const int64_t *states;
    size_t count, *next, grain, limit;
    int stepping;               /* whether to insert the successors, or the states themselves */
    unsigned char *stuck;       /* of each state, whether no instance can happen there */
    unsigned char *happened;    /* of each instance, whether it can happen in some state; written once, so that threads share the line */
    int failed;                 /* for want of memory */
    outcome result;
} worker;

static int less(const int64_t *a, const int64_t *b) {
    for (int i = 0; i < WORDS; i++)
        if (a[i] != b[i]) return a[i] < b[i];
    return 0;
}

static int same(const int64_t *a, const int64_t *b) {
    int64_t differ = 0;
    for (int i = 0; i < WORDS; i++) differ |= a[i] ^ b[i];
    return !differ;
}

static void keep_least(int64_t *flag, int64_t *least, const int64_t *s) {
    if (!*flag || less(s, least)) memcpy(least, s, WORDS * sizeof *s);
    *flag = 1;
}

/* ---- the table ---- */

static uint64_t hash(const int64_t *s) {
    uint64_t h = 0;
    for (int i = 0; i < WORDS; i++) {
        h = (h ^ (uint64_t)s[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    return h * 0xd6e8feb86659fd93u;
}

static int new_table(table *t, unsigned bits) {
    t->bits = bits;
    t->used = 0;
    t->bytes = (((size_t)1 << bits) * WORDS * sizeof(uint64_t) + HUGE - 1) / HUGE * HUGE + HUGE;
    t->mapped = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t->mapped == MAP_FAILED) return 0;
    t->slots = (uint64_t *)(((uintptr_t)t->mapped + HUGE - 1) / HUGE * HUGE);
#ifdef MADV_HUGEPAGE
    madvise(t->slots, t->bytes - HUGE, MADV_HUGEPAGE);  /* fewer misses of address translation; a wish, not a need */
#endif
    return 1;
}

static void drop_table(table *t) { munmap(t->mapped, t->bytes); }

/* The high bits of the hash choose the slot, so that a table twice as large keeps the order of its entries. */
static size_t slot_of(const table *t, const int64_t *s) { return (size_t)(hash(s) >> (64 - t->bits)); }

/* Threads look for new work until so many slots are taken; what they have begun by then takes an eighth of the table at most. */
static size_t full(const table *t) { return ((size_t)1 << t->bits) / 8 * 5; }

/* Whether the state was not there before. */
static int insert(table *t, const int64_t *s, size_t slot) {
    const size_t mask = ((size_t)1 << t->bits) - 1;
    const uint64_t first = (uint64_t)s[0] | MARK;
    for (;; slot = (slot + 1) & mask) {
        uint64_t *at = t->slots + slot * WORDS;
        uint64_t held = __atomic_load_n(at, __ATOMIC_ACQUIRE);
        if (!held) {
            if (__atomic_compare_exchange_n(at, &held, WORDS > 1 ? BUSY : first, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
                for (int i = 1; i < WORDS; i++) at[i] = (uint64_t)s[i];
                if (WORDS > 1) __atomic_store_n(at, first, __ATOMIC_RELEASE);
                return 1;
            }
        }
        while (WORDS > 1 && held == BUSY) held = __atomic_load_n(at, __ATOMIC_ACQUIRE);
        if (held == first) {
            int64_t differ = 0;
            for (int i = 1; i < WORDS; i++) differ |= (int64_t)at[i] ^ s[i];
            if (!differ) return 0;
        }
    }
}

/* ---- a layer ---- */

static int append(list *l, const int64_t *s) {
    if (l->count == l->room) {
        const size_t room = l->room ? 2 * l->room : 4096;
        int64_t *states = realloc(l->states, room * WORDS * sizeof *states);
        if (!states) return 0;
        l->states = states;
        l->room = room;
    }
    memcpy(l->states + l->count++ * WORDS, s, WORDS * sizeof *s);
    return 1;
}

static void insert_all(worker *me, int64_t *states, size_t count) {
    table *seen = &me->of->seen;
    size_t slots[BATCH + INSTANCES + 1], fresh = 0;
    for (size_t i = 0; i < count; i++) {
        canonical(states + i * WORDS);
        slots[i] = slot_of(seen, states + i * WORDS);
        __builtin_prefetch(seen->slots + slots[i] * WORDS, 1);
    }
    for (size_t i = 0; i < count; i++)
        if (insert(seen, states + i * WORDS, slots[i])) {
            fresh++;
            if (!append(me->fresh, states + i * WORDS)) me->failed = 1;
        }
    if (fresh) __atomic_fetch_add(&seen->used, fresh, __ATOMIC_RELAXED);
}

/* Takes grains of states, one after another, until there are none or the table is full enough. */
static void *work(void *argument) {
    worker *me = argument;
    int64_t held[(BATCH + INSTANCES + 1) * WORDS];
    uint16_t which[INSTANCES + 1];
    size_t count = 0;
    while (!me->failed && __atomic_load_n(&me->of->seen.used, __ATOMIC_RELAXED) < me->limit) {
        const size_t first = __atomic_fetch_add(me->next, me->grain, __ATOMIC_RELAXED);
        if (first >= me->count) break;
        const size_t last = first + me->grain < me->count ? first + me->grain : me->count;
        for (size_t at = first; at < last; at++) {
            const int64_t *s = me->states + at * WORDS;
            int64_t *out = held + count * WORDS;
            if (me->stepping) {
                int faulty = 0;
                const size_t steps = successors(s, out, which, &faulty);
                if (faulty) keep_least(&me->result.faulty, me->result.fault, s);
                me->result.transitions += (int64_t)steps;
                me->stuck[at] = !steps;
                for (size_t i = 0; i < steps; i++) {    /* a step that changes nothing leads to nothing new */
                    if (!__atomic_load_n(me->happened + which[i], __ATOMIC_RELAXED))
                        __atomic_store_n(me->happened + which[i], 1, __ATOMIC_RELAXED);
                    memmove(held + count * WORDS, out + i * WORDS, WORDS * sizeof *out);
                    count += !same(out + i * WORDS, s);
                }
            } else {
                memcpy(out, s, WORDS * sizeof *s);
                count++;
            }
            if (count >= BATCH) {
                insert_all(me, held, count);
                count = 0;
            }
        }
        insert_all(me, held, count);
        count = 0;
    }
    return NULL;
}

/* Runs a function for each worker, each in a thread of its own but the first. */
static void run(void *(*function)(void *), void *workers, size_t size, int threads) {
    pthread_t ids[MOST_THREADS];
    int started = 1;
    while (started < threads && !pthread_create(ids + started, NULL, function, (char *)workers + size * started)) started++;
    function(workers);
    for (int i = started; i < threads; i++) function((char *)workers + size * i);
    for (int i = 1; i < started; i++) pthread_join(ids[i], NULL);
}

typedef struct {
    const table *from;
    table *to;
    size_t first, last;
} mover;

static void *move(void *argument) {
    const mover *me = argument;
    for (size_t slot = me->first; slot < me->last; slot++) {
        int64_t s[WORDS];
        if (!me->from->slots[slot * WORDS]) continue;
        memcpy(s, me->from->slots + slot * WORDS, sizeof s);
        s[0] &= (int64_t)~MARK;
        insert(me->to, s, slot_of(me->to, s));
    }
    return NULL;
}

/* Small tables grow fourfold, large ones, for the sake of memory, twofold. */
static int grow(table *t, int threads) {
    const size_t capacity = (size_t)1 << t->bits;
    table larger;
    mover movers[MOST_THREADS];
    if (!new_table(&larger, t->bits + (t->bits < 22 ? 2 : 1))) return 0;
    for (int i = 0; i < threads; i++)
        movers[i] = (mover){t, &larger, capacity / (size_t)threads * (size_t)i, capacity / (size_t)threads * (size_t)(i + 1)};
    movers[threads - 1].last = capacity;
    run(move, movers, sizeof *movers, threads);
    larger.used = t->used;
    drop_table(t);
    *t = larger;
    return 1;
}

search *search_begin(int threads) {
    search *of = calloc(1, sizeof *of);
    unsigned bits = 16;
    if (!of) return NULL;
    of->threads = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
    while ((size_t)1 << bits < (size_t)16 * (size_t)of->threads * (INSTANCES + 1)) bits++;
    if (!new_table(&of->seen, bits)) {
        free(of);
        return NULL;
    }
    return of;
}

void search_end(search *of) {
    for (int i = 0; i < of->threads; i++) free(of->fresh[i].states);
    drop_table(&of->seen);
    free(of);
}

/* Inserts states, or (stepping) their successors. Returns how many were new, which `search_take` gives out, or -1 for want of memory.
 * Stepping, it tells of each state whether it is stuck, and of each instance whether it happened. */
int64_t search_insert(search *of, const int64_t *states, size_t count, int stepping, outcome *result, unsigned char *stuck,
                      unsigned char *happened) {
    size_t next = 0;
    memset(result, 0, sizeof *result);
    while (next < count) {
        worker workers[MOST_THREADS];
        if (of->seen.used >= full(&of->seen) && !grow(&of->seen, of->threads)) return -1;
        const size_t room = ((size_t)1 << of->seen.bits) / 8 / (size_t)of->threads / (INSTANCES + 1);
        const size_t grain = room > 256 ? 256 : room;
        for (int i = 0; i < of->threads; i++)
            workers[i] = (worker){of,       of->fresh + i, states, count,    &next, grain, full(&of->seen),
                                  stepping, stuck,         happened, 0, {0}};
        run(work, workers, sizeof *workers, of->threads);
        for (int i = 0; i < of->threads; i++) {
            if (workers[i].failed) return -1;
            result->transitions += workers[i].result.transitions;
            if (workers[i].result.faulty) keep_least(&result->faulty, result->fault, workers[i].result.fault);
        }
    }
    size_t fresh = 0;
    for (int i = 0; i < of->threads; i++) fresh += of->fresh[i].count;
    return (int64_t)fresh;
}

/* Copies out the states that were new, and forgets that they were. */
void search_take(search *of, int64_t *states) {
    for (int i = 0; i < of->threads; i++) {
        if (of->fresh[i].count) memcpy(states, of->fresh[i].states, of->fresh[i].count * WORDS * sizeof *states);
        states += of->fresh[i].count * WORDS;
        of->fresh[i].count = 0;
    }
}

/* ---- questions about many states ---- */

/* Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (the mixer of SplitMix64). */
static uint64_t fingerprint(const int64_t *s) {
    uint64_t z = 0;
    for (int i = 0; i < WORDS; i++) {
        z = (z ^ (uint64_t)s[i]) + 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        z ^= z >> 31;
    }
    return z;
}

typedef struct {
    int64_t seen, fault;        /* whether there are any; then the least of them */
    int64_t least_seen[WORDS], least_fault[WORDS];
} observation;

typedef struct {
    const int64_t *states;
    size_t count;
    const unsigned char *wanted;
    uint64_t sum;
    observation observations[GOALS + 1];
} looker;

static void *look_through(void *argument) {
    looker *me = argument;
    for (size_t at = 0; at < me->count; at++) {
        const int64_t *s = me->states + at * WORDS;
        me->sum += fingerprint(s);
        for (int goal = 0; goal < GOALS; goal++) {
            const int found = me->wanted[goal] ? looks[goal](s) : 0;
            if (found == 1) keep_least(&me->observations[goal].seen, me->observations[goal].least_seen, s);
            if (found == 2) keep_least(&me->observations[goal].fault, me->observations[goal].least_fault, s);
        }
    }
    return NULL;
}

/* The sum of fingerprints, and what is seen of the goals that are wanted. Returns 0 for want of memory. */
int look(const int64_t *states, size_t count, const unsigned char *wanted, int threads, uint64_t *sum, observation *observations) {
    threads = threads < 1 || count < 4096 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
    looker *lookers = calloc((size_t)threads, sizeof *lookers);
    if (!lookers) return 0;
    for (int i = 0; i < threads; i++) {
        const size_t first = count * (size_t)i / (size_t)threads, last = count * (size_t)(i + 1) / (size_t)threads;
        lookers[i].states = states + first * WORDS;
        lookers[i].count = last - first;
        lookers[i].wanted = wanted;
    }
    run(look_through, lookers, sizeof *lookers, threads);
    for (int i = 0; i < threads; i++) {
        *sum += lookers[i].sum;
        for (int goal = 0; goal < GOALS; goal++) {
            observation *to = observations + goal, *from = lookers[i].observations + goal;
            if (from->seen) keep_least(&to->seen, to->least_seen, from->least_seen);
            if (from->fault) keep_least(&to->fault, to->least_fault, from->least_fault);
        }
    }
    free(lookers);
    return 1;
}

/* All steps of some states: the row that each leaves from, its instance, and the state after. Returns how many there are. */
size_t steps(const int64_t *states, size_t count, int64_t *source, uint16_t *instance, int64_t *after, unsigned char *faults) {
    size_t total = 0;
    for (size_t at = 0; at < count; at++) {
        int faulty = 0;
        const size_t more = successors(states + at * WORDS, after + total * WORDS, instance + total, &faulty);
        for (size_t i = 0; i < more; i++) source[total + i] = (int64_t)at;
        faults[at] = (unsigned char)faulty;
        total += more;
    }
    return total;
}

/* Whether a step leads from one of the states to the goal, up to symmetry; `least` is the least that one leads from. */
int predecessor(const int64_t *states, size_t count, const int64_t *goal, int64_t *least) {
    int64_t found = 0, out[(INSTANCES + 1) * WORDS];
    uint16_t which[INSTANCES + 1];
    for (size_t at = 0; at < count; at++) {
        int faulty = 0, leads = 0;
        const size_t more = successors(states + at * WORDS, out, which, &faulty);
        for (size_t i = 0; i < more && !leads; i++) {
            canonical(out + i * WORDS);
            leads = same(out + i * WORDS, goal);
        }
        if (leads) keep_least(&found, least, states + at * WORDS);
    }
    return (int)found;
}

void canonical_all(int64_t *states, size_t count) {
    for (size_t at = 0; at < count; at++) canonical(states + at * WORDS);
}
