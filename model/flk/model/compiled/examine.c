/* What a logged submission claims: decode, authenticate, judge (ORD-1). */

/* A key of a tenant, and the wall times in seconds between which it counts (SIGN-4). */
struct key {
    struct hmac hmac;
    double not_before, not_after;
};

/* The keys of a tenant that are known here, and the profiles that are accepted (C14N-6, C14N-9); `all` if there are no others. And
   the rules by which its records are judged. */
struct keys {
    size_t count;
    bool fixed, judged, all;
    struct rules rules;
    struct key key[];
};

enum answer {
    HANDED_BACK, /* nothing is said */
    UNSIGNED,    /* a valid record that no live key of the tenant signed (SIGN-6) */
    CLAIMED,
};

struct claim {
    char pcs_id[64], digest[64];
    struct outcome outcome;
};

/* Seconds since 1970 of the millisecond of a timestamp: the quotient of two exact numbers. */
static double wall_seconds(uint64_t timestamp)
{
    return (double)(timestamp >> COUNTER_BITS) / 1000.0;
}

static bool is_signed(const struct keys *keys, const char *canonical, size_t length, const uint8_t signature[32], double at)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = &keys->key[i];
        uint8_t mac[32];
        if (!(key->not_before <= at && at < key->not_after))
            continue;
        hmac_sign(&key->hmac, canonical, length, mac);
        if (same_mac(mac, signature))
            return true;
    }
    return false;
}

static enum answer examine(const struct keys *keys, struct text body, uint64_t timestamp, struct claim *claim)
{
    struct reading reading;
    const struct record *record = &reading.record;
    char text[MAX_DIGESTED];
    uint8_t signature[33];
    if (!decode(body, &reading) || !decode_mac(record->sig, signature))
        return HANDED_BACK;
    size_t fixed = canonical_bytes(record, text), length = fixed;
    text[length++] = '\n';
    length += judged_bytes(record, text + length);
    double at = wall_seconds(timestamp);
    if (!(keys->fixed && is_signed(keys, text, fixed, signature, at)) &&
        !(keys->judged && is_signed(keys, text, length, signature, at)))
        return keys->all ? UNSIGNED : HANDED_BACK;
    if (!judge(&keys->rules, record, &claim->outcome))
        return HANDED_BACK;
    struct hash hash = hash_begin();
    hash_add(&hash, text, length);
    hex_digest(&hash, claim->digest);
    memcpy(claim->pcs_id, record->pcs_id.at, sizeof(claim->pcs_id));
    return CLAIMED;
}
