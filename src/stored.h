/*-------------------------------------------------------------------------
 *
 * stored.h
 *	  What an administrator stored for the session's role and database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_STORED_H
#define PGSR_STORED_H

extern char *pgsr_stored_setting(const char *name);

#endif							/* PGSR_STORED_H */
