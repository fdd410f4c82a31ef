#include "path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *mxd_path_join(const char *folder, const char *file)
{
    if (file[0] == '/' || strcmp(folder, ".") == 0)
        return strdup(file);
    size_t length = strlen(folder), size = length + strlen(file) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%s", folder, length > 0 && folder[length - 1] == '/' ? "" : "/", file);
    return path;
}
