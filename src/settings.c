/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Keeps settings at the values they have.
 *
 * A setting's value can come back from three places without any hook being
 * asked: RESET takes the reset value, the end of a transaction, subtransaction
 * or function takes a stacked one, and DISCARD ALL resets everything.  So a
 * value that shall stay is written into all of them, and the setting's context
 * is raised so that SET no longer applies to it: core itself then refuses, at
 * no cost (see set_config_option() in guc.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "settings.h"

/* The settings that say what is refused.  They freeze as the mode goes up. */
static const char *const policy_settings[] = {
	PGSR_DENIED_COMMANDS_NAME,
	PGSR_DENIED_FUNCTIONS_NAME,
	PGSR_ALLOWED_FUNCTIONS_NAME,
	PGSR_PINNED_SETTINGS_NAME,
};

/* What pinned_settings says. */
typedef struct PinnedSettings
{
	bool		superuser;		/* all that only a superuser may set */
	int			length;
	const char *names[FLEXIBLE_ARRAY_MEMBER];	/* point into this chunk */
} PinnedSettings;

char	   *pgsr_pinned_settings = NULL;
static const PinnedSettings *pinned = NULL;

/*
 * May settings have come up that were not looked at yet, and by which function's
 * library?
 */
bool		pgsr_settings_new = false;
Oid			pgsr_settings_new_by = InvalidOid;


/*
 * Make the current value of a setting the one that RESET and the end of a
 * transaction bring back, as if "source" had set it.
 *
 * The values that stood there are not freed: core frees a value only when no
 * field of the record points at it any more, and it happens once in the life of
 * a session.
 */
void
pgsr_setting_pin(struct config_generic *record, GucSource source)
{
	config_var_value now;

	now.extra = record->extra;
	switch (record->vartype)
	{
		case PGC_BOOL:
			now.val.boolval = *SettingPart(record, bool)->variable;
			SettingPart(record, bool)->reset_val = now.val.boolval;
			SettingResetExtra(record, bool) = now.extra;
			break;
		case PGC_INT:
			now.val.intval = *SettingPart(record, int)->variable;
			SettingPart(record, int)->reset_val = now.val.intval;
			SettingResetExtra(record, int) = now.extra;
			break;
		case PGC_REAL:
			now.val.realval = *SettingPart(record, real)->variable;
			SettingPart(record, real)->reset_val = now.val.realval;
			SettingResetExtra(record, real) = now.extra;
			break;
		case PGC_STRING:
			now.val.stringval = *SettingPart(record, string)->variable;
			SettingPart(record, string)->reset_val = now.val.stringval;
			SettingResetExtra(record, string) = now.extra;
			break;
		case PGC_ENUM:
			now.val.enumval = *SettingPart(record, enum)->variable;
			SettingPart(record, enum)->reset_val = now.val.enumval;
			SettingResetExtra(record, enum) = now.extra;
			break;
	}
	record->reset_source = source;
	record->reset_scontext = record->scontext;
	record->reset_srole = record->srole;

	for (GucStack *entry = record->stack; entry != NULL; entry = entry->prev)
	{
		entry->prior = now;
		entry->source = source;
		entry->scontext = record->scontext;
		entry->srole = record->srole;
		if (entry->state == GUC_SET_LOCAL)
			entry->masked = now;
	}
}

/*
 * The value that a setting was given before anything defined it, or NULL.
 *
 * GetConfigOption() would give an empty string for a placeholder that is left of
 * a value since taken back, as by a function's SET clause.
 */
const char *
pgsr_setting_placeholder(const char *name)
{
	struct config_generic *record = pgsr_find_setting(name);

	if (record == NULL || !(record->flags & GUC_CUSTOM_PLACEHOLDER))
		return NULL;
	return *SettingPart(record, string)->variable;
}

/*
 * Raise an error if a value was given to a setting of ours that there is not;
 * core would only warn.
 */
void
pgsr_settings_check_names(void)
{
	struct config_generic **settings;
	int			n;

	settings = pgsr_all_settings(&n);
	for (int i = 0; i < n; i++)
	{
		const char *name = settings[i]->name;
		bool		known = pg_strcasecmp(name, PGSR_MODE_NAME) == 0;

		if (pg_strncasecmp(name, PGSR_PREFIX ".", strlen(PGSR_PREFIX ".")) != 0 ||
			pgsr_setting_placeholder(name) == NULL)
			continue;
		for (int j = 0; j < (int) lengthof(policy_settings); j++)
			known = known || pg_strcasecmp(name, policy_settings[j]) == 0;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("unrecognized configuration parameter \"%s\"", name)));
	}
}

