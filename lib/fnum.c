/* fnum: float32 numbers to text and back
 *
 * Printing. A float is c * 2^q, and every decimal between its two neighbours' midpoints reads back as it. With
 * 10^k the largest power of ten below the interval's width, at most one multiple of 10^(k+1) and at least
 * one of 10^k lie in the interval; so the three numbers that bound and centre it, scaled by 10^-k and kept with
 * two more bits and a sticky one, decide everything in integers. 10^-k comes from a table of 64 bits.
 *
 * Reading. Up to 19 digits and a power of ten up to 22 make a double with two roundings. A float's midpoints are
 * doubles, so rounding that double again is right unless it lies at a midpoint or next to one; then, and in the rare
 * other cases, strtof decides. */
#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fnum.h"

#define POW10_MIN (-31)
#define ZEROS 0x3030303030303030 /* eight of the character */

/* 10^k for k from -31 to 45: the upper 64 bits, rounded up. */
static const uint64_t pow10_bits[] = {
    UINT64_C(0x81ceb32c4b43fcf5),
    UINT64_C(0xa2425ff75e14fc32),
    UINT64_C(0xcad2f7f5359a3b3f),
    UINT64_C(0xfd87b5f28300ca0e),
    UINT64_C(0x9e74d1b791e07e49),
    UINT64_C(0xc612062576589ddb),
    UINT64_C(0xf79687aed3eec552),
    UINT64_C(0x9abe14cd44753b53),
    UINT64_C(0xc16d9a0095928a28),
    UINT64_C(0xf1c90080baf72cb2),
    UINT64_C(0x971da05074da7bef),
    UINT64_C(0xbce5086492111aeb),
    UINT64_C(0xec1e4a7db69561a6),
    UINT64_C(0x9392ee8e921d5d08),
    UINT64_C(0xb877aa3236a4b44a),
    UINT64_C(0xe69594bec44de15c),
    UINT64_C(0x901d7cf73ab0acda),
    UINT64_C(0xb424dc35095cd810),
    UINT64_C(0xe12e13424bb40e14),
    UINT64_C(0x8cbccc096f5088cc),
    UINT64_C(0xafebff0bcb24aaff),
    UINT64_C(0xdbe6fecebdedd5bf),
    UINT64_C(0x89705f4136b4a598),
    UINT64_C(0xabcc77118461cefd),
    UINT64_C(0xd6bf94d5e57a42bd),
    UINT64_C(0x8637bd05af6c69b6),
    UINT64_C(0xa7c5ac471b478424),
    UINT64_C(0xd1b71758e219652c),
    UINT64_C(0x83126e978d4fdf3c),
    UINT64_C(0xa3d70a3d70a3d70b),
    UINT64_C(0xcccccccccccccccd),
    UINT64_C(0x8000000000000000),
    UINT64_C(0xa000000000000000),
    UINT64_C(0xc800000000000000),
    UINT64_C(0xfa00000000000000),
    UINT64_C(0x9c40000000000000),
    UINT64_C(0xc350000000000000),
    UINT64_C(0xf424000000000000),
    UINT64_C(0x9896800000000000),
    UINT64_C(0xbebc200000000000),
    UINT64_C(0xee6b280000000000),
    UINT64_C(0x9502f90000000000),
    UINT64_C(0xba43b74000000000),
    UINT64_C(0xe8d4a51000000000),
    UINT64_C(0x9184e72a00000000),
    UINT64_C(0xb5e620f480000000),
    UINT64_C(0xe35fa931a0000000),
    UINT64_C(0x8e1bc9bf04000000),
    UINT64_C(0xb1a2bc2ec5000000),
    UINT64_C(0xde0b6b3a76400000),
    UINT64_C(0x8ac7230489e80000),
    UINT64_C(0xad78ebc5ac620000),
    UINT64_C(0xd8d726b7177a8000),
    UINT64_C(0x878678326eac9000),
    UINT64_C(0xa968163f0a57b400),
    UINT64_C(0xd3c21bcecceda100),
    UINT64_C(0x84595161401484a0),
    UINT64_C(0xa56fa5b99019a5c8),
    UINT64_C(0xcecb8f27f4200f3a),
    UINT64_C(0x813f3978f8940985),
    UINT64_C(0xa18f07d736b90be6),
    UINT64_C(0xc9f2c9cd04674edf),
    UINT64_C(0xfc6f7c4045812297),
    UINT64_C(0x9dc5ada82b70b59e),
    UINT64_C(0xc5371912364ce306),
    UINT64_C(0xf684df56c3e01bc7),
    UINT64_C(0x9a130b963a6c115d),
    UINT64_C(0xc097ce7bc90715b4),
    UINT64_C(0xf0bdc21abb48db21),
    UINT64_C(0x96769950b50d88f5),
    UINT64_C(0xbc143fa4e250eb32),
    UINT64_C(0xeb194f8e1ae525fe),
    UINT64_C(0x92efd1b8d0cf37bf),
    UINT64_C(0xb7abc627050305ae),
    UINT64_C(0xe596b7b0c643c71a),
    UINT64_C(0x8f7e32ce7bea5c70),
    UINT64_C(0xb35dbf821ae4f38c),
};

