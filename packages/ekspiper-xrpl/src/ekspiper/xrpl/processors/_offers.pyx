# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""The offers of an answer to `book_offers` in the shape of records, from text to text in C.

It does what `OfferLines.of_offers` does with the objects of the same text, and *declines* what is out of
the ordinary: then it returns None, and that one does it. So all it has to know is JSON as servers write it:
no white space, no escapes, ASCII, integers, and no name twice. The text comes from strangers: every read is
checked against its end.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy

INTERFACE = 1  # as in _offer_lines.py: an extension of another version is not used

DEF MOST_NAMES = 64          # of one object
DEF DEEPEST = 8
DEF MOST_DIGITS = 18         # so that an integer fits 64 bits
DEF LABEL_SIZE = 9           # of `"offers":`

cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGHS = 0x8080808080808080


cdef struct Name:
    const char* at
    Py_ssize_t size


cdef struct Output:
    char* data
    Py_ssize_t size, room
    const char* copied           # what comes before this in the text is written


# --- reading: where a value ends; NULL to decline ------------------------------------------------

cdef inline uint64_t _has_zero(uint64_t word) noexcept nogil:
    return (word - ONES) & ~word & HIGHS


cdef inline const char* _text_end(const char* at, const char* end) noexcept nogil:
    """Behind the quotation mark that ends a text; `at` is behind the one that begins it."""
    cdef uint64_t word
    cdef uint8_t each
    while end - at >= 8:
        memcpy(&word, at, 8)
        # One of them is a quotation mark, a backslash, a control character or not ASCII.
        if (
            _has_zero(word ^ (ONES * 0x22)) | _has_zero(word ^ (ONES * 0x5C))
            | ((word - ONES * 0x20) & ~word & HIGHS) | (word & HIGHS)
        ):
            break
        at += 8
    while at < end:
        each = <uint8_t>at[0]
        at += 1
        if each == c'"':
            return at
        if each < 0x20 or each >= 0x80 or each == c"\\":
            return NULL
    return NULL


cdef const char* _integer_end(const char* at, const char* end) noexcept nogil:
    cdef const char* first
    if at < end and at[0] == c"-":
        at += 1
        if at < end and at[0] == c"0":
            return NULL  # orjson reads -0 as 0
    first = at
    while at < end and at[0] >= c"0" and at[0] <= c"9":
        at += 1
    if at == first or at - first > MOST_DIGITS or (first[0] == c"0" and at - first > 1):
        return NULL
    # A fraction or an exponent: floats may be written in another way than they came.
    if at < end and (at[0] == c"." or at[0] == c"e" or at[0] == c"E"):
        return NULL
    return at


cdef const char* _value_end(const char* at, const char* end, int depth) noexcept nogil:
    if at >= end or depth > DEEPEST:
        return NULL
    if at[0] == c'"':
        return _text_end(at + 1, end)
    if at[0] == c"{":
        return _object_end(at, end, depth, NULL)
    if at[0] == c"[":
        return _array_end(at, end, depth)
    if end - at >= 4 and (memcmp(at, b"true", 4) == 0 or memcmp(at, b"null", 4) == 0):
        return at + 4
    if end - at >= 5 and memcmp(at, b"false", 5) == 0:
        return at + 5
    return _integer_end(at, end)


cdef const char* _array_end(const char* at, const char* end, int depth) noexcept nogil:
    cdef char mark
    at += 1
    if at < end and at[0] == c"]":
        return at + 1
    while True:
        at = _value_end(at, end, depth + 1)
        if at == NULL or at >= end:
            return NULL
        mark = at[0]
        at += 1
        if mark == c"]":
            return at
        if mark != c",":
            return NULL


cdef inline bint _is_known(const Name* names, int count) noexcept nogil:
    """Whether the last name stands among those before it."""
    cdef const Name* last = names + count
    cdef int nth
    for nth in range(count):
        if names[nth].size == last.size and memcmp(names[nth].at, last.at, last.size) == 0:
            return True
    return False


cdef inline bint _is_amount(const Name* name) noexcept nogil:
    if name.size == 9:
        return memcmp(name.at, b"TakerGets", 9) == 0 or memcmp(name.at, b"TakerPays", 9) == 0
    if name.size == 17:
        return (
            memcmp(name.at, b"taker_gets_funded", 17) == 0
            or memcmp(name.at, b"taker_pays_funded", 17) == 0
        )
    return False


cdef const char* _object_end(
    const char* at, const char* end, int depth, Output* out
) noexcept nogil:
    """With `out`, its amounts are written there in the shape of records, with all that is before them."""
    cdef Name[MOST_NAMES] names
    cdef int count = 0
    cdef const char* close
    cdef char mark
    at += 1
    if at < end and at[0] == c"}":
        return at + 1
    while True:
        if at >= end or at[0] != c'"' or count == MOST_NAMES:
            return NULL
        close = _text_end(at + 1, end)
        if close == NULL or close >= end or close[0] != c":":
            return NULL
        names[count].at = at + 1
        names[count].size = close - at - 2
        if _is_known(names, count):
            return NULL
        at = close + 1
        if out != NULL and _is_amount(names + count):
            at = _write_amount(at, end, depth, out)
        else:
            at = _value_end(at, end, depth + 1)
        if at == NULL or at >= end:
            return NULL
        count += 1
        mark = at[0]
        at += 1
        if mark == c"}":
            return at
        if mark != c",":
            return NULL


