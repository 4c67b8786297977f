/*-------------------------------------------------------------------------
 *
 * guc_record.c
 *	  What core has written down of a setting: who may SET it, where its value is
 *	  from, and what the end of a transaction brings back.
 *
 * To keep a setting at its value its context is raised, so that SET and RESET no
 * longer apply to it: core itself then refuses, at no cost (set_config_option() in
 * guc.c), and RESET ALL passes over it.  What is left is the end of a transaction,
 * subtransaction or function, which takes a value from the setting's stack without
 * asking any hook (AtEOXact_GUC()): those are made the value to be kept.
 *
 * This is the only file that reads and writes the records of guc_tables.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc_tables.h"
#include "utils/memutils.h"

#include "session_readonly.h"

/*
 * All settings, while a session begins: from 16 on it takes long to list them, and
 * both the check of names and the lock want to see them all.
 */
static struct config_generic **listed = NULL;
static int	n_listed = 0;

/*
 * Keep a list of all settings, or no longer.  The list is the transaction's in which a
 * session begins; an error in between must end the session.
 */
void
pgsr_guc_keep_list(bool begins)
{
	listed = begins ? pgsr_all_settings(&n_listed) : NULL;
}

/*
 * All settings, and in *n how many there are.
 */
static struct config_generic **
all_settings(int *n)
{
	if (listed == NULL)
		return pgsr_all_settings(n);
	*n = n_listed;
	return listed;
}

/*
 * The record of a setting that must be there: without it nothing is known of the
 * session.  Raises no mere error, as it is called from assign hooks too.
 */
static struct config_generic *
known_setting(const char *name)
{
	struct config_generic *record = pgsr_find_setting(name);

	if (record == NULL)
		elog(FATAL, "configuration parameter \"%s\" not found", name);
	return record;
}

/*
 * The name of a setting as core has it (from 16 on an old name may stand for it), or
 * NULL if there is none.
 */
const char *
pgsr_guc_name(const char *name)
{
	struct config_generic *record = pgsr_find_setting(name);

	return record ? record->name : NULL;
}

/*
 * Where the present value of a setting comes from.
 */
GucSource
pgsr_guc_source(const char *name)
{
	return known_setting(name)->source;
}

/*
 * Is this what core has of a value that was given before anything defined the setting?
 */
static inline bool
is_placeholder(struct config_generic *record)
{
	return (record->flags & GUC_CUSTOM_PLACEHOLDER) != 0;
}

/*
 * The value that a setting was given before anything defined it, or NULL.
 *
 * GetConfigOption() would give an empty string for a placeholder that is left of
 * a value since taken back, as by a function's SET clause.
 */
const char *
pgsr_guc_placeholder(const char *name)
{
	struct config_generic *record = pgsr_find_setting(name);

	if (record == NULL || !is_placeholder(record))
		return NULL;
	return *SettingPart(record, string)->variable;
}

/*
 * The first setting that the filter wants of those that were given a value and that
 * nothing has defined, or NULL.
 */
const char *
pgsr_guc_find_placeholder(PgsrGucFilter filter)
{
	int			n;
	struct config_generic **settings = all_settings(&n);

	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];

		if (is_placeholder(record) && filter(record->name, record->context) &&
			*SettingPart(record, string)->variable != NULL)
			return record->name;
	}
	return NULL;
}

/*
 * Put a check hook before the one that a boolean setting has, which is returned.
 */
GucBoolCheckHook
pgsr_guc_wrap_check(const char *name, GucBoolCheckHook hook)
{
	struct config_generic *record = known_setting(name);
	GucBoolCheckHook previous = SettingPart(record, bool)->check_hook;

	SettingPart(record, bool)->check_hook = hook;
	return previous;
}

/*
 * Who may SET a setting?
 */
void
pgsr_guc_set_context(const char *name, GucContext context)
{
	known_setting(name)->context = context;
}

/*
 * The present value of a setting.
 */
static config_var_value
current_value(struct config_generic *record)
{
	config_var_value value;

	memset(&value, 0, sizeof(value));
	value.extra = record->extra;
	switch (record->vartype)
	{
		case PGC_BOOL:
			value.val.boolval = *SettingPart(record, bool)->variable;
			break;
		case PGC_INT:
			value.val.intval = *SettingPart(record, int)->variable;
			break;
		case PGC_REAL:
			value.val.realval = *SettingPart(record, real)->variable;
			break;
		case PGC_STRING:
			value.val.stringval = *SettingPart(record, string)->variable;
			break;
		case PGC_ENUM:
			value.val.enumval = *SettingPart(record, enum)->variable;
			break;
	}
	return value;
}

/*
 * Put a value into one of the places of a setting's stack.  A string that stood there
 * is freed if no other place has it, and so is what its check hook made of it.
 */
static void
replace_value(struct config_generic *record, config_var_value *place, config_var_value value)
{
	char	   *string = place->val.stringval;
	void	   *extra = place->extra;
	bool		string_used;
	bool		extra_used;

	*place = value;
	if (record->vartype != PGC_STRING)
		return;
	string_used = string == NULL || string == *SettingPart(record, string)->variable ||
		string == SettingPart(record, string)->reset_val;
	extra_used = extra == NULL || extra == record->extra ||
		extra == SettingResetExtra(record, string);
	for (GucStack *entry = record->stack; entry != NULL; entry = entry->prev)
	{
		string_used |= string == entry->prior.val.stringval ||
			string == entry->masked.val.stringval;
		extra_used |= extra == entry->prior.extra || extra == entry->masked.extra;
	}
	if (!string_used)
		pgsr_guc_free(string);
	if (!extra_used)
		pgsr_guc_free(extra);
}

