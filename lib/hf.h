/* hf: what a client must know of Hugging Face: the token, and the three forms of an embedding answer. */
#ifndef VP_HF_H
#define VP_HF_H

#include <stddef.h>

#include "buf.h"
#include "http.h"

/* The user's token, found as huggingface_hub finds it: HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file
 * HF_TOKEN_PATH, $HF_HOME/token, $XDG_CACHE_HOME/huggingface/token, ~/.cache/huggingface/token; the first that is
 * set and not blank. HF_HUB_DISABLE_IMPLICIT_TOKEN stops the search. The caller frees; NULL if there is none. A token
 * that could not be a header's value ends the program (78). */
char *vp_hf_token(void);

/* A client that sends token, which may be NULL: then none. Whether it may be sent to an address, vp_http_safe says. The
 * caller frees with vp_http_free. */
struct vp_http *vp_hf_client(const char *token);

/* Find the vectors in one embedding response, without decoding them.
 *
 * body  the whole response; must outlive the spans written to out
 * want  number of texts that were sent, so of vectors wanted; 1 or more
 * dim   values in each vector; 0 if not known yet, then set from the first one
 * out   [want] spans into body, one JSON array of numbers each, in the order of the texts
 * why   where it fails, the reason is appended in plain words
 *
 * Takes [[..],..], {"embeddings":[[..],..]}, and {"data":[{"index":i,"embedding":[..]},..]} with its items in any
 * order. Returns 0, or VP_E_SYNTAX (not JSON), VP_E_TYPE (another form), VP_E_COUNT, VP_E_DIM or VP_E_NUMBER (a value
 * that is no finite number); then out holds nothing of use, and nothing may be stored.
 *
 * Source: EmbedResponse and OpenAICompatResponse in text-embeddings-inference's docs/openapi.json; the inference
 * toolkit's answer for the task sentence-embeddings. */
int vp_hf_vectors(
    struct vp_span body, size_t want, size_t *dim, struct vp_span out[], struct vp_buf *why);

#endif
