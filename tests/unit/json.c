/* json: the scanner against tables, against a plain UTF-8 decoder, and through its own round trips
 *
 *	json             the tests
 *	json FILE...     for each file: `accepted FILE` or `refused FILE` */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "json.h"

/* Call f on a copy that has not a byte more than s, so that the sanitiser sees a read beyond its
 * end. */
static int
exactly(int (*f)(struct vp_span), struct vp_span s)
{
	char *copy = malloc(s.n ? s.n : 1);
	int e;

	if (s.n)
		memcpy(copy, s.s, s.n);
	e = f((struct vp_span){s.n ? copy : NULL, s.n});
	free(copy);
	return e;
}

static int
check_only(struct vp_span s)
{
	return vp_json_check(s, NULL);
}

/* Walk over everything in a value, each container with a walk of its own. */
static int
walk_all(struct vp_span v)
{
	struct vp_json_walk w;
	struct vp_span key, value;
	bool object = vp_json_type(v) == '{';
	int e;

	if (!object && vp_json_type(v) != '[')
		return vp_json_check(v, NULL);
	vp_json_begin(&w, v);
	while ((e = object ? vp_json_member(&w, &key, &value) : vp_json_item(&w, &value)) > 0)
		if (walk_all(value))
			return VP_E_COUNT; /* what has been passed over once must pass again */
	return e;
}

/* What the scanner makes of a whole document; the walks must agree. */
static int
both(struct vp_span doc)
{
	struct vp_span value = {0};
	int e = vp_json_check(doc, &value), walked;

	if (e == 0)
		CHECK(walk_all(value) == 0);
	if (e == 0 || doc.n == 0)
		return e;
	walked = walk_all(doc);
	CHECK(walked < 0 && walked != VP_E_COUNT);
	return e;
}

static void
test_documents(void)
{
	static const struct {
		struct vp_span doc;
		int error;
	} docs[] = {
	    {{"{}", 2}, 0},
	    {{" [ ] ", 5}, 0},
	    {{"\t\r\n 1 \n", 7}, 0},
	    {{"null", 4}, 0},
	    {{"", 0}, VP_E_SYNTAX},
	    {{" ", 1}, VP_E_SYNTAX},
	    {{"nul", 3}, VP_E_SYNTAX},
	    {{"nullx", 5}, VP_E_SYNTAX},
	    {{"{}}", 3}, VP_E_SYNTAX},
	    {{"[}", 2}, VP_E_SYNTAX},
	    {{"[1,]", 4}, VP_E_SYNTAX},
	    {{"[,1]", 4}, VP_E_SYNTAX},
	    {{"[1 2]", 5}, VP_E_SYNTAX},
	    {{"{\"a\":1,}", 8}, VP_E_SYNTAX},
	    {{"{\"a\" 1}", 7}, VP_E_SYNTAX},
	    {{"{1:1}", 5}, VP_E_SYNTAX},
	    {{"[1]\0", 4}, VP_E_SYNTAX},
	    {{"\"a\0b\"", 5}, VP_E_SYNTAX},
	    {{"\"\\u12g4\"", 8}, VP_E_SYNTAX},
	    {{"\"\\u123", 6}, VP_E_SYNTAX},
	    {{"\"\\", 2}, VP_E_SYNTAX},
	    {{"\"\\x\"", 4}, VP_E_SYNTAX},
	    {{"\"\\\0\"", 4}, VP_E_SYNTAX},
	    {{"\"a\tb\"", 5}, VP_E_SYNTAX},
	    {{"\"\x7f\"", 3}, 0},
	    {{"\"\xff\"", 3}, VP_E_UTF8},
	    {{"\"\xc3", 2}, VP_E_UTF8},
	    {{"{\"\xe2\x82\":1}", 7}, VP_E_UTF8},
	    {{"\"\\ud800\"", 8}, 0},
	    {{"\xef\xbb\xbf{}", 5}, VP_E_SYNTAX},
	    {{"-", 1}, VP_E_SYNTAX},
	    {{"-0", 2}, 0},
	    {{"01", 2}, VP_E_SYNTAX},
	    {{"1.", 2}, VP_E_SYNTAX},
	    {{".5", 2}, VP_E_SYNTAX},
	    {{"1e", 2}, VP_E_SYNTAX},
	    {{"1e+", 3}, VP_E_SYNTAX},
	    {{"1E-05", 5}, 0},
	    {{"+1", 2}, VP_E_SYNTAX},
	    {{"NaN", 3}, VP_E_SYNTAX},
	    {{"1.5e300", 7}, 0},
	    {{"[0,-1,2.5,-0.25,1e5,0]", 22}, 0},
	    {{"[1,-]", 5}, VP_E_SYNTAX},
	    {{"[1,02]", 6}, VP_E_SYNTAX},
	    {{"[1,\"a\",2,{\"b\":[3]}]", 19}, 0},
	};

	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
		CHECK_AT(exactly(both, docs[i].doc) == docs[i].error, docs[i].doc.s);
}

