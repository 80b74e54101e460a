/* normalizer: what becomes of a text before it is split into words, as tokenizer.json says.
 *
 * A list of steps, each from text to text. Offsets into the original are not kept: nobody asks for
 * them.
 *
 * Source: the normalizers of the tokenizers library; UAX 15 for the normalization forms. */
#ifndef VP_MODEL_NORMALIZER_H
#define VP_MODEL_NORMALIZER_H

#include "charsmap.h"
#include "pattern.h"

enum vp_normal_kind {
	VP_NORMAL_BERT,
	VP_NORMAL_NFC,
	VP_NORMAL_NFD,
	VP_NORMAL_NFKC,
	VP_NORMAL_NFKD,
	VP_NORMAL_LOWER,
	VP_NORMAL_ACCENTS, /* StripAccents: delete marks */
	VP_NORMAL_STRIP,
	VP_NORMAL_REPLACE,
	VP_NORMAL_PREPEND,
	VP_NORMAL_CHARSMAP
};

struct vp_normal_step {
	enum vp_normal_kind kind;
	/* BERT: clean_text deletes control characters, handle_chinese_chars puts blanks around each one,
	 * strip_accents decomposes and deletes marks, lowercase */
	bool clean, cjk, accents, lower;
	bool left, right;          /* STRIP: which white space goes */
	struct vp_pattern pattern; /* REPLACE */
	struct vp_buf text;        /* REPLACE, PREPEND: by what; owned */
	struct vp_charsmap map;    /* CHARSMAP */
};

struct vp_normalizer {
	struct vp_normal_step *step; /* [n] */
	size_t n;
};

/* Memory for one thread; ready when zeroed. */
struct vp_normal_work {
	uint32_t *c; /* [cap] characters */
	size_t n, cap;
	struct vp_buf a, b; /* a text, before and behind a step */
};
void vp_normal_work_free(struct vp_normal_work *w);

/* Add the steps of a normalizer of tokenizer.json, or none for null. 0 or VP_E_TYPE.
 * vp_normalizer_free may be called in any case. */
int vp_normalizer_read(struct vp_normalizer *n, struct vp_reader *r, struct vp_span value);
void vp_normalizer_free(struct vp_normalizer *n);

/* Normalize text, which is UTF-8. What comes back is UTF-8 and a visitor in text or w, good until w
 * is used again. */
struct vp_span vp_normalizer_run(
    const struct vp_normalizer *n, struct vp_normal_work *w, struct vp_span text);

#endif
