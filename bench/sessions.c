#include "sessions.h"

#include <dirent.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RATE 48000
#define NUM_SOURCES 16 /* distinct audio files; tracks share them */
#define RESPONSE_S 4.0
#define PIECE 4096u
#define SPARSE_PARTS 5 /* one of them sounds */

const char *const bench_case_names[BENCH_NUM_CASES] = {"scene", "rooms", "static", "sparse", "mix"};

/* Noise at -18 dBFS that falls by 60 dB in decay_s (0 = not at all): no silence, no denormals, the full bandwidth. */
static bool write_noise(const char *path, int channels, double seconds, double decay_s, uint32_t seed)
{
    int samples[2 * PIECE];
    SF_INFO info = {.samplerate = RATE, .channels = channels, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_24};
    if (access(path, R_OK) == 0)
        return true;
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    uint32_t noise = 12345 + seed, total = (uint32_t)(seconds * RATE), done = 0;
    while (file && done < total) {
        uint32_t count = total - done < PIECE ? total - done : PIECE;
        double gain = decay_s > 0.0 ? pow(10.0, -3.0 * done / (decay_s * RATE)) / 8.0 : 1.0 / 8.0;
        for (uint32_t i = 0; i < count * (uint32_t)channels; i++) {
            noise = noise * 1664525u + 1013904223u;
            samples[i] = (int)((double)(int32_t)(noise & 0xffffff00u) * gain);
        }
        if (sf_writef_int(file, samples, count) != (sf_count_t)count)
            break;
        done += count;
    }
    bool good = file && sf_close(file) == 0 && done == total;
    if (!good)
        fprintf(stderr, "cannot write %s\n", path);
    return good;
}

static bool write_files(const char *folder, bench_case which, uint32_t num_tracks, double seconds)
{
    char path[512];
    bool good = true;
    for (uint32_t i = 0; i < NUM_SOURCES && good; i++) {
        snprintf(path, sizeof path, "%s/source%u.wav", folder, i);
        good = write_noise(path, 1, seconds, 0.0, i);
    }
    for (uint32_t i = 0; i < num_tracks && good && which == BENCH_ROOMS; i++) {
        snprintf(path, sizeof path, "%s/room%u.wav", folder, i);
        good = write_noise(path, 2, RESPONSE_S, RESPONSE_S, 1000 + i);
    }
    return good;
}

static void write_clips(FILE *f, bench_case which, uint32_t track, double seconds)
{
    fprintf(f, "\"clips\": [ { \"file\": \"source%u.wav\"", track % NUM_SOURCES);
    /* The parts of all tracks together are spread over the whole length. */
    if (which == BENCH_SPARSE)
        fprintf(f, ", \"start_s\": %g, \"length_s\": %g", seconds / SPARSE_PARTS * (track % SPARSE_PARTS),
                seconds / SPARSE_PARTS);
    fputs(" } ], ", f);
}

static void write_inserts(FILE *f, bench_case which, uint32_t track)
{
    fprintf(f, "\"fader_db\": -20, \"inserts\": [ "
            "{ \"type\": \"eq\", \"bands\": [ { \"type\": \"high-pass\", \"frequency_hz\": 60, \"q\": 0.7 }, "
            "{ \"type\": \"bell\", \"frequency_hz\": %u, \"gain_db\": 3, \"q\": 1 }, "
            "{ \"type\": \"bell\", \"frequency_hz\": 2500, \"gain_db\": -2, \"q\": 2 }, "
            "{ \"type\": \"high-shelf\", \"frequency_hz\": 9000, \"gain_db\": 2 } ] }", 200 + 13 * (track % 100));
    if (which == BENCH_ROOMS || which == BENCH_MIX)
        fprintf(f, ", { \"type\": \"compressor\", \"threshold_db\": -24, \"ratio\": 3, \"attack_ms\": %u, "
                "\"release_ms\": 120, \"makeup_db\": 2 }", 5 + track % 20);
    if (which == BENCH_ROOMS)
        fprintf(f, ", { \"type\": \"convolver\", \"impulse_response\": \"room%u.wav\" }", track);
    fputs(" ], ", f);
}

