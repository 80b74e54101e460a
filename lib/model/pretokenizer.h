/* pretokenizer: a normalized text to the words that the model cuts into tokens, as tokenizer.json
 * says.
 *
 * A list of steps; each one splits what the ones before it left, and may delete parts, put a
 * character before a word, or spell its bytes in the letters of byte-level vocabularies.
 *
 * Source: the pre-tokenizers of the tokenizers library. */
#ifndef VP_MODEL_PRETOKENIZER_H
#define VP_MODEL_PRETOKENIZER_H

#include "pattern.h"

/* What becomes of the matches of a pattern. */
enum vp_split {
	VP_SPLIT_REMOVED,
	VP_SPLIT_ISOLATED,
	VP_SPLIT_PREVIOUS,
	VP_SPLIT_NEXT,
	VP_SPLIT_ONE
};

enum vp_prefix { VP_PREFIX_NEVER, VP_PREFIX_FIRST, VP_PREFIX_ALWAYS };

struct vp_pre_step {
	bool splits;    /* by pattern: */
	bool invert;    /* what is between the matches counts as match */
	bool bytes;     /* BYTELEVEL: each byte as a letter, after that */
	bool metaspace; /* blanks become mark, before that */
	enum vp_split split;
	struct vp_pattern pattern;
	enum vp_prefix
	    prefix; /* when mark is put before a word that does not begin with it, before that */
	struct vp_buf mark; /* one character; owned */
};

struct vp_pretokenizer {
	struct vp_pre_step *step; /* [n] */
	size_t n;
};

/* Words, end to end. */
struct vp_pieces {
	struct vp_buf text;
	size_t *end; /* [n] where each ends in text */
	size_t n, cap;
	bool begins; /* the first one begins where the whole text does */
};

/* Memory for one thread; ready when zeroed. */
struct vp_pre_work {
	struct vp_pieces a, b; /* before and behind a step */
	struct vp_buf dressed; /* one word */
};
void vp_pre_work_free(struct vp_pre_work *w);

/* Add the steps of a pre-tokenizer of tokenizer.json, or none for null. 0 or VP_E_TYPE.
 * vp_pretokenizer_free may be called in any case. */
int vp_pretokenizer_read(struct vp_pretokenizer *p, struct vp_reader *r, struct vp_span value);
void vp_pretokenizer_free(struct vp_pretokenizer *p);

/* Split text, which is UTF-8; begins: it stands at the beginning of the whole text. What comes back
 * is in w, good until w is used again; no word in it is empty. */
const struct vp_pieces *vp_pretokenize(
    const struct vp_pretokenizer *p, struct vp_pre_work *w, struct vp_span text, bool begins);

#endif
