/* passage: examples of each rule, and the promises on random texts */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "buf.h"
#include "check.h"
#include "json.h"
#include "passage.h"

/* The passages of text, each followed by a bar. */
static const char *
cut(struct vp_span text, size_t words, size_t bytes, size_t overlap)
{
	static struct vp_buf got;
	struct vp_passages p = {.text = text, .words = words, .bytes = bytes, .overlap = overlap};
	struct vp_passage out;

	got.n = 0;
	while (vp_passages_next(&p, &out)) {
		vp_buf_add(&got, text.s + out.start, out.end - out.start);
		vp_buf_putc(&got, '|');
	}
	CHECK(!vp_passages_next(&p, &out) || text.n); /* ready again */
	vp_passages_free(&p);
	return vp_buf_cstr(&got);
}

static void
expect_bytes(const char *text, size_t words, size_t bytes, size_t overlap, const char *want)
{
	const char *got = cut(vp_str(text), words, bytes, overlap);

	CHECK_AT(strcmp(got, want) == 0, got);
}

static void
expect(const char *text, size_t words, size_t overlap, const char *want)
{
	expect_bytes(text, words, 1000, overlap, want);
}

static void
test_words(void)
{
	expect("", 3, 0, "");
	expect(" \n\t ", 3, 0, "");
	expect("a", 3, 0, "a|");
	expect("  a b\n", 3, 0, "a b|");
	expect("a b c d e f g", 3, 0, "a b c|d e f|g|");
	expect("a b c d e f g", 3, 1, "a b c|c d e|e f g|");
	expect("a b c d e f g h", 4, 2, "a b c d|c d e f|e f g h|");
	expect("\ufeffa b", 1, 0, "a|b|");
	expect("a\u00a0b\u3000c", 1, 0, "a|b|c|"); /* no-break and ideographic space */
	expect("a\r\nb", 1, 0, "a|b|");
}

static void
test_sentences(void)
{
	expect("One two. Three four five. Six", 4, 0, "One two.|Three four five. Six|");
	expect("One two? Three! \"Four.\" Five", 2, 0, "One two?|Three! \"Four.\"|Five|");
	/* what is no end of one */
	expect("Try e.g. this one. Two more.", 5, 0, "Try e.g. this one.|Two more.|");
	expect("By J. S. Bach now. Two.", 5, 0, "By J. S. Bach now.|Two.|");
	expect("See 3.14 there. And (see. b) c", 4, 0, "See 3.14 there.|And (see. b) c|");
	/* the overlap begins with a sentence, else anywhere; it gives way for a whole sentence */
	expect("A b c. D e. F g h.", 5, 2, "A b c. D e.|D e. F g h.|");
	expect("A b c d. E f g. H", 6, 2, "A b c d.|c d. E f g. H|");
	expect("A b c d. E f g h i. J k l m n", 6, 2, "A b c d.|E f g h i.|J k l m n|");
	/* one that is too long is cut, with overlap */
	expect("A b c d e f g h. I j.", 4, 1, "A b c d|d e f g|g h. I j.|");
}

static void
test_lines(void)
{
	expect("a b c\n\nd e\n\nf g h", 6, 2, "a b c\n\nd e|f g h|"); /* no overlap across it */
	expect("a. b\n\nc d. e f. g", 5, 0, "a. b|c d. e f. g|");
	expect("a b\n \t\nc d e f", 4, 0, "a b|c d e f|");
	expect("a\n\nb c d. E f", 5, 0, "a\n\nb c d.|E f|"); /* not half full: the sentence wins */
	expect("- a b\n- c d\n- e f", 7, 0, "- a b\n- c d|- e f|");
	expect("a b c. d\n\n# e\n\nf g", 6, 0, "a b c. d|# e\n\nf g|");
	expect("a b c\n\n# d\n\ne f g", 5, 0, "a b c|# d\n\ne f g|");
}

static void
test_scripts(void)
{
	/* 日本。本日「本」。 by characters, punctuation stays */
	expect("日本。本日", 3, 0, "日本。|本日|");
	expect("日本日本日", 2, 0, "日本|日本|日|");
	expect("abc日本", 1, 0, "abc|日|本|");
	expect("क्या यह है। हाँ जी", 4, 0, "क्या यह है।|हाँ जी|");
}

static void
test_pieces(void)
{
	expect_bytes("abcdefgh ij", 9, 3, 0, "abc|def|gh|ij|");
	expect_bytes("a bcdefgh", 9, 5, 0, "a|bcdef|gh|");
	/* e with an acute accent as two characters; a family of three; flags; a blank with a mark on it */
	expect_bytes("e\u0301e\u0301", 9, 4, 0, "e\u0301|e\u0301|");
	expect_bytes("👨\u200d👩\u200d👧🇩🇪🇫🇷", 9, 8, 0, "👨\u200d👩\u200d👧|🇩🇪|🇫🇷|");
	expect("a \u0301b c", 1, 0, "a \u0301b|c|");
}

