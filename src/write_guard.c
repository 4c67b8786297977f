/*-------------------------------------------------------------------------
 *
 * write_guard.c
 *	  What slipped past everything else is not committed.
 *
 * C code that writes a table or a catalog takes a transaction id, and the
 * statistics machinery counts the rows as they are written, whatever way the code
 * came in.  So a transaction with an id that nobody expected, or with more rows of
 * permanent tables than were written by commands and functions that an administrator
 * has allowed, is refused: at the end of each statement, and once more before it
 * commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_sequence.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_statistic_ext_data.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "parser/parsetree.h"
#include "storage/ipc.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pgstat_internal.h"
#include "utils/plancache.h"

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
 * What is known of the current transaction: that its id is accounted for, and what was
 * allowed.
 */
bool		pgsr_xid_expected = false;
static AllowedRows *allowed = NULL;

/* In how many brackets are we whose rows are allowed at their end? */
static int	brackets = 0;

/*
 * While a command on temporary tables runs: how many rows of the catalogs that describe
 * relations had been written before it.  Otherwise less than none.
 */
static PgStat_Counter catalog_rows_before = -1;

/*
 * How many calls are in progress from the first of an allowed function on, and in which
 * subtransaction and portal that one began.
 */
int			pgsr_allowed_calls = 0;
static int	call_nest_level = 0;
static Portal call_portal = NULL;

/*
 * Is this one of the catalogs that describe tables, views, sequences and indexes, or
 * where one of a catalog's rows is too long for it?
 */
static bool
describes_relations(Oid relid, Form_pg_class rel)
{
	switch (relid)
	{
		case AttrDefaultRelationId:
		case AttributeRelationId:
		case ConstraintRelationId:
		case DependRelationId:
		case IndexRelationId:
		case InheritsRelationId:
		case NamespaceRelationId:
		case PartitionedRelationId:
		case RelationRelationId:
		case RewriteRelationId:
		case SequenceRelationId:
		case SharedDependRelationId:
		case StatisticRelationId:
		case StatisticExtRelationId:
		case StatisticExtDataRelationId:
		case TriggerRelationId:
		case TypeRelationId:
			return true;
		default:
			return IsCatalogRelationOid(relid) && rel->relnamespace == PG_TOAST_NAMESPACE;
	}
}

/*
 * How many rows of a table were written at one level, if it is not temporary?  Of those
 * catalogs only, perhaps.
 */
static PgStat_Counter
permanent_rows_of(PgStat_TableXactStatus *rel, bool of_catalogs)
{
	PgStat_Counter n = rel->tuples_inserted + rel->tuples_updated + rel->tuples_deleted;
	Oid			relid = PgStatTableOid(rel->parent);
	HeapTuple	tuple;
	Form_pg_class form;

	if (n == 0)
		return 0;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return 0;				/* a temporary table, dropped since */
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relpersistence == RELPERSISTENCE_TEMP ||
		(of_catalogs && !describes_relations(relid, form)))
		n = 0;
	ReleaseSysCache(tuple);
	return n;
}

/*
 * How many rows of tables that are not temporary has the current transaction
 * written?  Of those catalogs only, perhaps.
 */
static PgStat_Counter
permanent_rows(bool of_catalogs)
{
	PgStat_Counter total = 0;
	PgStat_SubXactStatus *level;

	level = pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
	for (; level != NULL; level = level->prev)
		for (PgStat_TableXactStatus *rel = level->first; rel; rel = rel->next)
			total += permanent_rows_of(rel, of_catalogs);
	return total;
}

/*
 * How many of them will the statistics forget as the current subtransaction commits:
 * those that the one around it wrote into a table that this one has emptied
 * (AtEOSubXact_PgStat_Relations() in pgstat_relation.c)?
 */
static PgStat_Counter
forgotten_rows(int nest_level)
{
	PgStat_Counter total = 0;
	PgStat_TableXactStatus *rel = pgstat_get_xact_stack_level(nest_level)->first;

	for (; rel != NULL; rel = rel->next)
		if (rel->truncdropped && rel->upper != NULL && rel->upper->nest_level == nest_level - 1)
			total += permanent_rows_of(rel->upper, false);
	return total;
}

/*
 * How many rows are neither allowed nor those of a command that is running on temporary
 * tables?
 */
