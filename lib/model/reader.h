/* reader: what the readers of tokenizer.json's parts share: members by name, and refusals by
 * name. */
#ifndef VP_MODEL_READER_H
#define VP_MODEL_READER_H

#include "folder.h"

/* One file that is read; the caller frees text. */
struct vp_reader {
	const char *path;
	struct vp_buf text; /* what vp_text_of decoded last */
	struct vp_buf *why;
};

/* Refuse the file with a plain word. Returns VP_E_TYPE. */
int vp_refuse(struct vp_reader *r, const char *what);

/* Refuse obj, a part of the file that has a "type" or is null, by that. Returns VP_E_TYPE. */
int vp_refuse_type(struct vp_reader *r, const char *part, struct vp_span obj);

/* Refuse the value of a part's member. Returns VP_E_TYPE. */
int vp_refuse_value(struct vp_reader *r, const char *part, const char *name, struct vp_span value);

/* Whether a value is the string want; whether obj is an object whose "type" is it. */
bool vp_string_is(struct vp_span value, const char *want);
bool vp_type_is(struct vp_span obj, const char *want);

/* The member name of obj, if obj is an object, and has it, and it is not null. */
bool vp_member(struct vp_span obj, const char *name, struct vp_span *value);

/* The boolean member name of obj; otherwise where it is missing, null or no boolean. */
bool vp_flag(struct vp_span obj, const char *name, bool otherwise);

/* Whether obj has a string called name; it is decoded into r->text. */
bool vp_text_of(struct vp_reader *r, struct vp_span obj, const char *name);

#endif
