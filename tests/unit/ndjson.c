/* ndjson: lines, however their bytes arrive; the limit; the end */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "ndjson.h"

/* What comes of text when its bytes arrive in two writes, cut at `cut`: each line as
 * `number:text|`, a line that is too long as `number!|`, and `.` at the end of input that has no
 * LF at its end. */
static void
read_in_two(struct vp_span text, size_t cut, size_t max, struct vp_buf *got)
{
	struct vp_lines in = {.max = max};
	struct vp_span line;
	size_t sent = 0;
	int ends[2], e;

	got->n = 0;
	if (pipe(ends)) {
		perror("pipe");
		exit(2);
	}
	in.fd = ends[0];
	for (;;) {
		while (vp_lines_ready(&in)) {
			e = vp_lines_next(&in, &line);
			if (e == 0) {
				CHECK(vp_lines_next(&in, &line) == 0); /* and again */
				CHECK(in.bytes == text.n);
				if (in.cut)
					vp_buf_putc(got, '.');
				vp_lines_free(&in);
				close(ends[0]);
				return;
			}
			vp_buf_printf(got, "%llu%c", in.line, e == 1 ? ':' : '!');
			if (e == 1)
				vp_buf_span(got, line);
			vp_buf_putc(got, '|');
		}
		if (sent < text.n) {
			size_t to = sent < cut ? cut : text.n;
			CHECK(write(ends[1], text.s + sent, to - sent) == (ssize_t)(to - sent));
			sent = to;
		} else if (ends[1] >= 0) {
			close(ends[1]);
			ends[1] = -1;
		}
		CHECK(vp_lines_fill(&in) == 0);
	}
}

static void
expect(struct vp_span text, size_t max, struct vp_span want)
{
	struct vp_buf got = {0};

	for (size_t cut = 0; cut <= text.n; cut++) {
		read_in_two(text, cut, max, &got);
		CHECK_AT(vp_span_eq(vp_buf_get(&got), want), vp_buf_cstr(&got));
	}
	vp_buf_free(&got);
}

static void
test_lines(void)
{
	expect(VP_LIT(""), 0, VP_LIT(""));
	expect(VP_LIT("\n"), 0, VP_LIT("1:|"));
	expect(VP_LIT("a\nbc\n"), 0, VP_LIT("1:a|2:bc|"));
	expect(VP_LIT("a\n\n\nb"), 0, VP_LIT("1:a|2:|3:|4:b|."));
	expect(VP_LIT("a\r\n\r\nb\rc\r\r\n"), 0, VP_LIT("1:a|2:|3:b\rc\r|"));
	expect(VP_LIT("last\r"), 0, VP_LIT("1:last|."));
	expect(VP_LIT("a\0b\n\0"), 0, VP_LIT("1:a\0b|2:\0|."));
}

static void
test_limit(void)
{
	expect(VP_LIT("1234\n12345\n123\n"), 4, VP_LIT("1:1234|2!|3:123|"));
	expect(VP_LIT("123456789\n\n1234"), 4, VP_LIT("1!|2:|3:1234|."));
	expect(VP_LIT("a\n12345"), 4, VP_LIT("1:a|2!|."));
	expect(VP_LIT("123456789012345678901234567890\nb\n"), 4, VP_LIT("1!|2:b|"));
}

/* Lines longer than the room of a read, and their bytes. */
static void
test_long(void)
{
	enum { N = 3000000 };
	char *big = malloc(N);
	FILE *file = tmpfile();
	struct vp_lines in = {.fd = fileno(file)};
	struct vp_span line;

	memset(big, 'x', N);
	big[1000000] = big[N - 1] = '\n';
	CHECK(write(in.fd, big, N) == N && lseek(in.fd, 0, SEEK_SET) == 0);
	CHECK(vp_lines_next(&in, &line) == 1 && line.n == 1000000 && line.s[999999] == 'x');
	CHECK(vp_lines_next(&in, &line) == 1 && line.n == N - 1000002 && in.line == 2 && !in.cut);
	CHECK(memchr(line.s, '\n', line.n) == NULL);
	CHECK(vp_lines_next(&in, &line) == 0);
	vp_lines_free(&in);
	fclose(file);
	free(big);
}

static void
test_error(void)
{
	struct vp_lines in = {.fd = open("/", O_RDONLY)};
	struct vp_span line;

	CHECK(vp_lines_next(&in, &line) == VP_E_IO && errno == EISDIR);
	close(in.fd);
	in.fd = -1;
	CHECK(vp_lines_next(&in, &line) == VP_E_IO && errno == EBADF);
	vp_lines_free(&in);
}

int
main(void)
{
	test_lines();
	test_limit();
	test_long();
	test_error();
	return check_done();
}
