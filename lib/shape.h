/* shape: what an index holds, in both forms of Pinecone's API.
 *
 * Up to version 2026-04 an index has a dimension, a metric and a vector_type; from 2026-07 on it has a
 * schema of fields, where those of an index for vectors are called _values and _sparse_values. An index
 * with other fields is a document index, which belongs to another API and takes no vectors.
 *
 * Source: Pinecone's specification db_control 2026-04, and the models of its clients for 2026-07. */
#ifndef VP_SHAPE_H
#define VP_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

#define VP_DIMENSIONS_MAX 20000 /* values of a dense vector */

enum vp_shape_type {
	VP_SHAPE_DENSE,
	VP_SHAPE_SPARSE,  /* no dimension, the metric dotproduct */
	VP_SHAPE_HYBRID,  /* dense values and sparse ones beside them: the metric dotproduct */
	VP_SHAPE_DOCUMENT /* none of these: no vectors go in */
};

/* A zeroed one is dense, without a dimension or a metric yet. */
struct vp_shape {
	enum vp_shape_type type;
	uint64_t dimension; /* 1 to VP_DIMENSIONS_MAX; 0: none, or not known */
	char metric[16];    /* "": not known */
};

/* Where a new index is to be, and how. */
struct vp_shape_place {
	const char *cloud, *region;
	struct vp_span read_capacity; /* JSON objects; empty: as the server likes it */
	struct vp_span tags;
	struct vp_span filterable; /* {"field":{"filterable":true},..}; only with the older form */
	bool is_protected;         /* against deletion */
};

/* "dense", "sparse", "hybrid", "document"; a static string. The other way round: whether text is one of
 * the first three, then *type is set. */
const char *vp_shape_name(enum vp_shape_type type);
bool vp_shape_type_read(const char *text, enum vp_shape_type *type);

bool vp_shape_metric_ok(const char *name);

/* Append the read capacity that text asks for, a JSON object: on-demand, or parts of dedicated nodes parted
 * by commas, node=TYPE, shards=N, replicas=N; what is not said is left as it is, or to the server. False:
 * text is neither. */
bool vp_shape_capacity_read(const char *text, struct vp_buf *out);

/* Take what a description of an index in either form has into *s; what it does not have stays. It is
 * checked JSON, an object. NULL, or what is wrong with it, a static string. */
const char *vp_shape_read(struct vp_span description, struct vp_shape *s);

/* Whether an index of shape is is as good as one of shape want, whose dimension and metric are set. A
 * dense index with the metric dotproduct takes sparse values as well: in the older form it is hybrid. */
bool vp_shape_fits(const struct vp_shape *is, const struct vp_shape *want);

/* Append the body of the request that creates such an index; with_schema: in the form from 2026-07 on. */
void vp_shape_put(struct vp_buf *body, const char *index, const struct vp_shape *s,
    const struct vp_shape_place *place, bool with_schema);

#endif
