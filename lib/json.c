/* json: find, check and copy spans of JSON text
 *
 * The scanner is one loop over values with a bit for each open level, so nesting costs no stack. Its two
 * hot spots are runs of digits (vectors) and runs of plain string bytes (texts): both go 16 bytes a step
 * where the machine has SSE2, which every x86-64 has; elsewhere a byte a step. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "decimals.h"
#include "json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static bool
is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static const char *
skip_digits(const char *p, const char *end)
{
#ifdef __SSE2__
	/* '0'..'9' moved to the ten lowest signed bytes: one comparison finds all others */
	const __m128i shift = _mm_set1_epi8((char)(0x80 - '0')),
		      last = _mm_set1_epi8((char)(0x80 + 9));

	while (end - p >= 16) {
		__m128i v = _mm_add_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), shift);
		int other = _mm_movemask_epi8(_mm_cmpgt_epi8(v, last));
		if (other)
			return p + __builtin_ctz((unsigned)other);
		p += 16;
	}
#endif
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/* RFC 8259 section 6. NULL where no number stands at p. *large: it may be beyond float32's range, as 39 digits
 * or any exponent may. */
static inline const char *
skip_number(const char *p, const char *end, bool *large)
{
	const char *q;

	*large = false;
	p += p < end && *p == '-';
	if (p == end)
		return NULL;
	if (*p == '0') {
		p++;
	} else {
		q = skip_digits(p, end);
		if (q == p)
			return NULL;
		*large = q - p >= 39;
		p = q;
	}
	if (p < end && *p == '.') {
		q = skip_digits(p + 1, end);
		if (q == p + 1)
			return NULL;
		p = q;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		*large = true;
		p++;
		p += p < end && (*p == '+' || *p == '-');
		q = skip_digits(p, end);
		if (q == p)
			return NULL;
		p = q;
	}
	return p;
}

/* The length of the UTF-8 sequence at p (RFC 3629 section 4), 0 if there is none. */
static size_t
utf8_length(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t left = (size_t)(end - p), n = 0;

	if (u[0] < 0x80)
		return 1;
	if (u[0] >= 0xc2 && u[0] <= 0xdf)
		n = 2;
	else if ((u[0] & 0xf0) == 0xe0)
		n = 3;
	else if (u[0] >= 0xf0 && u[0] <= 0xf4)
		n = 4;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
		return 0; /* overlong, a surrogate, above U+10FFFF */
	return n;
}

/* Pass over bytes that mean nothing special in a string: all but `"`, `\`, controls and non-ASCII. */
static const char *
skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'),
		      blank = _mm_set1_epi8(0x20);

	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* signed: bytes from 0x80 on are below the blank as well */
		__m128i hit = _mm_or_si128(_mm_cmplt_epi8(v, blank),
		    _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
		int special = _mm_movemask_epi8(hit);
		if (special)
			return p + __builtin_ctz((unsigned)special);
		p += 16;
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= 0x20)
		p++;
	return p;
}

static int
hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		if (is_digit(c))
			v = v * 16 + (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* p stands behind the opening quote; the return value behind the closing one. */
static const char *
skip_string(const char *p, const char *end, int *error)
{
	for (;;) {
		p = skip_plain(p, end);
		if (p == end)
			break;
		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			if (end - p < 2)
				break;
			if (p[1] == 'u') {
				if (hex4(p + 2, end) < 0)
					break;
				p += 6;
			} else if (p[1] && strchr("\"\\/bfnrt", p[1])) {
				p += 2;
			} else {
				break;
			}
		} else if ((unsigned char)*p < 0x20) {
			break;
		} else {
			size_t n = utf8_length(p, end);
			if (n == 0) {
				*error = VP_E_UTF8;
				return NULL;
			}
			p += n;
		}
	}
	*error = VP_E_SYNTAX;
	return NULL;
}

/* `"key" :`, from white space before it to behind the colon. key is without its quotes. */
static const char *
skip_key(const char *p, const char *end, struct vp_span *key, int *error)
{
	const char *q;

	*error = VP_E_SYNTAX;
	p = skip_space(p, end);
	if (p == end || *p != '"')
		return NULL;
	q = skip_string(p + 1, end, error);
	if (!q)
		return NULL;
	*key = (struct vp_span){p + 1, (size_t)(q - p) - 2};
	p = skip_space(q, end);
	if (p == end || *p != ':')
		return NULL;
	return p + 1;
}

