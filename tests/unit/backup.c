/* backup: whatever is done to an index after a backup, an index that is made from it has the records
 * that were there when it was made; and the file holds no record that nobody needs
 *
 * Some thousands of random changes, with backups made, restored and deleted in between and the file
 * closed and opened, beside a plain copy of everything. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "store/backup.h"
#include "store/jobs.h"
#include "store/store.h"
#include "store/upkeep.h"

enum { SPACES = 3, IDS = 40, BACKUPS = 6, ROUNDS = 1500 };

/* The plain copy: value 0 means that there is no such record. */
struct picture {
	bool space[SPACES];
	unsigned value[SPACES][IDS];
};

static const char *const names[SPACES] = {"__default__", "a", "b"};
static uint64_t seed = 88172645463325252;
static char path[64];
static struct vp_store *store;
static struct vp_buf why;
static struct picture now;
static int64_t index_key;
static struct {
	int64_t key; /* 0: none */
	struct picture then;
} backups[BACKUPS];

static unsigned
draw(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

static void
open_store(void)
{
	if (!CHECK_AT(vp_store_open(path, NULL, &store, &why) == VP_STORE_OK, vp_buf_cstr(&why)))
		exit(check_done());
	CHECK(vp_jobs_start(store) == 0);
}

static void
close_store(void)
{
	vp_jobs_stop(store);
	vp_store_close(store);
}

static int64_t
key_of_index(const char *name)
{
	const struct vp_index *index;
	int64_t key;

	vp_store_read(store);
	index = vp_store_index(store, name);
	key = index ? index->key : 0;
	vp_store_read_end(store);
	return key;
}

/* What an index is to be; the strings are copied by who gets it. */
static struct vp_index_conf
conf_of(const char *name)
{
	static char text[16], braces[] = "{}";

	snprintf(text, sizeof text, "%s", name);
	return (struct vp_index_conf){
	    .name = text, .dimension = 2, .metric = VP_EUCLIDEAN, .tags = braces, .spec = braces};
}

static void
make_index(const char *name)
{
	struct vp_index_conf conf = conf_of(name);

	CHECK(vp_store_create(store, &conf, &why) == VP_STORE_OK);
	index_key = key_of_index(name);
	memset(&now, 0, sizeof now);
}

/* Some records of one namespace, the same id more than once among them. */
static void
upsert(void)
{
	static unsigned value;
	unsigned space = draw(SPACES), n = 1 + draw(8);
	struct vp_item items[8];
	float values[8][2];
	char ids[8][8];

	for (unsigned i = 0; i < n; i++) {
		unsigned id = draw(IDS);
		snprintf(ids[i], sizeof ids[i], "%u", id);
		values[i][0] = (float)++value;
		values[i][1] = 1;
		items[i] = (struct vp_item){.id = vp_str(ids[i]), .values = values[i]};
		now.value[space][id] = value;
	}
	now.space[space] = true;
	CHECK(vp_store_upsert(store, index_key, names[space], items, n, &why) == VP_STORE_OK);
}

static void
delete_some(void)
{
	unsigned space = draw(SPACES), n = 1 + draw(5);
	struct vp_span ids[5];
	char text[5][8];
	struct vp_choice choice = {.ids = ids, .n = n};

	for (unsigned i = 0; i < n; i++) {
		unsigned id = draw(IDS);
		snprintf(text[i], sizeof text[i], "%u", id);
		ids[i] = vp_str(text[i]);
		now.value[space][id] = 0;
	}
	CHECK(vp_store_delete(store, index_key, names[space], &choice, &why) ==
	      (now.space[space] ? VP_STORE_OK : VP_STORE_NO_NAMESPACE));
}

static void
drop_space(void)
{
	unsigned space = draw(SPACES);

	CHECK(vp_store_drop_space(store, index_key, names[space], &why) ==
	      (now.space[space] ? VP_STORE_OK : VP_STORE_NO_NAMESPACE));
	now.space[space] = false;
	memset(now.value[space], 0, sizeof now.value[space]);
}

/* Whether an index is as a picture says. */
static void
compare(const char *name, const struct picture *p, const char *note)
{
	const struct vp_index *index;
	size_t spaces = 0;

	vp_store_read(store);
	index = vp_store_index(store, name);
	for (unsigned s = 0; index && s < SPACES; s++) {
		const struct vp_namespace *ns = vp_index_space(index, names[s]);
		size_t records = 0;
		spaces += p->space[s];
		CHECK_AT(!ns == !p->space[s], note);
		for (unsigned id = 0; ns && id < IDS; id++) {
			char text[8];
			int64_t row;
			snprintf(text, sizeof text, "%u", id);
			row = vp_space_find(ns->space, vp_str(text));
			records += row >= 0;
			CHECK_AT((row >= 0) == (p->value[s][id] > 0), note);
			if (row >= 0)
				CHECK_AT(*vp_space_item(ns->space, (size_t)row).values ==
					     (float)p->value[s][id],
				    note);
		}
		CHECK_AT(!ns || ns->space->live == records, note);
	}
	CHECK_AT(index && index->n == spaces, note);
	vp_store_read_end(store);
}

static void
make_backup(unsigned at)
{
	const struct vp_backup *b;
	size_t records = 0;

	if (backups[at].key)
		CHECK(vp_backup_remove(store, backups[at].key, &why) == VP_STORE_OK);
	CHECK(vp_backup_make(store, index_key, NULL, NULL, &backups[at].key, &why) == VP_STORE_OK);
	backups[at].then = now;
	for (unsigned i = 0; i < SPACES * IDS; i++)
		records += now.value[i / IDS][i % IDS] > 0;
	vp_store_read(store);
	b = vp_backup(store, backups[at].key);
	CHECK(b && b->records == records);
	vp_store_read_end(store);
}

static void
delete_backup(void)
{
	unsigned at = draw(BACKUPS);

	if (!backups[at].key)
		return;
	CHECK(vp_backup_remove(store, backups[at].key, &why) == VP_STORE_OK);
	backups[at].key = 0;
}

/* Make an index from a backup, now and then with the file closed meanwhile; compare, and drop it. */
static void
restore(void)
{
	struct vp_index_conf conf = conf_of("again");
	unsigned at = draw(BACKUPS);
	int64_t job;

	if (!backups[at].key)
		return;
	CHECK(vp_backup_restore(store, backups[at].key, &conf, &job, &why) == VP_STORE_OK);
	if (draw(4) == 0) {
		close_store();
		open_store();
	}
	for (bool pending = true; pending; usleep(100)) {
		vp_store_read(store);
		pending = vp_backup_pending(store, backups[at].key);
		vp_store_read_end(store);
	}
	compare("again", &backups[at].then, "restored");
	CHECK(vp_store_drop(store, key_of_index("again"), &why) == VP_STORE_OK);
}

/* The index goes, its backups stay; another of the same name comes. */
static void
drop_index(void)
{
	CHECK(vp_store_drop(store, index_key, &why) == VP_STORE_OK);
	make_index("demo");
}

/* The newest records are not in the file any more when a backup is made and the file opened again:
 * new ones must not be taken for records of the backup. */
static void
empty_and_reopen(void)
{
	struct vp_choice all = {0};

	for (unsigned s = 0; s < SPACES; s++) {
		vp_store_delete(store, index_key, names[s], &all, &why);
		memset(now.value[s], 0, sizeof now.value[s]);
	}
	make_backup(draw(BACKUPS));
	close_store();
	open_store();
	upsert();
}

/* With no backup left, the file holds what is there, and nothing else. */
static void
check_nothing_left(void)
{
	struct vp_upkeep_counts counts = {0};
	int64_t rows = -1, records = 0;
	sqlite3_stmt *s;
	sqlite3 *db;

	for (unsigned at = 0; at < BACKUPS; at++)
		if (backups[at].key)
			CHECK(vp_backup_remove(store, backups[at].key, &why) == VP_STORE_OK);
	for (unsigned i = 0; i < SPACES * IDS; i++)
		records += now.value[i / IDS][i % IDS] > 0;
	CHECK_AT(vp_upkeep_check(path, &counts, &why) == VP_STORE_OK, vp_buf_cstr(&why));
	CHECK(counts.records == records && counts.backups == 0);
	sqlite3_open(path, &db);
	if (sqlite3_prepare_v2(db, "SELECT count(*) FROM records", -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		rows = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	CHECK(rows == records);
}

static unsigned told;
static double told_last;

static void
tell(double share)
{
	CHECK(share > told_last && share <= 1);
	told_last = share;
	told++;
}

/* Who opens a large file hears how far it is. */
static void
check_progress(void)
{
	enum { MANY = 10000 };
	struct vp_item *items = vp_alloc(MANY, sizeof *items);
	char(*ids)[8] = vp_alloc(MANY, sizeof *ids);
	float values[2] = {1, 2};

	for (int i = 0; i < MANY; i++) {
		snprintf(ids[i], sizeof ids[i], "m%d", i);
		items[i] = (struct vp_item){.id = vp_str(ids[i]), .values = values};
	}
	CHECK(vp_store_upsert(store, index_key, names[0], items, MANY, &why) == VP_STORE_OK);
	close_store();
	CHECK(vp_store_open(path, tell, &store, &why) == VP_STORE_OK);
	CHECK(told == MANY / 4096);
	free(items);
	free(ids);
}

int
main(void)
{
	struct vp_upkeep_counts counts;

	snprintf(path, sizeof path, "backup-%d.db", (int)getpid());
	open_store();
	make_index("demo");
	for (int round = 0; round < ROUNDS; round++) {
		unsigned what = draw(1000);
		if (what < 600)
			upsert();
		else if (what < 800)
			delete_some();
		else if (what < 830)
			drop_space();
		else if (what < 890)
			make_backup(draw(BACKUPS));
		else if (what < 920)
			delete_backup();
		else if (what < 950)
			restore();
		else if (what < 956)
			drop_index();
		else if (what < 962) {
			close_store();
			open_store();
			compare("demo", &now, "opened again");
		} else if (what < 970)
			empty_and_reopen();
		if (round % 500 == 0)
			CHECK_AT(
			    vp_upkeep_check(path, &counts, &why) == VP_STORE_OK, vp_buf_cstr(&why));
	}
	compare("demo", &now, "in the end");
	check_nothing_left();
	check_progress();
	close_store();
	unlink(path);
	vp_buf_free(&why);
	return check_done();
}
