// zita-convolver as a whole program: zita THREADS OUT.wav IN.wav RESPONSE.wav [IN RESPONSE]...
// Offline settings: all partitions of the largest size, vector mode. Threads: one Convproc each, over a share of tracks.
#include <sndfile.h>
#include <zita-convolver.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

struct Sound {
    int channels = 0;
    size_t frames = 0;
    std::vector<float> samples;
    explicit Sound(const char *path)
    {
        SF_INFO info = {};
        SNDFILE *file = sf_open(path, SFM_READ, &info);
        if (!file) {
            std::fprintf(stderr, "zita: %s: %s\n", path, sf_strerror(nullptr));
            std::exit(1);
        }
        channels = info.channels;
        frames = size_t(info.frames);
        samples.resize(frames * size_t(channels));
        sf_readf_float(file, samples.data(), info.frames);
        sf_close(file);
    }
};

// FFTW makes and destroys plans on one thread at a time.
static std::mutex planner;

static void render(char **paths, unsigned tracks, unsigned outputs, std::vector<float> &out)
{
    const unsigned block = Convproc::MAXPART;
    std::vector<Sound> inputs;
    Convproc processor;
    processor.set_options(Convproc::OPT_VECTOR_MODE);
    for (unsigned i = 0; i < tracks; i++) {
        inputs.emplace_back(paths[2 * i]);
        Sound response(paths[2 * i + 1]);
        if (i == 0) {
            const std::lock_guard<std::mutex> lock(planner);
            const int result = processor.configure(tracks, outputs, unsigned(response.frames), block, block, block, 0.0F);
            if (result != 0) {
                std::fprintf(stderr, "zita: Convproc::configure: %d\n", result);
                std::exit(1);
            }
        }
        for (unsigned c = 0; c < outputs; c++)
            processor.impdata_create(i, c, response.channels, response.samples.data() + c, 0, int(response.frames));
    }
    const size_t frames = inputs[0].frames;
    out.assign(frames * outputs, 0.0F);
    processor.start_process(0, 0);
    for (size_t at = 0; at < frames; at += block) {
        const size_t count = std::min<size_t>(block, frames - at);
        for (unsigned i = 0; i < tracks; i++) {
            float *to = processor.inpdata(i);
            std::memset(to, 0, block * sizeof(float));
            std::memcpy(to, inputs[i].samples.data() + at, count * sizeof(float));
        }
        processor.process(true);
        for (unsigned c = 0; c < outputs; c++)
            for (size_t n = 0; n < count; n++)
                out[(at + n) * outputs + c] = processor.outdata(c)[n];
    }
    processor.stop_process();
    const std::lock_guard<std::mutex> lock(planner);
    processor.cleanup();
}

int main(int argc, char **argv)
{
    const unsigned threads = argc > 4 ? unsigned(std::atoi(argv[1])) : 0, tracks = unsigned(argc - 3) / 2;
    if (threads == 0 || threads > tracks)
        return 2;
    SF_INFO response = {};
    sf_close(sf_open(argv[4], SFM_READ, &response));
    const unsigned outputs = unsigned(response.channels);
    std::vector<std::vector<float>> sums(threads);
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; i++) {
        const unsigned first = tracks * i / threads, count = tracks * (i + 1) / threads - first;
        workers.emplace_back(render, argv + 3 + 2 * first, count, outputs, std::ref(sums[i]));
    }
    for (std::thread &worker : workers)
        worker.join();
    for (unsigned i = 1; i < threads; i++)
        for (size_t n = 0; n < sums[0].size(); n++)
            sums[0][n] += sums[i][n];
    SF_INFO info = {};
    info.samplerate = 48000;
    info.channels = int(outputs);
    info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
    SNDFILE *file = sf_open(argv[2], SFM_WRITE, &info);
    if (!file)
        return 1;
    sf_writef_float(file, sums[0].data(), sf_count_t(sums[0].size() / outputs));
    return sf_close(file);
}
