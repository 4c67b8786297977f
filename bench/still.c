/*-------------------------------------------------------------------------
 *
 * still.c
 *	  A clock that stands still, to be preloaded into a backend that is counted: each
 *	  second of the clock a backend hands on its statistics and more, and how many
 *	  seconds pass while it is counted is the machine's affair.
 *
 *-------------------------------------------------------------------------
 */
#include <sys/time.h>
#include <time.h>

/* some moment after the server's files were written */
#define MOMENT 4000000000

int
clock_gettime(clockid_t clock, struct timespec *time)
{
	time->tv_sec = MOMENT;
	time->tv_nsec = 0;
	return 0;
}

int
gettimeofday(struct timeval *time, void *zone)
{
	time->tv_sec = MOMENT;
	time->tv_usec = 0;
	return 0;
}
