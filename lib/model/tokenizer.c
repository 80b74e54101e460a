/* tokenizer: what tokenizer.json says, and text to token ids by it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer.h"
#include "unicode.h"

#define FILE_MAX ((size_t)256 << 20)
#define ADDED_MAX 100000

/* What the reading functions share. */
struct reader {
	struct vp_tokenizer *t;
	const char *path;
	struct vp_buf text; /* for decoding strings */
	struct vp_buf *why;
};

static int
refuse(struct reader *r, const char *what)
{
	return vp_why(r->why, VP_E_TYPE, "%s: %s", r->path, what);
}

/* Refuse obj, a part of the file that has a "type", by its name. */
static int
refuse_type(struct reader *r, const char *part, struct vp_span obj)
{
	struct vp_span type = {0};

	if (vp_json_find(obj, "type", &type) != 1)
		type = VP_LIT("none");
	return vp_why(r->why, VP_E_TYPE, "%s: %s of type %.*s: not supported", r->path, part,
	    (int)(type.n < 60 ? type.n : 60), type.s);
}

static bool
string_is(struct vp_span value, const char *want)
{
	return vp_json_type(value) == '"' &&
	       vp_json_key_is((struct vp_span){value.s + 1, value.n - 2}, want);
}

static bool
type_is(struct vp_span obj, const char *want)
{
	struct vp_span type;

	return vp_json_find(obj, "type", &type) == 1 && string_is(type, want);
}

/* The boolean member name of obj; otherwise where it is missing or null. */
static bool
flag(struct vp_span obj, const char *name, bool otherwise)
{
	struct vp_span v;

	if (vp_json_find(obj, name, &v) != 1 || vp_json_type(v) == 'n')
		return otherwise;
	return vp_json_type(v) == 't';
}

/* The string member name of obj, decoded into r->text. */
static bool
text_of(struct reader *r, struct vp_span obj, const char *name)
{
	struct vp_span v;

	r->text.n = 0;
	return vp_json_find(obj, name, &v) == 1 && vp_json_decode(v, &r->text) == 0;
}

static int
read_vocab(struct reader *r, struct vp_span vocab)
{
	struct vp_json_walk w;
	struct vp_span key, value;
	uint64_t id;
	int e;

	for (vp_json_begin(&w, vocab); (e = vp_json_member(&w, &key, &value)) > 0;) {
		r->text.n = 0;
		if (vp_json_decode((struct vp_span){key.s - 1, key.n + 2}, &r->text))
			return refuse(r, "vocab: a token that is no text");
		if (vp_json_uint(value, &id) || id >= VP_VOCAB_MAX)
			return refuse(r, "vocab: an id that is no number below 4000000");
		if (vp_vocab_add(&r->t->vocab, vp_buf_get(&r->text), id))
			return refuse(r, "vocab: a token stands twice, or there are too many");
	}
	if (e < 0 || !r->t->vocab.n)
		return refuse(r, "vocab: not an object with tokens and their ids");
	return 0;
}

static int
read_model(struct reader *r, struct vp_span model)
{
	struct vp_wordpiece *p = &r->t->wordpiece;
	struct vp_span v;
	uint64_t chars = 100;
	int e;

	if (vp_json_type(model) != '{' || !type_is(model, "WordPiece"))
		return refuse_type(r, "model", model);
	if (vp_json_find(model, "vocab", &v) != 1 || vp_json_type(v) != '{')
		return refuse(r, "vocab: not an object with tokens and their ids");
	e = read_vocab(r, v);
	if (e)
		return e;
	if (!text_of(r, model, "unk_token") ||
	    !vp_vocab_id(&r->t->vocab, vp_buf_get(&r->text), &p->unknown))
		return refuse(r, "unk_token: not in the vocabulary");
	if (!text_of(r, model, "continuing_subword_prefix") || r->text.n >= sizeof p->inner ||
	    memchr(r->text.s, 0, r->text.n))
		return refuse(r, "continuing_subword_prefix: not a text of up to 15 bytes");
	strcpy(p->inner, vp_buf_cstr(&r->text));
	if (vp_json_find(model, "max_input_chars_per_word", &v) == 1 &&
	    (vp_json_uint(v, &chars) || chars > 10000))
		return refuse(r, "max_input_chars_per_word: not a number up to 10000");
	p->max_chars = (size_t)chars;
	return 0;
}

