/* db-inside: what the parts of db share, and nobody else is to know */
#ifndef VP_STORE_DB_INSIDE_H
#define VP_STORE_DB_INSIDE_H

#include <sqlite3.h>

#include "db.h"

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	ADD_INDEX,
	SET_INDEX,
	REMOVE_INDEX,
	ADD_SPACE,
	REMOVE_SPACE,
	PUT,
	REMOVE,
	KEEP,
	STATEMENTS
};

struct vp_db {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	int lock;  /* descriptor that carries our flock(2) */
	int code;  /* extended result code of what failed last */
	int error; /* errno, then */
	struct vp_buf why;
};

/* Remember what SQLite says of its last failure. Always false. */
bool vp_db_failed(struct vp_db *f);

/* A record as it stands in a row, in the columns id, vector, sparse, metadata from `at` on. Texts are
 * good until the next step, the numbers until vp_db_item_free. False if it is none. */
struct vp_db_item {
	struct vp_item item;
	size_t dimension;
	float *values;
	uint32_t *pairs;
};
bool vp_db_item(sqlite3_stmt *s, int at, struct vp_db_item *out);
void vp_db_item_free(struct vp_db_item *i);

#endif
