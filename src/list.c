/*-------------------------------------------------------------------------
 *
 * list.c
 *	  The grammar of the settings that are lists.
 *
 * Items stand between commas, with white space around them or none.  A name in an
 * item is written as in SQL: folded to lower case unless it is in double quotes, in
 * which a comma stands for itself and two double quotes for one.
 *
 * SplitIdentifierString() would cut long names, and fold letters as the database has
 * it in which it runs: a list in the configuration file is read where there is none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "session_readonly.h"

#define WHITE_SPACE " \t\n\r\f\v"

/*
 * Cut the next item off a list, without the white space around it.  Returns NULL at
 * the end; *rest is the list first, and NULL after the last item.  A list of white
 * space has no item.
 */
char *
pgsr_next_item(char **rest)
{
	char	   *item = *rest;
	char	   *end;
	bool		quoted = false;

	if (item == NULL)
		return NULL;
	item += strspn(item, WHITE_SPACE);
	for (end = item; *end && (*end != ',' || quoted); end++)
		quoted ^= *end == '"';
	*rest = *end ? end + 1 : NULL;
	while (end > item && strchr(WHITE_SPACE, end[-1]))
		end--;
	*end = '\0';
	return item;
}

/*
 * The list in "value", for pgsr_next_item(): a copy, or NULL if it is empty.
 */
char *
pgsr_begin_list(const char *value)
{
	return value[strspn(value, WHITE_SPACE)] ? pstrdup(value) : NULL;
}

/*
 * Cut the next name off an item, up to the dot before another one; what comes after
 * the dot, or NULL, is left in *rest.  Returns NULL if there is no name.
 *
 * Whether a name with bytes above 127 is in quotes is told in *plain: without them
 * core might fold it.
 */
char *
pgsr_next_name(char **rest, bool *plain)
{
	char	   *name = *rest;
	char	   *in = name;
	char	   *out = name;

	*plain = true;
	if (*in == '"')
	{
		bool		closed = false;

		for (in++; *in && !closed; in++)
		{
			if (*in == '"' && in[1] != '"')
				closed = true;
			else
			{
				in += *in == '"';
				*out++ = *in;
			}
		}
		if (!closed)
			return NULL;
	}
	else
	{
		if (!isalpha((unsigned char) *in) && *in != '_' && !IS_HIGHBIT_SET(*in))
			return NULL;
		for (; *in && *in != '.'; in++)
		{
			if (strchr(WHITE_SPACE "\":()", *in) || iscntrl((unsigned char) *in))
				return NULL;
			*plain &= !IS_HIGHBIT_SET(*in);
			*out++ = pg_ascii_tolower((unsigned char) *in);
		}
	}
	if (out == name || (*in && *in != '.'))
		return NULL;
	*rest = *in ? in + 1 : NULL;
	*out = '\0';
	return name;
}
