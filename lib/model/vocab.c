/* vocab: the strings of a vocabulary and their ids */
#include <stdlib.h>
#include <string.h>

#include "vocab.h"

uint64_t
vp_hash(uint64_t hash, struct vp_span s)
{
	for (size_t i = 0; i < s.n; i++)
		hash = vp_hash_step(hash, s.s[i]);
	return hash;
}

/* FNV-1a's low bits alone mix badly. */
static size_t
home(const struct vp_vocab *v, uint64_t hash)
{
	return (size_t)(hash ^ hash >> 32) & (v->slots - 1);
}

static void
place(struct vp_vocab *v, size_t index)
{
	size_t i = home(v, v->entry[index].hash);

	if (v->entry[index].name)
		return;
	while (v->slot[i])
		i = (i + 1) & (v->slots - 1);
	v->slot[i] = (uint32_t)index + 1;
}

static void
grow(struct vp_vocab *v)
{
	v->cap = v->cap ? v->cap * 2 : 1024;
	v->entry = vp_realloc(v->entry, v->cap, sizeof *v->entry);
	free(v->slot);
	vp_buf_room(&v->bytes, 1); /* an empty string must have a place, too */
	v->slots =
	    v->cap *
	    4; /* never more than a quarter full: most questions are about what is not there */
	v->slot = vp_zalloc(v->slots, sizeof *v->slot);
	for (size_t i = 0; i < v->n; i++)
		place(v, i);
}

static int
add(struct vp_vocab *v, struct vp_span s, uint64_t id, bool name)
{
	if (id >= VP_VOCAB_MAX || v->n >= VP_VOCAB_MAX || s.n > UINT32_MAX)
		return VP_E_LIMIT;
	if (v->n == v->cap)
		grow(v);
	v->entry[v->n] = (struct vp_vocab_entry){
	    vp_hash(VP_HASH_START, s), v->bytes.n, (uint32_t)s.n, (uint32_t)id, name};
	vp_buf_span(&v->bytes, s);
	place(v, v->n);
	if (id >= v->ids_cap) {
		uint32_t cap = (uint32_t)id * 2 + 1024;
		v->by_id = vp_realloc(v->by_id, cap, sizeof *v->by_id);
		memset(v->by_id + v->ids_cap, 0, (cap - v->ids_cap) * sizeof *v->by_id);
		v->ids_cap = cap;
	}
	if (id >= v->ids)
		v->ids = (uint32_t)id + 1;
	v->by_id[id] = (uint32_t)++v->n;
	if (!name && s.n > v->longest)
		v->longest = (uint32_t)s.n;
	return 0;
}

int
vp_vocab_add(struct vp_vocab *v, struct vp_span s, uint64_t id)
{
	uint32_t old;

	return vp_vocab_id(v, s, &old) ? VP_E_TWICE : add(v, s, id, false);
}

int
vp_vocab_name(struct vp_vocab *v, struct vp_span s, uint64_t id)
{
	return add(v, s, id, true);
}

bool
vp_vocab_find(
    const struct vp_vocab *v, uint64_t hash, struct vp_span a, struct vp_span b, uint32_t *id)
{
	if (!v->slots)
		return false;
	for (size_t i = home(v, hash); v->slot[i]; i = (i + 1) & (v->slots - 1)) {
		const struct vp_vocab_entry *e = &v->entry[v->slot[i] - 1];
		const char *s = v->bytes.s + e->at;

		if (e->hash == hash && e->len == a.n + b.n && (!a.n || memcmp(s, a.s, a.n) == 0) &&
		    (!b.n || memcmp(s + a.n, b.s, b.n) == 0)) {
			*id = e->id;
			return true;
		}
	}
	return false;
}

bool
vp_vocab_id(const struct vp_vocab *v, struct vp_span s, uint32_t *id)
{
	return vp_vocab_find(v, vp_hash(VP_HASH_START, s), s, (struct vp_span){0}, id);
}

struct vp_span
vp_vocab_token(const struct vp_vocab *v, uint32_t id)
{
	const struct vp_vocab_entry *e;

	if (id >= v->ids || !v->by_id[id])
		return (struct vp_span){0};
	e = &v->entry[v->by_id[id] - 1];
	return (struct vp_span){v->bytes.s + e->at, e->len};
}

void
vp_vocab_free(struct vp_vocab *v)
{
	free(v->entry);
	free(v->slot);
	free(v->by_id);
	vp_buf_free(&v->bytes);
	*v = (struct vp_vocab){0};
}

void
vp_ids_add(struct vp_ids *list, uint32_t id)
{
	if (list->n == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 64;
		list->id = vp_realloc(list->id, list->cap, sizeof *list->id);
	}
	list->id[list->n++] = id;
}

void
vp_ids_free(struct vp_ids *list)
{
	free(list->id);
	*list = (struct vp_ids){0};
}
