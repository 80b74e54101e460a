/* normalizer: what becomes of a text before it is split into words */
#include <stdlib.h>
#include <string.h>

#include "normalizer.h"
#include "unicode.h"

#define STEPS_MAX 100
#define DEPTH_MAX 8 /* Sequences in each other */

static const struct {
	const char *type;
	enum vp_normal_kind kind;
} plain_kinds[] = {
    {"NFC", VP_NORMAL_NFC},
    {"NFD", VP_NORMAL_NFD},
    {"NFKC", VP_NORMAL_NFKC},
    {"NFKD", VP_NORMAL_NFKD},
    {"Lowercase", VP_NORMAL_LOWER},
    {"StripAccents", VP_NORMAL_ACCENTS},
};

void
vp_normal_work_free(struct vp_normal_work *w)
{
	free(w->c);
	vp_buf_free(&w->a);
	vp_buf_free(&w->b);
	*w = (struct vp_normal_work){0};
}

static int
read_step(struct vp_normal_step *s, struct vp_reader *r, struct vp_span value)
{
	struct vp_span v = VP_LIT("null");

	for (size_t i = 0; i < sizeof plain_kinds / sizeof *plain_kinds; i++)
		if (vp_type_is(value, plain_kinds[i].type)) {
			s->kind = plain_kinds[i].kind;
			return 0;
		}
	if (vp_type_is(value, "BertNormalizer")) {
		s->kind = VP_NORMAL_BERT;
		s->clean = vp_flag(value, "clean_text", true);
		s->cjk = vp_flag(value, "handle_chinese_chars", true);
		s->lower = vp_flag(value, "lowercase", true);
		s->accents = vp_flag(value, "strip_accents", s->lower);
	} else if (vp_type_is(value, "Strip")) {
		s->kind = VP_NORMAL_STRIP;
		s->left = vp_flag(value, "strip_left", true);
		s->right = vp_flag(value, "strip_right", true);
	} else if (vp_type_is(value, "Replace")) {
		s->kind = VP_NORMAL_REPLACE;
		vp_member(value, "pattern", &v);
		if (!vp_text_of(r, value, "content"))
			return vp_refuse(r, "normalizer: Replace: no content");
		vp_buf_span(&s->text, vp_buf_get(&r->text));
		return vp_pattern_read(&s->pattern, r, "normalizer: Replace", v);
	} else if (vp_type_is(value, "Prepend")) {
		s->kind = VP_NORMAL_PREPEND;
		if (!vp_text_of(r, value, "prepend"))
			return vp_refuse(r, "normalizer: Prepend: no text");
		vp_buf_span(&s->text, vp_buf_get(&r->text));
	} else if (vp_type_is(value, "Precompiled")) {
		s->kind = VP_NORMAL_CHARSMAP;
		if (!vp_text_of(r, value, "precompiled_charsmap") ||
		    vp_charsmap_open(&s->map, vp_buf_get(&r->text)))
			return vp_refuse(r, "normalizer: Precompiled: not a sound character map");
	} else {
		return vp_refuse_type(r, "normalizer", value);
	}
	return 0;
}

static int
read_steps(struct vp_normalizer *n, struct vp_reader *r, struct vp_span value, int depth)
{
	struct vp_json_walk w;
	struct vp_span v;
	int e;

	if (vp_type_is(value, "Sequence")) {
		if (!vp_member(value, "normalizers", &v) || depth == DEPTH_MAX)
			return vp_refuse(r, "normalizer: Sequence: no list, or too deep");
		for (vp_json_begin(&w, v); (e = vp_json_item(&w, &v)) > 0;)
			if ((e = read_steps(n, r, v, depth + 1)))
				return e;
		return e < 0 ? vp_refuse(r, "normalizer: Sequence: not an array") : 0;
	}
	if (n->n == STEPS_MAX)
		return vp_refuse(r, "normalizer: too many steps");
	n->step = vp_realloc(n->step, n->n + 1, sizeof *n->step);
	n->step[n->n] = (struct vp_normal_step){0};
	return read_step(&n->step[n->n++], r, value);
}

int
vp_normalizer_read(struct vp_normalizer *n, struct vp_reader *r, struct vp_span value)
{
	return vp_json_type(value) == 'n' ? 0 : read_steps(n, r, value, 0);
}

void
vp_normalizer_free(struct vp_normalizer *n)
{
	for (size_t i = 0; i < n->n; i++) {
		vp_pattern_free(&n->step[i].pattern);
		vp_buf_free(&n->step[i].text);
		vp_charsmap_free(&n->step[i].map);
	}
	free(n->step);
	*n = (struct vp_normalizer){0};
}

/* Room for n more characters. */
static uint32_t *
room(struct vp_normal_work *w, size_t n)
{
	if (w->cap - w->n < n) {
		w->cap = w->cap * 2 + n + 64;
		w->c = vp_realloc(w->c, w->cap, sizeof *w->c);
	}
	return w->c + w->n;
}

