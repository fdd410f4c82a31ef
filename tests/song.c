#include "song.h"

#include <unistd.h>

typedef struct stem {
    const char *file;
    const char *eq;     /* bands */
    const char *place;
    const char *rest;   /* fader, sends, automation */
} stem;

#define HALL(db) "{ \"to\": \"Hall\", \"gain_db\": " #db " }"
#define PLATE(db) "{ \"to\": \"Plate\", \"gain_db\": " #db ", \"tap\": \"post-fader\" }"
#define PAIR(azimuth, elevation)                                                                          \
    "\"objects\": [ { \"azimuth_deg\": " #azimuth ", \"elevation_deg\": " #elevation " }, "               \
    "{ \"azimuth_deg\": -" #azimuth ", \"elevation_deg\": " #elevation " } ]"
#define LOW_CUT(hz) "{ \"type\": \"high-pass\", \"frequency_hz\": " #hz ", \"slope_db_per_octave\": 24 }"
#define BELL(hz, db) "{ \"type\": \"bell\", \"frequency_hz\": " #hz ", \"gain_db\": " #db ", \"q\": 1.2 }"

static const stem stems[] = {
    {"01_alt_hh", LOW_CUT(200), "\"pan\": 0.4", "\"sends\": [ " PLATE(-18) " ]"},
    {"02_bgvox_1", LOW_CUT(120) ", " BELL(3000, 2), PAIR(60, 0), "\"fader_db\": -5, \"sends\": [ " HALL(-12) " ]"},
    {"03_bgvox_2", LOW_CUT(120) ", " BELL(2500, 1.5), PAIR(100, 10), "\"fader_db\": -6, \"sends\": [ " HALL(-10) " ]"},
    {"04_bgvox_3", LOW_CUT(120), PAIR(135, 30), "\"fader_db\": -6, \"sends\": [ " HALL(-9) ", " PLATE(-12) " ]"},
    {"05_bgvox_harmony_glitch", LOW_CUT(150),
     "\"objects\": [ { \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": 90, \"elevation_deg\": 0 }, "
     "{ \"time_s\": 20, \"azimuth_deg\": -270, \"elevation_deg\": 45 } ] }, "
     "{ \"positions\": [ { \"time_s\": 0, \"azimuth_deg\": -90, \"elevation_deg\": 0 }, "
     "{ \"time_s\": 20, \"azimuth_deg\": 270, \"elevation_deg\": 45 } ] } ]",
     "\"fader_db\": -7, \"sends\": [ " HALL(-14) " ]"},
    {"06_bgvox_main", LOW_CUT(100) ", " BELL(4000, 2), PAIR(45, 20), "\"fader_db\": -4, \"sends\": [ " HALL(-12) " ]"},
    {"07_break_beat", LOW_CUT(40), "\"pan\": 0", "\"fader_db\": -6, \"sends\": [ " PLATE(-20) " ]"},
    {"08_echo_pad", LOW_CUT(90), PAIR(135, 40), "\"fader_db\": -5, \"sends\": [ " HALL(-8) " ]"},
    {"09_edm_build", LOW_CUT(60), PAIR(90, 45),
     "\"automation\": [ { \"parameter\": \"fader_db\", \"points\": [ [0, -30], [12.5, -6], [30, -9] ] } ]"},
    {"10_hats", LOW_CUT(250), "\"pan\": -0.3", "\"fader_db\": -4, \"sends\": [ " PLATE(-16) " ]"},
    {"11_hh_glitch", LOW_CUT(250), "\"pan\": 0",
     "\"automation\": [ { \"parameter\": \"pan\", \"points\": [ [0, -1], [3, 1], [6, -1], [40, 1] ] } ]"},
    {"12_house_beat", LOW_CUT(35), "\"pan\": 0", "\"fader_db\": -6, \"output\": \"Drums\""},
    {"13_kick", BELL(60, 2) ", " BELL(300, -3), "\"pan\": 0", "\"fader_db\": -3, \"output\": \"Drums\""},
    {"14_melody_pad", LOW_CUT(90) ", " BELL(800, -2), PAIR(110, 30), "\"fader_db\": -5, \"sends\": [ " HALL(-10) " ]"},
    {"15_off_kick", BELL(70, 1), "\"pan\": 0.1", "\"fader_db\": -4, \"output\": \"Drums\""},
    {"16_pluck", LOW_CUT(150) ", " BELL(5000, 3), PAIR(30, 40), "\"fader_db\": -5, \"sends\": [ " PLATE(-10) " ]"},
    {"17_snare_build", LOW_CUT(120), "\"pan\": 0",
     "\"output\": \"Drums\", \"sends\": [ " PLATE(-12) " ], \"automation\": [ { \"parameter\": \"send_gain_db\", "
     "\"to\": \"Plate\", \"curve\": \"hold\", \"points\": [ [0, -12], [22.5, -6], [30, null] ] } ]"},
    {"18_sy_bass", LOW_CUT(30) ", { \"type\": \"low-shelf\", \"frequency_hz\": 90, \"gain_db\": 1.5 }", "\"bed\": \"0+2+0\"",
     "\"fader_db\": -4"},
    {"19_toms", LOW_CUT(50), "\"pan\": 0", "\"fader_db\": -4, \"output\": \"Drums\", \"sends\": [ " HALL(-14) " ]"},
    {"20_vox_lead", LOW_CUT(80) ", " BELL(250, -2) ", " BELL(3500, 2.5), PAIR(10, 0),
     "\"fader_db\": -2, \"sends\": [ " HALL(-14) ", " PLATE(-12) " ]"},
};

