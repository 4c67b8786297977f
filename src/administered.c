/*-------------------------------------------------------------------------
 *
 * administered.c
 *	  What an administrator decided for the session: stored for its role and database,
 *	  or for roles that it is a member of.
 *
 * Core lets the connection string override what ALTER ROLE ... SET and ALTER
 * DATABASE ... SET stored, and keeps no trace of the stored value then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "session_readonly.h"

char	   *pgsr_locked_roles = NULL;

/*
 * Look at the settings stored for one database and role: find the value of one,
 * or NULL; or, without a name, end the session if one of ours is bad.
 */
static char *
stored_for(Relation rel, Snapshot snapshot, Oid database, Oid role, const char *name)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *result = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
	scan = systable_beginscan(rel, DbRoleSettingDatidRolidIndexId, true, snapshot,
							  2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		config = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
										  RelationGetDescr(rel), &isnull);
		Datum	   *items = NULL;
		int			n = 0;

		if (!isnull)
			deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
							  TYPALIGN_INT, &items, NULL, &n);
		for (int i = 0; i < n; i++)
		{
			/* "name=value" */
			char	   *item = TextDatumGetCString(items[i]);
			char	   *value = strchr(item, '=');

			if (value == NULL)
				continue;
			*value++ = '\0';
			if (name != NULL && pgsr_same_setting(item, name))
				result = value;
			if (name == NULL &&
				pgsr_setting_begins(item, PGSR_PREFIX "."))
				(void) set_config_option(item, value, PGC_USERSET, PGC_S_TEST,
										 GUC_ACTION_SET, false, FATAL, false);
		}
	}
	systable_endscan(scan);
	return result;
}

/*
 * The value stored for the role that logged in and the database, or NULL; or, without a
 * name, end the session if a setting of ours that is stored for it is bad: the value may
 * be older than the library, and then core only warns.
 *
 * As in process_settings() in postinit.c, the more specific value wins, which *source then
 * tells, and all are seen at one moment: an administrator may be moving a value from one
 * place to another.  A walsender without a database has none.
 */
char *
pgsr_role_setting(const char *name, GucSource *source)
{
	Oid			role = GetAuthenticatedUserId();
	struct
	{
		Oid			database;
		Oid			role;
		GucSource	source;
	}			scopes[] =
	{
		{MyDatabaseId, role, PGC_S_DATABASE_USER},
		{InvalidOid, role, PGC_S_USER},
		{MyDatabaseId, InvalidOid, PGC_S_DATABASE},
		{InvalidOid, InvalidOid, PGC_S_GLOBAL},
	};
	Relation	rel;
	Snapshot	snapshot;
	char	   *value = NULL;

	if (!OidIsValid(MyDatabaseId))
		return NULL;
	rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	snapshot = RegisterSnapshot(GetCatalogSnapshot(DbRoleSettingRelationId));
	for (int i = 0; i < (int) lengthof(scopes) && value == NULL; i++)
	{
		value = stored_for(rel, snapshot, scopes[i].database, scopes[i].role, name);
		if (value != NULL && source != NULL)
			*source = scopes[i].source;
	}
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return value;
}

/*
 * The first item of a list that is not the name of a role, or NULL.  A name that is
 * longer than core keeps it is none, nor one without double quotes that core would
 * fold in some databases only.
 */
static const char *
not_a_role(const char *list)
{
	char	   *rest = pgsr_begin_list(list);
	char	   *item;

	while ((item = pgsr_next_item(&rest)) != NULL)
	{
		char	   *parts = pstrdup(item);
		bool		plain;
		char	   *name = pgsr_next_name(&parts, &plain);

		if (name == NULL || parts != NULL || !plain || strlen(name) >= NAMEDATALEN)
			return item;
	}
	return NULL;
}

/*
 * Check hook of locked_roles
 *
 * At a reload core keeps the value of before.  As the server starts it would use the
 * default, which locks nobody: so there a bad list stands, and nobody but superusers
 * gets a session, see pgsr_in_locked_role().
 */
bool
pgsr_locked_roles_check(char **newval, void **extra, GucSource source)
{
	const char *item = not_a_role(*newval);

	if (item == NULL || InitializingParallelWorker)
		return true;
	if (!process_shared_preload_libraries_in_progress)
	{
		GUC_check_errdetail("Not the name of a role: \"%s\".", item);
		return false;
	}
	if (source != PGC_S_TEST)
		ereport(LOG,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"",
						PGSR_LOCKED_ROLES_NAME, *newval),
				 errdetail("Not the name of a role: \"%s\".", item),
				 errhint("Only superusers can connect until it is corrected.")));
	return true;
}

/*
 * Is the role that logged in one of the locked roles, or a member of one, directly or
 * not?  Whether it inherits, or may SET ROLE, does not matter, and a superuser is a
 * member where that was granted.  Ends the session if that cannot be known.
 */
bool
pgsr_in_locked_role(void)
{
	Oid			role = GetAuthenticatedUserId();
	char	   *rest = pgsr_begin_list(pgsr_locked_roles);
	char	   *item;

	if (not_a_role(pgsr_locked_roles) != NULL && !superuser_arg(role))
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"",
						PGSR_LOCKED_ROLES_NAME, pgsr_locked_roles),
				 errdetail("Only superusers can connect until it is corrected.")));
	while ((item = pgsr_next_item(&rest)) != NULL)
	{
		bool		plain;
		char	   *name = pgsr_next_name(&item, &plain);
		Oid			locked = name ? get_role_oid(name, true) : InvalidOid;

		if (!OidIsValid(locked))
			ereport(LOG,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("role \"%s\" in parameter \"%s\" does not exist",
							name ? name : "", PGSR_LOCKED_ROLES_NAME)));
		else if (is_member_of_role_nosuper(role, locked))
			return true;
	}
	return false;
}

/*
 * The name of a library: without its directory, and the suffix of libraries.
 */
char *
pgsr_library_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char	   *name = pstrdup(slash ? slash + 1 : path);
	size_t		length = strlen(name);
	size_t		suffix = strlen(DLSUFFIX);

	if (length > suffix && strcmp(name + length - suffix, DLSUFFIX) == 0)
		name[length - suffix] = '\0';
	return name;
}

/*
 * Is this library in a list of libraries to be loaded?
 */
bool
pgsr_names_this_library(const char *libraries)
{
	List	   *paths;
	ListCell   *lc;

	if (libraries == NULL ||
		!SplitDirectoriesString(pstrdup(libraries), ',', &paths))
		return false;
	foreach(lc, paths)
	{
		if (strcmp(pgsr_library_name(lfirst(lc)), PGSR_PREFIX) == 0)
			return true;
	}
	return false;
}
