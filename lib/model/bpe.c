/* bpe: a word to token ids by byte pair encoding */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpe.h"
#include "unicode.h"

#define MERGES_MAX 4000000

/* A part of the word; parts are linked in order. */
struct vp_symbol {
	uint32_t id;
	size_t before, next; /* index + 1, or 0 */
	bool gone;           /* joined with the one before it */
};

/* Two neighbours that could be joined, when they were pushed. */
struct vp_bpe_pair {
	uint32_t rank, id; /* of the merge */
	size_t at;         /* index of the left one */
};

void
vp_bpe_work_free(struct vp_bpe_work *w)
{
	free(w->symbol);
	free(w->heap);
	*w = (struct vp_bpe_work){0};
}

bool
vp_bytes_encode(const struct vp_vocab *vocab, struct vp_span s, struct vp_ids *out)
{
	const size_t before = out->n;

	for (size_t i = 0; i < s.n; i++) {
		char token[8];
		uint32_t id;

		snprintf(token, sizeof token, "<0x%02X>", (unsigned)(unsigned char)s.s[i]);
		if (!vp_vocab_id(vocab, vp_str(token), &id)) {
			out->n = before;
			return false;
		}
		vp_ids_add(out, id);
	}
	return true;
}

/* The slot of a pair, or the free one where it would be. */
static struct vp_merge *
slot_of(const struct vp_bpe *b, uint32_t left, uint32_t right)
{
	uint64_t hash = ((uint64_t)left << 32 | right) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(hash >> 32) & (b->slots - 1);

	while (b->slot[i].rank && (b->slot[i].left != left || b->slot[i].right != right))
		i = (i + 1) & (b->slots - 1);
	return &b->slot[i];
}

/* The two parts of a merge: "a b", where neither has a blank in it, or ["a","b"]. They are left in
 * r->text. */
static bool
read_pair(struct vp_reader *r, struct vp_span item, struct vp_span *a, struct vp_span *b)
{
	struct vp_json_walk w;
	struct vp_span part, none;
	const char *blank;
	size_t n;

	r->text.n = 0;
	if (vp_json_type(item) == '"') {
		if (vp_json_decode(item, &r->text))
			return false;
		blank = r->text.n ? memchr(r->text.s, ' ', r->text.n) : NULL;
		if (!blank)
			return false;
		n = (size_t)(blank - r->text.s);
		*a = (struct vp_span){r->text.s, n};
		*b = (struct vp_span){blank + 1, r->text.n - n - 1};
		return !b->n || !memchr(b->s, ' ', b->n);
	}
	vp_json_begin(&w, item);
	if (vp_json_item(&w, &part) != 1 || vp_json_decode(part, &r->text))
		return false;
	n = r->text.n;
	if (vp_json_item(&w, &part) != 1 || vp_json_decode(part, &r->text) ||
	    vp_json_item(&w, &none) != 0)
		return false;
	*a = (struct vp_span){r->text.s, n};
	*b = (struct vp_span){r->text.s + n, r->text.n - n};
	return true;
}

/* A pair that stands twice has the later one's rank, as in the library. */
static int
read_merges(
    struct vp_bpe *b, const struct vp_vocab *vocab, struct vp_reader *r, struct vp_span array)
{
	struct vp_json_walk w;
	struct vp_span item, left, right;
	size_t n = 0;
	uint32_t rank = 0;
	int e;

	for (vp_json_begin(&w, array); (e = vp_json_item(&w, &item)) > 0; n++)
		if (n == MERGES_MAX)
			return vp_refuse(r, "merges: too many");
	if (e < 0)
		return vp_refuse(r, "merges: not an array");
	for (b->slots = 64; b->slots < 2 * n; b->slots *= 2)
		;
	b->slot = vp_zalloc(b->slots, sizeof *b->slot);
	for (vp_json_begin(&w, array); vp_json_item(&w, &item) > 0;) {
		struct vp_merge m = {.rank = ++rank};
		struct vp_merge *slot;

		if (!read_pair(r, item, &left, &right))
			return vp_refuse_value(r, "merges", "pair", item);
		if (!vp_vocab_id(vocab, left, &m.left) || !vp_vocab_id(vocab, right, &m.right) ||
		    !vp_vocab_find(
			vocab, vp_hash(vp_hash(VP_HASH_START, left), right), left, right, &m.id))
			return vp_why(r->why, VP_E_MISSING,
			    "%s: merges: number %u is not in the vocabulary", r->path, rank);
		slot = slot_of(b, m.left, m.right);
		*slot = m;
	}
	return 0;
}

int
vp_bpe_read(
    struct vp_bpe *b, const struct vp_vocab *vocab, struct vp_reader *r, struct vp_span model)
{
	static const char *const none[] = {"continuing_subword_prefix", "end_of_word_suffix"};
	struct vp_span v = VP_LIT("null");
	double dropout;

