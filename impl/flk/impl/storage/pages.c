/* A layer beneath SQLite that knows the sum of each page of a store (DUP-8): what was written is what is read, or nothing is.

   SQLite verifies its own log when it opens one, and its file never: a bit that rots in a page may hide rows. Here every page has a
   sum in a file beside the store's, STORE-pages, which is written with the page and compared whenever SQLite reads it; so are the
   checksums of a page that is read from SQLite's log. What differs is SQLITE_IOERR_DATA, then and in each transaction after it.

   Pages are copied from the log to the file. If the end of the log rots before a restart, SQLite takes it for shorter, and what was
   copied from there is newer than the rest. The head of STORE-pages therefore notes, before a page is copied, up to where the log
   is in use; no transaction begins while the log is another one, or ends before that. Before a log is begun anew or removed, the
   head notes what is to come: a kill leaves the one or the other.

   Pages are those of SQLite's own transactions: what another program writes past this layer is found to have rotted, unless the
   store is verified as a whole first (flk.impl.storage.pages). */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

/* SQLite's interface, as far as it is used: it never changes. What is passed on unseen has no types here. */

enum { OK = 0, CANTOPEN = 14, IOERR = 10 };
enum { IOERR_SHORT_READ = IOERR | 2 << 8, IOERR_WRITE = IOERR | 3 << 8, IOERR_FSYNC = IOERR | 4 << 8, IOERR_DATA = IOERR | 32 << 8 };
enum { OPEN_MAIN_DB = 0x100, OPEN_WAL = 0x80000 };
enum { SHM_UNLOCK = 1, SHM_LOCK = 2, SHM_SHARED = 4, SHM_READERS = 3 };

typedef struct file { const struct methods *methods; } file;

struct methods {
    int version;
    int (*close)(file *);
    int (*read)(file *, void *, int, int64_t);
    int (*write)(file *, const void *, int, int64_t);
    int (*truncate)(file *, int64_t);
    int (*sync)(file *, int);
    int (*size)(file *, int64_t *);
    int (*lock)(file *, int);
    int (*unlock)(file *, int);
    int (*reserved)(file *, int *);
    int (*control)(file *, int, void *);
    int (*sector)(file *);
    int (*characteristics)(file *);
    int (*shm_map)(file *, int, int, int, void volatile **);
    int (*shm_lock)(file *, int, int, int);
    void (*shm_barrier)(file *);
    int (*shm_unmap)(file *, int);
};

typedef struct vfs {
    int version, size_of_file, longest_path;
    struct vfs *next;
    const char *name;
    void *data;
    int (*open)(struct vfs *, const char *, file *, int, int *);
    int (*remove)(struct vfs *, const char *, int);
    void (*others[14])(void);
} vfs;

/* The formats: https://sqlite.org/walformat.html */

enum { PAGE = 4096, LOG_HEAD = 32, FRAME_HEAD = 24, FRAME = FRAME_HEAD + PAGE, LONGEST = 4096 };
static const char SUFFIX[] = "-pages", LOG_SUFFIX[] = "-wal";

/* The head of STORE-pages; the sum of page n is at HEAD + 8 (n - 1). Logs go by their salts, which are 0 where there is none. */
enum { HEAD = 64 };
static const uint64_t MAGIC = 0x3153454741504b4c;

struct note {
    uint64_t magic;
    struct copied {
        uint32_t salts[2], frames, unused;
    } copied; /* from which log pages were copied last, and from how many of its frames they may be */
    struct next {
        uint32_t salts[2];
        int64_t changed; /* when the store's file was, in nanoseconds */
    } next; /* the log that was to be begun last */
};

/* What a file of ours is, with SQLite's own behind it. The store's file has `sums`, and those of its log have the store's. */
struct ours {
    file base;
    struct ours *store;
    const volatile uint32_t *index; /* the head of SQLite's index of the log, which all connections share */
    int sums;
    int level;  /* the log is known to reach what was copied */
    int rotten; /* something that was read is not what was written */
    uint32_t noted[3];
};

static vfs *below;
static struct ours *(*store_of)(const char *);

static struct ours *ours(file *f) { return (struct ours *)f; }
static file *real(file *f) { return (file *)(ours(f) + 1); }
#define PASS(name, ...) real(f)->methods->name(real(f), __VA_ARGS__)

/* SQLite's sum of its own log. A change in one word always shows, any other in all but one of 2^64 cases. */
static void fold(const void *content, int bytes, uint32_t *a, uint32_t *b)
{
    const uint32_t *word = __builtin_assume_aligned(content, 4);
    for (int i = 0; i < bytes / 4; i += 2) {
        *a += word[i] + *b;
        *b += word[i + 1] + *a;
    }
}

/* The sum of a page; 0 for zeros, as for a page that was never written. */
static uint64_t sum_of(const void *content)
{
    uint32_t a = 0, b = 0;
    fold(content, PAGE, &a, &b);
    return (uint64_t)a << 32 | b;
}

