/* What all parts share. Each file here says what its counterpart in Python says, in the same order and under the same names; that
   one is the reference. A function that returns bool returns false where it does not know: the record is then handed back to the
   reference. So nothing here refuses a record, and a rule that is stricter than the reference costs time only.

   The constants before this line are printed from the specification (flk.model.compiled.source). */

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0 && DBL_MANT_DIG == 53, "every operation on binary64 is rounded by itself");

/* Characters that belong to somebody else. */
struct text {
    const char *at;
    size_t length;
};

static inline bool equals(struct text text, const char *other, size_t length)
{
    return text.length == length && memcmp(text.at, other, length) == 0;
}

#define IS(text, literal) equals(text, literal, sizeof(literal) - 1)
