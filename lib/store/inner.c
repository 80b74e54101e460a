/* inner: inner products for the processor at hand */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "cpu.h"
#include "inner.h"

#define ROWS VP_INNER_ROWS
#define LANES 16    /* of a sum of doubles */
#define AHEAD 16384 /* bytes between what is read and what is fetched into the cache */

struct kernel {
	const char *name;
	double (*dot)(const float *a, const float *b, size_t n);
	double (*squares)(const float *a, const float *b, size_t n);
	double (*to_bytes)(const float *values, size_t n, float *scale, uint8_t *bytes);
	void (*bytes)(const int8_t *const q[], size_t m, const uint8_t *rows, size_t count,
	    size_t n, int32_t *out);
	uint64_t (*weigh)(const struct vp_inner_weights *k, const float *scales, const float *norms,
	    const float *errors, const int32_t *dots, float bar, float *good, float *error);
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

static double
plain_to_bytes(const float *values, size_t n, float *scale, uint8_t *bytes)
{
	double lane[LANES] = {0};
	float most = 0;

	for (size_t i = 0; i < n; i++)
		most = fabsf(values[i]) > most ? fabsf(values[i]) : most;
	*scale = most / 127;
	for (size_t i = 0; i < n; i += LANES)
		for (size_t j = 0; j < LANES; j++) {
			float x = values[i + j] / *scale;
			int step = (int)(x < 0 ? x - 0.5f : x + 0.5f);
			double d = (double)values[i + j] - (double)step * (double)*scale;
			double dd = d * d;
			bytes[i + j] = (uint8_t)(step + 128);
			lane[j] += dd;
		}
	return sum_lanes(lane);
}

static void
plain_bytes(
    const int8_t *const q[], size_t m, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	for (size_t r = 0; r < count; r++, rows += n)
		for (size_t j = 0; j < m; j++) {
			int32_t sum = 0;
			for (size_t i = 0; i < n; i++)
				sum += q[j][i] * rows[i];
			out[j * ROWS + r] = sum;
		}
}

/* Both loops are free of branches, so that compilers make vectors of the first. */
static inline uint64_t
weigh(const struct vp_inner_weights *k, const float *scales, const float *norms,
    const float *errors, const int32_t *dots, float bar, float *good, float *error)
{
	uint64_t over = 0;

	for (size_t i = 0; i < ROWS; i++) {
		float square = norms[i] * norms[i];
		good[i] = k->dot * scales[i] * (float)(dots[i] - k->offset) - k->square * square;
		error[i] =
		    k->error * errors[i] + k->norm * norms[i] + k->norm_square * square + k->all;
	}
	for (size_t i = 0; i < ROWS; i++)
		over |= (uint64_t)(good[i] + error[i] >= bar) << i;
	return over;
}

static const struct kernel plain = {
    "plain", plain_dot, plain_squares, plain_to_bytes, plain_bytes, weigh};

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
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

AVX2 static int32_t
avx2_row(const int8_t *q, const uint8_t *row, size_t n)
{
	__m256i s = _mm256_setzero_si256();
	__m128i half;

	/* 16 bits, because the products of bytes would be added with saturation */
	for (size_t i = 0; i < n; i += 16) {
		__m256i x =
		    _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(q + i)));
		__m256i y =
		    _mm256_cvtepu8_epi16(_mm_load_si128((const __m128i *)(const void *)(row + i)));
		s = _mm256_add_epi32(s, _mm256_madd_epi16(x, y));
	}
	half = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
	half = _mm_hadd_epi32(half, half);
	half = _mm_hadd_epi32(half, half);
	return _mm_cvtsi128_si32(half);
}

AVX2 static void
avx2_bytes(
    const int8_t *const q[], size_t m, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	for (size_t r = 0; r < count; r++)
		for (size_t j = 0; j < m; j++)
			out[j * ROWS + r] = avx2_row(q[j], rows + r * n, n);
}

static const struct kernel avx2 = {
    "avx2", avx2_dot, avx2_squares, plain_to_bytes, avx2_bytes, weigh};

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

