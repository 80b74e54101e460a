/* record: records and batches */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "reject.h"

static int
take_member(struct vp_record *r, struct vp_span key, struct vp_span value)
{
	static const struct {
		const char *name;
		size_t at;
		char type;
	} members[] = {
	    {"id", offsetof(struct vp_record, id), '"'},
	    {"values", offsetof(struct vp_record, values), '['},
	    {"sparse_values", offsetof(struct vp_record, sparse_values), '{'},
	    {"sparseValues", offsetof(struct vp_record, sparse_values), '{'},
	    {"metadata", offsetof(struct vp_record, metadata), '{'},
	};
	char type = vp_json_type(value);

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct vp_span *to = (struct vp_span *)(void *)((char *)r + members[i].at);
		if (!vp_json_key_is(key, members[i].name))
			continue;
		if (to->s)
			return VP_E_TWICE;
		if (type == 'n') { /* absent, but who gives it a value must know where it stands */
			to->s = value.s;
			return 0;
		}
		if (type != members[i].type)
			return VP_E_TYPE;
		*to = value;
	}
	return 0;
}

/* Walk over the object that w stands before. What is wrong with its members is remembered, but the walk goes
 * on, so that the record's end is known. */
static int
walk_record(struct vp_json_walk *w, struct vp_record *r)
{
	struct vp_span key, value;
	int e, bad = 0;

	while ((e = vp_json_member(w, &key, &value)) > 0)
		if (!bad)
			bad = take_member(r, key, value);
	return e ? e : bad;
}

int
vp_record_parse(struct vp_span json, struct vp_record *r)
{
	struct vp_json_walk w;

	memset(r, 0, sizeof *r);
	r->all = json;
	vp_json_begin(&w, json);
	return walk_record(&w, r);
}

const char *
vp_record_error(int code)
{
	switch (code) {
	case VP_E_TYPE:
		return "not a record: want an object with id a string, values an array, metadata "
		       "an object";
	case VP_E_TWICE:
		return "not a record: a member stands there twice";
	case VP_E_LIMIT:
		return "nested too deep";
	}
	return vp_error_text(code);
}

bool
vp_record_has_vector(const struct vp_record *r)
{
	struct vp_json_walk w;

	vp_json_begin(&w, r->values);
	return r->values.n > 0 && vp_json_next(&w) > 0;
}

int
vp_record_text(const struct vp_record *r, struct vp_span *text)
{
	int e;

	if (!r->metadata.n)
		return 0;
	e = vp_json_find(r->metadata, "text", text);
	if (e == 1 && vp_json_type(*text) != '"')
		return vp_json_type(*text) == 'n' ? 0 : VP_E_TYPE;
	return e;
}

/* Whether a line can be a text: UTF-8 without a NUL. */
static bool
is_text(struct vp_span line)
{
	return vp_utf8_valid(line, NULL) && !(line.n && memchr(line.s, 0, line.n));
}

int
vp_record_from_text(struct vp_buf *out, unsigned long long id, struct vp_span text)
{
	if (!is_text(text))
		return VP_E_UTF8;
	if (vp_buf_printf(out, "{\"id\":\"%llu\",\"metadata\":{\"text\":", id) ||
	    vp_json_quote(out, text) || vp_buf_puts(out, "}}"))
		return VP_E_LIMIT;
	return 0;
}

void
vp_batch_free(struct vp_batch *b)
{
	free(b->rec);
	vp_buf_free(&b->bytes);
	memset(b, 0, sizeof *b);
}

static void
add_record(struct vp_batch *b, const struct vp_record *r)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 64;
		b->rec = vp_realloc(b->rec, b->cap, sizeof *b->rec);
	}
	b->rec[b->n++] = *r;
}

/* Copy s into the batch. Its buffer may move: then all spans of its records move along. */
static struct vp_span
keep(struct vp_batch *b, struct vp_span s)
{
	uintptr_t was = (uintptr_t)b->bytes.s; /* a number: the block that it points to may go */
	struct vp_span kept;

	vp_buf_span(&b->bytes, s);
	if ((uintptr_t)b->bytes.s != was)
		for (size_t i = 0; i < b->n; i++) {
			struct vp_record *r = &b->rec[i];
			struct vp_span *spans[] = {&r->input, &r->all, &r->id, &r->values,
			    &r->sparse_values, &r->metadata};
			for (size_t k = 0; k < sizeof spans / sizeof *spans; k++)
				if (spans[k]->s)
					spans[k]->s = b->bytes.s + ((uintptr_t)spans[k]->s - was);
		}
	kept.s = b->bytes.s + b->bytes.n - s.n;
	kept.n = s.n;
	return kept;
}

/* Put rec into the batch, with why it is bad, or NULL. */
static void
take(struct vp_records *r, struct vp_record *rec, const char *why)
{
	rec->line = r->in.line;
	rec->bad = why;
	rec->cut = r->in.cut;
	add_record(&r->next, rec);
	if (why && !vp_reject_on())
		r->stopped = true;
}

/* Why a parsed record is refused, or NULL: it is good. */
static const char *
fault(const struct vp_records *r, const struct vp_record *rec, int e)
{
	const char *why = "not a record";

	if (e == VP_E_TYPE && r->ids)
		return "not an id: want an object with id a string, or a JSON string; -l takes "
		       "lines";
	if (e)
		return vp_record_error(e);
	return r->check && r->check(rec, &why) ? why : NULL;
}

