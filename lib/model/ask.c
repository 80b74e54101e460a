/* ask: what a request for vectors says */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"

/* What reading needs at every step. */
struct reader {
	struct vp_ask *ask;
	const struct vp_model *model;
	struct vp_ask_work *work;
	struct vp_refusal *why;
	const char *where; /* what the member with the texts is called */
};

void
vp_refusal_set(struct vp_refusal *r, int status, const char *kind, const char *format, va_list args)
{
	size_t bad;

	r->status = status;
	r->kind = kind;
	vsnprintf(r->message, sizeof r->message, format, args);
	while (!vp_utf8_valid(vp_str(r->message), &bad)) /* %.40s may end inside a character */
		r->message[bad] = '?';
}

/* Always false: what a function that refuses returns. */
static bool VP_PRINTF(4, 5)
    refuse(struct vp_refusal *why, int status, const char *kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vp_refusal_set(why, status, kind, format, args);
	va_end(args);
	return false;
}

/* The status of a member that is not as it must be: the toolkit knows no other than 400. */
static int
invalid(const struct vp_ask *a)
{
	return a->habit == VP_TOOLKIT ? 400 : 422;
}

static bool
string_is(struct vp_span v, const char *want)
{
	return vp_json_type(v) == '"' && vp_json_key_is((struct vp_span){v.s + 1, v.n - 2}, want);
}

/* Read a boolean; null leaves it as it is. */
static const char *
read_flag(struct vp_span v, bool *out)
{
	char type = vp_json_type(v);

	if (type == 't' || type == 'f')
		*out = type == 't';
	else if (type != 'n')
		return "want true or false";
	return NULL;
}

/* Take one member of a request. NULL, or what is wrong with it. */
static const char *
read_member(struct reader *r, struct vp_span key, struct vp_span v)
{
	struct vp_ask *a = r->ask;
	struct vp_buf *text = &r->work->text;
	uint64_t n;

	if (vp_json_key_is(key, "inputs") || vp_json_key_is(key, "input")) {
		a->inputs = v;
	} else if (vp_json_key_is(key, "truncate")) {
		return read_flag(v, &a->truncate);
	} else if (vp_json_key_is(key, "normalize") ||
		   vp_json_key_is(key, "normalize_embeddings")) {
		return read_flag(v, &a->normalize);
	} else if (vp_json_key_is(key, "add_special_tokens")) {
		return read_flag(v, &a->special);
	} else if (vp_json_type(v) == 'n') {
		return NULL;
	} else if (vp_json_key_is(key, "truncation_direction")) {
		a->left = string_is(v, "left") || string_is(v, "Left");
		if (!a->left && !string_is(v, "right") && !string_is(v, "Right"))
			return "want \"left\" or \"right\"";
	} else if (vp_json_key_is(key, "encoding_format")) {
		a->base64 = string_is(v, "base64");
		if (!a->base64 && !string_is(v, "float"))
			return "want \"float\" or \"base64\"";
	} else if (vp_json_key_is(key, "dimensions")) {
		if (vp_json_uint(v, &n) || n < 1 || n > r->model->pooler.dim)
			return "want a number from 1 to the model's own dimensions";
		a->dimensions = (size_t)n;
	} else if (vp_json_key_is(key, "prompt_name")) {
		text->n = 0;
		a->prompt = vp_json_decode(v, text)
				? NULL
				: vp_config_prompt(&r->model->config, vp_buf_cstr(text));
		if (!a->prompt)
			return "the model has no such prompt";
	}
	return NULL; /* what is not known is passed over, as all three servers do */
}

/* Read an object's members; the toolkit's parameters hold some of them, too, on one level. */
static bool
read_object(struct reader *r, struct vp_span object, bool parameters)
{
	struct vp_ask *a = r->ask;
	struct vp_json_walk w;
	struct vp_span key, v;
	int e;

	for (vp_json_begin(&w, object); (e = vp_json_member(&w, &key, &v)) > 0;) {
		const char *wrong = read_member(r, key, v);

		if (wrong)
			return refuse(r->why, invalid(a), "Validation", "%.*s: %s",
			    (int)(key.n < 40 ? key.n : 40), key.s, wrong);
		if (a->habit == VP_TOOLKIT && !parameters && vp_json_key_is(key, "parameters") &&
		    vp_json_type(v) == '{' && !read_object(r, v, true))
			return false;
	}
	if (e < 0)
		return refuse(r->why, 400, "Validation", "request body: %s",
		    e == VP_E_TYPE ? "not an object" : vp_error_text(e));
	return true;
}

/* Whether an array is of token ids, so one text: [1,2] and not ["a","b"] or [[1,2],[3]]. */
static bool
is_ids(struct vp_span v)
{
	struct vp_json_walk w;
	struct vp_span item;

	if (vp_json_type(v) != '[')
		return false;
	vp_json_begin(&w, v);
	return vp_json_item(&w, &item) > 0 && vp_json_type(item) == '0';
}

static bool
too_long(struct reader *r, size_t n)
{
	return refuse(r->why, 422, "Validation",
	    "Input validation error: `%s` must have less than %zu tokens. Given: %zu", r->where,
	    r->model->config.max_tokens + 1, n);
}

