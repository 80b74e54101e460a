/* ops: the arithmetic between the matrix products that some encoders need: rotary embedding, gates,
 * residuals.
 *
 * Beside the kernels, not in them: it is done once for each number, while a product does hundreds
 * of steps for each, so what the compiler makes of it for any machine is fast enough. Rows are as
 * in kernel.h.
 *
 * Source: Su et al. 2021 (rotary embedding), Shazeer 2020 (gates), Raffel et al. 2020 (buckets of
 * distances). */
#ifndef VP_MODEL_OPS_H
#define VP_MODEL_OPS_H

#include <stddef.h>

/* x += y, n numbers. */
void vp_add(float *x, const float *y, size_t n);

/* x *= y, n numbers. */
void vp_multiply(float *x, const float *y, size_t n);

/* x *= y / (1 + e^-y), n numbers: a gate with silu, to 2e-7. */
void vp_silu_multiply(float *x, const float *y, size_t n);

/* The cosines, and behind them the sines, of the angles of rotary embedding at n places, as a new
 * table [n][head_dim] that the caller frees; head_dim is even. Made with the steps in float32 that
 * PyTorch takes: far from the beginning an angle is only as exact as that. */
float *vp_rotary_table(size_t n, size_t head_dim, float theta);

/* Turn heads * head_dim numbers at the beginning of each of n rows by the table's angles, the first
 * half of a head with its second half. */
void vp_rotary(
    float *x, size_t stride, size_t n, size_t heads, size_t head_dim, const float *table);

/* Which row of a table of n rows holds the bias of a key that stands `distance` tokens to the right
 * of its query (negative: to the left); n is a multiple of 4. Half of the rows are for each side;
 * half of those are for one distance each, the others for ranges that grow by powers, up to 128. */
size_t vp_distance_bucket(long distance, size_t n);

#endif
