/* kernel-body: the source of one kernel; kernel.c includes it once for each machine
 *
 * LANES   floats in a vector (a divisor of VP_PANEL)
 * ROWS    rows of a tile: with VP_PANEL / LANES vectors each, what fits into the registers
 * TARGET  the compiler's attribute for the machine
 * FMA     a * b + c
 * MAX     the greater one, in each lane
 * SUM     of all lanes
 * MOST    the greatest of all lanes
 * NAME    makes a name of its own for each function
 *
 * No include guard: that is the point. */

#define PER (VP_PANEL / LANES)
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef float NAME(vec) __attribute__((vector_size(LANES * 4)));
typedef float NAME(mem) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int NAME(ints) __attribute__((vector_size(LANES * 4)));
#define VEC NAME(vec)
#define LOAD(p) ((VEC) * (const NAME(mem) *)(p))
#define STORE(p, v) (*(NAME(mem) *)(p) = (v))
#define ALL(x)                                                                                     \
	((x) - (VEC){0}) /* a scalar in all lanes; - 0 changes no number, so it costs nothing */

/* 2^x, for x <= 0 or a little more; relative error 1e-7. 2^k * 2^r with r within a half of 0; the polynomial is a
 * minimax fit of degree 6. Below -126 it comes out as about 1e-38. */
INLINE VEC
NAME(power)(VEC x)
{
	const VEC magic = ALL(0x1.8p23f); /* adding it rounds to an integer, in the low bits */
	VEC k, r, y;

	x = MAX(x, ALL(-126.0f));
	k = x + magic;
	r = x - (k - magic);
	y = FMA(r, ALL(0x1.41d336p-13f), ALL(0x1.5f456cp-10f));
	y = FMA(r, y, ALL(0x1.3b2dbcp-7f));
	y = FMA(r, y, ALL(0x1.c6aed4p-5f));
	y = FMA(r, y, ALL(0x1.ebfbdap-3f));
	y = FMA(r, y, ALL(0x1.62e430p-1f));
	y = FMA(r, y, ALL(1.0f));
	return (VEC)((NAME(ints))y + ((NAME(ints))k << 23));
}

/* x/2 (1 + erf(x / sqrt 2)), written as max(x, 0) + n/2 erfc(-n / sqrt 2) with n = -|x|, which cancels nowhere.
 * erfc(-n / sqrt 2) = 2^(n P(n)), with P a minimax fit of degree 7 for n from -5.7 to 0, and its last value behind that;
 * the fit's weights make the error of the result 1e-8 and that of rounding most of it. The form of gelu with tanh is
 * 4e-4 off. */
INLINE VEC
NAME(gelu)(VEC x)
{
	static const float p[] = {1.151111f, -0.45916215f, 0.05262761f, 0.0072454219f,
	    0.00027207637f, -0.00013147295f, -2.8056881e-05f, -1.9020603e-06f};
	const VEC n = (VEC)((NAME(ints))x | (NAME(ints))ALL(-0.0f)), near = MAX(n, ALL(-5.7f));
	VEC y = FMA(near, ALL(p[7]), ALL(p[6]));

	for (int i = 5; i >= 0; i--)
		y = FMA(near, y, ALL(p[i]));
	return FMA(n * ALL(0.5f), NAME(power)(n * y), MAX(x, ALL(0.0f)));
}

/* rows x VP_PANEL numbers of y = x times one panel + bias. With rows known when compiled, acc lives in
 * registers, and the inner loop is one multiply-add after another. */
