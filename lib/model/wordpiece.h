/* wordpiece: a word to token ids as BERT does it: the longest piece of the vocabulary that it
 * begins with, then the longest that goes on from there, and so on.
 *
 * Source: WordPiece of the tokenizers library, as its outputs show it. */
#ifndef VP_MODEL_WORDPIECE_H
#define VP_MODEL_WORDPIECE_H

#include "reader.h"
#include "vocab.h"

struct vp_wordpiece {
	uint32_t unknown; /* id for a word that can't be cut into pieces */
	size_t max_chars; /* a word with more characters is unknown */
	char inner[16];   /* what pieces inside a word begin with: "##" */
};

/* Memory for one thread; ready when zeroed. */
struct vp_wordpiece_work {
	uint64_t *hash; /* [hashes] running hash at each byte of the word */
	size_t hashes;
};
void vp_wordpiece_work_free(struct vp_wordpiece_work *w);

/* Read a model of tokenizer.json, whose vocabulary is in vocab. 0 or VP_E_TYPE. Nothing is to be
 * freed. */
int vp_wordpiece_read(struct vp_wordpiece *p, const struct vp_vocab *vocab, struct vp_reader *r,
    struct vp_span model);

/* Append the ids of a word, which is UTF-8, to out. */
void vp_wordpiece_encode(const struct vp_wordpiece *p, const struct vp_vocab *vocab,
    struct vp_wordpiece_work *w, struct vp_span word, struct vp_ids *out);

#endif
