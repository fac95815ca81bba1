/* The leaf of an outcome, and what it is called (TLOG-6): members in code-point order, no spaces. */

/* What the leaf says besides its record: whose it is, what was judged of it, and by what. Texts of which one needs an escape are
   handed back. */
struct told {
    struct text tenant, pcs_id, region, digest, reason, parameters, policy;
    bool accepted, escalated;
    int64_t nano_D_hat, nano_budget; /* as they were recomputed */
    uint64_t timestamp;
};

#define MAX_TOLD 2048                        /* characters of all texts of `told` together */
#define MAX_LEAF (MAX_TOLD + 640 + MAX_TEXT) /* and of all the rest */
#define NAME_BYTES 16

static bool needs_no_escape(struct text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] < ' ' || text.at[i] == '"' || text.at[i] == '\\')
            return false;
    return true;
}

static bool is_writable(const struct told *told)
{
    const struct text texts[] = {told->tenant, told->pcs_id, told->region, told->digest, told->reason, told->parameters, told->policy};
    size_t length = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].length > MAX_TOLD || !needs_no_escape(texts[i]))
            return false;
        length += texts[i].length;
    }
    return length <= MAX_TOLD;
}

static void put_text(struct writer *writer, struct text text)
{
    put(writer, text.at, text.length);
}

static void put_boolean(struct writer *writer, bool value)
{
    put(writer, value ? "true" : "false", value ? 4 : 5);
}

static void put_signed9(struct writer *writer, int64_t billionths)
{
    if (billionths < 0)
        PUT(writer, "-");
    put_fixed9(writer, billionths < 0 ? -billionths : billionths);
}

/* Sixteen hexadecimal digits. */
static struct text clock_text(uint64_t timestamp, char digits[16])
{
    for (int i = 15; i >= 0; i--, timestamp >>= 4)
        digits[i] = "0123456789abcdef"[timestamp & 15];
    return (struct text){digits, 16};
}

static size_t leaf_bytes(const struct record *record, const struct told *told, char *to)
{
    struct writer writer = {to};
    char digits[16];
    PUT(&writer, "{\"D_hat\":");
    put_fixed9(&writer, record->nano_D_hat);
    PUT(&writer, ",\"accepted\":");
    put_boolean(&writer, told->accepted);
    PUT(&writer, ",\"budget\":");
    put_fixed9(&writer, record->nano_budget);
    PUT(&writer, ",\"coh_star\":");
    put_fixed9(&writer, record->nano_coh_star);
    PUT(&writer, ",\"digest\":\"");
    put_text(&writer, told->digest);
    PUT(&writer, "\",\"epoch\":");
    put_number(&writer, record->epoch);
    PUT(&writer, ",\"escalated\":");
    put_boolean(&writer, told->escalated);
    PUT(&writer, ",\"kind\":\"outcome\",\"merkle_root\":\"");
    put_text(&writer, record->merkle_root);
    PUT(&writer, "\",\"parameters\":\"");
    put_text(&writer, told->parameters);
    PUT(&writer, "\",\"pcs_id\":\"");
    put_text(&writer, told->pcs_id);
    if (told->policy.length) {
        PUT(&writer, "\",\"policy\":\"");
        put_text(&writer, told->policy);
    }
    PUT(&writer, "\",\"r\":");
    put_fixed9(&writer, record->nano_r);
    PUT(&writer, ",\"reason\":\"");
    put_text(&writer, told->reason);
    PUT(&writer, "\",\"recomputed_D_hat\":");
    put_signed9(&writer, told->nano_D_hat);
    PUT(&writer, ",\"recomputed_budget\":");
    put_signed9(&writer, told->nano_budget);
    PUT(&writer, ",\"regime\":\"");
    put_text(&writer, record->regime);
    PUT(&writer, "\",\"region\":\"");
    put_text(&writer, told->region);
    PUT(&writer, "\",\"shard_id\":\"");
    put_text(&writer, record->shard_id);
    PUT(&writer, "\",\"tenant\":\"");
    put_text(&writer, told->tenant);
    PUT(&writer, "\",\"timestamp\":\"");
    put_text(&writer, clock_text(told->timestamp, digits));
    PUT(&writer, "\"}");
    return (size_t)(writer.at - to);
}

/* What something is called: by its parts, line by line. */
static void name_bytes(const struct text *parts, size_t count, uint8_t name[32])
{
    struct hash hash = hash_begin();
    for (size_t i = 0; i < count; i++) {
        if (i)
            hash_add(&hash, "\n", 1);
        hash_add(&hash, parts[i].at, parts[i].length);
    }
    hash_end(&hash, name);
}

/* The name that no other leaf has, and that of its record. */
static void leaf_names(const struct told *told, uint8_t own[32], uint8_t common[32])
{
    char digits[16];
    const struct text first[] = {{"outcome", 7}, told->tenant, told->pcs_id, clock_text(told->timestamp, digits), told->region};
    const struct text second[] = {{"record", 6}, told->tenant, told->pcs_id};
    name_bytes(first, 5, own);
    name_bytes(second, 3, common);
}