INLINE void
NAME(tile)(const float *x, size_t x_stride, const float *panel, const float *bias, size_t in,
    float *y, size_t y_stride, const size_t rows)
{
	VEC acc[ROWS][PER];

	UNROLL
	for (size_t r = 0; r < rows; r++) {
		UNROLL
		for (size_t p = 0; p < PER; p++)
			acc[r][p] = LOAD(bias + p * LANES);
	}
	for (size_t i = 0; i < in; i++, panel += VP_PANEL) {
		VEC few[ROWS < PER ? ROWS
				   : PER]; /* what stays in registers meanwhile: the lesser side */

		if (LANES > 4) /* a tile of few multiplications pays for it, and gains nothing */
			fetch_ahead(panel);
		UNROLL
		for (size_t k = 0; k < (ROWS < PER ? rows : PER); k++)
			few[k] = ROWS < PER ? ALL(x[k * x_stride + i]) : LOAD(panel + k * LANES);
		UNROLL
		for (size_t k = 0; k < (ROWS < PER ? PER : rows); k++) {
			VEC one = ROWS < PER ? LOAD(panel + k * LANES) : ALL(x[k * x_stride + i]);

			UNROLL
			for (size_t j = 0; j < (ROWS < PER ? rows : PER); j++) {
				VEC *sum = ROWS < PER ? &acc[j][k] : &acc[k][j];

				*sum = FMA(one, few[j], *sum);
			}
		}
	}
	UNROLL
	for (size_t r = 0; r < rows; r++) {
		UNROLL
		for (size_t p = 0; p < PER; p++)
			STORE(y + r * y_stride + p * LANES, acc[r][p]);
	}
}

/* A tile of any number of rows up to ROWS. */
static TARGET void
NAME(tiles)(const float *x, size_t x_stride, const float *panel, const float *bias, size_t in,
    float *y, size_t y_stride, size_t rows)
{
#define CASE(n)                                                                                    \
	case n:                                                                                    \
		if (n <= ROWS)                                                                     \
			NAME(tile)(x, x_stride, panel, bias, in, y, y_stride, n <= ROWS ? n : 1);  \
		break
	switch (rows) {
		EACH_CASE;
	}
#undef CASE
}

static TARGET void
NAME(activate)(float *y, size_t stride, size_t rows, enum vp_activation act)
{
	if (act == VP_ACT_GELU)
		for (; rows; rows--, y += stride)
			for (size_t i = 0; i < VP_PANEL; i += LANES)
				STORE(y + i, NAME(gelu)(LOAD(y + i)));
	for (; rows;
	     rows--, y += stride) /* tanh: one small layer a text at most, it need not be fast */
		for (size_t i = 0; i < VP_PANEL; i++)
			y[i] = tanhf(y[i]);
}

/* Panel after panel, each one for all rows: it stays in the first-level cache meanwhile. */
static TARGET void
NAME(linear)(const struct vp_matrix *m, const float *x, size_t x_stride, size_t n, float *y,
    size_t y_stride, enum vp_activation act)
{
	for (size_t c = 0; c < m->out; c += VP_PANEL)
		for (size_t r = 0; r < n; r += ROWS) {
			const float *from = x + r * x_stride, *panel = m->panel + c * m->in;
			size_t rows = n - r < ROWS ? n - r : ROWS;
			float *to = y + r * y_stride + c;

			NAME(tiles)(from, x_stride, panel, m->bias + c, m->in, to, y_stride, rows);
			if (act != VP_ACT_NONE) /* while the tile is still near */
				NAME(activate)(to, y_stride, rows, act);
		}
}

static TARGET void
NAME(add_norm)(float *x, const float *y, size_t stride, size_t n, size_t width, float eps,
    const float *gain, const float *shift)
{
	const size_t whole = width / LANES * LANES;

	for (; n; n--, x += stride) {
		VEC sums = {0}, squares = {0};
		float mean, var, scale;
		size_t i;

		if (y) {
			for (i = 0; i < stride; i += LANES)
				STORE(x + i, LOAD(x + i) + LOAD(y + i));
			y += stride;
		}
		for (i = 0; i < whole; i += LANES)
			sums += LOAD(x + i);
		for (mean = SUM(sums); i < width; i++)
			mean += x[i];
		mean /= (float)width;
		/* about the mean, not E(x^2) - mean^2: that cancels where the mean is large */
		for (i = 0; i < whole; i += LANES) {
			VEC d = LOAD(x + i) - ALL(mean);
			squares = FMA(d, d, squares);
		}
		for (var = SUM(squares); i < width; i++)
			var += (x[i] - mean) * (x[i] - mean);
		scale = 1 / sqrtf(var / (float)width + eps);
		for (i = 0; i < whole; i += LANES)
			STORE(x + i, FMA((LOAD(x + i) - ALL(mean)) * ALL(scale), LOAD(gain + i),
					 LOAD(shift + i)));
		for (; i < width; i++)
			x[i] = (x[i] - mean) * scale * gain[i] + shift[i];
	}
}

