/*-------------------------------------------------------------------------
 *
 * temporary_tables.c
 *	  What a command on temporary tables may be, where they are allowed.
 *
 * An administrator who takes TEMPORARY TABLES out of the list of denied commands
 * lets a session make tables, sequences, views and indexes that are its own, empty
 * and analyze them, and drop them.  Nothing that ties them to a permanent table, or
 * changes one.
 *
 * Core's flag is lifted for such a command, and put back by the first hook that
 * anything inside it passes: the query of CREATE TABLE AS, a default, an event
 * trigger.  Whatever relation it makes, changes or drops is looked at as that
 * happens, and of what it writes only rows of the catalogs that describe relations
 * are allowed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "session_readonly.h"

/* A command on temporary tables is being run. */
bool		pgsr_temporary_running = false;

/*
 * The text of the command, whose query may put its rows into the new table if it is
 * CREATE TABLE AS.  No other statement's query has its text at this address.
 */
static const char *fills_table = NULL;

/*
 * Is a new relation to be temporary, by its own words?  Core decides by them, too;
 * see RangeVarAdjustRelationPersistence() in namespace.c.
 */
static bool
is_new_temporary(const RangeVar *rel)
{
	return rel->relpersistence == RELPERSISTENCE_TEMP ||
		(rel->schemaname != NULL && strcmp(rel->schemaname, "pg_temp") == 0);
}

/*
 * Does this name a relation in the session's own temporary schema, or perhaps none at
 * all?  It is locked, as any reader would, so that core will find the same: another
 * session may drop it.  A name that stands for nothing is core's error, where the
 * command may run otherwise.
 */
static bool
is_own(RangeVar *rel, bool missing_ok)
{
	Oid			relid = RangeVarGetRelid(rel, NoLock,
										 missing_ok || !pgsr_temporary_tables_allowed());

	if (!OidIsValid(relid))
		return missing_ok;
	if (!isTempNamespace(get_rel_namespace(relid)))
		return false;
	LockRelationOid(relid, AccessShareLock);
	if (RangeVarGetRelid(rel, NoLock, true) != relid)
		return false;
	(void) pgsr_check_temporary(relid, false);	/* nor has it foreign children */
	return true;
}

/*
 * Are all of these, of which there is at least one?
 */
static bool
are_own(List *relations, bool missing_ok)
{
	ListCell   *lc;

	foreach(lc, relations)
	{
		Node	   *item = lfirst(lc);

		if (IsA(item, List))
			item = (Node *) makeRangeVarFromNameList((List *) item);
		else if (IsA(item, VacuumRelation))
			item = (Node *) ((VacuumRelation *) item)->relation;
		if (!is_own((RangeVar *) item, missing_ok))
			return false;
	}
	return relations != NIL;
}

/*
 * Does an index leave other sessions alone?  CONCURRENTLY commits, and BRIN's
 * autosummarize asks autovacuum for work.
 */
static bool
index_is_quiet(IndexStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		if (strcmp(lfirst_node(DefElem, lc)->defname, "autosummarize") == 0)
			return false;
	}
	return !stmt->concurrent;
}

/*
 * Does what core adds to a new table refer to the session's own tables only?  It
 * would find a permanent one behind a foreign key, and refuse it, but lock it before.
 */
static bool
refers_to_own(List *alter_cmds)
{
	ListCell   *lc;

	foreach(lc, alter_cmds)
	{
		Node	   *def = lfirst_node(AlterTableCmd, lc)->def;

		if (def != NULL && IsA(def, Constraint) &&
			((Constraint *) def)->contype == CONSTR_FOREIGN &&
			!is_own(((Constraint *) def)->pktable, false))
			return false;
	}
	return true;
}

/*
 * Is this a command on temporary tables that may be allowed?  A subcommand is one
 * that core has made of a part of CREATE TABLE.
 */
bool
pgsr_is_temporary_command(Node *parsetree, bool subcommand)
{
	switch (nodeTag(parsetree))
	{
		case T_CreateStmt:
			{
				CreateStmt *stmt = (CreateStmt *) parsetree;

				return is_new_temporary(stmt->relation) &&
					(stmt->inhRelations == NIL || are_own(stmt->inhRelations, false));
			}
		case T_CreateTableAsStmt:
			return ((CreateTableAsStmt *) parsetree)->objtype == OBJECT_TABLE &&
				is_new_temporary(((CreateTableAsStmt *) parsetree)->into->rel);
		case T_CreateSeqStmt:
			return is_new_temporary(((CreateSeqStmt *) parsetree)->sequence);
		case T_ViewStmt:
			return is_new_temporary(((ViewStmt *) parsetree)->view);
		case T_IndexStmt:
			return index_is_quiet((IndexStmt *) parsetree) &&
				is_own(((IndexStmt *) parsetree)->relation, false);
		case T_AlterSeqStmt:	/* OWNED BY a column of type serial */
			return subcommand && is_own(((AlterSeqStmt *) parsetree)->sequence, false);
		case T_AlterTableStmt:	/* foreign keys, and what LIKE includes */
			return subcommand && is_own(((AlterTableStmt *) parsetree)->relation, false) &&
				refers_to_own(((AlterTableStmt *) parsetree)->cmds);
		case T_TruncateStmt:
			return ((TruncateStmt *) parsetree)->behavior == DROP_RESTRICT &&
				are_own(((TruncateStmt *) parsetree)->relations, false);
		case T_VacuumStmt:		/* ANALYZE */
			return are_own(((VacuumStmt *) parsetree)->rels, false);
		case T_DropStmt:
			{
				DropStmt   *stmt = (DropStmt *) parsetree;

				return (stmt->removeType == OBJECT_TABLE ||
						stmt->removeType == OBJECT_SEQUENCE ||
						stmt->removeType == OBJECT_VIEW ||
						stmt->removeType == OBJECT_INDEX) &&
					stmt->behavior == DROP_RESTRICT && !stmt->concurrent &&
					are_own(stmt->objects,
							stmt->missing_ok || pgsr_temporary_tables_allowed());
			}
		default:
			return false;
	}
}

/*
 * Such a command is about to run: core's transaction is not read-only, to the next
 * hook.  Or it has ended, by an error perhaps, and so has the one that it was a part of,
 * if it was none.
 */
void
pgsr_temporary_command(bool running, const char *text)
{
	pgsr_temporary_running = running;
	fills_table = text;
	XactReadOnly = text == NULL;
}

/*
 * Refuse a query whose rows are to go into a new relation, unless that is the temporary
 * table of the command that is running.
 */
void
pgsr_check_new_relation(QueryDesc *query)
{
	if (fills_table == NULL || query->sourceText != fills_table ||
		query->dest->mydest != DestIntoRel)
		pgsr_refuse("a query into a relation", "It creates a relation and fills it.", NULL);
}

/*
 * While such a command runs, a relation is made, changed, truncated or dropped.  Core
 * may not have made it visible yet, but knows it.  One that a crashed session has left
 * behind in the schema that becomes this session's is temporary, too.
 */
void
pgsr_check_temporary_object(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);

	if (!RelationIsValid(rel) ||
		rel->rd_rel->relpersistence != RELPERSISTENCE_TEMP)
		pgsr_refuse("a change of a permanent relation",
					"Only temporary tables may be made or changed.", NULL);
	RelationClose(rel);
}
