/* tokenizer: what tokenizer.json (or an older model's vocab.txt) says, and text to token ids by it.
 *
 * Added tokens ([CLS], [MASK], ...) are found in the raw text; what stands between them is
 * normalized, split into words, and each word cut into tokens; the result is cut to the length the
 * model takes, and the special tokens are put around it. Truncation and padding that stand in
 * tokenizer.json are passed over: sentence-transformers sets its own.
 *
 * What is not known here is refused by name. Not here: pairs of texts, offsets, training.
 *
 * Source: the JSON form of the tokenizers library; BertTokenizer for a folder with vocab.txt
 * alone. */
#ifndef VP_MODEL_TOKENIZER_H
#define VP_MODEL_TOKENIZER_H

#include "bpe.h"
#include "folder.h"
#include "normalizer.h"
#include "pretokenizer.h"
#include "unigram.h"
#include "vocab.h"
#include "wordpiece.h"

#define VP_SPECIALS 8 /* special tokens before, and behind, a text */

struct vp_added_token {
	char *s; /* its text, len bytes, owned */
	size_t len;
	uint32_t id;
	bool word, left, right; /* single_word, lstrip, rstrip */
	bool special;
	bool normalized; /* is looked for in the normalized text */
};

/* Added tokens that are looked for in the same text. */
struct vp_added {
	struct vp_added_token *token; /* [n], by first byte, the longest first */
	size_t n;
	size_t from[257]; /* the first one that begins with a byte or a higher one */
};

enum vp_algorithm { VP_WORDPIECE, VP_BPE, VP_UNIGRAM };

struct vp_tokenizer {
	struct vp_vocab vocab;
	struct vp_normalizer normalizer;
	struct vp_pretokenizer pretokenizer;
	enum vp_algorithm algorithm; /* and the one of these that it needs */
	struct vp_wordpiece wordpiece;
	struct vp_bpe bpe;
	struct vp_unigram unigram;
	struct vp_added raw, normalized;
	bool by_words; /* nothing reaches across a blank, so a long text may be done in parts */
	uint32_t before[VP_SPECIALS], after[VP_SPECIALS];
	size_t n_before, n_after;
	uint32_t ids; /* 1 + the highest id that can come out */
};

/* Memory for one thread; ready when zeroed. */
struct vp_words {
	struct vp_normal_work normal;
	struct vp_pre_work pre;
	struct vp_wordpiece_work wordpiece;
	struct vp_bpe_work bpe;
	struct vp_unigram_work unigram;
};
void vp_words_free(struct vp_words *w);

/* Read the tokenizer of a folder. 0; VP_E_IO where no file of one is there or can be read; another
 * VP_E_*. In any case vp_tokenizer_free may be called after it. */
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