/* s[0..n) becomes e^(scale (s - max)); returns one over their sum. What stands behind n, up to whole vectors, is
 * set to zero. */
static TARGET float
NAME(soften)(float *s, size_t n, float scale)
{
	VEC most = ALL(-FLT_MAX), sums = {0};
	float max;
	size_t i;

	for (i = n; i % LANES; i++)
		s[i] = -FLT_MAX;
	for (i = 0; i < n; i += LANES)
		most = MAX(most, LOAD(s + i));
	max = MOST(most);
	scale *= 0x1.715476p0f; /* e to 2 */
	for (i = 0; i < n; i += LANES) {
		VEC e = NAME(power)((LOAD(s + i) - ALL(max)) * ALL(scale));

		STORE(s + i, e);
		sums += e; /* behind n: 1e-38 each */
	}
	return 1 / SUM(sums);
}

/* Pack the keys of one head, n rows, as panels of 32 keys: [ceil(n/32)][head_dim][32]. */
static TARGET void
NAME(pack_keys)(const float *k, size_t stride, size_t n, size_t head_dim, float *to)
{
	const size_t quads = head_dim / 4 * 4;

	for (; n; k += VP_PANEL * stride, to += VP_PANEL * head_dim) {
		size_t keys = n < VP_PANEL ? n : VP_PANEL, i = 0;

		if (keys < VP_PANEL)
			memset(to, 0, VP_PANEL * head_dim * sizeof *to);
		for (; i + 4 <= keys; i += 4) {
			const float *from = k + i * stride;
			size_t d = 0;

			for (; d < quads;
			     d += 4) /* number by number this is half of attention's time */
				turn_quad(from + d, stride, to + d * VP_PANEL + i);
			for (; d < head_dim; d++)
				for (size_t q = 0; q < 4; q++)
					to[d * VP_PANEL + i + q] = from[q * stride + d];
		}
		for (; i < keys; i++)
			for (size_t d = 0; d < head_dim; d++)
				to[d * VP_PANEL + i] = k[i * stride + d];
		n -= keys;
	}
}

/* Pack the values of one head as panels of 32 of their numbers: [ceil(head_dim/32)][n][32]. */
static TARGET void
NAME(pack_values)(const float *v, size_t stride, size_t n, size_t head_dim, float *to)
{
	for (size_t d = 0; d < head_dim; d += VP_PANEL)
		for (size_t j = 0; j < n; j++, to += VP_PANEL)
			if (head_dim - d >= VP_PANEL)
				memcpy(to, v + j * stride + d, VP_PANEL * sizeof *to);
			else
				for (size_t i = 0; i < VP_PANEL; i++)
					to[i] = d + i < head_dim ? v[j * stride + d + i] : 0;
}

/* Where attention keeps what it makes of one head: see vp_attention_scratch. */
struct NAME(head) {
	size_t n, dim, keys, wide; /* rows, numbers of a head; both rounded up to panels */
	float *bias, *key, *value; /* [32] zeros; keys and values as panels */
	float *score, *sum;        /* [ROWS][keys], [ROWS][wide] */
};

/* Turn the scores of query i with the keys from .. to - 1 into what softmax gets: scaled, the bias of their distance
 * added, and far below all others where the key is out of reach. */
static TARGET void
NAME(reach)(
    float *score, size_t i, size_t from, size_t to, float scale, size_t window, const float *bias)
{
	const size_t low = i - from > window ? i - window : from;
	const size_t high = to - i > window ? i + window + 1 : to;
	const float *add = bias ? bias - i : NULL;
	size_t j = low;

	for (; add && high - j >= LANES; j += LANES)
		STORE(score + j, FMA(LOAD(score + j), ALL(scale), LOAD(add + j)));
	for (; !add && high - j >= LANES; j += LANES)
		STORE(score + j, LOAD(score + j) * ALL(scale));
	for (; j < high; j++)
		score[j] = score[j] * scale + (add ? add[j] : 0);
	for (j = from; j < low; j++)
		score[j] = -1e30f;
	for (j = high; j < to; j++)
		score[j] = -1e30f;
}

