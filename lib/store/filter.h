/* filter: metadata filters: read once, then answered for all rows of a namespace at a time.
 *
 * 	{"genre": "drama", "year": {"$gte": 1990, "$lt": 2000}, "$or": [{...}, {...}]}
 *
 * Several keys, and several operators of one field, must all hold. A bare value means $eq. $eq $ne
 * $in $nin take strings, numbers and booleans; $gt $gte $lt $lte numbers; $exists a boolean; $and
 * $or lists of filters. A list of strings matches $eq and $in when one of its elements does. $ne
 * and $nin are the exact opposites of $eq and $in: they match a record that does not have the field
 * at all.
 *
 * Source: Pinecone's documentation of metadata filtering; what it leaves open is said above. */
#ifndef VP_STORE_FILTER_H
#define VP_STORE_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "attrs.h"
#include "buf.h"

#define VP_FILTER_DEPTH 32     /* $and and $or inside each other */
#define VP_FILTER_VALUES 10000 /* of one $in or $nin */

struct vp_filter;

/* Read a filter. On success *out is it, to be freed with vp_filter_free; NULL for an empty object,
 * which asks for nothing. Otherwise a VP_E_*, and why in words that name the operator or the
 * field. */
int vp_filter_parse(struct vp_span json, struct vp_filter **out, struct vp_buf *why);

/* Set the bits of the rows that match, clear the others. rows has (n + 63) / 64 words; bit i of
 * word w is row 64 * w + i. Bits of rows that are gone, and behind the n-th, mean nothing. */
void vp_filter_rows(const struct vp_filter *f, const struct vp_attrs *a, uint64_t *rows, size_t n);

void vp_filter_free(struct vp_filter *f);

#endif
