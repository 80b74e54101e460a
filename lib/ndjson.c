/* ndjson: lines in, with a limit, a number, and no stall */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ndjson.h"
#include "out.h"

enum { READ_ROOM = 256 * 1024 };

static size_t
limit(const struct vp_lines *in)
{
	return in->max ? in->max : VP_LINE_MAX;
}

static const char *
find_lf(const struct vp_lines *in)
{
	size_t from = in->looked > in->at ? in->looked : in->at;

	return from < in->buf.n ? memchr(in->buf.s + from, '\n', in->buf.n - from) : NULL;
}

bool
vp_lines_ready(const struct vp_lines *in)
{
	return in->eof || find_lf(in);
}

int
vp_lines_fill(struct vp_lines *in)
{
	ssize_t n;

	if (in->at) { /* what is left moves to the front: less than a line, so it moves once */
		memmove(in->buf.s, in->buf.s + in->at, in->buf.n - in->at);
		in->buf.n -= in->at;
		in->looked = in->looked > in->at ? in->looked - in->at : 0;
		in->at = 0;
	}
	if (in->skipping || in->buf.n > limit(in)) { /* too long: its bytes are not kept */
		in->skipping = true;
		in->buf.n = 0;
	}
	in->looked = in->buf.n;
	n = read(in->fd, vp_buf_room(&in->buf, READ_ROOM), READ_ROOM);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : VP_E_IO;
	if (n == 0)
		in->eof = true;
	in->buf.n += (size_t)n;
	in->bytes += (unsigned long long)n;
	return 0;
}

int
vp_lines_next(struct vp_lines *in, struct vp_span *line)
{
	const char *lf, *start;
	bool too_long;

	while (!(lf = find_lf(in)) && !in->eof) {
		if (poll(&(struct pollfd){.fd = in->fd, .events = POLLIN}, 1, 0) <= 0)
			vp_out_flush();
		if (vp_lines_fill(in))
			return VP_E_IO;
	}
	start = in->buf.s + in->at;
	if (!lf) {
		if (in->at == in->buf.n && !in->skipping)
			return 0;
		lf = in->buf.s + in->buf.n;
		in->cut = true;
	}
	in->line++;
	*line = (struct vp_span){start, (size_t)(lf - start)};
	in->at += line->n + !in->cut;
	too_long = in->skipping || line->n > limit(in);
	in->skipping = false;
	if (too_long)
		return VP_E_LIMIT;
	if (line->n && line->s[line->n - 1] == '\r')
		line->n--;
	return 1;
}

void
vp_lines_free(struct vp_lines *in)
{
	vp_buf_free(&in->buf);
}
