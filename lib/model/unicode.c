/* unicode: what a BERT tokenizer takes each character for */
#include <utf8proc.h>

#include "unicode.h"

/* Characters that are control, punctuation or mark now and were none of it, or not there, in Unicode 8.
 * Between the ends of a range may also lie characters of other categories: it is only asked for those three. */
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

static bool
is_young(uint32_t c)
{
	size_t low = 0, high = sizeof young / sizeof *young;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c > young[mid][1])
			low = mid + 1;
		else
			high = mid;
	}
	return low < sizeof young / sizeof *young && c >= young[low][0];
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
vp_is_word(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_ND) ||
	       k == UTF8PROC_CATEGORY_PC;
}

bool
vp_is_cjk(uint32_t c)
{
	return c >= 0x3400 &&
	       (c <= 0x4dbf || (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
		   (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b81f) ||
		   (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0x2f800 && c <= 0x2fa1f));
}

size_t
vp_decompose(uint32_t c, uint32_t out[8])
{
	utf8proc_int32_t part[8];
	utf8proc_ssize_t n = 1;
	int last = 0;

	out[0] = c;
	if (c < 0xc0 ||
	    c == 0x11938) /* the latter decomposes since Unicode 13, but not for the Hub */
		return 1;
	n = utf8proc_decompose_char((utf8proc_int32_t)c, part, 8, UTF8PROC_DECOMPOSE, &last);
	if (n < 1 || n > 8)
		return 1;
	for (utf8proc_ssize_t i = 0; i < n; i++)
		out[i] = (uint32_t)part[i];
	return (size_t)n;
}

unsigned
vp_combining_class(uint32_t c)
{
	return c < 0x300 ? 0
			 : (unsigned)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
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
