/* expr: the user's jq expressions */
#include <jq.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expr.h"
#include "json.h"

struct vp_expr {
	jq_state *jq;      /* NULL: a path of member names */
	char *names;       /* the path's names, each ended by a NUL */
	size_t count;      /* of names; 0 is the document itself */
	struct vp_buf out; /* what libjq put out last */
};

static void
no_memory(void *unused)
{
	(void)unused;
	vp_oom();
}

/* Where memory runs out, libjq 1.6 calls no_memory in some places; in others it fails an assertion or follows a null
 * pointer. A user is to see a message, the line to go on from and a status all the same, so those signals are caught
 * while it runs; at other times they do what they always do. */
static const int breakdowns[] = {SIGSEGV, SIGBUS, SIGABRT};
enum { BREAKDOWNS = sizeof breakdowns / sizeof *breakdowns };
static struct sigaction before[BREAKDOWNS];
static volatile sig_atomic_t in_libjq;

static void
broken_down(int number)
{
	if (in_libjq) {
		vp_warn("libjq broke down (%s): out of memory, or a fault of its own",
		    number == SIGABRT ? "abort" : "bad address");
		vp_resume_say();
		_exit(VP_EX_INTERNAL);
	}
	for (int i = 0; i < BREAKDOWNS; i++)
		sigaction(breakdowns[i], &before[i], NULL);
	raise(number);
}

static void
catch_breakdowns(void)
{
	static bool done;
	const struct sigaction action = {.sa_handler = broken_down, .sa_flags = SA_NODEFER};

	for (int i = 0; i < BREAKDOWNS && !done; i++)
		sigaction(breakdowns[i], &action, &before[i]);
	done = true;
}

/* Read `.`, `.name` or `.name.name`, with white space around it. False if it is anything else. */
static bool
read_path(const char *source, struct vp_expr *e)
{
	static const char blank[] = " \t\r\n", digits[] = "0123456789",
			  first[] = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *p = source + strspn(source, blank);
	char *name = e->names = vp_alloc(strlen(source) + 1, 1);

	if (*p != '.')
		return false;
	for (; *p == '.'; e->count++) {
		const char *start = ++p;
		if (e->count == 0 && p[strspn(p, blank)] == '\0')
			return true;
		if (*p == '\0' || !strchr(first, *p))
			return false;
		while (*p && (strchr(first, *p) || strchr(digits, *p)))
			p++;
		memcpy(name, start, (size_t)(p - start));
		name += p - start;
		*name++ = '\0';
	}
	return p[strspn(p, blank)] == '\0';
}

/* libjq's first complaint, without its "jq: error: ", without the program's text behind it. */
static void
take_complaint(void *arg, jv message)
{
	static const char lead[] = "jq: error: ", shell[] = " (Unix shell quoting issues?)";
	struct vp_buf *why = arg;
	const char *s, *end, *quoting;

	message = jq_format_error(message);
	if (why->n == 0 && jv_get_kind(message) == JV_KIND_STRING) {
		s = jv_string_value(message);
		s += strncmp(s, lead, strlen(lead)) == 0 ? strlen(lead) : 0;
		end = strstr(s, " at <top-level>");
		end = end ? end : s + strcspn(s, "\n");
		quoting = strstr(s, shell);
		if (quoting && quoting < end)
			end = quoting;
		vp_buf_add(why, s, (size_t)(end - s));
	}
	jv_free(message);
}

static jv
no_input(jq_state *jq, void *unused)
{
	(void)jq;
	(void)unused;
	return jv_invalid_with_msg(jv_string("there is no further input to an expression"));
}

