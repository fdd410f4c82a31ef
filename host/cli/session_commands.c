/* render, check and null-test: the commands that read a session. */
#include "cli.h"

#include <stdlib.h>
#include <unistd.h>

/* Loads the session, or prints why not. */
static mxd_session *load(const cli_options *options, mxd_problems *problems, int *code)
{
    mxd_session *session = NULL;
    mxd_result result = mxd_session_load(options->files[0], problems, &session);
    if (result == MXD_OK)
        return session;
    *code = result == MXD_ERROR_MEMORY ? EXIT_FAILED : EXIT_INVALID;
    return NULL;
}

/* The last word on a command that failed without a problem of its own. */
static int conclude(mxd_result result, const mxd_problems *problems)
{
    cli_print_problems(problems);
    if (result == MXD_ERROR_CANCELLED)
        fputs("mixdown: interrupted; no file was written\n", stderr);
    else if (result == MXD_ERROR_MEMORY && !mxd_problems_have_errors(problems))
        fputs("mixdown: memory ran out\n", stderr);
    else if (result != MXD_OK && !mxd_problems_have_errors(problems))
        fprintf(stderr, "mixdown: failed (result %d)\n", (int)result);
    return cli_exit_code(result);
}

/* ---- Progress ---- */

typedef struct progress_state {
    bool json;
    bool shown;
    double last_s;
} progress_state;

static void show_progress(void *user, const mxd_progress *progress)
{
    progress_state *state = user;
    bool last = progress->done_s >= progress->total_s;
    /* Ten times a second is enough for eyes and logs. */
    if (state->shown && !last && progress->elapsed_s - state->last_s < 0.1)
        return;
    state->last_s = progress->elapsed_s;
    state->shown = true;
    if (state->json) {
        fprintf(stderr,
                "{\"done_s\": %.3f, \"total_s\": %.3f, \"elapsed_s\": %.3f, \"speed\": %.2f, \"remaining_s\": %.3f}\n",
                progress->done_s, progress->total_s, progress->elapsed_s, progress->speed, progress->remaining_s);
        return;
    }
    int filled = (int)(30.0 * progress->done_s / progress->total_s);
    fprintf(stderr, "\r[%.*s%.*s] %.0f / %.0f s  %.1f x real time  %.0f s left   ", filled,
            "##############################", 30 - filled, "..............................", progress->done_s,
            progress->total_s, progress->speed, progress->remaining_s > 0.0 ? progress->remaining_s : 0.0);
    if (last)
        fputc('\n', stderr);
}

/* ---- render ---- */

static void warn_of_clipping(const char *file, uint64_t num_clipped, double first_clip_s, double peak_dbfs)
{
    fprintf(stderr, "%s: warning: %llu samples are over full scale and were clipped, the first at %.3f s; lower the "
            "faders by %.1f dB or write 32-bit float\n", file, (unsigned long long)num_clipped, first_clip_s,
            peak_dbfs + 0.05);
}

static void print_render(const mxd_render_result *result)
{
    char lufs[16], range[16], peak[16];
    for (size_t i = 0; i < result->num_deliverables; i++) {
        const mxd_deliverable_result *d = &result->deliverables[i];
        printf("%s  %s  %s LUFS  %s LU  %s dBTP\n", d->file, d->layout, cli_level(d->loudness.integrated_lufs, lufs),
               cli_level(d->loudness.range_lu, range), cli_level(d->loudness.true_peak_dbtp, peak));
        for (size_t j = 0; j < d->num_stems; j++)
            printf("%s  %s  peak %s dBFS\n", d->stems[j].file, d->layout,
                   cli_level(d->stems[j].sample_peak_dbfs, peak));
    }
    fflush(stdout); /* so that a log of both streams keeps the order */
    for (size_t i = 0; i < result->num_deliverables; i++) {
        const mxd_deliverable_result *d = &result->deliverables[i];
        if (d->num_clipped)
            warn_of_clipping(d->file, d->num_clipped, d->first_clip_s, d->loudness.sample_peak_dbfs);
        else if (d->loudness.true_peak_dbtp > 0.0)
            fprintf(stderr, "%s: warning: the true peak is over full scale: lower the faders by %.1f dB\n", d->file,
                    d->loudness.true_peak_dbtp + 0.05);
        for (size_t j = 0; j < d->num_stems; j++) {
            const mxd_stem_result *stem = &d->stems[j];
            if (stem->num_clipped)
                warn_of_clipping(stem->file, stem->num_clipped, stem->first_clip_s, stem->sample_peak_dbfs);
            else if (stem->sample_peak_dbfs > 0.0)
                fprintf(stderr, "%s: warning: the peak is over full scale by %.1f dB\n", stem->file,
                        stem->sample_peak_dbfs + 0.05);
        }
    }
    fprintf(stderr, "%.1f s in %.2f s, %.1f x real time, on %s (%s)\n", result->rendered_s, result->wall_s,
            result->wall_s > 0.0 ? result->rendered_s / result->wall_s : 0.0, result->backend, result->device);
}

