/* pretokenizer: a normalized text to the words that the model cuts into tokens */
#include <stdlib.h>
#include <string.h>

#include "pretokenizer.h"
#include "unicode.h"

#define STEPS_MAX 100
#define DEPTH_MAX 8 /* Sequences in each other */

static const char *const split_names[] = {
    [VP_SPLIT_REMOVED] = "Removed",
    [VP_SPLIT_ISOLATED] = "Isolated",
    [VP_SPLIT_PREVIOUS] = "MergedWithPrevious",
    [VP_SPLIT_NEXT] = "MergedWithNext",
    [VP_SPLIT_ONE] = "Contiguous",
};

void
vp_pre_work_free(struct vp_pre_work *w)
{
	vp_buf_free(&w->a.text);
	vp_buf_free(&w->b.text);
	vp_buf_free(&w->dressed);
	free(w->a.end);
	free(w->b.end);
	*w = (struct vp_pre_work){0};
}

static struct vp_pre_step *
add_step(struct vp_pretokenizer *p)
{
	p->step = vp_realloc(p->step, p->n + 1, sizeof *p->step);
	p->step[p->n] = (struct vp_pre_step){0};
	return &p->step[p->n++];
}

static struct vp_pre_step *
add_split(struct vp_pretokenizer *p, enum vp_pattern_kind kind, enum vp_split split)
{
	struct vp_pre_step *s = add_step(p);

	s->splits = true;
	s->split = split;
	s->pattern = (struct vp_pattern){.kind = kind, .min = 1, .max = 1};
	return s;
}

/* The member behavior. */
static int
read_behavior(struct vp_pre_step *s, struct vp_reader *r, const char *part, struct vp_span value)
{
	struct vp_span v;

	if (!vp_member(value, "behavior", &v))
		return 0;
	for (size_t i = 0; i < sizeof split_names / sizeof *split_names; i++)
		if (vp_string_is(v, split_names[i])) {
			s->split = (enum vp_split)i;
			return 0;
		}
	return vp_refuse_value(r, part, "behavior", v);
}

static int
read_metaspace(struct vp_pretokenizer *p, struct vp_reader *r, struct vp_span value)
{
	struct vp_pre_step *s = add_split(p, VP_PATTERN_CHAR, VP_SPLIT_NEXT);
	struct vp_span scheme;
	const char *mark;

	s->splits = vp_flag(value, "split", true);
	s->metaspace = true;
	if (!vp_text_of(r, value, "replacement") || !r->text.n)
		return vp_refuse(r, "pre_tokenizer: Metaspace: no replacement");
	vp_buf_span(&s->mark, vp_buf_get(&r->text));
	mark = s->mark.s;
	s->pattern.c = vp_utf8_next(&mark);
	if (mark != s->mark.s + s->mark.n)
		return vp_refuse(r, "pre_tokenizer: Metaspace: replacement: not one character");
	s->prefix = vp_flag(value, "add_prefix_space", true) ? VP_PREFIX_ALWAYS : VP_PREFIX_NEVER;
	if (!vp_member(value, "prepend_scheme", &scheme))
		return 0;
	if (vp_string_is(scheme, "always"))
		s->prefix = VP_PREFIX_ALWAYS;
	else if (vp_string_is(scheme, "first"))
		s->prefix = VP_PREFIX_FIRST;
	else if (vp_string_is(scheme, "never"))
		s->prefix = VP_PREFIX_NEVER;
	else
		return vp_refuse_value(r, "pre_tokenizer: Metaspace", "prepend_scheme", scheme);
	return 0;
}

static int
read_split(struct vp_pretokenizer *p, struct vp_reader *r, struct vp_span value)
{
	struct vp_pre_step *s = add_split(p, VP_PATTERN_TEXT, VP_SPLIT_REMOVED);
	struct vp_span v = VP_LIT("null");
	int e;

	s->invert = vp_flag(value, "invert", false);
	if (!vp_member(value, "behavior", &v))
		return vp_refuse(r, "pre_tokenizer: Split: no behavior");
	e = read_behavior(s, r, "pre_tokenizer: Split", value);
	if (e)
		return e;
	v = VP_LIT("null");
	vp_member(value, "pattern", &v);
	return vp_pattern_read(&s->pattern, r, "pre_tokenizer: Split", v);
}

