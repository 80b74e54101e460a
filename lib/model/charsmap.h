/* charsmap: the Precompiled normalizer: SentencePiece's table of characters and what becomes of
 * them.
 *
 * A trie over UTF-8 (a double array, as darts-clone writes it) leads to offsets into the
 * replacements, which end in NUL. Nothing in it is believed: leaves that lead outside the
 * replacements, or into the middle of a character, are refused when it is opened, steps that lead
 * out of the trie end a search.
 *
 * Source: Precompiled of the tokenizers library (spm_precompiled); SentencePiece's normalizer.h. */
#ifndef VP_MODEL_CHARSMAP_H
#define VP_MODEL_CHARSMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "../buf.h"

struct vp_charsmap {
	uint32_t *unit; /* [units] the trie */
	size_t units;
	struct vp_buf bytes; /* the file's bytes; the replacements are behind the trie */
	struct vp_span text; /* the replacements */
};

/* Decode and check a charsmap, which is base64. 0, or VP_E_SYNTAX. vp_charsmap_free may be called
 * in any case. */
int vp_charsmap_open(struct vp_charsmap *m, struct vp_span base64);
void vp_charsmap_free(struct vp_charsmap *m);

/* Append text, which is UTF-8, to out with its characters replaced. A grapheme cluster of less than
 * 6 bytes becomes, as a whole, what the shortest beginning of it that is in the table becomes;
 * otherwise each of its characters is looked up by itself. */
void vp_charsmap_apply(const struct vp_charsmap *m, struct vp_span text, struct vp_buf *out);

#endif
