/* buf: spans of bytes, and buffers that grow up to a stated maximum.
 *
 * A span is a visitor: it points into memory that something else owns, and is good only as long as
 * its owner lets it be. It need not end in NUL. A buffer owns its memory; setting its length to 0
 * keeps the memory for the next turn, and vp_buf_take is the only way out for it.
 * A zeroed struct vp_buf is ready for use. */
#ifndef VP_BUF_H
#define VP_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct vp_span {
	const char *s; /* first byte; may be NULL where n is 0 */
	size_t n;      /* bytes */
};

/* A string literal, or a C string, as a span. */
#define VP_LIT(literal) ((struct vp_span){"" literal, sizeof(literal) - 1})
struct vp_span vp_str(const char *s);

bool vp_span_eq(struct vp_span a, struct vp_span b);
bool vp_span_is(struct vp_span a, const char *s);

struct vp_buf {
	char *s;    /* bytes, owned; not NUL-terminated unless vp_buf_cstr was called */
	size_t n;   /* bytes in use */
	size_t cap; /* bytes of room */
	size_t max; /* bytes it may grow to; 0 is no maximum */
};

/* Make room for n more bytes and return where they go, or NULL if that would pass b->max. The caller
 * writes there and adds to b->n. Out of memory ends the program (exit 70). */
char *vp_buf_room(struct vp_buf *b, size_t n);

/* Append. 0, or VP_E_LIMIT where that would pass b->max (nothing is appended then). */
int vp_buf_add(struct vp_buf *b, const void *s, size_t n);
int vp_buf_span(struct vp_buf *b, struct vp_span s);
int vp_buf_puts(struct vp_buf *b, const char *s);
int vp_buf_putc(struct vp_buf *b, char c);
int vp_buf_printf(struct vp_buf *b, const char *format, ...) VP_PRINTF(2, 3);

/* The content as a C string: a NUL is put behind it, not counted in n. Owned by b, good until b
 * changes. */
char *vp_buf_cstr(struct vp_buf *b);

/* The content as a span, good until b changes. */
struct vp_span vp_buf_get(const struct vp_buf *b);

/* Hand the memory over: the caller frees it with free(3); b is empty and ready again. NULL if b never
 * held anything. */
char *vp_buf_take(struct vp_buf *b, size_t *n);

void vp_buf_free(struct vp_buf *b);

#endif
