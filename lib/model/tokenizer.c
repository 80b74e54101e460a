/* tokenizer: what tokenizer.json says, and text to token ids by it */
#include <stdlib.h>
#include <string.h>

#include "tokenizer.h"
#include "unicode.h"

#define FILE_MAX ((size_t)256 << 20)
#define ADDED_MAX 100000
#define PART 4096 /* bytes of a text that are done at once */

void
vp_words_free(struct vp_words *w)
{
	vp_normal_work_free(&w->normal);
	vp_pre_work_free(&w->pre);
	vp_wordpiece_work_free(&w->wordpiece);
	vp_bpe_work_free(&w->bpe);
	vp_unigram_work_free(&w->unigram);
}

static int
read_vocab(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span model)
{
	struct vp_json_walk w;
	struct vp_span key, value = VP_LIT("null");
	uint64_t id;
	int e;

	vp_member(model, "vocab", &value);
	for (vp_json_begin(&w, value); (e = vp_json_member(&w, &key, &value)) > 0;) {
		r->text.n = 0;
		if (vp_json_decode((struct vp_span){key.s - 1, key.n + 2}, &r->text))
			return vp_refuse(r, "vocab: a token that is no text");
		if (vp_json_uint(value, &id) || id >= VP_VOCAB_MAX)
			return vp_refuse(r, "vocab: an id that is no number below 4000000");
		if (vp_vocab_add(&t->vocab, vp_buf_get(&r->text), id))
			return vp_refuse(r, "vocab: a token stands twice, or there are too many");
	}
	return e < 0 || !t->vocab.n ? vp_refuse(r, "vocab: not an object with tokens and their ids")
				    : 0;
}

/* Old files leave out the type of their model. */
static int
read_model(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span model)
{
	struct vp_span v;
	bool typed = vp_member(model, "type", &v);
	int e;

	if (vp_type_is(model, "Unigram")) {
		t->algorithm = VP_UNIGRAM;
		return vp_unigram_read(&t->unigram, &t->vocab, r, model);
	}
	if (vp_type_is(model, "WordPiece"))
		t->algorithm = VP_WORDPIECE;
	else if (vp_type_is(model, "BPE") || (!typed && vp_member(model, "merges", &v)))
		t->algorithm = VP_BPE;
	else
		return vp_refuse_type(r, "model", model);
	e = read_vocab(t, r, model);
	if (e)
		return e;
	return t->algorithm == VP_BPE ? vp_bpe_read(&t->bpe, &t->vocab, r, model)
				      : vp_wordpiece_read(&t->wordpiece, &t->vocab, r, model);
}

static int
by_begin(const void *a, const void *b)
{
	const struct vp_added_token *x = a, *y = b;
	unsigned char first = (unsigned char)*x->s, other = (unsigned char)*y->s;

	if (first != other)
		return first < other ? -1 : 1;
	return x->len > y->len ? -1 : x->len < y->len;
}

static void
index_added(struct vp_added *set)
{
	size_t i = 0;

	if (set->n)
		qsort(set->token, set->n, sizeof *set->token, by_begin);
	for (unsigned byte = 0; byte < 257; byte++) {
		while (i < set->n && (unsigned char)*set->token[i].s < byte)
			i++;
		set->from[byte] = i;
	}
}

static void
add_added(struct vp_added *set, struct vp_added_token a, struct vp_span text)
{
	if ((set->n & (set->n - 1)) == 0)
		set->token = vp_realloc(set->token, set->n ? set->n * 2 : 1, sizeof *set->token);
	a.s = vp_alloc(text.n, 1);
	a.len = text.n;
	memcpy(a.s, text.s, text.n);
	set->token[set->n++] = a;
}

/* One entry of added_tokens. A token that the vocabulary has, too, has the id from there. */
static int
read_added(
    struct vp_tokenizer *t, struct vp_reader *r, struct vp_normal_work *w, struct vp_span item)
{
	struct vp_added_token a = {.word = vp_flag(item, "single_word", false),
	    .left = vp_flag(item, "lstrip", false),
	    .right = vp_flag(item, "rstrip", false),
	    .special = vp_flag(item, "special", false),
	    .normalized = vp_flag(item, "normalized", false)};
	struct vp_span v, text;
	uint64_t id;

