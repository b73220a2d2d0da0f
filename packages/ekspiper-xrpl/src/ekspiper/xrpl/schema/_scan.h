/* Scans lines of JSON as the writer of lines makes them, and packs columns, many bytes at a time.

   Everything here has a plain form, for any compiler and processor, and a quicker one for the usual ones;
   both give the same. Nothing is read at or behind `end`. */

#ifndef EKSPIPER_SCAN_H
#define EKSPIPER_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define SCAN_VECTORS 1
#include <immintrin.h>
#endif

#define SCAN_DIGITS 18 /* of a number: a longer one comes back from JSON as another number */
#define SCAN_SHORT 32  /* texts up to here are copied as one; there must be room for so many bytes */

/* The quotation mark at the end of a text that begins here, behind its first one; NULL where there is anything
   but plain ASCII in it. */
static inline const char *scan_text(const char *at, const char *end)
{
#ifdef SCAN_VECTORS
    while (end - at >= 16) {
        const __m128i text = _mm_loadu_si128((const __m128i *)at);
        /* Less than a space are also all that are not ASCII: they are negative. */
        const __m128i found = _mm_or_si128(
            _mm_cmplt_epi8(text, _mm_set1_epi8(' ')),
            _mm_or_si128(
                _mm_cmpeq_epi8(text, _mm_set1_epi8('"')), _mm_cmpeq_epi8(text, _mm_set1_epi8('\\'))));
        const int bits = _mm_movemask_epi8(found);
        if (bits) {
            at += __builtin_ctz((unsigned)bits);
            return *at == '"' ? at : NULL;
        }
        at += 16;
    }
#endif
    while (at < end && *at >= ' ' && (uint8_t)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at < end && *at == '"' ? at : NULL;
}

/* Behind an object, an array or a text; NULL where there is anything that the writer of lines does not
   write. */
static inline const char *scan_json(const char *at, const char *end)
{
    int64_t depth = 0;
    int digits = 0;
    while (at < end) {
        const char letter = *at++;
        if (letter >= '0' && letter <= '9') {
            if (++digits > SCAN_DIGITS || depth == 0)
                return NULL;
            continue;
        }
        digits = 0;
        if (letter == '"') {
            at = scan_text(at, end);
            if (at == NULL)
                return NULL;
            at++;
        } else if (letter == '{' || letter == '[') {
            depth++;
        } else if (letter == '}' || letter == ']') {
            depth--;
        } else if ((letter != ':' && letter != ',' && letter != '-') || depth == 0) {
            return NULL;
        }
        if (depth <= 0)
            return depth == 0 ? at : NULL;
    }
    return NULL;
}

/* Whether a key stands here. */
static inline int scan_key(const char *at, const char *end, const char *key, int size)
{
#ifdef SCAN_VECTORS
    if (end - at >= 16 && size >= 4) {
        /* The key has room for 16 bytes. */
        const __m128i same = _mm_cmpeq_epi8(
            _mm_loadu_si128((const __m128i *)at), _mm_loadu_si128((const __m128i *)key));
        const unsigned bits = (unsigned)_mm_movemask_epi8(same);
        if (size <= 16)
            return (bits | 0xFFFFu << size) == (0xFFFFu | 0xFFFFu << size);
        return bits == 0xFFFF && end - at >= size && memcmp(at + 16, key + 16, (size_t)size - 16) == 0;
    }
#endif
    return end - at >= size && memcmp(at, key, (size_t)size) == 0;
}

/* Copy a text; at most to `end` from it, and into room for SCAN_SHORT bytes more than it has. */
static inline void scan_copy(char *out, const char *text, int64_t size, const char *end)
{
    if (size <= SCAN_SHORT && end - text >= SCAN_SHORT)
        memcpy(out, text, SCAN_SHORT);
    else
        memcpy(out, text, (size_t)size);
}

/* A bit for each byte that is 1, the first one lowest, into `(count + 7) / 8` bytes; how many are 1. */
static inline int64_t scan_bits(const uint8_t *bytes, int64_t count, uint8_t *out)
{
    int64_t at = 0, ones = 0;
#ifdef SCAN_VECTORS
    for (; at + 16 <= count; at += 16) {
        const __m128i some = _mm_loadu_si128((const __m128i *)(bytes + at));
        const uint16_t bits = (uint16_t)_mm_movemask_epi8(_mm_slli_epi16(some, 7));
        memcpy(out + at / 8, &bits, 2);
        ones += __builtin_popcount(bits);
    }
#endif
    memset(out + at / 8, 0, (size_t)((count + 7) / 8 - at / 8));
    for (; at < count; at++) {
        out[at >> 3] |= (uint8_t)(bytes[at] << (at & 7));
        ones += bytes[at];
    }
    return ones;
}

#endif
