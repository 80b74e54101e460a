/* unicode: what a tokenizer takes each character for */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "../err.h"
#include "unicode.h"

/* Characters that are control, punctuation or mark now and were none of it, or not there, in
 * Unicode 8. Between the ends of a range may also lie characters of other categories: it is only
 * asked for those three. */
static const uint32_t young[][2] = {
    {0x61d, 0x61d},
    {0x7fd, 0x7fd},
    {0x890, 0x8e2},
    {0x9fd, 0x9fe},
    {0xa76, 0xa76},
    {0xafa, 0xaff},
    {0xb55, 0xb55},
    {0xc04, 0xc3c},
    {0xc77, 0xc77},
    {0xc84, 0xc84},
    {0xd00, 0xd00},
    {0xd3b, 0xd3c},
    {0xd81, 0xd81},
    {0xeba, 0xeba},
    {0xece, 0xece},
    {0x180f, 0x1886},
    {0x1abf, 0x1ace},
    {0x1b7d, 0x1b7e},
    {0x1df6, 0x1dfb},
    {0x2e43, 0x2e5d},
    {0xa82c, 0xa82c},
    {0xa8c5, 0xa8c5},
    {0xa8ff, 0xa8ff},
    {0xa9bd, 0xa9bd},
    {0x10d24, 0x10f89},
    {0x11070, 0x11074},
    {0x110c2, 0x110cd},
    {0x111cf, 0x111cf},
    {0x1123e, 0x11241},
    {0x1133b, 0x1133b},
    {0x11438, 0x1145e},
    {0x11660, 0x1166c},
    {0x116b9, 0x116b9},
    {0x1182f, 0x11fff},
    {0x12ff1, 0x12ff2},
    {0x13430, 0x13455},
    {0x16e97, 0x16f4f},
    {0x16fe2, 0x16fe4},
    {0x1cf00, 0x1cf46},
    {0x1e000, 0x1e2ef},
    {0x1e4ec, 0x1e4ef},
    {0x1e944, 0x1e95f},
};

/* Letters, and numbers, of Unicode 16, which utf8proc does not know yet. */
static const uint32_t letters_young[][2] = {
    {0x1c89, 0x1c8a},
    {0xa7cb, 0xa7cd},
    {0xa7da, 0xa7dc},
    {0x105c0, 0x105f3},
    {0x10d4a, 0x10d65},
    {0x10d6f, 0x10d85},
    {0x10ec2, 0x10ec4},
    {0x11380, 0x11389},
    {0x1138b, 0x1138b},
    {0x1138e, 0x1138e},
    {0x11390, 0x113b5},
    {0x113b7, 0x113b7},
    {0x113d1, 0x113d1},
    {0x113d3, 0x113d3},
    {0x11bc0, 0x11be0},
    {0x13460, 0x143fa},
    {0x16100, 0x1611d},
    {0x16d40, 0x16d6c},
    {0x18cff, 0x18cff},
    {0x1e5d0, 0x1e5ed},
    {0x1e5f0, 0x1e5f0},
    {0x2ebf0, 0x2ee5d},
};

static const uint32_t numbers_young[][2] = {
    {0x10d40, 0x10d49},
    {0x116d0, 0x116e3},
    {0x11bf0, 0x11bf9},
    {0x16130, 0x16139},
    {0x16d70, 0x16d79},
    {0x1ccf0, 0x1ccf9},
    {0x1e5f1, 0x1e5fa},
};

/* What else belongs to a word: other alphabetic characters, joiners, and marks of Unicode 16. */
static const uint32_t word_others[][2] = {
    {0x897, 0x897},
    {0x200c, 0x200d},
    {0x24b6, 0x24e9},
    {0x10d69, 0x10d6d},
    {0x10efc, 0x10efc},
    {0x113b8, 0x113c0},
    {0x113c2, 0x113c2},
    {0x113c5, 0x113c5},
    {0x113c7, 0x113ca},
    {0x113cc, 0x113d0},
    {0x113d2, 0x113d2},
    {0x113e1, 0x113e2},
    {0x11f5a, 0x11f5a},
    {0x1611e, 0x1612f},
    {0x1e5ee, 0x1e5ef},
    {0x1f130, 0x1f149},
    {0x1f150, 0x1f169},
    {0x1f170, 0x1f189},
};

/* Marks younger than Unicode 9, which have no combining class for the Hub: nothing is ordered or
 * composed across them. */
