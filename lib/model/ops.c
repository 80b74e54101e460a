/* ops: the arithmetic between the matrix products */
#include <math.h>
#include <string.h>

#include "../err.h"
#include "ops.h"

#define LANES 4
#define FARTHEST 128 /* distances beyond are all one bucket */

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef int ints __attribute__((vector_size(LANES * 4)));

void
vp_add(float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] += y[i];
}

void
vp_multiply(float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= y[i];
}

static inline vec
all(float x)
{
	return (vec){x, x, x, x};
}

/* e^-|x|: 2^k * e^r with r within half of ln 2 around 0, and a minimax fit of degree 6. */
static inline vec
exp_down(vec x)
{
	const vec magic = all(0x1.8p23f), low = all(-87.0f);
	vec k, r, y = (vec)((ints)x | (ints)all(-0.0f));
	ints deep = y < low;

	y = (vec)(((ints)low & deep) | ((ints)y & ~deep));
	k = y * all(0x1.715476p0f) + magic;
	r = k - magic;
	r = r * all(-0x1.7f7d1cp-20f) + (r * all(-0x1.62e4p-1f) + y);
	y = r * all(0x1.6ab972p-10f) + all(0x1.126d1ap-7f);
	y = r * y + all(0x1.55589ap-5f);
	y = r * y + all(0x1.55540ap-3f);
	y = r * y + all(0x1.fffffap-2f);
	y = r * y + all(1.0f);
	y = r * y + all(1.0f);
	return (vec)((ints)y + ((ints)k << 23));
}

/* y / (1 + e^-y) is y e / (1 + e) where y < 0, with e = e^-|y|: nothing overflows. */
static inline vec
silu(vec y)
{
	vec e = exp_down(y);
	ints negative = y < all(0.0f);
	vec top = (vec)(((ints)(y * e) & negative) | ((ints)y & ~negative));

	return top / (all(1.0f) + e);
}

void
vp_silu_multiply(float *x, const float *y, size_t n)
{
	size_t i = 0, left;
	vec a, b;

	for (; n - i >= LANES; i += LANES) {
		memcpy(&a, x + i, sizeof a);
		memcpy(&b, y + i, sizeof b);
		a *= silu(b);
		memcpy(x + i, &a, sizeof a);
	}
	left = (n - i) * sizeof *x;
	if (left) {
		a = b = all(0.0f);
		memcpy(&a, x + i, left);
		memcpy(&b, y + i, left);
		a *= silu(b);
		memcpy(x + i, &a, left);
	}
}

float *
vp_rotary_table(size_t n, size_t head_dim, float theta)
{
	const size_t half = head_dim / 2;
	float *table = vp_alloc(n, head_dim * sizeof *table);

	for (size_t d = 0; d < half; d++) {
		float step = 1 / powf(theta, (float)(2 * d) / (float)head_dim);

		for (size_t i = 0; i < n; i++) {
			float angle = (float)i * step;

			table[i * head_dim + d] = cosf(angle);
			table[i * head_dim + half + d] = sinf(angle);
		}
	}
	return table;
}

void
vp_rotary(float *x, size_t stride, size_t n, size_t heads, size_t head_dim, const float *table)
{
	const size_t half = head_dim / 2;

	for (; n; n--, x += stride, table += head_dim)
		for (size_t h = 0; h < heads; h++) {
			float *a = x + h * head_dim, *b = a + half;

			for (size_t d = 0; d < half; d++) {
				float c = table[d], s = table[half + d], first = a[d];

				a[d] = first * c - b[d] * s;
				b[d] = b[d] * c + first * s;
			}
		}
}

size_t
vp_distance_bucket(long distance, size_t n)
{
	const size_t side = n / 2, exact = side / 2;
	size_t far = (size_t)(distance < 0 ? -distance : distance), base = distance > 0 ? side : 0;
	float grown;

	if (far < exact)
		return base + far;
	grown = logf((float)far / (float)exact) / logf((float)FARTHEST / (float)exact) *
		(float)(side - exact);
	if (!(grown < (float)(side - exact)))
		return base + side - 1;
	return base + exact + (size_t)grown;
}
