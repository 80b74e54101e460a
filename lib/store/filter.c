/* filter: metadata filters */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "json.h"

enum op { ALL, ANY, IN, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EXISTS };

struct vp_filter {
	enum op op;
	bool not ;               /* the opposite: $ne, $nin, $exists false */
	char *field;             /* owned; NULL for ALL and ANY */
	double bound;            /* of a comparison */
	struct vp_value *values; /* [n], sorted; of IN */
	struct vp_filter **kids; /* [n]; of ALL and ANY */
	size_t n;
};

struct reader {
	struct vp_buf *why;
	struct vp_buf scratch;
};

static const struct operator
{
	const char *name;
	enum op op;
	bool not, list; /* the opposite; takes a list */
}
operators[] = {
    {"$eq", IN, false, false},
    {"$ne", IN, true, false},
    {"$in", IN, false, true},
    {"$nin", IN, true, true},
    {"$lt", LESS, false, false},
    {"$lte", LESS_EQUAL, false, false},
    {"$gt", GREATER, false, false},
    {"$gte", GREATER_EQUAL, false, false},
    {"$exists", EXISTS, false, false},
};

static int
shown(struct vp_span s)
{
	return s.n > 100 ? 100 : (int)s.n;
}

static struct vp_filter *
leaf(enum op op, bool not, const char *field)
{
	struct vp_filter *f = vp_zalloc(1, sizeof *f);

	f->op = op;
	f->not = not ;
	f->field = field ? vp_strdup(field) : NULL;
	return f;
}

static void
adopt(struct vp_filter *parent, struct vp_filter *kid)
{
	if ((parent->n & (parent->n - 1)) == 0) /* room doubles at each power of 2 */
		parent->kids = vp_realloc(
		    parent->kids, parent->n ? 2 * parent->n : 1, sizeof(struct vp_filter *));
	parent->kids[parent->n++] = kid;
}

static int
by_value(const void *a, const void *b)
{
	const struct vp_value *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->bits < y->bits ? -1 : x->bits > y->bits;
}

static int
read_list(struct reader *r, struct vp_filter *f, const char *name, struct vp_span json)
{
	struct vp_json_walk w;
	struct vp_span item;
	size_t cap = 0;
	int e;

	for (vp_json_begin(&w, json); (e = vp_json_item(&w, &item)) > 0;) {
		if (f->n == VP_FILTER_VALUES) {
			vp_buf_printf(r->why, "filter: '%s' of '%s': more than %d values", name,
			    f->field, VP_FILTER_VALUES);
			return VP_E_LIMIT;
		}
		if (f->n == cap) {
			cap = cap ? 2 * cap : 8;
			f->values = vp_realloc(f->values, cap, sizeof *f->values);
		}
		e = vp_value_read(item, &f->values[f->n], &r->scratch);
		if (e)
			break;
		f->n++;
	}
	if (e < 0) {
		vp_buf_printf(r->why,
		    "filter: '%s' of '%s': must be a list of strings, numbers or booleans", name,
		    f->field);
		return e;
	}
	if (f->n)
		qsort(f->values, f->n, sizeof *f->values, by_value);
	return 0;
}

static int
read_scalar(struct reader *r, struct vp_filter *f, const char *name, struct vp_span json)
{
	int e;

	f->values = vp_alloc(1, sizeof *f->values);
	e = vp_value_read(json, f->values, &r->scratch);
	if (e) {
		vp_buf_printf(r->why,
		    "filter: '%s' of '%s': must be a string, a number or a boolean", name,
		    f->field);
		return e;
	}
	f->n = 1;
	return 0;
}

/* The operand of one operator. */
static int
read_operand(struct reader *r, struct vp_filter *f, const struct operator* o, struct vp_span json)
{
	char type = vp_json_type(json);

	if (f->op == IN)
		return o->list ? read_list(r, f, o->name, json) : read_scalar(r, f, o->name, json);
	if (f->op == EXISTS) {
		if (type != 't' && type != 'f') {
			vp_buf_printf(
			    r->why, "filter: '$exists' of '%s': must be true or false", f->field);
			return VP_E_TYPE;
		}
		f->not = type == 'f';
		return 0;
	}
	if (vp_json_double(json, &f->bound)) {
		vp_buf_printf(r->why, "filter: '%s' of '%s': must be a number", o->name, f->field);
		return VP_E_TYPE;
	}
	return 0;
}

/* What stands behind a field's name: a bare value, or an object of operators. */
static int
read_field(struct reader *r, struct vp_filter *parent, const char *field, struct vp_span json)
{
	struct vp_json_walk w;
	struct vp_span key, value;
	size_t n = 0;

	if (vp_json_type(json) != '{') {
		adopt(parent, leaf(IN, false, field));
		if (vp_json_type(json) == '[') {
			vp_buf_printf(
			    r->why, "filter: field '%s': a list needs an operator: use $in", field);
			return VP_E_TYPE;
		}
		return read_scalar(r, parent->kids[parent->n - 1], "$eq", json);
	}
	for (vp_json_begin(&w, json); vp_json_member(&w, &key, &value) > 0; n++) {
		const struct operator* o = operators, *end = o + sizeof operators / sizeof *o;
		int e;

		while (o < end && !vp_json_key_is(key, o->name))
			o++;
		if (o == end) {
			vp_buf_printf(r->why,
			    "filter: field '%s': '%.*s' is not a valid operator: use $eq, $ne, "
			    "$gt, $gte, $lt, $lte, $in, $nin or $exists",
			    field, shown(key), key.s);
			return VP_E_TYPE;
		}
		adopt(parent, leaf(o->op, o->not, field));
		e = read_operand(r, parent->kids[parent->n - 1], o, value);
		if (e)
			return e;
	}
	if (n == 0) {
		vp_buf_printf(r->why, "filter: field '%s': an operator is missing", field);
		return VP_E_MISSING;
	}
	return 0;
}

