/* wordpiece: a word to token ids as BERT does it */
#include <stdlib.h>
#include <string.h>

#include "wordpiece.h"

void
vp_wordpiece_work_free(struct vp_wordpiece_work *w)
{
	free(w->hash);
	*w = (struct vp_wordpiece_work){0};
}

int
vp_wordpiece_read(
    struct vp_wordpiece *p, const struct vp_vocab *vocab, struct vp_reader *r, struct vp_span model)
{
	struct vp_span v;
	uint64_t chars = 100;

	if (!vp_text_of(r, model, "unk_token") ||
	    !vp_vocab_id(vocab, vp_buf_get(&r->text), &p->unknown))
		return vp_refuse(r, "unk_token: not in the vocabulary");
	if (!vp_text_of(r, model, "continuing_subword_prefix") || r->text.n >= sizeof p->inner ||
	    (r->text.n && memchr(r->text.s, 0, r->text.n)))
		return vp_refuse(r, "continuing_subword_prefix: not a text of up to 15 bytes");
	strcpy(p->inner, vp_buf_cstr(&r->text));
	if (vp_member(model, "max_input_chars_per_word", &v) &&
	    (vp_json_uint(v, &chars) || chars > 10000))
		return vp_refuse(r, "max_input_chars_per_word: not a number up to 10000");
	p->max_chars = (size_t)chars;
	return 0;
}

/* The longest piece of the word that begins at byte from. Returns where it ends, 0 where there is
 * none. */
static size_t
longest_piece(const struct vp_wordpiece *p, const struct vp_vocab *vocab, uint64_t *running,
    struct vp_span word, size_t from, uint32_t *id)
{
	struct vp_span inner = from ? vp_str(p->inner) : (struct vp_span){0};
	uint64_t hash = vp_hash(VP_HASH_START, inner);
	size_t end = word.n;

	if (vocab->longest < inner.n)
		return 0;
	if (end - from > vocab->longest - inner.n)
		end = from + vocab->longest - inner.n;
	for (size_t i = from; i < end; i++)
		running[i] = hash = vp_hash_step(hash, word.s[i]);
	for (; end > from; end--)
		if ((end == word.n || (word.s[end] & 0xc0) != 0x80) && /* between characters */
		    vp_vocab_find(vocab, running[end - 1], inner,
			(struct vp_span){word.s + from, end - from}, id))
			return end;
	return 0;
}

void
vp_wordpiece_encode(const struct vp_wordpiece *p, const struct vp_vocab *vocab,
    struct vp_wordpiece_work *w, struct vp_span word, struct vp_ids *out)
{
	size_t kept = out->n, at = 0, chars = 0;
	uint32_t id;

	for (size_t i = 0; i < word.n && chars <= p->max_chars; i++)
		chars += (word.s[i] & 0xc0) != 0x80;
	if (chars <= p->max_chars && w->hashes < word.n) {
		w->hashes = word.n * 2;
		w->hash = vp_realloc(w->hash, w->hashes, sizeof *w->hash);
	}
	while (chars <= p->max_chars && at < word.n &&
	       (at = longest_piece(p, vocab, w->hash, word, at, &id)))
		vp_ids_add(out, id);
	if (at < word.n) {
		out->n = kept; /* one part is unknown, so all of it is */
		vp_ids_add(out, p->unknown);
	}
}