static int
by_length(const void *a, const void *b)
{
	const struct vp_added_token *x = a, *y = b;

	return x->len > y->len ? -1 : x->len < y->len;
}

static void
add_added(struct vp_tokenizer *t, struct vp_added_token a, struct vp_span text)
{
	if ((t->n_added & (t->n_added - 1)) == 0)
		t->added = vp_realloc(t->added, t->n_added ? t->n_added * 2 : 1, sizeof *t->added);
	a.s = vp_alloc(text.n, 1);
	a.len = text.n;
	memcpy(a.s, text.s, text.n);
	t->begins[(unsigned char)*a.s] = true;
	t->added[t->n_added++] = a;
}

static int
read_added(struct reader *r, struct vp_span array)
{
	struct vp_json_walk w;
	struct vp_span item, v;
	int e;

	for (vp_json_begin(&w, array); (e = vp_json_item(&w, &item)) > 0;) {
		uint64_t id;
		uint32_t known;

		if (vp_json_type(item) != '{' || vp_json_find(item, "id", &v) != 1 ||
		    vp_json_uint(v, &id) || id >= VP_VOCAB_MAX || !text_of(r, item, "content") ||
		    r->t->n_added >= ADDED_MAX)
			return refuse(r, "added_tokens: one without an id or content");
		if (!r->text.n)
			continue;
		if (flag(item, "normalized", false))
			return vp_why(r->why, VP_E_TYPE,
			    "%s: added token %.60s is normalized: not supported", r->path,
			    vp_buf_cstr(&r->text));
		add_added(r->t,
		    (struct vp_added_token){.id = (uint32_t)id,
			.word = flag(item, "single_word", false),
			.left = flag(item, "lstrip", false),
			.right = flag(item, "rstrip", false),
			.special = flag(item, "special", false)},
		    vp_buf_get(&r->text));
		if (!vp_vocab_id(&r->t->vocab, vp_buf_get(&r->text), &known) &&
		    vp_vocab_add(&r->t->vocab, vp_buf_get(&r->text), id))
			return refuse(r, "added_tokens: too many");
	}
	return e < 0 ? refuse(r, "added_tokens: not an array") : 0;
}

/* Add the ids of a special token, as the template's table has them, before or behind the text. */
static int
read_special(struct reader *r, struct vp_span table, bool after)
{
	struct vp_tokenizer *t = r->t;
	struct vp_json_walk w;
	struct vp_span entry, ids, item;
	size_t *n = after ? &t->n_after : &t->n_before;
	int e;

	if (vp_json_find(table, vp_buf_cstr(&r->text), &entry) != 1 ||
	    vp_json_find(entry, "ids", &ids) != 1)
		return refuse(r, "post_processor: a special token without ids");
	for (vp_json_begin(&w, ids); (e = vp_json_item(&w, &item)) > 0;) {
		uint64_t id;

		if (*n == VP_SPECIALS || vp_json_uint(item, &id) || id >= VP_VOCAB_MAX)
			return refuse(
			    r, "post_processor: too many special tokens, or one that has no id");
		(after ? t->after : t->before)[(*n)++] = (uint32_t)id;
	}
	return e < 0 ? refuse(r, "post_processor: ids: not an array") : 0;
}

/* TemplateProcessing: special tokens, the text (a Sequence), special tokens. */
static int
read_template(struct reader *r, struct vp_span post)
{
	struct vp_json_walk w;
	struct vp_span single, table, item, v;
	bool seen = false;
	int e;

	if (vp_json_type(post) != '{' || !type_is(post, "TemplateProcessing"))
		return refuse_type(r, "post_processor", post);
	if (vp_json_find(post, "single", &single) != 1 ||
	    vp_json_find(post, "special_tokens", &table) != 1)
		return refuse(r, "post_processor: no template");
	for (vp_json_begin(&w, single); (e = vp_json_item(&w, &item)) > 0;) {
		if (vp_json_find(item, "Sequence", &v) == 1) {
			if (seen)
				return refuse(r, "post_processor: the text stands twice");
			seen = true;
		} else if (vp_json_find(item, "SpecialToken", &v) == 1 && text_of(r, v, "id")) {
			e = read_special(r, table, seen);
			if (e)
				return e;
		} else {
			return refuse(r, "post_processor: neither text nor special token");
		}
	}
	return e < 0 || !seen ? refuse(r, "post_processor: no text in the template") : 0;
}

