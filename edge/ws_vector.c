/* The UTF-8 check looks at each byte together with the one before it. Three tables of sixteen,
 * indexed by the high half and the low half of the byte before and by the high half of the byte
 * itself, each say which faults are possible; a fault that all three allow is there. Third and
 * fourth bytes of a character are found by what stands two and three bytes before them: exactly
 * there two continuation bytes may follow each other.
 *
 * A step with a fault ends the work, as does a step at whose end a character is open when nothing
 * follows: the plain code goes on from the last boundary and finds the byte. */
#include "edge/ws_vector.h"

#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

enum fault {
    TOO_SHORT = 1 << 0,  /* a first byte, then no continuation */
    TOO_LONG = 1 << 1,   /* an ASCII byte, then a continuation */
    OVERLONG_3 = 1 << 2, /* E0, then below A0 */
    TOO_LARGE = 1 << 3,  /* F4, then above 8F; F5 to FF, then anything */
    SURROGATE = 1 << 4,  /* ED, then above 9F */
    OVERLONG_2 = 1 << 5, /* C0 or C1 */
    OVERLONG_4 = 1 << 6, /* F0, then below 90; F5 to FF, then below 90 */
    TWO_TAILS = 1 << 7   /* two continuations: right or wrong by what stands before */
};

enum {
    /* What the low half of the byte before does not rule out. */
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_TAILS,
    PAST_F4 = ANY_LOW | TOO_LARGE | OVERLONG_4,
    /* What each continuation may lead to, whatever stands before it. */
    TAIL = TOO_LONG | OVERLONG_2 | TWO_TAILS
};

#define ROW(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                        \
    {                                                                                              \
        a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p                                             \
    }

static const uint8_t BEFORE_HIGH[16] =
    ROW(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, /* ASCII */
        TWO_TAILS, TWO_TAILS, TWO_TAILS, TWO_TAILS,                                     /* 8 to B */
        TOO_SHORT | OVERLONG_2,                                                         /* C */
        TOO_SHORT,                                                                      /* D */
        TOO_SHORT | OVERLONG_3 | SURROGATE,                                             /* E */
        TOO_SHORT | TOO_LARGE | OVERLONG_4);                                            /* F */

static const uint8_t BEFORE_LOW[16] =
    ROW(ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, /* C0 E0 F0 */
        ANY_LOW | OVERLONG_2,                           /* C1 */
        ANY_LOW, ANY_LOW, ANY_LOW | TOO_LARGE,          /* F4 */
        PAST_F4, PAST_F4, PAST_F4, PAST_F4, PAST_F4, PAST_F4, PAST_F4, PAST_F4,
        PAST_F4 | SURROGATE, /* ED */
        PAST_F4, PAST_F4);

static const uint8_t ITSELF_HIGH[16] =
    ROW(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        TAIL | OVERLONG_3 | OVERLONG_4, /* 80 to 8F */
        TAIL | OVERLONG_3 | TOO_LARGE,  /* 90 to 9F */
        TAIL | SURROGATE | TOO_LARGE,   /* A0 to AF */
        TAIL | SURROGATE | TOO_LARGE,   /* B0 to BF */
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);

enum { SSE = 16, AVX = 32, STEPS = 4 };

/* How many bytes before data[end] the character begins that is open there; 0 when none is. The
 * bytes are valid as far as they go. */
static size_t open_bytes(const uint8_t *data, size_t end)
{
    static const uint8_t first_of[] = {0, 0xC0, 0xE0, 0xF0};
    for (size_t back = 1; back <= 3 && back <= end; back++) {
        if (data[end - back] >= first_of[back]) {
            return back;
        }
    }
    return 0;
}