	if (!vp_member(item, "id", &v) || vp_json_uint(v, &id) || id >= VP_VOCAB_MAX ||
	    !vp_text_of(r, item, "content"))
		return vp_refuse(r, "added_tokens: one without an id or content");
	text = vp_buf_get(&r->text);
	if (!text.n)
		return 0;
	a.id = (uint32_t)id;
	if (!vp_vocab_id(&t->vocab, text, &a.id) && vp_vocab_name(&t->vocab, text, id))
		return vp_refuse(r, "added_tokens: too many");
	if (a.normalized)
		text = vp_normalizer_run(&t->normalizer, w, text);
	if (text.n)
		add_added(a.normalized ? &t->normalized : &t->raw, a, text);
	return 0;
}

static int
read_all_added(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span array)
{
	struct vp_normal_work w = {0};
	struct vp_json_walk walk;
	struct vp_span item;
	int e;

	for (vp_json_begin(&walk, array); (e = vp_json_item(&walk, &item)) > 0;)
		if ((e = t->raw.n + t->normalized.n >= ADDED_MAX
			     ? vp_refuse(r, "added_tokens: too many")
			     : read_added(t, r, &w, item)))
			break;
	if (e == VP_E_SYNTAX || (e < 0 && vp_json_type(array) != '['))
		e = vp_refuse(r, "added_tokens: not an array");
	vp_normal_work_free(&w);
	return e;
}

/* Add the ids of a special token, as the template's table has them, before or behind the text. */
static int
read_special(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span table, bool after)
{
	struct vp_json_walk w;
	struct vp_span entry, ids, item;
	size_t *n = after ? &t->n_after : &t->n_before;
	int e;

	if (vp_json_find(table, vp_buf_cstr(&r->text), &entry) != 1 ||
	    vp_json_find(entry, "ids", &ids) != 1)
		return vp_refuse(r, "post_processor: a special token without ids");
	for (vp_json_begin(&w, ids); (e = vp_json_item(&w, &item)) > 0;) {
		uint64_t id;

		if (*n == VP_SPECIALS || vp_json_uint(item, &id) || id >= VP_VOCAB_MAX)
			return vp_refuse(
			    r, "post_processor: too many special tokens, or one that has no id");
		(after ? t->after : t->before)[(*n)++] = (uint32_t)id;
	}
	return e < 0 ? vp_refuse(r, "post_processor: ids: not an array") : 0;
}

/* TemplateProcessing: special tokens, the text (a Sequence), special tokens. */
static int
read_template(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span post)
{
	struct vp_json_walk w;
	struct vp_span single, table, item, v;
	bool seen = false;
	int e;

	if (vp_json_find(post, "single", &single) != 1 ||
	    vp_json_find(post, "special_tokens", &table) != 1)
		return vp_refuse(r, "post_processor: no template");
	for (vp_json_begin(&w, single); (e = vp_json_item(&w, &item)) > 0;) {
		if (vp_json_find(item, "Sequence", &v) == 1) {
			if (seen)
				return vp_refuse(r, "post_processor: the text stands twice");
			seen = true;
		} else if (vp_json_find(item, "SpecialToken", &v) == 1 && vp_text_of(r, v, "id")) {
			e = read_special(t, r, table, seen);
			if (e)
				return e;
		} else {
			return vp_refuse(r, "post_processor: neither text nor special token");
		}
	}
	return e < 0 || !seen ? vp_refuse(r, "post_processor: no text in the template") : 0;
}

/* BertProcessing and RobertaProcessing: cls, the text, sep; each a token and its id. */
static int
read_pair(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span post)
{
	static const char *const names[] = {"cls", "sep"};

	for (int i = 0; i < 2; i++) {
		struct vp_json_walk w;
		struct vp_span v, token, id;
		uint64_t n;

		if (!vp_member(post, names[i], &v))
			v = VP_LIT("[]");
		vp_json_begin(&w, v);
		if (vp_json_item(&w, &token) != 1 || vp_json_item(&w, &id) != 1 ||
		    vp_json_uint(id, &n) || n >= VP_VOCAB_MAX)
			return vp_refuse(r, "post_processor: cls or sep: not a token and its id");
		*(i ? t->after : t->before) = (uint32_t)n;
	}
	t->n_before = t->n_after = 1;
	return 0;
}

