/* attrs: what the metadata of many records says, turned round: for each field, which rows have it
 * and what it is there.
 *
 * A filter then looks at the fields that it names, and at nothing else: about a nanosecond for each
 * row that has the field. A string is kept as its 64-bit hash (map.h): that two different strings
 * of one field have the same one will not happen in the life of this universe.
 *
 * Entries of rows that are gone stay until vp_attrs_renumber; the caller masks them. */
#ifndef VP_STORE_ATTRS_H
#define VP_STORE_ATTRS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "map.h"

enum vp_attr_type {
	VP_ATTR_NUMBER,
	VP_ATTR_STRING,
	VP_ATTR_BOOL,
	VP_ATTR_NOTHING /* an empty list */
};

struct vp_value {
	uint32_t type; /* enum vp_attr_type */
	uint64_t bits; /* the double's, the string's hash, 0 or 1 */
};

struct vp_entry {
	uint32_t row;
	uint32_t type;
	uint64_t bits;
};

struct vp_field {
	char *name; /* owned */
	size_t n, cap;
	struct vp_entry *entries; /* owned; row ascends */
};

struct vp_attrs {
	struct vp_field *fields; /* [n], owned */
	size_t n, cap;
	struct vp_map map; /* hash of the name to its place in fields */
};

/* A scalar JSON value as a vp_value. 0; VP_E_TYPE (another type), VP_E_NUMBER, VP_E_UTF8. scratch
 * is any buffer. */
int vp_value_read(struct vp_span json, struct vp_value *v, struct vp_buf *scratch);

/* Check metadata as the service does: an object of strings, finite numbers, booleans and lists of
 * strings, whose keys do not begin with `$`. 0, or a VP_E_* with the reason appended to why, in
 * words that name the field. */
int vp_attrs_check(struct vp_span metadata, struct vp_buf *why);

/* Append the object that comes of setting the members of `set` in `old` (n may be 0); both have
 * been checked. */
void vp_attrs_merge(struct vp_buf *out, struct vp_span old, struct vp_span set);

/* Enter the metadata of a row. Rows come in ascending order; what vp_attrs_check refuses is passed
 * over. */
void vp_attrs_add(struct vp_attrs *a, uint32_t row, struct vp_span metadata);

/* The field of that name, or NULL. */
const struct vp_field *vp_attrs_field(const struct vp_attrs *a, const char *name);

/* Give every row the number to[row], or drop it where that is UINT32_MAX. Order must be kept. */
void vp_attrs_renumber(struct vp_attrs *a, const uint32_t *to);

void vp_attrs_free(struct vp_attrs *a);

#endif