static int
read_json(struct reader *r, struct vp_span doc)
{
	struct vp_wordpiece *p = &r->t->wordpiece;
	struct vp_span v = {0};
	int e;

	if (vp_json_find(doc, "model", &v) != 1)
		return refuse(r, "no model");
	e = read_model(r, v);
	if (e)
		return e;
	v = VP_LIT("null");
	vp_json_find(doc, "normalizer", &v);
	if (vp_json_type(v) != '{' || !type_is(v, "BertNormalizer"))
		return refuse_type(r, "normalizer", v);
	p->clean = flag(v, "clean_text", true);
	p->cjk = flag(v, "handle_chinese_chars", true);
	p->lower = flag(v, "lowercase", true);
	p->strip = flag(v, "strip_accents", p->lower);
	v = VP_LIT("null");
	vp_json_find(doc, "pre_tokenizer", &v);
	if (vp_json_type(v) != '{' || !type_is(v, "BertPreTokenizer"))
		return refuse_type(r, "pre_tokenizer", v);
	if (vp_json_find(doc, "added_tokens", &v) == 1 && (e = read_added(r, v)))
		return e;
	v = VP_LIT("null");
	vp_json_find(doc, "post_processor", &v);
	return read_template(r, v);
}

/* A folder without tokenizer.json: one token a line, its number is its id; the rest is BERT's habit. */
static int
read_lines(struct reader *r, struct vp_span doc, const char *folder)
{
	static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
	struct vp_tokenizer *t = r->t;
	struct vp_wordpiece *p = &t->wordpiece;
	char *path = vp_path_join(folder, "tokenizer_config.json");
	struct vp_buf file = {0};
	struct vp_span config = VP_LIT("{}");
	const char *s = doc.s, *end = s + doc.n, *lf;
	uint32_t id[5];
	int e = vp_file_json(path, 1 << 20, &file, '{', &config, r->why);

	p->lower = flag(config, "do_lower_case", true);
	p->strip = flag(config, "strip_accents", p->lower);
	p->cjk = flag(config, "tokenize_chinese_chars", true);
	p->clean = true;
	p->max_chars = 100;
	strcpy(p->inner, "##");
	vp_buf_free(&file);
	free(path);
	if (e < 0)
		return e;
	for (uint64_t line = 0; s < end; s = lf + 1, line++) {
		lf = memchr(s, '\n', (size_t)(end - s));
		lf = lf ? lf : end;
		e = vp_vocab_add(&t->vocab,
		    (struct vp_span){s, (size_t)(lf - s) - (lf > s && lf[-1] == '\r')}, line);
		if (e == VP_E_LIMIT)
			return refuse(r, "too many tokens");
	}
	for (int i = 0; i < 5; i++) {
		if (!vp_vocab_id(&t->vocab, vp_str(specials[i]), &id[i]))
			return vp_why(
			    r->why, VP_E_MISSING, "%s: no %s in it", r->path, specials[i]);
		add_added(
		    t, (struct vp_added_token){.id = id[i], .special = true}, vp_str(specials[i]));
	}
	p->unknown = id[1];
	t->before[t->n_before++] = id[2];
	t->after[t->n_after++] = id[3];
	return 0;
}

int
vp_tokenizer_open(struct vp_tokenizer *t, const char *folder, struct vp_buf *why)
{
	char *json = vp_path_join(folder, "tokenizer.json"),
	     *lines = vp_path_join(folder, "vocab.txt");
	struct reader r = {.t = t, .path = json, .why = why};
	struct vp_buf file = {0};
	struct vp_span doc = {0};
	int e;

	*t = (struct vp_tokenizer){0};
	e = vp_file_json(json, FILE_MAX, &file, '{', &doc, why);
	if (e > 0) {
		e = read_json(&r, doc);
	} else if (e == 0) {
		r.path = lines;
		e = vp_file_read(lines, FILE_MAX, &file, why);
		if (e > 0)
			e = read_lines(&r, vp_buf_get(&file), folder);
		else if (e == 0)
			e = vp_why(why, VP_E_IO, "%s: no such file, and no vocab.txt either", json);
	}
	if (t->n_added)
		qsort(t->added, t->n_added, sizeof *t->added, by_length);
	t->ids = t->vocab.ids;
	for (size_t i = 0; i < t->n_before; i++)
		t->ids = t->before[i] >= t->ids ? t->before[i] + 1 : t->ids;
	for (size_t i = 0; i < t->n_after; i++)
		t->ids = t->after[i] >= t->ids ? t->after[i] + 1 : t->ids;
	for (size_t i = 0; i < t->n_added; i++)
		t->ids = t->added[i].id >= t->ids ? t->added[i].id + 1 : t->ids;
	vp_buf_free(&r.text);
	vp_buf_free(&file);
	free(json);
	free(lines);
	return e;
}