/* Without it, opening a file of 50,000 records of 768 would take 0.4 s and not 0.2. */
AVX512 static double
avx512_to_bytes(const float *values, size_t n, float *scale, uint8_t *bytes)
{
	__m512 most = _mm512_setzero_ps(), by, half = _mm512_set1_ps(0.5f);
	__m512d wide, s = _mm512_setzero_pd(), t = _mm512_setzero_pd();
	double lane[LANES];

	for (size_t i = 0; i < n; i += LANES)
		most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_loadu_ps(values + i)));
	*scale = _mm512_reduce_max_ps(most) / 127;
	by = _mm512_set1_ps(*scale);
	wide = _mm512_set1_pd((double)*scale);
	for (size_t i = 0; i < n; i += LANES) {
		__m512 v = _mm512_loadu_ps(values + i), x = _mm512_div_ps(v, by);
		__mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
		__m512i step =
		    _mm512_cvttps_epi32(_mm512_mask_sub_ps(_mm512_add_ps(x, half), below, x, half));
		__m512d d = _mm512_sub_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(v)),
		    _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(step)), wide));
		__m512d e = _mm512_sub_pd(_mm512_cvtps_pd(_mm256_loadu_ps(values + i + 8)),
		    _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(step, 1)), wide));
		s = _mm512_add_pd(s, _mm512_mul_pd(d, d));
		t = _mm512_add_pd(t, _mm512_mul_pd(e, e));
		_mm_storeu_si128((__m128i *)(void *)(bytes + i),
		    _mm512_cvtepi32_epi8(_mm512_add_epi32(step, _mm512_set1_epi32(128))));
	}
	_mm512_storeu_pd(lane, s);
	_mm512_storeu_pd(lane + 8, t);
	return sum_lanes(lane);
}

/* The sums of 16 vectors, in the order of the vectors: halves are added until one vector is left,
 * which takes a third of what adding up each by itself does. */
AVX512 static inline __m512i
sum_16(const __m512i s[16])
{
	__m512i a[8], b[4], c[2];

	UNROLL for (size_t i = 0; i < 8; i++) a[i] =
	    _mm512_add_epi32(_mm512_unpacklo_epi32(s[2 * i], s[2 * i + 1]),
		_mm512_unpackhi_epi32(s[2 * i], s[2 * i + 1]));
	UNROLL for (size_t i = 0; i < 4; i++) b[i] =
	    _mm512_add_epi32(_mm512_unpacklo_epi64(a[2 * i], a[2 * i + 1]),
		_mm512_unpackhi_epi64(a[2 * i], a[2 * i + 1]));
	UNROLL for (size_t i = 0; i < 2; i++) /* b[i]: four sums in each quarter */
	    c[i] = _mm512_add_epi32(_mm512_shuffle_i32x4(b[2 * i], b[2 * i + 1], 0x88),
		_mm512_shuffle_i32x4(b[2 * i], b[2 * i + 1], 0xdd));
	return _mm512_add_epi32(
	    _mm512_shuffle_i32x4(c[0], c[1], 0x88), _mm512_shuffle_i32x4(c[0], c[1], 0xdd));
}

/* `high` rows with `wide` questions at once, up to 16 sums: each load of a row serves all
 * questions, each load of a question all rows, and 16 sums hide the latency. What is AHEAD is
 * fetched by hand: the processor does not see through streams that stop after a row. */
AVX512 static inline __attribute__((always_inline)) void
avx512_tile(
    const int8_t *const q[], size_t wide, const uint8_t *rows, size_t high, size_t n, int32_t *out)
{
	__mmask64 rest = ((__mmask64)1 << (n % 64)) - 1;
	__m512i s[16];
	int32_t sums[16];

	UNROLL for (size_t k = 0; k < 16; k++) s[k] = _mm512_setzero_si512();
	for (size_t i = 0; i < n; i += 64) {
		__mmask64 m = n - i >= 64 ? ~(__mmask64)0 : rest;
		__m512i x[8];
		UNROLL for (size_t j = 0; j < wide; j++) x[j] =
		    _mm512_maskz_loadu_epi8(m, q[j] + i);
		UNROLL for (size_t r = 0; r < high; r++)
		{
			__m512i y = _mm512_maskz_loadu_epi8(m, rows + r * n + i);
			_mm_prefetch((const char *)rows + r * n + i + AHEAD, _MM_HINT_T0);
			UNROLL for (size_t j = 0; j < wide; j++) s[j * high + r] =
			    _mm512_dpbusd_epi32(s[j * high + r], y, x[j]);
		}
	}
	_mm512_storeu_si512(sums, sum_16(s));
	for (size_t j = 0; j < wide; j++)
		memcpy(out + j * ROWS, sums + j * high, high * sizeof *sums);
}

