/* A record: its fields, their bounds, and the one way from bytes to a valid record (REC-*, ID-*). */

struct record {
    struct text pcs_id, merkle_root, shard_id, sig, regime;
    uint64_t epoch;
    size_t count;                 /* of scales; N_j has as many */
    uint64_t scales[MAX_SCALES];
    uint64_t N_j[MAX_SCALES];     /* in the order of scales */
    double D_hat, budget, coh_star, r;
    int64_t nano_D_hat, nano_budget, nano_coh_star, nano_r;
};

/* A record, and what of it only its validation needs. */
struct reading {
    struct cursor cursor;
    struct record record;
    struct text schema, version, sent_at;
    size_t counted;
    uint64_t names[MAX_SCALES], counts[MAX_SCALES];   /* the members of N_j, as they come */
    uint64_t ignored;
};

static bool read_bounded(struct cursor *cursor, size_t least, size_t most, struct text *text)
{
    return read_text(cursor, text) && least <= text->length && text->length <= most;
}

static bool read_scales(struct reading *reading)
{
    struct record *record = &reading->record;
    bool more = next_is(&reading->cursor, '[');
    while (more) {
        if (record->count == MAX_SCALES || !read_natural(&reading->cursor, 1, MAX_SCALE, &record->scales[record->count++]) ||
            !read_more(&reading->cursor, ']', &more))
            return false;
    }
    return record->count >= MIN_SCALES;
}

/* A member's name is a natural number as Python writes it. */
static bool read_name(struct cursor *cursor, uint64_t *name)
{
    struct text text;
    if (!read_text(cursor, &text))
        return false;
    struct cursor inside = {text.at, text.at + text.length};
    return read_natural(&inside, 1, MAX_SCALE, name) && inside.at == inside.end;
}

static bool read_counts(struct reading *reading)
{
    struct cursor *cursor = &reading->cursor;
    bool more = next_is(cursor, '{');
    while (more) {
        size_t i = reading->counted;
        if (i == MAX_SCALES || !read_name(cursor, &reading->names[i]) || !next_is(cursor, ':') ||
            !read_natural(cursor, 1, MAX_COUNT, &reading->counts[i]) || !read_more(cursor, '}', &more))
            return false;
        reading->counted++;
    }
    return reading->counted > 0;
}

static bool read_direction(struct cursor *cursor)
{
    struct decimal decimal;
    size_t dimensions = 0;
    bool more = next_is(cursor, '[');
    while (more) {
        if (++dimensions > MAX_DIMENSIONS || !read_decimal(cursor, &decimal) || !read_more(cursor, ']', &more))
            return false;
    }
    return dimensions > 0;
}

static bool read_fallbacks(struct cursor *cursor)
{
    struct text text;
    size_t fallbacks = 0;
    bool more = true;
    if (!next_is(cursor, '['))
        return false;
    if (next_is(cursor, ']'))
        return true;
    while (more) {
        if (++fallbacks > MAX_FALLBACKS || !read_bounded(cursor, 0, MAX_TEXT, &text) || !read_more(cursor, ']', &more))
            return false;
    }
    return true;
}

/* How the agent fared (`ft`). */
static bool read_fault(struct reading *reading)
{
    struct cursor *cursor = &reading->cursor;
    unsigned seen = 0;
    bool more = next_is(cursor, '{');
    while (more) {
        struct text name;
        unsigned field;
        bool valid;
        if (!read_text(cursor, &name) || !next_is(cursor, ':'))
            return false;
        if (IS(name, "outbox_seq"))
            field = 1, valid = read_natural(cursor, 0, MAX_EPOCH, &reading->ignored);
        else if (IS(name, "degraded"))
            field = 2, valid = read_boolean(cursor);
        else if (IS(name, "fallbacks"))
            field = 4, valid = read_fallbacks(cursor);
        else if (IS(name, "clock_skew_ms"))
            field = 8, valid = read_integer(cursor);
        else
            return false;
        if (!valid || seen & field || !read_more(cursor, '}', &more))
            return false;
        seen |= field;
    }
    return seen == 15;
}