/*
 * Raise an error if a setting was given a bad value before it was known; core
 * would only warn and use the default.
 */
void
pgsr_setting_at_load(const char *name, GucStringCheckHook check)
{
	const char *placeholder = pgsr_setting_placeholder(name);
	char	   *value;
	void	   *extra = NULL;

	if (placeholder == NULL)
		return;
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
 * Where a list begins, for pgsr_next_item(): NULL if it is empty.
 */
char *
pgsr_first_item(char *list)
{
	while (isspace((unsigned char) *list))
		list++;
	return *list ? list : NULL;
}

/*
 * Cut the next item off a list with commas, without the white space around it,
 * which is empty between two commas.  Returns NULL at the end; *rest is what
 * pgsr_first_item() gave first, and NULL after the last item.
 */
char *
pgsr_next_item(char **rest)
{
	char	   *item = *rest;
	char	   *end;

	if (item == NULL)
		return NULL;
	end = item + strcspn(item, ",");
	*rest = *end == ',' ? end + 1 : NULL;
	*end = '\0';
	while (isspace((unsigned char) *item))
		item++;
	while (end > item && isspace((unsigned char) end[-1]))
		*--end = '\0';
	return item;
}

/*
 * The first policy setting that the connection string gave, or NULL.
 */
const char *
pgsr_policy_from_client(void)
{
	for (int i = 0; i < (int) lengthof(policy_settings); i++)
	{
		struct config_generic *record = pgsr_find_setting(policy_settings[i]);

		if (record != NULL && record->source == PGC_S_CLIENT)
			return record->name;
	}
	return NULL;
}

/*
 * Let the policy settings follow the mode: anyone may set them while it is
 * off, only a superuser while it is on, and nobody once it is locked.
 *
 * PGC_SUSET alone would not stop RESET ALL, which asks no privilege.
 * PGC_SU_BACKEND also keeps a reload of the configuration file away.
 */
void
pgsr_settings_follow_mode(PgsrMode mode)
{
	static const GucContext context[] = {
		[PGSR_OFF] = PGC_USERSET,
		[PGSR_ON] = PGC_SUSET,
		[PGSR_LOCKED] = PGC_SU_BACKEND,
	};

	/* A worker has what its leader has, and is yet to be told of it. */
	if (IsParallelWorker())
		return;

	pgsr_settings_expect(InvalidOid);
	for (int i = 0; i < (int) lengthof(policy_settings); i++)
	{
		struct config_generic *record = pgsr_find_setting(policy_settings[i]);

		if (record == NULL)
			continue;			/* still being defined */
		record->context = context[mode];
		if (mode == PGSR_OFF)
			record->flags &= ~GUC_NO_RESET_ALL;
		else
		{
			record->flags |= GUC_NO_RESET_ALL;
			pgsr_setting_pin(record, record->source);
		}
	}
}

/*
 * Check hook of the list: parse it into one chunk of memory.
 */
bool
pgsr_pinned_settings_check(char **newval, void **extra, GucSource source)
{
	size_t		length = strlen(*newval) + 1;
	size_t		items = 1;
	PinnedSettings *list;
	char	   *rest;
	char	   *item;

	for (const char *c = *newval; *c; c++)
		items += *c == ',';
	items *= sizeof(char *);
	list = pgsr_guc_malloc(offsetof(PinnedSettings, names) + items + length);
	if (list == NULL)
		return false;
	list->superuser = false;
	list->length = 0;
	rest = (char *) list + offsetof(PinnedSettings, names) + items;
	memcpy(rest, *newval, length);
	rest = pgsr_first_item(rest);

	while ((item = pgsr_next_item(&rest)) != NULL)
	{
		if (pg_strcasecmp(item, "superuser") == 0)
			list->superuser = true;
		else if (pgsr_find_setting(item) != NULL)
			list->names[list->length++] = item;
		else
		{
			GUC_check_errdetail("Unrecognized configuration parameter: \"%s\".", item);
			pgsr_guc_free(list);
			return false;
		}
	}
	*extra = list;
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
 * Is a setting to be pinned?
 */
static bool
is_pinned(struct config_generic *record)
{
	if (pinned->superuser && record->context == PGC_SUSET)
		return true;
	for (int i = 0; i < pinned->length; i++)
	{
		if (pg_strcasecmp(pinned->names[i], record->name) == 0)
			return true;
	}
	return false;
}

/*
 * New settings may come up: with the library of a function that is about to run
 * for the first time, or otherwise.
 */
void
pgsr_settings_expect(Oid function)
{
	pgsr_settings_new = true;
	pgsr_settings_new_by = function;
}

/*
 * Pin what the list names, in a locked session.
 *
 * Done from the first hook after the lock, and again after a function has been
 * looked up for the first time or a library was loaded, which may have brought
 * settings of its own.  Not done from the assign hook, where an error would be too
 * late.
 */
void
pgsr_settings_pin_new(void)
{
	static bool pinned_before = false;
	struct config_generic **settings;
	int			n;

	pgsr_settings_new = false;
	if (pgsr_mode != PGSR_LOCKED || IsParallelWorker())
		return;
	settings = pgsr_all_settings(&n);
	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];

		if ((record->context == PGC_USERSET || record->context == PGC_SUSET) &&
			is_pinned(record))
		{
			/*
			 * One that came up after the lock may have been given a value by
			 * the untrusted side while nobody knew that it is a superuser's.
			 */
			if (pinned_before && record->source >= PGC_S_INTERACTIVE)
				(void) set_config_option(record->name, NULL, PGC_SUSET,
										 PGC_S_SESSION, GUC_ACTION_SET, true, 0,
										 false);
			pgsr_setting_pin(record, record->source);
			record->context = PGC_SU_BACKEND;
		}
	}
	pinned_before = true;
}

/*
 * DISCARD ALL resets the session's authorization and role as SET would.  Where
 * these are pinned, their reset values are the ones they have, so let the reset
 * pass.
 */
void
pgsr_settings_discard(bool begins)
{
	static const char *const names[] = {"session_authorization", "role"};

	if (pgsr_mode != PGSR_LOCKED)
		return;
	for (int i = 0; i < (int) lengthof(names); i++)
	{
		struct config_generic *record = pgsr_find_setting(names[i]);

		if (is_pinned(record))
			record->context = begins ? PGC_USERSET : PGC_SU_BACKEND;
	}
}

/*
 * ALTER ROLE or ALTER DATABASE is about to store or remove settings, or has done
 * so.  Where the library is not loaded, core lets only superusers store values for
 * it.  Have that so here as well: a role may alter itself, and what is stored for
 * a role wins over what is stored for its database.
 */
void
pgsr_settings_store(bool begins)
{
	GucContext	context = begins ? PGC_SUSET : PGC_USERSET;

	pgsr_find_setting(PGSR_MODE_NAME)->context = context;
	for (int i = 0; i < (int) lengthof(policy_settings); i++)
		pgsr_find_setting(policy_settings[i])->context = context;
}
