/* The binding to Python: what the reference returns, made here. A record that is handed back is None, an unsigned one False. */

static struct {
    PyObject *claim, *key, *entry, *outcome, *reasons, *leaf;
} types;

/* Of an entry, and of its outcome, what a leaf says. */
enum { TIMESTAMP, REGION, DIGEST, OUTCOME, OF_ENTRY };
enum { ACCEPTED, ESCALATED, REASON, RECOMPUTED_D_HAT, RECOMPUTED_BUDGET, OF_OUTCOME };
static const char *const ENTRY[] = {"timestamp", "region", "digest", "outcome"};
static const char *const OUTCOMES[] = {"accepted", "escalated", "reason", "recomputed_D_hat", "recomputed_budget"};
static PyObject *of_entry[OF_ENTRY], *of_outcome[OF_OUTCOME];

static const char KEYS[] = "flk.keys";

static PyObject *prepare(PyObject *self, PyObject *args)
{
    PyObject *claim, *key, *entry, *outcome, *reasons, *leaf;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!OOO!O!", &PyType_Type, &claim, &PyType_Type, &key, &entry, &outcome, &PyTuple_Type, &reasons,
                          &PyType_Type, &leaf))
        return NULL;
    Py_INCREF(claim), Py_INCREF(key), Py_INCREF(entry), Py_INCREF(outcome), Py_INCREF(reasons), Py_INCREF(leaf);
    types.claim = claim, types.key = key, types.entry = entry, types.outcome = outcome, types.reasons = reasons, types.leaf = leaf;
    for (int i = 0; i < OF_ENTRY; i++)
        if (!(of_entry[i] = PyUnicode_InternFromString(ENTRY[i])))
            return NULL;
    for (int i = 0; i < OF_OUTCOME; i++)
        if (!(of_outcome[i] = PyUnicode_InternFromString(OUTCOMES[i])))
            return NULL;
    Py_RETURN_NONE;
}

static void forget_keys(PyObject *capsule)
{
    PyMem_Free(PyCapsule_GetPointer(capsule, KEYS));
}

/* keys([(secret, not_before, not_after), …], fixed, judged, all, (tolerance_D_hat, …)) */
static PyObject *prepare_keys(PyObject *self, PyObject *args)
{
    PyObject *list;
    int fixed, judged, all;
    long long D_hat, budget;
    struct rules rules;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!ppp(LLdddddddd)", &PyList_Type, &list, &fixed, &judged, &all, &D_hat, &budget,
                          &rules.sticky_coh_min, &rules.sticky_D_max, &rules.non_sticky_D_min, &rules.base, &rules.alpha,
                          &rules.beta, &rules.gamma, &rules.D0))
        return NULL;
    rules.tolerance_D_hat = D_hat;
    rules.tolerance_budget = budget;
    Py_ssize_t count = PyList_GET_SIZE(list);
    struct keys *keys = PyMem_Calloc(1, sizeof(struct keys) + (size_t)count * sizeof(struct key));
    if (!keys)
        return PyErr_NoMemory();
    keys->count = (size_t)count;
    keys->fixed = fixed;
    keys->judged = judged;
    keys->all = all;
    keys->rules = rules;
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *secret;
        Py_ssize_t length;
        struct key *key = &keys->key[i];
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "y#dd", &secret, &length, &key->not_before, &key->not_after)) {
            PyMem_Free(keys);
            return NULL;
        }
        key->hmac = hmac_key((const uint8_t *)secret, (size_t)length);
    }
    PyObject *capsule = PyCapsule_New(keys, KEYS, forget_keys);
    if (!capsule)
        PyMem_Free(keys);
    return capsule;
}

/* A named tuple of two, which takes over what it is given. */
static PyObject *pair(PyObject *type, PyObject *first, PyObject *second)
{
    PyObject *made = first && second ? ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 2) : NULL;
    if (!made) {
        Py_XDECREF(first), Py_XDECREF(second);
        return NULL;
    }
    PyTuple_SET_ITEM(made, 0, first);
    PyTuple_SET_ITEM(made, 1, second);
    return made;
}