int cli_render(const cli_options *options)
{
    int code = EXIT_FAILED;
    progress_state state = {.json = options->progress == PROGRESS_JSON};
    mxd_render_options render = options->render;
    render.is_cancelled = cli_interrupted;
    render.user = &state;
    if (state.json || (options->progress == PROGRESS_AUTO && isatty(STDERR_FILENO)))
        render.on_progress = show_progress;
    mxd_render_result *rendered = NULL;
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = problems ? load(options, problems, &code) : NULL;
    if (!session) {
        if (problems)
            cli_print_problems(problems);
        mxd_problems_destroy(problems);
        return code;
    }
    cli_catch_interrupts(); /* before that there is nothing to clean up */
    mxd_result result = mxd_render(session, &render, problems, &rendered);
    if (state.shown && !state.json && result != MXD_OK)
        fputc('\n', stderr);
    code = conclude(result, problems);
    if (result == MXD_OK)
        print_render(rendered);
    mxd_render_result_destroy(rendered);
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
    return code;
}

/* ---- check ---- */

int cli_check(const cli_options *options)
{
    int code = EXIT_FAILED;
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = problems ? load(options, problems, &code) : NULL;
    if (session) {
        char *text = NULL;
        code = cli_exit_code(mxd_describe(session, &options->render, problems, &text));
        if (text)
            fputs(text, stdout);
        free(text);
    }
    if (problems)
        cli_print_problems(problems);
    if (code == EXIT_DONE)
        printf("%s is valid\n", options->files[0]);
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
    return code;
}

/* ---- null-test ---- */

static int print_null(const mxd_null_result *result, double limit_dbfs)
{
    int code = EXIT_DONE;
    char peak[16], rms[16];
    for (size_t i = 0; i < result->num_differences; i++) {
        const mxd_null_difference *d = &result->differences[i];
        bool good = d->peak_dbfs <= limit_dbfs;
        printf("%s  peak %s dBFS  rms %s dBFS  %s", d->file, cli_level(d->peak_dbfs, peak),
               cli_level(d->rms_dbfs, rms), good ? "null" : "DIFFERENT");
        if (!good) {
            printf(" from %.4f s on", d->first_over_s);
            code = EXIT_FAILED;
        }
        putchar('\n');
    }
    fflush(stdout);
    fprintf(stderr, "%s against %s\n", result->sides[0], result->sides[1]);
    return code;
}

int cli_null_test(const cli_options *options)
{
    int code = EXIT_FAILED;
    mxd_render_options a = options->render;
    a.is_cancelled = cli_interrupted;
    mxd_render_options b = a;
    b.backend = options->against.backend;
    b.block_frames = options->against.block_frames;
    mxd_null_result *differences = NULL;
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = problems ? load(options, problems, &code) : NULL;
    if (session) {
        cli_catch_interrupts();
        mxd_result result = mxd_null_test(session, &a, &b, options->limit_dbfs, problems, &differences);
        code = conclude(result, problems);
        if (result == MXD_OK)
            code = print_null(differences, options->limit_dbfs);
    } else if (problems) {
        cli_print_problems(problems);
    }
    mxd_null_result_destroy(differences);
    mxd_session_destroy(session);
    mxd_problems_destroy(problems);
    return code;
}
