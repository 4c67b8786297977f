/*-------------------------------------------------------------------------
 *
 * guc_pin.c
 *	  How a setting is kept at its value, and given back.
 *
 * A setting's value can come back from three places without any hook being
 * asked: RESET takes the reset value, the end of a transaction, subtransaction
 * or function takes a stacked one, and DISCARD ALL resets everything.  So a
 * value that shall stay is written into all of them, and the setting's context
 * is raised so that SET no longer applies to it: core itself then refuses, at
 * no cost (see set_config_option() in guc.c).
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

/* What a setting was before it was held, for when it is released. */
typedef struct HeldSetting
{
	struct config_generic *record;	/* NULL: not held */
	GucContext	context;
	int			flags;
	GucSource	source;
	GucContext	scontext;
	Oid			srole;
	GucSource	reset_source;
	GucContext	reset_scontext;
	Oid			reset_srole;
	config_var_value value;
	config_var_value reset;
} HeldSetting;

/* core's two read-only flags, track_counts, the mode and four policy settings */
#define MAX_HELD 8
static HeldSetting held_settings[MAX_HELD];

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
 * Exchange the reset value of a setting.  Returns the one it had.
 */
static config_var_value
exchange_reset_value(struct config_generic *record, config_var_value value)
{
	config_var_value old;

	memset(&old, 0, sizeof(old));
	switch (record->vartype)
	{
		case PGC_BOOL:
			old.val.boolval = SettingPart(record, bool)->reset_val;
			old.extra = SettingResetExtra(record, bool);
			SettingPart(record, bool)->reset_val = value.val.boolval;
			SettingResetExtra(record, bool) = value.extra;
			break;
		case PGC_INT:
			old.val.intval = SettingPart(record, int)->reset_val;
			old.extra = SettingResetExtra(record, int);
			SettingPart(record, int)->reset_val = value.val.intval;
			SettingResetExtra(record, int) = value.extra;
			break;
		case PGC_REAL:
			old.val.realval = SettingPart(record, real)->reset_val;
			old.extra = SettingResetExtra(record, real);
			SettingPart(record, real)->reset_val = value.val.realval;
			SettingResetExtra(record, real) = value.extra;
			break;
		case PGC_STRING:
			old.val.stringval = SettingPart(record, string)->reset_val;
			old.extra = SettingResetExtra(record, string);
			SettingPart(record, string)->reset_val = value.val.stringval;
			SettingResetExtra(record, string) = value.extra;
			break;
		case PGC_ENUM:
			old.val.enumval = SettingPart(record, enum)->reset_val;
			old.extra = SettingResetExtra(record, enum);
			SettingPart(record, enum)->reset_val = value.val.enumval;
			SettingResetExtra(record, enum) = value.extra;
			break;
	}
	return old;
}

/*
 * Let the end of the transactions and functions in progress bring back a value, and
 * where it comes from.
 */
static void
write_stack(struct config_generic *record, config_var_value value, GucSource source)
{
	for (GucStack *entry = record->stack; entry != NULL; entry = entry->prev)
	{
		entry->prior = value;
		entry->source = source;
		entry->scontext = record->scontext;
		entry->srole = record->srole;
		if (entry->state == GUC_SET_LOCAL)
			entry->masked = value;
	}
}

/*
 * The value that the end of the transaction in progress leaves if it commits, and in
 * *held where that value comes from.
 *
 * As AtEOXact_GUC() in guc.c has it: what SET has set lasts, whatever was set at outer
 * nest levels; what SET LOCAL or a function's SET clause has set does not.
 */
static config_var_value
lasting_value(struct config_generic *record, HeldSetting *held)
{
	config_var_value value = current_value(record);

	held->source = record->source;
	held->scontext = record->scontext;
	held->srole = record->srole;
	for (GucStack *entry = record->stack; entry != NULL; entry = entry->prev)
	{
		if (entry->state == GUC_SET)
			break;
		if (entry->state == GUC_SET_LOCAL)
		{
			held->source = PGC_S_SESSION;
			held->scontext = entry->masked_scontext;
			held->srole = entry->masked_srole;
			return entry->masked;
		}
		held->source = entry->source;
		held->scontext = entry->scontext;
		held->srole = entry->srole;
		value = entry->prior;
	}
	return value;
}

/*
 * Make a value of a setting the one that RESET and the end of a transaction bring
 * back, as if it came from "source".  Returns the reset value it had.
 *
 * What stood there is not freed: core frees a value only when no field of the
 * record points at it any more.  No reset value may come from a source above
 * PGC_S_OVERRIDE (see define_custom_variable()).  And a value does not stay one of
 * the configuration file: if its line were changed there, it would change as well; if
 * that were taken out, core would say that it is the default, and parallel workers are
 * not sent that.
 */
