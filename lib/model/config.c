/* config: what the JSON files of a model folder say about its shape */
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "reader.h"

#define FILE_MAX ((size_t)4 << 20)
#define MODULES_MAX 16
#define PROMPTS_MAX 10000

/* One open file. */
struct file {
	char *path;
	struct vp_buf bytes;
	struct vp_span doc;
	struct vp_buf *why;
};

/* Open folder/name. 1; 0 where it is not there and need not be; an error. */
static int
open_file(
    struct file *f, const char *folder, const char *name, char type, bool must, struct vp_buf *why)
{
	int e;

	*f = (struct file){.path = vp_path_join(folder, name), .why = why};
	e = vp_file_json(f->path, FILE_MAX, &f->bytes, type, &f->doc, why);
	if (e == 0 && must)
		return vp_why(why, VP_E_IO, "%s: no such file: is this a model folder?", f->path);
	return e;
}

static void
close_file(struct file *f)
{
	free(f->path);
	vp_buf_free(&f->bytes);
}

/* The member name of the file's object, where it is there and not null. */
static bool
member(const struct file *f, const char *name, struct vp_span *v)
{
	return vp_json_find(f->doc, name, v) == 1 && vp_json_type(*v) != 'n';
}

/* A number from 1 to max that must be there. */
static int
get_size(const struct file *f, const char *name, size_t max, size_t *out)
{
	struct vp_span v;
	uint64_t n;

	if (!member(f, name, &v))
		return vp_why(f->why, VP_E_MISSING, "%s: no %s", f->path, name);
	if (vp_json_uint(v, &n) || n < 1 || n > max)
		return vp_why(
		    f->why, VP_E_NUMBER, "%s: %s: want a number from 1 to %zu", f->path, name, max);
	*out = (size_t)n;
	return 0;
}

/* A number above min and below max, where it is there; *out is what it is otherwise. */
static int
get_float(const struct file *f, const char *name, double min, double max, float *out)
{
	struct vp_span v;
	double x;

	if (!member(f, name, &v))
		return 0;
	if (vp_json_double(v, &x) || !(x >= min && x <= max))
		return vp_why(f->why, VP_E_NUMBER, "%s: %s: want a number from %g to %g", f->path,
		    name, min, max);
	*out = (float)x;
	return 0;
}

/* Refuse the file unless its member name is the string want, or is missing. */
static int
only(const struct file *f, const char *name, const char *want)
{
	struct vp_span v;

	if (!member(f, name, &v) || vp_string_is(v, want))
		return 0;
	return vp_why(f->why, VP_E_TYPE, "%s: %s %.*s: not supported", f->path, name,
	    (int)(v.n < 60 ? v.n : 60), v.s);
}

static bool
is_true(const struct file *f, const char *name)
{
	struct vp_span v;

	return member(f, name, &v) && vp_json_type(v) == 't';
}

/* Refuse the file if one of these members, up to NULL, is there and is neither false, null nor 0:
 * they would change the numbers. */
static int
none_of(const struct file *f, const char *const names[])
{
	struct vp_span v;
	double x;

	for (; *names; names++)
		if (member(f, *names, &v) && vp_json_type(v) != 'f' &&
		    !(vp_json_double(v, &x) == 0 && x == 0))
			return vp_why(f->why, VP_E_TYPE, "%s: %s: not supported", f->path, *names);
	return 0;
}

/* What the families call the same things. */
struct keys {
	const char *model_type;
	enum vp_family family;
	const char *hidden, *layers, *heads, *inner, *positions, *act, *act_is;
	const char *eps; /* or NULL: it is not in the file */
};

#define BERT_KEYS                                                                                  \
	.hidden = "hidden_size", .layers = "num_hidden_layers", .heads = "num_attention_heads",    \
	.inner = "intermediate_size", .positions = "max_position_embeddings"
#define BERT_ACT .act = "hidden_act", .act_is = "gelu", .eps = "layer_norm_eps"

