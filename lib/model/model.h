/* model: a folder of the Hugging Face Hub, from text to embedding.
 *
 * A model is only read once it is open: any number of threads may use it, each with a vp_work and a
 * vp_words of its own. */
#ifndef VP_MODEL_H
#define VP_MODEL_H

#include "config.h"
#include "encoder.h"
#include "pooling.h"
#include "tokenizer.h"

struct vp_model {
	struct vp_config config;
	struct vp_tokenizer tokenizer;
	struct vp_encoder encoder;
	struct vp_pooler pooler;
};

/* Open a model, which is a folder or known to vp_hub_folder (hub.h), and check all of it. 0;
 * VP_E_IO where a file cannot be opened, another VP_E_* where the content of one is not as it must
 * be: then why is one line that names the file. In any case vp_model_close may be called after
 * it. */
int vp_model_open(struct vp_model *m, const char *model, struct vp_buf *why);
void vp_model_close(struct vp_model *m);

/* Embed n texts given as token ids, one behind the other, length[i] of text i; each from 1 to
 * m->config.max_tokens, each id from m->tokenizer. out [n][m->pooler.dim] gets what the model makes
 * of them, Dense layers included, Normalize not (vp_normalize). w is the calling thread's
 * memory. */
void vp_model_embed(const struct vp_model *m, struct vp_work *w, const uint32_t *ids,
    const size_t *length, size_t n, float *out);

#endif
