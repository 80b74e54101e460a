/* record: what is a record, and how lines become batches */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "opt.h"
#include "record.h"
#include "reject.h"

static void
test_parse(void)
{
	static const struct {
		const char *json;
		int error;
	} cases[] = {{"{}", 0}, {"{\"id\":\"a\",\"x\":[1]}", 0},
	    {"{\"id\":null,\"values\":null}", 0}, {"{\"id\":7}", VP_E_TYPE},
	    {"{\"values\":{}}", VP_E_TYPE}, {"{\"metadata\":\"m\"}", VP_E_TYPE},
	    {"{\"sparse_values\":[]}", VP_E_TYPE},
	    {"{\"id\":\"a\",\"i\\u0064\":\"b\"}", VP_E_TWICE},
	    {"{\"sparseValues\":{},\"sparse_values\":{}}", VP_E_TWICE}, {"[]", VP_E_TYPE},
	    {"\"a\"", VP_E_TYPE}, {"{\"id\":\"a\"", VP_E_SYNTAX}, {"{\"id\":7,}", VP_E_SYNTAX},
	    {"{\"a\":\"\xff\"}", VP_E_UTF8}};
	struct vp_record r;
	struct vp_span text;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_AT(
		    vp_record_parse(vp_str(cases[i].json), &r) == cases[i].error, cases[i].json);
	CHECK(vp_record_parse(
		  VP_LIT(" {\"x\":1, \"metadata\" : {\"n\":1,\"text\":\"t\"},\"values\":[1, 2],"
			 "\"sparseValues\":{\"indices\":[]}, \"id\":\"q\"} "),
		  &r) == 0);
	CHECK(vp_span_is(r.id, "\"q\"") && vp_span_is(r.values, "[1, 2]"));
	CHECK(vp_span_is(r.sparse_values, "{\"indices\":[]}"));
	CHECK(vp_record_text(&r, &text) == 1 && vp_span_is(text, "\"t\""));
	CHECK(vp_record_parse(VP_LIT("{\"metadata\":{\"text\":3}}"), &r) == 0 && r.id.n == 0);
	CHECK(vp_record_text(&r, &text) == VP_E_TYPE);
	CHECK(vp_record_parse(VP_LIT("{\"metadata\":{}}"), &r) == 0 &&
	      vp_record_text(&r, &text) == 0);
	CHECK(vp_record_parse(VP_LIT("{\"id\":\"a\"}"), &r) == 0 && vp_record_text(&r, &text) == 0);
}

static void
test_from_text(void)
{
	struct vp_buf b = {0};

	CHECK(vp_record_from_text(&b, 12, VP_LIT("say \"hi\"\t\\ \xc3\xa9")) == 0);
	CHECK(vp_span_is(vp_buf_get(&b),
	    "{\"id\":\"12\",\"metadata\":{\"text\":\"say \\\"hi\\\"\\t\\\\ \xc3\xa9\"}}"));
	b.n = 0;
	CHECK(vp_record_from_text(&b, 0, VP_LIT("a\0b")) == VP_E_UTF8 && b.n == 0);
	CHECK(vp_record_from_text(&b, 0, VP_LIT("\xc3")) == VP_E_UTF8 && b.n == 0);
	CHECK(vp_record_from_text(&b, 18446744073709551615u, (struct vp_span){NULL, 0}) == 0);
	CHECK(vp_span_is(
	    vp_buf_get(&b), "{\"id\":\"18446744073709551615\",\"metadata\":{\"text\":\"\"}}"));
	vp_buf_free(&b);
}

static int
wants_values(const struct vp_record *r, const char **why)
{
	*why = "it has no values";
	return r->values.n ? 0 : VP_E_MISSING;
}

/* What comes of text: for each batch `[` or `(` (loose), its records, a bad one as `!` and its bytes in the input, a
 * blank and `first-next;`. */