	if (vp_member(model, "dropout", &v) && (vp_json_double(v, &dropout) || dropout > 0))
		return vp_refuse_value(r, "model: BPE", "dropout", v);
	for (int i = 0; i < 2; i++)
		if (vp_member(model, none[i], &v) && !vp_string_is(v, ""))
			return vp_refuse_value(r, "model: BPE", none[i], v);
	b->fuse = vp_flag(model, "fuse_unk", false);
	b->bytes = vp_flag(model, "byte_fallback", false);
	b->whole = vp_flag(model, "ignore_merges", false);
	if (vp_member(model, "unk_token", &v)) {
		if (!vp_text_of(r, model, "unk_token") ||
		    !vp_vocab_id(vocab, vp_buf_get(&r->text), &b->unknown))
			return vp_refuse(r, "unk_token: not in the vocabulary");
		b->has_unknown = true;
	}
	v = VP_LIT("null");
	vp_member(model, "merges", &v);
	return read_merges(b, vocab, r, v);
}

void
vp_bpe_free(struct vp_bpe *b)
{
	free(b->slot);
	*b = (struct vp_bpe){0};
}

static bool
comes_before(const struct vp_bpe_pair *a, const struct vp_bpe_pair *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void
push(struct vp_bpe_work *w, struct vp_bpe_pair pair)
{
	size_t i = w->pairs++;

	if (i == w->pairs_cap) {
		w->pairs_cap = w->pairs_cap * 2 + 64;
		w->heap = vp_realloc(w->heap, w->pairs_cap, sizeof *w->heap);
	}
	for (; i && comes_before(&pair, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = pair;
}

static struct vp_bpe_pair
pop(struct vp_bpe_work *w)
{
	struct vp_bpe_pair first = w->heap[0], last = w->heap[--w->pairs];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->pairs) {
		if (child + 1 < w->pairs && comes_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!comes_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

/* Push the pair of a symbol and the one behind it, if it is a merge. */
static void
push_pair(const struct vp_bpe *b, struct vp_bpe_work *w, size_t at)
{
	const struct vp_symbol *left = &w->symbol[at];
	const struct vp_merge *m;

	if (!left->next)
		return;
	m = slot_of(b, left->id, w->symbol[left->next - 1].id);
	if (m->rank)
		push(w, (struct vp_bpe_pair){m->rank, m->id, at});
}

static void
add_symbol(struct vp_bpe_work *w, uint32_t id)
{
	if (w->n == w->cap) {
		w->cap = w->cap * 2 + 64;
		w->symbol = vp_realloc(w->symbol, w->cap, sizeof *w->symbol);
	}
	if (w->n)
		w->symbol[w->n - 1].next = w->n + 1;
	w->symbol[w->n] = (struct vp_symbol){.id = id, .before = w->n};
	w->n++;
}

/* The word's characters as symbols. An unknown one waits for what comes behind it, and bytes pass
 * it, as in the library. out is only borrowed for the ids of bytes. */
static void
begin_word(const struct vp_bpe *b, const struct vp_vocab *vocab, struct vp_bpe_work *w,
    struct vp_span word, struct vp_ids *out)
{
	bool waits = false;

	w->n = w->pairs = 0;
	for (const char *p = word.s, *end = p + word.n, *next = p; p < end; p = next) {
		const size_t before = out->n;
		struct vp_span c;
		uint32_t id;
		bool known;

		vp_utf8_next(&next);
		c = (struct vp_span){p, (size_t)(next - p)};
		known = vp_vocab_id(vocab, c, &id);
		if (!known && b->bytes && vp_bytes_encode(vocab, c, out)) {
			for (size_t i = before; i < out->n; i++)
				add_symbol(w, out->id[i]);
			out->n = before;
			continue;
		}
		if (waits && (known || !b->fuse))
			add_symbol(w, b->unknown);
		waits = !known && b->has_unknown;
		if (known)
			add_symbol(w, id);
	}
	if (waits)
		add_symbol(w, b->unknown);
}

void
vp_bpe_encode(const struct vp_bpe *b, const struct vp_vocab *vocab, struct vp_bpe_work *w,
    struct vp_span word, struct vp_ids *out)
{
	uint32_t id;

	if (b->whole && vp_vocab_id(vocab, word, &id)) {
		vp_ids_add(out, id);
		return;
	}
	begin_word(b, vocab, w, word, out);
	for (size_t i = 0; i < w->n; i++)
		push_pair(b, w, i);
	while (w->pairs) {
		struct vp_bpe_pair pair = pop(w);
		struct vp_symbol *left = &w->symbol[pair.at], *right;
		const struct vp_merge *m;

		if (left->gone || !left->next)
			continue;
		right = &w->symbol[left->next - 1];
		m = slot_of(b, left->id, right->id);
		if (!m->rank || m->id != pair.id) /* they are other ones by now */
			continue;
		left->id = m->id;
		left->next = right->next;
		right->gone = true;
		if (right->next)
			w->symbol[right->next - 1].before = pair.at + 1;
		if (left->before)
			push_pair(b, w, left->before - 1);
		push_pair(b, w, pair.at);
	}
	for (size_t i = 0; i < w->n; i++)
		if (!w->symbol[i].gone)
			vp_ids_add(out, w->symbol[i].id);
}
