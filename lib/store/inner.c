/* inner: inner products for the processor at hand */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

#define LANES 16   /* of a sum of doubles */
#define AHEAD 8192 /* bytes between what is read and what is fetched into the cache */

struct kernel {
	const char *name;
	double (*dot)(const float *a, const float *b, size_t n);
	double (*squares)(const float *a, const float *b, size_t n);
	void (*bytes)(const int8_t *q, const uint8_t *rows, size_t count, size_t n, int32_t *out);
};

static double
sum_lanes(const double lane[LANES])
{
	double sum = 0;

	for (size_t i = 0; i < LANES; i++)
		sum += lane[i];
	return sum;
}

static double
plain_dot(const float *a, const float *b, size_t n)
{
	double lane[LANES] = {0};

	for (size_t i = 0; i < n; i += LANES)
		for (size_t j = 0; j < LANES; j++)
			lane[j] += (double)a[i + j] * (double)b[i + j];
	return sum_lanes(lane);
}

static double
plain_squares(const float *a, const float *b, size_t n)
{
	double lane[LANES] = {0};

	for (size_t i = 0; i < n; i += LANES)
		for (size_t j = 0; j < LANES; j++) {
			double d = (double)a[i + j] - (double)b[i + j];
			double dd = d * d; /* a statement of its own: not to be fused */
			lane[j] += dd;
		}
	return sum_lanes(lane);
}

static void
plain_bytes(const int8_t *q, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	for (size_t r = 0; r < count; r++, rows += n) {
		int32_t sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += q[i] * rows[i];
		out[r] = sum;
	}
}

static const struct kernel plain = {"plain", plain_dot, plain_squares, plain_bytes};

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

AVX2 static double
avx2_dot(const float *a, const float *b, size_t n)
{
	__m256d s[4] = {
	    _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
	double lane[LANES];

	for (size_t i = 0; i < n; i += LANES)
		for (size_t j = 0; j < 4; j++)
			s[j] = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(a + i + 4 * j)),
			    _mm256_cvtps_pd(_mm_loadu_ps(b + i + 4 * j)), s[j]);
	for (size_t j = 0; j < 4; j++)
		_mm256_storeu_pd(lane + 4 * j, s[j]);
	return sum_lanes(lane);
}

AVX2 static double
avx2_squares(const float *a, const float *b, size_t n)
{
	__m256d s[4] = {
	    _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
	double lane[LANES];

	for (size_t i = 0; i < n; i += LANES)
		for (size_t j = 0; j < 4; j++) {
			__m256d d = _mm256_sub_pd(_mm256_cvtps_pd(_mm_loadu_ps(a + i + 4 * j)),
			    _mm256_cvtps_pd(_mm_loadu_ps(b + i + 4 * j)));
			s[j] = _mm256_add_pd(s[j], _mm256_mul_pd(d, d));
		}
	for (size_t j = 0; j < 4; j++)
		_mm256_storeu_pd(lane + 4 * j, s[j]);
	return sum_lanes(lane);
}

AVX2 static void
avx2_bytes(const int8_t *q, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	for (size_t r = 0; r < count; r++, rows += n) {
		__m256i s = _mm256_setzero_si256();
		__m128i half;

		/* 16 bits, because the products of bytes would be added with saturation */
		for (size_t i = 0; i < n; i += 16) {
			__m256i x = _mm256_cvtepi8_epi16(
			    _mm_loadu_si128((const __m128i *)(const void *)(q + i)));
			__m256i y = _mm256_cvtepu8_epi16(
			    _mm_load_si128((const __m128i *)(const void *)(rows + i)));
			s = _mm256_add_epi32(s, _mm256_madd_epi16(x, y));
		}
		half = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
		half = _mm_hadd_epi32(half, half);
		half = _mm_hadd_epi32(half, half);
		out[r] = _mm_cvtsi128_si32(half);
	}
}

static const struct kernel avx2 = {"avx2", avx2_dot, avx2_squares, avx2_bytes};

AVX512 static double
avx512_dot(const float *a, const float *b, size_t n)
{
	__m512d s = _mm512_setzero_pd(), t = _mm512_setzero_pd();
	double lane[LANES];

	for (size_t i = 0; i < n; i += LANES) {
		s = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i)),
		    _mm512_cvtps_pd(_mm256_loadu_ps(b + i)), s);
		t = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i + 8)),
		    _mm512_cvtps_pd(_mm256_loadu_ps(b + i + 8)), t);
	}
	_mm512_storeu_pd(lane, s);
	_mm512_storeu_pd(lane + 8, t);
	return sum_lanes(lane);
}

