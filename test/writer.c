/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  C functions that nobody has reviewed, for the TAP tests.
 *
 * They stand for whatever an extension may do, behind the back of core.  The
 * test declares them as it likes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/* Settings that come with the library: a superuser's, and anyone's. */
static char *command = NULL;
static char *note = NULL;

/*
 * Module load callback
 */
void
_PG_init(void)
{
	DefineCustomStringVariable("writer.command", "What a superuser says.", NULL,
							   &command, "none", PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("writer.note", "What anyone says.", NULL,
							   &note, "none", PGC_USERSET, 0, NULL, NULL, NULL);
}

PG_FUNCTION_INFO_V1(writer_settings);

/*
 * writer_settings() returns text
 *
 * The library's settings, as its code sees them.
 */
Datum
writer_settings(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s %s", command, note)));
}

PG_FUNCTION_INFO_V1(writer_insert);
PG_FUNCTION_INFO_V1(writer_take_id);

/*
 * writer_insert(rel regclass, value int) returns int
 *
 * Inserts a row into a table of one integer column, without the executor.
 */
Datum
writer_insert(PG_FUNCTION_ARGS)
{
	Relation	rel = table_open(PG_GETARG_OID(0), RowExclusiveLock);
	Datum		values[1] = {PG_GETARG_DATUM(1)};
	bool		nulls[1] = {false};

	simple_heap_insert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	table_close(rel, RowExclusiveLock);
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

/*
 * writer_take_id() returns int
 *
 * Takes a transaction id, as whatever writes WAL of its own does.
 */
Datum
writer_take_id(PG_FUNCTION_ARGS)
{
	(void) GetCurrentTransactionId();
	PG_RETURN_INT32(1);
}

PG_FUNCTION_INFO_V1(writer_use_command_id);

/*
 * writer_use_command_id() returns int
 *
 * Uses a command id, as whatever changes a catalog does.
 */
Datum
writer_use_command_id(PG_FUNCTION_ARGS)
{
	(void) GetCurrentCommandId(true);
	PG_RETURN_INT32(1);
}

PG_FUNCTION_INFO_V1(unreviewed_in);
PG_FUNCTION_INFO_V1(unreviewed_out);
PG_FUNCTION_INFO_V1(unreviewed_compare);
PG_FUNCTION_INFO_V1(unreviewed_hash);
PG_FUNCTION_INFO_V1(unreviewed_trigger);

/* How often has one of the following run in this session? */
static int	calls = 0;

/*
 * Functions that do no harm, for t/004_functions.pl and others to declare
 * volatile: input and output of a type like int4, its comparison and hash, a
 * trigger, and one that returns what it is given.
 */
Datum
unreviewed_in(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_INT32(atoi(PG_GETARG_CSTRING(0)));
}

Datum
unreviewed_out(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_CSTRING(psprintf("%d", PG_GETARG_INT32(0)));
}

Datum
unreviewed_compare(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_INT32((PG_GETARG_INT32(0) > PG_GETARG_INT32(1)) -
					(PG_GETARG_INT32(0) < PG_GETARG_INT32(1)));
}

Datum
unreviewed_hash(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_INT32(PG_GETARG_INT32(0));
}

Datum
unreviewed_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	calls++;
	return PointerGetDatum(data->tg_trigtuple);
}

PG_FUNCTION_INFO_V1(unreviewed_echo);
PG_FUNCTION_INFO_V1(unreviewed_calls);

Datum
unreviewed_echo(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * unreviewed_calls() returns int
 */
Datum
unreviewed_calls(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(calls);
}