static int
floor_log2_pow10(int k)
{
	return (k * 1741647) >> 19; /* right for |k| up to 1233 */
}

/* c * g / 2^64, with a lowest bit that says whether anything was cut off. */
static uint32_t
scale(uint64_t g, uint32_t c)
{
	uint64_t p = (g >> 32) * c + ((g & 0xffffffff) * c >> 32);

	return (uint32_t)(p >> 32) | ((uint32_t)p > 1);
}

/* The shortest decimal of the positive float with these bits: returns its digits and sets *exponent, so that
 * the value is digits * 10^exponent. There may be zeros at the end of the digits. */
static uint32_t
shortest(uint32_t bits, int *exponent)
{
	uint32_t fraction = bits & 0x7fffff, biased = bits >> 23;
	uint32_t c = biased ? fraction | 0x800000 : fraction;
	int q = biased ? (int)biased - 150 : -149;
	bool odd = c & 1; /* the interval's ends belong to even floats only */
	bool narrow = fraction == 0 && biased > 1; /* a power of two: the float below is nearer */
	int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
	int h = q + floor_log2_pow10(-k) + 1;
	uint64_t g = pow10_bits[-k - POW10_MIN];
	uint32_t low = scale(g, (4 * c - 2 + narrow) << h) + odd;
	uint32_t mid = scale(g, (4 * c) << h);
	uint32_t high = scale(g, (4 * c + 2) << h) - odd;
	uint32_t s = mid / 4, tens = s / 10;
	bool down, up;

	*exponent = k + 1;
	down = s >= 10 && low <= 40 * tens;
	up = s >= 10 && 40 * tens + 40 <= high;
	if (down != up)
		return tens + up;
	*exponent = k;
	down = low <= 4 * s;
	up = 4 * s + 4 <= high;
	if (down != up)
		return s + up;
	return s + (mid > 4 * s + 2 || (mid == 4 * s + 2 && (s & 1)));
}

static size_t
print_digits(char *out, uint32_t v)
{
	char text[10];
	size_t n = 0;

	do
		text[sizeof text - ++n] = (char)('0' + v % 10);
	while (v /= 10);
	memcpy(out, text + sizeof text - n, n);
	return n;
}

size_t
vp_float_print(char out[VP_FLOAT_CHARS], float x)
{
	char digits[10], *p = out;
	uint32_t bits, v;
	size_t n;
	int exponent, point;

	memcpy(&bits, &x, sizeof bits);
	if ((bits & 0x7f800000) == 0x7f800000) {
		memcpy(out, "null", 4);
		return 4;
	}
	if (bits >> 31)
		*p++ = '-';
	bits &= 0x7fffffff;
	if (bits == 0) {
		*p++ = '0';
		return (size_t)(p - out);
	}
	v = shortest(bits, &exponent);
	for (; v % 10 == 0; v /= 10)
		exponent++;
	n = print_digits(digits, v);
	point = (int)n + exponent; /* digits before the decimal point */
	if (point > 10 || point < -4) {
		*p++ = digits[0];
		if (n > 1)
			*p++ = '.';
		memcpy(p, digits + 1, n - 1);
		p += n - 1;
		*p++ = 'e';
		if (point < 1)
			*p++ = '-';
		p += print_digits(p, (uint32_t)abs(point - 1));
	} else if (point <= 0) {
		memcpy(p, "0.0000", 6);
		p += 2 - point;
		memcpy(p, digits, n);
		p += n;
	} else if ((size_t)point < n) {
		memcpy(p, digits, (size_t)point);
		p[point] = '.';
		memcpy(p + point + 1, digits + point, n - (size_t)point);
		p += n + 1;
	} else {
		memcpy(p, digits, n);
		memset(p + n, '0', (size_t)point - n);
		p += point;
	}
	return (size_t)(p - out);
}

int
vp_floats_print(struct vp_buf *out, const float *x, size_t n)
{
	char *p = n < SIZE_MAX / (VP_FLOAT_CHARS + 1) - 1
		      ? vp_buf_room(out, n * (VP_FLOAT_CHARS + 1) + 2)
		      : NULL;
	char *start = p;

	if (!p)
		return VP_E_LIMIT;
	*p++ = '[';
	for (size_t i = 0; i < n; i++) {
		if (i)
			*p++ = ',';
		p += vp_float_print(p, x[i]);
	}
	*p++ = ']';
	out->n += (size_t)(p - start);
	return 0;
}

