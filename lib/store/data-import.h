/* data-import: imports into an index, as the API tells of them */
#ifndef VP_STORE_DATA_IMPORT_H
#define VP_STORE_DATA_IMPORT_H

#include "intake.h"

/* Answer a call; rest is what follows "/bulk/imports". */
void vp_data_imports(
    struct vp_call *c, const struct vp_target *t, const char *method, const char *rest);

#endif