static int
read_post(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span post)
{
	struct vp_json_walk w;
	struct vp_span v;
	int e;

	if (vp_type_is(post, "ByteLevel")) /* which only trims offsets */
		return 0;
	if (vp_type_is(post, "Sequence") && vp_member(post, "processors", &v)) {
		for (vp_json_begin(&w, v); (e = vp_json_item(&w, &v)) > 0;)
			if ((e = vp_type_is(v, "Sequence") ? vp_refuse_type(r, "post_processor", v)
							   : read_post(t, r, v)))
				return e;
		return e < 0 ? vp_refuse(r, "post_processor: Sequence: not an array") : 0;
	}
	if (t->n_before || t->n_after)
		return vp_refuse(
		    r, "post_processor: several that add special tokens: not supported");
	if (vp_type_is(post, "TemplateProcessing"))
		return read_template(t, r, post);
	if (vp_type_is(post, "BertProcessing") || vp_type_is(post, "RobertaProcessing"))
		return read_pair(t, r, post);
	return vp_refuse_type(r, "post_processor", post);
}

/* Whether none of these tokens reaches across a blank. */
static bool
stay_in_words(const struct vp_added *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct vp_added_token *a = &set->token[i];

		if (a->left || a->right || memchr(a->s, ' ', a->len))
			return false;
	}
	return true;
}

static int
read_json(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span doc)
{
	static const char *const names[] = {
	    "model", "normalizer", "pre_tokenizer", "added_tokens", "post_processor"};
	struct vp_span part[5];
	int e;

	for (int i = 0; i < 5; i++) {
		part[i] = i == 3 ? VP_LIT("[]") : VP_LIT("null");
		vp_member(doc, names[i], &part[i]);
	}
	if (vp_json_type(part[0]) != '{')
		return vp_refuse(r, "no model");
	if ((e = read_model(t, r, part[0])) ||
	    (e = vp_normalizer_read(&t->normalizer, r, part[1])) ||
	    (e = vp_pretokenizer_read(&t->pretokenizer, r, part[2])) ||
	    (e = read_all_added(t, r, part[3])))
		return e;
	t->by_words = vp_type_is(part[1], "BertNormalizer") &&
		      vp_type_is(part[2], "BertPreTokenizer") && stay_in_words(&t->normalized);
	return read_post(t, r, part[4]);
}

/* BERT's normalizer and pre-tokenizer, set as tokenizer_config.json says. */
static int
read_config(struct vp_tokenizer *t, struct vp_reader *r, const char *folder)
{
	char *path = vp_path_join(folder, "tokenizer_config.json");
	struct vp_span config = VP_LIT("{}");
	struct vp_buf file = {0}, json = {0};
	int e = vp_file_json(path, 1 << 20, &file, '{', &config, r->why);
	bool lower = vp_flag(config, "do_lower_case", true);

	if (e >= 0) {
		vp_buf_printf(&json,
		    "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"lowercase\":%s,"
		    "\"strip_accents\":%s,\"handle_chinese_chars\":%s}",
		    lower ? "true" : "false",
		    vp_flag(config, "strip_accents", lower) ? "true" : "false",
		    vp_flag(config, "tokenize_chinese_chars", true) ? "true" : "false");
		e = vp_normalizer_read(&t->normalizer, r, vp_buf_get(&json));
	}
	if (!e)
		e = vp_pretokenizer_read(
		    &t->pretokenizer, r, VP_LIT("{\"type\":\"BertPreTokenizer\"}"));
	vp_buf_free(&json);
	vp_buf_free(&file);
	free(path);
	return e;
}

/* A folder without tokenizer.json: one token a line, its number is its id; the rest is BERT's
 * habit. */