__attribute__((target("ssse3"))) static __m128i faults_16(__m128i now, __m128i before)
{
    const __m128i half = _mm_set1_epi8(0x0F);
    __m128i back_1 = _mm_alignr_epi8(now, before, SSE - 1);
    __m128i back_2 = _mm_alignr_epi8(now, before, SSE - 2);
    __m128i back_3 = _mm_alignr_epi8(now, before, SSE - 3);
    __m128i high_1 = _mm_and_si128(_mm_srli_epi16(back_1, 4), half);
    __m128i high_0 = _mm_and_si128(_mm_srli_epi16(now, 4), half);
    __m128i low_1 = _mm_and_si128(back_1, half);
    __m128i pair = _mm_shuffle_epi8(_mm_loadu_si128((const void *)BEFORE_HIGH), high_1);
    pair = _mm_and_si128(pair, _mm_shuffle_epi8(_mm_loadu_si128((const void *)BEFORE_LOW), low_1));
    pair =
        _mm_and_si128(pair, _mm_shuffle_epi8(_mm_loadu_si128((const void *)ITSELF_HIGH), high_0));
    /* The high bit is left where a third or fourth byte has its place. */
    __m128i third = _mm_subs_epu8(back_2, _mm_set1_epi8((char)(0xE0 - 0x80)));
    __m128i fourth = _mm_subs_epu8(back_3, _mm_set1_epi8((char)(0xF0 - 0x80)));
    __m128i place = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)TWO_TAILS));
    return _mm_xor_si128(pair, place);
}

/* Bytes that lie in runs of 64 ASCII bytes. */
static size_t ascii_sse2(const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (; len - at >= (size_t)SSE * STEPS; at += (size_t)SSE * STEPS) {
        const __m128i *in = (const void *)(data + at);
        __m128i a = _mm_or_si128(_mm_loadu_si128(in), _mm_loadu_si128(in + 1));
        __m128i b = _mm_or_si128(_mm_loadu_si128(in + 2), _mm_loadu_si128(in + 3));
        if (_mm_movemask_epi8(_mm_or_si128(a, b)) != 0) {
            break;
        }
    }
    return at;
}

__attribute__((target("ssse3"))) static size_t utf8_ssse3(const uint8_t *data, size_t len)
{
    __m128i before = _mm_setzero_si128();
    size_t at = ascii_sse2(data, len);
    while (len - at >= SSE) {
        __m128i now = _mm_loadu_si128((const void *)(data + at));
        __m128i faults = faults_16(now, before);
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(faults, _mm_setzero_si128())) != 0xFFFF) {
            break;
        }
        before = now;
        at += SSE;
        if (_mm_movemask_epi8(now) == 0) {
            at += ascii_sse2(data + at, len - at); /* `before` stays ASCII: nothing is open */
        }
    }
    return at - open_bytes(data, at);
}

__attribute__((target("avx2"))) static __m256i row_32(const uint8_t row[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)row));
}

