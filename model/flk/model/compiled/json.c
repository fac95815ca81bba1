/* JSON as agents write it: ASCII without escapes. All else is handed back: escapes, other characters, control characters. */

struct cursor {
    const char *at, *end;
};

static inline void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\t' || *cursor->at == '\r'))
        cursor->at++;
}

/* Whether this character is next, which is then behind; space around it does not count. */
static inline bool next_is(struct cursor *cursor, char wanted)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != wanted)
        return false;
    cursor->at++;
    skip_space(cursor);
    return true;
}

static inline bool read_literal(struct cursor *cursor, const char *literal, size_t length)
{
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, literal, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

static bool read_boolean(struct cursor *cursor)
{
    return read_literal(cursor, "true", 4) || read_literal(cursor, "false", 5);
}

/* A string. Eight characters at a time, as long as each is printable, and neither a quote nor a backslash. */
static bool read_text(struct cursor *cursor, struct text *text)
{
    const uint64_t ONES = 0x0101010101010101, HIGH = 0x8080808080808080;
    if (cursor->at == cursor->end || *cursor->at != '"')
        return false;
    text->at = ++cursor->at;
    while (cursor->end - cursor->at >= 8) {
        uint64_t eight;
        memcpy(&eight, cursor->at, 8);
        uint64_t quotes = eight ^ ONES * '"', slashes = eight ^ ONES * '\\';
        if ((eight | (eight - ONES * 0x20) | (quotes - ONES) | (slashes - ONES)) & HIGH)
            break;
        cursor->at += 8;
    }
    for (; cursor->at < cursor->end; cursor->at++) {
        unsigned char character = (unsigned char)*cursor->at;
        if (character == '"') {
            text->length = (size_t)(cursor->at++ - text->at);
            return true;
        }
        if (character < 0x20 || character >= 0x80 || character == '\\')
            return false;
    }
    return false;
}

/* Whether another element of an array, or member of an object, follows: true in `more`; false if the bracket closes. */
static inline bool read_more(struct cursor *cursor, char close, bool *more)
{
    *more = next_is(cursor, ',');
    return *more || next_is(cursor, close);
}