/* An instance of `type`, of which the last `own` arguments are given up. */
static PyObject *instance(PyObject *type, PyObject **arguments, size_t count, size_t own)
{
    bool whole = true;
    for (size_t i = 0; i < count; i++)
        whole = whole && arguments[i];
    PyObject *made = whole ? PyObject_Vectorcall(type, arguments, count, NULL) : NULL;
    for (size_t i = count - own; i < count; i++)
        Py_XDECREF(arguments[i]);
    return made;
}

static PyObject *made_claim(const struct claim *claim, PyObject *tenant, PyObject *timestamp, PyObject *region)
{
    const struct outcome *outcome = &claim->outcome;
    PyObject *judged[] = {
        outcome->reason == REASON_D_HAT ? Py_False : Py_True,
        outcome->reason == REASON_OK ? Py_False : Py_True,
        PyTuple_GET_ITEM(types.reasons, outcome->reason),
        PyFloat_FromDouble(outcome->recomputed_D_hat),
        PyFloat_FromDouble(outcome->recomputed_budget),
    };
    PyObject *entered[] = {
        timestamp,
        region,
        PyUnicode_FromStringAndSize(claim->digest, sizeof(claim->digest)),
        instance(types.outcome, judged, 5, 2),
    };
    PyObject *entry = instance(types.entry, entered, 4, 2);
    Py_INCREF(tenant);
    PyObject *key = pair(types.key, tenant, PyUnicode_FromStringAndSize(claim->pcs_id, sizeof(claim->pcs_id)));
    return pair(types.claim, key, entry);
}

static PyObject *answered(enum answer answer, const struct claim *claim, PyObject *tenant, PyObject *timestamp, PyObject *region)
{
    if (answer == CLAIMED)
        return made_claim(claim, tenant, timestamp, region);
    if (answer == UNSIGNED)
        Py_RETURN_FALSE;
    Py_RETURN_NONE;
}

/* One submission, and what becomes of it. */
struct task {
    const struct keys *keys; /* NULL: handed back */
    struct text body;
    uint64_t timestamp;
    enum answer answer;
    struct claim claim;
};

static void perform(struct task *task)
{
    task->answer = HANDED_BACK;
    if (!task->keys)
        return;
#ifdef EXACT /* for sanitizers: no byte behind the body belongs to us */
    char *copy = malloc(task->body.length);
    memcpy(copy, task->body.at, task->body.length);
    task->answer = examine(task->keys, (struct text){copy, task->body.length}, task->timestamp, &task->claim);
    free(copy);
#else
    task->answer = examine(task->keys, task->body, task->timestamp, &task->claim);
#endif
}

static bool is_timestamp(PyObject *object, uint64_t *timestamp)
{
    if (!PyLong_CheckExact(object))
        return false;
    *timestamp = PyLong_AsUnsignedLongLong(object);
    if (!PyErr_Occurred())
        return true;
    PyErr_Clear();
    return false;
}

/* Fill in keys and timestamp, unless they are not what the reference expects; then it is for the reference to say so. */
static void concern(struct task *task, PyObject *keys, PyObject *timestamp)
{
    task->keys = NULL;
    if (keys && PyCapsule_IsValid(keys, KEYS) && is_timestamp(timestamp, &task->timestamp))
        task->keys = PyCapsule_GetPointer(keys, KEYS);
}

/* examine(book, tenant, body, timestamp, region): a claim, or why there is none. `book` has the keys of each tenant. */
static PyObject *examine_one(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct task task;
    (void)self;
    if (count != 5 || !PyDict_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "examine takes a book of keys, tenant, body, timestamp and region");
        return NULL;
    }
    if (!PyUnicode_CheckExact(args[1]) || !PyBytes_CheckExact(args[2]))
        Py_RETURN_NONE;
    concern(&task, PyDict_GetItemWithError(args[0], args[1]), args[3]);
    task.body = (struct text){PyBytes_AS_STRING(args[2]), (size_t)PyBytes_GET_SIZE(args[2])};
    perform(&task);
    return answered(task.answer, &task.claim, args[1], args[3], args[4]);
}

