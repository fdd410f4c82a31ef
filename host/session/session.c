/* Places for messages; freeing a session, whole or half-loaded. */
#include "session.h"

#include "../effects/effect.h"

#include <stdlib.h>

mxd_place mxd_session_place(const mxd_session *session, const mxd_origin *origin)
{
    return (mxd_place){.file = session->file, .line = origin->line, .column = origin->column, .path = origin->path};
}

uint32_t mxd_clip_num_channels(const mxd_clip *clip)
{
    return clip->mono_sum ? 1 : clip->channels ? clip->num_channels : clip->file_channels;
}

bool mxd_clip_is_stretched(const mxd_clip *clip)
{
    return (clip->stretch != 0.0 && clip->stretch != 1.0) || clip->pitch_semitones != 0.0;
}

uint32_t mxd_session_num_strips(const mxd_session *session)
{
    return session->num_tracks + session->num_buses;
}

const mxd_strip *mxd_session_strip(const mxd_session *session, uint32_t index)
{
    return index < session->num_tracks ? &session->tracks[index].strip
                                       : &session->buses[index - session->num_tracks].strip;
}

uint64_t mxd_track_frame(const mxd_track *track, uint64_t frame)
{
    int64_t delay = track->strip.delay_frames;
    return delay >= 0 ? frame + (uint64_t)delay : frame > (uint64_t)-delay ? frame - (uint64_t)-delay : 0;
}

static void finish_automation(mxd_automation *automation)
{
    free(automation->points);
    free(automation->segments);
    free(automation->origin.path);
}

static void free_automation(mxd_automation *automation, uint32_t num_automation)
{
    for (uint32_t i = 0; i < num_automation; i++)
        finish_automation(&automation[i]);
    free(automation);
}

static void free_inserts(mxd_insert *inserts, uint32_t num_inserts)
{
    for (uint32_t i = 0; i < num_inserts; i++) {
        if (inserts[i].effect)
            inserts[i].effect->destroy(inserts[i].params);
        free_automation(inserts[i].automation, inserts[i].num_automation);
        if (inserts[i].side_chain) {
            free(inserts[i].side_chain->from);
            free(inserts[i].side_chain->origin.path);
            free(inserts[i].side_chain);
        }
        free(inserts[i].origin.path);
    }
    free(inserts);
}

static void finish_strip(mxd_strip *strip)
{
    free(strip->name);
    free_inserts(strip->inserts, strip->num_inserts);
    for (uint32_t i = 0; i < strip->num_sends; i++)
        free(strip->sends[i].origin.path);
    free(strip->sends);
    free_automation(strip->automation, strip->num_automation);
    free(strip->groups);
    for (uint32_t i = 0; i < strip->place.num_objects; i++)
        free(strip->place.objects[i].positions);
    free(strip->place.objects);
    free(strip->place.origin.path);
    free(strip->origin.path);
}

void mxd_session_destroy(mxd_session *session)
{
    if (!session)
        return;
    for (uint32_t i = 0; i < session->num_tracks; i++) {
        mxd_track *track = &session->tracks[i];
        for (uint32_t j = 0; j < track->num_clips; j++) {
            free(track->clips[j].file);
            free(track->clips[j].channels);
            finish_automation(&track->clips[j].envelope);
            free(track->clips[j].origin.path);
        }
        free(track->clips);
        finish_strip(&track->strip);
    }
    for (uint32_t i = 0; i < session->num_buses; i++)
        finish_strip(&session->buses[i].strip);
    for (uint32_t i = 0; i < session->num_deliverables; i++) {
        free(session->deliverables[i].file);
        free_inserts(session->deliverables[i].inserts, session->deliverables[i].num_inserts);
        free(session->deliverables[i].origin.path);
    }
    for (uint32_t i = 0; i < session->num_groups; i++) {
        free(session->groups[i].name);
        free_automation(session->groups[i].automation, session->groups[i].num_automation);
        free(session->groups[i].origin.path);
    }
    free(session->groups);
    free(session->tempo);
    for (uint32_t i = 0; i < session->num_markers; i++) {
        free(session->markers[i].name);
        free(session->markers[i].origin.path);
    }
    free(session->markers);
    free(session->tracks);
    free(session->buses);
    free(session->deliverables);
    free(session->file);
    free(session->folder);
    free(session->title);
    free(session);
}
