/*-------------------------------------------------------------------------
 *
 * write_guard.c
 *	  What slipped past everything else is not committed.
 *
 * C code that writes a table or a catalog takes a transaction id, and the
 * statistics machinery counts the rows as they are written, whatever way the code
 * came in.  So a transaction with an id that nobody expected, or with more rows of
 * permanent tables than were allowed to commands that an administrator has allowed,
 * is refused: at the end of each statement, and once more before it commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pgstat_internal.h"
#include "utils/syscache.h"

#include "session_readonly.h"

/*
 * Rows of permanent tables that were allowed, by the nesting level of the
 * subtransaction they were written in, the innermost first.  An aborted
 * subtransaction takes its rows away, from here as from the statistics.
 */
typedef struct AllowedRows
{
	int			nest_level;
	PgStat_Counter rows;
	struct AllowedRows *outer;
} AllowedRows;

/*
 * What is known of the current transaction: that its id is accounted for, that a
 * function ran which an administrator has allowed to write, and what was allowed.
 */
static bool xid_expected = false;
static bool may_write = false;
static AllowedRows *allowed = NULL;

/* In how many commands are we whose rows are allowed at their end? */
static int	allowed_commands = 0;

/*
 * How many rows of tables that are not temporary has the current transaction
 * written?
 */
static PgStat_Counter
permanent_rows(void)
{
	PgStat_Counter total = 0;
	PgStat_SubXactStatus *level;

	level = pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
	for (; level != NULL; level = level->prev)
	{
		for (PgStat_TableXactStatus *rel = level->first; rel; rel = rel->next)
		{
			PgStat_Counter n = rel->tuples_inserted + rel->tuples_updated +
				rel->tuples_deleted;
			HeapTuple	tuple;

			if (n == 0)
				continue;
			tuple = SearchSysCache1(RELOID,
									ObjectIdGetDatum(PgStatTableOid(rel->parent)));
			if (!HeapTupleIsValid(tuple))
				continue;		/* a temporary table, dropped since */
			if (((Form_pg_class) GETSTRUCT(tuple))->relpersistence != RELPERSISTENCE_TEMP)
				total += n;
			ReleaseSysCache(tuple);
		}
	}
	return total;
}

/*
 * How many rows were allowed?
 */
static PgStat_Counter
allowed_rows(void)
{
	PgStat_Counter total = 0;

	for (AllowedRows *level = allowed; level != NULL; level = level->outer)
		total += level->rows;
	return total;
}

/*
 * Refuse a transaction with an id in which something was written that nobody
 * allowed.
 *
 * A superuser may have switched the mode off just now.  An aborted transaction can
 * do no harm, and the removal of the session's temporary tables at exit is a
 * transaction of its own.  A parallel worker cannot write.
 */
void
pgsr_check_written(void)
{
	if (may_write || allowed_commands > 0 || pgsr_mode == PGSR_OFF ||
		!IsTransactionState() || proc_exit_inprogress || IsParallelWorker())
		return;
	if (!xid_expected || permanent_rows() > allowed_rows())
		pgsr_refuse("a statement that writes",
					"The transaction has changed the database and cannot commit.",
					NULL);
}

/*
 * The transaction may take an id from here on, for something that writes no
 * permanent table.  An id that is there already stays unexpected if it was.
 */
void
pgsr_expect_xid(void)
{
	pgsr_write_guard_check();
	xid_expected = true;
}

/*
 * EXPLAIN looks at functions and may not run them: without an id by its end, none is
 * expected that was not before.
 */
bool
pgsr_xid_expected(void)
{
	return xid_expected;
}

void
pgsr_end_explain(bool was_expected)
{
	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		xid_expected = was_expected;
}

/*
 * A function that an administrator has allowed is about to run: the transaction
 * may write.
 */
void
pgsr_expect_writes(void)
{
	pgsr_write_guard_check();
	may_write = true;
}

/*
 * Follow a subtransaction's life: its allowed rows pass to the one around it, or
 * are gone.
 */
static void
pgsr_subxact_callback(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	AllowedRows *level = allowed;

	if (level == NULL || level->nest_level < GetCurrentTransactionNestLevel())
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		allowed = level->outer;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		level->nest_level--;
		if (level->outer != NULL && level->outer->nest_level == level->nest_level)
		{
			level->outer->rows += level->rows;
			allowed = level->outer;
		}
	}
}

/*
 * A command begins that may write what it writes: ours is to see that nothing was
 * written before.  It may end the transaction and begin others.
 */
void
pgsr_begin_allowed_command(void)
{
	static bool registered = false;

	pgsr_write_guard_check();
	if (!registered)
	{
		RegisterSubXactCallback(pgsr_subxact_callback, NULL);
		registered = true;
	}
	allowed_commands++;
}

/*
 * Such a command has succeeded: allow the rows it has written.
 */
void
pgsr_allow_written(void)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	PgStat_Counter rows;

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	xid_expected = true;
	rows = permanent_rows() - allowed_rows();
	if (allowed == NULL || allowed->nest_level < nest_level)
	{
		AllowedRows *level = MemoryContextAlloc(TopTransactionContext,
												sizeof(AllowedRows));

		level->nest_level = nest_level;
		level->rows = 0;
		level->outer = allowed;
		allowed = level;
	}
	allowed->rows += rows;
}

/*
 * Such a command has ended, by an error perhaps.
 */
void
pgsr_end_allowed_command(void)
{
	allowed_commands--;
}

/*
 * Each transaction is accounted for on its own.
 */
void
pgsr_write_guard_end_transaction(void)
{
	xid_expected = false;
	may_write = false;
	allowed = NULL;
}

/*
 * Is this relation storage of this session alone?  Refuses a foreign table in
 * the temporary schema: core takes it for temporary, but what is written to it
 * goes elsewhere, also by way of a partitioned or inherited table.  What is only
 * inserted goes to no inheriting table.
 */
bool
pgsr_check_temporary(Oid relid, bool only_inserts)
{
	ListCell   *lc;
	char		relkind = get_rel_relkind(relid);

	if (!isTempNamespace(get_rel_namespace(relid)))
		return false;
	if (only_inserts && relkind == RELKIND_RELATION)
		return true;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			pgsr_refuse("a write to a foreign table",
						"A foreign table in the temporary schema is not temporary storage.",
						NULL);
	}
	return relkind != RELKIND_VIEW;
}

/*
 * Expect an id for a plan that is about to run, if it writes or locks rows of
 * temporary tables and of nothing else.  The relations are those that
 * ExecCheckXactReadOnly() looks at, in execMain.c; it is about to refuse all
 * others.  A view among them has been replaced by its tables, or has triggers
 * whose statements are looked at when they run.
 */
void
pgsr_check_plan_targets(PlannedStmt *stmt)
{
	bool		temporary = false;
	ListCell   *lc;

	foreach(lc, PlannedPermissions(stmt))
	{
		PermissionsNode *perms = lfirst_node(PermissionsNode, lc);

		if (!OidIsValid(perms->relid) ||
			(perms->requiredPerms & ~((AclMode) ACL_SELECT)) == 0)
			continue;
		if (pgsr_check_temporary(perms->relid,
								 (perms->requiredPerms & ~(ACL_SELECT | ACL_INSERT)) == 0))
			temporary = true;
		else if (get_rel_relkind(perms->relid) != RELKIND_VIEW)
			return;
	}
	if (temporary)
		pgsr_expect_xid();
}
