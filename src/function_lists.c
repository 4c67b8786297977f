/*-------------------------------------------------------------------------
 *
 * function_lists.c
 *	  The settings that name functions: allowed_functions and denied_functions.
 *
 * An item is a function's name, or "extension:NAME" or "language:NAME", which stand
 * for all their functions.  A name that allows has a schema, one that denies need not.
 * The word "unreviewed" in denied_functions stands for all C functions that nobody has
 * reviewed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "commands/extension.h"
#include "utils/lsyscache.h"

#include "session_readonly.h"

/*
 * Read a function's name, its schema's, or an extension's or language's.  None is
 * longer than core keeps it, and one that core would fold in some databases only
 * stands in double quotes.
 */
static bool
read_name(char **rest, char *name, const char *item)
{
	bool		plain;
	const char *found = pgsr_next_name(rest, &plain);

	if (found == NULL)
		GUC_check_errdetail("Not the name of a function, \"extension:\" or \"language:\": \"%s\".",
							item);
	else if (!plain)
		GUC_check_errdetail("Name must be in double quotes: \"%s\".", item);
	else if (strlcpy(name, found, NAMEDATALEN) >= NAMEDATALEN)
		GUC_check_errdetail("Name is too long: \"%s\".", item);
	else
		return true;
	return false;
}

/*
 * Read one item.  Says what is wrong with it, if it is none.
 */
static bool
read_item(const char *in, bool denies, PgsrFunctionName *item)
{
	char	   *rest = pstrdup(in);

	memset(item, 0, sizeof(*item));
	item->kind = PGSR_FUNCTION;
	if (pg_strncasecmp(in, "extension:", strlen("extension:")) == 0)
		item->kind = PGSR_EXTENSION;
	else if (pg_strncasecmp(in, "language:", strlen("language:")) == 0)
		item->kind = PGSR_LANGUAGE;
	if (item->kind != PGSR_FUNCTION)
		rest = strchr(rest, ':') + 1;
	if (!read_name(&rest, item->name, in))
		return false;
	if (rest != NULL && item->kind == PGSR_FUNCTION)
	{
		strcpy(item->schema, item->name);
		if (!read_name(&rest, item->name, in))
			return false;
	}
	if (rest != NULL)
	{
		GUC_check_errdetail("Not the name of a function, \"extension:\" or \"language:\": \"%s\".",
							in);
		return false;
	}
	if (!denies && item->kind == PGSR_FUNCTION && item->schema[0] == '\0')
	{
		GUC_check_errdetail("Name must be written with its schema: \"%s\".", in);
		return false;
	}
	return true;
}

/*
 * Parse a list.  Whether the functions exist is not asked: a list is good for more
 * than one database.
 */
static bool
parse_list(const char *value, bool denies, void **extra)
{
	char	   *rest = pgsr_begin_list(value);
	char	   *item;
	int			items = 1;
	PgsrFunctionList *list;

	for (const char *in = value; *in; in++)
		items += *in == ',';
	list = pgsr_guc_malloc(offsetof(PgsrFunctionList, items) + items * sizeof(PgsrFunctionName));
	if (list == NULL)
		return false;
	memset(list, 0, offsetof(PgsrFunctionList, items));

	while ((item = pgsr_next_item(&rest)) != NULL)
	{
		PgsrFunctionName *next = &list->items[list->length];

		if (!read_item(item, denies, next))
		{
			pgsr_guc_free(list);
			return false;
		}
		if (pg_strcasecmp(item, "unreviewed") == 0)
			list->unreviewed = true;
		else
			list->length++;
		list->has_extension |= next->kind == PGSR_EXTENSION;
	}
	*extra = list;
	return true;
}

/* Check hooks. */
bool
pgsr_denied_functions_check(char **newval, void **extra, GucSource source)
{
	return parse_list(*newval, true, extra);
}

bool
pgsr_allowed_functions_check(char **newval, void **extra, GucSource source)
{
	return parse_list(*newval, false, extra);
}

/*
 * Does a list name a function, in any of the ways?  NULL stands for the DO blocks of a
 * language.  The schema is looked up where the name is right: a list may be long.
 */
bool
pgsr_list_has(const PgsrFunctionList *list, Form_pg_proc proc, const char *language)
{
	char	   *extension = NULL;

	if (list->has_extension && proc != NULL)
	{
		Oid			id = getExtensionOfObject(ProcedureRelationId, proc->oid);

		extension = OidIsValid(id) ? get_extension_name(id) : NULL;
	}

	for (int i = 0; i < list->length; i++)
	{
		const PgsrFunctionName *item = &list->items[i];
		const char *name = item->kind == PGSR_LANGUAGE ? language :
			item->kind == PGSR_EXTENSION ? extension :
			proc != NULL ? NameStr(proc->proname) : NULL;
		char	   *schema;

		if (name == NULL || strcmp(item->name, name) != 0)
			continue;
		if (item->schema[0] == '\0')
			return true;
		schema = get_namespace_name(proc->pronamespace);
		if (schema != NULL && strcmp(item->schema, schema) == 0)
			return true;
	}
	return false;
}
