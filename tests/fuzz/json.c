/* json: the span functions agree with each other, and with libjq, on any bytes */
#include <jv.h>
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "json.h"
#include "record.h"

/* Walk over an object or array as far as it goes: its items are documents of their own. */
static int
walk(struct vp_span doc, bool object, size_t *count)
{
	struct vp_json_walk w;
	struct vp_span key = {0}, value, found;
	int e;

	*count = 0;
	vp_json_begin(&w, doc);
	while ((e = object ? vp_json_member(&w, &key, &value) : vp_json_item(&w, &value)) > 0) {
		++*count;
		must(within(value, doc) && within(key, doc), "a step stays inside");
		must(vp_json_check(value, &found) == 0 && found.s == value.s && found.n == value.n,
		    "an item is whole");
	}
	return e;
}

static void
check_numbers(struct vp_span doc, bool whole)
{
	struct vp_json_walk w;
	struct vp_span item;
	size_t count = 0, n = 0;
	double x;

	if (vp_json_numbers(doc, &count) != 0)
		return;
	must(whole, "an array of numbers is JSON");
	for (vp_json_begin(&w, doc); vp_json_item(&w, &item) > 0; n++)
		must(vp_json_double(item, &x) == 0 && isfinite(x), "an item is a number");
	must(n == count, "as many as were counted");
}

/* What is decoded and quoted again is the same string, and libjq's. */
static void
check_string(struct vp_span value, jv theirs)
{
	struct vp_buf text = {0}, quoted = {0}, again = {0};

	if (vp_json_decode(value, &text) == 0) {
		must(vp_utf8_valid(vp_buf_get(&text), NULL), "decoded text is UTF-8");
		must(vp_json_quote(&quoted, vp_buf_get(&text)) == 0, "it can be quoted");
		must(vp_json_decode(vp_buf_get(&quoted), &again) == 0, "and decoded again");
		must(vp_span_eq(vp_buf_get(&text), vp_buf_get(&again)), "to the same text");
		must(jv_string_length_bytes(jv_copy(theirs)) == (int)text.n &&
			 (!text.n || memcmp(jv_string_value(theirs), text.s, text.n) == 0),
		    "libjq decodes it so");
	}
	vp_buf_free(&text);
	vp_buf_free(&quoted);
	vp_buf_free(&again);
}

/* What is taken here is taken by libjq, but for its own limit of depth, and for half a surrogate pair. */
static void
check_with_libjq(struct vp_span value)
{
	jv_parser *p = jv_parser_new(0);
	jv theirs;

	jv_parser_set_buf(p, value.s, (int)value.n, 0);
	theirs = jv_parser_next(p);
	jv_parser_free(p);
	if (!jv_is_valid(theirs)) {
		jv why = jv_invalid_get_msg(theirs);
		const char *text = jv_string_value(why);
		must(strstr(text, "depth") || strstr(text, "surrogate"), "libjq takes it");
		jv_free(why);
		return;
	}
	if (vp_json_type(value) == '"')
		check_string(value, theirs);
	jv_free(theirs);
}

static void
check_record(struct vp_span doc)
{
	struct vp_record r;
	struct vp_span text;

	if (vp_record_parse(doc, &r) != 0)
		return;
	must(vp_json_check(doc, NULL) == 0, "a record is JSON");
	must(within(r.id, r.all) && within(r.values, r.all) && within(r.metadata, r.all) &&
		 within(r.sparse_values, r.all) && within(r.all, doc),
	    "its members stand in it");
	if (vp_record_text(&r, &text) == 1)
		must(vp_json_type(text) == '"' && within(text, r.metadata), "its text too");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vp_span doc = behind(data, size, 0), value = {0};
	int e = vp_json_check(doc, &value), stepped;
	char type = e == 0 ? vp_json_type(value) : 0;
	size_t count;

	if (e == 0) {
		must(value.n && within(value, doc), "the value stands in the document");
		check_with_libjq(value);
	}
	stepped = walk(doc, true, &count);
	must((stepped == 0) == (type == '{') || stepped == VP_E_LIMIT || e == VP_E_LIMIT,
	    "an object is one in steps");
	stepped = walk(doc, false, &count);
	must((stepped == 0) == (type == '[') || stepped == VP_E_LIMIT || e == VP_E_LIMIT,
	    "an array is one in steps");
	check_numbers(doc, e == 0 && type == '[');
	check_record(doc);
	return 0;
}
