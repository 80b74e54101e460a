/* model/kernel: each kernel against plain loops in double, at sizes that fill no tile and no panel */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "err.h"
#include "model/kernel.h"

static uint32_t seed = 1;

/* From -1 to 1. */
static float
draw(void)
{
	seed = seed * 1664525 + 1013904223;
	return (float)(seed >> 8) / 8388608 - 1;
}

static float *
drawn(size_t n, float scale)
{
	float *p = vp_alloc(n, sizeof *p);

	for (size_t i = 0; i < n; i++)
		p[i] = draw() * scale;
	return p;
}

static double
gelu(double x)
{
	return x / 2 * (1 + erf(x / sqrt(2)));
}

static void
check_linear(const struct vp_kernel *k, size_t n, size_t in, size_t out, enum vp_activation act)
{
	size_t x_stride = vp_panels(in), y_stride = vp_panels(out);
	float *w = drawn(in * out, 1), *bias = drawn(out, 1), *x = drawn(n * x_stride, 1);
	float *y = drawn((n + 1) * y_stride, 1), *behind = y + n * y_stride, untouched = behind[0];
	struct vp_matrix m;

	vp_matrix_init(&m, in, out);
	for (size_t c = 0; c < out; c++)
		vp_matrix_set(&m, c, w + c * in);
	memcpy(m.bias, bias, out * sizeof *bias);
	k->linear(&m, x, x_stride, n, y, y_stride, act);
	for (size_t r = 0; r < n; r++)
		for (size_t c = 0; c < out; c++) {
			double want = (double)bias[c], sum = fabs(want);

			for (size_t i = 0; i < in; i++) {
				double product =
				    (double)x[r * x_stride + i] * (double)w[c * in + i];

				want += product;
				sum += fabs(product);
			}
			want = act == VP_ACT_GELU   ? gelu(want)
			       : act == VP_ACT_TANH ? tanh(want)
						    : want;
			CHECK_AT(
			    fabs((double)y[r * y_stride + c] - want) <= 2e-7 + 3e-7 * sum, k->name);
		}
	CHECK_AT(memcmp(&behind[0], &untouched, sizeof untouched) == 0, k->name);
	vp_matrix_free(&m);
	free(w);
	free(bias);
	free(x);
	free(y);
}

static double
largest(const float *x, size_t n, size_t step)
{
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs((double)x[i * step]));
	return most;
}

/* A matrix that was narrowed. The error of a product is what rounding leaves of either side: half a step each, a step
 * being a 16,383rd of the largest activation of its 128, and of weights, what the sum of their 128 allows. */
static void
check_narrow(const struct vp_kernel *k, size_t n, size_t in, size_t out, float big)
{
	size_t x_stride = vp_panels(in), y_stride = vp_panels(out);
	float *w = drawn(in * out, 1), *x = drawn(n * x_stride, 1);
	float *y = drawn((n + 1) * y_stride, 1), *behind = y + n * y_stride, untouched = behind[0];
	struct vp_matrix m;

	for (size_t r = 0; r < n; r++)
		x[r * x_stride + r % in] = big;
	for (size_t c = 0; c < out; c++)
		w[c * in + c % in] *= big;
	vp_matrix_init(&m, in, out);
	for (size_t c = 0; c < out; c++) {
		vp_matrix_set(&m, c, w + c * in);
		m.bias[c] = (float)c;
	}
	vp_matrix_ready(&m, k);
	CHECK_AT(m.pair && !m.panel, k->name);
	k->linear(&m, x, x_stride, n, y, y_stride, VP_ACT_NONE);
	for (size_t r = 0; r < n; r++)
		for (size_t c = 0; c < out; c++) {
			double want = (double)c, error = 1e-6 * want + 1e-6;

			for (size_t b = 0; b < in; b += 128) {
				const float *a = x + r * x_stride + b, *v = w + c * in + b;
				size_t many = in - b < 128 ? in - b : 128;
				double a_step = largest(a, many, 1) / 16383, sum = 0, v_step;

				for (size_t i = 0; i < many; i++)
					sum += fabs((double)v[i]);
				v_step = fmax(largest(v, many, 1) / 32767, sum / 130000);
				for (size_t i = 0; i < many; i++) {
					want += (double)a[i] * (double)v[i];
					error += a_step / 2 * fabs((double)v[i]) +
						 v_step / 2 * fabs((double)a[i]) +
						 a_step * v_step / 4 +
						 1e-6 * fabs((double)a[i] * (double)v[i]);
				}
			}
			CHECK_AT(fabs((double)y[r * y_stride + c] - want) <= error, k->name);
		}
	CHECK_AT(memcmp(&behind[0], &untouched, sizeof untouched) == 0, k->name);
	vp_matrix_free(&m);
	free(w);
	free(x);
	free(y);
}

