/* Unit test of lib/decimals, and of vp_json_numbers which stands on it: millions of arrays, right and slightly wrong,
 * against a plain reading of the grammar */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "decimals.h"
#include "json.h"

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? at *p; moves *p behind it. */
static bool
number(const char **p, const char *end, bool exponents)
{
	const char *s = *p;

	s += s < end && *s == '-';
	if (s == end || *s < '0' || *s > '9')
		return false;
	if (*s++ != '0')
		while (s < end && *s >= '0' && *s <= '9')
			s++;
	if (s < end && *s == '.') {
		const char *digits = ++s;
		while (s < end && *s >= '0' && *s <= '9')
			s++;
		if (s == digits)
			return false;
	}
	if (exponents && s < end && (*s | 32) == 'e') {
		const char *digits;
		s++;
		s += s < end && (*s == '+' || *s == '-');
		digits = s;
		while (s < end && *s >= '0' && *s <= '9')
			s++;
		if (s == digits)
			return false;
	}
	*p = s;
	return true;
}

/* How many numbers the array has; -1: it is none, or has one beyond float32. */
static long
count_plainly(const char *p, const char *end)
{
	long n = 0;

	if (p == end || *p++ != '[')
		return -1;
	do {
		const char *from = p;
		if (!number(&p, end, true) || p == end || !isfinite(strtof(from, NULL)))
			return -1;
		n++;
	} while (p < end && *p++ == ',');
	return p == end && p[-1] == ']' ? n : -1;
}

static size_t
make_array(char *to, size_t room)
{
	size_t n = 0, want = (size_t)(rand() % 60);

	to[n++] = '[';
	while (n + 80 < room) {
		int digits = rand() % 24 == 0 ? rand() % 45 : rand() % 18;

		if (rand() % 2)
			to[n++] = '-';
		if (rand() % 8)
			to[n++] = '0';
		else
			for (int i = 1 + rand() % 3; i > 0; i--)
				to[n++] = (char)('1' + rand() % 9);
		if (digits)
			to[n++] = '.';
		for (; digits > 0; digits--)
			to[n++] = (char)('0' + rand() % 10);
		if (rand() % 40 == 0) {
			memcpy(to + n, "e-05", 4);
			n += 4;
		}
		if (want-- == 0)
			break;
		to[n++] = ',';
	}
	to[n - (to[n - 1] == ',')] = ']';
	return n + (to[n - 1] != ']');
}

/* What vp_decimals passes over are whole numbers, each with its comma. */
static void
check_passed(const char *p, const char *end)
{
	size_t n = 0, m = 0;
	const char *to = vp_decimals(p, end, &n);

	while (p < to && number(&p, end, false) && p < end && *p == ',') {
		p++;
		m++;
	}
	CHECK(p == to && m == n);
}

int
main(void)
{
	static const char odd[] = "0123456789.,-+eE []x\"\n\x80";
	char text[2000];

	srand(1);
	for (int round = 0; round < 300000; round++) {
		size_t n = make_array(text, 100 + (size_t)(rand() % 1800)), got = 0;
		char *exact;
		long want;

		for (int i = rand() % 3; i > 0; i--)
			text[(size_t)rand() % n] = odd[(size_t)rand() % (sizeof odd - 1)];
		exact = malloc(n); /* so that a sanitiser sees a read behind it */
		memcpy(exact, text, n);
		want = count_plainly(exact, exact + n);
		if (memchr(exact, ' ', n) == NULL && memchr(exact, '\n', n) == NULL)
			CHECK((vp_json_numbers((struct vp_span){exact, n}, &got) == 0) ==
				  (want >= 0) &&
			      (want < 0 || got == (size_t)want));
		/* vp_json_check has nothing against numbers of any size */
		CHECK(want < 0 || vp_json_check((struct vp_span){exact, n}, NULL) == 0);
		check_passed(exact + 1, exact + n);
		free(exact);
	}
	return check_done();
}
