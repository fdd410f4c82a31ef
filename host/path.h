/* Paths as sessions write them. */
#ifndef MXD_PATH_H
#define MXD_PATH_H

/*
 * file as it can be opened, where it is relative to folder: folder/file; file
 * alone where it is absolute or folder is ".". To be freed; NULL when memory
 * runs out.
 */
char *mxd_path_join(const char *folder, const char *file);

#endif
