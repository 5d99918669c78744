/* A libnvidia-ml.so that plays what a story tells.
 *
 * The real nvml-wrapper loads it into the real agent. The file that FAKE_NVML names is read again at every call, so that a test
 * changes the world while the agent runs. A line each; memory in MiB:
 *
 *   gpu UUID NAME TOTAL           a card; their order is their number
 *   process UUID PID MIB          somebody computes on it (draws: `graphics`)
 *   named PID NAME                what the driver calls a process
 *   hidden UUID MIB               in use, and no process has it
 *   blind UUID                    no processes are shown, as in a container
 *   lost UUID                     it has fallen off the bus
 *   sensors UUID CELSIUS PERCENT MILLIWATTS LIMIT
 *                                how the card does; a card without such a line has no sensors, and one without a number lacks that one: -
 *   ecc UUID COUNT                memory errors that could not be corrected
 *   xid UUID NUMBER               reported once for each such line that was not there before
 *   hang                          nothing is answered until this line is gone
 *
 * A process of an attempt uses what it wrote into `gpu-PID` in its attempt's folder, in MiB, for as long as it lives. The
 * attempt's folder lies below the story's, or it belongs to another story.
 */
#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, TIMEOUT = 10, GPU_IS_LOST = 15 };
enum { XID_EVENT = 8, MOST = 64, LINE = 512 };
static const unsigned long long MIB = 1ull << 20;
static const unsigned NO_INSTANCE = 0xFFFFFFFF;

typedef struct { char uuid[96], name[96]; unsigned long long total; } Gpu;
typedef struct { unsigned pid; unsigned long long bytes; unsigned gpu_instance, compute_instance; } Process;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory;
typedef struct { void *device; unsigned long long type, data; unsigned gpu_instance, compute_instance; } Event;

/* Handles outlive the lines of the story. */
static char handles[MOST][96];
static int handle_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

typedef int (*Visit)(char words[6][96], void *data);

/* Visits the story's lines until one answers other than 0. */
static int each(const char *verb, const char *uuid, Visit visit, void *data) {
    FILE *story = fopen(getenv("FAKE_NVML") ? getenv("FAKE_NVML") : "", "r");
    if (!story) return 0;
    char line[LINE];
    int found = 0;
    while (!found && fgets(line, sizeof line, story)) {
        char words[6][96] = {{0}};
        sscanf(line, "%95s %95s %95s %95s %95s %95s", words[0], words[1], words[2], words[3], words[4], words[5]);
        if (strcmp(words[0], verb) == 0 && (!uuid || strcmp(words[1], uuid) == 0)) found = visit(words, data);
    }
    fclose(story);
    return found;
}

static int yes(char words[6][96], void *data) {
    (void)words, (void)data;
    return 1;
}

/* Every call begins here. */
static void answer(void) {
    while (each("hang", NULL, yes, NULL)) usleep(20000);
}

static int sum(char words[6][96], void *data) {
    *(unsigned long long *)data += strtoull(words[2], NULL, 10);
    return 0;
}

static void *handle(const char *uuid) {
    pthread_mutex_lock(&lock);
    int at = 0;
    while (at < handle_count && strcmp(handles[at], uuid) != 0) at++;
    if (at == handle_count && at < MOST) strncpy(handles[handle_count++], uuid, 95);
    pthread_mutex_unlock(&lock);
    return handles[at];
}

typedef struct { unsigned index, seen; Gpu gpu; const char *uuid; } Find;

static int find(char words[6][96], void *data) {
    Find *want = data;
    if (want->uuid ? strcmp(words[1], want->uuid) != 0 : want->seen++ != want->index) return 0;
    strcpy(want->gpu.uuid, words[1]);
    strcpy(want->gpu.name, words[2]);
    want->gpu.total = strtoull(words[3], NULL, 10) * MIB;
    return 1;
}

static int gpu_of(void *device, Gpu *gpu) {
    Find want = {.uuid = device};
    if (!each("gpu", NULL, find, &want) || each("lost", device, yes, NULL)) return GPU_IS_LOST;
    *gpu = want.gpu;
    return SUCCESS;
}

