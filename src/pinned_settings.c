/*-------------------------------------------------------------------------
 *
 * pinned_settings.c
 *	  Which settings are pinned.
 *
 * In a locked session: those that pinned_settings names, all that only a superuser
 * may change if it says "superuser", and some that anyone may set and that act when
 * set.  And in every guarded session the settings that say what is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/memutils.h"

#include "session_readonly.h"

/* The word in the list for all that only a superuser may set. */
#define SUPERUSER	"superuser"

/* The settings that say what is refused.  They freeze as the mode goes up. */
static const char *const policy_settings[] = {
	PGSR_DENIED_COMMANDS_NAME,
	PGSR_DENIED_FUNCTIONS_NAME,
	PGSR_ALLOWED_FUNCTIONS_NAME,
	PGSR_PINNED_SETTINGS_NAME,
};

/* Settings that anyone may set and that act. */
static const char *const acting_settings[] = {
#define ACTING_SETTING(name, reason) name,
#include "acting_settings.h"
#undef ACTING_SETTING
};

char	   *pgsr_pinned_settings = NULL;

/* What it says: names, one after the other, and an empty one. */
static const char *pinned = NULL;

/* The room that the names of those libraries take whose settings were looked at. */
static Size seen_libraries = 0;

/* The names by which libraries were loaded since the lock. */
static List *loaded_names = NIL;

/*
 * Was a setting of ours named that there is not?
 */
static bool
is_misspelt(const char *name, GucContext context)
{
	if (!pgsr_setting_begins(name, PGSR_PREFIX ".") || pgsr_same_setting(name, PGSR_MODE_NAME) ||
		pgsr_same_setting(name, PGSR_LOCKED_ROLES_NAME))
		return false;
	for (int i = 0; i < (int) lengthof(policy_settings); i++)
	{
		if (pgsr_same_setting(name, policy_settings[i]))
			return false;
	}
	return true;
}

/*
 * Raise an error if a value was given to a setting of ours that there is not;
 * core would only warn.
 */
void
pgsr_check_setting_names(void)
{
	const char *name = pgsr_guc_find_placeholder(is_misspelt);

	if (name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized configuration parameter \"%s\"", name)));
}

/*
 * Raise an error if a setting was given a bad value before it was known; core
 * would only warn and use the default.  Likewise if it was not given by the configuration
 * file, where it must be: core does not know the file's value any more.
 */
void
pgsr_check_setting_at_load(const char *name, GucContext context, GucStringCheckHook check)
{
	const char *placeholder = pgsr_guc_placeholder(name);
	char	   *value;
	void	   *extra = NULL;

	if (placeholder == NULL)
		return;
	if (context == PGC_SIGHUP && pgsr_guc_source(name) > PGC_S_ARGV)
		ereport(ERROR,
				(errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM),
				 errmsg("parameter \"%s\" cannot be changed now", name)));
	value = pstrdup(placeholder);
	GUC_check_errdetail_string = NULL;
	if (!check(&value, &extra, PGC_S_TEST))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"", name, placeholder),
				 GUC_check_errdetail_string ?
				 errdetail_internal("%s", GUC_check_errdetail_string) : 0));
	pgsr_guc_free(extra);
}

/*
 * The first policy setting that the connection string gave, or the session itself where
 * "last" is its source; or NULL.
 */
const char *
pgsr_policy_given(GucSource last)
{
	for (int i = 0; i < (int) lengthof(policy_settings); i++)
	{
		GucSource	source = pgsr_guc_source(policy_settings[i]);

		if (source >= PGC_S_CLIENT && source <= last)
			return policy_settings[i];
	}
	return NULL;
}

/*
 * Let the policy settings follow the mode: anyone may set them while it is
 * off, only a superuser while it is on, and nobody once it is locked.  Does nothing
 * that can fail.
 */
void
pgsr_policy_settings_follow(PgsrMode mode)
{
	for (int i = 0; i < (int) lengthof(policy_settings); i++)
	{
		pgsr_guc_restrict(policy_settings[i],
						  mode == PGSR_OFF ? PGC_USERSET :
						  mode == PGSR_ON ? PGC_SUSET : PGSR_NOBODY);
	}
}

/*
 * Check hook of the list.  A qualified name may be that of a library which is not
 * loaded yet.
 */
bool
pgsr_pinned_settings_check(char **newval, void **extra, GucSource source)
{
	/* no name in the list gets longer, but one of core's that an old one stands for */
	char	   *names = pgsr_guc_malloc(2 * strlen(*newval) + NAMEDATALEN);
	char	   *next = names;
	char	   *rest = pgsr_begin_list(*newval);
	char	   *item;

	if (names == NULL)
		return false;
	while ((item = pgsr_next_item(&rest)) != NULL)
	{
		char	   *parts = pstrdup(item);
		const char *name = NULL;
		const char *known = NULL;
		char	   *part;
		bool		plain;

		while (parts != NULL && (part = pgsr_next_name(&parts, &plain)) != NULL)
			name = name ? psprintf("%s.%s", name, part) : part;
		if (parts == NULL)
			known = strcmp(name, SUPERUSER) == 0 ? name : pgsr_guc_name(name);
		if (parts != NULL || (known == NULL && strchr(name, '.') == NULL))
		{
			GUC_check_errdetail("Unrecognized configuration parameter: \"%s\".", item);
			pgsr_guc_free(names);
			return false;
		}
		strcpy(next, known ? known : name);
		next += strlen(next) + 1;
	}
	*next = '\0';
	*extra = names;
	return true;
}

