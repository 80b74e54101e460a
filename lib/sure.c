/* sure: ask before what can't be taken back */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "err.h"
#include "sure.h"

bool
vp_sure(const char *what)
{
	char *answer = NULL;
	size_t room = 0;
	bool yes;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		vp_warn("%s: not deleted: -y is wanted where nobody can be asked", what);
		return false;
	}
	fprintf(stderr, "%s: delete %s? [y/N] ", vp_name, what);
	yes = getline(&answer, &room, stdin) > 0 && (*answer == 'y' || *answer == 'Y');
	if (!yes)
		vp_warn("%s: not deleted", what);
	free(answer);
	return yes;
}
