/* What the tests of audio in and out have in common. Files are written by libsndfile: not by our writer. */
#ifndef MXD_TESTS_AUDIO_FIXTURE_H
#define MXD_TESTS_AUDIO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"

#include <dirent.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Set-up and tear-down of a group: the one folder of the program. */
int make_folder(void **state);
int remove_folder(void **state);
const char *the_folder(void);
/* A path in it, valid until the eighth call after this one. */
const char *in_folder(const char *name);

/* Writes interleaved floats as a file of any format. */
void make_file(const char *path, int format, uint32_t rate, uint32_t num_channels, const float *interleaved,
               uint64_t num_frames);
/* A share (0..1) of one file, from its beginning, as another. */
void cut_file(const char *from, const char *to, double share);

/* Exactly one problem, at a file, whose text holds words and is one plain line. */
void expect_one_problem(const mxd_problems *problems, const char *what, const char *words);
/* For conditions that must not pass silently: prints what was found. */
void expect_no_problem(const mxd_problems *problems, const char *what);

/* Numbers that look random and are the same in each run (Knuth's MMIX generator): -1 to 1. */
float noise(uint64_t *seed);

#endif
