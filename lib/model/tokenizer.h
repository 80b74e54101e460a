/* tokenizer: what tokenizer.json (or an older model's vocab.txt) says, and text to token ids by it.
 *
 * Added tokens ([CLS], [MASK], ...) are found in the raw text, what stands between them goes through the
 * model's own algorithm, the result is cut to the length the model takes, and the special tokens are put
 * around it. Truncation and padding that stand in tokenizer.json are passed over: sentence-transformers
 * sets its own.
 *
 * Now: BERT's normalizer, pre-tokenizer and WordPiece. Everything else is refused by name.
 *
 * Source: the JSON form of the tokenizers library; BertTokenizer for a folder with vocab.txt alone. */
#ifndef VP_MODEL_TOKENIZER_H
#define VP_MODEL_TOKENIZER_H

#include "folder.h"
#include "vocab.h"
#include "wordpiece.h"

#define VP_SPECIALS 8 /* special tokens before, and behind, a text */

struct vp_added_token {
	char *s; /* its text, len bytes */
	size_t len;
	uint32_t id;
	bool word, left, right; /* single_word, lstrip, rstrip */
	bool special;
};

struct vp_tokenizer {
	struct vp_vocab vocab;
	struct vp_wordpiece wordpiece;
	struct vp_added_token *added; /* [n_added], the longest first */
	size_t n_added;
	bool begins[256]; /* whether an added token begins with this byte */
	uint32_t before[VP_SPECIALS], after[VP_SPECIALS];
	size_t n_before, n_after;
	uint32_t ids; /* 1 + the highest id that can come out */
};

/* Read the tokenizer of a folder. 0; VP_E_IO where no file of one is there or can be read; another VP_E_*. In
 * any case vp_tokenizer_free may be called after it. */
int vp_tokenizer_open(struct vp_tokenizer *t, const char *folder, struct vp_buf *why);
void vp_tokenizer_free(struct vp_tokenizer *t);

/* Append the ids of a text (UTF-8, NUL allowed) to out, special tokens included.
 *
 * max   ids at most, special tokens included, at least as many as those; SIZE_MAX: all of them
 * left  cut at the beginning of the text instead of its end
 *
 * w is the calling thread's memory; t is only read. */
void vp_tokenizer_encode(const struct vp_tokenizer *t, struct vp_words *w, struct vp_span text,
    size_t max, bool left, struct vp_ids *out);

/* Whether an id is one of the special tokens. */
bool vp_tokenizer_is_special(const struct vp_tokenizer *t, uint32_t id);

#endif
