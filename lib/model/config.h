/* config: what the JSON files of a model folder say about its shape, checked.
 *
 * modules.json names the parts, in order: a Transformer, a Pooling, and possibly Dense layers and
 * Normalize; each has a folder. A folder without modules.json is a bare transformer, and gets mean
 * pooling, as in sentence-transformers. Numbers have upper limits far above what any model has, so
 * that nothing that is computed from them overflows; that the weights are really there is checked
 * when they are loaded.
 *
 * Families: BERT, RoBERTa (XLM-R and CamemBERT are the same), MPNet, DistilBERT, Nomic BERT,
 * ModernBERT. What is not known is refused by name, and so is a setting of theirs that would change
 * the numbers and is not supported.
 *
 * Source: the configuration classes of transformers, and the modules of sentence-transformers. */
#ifndef VP_MODEL_CONFIG_H
#define VP_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "folder.h"

enum vp_family {
	VP_FAMILY_BERT,
	VP_FAMILY_ROBERTA,
	VP_FAMILY_MPNET,
	VP_FAMILY_DISTILBERT,
	VP_FAMILY_NOMIC,
	VP_FAMILY_MODERN
};

enum vp_pooling { VP_POOL_MEAN, VP_POOL_CLS, VP_POOL_MAX, VP_POOL_MEAN_SQRT, VP_POOL_LAST };

struct vp_prompt {
	char *name; /* "query" */
	char *text; /* put before each text; n bytes and a NUL behind them */
	size_t n;
};

struct vp_config {
	enum vp_family family;
	size_t hidden; /* numbers for each token, the width of the model */
	size_t layers;
	size_t heads;      /* of attention; divides hidden */
	size_t inner;      /* width of the feed-forward part */
	size_t positions;  /* rows of the position table, or places of the rotary embedding */
	bool skips_pad;    /* positions count from pad + 1 on, and a token pad has row pad */
	size_t pad;        /* id of that token; 0 where !skips_pad */
	size_t buckets;    /* rows of the table of relative positions (MPNet), or 0 */
	float theta;       /* base of the rotary embedding, or 0 where there is none */
	float local_theta; /* the same in layers with a window */
	size_t window;     /* tokens that a token sees to each side in those layers */
	size_t global;     /* of so many layers the first one has no window; 1: none has one */
	float eps;         /* of the layer norms */
	size_t max_tokens; /* of a text, special ones included; no more than positions allow */
	enum vp_pooling pooling;
	bool normalize;    /* the embedding ends with Normalize */
	char *transformer; /* folder of config.json, the weights and the tokenizer */
	char **dense;      /* [n_dense] folders of the Dense layers */
	size_t n_dense;
	struct vp_prompt *prompts; /* [n_prompts] */
	size_t n_prompts;
	const struct vp_prompt *prompt; /* the one that is used where none is asked for, or NULL */
};

/* Read and check the configuration of a model folder. 0; VP_E_IO; another VP_E_*. In any case
 * vp_config_free may be called after it. */
int vp_config_open(struct vp_config *c, const char *folder, struct vp_buf *why);
void vp_config_free(struct vp_config *c);

/* The prompt called name, or NULL. */
const struct vp_prompt *vp_config_prompt(const struct vp_config *c, const char *name);

/* "mean", "cls", ... as TEI spells it. */
const char *vp_pooling_name(enum vp_pooling p);

#endif
