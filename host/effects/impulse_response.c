/* Impulse responses: loading, checking, truncating, trimming. */
#include "impulse_response.h"

#include "../../formats/audio_file.h"
#include "../../formats/non_finite.h"
#include "../threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

mxd_impulse_response *mxd_impulse_response_share(mxd_impulse_response *response)
{
    atomic_fetch_add(&response->references, 1);
    return response;
}

void mxd_impulse_response_destroy(mxd_impulse_response *response)
{
    if (!response || atomic_fetch_sub(&response->references, 1) > 1)
        return;
    free(response->memory);
    free(response->channels);
    free(response);
}

/* Sum of squares; by eight sums, which compilers turn into registers. */
static double energy_of(const float *samples, uint32_t num_frames)
{
    double sums[8] = {0}, rest = 0.0;
    uint32_t whole = num_frames - num_frames % 8;
    for (uint32_t n = 0; n < whole; n += 8)
        for (uint32_t i = 0; i < 8; i++)
            sums[i] += (double)samples[n + i] * samples[n + i];
    for (uint32_t n = whole; n < num_frames; n++)
        rest += (double)samples[n] * samples[n];
    for (uint32_t i = 0; i < 8; i++)
        rest += sums[i];
    return rest;
}

/* Trims each channel's zeros and sums its energy. Takes samples over; NULL when memory runs out. */
static mxd_impulse_response *wrap(float *samples, uint32_t num_channels, uint32_t stride, uint32_t num_frames)
{
    mxd_impulse_response *response = calloc(1, sizeof *response);
    mxd_response_channel *channels = calloc(num_channels, sizeof *channels);
    if (!response || !channels) {
        free(samples);
        free(response);
        free(channels);
        return NULL;
    }
    *response = (mxd_impulse_response){1, samples, num_frames, num_channels, channels};
    for (uint32_t c = 0; c < num_channels; c++) {
        const float *channel = samples + (size_t)c * stride;
        uint32_t first = 0, end = num_frames;
        while (end > 0 && channel[end - 1] == 0.0f)
            end--;
        while (first < end && channel[first] == 0.0f)
            first++;
        channels[c] = (mxd_response_channel){channel + first, end - first, end > first ? first : 0,
                                             energy_of(channel + first, end - first)};
    }
    return response;
}

/* Whether all samples are finite; says where the first is that is not. */
static bool check_finite(const char *name, const float *samples, uint32_t num_channels, uint32_t num_frames,
                         uint32_t sample_rate, const mxd_place *place, mxd_problems *problems)
{
    if (!mxd_any_non_finite(samples, (size_t)num_channels * num_frames))
        return true;
    uint32_t n = 0, c = 0;
    while (isfinite(samples[(size_t)c * num_frames + n]))
        if (++c == num_channels) {
            c = 0;
            n++;
        }
    mxd_fail(problems, MXD_ERROR_FILE, place,
             "impulse response %s holds %s on channel %u at %.6f s: repair the file", name,
             isnan(samples[(size_t)c * num_frames + n]) ? "a NaN" : "an infinity", (unsigned)c, (double)n / sample_rate);
    return false;
}

/* A cut without a fade would be heard as a click in every tail: half a cosine over 10 ms. */
static void fade_end(float *channel, uint32_t num_frames, uint32_t sample_rate)
{
    const uint32_t limit = sample_rate / 100;
    const uint32_t fade_frames = num_frames / 2 < limit ? num_frames / 2 : limit;
    for (uint32_t i = 0; i < fade_frames; i++) {
        const double gain = 0.5 - 0.5 * cos(3.14159265358979323846 * (i + 1) / (fade_frames + 1.0));
        channel[num_frames - 1 - i] = (float)(channel[num_frames - 1 - i] * gain);
    }
}