/* The first byte of a line that is not blank, or 0. */
static char
first_byte(struct vp_span line)
{
	size_t i = 0;

	while (i < line.n && (line.s[i] == ' ' || line.s[i] == '\t'))
		i++;
	return i < line.n ? line.s[i] : 0;
}

/* A JSON string as a record of which only the id is known. */
static int
take_id(struct vp_span json, struct vp_record *rec)
{
	rec->all = json;
	return first_byte(json) == '"' ? vp_json_check(json, &rec->id) : VP_E_TYPE;
}

/* One line with an array of records: a batch of its own. A line that is not JSON to its end is one bad record. */
static void
take_array(struct vp_records *r, struct vp_span line)
{
	struct vp_batch *b = &r->next;
	struct vp_json_walk outer, inner;
	struct vp_span kept = keep(b, line);
	int e;

	b->array = true;
	vp_json_begin(&outer, kept);
	while ((e = vp_json_next(&outer)) > 0) {
		struct vp_record rec = {0};

		vp_json_enter(&outer, &inner);
		e = walk_record(&inner, &rec);
		if (e == VP_E_TYPE && !inner.started) { /* no object at all */
			if ((e = vp_json_pass(&outer, &rec.all)) < 0)
				break;
			e = r->ids ? take_id(rec.all, &rec) : VP_E_TYPE;
		} else if (e == 0 || e == VP_E_TYPE || e == VP_E_TWICE) {
			vp_json_leave(&outer, &inner, &rec.all);
		} else {
			break;
		}
		rec.input = rec.all;
		take(r, &rec, fault(r, &rec, e));
	}
	if (e < 0) {
		struct vp_record rec = {.all = kept, .input = kept};

		b->n = 0;
		take(r, &rec, vp_error_text(e));
	}
}

static void
take_loose(struct vp_records *r, struct vp_span line)
{
	struct vp_batch *b = &r->next;
	struct vp_record rec = {0};
	struct vp_buf made = {0};
	struct vp_span input = keep(b, line);

	if (!r->text) {
		int e = r->ids && first_byte(line) != '{' ? take_id(input, &rec)
							  : vp_record_parse(input, &rec);
		rec.input = input;
		if (e && first_byte(line) != '{')
			rec.hint = r->hint;
		take(r, &rec, fault(r, &rec, e));
		return;
	}
	rec.input = rec.all = input;
	if (r->ids ? !is_text(line) || vp_json_quote(&made, line)
		   : vp_record_from_text(&made, r->text_id++, line)) {
		take(r, &rec, "not valid UTF-8 text");
	} else {
		struct vp_span json;
		size_t at = (size_t)(input.s - b->bytes.s);

		json = keep(b, vp_buf_get(&made)); /* may move what input points to */
		if (r->ids)
			take_id(json, &rec);
		else
			vp_record_parse(json, &rec);
		rec.input = (struct vp_span){b->bytes.s + at, input.n};
		take(r, &rec, fault(r, &rec, 0));
	}
	vp_buf_free(&made);
}

static enum vp_gather
hand_out(struct vp_records *r, struct vp_batch *out)
{
	*out = r->next;
	out->next = r->in.line + 1;
	memset(&r->next, 0, sizeof r->next);
	return VP_GATHER_BATCH;
}

enum vp_gather
vp_records_gather(struct vp_records *r, bool now, struct vp_batch *out)
{
	struct vp_batch *b = &r->next;
	struct vp_span line;
	size_t group = r->group ? r->group : 64;
	bool is_array;
	int e;

	while (!r->stopped && vp_lines_ready(&r->in)) {
		struct vp_lines before = r->in;

		e = vp_lines_next(&r->in, &line);
		if (e == 0)
			break;
		if (e == VP_E_IO)
			return VP_GATHER_ERROR;
		if (e == VP_E_LIMIT) {
			struct vp_record rec = {0};

			r->text_id++;
			if (r->in.line <= r->skip)
				continue;
			if (b->n == 0)
				b->line = r->in.line;
			take(r, &rec, "longer than 64 MiB: can't be put aside");
			continue;
		}
		if (r->in.line == 1 && line.n >= 3 && memcmp(line.s, "\xef\xbb\xbf", 3) == 0)
			line = (struct vp_span){line.s + 3, line.n - 3}; /* byte order mark */
		if (!first_byte(line))
			continue;
		if (r->in.line <= r->skip) {
			r->text_id++;
			continue;
		}
		is_array = !r->text && first_byte(line) == '[';
		if (b->n &&
		    (is_array || (r->group_bytes && b->bytes.n + line.n > r->group_bytes))) {
			r->in = before; /* the line is for the next batch */
			return hand_out(r, out);
		}
		if (b->n == 0)
			b->line = r->in.line;
		if (is_array) {
			take_array(r, line);
			return hand_out(r, out);
		} else {
			take_loose(r, line);
			if (b->n == group)
				return hand_out(r, out);
		}
	}
	if (b->n && (now || r->stopped || r->in.eof))
		return hand_out(r, out);
	return r->stopped || r->in.eof ? VP_GATHER_END : VP_GATHER_READ;
}
