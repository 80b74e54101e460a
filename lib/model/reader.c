/* reader: what the readers of tokenizer.json's parts share */
#include "reader.h"

#define SHOWN 60 /* bytes of a value in a message */

int
vp_refuse(struct vp_reader *r, const char *what)
{
	return vp_why(r->why, VP_E_TYPE, "%s: %s", r->path, what);
}

int
vp_refuse_type(struct vp_reader *r, const char *part, struct vp_span obj)
{
	struct vp_span type = VP_LIT("none");

	vp_member(obj, "type", &type);
	return vp_why(r->why, VP_E_TYPE, "%s: %s of type %.*s: not supported", r->path, part,
	    (int)(type.n < SHOWN ? type.n : SHOWN), type.s);
}

int
vp_refuse_value(struct vp_reader *r, const char *part, const char *name, struct vp_span value)
{
	return vp_why(r->why, VP_E_TYPE, "%s: %s: %s %.*s: not supported", r->path, part, name,
	    (int)(value.n < SHOWN ? value.n : SHOWN), value.s);
}

bool
vp_string_is(struct vp_span value, const char *want)
{
	return vp_json_type(value) == '"' &&
	       vp_json_key_is((struct vp_span){value.s + 1, value.n - 2}, want);
}

bool
vp_member(struct vp_span obj, const char *name, struct vp_span *value)
{
	struct vp_span v;

	if (vp_json_type(obj) != '{' || vp_json_find(obj, name, &v) != 1 || vp_json_type(v) == 'n')
		return false;
	*value = v;
	return true;
}

bool
vp_type_is(struct vp_span obj, const char *want)
{
	struct vp_span type;

	return vp_member(obj, "type", &type) && vp_string_is(type, want);
}

bool
vp_flag(struct vp_span obj, const char *name, bool otherwise)
{
	struct vp_span v;
	char type = vp_member(obj, name, &v) ? vp_json_type(v) : 'n';

	return type == 't' || (type != 'f' && otherwise);
}

bool
vp_text_of(struct vp_reader *r, struct vp_span obj, const char *name)
{
	struct vp_span v;

	r->text.n = 0;
	return vp_member(obj, name, &v) && vp_json_decode(v, &r->text) == 0;
}