/* The largest sums that can be: all weights and all activations as large as the largest. An overflow would turn the
 * sign. */
static void
check_overflow(const struct vp_kernel *k, size_t in, float sign)
{
	float *w = vp_alloc(in, sizeof *w), *x = vp_alloc(vp_panels(in), sizeof *x), y[VP_PANEL];
	double want = (double)in * 3e5 * (double)sign;
	struct vp_matrix m;

	for (size_t i = 0; i < in; i++) {
		w[i] = 300;
		x[i] = 1000 * sign;
	}
	vp_matrix_init(&m, in, 1);
	vp_matrix_set(&m, 0, w);
	vp_matrix_ready(&m, k);
	k->linear(&m, x, vp_panels(in), 1, y, VP_PANEL, VP_ACT_NONE);
	CHECK_AT(fabs((double)y[0] - want) < 1e-3 * fabs(want), k->name);
	vp_matrix_free(&m);
	free(w);
	free(x);
}

/* What can't be narrowed is computed with in float32; what is not finite stays so. */
static void
check_not_finite(const struct vp_kernel *k)
{
	const float bad[] = {NAN, INFINITY, -INFINITY};

	for (size_t i = 0; i < 6; i++) {
		float w[40] = {1, 2, 3}, x[64] = {1, 1, 1}, y[VP_PANEL];
		struct vp_matrix m;

		(i < 3 ? w : x)[1] = bad[i % 3];
		vp_matrix_init(&m, 40, 1);
		vp_matrix_set(&m, 0, w);
		vp_matrix_ready(&m, k);
		CHECK_AT(i >= 3 ? m.pair != NULL : m.panel != NULL, k->name);
		k->linear(&m, x, 64, 1, y, VP_PANEL, VP_ACT_NONE);
		CHECK_AT(!isfinite(y[0]), k->name);
		vp_matrix_free(&m);
	}
}

static void
check_int16(const struct vp_kernel *k)
{
	float zero[64] = {0}, y[VP_PANEL];
	struct vp_matrix m;

	for (size_t n = 1; n <= 30; n++) {
		check_narrow(k, n, 1 + n * 7 % 40, 1 + n * 11 % 70, 1);
		check_narrow(k, n, 100 + n * 13, 1 + n, n % 2 ? 50 : 1);
	}
	check_narrow(k, 400, 384, 3, 1); /* more rows than are narrowed at a time */
	check_narrow(k, 45, 1536, 33, 20);
	for (size_t in = 1; in <= 1536; in = in * 2 + 1) {
		check_overflow(k, in, 1);
		check_overflow(k, in, -1);
	}
	check_overflow(k, 128, -1);
	check_not_finite(k);
	vp_matrix_init(&m, 40, 1);
	vp_matrix_ready(&m, k); /* all zeros, on both sides */
	k->linear(&m, zero, 64, 1, y, VP_PANEL, VP_ACT_NONE);
	CHECK_AT(fabsf(y[0]) <= 0, k->name);
	vp_matrix_free(&m);
}

/* The activation alone: one number in, weight 1. */
static void
check_gelu(const struct vp_kernel *k)
{
	const float one = 1;
	struct vp_matrix m;
	float x[VP_PANEL], y[VP_PANEL];
	double worst = 0;

	vp_matrix_init(&m, 1, 1);
	vp_matrix_set(&m, 0, &one);
	for (double v = -12; v < 12; v += 1.0 / 4096) {
		double e;

		x[0] = (float)v;
		k->linear(&m, x, VP_PANEL, 1, y, VP_PANEL, VP_ACT_GELU);
		e = fabs((double)y[0] - gelu((double)x[0])) / fmax(0.5, fabs((double)x[0]));
		worst = e > worst ? e : worst;
	}
	CHECK_AT(worst < 1e-7, k->name);
	for (x[0] = 12; x[0] < 1e30f; x[0] *= 7) {
		k->linear(&m, x, VP_PANEL, 1, y, VP_PANEL, VP_ACT_GELU);
		CHECK_AT(y[0] >= x[0] && y[0] <= x[0], k->name);
		x[1] = -x[0];
		k->linear(&m, x + 1, VP_PANEL, 1, y, VP_PANEL, VP_ACT_GELU);
		CHECK_AT(y[0] <= 0 && y[0] > -1e-6f, k->name);
	}
	vp_matrix_free(&m);
}

