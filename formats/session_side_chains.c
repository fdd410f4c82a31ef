/* Once all tracks and buses have their names: which of them side-chains are taken from. */
#include "session_parts.h"

#include <stdlib.h>
#include <string.h>

static void resolve(mxd_loader *loader, const char **names, size_t num_names, mxd_side_chain *chain, uint32_t own)
{
    const mxd_place place = mxd_session_place(loader->session, &chain->origin);
    chain->strip = MXD_NO_STRIP;
    for (size_t i = 0; i < num_names && chain->strip == MXD_NO_STRIP; i++)
        if (*names[i] && strcmp(names[i], chain->from) == 0)
            chain->strip = (uint32_t)i;
    if (own == MXD_NO_STRIP) {
        mxd_fail(loader->problems, MXD_ERROR_INVALID, &place,
                 "an insert of a deliverable has no side-chain: tracks and buses are mixed by then");
    } else if (chain->strip == own) {
        chain->strip = MXD_NO_STRIP;
        mxd_fail(loader->problems, MXD_ERROR_INVALID, &place,
                 "\"%.80s\" is its own side-chain: leave \"side_chain\" out, the insert listens to its input anyway",
                 chain->from);
    } else if (chain->strip == MXD_NO_STRIP) {
        const char *near = mxd_nearest(chain->from, names, num_names);
        mxd_fail(loader->problems, MXD_ERROR_INVALID, &place, "there is no track or bus \"%.80s\"%s%.80s%s", chain->from,
                 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
}

static void resolve_all(mxd_loader *loader, const char **names, const mxd_insert *inserts, uint32_t num_inserts,
                        uint32_t own)
{
    for (uint32_t i = 0; i < num_inserts; i++)
        if (inserts[i].side_chain && inserts[i].side_chain->from)
            resolve(loader, names, mxd_session_num_strips(loader->session), inserts[i].side_chain, own);
}

void mxd_load_side_chains(mxd_loader *loader)
{
    const mxd_session *session = loader->session;
    uint32_t count = mxd_session_num_strips(session);
    const char **names = mxd_loader_alloc(loader, count + 1u, sizeof *names);
    if (!names)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = mxd_session_strip(session, i)->name;
        names[i] = name ? name : "";
    }
    for (uint32_t i = 0; i < count; i++) {
        const mxd_strip *strip = mxd_session_strip(session, i);
        resolve_all(loader, names, strip->inserts, strip->num_inserts, i);
    }
    for (uint32_t i = 0; i < session->num_deliverables; i++)
        resolve_all(loader, names, session->deliverables[i].inserts, session->deliverables[i].num_inserts,
                    MXD_NO_STRIP);
    free(names);
}
