/*
 * Times whole renders, files included, on one backend or on two in turn:
 * generated sessions (sessions.h) at several numbers of tracks, and (where
 * --shared names the folder) the song of 20 real stems. Prints a Markdown
 * table, medians of --runs: the stages apart and together, the energy where
 * the machine tells it, the error against `reference`; with --against, from
 * how many tracks on the first backend is the faster one. --json writes the
 * same.
 *
 *     bench_render [--backend cpu|vulkan|reference] [--against cpu|vulkan|reference] [--device N]
 *                  [--case scene|rooms|static|sparse|mix]... [--tracks N]... [--seconds S] [--runs N] [--threads N]
 *                  [--check S] [--shared FOLDER] [--json FILE]
 */
#include "commit.h"
#include "energy.h"
#include "host/mixdown.h"
#include "sessions.h"
#include "tests/song.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CASES 16
#define MAX_RUNS 32

typedef struct settings {
    mxd_backend_kind backends[2];  /* the second: --against */
    uint32_t num_backends;
    uint32_t device;
    bench_case cases[BENCH_NUM_CASES];
    uint32_t num_cases;
    uint32_t tracks[MAX_CASES];
    uint32_t num_tracks;
    double seconds;
    double check_s;                /* how much is compared with reference; 0 = nothing */
    uint32_t runs;
    uint32_t threads;
    const char *shared;
    const char *json;
    json_t *rows;
    char folder[256];
} settings;

/* One run, or the median one of several. Energies < 0: not told. */
typedef struct sample {
    double wall_s, rendered_s, setup_s, decode_s, gains_s, transfer_s, compute_s, encode_s;
    double processor_j, card_j;
    uint32_t block_frames;
    char device[128];
} sample;

static void print_problems(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        fprintf(stderr, "  %s\n", mxd_problems_get(problems, i)->text);
}

static mxd_render_options options_for(const settings *s, mxd_backend_kind backend)
{
    return (mxd_render_options){.backend = backend, .device = s->device, .device_given = true,
                                .num_threads = s->threads, .output_dir = s->folder};
}

static bool run_once(const settings *s, const mxd_session *session, mxd_backend_kind backend, sample *run)
{
    mxd_render_options options = options_for(s, backend);
    mxd_problems *problems = mxd_problems_create();
    mxd_render_result *r = NULL;
    double processor[2], card[2];
    bool processor_told = bench_processor_energy(&processor[0]), card_told = bench_card_energy(&card[0]);
    bool good = problems && mxd_render(session, &options, problems, &r) == MXD_OK;
    processor_told = processor_told && bench_processor_energy(&processor[1]);
    card_told = card_told && bench_card_energy(&card[1]);
    if (good) {
        *run = (sample){.wall_s = r->wall_s, .rendered_s = r->rendered_s, .setup_s = r->setup_s, .decode_s = r->decode_s,
                        .gains_s = r->gains_s, .transfer_s = r->transfer_s, .compute_s = r->compute_s,
                        .encode_s = r->encode_s, .block_frames = r->block_frames,
                        .processor_j = processor_told ? processor[1] - processor[0] : -1.0,
                        .card_j = card_told ? card[1] - card[0] : -1.0};
        snprintf(run->device, sizeof run->device, "%s", r->device);
    } else {
        print_problems(problems);
    }
    mxd_render_result_destroy(r);
    mxd_problems_destroy(problems);
    return good;
}

/* Highest peak over the deliverables of the difference from `reference`, at the session's beginning; NAN = not compared. */
static double error_of(const settings *s, const mxd_session *session, mxd_backend_kind backend)
{
    if (s->check_s <= 0.0 || backend == MXD_BACKEND_REFERENCE)
        return NAN;
    mxd_render_options a = options_for(s, backend), b = options_for(s, MXD_BACKEND_REFERENCE);
    a.to_s = b.to_s = s->check_s < s->seconds ? s->check_s : s->seconds;
    mxd_problems *problems = mxd_problems_create();
    mxd_null_result *null = NULL;
    double peak = NAN;
    if (problems && mxd_null_test(session, &a, &b, 0.0, problems, &null) == MXD_OK)
        for (size_t i = 0; i < null->num_differences; i++)
            peak = fmax(peak, null->differences[i].peak_dbfs);
    else
        print_problems(problems);
    mxd_null_result_destroy(null);
    mxd_problems_destroy(problems);
    return peak;
}

static int compare_walls(const void *a, const void *b)
{
    double x = ((const sample *)a)->wall_s, y = ((const sample *)b)->wall_s;
    return (x > y) - (x < y);
}

/* ---- The table ---- */

static const char *name_of(mxd_backend_kind backend)
{
    static const char *const names[] = {"auto", "vulkan", "cpu", "reference"};
    return names[backend];
}

static void print_energy(const sample *run)
{
    if (run->processor_j < 0.0 && run->card_j < 0.0)
        printf(" not told |");
    else
        printf(" %.0f |", fmax(run->processor_j, 0.0) + fmax(run->card_j, 0.0));
}

static json_t *real_or_null(double value, bool known)
{
    return known ? json_real(value) : json_null();
}

