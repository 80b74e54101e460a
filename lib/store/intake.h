/* intake: records, as requests and files bring them, checked and made into numbers.
 *
 * Functions return false when they have set the error answer of the call, which names the member.
 * What they set lives as long as the call; metadata and spans as long as the JSON that they came
 * from. where names what is looked at ("vectors[3].", "" for the body).
 *
 * Source: Pinecone's specification db_data 2026-04, and the limits of its pages. */
#ifndef VP_STORE_INTAKE_H
#define VP_STORE_INTAKE_H

#include "call.h"

#define VP_RECORDS_MAX 1000 /* of one upsert; ids of one fetch or delete */
#define VP_ID_MAX 512       /* bytes of a record's id, and of a namespace's name */
#define VP_SPARSE_MAX 2048  /* indices of a sparse vector */

/* The index that a call is about, as it was when the call began. */
struct vp_target {
	int64_t key;
	const char *name;
	size_t dimension; /* 0: a sparse index */
	enum vp_metric metric;
};

/* A JSON string that is an id: 1 to VP_ID_MAX ASCII characters. */
bool vp_intake_id(struct vp_call *c, struct vp_span json, const char *where, struct vp_span *id);

/* A dense vector of the index's dimension. zero: whether all values may be 0. */
bool vp_intake_values(struct vp_call *c, const struct vp_target *t, struct vp_span json,
    const char *where, bool zero, const float **out);

/* A sparse vector, {"indices":[...],"values":[...]}, into the parts of item that hold one. */
bool vp_intake_sparse(
    struct vp_call *c, struct vp_span json, const char *where, struct vp_item *item);

bool vp_intake_metadata(
    struct vp_call *c, struct vp_span json, const char *where, struct vp_span *out);

/* The vectors of a record or a change; either may be absent (n is 0). For a sparse index an empty
 * list of values is as good as none. */
bool vp_intake_vectors(struct vp_call *c, const struct vp_target *t, struct vp_span values,
    struct vp_span sparse, const char *where, struct vp_item *item);

/* A whole record, over which w goes. */
bool vp_intake_record(struct vp_call *c, const struct vp_target *t, struct vp_json_walk *w,
    char *where, struct vp_item *item);

/* A list of records; a vp_reader's read, with a struct vp_intake as arg. */
struct vp_intake {
	struct vp_target target;
	struct vp_item *items; /* [n] */
	size_t n;
};
bool vp_intake_records(
    struct vp_call *c, struct vp_json_walk *w, void *intake, struct vp_span *value);

#endif
