/* choices: names to choose from, for a message */
#include "choices.h"
#include "json.h"

enum { SHOWN_MAX = 20 };

void
vp_choices_add(struct vp_choices *c, struct vp_span name)
{
	if (++c->n == 1)
		vp_buf_printf(&c->text, " (%s: ", c->lead ? c->lead : "there are");
	else if (c->n <= SHOWN_MAX)
		vp_buf_puts(&c->text, ", ");
	if (c->n <= SHOWN_MAX)
		vp_buf_span(&c->text, name);
}

void
vp_choices_add_members(struct vp_choices *c, struct vp_span list, const char *key)
{
	struct vp_json_walk w;
	struct vp_span item, v;

	vp_json_begin(&w, list);
	while (vp_json_item(&w, &item) > 0)
		if (vp_json_find(item, key, &v) == 1 && vp_json_type(v) == '"' && v.n > 2)
			vp_choices_add(c, (struct vp_span){v.s + 1, v.n - 2});
}

const char *
vp_choices_text(struct vp_choices *c)
{
	if (c->n > SHOWN_MAX)
		vp_buf_printf(&c->text, " and %zu more", c->n - SHOWN_MAX);
	vp_buf_puts(&c->text, c->n ? ")" : " (there are none)");
	return vp_buf_cstr(&c->text);
}