/*
 * Assign hook of the list.
 */
void
pgsr_pinned_settings_assign(const char *newval, void *extra)
{
	pinned = extra;
}

/*
 * Is this one of the settings that anyone may set and that act?
 */
static bool
acts(const char *name)
{
	if (strchr(name, '.') == NULL)
		return false;
	for (int i = 0; i < (int) lengthof(acting_settings); i++)
	{
		if (pgsr_same_setting(acting_settings[i], name))
			return true;
	}
	return false;
}

/*
 * Is a setting to be pinned?
 */
static bool
is_pinned(const char *name, GucContext context)
{
	for (const char *next = pinned; *next; next += strlen(next) + 1)
	{
		if (strcmp(next, SUPERUSER) == 0 ? context == PGC_SUSET : pgsr_same_setting(next, name))
			return true;
	}
	return acts(name);
}

/*
 * What an administrator pins holds against the connection string of an ordinary
 * user: give the settings that it gave the values that are stored for them instead.
 * Where none is stored there is no session.
 */
static void
pin_stored_values(List *from_client)
{
	ListCell   *lc;

	foreach(lc, from_client)
	{
		const char *name = lfirst(lc);
		char	   *stored = pgsr_role_setting(name, NULL);

		if (stored == NULL)
			ereport(FATAL,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set parameter \"%s\" in the connection string",
							name),
					 errdetail("It is pinned, and no value is stored for this role and database."),
					 errhint("Leave it out of the connection string, or have an administrator store a value with ALTER ROLE ... SET.")));
		ereport(LOG,
				(errmsg("connection string cannot set pinned parameter \"%s\"", name),
				 errdetail("It has the value that is stored for the role and database.")));
		(void) set_config_option(name, stored, PGC_SU_BACKEND, PGC_S_OVERRIDE,
								 GUC_ACTION_SET, true, FATAL, false);
	}
}

/*
 * Pin the names in the list that have no value and that nothing has defined, by
 * making placeholders of them.
 */
static void
pin_undefined_names(void)
{
	for (const char *next = pinned; *next; next += strlen(next) + 1)
	{
		if (pgsr_guc_name(next) != NULL || strcmp(next, SUPERUSER) == 0)
			continue;
		(void) set_config_option(next, NULL, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SET, true, DEBUG1, false);
		/* unless there can be no setting of this name */
		if (pgsr_guc_name(next) != NULL)
			pgsr_guc_set_context(next, PGSR_NOBODY);
	}
}

/*
 * Pin what is to be pinned, as the session is locked, by an administrator perhaps; or
 * "late", as a library has come up since.
 */
void
pgsr_pin_settings(bool late, bool administered)
{
	List	   *from_client;

	if (!late && !IsParallelWorker() && IsTransactionState())
		pin_undefined_names();
	from_client = pgsr_guc_pin_all(is_pinned, late);
	if (administered)
		pin_stored_values(from_client);
	seen_libraries = EstimateLibraryStateSpace();
}

/*
 * Load a library for the untrusted side, as core is about to: for LOAD, or for the
 * function that is "symbol" there (see fmgr_info_C_lang() in fmgr.c).  To settings that
 * it defines now, what the untrusted side has given counts as an ordinary user's, and
 * what is to be pinned is pinned before any code of the library but _PG_init(), also
 * where that fails.  Raises what core does.
 *
 * Core alone knows which file a name stands for.  So each name that functions have is
 * loaded once, whatever is loaded already.
 */
void
pgsr_load_library(const char *filename, const char *symbol)
{
	MemoryContext context = CurrentMemoryContext;
	String	   *name = makeString(pstrdup(filename));

	if (symbol == NULL || !list_member(loaded_names, name))
	{
		pgsr_guc_demote_placeholders(is_pinned);
		PG_TRY();
		{
			if (symbol != NULL)
				(void) load_external_function(filename, symbol, true, NULL);
			else
				load_file(filename, !superuser());
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(context);
			pgsr_pin_settings(true, false);
			PG_RE_THROW();
		}
		PG_END_TRY();
		if (symbol != NULL)
		{
			MemoryContextSwitchTo(TopMemoryContext);
			loaded_names = lappend(loaded_names, copyObject(name));
			MemoryContextSwitchTo(context);
		}
	}

	/* somebody else may load libraries, too, as fmgr_security_definer() does */
	if (EstimateLibraryStateSpace() != seen_libraries)
		pgsr_pin_settings(true, false);
}

/*
 * DISCARD ALL resets the session's authorization and role as SET would.  Where
 * these are pinned, their reset values are the ones they have, so let the reset
 * pass.
 */
void
pgsr_pinned_discard(bool begins)
{
	static const char *const names[] = {"session_authorization", "role"};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (is_pinned(names[i], PGC_USERSET))
			pgsr_guc_set_context(names[i], begins ? PGC_USERSET : PGSR_NOBODY);
	}
}

/*
 * ALTER ROLE or ALTER DATABASE is about to store or remove settings, or has done
 * so.  Where the library is not loaded, core lets only superusers store values for
 * it.  Have that so here as well: a role may alter itself, and what is stored for
 * a role wins over what is stored for its database.
 */
void
pgsr_policy_settings_store(bool begins)
{
	GucContext	context = begins ? PGC_SUSET : PGC_USERSET;

	pgsr_guc_set_context(PGSR_MODE_NAME, context);
	for (int i = 0; i < (int) lengthof(policy_settings); i++)
		pgsr_guc_set_context(policy_settings[i], context);
}