/* The value of a variable of a process, in memory that the caller gives. */
static int variable(int pid, const char *name, char *value, size_t size) {
    char path[64], text[65536];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t length = fread(text, 1, sizeof text - 1, file), named = strlen(name);
    fclose(file);
    text[length] = 0;
    for (size_t at = 0; at < length; at += strlen(text + at) + 1) {
        if (strncmp(text + at, name, named) == 0 && text[at + named] == '=') {
            snprintf(value, size, "%s", text + at + named + 1);
            return 1;
        }
    }
    return 0;
}

/* What an attempt's process has told to use; 0 once it is dead. */
static unsigned long long told(int pid, const char *uuid) {
    char value[4096], path[4200], state = 'Z';
    if (!variable(pid, "CUDA_VISIBLE_DEVICES", value, sizeof value) || strcmp(value, uuid) != 0) return 0;
    if (!variable(pid, "SWEEP_ATTEMPT_DIR", value, sizeof value)) return 0;
    const char *story = getenv("FAKE_NVML"), *end = story ? strrchr(story, '/') : NULL;
    if (!end || strncmp(value, story, end - story) != 0) return 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    int read = fscanf(file, "%*d (%*[^)]) %c", &state);
    fclose(file);
    if (read != 1 || state == 'Z') return 0;
    snprintf(path, sizeof path, "%s/gpu-%d", value, pid);
    if (!(file = fopen(path, "r"))) return 0;
    unsigned long long mib = 0;
    if (fscanf(file, "%llu", &mib) != 1) mib = 0;
    fclose(file);
    return mib * MIB;
}

typedef struct { Process list[MOST]; unsigned count; } Processes;

static int listed(char words[6][96], void *data) {
    Processes *all = data;
    if (all->count < MOST) {
        unsigned long long bytes = strtoull(words[3], NULL, 10) * MIB;
        all->list[all->count++] = (Process){strtoul(words[2], NULL, 10), bytes, NO_INSTANCE, NO_INSTANCE};
    }
    return 0;
}

static void runners(const char *uuid, Processes *all) {
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && (entry = readdir(proc))) {
        unsigned long long bytes = isdigit((unsigned char)*entry->d_name) ? told(atoi(entry->d_name), uuid) : 0;
        if (bytes && all->count < MOST)
            all->list[all->count++] = (Process){atoi(entry->d_name), bytes, NO_INSTANCE, NO_INSTANCE};
    }
    if (proc) closedir(proc);
}

static int processes(void *device, const char *verb, unsigned *count, Process *list) {
    Gpu gpu;
    answer();
    int lost = gpu_of(device, &gpu);
    if (lost) return lost;
    Processes all = {.count = 0};
    if (!each("blind", device, yes, NULL)) {
        each(verb, device, listed, &all);
        if (strcmp(verb, "process") == 0) runners(device, &all);
    }
    unsigned room = *count;
    *count = all.count;
    if (all.count > room) return INSUFFICIENT_SIZE;
    if (list) memcpy(list, all.list, all.count * sizeof *list);
    return SUCCESS;
}

int nvmlInit_v2(void) { return answer(), SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    answer();
    snprintf(version, length, "575.00");
    return SUCCESS;
}