static int64_t place_of(int64_t offset) { return HEAD + offset / PAGE * 8; }

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int note_copied(int sums, const uint32_t now[3])
{
    struct copied copied = {{now[0], now[1]}, now[2], 0};
    return pwrite(sums, &copied, sizeof copied, offsetof(struct note, copied)) == sizeof copied;
}

static int note_next(int sums, const uint32_t salts[2], const struct stat *store)
{
    struct next next = {{salts[0], salts[1]}, store->st_mtim.tv_sec * INT64_C(1000000000) + store->st_mtim.tv_nsec};
    return pwrite(sums, &next, sizeof next, offsetof(struct note, next)) == sizeof next && !fsync(sums);
}

/* Whether the log that SQLite has found is one that may be in use, and reaches as far as pages may have been copied from it. */
static int is_level(const struct ours *store)
{
    struct note then;
    uint32_t salts[2] = {store->index[8], store->index[9]};
    if (pread(store->sums, &then, sizeof then, 0) != sizeof then || then.magic != MAGIC)
        return 0;
    if (!memcmp(salts, then.copied.salts, sizeof salts))
        return store->index[4] >= then.copied.frames;
    return !memcmp(salts, then.next.salts, sizeof salts);
}

static int rotten(struct ours *store)
{
    store->rotten = 1;
    return IOERR_DATA;
}

/* --- the store's file */

static int read_page(file *f, void *content, int bytes, int64_t offset)
{
    int found = PASS(read, content, bytes, offset);
    if (bytes < 512 || (found != OK && found != IOERR_SHORT_READ))
        return found; /* a look at the head, after which the first page is read; or the disk does not answer */
    uint64_t sum;
    if (found != OK || bytes != PAGE || pread(ours(f)->sums, &sum, 8, place_of(offset)) != 8
        || sum != sum_of(content))
        return rotten(ours(f));
    return OK;
}

static int write_page(file *f, const void *content, int bytes, int64_t offset)
{
    struct ours *store = ours(f);
    const volatile uint32_t *index = store->index;
    if (bytes != PAGE || offset % PAGE)
        return IOERR_WRITE;
    if (index) {
        uint32_t now[3] = {index[8], index[9], index[4]};
        if (memcmp(now, store->noted, sizeof now)) {
            if (!note_copied(store->sums, now))
                return IOERR_WRITE;
            memcpy(store->noted, now, sizeof now);
        }
    }
    int done = PASS(write, content, bytes, offset);
    uint64_t sum = sum_of(content);
    if (done == OK && pwrite(store->sums, &sum, 8, place_of(offset)) != 8)
        return IOERR_WRITE;
    return done;
}

static int truncate_both(file *f, int64_t size)
{
    return ftruncate(ours(f)->sums, place_of(size)) ? IOERR_WRITE : PASS(truncate, size);
}

static int sync_both(file *f, int flags)
{
    return fsync(ours(f)->sums) ? IOERR_FSYNC : PASS(sync, flags);
}

static int close_both(file *f)
{
    close(ours(f)->sums);
    return real(f)->methods->close(real(f));
}

static int map_index(file *f, int region, int size, int extend, void volatile **at)
{
    int done = PASS(shm_map, region, size, extend, at);
    if (done == OK && region == 0)
        ours(f)->index = *at;
    return done;
}

/* A transaction begins with the lock of a reader, when SQLite has read its log. */
static int lock_index(file *f, int offset, int n, int flags)
{
    struct ours *store = ours(f);
    int done = PASS(shm_lock, offset, n, flags);
    if (done != OK || offset < SHM_READERS || flags != (SHM_LOCK | SHM_SHARED))
        return done;
    if (store->rotten || !(store->level = store->level || is_level(store))) {
        PASS(shm_lock, offset, n, SHM_UNLOCK | SHM_SHARED);
        return rotten(store);
    }
    return OK;
}

static int unmap_index(file *f, int remove)
{
    ours(f)->index = NULL;
    return PASS(shm_unmap, remove);
}

/* --- SQLite's log */

/* A page is read from a frame of a transaction that is committed: others may be written over yet. */
static int read_log(file *f, void *content, int bytes, int64_t offset)
{
    struct ours *store = ours(f)->store;
    int found = PASS(read, content, bytes, offset);
    int64_t frame = (offset - LOG_HEAD) / FRAME;
    if (found != OK || bytes != PAGE || offset != LOG_HEAD + frame * FRAME + FRAME_HEAD || !store->index
        || frame >= store->index[4])
        return found;
    unsigned char head[FRAME_HEAD], before[8];
    int64_t previous = frame ? offset - FRAME_HEAD - FRAME + 16 : 24;
    if ((found = PASS(read, head, sizeof head, offset - FRAME_HEAD)) != OK
        || (found = PASS(read, before, sizeof before, previous)) != OK)
        return found;
    uint32_t a = big_endian(before), b = big_endian(before + 4), words[2];
    memcpy(words, head, sizeof words);
    fold(words, sizeof words, &a, &b);
    fold(content, PAGE, &a, &b);
    return a == big_endian(head + 16) && b == big_endian(head + 20) ? OK : rotten(store);
}

