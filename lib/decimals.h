/* decimals: pass over vectors 64 bytes a step.
 *
 * A vector is a long run of plain decimals, `-0.0123,0.4,…`. Whether such a run keeps JSON's grammar can be seen from
 * each byte and the one before it, and that for 64 bytes at once, with a bit for each. This is the fast path of json.h,
 * which goes on number by number where something else stands. */
#ifndef VP_DECIMALS_H
#define VP_DECIMALS_H

#include <stddef.h>

/* p stands on the first byte of a number in an array, behind `[` or a comma. Returns where the first number begins that
 * has not been passed over (p itself if none was), and adds the numbers passed over to *count. All of them match
 * -?(0|[1-9][0-9]*)(\.[0-9]+)? and are within float32's range (RFC 8259 section 6, without the exponent). Never reads
 * end or beyond. On machines without AVX2 it passes over nothing. */
const char *vp_decimals(const char *p, const char *end, size_t *count);

#endif