/* Add one text that came as token ids: they are what the model sees, so without prompt and special
 * tokens. */
static bool
add_ids(struct reader *r, struct vp_span value)
{
	struct vp_ask *a = r->ask;
	const size_t max = r->model->config.max_tokens, before = a->ids.n,
		     known = r->model->encoder.words->shape[0];
	struct vp_json_walk w;
	struct vp_span v;
	size_t n;

	for (vp_json_begin(&w, value); vp_json_item(&w, &v) > 0;) {
		uint64_t id;

		if (vp_json_uint(v, &id) || id >= known)
			return refuse(r->why, 422, "Tokenizer",
			    "token id %.*s: the model's are whole numbers from 0 to %zu",
			    (int)(v.n < 40 ? v.n : 40), v.s, known - 1);
		vp_ids_add(&a->ids, (uint32_t)id);
	}
	n = a->ids.n - before;
	if (n > max && !a->truncate)
		return too_long(r, n);
	if (n > max && a->left)
		memmove(a->ids.id + before, a->ids.id + before + n - max, max * sizeof *a->ids.id);
	a->ids.n = before + (n < max ? n : max);
	a->characters += n;
	a->length[a->n++] = n < max ? n : max;
	return true;
}

/* Tokenize one text and add it. */
static bool
add_text(struct reader *r, struct vp_span value)
{
	struct vp_ask *a = r->ask;
	struct vp_buf *text = &r->work->text;
	const size_t max = r->model->config.max_tokens;
	size_t before = a->ids.n, n;

	if (a->habit != VP_TOOLKIT && !a->tokens && is_ids(value))
		return add_ids(r, value);
	text->n = 0;
	if (a->prompt)
		vp_buf_add(text, a->prompt->text, a->prompt->n);
	n = text->n;
	if (vp_json_type(value) != '"')
		return refuse(r->why, invalid(a), "Validation",
		    a->habit == VP_TOOLKIT || a->tokens
			? "%s: want a text, or an array of texts"
			: "%s: want a text or its token ids, or an array of these",
		    r->where);
	if (vp_json_decode(value, text))
		return refuse(r->why, invalid(a), "Tokenizer",
		    "%s: text %zu has half of a surrogate pair in it", r->where, a->n);
	if (text->n == n && a->habit != VP_TOOLKIT && !a->tokens)
		return refuse(r->why, 400, "Empty", "`%s` cannot be empty", r->where);
	for (size_t i = n; i < text->n; i++)
		a->characters += (text->s[i] & 0xc0) != 0x80;
	vp_tokenizer_encode(&r->model->tokenizer, &r->work->words, vp_buf_get(text),
	    a->truncate ? max : SIZE_MAX, a->left, &a->ids);
	n = a->ids.n - before;
	if (n > max && !a->truncate && !a->tokens)
		return too_long(r, n);
	a->length[a->n++] = n;
	return true;
}

/* How many texts there are in inputs, which are checked JSON. */
static size_t
count_texts(struct vp_span inputs, bool flat)
{
	struct vp_json_walk w;
	struct vp_span v;
	size_t n = 0;

	if (flat)
		return 1;
	for (vp_json_begin(&w, inputs); vp_json_item(&w, &v) > 0;)
		n++;
	return n;
}

static bool
add_texts(struct reader *r, size_t max_batch)
{
	struct vp_ask *a = r->ask;
	struct vp_json_walk w;
	struct vp_span v;
	size_t n;

	a->flat = vp_json_type(a->inputs) != '[' || (a->habit != VP_TOOLKIT && is_ids(a->inputs));
	n = count_texts(a->inputs, a->flat);
	if (n > max_batch)
		return refuse(r->why, 422, "Validation",
		    "batch size %zu > maximum allowed batch size %zu", n, max_batch);
	if (!n && a->habit != VP_TOOLKIT)
		return refuse(r->why, 400, "Empty", "`%s` cannot be empty", r->where);
	a->length = vp_alloc(n ? n : 1, sizeof *a->length);
	if (a->flat)
		return add_text(r, a->inputs);
	for (vp_json_begin(&w, a->inputs); vp_json_item(&w, &v) > 0;)
		if (!add_text(r, v))
			return false;
	return true;
}

bool
vp_ask_read(struct vp_ask *a, const struct vp_model *model, enum vp_habit habit, bool tokens,
    size_t max_batch, struct vp_span body, struct vp_ask_work *w, struct vp_refusal *why)
{
	struct reader r = {.ask = a,
	    .model = model,
	    .work = w,
	    .why = why,
	    .where = habit == VP_OPENAI ? "input" : "inputs"};

	*a = (struct vp_ask){.habit = habit,
	    .tokens = tokens,
	    .truncate = !tokens,
	    .special = true,
	    .dimensions = model->pooler.dim,
	    .normalize = habit != VP_TOOLKIT || model->config.normalize,
	    .prompt = model->config.prompt};
	if (!read_object(&r, body, false))
		return false;
	if (!a->inputs.n)
		return refuse(why, invalid(a), "Validation", "request body: no `%s`", r.where);
	return add_texts(&r, max_batch);
}

void
vp_ask_work_free(struct vp_ask_work *w)
{
	vp_words_free(&w->words);
	vp_buf_free(&w->text);
}
