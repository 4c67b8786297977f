/*
 * reviewed_functions.h
 *	  Both tables of reviewed functions, one after the other, for function_policy.c.
 */
#define TABLE core
#include "function_table.h"
#undef TABLE
#define TABLE extension
#include "extension_table.h"
#undef TABLE