static void
check_norm(const struct vp_kernel *k, size_t n, size_t width, float scale, bool add)
{
	size_t stride = vp_panels(width);
	float *x = drawn(n * stride, scale), *y = drawn(n * stride, scale);
	float *gain = drawn(width, 1), *shift = drawn(width, 1),
	      *old = vp_alloc(n * stride, sizeof *old);

	memcpy(old, x, n * stride * sizeof *old);
	k->add_norm(x, add ? y : NULL, stride, n, width, 1e-12f, gain, shift);
	for (size_t r = 0; r < n; r++) {
		const float *a = old + r * stride, *b = y + r * stride;
		double mean = 0, var = 0;

		for (size_t i = 0; i < width; i++)
			mean += (double)(add ? a[i] + b[i] : a[i]) / (double)width;
		for (size_t i = 0; i < width; i++)
			var += pow((double)(add ? a[i] + b[i] : a[i]) - mean, 2) / (double)width;
		for (size_t i = 0; i < width; i++) {
			double want = ((double)(add ? a[i] + b[i] : a[i]) - mean) /
					  sqrt(var + 1e-12) * (double)gain[i] +
				      (double)shift[i];

			CHECK_AT(fabs((double)x[r * stride + i] - want) < 2e-6, k->name);
		}
	}
	free(x);
	free(y);
	free(gain);
	free(shift);
	free(old);
}

static void
check_attention(const struct vp_kernel *k, size_t n, size_t heads, size_t dim)
{
	size_t width = heads * dim, stride = vp_panels(3 * width), out_stride = vp_panels(width);
	float *qkv = drawn(n * stride, 3), *out = drawn(n * out_stride, 1);
	float *scratch = vp_alloc(vp_attention_scratch(n, dim), sizeof *scratch);
	double *p = vp_alloc(n, sizeof *p);

	k->attention(qkv, stride, n, heads, dim, out, out_stride, scratch);
	for (size_t h = 0; h < heads; h++)
		for (size_t r = 0; r < n; r++) {
			double sum = 0;

			for (size_t j = 0; j < n; j++) {
				double s = 0;

				for (size_t d = 0; d < dim; d++)
					s += (double)qkv[r * stride + h * dim + d] *
					     (double)qkv[j * stride + width + h * dim + d];
				sum += p[j] = exp(s / sqrt((double)dim));
			}
			for (size_t d = 0; d < dim; d++) {
				double want = 0;

				for (size_t j = 0; j < n; j++)
					want += p[j] / sum *
						(double)qkv[j * stride + 2 * width + h * dim + d];
				CHECK_AT(
				    fabs((double)out[r * out_stride + h * dim + d] - want) < 2e-5,
				    k->name);
			}
		}
	free(qkv);
	free(out);
	free(scratch);
	free(p);
}

int
main(void)
{
	static const size_t dims[] = {1, 8, 10, 32, 40, 64};
	const struct vp_kernel *k;

	CHECK(vp_kernel() == vp_kernel_nth(0));
	CHECK(vp_kernel_float() && !vp_kernel_float()->narrow);
	vp_kernel_use(vp_kernel_float());
	CHECK(vp_kernel() == vp_kernel_float());
	vp_kernel_use(NULL);
	CHECK(vp_kernel() == vp_kernel_nth(0));
	for (size_t i = 0; (k = vp_kernel_nth(i)); i++) {
		for (size_t n = 1; n <= 30; n++)
			check_linear(k, n, 1 + n * 7 % 40, 1 + n * 11 % 70,
			    n % 3 == 0   ? VP_ACT_GELU
			    : n % 3 == 1 ? VP_ACT_TANH
					 : VP_ACT_NONE);
		check_linear(k, 5, 1536, 3, VP_ACT_NONE);
		check_gelu(k);
		if (k->narrow)
			check_int16(k);
		for (size_t width = 1; width < 70; width += 3) {
			check_norm(k, 3, width > 1 ? width : 2, 1, width % 2);
			check_norm(k, 1, 384, 100, true);
		}
		for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
			for (size_t n = 1; n < 80; n += 13)
				check_attention(k, n, 3, dims[d]);
		check_attention(k, 300, 2, 32);
	}
	return check_done();
}
