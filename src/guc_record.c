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

#include "access/xact.h"
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
 * Keep a list of all settings, or no longer.  An error in between must end the
 * session.
 */
void
pgsr_guc_keep_list(bool begins)
{
	if (begins)
		listed = pgsr_all_settings(&n_listed);
	else
	{
		pfree(listed);
		listed = NULL;
	}
}

/*
 * The list of all settings, and in *n how many there are; give it back with
 * end_list().
 */
static struct config_generic **
begin_list(int *n)
{
	if (listed == NULL)
		return pgsr_all_settings(n);
	*n = n_listed;
	return listed;
}

static void
end_list(struct config_generic **list)
{
	if (list != listed)
		pfree(list);
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
 * Is this what is left of a value that was given before anything defined it?
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
 * The names of the settings below a prefix that were given a value and that nothing
 * has defined.  They are not of use in a list that is kept: they are about to be
 * thrown away.
 */
List *
pgsr_guc_placeholders_of(const char *prefix)
{
	int			n;
	struct config_generic **settings = begin_list(&n);
	List	   *names = NIL;
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];

		if (!pgsr_setting_begins(record->name, prefix) || !is_placeholder(record))
			settings[kept++] = record;
		else if (*SettingPart(record, string)->variable != NULL)
			names = lappend(names, pstrdup(record->name));
	}
	n_listed = kept;
	end_list(settings);
	return names;
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
	config_var_value value = current_value(record);

	if (record->stack != NULL && record->vartype == PGC_STRING && value.val.stringval)
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
 * A value does not stay one of the configuration file: if its line were taken out
 * there, core would say that it is the default, and parallel workers are not sent
 * that.  DISCARD ALL resets the session's role, whatever the context.
 */
static void
pin(struct config_generic *record)
{
	if (record->source == PGC_S_FILE)
		record->source = PGC_S_OVERRIDE;
	if (record->reset_source == PGC_S_FILE)
		record->reset_source = PGC_S_OVERRIDE;
	if (record->vartype == PGC_STRING)
		keep_as_reset_value(record);
	keep_through_stack(record);
	record->context = PGC_SU_BACKEND;
}

/*
 * Let a setting be SET by these alone from here on, PGC_SU_BACKEND meaning nobody.
 * Does nothing that can fail.
 *
 * RESET ALL asks for no privilege where the context is PGC_SUSET.
 */
void
pgsr_guc_restrict(const char *name, GucContext context)
{
	struct config_generic *record = known_setting(name);

	if (context == PGC_SU_BACKEND)
		pin(record);
	else if (context == PGC_SUSET)
	{
		keep_through_stack(record);
		record->flags |= GUC_NO_RESET_ALL;
	}
	else
		record->flags &= ~GUC_NO_RESET_ALL;
	record->context = context;
}

/*
 * Give a setting its reset value, also in the midst of a parallel query: there core
 * takes only what the end of a function takes back.
 */
static void
reset_setting(struct config_generic *record)
{
	(void) set_config_option(record->name, NULL, PGC_SUSET, PGC_S_SESSION,
							 IsInParallelMode() ? GUC_ACTION_SAVE : GUC_ACTION_SET,
							 true, WARNING, false);
}

/*
 * Pin every setting that the filter wants pinned.
 *
 * Placeholders keep what the session gave them as their reset value, though they
 * may still be set: at the lock it is the host's, as its source says from then on,
 * and what comes later is not.  So where a library has come up since ("late"), what
 * was SET in its settings is the untrusted side's and is taken back.
 */
void
pgsr_guc_pin_all(PgsrGucFilter filter, bool late)
{
	int			n;
	struct config_generic **settings = begin_list(&n);

	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];
		bool		wanted = filter(record->name, record->context, record->source) &&
			(record->context == PGC_USERSET || record->context == PGC_SUSET);

		if (wanted && late && record->source > PGC_S_OVERRIDE)
			reset_setting(record);
		if (!late && is_placeholder(record) && record->source > PGC_S_OVERRIDE)
		{
			record->source = PGC_S_OVERRIDE;
			keep_as_reset_value(record);
			keep_through_stack(record);
		}
		if (wanted)
			pin(record);
	}
	end_list(settings);
}

/*
 * Take from what was SET in a placeholder since the lock the privilege of whoever SET
 * it.
 */
static void
demote(struct config_generic *record)
{
	if (record->source > PGC_S_OVERRIDE)
	{
		record->scontext = PGC_USERSET;
		record->srole = InvalidOid;
	}
	for (GucStack *entry = record->stack; entry != NULL; entry = entry->prev)
	{
		if (entry->source > PGC_S_OVERRIDE)
		{
			entry->scontext = PGC_USERSET;
			entry->srole = InvalidOid;
		}
		/* by SET in any case */
		entry->masked_scontext = PGC_USERSET;
		entry->masked_srole = InvalidOid;
	}
}

/*
 * Give a placeholder the value that it had at the lock.  Its source stays: from 16 on
 * core has a list of the settings whose source is not the default.
 */
static void
take_back(struct config_generic *record)
{
	*SettingPart(record, string)->variable = SettingPart(record, string)->reset_val;
	record->extra = SettingResetExtra(record, string);
	keep_through_stack(record);
}

/*
 * A library is about to be loaded: to its settings core hands what was SET in the
 * placeholders (see define_custom_variable()).  It shall be as if an ordinary user SET
 * it, one who was given no privilege, and core will refuse it where only a superuser
 * may.  What anyone may set and "acts" is taken back.
 */
void
pgsr_guc_demote_placeholders(bool (*acts) (const char *name))
{
	int			n;
	struct config_generic **settings = begin_list(&n);

	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];

		if (!is_placeholder(record))
			continue;
		if (acts(record->name))
			take_back(record);
		demote(record);
	}
	end_list(settings);
}