static const char *
skip_word(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* One value that is neither array nor object; p stands on its first byte. */
static const char *
skip_scalar(const char *p, const char *end, int *error)
{
	bool large;

	*error = VP_E_SYNTAX;
	switch (*p) {
	case '"':
		return skip_string(p + 1, end, error);
	case 't':
		return skip_word(p, end, "true");
	case 'f':
		return skip_word(p, end, "false");
	case 'n':
		return skip_word(p, end, "null");
	default:
		return skip_number(p, end, &large);
	}
}

/* Pass over one value of any kind; p stands on its first byte. */
static const char *
skip_value(const char *p, const char *end, int *error)
{
	uint64_t objects[VP_JSON_DEPTH / 64]; /* a bit for each open level: object or array */
	size_t depth = 0;
	bool in_object = false, large;
	size_t numbers = 0;
	struct vp_span key;

	for (;;) {
		*error = VP_E_SYNTAX;
		p = skip_space(p, end);
		if (p == end)
			return NULL;
		if (*p == '{' || *p == '[') {
			char close = *p == '{' ? '}' : ']';
			uint64_t bit = UINT64_C(1) << (depth % 64);

			if (depth == VP_JSON_DEPTH) {
				*error = VP_E_LIMIT;
				return NULL;
			}
			in_object = *p == '{';
			objects[depth / 64] = depth % 64 ? objects[depth / 64] & ~bit : 0;
			objects[depth / 64] |= in_object ? bit : 0;
			depth++;
			p = skip_space(p + 1, end);
			if (p == end || *p != close) {
				if (in_object && !(p = skip_key(p, end, &key, error)))
					return NULL;
				continue;
			}
		} else if (depth && !in_object && (*p == '-' || is_digit(*p))) {
			/* a vector: stay here while number follows number */
			for (;;) {
				p = vp_decimals(p, end, &numbers);
				if (!(p = skip_number(p, end, &large)))
					return NULL;
				if (end - p < 2 || *p != ',' || (p[1] != '-' && !is_digit(p[1])))
					break;
				p++;
			}
		} else if (!(p = skip_scalar(p, end, error))) {
			return NULL;
		}
		for (;;) { /* a value has ended, or an empty container stands before its close */
			if (depth == 0)
				return p;
			*error = VP_E_SYNTAX;
			p = skip_space(p, end);
			if (p == end)
				return NULL;
			if (*p == ',')
				break;
			if (*p != (in_object ? '}' : ']'))
				return NULL;
			p++;
			depth--;
			in_object = depth && (objects[(depth - 1) / 64] >> ((depth - 1) % 64) & 1);
		}
		p++;
		if (in_object && !(p = skip_key(p, end, &key, error)))
			return NULL;
	}
}

int
vp_json_check(struct vp_span doc, struct vp_span *value)
{
	const char *end, *p, *q;
	int error = VP_E_SYNTAX;

	if (doc.n == 0) /* doc.s may be NULL */
		return VP_E_SYNTAX;
	end = doc.s + doc.n;
	p = skip_space(doc.s, end);
	if (p == end || !(q = skip_value(p, end, &error)))
		return error;
	if (skip_space(q, end) != end)
		return VP_E_SYNTAX;
	if (value)
		*value = (struct vp_span){p, (size_t)(q - p)};
	return 0;
}

char
vp_json_type(struct vp_span value)
{
	if (value.n == 0)
		return 0;
	return *value.s == '-' || is_digit(*value.s) ? '0' : *value.s;
}

void
vp_json_begin(struct vp_json_walk *w, struct vp_span value)
{
	w->p = value.n ? value.s : ""; /* value.s may be NULL */
	w->end = w->p + value.n;
	w->started = w->inner = false;
}

/* Up to the next member or item: 1 where one follows, 0 at the end. */
static int
walk_on(struct vp_json_walk *w, char open, char close)
{
	const char *p = skip_space(w->p, w->end);
	bool first = !w->started;

	if (first) {
		if (p == w->end)
			return VP_E_SYNTAX;
		if (*p != open)
			return VP_E_TYPE;
		w->started = true;
		p = skip_space(p + 1, w->end);
	}
	if (p == w->end)
		return VP_E_SYNTAX;
	if (*p == close) {
		w->p = p; /* a further step ends here again */
		return w->inner || skip_space(p + 1, w->end) == w->end ? 0 : VP_E_SYNTAX;
	}
	if (!first) {
		if (*p != ',')
			return VP_E_SYNTAX;
		p = skip_space(p + 1, w->end);
		if (p == w->end)
			return VP_E_SYNTAX;
	}
	w->p = p;
	return 1;
}

int
vp_json_pass(struct vp_json_walk *w, struct vp_span *value)
{
	int error = VP_E_SYNTAX;
	const char *p = skip_space(w->p, w->end), *q;

	if (p == w->end || !(q = skip_value(p, w->end, &error)))
		return error;
	*value = (struct vp_span){p, (size_t)(q - p)};
	w->p = q;
	return 1;
}

int
vp_json_key(struct vp_json_walk *w, struct vp_span *key)
{
	int e = walk_on(w, '{', '}');
	const char *p;

	if (e <= 0)
		return e;
	p = skip_key(w->p, w->end, key, &e);
	if (!p)
		return e;
	w->p = skip_space(p, w->end);
	return 1;
}

int
vp_json_member(struct vp_json_walk *w, struct vp_span *key, struct vp_span *value)
{
	int e = vp_json_key(w, key);

	return e <= 0 ? e : vp_json_pass(w, value);
}

int
vp_json_next(struct vp_json_walk *w)
{
	return walk_on(w, '[', ']');
}

int
vp_json_item(struct vp_json_walk *w, struct vp_span *value)
{
	int e = vp_json_next(w);

	return e <= 0 ? e : vp_json_pass(w, value);
}

void
vp_json_enter(const struct vp_json_walk *w, struct vp_json_walk *inner)
{
	vp_json_begin(inner, (struct vp_span){w->p, (size_t)(w->end - w->p)});
	inner->inner = true;
}

void
vp_json_leave(struct vp_json_walk *w, const struct vp_json_walk *inner, struct vp_span *value)
{
	*value = (struct vp_span){w->p, (size_t)(inner->p + 1 - w->p)};
	w->p = inner->p + 1;
}

int
vp_json_find(struct vp_span obj, const char *name, struct vp_span *value)
{
	struct vp_json_walk w;
	struct vp_span key;
	int e;

	vp_json_begin(&w, obj);
	while ((e = vp_json_member(&w, &key, value)) > 0)
		if (vp_json_key_is(key, name))
			return 1;
	return e;
}

int
vp_json_path(struct vp_span obj, struct vp_span *value, ...)
{
	va_list names;
	const char *name;
	int e = 1;

	va_start(names, value);
	*value = obj;
	while (e == 1 && (name = va_arg(names, const char *)))
		e = vp_json_find(*value, name, value);
	va_end(names);
	return e;
}

/* Decode what stands at *p in a string's inside: a plain character or an escape. Writes up to 4 bytes to
 * out and returns their number; 0 for a lone surrogate. */
static size_t
decode_one(const char **p, const char *end, char out[4])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *s = *p;
	size_t n;
	long c;

	if (*s != '\\') {
		n = utf8_length(s, end);
		memcpy(out, s, n);
		*p = s + n;
		return n;
	}
	if (s[1] != 'u') {
		*out = to[strchr(from, s[1]) - from];
		*p = s + 2;
		return 1;
	}
	c = hex4(s + 2, end);
	*p = s + 6;
	if (c >= 0xd800 && c < 0xe000) {
		int low = c < 0xdc00 && end - s >= 12 && s[6] == '\\' && s[7] == 'u'
			      ? hex4(s + 8, end)
			      : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return 0;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		*p = s + 12;
	}
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; --i > 0; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf0 << (4 - n) & 0xff) | c);
	return n;
}