# --- writing ------------------------------------------------------------------------------------

cdef bint _reserve(Output* out, Py_ssize_t room) noexcept nogil:
    cdef char* grown = <char*>realloc(out.data, room)
    if grown == NULL:
        return False
    out.data = grown
    out.room = room
    return True


cdef bint _write(Output* out, const char* data, Py_ssize_t size) noexcept nogil:
    if out.size + size > out.room and not _reserve(out, 2 * (out.size + size)):
        return False
    memcpy(out.data + out.size, data, size)
    out.size += size
    return True


cdef bint _write_until(Output* out, const char* at) noexcept nogil:
    """All of the text up to here, as it is."""
    cdef const char* begin = out.copied
    out.copied = at
    return _write(out, begin, at - begin)


cdef inline const char* _expect(
    const char* at, const char* end, const char* text, Py_ssize_t size
) noexcept nogil:
    if at == NULL or end - at < size or memcmp(at, text, size) != 0:
        return NULL
    return at + size


cdef const char* _write_amount(
    const char* at, const char* end, int depth, Output* out
) noexcept nogil:
    """An amount, `books.record_amount`; what has other members, or in another order, is declined."""
    cdef const char* begin = at
    if at < end and at[0] == c'"':
        at = _text_end(at + 1, end)
        if at == NULL or not _write_until(out, begin):
            return NULL
        if not _write(out, b'{"currency":"XRP","issuer":"","value":', 38):
            return NULL
        if not _write_until(out, at) or not _write(out, b"}", 1):
            return NULL
        return at
    if _expect(at, end, b'{"currency":', 12) != NULL:
        at = _value_end(at + 12, end, depth + 2)
        at = _expect(at, end, b',"issuer":', 10)
        if at != NULL:
            at = _value_end(at, end, depth + 2)
        at = _expect(at, end, b',"value":', 9)
        if at != NULL:
            at = _value_end(at, end, depth + 2)
        return _expect(at, end, b"}", 1)
    at = _expect(at, end, b'{"mpt_issuance_id":', 19)
    if at == NULL:
        return NULL
    at = _value_end(at, end, depth + 2)
    at = _expect(at, end, b',"value":', 9)
    if at != NULL:
        at = _value_end(at, end, depth + 2)
    at = _expect(at, end, b"}", 1)
    if at == NULL or not _write_until(out, begin + 1):
        return NULL
    return at if _write(out, b'"currency":"","issuer":"",', 26) else NULL


cdef const char* _write_offers(
    const char* at, const char* end, Output* out, Py_ssize_t* count
) noexcept nogil:
    """Behind the array of offers that begins at `at`; NULL to decline."""
    cdef char mark
    out.copied = at
    at += 1
    if at < end and at[0] == c"]":
        at += 1
        return at if _write_until(out, at) else NULL
    while True:
        if at >= end or at[0] != c"{":
            return NULL
        at = _object_end(at, end, 0, out)
        if at == NULL or at >= end:
            return NULL
        count[0] += 1
        mark = at[0]
        at += 1
        if mark == c"]":
            return at if _write_until(out, at) else NULL
        if mark != c",":
            return NULL


def read_offers(frame not None):
    """The offers out of the text of an answer to `book_offers`; None to decline.

    Returns:
        The text with `null` for the array of offers; them as an array in the shape of records; how
        many they are.
    """
    cdef Py_buffer view
    PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
    try:
        return _read_offers(<const char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef object _read_offers(const char* text, Py_ssize_t size):
    cdef const char* end = text + size
    cdef const char* at = text
    cdef const char* begin
    cdef Py_ssize_t count = 0, head
    cdef char mark
    cdef Output out
    cdef bytes rest
    # Behind a bracket or a comma, quotation marks begin a name: in a text they would be escaped.
    while True:
        at = <const char*>memchr(at, c"[", end - at)
        if at == NULL:
            return None
        if at - text > LABEL_SIZE and memcmp(at - LABEL_SIZE, b'"offers":', LABEL_SIZE) == 0:
            break
        at += 1
    begin = at
    mark = (at - LABEL_SIZE - 1)[0]
    if mark != c"," and mark != c"{":
        return None
    out.data = NULL
    out.size = 0
    out.room = 0
    try:
        if not _reserve(&out, (end - at) + (end - at) // 4):
            raise MemoryError
        at = _write_offers(at, end, &out, &count)
        if at == NULL:
            return None
        head = begin - text
        rest = PyBytes_FromStringAndSize(NULL, head + 4 + (end - at))
        memcpy(PyBytes_AS_STRING(rest), text, head)
        memcpy(PyBytes_AS_STRING(rest) + head, b"null", 4)
        memcpy(PyBytes_AS_STRING(rest) + head + 4, at, end - at)
        return rest, PyBytes_FromStringAndSize(out.data, out.size), count
    finally:
        free(out.data)
