# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""The decoder in C: what fits the definitions and the schema becomes objects, or a line of JSON.

All classes here *decline* whatever is out of the ordinary: bytes that do not decode, a field, type
or name that the definitions do not know, fields out of order or doubled, what the schema of a record
does not allow. They return None then, and the caller takes the decoder in Python, which knows what to
say, to keep and to count. So there is one source of errors and of drift, and what is here stays
small: every read is checked against the end of the blob, and nothing is guessed.

Everything that depends on the definitions comes in as tables, made by `_compiled_codec.py`.

Threads may share what is here: objects that write while they work are locked meanwhile. The GIL alone
would not do, as another thread may run whenever an address is made in Python.
"""

cimport cython

from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE, _PyBytes_Resize
)
from cpython.dict cimport PyDict_GetItem, PyDict_SetItem
from cpython.list cimport PyList_GET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from "Python.h":
    # As a pointer: what is still to be resized must have no other reference.
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char* at, Py_ssize_t size) except NULL

cdef extern from "_digits.h" nogil:
    void digits_hex(const uint8_t* at, int64_t size, char* out)
    int digits_low_hex(uint64_t number, char* out)
    bint digits_bytes(const char* text, int64_t size, uint8_t* out)
    int digits_decimal(uint64_t number, char* out)
    int digits_without_zeros(const char* digits, int size, int stop)
    enum: DIGITS_MORE

INTERFACE = 5  # as in _compiled_codec.py: an extension of another version is not used

# How a field is read; the numbers of `field_table.Kind`, and more of them, as a reader in Python is
# a kind of its own here.
cdef enum Kind:
    UINT32 = 0
    HEX = 1
    AMOUNT = 2
    OBJECT = 3
    NAME16 = 5
    ACCOUNT = 6
    BLOB = 7
    UINT64 = 8
    ARRAY = 9
    UINT8 = 11
    UINT16 = 12
    NAME8 = 20
    NAME32 = 21
    UINT64_BASE10 = 22
    INT32 = 23
    INT64 = 24
    NUMBER = 25
    CURRENCY = 26
    VECTOR256 = 27
    PATH_SET = 28
    ISSUE = 29
    BRIDGE = 30
    NOTHING = 255  # the definitions do not know the field: decline

DEF DIGITS_ROOM = 48        # of a number, and what is copied with it
DEF OBJECT_END = 0xE1
DEF ARRAY_END = 0xF1
DEF MAX_DEPTH = 10          # as in decoder.py
DEF ADDRESS_SLOTS = 32768   # a power of two; 64 bytes each
DEF ADDRESS_ROOM = 43       # the longest address has 35 letters, and quotes
DEF NAME_ROOM = 47          # longer names are looked up in a dict
DEF MARGIN = 768            # more than a key and the longest value of a fixed size, a bridge
DEF LINE_ROOM = 512         # what a line has beside its blobs, more or less
DEF OBJECT_ROOM = 128       # the blob of an object, more or less
DEF NO_CODE = 0xFFFFFFFF    # no field has it
DEF KEY_ROOM = 51           # the longest key, `,"Name":`
DEF MOST_KEYS = 32          # bytes that hold nearly any key: copied as two registers, without a loop
DEF TEXT_ROOM = 128         # any number or currency, and what may be written behind it
DEF LOW_CODES = 256
DEF NOT_ALLOWED = 0
DEF PLAIN = 1
DEF BY_ENTRY = 0xFFFF       # a part of an affected node: what it may hold depends on its entry's type

cdef uint8_t[20] XRP
cdef uint8_t[20] NO_ACCOUNT   # also the currency that is printed as "1"
cdef uint8_t[256] HEX_VALUES  # of digits in upper and lower case; 255 for everything else
cdef uint8_t[256] LETTERS     # 1 for what a currency of three characters may consist of

cdef void _fill_tables() noexcept:
    cdef const char* letters = (
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<>(){}[]|?!@#$%^&*"
    )
    cdef int at
    memset(XRP, 0, 20)
    memset(NO_ACCOUNT, 0, 20)
    NO_ACCOUNT[19] = 1
    memset(HEX_VALUES, 255, 256)
    for at in range(10):
        HEX_VALUES[48 + at] = at
    for at in range(6):
        HEX_VALUES[65 + at] = HEX_VALUES[97 + at] = 10 + at
    memset(LETTERS, 0, 256)
    at = 0
    while letters[at]:
        LETTERS[<uint8_t>letters[at]] = 1
        at += 1

_fill_tables()


# One extension in several files, as all of them read bytes and write text with the same functions, and
# these are to be inlined.
include "_values.pxi"
include "_field_codes.pxi"
include "_line_writer.pxi"
include "_object_reader.pxi"
include "_line_reader.pxi"
include "_table_rows.pxi"