struct vp_expr *
vp_expr_compile(const char *source, struct vp_buf *why)
{
	struct vp_expr *e = vp_zalloc(1, sizeof *e);
	int ok;

	if (read_path(source, e))
		return e;
	why->n = 0;
	if (!vp_utf8_valid(vp_str(source), NULL)) {
		vp_buf_puts(why, "not valid UTF-8");
		vp_expr_free(e);
		return NULL;
	}
	catch_breakdowns();
	in_libjq = 1;
	jv_nomem_handler(no_memory, NULL);
	e->jq = jq_init();
	if (!e->jq)
		vp_oom();
	/* import ends in an assertion of libjq where these two are not set */
	jq_set_attr(e->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(e->jq, jv_string("PROGRAM_ORIGIN"), jv_string("."));
	/* and these are not set at all by jq_init */
	jq_set_input_cb(e->jq, no_input, NULL);
	jq_set_debug_cb(e->jq, NULL, NULL);
	jq_set_error_cb(e->jq, take_complaint, why);
	ok = jq_compile(e->jq, source);
	jq_set_error_cb(e->jq, NULL, NULL);
	in_libjq = 0;
	if (ok)
		return e;
	vp_expr_free(e);
	return NULL;
}

bool
vp_expr_exact(const struct vp_expr *e)
{
	return !e->jq;
}

/* The value of obj's last member of that name, as jq has it; no value where there is none. */
static int
last_member(struct vp_span obj, const char *name, struct vp_span *value)
{
	struct vp_json_walk w;
	struct vp_span key, v;
	int e;

	*value = (struct vp_span){0};
	for (vp_json_begin(&w, obj); (e = vp_json_member(&w, &key, &v)) > 0;)
		if (vp_json_key_is(key, name))
			*value = v;
	return e;
}

static int
run_path(const struct vp_expr *e, struct vp_span json, struct vp_span *out, struct vp_buf *why)
{
	const char *name = e->names, *kind;

	for (size_t i = 0; i < e->count; i++, name += strlen(name) + 1) {
		char type = vp_json_type(json);
		if (type == 'n')
			break;
		if (type == '{' && last_member(json, name, &json) == 0) {
			if (json.n == 0)
				json = VP_LIT("null");
			continue;
		}
		kind = type == '"'   ? "string"
		       : type == '0' ? "number"
		       : type == '[' ? "array"
				     : "boolean";
		vp_buf_printf(why, "cannot look up .%s in a value of type %s", name, kind);
		return VP_E_TYPE;
	}
	*out = json;
	return 0;
}

/* The message in what libjq gave instead of a value, in one line; what is consumed. False if there
 * is none: the outputs are over. */
static bool
complain(jv what, struct vp_buf *why)
{
	jv message = jv_invalid_get_msg(what);

	if (jv_get_kind(message) == JV_KIND_NULL) {
		jv_free(message);
		return false;
	}
	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	vp_buf_puts(why, jv_string_value(message));
	jv_free(message);
	for (size_t i = 0; i < why->n; i++)
		if (why->s[i] == '\n')
			why->s[i] = ' ';
	return true;
}

/* Parse with a parser of our own: jv_parse_sized reads its text up to a NUL when it has to
 * complain. */
static bool
parse(struct vp_expr_doc *doc, struct vp_buf *why)
{
	jv_parser *p = jv_parser_new(0);

	jv_parser_set_buf(p, doc->json.s, (int)doc->json.n, 0);
	doc->value = jv_parser_next(p);
	jv_parser_free(p);
	doc->parsed = jv_is_valid(doc->value);
	if (!doc->parsed && !complain(doc->value, why))
		vp_buf_puts(why, "no value");
	return doc->parsed;
}

/* vp_expr_run, where libjq has to do it. */
static int
run_jq(struct vp_expr *e, struct vp_expr_doc *doc, struct vp_span *out, struct vp_buf *why)
{
	jv first, second;

	if (!doc->parsed && !parse(doc, why))
		return VP_E_TYPE;
	jq_start(e->jq, jv_copy(doc->value), 0);
	first = jq_next(e->jq);
	if (!jv_is_valid(first)) {
		if (jq_halted(e->jq))
			vp_buf_puts(why, "halted");
		if (complain(first, why) || why->n)
			return VP_E_TYPE;
		vp_buf_puts(why, "no output, want one");
		return VP_E_COUNT;
	}
	second = jq_next(e->jq);
	if (jv_is_valid(second)) {
		jv_free(first);
		jv_free(second);
		vp_buf_puts(why, "more than one output, want one");
		return VP_E_COUNT;
	}
	if (complain(second, why)) {
		jv_free(first);
		return VP_E_TYPE;
	}
	first = jv_dump_string(first, 0);
	e->out.n = 0;
	vp_buf_add(&e->out, jv_string_value(first), (size_t)jv_string_length_bytes(jv_copy(first)));
	jv_free(first);
	if (vp_json_check(vp_buf_get(&e->out), out)) {
		vp_buf_puts(why, "the output is nested too deep");
		return VP_E_TYPE;
	}
	return 0;
}

int
vp_expr_run(struct vp_expr *e, struct vp_expr_doc *doc, struct vp_span *out, struct vp_buf *why)
{
	int status;

	why->n = 0;
	if (!e->jq)
		return run_path(e, doc->json, out, why);
	in_libjq = 1;
	status = run_jq(e, doc, out, why);
	in_libjq = 0;
	return status;
}

void
vp_expr_doc_done(struct vp_expr_doc *doc)
{
	in_libjq = 1;
	if (doc->parsed)
		jv_free(doc->value);
	in_libjq = 0;
	memset(doc, 0, sizeof *doc);
}

void
vp_expr_free(struct vp_expr *e)
{
	if (!e)
		return;
	in_libjq = 1;
	if (e->jq)
		jq_teardown(&e->jq);
	in_libjq = 0;
	free(e->names);
	vp_buf_free(&e->out);
	free(e);
}
