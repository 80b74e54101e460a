/* unigram: a word to token ids by a unigram language model: of all ways to cut it, the one whose
 * tokens' scores have the largest sum.
 *
 * Source: Unigram of the tokenizers library, whose sums and ties it follows to the last bit; Kudo
 * 2018. */
#ifndef VP_MODEL_UNIGRAM_H
#define VP_MODEL_UNIGRAM_H

#include "reader.h"
#include "vocab.h"

struct vp_unigram {
	double *score;    /* [vocabulary's n] by id */
	uint32_t *sorted; /* [vocabulary's n] ids in the order of their strings */
	size_t n;
	double unknown_score;
	uint32_t unknown; /* id of what is not in the vocabulary; several in a row are one */
	bool bytes;       /* they become their bytes: <0x0A> */
};

/* Memory for one thread; ready when zeroed. */
struct vp_unigram_work {
	struct vp_best *best; /* [cap] */
	size_t cap;
	struct vp_ids part; /* bytes of each part, from the last to the first */
};
void vp_unigram_work_free(struct vp_unigram_work *w);

/* Read a model of tokenizer.json and fill vocab with its tokens. 0, VP_E_TYPE. vp_unigram_free may
 * be called in any case. */
int vp_unigram_read(
    struct vp_unigram *u, struct vp_vocab *vocab, struct vp_reader *r, struct vp_span model);
void vp_unigram_free(struct vp_unigram *u);

/* Append the ids of a word, which is UTF-8, to out. Its memory is 24 bytes for each byte of the
 * word. */
void vp_unigram_encode(const struct vp_unigram *u, const struct vp_vocab *vocab,
    struct vp_unigram_work *w, struct vp_span word, struct vp_ids *out);

#endif
