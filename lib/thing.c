/* thing: indexes, namespaces, backups, restores, imports: list, describe, begin and wait */
#include "json.h"
#include "opt.h"
#include "out.h"
#include "thing.h"

const struct vp_thing_kind vp_thing_kinds[VP_THING_KINDS] = {
    {"index", "", "/indexes", false, "indexes", "name"},
    {"namespace", "namespaces ", "/namespaces", true, "namespaces", "name"},
    {"backup", "backups ", "/backups", false, "data", "backup_id"},
    {"restore", "restores ", "/restore-jobs", false, "data", "restore_job_id"},
    {"import", "imports ", "/bulk/imports", true, "data", "id"},
};

static const struct vp_thing_kind *listing; /* what print_page finds */

char *
vp_thing_url(const struct vp_things *t, struct vp_buf *url, const char *name)
{
	url->n = 0;
	vp_buf_printf(url, "%s%s", t->kind->in_index ? t->base : t->pc->controller, t->kind->path);
	if (name) {
		vp_buf_putc(url, '/');
		vp_http_escape(url, vp_str(name));
	}
	return vp_buf_cstr(url);
}

int
vp_thing_get(const struct vp_things *t, const char *name, struct vp_buf *out)
{
	struct vp_buf url = {0};
	struct vp_http_answer a;
	int e = vp_pinecone_call(t->pc, "GET", vp_thing_url(t, &url, name), NULL, &a);

	if (e == 0) {
		vp_buf_span(out, vp_buf_get(&a.body));
		vp_buf_free(&a.body);
	}
	vp_buf_free(&url);
	return e;
}

int
vp_thing_print(const struct vp_things *t, const char *name)
{
	struct vp_buf described = {0};
	int e = vp_thing_get(t, name, &described);

	if (e == 0)
		vp_out_line(vp_buf_get(&described));
	vp_buf_free(&described);
	return e == -1 ? vp_thing_missing(t, name) : e;
}

/* `pc-index imports list demo`, to append a name to. */
static void
put_command(struct vp_buf *out, const struct vp_things *t, const char *verb)
{
	vp_buf_printf(out, "pc-index %s%s", t->kind->noun, verb);
	if (t->kind->in_index)
		vp_buf_printf(out, " %s", t->index);
	vp_buf_cstr(out);
}

int
vp_thing_missing(const struct vp_things *t, const char *name)
{
	struct vp_buf see = {0};

	if (t->kind == &vp_thing_kinds[VP_INDEX])
		return vp_pinecone_no_index(t->pc, name);
	put_command(&see, t, "list");
	vp_warn("%s %s: no such %s: '%s' shows which there are", t->kind->word, name, t->kind->word,
	    see.s);
	vp_buf_free(&see);
	return VP_EX_CONFIG;
}

static int
print_page(struct vp_span page, struct vp_buf *why)
{
	struct vp_json_walk w;
	struct vp_span items, item;

	if (vp_json_find(page, listing->list, &items) != 1 || vp_json_type(items) != '[') {
		vp_buf_printf(why, "the answer has no %s", listing->list);
		return VP_E_MISSING;
	}
	for (vp_json_begin(&w, items); vp_json_item(&w, &item) > 0;)
		vp_out_line(item);
	return 0;
}

int
vp_thing_list(const struct vp_things *t, const char *prefix)
{
	struct vp_pages pages = {.method = "GET", .print = print_page};
	struct vp_buf url = {0};
	int e;

	if (t->index && !t->kind->in_index) {
		vp_pinecone_control_url(t->pc, &url, t->index, t->kind->path);
	} else {
		vp_thing_url(t, &url, NULL);
		if (!t->kind->in_index)
			pages.gone = "this is no Pinecone: check PINECONE_CONTROLLER_HOST";
	}
	if (prefix)
		vp_pinecone_parameter(&url, "prefix", vp_str(prefix));
	pages.url = vp_buf_cstr(&url);
	listing = t->kind;
	e = vp_pinecone_pages(t->pc, &pages);
	vp_buf_free(&url);
	return e;
}

/* What is ready, but has something to say of it: an import that has left records out. 0, or the exit status for that. */
static int
tell_left_out(const char *what, struct vp_span description)
{
	struct vp_buf text = {0};
	struct vp_span v;
	int e = 0;

	if (vp_json_find(description, "error", &v) == 1 && vp_json_type(v) == '"' &&
	    vp_json_decode(v, &text) == 0 && text.n) {
		vp_warn("%s: %s", what, vp_buf_cstr(&text));
		e = VP_EX_REJECTED;
	}
	vp_buf_free(&text);
	return e;
}

/* Wait for what has been begun, and write its description. */
static int
await(const struct vp_things *t, const char *id)
{
	struct vp_buf url = {0}, what = {0}, see = {0}, described = {0};
	struct vp_pinecone_work work;
	int e;

	vp_buf_printf(&what, "%s %s", t->kind->word, id);
	put_command(&see, t, "describe");
	vp_buf_printf(&see, " %s", id);
	work = (struct vp_pinecone_work){
	    vp_thing_url(t, &url, id), vp_buf_cstr(&what), vp_buf_cstr(&see)};
	e = vp_pinecone_await(t->pc, &work, &described);
	if (e == 0) {
		vp_out_line(vp_buf_get(&described));
		e = tell_left_out(what.s, vp_buf_get(&described));
	}
	vp_buf_free(&url);
	vp_buf_free(&what);
	vp_buf_free(&see);
	vp_buf_free(&described);
	return e == -1 ? vp_thing_missing(t, id) : e;
}

int
vp_thing_begin(const struct vp_things *t, const char *url, const struct vp_buf *body, bool wait)
{
	unsigned retries = vp_opts.retries;
	struct vp_buf id = {0}, see = {0};
	struct vp_http_answer a = {0};
	struct vp_span v;
	int e;

	put_command(&see, t, "list");
	vp_opts.retries = 0;
	e = vp_pinecone_call(t->pc, "POST", url, body, &a);
	vp_opts.retries = retries;
	if (e == VP_EX_UNAVAILABLE || e == VP_EX_TEMP) {
		vp_warn("%s: not asked for again, as it may have begun: see '%s'", t->kind->word,
		    see.s);
	} else if (e == 0 && (vp_json_find(vp_buf_get(&a.body), t->kind->key, &v) != 1 ||
				 vp_json_decode(v, &id) || !id.n)) {
		vp_warn("POST %s: the answer has no %s: see '%s'", url, t->kind->key, see.s);
		e = VP_EX_PROTOCOL;
	}
	if (e == 0)
		e = wait ? await(t, vp_buf_cstr(&id)) : vp_thing_print(t, vp_buf_cstr(&id));
	vp_buf_free(&a.body);
	vp_buf_free(&id);
	vp_buf_free(&see);
	return e;
}

void
vp_thing_member(struct vp_buf *object, const char *name, const char *value)
{
	if (!value)
		return;
	vp_buf_puts(object, object->n > 1 ? ",\"" : "\"");
	vp_buf_printf(object, "%s\":", name);
	vp_json_quote(object, vp_str(value));
}