static const uint32_t classless[][2] = {
    {0x7fd, 0x7fd},
    {0x898, 0x89f},
    {0x8ca, 0x8d3},
    {0x9fe, 0x9fe},
    {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},
    {0xeba, 0xeba},
    {0x1715, 0x1715},
    {0x1abf, 0x1ace},
    {0x1df6, 0x1dfa},
    {0xa82c, 0xa82c},
    {0x10d24, 0x10d27},
    {0x10eab, 0x10eac},
    {0x10efd, 0x10eff},
    {0x10f46, 0x10f50},
    {0x10f82, 0x10f85},
    {0x11070, 0x11070},
    {0x1133b, 0x1133b},
    {0x1145e, 0x1145e},
    {0x11839, 0x1183a},
    {0x1193d, 0x1193e},
    {0x11943, 0x11943},
    {0x119e0, 0x119e0},
    {0x11a34, 0x11a34},
    {0x11a47, 0x11a47},
    {0x11a99, 0x11a99},
    {0x11d42, 0x11d42},
    {0x11d44, 0x11d45},
    {0x11d97, 0x11d97},
    {0x11f41, 0x11f42},
    {0x16ff0, 0x16ff1},
    {0x1e08f, 0x1e08f},
    {0x1e130, 0x1e136},
    {0x1e2ae, 0x1e2ae},
    {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef},
};

/* What has a compatible decomposition, but was none in Unicode 9. */
static const uint32_t compatible_young[][2] = {
    {0x32ff, 0x32ff},
    {0xa7f2, 0xa7f4},
    {0xab69, 0xab69},
    {0x10781, 0x10785},
    {0x10787, 0x107b0},
    {0x107b2, 0x107ba},
    {0x1e030, 0x1e06d},
    {0x1f16c, 0x1f16c},
    {0x1fbf0, 0x1fbf9},
};

/* Lower case that is younger than utf8proc's: from first to last, every step-th, by an offset. */
static const struct {
	uint32_t first, last, step;
	int32_t offset;
} lower_young[] = {
    {0x1c89, 0x1c89, 1, 1},
    {0xa7cb, 0xa7cb, 1, 0x264 - 0xa7cb},
    {0xa7cc, 0xa7ce, 2, 1},
    {0xa7d2, 0xa7d4, 2, 1},
    {0xa7da, 0xa7da, 1, 1},
    {0xa7dc, 0xa7dc, 1, 0x19b - 0xa7dc},
    {0x10d50, 0x10d65, 1, 0x20},
    {0x16ea0, 0x16eb8, 1, 0x1b},
};

/* Whether c lies in one of n ranges, which are in order. */
static bool
in_ranges(uint32_t c, const uint32_t (*range)[2], size_t n)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c > range[mid][1])
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && c >= range[low][0];
}

#define IN(c, ranges) in_ranges(c, ranges, sizeof(ranges) / sizeof *(ranges))

static bool
is_young(uint32_t c)
{
	return IN(c, young);
}

uint32_t
vp_utf8_next(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	uint32_t c = *s++;
	unsigned more = c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

	if (more)
		c &= 0x3fU >> more;
	for (; more; more--)
		c = c << 6 | (*s++ & 0x3f);
	*p = (const char *)s;
	return c;
}

size_t
vp_utf8_put(char out[4], uint32_t c)
{
	return (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out);
}

static utf8proc_category_t
category(uint32_t c)
{
	return utf8proc_category((utf8proc_int32_t)c);
}

bool
vp_is_space(uint32_t c)
{
	return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

const char *
vp_skip_space(const char *p, const char *end)
{
	for (const char *next = p; p < end; p = next)
		if (!vp_is_space(vp_utf8_next(&next)))
			break;
	return p;
}

const char *
vp_skip_space_back(const char *from, const char *p)
{
	while (p > from) {
		const char *q = p - 1, *c;

		while (q > from && (*q & 0xc0) == 0x80)
			q--;
		c = q;
		if (!vp_is_space(vp_utf8_next(&c)))
			break;
		p = q;
	}
	return p;
}

bool
vp_is_control(uint32_t c)
{
	utf8proc_category_t k;

	if (c < 0x7f)
		return c < 0x20 && c != '\t' && c != '\n' && c != '\r';
	k = category(c);
	return k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CO || c == 0xfffd ||
	       (k == UTF8PROC_CATEGORY_CF && !is_young(c));
}

bool
vp_is_punct(uint32_t c)
{
	utf8proc_category_t k;

	if (c < 0x7f)
		return c > 0x20 && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
	k = category(c);
	return (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO && !is_young(c)) ||
	       c == 0x166d || c == 0x111c9; /* both were punctuation in Unicode 8 */
}

bool
vp_is_mark(uint32_t c)
{
	if (c < 0x300)
		return false;
	return (category(c) == UTF8PROC_CATEGORY_MN && !is_young(c) && c != 0x111c9) || c == 0x1734;
}

bool
vp_is_accent(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME && !IN(c, classless);
}

bool
vp_is_word(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) ||
	       k == UTF8PROC_CATEGORY_PC ||
	       (c >= 0x897 && (IN(c, word_others) || IN(c, letters_young) || IN(c, numbers_young)));
}