/* The tenant of a frame's payload, a new reference, and its body; NULL if the payload is not what a node logs. */
static PyObject *opened(PyObject *payload, struct text *body)
{
    if (!PyBytes_CheckExact(payload) || PyBytes_GET_SIZE(payload) == 0)
        return NULL;
    const char *at = PyBytes_AS_STRING(payload);
    size_t size = (size_t)PyBytes_GET_SIZE(payload), end = 1 + (size_t)(unsigned char)at[0];
    if (end > size)
        return NULL;
    PyObject *tenant = PyUnicode_DecodeUTF8(at + 1, (Py_ssize_t)end - 1, NULL);
    if (!tenant)
        PyErr_Clear();
    *body = (struct text){at + end, size - end};
    return tenant;
}

/* claims(book, frames, region): for each (timestamp, payload, …) of a tuple its claim, or why there is none. Other threads run meanwhile. */
static PyObject *examine_many(PyObject *self, PyObject *const *args, Py_ssize_t arguments)
{
    (void)self;
    if (arguments != 3 || !PyDict_CheckExact(args[0]) || !PyTuple_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "claims takes a book of keys, a tuple of frames and their region");
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(args[1]), i;
    struct task *tasks = PyMem_Calloc((size_t)count + 1, sizeof(struct task));
    PyObject **tenants = PyMem_Calloc((size_t)count + 1, sizeof(PyObject *));
    PyObject *found = tasks && tenants ? PyList_New(count) : PyErr_NoMemory();
    for (i = 0; found && i < count; i++) {
        PyObject *frame = PyTuple_GET_ITEM(args[1], i);
        if (!PyTuple_Check(frame) || PyTuple_GET_SIZE(frame) < 2)
            continue;
        tenants[i] = opened(PyTuple_GET_ITEM(frame, 1), &tasks[i].body);
        if (tenants[i])
            concern(&tasks[i], PyDict_GetItemWithError(args[0], tenants[i]), PyTuple_GET_ITEM(frame, 0));
    }
    if (found) {
        Py_BEGIN_ALLOW_THREADS;
        for (i = 0; i < count; i++)
            perform(&tasks[i]);
        Py_END_ALLOW_THREADS;
    }
    for (i = 0; found && i < count; i++) {
        PyObject *frame = PyTuple_GET_ITEM(args[1], i);
        PyObject *timestamp = tasks[i].keys ? PyTuple_GET_ITEM(frame, 0) : NULL;
        PyObject *answer = answered(tasks[i].answer, &tasks[i].claim, tenants[i], timestamp, args[2]);
        if (answer)
            PyList_SET_ITEM(found, i, answer);
        else
            Py_CLEAR(found);
    }
    for (i = 0; tenants && i < count; i++)
        Py_XDECREF(tenants[i]);
    PyMem_Free(tenants);
    PyMem_Free(tasks);
    return found;
}

/* The attributes of an object, new references; whether it has all. */
static bool attributes(PyObject *object, PyObject *const *names, size_t count, PyObject **found)
{
    bool all = object != NULL;
    for (size_t i = 0; all && i < count; i++)
        all = (found[i] = PyObject_GetAttr(object, names[i])) != NULL;
    return all;
}

static bool is_text(PyObject *object, struct text *text)
{
    if (!PyUnicode_Check(object) || !PyUnicode_IS_ASCII(object))
        return false;
    *text = (struct text){PyUnicode_DATA(object), (size_t)PyUnicode_GET_LENGTH(object)};
    return true;
}

static bool is_boolean(PyObject *object, bool *value)
{
    *value = object == Py_True;
    return PyBool_Check(object);
}

static bool is_small(PyObject *object, int64_t *billionths)
{
    return PyFloat_CheckExact(object) && nano(PyFloat_AS_DOUBLE(object), billionths);
}

