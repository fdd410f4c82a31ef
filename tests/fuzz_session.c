/*
 * libFuzzer on the session loader and the graph: whatever bytes a session file
 * holds, loading and describing it end in a session or in problems. With clang:
 *   CC=clang cmake -S . -B build-fuzz -G Ninja -DMXD_FUZZ=ON && ninja -C build-fuzz fuzz_session
 *   build-fuzz/tests/fuzz_session -max_total_time=300 -max_len=20000 FOLDER_OF_JSON_FILES
 *
 * Everything lives in memory: the session is /proc/self/fd/100, so that a clip's
 * "file": "101" is one channel of audio and an "impulse_response": "102" two.
 */
#define _GNU_SOURCE /* memfd_create */

#include "host/mixdown.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SESSION = 100, MONO = 101, STEREO = 102, NUM_FRAMES = 480 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(int file, const void *bytes, size_t size)
{
    if (write(file, bytes, size) != (ssize_t)size)
        abort();
}

static void create(int number)
{
    int file = memfd_create("fuzz", 0);
    if (file < 0 || dup2(file, number) < 0)
        abort();
    close(file);
}

static void put(unsigned char *to, uint32_t value, int num_bytes)
{
    for (int i = 0; i < num_bytes; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

/* A plain WAV file of 16 bits at 48 kHz. */
static void create_audio(int number, uint32_t num_channels)
{
    unsigned char header[44] = "RIFF....WAVEfmt ", frame[4] = {0};
    uint32_t num_bytes = NUM_FRAMES * num_channels * 2;
    put(header + 4, 36 + num_bytes, 4);
    put(header + 16, 16, 4);
    put(header + 20, 1, 2);
    put(header + 22, num_channels, 2);
    put(header + 24, 48000, 4);
    put(header + 28, 48000 * num_channels * 2, 4);
    put(header + 32, num_channels * 2, 2);
    put(header + 34, 16, 2);
    memcpy(header + 36, "data", 4);
    put(header + 40, num_bytes, 4);
    create(number);
    write_all(number, header, sizeof header);
    for (int i = 0; i < NUM_FRAMES; i++) {
        put(frame, (uint32_t)lrint(8000.0 * cos(0.1 * i)), 2);
        memcpy(frame + 2, frame, 2);
        write_all(number, frame, num_channels * 2);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    create(SESSION);
    create_audio(MONO, 1);
    create_audio(STEREO, 2);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mxd_session *session = NULL;
    mxd_problems *problems = mxd_problems_create();
    if (!problems || ftruncate(SESSION, 0) || lseek(SESSION, 0, SEEK_SET))
        abort();
    write_all(SESSION, data, size);
    mxd_result result = mxd_session_load("/proc/self/fd/100", problems, &session);
    /* A session or a problem, and each problem is one line. */
    if ((result == MXD_OK) != (session != NULL) || (result == MXD_OK) == mxd_problems_have_errors(problems))
        abort();
    char *text = NULL;
    if (session)
        mxd_describe(session, &(mxd_render_options){.backend = MXD_BACKEND_CPU, .num_threads = 1}, problems, &text);
    free(text);
    for (size_t i = 0; i < mxd_problems_count(problems); i++) {
        const mxd_problem *problem = mxd_problems_get(problems, i);
        if (strpbrk(problem->text, "\r\n\033") || (problem->path && strpbrk(problem->path, "\r\n\033")))
            abort();
    }
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
    return 0;
}
