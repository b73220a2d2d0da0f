/* SHA-512 of many messages at once, cut to 32 bytes (FIPS 180-4, section 6.4).

   A ledger is many short messages. Each lane of a vector works on a message of its own, so that eight
   (AVX-512) or four (AVX2) of them take little longer than one. What the processor can do is asked when
   the program runs; everywhere else one message follows another.

   Messages come padded, as whole blocks of 128 bytes: see sha512_pad. */

#ifndef EKSPIPER_SHA512_H
#define EKSPIPER_SHA512_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define SHA512_VECTORS 1
#endif

#define SHA512_BLOCK 128
#define SHA512_HALF 32
/* What padding adds at most: a block but one byte, one bit, and the length in 16 bytes. */
#define SHA512_PADDING 144

typedef struct {
    const uint8_t *at;  /* the padded message */
    uint8_t *half;      /* where its 32 bytes go */
    size_t blocks;
} sha512_job;

static const uint64_t SHA512_K[80] = {
    0x428a2f98d728ae22ULL, 0x7137449123ef65cdULL, 0xb5c0fbcfec4d3b2fULL, 0xe9b5dba58189dbbcULL,
    0x3956c25bf348b538ULL, 0x59f111f1b605d019ULL, 0x923f82a4af194f9bULL, 0xab1c5ed5da6d8118ULL,
    0xd807aa98a3030242ULL, 0x12835b0145706fbeULL, 0x243185be4ee4b28cULL, 0x550c7dc3d5ffb4e2ULL,
    0x72be5d74f27b896fULL, 0x80deb1fe3b1696b1ULL, 0x9bdc06a725c71235ULL, 0xc19bf174cf692694ULL,
    0xe49b69c19ef14ad2ULL, 0xefbe4786384f25e3ULL, 0x0fc19dc68b8cd5b5ULL, 0x240ca1cc77ac9c65ULL,
    0x2de92c6f592b0275ULL, 0x4a7484aa6ea6e483ULL, 0x5cb0a9dcbd41fbd4ULL, 0x76f988da831153b5ULL,
    0x983e5152ee66dfabULL, 0xa831c66d2db43210ULL, 0xb00327c898fb213fULL, 0xbf597fc7beef0ee4ULL,
    0xc6e00bf33da88fc2ULL, 0xd5a79147930aa725ULL, 0x06ca6351e003826fULL, 0x142929670a0e6e70ULL,
    0x27b70a8546d22ffcULL, 0x2e1b21385c26c926ULL, 0x4d2c6dfc5ac42aedULL, 0x53380d139d95b3dfULL,
    0x650a73548baf63deULL, 0x766a0abb3c77b2a8ULL, 0x81c2c92e47edaee6ULL, 0x92722c851482353bULL,
    0xa2bfe8a14cf10364ULL, 0xa81a664bbc423001ULL, 0xc24b8b70d0f89791ULL, 0xc76c51a30654be30ULL,
    0xd192e819d6ef5218ULL, 0xd69906245565a910ULL, 0xf40e35855771202aULL, 0x106aa07032bbd1b8ULL,
    0x19a4c116b8d2d0c8ULL, 0x1e376c085141ab53ULL, 0x2748774cdf8eeb99ULL, 0x34b0bcb5e19b48a8ULL,
    0x391c0cb3c5c95a63ULL, 0x4ed8aa4ae3418acbULL, 0x5b9cca4f7763e373ULL, 0x682e6ff3d6b2b8a3ULL,
    0x748f82ee5defb2fcULL, 0x78a5636f43172f60ULL, 0x84c87814a1f0ab72ULL, 0x8cc702081a6439ecULL,
    0x90befffa23631e28ULL, 0xa4506cebde82bde9ULL, 0xbef9a3f7b2c67915ULL, 0xc67178f2e372532bULL,
    0xca273eceea26619cULL, 0xd186b8c721c0c207ULL, 0xeada7dd6cde0eb1eULL, 0xf57d4f7fee6ed178ULL,
    0x06f067aa72176fbaULL, 0x0a637dc5a2c898a6ULL, 0x113f9804bef90daeULL, 0x1b710b35131c471bULL,
    0x28db77f523047d84ULL, 0x32caab7b40c72493ULL, 0x3c9ebe0a15c9bebcULL, 0x431d67c49c100d4cULL,
    0x4cc5d4becb3e42b6ULL, 0x597f299cfc657e2aULL, 0x5fcb6fab3ad6faecULL, 0x6c44198c4a475817ULL,
};

