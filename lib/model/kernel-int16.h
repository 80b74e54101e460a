/* kernel-int16: linear layers in integers of 16 bits, for AVX-512 with VNNI; kernel.c includes it behind the body
 * for AVX-512
 *
 * vpdpwssd multiplies 32 pairs of 16-bit numbers and adds them to 16 sums of 32 bits: twice the products of a
 * multiply-add in float32, from half the memory. Both sides are cut into blocks of BLOCK along a row; each block of
 * a row has a scale of its own, so one large number costs digits only to those next to it. The sum of a block is
 * made in integers, exactly, and added up in float32.
 *
 * Activations get 14 bits and a sign. Weights get as many as leave the sum of a block, whatever the activations, in
 * 32 bits: that is checked for each block when a matrix is loaded. With the usual weights it is 12 to 13 and a
 * sign. So the error of either side is about 2^-14 of the numbers' usual size. */

#define BLOCK 128
#define ACTIVATION_MAX 16383
#define SUM_MAX (INT32_MAX / ACTIVATION_MAX) /* of a block's weights without their signs */
#define NARROW_MAX                                                                                 \
	65536 /* numbers narrowed at a time: 128 KiB, which the second-level cache holds beside a panel */
#define ROWS 14
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx512vnni,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET

/* Rows of activations, narrowed: block by block, the rows of a tile one behind the other, so that they are a constant
 * distance apart. */
struct narrow {
	int16_t *x;   /* [tiles][blocks][ROWS][BLOCK], zeros up to a multiple of VP_PANEL */
	float *scale; /* [tiles][blocks][ROWS] */
	size_t in, blocks;
};

/* sum += x * w, in 16 pairs. The compiler's own intrinsic comes out as copies from register to register. */
INLINE void
add_products(__m512i *sum, __m512i x, __m512i w)
{
	__asm__("vpdpwssd %2, %1, %0" : "+v"(*sum) : "v"(x), "v"(w));
}

/* Narrow n <= BLOCK numbers; zeros up to a multiple of VP_PANEL. Returns their scale. A number that is not finite
 * makes the scale NaN, and so all that comes out. */
INLINE float
narrow_block(const float *x, size_t n, int16_t *to)
{
	const __m512i no_sign = _mm512_set1_epi32(INT32_MAX);
	__m512i most = _mm512_setzero_si512();
	__m512 factor;
	float max;
	int bits;

	/* without their signs, floats are in the order of their bits, NaN last */
	for (size_t i = 0; i < n; i += 16) {
		__mmask16 have = n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : 0xffff;
		__m512i v = _mm512_maskz_loadu_epi32(have, x + i);

		most = _mm512_max_epi32(most, _mm512_and_si512(v, no_sign));
	}
	bits = _mm512_reduce_max_epi32(most);
	memcpy(&max, &bits, sizeof max);
	factor = _mm512_set1_ps(max > 1e-30f ? ACTIVATION_MAX / max : 0);
	for (size_t i = 0; i < n || i % VP_PANEL; i += 16) {
		__mmask16 have = i >= n       ? 0
				 : n - i < 16 ? (__mmask16)((1u << (n - i)) - 1)
					      : 0xffff;
		__m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(have, x + i), factor);

		_mm256_storeu_si256(
		    (__m256i *)(to + i), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(v)));
	}
	return isfinite(max) ? max / ACTIVATION_MAX : NAN;
}

/* rows x VP_PANEL numbers of y = x times one panel + bias. */
INLINE void
tile_narrow(const struct narrow *a, size_t tile, const struct vp_matrix *m, size_t column, float *y,
    size_t y_stride, const size_t rows)
{
	const int16_t *x = a->x + tile * a->blocks * ROWS * BLOCK;
	const int16_t *pair = m->pair + column * vp_panels(a->in);
	const float *x_scale = a->scale + tile * a->blocks * ROWS;
	const float *scale = m->scale + column * a->blocks, *before = m->bias + column;
	size_t before_stride = 0;

	for (size_t left = vp_panels(a->in); left;) {
		const size_t n = left < BLOCK ? left : BLOCK;
		__m512i sum[ROWS][2];
		__m512 w_scale[2] = {_mm512_loadu_ps(scale), _mm512_loadu_ps(scale + 16)};

		UNROLL
		for (size_t r = 0; r < rows; r++)
			sum[r][0] = sum[r][1] = _mm512_setzero_si512();
		for (size_t i = 0; i < n; i += 2, pair += 2 * VP_PANEL) {
			const __m512i w0 = _mm512_load_si512(pair);
			const __m512i w1 = _mm512_load_si512(pair + VP_PANEL);

			fetch_ahead(pair);
			UNROLL
			for (size_t r = 0; r < rows; r++) {
				__m512i v;
				int two;

				memcpy(&two, x + r * BLOCK + i, sizeof two);
				v = _mm512_set1_epi32(two);
				add_products(&sum[r][0], v, w0);
				add_products(&sum[r][1], v, w1);
			}
		}
		UNROLL
		for (size_t r = 0; r < rows; r++) {
			const __m512 own = _mm512_set1_ps(x_scale[r]);

			UNROLL
			for (size_t p = 0; p < 2; p++) {
				__m512 f = _mm512_cvtepi32_ps(sum[r][p]);
				__m512 old = _mm512_loadu_ps(before + r * before_stride + p * 16);

				f = _mm512_fmadd_ps(f, _mm512_mul_ps(own, w_scale[p]), old);
				_mm512_storeu_ps(y + r * y_stride + p * 16, f);
			}
		}
		left -= n;
		x += ROWS * BLOCK;
		x_scale += ROWS;
		scale += VP_PANEL;
		before = y;
		before_stride = y_stride;
	}
}

