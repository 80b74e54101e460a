/* lines: the line reader finds the lines that a plain search finds, however they arrive
 *
 * Byte 0 is the length that a line may have (0: any), byte 1 that of the pieces in which the rest arrives. */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "ndjson.h"

enum { PIECES_MAX = 20000 }; /* bytes in a pipe at most: it must not fill up */

/* The next line by the words of ndjson.h. 1, 0 at the end, VP_E_LIMIT. */
static int
next_plainly(struct vp_span *rest, size_t max, struct vp_span *line)
{
	const char *lf;

	if (!rest->n)
		return 0;
	lf = memchr(rest->s, '\n', rest->n);
	*line = (struct vp_span){rest->s, lf ? (size_t)(lf - rest->s) : rest->n};
	rest->s += line->n + !!lf;
	rest->n -= line->n + !!lf;
	if (max && line->n > max)
		return VP_E_LIMIT;
	if (line->n && line->s[line->n - 1] == '\r')
		line->n--;
	return 1;
}

/* Compare the next line of both. Whether there was one. */
static bool
compare(struct vp_lines *in, struct vp_span *rest)
{
	struct vp_span line = {0}, plain = {0};
	int got = vp_lines_next(in, &line), want = next_plainly(rest, in->max, &plain);

	must(got == want, "the same kind of line");
	must(got != 1 || vp_span_eq(line, plain), "the same bytes");
	return got != 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vp_lines in = {0};
	struct vp_span text, rest;
	int ends[2];
	size_t piece;

	if (size < 2 || size > PIECES_MAX)
		return 0;
	must(pipe(ends) == 0, "there is a pipe");
	in.fd = ends[0];
	in.max = data[0];
	piece = 1 + data[1];
	text = rest = behind(data, size, 2);
	while (text.n) {
		size_t n = text.n < piece ? text.n : piece;

		must(write(ends[1], text.s, n) == (ssize_t)n, "a pipe takes it");
		text.s += n;
		text.n -= n;
		must(vp_lines_fill(&in) == 0, "it can be read");
		while (vp_lines_ready(&in))
			compare(&in, &rest);
	}
	close(ends[1]);
	while (compare(&in, &rest))
		;
	must(in.bytes == size - 2, "all bytes were counted");
	must(in.cut == (size > 2 && data[size - 1] != '\n'), "cut says so");
	close(ends[0]);
	vp_lines_free(&in);
	return 0;
}
