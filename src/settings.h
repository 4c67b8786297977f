/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  Keeps settings at the values they have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_SETTINGS_H
#define PGSR_SETTINGS_H

#include "compat.h"
#include "mode.h"

extern void pgsr_setting_pin(struct config_generic *record, GucSource source);
extern const char *pgsr_setting_placeholder(const char *name);
extern void pgsr_settings_follow_mode(PgsrMode mode);

#endif							/* PGSR_SETTINGS_H */
