/* wordpiece: text to token ids as BERT does it: normalize, split into words, cut words into the longest
 * pieces that the vocabulary has.
 *
 * Works word by word, so that its memory is that of the longest word, and a text that is cut to the model's
 * length costs no more than what is kept of it.
 *
 * Source: BertNormalizer, BertPreTokenizer and WordPiece of the tokenizers library, as its outputs show them. */
#ifndef VP_MODEL_WORDPIECE_H
#define VP_MODEL_WORDPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vocab.h"

struct vp_wordpiece {
	bool clean;       /* clean_text: delete control characters */
	bool cjk;         /* handle_chinese_chars: each one is a word */
	bool strip;       /* strip_accents: decompose and delete marks */
	bool lower;       /* lowercase */
	uint32_t unknown; /* id for a word that can't be cut into pieces */
	size_t max_chars; /* a word with more characters is unknown */
	char inner[16];   /* what pieces inside a word begin with: "##" */
};

/* Memory for one thread; ready when zeroed. */
struct vp_words {
	uint32_t *c; /* [cap] the characters of one word, decomposed */
	size_t n, cap;
	struct vp_buf word; /* the word as it is looked up */
	size_t chars;       /* characters in word */
	uint64_t *hash;     /* [hashes] running hash at each byte of the word */
	size_t hashes;
};
void vp_words_free(struct vp_words *w);

/* Append the ids of text, which is UTF-8, to out; stops once out has max ids or more (the word that got it
 * there is whole). No special tokens, and none are recognised. */
void vp_wordpiece_encode(const struct vp_wordpiece *p, const struct vp_vocab *vocab,
    struct vp_words *w, struct vp_span text, size_t max, struct vp_ids *out);

#endif
