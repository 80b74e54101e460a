/* fnum: float32 numbers to text and back, exactly and fast.
 *
 * A vector spends its life as JSON text, and both local servers turn floats into text and text into
 * floats by the million. printf and strtof are right but slow (about 250 ns a number each); these are
 * right and take 10 to 20 ns.
 *
 * Not here: doubles, hexadecimal floats, locales. */
#ifndef VP_FNUM_H
#define VP_FNUM_H

#include <stddef.h>

#include "buf.h"

#define VP_FLOAT_CHARS 16 /* room that vp_float_print needs at most */

/* Write x to out, not NUL-terminated, and return how many bytes that were. The text is the shortest decimal
 * that reads back as the same float32, of those the nearest to x; it is a JSON number, spelled without an
 * exponent from 1e-5 to below 1e10 (0.04075899, 1, -2.5e-7). -0 comes out as -0. JSON has no other word for
 * infinities and NaN: they come out as null.
 *
 * Source: Raffaello Giulietti, The Schubfach way to render doubles, 2020, with the constants for float32. */
size_t vp_float_print(char out[VP_FLOAT_CHARS], float x);

/* Append [n] numbers as a JSON array without blanks. 0, or VP_E_LIMIT where out->max is passed. */
int vp_floats_print(struct vp_buf *out, const float *x, size_t n);

/* Read the JSON number that stands at s, before end, as the nearest float32 (ties to even; what is below the
 * smallest one becomes 0). Returns where the number ends. NULL where no number stands there, or where it is
 * beyond float32's range. Does not check what JSON forbids on top of that (leading zeros). */
const char *vp_float_read(const char *s, const char *end, float *out);

/* Read a JSON array of exactly n numbers into out. 0; VP_E_SYNTAX (no array, or an item that is no number
 * that fits); VP_E_DIM (more or fewer than n: out is then partly written). */
int vp_floats_read(struct vp_span array, float *out, size_t n);

#endif