/* leaf(claim, body, parameters, policy): the leaf of an outcome that was judged by these, or None. */
static PyObject *leaf_of(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *of[OF_ENTRY + OF_OUTCOME] = {NULL}, **judged = of + OF_ENTRY, *made = NULL;
    (void)self;
    if (count != 4 || !PyTuple_Check(args[0]) || PyTuple_GET_SIZE(args[0]) != 2 || !PyBytes_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "leaf takes a claim, a body, and what judged it");
        return NULL;
    }
    PyObject *key = PyTuple_GET_ITEM(args[0], 0);
    bool whole = PyTuple_Check(key) && PyTuple_GET_SIZE(key) == 2 && attributes(PyTuple_GET_ITEM(args[0], 1), of_entry, OF_ENTRY, of) &&
                 attributes(of[OUTCOME], of_outcome, OF_OUTCOME, judged);
    PyErr_Clear();
    struct told told;
    struct reading reading;
    struct text body = {PyBytes_AS_STRING(args[1]), (size_t)PyBytes_GET_SIZE(args[1])};
    if (whole && is_text(PyTuple_GET_ITEM(key, 0), &told.tenant) && is_text(PyTuple_GET_ITEM(key, 1), &told.pcs_id) &&
        is_text(of[REGION], &told.region) && is_text(of[DIGEST], &told.digest) && is_text(judged[REASON], &told.reason) &&
        is_text(args[2], &told.parameters) && is_text(args[3], &told.policy) && is_boolean(judged[ACCEPTED], &told.accepted) &&
        is_boolean(judged[ESCALATED], &told.escalated) && is_small(judged[RECOMPUTED_D_HAT], &told.nano_D_hat) &&
        is_small(judged[RECOMPUTED_BUDGET], &told.nano_budget) && is_timestamp(of[TIMESTAMP], &told.timestamp) &&
        is_writable(&told) && decode(body, &reading)) {
        char leaf[MAX_LEAF];
        uint8_t own[32], common[32];
        size_t length = leaf_bytes(&reading.record, &told, leaf);
        leaf_names(&told, own, common);
        made = pair(types.leaf, PyBytes_FromStringAndSize(leaf, (Py_ssize_t)length),
                    Py_BuildValue("y#y#", own, (Py_ssize_t)NAME_BYTES, common, (Py_ssize_t)NAME_BYTES));
    } else {
        made = Py_NewRef(Py_None);
    }
    for (size_t i = 0; i < OF_ENTRY + OF_OUTCOME; i++)
        Py_XDECREF(of[i]);
    return made;
}

/* digest(data, own): the SHA-256 of some bytes, by the processor's own rounds or without. */
static PyObject *digest(PyObject *self, PyObject *args)
{
    const char *data;
    Py_ssize_t length;
    int own;
    uint8_t digest[32];
    (void)self;
    if (!PyArg_ParseTuple(args, "y#p", &data, &length, &own))
        return NULL;
    struct hash hash = hash_begin();
    hash.compress = own && has_own_rounds() ? compress_here : compress_anywhere;
    hash_add(&hash, data, (size_t)length);
    hash_end(&hash, digest);
    return PyBytes_FromStringAndSize((const char *)digest, sizeof(digest));
}

/* log2(value): to be compared with Python's. */
static PyObject *logarithm(PyObject *self, PyObject *value)
{
    (void)self;
    uint64_t integer = PyLong_AsUnsignedLongLong(value);
    return PyErr_Occurred() ? NULL : PyFloat_FromDouble(log2((double)integer));
}

static PyMethodDef METHODS[] = {
    {"prepare", prepare, METH_VARARGS, "prepare(claim, key, entry, outcome, reasons, leaf): the classes of what is made."},
    {"keys", prepare_keys, METH_VARARGS, "keys(list of (secret, not_before, not_after), fixed, judged, all, rules): a tenant's keys, prepared."},
    {"examine", (PyCFunction)(void (*)(void))examine_one, METH_FASTCALL, "examine(book, tenant, body, timestamp, region)"},
    {"claims", (PyCFunction)(void (*)(void))examine_many, METH_FASTCALL, "claims(book, frames, region)"},
    {"leaf", (PyCFunction)(void (*)(void))leaf_of, METH_FASTCALL, "leaf(claim, body, parameters, policy)"},
    {"log2", logarithm, METH_O, "log2(value): as the slope takes it."},
    {"digest", digest, METH_VARARGS, "digest(data, own): SHA-256."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_examine", "Compiled examine.", -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__examine(void)
{
    if (has_own_rounds())
        fastest = compress_here;
    return PyModule_Create(&MODULE);
}
