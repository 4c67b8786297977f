/*-------------------------------------------------------------------------
 *
 * administered.c
 *	  What an administrator stored for the session's role and database.
 *
 * Core lets the connection string override what ALTER ROLE ... SET and ALTER
 * DATABASE ... SET stored, and keeps no trace of the stored value then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "session_readonly.h"

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
 * The value stored for the session's user and database, or NULL; likewise without a
 * name.  As in process_settings() in postinit.c, the more specific value wins, which
 * *source then tells, and all are seen at one moment: an administrator may be moving a
 * value from one place to another.  A walsender without a database has none.
 */
char *
pgsr_role_setting(const char *name, GucSource *source)
{
	Oid			role = GetSessionUserId();
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
 * End the session if a setting of ours that is stored for it is bad.  Core has
 * refused to store such a value where the library was loaded, but it may be older
 * than that; then core only warns.
 */
void
pgsr_check_role_settings(void)
{
	(void) pgsr_role_setting(NULL, NULL);
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