static int
read_lines(struct vp_tokenizer *t, struct vp_reader *r, struct vp_span doc, const char *folder)
{
	static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
	const char *s = doc.s, *end = s + doc.n, *lf;
	uint32_t id[5];
	int e = read_config(t, r, folder);

	if (e)
		return e;
	for (uint64_t line = 0; s < end; s = lf + 1, line++) {
		lf = memchr(s, '\n', (size_t)(end - s));
		lf = lf ? lf : end;
		e = vp_vocab_add(&t->vocab,
		    (struct vp_span){s, (size_t)(lf - s) - (lf > s && lf[-1] == '\r')}, line);
		if (e == VP_E_LIMIT)
			return vp_refuse(r, "too many tokens");
	}
	for (int i = 0; i < 5; i++) {
		if (!vp_vocab_id(&t->vocab, vp_str(specials[i]), &id[i]))
			return vp_why(
			    r->why, VP_E_MISSING, "%s: no %s in it", r->path, specials[i]);
		add_added(&t->raw, (struct vp_added_token){.id = id[i], .special = true},
		    vp_str(specials[i]));
	}
	t->wordpiece = (struct vp_wordpiece){.unknown = id[1], .max_chars = 100, .inner = "##"};
	t->by_words = true;
	t->before[t->n_before++] = id[2];
	t->after[t->n_after++] = id[3];
	return 0;
}

static void
raise_ids(struct vp_tokenizer *t, uint32_t id)
{
	if (id >= t->ids)
		t->ids = id + 1;
}

int
vp_tokenizer_open(struct vp_tokenizer *t, const char *folder, struct vp_buf *why)
{
	char *json = vp_path_join(folder, "tokenizer.json"),
	     *lines = vp_path_join(folder, "vocab.txt");
	struct vp_reader r = {.path = json, .why = why};
	struct vp_buf file = {0};
	struct vp_span doc = {0};
	int e;

	*t = (struct vp_tokenizer){0};
	e = vp_file_json(json, FILE_MAX, &file, '{', &doc, why);
	if (e > 0) {
		e = read_json(t, &r, doc);
	} else if (e == 0) {
		r.path = lines;
		e = vp_file_read(lines, FILE_MAX, &file, why);
		if (e > 0)
			e = read_lines(t, &r, vp_buf_get(&file), folder);
		else if (e == 0)
			e = vp_why(why, VP_E_IO, "%s: no such file, and no vocab.txt either", json);
	}
	index_added(&t->raw);
	index_added(&t->normalized);
	t->ids = t->vocab.ids; /* added tokens are in the vocabulary, too */
	for (size_t i = 0; i < t->n_before; i++)
		raise_ids(t, t->before[i]);
	for (size_t i = 0; i < t->n_after; i++)
		raise_ids(t, t->after[i]);
	vp_buf_free(&r.text);
	vp_buf_free(&file);
	free(json);
	free(lines);
	return e;
}

static void
free_added(struct vp_added *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->token[i].s);
	free(set->token);
}

void
vp_tokenizer_free(struct vp_tokenizer *t)
{
	free_added(&t->raw);
	free_added(&t->normalized);
	vp_normalizer_free(&t->normalizer);
	vp_pretokenizer_free(&t->pretokenizer);
	vp_bpe_free(&t->bpe);
	vp_unigram_free(&t->unigram);
	vp_vocab_free(&t->vocab);
	*t = (struct vp_tokenizer){0};
}

/* Whether the character that ends before p (from on), or begins at p (up to end), belongs to a
 * word. */
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

/* The first added token in the text from `from` on, the longest where several begin. Sets where it
 * begins and ends, the blanks that it eats included; NULL where there is none. */
static const struct vp_added_token *
find_added(const struct vp_added *set, struct vp_span text, const char *from, const char **begin,
    const char **end)
{
	const char *stop = text.s + text.n;

	for (const char *p = from; set->n && p < stop; p++) {
		const size_t *range = &set->from[(unsigned char)*p];

		for (size_t i = range[0]; i < range[1]; i++) {
			const struct vp_added_token *a = &set->token[i];

			if (a->len > (size_t)(stop - p) || memcmp(p, a->s, a->len) != 0)
				continue;
			if (a->word && (word_before(text.s, p) || word_after(p + a->len, stop))) {
				/* taken, and dropped: the search goes on behind it */
				p += a->len - 1;
				break;
			}
			*begin = a->left ? vp_skip_space_back(from, p) : p;
			*end = a->right ? vp_skip_space(p + a->len, stop) : p + a->len;
			return a;
		}
	}
	return NULL;
}

