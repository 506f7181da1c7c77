/* Preloaded into the tools of a second build, so that it meets another clock and another directory order than the first.
 *
 * The clock: every reading of the time of day is HOLDFAST_CLOCK_SHIFT seconds away from the true one.
 * Directories: their entries come last first. Programs that ask the kernel directly, without the C library, see neither. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) {
  const char *text = getenv("HOLDFAST_CLOCK_SHIFT");
  return text ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return result;
}

time_t time(time_t *place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval *now, void *zone) {
  (void)zone;
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

/* What is left of an open directory, as a stack: the entry read last is given first. */
struct listing {
  DIR *folder;
  struct dirent64 **entries;
  size_t left;
  struct dirent64 *given;
  struct listing *next;
};
static struct listing *listings;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void drop(struct listing *listing) {
  while (listing->left) free(listing->entries[--listing->left]);
  free(listing->entries);
  free(listing->given);
  free(listing);
}

static void forget(DIR *folder) {
  pthread_mutex_lock(&lock);
  for (struct listing **place = &listings; *place; place = &(*place)->next)
    if ((*place)->folder == folder) {
      struct listing *found = *place;
      *place = found->next;
      drop(found);
      break;
    }
  pthread_mutex_unlock(&lock);
}

static struct listing *listing_of(DIR *folder) {
  for (struct listing *known = listings; known; known = known->next)
    if (known->folder == folder) return known;
  struct dirent64 *(*real)(DIR *) = (struct dirent64 * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");
  struct listing *fresh = calloc(1, sizeof *fresh);
  if (!fresh) abort();
  fresh->folder = folder;
  size_t room = 0;
  for (struct dirent64 *entry; (entry = real(folder));) {
    if (fresh->left == room) {
      room = room ? 2 * room : 64;
      fresh->entries = realloc(fresh->entries, room * sizeof *fresh->entries);
      if (!fresh->entries) abort();
    }
    struct dirent64 *copy = malloc(sizeof *copy);
    if (!copy) abort();
    memcpy(copy, entry, entry->d_reclen < sizeof *copy ? entry->d_reclen : sizeof *copy);
    fresh->entries[fresh->left++] = copy;
  }
  fresh->next = listings;
  return listings = fresh;
}

struct dirent64 *readdir64(DIR *folder) {
  pthread_mutex_lock(&lock);
  struct listing *listing = listing_of(folder);
  free(listing->given);
  listing->given = listing->left ? listing->entries[--listing->left] : NULL;
  struct dirent64 *entry = listing->given;
  pthread_mutex_unlock(&lock);
  return entry;
}

/* On x86-64 both structures are laid out alike. */
struct dirent *readdir(DIR *folder) { return (struct dirent *)readdir64(folder); }

void rewinddir(DIR *folder) {
  forget(folder);
  ((void (*)(DIR *))dlsym(RTLD_NEXT, "rewinddir"))(folder);
}

int closedir(DIR *folder) {
  forget(folder);
  return ((int (*)(DIR *))dlsym(RTLD_NEXT, "closedir"))(folder);
}
