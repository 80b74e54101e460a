/* passage: cut a text into passages that an embedding model can take in.
 *
 * A *word* is what stands between white space; each Chinese character and each Japanese syllable
 * is a word by itself, as it is a token for the models. What has more bytes than a passage may
 * have is cut into pieces that count as a word each, between grapheme clusters (Unicode Standard
 * Annex 29, by libutf8proc): no cut ever parts a letter from its marks, an emoji, or a flag.
 *
 * A passage is a run of whole words, at most `words` of them and `bytes` from the first to the
 * last. It ends, of the places that are possible,
 *
 *  1. at the end of the text, if that can be reached;
 *  2. at the last end of a paragraph (a blank line) that leaves it at least half full;
 *  3. at the last end of a sentence;
 *  4. at the last end of a line that leaves it at least half full;
 *  5. behind the last word that fits.
 *
 * The next one begins with up to `overlap` of the last words again: with the first sentence that
 * begins among them, or all of them if none does. There is no overlap across the end of a
 * paragraph, and none behind the end of a sentence where the next sentence fits whole only
 * without it.
 *
 * Not here: a dictionary of abbreviations ("Dr. Who" ends a sentence), words of languages that
 * are written without blanks and with other letters (Thai), the structure of HTML or programs.
 * Of Markdown this much is known: a line that begins with # stays with the paragraph behind it
 * if it can.
 *
 * The same text gives the same passages, on every machine: nothing depends on the locale. */
#ifndef VP_PASSAGE_H
#define VP_PASSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct vp_word; /* inside */

/* Zero it, set the first four; the rest is kept from one passage to the next. */
struct vp_passages {
	struct vp_span text; /* UTF-8, checked by the caller; must stay until the last passage */
	size_t words;        /* of a passage, at most; 1 or more */
	size_t bytes;        /* of a passage, at most; 1 or more; one cluster may have more */
	size_t overlap;      /* words that stand in two passages, at most; less than `words` */
	/* inside */
	size_t at, line;      /* where the next word begins; number of its line, from 0 */
	bool begun;           /* the white space in front is passed */
	bool heading;         /* the line at hand begins with # */
	bool line_begins;     /* the next word is the first one of its line */
	struct vp_word *word; /* [cap] those of the next passage, its overlap first */
	size_t n, fresh, cap; /* words there; those of them that are overlap; room */
};

/* Where a passage lies in the text. It neither begins nor ends with white space. */
struct vp_passage {
	size_t start, end; /* bytes; end is behind the last one */
	size_t line;       /* that it begins on, from 1; lines end in LF */
};

/* The next passage. True: *out is set; starts and ends grow from one to the next, and between
 * them they hold every word. False: there are no more; p is ready for another text, and keeps
 * its memory. A text of white space has none. Time is linear in the text; memory is about 32
 * bytes for each of `words`. Out of memory ends the program (exit 70). */
bool vp_passages_next(struct vp_passages *p, struct vp_passage *out);

/* Give the memory back; p is zeroed then. */
void vp_passages_free(struct vp_passages *p);

#endif