static const struct keys families[] = {
    {"bert", VP_FAMILY_BERT, BERT_KEYS, BERT_ACT},
    {"roberta", VP_FAMILY_ROBERTA, BERT_KEYS, BERT_ACT},
    {"xlm-roberta", VP_FAMILY_ROBERTA, BERT_KEYS, BERT_ACT},
    {"camembert", VP_FAMILY_ROBERTA, BERT_KEYS, BERT_ACT},
    {"mpnet", VP_FAMILY_MPNET, BERT_KEYS, BERT_ACT},
    {"distilbert", VP_FAMILY_DISTILBERT, .hidden = "dim", .layers = "n_layers", .heads = "n_heads",
	.inner = "hidden_dim", .positions = "max_position_embeddings", .act = "activation",
	.act_is = "gelu"},
    {"nomic_bert", VP_FAMILY_NOMIC, .hidden = "n_embd", .layers = "n_layer", .heads = "n_head",
	.inner = "n_inner", .positions = "n_positions", .act = "activation_function",
	.act_is = "swiglu", .eps = "layer_norm_epsilon"},
    {"modernbert", VP_FAMILY_MODERN, BERT_KEYS, .act = "hidden_activation", .act_is = "gelu",
	.eps = "norm_eps"},
};

/* What younger files of a Nomic BERT have instead. */
static const struct keys nomic_young = {"nomic_bert", VP_FAMILY_NOMIC, BERT_KEYS,
    .act = "hidden_act", .act_is = "silu", .eps = "layer_norm_eps"};

/* RoBERTa and MPNet count positions from behind the padding token on, and MPNet adds a bias for
 * each distance. */
static int
read_places(struct vp_config *c, const struct file *f)
{
	struct vp_span v;
	uint64_t pad = 1;
	int e;

	c->skips_pad = true;
	if (c->family == VP_FAMILY_MPNET) { /* which has no choice of the padding token */
		c->buckets = 32;
		if (member(f, "relative_attention_num_buckets", &v) &&
		    (e = get_size(f, "relative_attention_num_buckets", 4096, &c->buckets)))
			return e;
		if (c->buckets % 4)
			return vp_why(f->why, VP_E_NUMBER,
			    "%s: relative_attention_num_buckets: want a multiple of 4", f->path);
	} else if (member(f, "pad_token_id", &v) && vp_json_uint(v, &pad)) {
		pad = UINT64_MAX;
	}
	if (c->positions < 2 || pad > c->positions - 2)
		return vp_why(f->why, VP_E_NUMBER,
		    "%s: pad_token_id leaves no positions of max_position_embeddings", f->path);
	c->pad = (size_t)pad;
	return 0;
}

static int
read_nomic(struct vp_config *c, const struct file *f)
{
	static const char *const none[] = {"qkv_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias",
	    "prenorm", "parallel_block", "causal", "use_rms_norm", "rotary_emb_interleaved",
	    "rotary_emb_scale_base", "rotary_scaling_factor", "moe_every_n_layers", "num_experts",
	    NULL};
	struct vp_span v;
	float fraction = 1;
	int e;

	c->theta = 10000;
	if (vp_json_path(f->doc, &v, "rope_parameters", "rope_theta", NULL) == 1) {
		struct file part = *f;

		if ((e = vp_json_find(f->doc, "rope_parameters", &part.doc)) < 0 ||
		    (e = only(&part, "rope_type", "default")) ||
		    (e = get_float(&part, "rope_theta", 1, 1e9, &c->theta)))
			return e;
	}
	if ((e = get_float(f, "rotary_emb_base", 1, 1e9, &c->theta)) ||
	    (e = get_float(f, "rotary_emb_fraction", 0, 1, &fraction)) || (e = none_of(f, none)))
		return e;
	if (fraction < 1)
		return vp_why(
		    f->why, VP_E_TYPE, "%s: rotary_emb_fraction below 1: not supported", f->path);
	return 0;
}

/* The base of one kind of layer, which younger files have in rope_parameters. */
static int
read_theta(const struct file *f, const char *old, const char *kind, float *theta)
{
	struct file part = *f;
	int e;

	if (vp_json_path(f->doc, &part.doc, "rope_parameters", kind, NULL) == 1 &&
	    vp_json_type(part.doc) == '{' &&
	    ((e = only(&part, "rope_type", "default")) ||
		(e = get_float(&part, "rope_theta", 1, 1e9, theta))))
		return e;
	return get_float(f, old, 1, 1e9, theta);
}

