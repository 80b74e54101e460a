/* data: the data plane of Pinecone's API: upsert, query, fetch, list, update, delete, stats,
 * namespaces, imports.
 *
 * Each function answers one call, as c->out and c->status, for the index of that name.
 *
 * Source: Pinecone's specification db_data 2026-04; where it and the service part ways, the
 * service. Both spellings of a member's name (topK, top_k) are taken, as the service does. */
#ifndef VP_STORE_DATA_H
#define VP_STORE_DATA_H

#include "call.h"

#define VP_TOP_K_MAX 10000
#define VP_ANSWER_MAX 4194304 /* bytes of a query's answer, and of a page of fetch_by_metadata */

/* Answer a call below an index's host; path is what follows it ("/query"). */
void vp_data_call(struct vp_call *c, const char *index, const char *path);

#endif
