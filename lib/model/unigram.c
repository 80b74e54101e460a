/* unigram: a word to token ids by a unigram language model */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bpe.h"
#include "unicode.h"
#include "unigram.h"

#define UNKNOWN_PENALTY 10 /* below the lowest score */

/* The best way to cut the word up to some byte. */
struct vp_best {
	double score;
	size_t length; /* of its last token; 0: there is no way yet */
	uint32_t id;   /* of that token */
};

void
vp_unigram_work_free(struct vp_unigram_work *w)
{
	free(w->best);
	vp_ids_free(&w->part);
	*w = (struct vp_unigram_work){0};
}

static int
by_string(const void *a, const void *b, void *vocab)
{
	struct vp_span x = vp_vocab_token(vocab, *(const uint32_t *)a);
	struct vp_span y = vp_vocab_token(vocab, *(const uint32_t *)b);
	int order = memcmp(x.s, y.s, x.n < y.n ? x.n : y.n);

	return order ? order : x.n < y.n ? -1 : x.n > y.n;
}

/* One [token, score]. */
static int
read_entry(struct vp_unigram *u, struct vp_vocab *vocab, struct vp_reader *r, struct vp_span entry)
{
	struct vp_json_walk w;
	struct vp_span token, score, none;

	vp_json_begin(&w, entry);
	r->text.n = 0;
	if ((u->n & (u->n - 1)) == 0)
		u->score = vp_realloc(u->score, u->n ? u->n * 2 : 1, sizeof *u->score);
	if (vp_json_item(&w, &token) != 1 || vp_json_decode(token, &r->text) ||
	    vp_json_item(&w, &score) != 1 || vp_json_double(score, &u->score[u->n]) ||
	    vp_json_item(&w, &none) != 0)
		return vp_refuse(r, "vocab: not a token and its score");
	if (u->score[u->n] < u->unknown_score)
		u->unknown_score = u->score[u->n];
	if (vp_vocab_add(vocab, vp_buf_get(&r->text), u->n++))
		return vp_refuse(r, "vocab: a token stands twice, or there are too many");
	return 0;
}

int
vp_unigram_read(
    struct vp_unigram *u, struct vp_vocab *vocab, struct vp_reader *r, struct vp_span model)
{
	struct vp_json_walk w;
	struct vp_span v = VP_LIT("null"), entry;
	uint64_t unknown;
	int e;

	u->unknown_score = INFINITY;
	u->bytes = vp_flag(model, "byte_fallback", false);
	vp_member(model, "vocab", &v);
	for (vp_json_begin(&w, v); (e = vp_json_item(&w, &entry)) > 0;)
		if ((e = read_entry(u, vocab, r, entry)))
			return e;
	if (e < 0 || !u->n)
		return vp_refuse(r, "vocab: not an array of tokens and their scores");
	if (!vp_member(model, "unk_id", &v) || vp_json_uint(v, &unknown) || unknown >= u->n)
		return vp_refuse(r, "unk_id: not in the vocabulary");
	u->unknown = (uint32_t)unknown;
	u->unknown_score -= UNKNOWN_PENALTY;
	u->sorted = vp_alloc(u->n, sizeof *u->sorted);
	for (size_t i = 0; i < u->n; i++)
		u->sorted[i] = (uint32_t)i;
	qsort_r(u->sorted, u->n, sizeof *u->sorted, by_string, vocab);
	return 0;
}

void
vp_unigram_free(struct vp_unigram *u)
{
	free(u->score);
	free(u->sorted);
	*u = (struct vp_unigram){0};
}

/* Tokens from..to - 1 in order of strings, all of which have the same first bytes. */
struct range {
	size_t from, to;
};

/* The first of them whose byte number `at` is `least` or more; those that are no longer than that
 * come first. */
static size_t
first_from(const struct vp_unigram *u, const struct vp_vocab *vocab, struct range r, size_t at,
    unsigned least)
{
	while (r.from < r.to) {
		size_t mid = (r.from + r.to) / 2;
		struct vp_span s = vp_vocab_token(vocab, u->sorted[mid]);

		if (s.n <= at || (unsigned char)s.s[at] < least)
			r.from = mid + 1;
		else
			r.to = mid;
	}
	return r.from;
}

/* Try a token, or an unknown character, behind the best way up to byte at. */
static void
try(struct vp_best *best, size_t at, size_t length, double score, uint32_t id)
{
	struct vp_best *to = &best[at + length];

	score += best[at].score;
	if (!to->length || score > to->score)
		*to = (struct vp_best){score, length, id};
}

/* All tokens that the word goes on with at a byte where a character begins. */
static void
try_all(const struct vp_unigram *u, const struct vp_vocab *vocab, struct vp_best *best,
    struct vp_span word, size_t at)
{
	struct range r = {0, u->n};
	const char *next = word.s + at;
	bool single = false; /* a token is this character */
	size_t length;

	vp_utf8_next(&next);
	length = (size_t)(next - word.s) - at;
	for (size_t i = 0; at + i < word.n; i++) {
		unsigned byte = (unsigned char)word.s[at + i];
		uint32_t id;

		r.from = first_from(u, vocab, r, i, byte);
		r.to = first_from(u, vocab, r, i, byte + 1);
		if (r.from == r.to)
			break;
		id = u->sorted[r.from];
		if (vp_vocab_token(vocab, id).n == i + 1) {
			try(best, at, i + 1, u->score[id], id);
			single |= i + 1 == length;
		}
	}
	if (!single)
		try(best, at, length, u->unknown_score, u->unknown);
}

/* The id of one part. Unknown characters that stand together are looked up together. */
static void
add_part(const struct vp_unigram *u, const struct vp_vocab *vocab, struct vp_span part,
    struct vp_ids *out)
{
	uint32_t id;

	if (vp_vocab_id(vocab, part, &id))
		vp_ids_add(out, id);
	else if (!u->bytes || !vp_bytes_encode(vocab, part, out))
		vp_ids_add(out, u->unknown);
}

void
vp_unigram_encode(const struct vp_unigram *u, const struct vp_vocab *vocab,
    struct vp_unigram_work *w, struct vp_span word, struct vp_ids *out)
{
	const char *p = word.s;

	if (w->cap < word.n + 1) {
		w->cap = word.n * 2 + 64;
		w->best = vp_realloc(w->best, w->cap, sizeof *w->best);
	}
	memset(w->best, 0, (word.n + 1) * sizeof *w->best);
	for (size_t at = 0; at < word.n; at++)
		if ((word.s[at] & 0xc0) != 0x80)
			try_all(u, vocab, w->best, word, at);
	w->part.n = 0;
	for (size_t at = word.n, unknown = 0; at; at -= w->best[at].length) {
		const struct vp_best *best = &w->best[at];

		if (unknown && best->id == u->unknown)
			w->part.id[w->part.n - 1] += (uint32_t)best->length;
		else
			vp_ids_add(&w->part, (uint32_t)best->length);
		unknown = best->id == u->unknown;
	}
	for (size_t i = w->part.n; i; p += w->part.id[--i])
		add_part(u, vocab, (struct vp_span){p, w->part.id[i - 1]}, out);
}