/*
 * Have the end of the transactions and functions in progress bring back the value
 * that a setting has now.
 *
 * A string is another one of the same text, so that core tells it to the assign hook
 * (AtEOXact_GUC()): the user that SET ROLE made has been taken back already when a
 * transaction is rolled back (AbortTransaction()).
 */
static void
keep_through_stack(struct config_generic *record)
{
	config_var_value value;

	if (record->stack == NULL)
		return;
	value = current_value(record);
	if (record->vartype == PGC_STRING && value.val.stringval)
	{
		char	   *copy = pgsr_guc_malloc(strlen(value.val.stringval) + 1);

		if (copy != NULL)
			value.val.stringval = strcpy(copy, value.val.stringval);
	}
	for (GucStack *entry = record->stack; entry != NULL; entry = entry->prev)
	{
		replace_value(record, &entry->prior, value);
		entry->source = record->source;
		entry->scontext = record->scontext;
		entry->srole = record->srole;
		if (entry->state == GUC_SET_LOCAL)
			replace_value(record, &entry->masked, value);
	}
}

/*
 * Have RESET bring back the value that a setting has now, which is a string.
 */
static void
keep_as_reset_value(struct config_generic *record)
{
	SettingPart(record, string)->reset_val = *SettingPart(record, string)->variable;
	SettingResetExtra(record, string) = record->extra;
	record->reset_source = Min(record->source, PGC_S_OVERRIDE);
	record->reset_scontext = record->scontext;
	record->reset_srole = record->srole;
}

/*
 * Pin a setting: nobody can SET it any more.
 *
 * RESET ALL passes over it, but DISCARD ALL resets the session's role, whatever the
 * context.  And its value does not stay the file's: if the line were taken out there,
 * core would say that it is the default, and parallel workers are not sent that
 * (ProcessConfigFileInternal(), can_skip_gucvar()).
 */
static void
pin(struct config_generic *record)
{
	if (record->vartype == PGC_STRING)
		keep_as_reset_value(record);
	if (record->reset_source == PGC_S_FILE)
		record->reset_source = PGC_S_OVERRIDE;
	keep_through_stack(record);
	record->context = PGSR_NOBODY;
}

/*
 * Let a setting be SET by these alone from here on.  Does nothing that can fail.
 *
 * RESET ALL asks for no privilege where the context is PGC_SUSET.
 */
void
pgsr_guc_restrict(const char *name, GucContext context)
{
	struct config_generic *record = known_setting(name);

	record->context = context;
	record->flags &= ~GUC_NO_RESET_ALL;
	if (context == PGC_SUSET)
	{
		record->flags |= GUC_NO_RESET_ALL;
		keep_through_stack(record);
	}
	else if (context == PGSR_NOBODY)
		pin(record);
}

/*
 * Pin every setting that the filter wants pinned.  Returns the names of those that the
 * connection string gave.
 *
 * Placeholders keep what the session gave them as their reset value, though they
 * may still be set: at the lock it is the host's, as its source says from then on,
 * and what comes later is not.  So where a library has come up since ("late"), what
 * was SET in its settings is the untrusted side's and is taken back.
 */
List *
pgsr_guc_pin_all(PgsrGucFilter filter, bool late)
{
	int			n;
	struct config_generic **settings = all_settings(&n);
	List	   *from_client = NIL;

	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];
		bool		settable;

		if (!late && is_placeholder(record) && record->source > PGC_S_OVERRIDE)
		{
			record->source = PGC_S_OVERRIDE;
			keep_as_reset_value(record);
			keep_through_stack(record);
		}
		settable = record->context == PGC_USERSET || record->context == PGC_SUSET;
		if ((!settable && record->source != PGC_S_CLIENT) ||
			!filter(record->name, record->context))
			continue;
		if (record->source == PGC_S_CLIENT)
			from_client = lappend(from_client, unconstify(char *, record->name));
		if (!settable)
			continue;
		/* in the midst of a parallel query core takes only what a function's end undoes */
		if (late && record->source > PGC_S_OVERRIDE)
			(void) set_config_option(record->name, NULL, PGC_SUSET, PGC_S_SESSION,
									 IsInParallelMode() ? GUC_ACTION_SAVE : GUC_ACTION_SET,
									 true, WARNING, false);
		pin(record);
	}
	return from_client;
}

/*
 * Take from what was SET since the lock the privilege of whoever SET it.
 */
static inline void
demote(GucSource source, GucContext *scontext, Oid *srole)
{
	if (source > PGC_S_OVERRIDE)
	{
		*scontext = PGC_USERSET;
		*srole = InvalidOid;
	}
}

/*
 * A library is about to be loaded: to its settings core hands what was SET in the
 * placeholders (see define_custom_variable()).  It shall be as if an ordinary user SET
 * it, one who was given no privilege, and core will refuse it where only a superuser
 * may.  What is to be pinned in any case gets the value back that it had at the lock.
 * Its source stays: from 16 on core has a list of the settings whose source is not the
 * default.
 */
void
pgsr_guc_demote_placeholders(PgsrGucFilter filter)
{
	int			n;
	struct config_generic **settings = all_settings(&n);

	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];

		if (!is_placeholder(record))
			continue;
		if (filter(record->name, record->context))
		{
			*SettingPart(record, string)->variable = SettingPart(record, string)->reset_val;
			keep_through_stack(record);
		}
		demote(record->source, &record->scontext, &record->srole);
		for (GucStack *entry = record->stack; entry != NULL; entry = entry->prev)
		{
			demote(entry->source, &entry->scontext, &entry->srole);
			/* by SET in any case */
			demote(PGC_S_SESSION, &entry->masked_scontext, &entry->masked_srole);
		}
	}
}