static void print_row(const settings *s, const char *name, uint32_t num_tracks, mxd_backend_kind backend,
                      const sample *run, double error_db)
{
    double slowest = fmax(fmax(run->decode_s, run->gains_s + run->transfer_s + run->compute_s), run->encode_s);
    printf("| %s | %s | %.3f | %.1f | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %.2f |", name, name_of(backend),
           run->wall_s, run->rendered_s / run->wall_s, run->setup_s, run->decode_s, run->gains_s, run->transfer_s, run->compute_s,
           run->encode_s, (run->wall_s - run->setup_s) / slowest);
    print_energy(run);
    if (isnan(error_db))
        printf(" |\n");
    else
        printf(" %.1f |\n", error_db);
    fflush(stdout);
    json_array_append_new(s->rows, json_pack(
        "{s:s, s:i, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o}", "session", name,
        "tracks", (int)num_tracks, "backend", name_of(backend), "device", run->device, "block_frames",
        (int)run->block_frames, "rendered_s", run->rendered_s, "wall_s", run->wall_s, "setup_s", run->setup_s, "files_s", run->decode_s,
        "gains_s", run->gains_s, "transfers_s", run->transfer_s, "compute_s", run->compute_s, "encode_s",
        run->encode_s, "processor_j", real_or_null(run->processor_j, run->processor_j >= 0.0), "card_j",
        real_or_null(run->card_j, run->card_j >= 0.0), "error_dbfs", real_or_null(error_db, !isnan(error_db))));
}

/* Times the session on all backends in turn, so that a drifting machine wrongs none. medians: one a backend. */
static bool measure(const settings *s, const char *name, uint32_t num_tracks, const char *path, sample *medians)
{
    static sample runs[2][MAX_RUNS];
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    bool good = problems && mxd_session_load(path, problems, &session) == MXD_OK;
    if (!good)
        print_problems(problems);
    /* One run more than counted: the first warms caches, shaders and plans. */
    for (uint32_t i = 0; i <= s->runs && good; i++)
        for (uint32_t k = 0; k < s->num_backends && good; k++)
            good = run_once(s, session, s->backends[k], &runs[k][i ? i - 1 : 0]);
    for (uint32_t k = 0; k < s->num_backends && good; k++) {
        qsort(runs[k], s->runs, sizeof runs[k][0], compare_walls);
        medians[k] = runs[k][s->runs / 2];
        print_row(s, name, num_tracks, s->backends[k], &medians[k], error_of(s, session, s->backends[k]));
    }
    if (!good)
        fprintf(stderr, "%s failed\n", name);
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
    return good;
}

/* Where the line between the last loss and the first win of the first backend meets 1, over the logarithm of tracks. */
static void print_crossover(const settings *s, const char *name, const uint32_t *tracks, const double *ratios,
                            uint32_t count)
{
    const char *a = name_of(s->backends[0]), *b = name_of(s->backends[1]);
    uint32_t first = count; /* from here on it wins */
    while (first > 0 && ratios[first - 1] >= 1.0)
        first--;
    if (first == 0)
        printf("\n%s: %s is faster than %s at every number of tracks measured (%.2f to %.2f x).\n", name, a, b,
               ratios[0], ratios[count - 1]);
    else if (first == count)
        printf("\n%s: %s is not faster than %s at %u tracks (%.2f x).\n", name, a, b, tracks[count - 1],
               ratios[count - 1]);
    else {
        double low = log(ratios[first - 1]), high = log(ratios[first]);
        double at = log(tracks[first - 1]) + (log(tracks[first]) - log(tracks[first - 1])) * -low / (high - low);
        printf("\n%s: %s is faster than %s from about %.0f tracks on.\n", name, a, b, exp(at));
    }
}

