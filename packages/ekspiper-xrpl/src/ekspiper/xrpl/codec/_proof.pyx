# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Proves a ledger's transactions in C: from hex to bytes, to ids, to the root of their tree.

As in `_compiled.pyx`, everything here *declines* what is out of the ordinary: it returns None, and the
caller takes the code in Python, which knows what to say. Blobs come from strangers: every read is
checked against the end of what there is.

What crosses from here to Python are three buffers, see `transaction_blobs.TransactionBlobs`.

Threads share nothing here. A list that is handed in must stay as it is meanwhile.
"""

from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE, _PyBytes_Resize
)
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.dict cimport PyDict_GetItem
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport qsort
from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from "_sha512.h" nogil:
    ctypedef struct sha512_job:
        const uint8_t* at
        uint8_t* half
        size_t blocks
    int sha512_lanes()
    void sha512_many(sha512_job* jobs, size_t count, int lanes)
    size_t sha512_pad(uint8_t* at, size_t size)
    enum: SHA512_BLOCK, SHA512_PADDING

cdef extern from "Python.h":
    # As a pointer: what is still to be resized must have no other reference.
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char* at, Py_ssize_t size) except NULL

cdef extern from "_digits.h" nogil:
    bint digits_bytes(const char* text, int64_t size, uint8_t* out)

INTERFACE = 2  # as in _compiled_codec.py: an extension of another version is not used

DEF KEY = 32                 # bytes of an id and of every hash
DEF KEY_DIGITS = 64
DEF SPAN = 4                 # numbers that say where the two blobs of a transaction are
DEF BEGINS = 6               # bytes of metadata before its second field
DEF LARGEST = 918744         # what a length prefix can say
DEF NODE = 640               # an inner node, padded: its prefix and 16 hashes in five blocks
DEF NODE_SIZE = 516
DEF NO_PARENT = 0xFFFFFFFF
DEF NO_DEPTH = 0xFFFFFFFF

cdef int LANES = sha512_lanes()


cdef struct Row:
    uint32_t index               # TransactionIndex
    uint32_t place               # in the order in which the rows came
    uint32_t tx, tx_size, meta, meta_size
    uint8_t[KEY] id


cdef struct Leaf:
    const uint8_t* key
    const uint8_t* hash


cdef struct Node:
    uint32_t parent
    uint32_t depth
    uint32_t slot


# --- rows ---------------------------------------------------------------------------------------

cdef int _by_index(const void* one, const void* other) noexcept nogil:
    cdef const Row* a = <const Row*>one
    cdef const Row* b = <const Row*>other
    if a.index != b.index:
        return -1 if a.index < b.index else 1
    return -1 if a.place < b.place else 1


cdef bint _read_index(Row* row, const uint8_t* data) noexcept nogil:
    """TransactionIndex, which stands first in metadata: `decoder.transaction_index`."""
    cdef const uint8_t* meta = data + row.meta
    if row.meta_size < BEGINS or meta[0] != 0x20 or meta[1] != 0x1C:
        return False
    row.index = (
        <uint32_t>meta[2] << 24 | <uint32_t>meta[3] << 16 | <uint32_t>meta[4] << 8 | meta[5]
    )
    return True


cdef tuple _packed(bytes data, Row* rows, uint32_t count):
    """Data, spans and ids, in the order of TransactionIndex."""
    cdef bytes spans = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>count * SPAN * sizeof(uint32_t))
    cdef bytes ids = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>count * KEY)
    cdef uint32_t* span = <uint32_t*>PyBytes_AS_STRING(spans)
    cdef uint32_t at
    qsort(rows, count, sizeof(Row), _by_index)
    for at in range(count):
        span[SPAN * at] = rows[at].tx
        span[SPAN * at + 1] = rows[at].tx_size
        span[SPAN * at + 2] = rows[at].meta
        span[SPAN * at + 3] = rows[at].meta_size
        memcpy(PyBytes_AS_STRING(ids) + KEY * at, rows[at].id, KEY)
    return data, spans, ids


cdef inline const char* _text_of(dict row, str name, Py_ssize_t* size):
    """A member that is a text; NULL where there is none."""
    cdef PyObject* value = PyDict_GetItem(row, name)
    if value == NULL or type(<object>value) is not str:
        return NULL
    try:
        return PyUnicode_AsUTF8AndSize(<object>value, size)
    except UnicodeError:  # half a surrogate pair
        return NULL


def pack_rows(list rows not None):
    """The blobs of the transactions in an answer: data, spans and ids; None to decline.

    Args:
        rows: of the answer to `ledger` with `binary`, api_version 2: `tx_blob`, `meta_blob`, `hash`.
    """
    cdef Py_ssize_t count = PyList_GET_SIZE(rows), nth, size, tx_size, meta_size
    cdef int64_t total = 0
    cdef const char* text
    cdef Row* found
    cdef bytes data
    cdef uint8_t* out
    cdef object each
    for nth in range(count):
        each = <object>PyList_GET_ITEM(rows, nth)
        if type(each) is not dict:
            return None
        if (
            _text_of(each, "tx_blob", &tx_size) == NULL
            or _text_of(each, "meta_blob", &meta_size) == NULL
        ):
            return None
        if (tx_size | meta_size) & 1:
            return None
        total += (tx_size + meta_size) >> 1
        if total > 0x7FFFFFFF:
            return None
    data = PyBytes_FromStringAndSize(NULL, total)
    out = <uint8_t*>PyBytes_AS_STRING(data)
    found = <Row*>PyMem_Malloc(max(count, 1) * sizeof(Row))
    if found == NULL:
        raise MemoryError
    try:
        total = 0
        for nth in range(count):
            each = <object>PyList_GET_ITEM(rows, nth)
            found[nth].place = <uint32_t>nth
            text = _text_of(each, "hash", &size)
            if text == NULL or size != KEY_DIGITS or not digits_bytes(text, KEY, found[nth].id):
                return None
            text = _text_of(each, "tx_blob", &size)
            found[nth].tx = <uint32_t>total
            found[nth].tx_size = <uint32_t>(size >> 1)
            if not digits_bytes(text, size >> 1, out + total):
                return None
            total += size >> 1
            text = _text_of(each, "meta_blob", &size)
            found[nth].meta = <uint32_t>total
            found[nth].meta_size = <uint32_t>(size >> 1)
            if not digits_bytes(text, size >> 1, out + total):
                return None
            total += size >> 1
            if not _read_index(found + nth, out):
                return None
        return _packed(data, found, <uint32_t>count)
    finally:
        PyMem_Free(found)


# --- frames -------------------------------------------------------------------------------------

DEF LABEL_SIZE = 16

cdef class _Rows:
    """Rows while they are read: more and more of them."""

    cdef Row* rows
    cdef uint32_t count, room

    def __dealloc__(self):
        PyMem_Free(self.rows)

    cdef Row* next_row(self) except NULL:
        cdef uint32_t room
        if self.count == self.room:
            room = 2 * self.room if self.room else 64
            rows = <Row*>PyMem_Realloc(self.rows, room * sizeof(Row))
            if rows == NULL:
                raise MemoryError
            self.rows = rows
            self.room = room
        self.count += 1
        return self.rows + self.count - 1


def read_frame(frame not None):
    """The transactions of a ledger out of the text of an answer; None to decline.

    Args:
        frame: the answer to `ledger` with `binary`, api_version 2, as it came.

    Returns:
        The text with `null` for the array of transactions; data, spans and ids of these.
    """
    cdef Py_buffer view
    PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
    try:
        return _read_frame(<const char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef object _read_frame(const char* text, Py_ssize_t size):
    cdef const char* end = text + size
    cdef const char* at = text
    cdef const char* begin
    cdef _Rows found = _Rows()
    cdef Row* row
    cdef int64_t filled = 0
    cdef PyObject* data
    cdef uint8_t* out
    cdef bytes rest
    cdef char mark
    # Behind a bracket or a comma, quotation marks begin a name: in a text they would be escaped.
    while True:
        at = <const char*>memchr(at, c"[", end - at)
        if at == NULL:
            return None
        if at - text > LABEL_SIZE and memcmp(at - 15, b'"transactions":', 15) == 0:
            break
        at += 1
    mark = (at - LABEL_SIZE)[0]
    if mark != c"," and mark != c"{":
        return None
    begin = at
    at += 1
    # Two digits make a byte: there is room for all, and what is not needed is given back at the end.
    data = new_bytes(NULL, (end - at) // 2)
    out = <uint8_t*>PyBytes_AS_STRING(<object>data)
    try:
        if at < end and at[0] == c"]":
            return None  # what has no transactions is small
        while True:
            row = found.next_row()
            row.place = found.count - 1
            at = _read_row(at, end, row, out, &filled)
            if at == NULL or at >= end or not _read_index(row, out):
                return None
            mark = at[0]
            at += 1
            if mark == c"]":
                break
            if mark != c",":
                return None
        rest = PyBytes_FromStringAndSize(NULL, (begin - text) + 4 + (end - at))
        memcpy(PyBytes_AS_STRING(rest), text, begin - text)
        memcpy(PyBytes_AS_STRING(rest) + (begin - text), b"null", 4)
        memcpy(PyBytes_AS_STRING(rest) + (begin - text) + 4, at, end - at)
        _PyBytes_Resize(&data, filled)
        return (rest, *_packed(<bytes>data, found.rows, found.count))
    finally:
        Py_XDECREF(data)


cdef const char* _read_row(
    const char* at, const char* end, Row* row, uint8_t* out, int64_t* filled
) noexcept nogil:
    """A transaction: its three members in any order, each once. Where it ends; NULL to decline."""
    cdef int seen = 0, member
    cdef const char* close
    cdef int64_t size
    while True:
        if end - at < 12 or at[0] != (c"," if seen else c"{"):
            return NULL
        at += 1
        if memcmp(at, b'"hash":"', 8) == 0:
            member = 1
            at += 8
        elif memcmp(at, b'"tx_blob":"', 11) == 0:
            member = 2
            at += 11
        elif end - at > 13 and memcmp(at, b'"meta_blob":"', 13) == 0:
            member = 4
            at += 13
        else:
            return NULL
        close = <const char*>memchr(at, c'"', end - at)
        if close == NULL or (close - at) & 1 or seen & member:
            return NULL
        size = (close - at) >> 1
        if member == 1:
            if size != KEY or not digits_bytes(at, size, row.id):
                return NULL
        else:
            if filled[0] + size > 0x7FFFFFFF or not digits_bytes(at, size, out + filled[0]):
                return NULL
            if member == 2:
                row.tx = <uint32_t>filled[0]
                row.tx_size = <uint32_t>size
            else:
                row.meta = <uint32_t>filled[0]
                row.meta_size = <uint32_t>size
            filled[0] += size
        seen |= member
        at = close + 1
        if seen == 7:
            return at + 1 if at < end and at[0] == c"}" else NULL


# --- the tree -----------------------------------------------------------------------------------

cdef int _by_key(const void* one, const void* other) noexcept nogil:
    return memcmp((<const Leaf*>one).key, (<const Leaf*>other).key, KEY)


cdef inline int64_t _prefix(int64_t size, uint8_t* out) noexcept nogil:
    """The length that stands before so many bytes; how many bytes it takes: `length.encode_length`."""
    if size <= 192:
        out[0] = <uint8_t>size
        return 1
    if size <= 12480:
        size -= 193
        out[0] = <uint8_t>(193 + (size >> 8))
        out[1] = <uint8_t>(size & 0xFF)
        return 2
    size -= 12481
    out[0] = <uint8_t>(241 + (size >> 16))
    out[1] = <uint8_t>(size >> 8 & 0xFF)
    out[2] = <uint8_t>(size & 0xFF)
    return 3


cdef class _Nodes:
    """Inner nodes, each with the message that it is hashed from."""

    cdef uint8_t* messages       # NODE bytes for each node
    cdef Node* nodes
    cdef uint32_t count, room

    def __dealloc__(self):
        PyMem_Free(self.messages)
        PyMem_Free(self.nodes)

    cdef uint32_t empty_node(self) except NO_PARENT:
        """One more node, without anything below it; its number. All messages may move."""
        cdef uint32_t room
        cdef uint8_t* message
        if self.count == self.room:
            room = 2 * self.room if self.room else 64
            messages = <uint8_t*>PyMem_Realloc(self.messages, <size_t>room * NODE)
            if messages == NULL:
                raise MemoryError
            self.messages = messages
            nodes = <Node*>PyMem_Realloc(self.nodes, room * sizeof(Node))
            if nodes == NULL:
                raise MemoryError
            self.nodes = nodes
            self.room = room
        message = self.messages + <size_t>self.count * NODE
        memcpy(message, b"MIN", 4)
        memset(message + 4, 0, NODE_SIZE - 4)
        self.count += 1
        return self.count - 1

    cdef inline uint8_t* below(self, uint32_t number, uint32_t digit) noexcept:
        """Where in a node the hash of what is below it belongs."""
        return self.messages + <size_t>number * NODE + 4 + KEY * digit

    cdef int hash(self, uint8_t* root, int lanes) except -1:
        """The hashes of all nodes that have a depth, into their parents, from the bottom up; into `root`
        that of the one without a parent."""
        cdef uint32_t nth, waiting
        cdef int depth, deepest = 0
        cdef sha512_job* job
        cdef sha512_job* jobs = <sha512_job*>PyMem_Malloc(max(self.count, 1) * sizeof(sha512_job))
        if jobs == NULL:
            raise MemoryError
        for nth in range(self.count):
            if self.nodes[nth].depth != NO_DEPTH:
                deepest = max(deepest, <int>self.nodes[nth].depth)
        for depth in range(deepest, -1, -1):
            waiting = 0
            for nth in range(self.count):
                if self.nodes[nth].depth != <uint32_t>depth:
                    continue
                job = jobs + waiting
                job.at = self.messages + <size_t>nth * NODE
                job.blocks = sha512_pad(self.messages + <size_t>nth * NODE, NODE_SIZE)
                job.half = (
                    root if self.nodes[nth].parent == NO_PARENT
                    else self.below(self.nodes[nth].parent, self.nodes[nth].slot)
                )
                waiting += 1
            sha512_many(jobs, waiting, lanes)
        PyMem_Free(jobs)
        return 0


cdef class _Tree(_Nodes):
    """The inner nodes over sorted leaves, made from the top down."""

    cdef int add(
        self, const Leaf* leaves, uint32_t first, uint32_t end, uint32_t depth, uint32_t parent, uint32_t slot
    ) except -1:
        """The node over all leaves from `first` to before `end`, which share `depth` digits."""
        cdef uint32_t at = first, next_, digit
        cdef uint32_t number = self.empty_node()
        self.nodes[number].parent = parent
        self.nodes[number].depth = depth
        self.nodes[number].slot = slot
        while at < end:
            digit = _digit(leaves[at].key, depth)
            next_ = at + 1
            while next_ < end and _digit(leaves[next_].key, depth) == digit:
                next_ += 1
            if next_ == at + 1:
                memcpy(self.below(number, digit), leaves[at].hash, KEY)
            else:
                self.add(leaves, at, next_, depth + 1, number, digit)
            at = next_
        return 0


cdef inline uint32_t _digit(const uint8_t* key, uint32_t depth) noexcept nogil:
    return key[depth >> 1] >> (0 if depth & 1 else 4) & 15


def tree_root(bytes data not None, bytes spans not None, bytes ids not None, int lanes=0):
    """The root of the tree of transactions; None to decline: where an id is not the hash of its
    transaction, or stands there twice, or where the buffers do not fit each other.

    Args:
        data: the blobs.
        spans: where they are, see `TransactionBlobs`.
        ids: what the transactions are said to hash to.
        lanes: how many messages to hash at once at most: 8, 4 or 1; what the processor can without it.
    """
    cdef uint32_t count = <uint32_t>(PyBytes_GET_SIZE(ids) // KEY), nth
    cdef const uint8_t* blobs = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef int64_t end = PyBytes_GET_SIZE(data), room = 0, widest
    cdef const uint32_t* span = <const uint32_t*>PyBytes_AS_STRING(spans)
    cdef const uint8_t* said = <const uint8_t*>PyBytes_AS_STRING(ids)
    cdef uint8_t* messages = NULL
    cdef uint8_t* hashes = NULL
    cdef sha512_job* jobs = NULL
    cdef Leaf* leaves = NULL
    cdef _Tree tree
    cdef uint8_t[KEY] root
    if not 0 < lanes < LANES:
        lanes = LANES
    if (
        PyBytes_GET_SIZE(ids) != <Py_ssize_t>count * KEY
        or PyBytes_GET_SIZE(spans) != <Py_ssize_t>count * SPAN * <Py_ssize_t>sizeof(uint32_t)
    ):
        return None
    if count == 0:
        return bytes(KEY)
    for nth in range(count):
        if (
            <int64_t>span[SPAN * nth] + span[SPAN * nth + 1] > end
            or <int64_t>span[SPAN * nth + 2] + span[SPAN * nth + 3] > end
            or span[SPAN * nth + 1] > LARGEST
            or span[SPAN * nth + 3] > LARGEST
        ):
            return None
        room += 4 + 3 + span[SPAN * nth + 1] + 3 + span[SPAN * nth + 3] + KEY + SHA512_PADDING
    try:
        messages = <uint8_t*>PyMem_Malloc(room)
        hashes = <uint8_t*>PyMem_Malloc(<size_t>count * KEY)
        jobs = <sha512_job*>PyMem_Malloc(count * sizeof(sha512_job))
        leaves = <Leaf*>PyMem_Malloc(count * sizeof(Leaf))
        if messages == NULL or hashes == NULL or jobs == NULL or leaves == NULL:
            raise MemoryError
        _hash_all(blobs, span, NULL, count, messages, hashes, jobs, lanes)
        if memcmp(hashes, said, <size_t>count * KEY) != 0:
            return None
        _hash_all(blobs, span, said, count, messages, hashes, jobs, lanes)
        for nth in range(count):
            leaves[nth].key = said + KEY * nth
            leaves[nth].hash = hashes + KEY * nth
        qsort(leaves, count, sizeof(Leaf), _by_key)
        for nth in range(1, count):
            if memcmp(leaves[nth - 1].key, leaves[nth].key, KEY) == 0:
                return None
        tree = _Tree()
        tree.add(leaves, 0, count, 0, NO_PARENT, 0)
        tree.hash(root, lanes)
        return PyBytes_FromStringAndSize(<const char*>root, KEY)
    finally:
        PyMem_Free(messages)
        PyMem_Free(hashes)
        PyMem_Free(jobs)
        PyMem_Free(leaves)


def fold_leaves(list keys not None, list hashes not None, int lanes=0):
    """The root of the tree over leaves, by their keys and hashes of 32 bytes, in any order; None to
    decline: where a key stands there twice."""
    cdef Py_ssize_t count = PyList_GET_SIZE(keys), nth
    cdef Leaf* leaves
    cdef _Tree tree
    cdef uint8_t[KEY] root
    if not 0 < lanes < LANES:
        lanes = LANES
    if PyList_GET_SIZE(hashes) != count or count > 0x7FFFFFFF:
        return None
    if count == 0:
        return bytes(KEY)
    leaves = <Leaf*>PyMem_Malloc(count * sizeof(Leaf))
    if leaves == NULL:
        raise MemoryError
    try:
        for nth in range(count):
            leaves[nth].key = _key(<object>PyList_GET_ITEM(keys, nth))
            leaves[nth].hash = _key(<object>PyList_GET_ITEM(hashes, nth))
            if leaves[nth].key == NULL or leaves[nth].hash == NULL:
                return None
        qsort(leaves, count, sizeof(Leaf), _by_key)
        for nth in range(1, count):
            if memcmp(leaves[nth - 1].key, leaves[nth].key, KEY) == 0:
                return None
        tree = _Tree()
        tree.add(leaves, 0, <uint32_t>count, 0, NO_PARENT, 0)
        tree.hash(root, lanes)
        return PyBytes_FromStringAndSize(<const char*>root, KEY)
    finally:
        PyMem_Free(leaves)


cdef inline const uint8_t* _key(object value) noexcept:
    if type(value) is not bytes or PyBytes_GET_SIZE(value) != KEY:
        return NULL
    return <const uint8_t*>PyBytes_AS_STRING(value)


cdef void _hash_all(
    const uint8_t* blobs,
    const uint32_t* span,
    const uint8_t* ids,
    uint32_t count,
    uint8_t* messages,
    uint8_t* hashes,
    sha512_job* jobs,
    int lanes,
) noexcept nogil:
    """The leaves of transactions with these ids; their ids where there are none."""
    cdef uint8_t* at = messages
    cdef uint8_t* end
    cdef uint32_t nth
    for nth in range(count):
        if ids == NULL:
            end = _id_message(blobs, span + SPAN * nth, at)
        else:
            end = _leaf_message(blobs, span + SPAN * nth, ids + <size_t>KEY * nth, at)
        jobs[nth].at = at
        jobs[nth].half = hashes + <size_t>KEY * nth
        jobs[nth].blocks = sha512_pad(at, end - at)
        at += jobs[nth].blocks * SHA512_BLOCK
    sha512_many(jobs, count, lanes)


cdef inline uint8_t* _id_message(const uint8_t* blobs, const uint32_t* span, uint8_t* out) noexcept nogil:
    memcpy(out, b"TXN", 4)
    memcpy(out + 4, blobs + span[0], span[1])
    return out + 4 + span[1]


cdef inline uint8_t* _leaf_message(
    const uint8_t* blobs, const uint32_t* span, const uint8_t* id, uint8_t* out
) noexcept nogil:
    """As `tree.transaction_leaf`."""
    cdef int blob
    memcpy(out, b"SND", 4)
    out += 4
    for blob in range(2):
        out += _prefix(span[2 * blob + 1], out)
        memcpy(out, blobs + span[2 * blob], span[2 * blob + 1])
        out += span[2 * blob + 1]
    memcpy(out, id, KEY)
    return out + KEY


# --- the state ----------------------------------------------------------------------------------

cdef class _Path(_Nodes):
    """The open nodes of a fold, from its prefix down to the last leaf, and those that are closed below.

    As `tree._TreeFold`, but that a closed node is hashed later, side by side with others. An open one
    has no depth.
    """

    cdef uint32_t base           # digits of the prefix
    cdef uint32_t[KEY_DIGITS + 1] open
    cdef int levels              # how many are open
    cdef int shared              # digits that the last leaf shares with the one before it

    cdef int _open(self) except -1:
        """One more level."""
        cdef uint32_t number = self.empty_node()
        self.nodes[number].depth = NO_DEPTH
        self.open[self.levels] = number
        self.levels += 1
        return 0

    cdef int place(self, const uint8_t* key, const uint8_t* hash, int shared) except -1:
        """Hang the last leaf where it is alone, and close what gets no more leaves.

        Args:
            shared: digits that the leaf shares with the next one.
        """
        cdef int depth = max(self.shared, shared)
        cdef Node* node
        while self.levels <= depth - <int>self.base:
            self._open()
        memcpy(self._slot(depth - <int>self.base, _digit(key, depth)), hash, KEY)
        while self.levels - 1 > shared - <int>self.base:
            self.levels -= 1
            node = self.nodes + self.open[self.levels]
            node.depth = self.base + self.levels
            node.parent = self.open[self.levels - 1]
            node.slot = _digit(key, self.base + self.levels - 1)
        self.shared = shared
        return 0

    cdef inline uint8_t* _slot(self, int level, uint32_t digit) noexcept:
        return self.below(self.open[level], digit)


cdef inline int _shared(const uint8_t* one, const uint8_t* other) noexcept nogil:
    """How many digits two keys begin with."""
    cdef int at = 0
    while at < KEY and one[at] == other[at]:
        at += 1
    return 2 * at + (1 if at < KEY and one[at] >> 4 == other[at] >> 4 else 0)


cdef inline const char* _text(object value, Py_ssize_t* size) except? NULL:
    if type(value) is not str:
        return NULL
    return PyUnicode_AsUTF8AndSize(value, size)


def fold_page(
    tuple objects not None,
    uint32_t base,
    bytes key not None,
    bytes leaf not None,
    int shared,
    list levels not None,
    int lanes=0,
):
    """Take the objects of a page into the fold of a state; None to decline: the fold is as it was.

    Args:
        objects: index and data of each, in hex, in rising order of the indexes.
        base: digits of the fold's prefix.
        key, leaf: index and hash of the last leaf so far; empty where there is none.
        shared: digits that it shares with the one before it.
        levels: the hashes in each open node, from the prefix downwards.
        lanes: as in `tree_root`.

    Returns:
        key, leaf, shared and levels as they are then.
    """
    cdef Py_ssize_t count = len(objects), nth, size
    cdef int64_t room = 0
    cdef const char* text
    cdef uint8_t* messages = NULL
    cdef uint8_t* keys = NULL
    cdef uint8_t* at
    cdef sha512_job* jobs = NULL
    cdef const uint8_t* last_key
    cdef const uint8_t* last_leaf
    cdef _Path path
    cdef int digits
    if not 0 < lanes < LANES:
        lanes = LANES
    if (
        count == 0 or count > 0xFFFFFF or base >= KEY_DIGITS or not 0 <= shared < KEY_DIGITS
        or PyBytes_GET_SIZE(key) != PyBytes_GET_SIZE(leaf)
        or (PyBytes_GET_SIZE(key) != KEY and PyBytes_GET_SIZE(key) != 0)
        or len(levels) > <Py_ssize_t>(KEY_DIGITS - base)
    ):
        return None
    path = _Path()
    path.base, path.shared = base, shared
    for each in levels:
        if type(each) is not bytes or PyBytes_GET_SIZE(each) != NODE_SIZE - 4:
            return None
        path._open()
        memcpy(path._slot(path.levels - 1, 0), PyBytes_AS_STRING(each), NODE_SIZE - 4)
    try:
        for nth in range(count):
            pair = objects[nth]
            if type(pair) is not tuple or len(<tuple>pair) != 2:
                return None
            if _text((<tuple>pair)[1], &size) == NULL or size & 1:
                return None
            room += 4 + (size >> 1) + KEY + SHA512_PADDING
        messages = <uint8_t*>PyMem_Malloc(room)
        keys = <uint8_t*>PyMem_Malloc(<size_t>count * 2 * KEY)
        jobs = <sha512_job*>PyMem_Malloc(count * sizeof(sha512_job))
        if messages == NULL or keys == NULL or jobs == NULL:
            raise MemoryError
        at = messages
        for nth in range(count):
            pair = objects[nth]
            text = _text((<tuple>pair)[0], &size)
            if text == NULL or size != KEY_DIGITS or not digits_bytes(text, KEY, keys + 2 * KEY * nth):
                return None
            text = _text((<tuple>pair)[1], &size)
            memcpy(at, b"MLN", 4)
            if not digits_bytes(text, size >> 1, at + 4):
                return None
            memcpy(at + 4 + (size >> 1), keys + 2 * KEY * nth, KEY)
            jobs[nth].at = at
            jobs[nth].half = keys + 2 * KEY * nth + KEY
            jobs[nth].blocks = sha512_pad(at, 4 + (size >> 1) + KEY)
            at += jobs[nth].blocks * SHA512_BLOCK
        sha512_many(jobs, count, lanes)
        last_key = <const uint8_t*>PyBytes_AS_STRING(key) if PyBytes_GET_SIZE(key) else NULL
        last_leaf = <const uint8_t*>PyBytes_AS_STRING(leaf)
        for nth in range(count):
            at = keys + 2 * KEY * nth
            if last_key != NULL:
                digits = _shared(last_key, at)
                if digits < <int>base or digits >= KEY_DIGITS or memcmp(last_key, at, KEY) > 0:
                    return None
                path.place(last_key, last_leaf, digits)
            last_key, last_leaf = at, at + KEY
        path.hash(NULL, lanes)
        return (
            PyBytes_FromStringAndSize(<const char*>last_key, KEY),
            PyBytes_FromStringAndSize(<const char*>last_leaf, KEY),
            path.shared,
            [
                PyBytes_FromStringAndSize(<const char*>path._slot(level, 0), NODE_SIZE - 4)
                for level in range(path.levels)
            ],
        )
    except UnicodeError:  # half a surrogate pair
        return None
    finally:
        PyMem_Free(messages)
        PyMem_Free(keys)
        PyMem_Free(jobs)


def hash_many(list messages not None, int lanes=0):
    """The first 32 bytes of the SHA-512 of each of these bytes, hashed side by side.

    Args:
        lanes: how many at once at most: 8, 4 or 1; what the processor can without it.
    """
    cdef Py_ssize_t count = PyList_GET_SIZE(messages), nth
    cdef int64_t room = 0
    cdef bytes each
    cdef bytes hashes = PyBytes_FromStringAndSize(NULL, count * KEY)
    cdef uint8_t* padded
    cdef uint8_t* at
    cdef sha512_job* jobs
    if not 0 < lanes < LANES:
        lanes = LANES
    for nth in range(count):
        each = <bytes?><object>PyList_GET_ITEM(messages, nth)
        room += PyBytes_GET_SIZE(each) + SHA512_PADDING
    padded = at = <uint8_t*>PyMem_Malloc(max(room, 1))
    jobs = <sha512_job*>PyMem_Malloc(max(count, 1) * sizeof(sha512_job))
    try:
        if padded == NULL or jobs == NULL:
            raise MemoryError
        for nth in range(count):
            each = <bytes><object>PyList_GET_ITEM(messages, nth)
            memcpy(at, PyBytes_AS_STRING(each), PyBytes_GET_SIZE(each))
            jobs[nth].at = at
            jobs[nth].half = <uint8_t*>PyBytes_AS_STRING(hashes) + KEY * nth
            jobs[nth].blocks = sha512_pad(at, PyBytes_GET_SIZE(each))
            at += jobs[nth].blocks * SHA512_BLOCK
        sha512_many(jobs, count, lanes)
    finally:
        PyMem_Free(padded)
        PyMem_Free(jobs)
    return [hashes[KEY * nth : KEY * nth + KEY] for nth in range(count)]
