/* Numbers: as JSON writes them, as binary64, and in billionths. */

static inline bool is_digit(const struct cursor *cursor)
{
    return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

/* A natural number without leading zeros, of at most 19 digits. What may not follow it, the caller does not expect. */
static bool read_natural(struct cursor *cursor, uint64_t least, uint64_t most, uint64_t *value)
{
    const char *start = cursor->at;
    uint64_t natural = 0;
    for (; is_digit(cursor); cursor->at++) {
        if (cursor->at - start == 19)
            return false;
        natural = natural * 10 + (uint64_t)(*cursor->at - '0');
    }
    if (cursor->at == start || (*start == '0' && cursor->at - start > 1))
        return false;
    *value = natural;
    return least <= natural && natural <= most;
}

/* An integer of 64 bits, whose value nobody needs. */
static bool read_integer(struct cursor *cursor)
{
    uint64_t value;
    bool negative = read_literal(cursor, "-", 1);
    return read_natural(cursor, negative, (uint64_t)INT64_MAX + negative, &value);
}

/* mantissa * 10^exponent, exactly what is written; the sign is apart. At most 19 significant digits, 99 behind the point, and two of
   exponent: so it is a finite number, and no subnormal one. */
struct decimal {
    uint64_t mantissa;
    int exponent;
    bool negative;
};

static bool read_digits(struct cursor *cursor, struct decimal *decimal, int *significant)
{
    const char *start = cursor->at;
    for (; is_digit(cursor); cursor->at++) {
        if (*significant || *cursor->at != '0')
            ++*significant;
        if (*significant > 19)
            return false;
        decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(*cursor->at - '0');
    }
    return cursor->at > start;
}

static bool read_exponent(struct cursor *cursor, int *exponent)
{
    bool negative = read_literal(cursor, "-", 1);
    int value = 0, digits = 0;
    if (!negative)
        read_literal(cursor, "+", 1);
    for (; is_digit(cursor); cursor->at++, digits++) {
        if (digits == 2)
            return false;
        value = value * 10 + (*cursor->at - '0');
    }
    *exponent += negative ? -value : value;
    return digits > 0;
}

static bool read_decimal(struct cursor *cursor, struct decimal *decimal)
{
    int significant = 0;
    *decimal = (struct decimal){.negative = read_literal(cursor, "-", 1)};
    const char *start = cursor->at;
    if (!read_digits(cursor, decimal, &significant) || (*start == '0' && cursor->at - start > 1))
        return false;
    if (read_literal(cursor, ".", 1)) {
        const char *fraction = cursor->at;
        if (!read_digits(cursor, decimal, &significant) || cursor->at - fraction > 99)
            return false;
        decimal->exponent = (int)(fraction - cursor->at);
    }
    if (read_literal(cursor, "e", 1) || read_literal(cursor, "E", 1))
        return read_exponent(cursor, &decimal->exponent);
    return true;
}

static const double TEN[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The double nearest to a positive integer over 10^digits, for up to 19 digits. The quotient has at least 62 bits, and its last one
   tells whether there is a remainder: so it is rounded once, when it becomes a double. */
static double nearest_quotient(uint64_t integer, int digits)
{
    int shift = 63 + __builtin_clzll(integer);
    unsigned __int128 dividend = (unsigned __int128)integer << shift, divisor = (uint64_t)1;
    for (int i = 0; i < digits; i++)
        divisor *= 10;
    unsigned __int128 quotient = dividend / divisor;
    quotient |= quotient * divisor != dividend;
    return ldexp((double)quotient, -shift);
}

/* The nearest binary64, where that is certain: of two exact numbers the product or quotient is rounded once. */
static bool nearest_double(const struct decimal *decimal, double *value)
{
    uint64_t mantissa = decimal->mantissa;
    int exponent = decimal->exponent;
    if (mantissa == 0)
        *value = 0;
    else if (mantissa <= (uint64_t)1 << 53 && -22 <= exponent && exponent <= 22)
        *value = exponent < 0 ? (double)mantissa / TEN[-exponent] : (double)mantissa * TEN[exponent];
    else if (-19 <= exponent && exponent < 0)
        *value = nearest_quotient(mantissa, -exponent);
    else
        return false;
    return true;
}

/* A real from 0 to `most`, as the signals that are signed are (REC-5); -0 is 0, for it is never written otherwise (C14N-3). */
static bool read_signal(struct cursor *cursor, double most, double *value)
{
    struct decimal decimal;
    return read_decimal(cursor, &decimal) && !(decimal.negative && decimal.mantissa) && nearest_double(&decimal, value) && *value <= most;
}

/* x rounded to nine decimals, half to even on its exact value, in billionths, for a small x (C14N-2, JDG-1). Of the product the
   nearest integer is taken; close to half way, the exact product decides, which is `nearest + beyond + lost`. */
static bool nano(double x, int64_t *billionths)
{
    double scaled = x * NANO, nearest = nearbyint(scaled), beyond = scaled - nearest;
    if (!(-NEAR < x && x < NEAR))
        return false;
    *billionths = (int64_t)nearest;
    if (fabs(beyond) >= CLEAR) {
        double lost = fma(x, NANO, -scaled), side = beyond > 0 ? 1 : -1;
        double further = side * (beyond - side * 0.5 + lost);
        if (further > 0 || (further == 0 && *billionths % 2))
            *billionths += (int64_t)side;
    }
    return true;
}

/* The double nearest to x rounded to nine decimals, given its billionths: both are exact, and the quotient is never -0 (C14N-3). */
static double round9(int64_t billionths)
{
    return (double)billionths / NANO;
}