AVX512 static void
avx512_row(const int8_t *q, const uint8_t *row, size_t n, int32_t *out)
{
	__m512i s = _mm512_setzero_si512();

	for (size_t i = 0; i < n; i += 64) {
		__mmask64 m = n - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - i)) - 1;
		s = _mm512_dpbusd_epi32(
		    s, _mm512_maskz_loadu_epi8(m, row + i), _mm512_maskz_loadu_epi8(m, q + i));
	}
	*out = _mm512_reduce_add_epi32(s);
}

/* [m] questions, as eights, fours, twos and one; what rows do not fill a tile are taken singly. */
AVX512 static void
avx512_bytes(
    const int8_t *const q[], size_t m, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	for (size_t j = 0, wide; j < m; j += wide, q += wide, out += wide * ROWS) {
		size_t r = 0, high;

		wide = m - j >= 8 ? 8 : m - j >= 4 ? 4 : m - j >= 2 ? 2 : 1;
		high = wide == 1 ? 8 : 16 / wide; /* more streams than 8 cost more than they hide */
		for (; r + high <= count; r += high)
			if (wide == 8)
				avx512_tile(q, 8, rows + r * n, 2, n, out + r);
			else if (wide == 4)
				avx512_tile(q, 4, rows + r * n, 4, n, out + r);
			else if (wide == 2)
				avx512_tile(q, 2, rows + r * n, 8, n, out + r);
			else
				avx512_tile(q, 1, rows + r * n, 8, n, out + r);
		for (; r < count; r++)
			for (size_t k = 0; k < wide; k++)
				avx512_row(q[k], rows + r * n, n, out + k * ROWS + r);
	}
}

AVX512 static uint64_t
avx512_weigh(const struct vp_inner_weights *k, const float *scales, const float *norms,
    const float *errors, const int32_t *dots, float bar, float *good, float *error)
{
	__m512i offset = _mm512_set1_epi32(k->offset);
	uint64_t over = 0;

	for (size_t i = 0; i < ROWS; i += 16) {
		__m512 norm = _mm512_loadu_ps(norms + i), square = _mm512_mul_ps(norm, norm);
		__m512 dot =
		    _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(dots + i), offset));
		__m512 g = _mm512_mul_ps(
		    _mm512_mul_ps(_mm512_set1_ps(k->dot), _mm512_loadu_ps(scales + i)), dot);
		__m512 e =
		    _mm512_fmadd_ps(_mm512_set1_ps(k->norm_square), square, _mm512_set1_ps(k->all));
		g = _mm512_fnmadd_ps(_mm512_set1_ps(k->square), square, g);
		e = _mm512_fmadd_ps(_mm512_set1_ps(k->norm), norm, e);
		e = _mm512_fmadd_ps(_mm512_set1_ps(k->error), _mm512_loadu_ps(errors + i), e);
		_mm512_storeu_ps(good + i, g);
		_mm512_storeu_ps(error + i, e);
		over |= (uint64_t)_mm512_cmp_ps_mask(
			    _mm512_add_ps(g, e), _mm512_set1_ps(bar), _CMP_GE_OQ)
			<< i;
	}
	return over;
}

static const struct kernel avx512 = {
    "avx512", avx512_dot, avx512_squares, avx512_to_bytes, avx512_bytes, avx512_weigh};

static const struct kernel *
best(void)
{
	enum vp_cpu cpu = vp_cpu();

	if (cpu == VP_CPU_AVX512 && __builtin_cpu_supports("avx512vnni"))
		return &avx512;
	return cpu >= VP_CPU_AVX2 ? &avx2 : &plain;
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

double
vp_inner_to_bytes(const float *values, size_t n, float *scale, uint8_t *bytes)
{
	return kernel()->to_bytes(values, n, scale, bytes);
}

void
vp_inner_bytes(
    const int8_t *const q[], size_t m, const uint8_t *rows, size_t count, size_t n, int32_t *out)
{
	kernel()->bytes(q, m, rows, count, n, out);
}

uint64_t
vp_inner_weigh(const struct vp_inner_weights *k, const float *scales, const float *norms,
    const float *errors, const int32_t *dots, float bar, float *good, float *error)
{
	return kernel()->weigh(k, scales, norms, errors, dots, bar, good, error);
}