static int
read_step(struct vp_pretokenizer *p, struct vp_reader *r, struct vp_span value)
{
	struct vp_pre_step *s;

	if (vp_type_is(value, "BertPreTokenizer")) {
		add_split(p, VP_PATTERN_SPACE, VP_SPLIT_REMOVED);
		add_split(p, VP_PATTERN_PUNCT, VP_SPLIT_ISOLATED);
	} else if (vp_type_is(value, "Whitespace")) {
		add_split(p, VP_PATTERN_WORDS, VP_SPLIT_REMOVED)->invert = true;
	} else if (vp_type_is(value, "WhitespaceSplit")) {
		add_split(p, VP_PATTERN_SPACE, VP_SPLIT_REMOVED);
	} else if (vp_type_is(value, "Punctuation")) {
		s = add_split(p, VP_PATTERN_PUNCT, VP_SPLIT_ISOLATED);
		return read_behavior(s, r, "pre_tokenizer: Punctuation", value);
	} else if (vp_type_is(value, "Digits")) {
		add_split(p, VP_PATTERN_NUMBER,
		    vp_flag(value, "individual_digits", false) ? VP_SPLIT_ISOLATED : VP_SPLIT_ONE);
	} else if (vp_type_is(value, "ByteLevel")) {
		s = add_split(p, VP_PATTERN_GPT2, VP_SPLIT_ISOLATED);
		s->splits = vp_flag(value, "use_regex", true);
		s->bytes = true;
		s->prefix =
		    vp_flag(value, "add_prefix_space", true) ? VP_PREFIX_ALWAYS : VP_PREFIX_NEVER;
		vp_buf_puts(&s->mark, " ");
	} else if (vp_type_is(value, "Metaspace")) {
		return read_metaspace(p, r, value);
	} else if (vp_type_is(value, "Split")) {
		return read_split(p, r, value);
	} else {
		return vp_refuse_type(r, "pre_tokenizer", value);
	}
	return 0;
}

static int
read_steps(struct vp_pretokenizer *p, struct vp_reader *r, struct vp_span value, int depth)
{
	struct vp_json_walk w;
	struct vp_span v;
	int e;

	if (vp_type_is(value, "Sequence")) {
		if (!vp_member(value, "pretokenizers", &v) || depth == DEPTH_MAX)
			return vp_refuse(r, "pre_tokenizer: Sequence: no list, or too deep");
		for (vp_json_begin(&w, v); (e = vp_json_item(&w, &v)) > 0;)
			if ((e = read_steps(p, r, v, depth + 1)))
				return e;
		return e < 0 ? vp_refuse(r, "pre_tokenizer: Sequence: not an array") : 0;
	}
	return p->n >= STEPS_MAX ? vp_refuse(r, "pre_tokenizer: too many steps")
				 : read_step(p, r, value);
}

int
vp_pretokenizer_read(struct vp_pretokenizer *p, struct vp_reader *r, struct vp_span value)
{
	return vp_json_type(value) == 'n' ? 0 : read_steps(p, r, value, 0);
}

void
vp_pretokenizer_free(struct vp_pretokenizer *p)
{
	for (size_t i = 0; i < p->n; i++) {
		vp_pattern_free(&p->step[i].pattern);
		vp_buf_free(&p->step[i].mark);
	}
	free(p->step);
	*p = (struct vp_pretokenizer){0};
}

static void
end_piece(struct vp_pieces *out)
{
	if (out->n == out->cap) {
		out->cap = out->cap * 2 + 64;
		out->end = vp_realloc(out->end, out->cap, sizeof *out->end);
	}
	out->end[out->n++] = out->text.n;
}

/* The letters of byte-level vocabularies: what can be printed of Latin-1 stands for itself, the
 * other bytes for the code points from 256 on, in order. */
static uint32_t
letter_of(unsigned char byte)
{
	if (byte >= 0x21 && byte <= 0x7e)
		return byte;
	if (byte >= 0xa1)
		return byte == 0xad ? 0x143 : byte;
	return 0x100 + (byte <= 0x20 ? byte : byte - 0x7f + 0x21U);
}

