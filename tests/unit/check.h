/* check: what a unit test expects, and where that did not come about.
 *
 * A test program calls CHECK for each fact, goes on whatever comes out, and ends with
 * `return check_done();`: 1 if a fact did not hold. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>

static unsigned long checked, failed;

/* note tells which round of a loop it was, or is NULL. */
static inline bool
check(bool ok, const char *what, const char *note, const char *file, int line)
{
	checked++;
	if (!ok && failed++ < 20)
		printf("%s:%d: not so: %s%s%s\n", file, line, what, note ? ": " : "",
		    note ? note : "");
	return ok;
}

/* A macro, because the text of the condition and its line say what failed. */
#define CHECK(condition) check((condition), #condition, NULL, __FILE__, __LINE__)
#define CHECK_AT(condition, note) check((condition), #condition, (note), __FILE__, __LINE__)

static inline int
check_done(void)
{
	printf("%lu facts, %lu not so\n", checked, failed);
	return failed || !checked;
}

#endif