bool song_write_session(FILE *stream, const char *shared)
{
    char path[1024];
    const size_t num_stems = sizeof stems / sizeof stems[0];
    for (size_t i = 0; i < num_stems; i++) {
        snprintf(path, sizeof path, "%s/data/song/%s.flac", shared, stems[i].file);
        if (access(path, R_OK) != 0)
            return false;
    }
    fputs("{ \"mixdown\": 1, \"title\": \"Lithium\", \"sample_rate\": 48000, \"length_s\": 45.0, \"tracks\": [\n", stream);
    for (size_t i = 0; i < num_stems; i++) {
        fprintf(stream, "  { \"name\": \"%s\", \"clips\": [ { \"file\": \"%s/data/song/%s.flac\" } ],\n", stems[i].file,
                shared, stems[i].file);
        fprintf(stream, "    \"inserts\": [ { \"type\": \"eq\", \"bands\": [ %s ] } ],\n", stems[i].eq);
        fprintf(stream, "    \"place\": { %s }, %s }%s\n", stems[i].place, stems[i].rest, i + 1 < num_stems ? "," : "");
    }
    fputs("], \"buses\": [\n"
          "  { \"name\": \"Drums\", \"channels\": 2, \"inserts\": [ { \"type\": \"eq\", \"bands\": [ "
          "{ \"type\": \"tilt\", \"frequency_hz\": 900, \"gain_db\": 1.5 } ] } ], \"place\": { \"pan\": 0 } },\n", stream);
    fprintf(stream, "  { \"name\": \"Hall\", \"channels\": 2, \"inserts\": [ { \"type\": \"convolver\", "
            "\"impulse_response\": \"%s/data/irs/openair_spokane_womans_club.wav\", \"predelay_ms\": 20 } ], "
            "\"place\": { " PAIR(110, 30) " } },\n", shared);
    fprintf(stream, "  { \"name\": \"Plate\", \"channels\": 2, \"inserts\": [ { \"type\": \"convolver\", "
            "\"impulse_response\": \"%s/data/irs/emt140_dark_5.wav\" } ], \"place\": { \"bed\": \"0+2+0\" } }\n", shared);
    fputs("], \"deliverables\": [\n"
          "  { \"file\": \"song.7.1.4.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 24 },\n"
          "  { \"file\": \"song.5.1.wav\", \"layout\": \"5.1\", \"bit_depth\": 24 },\n"
          "  { \"file\": \"song.stereo.flac\", \"layout\": \"stereo\", \"bit_depth\": 24 }\n] }\n", stream);
    return true;
}
