/* manage: Inference Endpoints through the API that manages them */
#include <stdlib.h>
#include <string.h>

#include "choices.h"
#include "clock.h"
#include "json.h"
#include "manage.h"
#include "opt.h"
#include "out.h"
#include "stop.h"

enum { FIRST_LOOK_MS = 100, LOOK_MS = 5000 };

bool
vp_manage_text(
    struct vp_span description, const char *member, const char *inner, struct vp_buf *out)
{
	struct vp_span v;
	bool any = vp_json_path(description, &v, member, inner, NULL) == 1 &&
		   vp_json_type(v) == '"' && vp_json_decode(v, out) == 0;

	vp_buf_cstr(out);
	return any && out->n;
}

/* Whose token it is: the Hub tells. 0 or an exit status (said). */
static int
whoami(struct vp_manage *m)
{
	struct vp_buf url = {0}, type = {0}, name = {0};
	struct vp_http_answer a;
	int e;

	vp_buf_printf(&url, "%s/api/whoami-v2", m->api.site);
	e = vp_hfapi_call(&m->api, "GET", vp_buf_cstr(&url), NULL, &a);
	if (e < 0) {
		e = vp_http_refused("GET", url.s, &a, NULL);
	} else if (e == 0) {
		vp_manage_text(vp_buf_get(&a.body), "type", NULL, &type);
		if (strcmp(vp_buf_cstr(&type), "user") != 0 ||
		    !vp_manage_text(vp_buf_get(&a.body), "name", NULL, &name)) {
			vp_warn("GET %s: the token is no user's: say with -u whose endpoints are "
				"meant",
			    url.s);
			e = VP_EX_CONFIG;
		}
	}
	m->owner = vp_buf_take(&name, NULL);
	vp_buf_free(&a.body);
	vp_buf_free(&type);
	vp_buf_free(&url);
	return e;
}

int
vp_manage_open(struct vp_manage *m, const char *owner)
{
	vp_hfapi_open(&m->api, VP_HUB);
	m->owner = owner ? vp_strdup(owner) : NULL;
	m->given = owner != NULL;
	return owner ? 0 : whoami(m);
}

void
vp_manage_close(struct vp_manage *m)
{
	vp_hfapi_close(&m->api);
	free(m->owner);
}

void
vp_manage_url(const struct vp_manage *m, struct vp_buf *url, const char *what, const char *name,
    const char *below)
{
	vp_buf_printf(url, "%s/v2/%s/", m->api.base, what);
	vp_http_escape(url, vp_str(m->owner));
	if (name) {
		vp_buf_putc(url, '/');
		vp_http_escape(url, vp_str(name));
	}
	vp_buf_puts(url, below);
	vp_buf_cstr(url);
}

int
vp_manage_missing(struct vp_manage *m, const char *name)
{
	struct vp_choices names = {0};
	struct vp_buf url = {0};
	struct vp_http_answer a;
	struct vp_span items;
	bool listed;

	vp_manage_url(m, &url, "endpoint", NULL, "");
	listed = vp_hfapi_call(&m->api, "GET", url.s, NULL, &a) == 0 &&
		 vp_json_find(vp_buf_get(&a.body), "items", &items) == 1;
	if (listed)
		vp_choices_add_members(&names, items, "name");
	vp_warn("endpoint %s: no such endpoint in %s%s", name, m->owner,
	    listed ? vp_choices_text(&names) : "");
	vp_buf_free(&names.text);
	vp_buf_free(&a.body);
	vp_buf_free(&url);
	return VP_EX_CONFIG;
}

int
vp_manage_call(struct vp_manage *m, const char *method, const char *name, const char *below,
    const struct vp_buf *body, struct vp_buf *out)
{
	struct vp_buf url = {0};
	struct vp_http_answer a;
	int e;

	vp_manage_url(m, &url, "endpoint", name, below);
	e = vp_hfapi_call(&m->api, method, url.s, body, &a);
	out->n = 0;
	vp_buf_span(out, vp_buf_get(&a.body));
	if (e == VP_HFAPI_ALREADY && a.status != 400)
		e = vp_http_refused(method, url.s, &a, NULL);
	else if (e == VP_EX_DATA) /* a name, a region: the server has said what */
		e = VP_EX_CONFIG;
	vp_buf_free(&a.body);
	vp_buf_free(&url);
	return e;
}

int
vp_manage_find(struct vp_manage *m, const char *name, struct vp_buf *out)
{
	int e = vp_manage_call(m, "GET", name, "", NULL, out);

	return e == VP_HFAPI_ABSENT ? vp_manage_missing(m, name) : e;
}

/* Whether the health route answers: 1, 0 not yet, or an exit status (said). The question wakes an endpoint that is scaled
 * to zero. */
static int
healthy(struct vp_manage *m, const char *name, const char *base, struct vp_span description,
    struct vp_buf *state)
{
	struct vp_buf url = {0}, route = {0}, text = {0};
	struct vp_http_answer a;
	const char *why;
	int e = 0;