static void write_place(FILE *f, bench_case which, uint32_t track, double seconds)
{
    if (which == BENCH_SCENE)
        fprintf(f, "\"sends\": [ { \"to\": \"R%u\", \"gain_db\": -12 } ], \"place\": { \"object\": { \"positions\": [ "
                "{ \"time_s\": 0, \"azimuth_deg\": %d }, { \"time_s\": %g, \"azimuth_deg\": %d, \"elevation_deg\": 40 } ] } }",
                track % 2, (int)(track * 37 % 360) - 180, seconds, (int)(track * 91 % 360) - 180);
    else if (which == BENCH_MIX)
        fprintf(f, "\"sends\": [ { \"to\": \"R0\", \"gain_db\": -12 }, { \"to\": \"R1\", \"gain_db\": -15 } ], "
                "\"place\": { \"pan\": %g }", (double)(track % 21) / 10.0 - 1.0);
    else if (which == BENCH_ROOMS)
        fputs("\"place\": { \"bed\": \"0+2+0\" }", f);
    else
        fprintf(f, "\"place\": { \"pan\": %g }", (double)(track % 21) / 10.0 - 1.0);
}

/* Two convolution reverbs; of the mix, a reverb and an echo. */
static void write_buses(FILE *f, bench_case which)
{
    if (which == BENCH_MIX) {
        fputs("\"buses\": [\n{ \"name\": \"R0\", \"channels\": 2, \"inserts\": [ { \"type\": \"reverb\", \"decay_s\": 2 } ] },\n"
              "{ \"name\": \"R1\", \"channels\": 2, \"inserts\": [ { \"type\": \"delay\", \"time_s\": 0.375, \"feedback\": 0.4, "
              "\"mix\": 1 } ] } ], ", f);
        return;
    }
    fputs("\"buses\": [\n", f);
    for (int i = 0; i < 2; i++)
        fprintf(f, "{ \"name\": \"R%d\", \"channels\": 2, \"inserts\": [ { \"type\": \"convolver\", \"impulse_response\": "
                "{ \"decay_s\": 3, \"seed\": %d } } ], \"place\": { \"bed\": \"0+2+0\" } }%s\n", i, i + 1, i ? "" : ",");
    fputs("], ", f);
}

bool bench_write_session(const char *folder, bench_case which, uint32_t num_tracks, double seconds, const char *path)
{
    FILE *f = write_files(folder, which, num_tracks, seconds) ? fopen(path, "w") : NULL;
    if (!f)
        return false;
    fprintf(f, "{ \"mixdown\": 1, \"sample_rate\": %d, \"length_s\": %g, \"tracks\": [\n", RATE, seconds);
    for (uint32_t i = 0; i < num_tracks; i++) {
        fprintf(f, "{ \"name\": \"T%u\", ", i);
        write_clips(f, which, i, seconds);
        write_inserts(f, which, i);
        write_place(f, which, i, seconds);
        fputs(i + 1 < num_tracks ? " },\n" : " } ],\n", f);
    }
    if (which == BENCH_SCENE || which == BENCH_MIX)
        write_buses(f, which);
    fprintf(f, "\"deliverables\": [ { \"file\": \"out.wav\", \"layout\": \"%s\", \"bit_depth\": 24 } ] }\n",
            which == BENCH_MIX ? "stereo" : "7.1.4");
    return fclose(f) == 0;
}

void bench_remove_folder(const char *folder)
{
    char path[1024];
    DIR *open = opendir(folder);
    for (struct dirent *entry; open && (entry = readdir(open));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path); /* . and .. are no files */
    }
    if (open)
        closedir(open);
    rmdir(folder);
}
