/* kernel: the arithmetic of an encoder, compiled for several machines */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../cpu.h"
#include "../err.h"
#include "kernel.h"

#define ROWS_MAX 14
#define AHEAD 16384 /* bytes: 8,192 to 49,152 make no difference */

/* For a switch over the rows of a tile: each is compiled for its number of them. */
#define EACH_CASE                                                                                  \
	CASE(1);                                                                                   \
	CASE(2);                                                                                   \
	CASE(3);                                                                                   \
	CASE(4);                                                                                   \
	CASE(5);                                                                                   \
	CASE(6);                                                                                   \
	CASE(7);                                                                                   \
	CASE(8);                                                                                   \
	CASE(9);                                                                                   \
	CASE(10);                                                                                  \
	CASE(11);                                                                                  \
	CASE(12);                                                                                  \
	CASE(13);                                                                                  \
	CASE(14)

/* The loops over the rows and vectors of a tile must be gone before registers are given out. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Ask for the 128 bytes of weights that come AHEAD bytes behind p. The weights of all layers are more than the caches
 * hold, and what the processor fetches by itself is not far enough ahead: one text takes half as long again without this. */
static inline void
fetch_ahead(const void *p)
{
	const char *line = (const char *)p + AHEAD;

	__builtin_prefetch(line);
	__builtin_prefetch(line + 64);
}

size_t
vp_panels(size_t n)
{
	return (n + VP_PANEL - 1) / VP_PANEL * VP_PANEL;
}

/* n items of `size` bytes, all zeros, where a vector may be. */
static void *
zeros(size_t n, size_t size)
{
	void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);

	if (!p)
		vp_oom();
	memset(p, 0, n * size);
	return p;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* Four numbers of four rows, `stride` floats apart, to four rows VP_PANEL floats apart, turned over. */
static inline void
turn_quad(const float *from, size_t stride, float *to)
{
	__m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + stride);
	__m128 c = _mm_loadu_ps(from + 2 * stride), d = _mm_loadu_ps(from + 3 * stride);

	_MM_TRANSPOSE4_PS(a, b, c, d);
	_mm_storeu_ps(to, a);
	_mm_storeu_ps(to + VP_PANEL, b);
	_mm_storeu_ps(to + 2 * VP_PANEL, c);
	_mm_storeu_ps(to + 3 * VP_PANEL, d);
}

/* The upper half of eight numbers to the lower one: their sum, and the greatest of them. */
static inline __attribute__((target("avx"))) float
sum_eight(__m256 v)
{
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline __attribute__((target("avx"))) float
most_eight(__m256 v)
{
	__m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	s = _mm_max_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#define KERNEL_NAME "avx512"
#define LANES 16
#define ROWS 14 /* 28 sums, 2 weights and 1 number in 32 registers */
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,fma")))
#define FMA(a, b, c) ((VEC)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define MAX(a, b) ((VEC)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define SUM(v) _mm512_reduce_add_ps((__m512)(v))
#define MOST(v) _mm512_reduce_max_ps((__m512)(v))
#define NAME(x) x##_avx512
#include "kernel-body.h"
#include "kernel-int16.h"

#define KERNEL_NAME "avx2"
#define LANES 8
#define ROWS 3 /* 12 sums in 16 registers; the weights come straight from the cache */
#define TARGET __attribute__((target("avx2,fma")))
#define FMA(a, b, c) ((VEC)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define MAX(a, b) ((VEC)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define SUM(v) sum_eight((__m256)(v))
#define MOST(v) most_eight((__m256)(v))
#define NAME(x) x##_avx2
#include "kernel-body.h"
#else
static inline void
turn_quad(const float *from, size_t stride, float *to)
{
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 4; k++)
			to[i * VP_PANEL + k] = from[k * stride + i];
}
#endif

typedef float plain_vec __attribute__((vector_size(16)));
typedef int plain_ints __attribute__((vector_size(16)));

static inline plain_vec
max_plain(plain_vec a, plain_vec b)
{
	plain_ints first = a > b;

	return (plain_vec)((first & (plain_ints)a) | (~first & (plain_ints)b));
}

static inline float
sum_plain(plain_vec v)
{
	return (v[0] + v[2]) + (v[1] + v[3]);
}

static inline float
most_plain(plain_vec v)
{
	return fmaxf(fmaxf(v[0], v[2]), fmaxf(v[1], v[3]));
}

#define KERNEL_NAME "plain"
#define LANES 4
#define ROWS 1
#define TARGET
#define FMA(a, b, c) ((a) * (b) + (c))
#define MAX(a, b) max_plain(a, b)
#define SUM(v) sum_plain(v)
#define MOST(v) most_plain(v)
#define NAME(x) x##_plain
#include "kernel-body.h"

void
vp_matrix_init(struct vp_matrix *m, size_t in, size_t out)
{
	*m = (struct vp_matrix){.in = in, .out = out};
	m->panel = zeros(vp_panels(out) * in, sizeof *m->panel);
	m->bias = zeros(vp_panels(out), sizeof *m->bias);
}

void
vp_matrix_set(struct vp_matrix *m, size_t column, const float *w)
{
	float *to = m->panel + column / VP_PANEL * VP_PANEL * m->in + column % VP_PANEL;

	for (size_t i = 0; i < m->in; i++)
		to[i * VP_PANEL] = w[i];
}

void
vp_matrix_ready(struct vp_matrix *m, const struct vp_kernel *k)
{
	if (k->narrow)
		k->narrow(m);
}

void
vp_matrix_free(struct vp_matrix *m)
{
	free(m->panel);
	free(m->pair);
	free(m->scale);
	free(m->bias);
	*m = (struct vp_matrix){0};
}

size_t
vp_attention_scratch(size_t n, size_t head_dim)
{
	size_t keys = vp_panels(n), wide = vp_panels(head_dim);

	return VP_PANEL + keys * head_dim + n * wide + ROWS_MAX * (keys + wide);
}

const struct vp_kernel *
vp_kernel_nth(size_t i)
{
	const struct vp_kernel *have[5];
	size_t n = 0;

#if defined(__x86_64__)
	if (vp_cpu() >= VP_CPU_AVX512) {
		if (__builtin_cpu_supports("avx512vnni"))
			have[n++] = &kernel_int16;
		have[n++] = &kernel_avx512;
	}
	if (vp_cpu() >= VP_CPU_AVX2)
		have[n++] = &kernel_avx2;
#endif
	have[n++] = &kernel_plain;
	return i < n ? have[i] : NULL;
}

static const struct vp_kernel *chosen;

void
vp_kernel_use(const struct vp_kernel *k)
{
	chosen = k;
}

const struct vp_kernel *
vp_kernel_float(void)
{
	const struct vp_kernel *k;

	for (size_t i = 0; (k = vp_kernel_nth(i)) && k->narrow; i++)
		;
	return k;
}

const struct vp_kernel *
vp_kernel(void)
{
	return chosen ? chosen : vp_kernel_nth(0);
}
