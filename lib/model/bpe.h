/* bpe: a word to token ids by byte pair encoding: its characters, then again and again the pair of
 * neighbours that comes first in the list of merges, joined.
 *
 * Takes n log n steps for a word of n characters, for a word may be as long as the text.
 *
 * Source: BPE of the tokenizers library; Sennrich et al. 2016. */
#ifndef VP_MODEL_BPE_H
#define VP_MODEL_BPE_H

#include "reader.h"
#include "vocab.h"

struct vp_merge {
	uint32_t left, right; /* ids */
	uint32_t id;          /* of both together */
	uint32_t rank;        /* place in the list, from 1; 0: a free slot */
};

struct vp_bpe {
	struct vp_merge *slot; /* [slots], a power of two: a hash table by left and right */
	size_t slots;
	bool has_unknown; /* there is one: */
	uint32_t unknown; /* id of a character that is not in the vocabulary; else it is dropped */
	bool fuse;        /* several unknown characters in a row are one */
	bool bytes;       /* an unknown character becomes its bytes: <0x0A> */
	bool whole;       /* a word that is in the vocabulary is not cut: ignore_merges */
};

/* Memory for one thread; ready when zeroed. */
struct vp_bpe_work {
	struct vp_symbol *symbol; /* [n] */
	size_t n, cap;
	struct vp_bpe_pair *heap; /* [pairs] */
	size_t pairs, pairs_cap;
};
void vp_bpe_work_free(struct vp_bpe_work *w);

/* Read a model of tokenizer.json, whose vocabulary is in vocab. 0 or VP_E_TYPE. vp_bpe_free may be
 * called in any case. */
int vp_bpe_read(
    struct vp_bpe *b, const struct vp_vocab *vocab, struct vp_reader *r, struct vp_span model);
void vp_bpe_free(struct vp_bpe *b);

/* Append the ids of a word, which is UTF-8, to out. */
void vp_bpe_encode(const struct vp_bpe *b, const struct vp_vocab *vocab, struct vp_bpe_work *w,
    struct vp_span word, struct vp_ids *out);

/* Append the ids of the tokens <0x00> .. <0xFF> for each byte of s. False, and nothing appended,
 * where one of them is not in the vocabulary. */
bool vp_bytes_encode(const struct vp_vocab *vocab, struct vp_span s, struct vp_ids *out);

#endif