AVX512 static double
avx512_squares(const float *a, const float *b, size_t n)
{
	__m512d s = _mm512_setzero_pd(), t = _mm512_setzero_pd();
	double lane[LANES];

	for (size_t i = 0; i < n; i += LANES) {
		__m512d d = _mm512_sub_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i)),
		    _mm512_cvtps_pd(_mm256_loadu_ps(b + i)));
		__m512d e = _mm512_sub_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i + 8)),
		    _mm512_cvtps_pd(_mm256_loadu_ps(b + i + 8)));
		s = _mm512_add_pd(s, _mm512_mul_pd(d, d));
		t = _mm512_add_pd(t, _mm512_mul_pd(e, e));
	}
	_mm512_storeu_pd(lane, s);
	_mm512_storeu_pd(lane + 8, t);
	return sum_lanes(lane);
}

/* Four rows at once: each load of q is used four times, and four sums hide the latency. What is
 * AHEAD is fetched by hand: the processor does not see through four streams that stop after a row.
 * (50,000 rows of 768: 2.0 ms without, 0.8 ms with it on a Zen 5.) */
AVX512 static void
avx512_four(const int8_t *q, const uint8_t *rows, size_t n, int32_t *out)
{
	__m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
	    _mm512_setzero_si512()};
	__mmask64 rest = ((__mmask64)1 << (n % 64)) - 1;
	size_t i = 0;

	for (; i + 64 <= n; i += 64) {
		__m512i x = _mm512_loadu_si512(q + i);
		for (size_t j = 0; j < 4; j++) {
			_mm_prefetch((const char *)rows + j * n + i + AHEAD, _MM_HINT_T0);
			s[j] = _mm512_dpbusd_epi32(s[j], _mm512_loadu_si512(rows + j * n + i), x);
		}
	}
	if (rest) {
		__m512i x = _mm512_maskz_loadu_epi8(rest, q + i);
		for (size_t j = 0; j < 4; j++)
			s[j] = _mm512_dpbusd_epi32(
			    s[j], _mm512_maskz_loadu_epi8(rest, rows + j * n + i), x);
	}
	for (size_t j = 0; j < 4; j++)
		out[j] = _mm512_reduce_add_epi32(s[j]);
}

AVX512 static void
avx512_bytes(const int8_t *q, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	size_t r = 0;

	for (; r + 4 <= count; r += 4)
		avx512_four(q, rows + r * n, n, out + r);
	for (; r < count; r++) {
		__m512i s = _mm512_setzero_si512();
		for (size_t i = 0; i < n; i += 64) {
			__mmask64 m = n - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - i)) - 1;
			s = _mm512_dpbusd_epi32(s, _mm512_maskz_loadu_epi8(m, rows + r * n + i),
			    _mm512_maskz_loadu_epi8(m, q + i));
		}
		out[r] = _mm512_reduce_add_epi32(s);
	}
}

static const struct kernel avx512 = {"avx512", avx512_dot, avx512_squares, avx512_bytes};

static const struct kernel *
best(void)
{
	const char *most = getenv("VP_CPU");

	if (most && strcmp(most, "plain") == 0)
		return &plain;
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("avx512vnni") && !(most && strcmp(most, "avx2") == 0))
		return &avx512;
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &avx2 : &plain;
}
#else
static const struct kernel *
best(void)
{
	return &plain;
}
#endif

static const struct kernel *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
choose(void)
{
	chosen = best();
}

static const struct kernel *
kernel(void)
{
	pthread_once(&once, choose);
	return chosen;
}

double
vp_inner_dot(const float *a, const float *b, size_t n)
{
	return kernel()->dot(a, b, n);
}

double
vp_inner_squares(const float *a, const float *b, size_t n)
{
	return kernel()->squares(a, b, n);
}

void
vp_inner_bytes(const int8_t *q, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	kernel()->bytes(q, rows, count, n, out);
}

const char *
vp_inner_processor(void)
{
	return kernel()->name;
}
