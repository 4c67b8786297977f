/*-------------------------------------------------------------------------
 *
 * temp_schema.c
 *	  Core creates the session's temporary schema where somebody only looks.
 *
 * With search_path = pg_temp and no temporary schema yet, CURRENT_SCHEMA, its kin
 * and SET CONSTRAINTS by name write a row of pg_namespace (fetch_search_path() in
 * namespace.c); so does EXPLAIN of what would create a temporary table.  The write
 * guard would refuse that afterwards; so that nothing is written and rolled back, look
 * before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "session_readonly.h"

bool		pgsr_path_names_temp = false;

static GucStringAssignHook prev_assign_search_path = NULL;

/*
 * Does a search path name the temporary schema?  Answers yes too often rather than
 * not at all.
 */
static bool
names_temp(const char *path)
{
	for (; *path; path++)
	{
		if (pg_strncasecmp(path, "pg_temp", strlen("pg_temp")) == 0)
			return true;
	}
	return false;
}

/*
 * Assign hook of search_path.
 */
static void
follow_search_path(const char *newval, void *extra)
{
	pgsr_path_names_temp = names_temp(newval);
	if (prev_assign_search_path)
		prev_assign_search_path(newval, extra);
}

/*
 * Be told of each search path.
 */
void
pgsr_temp_schema_init(void)
{
	prev_assign_search_path =
		pgsr_guc_wrap_assign("search_path", follow_search_path);
	pgsr_path_names_temp = names_temp(namespace_search_path);
}

/*
 * Would a look at the schema to create in create it?  As finalNamespacePath() has
 * it: the temporary schema comes before any that exists and may be used.
 */
static bool
creation_pending(void)
{
	char	   *path = pstrdup(namespace_search_path);
	List	   *names;
	ListCell   *lc;

	if (OidIsValid(LookupNamespaceNoError("pg_temp")) ||
		!SplitIdentifierString(path, ',', &names))
		return false;
	foreach(lc, names)
	{
		const char *name = lfirst(lc);
		Oid			schema;

		if (strcmp(name, "pg_temp") == 0)
			return true;
		if (strcmp(name, "$user") == 0)
			name = GetUserNameFromId(GetUserId(), true);
		schema = name ? get_namespace_oid(name, true) : InvalidOid;
		if (OidIsValid(schema) &&
			pg_namespace_aclcheck(schema, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
			return false;
	}
	return false;
}

/*
 * Refuse what looks at the schema to create in, if that would create one.
 */
void
pgsr_check_temp_schema(const char *action)
{
	if (pgsr_path_names_temp && creation_pending())
		pgsr_refuse(action,
					"It would create the temporary schema that \"search_path\" begins with.",
					"Set \"search_path\" to one that does not begin with pg_temp.");
}

/*
 * Refuse to explain a CREATE TABLE AS of a temporary table, if that would create the
 * schema: EXPLAIN looks whether the table is there (CreateTableAsRelExists() in
 * createas.c).
 */
void
pgsr_check_explain_schema(ExplainStmt *stmt)
{
	Query	   *query = castNode(Query, stmt->query);
	RangeVar   *rel;

	if (query->commandType != CMD_UTILITY ||
		!IsA(query->utilityStmt, CreateTableAsStmt))
		return;
	rel = ((CreateTableAsStmt *) query->utilityStmt)->into->rel;
	if (rel->relpersistence == RELPERSISTENCE_TEMP ||
		(rel->schemaname != NULL && strcmp(rel->schemaname, "pg_temp") == 0))
	{
		if (!OidIsValid(LookupNamespaceNoError("pg_temp")))
			pgsr_refuse("EXPLAIN", "It would create the session's temporary schema.",
						"Explain the query alone.");
	}
	else if (rel->schemaname == NULL)
		pgsr_check_temp_schema("EXPLAIN");
}

/*
 * Walker that looks for CURRENT_SCHEMA, which is no function call.
 */
static bool
check_schema_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SQLValueFunction) &&
		((SQLValueFunction *) node)->op == SVFOP_CURRENT_SCHEMA)
		pgsr_check_temp_schema("CURRENT_SCHEMA");
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_schema_walker, context, 0);
	return expression_tree_walker(node, check_schema_walker, context);
}

/*
 * Refuse a query that looks at the schema to create in, likewise.  Called only
 * where the search path names the temporary schema.
 */
void
pgsr_check_query_schema(Query *query)
{
	(void) check_schema_walker((Node *) query, NULL);
}
