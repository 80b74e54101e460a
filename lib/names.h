/* names: what a program does something with, one thing after the other: its operands, and where one of
 * them is "-", the lines of standard input.
 *
 * A line is the name itself, a JSON string, or an object that has it as a member: so what one program
 * lists can be fed into another, or be picked from by jq on the way. White space around a line, and blank
 * lines, are passed over. */
#ifndef VP_NAMES_H
#define VP_NAMES_H

#include <stdbool.h>

#include "buf.h"

struct vp_names {
	const char *key;                 /* the member of an object that is the name */
	bool (*ok)(struct vp_span name); /* whether there can be such a name at all */
	/* What is done: an exit status, having said why where it is not 0. */
	int (*each)(const char *name);
	struct vp_span
	    object; /* meanwhile: the line's JSON object, checked; empty where there is none */
};

/* Do it for each of the names, ended by NULL. One that fails, or a line that holds no name (said, 65),
 * does not keep the others from it; only where the key is refused (77) there is an end. Returns the first
 * failure's status, and 77 before all others. */
int vp_names_each(struct vp_names *n, char *const names[]);

#endif