/* Younger files name the kind of each layer; they must be those that c->global says. */
static int
check_layer_types(const struct vp_config *c, const struct file *f)
{
	struct vp_json_walk w;
	struct vp_span list, type;
	size_t i = 0;
	int e = 0;

	if (!member(f, "layer_types", &list))
		return 0;
	for (vp_json_begin(&w, list); (e = vp_json_item(&w, &type)) > 0; i++)
		if (!vp_string_is(type, i % c->global ? "sliding_attention" : "full_attention"))
			break;
	return e == 0 && i == c->layers
		   ? 0
		   : vp_why(f->why, VP_E_TYPE, "%s: layer_types in this order: not supported",
			 f->path);
}

static int
read_modern(struct vp_config *c, const struct file *f)
{
	static const char *const none[] = {"attention_bias", "mlp_bias", "norm_bias", NULL};
	struct vp_span v;
	int e;

	c->theta = 160000;
	c->local_theta = 10000;
	c->window = 128;
	c->global = 3;
	if ((e = none_of(f, none)) ||
	    (e = read_theta(f, "global_rope_theta", "full_attention", &c->theta)) ||
	    (e = read_theta(f, "local_rope_theta", "sliding_attention", &c->local_theta)) ||
	    (member(f, "local_attention", &v) &&
		(e = get_size(f, "local_attention", 1 << 20, &c->window))) ||
	    (member(f, "global_attn_every_n_layers", &v) &&
		(e = get_size(f, "global_attn_every_n_layers", 1000, &c->global))))
		return e;
	c->window /= 2;
	return check_layer_types(c, f);
}

static int
read_shape(struct vp_config *c, const struct file *f, const struct keys *k)
{
	static const char *const none[] = {"is_decoder", "add_cross_attention", NULL};
	int e;

	c->global = 1;
	c->eps = c->family == VP_FAMILY_MODERN ? 1e-5f : 1e-12f;
	if ((e = get_size(f, k->hidden, 65536, &c->hidden)) ||
	    (e = get_size(f, k->layers, 1000, &c->layers)) ||
	    (e = get_size(f, k->heads, 65536, &c->heads)) ||
	    (e = get_size(f, k->inner, 1 << 20, &c->inner)) ||
	    (e = get_size(f, k->positions, 1 << 20, &c->positions)) ||
	    (e = only(f, k->act, k->act_is)) ||
	    (e = only(f, "position_embedding_type", "absolute")) || (e = none_of(f, none)))
		return e;
	if (c->hidden % c->heads)
		return vp_why(f->why, VP_E_NUMBER,
		    "%s: %zu attention heads do not divide a width of %zu", f->path, c->heads,
		    c->hidden);
	if (k->eps && (e = get_float(f, k->eps, 0, 1, &c->eps)))
		return e;
	if (c->family == VP_FAMILY_ROBERTA || c->family == VP_FAMILY_MPNET)
		e = read_places(c, f);
	else if (c->family == VP_FAMILY_NOMIC)
		e = read_nomic(c, f);
	else if (c->family == VP_FAMILY_MODERN)
		e = read_modern(c, f);
	if (!e && c->theta > 0 && c->hidden / c->heads % 2)
		e = vp_why(f->why, VP_E_NUMBER,
		    "%s: rotary embedding of heads with an odd number of numbers", f->path);
	return e;
}

static int
read_transformer(struct vp_config *c, struct vp_buf *why)
{
	const size_t n = sizeof families / sizeof *families;
	struct vp_span v = {0};
	struct file f;
	int e = open_file(&f, c->transformer, "config.json", '{', true, why);
	size_t i = 0;

	if (e > 0 && !member(&f, "model_type", &v)) {
		e = vp_why(why, VP_E_MISSING, "%s: no model_type", f.path);
	} else if (e > 0) {
		while (i < n && !vp_string_is(v, families[i].model_type))
			i++;
		if (i == n)
			e = vp_why(why, VP_E_TYPE,
			    "%s: model_type %.*s: not supported; want bert, distilbert, mpnet, "
			    "roberta, xlm-roberta, camembert, nomic_bert or modernbert",
			    f.path, (int)(v.n < 60 ? v.n : 60), v.s);
	}
	if (e > 0) {
		const struct keys *k = &families[i];

		if (k->family == VP_FAMILY_NOMIC && !member(&f, k->hidden, &v))
			k = &nomic_young;
		c->family = k->family;
		e = read_shape(c, &f, k);
	}
	close_file(&f);
	return e;
}

/* max_seq_length, else the tokenizer's length, else all positions; never more than those. A
 * tokenizer without a length has one of 1e30. */
