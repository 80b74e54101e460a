/* fnum: every float comes back, in the fewest digits; reading agrees with strtof */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnum.h"

static uint64_t seed = 88172645463325252;
static unsigned long failures;

static uint64_t
draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint32_t
bits_of(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static void
fail(const char *what, const char *text)
{
	printf("%s: %s\n", what, text);
	failures++;
}

/* Digits that count: without sign, point, exponent and zeros at either end. */
static int
digits(const char *s)
{
	char d[64];
	int n = 0, end, start = 0;

	for (; *s && *s != 'e'; s++)
		if (*s >= '0' && *s <= '9')
			d[n++] = *s;
	for (end = n; end > 0 && d[end - 1] == '0'; end--)
		;
	for (; start < end && d[start] == '0'; start++)
		;
	return end - start;
}

static void
check_print(uint32_t bits)
{
	char text[VP_FLOAT_CHARS + 1], other[64];
	float x, back;
	size_t n;
	int want = 0;

	memcpy(&x, &bits, sizeof x);
	n = vp_float_print(text, x);
	text[n] = '\0';
	if (!isfinite(x)) {
		if (strcmp(text, "null") != 0)
			fail("not null", text);
		return;
	}
	if (bits_of(strtof(text, NULL)) != bits)
		fail("does not come back", text);
	if (vp_float_read(text, text + n, &back) != text + n || bits_of(back) != bits)
		fail("is read as another", text);
	do
		snprintf(other, sizeof other, "%.*e", want++, (double)x);
	while (bits_of(strtof(other, NULL)) != bits);
	/* printf rounds the exact value to so many digits; in fewer, another decimal than that may
	 * still come back, so ours may be shorter but never longer; in as many, ours is as near */
	if (digits(text) > digits(other))
		fail("is too long", text);
	if (digits(text) == digits(other) &&
	    fabs(strtod(text, NULL) - (double)x) > fabs(strtod(other, NULL) - (double)x))
		fail("is not the nearest", text);
}

static void
check_read(const char *text)
{
	size_t n = strlen(text);
	char *tight = malloc(n); /* no byte behind it, so that a sanitiser sees a read too far */
	float got = -1, want = strtof(text, NULL);
	const char *end;

	memcpy(tight, text, n);
	end = vp_float_read(tight, tight + n, &got);
	if (isinf(want) ? end != NULL : end != tight + n || bits_of(got) != bits_of(want))
		fail("read otherwise than by strtof", text);
	free(tight);
}

static void
check_spelling(float x, const char *want)
{
	char text[VP_FLOAT_CHARS + 1];

	text[vp_float_print(text, x)] = '\0';
	if (strcmp(text, want) != 0)
		fail(want, text);
}

static void
check_array(const char *text, size_t n, int want)
{
	float out[4];
	int e = vp_floats_read(vp_str(text), out, n);

	if (e != want)
		fail("array", text);
}

int
main(int argc, char *argv[])
{
	long turns = argc > 1 ? atol(argv[1]) : 200000;
	static const char *const hard[] = {"0", "-0", "0.0e99999999999", "1e-99999999999", "1e38",
	    "3.4028235e38", "3.4028235677973366e38", "3.4028235677973365e38", "1e39", "-1e400",
	    "1.17549435e-38", "1.1754942e-38", "7.0064923216240853e-46", "7.0064923216240854e-46",
	    "1.4e-45", "16777217", "16777217.000000000000000001", "16777219",
	    "16777218.9999999999999999999999999999999999999999999999999999999999999999999",
	    "33554431", "33554433", "0.1", "0.100000001490116119384765625",
	    "1.00000017881393432617187499",
	    "1.00000017881393421514957253748434595763683319091796875001", "9007199254740993",
	    "123456789012345678901234567890",
	    "0.000000000000000000000000000000000000000000000000000000000001e60"};

	for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
		check_read(hard[i]);
	for (uint32_t e = 0; e < 256; e++) /* powers of two and their neighbours */
		for (uint32_t d = 0; d < 5; d++)
			check_print((e << 23) + d - 2);
	for (long i = 0; i < turns; i++) {
		char text[64];
		uint64_t r = draw();
		float x;

		check_print((uint32_t)r);
		check_print(((uint32_t)r & 0x87ffffff) | 0x38000000); /* where embeddings live */
		snprintf(text, sizeof text, "%.*e", (int)(r % 20),
		    (double)(r >> 8) * pow(10, (double)(r % 90) - 62));
		check_read(text);
		memcpy(&x, &r, sizeof x);
		if (isfinite(x) &&
		    isfinite(nextafterf(x, INFINITY))) { /* midpoints, and next to them */
			snprintf(text, sizeof text, "%.*g", (int)(r >> 59),
			    ((double)x + (double)nextafterf(x, INFINITY)) / 2);
			check_read(text);
		}
	}
	check_spelling(1, "1");
	check_spelling(-0.0f, "-0");
	check_spelling(0.04075899f, "0.04075899");
	check_spelling(1e-5f, "0.00001");
	check_spelling(-1.2345679e-5f, "-0.000012345679");
	check_spelling(9.9e-6f, "9.9e-6");
	check_spelling(1e9f, "1000000000");
	check_spelling(1e10f, "1e10");
	check_spelling(-1.17549435e-38f, "-1.1754944e-38");
	check_array(" [ 1 ,2.5\n, -3e1 ] ", 3, 0);
	check_array("[]", 0, 0);
	check_array("[]", 1, VP_E_DIM);
	check_array("[1]", 0, VP_E_DIM);
	check_array("[1,2]", 3, VP_E_DIM);
	check_array("[1,2]", 1, VP_E_DIM);
	check_array("[1,]", 2, VP_E_SYNTAX);
	check_array("[1,null]", 2, VP_E_SYNTAX);
	check_array("[1 2]", 2, VP_E_SYNTAX);
	check_array("[1", 1, VP_E_SYNTAX);
	check_array("[", 1, VP_E_SYNTAX);
	check_array("[1e39]", 1, VP_E_SYNTAX);
	return failures != 0;
}
