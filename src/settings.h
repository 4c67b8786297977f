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
extern void pgsr_settings_check_names(void);
extern void pgsr_setting_at_load(const char *name, GucStringCheckHook check);
extern char *pgsr_first_item(char *list);
extern char *pgsr_next_item(char **rest);
extern const char *pgsr_policy_from_client(void);
extern void pgsr_settings_follow_mode(PgsrMode mode);

#define PGSR_PREFIX "pg_session_readonly"

/* The settings that say what is refused. */
#define PGSR_DENIED_COMMANDS_NAME	"pg_session_readonly.denied_commands"
#define PGSR_DENIED_FUNCTIONS_NAME	"pg_session_readonly.denied_functions"
#define PGSR_ALLOWED_FUNCTIONS_NAME "pg_session_readonly.allowed_functions"
#define PGSR_PINNED_SETTINGS_NAME	"pg_session_readonly.pinned_settings"

extern char *pgsr_pinned_settings;
extern bool pgsr_settings_new;
extern Oid	pgsr_settings_new_by;

extern bool pgsr_pinned_settings_check(char **newval, void **extra,
									   GucSource source);
extern void pgsr_pinned_settings_assign(const char *newval, void *extra);
extern void pgsr_settings_expect(Oid function);
extern void pgsr_settings_pin_new(void);
extern void pgsr_settings_discard(bool begins);
extern void pgsr_settings_store(bool begins);

#endif							/* PGSR_SETTINGS_H */
