/* buf: appends, the maximum, the NUL, and taking the memory out */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "check.h"

static void
test_spans(void)
{
	CHECK(vp_span_is(VP_LIT("abc"), "abc"));
	CHECK(!vp_span_is(VP_LIT("abc"), "abcd"));
	CHECK(!vp_span_is(VP_LIT("abc"), "ab"));
	CHECK(vp_span_is((struct vp_span){NULL, 0}, ""));
	CHECK(vp_span_eq(VP_LIT("a\0b"), VP_LIT("a\0b")));
	CHECK(!vp_span_eq(VP_LIT("a\0b"), VP_LIT("a\0c")));
	CHECK(vp_str("xyz").n == 3);
}

static void
test_appends(void)
{
	struct vp_buf b = {0};
	size_t n;
	char *s;

	CHECK(vp_buf_get(&b).n == 0);
	CHECK(vp_buf_take(&b, &n) == NULL && n == 0);
	CHECK(vp_buf_add(&b, NULL, 0) == 0);
	CHECK(vp_buf_puts(&b, "one ") == 0 && vp_buf_putc(&b, '2') == 0);
	CHECK(vp_buf_span(&b, VP_LIT(" three")) == 0);
	CHECK(vp_buf_printf(&b, " %d%s", 4, "!") == 0);
	CHECK(vp_span_is(vp_buf_get(&b), "one 2 three 4!"));
	CHECK(strcmp(vp_buf_cstr(&b), "one 2 three 4!") == 0 && b.n == 14);
	s = vp_buf_take(&b, &n);
	CHECK(n == 14 && memcmp(s, "one 2 three 4!", n) == 0);
	CHECK(b.s == NULL && b.n == 0 && b.cap == 0);
	free(s);
	for (int i = 0; i < 100000; i++)
		vp_buf_putc(&b, (char)(i % 251));
	for (int i = 0; i < 100000; i++)
		if (!CHECK((unsigned char)b.s[i] == i % 251))
			break;
	s = b.s;
	b.n = 0;
	CHECK(vp_buf_puts(&b, "again") == 0 && b.s == s); /* the memory was kept */
	vp_buf_free(&b);
	CHECK(b.s == NULL && b.cap == 0);
}

static void
test_maximum(void)
{
	struct vp_buf b = {.max = 8};

	CHECK(vp_buf_puts(&b, "12345678") == 0);
	CHECK(vp_buf_putc(&b, '9') == VP_E_LIMIT);
	CHECK(strcmp(vp_buf_cstr(&b), "12345678") == 0); /* the NUL does not count */
	CHECK(vp_buf_putc(&b, '9') == VP_E_LIMIT);       /* nor does it make room */
	CHECK(vp_buf_room(&b, 1) == NULL && vp_buf_room(&b, 0) != NULL);
	CHECK(vp_span_is(vp_buf_get(&b), "12345678"));
	b.n = 0;
	CHECK(vp_buf_printf(&b, "%s", "123456789") == VP_E_LIMIT && b.n == 0);
	CHECK(vp_buf_printf(&b, "%s", "abcdefgh") == 0);
	CHECK(vp_span_is(vp_buf_get(&b), "abcdefgh"));
	CHECK(vp_buf_printf(&b, "%s", "i") == VP_E_LIMIT && b.n == 8);
	vp_buf_free(&b);
	for (size_t n = 0; n < 200; n++) { /* all sizes around the first growths */
		struct vp_buf c = {.max = n};
		char text[200];

		memset(text, 'x', sizeof text);
		CHECK(vp_buf_add(&c, text, n) == 0 && c.n == n);
		CHECK(n == 0 || vp_buf_putc(&c, 'x') == VP_E_LIMIT);
		vp_buf_free(&c);
	}
}

int
main(void)
{
	test_spans();
	test_appends();
	test_maximum();
	return check_done();
}
