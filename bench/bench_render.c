/*
 * Times whole renders, files included: sessions generated at 8, 64 and 512
 * tracks, and (where --shared names the folder) the song of 20 real stems. Every
 * case runs --runs times on each backend; the median is printed.
 *
 *     bench_render [--backend cpu]... [--tracks N]... [--seconds S] [--runs N] [--threads N] [--shared FOLDER]
 */
#include "commit.h"
#include "host/mixdown.h"
#include "tests/song.h"

#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CASES 8
#define MAX_RUNS 32
#define NUM_SOURCES 16 /* distinct audio files; tracks share them */
#define RATE 48000

typedef struct settings {
    mxd_backend_kind backends[4];
    uint32_t num_backends;
    uint32_t tracks[MAX_CASES];
    uint32_t num_tracks;
    double seconds;
    uint32_t runs;
    uint32_t threads;
    const char *shared;
    char folder[256];
} settings;

/* ---- Generated sessions ---- */

/* Music-like in what matters: no silence, no denormals, full bandwidth, -18 dBFS. Deterministic. */
static bool write_source(const settings *s, uint32_t index)
{
    char path[512];
    static int samples[4096];
    SF_INFO info = {.samplerate = RATE, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_24};
    snprintf(path, sizeof path, "%s/source%u.wav", s->folder, index);
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    uint32_t noise = 12345 + index;
    uint64_t left = (uint64_t)(s->seconds * RATE);
    while (file && left > 0) {
        uint32_t count = left < 4096 ? (uint32_t)left : 4096;
        for (uint32_t i = 0; i < count; i++) {
            noise = noise * 1664525u + 1013904223u;
            samples[i] = (int)(noise & 0xffffff00u) / 8;
        }
        if (sf_write_int(file, samples, count) != (sf_count_t)count)
            break;
        left -= count;
    }
    return file && sf_close(file) == 0 && left == 0;
}

/* Each track: a four-band equaliser, a moving object, a send to one of two 3 s reverbs; to 7.1.4, 24 bit. */
static bool write_session(const settings *s, uint32_t num_tracks, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fprintf(f, "{ \"mixdown\": 1, \"sample_rate\": %d, \"length_s\": %g, \"tracks\": [\n", RATE, s->seconds);
    for (uint32_t i = 0; i < num_tracks; i++)
        fprintf(f, "{ \"name\": \"T%u\", \"clips\": [ { \"file\": \"source%u.wav\" } ], \"fader_db\": -20, \"inserts\": [ "
                "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"high-pass\", \"frequency_hz\": 60, \"q\": 0.7 }, "
                "{ \"type\": \"bell\", \"frequency_hz\": %u, \"gain_db\": 3, \"q\": 1 }, "
                "{ \"type\": \"bell\", \"frequency_hz\": 2500, \"gain_db\": -2, \"q\": 2 }, "
                "{ \"type\": \"high-shelf\", \"frequency_hz\": 9000, \"gain_db\": 2 } ] } ], "
                "\"sends\": [ { \"to\": \"R%u\", \"gain_db\": -12 } ], \"place\": { \"object\": { \"positions\": [ "
                "{ \"time_s\": 0, \"azimuth_deg\": %d }, { \"time_s\": %g, \"azimuth_deg\": %d, \"elevation_deg\": 40 } ] } } }%s\n",
                i, i % NUM_SOURCES, 200 + 13 * (i % 100), i % 2, (int)(i * 37 % 360) - 180, s->seconds,
                (int)(i * 91 % 360) - 180, i + 1 < num_tracks ? "," : "");
    fputs("], \"buses\": [\n", f);
    for (int i = 0; i < 2; i++)
        fprintf(f, "{ \"name\": \"R%d\", \"channels\": 2, \"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": "
                "{ \"decay_s\": 3, \"seed\": %d } } ], \"place\": { \"bed\": \"0+2+0\" } }%s\n", i, i + 1, i ? "" : ",");
    fputs("], \"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 24 } ] }\n", f);
    return fclose(f) == 0;
}

/* ---- Measuring ---- */

static int compare_walls(const void *a, const void *b)
{
    double x = (*(mxd_render_result *const *)a)->wall_s, y = (*(mxd_render_result *const *)b)->wall_s;
    return (x > y) - (x < y);
}

static void print_problems(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        fprintf(stderr, "  %s\n", mxd_problems_get(problems, i)->text);
}

static bool measure(const settings *s, const char *name, const char *path, mxd_backend_kind backend)
{
    mxd_render_options options = {.backend = backend, .num_threads = s->threads, .output_dir = s->folder,
                                  .device_given = true};
    mxd_render_result *results[MAX_RUNS] = {0};
    mxd_session *session = NULL;
    mxd_problems *problems = mxd_problems_create();
    uint32_t num_results = 0;
    if (!problems)
        return false;
    mxd_result result = mxd_session_load(path, problems, &session);
    /* One run more than counted: the first warms caches, shaders and plans. */
    for (uint32_t i = 0; i <= s->runs && result == MXD_OK; i++) {
        mxd_render_result *rendered = NULL;
        result = mxd_render(session, &options, problems, &rendered);
        if (result == MXD_OK && i > 0)
            results[num_results++] = rendered;
        else
            mxd_render_result_destroy(rendered);
    }
    if (result == MXD_OK) {
        qsort(results, num_results, sizeof results[0], compare_walls);
        const mxd_render_result *r = results[num_results / 2];
        printf("| %s | %s | %.2f | %.1f | %.2f | %.2f | %.2f | %s |\n", name, r->backend, r->wall_s,
               r->rendered_s / r->wall_s, r->decode_s, r->compute_s, r->encode_s, r->device);
    } else {
        fprintf(stderr, "%s failed:\n", name);
        print_problems(problems);
    }
    fflush(stdout);
    for (uint32_t i = 0; i < num_results; i++)
        mxd_render_result_destroy(results[i]);
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
    return result == MXD_OK;
}