/* What the fast path does not decide: the number is whole, from s to end. */
static const char *
read_slowly(const char *s, const char *end, float *out)
{
	char small[64], *text = small;
	size_t n = (size_t)(end - s);

	if (n >= sizeof small)
		text = vp_alloc(n + 1, 1);
	memcpy(text, s, n);
	text[n] = '\0';
	*out = strtof(text, NULL);
	if (text != small)
		free(text);
	return isinf(*out) ? NULL : end;
}

static bool
is_digit(const char *p, const char *end)
{
	return p < end && (unsigned char)(*p - '0') < 10;
}

/* Skip the digits at p and put them behind those in *v, which may wrap: eight at a time as far as they go. A word of eight
 * has the first one lowest; neighbours are joined to pairs, these to fours, these to one number, by a multiplication each. */
static const char *
read_digits(const char *p, const char *end, uint64_t *v)
{
	uint64_t w;

	for (; end - p >= 8; p += 8) {
		memcpy(&w, p, 8);
		w = le64toh(w);
		if ((((w ^ ZEROS) + 0x7676767676767676) | (w ^ ZEROS)) & 0x8080808080808080)
			break; /* one is not 0 to 9 */
		w = (w ^ ZEROS) * (10 * 0x100 + 1) >> 8 & 0x00ff00ff00ff00ff;
		w = w * (100 * 0x10000 + 1) >> 16 & 0x0000ffff0000ffff;
		w = w * (10000 * 0x100000000 + 1) >> 32;
		*v = *v * 100000000 + w;
	}
	for (; is_digit(p, end); p++)
		*v = *v * 10 + (uint64_t)(*p - '0');
	return p;
}

/* The exponent, behind its e; saturates, for no float needs more than five digits of it. */
static const char *
read_exponent(const char *p, const char *end, int *exponent)
{
	bool negative = p < end && *p == '-';
	int e = 0;

	p += p < end && (*p == '-' || *p == '+');
	if (!is_digit(p, end))
		return NULL;
	for (; is_digit(p, end); p++)
		if (e < 100000)
			e = e * 10 + (*p - '0');
	*exponent += negative ? -e : e;
	return p;
}

const char *
vp_float_read(const char *s, const char *end, float *out)
{
	static const double pow10[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	const char *p = s, *first;
	bool negative = p < end && *p == '-';
	int exponent = 0;
	ptrdiff_t n;
	uint64_t v = 0, bits;
	double d;

	p += negative;
	for (first = p; is_digit(p, end); p++) /* few, as a rule */
		v = v * 10 + (uint64_t)(*p - '0');
	n = p - first;
	if (n == 0)
		return NULL;
	if (p < end && *p == '.') {
		first = ++p;
		p = read_digits(p, end, &v);
		if (p == first)
			return NULL;
		n += p - first;
		exponent =
		    p - first < 100 ? (int)(first - p) : -100; /* then n sends it to strtof */
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p = read_exponent(p + 1, end, &exponent);
		if (!p)
			return NULL;
	}
	if (n > 19 || exponent < -22 || exponent > 22)
		return read_slowly(s, p, out);
	d = exponent < 0 ? (double)v / pow10[-exponent] : (double)v * pow10[exponent];
	memcpy(&bits, &d, sizeof bits);
	/* d is rounded at most twice, so it is within 2 of the last bit; what lies so near to the middle between two
	 * floats, strtof decides */
	if ((bits & 0x1fffffff) - 0x0ffffffe <= 4 || (d < 0x1p-126 && v) || d >= 0x1.ffffffp127)
		return read_slowly(s, p, out);
	*out = (float)(negative ? -d : d);
	return p;
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

int
vp_floats_read(struct vp_span array, float *out, size_t n)
{
	const char *end = array.s + array.n, *p = skip_space(array.s, end);
	size_t i = 0;

	if (p == end || *p != '[')
		return VP_E_SYNTAX;
	p = skip_space(p + 1, end);
	if (p < end && *p == ']')
		return n ? VP_E_DIM : 0;
	for (;; i++, p = skip_space(p + 1, end)) {
		if (i == n)
			return VP_E_DIM;
		p = vp_float_read(p, end, &out[i]);
		if (!p)
			return VP_E_SYNTAX;
		p = skip_space(p, end);
		if (p == end || (*p != ',' && *p != ']'))
			return VP_E_SYNTAX;
		if (*p == ']')
			return i + 1 == n ? 0 : VP_E_DIM;
	}
}
