/* names: operands, and lines of standard input that stand for them */
#include <string.h>

#include "json.h"
#include "names.h"
#include "ndjson.h"

/* The name in a line, decoded; n->object is the line where it is an object. False: why says what is
 * wrong. */
static bool
read_name(struct vp_names *n, struct vp_span line, struct vp_buf *name, struct vp_buf *why)
{
	struct vp_span v = line;

	if (*line.s != '{' && *line.s != '"')
		vp_buf_span(name, line);
	else if (vp_json_check(line, NULL))
		vp_buf_puts(why, "not JSON");
	else if (*line.s == '{' && vp_json_find(line, n->key, &v) != 1)
		vp_buf_printf(why, "an object without %s", n->key);
	else if (vp_json_decode(v, name))
		vp_buf_printf(why, "its %s is no string", n->key);
	if (!why->n && !n->ok(vp_buf_get(name)))
		vp_buf_printf(why, "no %s that there can be", n->key);
	n->object = *line.s == '{' ? line : (struct vp_span){"", 0};
	return !why->n;
}

static int
do_line(struct vp_names *n, unsigned long long number, struct vp_span line)
{
	struct vp_buf name = {0}, why = {0};
	int e = VP_EX_DATA;

	if (read_name(n, line, &name, &why))
		e = n->each(vp_buf_cstr(&name));
	else
		vp_warn("line %llu: %s: want a plain %s, or an object with it", number,
		    vp_buf_cstr(&why), n->key);
	n->object = (struct vp_span){"", 0};
	vp_buf_free(&name);
	vp_buf_free(&why);
	return e;
}

static struct vp_span
trim(struct vp_span s)
{
	while (s.n && (*s.s == ' ' || *s.s == '\t'))
		s = (struct vp_span){s.s + 1, s.n - 1};
	while (s.n && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int
first(int status, int e)
{
	return status && e != VP_EX_NOPERM ? status : e;
}

static int
do_lines(struct vp_names *n)
{
	struct vp_lines in = {0};
	struct vp_span line;
	int status = 0, e;

	while (status != VP_EX_NOPERM && (e = vp_lines_next(&in, &line)) != 0) {
		if (e == VP_E_IO) {
			vp_warn("standard input, behind line %llu:", in.line);
			status = VP_EX_IO;
			break;
		}
		if (e == VP_E_LIMIT) {
			vp_warn("line %llu: too long for a name", in.line);
			status = first(status, VP_EX_DATA);
		} else if ((line = trim(line)).n) {
			status = first(status, do_line(n, in.line, line));
		}
	}
	vp_lines_free(&in);
	return status;
}

int
vp_names_each(struct vp_names *n, char *const names[])
{
	int status = 0;

	n->object = (struct vp_span){"", 0};
	for (; *names && status != VP_EX_NOPERM; names++)
		status = first(status, strcmp(*names, "-") == 0 ? do_lines(n) : n->each(*names));
	return status;
}