/* Up to ROWS queries of one head, from q on, the first of them number `row`, against its keys. Keys and values are
 * panels, so that the scores, q kt, and their weighted sum, scores v, are tiles like any other; all of it stays in
 * the first-level cache. Panels of keys that are out of reach of all these queries are left out. */
static TARGET void
NAME(attend)(const struct NAME(head) * h, const float *q, size_t q_stride, size_t row, size_t rows,
    size_t window, const float *bias, float *out, size_t out_stride)
{
	const float scale = 1 / sqrtf((float)h->dim);
	const size_t from = window < row ? (row - window) / VP_PANEL * VP_PANEL : 0;
	const size_t to = window < h->n - (row + rows) ? row + rows + window : h->n;
	const bool plain = window >= h->n && !bias;
	float norm[ROWS];

	for (size_t c = from; c < to; c += VP_PANEL) {
		const float *key = h->key + c * h->dim;
		NAME(tiles)(q, q_stride, key, h->bias, h->dim, h->score + c, h->keys, rows);
	}
	for (size_t i = 0; i < rows; i++) {
		float *score = h->score + i * h->keys;

		if (!plain)
			NAME(reach)(score, row + i, from, to, scale, window, bias);
		norm[i] = NAME(soften)(score + from, to - from, plain ? scale : 1);
	}
	for (size_t c = 0; c < h->wide; c += VP_PANEL) {
		const float *value = h->value + c * h->n + from * VP_PANEL;
		NAME(tiles)
		(h->score + from, h->keys, value, h->bias, to - from, h->sum + c, h->wide, rows);
	}
	for (size_t i = 0; i < rows; i++) {
		const float *sum = h->sum + i * h->wide;
		float *row_out = out + i * out_stride;
		size_t d = 0;

		for (; d + LANES <= h->dim; d += LANES)
			STORE(row_out + d, LOAD(sum + d) * ALL(norm[i]));
		for (; d < h->dim; d++)
			row_out[d] = sum[d] * norm[i];
	}
}

static TARGET void
NAME(attention_within)(const float *qkv, size_t qkv_stride, size_t n, size_t heads, size_t head_dim,
    const struct vp_reach *reach, float *out, size_t out_stride, float *scratch)
{
	struct NAME(head)
	    h = {.n = n, .dim = head_dim, .keys = vp_panels(n), .wide = vp_panels(head_dim)};

	h.bias = scratch;
	h.key = h.bias + VP_PANEL;
	h.value = h.key + h.keys * head_dim;
	h.score = h.value + n * h.wide;
	h.sum = h.score + ROWS_MAX * h.keys;
	memset(h.bias, 0, VP_PANEL * sizeof *h.bias);
	for (size_t i = 0; i < heads; i++) {
		const float *q = qkv + i * head_dim;
		const float *k = q + heads * head_dim;
		const float *bias = reach->bias ? reach->bias + i * reach->stride : NULL;

		NAME(pack_keys)(k, qkv_stride, n, head_dim, h.key);
		NAME(pack_values)(k + heads * head_dim, qkv_stride, n, head_dim, h.value);
		for (size_t r = 0; r < n; r += ROWS) {
			size_t rows = n - r < ROWS ? n - r : ROWS;
			float *to = out + r * out_stride + i * head_dim;

			NAME(attend)
			(&h, q + r * qkv_stride, qkv_stride, r, rows, reach->window, bias, to,
			    out_stride);
		}
	}
}

static TARGET void
NAME(attention)(const float *qkv, size_t qkv_stride, size_t n, size_t heads, size_t head_dim,
    float *out, size_t out_stride, float *scratch)
{
	static const struct vp_reach all = {.window = SIZE_MAX};

	NAME(attention_within)(qkv, qkv_stride, n, heads, head_dim, &all, out, out_stride, scratch);
}

static const struct vp_kernel NAME(kernel) = {.name = KERNEL_NAME,
    .linear = NAME(linear),
    .add_norm = NAME(add_norm),
    .attention = NAME(attention),
    .attention_within = NAME(attention_within)};

#undef PER
#undef INLINE
#undef VEC
#undef LOAD
#undef STORE
#undef ALL
#undef LANES
#undef ROWS
#undef TARGET
#undef FMA
#undef MAX
#undef SUM
#undef MOST
#undef NAME
#undef KERNEL_NAME
