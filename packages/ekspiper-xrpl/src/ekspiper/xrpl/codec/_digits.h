/* Digits: bytes to hex and back, and numbers to decimal digits, many digits at a time.

   Everything here has a plain form, for any compiler and processor, and a quicker one for the usual ones;
   both write the same digits. What is read ends where it is said to end. What is written may go beyond
   that: DIGITS_MORE bytes behind the last digit of a number are scratch. */

#ifndef EKSPIPER_DIGITS_H
#define EKSPIPER_DIGITS_H

#include <stdint.h>
#include <string.h>

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define DIGITS_VECTORS 1
#include <immintrin.h>
#endif

#if (defined(__GNUC__) || defined(__clang__)) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DIGITS_WORDS 1
#endif

#define DIGITS_MORE 16

#define DIGITS_UPPER ('A' - '9' - 1)
#define DIGITS_LOWER ('a' - '9' - 1)

/* --- hex ------------------------------------------------------------------------------------ */

/* Both digits of a byte, the first one in the lower half. */
static inline uint16_t digits_pair(uint8_t byte)
{
    const uint16_t pair = (uint16_t)(byte >> 4 | (byte & 15) << 8);
    return (uint16_t)(pair + 0x3030 + (((pair + 0x0606) >> 4) & 0x0101) * 7);
}

static inline void digits_hex_plain(const uint8_t *at, int64_t size, char *out)
{
    for (int64_t nth = 0; nth < size; nth++) {
        const uint16_t pair = digits_pair(at[nth]);
        out[2 * nth] = (char)(pair & 0xFF);
        out[2 * nth + 1] = (char)(pair >> 8);
    }
}

#ifdef DIGITS_VECTORS

/* The digits of 16 half bytes; `letters` is how far letters lie behind where the next digits would. */
static inline __m128i digits_of_halves(__m128i halves, char letters)
{
    const __m128i more = _mm_and_si128(_mm_cmpgt_epi8(halves, _mm_set1_epi8(9)), _mm_set1_epi8(letters));
    return _mm_add_epi8(_mm_add_epi8(halves, _mm_set1_epi8('0')), more);
}

static inline void digits_hex_16(const uint8_t *at, char *out)
{
    const __m128i low = _mm_set1_epi8(15);
    const __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    const __m128i first = digits_of_halves(_mm_and_si128(_mm_srli_epi16(bytes, 4), low), DIGITS_UPPER);
    const __m128i second = digits_of_halves(_mm_and_si128(bytes, low), DIGITS_UPPER);
    _mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi8(first, second));
    _mm_storeu_si128((__m128i *)(out + 16), _mm_unpackhi_epi8(first, second));
}

static inline void digits_hex_8(const uint8_t *at, char letters, char *out)
{
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)at);
    const __m128i halves = _mm_unpacklo_epi8(_mm_srli_epi16(bytes, 4), bytes);
    _mm_storeu_si128((__m128i *)out, digits_of_halves(_mm_and_si128(halves, _mm_set1_epi8(15)), letters));
}

#endif

/* Upper-case hex; what is left over of 16 bytes is done with the bytes before it once more. */
static inline void digits_hex(const uint8_t *at, int64_t size, char *out)
{
#ifdef DIGITS_VECTORS
    if (size >= 16) {
        const int64_t last = size - 16;
        for (int64_t nth = 0; nth < last; nth += 16)
            digits_hex_16(at + nth, out + 2 * nth);
        digits_hex_16(at + last, out + 2 * last);
        return;
    }
    if (size >= 8) {
        digits_hex_8(at, DIGITS_UPPER, out);
        digits_hex_8(at + size - 8, DIGITS_UPPER, out + 2 * (size - 8));
        return;
    }
#endif
    digits_hex_plain(at, size, out);
}

/* A number in lower-case hex, without zeros before it; how many digits there are. */
static inline int digits_low_hex(uint64_t number, char *out)
{
    int size = 16;
#ifdef DIGITS_VECTORS
    const int zeros = __builtin_clzll(number | 1) >> 2; /* a 0 is a digit */
    const uint64_t bytes = __builtin_bswap64(number << 4 * zeros);
    digits_hex_8((const uint8_t *)&bytes, DIGITS_LOWER, out);
    size -= zeros;
#else
    int nth;
    while (size > 1 && !(number >> (4 * size - 4)))
        size--;
    for (nth = 0; nth < size; nth++)
        out[nth] = "0123456789abcdef"[number >> 4 * (size - 1 - nth) & 15];
#endif
    return size;
}

/* The bytes of digits; returns 0 where all were digits. Without a branch or a table, so that compilers
   vectorise it. */