static bool measure_on_all(const settings *s, const char *name, const char *path)
{
    bool good = true;
    for (uint32_t i = 0; i < s->num_backends; i++)
        good &= measure(s, name, path, s->backends[i]);
    return good;
}

static void print_head(void)
{
    mxd_devices *devices = NULL;
    printf("commit %s\n", MXD_COMMIT);
    if (mxd_devices_list(NULL, &devices) == MXD_OK)
        for (size_t i = 0; i < devices->num_devices; i++)
            printf("%s: %s, %s%s\n", devices->devices[i].backend == MXD_BACKEND_CPU ? "cpu" : "vulkan",
                   devices->devices[i].name, devices->devices[i].driver,
                   devices->devices[i].software ? " (software: its times say nothing of a GPU)" : "");
    mxd_devices_destroy(devices);
    printf("\n| session | backend | wall s | x real time | decode s | compute s | encode s | on |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
}

static bool run_cases(settings *s)
{
    char path[512], name[64];
    bool good = true;
    for (uint32_t i = 0; i < NUM_SOURCES && s->num_tracks; i++)
        good &= write_source(s, i);
    snprintf(path, sizeof path, "%s/session.json", s->folder);
    for (uint32_t i = 0; i < s->num_tracks && good; i++) {
        snprintf(name, sizeof name, "%u tracks x %g s", s->tracks[i], s->seconds);
        good = write_session(s, s->tracks[i], path) && measure_on_all(s, name, path);
    }
    FILE *song = s->shared && good ? fopen(path, "w") : NULL;
    if (song) {
        bool there = song_write_session(song, s->shared);
        if (fclose(song) == 0 && there)
            good = measure_on_all(s, "20 stems x 45 s, 2 reverbs", path);
        else
            fprintf(stderr, "no song in %s\n", s->shared);
    }
    return good;
}

static void remove_files(const settings *s)
{
    static const char *names[] = {"session.json", "out.wav", "song.7.1.4.wav", "song.5.1.wav", "song.stereo.flac"};
    char path[512];
    for (uint32_t i = 0; i < NUM_SOURCES; i++) {
        snprintf(path, sizeof path, "%s/source%u.wav", s->folder, i);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", s->folder, names[i]);
        unlink(path);
    }
    rmdir(s->folder);
}

static bool parse(int argc, char **argv, settings *s)
{
    static const char *backends[] = {"auto", "vulkan", "cpu", "reference"};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--backend") == 0 && s->num_backends < 4) {
            int kind = 1;
            while (kind < 4 && strcmp(value, backends[kind]) != 0)
                kind++;
            if (kind == 4)
                return false;
            s->backends[s->num_backends++] = (mxd_backend_kind)kind;
        } else if (strcmp(argv[i], "--tracks") == 0 && s->num_tracks < MAX_CASES) {
            s->tracks[s->num_tracks++] = (uint32_t)atoi(value);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            s->seconds = atof(value);
        } else if (strcmp(argv[i], "--runs") == 0) {
            s->runs = (uint32_t)atoi(value);
        } else if (strcmp(argv[i], "--threads") == 0) {
            s->threads = (uint32_t)atoi(value);
        } else if (strcmp(argv[i], "--shared") == 0) {
            s->shared = realpath(value, NULL); /* the session lies elsewhere; lives as long as the program */
            if (!s->shared)
                fprintf(stderr, "bench_render: no folder %s\n", value);
        } else {
            return false;
        }
    }
    return argc % 2 == 1 && s->seconds > 0.0 && s->runs >= 1 && s->runs < MAX_RUNS;
}

int main(int argc, char **argv)
{
    settings s = {.seconds = 30.0, .runs = 3};
    if (!parse(argc, argv, &s)) {
        fputs("usage: bench_render [--backend vulkan|cpu|reference]... [--tracks N]... [--seconds S] [--runs N] "
              "[--threads N] [--shared FOLDER]\n", stderr);
        return 2;
    }
    if (s.num_backends == 0)
        s.backends[s.num_backends++] = MXD_BACKEND_CPU;
    if (s.num_tracks == 0) {
        const uint32_t usual[] = {8, 64, 512};
        memcpy(s.tracks, usual, sizeof usual);
        s.num_tracks = 3;
    }
    const char *base = getenv("TMPDIR");
    snprintf(s.folder, sizeof s.folder, "%s/mixdown-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(s.folder)) {
        perror("bench_render: temporary folder");
        return 1;
    }
    print_head();
    bool good = run_cases(&s);
    remove_files(&s);
    return good ? 0 : 1;
}