/* The fields in the order in which the reference writes them: the next is the likeliest. */
#define FIELDS(FIELD)                                                          \
    FIELD(D_hat, read_signal(cursor, D_HAT_MAX, &record->D_hat))               \
    FIELD(budget, read_signal(cursor, 1.0, &record->budget))                   \
    FIELD(coh_star, read_signal(cursor, COH_STAR_MAX, &record->coh_star))      \
    FIELD(epoch, read_natural(cursor, 0, MAX_EPOCH, &record->epoch))           \
    FIELD(merkle_root, read_text(cursor, &record->merkle_root))                \
    FIELD(pcs_id, read_text(cursor, &record->pcs_id))                          \
    FIELD(r, read_signal(cursor, 1.0, &record->r))                             \
    FIELD(shard_id, read_text(cursor, &record->shard_id))                      \
    FIELD(schema, read_text(cursor, &reading->schema))                         \
    FIELD(version, read_bounded(cursor, 1, MAX_TEXT, &reading->version))       \
    FIELD(attempt, read_natural(cursor, 1, MAX_ATTEMPT, &reading->ignored))    \
    FIELD(sent_at, read_text(cursor, &reading->sent_at))                       \
    FIELD(seed, read_integer(cursor))                                          \
    FIELD(scales, read_scales(reading))                                        \
    FIELD(N_j, read_counts(reading))                                           \
    FIELD(v_star, read_direction(cursor))                                      \
    FIELD(regime, read_text(cursor, &record->regime))                          \
    FIELD(sig, read_bounded(cursor, 0, MAX_TEXT, &record->sig))                \
    FIELD(ft, read_fault(reading))

#define NUMBER(name, read) FIELD_##name,
enum field { FIELDS(NUMBER) FIELD_COUNT };

#define NAME(name, read) {"\"" #name "\"", sizeof(#name) + 1},
static const struct text NAMES[FIELD_COUNT] = {FIELDS(NAME)};

/* The field whose name is next; FIELD_COUNT if none is (REC-3). */
static inline enum field read_field_name(struct cursor *cursor, enum field likely)
{
    if (likely < FIELD_COUNT && read_literal(cursor, NAMES[likely].at, NAMES[likely].length))
        return likely;
    enum field field = 0;
    while (field < FIELD_COUNT && !read_literal(cursor, NAMES[field].at, NAMES[field].length))
        field++;
    return field;
}

static bool read_field(struct reading *reading, enum field field)
{
    struct cursor *cursor = &reading->cursor;
    struct record *record = &reading->record;
    switch (field) {
#define READ(name, read) \
    case FIELD_##name:   \
        return read;
        FIELDS(READ)
    default:
        return false;
    }
}

/* One object in which each field stands once (REC-1 to REC-3), and nothing after it. */
static bool read_record(struct reading *reading)
{
    struct cursor *cursor = &reading->cursor;
    uint32_t seen = 0;
    enum field field = 0;
    bool more = next_is(cursor, '{');
    while (more) {
        field = read_field_name(cursor, field);
        if (!next_is(cursor, ':') || seen >> field & 1 || !read_field(reading, field) || !read_more(cursor, '}', &more))
            return false;
        seen |= (uint32_t)1 << field++;
    }
    return seen == ((uint32_t)1 << FIELD_COUNT) - 1 && cursor->at == cursor->end;
}

/* 64 lower-case hexadecimal digits (ID-2). */
static bool is_root(struct text text)
{
    bool good = text.length == 64;
    for (size_t i = 0; good && i < 64; i++)
        good = (text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'f');
    return good;
}

/* 1 to 128 printable characters of ASCII, none of them a quote, a backslash or a bar (ID-3, ID-5). A text holds neither of the first
   two, and nothing below the space. */
