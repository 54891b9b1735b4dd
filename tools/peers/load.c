// Closed-loop load for servers that speak RESP on a Unix socket: acquire, release, acquire, …
//
// One thread, one epoll, all connections. A connection sends `depth` acquires at once, waits for
// all answers, then sends the releases of what it was granted. The work is the same for both
// servers: 256 pools, 1,000 tenants with a quota, amount 1, a lease of one hour, and every answer
// durable. Redis does it as one Lua script by EVALSHA, Tenure by ACQUIRE and RELEASE.
//
//   load redis|tenure SOCKET setup
//   load redis|tenure SOCKET run CLIENTS DEPTH SECONDS    one line of JSON
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { POOLS = 256, TENANTS = 1000, MOST_DEPTH = 64, IN_BYTES = 1 << 18, OUT_BYTES = 1 << 16 };

typedef struct {
    int fd, releasing, answered, used;
    unsigned long long lease[MOST_DEPTH], token[MOST_DEPTH], sent;
    int pool[MOST_DEPTH], tenant[MOST_DEPTH];
    char *in;
} connection;

static int is_redis, depth;
static char hashes[2][41];
static unsigned long long next_lease = 1, random_state = 88172645463325252ULL;

// KEYS pool tenant lease, ARGV amount ttl holder. The lease is "expiry amount holder".
static const char *acquire_script =
    "local pool = redis.call('HMGET', KEYS[1], 'cap', 'used') "
    "local tenant = redis.call('HMGET', KEYS[2], 'cap', 'used') "
    "local amount = tonumber(ARGV[1]) "
    "if pool[2] + amount > tonumber(pool[1]) then return -1 end "
    "if tenant[2] + amount > tonumber(tenant[1]) then return -2 end "
    "local now = redis.call('TIME') "
    "local expiry = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2]) "
    "local row = expiry .. ' ' .. ARGV[1] .. ' ' .. ARGV[3] "
    "if not redis.call('SET', KEYS[3], row, 'NX') then return -3 end "
    "redis.call('HINCRBY', KEYS[1], 'used', amount) "
    "redis.call('HINCRBY', KEYS[2], 'used', amount) return 1";
static const char *release_script =
    "local row = redis.call('GETDEL', KEYS[3]) if not row then return -1 end "
    "local amount = string.match(row, ' (%d+) ') "
    "redis.call('HINCRBY', KEYS[1], 'used', '-' .. amount) "
    "redis.call('HINCRBY', KEYS[2], 'used', '-' .. amount) return 1";

static void fail(const char *why, const char *text) {
    fprintf(stderr, "load: %s: %.200s\n", why, text);
    exit(1);
}

static unsigned long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static unsigned pick(unsigned below) {
    random_state ^= random_state << 13, random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 32) % below;
}

static int dial(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (void *)&address, sizeof address)) fail("connect", path);
    return fd;
}

static void send_all(int fd, const char *bytes, int count) {
    while (count > 0) {
        int sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) fail("send", "connection lost");
        bytes += sent, count -= sent;
    }
}

