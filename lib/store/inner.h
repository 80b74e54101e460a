/* inner: the inner products that searching is made of, for the processor at hand.
 *
 * AVX-512 (with VNNI for bytes), AVX2 or plain C, chosen once when first used. The environment
 * variable VP_CPU (plain, avx2, avx512) forbids what lies above it; tests compare the three with
 * it. All three give the same results, bit for bit: the sums of doubles are made in one fixed order
 * of 16 lanes, and a product of two float32 is exact in a double, so that it makes no difference
 * whether it is fused into the sum.
 *
 * n is always a multiple of 16, with zeros behind the last value of a vector. */
#ifndef VP_STORE_INNER_H
#define VP_STORE_INNER_H

#include <stddef.h>
#include <stdint.h>

/* The sum of a[i] * b[i], and of (a[i] - b[i]) squared, in double precision. */
double vp_inner_dot(const float *a, const float *b, size_t n);
double vp_inner_squares(const float *a, const float *b, size_t n);

/* out[r] = the sum over i of q[i] * rows[r * n + i], for `count` rows. rows is aligned to 16 bytes.
 * Exact as long as n is at most 65,000. */
void vp_inner_bytes(const int8_t *q, const uint8_t *rows, size_t count, size_t n, int32_t *out);

/* What is in use: "avx512", "avx2" or "plain". */
const char *vp_inner_processor(void);

#endif