static void
put(struct vp_buf *out, uint32_t c)
{
	out->n += vp_utf8_put(vp_buf_room(out, 4), c);
}

/* The characters of w->c to out: without what is_deleted (NULL: all of them), in lower case. */
static void
put_chars(
    const struct vp_normal_work *w, bool (*is_deleted)(uint32_t), bool lower, struct vp_buf *out)
{
	for (size_t i = 0; i < w->n; i++) {
		uint32_t c[2] = {w->c[i], 0};
		size_t n = 1;

		if (is_deleted && is_deleted(c[0]))
			continue;
		if (lower)
			n = vp_lower(c[0], c);
		for (size_t k = 0; k < n; k++)
			put(out, c[k]);
	}
}

static void
run_bert(
    const struct vp_normal_step *s, struct vp_normal_work *w, struct vp_span in, struct vp_buf *out)
{
	const char *p = in.s, *end = in.s + in.n;

	w->n = 0;
	while (p < end) {
		uint32_t c = vp_utf8_next(&p), *to = room(w, VP_DECOMPOSED + 2);

		if (s->clean && vp_is_control(c))
			continue;
		if (s->clean && vp_is_space(c))
			c = ' ';
		if (s->cjk && vp_is_cjk(c)) {
			size_t n = 1;

			to[0] = ' ';
			to[1] = c;
			if (s->accents)
				n = vp_decompose(c, false, to + 1);
			to[n + 1] = ' ';
			w->n += n + 2;
		} else if (s->accents) {
			w->n += vp_decompose(c, false, to);
		} else {
			*to = c;
			w->n++;
		}
	}
	if (s->accents)
		vp_order_marks(w->c, w->n);
	put_chars(w, s->accents ? vp_is_mark : NULL, s->lower, out);
}

/* The four normalization forms, lower case and the deletion of marks. */
static void
run_form(
    const struct vp_normal_step *s, struct vp_normal_work *w, struct vp_span in, struct vp_buf *out)
{
	const enum vp_normal_kind k = s->kind;
	const bool decompose = k != VP_NORMAL_LOWER && k != VP_NORMAL_ACCENTS;
	const char *p = in.s, *end = in.s + in.n;

	w->n = 0;
	while (p < end) {
		uint32_t c = vp_utf8_next(&p), *to = room(w, VP_DECOMPOSED);

		*to = c;
		w->n +=
		    decompose ? vp_decompose(c, k == VP_NORMAL_NFKC || k == VP_NORMAL_NFKD, to) : 1;
	}
	if (decompose)
		vp_order_marks(w->c, w->n);
	if (k == VP_NORMAL_NFC || k == VP_NORMAL_NFKC)
		w->n = vp_compose(w->c, w->n);
	put_chars(w, k == VP_NORMAL_ACCENTS ? vp_is_accent : NULL, k == VP_NORMAL_LOWER, out);
}

static struct vp_span
strip(const struct vp_normal_step *s, struct vp_span in)
{
	const char *from = in.s, *end = in.s + in.n;

	if (s->left)
		from = vp_skip_space(from, end);
	if (s->right)
		end = vp_skip_space_back(from, end);
	return (struct vp_span){from, (size_t)(end - from)};
}

static void
replace(const struct vp_normal_step *s, struct vp_span in, struct vp_buf *out)
{
	const char *p = in.s, *end = in.s + in.n;
	struct vp_span match;

	for (; vp_pattern_next(&s->pattern, p, end, &match); p = match.s + match.n) {
		vp_buf_add(out, p, (size_t)(match.s - p));
		vp_buf_span(out, vp_buf_get(&s->text));
	}
	vp_buf_add(out, p, (size_t)(end - p));
}

struct vp_span
vp_normalizer_run(const struct vp_normalizer *n, struct vp_normal_work *w, struct vp_span text)
{
	struct vp_buf *out = &w->b;

	for (size_t i = 0; i < n->n && text.n; i++) {
		const struct vp_normal_step *s = &n->step[i];

		if (s->kind == VP_NORMAL_STRIP) {
			text = strip(s, text);
			continue;
		}
		out = out == &w->a ? &w->b : &w->a;
		out->n = 0;
		switch (s->kind) {
		case VP_NORMAL_BERT:
			run_bert(s, w, text, out);
			break;
		case VP_NORMAL_REPLACE:
			replace(s, text, out);
			break;
		case VP_NORMAL_PREPEND:
			vp_buf_span(out, vp_buf_get(&s->text));
			vp_buf_span(out, text);
			break;
		case VP_NORMAL_CHARSMAP:
			vp_charsmap_apply(&s->map, text, out);
			break;
		default:
			run_form(s, w, text, out);
		}
		text = vp_buf_get(out);
	}
	return text;
}