// Appends a command of `count` words.
static int command(char *out, int count, const char **words) {
    int length = sprintf(out, "*%d\r\n", count);
    for (int i = 0; i < count; i++)
        length += sprintf(out + length, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    return length;
}

// The end of the reply at `at`, or NULL when it is not all there. Fills lease and token.
static const char *reply(const char *at, const char *end, connection *c, int slot) {
    const char *line = memchr(at, '\n', end - at);
    if (!line) return NULL;
    long long value = strtoll(at + 1, NULL, 10);
    line++;
    switch (*at) {
    case '+': case ':': return line;
    case '$': return value < 0 ? line : end - line >= value + 2 ? line + value + 2 : NULL;
    case '*': break;
    default: fail("refused", at);
    }
    const char *name = NULL;
    for (long long i = 0; i < value; i++) {
        const char *item = line;
        if (!(line = reply(item, end, NULL, 0))) return NULL;
        if (!c) continue;
        if (i % 2 == 0) name = memchr(item, '\n', line - item) + 1;
        else if (!memcmp(name, "lease\r", 6)) c->lease[slot] = strtoull(item + 1, NULL, 10);
        else if (!memcmp(name, "token\r", 6)) c->token[slot] = strtoull(item + 1, NULL, 10);
    }
    return line;
}

static int request(char *out, connection *c, int slot) {
    char pool[24], tenant[24], lease[24], token[24], holder[24];
    if (!c->releasing) {
        c->pool[slot] = pick(POOLS), c->tenant[slot] = pick(TENANTS);
        if (is_redis) c->lease[slot] = next_lease++;
    }
    sprintf(pool, is_redis ? "pool:%d" : "peers-%d", c->pool[slot]);
    sprintf(tenant, is_redis ? "tenant:%d" : "t%d", c->tenant[slot]);
    sprintf(lease, is_redis ? "lease:%llu" : "%llu", c->lease[slot]);
    sprintf(token, "%llu", c->token[slot]);
    sprintf(holder, "holder-%09llu", is_redis ? c->lease[slot] : next_lease++);
    if (is_redis) {
        const char *words[] = {"EVALSHA", hashes[c->releasing], "3", pool, tenant, lease,
                               "1", "3600000", holder};
        return command(out, 9, words);
    }
    if (c->releasing) return command(out, 3, (const char *[]){"RELEASE", lease, token});
    return command(out, 9, (const char *[]){"ACQUIRE", pool, "slot=1", "TENANT", tenant,
                                            "HOLDER", holder, "TTL", "3600000"});
}

static void send_batch(connection *c) {
    static char out[OUT_BYTES];
    int length = 0;
    for (int slot = 0; slot < depth; slot++) length += request(out + length, c, slot);
    c->answered = c->used = 0, c->sent = now();
    send_all(c->fd, out, length);
}

// Whether all answers of the batch are there.
static int receive(connection *c) {
    int count = recv(c->fd, c->in + c->used, IN_BYTES - c->used, 0);
    if (count <= 0) fail("receive", "connection lost");
    c->used += count;
    const char *at = c->in, *end = c->in + c->used, *next;
    while (at < end && (next = reply(at, end, c, c->answered))) {
        if (*at == ':' && at[1] == '-') fail("refused", at);
        at = next, c->answered++;
    }
    c->used = end - at;
    memmove(c->in, at, c->used);
    return c->answered == depth;
}

// Sends one command and returns its answer in `c->in`.
static void ask(connection *c, int count, const char **words) {
    static char out[OUT_BYTES];
    send_all(c->fd, out, command(out, count, words));
    depth = 1, c->answered = c->used = 0;
    while (!receive(c)) continue;
}

static void declare(connection *c) {
    char name[32], resource[32];
    for (int i = 0; i < POOLS; i++) {
        sprintf(name, is_redis ? "pool:%d" : "peers-%d", i);
        sprintf(resource, "peers-%d/slots", i);
        if (is_redis) {
            ask(c, 6, (const char *[]){"HSET", name, "cap", "1000000000", "used", "0"});
            continue;
        }
        ask(c, 3, (const char *[]){"POOL", "SET", name});
        ask(c, 9, (const char *[]){"RESOURCE", "SET", resource, "POOL", name, "KIND", "slot",
                                   "CAPACITY", "1000000000"});
    }
    for (int i = 0; i < TENANTS; i++) {
        sprintf(name, is_redis ? "tenant:%d" : "t%d", i);
        if (is_redis)
            ask(c, 6, (const char *[]){"HSET", name, "cap", "1000000000", "used", "0"});
        else
            ask(c, 6, (const char *[]){"QUOTA", "SET", name, "slot", "LIMIT", "1000000000"});
    }
}

static void load_scripts(connection *c) {
    const char *scripts[] = {acquire_script, release_script};
    for (int i = 0; i < 2; i++) {
        static char out[OUT_BYTES];
        send_all(c->fd, out, command(out, 3, (const char *[]){"SCRIPT", "LOAD", scripts[i]}));
        int length = 0;
        while (length < 47) length += recv(c->fd, c->in + length, IN_BYTES - length, 0);
        memcpy(hashes[i], c->in + 5, 40);
    }
}

static int ascending(const void *a, const void *b) {
    unsigned long long x = *(unsigned long long *)a, y = *(unsigned long long *)b;
    return x < y ? -1 : x > y;
}

static void run(const char *path, int clients, double seconds) {
    connection *all = calloc(clients, sizeof *all);
    int epoll = epoll_create1(0);
    for (int i = 0; i < clients; i++) {
        all[i].fd = dial(path), all[i].in = malloc(IN_BYTES);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    if (is_redis) load_scripts(&all[0]);
    for (int i = 0; i < clients; i++) send_batch(&all[i]);
    // One second of warm-up, then what is measured.
    unsigned long long start = now() + 1000000000ULL, end = start + seconds * 1e9;
    size_t count = 0, room = 1 << 16;
    unsigned long long *waits = malloc(room * sizeof *waits);
    for (int open = clients; open > 0;) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, 10000);
        if (ready <= 0) fail("wait", "no answer for 10 s");
        for (int i = 0; i < ready; i++) {
            connection *c = events[i].data.ptr;
            if (!receive(c)) continue;
            unsigned long long time = now();
            if (time >= start && time < end) {
                if (count == room) waits = realloc(waits, (room *= 2) * sizeof *waits);
                waits[count++] = time - c->sent;
            }
            c->releasing = !c->releasing;
            if (!c->releasing && time >= end) open--;
            else send_batch(c);
        }
    }
    if (!count) fail("run", "nothing was answered");
    qsort(waits, count, sizeof *waits, ascending);
    printf("{\"operationsPerSecond\":%.0f,\"p50\":%.0f,\"p99\":%.0f}\n", count * depth / seconds,
           waits[count / 2] / 1e3, waits[count * 99 / 100] / 1e3);
}

int main(int count, char **words) {
    if (count < 4) fail("usage", "load redis|tenure SOCKET setup|run CLIENTS DEPTH SECONDS");
    is_redis = !strcmp(words[1], "redis");
    if (count == 7) {
        depth = atoi(words[5]);
        if (depth < 1 || depth > MOST_DEPTH) fail("depth", words[5]);
        run(words[2], atoi(words[4]), atof(words[6]));
    } else {
        connection c = {.fd = dial(words[2]), .in = malloc(IN_BYTES)};
        declare(&c);
    }
    return 0;
}