static TARGET void
tiles_narrow(const struct narrow *a, size_t tile, const struct vp_matrix *m, size_t column,
    float *y, size_t y_stride, size_t rows)
{
#define CASE(n)                                                                                    \
	case n:                                                                                    \
		tile_narrow(a, tile, m, column, y, y_stride, n);                                   \
		break
	switch (rows) {
		EACH_CASE;
	}
#undef CASE
}

/* Narrow n rows. */
static TARGET void
narrow_rows(const struct narrow *a, const float *x, size_t x_stride, size_t n)
{
	for (size_t r = 0; r < n; r++, x += x_stride)
		for (size_t b = 0; b < a->blocks; b++) {
			size_t at = b * BLOCK, left = a->in - at;
			size_t slot = (r / ROWS * a->blocks + b) * ROWS + r % ROWS;

			a->scale[slot] =
			    narrow_block(x + at, left < BLOCK ? left : BLOCK, a->x + slot * BLOCK);
		}
}

static TARGET void
linear_int16(const struct vp_matrix *m, const float *x, size_t x_stride, size_t n, float *y,
    size_t y_stride, enum vp_activation act)
{
	_Alignas(64) int16_t narrowed[NARROW_MAX];
	float scale[NARROW_MAX / BLOCK];
	struct narrow a = {narrowed, scale, m->in, (m->in + BLOCK - 1) / BLOCK};
	size_t some = NARROW_MAX / BLOCK / a.blocks / ROWS * ROWS;

	if (!m->pair) {
		linear_avx512(m, x, x_stride, n, y, y_stride, act);
		return;
	}
	for (; n; n -= some, x += some * x_stride, y += some * y_stride) {
		some = n < some ? n : some;
		narrow_rows(&a, x, x_stride, some);
		for (size_t c = 0; c < m->out; c += VP_PANEL)
			for (size_t r = 0; r < some; r += ROWS) {
				size_t rows = some - r < ROWS ? some - r : ROWS;
				float *to = y + r * y_stride + c;

				tiles_narrow(&a, r / ROWS, m, c, to, y_stride, rows);
				if (act != VP_ACT_NONE)
					activate_avx512(to, y_stride, rows, act);
			}
	}
}

/* The weights w [n] of one output, `step` floats apart, to pairs that stand 2 * VP_PANEL numbers apart. Returns their
 * scale; NaN where they are not finite. */
static float
narrow_weights(const float *w, size_t n, int16_t *to)
{
	float most = 0, sum = 0, scale;
	int32_t check = 0;

	for (size_t i = 0; i < n; i++) {
		float size = fabsf(w[i * VP_PANEL]);

		most = size > most ? size : most;
		sum += size;
	}
	/* rounding adds no more than a half to each */
	scale = fmaxf(most / INT16_MAX, sum / (SUM_MAX - BLOCK) * 1.0001f);
	if (!isfinite(sum))
		return NAN;
	for (size_t i = 0; i < n; i++) {
		long v = scale > 1e-30f ? lrintf(w[i * VP_PANEL] / scale) : 0;

		to[i / 2 * 2 * VP_PANEL + i % 2] = (int16_t)v;
		check += (int32_t)labs(v);
	}
	return check <= SUM_MAX ? scale : NAN;
}

/* Narrow all weights of m. False: they are not such as can be; then m is as it was. */
static bool
matrix_narrow(struct vp_matrix *m)
{
	const size_t in = vp_panels(m->in), blocks = (m->in + BLOCK - 1) / BLOCK;
	int16_t *pair = zeros(vp_panels(m->out) * in, sizeof *pair);
	float *scale = zeros(vp_panels(m->out) * blocks, sizeof *scale);
	bool good = blocks * BLOCK <= NARROW_MAX / ROWS;

	for (size_t c = 0; good && c < m->out; c++)
		for (size_t b = 0; good && b < blocks; b++) {
			const size_t panel = c / VP_PANEL * VP_PANEL, k = c % VP_PANEL,
				     at = b * BLOCK;
			const size_t n = m->in - at < BLOCK ? m->in - at : BLOCK;
			float s = narrow_weights(m->panel + panel * m->in + at * VP_PANEL + k, n,
			    pair + panel * in + at * VP_PANEL + 2 * k);

			scale[panel * blocks + b * VP_PANEL + k] = s;
			good = isfinite(s);
		}
	if (!good) {
		free(pair);
		free(scale);
		return false;
	}
	free(m->panel);
	m->panel = NULL;
	m->pair = pair;
	m->scale = scale;
	return true;
}

static const struct vp_kernel kernel_int16 = {.name = "int16",
    .narrow = matrix_narrow,
    .linear = linear_int16,
    .add_norm = add_norm_avx512,
    .attention = attention_avx512,
    .attention_within = attention_within_avx512};

#undef ROWS
#undef TARGET
#undef INLINE
