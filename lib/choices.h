/* choices: what there is, for a message about something that there is not: ` (there are: a, b and 3 more)`,
 * or ` (there are none)`. */
#ifndef VP_CHOICES_H
#define VP_CHOICES_H

#include "buf.h"

/* A zeroed one is empty. The caller frees text. */
struct vp_choices {
	const char *lead; /* the words before them; NULL: "there are" */
	struct vp_buf text;
	size_t n; /* names so far, also those beyond the 20 that are shown */
};
void vp_choices_add(struct vp_choices *c, struct vp_span name);

/* Add the member key of each object in list, a checked JSON array: strings, as they are spelled there.
 * What has none, or an empty one, is passed over. */
void vp_choices_add_members(struct vp_choices *c, struct vp_span list, const char *key);

/* The text, once all names are there: it may be asked for once, and is good until text is freed. */
const char *vp_choices_text(struct vp_choices *c);

#endif
