/* wordpiece: text to token ids as BERT does it */
#include <stdlib.h>
#include <string.h>

#include "unicode.h"
#include "wordpiece.h"

struct job {
	const struct vp_wordpiece *p;
	const struct vp_vocab *vocab;
	struct vp_words *w;
	struct vp_ids *out;
};

void
vp_words_free(struct vp_words *w)
{
	free(w->c);
	free(w->hash);
	vp_buf_free(&w->word);
	*w = (struct vp_words){0};
}

/* The longest piece of the word that begins at byte from. Returns where it ends, 0 where there is none. */
static size_t
longest_piece(const struct job *j, size_t from, uint32_t *id)
{
	const char *s = j->w->word.s;
	size_t n = j->w->word.n, end = n;
	struct vp_span inner = from ? vp_str(j->p->inner) : (struct vp_span){0};
	uint64_t hash = vp_hash(VP_HASH_START, inner);

	if (j->vocab->longest < inner.n)
		return 0;
	if (end - from > j->vocab->longest - inner.n)
		end = from + j->vocab->longest - inner.n;
	for (size_t i = from; i < end; i++)
		j->w->hash[i] = hash = vp_hash_step(hash, s[i]);
	for (; end > from; end--)
		if ((end == n || (s[end] & 0xc0) != 0x80) && /* between characters */
		    vp_vocab_find(j->vocab, j->w->hash[end - 1], inner,
			(struct vp_span){s + from, end - from}, id))
			return end;
	return 0;
}

/* Cut the word into pieces, and begin a new one. */
static void
end_word(const struct job *j)
{
	struct vp_words *w = j->w;
	size_t kept = j->out->n, at = 0;
	uint32_t id;

	if (!w->chars)
		return;
	if (w->hashes < w->word.n) {
		w->hashes = w->word.n * 2;
		w->hash = vp_realloc(w->hash, w->hashes, sizeof *w->hash);
	}
	while (w->chars <= j->p->max_chars && at < w->word.n && (at = longest_piece(j, at, &id)))
		vp_ids_add(j->out, id);
	if (at < w->word.n) {
		j->out->n = kept; /* one part is unknown, so all of it is */
		vp_ids_add(j->out, j->p->unknown);
	}
	w->word.n = w->chars = 0;
}

/* Add a character to the word; past what a word may have it is only counted. */
static void
add_char(const struct job *j, uint32_t c)
{
	struct vp_buf *word = &j->w->word;

	if (j->w->chars++ <= j->p->max_chars)
		word->n += vp_utf8_put(vp_buf_room(word, 4), c);
}

/* Put runs of marks into canonical order (UAX 15): by class, those of the same class as they came. */
static void
order_marks(uint32_t *c, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		unsigned class = vp_combining_class(c[i]);
		uint32_t mark = c[i];
		size_t k = i;

		for (; class && k > 0 && vp_combining_class(c[k - 1]) > class; k--)
			c[k] = c[k - 1];
		c[k] = mark;
	}
}

/* What stood between two blanks: one word, or several with punctuation between them. */
static void
end_run(const struct job *j)
{
	struct vp_words *w = j->w;

	if (j->p->strip)
		order_marks(w->c, w->n);
	for (size_t i = 0; i < w->n; i++) {
		uint32_t c[2] = {w->c[i], 0};
		size_t n = 1;

		if (j->p->strip && vp_is_mark(c[0]))
			continue;
		if (j->p->lower)
			n = vp_lower(c[0], c);
		if (vp_is_punct(c[0])) {
			end_word(j);
			add_char(j, c[0]);
			end_word(j);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			add_char(j, c[k]);
	}
	end_word(j);
	w->n = 0;
}

static void
add_to_run(const struct job *j, uint32_t c)
{
	struct vp_words *w = j->w;

	if (w->cap - w->n < 8) {
		w->cap = w->cap * 2 + 64;
		w->c = vp_realloc(w->c, w->cap, sizeof *w->c);
	}
	if (j->p->strip)
		w->n += vp_decompose(c, w->c + w->n);
	else
		w->c[w->n++] = c;
}

void
vp_wordpiece_encode(const struct vp_wordpiece *p, const struct vp_vocab *vocab, struct vp_words *w,
    struct vp_span text, size_t max, struct vp_ids *out)
{
	const struct job j = {p, vocab, w, out};
	const char *s = text.s, *end = text.s + text.n;

	while (s < end && out->n < max) {
		uint32_t c = vp_utf8_next(&s);

		if (p->clean && vp_is_control(c))
			continue;
		if (vp_is_space(c)) {
			end_run(&j);
		} else if (p->cjk && vp_is_cjk(c)) {
			end_run(&j);
			add_to_run(&j, c);
			end_run(&j);
		} else {
			add_to_run(&j, c);
		}
	}
	end_run(&j);
}