static PgStat_Counter
unaccounted_rows(void)
{
	PgStat_Counter rows = permanent_rows(false);

	for (AllowedRows *level = allowed; level != NULL; level = level->outer)
		rows -= level->rows;
	if (catalog_rows_before >= 0)
		rows -= permanent_rows(true) - catalog_rows_before;
	return rows;
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
	if (brackets > 0 || pgsr_mode == PGSR_OFF ||
		!IsTransactionState() || proc_exit_inprogress || IsParallelWorker())
		return;
	if ((!pgsr_xid_expected && catalog_rows_before < 0) || unaccounted_rows() > 0)
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
	pgsr_xid_expected = true;
}

/*
 * What may write has ended, by an error perhaps.  The id is its own if there is one: it
 * would not have begun with another.
 */
void
pgsr_end_allowed(bool temporary)
{
	if (temporary)
		catalog_rows_before = -1;
	else
		brackets--;
	pgsr_xid_expected |= TransactionIdIsValid(GetTopTransactionIdIfAny());
}

/*
 * No allowed function is running any more.  If refused functions were looked up for no
 * plan meanwhile, plpgsql may have done so for an expression, and keeps that to the end of
 * the transaction unless the expression's plan is outdated (exec_eval_simple_expr() in
 * pl_exec.c).
 */
static pg_noinline void
leave_allowed_call(void)
{
	pgsr_end_allowed(false);
	pgsr_allowed_calls = 0;
	XactReadOnly = true;
	if (pgsr_passed_over > 0)
		ResetPlanCache();
	pgsr_passed_over = 0;
}

/*
 * Follow a subtransaction's life: its allowed rows pass to the one around it, or
 * are gone.  No call outlives the subtransaction that it began in.
 */
static void
pgsr_subxact_callback(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	AllowedRows *level = allowed;

	if (event == SUBXACT_EVENT_ABORT_SUB && pgsr_allowed_calls > 0 &&
		call_nest_level >= GetCurrentTransactionNestLevel())
		leave_allowed_call();
	if (level == NULL || level->nest_level < GetCurrentTransactionNestLevel())
		return;
	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
		level->rows -= forgotten_rows(level->nest_level);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
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
 * A command or function begins that may write what it writes, or a command on
 * "temporary" tables, which may write the catalogs that describe them: ours is to see
 * that nothing was written before.  The former may end the transaction and begin others.
 */
void
pgsr_begin_allowed(bool temporary)
{
	static bool following = false;

	pgsr_write_guard_check();
	if (!following)
		RegisterSubXactCallback(pgsr_subxact_callback, NULL);
	following = true;
	if (!temporary)
		brackets++;
	else
		catalog_rows_before = TransactionIdIsValid(GetTopTransactionIdIfAny()) ?
			permanent_rows(true) : 0;
}

/*
 * It has succeeded: allow the rows it has written.
 */
void
pgsr_allow_written(bool temporary)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	PgStat_Counter rows;

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	rows = temporary ? permanent_rows(true) - catalog_rows_before : unaccounted_rows();
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
 * Run the triggers and check the constraints that are deferred, and defer none in
 * this transaction any more, as SET CONSTRAINTS ALL IMMEDIATE does.
 */
static void
run_deferred_triggers(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()) && !IsInParallelMode())
		AfterTriggerSetState(makeNode(ConstraintsSetStmt));
}

/*
 * A call begins while or because an allowed function runs.  What was deferred before
 * is not its doing.
 */
void
pgsr_begin_allowed_call(void)
{
	if (pgsr_allowed_calls == 0)
	{
		run_deferred_triggers();
		pgsr_begin_allowed(false);
		call_nest_level = GetCurrentTransactionNestLevel();
		call_portal = ActivePortal;
	}
	pgsr_allowed_calls++;
	pgsr_read_only_assert();
}

/*
 * Such a call has ended.
 */
void
pgsr_end_allowed_call(void)
{
	if (pgsr_allowed_calls > 1)
	{
		pgsr_allowed_calls--;
		return;
	}
	PG_TRY();
	{
		run_deferred_triggers();
		pgsr_allow_written(false);
	}
	PG_CATCH();
	{
		leave_allowed_call();
		PG_RE_THROW();
	}
	PG_END_TRY();
	leave_allowed_call();
}

