/* jobs: the thread that restores backups and runs imports */
#include <string.h>

#include "backup.h"
#include "import.h"
#include "inside.h"
#include "jobs.h"

/* The oldest of each kind that waits to be run; restores first, because an index waits for them. */
static void
find_job(struct vp_store *s, struct vp_restore **restore, struct vp_import **import)
{
	*restore = NULL;
	*import = NULL;
	vp_store_read(s);
	for (size_t i = 0; i < s->restores.n && !*restore; i++) {
		struct vp_restore *r = s->restores.items[i];
		if (strcmp(r->status, "Pending") == 0)
			*restore = r;
	}
	for (size_t i = 0; i < s->imports.n && !*import; i++) {
		struct vp_import *m = s->imports.items[i];
		if (strcmp(m->status, "Pending") == 0)
			*import = m;
	}
	vp_store_read_end(s);
}

static void *
work(void *store)
{
	struct vp_store *s = store;
	struct vp_restore *restore;
	struct vp_import *import;

	pthread_mutex_lock(&s->jobs_lock);
	while (!s->stopping) {
		find_job(s, &restore, &import);
		if (!restore && !import) {
			pthread_cond_wait(&s->jobs_wake, &s->jobs_lock);
			continue;
		}
		pthread_mutex_unlock(&s->jobs_lock);
		if (restore)
			vp_restore_run(s, restore);
		else
			vp_import_run(s, import);
		pthread_mutex_lock(&s->jobs_lock);
	}
	pthread_mutex_unlock(&s->jobs_lock);
	return NULL;
}

int
vp_jobs_start(struct vp_store *s)
{
	int e = pthread_create(&s->worker, NULL, work, s);

	s->working = e == 0;
	return e;
}

void
vp_jobs_wake(struct vp_store *s)
{
	pthread_mutex_lock(&s->jobs_lock);
	pthread_cond_signal(&s->jobs_wake);
	pthread_mutex_unlock(&s->jobs_lock);
}

void
vp_jobs_stop(struct vp_store *s)
{
	if (!s->working)
		return;
	s->stopping = true;
	vp_jobs_wake(s);
	pthread_join(s->worker, NULL);
	s->working = false;
}
