/* err: what a program says when something is wrong, and the status it ends with.
 *
 * A message is one line on standard error, `prog: where: what: what to do`, lower case, without a
 * full stop. A format that ends in a colon gets the text of errno appended, as perror(3) does. All
 * functions leave errno as they found it. Control bytes in what is printed are shown as `?`, so that
 * a server's text can't drive the terminal.
 *
 * This module, and what stands on it (opt, reject, progress), is the only part of lib/ that prints
 * or ends the program. Everything else returns one of VP_E_*. */
#ifndef VP_ERR_H
#define VP_ERR_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define VP_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define VP_PRINTF(f, a)
#endif

/* Exit statuses; 64 to 78 as in sysexits(3). The table for users is in vecpipe(7). */
enum vp_exit {
	VP_EX_OK = 0,           /* all done */
	VP_EX_REJECTED = 1,     /* finished, but some records were rejected */
	VP_EX_USAGE = 64,       /* wrong usage */
	VP_EX_DATA = 65,        /* bad input data */
	VP_EX_NOINPUT = 66,     /* an input cannot be opened */
	VP_EX_UNAVAILABLE = 69, /* service unavailable after all retries */
	VP_EX_INTERNAL = 70,    /* internal error; out of memory */
	VP_EX_IO = 74,          /* input or output error */
	VP_EX_TEMP = 75,        /* temporary failure; a deadline or a signal */
	VP_EX_PROTOCOL = 76,    /* the server answered what the protocol does not allow */
	VP_EX_NOPERM = 77,      /* not authorised */
	VP_EX_CONFIG = 78       /* something is not configured, or wrongly */
};

/* What functions in lib/ return when they fail: 0 is success, these are negative. */
enum vp_error {
	VP_E_SYNTAX = -1,  /* not JSON, or not the file format it should be */
	VP_E_COUNT = -2,   /* another number of things than asked for */
	VP_E_DIM = -3,     /* a vector of another length */
	VP_E_NUMBER = -4,  /* not a finite number, or out of range */
	VP_E_TYPE = -5,    /* JSON, but of another type or form than wanted */
	VP_E_MISSING = -6, /* a member that must be there is not */
	VP_E_LIMIT = -7,   /* larger or deeper than allowed */
	VP_E_UTF8 = -8,    /* bad UTF-8, or a NUL where text is wanted */
	VP_E_IO = -9,      /* the system call failed; errno says why */
	VP_E_TWICE = -10   /* a member that must be there once stands twice */
};

/* Plain words for a VP_E_* code ("not JSON", ...); a static string. For VP_E_IO use errno instead. */
const char *vp_error_text(int code);

/* The program's name, as messages show it; set by vp_start (opt.h) before anything else. */
extern const char *vp_name;

/* -q: vp_info says nothing. Warnings and errors are always said. */
extern bool vp_quiet;

/* Called before each message, if set: takes a progress line off the terminal. */
extern void (*vp_say_first)(void);

/* Print a message and go on. */
void vp_warn(const char *format, ...) VP_PRINTF(1, 2);

/* The same for what is no trouble (a wait, a summary); silent under -q. */
void vp_info(const char *format, ...) VP_PRINTF(1, 2);

/* Print a message, then the resume line if vp_resume was given one, and exit with status. */
_Noreturn void vp_die(int status, const char *format, ...) VP_PRINTF(2, 3);

/* Out of memory: one message, the resume line, exit 70. Allocates nothing. */
_Noreturn void vp_oom(void);

/* Remember the number of the first input line that is not wholly finished (from 1; 0: there is none,
 * nothing is said). vp_die, vp_oom and vp_resume_say end what they print with it, because the last
 * thing that a program that stops early says is where to go on. */
void vp_resume(unsigned long long line);

/* The words before that number; a program that does not read lines sets its own. */
extern const char *vp_resume_words;

/* The program takes --skip: the resume line says how to go on with it. Set by vp_start (opt.h). */
extern bool vp_takes_skip;

/* Print the resume line now, if there is one: `prog: stopped at input line N: ...`. */
void vp_resume_say(void);

/* malloc, calloc-like and realloc that never return NULL: vp_oom instead. n * size is checked for
 * overflow. The caller frees with free(3). */
void *vp_alloc(size_t n, size_t size);
void *vp_zalloc(size_t n, size_t size);
void *vp_realloc(void *p, size_t n, size_t size);
char *vp_strdup(const char *s);

#endif
