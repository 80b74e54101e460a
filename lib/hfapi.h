/* hfapi: what a client must know of Hugging Face's two JSON APIs beside the endpoints themselves: the one that manages
 * endpoints, and the dataset viewer. Addresses, token, one call.
 *
 * Source: huggingface_hub (hf_api.py, utils/_http.py), the dataset viewer's openapi.json. */
#ifndef VP_HFAPI_H
#define VP_HFAPI_H

#include <stdbool.h>

#include "buf.h"
#include "http.h"

struct vp_hfapi {
	struct vp_http *http;
	enum vp_service service; /* VP_HUB or VP_VIEWER */
	char *base;              /* the API's address, without a slash at its end */
	char *site;              /* that of the Hub itself */
	bool token;              /* one is sent with each request */
};

/* Get ready to talk to service. Its address is HF_ENDPOINTS_API or HF_DATASETS_SERVER, else Hugging Face's; that of the
 * Hub is HF_ENDPOINT, else the one that such a variable gives, else https://huggingface.co. VP_HUB wants a token, for
 * VP_VIEWER one is sent if there is one. What is missing or wrong ends the program (78). vp_hfapi_close frees. */
void vp_hfapi_open(struct vp_hfapi *h, enum vp_service service);
void vp_hfapi_close(struct vp_hfapi *h);

/* One call whose answer is a JSON object (to DELETE, anything). Returns 0; VP_HFAPI_ABSENT: what the URL names is not
 * there, or the token may not see it (404; of the viewer, 401 as well); VP_HFAPI_ALREADY: it conflicts with
 * what is there (409), or 400 where it is so already; nothing is said of these two (vp_http_refused does). Or
 * an exit status (said). a->body is the caller's to free, whatever is returned. */
enum { VP_HFAPI_ABSENT = -1, VP_HFAPI_ALREADY = -2 };
int vp_hfapi_call(struct vp_hfapi *h, const char *method, const char *url,
    const struct vp_buf *body, struct vp_http_answer *a);

#endif