static void
add_piece(const struct vp_pre_step *s, const char *from, const char *end, struct vp_pieces *out)
{
	if (from == end)
		return;
	if (!s->bytes)
		vp_buf_add(&out->text, from, (size_t)(end - from));
	else
		for (; from < end; from++)
			out->text.n += vp_utf8_put(
			    vp_buf_room(&out->text, 4), letter_of((unsigned char)*from));
	end_piece(out);
}

/* Pieces of one word that are still to be added: matches and what is between them come in one after
 * another, and what belongs together is only known at the next one. */
struct cutter {
	const struct vp_pre_step *s;
	struct vp_pieces *out;
	const char *held, *end; /* not added yet */
	bool match;             /* the last one that came was one */
};

static void
cut(struct cutter *c, const char *from, const char *end, bool match)
{
	bool joined = false;

	if (from == end)
		return;
	switch (c->s->split) {
	case VP_SPLIT_REMOVED:
	case VP_SPLIT_ISOLATED:
		break;
	case VP_SPLIT_PREVIOUS:
		joined = match && !c->match;
		break;
	case VP_SPLIT_NEXT:
		joined = !match && c->match;
		break;
	case VP_SPLIT_ONE:
		joined = match == c->match;
		break;
	}
	c->match = match;
	if (joined && c->held) {
		c->end = end;
		return;
	}
	if (c->held)
		add_piece(c->s, c->held, c->end, c->out);
	c->held = c->s->split == VP_SPLIT_REMOVED && match ? NULL : from;
	c->end = end;
}

static void
split(const struct vp_pre_step *s, const char *from, const char *end, struct vp_pieces *out)
{
	struct cutter c = {.s = s, .out = out};
	struct vp_span match;
	const char *p = from;

	for (; vp_pattern_next(&s->pattern, p, end, &match); p = match.s + match.n) {
		cut(&c, p, match.s, s->invert);
		cut(&c, match.s, match.s + match.n, !s->invert);
	}
	cut(&c, p, end, s->invert);
	if (c.held)
		add_piece(s, c.held, c.end, out);
}

/* A word with blanks replaced and the prefix before it, in buf. */
static struct vp_span
dress(const struct vp_pre_step *s, struct vp_span word, bool first, struct vp_buf *buf)
{
	const struct vp_span mark = vp_buf_get(&s->mark);
	bool has = word.n >= mark.n && memcmp(word.s, mark.s, mark.n) == 0;

	buf->n = 0;
	if (s->metaspace && word.s[0] == ' ')
		has = true;
	if (!has && (s->prefix == VP_PREFIX_ALWAYS || (s->prefix == VP_PREFIX_FIRST && first)))
		vp_buf_span(buf, mark);
	for (const char *p = word.s, *end = p + word.n; p < end;) {
		const char *blank = s->metaspace ? memchr(p, ' ', (size_t)(end - p)) : NULL;

		vp_buf_add(buf, p, (size_t)((blank ? blank : end) - p));
		if (blank)
			vp_buf_span(buf, mark);
		p = blank ? blank + 1 : end;
	}
	return vp_buf_get(buf);
}

static void
run_step(const struct vp_pre_step *s, const struct vp_pieces *in, struct vp_pieces *out,
    struct vp_buf *buf)
{
	out->n = out->text.n = 0;
	for (size_t i = 0, at = 0; i < in->n; at = in->end[i++]) {
		struct vp_span word = {in->text.s + at, in->end[i] - at};

		if (s->mark.n)
			word = dress(s, word, i == 0 && in->begins, buf);
		if (s->splits)
			split(s, word.s, word.s + word.n, out);
		else
			add_piece(s, word.s, word.s + word.n, out);
		if (i == 0)
			out->begins = in->begins && out->n &&
				      (s->split != VP_SPLIT_REMOVED || s->bytes || s->metaspace ||
					  memcmp(out->text.s, word.s, out->end[0]) == 0);
	}
}

const struct vp_pieces *
vp_pretokenize(
    const struct vp_pretokenizer *p, struct vp_pre_work *w, struct vp_span text, bool begins)
{
	struct vp_pieces *in = &w->a, *out = &w->b, *other;

	in->n = in->text.n = 0;
	in->begins = begins;
	vp_buf_span(&in->text, text);
	if (text.n)
		end_piece(in);
	for (size_t i = 0; i < p->n; i++, other = in, in = out, out = other)
		run_step(&p->step[i], in, out, &w->dressed);
	return in;
}
