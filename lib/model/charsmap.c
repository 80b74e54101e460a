/* charsmap: the Precompiled normalizer */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "../err.h"
#include "../json.h"
#include "charsmap.h"
#include "unicode.h"

#define WHOLE_MAX 5 /* bytes of a cluster that is looked up as a whole */

static int
base64_value(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int
base64_decode(struct vp_span s, struct vp_buf *out)
{
	uint32_t bits = 0;
	int have = 0, value;

	while (s.n && s.s[s.n - 1] == '=')
		s.n--;
	for (size_t i = 0; i < s.n; i++) {
		if ((value = base64_value(s.s[i])) < 0)
			return VP_E_SYNTAX;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8)
			vp_buf_putc(out, (char)(bits >> (have -= 8) & 0xff));
	}
	return 0;
}

/* The fields of a unit of the trie. */
static bool
has_leaf(uint32_t unit)
{
	return unit >> 8 & 1;
}

static bool
is_leaf(uint32_t unit)
{
	return unit >> 31;
}

static size_t
offset_of(uint32_t unit)
{
	return (size_t)(unit >> 10) << ((unit & 1U << 9) >> 6);
}

/* Whether an offset into the replacements is the beginning of one that is whole. */
static bool
begins_text(const struct vp_charsmap *m, size_t at)
{
	return at < m->text.n && (m->text.s[at] & 0xc0) != 0x80;
}

static bool
leaf_is_sound(const struct vp_charsmap *m, size_t i)
{
	size_t leaf = i ^ offset_of(m->unit[i]);

	return leaf < m->units && begins_text(m, m->unit[leaf] & 0x7fffffff);
}

int
vp_charsmap_open(struct vp_charsmap *m, struct vp_span base64)
{
	const unsigned char *b;
	size_t size;

	*m = (struct vp_charsmap){0};
	if (base64_decode(base64, &m->bytes) || m->bytes.n < 4)
		return VP_E_SYNTAX;
	b = (const unsigned char *)m->bytes.s;
	size = (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
	if (size % 4 || size < 4 || size > m->bytes.n - 4)
		return VP_E_SYNTAX;
	m->units = size / 4;
	m->unit = vp_alloc(m->units, sizeof *m->unit);
	for (size_t i = 0; i < m->units; i++) {
		const unsigned char *u = b + 4 + 4 * i;

		m->unit[i] = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 |
			     (uint32_t)u[3] << 24;
	}
	m->text = (struct vp_span){m->bytes.s + 4 + size, m->bytes.n - 4 - size};
	if (!m->text.n || m->text.s[m->text.n - 1] || !vp_utf8_valid(m->text, NULL))
		return VP_E_SYNTAX;
	for (size_t i = 0; i < m->units; i++)
		if (!is_leaf(m->unit[i]) && has_leaf(m->unit[i]) && !leaf_is_sound(m, i))
			return VP_E_SYNTAX;
	return 0;
}

void
vp_charsmap_free(struct vp_charsmap *m)
{
	free(m->unit);
	vp_buf_free(&m->bytes);
	*m = (struct vp_charsmap){0};
}

/* What the shortest beginning of s that is in the table becomes. */
static bool
find(const struct vp_charsmap *m, struct vp_span s, struct vp_span *to)
{
	size_t at = offset_of(m->unit[0]);

	for (size_t i = 0; i < s.n && s.s[i]; i++) {
		uint32_t unit;

		at ^= (unsigned char)s.s[i];
		if (at >= m->units)
			return false;
		unit = m->unit[at];
		if ((unit & 0x800000ff) != (unsigned char)s.s[i])
			return false;
		at ^= offset_of(unit);
		if (has_leaf(unit)) {
			const char *text = m->text.s + (m->unit[at] & 0x7fffffff);

			*to = vp_str(text);
			return true;
		}
	}
	return false;
}

static void
apply_cluster(const struct vp_charsmap *m, struct vp_span cluster, struct vp_buf *out)
{
	const char *end = cluster.s + cluster.n;
	struct vp_span to;

	if (cluster.n <= WHOLE_MAX && find(m, cluster, &to)) {
		vp_buf_span(out, to);
		return;
	}
	for (const char *p = cluster.s, *next = p; p < end; p = next) {
		struct vp_span c;

		vp_utf8_next(&next);
		c = (struct vp_span){p, (size_t)(next - p)};
		vp_buf_span(out, find(m, c, &to) ? to : c);
	}
}

void
vp_charsmap_apply(const struct vp_charsmap *m, struct vp_span text, struct vp_buf *out)
{
	const char *from = text.s, *end = text.s + text.n, *p = from;
	utf8proc_int32_t state = 0, last = 0;

	while (p < end) {
		const char *at = p;
		utf8proc_int32_t c = (utf8proc_int32_t)vp_utf8_next(&p);

		if (at > from && utf8proc_grapheme_break_stateful(last, c, &state)) {
			apply_cluster(m, (struct vp_span){from, (size_t)(at - from)}, out);
			from = at;
		}
		last = c;
	}
	if (from < end)
		apply_cluster(m, (struct vp_span){from, (size_t)(end - from)}, out);
}
