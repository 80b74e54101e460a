/* buf: spans, and buffers that grow up to a maximum */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

enum { STEP = 16 * 1024 }; /* large buffers are multiples of it */

struct vp_span
vp_str(const char *s)
{
	return (struct vp_span){s, strlen(s)};
}

bool
vp_span_eq(struct vp_span a, struct vp_span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

bool
vp_span_is(struct vp_span a, const char *s)
{
	return vp_span_eq(a, vp_str(s));
}

char *
vp_buf_room(struct vp_buf *b, size_t n)
{
	size_t cap = b->cap;

	if (n > SIZE_MAX / 2 - b->n)
		vp_oom();
	if (b->max &&
	    b->n + n > b->max) /* before the room is looked at: a NUL may have made more */
		return NULL;
	if (n <= cap - b->n && b->s)
		return b->s + b->n;
	cap += cap / 2; /* 1.5: a freed block can be used again by a later, larger one */
	if (cap < b->n + n)
		cap = b->n + n;
	if (cap < 64)
		cap = 64;
	if (cap > 8 * STEP) /* and one block of a kind in the place of another */
		cap = (cap + STEP - 1) / STEP * STEP;
	if (b->max && cap > b->max)
		cap = b->max;
	b->s = vp_realloc(b->s, cap, 1);
	b->cap = cap;
	return b->s + b->n;
}

int
vp_buf_add(struct vp_buf *b, const void *s, size_t n)
{
	char *to = vp_buf_room(b, n);

	if (!to)
		return VP_E_LIMIT;
	if (n)
		memcpy(to, s, n);
	b->n += n;
	return 0;
}

int
vp_buf_span(struct vp_buf *b, struct vp_span s)
{
	return vp_buf_add(b, s.s, s.n);
}

int
vp_buf_puts(struct vp_buf *b, const char *s)
{
	return vp_buf_add(b, s, strlen(s));
}

int
vp_buf_putc(struct vp_buf *b, char c)
{
	return vp_buf_add(b, &c, 1);
}

/* Room for n bytes and a NUL behind them, which does not count against b->max. */
static void
room_for_nul(struct vp_buf *b, size_t n)
{
	size_t max = b->max;

	b->max = 0;
	vp_buf_room(b, n + 1);
	b->max = max;
}

int
vp_buf_printf(struct vp_buf *b, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0 || !vp_buf_room(b, (size_t)n))
		return VP_E_LIMIT;
	room_for_nul(b, (size_t)n);
	va_start(ap, format);
	vsnprintf(b->s + b->n, (size_t)n + 1, format, ap);
	va_end(ap);
	b->n += (size_t)n;
	return 0;
}

char *
vp_buf_cstr(struct vp_buf *b)
{
	room_for_nul(b, 0);
	b->s[b->n] = '\0';
	return b->s;
}

struct vp_span
vp_buf_get(const struct vp_buf *b)
{
	return (struct vp_span){b->s, b->n};
}

char *
vp_buf_take(struct vp_buf *b, size_t *n)
{
	char *s = b->s;

	if (n)
		*n = b->n;
	b->s = NULL;
	b->n = b->cap = 0;
	return s;
}

void
vp_buf_free(struct vp_buf *b)
{
	free(b->s);
	b->s = NULL;
	b->n = b->cap = 0;
}