/* Nested as deep as allowed, and one more; arrays and objects by turns. */
static void
test_depth(void)
{
	for (int depth = VP_JSON_DEPTH; depth <= VP_JSON_DEPTH + 1; depth++)
		for (int pattern = 0; pattern < 4; pattern++) {
			struct vp_buf doc = {0};
			struct vp_span value;

			for (int i = 0; i < depth; i++)
				vp_buf_puts(&doc, (i * pattern) % 3 % 2 ? "{\"k\":" : "[");
			vp_buf_putc(&doc, '1');
			for (int i = depth; i-- > 0;)
				vp_buf_puts(&doc, (i * pattern) % 3 % 2 ? ",\"l\":2}" : ",3]");
			CHECK(vp_json_check(vp_buf_get(&doc), &value) ==
			      (depth > VP_JSON_DEPTH ? VP_E_LIMIT : 0));
			doc.n--;
			CHECK(vp_json_check(vp_buf_get(&doc), &value) < 0);
			vp_buf_free(&doc);
		}
}

/* A special byte at each place of a string and after each count of digits: both run 16 bytes a
 * step. */
static void
test_steps(void)
{
	char text[80];

	for (size_t n = 0; n < 60; n++)
		for (size_t at = 0; at < n; at++) {
			text[0] = text[n + 1] = '"';
			memset(text + 1, 'a', n);
			text[at + 1] = '"';
			CHECK(exactly(check_only, (struct vp_span){text, n + 2}) == VP_E_SYNTAX);
			text[at + 1] = 0x1f;
			CHECK(exactly(check_only, (struct vp_span){text, n + 2}) == VP_E_SYNTAX);
			text[at + 1] = (char)0x80;
			CHECK(exactly(check_only, (struct vp_span){text, n + 2}) == VP_E_UTF8);
			text[at + 1] = '\\';
			text[at + 2] = at + 1 < n ? '\\' : '"';
			CHECK(exactly(check_only, (struct vp_span){text, n + 2}) ==
			      (at + 1 < n ? 0 : VP_E_SYNTAX));
			memset(text, '1', n);
			CHECK(exactly(check_only, (struct vp_span){text, n}) == 0);
			text[at] = ':';
			CHECK(exactly(check_only, (struct vp_span){text, n}) == VP_E_SYNTAX);
			text[at] = '/';
			CHECK(exactly(check_only, (struct vp_span){text, n}) == VP_E_SYNTAX);
			text[at] = '.';
			CHECK(exactly(check_only, (struct vp_span){text, n}) ==
			      (at && at + 1 < n ? 0 : VP_E_SYNTAX));
		}
}

