/* control: the control plane of Pinecone's API: create, list, describe, configure and delete
 * indexes; backups, and indexes from them.
 *
 * Two families of shapes, told apart by the header X-Pinecone-Api-Version: up to 2026-04 an index
 * has dimension, metric and spec; from 2026-07 on a schema of fields and a deployment. An index
 * made in one is shown in the other as well.
 *
 * Not here: what has no meaning on one machine, or is no plain vector index (collections, hosted
 * models, document indexes): lists of those are empty, making one is refused.
 *
 * Source: Pinecone's specification db_control 2026-04, and what its clients send and expect. */
#ifndef VP_STORE_CONTROL_H
#define VP_STORE_CONTROL_H

#include "call.h"

/* Where the data plane of an index begins, on this server: this and the index's name. The dot is
 * for the Python client, which refuses a host with neither a dot nor "localhost" in it. */
#define VP_DATA_PLANE "/data.plane/"

#define VP_DIMENSION_MAX 20000
#define VP_INDEX_NAME_MAX 45

/* Answer a call of the control plane ("/indexes/NAME"). */
void vp_control_call(struct vp_call *c, const char *path);

#endif