static int compare_counts(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool run_case(const settings *s, bench_case which, char *crossover_name, double *ratios)
{
    char path[512], name[64];
    bool good = true;
    for (uint32_t i = 0; i < s->num_tracks && good; i++) {
        sample medians[2];
        snprintf(path, sizeof path, "%s/session.json", s->folder);
        snprintf(name, sizeof name, "%s, %u tracks x %g s", bench_case_names[which], s->tracks[i], s->seconds);
        good = bench_write_session(s->folder, which, s->tracks[i], s->seconds, path) &&
               measure(s, name, s->tracks[i], path, medians);
        ratios[i] = good && s->num_backends == 2 ? medians[1].wall_s / medians[0].wall_s : 0.0;
    }
    snprintf(crossover_name, 64, "%s", bench_case_names[which]);
    return good;
}

static bool run_song(const settings *s)
{
    char path[512];
    sample medians[2];
    snprintf(path, sizeof path, "%s/song.json", s->folder);
    FILE *song = fopen(path, "w");
    bool there = song && song_write_session(song, s->shared);
    if (song)
        fclose(song);
    if (!there) {
        fprintf(stderr, "no song in %s\n", s->shared);
        return true;
    }
    return measure(s, "song, 20 stems x 45 s, 2 reverbs", 20, path, medians);
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
    printf("\n| session | backend | wall s | x real time | setup s | files s | gains s | transfers s | compute s | encode s | "
           "(wall - setup) / slowest stage | energy J | error dBFS |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
}

static bool run_all(settings *s)
{
    static double ratios[BENCH_NUM_CASES][MAX_CASES];
    char names[BENCH_NUM_CASES][64];
    bool good = true;
    print_head();
    for (uint32_t i = 0; i < s->num_cases && good; i++)
        good = run_case(s, s->cases[i], names[i], ratios[i]);
    if (good && s->shared)
        good = run_song(s);
    for (uint32_t i = 0; i < s->num_cases && good && s->num_backends == 2; i++)
        print_crossover(s, names[i], s->tracks, ratios[i], s->num_tracks);
    json_t *report = json_pack("{s:s, s:O}", "commit", MXD_COMMIT, "rows", s->rows);
    if (good && s->json && json_dump_file(report, s->json, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0) {
        fprintf(stderr, "bench_render: cannot write %s\n", s->json);
        good = false;
    }
    json_decref(report);
    return good;
}

/* ---- Options ---- */

static bool parse_word(const char *value, const char *const *words, uint32_t num_words, uint32_t *index)
{
    for (*index = 0; *index < num_words; ++*index)
        if (strcmp(value, words[*index]) == 0)
            return true;
    return false;
}

static bool parse_backend(const char *value, mxd_backend_kind *backend)
{
    static const char *const words[] = {"vulkan", "cpu", "reference"};
    uint32_t index;
    bool known = parse_word(value, words, 3, &index);
    *backend = (mxd_backend_kind)(index + 1);
    return known;
}

static bool parse_option(settings *s, const char *name, const char *value)
{
    uint32_t index;
    if (strcmp(name, "--backend") == 0)
        return parse_backend(value, &s->backends[0]);
    if (strcmp(name, "--against") == 0) {
        s->num_backends = 2;
        return parse_backend(value, &s->backends[1]);
    }
    if (strcmp(name, "--case") == 0 && s->num_cases < BENCH_NUM_CASES) {
        bool known = parse_word(value, bench_case_names, BENCH_NUM_CASES, &index);
        s->cases[s->num_cases++] = (bench_case)index;
        return known;
    }
    if (strcmp(name, "--tracks") == 0 && s->num_tracks < MAX_CASES)
        return (s->tracks[s->num_tracks++] = (uint32_t)atoi(value)) > 0;
    if (strcmp(name, "--seconds") == 0)
        return (s->seconds = atof(value)) > 0.0;
    if (strcmp(name, "--check") == 0)
        return (s->check_s = atof(value)) >= 0.0;
    if (strcmp(name, "--runs") == 0)
        return (s->runs = (uint32_t)atoi(value)) >= 1 && s->runs < MAX_RUNS;
    if (strcmp(name, "--threads") == 0)
        return (s->threads = (uint32_t)atoi(value)) >= 1;
    if (strcmp(name, "--device") == 0) {
        s->device = (uint32_t)atoi(value);
        return true;
    }
    if (strcmp(name, "--shared") == 0)
        return (s->shared = realpath(value, NULL)) != NULL; /* the session lies elsewhere; lives as long as the program */
    if (strcmp(name, "--json") == 0)
        return (s->json = value) != NULL;
    return false;
}

static void set_usual(settings *s)
{
    static const uint32_t tracks[] = {8, 64, 512};
    static const bench_case cases[] = {BENCH_SCENE, BENCH_ROOMS};
    if (s->num_tracks == 0) {
        memcpy(s->tracks, tracks, sizeof tracks);
        s->num_tracks = 3;
    }
    if (s->num_cases == 0) {
        memcpy(s->cases, cases, sizeof cases);
        s->num_cases = 2;
    }
    qsort(s->tracks, s->num_tracks, sizeof s->tracks[0], compare_counts);
}

int main(int argc, char **argv)
{
    settings s = {.backends = {MXD_BACKEND_CPU}, .num_backends = 1, .seconds = 30.0, .check_s = 2.0, .runs = 3,
                  .rows = json_array()};
    bool good = argc % 2 == 1;
    for (int i = 1; i < argc && good; i += 2)
        if (!(good = parse_option(&s, argv[i], argv[i + 1])))
            fprintf(stderr, "bench_render: %s %s?\n", argv[i], argv[i + 1]);
    if (!good) {
        fputs("usage: bench_render [--backend cpu|vulkan|reference] [--against cpu|vulkan|reference] [--device N] "
              "[--case scene|rooms|static|sparse|mix]... [--tracks N]... [--seconds S] [--runs N] [--threads N] "
              "[--check S] [--shared FOLDER] [--json FILE]\n", stderr);
        return 2;
    }
    set_usual(&s);
    const char *base = getenv("TMPDIR");
    snprintf(s.folder, sizeof s.folder, "%s/mixdown-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(s.folder)) {
        perror("bench_render: temporary folder");
        return 1;
    }
    good = run_all(&s);
    bench_remove_folder(s.folder);
    json_decref(s.rows);
    return good ? 0 : 1;
}
