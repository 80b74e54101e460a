/* pattern: what tokenizers split and replace texts by.
 *
 * Not a regular expression engine: a text; one kind of character so many times in a row (` {2,}`,
 * `\s+`); and the pattern of GPT-2, which byte-level tokenizers have, by hand. Any other expression
 * is refused.
 *
 * Source: Pattern and the pre-tokenizers of the tokenizers library; the regular expression in
 * GPT-2's encoder.py. */
#ifndef VP_MODEL_PATTERN_H
#define VP_MODEL_PATTERN_H

#include <stdint.h>

#include "reader.h"

enum vp_pattern_kind {
	VP_PATTERN_TEXT,   /* a text */
	VP_PATTERN_CHAR,   /* a character, from min to max times */
	VP_PATTERN_SPACE,  /* white space, from min to max times */
	VP_PATTERN_PUNCT,  /* one punctuation character */
	VP_PATTERN_NUMBER, /* one digit or other numeral */
	VP_PATTERN_WORDS,  /* \w+|[^\w\s]+ */
	VP_PATTERN_GPT2 /* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
};

struct vp_pattern {
	enum vp_pattern_kind kind;
	char *text; /* TEXT: n bytes, 1 or more, owned */
	size_t n;
	uint32_t c; /* CHAR */
	size_t min, max;
};

/* Read {"String": ..} or {"Regex": ..}; part is what messages call it. 0 or VP_E_TYPE.
 * vp_pattern_free may be called in any case. */
int vp_pattern_read(
    struct vp_pattern *p, struct vp_reader *r, const char *part, struct vp_span value);
void vp_pattern_free(struct vp_pattern *p);

/* The first match in the text that begins at p and ends before end, as a span into it; never empty.
 * False where there is none. The text must be UTF-8, and p stand between characters: behind the
 * last match, or where the text begins. */
bool vp_pattern_next(
    const struct vp_pattern *pattern, const char *p, const char *end, struct vp_span *match);

#endif
