/* ask: what a request for vectors says: its texts as token ids, and what is to be done with them.
 *
 * Three habits are understood, those of the inference toolkit (inputs, with members inside
 * parameters too), of text-embeddings-inference and of OpenAI's interface (input). What a member
 * may be is the same in all; how a refusal is put is theirs.
 *
 * Not here: HTTP, computing.
 *
 * Source: the OpenAPI description of text-embeddings-inference 1.9; the inference toolkit's task
 * sentence-embeddings; OpenAI's embeddings API. */
#ifndef VP_MODEL_ASK_H
#define VP_MODEL_ASK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "model.h"

/* Whose habits a route follows, in its answers and in its errors. */
enum vp_habit { VP_TOOLKIT, VP_TEI, VP_OPENAI };

/* Why a request is refused. */
struct vp_refusal {
	int status;       /* of HTTP */
	const char *kind; /* "Validation", "Empty", ...: text-embeddings-inference's word for it */
	char message[512];
};

/* Set r, its message as vsnprintf(3) does; what is cut off within a character is not left half. */
void vp_refusal_set(
    struct vp_refusal *r, int status, const char *kind, const char *format, va_list args);

struct vp_ask {
	enum vp_habit habit;
	bool tokens;         /* the ids are all that is wanted (/tokenize) */
	bool flat;           /* one text, not an array of them */
	bool truncate, left; /* cut what is too long, at its beginning */
	bool normalize;
	bool special; /* /tokenize: add_special_tokens */
	bool base64;
	size_t dimensions; /* numbers of a vector; fewer than the model's are its first ones */
	const struct vp_prompt *prompt; /* put before each text, or NULL */
	size_t characters;              /* of all texts, prompts not counted */
	struct vp_ids ids;              /* of all texts, one behind the other */
	size_t *length;                 /* [n] ids of each */
	size_t n;                       /* texts; only a request to the toolkit may have none */
	struct vp_span inputs;          /* inside: of the body, while it is read */
};

/* Memory for the thread that reads; ready when zeroed. */
struct vp_ask_work {
	struct vp_words words;
	struct vp_buf text;
};
void vp_ask_work_free(struct vp_ask_work *w);

/* Read a request's body.
 *
 * max_batch  texts that a request may have
 *
 * True: a is what was asked. False: why says what is wrong. In any case the caller frees a->ids
 * (vp_ids_free) and a->length. w is the calling thread's memory, for this model only. */
bool vp_ask_read(struct vp_ask *a, const struct vp_model *model, enum vp_habit habit, bool tokens,
    size_t max_batch, struct vp_span body, struct vp_ask_work *w, struct vp_refusal *why);

#endif
