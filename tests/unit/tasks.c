/* model/tasks: how many texts the queue takes; nobody takes any off it */
#include "check.h"
#include "model/tasks.h"

int
main(void)
{
	size_t length[4] = {1, 1, 1, 1};
	struct vp_task first = {.length = length, .n = 4}, second = {.length = length, .n = 1};
	struct vp_task third = {.length = length, .n = 2};
	struct vp_model none = {0};
	struct vp_tasks q;

	CHECK(vp_tasks_start(&q, &none, 0) == 0);
	CHECK(vp_tasks_waiting(&q) == 0);
	CHECK(vp_tasks_add(&q, &first, 3)); /* more than max: else it could never be done */
	CHECK(vp_tasks_waiting(&q) == 4);
	CHECK(!vp_tasks_add(&q, &second, 3));
	CHECK(!vp_tasks_add(&q, &second, 4));
	CHECK(vp_tasks_waiting(&q) == 4);
	CHECK(vp_tasks_add(&q, &second, 5));
	CHECK(!vp_tasks_add(&q, &third, 1));
	CHECK(vp_tasks_add(&q, &third, 7));
	CHECK(vp_tasks_waiting(&q) == 7);
	CHECK(q.first == &first && first.behind == &second && q.last == &third);
	vp_tasks_stop(&q);
	return check_done();
}
