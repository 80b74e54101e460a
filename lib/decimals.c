/* decimals: pass over vectors 64 bytes a step */
#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"
#include "decimals.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum {
	DIGITS_MAX = 32
}; /* 39 digits may be beyond float32: a run of so many is left to the slow path */

/* What stands where in 64 bytes, a bit for each. */
struct block {
	uint64_t digit, zero, comma, point, minus;
};

/* What the next block must know of the bytes before it, in bit 0. */
struct before {
	uint64_t digit, comma, point, minus;
	uint64_t leading;    /* a zero that begins a number: no digit may follow */
	uint64_t point_last; /* of points and commas, the last one was a point */
	unsigned run;        /* digits up to its end */
};

/* Whether the block goes on correctly after what was before it; then *b is moved behind it. Each line is a rule about a
 * byte and the one before it. */
static inline __attribute__((always_inline, target("bmi2,lzcnt,bmi"))) bool
follows(const struct block *k, struct before *b)
{
	uint64_t after_digit = k->digit << 1 | b->digit, after_comma = k->comma << 1 | b->comma;
	uint64_t after_point = k->point << 1 | b->point, after_minus = k->minus << 1 | b->minus;
	uint64_t leading = k->zero & (after_comma | after_minus);
	uint64_t marks = k->point | k->comma, points = _pext_u64(k->point, marks);
	uint64_t run = k->digit & k->digit >> 1;
	uint64_t wrong = ~(k->digit | marks | k->minus);

	wrong |= after_comma & ~(k->minus | k->digit);
	wrong |= (after_minus | after_point) & ~k->digit;
	wrong |= k->minus & ~after_comma;
	wrong |= marks & ~after_digit;
	wrong |= (leading << 1 | b->leading) & k->digit;
	wrong |= points & (points << 1 | b->point_last); /* two points, no comma between them */
	for (unsigned n = 2; n < DIGITS_MAX; n *= 2)
		run &= run >> n;
	if (wrong | run || b->run + _tzcnt_u64(~k->digit) >= DIGITS_MAX)
		return false;
	b->digit = k->digit >> 63;
	b->comma = k->comma >> 63;
	b->point = k->point >> 63;
	b->minus = k->minus >> 63;
	b->leading = leading >> 63;
	b->run = (unsigned)_lzcnt_u64(~k->digit);
	if (marks)
		b->point_last = k->point > k->comma; /* the higher bit is the later byte */
	return true;
}

/* The loop around it, for one way to look at 64 bytes. */
#define PASS_OVER(LOOK)                                                                            \
	struct before before = {.comma = 1};                                                       \
	const char *start = p;                                                                     \
	size_t n = 0;                                                                              \
	for (; end - p >= 64; p += 64) {                                                           \
		struct block k;                                                                    \
		LOOK(p, &k);                                                                       \
		if (!follows(&k, &before))                                                         \
			break;                                                                     \
		n += (size_t)_mm_popcnt_u64(k.comma);                                              \
		if (k.comma)                                                                       \
			start = p + 64 - _lzcnt_u64(k.comma);                                      \
	}                                                                                          \
	*count += n;                                                                               \
	return start;

static inline __attribute__((always_inline, target("avx512bw"))) void
look_avx512(const char *p, struct block *k)
{
	__m512i v = _mm512_loadu_si512(p);

	k->digit =
	    _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8('0')), _mm512_set1_epi8(10));
	k->zero = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('0'));
	k->comma = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(','));
	k->point = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('.'));
	k->minus = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('-'));
}

static inline __attribute__((always_inline, target("avx2"))) uint64_t
bits_avx2(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							 << 32;
}

static inline __attribute__((always_inline, target("avx2"))) uint64_t
equal_avx2(__m256i low, __m256i high, char c)
{
	__m256i all = _mm256_set1_epi8(c);

	return bits_avx2(_mm256_cmpeq_epi8(low, all), _mm256_cmpeq_epi8(high, all));
}

static inline __attribute__((always_inline, target("avx2"))) void
look_avx2(const char *p, struct block *k)
{
	__m256i low = _mm256_loadu_si256((const __m256i *)(const void *)p);
	__m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
	/* '0' to '9' moved to the ten lowest signed bytes */
	const __m256i shift = _mm256_set1_epi8((char)(0x80 - '0')),
		      ten = _mm256_set1_epi8((char)(0x80 + 10));

	k->digit = bits_avx2(_mm256_cmpgt_epi8(ten, _mm256_add_epi8(low, shift)),
	    _mm256_cmpgt_epi8(ten, _mm256_add_epi8(high, shift)));
	k->zero = equal_avx2(low, high, '0');
	k->comma = equal_avx2(low, high, ',');
	k->point = equal_avx2(low, high, '.');
	k->minus = equal_avx2(low, high, '-');
}

static __attribute__((target("avx512bw,bmi,bmi2,lzcnt,popcnt"))) const char *
pass_avx512(const char *p, const char *end, size_t *count)
{
	PASS_OVER(look_avx512)
}

static __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))) const char *
pass_avx2(const char *p, const char *end, size_t *count)
{
	PASS_OVER(look_avx2)
}

const char *
vp_decimals(const char *p, const char *end, size_t *count)
{
	if (end - p < 64)
		return p;
	switch (vp_cpu()) {
	case VP_CPU_AVX512:
		return pass_avx512(p, end, count);
	case VP_CPU_AVX2:
		return pass_avx2(p, end, count);
	case VP_CPU_PLAIN:
		break;
	}
	return p;
}
#else
const char *
vp_decimals(const char *p, const char *end, size_t *count)
{
	(void)end;
	(void)count;
	return p;
}
#endif
