/* kernel: the arithmetic of an encoder, on one thread, for the machine it finds itself on.
 *
 * The same source (kernel-body.h) is compiled for AVX-512, for AVX2 with FMA, and for whatever the compiler
 * targets by default; vp_kernel chooses once. Matrices of weights are packed beforehand into panels of 32
 * columns, which is what makes this faster than a BLAS at any number of rows: a BLAS packs both sides at each
 * call (tests/bench/model-matmul.c).
 *
 * Rows of activations are `stride` floats apart, a multiple of VP_PANEL and at least as long as the row rounded up
 * to one: results are written in whole panels, so what stands behind a row's end is of no meaning.
 *
 * All is float32, but weights may be narrowed to integers of 16 bits where the processor multiplies these
 * faster (kernel-int16.h).
 *
 * Not here: threads. */
#ifndef VP_MODEL_KERNEL_H
#define VP_MODEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VP_PANEL 32

struct vp_kernel;

/* n rounded up to whole panels. */
size_t vp_panels(size_t n);

/* Weights of a linear layer, packed: y = x Wt + bias. */
struct vp_matrix {
	size_t in, out; /* x has in numbers, y has out */
	/* [ceil(out/32)][in][32], zeros behind the last column; NULL where there is pair */
	float *panel;
	/* NULL, or [ceil(out/32)][in/2][32][2], in rounded up to 32, zeros behind it: see kernel-int16.h */
	int16_t *pair;
	float *scale; /* [ceil(out/32)][ceil(in/128)][32]: of pair */
	float *bias;  /* [out rounded up to 32] */
};

/* Make room for a matrix of out x in, all zeros. The caller sees to it that the product fits into memory. */
void vp_matrix_init(struct vp_matrix *m, size_t in, size_t out);

/* Set what comes out as number `column` to the weights w [in]: one row of the matrix as PyTorch stores it. */
void vp_matrix_set(struct vp_matrix *m, size_t column, const float *w);

/* All columns are set: put the weights into the form that is best for kernel k. A matrix for which this was not
 * called, or whose weights are not finite, is computed with in float32. */
void vp_matrix_ready(struct vp_matrix *m, const struct vp_kernel *k);
void vp_matrix_free(struct vp_matrix *m);

enum vp_activation { VP_ACT_NONE, VP_ACT_GELU, VP_ACT_TANH };

/* How a token sees the others of its text. */
struct vp_reach {
	size_t window; /* only those at most so far from it; SIZE_MAX: all */
	/* NULL, or the middle of head 0's numbers: bias[head * stride + j - i] is added to the score of
	 * token i with token j, once that is scaled. */
	const float *bias;
	size_t stride; /* floats from one head's to the next one's */
};

struct vp_kernel {
	const char *name; /* "int16", "avx512", "avx2", "plain" */

	/* NULL: linear computes in float32. Else it computes in integers of 16 bits with matrices that this has
	 * narrowed; false where the weights can't be. Only vp_matrix_ready calls it. */
	bool (*narrow)(struct vp_matrix *m);

	/* y = act(x Wt + bias) for n rows. gelu is the form with erf, to 1e-7. */
	void (*linear)(const struct vp_matrix *m, const float *x, size_t x_stride, size_t n,
	    float *y, size_t y_stride, enum vp_activation act);

	/* x = layer_norm(x + y) * gain + shift for n rows of width numbers; y may be NULL for none. */
	void (*add_norm)(float *x, const float *y, size_t stride, size_t n, size_t width, float eps,
	    const float *gain, const float *shift);

	/* Self-attention within one text of n rows. qkv has query, key and value side by side in each row, heads *
	 * head_dim numbers each; out gets heads * head_dim numbers a row. scratch has
	 * vp_attention_scratch(n, head_dim) floats. */
	void (*attention)(const float *qkv, size_t qkv_stride, size_t n, size_t heads,
	    size_t head_dim, float *out, size_t out_stride, float *scratch);

	/* The same where reach says more about which tokens see each other. */
	void (*attention_within)(const float *qkv, size_t qkv_stride, size_t n, size_t heads,
	    size_t head_dim, const struct vp_reach *reach, float *out, size_t out_stride,
	    float *scratch);
};

size_t vp_attention_scratch(size_t n, size_t head_dim);

/* The one that vp_kernel_use was given last; else the fastest one that runs here and vp_cpu() allows. */
const struct vp_kernel *vp_kernel(void);

/* Choose k, or with NULL nothing, for all models that are opened from now on: a model belongs to the kernel that it
 * was opened with. Not while another thread opens one. */
void vp_kernel_use(const struct vp_kernel *k);

/* The fastest one that runs here and computes in float32. */
const struct vp_kernel *vp_kernel_float(void);

/* All that run here and vp_cpu() allows, the fastest first: for tests, which compare them. NULL behind the last. */
const struct vp_kernel *vp_kernel_nth(size_t i);

#endif
