/* hfapi: Hugging Face's management API and dataset viewer: addresses, token, one call */
#include <stdlib.h>
#include <string.h>

#include "hf.h"
#include "hfapi.h"
#include "json.h"

/* The address in variable name, else the standard one, without slashes at its end. The caller frees. */
static char *
address(const char *name, const char *standard, bool secret)
{
	const char *given = vp_http_env(name), *why;
	char *url = vp_strdup(given ? given : standard);
	size_t n = strlen(url);
	int e;

	while (n && url[n - 1] == '/')
		url[--n] = '\0';
	e = vp_http_safe(url, &why);
	if (e == VP_E_SYNTAX || (e && secret))
		vp_die(VP_EX_CONFIG, "%s: %s", given ? name : standard, why);
	return url;
}

void
vp_hfapi_open(struct vp_hfapi *h, enum vp_service service)
{
	static const char site[] = "https://huggingface.co";
	bool viewer = service == VP_VIEWER;
	const char *variable = viewer ? "HF_DATASETS_SERVER" : "HF_ENDPOINTS_API";
	char *token = vp_hf_token();
	size_t n;

	if (!token && !viewer)
		vp_die(VP_EX_CONFIG, "HF_TOKEN: not set: set it to a token that may manage "
				     "endpoints, or run under hf-local");
	h->service = service;
	h->token = token != NULL;
	h->base = address(variable,
	    viewer ? "https://datasets-server.huggingface.co"
		   : "https://api.endpoints.huggingface.cloud",
	    token);
	n = strlen(h->base);
	if (!viewer && n > 3 && strcmp(h->base + n - 3, "/v2") == 0)
		h->base[n - 3] = '\0'; /* as huggingface_hub spells this address */
	h->site = address("HF_ENDPOINT", vp_http_env(variable) ? h->base : site, token);
	h->http = vp_hf_client(token);
	free(token);
}

void
vp_hfapi_close(struct vp_hfapi *h)
{
	vp_http_free(h->http);
	free(h->base);
	free(h->site);
}

int
vp_hfapi_call(struct vp_hfapi *h, const char *method, const char *url, const struct vp_buf *body,
    struct vp_http_answer *a)
{
	struct vp_span object;
	int e = vp_http_call(h->http, h->service, method, url, body, a);

	if (e)
		return e;
	if (a->status == 404 || a->status == 401)
		return VP_HFAPI_ABSENT;
	if (a->status >= 300)
		return VP_HFAPI_ALREADY;
	if (strcmp(method, "DELETE") != 0 &&
	    (vp_json_check(vp_buf_get(&a->body), &object) || vp_json_type(object) != '{')) {
		vp_warn("%s %.*s: %ld: the answer is not a JSON object", method,
		    (int)strcspn(url, "?"), url, a->status);
		return VP_EX_PROTOCOL;
	}
	return 0;
}