static const uint64_t SHA512_START[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

static inline uint64_t sha512_read(const uint8_t *at)
{
    return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 | (uint64_t)at[3] << 32
        | (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | (uint64_t)at[7];
}

static inline void sha512_write(uint64_t word, uint8_t *at)
{
    for (int nth = 0; nth < 8; nth++)
        at[nth] = (uint8_t)(word >> (56 - 8 * nth));
}

#define SHA512_TURN(x, n) ((x) >> (n) | (x) << (64 - (n)))

#define SHA512_ROUND(WORD, a, b, c, d, e, f, g, h, k, w)                                                   \
    {                                                                                                      \
        const WORD one = h + (SHA512_TURN(e, 14) ^ SHA512_TURN(e, 18) ^ SHA512_TURN(e, 41))                \
            + (g ^ (e & (f ^ g))) + (k) + (w);                                                             \
        const WORD two = (SHA512_TURN(a, 28) ^ SHA512_TURN(a, 34) ^ SHA512_TURN(a, 39))                    \
            + ((a & b) | (c & (a | b)));                                                                   \
        d += one;                                                                                          \
        h = one + two;                                                                                     \
    }

/* One block of each lane. WORD is a number, or a vector of them: the arithmetic is written once. */
#define SHA512_ROUNDS(WORD, state, w)                                                                      \
    WORD a = state[0], b = state[1], c = state[2], d = state[3];                                           \
    WORD e = state[4], f = state[5], g = state[6], h = state[7];                                           \
    for (int from = 0; from < 80; from += 16) {                                                            \
        for (int nth = 0; from && nth < 16; nth++) {                                                       \
            const WORD early = w[(nth + 1) & 15], late = w[(nth + 14) & 15];                               \
            w[nth] += (SHA512_TURN(early, 1) ^ SHA512_TURN(early, 8) ^ early >> 7) + w[(nth + 9) & 15]     \
                + (SHA512_TURN(late, 19) ^ SHA512_TURN(late, 61) ^ late >> 6);                             \
        }                                                                                                  \
        for (int nth = 0; nth < 16; nth += 8) {                                                            \
            const uint64_t *k = SHA512_K + from + nth;                                                     \
            SHA512_ROUND(WORD, a, b, c, d, e, f, g, h, k[0], w[nth])                                       \
            SHA512_ROUND(WORD, h, a, b, c, d, e, f, g, k[1], w[nth + 1])                                   \
            SHA512_ROUND(WORD, g, h, a, b, c, d, e, f, k[2], w[nth + 2])                                   \
            SHA512_ROUND(WORD, f, g, h, a, b, c, d, e, k[3], w[nth + 3])                                   \
            SHA512_ROUND(WORD, e, f, g, h, a, b, c, d, k[4], w[nth + 4])                                   \
            SHA512_ROUND(WORD, d, e, f, g, h, a, b, c, k[5], w[nth + 5])                                   \
            SHA512_ROUND(WORD, c, d, e, f, g, h, a, b, k[6], w[nth + 6])                                   \
            SHA512_ROUND(WORD, b, c, d, e, f, g, h, a, k[7], w[nth + 7])                                   \
        }                                                                                                  \
    }                                                                                                      \
    state[0] += a; state[1] += b; state[2] += c; state[3] += d;                                            \
    state[4] += e; state[5] += f; state[6] += g; state[7] += h;

static void sha512_block(uint64_t *state, const uint8_t *at)
{
    uint64_t w[16];
    for (int nth = 0; nth < 16; nth++)
        w[nth] = sha512_read(at + 8 * nth);
    SHA512_ROUNDS(uint64_t, state, w)
}

static void sha512_finish(uint64_t *state, const sha512_job *job, size_t done)
{
    for (; done < job->blocks; done++)
        sha512_block(state, job->at + SHA512_BLOCK * done);
    for (int nth = 0; nth < 4; nth++)
        sha512_write(state[nth], job->half + 8 * nth);
}

static void sha512_in_turn(const sha512_job *jobs, size_t count)
{
    for (size_t nth = 0; nth < count; nth++) {
        uint64_t state[8];
        memcpy(state, SHA512_START, sizeof state);
        sha512_finish(state, jobs + nth, 0);
    }
}

#ifdef SHA512_VECTORS

/* Defines NAME, which hashes jobs on LANES lanes. The longest stand first, so that the lanes end at about
   the same time; a lane that is done takes the next job. When so few are left that the lanes do not pay,
   those are finished one by one. */
#define SHA512_ON_LANES(NAME, VECTOR, LANES, TARGET, FEW)                                                  \
    typedef uint64_t VECTOR __attribute__((vector_size(8 * LANES)));                                       \
    TARGET static void NAME(const sha512_job *jobs, size_t count)                                          \
    {                                                                                                      \
        VECTOR state[8], w[16];                                                                            \
        const sha512_job *on[LANES];                                                                       \
        size_t done[LANES], next = 0;                                                                      \
        int busy = 0;                                                                                      \
        memset(state, 0, sizeof state);                                                                    \
        memset(w, 0, sizeof w);                                                                            \
        for (int lane = 0; lane < LANES; lane++) {                                                         \
            on[lane] = NULL;                                                                               \
            done[lane] = 0;                                                                                \
        }                                                                                                  \
        for (;;) {                                                                                         \
            for (int lane = 0; lane < LANES && next < count; lane++) {                                     \
                if (on[lane] != NULL)                                                                      \
                    continue;                                                                              \
                on[lane] = jobs + next++;                                                                  \
                done[lane] = 0;                                                                            \
                busy++;                                                                                    \
                for (int nth = 0; nth < 8; nth++)                                                          \
                    state[nth][lane] = SHA512_START[nth];                                                  \
            }                                                                                              \
            if (busy <= FEW)                                                                               \
                break;                                                                                     \
            for (int lane = 0; lane < LANES; lane++) {                                                     \
                if (on[lane] == NULL)                                                                      \
                    continue; /* what stands in an idle lane does not matter */                            \
                const uint8_t *at = on[lane]->at + SHA512_BLOCK * done[lane];                              \
                for (int nth = 0; nth < 16; nth++)                                                         \
                    ((uint64_t *)w)[nth * LANES + lane] = sha512_read(at + 8 * nth);                       \
            }                                                                                              \
            SHA512_ROUNDS(VECTOR, state, w)                                                                \
            for (int lane = 0; lane < LANES; lane++) {                                                     \
                if (on[lane] == NULL || ++done[lane] < on[lane]->blocks)                                   \
                    continue;                                                                              \
                for (int nth = 0; nth < 4; nth++)                                                          \
                    sha512_write(state[nth][lane], on[lane]->half + 8 * nth);                              \
                on[lane] = NULL;                                                                           \
                busy--;                                                                                    \
            }                                                                                              \
        }                                                                                                  \
        for (int lane = 0; lane < LANES; lane++) {                                                         \
            uint64_t alone[8];                                                                             \
            if (on[lane] == NULL)                                                                          \
                continue;                                                                                  \
            for (int nth = 0; nth < 8; nth++)                                                              \
                alone[nth] = state[nth][lane];                                                             \
            sha512_finish(alone, on[lane], done[lane]);                                                    \
        }                                                                                                  \
    }

SHA512_ON_LANES(sha512_on_4, sha512_vector4, 4, __attribute__((target("avx2"))), 1)
SHA512_ON_LANES(sha512_on_8, sha512_vector8, 8, __attribute__((target("avx512f"))), 2)

static int sha512_longer_first(const void *one, const void *other)
{
    const size_t a = ((const sha512_job *)one)->blocks, b = ((const sha512_job *)other)->blocks;
    return (a < b) - (a > b);
}

#endif

/* How many messages this processor takes at once. */
static int sha512_lanes(void)
{
#ifdef SHA512_VECTORS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return 8;
    if (__builtin_cpu_supports("avx2"))
        return 4;
#endif
    return 1;
}

/* Hash all jobs, whose order may change, on at most so many lanes. */
static void sha512_many(sha512_job *jobs, size_t count, int lanes)
{
#ifdef SHA512_VECTORS
    if (lanes >= 4 && count > 1) {
        qsort(jobs, count, sizeof *jobs, sha512_longer_first);
        if (lanes >= 8)
            sha512_on_8(jobs, count);
        else
            sha512_on_4(jobs, count);
        return;
    }
#else
    (void)lanes;
#endif
    sha512_in_turn(jobs, count);
}

/* Pad the message of so many bytes at `at`, where there is room for it; how many blocks it is then. */
static size_t sha512_pad(uint8_t *at, size_t size)
{
    const size_t blocks = (size + 17 + SHA512_BLOCK - 1) / SHA512_BLOCK;
    memset(at + size, 0, blocks * SHA512_BLOCK - size);
    at[size] = 0x80;
    sha512_write((uint64_t)size << 3, at + blocks * SHA512_BLOCK - 8);
    return blocks;
}

#endif
