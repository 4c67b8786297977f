/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  C functions that write behind core's back, for t/002_write_guard.pl.
 *
 * They stand for whatever an extension may do that nobody has reviewed.  The
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
#include "fmgr.h"
#include "utils/rel.h"

PG_MODULE_MAGIC;

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