static inline uint8_t digits_bytes_plain(const char *text, int64_t size, uint8_t *out)
{
    uint8_t bad = 0;
    for (int64_t at = 0; at < size; at++) {
        uint8_t high = (uint8_t)text[2 * at], low = (uint8_t)text[2 * at + 1];
        bad |= ((uint8_t)(high - '0') > 9) & ((uint8_t)((high | 32) - 'a') > 5);
        bad |= ((uint8_t)(low - '0') > 9) & ((uint8_t)((low | 32) - 'a') > 5);
        high = (uint8_t)((high & 15) + 9 * (high >> 6));
        low = (uint8_t)((low & 15) + 9 * (low >> 6));
        out[at] = (uint8_t)(high << 4 | low);
    }
    return bad;
}

#ifdef DIGITS_VECTORS

/* The eight bytes of 16 digits, each with a 0 behind it; anything but a digit clears bits of `good`. */
static inline __m128i digits_halves(__m128i text, __m128i *good)
{
    const __m128i digit = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i letter = _mm_sub_epi8(_mm_or_si128(text, _mm_set1_epi8(32)), _mm_set1_epi8('a'));
    const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    const __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
    const __m128i half = _mm_add_epi8(
        _mm_and_si128(text, _mm_set1_epi8(15)), _mm_and_si128(is_letter, _mm_set1_epi8(9)));
    *good = _mm_and_si128(*good, _mm_or_si128(is_digit, is_letter));
    return _mm_and_si128(
        _mm_or_si128(_mm_slli_epi16(half, 4), _mm_srli_epi16(half, 8)), _mm_set1_epi16(255));
}

static inline void digits_bytes_16(const char *text, uint8_t *out, __m128i *good)
{
    const __m128i first = digits_halves(_mm_loadu_si128((const __m128i *)text), good);
    const __m128i second = digits_halves(_mm_loadu_si128((const __m128i *)(text + 16)), good);
    _mm_storeu_si128((__m128i *)out, _mm_packus_epi16(first, second));
}

#endif

/* The bytes of `2 * size` digits in upper or lower case; whether they all are digits. */
static inline int digits_bytes(const char *text, int64_t size, uint8_t *out)
{
#ifdef DIGITS_VECTORS
    if (size >= 16) {
        const int64_t last = size - 16;
        __m128i good = _mm_set1_epi8(-1);
        for (int64_t at = 0; at < last; at += 16)
            digits_bytes_16(text + 2 * at, out + at, &good);
        digits_bytes_16(text + 2 * last, out + last, &good);
        return _mm_movemask_epi8(good) == 0xFFFF;
    }
#endif
    return digits_bytes_plain(text, size, out) == 0;
}

/* --- decimal -------------------------------------------------------------------------------- */

#ifdef DIGITS_WORDS

/* The eight digits of a number below 10^8, each in a byte, the first one lowest: halved three times, and
   both halves at once. */
static inline uint64_t digits_eight(uint32_t number)
{
    const uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
    const uint64_t upper = (fours * 10486 >> 20) & 0x0000007F0000007FULL; /* each hundredth */
    const uint64_t twos = upper | (fours - 100 * upper) << 16;
    const uint64_t tens = (twos * 103 >> 10) & 0x000F000F000F000FULL;
    return tens | (twos - 10 * tens) << 8;
}

static inline int digits_zeros_before(uint64_t eight)
{
    return __builtin_ctzll(eight | 1ULL << 56) >> 3; /* the last digit counts, even if it is 0 */
}

static inline void digits_put_eight(uint64_t eight, char *out)
{
    eight |= 0x3030303030303030ULL;
    memcpy(out, &eight, 8);
}

/* The digits of a number below 10^8, without zeros before it; how many there are. */
static inline int digits_first(uint32_t number, char *out)
{
    const uint64_t eight = digits_eight(number);
    const int zeros = digits_zeros_before(eight);
    digits_put_eight(eight >> 8 * zeros, out);
    return 8 - zeros;
}

#endif

/* The digits of a number; how many there are, at most 20. */
static inline int digits_decimal(uint64_t number, char *out)
{
    int size = 0;
#ifdef DIGITS_WORDS
    const uint64_t unit = 100000000, upper = number / unit;
    if (number < unit)
        return digits_first((uint32_t)number, out);
    if (upper < unit) {
        size = digits_first((uint32_t)upper, out);
    } else {
        size = digits_first((uint32_t)(upper / unit), out);
        digits_put_eight(digits_eight((uint32_t)(upper % unit)), out + size);
        size += 8;
    }
    digits_put_eight(digits_eight((uint32_t)(number % unit)), out + size);
    return size + 8;
#else
    char turned[20];
    int at;
    do {
        turned[size++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    for (at = 0; at < size; at++)
        out[at] = turned[size - 1 - at];
    return size;
#endif
}

/* Where digits end without the zeros at the end; not before `stop`. */
static inline int digits_without_zeros(const char *digits, int size, int stop)
{
#ifdef DIGITS_WORDS
    while (size >= stop + 8) {
        uint64_t eight;
        memcpy(&eight, digits + size - 8, 8);
        eight ^= 0x3030303030303030ULL;
        if (eight)
            return size - (__builtin_clzll(eight) >> 3);
        size -= 8;
    }
#endif
    while (size > stop && digits[size - 1] == '0')
        size--;
    return size;
}

#endif
