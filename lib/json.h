/* json: find, check and copy spans of JSON text without building a tree and without allocating.
 *
 * Every span that comes out of here has been checked against RFC 8259, UTF-8 included, so it can be
 * copied into another document as it stands: that is how a vector travels from the embedding server
 * to the index without being decoded. Nesting is bounded by VP_JSON_DEPTH.
 *
 * Not here: changing values (libjq does that, see expr.h), duplicate members (the first one is found;
 * callers that care look on), numbers beyond double. */
#ifndef VP_JSON_H
#define VP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define VP_JSON_DEPTH 512 /* arrays and objects inside each other */

/* Check a whole document: one value, white space around it, nothing else. On success *value is the
 * value without the white space; value may be NULL. 0, VP_E_SYNTAX, VP_E_UTF8, VP_E_LIMIT (nested too
 * deep). */
int vp_json_check(struct vp_span doc, struct vp_span *value);

/* The type of a checked value, by its first byte: '{' '[' '"' 't' 'f' 'n', '0' for a number, 0 for an
 * empty span. */
char vp_json_type(struct vp_span value);

/* Walk over the members of an object or the items of an array, checking while going, so that an
 * unchecked document needs one pass only:
 *
 *	struct vp_json_walk w;
 *	int e;
 *	for (vp_json_begin(&w, obj); (e = vp_json_member(&w, &key, &value)) > 0;)
 *		...
 *	if (e < 0) it was not JSON
 *
 * obj may have white space around it. If it is of another type, the first step returns VP_E_TYPE. Each
 * step returns 1 with the spans set (key without its quotes, escapes still in it), 0 at the end (then
 * nothing but white space follows), or VP_E_SYNTAX, VP_E_UTF8, VP_E_LIMIT, VP_E_TYPE. */
struct vp_json_walk {
	const char *p, *end; /* what is left */
	bool started;
	bool inner; /* begun by vp_json_enter */
};
void vp_json_begin(struct vp_json_walk *w, struct vp_span value);
int vp_json_member(struct vp_json_walk *w, struct vp_span *key, struct vp_span *value);
int vp_json_item(struct vp_json_walk *w, struct vp_span *value);

/* The same in two steps, for what is to be scanned only once. vp_json_key and vp_json_next go up to the next
 * member's or item's value (1, 0 or an error as above); then one of these goes over it:
 *
 * vp_json_pass          as a whole: 1 and *value, or an error
 * vp_json_pass_numbers  as an array of finite numbers: 1, *value and *count, or VP_E_TYPE (not an array, or an
 *                       item is no number), VP_E_NUMBER (an item is beyond float32's range), VP_E_SYNTAX
 * vp_json_enter         by walking over its inside: walk over inner to its end (0), then
 * vp_json_leave         sets *value to it and lets w go on behind it */
int vp_json_key(struct vp_json_walk *w, struct vp_span *key);
int vp_json_next(struct vp_json_walk *w);
int vp_json_pass(struct vp_json_walk *w, struct vp_span *value);
int vp_json_pass_numbers(struct vp_json_walk *w, struct vp_span *value, size_t *count);
void vp_json_enter(const struct vp_json_walk *w, struct vp_json_walk *inner);
void vp_json_leave(struct vp_json_walk *w, const struct vp_json_walk *inner, struct vp_span *value);

/* The value of the first member called name. 1 if found, 0 if not, or an error as above; checks no
 * further than it had to go. name is plain text; a key spelled with escapes is found as well. */
int vp_json_find(struct vp_span obj, const char *name, struct vp_span *value);

/* The same along a path of member names, ended by NULL: vp_json_path(doc, &v, "error", "code", NULL). */
int vp_json_path(struct vp_span obj, struct vp_span *value, ...);

/* Whether a key span (no quotes, escapes in it) spells name. */
bool vp_json_key_is(struct vp_span key, const char *name);

/* Check an array of finite numbers, and count them. 0, VP_E_TYPE (not an array, or an item is no
 * number), VP_E_NUMBER (an item is beyond float32's range), VP_E_SYNTAX. *count is set on success. A
 * checked array, or an unchecked one; this is the fast path for vectors (over 1 GB/s). */
int vp_json_numbers(struct vp_span array, size_t *count);

/* Decode a string value (with its quotes) and append it to out as UTF-8. 0; VP_E_TYPE (no string);
 * VP_E_UTF8 (a lone surrogate); VP_E_LIMIT (out is full). U+0000 comes out as a NUL byte. */
int vp_json_decode(struct vp_span string, struct vp_buf *out);

/* Append s as a JSON string with its quotes; s must be UTF-8. Escapes what RFC 8259 section 7 demands
 * and nothing else. 0 or VP_E_LIMIT. */
int vp_json_quote(struct vp_buf *out, struct vp_span s);

/* The number in a checked value. 0; VP_E_TYPE (no number); VP_E_NUMBER (overflow; or for the integer,
 * a fraction, a negative number or more than 2^53). */
int vp_json_double(struct vp_span value, double *out);
int vp_json_uint(struct vp_span value, uint64_t *out);

/* Whether all of s is UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). NUL counts as
 * valid. On false *bad, if given, is the offset of the first bad byte. */
bool vp_utf8_valid(struct vp_span s, size_t *bad);

#endif