void
vp_tokenizer_free(struct vp_tokenizer *t)
{
	for (size_t i = 0; i < t->n_added; i++)
		free(t->added[i].s);
	free(t->added);
	vp_vocab_free(&t->vocab);
	*t = (struct vp_tokenizer){0};
}

/* Whether the character that ends before p (from on), or begins at p (up to end), belongs to a word. */
static bool
word_before(const char *from, const char *p)
{
	if (p == from)
		return false;
	while (--p > from && (*p & 0xc0) == 0x80)
		;
	return vp_is_word(vp_utf8_next(&p));
}

static bool
word_after(const char *p, const char *end)
{
	return p < end && vp_is_word(vp_utf8_next(&p));
}

static const char *
skip_space(const char *p, const char *end)
{
	for (const char *next = p; p < end; p = next)
		if (!vp_is_space(vp_utf8_next(&next)))
			break;
	return p;
}

/* Where the blanks begin that end before p. */
static const char *
skip_space_back(const char *from, const char *p)
{
	while (p > from) {
		const char *q = p - 1, *c;

		while (q > from && (*q & 0xc0) == 0x80)
			q--;
		c = q;
		if (!vp_is_space(vp_utf8_next(&c)))
			break;
		p = q;
	}
	return p;
}

/* The first added token in the text from `from` on, the longest where several begin. Sets where it begins and
 * ends, the blanks that it eats included; NULL where there is none. */
static const struct vp_added_token *
find_added(const struct vp_tokenizer *t, struct vp_span text, const char *from, const char **begin,
    const char **end)
{
	const char *stop = text.s + text.n;

	for (const char *p = from; p < stop; p++) {
		if (!t->begins[(unsigned char)*p])
			continue;
		for (size_t i = 0; i < t->n_added; i++) {
			const struct vp_added_token *a = &t->added[i];

			if (a->len > (size_t)(stop - p) || memcmp(p, a->s, a->len) != 0)
				continue;
			if (a->word && (word_before(text.s, p) || word_after(p + a->len, stop))) {
				p += a->len -
				     1; /* taken, and dropped: the search goes on behind it */
				break;
			}
			*begin = a->left ? skip_space_back(from, p) : p;
			*end = a->right ? skip_space(p + a->len, stop) : p + a->len;
			return a;
		}
	}
	return NULL;
}

void
vp_tokenizer_encode(const struct vp_tokenizer *t, struct vp_words *w, struct vp_span text,
    size_t max, bool left, struct vp_ids *out)
{
	const char *p = text.n ? text.s : "", *stop = p + text.n, *begin, *end;
	size_t room = max - t->n_before - t->n_after, start, limit;

	for (size_t i = 0; i < t->n_before; i++)
		vp_ids_add(out, t->before[i]);
	start = out->n;
	limit = left || max == SIZE_MAX ? SIZE_MAX : start + room;
	while (p < stop && out->n < limit) {
		const struct vp_added_token *a = find_added(t, text, p, &begin, &end);

		if (!a)
			begin = end = stop;
		vp_wordpiece_encode(&t->wordpiece, &t->vocab, w,
		    (struct vp_span){p, (size_t)(begin - p)}, limit, out);
		if (a)
			vp_ids_add(out, a->id);
		p = end;
	}
	if (max != SIZE_MAX && out->n - start > room) {
		if (left)
			memmove(out->id + start, out->id + out->n - room, room * sizeof *out->id);
		out->n = start + room;
	}
	for (size_t i = 0; i < t->n_after; i++)
		vp_ids_add(out, t->after[i]);
}

bool
vp_tokenizer_is_special(const struct vp_tokenizer *t, uint32_t id)
{
	for (size_t i = 0; i < t->n_added; i++)
		if (t->added[i].id == id && t->added[i].special)
			return true;
	return false;
}
