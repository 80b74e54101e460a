/* filename: names of files that a library would take for something else */
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "filename.h"

char *
vp_filename_sqlite(const char *name)
{
	struct vp_buf out = {0};
	bool special = *name == ':' || strncmp(name, "file:", 5) == 0;

	vp_buf_printf(&out, "%s%s", special ? "./" : "", name);
	vp_buf_cstr(&out);
	return vp_buf_take(&out, NULL);
}
