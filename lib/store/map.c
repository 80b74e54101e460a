/* map: from a name to a small number, by hashing */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "map.h"

__extension__ typedef unsigned __int128 wide; /* -Wpedantic knows no 128 bits */

static uint64_t secret[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
draw_secret(void)
{
	if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
		vp_die(VP_EX_INTERNAL, "getrandom:");
	secret[0] |= 1;
}

static uint64_t
fold(uint64_t a, uint64_t b)
{
	wide p = (wide)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t
load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

uint64_t
vp_map_hash(struct vp_span s)
{
	uint64_t h;
	const char *p = s.s;
	size_t n = s.n;

	pthread_once(&once, draw_secret);
	h = secret[1] ^ n;
	for (; n > 16; p += 16, n -= 16)
		h = fold(load(p, 8) ^ secret[0], load(p + 8, 8) ^ h);
	if (n > 8)
		h = fold(load(p, 8) ^ secret[0], load(p + 8, n - 8) ^ h);
	else if (n)
		h = fold(load(p, n) ^ secret[0], h);
	return fold(h ^ secret[1], secret[0] ^ UINT64_C(0x9e3779b97f4a7c15));
}

int64_t
vp_map_next(const struct vp_map *m, uint64_t hash, size_t *at)
{
	size_t mask = m->cap - 1;

	if (!m->cap)
		return -1;
	for (size_t i = *at == VP_MAP_START ? hash & mask : (*at + 1) & mask;; i = (i + 1) & mask) {
		if (!m->slots[i].value)
			return -1;
		if (m->slots[i].hash == hash) {
			*at = i;
			return m->slots[i].value - 1;
		}
	}
}

static void
place(struct vp_map *m, uint64_t hash, uint32_t value)
{
	size_t mask = m->cap - 1, i = hash & mask;

	while (m->slots[i].value)
		i = (i + 1) & mask;
	m->slots[i] = (struct vp_slot){hash, value};
}

void
vp_map_add(struct vp_map *m, uint64_t hash, uint32_t value)
{
	if (m->n + 1 > m->cap - m->cap / 4) {
		struct vp_map old = *m;

		m->cap = old.cap ? 2 * old.cap : 16;
		m->slots = vp_zalloc(m->cap, sizeof *m->slots);
		for (size_t i = 0; i < old.cap; i++)
			if (old.slots[i].value)
				place(m, old.slots[i].hash, old.slots[i].value);
		free(old.slots);
	}
	place(m, hash, value + 1);
	m->n++;
}

void
vp_map_set(struct vp_map *m, size_t at, uint32_t value)
{
	m->slots[at].value = value + 1;
}

void
vp_map_remove(struct vp_map *m, size_t at)
{
	size_t mask = m->cap - 1, hole = at;

	/* move back what could not be placed where it belongs because of the one that goes */
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask)
		if (((i - m->slots[i].hash) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	m->slots[hole].value = 0;
	m->n--;
}

void
vp_map_clear(struct vp_map *m)
{
	if (m->cap)
		memset(m->slots, 0, m->cap * sizeof *m->slots);
	m->n = 0;
}

void
vp_map_free(struct vp_map *m)
{
	free(m->slots);
	*m = (struct vp_map){0};
}