bool
vp_json_key_is(struct vp_span key, const char *name)
{
	const char *p = key.s, *end = key.s + key.n;

	if (!key.n || !memchr(key.s, '\\', key.n))
		return vp_span_is(key, name);
	while (p < end) {
		char c[4];
		size_t n = decode_one(&p, end, c);
		if (n == 0 || strncmp(name, c, n) != 0 || !*c)
			return false;
		name += n;
	}
	return !*name;
}

/* An array of finite numbers at p, white space not included. NULL with *error; else the byte behind it. */
static const char *
skip_numbers(const char *p, const char *end, size_t *count, int *error)
{
	const char *q;
	size_t n = 0;
	bool large;
	double d;

	*error = VP_E_TYPE;
	if (p == end || *p != '[')
		return NULL;
	p = skip_space(p + 1, end);
	if (p < end && *p == ']') {
		*count = 0;
		return p + 1;
	}
	for (;; p = skip_space(p + 1, end)) {
		p = vp_decimals(p, end, &n);
		if (!(q = skip_number(p, end, &large))) {
			*error = p == end ? VP_E_SYNTAX : VP_E_TYPE;
			return NULL;
		}
		n++;
		if (large && (vp_json_double((struct vp_span){p, (size_t)(q - p)}, &d) ||
				 !isfinite((float)d))) {
			*error = VP_E_NUMBER;
			return NULL;
		}
		p = skip_space(q, end);
		if (p < end && *p == ']')
			break;
		if (p == end || *p != ',') {
			*error = VP_E_SYNTAX;
			return NULL;
		}
	}
	*count = n;
	return p + 1;
}