static int
read_length(struct vp_config *c, struct vp_buf *why)
{
	static const char *const where[][2] = {{"sentence_bert_config.json", "max_seq_length"},
	    {"tokenizer_config.json", "model_max_length"}};
	const size_t most = c->positions - (c->skips_pad ? c->pad + 1 : 0);
	bool found = false;

	c->max_tokens = most;
	for (int i = 0; i < 2 && !found; i++) {
		struct vp_span v;
		struct file f;
		double n;
		int e = open_file(&f, c->transformer, where[i][0], '{', false, why);

		if (e > 0 && member(&f, where[i][1], &v)) {
			if (vp_json_double(v, &n) || n < 1)
				e = vp_why(why, VP_E_NUMBER, "%s: %s: want a number of tokens",
				    f.path, where[i][1]);
			else if (n < (double)most)
				c->max_tokens = (size_t)n;
			found = true;
		}
		close_file(&f);
		if (e < 0)
			return e;
	}
	return 0;
}

static int
read_pooling(struct vp_config *c, const char *folder, struct vp_buf *why)
{
	static const struct {
		const char *flag,
		    *name; /* in files of today, one flag each; in younger ones, one name */
		enum vp_pooling pooling;
	} kinds[] = {
	    {"pooling_mode_mean_tokens", "mean", VP_POOL_MEAN},
	    {"pooling_mode_cls_token", "cls", VP_POOL_CLS},
	    {"pooling_mode_max_tokens", "max", VP_POOL_MAX},
	    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", VP_POOL_MEAN_SQRT},
	    {"pooling_mode_lasttoken", "lasttoken", VP_POOL_LAST},
	};
	struct vp_span v = {0};
	struct file f;
	int e = open_file(&f, folder, "config.json", '{', true, why), found = 0;
	bool named = e > 0 && member(&f, "pooling_mode", &v);

	for (size_t i = 0; e > 0 && i < sizeof kinds / sizeof *kinds; i++)
		if (named ? vp_string_is(v, kinds[i].name) : is_true(&f, kinds[i].flag)) {
			c->pooling = kinds[i].pooling;
			found++;
		}
	if (e > 0 && (found != 1 || is_true(&f, "pooling_mode_weightedmean_tokens")))
		e = vp_why(why, VP_E_TYPE,
		    "%s: this way of pooling is not supported; want one of mean, cls, max, "
		    "mean_sqrt_len, lasttoken",
		    f.path);
	if (e > 0 && vp_json_find(f.doc, "include_prompt", &v) == 1 && vp_json_type(v) == 'f')
		e = vp_why(why, VP_E_TYPE, "%s: include_prompt false: not supported", f.path);
	close_file(&f);
	return e;
}

/* One entry of modules.json: its class by the last part of its name, and its folder. */
static int
read_module(
    struct vp_config *c, const char *folder, const struct file *f, struct vp_span entry, size_t nth)
{
	struct vp_buf type = {0}, path = {0};
	struct vp_span v;
	const char *kind;
	char *at = NULL;
	int e = 0;

	if (vp_json_find(entry, "type", &v) != 1 || vp_json_decode(v, &type) ||
	    vp_json_find(entry, "path", &v) != 1 || vp_json_decode(v, &path) ||
	    strlen(vp_buf_cstr(&path)) != path.n)
		e = vp_why(f->why, VP_E_TYPE, "%s: a module without type or path", f->path);
	kind = strrchr(vp_buf_cstr(&type), '.');
	kind = kind ? kind + 1 : vp_buf_cstr(&type);
	at = vp_path_join(folder, vp_buf_cstr(&path));
	if (!e && (path.s[0] == '/' || strstr(path.s, "..")))
		e = vp_why(f->why, VP_E_TYPE, "%s: a path that leaves the folder", f->path);
	else if (!e && nth == 0 && strcmp(kind, "Transformer") == 0)
		c->transformer = vp_strdup(at);
	else if (!e && nth == 1 && strcmp(kind, "Pooling") == 0)
		e = read_pooling(c, at, f->why);
	else if (!e && nth > 1 && strcmp(kind, "Dense") == 0 && !c->normalize) {
		c->dense = vp_realloc(c->dense, c->n_dense + 1, sizeof *c->dense);
		c->dense[c->n_dense++] = vp_strdup(at);
	} else if (!e && nth > 1 && strcmp(kind, "Normalize") == 0)
		c->normalize = true;
	else if (!e)
		e = vp_why(f->why, VP_E_TYPE,
		    "%s: module %zu, %.60s: not supported here; want Transformer, Pooling, "
		    "Dense..., Normalize",
		    f->path, nth, kind);
	free(at);
	vp_buf_free(&type);
	vp_buf_free(&path);
	return e < 0 ? e : 0;
}