bool
vp_is_cjk(uint32_t c)
{
	return c >= 0x3400 &&
	       (c <= 0x4dbf || (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
		   (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b81f) ||
		   (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0x2f800 && c <= 0x2fa1f));
}

bool
vp_is_letter(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
	       (k == UTF8PROC_CATEGORY_CN && IN(c, letters_young));
}

bool
vp_is_number(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO) ||
	       (k == UTF8PROC_CATEGORY_CN && IN(c, numbers_young));
}

size_t
vp_decompose(uint32_t c, bool compatible, uint32_t out[VP_DECOMPOSED])
{
	utf8proc_int32_t part[VP_DECOMPOSED];
	utf8proc_ssize_t n = 1;
	int last = 0;

	out[0] = c;
	if (c < 0xa0 || c == 0x11938 || /* the latter decomposes since Unicode 13 */
	    (compatible && IN(c, compatible_young)))
		return 1;
	n = utf8proc_decompose_char((utf8proc_int32_t)c, part, VP_DECOMPOSED,
	    compatible ? UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT : UTF8PROC_DECOMPOSE, &last);
	if (n < 1 || n > VP_DECOMPOSED)
		return 1;
	for (utf8proc_ssize_t i = 0; i < n; i++)
		out[i] = (uint32_t)part[i];
	return (size_t)n;
}

static unsigned
combining_class(uint32_t c)
{
	unsigned class;

	if (c < 0x300)
		return 0;
	class = (unsigned)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
	return class && IN(c, classless) ? 0 : class;
}

/* A long run: one pass for each class that is in it, of which there are 55. */
static void
order_long(uint32_t *c, size_t n)
{
	uint32_t *sorted = vp_alloc(n, sizeof *sorted);
	bool have[256] = {false};
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		have[combining_class(c[i])] = true;
	for (unsigned class = 0; class < 256; class ++)
		for (size_t i = 0; have[class] && i < n; i++)
			if (combining_class(c[i]) == class)
				sorted[at++] = c[i];
	memcpy(c, sorted, n * sizeof *c);
	free(sorted);
}

void
vp_order_marks(uint32_t *c, size_t n)
{
	for (size_t from = 0, to; from < n; from = to + 1) {
		for (to = from; to < n && combining_class(c[to]); to++)
			;
		if (to - from > 32) {
			order_long(c + from, to - from);
			continue;
		}
		for (size_t i = from + 1; i < to; i++) {
			uint32_t mark = c[i];
			size_t k = i;

			for (; k > from && combining_class(c[k - 1]) > combining_class(mark); k--)
				c[k] = c[k - 1];
			c[k] = mark;
		}
	}
}

size_t
vp_compose(uint32_t *c, size_t n)
{
	size_t done = 0;

	for (size_t from = 0, to; from < n; from = to) {
		utf8proc_ssize_t left = 1;

		for (to = from; to < n && !IN(c[to], classless); to++)
			;
		if (to > from)
			left = utf8proc_normalize_utf32((utf8proc_int32_t *)c + from,
			    (utf8proc_ssize_t)(to - from), UTF8PROC_COMPOSE | UTF8PROC_STABLE);
		else
			to++;
		if (left < 0) /* it is left as it is */
			left = (utf8proc_ssize_t)(to - from);
		memmove(c + done, c + from, (size_t)left * sizeof *c);
		done += (size_t)left;
	}
	return done;
}

size_t
vp_lower(uint32_t c, uint32_t out[2])
{
	if (c < 0x80) {
		out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
		return 1;
	}
	if (c == 0x130) {
		out[0] = 'i';
		out[1] = 0x307;
		return 2;
	}
	out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
	if (c >= lower_young[0].first)
		for (size_t i = 0; i < sizeof lower_young / sizeof *lower_young; i++)
			if (c >= lower_young[i].first && c <= lower_young[i].last &&
			    (c - lower_young[i].first) % lower_young[i].step == 0)
				out[0] = (uint32_t)((int32_t)c + lower_young[i].offset);
	return 1;
}