/* The plain way: the code point that b[0..n-1] stands for, or -1 (RFC 3629 section 3). */
static long
plain_utf8(const unsigned char *b, size_t n)
{
	static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
	long c = n == 1 ? b[0] : b[0] & (0x7f >> n);

	if (n == 1 ? b[0] >= 0x80 : (b[0] >> (7 - n)) != (0xfe & 0xff >> (7 - n)))
		return -1;
	for (size_t i = 1; i < n; i++) {
		if (b[i] >> 6 != 2)
			return -1;
		c = c << 6 | (b[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : c;
}

/* All sequences of 2 and 3 bytes that start a sequence of that length, and those of 4 with each
 * first and second byte and a few others. */
static void
test_utf8(void)
{
	static const unsigned char some[] = {0, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	unsigned char b[4];
	size_t bad;

	for (unsigned first = 0xc0; first < 0x100; first++)
		for (unsigned second = 0; second < 0x100; second++) {
			b[0] = (unsigned char)first;
			b[1] = (unsigned char)second;
			if (second >= 0x80) /* else it is two sequences */
				CHECK(vp_utf8_valid((struct vp_span){(char *)b, 2}, NULL) ==
				      (plain_utf8(b, 2) >= 0));
			for (size_t i = 0; i < sizeof some; i++)
				for (size_t k = 0; k < sizeof some; k++) {
					b[2] = some[i];
					b[3] = some[k];
					CHECK(first < 0xe0 || first >= 0xf0 ||
					      vp_utf8_valid((struct vp_span){(char *)b, 3}, NULL) ==
						  (plain_utf8(b, 3) >= 0));
					CHECK(first < 0xf0 ||
					      vp_utf8_valid((struct vp_span){(char *)b, 4}, NULL) ==
						  (plain_utf8(b, 4) >= 0));
				}
		}
	CHECK(vp_utf8_valid(VP_LIT("abcdefghijklmnop\0qrstuvw"), &bad));
	CHECK(!vp_utf8_valid(VP_LIT("abcdefghijklmnopqrstuvw\xe2\x82"), &bad) && bad == 23);
	CHECK(!vp_utf8_valid(VP_LIT("\xed\xa0\x80"), &bad) && bad == 0);
	CHECK(vp_utf8_valid((struct vp_span){NULL, 0}, &bad));
}

static size_t
encode(long c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Every code point, quoted and decoded, and spelled as an escape and decoded. */
static void
test_strings(void)
{
	struct vp_buf quoted = {0}, plain = {0};
	char c[4], escape[20];

	for (long code = 0; code <= 0x10ffff; code++) {
		bool half = code >= 0xd800 && code < 0xe000;
		struct vp_span s = {c, encode(code, c)};

		quoted.n = plain.n = 0;
		if (half) {
			snprintf(escape, sizeof escape, "\"\\u%04lx\"", code);
			CHECK(vp_json_decode(vp_str(escape), &plain) == VP_E_UTF8);
			continue;
		}
		vp_json_quote(&quoted, s);
		if (!CHECK(vp_json_check(vp_buf_get(&quoted), NULL) == 0) ||
		    !CHECK(vp_json_decode(vp_buf_get(&quoted), &plain) == 0 &&
			   vp_span_eq(vp_buf_get(&plain), s)))
			break;
		CHECK(code < 0x20 || code == '"' || code == '\\' ||
		      quoted.n == s.n + 2); /* nothing else is escaped */
		if (code < 0x10000)
			snprintf(escape, sizeof escape, "\"\\u%04lX\"", code);
		else
			snprintf(escape, sizeof escape, "\"\\u%04lx\\u%04lX\"",
			    0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
		plain.n = 0;
		if (!CHECK_AT(vp_json_decode(vp_str(escape), &plain) == 0 &&
				  vp_span_eq(vp_buf_get(&plain), s),
			escape))
			break;
	}
	plain.n = 0;
	CHECK(vp_json_decode(VP_LIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t-\""), &plain) == 0);
	CHECK(vp_span_is(vp_buf_get(&plain), "\"\\/\b\f\n\r\t-"));
	CHECK(vp_json_decode(VP_LIT("\"\\udc00\\ud800\""), &plain) == VP_E_UTF8);
	CHECK(vp_json_decode(VP_LIT("\"\\ud83dx\""), &plain) == VP_E_UTF8);
	CHECK(vp_json_decode(VP_LIT("\"\\ud83d\\n\""), &plain) == VP_E_UTF8);
	CHECK(vp_json_decode(VP_LIT("12"), &plain) == VP_E_TYPE);
	vp_buf_free(&plain);
	plain.max = 3;
	CHECK(vp_json_decode(VP_LIT("\"abcd\""), &plain) == VP_E_LIMIT);
	CHECK(vp_json_quote(&plain, VP_LIT("ab")) == VP_E_LIMIT);
	vp_buf_free(&plain);
	vp_buf_free(&quoted);
}

static void
test_walks(void)
{
	struct vp_span doc = VP_LIT(" {\"a\" : 1 , \"b\\u0062\":[ 2,[3] ],\"a\":{\"c\":null}} ");
	struct vp_span key, value, v;
	struct vp_json_walk w, inner;
	size_t n;

	vp_json_begin(&w, doc);
	CHECK(vp_json_member(&w, &key, &value) == 1 && vp_span_is(key, "a") &&
	      vp_span_is(value, "1"));
	CHECK(vp_json_member(&w, &key, &value) == 1 && vp_span_is(key, "b\\u0062"));
	CHECK(vp_span_is(value, "[ 2,[3] ]") && vp_json_key_is(key, "bb") &&
	      !vp_json_key_is(key, "b"));
	CHECK(!vp_json_key_is(key, "bbb") && !vp_json_key_is(VP_LIT("a\\u0000b"), "a"));
	CHECK(vp_json_key_is(VP_LIT("\\ud83d\\ude00"), "\xf0\x9f\x98\x80"));
	CHECK(vp_json_member(&w, &key, &value) == 1 && vp_json_type(value) == '{');
	CHECK(vp_json_member(&w, &key, &value) == 0 && vp_json_member(&w, &key, &value) == 0);
	CHECK(vp_json_find(doc, "a", &v) == 1 && vp_span_is(v, "1")); /* the first one */
	CHECK(vp_json_find(doc, "bb", &v) == 1 && vp_json_find(doc, "c", &v) == 0);
	CHECK(vp_json_find(VP_LIT("[1]"), "a", &v) == VP_E_TYPE &&
	      vp_json_find(VP_LIT(""), "a", &v) == VP_E_SYNTAX);
	CHECK(vp_json_find(VP_LIT("{\"a\":1"), "b", &v) == VP_E_SYNTAX);
	CHECK(vp_json_path(VP_LIT("{\"a\":{\"b\":{\"c\":7}}}"), &v, "a", "b", "c", NULL) == 1 &&
	      vp_span_is(v, "7"));
	CHECK(vp_json_path(VP_LIT("{\"a\":{\"b\":3}}"), &v, "a", "b", "c", NULL) == VP_E_TYPE);
	CHECK(vp_json_path(VP_LIT("{\"a\":{\"b\":3}}"), &v, "a", "x", "c", NULL) == 0);

	vp_json_begin(&w, VP_LIT("[{\"a\":1} , [2] , 3 ]")); /* in two steps */
	CHECK(vp_json_next(&w) == 1);
	vp_json_enter(&w, &inner);
	CHECK(vp_json_key(&inner, &key) == 1 && vp_span_is(key, "a") &&
	      vp_json_pass(&inner, &value) == 1);
	CHECK(vp_span_is(value, "1") && vp_json_member(&inner, &key, &value) == 0);
	vp_json_leave(&w, &inner, &v);
	CHECK(vp_span_is(v, "{\"a\":1}") && vp_json_next(&w) == 1);
	vp_json_enter(&w, &inner);
	CHECK(vp_json_member(&inner, &key, &value) == VP_E_TYPE);
	CHECK(vp_json_pass_numbers(&w, &value, &n) == 1 && n == 1 && vp_span_is(value, "[2]"));
	CHECK(vp_json_next(&w) == 1 && vp_json_pass(&w, &v) == 1 && vp_span_is(v, "3") &&
	      vp_json_next(&w) == 0);
	vp_json_begin(&w, VP_LIT("[[1,2,x]]"));
	CHECK(vp_json_next(&w) == 1 && vp_json_pass_numbers(&w, &value, &n) < 0);
	CHECK(vp_json_type((struct vp_span){NULL, 0}) == 0 && vp_json_type(VP_LIT("-1")) == '0');
}

static void
test_numbers(void)
{
	static const struct {
		const char *array;
		int count; /* or the error */
	} arrays[] = {{"[]", 0}, {" [ 1 , -2.5e3,0 ] ", 3}, {"[3.4028234e38]", 1},
	    {"[3.5e38]", VP_E_NUMBER}, {"[-1e39]", VP_E_NUMBER}, {"[1e-60]", 1},
	    {"[340282346638528859811704183484516925440]", 1},
	    {"[1000000000000000000000000000000000000000]", VP_E_NUMBER}, {"[1e400]", VP_E_NUMBER},
	    {"[0.1000000000000000000000000000000000000000000000001]", 1}, {"[1,null]", VP_E_TYPE},
	    {"[1,\"2\"]", VP_E_TYPE}, {"[[1]]", VP_E_TYPE}, {"{}", VP_E_TYPE}, {"1", VP_E_TYPE},
	    {"[1,2", VP_E_SYNTAX}, {"[1,2]x", VP_E_SYNTAX}, {"[1 2]", VP_E_SYNTAX},
	    {"[", VP_E_SYNTAX}, {"[1,]", VP_E_TYPE}, {"[NaN]", VP_E_TYPE}, {"", VP_E_TYPE}};
	size_t n = 99;
	double d;
	uint64_t u;

	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
		int e = vp_json_numbers(vp_str(arrays[i].array), &n);
		CHECK_AT(arrays[i].count < 0 ? e == arrays[i].count
					     : e == 0 && n == (size_t)arrays[i].count,
		    arrays[i].array);
	}
	CHECK(vp_json_double(VP_LIT("-2.5e1"), &d) == 0 && d == -25);
	CHECK(vp_json_double(VP_LIT("1e999"), &d) == VP_E_NUMBER &&
	      vp_json_double(VP_LIT("null"), &d) == VP_E_TYPE);
	CHECK(vp_json_double(
		  VP_LIT("0.0000000000000000000000000000000000000000000000000000000000000000001"),
		  &d) == 0 &&
	      d > 0.99e-67 && d < 1.01e-67);
	CHECK(vp_json_uint(VP_LIT("9007199254740992"), &u) == 0 && u == UINT64_C(1) << 53);
	CHECK(vp_json_uint(VP_LIT("9007199254740994"), &u) == VP_E_NUMBER);
	CHECK(vp_json_uint(VP_LIT("-1"), &u) == VP_E_NUMBER &&
	      vp_json_uint(VP_LIT("1.5"), &u) == VP_E_NUMBER);
	CHECK(vp_json_uint(VP_LIT("1e2"), &u) == 0 && u == 100 &&
	      vp_json_uint(VP_LIT("\"1\""), &u) == VP_E_TYPE);
}

/* The verdict on each file; every beginning of a small one is tried as well, for what the
 * sanitiser says. */
static int
judge_files(char *name[])
{
	for (; *name; name++) {
		struct vp_buf doc = {0};
		FILE *f = fopen(*name, "rb");
		size_t n = 1;

		if (!f) {
			perror(*name);
			return 2;
		}
		while (n > 0) {
			n = fread(vp_buf_room(&doc, 4096), 1, 4096, f);
			doc.n += n;
		}
		fclose(f);
		printf("%s %s\n", exactly(both, vp_buf_get(&doc)) ? "refused" : "accepted", *name);
		for (n = 0; n < doc.n && doc.n < 2000; n++)
			exactly(both, (struct vp_span){doc.s, n});
		vp_buf_free(&doc);
	}
	return failed ? check_done() : 0;
}

int
main(int argc, char *argv[])
{
	if (argc > 1)
		return judge_files(argv + 1);
	test_documents();
	test_depth();
	test_steps();
	test_utf8();
	test_strings();
	test_walks();
	test_numbers();
	return check_done();
}
