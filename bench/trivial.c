/*-------------------------------------------------------------------------
 *
 * trivial.c
 *	  A library that does nothing, for bench/instructions to hold ours against:
 *	  what it costs is the cost of any library at all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/*
 * Module load callback
 */
void
_PG_init(void)
{
}
