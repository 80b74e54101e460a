/* sure: ask before what can't be taken back */
#ifndef VP_SURE_H
#define VP_SURE_H

#include <stdbool.h>

/* Ask on the terminal `prog: delete WHAT? [y/N] `, and whether the answer began with y. A whole line is read, so that its
 * end answers no other question. Where standard input or standard error is no terminal, nobody is asked. If the answer is
 * no, `WHAT: not deleted` has been said, with the reason. */
bool vp_sure(const char *what);

#endif
