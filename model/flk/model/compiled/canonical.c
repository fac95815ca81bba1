/* The bytes that are signed (C14N-*), their signature (SIGN-*), and the digest of what was said (DUP-3). */

/* The longest text: the digest's, with MAX_SCALES counts of 16 digits, and all the rest below 640. */
#define MAX_CANONICAL 640
#define MAX_DIGESTED (MAX_CANONICAL + MAX_SCALES * 32)
_Static_assert(MAX_SCALE <= 9999 && MAX_COUNT <= 9999999999999999 && MAX_EPOCH <= 9999999999999999, "lengths of numbers");

struct writer {
    char *at;
};

static inline void put(struct writer *writer, const char *text, size_t length)
{
    memcpy(writer->at, text, length);
    writer->at += length;
}

#define PUT(writer, literal) put(writer, literal, sizeof(literal) - 1)

static void put_number(struct writer *writer, uint64_t value)
{
    writer->at += write_natural(writer->at, value);
}

/* Exactly nine fractional digits (C14N-2). */
static void put_fixed9(struct writer *writer, int64_t billionths)
{
    uint64_t fraction = (uint64_t)billionths % 1000000000;
    put_number(writer, (uint64_t)billionths / 1000000000);
    *writer->at = '.';
    for (int i = 9; i > 0; i--, fraction /= 10)
        writer->at[i] = (char)('0' + fraction % 10);
    writer->at += 10;
}

/* The eight signed fields, keys in code-point order, no spaces (C14N-1). */
static size_t canonical_bytes(const struct record *record, char *to)
{
    struct writer writer = {to};
    PUT(&writer, "{\"D_hat\":");
    put_fixed9(&writer, record->nano_D_hat);
    PUT(&writer, ",\"budget\":");
    put_fixed9(&writer, record->nano_budget);
    PUT(&writer, ",\"coh_star\":");
    put_fixed9(&writer, record->nano_coh_star);
    PUT(&writer, ",\"epoch\":");
    put_number(&writer, record->epoch);
    PUT(&writer, ",\"merkle_root\":\"");
    put(&writer, record->merkle_root.at, record->merkle_root.length);
    PUT(&writer, "\",\"pcs_id\":\"");
    put(&writer, record->pcs_id.at, record->pcs_id.length);
    PUT(&writer, "\",\"r\":");
    put_fixed9(&writer, record->nano_r);
    PUT(&writer, ",\"shard_id\":\"");
    put(&writer, record->shard_id.at, record->shard_id.length);
    PUT(&writer, "\"}");
    return (size_t)(writer.at - to);
}

/* What is judged beside it: `{"N_j":{...},"regime":"...","scales":[...]}`, N_j in the order of scales. */
static size_t judged_bytes(const struct record *record, char *to)
{
    struct writer writer = {to};
    PUT(&writer, "{\"N_j\":{");
    for (size_t i = 0; i < record->count; i++) {
        put(&writer, i ? ",\"" : "\"", i ? 2 : 1);
        put_number(&writer, record->scales[i]);
        PUT(&writer, "\":");
        put_number(&writer, record->N_j[i]);
    }
    PUT(&writer, "},\"regime\":\"");
    put(&writer, record->regime.at, record->regime.length);
    PUT(&writer, "\",\"scales\":[");
    for (size_t i = 0; i < record->count; i++) {
        put(&writer, ",", i ? 1 : 0);
        put_number(&writer, record->scales[i]);
    }
    PUT(&writer, "]}");
    return (size_t)(writer.at - to);
}

/* What a character of base64 stands for, plus one; 0 if it is none (RFC 4648 section 4). */
static const uint8_t SEXTET[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11,
    ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
    ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33,
    ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44,
    ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,
    ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* The 32 bytes of which `sig` is the one standard base64 text, padded; another signature is no MAC (SIGN-6). */
static bool decode_mac(struct text sig, uint8_t mac[33])
{
    bool good = sig.length == 44 && sig.at[43] == '=';
    for (size_t i = 0; good && i < 44; i += 4) {
        uint32_t held = 0;
        for (size_t j = 0; j < 4; j++) {
            uint32_t sextet = i + j == 43 ? 1 : SEXTET[(uint8_t)sig.at[i + j]];
            good = good && sextet;
            held = held << 6 | (sextet - 1);
        }
        mac[i / 4 * 3] = (uint8_t)(held >> 16), mac[i / 4 * 3 + 1] = (uint8_t)(held >> 8), mac[i / 4 * 3 + 2] = (uint8_t)held;
    }
    return good && mac[32] == 0; /* the bits that are left over */
}
