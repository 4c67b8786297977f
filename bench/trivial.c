/*-------------------------------------------------------------------------
 *
 * trivial.c
 *	  A library that does nothing, for bench/measures to hold ours against:
 *	  what it costs is the cost of any library at all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(trivial_call);

PGDLLEXPORT void _PG_init(void);

/*
 * Module load callback
 */
void
_PG_init(void)
{
}

/*
 * A function that does nothing either, to call it where ours locks the session.
 */
Datum
trivial_call(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("off"));
}