int
vp_json_numbers(struct vp_span array, size_t *count)
{
	const char *end, *p;
	int error;

	if (array.n == 0)
		return VP_E_TYPE;
	end = array.s + array.n;
	p = skip_numbers(skip_space(array.s, end), end, count, &error);
	if (!p)
		return error;
	return skip_space(p, end) == end ? 0 : VP_E_SYNTAX;
}

int
vp_json_pass_numbers(struct vp_json_walk *w, struct vp_span *value, size_t *count)
{
	int e;
	const char *p = skip_space(w->p, w->end), *q = skip_numbers(p, w->end, count, &e);

	if (!q)
		return e;
	*value = (struct vp_span){p, (size_t)(q - p)};
	w->p = q;
	return 1;
}

int
vp_json_decode(struct vp_span string, struct vp_buf *out)
{
	const char *p, *end;

	if (string.n < 2 || *string.s != '"')
		return VP_E_TYPE;
	end = string.s + string.n - 1;
	for (p = string.s + 1; p < end;) {
		const char *plain = p;
		char c[4];
		size_t n;

		while (p < end && *p != '\\')
			p++;
		if (vp_buf_add(out, plain, (size_t)(p - plain)))
			return VP_E_LIMIT;
		if (p == end)
			break;
		n = decode_one(&p, end, c);
		if (n == 0)
			return VP_E_UTF8;
		if (vp_buf_add(out, c, n))
			return VP_E_LIMIT;
	}
	return 0;
}

int
vp_json_quote(struct vp_buf *out, struct vp_span s)
{
	const char *p = s.n ? s.s : "", *end = p + s.n;

	if (vp_buf_putc(out, '"'))
		return VP_E_LIMIT;
	while (p < end) {
		const char *plain = p;
		char escape[8];
		size_t n;

		while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
			p++;
		if (vp_buf_add(out, plain, (size_t)(p - plain)))
			return VP_E_LIMIT;
		if (p == end)
			break;
		escape[0] = '\\';
		n = 2;
		switch (*p) {
		case '\n':
			escape[1] = 'n';
			break;
		case '\t':
			escape[1] = 't';
			break;
		case '\r':
			escape[1] = 'r';
			break;
		case '"':
		case '\\':
			escape[1] = *p;
			break;
		default:
			memcpy(escape + 1, "u00", 3);
			escape[4] = "01"[(unsigned char)*p >> 4];
			escape[5] = "0123456789abcdef"[*p & 15];
			n = 6;
		}
		if (vp_buf_add(out, escape, n))
			return VP_E_LIMIT;
		p++;
	}
	return vp_buf_putc(out, '"');
}

int
vp_json_double(struct vp_span value, double *out)
{
	char small[64], *text = small;

	if (vp_json_type(value) != '0')
		return VP_E_TYPE;
	if (value.n >= sizeof small)
		text = vp_alloc(value.n + 1, 1);
	memcpy(text, value.s, value.n);
	text[value.n] = '\0';
	*out = strtod(text, NULL);
	if (text != small)
		free(text);
	return isfinite(*out) ? 0 : VP_E_NUMBER;
}

int
vp_json_uint(struct vp_span value, uint64_t *out)
{
	double d;
	int e = vp_json_double(value, &d);

	if (e)
		return e;
	if (!(d >= 0 && d <= 9007199254740992.0) || d != floor(d))
		return VP_E_NUMBER;
	*out = (uint64_t)d;
	return 0;
}

bool
vp_utf8_valid(struct vp_span s, size_t *bad)
{
	const char *p = s.n ? s.s : "", *end = p + s.n;

	while (p < end) {
		size_t n;
#ifdef __SSE2__
		while (end - p >= 16 &&
		       !_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p)))
			p += 16;
		if (p == end)
			break;
#endif
		n = utf8_length(p, end);
		if (n == 0) {
			if (bad)
				*bad = s.n - (size_t)(end - p);
			return false;
		}
		p += n;
	}
	return true;
}