	vp_manage_text(description, "healthRoute", NULL, &route);
	vp_buf_printf(&url, "%.*s/%s", (int)(strlen(base) - (base[strlen(base) - 1] == '/')), base,
	    vp_buf_cstr(&route) + (*route.s == '/'));
	if (vp_http_safe(vp_buf_cstr(&url), &why)) {
		vp_warn("endpoint %s: its url %s: %s", name, base, why);
		e = VP_EX_PROTOCOL;
	} else {
		vp_http_once(m->api.http, "GET", url.s, NULL, &a);
		if (a.status == 401 || a.status == 403) {
			vp_http_message(&a, &text);
			vp_warn("GET %s: %ld: %s: the token may not use this endpoint", url.s,
			    a.status, vp_buf_cstr(&text));
			e = VP_EX_NOPERM;
		} else if (a.status == 200) {
			e = 1;
		} else if (a.fault) {
			vp_buf_printf(state, ", %s: %s", url.s, a.fault);
		} else {
			vp_buf_printf(state, ", its health route answers %ld", a.status);
		}
		vp_buf_free(&a.body);
	}
	vp_buf_free(&text);
	vp_buf_free(&route);
	vp_buf_free(&url);
	return e;
}

const char *
vp_manage_command(const struct vp_manage *m, const char *verb, const char *name, struct vp_buf *out)
{
	out->n = 0;
	vp_buf_printf(out, "hf-endpoint %s %s%s%s%s", verb, m->given ? "-u " : "",
	    m->given ? m->owner : "", m->given ? " " : "", name);
	return vp_buf_cstr(out);
}

int
vp_manage_stuck(
    const struct vp_manage *m, const char *name, const char *state, struct vp_span description)
{
	struct vp_buf text = {0};
	int e = 0;

	if (strcmp(state, "paused") == 0) {
		vp_warn("endpoint %s: is paused: '%s' starts it", name,
		    vp_manage_command(m, "resume", name, &text));
		e = VP_EX_CONFIG;
	} else if (strcmp(state, "failed") == 0 || strcmp(state, "updateFailed") == 0) {
		if (!vp_manage_text(description, "status", "errorMessage", &text))
			vp_manage_text(description, "status", "message", &text);
		vp_warn("endpoint %s: its state is %s: %s: update it, or delete it and create it "
			"anew",
		    name, state, text.n ? vp_buf_cstr(&text) : "no reason is given");
		e = VP_EX_UNAVAILABLE;
	}
	vp_buf_free(&text);
	return e;
}

/* A look at the endpoint: 1 it runs and answers, 0 not yet, or an exit status (said). state gets
 * the words for how it is. */
static int
look(struct vp_manage *m, const char *name, struct vp_span description, struct vp_buf *state)
{
	struct vp_buf base = {0};
	int e;

	state->n = 0;
	if (!vp_manage_text(description, "status", "state", state)) {
		vp_warn("endpoint %s: its description has no state", name);
		return VP_EX_PROTOCOL;
	}
	e = vp_manage_stuck(m, name, vp_buf_cstr(state), description);
	if (e == 0 && (strcmp(state->s, "running") == 0 || strcmp(state->s, "scaledToZero") == 0) &&
	    vp_manage_text(description, "status", "url", &base))
		e = healthy(m, name, vp_buf_cstr(&base), description, state);
	vp_buf_free(&base);
	return e;
}

/* From here on a signal ends the program with what the user may not know: that the endpoint does not end with it. */
static void
stop_saying(const struct vp_manage *m, const char *name)
{
	struct vp_buf words = {0}, wait = {0}, pause = {0};

	vp_out_flush();
	vp_buf_printf(&words,
	    "endpoint %s: interrupted: it goes on all the same, and costs money: '%s' waits on, "
	    "'%s' stops it",
	    name, vp_manage_command(m, "wait", name, &wait),
	    vp_manage_command(m, "pause", name, &pause));
	vp_buf_cstr(&words);
	vp_stop_at_once(vp_buf_take(&words, NULL));
	vp_buf_free(&wait);
	vp_buf_free(&pause);
}

int
vp_manage_wait(struct vp_manage *m, const char *name, struct vp_buf *description)
{
	uint64_t until = vp_now_ms() + vp_opts.wait_ms, pause = FIRST_LOOK_MS;
	const char *which = "--wait";
	struct vp_buf state = {0}, command = {0};
	bool said = false;
	int e;

	if (vp_deadline_at() < until) {
		until = vp_deadline_at();
		which = "--deadline";
	}
	stop_saying(m, name);
	while ((e = look(m, name, vp_buf_get(description), &state)) == 0) {
		if (vp_now_ms() + pause > until) {
			vp_warn("endpoint %s: not running yet (%s), and %s is over: '%s' waits on",
			    name, vp_buf_cstr(&state), which,
			    vp_manage_command(m, "wait", name, &command));
			e = VP_EX_TEMP;
			break;
		}
		if (!said)
			vp_info("endpoint %s: %s: waiting until it runs, up to %llu s", name,
			    vp_buf_cstr(&state), (unsigned long long)(vp_opts.wait_ms / 1000));
		said = true;
		vp_http_sleep(m->api.http, pause);
		pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
		if ((e = vp_manage_find(m, name, description)))
			break;
	}
	vp_stop_at_once(NULL);
	vp_buf_free(&state);
	vp_buf_free(&command);
	return e == 1 ? 0 : e;
}