/* A text of n bits and pieces. */
static void
random_text(struct vp_buf *b, unsigned n)
{
	static const char *const bits[] = {"a", "Word", "longerword", " ", " ", " ", "\n", "\n\n",
	    ". ", "! ", "?\" ", ".", ",", "#", "\r\n", "日", "本。", "。", "e\xcc\x81", "\xcc\x81",
	    "👨‍👩‍👧", "🇩🇪", "🇫", "क्षि", "각", "ᄀ", "ᅡ", "\xc2\xa0", "\xe2\x80\xa8",
	    "(x)", "x.y", "\t"};

	b->n = 0;
	while (n--)
		vp_buf_puts(b, bits[(unsigned)rand() % (sizeof bits / sizeof *bits)]);
}

/* Mark each byte at which a cluster begins: libutf8proc asked for each pair, with its state from
 * the start. */
static void
boundaries(struct vp_span t, char *begins)
{
	utf8proc_int32_t c, before = 0, state = 0;

	memset(begins, 0, t.n + 1);
	begins[0] = begins[t.n] = 1;
	for (size_t at = 0; at < t.n;) {
		utf8proc_ssize_t n = utf8proc_iterate(
		    (const utf8proc_uint8_t *)t.s + at, (utf8proc_ssize_t)(t.n - at), &c);
		if (at && utf8proc_grapheme_break_stateful(before, c, &state))
			begins[at] = 1;
		before = c;
		at += (size_t)n;
	}
}

/* Whether byte `at` belongs to a cluster that is white space, of the kinds that random texts
 * have. */
static bool
is_blank(struct vp_span t, const char *begins, size_t at)
{
	static const char *const white[] = {" ", "\t", "\r\n", "\r", "\n", "\u00a0", "\u2028"};
	size_t end = at + 1;

	while (!begins[at])
		at--;
	while (!begins[end])
		end++;
	for (size_t i = 0; i < sizeof white / sizeof *white; i++)
		if (vp_span_is((struct vp_span){t.s + at, end - at}, white[i]))
			return true;
	return false;
}

/* What the header promises of each passage and of all, whatever the text is. */
static void
check_promises(struct vp_span t, struct vp_passages *p)
{
	static char begins[1 << 16];
	struct vp_passage out, last = {0, 0, 0};
	size_t line = 1, counted = 0, clusters, gap;

	boundaries(t, begins);
	p->text = t;
	while (vp_passages_next(p, &out)) {
		CHECK(out.start < out.end && out.end <= t.n);
		CHECK(out.end > last.end && (!last.end || out.start > last.start));
		CHECK(begins[out.start] && begins[out.end]);
		CHECK(vp_utf8_valid((struct vp_span){t.s + out.start, out.end - out.start}, NULL));
		clusters = 0;
		for (size_t i = out.start; i < out.end; i++)
			clusters += (size_t)begins[i];
		CHECK(out.end - out.start <= p->bytes || clusters == 1);
		for (; counted < out.start; counted++)
			line += t.s[counted] == '\n';
		CHECK(line == out.line);
		/* nothing but white space is left out; a bound on the overlap from the other side */
		for (gap = last.end; gap < out.start; gap++)
			CHECK_AT(is_blank(t, begins, gap), t.s);
		if (out.start < last.end) {
			size_t words = 1;
			for (size_t i = out.start + 1; i < last.end; i++)
				words += !is_blank(t, begins, i) && is_blank(t, begins, i - 1);
			CHECK(words <= p->overlap || p->bytes < 100);
		}
		last = out;
	}
	for (gap = last.end; gap < t.n; gap++)
		CHECK_AT(is_blank(t, begins, gap), t.s);
}

static void
test_random(void)
{
	struct vp_passages p = {0};
	struct vp_buf text = {0};

	srand(1);
	for (unsigned round = 0; round < 4000; round++) {
		random_text(&text, (unsigned)rand() % 120);
		p.words = 1 + (size_t)rand() % 20;
		p.overlap = p.words / 2 ? (size_t)rand() % (p.words / 2 + 1) : 0;
		p.bytes = round % 3 ? 200 : 1 + (size_t)rand() % 40;
		vp_buf_cstr(&text);
		check_promises(vp_buf_get(&text), &p); /* one p for all: it must be ready again */
	}
	vp_passages_free(&p);
	vp_buf_free(&text);
}

int
main(void)
{
	test_words();
	test_sentences();
	test_lines();
	test_scripts();
	test_pieces();
	test_random();
	return check_done();
}