static config_var_value
keep_value(struct config_generic *record, config_var_value value, GucSource source)
{
	if (record->source == PGC_S_FILE)
		record->source = PGC_S_OVERRIDE;
	if (source == PGC_S_FILE)
		source = PGC_S_OVERRIDE;
	record->reset_source = Min(source, PGC_S_OVERRIDE);
	record->reset_scontext = record->scontext;
	record->reset_srole = record->srole;
	write_stack(record, value, source);
	return exchange_reset_value(record, value);
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
 * The place where the state of a held setting is kept.
 */
static HeldSetting *
find_held(struct config_generic *record)
{
	for (int i = 0; i < MAX_HELD; i++)
	{
		if (held_settings[i].record == record)
			return &held_settings[i];
	}
	return NULL;
}

/*
 * Note what a setting is, unless that has been done.
 */
static HeldSetting *
note_held(struct config_generic *record)
{
	HeldSetting *held = find_held(record);

	if (held != NULL)
		return held;
	held = find_held(NULL);
	if (held == NULL)
		elog(FATAL, "too many settings are held");
	held->record = record;
	held->context = record->context;
	held->flags = record->flags;
	held->reset_source = record->reset_source;
	held->reset_scontext = record->reset_scontext;
	held->reset_srole = record->reset_srole;
	held->value = lasting_value(record, held);
	held->reset = exchange_reset_value(record, held->value);
	return held;
}

/*
 * Hold a setting that has been noted at a value.
 *
 * Nothing but pgsr_guc_release() may replace the reset value: core would free the one
 * that was noted, which no field of the record points at any more.
 */
static void
hold_value(struct config_generic *record, config_var_value value, GucContext context)
{
	(void) keep_value(record, value, record->source);
	record->reset_source = PGC_S_OVERRIDE;
	record->context = context;
	record->flags |= GUC_NO_RESET_ALL;
}

/*
 * Keep a setting at its value until pgsr_guc_release() gives back what it was;
 * meanwhile it may be SET as "context" says.  May be called again, with another
 * context.  Does nothing that can fail.
 *
 * RESET ALL asks for no privilege where the context is PGC_SUSET.
 */
void
pgsr_guc_hold(const char *name, GucContext context)
{
	struct config_generic *record = known_setting(name);

	(void) note_held(record);
	hold_value(record, current_value(record), context);
}

/*
 * Likewise, a boolean one at "on".
 */
void
pgsr_guc_hold_on(const char *name, GucContext context)
{
	struct config_generic *record = known_setting(name);

	(void) note_held(record);
	*SettingPart(record, bool)->variable = true;
	hold_value(record, current_value(record), context);
}

/*
 * Likewise, the mode, whose check hook says where it may go.  It comes from
 * PGC_S_OVERRIDE from here on, whatever brings it back: a parallel worker gets no
 * setting of a lower source from its leader.
 */
void
pgsr_guc_hold_mode(const char *name)
{
	struct config_generic *record = pgsr_find_setting(name);

	if (record == NULL || is_placeholder(record))
		return;					/* it is being defined */
	(void) note_held(record);
	(void) keep_value(record, current_value(record), PGC_S_OVERRIDE);
}

/*
 * Have core notice that a boolean setting has changed, so that the client is told
 * of it.
 */
void
pgsr_guc_announce_bool(const char *name)
{
	struct config_generic *record = known_setting(name);

	(void) set_config_option_ext(name,
								 *SettingPart(record, bool)->variable ? "on" : "off",
								 record->scontext, record->source,
								 record->srole, GUC_ACTION_SET, true, WARNING,
								 false);
}

/*
 * Give a setting back its reset value and its context.  The value it has stays.
 */
void
pgsr_guc_release(const char *name)
{
	struct config_generic *record = known_setting(name);
	HeldSetting *held = find_held(record);

	if (held == NULL)
		return;
	record->context = held->context;
	record->flags = held->flags;
	record->reset_source = held->reset_source;
	record->reset_scontext = held->reset_scontext;
	record->reset_srole = held->reset_srole;
	(void) exchange_reset_value(record, held->reset);
	if (held->source == PGC_S_FILE && record->source == PGC_S_OVERRIDE)
		record->source = PGC_S_FILE;
	held->record = NULL;
}

/*
 * Likewise, and the value it had when it was first held, which is a boolean: by SET
 * if it was SET, else by RESET.
 */
void
pgsr_guc_release_bool(const char *name)
{
	struct config_generic *record = known_setting(name);
	HeldSetting *held = find_held(record);
	HeldSetting was;

	if (held == NULL)
		return;
	was = *held;
	pgsr_guc_release(name);
	(void) set_config_option_ext(name,
								 was.source <= PGC_S_OVERRIDE ? NULL :
								 was.value.val.boolval ? "on" : "off",
								 PGC_SUSET, PGC_S_SESSION, was.srole,
								 GUC_ACTION_SET, true, WARNING, false);
	record->scontext = was.scontext;
	write_stack(record, current_value(record), record->source);
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
 * Keep every setting at its value that the filter wants kept, for the life of
 * the session.
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
		bool		pin = filter(record->name, record->context, record->source) &&
			(record->context == PGC_USERSET || record->context == PGC_SUSET);

		if (pin && late && record->source > PGC_S_OVERRIDE)
			reset_setting(record);
		if (!late && is_placeholder(record) && record->source > PGC_S_OVERRIDE)
		{
			record->source = PGC_S_OVERRIDE;
			(void) keep_value(record, current_value(record), PGC_S_OVERRIDE);
		}
		else if (pin)
			(void) keep_value(record, current_value(record), record->source);
		if (pin)
			record->context = PGC_SU_BACKEND;
	}
	end_list(settings);
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

		if (!pgsr_setting_begins(record->name, prefix) ||
			!is_placeholder(record))
			settings[kept++] = record;
		else if (*SettingPart(record, string)->variable != NULL)
			names = lappend(names, pstrdup(record->name));
	}
	n_listed = kept;
	end_list(settings);
	return names;
}

/*
 * Take from what was SET in placeholders since the lock the privilege of whoever SET
 * it: to a library that is loaded now core hands it as if an ordinary user SET it, one
 * who was granted nothing, and so refuses it where only a superuser may (see
 * define_custom_variable()).  The values stay as they are.
 */
void
pgsr_guc_demote_placeholders(void)
{
	int			n;
	struct config_generic **settings = begin_list(&n);

	for (int i = 0; i < n; i++)
	{
		struct config_generic *record = settings[i];

		if (!is_placeholder(record))
			continue;
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
	end_list(settings);
}
