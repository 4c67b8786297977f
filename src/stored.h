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
extern void pgsr_stored_validate(void);

#endif							/* PGSR_STORED_H */