/* The head is written where a log begins. */
static int write_log(file *f, const void *content, int bytes, int64_t offset)
{
    if (offset == 0 && bytes == LOG_HEAD) {
        uint32_t salts[2];
        struct stat store = {0};
        memcpy(salts, (const char *)content + 16, sizeof salts);
        if (!note_next(ours(f)->store->sums, salts, &store))
            return IOERR_WRITE;
    }
    return PASS(write, content, bytes, offset);
}

/* --- what is passed on */

static int close_one(file *f) { return real(f)->methods->close(real(f)); }
static int truncate_one(file *f, int64_t size) { return PASS(truncate, size); }
static int sync_one(file *f, int flags) { return PASS(sync, flags); }
static int size_one(file *f, int64_t *size) { return PASS(size, size); }
static int lock_one(file *f, int how) { return PASS(lock, how); }
static int unlock_one(file *f, int how) { return PASS(unlock, how); }
static int reserved_one(file *f, int *is) { return PASS(reserved, is); }
static int control_one(file *f, int what, void *with) { return PASS(control, what, with); }
static int sector_one(file *f) { return real(f)->methods->sector(real(f)); }
static int characteristics_one(file *f) { return real(f)->methods->characteristics(real(f)); }
static void barrier_one(file *f) { real(f)->methods->shm_barrier(real(f)); }

/* Version 2: with the index of the log, without pages that are mapped into memory, which would be read past this layer. */
#define METHODS(close, read, write, truncate, sync) \
    {2, close, read, write, truncate, sync, size_one, lock_one, unlock_one, reserved_one, control_one, sector_one, \
     characteristics_one, map_index, lock_index, barrier_one, unmap_index}

static const struct methods OF_STORE = METHODS(close_both, read_page, write_page, truncate_both, sync_both);
static const struct methods OF_LOG = METHODS(close_one, read_log, write_log, truncate_one, sync_one);

static int open_sums(const char *name, size_t length)
{
    char path[LONGEST];
    if (length + sizeof SUFFIX > sizeof path)
        return -1;
    memcpy(path, name, length);
    memcpy(path + length, SUFFIX, sizeof SUFFIX);
    return open(path, O_RDWR | O_CLOEXEC);
}

static int open_ours(vfs *v, const char *name, file *f, int flags, int *out)
{
    (void)v;
    if (!(flags & (OPEN_MAIN_DB | OPEN_WAL)))
        return below->open(below, name, f, flags, out);
    memset(f, 0, sizeof(struct ours));
    int done = below->open(below, name, real(f), flags, out);
    if (done != OK)
        return done;
    if (flags & OPEN_WAL) {
        ours(f)->store = store_of(name);
        f->methods = &OF_LOG;
        return OK;
    }
    if ((ours(f)->sums = open_sums(name, strlen(name))) < 0) {
        close_one(f);
        return CANTOPEN;
    }
    f->methods = &OF_STORE;
    return OK;
}

/* A log is removed when all of it is copied, and the last connection is closed. */
static int remove_ours(vfs *v, const char *name, int sync)
{
    (void)v;
    size_t length = strlen(name), suffix = sizeof LOG_SUFFIX - 1;
    if (length > suffix && length < LONGEST && !strcmp(name + length - suffix, LOG_SUFFIX)) {
        static const uint32_t NONE[2];
        char path[LONGEST];
        struct stat store;
        int sums = open_sums(name, length - suffix);
        memcpy(path, name, length);
        path[length - suffix] = 0;
        int done = sums < 0 || (!stat(path, &store) && note_next(sums, NONE, &store));
        if (sums >= 0)
            close(sums);
        if (!done)
            return IOERR_WRITE;
    }
    return below->remove(below, name, sync);
}

/* --- what Python calls */

/* Register the layer under a name, above SQLite's default; 0 if that is done. The functions are SQLite's. */
int flk_pages_register(const char *name, vfs *(*find)(const char *), int (*add)(vfs *, int),
                       struct ours *(*store)(const char *))
{
    static vfs layer;
    if (!(below = find(NULL)) || below->version < 3)
        return CANTOPEN;
    store_of = store;
    layer = *below;
    layer.name = name;
    layer.next = NULL;
    layer.size_of_file = (int)sizeof(struct ours) + below->size_of_file;
    layer.open = open_ours;
    layer.remove = remove_ours;
    return add(&layer, 0);
}

/* The sums of so many pages from one on, as they are in the file now; how many of them could be read. */
int64_t flk_pages_sums(int store, int64_t first, int64_t count, uint64_t *sums)
{
    char content[PAGE] __attribute__((aligned(8)));
    for (int64_t n = 0; n < count; n++) {
        if (pread(store, content, PAGE, (first + n - 1) * PAGE) != PAGE)
            return n;
        sums[n] = sum_of(content);
    }
    return count;
}