/*
 * Such a call has ended by an error, to which a hint is added where the way out is
 * another isolation level.
 */
void
pgsr_abort_allowed_call(void)
{
	if (--pgsr_allowed_calls > 0)
		return;
	if (IsolationIsSerializable() && geterrcode() == ERRCODE_READ_ONLY_SQL_TRANSACTION)
		errhint("Other sessions count on a SERIALIZABLE transaction of this one to write nothing. Use READ COMMITTED or REPEATABLE READ.");
	leave_allowed_call();
}

/*
 * Refuse to begin, inside an allowed function, a statement that stands in a cursor and
 * writes, or is a utility command: it begins with the first FETCH, and nobody knows who
 * has opened the cursor.  A language's loop over such a statement pins its own.
 */
void
pgsr_check_portal_of_call(void)
{
	if (ActivePortal != NULL && ActivePortal != call_portal &&
		!ActivePortal->portalPinned && ActivePortal->status == PORTAL_ACTIVE &&
		ActivePortal->strategy != PORTAL_ONE_SELECT)
		pgsr_refuse("a cursor that does not read",
					"A function that is allowed came by it, and may not have opened it.", NULL);
}

/*
 * A plan's flags beside core's (executor.h): it was set up by an allowed function; and
 * what it does is refused to others.
 */
#define EXEC_FLAG_ALLOWED		0x20000000
#define EXEC_FLAG_PASSED_OVER	0x40000000

/*
 * An allowed function has set up a plan, and was spared refusals since "passed_over" of
 * them.  Mark it if it does what is refused: it may be a cursor's, which the function
 * leaves open.
 */
void
pgsr_mark_plan(QueryDesc *queryDesc, uint64 passed_over)
{
	queryDesc->estate->es_top_eflags |= EXEC_FLAG_ALLOWED;
	if (pgsr_passed_over != passed_over || pgsr_plan_writes(queryDesc->plannedstmt))
		queryDesc->estate->es_top_eflags |= EXEC_FLAG_PASSED_OVER;
	pgsr_passed_over = passed_over;
}

/*
 * Refuse to run a plan on the wrong side of an allowed function's end: what it has left
 * behind in a cursor and would be refused to others; and what others have set up, as a
 * cursor of theirs that it is given, or that its COMMIT runs to the end (HoldPortal() in
 * portalmem.c), the loop around a CALL among them.
 */
void
pgsr_check_whose_plan(QueryDesc *queryDesc)
{
	int			flags = queryDesc->estate->es_top_eflags;

	if (pgsr_allowed_calls == 0 && (flags & EXEC_FLAG_PASSED_OVER))
		pgsr_refuse("a query that writes",
					"The function that has set it up is allowed to, and has ended.", NULL);
	if (pgsr_allowed_calls > 0 && !(flags & EXEC_FLAG_ALLOWED))
		pgsr_refuse("a query in a function that has not begun it",
					"What an allowed function runs is not checked. It may not read its caller's cursors, nor commit while one is open or inside a loop over a query.", NULL);
}

/*
 * Each transaction is accounted for on its own.  A call outlives it that committed by
 * itself: the portal that it runs in is active still.
 */
void
pgsr_write_guard_end_transaction(void)
{
	if (unlikely(pgsr_allowed_calls > 0) && ActivePortal == NULL)
		leave_allowed_call();
	pgsr_xid_expected = false;
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
 * Refuse a query of which a part writes.  Core would say that SELECT is refused.
 */
static void
refuse_with_queries(PlannedStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->subplans)
	{
		ModifyTable *plan = lfirst(lc);
		Oid			relid;

		if (plan == NULL || !IsA(plan, ModifyTable))
			continue;
		relid = rt_fetch(plan->nominalRelation, stmt->rtable)->relid;
		if (!isTempNamespace(get_rel_namespace(relid)))
			pgsr_refuse(psprintf("%s on \"%s\"",
								 plan->operation == CMD_INSERT ? "INSERT" :
								 plan->operation == CMD_UPDATE ? "UPDATE" :
								 plan->operation == CMD_DELETE ? "DELETE" : "MERGE",
								 get_rel_name(relid)),
						"A query in WITH changes the table.", NULL);
	}
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

	if (stmt->commandType == CMD_SELECT)
		refuse_with_queries(stmt);
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
