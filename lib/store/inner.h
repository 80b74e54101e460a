/* inner: the inner products that searching is made of, for the processor at hand.
 *
 * AVX-512 (with VNNI for bytes), AVX2 or plain C, chosen once when first used. The environment
 * variable VP_CPU (plain, avx2, avx512) forbids what lies above it; tests compare the three with
 * it. All three give the same sums, bit for bit: those of doubles are made in one fixed order
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

/* A vector in bytes: bytes[i] - 128 is values[i] / *scale, rounded, where *scale is such that the
 * largest one becomes 127. Returns the sum of the squares of what that leaves out. Values must not
 * all be 0, and so large or small that *scale can be a float32. */
double vp_inner_to_bytes(const float *values, size_t n, float *scale, uint8_t *bytes);

/* The first pass of a search takes this many rows at a time, and up to so many questions. */
#define VP_INNER_ROWS 64
#define VP_INNER_QUESTIONS 8

/* out[j * VP_INNER_ROWS + r] = the sum over i of q[j][i] * rows[r * n + i], for `count` rows, 1 to
 * VP_INNER_ROWS, and [m] questions. rows is aligned to 16 bytes. Exact as long as n is at most
 * 65,000. What is read of a row serves all questions: eight cost about twice what one does. */
void vp_inner_bytes(
    const int8_t *const q[], size_t m, const uint8_t *rows, size_t count, size_t n, int32_t *out);

/* How the inner product of a row's bytes with those of the question becomes an estimate of how good
 * the row is, and a bound of its error; see search.c. */
struct vp_inner_weights {
	float dot, square, error, norm, norm_square, all;
	int32_t offset; /* 128 times the sum of the question's bytes */
};

/* For each of VP_INNER_ROWS rows
 *
 * 	good[r] = dot * scales[r] * (dots[r] - offset) - square * norms[r]^2
 * 	error[r] = this.error * errors[r] + norm * norms[r] + norm_square * norms[r]^2 + all
 *
 * in float32 (the last bits differ between processors). Bit r of the result says whether good +
 * error reaches the bar. */
uint64_t vp_inner_weigh(const struct vp_inner_weights *k, const float *scales, const float *norms,
    const float *errors, const int32_t *dots, float bar, float *good, float *error);

#endif