/* What one text's tokens are made with, and where they go. */
struct job {
	const struct vp_tokenizer *t;
	struct vp_words *w;
	struct vp_ids *out;
	size_t limit; /* of out->n: what comes behind is cut off anyway */
};

/* A text without added tokens, normalized. */
static void
encode_words(const struct job *j, struct vp_span text, bool begins)
{
	const struct vp_tokenizer *t = j->t;
	const struct vp_pieces *words = vp_pretokenize(&t->pretokenizer, &j->w->pre, text, begins);

	for (size_t i = 0, at = 0; i < words->n && j->out->n < j->limit; at = words->end[i++]) {
		struct vp_span word = {words->text.s + at, words->end[i] - at};

		switch (t->algorithm) {
		case VP_WORDPIECE:
			vp_wordpiece_encode(
			    &t->wordpiece, &t->vocab, &j->w->wordpiece, word, j->out);
			break;
		case VP_BPE:
			vp_bpe_encode(&t->bpe, &t->vocab, &j->w->bpe, word, j->out);
			break;
		case VP_UNIGRAM:
			vp_unigram_encode(&t->unigram, &t->vocab, &j->w->unigram, word, j->out);
			break;
		}
	}
}

/* A text as it stands between added tokens of the raw text. */
static void
encode_normalized(const struct job *j, struct vp_span raw, bool begins)
{
	struct vp_span text = vp_normalizer_run(&j->t->normalizer, &j->w->normal, raw);
	const char *p = text.s, *stop = p + text.n, *begin, *end;

	while (p < stop && j->out->n < j->limit) {
		const struct vp_added_token *a =
		    find_added(&j->t->normalized, text, p, &begin, &end);

		if (!a)
			begin = end = stop;
		encode_words(j, (struct vp_span){p, (size_t)(begin - p)}, begins && p == text.s);
		if (a)
			vp_ids_add(j->out, a->id);
		p = end;
	}
}

/* The same in parts, if that makes no difference: a text that is cut to the model's length then
 * costs no more than what is kept of it. */
static void
encode_raw(const struct job *j, struct vp_span raw, bool begins)
{
	const char *p = raw.s, *stop = p + raw.n;

	while (p < stop && j->out->n < j->limit) {
		const char *end = stop;

		if (j->t->by_words && stop - p > PART) {
			end = memchr(p + PART, ' ', (size_t)(stop - p) - PART);
			end = end ? end : stop;
		}
		encode_normalized(j, (struct vp_span){p, (size_t)(end - p)}, begins && p == raw.s);
		p = end;
	}
}

void
vp_tokenizer_encode(const struct vp_tokenizer *t, struct vp_words *w, struct vp_span text,
    size_t max, bool left, struct vp_ids *out)
{
	struct job j = {.t = t, .w = w, .out = out};
	const char *p = text.n ? text.s : "", *stop = p + text.n, *begin, *end;
	size_t room = max - t->n_before - t->n_after, start;

	text.s = p;
	for (size_t i = 0; i < t->n_before; i++)
		vp_ids_add(out, t->before[i]);
	start = out->n;
	j.limit = left || max == SIZE_MAX ? SIZE_MAX : start + room;
	while (p < stop && out->n < j.limit) {
		const struct vp_added_token *a = find_added(&t->raw, text, p, &begin, &end);

		if (!a)
			begin = end = stop;
		encode_raw(&j, (struct vp_span){p, (size_t)(begin - p)}, p == text.s);
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

static bool
has_special(const struct vp_added *set, uint32_t id)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->token[i].id == id && set->token[i].special)
			return true;
	return false;
}

bool
vp_tokenizer_is_special(const struct vp_tokenizer *t, uint32_t id)
{
	return has_special(&t->raw, id) || has_special(&t->normalized, id);
}
