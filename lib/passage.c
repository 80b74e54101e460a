/* passage: cut a text into passages that an embedding model can take in */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "passage.h"

/* What a word ends; the higher, the better to end a passage with. */
enum level { PIECE, WORD, LINE, SENTENCE, PARAGRAPH };

struct vp_word {
	size_t start, end, line;
	enum level level;
};

/* How a character can end a sentence: not; a dot, which may also abbreviate; for sure if white
 * space follows; for sure. */
enum stop { NONE, DOT, MARK, WIDE };

/* Decode the character at `at`. Returns its bytes. */
static size_t
decode(struct vp_span text, size_t at, int32_t *c)
{
	utf8proc_ssize_t n = utf8proc_iterate(
	    (const utf8proc_uint8_t *)text.s + at, (utf8proc_ssize_t)(text.n - at), c);

	if (n > 0)
		return (size_t)n;
	*c = 0xfffd;
	return 1;
}

/* The end of the grapheme cluster that begins at `at`, and its first character. Between two
 * bytes of ASCII there is always a boundary, but in CR LF: most of most texts never sees the
 * tables. */
static size_t
cluster(struct vp_span text, size_t at, int32_t *first)
{
	const unsigned char *s = (const unsigned char *)text.s;
	int32_t c, next, state = 0;
	size_t end, n;

	if (s[at] < 0x80 && (at + 1 == text.n || (s[at + 1] < 0x80 && s[at] != '\r'))) {
		*first = s[at];
		return at + 1;
	}
	end = at + decode(text, at, &c);
	*first = c;
	while (end < text.n) {
		n = decode(text, end, &next);
		if (utf8proc_grapheme_break_stateful(c, next, &state))
			break;
		end += n;
		c = next;
	}
	return end;
}

/* Whether a cluster of n bytes that begins with c is white space: a blank with marks on it is
 * not. */
static bool
is_white(int32_t c, size_t n)
{
	utf8proc_category_t k;

	if (c < 0x80)
		return (n == 1 || c == '\r') && (c == ' ' || (c >= '\t' && c <= '\r'));
	if (n > 3)
		return false;
	k = utf8proc_category(c);
	return c == 0x85 || k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL ||
	       k == UTF8PROC_CATEGORY_ZP;
}

