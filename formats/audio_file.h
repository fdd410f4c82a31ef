/*
 * Audio files in and out: libsndfile decodes, libsoxr changes the rate, and
 * FLAC is packed by libsndfile too. Plain WAV, RF64 and BW64 (16, 24, 32 bit,
 * float, double) are read without it, many times faster. WAV and RF64 are
 * written here, because libsndfile guesses a channel mask where it is given
 * none. Reading streams at the session's rate; writing dithers, orders
 * channels, and gives a file its name only when it is complete.
 */
#ifndef MXD_FORMATS_AUDIO_FILE_H
#define MXD_FORMATS_AUDIO_FILE_H

#include "../host/backend.h"
#include "../host/problems.h"
#include "../host/session/session.h"

/* Files with more channels are refused. */
#define MXD_AUDIO_MAX_CHANNELS 64

typedef struct mxd_audio_info {
    uint32_t sample_rate;
    uint32_t num_channels;
    uint64_t num_frames;     /* at the file's rate */
    uint32_t wave_mask;      /* WAVEFORMATEXTENSIBLE's channel mask, 0 = none */
} mxd_audio_info;

/*
 * Opens a file and tells what it holds. A missing, empty, truncated (a header
 * that promises more frames than the file has) or foreign file is
 * MXD_ERROR_FILE, and the problem (added at place; NULL: at the file itself)
 * names it and says which of these it is.
 */
mxd_result mxd_audio_probe(const char *path, const mxd_place *place, mxd_problems *problems, mxd_audio_info *info);

/* How many frames a file of num_frames at file_rate has at sample_rate: rounded to nearest. */
uint64_t mxd_audio_frames_at(uint64_t num_frames, uint32_t file_rate, uint32_t sample_rate);

/* A file as a stream of planar float32 at the session's rate. */
typedef struct mxd_audio_reader mxd_audio_reader;

/*
 * Opens path for reading from frame first_frame (at sample_rate, 0 = the file's own) on. Where the
 * rates differ, libsoxr at very-high quality; frame n of the stream lies at
 * n / sample_rate seconds of the file whatever first_frame is, and two readers
 * that start at different frames agree within float rounding.
 */
mxd_result mxd_audio_reader_open(const char *path, uint32_t sample_rate, uint64_t first_frame,
                                 mxd_non_finite non_finite, mxd_problems *problems, mxd_audio_reader **reader);
/* Accepts NULL. */
void mxd_audio_reader_close(mxd_audio_reader *reader);
/* Makes frame first_frame the next one, as if the file were opened there anew. */
mxd_result mxd_audio_reader_seek(mxd_audio_reader *reader, uint64_t first_frame);
const mxd_audio_info *mxd_audio_reader_info(const mxd_audio_reader *reader);
/*
 * Reads num_frames frames into channels[0..num_channels)[0..num_frames); what
 * lies past the end of the file is silence. channels[c] may be NULL: that
 * channel is not wanted. MXD_ERROR_FILE with file and frame
 * named on a NaN or infinity (MXD_NON_FINITE_ERROR), or when the file turns out
 * shorter than its header said.
 */
mxd_result mxd_audio_reader_read(mxd_audio_reader *reader, float *const *channels, uint32_t num_frames);

/*
 * Whether the frames may be had as they lie in the file: plain PCM or float32, at the session's rate. They are what
 * mxd_upload takes: num_channels (of the info) channels of *format.
 */
bool mxd_audio_reader_packed(const mxd_audio_reader *reader, mxd_sample_format *format);
/*
 * mxd_audio_reader_read for such a file: num_frames interleaved frames, zeros past the end. A NaN or infinity in
 * float32 is treated as there; frames is then to be aligned as floats are.
 */
mxd_result mxd_audio_reader_read_packed(mxd_audio_reader *reader, void *frames, uint32_t num_frames);

/*
 * Reads a whole file at sample_rate (0 = the file's own) into one planar array, channel after channel; info then
 * tells the rate and length of that array. *samples is to be freed with free(). For impulse responses: more than
 * max_frames frames (at sample_rate) is an error. A NaN or infinity is an error.
 */
mxd_result mxd_audio_load(const char *path, uint32_t sample_rate, uint64_t max_frames, const mxd_place *place,
                          mxd_problems *problems, mxd_audio_info *info, float **samples);

/* ---- Writing ------------------------------------------------------------- */

typedef struct mxd_audio_writer_params {
    const char *path;              /* the final name; its folder is made if missing */
    mxd_file_format format;        /* WAV turns into RF64 by itself beyond 4 GiB */
    uint32_t sample_rate;
    const mxd_layout *layout;
    mxd_channel_order channel_order;
    uint32_t bit_depth;            /* 16, 24, 32 (float) */
    uint32_t dither_key;           /* number of the deliverable: dither is keyed by it, stem, channel and frame */
    uint32_t stem;                 /* 0 = the deliverable itself; else the stem's number, below 2^24 */
} mxd_audio_writer_params;

typedef struct mxd_audio_writer mxd_audio_writer;

/* Whether what is at path now may be replaced by a file: MXD_ERROR_WRITE for a folder, device or impossible name. */
mxd_result mxd_audio_check_target(const char *path, mxd_problems *problems);

/*
 * Opens a temporary file beside path. MXD_ERROR_WRITE says folder, permission or format.
 *
 * WAV and RF64: mono and stereo have the plain header; everything else WAVE_FORMAT_EXTENSIBLE, with the channel mask
 * where the channels lie in its order (by nature of the layout, or by MXD_ORDER_WAVE) and mask 0 otherwise. FLAC: 16
 * and 24 bits, 8 channels at most; it has no mask, and a warning says so where its own meaning of so many channels is
 * another one (once for a deliverable, not for its stems). Two runs with the same input give the same bytes.
 */
mxd_result mxd_audio_writer_open(const mxd_audio_writer_params *params, mxd_problems *problems,
                                 mxd_audio_writer **writer);
/*
 * channels in the layout's order; NULL = digital silence, which costs next to nothing. Integer formats: TPDF dither of 2 LSB peak to peak (always, on samples of 0 too), then
 * rounding, then clipping. Float: as it is, beyond full scale too. A NaN or infinity is MXD_ERROR_WRITE with channel
 * and frame. After an error the writer can only be closed.
 */
mxd_result mxd_audio_writer_write(mxd_audio_writer *writer, const float *const *channels, uint32_t num_frames);
/* Closes the temporary file, with all of it handed to the system, and does not name it yet. */
mxd_result mxd_audio_writer_finish(mxd_audio_writer *writer);
/* After finish: renames the file to its final name. So that all deliverables appear or none. */
mxd_result mxd_audio_writer_commit(mxd_audio_writer *writer);
/* Samples clipped so far (integer formats), and the frame of the first. */
uint64_t mxd_audio_writer_clipped(const mxd_audio_writer *writer, uint64_t *first_frame);
/* Highest magnitude given so far, before dither and clipping. */
double mxd_audio_writer_peak(const mxd_audio_writer *writer);
/* Unless committed, removes the temporary file, and the folders made for it that are empty. Accepts NULL. */
void mxd_audio_writer_close(mxd_audio_writer *writer);

#endif