static int read_object(
    struct reader *r, struct vp_filter *parent, struct vp_span json, size_t depth);

/* The list behind $and or $or. */
static int
read_group(struct reader *r, struct vp_filter *group, struct vp_span json, size_t depth)
{
	const char *name = group->op == ALL ? "$and" : "$or";
	struct vp_json_walk w;
	struct vp_span item;
	int e;

	if (depth == VP_FILTER_DEPTH) {
		vp_buf_printf(r->why, "filter: '%s' nested deeper than %d", name, VP_FILTER_DEPTH);
		return VP_E_LIMIT;
	}
	for (vp_json_begin(&w, json); (e = vp_json_item(&w, &item)) > 0;) {
		struct vp_filter *kid = leaf(ALL, false, NULL);
		adopt(group, kid);
		e = read_object(r, kid, item, depth + 1);
		if (e)
			return e;
	}
	if (e < 0 || group->n == 0) {
		vp_buf_printf(r->why, "filter: '%s': must be a list of one filter or more", name);
		return VP_E_TYPE;
	}
	return 0;
}

static int
read_object(struct reader *r, struct vp_filter *parent, struct vp_span json, size_t depth)
{
	struct vp_json_walk w;
	struct vp_span key, value;
	struct vp_buf name = {0};
	int e;

	if (vp_json_type(json) != '{') {
		vp_buf_puts(r->why, "filter: must be an object");
		return VP_E_TYPE;
	}
	for (vp_json_begin(&w, json); (e = vp_json_member(&w, &key, &value)) > 0;) {
		bool is_or = vp_json_key_is(key, "$or");

		if (is_or || vp_json_key_is(key, "$and")) {
			adopt(parent, leaf(is_or ? ANY : ALL, false, NULL));
			e = read_group(r, parent->kids[parent->n - 1], value, depth);
		} else if (key.n && *key.s == '$') {
			vp_buf_printf(r->why,
			    "filter: '%.*s' is not a valid operator here: use $and, $or or a field "
			    "name",
			    shown(key), key.s);
			e = VP_E_TYPE;
		} else {
			name.n = 0;
			e = vp_json_decode((struct vp_span){key.s - 1, key.n + 2}, &name);
			if (e)
				vp_buf_puts(r->why, "filter: a field name is not UTF-8");
			else
				e = read_field(r, parent, vp_buf_cstr(&name), value);
		}
		if (e)
			break;
	}
	if (e < 0 && r->why->n == 0)
		vp_buf_printf(r->why, "filter: %s", vp_error_text(e));
	vp_buf_free(&name);
	return e;
}

int
vp_filter_parse(struct vp_span json, struct vp_filter **out, struct vp_buf *why)
{
	struct reader r = {.why = why};
	struct vp_filter *f = leaf(ALL, false, NULL);
	int e = read_object(&r, f, json, 0);

	vp_buf_free(&r.scratch);
	if (e || f->n == 0) {
		vp_filter_free(f);
		f = NULL;
	}
	*out = f;
	return e;
}

static bool
compare(enum op op, double x, double bound)
{
	switch (op) {
	case LESS:
		return x < bound;
	case LESS_EQUAL:
		return x <= bound;
	case GREATER:
		return x > bound;
	default:
		return x >= bound;
	}
}

static bool
matches(const struct vp_filter *f, const struct vp_entry *e)
{
	struct vp_value v = {e->type, e->bits};
	double x;

	if (f->op == EXISTS)
		return true;
	if (f->op == IN && f->n == 1)
		return v.type == f->values->type && v.bits == f->values->bits;
	if (f->op == IN)
		return f->n && bsearch(&v, f->values, f->n, sizeof v, by_value);
	if (v.type != VP_ATTR_NUMBER)
		return false;
	memcpy(&x, &v.bits, sizeof x);
	return compare(f->op, x, f->bound);
}

static void
rows_of_field(const struct vp_filter *f, const struct vp_attrs *a, uint64_t *rows, size_t words)
{
	const struct vp_field *field = vp_attrs_field(a, f->field);

	memset(rows, 0, words * sizeof *rows);
	for (size_t i = 0; field && i < field->n; i++) {
		const struct vp_entry *e = &field->entries[i];
		if (matches(f, e))
			rows[e->row / 64] |= UINT64_C(1) << (e->row % 64);
	}
	for (size_t w = 0; f->not &&w < words; w++)
		rows[w] = ~rows[w];
}

void
vp_filter_rows(const struct vp_filter *f, const struct vp_attrs *a, uint64_t *rows, size_t n)
{
	size_t words = (n + 63) / 64;
	uint64_t *more;

	if (f->op != ALL && f->op != ANY) {
		rows_of_field(f, a, rows, words);
		return;
	}
	if (f->n == 0) { /* an empty filter inside a group asks for nothing */
		memset(rows, 0xff, words * sizeof *rows);
		return;
	}
	vp_filter_rows(f->kids[0], a, rows, n);
	if (f->n == 1)
		return;
	more = vp_alloc(words, sizeof *more);
	for (size_t i = 1; i < f->n; i++) {
		vp_filter_rows(f->kids[i], a, more, n);
		for (size_t w = 0; w < words; w++)
			rows[w] = f->op == ALL ? rows[w] & more[w] : rows[w] | more[w];
	}
	free(more);
}

void
vp_filter_free(struct vp_filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; f->kids && i < f->n; i++)
		vp_filter_free(f->kids[i]);
	free(f->kids);
	free(f->values);
	free(f->field);
	free(f);
}
