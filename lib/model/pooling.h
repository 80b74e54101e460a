/* pooling: the rows of a text's tokens to one vector, and the Dense layers behind that.
 *
 * Source: Pooling, Dense and Normalize of sentence-transformers. */
#ifndef VP_MODEL_POOLING_H
#define VP_MODEL_POOLING_H

#include <stddef.h>

#include "config.h"
#include "kernel.h"

struct vp_dense {
	struct vp_matrix matrix;
	enum vp_activation act;
};

struct vp_pooler {
	enum vp_pooling pooling;
	const struct vp_kernel *kernel;
	struct vp_dense *dense; /* [n_dense] */
	size_t n_dense;
	size_t width; /* numbers in a row */
	size_t dim;   /* numbers in the vector that comes out */
	size_t room;  /* floats that vp_pool needs to work in */
};

/* Load the Dense layers of c and check that each takes what comes before it. 0; VP_E_IO; another VP_E_*. In
 * any case vp_pooler_close may be called after it. */
int vp_pooler_open(struct vp_pooler *p, const struct vp_config *c, struct vp_buf *why);
void vp_pooler_close(struct vp_pooler *p);

/* Make out [p->dim] of n rows, 1 or more, `stride` floats apart. room has p->room floats. Normalize is not done
 * here: whether it is wanted is for the request to say. */
void vp_pool(
    const struct vp_pooler *p, const float *rows, size_t stride, size_t n, float *room, float *out);

/* Give x [n] the length 1; what is no longer than 1e-12 is divided by that. */
void vp_normalize(float *x, size_t n);

#endif
