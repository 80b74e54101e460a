/* attrs: metadata by field */
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "json.h"

int
vp_value_read(struct vp_span json, struct vp_value *v, struct vp_buf *scratch)
{
	double d;
	int e;

	switch (vp_json_type(json)) {
	case '"':
		scratch->n = 0;
		e = vp_json_decode(json, scratch);
		if (e)
			return e;
		*v = (struct vp_value){VP_ATTR_STRING, vp_map_hash(vp_buf_get(scratch))};
		return 0;
	case '0':
		e = vp_json_double(json, &d);
		if (e)
			return e;
		v->type = VP_ATTR_NUMBER;
		d += 0.0; /* -0 is 0 */
		memcpy(&v->bits, &d, sizeof d);
		return 0;
	case 't':
	case 'f':
		*v = (struct vp_value){VP_ATTR_BOOL, vp_json_type(json) == 't'};
		return 0;
	default:
		return VP_E_TYPE;
	}
}

static int
check_value(struct vp_span value, struct vp_buf *scratch)
{
	struct vp_json_walk w;
	struct vp_span item;
	struct vp_value v;

	if (vp_json_type(value) != '[')
		return vp_value_read(value, &v, scratch);
	for (vp_json_begin(&w, value); vp_json_item(&w, &item) > 0;) {
		int e = vp_json_type(item) == '"' ? vp_value_read(item, &v, scratch) : VP_E_TYPE;
		if (e)
			return e;
	}
	return 0;
}

int
vp_attrs_check(struct vp_span metadata, struct vp_buf *why)
{
	struct vp_json_walk w;
	struct vp_span key, value;
	struct vp_buf scratch = {0};
	int e = 0, bad = 0;

	for (vp_json_begin(&w, metadata); !bad && (e = vp_json_member(&w, &key, &value)) > 0;) {
		if (key.n && *key.s == '$') {
			vp_buf_printf(why,
			    "metadata field '%.*s': a field name cannot begin with $", (int)key.n,
			    key.s);
			bad = VP_E_TYPE;
		} else if ((bad = check_value(value, &scratch))) {
			vp_buf_printf(why,
			    "metadata field '%.*s': must be a string, a finite number, a boolean "
			    "or a list of strings, got %s",
			    key.n > 200 ? 200 : (int)key.n, key.s,
			    vp_json_type(value) == 'n'   ? "null: leave the field out"
			    : vp_json_type(value) == '{' ? "an object"
			    : vp_json_type(value) == '[' ? "a list with something else in it"
			    : vp_json_type(value) == '0' ? "a number out of range"
							 : "a string that is not UTF-8");
		}
	}
	vp_buf_free(&scratch);
	if (!bad && e < 0) {
		vp_buf_puts(why, "metadata: must be an object");
		bad = e;
	}
	return bad;
}

static bool
has_key(struct vp_span object, struct vp_span key, struct vp_buf *name)
{
	struct vp_span value;

	name->n = 0;
	return vp_json_decode((struct vp_span){key.s - 1, key.n + 2}, name) == 0 &&
	       vp_json_find(object, vp_buf_cstr(name), &value) > 0;
}

void
vp_attrs_merge(struct vp_buf *out, struct vp_span old, struct vp_span set)
{
	struct vp_span parts[] = {old, set}, key, value;
	struct vp_json_walk w;
	struct vp_buf name = {0};
	const char *lead = "{";

	for (size_t i = 0; i < 2; i++)
		for (vp_json_begin(&w, parts[i]);
		     parts[i].n && vp_json_member(&w, &key, &value) > 0;) {
			if (i == 0 && has_key(set, key, &name))
				continue;
			vp_buf_puts(out, lead);
			vp_buf_add(out, key.s - 1, key.n + 2);
			vp_buf_putc(out, ':');
			vp_buf_span(out, value);
			lead = ",";
		}
	vp_buf_puts(out, *lead == '{' ? "{}" : "}");
	vp_buf_free(&name);
}

static struct vp_field *
find(const struct vp_attrs *a, struct vp_span name, uint64_t hash)
{
	int64_t at;

	for (size_t slot = VP_MAP_START; (at = vp_map_next(&a->map, hash, &slot)) >= 0;)
		if (vp_span_is(name, a->fields[at].name))
			return &a->fields[at];
	return NULL;
}

const struct vp_field *
vp_attrs_field(const struct vp_attrs *a, const char *name)
{
	return find(a, vp_str(name), vp_map_hash(vp_str(name)));
}

static struct vp_field *
find_or_make(struct vp_attrs *a, struct vp_span name)
{
	uint64_t hash = vp_map_hash(name);
	struct vp_field *f = find(a, name, hash);

	if (f)
		return f;
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 8;
		a->fields = vp_realloc(a->fields, a->cap, sizeof *a->fields);
	}
	f = &a->fields[a->n];
	*f = (struct vp_field){.name = vp_alloc(name.n + 1, 1)};
	memcpy(f->name, name.s, name.n);
	f->name[name.n] = '\0';
	vp_map_add(&a->map, hash, (uint32_t)a->n++);
	return f;
}

static void
enter(struct vp_field *f, uint32_t row, struct vp_value v)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap + f->cap / 2 : 4;
		f->entries = vp_realloc(f->entries, f->cap, sizeof *f->entries);
	}
	f->entries[f->n++] = (struct vp_entry){row, v.type, v.bits};
}

void
vp_attrs_add(struct vp_attrs *a, uint32_t row, struct vp_span metadata)
{
	struct vp_json_walk w, list;
	struct vp_span key, value, item;
	struct vp_buf scratch = {0}, name = {0};
	struct vp_value v;

	for (vp_json_begin(&w, metadata); vp_json_member(&w, &key, &value) > 0;) {
		struct vp_field *f;

		if (memchr(key.s, '\\', key.n)) { /* the key with its quotes is a string */
			name.n = 0;
			if (vp_json_decode((struct vp_span){key.s - 1, key.n + 2}, &name))
				continue;
			f = find_or_make(a, vp_buf_get(&name));
		} else {
			f = find_or_make(a, key);
		}
		if (vp_json_type(value) == '[') {
			size_t n = 0;
			for (vp_json_begin(&list, value); vp_json_item(&list, &item) > 0; n++)
				if (vp_value_read(item, &v, &scratch) == 0)
					enter(f, row, v);
			if (n == 0)
				enter(f, row, (struct vp_value){VP_ATTR_NOTHING, 0});
		} else if (vp_value_read(value, &v, &scratch) == 0) {
			enter(f, row, v);
		}
	}
	vp_buf_free(&scratch);
	vp_buf_free(&name);
}

void
vp_attrs_renumber(struct vp_attrs *a, const uint32_t *to)
{
	for (size_t i = 0; i < a->n; i++) {
		struct vp_field *f = &a->fields[i];
		size_t kept = 0;

		for (size_t j = 0; j < f->n; j++)
			if (to[f->entries[j].row] != UINT32_MAX) {
				f->entries[kept] = f->entries[j];
				f->entries[kept++].row = to[f->entries[j].row];
			}
		f->n = kept;
	}
}

void
vp_attrs_free(struct vp_attrs *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->fields[i].name);
		free(a->fields[i].entries);
	}
	free(a->fields);
	vp_map_free(&a->map);
	*a = (struct vp_attrs){0};
}