static void
gather(struct vp_records *r, struct vp_span text, struct vp_buf *got)
{
	struct vp_batch b;
	enum vp_gather g;
	FILE *file = tmpfile();

	got->n = 0;
	r->in.fd = fileno(file);
	CHECK(fwrite(text.s, 1, text.n, file) == text.n && fflush(file) == 0);
	CHECK(lseek(r->in.fd, 0, SEEK_SET) == 0);
	while ((g = vp_records_gather(r, false, &b)) != VP_GATHER_END) {
		if (g == VP_GATHER_READ) {
			CHECK(vp_lines_fill(&r->in) == 0);
			continue;
		}
		if (!CHECK(g == VP_GATHER_BATCH))
			break;
		vp_buf_putc(got, b.array ? '[' : '(');
		for (size_t i = 0; i < b.n; i++) {
			struct vp_record again;

			if (b.rec[i].bad) {
				vp_buf_printf(
				    got, "!%.*s", (int)b.rec[i].input.n, b.rec[i].input.s);
				continue;
			}
			CHECK(vp_record_parse(b.rec[i].all, &again) == 0);
			CHECK(vp_span_eq(again.id, b.rec[i].id) &&
			      vp_span_eq(again.metadata, b.rec[i].metadata));
			vp_buf_printf(got, "%.*s", b.rec[i].all.n < 100 ? (int)b.rec[i].all.n : 5,
			    b.rec[i].all.s);
		}
		vp_buf_printf(got, " %llu-%llu;", b.line, b.next);
		vp_batch_free(&b);
	}
	vp_lines_free(&r->in);
	vp_batch_free(&r->next);
	fclose(file);
}

static void
expect(struct vp_records r, const char *text, const char *want)
{
	struct vp_buf got = {0};

	gather(&r, vp_str(text), &got);
	CHECK_AT(strcmp(vp_buf_cstr(&got), want) == 0, got.s);
	vp_buf_free(&got);
}

static void
test_gather(void)
{
	struct vp_records skip = {.group = 2, .text = true, .skip = 3};
	struct vp_records two = {.group = 2}, texts = {.text = true}, small = {.group_bytes = 20};

	expect(two, "", "");
	expect(two, "{}\n{\"a\":1}\n\n{\"a\":2}", "({}{\"a\":1} 1-3;({\"a\":2} 4-5;");
	expect(
	    two, "{}\n[{\"a\":1},{},{}]\n[ ]\n{}\n", "({} 1-2;[{\"a\":1}{}{} 2-3;[ 3-4;({} 4-5;");
	expect(texts, "a\n\n b\r\n",
	    "({\"id\":\"0\",\"metadata\":{\"text\":\"a\"}}{\"id\":\"1\",\"metadata\":{\"text\":\" "
	    "b\"}} 1-4;");
	expect(skip, "a\n\nb\nc\n\nd\n",
	    "({\"id\":\"2\",\"metadata\":{\"text\":\"c\"}}"
	    "{\"id\":\"3\",\"metadata\":{\"text\":\"d\"}} 4-7;");
	expect(small, "{\"a\":12345}\n{\"b\":1}\n{\"c\":2}\n{\"d\":3}\n",
	    "({\"a\":12345}{\"b\":1} 1-3;({\"c\":2}{\"d\":3} 3-5;");
}

/* Records that make the batch's buffer grow many times: the spans of all must follow. */
static void
test_growth(void)
{
	struct vp_records r = {.group = 200};
	struct vp_buf text = {0}, got = {0}, want = {0};

	for (int i = 0; i < 200; i++) {
		vp_buf_printf(
		    &text, "{\"metadata\":{\"text\":\"%*d\"},\"id\":\"%d\"}\n", 100 + i * 10, i, i);
		vp_buf_puts(&want, i ? "{\"met" : "({\"met");
	}
	vp_buf_puts(&want, " 1-201;");
	gather(&r, vp_buf_get(&text), &got);
	CHECK_AT(strcmp(vp_buf_cstr(&got), vp_buf_cstr(&want)) == 0, got.s);
	vp_buf_free(&text);
	vp_buf_free(&got);
	vp_buf_free(&want);
}

/* A bad line or record keeps its place; without a rejects file it is the last one. */
static void
test_bad(void)
{
	char name[] = "vecpipe-unit-record.XXXXXX";
	struct vp_records r = {.group = 9, .check = wants_values}, texts = {.text = true};
	int fd = mkstemp(name);

	expect(r, "{\"values\":[1]}\n{}\n{\"values\":[2]}\n", "({\"values\":[1]}!{} 1-3;");
	vp_opts.rejects = name;
	vp_reject_open();
	expect(r,
	    "{\"values\":[1]}\n{}\nnope\n[{\"values\":[3]},{\"id\":1},5]\n[{},\n{\"values\":[2]}\n",
	    "({\"values\":[1]}!{}!nope 1-4;[{\"values\":[3]}!{\"id\":1}!5 4-5;[![{}, "
	    "5-6;({\"values\":[2]} "
	    "6-7;");
	expect(texts,
	    "\xef\xbb\xbf"
	    "a\n\xff\n",
	    "({\"id\":\"0\",\"metadata\":{\"text\":\"a\"}}!\xff 1-3;");
	close(fd);
	unlink(name);
}

int
main(void)
{
	test_parse();
	test_from_text();
	test_gather();
	test_growth();
	test_bad();
	return check_done();
}