mxd_impulse_response *mxd_impulse_response_create(const char *name, float *samples, uint32_t num_channels,
                                                  uint32_t num_frames, uint32_t sample_rate, uint64_t length_frames,
                                                  const mxd_place *place, mxd_problems *problems)
{
    if (!check_finite(name, samples, num_channels, num_frames, sample_rate, place, problems)) {
        free(samples);
        return NULL;
    }
    uint32_t kept_frames = num_frames;
    if (length_frames > 0 && length_frames < num_frames) {
        kept_frames = (uint32_t)length_frames;
        for (uint32_t c = 0; c < num_channels; c++)
            fade_end(samples + (size_t)c * num_frames, kept_frames, sample_rate);
    }
    mxd_impulse_response *response = wrap(samples, num_channels, num_frames, kept_frames);
    if (!response) {
        mxd_fail(problems, MXD_ERROR_MEMORY, place, "memory ran out for impulse response %s", name);
        return NULL;
    }
    double energy = 0.0;
    for (uint32_t c = 0; c < num_channels; c++)
        energy += response->channels[c].energy;
    if (energy == 0.0) {
        mxd_fail(problems, MXD_ERROR_FILE, place, "impulse response %s is silent%s", name,
                 kept_frames < num_frames ? " up to length_s" : "");
        mxd_impulse_response_destroy(response);
        return NULL;
    }
    return response;
}

/*
 * The loader's problems, told at the place that named the file. Damage within
 * the file comes without a place and with advice for clips, which is cut off.
 */
static void forward(const mxd_problems *found, const char *path, const mxd_place *place, mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(found); i++) {
        const mxd_problem *problem = mxd_problems_get(found, i);
        if (problem->severity == MXD_SEVERITY_WARNING) {
            mxd_warn(problems, place, "impulse response %s: %s", path, problem->text);
        } else if (problem->path || !place) {
            const mxd_place own = {problem->file, problem->line, problem->column, problem->path};
            mxd_fail(problems, MXD_ERROR_FILE, &own, "%s", problem->text);
        } else {
            mxd_fail(problems, MXD_ERROR_FILE, place, "impulse response %s: %.*s: repair the file", path,
                     (int)strcspn(problem->text, ";"), problem->text);
        }
    }
}

mxd_impulse_response *mxd_impulse_response_load(const char *path, uint32_t sample_rate, uint64_t length_frames,
                                                const mxd_place *place, mxd_problems *problems)
{
    mxd_audio_info info;
    float *samples = NULL;
    const uint64_t max_frames = (uint64_t)(MXD_IMPULSE_RESPONSE_MAX_S * sample_rate);
    mxd_problems *found = mxd_problems_create();
    if (!found) {
        mxd_fail(problems, MXD_ERROR_MEMORY, place, "memory ran out for impulse response %s", path);
        return NULL;
    }
    const mxd_result result = mxd_audio_load(path, sample_rate, max_frames, place, found, &info, &samples);
    forward(found, path, place, problems);
    mxd_problems_destroy(found);
    if (result != MXD_OK)
        return NULL;
    return mxd_impulse_response_create(path, samples, info.num_channels, (uint32_t)info.num_frames, sample_rate,
                                       length_frames, place, problems);
}

typedef struct room_job {
    const mxd_room *room;
    uint32_t sample_rate;
    uint32_t num_frames;
    float *samples;
    _Atomic mxd_result result;
} room_job;

static void generate_one(void *user, uint32_t channel, uint32_t thread)
{
    (void)thread;
    room_job *job = user;
    mxd_result result = mxd_room_generate(job->room, job->sample_rate, channel / job->room->num_outputs,
                                          channel % job->room->num_outputs,
                                          job->samples + (size_t)channel * job->num_frames);
    if (result != MXD_OK)
        job->result = result;
}

mxd_impulse_response *mxd_impulse_response_of_room(const mxd_room *room, uint32_t sample_rate, uint32_t num_inputs)
{
    const uint32_t num_frames = mxd_room_num_frames(room, sample_rate);
    const uint32_t num_channels = num_inputs * room->num_outputs;
    room_job job = {room, sample_rate, num_frames, malloc((size_t)num_channels * num_frames * sizeof(float)), MXD_OK};
    mxd_threads *threads = mxd_threads_create(0);
    if (job.samples && threads)
        mxd_threads_run(threads, num_channels, generate_one, &job);
    bool good = job.samples && threads && job.result == MXD_OK;
    mxd_threads_destroy(threads);
    if (!good) {
        free(job.samples);
        return NULL;
    }
    return wrap(job.samples, num_channels, num_frames, num_frames);
}
