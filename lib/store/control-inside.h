/* control-inside: what the parts of the control plane share: how an index is described */
#ifndef VP_STORE_CONTROL_INSIDE_H
#define VP_STORE_CONTROL_INSIDE_H

#include "control.h"

/* Whether the call speaks of schemas (2026-07 on), and not of dimension and metric. */
bool vp_control_schemas(const struct vp_call *c);

/* A copy of a span that lives as long as the call, with a NUL behind it. */
char *vp_control_text(struct vp_call *c, struct vp_span s);

/* Append `,"schema":{"fields":{...}}`, which says what vectors an index takes. */
void vp_control_write_fields(struct vp_buf *out, const struct vp_index_conf *conf);

/* What an index's spec holds: its kind ("serverless") and what stands behind it. */
void vp_control_open_spec(
    const char *spec, struct vp_span *kind, struct vp_span *inner, struct vp_span *read_capacity);

/* The spec with another read capacity; n is 0 for none. Lives as long as the call. */
char *vp_control_spec(struct vp_call *c, const char *spec, struct vp_span read_capacity);

/* Check parts of a body; false when the error answer is set. */
bool vp_control_check_name(struct vp_call *c, struct vp_span name);
bool vp_control_check_protection(struct vp_call *c, struct vp_span json);
bool vp_control_check_read_capacity(struct vp_call *c, struct vp_span json);

/* Tags: an object of strings. With old tags, those are merged; a tag set to "" goes. *out is a JSON
 * object. */
bool vp_control_merge_tags(
    struct vp_call *c, const char *old, struct vp_span set, struct vp_span *out);

/* control-backup.c: /indexes/NAME/backups, and what follows /backups and /restore-jobs. */
void vp_control_index_backups(struct vp_call *c, const char *method, const char *name);
void vp_control_backups(struct vp_call *c, const char *method, const char *rest);
void vp_control_restores(struct vp_call *c, const char *method, const char *rest);

#endif
