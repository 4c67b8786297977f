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

#include "settings.h"

/* The settings that say what is refused.  They freeze as the mode goes up. */
static const char *const policy_settings[] = {
	"pg_session_readonly.denied_commands",
};

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