static bool is_shard(struct text text)
{
    bool good = 1 <= text.length && text.length <= 128;
    for (size_t i = 0; good && i < text.length; i++)
        good = text.at[i] <= '~' && text.at[i] != '|';
    return good;
}

/* Whether the text has this form, where d stands for a digit. */
static bool has_form(struct text text, const char *form)
{
    bool good = text.length == strlen(form);
    for (size_t i = 0; good && i < text.length; i++)
        good = form[i] == 'd' ? text.at[i] >= '0' && text.at[i] <= '9' : text.at[i] == form[i];
    return good;
}

/* An instant as RFC 3339 writes it, with up to nine decimals of a second (REC-8). */
static bool is_instant(struct text text)
{
    static const char SECONDS[] = "dddd-dd-ddTdd:dd:dd";
    size_t at = sizeof(SECONDS) - 1;
    if (text.length <= at || !has_form((struct text){text.at, at}, SECONDS))
        return false;
    if (text.at[at] == '.') {
        size_t first = ++at;
        while (at < text.length && text.at[at] >= '0' && text.at[at] <= '9')
            at++;
        if (at == first || at > first + 9)
            return false;
    }
    struct text zone = {text.at + at, text.length - at};
    return IS(zone, "Z") || has_form(zone, "+dd:dd") || has_form(zone, "-dd:dd");
}

/* Each scale once, one count for each scale, and no other (REC-7). As many names as different scales, all found, are all names. */
static bool match_counts(struct reading *reading)
{
    struct record *record = &reading->record;
    if (reading->counted != record->count)
        return false;
    for (size_t i = 0; i < record->count; i++) {
        size_t j = 0;
        for (size_t k = 0; k < i; k++)
            if (record->scales[k] == record->scales[i])
                return false;
        while (j < record->count && reading->names[j] != record->scales[i])
            j++;
        if (j == record->count)
            return false;
        record->N_j[i] = reading->counts[j];
    }
    return true;
}

static size_t write_natural(char *to, uint64_t value)
{
    char digits[20];
    size_t length = 0;
    do
        digits[sizeof(digits) - ++length] = (char)('0' + value % 10);
    while (value /= 10);
    memcpy(to, digits + sizeof(digits) - length, length);
    return length;
}

/* SHA-256 of merkle_root|epoch|shard_id (ID-1). */
static bool is_own_id(const struct record *record)
{
    char hex[64], epoch[22] = "|";
    size_t length = 1 + write_natural(epoch + 1, record->epoch);
    epoch[length++] = '|';
    struct hash hash = hash_begin();
    hash_add(&hash, record->merkle_root.at, record->merkle_root.length);
    hash_add(&hash, epoch, length);
    hash_add(&hash, record->shard_id.at, record->shard_id.length);
    hex_digest(&hash, hex);
    return equals(record->pcs_id, hex, sizeof(hex));
}

/* The rules that no single field's type can state, as `_validate` has them. */
static bool is_valid(struct reading *reading)
{
    const struct record *record = &reading->record;
    return IS(reading->schema, SCHEMA) && (IS(record->regime, "sticky") || IS(record->regime, "mixed") || IS(record->regime, "non_sticky")) &&
           is_root(record->merkle_root) && is_shard(record->shard_id) && is_instant(reading->sent_at) && match_counts(reading) &&
           is_own_id(record);
}

/* The valid record that a body holds. */
static bool decode(struct text body, struct reading *reading)
{
    struct record *record = &reading->record;
    reading->cursor = (struct cursor){body.at, body.at + body.length};
    record->count = reading->counted = 0;
    return read_record(reading) && is_valid(reading) && nano(record->D_hat, &record->nano_D_hat) &&
           nano(record->budget, &record->nano_budget) && nano(record->coh_star, &record->nano_coh_star) &&
           nano(record->r, &record->nano_r);
}