static int count_gpu(char words[6][96], void *data) {
    (void)words;
    ++*(unsigned *)data;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    answer();
    *count = 0;
    each("gpu", NULL, count_gpu, count);
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    Find want = {.index = index};
    answer();
    if (!each("gpu", NULL, find, &want)) return INVALID_ARGUMENT;
    *device = handle(want.gpu.uuid);
    return each("lost", want.gpu.uuid, yes, NULL) ? GPU_IS_LOST : SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    Find want = {.uuid = uuid};
    answer();
    if (!each("gpu", NULL, find, &want)) return NOT_FOUND;
    *device = handle(uuid);
    return each("lost", uuid, yes, NULL) ? GPU_IS_LOST : SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length) {
    answer();
    snprintf(uuid, length, "%s", (char *)device);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    Gpu gpu;
    answer();
    int lost = gpu_of(device, &gpu);
    if (!lost) snprintf(name, length, "%s", gpu.name);
    return lost;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, Memory *memory) {
    Gpu gpu;
    answer();
    int lost = gpu_of(device, &gpu);
    if (lost) return lost;
    unsigned long long used = 0;
    each("hidden", device, sum, &used);
    used *= MIB;
    Processes all = {.count = 0};
    each("process", device, listed, &all);
    each("graphics", device, listed, &all);
    runners(device, &all);
    for (unsigned at = 0; at < all.count; at++) used += all.list[at].bytes;
    if (used > gpu.total) used = gpu.total;
    memory->total = gpu.total, memory->reserved = 0, memory->used = used, memory->free = gpu.total - used;
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, Process *list) {
    return processes(device, "process", count, list);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, Process *list) {
    return processes(device, "graphics", count, list);
}

int nvmlSystemGetProcessName(unsigned pid, char *name, unsigned length) {
    char text[16];
    answer();
    snprintf(text, sizeof text, "%u", pid);
    Find want = {.uuid = text};
    if (!each("named", NULL, find, &want)) return NOT_FOUND;
    snprintf(name, length, "/usr/bin/%s", want.gpu.name);
    return SUCCESS;
}

int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, unsigned long long *count) {
    Gpu gpu;
    (void)type, (void)counter;
    answer();
    *count = 0;
    each("ecc", device, sum, count);
    return gpu_of(device, &gpu);
}

typedef struct { int which; char word[96]; } Sensor;

static int sensed(char words[6][96], void *data) {
    Sensor *want = data;
    strcpy(want->word, words[2 + want->which]);
    return 1;
}

static int sense(void *device, int which, unsigned *value) {
    Gpu gpu;
    Sensor want = {.which = which};
    answer();
    int lost = gpu_of(device, &gpu);
    if (lost) return lost;
    if (!each("sensors", device, sensed, &want) || !isdigit((unsigned char)*want.word)) return NOT_SUPPORTED;
    *value = strtoul(want.word, NULL, 10);
    return SUCCESS;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius) {
    return sensor ? INVALID_ARGUMENT : sense(device, 0, celsius);
}

int nvmlDeviceGetUtilizationRates(void *device, unsigned rates[2]) {
    rates[1] = 0;
    return sense(device, 1, &rates[0]);
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) { return sense(device, 2, milliwatts); }

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *milliwatts) { return sense(device, 3, milliwatts); }

int nvmlDeviceGetSupportedEventTypes(void *device, unsigned long long *types) {
    (void)device;
    answer();
    *types = XID_EVENT;
    return SUCCESS;
}

int nvmlEventSetCreate(void **set) {
    static int the_set;
    answer();
    *set = &the_set;
    return SUCCESS;
}

int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set) {
    (void)device, (void)types, (void)set;
    return answer(), SUCCESS;
}

int nvmlEventSetFree(void *set) {
    (void)set;
    return SUCCESS;
}

/* The story's `xid` lines, of which the first `*delivered` were told before. */
typedef struct { unsigned delivered, seen; Event *event; } Next;

static int next(char words[6][96], void *data) {
    Next *want = data;
    if (want->seen++ < want->delivered) return 0;
    *want->event = (Event){handle(words[1]), XID_EVENT, strtoull(words[2], NULL, 10), NO_INSTANCE, NO_INSTANCE};
    return 1;
}

int nvmlEventSetWait_v2(void *set, Event *event, unsigned timeout_ms) {
    static unsigned delivered;
    (void)set;
    answer();
    for (unsigned waited = 0; waited <= timeout_ms; waited += 20) {
        Next want = {.delivered = delivered, .event = event};
        if (each("xid", NULL, next, &want)) {
            delivered++;
            return SUCCESS;
        }
        usleep(20000);
    }
    return TIMEOUT;
}
