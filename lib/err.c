/* err: messages and exit statuses */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"

const char *vp_name = "vecpipe";
bool vp_quiet;
void (*vp_say_first)(void);

static unsigned long long resume_line;
bool vp_takes_skip;
const char *vp_resume_words = "stopped at input line";

const char *
vp_error_text(int code)
{
	switch (code) {
	case VP_E_SYNTAX:
		return "not JSON";
	case VP_E_COUNT:
		return "wrong number of items";
	case VP_E_DIM:
		return "vectors of different dimensions";
	case VP_E_NUMBER:
		return "not a finite number in range";
	case VP_E_TYPE:
		return "not of the form it should have";
	case VP_E_MISSING:
		return "a member is missing";
	case VP_E_LIMIT:
		return "too large, or nested too deep";
	case VP_E_UTF8:
		return "not valid UTF-8";
	case VP_E_IO:
		return "input or output error";
	case VP_E_TWICE:
		return "a member stands there twice";
	}
	return "unknown error";
}

/* Control characters become `?`: those of ASCII, and U+0080 to U+009F, some of which drive terminals too. */
static void
tame(char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i],
			      next = i + 1 < n ? (unsigned char)s[i + 1] : 0;

		if (c < 0x20 || c == 0x7f)
			s[i] = '?';
		else if (c == 0xc2 && next >= 0x80 && next <= 0x9f)
			s[i] = s[i + 1] = '?';
	}
}

/* One write(2) a line, so that lines of several programs on one terminal do not mix. The buffer is
 * fixed because this must work when memory is out; a longer message is cut, and says so with "...". */
static void
say(const char *format, va_list ap)
{
	char line[2048];
	int saved = errno;
	size_t n = (size_t)snprintf(line, sizeof line, "%s: ", vp_name);
	size_t room = sizeof line - 1 - n;
	int m = vsnprintf(line + n, room, format, ap);

	if (vp_say_first)
		vp_say_first();
	if (m < 0)
		m = 0;
	if ((size_t)m >= room) {
		n += room - 1;
		memcpy(line + n - 3, "...", 3);
	} else {
		n += (size_t)m;
		if (*format && format[strlen(format) - 1] == ':') {
			int k = snprintf(line + n, sizeof line - 1 - n, " %s", strerror(saved));
			if (k > 0 && (size_t)k < sizeof line - 1 - n)
				n += (size_t)k;
		}
	}
	tame(line, n);
	line[n++] = '\n';
	for (size_t i = 0; i < n;) {
		ssize_t w = write(STDERR_FILENO, line + i, n - i);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		i += (size_t)w;
	}
	errno = saved;
}

static void
sayf(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void
vp_warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void
vp_info(const char *format, ...)
{
	va_list ap;

	if (vp_quiet)
		return;
	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void
vp_resume(unsigned long long line)
{
	resume_line = line;
}

void
vp_resume_say(void)
{
	if (resume_line && vp_takes_skip)
		sayf("%s %llu: what came before it is done; go on with --skip %llu",
		    vp_resume_words, resume_line, resume_line - 1);
	else if (resume_line)
		sayf("%s %llu: what came before it is done; go on from there", vp_resume_words,
		    resume_line);
}

void
vp_die(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	vp_resume_say();
	exit(status);
}

void
vp_oom(void)
{
	sayf("out of memory");
	vp_resume_say();
	_exit(VP_EX_INTERNAL);
}

void *
vp_realloc(void *p, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		vp_oom();
	n *= size;
	p = realloc(p, n ? n : 1);
	if (!p)
		vp_oom();
	return p;
}

void *
vp_alloc(size_t n, size_t size)
{
	return vp_realloc(NULL, n, size);
}

void *
vp_zalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		vp_oom();
	return p;
}

char *
vp_strdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(vp_alloc(n, 1), s, n);
}