static int
read_modules(struct vp_config *c, const char *folder, struct vp_buf *why)
{
	struct vp_json_walk w;
	struct vp_span entry;
	struct file f;
	size_t n = 0;
	int e = open_file(&f, folder, "modules.json", '[', false, why);

	if (e == 0)
		c->transformer = vp_strdup(folder);
	if (e > 0)
		for (vp_json_begin(&w, f.doc); (e = vp_json_item(&w, &entry)) > 0; n++)
			if ((e = n < MODULES_MAX
				     ? read_module(c, folder, &f, entry, n)
				     : vp_why(why, VP_E_LIMIT, "%s: more than %d modules", f.path,
					   MODULES_MAX)))
				break;
	if (e == 0 && !c->transformer)
		e = vp_why(why, VP_E_TYPE, "%s: no modules in it", f.path);
	close_file(&f);
	return e;
}

static int
read_prompts(struct vp_config *c, const char *folder, struct vp_buf *why)
{
	struct vp_json_walk w;
	struct vp_span v, key;
	struct vp_buf text = {0};
	struct file f;
	int e = open_file(&f, folder, "config_sentence_transformers.json", '{', false, why);

	if (e > 0 && member(&f, "prompts", &v))
		for (vp_json_begin(&w, v); (e = vp_json_member(&w, &key, &v)) > 0;) {
			struct vp_prompt *p;

			text.n = 0;
			if (c->n_prompts == PROMPTS_MAX ||
			    vp_json_decode((struct vp_span){key.s - 1, key.n + 2}, &text)) {
				e = VP_E_TYPE;
				break;
			}
			c->prompts = vp_realloc(c->prompts, c->n_prompts + 1, sizeof *c->prompts);
			p = &c->prompts[c->n_prompts++];
			*p = (struct vp_prompt){.name = vp_strdup(vp_buf_cstr(&text))};
			text.n = 0;
			e = vp_json_decode(v, &text);
			if (e)
				break;
			p->text = vp_strdup(vp_buf_cstr(&text));
			p->n = strlen(p->text);
		}
	if (e < 0 && !why->n)
		vp_why(why, e, "%s: prompts: not an object of texts", f.path);
	if (e >= 0 && f.bytes.n && member(&f, "default_prompt_name", &v)) {
		text.n = 0;
		if (vp_json_decode(v, &text) ||
		    !(c->prompt = vp_config_prompt(c, vp_buf_cstr(&text))))
			e = vp_why(why, VP_E_MISSING,
			    "%s: default_prompt_name: there is no such prompt", f.path);
	}
	vp_buf_free(&text);
	close_file(&f);
	return e < 0 ? e : 0;
}

int
vp_config_open(struct vp_config *c, const char *folder, struct vp_buf *why)
{
	int e;

	*c = (struct vp_config){.pooling = VP_POOL_MEAN};
	why->n = 0;
	if ((e = read_modules(c, folder, why)) < 0 || (e = read_transformer(c, why)) < 0 ||
	    (e = read_length(c, why)) < 0)
		return e;
	return read_prompts(c, folder, why);
}

void
vp_config_free(struct vp_config *c)
{
	for (size_t i = 0; i < c->n_dense; i++)
		free(c->dense[i]);
	for (size_t i = 0; i < c->n_prompts; i++) {
		free(c->prompts[i].name);
		free(c->prompts[i].text);
	}
	free(c->dense);
	free(c->prompts);
	free(c->transformer);
	*c = (struct vp_config){0};
}

const struct vp_prompt *
vp_config_prompt(const struct vp_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_prompts; i++)
		if (c->prompts[i].text && strcmp(c->prompts[i].name, name) == 0)
			return &c->prompts[i];
	return NULL;
}

const char *
vp_pooling_name(enum vp_pooling p)
{
	static const char *const names[] = {"mean", "cls", "max", "mean_sqrt_len", "last_token"};

	return names[p];
}
