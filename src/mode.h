/*-------------------------------------------------------------------------
 *
 * mode.h
 *	  The switch: its positions and who may move it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_MODE_H
#define PGSR_MODE_H

#include "utils/guc.h"

/* The positions, in the one direction that is open to everybody. */
typedef enum PgsrMode
{
	PGSR_OFF,
	PGSR_ON,
	PGSR_LOCKED
} PgsrMode;

/* The position in force in this process, and whether it has been taken up. */
extern PgsrMode pgsr_mode;
extern bool pgsr_mode_settled;

/* A function is being created; what its SET clause says is only tried. */
extern bool pgsr_mode_trying;

/* What the setting's variable holds, and the words for it. */
extern int	pgsr_mode_setting;
extern const struct config_enum_entry pgsr_mode_options[];

#define PGSR_MODE_NAME "pg_session_readonly.mode"

extern PgsrMode pgsr_mode_at_load(bool *settle_now);
extern bool pgsr_mode_settle(void);
extern bool pgsr_mode_check(int *newval, void **extra, GucSource source);
extern bool pgsr_mode_assign(int newval);
extern const char *pgsr_mode_show(void);

#endif							/* PGSR_MODE_H */
