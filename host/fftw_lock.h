/* FFTW's planner is one for the whole process and not thread-safe: hold this lock around every plan made or destroyed. */
#ifndef MXD_FFTW_LOCK_H
#define MXD_FFTW_LOCK_H

void mxd_fftw_lock(void);
void mxd_fftw_unlock(void);

#endif