/* Characters that are a word each: kana, Han with all its extensions, half-width kana. */
static bool
is_ideograph(int32_t c)
{
	return c >= 0x3041 &&
	       (c <= 0x30ff || (c >= 0x31f0 && c <= 0x31ff) || (c >= 0x3400 && c <= 0x4dbf) ||
		   (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
		   (c >= 0xff66 && c <= 0xff9d) || (c >= 0x20000 && c <= 0x3ffff));
}

/* Those of the property Sentence_Terminal that are in wide use. */
static enum stop
stop(int32_t c)
{
	static const int32_t marks[] = {'!', '?', 0x589, 0x61f, 0x6d4, 0x964, 0x965, 0x104a, 0x104b,
	    0x1362, 0x17d4, 0x203c, 0x203d, 0x2047, 0x2048, 0x2049};

	if (c == '.' || c == 0x2026)
		return DOT;
	if (c == 0x3002 || c == 0xff01 || c == 0xff0e || c == 0xff1f || c == 0xff61)
		return WIDE;
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (c == marks[i])
			return MARK;
	return NONE;
}

/* What may stand between the end of a sentence and the white space: quotes, brackets, Markdown's
 * emphasis. */
static bool
closes(int32_t c)
{
	utf8proc_category_t k;

	if (c < 0x80)
		return c && strchr("\"')]}*_`", c);
	k = utf8proc_category(c);
	return k == UTF8PROC_CATEGORY_PE || k == UTF8PROC_CATEGORY_PF || k == UTF8PROC_CATEGORY_PI;
}

/* Punctuation that no line begins with after an ideograph: it belongs to that one. */
static bool
clings(int32_t c)
{
	return closes(c) || (c >= 0x80 && utf8proc_category(c) == UTF8PROC_CATEGORY_PO);
}

/* Whether the first letter from `at` on, in the same word, is a small one: then a dot in front
 * of it ends no sentence (rule SB8 of Annex 29). */
static bool
small_letter(struct vp_span text, size_t at)
{
	int32_t c;

	while (at < text.n) {
		size_t n = decode(text, at, &c);
		utf8proc_category_t k = utf8proc_category(c);

		if (k == UTF8PROC_CATEGORY_LL)
			return true;
		if (is_white(c, n) || (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO))
			break;
		at += n;
	}
	return false;
}

/* Pass over white space. Returns how many lines end in it. */
static size_t
skip_white(struct vp_passages *p)
{
	size_t lines = 0, end;
	int32_t c;

	for (; p->at < p->text.n; p->at = end) {
		end = cluster(p->text, p->at, &c);
		if (!is_white(c, end - p->at))
			break;
		lines += p->text.s[end - 1] == '\n';
	}
	p->line += lines;
	return lines;
}

/* Read the word, or the piece of one, that begins at p->at; the enum is what it says about a
 * sentence. */
static enum stop
read_word(struct vp_passages *p, struct vp_word *w)
{
	enum stop ended = NONE, s;
	bool single = false;
	size_t end;
	int32_t c;

	w->start = p->at;
	w->line = p->line + 1;
	w->level = WORD;
	for (; p->at < p->text.n; p->at = end) {
		end = cluster(p->text, p->at, &c);
		s = stop(c);
		if (p->at == w->start) {
			single = is_ideograph(c);
		} else if (is_white(c, end - p->at)) {
			break;
		} else if (end - w->start > p->bytes) {
			w->level = PIECE;
			break;
		} else if (single ? !clings(c) : is_ideograph(c)) {
			break;
		} else if (ended == WIDE && !s && !closes(c)) {
			break;
		}
		if (s || !closes(c))
			ended = s;
	}
	w->end = p->at;
	return ended;
}

/* Whether the word w, with white space behind it, ends a sentence with a dot. A single capital,
 * as in J. S. Bach, does not. */
static bool
dot_ends(const struct vp_passages *p, const struct vp_word *w)
{
	char first = p->text.s[w->start];

	return !(w->end - w->start == 2 && first >= 'A' && first <= 'Z') &&
	       !small_letter(p->text, p->at);
}

/* The next word, with the white space behind it; there is one at p->at. */
static void
next_word(struct vp_passages *p, struct vp_word *w)
{
	enum stop ended;
	size_t lines;

	if (p->line_begins)
		p->heading = p->text.s[p->at] == '#';
	ended = read_word(p, w);
	lines = skip_white(p);
	p->line_begins = lines > 0;
	if (p->at == p->text.n)
		w->level = PARAGRAPH;
	else if (w->level == PIECE)
		return;
	else if (lines && p->heading)
		w->level = LINE;
	else if (lines > 1)
		w->level = PARAGRAPH;
	else if (ended == WIDE || (p->at > w->end && (ended == MARK || (ended && dot_ends(p, w)))))
		w->level = SENTENCE;
	else if (lines)
		w->level = LINE;
}

/* Whether words s to k - 1 are no more than a passage may have. */
static bool
fits(const struct vp_passages *p, size_t s, size_t k)
{
	return k - s <= p->words && p->word[k - 1].end - p->word[s].start <= p->bytes;
}

/* Read words until there is one that doesn't fit behind the new ones, or the text is over. */
static void
fill(struct vp_passages *p)
{
	static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark is no part of the text */

	if (!p->begun) {
		p->begun = p->line_begins = true;
		if (p->text.n >= 3 && memcmp(p->text.s, mark, 3) == 0)
			p->at = 3;
		skip_white(p);
	}
	while (p->at < p->text.n && (p->n == p->fresh || fits(p, p->fresh, p->n))) {
		if (p->n == p->cap) {
			p->cap = p->cap ? p->cap * 2 : 256;
			p->word = vp_realloc(p->word, p->cap, sizeof *p->word);
		}
		next_word(p, &p->word[p->n++]);
	}
}

/* How far a passage from word s can go: behind the last word that fits; at least one does. */
static size_t
reach(const struct vp_passages *p, size_t s)
{
	size_t k = p->n;

	while (k > s + 1 && !fits(p, s, k))
		k--;
	return k;
}

/* The last place up to k to end a passage from s that is of that level, and has something new in
 * it; with half, only if that leaves it half full. 0 if there is none. */
static size_t
last_end(const struct vp_passages *p, size_t s, size_t k, enum level level, bool half)
{
	for (; k > p->fresh; k--) {
		if (half && (k - s) * 2 < p->words &&
		    (p->word[k - 1].end - p->word[s].start) * 2 < p->bytes)
			break;
		if (p->word[k - 1].level >= level)
			return k;
	}
	return 0;
}

/* The best end of a passage from s that ends a sentence, or 0. */
static size_t
good_end(const struct vp_passages *p, size_t s)
{
	size_t k = reach(p, s), found;

	if (k == p->n && p->at == p->text.n)
		return k;
	found = last_end(p, s, k, PARAGRAPH, true);
	return found ? found : last_end(p, s, k, SENTENCE, false);
}

/* The first word of the next passage, if this one has words s to k - 1. */
static size_t
overlap_from(const struct vp_passages *p, size_t s, size_t k)
{
	size_t first = k, sentence = 0;

	while (first > s + 1 && k - first < p->overlap && p->word[first - 1].level != PARAGRAPH) {
		first--;
		if (p->word[first - 1].level >= SENTENCE)
			sentence = first;
	}
	return sentence ? sentence : first;
}

bool
vp_passages_next(struct vp_passages *p, struct vp_passage *out)
{
	size_t s = 0, k, from;

	fill(p);
	if (p->n == p->fresh) { /* the end: be ready for another text */
		p->at = p->line = p->n = p->fresh = 0;
		p->begun = false;
		return false;
	}
	k = good_end(p, 0);
	if (!k && p->fresh && p->word[p->fresh - 1].level >= SENTENCE &&
	    (k = good_end(p, p->fresh)) != 0)
		s = p->fresh;
	if (!k) { /* not even one sentence */
		size_t to = reach(p, 0);

		if (to <= p->fresh)
			to = reach(p, s = p->fresh);
		k = last_end(p, s, to, LINE, true);
		if (!k)
			k = to;
	}
	*out = (struct vp_passage){p->word[s].start, p->word[k - 1].end, p->word[s].line};
	from = overlap_from(p, s, k);
	p->n -= from;
	p->fresh = k - from;
	memmove(p->word, p->word + from, p->n * sizeof *p->word);
	return true;
}

void
vp_passages_free(struct vp_passages *p)
{
	free(p->word);
	*p = (struct vp_passages){0};
}