__attribute__((target("avx2"))) static __m256i faults_32(__m256i now, __m256i before)
{
    const __m256i half = _mm256_set1_epi8(0x0F);
    /* The upper half of what was before and the lower half of now: alignr works in halves. */
    __m256i middle = _mm256_permute2x128_si256(before, now, 0x21);
    __m256i back_1 = _mm256_alignr_epi8(now, middle, SSE - 1);
    __m256i back_2 = _mm256_alignr_epi8(now, middle, SSE - 2);
    __m256i back_3 = _mm256_alignr_epi8(now, middle, SSE - 3);
    __m256i high_1 = _mm256_and_si256(_mm256_srli_epi16(back_1, 4), half);
    __m256i high_0 = _mm256_and_si256(_mm256_srli_epi16(now, 4), half);
    __m256i low_1 = _mm256_and_si256(back_1, half);
    __m256i pair = _mm256_shuffle_epi8(row_32(BEFORE_HIGH), high_1);
    pair = _mm256_and_si256(pair, _mm256_shuffle_epi8(row_32(BEFORE_LOW), low_1));
    pair = _mm256_and_si256(pair, _mm256_shuffle_epi8(row_32(ITSELF_HIGH), high_0));
    __m256i third = _mm256_subs_epu8(back_2, _mm256_set1_epi8((char)(0xE0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(back_3, _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i place =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)TWO_TAILS));
    return _mm256_xor_si256(pair, place);
}

/* Bytes that lie in runs of 128 ASCII bytes. */
__attribute__((target("avx2"))) static size_t ascii_avx2(const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (; len - at >= (size_t)AVX * STEPS; at += (size_t)AVX * STEPS) {
        const __m256i *in = (const void *)(data + at);
        __m256i a = _mm256_or_si256(_mm256_loadu_si256(in), _mm256_loadu_si256(in + 1));
        __m256i b = _mm256_or_si256(_mm256_loadu_si256(in + 2), _mm256_loadu_si256(in + 3));
        if (_mm256_movemask_epi8(_mm256_or_si256(a, b)) != 0) {
            break;
        }
    }
    return at;
}

__attribute__((target("avx2"))) static size_t utf8_avx2(const uint8_t *data, size_t len)
{
    __m256i before = _mm256_setzero_si256();
    size_t at = ascii_avx2(data, len);
    while (len - at >= AVX) {
        __m256i now = _mm256_loadu_si256((const void *)(data + at));
        __m256i faults = faults_32(now, before);
        if (!_mm256_testz_si256(faults, faults)) {
            break;
        }
        before = now;
        at += AVX;
        if (_mm256_movemask_epi8(now) == 0) {
            at += ascii_avx2(data + at, len - at); /* `before` stays ASCII: nothing is open */
        }
    }
    return at - open_bytes(data, at);
}

static size_t unmask_sse2(uint8_t *data, size_t len, uint32_t key)
{
    const __m128i keys = _mm_set1_epi32((int)key);
    size_t at = 0;
    for (; len - at >= SSE; at += SSE) {
        __m128i *step = (void *)(data + at);
        _mm_storeu_si128(step, _mm_xor_si128(_mm_loadu_si128(step), keys));
    }
    return at;
}

__attribute__((target("avx2"))) static size_t unmask_avx2(uint8_t *data, size_t len, uint32_t key)
{
    const __m256i keys = _mm256_set1_epi32((int)key);
    size_t at = 0;
    for (; len - at >= (size_t)AVX * STEPS; at += (size_t)AVX * STEPS) {
        __m256i *step = (void *)(data + at);
        for (int i = 0; i < STEPS; i++) {
            _mm256_storeu_si256(step + i, _mm256_xor_si256(_mm256_loadu_si256(step + i), keys));
        }
    }
    for (; len - at >= AVX; at += AVX) {
        __m256i *step = (void *)(data + at);
        _mm256_storeu_si256(step, _mm256_xor_si256(_mm256_loadu_si256(step), keys));
    }
    return at;
}

enum ws_vector ws_vector_best(void)
{
    if (__builtin_cpu_supports("avx2")) {
        return WS_VECTOR_AVX2;
    }
    return __builtin_cpu_supports("ssse3") ? WS_VECTOR_SSSE3 : WS_VECTOR_NONE;
}

size_t ws_vector_unmask(enum ws_vector vector, uint8_t *data, size_t len, const uint8_t mask[4])
{
    uint32_t key;
    memcpy(&key, mask, sizeof(key));
    if (vector == WS_VECTOR_NONE || len < SSE) {
        return 0;
    }
    return vector == WS_VECTOR_AVX2 ? unmask_avx2(data, len, key) : unmask_sse2(data, len, key);
}

size_t ws_vector_utf8(enum ws_vector vector, const uint8_t *data, size_t len)
{
    if (vector == WS_VECTOR_NONE || len < SSE) {
        return 0;
    }
    return vector == WS_VECTOR_AVX2 ? utf8_avx2(data, len) : utf8_ssse3(data, len);
}

#else

enum ws_vector ws_vector_best(void)
{
    return WS_VECTOR_NONE;
}

size_t ws_vector_unmask(enum ws_vector vector, uint8_t *data, size_t len, const uint8_t mask[4])
{
    (void)vector;
    (void)data;
    (void)len;
    (void)mask;
    return 0;
}

size_t ws_vector_utf8(enum ws_vector vector, const uint8_t *data, size_t len)
{
    (void)vector;
    (void)data;
    (void)len;
    return 0;
}

#endif
