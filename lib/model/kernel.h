/* kernel: the arithmetic of an encoder in float32, on one thread, for the machine it finds itself on.
 *
 * The same source (kernel-body.h) is compiled for AVX-512, for AVX2 with FMA, and for whatever the compiler
 * targets by default; vp_kernel chooses once. Matrices of weights are packed beforehand into panels of 32
 * columns, which is what makes this faster than a BLAS at any number of rows: a BLAS packs both sides at each
 * call (tests/bench/model-matmul.c).
 *
 * Rows of activations are `stride` floats apart, a multiple of VP_PANEL and at least as long as the row rounded up
 * to one: results are written in whole panels, so what stands behind a row's end is of no meaning.
 *
 * Not here: threads, other number formats. */
#ifndef VP_MODEL_KERNEL_H
#define VP_MODEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#define VP_PANEL 32

/* n rounded up to whole panels. */
size_t vp_panels(size_t n);

/* Weights of a linear layer, packed: y = x Wt + bias. */
struct vp_matrix {
	size_t in, out; /* x has in numbers, y has out */
	float *panel;   /* [ceil(out/32)][in][32], zeros behind the last column */
	float *bias;    /* [out rounded up to 32] */
};

/* Make room for a matrix of out x in, all zeros. The caller sees to it that the product fits into memory. */
void vp_matrix_init(struct vp_matrix *m, size_t in, size_t out);

/* Set what comes out as number `column` to the weights w [in]: one row of the matrix as PyTorch stores it. */
void vp_matrix_set(struct vp_matrix *m, size_t column, const float *w);
void vp_matrix_free(struct vp_matrix *m);

enum vp_activation { VP_ACT_NONE, VP_ACT_GELU, VP_ACT_TANH };

struct vp_kernel {
	const char *name; /* "avx512", "avx2", "plain" */

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
};

size_t vp_attention_scratch(size_t n, size_t head_dim);

/* The fastest one that runs here, or the one that the environment's VP_CPU names, if that runs here. */
const struct vp_kernel *vp_kernel(void);

/* All that run here, the fastest first: for tests, which compare them. NULL behind the last. */
const struct vp_kernel *vp_kernel_nth(size_t i);

#endif
