/* SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104), with the processor's own rounds where it has them. */

typedef void compression(uint32_t state[8], const uint8_t *data, size_t blocks);

struct hash {
    uint32_t state[8];
    compression *compress;
    uint64_t length; /* bytes so far */
    uint8_t block[64];
};

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t word_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put_word(uint8_t *at, uint32_t word)
{
    at[0] = (uint8_t)(word >> 24), at[1] = (uint8_t)(word >> 16), at[2] = (uint8_t)(word >> 8), at[3] = (uint8_t)word;
}

static inline uint32_t rotated(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static void compress_anywhere(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    for (; blocks; blocks--, data += 64) {
        uint32_t w[64], a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 16; i++)
            w[i] = word_at(data + 4 * i);
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        for (int i = 0; i < 64; i++) {
            uint32_t S1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
            uint32_t t1 = h + S1 + ((e & f) ^ (~e & g)) + ROUND[i] + w[i];
            uint32_t S0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
            uint32_t t2 = S0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1;
            d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* The instructions keep the state as the words ABEF and CDGH, and do two rounds each. */
__attribute__((target("sha,sse4.1,ssse3"))) static void compress_here(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bULL, 0x0405060700010203ULL);
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, efgh, 8), cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
    for (; blocks; blocks--, data += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            if (i < 4) {
                w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), swap);
            } else {
                __m128i next = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
                w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
            }
            __m128i sum = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)(ROUND + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static bool has_own_rounds(void)
{
    unsigned a, b, c, d;
    bool sse = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1);
    return sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#else
#define compress_here compress_anywhere
static bool has_own_rounds(void)
{
    return false;
}
#endif

static compression *fastest = compress_anywhere;

static struct hash hash_begin(void)
{
    return (struct hash){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
        .compress = fastest,
    };
}

static void hash_add(struct hash *hash, const void *data, size_t length)
{
    const uint8_t *at = data;
    size_t held = hash->length % 64;
    hash->length += length;
    if (held && held + length >= 64) {
        memcpy(hash->block + held, at, 64 - held);
        hash->compress(hash->state, hash->block, 1);
        at += 64 - held, length -= 64 - held, held = 0;
    }
    if (!held) {
        hash->compress(hash->state, at, length / 64);
        at += length / 64 * 64, length %= 64;
    }
    memcpy(hash->block + held, at, length);
}

static void hash_end(struct hash *hash, uint8_t digest[32])
{
    size_t held = hash->length % 64;
    uint64_t bits = hash->length * 8;
    hash->block[held++] = 0x80;
    if (held > 56) {
        memset(hash->block + held, 0, 64 - held);
        hash->compress(hash->state, hash->block, 1);
        held = 0;
    }
    memset(hash->block + held, 0, 56 - held);
    put_word(hash->block + 56, (uint32_t)(bits >> 32));
    put_word(hash->block + 60, (uint32_t)bits);
    hash->compress(hash->state, hash->block, 1);
    for (int i = 0; i < 8; i++)
        put_word(digest + 4 * i, hash->state[i]);
}

static void hex_digest(struct hash *hash, char hex[64])
{
    static const char DIGITS[] = "0123456789abcdef";
    uint8_t digest[32];
    hash_end(hash, digest);
    for (int i = 0; i < 32; i++)
        hex[2 * i] = DIGITS[digest[i] >> 4], hex[2 * i + 1] = DIGITS[digest[i] & 15];
}

/* A secret, prepared: the states after the inner and after the outer pad (SIGN-2). */
struct hmac {
    struct hash inner, outer;
};

static struct hmac hmac_key(const uint8_t *secret, size_t length)
{
    uint8_t key[64] = {0}, pad[64];
    struct hmac hmac = {hash_begin(), hash_begin()};
    if (length > 64) {
        struct hash hash = hash_begin();
        hash_add(&hash, secret, length);
        hash_end(&hash, key);
    } else {
        memcpy(key, secret, length);
    }
    for (int i = 0; i < 64; i++)
        pad[i] = key[i] ^ 0x36;
    hash_add(&hmac.inner, pad, 64);
    for (int i = 0; i < 64; i++)
        pad[i] = key[i] ^ 0x5c;
    hash_add(&hmac.outer, pad, 64);
    return hmac;
}

static void hmac_sign(const struct hmac *key, const void *message, size_t length, uint8_t mac[32])
{
    struct hmac hmac = *key;
    hash_add(&hmac.inner, message, length);
    hash_end(&hmac.inner, mac);
    hash_add(&hmac.outer, mac, 32);
    hash_end(&hmac.outer, mac);
}

/* In a time that does not depend on where they differ (SIGN-5). */
static bool same_mac(const uint8_t a[32], const uint8_t b[32])
{
    volatile uint8_t difference = 0;
    for (int i = 0; i < 32; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}
